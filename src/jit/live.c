/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/live.c - which values are needed where.
 *
 * For each value, from each block that uses it backwards to the one that defines it: so the
 * cost is the size of the answer, and the order of blocks does not matter. Then, from the end
 * of each block, where values end and which registers what lives across a node loses.
 *
 * The answer can be as large as values times blocks. Values that are alive in many blocks of a
 * function where too much is alive are kept in memory: nothing more needs to be known of those.
 */
#include <string.h>

#include "jit/target.h"

static void operands_add(struct ir_node *n, struct ir_node **out, uint32_t *k)
{
	if (!n->folded) {
		if (*k < JIT_MAX_OPERANDS)
			out[(*k)++] = n;
		return;
	}
	for (uint32_t a = 0; a < n->n_args; a++)
		operands_add(n->arg[a], out, k);
}

uint32_t jit_operands(struct ir_node *n, struct ir_node **out)
{
	uint32_t k = 0;

	for (uint32_t a = 0; a < n->n_args; a++)
		operands_add(n->arg[a], out, &k);
	return k;
}

/* ---- live at the beginning of blocks ------------------------------------------------------------ */

struct use {
	struct ir_node *value;
	struct ir_block *block; /* in which it is read, at its end for phis */
};

struct live {
	struct ir_func *f;
	const struct jit_target *t;
	const struct jit_program *p;
	struct use *uses;
	uint32_t n_uses, max_uses;
	struct ir_block **stack;
	uint32_t max_stack;
	uint64_t room; /* left for entries of live_in */
	/* the set while walking a block backwards */
	struct ir_node **set;
	uint32_t *at; /* by id: position + 1 */
	uint32_t n_set;
};

static void live_use(struct live *l, struct ir_node *value, struct ir_block *block)
{
	if (value->block == block)
		return;
	if (l->n_uses == l->max_uses) {
		uint32_t max = l->max_uses ? l->max_uses * 2 : 256;
		struct use *uses = jit_alloc(l->f->temp, max * sizeof(*uses));

		if (!uses) {
			l->f->failed = true;
			return;
		}
		if (l->n_uses)
			memcpy(uses, l->uses, l->n_uses * sizeof(*uses));
		l->uses = uses;
		l->max_uses = max;
	}
	l->uses[l->n_uses++] = (struct use){value, block};
}

static void live_collect(struct live *l)
{
	struct ir_node *ops[JIT_MAX_OPERANDS];

	for (uint32_t i = 0; i < l->f->n_order; i++) {
		struct ir_block *b = l->f->order[i];

		for (struct ir_node *n = b->first; n; n = n->next) {
			if (n->folded)
				continue;
			if (n->op == IR_PHI) {
				for (uint32_t k = 0; k < n->n_args; k++) {
					struct ir_node one = {.arg = &n->arg[k], .n_args = 1};
					uint32_t m = jit_operands(&one, ops);

					while (m-- > 0)
						live_use(l, ops[m], b->preds[k]);
				}
				continue;
			}
			for (uint32_t k = jit_operands(n, ops); k-- > 0;)
				live_use(l, ops[k], b);
		}
	}
}

/* Puts uses of one value side by side. */
static bool live_sort(struct live *l)
{
	uint32_t *first = jit_alloc(l->f->temp, (l->f->n_nodes + 1) * sizeof(*first)), sum = 0;
	struct use *sorted = jit_alloc(l->f->temp, (l->n_uses + 1) * sizeof(*sorted));

	if (!first || !sorted)
		return false;
	for (uint32_t i = 0; i < l->n_uses; i++)
		first[l->uses[i].value->id]++;
	for (uint32_t i = 0; i < l->f->n_nodes; i++) {
		uint32_t n = first[i];

		first[i] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < l->n_uses; i++)
		sorted[first[l->uses[i].value->id]++] = l->uses[i];
	l->uses = sorted;
	return true;
}

static bool live_add(struct live *l, struct ir_block *b, struct ir_node *v)
{
	if (b->n_live_in == b->max_live_in) {
		uint32_t max = b->max_live_in ? b->max_live_in * 2 : 8;
		struct ir_node **in = jit_alloc(l->f->temp, max * sizeof(struct ir_node *));

		if (!in) {
			l->f->failed = true;
			return false;
		}
		if (b->n_live_in)
			memcpy(in, b->live_in, b->n_live_in * sizeof(struct ir_node *));
		b->live_in = in;
		b->max_live_in = max;
	}
	b->live_in[b->n_live_in++] = v;
	return true;
}

static bool live_push(struct live *l, uint32_t *depth, struct ir_block *b)
{
	if (*depth == l->max_stack) {
		uint32_t max = l->max_stack ? l->max_stack * 2 : 256;
		struct ir_block **stack = jit_alloc(l->f->temp, max * sizeof(struct ir_block *));

		if (!stack) {
			l->f->failed = true;
			return false;
		}
		if (*depth)
			memcpy(stack, l->stack, *depth * sizeof(struct ir_block *));
		l->stack = stack;
		l->max_stack = max;
	}
	l->stack[(*depth)++] = b;
	return true;
}

