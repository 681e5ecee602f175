/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers without locks among writers: no torn entry, no false miss of an entry that is
 * always there, no lost update; the data-race detector has nothing to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "maps.h"

#define WRITERS 2
#define READERS 2
#define ROUNDS	50000
#define KEYS	40u

struct value {
	uint64_t key, gen, sum;
};

struct job {
	struct map *map;
	uint32_t id;
	uint32_t *stop;
	uint64_t errors, hits;
};

static const void *key_of(const struct map *map, uint32_t n, uint8_t *buf)
{
	if (map->desc.type == BPF_MAP_TYPE_LPM_TRIE) {
		put_u32(buf, 32);
		put_u32(buf + 4, n * 0x01010101u);
	} else {
		put_u32(buf, n);
		memset(buf + 4, 0, 4);
	}
	return buf;
}

/* Key 0 is only ever replaced; each writer adds and removes its own others. */
static void *write_keys(void *arg)
{
	struct job *job = arg;
	uint64_t seed = job->id * 7919 + 1;
	uint8_t key[8];
	uint32_t i, n;

	for (i = 0; i < ROUNDS; i++) {
		struct value v;
		long err;

		n = (uint32_t)(maps_random(&seed) % 4 == 0
				       ? 0
				       : 1 + job->id + maps_random(&seed) % 19 * WRITERS);
		v = (struct value){.key = n, .gen = i, .sum = n ^ i ^ 0x5a5a5a5aull};
		if (!n || maps_random(&seed) & 1)
			err = map_update(job->map, key_of(job->map, n, key), &v, BPF_ANY, 0);
		else
			err = map_delete(job->map, key_of(job->map, n, key));
		if (err && !(err == -ENOENT && n))
			job->errors++;
	}
	return NULL;
}

static void *read_keys(void *arg)
{
	struct job *job = arg;
	uint64_t seed = job->id * 104729 + 1;
	uint8_t key[8], next[8];
	struct value v;
	uint32_t n;

	while (!__atomic_load_n(job->stop, __ATOMIC_ACQUIRE)) {
		n = (uint32_t)(maps_random(&seed) % KEYS);
		/* A program's look-up: what is behind the pointer may be reused, but it is there.
		 */
		if (map_lookup(job->map, key_of(job->map, n, key), 0))
			job->hits++;
		else if (!n)
			job->errors++;
		if (!map_user_lookup(job->map, key_of(job->map, n, key), &v, 0)) {
			if (v.key != n || v.sum != (v.key ^ v.gen ^ 0x5a5a5a5aull))
				job->errors++;
		} else if (!n) {
			job->errors++;
		}
		if (map_user_next_key(job->map, key, next) == -EINVAL)
			job->errors++;
	}
	return NULL;
}

static void keys_among_threads(uint32_t type, uint32_t key_size, uint32_t flags)
{
	struct map *map = maps_new(type, key_size, sizeof(struct value), KEYS, flags);
	struct map *again = maps_again(map);
	struct job jobs[WRITERS + READERS];
	pthread_t threads[WRITERS + READERS];
	struct value v = {.sum = 0x5a5a5a5aull};
	uint32_t i, stop = 0, count = 0, found = 0;
	uint8_t key[8];

	assert_int_equal(map_update(map, key_of(map, 0, key), &v, BPF_ANY, 0), 0);
	for (i = 0; i < WRITERS + READERS; i++) {
		jobs[i] = (struct job){.map = i & 1 ? map : again,
				       .id = i < WRITERS ? i : i - WRITERS,
				       .stop = &stop};
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < WRITERS ? write_keys : read_keys, &jobs[i]),
				 0);
	}
	for (i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (; i < WRITERS + READERS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < WRITERS + READERS; i++)
		assert_int_equal(jobs[i].errors, 0);
	/* The books are right: what can be found is what can be listed, and it fits exactly. */
	for (i = 0; !map_user_next_key(map, i ? key : NULL, key); i++)
		count++;
	for (i = 0; i < KEYS; i++)
		found += map_lookup(map, key_of(map, i, key), 0) != NULL;
	assert_int_equal(found, count);
	for (i = 0; i < KEYS; i++)
		assert_int_equal(map_update(map, key_of(map, i, key), &v, BPF_ANY, 0), 0);
	assert_true(map_update(map, key_of(map, KEYS + 1, key), &v, BPF_ANY, 0) < 0);
	map_unref(again);
	map_unref(map);
}

static void hash_4(void **state)
{
	keys_among_threads(BPF_MAP_TYPE_HASH, 4, 0);
}

static void hash_8(void **state)
{
	keys_among_threads(BPF_MAP_TYPE_HASH, 8, BPF_F_NO_PREALLOC);
}

