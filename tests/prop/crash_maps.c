/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that change maps are killed at random instants, again and again, on the same
 * maps. After each kill another process checks: every change that had completed is there,
 * the one in flight happened as a whole or not at all, nothing is locked, nothing leaked -
 * the maps have room for exactly as many entries as there are keys, so a single lost
 * element makes an update fail.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/map/maps.h"
#include "map/hash.h"

#define CHILDREN 2
#define KEYS	 32 /* of each child */
#define NO_KEY	 UINT32_MAX

struct value {
	uint64_t key, gen, filler[5], sum;
};

/* What a child did, in memory that outlives it. gen 0: absent. */
struct journal {
	uint64_t done[KEYS];
	uint64_t gen;
	uint32_t pending_key;
	uint64_t pending_gen;
	uint64_t sent, sending; /* ring buffer records */
	int failed;		/* error of an operation that should have succeeded */
	const char *what;
};

/* The barrier keeps the journal's stores on their side of the operation. */
#define barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static void fill(struct value *v, uint64_t key, uint64_t gen)
{
	uint32_t i;

	v->key = key;
	v->gen = gen;
	v->sum = key * 31 + gen;
	for (i = 0; i < ARRAY_SIZE(v->filler); i++) {
		v->filler[i] = gen * (i + 3);
		v->sum += v->filler[i];
	}
}

static bool whole(const struct value *v, uint64_t key)
{
	struct value want;

	fill(&want, key, v->gen);
	return !memcmp(&want, v, sizeof(want));
}

/* Keys of a trie: prefixes of all lengths that are each other's parents. */
struct prefix {
	uint32_t len;
	uint8_t data[4];
};

static const void *key_of(const struct map *map, uint32_t child, uint32_t k, uint64_t *number,
			  struct prefix *prefix)
{
	*number = child * KEYS + k;
	if (map->desc.type != BPF_MAP_TYPE_LPM_TRIE)
		return number;
	memset(prefix, 0, sizeof(*prefix));
	prefix->len = 1 + k;
	prefix->data[0] = (uint8_t)(child << 7 | (k % 3) << 5);
	prefix->data[1] = (uint8_t)(k & 5 ? 0x80 : 0);
	return prefix;
}

/* Two different k may be one prefix once the bits beyond its length are dropped; the length
 * differs for all k, so they are not. */

static void child_main(struct map *const *maps, uint32_t n_maps, struct map *ring,
		       struct journal *journals, uint32_t child, uint64_t seed)
{
	for (;;) {
		uint32_t m = (uint32_t)(maps_random(&seed) % (n_maps + 1));
		uint32_t k = (uint32_t)(maps_random(&seed) % KEYS);
		struct journal *j = &journals[MIN(m, n_maps) * CHILDREN + child];
		struct prefix prefix;
		struct value v;
		const void *key;
		uint64_t number;
		int err;

		if (m == n_maps) {
			fill(&v, child, j->sent + 1);
			j->sending = j->sent + 1;
			barrier();
			err = (int)ringbuf_output(ring, &v, sizeof(v), 0);
			barrier();
			if (err && err != -EAGAIN) {
				j->what = "output";
				j->failed = err;
				_exit(1);
			}
			if (!err)
				j->sent++;
			continue;
		}
		key = key_of(maps[m], child, k, &number, &prefix);
		j->pending_gen = maps_random(&seed) % 3 ? ++j->gen : 0;
		barrier();
		j->pending_key = k;
		barrier();
		if (j->pending_gen) {
			fill(&v, number, j->pending_gen);
			err = (int)map_update(maps[m], key, &v, BPF_ANY, 0);
		} else {
			err = (int)map_delete(maps[m], key);
			if (err == -ENOENT && !j->done[k])
				err = 0;
		}
		barrier();
		if (err) {
			j->what = j->pending_gen ? "update" : "delete";
			j->failed = err;
			_exit(1);
		}
		j->done[k] = j->pending_gen;
		barrier();
		j->pending_key = NO_KEY;
	}
}

