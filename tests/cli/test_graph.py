#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor graph: chains as text, for Graphviz, as SVG, as JSON; without an engine."""
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import common
from test_prog import compile_module

HEAD = f"""
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "{common.SOURCE}/include/visor/module.h"
char _license[] SEC("license") = "GPL";
"""
SORTER = HEAD + """
VISOR_OUTPUT(odd, 16);
VISOR_OUTPUT(special, 17);
SEC("xdp") int sorter(struct xdp_md *ctx) { return ctx->rx_queue_index ? odd : special; }
"""
SIDES = HEAD + """
SEC("xdp") int outside(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int inside(struct xdp_md *ctx) { return XDP_PASS; }
"""
NET = "{http://www.w3.org/2000/svg}"


class Graph(common.Case):
    def setUp(self):
        super().setUp()
        self.env = {"VISOR_MODULE_PATH": common.BUILD + "/modules", "VISOR_STATE": "/nonexistent"}
        compile_module(self, "sorter", SORTER)
        compile_module(self, "nat", SIDES)

    def chain(self, text):
        return self.path("chain.yaml", text)

    def big(self):
        """Ten modules, branches, a way back into the same module, edges over several layers."""
        names = "\n".join(f"  c{i}: counter" for i in range(6))
        return self.chain(f"""
ports:
  wan: {{generate: 1, pcap_out: wan.pcap}}
  lan: {{generate: 1, pcap_out: lan.pcap}}
modules:
  sort: ./sorter.o
  nat: ./nat.o
  acl: acl
{names}
  last: sampler
links:
  - wan -> sort -> nat.outside -> acl -> c0 -> c1 -> c2 -> lan
  - sort:odd -> c3 -> c4 -> lan
  - acl:drop -> last
  - lan -> nat.inside -> c5 -> wan
""")

    def draw(self, chain, *args):
        return self.visor("graph", chain, *args, env=self.env)

    def test_json(self):
        g = self.json("graph", self.big(), env=self.env)
        node = {n["id"]: n for n in g["nodes"]}
        def name(i):
            n = node[i]
            return n["name"] + ("." + n["input"] if n["name"] == "nat" else "")
        edges = {(name(e["from"]), name(e["to"])): e["outputs"] for e in g["edges"]}
        self.assertEqual(g["hook"], "xdp")
        self.assertEqual(edges[("wan", "sort")], [])
        self.assertEqual(edges[("sort", "nat.outside")], ["pass"])
        self.assertEqual(edges[("sort", "c3")], ["odd"])
        self.assertEqual(edges[("sort", "drop")], ["special"])
        self.assertEqual(edges[("acl", "last")], ["drop"])
        self.assertEqual(edges[("last", "host")], ["pass"])
        self.assertEqual(edges[("nat.inside", "c5")], ["pass"])
        self.assertEqual(len(edges), 16)
        for e in g["edges"]:
            self.assertLess(node[e["from"]]["rank"], node[e["to"]]["rank"])

    def test_text(self):
        text = self.draw(self.big())
        self.assertIn("\nsort  [", text)
        part = text.split("\nsort  [")[1].split("\n\n")[0]
        self.assertRegex(part, r"pass +-> nat\.outside\n +odd +-> c3\n +special +-> \(dropped\)")
        part = text.split("\nnat  [")[1].split("\n\n")[0]
        self.assertIn("  .outside\n    pass  -> acl\n  .inside\n    pass  -> c5", part)
        self.assertIn("pass  -> (host)", text)
        for line in text.splitlines():
            self.assertLess(len(line), 100)
        # tc has two verdicts that go on.
        text = self.draw(self.chain("ports: {a: {generate: 1}}\nmodules: {acl: , counter: }\n"
                                    "links: [a -> acl -> counter]\nhook: tc\n"))
        self.assertRegex(text, r"(pass, next|next, pass) +-> counter")

    def test_dot(self):
        dot = self.draw(self.big(), "--format", "dot")
        self.assertEqual(dot, self.draw(self.big(), "--format", "dot"))
        self.assertIn('[label="special", style=dotted]', dot)
        if not shutil.which("dot"):
            self.skipTest("Graphviz is not installed")
        out = subprocess.run(["dot", "-Tplain"], input=dot.encode(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=True)
        self.assertEqual(out.stderr, b"")
        self.assertEqual(out.stdout.count(b"\nedge "), 16)

    def test_svg(self):
        svg = self.draw(self.big(), "--format", "svg")
        self.assertEqual(svg, self.draw(self.big(), "--format", "svg"))
        root = ElementTree.fromstring(svg)
        width, height = float(root.get("width")), float(root.get("height"))
        boxes = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height"))
                 for r in root.iter(NET + "rect") if r.get("class")]
        self.assertEqual(len(boxes), 17)
        for i, (x, y, w, h) in enumerate(boxes):
            self.assertTrue(0 <= x and x + w <= width and 0 <= y and y + h <= height)
            for a, b, c, d in boxes[:i]:
                self.assertFalse(x < a + c and a < x + w and y < b + d and b < y + h, "nodes overlap")
        self.assertEqual(len([p for p in root.iter(NET + "path") if p.get("class")]), 16)
        texts = [t.text for t in root.iter(NET + "text")]
        for text in ("sort", "nat.inside", "special", "host"):
            self.assertIn(text, texts)

    def test_escapes(self):
        os.mkdir(self.path('<&">'))
        shutil.copy(self.path("sorter.o"), self.path('<&">/s.o'))
        path = self.path('<&">/c.yaml', 'ports: {a: {generate: 1}}\nmodules: {s: ./s.o}\nlinks: [a -> s]\n')
        root = ElementTree.fromstring(self.draw(path, "--format", "svg"))
        self.assertTrue(root.find(NET + "title").text.endswith('<&">/c.yaml'))
        dot = self.draw(path, "--format", "dot")
        self.assertIn('<&\\">/c.yaml"', dot)
        # A program's name may be anything: here, one that an editor of binaries made.
        with open(self.path("nat.o"), "rb") as f:
            data = f.read().replace(b"\0outside\0", b"\0o\x1b\"<&>\xff\0").replace(
                b"\0inside\0", b"\0in<i>e\0")
        self.path("evil.o", data)
        chain = self.chain("ports: {a: {generate: 1}, b: {generate: 1}}\nmodules: {n: ./evil.o}\n"
                           "links: [a -> n]\n")
        for args in ((), ("--format", "dot"), ("--format", "svg"), ("--json",)):
            self.check_no_crash("graph", chain, *args, env=self.env)

    def test_errors(self):
        self.fails("graph", self.path("none.yaml"), says="none.yaml")
        self.fails("graph", self.chain("ports: {a: {generate: 1}}\nmodules: {s: nosuch}\nlinks: [a -> s]\n"),
                   says=["chain.yaml:2:14", "there is no module 'nosuch'"])
        self.fails("graph", self.big(), "--format", "png", code=2, says="must be text, dot or svg")
        self.fails("graph", self.big(), "--format", "svg", "--json", code=2, says="--json is a format")


if __name__ == "__main__":
    common.main()
