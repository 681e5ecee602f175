/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/depth.c - stack of functions that call each other: 512 bytes in all.
 *
 * Counted over the call graph, callbacks included, in the amounts that Linux's JIT reserves.
 * Tracing programs get stacks apart for functions that need much: those count alone. Asynchronous
 * callbacks begin on a stack of their own. What a function needs is known only after exploration,
 * hence dead code counts as far as it calls.
 */
#include "verify/env.h"

#define DEPTH_TAIL_CALL_LIMIT 256
#define DEPTH_PRIVATE_MIN     64 /* a stack apart is for functions that need this much */
#define DEPTH_OF_LOOP	      24

struct chain {
	struct {
		uint32_t insn; /* next to be looked at */
		uint32_t sub;
		bool apart;
	} call[VERIFY_MAX_FRAMES];
	uint32_t n;
	uint32_t total;
	bool private;	/* functions may have stacks apart */
	bool tail_call; /* a caller makes one */
};

/* Spills around calls that preserve registers are removed, and with them what only they use. */
static uint32_t depth_left(const struct env *env, const struct subprog *sub)
{
	for (uint32_t i = sub->start; !sub->keep_fastcall_stack && i < sub->end; i++)
		if (env->aux[i].fastcall_slots)
			return sub->fastcall_stack_off;
	return sub->stack_depth;
}

static uint32_t depth_of(const struct env *env, const struct subprog *sub)
{
	return ALIGN_UP(depth_left(env, sub), 16U);
}

/* Calls that are made to loops keep three registers, all of a function the same, after what was
 * checked: a function may come to need more than all may have. */
static void depth_tell_loops(struct env *env)
{
	for (uint32_t s = 0; s < env->n_subs; s++) {
		struct subprog *sub = &env->subs[s];

		for (uint32_t i = sub->start; i < sub->end; i++)
			if (env->aux[i].loop_callback &&
			    env->aux[i].loop_callback != LOOP_NOT_INLINE) {
				sub->told_depth = ALIGN_UP(sub->told_depth, 8U) + DEPTH_OF_LOOP;
				break;
			}
	}
}

/* The function at the end of the chain is entered. */
static int depth_enter(struct env *env, struct chain *c, uint32_t sub_at)
{
	struct subprog *sub = &env->subs[sub_at];
	uint32_t depth = depth_of(env, sub);

	env->at = sub->start;
	/* A tail call leaves the frames of its function's callers where they are. */
	if (sub_at && sub->has_tail_call && c->total >= DEPTH_TAIL_CALL_LIMIT)
		return env_fail(env, -EACCES, REASON_STACK_DEPTH,
				"tail_calls are not allowed when call stack of previous frames is "
				"%u bytes. Too large",
				c->total);
	c->call[c->n].insn = sub->start;
	c->call[c->n].sub = sub_at;
	c->call[c->n].apart = c->private && !sub->shared_stack && depth >= DEPTH_PRIVATE_MIN;
	if (!c->call[c->n++].apart)
		c->total += depth;
	else if (depth > VERIFY_STACK_SIZE)
		return env_fail(env, -EACCES, REASON_STACK_DEPTH,
				"stack size of subprog %u is %u. Too large", sub_at, depth);
	if (c->total > VERIFY_STACK_SIZE)
		return env_fail(env, -EACCES, REASON_STACK_DEPTH,
				"combined stack size of %u calls is %u. Too large", c->n, c->total);
	return 0;
}

static int depth_leave(struct env *env, struct chain *c)
{
	uint32_t sub = c->call[c->n - 1].sub;

	for (uint32_t i = 0; c->tail_call && i + 1 < c->n; i++) {
		if (env->subs[c->call[i].sub].is_exception_callback)
			return env_fail(env, -EINVAL, REASON_CALLBACK,
					"cannot tail call within exception cb");
		env->subs[c->call[i].sub].tail_call_reachable = true;
	}
	if (!c->call[--c->n].apart)
		c->total -= depth_of(env, &env->subs[sub]);
	return 0;
}

/* An exception unwinds to the program, across a function of the kernel it cannot. */
static int depth_check_throw(struct env *env, const struct chain *c, uint32_t i)
{
	uint32_t traits;
	int n_args;

	kfunc_traits(env, i, &traits, &n_args);
	for (uint32_t f = 0; (traits & CALL_THROWS) && f < c->n; f++) {
		const struct subprog *sub = &env->subs[c->call[f].sub];

		if (sub->is_callback || sub->is_async_callback || sub->is_exception_callback)
			return env_fail(env, -EINVAL, REASON_CALLBACK,
					"bpf_throw kfunc (insn %u) cannot be called from callback "
					"subprog %u",
					i, c->call[c->n - 1].sub);
	}
	return 0;
}

/* An instruction of the function at the end of the chain. */
static int depth_insn(struct env *env, struct chain *c, uint32_t i)
{
	int id = env->aux[i].id;
	const struct subprog *sub;
	uint32_t callee;

	env->at = i;
	if (id == ISA_CALL_KFUNC)
		return depth_check_throw(env, c, i);
	if (id != ISA_CALL_LOCAL && id != ISA_LD_FUNC)
		return 0;
	callee = env->aux[i + 1 + (uint32_t)env->insns[i].imm].subprog;
	sub = &env->subs[callee];
	if (sub->is_async_callback || sub->is_exception_callback) {
		if (id == ISA_LD_FUNC)
			return 0;
		if (sub->is_exception_callback)
			return env_fail(env, -EINVAL, REASON_BAD_CALL,
					"insn %u cannot call exception cb directly", i);
	}
	if (c->n == VERIFY_MAX_FRAMES)
		return env_fail(env, -E2BIG, REASON_TOO_DEEP,
				"the call stack of %u frames is too deep !", c->n);
	c->tail_call |= sub->has_tail_call;
	return depth_enter(env, c, callee);
}

/* Follows every chain of calls from one function. */
static int depth_from(struct env *env, uint32_t root, bool private)
{
	struct chain c = {.private = private};
	int err;

	env->subs[root].shared_stack |= !private;
	err = depth_enter(env, &c, root);
	while (c.n && !err) {
		uint32_t i = c.call[c.n - 1].insn++, sub = c.call[c.n - 1].sub;

		/* What is on the stack of an asynchronous callback could be there twice. */
		env->subs[sub].shared_stack |= !private;
		err = i < env->subs[sub].end ? depth_insn(env, &c, i) : depth_leave(env, &c);
	}
	return err;
}

/* Does the kernel give programs of this type stacks apart? Those that it keeps from being entered
 * again while they run. */
static bool depth_is_private(const struct env *env)
{
	for (uint32_t i = 0; i < env->n_subs; i++)
		if (env->subs[i].has_tail_call)
			return false;
	switch (env->type->type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return true;
	case BPF_PROG_TYPE_TRACING:
		return env->image->expected_attach_type != BPF_TRACE_ITER;
	default:
		return false;
	}
}

int depth_check(struct env *env)
{
	bool private = depth_is_private(env);
	int err = 0;

	env->depth_told = true;
	for (uint32_t s = 0; s < env->n_subs; s++)
		env->subs[s].told_depth = depth_left(env, &env->subs[s]);
	/* From the last: what callbacks call is known to be shared when the program is looked at.
	 */
	for (uint32_t s = env->n_subs; s-- > 0 && !err;)
		if (!s || env->subs[s].is_async_callback || env->subs[s].is_exception_callback)
			err = depth_from(env, s, !s && private);
	if (!err)
		depth_tell_loops(env);
	return err;
}
