/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/count.c - loops that count how often a number can be halved.
 *
 * Such a loop stays, but its last round is the first one: the number is shifted as far as the round
 * before the last one would have it, and the counters begin with what they have there. So it does
 * not matter what is made of them behind the loop. It must do nothing else, and its counter must
 * not end it earlier.
 */
#include "jit/pass.h"

struct count {
	struct ir_func *f;
	struct ir_block *head, *before, *latch; /* the latch may be the head */
	uint32_t entry, back;			/* indices of the head's predecessors */
	struct ir_node *v, *half;		/* the number, and what is left in the next round */
	bool first;				/* the number is looked at before it is halved */
};

static bool count_inside(const struct count *c, const struct ir_block *b)
{
	return b == c->head || b == c->latch;
}

static bool count_find(struct count *c, struct ir_block *h)
{
	c->head = h;
	if (h->n_preds != 2)
		return false;
	c->back = ir_dominates(h, h->preds[1]);
	c->entry = !c->back;
	c->latch = h->preds[c->back];
	c->before = h->preds[c->entry];
	return ir_dominates(h, c->latch) && !ir_dominates(h, c->before) &&
	       (c->latch == h || (c->latch->n_preds == 1 && c->latch->preds[0] == h));
}

/* A value that grows by a constant. */
static bool is_counter(const struct count *c, const struct ir_node *phi)
{
	const struct ir_node *next = phi->arg[c->back];

	return next->op == IR_ADD && next->arg[0] == phi && ir_is_const(next->arg[1]);
}

/* Nothing but counters, and one number that is halved. */
static bool count_phis(struct count *c)
{
	for (struct ir_node *n = c->head->first; n->op == IR_PHI; n = n->next) {
		struct ir_node *next = n->arg[c->back];

		/* A sum of 32 bits would cut off what the counter has if there is no round. */
		if (is_counter(c, n)) {
			if (!next->wide && n->arg[c->entry]->bits > 32)
				return false;
			continue;
		}
		if (c->v || next->op != IR_SHR || next->arg[0] != n || !ir_is_const(next->arg[1]) ||
		    next->arg[1]->imm != 1)
			return false;
		c->v = n;
		c->half = next;
	}
	return c->v != NULL;
}

static bool count_pure(const struct ir_block *b)
{
	for (const struct ir_node *n = b->first; n != b->last; n = n->next)
		if (n->op != IR_PHI && !(ir_flags[n->op] & IR_IS_PURE))
			return false;
	return true;
}

/* The loop is left when nothing is left of the number. */
static bool count_exit(struct count *c)
{
	const struct ir_node *n = c->head->last;
	const struct ir_block *out;

	if (n->op != IR_BRANCH || n->cond > C_NE || !ir_is_const(n->arg[1]) || n->arg[1]->imm)
		return false;
	c->first = n->arg[0] == c->v;
	if (!c->first && n->arg[0] != c->half)
		return false;
	/* All of it is looked at, and all of it is halved. */
	if ((!n->wide && n->arg[0]->bits > 32) || (!c->half->wide && c->v->bits > 32))
		return false;
	out = c->head->succ[n->cond == C_NE];
	return !count_inside(c, out) && count_inside(c, c->head->succ[n->cond == C_EQ]);
}

/* The other way out, if there is one, is not taken as long as something is left. */
static bool count_limit(const struct count *c)
{
	const struct ir_node *n = c->latch->last, *phi;
	int64_t width = c->half->wide ? 64 : 32, rounds;

	if (c->latch == c->head || n->op == IR_JUMP)
		return true;
	if (n->op != IR_BRANCH || n->cond != C_NE || c->latch->succ[0] != c->head ||
	    !ir_is_const(n->arg[1]) || n->arg[0]->op != IR_ADD)
		return false;
	phi = n->arg[0]->arg[0];
	if (phi->op != IR_PHI || phi->block != c->head || phi->arg[c->back] != n->arg[0] ||
	    !is_counter(c, phi) || n->arg[0]->arg[1]->imm != 1 || !ir_is_const(phi->arg[c->entry]))
		return false;
	rounds = n->arg[1]->imm - phi->arg[c->entry]->imm;
	return phi->arg[c->entry]->imm >= 0 && n->arg[1]->imm <= INT32_MAX &&
	       rounds >= width + c->first;
}

static struct ir_node *count_node(struct count *c, enum ir_op op, bool wide, struct ir_node *x,
				  struct ir_node *y)
{
	struct ir_node *at = c->before->last, *n = ir_new(c->f, op, !x ? 0 : y ? 2 : 1);

	n->insn = at->insn;
	n->wide = wide;
	if (x)
		n->arg[0] = x;
	if (y)
		n->arg[1] = y;
	ir_insert_before(at, n);
	return n;
}

static struct ir_node *count_const(struct count *c, int64_t imm)
{
	struct ir_node *n = count_node(c, IR_CONST, true, NULL, NULL);

	n->imm = imm;
	n->bits = jit_bits((uint64_t)imm);
	return n;
}

/* The rounds that are left out, and what they make of everything. */
static void count_skip(struct count *c)
{
	struct ir_node *x = c->v->arg[c->entry], *some = x, *rounds;
	bool wide = c->half->wide;

	if (!c->first)
		some = count_node(c, IR_SHR, wide, x, count_const(c, 1));
	rounds = count_node(c, IR_BITS, true, some, NULL);
	rounds->bits = 7;
	c->v->arg[c->entry] = c->first ? count_const(c, 0) : count_node(c, IR_SHR, wide, x, rounds);
	for (struct ir_node *n = c->head->first; n->op == IR_PHI; n = n->next) {
		const struct ir_node *next = n->arg[c->back];
		struct ir_node *by = rounds;

		if (n == c->v)
			continue;
		if (next->arg[1]->imm != 1)
			by = count_node(c, IR_MUL, next->wide, rounds,
					count_const(c, next->arg[1]->imm));
		n->arg[c->entry] = count_node(c, IR_ADD, next->wide, n->arg[c->entry], by);
	}
}

bool jit_count(struct ir_func *f)
{
	bool changed = false;

	for (uint32_t i = 0; i < f->n_order && !f->failed; i++) {
		struct ir_block *h = f->order[i];
		struct count c = {.f = f};

		if (h->loop != h || !count_find(&c, h) || !count_phis(&c) || !count_pure(h) ||
		    !count_pure(c.latch) || !count_exit(&c) || !count_limit(&c))
			continue;
		/* What is counted has to be below 2^63. */
		if (c.first && c.half->wide && c.v->arg[c.entry]->bits > 63)
			continue;
		if (c.before->n_succ != 1)
			c.before = ir_edge_split(f, c.before, c.before->succ[1] == h);
		if (f->failed)
			return false;
		count_skip(&c);
		changed = true;
	}
	return changed;
}
