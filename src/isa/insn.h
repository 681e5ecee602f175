/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/insn.h - what one instruction is: the table, look-up, single-instruction validation.
 *
 * Pure functions over constant tables: no ownership, safe from any thread. Instructions
 * are the kernel's struct bpf_insn in host byte order (RFC 9669, section 3):
 *
 *      8 bits   4 bits  4 bits   16 bits    32 bits
 *    +--------+-------+-------+----------+-------------+
 *    | opcode |  dst  |  src  |  offset  |  immediate  |    lddw: a second slot follows,
 *    +--------+-------+-------+----------+-------------+    only its immediate is not zero
 */
#ifndef ISA_INSN_H
#define ISA_INSN_H

#include "base/util.h"
#include "visor/uapi.h"

/*
 * The form of an instruction: its operand fields, and the field that selects among the
 * instructions sharing its opcode. All other fields must be zero; if one is not, the kernel's
 * complaint begins with the last column (with MOV for ALU where it is a move).
 *
 *   FORM(name, operands, selecting field, complaint)      D dst  S src  O off  I imm
 */
#define ISA_FORMS(FORM)                                                       \
	FORM(ALU_RR, D | S, O, "BPF_ALU uses reserved fields")                \
	FORM(ALU_RI, D | I, O, "BPF_ALU uses reserved fields")                \
	FORM(CAST, D | S | I, O, "BPF_MOV uses reserved fields")              \
	FORM(UNARY, D, 0, "BPF_NEG uses reserved fields")                     \
	FORM(END, D, I, "BPF_END uses reserved fields")                       \
	FORM(JA, O, 0, "BPF_JA uses reserved fields")                         \
	FORM(JA32, I, 0, "BPF_JA uses reserved fields")                       \
	FORM(JCOND, O, S, "invalid may_goto")                                 \
	FORM(JMP_RR, D | S | O, 0, "BPF_JMP/JMP32 uses reserved fields")      \
	FORM(JMP_RI, D | I | O, 0, "BPF_JMP/JMP32 uses reserved fields")      \
	FORM(CALL, I, S, "BPF_CALL uses reserved fields")                     \
	FORM(KFUNC, I | O, S, "BPF_CALL uses reserved fields")                \
	FORM(CALLX, D, 0, "unknown opcode")                                   \
	FORM(EXIT, 0, 0, "BPF_EXIT uses reserved fields")                     \
	FORM(LDX, D | S | O, 0, "BPF_LDX uses reserved fields")               \
	FORM(STX, D | S | O, 0, "BPF_STX uses reserved fields")               \
	FORM(ST, D | I | O, 0, "BPF_ST uses reserved fields")                 \
	FORM(ATOMIC, D | S | O, I, "BPF_ATOMIC uses invalid atomic opcode")   \
	FORM(LOAD_ACQ, D | S | O, I, "BPF_ATOMIC uses invalid atomic opcode") \
	FORM(LD_IMM64, D | I, S, "BPF_LD_IMM64 uses reserved fields")         \
	FORM(LD_ABS, I, 0, "BPF_LD_[ABS|IND] uses reserved fields")           \
	FORM(LD_IND, S | I, 0, "BPF_LD_[ABS|IND] uses reserved fields")

enum isa_form {
#define FORM(name, operands, selector, complaint) ISA_FORM_##name,
	ISA_FORMS(FORM)
#undef FORM
		ISA_FORM_COUNT
};

/* Bits for the fields of an instruction. */
enum isa_field { ISA_DST = 1, ISA_SRC = 2, ISA_OFF = 4, ISA_IMM = 8 };

enum isa_group {
	ISA_GROUP_BASE32,
	ISA_GROUP_BASE64,
	ISA_GROUP_ATOMIC32,
	ISA_GROUP_ATOMIC64,
	ISA_GROUP_DIVMUL32,
	ISA_GROUP_DIVMUL64,
	ISA_GROUP_PACKET,
	ISA_GROUP_LINUX, /* not in RFC 9669 */
};

enum isa_id {
#define INSN(id, opcode, form, sel, group, text, mnemonic) ISA_##id,
#include "isa/isa.def"
#undef INSN
	ISA_COUNT
};

struct isa_desc {
	const char *name;     /* "ADD64_RR" */
	const char *text;     /* template in the kernel's notation */
	const char *mnemonic; /* template in the conformance suite's notation */
	int32_t sel;	      /* value of the selecting field */
	uint8_t opcode;
	uint8_t form;	  /* enum isa_form */
	uint8_t group;	  /* enum isa_group */
	uint8_t operands; /* enum isa_field bits that are operands */
	uint8_t selector; /* the enum isa_field bit that selects, or 0 */
};

extern const struct isa_desc isa_table[ISA_COUNT];

/* The instruction's id by opcode and selecting field, or -1 if there is no such instruction.
 * Reserved fields are not looked at (isa_validate does). Constant time. */
int isa_lookup(const struct bpf_insn *insn);
/* The first instruction of its opcode, whatever the selecting field says, or -1. */
int isa_lookup_opcode(const struct bpf_insn *insn);

/* Slots an instruction takes: 2 for lddw and its relatives, otherwise 1. */
static inline int isa_slots(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
}

/* True for a jump (goto, gotol, conditional, may_goto; not call, exit); *delta is then the
 * distance in slots from the following instruction, wide enough for every form. */
bool isa_jump(const struct bpf_insn *insn, int64_t *delta);

/* Sets of registers, one bit each. */
struct isa_use {
	uint16_t reads, writes;
};

/* What an instruction reads and writes by itself: nothing for calls and exit, where that depends on
 * what is called, and on who returns. id: of enum isa_id. */
struct isa_use isa_use(const struct bpf_insn *insn, int id);

/*
 * Checks everything that can be said of one instruction alone: it exists, its registers
 * do, r10 is not written, reserved fields are zero, immediates that are shift amounts or
 * divisors are legal. `left` is the number of slots up to the end of the program, this one
 * included (lddw needs two). Verdict, errno and order of the checks are the kernel's: 0,
 * -EINVAL, or -EACCES for a write to r10, with *why set to a literal, the beginning of what
 * the kernel's verifier says. One thing is accepted that the kernel does not know, callx.
 */
int isa_validate(const struct bpf_insn *insn, size_t left, const char **why);

#endif
