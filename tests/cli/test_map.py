#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor map, pin and state on a state directory: what a user types, in the order of a session."""
import os
import struct
import subprocess

import common


class Loaded(common.Case):
    """A state directory with the acl module in it."""

    def setUp(self):
        super().setUp()
        self.state = self.path("state")
        self.on("prog", "load", common.module("acl"))

    def on(self, *args, **kwargs):
        return self.visor("--state", self.state, *args, **kwargs)

    def bad(self, *args, **kwargs):
        self.fails("--state", self.state, *args, **kwargs)


class Map(Loaded):
    def test_list_and_show(self):
        maps = {m["name"]: m for m in self.json("map", "list", "--state", self.state)}
        self.assertEqual(set(maps), {"sources4", "sources6", "ports", "hits", "acl.rodata"})
        self.assertEqual(maps["sources4"]["type"], "lpm_trie")
        self.assertEqual(maps["ports"]["max_entries"], 1024)
        self.assertEqual(maps["sources4"]["flags"], 1)
        text = self.on("map", "list")
        self.assertEqual(len(text.splitlines()), 6)
        self.assertRegex(text, r"(?m)^ *\d+  hash +ports +8 +4 +1024 ")
        shown = self.json("map", "show", "ports", "--state", self.state)
        self.assertEqual(shown["id"], maps["ports"]["id"])
        self.assertEqual(shown["key_type"], "struct service")
        self.assertEqual(shown["value_type"], "enum action")
        self.assertIn("value_type:     enum action\n", self.on("map", "show", "ports"))

    def test_entries(self):
        self.on("map", "set", "sources4", "198.51.100.0/24", "deny")
        self.on("map", "set", "sources4", "10.0.0.0/8", "allow")
        self.on("map", "set", "sources6", "2001:db8::/32", "deny")
        self.assertEqual(self.on("map", "dump", "sources4"),
                         "10.0.0.0/8: allow\n198.51.100.0/24: deny\n")
        self.assertEqual(self.json("map", "dump", "sources6", "--state", self.state),
                         [{"key": "2001:db8::/32", "value": "deny"}])
        # The longest prefix decides, as in the map itself.
        self.assertEqual(self.on("map", "get", "sources4", "10.1.2.3/32"), "allow\n")
        self.assertEqual(self.json("map", "get", "sources4", "10.0.0.0/8", "--state", self.state),
                         {"key": "10.0.0.0/8", "value": "allow"})
        self.on("map", "set", "sources4", "10.0.0.0/8", "deny")
        self.assertEqual(self.on("map", "get", "sources4", "10.0.0.0/8"), "deny\n")
        self.on("map", "delete", "sources4", "10.0.0.0/8")
        self.assertEqual(self.on("map", "dump", "sources4"), "198.51.100.0/24: deny\n")
        self.bad("map", "delete", "sources4", "10.0.0.0/8", says="has no entry 10.0.0.0/8")
        self.bad("map", "get", "sources4", "192.0.2.1/32", says="No such file or directory")

    def test_structures(self):
        key = "{protocol: tcp, port: 23}"
        self.on("map", "set", "ports", key, "deny", "--if", "absent")
        self.bad("map", "set", "ports", key, "allow", "--if", "absent", says="already")
        self.bad("map", "set", "ports", "[udp, 53]", "allow", "--if", "present",
                 says="has no entry [udp, 53]")
        self.on("map", "set", "ports", key, "allow", "--if", "present")
        self.assertEqual(self.json("map", "dump", "ports", "--state", self.state),
                         [{"key": {"protocol": "tcp", "port": 23}, "value": "allow"}])
        self.assertEqual(self.on("map", "get", "ports", "[tcp, 23]"), "allow\n")

    def test_per_cpu(self):
        self.on("map", "set", "hits", "0", "{by_source: 3}")
        values = self.json("map", "get", "hits", "0", "--state", self.state)["values"]
        self.assertEqual([v["cpu"] for v in values], list(range(len(values))))
        for v in values:
            self.assertEqual(v["value"]["by_source"], 3)
            self.assertEqual(v["value"]["by_port"], 0)
        self.assertTrue(self.on("map", "dump", "hits").startswith("0: cpu 0: {by_source: 3, "))

    def test_wrong_values(self):
        self.bad("map", "set", "sources4", "10.0.0.0/33", "deny", says="key")
        self.bad("map", "set", "sources4", "10.0.0/8", "deny", says="key")
        self.bad("map", "set", "sources4", "10.0.0.0/8", "dney",
                 says=["value", "did you mean 'deny'"])
        self.bad("map", "set", "ports", "{protocol: tcp, prt: 1}", "deny",
                 says=["key", "did you mean 'port'"])
        self.bad("map", "set", "ports", "{protocol: tcp", "deny", says="key")
        self.bad("map", "set", "ports", "[[[[[[[[", "deny", says="key")
        self.bad("map", "set", "hits", "1", "{by_source: 3}", says="hits")
        self.bad("map", "set", "acl.rodata", "0", "{default_action: deny}", says="acl.rodata")
        self.bad("map", "set", "ports", "[tcp, 1]", "deny", "more", code=2, says="unexpected 'more'")
        self.bad("map", "get", "ports", code=2, says="usage: visor map get MAP KEY")
        self.bad("map", "set", "ports", "[tcp, 1]", "-1", code=2, says="must follow '--'")
        self.bad("map", "set", "ports", "[tcp, 1]", "deny", "--if", "maybe", code=2, says="--if must be")
        self.bad("map", "set", "ports", "", "deny", says=["key", "'' is not a value"])
        self.bad("map", "set", "ports", "[tcp, 1]", "", says=["value", "'' is not a value"])
        # Nothing of this changed anything.
        self.assertEqual(self.on("map", "dump", "ports"), "")
        self.assertEqual(self.on("map", "dump", "sources4"), "")

    def test_naming(self):
        ids = {m["name"]: m["id"] for m in self.json("map", "list", "--state", self.state)}
        self.on("map", "set", "ports", "[tcp, 1]", "deny")
        for name in (["ports"], [str(ids["ports"])], ["id", str(ids["ports"])], ["name", "ports"],
                     ["/sys/fs/bpf/acl/ports"], ["pinned", "/sys/fs/bpf/acl/ports"]):
            self.assertEqual(self.on("map", "dump", *name), "{protocol: tcp, port: 1}: deny\n")
        self.bad("map", "dump", "prots", says=["no map is called 'prots'", "visor map list"])
        self.bad("map", "dump", "99999", says="no map with id 99999")
        self.bad("map", "dump", "99999999999999", says="is no map id")
        self.bad("map", "dump", "id", "x", says="'x' is no map id")
        self.bad("map", "dump", "/no/such/pin", says="/no/such/pin")
        self.bad("map", "dump", "/sys/fs/bpf/acl/acl_xdp", says="this is not a map")
        self.bad("prog", "show", "/sys/fs/bpf/acl/ports", says="this is not a program")
        self.bad("map", "dump", "/../../../etc/passwd", says="passwd")
        # A second object of the same name must be told apart.
        self.on("prog", "load", common.module("acl"), "--pin", "/sys/fs/bpf/second")
        self.bad("map", "dump", "ports", says=["2 maps are called 'ports'", str(ids["ports"])])

    def test_create(self):
        self.on("map", "create", "/sys/fs/bpf/x/seen", "--type", "hash", "--key", "4", "--value",
                "8", "--entries", "16")
        self.on("map", "set", "seen", "7", "--", "-1")
        self.on("map", "set", "seen", "hex:01000000", "hex:0200000000000000")
        self.assertEqual(sorted(self.on("map", "dump", "seen").splitlines()),
                         ["1: 2", "7: 18446744073709551615"])
        self.bad("map", "set", "seen", "hex:010000", "0", says="key")
        self.bad("map", "get", "seen", "", says="key")
        self.bad("map", "create", "/a", "--type", "hsh", code=2, says="unknown map type 'hsh'")
        self.bad("map", "create", "/a", "--key", "4", code=2, says="--type is missing")
        self.bad("map", "create", "/a", "--type", "hash", "--key", "x", code=2,
                 says="--key must be a number")
        self.bad("map", "create", "/a", "--type", "hash", "--key", "-4", code=2,
                 says="--key must be a number")
        self.bad("map", "create", "/a", "--type", "hash", "--key", "4294967296", code=2,
                 says="from 0 to 4294967295")
        self.bad("map", "create", "/a", "--type", "hash", says="refuses a map of type hash")
        self.bad("map", "create", "/sys/fs/bpf/x/seen", "--type", "array", "--key", "4", "--value",
                 "8", "--entries", "1", says=["cannot pin here", "visor pin remove"])
        # What could not be pinned is gone.
        names = [m["name"] for m in self.json("map", "list", "--state", self.state)]
        self.assertEqual(names.count("seen"), 1)
        self.on("map", "create", "/sys/fs/bpf/rb", "--type", "ringbuf", "--entries", "4096")
        self.bad("map", "dump", "rb", says="a map of type ringbuf has none")

    def test_prog_array(self):
        self.on("map", "create", "/sys/fs/bpf/jumps", "--type", "prog_array", "--key", "4",
                "--value", "4", "--entries", "4")
        self.on("map", "set", "jumps", "1", "acl_xdp")
        ids = {p["name"]: p["id"] for p in self.json("prog", "list", "--state", self.state)}
        self.assertEqual(self.on("map", "dump", "jumps"), f"1: {ids['acl_xdp']}\n")
        self.on("map", "set", "jumps", "1", "id", str(ids["acl_xdp"]))
        self.bad("map", "set", "jumps", "2", "acl_tc", says="jumps")
        self.bad("map", "set", "jumps", "2", "nope", says="no program is called 'nope'")

    def test_many_entries(self):
        self.on("map", "create", "/sys/fs/bpf/many", "--type", "hash", "--key", "4", "--value", "4",
                "--entries", "200")
        for i in range(120):
            self.on("map", "set", "many", str(i), str(i * i))
        dump = self.json("map", "dump", "many", "--state", self.state)
        self.assertEqual({e["key"]: e["value"] for e in dump}, {i: i * i for i in range(120)})


