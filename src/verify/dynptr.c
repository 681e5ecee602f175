/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/dynptr.c - dynptrs: 16 bytes of stack that only functions of the kernel may touch.
 *
 * A dynptr takes two slots, the one of the lower address (the higher index) is its first. Both
 * are of kind SLOT_DYNPTR in whole or not at all: whatever writes to a byte of them destroys the
 * dynptr and every slice of it. A dynptr that holds a reference (ring buffer records) must not
 * be destroyed but released, and all its clones with it.
 */
#include "verify/env.h"
#include "verify/log.h"

#define DYNPTR_SLOTS 2

static const char *dynptr_type_text(enum dynptr_type type)
{
	static const char *const texts[] = {
		[DYN_INVALID] = "<invalid>", [DYN_LOCAL] = "local", [DYN_RINGBUF] = "ringbuf",
		[DYN_SKB] = "skb",	     [DYN_XDP] = "xdp",	    [DYN_SKB_META] = "skb_meta",
		[DYN_FILE] = "file",
	};

	return texts[type];
}

static bool dynptr_is_counted(enum dynptr_type type)
{
	return type == DYN_RINGBUF || type == DYN_FILE;
}

int stack_object_slot(struct env *env, const struct reg *reg, const char *what, int n)
{
	const struct frame *f = env->st->frame[reg->frame];
	int64_t off;
	int slot;

	if (!range_is_const(&reg->var))
		return env_fail(env, -EINVAL, REASON_ARG_TYPE, "%s has to be at a constant offset",
				what);
	off = (int64_t)((uint64_t)reg->off + range_const(&reg->var));
	if (off % SLOT_BYTES)
		goto misplaced;
	if (off >= INT32_MAX || off <= INT32_MIN)
		goto misplaced;
	slot = stack_slot((int)off);
	if (slot + 1 < n)
		goto misplaced;
	if (slot - n + 1 < 0 || slot >= f->n_slots)
		return -ERANGE;
	return slot;
misplaced:
	return env_fail(env, -EINVAL, REASON_ARG_TYPE, "cannot pass in %s at an offset=%d", what,
			(int)off);
}

static int dynptr_slot(struct env *env, const struct reg *reg)
{
	return stack_object_slot(env, reg, "dynptr", DYNPTR_SLOTS);
}

static uint64_t dynptr_mask(uint32_t slot)
{
	return UINT64_C(3) << (slot - 1);
}

static bool dynptr_slot_is(const struct slot *s)
{
	return get_u64(s->kind) == SLOT_KINDS(SLOT_DYNPTR);
}

/* Nothing is left in the two slots. */
static int dynptr_clear(struct env *env, struct frame *f, uint32_t slot)
{
	for (uint32_t i = slot - 1; i <= slot; i++) {
		put_u64(f->slots[i].kind, SLOT_KINDS(SLOT_INVALID));
		reg_set_not_init(&f->slots[i].reg);
	}
	return log_object_write(env, f->frameno, dynptr_mask(slot));
}

int dynptr_destroy_overwritten(struct env *env, struct frame *f, uint32_t slot)
{
	uint32_t id;
	struct reg *r;

	if (slot >= f->n_slots || f->slots[slot].kind[0] != SLOT_DYNPTR)
		return 0;
	if (!f->slots[slot].reg.dynptr.first_slot)
		slot++;
	if (dynptr_is_counted(f->slots[slot].reg.dynptr.type))
		return env_fail(env, -EINVAL, REASON_DYNPTR, "cannot overwrite referenced dynptr");
	id = f->slots[slot].reg.id;
	STATE_FOR_EACH_REG(env->st, r)
	{
		/* Slices of packets end with the packet's next move instead. */
		if (r->type == R_MEM && !(r->flags & ~F_NULL) && r->dynptr_id == id)
			reg_drop(env, r);
	}
	return dynptr_clear(env, f, slot);
}

static int dynptr_mark(struct env *env, const struct reg *reg, enum dynptr_type type, uint32_t ref)
{
	struct frame *f = env->st->frame[reg->frame];
	int slot = dynptr_slot(env, reg), err;
	uint32_t id;

	if (slot < 0)
		return slot;
	/* The two slots may belong to two dynptrs. */
	err = dynptr_destroy_overwritten(env, f, (uint32_t)slot);
	if (!err)
		err = dynptr_destroy_overwritten(env, f, (uint32_t)slot - 1);
	if (err)
		return err;
	id = env_new_id(env);
	if (dynptr_is_counted(type) && !ref) {
		ref = state_acquire(env);
		if (!ref)
			return -ENOMEM;
	}
	for (int i = slot - 1; i <= slot; i++) {
		struct slot *s = &f->slots[i];

		put_u64(s->kind, SLOT_KINDS(SLOT_DYNPTR));
		reg_set_pointer(&s->reg, R_DYNPTR, 0);
		s->reg.id = id;
		s->reg.ref = dynptr_is_counted(type) ? ref : 0;
		s->reg.dynptr.type = (uint8_t)type;
		s->reg.dynptr.first_slot = i == slot;
	}
	return log_object_write(env, f->frameno, dynptr_mask((uint32_t)slot));
}

