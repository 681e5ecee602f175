/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/array.c - array and per-CPU array.
 *
 *    +---------+---------+---------+--     array: values from offset 0, each rounded up to
 *    | value 0 | value 1 | value 2 | ...   8 bytes, which is what mmap of an array shows
 *    +---------+---------+---------+--
 *    per CPU: one such array for each CPU, each beginning on a page of its own
 *
 * Values are written in place, word by word: an aligned word is never torn, a value of
 * several words may be seen half written, as in the kernel.
 */
#include "map/array.h"

static int array_check(const struct map_attr *attr)
{
	bool percpu = attr->type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (!attr->max_entries || attr->key_size != 4 || !attr->value_size)
		return -EINVAL;
	if (attr->value_size > INT32_MAX ||
	    (percpu && ALIGN_UP(attr->value_size, 8) > MAP_PERCPU_MAX))
		return -E2BIG;
	return 0;
}

static uint64_t array_layout(struct map *map)
{
	struct array *a = (struct array *)map;
	uint64_t size;

	map->value_stride = ALIGN_UP(map->desc.value_size, 8);
	size = (uint64_t)map->value_stride * map->desc.max_entries;
	if (map->desc.type != BPF_MAP_TYPE_PERCPU_ARRAY)
		return size;
	a->cpu_stride = ALIGN_UP(size, (uint64_t)arena_page_size());
	return __builtin_mul_overflow(a->cpu_stride, map->n_cpus, &size) || size >> 62 ? 0 : size;
}

static void *array_at(const struct map *map, uint32_t index)
{
	return map->mem + (uint64_t)index * map->value_stride;
}

static void *array_lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t index = get_u32(key);

	return index < map->desc.max_entries ? array_at(map, index) : NULL;
}

static void *percpu_array_lookup(struct map *map, const void *key, uint32_t cpu)
{
	struct array *a = (struct array *)map;
	uint32_t index = get_u32(key);

	if (index >= map->desc.max_entries || cpu >= map->n_cpus)
		return NULL;
	return (uint8_t *)array_at(map, index) + cpu * a->cpu_stride;
}

static int array_check_update(const struct map *map, uint32_t index, uint64_t flags)
{
	if (map_check_flags(flags))
		return -EINVAL;
	if (index >= map->desc.max_entries)
		return -E2BIG;
	return flags == BPF_NOEXIST ? -EEXIST : 0;
}

static long array_update(struct map *map, const void *key, const void *value, uint64_t flags,
			 uint32_t cpu)
{
	int err = array_check_update(map, get_u32(key), flags);

	if (!err)
		shared_put(array_at(map, get_u32(key)), value, map->desc.value_size);
	return err;
}

static long percpu_array_update(struct map *map, const void *key, const void *value, uint64_t flags,
				uint32_t cpu)
{
	int err = array_check_update(map, get_u32(key), flags);
	void *slot;

	if (err)
		return err;
	slot = percpu_array_lookup(map, key, cpu);
	if (!slot)
		return -EINVAL;
	shared_put(slot, value, map->desc.value_size);
	return 0;
}

static long array_delete(struct map *map, const void *key)
{
	return -EINVAL;
}

static int array_user_lookup(struct map *map, const void *key, void *value)
{
	void *slot = array_lookup(map, key, 0);

	if (!slot)
		return -ENOENT;
	shared_get(value, slot, map->desc.value_size);
	return 0;
}

static int percpu_array_user_lookup(struct map *map, const void *key, void *value)
{
	uint32_t cpu;

	if (get_u32(key) >= map->desc.max_entries)
		return -ENOENT;
	for (cpu = 0; cpu < map->n_cpus; cpu++)
		shared_get((uint8_t *)value + (size_t)cpu * map->value_stride,
			   percpu_array_lookup(map, key, cpu), map->value_stride);
	return 0;
}

static int percpu_array_user_update(struct map *map, const void *key, const void *value,
				    uint64_t flags)
{
	int err = array_check_update(map, get_u32(key), flags);
	uint32_t cpu;

	for (cpu = 0; !err && cpu < map->n_cpus; cpu++)
		shared_put(percpu_array_lookup(map, key, cpu),
			   (const uint8_t *)value + (size_t)cpu * map->value_stride,
			   map->desc.value_size);
	return err;
}

int array_next_key(struct map *map, const void *key, void *next)
{
	uint32_t index = key ? get_u32(key) : UINT32_MAX;

	if (index >= map->desc.max_entries) {
		put_u32(next, 0);
		return 0;
	}
	if (index == map->desc.max_entries - 1)
		return -ENOENT;
	put_u32(next, index + 1);
	return 0;
}

/* The kernel allows it for arrays of one value only. */
static void *array_direct(struct map *map, uint32_t off)
{
	return map->desc.max_entries == 1 && off < map->desc.value_size ? map->mem + off : NULL;
}

bool array_contains(const struct map *map, uint64_t off, uint64_t len)
{
	const struct array *a = (const struct array *)map;

	if (a->cpu_stride)
		off %= a->cpu_stride;
	return off / map->value_stride < map->desc.max_entries &&
	       off % map->value_stride + len <= map->desc.value_size;
}

const struct map_ops array_ops = {
	.handle_size = sizeof(struct array),
	.check = array_check,
	.layout = array_layout,
	.lookup = array_lookup,
	.update = array_update,
	.delete = array_delete,
	.user_lookup = array_user_lookup,
	.next_key = array_next_key,
	.direct = array_direct,
	.contains = array_contains,
};

const struct map_ops percpu_array_ops = {
	.handle_size = sizeof(struct array),
	.check = array_check,
	.layout = array_layout,
	.lookup = percpu_array_lookup,
	.update = percpu_array_update,
	.delete = array_delete,
	.user_lookup = percpu_array_user_lookup,
	.user_update = percpu_array_user_update,
	.next_key = array_next_key,
	.contains = array_contains,
};
