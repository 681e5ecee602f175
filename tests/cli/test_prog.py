#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor prog: load, list, show, dump, run; on both engines; hostile objects."""
import ctypes
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import common

PR_SET_MDWE = 65

# Reads far beyond a packet: the kernel's verifier refuses it, the checked engine stops it.
FAULTY = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int beyond(struct xdp_md *ctx)
{
	volatile char *data = (void *)(long)ctx->data;
	return data[1000] + 1;
}
char _license[] SEC("license") = "Dual BSD/GPL";
"""


def compile_module(case, name, source):
    """An object file made of C source."""
    path = case.path(name + ".o")
    multiarch = subprocess.run(["cc", "-print-multiarch"], stdout=subprocess.PIPE,
                               check=True).stdout.decode().strip()
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-idirafter", "/usr/include/" + multiarch,
                    "-c", "-o", path, "-x", "c", "-"], input=source.encode(), check=True)
    return path


def forbid_executable():
    """This process and its children cannot make memory executable any more (Linux 6.3). False: they
    can."""
    return ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0


def can_forbid_executable():
    pid = os.fork()
    if not pid:
        os._exit(0 if forbid_executable() else 1)
    return os.waitpid(pid, 0)[1] == 0


class Prog(common.Case):
    def setUp(self):
        super().setUp()
        self.state = self.path("state")

    def on(self, *args, **kwargs):
        return self.visor("--state", self.state, *args, **kwargs)

    def on_json(self, *args):
        return self.json("--state", self.state, *args)

    def bad(self, *args, **kwargs):
        self.fails("--state", self.state, *args, **kwargs)

    def test_load_and_list(self):
        loaded = self.on_json("prog", "load", common.module("acl"))
        self.assertEqual([(p["name"], p["type"], p["pin"]) for p in loaded],
                         [("acl_xdp", "xdp", "/sys/fs/bpf/acl/acl_xdp"),
                          ("acl_tc", "sched_cls", "/sys/fs/bpf/acl/acl_tc")])
        listed = self.on_json("prog", "list")
        self.assertEqual([p["id"] for p in listed], [p["id"] for p in loaded])
        self.assertEqual(len(self.on("prog", "list").splitlines()), 3)
        shown = self.on_json("prog", "show", "acl_xdp")
        self.assertEqual(shown["type"], "xdp")
        self.assertEqual(len(shown["map_ids"]), 5)
        self.assertRegex(shown["tag"], "^[0-9a-f]{16}$")
        self.assertIn("name:           acl_xdp\n", self.on("prog", "show", str(shown["id"])))

    def test_load_one(self):
        self.on("prog", "load", common.module("acl"), "--name", "acl_tc", "--pin", "/sys/fs/bpf/t")
        self.assertEqual([p["name"] for p in self.on_json("prog", "list")], ["acl_tc"])
        self.bad("prog", "load", common.module("acl"), "--name", "acl_tx",
                 says="no program 'acl_tx'")

    def test_failed_load_leaves_nothing(self):
        self.on("prog", "load", common.module("acl"))
        before = self.on("prog", "list"), self.on("map", "list"), self.on("pin", "list")
        self.bad("prog", "load", common.module("acl"), says=["acl_xdp", "visor pin remove"])
        # Some of the names are free, but not all.
        self.on("pin", "remove", "/sys/fs/bpf/acl/acl_xdp")
        self.on("map", "create", "/sys/fs/bpf/acl/acl_xdp", "--type", "array", "--key", "4",
                "--value", "4", "--entries", "1")
        pins = self.on("pin", "list")
        self.bad("prog", "load", common.module("acl"), says="cannot pin here")
        self.assertEqual(self.on("pin", "list"), pins)
        self.bad("prog", "load", self.path("missing.o"), says="missing.o")
        self.bad("prog", "load", self.path("text.o", "not an object"), says="text.o")
        self.bad("prog", "load", self.path("empty.o", ""), says="empty.o")
        self.bad("prog", "load", self.dir, says=self.dir)
        self.assertEqual(len(before[1].splitlines()), 6)

    def test_jited(self):
        self.on("prog", "load", common.module("acl"), env={"VISOR_EXEC": "best"})
        self.on("prog", "load", common.module("counter"), "--interpret")
        listed = {p["name"]: p["jited_bytes"] for p in self.on_json("prog", "list")}
        native = os.uname().machine == "x86_64"
        for name, size in listed.items():
            shown = self.on_json("prog", "show", name)
            self.assertEqual(shown["jited"], native and name.startswith("acl"))
            self.assertEqual(shown["jited_bytes"], size)
            self.assertEqual(size > 100, shown["jited"])
        self.assertIn("jited: ", self.on("prog", "show", "acl_xdp"))
        # Each process decides for itself how it runs a program.
        for args, env in [((), {}), (("--interpret",), {}), ((), {"VISOR_EXEC": "interpreted"}),
                          (("--blind",), {}),
                          (("--checked",), {"VISOR_EXEC": "native"})]:
            run = json.loads(self.on("prog", "run", "acl_xdp", "--data", common.ipv4().hex(), *args,
                                     "--json", env=env))
            self.assertEqual(run["verdict"], "XDP_PASS")
        sizes = [len(self.on("prog", "dump", "acl_xdp", "--native", env={"VISOR_EXEC": "native",
                                                                        "VISOR_BLIND": blind}))
                 for blind in ("0", "1")] if native else [1, 2]
        self.assertLess(sizes[0], sizes[1])
        self.bad("prog", "list", env={"VISOR_EXEC": "fast"}, says=["VISOR_EXEC", "'fast'"])
        self.fails("prog", "run", "acl_xdp", "--engine", "kernel", "--interpret", "--data", "00", code=2,
                   says="kernel")

    @unittest.skipIf(os.uname().machine != "x86_64", "of the compiler for x86-64")
    def test_no_executable_memory(self):
        """A program that cannot become native code says why, once, and runs."""
        if not can_forbid_executable():
            self.skipTest("this kernel cannot forbid executable memory")
        says = "is interpreted: the system forbids executable memory\n"
        best = {"env": {"VISOR_EXEC": "best"}, "preexec_fn": forbid_executable}
        self.on("prog", "load", common.module("acl"), **best)
        self.assertEqual(self.err, "".join(f"visor: program {n} {says}" for n in ("acl_xdp", "acl_tc")))
        shown = self.on_json("prog", "show", "acl_xdp")
        self.assertEqual((shown["jited"], shown["jited_bytes"]), (False, 0))
        self.assertEqual(shown["interpreted_because"], "the system forbids executable memory")
        run = ("prog", "run", "acl_xdp", "--data", common.ipv4().hex())
        self.assertIn("XDP_PASS", self.on(*run, **best))
        self.assertEqual(self.err, f"visor: program acl_xdp {says}")
        # Others may have it; and who asked for an interpreter is told nothing.
        for args, env in [((), "best"), (("--interpret",), "best"), (("--checked",), "native")]:
            self.assertIn("XDP_PASS", self.on(*run, *args, env={"VISOR_EXEC": env}))
            self.assertEqual(self.err, "")
        best["env"] = {"VISOR_EXEC": "native"}
        self.bad(*run, says=["cannot be placed", "the system forbids executable memory"], **best)

    @unittest.skipIf(common.SANITIZED or not shutil.which("gdb") or os.uname().machine != "x86_64",
                     "needs gdb, and a debugger's view of native code")
    def test_debugger(self):
        self.on("prog", "load", common.module("acl"))
        commands = ["set debuginfod enabled off", "break lpm_lookup", "run", "bt"]
        out = subprocess.run(["gdb", "-nx", "-batch", *[a for c in commands for a in ("-ex", c)], "--args",
                              common.VISOR, "prog", "run", "acl_xdp", "--state", self.state, "--data",
                              common.ipv4(source="198.51.100.7").hex()], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=True,
                             env={**os.environ, "VISOR_EXEC": "native"}).stdout.decode()
        if "ptrace" in out:
            self.skipTest("nothing can be traced here")
        self.assertRegex(out, r"#1 .* visor_acl_xdp_acl_xdp \(\) at .*modules/acl.bpf.c:\d+\n#2 .*vm_prog_run")
        self.assertRegex(out, r"#\d+ .* main \(")

    @unittest.skipIf(os.uname().machine != "x86_64", "of the compiler for x86-64")
    def test_code_is_kept(self):
        env = {"env": {"VISOR_EXEC": "native"}}
        code = self.path("state/code")

        def kept():
            found = {}
            for name in os.listdir(code):
                with open(f"{code}/{name}", "rb") as f:
                    found[name] = f.read()
            return found

        def run():
            out = json.loads(self.on("prog", "run", "acl_xdp", "--data", common.ipv4().hex(), "--json", **env))
            self.assertEqual(out["verdict"], "XDP_PASS")

        self.on("prog", "load", common.module("acl"), **env)
        first = kept()
        self.assertGreater(len(first), 1)
        self.assertEqual(os.stat(code).st_mode & 0o777, 0o700)
        # Another process has the same key, and would make the same code: no address is in it.
        run()
        self.assertEqual(kept(), first)
        for name in first:
            os.unlink(f"{code}/{name}")
        run()
        again = kept()
        self.assertTrue(again)
        for name, data in again.items():
            self.assertEqual(first[name], data)
        name = next(iter(again))
        path = f"{code}/{name}"
        # What is damaged, or may be others', is made anew.
        with open(path, "wb") as f:
            f.write(again[name][:-1] + bytes([again[name][-1] ^ 1]))
        run()
        self.assertEqual(kept(), again)
        os.chmod(path, 0o666)
        run()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        os.rename(path, self.path("aside"))
        os.symlink(self.path("aside"), path)
        run()
        self.assertFalse(os.path.islink(path))
        # A folder that others can write to is not used at all.
        os.unlink(path)
        os.chmod(code, 0o777)
        run()
        self.assertEqual(os.listdir(code), [])
        if os.geteuid() == 0:
            os.chmod(code, 0o700)
            os.chown(code, 12345, 0)
            run()
            self.assertEqual(os.listdir(code), [])

    def test_dump(self):
        self.on("prog", "load", common.module("acl"))
        text = self.on("prog", "dump", "acl_xdp")
        self.assertTrue(text.startswith("acl_xdp:\n; "))
        self.assertIn("r1 = map[hits]", text)
        self.assertIn("call bpf_map_lookup_elem#1", text)
        self.assertRegex(text, r"(?m)^; .*ctx->data_end;$")
        plain = self.on("prog", "dump", "acl_xdp", "--no-source", "--opcodes")
        self.assertNotRegex(plain, r"(?m)^;")
        # What is dumped can be assembled again, to as many instructions.
        shown = self.on_json("prog", "show", "acl_xdp")
        plain = self.on("prog", "dump", "acl_xdp", "--no-source")
        plain = re.sub(r"map\[(\w|\.)+\](\[0\])?(\+\d+)?", "0x1", plain)
        code = self.visor("asm", "-", stdin=plain.encode())
        self.assertEqual(len(code.splitlines()), shown["insns"])
        dump = self.on_json("prog", "dump", "acl_xdp")
        self.assertEqual(dump[0]["function"], "acl_xdp")
        self.assertTrue(any("data_end" in i.get("source", "") for i in dump))

    @unittest.skipIf(os.uname().machine != "x86_64", "of the compiler for x86-64")
    def test_dump_native(self):
        best = {"env": {"VISOR_EXEC": "best"}}
        self.on("prog", "load", common.module("acl"), **best)
        text = self.on("prog", "dump", "acl_xdp", "--native", **best)
        self.assertTrue(text.startswith("acl_xdp:\n"), text[:200])
        self.assertRegex(text, r"(?m)^ +\d+: \(\w\w\) ")
        self.assertRegex(text, r"(?m)^ {8} +\d+: ")
        self.assertRegex(text, r"(?m)^; .*ctx->data_end;$")
        plain = self.on("prog", "dump", "acl_xdp", "--native", "--no-source", "--opcodes", **best)
        self.assertNotRegex(plain, r"(?m)^;")
        # All bytes, in order.
        code = json.loads(self.on("prog", "dump", "acl_xdp", "--native", "--json", **best))
        at = 0
        for insn in code:
            self.assertEqual(insn["at"], at)
            at += len(insn["bytes"]) // 2
        shown = self.on_json("prog", "show", "acl_xdp")
        self.assertEqual(at, shown["jited_bytes"])
        self.assertEqual(code[0]["function"], "acl_xdp")
        self.assertTrue(all(i["insn"] < shown["insns"] for i in code if "insn" in i))
        self.assertTrue(any("data_end" in i.get("source", "") for i in code))
        self.bad("prog", "dump", "acl_xdp", "--native", env={"VISOR_EXEC": "interpreted"},
                 says="interpreted")

    @unittest.skipIf(os.uname().machine != "x86_64", "of the compiler for x86-64")
    def test_dump_stages(self):
        self.on("prog", "load", common.module("counter"))
        name = self.on_json("prog", "list")[0]["name"]
        whole = self.on("prog", "dump", name, "--stage", "all")
        stages = [line.split(", ")[1] for line in whole.splitlines() if line.startswith("function 0, ")]
        self.assertGreater(len(stages), 3)
        one = self.on("prog", "dump", name, "--stage", stages[0])
        self.assertTrue(one.startswith(f"function 0, {stages[0]}\n"))
        self.assertIn(one.split("\n\n")[0], whole)
        two = self.on("prog", "dump", name, "--stage", f"{stages[0]},{stages[1]}")
        self.assertTrue(two.startswith(one.split("\n\n")[0]))
        self.assertIn(f"function 0, {stages[1]}\n", two)
        self.bad("prog", "dump", name, "--stage", "best", code=2, says=stages[0])
        self.bad("prog", "dump", name, "--stage", "all", "--json", code=2, says="--json")
        self.fails("prog", "dump", name, "--stage", "all", "--engine", "kernel", code=2, says="kernel")

    def test_run(self):
        self.on("prog", "load", common.module("acl"))
        packet = common.ipv4(source="198.51.100.7", protocol=6, dport=80)
        run = self.on_json("prog", "run", "acl_xdp", "--data", packet.hex())
        self.assertEqual((run["return_value"], run["verdict"]), (2, "XDP_PASS"))
        self.assertEqual(bytes.fromhex(run["packet"]), packet)
        self.on("map", "set", "sources4", "198.51.100.0/24", "deny")
        file = "@" + self.path("packet.bin", packet)
        run = self.on_json("prog", "run", "acl_xdp", "--data", file, "--repeat", "1000")
        self.assertEqual((run["return_value"], run["verdict"]), (1, "XDP_DROP"))
        self.assertFalse(run["packet_changed"])
        hits = self.on_json("map", "get", "hits", "0")["values"]
        self.assertEqual(sum(v["value"]["by_source"] for v in hits), 1000)
        self.assertIn("verdict:        XDP_DROP\n", self.on("prog", "run", "acl_xdp", "--data", file))
        self.assertIn("TC_ACT_SHOT", self.on("prog", "run", "acl_tc", "--data", file))

    def test_wrong_data(self):
        self.on("prog", "load", common.module("acl"))
        self.bad("prog", "run", "acl_xdp", code=2, says="--data is missing")
        self.bad("prog", "run", "acl_xdp", "--data", "00112", says="half a byte")
        self.bad("prog", "run", "acl_xdp", "--data", "0x11zz", says="--data: 1:5")
        self.bad("prog", "run", "acl_xdp", "--data", "0011", says=["acl_xdp", "2 bytes"])
        self.bad("prog", "run", "acl_xdp", "--data", "@/no/such/file", says="/no/such/file")
        self.bad("prog", "run", "acl_xdp", "--data", "@/dev/zero", says="more than")
        self.bad("prog", "run", "acl_xdp", "--data", "00" * 14, "--repeat", "0", code=2,
                 says="--repeat must be from 1")

    def test_fault(self):
        faulty = compile_module(self, "faulty", FAULTY)
        self.visor("--state", self.state, "prog", "load", faulty, code=1)
        self.assertRegex(self.err, r"beyond: insn \d+: invalid access to packet")
        self.on("prog", "load", faulty, "--checked")
        self.visor("--state", self.state, "prog", "run", "beyond", "--data", "00" * 60, code=1)
        self.assertRegex(self.err, r"insn \d+: invalid access to packet")
        self.visor("--state", self.state, "prog", "run", "beyond", "--checked", "--data", "00" * 60,
                   code=3)
        self.assertRegex(self.err, r"^beyond: insn \d+: read of 1 bytes at packet \+1000: ")
        # The same program on a long packet is fine.
        self.on("prog", "run", "beyond", "--checked", "--data", "00" * 1200)

    def test_hostile_objects(self):
        """Truncated and damaged objects: an error with the file's name, nothing left behind."""
        with open(common.module("acl"), "rb") as f:
            good = f.read()
        bad = self.path("bad.o")
        rng = random.Random(3)
        files = [good[:size] for size in range(0, len(good), max(1, len(good) // 60))]
        shoff = struct.unpack_from("<Q", good, 40)[0]
        for i in range(120):
            data = bytearray(good)
            for _ in range(rng.randint(1, 6)):
                at = rng.randrange(shoff, len(data)) if i % 2 else rng.randrange(len(data))
                data[at] = rng.randrange(256)
            files.append(bytes(data))
        failed = 0
        for data in files:
            self.path("bad.o", data)
            code, err = self.check_no_crash("--state", self.state, "prog", "load", bad)
            if code == 0:
                self.on("pin", "remove", *[p["pin"] for p in self.on_json("pin", "list")])
                continue
            failed += 1
            self.assertIn("bad", err)
            self.assertEqual(self.on_json("pin", "list"), [])
        self.assertGreater(failed, 60)
        self.on("map", "create", "/sys/fs/bpf/x", "--type", "array", "--key", "4", "--value", "4",
                "--entries", "1")
        self.assertEqual((len(self.on_json("prog", "list")), len(self.on_json("map", "list"))), (0, 1))


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "needs root for the kernel's BPF")
class Kernel(common.Case):
    """The same commands on the kernel's engine print the same."""

    def setUp(self):
        super().setUp()
        self.pins = tempfile.mkdtemp(prefix="visor-bpffs-")
        if subprocess.run(["mount", "-t", "bpf", "bpf", self.pins], stderr=subprocess.DEVNULL).returncode:
            os.rmdir(self.pins)
            self.skipTest("cannot mount a bpf file system")
        self.addCleanup(os.rmdir, self.pins)
        self.addCleanup(subprocess.run, ["umount", self.pins], check=True)

    def both(self, *args):
        """The output on both engines, of which NAME stands for a pin."""
        out = []
        for engine, pins in (("user", "/sys/fs/bpf/acl"), ("kernel", self.pins + "/acl")):
            args_here = [pins + a[3:] if a.startswith("PIN/") else a for a in args]
            out.append(self.visor("--engine", engine, *args_here))
        return out

    def test_same_answers(self):
        self.visor("prog", "load", common.module("acl"))
        self.visor("--engine", "kernel", "prog", "load", common.module("acl"), "--pin",
                   self.pins + "/acl")
        packet = common.ipv4(source="198.51.100.7")
        for args in (["map", "set", "PIN/sources4", "198.51.100.0/24", "deny"],
                     ["map", "dump", "PIN/sources4"],
                     ["map", "dump", "PIN/sources4", "--json"],
                     ["map", "dump", "PIN/acl_rodata"],
                     ["map", "set", "PIN/ports", "[tcp, 23]", "deny"],
                     ["map", "get", "PIN/ports", "[tcp, 23]", "--json"]):
            user, kernel = self.both(*args)
            self.assertEqual(user, kernel, args)
        user, kernel = self.both("prog", "run", "PIN/acl_xdp", "--data", packet.hex())
        self.assertIn("XDP_DROP", user)
        self.assertEqual(re.sub("ns_per_run.*", "", user), re.sub("ns_per_run.*", "", kernel))
        # The tag is the kernel's hash of the program as loaded: equal code, equal tag.
        tags = [re.search("tag: +(.*)", t).group(1) for t in self.both("prog", "show", "PIN/acl_xdp")]
        self.assertEqual(*tags)
        text = self.visor("--engine", "kernel", "prog", "dump", self.pins + "/acl/acl_xdp")
        self.assertRegex(text, r"call pc\+\d+#parse_any")
        self.assertIn("map[hits]", text)
        pins = self.json("--engine", "kernel", "pin", "list")
        self.assertIsInstance(pins, list)
        self.visor("--engine", "kernel", "pin", "remove", self.pins + "/acl/acl_xdp")
        self.assertFalse(os.path.exists(self.pins + "/acl/acl_xdp"))


class BadTypes(common.Case):
    def test_dangling_types(self):
        """libbpf follows type ids without looking; a file that abuses that gets an error."""
        with open(common.module("acl"), "rb") as f:
            good = f.read()
        start = good.index(b"\x9f\xeb\x01\x00\x18\x00\x00\x00")
        at = start + 24 + struct.unpack_from("<I", good, start + 8)[0]
        end = at + struct.unpack_from("<I", good, start + 12)[0]
        tail = {1: 4, 3: 12, 14: 4, 17: 4}
        each = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
        bad, seen, number = self.path("bad.o"), set(), 0
        while at < end:
            info, number = struct.unpack_from("<I", good, at + 4)[0], number + 1
            kind, n = info >> 24 & 31, info & 0xffff
            size = 12 + tail.get(kind, 0) + each.get(kind, 0) * n
            # The type that each refers to first, and the name.
            where = {3: 12, 4: 16, 13: 8, 15: 12}.get(kind, 8 if kind in (2, 8, 9, 10, 12, 14) else 0)
            for off in {where, 0} - ({0} if kind == 0 else set()):
                if (kind, off) in seen or (kind == 4 and not n):
                    continue
                seen.add((kind, off))
                self.path("bad.o", good[:at + off] + b"\xf0\xff\xff\x7f" + good[at + off + 4:])
                self.fails("prog", "load", bad, says="bad.o: the type information (.BTF) is damaged: ")
            if kind == 8:
                self.path("bad.o", good[:at + 8] + struct.pack("<I", number) + good[at + 12:])
                self.fails("prog", "load", bad, says="bad.o: the type information (.BTF) is damaged: ")
            at += size
        self.assertGreater(len(seen), 12)


if __name__ == "__main__":
    common.main()
