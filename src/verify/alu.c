/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/alu.c - arithmetic, moves, byte order.
 *
 * Scalars are range.c's. A pointer may be moved by a number: by a known one its constant offset
 * changes, by another its variable one, and packet pointers then begin a new origin (id), since
 * what was verified of the old one says nothing of the new.
 */
#include "verify/env.h"

#define MAX_VAR_OFF (1 << 29)

static const char *op_name(uint8_t op)
{
	static const char *const names[] = {"+=",  "-=",  "*=", "/=", "|=", "&=",   "<<=",
					    ">>=", "neg", "%=", "^=", "=",  "s>>=", "end"};

	return op >> 4 < (int)ARRAY_SIZE(names) ? names[op >> 4] : "?";
}

/* ---- pointers --------------------------------------------------------------------------- */

/* Also of a number that is tied to another one: off is by how much it is above that. */
static bool offset_sane(struct env *env, const struct reg *r, const struct reg *ptr)
{
	int64_t value = (int64_t)r->var.bits.value, smin = r->var.smin;
	char type[64];

	if (smin < MAX_VAR_OFF && smin > -MAX_VAR_OFF && r->off < MAX_VAR_OFF &&
	    r->off > -MAX_VAR_OFF &&
	    !(range_is_const(&r->var) && (value >= MAX_VAR_OFF || value <= -MAX_VAR_OFF)))
		return true;
	reg_type_text(ptr->type, ptr->flags, type, sizeof(type));
	if (range_is_const(&r->var) && (value >= MAX_VAR_OFF || value <= -MAX_VAR_OFF))
		env_fail(env, -EINVAL, REASON_PTR_BOUNDS,
			 "math between %s pointer and %lld is not allowed", type, (long long)value);
	else if (r->off >= MAX_VAR_OFF || r->off <= -MAX_VAR_OFF)
		env_fail(env, -EINVAL, REASON_PTR_BOUNDS, "%s pointer offset %d is not allowed",
			 type, r->off);
	else if (smin == INT64_MIN)
		env_fail(env, -EINVAL, REASON_PTR_BOUNDS,
			 "math between %s pointer and register with unbounded min value is not "
			 "allowed",
			 type);
	else
		env_fail(env, -EINVAL, REASON_PTR_BOUNDS,
			 "value %lld makes %s pointer be out of bounds", (long long)smin, type);
	return false;
}

/* May pointers of that type be moved at all? */
static int pointer_may_move(struct env *env, const struct reg *ptr, const struct reg *by,
			    uint8_t op, int dst)
{
	bool known = range_is_const(&by->var);
	char type[64];

	switch (ptr->type) {
	case R_FLOW_KEYS:
		if (known)
			return 0;
		break;
	case R_CTX:
	case R_MAP_VALUE:
	case R_MAP_KEY:
	case R_STACK:
	case R_PACKET:
	case R_PACKET_META:
	case R_TP_BUFFER:
	case R_BTF_ID:
	case R_MEM:
	case R_BUF:
	case R_FUNC:
	case R_DYNPTR:
		return 0;
	default:
		break;
	}
	/* Nothing happens to the others by adding 0. */
	if ((ptr->type == R_FLOW_KEYS || ptr->type == R_MAP_PTR) && known && !by->var.smin &&
	    op == BPF_ADD)
		return 0;
	return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
			    "R%d pointer arithmetic on %s prohibited", dst,
			    reg_type_text(ptr->type, ptr->flags, type, sizeof(type)));
}

