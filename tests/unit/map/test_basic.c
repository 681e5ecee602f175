/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays and hashes do what they are for, from two handles of one file. What the kernel does
 * in each corner is compared in test_kernel.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "maps.h"

static void array_holds_values(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_ARRAY, 4, 12, 10, BPF_F_MMAPABLE);
	struct map *other = maps_again(map);
	uint32_t key = 3, i;
	uint8_t value[12], got[12], *mapped;
	bool writable;

	for (i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i + 1);
	assert_int_equal(map_update(map, &key, value, BPF_ANY, 0), 0);
	assert_memory_equal(map_lookup(other, &key, 0), value, 12);
	assert_int_equal(map_user_lookup(other, &key, got, 0), 0);
	assert_memory_equal(got, value, 12);

	/* What mmap of the descriptor shows: value i at i * round_up(12, 8). */
	mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, map->fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	assert_memory_equal(mapped + 3 * 16, value, 12);
	munmap(mapped, 4096);

	assert_true(map_value_contains(map, map_lookup(map, &key, 0), 12, &writable));
	assert_true(writable);
	assert_false(map_value_contains(map, map_lookup(map, &key, 0), 13, &writable));
	assert_false(map_value_contains(map, (char *)map_lookup(map, &key, 0) + 12, 1, &writable));
	assert_false(map_value_contains(map, map->head, 1, &writable));
	key = 10;
	assert_null(map_lookup(map, &key, 0));
	map_unref(other);
	map_unref(map);
}

static void percpu_slots_are_apart(void **state)
{
	const uint32_t types[] = {BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH};
	uint32_t t, cpu, key = 1;
	uint64_t v;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		struct map *map = maps_new(types[t], 4, 6, 4, 0);
		uint8_t *all = calloc(1, map_user_value_size(map));
		bool writable;

		assert_int_equal(map_user_value_size(map), 8 * map->n_cpus);
		assert_int_equal(map_user_update(map, &key, all, BPF_ANY), 0);
		for (cpu = 0; cpu < map->n_cpus; cpu++) {
			v = 0x1111111111 + cpu;
			assert_int_equal(map_update(map, &key, &v, BPF_ANY, cpu), 0);
		}
		assert_int_equal(map_user_lookup(map, &key, all, 0), 0);
		for (cpu = 0; cpu < map->n_cpus; cpu++) {
			v = 0x1111111111 + cpu;
			assert_memory_equal(all + 8 * cpu, &v, 6);
			assert_memory_equal(map_lookup(map, &key, cpu), &v, 6);
			assert_true(
				map_value_contains(map, map_lookup(map, &key, cpu), 6, &writable));
			assert_false(
				map_value_contains(map, map_lookup(map, &key, cpu), 7, &writable));
		}
		assert_null(map_lookup(map, &key, map->n_cpus));
		free(all);
		map_unref(map);
	}
}

/* A new entry of a per-CPU hash does not show another CPU what the memory held before. */
static void percpu_hash_clears_reused_memory(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 1, 0);
	uint64_t *all = calloc(map->n_cpus, 8), one = 1;
	uint32_t key, cpu;

	for (cpu = 0; cpu < map->n_cpus; cpu++)
		all[cpu] = ~0ull;
	for (key = 0; key < 4; key++) {
		assert_int_equal(map_user_update(map, &key, all, BPF_NOEXIST), 0);
		assert_int_equal(map_delete(map, &key), 0);
	}
	assert_int_equal(map_update(map, &key, &one, BPF_ANY, 0), 0);
	for (cpu = 0; cpu < map->n_cpus; cpu++)
		assert_int_equal(*(uint64_t *)map_lookup(map, &key, cpu), cpu == 0);
	free(all);
	map_unref(map);
}

