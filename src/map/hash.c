/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/hash.c - hash, per-CPU hash, and both with eviction of entries that are not used (LRU).
 *
 * Layout and the readers' side are in hash.h. A change is made under the bucket's lock: the
 * new element is filled aside and published by one store to the link that leads to it; a
 * replaced element is passed over by the same store.
 *
 * The invariant that makes crashes harmless: whatever instruction a process dies at, the
 * chains are right. What can be wrong afterwards is book-keeping: an element that is in no
 * chain and not free either, a count that is too high, a lock's spare element that has
 * just been linked. The next one to need the lock finds that its owner is dead, forgets
 * the spare, marks the map dirty, and hash_audit() makes the books again from the chains.
 * It may die, too; then somebody else starts it afresh.
 *
 * A per-CPU value is written in place; a program writes only its own CPU's.
 *
 * The LRU types make room when they are full, by the clock algorithm: a hand goes round the
 * elements, spares each that was looked up since it last passed, and evicts the first other.
 */
#include "map/hash.h"

#include <stdlib.h>

/* ---- creation --------------------------------------------------------------------------- */

static int hash_check(const struct map_attr *attr)
{
	const uint32_t kernel_elem = 48, kernel_bucket = 16; /* sizes in the kernel, 64 bit */
	bool percpu = catalog_map(attr->type)->traits & MAP_PER_CPU;

	if (!attr->max_entries || !attr->key_size || !attr->value_size ||
	    (attr->flags & BPF_F_NO_COMMON_LRU && attr->flags & BPF_F_NUMA_NODE))
		return -EINVAL;
	if ((uint64_t)attr->key_size + attr->value_size >= MAP_KMALLOC_MAX - kernel_elem)
		return -E2BIG;
	if (percpu && ALIGN_UP(attr->value_size, 8) > MAP_PERCPU_MAX)
		return -E2BIG;
	if (round_up_pow2(attr->max_entries) > UINT32_MAX / kernel_bucket)
		return -E2BIG;
	return 0;
}

static uint64_t hash_layout(struct map *map)
{
	struct hash *h = (struct hash *)map;
	uint32_t n_buckets, n_locks;
	uint32_t head = (uint32_t)sizeof(struct hash_elem) + ALIGN_UP(map->desc.key_size, 8);
	uint32_t value = ALIGN_UP(map->desc.value_size, 8);
	bool percpu = map->kind->traits & MAP_PER_CPU;
	uint64_t end;

	/* The kernel divides these among the CPUs and says so in the map's information. */
	if (map->desc.flags & BPF_F_NO_COMMON_LRU && map->desc.max_entries % map->n_cpus)
		map->desc.max_entries += map->n_cpus - map->desc.max_entries % map->n_cpus;
	n_buckets = (uint32_t)round_up_pow2(map->desc.max_entries);
	n_locks = MIN(n_buckets, HASH_MAX_LOCKS);
	h->bucket_mask = n_buckets - 1;
	h->lock_mask = n_locks - 1;
	h->n_elems = map->desc.max_entries + n_locks;
	h->elem_size = head + (percpu ? 0 : value);
	map->value_stride = percpu ? value : h->elem_size;
	/* All below 2^28 * 2^22: no overflow, but for the CPUs. */
	h->locks_off = (uint64_t)n_buckets * sizeof(struct hash_bucket);
	h->used_off = h->locks_off + n_locks * sizeof(struct hash_lock);
	end = h->used_off + (map->kind->traits & MAP_LRU ? h->n_elems : 0);
	h->elems_off = ALIGN_UP(end, UINT64_C(64));
	end = h->elems_off + (uint64_t)h->n_elems * h->elem_size;
	if (!percpu) {
		h->values_off = h->elems_off + head;
		return end;
	}
	h->values_off = ALIGN_UP(end, (uint64_t)arena_page_size());
	h->cpu_stride = ALIGN_UP((uint64_t)h->n_elems * value, (uint64_t)arena_page_size());
	return h->values_off + map->n_cpus * h->cpu_stride;
}

static struct hash_bucket *hash_bucket(const struct hash *h, uint64_t hv)
{
	return &h->buckets[hv & h->bucket_mask];
}

static struct hash_lock *hash_lock_of(const struct hash *h, uint64_t hv)
{
	return &h->locks[hv & h->lock_mask];
}

/* ---- free elements ---------------------------------------------------------------------- */

