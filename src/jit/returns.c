/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/returns.c - a block that does nothing but return is put where the jumps to it are.
 *
 * Compilers end a function in one place. A return is shorter than a jump to one, and its value
 * need not be brought to where the others are.
 */
#include "jit/pass.h"

/* Only phis, of which one is returned and is used for nothing else, or something from elsewhere. */
static bool returns_only(const struct ir_block *b)
{
	const struct ir_node *n = b->first;

	while (n->op == IR_PHI) {
		if (n != b->last->arg[0] || n->uses != 1)
			return false;
		n = n->next;
	}
	return n->op == IR_RETURN;
}

bool jit_returns(struct ir_func *f)
{
	bool changed = false;

	for (uint32_t i = 0, n = f->n_order; i < n && !f->failed; i++) {
		struct ir_block *b = f->order[i];

		if (b->last->op != IR_RETURN || b->n_preds < 2 || !returns_only(b))
			continue;
		for (uint32_t k = b->n_preds; k-- > 0 && !f->failed;) {
			struct ir_block *from = b->preds[k];
			struct ir_node *value = b->last->arg[0];

			if (value->op == IR_PHI && value->block == b)
				value = value->arg[k];
			if (from->last->op == IR_BRANCH && from->succ[0] != from->succ[1]) {
				from = ir_edge_split(f, from, from->succ[1] == b);
				changed = true;
			}
			if (from->last->op != IR_JUMP || f->failed)
				continue;
			from->last->op = IR_RETURN;
			from->last->n_args = 1;
			from->last->arg[0] = value;
			from->n_succ = 0;
			ir_pred_remove(b, k);
			changed = true;
		}
	}
	return changed;
}
