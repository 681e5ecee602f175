/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench/maps.c - nanoseconds per map operation, 1,024 entries (100,000 prefixes for the
 * trie), random keys that are there. `call` is an empty loop with an indirect call, which is
 * in all the other figures, too.
 *
 *   bench-maps [SECONDS_PER_ROW]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "map/map.h"

#define KEYS 1024u
#define LPMS 100000u

static uint8_t keys[LPMS][16];
static uint8_t value[64];
static uint64_t sink;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static struct map *make(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries,
			uint32_t flags)
{
	struct map_attr attr = {.type = type,
				.key_size = key_size,
				.value_size = value_size,
				.max_entries = entries,
				.flags = flags};
	struct visor_diag diag;
	struct map *map;

	if (map_new(&attr, 0, memfd_create("bench", MFD_CLOEXEC), &map, &diag)) {
		visor_diag_print(&diag, stderr);
		exit(1);
	}
	return map;
}

static void *nothing(struct map *map, const void *key, uint32_t cpu)
{
	return (void *)key;
}

static void op_call(struct map *map, const void *key)
{
	static void *(*volatile fn)(struct map *, const void *, uint32_t) = nothing;

	sink += (uintptr_t)fn(map, key, 0);
}

static void op_lookup(struct map *map, const void *key)
{
	uint64_t *p = map_lookup(map, key, 0);

	sink += p ? *p : 1;
}

static void op_update(struct map *map, const void *key)
{
	sink += (uint64_t)map_update(map, key, value, BPF_ANY, 0);
}

static void op_replace(struct map *map, const void *key)
{
	sink += (uint64_t)map_delete(map, key);
	sink += (uint64_t)map_update(map, key, value, BPF_NOEXIST, 0);
}

static void op_output(struct map *map, const void *key)
{
	void *sample = ringbuf_reserve(map, 64);

	if (!sample) {
		*(uint64_t *)map->mem = ringbuf_query(map, BPF_RB_PROD_POS); /* consume all */
		sample = ringbuf_reserve(map, 64);
	}
	memcpy(sample, value, 64);
	ringbuf_submit(map, sample, BPF_RB_NO_WAKEUP);
}

/* The best of a few passes: what the machine does when nobody else wants it. */
static __attribute__((noinline)) void measure(const char *name, struct map *map, uint32_t n,
					      double seconds,
					      void (*op)(struct map *, const void *))
{
	uint64_t start = now(), t, best = UINT64_MAX;
	uint32_t i;

	do {
		t = now();
		for (i = 0; i < n; i++)
			op(map, keys[i]);
		t = now() - t;
		best = t < best ? t : best;
	} while (now() - start < seconds * 1e9);
	printf("%-46s %7.1f ns\n", name, (double)best / n);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t type, key_size;
	} rows[] = {
		{"array", BPF_MAP_TYPE_ARRAY, 4},
		{"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, 4},
		{"hash, 4-byte key", BPF_MAP_TYPE_HASH, 4},
		{"hash, 8-byte key", BPF_MAP_TYPE_HASH, 8},
		{"hash, 16-byte key", BPF_MAP_TYPE_HASH, 16},
		{"hash, 13-byte key", BPF_MAP_TYPE_HASH, 13},
		{"percpu_hash, 4-byte key", BPF_MAP_TYPE_PERCPU_HASH, 4},
	};
	double seconds = argc > 1 ? atof(argv[1]) : 0.1;
	uint64_t seed = 4711;
	char name[64];
	struct map *map;
	uint32_t r, i;

	measure("call", NULL, KEYS, seconds, op_call);
	for (r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		bool hash = rows[r].type == BPF_MAP_TYPE_HASH ||
			    rows[r].type == BPF_MAP_TYPE_PERCPU_HASH;

		map = make(rows[r].type, rows[r].key_size, 8, KEYS, 0);
		memset(keys, 0, sizeof(keys));
		for (i = 0; i < KEYS; i++) {
			uint32_t k = i, j = (uint32_t)(next_random(&seed) % (i + 1));

			if (hash)
				k = i * 2654435761u;
			memcpy(keys[i], keys[j], 16); /* shuffles */
			memset(keys[j], 0, 16);
			memcpy(keys[j], &k, 4);
		}
		for (i = 0; i < KEYS; i++)
			map_update(map, keys[i], value, BPF_ANY, 0);
		snprintf(name, sizeof(name), "%s: lookup", rows[r].name);
		measure(name, map, KEYS, seconds, op_lookup);
		snprintf(name, sizeof(name), "%s: update", rows[r].name);
		measure(name, map, KEYS, seconds, op_update);
		snprintf(name, sizeof(name), "%s: delete + insert", rows[r].name);
		if (hash)
			measure(name, map, KEYS, seconds, op_replace);
		map_unref(map);
	}
	map = make(BPF_MAP_TYPE_LPM_TRIE, 8, 8, LPMS, BPF_F_NO_PREALLOC);
	for (i = 0; i < LPMS; i++) {
		uint32_t len = 8 + (uint32_t)(next_random(&seed) % 17), addr;

		memcpy(keys[i], &len, 4);
		addr = (uint32_t)next_random(&seed);
		memcpy(keys[i] + 4, &addr, 4);
		map_update(map, keys[i], value, BPF_ANY, 0);
		len = 32;
		memcpy(keys[i], &len, 4);
	}
	measure("lpm_trie, 100k routes, 1024 addresses: lookup", map, KEYS, seconds, op_lookup);
	measure("lpm_trie, 100k routes, 100k addresses: lookup", map, LPMS, seconds, op_lookup);
	map_unref(map);
	map = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 16, 0);
	measure("ringbuf: reserve + submit 64 bytes", map, KEYS, seconds, op_output);
	map_unref(map);
	return sink == 1;
}
