/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/precise.c - which scalars' exact values decided that a program is safe.
 *
 * Pruning may ignore the range of a scalar that nothing depended on. So scalars start imprecise;
 * where one decides (an offset, a size, a branch) it is traced back through the history of the
 * path to the values that it was made of, and these are marked in the cached states on the way.
 *
 *      cached state      history (jumps)      cached state      here
 *    ----[parent]-----------i1--i2--i3----------[parent]----j1--j2--*
 *         marks <-- masks carried on backwards <-- marks <--- trace
 */
#include "verify/env.h"
#include "verify/log.h"

#define BT_ARGS 0x3eU /* r1-r5 */

/* What is being traced: registers and slots of each frame. */
struct env_precise {
	uint32_t frame;
	uint16_t regs[VERIFY_MAX_FRAMES];
	uint64_t slots[VERIFY_MAX_FRAMES];
	uint16_t steps[]; /* by instruction */
};

/*
 * Most instructions on the way are none of the registers' business that are traced. So what an
 * instruction does to them is looked up, in as little memory as possible: the kind, then source and
 * destination, 4 bits each.
 */
enum step_kind {
	STEP_NONE,
	STEP_CLEAR = 1, /* the destination comes from nowhere ... */
	STEP_FROM = 2,	/* (or is clear) and from the source */
	STEP_LOAD = 4,	/* may come from the stack */
	STEP_STORE,	/* may be what is traced on the stack */
	STEP_COMPARE,
	STEP_OTHER,
};
#define STEP_DST(step)	((step)&15)
#define STEP_SRC(step)	((step) >> 4 & 15)
#define STEP_KIND(step) ((step) >> 8)

static int step_kind(const struct bpf_insn *insn, int id)
{
	bool move = BPF_OP(insn->code) == BPF_MOV;

	if (id == ISA_COUNT) /* the second half of a 64-bit immediate */
		return STEP_NONE;
	switch (isa_table[id].form) {
	case ISA_FORM_ALU_RR:
		return (move ? STEP_CLEAR : 0) | (insn->src_reg != BPF_REG_10 ? STEP_FROM : 0);
	case ISA_FORM_ALU_RI:
		return move ? STEP_CLEAR : STEP_NONE;
	case ISA_FORM_LD_IMM64:
		return STEP_CLEAR;
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		return STEP_LOAD;
	case ISA_FORM_STX:
	case ISA_FORM_ATOMIC:
	case ISA_FORM_ST:
		return STEP_STORE;
	case ISA_FORM_JMP_RR:
		return STEP_COMPARE;
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
	case ISA_FORM_EXIT:
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		return STEP_OTHER;
	default:
		return STEP_NONE;
	}
}

/* What tracing back over it may change. A call that returns clears r0, and is not told from one
 * that would want to know of its arguments. */
static uint16_t step_touch(const struct env *env, uint32_t i, int kind)
{
	const struct bpf_insn *insn = &env->insns[i];
	uint16_t dst = (uint16_t)(1U << insn->dst_reg);

	switch (kind) {
	case STEP_NONE:
		return 0;
	case STEP_STORE:
		return dst | TOUCH_STACK;
	case STEP_COMPARE:
		return (uint16_t)(dst | 1U << insn->src_reg);
	case STEP_OTHER:
		return env->aux[i].id == ISA_CALL_HELPER && insn->imm != BPF_FUNC_tail_call &&
				       !(env->aux[i].flags & AUX_CALLS_CALLBACK)
			       ? BT_ARGS | 1U << BPF_REG_0
			       : TOUCH_ALL;
	default:
		return dst;
	}
}

int precise_new(struct env *env)
{
	env->precise = env_table(env, 1, sizeof(*env->precise) + env->n_insns * sizeof(uint16_t));
	env->touch = env_table(env, env->n_insns, sizeof(*env->touch));
	if (!env->precise || !env->touch)
		return env_nomem(env);
	for (uint32_t i = 0; i < env->n_insns; i++) {
		const struct bpf_insn *insn = &env->insns[i];
		int kind = step_kind(insn, env->aux[i].id);

		env->precise->steps[i] = (uint16_t)(kind << 8 | insn->src_reg << 4 | insn->dst_reg);
		env->touch[i] = step_touch(env, i, kind);
	}
	return 0;
}