int dynptr_unmark(struct env *env, int regno)
{
	const struct reg *reg = env_reg(env, regno);
	struct frame *f = env->st->frame[reg->frame];
	int slot = dynptr_slot(env, reg), err;
	uint32_t ref;

	if (slot < 0)
		return slot;
	if (!dynptr_is_counted(f->slots[slot].reg.dynptr.type))
		return dynptr_clear(env, f, (uint32_t)slot);
	ref = f->slots[slot].reg.ref;
	err = state_release(env, ref);
	for (uint32_t i = 1; !err && i < f->n_slots; i++) {
		const struct slot *s = &f->slots[i];

		if (s->kind[0] == SLOT_DYNPTR && s->reg.ref == ref && s->reg.dynptr.first_slot)
			err = dynptr_clear(env, f, i);
	}
	return err;
}

/* The slot of an initialised dynptr in the stack, or -errno. */
static int dynptr_find(struct env *env, const struct reg *reg)
{
	const struct frame *f = env->st->frame[reg->frame];
	int slot = dynptr_slot(env, reg);

	if (slot < 0)
		return slot;
	if (!dynptr_slot_is(&f->slots[slot]) || !dynptr_slot_is(&f->slots[slot - 1]) ||
	    !f->slots[slot].reg.dynptr.first_slot)
		return -EINVAL;
	return slot;
}

const struct reg *dynptr_get(struct env *env, const struct reg *reg)
{
	int slot;

	if (reg->type == R_DYNPTR)
		return reg;
	if (reg->type != R_STACK)
		return NULL;
	slot = dynptr_find(env, reg);
	return slot < 0 ? NULL : &env->st->frame[reg->frame]->slots[slot].reg;
}

static int dynptr_arg_new(struct env *env, int regno, enum dynptr_type type, uint32_t ref)
{
	struct reg *reg = env_reg(env, regno);
	int slot = dynptr_slot(env, reg), err = 0;

	/* That the frame has not that much stack yet is nothing wrong. */
	if (slot < 0 && slot != -ERANGE)
		return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
				    "Dynptr has to be an uninitialized dynptr");
	for (int i = 0; !err && i < DYNPTR_SLOTS; i++)
		err = mem_access(env, regno, i * SLOT_BYTES, SLOT_BYTES, ACCESS_WRITE, -1, false,
				 false);
	return err ? err : dynptr_mark(env, reg, type, ref);
}

int dynptr_arg(struct env *env, int regno, uint32_t arg, enum dynptr_type type, uint32_t ref)
{
	const struct reg *reg = env_reg(env, regno), *dynptr;

	if (reg->type != R_STACK && reg->type != R_DYNPTR)
		return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
				    "arg#%d expected pointer to stack or const struct bpf_dynptr",
				    regno - 1);
	if (arg & ARG_UNINIT) {
		if (reg->type == R_DYNPTR)
			return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
					    "Dynptr has to be an uninitialized dynptr");
		return dynptr_arg_new(env, regno, type, ref);
	}
	if (reg->type == R_DYNPTR && !(arg & ARG_RDONLY))
		return env_fail_reg(
			env, -EINVAL, REASON_DYNPTR, regno,
			"cannot pass pointer to const bpf_dynptr, the helper mutates it");
	dynptr = dynptr_get(env, reg);
	if (!dynptr)
		return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
				    "Expected an initialized dynptr as arg #%d", regno - 1);
	if (type != DYN_INVALID && dynptr->dynptr.type != type)
		return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
				    "Expected a dynptr of type %s as arg #%d",
				    dynptr_type_text(type), regno - 1);
	if (reg->type == R_DYNPTR)
		return 0;
	if (log_on(env))
		log_touch(env, dynptr_mask((uint32_t)dynptr_slot(env, reg)));
	return live_read(env, reg->frame, dynptr_mask((uint32_t)dynptr_slot(env, reg)));
}
