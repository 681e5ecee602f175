/* SPDX-License-Identifier: BSD-2-Clause */
/* What the assembler reads besides what the disassembler prints, what it refuses, and where it
 * says the mistake is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/diag.h"
#include "isa/asm.h"

static int helper(void *user, const char *name)
{
	return !strcmp(name, "bpf_map_lookup_elem") ? 1 : -1;
}

static int map(void *user, const char *name)
{
	return !strcmp(name, "acl") ? 7 : !strcmp(name, ".rodata") ? 8 : -1;
}

static const struct isa_asm_opts opts = {.helper = helper, .map = map};

static int assemble(const char *text, struct bpf_insn **insns, uint32_t *n, struct visor_diag *diag)
{
	memset(diag, 0, sizeof(*diag));
	*insns = NULL;
	*n = 0;
	return isa_assemble(text, strlen(text), &opts, insns, n, diag);
}

/* Both texts give the same bytes. */
static void same(const char *a, const char *b)
{
	struct bpf_insn *x, *y;
	struct visor_diag diag;
	uint32_t n, m;

	if (assemble(a, &x, &n, &diag) || assemble(b, &y, &m, &diag)) {
		visor_diag_print(&diag, stderr);
		fail_msg("one does not assemble:\n%s\n--\n%s", a, b);
		return;
	}
	if (n != m || memcmp(x, y, n * sizeof(*x)))
		fail_msg("different bytes:\n%s\n--\n%s", a, b);
	free(x);
	free(y);
}

static void reads_both_notations(void **state)
{
	same("r0 = *(u32 *)(r1 +4)", "ldxw %r0, [%r1+4]");
	same("r0 = *(u32 *)(r1 +4)", ".insn 0x00041061");
	same("w0 = 5\nexit", "mov32 %r0, 5\nexit");
	same("r1 = -r1", "neg %r1");
	same("r2 = bswap16 r2", "swap16 %r2");
	same("r2 = bswap64 r2", "bswap64 %r2");
	same("gotol pc+0", "ja32 +0");
	same("callx r3", "call %r3");
	same("callx r3", "call helper %r3");
	same("call 5", "call helper 5");
	same("call kfunc 42", "call runtime 0x2a");
	same("r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)", "lock cmpxchg [%r10-8], %r1");
	same("lock *(u32 *)(r10 -8) += w1", "lock add32 [%r10-8], %r1");
	same("r1 = atomic_xchg((u32 *)(r10 -8), r1)", "lock fetch xchg32 [%r10-8], %r1");
	same("r1 = load_acquire((u8 *)(r2 +1))", "ldacqb %r1, [%r2+1]");
	same("store_release((u64 *)(r1 +0), r2)", "streldw [%r1], %r2");
	same("w1 = (s8)w2", "movsx832 %r1, %r2");
	same("r0 = *(u16 *)skb[r2 + -6]", "ldindh %r2, -6");
}

static void is_tolerant(void **state)
{
	same("  r0\t=  *( u32*)( r1 + 4 ) ; comment", "r0 = *(u32 *)(r1 +4)");
	same("r0 = *(u32 *)(r1)", "r0 = *(u32 *)(r1 +0)");
	same("mov %r0,5# comment", "mov %r0, 5 // comment");
	same("ldxw %r0, [%r1 + 0x10]\r\n", "ldxw %r0, [%r1+16]");
	same("mov r0, 1\nstxdw [r10-8], r0", "mov %r0, 1\nstxdw [%r10-8], %r0");
	same("if r1 s> -5 goto +2", "if r1 s> 0xfffffffb goto pc+2");
	same("r1+=-1", "r1 += 0xffffffff");
	same("\n\n# nothing\nexit\n\n", "exit");
	same("exit", "95:exit");
}

