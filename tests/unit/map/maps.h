/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the map layer share: making a map in a memfd, a second handle of it. */
#ifndef TEST_MAPS_H
#define TEST_MAPS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map/map.h"

static inline int maps_try(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries,
			   uint32_t flags, struct map **out)
{
	struct map_attr attr = {.type = type,
				.key_size = key_size,
				.value_size = value_size,
				.max_entries = entries,
				.flags = flags,
				.name = "test"};

	return map_new(&attr, 7, memfd_create("map", MFD_CLOEXEC | MFD_ALLOW_SEALING), out, NULL);
}

static inline struct map *maps_new(uint32_t type, uint32_t key_size, uint32_t value_size,
				   uint32_t entries, uint32_t flags)
{
	struct map *map = NULL;
	int err = maps_try(type, key_size, value_size, entries, flags, &map);

	if (err) {
		fprintf(stderr, "map of type %u: error %d\n", type, err);
		abort();
	}
	return map;
}

/* A handle as another process would have it. */
static inline struct map *maps_again(struct map *map)
{
	struct visor_diag diag = {0};
	struct map *again = NULL;

	if (map_attach(fcntl(map->fd, F_DUPFD_CLOEXEC, 0), &again, &diag)) {
		visor_diag_print(&diag, stderr);
		abort();
	}
	return again;
}

/* xorshift: the same sequence for the same seed, everywhere. */
static inline uint64_t maps_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
