/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/branch.c - conditional jumps: which way, and what each way tells.
 *
 * A condition that is decided is followed one way only, and what decided it is precise. Otherwise
 * the other way is queued with a copy of the state, and both copies learn: ranges of scalars (and
 * of all scalars that share an id with them), that a pointer is NULL or not, how far a packet
 * pointer is from the packet's end.
 */
#include "verify/env.h"

#define MAX_PACKET_OFF 0xffff

static uint8_t op_flip(uint8_t op) /* a OP b == b flip(OP) a */
{
	switch (op) {
	case BPF_JGT:
		return BPF_JLT;
	case BPF_JGE:
		return BPF_JLE;
	case BPF_JLT:
		return BPF_JGT;
	case BPF_JLE:
		return BPF_JGE;
	case BPF_JSGT:
		return BPF_JSLT;
	case BPF_JSGE:
		return BPF_JSLE;
	case BPF_JSLT:
		return BPF_JSGT;
	case BPF_JSLE:
		return BPF_JSGE;
	default:
		return op;
	}
}

static bool reg_is_packet(const struct reg *r)
{
	return r->type == R_PACKET || r->type == R_PACKET_META;
}

static bool reg_is_packet_any(const struct reg *r)
{
	return reg_is_packet(r) || r->type == R_PACKET_END;
}

/* The start of the packet itself. */
static bool reg_is_packet_start(const struct reg *r, enum reg_type type)
{
	return r->type == type && !r->off && range_is_const(&r->var) && !range_const(&r->var);
}

bool reg_is_trusted(const struct reg *r)
{
	if (r->ref)
		return true;
	if (r->flags & ~(F_ALLOC | F_TRUSTED | F_NON_OWN))
		return false;
	switch (r->type) {
	case R_SOCKET:
	case R_SOCK_COMMON:
	case R_TCP_SOCK:
	case R_MAP_PTR:
		return true;
	default:
		return r->flags & (F_ALLOC | F_TRUSTED);
	}
}

static bool reg_not_null(const struct reg *r)
{
	if (r->flags & F_NULL)
		return false;
	switch (r->type) {
	case R_SOCKET:
	case R_TCP_SOCK:
	case R_MAP_VALUE:
	case R_MAP_KEY:
	case R_SOCK_COMMON:
	case R_MAP_PTR:
		return true;
	case R_MEM:
		return !(r->flags & F_UNTRUSTED);
	case R_BTF_ID:
		return reg_is_trusted(r);
	default:
		return false;
	}
}

/* ---- is it decided? --------------------------------------------------------------------- */

static int taken_packet(const struct reg *a, const struct reg *b, uint8_t op)
{
	const struct reg *pkt = a;

	if (b->type != R_PACKET_END) {
		if (a->type != R_PACKET_END)
			return -1;
		pkt = b;
		op = op_flip(op);
	}
	if (pkt->range >= 0)
		return -1;
	switch (op) {
	case BPF_JLE:
	case BPF_JGT:
		return pkt->range == RANGE_BEYOND_END ? op == BPF_JGT : -1;
	case BPF_JLT:
	case BPF_JGE:
		return op == BPF_JGE;
	default:
		return -1;
	}
}

static bool reg_const(const struct reg *r, bool jmp32)
{
	return r->type == R_SCALAR && (jmp32 ? range_is_const32(&r->var) : range_is_const(&r->var));
}

static int taken(const struct reg *a, const struct reg *b, uint8_t op, bool jmp32)
{
	uint64_t value;

	if (reg_is_packet_any(a) && reg_is_packet_any(b) && !jmp32)
		return taken_packet(a, b, op);
	if (a->type == R_SCALAR && b->type == R_SCALAR)
		return range_branch_taken(op, jmp32, &a->var, &b->var);
	/* A valid pointer is not NULL. */
	if (!reg_const(b, jmp32)) {
		const struct reg *swap = a;

		a = b;
		b = swap;
		op = op_flip(op);
	}
	if (!reg_const(b, jmp32) || !reg_not_null(a))
		return -1;
	value = jmp32 ? (uint32_t)b->var.bits.value : b->var.bits.value;
	if (value)
		return -1;
	return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
}

/* ---- scalars with the same id ----------------------------------------------------------- */

static void linked_add(struct linked *l, struct reg *r, uint32_t id, uint32_t frame, bool is_reg,
		       uint32_t at)
{
	if (r->type != R_SCALAR || (r->id & ~ID_ADD_CONST) != id)
		return;
	if (l->n == LINKED_MAX)
		r->id = 0; /* more than the history can tell: it goes its own way */
	else
		l->one[l->n++] = (struct linked_one){(uint8_t)frame, is_reg, (uint8_t)at};
}

