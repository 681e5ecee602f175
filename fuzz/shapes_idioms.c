/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/shapes_idioms.c - the statements of shapes.c that are not control flow: arithmetic that
 * compilers have a better instruction for (and what only looks like it), memory, maps, packets,
 * helpers.
 */
#include "shapes_impl.h"

#define A64 BPF_ALU64
#define A32 BPF_ALU

static uint8_t width(void)
{
	return pick(5) < 3 ? A64 : A32;
}

static void alu_k(uint8_t class, uint8_t op, uint32_t d, int32_t imm)
{
	shape_emit(class | op | BPF_K, d, 0, 0, imm);
}

static void alu_x(uint8_t class, uint8_t op, uint32_t d, uint32_t s)
{
	shape_emit(class | op | BPF_X, d, s, 0, 0);
}

static void load(uint32_t size, uint32_t d, uint32_t base, int32_t off)
{
	shape_emit(BPF_LDX | (size < 8 && !pick(4) ? BPF_MEMSX : BPF_MEM) | shape_size(size), d,
		   base, off, 0);
}

static void load_plain(uint32_t size, uint32_t d, uint32_t base, int32_t off)
{
	shape_emit(BPF_LDX | BPF_MEM | shape_size(size), d, base, off, 0);
}

static void store(uint32_t size, uint32_t base, int32_t off, uint32_t s)
{
	shape_emit(BPF_STX | BPF_MEM | shape_size(size), base, s, off, 0);
}

/* ---- arithmetic ----------------------------------------------------------------------------- */

static void one_alu(uint32_t d, uint32_t s, bool imm)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND,  BPF_OR,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV,
				      BPF_MOD, BPF_MOV, BPF_ADD, BPF_SUB,  BPF_XOR};
	uint8_t class = width(), op = ops[pick(ARRAY_SIZE(ops))];
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	int32_t k = (int32_t)programs_number(), off = 0;

	if (op == BPF_DIV || op == BPF_MOD)
		off = (int32_t)pick(2);
	if (op == BPF_MOV && !imm && pick(2))
		off = 8 << pick(class == A64 ? 3 : 2);
	if (shift)
		k = (int32_t)pick(class == A64 ? 64 : 32);
	if ((op == BPF_DIV || op == BPF_MOD) && !k)
		k = 7;
	if (imm)
		shape_emit(class | op | BPF_K, d, 0, off, k);
	else
		shape_emit(class | op | BPF_X, d, s, off, 0);
}

static void i_alu(void)
{
	uint32_t t[2], d, s, v = shape_target();

	shape_temps(t, 2);
	d = shape_read(v, t[0]);
	s = shape_read(shape_var(), t[1]);
	one_alu(d, s, pick(2));
	if (d == t[0])
		shape_write(v, d);
}

/* a op b op c ..., as expressions are. */
static void i_expression(void)
{
	uint32_t t[2], n = 2 + pick(4);

	shape_temps(t, 2);
	shape_copy(shape_var(), t[0]);
	while (n--)
		one_alu(t[0], shape_read(shape_var(), t[1]), pick(2));
	shape_write(shape_target(), t[0]);
}

static void i_unary(void)
{
	uint32_t t[1], d, v = shape_target();
	uint8_t class = width();

	shape_temps(t, 1);
	d = shape_read(v, t[0]);
	if (pick(3))
		shape_emit(class | BPF_END | (class == A32 && pick(2) ? BPF_TO_BE : BPF_TO_LE), d,
			   0, 0, 16 << pick(3));
	else
		shape_emit(class | BPF_NEG, d, 0, 0, 0);
	if (d == t[0])
		shape_write(v, d);
}

static void i_number(void)
{
	uint32_t t[1];

	shape_temps(t, 1);
	shape_number(t[0]);
	shape_write(shape_target(), t[0]);
}

/* x << n | x >> (width - n), or nearly. */
static void i_rotate(void)
{
	uint32_t t[2], bits;
	uint8_t class = pick(2) ? A64 : A32;
	int32_t n;

	bits = class == A64 ? 64 : 32;
	n = 1 + (int32_t)pick(bits - 1);
	shape_temps(t, 2);
	shape_copy(shape_var(), t[0]);
	shape_emit((pick(5) ? class : A64) | BPF_MOV | BPF_X, t[1], t[0], 0, 0);
	if (class == A32 && !pick(3)) { /* in 64 bits, of a number that has 32 */
		alu_k(A64, BPF_LSH, t[0], n);
		alu_k(A64, BPF_RSH, t[1], 32 - n);
	} else {
		alu_k(class, BPF_LSH, t[0], n);
		alu_k(pick(8) ? class : width(), pick(8) ? BPF_RSH : BPF_ARSH, t[1],
		      pick(8) ? (int32_t)bits - n : (int32_t)pick(32));
	}
	alu_x(pick(8) ? class : A64, pick(3) ? BPF_OR : pick(2) ? BPF_XOR : BPF_ADD, t[0], t[1]);
	shape_write(shape_target(), t[0]);
}