/* All key sizes, filled to the brim, against a plain array of what should be there. */
static void hash_holds_everything(void **state)
{
	const uint32_t sizes[] = {1, 3, 4, 7, 8, 9, 12, 16, 17, 24, 32, 33, 200};
	enum { N = 300 };
	uint64_t seed = 88172645463325252ull;
	uint32_t s, i;

	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		uint32_t n = sizes[s] == 1 ? 200 : N;
		struct map *map = maps_new(BPF_MAP_TYPE_HASH, sizes[s], 8, n, 0);
		struct map *other = maps_again(map);
		uint8_t key[256] = {0}, next[256];
		uint64_t want[N], value;
		bool there[N] = {false}, writable;
		uint32_t count = 0, seen = 0;

		for (i = 0; i < 20000; i++) {
			uint32_t k = (uint32_t)(maps_random(&seed) % n);
			struct map *m = maps_random(&seed) & 1 ? map : other;

			memset(key, 0x55, sizes[s]);
			memcpy(key + (sizes[s] > 2 ? sizes[s] - 2 : 0), &k, MIN(sizes[s], 2));
			if (maps_random(&seed) % 3) {
				value = maps_random(&seed);
				assert_int_equal(map_update(m, key, &value, BPF_ANY, 0), 0);
				want[k] = value;
				there[k] = true;
			} else {
				assert_int_equal(map_delete(m, key), there[k] ? 0 : -ENOENT);
				there[k] = false;
			}
			if (there[k]) {
				uint64_t *p = map_lookup(map, key, 0);

				assert_non_null(p);
				assert_int_equal(*p, want[k]);
				assert_true(map_value_contains(map, p, 8, &writable));
				assert_false(map_value_contains(map, p, 9, &writable));
				assert_false(map_value_contains(map, (char *)p - 1, 1, &writable));
			} else {
				assert_null(map_lookup(map, key, 0));
			}
		}
		for (i = 0; i < n; i++)
			count += there[i];
		for (i = 0; !map_user_next_key(map, i ? next : NULL, next); i++) {
			assert_int_equal(map_user_lookup(map, next, &value, 0), 0);
			seen++;
		}
		assert_int_equal(seen, count);
		map_unref(other);
		map_unref(map);
	}
}

/* Hash keys that differ in one bit of one word spread over the buckets. */
static void hash_spreads_keys(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_HASH, 8, 8, 65536, 0);
	struct map *low = maps_new(BPF_MAP_TYPE_HASH, 8, 8, 65536, 0);
	uint64_t key, i;

	/* Sequential keys, and keys whose differences are in the high bits only: if they shared
	 * buckets, this would take minutes. */
	for (i = 0; i < 65536; i++) {
		key = i << 48;
		assert_int_equal(map_update(map, &key, &i, BPF_NOEXIST, 0), 0);
		assert_int_equal(map_update(low, &i, &i, BPF_NOEXIST, 0), 0);
	}
	key = 1;
	assert_int_equal(map_update(map, &key, &key, BPF_ANY, 0), -E2BIG);
	map_unref(map);
	map_unref(low);
}

/* A full LRU map takes every new entry, and gives up the ones that nobody looks up. */
static void lru_keeps_what_is_used(void **state)
{
	const uint32_t types[] = {BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH};
	enum { MAX = 100, HOT = 20 };
	uint32_t t, key, hot, i;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		struct map *map = maps_new(types[t], 4, 8, MAX, 0);
		uint64_t value, all[MAP_MAX_CPUS];
		uint8_t next[4];
		uint32_t n = 0;

		for (key = 0; key < MAX; key++) {
			value = key;
			assert_int_equal(map_update(map, &key, &value, BPF_NOEXIST, 0), 0);
		}
		for (key = 0; key < MAX; key++) /* exactly that many fit */
			assert_int_equal(map_user_lookup(map, &key, all, 0), 0);
		for (i = 0; i < 5000; i++) {
			hot = i % HOT;
			assert_int_equal(*(uint64_t *)map_lookup(map, &hot, 0), hot);
			if (i < HOT)
				continue;
			value = key = 1000 + i;
			assert_int_equal(map_update(map, &key, &value, BPF_NOEXIST, 0), 0);
			/* The system call's look-up is no use. */
			assert_int_equal(map_user_lookup(map, &key, all, 0), 0);
			assert_int_equal(all[0], key);
		}
		for (i = 0; !map_user_next_key(map, i ? next : NULL, next); i++)
			n++;
		assert_int_equal(n, MAX);
		for (hot = 0; hot < HOT; hot++)
			assert_non_null(map_lookup(map, &hot, 0));
		map_unref(map);
	}
}