static void range_move(struct range *r, const struct range *ptr, const struct range *by, bool sub)
{
	*r = *ptr;
	if (!sub) {
		if (__builtin_add_overflow(ptr->smin, by->smin, &r->smin) ||
		    __builtin_add_overflow(ptr->smax, by->smax, &r->smax)) {
			r->smin = INT64_MIN;
			r->smax = INT64_MAX;
		}
		if (__builtin_add_overflow(ptr->umin, by->umin, &r->umin) ||
		    __builtin_add_overflow(ptr->umax, by->umax, &r->umax)) {
			r->umin = 0;
			r->umax = UINT64_MAX;
		}
		r->bits = tnum_add(ptr->bits, by->bits);
	} else {
		if (__builtin_sub_overflow(ptr->smin, by->smax, &r->smin) ||
		    __builtin_sub_overflow(ptr->smax, by->smin, &r->smax)) {
			r->smin = INT64_MIN;
			r->smax = INT64_MAX;
		}
		if (ptr->umin < by->umax) {
			r->umin = 0;
			r->umax = UINT64_MAX;
		} else {
			r->umin = ptr->umin - by->umax;
			r->umax = ptr->umax - by->umin;
		}
		r->bits = tnum_sub(ptr->bits, by->bits);
	}
	r->u32_min = 0;
	r->u32_max = UINT32_MAX;
	r->s32_min = INT32_MIN;
	r->s32_max = INT32_MAX;
}

/* regs[dst] = ptr +- by. ptr is a copy: dst may be either of them. */
static int pointer_move(struct env *env, struct reg ptr, struct reg by, bool by_is_dst)
{
	const struct bpf_insn *insn = env_insn(env);
	int dst = insn->dst_reg, err;
	uint8_t op = BPF_OP(insn->code);
	struct reg *r = env_reg(env, dst);
	bool known = range_is_const(&by.var), sub = op == BPF_SUB;
	uint64_t by_min = (uint64_t)by.var.smin;
	int64_t off = (int64_t)((uint64_t)(int64_t)ptr.off + (sub ? -by_min : by_min));
	struct speculation spec = {0};
	char type[64];

	if ((known && (by.var.smin != by.var.smax || by.var.umin != by.var.umax)) ||
	    by.var.smin > by.var.smax || by.var.umin > by.var.umax) {
		/* Only on a path that is never taken. */
		reg_set_unknown(env, r);
		return 0;
	}
	if (BPF_CLASS(insn->code) != BPF_ALU64) {
		if (sub && env->allow_ptr_leaks) {
			reg_set_unknown(env, r);
			return 0;
		}
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
				    "R%d 32-bit pointer arithmetic prohibited", dst);
	}
	if (ptr.flags & F_NULL)
		return env_fail_reg(env, -EACCES, REASON_NULL_DEREF, dst,
				    "R%d pointer arithmetic on %s prohibited, null-check it first",
				    dst, reg_type_text(ptr.type, ptr.flags, type, sizeof(type)));
	if (ptr.type == R_MEM && ptr.flags & F_UNTRUSTED) {
		*r = ptr; /* probed at run time: offsets do not count */
		return 0;
	}
	err = pointer_may_move(env, &ptr, &by, op, dst);
	if (err)
		return err;
	if (!offset_sane(env, &by, &ptr) || !offset_sane(env, &ptr, &ptr))
		return -EINVAL;
	err = speculate_move(env, &ptr, &by, by_is_dst, &spec);
	if (err)
		return err;
	*r = ptr;
	/* scalar += pointer: reference and frame do not come along in Linux 6.18. Nothing that runs
	 * here may rely on that: the pointer would outlive its object, or mean another frame's. */
	if (by_is_dst && !env->image->engine)
		r->ref = r->frame = 0;
	/* Nor that a pointer at the packet's end is there after it was moved, as Linux 6.18 has it.
	 */
	if (env->image->engine && ptr.type == R_PACKET && ptr.range < 0)
		r->range = 0;
	switch (op) {
	case BPF_ADD:
		break;
	case BPF_SUB:
		if (by_is_dst)
			return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
					    "R%d tried to subtract pointer from scalar", dst);
		if (ptr.type == R_STACK)
			return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
					    "R%d subtraction from stack pointer prohibited", dst);
		break;
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
				    "R%d bitwise operator %s on pointer prohibited", dst,
				    op_name(op));
	default:
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, dst,
				    "R%d pointer arithmetic with %s operator prohibited", dst,
				    op_name(op));
	}
	if (known && off == (int32_t)off) {
		r->off = (int32_t)off;
	} else {
		range_move(&r->var, &ptr.var, &by.var, sub);
		if (ptr.type == R_PACKET || ptr.type == R_PACKET_META) {
			r->id = env_new_id(env);
			if (!sub || by.var.smin < 0)
				r->raw[0] = r->raw[1] = 0;
		}
	}
	if (!offset_sane(env, r, &ptr))
		return -EINVAL;
	range_sync(&r->var);
	return speculate_moved(env, by_is_dst, &spec);
}