static bool bt_empty(const struct env_precise *bt)
{
	for (uint32_t i = 0; i <= bt->frame; i++)
		if (bt->regs[i] || bt->slots[i])
			return false;
	return true;
}

static void bt_reset(struct env_precise *bt)
{
	memset(bt, 0, offsetof(struct env_precise, steps));
}

static bool bt_has(const struct env_precise *bt, int reg)
{
	return bt->regs[bt->frame] >> reg & 1;
}

static void bt_set(struct env_precise *bt, int reg)
{
	bt->regs[bt->frame] |= (uint16_t)(1U << reg);
}

static void bt_clear(struct env_precise *bt, int reg)
{
	bt->regs[bt->frame] &= (uint16_t) ~(1U << reg);
}

/* ---- history ---------------------------------------------------------------------------- */

uint64_t linked_pack(const struct linked *l)
{
	uint64_t packed = 0;

	for (uint32_t i = 0; i < l->n; i++)
		packed |= (uint64_t)(l->one[i].frame | (uint32_t)l->one[i].is_reg << 3 |
				     (uint32_t)l->one[i].at << 4)
			  << (10 * i);
	return packed | (uint64_t)l->n << 60;
}

void linked_unpack(uint64_t packed, struct linked *l)
{
	l->n = (uint32_t)(packed >> 60);
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t one = packed >> (10 * i) & 0x3ff;

		l->one[i] = (struct linked_one){
			.frame = one & 7, .is_reg = one >> 3 & 1, .at = (uint8_t)(one >> 4)};
	}
}

int precise_push(struct env *env, struct state *s, uint32_t flags, uint64_t linked)
{
	struct jump *j = env->jump;
	uint32_t cap;

	if (linked)
		s->touched = TOUCH_ALL;
	if (j) {
		j->flags |= flags & 0xfff;
		if (linked)
			j->linked = linked;
		return 0;
	}
	if (s->n_history == s->cap_history) {
		cap = MAX(8U, s->cap_history * 2);
		j = env_alloc(env, cap * sizeof(*j));
		if (!j)
			return env_nomem(env);
		if (s->n_history)
			memcpy(j, s->history, s->n_history * sizeof(*j));
		env_release(env, s->history, s->cap_history * sizeof(*j));
		s->history = j;
		s->cap_history = cap;
	}
	j = &s->history[s->n_history++];
	j->insn = env->insn;
	j->prev = env->prev & 0xfffff;
	j->flags = flags & 0xfff;
	j->linked = linked;
	env->jump = j;
	return 0;
}

/* ---- one step back ---------------------------------------------------------------------- */

static void step_linked(struct env_precise *bt, const struct jump *j)
{
	struct linked l;
	bool any = false;

	if (!j || !j->linked)
		return;
	linked_unpack(j->linked, &l);
	for (uint32_t i = 0; i < l.n; i++)
		any |= l.one[i].is_reg ? bt->regs[l.one[i].frame] >> l.one[i].at & 1
				       : bt->slots[l.one[i].frame] >> l.one[i].at & 1;
	for (uint32_t i = 0; any && i < l.n; i++) {
		if (l.one[i].is_reg)
			bt->regs[l.one[i].frame] |= (uint16_t)(1U << l.one[i].at);
		else
			bt->slots[l.one[i].frame] |= UINT64_C(1) << l.one[i].at;
	}
}

static int step_contradiction(struct env *env, uint32_t i, const char *what)
{
	return env_fail(env, -EFAULT, REASON_INTERNAL, "backtracking insn %u: %s", i, what);
}

/* The registers to trace before an instruction that changes only which registers these are; or -1.
 */
