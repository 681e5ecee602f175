/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/visit.c - pruning: a path that reaches a state inside one that was followed is done.
 *
 * States are cached at prune points (cfg.c), newest first. A cached state whose paths are all
 * finished tells the truth about precision and liveness; one that is still being followed is a
 * loop: it prunes only where the program itself ends the loop (iterators, may_goto, callbacks),
 * and what is found to be precise behind it has to be carried around the loop until nothing
 * changes (back edges of a strongly connected component).
 */
#include "verify/env.h"
#include "verify/log.h"

#define VISIT_STATES_UNPRIVILEGED 64
#define VISIT_HISTORY		  40 /* steps after which a state is cached anyway */
#define VISIT_ROUNDS		  64 /* around a loop before everything counts as precise */

/*
 * Most visits compare with a few states and find one scalar or packet pointer different, the same
 * one as the last time. So a cached state remembers it: what the comparison then needs is in one
 * cache line.
 */
struct cached {
	struct cached *next;
	uint32_t hits, misses;
	/* Nothing is inside whose register `quick` is not of that type, or not in [lo, hi]. Of a
	 * packet pointer lo is the range and offset. */
	uint64_t lo, hi;
	uint8_t quick; /* or NO_QUICK */
	uint8_t quick_type;
	bool quick_unfinished; /* that holds only until its paths are finished */
	struct loop *loop;     /* that it is in, or NULL */
	struct state state;    /* a state's parent is one of these */
	struct visit_list *list;
	/* Evicted: out of its list, but needed by paths that began here, or by the back edges of
	 * its loop; in the list of all of those, *at points to it. */
	struct cached **at;
};
#define NO_QUICK 11

struct back_edge {
	struct back_edge *next;
	struct state *state; /* its `equal` is what it was found to be inside of */
};

/* A loop, entered along one chain of calls. */
struct loop {
	struct loop *next;
	uint32_t n_calls;
	uint32_t calls[VERIFY_MAX_FRAMES];
	uint32_t scc;
	struct state *entry; /* the first state cached in it, while it is followed */
	struct back_edge *edges;
	uint32_t n_edges;
};

struct visit_list {
	struct cached *first;
	uint32_t unclean; /* how many are finished and have still to be cleaned */
};

struct env_visit {
	uint32_t main_at; /* where the list of instruction 0 of the main function is */
	struct visit_list
		*lists;	     /* by instruction and where the function was called: visit_list() */
	struct loop **loops; /* by scc */
	struct cached *evicted;
	uint32_t n_evicted, n_edges;
};

int visit_new(struct env *env)
{
	struct env_visit *v = env->visit = env_table(env, 1, sizeof(*v));

	if (!v)
		return env_nomem(env);
	v->main_at = NO_CALLSITE % env->n_insns;
	v->lists = env_table(env, env->n_insns, sizeof(*v->lists));
	v->loops = env_table(env, env->n_sccs + 1, sizeof(struct loop *));
	return v->lists && v->loops ? 0 : env_nomem(env);
}

static void visit_count_peak(struct env *env)
{
	uint32_t now = env->explored_states + env->visit->n_evicted + env->visit->n_edges;

	env->peak_states = MAX(env->peak_states, now);
}

/* ---- loops ------------------------------------------------------------------------------ */

/* The calls that lead to the loop that the state is in. False: it is in none. */
static bool loop_key(const struct env *env, const struct state *s, struct loop *key)
{
	for (uint32_t i = 0; i <= s->cur; i++) {
		uint32_t insn = state_insn(s, i);

		key->n_calls = i;
		key->scc = env->aux[insn].scc;
		if (key->scc)
			return true;
		key->calls[i] = insn;
	}
	return false;
}

static struct loop *loop_find(const struct env *env, const struct loop *key)
{
	struct loop *l;

	for (l = env->visit->loops[key->scc]; l; l = l->next)
		if (l->n_calls == key->n_calls &&
		    !memcmp(l->calls, key->calls, key->n_calls * sizeof(*key->calls)))
			return l;
	return NULL;
}

