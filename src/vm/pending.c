/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring buffers are not in the tree yet; their own file takes precedence over this one. */
#include "map/map.h"

#include <errno.h>

#define PENDING __attribute__((weak))

PENDING void *ringbuf_reserve(struct map *map, uint64_t size)
{
	return NULL;
}

PENDING void ringbuf_submit(struct map *map, void *sample, uint64_t flags)
{
}

PENDING void ringbuf_discard(struct map *map, void *sample, uint64_t flags)
{
}

PENDING long ringbuf_output(struct map *map, const void *data, uint64_t size, uint64_t flags)
{
	return -EOPNOTSUPP;
}

PENDING uint64_t ringbuf_query(const struct map *map, uint64_t flags)
{
	return 0;
}

PENDING struct map *ringbuf_owner(const void *sample)
{
	return NULL;
}