static inline int step_quick(uint32_t step, uint32_t regs, const struct jump *j)
{
	uint32_t kind = STEP_KIND(step), dst = regs >> STEP_DST(step) & 1;

	switch (kind) {
	case STEP_LOAD:
		return dst ? -1 : (int)regs;
	case STEP_STORE:
		return dst || (j && j->flags & JUMP_STACK) ? -1 : (int)regs;
	case STEP_COMPARE:
		return dst || regs >> STEP_SRC(step) & 1 ? -1 : (int)regs;
	case STEP_OTHER:
		return -1;
	default:
		if (kind & STEP_CLEAR)
			regs &= ~(dst << STEP_DST(step));
		if (kind & STEP_FROM)
			regs |= dst << STEP_SRC(step);
		return (int)regs;
	}
}

static int step_load(struct env_precise *bt, const struct bpf_insn *insn, const struct jump *j)
{
	uint32_t frame, slot;

	if (!bt_has(bt, insn->dst_reg))
		return 0;
	bt_clear(bt, insn->dst_reg);
	/* Scalars that were stored come only from the stack. */
	if (!j || !(j->flags & JUMP_STACK))
		return 0;
	frame = j->flags >> JUMP_FRAME_SHIFT & 7;
	slot = j->flags >> JUMP_SLOT_SHIFT & 63;
	bt->slots[frame] |= UINT64_C(1) << slot;
	return 0;
}

/* -ENOTSUPP: cannot be traced. */
static int step_store(struct env_precise *bt, const struct bpf_insn *insn, const struct jump *j,
		      bool value)
{
	uint32_t frame, slot;

	if (bt_has(bt, insn->dst_reg)) /* a pointer that was made by subtraction */
		return -ENOTSUP;
	if (!j || !(j->flags & JUMP_STACK))
		return 0;
	frame = j->flags >> JUMP_FRAME_SHIFT & 7;
	slot = j->flags >> JUMP_SLOT_SHIFT & 63;
	if (!(bt->slots[frame] >> slot & 1))
		return 0;
	bt->slots[frame] &= ~(UINT64_C(1) << slot);
	if (value)
		bt_set(bt, insn->src_reg);
	return 0;
}

/* The call of a local function: we come out of it at its beginning, or did not enter it. */
static int step_call_local(struct env *env, uint32_t i, uint32_t next)
{
	struct env_precise *bt = env->precise;
	uint32_t sub = env->aux[i + 1 + (uint32_t)env->insns[i].imm].subprog;

	if (env->subs[sub].is_global) {
		if (next != i + 1 || bt->regs[bt->frame] & BT_ARGS)
			return step_contradiction(env, i, "global function");
		bt_clear(bt, BPF_REG_0);
		return 0;
	}
	if (bt->regs[bt->frame] & ~BT_ARGS || bt->slots[bt->frame] || !bt->frame)
		return step_contradiction(env, i, "static function");
	bt->regs[bt->frame - 1] |= bt->regs[bt->frame];
	bt->regs[bt->frame] = 0;
	bt->frame--;
	return 0;
}

static int step_enter(struct env *env, uint32_t i)
{
	struct env_precise *bt = env->precise;

	if (bt->frame + 1 == VERIFY_MAX_FRAMES)
		return step_contradiction(env, i, "exit");
	bt->frame++;
	return 0;
}

static int step_call(struct env *env, uint32_t i, uint32_t next)
{
	struct env_precise *bt = env->precise;

	/* Out of a callback, at its beginning: its arguments come from nowhere. */
	if (env->aux[i].flags & AUX_CALLS_CALLBACK && i + 1 != next) {
		if (bt->regs[bt->frame] & ~BT_ARGS || bt->slots[bt->frame] || !bt->frame)
			return step_contradiction(env, i, "callback");
		bt->regs[bt->frame] = 0;
		bt->frame--;
		return 0;
	}
	bt_clear(bt, BPF_REG_0);
	if (bt->regs[bt->frame] & BT_ARGS)
		return step_contradiction(env, i, "call");
	/* A tail call that was made: into the function from behind. */
	return i + 1 != next && next != NO_CALLSITE ? step_enter(env, i) : 0;
}

