/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, labels, cut buffers and the public interface of the disassembler. That its texts are
 * the kernel's is shown by tests/isa/test_notation.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "isa/disasm.h"
#include "visor/isa.h"

static const char program[] = "	r6 = map[fd:3]\n"
			      "	if r1 == 0x5 goto pc+3\n"
			      "	call pc+3\n"
			      "	call 1\n"
			      "	goto pc-4\n"
			      "	exit\n"
			      "	r0 = *(u64 *)(r10 -8)\n"
			      "	r1 = subprog[-2]\n"
			      "	.insn 0xff\n"
			      "	if w0 & 0xffffffff goto pc+0\n";

static struct bpf_insn *insns;
static uint32_t n_insns;

static int setup(void **state)
{
	return isa_assemble(program, strlen(program), NULL, &insns, &n_insns, NULL);
}

static int teardown(void **state)
{
	free(insns);
	return 0;
}

static const char *helper(void *user, uint32_t id)
{
	return id == 1 ? "map_lookup_elem" : NULL;
}

static const char *map(void *user, const struct bpf_insn *insn)
{
	return insn->imm == 3 ? user : NULL;
}

static const char *func(void *user, uint32_t insn)
{
	return insn == 0 ? "main" : insn == 7 ? "sub" : NULL;
}

static void expect_dump(const struct isa_disasm_opts *opts, const char *want)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(isa_dump(f, insns, n_insns, opts), 0);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
}

static void prints_dumps(void **state)
{
	char acl[] = "acl";
	struct isa_disasm_opts opts = {.flags = ISA_DUMP_NUMBERS | ISA_DUMP_OPCODES,
				       .helper = helper,
				       .map = map,
				       .func = func,
				       .user = acl};

	expect_dump(&opts, "   0: (18) r6 = map[acl]\n"
			   "   2: (15) if r1 == 0x5 goto pc+3\n"
			   "   3: (85) call pc+3#sub\n"
			   "   4: (85) call bpf_map_lookup_elem#1\n"
			   "   5: (05) goto pc-4\n"
			   "   6: (95) exit\n"
			   "   7: (79) r0 = *(u64 *)(r10 -8)\n"
			   "   8: (18) r1 = subprog[-2]\n"
			   "  10: .insn 0x00000000000000ff\n"
			   "  11: (46) if w0 & 0xffffffff goto pc+0\n");
	opts.flags = ISA_DUMP_LABELS | ISA_DUMP_MAP_IDS;
	opts.map = NULL;
	expect_dump(&opts, "r6 = map[id:3]\n"
			   ".L2:\n"
			   "if r1 == 0x5 goto .L6\n"
			   "call sub\n"
			   "call bpf_map_lookup_elem#1\n"
			   "goto .L2\n"
			   ".L6:\n"
			   "exit\n"
			   "sub:\n"
			   "r0 = *(u64 *)(r10 -8)\n"
			   "r1 = subprog[sub]\n"
			   ".insn 0x00000000000000ff\n"
			   "if w0 & 0xffffffff goto .L12\n"
			   ".L12:\n");
	opts.flags = ISA_DUMP_BYTES;
	opts.notation = ISA_NOTATION_MNEMONIC;
	expect_dump(&opts, "lddw %r6, map_by_fd(3)\n"
			   "       18 16 00 00 03 00 00 00 00 00 00 00 00 00 00 00\n"
			   "jeq %r1, 0x5, +3\n"
			   "       15 01 03 00 05 00 00 00\n"
			   "call local +3#sub\n"
			   "       85 10 00 00 03 00 00 00\n"
			   "call 1\n"
			   "       85 00 00 00 01 00 00 00\n"
			   "ja -4\n"
			   "       05 00 fc ff 00 00 00 00\n"
			   "exit\n"
			   "       95 00 00 00 00 00 00 00\n"
			   "ldxdw %r0, [%r10-8]\n"
			   "       79 a0 f8 ff 00 00 00 00\n"
			   "lddw %r1, code_addr(-2)\n"
			   "       18 41 00 00 fe ff ff ff 00 00 00 00 00 00 00 00\n"
			   ".insn 0x00000000000000ff\n"
			   "       ff 00 00 00 00 00 00 00\n"
			   "jset32 %r0, 0xffffffff, +0\n"
			   "       46 00 00 00 ff ff ff ff\n");
}

/* A name that would not read back is not used. */
static void refuses_names(void **state)
{
	static const char *const names[] = {"",	    "a b", "9lives", "r1",  "w10", "id",
					    "a\nb", "a#b", "x]",     "idx", "fd",  "m\xc3\xbc"};
	char text[ISA_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct isa_disasm_opts opts = {.map = map, .user = (void *)(uintptr_t)names[i]};

		assert_int_equal(isa_disasm(insns, n_insns, 0, &opts, text, sizeof(text)), 2);
		assert_string_equal(text, "r6 = map[fd:3]");
	}
}

static void cuts_at_the_buffer(void **state)
{
	char text[ISA_TEXT_MAX], cut[ISA_TEXT_MAX];

	for (uint32_t i = 0; i < n_insns; i++) {
		isa_disasm(insns, n_insns, i, NULL, text, sizeof(text));
		for (size_t size = 1; size < sizeof(cut); size++) {
			memset(cut, 'x', sizeof(cut));
			isa_disasm(insns, n_insns, i, NULL, cut, size);
			assert_int_equal(strlen(cut), MIN(strlen(text), size - 1));
			assert_memory_equal(cut, text, strlen(cut));
		}
	}
}

static int map_fd(void *user, const char *name)
{
	return strcmp(name, "acl") ? -1 : 3;
}

static void has_a_public_face(void **state)
{
	static const char text[] = "r1 = map[acl]\ncall bpf_map_lookup_elem\nexit\n";
	struct visor_asm_opts asm_opts = {.sz = sizeof(asm_opts), .map = map_fd};
	struct visor_disasm_opts opts = {.sz = sizeof(opts), .flags = VISOR_DISASM_MNEMONIC};
	struct bpf_insn *code;
	struct visor_diag diag = {0};
	char *out = NULL;
	uint32_t n;
	size_t size;
	FILE *f;

	assert_int_equal(visor_assemble(text, strlen(text), NULL, &code, &n, &diag), -EINVAL);
	assert_string_equal(diag.text, "unknown map 'acl'");
	assert_int_equal(visor_assemble(text, strlen(text), &asm_opts, &code, &n, &diag), 0);
	assert_int_equal(n, 4);
	f = open_memstream(&out, &size);
	assert_int_equal(visor_disassemble(f, code, n, NULL, &diag), 0);
	assert_int_equal(visor_disassemble(f, code, n, &opts, &diag), 0);
	fclose(f);
	assert_string_equal(out, "r1 = map[fd:3]\ncall bpf_map_lookup_elem#1\nexit\n"
				 "lddw %r1, map_by_fd(3)\ncall 1\nexit\n");
	free(out);
	/* options of another version */
	opts.flags = 1 << 20;
	assert_int_equal(visor_disassemble(stderr, code, n, &opts, &diag), -EINVAL);
	opts.sz = 3;
	assert_int_equal(visor_disassemble(stderr, code, n, &opts, &diag), -EINVAL);
	f = fopen("/dev/full", "w");
	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	assert_int_equal(visor_disassemble(f, code, n, NULL, &diag), -EIO);
	fclose(f);
	free(code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_dumps),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(cuts_at_the_buffer),
		cmocka_unit_test(has_a_public_face),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