static void reads_dumps(void **state)
{
	same("int f(struct xdp_md * ctx):\n"
	     "; return helper(ctx);\n"
	     "   0: (bf) r6 = r1\n"
	     "       bf 16 00 00 00 00 00 00\n"
	     "   1: (85) call pc+2#bpf_prog_2f3b_helper\n"
	     "   2: (18) r2 = 0x5\n"
	     "       18 02 00 00 05 00 00 00 00 00 00 00 00 00 00 00\n"
	     "   4: (b7) r0 = 0x7                       ; R0_w=7\n"
	     "   5: (85) call bpf_map_lookup_elem#1\n"
	     "   6: (85) call unknown#-99\n"
	     "   7: (95) exit\n",
	     "r6 = r1\ncall +2\nlddw %r2, 5\nmov %r0, 7\ncall 1\ncall 4294967197\nexit\n");
	/* f is a label, too */
	same("long f(int a):\nr0 = 1\ncall f\nexit", "r0 = 1\ncall pc-2\nexit");
}

static void tells_moves_from_loads(void **state)
{
	same("r1 = 5", "mov %r1, 5");
	same("r1 = -5", "mov %r1, -5");
	same("r1 = 0x5", "lddw %r1, 5");
	same("r1 = 5 ll", "lddw %r1, 5");
	same("(b7) r1 = 0x5", "mov %r1, 5");
	same("r1 = 4294967295", "lddw %r1, 0xffffffff");
	same("r1 = 0xffffffffffffffff", "lddw %r1, -1");
	same("w1 = 0xffffffff", "mov32 %r1, -1");
	same("mov %r1, 0xffffffff", "r1 = -1");
	same("mov32 %r1, 2147483648", "w1 = -2147483648");
}

static void resolves_names(void **state)
{
	same("start: r0 = 0\nif r0 == 1 goto end\ngoto start\nend:\nexit",
	     "r0 = 0\nif r0 == 1 goto +1\ngoto -3\nexit");
	same("a: b: exit\ngoto a", "exit\ngoto -2");
	same("jne %r0, 1, exit\nmov %r0, 2\nexit\nexit", "jne %r0, 1, +1\nmov %r0, 2\nexit\nexit");
	same("goto exit\nr0 = 0\nexit: r0 = 1\nexit", "goto +1\nr0 = 0\nr0 = 1\nexit");
	same("call bpf_map_lookup_elem", "call 1");
	same("call f\nexit\nf: exit", "call local f\nexit\nf: exit");
	same("call f\nexit\nf: exit", ".insn 0x0000000100001085 0x95, 0x95");
	same("call bpf_map_lookup_elem\nbpf_map_lookup_elem: exit", "call pc+0\nexit");
	same("r1 = subprog[f]\nexit\nf: exit", "lddw %r1, code_addr(+2)\nexit\nexit");
	same("r1 = map[acl]", "r1 = map[fd:7]");
	same("r1 = map[id:7]", "lddw %r1, map_by_fd(acl)");
	same("r1 = map[.rodata][0]+4", "lddw %r1, map_val(map_by_fd(8)) + 4");
	same("r1 = map[idx:2]+4", "lddw %r1, map_val(map_by_idx(2))+4");
	same(".L5: goto .L5", "goto -1");
}

static void fails(const char *text, const char *place, const char *what, const char *hint)
{
	struct bpf_insn *insns;
	struct visor_diag diag;
	uint32_t n;

	if (assemble(text, &insns, &n, &diag) != -EINVAL)
		fail_msg("assembled: %s", text);
	assert_int_equal(diag.err, -EINVAL);
	assert_string_equal(diag.stage, "assemble");
	assert_string_equal(diag.place, place);
	assert_string_equal(diag.text, what);
	assert_string_equal(diag.hint, hint);
	assert_null(insns);
}

