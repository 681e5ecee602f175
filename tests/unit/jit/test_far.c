/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branches, forward and backward, over more code than the short forms of any machine reach, and
 * over so little that all are short. What lies between is computed here, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../vm.h"

static struct bpf_insn op(unsigned code, uint8_t dst, uint8_t src, int16_t off, int64_t imm)
{
	return (struct bpf_insn){.code = (uint8_t)code,
				 .dst_reg = dst & 15,
				 .src_reg = src & 15,
				 .off = off,
				 .imm = (int32_t)imm};
}

/* The k-th number of the body: no machine makes it with less than all of its bytes. */
static uint64_t number(uint32_t k)
{
	return (k + 1) * UINT64_C(0x9e3779b97f4a7c15) | UINT64_C(0x1000100010001);
}

static uint64_t body(uint64_t x, uint32_t ops)
{
	for (uint32_t k = 0; k < ops; k++)
		x = k & 1 ? x ^ number(k) : x + number(k);
	return x;
}

static uint64_t expected(uint8_t way, uint64_t x, uint32_t ops)
{
	for (;;) {
		if (way & 1 || way == 6) {
			x *= 3;
			way >>= 1;
			if (!(way & 2))
				return x;
		} else {
			x = body(x, ops);
			if (!(way & 8))
				return x;
			way &= 7;
		}
	}
}

/* r5: which way; r3: the value. All of it is a loop, which keeps it together; the jumps that are
 * far are those to `far`, and back to 2. */
static uint32_t build(struct bpf_insn *p, uint32_t ops)
{
	uint32_t n = 8, far = 8 + 3 * ops + 6;

	p[0] = op(BPF_LDX | BPF_B | BPF_MEM, 5, 1, 0, 0);
	p[1] = op(BPF_LDX | BPF_DW | BPF_MEM, 3, 1, 8, 0);
	p[2] = op(BPF_JMP | BPF_JSET | BPF_K, 5, 0, 1, 1);
	p[3] = op(BPF_JMP | BPF_JA, 0, 0, 1, 0);
	p[4] = op(BPF_JMP32 | BPF_JA, 0, 0, 0, far - 5);
	p[5] = op(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1, 6);
	p[6] = op(BPF_JMP | BPF_JA, 0, 0, 1, 0);
	p[7] = op(BPF_JMP32 | BPF_JA, 0, 0, 0, far - 8);
	for (uint32_t k = 0; k < ops; k++) {
		p[n++] = op(BPF_LD | BPF_DW | BPF_IMM, 2, 0, 0, (int64_t)number(k));
		p[n++] = op(0, 0, 0, 0, (int64_t)(number(k) >> 32));
		p[n++] = op(BPF_ALU64 | (k & 1 ? BPF_XOR : BPF_ADD) | BPF_X, 3, 2, 0, 0);
	}
	p[n++] = op(BPF_JMP | BPF_JSET | BPF_K, 5, 0, 2, 8);
	p[n++] = op(BPF_ALU64 | BPF_MOV | BPF_X, 0, 3, 0, 0);
	p[n++] = op(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	p[n++] = op(BPF_ALU64 | BPF_AND | BPF_K, 5, 0, 0, 7);
	p[n] = op(BPF_JMP32 | BPF_JA, 0, 0, 0, 2 - (int64_t)(n + 1));
	n++;
	p[n++] = op(BPF_JMP | BPF_JA, 0, 0, 0, 0);
	p[n++] = op(BPF_ALU64 | BPF_MUL | BPF_K, 3, 0, 0, 3);
	p[n++] = op(BPF_ALU64 | BPF_RSH | BPF_K, 5, 0, 0, 1);
	p[n++] = op(BPF_JMP | BPF_JSET | BPF_K, 5, 0, 2, 2);
	p[n++] = op(BPF_ALU64 | BPF_MOV | BPF_X, 0, 3, 0, 0);
	p[n++] = op(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	p[n] = op(BPF_JMP32 | BPF_JA, 0, 0, 0, 2 - (int64_t)(n + 1));
	return n + 1;
}

static void check(uint32_t ops)
{
	struct test_prog t = {.way = TEST_NATIVE, .lenient = true};
	struct bpf_insn *insns = calloc(8 + 3 * ops + 16, sizeof(*insns));
	static struct visor_run run;
	struct visor_diag diag = {0};
	struct vm_prog *prog;

	assert_non_null(insns);
	if (test_prog_insns(&t, insns, build(insns, ops), &prog, &diag)) {
		visor_diag_print(&diag, stderr);
		fail();
	}
	vm_run_init(&run);
	for (uint8_t way = 0; way < 16; way++) {
		uint64_t mem[2] = {way, UINT64_C(0x123456789)}, r0;

		vm_enter(&run);
		assert_int_equal(vm_prog_run(prog, &run, mem, sizeof(mem), &r0), 0);
		vm_leave(&run);
		assert_int_equal(r0, expected(way, mem[1], ops));
	}
	vm_prog_unref(prog);
	free(insns);
}

static void test_distances(void **state)
{
	static const uint32_t ops[] = {0, 4, 9, 11, 12, 13, 1600, 1630, 1640, 3000, 52000, 60000};

	if (!jit_native())
		skip();
	for (uint32_t i = 0; i < ARRAY_SIZE(ops); i++)
		check(ops[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_distances)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