static int loop_enter(struct env *env, struct cached *c)
{
	struct state *s = &c->state;
	struct loop key, *l;

	if (!env->n_sccs || !loop_key(env, s, &key))
		return 0;
	l = loop_find(env, &key);
	if (!l) {
		l = env_alloc(env, sizeof(*l));
		if (!l)
			return env_nomem(env);
		*l = key;
		l->entry = NULL;
		l->edges = NULL;
		l->n_edges = 0;
		l->next = env->visit->loops[key.scc];
		env->visit->loops[key.scc] = l;
	}
	c->loop = l;
	if (l->entry)
		return 0;
	l->entry = s;
	if (log_all(env))
		log_loop(env, "enter", l->calls, l->n_calls, l->scc);
	return 0;
}

/* The current state is inside `old`, which is still followed or depends on one that is. */
static int loop_add_edge(struct env *env, struct cached *old)
{
	struct loop *l = old->loop;
	struct back_edge *e;

	if (!l)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "back edge outside of a loop");
	e = env_alloc(env, sizeof(*e));
	if (e)
		e->state = state_copy_path(env, env->st);
	if (!e || !e->state)
		return env_nomem(env);
	e->state->equal = &old->state;
	e->state->insn = env->insn;
	e->next = l->edges;
	l->edges = e;
	l->n_edges++;
	env->visit->n_edges++;
	if (log_all(env))
		log_loop(env, "backedge", l->calls, l->n_calls, l->scc);
	visit_count_peak(env);
	return 0;
}

/* All paths through the loop are finished: precision goes around until nothing changes. */
static int loop_settle(struct env *env, struct loop *l)
{
	bool changed = true;
	int err = 0;

	for (int round = 0; changed && !err; round++) {
		changed = false;
		for (struct back_edge *e = l->edges; e && !err; e = e->next) {
			if (round > VISIT_ROUNDS)
				precise_mark_all(env, e->state);
			else
				err = precise_propagate(env, e->state->equal, e->state, &changed);
		}
	}
	for (struct back_edge *e = l->edges, *next; e; e = next) {
		next = e->next;
		state_free(env, e->state);
		env_release(env, e, sizeof(*e));
	}
	l->edges = NULL;
	return err;
}

static bool loop_open(const struct cached *c)
{
	return c->loop && c->loop->edges;
}

/* ---- evicted states --------------------------------------------------------------------- */

static bool cached_needed(const struct cached *c)
{
	return c->state.branches || loop_open(c);
}

static void cached_free(struct env *env, struct cached *c)
{
	state_release_parts(env, &c->state);
	env_release(env, c, sizeof(*c));
}

/* Goes when nothing needs it any more. */
static void evicted_drop(struct env *env, struct cached *c)
{
	if (cached_needed(c))
		return;
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	env->visit->n_evicted--;
	cached_free(env, c);
}

static void evicted_sweep(struct env *env)
{
	for (struct cached *c = env->visit->evicted, *next; c; c = next) {
		next = c->next;
		evicted_drop(env, c);
	}
}

static void cached_evict(struct env *env, struct cached *c)
{
	env->explored_states--;
	if (!cached_needed(c)) {
		cached_free(env, c);
		return;
	}
	c->at = &env->visit->evicted;
	c->next = *c->at;
	if (c->next)
		c->next->at = &c->next;
	*c->at = c;
	env->visit->n_evicted++;
}

/* 1: c was the one by which a loop was entered, and nothing depends on it any more. */
static int loop_leave(struct env *env, struct cached *c)
{
	struct loop *l = c->loop;
	int err;

	if (!l || l->entry != &c->state)
		return 0;
	l->entry = NULL;
	if (log_all(env))
		log_loop(env, "exit", l->calls, l->n_calls, l->scc);
	env->visit->n_edges -= l->n_edges;
	l->n_edges = 0;
	visit_count_peak(env);
	err = loop_settle(env, l);
	return err ? err : 1;
}

/* ---- the end of a path ------------------------------------------------------------------ */

int visit_path_done(struct env *env, struct state *s)
{
	struct state *parent;

	/* The first is the current state, all others are cached. */
	if (--s->branches)
		return 0;
	for (s = s->parent; s && !--s->branches; s = parent) {
		struct cached *c = CONTAINER_OF(s, struct cached, state);
		int left = loop_leave(env, c);

		parent = s->parent;
		if (left < 0)
			return left;
		if (c->at)
			evicted_drop(env, c);
		else
			c->list->unclean++;
		if (left)
			evicted_sweep(env);
	}
	return 0;
}

