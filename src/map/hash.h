/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/hash.h - the handle of hash maps and the part of them that may be inlined: hashing a
 * key and walking a chain.
 *
 *      buckets              elements (max_entries + one spare for each lock)
 *    +------+-----+       +------+------+-----+-------+
 *    | head | seq | ----> | next | hash | key | value | ----> ...     index + 1; 0: the end
 *    +------+-----+       +------+------+-----+-------+
 *
 * Readers take no lock. An element that was unlinked may be used again at once, so a reader
 * may be led astray; but before an element can be used again, `seq` of the bucket that it
 * left is incremented. So a reader that finds seq unchanged at its end has walked the right
 * chain, and otherwise starts again. All indices are checked: a chain that somebody wrote
 * garbage into leads nowhere.
 *
 * The handle is constant after attach and may be read from any thread.
 */
#ifndef MAP_HASH_H
#define MAP_HASH_H

#include "map/map_impl.h"

struct hash_bucket {
	uint32_t head, seq;
};

/* Changes of buckets b with b % n_locks == i are made under lock i. */
struct hash_lock {
	uint32_t word;
	uint32_t spare; /* a free element kept for the next change, index + 1, or 0 */
};

struct hash_elem {
	uint32_t next;
	uint32_t hash;	/* low half: names the bucket */
	uint64_t key[]; /* padded with zeros to 8 bytes; then the value, unless per CPU */
};

struct hash {
	struct map map;
	struct hash_bucket *buckets;
	struct hash_lock *locks;
	uint8_t *elems;
	uint8_t *values; /* of the first element (and CPU) */
	uint8_t *used;	 /* LRU: a byte for each element, set when a program looks it up */
	uint64_t seed;
	uint64_t cpu_stride; /* per CPU: bytes from one CPU's values to the next CPU's */
	uint32_t bucket_mask, lock_mask;
	uint32_t n_elems, elem_size;
	/* offsets in the file, from layout to open */
	uint64_t locks_off, used_off, elems_off, values_off;
};

#define HASH_MAX_LOCKS	 256
#define HASH_MAX_RETRIES 64

/* ---- the hash function ----------------------------------------------------------------- */

/* Both halves of a 64 x 64 bit product, folded: each input bit reaches each output bit. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
#else
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
	uint64_t mid = (ll >> 32) + (uint32_t)lh + (uint32_t)hl;

	return ((mid << 32) | (uint32_t)ll) ^ (hh + (lh >> 32) + (hl >> 32) + (mid >> 32));
#endif
}

/* Odd constants with about as many ones as zeros (fractions of square roots of primes). */
#define HASH_K0 UINT64_C(0x6a09e667f3bcc909)
#define HASH_K1 UINT64_C(0xbb67ae8584caa73b)
#define HASH_K2 UINT64_C(0x3c6ef372fe94f82b)

static inline uint64_t hash_word(uint64_t seed, uint64_t w)
{
	return hash_mix(w ^ seed, HASH_K0);
}

static inline uint64_t hash_pair(uint64_t seed, uint64_t a, uint64_t b)
{
	return hash_mix(a ^ seed, b ^ HASH_K1);
}

static inline uint64_t hash_bytes(uint64_t seed, const void *key, uint32_t n)
{
	const uint8_t *p = (const uint8_t *)key;
	uint64_t h = seed;

	for (; n > 16; n -= 16, p += 16)
		h = hash_mix(get_u64(p) ^ h ^ HASH_K2, get_u64(p + 8) ^ HASH_K1) + HASH_K0;
	if (n > 8)
		return hash_pair(h, get_u64(p), get_tail(p + 8, n - 8));
	return hash_word(h, get_tail(p, n));
}

/* ---- walking a chain ------------------------------------------------------------------- */

static inline struct hash_elem *hash_elem(const struct hash *h, uint32_t index)
{
	return (struct hash_elem *)(h->elems + (uint64_t)index * h->elem_size);
}

static inline void *hash_value(const struct hash *h, uint32_t index, uint32_t cpu)
{
	return h->values + cpu * h->cpu_stride + (uint64_t)index * h->map.value_stride;
}

static inline bool hash_key_equal(const struct hash_elem *e, const void *key, uint32_t n)
{
	const uint8_t *p = (const uint8_t *)key;
	const uint64_t *k = e->key;

	for (; n > 8; n -= 8, p += 8)
		if (shared_load_acquire(k++) != get_u64(p))
			return false;
	return shared_load_acquire(k) == get_tail(p, n);
}

static inline uint64_t hash_key(const struct hash *h, const void *key, uint32_t key_size)
{
	switch (key_size) {
	case 4:
		return hash_word(h->seed, get_u32(key));
	case 8:
		return hash_word(h->seed, get_u64(key));
	case 16:
		return hash_pair(h->seed, get_u64(key), get_u64((const uint8_t *)key + 8));
	default:
		return hash_bytes(h->seed, key, key_size);
	}
}

#define HASH_NONE UINT32_MAX

/* Index of the key's element in a chain, or HASH_NONE; to be believed only if seq of the
 * bucket is the same before and after, or under the lock. */
static inline __attribute__((always_inline)) uint32_t hash_walk(const struct hash *h,
								const struct hash_bucket *b,
								uint64_t hv, const void *key,
								uint32_t key_size)
{
	uint32_t at = shared_load_acquire(&b->head), left;
	const struct hash_elem *e;

	for (left = h->n_elems; at - 1 < h->n_elems && left; left--) {
		e = hash_elem(h, at - 1);
		if ((key_size <= 16 || shared_load_acquire(&e->hash) == (uint32_t)hv) &&
		    hash_key_equal(e, key, key_size))
			return at - 1;
		at = shared_load_acquire(&e->next);
	}
	return HASH_NONE;
}

/* As hash_walk, but certain. Inlined with a constant key_size where speed matters. After too
 * many disturbances (it is for the caller to take the lock) HASH_NONE with *disturbed set. */
static inline __attribute__((always_inline)) uint32_t
hash_find(const struct hash *h, const void *key, uint32_t key_size, bool *disturbed)
{
	uint64_t hv = hash_key(h, key, key_size);
	const struct hash_bucket *b = &h->buckets[hv & h->bucket_mask];
	uint32_t retry, found, seq;

	for (retry = 0; retry < HASH_MAX_RETRIES; retry++) {
		seq = shared_load_acquire(&b->seq);
		found = hash_walk(h, b, hv, key, key_size);
		if (LIKELY(shared_load(&b->seq) == seq))
			return found;
	}
	*disturbed = true;
	return HASH_NONE;
}

#endif
