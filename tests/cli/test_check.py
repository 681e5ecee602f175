#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor check: verdicts on every program of an object, without loading anything."""
import json
import os
import random
import shutil
import struct
import subprocess
import unittest

import common

HEAD = """
#define SEC(name) __attribute__((section(name), used))
#define uint(name, val) int (*name)[val]
typedef unsigned int u32;
typedef unsigned long long u64;
struct xdp_md { u32 data, data_end; };
struct __sk_buff { u32 len; };
static void *(*lookup)(void *map, const void *key) = (void *)1;
char _license[] SEC("license") = "GPL";
"""

MIXED = HEAD + """
SEC("xdp") int good(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;

	return data + 1 > end ? 1 : data[0];
}
SEC("xdp") int beyond(struct xdp_md *ctx)
{
	return ((char *)(long)ctx->data)[5];
}
SEC("?tc") int optional(struct __sk_buff *ctx)
{
	return ctx->len;
}
SEC("tcx/ingress") int newer(struct __sk_buff *ctx)
{
	return 0;
}
SEC("netkit/peer") int netkit(struct __sk_buff *ctx)
{
	return 0;
}
SEC("nonsense") int unknown(void *ctx)
{
	return 0;
}
"""

MAPS = HEAD + """
struct { uint(type, 2); int *key; u64 *value; } unsized SEC(".maps");
struct { uint(type, 7); uint(key_size, 4); } stacks SEC(".maps");
struct { uint(type, 1); uint(max_entries, 4); uint(key_size, 0); uint(value_size, 8); } broken
	SEC(".maps");
volatile const u32 limit = 8;
SEC("xdp") int sized(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *v = lookup(&unsized, &key);

	return v ? 1 + (int)(*v & 1) : 2;
}
SEC("xdp") int constants(struct xdp_md *ctx)
{
	char text[8] = {0};
	u32 sum = 0;

	/* Only with the value of `limit` this ends, and stays within. */
	for (u32 i = 0; i < limit; i++)
		sum += ((volatile char *)text)[i];
	return (sum & 1) + 1;
}
SEC("xdp") int refers(struct xdp_md *ctx)
{
	u32 key = 0;

	return lookup(&broken, &key) ? 1 : 2;
}
"""

KERNEL = HEAD + """
extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_unlock___mine(void) __attribute__((section(".ksyms")));
extern void no_such_function(void) __attribute__((section(".ksyms")));
extern void no_such_either(void) __attribute__((section(".ksyms"), weak));
SEC("tp_btf/sched_switch") int traced(u64 *ctx)
{
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock___mine();
	return 0;
}
SEC("tp_btf/no_such_point") int nowhere(u64 *ctx)
{
	return 0;
}
static __attribute__((noinline)) int inner(int n)
{
	no_such_function();
	return n;
}
SEC("tc") int needs(struct __sk_buff *ctx)
{
	return inner(1);
}
SEC("tc") int may_do_without(struct __sk_buff *ctx)
{
	if (no_such_either)
		no_such_either();
	return 0;
}
SEC("freplace/what") int replacement(struct xdp_md *ctx)
{
	return 0;
}
struct tcp_congestion_ops___mine {
	u32 (*undo_cwnd)(void *);
	u32 (*ssthresh)(void *);
	char name[16];
};
SEC("struct_ops/undo") u32 undo(u64 *ctx)
{
	return 2;
}
SEC("struct_ops.s/threshold") u32 threshold(u64 *ctx)
{
	*(u64 *)ctx[0] = 1;
	return 2;
}
SEC("struct_ops/lonely") u32 lonely(u64 *ctx)
{
	return 2;
}
SEC(".struct_ops.link") struct tcp_congestion_ops___mine table = {
	.undo_cwnd = (void *)undo, .ssthresh = (void *)threshold, .name = "mine"};
"""

LOOP = HEAD + """
static __attribute__((noinline)) int part(struct xdp_md *ctx, int n)
{
	return ctx->data_end > n;
}
SEC("xdp") int loop(struct xdp_md *ctx)
{
	volatile int sum = 0;

	for (int i = 0; i < 50; i++)
		sum += part(ctx, i);
	return (sum & 1) + 1;
}
"""

OVERRIDE = HEAD + """
static long (*override)(void *ctx, u64 value) = (void *)58;
SEC("kprobe/anything") int replace(void *ctx)
{
	return override(ctx, 1);
}
"""
BUILT_WITH_IT = HEAD + """
int bpf_override_return(void *ctx, u64 value)
{
	return 0;
}
SEC("xdp") int any(struct xdp_md *ctx)
{
	return bpf_override_return(ctx, 1);
}
"""

