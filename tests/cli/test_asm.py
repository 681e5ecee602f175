#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""visor asm and visor disasm: formats, round trips, objects, wrong input."""
import random
import re
import struct

import common

PROGRAM = """
        r6 = r1
        r2 = *(u32 *)(r6 +4)
        r1 = *(u32 *)(r6 +0)
        r1 += 14
        r0 = 1                  ; drop what is too short
        if r1 > r2 goto out
        call ktime_get_ns
        r0 = 2
out:    exit
"""


class Asm(common.Case):
    def test_formats(self):
        text = b"r0 = 2\nexit\n"
        self.assertEqual(self.visor("asm", "-", stdin=text),
                         "b7 00 00 00 02 00 00 00\n95 00 00 00 00 00 00 00\n")
        self.assertEqual(self.visor("asm", "-", "--format", "c", stdin=text),
                         "{0xb7, 0, 0, 0, 2},\n{0x95, 0, 0, 0, 0},\n")
        out = self.path("prog.bin")
        self.assertEqual(self.visor("asm", self.path("p.s", text), "-o", out), "")
        with open(out, "rb") as f:
            self.assertEqual(f.read(), bytes.fromhex("b700000002000000 9500000000000000"))
        raw = self.run_visor("asm", "-", "--format", "raw", stdin=text).stdout
        self.assertEqual(raw, bytes.fromhex("b700000002000000 9500000000000000"))
        self.fails("asm", "-", "--format", "elf", stdin=text, code=2, says="unknown format 'elf'")

    def test_round_trip(self):
        code = self.visor("asm", "-", stdin=PROGRAM.encode())
        text = self.visor("disasm", "-", stdin=code.encode())
        self.assertIn("   5: (2d) if r1 > r2 goto pc+2", text)
        self.assertIn("call bpf_ktime_get_ns#5", text)
        self.assertEqual(self.visor("asm", "-", stdin=text.encode()), code)
        # Whatever disasm prints can be read again: with opcodes, in mnemonics, as raw bytes.
        for option in ("--opcodes", "--mnemonic"):
            text = self.visor("disasm", "-", option, stdin=code.encode())
            self.assertEqual(self.visor("asm", "-", stdin=text.encode()), code, text)
        raw = bytes.fromhex(code)
        self.assertEqual(self.visor("disasm", self.path("p.bin", raw)),
                         self.visor("disasm", "-", stdin=code.encode()))

    def test_errors_name_the_place(self):
        self.fails("asm", self.path("bad.s", "r0 = 2\nr0 = = 3\n"), says="bad.s:2:")
        self.fails("asm", "-", stdin=b"r0 = 2\ngoto nowhere\nexit\n",
                   says=["standard input:2:", "nowhere"])
        self.fails("asm", self.path("empty.s", ""), says="empty.s")
        self.fails("asm", self.path("missing.s"), says=["missing.s", "No such file"])
        self.fails("asm", self.dir, says="Is a directory")
        self.fails("asm", "-", "-o", self.dir + "/no/where", stdin=b"exit", says="cannot write")
        self.fails("disasm", "-", stdin=b"95 00 00", says="whole number of instructions")
        self.fails("disasm", "-", stdin=b"", says="0 bytes")
        self.fails("disasm", "-", "--format", "hex", stdin=b"95 zz", says="1:4: ")
        self.fails("disasm", "-", "--format", "elf", stdin=b"95 zz", says="not an ELF object")
        self.fails("disasm", "/bin/true", says="another machine")

    def test_failed_output_leaves_nothing(self):
        self.fails("asm", self.path("bad.s", "nonsense"), "-o", self.path("out.bin"), says="bad.s:1")
        with self.assertRaises(FileNotFoundError):
            open(self.path("out.bin"), "rb")


class Objects(common.Case):
    def test_object(self):
        text = self.visor("disasm", common.module("acl"))
        self.assertIn("; section xdp\nacl_xdp:\n", text)
        self.assertIn("r1 = map[sources4]", text)
        self.assertIn("call bpf_map_lookup_elem#1", text)
        self.assertRegex(text, r"; .*ctx->data_end;\n +0: \(61\) r\d = \*\(u32 \*\)\(r1 \+4\)")
        self.assertNotRegex(text, r"\.insn")
        plain = self.visor("disasm", common.module("acl"), "--no-source", "--section", "xdp")
        self.assertNotIn("ctx->data_end", plain)
        self.assertNotIn("acl_tc:", plain)
        self.fails("disasm", common.module("acl"), "--section", "nope", says="no program section")

    def test_json(self):
        sections = self.json("disasm", common.module("acl"))
        first = sections["xdp"][0]
        self.assertEqual(first["function"], "acl_xdp")
        self.assertEqual(len(bytes.fromhex(first["bytes"])), 8)
        self.assertTrue(first["file"].endswith("acl.bpf.c"))
        self.assertGreater(first["line"], 0)
        # The instructions are all there, in order.
        at = 0
        for insn in sections["xdp"]:
            self.assertEqual(insn["insn"], at)
            at += len(insn["bytes"]) // 16

    def test_truncated_and_mutated(self):
        with open(common.module("acl"), "rb") as f:
            good = f.read()
        bad = self.path("bad.o")
        step = max(1, len(good) // 150)
        for size in range(0, len(good), step):
            self.path("bad.o", good[:size])
            self.check_no_crash("disasm", bad)
        rng = random.Random(1)
        for _ in range(150):
            data = bytearray(good)
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            self.path("bad.o", bytes(data))
            self.check_no_crash("disasm", bad)
        # Section headers and the type information get most of the trouble.
        shoff = struct.unpack_from("<Q", good, 40)[0]
        for _ in range(150):
            data = bytearray(good)
            for _ in range(rng.randint(1, 3)):
                at = shoff + 8 * rng.randrange((len(data) - shoff) // 8)
                struct.pack_into("<Q", data, at, rng.choice([0, 1, 7, 2**32 - 1, 2**63, 2**64 - 8,
                                                             len(data), rng.randrange(len(data))]))
            self.path("bad.o", bytes(data))
            self.check_no_crash("disasm", bad)

    def test_random_bytes(self):
        rng = random.Random(2)
        for _ in range(60):
            data = bytes(rng.randrange(256) for _ in range(8 * rng.randint(1, 40)))
            code, _ = self.check_no_crash("disasm", "--format", "raw", "-", stdin=data)
            self.assertEqual(code, 0)
            text = self.visor("disasm", "--format", "raw", "-", stdin=data)
            again = self.run_visor("asm", "--format", "raw", "-", stdin=text.encode()).stdout
            self.assertEqual(again, data, text)

    def test_terminal_is_safe(self):
        # Names in an object are not trusted: no escape sequence reaches the terminal.
        with open(common.module("acl"), "rb") as f:
            good = f.read()
        data = good.replace(b"ctx->data_end;", b"\x1b[31m\x1b]0;x\x07dd;")
        text = self.visor("disasm", self.path("esc.o", data))
        self.assertNotIn("\x1b", text)
        self.assertNotEqual(re.sub(r"\?", "", text), text)
        # In JSON they are escaped, and what is not UTF-8 is replaced.
        data = good.replace(b"ctx->data_end;", b"\x1b\"\\\xff\xc3\xa9\xe2\x82\xac\xed\xa0\x80x;")
        self.assertEqual(len(data), len(good))
        sections = self.json("disasm", self.path("esc.o", data))
        sources = {i.get("source", "") for i in sections["xdp"]}
        self.assertTrue(any("\x1b\"\\\ufffd\u00e9\u20ac\ufffd" in s for s in sources), sources)


if __name__ == "__main__":
    common.main()
