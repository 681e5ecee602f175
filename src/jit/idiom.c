/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/idiom.c - loops that copy, add up or search bytes.
 *
 * A loop that copies memory or adds up numbers, and does nothing else, is replaced by a call.
 * One that only looks for the first place where something differs stays, but begins as far on as
 * a call says that nothing is to be found: so it does not matter how it ends.
 *
 * Only loops whose number of rounds is known. A search may look at bytes that the loop would not
 * have come to: so its memory has to be what the verifier knows no contents of (packets, values
 * of maps), because then it has proven all rounds.
 */
#include <string.h>

#include "jit/pass.h"

#define IDIOM_MIN_ROUNDS 16

/* A value that grows by the same amount in each round. */
struct counter {
	struct ir_node *phi, *next, *init;
	int64_t step;
};

#define MAX_COUNTERS 4

struct loop {
	struct ir_func *f;
	const struct jit_program *p;
	struct ir_block *head, *before, *latch;
	uint32_t entry, back; /* indices of the head's predecessors */
	struct counter counters[MAX_COUNTERS];
	uint32_t n_counters;
	struct ir_node *sum, *sum_next, *sum_init; /* a phi that is no counter */
	int64_t rounds;
};

/* ---- what the loop counts ---------------------------------------------------------------------- */

static bool loop_inside(const struct loop *l, const struct ir_node *n)
{
	const struct ir_block *h = n->block->loop;

	while (h && h != l->head)
		h = h->outer;
	return h == l->head;
}

static struct counter *loop_counter(struct loop *l, const struct ir_node *n)
{
	for (uint32_t i = 0; i < l->n_counters; i++)
		if (l->counters[i].phi == n)
			return &l->counters[i];
	return NULL;
}

static bool loop_phis(struct loop *l)
{
	for (struct ir_node *n = l->head->first; n->op == IR_PHI; n = n->next) {
		struct ir_node *next = n->arg[l->back], *init = n->arg[l->entry];

		if (next->op == IR_ADD && next->wide && next->arg[0] == n && ir_is_const(next->arg[1]) &&
		    l->n_counters < MAX_COUNTERS) {
			l->counters[l->n_counters++] =
				(struct counter){n, next, init, next->arg[1]->imm};
		} else if (!l->sum) {
			l->sum = n;
			l->sum_next = next;
			l->sum_init = init;
		} else {
			return false;
		}
	}
	return l->n_counters > 0;
}

/* How often the loop is gone through if nothing else ends it; false: not known. */
static bool loop_rounds(struct loop *l)
{
	struct ir_node *n = l->latch->last;
	enum ir_cond cond = n->cond;
	struct counter *c = NULL;
	int64_t bound, from, first;
	bool ahead;

	if (n->op != IR_BRANCH || !ir_is_const(n->arg[1]))
		return false;
	if (l->latch->succ[0] != l->head)
		cond = ir_cond_not(cond);
	for (uint32_t i = 0; i < l->n_counters && !c; i++)
		if (n->arg[0] == l->counters[i].phi || n->arg[0] == l->counters[i].next)
			c = &l->counters[i];
	if (!c || !ir_is_const(c->init) || c->step <= 0)
		return false;
	ahead = n->arg[0] == c->next;
	bound = n->arg[1]->imm;
	from = c->init->imm;
	/* Small numbers, for which it does not matter how wide they are and whether signed. */
	if (from < 0 || from > INT16_MAX || bound < 0 || bound > INT16_MAX || c->step > INT16_MAX)
		return false;
	first = from + (ahead ? c->step : 0); /* what is compared in the first round */
	switch (cond) {
	case C_NE:
		if (bound < first || (bound - first) % c->step)
			return false;
		break;
	case C_LE:
	case C_SLE:
		bound++;
		break;
	case C_LT:
	case C_SLT:
		break;
	default:
		return false;
	}
	l->rounds = 1 + (bound > first ? (bound - first + c->step - 1) / c->step : 0);
	return l->rounds >= IDIOM_MIN_ROUNDS;
}

