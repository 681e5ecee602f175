/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/arm64.c - arm64: what one instruction can do, and what it does to registers.
 *
 * `how` of a node says which of its arguments are part of its instruction, and in what form.
 * Arguments that are folded have no other user and are in the same block.
 */
#include "jit/arm64.h"

/* ---- numbers --------------------------------------------------------------------------------- */

unsigned arm64_times(const struct ir_node *n)
{
	uint64_t v = (uint64_t)n->arg[1]->imm & jit_mask(n->wide ? 64 : 32);

	return ir_is_const(n->arg[1]) && v > 2 && !((v - 1) & (v - 2)) ? jit_bits(v - 1) - 1u : 0;
}

bool arm64_compare(const struct ir_node *n, enum ir_cond *cond, uint64_t *imm)
{
	uint64_t mask = jit_mask(n->wide ? 64 : 32), v = (uint64_t)n->arg[1]->imm & mask, top;
	bool after = n->cond == C_LE || n->cond == C_GT || n->cond == C_SLE || n->cond == C_SGT;

	*cond = n->cond;
	*imm = v;
	if (arm64_imm_fits(v) || arm64_imm_fits((0 - v) & mask))
		return true;
	if (n->cond < C_LT || n->cond > C_SGT)
		return false;
	/* x > v is x >= v + 1, x < v is x <= v - 1, unless that is beyond the end. */
	top = n->cond >= C_SLT ? mask >> 1 : mask;
	if (v == (after ? top : (top + 1) & mask))
		return false;
	v = (after ? v + 1 : v - 1) & mask;
	*imm = v;
	*cond = (enum ir_cond)(n->cond ^ (n->cond >= C_SLT ? C_SLT ^ C_SLE : C_LT ^ C_LE));
	return arm64_imm_fits(v) || arm64_imm_fits((0 - v) & mask);
}

/* The k-th argument of n, a number, can be an immediate. */
static bool imm_fits(const struct ir_node *n, uint32_t k)
{
	uint64_t mask = jit_mask(n->wide ? 64 : 32), v = (uint64_t)n->arg[k]->imm & mask;
	enum ir_cond cond;

	if (k != 1)
		return false;
	switch (n->op) {
	case IR_ADD:
	case IR_SUB:
		return v < 1 << 24 || ((0 - v) & mask) < 1 << 24;
	case IR_AND:
	case IR_OR:
		return arm64_mask_fits(n->wide, v);
	case IR_XOR:
		return v == mask || arm64_mask_fits(n->wide, v);
	case IR_BRANCH:
		return n->cond >= C_SET ? arm64_mask_fits(n->wide, v) : arm64_compare(n, &cond, &v);
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL:
		return true;
	case IR_MUL:
		return arm64_times(n) != 0;
	case IR_STORE:
		return !((uint64_t)n->arg[1]->imm & jit_mask(n->size * 8u));
	default:
		return false;
	}
}

/* ---- what may become part of the user -------------------------------------------------------- */

static bool may_fold(const struct ir_node *a, const struct ir_node *n)
{
	return a->uses == 1 && a->block == n->block && !a->folded;
}

static bool is_shift(const struct ir_node *a)
{
	return (a->op == IR_SHL || a->op == IR_SHR || a->op == IR_SAR || a->op == IR_ROL) &&
	       ir_is_const(a->arg[1]);
}

static unsigned shift_of(const struct ir_node *a)
{
	return (unsigned)a->arg[1]->imm & (a->wide ? 63 : 31);
}

/* An extension to 64 bits. */
static bool is_extension(const struct ir_node *a)
{
	return (a->op == IR_ZEXT || (a->op == IR_SEXT && a->wide)) && a->size < 8;
}

static bool fits_shifted(const struct ir_node *n, const struct ir_node *a)
{
	if (!is_shift(a) || !may_fold(a, n))
		return false;
	if (a->op == IR_ROL && (n->op == IR_ADD || n->op == IR_SUB || n->op == IR_NEG ||
				(n->op == IR_BRANCH && n->cond < C_SET)))
		return false;
	return a->wide == n->wide || (a->op == IR_SHL && !n->wide && shift_of(a) < 32);
}