/* Entries of live_in for each block, and for small functions; how far a value comes without. */
#define LIVE_PER_BLOCK 48
#define LIVE_ALWAYS    65536
#define LIVE_FAR       32

/* v is read in b, and so is live from its definition to there. */
static void live_spread(struct live *l, struct ir_node *v, struct ir_block *b)
{
	uint32_t depth = 0, far = 0;

	live_push(l, &depth, b);
	while (depth && !l->f->failed && !v->memory) {
		b = l->stack[--depth];
		if (b == v->block || b->stamp == v->id + 1)
			continue;
		if (l->room)
			l->room--;
		else if (++far > LIVE_FAR)
			v->memory = true;
		b->stamp = v->id + 1;
		live_add(l, b, v);
		for (uint32_t k = 0; k < b->n_preds; k++)
			live_push(l, &depth, b->preds[k]);
	}
}

/* ---- inside of blocks ------------------------------------------------------------------------------ */

static void set_add(struct live *l, struct ir_node *v)
{
	if (l->at[v->id] || v->memory)
		return;
	l->set[l->n_set] = v;
	l->at[v->id] = ++l->n_set;
}

static void set_remove(struct live *l, struct ir_node *v)
{
	uint32_t at = l->at[v->id];

	if (!at)
		return;
	l->set[at - 1] = l->set[--l->n_set];
	l->at[l->set[at - 1]->id] = at;
	l->at[v->id] = 0;
}

static uint32_t live_cost(const struct ir_block *b)
{
	return 1u << 3 * MIN(b->depth, 5u);
}

static void live_node(struct live *l, struct ir_block *b, struct ir_node *n)
{
	struct ir_node *ops[JIT_MAX_OPERANDS];
	struct jit_rules rules = {.result = -1};
	uint32_t n_ops = jit_operands(n, ops);

	memset(rules.wish, -1, sizeof(rules.wish));
	l->t->rules(n, l->p, &rules);
	set_remove(l, n);
	n->dies = 0;
	n->weight += live_cost(b);
	n->forbidden |= rules.not_result;
	if (rules.result >= 0 && n->wish < 0)
		n->wish = rules.result;
	for (uint32_t i = 0; rules.clobbers && i < l->n_set; i++)
		l->set[i]->forbidden |= rules.clobbers;
	for (uint32_t k = 0; k < n_ops; k++) {
		ops[k]->weight += live_cost(b);
		if (!(rules.late_but >> k & 1))
			ops[k]->forbidden |= rules.late;
		if (!l->at[ops[k]->id])
			n->dies |= (uint16_t)(1u << k);
	}
	for (uint32_t k = 0; k < n_ops; k++)
		set_add(l, ops[k]);
	for (uint32_t a = 0; a < n->n_args && a < ARRAY_SIZE(rules.wish); a++)
		if (rules.wish[a] >= 0 && !n->arg[a]->folded && n->arg[a]->wish < 0)
			n->arg[a]->wish = rules.wish[a];
}

static void live_block(struct live *l, struct ir_block *b)
{
	struct ir_node *ops[JIT_MAX_OPERANDS];

	while (l->n_set)
		set_remove(l, l->set[0]);
	for (uint32_t k = 0; k < b->n_succ; k++) {
		struct ir_block *to = b->succ[k];
		uint32_t pred = to->first->op == IR_PHI ? ir_pred_index(to, b) : 0;

		for (uint32_t i = 0; i < to->n_live_in; i++)
			set_add(l, to->live_in[i]);
		for (struct ir_node *n = to->first; n && n->op == IR_PHI; n = n->next) {
			struct ir_node one = {.arg = &n->arg[pred], .n_args = 1};

			for (uint32_t m = jit_operands(&one, ops); m-- > 0;) {
				set_add(l, ops[m]);
				ops[m]->weight += live_cost(b);
			}
		}
	}
	for (struct ir_node *n = b->last; n && n->op != IR_PHI; n = n->prev)
		if (!n->folded)
			live_node(l, b, n);
}

bool jit_live(struct ir_func *f, const struct jit_target *t, const struct jit_program *p)
{
	struct live l = {.f = f, .t = t, .p = p};

	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i];

		b->live_in = NULL;
		b->n_live_in = b->max_live_in = b->stamp = 0;
		for (struct ir_node *n = b->first; n; n = n->next) {
			n->weight = 0;
			n->forbidden = 0;
			n->memory = false;
		}
	}
	l.room = LIVE_ALWAYS + (uint64_t)f->n_order * LIVE_PER_BLOCK;
	live_collect(&l);
	if (f->failed || !live_sort(&l)) {
		f->failed = true;
		return false;
	}
	for (uint32_t i = 0; i < l.n_uses && !f->failed; i++)
		live_spread(&l, l.uses[i].value, l.uses[i].block);
	l.set = jit_alloc(f->temp, (f->n_nodes + 1) * sizeof(*l.set));
	l.at = jit_alloc(f->temp, (f->n_nodes + 1) * sizeof(*l.at));
	if (!l.set || !l.at || f->failed) {
		f->failed = true;
		return false;
	}
	for (uint32_t i = 0; i < f->n_order; i++)
		live_block(&l, f->order[i]);
	return true;
}
