/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/arm64.h - arm64: registers, and the encoding of instructions.
 *
 * Every instruction is a word of 32 bits; opcodes are written as such words with all operands 0.
 * Most have bit 31 for 64-bit operands. Register 31 is the zero register or sp, as the instruction
 * has it. Source: Arm Architecture Reference Manual for A-profile architecture, part C.
 */
#ifndef JIT_ARM64_H
#define JIT_ARM64_H

#include "jit/pass.h"
#include "jit/target.h"

enum arm64_reg {
	A64_X0,
	A64_X12 = 12,
	A64_X13,
	A64_X14,
	A64_X15,
	A64_X16, /* these two never hold values */
	A64_X17,
	A64_X19 = 19,
	A64_X28 = 28,
	A64_FP,
	A64_LR,
	A64_ZR,
	A64_SP = A64_ZR,
	A64_NONE = -1,
};

#define A64_RANGE(from, to) ((2u << (to)) - (1u << (from)))
#define A64_SAVED	    A64_RANGE(A64_X19, A64_X28)
#define A64_CALL_CLOBBERS   A64_RANGE(A64_X0, A64_X15)

enum arm64_shift { A64_LSL, A64_LSR, A64_ASR, A64_ROR };
enum arm64_extend {
	A64_UXTB,
	A64_UXTH,
	A64_UXTW,
	A64_UXTX,
	A64_SXTB,
	A64_SXTH,
	A64_SXTW,
	A64_SXTX
};

/* Opcodes of three registers; the second one may be shifted in those up to ANDS. */
#define A64_ADD	  0x0b000000u
#define A64_ADDS  0x2b000000u
#define A64_SUB	  0x4b000000u
#define A64_SUBS  0x6b000000u
#define A64_AND	  0x0a000000u
#define A64_BIC	  0x0a200000u
#define A64_ORR	  0x2a000000u
#define A64_ORN	  0x2a200000u
#define A64_EOR	  0x4a000000u
#define A64_EON	  0x4a200000u
#define A64_ANDS  0x6a000000u
#define A64_UDIV  0x1ac00800u
#define A64_SDIV  0x1ac00c00u
#define A64_LSLV  0x1ac02000u
#define A64_LSRV  0x1ac02400u
#define A64_ASRV  0x1ac02800u
#define A64_UMULH 0x9bc07c00u
/* Four registers. */
#define A64_MADD 0x1b000000u
#define A64_MSUB 0x1b008000u
/* Two registers. */
#define A64_REV	  0x5ac00800u /* the bytes of 32 bits; wide: of each half */
#define A64_CLZ	  0x5ac01000u
#define A64_REV64 0xdac00c00u
/* Fields of bits. */
#define A64_SBFM 0x13000000u
#define A64_UBFM 0x53000000u
/* Moves of 16 bits. */
#define A64_MOVN 0x12800000u
#define A64_MOVZ 0x52800000u
#define A64_MOVK 0x72800000u

/* Loads and stores, by an unsigned offset in units of their size. */
#define A64_STRB  0x39000000u
#define A64_LDRB  0x39400000u
#define A64_LDRSB 0x39800000u /* to 64 bits, and so the next two */
#define A64_STRH  0x79000000u
#define A64_LDRH  0x79400000u
#define A64_LDRSH 0x79800000u
#define A64_STRW  0xb9000000u
#define A64_LDRW  0xb9400000u
#define A64_LDRSW 0xb9800000u
#define A64_STRX  0xf9000000u
#define A64_LDRX  0xf9400000u

/* Pairs of registers of 64 bits, of 32 and of 128; the offset is in units of them. */
#define A64_STP	     0xa9000000u
#define A64_LDP	     0xa9400000u
#define A64_STP_PRE  0xa9800000u
#define A64_LDP_POST 0xa8c00000u
#define A64_STP_W    0x29000000u
#define A64_LDP_W    0x29400000u
#define A64_STP_Q    0xad000000u
#define A64_ZERO_V0  0x6f00e400u /* movi v0.2d, #0 */

/* One register and an address; bits 30 and 31 are the logarithm of the size. */
#define A64_LDAR  0x08dffc00u
#define A64_STLR  0x089ffc00u
#define A64_LDAXR 0x085ffc00u
#define A64_STLXR 0x0800fc00u
/* Read-modify-write in one, acquiring and releasing. */
#define A64_LDADDAL 0x38e00000u
#define A64_LDCLRAL 0x38e01000u
#define A64_LDEORAL 0x38e02000u
#define A64_LDSETAL 0x38e03000u
#define A64_SWPAL   0x38e08000u
#define A64_CASAL   0x08e0fc00u