class State(Loaded):
    def test_unreadable(self):
        """What one may not read is not the same as what is not there."""
        if os.geteuid() == 0:
            os.chmod(self.dir, 0o755)
            for folder, _, _ in os.walk(self.state):
                os.chmod(folder, 0o555)
            who = {"user": 65534, "group": 65534, "extra_groups": []}
            if subprocess.run(["test", "-x", common.VISOR], **who).returncode:
                self.skipTest("others cannot run the program where it was built")
        else:
            os.chmod(self.state, 0o555)
            who = {}
        for args in (["map", "list"], ["state"], ["pin", "list"], ["map", "dump", "ports"]):
            result = subprocess.run([common.VISOR, "--state", self.state, *args], **who,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((result.returncode, result.stdout), (1, b""), args)
            self.assertIn(b"cannot write to the state directory", result.stderr)
        if os.geteuid() == 0:
            result = subprocess.run([common.VISOR, "--engine", "kernel", "state"], **who,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertIn(b"Operation not permitted", result.stderr)
        os.chmod(self.state, 0o700)

    def test_pins(self):
        pins = {p["pin"]: p for p in self.json("pin", "list", "--state", self.state)}
        self.assertEqual(set(pins), {"/sys/fs/bpf/acl/" + n for n in (
            "acl_xdp", "acl_tc", "sources4", "sources6", "ports", "hits", "acl_rodata")})
        self.assertEqual(pins["/sys/fs/bpf/acl/acl_xdp"]["kind"], "prog")
        self.assertEqual(pins["/sys/fs/bpf/acl/ports"]["kind"], "map")
        self.assertIn("/sys/fs/bpf/acl/ports", self.on("pin", "list"))
        # Objects live as long as something names them or refers to them.
        self.on("pin", "remove", *pins)
        self.assertEqual(self.json("pin", "list", "--state", self.state), [])
        self.on("map", "create", "/sys/fs/bpf/last", "--type", "array", "--key", "4", "--value", "4",
                "--entries", "1")
        self.assertEqual([m["name"] for m in self.json("map", "list", "--state", self.state)],
                         ["last"])
        self.bad("pin", "remove", "/sys/fs/bpf/acl/ports", "/etc/passwd",
                 says=["/sys/fs/bpf/acl/ports", "/etc/passwd"])
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_referred_maps_stay(self):
        for name in ("sources4", "sources6", "ports", "hits", "acl_rodata", "acl_tc"):
            self.on("pin", "remove", "/sys/fs/bpf/acl/" + name)
        self.on("map", "set", "ports", "[tcp, 1]", "deny")
        self.assertEqual(len(self.json("map", "list", "--state", self.state)), 5)

    def test_state(self):
        shown = self.json("state", "--state", self.state)
        self.assertEqual(shown["engine"], "user")
        self.assertEqual(shown["state"], self.state)
        self.assertEqual((shown["maps"], shown["programs"], shown["pins"]), (5, 2, 7))
        self.assertIn("maps:           5\n", self.on("state"))

    def test_which_state(self):
        # --state, then VISOR_STATE, then the user's own.
        other = {"VISOR_STATE": self.path("other")}
        self.assertEqual(self.json("state", env=other)["state"], self.path("other"))
        self.assertEqual(self.json("state", "--state", self.state, env=other)["state"], self.state)
        self.assertEqual(self.json("state")["state"], self.dir + "/visor")
        self.assertEqual(self.json("state", env={"VISOR_STATE": ""})["state"], self.dir + "/visor")
        self.fails("state", "--engine", "kernel", "--state", self.state, code=2,
                   says="no state directory")
        self.fails("state", "--engine", "windows", code=2, says="'user' or 'kernel'")
        self.fails("state", "--state", "/proc/nope", says="/proc/nope")
        self.fails("state", "--state", self.path("file", "x"), says="file")

    def test_state_of_another_user(self):
        os.mkdir(self.path("visor"))
        os.chmod(self.path("visor"), 0o777)
        self.fails("state", says="only you can write to")
        self.fails("exec", "true", says="only you can write to")

    def test_hostile_state(self):
        """Files of a state directory that somebody has damaged: errors, no crashes."""
        maps = {m["name"]: m["id"] for m in self.json("map", "list", "--state", self.state)}
        self.on("map", "set", "ports", "[tcp, 1]", "deny")
        path = f"{self.state}/bpf-map/{maps['ports']}"
        size = os.path.getsize(path)
        with open(path, "rb") as f:
            good = f.read()
        for where in range(size - 4096, size - 4096 + 256, 4):
            with open(path, "r+b") as f:
                f.seek(where)
                f.write(struct.pack("<I", 0xfffffff0))
            self.check_no_crash("map", "dump", "ports", "--state", self.state)
            self.check_no_crash("map", "list", "--state", self.state)
            with open(path, "r+b") as f:
                f.write(good)
        for cut in (0, 1, 4095, 4096, size // 2, size - 1):
            with open(path, "r+b") as f:
                f.truncate(cut)
            self.check_no_crash("map", "dump", "id", str(maps["ports"]), "--state", self.state)
            with open(path, "r+b") as f:
                f.truncate(size)
                f.write(good)
        self.assertEqual(self.on("map", "dump", "ports"), "{protocol: tcp, port: 1}: deny\n")


if __name__ == "__main__":
    common.main()