/* Eviction among threads: every new key fits, always. */
static void *flood(void *arg)
{
	struct job *job = arg;
	uint32_t i, key;
	uint64_t v = 1;

	for (i = 0; i < ROUNDS; i++) {
		key = i * 4 + job->id;
		if (map_update(job->map, &key, &v, BPF_ANY, 0))
			job->errors++;
		if (i % 3 == 0 && map_lookup(job->map, &key, 0))
			job->hits++;
	}
	return NULL;
}

static void lru(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_LRU_HASH, 4, 8, 64, 0);
	uint32_t i, count = 0, key;
	struct job jobs[3];
	pthread_t threads[3];

	for (i = 0; i < 3; i++) {
		jobs[i] = (struct job){.map = map, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, flood, &jobs[i]), 0);
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(jobs[i].errors, 0);
		assert_true(jobs[i].hits > 0);
	}
	for (i = 0; !map_user_next_key(map, i ? &key : NULL, &key); i++)
		count++;
	assert_in_range(count, 61, 64); /* the last evictions may not have been filled again */
	map_unref(map);
}

static void lpm(void **state)
{
	keys_among_threads(BPF_MAP_TYPE_LPM_TRIE, 8, BPF_F_NO_PREALLOC);
}

/* Each thread counts in its own CPU's slot while others add and delete other keys. */
static void *count_percpu(void *arg)
{
	struct job *job = arg;
	uint32_t i, key = 7, other;
	uint64_t one = 1;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t *slot = map_lookup(job->map, &key, job->id);

		if (!slot) {
			job->errors++;
			continue;
		}
		__atomic_store_n(slot, __atomic_load_n(slot, __ATOMIC_RELAXED) + 1,
				 __ATOMIC_RELAXED);
		other = 100 + job->id;
		map_update(job->map, &other, &one, BPF_ANY, job->id);
		map_delete(job->map, &other);
	}
	return NULL;
}

static void percpu_hash(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0);
	uint32_t n = MIN(map->n_cpus, 4), i, key = 7;
	uint64_t *all = calloc(map->n_cpus, 8);
	struct job jobs[4];
	pthread_t threads[4];

	assert_int_equal(map_user_update(map, &key, all, BPF_ANY), 0);
	for (i = 0; i < n; i++) {
		jobs[i] = (struct job){.map = map, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, count_percpu, &jobs[i]), 0);
	}
	for (i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(jobs[i].errors, 0);
	}
	assert_int_equal(map_user_lookup(map, &key, all, 0), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(all[i], ROUNDS);
	free(all);
	map_unref(map);
}

struct record {
	uint64_t producer, number;
};

static void *produce(void *arg)
{
	struct job *job = arg;
	uint64_t i;

	for (i = 0; i < ROUNDS; i++) {
		struct record r = {.producer = job->id, .number = i};

		while (ringbuf_output(job->map, &r, sizeof(r), 0) == -EAGAIN)
			sched_yield();
	}
	return NULL;
}

static int in_order(void *user, const void *data, uint32_t size)
{
	uint64_t *next = user;
	struct record r;

	memcpy(&r, data, sizeof(r));
	if (size != sizeof(r) || r.producer >= WRITERS || r.number != next[r.producer])
		return -EBADMSG;
	next[r.producer]++;
	return 0;
}

static void ring(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	uint64_t next[WRITERS] = {0}, total = 0;
	struct job jobs[WRITERS];
	pthread_t threads[WRITERS];
	uint32_t i;
	int n;

	assert_true(ringbuf_wait_fd(map) >= 0); /* its thread takes part, too */
	for (i = 0; i < WRITERS; i++) {
		jobs[i] = (struct job){.map = map, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &jobs[i]), 0);
	}
	while (total < (uint64_t)WRITERS * ROUNDS) {
		n = ringbuf_consume(map, in_order, next);
		assert_true(n >= 0);
		total += (uint64_t)n;
		if (!n)
			sched_yield();
	}
	for (i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(next[i], ROUNDS);
	}
	map_unref(map);
}

/* References are taken and dropped everywhere; rings appear and disappear meanwhile. */
static void *hold(void *arg)
{
	struct job *job = arg;
	uint32_t i;

	for (i = 0; i < 200; i++) {
		struct map *m = map_ref(job->map);
		struct map *r = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
		void *sample = ringbuf_reserve(r, 16);

		if (ringbuf_owner(sample) != r)
			job->errors++;
		ringbuf_submit(r, sample, 0);
		map_unref(r);
		map_unref(m);
	}
	return NULL;
}

static void references(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	struct job jobs[3];
	pthread_t threads[3];
	uint32_t i;

	for (i = 0; i < 3; i++) {
		jobs[i] = (struct job){.map = map};
		assert_int_equal(pthread_create(&threads[i], NULL, hold, &jobs[i]), 0);
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(jobs[i].errors, 0);
	}
	assert_int_equal(map->refs, 1);
	map_unref(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_4),     cmocka_unit_test(hash_8),	     cmocka_unit_test(lpm),
		cmocka_unit_test(lru),	      cmocka_unit_test(percpu_hash), cmocka_unit_test(ring),
		cmocka_unit_test(references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
