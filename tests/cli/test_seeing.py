#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looking at running chains, on both engines: a namespace with a veth pair, frames from the far end."""
import json
import os
import re
import signal
import subprocess

import common

TTL = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int ttl(struct xdp_md *ctx)
{
	unsigned char *d = (void *)(long)ctx->data, *e = (void *)(long)ctx->data_end;

	if (d + 60 > e)
		return XDP_PASS;
	d[22]--;
	d[50] = 0xee;
	return XDP_PASS;
}
char _license[] SEC("license") = "Dual BSD/GPL";
"""
LAB = """mount --make-rprivate / && mount -t bpf bpf /sys/fs/bpf &&
sysctl -qw net.ipv6.conf.default.disable_ipv6=1 &&
ip link add wan type veth peer name far && ip link set wan up && ip link set far up &&
echo ready && exec sleep 600"""
# Sends what it is told, a line for each: destination port.
SENDER = """
import socket, sys
sys.path.insert(0, sys.argv[1])
import common
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("far", 0))
for line in sys.stdin:
    s.send(common.ipv4(dport=int(line)))
    print("sent", flush=True)
"""


def open_read(path):
    with open(path) as f:
        return f.read()


def parse_metrics(text):
    """Prometheus' text format, by its grammar: {metric: {labels: value}}."""
    out, family = {}, None
    for line in text.splitlines():
        head = re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.*)", line)
        if head:
            if head[1] == "HELP":
                assert head[2] not in out, line
                family = head[2]
                out[family] = {}
            else:
                assert head[2] == family and head[3] in ("counter", "gauge"), line
                assert (head[3] == "counter") == family.endswith("_total"), line
            continue
        sample = re.fullmatch(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} ([0-9.]+)', line)
        assert sample and sample[1] == family, line
        labels = frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', sample[2]))
        assert labels not in out[family], line
        out[family][labels] = float(sample[3])
    assert text.endswith("\n")
    return out


