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
 * Marks only tell of what was explored: an answer is final for a state all of whose paths were.
 */
#include "verify/env.h"

#include <stdlib.h>

struct live_masks {
	uint64_t read;	/* may be read here */
	uint64_t write; /* written here on every visit */
	uint64_t live;	/* may be read from here on */
};

struct live_inst {
	struct live_inst *next; /* all of them */
	struct live_inst *parent;
	struct live_inst *child, *sibling;
	uint32_t callsite, subprog, depth;
	bool dirty;   /* marks were added */
	bool dropped; /* a write is no longer certain: start again */
	uint8_t *visited;
	struct live_masks *frames[VERIFY_MAX_FRAMES]; /* by instruction of the function */
};

struct env_live {
	struct live_inst *all;
	struct live_inst *roots; /* siblings */
	struct live_inst *now;	 /* the current instruction's */
	uint64_t writes[VERIFY_MAX_FRAMES];
};

int live_new(struct env *env)
{
	env->live = calloc(1, sizeof(*env->live));
	return env->live ? 0 : env_nomem(env);
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
	if (!inst->frames[frame]) {
		inst->frames[frame] = calloc(live_len(env, inst), sizeof(struct live_masks));
		if (!inst->frames[frame])
			env_nomem(env);
	}
	return inst->frames[frame];
}

static int live_add_read(struct env *env, struct live_inst *inst, uint32_t frame, uint32_t insn,
			 uint64_t slots)
{
	struct live_masks *m = live_masks(env, inst, frame);

	if (!m)
		return -ENOMEM;
	m += insn - env->subs[inst->subprog].start;
	if (slots & ~m->read) {
		m->read |= slots;
		inst->dirty = true;
	}
	return 0;
}

int live_read(struct env *env, uint32_t frame, uint64_t slots)
{
	return live_add_read(env, env->live->now, frame, env->insn, slots);
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
	uint32_t at = env->prev - env->subs[inst->subprog].start;
	bool again = inst->visited[at];

	inst->visited[at] = 1;
	for (uint32_t f = 0; f <= inst->depth; f++) {
		uint64_t slots = env->live->writes[f], before;
		struct live_masks *m = inst->frames[f];

		if (!m && !slots)
			continue;
		m = live_masks(env, inst, f);
		if (!m)
			return -ENOMEM;
		before = m[at].write;
		m[at].write = again ? before & slots : slots;
		if (m[at].write != before)
			inst->dirty = true;
		if (before & ~m[at].write)
			inst->dropped = true;
	}
	return 0;
}

/* Live slots behind instruction i (an index into the program), in one frame's masks. */
static uint64_t live_after(const struct env *env, const struct subprog *sub,
			   const struct live_masks *m, uint32_t i)
{
	uint32_t next[2];
	int n = cfg_successors(env, i, next);
	uint64_t live = 0;

	while (n-- > 0)
		live |= m[next[n] - sub->start].live;
	return live;
}

static void live_flow(struct env *env, struct live_inst *inst, uint32_t frame)
{
	const struct subprog *sub = &env->subs[inst->subprog];
	struct live_masks *m = inst->frames[frame];
	bool changed;

	if (inst->dropped)
		for (uint32_t i = 0; i < live_len(env, inst); i++)
			m[i].live = 0;
	do {
		changed = false;
		for (uint32_t n = 0; n < sub->n_postorder; n++) {
			uint32_t i = sub->postorder[n];
			struct live_masks *at = &m[i - sub->start];
			uint64_t live = (live_after(env, sub, m, i) & ~at->write) | at->read;

			if (live != at->live) {
				at->live = live;
				changed = true;
			}
		}
	} while (changed);
}

int live_update(struct env *env, struct state *s)
{
	for (int i = (int)s->cur; i >= 0; i--) {
		struct live_inst *inst = s->frame[i]->live;

		if (!inst->dirty)
			continue;
		for (uint32_t f = 0; f <= inst->depth; f++)
			if (inst->frames[f])
				live_flow(env, inst, f);
		inst->dirty = inst->dropped = false;
		for (uint32_t f = 0; f < inst->depth; f++)
			if (inst->frames[f] && live_add_read(env, inst->parent, f, inst->callsite,
							     inst->frames[f][0].live))
				return -ENOMEM;
	}
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