/* ---- cleaning --------------------------------------------------------------------------- */

static bool same_calls(const struct state *a, const struct state *b)
{
	if (a->cur != b->cur)
		return false;
	for (uint32_t i = a->cur; i > 0; i--)
		if (a->frame[i]->callsite != b->frame[i]->callsite)
			return false;
	return true;
}

/* What no path reads any more does not have to be alike. */
static int state_clean(struct env *env, struct state *s)
{
	uint64_t slots[VERIFY_MAX_FRAMES];

	s->cleaned = true;
	if (env->image->all_precise)
		return 0;
	for (uint32_t i = 0; i <= s->cur; i++)
		slots[i] = live_slots(env, s, i);
	for (uint32_t i = 0; i <= s->cur; i++) {
		/* r10 is what it is. */
		uint16_t regs = env->aux[state_insn(s, i)].live_before | 1U << BPF_REG_10;
		struct frame *f = frame_shrink(env, s->frame[i], regs, slots[i]);

		if (!f)
			return env_nomem(env);
		s->frame[i] = f;
	}
	return 0;
}

/* The list of cached states that the current one is compared with. Calls of a function from
 * different places have lists of their own, unless their numbers meet: how many states are in a
 * list, and whether one is there that is not finished, decides what is cached. */
static struct visit_list *visit_list(const struct env *env)
{
	uint32_t callsite = state_frame(env->st)->callsite, n = env->n_insns, at;

	/* Of most programs the main function is all. */
	if (callsite == NO_CALLSITE)
		at = env->visit->main_at >= env->insn ? env->visit->main_at - env->insn
						      : env->visit->main_at - env->insn + n;
	else
		at = (env->insn ^ callsite) % n;
	return &env->visit->lists[at];
}

void visit_prefetch(const struct env *env)
{
	if (env->insn < env->n_insns && env_aux(env)->flags & AUX_PRUNE_POINT)
		__builtin_prefetch(visit_list(env)->first);
}

static int clean_states(struct env *env, struct visit_list *list)
{
	for (struct cached *c = list->first; c && list->unclean; c = c->next) {
		if (c->state.insn != env->insn || c->state.branches || c->state.cleaned ||
		    loop_open(c) || !same_calls(&c->state, env->st))
			continue;
		list->unclean--;
		if (state_clean(env, &c->state))
			return -ENOMEM;
	}
	return 0;
}

/* ---- a visit ---------------------------------------------------------------------------- */

/* The current state cannot be inside c: what differed the last time does so again. */
static bool quick_differs(const struct cached *c, const struct state *cur)
{
	const struct reg *r;

	if (c->quick == NO_QUICK || (c->quick_unfinished && !c->state.branches))
		return false;
	r = &state_regs(cur)[c->quick];
	if (r->type != c->quick_type || r->flags || r->var.umax > c->hi)
		return true;
	if (r->type == R_SCALAR)
		return r->var.umin < c->lo;
	return r->off != (int32_t)c->lo || r->range < (int32_t)(c->lo >> 32);
}

/* Register i of the current function, which counts, was found to be different. */
static void quick_remember(struct cached *c, const struct state *cur, int i)
{
	const struct frame *f = state_frame(&c->state);
	const struct reg *r = packed_reg(f, i);
	const struct range *var;
	struct range tmp;

	if (!r || r->flags || (r->type != R_SCALAR && (r->type != R_PACKET || r->range < 0)))
		return;
	c->quick = (uint8_t)i;
	c->quick_type = r->type;
	var = packed_var(f, r, &tmp);
	c->hi = var->umax;
	if (r->type == R_SCALAR) {
		/* As long as its paths are followed all scalars of a state count, then the precise
		 * ones. */
		c->quick_unfinished = !(f->reg_precise >> i & 1);
		c->lo = var->umin;
	} else {
		c->quick_unfinished = false;
		c->lo = (uint32_t)r->off | (uint64_t)(uint32_t)r->range << 32;
	}
	/* Something else may be different. */
	if (!quick_differs(c, cur))
		c->quick = NO_QUICK;
}