/* exit: into a function or callback from behind. */
static int step_exit(struct env *env, uint32_t i, uint32_t next)
{
	struct env_precise *bt = env->precise;
	bool r0;

	if (next != NO_CALLSITE && env->aux[next].flags & AUX_CALLS_CALLBACK)
		bt->regs[bt->frame] &= (uint16_t)~BT_ARGS;
	if (bt->regs[bt->frame] & BT_ARGS || bt->frame + 1 == VERIFY_MAX_FRAMES)
		return step_contradiction(env, i, "exit");
	r0 = next != NO_CALLSITE && next && env->aux[next - 1].id == ISA_CALL_LOCAL &&
	     bt_has(bt, BPF_REG_0);
	bt_clear(bt, BPF_REG_0);
	bt->frame++;
	if (r0)
		bt_set(bt, BPF_REG_0);
	return 0;
}

static int step_jump(struct env_precise *bt, const struct bpf_insn *insn, const struct jump *j)
{
	if (!bt_has(bt, insn->dst_reg) && !bt_has(bt, insn->src_reg))
		return 0;
	if (!j || !(j->flags & JUMP_SRC_STACK))
		bt_set(bt, insn->src_reg);
	if (!j || !(j->flags & JUMP_DST_STACK))
		bt_set(bt, insn->dst_reg);
	return 0;
}

/* Undoes instruction i: what must be known before it so that what is traced is known after it.
 * next: the instruction after it on the path. */
static int step_form(struct env *env, uint32_t i, uint32_t next, const struct jump *j)
{
	const struct bpf_insn *insn = &env->insns[i];
	struct env_precise *bt = env->precise;
	int id = env->aux[i].id;

	if (id == ISA_COUNT) /* the second half of a 64-bit immediate */
		return 0;
	switch (isa_table[id].form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
	case ISA_FORM_LD_IMM64:
		bt->regs[bt->frame] = (uint16_t)step_quick(bt->steps[i], bt->regs[bt->frame], NULL);
		return 0;
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		return step_load(bt, insn, j);
	case ISA_FORM_STX:
	case ISA_FORM_ATOMIC:
		return step_store(bt, insn, j, true);
	case ISA_FORM_ST:
		return step_store(bt, insn, j, false);
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		return id == ISA_CALL_LOCAL ? step_call_local(env, i, next)
					    : step_call(env, i, next);
	case ISA_FORM_EXIT:
		return step_exit(env, i, next);
	case ISA_FORM_JMP_RR:
		return step_jump(bt, insn, j);
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		if (bt_has(bt, BPF_REG_0)) {
			bt_clear(bt, BPF_REG_0);
			return -ENOTSUP;
		}
		/* A function that ended where the packet does. */
		return i + 1 != next && next != NO_CALLSITE ? step_enter(env, i) : 0;
	default:
		return 0;
	}
}

static int step_back(struct env *env, uint32_t i, uint32_t next, const struct jump *j)
{
	int err;

	if (log_all(env))
		log_trace_step(env, env->precise->frame, i, env->precise->regs[env->precise->frame],
			       env->precise->slots[env->precise->frame]);
	/* A condition told something of several scalars: they go together before and after. */
	step_linked(env->precise, j);
	err = step_form(env, i, next, j);
	if (!err)
		step_linked(env->precise, j);
	return err;
}

/* ---- marks ------------------------------------------------------------------------------ */

static void frame_log_marks(struct env *env, const struct frame *f)
{
	const struct reg *r = packed_nth(f, 0);
	uint16_t regs = 0;
	uint64_t slots = 0;

	for (uint32_t left = f->reg_mask; left; left &= left - 1, r = packed_next(r))
		if (r->type == R_SCALAR && !r->precise)
			regs |= (uint16_t)(left & -left);
	for (uint64_t left = f->spill_mask; left; left &= left - 1, r = packed_next(r))
		if (r->type == R_SCALAR && !r->precise)
			slots |= left & -left;
	log_force(env, f->frameno, regs, slots);
}