/* ---- scalars ---------------------------------------------------------------------------- */

/* Values that are added a constant stay tied to those that they came from, unless the sum says
 * nothing of them (apart). */
static void scalar_tie(struct env *env, struct reg *dst, const struct range *src, bool apart,
		       uint8_t op, bool alu32)
{
	int64_t delta = alu32 ? (int32_t)src->bits.value : (int64_t)src->bits.value;
	bool known = alu32 ? range_is_const32(src) : range_is_const(src);

	if (op == BPF_SUB)
		delta = (int64_t) - (uint64_t)delta;
	if (env->bpf_capable && (op == BPF_ADD || op == BPF_SUB) && known && !apart && dst->id &&
	    !(dst->id & ID_ADD_CONST) && delta == (int32_t)delta &&
	    !(op == BPF_SUB && delta == -(int64_t)INT32_MIN)) {
		dst->id |= alu32 ? ID_ADD_CONST32 : ID_ADD_CONST64;
		dst->off = (int32_t)delta;
		return;
	}
	dst->off = 0;
	dst->id = 0;
}

/* AND and OR of 0 or -1: both results are followed, since compilers make masks so. */
static int scalar_fork(struct env *env, struct reg *dst, uint8_t op, const struct range *src)
{
	struct range zero;
	struct state *queued;

	if (!range_fork(op, &dst->var, src, &zero))
		return 0;
	/* That one does the instruction again. */
	queued = explore_push(env, env->insn, env->insn, false);
	if (!queued)
		return env->err;
	state_regs(queued)[env_insn(env)->dst_reg].var = zero;
	return 0;
}

static int alu_binary(struct env *env, bool by_reg)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg), *src, imm;
	bool alu32 = BPF_CLASS(insn->code) == BPF_ALU, apart;
	uint8_t op = BPF_OP(insn->code);
	int err;

	if (by_reg) {
		src = env_reg(env, insn->src_reg);
	} else {
		src = &imm;
		reg_set_const(env, &imm, (uint64_t)(int64_t)insn->imm);
	}
	if (dst->type == R_ARENA || src->type == R_ARENA) {
		/* 32 bits that wrap around: anything goes. */
		reg_set_unknown(env, dst);
		dst->type = R_ARENA;
		return 0;
	}
	if (reg_is_pointer(src)) {
		if (reg_is_pointer(dst)) {
			if (op == BPF_SUB && env->allow_ptr_leaks) {
				reg_set_unknown(env, dst);
				return 0;
			}
			return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, insn->dst_reg,
					    "R%d pointer %s pointer prohibited", insn->dst_reg,
					    op_name(op));
		}
		err = precise_reg(env, insn->dst_reg);
		return err ? err : pointer_move(env, *src, *dst, true);
	}
	if (reg_is_pointer(dst)) {
		err = by_reg ? precise_reg(env, insn->src_reg) : 0;
		return err ? err : pointer_move(env, *dst, *src, false);
	}
	if (by_reg && dst->precise) {
		err = precise_reg(env, insn->src_reg);
		if (err)
			return err;
	}
	if (op == BPF_AND || op == BPF_OR) {
		err = scalar_fork(env, dst, op, &src->var);
		if (err)
			return err;
	}
	err = speculate_number(env);
	if (err)
		return err;
	imm = *src; /* dst may be src */
	apart = (by_reg && insn->src_reg == insn->dst_reg) || (alu32 && dst->var.umax > UINT32_MAX);
	range_alu(op, insn->off == 1, alu32, &dst->var, &imm.var);
	if (!range_sane(&dst->var))
		range_unbound(&dst->var);
	scalar_tie(env, dst, &imm.var, apart, op, alu32);
	return 0;
}

/* An unknown scalar gets an id when it is copied: what is learnt of one is learnt of both. */
void reg_assign_id(struct env *env, struct reg *r)
{
	if (r->type != R_SCALAR)
		return;
	if (r->id & ID_ADD_CONST) {
		r->id = 0;
		r->off = 0;
	}
	if (!r->id && !range_is_const(&r->var))
		r->id = env_new_id(env);
}

