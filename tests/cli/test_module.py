#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor module: what objects are, which are installed, versions, installing."""
import os
import random
import shutil
import subprocess

import common
from test_prog import compile_module

HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "%s";
"""

# Everything that a module can have, once.
FULL = HEAD % "GPL" + """
#define OUTPUT(name, value) enum visor_output__##name { name = value }; \\
	__attribute__((used, noinline)) static enum visor_output__##name name##_fn(void) { return name; }
OUTPUT(odd, 16)
OUTPUT(special, 40)
struct key { __u16 port; __u8 proto; __u8 pad; };
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 100); __type(key, struct key);
	 __type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME); } flows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_XSKMAP); __uint(max_entries, 4); __uint(key_size, 4);
	 __uint(value_size, 4); } sockets SEC(".maps");
enum mode { slow, fast };
const volatile enum mode mode = slow;
const volatile __u16 most = 512;
const volatile char label[8] = "a<b";
__u64 count;
static __attribute__((noinline)) int deep(struct xdp_md *ctx, int n)
{
	char room[64];
	__builtin_memset(room, n, sizeof(room));
	bpf_xdp_load_bytes(ctx, 0, room, sizeof(room));
	return room[5];
}
SEC("xdp") int full(struct xdp_md *ctx)
{
	struct key key = {.port = 1};
	__u64 *value = bpf_map_lookup_elem(&flows, &key);
	if (value)
		__sync_fetch_and_add(value, 1) == 3 ? count++ : 0;
	if (mode == fast)
		return odd;
	return deep(ctx, most) ? XDP_DROP : XDP_PASS;
}
SEC("xdp") int steer(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}
SEC("xdp") int wrong(struct xdp_md *ctx)
{
	return *(char *)(long)ctx->data;
}
SEC("kprobe/x") int probe(void *ctx)
{
	return 0;
}
SEC("nonsense") int nothing(void *ctx)
{
	return 0;
}
"""

LOOP = HEAD % "Proprietary" + """
SEC("xdp") int spin(struct xdp_md *ctx)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < (ctx->rx_queue_index & 63); i++)
		sum += bpf_get_prandom_u32();
	return sum & 1 ? XDP_DROP : XDP_PASS;
}
"""


class Module(common.Case):
    def setUp(self):
        super().setUp()
        self.env = {"VISOR_MODULE_PATH": common.BUILD + "/modules"}

    def inspect(self, *args, **kwargs):
        return self.json("module", "inspect", *args, env=self.env, **kwargs)

    def test_inspect(self):
        x = self.inspect(compile_module(self, "full", FULL))
        self.assertEqual((x["name"], x["version"], x["licence"], x["gpl"]), ("full", None, "GPL", True))
        inputs = {i["name"]: i for i in x["inputs"]}
        self.assertEqual([(i["name"], i["section"], i["type"], i["hook"]) for i in x["inputs"]],
                         [("full", "xdp", "xdp", "xdp"), ("steer", "xdp", "xdp", "xdp"),
                          ("wrong", "xdp", "xdp", "xdp"), ("probe", "kprobe/x", "kprobe", None),
                          ("nothing", "nonsense", None, None)])
        self.assertEqual(inputs["full"]["helpers"], ["map_lookup_elem", "xdp_load_bytes"])
        self.assertEqual(inputs["full"]["functions"], 2)
        # The key below the function's room: both frames count.
        self.assertGreaterEqual(inputs["full"]["stack"], 64 + 4)
        self.assertLess(inputs["full"]["stack"], 64 + 64)
        self.assertGreater(inputs["full"]["insns"], 20)
        self.assertEqual(x["outputs"]["xdp"], ["aborted", "drop", "pass", "tx", "redirect"])
        self.assertNotIn("tc", x["outputs"])
        self.assertEqual(x["outputs"]["named"], [{"name": "odd", "value": 16},
                                                 {"name": "special", "value": 40}])
        flows, sockets = x["maps"]
        self.assertEqual((flows["name"], flows["type"], flows["key_type"], flows["value_type"],
                          flows["max_entries"], flows["pinned"]),
                         ("flows", "lru_hash", "struct key", "__u64", 100, True))
        self.assertEqual((sockets["key_size"], sockets["pinned"]), (4, False))
        self.assertNotIn("key_type", sockets)
        config = {c["name"]: c for c in x["config"]}
        self.assertEqual(config["mode"]["default"], "slow")
        self.assertEqual(config["most"]["default"], 512)
        self.assertEqual(config["label"]["default"], "a<b")
        self.assertNotIn("count", config)

    def test_engines(self):
        x = {i["name"]: i for i in self.inspect(compile_module(self, "full", FULL))["inputs"]}
        self.assertIsNone(x["full"]["kernel"])
        # The user engine has no sockets to steer to: that is a map, which all programs share.
        for name in ("full", "steer"):
            self.assertFalse(x[name]["user"]["runs"])
            self.assertEqual(x[name]["user"]["reason"],
                             "map 'sockets': this engine has no maps of type xskmap")
        without = FULL.replace("BPF_MAP_TYPE_XSKMAP", "BPF_MAP_TYPE_DEVMAP")
        x = {i["name"]: i for i in self.inspect(compile_module(self, "dev", without))["inputs"]}
        self.assertEqual({n: i["user"]["runs"] for n, i in x.items()},
                         {"full": True, "steer": True, "wrong": False, "probe": False,
                          "nothing": False})
        self.assertIn("packet", x["wrong"]["user"]["reason"])
        self.assertNotIn("insns", x["nothing"])
        realm = compile_module(self, "realm", HEAD % "GPL" +
                               'SEC("tc") int realm(struct __sk_buff *c) { return bpf_get_route_realm(c); }')
        self.assertIn("bpf_get_route_realm#24 is not implemented",
                      self.inspect(realm)["inputs"][0]["user"]["reason"])

    def test_needs(self):
        x = self.inspect(compile_module(self, "full", FULL))
        needs = {n["what"]: n["since"] for n in x["needs"]}
        self.assertEqual(needs["helper xdp_load_bytes"], "5.18")
        self.assertEqual(needs["map type xskmap"], "4.18")
        self.assertEqual(needs["program type kprobe"], "4.1")
        self.assertEqual(needs["global variables"], "5.2")
        self.assertEqual(needs["functions (BPF to BPF calls)"], "4.16")
        self.assertEqual(needs["atomic operations that fetch, exchange, compare"], "5.12")
        self.assertNotIn("loops", needs)
        self.assertEqual(x["linux"], "5.18")
        order = [tuple(map(int, n["since"].split("."))) for n in x["needs"]]
        self.assertEqual(order, sorted(order, reverse=True))
        x = self.inspect(compile_module(self, "loop", LOOP))
        self.assertIn({"what": "loops", "since": "5.3"}, x["needs"])
        self.assertEqual((x["linux"], x["gpl"]), ("5.3", False))

    def test_kernel(self):
        if os.geteuid():
            self.skipTest("needs root")
        x = self.inspect("acl", "--kernel")
        for i in x["inputs"]:
            if not i["kernel"]["runs"] and "permitted" in i["kernel"]["reason"]:
                self.skipTest("no bpf system call")
            self.assertEqual(i["kernel"], {"runs": True})

    def test_text(self):
        text = self.visor("module", "inspect", "acl", env=self.env)
        for line in (r"module: +acl", r"licence: +Dual BSD/GPL \(GPL compatible\)",
                     r"kernel: +Linux \d+\.\d+ or later", r"acl_xdp +xdp +xdp +\d+ +\d+ +yes +- +map_lookup_elem",
                     r"xdp +aborted drop pass tx redirect", r"sources4 +lpm_trie +struct prefix4 +enum action +4096 +no",
                     r"default_action +enum action +allow", r" *4\.11 +map type lpm_trie"):
            self.assertRegex(text, f"(?m)^{line}$")
        self.assertNotIn("Refused", text)
        text = self.visor("module", "inspect", compile_module(self, "full", FULL))
        self.assertRegex(text, r"(?m)^full +user +\S")

    def test_list(self):
        os.mkdir(self.path("mods"))
        shutil.copy(common.module("acl"), self.path("mods/acl.o"))
        shutil.copy(common.module("acl"), self.path("mods/acl-2.0.o"))
        self.path("mods/broken.o", b"\\x7fELF")
        self.path("mods/.hidden.o", b"")
        self.path("mods/notes.txt", b"")
        found = [m for m in self.json("module", "list", env={"VISOR_MODULE_PATH": self.path("mods")})
                 if m["file"].startswith(self.path("mods"))]
        self.assertEqual([(m["name"], m["version"], m["hook"], m["licence"]) for m in found],
                         [("acl", "2.0", "xdp tc", "Dual BSD/GPL"), ("acl", None, "xdp tc", "Dual BSD/GPL"),
                          ("broken", None, None, None)])
        self.assertIsNone(found[0]["error"])
        self.assertIn("not an ELF file", found[2]["error"])
        text = self.visor("module", "list", env={"VISOR_MODULE_PATH": self.path("mods")})
        self.assertRegex(text, r"(?m)^acl +2\.0 +xdp tc +Dual BSD/GPL +unsigned +/")

    def versioned(self, folder, name, version, stated=True):
        """An installed module whose verdict tells its version's last number."""
        os.makedirs(self.path(folder), exist_ok=True)
        source = HEAD % "GPL" + "#include <visor/module.h>\n"
        if stated:
            source += f'VISOR_VERSION("{version}");\n'
        source += f'const volatile int number = {version.split(".")[-1]};\n' \
            'SEC("xdp") int run(struct xdp_md *ctx) { return number; }\n'
        built = compile_module(self, "built", source.replace(
            "<visor/module.h>", f'"{common.SOURCE}/include/visor/module.h"'))
        path = self.path(f"{folder}/{name}.o")
        os.rename(built, path)
        return path

    def test_versions(self):
        a, b = self.path("a"), self.path("b")
        for version in ("1.2.3", "1.2.10", "1.3.0", "1.10"):
            self.versioned("a", f"m-{version}", version)
        self.versioned("a", "plain", "7.1")
        self.versioned("a", "old-0.5", "0.5", stated=False)
        os.makedirs(self.path("b"), exist_ok=True)
        shutil.copy(self.path("a/m-1.2.3.o"), self.path("b/m.o"))

        def finds(object, version, folders=a, file=None):
            x = self.json("module", "inspect", object, env={"VISOR_MODULE_PATH": folders})
            self.assertEqual(x["version"], version)
            if file:
                self.assertEqual(x["file"], file)
            return x

        self.assertEqual(finds("m", "1.10")["name"], "m")
        finds("m@1", "1.10")
        finds("m@1.2", "1.2.10")
        finds("m@1.2.3", "1.2.3")
        finds("plain", "7.1", file=self.path("a/plain.o"))
        finds("plain@7", "7.1")
        finds("old", "0.5")
        # The first folder that has what is asked for.
        finds("m", "1.2.3", f"{b}:{a}", self.path("b/m.o"))
        finds("m@1.3", "1.3.0", f"{b}:{a}")
        finds("m", "1.10", f"{a}:{b}")
        env = {"VISOR_MODULE_PATH": a}
        self.fails("module", "inspect", "m@2", env=env,
                   says=["there is no version 2 of module 'm'", "1.10, 1.2.10, 1.2.3, 1.3.0"])
        self.fails("module", "inspect", "m@1.2.", env=env, says="'1.2.' is no version")
        self.fails("module", "inspect", "m@1.2.3.4.5", env=env, says="is no version")
        self.fails("module", "inspect", "none@1", env=env, says="there is no module 'none'")
        # The name of a file is a promise.
        os.rename(self.path("a/m-1.3.0.o"), self.path("a/m-9.o"))
        self.fails("module", "inspect", "m", env=env, says="the file's name says version 9, the object says 1.3.0")
        # A chain asks in the same words.
        chain = self.path("chain.yaml", "ports: {in: {generate: 3}}\nmodules: {m: m@1.2}\nlinks: [in -> m]\n")
        self.path("empty.pcap", common.pcap([common.ipv4()] * 3))
        stats = self.json("run", chain, env=env)
        verdict = [v for v in stats["modules"][0]["inputs"][0]["verdicts"] if v["packets"]]
        self.assertEqual([(v["name"], v["packets"]) for v in verdict], [("other", 3)])

    def test_version_is_harmless(self):
        """The section survives strip, and no loader stumbles over it."""
        path = self.versioned("a", "m", "1.2.3")
        if shutil.which("llvm-strip"):
            subprocess.run(["llvm-strip", "-g", path], check=True)
        x = self.inspect(path, *([] if os.geteuid() else ["--kernel"]))
        self.assertEqual((x["version"], x["inputs"][0]["user"]["runs"]), ("1.2.3", True))
        kernel = x["inputs"][0]["kernel"]
        if kernel and "permitted" not in kernel.get("reason", ""):
            self.assertTrue(kernel["runs"])
        path = self.versioned("a", "n", "1.2.3")
        self.visor("--state", self.path("state"), "prog", "load", path)
        for bad in ("1.x.2", "v.1", "1..2"):
            self.fails("module", "inspect", self.versioned("a", "n", bad),
                       says="its version is not one to four numbers")

    def test_errors(self):
        self.fails("module", "inspect", "nonesuch", says=["there is no module 'nonesuch'", "VISOR_MODULE_PATH"])
        self.fails("module", "inspect", self.path("text.o", "text"), says=["text.o", "not an ELF file"])
        self.fails("module", "inspect", self.dir + "/", says="not a regular file")
        self.fails("module", "inspect", "acl@x", says=["'x' is no version", "acl@1.2"])

    def test_hostile(self):
        with open(compile_module(self, "full", FULL), "rb") as f:
            good = f.read()
        bad = self.path("bad.o")
        rng = random.Random(11)
        for i in range(10 if common.SANITIZED else 60):
            data = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            with open(bad, "wb") as f:
                f.write(data[:rng.randrange(64, len(data))] if i % 4 == 0 else data)
            self.check_no_crash("module", "inspect", bad, *(["--json"] if i % 2 else []))


if __name__ == "__main__":
    common.main()
