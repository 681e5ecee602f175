/* SPDX-License-Identifier: BSD-2-Clause */
/* The rewriting itself, instruction by instruction; what it refuses. That the results run is
 * tested on the engines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/stitch.h"
#include "isa/insn.h"

#define MOV(d, i) ((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = d, .imm = i})
#define COPY(d, s) \
	((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = d, .src_reg = s})
#define ADD(d, i) ((struct bpf_insn){.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = d, .imm = i})
#define STORE(o)  ((struct bpf_insn){.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = o})
#define JEQ(d, o) ((struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = d, .off = o})
#define CALL(i) \
	((struct bpf_insn){.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = i})
#define FUNC(d, i)                                            \
	((struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW, \
			   .dst_reg = d,                      \
			   .src_reg = BPF_PSEUDO_FUNC,        \
			   .imm = i}),                        \
		((struct bpf_insn){0})
#define EXIT ((struct bpf_insn){.code = BPF_JMP | BPF_EXIT})

static struct stitch how(void)
{
	return (struct stitch){.hook = hook_get(CHAIN_HOOK_XDP),
			       .row_other = 5,
			       .row_missed = 6,
			       .slots_fd = 70,
			       .counters_fd = 71,
			       .base = 0,
			       .stride = 128,
			       .n_cpus = 2};
}

static int stitch(const struct bpf_insn *insns, uint32_t n, struct stitched *out,
		  struct visor_diag *d)
{
	union bpf_attr attr = {.insn_cnt = n, .insns = (uintptr_t)insns};
	struct stitch s = how();

	memset(d, 0, sizeof(*d));
	return stitch_program(&s, &attr, out, d);
}

/* Every instruction is legal by itself, and no jump leaves the program. */
static void check_legal(const struct stitched *st)
{
	for (uint32_t i = 0; i < st->n_insns; i++) {
		const char *why;
		int64_t delta;

		if (isa_validate(&st->insns[i], st->n_insns - i, &why))
			fail_msg("insn %u: %s", i, why);
		if (isa_jump(&st->insns[i], &delta))
			assert_in_range((int64_t)i + 1 + delta, 0, st->n_insns - 1);
		i += (uint32_t)isa_slots(&st->insns[i]) - 1;
	}
}

static void exits_become_jumps(void **state)
{
	const struct bpf_insn insns[] = {JEQ(1, 2), MOV(0, 1), EXIT, MOV(0, 2), EXIT};
	struct stitched st;
	struct visor_diag d;

	assert_int_equal(stitch(insns, 5, &st, &d), 0);
	check_legal(&st);
	/* r6 is not used by main: it keeps the context. */
	assert_int_equal(st.insns[0].code, BPF_ALU64 | BPF_MOV | BPF_X);
	assert_int_equal(st.insns[0].dst_reg, 6);
	assert_int_equal(st.insns[0].src_reg, 1);
	assert_memory_equal(&st.insns[1], &insns[0], 2 * sizeof(*insns));
	assert_int_equal(st.insns[3].code, BPF_JMP | BPF_JA);
	assert_int_equal(st.insns[3].off, 2);
	assert_int_equal(st.insns[5].code, BPF_JMP | BPF_JA);
	assert_int_equal(st.insns[5].off, 0);
	assert_int_equal(st.insns[st.n_insns - 1].code, BPF_JMP | BPF_EXIT);
	stitched_free(&st);
}

static void register_and_stack(void **state)
{
	struct bpf_insn insns[] = {MOV(6, 0),	MOV(7, 0),  MOV(8, 0),	 MOV(9, 0), STORE(-16),
				   COPY(2, 10), COPY(3, 2), ADD(3, -60), MOV(0, 2), EXIT};
	struct stitched st;
	struct visor_diag d;

	/* All of r6..r9 are used, 60 bytes of stack are seen to be: the next 8 hold the context. */
	assert_int_equal(stitch(insns, ARRAY_SIZE(insns), &st, &d), 0);
	check_legal(&st);
	assert_int_equal(st.insns[0].code, BPF_STX | BPF_MEM | BPF_DW);
	assert_int_equal(st.insns[0].dst_reg, 10);
	assert_int_equal(st.insns[0].off, -72);
	stitched_free(&st);
	insns[7] = ADD(3, -500);
	assert_int_equal(stitch(insns, ARRAY_SIZE(insns), &st, &d), 0);
	assert_int_equal(st.insns[0].off, -512);
	stitched_free(&st);
	insns[7] = ADD(3, -505);
	assert_int_equal(stitch(insns, ARRAY_SIZE(insns), &st, &d), -E2BIG);
	assert_string_equal(d.hint, "reduce the stack use of its main function by 8 bytes");
	assert_null(st.insns);
	insns[0] = MOV(0, 0); /* r6 is free: the stack may be full */
	assert_int_equal(stitch(insns, ARRAY_SIZE(insns), &st, &d), 0);
	assert_int_equal(st.insns[0].dst_reg, 6);
	stitched_free(&st);
}

