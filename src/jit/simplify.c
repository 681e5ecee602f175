/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/simplify.c - folding, narrowing and value numbering in one walk along the dominator
 * order.
 *
 * Each node is first brought into its simplest form, then looked up among those that dominate
 * it. `bits` bounds each value from above; it is what makes extensions and masks disappear and
 * 64-bit operations become 32-bit ones, which are shorter and clear the upper half for free.
 */
#include <string.h>

#include "jit/pass.h"

struct simplify {
	struct ir_func *f;
	const struct jit_program *p;
	struct value {
		uint32_t hash;
		struct ir_node *node;
	} *table;
	uint32_t mask;
	bool changed; /* the graph */
};

/* ---- value numbering -------------------------------------------------------------------------- */

static uint32_t value_hash(const struct ir_node *n)
{
	uint64_t h = n->op | (uint64_t)n->wide << 8 | (uint64_t)n->size << 16 |
		     (uint64_t)n->sym << 24 | (uint64_t)n->index << 32;

	h = (h ^ (uint64_t)n->imm) * UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t a = 0; a < n->n_args; a++)
		h = ((h ^ h >> 29) + n->arg[a]->id) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32);
}

static bool value_equal(const struct ir_node *a, const struct ir_node *b)
{
	if (a->op != b->op || a->wide != b->wide || a->size != b->size || a->sym != b->sym ||
	    a->index != b->index || a->imm != b->imm || a->n_args != b->n_args || a->sign != b->sign)
		return false;
	for (uint32_t i = 0; i < a->n_args; i++)
		if (a->arg[i] != b->arg[i])
			return false;
	return true;
}

/* The equal node that dominates n, or n itself, which is remembered. */
static struct ir_node *value_number(struct simplify *s, struct ir_node *n)
{
	uint32_t hash = value_hash(n);

	for (uint32_t probe = 0; probe < 8; probe++) {
		struct value *v = &s->table[(hash + probe) & s->mask];

		if (v->node && v->hash == hash && value_equal(v->node, n)) {
			if (v->node != n && ir_dominates(v->node->block, n->block))
				return v->node;
			v->node = n;
			return n;
		}
		if (!v->node) {
			*v = (struct value){hash, n};
			return n;
		}
	}
	s->table[hash & s->mask] = (struct value){hash, n};
	return n;
}

/* ---- making ------------------------------------------------------------------------------------ */

/* A new node in front of n. */
static struct ir_node *make_node(struct simplify *s, struct ir_node *n, enum ir_op op, bool wide,
				 struct ir_node *x, struct ir_node *y)
{
	struct ir_node *m = ir_new(s->f, op, !x ? 0 : y ? 2 : 1);

	m->insn = n->insn;
	m->wide = wide;
	if (x)
		m->arg[0] = x;
	if (y)
		m->arg[1] = y;
	ir_insert_before(n, m);
	return m;
}

static struct ir_node *make_const(struct simplify *s, struct ir_node *n, uint64_t imm)
{
	struct ir_node *m = make_node(s, n, IR_CONST, true, NULL, NULL), *same;

	m->imm = (int64_t)imm;
	m->bits = jit_bits(imm);
	same = value_number(s, m);
	if (same != m) {
		ir_remove(m);
		return same;
	}
	return m;
}

/* n becomes an extension of x. */
static struct ir_node *become_zext(struct ir_node *n, struct ir_node *x, uint8_t size)
{
	n->op = IR_ZEXT;
	n->wide = true;
	n->size = size;
	n->n_args = 1;
	n->arg[0] = x;
	return NULL;
}

static struct ir_node *become_sext(struct ir_node *n, struct ir_node *x, uint8_t size)
{
	become_zext(n, x, size);
	n->op = IR_SEXT;
	return NULL;
}

/* ---- arithmetic on constants --------------------------------------------------------------------- */

static uint64_t fold_divide(enum ir_op op, bool wide, uint64_t x, uint64_t y)
{
	int64_t sx = wide ? (int64_t)x : (int32_t)x, sy = wide ? (int64_t)y : (int32_t)y;

	if (!y)
		return op == IR_UDIV || op == IR_SDIV ? 0 : x;
	switch (op) {
	case IR_UDIV:
		return x / y;
	case IR_UMOD:
		return x % y;
	case IR_SDIV:
		return sy == -1 ? 0 - (uint64_t)sx : (uint64_t)(sx / sy);
	default:
		return sy == -1 ? 0 : (uint64_t)(sx % sy);
	}
}

