/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/iter.c - open-coded iterators: objects in the stack that new makes, next moves and
 * destroy releases.
 *
 * An iterator takes n whole slots. The first one, that of the lowest address and highest index,
 * holds the reference. A next has two outcomes and both are followed: the path with an element is
 * queued, with one more to its depth; this path goes on as if there was none, and the iterator
 * is drained from then on.
 */
#include "verify/kfunc.h"
#include "verify/log.h"

#define ITER_PREFIX "bpf_iter_"

/* The name of the iterator's struct without what all begin with. */
static const char *iter_text(const struct btf *btf, uint32_t id)
{
	return btf_name(btf, id) + sizeof(ITER_PREFIX) - 1;
}

/* The struct that parameter i points to, if it is an iterator: its id, or 0. */
static uint32_t iter_struct(const struct kfunc *f, uint32_t i)
{
	const struct kfunc_param *p = &f->params[i];

	if (!p->to || btf_type_kind(p->to) != BTF_KIND_STRUCT ||
	    strncmp(btf_str(f->btf, p->to->name_off), ITER_PREFIX, sizeof(ITER_PREFIX) - 1))
		return 0;
	return p->to_id;
}

static uint64_t iter_mask(uint32_t slot, uint32_t n)
{
	return (UINT64_MAX >> (64 - n)) << (slot + 1 - n);
}

static bool iter_slot_is(const struct slot *s)
{
	for (int i = 0; i < SLOT_BYTES; i++)
		if (s->kind[i] != SLOT_ITER)
			return false;
	return true;
}

static bool iter_in_rcu(const struct env *env)
{
	return env->st->rcu_depth || env->st->locks || !env_may_sleep(env);
}

/* ---- new --------------------------------------------------------------------------------------
 */

/* No iterator is where one is to be made. */
static bool iter_is_free(struct env *env, const struct reg *r, uint32_t n)
{
	const struct frame *f = env->st->frame[r->frame];
	int slot = stack_object_slot(env, r, "iter", (int)n);

	/* That the frame has not that much stack yet is nothing wrong. */
	if (slot < 0)
		return slot == -ERANGE;
	for (uint32_t i = 0; i < n; i++)
		for (int b = 0; b < SLOT_BYTES; b++)
			if (f->slots[slot - (int)i].kind[b] == SLOT_ITER)
				return false;
	return true;
}

static int iter_mark(struct env *env, const struct kfunc_call *c, const struct reg *r, uint32_t id,
		     uint32_t n)
{
	struct frame *f = env->st->frame[r->frame];
	int slot = stack_object_slot(env, r, "iter", (int)n);
	uint16_t flags = 0;
	uint32_t ref;

	if (slot < 0)
		return slot;
	ref = state_acquire(env);
	if (!ref)
		return env_nomem(env);
	if (kfunc_has(c, KF_RCU_PROTECTED))
		flags = iter_in_rcu(env) ? F_RCU : F_UNTRUSTED;
	for (uint32_t i = 0; i < n; i++) {
		struct slot *s = &f->slots[slot - (int)i];

		memset(s->kind, SLOT_ITER, sizeof(s->kind));
		reg_set_pointer(&s->reg, R_STACK, flags);
		s->reg.ref = i ? 0 : ref;
		s->reg.iter.btf = c->func->btf;
		s->reg.iter.btf_id = id;
		s->reg.iter.phase = ITER_ACTIVE;
	}
	return log_object_write(env, r->frame, iter_mask((uint32_t)slot, n));
}

static int iter_new(struct env *env, const struct kfunc_call *c, int regno, uint32_t id, uint32_t n)
{
	int err = 0;

	if (!iter_is_free(env, env_reg(env, regno), n))
		return env_fail_reg(env, -EINVAL, REASON_ITER, regno,
				    "expected uninitialized iter_%s as arg #%d",
				    iter_text(c->func->btf, id), regno - 1);
	for (uint32_t i = 0; !err && i < n; i++)
		err = mem_access(env, regno, (int)i * SLOT_BYTES, SLOT_BYTES, ACCESS_WRITE, -1,
				 false, false);
	return err ? err : iter_mark(env, c, env_reg(env, regno), id, n);
}

