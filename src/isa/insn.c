/* SPDX-License-Identifier: BSD-2-Clause */
/* isa/insn.c - the instruction table as data, and look-up by opcode. RFC 9669, sections 3 to 5. */
#include "isa/insn.h"

#include <errno.h>

enum { D = ISA_DST, S = ISA_SRC, O = ISA_OFF, I = ISA_IMM };
enum form_bits {
#define FORM(name, operands, selector, complaint) \
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

int isa_lookup_opcode(const struct bpf_insn *insn)
{
	return first[insn->code] - 1;
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

/* The register that the instruction writes besides what its callee clobbers, or -1. */
static int insn_writes(const struct bpf_insn *insn, const struct isa_desc *desc)
{
	switch (desc->form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
	case ISA_FORM_CAST:
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
	case ISA_FORM_LDX:
	case ISA_FORM_LD_IMM64:
	case ISA_FORM_LOAD_ACQ:
		return insn->dst_reg;
	case ISA_FORM_ATOMIC:
		if (insn->imm == BPF_CMPXCHG)
			return BPF_REG_0;
		return insn->imm & BPF_FETCH ? insn->src_reg : -1;
	default:
		return -1;
	}
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

static const char *insn_bad_register(uint8_t reg)
{
	static const char *const why[] = {"R11 is invalid", "R12 is invalid", "R13 is invalid",
					  "R14 is invalid", "R15 is invalid"};

	return reg > BPF_REG_10 ? why[reg - BPF_REG_10 - 1] : NULL;
}

/* What the kernel says of reserved fields, and of selecting fields that select nothing. */
static const char *insn_complaint(const struct bpf_insn *insn, const struct isa_desc *desc)
{
	static const char *const complaints[] = {
#define FORM(name, operands, selector, complaint) [ISA_FORM_##name] = complaint,
		ISA_FORMS(FORM)
#undef FORM
	};

	if ((desc->form == ISA_FORM_ALU_RR || desc->form == ISA_FORM_ALU_RI) &&
	    BPF_OP(insn->code) == BPF_MOV)
		return "BPF_MOV uses reserved fields";
	return complaints[desc->form];
}

/* Why there is no such instruction. */
static const char *insn_unknown(const struct bpf_insn *insn)
{
	struct bpf_insn word = *insn;

	if (BPF_CLASS(insn->code) == BPF_LDX &&
	    ((BPF_MODE(insn->code) != BPF_MEM && BPF_MODE(insn->code) != BPF_MEMSX) || insn->imm))
		return "BPF_LDX uses reserved fields";
	if (!first[insn->code])
		return "unknown opcode";
	if (BPF_CLASS(insn->code) == BPF_LD)
		return "unrecognized bpf_ld_imm64 insn";
	/* an atomic operation that exists, but not in this size */
	word.code = BPF_STX | BPF_ATOMIC | BPF_W;
	if (BPF_CLASS(insn->code) == BPF_STX && isa_lookup(&word) >= 0)
		return "invalid atomic operand size";
	return insn_complaint(insn, &isa_table[first[insn->code] - 1]);
}

/* The second slot of lddw and its relatives: only its immediate may be set, and that only
 * where it means something. */
static const char *insn_bad_imm64(const struct bpf_insn *insn, size_t left, int id)
{
	if (left < 2 || insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
		return "invalid bpf_ld_imm64 insn";
	if ((id == ISA_LD_MAP_FD || id == ISA_LD_MAP_IDX) && insn[1].imm)
		return "unrecognized bpf_ld_imm64 insn";
	return NULL;
}

/* True if a field is set that has no meaning. The kernel never looks at exit's offset. */
static bool insn_reserved_used(const struct bpf_insn *insn, const struct isa_desc *desc)
{
	uint8_t used = desc->operands | desc->selector;

	if (desc->form == ISA_FORM_EXIT)
		used |= ISA_OFF;
	for (int f = ISA_DST; f <= ISA_IMM; f <<= 1)
		if (!(used & f) && insn_field(insn, f))
			return true;
	return false;
}

int isa_validate(const struct bpf_insn *insn, size_t left, const char **why)
{
	int id = isa_lookup(insn);
	const struct isa_desc *desc = id < 0 ? NULL : &isa_table[id];

	*why = isa_slots(insn) == 2 ? insn_bad_imm64(insn, left, id) : NULL;
	if (!*why && !desc)
		*why = insn_unknown(insn);
	if (!*why && insn_reserved_used(insn, desc))
		*why = insn_complaint(insn, desc);
	if (!*why && desc->operands & ISA_SRC)
		*why = insn_bad_register(insn->src_reg);
	if (!*why)
		*why = insn_bad_register(insn->dst_reg);
	if (!*why)
		*why = insn_bad_imm(insn);
	if (*why)
		return -EINVAL;
	if (insn_writes(insn, desc) == BPF_REG_10) {
		*why = "frame pointer is read only";
		return -EACCES;
	}
	return 0;
}

struct isa_use isa_use(const struct bpf_insn *insn, int id)
{
	uint16_t dst = (uint16_t)(1 << insn->dst_reg), src = (uint16_t)(1 << insn->src_reg);
	bool move = BPF_OP(insn->code) == BPF_MOV;

	switch (isa_table[id].form) {
	case ISA_FORM_ALU_RR:
		return (struct isa_use){move ? src : src | dst, dst};
	case ISA_FORM_ALU_RI:
		return (struct isa_use){move ? 0 : dst, dst};
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		return (struct isa_use){dst, dst};
	case ISA_FORM_JMP_RR:
	case ISA_FORM_STX:
		return (struct isa_use){dst | src, 0};
	case ISA_FORM_JMP_RI:
	case ISA_FORM_ST:
		return (struct isa_use){dst, 0};
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		return (struct isa_use){src, dst};
	case ISA_FORM_ATOMIC:
		if (id == ISA_CMPXCHG64 || id == ISA_CMPXCHG32)
			return (struct isa_use){dst | src | 1, 1};
		return (struct isa_use){dst | src, insn->imm & BPF_FETCH ? src : 0};
	case ISA_FORM_LD_IMM64:
		return (struct isa_use){0, dst};
	case ISA_FORM_LD_ABS:
		return (struct isa_use){1 << 6, 1};
	case ISA_FORM_LD_IND:
		return (struct isa_use){1 << 6 | src, 1};
	default:
		return (struct isa_use){0, 0};
	}
}
