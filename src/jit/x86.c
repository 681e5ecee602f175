/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/x86.c - x86-64: what one instruction can do, and what it does to registers.
 *
 * `how` of a node says which instruction it becomes where there is a choice.
 */
#include "jit/x86.h"

#include <string.h>

/* ---- what may become part of the user -----------------------------------------------------------
 */

static bool fits32(int64_t v)
{
	return v == (int32_t)v;
}

/* The k-th argument of n, a number, can be an immediate. */
static bool imm_fits(const struct ir_node *n, uint32_t k)
{
	int64_t v = n->arg[k]->imm;

	switch (n->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_MUL:
		return k == 1 && (!n->wide || fits32(v));
	case IR_BRANCH:
		return k == 1 && (!n->wide || fits32(v));
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL:
		return k == 1;
	case IR_STORE:
		return k == 1 && (n->size < 8 || fits32(v));
	case IR_ATOMIC:
		return k == 1 && !n->fetch && n->cond != A_XCHG && (!n->wide || fits32(v));
	default:
		return false;
	}
}

/* ---- addresses
 * ------------------------------------------------------------------------------------ */

/* base + (index << 0..3): both parts in registers. */
static bool is_scaled(const struct ir_node *n)
{
	return n->op == IR_SHL && n->wide && ir_is_const(n->arg[1]) && n->arg[1]->imm >= 1 &&
	       n->arg[1]->imm <= 3;
}

#define MAX_ADDRESSES 4

static void select_address(struct ir_node *n)
{
	struct ir_node *a = n->arg[0];

	if (a->op != IR_ADD || !a->wide || ir_is_const(a->arg[1]) || a->block != n->block)
		return;
	/* If all that it is for is to be an address, each of its users can compute it. */
	if (a->uses > MAX_ADDRESSES || a->uses != a->accesses)
		return;
	if (a->folded)
		return;
	a->folded = true;
	for (int k = 0; k < 2; k++)
		if (is_scaled(a->arg[k]) && a->arg[k]->uses == 1 && a->arg[k]->block == n->block &&
		    !a->arg[!k]->folded) {
			a->arg[k]->folded = true;
			break;
		}
}

/* Of (x + y) + number in a loop, a load comes last: the address unit takes longer for three than for
 * two, and the other two are there before. */
static bool select_late(struct ir_node *n)
{
	struct ir_node *a = n->arg[0], *number = n->arg[1];
	int late = a->arg[1]->op == IR_LOAD;

	if (!n->block->depth || a->arg[late]->op != IR_LOAD || a->arg[!late]->op == IR_LOAD)
		return false;
	n->arg[0] = a;
	n->arg[1] = a->arg[late];
	a->arg[0] = a->arg[!late];
	a->arg[1] = number;
	a->wide = n->wide;
	a->bits = 64;
	return true;
}

/* (x + y) + number is what the address unit computes at once. */
static bool select_sum(struct ir_node *n)
{
	struct ir_node *a = n->arg[0];

	if (!n->arg[1]->folded || a->op != IR_ADD || a->uses != 1 || a->block != n->block ||
	    a->folded || (n->wide && !a->wide) || ir_is_const(a->arg[1]))
		return false;
	if (select_late(n))
		return true;
	a->folded = true;
	return true;
}

/* ---- loads as operands
 * ---------------------------------------------------------------------------------- */

/* The load can happen as late as at n: nothing that it could notice lies between. */
static bool load_moves(const struct ir_node *l, const struct ir_node *n)
{
	return l->op == IR_LOAD && l->uses == 1 && !l->folded && l->block == n->block &&
	       !l->ordered && l->epoch == n->epoch;
}

static void select_load_operand(struct ir_node *n)
{
	uint8_t size = n->wide ? 8 : 4;
	struct ir_node *y;

	if (n->n_args < 2)
		return;
	if (ir_flags[n->op] & IR_IS_COMM && !load_moves(n->arg[1], n) && load_moves(n->arg[0], n) &&
	    n->arg[0]->size == size && !ir_is_const(n->arg[1])) {
		y = n->arg[0];
		n->arg[0] = n->arg[1];
		n->arg[1] = y;
	}
	y = n->arg[1];
	if (load_moves(y, n) && y->size == size && n->arg[0] != y)
		y->folded = true;
}

/* The left side of a comparison with a number can stay in memory, at its own width. */
static void select_compare(struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	uint8_t size = n->wide ? 8 : 4;

	if (!ir_is_const(y)) {
		if (load_moves(y, n) && y->size == size && x != y)
			y->folded = true;
		else if (load_moves(x, n) && x->size == size && x != y)
			x->folded = true;
		return;
	}
	if (!y->folded || !load_moves(x, n) || x->sign)
		return;
	if (x->size == size) {
		x->folded = true;
	} else if (x->size < size && (n->cond <= C_GT || n->cond >= C_SET) && y->imm >= 0 &&
		   jit_bits((uint64_t)y->imm) <= x->size * 8u) {
		x->folded = true;
		n->how = X_NARROW;
	}
}

/* The load is of what the store replaces, and can happen there. A constant address has a register
 * of its own by now, where the store is concerned. */
static bool load_is_of(const struct ir_node *l, const struct ir_node *store)
{
	return load_moves(l, store) && l->imm == store->imm && l->size == store->size &&
	       (l->arg[0] == store->arg[0] || l->arg[0]->copy == store->arg[0]);
}

/* What was there, an operation, and back there: in memory. What is not stored does not matter, so
 * neither do extensions of the load. */
