/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/phi.c - drops phis whose arguments are all the same value, or themselves.
 *
 * One that goes may make others go: passes over the rest until none does. The first one goes from
 * the end, as loops in loops are dropped from the inside; a few are enough for what programs look
 * like, and one that stays does no harm.
 */
#include "jit/pass.h"

/* The only value besides itself, or NULL. */
static struct ir_node *phi_value(struct ir_node *phi)
{
	struct ir_node *value = NULL;

	for (uint32_t k = 0; k < phi->n_args; k++) {
		struct ir_node *arg = ir_same(phi->arg[k]);

		phi->arg[k] = arg;
		if (arg == phi || arg == value)
			continue;
		if (value && !(ir_is_const(value) && ir_is_const(arg) && value->imm == arg->imm))
			return NULL;
		value = arg;
	}
	return value;
}

/* Equal constants from several places: one of its own, behind the phis. */
static void phi_become_const(struct ir_node *n, int64_t imm)
{
	struct ir_node *at = n->next;

	while (at->op == IR_PHI)
		at = at->next;
	ir_remove(n);
	n->op = IR_CONST;
	n->imm = imm;
	n->n_args = 0;
	ir_insert_before(at, n);
}

static bool phis_of(struct ir_block *b)
{
	struct ir_node *next;
	bool dropped = false;

	for (struct ir_node *n = b->first; n && n->op == IR_PHI; n = next) {
		struct ir_node *value = phi_value(n);

		next = n->next;
		if (!value)
			continue;
		if (ir_is_const(value) && !ir_dominates(value->block, n->block)) {
			phi_become_const(n, value->imm);
			continue;
		}
		n->same = value;
		ir_remove(n);
		dropped = true;
	}
	return dropped;
}

#define PHI_PASSES 16

void jit_phis(struct ir_func *f)
{
	bool again = true;

	for (uint32_t pass = 0; again && pass < PHI_PASSES; pass++) {
		again = false;
		for (uint32_t i = 0; i < f->n_order; i++)
			again |= phis_of(f->order[pass & 1 ? i : f->n_order - 1 - i]);
	}
}