static bool loop_find(struct loop *l)
{
	if (l->head->n_preds != 2)
		return false;
	l->back = ir_dominates(l->head, l->head->preds[1]);
	l->entry = !l->back;
	l->latch = l->head->preds[l->back];
	l->before = l->head->preds[l->entry];
	return ir_dominates(l->head, l->latch) && l->latch->n_succ == 2 &&
	       l->latch->succ[0] != l->latch->succ[1] && loop_phis(l) && loop_rounds(l);
}

/* ---- what it reads and writes ------------------------------------------------------------------- */

/* The address in the first round: base + (start, or nothing) + off. */
struct place {
	struct ir_node *base, *start;
	int64_t off;
};

/* The address of an access that moves on by its size in each round. */
static bool loop_place(struct loop *l, const struct ir_node *n, struct place *out)
{
	struct ir_node *a = n->arg[0];
	struct counter *c = loop_counter(l, a);
	int k;

	*out = (struct place){NULL, NULL, n->imm};
	if (c) {
		out->base = c->init;
	} else {
		if (a->op != IR_ADD || !a->wide)
			return false;
		for (k = 0; k < 2 && !c; k++)
			c = loop_counter(l, a->arg[k]);
		if (!c || loop_inside(l, a->arg[k == 1]))
			return false;
		out->base = a->arg[k == 1];
		out->start = c->init;
	}
	if (ir_is_const(out->base) || c->step != n->size)
		return false;
	if (out->start && ir_is_const(out->start)) {
		out->off += out->start->imm;
		out->start = NULL;
	}
	return true;
}

enum origin { FROM_UNKNOWN, FROM_PACKET, FROM_MAP, FROM_STACK };

/* What memory an address leads to. */
static enum origin origin_of(const struct ir_node *n)
{
	for (int i = 0; i < 16 && n->op == IR_ADD; i++)
		n = n->arg[0]->op == IR_CONST && n->arg[0]->sym == SYM_NONE ? n->arg[1] : n->arg[0];
	if (n->op == IR_LOAD && !n->shared && n->size == 8 && n->arg[0]->op == IR_PARAM)
		return FROM_PACKET;
	if (n->op == IR_CONST && n->sym == SYM_VALUES)
		return FROM_MAP;
	if (n->op == IR_FRAME)
		return FROM_STACK;
	return FROM_UNKNOWN;
}

/* ---- making ---------------------------------------------------------------------------------------- */

static struct ir_node *idiom_node(struct loop *l, struct ir_node *at, enum ir_op op,
				  struct ir_node *x, struct ir_node *y)
{
	struct ir_node *n = ir_new(l->f, op, !x ? 0 : y ? 2 : 1);

	n->insn = at->insn;
	if (x)
		n->arg[0] = x;
	if (y)
		n->arg[1] = y;
	ir_insert_before(at, n);
	return n;
}

static struct ir_node *idiom_const(struct loop *l, struct ir_node *at, int64_t imm)
{
	struct ir_node *n = idiom_node(l, at, IR_CONST, NULL, NULL);

	n->imm = imm;
	return n;
}

static struct ir_node *idiom_address(struct loop *l, struct ir_node *at, const struct place *p)
{
	struct ir_node *n = p->base;

	if (p->start)
		n = idiom_node(l, at, IR_ADD, n, p->start);
	if (p->off)
		n = idiom_node(l, at, IR_ADD, n, idiom_const(l, at, p->off));
	return n;
}

/* A call of a function of the engine with three arguments. */
static struct ir_node *idiom_call(struct loop *l, struct ir_node *at, enum jit_symbol symbol,
				  struct ir_node *a, struct ir_node *b, struct ir_node *c)
{
	struct ir_node *fn = idiom_const(l, at, (int64_t)(uintptr_t)l->p->env->symbol[symbol]);
	struct ir_node *n = ir_new(l->f, IR_CALL, 5);

	fn->sym = SYM_ENV;
	fn->index = symbol;
	n->insn = at->insn;
	n->arg[0] = fn;
	n->arg[1] = idiom_const(l, at, 0); /* it does not want the run */
	n->arg[2] = a;
	n->arg[3] = b;
	n->arg[4] = c;
	ir_insert_before(at, n);
	return n;
}