static int bad(const char *what, const struct map *map, uint32_t child, uint32_t k, uint64_t got,
	       uint64_t want)
{
	fprintf(stderr, "%s: map type %u child %u key %u: found %llu, done was %llu\n", what,
		map->desc.type, child, k, (unsigned long long)got, (unsigned long long)want);
	return 1;
}

/* Compares a map with the journals and brings these up to date. */
static int check(struct map *map, struct journal *journals)
{
	uint32_t child, k;

	for (child = 0; child < CHILDREN; child++) {
		struct journal *j = &journals[child];

		if (j->failed) {
			fprintf(stderr, "map type %u: %s failed: %d\n", map->desc.type, j->what,
				j->failed);
			return 1;
		}
		for (k = 0; k < KEYS; k++) {
			struct prefix prefix;
			uint64_t number, got = 0;
			struct value v;
			const void *key = key_of(map, child, k, &number, &prefix);
			int err = map_user_lookup(map, key, &v, 0);

			/* A shorter prefix may match instead. */
			if (!err && map->desc.type == BPF_MAP_TYPE_LPM_TRIE && v.key != number)
				err = -ENOENT;
			if (err && err != -ENOENT)
				return bad("look-up", map, child, k, (uint64_t)-err, j->done[k]);
			if (!err && !whole(&v, number))
				return bad("torn value", map, child, k, v.gen, j->done[k]);
			if (!err)
				got = v.gen;
			if (got != j->done[k] && (k != j->pending_key || got != j->pending_gen))
				return bad("lost change", map, child, k, got, j->done[k]);
			j->done[k] = got;
		}
		j->pending_key = NO_KEY;
	}
	return 0;
}

struct records {
	uint64_t last[CHILDREN];
	int bad;
};

static int take(void *user, const void *data, uint32_t size)
{
	struct records *r = user;
	struct value v;

	memcpy(&v, data, sizeof(v));
	/* In order, without gaps: one that was being sent may be missing and its number reused. */
	if (size != sizeof(v) || v.key >= CHILDREN || !whole(&v, v.key) ||
	    (v.gen != r->last[v.key] + 1 && v.gen != r->last[v.key]))
		r->bad++;
	else
		r->last[v.key] = v.gen;
	return 0;
}

static int check_ring(struct map *ring, struct journal *journals, struct records *r)
{
	struct value v;
	uint32_t child;
	int n;

	n = ringbuf_consume(ring, take, r);
	if (n < 0 || r->bad || ringbuf_query(ring, BPF_RB_AVAIL_DATA)) {
		fprintf(stderr, "ring: consume gives %d, %d bad records, %llu bytes left\n", n,
			r->bad, (unsigned long long)ringbuf_query(ring, BPF_RB_AVAIL_DATA));
		return 1;
	}
	for (child = 0; child < CHILDREN; child++) {
		if (r->last[child] < journals[child].sent) {
			fprintf(stderr, "ring: child %u sent %llu, last received is %llu\n", child,
				(unsigned long long)journals[child].sent,
				(unsigned long long)r->last[child]);
			return 1;
		}
		journals[child].sent = r->last[child];
	}
	fill(&v, 0, r->last[0] + 1);
	if (ringbuf_output(ring, &v, sizeof(v), 0) || ringbuf_consume(ring, take, r) != 1)
		return fprintf(stderr, "ring: no room after a crash\n"), 1;
	journals[0].sent = r->last[0];
	return 0;
}

