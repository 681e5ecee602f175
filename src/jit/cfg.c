/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/cfg.c - order of blocks, dominators, loops.
 *
 * Dominators by semidominators and nearest common ancestors (Georgiadis, "Linear-Time
 * Algorithms for Dominators and Related Problems", 2005), since programs with thousands of
 * early exits to one label are common. The order is a reverse postorder of the graph with an
 * edge added from each loop's header to each exit of the loop, visited first: so exits come
 * behind the whole loop, and blocks of a loop are together.
 */
#include "jit/ir.h"

#include <string.h>


/* ---- depth first -------------------------------------------------------------------------- */

struct exits {
	struct ir_block *to;
	struct exits *next;
};

/* The next way on from b: first the exits of the loop that it heads, which are used up. */
static struct ir_block *walk_way(const struct ir_block *b, struct exits **exits, uint32_t *way)
{
	struct exits *e = exits ? exits[b->id] : NULL;

	if (e) {
		exits[b->id] = e->next;
		return e->to;
	}
	return *way < b->n_succ ? b->succ[(*way)++] : NULL;
}

/* Numbers blocks in reverse postorder from 1 and fills f->order; exits may be NULL. With pre: the
 * blocks in preorder and the parents in the tree, by preorder number. */
static bool cfg_walk(struct ir_func *f, struct exits **exits)
{
	struct ir_block **stack = jit_alloc(f->temp, (f->n_blocks + 1) * sizeof(*stack));
	uint32_t *way = jit_alloc(f->temp, (f->n_blocks + 1) * sizeof(*way));
	struct ir_block **post = jit_alloc(f->arena, (f->n_blocks + 1) * sizeof(*post));
	uint32_t depth = 0, n = 0;

	if (!stack || !way || !post) {
		f->failed = true;
		return false;
	}
	for (uint32_t i = 0; i < f->n_blocks; i++)
		f->blocks[i]->order = 0;
	stack[depth++] = f->blocks[0];
	f->blocks[0]->order = 1;
	while (depth) {
		struct ir_block *b = stack[depth - 1];
		struct ir_block *to = walk_way(b, exits, &way[depth - 1]);

		if (!to) {
			post[n++] = b;
			depth--;
		} else if (!to->order) {
			to->order = 1;
			way[depth] = 0;
			stack[depth++] = to;
		}
	}
	f->order = post;
	f->n_order = n;
	for (uint32_t i = 0; i < n / 2; i++) {
		struct ir_block *b = post[i];

		post[i] = post[n - 1 - i];
		post[n - 1 - i] = b;
	}
	for (uint32_t i = 0; i < n; i++)
		post[i]->order = i + 1;
	return true;
}

/* Predecessors that are never come from, and the arguments of phis that belong to them. */
static void cfg_drop_preds(struct ir_block *b)
{
	uint32_t kept = 0;

	while (kept < b->n_preds && b->preds[kept]->order)
		kept++;
	if (kept == b->n_preds)
		return;
	for (struct ir_node *n = b->first; n && n->op == IR_PHI; n = n->next) {
		n->n_args = kept;
		for (uint32_t k = kept; k < b->n_preds; k++)
			if (b->preds[k]->order)
				n->arg[n->n_args++] = n->arg[k];
	}
	for (uint32_t k = kept; k < b->n_preds; k++)
		if (b->preds[k]->order)
			b->preds[kept++] = b->preds[k];
	b->n_preds = kept;
}

static void cfg_drop_unreachable(struct ir_func *f)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->n_blocks; i++)
		if (f->blocks[i]->order)
			cfg_drop_preds(f->blocks[i]);
	for (uint32_t i = 0; i < f->n_blocks; i++)
		if (f->blocks[i]->order) {
			f->blocks[i]->id = kept;
			f->blocks[kept++] = f->blocks[i];
		}
	f->n_blocks = kept;
}

/* ---- dominators ---------------------------------------------------------------------------- */

struct dom {
	struct ir_block **block; /* by preorder number, from 1 */
	uint32_t *pre;		 /* preorder number by block id */
	uint32_t *parent, *semi, *label, *anc, *idom, *stack;
	uint32_t n;
};