/* References into subprograms move, those within do not; records of lines and functions too. */
static void subprograms(void **state)
{
	const struct bpf_insn insns[] = {/* 0 */ CALL(5),    /* to 6 */
					 /* 1 */ FUNC(2, 6), /* to 8 */
					 /* 3 */ CALL(2),    /* to 6 */
					 /* 4 */ MOV(0, 2),  EXIT,
					 /* 6 */ CALL(1), /* to 8 */
					 /* 7 */ EXIT,
					 /* 8 */ MOV(0, 0),  EXIT};
	uint32_t funcs[][2] = {{0, 1}, {6, 2}, {8, 3}};
	uint32_t lines[][4] = {{0}, {4}, {6}, {8}, {9}};
	union bpf_attr attr = {.insn_cnt = ARRAY_SIZE(insns),
			       .insns = (uintptr_t)insns,
			       .func_info = (uintptr_t)funcs,
			       .func_info_cnt = 3,
			       .func_info_rec_size = sizeof(funcs[0]),
			       .line_info = (uintptr_t)lines,
			       .line_info_cnt = 5,
			       .line_info_rec_size = sizeof(lines[0])};
	struct stitch s = how();
	struct visor_diag d;
	struct stitched st;
	uint32_t tail;
	const uint32_t(*f)[2], (*l)[4];

	assert_int_equal(stitch_program(&s, &attr, &st, &d), 0);
	check_legal(&st);
	tail = st.n_insns - (uint32_t)ARRAY_SIZE(insns) - 1;
	assert_int_equal(st.insns[1].imm, 5 + tail);
	assert_int_equal(st.insns[2].imm, 6 + tail);
	assert_int_equal(st.insns[4].imm, 2 + tail);
	assert_int_equal(st.insns[7 + tail].imm, 1);
	assert_int_equal(st.insns[8 + tail].code, BPF_JMP | BPF_EXIT); /* not main's */
	assert_int_equal(st.insns[6].code, BPF_JMP | BPF_JA);
	f = st.func_info;
	assert_int_equal(f[0][0], 0);
	assert_int_equal(f[1][0], 7 + tail);
	assert_int_equal(f[2][0], 9 + tail);
	assert_int_equal(f[2][1], 3);
	l = st.line_info;
	assert_int_equal(l[0][0], 0);
	assert_int_equal(l[1][0], 5);
	assert_int_equal(l[2][0], 7 + tail);
	assert_int_equal(l[4][0], 10 + tail);
	stitched_apply(&st, &attr);
	assert_int_equal(attr.insn_cnt, st.n_insns);
	assert_ptr_equal((void *)(uintptr_t)attr.line_info, st.line_info);
	stitched_free(&st);
}

static void far_exits(void **state)
{
	uint32_t n = 40000;
	struct bpf_insn *insns = calloc(n, sizeof(*insns));
	struct stitched st;
	struct visor_diag d;

	for (uint32_t i = 0; i < n; i++)
		insns[i] = MOV(0, 1);
	insns[1] = insns[n - 32769] = insns[n - 32768] = insns[n - 1] = EXIT;
	assert_int_equal(stitch(insns, n, &st, &d), 0);
	check_legal(&st);
	assert_int_equal(st.insns[2].code, BPF_JMP32 | BPF_JA);
	assert_int_equal(st.insns[2].imm, n - 2);
	assert_int_equal(st.insns[n - 32769 + 1].code, BPF_JMP32 | BPF_JA);
	assert_int_equal(st.insns[n - 32768 + 1].code, BPF_JMP | BPF_JA);
	assert_int_equal(st.insns[n - 32768 + 1].off, INT16_MAX);
	stitched_free(&st);
	free(insns);
}

static void refuses(void **state)
{
	const struct bpf_insn self[] = {CALL(-1), EXIT}, away[] = {CALL(100), EXIT},
			      cut[] = {MOV(0, 0), {.code = BPF_LD | BPF_IMM | BPF_DW}};
	union bpf_attr attr = {.insn_cnt = 2, .insns = (uintptr_t)self, .core_relo_cnt = 1};
	struct stitch s = how();
	struct stitched st;
	struct visor_diag d;

	assert_int_equal(stitch(self, 2, &st, &d), -EINVAL);
	assert_string_equal(d.text, "the main program calls itself");
	assert_string_equal(d.place, "insn 0");
	assert_int_equal(stitch(away, 2, &st, &d), -EINVAL);
	assert_string_equal(d.text, "a call leads out of the program");
	assert_int_equal(stitch(cut, 2, &st, &d), -EINVAL);
	assert_int_equal(stitch(self, 0, &st, &d), -E2BIG);
	attr.insns = (uintptr_t)(const struct bpf_insn[]){MOV(0, 0), EXIT};
	assert_int_equal(stitch_program(&s, &attr, &st, &d), -EOPNOTSUPP);
	attr.core_relo_cnt = 0;
	attr.func_info_cnt = 1;
	assert_int_equal(stitch_program(&s, &attr, &st, &d), -EINVAL);
	assert_null(st.insns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exits_become_jumps),
		cmocka_unit_test(register_and_stack),
		cmocka_unit_test(subprograms),
		cmocka_unit_test(far_exits),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