HAVE_TYPES = os.path.exists("/sys/kernel/btf/vmlinux")


def compile_module(case, name, source):
    """An object file of C source, which its line information quotes."""
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", "-o", case.path(name + ".o"),
                    case.path(name + ".c", source)], check=True)
    return case.path(name + ".o")


class Check(common.Case):
    def check(self, source, *args, code=0):
        """Programs by name."""
        path = compile_module(self, "object", source)
        return {p["program"]: p for p in self.json("check", path, *args, code=code)}

    def test_modules(self):
        for name in ("acl", "counter", "sampler"):
            out = self.visor("check", common.module(name))
            self.assertEqual(out.count(" accepted "), 2, out)
            self.assertRegex(out, r"PROGRAM +TYPE +VERDICT +INSNS +STATES +TIME +REASON\n")

    def test_verdicts(self):
        progs = self.check(MIXED, code=2)
        want = {"good": "accepted", "beyond": "rejected", "optional": "accepted",
                "newer": "accepted", "netkit": "accepted", "unknown": "error"}
        self.assertEqual({n: p["verdict"] for n, p in progs.items()}, want)
        self.assertEqual((progs["newer"]["type"], progs["newer"]["attach_type"]), ("sched_cls", 46))
        self.assertIn("'nonsense'", progs["unknown"]["message"])
        beyond = progs["beyond"]
        self.assertEqual((beyond["errno"], beyond["reason"]), (13, "packet-bounds"))
        self.assertIn("invalid access to packet", beyond["message"])
        self.assertEqual(beyond["function"], "beyond")
        self.assertIn("ctx->data)[5]", beyond["source"])
        self.assertGreater(beyond["line"], 10)
        self.assertTrue(beyond["suggestion"])
        self.assertIn("1 are rejected and 1 could not be looked at", self.err)

    def test_given_type(self):
        progs = self.check(MIXED, "--type", "lwt_xmit", code=1)
        self.assertEqual((progs["unknown"]["type"], progs["unknown"]["verdict"]),
                         ("lwt_xmit", "accepted"))
        self.assertEqual(progs["good"]["type"], "xdp")
        self.fails("check", self.path("object.o"), "--type", "nothing", says="'nothing'", code=2)

    def test_some_of_them(self):
        path = compile_module(self, "object", MIXED)
        out = self.visor("check", path, "good", "newer")
        self.assertEqual(len(out.splitlines()), 3, out)
        out = self.visor("check", path, "good", "beyond", code=1)
        self.assertIn("beyond: refused: ", out)
        self.assertIn("[packet-bounds]", out)
        self.fails("check", path, "absent", says="no program 'absent'", code=2)
        self.fails("check", self.path("absent.o"), says="absent.o", code=2)

    def test_maps(self):
        path = compile_module(self, "object", MAPS)
        out = self.visor("check", path, code=2)
        self.assertRegex(out, r"sized +xdp +accepted")
        self.assertRegex(out, r"constants +xdp +accepted")
        self.assertRegex(out, r"refers +xdp +error .*map 'broken': ")
        self.assertIn("map 'unsized': max_entries is 0", out)
        self.assertIn("map 'stacks': value_size is 0", out)

    @unittest.skipUnless(HAVE_TYPES, "the kernel has no types")
    def test_kernel_types(self):
        progs = self.check(KERNEL, code=2)
        want = {"traced": "accepted", "nowhere": "error", "needs": "error",
                "may_do_without": "accepted", "replacement": "error", "undo": "accepted",
                "threshold": "rejected", "lonely": "error"}
        self.assertEqual({n: p["verdict"] for n, p in progs.items()}, want)
        self.assertIn("'no_such_point'", progs["nowhere"]["message"])
        self.assertIn("'no_such_function'", progs["needs"]["message"])
        self.assertIn("another program", progs["replacement"]["message"])
        self.assertIn("no table of struct_ops", progs["lonely"]["message"])
        # The same with the types given as a file, and without any.
        types = self.path("vmlinux.btf")
        shutil.copyfile("/sys/kernel/btf/vmlinux", types)
        progs = self.check(KERNEL, "--btf", types, code=2)
        self.assertEqual({n: p["verdict"] for n, p in progs.items()}, want)
        self.fails("check", common.module("acl"), "--btf", self.path("x", b"nothing"), says="x",
                   code=2)
        # Types that know of nothing: the object's own.
        progs = self.check(KERNEL, "--btf", self.path("object.o"), code=2)
        self.assertEqual(progs["traced"]["verdict"], "error")

    def test_optional_helper(self):
        """A helper that kernels are built with or without: their types say which."""
        without = compile_module(self, "without", MAPS)
        kernel = compile_module(self, "with", BUILT_WITH_IT)
        progs = self.check(OVERRIDE, "--btf", without, code=1)
        self.assertIn("cannot use helper bpf_override_return#58", progs["replace"]["message"])
        self.assertEqual(self.check(OVERRIDE, "--btf", kernel)["replace"]["verdict"], "accepted")

    def test_options(self):
        path = compile_module(self, "object", LOOP)
        out = self.visor("check", path, "--log", "2")
        self.assertIn("R1=ctx() R10=fp0", out)
        self.assertRegex(out, r"processed \d+ insns \(limit 1000000\)")
        prog = self.json("check", path, "--stats", "--explain", "0", "--log", "4")[0]
        self.assertIn("verification time", prog["log"])
        functions = {f["name"]: f for f in prog["functions"]}
        self.assertGreaterEqual(functions["part"]["calls"], 50)
        self.assertGreaterEqual(prog["loops"][0]["rounds"], 50)
        self.assertIn("part(ctx, i)", prog["loops"][0]["source"])
        self.assertIn("R1=ctx()", prog["explain"]["paths"][0]["before"])
        out = self.visor("check", path, "--stats", "--explain", "0")
        self.assertRegex(out, r"loop: insn 0: ")
        self.assertIn("where the steps of verification go", out)
        self.assertIn("path 1", out)
        self.assertIn("no such instruction", self.visor("check", path, "--explain", "9999"))
        for bad in (["--log", "9"], ["--explain", "-1"], ["--explain", "x"]):
            self.fails("check", path, *bad, says=bad[0], code=2)

    def test_alignment_and_privileges(self):
        source = HEAD + """
SEC("xdp") int odd(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;

	return data + 5 > end ? 1 : *(u32 *)(data + 1) & 1;
}
SEC("socket") int simple(struct __sk_buff *ctx)
{
	return 0;
}
SEC("socket") int lengthy(struct __sk_buff *ctx)
{
	asm volatile(".rept 4096; r0 = 0; .endr" ::: "r0");
	return 0;
}
"""
        self.check(source)
        progs = self.check(source, "--strict-alignment", code=1)
        self.assertIn("misaligned packet access", progs["odd"]["message"])
        progs = self.check(source, "--unprivileged", code=1)
        self.assertEqual((progs["odd"]["errno"], progs["simple"]["verdict"]), (1, "accepted"))
        self.assertEqual(progs["lengthy"]["errno"], 7)
        self.assertIn("up to 4096 instructions", progs["lengthy"]["message"])

    def test_without_root(self):
        if os.geteuid():
            self.skipTest("runs without root anyway")
        shutil.copy(common.VISOR, self.path("visor"))
        path = compile_module(self, "object", MIXED)
        os.chmod(self.dir, 0o755)
        done = subprocess.run([self.path("visor"), "check", path, "good", "--json"], user=65534,
                              group=65534, extra_groups=[], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout)[0]["verdict"], "accepted")

    def test_kernel(self):
        path = compile_module(self, "object", MIXED)
        progs = self.json("check", path, "good", "beyond", "optional", "--kernel", code=1)
        if progs[0]["kernel"]["verdict"] == "error":
            self.skipTest("the kernel does not let us: " + progs[0]["kernel"]["message"])
        if not os.uname().release.startswith("6.18."):
            self.skipTest("verdicts are those of Linux 6.18")
        for p in progs:
            self.assertIsNone(p["differs"], p)
            self.assertEqual(p["kernel"]["verdict"], p["verdict"])
        self.assertIn("outside of the packet", progs[1]["kernel"]["message"])
        out = self.visor("check", path, "good", "beyond", "--kernel", code=1)
        self.assertRegex(out, r"KERNEL +INSNS +TIME +DIFFERS +REASON\n")

    def test_hostile_objects(self):
        """Truncated and damaged objects: a verdict or an error, never a crash."""
        good = []
        for source in (MAPS, KERNEL):
            with open(compile_module(self, "x", source), "rb") as f:
                good.append(f.read())
        rng = random.Random(7)
        for i in range(80):
            data = bytearray(rng.choice(good))
            shoff = struct.unpack_from("<Q", data, 40)[0]
            if i % 8 == 0:
                data = data[:rng.randrange(len(data))]
            for _ in range(rng.randint(1, 5) if data else 0):
                low = shoff if i % 2 and shoff < len(data) else 0
                data[rng.randrange(low, len(data))] = rng.randrange(256)
            self.check_no_crash("check", self.path("bad.o", bytes(data)))


if __name__ == "__main__":
    common.main()
