/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/explore.c - follows every path of a function, instruction by instruction.
 *
 * Depth first: a condition queues one way and goes on with the other. The current state is
 * env->st; env->insn is the instruction looked at, env->prev the one before it on this path. An
 * instruction's handler sets env->insn to the next one.
 */
#include "verify/env.h"
#include "verify/log.h"

#include <stdlib.h>

#define EXPLORE_MAX_INSNS   1000000
#define EXPLORE_MAX_PENDING 8192

struct pending {
	struct pending *next;
	struct state *state;
	uint32_t insn, prev;
	size_t log; /* level 2: the log is not cut back; level 1: where the path began */
};

/* ---- queued paths ----------------------------------------------------------------------- */

/*
 * The paths queued last are taken up first, and most of them soon: their states stay unpacked
 * (hot), change places with the current state and are used again. Only those behind them are
 * packed.
 */
static void explore_recycle(struct env *env, struct state *s)
{
	s->parent = env->spare;
	env->spare = s;
}

static int explore_pack_oldest(struct env *env)
{
	struct pending *p = env->hot[(env->hot_top - env->n_hot) % EXPLORE_HOT];
	struct state *s = state_new(env);

	if (!s || state_pack(env, s, p->state)) {
		state_free(env, s);
		return env_nomem(env);
	}
	explore_recycle(env, p->state);
	p->state = s;
	env->n_hot--;
	return 0;
}

static struct pending *explore_queue(struct env *env, struct state *s, uint32_t insn, uint32_t prev)
{
	struct pending *p = env_alloc(env, sizeof(*p));

	if (!p || (env->n_hot == EXPLORE_HOT && explore_pack_oldest(env))) {
		state_free(env, s);
		env_release(env, p, sizeof(*p));
		env_nomem(env);
		return NULL;
	}
	p->state = s;
	p->insn = insn;
	p->prev = prev;
	p->log = log_position(env);
	p->next = env->pending;
	env->pending = p;
	env->hot[env->hot_top++ % EXPLORE_HOT] = p;
	env->n_hot++;
	env->n_pending++;
	if (env->n_pending > EXPLORE_MAX_PENDING) {
		env_fail(env, -E2BIG, REASON_TOO_LARGE, "The sequence of %u jumps is too complex.",
			 env->n_pending);
		return NULL;
	}
	if (s->parent)
		s->parent->branches++;
	return p;
}

struct state *explore_push(struct env *env, uint32_t insn, uint32_t prev, bool speculative)
{
	struct state *s = env->spare;

	if (s)
		env->spare = s->parent;
	else
		s = state_new(env);
	if (!s || state_assign(env, s, env->st)) {
		state_free(env, s);
		env_nomem(env);
		return NULL;
	}
	s->branches = 1;
	s->speculative |= speculative;
	return explore_queue(env, s, insn, prev) ? s : NULL;
}

struct state *explore_push_async(struct env *env, uint32_t insn, uint32_t prev, uint32_t subprog,
				 bool sleepable)
{
	struct state *s = state_new(env);

	if (s)
		s->frame[0] = frame_new(env);
	if (!s || !s->frame[0]) {
		state_free(env, s);
		env_nomem(env);
		return NULL;
	}
	s->branches = 1;
	s->sleepable = sleepable;
	s->first_insn = insn;
	s->last_insn = NO_CALLSITE;
	frame_init(env, s->frame[0], 0, subprog, NO_CALLSITE);
	if (live_enter(env, s, 0)) {
		state_free(env, s);
		return NULL;
	}
	return explore_queue(env, s, insn, prev) ? s : NULL;
}

/* The next queued path becomes the current one. 0: all are done. */
static int explore_pop(struct env *env)
{
	struct pending *p = env->pending;

	if (!p) {
		explore_recycle(env, env->st);
		env->st = NULL;
		return 0;
	}
	env->pending = p->next;
	env->n_pending--;
	if (env->n_hot) {
		env->hot_top--;
		env->n_hot--;
		explore_recycle(env, env->st);
		env->st = p->state;
	} else {
		if (state_assign(env, env->st, p->state))
			return env_nomem(env);
		state_free(env, p->state);
	}
	env->insn = p->insn;
	env->prev = p->prev;
	visit_prefetch(env);
	log_rewind(env, p->log);
	env_release(env, p, sizeof(*p));
	return 1;
}

