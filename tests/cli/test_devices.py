# SPDX-License-Identifier: BSD-2-Clause
"""TCP and UDP through `visor run` between two hosts: three network namespaces, two veth pairs.

The kernel's stacks at the ends leave checksums and segments to their devices, as they always do;
every byte has to arrive.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import common

SERVER = """
import hashlib, socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("10.77.0.2", 7))
t = socket.socket()
t.bind(("10.77.0.2", 7))
t.listen()
print("ready", flush=True)
data, peer = u.recvfrom(2000)
u.sendto(data[::-1], peer)
c, _ = t.accept()
h = hashlib.sha256()
while data := c.recv(65536):
    h.update(data)
c.sendall(h.hexdigest().encode())
"""
CLIENT = """
import hashlib, os, socket, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(1)
for _ in range(20):
    u.sendto(b"hello, world", ("10.77.0.2", 7))
    try:
        assert u.recv(2000) == b"dlrow ,olleh"
        break
    except TimeoutError:
        pass
c = socket.create_connection(("10.77.0.2", 7), timeout=30)
h = hashlib.sha256()
for _ in range(64):
    data = os.urandom(65536)
    h.update(data)
    c.sendall(data)
c.shutdown(socket.SHUT_WR)
assert c.recv(100).decode() == h.hexdigest()
print("all there")
"""


class Devices(unittest.TestCase):
    def setUp(self):
        self.ns = {s: f"visor-test-{os.getpid()}-{s}" for s in ("a", "mid", "b")}
        for name in self.ns.values():
            done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
            if done.returncode:
                self.skipTest("no network namespaces: " + done.stderr.strip())
            self.addCleanup(subprocess.run, ["ip", "netns", "del", name])
        for dev, end, address in (("wan", "a", "10.77.0.1"), ("lan", "b", "10.77.0.2")):
            self.ip("mid", "link", "add", dev, "type", "veth", "peer", "name", "eth0", "netns",
                    self.ns[end])
            self.ip(end, "addr", "add", address + "/24", "dev", "eth0")
            self.ip(end, "link", "set", "eth0", "up")
            self.ip("mid", "link", "set", dev, "up")

    def ip(self, side, *args):
        subprocess.run(["ip", "-n", self.ns[side], *args], check=True)

    def start(self, side, *command):
        p = subprocess.Popen(["ip", "netns", "exec", self.ns[side], *command],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.communicate)
        self.addCleanup(p.kill)
        return p

    def through(self, via, hook):
        with tempfile.TemporaryDirectory() as tmp:
            chain = tmp + "/chain.yaml"
            with open(chain, "w") as f:
                f.write("ports: {wan: {device: wan, via: %s}, lan: {device: lan, via: %s}}\n"
                        "modules: {there: {object: %s}, back: {object: %s}}\nhook: %s\n"
                        "links: [wan -> there -> lan, lan -> back -> wan]\n"
                        % (via, via, *[common.BUILD + "/modules/acl.o"] * 2, hook))
            visor = self.start("mid", common.BUILD + "/visor", "run", chain, "--json")
            server = self.start("b", sys.executable, "-c", SERVER)
            self.assertEqual(server.stdout.readline(), "ready\n", server)
            client = self.start("a", sys.executable, "-c", CLIENT)
            out, err = client.communicate(timeout=90)
            visor.send_signal(signal.SIGINT)
            stats, problem = visor.communicate(timeout=20)
        self.assertEqual((out, err, problem), ("all there\n", "", ""))
        self.assertEqual(visor.returncode, 0)
        return json.loads(stats)

    def test_packet(self):
        for hook in ("xdp", "tc"):
            stats = self.through("packet", hook)
            self.assertEqual([p["how"] for p in stats["ports"]], ["packet"] * 2)

    def test_xdp(self):
        stats = self.through("xdp", "xdp")
        self.assertTrue(all(p["how"].startswith("xdp, ") for p in stats["ports"]), stats)
        self.assertGreater(stats["ports"][0]["in"]["bytes"], 64 * 65536)


if __name__ == "__main__":
    unittest.main()