static uint64_t fold_binary(enum ir_op op, bool wide, uint64_t x, uint64_t y)
{
	unsigned width = wide ? 64 : 32, by = (unsigned)y & (width - 1);
	uint64_t mask = jit_mask(width), r;

	x &= mask;
	y &= mask;
	switch (op) {
	case IR_ADD:
		r = x + y;
		break;
	case IR_SUB:
		r = x - y;
		break;
	case IR_MUL:
		r = x * y;
		break;
	case IR_MULHU:
		r = wide ? (uint64_t)((unsigned __int128)x * y >> 64) : x * y >> 32;
		break;
	case IR_AND:
		r = x & y;
		break;
	case IR_OR:
		r = x | y;
		break;
	case IR_XOR:
		r = x ^ y;
		break;
	case IR_SHL:
		r = x << by;
		break;
	case IR_SHR:
		r = x >> by;
		break;
	case IR_SAR:
		r = wide ? (uint64_t)((int64_t)x >> by) : (uint64_t)(uint32_t)((int32_t)x >> by);
		break;
	case IR_ROL:
		r = by ? x << by | x >> (width - by) : x;
		break;
	default:
		r = fold_divide(op, wide, x, y);
	}
	return r & mask;
}

static uint64_t fold_unary(const struct ir_node *n, uint64_t x)
{
	unsigned bits = n->size * 8u;

	switch (n->op) {
	case IR_NEG:
		x = 0 - x;
		break;
	case IR_ZEXT:
		return x & jit_mask(bits);
	case IR_BITS:
		return jit_bits(x);
	case IR_SEXT:
		x = (uint64_t)((int64_t)(x << (64 - bits)) >> (64 - bits));
		break;
	default: /* BSWAP */
		return __builtin_bswap64(x) >> (64 - bits);
	}
	return n->wide ? x : (uint32_t)x;
}

static bool fold_condition(enum ir_cond c, bool wide, uint64_t x, uint64_t y)
{
	int64_t sx = wide ? (int64_t)x : (int32_t)x, sy = wide ? (int64_t)y : (int32_t)y;

	if (!wide) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (c) {
	case C_EQ:
		return x == y;
	case C_NE:
		return x != y;
	case C_LT:
		return x < y;
	case C_GE:
		return x >= y;
	case C_LE:
		return x <= y;
	case C_GT:
		return x > y;
	case C_SLT:
		return sx < sy;
	case C_SGE:
		return sx >= sy;
	case C_SLE:
		return sx <= sy;
	case C_SGT:
		return sx > sy;
	case C_SET:
		return (x & y) != 0;
	default:
		return (x & y) == 0;
	}
}

/* ---- simpler forms: another node, or NULL with n as it is now -------------------------------------- */

static bool is_imm(const struct ir_node *n, uint64_t v)
{
	return ir_is_const(n) && (uint64_t)n->imm == v;
}

/* x op constant, where x is itself an op with a constant. */
static bool is_op_imm(const struct ir_node *n, enum ir_op op, bool wide)
{
	return n->op == op && n->wide == wide && ir_is_const(n->arg[1]);
}

/* x | y, x ^ y, x + y of two shifts of one value in opposite directions. */
static bool simplify_rotate(struct simplify *s, struct ir_node *n)
{
	struct ir_node *l = n->arg[0], *r = n->arg[1];
	unsigned width = n->wide ? 64 : 32;
	uint64_t left, right;

	if (l->op == IR_SHR) {
		l = n->arg[1];
		r = n->arg[0];
	}
	if (!is_op_imm(l, IR_SHL, n->wide) || !is_op_imm(r, IR_SHR, n->wide) ||
	    l->arg[0] != r->arg[0])
		return false;
	left = (uint64_t)l->arg[1]->imm & (width - 1);
	right = (uint64_t)r->arg[1]->imm & (width - 1);
	if (!left || left + right != width)
		return false;
	n->op = IR_ROL;
	n->arg[0] = l->arg[0];
	n->arg[1] = make_const(s, n, left);
	return true;
}