/* From the arena's addresses to the kernel's (1), or back. */
int alu_may_cast(struct env *env)
{
	uint32_t between = (uint32_t)env_insn(env)->imm;

	if (between != 1 && between != 1U << 16)
		return env_fail(env, -EINVAL, REASON_BAD_INSN,
				"addr_space_cast insn can only convert between address space 1 and "
				"0");
	if (!env->arena)
		return env_fail(env, -EINVAL, REASON_ARENA,
				"addr_space_cast insn can only be used in a program that has an "
				"associated arena");
	return 0;
}

static void alu_cast(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg);

	reg_set_unknown(env, dst);
	if (insn->imm == 1)
		dst->type = R_ARENA;
}

static int alu_move_reg(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg), *src = env_reg(env, insn->src_reg);
	bool alu32 = BPF_CLASS(insn->code) == BPF_ALU;
	int bits = insn->off ? insn->off : alu32 ? 32 : 64;
	bool same;

	if (bits == 64) {
		reg_assign_id(env, src);
		*dst = *src;
		return 0;
	}
	if (reg_is_pointer(src)) {
		if (!env->allow_ptr_leaks)
			return env_fail_reg(env, -EACCES, REASON_PTR_LEAK, insn->src_reg,
					    insn->off ? "R%d sign-extension part of pointer"
						      : "R%d partial copy of pointer",
					    insn->src_reg);
		reg_set_unknown(env, dst);
		if (alu32)
			range_zext32(&dst->var);
		return 0;
	}
	/* Does the copy have the value of the original? */
	same = insn->off ? src->var.umax < UINT64_C(1) << (bits - 1) : src->var.umax <= UINT32_MAX;
	if (same)
		reg_assign_id(env, src);
	*dst = *src;
	if (!same)
		dst->id = 0;
	if (insn->off)
		range_sext(&dst->var, bits / 8, alu32);
	else
		range_zext32(&dst->var);
	return 0;
}

static int alu_unary(struct env *env, int form)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg);

	if (reg_leaks(env, dst))
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, insn->dst_reg,
				    "R%d pointer arithmetic prohibited", insn->dst_reg);
	if (dst->type != R_SCALAR) {
		reg_set_unknown(env, dst);
		return 0;
	}
	if (form == ISA_FORM_UNARY)
		range_alu(BPF_NEG, false, BPF_CLASS(insn->code) == BPF_ALU, &dst->var, &dst->var);
	else
		range_end(&dst->var, BPF_CLASS(insn->code) == BPF_ALU64,
			  BPF_SRC(insn->code) == BPF_TO_BE, insn->imm);
	dst->id = 0;
	dst->off = 0;
	return 0;
}

int alu_insn(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	int form = isa_table[env_aux(env)->id].form, err = 0;
	bool move = BPF_OP(insn->code) == BPF_MOV &&
		    (form == ISA_FORM_ALU_RR || form == ISA_FORM_ALU_RI || form == ISA_FORM_CAST);

	if (form == ISA_FORM_CAST)
		err = alu_may_cast(env);
	if (!err && (form == ISA_FORM_ALU_RR || form == ISA_FORM_CAST))
		err = reg_read(env, insn->src_reg);
	if (!err && !move)
		err = reg_read(env, insn->dst_reg);
	if (!err)
		err = reg_write(env, insn->dst_reg);
	if (err)
		return err;
	if (form == ISA_FORM_UNARY || form == ISA_FORM_END)
		return alu_unary(env, form);
	if (form == ISA_FORM_CAST) {
		alu_cast(env);
		return 0;
	}
	if (move && form == ISA_FORM_ALU_RR)
		return alu_move_reg(env);
	if (move) {
		reg_set_const(env, env_reg(env, insn->dst_reg),
			      BPF_CLASS(insn->code) == BPF_ALU64 ? (uint64_t)(int64_t)insn->imm
								 : (uint32_t)insn->imm);
		return 0;
	}
	return alu_binary(env, form == ISA_FORM_ALU_RR);
}