static void hash_push(struct hash *h, uint32_t index)
{
	struct map_hash_state *state = &h->map.head->hash;
	uint64_t old = shared_load(&state->free), now;

	do {
		shared_publish(&hash_elem(h, index)->next, (uint32_t)old);
		now = ((old >> 32) + 1) << 32 | (index + 1);
	} while (!__atomic_compare_exchange_n(&state->free, &old, now, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

/* A free element or HASH_NONE. There always is one for a caller that may have one, except
 * after a crash. */
static uint32_t hash_pop(struct hash *h)
{
	struct map_hash_state *state = &h->map.head->hash;
	uint64_t old = shared_load_acquire(&state->free), now;
	uint32_t index, fresh;

	for (;;) {
		index = (uint32_t)old - 1;
		if (index < h->n_elems) {
			now = ((old >> 32) + 1) << 32 |
			      shared_load_acquire(&hash_elem(h, index)->next);
			if (__atomic_compare_exchange_n(&state->free, &old, now, true,
							__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
				return index;
			continue;
		}
		fresh = shared_load(&state->fresh);
		while (fresh < h->n_elems)
			if (__atomic_compare_exchange_n(&state->fresh, &fresh, fresh + 1, true,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
				return fresh;
		now = shared_load_acquire(&state->free);
		if (now == old)
			return HASH_NONE;
		old = now;
	}
}

/* ---- repair ----------------------------------------------------------------------------- */

static bool hash_needs_audit(struct hash *h)
{
	uint32_t i, word;

	if (shared_load(&h->map.head->hash.dirty))
		return true;
	for (i = 0; i <= h->lock_mask; i++) {
		word = shared_load(&h->locks[i].word);
		if (UNLIKELY(word) && lock_owner_dead(word))
			return true;
	}
	return false;
}

/* Walks all chains; cuts off what cannot be. Sets the bits of the elements in use. All locks
 * are held. Returns their number. */
static uint32_t hash_mark(struct hash *h, uint8_t *used)
{
	uint32_t b, index, count = 0, *link;

	for (b = 0; b <= h->bucket_mask; b++) {
		link = &h->buckets[b].head;
		while ((index = shared_load(link)) != 0) {
			index--;
			if (index >= h->n_elems || used[index / 8] & 1 << index % 8 ||
			    (hash_key(h, hash_elem(h, index)->key, h->map.desc.key_size) &
			     h->bucket_mask) != b) {
				shared_publish(link, 0);
				break;
			}
			used[index / 8] |= (uint8_t)(1 << index % 8);
			count++;
			link = &hash_elem(h, index)->next;
		}
	}
	return count;
}

static void hash_rebuild(struct hash *h, const uint8_t *used, uint32_t count)
{
	struct map_hash_state *state = &h->map.head->hash;
	uint32_t i, fresh = MIN(shared_load(&state->fresh), h->n_elems);

	/* Whatever is made free now may have a reader on it. */
	for (i = 0; i <= h->bucket_mask; i++)
		shared_publish(&h->buckets[i].seq, shared_load(&h->buckets[i].seq) + 1);
	for (i = 0; i <= h->lock_mask; i++)
		shared_store(&h->locks[i].spare, 0);
	shared_publish(&state->free, ((shared_load(&state->free) >> 32) + 1) << 32);
	for (i = 0; i < fresh; i++)
		if (!(used[i / 8] & 1 << i % 8))
			hash_push(h, i);
	shared_publish(&state->count, count);
	shared_publish(&state->dirty, 0);
}

/* Makes count, free list and spares again from the chains. Called without any lock. */
static int hash_audit(struct hash *h)
{
	struct map_hash_state *state = &h->map.head->hash;
	uint8_t *used;
	uint32_t n = 0;
	int err = lock_acquire(&state->audit);

	if (err < 0)
		return err;
	used = calloc(1, (size_t)h->n_elems / 8 + 1);
	if (!used) {
		err = -ENOMEM;
		goto out;
	}
	err = 0;
	if (!hash_needs_audit(h))
		goto out;
	/* In ascending order, and holders of one never ask for another: no deadlock. */
	for (n = 0; n <= h->lock_mask; n++) {
		err = lock_acquire(&h->locks[n].word);
		if (err < 0)
			goto out;
		if (err == LOCK_INHERITED)
			shared_store(&state->dirty, 1);
	}
	err = 0;
	hash_rebuild(h, used, hash_mark(h, used));
out:
	while (n--) {
		/* If it could not be finished, no spare is known to be one. */
		if (err)
			shared_store(&h->locks[n].spare, 0);
		lock_release(&h->locks[n].word);
	}
	lock_release(&state->audit);
	free(used);
	return err;
}

/* The lock of hv, with its book-keeping in order. 0 or an error. */
static int hash_lock(struct hash *h, uint64_t hv)
{
	struct hash_lock *lock = hash_lock_of(h, hv);
	int err;

	for (;;) {
		err = lock_acquire(&lock->word);
		if (LIKELY(err <= 0))
			return err;
		shared_publish(&h->map.head->hash.dirty, 1);
		shared_store(&lock->spare, 0);
		lock_release(&lock->word);
		err = hash_audit(h);
		if (err)
			return err;
	}
}

static void hash_unlock(struct hash *h, uint64_t hv)
{
	lock_release(&hash_lock_of(h, hv)->word);
}

/* ---- look-up ---------------------------------------------------------------------------- */

static uint32_t hash_find_locked(struct hash *h, const void *key)
{
	uint32_t key_size = h->map.desc.key_size, found;
	uint64_t hv = hash_key(h, key, key_size);

	if (h->map.readonly || hash_lock(h, hv))
		return HASH_NONE;
	found = hash_walk(h, hash_bucket(h, hv), hv, key, key_size);
	hash_unlock(h, hv);
	return found;
}

/* Marks an element of an LRU map; a store only if it says something new. */
static void hash_use(struct hash *h, uint32_t index)
{
	if (!shared_load(&h->used[index]))
		shared_store(&h->used[index], 1);
}

static inline __attribute__((always_inline)) void *hash_lookup(struct map *map, const void *key,
							       uint32_t key_size, uint32_t cpu)
{
	struct hash *h = (struct hash *)map;
	bool disturbed = false;
	uint32_t found = hash_find(h, key, key_size, &disturbed);

	if (UNLIKELY(disturbed))
		found = hash_find_locked(h, key);
	if (found == HASH_NONE)
		return NULL;
	if (h->used)
		hash_use(h, found);
	return hash_value(h, found, cpu);
}

static void *hash_lookup_4(struct map *map, const void *key, uint32_t cpu)
{
	return hash_lookup(map, key, 4, 0);
}

static void *hash_lookup_8(struct map *map, const void *key, uint32_t cpu)
{
	return hash_lookup(map, key, 8, 0);
}

static void *hash_lookup_16(struct map *map, const void *key, uint32_t cpu)
{
	return hash_lookup(map, key, 16, 0);
}

static void *hash_lookup_any(struct map *map, const void *key, uint32_t cpu)
{
	return hash_lookup(map, key, map->desc.key_size, 0);
}

static void *percpu_hash_lookup_4(struct map *map, const void *key, uint32_t cpu)
{
	return cpu < map->n_cpus ? hash_lookup(map, key, 4, cpu) : NULL;
}

static void *percpu_hash_lookup_any(struct map *map, const void *key, uint32_t cpu)
{
	return cpu < map->n_cpus ? hash_lookup(map, key, map->desc.key_size, cpu) : NULL;
}

static int hash_open(struct map *map)
{
	struct hash *h = (struct hash *)map;
	bool percpu = map->kind->traits & MAP_PER_CPU;

	h->buckets = (struct hash_bucket *)map->mem;
	h->locks = (struct hash_lock *)(map->mem + h->locks_off);
	h->elems = map->mem + h->elems_off;
	h->values = map->mem + h->values_off;
	h->seed = map->head->seed;
	if (map->kind->traits & MAP_LRU && !map->readonly)
		h->used = map->mem + h->used_off;
	switch (map->desc.key_size) {
	case 4:
		map->lookup = percpu ? percpu_hash_lookup_4 : hash_lookup_4;
		break;
	case 8:
		map->lookup = percpu ? percpu_hash_lookup_any : hash_lookup_8;
		break;
	case 16:
		map->lookup = percpu ? percpu_hash_lookup_any : hash_lookup_16;
		break;
	}
	return 0;
}

/* ---- changes ---------------------------------------------------------------------------- */

/* A place in a chain, found under the lock. */
struct hash_spot {
	uint32_t *link; /* that leads to the element, or to the end of the chain */
	uint32_t index; /* HASH_NONE: the key is not there */
};

static struct hash_spot hash_locate(const struct hash *h, uint64_t hv, const void *key)
{
	struct hash_spot spot = {.link = &hash_bucket(h, hv)->head};
	uint32_t left;

	for (left = h->n_elems; left; left--) {
		spot.index = shared_load(spot.link) - 1;
		if (spot.index >= h->n_elems)
			break;
		if (hash_key_equal(hash_elem(h, spot.index), key, h->map.desc.key_size))
			return spot;
		spot.link = &hash_elem(h, spot.index)->next;
	}
	spot.index = HASH_NONE;
	return spot;
}

/* One more element of max_entries, or not. */
static bool hash_reserve(struct hash *h)
{
	uint32_t *count = &h->map.head->hash.count, n = shared_load(count);

	while (n < h->map.desc.max_entries)
		if (__atomic_compare_exchange_n(count, &n, n + 1, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static void hash_unreserve(struct hash *h)
{
	__atomic_sub_fetch(&h->map.head->hash.count, 1, __ATOMIC_RELAXED);
}

/* An element to fill, HASH_NONE if there is none (only after a crash). */
static uint32_t hash_take_spare(struct hash *h, struct hash_lock *lock)
{
	uint32_t spare = shared_load(&lock->spare) - 1;

	if (spare < h->n_elems) {
		shared_store(&lock->spare, 0);
		return spare;
	}
	return hash_pop(h);
}

/* An element that has just been unlinked from hv's bucket. */
static void hash_retire(struct hash *h, uint64_t hv, uint32_t index)
{
	struct hash_bucket *b = hash_bucket(h, hv);
	struct hash_lock *lock = hash_lock_of(h, hv);

	shared_publish(&b->seq, shared_load(&b->seq) + 1);
	if (!shared_load(&lock->spare))
		shared_store(&lock->spare, index + 1);
	else
		hash_push(h, index);
}

static void hash_unlink(struct hash *h, uint64_t hv, struct hash_spot spot)
{
	shared_publish(spot.link, shared_load(&hash_elem(h, spot.index)->next));
	hash_retire(h, hv, spot.index);
	hash_unreserve(h);
}

#define HASH_ALL_CPUS UINT32_MAX

/* Stores a value for one CPU or for all; `first`: it is the element's first, so the other
 * CPUs' must not be what a former owner of the memory left there. */
static void hash_put_value(struct hash *h, uint32_t index, const void *value, uint32_t cpu,
			   bool first)
{
	uint32_t size = h->map.desc.value_size, stride = ALIGN_UP(size, 8), i;

	if (!h->cpu_stride) {
		shared_put(hash_value(h, index, 0), value, size);
		return;
	}
	for (i = 0; i < h->map.n_cpus; i++) {
		if (cpu == HASH_ALL_CPUS)
			shared_put(hash_value(h, index, i),
				   (const uint8_t *)value + (size_t)i * stride, size);
		else if (cpu == i)
			shared_put(hash_value(h, index, i), value, size);
		else if (first)
			shared_zero(hash_value(h, index, i), size);
	}
}

/* Takes an element that the hand points at out of its chain, if it is in one. */
static int hash_evict_one(struct hash *h, uint32_t index)
{
	/* Read without the lock: if it is wrong, the element is not found in the bucket. */
	uint64_t hv = shared_load_acquire(&hash_elem(h, index)->hash);
	struct hash_spot spot = {.link = &hash_bucket(h, hv)->head};
	uint32_t left;
	int err = hash_lock(h, hv);

	if (err)
		return err;
	err = -ENOENT;
	for (left = h->n_elems; left; left--) {
		spot.index = shared_load(spot.link) - 1;
		if (spot.index >= h->n_elems)
			break;
		if (spot.index == index) {
			hash_unlink(h, hv, spot);
			err = 0;
			break;
		}
		spot.link = &hash_elem(h, spot.index)->next;
	}
	hash_unlock(h, hv);
	return err;
}

/* Makes room for one entry. Twice round at most: after the first every mark is gone. */
static int hash_evict(struct hash *h)
{
	uint32_t *hand = &h->map.head->hash.hand, index;
	uint64_t left;
	int err;

	for (left = 2 * (uint64_t)h->n_elems; left; left--) {
		index = __atomic_fetch_add(hand, 1, __ATOMIC_RELAXED) % h->n_elems;
		if (shared_load(&h->used[index])) {
			shared_store(&h->used[index], 0);
			continue;
		}
		err = hash_evict_one(h, index);
		if (err != -ENOENT)
			return err;
	}
	return -ENOMEM;
}

/* The change itself, under the lock. -EAGAIN: the books do not add up, an audit is needed. */
static int hash_set(struct hash *h, uint64_t hv, const void *key, const void *value, uint64_t flags,
		    uint32_t cpu)
{
	struct hash_spot spot = hash_locate(h, hv, key);
	bool there = spot.index != HASH_NONE;
	struct hash_elem *e;
	uint32_t spare;

	if (there && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!there && flags == BPF_EXIST)
		return -ENOENT;
	if (there && h->cpu_stride) {
		hash_put_value(h, spot.index, value, cpu, false);
		if (h->used)
			hash_use(h, spot.index);
		return 0;
	}
	if (!there && !hash_reserve(h))
		return -E2BIG;
	spare = hash_take_spare(h, hash_lock_of(h, hv));
	if (spare == HASH_NONE) {
		if (!there)
			hash_unreserve(h);
		return -EAGAIN;
	}
	e = hash_elem(h, spare);
	shared_publish(&e->hash, (uint32_t)hv);
	shared_put(e->key, key, h->map.desc.key_size);
	hash_put_value(h, spare, value, cpu, true);
	if (h->used) /* a new one has not been used yet */
		shared_store(&h->used[spare], there);
	if (there) {
		shared_publish(&e->next, shared_load(&hash_elem(h, spot.index)->next));
		shared_publish(spot.link, spare + 1);
		hash_retire(h, hv, spot.index);
	} else {
		shared_publish(&e->next, shared_load(&hash_bucket(h, hv)->head));
		shared_publish(&hash_bucket(h, hv)->head, spare + 1);
	}
	return 0;
}

static int hash_do_update(struct map *map, const void *key, const void *value, uint64_t flags,
			  uint32_t cpu)
{
	struct hash *h = (struct hash *)map;
	bool audited = false;
	uint64_t hv;
	int err, tries;

	if (map_check_flags(flags))
		return -EINVAL;
	hv = hash_key(h, key, map->desc.key_size);
	for (tries = 0;; tries++) {
		err = hash_lock(h, hv);
		if (err)
			return err;
		err = hash_set(h, hv, key, value, flags, cpu);
		hash_unlock(h, hv);
		if (LIKELY(err != -E2BIG && err != -EAGAIN))
			return err;
		if (err == -E2BIG && h->used && tries < HASH_MAX_RETRIES) {
			err = hash_evict(h);
			if (!err)
				continue;
			if (err != -ENOMEM)
				return err;
			err = -EAGAIN; /* full of nothing */
		}
		/* Full, or is it only that somebody died? */
		if (err == -EAGAIN)
			shared_publish(&map->head->hash.dirty, 1);
		if (audited || !hash_needs_audit(h))
			return err == -EAGAIN || h->used ? -ENOMEM : err;
		audited = true;
		err = hash_audit(h);
		if (err)
			return err;
	}
}

static long hash_update(struct map *map, const void *key, const void *value, uint64_t flags,
			uint32_t cpu)
{
	return hash_do_update(map, key, value, flags, cpu);
}

static int percpu_hash_user_update(struct map *map, const void *key, const void *value,
				   uint64_t flags)
{
	return hash_do_update(map, key, value, flags, HASH_ALL_CPUS);
}

/* ---- the side of the system call -------------------------------------------------------- */

static void hash_get_value(struct hash *h, uint32_t index, void *value)
{
	uint32_t stride = ALIGN_UP(h->map.desc.value_size, 8), i;

	if (!h->cpu_stride) {
		shared_get(value, hash_value(h, index, 0), h->map.desc.value_size);
		return;
	}
	for (i = 0; i < h->map.n_cpus; i++)
		shared_get((uint8_t *)value + (size_t)i * stride, hash_value(h, index, i), stride);
}

static int hash_user_lookup(struct map *map, const void *key, void *value)
{
	struct hash *h = (struct hash *)map;
	uint32_t key_size = map->desc.key_size, seq, found, retry;
	uint64_t hv = hash_key(h, key, key_size);
	struct hash_bucket *b = hash_bucket(h, hv);
	int err;

	for (retry = 0; retry < HASH_MAX_RETRIES; retry++) {
		seq = shared_load_acquire(&b->seq);
		found = hash_walk(h, b, hv, key, key_size);
		if (found != HASH_NONE)
			hash_get_value(h, found, value);
		if (shared_load(&b->seq) == seq)
			return found == HASH_NONE ? -ENOENT : 0;
	}
	if (map->readonly)
		return -EBUSY;
	err = hash_lock(h, hv);
	if (err)
		return err;
	found = hash_walk(h, b, hv, key, key_size);
	if (found != HASH_NONE)
		hash_get_value(h, found, value);
	hash_unlock(h, hv);
	return found == HASH_NONE ? -ENOENT : 0;
}

/* Deletes; with value, copies it first. */
static int hash_remove(struct map *map, const void *key, void *value)
{
	struct hash *h = (struct hash *)map;
	uint64_t hv = hash_key(h, key, map->desc.key_size);
	struct hash_spot spot;
	int err = hash_lock(h, hv);

	if (err)
		return err;
	spot = hash_locate(h, hv, key);
	if (spot.index == HASH_NONE) {
		err = -ENOENT;
	} else {
		if (value)
			hash_get_value(h, spot.index, value);
		hash_unlink(h, hv, spot);
	}
	hash_unlock(h, hv);
	return err;
}

static long hash_delete(struct map *map, const void *key)
{
	return hash_remove(map, key, NULL);
}

/* Copies the first key of a bucket, or the one after `key`. 1: there is none, -ENOENT: `key`
 * is not there. */
static int hash_key_in_bucket(struct hash *h, struct hash_bucket *b, uint64_t hv, const void *key,
			      void *next)
{
	uint32_t key_size = h->map.desc.key_size, retry, seq, at;

	for (retry = 0; retry < HASH_MAX_RETRIES; retry++) {
		seq = shared_load_acquire(&b->seq);
		if (key) {
			at = hash_walk(h, b, hv, key, key_size);
			if (at == HASH_NONE) {
				if (shared_load(&b->seq) == seq)
					return -ENOENT;
				continue;
			}
			at = shared_load_acquire(&hash_elem(h, at)->next) - 1;
		} else {
			at = shared_load_acquire(&b->head) - 1;
		}
		if (at < h->n_elems)
			shared_get(next, hash_elem(h, at)->key, key_size);
		if (shared_load(&b->seq) == seq)
			return at < h->n_elems ? 0 : 1;
	}
	return -EBUSY;
}

static int hash_next_key(struct map *map, const void *key, void *next)
{
	struct hash *h = (struct hash *)map;
	uint64_t hv = key ? hash_key(h, key, map->desc.key_size) : 0;
	uint64_t b = 0;
	int found;

	if (key) {
		found = hash_key_in_bucket(h, hash_bucket(h, hv), hv, key, next);
		if (found != 1 && found != -ENOENT)
			return found;
		if (found == 1) /* otherwise from the start, as the kernel */
			b = (hv & h->bucket_mask) + 1;
	}
	for (; b <= h->bucket_mask; b++) {
		found = hash_key_in_bucket(h, &h->buckets[b], 0, NULL, next);
		if (found != 1)
			return found;
	}
	return -ENOENT;
}

static bool hash_contains(const struct map *map, uint64_t off, uint64_t len)
{
	const struct hash *h = (const struct hash *)map;

	if (off < h->values_off)
		return false;
	off -= h->values_off;
	if (h->cpu_stride)
		off %= h->cpu_stride;
	return off / map->value_stride < h->n_elems &&
	       off % map->value_stride + len <= map->desc.value_size;
}

const struct map_ops hash_ops = {
	.handle_size = sizeof(struct hash),
	.check = hash_check,
	.layout = hash_layout,
	.open = hash_open,
	.lookup = hash_lookup_any,
	.update = hash_update,
	.delete = hash_delete,
	.user_lookup = hash_user_lookup,
	.user_take = hash_remove,
	.next_key = hash_next_key,
	.contains = hash_contains,
};

const struct map_ops percpu_hash_ops = {
	.handle_size = sizeof(struct hash),
	.check = hash_check,
	.layout = hash_layout,
	.open = hash_open,
	.lookup = percpu_hash_lookup_any,
	.update = hash_update,
	.delete = hash_delete,
	.user_lookup = hash_user_lookup,
	.user_update = percpu_hash_user_update,
	.user_take = hash_remove,
	.next_key = hash_next_key,
	.contains = hash_contains,
};
