/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/alloc.c - registers.
 *
 * Blocks are visited so that definitions come before uses; at each point it is known which
 * registers hold what is still needed, so a new value takes one of the others. In static
 * single assignment form this needs no more registers than there are values alive at once.
 * What a value must avoid later (`forbidden`: calls) is known beforehand. If nothing is free,
 * the value that is used least moves to memory, for good.
 *
 * A value that would save a move has a wish: phis and their arguments want the same register,
 * arguments of calls that of the calling convention, results that of their first operand.
 */
#include <string.h>

#include "jit/target.h"

struct alloc {
	struct ir_func *f;
	const struct jit_target *t;
	const struct jit_program *p;
	uint32_t registers;
	struct ir_node *in[32]; /* what each register holds */
	uint32_t busy;
	uint32_t wanted; /* by the phis of the loops around: others go elsewhere if they can */
	bool spilled;
};

/* ---- wishes ----------------------------------------------------------------------------------------- */

/* Halves the way for the next one who asks: long functions have long chains of phis. */
static struct ir_node *web_of(struct ir_node *n)
{
	while (n->web) {
		if (n->web->web)
			n->web = n->web->web;
		n = n->web;
	}
	return n;
}

static void alloc_webs(struct ir_func *f)
{
	for (uint32_t i = 0; i < f->n_order; i++)
		for (struct ir_node *n = f->order[i]->first; n; n = n->next) {
			n->reg = -1;
			n->spilled = false;
			n->web = NULL;
		}
	for (uint32_t i = 0; i < f->n_order; i++)
		for (struct ir_node *n = f->order[i]->first; n && n->op == IR_PHI; n = n->next)
			for (uint32_t k = 0; k < n->n_args; k++) {
				struct ir_node *a = web_of(n), *b;

				if (n->arg[k]->folded)
					continue;
				b = web_of(n->arg[k]);
				if (a == b)
					continue;
				b->web = a;
				if (a->wish < 0)
					a->wish = b->wish;
			}
}

/* ---- one value ----------------------------------------------------------------------------------------- */

static void alloc_take(struct alloc *a, struct ir_node *n, int reg)
{
	struct ir_node *web = web_of(n);

	n->reg = (int8_t)reg;
	a->in[reg] = n;
	a->busy |= 1u << reg;
	if (web->reg < 0)
		web->wish = (int8_t)reg;
}

static void alloc_release(struct alloc *a, struct ir_node *n)
{
	if (n->reg >= 0 && a->in[n->reg] == n) {
		a->in[n->reg] = NULL;
		a->busy &= ~(1u << n->reg);
	}
}

/* Values that wait in memory lose their register everywhere: nothing was emitted yet. */
static void alloc_spill(struct alloc *a, struct ir_node *n)
{
	alloc_release(a, n);
	n->reg = -1;
	n->spilled = true;
	a->spilled = true;
}

/* The register of an operand that ends here, or -1. */
static int alloc_operand(const struct ir_node *x, uint32_t free)
{
	return x && !x->folded && x->reg >= 0 && free >> x->reg & 1 ? x->reg : -1;
}

static int alloc_choose(const struct alloc *a, struct ir_node *n, uint32_t free)
{
	struct ir_node *web = web_of(n);
	int reg = -1;

	if (n->wish >= 0 && free >> n->wish & 1)
		return n->wish;
	if (web->reg >= 0 && free >> web->reg & 1)
		return web->reg;
	if (web->wish >= 0 && free >> web->wish & 1)
		return web->wish;
	if (free & ~a->wanted)
		free &= ~a->wanted;
	/* Two-operand machines want the result where the first operand was. */
	if (ir_flags[n->op] & IR_IS_PURE && n->n_args) {
		reg = alloc_operand(n->arg[0], free);
		if (reg < 0 && ir_flags[n->op] & IR_IS_COMM)
			reg = alloc_operand(n->arg[1], free);
	}
	for (uint32_t i = 0; i < a->t->n_order && reg < 0; i++)
		if (free >> a->t->order[i] & 1)
			reg = a->t->order[i];
	return reg;
}