/* ---- registers -------------------------------------------------------------------------- */

int reg_read(struct env *env, int regno)
{
	if (env_reg(env, regno)->type == R_NOT_INIT)
		return env_fail_reg(env, -EACCES, REASON_UNINIT_REG, regno, "R%d !read_ok", regno);
	return 0;
}

int reg_write(struct env *env, int regno)
{
	if (regno == BPF_REG_10)
		return env_fail_reg(env, -EACCES, REASON_WRITE_FP, regno,
				    "frame pointer is read only");
	return 0;
}

bool env_may_sleep(const struct env *env)
{
	return env->st ? env->st->sleepable : env->in_sleepable;
}

/* ---- instructions ----------------------------------------------------------------------- */

/* Types that are accessed in ways of their own: one instruction must not see two of them. */
static bool type_is_special(uint8_t type)
{
	switch (type) {
	case R_CTX:
	case R_SOCKET:
	case R_SOCK_COMMON:
	case R_TCP_SOCK:
	case R_XDP_SOCK:
	case R_BTF_ID:
	case R_ARENA:
		return true;
	default:
		return false;
	}
}

static bool type_is_memory(uint8_t type)
{
	return type == R_BTF_ID || type == R_MEM;
}

static int explore_same_pointer(struct env *env, uint8_t type, uint16_t flags, bool load)
{
	struct insn_aux *aux = env_aux(env);

	if (!aux->ptr_type) {
		aux->ptr_type = type;
		aux->ptr_flags = flags;
		return 0;
	}
	if ((aux->ptr_type == type && aux->ptr_flags == flags) ||
	    (!type_is_special(type) && !type_is_special(aux->ptr_type)))
		return 0;
	/* Trusted on one path and not on another: then it is loaded as if untrusted. */
	if (load && type_is_memory(type) && type_is_memory(aux->ptr_type)) {
		aux->ptr_type = R_BTF_ID;
		aux->ptr_flags = F_UNTRUSTED;
		return 0;
	}
	return env_fail(env, -EINVAL, REASON_DIFFERENT_PTR,
			"same insn cannot be used with different pointers");
}

static int insn_size(const struct bpf_insn *insn)
{
	static const uint8_t size[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	return size[BPF_SIZE(insn->code) >> 3];
}

static int explore_load(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	bool sign = BPF_MODE(insn->code) == BPF_MEMSX;
	const struct reg *src = env_reg(env, insn->src_reg);
	uint16_t flags;
	uint8_t type;
	int err = reg_read(env, insn->src_reg);

	if (!err)
		err = reg_write(env, insn->dst_reg);
	if (err)
		return err;
	type = src->type;
	flags = src->flags;
	err = mem_access(env, insn->src_reg, insn->off, insn_size(insn), ACCESS_READ, insn->dst_reg,
			 false, sign);
	return err ? err : explore_same_pointer(env, type, flags, true);
}

static int explore_store(struct env *env, bool by_reg)
{
	const struct bpf_insn *insn = env_insn(env);
	const struct reg *dst = env_reg(env, insn->dst_reg);
	uint16_t flags;
	uint8_t type;
	int err = by_reg ? reg_read(env, insn->src_reg) : 0;

	if (!err)
		err = reg_read(env, insn->dst_reg);
	if (err)
		return err;
	type = dst->type;
	flags = dst->flags;
	err = mem_access(env, insn->dst_reg, insn->off, insn_size(insn), ACCESS_WRITE,
			 by_reg ? insn->src_reg : -1, false, false);
	return err ? err : explore_same_pointer(env, type, flags, false);
}

static int explore_imm64(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg);
	const struct verify_map *map = NULL;
	uint32_t sub;
	int err = reg_write(env, insn->dst_reg);

	if (err)
		return err;
	if (env_aux(env)->id == ISA_LD_MAP_IDX || env_aux(env)->id == ISA_LD_MAP_IDX_VALUE)
		map = &env->image->maps[insn->imm];
	switch (env_aux(env)->id) {
	case ISA_LD_IMM64:
		reg_set_const(env, dst,
			      (uint32_t)insn->imm | (uint64_t)(uint32_t)insn[1].imm << 32);
		return 0;
	case ISA_LD_MAP_IDX:
		reg_set_pointer(dst, R_MAP_PTR, 0);
		dst->map = map;
		return 0;
	case ISA_LD_MAP_IDX_VALUE:
		if (map->desc.type == BPF_MAP_TYPE_ARENA) {
			reg_set_unknown(env, dst);
			dst->type = R_ARENA;
			return 0;
		}
		reg_set_pointer(dst, R_MAP_VALUE, 0);
		dst->map = map;
		dst->off = insn[1].imm;
		return 0;
	case ISA_LD_FUNC:
		sub = env->aux[env->insn + 1 + (uint32_t)insn->imm].subprog;
		if (!env->image->n_func_info)
			return env_fail(env, -EINVAL, REASON_CALLBACK, "missing btf func_info");
		if (env->subs[sub].is_global)
			return env_fail(env, -EINVAL, REASON_CALLBACK,
					"callback function not static");
		reg_set_pointer(dst, R_FUNC, 0);
		dst->subprog = sub;
		return 0;
	case ISA_LD_BTF_ID:
		return ksym_load(env, dst);
	default:
		return env_unsupported(env, "this kind of 64-bit immediate");
	}
}