static struct ir_node *simplify_add(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];

	if (ir_is_const(y)) {
		if (!y->imm && n->wide)
			return x;
		if (!y->imm)
			return become_zext(n, x, 4);
		if (is_op_imm(x, IR_ADD, n->wide)) {
			n->arg[0] = x->arg[0];
			n->arg[1] = make_const(
				s, n, fold_binary(IR_ADD, n->wide, (uint64_t)x->arg[1]->imm, (uint64_t)y->imm));
			return NULL;
		}
		if (x->op == IR_FRAME && n->wide) {
			n->op = IR_FRAME;
			n->imm = x->imm + y->imm;
			n->n_args = 0;
			return NULL;
		}
	}
	/* A sum of small numbers is the same in 64 bits, where it can become part of another. */
	if (!n->wide && MAX(x->bits, y->bits) < 32)
		n->wide = true;
	/* (x + c) + y: the constant goes outwards, into addresses. */
	for (int k = 0; k < 2; k++) {
		struct ir_node *a = n->arg[k], *other = n->arg[!k];

		if (is_op_imm(a, IR_ADD, n->wide) && !ir_is_const(other) && a->block == n->block &&
		    a->uses <= 1) {
			struct ir_node *sum = make_node(s, n, IR_ADD, n->wide, a->arg[0], other);

			n->arg[0] = sum;
			n->arg[1] = a->arg[1];
			return NULL;
		}
	}
	simplify_rotate(s, n);
	return NULL;
}

/* y * (x / y), either way round, and nothing else needs the quotient. By 0, it is 0. */
static bool is_multiple(const struct ir_node *m, const struct ir_node *x, bool wide,
			struct ir_node **y)
{
	for (int k = 0; k < 2 && m->op == IR_MUL && m->wide == wide; k++) {
		const struct ir_node *q = m->arg[k];

		if (q->op == IR_UDIV && q->wide == wide && q->arg[0] == x &&
		    q->arg[1] == m->arg[!k] && q->uses <= 1 && m->uses <= 1) {
			*y = q->arg[1];
			return true;
		}
	}
	return false;
}

static struct ir_node *simplify_sub(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1], *d;

	if (is_multiple(y, x, n->wide, &d)) {
		n->op = IR_UMOD;
		n->arg[1] = d;
		return NULL;
	}
	if (x == y)
		return make_const(s, n, 0);
	if (ir_is_const(y)) {
		n->op = IR_ADD;
		n->arg[1] = make_const(s, n, fold_binary(IR_SUB, n->wide, 0, (uint64_t)y->imm));
		return NULL;
	}
	if (is_imm(x, 0)) {
		n->op = IR_NEG;
		n->n_args = 1;
		n->arg[0] = y;
	}
	return NULL;
}

static struct ir_node *simplify_mul(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	uint64_t c;

	if (!ir_is_const(y))
		return NULL;
	c = (uint64_t)y->imm & jit_mask(n->wide ? 64 : 32);
	if (!c)
		return make_const(s, n, 0);
	if (c == 1)
		return n->wide ? x : become_zext(n, x, 4);
	if (!(c & (c - 1))) {
		n->op = IR_SHL;
		n->arg[1] = make_const(s, n, (uint64_t)__builtin_ctzll(c));
	}
	return NULL;
}

/* Division by a constant: shifts, or the upper half of a product (Granlund and Montgomery). */
static struct ir_node *simplify_div(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1], *q, *m;
	bool mod = n->op == IR_UMOD;
	uint64_t d;
	unsigned shift;

	if (!ir_is_const(y))
		return NULL;
	d = (uint64_t)y->imm & jit_mask(n->wide ? 64 : 32);
	if (!d && !mod)
		return make_const(s, n, 0);
	if (!d || d == 1) {
		if (mod && d)
			return make_const(s, n, 0);
		return n->wide ? x : become_zext(n, x, 4);
	}
	if (!(d & (d - 1))) {
		n->op = mod ? IR_AND : IR_SHR;
		n->arg[1] = make_const(s, n, mod ? d - 1 : (uint64_t)__builtin_ctzll(d));
		return NULL;
	}
	if (n->wide && x->bits > 32)
		return NULL; /* needs 65 bits of multiplier in general */
	if (n->wide && d >> 32)
		return mod ? x : make_const(s, n, 0);
	/* With 2^(shift-1) < d <= 2^shift and m = 2^(32+shift) / d rounded up, x / d is
	 * x * m >> 32+shift for all x < 2^32; m is shifted so that this is the upper half. */
	shift = jit_bits(d - 1);
	if (x->bits > 32)
		x = make_node(s, n, IR_ZEXT, true, x, NULL), x->size = 4, x->bits = 32;
	m = make_const(s, n,
		       (uint64_t)((((unsigned __int128)1 << (32 + shift)) + d - 1) / d)
			       << (32 - shift));
	q = make_node(s, n, IR_MULHU, true, x, m);
	q->bits = 32;
	if (!mod)
		return q;
	q = make_node(s, n, IR_MUL, false, q, make_const(s, n, d));
	n->op = IR_SUB;
	n->wide = false;
	n->arg[0] = x;
	n->arg[1] = q;
	return NULL;
}

