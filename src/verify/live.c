/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/live.c - which stack slots may still be read after an instruction.
 *
 * A function is looked at once for each chain of calls that leads to it (an instance). While
 * paths are explored, each instruction of an instance collects the slots that it may read, and
 * those that it writes on every visit, in its own frame and in its callers'. Backwards data flow
 * over the instance's control flow then gives the live slots; what a callee reads of its callers'
 * frames, its call instruction reads.
 *
 * Everything only grows: what is read, what passes an instruction without being certainly
 * written, and so what is live. Each change is carried to the predecessors at once.
 *
 * Marks only tell of what was explored: an answer is final for a state all of whose paths were.
 */
#include "verify/env.h"

struct live_masks {
	uint64_t pass; /* visited without being certainly written */
	uint64_t live; /* may be read from here on */
};

struct live_inst {
	struct live_inst *parent;
	struct live_inst *child, *sibling;
	uint32_t callsite, subprog, depth;
	uint8_t *visited; /* by instruction of the function; 2: waits in `todo` */
	struct live_masks *frames[VERIFY_MAX_FRAMES]; /* by instruction of the function */
};

/* Something to do: the predecessors of an instruction behind which slots became live. */
struct live_todo {
	struct live_inst *inst;
	uint32_t at;
};

struct env_live {
	struct live_inst *roots; /* siblings */
	struct live_inst *now;	 /* the current instruction's */
	struct live_todo *todo;
	uint32_t n_todo, cap_todo;
	uint64_t writes[VERIFY_MAX_FRAMES];
};

int live_new(struct env *env)
{
	env->live = env_table(env, 1, sizeof(*env->live));
	return env->live ? 0 : env_nomem(env);
}

static uint32_t live_len(const struct env *env, const struct live_inst *inst)
{
	return env->subs[inst->subprog].end - env->subs[inst->subprog].start;
}

int live_enter(struct env *env, struct state *s, uint32_t i)
{
	struct frame *f = s->frame[i];
	struct live_inst *parent = i ? s->frame[i - 1]->live : NULL, *inst;
	struct live_inst **list = parent ? &parent->child : &env->live->roots;

	for (inst = *list; inst; inst = inst->sibling)
		if (inst->callsite == f->callsite && inst->subprog == f->subprog) {
			f->live = inst;
			return 0;
		}
	inst = env_table(env, 1, sizeof(*inst));
	if (!inst)
		return env_nomem(env);
	inst->parent = parent;
	inst->callsite = f->callsite;
	inst->subprog = f->subprog;
	inst->depth = i;
	inst->visited = env_table(env, live_len(env, inst), 1);
	if (!inst->visited)
		return env_nomem(env);
	inst->sibling = *list;
	*list = inst;
	f->live = inst;
	return 0;
}

static struct live_masks *live_masks(struct env *env, struct live_inst *inst, uint32_t frame)
{
	struct live_masks *m = inst->frames[frame];
	uint32_t len = live_len(env, inst);

	if (m)
		return m;
	m = inst->frames[frame] = env_table(env, len, sizeof(*m));
	if (!m) {
		env_nomem(env);
		return NULL;
	}
	/* Until now nothing was written or read there: everything passed. */
	for (uint32_t i = 0; i < len; i++)
		m[i].pass = inst->visited[i] ? UINT64_MAX : 0;
	return m;
}

/* Slots are live before instruction `at` of the function. */
static int live_grow(struct env *env, struct live_inst *inst, uint32_t frame, uint32_t at,
		     uint64_t slots)
{
	struct live_masks *m = live_masks(env, inst, frame);
	struct env_live *l = env->live;

	if (!m)
		return -ENOMEM;
	if (!(slots & ~m[at].live))
		return 0;
	m[at].live |= slots;
	if (inst->visited[at] & 2)
		return 0;
	if (l->n_todo == l->cap_todo) {
		uint32_t cap = MAX(64U, l->cap_todo * 2);
		struct live_todo *todo = env_alloc(env, cap * sizeof(*todo));

		if (!todo)
			return env_nomem(env);
		if (l->n_todo)
			memcpy(todo, l->todo, l->n_todo * sizeof(*todo));
		env_release(env, l->todo, l->cap_todo * sizeof(*todo));
		l->todo = todo;
		l->cap_todo = cap;
	}
	inst->visited[at] |= 2;
	l->todo[l->n_todo++] = (struct live_todo){inst, at};
	return 0;
}

/* The function that a call instruction enters, if something is known of `frame` in it. */
static struct live_inst *live_callee(const struct env *env, const struct live_inst *inst,
				     uint32_t frame, uint32_t insn)
{
	struct live_inst *c;

	if (env->aux[insn].id != ISA_CALL_LOCAL)
		return NULL;
	for (c = inst->child; c; c = c->sibling)
		if (c->callsite == insn)
			return c->frames[frame] ? c : NULL;
	return NULL;
}

/* Control may leave the function there. That a tail call which succeeds does so, Linux 6.18 forgets
 * here (the slots that are written behind it pass for written): whatever is to run must not rely
 * on that. */
