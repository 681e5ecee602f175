/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/irq.c - saved interrupt flags, and sections without preemption or under RCU.
 *
 * Interrupt flags are saved in a slot of the stack that is an object of its own, and restored in
 * the reverse order: the state's references have them in the order in which they were saved, and
 * irq_id is the last. Of the other sections only that without preemption nests; what ends with
 * an RCU section is the promise that objects read in it live on.
 */
#include "verify/kfunc.h"
#include "verify/log.h"

enum { IRQ_NATIVE, IRQ_LOCK };

static const char *irq_class_text(uint8_t class)
{
	return class == IRQ_NATIVE ? "native" : "lock";
}

/* No flags are saved in the slot yet. */
static bool irq_is_free(struct env *env, const struct reg *r)
{
	const struct frame *f = env->st->frame[r->frame];
	int slot = stack_object_slot(env, r, "irq_flag", 1);

	if (slot < 0)
		return slot == -ERANGE;
	for (int b = 0; b < SLOT_BYTES; b++)
		if (f->slots[slot].kind[b] == SLOT_IRQ_FLAG)
			return false;
	return true;
}

static int irq_save(struct env *env, int regno, uint8_t class)
{
	const struct reg *r = env_reg(env, regno);
	struct slot *s;
	uint32_t id;
	int slot, err;

	if (!irq_is_free(env, r))
		return env_fail_reg(env, -EINVAL, REASON_IRQ, regno,
				    "expected uninitialized irq flag as arg#%d", regno - 1);
	err = mem_access(env, regno, 0, SLOT_BYTES, ACCESS_WRITE, -1, false, false);
	if (err)
		return err;
	r = env_reg(env, regno);
	slot = stack_object_slot(env, r, "irq_flag", 1);
	if (slot < 0)
		return slot;
	id = state_acquire_irq(env);
	if (!id)
		return env_nomem(env);
	s = &env->st->frame[r->frame]->slots[slot];
	memset(s->kind, SLOT_IRQ_FLAG, sizeof(s->kind));
	reg_set_pointer(&s->reg, R_STACK, 0);
	s->reg.ref = id;
	s->reg.irq.kfunc_class = class;
	return log_object_write(env, r->frame, UINT64_C(1) << slot);
}

static int irq_restore_slot(struct env *env, uint32_t frame, uint32_t slot, uint8_t class)
{
	struct slot *s = &env->st->frame[frame]->slots[slot];
	const struct ref *innermost = NULL;
	int err;

	if (s->reg.irq.kfunc_class != class)
		return env_fail(env, -EINVAL, REASON_IRQ,
				"irq flag acquired by %s kfuncs cannot be restored with %s kfuncs",
				irq_class_text(s->reg.irq.kfunc_class), irq_class_text(class));
	err = state_release_irq(env->st, s->reg.ref);
	if (err) {
		for (uint32_t i = 0; i < env->st->n_refs && !innermost; i++)
			if (env->st->refs[i].id == env->st->irq_id)
				innermost = &env->st->refs[i];
		return env_fail(env, err, REASON_IRQ,
				"cannot restore irq state out of order, expected id=%u acquired at "
				"insn_idx=%u",
				env->st->irq_id, innermost ? innermost->insn : 0);
	}
	memset(s->kind, SLOT_INVALID, sizeof(s->kind));
	reg_set_not_init(&s->reg);
	return log_object_write(env, frame, UINT64_C(1) << slot);
}

static int irq_restore(struct env *env, int regno, uint8_t class)
{
	const struct reg *r = env_reg(env, regno);
	const struct frame *f = env->st->frame[r->frame];
	int slot = stack_object_slot(env, r, "irq_flag", 1);
	bool valid = slot >= 0 && f->slots[slot].reg.ref;
	int err;

	for (int b = 0; valid && b < SLOT_BYTES; b++)
		valid = f->slots[slot].kind[b] == SLOT_IRQ_FLAG;
	if (!valid)
		return env_fail_reg(env, -EINVAL, REASON_IRQ, regno,
				    "expected an initialized irq flag as arg#%d", regno - 1);
	err = live_read(env, r->frame, UINT64_C(1) << slot);
	return err ? err : irq_restore_slot(env, r->frame, (uint32_t)slot, class);
}