static bool fits_extended(const struct ir_node *n, const struct ir_node *a)
{
	if (!n->wide || !may_fold(a, n) ||
	    !(n->op == IR_ADD || n->op == IR_SUB || (n->op == IR_BRANCH && n->cond < C_SET)))
		return false;
	if (a->op == IR_SHL && a->wide && ir_is_const(a->arg[1]) && shift_of(a) <= 4)
		return is_extension(a->arg[0]) && may_fold(a->arg[0], n);
	return is_extension(a);
}

static bool fits_product(const struct ir_node *n, const struct ir_node *a)
{
	return a->op == IR_MUL && a->wide == n->wide && may_fold(a, n) && !arm64_times(a) &&
	       (n->op == IR_ADD || n->op == IR_SUB || n->op == IR_NEG);
}

static bool fits_not(const struct ir_node *n, const struct ir_node *a)
{
	uint64_t mask = jit_mask(n->wide ? 64 : 32);

	return a->op == IR_XOR && ir_is_const(a->arg[1]) && a->wide == n->wide && may_fold(a, n) &&
	       ((uint64_t)a->arg[1]->imm & mask) == mask &&
	       (n->op == IR_AND || n->op == IR_OR || n->op == IR_XOR);
}

static enum arm64_how how_operand(const struct ir_node *n, const struct ir_node *a)
{
	if (fits_extended(n, a))
		return A64_EXTENDED;
	if (fits_shifted(n, a))
		return A64_SHIFTED;
	if (fits_product(n, a))
		return A64_PRODUCT;
	if (fits_not(n, a))
		return A64_NOT;
	return A64_PLAIN;
}

static void fold_operand(struct ir_node *n, struct ir_node *a, enum arm64_how how)
{
	n->how = (uint8_t)how;
	if (how == A64_PLAIN)
		return;
	a->folded = true;
	if (how == A64_EXTENDED && a->op == IR_SHL)
		a->arg[0]->folded = true;
}

/* The last operand, in one of the forms that instructions have for it. */
static void select_operand(struct ir_node *n)
{
	struct ir_node *last = n->arg[n->n_args - 1];
	enum arm64_how how = how_operand(n, last);

	if (how == A64_PLAIN && ir_flags[n->op] & IR_IS_COMM &&
	    !(ir_is_const(last) && last->folded)) {
		how = how_operand(n, n->arg[0]);
		if (how != A64_PLAIN) {
			n->arg[1] = n->arg[0];
			n->arg[0] = last;
			last = n->arg[1];
		}
	}
	fold_operand(n, last, how);
}

/* x << k | y >> width - k: a part of the two in a row. */
static bool select_extract(struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];

	if (!is_shift(x) || !is_shift(y) || x == y || !may_fold(x, n) || !may_fold(y, n) ||
	    x->wide != n->wide || y->wide != n->wide)
		return false;
	if (x->op == IR_SHR) {
		n->arg[0] = y;
		n->arg[1] = x;
		x = n->arg[0];
		y = n->arg[1];
	}
	if (x->op != IR_SHL || y->op != IR_SHR || !shift_of(x) ||
	    shift_of(x) + shift_of(y) != (n->wide ? 64 : 32))
		return false;
	x->folded = y->folded = true;
	n->how = A64_EXTRACT;
	return true;
}

/* ---- fields of bits -------------------------------------------------------------------------- */

/* n = 2^m - 1: m; otherwise 0. */
static unsigned low_mask(uint64_t n)
{
	return n && !(n & (n + 1)) ? jit_bits(n) : 0;
}

/* How many low bits the node keeps of its argument, or 0. */
static unsigned kept_bits(const struct ir_node *n)
{
	if (n->op == IR_ZEXT || n->op == IR_SEXT)
		return n->size < 8 ? n->size * 8u : 0;
	if (n->op == IR_AND && ir_is_const(n->arg[1]))
		return low_mask((uint64_t)n->arg[1]->imm & jit_mask(n->wide ? 64 : 32));
	return 0;
}