static void dom_number(struct dom *d, struct ir_func *f)
{
	uint32_t *way = d->semi; /* borrowed until it is needed */
	uint32_t depth = 0;

	d->n = 1;
	d->block[1] = f->blocks[0];
	d->pre[f->blocks[0]->id] = 1;
	d->stack[depth++] = 1;
	while (depth) {
		uint32_t v = d->stack[depth - 1];
		struct ir_block *b = d->block[v], *to;

		if (way[v] == b->n_succ) {
			depth--;
			continue;
		}
		to = b->succ[way[v]++];
		if (d->pre[to->id])
			continue;
		d->n++;
		d->pre[to->id] = d->n;
		d->block[d->n] = to;
		d->parent[d->n] = v;
		d->stack[depth++] = d->n;
	}
}

/* The vertex with the smallest semidominator on the way to the root of v's tree in the forest. */
static uint32_t dom_eval(struct dom *d, uint32_t v)
{
	uint32_t depth = 0;

	if (!d->anc[v])
		return v;
	for (uint32_t u = v; d->anc[d->anc[u]]; u = d->anc[u])
		d->stack[depth++] = u;
	while (depth) {
		uint32_t u = d->stack[--depth], a = d->anc[u];

		if (d->semi[d->label[a]] < d->semi[d->label[u]])
			d->label[u] = d->label[a];
		d->anc[u] = d->anc[a];
	}
	return d->label[v];
}

static void dom_find(struct dom *d)
{
	for (uint32_t v = 1; v <= d->n; v++) {
		d->semi[v] = d->label[v] = v;
		d->anc[v] = 0;
	}
	for (uint32_t w = d->n; w > 1; w--) {
		struct ir_block *b = d->block[w];

		for (uint32_t k = 0; k < b->n_preds; k++) {
			uint32_t p = d->pre[b->preds[k]->id];
			uint32_t u = d->semi[dom_eval(d, p)];

			if (u < d->semi[w])
				d->semi[w] = u;
		}
		d->anc[w] = d->parent[w];
	}
	d->idom[1] = 0;
	for (uint32_t w = 2; w <= d->n; w++) {
		uint32_t v = d->parent[w];

		while (v > d->semi[w])
			v = d->idom[v];
		d->idom[w] = v;
		d->block[w]->idom = d->block[v];
	}
}

/* Intervals that say who dominates whom: preorder numbers of the dominator tree. */
static bool dom_intervals(struct ir_func *f)
{
	struct ir_block **stack = jit_alloc(f->temp, (f->n_blocks + 1) * sizeof(*stack));
	struct ir_block **child = jit_alloc(f->temp, (f->n_blocks + 1) * sizeof(*child));
	uint32_t depth = 0, at = 0;

	if (!stack || !child) {
		f->failed = true;
		return false;
	}
	for (uint32_t i = 0; i < f->n_order; i++)
		f->order[i]->dom_child = f->order[i]->dom_next = NULL;
	for (uint32_t i = f->n_order; i-- > 1;) {
		struct ir_block *b = f->order[i];

		b->dom_next = b->idom->dom_child;
		b->idom->dom_child = b;
	}
	stack[depth++] = f->blocks[0];
	child[0] = f->blocks[0]->dom_child;
	f->blocks[0]->dom_in = at++;
	f->blocks[0]->idom = NULL;
	while (depth) {
		struct ir_block *c = child[depth - 1];

		if (!c) {
			stack[--depth]->dom_out = at;
			continue;
		}
		child[depth - 1] = c->dom_next;
		c->dom_in = at++;
		child[depth] = c->dom_child;
		stack[depth++] = c;
	}
	return true;
}