static bool visit_equal(struct env *env, struct cached *c, enum exactness exact)
{
	int differs;
	bool equal = states_equal(env, &c->state, env->st, exact, &differs);

	if (differs >= 0)
		quick_remember(c, env->st, differs);
	return equal;
}

static bool maybe_looping(const struct env *env, struct cached *c)
{
	const struct state *old = &c->state, *cur = env->st;
	const struct frame *f = state_frame(old);
	const struct reg *o = packed_nth(f, 0), *r = state_regs(cur);
	struct range tmp;

	if (old->cur != cur->cur)
		return false;
	for (int i = 0; i < 11; i++, r++) {
		if (!(f->reg_mask >> i & 1)) {
			if (r->type != R_NOT_INIT)
				return false;
			continue;
		}
		if (memcmp(o, r, offsetof(struct reg, precise)) != 0 ||
		    !range_same(packed_var(f, o, &tmp), &r->var)) {
			if (env_aux(env)->live_before >> i & 1)
				quick_remember(c, cur, i);
			return false;
		}
		o = packed_next(o);
	}
	return true;
}

static bool iter_depths_differ(const struct state *old, const struct state *cur)
{
	for (uint32_t i = 0; i <= old->cur; i++)
		for (uint32_t n = 0; n < old->frame[i]->n_slots; n++) {
			const struct reg *o = packed_slot(old->frame[i], n);

			if (o && kinds_first(packed_kinds(old->frame[i], n)) == SLOT_ITER &&
			    o->iter.phase == ITER_ACTIVE &&
			    o->iter.depth != cur->frame[i]->slots[n].reg.iter.depth)
				return true;
		}
	return false;
}

static const struct reg *iter_of_call(const struct state *s)
{
	const struct reg *r1 = &state_regs(s)[BPF_REG_1];
	int off = r1->off + (int)range_const(&r1->var);

	return &s->frame[r1->frame]->slots[stack_slot(off)].reg;
}

enum visit { VISIT_MISS, VISIT_SKIP_LOOP_CHECK, VISIT_HIT, VISIT_ERROR };

/* A cached state that is still being followed. */
static enum visit visit_unfinished(struct env *env, struct cached *c)
{
	const struct frame *f = state_frame(&c->state);
	const struct insn_aux *aux = env_aux(env);
	struct state *cur = env->st;

	/* Another round of an asynchronous callback is no loop. */
	if (f->async_callback && f->async_entries != state_frame(cur)->async_entries)
		return VISIT_SKIP_LOOP_CHECK;
	if (aux->flags & AUX_ITER_NEXT) {
		if (visit_equal(env, c, RANGE_WITHIN) &&
		    iter_of_call(cur)->iter.phase == ITER_ACTIVE)
			return VISIT_HIT;
		return VISIT_SKIP_LOOP_CHECK;
	}
	if (aux->flags & AUX_MAY_GOTO && c->state.may_goto_depth != cur->may_goto_depth &&
	    visit_equal(env, c, RANGE_WITHIN))
		return VISIT_HIT;
	if (aux->flags & AUX_CALLS_CALLBACK)
		return visit_equal(env, c, RANGE_WITHIN) ? VISIT_HIT : VISIT_SKIP_LOOP_CHECK;
	if (maybe_looping(env, c) && visit_equal(env, c, EXACT) &&
	    !iter_depths_differ(&c->state, cur) && c->state.may_goto_depth == cur->may_goto_depth &&
	    c->state.unroll_depth == cur->unroll_depth) {
		env_fail(env, -EINVAL, REASON_INFINITE_LOOP, "infinite loop detected at insn %u",
			 env->insn);
		if (log_on(env))
			log_loop_states(env, &c->state);
		return VISIT_ERROR;
	}
	return VISIT_MISS;
}

static int visit_hit(struct env *env, struct cached *c, bool loop)
{
	bool changed = false;
	int err = 0;

	c->hits++;
	if (env_aux(env)->flags & AUX_JUMP_POINT)
		err = precise_push(env, env->st, 0, 0);
	if (!err)
		err = precise_propagate(env, &c->state, env->st, &changed);
	if (!err && loop)
		err = loop_add_edge(env, c);
	return err ? err : 1;
}