static void frame_mark_all(struct frame *f)
{
	struct reg *r = packed_nth(f, 0);

	for (uint32_t left = f->reg_mask; left; left &= left - 1, r = packed_next(r)) {
		if (r->type != R_SCALAR)
			continue;
		r->precise = true;
		f->reg_precise |= (uint16_t)(left & -left);
	}
	for (uint64_t left = f->spill_mask; left; left &= left - 1, r = packed_next(r)) {
		if (r->type != R_SCALAR)
			continue;
		r->precise = true;
		if (kinds_first(packed_kinds(f, (uint32_t)__builtin_ctzll(left))) == SLOT_SPILL)
			f->spill_precise |= left & -left;
	}
}

void precise_mark_all(struct env *env, struct state *s)
{
	if (log_all(env))
		log_force_begin(env, s->cur);
	for (s = s->parent; s; s = s->parent)
		for (uint32_t i = 0; i <= s->cur; i++) {
			struct frame *f = s->frame[i];

			if (log_all(env))
				frame_log_marks(env, f);
			frame_mark_all(f);
		}
}

void precise_forget(struct state *s)
{
	for (uint32_t i = 0; i <= s->cur; i++) {
		struct frame *f = s->frame[i];

		for (uint32_t n = 0; n < 11; n++)
			f->regs[n].precise = false;
		for (uint32_t n = 0; n < f->n_slots; n++)
			if (f->slots[n].kind[0] == SLOT_SPILL)
				f->slots[n].reg.precise = false;
	}
}

/* Marks what is traced in a cached state; what is marked already, or no scalar, ends there. */
static int state_mark(struct env *env, struct state *s, bool *changed)
{
	struct env_precise *bt = env->precise;

	for (int top = (int)bt->frame; top >= 0; top--) {
		uint32_t n = (uint32_t)top;
		struct frame *f = s->frame[n];

		if (!f || n > s->cur)
			return step_contradiction(env, s->insn, "frames");
		for (uint32_t left = bt->regs[n] & ~f->reg_precise; left; left &= left - 1) {
			int i = __builtin_ctz(left);
			struct reg *r = packed_reg(f, i);

			if (!r || r->type != R_SCALAR)
				bt->regs[n] &= (uint16_t) ~(1U << i);
			else
				r->precise = true;
		}
		bt->regs[n] &= (uint16_t)~f->reg_precise;
		for (uint64_t left = bt->slots[n] & ~f->spill_precise; left; left &= left - 1) {
			uint32_t i = (uint32_t)__builtin_ctzll(left);
			struct reg *r = i < f->n_slots ? packed_slot(f, i) : NULL;

			/* What was never written is no scalar that could be precise. */
			if (!r || kinds_first(packed_kinds(f, i)) != SLOT_SPILL ||
			    r->type != R_SCALAR)
				bt->slots[n] &= ~(UINT64_C(1) << i);
			else
				r->precise = true;
		}
		bt->slots[n] &= ~f->spill_precise;
		f->reg_precise |= bt->regs[n];
		f->spill_precise |= bt->slots[n];
		*changed |= bt->regs[n] || bt->slots[n];
		if (log_all(env))
			log_trace_parent(env, n, bt->regs[n], bt->slots[n], s);
	}
	return 0;
}

/* The beginning of a global function: its arguments came from nowhere. */
static int trace_entry(struct env *env, struct state *s, uint32_t at, bool *changed)
{
	struct env_precise *bt = env->precise;

	if (s->cur || !s->frame[0]->subprog || s->frame[0]->callsite != NO_CALLSITE ||
	    bt->slots[0] || bt->regs[0] & ~BT_ARGS)
		return step_contradiction(env, at, "function entry");
	bt_reset(bt);
	return 0;
}

/* From instruction i (next: the one after it) to the beginning of the path since the cached state.
 * skip: i is not undone, it asked. 1: nothing is traced any more. -ENOTSUP: cannot be traced. */
