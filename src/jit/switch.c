/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/switch.c - trees of comparisons of one value become a table.
 *
 * Compilers write a `switch` as a search tree, since eBPF has no computed jumps. The inner
 * blocks of such a tree do nothing but compare the value with constants. Where each number
 * leads is found by following it through the tree; below the smallest constant and above the
 * largest all numbers behave the same.
 */
#include <string.h>

#include "jit/pass.h"

#define SWITCH_MIN_BLOCKS 4
#define SWITCH_MAX_BLOCKS 1024
#define SWITCH_MAX_TABLE  1024

struct tree {
	struct ir_func *f;
	struct ir_node *x;
	bool wide;
	bool is_signed, is_unsigned; /* some comparison depends on it */
	struct ir_block **inner;
	uint32_t n_inner;
	int64_t lo, hi; /* of the constants */
	uint32_t *in;	/* by block id, of those that were there at first: the tree it is in, or 0 */
	uint32_t n_in, number;
	uint32_t insn;
};

static bool tree_has(const struct tree *t, const struct ir_block *b)
{
	return b->id < t->n_in && t->in[b->id] == t->number;
}

/* The constant as the comparison sees it. */
static int64_t tree_constant(const struct tree *t, const struct ir_node *n)
{
	return t->wide ? n->arg[1]->imm
	       : t->is_signed ? (int32_t)n->arg[1]->imm
			      : (int64_t)(uint32_t)n->arg[1]->imm;
}

static bool tree_compares(const struct ir_node *n, const struct ir_node *x, bool wide)
{
	return n->op == IR_BRANCH && n->arg[0] == x && n->wide == wide && ir_is_const(n->arg[1]) &&
	       n->cond < C_SET;
}

static bool tree_is_inner(const struct tree *t, const struct ir_block *b)
{
	if (b->n_preds != 1 || b->id >= t->n_in || t->in[b->id] ||
	    !tree_compares(b->last, t->x, t->wide))
		return false;
	for (const struct ir_node *n = b->first; n != b->last; n = n->next)
		if (n->op != IR_CONST)
			return false;
	return true;
}

static bool tree_collect(struct tree *t, struct ir_block *root)
{
	t->inner = jit_alloc(t->f->temp, SWITCH_MAX_BLOCKS * sizeof(*t->inner));
	if (!t->inner) {
		t->f->failed = true;
		return false;
	}
	t->inner[t->n_inner++] = root;
	for (uint32_t i = 0; i < t->n_inner; i++) {
		const struct ir_node *n = t->inner[i]->last;

		t->is_signed |= n->cond >= C_SLT;
		t->is_unsigned |= n->cond >= C_LT && n->cond < C_SLT;
		for (uint32_t k = 0; k < 2; k++)
			if (tree_is_inner(t, t->inner[i]->succ[k]) && t->n_inner < SWITCH_MAX_BLOCKS)
				t->inner[t->n_inner++] = t->inner[i]->succ[k];
	}
	/* Whatever comes of it, what is in it does not begin a tree of its own. */
	for (uint32_t i = 0; i < t->n_inner; i++)
		t->in[t->inner[i]->id] = t->number;
	/* Numbers are looked at as signed or unsigned, unless the sign is never set. */
	if (t->x->bits >= (t->wide ? 64 : 32) && t->is_signed && t->is_unsigned)
		return false;
	return t->n_inner >= SWITCH_MIN_BLOCKS;
}

static bool tree_bounds(struct tree *t)
{
	t->lo = INT64_MAX;
	t->hi = INT64_MIN;
	for (uint32_t i = 0; i < t->n_inner; i++) {
		int64_t c = tree_constant(t, t->inner[i]->last);

		/* Numbers of 64 bits are all taken as signed here. */
		if (t->wide && t->is_unsigned && c < 0)
			return false;
		t->lo = MIN(t->lo, c);
		t->hi = MAX(t->hi, c);
	}
	return (uint64_t)t->hi - (uint64_t)t->lo < SWITCH_MAX_TABLE;
}

