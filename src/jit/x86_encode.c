/* SPDX-License-Identifier: BSD-2-Clause */
/* jit/x86_encode.c - bytes of x86-64 instructions (x86.h). */
#include "jit/x86.h"

static void encode_opcode(struct jit_emitter *e, uint32_t opcode)
{
	if (opcode > 0xffff)
		jit_put8(e, (uint8_t)(opcode >> 16));
	if (opcode > 0xff)
		jit_put8(e, (uint8_t)(opcode >> 8));
	jit_put8(e, (uint8_t)opcode);
}

/* Prefixes up to REX, then the opcode. Prefixes of the opcode come first. */
static void encode_start(struct jit_emitter *e, bool wide, bool force, uint32_t opcode, int reg,
			 int index, int base)
{
	uint8_t rex = (uint8_t)(0x40 | wide << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 |
				(base >> 3 & 1));

	if (opcode >> 24 || (opcode >> 16 && (opcode >> 16 & 0xff) != 0x0f)) {
		uint8_t prefix = opcode >> 24 ? (uint8_t)(opcode >> 24) : (uint8_t)(opcode >> 16);

		jit_put8(e, prefix);
		opcode &= opcode >> 24 ? 0xffffff : 0xffff;
	}
	if (rex != 0x40 || force)
		jit_put8(e, rex);
	encode_opcode(e, opcode);
}

static void encode_mem(struct jit_emitter *e, int reg, const struct x86_mem *m)
{
	uint8_t mod, low = (uint8_t)((reg & 7) << 3);
	bool sib = m->index != X_NONE || (m->base & 7) == X_RSP;

	if (!m->disp && (m->base & 7) != X_RBP)
		mod = 0;
	else
		mod = m->disp == (int8_t)m->disp ? 1 : 2;
	jit_put8(e, (uint8_t)(mod << 6 | low | (sib ? 4 : (m->base & 7))));
	if (sib)
		jit_put8(e, (uint8_t)(m->scale << 6 |
				      (m->index == X_NONE ? 4 : (m->index & 7)) << 3 | (m->base & 7)));
	if (mod == 1)
		jit_put8(e, (uint8_t)m->disp);
	else if (mod == 2)
		jit_put32(e, (uint32_t)m->disp);
}

void x86_rr(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, int rm)
{
	encode_start(e, wide, false, opcode, reg, 0, rm);
	jit_put8(e, (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

void x86_rm(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, const struct x86_mem *m)
{
	encode_start(e, wide, false, opcode, reg, m->index == X_NONE ? 0 : m->index, m->base);
	encode_mem(e, reg, m);
}

void x86_op(struct jit_emitter *e, bool wide, uint32_t opcode, int reg, const struct x86_operand *o)
{
	if (o->kind == X_REG)
		x86_rr(e, wide, opcode, reg, o->reg);
	else
		x86_rm(e, wide, opcode, reg, &o->mem);
}

void x86_rr8(struct jit_emitter *e, uint32_t opcode, int reg, int rm)
{
	encode_start(e, false, reg >= 4 || rm >= 4, opcode, reg, 0, rm);
	jit_put8(e, (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

void x86_rm8(struct jit_emitter *e, uint32_t opcode, int reg, const struct x86_mem *m)
{
	encode_start(e, false, reg >= 4, opcode, reg, m->index == X_NONE ? 0 : m->index, m->base);
	encode_mem(e, reg, m);
}

void x86_vex(struct jit_emitter *e, bool wide, int pp, int map, uint8_t opcode, int reg, int v,
	     const struct x86_operand *o)
{
	int base = o->kind == X_REG ? o->reg : o->mem.base;
	int index = o->kind == X_REG || o->mem.index == X_NONE ? 0 : o->mem.index;

	jit_put8(e, 0xc4);
	jit_put8(e, (uint8_t)((~reg >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 |
			      (~base >> 3 & 1) << 5 | map));
	jit_put8(e, (uint8_t)(wide << 7 | (~v & 15) << 3 | pp));
	jit_put8(e, opcode);
	if (o->kind == X_REG)
		jit_put8(e, (uint8_t)(0xc0 | (reg & 7) << 3 | (o->reg & 7)));
	else
		encode_mem(e, reg, &o->mem);
}

static void encode_imm(struct jit_emitter *e, bool byte, uint8_t size, int32_t imm)
{
	if (byte)
		jit_put8(e, (uint8_t)imm);
	else if (size == 2)
		jit_put(e, &(uint16_t){(uint16_t)imm}, 2);
	else
		jit_put32(e, (uint32_t)imm);
}

void x86_alu_imm(struct jit_emitter *e, bool wide, int op, int reg, int32_t imm)
{
	bool byte = imm == (int8_t)imm;

	if (!byte && reg == X_RAX) { /* a form without ModRM */
		if (wide)
			jit_put8(e, 0x48);
		jit_put8(e, (uint8_t)(op << 3 | 5));
	} else {
		x86_rr(e, wide, byte ? 0x83 : 0x81, op, reg);
	}
	encode_imm(e, byte, 4, imm);
}

void x86_alu_mem_imm(struct jit_emitter *e, uint8_t size, int op, const struct x86_mem *m,
		     int32_t imm)
{
	bool byte = size == 1 || imm == (int8_t)imm;

	if (size == 1)
		x86_rm(e, false, 0x80, op, m);
	else
		x86_rm(e, size == 8, (size == 2 ? 0x660000u : 0) | (byte ? 0x83u : 0x81u), op, m);
	encode_imm(e, byte, size, imm);
}

void x86_mov(struct jit_emitter *e, bool wide, int dst, int src)
{
	x86_rr(e, wide, 0x8b, dst, src);
}

void x86_mov_imm(struct jit_emitter *e, int dst, int64_t imm)
{
	if (!imm) {
		x86_rr(e, false, 0x33, dst, dst);
	} else if (imm == (int64_t)(uint32_t)imm) {
		if (dst >= 8)
			jit_put8(e, 0x41);
		jit_put8(e, (uint8_t)(0xb8 | (dst & 7)));
		jit_put32(e, (uint32_t)imm);
	} else if (imm == (int32_t)imm) {
		x86_rr(e, true, 0xc7, 0, dst);
		jit_put32(e, (uint32_t)imm);
	} else {
		jit_put8(e, dst >= 8 ? 0x49 : 0x48);
		jit_put8(e, (uint8_t)(0xb8 | (dst & 7)));
		jit_put64(e, (uint64_t)imm);
	}
}