static struct ir_node *simplify_sdiv(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	uint64_t ones = jit_mask(n->wide ? 64 : 32), d;

	if (!ir_is_const(y))
		return NULL;
	d = (uint64_t)y->imm & ones;
	if (n->op == IR_SMOD && (d == 1 || d == ones))
		return make_const(s, n, 0);
	if (n->op == IR_SDIV && !d)
		return make_const(s, n, 0);
	if (d == 1 || !d)
		return n->wide ? x : become_zext(n, x, 4);
	if (d == ones) {
		n->op = IR_NEG;
		n->n_args = 1;
	}
	return NULL;
}

static struct ir_node *simplify_and(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	uint64_t mask;

	if (x == y)
		return n->wide ? x : become_zext(n, x, 4);
	if (!ir_is_const(y))
		return NULL;
	mask = (uint64_t)y->imm & jit_mask(n->wide ? 64 : 32);
	if (!mask)
		return make_const(s, n, 0);
	/* Nothing of x is cut off, except perhaps what a narrow operation cuts off anyway. */
	if ((mask & jit_mask(x->bits)) == jit_mask(x->bits))
		return x;
	if (mask == 0xff || mask == 0xffff || mask == 0xffffffff)
		return become_zext(n, x, mask == 0xff ? 1 : mask == 0xffff ? 2 : 4);
	if (is_op_imm(x, IR_AND, n->wide)) {
		n->arg[0] = x->arg[0];
		n->arg[1] = make_const(s, n, mask & (uint64_t)x->arg[1]->imm);
		return NULL;
	}
	/* A positive number of 31 bits clears the upper half. */
	if (n->wide && mask <= INT32_MAX) {
		n->wide = false;
		n->arg[1] = make_const(s, n, mask);
	}
	return NULL;
}

static struct ir_node *simplify_or(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];

	if (x == y && n->op == IR_XOR)
		return make_const(s, n, 0);
	if (x == y || (ir_is_const(y) && !((uint64_t)y->imm & jit_mask(n->wide ? 64 : 32))))
		return n->wide ? x : become_zext(n, x, 4);
	if (simplify_rotate(s, n))
		return NULL;
	if (n->wide && x->bits <= 32 && y->bits <= 32)
		n->wide = false;
	return NULL;
}

/* A shift left and back: an extension, or the middle of the value. */
static bool simplify_shift_back(struct simplify *s, struct ir_node *n, unsigned by)
{
	struct ir_node *x = n->arg[0];
	unsigned width = n->wide ? 64 : 32, up, keep;

	if (!is_op_imm(x, IR_SHL, n->wide))
		return false;
	up = (unsigned)x->arg[1]->imm & (width - 1);
	keep = width - by;
	if (up == by && (keep == 8 || keep == 16 || keep == 32)) {
		if (n->op == IR_SHR) {
			become_zext(n, x->arg[0], (uint8_t)(keep / 8));
		} else {
			bool wide = n->wide;

			become_sext(n, x->arg[0], (uint8_t)(keep / 8));
			n->wide = wide;
		}
		return true;
	}
	if (n->op != IR_SHR || up > by)
		return false;
	/* (x << up) >> by = (x >> (by - up)) & mask */
	if (jit_mask(width - by) > INT32_MAX)
		return false;
	n->op = IR_AND;
	n->arg[0] = up == by ? x->arg[0]
			     : make_node(s, n, IR_SHR, n->wide, x->arg[0], make_const(s, n, by - up));
	n->arg[1] = make_const(s, n, jit_mask(width - by));
	return true;
}