/* Branches. Distances are in words, and set later. */
#define A64_B	  0x14000000u
#define A64_BL	  0x94000000u
#define A64_BCOND 0x54000000u
#define A64_CBZ	  0x34000000u
#define A64_CBNZ  0x35000000u
#define A64_TBZ	  0x36000000u
#define A64_TBNZ  0x37000000u
#define A64_BR	  0xd61f0000u
#define A64_BLR	  0xd63f0000u
#define A64_RET	  0xd65f0000u
#define A64_ADR	  0x10000000u
#define A64_ADRP  0x90000000u

enum arm64_cond {
	A64_EQ,
	A64_NE,
	A64_HS,
	A64_LO,
	A64_HI = 8,
	A64_LS,
	A64_GE,
	A64_LT,
	A64_GT,
	A64_LE
};

/* How a node is emitted: what its last argument is folded as. */
enum arm64_how {
	A64_PLAIN, /* a register, or an immediate */
	A64_SHIFTED,
	A64_EXTENDED, /* perhaps shifted */
	A64_PRODUCT,
	A64_NOT,
	A64_EXTRACT, /* both are shifts: a part of two registers in a row */
	A64_FIELD,   /* the only register argument is folded: arm64_field_of */
};

/* The field of bits that n and its folded argument are. */
struct arm64_field {
	bool wide, sign;
	unsigned immr, imms;
};

/* An address: base, base + offset, or base + (index, extended, << shift). */
struct arm64_mem {
	int8_t base, index; /* A64_NONE: none */
	uint8_t extend;	    /* UXTX (none), UXTW or SXTW */
	uint8_t shift;	    /* 0 or the logarithm of the size */
	int64_t off;
};

/* arm64_encode.c */
void arm64_word(struct jit_emitter *e, uint32_t word);
void arm64_rrr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m);
void arm64_shifted(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m,
		   enum arm64_shift shift, unsigned by);
/* Additions and subtractions; n may be sp, d too if no flags are set. */
void arm64_extended(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m,
		    enum arm64_extend extend, unsigned by);
void arm64_rrrr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m, int a);
void arm64_rr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n);
/* d = n + imm or n - imm (opcode ADD, SUB, ADDS, SUBS) of 12 bits, perhaps << 12. */
void arm64_rri(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, uint32_t imm);
/* AND, ORR, EOR, ANDS of a number that arm64_mask_fits. */
void arm64_mask(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, uint64_t mask);
bool arm64_mask_fits(bool wide, uint64_t mask);
static inline bool arm64_imm_fits(uint64_t imm)
{
	return imm < 0x1000 || (imm < 0x1000000 && !(imm & 0xfff));
}
/* Bits `from` to `to` (SBFM, UBFM): imms and immr as the manual has them. */
void arm64_field(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, unsigned immr,
		 unsigned imms);
void arm64_lsl(struct jit_emitter *e, bool wide, int d, int n, unsigned by);
/* The low half of n:m, from bit `by` on. */
void arm64_extr(struct jit_emitter *e, bool wide, int d, int n, int m, unsigned by);
void arm64_mov(struct jit_emitter *e, bool wide, int d, int n);
void arm64_mov_imm(struct jit_emitter *e, int d, uint64_t imm);
/* The same with so many instructions, each of which sets 16 bits, the lowest first. */
void arm64_mov_parts(struct jit_emitter *e, int d, uint64_t imm, unsigned parts);
/* opcode as above. The address must be one that the instruction has. */
void arm64_mem(struct jit_emitter *e, uint32_t opcode, int t, const struct arm64_mem *m);
bool arm64_off_fits(unsigned size, int64_t off);
void arm64_pair(struct jit_emitter *e, uint32_t opcode, int t, int t2, int base, int off);
/* `size` in bytes; s: the register that exclusive stores report to, compares expect in, the operand
 * of read-modify-write; otherwise 31. */
void arm64_atomic(struct jit_emitter *e, uint32_t opcode, unsigned size, int s, int t, int base);

/* arm64.c. False, if they are not one. */
bool arm64_field_of(const struct ir_node *n, struct arm64_field *f);
/* The number is 2^k + 1: k; otherwise 0. */
unsigned arm64_times(const struct ir_node *n);
/* The condition and number to compare with; false: the number must be in a register. */
bool arm64_compare(const struct ir_node *n, enum ir_cond *cond, uint64_t *imm);

/* arm64_emit.c */
void arm64_frame(struct jit_emitter *e, uint32_t slots);
void arm64_emit_block(struct jit_emitter *e, struct ir_block *b);
void arm64_move(struct jit_emitter *e, const struct jit_move *m);
void arm64_swap(struct jit_emitter *e, int32_t a, int32_t b);
void arm64_fixup(uint8_t *field, uint32_t size, int64_t distance);
bool arm64_relocate(uint8_t *field, uint8_t form, int64_t value, uint64_t at);

#endif
