/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map/ring.c - ring buffers, in the layout that consumers of the kernel's expect to mmap.
 *
 *    page 0      page 1      from page 2                                    last page
 *  +-----------+-----------+-----------------------+-----------------------+---------+
 *  | consumer  | producer  | ring: max_entries     | overflow: max_entries | head    |
 *  | position  | position  |                       |                       |         |
 *  +-----------+-----------+-----------------------+-----------------------+---------+
 *
 * A record at position p begins at data + p % size and continues straight into the overflow
 * area where the kernel has the ring mapped a second time; a record's header never does,
 * and a consumer reads the same addresses either way.
 *
 *    +---------------------------+----------+---------------------+
 *    | length | BUSY, DISCARD    |  owner   | data, padded to 8   |
 *    +---------------------------+----------+---------------------+
 *
 * The second header word, for the kernel's private use, names the thread that reserved the
 * record (base/lock.h): if it dies, the record is discarded instead of blocking the ring.
 * Records are reserved under a lock and committed without.
 */
#include "map/ring.h"

#include <stdlib.h>

#define RING_HEADER	8u
#define RING_MAX_RECORD (UINT32_MAX / 4)
#define RING_LENGTH	(~(uint32_t)(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))

struct ring_record {
	uint32_t len, owner;
};

/* ---- rings by address --------------------------------------------------------------------- */

/* Slots are never freed, so that ring_owner can look without a lock. */
struct ring_slots {
	struct {
		uintptr_t start; /* 0: unused; cleared first, set last */
		size_t size;
		struct map *map;
	} slot[64];
	struct ring_slots *next;
};

static struct ring_slots ring_slots;
static pthread_mutex_t ring_slots_mutex = PTHREAD_MUTEX_INITIALIZER;

static int ring_enter(struct ring *r)
{
	struct ring_slots *s = &ring_slots;
	uint32_t i = 0;
	int err = 0;

	pthread_mutex_lock(&ring_slots_mutex);
	while (s->slot[i].start) {
		if (++i < ARRAY_SIZE(s->slot))
			continue;
		i = 0;
		if (!s->next) {
			struct ring_slots *more = calloc(1, sizeof(*more));

			if (!more) {
				err = -ENOMEM;
				goto out;
			}
			__atomic_store_n(&s->next, more, __ATOMIC_RELEASE);
		}
		s = s->next;
	}
	__atomic_store_n(&s->slot[i].size, 2 * r->size, __ATOMIC_RELEASE);
	__atomic_store_n(&s->slot[i].map, &r->map, __ATOMIC_RELEASE);
	__atomic_store_n(&s->slot[i].start, (uintptr_t)r->data, __ATOMIC_RELEASE);
out:
	pthread_mutex_unlock(&ring_slots_mutex);
	return err;
}

static void ring_leave(struct ring *r)
{
	struct ring_slots *s;
	uint32_t i;

	pthread_mutex_lock(&ring_slots_mutex);
	for (s = &ring_slots; s; s = s->next)
		for (i = 0; i < ARRAY_SIZE(s->slot); i++)
			if (s->slot[i].map == &r->map && s->slot[i].start == (uintptr_t)r->data)
				__atomic_store_n(&s->slot[i].start, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ring_slots_mutex);
}

struct map *ringbuf_owner(const void *sample)
{
	const struct ring_slots *s;
	uintptr_t start;
	struct map *map;
	size_t size;
	uint32_t i;

	for (s = &ring_slots; s; s = __atomic_load_n(&s->next, __ATOMIC_ACQUIRE))
		for (i = 0; i < ARRAY_SIZE(s->slot); i++) {
			start = __atomic_load_n(&s->slot[i].start, __ATOMIC_ACQUIRE);
			if (!start)
				continue;
			size = __atomic_load_n(&s->slot[i].size, __ATOMIC_ACQUIRE);
			map = __atomic_load_n(&s->slot[i].map, __ATOMIC_ACQUIRE);
			/* The caller's ring stays where it is; another slot may change. */
			if ((uintptr_t)sample - start < size &&
			    __atomic_load_n(&s->slot[i].start, __ATOMIC_RELAXED) == start)
				return map;
		}
	return NULL;
}

