/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/log.h - the verification as the kernel's log tells it.
 *
 * env->log is NULL unless somebody reads it: the hooks cost the test of a pointer then. Those
 * that are called for each instruction, slot or step are only to be called if log_on().
 */
#ifndef VERIFY_LOG_H
#define VERIFY_LOG_H

#include "verify/env.h"

/* Nothing is logged, or -ENOMEM with reason. */
int log_new(struct env *env);
void log_free(struct env *env);

static inline bool log_on(const struct env *env)
{
	return __builtin_expect(env->log != NULL, false);
}
/* Level 2: every path, and why states were marked. */
bool log_all(const struct env *env);

/* Appends text. */
void log_text(struct env *env, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Statistics and the end; whatever the level. */
void log_finish(struct env *env, uint64_t time_ns);
/* Level 1: cuts the log back to where it was when a path was queued. */
size_t log_position(const struct env *env);
void log_rewind(struct env *env, size_t position);

/* The program before exploration: its functions; and what registers are live. */
void log_functions(struct env *env);
void log_live_regs(struct env *env);
/* What keeps the main program from being called like a global function, if anything. */
void log_signature(struct env *env);
/* A function is verified: level 1 forgets it. */
void log_verified(struct env *env);

/* ---- the current instruction ---------------------------------------------------------- */

/* The path is at env->insn; pruned: and ends there. */
void log_arrive(struct env *env, bool pruned);
/* A condition was followed: what is known now. */
void log_branch(struct env *env);
/* The next queued path was taken up. */
void log_path(struct env *env);
/* A function was entered, or is about to be left. */
void log_call(struct env *env);
void log_return(struct env *env);
/* The current instruction touched these slots of a stack; or everything changed. */
void log_touch(struct env *env, uint64_t slots);
void log_touch_all(struct env *env);
/* live_write() of slots that the kernel makes an object of, or in which one ends. */
static inline int log_object_write(struct env *env, uint32_t frame, uint64_t slots)
{
	if (log_on(env))
		log_touch(env, slots);
	return live_write(env, frame, slots);
}

/* ---- precision, level 2 ----------------------------------------------------------------- */

void log_trace_begin(struct env *env, uint32_t frame, uint32_t last, uint32_t first, uint32_t next);
void log_trace_step(struct env *env, uint32_t frame, uint32_t insn, uint16_t regs, uint64_t slots);
void log_trace_parent(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots,
		      const struct state *s);
/* Everything was marked: what was not before. */
void log_force_begin(struct env *env, uint32_t frame);
void log_force(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots);
/* A loop, by the calls that lead to it and its number, is entered, left, or closed. */
void log_loop(struct env *env, const char *what, const uint32_t *calls, uint32_t n, uint32_t scc);
/* An infinite loop: the state, and that which it was in before. */
void log_loop_states(struct env *env, const struct state *old);
void log_propagate(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots);

#endif
