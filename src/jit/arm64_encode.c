/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/arm64_encode.c - words of arm64 instructions (arm64.h).
 *
 * The one that is not obvious is the immediate of logical operations: a pattern of 2, 4, ... or 64
 * bits, repeated to fill the register, that is a run of ones, rotated.
 */
#include "jit/arm64.h"

#define RD(r)	((uint32_t)(r)&31)
#define RN(r)	(((uint32_t)(r)&31) << 5)
#define RA(r)	(((uint32_t)(r)&31) << 10)
#define RM(r)	(((uint32_t)(r)&31) << 16)
#define WIDE(w) ((w) ? 1u << 31 : 0)

void arm64_word(struct jit_emitter *e, uint32_t word)
{
	jit_put32(e, word);
}

void arm64_rrr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m)
{
	arm64_word(e, opcode | WIDE(wide) | RM(m) | RN(n) | RD(d));
}

void arm64_shifted(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m,
		   enum arm64_shift shift, unsigned by)
{
	arm64_rrr(e, wide, opcode | (uint32_t)shift << 22 | by << 10, d, n, m);
}

void arm64_extended(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m,
		    enum arm64_extend extend, unsigned by)
{
	arm64_rrr(e, wide, opcode | 1u << 21 | (uint32_t)extend << 13 | by << 10, d, n, m);
}

void arm64_rrrr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, int m, int a)
{
	arm64_rrr(e, wide, opcode | RA(a), d, n, m);
}

void arm64_rr(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n)
{
	arm64_word(e, opcode | WIDE(wide) | RN(n) | RD(d));
}

void arm64_rri(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, uint32_t imm)
{
	uint32_t field = imm < 0x1000 ? imm << 10 : 1u << 22 | (imm >> 12) << 10;

	/* The form with an immediate differs from that with registers in bits 24 and 28. */
	arm64_rr(e, wide, (opcode ^ 0x1a000000) | field, d, n);
}

/* The field N:immr:imms of a logical immediate. False: the number has no such form. */
static bool mask_field(bool wide, uint64_t mask, uint32_t *field)
{
	unsigned size = 64, ones, rotate;
	uint64_t part;

	if (!wide)
		mask = (uint32_t)mask | mask << 32;
	if (!mask || !~mask)
		return false;
	while (size > 2 && ((mask ^ mask >> size / 2) & jit_mask(size / 2)) == 0)
		size /= 2;
	part = mask & jit_mask(size);
	ones = (unsigned)__builtin_popcountll(part);
	/* Turned so that it begins with the first of a run. */
	if (part & 1 && part >> (size - 1) & 1)
		rotate = size - (unsigned)__builtin_clzll(~(part << (64 - size)));
	else
		rotate = (unsigned)__builtin_ctzll(part);
	part = rotate ? part >> rotate | part << (size - rotate) : part;
	if ((part & jit_mask(size)) != jit_mask(ones))
		return false;
	rotate = (size - rotate) % size;
	*field = (size == 64 ? 1u << 12 : 0) | rotate << 6 | ((0u - 2 * size) & 0x3f) | (ones - 1);
	return true;
}

bool arm64_mask_fits(bool wide, uint64_t mask)
{
	uint32_t field;

	return mask_field(wide, mask, &field);
}

void arm64_mask(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, uint64_t mask)
{
	uint32_t field = 0;

	if (!mask_field(wide, mask, &field))
		e->failed = true;
	arm64_rr(e, wide, (opcode ^ 0x18000000) | field << 10, d, n);
}

void arm64_field(struct jit_emitter *e, bool wide, uint32_t opcode, int d, int n, unsigned immr,
		 unsigned imms)
{
	arm64_rr(e, wide, opcode | (wide ? 1u << 22 : 0) | immr << 16 | imms << 10, d, n);
}

void arm64_lsl(struct jit_emitter *e, bool wide, int d, int n, unsigned by)
{
	unsigned width = wide ? 64 : 32;

	arm64_field(e, wide, A64_UBFM, d, n, (width - by) % width, width - 1 - by);
}

