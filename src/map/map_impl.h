/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/map_impl.h - what the map types share: the header page, the table of operations,
 * access to words that others change at the same time. Private to the map layer.
 *
 * Who may write what: the constant part of the header is written once by map_new before
 * `magic`; everything else in the file changes at any time, by any process, and is accessed
 * with the atomic helpers below.
 */
#ifndef MAP_MAP_IMPL_H
#define MAP_MAP_IMPL_H

#include <errno.h>

#include "base/arena.h"
#include "base/lock.h"
#include "map/map.h"

#define MAP_MAGIC    UINT64_C(0x70616d726f736976) /* "visormap" */
#define MAP_VERSION  1
#define MAP_ENOTSUPP 524 /* the kernel's own "not supported", which has no name outside */

struct map_hash_state {
	uint64_t free; /* stack of free elements: low half index + 1, high half a tag against ABA */
	uint32_t fresh; /* elements from here on were never used */
	uint32_t count; /* elements in chains; may be too high, never too low */
	uint32_t audit; /* lock of the one who repairs */
	uint32_t dirty; /* a holder of a lock died: count and free list are estimates */
	uint32_t hand;	/* LRU: the element to consider next for eviction */
};

struct map_trie_state {
	uint32_t lock;
	uint32_t seq; /* counts unlinked nodes */
	uint32_t root;
	uint32_t free;	/* list of free nodes, index + 1 */
	uint32_t fresh; /* nodes from here on were never used */
	uint32_t count; /* prefixes stored */
	uint32_t dirty; /* a holder of the lock died and the books were not made again yet */
};

struct map_ring_state {
	uint32_t lock;	  /* of reserving */
	uint32_t wake;	  /* counts notifications */
	uint32_t waiters; /* somebody sleeps on `wake` */
	uint64_t pending; /* position of the oldest record that may not be committed yet */
};

struct map_head {
	uint64_t magic; /* stored last: a file without it was never finished */
	uint32_t version, n_cpus;
	struct map_desc desc;
	uint64_t map_extra, seed;
	uint32_t btf_id, btf_key_type_id, btf_value_type_id;
	uint32_t frozen;
	union {
		_Alignas(64) struct map_hash_state hash;
		struct map_trie_state trie;
		struct map_ring_state ring;
	};
};

struct map_ops {
	size_t handle_size; /* of the type's own struct, which begins with struct map */
	/* The kernel's error for these attributes; flags fit the type and each other. Also run on
	 * the header of a foreign file. */
	int (*check)(const struct map_attr *attr);
	/* Fills in the handle from map->desc and n_cpus. Returns the file's bytes before the
	 * header page, which fit 63 bits, or 0: too large. Called before the file is mapped. */
	uint64_t (*layout)(struct map *map);
	/* Called when the file is mapped. Optional. */
	int (*open)(struct map *map);
	void (*close)(struct map *map);

	void *(*lookup)(struct map *map, const void *key, uint32_t cpu);
	long (*update)(struct map *map, const void *key, const void *value, uint64_t flags,
		       uint32_t cpu);
	long (*delete)(struct map *map, const void *key);

	int (*user_lookup)(struct map *map, const void *key, void *value);
	int (*user_update)(struct map *map, const void *key, const void *value, uint64_t flags);
	int (*user_take)(struct map *map, const void *key, void *value); /* look up and delete */
	int (*next_key)(struct map *map, const void *key, void *next);

	void *(*direct)(struct map *map, uint32_t off);
	/* [off, off + len) of the file lies in one value. */
	bool (*contains)(const struct map *map, uint64_t off, uint64_t len);
};

/* One table for each type, NULL for types that there are not. */
const struct map_ops *map_type_ops(uint32_t type);

extern const struct map_ops array_ops, percpu_array_ops, prog_array_ops, devmap_ops;
extern const struct map_ops hash_ops, percpu_hash_ops; /* LRU or not */
extern const struct map_ops lpm_ops, ring_ops;

/* Largest thing the kernel allocates in one piece (KMALLOC_MAX_SIZE), and for per-CPU data. */
#define MAP_KMALLOC_MAX (4u << 20)
#define MAP_PERCPU_MAX	(32u << 10)

/* ---- shared memory -------------------------------------------------------------------- */

#define shared_load(p)	       __atomic_load_n(p, __ATOMIC_RELAXED)
#define shared_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define shared_store(p, v)     __atomic_store_n(p, v, __ATOMIC_RELAXED)
/* Publishes everything that was stored before. */
#define shared_publish(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Reads 0 to 8 bytes into the bytes of a word, in memory order, the rest zeros; never beyond. */
static inline uint64_t get_tail(const void *p, uint32_t n)
{
	uint64_t v = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint8_t *b = (const uint8_t *)p;

	/* Two loads that overlap are many times faster than a copy of unknown length. */
	if (n >= 8)
		v = get_u64(b);
	else if (n >= 4)
		v = get_u32(b) | (uint64_t)get_u32(b + n - 4) << (n - 4) * 8;
	else if (n)
		v = b[0] | (uint64_t)b[n / 2] << n / 2 * 8 | (uint64_t)b[n - 1] << (n - 1) * 8;
#else
	memcpy(&v, p, n);
#endif
	return v;
}

/*
 * Copies n private bytes into shared memory at dst (8-byte aligned, room for whole words)
 * word by word: no word is ever half written. The last word is filled with zeros. Release
 * and acquire: a reader that sees one of these words sees everything that came before it.
 */
static inline void shared_put(void *dst, const void *src, uint32_t n)
{
	uint64_t *to = (uint64_t *)dst;
	const uint8_t *from = (const uint8_t *)src;

	for (; n >= 8; n -= 8, from += 8)
		shared_publish(to++, get_u64(from));
	if (n)
		shared_publish(to, get_tail(from, n));
}

static inline void shared_zero(void *dst, uint32_t n)
{
	uint64_t *to = (uint64_t *)dst;
	uint32_t i;

	for (i = 0; i < (n + 7) / 8; i++)
		shared_publish(to + i, 0);
}

/* The other way round. */
static inline void shared_get(void *dst, const void *src, uint32_t n)
{
	const uint64_t *from = (const uint64_t *)src;
	uint8_t *to = (uint8_t *)dst;
	uint64_t tail;

	for (; n >= 8; n -= 8, to += 8)
		put_u64(to, shared_load_acquire(from++));
	if (n) {
		tail = shared_load_acquire(from);
		memcpy(to, &tail, n);
	}
}

/* The kernel's check of update flags, BPF_F_LOCK aside: 0 or -EINVAL. */
static inline int map_check_flags(uint64_t flags)
{
	return flags > BPF_EXIST ? -EINVAL : 0;
}

#endif