static void linked_collect(struct env *env, struct linked *l, uint32_t id)
{
	struct state *s = env->st;

	id &= ~ID_ADD_CONST;
	for (int n = (int)s->cur; n >= 0; n--) {
		struct frame *f = s->frame[n];
		uint32_t at = n == (int)s->cur ? env->insn : s->frame[n + 1]->callsite;
		uint16_t live = env->aux[at].live_before;

		for (uint32_t i = 0; i < 10; i++)
			if (live >> i & 1)
				linked_add(l, &f->regs[i], id, (uint32_t)n, true, i);
		for (uint32_t i = 0; i < f->n_slots; i++)
			if (f->slots[i].kind[0] == SLOT_SPILL)
				linked_add(l, &f->slots[i].reg, id, (uint32_t)n, false, i);
	}
}

static void linked_sync(struct state *s, const struct reg *known, const struct linked *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct frame *f = s->frame[l->one[i].frame];
		struct reg *r =
			l->one[i].is_reg ? &f->regs[l->one[i].at] : &f->slots[l->one[i].at].reg;
		uint32_t id = r->id;
		int32_t off = r->off;
		struct range delta;

		if (r->type != R_SCALAR || r == known ||
		    (id & ~ID_ADD_CONST) != (known->id & ~ID_ADD_CONST))
			continue;
		/* One wraps around at 32 bits, the other does not. */
		if (((id ^ known->id) & ID_ADD_CONST) == ID_ADD_CONST)
			continue;
		if ((!(id & ID_ADD_CONST) && !(known->id & ID_ADD_CONST)) || off == known->off) {
			*r = *known;
			continue;
		}
		range_set_const(&delta, (uint64_t)((int64_t)off - (int64_t)known->off));
		*r = *known;
		range_alu(BPF_ADD, false, false, &r->var, &delta);
		if ((id | known->id) & ID_ADD_CONST32) {
			range_zext32(&r->var);
			range_sync(&r->var);
		}
		r->off = off;
		r->id = id;
	}
}

/* ---- NULL ------------------------------------------------------------------------------- */

void reg_mark_not_null(struct reg *r)
{
	r->flags &= (uint16_t)~F_NULL;
	if (r->type != R_MAP_VALUE)
		return;
	if (r->map->inner) {
		r->type = R_MAP_PTR;
		r->map = r->map->inner;
		/* Which inner map it is, matters to what belongs to one map. */
		r->map_uid = r->map->record && r->map->record->mask &
						       (BTF_MASK(TIMER) | BTF_MASK(WORKQUEUE) |
							BTF_MASK(TASK_WORK))
				     ? r->id
				     : 0;
	} else if (r->map->desc.type == BPF_MAP_TYPE_XSKMAP) {
		r->type = R_XDP_SOCK;
		r->raw[0] = r->raw[1] = 0;
	} else if (r->map->desc.type == BPF_MAP_TYPE_SOCKMAP ||
		   r->map->desc.type == BPF_MAP_TYPE_SOCKHASH) {
		r->type = R_SOCKET;
		r->raw[0] = r->raw[1] = 0;
	}
}

/* The id of what may hold a lock tells objects apart, also after the test. */
static bool reg_may_hold_lock(const struct env *env, const struct reg *r)
{
	const struct btf_record *rec = args_record(env, r);

	return rec && rec->mask & (BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK));
}

static void reg_null_known(const struct env *env, struct reg *r, uint32_t id, bool null)
{
	if (!(r->flags & F_NULL) || r->id != id)
		return;
	if (null) {
		reg_set_const(env, r, 0);
		return;
	}
	reg_mark_not_null(r);
	if (!reg_may_hold_lock(env, r))
		r->id = 0;
}

void state_null_known(struct env *env, struct state *s, int regno, bool null)
{
	struct reg *r = &state_regs(s)[regno];
	uint32_t id = r->id;

	/* What was not acquired does not have to be released. */
	if (r->ref && r->ref == id && null)
		state_forget_ref(s, id);
	STATE_FOR_EACH_REG(s, r)
	{
		reg_null_known(env, r, id, null);
	}
}

