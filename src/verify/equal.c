/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/equal.c - is one state inside another that was found safe? The old one is packed, the
 * current one is not.
 *
 * Ids have no meaning of their own: two states agree if their ids can be paired. The pairs that
 * were needed so far are kept while one pair of states is compared.
 */
#include "verify/env.h"

#define ID_PAIRS ((11 + VERIFY_SLOTS) * VERIFY_MAX_FRAMES)

struct pairs {
	uint32_t n, next; /* next: an id that nobody has */
	struct {
		uint32_t old, cur;
	} pair[ID_PAIRS];
};

struct compare {
	struct env *env;
	enum exactness exact;
	/* Imprecise scalars may hold anything. */
	bool loose;
	/* The register of the current frame that is not inside, or -1. */
	int differs;
	const struct frame *old; /* the packed frame whose registers are compared */
	struct pairs pairs;
};

static bool ids_agree(struct compare *c, uint32_t old, uint32_t cur)
{
	struct pairs *p = &c->pairs;

	if (!old || !cur)
		return old == cur;
	for (uint32_t i = 0; i < p->n; i++) {
		if (p->pair[i].old == old)
			return p->pair[i].cur == cur;
		if (p->pair[i].cur == cur)
			return false;
	}
	if (p->n == ID_PAIRS)
		return false;
	p->pair[p->n].old = old;
	p->pair[p->n++].cur = cur;
	return true;
}

/* A scalar without an id is alone of its value: that another one is tied to something is no harm,
 * the reverse is. Those that a constant was added to are tied to the one it was added to. */
static bool scalar_ids_agree(struct compare *c, uint32_t old, uint32_t cur)
{
	if (!old)
		return true;
	cur &= ~ID_ADD_CONST;
	return ids_agree(c, old & ~ID_ADD_CONST, cur ? cur : ++c->pairs.next);
}

/* What comes before the id. */
static bool heads_same(const struct reg *old, const struct reg *cur)
{
	return !memcmp(old, cur, offsetof(struct reg, id));
}

static bool vars_same(const struct compare *c, const struct reg *old, const struct reg *cur)
{
	struct range tmp;

	if (old->var_kind == VAR_CONST)
		return cur->var.umin == *((const uint64_t *)c->old + old->var_at) &&
		       range_only(&cur->var);
	return range_same(packed_var(c->old, old, &tmp), &cur->var);
}

static bool regs_exact(struct compare *c, const struct reg *old, const struct reg *cur)
{
	return heads_same(old, cur) && vars_same(c, old, cur) && ids_agree(c, old->id, cur->id) &&
	       ids_agree(c, old->ref, cur->ref);
}

static bool range_inside(const struct compare *c, const struct reg *old, const struct reg *cur)
{
	const struct range *var;
	struct range tmp;

	if (old->var_kind == VAR_ANY)
		return true;
	var = packed_var(c->old, old, &tmp);
	return range_within(var, &cur->var) && tnum_in(var->bits, cur->var.bits);
}

static bool packet_inside(struct compare *c, const struct reg *old, const struct reg *cur)
{
	/* What was verified of the packet, or that its end was passed. */
	if (old->range < 0 || cur->range < 0) {
		if (old->range != cur->range)
			return false;
	} else if (old->range > cur->range) {
		return false;
	}
	/* Other offsets: other alignment. */
	return old->off == cur->off && ids_agree(c, old->id, cur->id) && range_inside(c, old, cur);
}

static bool scalar_inside(struct compare *c, const struct reg *old, const struct reg *cur)
{
	if (c->env->alu_limits_differ)
		return heads_same(old, cur) && vars_same(c, old, cur) &&
		       scalar_ids_agree(c, old->id, cur->id);
	if (!old->precise && c->exact == NOT_EXACT && !c->env->image->all_precise)
		return true;
	if (old->id && (old->id ^ cur->id) & ID_ADD_CONST)
		return false;
	if (old->id & ID_ADD_CONST && old->off != cur->off)
		return false;
	return range_inside(c, old, cur) && scalar_ids_agree(c, old->id, cur->id);
}

static bool reg_inside(struct compare *c, const struct reg *old, const struct reg *cur)
{
	if (!old)
		return c->exact != EXACT || cur->type == R_NOT_INIT;
	if (c->exact == EXACT)
		return regs_exact(c, old, cur);
	if (old->type != cur->type || old->flags != cur->flags)
		return false;
	switch (old->type) {
	case R_SCALAR:
		return scalar_inside(c, old, cur);
	case R_MAP_KEY:
	case R_MAP_VALUE:
	case R_MEM:
	case R_BUF:
	case R_TP_BUFFER:
		return heads_same(old, cur) && range_inside(c, old, cur) &&
		       ids_agree(c, old->id, cur->id) && ids_agree(c, old->ref, cur->ref);
	case R_PACKET:
	case R_PACKET_META:
		return packet_inside(c, old, cur);
	case R_ARENA:
		return true;
	default:
		return regs_exact(c, old, cur);
	}
}