int irq_flag_arg(struct env *env, struct kfunc_call *c, int regno)
{
	uint16_t groups = c->func->groups;
	uint8_t class = groups & KG_LOCK_IRQ ? IRQ_LOCK : IRQ_NATIVE;

	if (env_reg(env, regno)->type != R_STACK)
		return env_fail_reg(env, -EINVAL, REASON_IRQ, regno,
				    "arg#%d doesn't point to an irq flag on stack", regno - 1);
	if (groups & KG_SAVES_IRQ)
		return irq_save(env, regno, class);
	if (c->func->special != KS_IRQ_RESTORE && !(groups & KG_LOCK_IRQ))
		return env_fail(env, -EFAULT, REASON_UNKNOWN_FUNC, "unknown irq flags kfunc");
	return irq_restore(env, regno, class);
}

/* ---- sections
 * ------------------------------------------------------------------------------------- */

static void irq_demote(struct reg *r)
{
	if (!(r->flags & F_RCU))
		return;
	r->flags &= (uint16_t) ~(F_RCU | F_NULL);
	r->flags |= F_UNTRUSTED;
}

/* Objects that were only valid in the section are not any more; iterators that were made in it
 * cannot go on. */
static void irq_end_rcu(struct state *s)
{
	struct reg *r;

	STATE_FOR_EACH_REG(s, r)
	{
		irq_demote(r);
	}
	for (uint32_t i = 0; i <= s->cur; i++)
		for (uint32_t n = 0; n < s->frame[i]->n_slots; n++)
			if (s->frame[i]->slots[n].kind[0] == SLOT_ITER)
				irq_demote(&s->frame[i]->slots[n].reg);
}

static int irq_rcu(struct env *env, const struct kfunc *f)
{
	struct state *s = env->st;
	bool lock = f->special == KS_RCU_READ_LOCK, unlock = f->special == KS_RCU_READ_UNLOCK;

	if (!s->rcu_depth) {
		if (unlock)
			return env_fail(env, -EINVAL, REASON_RCU,
					"unmatched rcu read unlock (kernel function %s)", f->name);
		s->rcu_depth = lock;
		return 0;
	}
	if ((lock || unlock) && graph_in_locked_callback(env))
		return env_fail(
			env, -EACCES, REASON_RCU,
			"Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback");
	if (lock)
		return env_fail(env, -EINVAL, REASON_RCU,
				"nested rcu read lock (kernel function %s)", f->name);
	if (unlock) {
		irq_end_rcu(s);
		s->rcu_depth = 0;
	} else if (f->flags & KF_SLEEPABLE) {
		return env_fail(env, -EACCES, REASON_RCU,
				"kernel func %s is sleepable within rcu_read_lock region", f->name);
	}
	return 0;
}

static int irq_preempt(struct env *env, const struct kfunc *f)
{
	struct state *s = env->st;

	if (f->special == KS_PREEMPT_DISABLE) {
		s->preempt_off++;
	} else if (f->special == KS_PREEMPT_ENABLE) {
		if (!s->preempt_off)
			return env_fail(
				env, -EINVAL, REASON_IRQ,
				"unmatched attempt to enable preemption (kernel function %s)",
				f->name);
		s->preempt_off--;
	} else if (s->preempt_off && (f->flags & KF_SLEEPABLE)) {
		return env_fail(env, -EACCES, REASON_SLEEP,
				"kernel func %s is sleepable within non-preemptible region",
				f->name);
	}
	return 0;
}

int irq_sections(struct env *env, const struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	struct state *s = env->st;
	int err = irq_rcu(env, f);

	if (!err)
		err = irq_preempt(env, f);
	if (err)
		return err;
	if (s->irq_id && (f->flags & KF_SLEEPABLE))
		return env_fail(env, -EACCES, REASON_SLEEP,
				"kernel func %s is sleepable within IRQ-disabled region", f->name);
	if ((f->flags & KF_RCU_PROTECTED) && !s->rcu_depth && !s->locks && env_may_sleep(env))
		return env_fail(env, -EACCES, REASON_RCU,
				"kernel func %s requires RCU critical section protection", f->name);
	return 0;
}