/* ---- creation ----------------------------------------------------------------------------- */

static int ring_check(const struct map_attr *attr)
{
	uint32_t n = attr->max_entries;

	if (attr->key_size || attr->value_size || !n || n & (n - 1) || n % arena_page_size())
		return -EINVAL;
	return 0;
}

static uint64_t ring_layout(struct map *map)
{
	return 2 * arena_page_size() + 2 * (uint64_t)map->desc.max_entries;
}

static int ring_open(struct map *map)
{
	struct ring *r = (struct ring *)map;

	r->consumer = (uint64_t *)map->mem;
	r->producer = (uint64_t *)(map->mem + arena_page_size());
	r->data = map->mem + 2 * arena_page_size();
	r->size = map->desc.max_entries;
	ring_wait_init(r);
	return ring_enter(r);
}

static void ring_close(struct map *map)
{
	struct ring *r = (struct ring *)map;

	ring_leave(r);
	ring_wait_stop(r);
}

/* ---- producing ---------------------------------------------------------------------------- */

static struct ring_record *ring_at(const struct ring *r, uint64_t pos)
{
	return (struct ring_record *)(r->data + (pos & (r->size - 1) & ~UINT64_C(7)));
}

/* From one record to the next. */
static uint64_t ring_step(uint32_t len)
{
	return ALIGN_UP((uint64_t)(len & RING_LENGTH) + RING_HEADER, UINT64_C(8));
}