/* Low bits of x >> by. */
static bool field_low(const struct ir_node *n, const struct ir_node *in, struct arm64_field *f)
{
	unsigned width = in->wide ? 64 : 32, by, keep = kept_bits(n);

	if ((in->op != IR_SHR && in->op != IR_SAR) || !ir_is_const(in->arg[1]) || !keep)
		return false;
	by = shift_of(in);
	f->immr = by;
	f->imms = MIN(by + keep, width) - 1;
	if (n->op == IR_SEXT) {
		f->wide = n->wide;
		return by + keep <= (n->wide ? width : 32);
	}
	f->wide = in->wide;
	return in->op == IR_SHR || by + keep <= width;
}

/* (x << by) & mask, where the mask has all bits up to its highest one that the shift leaves. */
static bool field_masked(const struct ir_node *n, const struct ir_node *in, struct arm64_field *f)
{
	unsigned width = n->wide ? 64 : 32, by, keep;

	if (n->op != IR_AND || !ir_is_const(n->arg[1]) || in->op != IR_SHL ||
	    !ir_is_const(in->arg[1]) || in->wide != n->wide)
		return false;
	by = shift_of(in);
	keep = low_mask(((uint64_t)n->arg[1]->imm & jit_mask(width)) >> by);
	f->wide = n->wide;
	f->immr = (width - by) & (width - 1);
	f->imms = keep - 1;
	return by && keep;
}

/* (Low bits of x) << by, (some bits of x) >> by. */
static bool field_shifted(const struct ir_node *n, const struct ir_node *in, struct arm64_field *f)
{
	unsigned width = n->wide ? 64 : 32, by, keep = kept_bits(in);

	if (!is_shift(n) || n->op == IR_ROL)
		return false;
	by = shift_of(n);
	if (!by)
		return false;
	f->wide = n->wide;
	if (in->op == IR_SHL && ir_is_const(in->arg[1]) && in->wide == n->wide && n->op != IR_SHL) {
		f->immr = (by - shift_of(in)) & (width - 1);
		f->imms = width - 1 - shift_of(in);
		return true;
	}
	if (!keep || (in->op == IR_SEXT && n->wide && !in->wide))
		return false;
	if (n->op == IR_SHL) {
		f->immr = width - by;
		f->imms = MIN(keep, width - by) - 1;
		return true;
	}
	if (keep > width || by >= keep || (in->op == IR_SEXT) != (n->op == IR_SAR))
		return false;
	f->immr = by;
	f->imms = keep - 1;
	return true;
}

bool arm64_field_of(const struct ir_node *n, struct arm64_field *f)
{
	const struct ir_node *in = n->arg[0];

	f->sign = n->op == IR_SEXT || n->op == IR_SAR || (n->op == IR_SHL && in->op == IR_SEXT);
	return field_low(n, in, f) || field_masked(n, in, f) || field_shifted(n, in, f);
}