static struct ir_node *simplify_shift(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	unsigned width = n->wide ? 64 : 32, by;

	if (is_imm(x, 0))
		return make_const(s, n, 0);
	if (!ir_is_const(y)) {
		/* The machine takes the amount modulo the width itself. */
		if (is_op_imm(y, IR_AND, true) || is_op_imm(y, IR_AND, false)) {
			if (((uint64_t)y->arg[1]->imm & (width - 1)) == width - 1)
				n->arg[1] = y->arg[0];
		}
		return NULL;
	}
	by = (unsigned)y->imm & (width - 1);
	if (!by)
		return n->wide ? x : become_zext(n, x, 4);
	if (n->op != IR_SHL && simplify_shift_back(s, n, by))
		return NULL;
	if (n->op == IR_SAR && x->bits < width)
		n->op = IR_SHR;
	if (n->op == IR_SHR && x->bits <= by && (n->wide || x->bits <= 32))
		return make_const(s, n, 0);
	if (n->op == IR_SHR && n->wide && x->bits <= 32 && by < 32)
		n->wide = false;
	if (n->op == IR_SHL && n->wide && x->bits + by <= 32 && by < 32)
		n->wide = false;
	if (is_op_imm(x, n->op, n->wide) && n->op != IR_SAR) {
		unsigned all = by + ((unsigned)x->arg[1]->imm & (width - 1));

		if (all >= width)
			return make_const(s, n, 0);
		n->arg[0] = x->arg[0];
		n->arg[1] = make_const(s, n, all);
	}
	return NULL;
}

static struct ir_node *simplify_ext(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0];
	unsigned bits = n->size * 8u;

	(void)s;
	if (n->op == IR_ZEXT) {
		n->wide = true;
		if (x->bits <= bits)
			return x;
		if ((x->op == IR_ZEXT || x->op == IR_SEXT) && x->size >= n->size) {
			n->arg[0] = x->arg[0];
			return NULL;
		}
		/* The upper part is cut off: so it need not be computed. */
		if (n->size == 4 && x->wide && x->uses <= 1 && x->block == n->block &&
		    (x->op == IR_ADD || x->op == IR_SUB || x->op == IR_MUL || x->op == IR_AND ||
		     x->op == IR_OR || x->op == IR_XOR || x->op == IR_NEG)) {
			n->op = x->op;
			n->wide = false;
			n->size = 0;
			n->n_args = x->n_args;
			n->arg[0] = x->arg[0];
			if (x->n_args > 1)
				n->arg[1] = x->arg[1];
		}
		return NULL;
	}
	if (n->op == IR_SEXT) {
		if (x->bits < bits)
			return x; /* not negative */
		if (x->op == IR_ZEXT && x->size >= n->size)
			n->arg[0] = x->arg[0];
		return NULL;
	}
	if (n->op == IR_BSWAP && x->op == IR_ZEXT && x->size >= n->size)
		n->arg[0] = x->arg[0];
	return NULL;
}

/* Constants that a program may not change, and nobody else can: the value itself. */
static struct ir_node *simplify_load(struct simplify *s, struct ir_node *n)
{
	struct ir_node *a = n->arg[0];
	const struct map *map;
	const uint8_t *from;
	uint64_t v = 0;
	bool writable;

	if (a->op == IR_ADD && a->wide && ir_is_const(a->arg[1]) && n->op == IR_LOAD) {
		int64_t off = n->imm + a->arg[1]->imm;

		if (off == (int32_t)off) {
			n->arg[0] = a->arg[0];
			n->imm = off;
			return NULL;
		}
	}
	if (a->op != IR_CONST || a->sym != SYM_VALUES || n->ordered)
		return NULL;
	map = s->p->maps[a->index];
	from = (const uint8_t *)(uintptr_t)(a->imm + n->imm);
	if (!map->snapshot || !(map->desc.flags & BPF_F_RDONLY_PROG) ||
	    !map_value_contains(map, from, n->size, &writable) || writable)
		return NULL;
	memcpy(&v, from, n->size);
	if (n->sign)
		v = (uint64_t)((int64_t)(v << (64 - n->size * 8)) >> (64 - n->size * 8));
	return make_const(s, n, v);
}

/* Where a store goes, or an atomic operation: the constant part belongs to the instruction. */
static void simplify_address(struct ir_node *n)
{
	struct ir_node *a = n->arg[0];
	int64_t off;

	if (a->op != IR_ADD || !a->wide || !ir_is_const(a->arg[1]))
		return;
	off = n->imm + a->arg[1]->imm;
	if (off != (int32_t)off)
		return;
	n->arg[0] = a->arg[0];
	n->imm = off;
}

/* A store keeps what fits: extensions of its value do not matter. */
static void simplify_store(struct ir_node *n)
{
	simplify_address(n);
	while ((n->arg[1]->op == IR_ZEXT || n->arg[1]->op == IR_SEXT) &&
	       n->arg[1]->size >= n->size)
		n->arg[1] = n->arg[1]->arg[0];
}