/* The same by a number in a register, which may be anything. */
static void i_rotate_var(void)
{
	uint32_t t[3];
	uint8_t class = pick(2) ? A64 : A32;

	shape_temps(t, 3);
	shape_copy(shape_var(), t[0]);
	alu_x(A64, BPF_MOV, t[1], t[0]);
	shape_copy(shape_var(), t[2]);
	alu_x(class, BPF_LSH, t[0], t[2]);
	if (pick(2)) {
		shape_emit(class | BPF_NEG, t[2], 0, 0, 0);
	} else {
		alu_k(A64, BPF_XOR, t[2], -1);
		alu_k(A64, BPF_ADD, t[2], 1 + (class == A64 ? 64 : 32));
	}
	if (pick(2))
		alu_k(A64, BPF_AND, t[2], class == A64 ? 63 : 31);
	alu_x(class, BPF_RSH, t[1], t[2]);
	alu_x(class, BPF_OR, t[0], t[1]);
	shape_write(shape_target(), t[0]);
}

/* Ways to clear or extend the upper half. */
static void i_extend(void)
{
	uint32_t t[1], n = 32;

	shape_temps(t, 1);
	shape_copy(shape_var(), t[0]);
	switch (pick(5)) {
	case 0:
		alu_k(A64, BPF_LSH, t[0], 32);
		alu_k(A64, pick(2) ? BPF_RSH : BPF_ARSH, t[0], pick(4) ? 32 : 20);
		break;
	case 1:
		alu_x(A32, BPF_MOV, t[0], t[0]);
		break;
	case 2:
		n = 8 << pick(2);
		alu_k(A64, BPF_AND, t[0], n == 8 ? 255 : 65535);
		alu_x(A32, BPF_MOV, t[0], t[0]);
		break;
	case 3:
		n = 8 << pick(3);
		shape_emit(A64 | BPF_MOV | BPF_X, t[0], t[0], (int32_t)n, 0);
		break;
	default:
		n = 8 << pick(2);
		alu_k(A32, BPF_LSH, t[0], 32 - (int32_t)n);
		alu_k(A32, pick(2) ? BPF_ARSH : BPF_RSH, t[0], 32 - (int32_t)n);
	}
	shape_write(shape_target(), t[0]);
}

/* Where division has its corners. */
static void i_divide(void)
{
	static const int32_t of[] = {INT32_MIN, -1, 0, 1, INT32_MAX, 7};
	uint32_t t[2];
	uint8_t class = width(), op = pick(2) ? BPF_DIV : BPF_MOD;
	int32_t k;

	shape_temps(t, 2);
	if (pick(3))
		shape_copy(shape_var(), t[0]);
	else
		shape_wide(t[0], 0, pick(2) ? 0 : INT32_MIN, pick(2) ? INT32_MIN : -1);
	if (pick(2)) {
		do
			k = pick(3) ? of[pick(ARRAY_SIZE(of))] : 1 << pick(31);
		while (!k);
		shape_emit(class | op | BPF_K, t[0], 0, (int32_t)pick(2), k);
	} else {
		shape_copy(shape_var(), t[1]);
		if (pick(2))
			alu_k(width(), pick(2) ? BPF_AND : BPF_ARSH, t[1], 1 + (int32_t)pick(31));
		else
			shape_emit(width() | BPF_MOV | BPF_K, t[1], 0, 0, of[pick(ARRAY_SIZE(of))]);
		shape_emit(class | op | BPF_X, t[0], t[1], (int32_t)pick(2), 0);
	}
	shape_write(shape_target(), t[0]);
}

/* All that can be known beforehand. */
static void i_constants(void)
{
	uint32_t t[2], n = 2 + pick(5);

	shape_temps(t, 2);
	shape_number(t[0]);
	shape_number(t[1]);
	while (n--) {
		uint32_t d = pick(2), class = width();

		if (pick(4))
			one_alu(t[d], t[!d], pick(3) == 0);
		else
			shape_emit((uint8_t)(class | BPF_END |
					     (class == A32 && pick(2) ? BPF_TO_BE : BPF_TO_LE)),
				   t[d], 0, 0, 16 << pick(3));
	}
	shape_write(shape_target(), t[0]);
	shape_write(shape_target(), t[1]);
}

