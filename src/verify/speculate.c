/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/speculate.c - arithmetic on pointers by those who must not read kernel memory.
 *
 * A processor may compute with a number that the program never has there, and access memory by
 * it before the mistake is noticed. Linux therefore masks the number that moves a pointer, to what
 * the pointer's bounds allow. One instruction has one mask: what is found on one path must hold
 * on all of them, and it must be known how far the pointer is from the end of its memory. The
 * masked number may be 0 when it should not: that path is followed, too.
 */
#include "verify/mem.h"

/* What an instruction's mask depends on besides its limit. */
enum speculate_state {
	SPECULATE_NUMBER = 1, /* no pointer involved */
	SPECULATE_NEGATIVE = 2,
	SPECULATE_CONSTANT = 4,
	SPECULATE_BY_SRC = 8, /* the number is in the source register, or ... */
	SPECULATE_BY_DST = 16,
};

enum speculate_fault { FAULT_BOUNDS = 1, FAULT_TYPE, FAULT_PATHS, FAULT_LIMIT };

static int speculate_fail(struct env *env, enum speculate_fault fault, bool by_is_dst)
{
	static const char what[] = "pointer arithmetic with it prohibited for !root";
	const struct bpf_insn *insn = env_insn(env);
	const char *op = BPF_OP(insn->code) == BPF_ADD ? "add" : "sub";
	int dst = insn->dst_reg, src = insn->src_reg;

	switch (fault) {
	case FAULT_BOUNDS:
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, by_is_dst ? dst : src,
				    "R%d has unknown scalar with mixed signed bounds, %s",
				    by_is_dst ? dst : src, what);
	case FAULT_TYPE:
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, by_is_dst ? src : dst,
				    "R%d has pointer with unsupported alu operation, %s",
				    by_is_dst ? src : dst, what);
	case FAULT_PATHS:
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, dst,
				    "R%d tried to %s from different maps, paths or scalars, %s",
				    dst, op, what);
	default:
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, dst,
				    "R%d tried to %s beyond pointer bounds, %s", dst, op, what);
	}
}

static bool speculate_matters(const struct env *env)
{
	uint8_t op = BPF_OP(env_insn(env)->code);

	return !env->bypass_spec_v1 && BPF_SRC(env_insn(env)->code) == BPF_X &&
	       (op == BPF_ADD || op == BPF_SUB);
}

/* How far the pointer may be moved to that side. */
static enum speculate_fault pointer_limit(const struct reg *ptr, bool left, uint32_t *limit)
{
	uint32_t max, at;

	switch (ptr->type) {
	case R_STACK:
		max = VERIFY_STACK_SIZE + left;
		at = -((uint32_t)ptr->var.bits.value + (uint32_t)ptr->off);
		break;
	case R_MAP_VALUE:
		max = ptr->map->desc.value_size;
		at = (uint32_t)(left ? (uint64_t)ptr->var.smin : ptr->var.umax) +
		     (uint32_t)ptr->off;
		break;
	default:
		return FAULT_TYPE;
	}
	if (at >= max)
		return FAULT_LIMIT;
	*limit = at;
	return 0;
}

static enum speculate_fault aux_agree(struct insn_aux *aux, uint32_t state, uint32_t limit)
{
	if (aux->alu_state && (aux->alu_state != state || aux->alu_limit != limit))
		return FAULT_PATHS;
	aux->alu_state = state;
	aux->alu_limit = limit;
	return 0;
}

int speculate_number(struct env *env)
{
	enum speculate_fault fault =
		speculate_matters(env) ? aux_agree(env_aux(env), SPECULATE_NUMBER, 0) : 0;

	return fault ? speculate_fail(env, fault, false) : 0;
}

int speculate_move(struct env *env, const struct reg *ptr, const struct reg *by, bool by_is_dst,
		   struct speculation *s)
{
	bool known = range_is_const(&by->var), negative = by->var.smin < 0;
	enum speculate_fault fault;

	if (!speculate_matters(env))
		return 0;
	if (!env->st->speculative) {
		if (!known && negative != (by->var.smax < 0))
			return speculate_fail(env, FAULT_BOUNDS, by_is_dst);
		s->left = (BPF_OP(env_insn(env)->code) == BPF_ADD) == negative;
		fault = pointer_limit(ptr, s->left, &s->limit);
		if (fault)
			return speculate_fail(env, fault, by_is_dst);
		s->state = (negative ? SPECULATE_NEGATIVE : 0) | (known ? SPECULATE_CONSTANT : 0) |
			   (by_is_dst ? SPECULATE_BY_DST : SPECULATE_BY_SRC);
		/* Paths that differ in their numbers could differ in their masks. */
		env->alu_limits_differ |= !known;
	}
	if (known)
		return 0;
	*env_reg(env, env_insn(env)->dst_reg) = *ptr;
	return explore_push(env, env->insn + 1, env->insn, true) ? 0 : env->err;
}

/* The pointer as moved must be inside, so that what is left and right of it is known. */
static int moved_inside(struct env *env, int dst)
{
	const struct reg *r = env_reg(env, dst);
	char bits[MEM_TNUM_TEXT];
	int64_t off = r->off + (int64_t)r->var.bits.value;

	if (r->type == R_MAP_VALUE) {
		if (!mem_map_bounds(env, dst, r->off, 1, false, true))
			return 0;
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, dst,
				    "R%d pointer arithmetic of map value goes out of range, "
				    "prohibited for !root",
				    dst);
	}
	if (r->type != R_STACK)
		return 0;
	if (!range_is_const(&r->var))
		return env_fail_reg(
			env, -EACCES, REASON_SPECULATION, dst,
			"R%d variable stack access prohibited for !root, var_off=%s off=%lld", dst,
			mem_tnum_text(r->var.bits, bits), (long long)off);
	if (off >= 0 || off < -VERIFY_STACK_SIZE)
		return env_fail_reg(env, -EACCES, REASON_SPECULATION, dst,
				    "R%d stack pointer arithmetic goes out of range, prohibited "
				    "for !root; off=%lld",
				    dst, (long long)off);
	return 0;
}

int speculate_moved(struct env *env, bool by_is_dst, const struct speculation *s)
{
	int dst = env_insn(env)->dst_reg, err;
	enum speculate_fault fault;
	uint32_t limit;

	if (env->bypass_spec_v1)
		return 0;
	err = moved_inside(env, dst);
	if (err || !speculate_matters(env) || env->st->speculative)
		return err;
	fault = pointer_limit(env_reg(env, dst), s->left, &limit);
	if (!fault) {
		int32_t window = (int32_t)(s->limit - limit);

		fault = aux_agree(env_aux(env), s->state,
				  window < 0 ? -(uint32_t)window : (uint32_t)window);
	}
	return fault ? speculate_fail(env, fault, by_is_dst) : 0;
}