static bool tree_holds(enum ir_cond cond, int64_t v, int64_t c)
{
	switch (cond) {
	case C_EQ:
		return v == c;
	case C_NE:
		return v != c;
	case C_LT:
	case C_SLT:
		return v < c;
	case C_GE:
	case C_SGE:
		return v >= c;
	case C_LE:
	case C_SLE:
		return v <= c;
	default:
		return v > c;
	}
}

/* Where v goes from the root: the last block of the tree on its way, and which of its ways out. */
static struct ir_block *tree_follow(const struct tree *t, int64_t v, uint32_t *k)
{
	struct ir_block *b = t->inner[0];

	for (;;) {
		const struct ir_node *n = b->last;

		*k = !tree_holds(n->cond, v, tree_constant(t, n));
		if (b->succ[*k] == t->inner[0] || !tree_has(t, b->succ[*k]))
			return b;
		b = b->succ[*k];
	}
}

/* An edge from `from` to where the k-th way out of a block of the tree goes, with the same values
 * for its phis. */
static void tree_edge(struct tree *t, struct ir_block *from, struct ir_block *b, uint32_t k)
{
	struct ir_block *to = b->succ[k];
	uint32_t old = ir_pred_index(to, b);

	if (b->succ[!k] == to && k) /* both ways lead there: the second of the two */
		do
			old++;
		while (to->preds[old] != b);
	ir_edge(t->f, from, to);
	if (t->f->failed)
		return;
	for (struct ir_node *n = to->first; n && n->op == IR_PHI; n = n->next)
		n->arg[to->n_preds - 1] = n->arg[old];
}

struct table {
	struct ir_block *block; /* the switch */
	struct ir_block *from[SWITCH_MAX_TABLE];
	uint8_t way[SWITCH_MAX_TABLE];
};

/* Index of the way out among the successors of the switch, which may get a new one. */
static uint32_t table_way(struct tree *t, struct table *table, struct ir_block *b, uint32_t k)
{
	struct ir_block *s = table->block, *to = b->succ[k];
	bool phis = to->first->op == IR_PHI;

	for (uint32_t i = s->n_succ; i-- > 0;)
		if (s->succ[i] == to && (!phis || (table->from[i] == b && table->way[i] == k)))
			return i;
	table->from[s->n_succ] = b;
	table->way[s->n_succ] = (uint8_t)k;
	tree_edge(t, s, b, k);
	return s->n_succ - 1;
}

static struct ir_node *tree_node(struct tree *t, struct ir_block *b, enum ir_op op, uint32_t n_args)
{
	struct ir_node *n = ir_new(t->f, op, n_args);

	n->insn = t->insn;
	ir_append(b, n);
	return n;
}

/* A block that asks for numbers on one side of the table, which all go the same way. */
static struct ir_block *tree_outside(struct tree *t, struct ir_block *b, enum ir_cond cond,
				     int64_t limit, int64_t v)
{
	struct ir_block *next = ir_block_new(t->f), *from;
	struct ir_node *c = tree_node(t, b, IR_CONST, 0), *n = tree_node(t, b, IR_BRANCH, 2);
	uint32_t k;

	c->imm = limit;
	n->cond = cond;
	n->wide = t->wide;
	n->arg[0] = t->x;
	n->arg[1] = c;
	from = tree_follow(t, v, &k);
	tree_edge(t, b, from, k);
	ir_edge(t->f, b, next);
	return next;
}