static bool select_field(struct ir_node *n)
{
	struct arm64_field f;

	if (!n->arg[0]->n_args || !may_fold(n->arg[0], n) || !arm64_field_of(n, &f))
		return false;
	n->arg[0]->folded = true;
	n->how = A64_FIELD;
	return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* The index of an address in the forms that instructions have for it. */
static void select_index(struct ir_node *n, struct ir_node *a)
{
	for (int k = 1; k >= 0; k--) {
		struct ir_node *index = a->arg[k];
		bool any = false;

		if (index->op == IR_SHL && index->wide && ir_is_const(index->arg[1]) &&
		    may_fold(index, n) && shift_of(index) && 1u << shift_of(index) == n->size) {
			index->folded = any = true;
			index = index->arg[0];
		}
		if (is_extension(index) && index->size == 4 && may_fold(index, n))
			index->folded = any = true;
		if (any) {
			index = a->arg[k];
			a->arg[k] = a->arg[1];
			a->arg[1] = index;
			return;
		}
	}
}

/* The instruction adds two registers if there is no offset. */
static void select_address(struct ir_node *n)
{
	struct ir_node *a = n->arg[0];

	if (n->op == IR_ATOMIC || n->ordered || n->imm || a->op != IR_ADD || !a->wide ||
	    ir_is_const(a->arg[1]) || !may_fold(a, n))
		return;
	a->folded = true;
	select_index(n, a);
}

static void arm64_select(struct ir_node *n, const struct jit_program *p)
{
	(void)p;
	if (n->folded)
		return;
	switch (n->op) {
	case IR_LOAD:
	case IR_STORE:
	case IR_ATOMIC:
		select_address(n);
		break;
	case IR_OR:
	case IR_XOR:
	case IR_ADD:
		if (!select_extract(n))
			select_operand(n);
		break;
	case IR_AND:
		if (!select_field(n))
			select_operand(n);
		break;
	case IR_SUB:
	case IR_NEG:
	case IR_BRANCH:
		select_operand(n);
		break;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ZEXT:
	case IR_SEXT:
		select_field(n);
		break;
	default:
		break;
	}
}

/* ---- what instructions do to registers ------------------------------------------------------- */

static void rules_call(const struct ir_node *n, struct jit_rules *r)
{
	uint32_t first = n->op == IR_CALL ? 2 : 1;

	r->clobbers = A64_CALL_CLOBBERS;
	r->result = A64_X0;
	r->wish[first - 1] = (int8_t)jit_arm64.args[5];
	for (uint32_t a = first; a < n->n_args && a < ARRAY_SIZE(r->wish); a++)
		r->wish[a] = (int8_t)jit_arm64.args[a - first];
}

static void rules_atomic(const struct ir_node *n, const struct jit_program *p, struct jit_rules *r)
{
	if (!(p->features & JIT_LSE)) {
		r->clobbers = A64_RANGE(A64_X12, A64_X15);
		r->early = n->fetch;
	} else {
		r->clobbers = n->cond == A_AND ? 1u << A64_X15 : 0;
		r->early = n->cond == A_CMPXCHG;
	}
	r->late = r->not_result = r->clobbers;
}

static void arm64_rules(const struct ir_node *n, const struct jit_program *p, struct jit_rules *r)
{
	switch (n->op) {
	case IR_PARAM:
		r->result = (int8_t)jit_arm64.args[n->imm];
		break;
	case IR_ATOMIC:
		rules_atomic(n, p, r);
		break;
	case IR_CALL:
	case IR_CALLSUB:
		rules_call(n, r);
		break;
	case IR_TAIL: /* the run is needed behind the call */
		r->clobbers = r->late = A64_CALL_CLOBBERS;
		r->late_but = n->arg[0]->folded ? 0 : ~1u;
		break;
	case IR_RETURN:
		r->wish[0] = A64_X0;
		break;
	default:
		break;
	}
}

const struct jit_target jit_arm64 = {
	.registers = A64_RANGE(A64_X0, A64_X15) | A64_SAVED,
	.scratch = 1u << A64_X15,
	.saved = A64_SAVED,
	.order = {8, 9, 10, 11, 12, 13, 14, 15, 7,  6,	5,  4,	3,
		  2, 1, 0,  19, 20, 21, 22, 23, 24, 25, 26, 27, 28},
	.n_order = 26,
	.args = {0, 1, 2, 3, 4, 5},
	.imm_fits = imm_fits,
	.select = arm64_select,
	.rules = arm64_rules,
	.frame = arm64_frame,
	.block = arm64_emit_block,
	.move = arm64_move,
	.swap = arm64_swap,
	.fixup = arm64_fixup,
	.relocate = arm64_relocate,
	.form_size =
		{[JIT_ADDRESS] = 12, [JIT_DISTANCE] = 4, [JIT_PAGES] = 8, [JIT_ADDRESS_LONG] = 16},
};