static void prog_array_names_programs(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0);
	uint32_t key = 2, id = 4711;

	assert_int_equal(map_prog_slot(map, 2), 0);
	assert_int_equal(map_user_update(map, &key, &id, BPF_ANY), 0);
	assert_int_equal(map_prog_slot(map, 2), 4711);
	assert_int_equal(map_prog_slot(map, 4), 0);
	assert_int_equal(map_user_delete(map, &key), 0);
	assert_int_equal(map_user_delete(map, &key), -ENOENT);
	assert_int_equal(map_prog_slot(map, 2), 0);
	map_unref(map);
}

/* An enormous array that was hardly used is walked at once, and takes no memory by it. */
static void prog_array_walk(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0x7fffff00, 0);
	static const uint32_t keys[] = {0, 5, 1000000, 0x7ffffeff};
	uint32_t at = 0, id;

	assert_int_equal(map_prog_next(map, &at), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(keys); i++) {
		id = i + 1;
		assert_int_equal(map_user_update(map, &keys[i], &id, BPF_ANY), 0);
	}
	at = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(keys); i++, at++) {
		assert_int_equal(map_prog_next(map, &at), i + 1);
		assert_int_equal(at, keys[i]);
	}
	assert_int_equal(map_prog_next(map, &at), 0);
	assert_in_range(map_memlock(map), 1, 1 << 20);
	map_unref(map);
}

static void devmap_names_devices(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_DEVMAP, 4, 8, 4, 0);
	struct bpf_devmap_val val = {.ifindex = 3}, got;
	uint32_t key = 2;
	bool writable = true;

	assert_int_equal(map_user_update(map, &key, &val, BPF_ANY), 0);
	assert_int_equal(map_dev_slot(map, 2), 3);
	assert_int_equal(map_user_lookup(map, &key, &got, 0), 0);
	assert_int_equal(got.ifindex, 3);
	assert_true(map_value_contains(map, map_lookup(map, &key, 0), 8, &writable));
	assert_false(writable);
	val.ifindex = 0;
	assert_int_equal(map_user_update(map, &key, &val, BPF_ANY), 0);
	assert_null(map_lookup(map, &key, 0));
	map_unref(map);
}

static void frozen_for_the_user_side(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY_PROG);
	struct map *other = maps_again(map);
	uint32_t zero = 0, value = 5;
	bool writable = true;

	assert_int_equal(map_user_update(map, &zero, &value, BPF_ANY), 0);
	assert_false(map_is_frozen(other));
	assert_int_equal(map_freeze(map), 0);
	assert_int_equal(map_freeze(other), -EPERM);
	assert_true(map_is_frozen(other));
	assert_int_equal(map_user_update(other, &zero, &value, BPF_ANY), -EPERM);
	assert_int_equal(*(uint32_t *)map_direct_value(map, 0), 5);
	assert_true(map_value_contains(map, map_direct_value(map, 3), 1, &writable));
	assert_false(writable);
	assert_null(map_direct_value(map, 4));
	map_unref(other);
	map_unref(map);
}

/* A descriptor that cannot write gives a handle that does not. */
static void readonly_descriptor(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_HASH, 4, 8, 10, 0), *ro;
	uint32_t key = 1;
	uint64_t value = 9;
	char path[32];

	assert_int_equal(map_user_update(map, &key, &value, BPF_ANY), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", map->fd);
	assert_int_equal(map_attach(open(path, O_RDONLY | O_CLOEXEC), &ro, NULL), 0);
	assert_int_equal(map_user_lookup(ro, &key, &value, 0), 0);
	assert_int_equal(value, 9);
	assert_int_equal(map_user_update(ro, &key, &value, BPF_ANY), -EPERM);
	assert_int_equal(map_update(ro, &key, &value, BPF_ANY, 0), -EPERM);
	assert_int_equal(map_delete(ro, &key), -EPERM);
	assert_int_equal(map_freeze(ro), -EPERM);
	map_unref(ro);
	map_unref(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(array_holds_values),
		cmocka_unit_test(percpu_slots_are_apart),
		cmocka_unit_test(percpu_hash_clears_reused_memory),
		cmocka_unit_test(hash_holds_everything),
		cmocka_unit_test(hash_spreads_keys),
		cmocka_unit_test(lru_keeps_what_is_used),
		cmocka_unit_test(prog_array_names_programs),
		cmocka_unit_test(prog_array_walk),
		cmocka_unit_test(devmap_names_devices),
		cmocka_unit_test(frozen_for_the_user_side),
		cmocka_unit_test(readonly_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
