/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/depth.c - stack of functions that call each other: 512 bytes in all.
 *
 * Counted over the call graph, callbacks included, in the amounts that Linux's JITs reserve: a
 * multiple of 16 bytes for each function. With private stacks, tracing programs may use more.
 */
#include "verify/env.h"

#include <stdlib.h>

#define DEPTH_TAIL_CALL_LIMIT 256

struct chain {
	uint32_t insn;	 /* next to be looked at */
	uint32_t sub;
	uint32_t before; /* bytes below this function */
};

static uint32_t depth_of(const struct subprog *sub)
{
	return ALIGN_UP(MAX(sub->stack_depth, 1U), 16U);
}

static int depth_enter(struct env *env, struct chain *c, uint32_t n, uint32_t total,
		       bool tail_call_reachable)
{
	struct subprog *sub = &env->subs[c[n - 1].sub];

	/* A tail call from a function keeps the callers' frames. */
	if (c[n - 1].sub && sub->has_tail_call && c[n - 1].before >= DEPTH_TAIL_CALL_LIMIT) {
		env->at = c[n - 1].sub ? sub->start : 0;
		return env_fail(env, -EACCES, REASON_STACK_DEPTH,
				"tail_calls are not allowed when call stack of previous frames is "
				"%u bytes. Too large",
				c[n - 1].before);
	}
	if (total > VERIFY_STACK_SIZE) {
		env->at = sub->start;
		return env_fail(env, -EACCES, REASON_STACK_DEPTH,
				"combined stack size of %u calls is %u. Too large", n, total);
	}
	(void)tail_call_reachable;
	return 0;
}

/* Follows every chain of calls from one function. */
static int depth_from(struct env *env, uint32_t root)
{
	struct chain c[VERIFY_MAX_FRAMES + 1];
	uint32_t n = 1, total = depth_of(&env->subs[root]);
	int err;

	c[0] = (struct chain){env->subs[root].start, root, 0};
	err = depth_enter(env, c, n, total, false);
	while (n && !err) {
		struct chain *top = &c[n - 1];
		uint32_t i = top->insn++, callee;
		int id;

		if (i >= env->subs[top->sub].end) {
			total = top->before;
			n--;
			continue;
		}
		id = env->aux[i].id;
		if (id != ISA_CALL_LOCAL && id != ISA_LD_FUNC)
			continue;
		callee = env->aux[i + 1 + (uint32_t)env->insns[i].imm].subprog;
		/* An asynchronous callback has a stack of its own. */
		if (id == ISA_LD_FUNC && (env->subs[callee].is_async_callback ||
					  !env->subs[callee].is_callback))
			continue;
		env->at = i;
		if (id == ISA_CALL_LOCAL && env->subs[callee].is_exception_callback)
			return env_fail(env, -EINVAL, REASON_BAD_CALL,
					"insn %u cannot call exception cb directly", i);
		if (n == VERIFY_MAX_FRAMES)
			return env_fail(env, -E2BIG, REASON_TOO_DEEP,
					"the call stack of %u frames is too deep !", n + 1);
		c[n] = (struct chain){env->subs[callee].start, callee, total};
		total += depth_of(&env->subs[callee]);
		err = depth_enter(env, c, ++n, total, false);
	}
	return err;
}

int depth_check(struct env *env)
{
	int err = 0;

	for (uint32_t s = 0; s < env->n_subs && !err; s++)
		if (!s || env->subs[s].is_async_callback)
			err = depth_from(env, s);
	return err;
}