int explore_may_load(struct env *env)
{
	if (env->type->set & P_SKB)
		return 0;
	return env_fail(env, -EINVAL, REASON_BAD_INSN,
			"BPF_LD_[ABS|IND] instructions not allowed for this program type");
}

/* Classic packet loads: r6 is the context, r0 the result; they may end the program. */
static int explore_packet(struct env *env, int form)
{
	const struct bpf_insn *insn = env_insn(env);
	struct frame *f = state_frame(env->st);
	int err;

	err = explore_may_load(env);
	if (!err)
		err = reg_read(env, BPF_REG_6);
	if (!err)
		err = func_check_leaks(env, false, true, "BPF_LD_[ABS|IND]");
	if (err)
		return err;
	if (f->regs[BPF_REG_6].type != R_CTX)
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, BPF_REG_6,
				    "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	if (form == ISA_FORM_LD_IND) {
		err = reg_read(env, insn->src_reg);
		if (err)
			return err;
	}
	err = mem_exact_pointer(env, &f->regs[BPF_REG_6], BPF_REG_6, false);
	if (err)
		return err;
	regs_clobber(env, f);
	reg_set_unknown(env, &f->regs[BPF_REG_0]);
	if (!env->st->cur)
		return 0;
	/* Beyond the packet a function ends, with 0. */
	if (!explore_push(env, env->insn + 1, env->insn, false))
		return env->err;
	reg_set_const(env, &f->regs[BPF_REG_0], 0);
	return func_return(env);
}

static int explore_call(struct env *env, int id, bool *done)
{
	uint32_t here = env->insn;
	int err;

	if (id == ISA_CALL_LOCAL)
		return func_call(env);
	if (env->st->locks && id == ISA_CALL_HELPER && env_insn(env)->imm != BPF_FUNC_spin_unlock)
		return env_fail(env, -EINVAL, REASON_LOCK,
				"function calls are not allowed while holding a lock");
	err = id == ISA_CALL_HELPER ? call_helper(env) : call_kfunc(env);
	*done = err > 0;
	if (err >= 0 && env->insn == here)
		env->insn++;
	return MIN(err, 0);
}

