/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native_map.h - the simplest maps that do the job: what the native runs of the programs
 * (and DPDK's interpreter, which has no maps of its own) call. Filled by one thread before
 * the runs; the table frees nothing, it lives as long as the process.
 */
#ifndef NATIVE_MAP_H
#define NATIVE_MAP_H

#include <linux/types.h>

enum native_map_type { NATIVE_MAP_ARRAY, NATIVE_MAP_HASH };

struct native_map {
	enum native_map_type type;
	__u32 key_size, value_size, max_entries;
	__u8 *data;  /* array: values; hash: used flag, key, value in slots of `stride` */
	__u32 slots; /* hash: a power of two */
	__u32 stride, value_off;
};

/* 0 or a negative errno. */
int native_map_init(struct native_map *map);
int native_map_set(struct native_map *map, const void *key, const void *value);
void *native_map_lookup(struct native_map *map, const void *key);

#endif