/* Rarely useful states cost more than they save. */
static void visit_miss(struct env *env, struct cached **at, bool adding)
{
	struct cached *c = *at;
	uint32_t n = env_aux(env)->flags & AUX_FORCE_CHECKPOINT && c->state.branches ? 64 : 3;

	if (adding)
		c->misses++;
	if (c->misses <= c->hits * n + n)
		return;
	*at = c->next;
	c->list->unclean -= !c->state.branches && !c->state.cleaned;
	cached_evict(env, c);
}

static int visit_add(struct env *env, struct visit_list *list)
{
	struct state *cur = env->st;
	struct cached *c = env_alloc(env, sizeof(*c));

	if (!c)
		return env_nomem(env);
	memset(c, 0, sizeof(*c));
	c->quick = NO_QUICK;
	env->total_states++;
	env->explored_states++;
	visit_count_peak(env);
	env->prev_jumps_processed = env->jumps_processed;
	env->prev_insns_processed = env->insns_processed;
	if (env->bpf_capable)
		precise_forget(cur);
	if (state_pack(env, &c->state, cur))
		return env_nomem(env);
	c->state.insn = env->insn;
	if (loop_enter(env, c))
		return -ENOMEM;
	cur->parent = &c->state;
	cur->first_insn = env->insn;
	cur->dfs_depth = c->state.dfs_depth + 1;
	cur->n_history = 0;
	cur->touched = 0;
	env->jump = NULL;
	c->list = list;
	c->next = list->first;
	list->first = c;
	return 0;
}

int visit_state(struct env *env)
{
	struct visit_list *list = visit_list(env);
	struct cached **at = &list->first;
	uint32_t jumps = env->jumps_processed - env->prev_jumps_processed,
		 insns = env->insns_processed - env->prev_insns_processed, n = 0;
	bool force = env->test_state_freq || env_aux(env)->flags & AUX_FORCE_CHECKPOINT ||
		     env->st->n_history > VISIT_HISTORY,
	     add = force || (jumps >= 2 && insns >= 8), loop, different;
	enum visit v;

	if (list->unclean && clean_states(env, list))
		return -ENOMEM;
	while (*at) {
		struct cached *c = *at;

		n++;
		if (c->state.insn != env->insn) {
			at = &c->next;
			continue;
		}
		different = quick_differs(c, env->st);
		if (c->state.branches) {
			v = different ? VISIT_MISS : visit_unfinished(env, c);
			if (v == VISIT_ERROR)
				return -EINVAL;
			if (v == VISIT_HIT)
				return visit_hit(env, c,
						 !(env_aux(env)->flags & AUX_CALLS_CALLBACK));
			/* Iterations of a loop differ: do not keep each of them. */
			if (!force && jumps < 20 && insns < 100)
				add = false;
		} else if (!different) {
			loop = loop_open(c);
			if (visit_equal(env, c, loop ? RANGE_WITHIN : NOT_EXACT))
				return visit_hit(env, c, loop);
		}
		visit_miss(env, at, add);
		if (*at == c)
			at = &c->next;
	}
	env->max_states_per_insn = MAX(env->max_states_per_insn, n);
	if (!env->bpf_capable && n > VISIT_STATES_UNPRIVILEGED)
		return 0;
	return add ? visit_add(env, list) : 0;
}

/* ---- loops that the program ends -------------------------------------------------------- */

static const struct state *visit_find_entry(const struct state *s, const struct state *cur,
					    uint32_t insn)
{
	for (; s; s = s->parent)
		if (s->insn == insn && same_calls(s, cur))
			return s;
	return NULL;
}

void visit_widen_from(struct env *env, const struct state *from, struct state *queued)
{
	const struct state *before = visit_find_entry(from, queued, env->insn);

	if (before)
		states_widen(env, before, queued);
}

int visit_widen(struct env *env, struct state *queued)
{
	if (env->st->parent)
		visit_widen_from(env, env->st->parent->parent, queued);
	return 0;
}