static void cfg_dominators(struct ir_func *f)
{
	uint32_t n = f->n_blocks + 2;
	struct dom d = {
		.block = jit_alloc(f->temp, n * sizeof(struct ir_block *)),
		.pre = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.parent = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.semi = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.label = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.anc = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.idom = jit_alloc(f->temp, n * sizeof(uint32_t)),
		.stack = jit_alloc(f->temp, n * sizeof(uint32_t)),
	};

	if (!d.block || !d.pre || !d.parent || !d.semi || !d.label || !d.anc || !d.idom || !d.stack) {
		f->failed = true;
		return;
	}
	dom_number(&d, f);
	dom_find(&d);
	dom_intervals(f);
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* The outermost loop found so far that b is in, or b itself. */
static struct ir_block *loop_top(struct ir_block *b)
{
	struct ir_block *h = b->loop;

	if (!h)
		return b;
	while (h->outer)
		h = h->outer;
	return h;
}

/* Inner loops first: a block belongs to the first one that claims it. */
static void loop_collect(struct ir_block *h, struct ir_block **stack)
{
	uint32_t depth = 0;

	for (uint32_t k = 0; k < h->n_preds; k++)
		if (ir_dominates(h, h->preds[k]))
			stack[depth++] = h->preds[k];
	if (!depth)
		return;
	h->loop = h;
	while (depth) {
		struct ir_block *b = loop_top(stack[--depth]);

		if (b == h)
			continue;
		if (b->loop == b)
			b->outer = h;
		else
			b->loop = h;
		for (uint32_t k = 0; k < b->n_preds; k++)
			if (loop_top(b->preds[k]) != h)
				stack[depth++] = b->preds[k];
	}
}

/* The header of the loop around that of b. */
static struct ir_block *loop_parent(const struct ir_block *b)
{
	return b->loop == b ? b->outer : b->loop;
}

#define MAX_NEST 64

/* A loop's blocks are as deep as it is, or deeper. */
static bool loop_contains(const struct ir_block *h, const struct ir_block *b)
{
	const struct ir_block *l = b->loop;

	for (uint32_t i = 0; i < MAX_NEST && l && l != h && l->depth > h->depth; i++)
		l = l->outer;
	return l == h;
}

static void cfg_loops(struct ir_func *f)
{
	uint32_t edges = 1;
	struct ir_block **stack;

	for (uint32_t i = 0; i < f->n_order; i++) {
		edges += f->order[i]->n_preds;
		f->order[i]->loop = f->order[i]->outer = NULL;
		f->order[i]->depth = 0;
	}
	stack = jit_alloc(f->temp, edges * sizeof(*stack));
	if (!stack) {
		f->failed = true;
		return;
	}
	for (uint32_t i = f->n_order; i-- > 0;)
		loop_collect(f->order[i], stack);
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i], *up = loop_parent(b);

		b->depth = (b->loop == b) + (up ? up->depth : 0);
	}
}

/* The outermost loop that the edge leaves, or NULL. Of a nest that is deeper than any that is
 * written, not all is looked at: this is only about the order of blocks. */
static struct ir_block *loop_left(const struct ir_block *from, const struct ir_block *to)
{
	struct ir_block *left = NULL, *h = from->loop;

	for (uint32_t i = 0; i < MAX_NEST && h && !loop_contains(h, to); i++) {
		left = h;
		h = h->outer;
	}
	return left;
}

/* The exits of loops, by id of the header: those that leave the loops around, too, only with the
 * outermost one. */
static struct exits **cfg_exits(struct ir_func *f)
{
	struct exits **exits = jit_alloc(f->temp, f->n_blocks * sizeof(*exits));

	for (uint32_t i = 0; exits && i < f->n_order; i++) {
		struct ir_block *b = f->order[i];

		for (uint32_t k = 0; k < b->n_succ && b->loop; k++) {
			struct ir_block *h = loop_left(b, b->succ[k]);
			struct exits *e = h ? jit_alloc(f->temp, sizeof(*e)) : NULL;

			if (!h)
				continue;
			if (!e) {
				f->failed = true;
				return NULL;
			}
			e->to = b->succ[k];
			e->next = exits[h->id];
			exits[h->id] = e;
		}
	}
	if (!exits)
		f->failed = true;
	return exits;
}

void ir_order(struct ir_func *f)
{
	struct exits **exits;

	if (f->failed || !cfg_walk(f, NULL))
		return;
	cfg_drop_unreachable(f);
	cfg_dominators(f);
	if (f->failed)
		return;
	cfg_loops(f);
	exits = f->failed ? NULL : cfg_exits(f);
	if (exits)
		cfg_walk(f, exits);
}
