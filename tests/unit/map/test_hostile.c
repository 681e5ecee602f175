/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that somebody else wrote: garbage in the header is an error at attach, garbage
 * everywhere else makes wrong answers at worst, never a fault or a loop without end. And a
 * failure of any single allocation or system call leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>

#include "maps.h"
#include "map/hash.h"

static const struct shape {
	uint32_t type, key_size, value_size, entries, flags;
} shapes[] = {
	{BPF_MAP_TYPE_ARRAY, 4, 8, 20, 0},
	{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 20, 0},
	{BPF_MAP_TYPE_HASH, 4, 8, 20, 0},
	{BPF_MAP_TYPE_HASH, 24, 8, 20, 0},
	{BPF_MAP_TYPE_HASH, 8, 8, 1, 0},
	{BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 20, 0},
	{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 20, 0},
	{BPF_MAP_TYPE_DEVMAP, 4, 4, 20, 0},
	{BPF_MAP_TYPE_LPM_TRIE, 8, 8, 20, BPF_F_NO_PREALLOC},
	{BPF_MAP_TYPE_LPM_TRIE, 260, 8, 20, BPF_F_NO_PREALLOC},
	{BPF_MAP_TYPE_LRU_HASH, 4, 8, 20, 0},
	{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
};

static struct map *shape_new(const struct shape *s)
{
	return maps_new(s->type, s->key_size, s->value_size, s->entries, s->flags);
}

static int ignore(void *user, const void *data, uint32_t size)
{
	uint32_t i, *sum = user;

	for (i = 0; i < size; i++)
		*sum += ((const uint8_t *)data)[i];
	return 0;
}

/* Every operation, a few times. */
static void exercise(struct map *map, uint64_t *seed)
{
	uint8_t key[512] = {0}, next[512] = {0}, *value = calloc(1, map_user_value_size(map) + 8);
	uint32_t i, sum = 0;
	bool writable;

	for (i = 0; i < 30; i++) {
		uint8_t *p;

		put_u32(key, (uint32_t)(maps_random(seed) % 24));
		key[4] = (uint8_t)maps_random(seed);
		p = map_lookup(map, key, 0);
		if (p) {
			assert_true(map_value_contains(map, p, map->desc.value_size, &writable));
			sum += p[0] + p[map->desc.value_size - 1];
		}
		(void)map_user_lookup(map, key, value, 0);
		(void)map_update(map, key, value, BPF_ANY, 0);
		(void)map_user_update(map, key, value, BPF_ANY);
		(void)map_user_next_key(map, i ? next : NULL, next);
		(void)map_user_lookup_and_delete(map, key, value, 0);
		(void)map_delete(map, key);
		(void)map_prog_slot(map, i);
		if (map->desc.type == BPF_MAP_TYPE_RINGBUF) {
			void *sample = ringbuf_reserve(map, 40);

			if (sample)
				ringbuf_submit(map, sample, 0);
			(void)ringbuf_output(map, key, 100, 0);
			(void)ringbuf_query(map, BPF_RB_AVAIL_DATA);
			(void)ringbuf_consume(map, ignore, &sum);
		}
	}
	free(value);
	(void)sum;
}

/* Words that indices, lengths and positions may be. */
static uint64_t nasty(uint64_t *seed)
{
	switch (maps_random(seed) % 6) {
	case 0:
		return maps_random(seed);
	case 1:
		return UINT64_MAX;
	case 2:
		return maps_random(seed) % 50;
	case 3:
		return maps_random(seed) % 50 << 32 | maps_random(seed) % 50;
	case 4:
		return UINT64_C(0x8000000000000000) >> maps_random(seed) % 64;
	default:
		return UINT64_C(0x7fffffff00000001);
	}
}

static void garbage_in_the_body(void **state)
{
	uint64_t seed = 99;
	uint32_t s, round, i;

	for (s = 0; s < ARRAY_SIZE(shapes); s++)
		for (round = 0; round < 60; round++) {
			struct map *map = shape_new(&shapes[s]);
			uint64_t *words = (uint64_t *)map->mem;
			size_t n = ((uint8_t *)map->head - map->mem) / 8;
			/* Most writes where the structure is, at the start. */
			size_t near = MIN(n, 400);

			exercise(map, &seed);
			for (i = 0; i < 1 + round * 8; i++)
				words[maps_random(&seed) % (i % 4 ? near : n)] = nasty(&seed);
			/* The changing part of the header, but not the locks: a lock that a
			 * stranger holds is a time-out, which is slow to test. */
			if (round & 1) {
				if (map->desc.type == BPF_MAP_TYPE_LPM_TRIE) {
					map->head->trie.root = (uint32_t)nasty(&seed);
					map->head->trie.free = (uint32_t)nasty(&seed);
					map->head->trie.fresh = (uint32_t)nasty(&seed);
					map->head->trie.dirty = round & 2;
				} else if (map->desc.type == BPF_MAP_TYPE_RINGBUF) {
					map->head->ring.pending = nasty(&seed);
					map->head->ring.wake = (uint32_t)nasty(&seed);
				} else {
					map->head->hash.free = nasty(&seed);
					map->head->hash.fresh = (uint32_t)nasty(&seed);
					map->head->hash.count = (uint32_t)nasty(&seed);
					map->head->hash.dirty = round & 2;
				}
			}
			if (map->ops == &hash_ops || map->ops == &percpu_hash_ops) {
				struct hash *h = (struct hash *)map;

				for (i = 0; i <= h->lock_mask; i++)
					h->locks[i].word = 0;
			}
			exercise(map, &seed);
			map_unref(map);
		}
}

static void garbage_in_the_header(void **state)
{
	uint64_t seed = 1234;
	uint32_t s, round, good = 0;

	for (s = 0; s < ARRAY_SIZE(shapes); s++)
		for (round = 0; round < 300; round++) {
			struct map *map = shape_new(&shapes[s]), *again = NULL;
			uint32_t *words = (uint32_t *)map->head;
			uint32_t at = (uint32_t)(maps_random(&seed) % (sizeof(*map->head) / 4));

			words[at] =
				round % 3 ? (uint32_t)nasty(&seed) : words[at] ^ 1u << round % 32;
			/* No lock words here either, see above. */
			memset(&map->head->hash, 0, sizeof(map->head->hash));
			if (!map_attach(dup(map->fd), &again, NULL)) {
				assert_int_equal(again->size, map->size);
				exercise(again, &seed);
				map_unref(again);
				good++;
			}
			map_unref(map);
		}
	assert_true(good > 100);
}

static void not_a_map(void **state)
{
	struct visor_diag diag;
	struct map *map;
	int fd, pipes[2];

	assert_true(map_attach(-1, &map, &diag) < 0);
	fd = memfd_create("empty", 0);
	assert_int_equal(map_attach(fd, &map, &diag), -EINVAL);
	fd = memfd_create("zeros", 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(map_attach(fd, &map, &diag), -EINVAL);
	assert_string_equal(diag.text, "the file is not a map");
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(map_attach(pipes[0], &map, &diag), -EINVAL);
	close(pipes[1]);
	assert_int_equal(map_attach(open("/", O_RDONLY), &map, &diag), -EINVAL);
	fd = open("/dev/null", O_RDWR);
	assert_int_equal(map_attach(fd, &map, &diag), -EINVAL);
}

/* A lock word that names the caller or a stranger: an error in bounded time. */
static void locks_of_strangers(void **state)
{
	uint32_t word = lock_self();

	assert_int_equal(lock_acquire(&word), -EDEADLK);
	word = 1; /* init lives; its tag, when it is known, differs or is not looked at */
	assert_in_range(lock_acquire(&word) + 200, 200 - ETIMEDOUT, 201);
	word = 0x003ffffe; /* no such thread */
	assert_int_equal(lock_acquire(&word), LOCK_INHERITED);
	lock_release(&word);
	assert_int_equal(word, 0);
}

/* ---- failing the n-th call --------------------------------------------------------------- */

static int fail_at; /* 0: never */

static bool fails(void)
{
	return fail_at && --fail_at == 0;
}

/* The linker sends the library's calls here (--wrap). */
#define WRAP(type, name, args, call, on_failure) \
	type __real_##name args;                 \
	type __wrap_##name args;                 \
	type __wrap_##name args                  \
	{                                        \
		if (fails()) {                   \
			errno = ENOMEM;          \
			return on_failure;       \
		}                                \
		return __real_##name call;       \
	}
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), NULL)
WRAP(void *, mmap, (void *a, size_t n, int prot, int flags, int fd, off_t off),
     (a, n, prot, flags, fd, off), MAP_FAILED)
