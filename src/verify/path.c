/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/path.c - the path that the verification is on, backwards.
 *
 * Nothing records it as such: it is in pieces, from cached state to cached state, each of which
 * has a history of the steps that did not come from the instruction above (precise.c).
 */
#include "verify/path.h"

#include <stdlib.h>

#define PATH_MAX_STEPS 20000

/* One step back within the piece that led to state s; *n: entries of its history ahead. */
static bool path_back(const struct state *s, uint32_t *insn, uint32_t *n)
{
	if (*insn == s->first_insn && (!*n || (*n == 1 && s->history[0].insn == *insn)))
		return false;
	if (*n && s->history[*n - 1].insn == *insn)
		*insn = s->history[--*n].prev;
	else if (*insn)
		--*insn;
	else
		return false;
	return true;
}

/* The depth of an instruction that is followed by one at `depth`. */
static int path_depth(const struct env *env, uint32_t insn, uint32_t next, int depth)
{
	const struct insn_aux *aux = &env->aux[insn];

	if (aux->id == ISA_EXIT)
		return depth + 1;
	if (aux->id == ISA_CALL_LOCAL && next != insn + 1)
		return depth - 1;
	if (aux->flags & AUX_CALLS_CALLBACK && next != insn + 1)
		return depth - 1;
	return depth;
}

static bool path_add(const struct env *env, struct path *path, const struct state *s, uint32_t insn,
		     uint32_t n, uint32_t next, int *depth)
{
	const struct jump *j = n && s->history[n - 1].insn == insn ? &s->history[n - 1] : NULL;
	struct path_step *step;

	if (!env->insns[insn].code && insn) /* the second half of another */
		return true;
	*depth = path_depth(env, insn, next, *depth);
	if (path->n == PATH_MAX_STEPS || *depth < 0 || *depth >= VERIFY_MAX_FRAMES)
		return false;
	step = &path->steps[path->n++];
	*step = (struct path_step){.insn = insn, .next = next, .depth = (uint8_t)*depth};
	if (j && j->flags & JUMP_STACK) {
		step->stack = true;
		step->slot_frame = j->flags >> JUMP_FRAME_SHIFT & 7;
		step->slot = j->flags >> JUMP_SLOT_SHIFT & 63;
	}
	return true;
}

void path_new(const struct env *env, struct path *path)
{
	const struct state *s = env->st;
	uint32_t insn = env->at, next = env->at, n;
	int depth = s ? (int)s->cur : 0;
	bool first = true;

	*path = (struct path){0};
	if (!s)
		return;
	path->steps = malloc(PATH_MAX_STEPS * sizeof(*path->steps));
	while (path->steps && s && insn < env->n_insns) {
		n = s->n_history;
		do {
			if (!first) {
				if (!path_add(env, path, s, insn, n, next, &depth))
					return;
				if (env->insns[insn].code)
					next = insn;
			}
			first = false;
		} while (path_back(s, &insn, &n) && insn < env->n_insns);
		s = s->parent;
		insn = s ? s->last_insn : NO_CALLSITE;
	}
	path->whole = insn == NO_CALLSITE;
}

void path_free(struct path *path)
{
	free(path->steps);
}
