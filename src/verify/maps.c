/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/maps.c - which maps a program may refer to at all, whatever it does with them.
 *
 * Asked once for each map, in the order in which the program names them: that decides which of
 * two maps is said to be the one too many.
 */
#include "verify/env.h"

#include <stdlib.h>

#define MAPS_MAX 64 /* of one program */

#define T_(id) (UINT64_C(1) << BPF_MAP_TYPE_##id)

/* What programs that sleep may use: maps whose values stay while somebody sleeps over them. */
#define MAPS_SLEEPABLE                                                              \
	(T_(HASH) | T_(LRU_HASH) | T_(ARRAY) | T_(PERCPU_HASH) | T_(PERCPU_ARRAY) | \
	 T_(LRU_PERCPU_HASH) | T_(ARRAY_OF_MAPS) | T_(HASH_OF_MAPS) | T_(RINGBUF) | \
	 T_(USER_RINGBUF) | T_(INODE_STORAGE) | T_(SK_STORAGE) | T_(TASK_STORAGE) | \
	 T_(CGRP_STORAGE) | T_(QUEUE) | T_(STACK) | T_(ARENA))

/* Programs that run where anything may be interrupted. */
static bool maps_prog_is_tracing(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		return true;
	default:
		return false;
	}
}

/* Locks, timers and graphs need a context in which they may be used. */
static int maps_check_fields(struct env *env, const struct verify_map *map)
{
	static const struct {
		uint32_t mask;
		bool not_socket;
		const char *what;
	} rules[] = {
		{BTF_MASK_GRAPH_ROOT, false, "bpf_{list_head,rb_root}"},
		{BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK), true, "bpf_spin_lock"},
		{BTF_MASK(TIMER), false, "bpf_timer"},
		{BTF_MASK(WORKQUEUE), false, "bpf_wq"},
	};
	uint32_t type = env->type->type, mask = map->record ? map->record->mask : 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!(mask & rules[i].mask))
			continue;
		if (rules[i].not_socket && type == BPF_PROG_TYPE_SOCKET_FILTER)
			return env_fail(env, -EINVAL, REASON_BAD_MAP,
					"socket filter progs cannot use %s yet", rules[i].what);
		if (maps_prog_is_tracing(type))
			return env_fail(env, -EINVAL, REASON_BAD_MAP,
					"tracing progs cannot use %s yet", rules[i].what);
	}
	return 0;
}

static int maps_check_arena(struct env *env, const struct verify_map *map)
{
	if (env->arena)
		return env_fail(env, -EBUSY, REASON_BAD_MAP, "Only one arena per program");
	if (!env->allow_ptr_leaks || !env->bpf_capable)
		return env_fail(env, -EPERM, REASON_CAPABILITY,
				"CAP_BPF and CAP_PERFMON are required to use arena");
	env->arena = map;
	/* Its address is chosen when it is made or when user space first maps it. */
	if (!map->desc.extra)
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"arena's user address must be set via map_extra or mmap()");
	return 0;
}

static int maps_check(struct env *env, const struct verify_map *map)
{
	uint32_t type = map->desc.type;
	int err = maps_check_fields(env, map);

	if (err)
		return err;
	if (type == BPF_MAP_TYPE_STRUCT_OPS)
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"bpf_struct_ops map cannot be used in prog");
	if (env->in_sleepable && (type >= 64 || !(MAPS_SLEEPABLE & UINT64_C(1) << type)))
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"Sleepable programs can only use array, hash, ringbuf and local "
				"storage maps");
	if (type == BPF_MAP_TYPE_CGROUP_STORAGE || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE) {
		const struct verify_map **had =
			&env->cgroup_storage[type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE];

		if (*had && *had != map)
			return env_fail(env, -EBUSY, REASON_BAD_MAP,
					"only one cgroup storage of each type is allowed");
		*had = map;
	}
	return type == BPF_MAP_TYPE_ARENA ? maps_check_arena(env, map) : 0;
}

int maps_use(struct env *env, uint32_t map)
{
	if (!env->map_used) {
		env->map_used = env_table(env, env->image->n_maps, sizeof(*env->map_used));
		if (!env->map_used)
			return env_nomem(env);
	}
	if (env->map_used[map])
		return 0;
	if (env->n_used_maps == MAPS_MAX)
		return env_fail(env, -E2BIG, REASON_BAD_MAP,
				"The total number of maps per program has reached the limit of %u",
				MAPS_MAX);
	env->map_used[map] = true;
	env->n_used_maps++;
	return maps_check(env, &env->image->maps[map]);
}