/* ---- stack ------------------------------------------------------------------------------ */

static const struct reg unbound = {
	.type = R_SCALAR,
	.var_kind = VAR_ANY,
	.var = RANGE_UNKNOWN,
};

static uint8_t kind_at(uint64_t kinds, int byte)
{
	return (uint8_t)(kinds >> (8 * byte));
}

/* The number that the slot holds as a whole: a spilled one, or any. */
static const struct reg *slot_scalar(const struct env *env, uint64_t kinds, const struct reg *r)
{
	if (kinds == SLOT_KINDS(SLOT_SPILL))
		return r->type == R_SCALAR ? r : NULL;
	for (int b = 0; b < SLOT_BYTES; b++)
		if (kind_at(kinds, b) != SLOT_MISC &&
		    !(kind_at(kinds, b) == SLOT_INVALID && env->allow_uninit_stack))
			return NULL;
	return &unbound;
}

static bool slot_object_inside(struct compare *c, uint8_t kind, const struct reg *o,
			       const struct reg *r)
{
	switch (kind) {
	case SLOT_SPILL:
		return reg_inside(c, o, r);
	case SLOT_DYNPTR:
		return o->dynptr.type == r->dynptr.type &&
		       o->dynptr.first_slot == r->dynptr.first_slot && ids_agree(c, o->ref, r->ref);
	case SLOT_ITER:
		/* Not the depth: it only tells iterations apart. */
		return o->iter.btf == r->iter.btf && o->iter.btf_id == r->iter.btf_id &&
		       o->iter.phase == r->iter.phase && ids_agree(c, o->ref, r->ref);
	case SLOT_IRQ_FLAG:
		return ids_agree(c, o->ref, r->ref) && o->irq.kfunc_class == r->irq.kfunc_class;
	default:
		return true;
	}
}

/* Would old, which was never looked at here, be fine with anything? */
static bool byte_ignored(const struct env *env, uint8_t kind)
{
	return kind == SLOT_INVALID || (kind == SLOT_MISC && env->allow_uninit_stack);
}

/* kinds, o: of the old slot. cur: NULL beyond the current stack. */
/* A path ends here whose successors may read what was written on theirs, but not on it. */
static void slot_note_unwritten(struct env *env, uint64_t kinds, uint64_t now)
{
	for (int i = 0; i < SLOT_BYTES; i++)
		env->reads_unwritten |=
			kind_at(kinds, i) == SLOT_MISC && kind_at(now, i) == SLOT_INVALID;
}

static bool slot_inside(struct compare *c, uint64_t kinds, const struct reg *o,
			const struct slot *cur)
{
	uint64_t now = cur ? get_u64(cur->kind) : 0;
	const struct reg *a, *b;
	bool ignored = true;

	if (kinds != now && !c->env->reads_unwritten)
		slot_note_unwritten(c->env, kinds, now);
	/* In loops even what may hold anything has to hold what it held. */
	if (c->exact != NOT_EXACT && (!cur || kinds != now))
		return false;
	if (kinds != SLOT_KINDS(SLOT_INVALID) && kinds != SLOT_KINDS(SLOT_SPILL))
		for (int i = 0; i < SLOT_BYTES; i++)
			ignored &= byte_ignored(c->env, kind_at(kinds, i));
	else
		ignored = kinds == SLOT_KINDS(SLOT_INVALID);
	if (ignored)
		return true;
	if (!cur)
		return false;
	a = slot_scalar(c->env, kinds, o);
	b = a ? slot_scalar(c->env, now, &cur->reg) : NULL;
	if (a && b)
		return reg_inside(c, a, b);
	for (int i = 0; kinds != now && i < SLOT_BYTES; i++) {
		uint8_t k = kind_at(kinds, i), n = kind_at(now, i);

		if (!byte_ignored(c->env, k) && k != n && !(k == SLOT_MISC && n == SLOT_ZERO))
			return false;
	}
	/* Data was allowed where now zero is: nothing more to compare. */
	if (kinds_first(kinds) != kinds_first(now))
		return true;
	return slot_object_inside(c, kinds_first(kinds), o, &cur->reg);
}

/* A spilled scalar that does not count, and now there is one, too. */
static bool slot_loose(const struct frame *old, uint32_t i, const struct slot *cur)
{
	return (old->spill_scalars & ~old->spill_precise) >> i & 1 &&
	       get_u64(cur->kind) == SLOT_KINDS(SLOT_SPILL) && reg_is_plain(&cur->reg);
}