static void select_modify(struct ir_node *n)
{
	struct ir_node *op = n->arg[1], *l, *other;

	if (n->ordered || op->folded || op->uses != 1 || op->block != n->block ||
	    (n->size == 8 && !op->wide) ||
	    !(op->op == IR_ADD || op->op == IR_SUB || op->op == IR_AND || op->op == IR_OR ||
	      op->op == IR_XOR))
		return;
	l = op->arg[0];
	other = op->arg[1];
	if (op->op != IR_SUB && !load_is_of(l, n)) {
		l = op->arg[1];
		other = op->arg[0];
	}
	if (!load_is_of(l, n))
		return;
	op->arg[0] = l;
	op->arg[1] = other;
	op->folded = l->folded = true;
	n->how = X_MODIFY;
}

/* ---- the walk
 * --------------------------------------------------------------------------------------------------
 */

static void x86_select(struct ir_node *n, const struct jit_program *p)
{
	(void)p;
	switch (n->op) {
	case IR_STORE:
		select_address(n);
		select_modify(n);
		break;
	case IR_LOAD:
	case IR_ATOMIC:
		select_address(n);
		break;
	case IR_ADD:
		if (!select_sum(n))
			select_load_operand(n);
		break;
	case IR_SUB:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_MUL:
		select_load_operand(n);
		break;
	case IR_BRANCH:
		select_compare(n);
		break;
	default:
		break;
	}
}

/* ---- what instructions do to registers
 * ------------------------------------------------------------------------ */

static void rules_call(const struct ir_node *n, struct jit_rules *r)
{
	r->clobbers = X_CALL_CLOBBERS;
	r->result = X_RAX;
	if (n->op == IR_CALL) {
		r->wish[1] = X_R9;
		for (uint32_t a = 2; a < n->n_args && a < ARRAY_SIZE(r->wish); a++)
			r->wish[a] = (int8_t)jit_x86.args[a - 2];
		/* The sixth argument is the run, if the function has that many; C functions with
		 * fewer do not mind. */
	} else if (n->op == IR_CALLSUB) {
		r->wish[0] = X_R9;
		for (uint32_t a = 1; a < n->n_args && a < ARRAY_SIZE(r->wish); a++)
			r->wish[a] = (int8_t)jit_x86.args[a - 1];
	}
}

static void x86_rules(const struct ir_node *n, const struct jit_program *p, struct jit_rules *r)
{
	switch (n->op) {
	case IR_PARAM:
		r->result = (int8_t)jit_x86.args[n->imm];
		break;
	case IR_UDIV:
	case IR_SDIV:
	case IR_UMOD:
	case IR_SMOD:
		r->clobbers = 1u << X_RAX | 1u << X_RDX;
		r->late = r->clobbers;
		r->late_but = n->arg[0] != n->arg[1];
		r->result = n->op == IR_UDIV || n->op == IR_SDIV ? X_RAX : X_RDX;
		break;
	case IR_MULHU:
		r->clobbers = p->features & JIT_BMI2 ? 1u << X_RDX : 1u << X_RAX | 1u << X_RDX;
		r->late = r->clobbers;
		r->late_but = n->arg[0] != n->arg[1];
		r->wish[0] = X_RDX;
		break;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
		if (!ir_is_const(n->arg[1]) && !(p->features & JIT_BMI2)) {
			r->clobbers = 1u << X_RCX;
			r->late = r->clobbers;
			r->late_but = n->arg[0] != n->arg[1] ? 2 : 0;
			r->not_result = r->clobbers;
			r->wish[1] = X_RCX;
			r->early = true;
		}
		break;
	case IR_ATOMIC:
		if (n->cond == A_CMPXCHG) {
			r->clobbers = r->late = 1u << X_RAX;
			r->result = X_RAX;
		} else if (n->fetch && n->cond != A_ADD && n->cond != A_XCHG) {
			r->clobbers = r->late = r->not_result = 1u << X_RAX;
			r->early = true;
		} else {
			r->early = n->fetch;
		}
		break;
	case IR_SWITCH:
		r->clobbers = r->late = 1u << X_RAX | 1u << X_RDX;
		break;
	case IR_CALL:
	case IR_CALLSUB:
		rules_call(n, r);
		break;
	case IR_TAIL:
		r->clobbers = X_CALL_CLOBBERS;
		if (n->n_args == 4) { /* the number of calls is read first */
			r->late = 1u << X_RAX | 1u << X_RCX | 1u << X_RDX;
			for (uint32_t a = 0, k = 0; a < 4; k += !n->arg[a++]->folded)
				r->late_but = 1u << k;
			r->wish[0] = X_R9;
			r->wish[3] = X_RDX;
		} else { /* the run is needed behind the call */
			r->late = X_CALL_CLOBBERS;
			r->late_but = n->arg[0]->folded ? 0 : ~1u;
		}
		break;
	case IR_RETURN:
		r->wish[0] = X_RAX;
		break;
	default:
		break;
	}
}

const struct jit_target jit_x86 = {
	.registers = 0xffff & ~(1u << X_RSP),
	.scratch = 1u << X_R10 | 1u << X_R11,
	.saved = X_SAVED,
	.order = {X_RAX, X_RCX, X_RDX, X_RSI, X_RDI, X_R8, X_R9, X_R10, X_R11, X_RBX, X_RBP, X_R12,
		  X_R13, X_R14, X_R15},
	.n_order = 15,
	.indexed = true,
	.args = {X_RDI, X_RSI, X_RDX, X_RCX, X_R8, X_R9},
	.imm_fits = imm_fits,
	.select = x86_select,
	.rules = x86_rules,
	.frame = x86_frame,
	.batch = x86_batch,
	.block = x86_emit_block,
	.move = x86_move,
	.swap = x86_swap,
	.fixup = x86_fixup,
	.relocate = x86_relocate,
	.form_size = {[JIT_ADDRESS] = 8, [JIT_DISTANCE] = 4, [JIT_DISTANCE_BYTE] = 4},
};