/* One instruction. *done: the path ends here. */
static int explore_insn(struct env *env, bool *done)
{
	int id = env_aux(env)->id, form = isa_table[id].form, err;
	uint32_t here = env->insn;

	if (!(env_aux(env)->flags & AUX_VALID)) {
		err = form_operands(env);
		if (err)
			return err;
		env_aux(env)->flags |= AUX_VALID;
	}
	switch (form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
	case ISA_FORM_CAST:
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		err = alu_insn(env);
		break;
	case ISA_FORM_LDX:
		err = explore_load(env);
		break;
	case ISA_FORM_STX:
	case ISA_FORM_ST:
		err = explore_store(env, form == ISA_FORM_STX);
		break;
	case ISA_FORM_ATOMIC:
	case ISA_FORM_LOAD_ACQ:
		err = mem_atomic(env);
		break;
	case ISA_FORM_JA:
	case ISA_FORM_JA32:
		env->jumps_processed++;
		env->insn += 1 + (uint32_t)(form == ISA_FORM_JA ? env_insn(env)->off
								: env_insn(env)->imm);
		return 0;
	case ISA_FORM_JCOND:
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		env->jumps_processed++;
		err = branch_insn(env);
		if (!err && log_on(env) && form != ISA_FORM_JCOND)
			log_branch(env);
		return err;
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		env->jumps_processed++;
		return explore_call(env, id, done);
	case ISA_FORM_EXIT:
		env->jumps_processed++;
		return func_exit(env, false, done);
	case ISA_FORM_LD_IMM64:
		err = explore_imm64(env);
		break;
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		err = explore_packet(env, form);
		break;
	default:
		err = env_fail(env, -EINVAL, REASON_BAD_INSN, "unknown opcode %02x",
			       env_insn(env)->code);
	}
	if (!err && env->insn == here)
		env->insn = here + (uint32_t)isa_slots(&env->insns[here]);
	return err;
}

/* Before the instruction: is the path done, is the step remembered? 1: pruned. */
static int explore_arrive(struct env *env)
{
	struct state *s = env->st;
	uint32_t flags = env_aux(env)->flags;
	int ret = 0;

	env->at = env->insn;
	if (++env->insns_processed > EXPLORE_MAX_INSNS)
		return env_fail(env, -E2BIG, REASON_TOO_LARGE,
				"BPF program is too large. Processed %u insn",
				env->insns_processed);
	s->last_insn = env->prev;
	s->insn = env->insn;
	env->jump = NULL;
	if (flags & AUX_PRUNE_POINT) {
		ret = visit_state(env);
		if (ret)
			return ret;
	}
	if (flags & AUX_JUMP_POINT) {
		ret = precise_push(env, s, 0, 0);
		if (ret)
			return ret;
	}
	return 0;
}

/* Unprivileged programs: what a mispredicted path may not do, it is kept from by a barrier. */
static bool explore_speculative_stop(struct env *env, uint32_t here, int err)
{
	if (!env->st->speculative || (err != -EPERM && err != -EACCES && err != -EINVAL))
		return false;
	env->aux[here].flags |= AUX_NOSPEC;
	env_forgive(env);
	return true;
}

int explore(struct env *env)
{
	bool done, pruned = false;
	int err;

	for (;;) {
		err = explore_arrive(env);
		if (err < 0)
			return err;
		pruned = err > 0;
		done = pruned;
		if (log_on(env))
			log_arrive(env, pruned);
		if (!done && env->image->observe) {
			err = env->image->observe(env->image->observe_user, env->st, env->insn);
			if (err)
				return err;
		}
		if (!done && env->st->speculative && env_aux(env)->flags & AUX_NOSPEC)
			done = true;
		if (!done) {
			uint32_t here = env->insn;

			env_aux(env)->flags |=
				env->st->speculative ? AUX_SEEN_SPECULATIVE : AUX_SEEN;
			env->st->touched |= env->touch[here];
			live_begin(env);
			env->at = here;
			err = explore_insn(env, &done);
			if (err < 0 && !explore_speculative_stop(env, here, err))
				return err;
			done |= err < 0;
			/* Behind such a store there is a barrier. */
			done |= env->st->speculative && env->aux[here].flags & AUX_NOSPEC_RESULT;
			env->prev = here;
			if (!done)
				visit_prefetch(env);
			err = live_commit(env);
			if (err)
				return err;
		}
		if (!done)
			continue;
		err = visit_path_done(env, env->st);
		if (err)
			return err;
		err = explore_pop(env);
		if (err <= 0)
			return err;
		log_path(env);
	}
}
