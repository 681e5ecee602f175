/* SPDX-License-Identifier: BSD-2-Clause */
/* The table, look-up and validation by themselves; tests/isa/test_validate.c holds them against
 * the kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/insn.h"

/* The plainest instruction of a row. */
static struct bpf_insn make(int id)
{
	const struct isa_desc *desc = &isa_table[id];
	struct bpf_insn insn = {.code = desc->opcode};

	if (desc->operands & ISA_IMM)
		insn.imm = 1;
	if (desc->selector == ISA_SRC)
		insn.src_reg = (uint8_t)desc->sel & 15;
	if (desc->selector == ISA_OFF)
		insn.off = (int16_t)desc->sel;
	if (desc->selector == ISA_IMM)
		insn.imm = desc->sel;
	return insn;
}

static void expect(const struct bpf_insn *insn, int err, const char *message)
{
	struct bpf_insn pair[2] = {*insn};
	const char *why;

	assert_int_equal(isa_validate(pair, 2, &why), err);
	if (message)
		assert_string_equal(why, message);
	else
		assert_null(why);
}

static void knows_every_row(void **state)
{
	for (int id = 0; id < ISA_COUNT; id++) {
		struct bpf_insn insn = make(id);

		assert_int_equal(isa_lookup(&insn), id);
		expect(&insn, 0, NULL);
	}
}

/* Fields that are neither operand nor selector must be zero; exit's offset is the exception. */
static void refuses_reserved_fields(void **state)
{
	for (int id = 0; id < ISA_COUNT; id++) {
		uint8_t used = isa_table[id].operands | isa_table[id].selector;
		const char *why;

		for (int field = ISA_DST; field <= ISA_IMM; field <<= 1) {
			struct bpf_insn insn[2] = {make(id)};

			if (used & field)
				continue;
			if (field == ISA_DST)
				insn->dst_reg = 1;
			if (field == ISA_SRC)
				insn->src_reg = 1;
			if (field == ISA_OFF)
				insn->off = 1;
			if (field == ISA_IMM)
				insn->imm = 1;
			assert_int_equal(isa_validate(insn, 2, &why),
					 id == ISA_EXIT && field == ISA_OFF ? 0 : -EINVAL);
		}
	}
}

static void judges_operands(void **state)
{
#define EXPECT(err, message, ...) expect(&(struct bpf_insn){__VA_ARGS__}, err, message)
	EXPECT(-EINVAL, "div by zero", .code = BPF_ALU64 | BPF_DIV | BPF_K);
	EXPECT(-EINVAL, "div by zero", .code = BPF_ALU | BPF_MOD | BPF_K, .off = 1);
	EXPECT(0, NULL, .code = BPF_ALU64 | BPF_DIV | BPF_X);
	EXPECT(-EINVAL, "invalid shift", .code = BPF_ALU64 | BPF_LSH | BPF_K, .imm = 64);
	EXPECT(-EINVAL, "invalid shift", .code = BPF_ALU | BPF_ARSH | BPF_K, .imm = 32);
	EXPECT(-EINVAL, "invalid shift", .code = BPF_ALU64 | BPF_RSH | BPF_K, .imm = -1);
	EXPECT(0, NULL, .code = BPF_ALU64 | BPF_ARSH | BPF_K, .imm = 63);
	EXPECT(-EINVAL, "R11 is invalid", .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 11);
	EXPECT(-EINVAL, "R15 is invalid", .code = BPF_LDX | BPF_MEM | BPF_B, .src_reg = 15);
	EXPECT(-EACCES, "frame pointer is read only", .code = BPF_ALU64 | BPF_ADD | BPF_K,
	       .dst_reg = 10);
	EXPECT(0, NULL, .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 10, .src_reg = 10);
	/* a fetching atomic writes its source register */
	EXPECT(-EACCES, "frame pointer is read only", .code = BPF_STX | BPF_ATOMIC | BPF_W,
	       .src_reg = 10, .imm = BPF_ADD | BPF_FETCH);
	EXPECT(0, NULL, .code = BPF_STX | BPF_ATOMIC | BPF_W, .src_reg = 10, .imm = BPF_ADD);
	EXPECT(0, NULL, .code = BPF_STX | BPF_ATOMIC | BPF_DW, .src_reg = 10, .imm = BPF_CMPXCHG);
	EXPECT(-EINVAL, "BPF_ATOMIC uses invalid atomic opcode",
	       .code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_SUB);
	EXPECT(-EINVAL, "invalid atomic operand size", .code = BPF_STX | BPF_ATOMIC | BPF_B,
	       .imm = BPF_ADD);
	EXPECT(-EINVAL, "BPF_MOV uses reserved fields", .code = BPF_ALU64 | BPF_MOV | BPF_X,
	       .off = 24);
	EXPECT(-EINVAL, "BPF_END uses reserved fields", .code = BPF_ALU | BPF_END, .imm = 8);
	EXPECT(-EINVAL, "unknown opcode", .code = 0xff);
	EXPECT(-EINVAL, "BPF_LDX uses reserved fields", .code = BPF_LDX | BPF_IMM);
	EXPECT(0, NULL, .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 3);
	EXPECT(-EINVAL, "BPF_CALL uses reserved fields", .code = BPF_JMP | BPF_CALL, .off = 3);
#undef EXPECT
}