static bool live_is_exit(const struct env *env, uint32_t insn)
{
	const struct bpf_insn *i = &env->insns[insn];

	return env->aux[insn].id == ISA_EXIT ||
	       (env->image->engine && i->code == (BPF_JMP | BPF_CALL) && !i->src_reg &&
		i->imm == BPF_FUNC_tail_call);
}

/* What is live behind a call is so at the exits of the function that it enters. */
static int live_exits(struct env *env, struct live_inst *callee, uint32_t frame, uint64_t slots)
{
	const struct subprog *sub = &env->subs[callee->subprog];
	const struct live_masks *m = callee->frames[frame];
	int err = 0;

	for (uint32_t i = 0; i < sub->n_postorder && !err; i++) {
		uint32_t at = sub->postorder[i] - sub->start;

		if (live_is_exit(env, sub->postorder[i]))
			err = live_grow(env, callee, frame, at, slots & m[at].pass);
	}
	return err;
}

static int live_flow_one(struct env *env, struct live_inst *inst, uint32_t frame, uint32_t at)
{
	const struct subprog *sub = &env->subs[inst->subprog];
	const struct live_masks *m = inst->frames[frame];
	uint64_t live = m[at].live;
	int err = 0;

	inst->visited[at] &= 1;
	for (uint32_t p = sub->pred_at[at]; p < sub->pred_at[at + 1] && !err; p++) {
		uint32_t from = sub->preds[p], to = from - sub->start;
		struct live_inst *callee = live_callee(env, inst, frame, from);

		err = callee ? live_exits(env, callee, frame, live)
			     : live_grow(env, inst, frame, to, live & m[to].pass);
	}
	/* What a function reads of its callers' frames, its call reads. */
	if (!err && !at && frame < inst->depth)
		err = live_grow(env, inst->parent, frame,
				inst->callsite - env->subs[inst->parent->subprog].start, live);
	return err;
}

/* The slots of `frame` are live before an instruction, and so before others. */
static int live_add(struct env *env, struct live_inst *inst, uint32_t frame, uint32_t insn,
		    uint64_t slots)
{
	struct env_live *l = env->live;
	int err = live_grow(env, inst, frame, insn - env->subs[inst->subprog].start, slots);

	while (l->n_todo && !err) {
		struct live_todo t = l->todo[--l->n_todo];

		err = live_flow_one(env, t.inst, frame, t.at);
	}
	return err;
}

int live_read(struct env *env, uint32_t frame, uint64_t slots)
{
	return live_add(env, env->live->now, frame, env->insn, slots);
}

int live_write(struct env *env, uint32_t frame, uint64_t slots)
{
	env->live->writes[frame] |= slots;
	return 0;
}

void live_begin(struct env *env)
{
	env->live->now = state_frame(env->st)->live;
	memset(env->live->writes, 0, sizeof(env->live->writes));
}

static uint64_t live_before(const struct env *env, const struct live_inst *inst, uint32_t frame,
			    uint32_t insn)
{
	const struct live_masks *m = inst->frames[frame];

	return m ? m[insn - env->subs[inst->subprog].start].live : 0;
}

/* Slots of a caller's frame that are live where a function returns to: behind its call, or, if it
 * is a callback, at it. */
static uint64_t live_behind(const struct env *env, const struct live_inst *inst, uint32_t frame)
{
	uint32_t at = inst->callsite;

	if (!(env->aux[at].flags & AUX_CALLS_CALLBACK))
		at++;
	return live_before(env, inst->parent, frame, at);
}

int live_commit(struct env *env)
{
	struct live_inst *inst = env->live->now;
	const struct subprog *sub = &env->subs[inst->subprog];
	uint32_t at = env->prev - sub->start;

	for (uint32_t f = 0; f <= inst->depth; f++) {
		struct live_masks *m = inst->frames[f];
		uint64_t pass = ~env->live->writes[f], after = 0;
		uint32_t to[2];
		int edges;

		if (!m && pass == UINT64_MAX)
			continue;
		m = live_masks(env, inst, f);
		if (!m)
			return -ENOMEM;
		if (!(pass & ~m[at].pass))
			continue;
		m[at].pass |= pass;
		for (edges = cfg_successors(env, env->prev, to); edges-- > 0;)
			after |= m[to[edges] - sub->start].live;
		if (f < inst->depth && live_is_exit(env, env->prev))
			after |= live_behind(env, inst, f);
		else if (live_callee(env, inst, f, env->prev))
			after = 0; /* goes through the function */
		if (live_add(env, inst, f, env->prev, after & m[at].pass))
			return -ENOMEM;
	}
	inst->visited[at] |= 1;
	return 0;
}

uint64_t live_slots(struct env *env, const struct state *s, uint32_t i)
{
	uint64_t live = live_before(env, s->frame[s->cur]->live, i, s->insn);

	for (uint32_t f = i; f < s->cur; f++)
		live |= live_behind(env, s->frame[f + 1]->live, i);
	return live;
}