/* ---- next, destroy, and others that take one
 * ------------------------------------------------------ */

/* The first slot of an initialised iterator of that type; -EINVAL, or -EPROTO if the section
 * that it was made in is over. No message. */
static int iter_find(struct env *env, const struct reg *r, const struct btf *btf, uint32_t id,
		     uint32_t n)
{
	const struct frame *f = env->st->frame[r->frame];
	int slot = stack_object_slot(env, r, "iter", (int)n);

	if (slot < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		const struct slot *s = &f->slots[slot - (int)i];

		/* Of a spilled pointer, too: the kernel looks at this first. */
		if ((s->kind[0] == SLOT_ITER || s->kind[0] == SLOT_SPILL) &&
		    (s->reg.flags & F_UNTRUSTED))
			return -EPROTO;
		if (!iter_slot_is(s))
			return -EINVAL;
		if (!i != !!s->reg.ref || s->reg.iter.btf != btf || s->reg.iter.btf_id != id)
			return -EINVAL;
	}
	return slot;
}

static int iter_destroy(struct env *env, struct frame *f, uint32_t slot, uint32_t n)
{
	state_release(env, f->slots[slot].reg.ref);
	for (uint32_t i = 0; i < n; i++) {
		struct slot *s = &f->slots[slot - i];

		memset(s->kind, SLOT_INVALID, sizeof(s->kind));
		reg_set_not_init(&s->reg);
	}
	return log_object_write(env, f->frameno, iter_mask(slot, n));
}

int iter_arg(struct env *env, struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	const struct kfunc *f = c->func;
	uint32_t id, n;
	int slot, err;

	if (r->type != R_STACK)
		return env_fail_reg(env, -EINVAL, REASON_ITER, regno,
				    "arg#%d expected pointer to an iterator on stack", regno - 1);
	id = iter_struct(f, (uint32_t)regno - 1);
	n = id ? f->params[regno - 1].to->size / SLOT_BYTES : 0;
	if (!n || n > VERIFY_SLOTS)
		return env_fail_reg(env, -EINVAL, REASON_ITER, regno,
				    "expected valid iter pointer as arg #%d", regno - 1);
	if (f->flags & KF_ITER_NEW)
		return iter_new(env, c, regno, id, n);
	slot = iter_find(env, r, f->btf, id, n);
	if (slot == -EPROTO)
		return env_fail_reg(env, slot, REASON_RCU, regno,
				    "expected an RCU CS when using %s", f->name);
	if (slot < 0)
		return env_fail_reg(env, slot, REASON_ITER, regno,
				    "expected an initialized iter_%s as arg #%d",
				    iter_text(f->btf, id), regno - 1);
	if (log_on(env))
		log_touch(env, iter_mask((uint32_t)slot, n));
	err = live_read(env, r->frame, iter_mask((uint32_t)slot, n));
	if (err)
		return err;
	c->iter.frame = r->frame;
	c->iter.slot = (uint32_t)slot;
	c->ref = env->st->frame[r->frame]->slots[slot].reg.ref;
	if (f->flags & KF_ITER_DESTROY)
		return iter_destroy(env, env->st->frame[r->frame], (uint32_t)slot, n);
	return 0;
}

struct reg *iter_of_call(const struct state *s, const struct kfunc_call *c)
{
	return &s->frame[c->iter.frame]->slots[c->iter.slot].reg;
}

int iter_next(struct env *env, const struct kfunc_call *c)
{
	struct reg *iter = iter_of_call(env->st, c);
	struct state *queued;
	int err;

	if (iter->iter.phase == ITER_ACTIVE) {
		queued = explore_push(env, env->insn + 1, env->insn, false);
		if (!queued)
			return env_nomem(env);
		iter_of_call(queued, c)->iter.depth++;
		err = visit_widen(env, queued);
		if (err)
			return err;
		state_regs(queued)[0].flags &= (uint16_t)~F_NULL;
	}
	iter->iter.phase = ITER_DRAINED;
	reg_set_const(env, env_reg(env, 0), 0);
	return 0;
}