static void judges_the_second_slot(void **state)
{
	struct bpf_insn insn[2] = {{.code = BPF_LD | BPF_IMM | BPF_DW}};
	const char *why;

	assert_int_equal(isa_validate(insn, 1, &why), -EINVAL);
	assert_string_equal(why, "invalid bpf_ld_imm64 insn");
	insn[1].imm = -1;
	assert_int_equal(isa_validate(insn, 2, &why), 0);
	insn[0].src_reg = BPF_PSEUDO_MAP_FD;
	assert_int_equal(isa_validate(insn, 2, &why), -EINVAL);
	assert_string_equal(why, "unrecognized bpf_ld_imm64 insn");
	insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
	assert_int_equal(isa_validate(insn, 2, &why), 0);
	insn[1].off = 1;
	assert_int_equal(isa_validate(insn, 2, &why), -EINVAL);
}

static void measures_jumps(void **state)
{
	int64_t delta = 0;

	assert_true(isa_jump(&(struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = -3}, &delta));
	assert_int_equal(delta, -3);
	assert_true(
		isa_jump(&(struct bpf_insn){.code = BPF_JMP32 | BPF_JA, .imm = INT32_MIN}, &delta));
	assert_int_equal(delta, INT32_MIN);
	assert_true(isa_jump(
		&(struct bpf_insn){.code = BPF_JMP32 | BPF_JSET | BPF_K, .off = 7, .imm = 1},
		&delta));
	assert_int_equal(delta, 7);
	assert_true(isa_jump(&(struct bpf_insn){.code = BPF_JMP | BPF_JCOND, .off = 2}, &delta));
	assert_int_equal(delta, 2);
	assert_false(isa_jump(&(struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = 1}, &delta));
	assert_false(isa_jump(&(struct bpf_insn){.code = BPF_JMP | BPF_EXIT}, &delta));
	assert_false(isa_jump(&(struct bpf_insn){.code = 0xff}, &delta));
}

/* RFC 9669, appendix A, by the rules of its sections 4 and 5. */
static void sorts_into_groups(void **state)
{
	for (int id = 0; id < ISA_COUNT; id++) {
		const struct isa_desc *d = &isa_table[id];
		uint8_t cls = BPF_CLASS(d->opcode), op = BPF_OP(d->opcode);
		int want = ISA_GROUP_BASE32;

		if (cls == BPF_ALU64 || cls == BPF_JMP)
			want = ISA_GROUP_BASE64;
		if (cls == BPF_JMP && (op == BPF_JA || op == BPF_CALL || op == BPF_EXIT))
			want = ISA_GROUP_BASE32;
		if ((cls == BPF_ALU || cls == BPF_ALU64) &&
		    (op == BPF_MUL || op == BPF_DIV || op == BPF_MOD))
			want = cls == BPF_ALU64 ? ISA_GROUP_DIVMUL64 : ISA_GROUP_DIVMUL32;
		if ((cls == BPF_ALU || cls == BPF_ALU64) && op == BPF_END)
			want = d->sel == 64 ? ISA_GROUP_BASE64 : ISA_GROUP_BASE32;
		if (cls == BPF_LD)
			want = BPF_MODE(d->opcode) == BPF_IMM ? ISA_GROUP_BASE64 : ISA_GROUP_PACKET;
		if ((cls == BPF_LDX || cls == BPF_ST || cls == BPF_STX) &&
		    (BPF_SIZE(d->opcode) == BPF_DW || BPF_MODE(d->opcode) == BPF_MEMSX))
			want = ISA_GROUP_BASE64;
		if (cls == BPF_STX && BPF_MODE(d->opcode) == BPF_ATOMIC)
			want = BPF_SIZE(d->opcode) == BPF_DW ? ISA_GROUP_ATOMIC64
							     : ISA_GROUP_ATOMIC32;
		if (id == ISA_MAY_GOTO || id == ISA_CALL_REG || id == ISA_ADDR_SPACE_CAST ||
		    d->form == ISA_FORM_LOAD_ACQ || d->sel == BPF_STORE_REL)
			want = ISA_GROUP_LINUX;
		if (d->group != want)
			fail_msg("%s is in group %d, not %d", d->name, d->group, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_row), cmocka_unit_test(refuses_reserved_fields),
		cmocka_unit_test(judges_operands), cmocka_unit_test(judges_the_second_slot),
		cmocka_unit_test(measures_jumps),  cmocka_unit_test(sorts_into_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