/* Two pointers are equal and one of them is not NULL. */
static void pointers_compared(struct env *env, struct state *other, uint8_t op, int d, int s)
{
	struct reg *a = env_reg(env, d), *b = env_reg(env, s), *eq;

	if (!reg_is_pointer(a) || !reg_is_pointer(b) ||
	    (a->flags & F_NULL) == (b->flags & F_NULL) || a->type == R_BTF_ID ||
	    b->type == R_BTF_ID)
		return;
	eq = op == BPF_JEQ ? state_regs(other) : op == BPF_JNE ? state_regs(env->st) : NULL;
	if (eq)
		reg_mark_not_null(&eq[b->flags & F_NULL ? s : d]);
}

/* ---- packets ---------------------------------------------------------------------------- */

/* pkt <= end, or (open) pkt < end: so many bytes from the same start are in the packet. */
static void packet_good(struct state *s, const struct reg *pkt, bool open)
{
	struct reg *r;
	uint8_t type = pkt->type;
	uint32_t id = pkt->id;
	int32_t range = pkt->off + open;

	if (pkt->off < 0 || (!pkt->off && open) || pkt->var.umax > MAX_PACKET_OFF ||
	    pkt->var.umax + (uint64_t)pkt->off > MAX_PACKET_OFF)
		return;
	STATE_FOR_EACH_REG(s, r)
	{
		if (r->type == type && r->id == id)
			r->range = MAX(r->range, range);
	}
}

static void packet_end(struct state *s, int regno, bool beyond)
{
	struct reg *r = &state_regs(s)[regno];

	if (r->type == R_PACKET)
		r->range = beyond ? RANGE_BEYOND_END : RANGE_AT_END;
}

static bool packets_compared(struct env *env, struct state *other, uint8_t op, int d, int s)
{
	struct reg *a = env_reg(env, d), *b = env_reg(env, s);
	struct state *good, *bad; /* where the pointer is below the end, and where not */
	int pkt = d;
	bool strict; /* below: pkt < end, not pkt <= end */

	if (!((a->type == R_PACKET && b->type == R_PACKET_END) ||
	      (a->type == R_PACKET_META && reg_is_packet_start(b, R_PACKET)))) {
		if (!((a->type == R_PACKET_END && b->type == R_PACKET) ||
		      (reg_is_packet_start(a, R_PACKET) && b->type == R_PACKET_META)))
			return false;
		op = op_flip(op);
		pkt = s;
	}
	switch (op) {
	case BPF_JGT: /* taken: beyond */
	case BPF_JGE:
		good = env->st;
		bad = other;
		strict = op == BPF_JGE;
		break;
	case BPF_JLT:
	case BPF_JLE:
		good = other;
		bad = env->st;
		strict = op == BPF_JLT;
		break;
	default:
		return false;
	}
	packet_good(good, env_reg(env, pkt), strict);
	packet_end(bad, pkt, !strict);
	return true;
}

/* ---- the instruction -------------------------------------------------------------------- */

/* may_goto: goes on, or jumps when the budget of the program is used up. */
static int branch_may_goto(struct env *env)
{
	struct state *queued = explore_push(env, env->insn + 1, env->insn, false);

	if (!queued)
		return env->err;
	queued->may_goto_depth++;
	visit_widen(env, queued);
	env->insn += (uint32_t)(1 + env_insn(env)->off);
	return 0;
}

bool reg_leaks(const struct env *env, const struct reg *r)
{
	return !env->allow_ptr_leaks && reg_is_pointer(r);
}

static int branch_operands(struct env *env, bool by_reg, struct reg *imm)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *dst = env_reg(env, insn->dst_reg), *src;
	uint32_t flags = 0;
	int err = reg_read(env, insn->dst_reg);

	if (err)
		return err;
	if (!by_reg) {
		reg_set_const(env, imm, (uint64_t)(int64_t)insn->imm);
		imm->precise = false;
	} else {
		err = reg_read(env, insn->src_reg);
		if (err)
			return err;
		src = env_reg(env, insn->src_reg);
		if (!(reg_is_packet_any(dst) && reg_is_packet_any(src)) && reg_leaks(env, src))
			return env_fail_reg(env, -EACCES, REASON_PTR_COMPARE, insn->src_reg,
					    "R%d pointer comparison prohibited", insn->src_reg);
		if (src->type == R_STACK)
			flags |= JUMP_SRC_STACK;
	}
	if (dst->type == R_STACK)
		flags |= JUMP_DST_STACK;
	return flags ? precise_push(env, env->st, flags, 0) : 0;
}

