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

#include <stdlib.h>

struct live_masks {
	uint64_t pass; /* visited without being certainly written */
	uint64_t live; /* may be read from here on */
};

struct live_inst {
	struct live_inst *next; /* all of them */
	struct live_inst *parent;
	struct live_inst *child, *sibling;
	uint32_t callsite, subprog, depth;
	uint8_t *visited; /* by instruction of the function; 2: waits in `todo` */
	struct live_masks *frames[VERIFY_MAX_FRAMES]; /* by instruction of the function */
};

struct env_live {
	struct live_inst *all;
	struct live_inst *roots; /* siblings */
	struct live_inst *now;	 /* the current instruction's */
	uint32_t *todo;		 /* instructions whose predecessors have to be looked at */
	uint64_t writes[VERIFY_MAX_FRAMES];
};

int live_new(struct env *env)
{
	env->live = calloc(1, sizeof(*env->live));
	if (!env->live)
		return env_nomem(env);
	env->live->todo = malloc(env->n_insns * sizeof(*env->live->todo));
	return env->live->todo ? 0 : env_nomem(env);
}

void live_free(struct env *env)
{
	struct live_inst *inst, *next;

	if (!env->live)
		return;
	for (inst = env->live->all; inst; inst = next) {
		next = inst->next;
		for (int i = 0; i < VERIFY_MAX_FRAMES; i++)
			free(inst->frames[i]);
		free(inst->visited);
		free(inst);
	}
	free(env->live->todo);
	free(env->live);
	env->live = NULL;
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
	inst = calloc(1, sizeof(*inst));
	if (!inst)
		return env_nomem(env);
	inst->parent = parent;
	inst->callsite = f->callsite;
	inst->subprog = f->subprog;
	inst->depth = i;
	inst->visited = calloc(live_len(env, inst), 1);
	if (!inst->visited) {
		free(inst);
		return env_nomem(env);
	}
	inst->next = env->live->all;
	env->live->all = inst;
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
	m = inst->frames[frame] = calloc(len, sizeof(*m));
	if (!m) {
		env_nomem(env);
		return NULL;
	}
	/* Until now nothing was written or read there: everything passed. */
	for (uint32_t i = 0; i < len; i++)
		m[i].pass = inst->visited[i] ? UINT64_MAX : 0;
	return m;
}

/* Slots that became live before an instruction are so behind, and maybe before, its
 * predecessors. */
static void live_flow(struct env *env, struct live_inst *inst, struct live_masks *m, uint32_t at)
{
	const struct subprog *sub = &env->subs[inst->subprog];
	uint32_t *todo = env->live->todo, n = 0;

	todo[n++] = at;
	while (n) {
		uint32_t i = todo[--n];

		inst->visited[i] &= 1;
		for (uint32_t p = sub->pred_at[i]; p < sub->pred_at[i + 1]; p++) {
			uint32_t to = sub->preds[p] - sub->start;
			uint64_t more = m[i].live & m[to].pass & ~m[to].live;

			if (!more)
				continue;
			m[to].live |= more;
			if (!(inst->visited[to] & 2)) {
				inst->visited[to] |= 2;
				todo[n++] = to;
			}
		}
	}
}

/* The slots of `frame` are live before an instruction. What is so at the beginning of a function,
 * its call reads. */
static int live_add(struct env *env, struct live_inst *inst, uint32_t frame, uint32_t insn,
		    uint64_t slots)
{
	for (;;) {
		struct live_masks *m = live_masks(env, inst, frame);
		uint32_t at = insn - env->subs[inst->subprog].start;
		uint64_t entry;

		if (!m)
			return -ENOMEM;
		if (!(slots & ~m[at].live))
			return 0;
		entry = m[0].live;
		m[at].live |= slots;
		live_flow(env, inst, m, at);
		slots = m[0].live & ~entry;
		if (!slots || frame == inst->depth)
			return 0;
		insn = inst->callsite;
		inst = inst->parent;
	}
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
		if (live_add(env, inst, f, env->prev, after & m[at].pass))
			return -ENOMEM;
	}
	inst->visited[at] |= 1;
	return 0;
}

static uint64_t live_before(const struct env *env, const struct live_inst *inst, uint32_t frame,
			    uint32_t insn)
{
	const struct live_masks *m = inst->frames[frame];

	return m ? m[insn - env->subs[inst->subprog].start].live : 0;
}

uint64_t live_slots(struct env *env, const struct state *s, uint32_t i)
{
	uint64_t live = live_before(env, s->frame[s->cur]->live, i, s->insn);

	/* A caller goes on behind its call, or, if that calls back, at it. */
	for (uint32_t f = i; f < s->cur; f++) {
		uint32_t at = s->frame[f + 1]->callsite;

		if (!(env->aux[at].flags & AUX_CALLS_CALLBACK))
			at++;
		live |= live_before(env, s->frame[f]->live, i, at);
	}
	return live;
}