static int trace_path(struct env *env, const struct state *s, uint32_t i, uint32_t next, bool skip)
{
	struct env_precise *bt = env->precise;
	const struct jump *j = s->history + s->n_history; /* one beyond what is still ahead */
	bool quick = !log_all(env);
	int regs, err;

	for (;; skip = false) {
		const struct jump *here = j != s->history && j[-1].insn == i ? j - 1 : NULL;
		uint32_t step = bt->steps[i];

		if (!skip && !(quick && !STEP_KIND(step) && !(here && here->linked))) {
			regs = quick && !(here && here->linked)
				       ? step_quick(step, bt->regs[bt->frame], here)
				       : -1;
			if (regs >= 0) {
				bt->regs[bt->frame] = (uint16_t)regs;
			} else {
				err = step_back(env, i, next, here);
				if (err)
					return err;
				regs = 0;
			}
			if (!regs && bt_empty(bt))
				return 1;
		}
		/* The beginning of the path? */
		if (i == s->first_insn &&
		    (j == s->history || (j == s->history + 1 && s->history[0].insn == i)))
			return 0;
		next = i;
		i = here ? here->prev : i - 1;
		j -= !!here;
	}
}

/* Nothing on the path that s came changes what is traced. */
static bool trace_untouched(struct env *env, const struct state *s)
{
	const struct env_precise *bt = env->precise;
	uint32_t traced = bt->regs[bt->frame];

	for (uint32_t i = 0; i <= bt->frame; i++)
		traced |= bt->slots[i] ? TOUCH_STACK : 0;
	return !(traced & s->touched) && s->touched != TOUCH_ALL && !log_all(env);
}

/* Traces what env->precise names back from state s. */
static int trace(struct env *env, struct state *start, bool *changed)
{
	struct env_precise *bt = env->precise;
	struct state *s = start;
	uint32_t last = start->insn, next = NO_CALLSITE;
	int err;

	if (bt_empty(bt))
		return 0;
	for (;;) {
		if (log_all(env))
			log_trace_begin(env, bt->frame, last, s->first_insn, next);
		if (last == NO_CALLSITE)
			return trace_entry(env, s, next, changed);
		err = trace_untouched(env, s) ? 0 : trace_path(env, s, last, next, s == start);
		if (err == -ENOTSUP)
			break;
		if (err)
			return MIN(err, 0);
		next = s->first_insn;
		s = s->parent;
		if (!s)
			break;
		err = state_mark(env, s, changed);
		if (err)
			return err;
		if (bt_empty(bt))
			return 0;
		last = s->last_insn;
	}
	/* Something was written that we do not follow: everything counts. */
	precise_mark_all(env, start);
	bt_reset(bt);
	return 0;
}

int precise_null(struct env *env, int regno)
{
	return env->image->engine && env_reg(env, regno)->type == R_SCALAR ? precise_reg(env, regno)
									   : 0;
}

int precise_reg(struct env *env, int regno)
{
	bool changed = false;

	if (!env->bpf_capable)
		return 0;
	if (env_reg(env, regno)->type != R_SCALAR) /* as a helper's argument that may be anything */
		return env_fail(env, -EFAULT, REASON_INTERNAL, "verifier bug: backtracking misuse");
	bt_reset(env->precise);
	env->precise->frame = env->st->cur;
	bt_set(env->precise, regno);
	return trace(env, env->st, &changed);
}

int precise_stack(struct env *env, uint32_t frame, uint32_t slot)
{
	bool changed = false;

	if (!env->bpf_capable)
		return 0;
	bt_reset(env->precise);
	env->precise->frame = env->st->cur;
	env->precise->slots[frame] |= UINT64_C(1) << slot;
	return trace(env, env->st, &changed);
}

int precise_propagate(struct env *env, const struct state *old, struct state *cur, bool *changed)
{
	struct env_precise *bt = env->precise;

	if (!env->bpf_capable)
		return 0;
	bt_reset(bt);
	bt->frame = cur->cur;
	for (uint32_t n = 0; n <= old->cur; n++) {
		const struct frame *f = old->frame[n];

		bt->regs[n] = f->reg_precise;
		bt->slots[n] = f->spill_precise;
		if (log_all(env) && (bt->regs[n] || bt->slots[n]))
			log_propagate(env, n, bt->regs[n], bt->slots[n]);
	}
	return trace(env, cur, changed);
}
