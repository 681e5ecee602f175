/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/fastcall.c - calls that preserve registers (bpf_fastcall), as compilers write them.
 *
 * Around a call of a function that is known to clobber only some registers the compiler spills
 * the others, so that the program runs on older kernels, too:
 *
 *      *(u64 *)(r10 - 16) = r2      slots below all others, one after the other
 *      *(u64 *)(r10 - 8) = r1
 *      call f
 *      r1 = *(u64 *)(r10 - 8)
 *      r2 = *(u64 *)(r10 - 16)
 *
 * Where the kernel preserves the registers it removes these, and the stack that only they use:
 * then the function needs less of it. stack.c takes that back if something else uses it.
 */
#include "verify/env.h"

#define SCRATCH_REGS 0x3f /* r0-r5 */

static bool fastcall_pair(const struct bpf_insn *store, const struct bpf_insn *load, int off)
{
	return store->code == (BPF_STX | BPF_MEM | BPF_DW) && store->dst_reg == BPF_REG_10 &&
	       load->code == (BPF_LDX | BPF_MEM | BPF_DW) && load->src_reg == BPF_REG_10 &&
	       store->src_reg == load->dst_reg && store->off == off && load->off == off;
}

/* Registers that the call would clobber if it did no more than its prototype says. */
static bool fastcall_clobbers(struct env *env, uint32_t i, uint32_t *mask, bool *fast)
{
	uint32_t traits = 0;
	int n_args = -1;

	if (env->aux[i].id == ISA_CALL_HELPER)
		call_traits(env, (uint32_t)env->insns[i].imm, &traits, &n_args);
	else if (env->aux[i].id == ISA_CALL_KFUNC)
		kfunc_traits(env, i, &traits, &n_args);
	if (n_args < 0)
		return false;
	*mask = ((2u << n_args) - 2) | !!(traits & CALL_RETURNS);
	*fast = traits & CALL_FASTCALL;
	return true;
}

static void fastcall_call(struct env *env, struct subprog *sub, uint32_t at, int lowest)
{
	uint32_t clobbered, spilled, n = 1;
	int off = lowest;
	bool fast;

	if (!fastcall_clobbers(env, at, &clobbered, &fast))
		return;
	spilled = SCRATCH_REGS & ~clobbered;
	for (; n <= 6 && n <= at && at + n < env->n_insns; n++, off += SLOT_BYTES) {
		uint32_t reg = 1u << env->insns[at - n].src_reg;

		if (!fastcall_pair(&env->insns[at - n], &env->insns[at + n], off) ||
		    !(spilled & reg))
			break;
		spilled &= ~reg;
		env->aux[at - n].flags |= AUX_FASTCALL;
		env->aux[at + n].flags |= AUX_FASTCALL;
	}
	if (n == 1)
		return;
	if (fast)
		env->aux[at].fastcall_slots = (uint16_t)(n - 1);
	else
		sub->keep_fastcall_stack = true;
	sub->fastcall_stack_off = MAX(sub->fastcall_stack_off, (uint32_t)-off);
}

void fastcall_mark(struct env *env)
{
	for (uint32_t s = 0; s < env->n_subs; s++) {
		struct subprog *sub = &env->subs[s];
		int lowest = 0;

		for (uint32_t i = sub->start; i < sub->end; i++)
			if (env->insns[i].code == (BPF_STX | BPF_MEM | BPF_DW) &&
			    env->insns[i].dst_reg == BPF_REG_10)
				lowest = MIN(lowest, env->insns[i].off);
		for (uint32_t i = sub->start; i < sub->end; i++)
			if (env->insns[i].code == (BPF_JMP | BPF_CALL))
				fastcall_call(env, sub, i, lowest);
	}
}