static bool stack_inside(struct compare *c, const struct frame *old, const struct frame *cur)
{
	const struct reg *r = packed_nth(old, count_bits(old->reg_mask));
	uint64_t mask = old->spill_mask;

	/* Packed registers lie in the order of their slots. */
	for (uint32_t i = 0; i < old->n_slots; i++, mask >>= 1) {
		const struct reg *o = mask & 1 ? r : NULL;
		const struct slot *now = i < cur->n_slots ? &cur->slots[i] : NULL;

		if (o)
			r = packed_next(r);
		if (now && c->loose && slot_loose(old, i, now))
			continue;
		if (!slot_inside(c, packed_kinds(old, i), o, now))
			return false;
	}
	for (uint32_t i = old->n_slots; c->exact != NOT_EXACT && i < old->cap; i++)
		if (!slot_inside(c, SLOT_KINDS(SLOT_INVALID), NULL,
				 i < cur->n_slots ? &cur->slots[i] : NULL))
			return false;
	return true;
}

/* ---- states ----------------------------------------------------------------------------- */

static bool regs_inside(struct compare *c, const struct frame *old, const struct frame *cur,
			uint32_t live)
{
	uint32_t mask = old->reg_mask;

	if (c->loose) {
		/* Of these only what they are counts. */
		uint32_t loose = live & old->reg_scalars & ~old->reg_precise;

		live &= ~loose;
		for (; loose; loose &= loose - 1)
			if (!reg_is_plain(&cur->regs[__builtin_ctz(loose)]))
				return false;
	}
	/* What was nothing may be anything, except if states have to be the same. */
	if (c->exact != EXACT)
		live &= mask;
	for (; live; live &= live - 1) {
		int i = __builtin_ctz(live);

		if (!reg_inside(c, packed_reg(old, i), &cur->regs[i])) {
			c->differs = i;
			return false;
		}
	}
	return true;
}

static bool frame_inside(struct compare *c, const struct frame *old, const struct frame *cur,
			 uint32_t insn)
{
	uint32_t live = c->env->image->all_precise ? (1U << 11) - 1 : c->env->aux[insn].live_before;

	if (old->callback_depth > cur->callback_depth)
		return false;
	c->old = old;
	return regs_inside(c, old, cur, live) && stack_inside(c, old, cur);
}

static bool refs_agree(struct compare *c, const struct state *old, const struct state *cur)
{
	if (old->n_refs != cur->n_refs || old->locks != cur->locks ||
	    old->preempt_off != cur->preempt_off || old->rcu_depth != cur->rcu_depth ||
	    old->lock_ptr != cur->lock_ptr || !ids_agree(c, old->irq_id, cur->irq_id) ||
	    !ids_agree(c, old->lock_id, cur->lock_id))
		return false;
	for (uint16_t i = 0; i < old->n_refs; i++) {
		const struct ref *o = &old->refs[i], *r = &cur->refs[i];

		if (o->kind != r->kind || o->ptr != r->ptr || !ids_agree(c, o->id, r->id))
			return false;
	}
	return true;
}

bool states_equal(struct env *env, const struct state *old, const struct state *cur,
		  enum exactness exact, int *differs)
{
	struct compare c;

	*differs = -1;

	if (old->cur != cur->cur || old->sleepable != cur->sleepable ||
	    (old->speculative && !cur->speculative))
		return false;
	c.env = env;
	c.exact = exact;
	c.loose = exact == NOT_EXACT && !env->alu_limits_differ && !env->image->all_precise;
	c.differs = -1;
	c.pairs.n = 0;
	c.pairs.next = env->next_id;
	if (!refs_agree(&c, old, cur))
		return false;
	for (uint32_t i = 0; i <= old->cur; i++)
		if (old->frame[i]->callsite != cur->frame[i]->callsite)
			return false;
	/* The current function first: there most differs. */
	for (uint32_t i = old->cur + 1; i-- > 0;)
		if (!frame_inside(&c, old->frame[i], cur->frame[i], state_insn(old, i))) {
			*differs = i == old->cur ? c.differs : -1;
			return false;
		}
	return true;
}

/* ---- loops that the program ends -------------------------------------------------------- */

static void widen(struct compare *c, const struct reg *old, struct reg *cur)
{
	if (old && old->type == R_SCALAR && cur->type == R_SCALAR && !old->precise &&
	    !cur->precise && !regs_exact(c, old, cur))
		reg_set_unknown(c->env, cur);
}

void states_widen(struct env *env, const struct state *old, struct state *cur)
{
	struct compare c;

	c.env = env;
	c.exact = EXACT;
	c.pairs.n = 0;
	c.pairs.next = env->next_id;
	for (uint32_t i = 0; i <= old->cur && i <= cur->cur; i++) {
		const struct frame *o = old->frame[i];
		struct frame *f = cur->frame[i];

		c.old = o;
		for (int r = 0; r < 10; r++)
			widen(&c, packed_reg(o, r), &f->regs[r]);
		for (uint32_t n = 0; n < o->n_slots && n < f->n_slots; n++)
			if (kinds_first(packed_kinds(o, n)) == SLOT_SPILL &&
			    f->slots[n].kind[0] == SLOT_SPILL)
				widen(&c, packed_slot(o, n), &f->slots[n].reg);
	}
}
