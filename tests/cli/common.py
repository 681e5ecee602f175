# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the command line share: running visor, making packets and captures."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("VISOR_SOURCE") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("VISOR_BUILD") or SOURCE + "/build"
DATA = os.environ.get("VISOR_DATA", "")
VISOR = BUILD + "/visor"
SANITIZED = bool(os.environ.get("VISOR_SANITIZED"))


def module(name):
    """The compiled sample module."""
    return f"{BUILD}/modules/{name}.o"


class Case(unittest.TestCase):
    """A test with a folder of its own, which is also where the engine's state is."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="visor-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name, content=None):
        path = os.path.join(self.dir, name)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def run_visor(self, *args, stdin=b"", env=None, timeout=60, stdout=subprocess.PIPE,
                  preexec_fn=None):
        environment = {k: v for k, v in os.environ.items() if k != "VISOR_STATE"}
        environment["XDG_RUNTIME_DIR"] = self.dir
        environment.update(env or {})
        return subprocess.run([VISOR, *args], input=stdin, stdout=stdout, timeout=timeout,
                              stderr=subprocess.PIPE, env=environment, cwd=self.dir,
                              preexec_fn=preexec_fn)

    def visor(self, *args, code=0, **kwargs):
        """Runs visor, expects the exit status, returns what it printed (as text)."""
        result = self.run_visor(*args, **kwargs)
        out = (result.stdout or b"").decode(errors="replace")
        err = result.stderr.decode(errors="replace")
        self.assertNotIn("Sanitizer", err, args)
        self.assertNotIn("runtime error", err, args)
        self.assertEqual(result.returncode, code, f"visor {' '.join(args)}\n{out}\n{err}")
        if code in (1, 2):
            self.assertTrue(err.strip(), f"visor {' '.join(args)}: failed without a word")
        self.err = err
        return out

    def without(self, *libraries):
        """An environment where these libraries cannot be loaded: what is found first is empty."""
        folder = self.path("without")
        os.makedirs(folder, exist_ok=True)
        for name in libraries:
            self.path("without/" + name, "")
        old = os.environ.get("LD_LIBRARY_PATH")
        return {"LD_LIBRARY_PATH": folder + (":" + old if old else "")}

    def json(self, *args, **kwargs):
        return json.loads(self.visor(*args, "--json", **kwargs))

    def fails(self, *args, says, code=1, **kwargs):
        """Expects failure with nothing on standard output and these words on standard error."""
        out = self.visor(*args, code=code, **kwargs)
        self.assertEqual(out, "", args)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, self.err)

    def check_no_crash(self, *args, **kwargs):
        """Hostile input: any of the documented exit statuses, a message when it is not 0."""
        result = self.run_visor(*args, **kwargs)
        err = result.stderr.decode(errors="replace")
        self.assertIn(result.returncode, (0, 1, 2, 3), f"visor {' '.join(args)}\n{err}")
        self.assertNotIn("Sanitizer", err, args)
        self.assertNotIn("runtime error", err, args)
        if result.returncode:
            self.assertTrue(err.strip(), f"visor {' '.join(args)}: failed without a word")
        return result.returncode, err


def pcap(packets, linktype=1):
    """A capture file of these packets."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, linktype)
    for i, p in enumerate(packets):
        out += struct.pack("<IIII", i, 0, len(p), len(p)) + p
    return out


def read_pcap(data):
    """The packets of a capture file (little endian)."""
    packets, at = [], 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        packets.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return packets


def ipv4(source="10.0.0.1", dest="10.0.0.2", protocol=17, sport=1000, dport=2000, payload=b"x" * 20):
    """An Ethernet frame with UDP or TCP in IPv4. Checksums are not needed by the modules."""
    def addr(text):
        return bytes(int(b) for b in text.split("."))
    if protocol == 17:
        l4 = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    else:
        l4 = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 1024, 0, 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 1, 0, 64, protocol, 0,
                     addr(source), addr(dest))
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + l4


def main():
    """Runs the file's tests; all skipped is a skip."""
    program = unittest.main(exit=False, verbosity=1)
    if not program.result.wasSuccessful():
        sys.exit(1)
    if program.result.skipped and len(program.result.skipped) == program.result.testsRun:
        print("skipped:", program.result.skipped[0][1])
        sys.exit(77)
