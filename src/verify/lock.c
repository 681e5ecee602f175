/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/lock.c - special fields that calls name by their address: locks, timers, work queues.
 *
 * A lock is one of a certain object: the id of the register tells objects of one map or type
 * apart, the map or the BTF maps and types. Where the field is, is known from BTF alone; an
 * address that is not a constant away from the object's start is therefore useless.
 */
#include "verify/env.h"

/* The offset from the object's start, or false. */
static bool lock_offset(const struct reg *reg, int64_t *off)
{
	*off = (int64_t)(range_const(&reg->var) + (uint64_t)reg->off);
	return range_is_const(&reg->var);
}

/* Where the lock of the object is that regs[regno] points to, checked. */
static int lock_check(struct env *env, int regno, bool resilient)
{
	const char *what = resilient ? "bpf_res_spin" : "bpf_spin";
	const struct reg *reg = env_reg(env, regno);
	const struct verify_map *map = reg->type == R_MAP_VALUE ? reg->map : NULL;
	const struct btf_record *record;
	int64_t off;
	int32_t at;

	if (!lock_offset(reg, &off))
		return env_fail_reg(env, -EINVAL, REASON_LOCK, regno,
				    "R%d doesn't have constant offset. %s_lock has to be at the "
				    "constant offset",
				    regno, what);
	if (map && !map->btf)
		return env_fail_reg(env, -EINVAL, REASON_LOCK, regno,
				    "map '%s' has to have BTF in order to use %s_lock",
				    map->desc.name, what);
	record = args_record(env, reg);
	if (!record ||
	    !(record->mask & (resilient ? BTF_MASK(RES_SPIN_LOCK) : BTF_MASK(SPIN_LOCK))))
		return env_fail_reg(env, -EINVAL, REASON_LOCK, regno,
				    "%s '%s' has no valid %s_lock", map ? "map" : "local",
				    map ? map->desc.name : "kptr", what);
	at = resilient ? record->res_spin_lock_off : record->spin_lock_off;
	if (at != off)
		return env_fail_reg(env, -EINVAL, REASON_LOCK, regno,
				    "off %lld doesn't point to 'struct %s_lock' that is at %d",
				    (long long)off, what, at);
	return 0;
}

static int lock_take(struct env *env, const struct reg *reg, enum ref_kind kind, const void *ptr)
{
	const struct state *s = env->st;

	/* Two of the simple kind would mean a call under the first, which explore.c refuses. */
	if (kind != REF_LOCK && (state_find_lock(s, REF_RES_LOCK, reg->id, ptr) ||
				 state_find_lock(s, REF_RES_LOCK_IRQ, reg->id, ptr)))
		return env_fail(env, -EINVAL, REASON_LOCK,
				"Acquiring the same lock again, AA deadlock detected");
	return state_acquire_lock(env, kind, reg->id, ptr);
}

static int lock_drop(struct env *env, const struct reg *reg, enum ref_kind kind, const void *ptr)
{
	const char *what = kind == REF_LOCK ? "bpf_spin" : "bpf_res_spin";
	struct state *s = env->st;

	if (!s->locks)
		return env_fail(env, -EINVAL, REASON_LOCK, "%s_unlock without taking a lock", what);
	if (!state_find_lock(s, kind, reg->id, ptr))
		return env_fail(env, -EINVAL, REASON_LOCK, "%s_unlock of different lock", what);
	if (reg->id != s->lock_id || ptr != s->lock_ptr)
		return env_fail(env, -EINVAL, REASON_LOCK, "%s_unlock cannot be out of order",
				what);
	if (state_release_lock(s, kind, reg->id, ptr))
		return env_fail(env, -EINVAL, REASON_LOCK, "%s_unlock of different lock", what);
	graph_drop_non_owning(env);
	return 0;
}

int lock_spin(struct env *env, int regno, uint32_t op)
{
	const struct reg *reg = env_reg(env, regno);
	enum ref_kind kind = !(op & LOCK_RESILIENT) ? REF_LOCK
			     : op & LOCK_IRQ	    ? REF_RES_LOCK_IRQ
						    : REF_RES_LOCK;
	const void *ptr;
	int err = lock_check(env, regno, op & LOCK_RESILIENT);

	if (err)
		return err;
	ptr = reg->type == R_MAP_VALUE ? (const void *)reg->map : (const void *)reg->btf;
	return op & LOCK_TAKE ? lock_take(env, reg, kind, ptr) : lock_drop(env, reg, kind, ptr);
}

int lock_map_field(struct env *env, int regno, enum btf_field_id id, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	const struct verify_map *map = reg->map;
	const char *what = btf_field_names[id];
	const struct btf_field *field = NULL;
	int64_t off;

	if (!lock_offset(reg, &off))
		return env_fail_reg(
			env, -EINVAL, REASON_TIMER, regno,
			"R%d doesn't have constant offset. %s has to be at the constant offset",
			regno, what);
	if (!map->btf)
		return env_fail_reg(env, -EINVAL, REASON_TIMER, regno,
				    "map '%s' has to have BTF in order to use %s", map->desc.name,
				    what);
	for (uint32_t i = 0; map->record && i < map->record->n; i++)
		if (map->record->fields[i].id == id)
			field = &map->record->fields[i];
	if (!field)
		return env_fail_reg(env, -EINVAL, REASON_TIMER, regno, "map '%s' has no valid %s",
				    map->desc.name, what);
	if (off != field->offset)
		return env_fail_reg(env, -EINVAL, REASON_TIMER, regno,
				    "off %lld doesn't point to 'struct %s' that is at %u",
				    (long long)off, what, field->offset);
	if (call) {
		call->map = map;
		call->map_uid = reg->map_uid;
	}
	return 0;
}