static void alloc_value(struct alloc *a, struct ir_node *n)
{
	uint32_t may = a->registers & ~n->forbidden;
	int reg = alloc_choose(a, n, may & ~a->busy);
	struct ir_node *least = n;

	if (n->memory) {
		alloc_spill(a, n);
		return;
	}
	if (reg >= 0) {
		alloc_take(a, n, reg);
		return;
	}
	for (uint32_t r = 0; r < 32; r++)
		if (may >> r & 1 && a->in[r] && a->in[r]->weight < least->weight)
			least = a->in[r];
	if (least == n) {
		alloc_spill(a, n);
		return;
	}
	reg = least->reg;
	alloc_spill(a, least);
	alloc_take(a, n, reg);
}

/* ---- blocks ----------------------------------------------------------------------------------------------- */

static void alloc_node(struct alloc *a, struct ir_node *n)
{
	struct ir_node *ops[JIT_MAX_OPERANDS];
	struct jit_rules rules = {.result = -1};
	uint32_t n_ops = jit_operands(n, ops);

	a->t->rules(n, a->p, &rules);
	if (!rules.early)
		for (uint32_t k = 0; k < n_ops; k++)
			if (n->dies >> k & 1)
				alloc_release(a, ops[k]);
	if (ir_has_result(n))
		alloc_value(a, n);
	if (rules.early)
		for (uint32_t k = 0; k < n_ops; k++)
			if (n->dies >> k & 1)
				alloc_release(a, ops[k]);
	if (ir_has_result(n) && !n->uses)
		alloc_release(a, n);
}

/* A header comes before its loop, so those around are known. */
static void alloc_wanted(struct alloc *a, struct ir_block *b)
{
	struct ir_block *h = b->loop;

	if (!h)
		return;
	if (h->outer)
		a->wanted = h->outer->wanted;
	for (struct ir_node *n = h->first; n && n->op == IR_PHI; n = n->next)
		if (n->reg >= 0)
			a->wanted |= 1u << n->reg;
	h->wanted = a->wanted;
}

static void alloc_block(struct alloc *a, struct ir_block *b)
{
	struct ir_node *n;

	a->busy = a->wanted = 0;
	memset(a->in, 0, sizeof(a->in));
	for (uint32_t i = 0; i < b->n_live_in; i++) {
		n = b->live_in[i];
		if (n->reg >= 0) {
			a->in[n->reg] = n;
			a->busy |= 1u << n->reg;
		}
	}
	for (n = b->first; n && n->op == IR_PHI; n = n->next)
		if (n->uses)
			alloc_value(a, n);
	alloc_wanted(a, b);
	for (n = b->first; n; n = n->next)
		if (n->op != IR_PHI && !n->folded)
			alloc_node(a, n);
}

static void alloc_all(struct alloc *a)
{
	a->spilled = false;
	alloc_webs(a->f);
	for (uint32_t i = 0; i < a->f->n_order; i++)
		alloc_block(a, a->f->order[i]);
}

/* ---- slots ------------------------------------------------------------------------------------------------ */

/* Each value in memory has a slot of its own. */
static uint32_t alloc_slots(struct ir_func *f)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < f->n_order; i++)
		for (struct ir_node *n = f->order[i]->first; n; n = n->next)
			if (n->spilled) {
				n->slot = (int32_t)bytes;
				bytes += 8;
			}
	return bytes;
}

bool jit_allocate(struct ir_func *f, const struct jit_target *t, const struct jit_program *p,
		  bool *spills, uint32_t *frame)
{
	struct alloc a = {.f = f, .t = t, .p = p, .registers = t->registers};

	if (!jit_live(f, t, p))
		return false;
	alloc_all(&a);
	if (a.spilled) {
		a.registers &= ~t->scratch;
		alloc_all(&a);
	}
	*spills = a.spilled;
	*frame = alloc_slots(f);
	return true;
}