void arm64_extr(struct jit_emitter *e, bool wide, int d, int n, int m, unsigned by)
{
	arm64_rrr(e, wide, 0x13800000u | (wide ? 1u << 22 : 0) | by << 10, d, n, m);
}

void arm64_mov(struct jit_emitter *e, bool wide, int d, int n)
{
	arm64_rrr(e, wide, A64_ORR, d, A64_ZR, n);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static unsigned imm_part(uint64_t imm, unsigned k)
{
	return (unsigned)(imm >> 16 * k) & 0xffff;
}

/* How many of the 16-bit parts are not `part`. */
static unsigned imm_others(uint64_t imm, unsigned part)
{
	unsigned n = 0;

	for (unsigned k = 0; k < 4; k++)
		n += imm_part(imm, k) != part;
	return n;
}

static void mov_part(struct jit_emitter *e, bool wide, uint32_t opcode, int d, unsigned part,
		     unsigned k)
{
	arm64_rr(e, wide, opcode | k << 21 | part << 5, d, 0);
}

void arm64_mov_parts(struct jit_emitter *e, int d, uint64_t imm, unsigned parts)
{
	for (unsigned k = 0; k < parts; k++)
		mov_part(e, true, k ? A64_MOVK : A64_MOVZ, d, imm_part(imm, k), k);
}

void arm64_mov_imm(struct jit_emitter *e, int d, uint64_t imm)
{
	bool wide = imm >> 32 != 0, negative;
	unsigned parts = wide ? 4 : 2, fill, n = 0;

	negative = wide ? imm_others(imm, 0xffff) < imm_others(imm, 0)
			: imm >> 16 == 0xffff || (imm & 0xffff) == 0xffff;
	fill = negative ? 0xffff : 0;
	for (unsigned k = 0; k < parts; k++)
		n += imm_part(imm, k) != fill;
	if (n > 1 && arm64_mask_fits(wide, imm)) {
		arm64_mask(e, wide, A64_ORR, d, A64_ZR, imm);
		return;
	}
	if (!n) {
		mov_part(e, wide, negative ? A64_MOVN : A64_MOVZ, d, 0, 0);
		return;
	}
	n = 0;
	for (unsigned k = 0; k < parts; k++) {
		unsigned part = imm_part(imm, k);

		if (part == fill)
			continue;
		if (!n++)
			mov_part(e, wide, negative ? A64_MOVN : A64_MOVZ, d, part ^ fill, k);
		else
			mov_part(e, wide, A64_MOVK, d, part, k);
	}
}

/* ---- memory ---------------------------------------------------------------------------------- */

bool arm64_off_fits(unsigned size, int64_t off)
{
	return (off >= -256 && off < 256) || (off >= 0 && off % size == 0 && off / size < 4096);
}

void arm64_mem(struct jit_emitter *e, uint32_t opcode, int t, const struct arm64_mem *m)
{
	unsigned scale = opcode >> 30;

	if (m->index != A64_NONE) {
		arm64_rrr(e, false,
			  (opcode ^ 0x01000000) | 1u << 21 | (uint32_t)m->extend << 13 |
				  (m->shift ? 1u << 12 : 0) | 2u << 10,
			  t, m->base, m->index);
	} else if (m->off >= 0 && !(m->off & ((1 << scale) - 1)) && m->off >> scale < 4096) {
		arm64_rr(e, false, opcode | (uint32_t)(m->off >> scale) << 10, t, m->base);
	} else {
		if (m->off < -256 || m->off > 255)
			e->failed = true;
		arm64_rr(e, false, (opcode ^ 0x01000000) | ((uint32_t)m->off & 0x1ff) << 12, t,
			 m->base);
	}
}

void arm64_pair(struct jit_emitter *e, uint32_t opcode, int t, int t2, int base, int off)
{
	int unit = opcode >> 26 & 1 ? 16 : opcode >> 31 ? 8 : 4;

	arm64_rr(e, false, opcode | ((uint32_t)(off / unit) & 0x7f) << 15 | RA(t2), t, base);
}

void arm64_atomic(struct jit_emitter *e, uint32_t opcode, unsigned size, int s, int t, int base)
{
	arm64_rrr(e, false, opcode | (uint32_t)__builtin_ctz(size) << 30, t, base, s);
}
