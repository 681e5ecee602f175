/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/slots.c - arrays whose values name other objects: program arrays, device maps.
 *
 * A slot is one 8-byte word, replaced by one store; all zeros is an empty slot. A program
 * array's word is a program id, a device map's is { ifindex, program }.
 */
#include "map/array.h"

#include <errno.h>
#include <unistd.h>

static uint64_t *slots_at(const struct map *map, uint32_t index)
{
	return (uint64_t *)(map->mem) + index;
}

/* The first half in memory order: program id or ifindex. */
static uint32_t slots_get(const struct map *map, uint32_t index)
{
	uint64_t word = shared_load_acquire(slots_at(map, index));

	return get_u32(&word);
}

static uint64_t slots_layout(struct map *map)
{
	map->value_stride = 8;
	return (uint64_t)map->desc.max_entries * 8;
}

static int slots_user_lookup(struct map *map, const void *key, void *value)
{
	uint32_t index = get_u32(key);
	uint64_t word;

	if (index >= map->desc.max_entries)
		return -ENOENT;
	word = shared_load_acquire(slots_at(map, index));
	if (!get_u32(&word))
		return -ENOENT;
	memcpy(value, &word, map->desc.value_size);
	return 0;
}

/* ---- program arrays --------------------------------------------------------------------- */

static int prog_array_check(const struct map_attr *attr)
{
	return attr->value_size != 4 || attr->key_size != 4 || !attr->max_entries ? -EINVAL : 0;
}

static void *prog_array_lookup(struct map *map, const void *key, uint32_t cpu)
{
	return NULL;
}

static int prog_array_user_update(struct map *map, const void *key, const void *value,
				  uint64_t flags)
{
	uint32_t index = get_u32(key);
	uint64_t word = 0;

	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= map->desc.max_entries)
		return -E2BIG;
	memcpy(&word, value, 4);
	shared_publish(slots_at(map, index), word);
	return 0;
}

static long prog_array_delete(struct map *map, const void *key)
{
	uint32_t index = get_u32(key);

	if (index >= map->desc.max_entries)
		return -E2BIG;
	return __atomic_exchange_n(slots_at(map, index), 0, __ATOMIC_ACQ_REL) ? 0 : -ENOENT;
}

uint32_t map_prog_slot(const struct map *map, uint32_t index)
{
	if (UNLIKELY(index >= map->desc.max_entries))
		return 0;
	return slots_get(map, index);
}

const void *map_prog_slot_at(const struct map *map, uint32_t index)
{
	return slots_at(map, index);
}

/* Reading a hole of the file would fill it with memory: they are stepped over. */
uint32_t map_prog_next(const struct map *map, uint32_t *index)
{
	uint64_t i = *index, data_end = 0, max = map->desc.max_entries;

	for (; i < max; i++) {
		if (i * 8 >= data_end) {
			off_t at = lseek(map->fd, (off_t)(i * 8), SEEK_DATA), end;

			if (at < 0 && errno == ENXIO)
				break;
			end = at < 0 ? -1 : lseek(map->fd, at, SEEK_HOLE);
			if (end < 0) { /* a file system that does not tell */
				data_end = UINT64_MAX;
			} else {
				data_end = (uint64_t)end;
				i = MAX(i, (uint64_t)at / 8);
				if (i >= max)
					break;
			}
		}
		if (slots_get(map, (uint32_t)i)) {
			*index = (uint32_t)i;
			return slots_get(map, (uint32_t)i);
		}
	}
	*index = (uint32_t)max;
	return 0;
}

const struct map_ops prog_array_ops = {
	.handle_size = sizeof(struct array),
	.check = prog_array_check,
	.layout = slots_layout,
	.lookup = prog_array_lookup,
	.delete = prog_array_delete,
	.user_lookup = slots_user_lookup,
	.user_update = prog_array_user_update,
	.next_key = array_next_key,
};

/* ---- device maps ------------------------------------------------------------------------- */

static int devmap_check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size != 4 ||
	    (attr->value_size != 4 && attr->value_size != 8))
		return -EINVAL;
	return 0;
}

static void *devmap_lookup(struct map *map, const void *key, uint32_t cpu)
{
	uint32_t index = get_u32(key);

	return index < map->desc.max_entries && slots_get(map, index) ? slots_at(map, index) : NULL;
}

/* A word from a value; ifindex 0 empties the slot. */
static int devmap_word(const struct map *map, const void *value, uint64_t *word)
{
	struct bpf_devmap_val val = {0};

	memcpy(&val, value, map->desc.value_size);
	/* A program id after redirection (the system call layer has turned the descriptor into
	 * one) makes no sense without a device. */
	if (!val.ifindex && val.bpf_prog.id)
		return -EINVAL;
	memcpy(word, &val, sizeof(val));
	return 0;
}

static int devmap_user_update(struct map *map, const void *key, const void *value, uint64_t flags)
{
	uint32_t index = get_u32(key);
	uint64_t word;
	int err;

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->desc.max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	err = devmap_word(map, value, &word);
	if (!err)
		shared_publish(slots_at(map, index), word);
	return err;
}

static long devmap_delete(struct map *map, const void *key)
{
	uint32_t index = get_u32(key);

	if (index >= map->desc.max_entries)
		return -EINVAL;
	shared_publish(slots_at(map, index), 0);
	return 0;
}

uint32_t map_dev_slot(const struct map *map, uint32_t index)
{
	if (UNLIKELY(index >= map->desc.max_entries))
		return 0;
	return slots_get(map, index);
}

const struct map_ops devmap_ops = {
	.handle_size = sizeof(struct array),
	.check = devmap_check,
	.layout = slots_layout,
	.lookup = devmap_lookup,
	.delete = devmap_delete,
	.user_lookup = slots_user_lookup,
	.user_update = devmap_user_update,
	.next_key = array_next_key,
	.contains = array_contains,
};