/* There is room for all keys and not for one more. */
static int check_capacity(struct map *map, struct journal *journals)
{
	uint32_t child, k, full = map->desc.type == BPF_MAP_TYPE_LPM_TRIE ? ENOSPC : E2BIG;
	uint64_t extra = 1000000;
	struct prefix prefix;
	struct value v = {0};
	int err;

	for (child = 0; child < CHILDREN; child++)
		for (k = 0; k < KEYS; k++) {
			uint64_t number;
			const void *key = key_of(map, child, k, &number, &prefix);

			fill(&v, number, ++journals[child].gen);
			err = map_user_update(map, key, &v, BPF_ANY);
			if (err)
				return bad("no room", map, child, k, (uint64_t)-err, 0);
			journals[child].done[k] = v.gen;
		}
	memset(&prefix, 0xff, sizeof(prefix));
	prefix.len = 32;
	err = map_user_update(map,
			      map->desc.type == BPF_MAP_TYPE_LPM_TRIE ? (void *)&prefix : &extra,
			      &v, BPF_ANY);
	return err == -(int)full ? 0 : bad("too much room", map, 0, 0, (uint64_t)-err, full);
}

static uint32_t locks_held(struct map *map)
{
	struct hash *h = (struct hash *)map;
	uint32_t i, n = 0;

	if (map->desc.type != BPF_MAP_TYPE_HASH)
		return map->head->trie.lock != 0;
	for (i = 0; i <= h->lock_mask; i++)
		n += h->locks[i].word != 0;
	return n;
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 250, round, i, held = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 424243;
	enum { MAPS = 3 };
	struct map *maps[MAPS] = {
		maps_new(BPF_MAP_TYPE_HASH, 8, sizeof(struct value), CHILDREN * KEYS, 0),
		maps_new(BPF_MAP_TYPE_HASH, 8, sizeof(struct value), CHILDREN * KEYS, 0),
		maps_new(BPF_MAP_TYPE_LPM_TRIE, 8, sizeof(struct value), CHILDREN * KEYS,
			 BPF_F_NO_PREALLOC)};
	struct map *ring = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 20, 0);
	struct records records = {0};
	struct journal *journals = mmap(NULL, sizeof(struct journal) * (MAPS + 1) * CHILDREN,
					PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (journals == MAP_FAILED)
		return 1;
	for (i = 0; i < (MAPS + 1) * CHILDREN; i++)
		journals[i].pending_key = NO_KEY;
	alarm(120); /* a lock that is never freed ends here */
	for (round = 0; round < rounds; round++) {
		pid_t pids[CHILDREN];
		struct timespec ts = {.tv_nsec = 200000 + (long)(maps_random(&seed) % 3000000)};

		for (i = 0; i < CHILDREN; i++) {
			pids[i] = fork();
			if (pids[i] < 0)
				return perror("fork"), 1;
			if (!pids[i]) {
				struct map *mine[MAPS];
				uint32_t m;

				for (m = 0; m < MAPS; m++)
					mine[m] = maps_again(maps[m]);
				child_main(mine, MAPS, maps_again(ring), journals, i,
					   seed * (i + 2) | 1);
			}
		}
		nanosleep(&ts, NULL);
		for (i = 0; i < CHILDREN; i++)
			kill(pids[i], SIGKILL);
		/* Every other time look before the dead are reaped: zombies own nothing. */
		for (i = 0; i < CHILDREN; i++)
			if (round & 1)
				waitpid(pids[i], NULL, 0);
			else
				waitid(P_PID, (id_t)pids[i], NULL, WEXITED | WNOWAIT);
		for (i = 0; i < MAPS; i++) {
			held += locks_held(maps[i]);
			if (check(maps[i], &journals[i * CHILDREN]))
				return 1;
			if (round % 10 == 9 && check_capacity(maps[i], &journals[i * CHILDREN]))
				return 1;
		}
		if (check_ring(ring, &journals[MAPS * CHILDREN], &records))
			return 1;
		if (!(round & 1))
			for (i = 0; i < CHILDREN; i++)
				waitpid(pids[i], NULL, 0);
	}
	printf("%u rounds, %u locks were held by the dead, %llu changes of the first map\n", rounds,
	       held, (unsigned long long)(journals[0].gen + journals[1].gen));
	/* A test that never hit a locked map would prove nothing. */
	if (rounds >= 100 && held < rounds / 10)
		return fprintf(stderr, "too few kills hit a change\n"), 1;
	for (i = 0; i < MAPS; i++)
		map_unref(maps[i]);
	map_unref(ring);
	return 0;
}