static void tree_replace(struct tree *t, struct table *table)
{
	struct ir_block *root = t->inner[0], *b = ir_block_new(t->f), *head = b;
	uint32_t n = (uint32_t)(t->hi - t->lo + 1), k;
	bool is_signed = t->is_signed || (t->wide && !t->is_unsigned);
	bool negative = is_signed && t->x->bits >= (t->wide ? 64 : 32);
	int64_t least = negative ? INT64_MIN : 0;
	int64_t most = t->x->bits >= 63 ? INT64_MAX : (int64_t)jit_mask(t->x->bits);
	struct ir_node *s, *x = t->x;

	if (least < t->lo)
		b = tree_outside(t, b, is_signed ? C_SLT : C_LT, t->lo, t->lo - 1);
	if (most > t->hi)
		b = tree_outside(t, b, is_signed ? C_SGT : C_GT, t->hi, t->hi + 1);
	if (t->f->failed)
		return;
	if (!t->wide && x->bits > 32) {
		s = tree_node(t, b, IR_ZEXT, 1);
		s->arg[0] = x;
		s->size = 4;
		s->bits = 32;
		x = s;
	}
	if (!t->wide && t->lo < 0) { /* negative ones are large here */
		struct ir_node *lo = tree_node(t, b, IR_CONST, 0);

		lo->imm = -t->lo;
		s = tree_node(t, b, IR_ADD, 2);
		s->wide = false;
		s->arg[0] = x;
		s->arg[1] = lo;
		x = s;
	}
	table->block = b;
	s = tree_node(t, b, IR_SWITCH, 1);
	s->arg[0] = x;
	s->imm = !t->wide && t->lo < 0 ? 0 : t->lo;
	b->succ = jit_alloc(t->f->arena, (n + 2) * sizeof(struct ir_block *));
	b->table = jit_alloc(t->f->arena, n * sizeof(*b->table));
	b->n_table = n;
	if (!b->succ || !b->table) {
		t->f->failed = true;
		return;
	}
	for (uint32_t i = 0; i < n && !t->f->failed; i++) {
		struct ir_block *from = tree_follow(t, t->lo + i, &k);

		b->table[i] = table_way(t, table, from, k);
	}
	/* The root goes to the new blocks; the old ones lead nowhere any more. */
	for (uint32_t i = 0; i < t->n_inner; i++) {
		struct ir_block *old = t->inner[i];

		while (old->n_succ) {
			struct ir_block *to = old->succ[--old->n_succ];
			uint32_t at = UINT32_MAX;

			for (uint32_t p = 0; p < to->n_preds; p++)
				if (to->preds[p] == old)
					at = p;
			ir_pred_remove(to, at);
		}
	}
	ir_remove(root->last);
	tree_node(t, root, IR_JUMP, 0);
	ir_edge(t->f, root, head);
}

bool jit_switch(struct ir_func *f)
{
	struct table *table = NULL;
	bool changed = false;
	uint32_t n_ids = f->n_blocks, *in = jit_alloc(f->temp, n_ids * sizeof(*in)), number = 0;

	if (!in)
		f->failed = true;
	for (uint32_t i = 0; i < f->n_order && !f->failed; i++) {
		struct ir_block *b = f->order[i];
		struct tree t = {.f = f, .in = in, .n_in = n_ids, .number = number + 1};

		if (b->n_succ != 2 || b->last->op != IR_BRANCH || !ir_is_const(b->last->arg[1]) ||
		    ir_is_const(b->last->arg[0]) || (b->id < n_ids && in[b->id]))
			continue;
		t.x = b->last->arg[0];
		t.wide = b->last->wide;
		if (!tree_compares(b->last, t.x, t.wide))
			continue;
		/* Most comparisons are not the beginning of a tree. */
		if (!tree_is_inner(&t, b->succ[0]) && !tree_is_inner(&t, b->succ[1]))
			continue;
		if (!table)
			table = jit_alloc(f->temp, sizeof(*table));
		if (!table) {
			f->failed = true;
			return false;
		}
		number++;
		t.insn = b->last->insn;
		if (!tree_collect(&t, b) || !tree_bounds(&t))
			continue;
		tree_replace(&t, table);
		changed = true;
	}
	return changed;
}
