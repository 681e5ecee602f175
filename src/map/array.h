/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/array.h - the handle of arrays, for those who inline their look-up:
 * value of `index` for `cpu` = map.mem + cpu * cpu_stride + index * map.value_stride.
 * Constant after attach, readable from any thread.
 */
#ifndef MAP_ARRAY_H
#define MAP_ARRAY_H

#include "map/map_impl.h"

struct array {
	struct map map;
	uint64_t cpu_stride; /* bytes from one CPU's values to the next CPU's; 0: not per CPU */
};

int array_next_key(struct map *map, const void *key, void *next);
bool array_contains(const struct map *map, uint64_t off, uint64_t len);

#endif