static void says_what_is_wrong(void **state)
{
	fails("", "", "there are no instructions", "");
	fails("r0 = 0\n  ldxq %r0, [%r1]", "2:3", "unknown instruction: 'ldxq'",
	      "did you mean 'ldxb'?");
	fails("exti", "1:1", "unknown instruction: 'exti'", "did you mean 'exit'?");
	fails("ldxw %r0, [%r1", "1:15", "expected ']' or an offset, found the end of the line", "");
	fails("mov %r0 5", "1:9", "expected ',', found '5'", "");
	fails("mov %r16, 5", "1:5", "expected a register, found '%r16'", "");
	fails("exit now", "1:6", "expected the end of the line, found 'now'", "");
	fails("mov %r0, 0x100000000", "1:10",
	      "0x100000000 is out of range: an immediate is from -2147483648 to 4294967295", "");
	fails("mov %r0, -2147483649", "1:10",
	      "-2147483649 is out of range: an immediate is from -2147483648 to 4294967295", "");
	fails("r0 = *(u32 *)(r1 +32768)", "1:18",
	      "32768 is out of range: an offset is from -32768 to 32767", "");
	fails("goto -32769", "1:6", "-32769 is out of range: a distance is from -32768 to 32767",
	      "");
	fails("lddw %r0, 18446744073709551616", "1:11",
	      "'18446744073709551616' is not a 64-bit number", "");
	fails("mov %r0, 12ab", "1:10", "'12ab' is not a 64-bit number", "");
	fails("mov %r0, 0x", "1:10", "'0x' is not a 64-bit number", "");
	fails("goto nowhere\nexit", "1:6", "label 'nowhere' is not defined", "");
	fails("a:\nexit\n a: exit", "3:2", "label 'a' is already defined in line 1", "");
	fails("call bpf_foo", "1:6", "'bpf_foo' is neither a helper nor a label", "");
	fails("r1 = map[foo]", "1:10", "unknown map 'foo'",
	      "bytecode has numbers, not names: map[fd:N], map[id:N]");
	fails("r1 = -r2", "1:7", "'r2' must be the same register as before, r1", "");
	fails("r1 = \"x\"", "1:6",
	      "expected '-', '(', 'addr_space_cast', 'le16', 'le32', 'le64' or the like, "
	      "found byte 0x22",
	      "");
	fails("(b7) exit", "1:10", "opcode b7 in front is not this instruction's, 95", "");
	fails(".insn", "1:6", "expected a 64-bit word", "");
	fails(".insn 1, x", "1:10", "expected a 64-bit word", "");
}

static void limits_jumps(void **state)
{
	struct bpf_insn *insns;
	struct visor_diag diag;
	char *text = NULL;
	uint32_t n;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "goto end\ngotol end\n");
	for (int i = 0; i < 40000; i++)
		fprintf(f, "r0 = %d\n", i);
	fprintf(f, "end: exit\n");
	fclose(f);
	assert_int_equal(assemble(text, &insns, &n, &diag), -EINVAL);
	assert_string_equal(diag.place, "1:6");
	assert_string_equal(diag.text,
			    "label 'end' is 40001 instructions away, a jump reaches 32767");
	assert_string_equal(diag.hint, "'gotol' reaches farther");
	/* without the short jump it fits */
	assert_int_equal(assemble(strchr(text, '\n') + 1, &insns, &n, &diag), 0);
	assert_int_equal(n, 40002);
	assert_int_equal(insns[0].imm, 40000);
	free(insns);
	free(text);
}

static void takes_long_lines_and_any_bytes(void **state)
{
	struct bpf_insn *insns;
	struct visor_diag diag;
	char text[4096];
	uint32_t n;

	memset(text, '+', sizeof(text));
	assert_int_equal(isa_assemble(text, sizeof(text), NULL, &insns, &n, &diag), -EINVAL);
	assert_string_equal(diag.text, "the line has more than 47 tokens");
	memset(text, 'x', sizeof(text));
	assert_int_equal(isa_assemble(text, sizeof(text), NULL, &insns, &n, &diag), -EINVAL);
	memset(text, 0, sizeof(text));
	assert_int_equal(isa_assemble(text, sizeof(text), NULL, &insns, &n, &diag), -EINVAL);
	assert_string_equal(diag.text, "unknown instruction: byte 0x00");
	for (int i = 1; i < 256; i++) {
		memset(text, i, 3);
		(void)isa_assemble(text, 3, NULL, &insns, &n, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_notations),
		cmocka_unit_test(is_tolerant),
		cmocka_unit_test(reads_dumps),
		cmocka_unit_test(tells_moves_from_loads),
		cmocka_unit_test(resolves_names),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(limits_jumps),
		cmocka_unit_test(takes_long_lines_and_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
