/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/fixup.c - what the kernel's passes over a program that was found safe still refuse.
 *
 * Linux removes what no path came to, and then compiles function by function. The address of a
 * function that was removed then leads into whatever has moved there.
 */
#include "verify/env.h"

static bool fixup_is_dead(const struct env *env, uint32_t insn)
{
	if (insn && env->insns[insn - 1].code == (BPF_LD | BPF_IMM | BPF_DW) &&
	    env->aux[insn].id == ISA_COUNT)
		insn--;
	return !(env->aux[insn].flags & (AUX_SEEN | AUX_SEEN_SPECULATIVE));
}

/* A function whose code is left begins there, when `insn` is counted without what is removed. */
static bool fixup_is_function(const struct env *env, uint32_t insn)
{
	uint32_t at = 0, sub = 0;

	for (uint32_t i = 0; i < env->n_insns; i++) {
		while (sub + 1 < env->n_subs && env->subs[sub + 1].start <= i)
			sub++;
		if (fixup_is_dead(env, i))
			continue;
		if (at == insn && env->subs[sub].start == i)
			return true;
		at++;
	}
	return false;
}

/* Where the address at `from` leads when one stretch of dead code after the other was removed. */
static uint32_t fixup_target(const struct env *env, uint32_t from, uint32_t to)
{
	uint32_t removed = 0, i = 0;

	while (i < env->n_insns) {
		uint32_t begin = i - removed, len = 0;

		while (i < env->n_insns && fixup_is_dead(env, i)) {
			i++;
			len++;
		}
		if (from >= begin + len)
			from -= len;
		if (to >= begin + len)
			to -= len;
		removed += len;
		i++;
	}
	return to;
}

/* Addresses of functions that no path came to. Alone, the main program is compiled as it is. */
static int fixup_functions(struct env *env)
{
	uint32_t live = 0;

	for (uint32_t s = 0; s < env->n_subs; s++)
		live += !fixup_is_dead(env, env->subs[s].start);
	if (live < 2 || live == env->n_subs || !env->bpf_capable)
		return 0;
	for (uint32_t i = 0; i < env->n_insns; i++) {
		uint32_t to;

		if (env->aux[i].id != ISA_LD_FUNC || fixup_is_dead(env, i))
			continue;
		to = i + 1 + (uint32_t)env->insns[i].imm;
		if (!fixup_is_dead(env, to))
			continue;
		to = fixup_target(env, i, to);
		if (fixup_is_function(env, to))
			continue;
		env->at = i;
		return env_fail(env, -EFAULT, REASON_CALLBACK,
				"verifier bug: No program to jit at insn %u (subprog < 0)", to);
	}
	return 0;
}

/* Those who may not see pointers make maps whose users must check indices themselves: for that a
 * tail call has to know its map. */
static int fixup_tail_calls(struct env *env)
{
	for (uint32_t i = 0; !env->bypass_spec_v1 && i < env->n_insns; i++)
		if (env->aux[i].id == ISA_CALL_HELPER && env->aux[i].map == MAP_POISON &&
		    env->insns[i].imm == BPF_FUNC_tail_call) {
			env->at = i;
			return env_fail(env, -EINVAL, REASON_SPECULATION,
					"tail_call abusing map_ptr");
		}
	return 0;
}

int fixup_check(struct env *env)
{
	int err = fixup_tail_calls(env);

	return err ? err : fixup_functions(env);
}