static const uint8_t condition_swapped[C_COUNT] = {
	[C_EQ] = C_EQ,	 [C_NE] = C_NE,	  [C_LT] = C_GT,   [C_GE] = C_LE,
	[C_LE] = C_GE,	 [C_GT] = C_LT,	  [C_SLT] = C_SGT, [C_SGE] = C_SLE,
	[C_SLE] = C_SGE, [C_SGT] = C_SLT, [C_SET] = C_SET, [C_CLEAR] = C_CLEAR,
};

/* A branch whose outcome is known becomes a jump. */
static void branch_decide(struct simplify *s, struct ir_node *n, bool taken)
{
	struct ir_block *b = n->block, *gone = b->succ[taken ? 1 : 0];

	n->op = IR_JUMP;
	n->n_args = 0;
	ir_pred_remove(gone, ir_pred_index(gone, b));
	b->succ[0] = b->succ[taken ? 0 : 1];
	b->n_succ = 1;
	s->changed = true;
}

/* x = x / y * y, as compilers for machines without a rest ask it, is x % y = 0. */
static bool compare_multiple(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *m = n->arg[1], *y;

	if (n->cond > C_NE)
		return false;
	if (!is_multiple(m, x, n->wide, &y)) {
		x = n->arg[1];
		m = n->arg[0];
		if (!is_multiple(m, x, n->wide, &y))
			return false;
	}
	n->arg[0] = make_node(s, n, IR_UMOD, n->wide, x, y);
	n->arg[0]->bits = MIN(x->bits, n->wide ? 64 : 32);
	n->arg[1] = make_const(s, n, 0);
	return true;
}

/* The bytes of the number are swapped instead of those of the value. */
static bool compare_swapped(struct simplify *s, struct ir_node *n, uint64_t c)
{
	struct ir_node *x = n->arg[0];
	unsigned bits = x->size * 8u;

	if (x->op != IR_BSWAP || x->uses > 1 || jit_bits(c) > bits || (bits > 32 && !n->wide) ||
	    (n->cond > C_NE && n->cond < C_SET))
		return false;
	n->arg[1] = make_const(s, n, __builtin_bswap64(c) >> (64 - bits));
	n->arg[0] = x->arg[0];
	n->wide = bits > 32;
	if (n->arg[0]->bits > bits) {
		n->arg[0] = make_node(s, n, IR_ZEXT, true, x->arg[0], NULL);
		n->arg[0]->size = x->size;
		n->arg[0]->bits = (uint8_t)bits;
	}
	return true;
}

static void simplify_compare(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	uint8_t width = n->wide ? 64 : 32, bits = MAX(x->bits, y->bits);
	uint64_t c;

	/* Signs that are never set do not matter; neither do upper halves that are zero. */
	if (n->cond >= C_SLT && n->cond <= C_SGT && bits < width && (n->wide || bits < 32))
		n->cond = (uint8_t)(n->cond - C_SLT + C_LT);
	if (n->wide && bits <= 32 && (n->cond < C_SLT || n->cond > C_SGT))
		n->wide = false;
	if (compare_multiple(s, n) || !ir_is_const(y))
		return;
	c = (uint64_t)y->imm & jit_mask(width);
	if (compare_swapped(s, n, c))
		return;
	/* (x & m) compared with 0 */
	if (!c && (n->cond == C_EQ || n->cond == C_NE)) {
		if (x->op == IR_AND && (x->wide == n->wide || !x->wide) && x->bits <= width) {
			n->cond = n->cond == C_EQ ? C_CLEAR : C_SET;
			n->wide = x->wide;
			n->arg[0] = x->arg[0];
			n->arg[1] = x->arg[1];
		} else if ((x->op == IR_SUB || x->op == IR_XOR) && x->wide == n->wide) {
			n->arg[0] = x->arg[0];
			n->arg[1] = x->arg[1];
		}
		return;
	}
	/* x < 1, x > 0, x <= 0, x >= 1 */
	if ((n->cond == C_LT && c == 1) || (n->cond == C_LE && !c)) {
		n->cond = C_EQ;
		n->arg[1] = make_const(s, n, 0);
	} else if ((n->cond == C_GE && c == 1) || (n->cond == C_GT && !c)) {
		n->cond = C_NE;
		n->arg[1] = make_const(s, n, 0);
	}
}

