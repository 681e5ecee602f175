#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The demo as `make demo` runs it, and the same traffic counted by hand."""
import struct
import subprocess

import common


def frames():
    with open(common.SOURCE + "/examples/traffic.pcap", "rb") as f:
        return common.read_pcap(f.read())


def denied(frame):
    """The rules of examples/demo.yaml, for traffic without tags, options and extensions."""
    if frame[12:14] == b"\x08\x00":
        if frame[26:29] == bytes([198, 51, 100]):
            return True
        transport, proto, offset = frame[34:], frame[23], struct.unpack_from(">H", frame, 20)[0] & 0x1fff
    elif frame[12:14] == b"\x86\xdd":
        transport, proto, offset = frame[54:], frame[20], 0
    else:
        return False
    return proto == 6 and not offset and transport[2:4] == bytes([0, 23])


class Demo(common.Case):
    def test_demo(self):
        every = frames()
        passed = [f for f in every if not denied(f)]
        self.assertTrue(0 < len(passed) < len(every))
        run = subprocess.run([common.SOURCE + "/examples/demo.sh", common.BUILD],
                             stdout=subprocess.PIPE, text=True, check=True)
        words = [line.split() for line in run.stdout.splitlines()]
        self.assertIn(["acl", str(len(every)), str(sum(map(len, every)))],
                      [w[:3] for w in words])
        for module in "counter", "sampler":
            self.assertIn([module, str(len(passed)), str(sum(map(len, passed)))],
                          [w[:3] for w in words])
        self.assertIn("198.51.100.0/24: deny", run.stdout)
        self.assertIn("{network: ipv6, transport: tcp}", run.stdout)

    def test_counter(self):
        """What the counter's map holds is what passed, by protocol."""
        want = {}
        for f in frames():
            if not denied(f) and f[12:14] == b"\x08\x00":
                packets, size = want.get(f[23], (0, 0))
                want[f[23]] = (packets + 1, size + len(f))
        self.visor("run", common.SOURCE + "/examples/demo.yaml", "--pin", "/demo")
        names = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp"}
        got = {}
        for entry in self.json("map", "dump", "traffic"):
            if entry["key"]["network"] == "ipv4":
                values = [v["value"] for v in entry["values"]]
                got[entry["key"]["transport"]] = (sum(v["packets"] for v in values),
                                                  sum(v["bytes"] for v in values))
        self.assertEqual(got, {names[proto]: count for proto, count in want.items()})


if __name__ == "__main__":
    common.main()
