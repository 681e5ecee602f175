/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/select.c - what selecting is for every machine: constants, and the walk.
 *
 * Constants and addresses of the frame are made where they are used: they are part of a node that
 * can hold them, and get a register of their own for one that cannot. Nodes are visited after
 * those that use them in their block, so a machine sees what is still free to be folded.
 */
#include "jit/target.h"

static bool const_folds(const struct ir_node *n, uint32_t k, const struct jit_target *t)
{
	const struct ir_node *c = n->arg[k];

	if (c->op == IR_FRAME)
		return ((n->op == IR_LOAD || n->op == IR_STORE || n->op == IR_ATOMIC) && k == 0) ||
		       n->op == IR_PHI || n->op == IR_CALL || n->op == IR_CALLSUB ||
		       n->op == IR_RETURN;
	switch (n->op) {
	case IR_PHI:
	case IR_CALL:
	case IR_CALLSUB:
	case IR_TAIL:
	case IR_RETURN:
		return true;
	default:
		return c->sym == SYM_NONE && t->imm_fits(n, k);
	}
}

/* Registers that constants may take over whole loops. */
#define MAX_HOISTED 4

struct select {
	struct ir_func *f;
	const struct jit_target *t;
	uint32_t calls;	  /* seen in this block, from its end */
	uint32_t hoisted; /* constants that have a register over a loop */
};

static struct ir_node *const_copy(struct select *s, struct ir_node *c, struct ir_node *at)
{
	struct ir_node *copy = ir_new(s->f, c->op, 0);

	copy->imm = c->imm;
	copy->sym = c->sym;
	copy->index = c->index;
	copy->bits = c->bits;
	copy->insn = at->insn;
	ir_insert_before(at, copy);
	return copy;
}

/*
 * A register for a constant that n cannot hold. In a loop, in front of the loop, if it is one of
 * the first few; the copy is remembered with the constant. Otherwise in front of the first user in
 * the block (which is walked from its end) that no call separates from the others.
 */
static struct ir_node *const_place(struct select *s, struct ir_node *n, struct ir_node *c)
{
	struct ir_node *copy = c->copy;

	if (copy && copy->block != n->block && ir_dominates(copy->block, n->block) &&
	    copy->block->depth < n->block->depth)
		return copy;
	if (n->block->loop && s->hoisted < MAX_HOISTED) {
		struct ir_block *h = n->block->loop;

		while (h->outer)
			h = h->outer;
		s->hoisted++;
		c->copy = const_copy(s, c, h->idom->last);
		return c->copy;
	}
	if (copy && copy->block == n->block && copy->epoch == s->calls) {
		ir_remove(copy);
		ir_insert_before(n, copy);
		return copy;
	}
	c->copy = const_copy(s, c, n);
	c->copy->epoch = s->calls;
	return c->copy;
}

static void select_constants(struct select *s, struct ir_node *n)
{
	for (uint32_t k = 0; k < n->n_args; k++) {
		struct ir_node *c = n->arg[k];

		if (c->op != IR_CONST && c->op != IR_FRAME)
			continue;
		if (const_folds(n, k, s->t)) {
			c->folded = true;
			continue;
		}
		n->arg[k] = const_place(s, n, c);
		n->arg[k]->uses++;
	}
}

/* ---- the walk -------------------------------------------------------------------------------- */

/*
 * An address that something else needs, too, is computed anyway; still, a load in a loop, for which
 * others may wait, need not wait for it.
 */
static void select_addresses(struct ir_func *f, struct ir_block *b)
{
	for (struct ir_node *n = b->first; n; n = n->next) {
		struct ir_node *a = n->op == IR_LOAD ? n->arg[0] : NULL, *own;

		if (!a || a->op != IR_ADD || !a->wide || a->block->loop != b->loop ||
		    (a->block == b && a->uses == a->accesses) || ir_is_const(a->arg[1]))
			continue;
		own = ir_new(f, IR_ADD, 2);
		own->insn = n->insn;
		own->arg[0] = a->arg[0];
		own->arg[1] = a->arg[1];
		own->arg[0]->uses++;
		own->arg[1]->uses++;
		own->uses = own->accesses = 1;
		n->arg[0] = own;
		ir_insert_before(n, own);
		a->accesses -= a->block == b;
		if (--a->uses)
			continue;
		a->arg[0]->uses--;
		a->arg[1]->uses--;
		ir_remove(a);
	}
}

static void select_prepare(struct ir_func *f, const struct jit_target *t)
{
	for (uint32_t i = 0; i < f->n_order; i++) {
		uint32_t writes = 0;

		for (struct ir_node *n = f->order[i]->first; n; n = n->next) {
			n->epoch = writes;
			n->accesses = 0;
			n->folded = n->op == IR_CONST || n->op == IR_FRAME;
			n->copy = NULL;
			n->how = 0;
			writes += (ir_flags[n->op] & (IR_IS_WRITE | IR_IS_CALL)) != 0 || n->ordered;
			if (jit_is_access(n) && n->arg[0]->op == IR_ADD &&
			    n->arg[0]->block == n->block)
				n->arg[0]->accesses++;
		}
		if (t->indexed && f->order[i]->depth)
			select_addresses(f, f->order[i]);
	}
}

void jit_select(struct ir_func *f, const struct jit_target *t, const struct jit_program *p)
{
	struct select s = {.f = f, .t = t};

	select_prepare(f, t);
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_node *prev;

		s.calls = 0;
		for (struct ir_node *n = f->order[i]->last; n; n = prev) {
			prev = n->prev;
			if (n->op == IR_CONST || n->op == IR_FRAME)
				continue;
			select_constants(&s, n);
			/* What is part of another node has registers for operands. */
			if (!n->folded)
				t->select(n, p);
			s.calls += (ir_flags[n->op] & IR_IS_CALL) != 0;
		}
	}
}