static void simplify_branch(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	struct ir_block *b = n->block;
	uint64_t c;

	if (b->succ[0] == b->succ[1]) {
		bool same = true;
		uint32_t k = ir_pred_index(b->succ[0], b), l = k + 1;

		while (b->succ[0]->preds[l] != b)
			l++;
		for (struct ir_node *p = b->succ[0]->first; p && p->op == IR_PHI; p = p->next)
			same &= ir_same(p->arg[k]) == ir_same(p->arg[l]);
		if (same) {
			branch_decide(s, n, true);
			return;
		}
	}
	if (ir_is_const(x) && ir_is_const(y)) {
		branch_decide(s, n,
			      fold_condition(n->cond, n->wide, (uint64_t)x->imm, (uint64_t)y->imm));
		return;
	}
	if (ir_is_const(x)) {
		n->cond = condition_swapped[n->cond];
		n->arg[0] = y;
		n->arg[1] = x;
		x = n->arg[0];
		y = n->arg[1];
	}
	if (x == y && n->cond < C_SET) {
		branch_decide(s, n, fold_condition(n->cond, true, 0, 0));
		return;
	}
	simplify_compare(s, n);
	/* Addresses in maps and handles are not 0; numbers stay below their bound. */
	x = n->arg[0];
	y = n->arg[1];
	if (!ir_is_const(y))
		return;
	c = (uint64_t)y->imm & jit_mask(n->wide ? 64 : 32);
	if (x->op == IR_CONST && x->sym != SYM_NONE && !c && n->wide && n->cond <= C_NE)
		branch_decide(s, n, n->cond == C_NE);
	else if (x->bits < 64 && c > jit_mask(x->bits) && (n->wide || x->bits <= 32) &&
		 n->cond <= C_GT)
		branch_decide(s, n, n->cond == C_NE || n->cond == C_LT || n->cond == C_LE);
	else if (c == jit_mask(MIN(x->bits, n->wide ? 64 : 32)) && (n->cond == C_LE || n->cond == C_GT))
		branch_decide(s, n, n->cond == C_LE);
	else if (n->cond >= C_SET && !(c & jit_mask(x->bits)))
		branch_decide(s, n, n->cond == C_CLEAR);
}

/* ---- bounds ------------------------------------------------------------------------------------- */

static uint8_t bits_of(const struct ir_node *n)
{
	uint8_t width = n->wide ? 64 : 32;
	uint8_t x = n->n_args > 0 && n->op != IR_PHI ? MIN(n->arg[0]->bits, width) : width;
	uint8_t y = n->n_args > 1 && n->op != IR_PHI ? MIN(n->arg[1]->bits, width) : width;
	uint8_t bits = 0;

	switch (n->op) {
	case IR_CONST:
		return n->sym == SYM_NONE ? jit_bits((uint64_t)n->imm) : 64;
	case IR_PHI:
		for (uint32_t k = 0; k < n->n_args; k++)
			bits = MAX(bits, ir_same(n->arg[k])->bits);
		return bits;
	case IR_ADD:
		return (uint8_t)MIN(width, MAX(x, y) + 1);
	case IR_MUL:
		return (uint8_t)MIN(width, x + y);
	case IR_MULHU:
		return (uint8_t)MAX(0, x + y - width);
	case IR_UDIV:
	case IR_UMOD:
		return n->op == IR_UMOD && ir_is_const(n->arg[1]) && n->arg[1]->imm > 0 ? MIN(x, y) : x;
	case IR_AND:
		return MIN(x, y);
	case IR_OR:
	case IR_XOR:
		return MAX(x, y);
	case IR_SHL:
		return ir_is_const(n->arg[1])
			       ? (uint8_t)MIN(width, x + (n->arg[1]->imm & (width - 1)))
			       : width;
	case IR_SHR:
		return ir_is_const(n->arg[1]) ? (uint8_t)MAX(0, x - (n->arg[1]->imm & (width - 1))) : x;
	case IR_ZEXT:
	case IR_BSWAP:
		return (uint8_t)MIN(n->size * 8, n->op == IR_ZEXT ? n->arg[0]->bits : 64);
	case IR_LOAD:
		return n->sign ? 64 : (uint8_t)(n->size * 8);
	case IR_BITS:
		return 7;
	case IR_ATOMIC:
		return width;
	case IR_SUB:
	case IR_NEG:
	case IR_SDIV:
	case IR_SMOD:
	case IR_SAR:
	case IR_ROL:
	case IR_SEXT:
		return width;
	default:
		return 64;
	}
}

