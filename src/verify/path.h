/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/path.h - the path that the verification is on, step by step, and where values on it
 * come from. For explanations: it is only looked at after a failure.
 */
#ifndef VERIFY_PATH_H
#define VERIFY_PATH_H

#include "verify/env.h"

struct path_step {
	uint32_t insn, next; /* next: the instruction after it */
	uint8_t depth;	     /* frame */
	bool stack;	     /* it spills to or fills from this slot of that frame */
	uint8_t slot_frame, slot;
};

struct path {
	struct path_step *steps; /* the last one first; without the instruction that failed */
	uint32_t n;
	bool whole; /* the last one is the first of the program, or function */
};

/* Without memory it is empty. */
void path_new(const struct env *env, struct path *path);
void path_free(struct path *path);
/* Whether the conditional jump was taken. */
static inline bool path_taken(const struct path_step *s)
{
	return s->next != s->insn + 1;
}

#endif