static int branch_decided(struct env *env, bool by_reg, bool jump)
{
	const struct bpf_insn *insn = env_insn(env);
	uint32_t target = env->insn + (uint32_t)(1 + insn->off), next = env->insn + 1;
	struct state *guess;
	int err = 0;

	if (env_reg(env, insn->dst_reg)->type == R_SCALAR)
		err = precise_reg(env, insn->dst_reg);
	if (!err && by_reg && env_reg(env, insn->src_reg)->type == R_SCALAR)
		err = precise_reg(env, insn->src_reg);
	if (err)
		return err;
	/* A processor may guess the other way: then the operands may be anything. */
	if (!env->bypass_spec_v1) {
		guess = explore_push(env, jump ? next : target, env->insn, true);
		if (!guess)
			return env->err;
		reg_set_unknown(env, &state_regs(guess)[insn->dst_reg]);
		if (by_reg)
			reg_set_unknown(env, &state_regs(guess)[insn->src_reg]);
	}
	env->insn = jump ? target : next;
	return 0;
}

static void branch_sane(struct range *r)
{
	if (!range_sane(r))
		range_unbound(r);
}

static void branch_refine(struct env *env, struct state *other, const struct reg *imm, uint8_t op,
			  bool jmp32)
{
	const struct bpf_insn *insn = env_insn(env);
	struct reg *d0 = env_reg(env, insn->dst_reg), *d1 = &state_regs(other)[insn->dst_reg];
	struct reg *s0 = env_reg(env, insn->src_reg), *s1 = &state_regs(other)[insn->src_reg];

	if (d0->type != R_SCALAR || (!imm && s0->type != R_SCALAR))
		return;
	if (imm) {
		range_refine_by(op, jmp32, false, &d0->var, &imm->var);
		range_refine_by(op, jmp32, true, &d1->var, &imm->var);
	} else {
		range_refine(op, jmp32, false, &d0->var, &s0->var);
		range_refine(op, jmp32, true, &d1->var, &s1->var);
		branch_sane(&s1->var);
		branch_sane(&s0->var);
	}
	branch_sane(&d1->var);
	branch_sane(&d0->var);
}

int branch_insn(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	int form = isa_table[env_aux(env)->id].form, pred, err;
	bool by_reg = form == ISA_FORM_JMP_RR, jmp32 = BPF_CLASS(insn->code) == BPF_JMP32;
	uint8_t op = BPF_OP(insn->code);
	struct linked linked = {.n = 0};
	struct reg imm, *dst, *src;
	struct state *other;

	if (form == ISA_FORM_JCOND)
		return branch_may_goto(env);
	err = branch_operands(env, by_reg, &imm);
	if (err)
		return err;
	dst = env_reg(env, insn->dst_reg);
	src = by_reg ? env_reg(env, insn->src_reg) : &imm;
	pred = taken(dst, src, op, jmp32);
	if (pred >= 0)
		return branch_decided(env, by_reg, pred);
	/* Before the copy: both ways share this history if a state is cached in between. */
	if (by_reg && src->type == R_SCALAR && src->id)
		linked_collect(env, &linked, src->id);
	/* The same again if both have one id: that leaves fewer of them tied, as in Linux 6.18. */
	if (dst->type == R_SCALAR && dst->id)
		linked_collect(env, &linked, dst->id);
	if (linked.n > 1) {
		err = precise_push(env, env->st, 0, linked_pack(&linked));
		if (err)
			return err;
	}
	other = explore_push(env, env->insn + (uint32_t)(1 + insn->off), env->insn, false);
	if (!other)
		return env->err;
	branch_refine(env, other, by_reg ? NULL : &imm, op, jmp32);
	if (by_reg && src->type == R_SCALAR && src->id) {
		linked_sync(env->st, src, &linked);
		linked_sync(other, &state_regs(other)[insn->src_reg], &linked);
	}
	if (dst->type == R_SCALAR && dst->id) {
		linked_sync(env->st, dst, &linked);
		linked_sync(other, &state_regs(other)[insn->dst_reg], &linked);
	}
	if (!jmp32 && by_reg)
		pointers_compared(env, other, op, insn->dst_reg, insn->src_reg);
	if (!jmp32 && !by_reg && !insn->imm && (op == BPF_JEQ || op == BPF_JNE) &&
	    dst->flags & F_NULL) {
		state_null_known(env, env->st, insn->dst_reg, op == BPF_JNE);
		state_null_known(env, other, insn->dst_reg, op == BPF_JEQ);
	} else if (!(by_reg && !jmp32 &&
		     packets_compared(env, other, op, insn->dst_reg, insn->src_reg)) &&
		   reg_leaks(env, dst)) {
		return env_fail_reg(env, -EACCES, REASON_PTR_COMPARE, insn->dst_reg,
				    "R%d pointer comparison prohibited", insn->dst_reg);
	}
	env->insn++;
	return 0;
}