/* ---- the walk ----------------------------------------------------------------------------------- */

/* One step towards the simplest form: another node that n is the same as, or NULL. */
static struct ir_node *simplify_once(struct simplify *s, struct ir_node *n)
{
	struct ir_node *x = n->n_args > 0 ? n->arg[0] : NULL;
	struct ir_node *y = n->n_args > 1 ? n->arg[1] : NULL, *swap;

	/* The constant is the second one; of two others, the older one is the first. */
	if (ir_flags[n->op] & IR_IS_COMM &&
	    (ir_is_const(x) || ir_is_const(y) ? ir_is_const(x) && !ir_is_const(y) : x->id > y->id)) {
		swap = n->arg[0];
		n->arg[0] = x = y;
		n->arg[1] = y = swap;
	}
	if (ir_flags[n->op] & IR_IS_PURE && x && ir_is_const(x)) {
		if (n->n_args == 1)
			return make_const(s, n, fold_unary(n, (uint64_t)x->imm));
		if (ir_is_const(y))
			return make_const(s, n,
					  fold_binary(n->op, n->wide, (uint64_t)x->imm, (uint64_t)y->imm));
	}
	switch (n->op) {
	case IR_ADD:
		return simplify_add(s, n);
	case IR_SUB:
		return simplify_sub(s, n);
	case IR_MUL:
		return simplify_mul(s, n);
	case IR_UDIV:
	case IR_UMOD:
		return simplify_div(s, n);
	case IR_SDIV:
	case IR_SMOD:
		return simplify_sdiv(s, n);
	case IR_AND:
		return simplify_and(s, n);
	case IR_OR:
	case IR_XOR:
		return simplify_or(s, n);
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
		return simplify_shift(s, n);
	case IR_ZEXT:
	case IR_SEXT:
	case IR_BSWAP:
		return simplify_ext(s, n);
	case IR_LOAD:
		return simplify_load(s, n);
	case IR_STORE:
		simplify_store(n);
		return NULL;
	case IR_ATOMIC:
		simplify_address(n);
		return NULL;
	case IR_BRANCH:
		simplify_branch(s, n);
		return NULL;
	default:
		return NULL;
	}
}

/* Steps until nothing changes any more; the limit only guards against mistakes in the rules. */
#define SIMPLIFY_STEPS 8

static void simplify_node(struct simplify *s, struct ir_node *n)
{
	struct ir_node *same = NULL;

	for (uint32_t a = 0; a < n->n_args; a++)
		n->arg[a] = ir_same(n->arg[a]);
	for (int step = 0; step < SIMPLIFY_STEPS && !same; step++) {
		struct ir_node before = *n;
		struct ir_node *x = n->n_args ? n->arg[0] : NULL;
		struct ir_node *y = n->n_args > 1 ? n->arg[1] : NULL;

		if (n->op == IR_PHI)
			break;
		same = simplify_once(s, n);
		if (n->op == before.op && n->wide == before.wide && n->n_args == before.n_args &&
		    n->imm == before.imm && n->cond == before.cond && n->size == before.size &&
		    (n->n_args < 1 || n->arg[0] == x) && (n->n_args < 2 || n->arg[1] == y))
			break;
	}
	if (!same) {
		n->bits = bits_of(n);
		if (ir_flags[n->op] & IR_IS_PURE)
			same = value_number(s, n);
	}
	if (same && same != n) {
		same->uses += n->uses;
		n->same = same;
		ir_remove(n);
	}
}

/* What stays in a cache. In longer functions older values are forgotten. */
#define VALUES_MAX 16384

bool jit_simplify(struct ir_func *f, const struct jit_program *p)
{
	struct simplify s = {.f = f, .p = p};
	uint32_t size = 256;

	while (size < f->n_nodes * 2 && size < VALUES_MAX)
		size *= 2;
	s.mask = size - 1;
	s.table = jit_alloc(f->temp, size * sizeof(*s.table));
	if (!s.table) {
		f->failed = true;
		return false;
	}
	for (uint32_t i = 0; i < f->n_order && !f->failed; i++) {
		struct ir_node *next;

		for (struct ir_node *n = f->order[i]->first; n; n = next) {
			next = n->next;
			simplify_node(&s, n);
		}
	}
	ir_resolve(f);
	return s.changed;
}
