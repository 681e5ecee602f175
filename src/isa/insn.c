/* SPDX-License-Identifier: BSD-2-Clause */
/* isa/insn.c - the instruction table as data, and look-up by opcode. RFC 9669, sections 3 to 5. */
#include "isa/insn.h"

#include <errno.h>

enum { D = ISA_DST, S = ISA_SRC, O = ISA_OFF, I = ISA_IMM };

enum form_bits {
#define FORM(name, operands, selector) \
	FORM_OPERANDS_##name = (operands), FORM_SELECTOR_##name = (selector),
	ISA_FORMS(FORM)
#undef FORM
};

const struct isa_desc isa_table[ISA_COUNT] = {
#define INSN(id, code, form_, sel_, group_, text_, mnemonic_) \
	[ISA_##id] = {                                        \
		.name = #id,                                  \
		.text = text_,                                \
		.mnemonic = mnemonic_,                        \
		.sel = sel_,                                  \
		.opcode = code,                               \
		.form = ISA_FORM_##form_,                     \
		.group = ISA_GROUP_##group_,                  \
		.operands = FORM_OPERANDS_##form_,            \
		.selector = FORM_SELECTOR_##form_,            \
	},
#include "isa/isa.def"
#undef INSN
};

/* Rows by opcode: first[opcode] is 1 + the first row's id, next[id] the same for the next row. */
static uint8_t first[256], next[ISA_COUNT];
_Static_assert(ISA_COUNT < 255, "row numbers fit uint8_t");

__attribute__((constructor)) static void insn_index(void)
{
	for (int id = ISA_COUNT - 1; id >= 0; id--) {
		next[id] = first[isa_table[id].opcode];
		first[isa_table[id].opcode] = (uint8_t)(id + 1);
	}
}

static int32_t insn_field(const struct bpf_insn *insn, int field)
{
	switch (field) {
	case ISA_DST:
		return insn->dst_reg;
	case ISA_SRC:
		return insn->src_reg;
	case ISA_OFF:
		return insn->off;
	case ISA_IMM:
		return insn->imm;
	default:
		return 0;
	}
}

int isa_lookup(const struct bpf_insn *insn)
{
	for (int n = first[insn->code]; n; n = next[n - 1])
		if (insn_field(insn, isa_table[n - 1].selector) == isa_table[n - 1].sel)
			return n - 1;
	return -1;
}

bool isa_jump(const struct bpf_insn *insn, int64_t *delta)
{
	int id = isa_lookup(insn);

	if (id < 0)
		return false;
	switch (isa_table[id].form) {
	case ISA_FORM_JA:
	case ISA_FORM_JCOND:
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		*delta = insn->off;
		return true;
	case ISA_FORM_JA32:
		*delta = insn->imm;
		return true;
	default:
		return false;
	}
}

/* True if the instruction changes the register in its dst field. */
static bool insn_writes_dst(int form)
{
	return form == ISA_FORM_ALU_RR || form == ISA_FORM_ALU_RI || form == ISA_FORM_UNARY ||
	       form == ISA_FORM_END || form == ISA_FORM_LDX || form == ISA_FORM_LD_IMM64 ||
	       form == ISA_FORM_LOAD_ACQ;
}

/* Shift amounts must be below the width, constant divisors must not be zero. */
static const char *insn_bad_imm(const struct bpf_insn *insn)
{
	uint8_t cls = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	uint32_t width = cls == BPF_ALU64 ? 64 : 32;

	if ((cls != BPF_ALU && cls != BPF_ALU64) || BPF_SRC(insn->code) != BPF_K)
		return NULL;
	if ((op == BPF_DIV || op == BPF_MOD) && insn->imm == 0)
		return "div by zero";
	if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && (uint32_t)insn->imm >= width)
		return "invalid shift";
	return NULL;
}

int isa_validate(const struct bpf_insn *insn, size_t left, const char **why)
{
	const struct isa_desc *desc;
	int id = isa_lookup(insn);

	*why = NULL;
	if (id < 0) {
		*why = first[insn->code] ? "uses reserved fields" : "unknown opcode";
		return -EINVAL;
	}
	desc = &isa_table[id];
	for (int f = ISA_DST; f <= ISA_IMM; f <<= 1)
		if (!((desc->operands | desc->selector) & f) && insn_field(insn, f))
			*why = "uses reserved fields";
	if (insn->dst_reg > BPF_REG_10 ||
	    ((desc->operands & ISA_SRC) && insn->src_reg > BPF_REG_10))
		*why = "R11 is invalid";
	else if (insn->dst_reg == BPF_REG_10 && insn_writes_dst(desc->form))
		*why = "frame pointer is read only";
	else if (!*why)
		*why = insn_bad_imm(insn);
	if (isa_slots(insn) == 2 && !*why) {
		if (left < 2 || insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
			*why = "invalid bpf_ld_imm64 insn";
	}
	return *why ? -EINVAL : 0;
}
