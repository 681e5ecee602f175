/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/x86.h - x86-64: registers, and the encoding of instructions.
 *
 *   [66] [F2 F3] [REX W R X B] [0F [38 3A]] opcode  ModRM [SIB] [disp] [imm]
 *
 * Opcodes are written with their prefixes: 0x0fb6 is 0F B6, 0x660f... has an operand size
 * prefix. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
#ifndef JIT_X86_H
#define JIT_X86_H

#include "jit/pass.h"
#include "jit/target.h"

enum x86_reg {
	X_RAX, X_RCX, X_RDX, X_RBX, X_RSP, X_RBP, X_RSI, X_RDI,
	X_R8, X_R9, X_R10, X_R11, X_R12, X_R13, X_R14, X_R15,
	X_NONE = -1,
};

#define X_SAVED (1u << X_RBX | 1u << X_RBP | 1u << X_R12 | 1u << X_R13 | 1u << X_R14 | 1u << X_R15)
#define X_CALL_CLOBBERS (0xffffu & ~X_SAVED & ~(1u << X_RSP))

/* How a node is emitted, where there is a choice. */
enum x86_how {
	X_PLAIN,
	X_NARROW, /* BRANCH: compared at the width of the load that is its left side */
	X_MODIFY, /* STORE: what it stores is computed in memory; the load is the left side of it */
};

struct x86_mem {
	int8_t base, index; /* X_NONE: none */
	uint8_t scale;	    /* 0 to 3 */
	int32_t disp;
};

/* An operand of an instruction. */
struct x86_operand {
	enum { X_REG, X_MEM, X_IMM } kind;
	int8_t reg;
	struct x86_mem mem;
	int64_t imm;
};

/* x86_encode.c. `wide`: 64-bit operand. reg is the field of ModRM, or the opcode's extension. */
void x86_rr(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, int rm);
void x86_rm(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, const struct x86_mem *m);
void x86_op(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, const struct x86_operand *o);
/* The same for bytes, whose registers 4 to 7 need a prefix. */
void x86_rr8(struct jit_emitter *e, uint32_t opcode, int reg, int rm);
void x86_rm8(struct jit_emitter *e, uint32_t opcode, int reg, const struct x86_mem *m);
/* VEX encoded, three operands: pp is 0 (none), 1 (66), 2 (F3), 3 (F2); map 2 is 0F38, 3 is 0F3A. */
void x86_vex(struct jit_emitter *e, bool wide, int pp, int map, uint8_t opcode, int reg, int v,
	     const struct x86_operand *o);
/* op (0 add, 1 or, 4 and, 5 sub, 6 xor, 7 cmp) with an immediate of 32 bits. */
void x86_alu_imm(struct jit_emitter *e, bool wide, int op, int reg, int32_t imm);
void x86_alu_mem_imm(struct jit_emitter *e, uint8_t size, int op, const struct x86_mem *m,
		     int32_t imm);
void x86_mov(struct jit_emitter *e, bool wide, int dst, int src);
void x86_mov_imm(struct jit_emitter *e, int dst, int64_t imm);

/* x86_emit.c */
void x86_frame(struct jit_emitter *e, uint32_t slots);
void x86_emit_block(struct jit_emitter *e, struct ir_block *b);
void x86_move(struct jit_emitter *e, const struct jit_move *m);
void x86_swap(struct jit_emitter *e, int32_t a, int32_t b);
void x86_fixup(uint8_t *field, uint32_t size, int64_t distance);
bool x86_relocate(uint8_t *field, uint8_t form, int64_t value, uint64_t at);
/* Saves registers and takes the frame; gives them back. */
void x86_enter(struct jit_emitter *e);
void x86_leave(struct jit_emitter *e);
/* Clears the stack of the program, if it could see what is there. */
void x86_clear(struct jit_emitter *e);

/* x86_batch.c */
bool x86_batch(struct jit_emitter *e, uint32_t slots);
/* In place of what the function begins with, and of a return. */
void x86_batch_enter(struct jit_emitter *e, struct ir_block *first);
void x86_batch_return(struct jit_emitter *e, struct ir_node *n);

#endif
