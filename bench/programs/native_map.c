/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native_map.c - an array, and a hash table with open addressing and linear probing, at
 * most half full. Keys are 4 or 8 bytes.
 */
#include "native_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int native_map_init(struct native_map *map)
{
	if (map->key_size != 4 && map->key_size != 8)
		return -EINVAL;
	map->slots = map->max_entries;
	map->stride = (map->value_size + 7) & ~7u;
	map->value_off = 0;
	if (map->type == NATIVE_MAP_HASH) {
		for (map->slots = 2; map->slots < 2 * map->max_entries; map->slots *= 2)
			;
		map->value_off = 16;
		map->stride += map->value_off;
	}
	map->data = calloc(map->slots, map->stride);
	return map->data ? 0 : -ENOMEM;
}

static __u64 native_map_key(const struct native_map *map, const void *key)
{
	return map->key_size == 8 ? *(const __u64 *)key : *(const __u32 *)key;
}

/* The slot of the key, or the free one where it would go. */
static __u8 *native_map_slot(const struct native_map *map, __u64 key)
{
	__u64 hash = key * 0x9e3779b97f4a7c15ull;
	__u32 i = (hash >> 32) & (map->slots - 1);

	for (;;) {
		__u8 *slot = map->data + (size_t)i * map->stride;
		const __u64 *head = (const __u64 *)slot; /* used, key */

		if (!head[0] || head[1] == key)
			return slot;
		i = (i + 1) & (map->slots - 1);
	}
}

int native_map_set(struct native_map *map, const void *key, const void *value)
{
	__u64 k = native_map_key(map, key), *head;
	__u8 *slot;

	if (map->type == NATIVE_MAP_ARRAY) {
		if (k >= map->max_entries)
			return -E2BIG;
		memcpy(map->data + k * map->stride, value, map->value_size);
		return 0;
	}
	slot = native_map_slot(map, k);
	head = (__u64 *)slot;
	head[0] = 1;
	head[1] = k;
	memcpy(slot + map->value_off, value, map->value_size);
	return 0;
}

void *native_map_lookup(struct native_map *map, const void *key)
{
	__u64 k = native_map_key(map, key);
	__u8 *slot;

	if (map->type == NATIVE_MAP_ARRAY)
		return k < map->max_entries ? map->data + k * map->stride : NULL;
	slot = native_map_slot(map, k);
	return *(__u64 *)slot ? slot + map->value_off : NULL;
}