/* The loop of one block has happened: counters have their last values, and it is left. */
static void loop_done(struct loop *l)
{
	struct ir_block *h = l->head;
	struct ir_node *at = h->last, *n, *next;
	uint32_t out = h->succ[0] == h;

	for (uint32_t i = 0; i < l->n_counters; i++) {
		struct counter *c = &l->counters[i];

		c->phi->same = idiom_node(l, at, IR_ADD, c->init,
					  idiom_const(l, at, c->step * (l->rounds - 1)));
		c->next->same =
			idiom_node(l, at, IR_ADD, c->init, idiom_const(l, at, c->step * l->rounds));
	}
	for (n = h->first; n; n = next) {
		next = n->next;
		if (n->same || n->op == IR_PHI || n->op == IR_STORE)
			ir_remove(n);
	}
	ir_pred_remove(h, l->back);
	h->succ[0] = h->succ[out];
	h->n_succ = 1;
	at->op = IR_JUMP;
	at->n_args = 0;
}

/* ---- copies and sums --------------------------------------------------------------------------------- */

/* The only load and the only store of the block; false: there are others, or other effects. */
static bool loop_accesses(struct loop *l, struct ir_node **load, struct ir_node **store)
{
	*load = *store = NULL;
	for (struct ir_node *n = l->head->first; n != l->head->last; n = n->next) {
		if (n->op == IR_LOAD && !*load && !n->ordered && !n->sign)
			*load = n;
		else if (n->op == IR_STORE && !*store && !n->ordered)
			*store = n;
		else if (n->op != IR_PHI && !(ir_flags[n->op] & IR_IS_PURE))
			return false;
	}
	return *load != NULL;
}

/* A copy upwards that does not read what it wrote. */
static bool copy_is_plain(const struct loop *l, const struct place *from, const struct place *to,
			  int64_t bytes)
{
	enum origin a = origin_of(from->base), b = origin_of(to->base);

	if (from->base == to->base && from->start == to->start)
		return to->off - from->off >= bytes || to->off <= from->off;
	return a != FROM_UNKNOWN && b != FROM_UNKNOWN && a != b;
}

static bool idiom_copy(struct loop *l, struct ir_node *load, struct ir_node *store)
{
	int64_t bytes = l->rounds * load->size;
	struct place from, to;
	struct ir_node *at = l->head->last;

	if (l->sum || store->arg[1] != load || load->uses != 1 || store->size != load->size ||
	    !loop_place(l, load, &from) || !loop_place(l, store, &to) ||
	    !copy_is_plain(l, &from, &to, bytes))
		return false;
	idiom_call(l, at, JIT_COPY, idiom_address(l, at, &to), idiom_address(l, at, &from),
		   idiom_const(l, at, bytes));
	loop_done(l);
	return true;
}

static bool idiom_sum(struct loop *l, struct ir_node *load)
{
	static const uint8_t symbols[] = {[1] = JIT_SUM1, [2] = JIT_SUM2, [4] = JIT_SUM4};
	struct ir_node *add = l->sum_next, *at = l->head->last, *n;
	struct place from;

	if (!l->sum || load->size > 4 || load->uses != 1 || add->op != IR_ADD || !add->wide ||
	    add->block != l->head || l->sum->uses != 1 || !loop_place(l, load, &from) ||
	    !((add->arg[0] == l->sum && add->arg[1] == load) ||
	      (add->arg[1] == l->sum && add->arg[0] == load)))
		return false;
	n = idiom_const(l, at, 0);
	n = idiom_call(l, at, symbols[load->size], idiom_address(l, at, &from),
		       idiom_const(l, at, l->rounds), n);
	add->same = idiom_node(l, at, IR_ADD, n, l->sum_init);
	l->sum->same = l->sum_init;
	loop_done(l);
	return true;
}

/* ---- searches ------------------------------------------------------------------------------------------ */

struct search {
	struct ir_node *a, *b;	/* loads that have to be equal, or a and: */
	bool has_stop, nonzero; /* a must not be `stop` */
	int64_t stop;
};