/* The length word of the record at pos; BUSY if its owner still works on it. */
static uint32_t ring_look(struct ring *r, uint64_t pos, bool reap)
{
	struct ring_record *rec = ring_at(r, pos);
	uint32_t len = shared_load_acquire(&rec->len);

	if (len & BPF_RINGBUF_BUSY_BIT && reap && lock_owner_dead(shared_load(&rec->owner))) {
		uint32_t gone = (len & RING_LENGTH) | BPF_RINGBUF_DISCARD_BIT;

		if (__atomic_compare_exchange_n(&rec->len, &len, gone, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			len = gone;
	}
	return len;
}

/* Position of the oldest record that is not committed. Under the lock. */
static uint64_t ring_pending(struct ring *r, uint64_t from, uint64_t to, bool reap)
{
	uint32_t len;

	if (to - from > r->size)
		from = to; /* garbage */
	while (from < to) {
		len = ring_look(r, from, reap);
		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		from += ring_step(len);
	}
	return MIN(from, to);
}

static void *ring_reserve(struct ring *r, uint32_t size)
{
	struct map_ring_state *state = &r->map.head->ring;
	uint64_t consumer = shared_load_acquire(r->consumer);
	uint64_t pos = shared_load(r->producer), end = pos + ring_step(size), pending;
	struct ring_record *rec;

	pending = ring_pending(r, shared_load(&state->pending), pos, false);
	if (UNLIKELY(end - pending > r->size - 1 || end - consumer > r->size - 1))
		pending = ring_pending(r, pending, pos, true);
	shared_store(&state->pending, pending);
	/* One byte stays free, so that full and empty differ. */
	if (end - pending > r->size - 1 || end - consumer > r->size - 1)
		return NULL;
	rec = ring_at(r, pos);
	shared_store(&rec->owner, lock_self());
	shared_store(&rec->len, size | BPF_RINGBUF_BUSY_BIT);
	shared_publish(r->producer, end);
	return rec + 1;
}

void *ringbuf_reserve(struct map *map, uint64_t size)
{
	struct ring *r = (struct ring *)map;
	void *sample;

	if (UNLIKELY(size > RING_MAX_RECORD || ring_step((uint32_t)size) > r->size ||
		     map->readonly))
		return NULL;
	/* After a dead owner there is nothing to repair: the producer position is published by
	 * one store, and `pending` is only a lower bound. */
	if (lock_acquire(&map->head->ring.lock) < 0)
		return NULL;
	sample = ring_reserve(r, (uint32_t)size);
	lock_release(&map->head->ring.lock);
	return sample;
}

static void ring_commit(struct map *map, void *sample, uint64_t flags, uint32_t discard)
{
	struct ring *r = (struct ring *)map;
	struct ring_record *rec = (struct ring_record *)sample - 1;
	uint32_t len = shared_load(&rec->len) & RING_LENGTH;
	uint64_t consumer;

	/* Sequentially consistent: either the consumer, which publishes its position before it
	 * looks at the record, sees the record, or its position is seen here. */
	__atomic_exchange_n(&rec->len, len | discard, __ATOMIC_SEQ_CST);
	consumer = __atomic_load_n(r->consumer, __ATOMIC_SEQ_CST);
	if (flags & BPF_RB_FORCE_WAKEUP ||
	    (!(flags & BPF_RB_NO_WAKEUP) && ring_at(r, consumer) == rec))
		ring_notify(r);
}

void ringbuf_submit(struct map *map, void *sample, uint64_t flags)
{
	ring_commit(map, sample, flags, 0);
}

void ringbuf_discard(struct map *map, void *sample, uint64_t flags)
{
	ring_commit(map, sample, flags, BPF_RINGBUF_DISCARD_BIT);
}

long ringbuf_output(struct map *map, const void *data, uint64_t size, uint64_t flags)
{
	void *sample;

	if (flags & ~(uint64_t)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return -EINVAL;
	sample = ringbuf_reserve(map, size);
	if (!sample)
		return -EAGAIN;
	memcpy(sample, data, size);
	ring_commit(map, sample, flags, 0);
	return 0;
}

uint64_t ringbuf_query(const struct map *map, uint64_t flags)
{
	const struct ring *r = (const struct ring *)map;
	uint64_t consumer = shared_load_acquire(r->consumer);

	switch (flags) {
	case BPF_RB_AVAIL_DATA:
		return shared_load_acquire(r->producer) - consumer;
	case BPF_RB_RING_SIZE:
		return r->size;
	case BPF_RB_CONS_POS:
		return consumer;
	case BPF_RB_PROD_POS:
		return shared_load_acquire(r->producer);
	default:
		return 0;
	}
}

/* ---- consuming ---------------------------------------------------------------------------- */

bool ring_ready(struct ring *r)
{
	uint64_t pos = shared_load_acquire(r->consumer);

	return pos < shared_load_acquire(r->producer) &&
	       !(ring_look(r, pos, true) & BPF_RINGBUF_BUSY_BIT);
}

int ringbuf_consume(struct map *map, int (*fn)(void *user, const void *data, uint32_t size),
		    void *user)
{
	struct ring *r = (struct ring *)map;
	uint64_t pos, end;
	uint32_t len;
	int n = 0, err = 0;

	if (map->readonly)
		return -EPERM;
	pos = shared_load(r->consumer);
	while (!err && n < INT32_MAX) {
		end = shared_load_acquire(r->producer);
		if (pos == end)
			break;
		len = ring_look(r, pos, false);
		if (len & BPF_RINGBUF_BUSY_BIT)
			len = ring_look(r, pos, true);
		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		if (end - pos > r->size || ring_step(len) > end - pos)
			return -EINVAL; /* not what a producer leaves */
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			err = fn(user, ring_at(r, pos) + 1, len & RING_LENGTH);
			n++;
		}
		pos += ring_step(len);
		__atomic_store_n(r->consumer, pos, __ATOMIC_SEQ_CST); /* see ring_commit */
		err = MIN(err, 0);
	}
	return err ? err : n;
}

static void *ring_lookup(struct map *map, const void *key, uint32_t cpu)
{
	return NULL;
}

static bool ring_contains(const struct map *map, uint64_t off, uint64_t len)
{
	return off >= 2 * arena_page_size() &&
	       off + len <= 2 * arena_page_size() + 2 * (uint64_t)map->desc.max_entries;
}

const struct map_ops ring_ops = {
	.handle_size = sizeof(struct ring),
	.check = ring_check,
	.layout = ring_layout,
	.open = ring_open,
	.close = ring_close,
	.lookup = ring_lookup,
	.contains = ring_contains,
};