class Seeing(common.Case):
    def setUp(self):
        super().setUp()
        if os.geteuid():
            self.skipTest("not root")
        self.lab = subprocess.Popen(["unshare", "-m", "-n", "sh", "-c", LAB], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.lab.communicate)
        self.addCleanup(self.lab.kill)
        if self.lab.stdout.readline() != "ready\n":
            self.lab.kill()
            self.skipTest("no namespaces with devices: " + self.lab.stderr.read().strip())
        self.path("ttl.c", TTL)
        self.sender = self.start("python3", "-c", SENDER, os.path.dirname(common.__file__),
                                 stdin=subprocess.PIPE)

    def inside(self, *command):
        return ["nsenter", f"--target={self.lab.pid}", "--mount", "--net",
                f"--wd={self.dir}", *command]

    def environment(self):
        env = {k: v for k, v in os.environ.items() if k != "VISOR_STATE"}
        return {**env, "XDG_RUNTIME_DIR": self.dir}

    def start(self, *command, **kwargs):
        p = subprocess.Popen(self.inside(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=self.environment(), cwd=self.dir, text=True, errors="replace",
                             **kwargs)

        def end():
            p.kill()
            p.wait()
            for f in (p.stdin, p.stdout, p.stderr):
                if f and not f.closed:
                    f.close()
        self.addCleanup(end)
        return p

    def do(self, *args, code=0):
        done = subprocess.run(self.inside(common.VISOR, *args), capture_output=True, cwd=self.dir,
                              env=self.environment(), timeout=40)
        err = done.stderr.decode()
        self.assertNotIn("Sanitizer", err)
        self.assertEqual(done.returncode, code, f"{args}\n{done.stdout}\n{err}")
        self.err = err
        return done.stdout.decode()

    def send(self, *ports):
        """Frames that have been handed to the device when this returns."""
        for port in ports:
            self.sender.stdin.write(f"{port}\n")
            self.sender.stdin.flush()
            self.assertEqual(self.sender.stdout.readline(), "sent\n")

    def begin(self, *args):
        """A command that looks; its taps are there."""
        p = self.start(common.VISOR, *args)
        line = p.stderr.readline()
        self.assertRegex(line, "^(capturing|tracing) on ", p.stderr.read() if not line else line)
        return p

    def finish(self, p, code=0):
        out, err = p.communicate(timeout=40)
        self.assertNotIn("Sanitizer", err)
        self.assertEqual(p.returncode, code, out + err)
        return out, err

    def up(self, engine, name="edge"):
        self.engine = engine
        via = ", via: packet" if engine == "user" else ""
        self.path("edge.yaml", "engine: %s\nname: %s\nports:\n  wan: {device: wan%s}\nmodules:\n"
                  "  acl: {object: %s, maps: {ports: {'{protocol: udp, port: 99}': deny}}}\n"
                  "  ttl: {object: ./ttl.o}\n  counter: {object: %s}\nlinks:\n"
                  "  - wan -> acl -> ttl -> counter\n"
                  % (engine, name, via, common.module("acl"), common.module("counter")))
        if not os.path.exists(self.dir + "/ttl.o"):
            subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-idirafter",
                            "/usr/include/" + os.uname().machine + "-linux-gnu", "-c", "ttl.c", "-o",
                            "ttl.o"], cwd=self.dir, check=True)
        # A file, since the process that stays has the same standard error.
        with open(self.dir + "/up.err", "w+") as err:
            done = subprocess.run(self.inside(common.VISOR, "up", "edge.yaml"), cwd=self.dir,
                                  stdout=subprocess.DEVNULL, stderr=err, env=self.environment(),
                                  timeout=60)
            err.seek(0)
            why = err.read()
        if done.returncode and engine == "kernel":
            self.skipTest("the kernel's engine cannot be used: " + why)
        self.assertEqual(done.returncode, 0, why)
        self.addCleanup(subprocess.run, self.inside(common.VISOR, "down", name), cwd=self.dir,
                        env=self.environment(), capture_output=True)

    def status(self):
        return json.loads(self.do("status", "edge", "--json"))

    def counts(self):
        return {(o["module"], o["output"]): o["packets"] for o in self.status()["outputs"]
                if o["packets"] and not o["module"].startswith("tap")}

    def capture(self):
        """An edge with a link, one without, the port; with a filter; text and file."""
        self.send(53, 99)
        before = self.counts()
        p = self.begin("capture", "edge", "acl:drop", "--count", "2", "-w", "x.pcap")
        self.send(53, 99, 7, 99)
        out, err = self.finish(p)
        self.assertIn("2 packets captured, 0 lost", err)
        with open(self.dir + "/x.pcap", "rb") as f:
            packets = common.read_pcap(f.read())
        self.assertEqual(packets, [common.ipv4(dport=99)] * 2)
        p = self.begin("capture", "edge", "ttl.ttl", "--count", "1", "--snaplen", "60",
                       "udp", "port", "53")
        self.send(7, 99, 53)
        out, err = self.finish(p)
        self.assertRegex(out, r"62 bytes  eth 04:.* ip 10.0.0.1 > 10.0.0.2 ttl 63 .*udp 1000 > 53")
        self.assertEqual(len(out.splitlines()), 1)
        p = self.begin("capture", "edge", "wan", "-w", "-", "udp", "port", "7")
        self.send(53, 7)
        # The header, and a record that is not held back.
        self.assertEqual(len(os.read(p.stdout.fileno(), 24)), 24)
        self.assertEqual(len(os.read(p.stdout.fileno(), 16)), 16)
        p.send_signal(signal.SIGINT)
        self.assertIn("1 packets captured", self.finish(p)[1])
        # Nothing was lost, and verdicts are what they would have been.
        after = self.counts()
        self.assertEqual(after[("acl", "drop")] - before[("acl", "drop")], 3)
        for key in ("acl", "ttl", "counter"):
            self.assertEqual(after[(key, "pass")] - before[(key, "pass")], 6)
        status = self.status()
        self.assertEqual((status["generation"], "tapper" in status), (1, False))

    def trace(self):
        p = self.begin("trace", "edge", "--json", "--count", "2", "udp and not port 7")
        self.send(7, 53, 99)
        out, err = self.finish(p)
        passed, dropped = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([h["edge"] for h in passed["path"]],
                         ["wan", "acl:pass", "ttl:pass", "counter:pass"])
        self.assertEqual([h["changed"] for h in passed["path"]], [[], [], ["ip.ttl"], []])
        self.assertEqual([h["bytes"] for h in passed["path"]], ["", "", "byte 50: 78 -> ee", ""])
        self.assertEqual(passed["path"][3]["fields"]["ip.ttl"], "63")
        self.assertEqual((passed["verdict"], passed["end"]), ("pass", "to the host"))
        self.assertEqual([h["edge"] for h in dropped["path"]], ["wan", "acl:drop"])
        self.assertEqual((dropped["verdict"], dropped["end"]), ("drop", "dropped"))
        p = self.begin("trace", "edge", "--count", "1", "udp port 53")
        self.send(99, 53)
        out, err = self.finish(p)
        self.assertRegex(out, r"(?s)wan -> acl .*ttl:pass -> counter .*\n      ip.ttl 64 -> 63\n"
                              r"      byte 50: 78 -> ee\n.*\(to the host\)")
        self.assertIn("1 packets traced, 0 records lost", err)

    def graph(self):
        """Counters on the edges."""
        self.send(99)
        counts = self.counts()
        text = self.do("graph", "edge")
        for key, words in (("pass", "-> ttl"), ("drop", "-> (dropped)")):
            self.assertRegex(text, rf"{key}: {counts['acl', key]} packets +{words}".replace("(", r"\(")
                             .replace(")", r"\)"))
        edges = json.loads(self.do("graph", "edge", "--json"))["edges"]
        self.assertIn((["drop"], counts["acl", "drop"]),
                      [(e["outputs"], e["packets"]) for e in edges])
        self.assertIn("packets", self.do("graph", "edge", "--format", "svg"))

    def top(self):
        p = self.start(common.VISOR, "top", "edge", "--json", "--count", "2")
        self.send(53, 99)
        out, err = self.finish(p)
        looks = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(looks), 2)
        for look in looks:
            self.assertGreaterEqual(look["seconds"], 0.9)
            rows = {(o["module"], o["output"]): o for o in look["outputs"]}
            self.assertEqual(rows["acl", "drop"]["drop"], "VERDICT")
            self.assertEqual(rows["acl", "pass"]["to"], "ttl.ttl")
            self.assertEqual([p["name"] for p in look["ports"]], ["wan"])
        self.assertIn("PACKETS/S", self.do("top", "edge", "--count", "1"))

    def metrics(self):
        first = parse_metrics(self.do("metrics", "edge"))
        acl = {"module": "acl", "input": "acl_xdp", "chain": "edge", "engine": self.engine}
        dropped = frozenset({**acl, "output": "drop"}.items())
        self.assertEqual(first["visor_output_packets_total"][dropped], self.counts()["acl", "drop"])
        self.assertIn(frozenset({**acl, "output": "drop", "reason": "VERDICT"}.items()),
                      first["visor_dropped_packets_total"])
        self.send(53, 99)
        # A tap, and its going, leave all counters in place.
        p = self.begin("capture", "edge", "acl:drop")
        second = parse_metrics(self.do("metrics", "edge", "-o", "x.prom") or
                               open_read(self.dir + "/x.prom"))
        p.send_signal(signal.SIGINT)
        self.finish(p)
        self.assertEqual(os.listdir(self.dir).count("x.prom"), 1)
        self.assertEqual(second["visor_output_packets_total"][dropped],
                         first["visor_output_packets_total"][dropped] + 1)
        server = self.start(common.VISOR, "metrics", "--listen", "127.0.0.1:0")
        line = server.stderr.readline()
        if "without libmicrohttpd" in line:
            return
        self.assertRegex(line, r"^http://127.0.0.1:\d+/metrics$")
        get = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
        subprocess.run(self.inside("ip", "link", "set", "lo", "up"), check=True)
        p = self.start("python3", "-c", get, line.strip())
        third = parse_metrics(self.finish(p)[0])
        for family in second:
            for labels, value in second[family].items():
                if family.endswith("_total"):
                    self.assertGreaterEqual(third[family][labels], value)
        p = self.start("python3", "-c", get, line.strip()[:-1])
        self.assertIn("404", self.finish(p, 1)[1])
        server.send_signal(signal.SIGTERM)
        self.finish(server)

    def changes(self):
        """Taps are no generation; whoever changes the chain takes them off."""
        with open(self.dir + "/edge.yaml") as f:
            text = f.read()
        with open(self.dir + "/edge.yaml", "w") as f:
            f.write(text.replace("acl -> ttl -> counter", "acl -> counter")
                    .replace("  ttl: {object: ./ttl.o}\n", ""))
        self.do("apply", "edge.yaml")
        p = self.begin("capture", "edge", "acl:pass")
        self.assertEqual(self.status()["tapper"], p.pid)
        self.do("capture", "edge", "wan", code=1)
        self.assertIn("has taps", self.err)
        p.kill()
        p.wait()
        self.assertIn("with taps of process", self.do("status", "edge"))
        p = self.begin("capture", "edge", "acl:pass", "--count", "1")
        self.send(53)
        self.finish(p)
        self.assertEqual(self.status()["generation"], 2)
        p = self.begin("capture", "edge", "acl:pass")
        self.do("rollback", "edge")
        self.assertIn("taps", self.err)
        self.assertIn("has taken the taps off", self.finish(p, 1)[1])
        self.assertIn(("ttl", "pass"), {(o["module"], o["output"]) for o in self.status()["outputs"]})
        p = self.begin("trace", "edge", "--count", "1", "--json")
        self.send(53)
        self.assertEqual(json.loads(self.finish(p)[0])["path"][2]["edge"], "ttl:pass")
        # An object that is another one by now.
        with open(self.dir + "/ttl.o", "r+b") as f:
            f.seek(0, os.SEEK_END)
            f.write(b"\0")
        self.do("capture", "edge", "wan", code=1)
        self.assertIn("is another one now", self.err)
        self.assertNotIn("tapper", self.status())

    def test_kernel(self):
        self.up("kernel")
        self.capture()
        self.trace()
        self.graph()
        self.top()
        self.metrics()
        self.changes()

    def test_user(self):
        self.up("user")
        self.capture()
        self.trace()
        self.graph()
        self.top()
        self.metrics()
        self.changes()

    def test_refused(self):
        self.up("user")
        self.do("capture", "edge", "acl:dorp", code=1)
        self.assertIn("did you mean 'acl:drop'", self.err)
        self.do("capture", "edge", "wan", "udp", "prt", code=2)
        self.assertIn("filter 'udp prt'", self.err)
        self.do("capture", "nobody", "wan", code=1)
        self.do("capture", "edge", "wan", "-w", "/nowhere/x.pcap", code=1)
        self.do("trace", "edge", "--snaplen", "3", code=2)
        self.do("metrics", "--listen", "127.0.0.1", code=2)
        self.do("metrics", "-o", "/nowhere/x.prom", code=1)
        self.do("graph", "nobody", code=1)
        self.do("top", "nobody", code=1)
        self.assertNotIn("tapper", self.status())


if __name__ == "__main__":
    common.main()
