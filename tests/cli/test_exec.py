#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor exec: bpftool and others, unmodified, on the user engine; they and we see the same."""
import json
import os
import re
import shutil
import subprocess
import unittest

import common


@unittest.skipUnless(shutil.which("bpftool") or os.path.exists("/usr/sbin/bpftool"),
                     "bpftool is not installed")
class Bpftool(common.Case):
    def setUp(self):
        super().setUp()
        self.state = self.path("state")
        self.env = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
        if os.environ.get("VISOR_SANITIZED") == "thread":
            self.skipTest("the thread sanitizer's library cannot be loaded into a running program")
        if common.SANITIZED:
            # The sanitizer's library wants to be the first that is loaded; here it cannot be.
            runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE,
                                     check=True).stdout.decode().strip()
            self.env["LD_PRELOAD"] = runtime
            self.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0"

    def bpftool(self, *args, code=0):
        return self.visor("exec", "--state", self.state, "--", "bpftool", *args, env=self.env,
                          code=code)

    def test_load_and_look(self):
        self.bpftool("prog", "loadall", common.module("acl"), "/sys/fs/bpf/acl")
        theirs = json.loads(self.bpftool("map", "list", "-j"))
        ours = self.json("map", "list", "--state", self.state)
        self.assertEqual([(m["id"], m["type"], m["name"], m["bytes_key"], m["max_entries"])
                          for m in theirs],
                         [(m["id"], m["type"], m["name"], m["key_size"], m["max_entries"])
                          for m in ours])
        theirs = json.loads(self.bpftool("prog", "list", "-j"))
        ours = self.json("prog", "list", "--state", self.state)
        self.assertEqual([(p["id"], p["type"], p["name"], p["tag"]) for p in theirs],
                         [(p["id"], p["type"], p["name"], p["tag"]) for p in ours])

    @unittest.skipIf(common.SANITIZED, "bpftool copies its symbol table for each symbol, which the "
                     "sanitizer's allocator makes take minutes")
    def test_same_dump(self):
        """Our listing is bpftool's, but for names of maps and functions, and lines of source."""
        self.bpftool("prog", "load", common.module("counter"), "/sys/fs/bpf/counter")
        prog = json.loads(self.bpftool("prog", "list", "-j"))[0]
        maps = {m["id"]: m["name"] for m in self.json("map", "list", "--state", self.state)}
        theirs = self.bpftool("prog", "dump", "xlated", "id", str(prog["id"]))
        ours = self.visor("prog", "dump", str(prog["id"]), "--no-source", "--state", self.state)

        def lines(text):
            text = re.sub(r"map\[id:(\d+)\]", lambda m: f"map[{maps[int(m[1])]}]", text)
            text = re.sub(r"(call pc\+\d+)#\w+", r"\1", text)
            return [line for line in text.splitlines() if re.match(r" *\d+: ", line)]
        self.assertGreater(len(lines(ours)), 50)
        self.assertRegex(ours, r"call pc\+\d+#parse_any")
        self.assertEqual(lines(ours), lines(theirs))

    def test_entries(self):
        self.bpftool("prog", "load", common.module("acl"), "/sys/fs/bpf/acl_xdp")
        self.bpftool("map", "update", "name", "ports", "key", "hex", "06", "00", "00", "00", "17",
                     "00", "00", "00", "value", "hex", "00", "00", "00", "00")
        self.assertEqual(self.json("map", "dump", "ports", "--state", self.state),
                         [{"key": {"protocol": "tcp", "port": 23}, "value": "deny"}])
        self.visor("map", "set", "ports", "[udp, 53]", "allow", "--state", self.state)
        dump = json.loads(self.bpftool("map", "dump", "name", "ports", "-j"))
        self.assertEqual(len(dump), 2)

    def test_kernel_is_not_touched(self):
        # Ids of the user engine begin anew; root or not makes no difference.
        self.assertEqual(self.json("prog", "list", "--state", self.state), [])
        self.assertIn(self.bpftool("prog", "list", "-j").strip(), ("", "[]"))
        self.bpftool("prog", "show", "id", "1", code=255)


class Exec(common.Case):
    def test_exit_status(self):
        env = {"ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        if common.SANITIZED:
            self.skipTest("the sanitizer's library cannot be preloaded into any program")
        state = self.path("state")
        self.visor("exec", "--state", state, "--", "sh", "-c", "exit 7", code=7, env=env)
        self.visor("exec", "--state", state, "--", "true", env=env)
        self.assertEqual(self.visor("exec", "--state", state, "echo", "--json", env=env), "--json\n")
        out = self.visor("exec", "--state", state, "--", "sh", "-c", "echo $VISOR_STATE", env=env)
        self.assertEqual(out, state + "\n")
        self.visor("exec", "--", "/no/such/program", code=127)
        self.assertIn("/no/such/program: cannot run (No such file or directory)", self.err)
        self.visor("exec", "--", self.path("plain", "text"), code=126)
        self.assertIn("Permission denied", self.err)
        self.fails("exec", code=2, says="usage: visor exec")


if __name__ == "__main__":
    common.main()