/* The same expression twice, with or without something between that changes it. */
static void i_twice(void)
{
	uint32_t t[2], a = shape_var(), b = shape_var();
	uint8_t class = width(), op = pick(2) ? BPF_ADD : BPF_MUL;
	int32_t off = shape.scratch + 8 * (int32_t)pick(SHAPE_SCRATCH / 8);

	shape_temps(t, 2);
	if (pick(2)) {
		load_plain(8, t[0], 10, off);
		if (pick(2))
			store(1u << pick(4), 10, shape.scratch + 8 * (int32_t)pick(4),
			      shape_read(a, t[1]));
		load_plain(8, t[1], 10, off);
		alu_x(A64, BPF_SUB, t[0], t[1]);
		shape_write(shape_target(), t[0]);
		return;
	}
	for (uint32_t i = 0; i < 2; i++) {
		shape_copy(a, t[0]);
		alu_x(class, op, t[0], shape_read(b, t[1]));
		alu_k(A64, BPF_XOR, t[0], 5);
		shape_write(shape_target(), t[0]);
	}
}

/* Many values at once. */
static void i_pressure(void)
{
	uint32_t t[6], n = shape.leaf ? 3 : 6;

	shape_temps(t, n);
	for (uint32_t i = 0; i < n; i++)
		shape_copy(shape_var(), t[i]);
	for (uint32_t i = 0; i < n; i++)
		one_alu(t[i], t[(i + 1) % n], false);
	for (uint32_t i = 0; i < n; i++)
		if (pick(3))
			shape_write(shape_target(), t[i]);
		else
			alu_x(A64, BPF_XOR, t[(i + 1) % n], t[i]);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* One access at base + off, size-aligned; the number goes to or comes from a variable. */
static void access_at(uint32_t base, int32_t off, uint32_t size, uint32_t temp)
{
	switch (pick(4)) {
	case 0:
	case 1:
		load(size, temp, base, off);
		shape_write(shape_target(), temp);
		break;
	case 2:
		shape_emit(BPF_ST | BPF_MEM | shape_size(size), base, 0, off,
			   (int32_t)programs_number());
		break;
	default:
		store(size, base, off, shape_read(shape_var(), temp));
	}
}

static void atomic_at(uint32_t base, int32_t off, uint32_t size, uint32_t temp)
{
	static const int32_t ops[] = {BPF_ADD,
				      BPF_OR,
				      BPF_AND,
				      BPF_XOR,
				      BPF_ADD | BPF_FETCH,
				      BPF_OR | BPF_FETCH,
				      BPF_AND | BPF_FETCH,
				      BPF_XOR | BPF_FETCH,
				      BPF_XCHG,
				      BPF_CMPXCHG};
	int32_t op = ops[pick(ARRAY_SIZE(ops))];

	if (!pick(4)) { /* ordered */
		if (pick(2)) {
			shape_emit(BPF_STX | BPF_ATOMIC | shape_size(size), temp, base, off,
				   BPF_LOAD_ACQ);
			shape_write(shape_target(), temp);
		} else {
			shape_emit(BPF_STX | BPF_ATOMIC | shape_size(size), base,
				   shape_read(shape_var(), temp), off, BPF_STORE_REL);
		}
		return;
	}
	if (size < 4) {
		size = 4;
		off &= ~3;
	}
	shape_copy(shape_var(), temp);
	if (op == BPF_CMPXCHG) {
		if (base == 0 || temp == 0)
			return;
		if (pick(2))
			load_plain(size, 0, base, off);
		else
			shape_copy(shape_var(), 0);
	}
	shape_emit(BPF_STX | BPF_ATOMIC | shape_size(size), base, temp, off, op);
	if (op == BPF_CMPXCHG)
		shape_write(shape_target(), 0);
	else if (op & BPF_FETCH)
		shape_write(shape_target(), temp);
}

/* Sizes that overlap, in the scratch area. */
static void i_scratch(void)
{
	uint32_t t[1], n = 1 + pick(4);

	shape_temps(t, 1);
	while (n--) {
		uint32_t size = 1u << pick(4);

		access_at(10, shape.scratch + (int32_t)(pick(SHAPE_SCRATCH / size) * size), size,
			  t[0]);
	}
}

/* Part of a variable's slot. */
static void i_part(void)
{
	uint32_t t[1], size = 1u << pick(3);
	int32_t slot = shape_slot() + (int32_t)(pick(8 / size) * size);

	shape_temps(t, 1);
	if (pick(2)) {
		load(size, t[0], 10, slot);
		shape_write(shape_target(), t[0]);
	} else {
		store(size, 10, slot, shape_read(shape_var(), t[0]));
	}
}

static void i_stack_atomic(void)
{
	uint32_t t[1], size = 4u << pick(2);

	shape_temps(t, 1);
	atomic_at(10, shape.scratch + (int32_t)(pick(SHAPE_SCRATCH / size) * size), size, t[0]);
}

/* The scratch area by a variable's number. */
static void i_variable_offset(void)
{
	uint32_t t[2], size = 1u << pick(4);

	shape_temps(t, 2);
	shape_copy(shape_var(), t[0]);
	alu_k(width(), BPF_AND, t[0], SHAPE_SCRATCH - (int32_t)size);
	alu_k(A64, BPF_AND, t[0], -(int32_t)size);
	alu_x(A64, BPF_ADD, t[0], 10);
	alu_k(A64, BPF_ADD, t[0], shape.scratch);
	access_at(t[0], 0, size, t[1]);
}

/* What the caller gave. */
static void i_given(void)
{
	uint32_t t[2], size = 1u << pick(4);

	if (!shape.given)
		return;
	shape_temps(t, 2);
	load_plain(8, t[0], 10, shape.ctx_slot);
	access_at(t[0], (int32_t)(pick(32 / size) * size), size, t[1]);
}

/* A number of n bytes, byte by byte, most of the time in an order that makes sense. */
static void bytes_load(uint32_t base, int32_t off, uint32_t n, const uint32_t *t)
{
	bool big = pick(2);
	uint8_t class = n == 8 || pick(2) ? A64 : A32;

	for (uint32_t i = 0; i < n; i++) {
		int32_t at = off + (int32_t)(pick(24) ? i : pick(n));
		uint32_t shift = 8 * (big ? n - 1 - i : i);

		load_plain(1, i ? t[1] : t[0], base, at);
		if (shift)
			alu_k(class, BPF_LSH, i ? t[1] : t[0], (int32_t)shift);
		if (i)
			alu_x(class, pick(9) ? BPF_OR : BPF_ADD, t[0], t[1]);
	}
}

static void bytes_store(uint32_t base, int32_t off, uint32_t n, uint32_t temp)
{
	bool big = pick(2);

	for (uint32_t i = 0; i < n; i++) {
		store(1, base, off + (int32_t)(big ? n - 1 - i : i), temp);
		if (i + 1 < n)
			alu_k(A64, BPF_RSH, temp, 8);
	}
}

/* A load, and its bytes in the other order. */
static void swapped_load(uint32_t base, int32_t off, uint32_t size, uint32_t temp)
{
	load_plain(size, temp, base, off);
	if (pick(5))
		shape_emit((pick(3) ? A32 : A64) | BPF_END |
				   (BPF_CLASS(0) | (pick(2) ? BPF_TO_LE : BPF_TO_LE)),
			   temp, 0, 0, 8 * (int32_t)MAX(size, 2U));
	if (pick(2))
		shape_emit(A32 | BPF_END | BPF_TO_BE, temp, 0, 0, 8 * (int32_t)MAX(size, 2U));
}

static void i_bytes(void)
{
	uint32_t t[2], n = 2u << pick(3);
	int32_t off = shape.scratch + (int32_t)pick(SHAPE_SCRATCH - n + 1);

	shape_temps(t, 2);
	if (pick(3)) {
		bytes_load(10, off, n, t);
		shape_write(shape_target(), t[0]);
	} else {
		shape_copy(shape_var(), t[0]);
		bytes_store(10, off, n, t[0]);
	}
}

/* Loops over n bytes: copy from base to the scratch area or back, compare, sum up. */
static void byte_loop(uint32_t base, int32_t off, uint32_t n, const uint32_t *t)
{
	uint32_t size = pick(3) ? 1 : 2, head, kind = pick(3), out, end = 0;

	n = MIN(n, (uint32_t)SHAPE_SCRATCH) / size;
	if (!n)
		return;
	/* t[0]: from, t[1]: to, t[2]: counter or sum, t[3]: the byte */
	shape_emit(A64 | BPF_MOV | BPF_X, t[0], base, 0, 0);
	if (off)
		alu_k(A64, BPF_ADD, t[0], off);
	alu_x(A64, BPF_MOV, t[1], 10);
	alu_k(A64, BPF_ADD, t[1], shape.scratch);
	alu_k(A64, BPF_MOV, t[2], 0);
	if (kind == 2)
		alu_k(A64, BPF_MOV, t[1], 0);
	head = shape.p->n;
	load_plain(size, t[3], t[0], 0);
	switch (kind) {
	case 0: /* copy */
		store(size, t[1], 0, t[3]);
		alu_k(A64, BPF_ADD, t[1], (int32_t)size);
		break;
	case 1: /* compare */
		load_plain(size, t[4], t[1], 0);
		out = shape_emit((pick(2) ? BPF_JMP : BPF_JMP32) | BPF_JNE | BPF_X, t[3], t[4], 0,
				 0);
		alu_k(A64, BPF_ADD, t[1], (int32_t)size);
		break;
	default: /* sum */
		if (pick(3) == 0)
			shape_emit(A32 | BPF_END | BPF_TO_BE, t[3], 0, 0, 16);
		alu_x(width(), BPF_ADD, t[1], t[3]);
	}
	alu_k(A64, BPF_ADD, t[0], (int32_t)size);
	alu_k(A64, BPF_ADD, t[2], 1);
	if (!pick(3)) { /* only as many as a variable says */
		shape_copy(shape_var(), t[3]);
		alu_k(A64, BPF_AND, t[3], 15);
		end = shape_emit(BPF_JMP | BPF_JGE | BPF_X, t[2], t[3], 0, 0);
	}
	shape_emit(BPF_JMP | (pick(2) ? BPF_JNE : BPF_JLT) | BPF_K, t[2], 0,
		   (int32_t)head - (int32_t)shape.p->n - 1, (int32_t)n);
	if (kind == 1)
		shape_here(out);
	if (end)
		shape_here(end);
	if (kind == 2) { /* folded */
		for (uint32_t i = 0; i < pick(3); i++) {
			alu_x(A64, BPF_MOV, t[3], t[1]);
			alu_k(A64, BPF_RSH, t[3], 16);
			alu_k(A64, BPF_AND, t[1], 65535);
			alu_x(A64, BPF_ADD, t[1], t[3]);
		}
		if (pick(2))
			alu_k(A64, BPF_XOR, t[1], -1);
		shape_write(shape_target(), t[1]);
		return;
	}
	shape_write(shape_target(), t[2]);
}

/* How often a number can be halved, or nearly that. */
static void i_count(void)
{
	static const int32_t limits[] = {0, -1, 1, -2, 40};
	uint8_t class = width(), jump = pick(4) ? class == A64 ? BPF_JMP : BPF_JMP32 : BPF_JMP;
	int32_t bits = class == A64 ? 64 : 32, from = (int32_t)pick(3), step = pick(6) ? 1 : 3;
	bool first = pick(3) == 0;
	uint32_t t[3], head, out;

	shape_temps(t, 3);
	shape_copy(shape_var(), t[0]);
	if (pick(2))
		alu_k(A64, BPF_RSH, t[0], (int32_t)pick(63));
	alu_k(A64, BPF_MOV, t[1], from);
	alu_k(A64, BPF_MOV, t[2], (int32_t)pick(100));
	head = shape.p->n;
	if (!first)
		alu_k(class, BPF_RSH, t[0], pick(8) ? 1 : 2);
	out = shape_emit(jump | BPF_JEQ | BPF_K, t[0], 0, 0, 0);
	if (first)
		alu_k(class, BPF_RSH, t[0], 1);
	alu_k(A64, BPF_ADD, t[1], step);
	if (pick(2))
		alu_k(width(), BPF_ADD, t[2], (int32_t)programs_number());
	shape_emit(BPF_JMP | (pick(4) ? BPF_JNE : BPF_JLT) | BPF_K, t[1], 0,
		   (int32_t)head - (int32_t)shape.p->n - 1,
		   from + step * (bits + limits[pick(ARRAY_SIZE(limits))]));
	shape_here(out);
	alu_x(A64, pick(2) ? BPF_ADD : BPF_MOV, t[2], t[pick(3)]);
	alu_x(A64, BPF_ADD, t[2], t[1]);
	shape_write(shape_target(), t[2]);
}

/* ---- maps ----------------------------------------------------------------------------------- */

static const uint32_t value_size[PROGRAMS_MAPS] = {
	[PROGRAMS_ARRAY] = 48, [PROGRAMS_HASH] = 32, [PROGRAMS_PERCPU] = 16,
	[PROGRAMS_ONE] = 64,   [PROGRAMS_LRU] = 24,
};

/* Accesses through a pointer to n bytes; other registers than base are free but for r0 sometimes.
 */
static void use_memory(uint32_t base, uint32_t n)
{
	uint32_t t[6], times = 1 + pick(3), k = 0;

	shape_temps(t, 6);
	for (uint32_t i = 0; i < 6; i++)
		if (t[i] != base)
			t[k++] = t[i];
	while (times--) {
		uint32_t size = 1u << pick(4);
		int32_t off = (int32_t)(pick(n / size) * size);

		switch (pick(7)) {
		case 0:
		case 1:
			atomic_at(base, off, size, t[0]);
			break;
		case 2:
			if (n >= 8) {
				bytes_load(base, (int32_t)pick(n - 8 + 1), 2u << pick(3), t);
				shape_write(shape_target(), t[0]);
			}
			break;
		case 3:
			byte_loop(base, 0, 1 + pick(n), t);
			break;
		case 4:
			swapped_load(base, off, MAX(size, 2U) > n ? 2 : MAX(size, 2U), t[0]);
			shape_write(shape_target(), t[0]);
			break;
		default:
			access_at(base, off, size, t[0]);
		}
	}
}

static void key(uint32_t map)
{
	uint32_t t[1], size = map == PROGRAMS_HASH ? 8 : 4;

	shape_temps(t, 1);
	switch (pick(3)) {
	case 0:
		shape_copy(shape_var(), t[0]);
		alu_k(width(), BPF_AND, t[0], 3);
		store(size, 10, shape.key_slot, t[0]);
		break;
	case 1:
		store(size, 10, shape.key_slot, shape_read(shape_var(), t[0]));
		break;
	default:
		shape_emit(BPF_ST | BPF_MEM | shape_size(size), 10, 0, shape.key_slot,
			   (int32_t)pick(6));
	}
	alu_x(A64, BPF_MOV, 2, 10);
	alu_k(A64, BPF_ADD, 2, shape.key_slot);
}

static uint32_t a_map(void)
{
	static const uint8_t maps[] = {PROGRAMS_ARRAY, PROGRAMS_ARRAY,	PROGRAMS_HASH,
				       PROGRAMS_HASH,  PROGRAMS_PERCPU, PROGRAMS_PERCPU,
				       PROGRAMS_ONE,   PROGRAMS_LRU};

	return maps[pick(ARRAY_SIZE(maps))];
}

static void i_lookup(void)
{
	uint32_t map = a_map(), over, r, otherwise;

	if (shape.leaf)
		return;
	key(map);
	shape_wide(1, BPF_PSEUDO_MAP_FD, (int32_t)map, 0);
	if (map == PROGRAMS_PERCPU && !pick(4)) {
		alu_k(A64, BPF_MOV, 3, (int32_t)pick(3));
		shape_call(BPF_FUNC_map_lookup_percpu_elem);
	} else {
		shape_call(BPF_FUNC_map_lookup_elem);
	}
	if (pick(3)) {
		over = shape_emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	} else {
		r = shape_emit(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0);
		over = shape_goto();
		shape_here(r);
	}
	if (!shape.pointer_busy && !pick(3)) { /* kept in a slot meanwhile */
		int32_t slot = shape.pointer_slot;

		shape.pointer_busy = true;
		store(8, 10, slot, 0);
		shape_block(1 + pick(2));
		r = 1 + pick(5);
		load_plain(8, r, 10, slot);
		shape.pointer_busy = false;
	} else {
		r = pick(6);
		if (r)
			alu_x(A64, BPF_MOV, r, 0);
	}
	use_memory(r, value_size[map]);
	if (pick(2)) {
		shape_here(over);
		return;
	}
	otherwise = shape_goto();
	shape_here(over);
	shape_simple();
	shape_here(otherwise);
}

static void i_update(void)
{
	uint32_t map = a_map();

	if (shape.leaf || value_size[map] > 32)
		return;
	key(map);
	shape_wide(1, BPF_PSEUDO_MAP_FD, (int32_t)map, 0);
	if (pick(4)) {
		alu_x(A64, BPF_MOV, 3, 10);
		alu_k(A64, BPF_ADD, 3, shape.scratch);
		alu_k(A64, BPF_MOV, 4, (int32_t)pick(3));
		shape_call(BPF_FUNC_map_update_elem);
	} else {
		shape_call(BPF_FUNC_map_delete_elem);
	}
	shape_write(shape_target(), 0);
}

static void i_direct(void)
{
	uint32_t t[6], size = 1u << pick(4), off = 8 * pick(8);

	shape_temps(t, 2);
	shape_wide(t[0], BPF_PSEUDO_MAP_VALUE, PROGRAMS_ONE, (int32_t)off);
	if (!shape.leaf && pick(2)) {
		use_memory(t[0], 64 - off);
		return;
	}
	if (t[0] && t[1] && pick(2))
		atomic_at(t[0], 0, size, t[1]);
	else
		access_at(t[0], 0, size, t[1]);
}

/* One of two pointers, by a condition; perhaps moved in a loop. */
static void i_either(void)
{
	uint32_t t[2], size = 1u << pick(4), jump;

	if (shape.leaf)
		return;
	jump = shape_condition();
	t[0] = 1 + pick(4);
	t[1] = 5;
	shape_wide(t[0], BPF_PSEUDO_MAP_VALUE, PROGRAMS_ONE, 8 * (int32_t)pick(5));
	shape_emit(BPF_JMP | BPF_JA, 0, 0, 2, 0);
	shape_here(jump);
	alu_x(A64, BPF_MOV, t[0], 10);
	alu_k(A64, BPF_ADD, t[0], shape.scratch);
	for (uint32_t i = 0; i < 3; i++) {
		if (pick(3))
			access_at(t[0], (int32_t)(pick(24 / size) * size), size, t[1]);
		else
			atomic_at(t[0], 8 * (int32_t)pick(3), 8, t[1]);
	}
}

static void i_ring(void)
{
	int32_t size = 8 * (1 + (int32_t)pick(6));
	uint32_t over, r = 1 + pick(5);

	if (shape.leaf)
		return;
	if (!pick(3)) {
		shape_wide(1, BPF_PSEUDO_MAP_FD, PROGRAMS_RING, 0);
		alu_x(A64, BPF_MOV, 2, 10);
		alu_k(A64, BPF_ADD, 2, shape.scratch);
		alu_k(A64, BPF_MOV, 3, 1 + (int32_t)pick(SHAPE_SCRATCH));
		alu_k(A64, BPF_MOV, 4, 0);
		shape_call(BPF_FUNC_ringbuf_output);
		shape_write(shape_target(), 0);
		return;
	}
	if (shape.pointer_busy)
		return;
	shape_wide(1, BPF_PSEUDO_MAP_FD, PROGRAMS_RING, 0);
	alu_k(A64, BPF_MOV, 2, size);
	alu_k(A64, BPF_MOV, 3, 0);
	shape_call(BPF_FUNC_ringbuf_reserve);
	over = shape_emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	store(8, 10, shape.pointer_slot, 0);
	alu_x(A64, BPF_MOV, r, 0);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t t = r == 5 ? 4 : r + 1;

		access_at(r, 8 * (int32_t)pick((uint32_t)size / 8), 8, t);
	}
	load_plain(8, 1, 10, shape.pointer_slot);
	alu_k(A64, BPF_MOV, 2, 0);
	shape_call(pick(3) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
	shape_here(over);
}

/* ---- contexts and packets ------------------------------------------------------------------- */

static void i_ctx(void)
{
	static const uint8_t xdp[] = {12, 16, 12}, skb[] = {0, 4, 8, 12, 16, 20, 24, 28, 32, 40};
	uint32_t t[2];

	if (!shape.has_ctx)
		return;
	shape_temps(t, 2);
	shape_ctx(t[0]);
	if (shape.type == BPF_PROG_TYPE_XDP) {
		load_plain(4, t[1], t[0], xdp[pick(ARRAY_SIZE(xdp))]);
		shape_write(shape_target(), t[1]);
	} else if (pick(3)) {
		uint32_t size = 1u << pick(3);

		load_plain(size, t[1], t[0],
			   pick(3) ? skb[pick(ARRAY_SIZE(skb))] : 48 + 4 * (int32_t)pick(5));
		shape_write(shape_target(), t[1]);
	} else {
		int32_t off = 48 + 4 * (int32_t)pick(5);

		if (shape.type == BPF_PROG_TYPE_SCHED_CLS && pick(2))
			off = pick(2) ? 8 : 32;
		store(4, t[0], off, shape_read(shape_var(), t[1]));
	}
}

static void i_packet(void)
{
	bool xdp = shape.type == BPF_PROG_TYPE_XDP;
	uint32_t t[6], n = 1 + pick(40), over, times = 1 + pick(3);
	bool variable = !pick(3);

	if (!shape.has_ctx || shape.leaf || shape.type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	shape_temps(t, 6);
	if (t[0] == 0) /* r0 is for cmpxchg */
		t[0] = t[5], t[5] = 0;
	shape_ctx(t[3]);
	load_plain(4, t[0], t[3], xdp ? 0 : 76);
	load_plain(4, t[1], t[3], xdp ? 4 : 80);
	if (variable) {
		shape_copy(shape_var(), t[2]);
		alu_k(width(), BPF_AND, t[2], 31);
		alu_x(A64, BPF_ADD, t[0], t[2]);
	}
	alu_x(A64, BPF_MOV, t[2], t[0]);
	alu_k(A64, BPF_ADD, t[2], (int32_t)n);
	over = pick(2) ? shape_emit(BPF_JMP | (pick(4) ? BPF_JGT : BPF_JGE) | BPF_X, t[2], t[1], 0,
				    0)
		       : shape_emit(BPF_JMP | (pick(4) ? BPF_JLT : BPF_JLE) | BPF_X, t[1], t[2], 0,
				    0);
	while (times--) {
		uint32_t size = 1u << pick(4), m = 2u << pick(3);

		switch (pick(6)) {
		case 0:
			if (n >= m) {
				bytes_load(t[0], (int32_t)pick(n - m + 1), m, &t[2]);
				shape_write(shape_target(), t[2]);
			}
			break;
		case 1:
			if (n >= m) {
				shape_copy(shape_var(), t[2]);
				bytes_store(t[0], (int32_t)pick(n - m + 1), m, t[2]);
			}
			break;
		case 2:
			byte_loop(t[0], 0, n, &t[1]);
			break;
		case 3:
			if (n >= m) {
				swapped_load(t[0], (int32_t)pick(n - m + 1), m, t[2]);
				shape_write(shape_target(), t[2]);
			}
			break;
		default:
			if (n >= size)
				access_at(t[0], (int32_t)pick(n - size + 1), size, t[2]);
		}
	}
	shape_here(over);
}

static void i_adjust(void)
{
	static const int32_t xdp[] = {BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail,
				      BPF_FUNC_xdp_adjust_meta};

	if (!shape.has_ctx || shape.leaf || shape.type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	shape_ctx(1);
	if (shape.type == BPF_PROG_TYPE_XDP) {
		alu_k(A64, BPF_MOV, 2, (int32_t)pick(41) - 20);
		shape_call(xdp[pick(3)]);
	} else {
		alu_k(A64, BPF_MOV, 2, (int32_t)pick(64));
		shape_call(BPF_FUNC_skb_pull_data);
	}
	shape_write(shape_target(), 0);
}

/* Bytes through helpers. */
static void i_packet_helper(void)
{
	bool xdp = shape.type == BPF_PROG_TYPE_XDP;

	if (!shape.has_ctx || shape.leaf)
		return;
	alu_k(A64, BPF_MOV, 4, 1 + (int32_t)pick(SHAPE_SCRATCH));
	if (pick(2)) {
		shape_copy(shape_var(), 4);
		alu_k(A64, BPF_AND, 4, 15);
		alu_k(A64, BPF_ADD, 4, 1);
	}
	alu_x(A64, BPF_MOV, 3, 10);
	alu_k(A64, BPF_ADD, 3, shape.scratch);
	alu_k(A64, BPF_MOV, 2, (int32_t)pick(40));
	shape_ctx(1);
	if (shape.type == BPF_PROG_TYPE_SOCKET_FILTER || pick(2)) {
		shape_call(xdp ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes);
	} else {
		alu_k(A64, BPF_MOV, 5, 0);
		shape_call(xdp ? BPF_FUNC_xdp_store_bytes : BPF_FUNC_skb_store_bytes);
	}
	shape_write(shape_target(), 0);
}

/* Classic loads: r6 has the context, and out of range the program ends. */
static void i_classic(void)
{
	static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W};
	uint8_t size = sizes[pick(3)];

	if (shape.ctx_reg != 6 || shape.type == BPF_PROG_TYPE_XDP || pick(3) == 0)
		return;
	if (pick(2)) {
		shape_emit(BPF_LD | BPF_ABS | size, 0, 0, 0, (int32_t)pick(16));
	} else {
		uint32_t r = 1 + pick(5);

		shape_copy(shape_var(), r);
		alu_k(A64, BPF_AND, r, 7);
		shape_emit(BPF_LD | BPF_IND | size, 0, r, 0, (int32_t)pick(8));
	}
	shape_write(shape_target(), 0);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void i_helper(void)
{
	static const int32_t helpers[] = {BPF_FUNC_ktime_get_ns, BPF_FUNC_get_prandom_u32,
					  BPF_FUNC_get_smp_processor_id, BPF_FUNC_ktime_get_boot_ns,
					  BPF_FUNC_jiffies64};

	if (shape.leaf)
		return;
	shape_call(helpers[pick(ARRAY_SIZE(helpers))]);
	shape_write(shape_target(), 0);
}

static void i_tail(void)
{
	if (!shape.has_ctx || shape.leaf || pick(3))
		return;
	shape_ctx(1);
	shape_wide(2, BPF_PSEUDO_MAP_FD, PROGRAMS_PROGS, 0);
	if (pick(3)) {
		alu_k(A64, BPF_MOV, 3, (int32_t)pick(3));
	} else {
		shape_copy(shape_var(), 3);
		alu_k(A64, BPF_AND, 3, 3);
	}
	shape_call(BPF_FUNC_tail_call);
}

const struct shape_statement shape_idioms[] = {
	{i_constants, 3},	{i_either, 3},	{i_alu, 14},	      {i_expression, 12},
	{i_unary, 5},		{i_number, 4},	{i_rotate, 5},	      {i_rotate_var, 3},
	{i_extend, 6},		{i_divide, 5},	{i_twice, 4},	      {i_pressure, 3},
	{shape_swap, 4},	{i_scratch, 6}, {i_part, 5},	      {i_stack_atomic, 3},
	{i_variable_offset, 3}, {i_given, 6},	{i_bytes, 3},	      {i_lookup, 8},
	{i_update, 3},		{i_direct, 4},	{i_ring, 2},	      {i_ctx, 5},
	{i_packet, 9},		{i_adjust, 1},	{i_packet_helper, 2}, {i_classic, 4},
	{i_helper, 2},		{i_tail, 2},	{i_count, 3},
};
const uint32_t shape_n_idioms = ARRAY_SIZE(shape_idioms);