/* One of the comparisons that may end the loop: `stays` is what keeps it going. */
static bool search_condition(struct search *s, const struct ir_node *n, enum ir_cond stays)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];

	if (x->op != IR_LOAD || x->size != 1 || x->sign || x->ordered)
		return false;
	if (stays == C_EQ && y->op == IR_LOAD && y->size == 1 && !y->sign && !y->ordered && !s->b) {
		if (s->a && s->a != x && s->a != y)
			return false;
		if (s->a == y) {
			s->b = x;
		} else {
			s->a = x;
			s->b = y;
		}
		return true;
	}
	if (stays == C_NE && ir_is_const(y) && !s->has_stop && (!s->a || s->a == x || s->b == x)) {
		if (!s->a)
			s->a = x;
		s->has_stop = true;
		s->stop = y->imm;
		return s->stop >= 0 && s->stop <= 255;
	}
	return false;
}

static bool search_find(struct loop *l, struct search *s)
{
	struct ir_block *b = l->head;

	if (l->sum || l->n_counters != 1)
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		const struct ir_node *n;
		uint32_t in;

		for (n = b->first; n->next; n = n->next)
			if (n->op != IR_PHI && n->op != IR_LOAD && !(ir_flags[n->op] & IR_IS_PURE))
				return false;
		if (b == l->latch)
			return s->a && (s->b || s->has_stop);
		if (n->op == IR_JUMP) {
			b = b->succ[0];
		} else {
			if (n->op != IR_BRANCH)
				return false;
			in = b->succ[0]->loop == l->head ? 0 : 1;
			if (b->succ[in]->loop != l->head || b->succ[!in]->loop == l->head ||
			    !search_condition(s, n, in ? ir_cond_not(n->cond) : n->cond))
				return false;
			b = b->succ[in];
		}
		if (b->n_preds != 1)
			return false;
	}
	return false;
}

static bool idiom_search(struct loop *l)
{
	struct counter *c = &l->counters[0];
	struct search s = {0};
	struct place a, b;
	struct ir_node *at, *skip, *n;

	if (l->p->code->level != VERIFY_SAFE || c->step != 1 || !search_find(l, &s) ||
	    (s.b && s.has_stop && s.stop) || !loop_place(l, s.a, &a) ||
	    (s.b && !loop_place(l, s.b, &b)))
		return false;
	if (origin_of(a.base) != FROM_PACKET && origin_of(a.base) != FROM_MAP)
		return false;
	if (s.b && origin_of(b.base) != FROM_PACKET && origin_of(b.base) != FROM_MAP)
		return false;
	if (l->before->n_succ != 1)
		l->before = ir_edge_split(l->f, l->before, l->before->succ[1] == l->head);
	if (l->f->failed)
		return false;
	at = l->before->last;
	n = idiom_const(l, at, l->rounds - 1);
	if (s.b)
		skip = idiom_call(l, at, s.has_stop ? JIT_SKIP_EQUAL_TEXT : JIT_SKIP_EQUAL,
				  idiom_address(l, at, &a), idiom_address(l, at, &b), n);
	else
		skip = idiom_call(l, at, JIT_SKIP_OTHER, idiom_address(l, at, &a),
				  idiom_const(l, at, s.stop), n);
	c->phi->arg[ir_pred_index(l->head, l->before)] = idiom_node(l, at, IR_ADD, skip, c->init);
	return true;
}

/* ---- all loops -------------------------------------------------------------------------------------------- */

bool jit_idioms(struct ir_func *f, const struct jit_program *p)
{
	bool changed = false;

	for (uint32_t i = 0; i < f->n_order && !f->failed; i++) {
		struct ir_block *h = f->order[i];
		struct loop l = {.f = f, .p = p, .head = h};
		struct ir_node *load, *store;

		if (h->loop != h || !loop_find(&l))
			continue;
		if (l.latch == h && loop_accesses(&l, &load, &store))
			changed |= store ? idiom_copy(&l, load, store) : idiom_sum(&l, load);
		else if (l.latch != h)
			changed |= idiom_search(&l);
	}
	return changed;
}
