/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/flow.c - where blocks of instructions begin, and which registers they read.
 *
 * For the whole program at once: what a call reads is what the function called reads first.
 */
#include <errno.h>
#include <stdlib.h>

#include "jit/build.h"

static bool flow_is_code(const struct verified *v, uint32_t i)
{
	return v->facts[i].id != ISA_COUNT && !(v->facts[i].flags & VERIFIED_DEAD);
}

uint32_t jit_helper_args(const struct helper *desc)
{
	uint32_t n = 0;

	if (!desc)
		return 5;
	while (n < 5 && desc->args[n] != ARG_NONE)
		n++;
	return n;
}

static struct isa_use flow_call(const struct jit_flow *flow, uint32_t i)
{
	const struct jit_program *p = flow->p;
	const struct bpf_insn *insn = &p->code->insns[i];
	const struct helper *desc = NULL;

	if (p->code->facts[i].id == ISA_CALL_LOCAL)
		return (struct isa_use){flow->live[i + 1 + (uint32_t)insn->imm] & 0x3e, 1};
	p->helper(p->user, (uint32_t)insn->imm, &desc);
	return (struct isa_use){(uint16_t)((2u << jit_helper_args(desc)) - 2), 1};
}

static struct isa_use flow_use(const struct jit_flow *flow, uint32_t i)
{
	const struct bpf_insn *insn = &flow->p->code->insns[i];
	int id = flow->p->code->facts[i].id;

	switch (isa_table[id].form) {
	case ISA_FORM_CALL:
		return flow_call(flow, i);
	case ISA_FORM_CALLX:
		return (struct isa_use){(uint16_t)(1 << insn->dst_reg | 0x3e), 1};
	case ISA_FORM_JCOND:
		return (struct isa_use){1 << VAR_MAY_GOTO, 1 << VAR_MAY_GOTO};
	case ISA_FORM_EXIT:
		return (struct isa_use){1, 0};
	default:
		return isa_use(insn, id);
	}
}

static void flow_leaders(struct jit_flow *flow)
{
	const struct verified *v = flow->p->code;

	for (uint32_t s = 0; s < v->n_subprogs; s++) {
		flow->leader[v->subprogs[s].start] = 1;
		flow->subprog[v->subprogs[s].start] = s;
	}
	for (uint32_t i = 0; i < v->n_insns; i += (uint32_t)isa_slots(&v->insns[i])) {
		int64_t delta;

		/* Behind a call that never returns. */
		if (!flow_is_code(v, i)) {
			flow->leader[i] = 1;
			continue;
		}
		if (isa_jump(&v->insns[i], &delta)) {
			flow->leader[i + 1 + delta] = 1;
			flow->leader[i + 1] = 1;
		} else if (v->facts[i].id == ISA_EXIT) {
			flow->leader[i + 1] = 1;
		}
	}
}

/* Registers read from instruction i on, given what is read behind it. */
static uint16_t flow_before(const struct jit_flow *flow, uint32_t i, uint16_t after)
{
	struct isa_use use = flow_use(flow, i);

	return (uint16_t)((after & ~use.writes) | use.reads);
}

/* What is read where control goes from the last instruction of a block. */
static uint16_t flow_after(const struct jit_flow *flow, uint32_t i)
{
	const struct verified *v = flow->p->code;
	int64_t delta;
	uint16_t live = 0;

	if (v->facts[i].id == ISA_EXIT)
		return 0;
	if (!isa_jump(&v->insns[i], &delta))
		return flow->live[i + 1];
	live = flow->live[i + 1 + delta];
	if (isa_table[v->facts[i].id].form != ISA_FORM_JA &&
	    isa_table[v->facts[i].id].form != ISA_FORM_JA32)
		live |= flow->live[i + 1];
	return live;
}

static void flow_liveness(struct jit_flow *flow)
{
	const struct verified *v = flow->p->code;
	bool again = true;

	while (again) {
		uint16_t live = 0;

		again = false;
		for (uint32_t i = v->n_insns; i-- > 0;) {
			if (!flow_is_code(v, i)) {
				if (flow->leader[i])
					live = 0;
				continue;
			}
			/* The last one of its block? The second half of a long one is none. */
			if (flow->leader[i + (uint32_t)isa_slots(&v->insns[i])])
				live = isa_slots(&v->insns[i]) == 2
					       ? flow->live[i + 2]
					       : flow_after(flow, i);
			live = flow_before(flow, i, live);
			if (flow->leader[i] && live != flow->live[i]) {
				flow->live[i] = live;
				again = true;
			}
		}
	}
}

int jit_flow_new(const struct jit_program *p, struct ir_func *f, struct jit_flow *flow)
{
	uint32_t n = p->code->n_insns + 2;

	flow->p = p;
	flow->leader = jit_alloc(f->arena, n);
	flow->subprog = jit_alloc(f->arena, n * sizeof(*flow->subprog));
	flow->live = jit_alloc(f->arena, n * sizeof(*flow->live));
	if (!flow->leader || !flow->subprog || !flow->live)
		return -ENOMEM;
	flow_leaders(flow);
	flow_liveness(flow);
	return 0;
}