WRAP(void *, mmap64, (void *a, size_t n, int prot, int flags, int fd, off_t off),
     (a, n, prot, flags, fd, off), MAP_FAILED)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), -1)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(ssize_t, getrandom, (void *buf, size_t n, unsigned int flags), (buf, n, flags), -1)
WRAP(int, eventfd, (unsigned int init, int flags), (init, flags), -1)
WRAP(int, pthread_create, (pthread_t * t, const pthread_attr_t *a, void *(*fn)(void *), void *arg),
     (t, a, fn, arg), EAGAIN)

static uint32_t count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	uint32_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static uint32_t count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	uint32_t n = 0;

	while (fgets(line, sizeof(line), f))
		n += strstr(line, "/memfd:map") != NULL;
	fclose(f);
	return n;
}

static void nothing_is_left_behind(void **state)
{
	uint32_t s, n, failed = 0, fds = count_entries("/proc/self/fd");

	for (s = 0; s < ARRAY_SIZE(shapes); s++)
		for (n = 1;; n++) {
			const struct shape *sh = &shapes[s];
			struct map *map = NULL, *again = NULL;
			int err, fd = -1;

			fail_at = (int)n;
			err = maps_try(sh->type, sh->key_size, sh->value_size, sh->entries,
				       sh->flags, &map);
			if (!err)
				err = map_attach(dup(map->fd), &again, NULL);
			if (!err && sh->type == BPF_MAP_TYPE_RINGBUF) {
				fd = ringbuf_wait_fd(again);
				err = MIN(fd, 0);
			}
			if (!err && sh->type == BPF_MAP_TYPE_LPM_TRIE) {
				uint8_t key[260] = {0}, value[8] = {0};

				map->head->trie.dirty = 1; /* the repair allocates */
				err = (int)map_update(map, key, value, BPF_ANY, 0);
			}
			map_unref(again);
			map_unref(map);
			assert_int_equal(count_entries("/proc/self/fd"), fds);
			assert_int_equal(count_mappings(), 0);
			if (fail_at) { /* n was beyond the last call */
				assert_int_equal(err, 0);
				break;
			}
			assert_true(err < 0);
			failed++;
			assert_true(n < 100);
		}
	fail_at = 0;
	assert_true(failed > 5 * ARRAY_SIZE(shapes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_in_the_body),
		cmocka_unit_test(garbage_in_the_header),
		cmocka_unit_test(not_a_map),
		cmocka_unit_test(locks_of_strangers),
		cmocka_unit_test(nothing_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
