/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps behave as the running kernel's: the same creation attributes and the same sequences
 * of operations, hand-written and random, go through bpf(2) and through our maps, and every
 * result, errno, value and key is compared. Skipped where bpf(2) cannot be used.
 */
#include <stdarg.h>
#include <sys/syscall.h>

#include "maps.h"

static int failures;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *fmt, ...)
{
	va_list ap;

	if (++failures > 40)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int kernel(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static int kernel_new(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries,
		      uint32_t flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = key_size,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};

	return kernel(BPF_MAP_CREATE, &attr);
}

static int kernel_op(int cmd, int fd, const void *key, void *value, uint64_t flags)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value; /* also next_key */
	attr.flags = flags;
	return kernel(cmd, &attr);
}

static const uint32_t types[] = {
	BPF_MAP_TYPE_HASH,     BPF_MAP_TYPE_ARRAY,	     BPF_MAP_TYPE_PERCPU_HASH,
	BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
	BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_PROG_ARRAY,	     BPF_MAP_TYPE_DEVMAP,
	BPF_MAP_TYPE_RINGBUF,
};

/* ---- creation ----------------------------------------------------------------------------- */

static void compare_creation(uint32_t type, uint32_t key_size, uint32_t value_size,
			     uint32_t entries, uint32_t flags)
{
	struct map *map = NULL;
	int want = kernel_new(type, key_size, value_size, entries, flags);
	int got = maps_try(type, key_size, value_size, entries, flags, &map);

	if (want >= 0) {
		close(want);
		want = 0;
	}
	if (want != got)
		fail("create type %u key %u value %u entries %u flags 0x%x: kernel %d, ours %d",
		     type, key_size, value_size, entries, flags, want, got);
	if (!got)
		map_unref(map);
}

static void creation(uint64_t *seed)
{
	static const uint32_t keys[] = {0, 1, 3, 4, 5, 8, 16, 20, 260, 261, 512, 4000, 1 << 20};
	static const uint32_t values[] = {0,	   1,		4,	    5,	     8,
					  32761,   32768,	32769,	    4193720, 4194172,
					  1 << 22, 0x80000000u, 0xffffffffu};
	static const uint32_t entries[] = {0, 1, 2, 7, 64, 1000, 4096, 8192, 12288};
	uint32_t t, i, j, k, flags;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		uint32_t key_size = types[t] == BPF_MAP_TYPE_LPM_TRIE ? 8 : 4;
		uint32_t base = types[t] == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0;

		if (types[t] == BPF_MAP_TYPE_RINGBUF)
			key_size = 0;
		/* Every single flag, and none. */
		for (i = 0; i <= 18; i++)
			if (i != 2 && i != 16) /* NUMA_NODE, TOKEN_FD: more than a flag */
				compare_creation(types[t], key_size, key_size ? 4 : 0, 4096,
						 base | (i == 18 ? 0 : 1u << i));
		for (i = 0; i < ARRAY_SIZE(keys); i++)
			compare_creation(types[t], keys[i], 4, 4, base);
		for (i = 0; i < ARRAY_SIZE(values); i++)
			compare_creation(types[t], key_size, values[i], 1, base);
		for (i = 0; i < ARRAY_SIZE(entries); i++) {
			compare_creation(types[t], key_size, key_size ? 4 : 0, entries[i], base);
		}
		for (i = 0; i < 400; i++) {
			flags = (maps_random(seed) & 1 ? base : 0);
			while (maps_random(seed) % 3 == 0)
				flags |=
					(1u << maps_random(seed) % 15) & ~(uint32_t)BPF_F_NUMA_NODE;
			j = (uint32_t)(maps_random(seed) % ARRAY_SIZE(keys));
			k = (uint32_t)(maps_random(seed) % ARRAY_SIZE(values));
			compare_creation(types[t], keys[j], values[k],
					 (uint32_t)(maps_random(seed) % 3), flags);
		}
	}
	/* The largest values, byte by byte: what the kernel can allocate less its own header. */
	for (i = (4u << 20) - 400; i <= 4u << 20; i++) {
		compare_creation(BPF_MAP_TYPE_HASH, 4, i, 1, BPF_F_NO_PREALLOC);
		compare_creation(BPF_MAP_TYPE_LPM_TRIE, 8, i, 1, BPF_F_NO_PREALLOC);
	}
	/* Too many by arithmetic alone, so that the kernel does not try. */
	compare_creation(BPF_MAP_TYPE_HASH, 4, 4, (1u << 27) + 1, 0);
	compare_creation(BPF_MAP_TYPE_HASH, 4, 4, UINT32_MAX, BPF_F_NO_PREALLOC);
	compare_creation(BPF_MAP_TYPE_PERCPU_HASH, 4, 4, 1u << 31, BPF_F_NO_PREALLOC);
	compare_creation(BPF_MAP_TYPE_ARRAY, 4, INT32_MAX, UINT32_MAX, 0);
	compare_creation(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1u << 28, BPF_F_NO_PREALLOC);
	for (i = 0; i <= BPF_MAP_TYPE_USER_RINGBUF + 20; i++) /* nonsense for every type */
		if (catalog_map(i) || !catalog_map_name(i))
			compare_creation(i, 3, 0, 0, 0x80000000u);
}

/* ---- operations ------------------------------------------------------------------------------ */

struct pair {
	const char *name;
	struct map *map;
	int fd;
	uint32_t type, key_size, value_size, entries;
	uint32_t prog_fd, prog_id;
	size_t user_size;
};

#define BUF 4096

static void show(const struct pair *p, const char *op, const uint8_t *key, uint64_t flags, int want,
		 int got)
{
	char hex[33] = "";
	uint32_t i;

	for (i = 0; key && i < MIN(p->key_size, 16); i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	fail("%s (key %u, value %u, entries %u): %s %s flags 0x%llx: kernel %d, ours %d", p->name,
	     p->key_size, p->value_size, p->entries, op, key ? hex : "NULL",
	     (unsigned long long)flags, want, got);
}

static void op_update(struct pair *p, const uint8_t *key, const uint8_t *value, uint64_t flags)
{
	uint8_t theirs[BUF];
	int want, got;

	memcpy(theirs, value, p->user_size);
	if (p->type == BPF_MAP_TYPE_PROG_ARRAY)
		put_u32(theirs, p->prog_fd);
	want = kernel_op(BPF_MAP_UPDATE_ELEM, p->fd, key, theirs, flags);
	if (p->type == BPF_MAP_TYPE_PROG_ARRAY)
		put_u32(theirs, p->prog_id);
	got = map_user_update(p->map, key, theirs, flags);
	if (want != got)
		show(p, "update", key, flags, want, got);
}

static void op_delete(struct pair *p, const uint8_t *key)
{
	int want = kernel_op(BPF_MAP_DELETE_ELEM, p->fd, key, NULL, 0);
	int got = map_user_delete(p->map, key);

	if (want != got)
		show(p, "delete", key, 0, want, got);
}

static void compare_values(struct pair *p, const char *op, const uint8_t *key, uint64_t flags,
			   int want, int got, const uint8_t *theirs, const uint8_t *ours)
{
	if (want != got)
		show(p, op, key, flags, want, got);
	else if (!want && memcmp(theirs, ours, p->user_size))
		show(p, "value of lookup", key, flags, theirs[0], ours[0]);
}

static void op_lookup(struct pair *p, const uint8_t *key, uint64_t flags)
{
	uint8_t theirs[BUF] = {0}, ours[BUF] = {0};
	int want = kernel_op(BPF_MAP_LOOKUP_ELEM, p->fd, key, theirs, flags);
	int got = map_user_lookup(p->map, key, ours, flags);

	compare_values(p, "lookup", key, flags, want, got, theirs, ours);
}

static void op_take(struct pair *p, const uint8_t *key, uint64_t flags)
{
	uint8_t theirs[BUF] = {0}, ours[BUF] = {0};
	int want = kernel_op(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p->fd, key, theirs, flags);
	int got = map_user_lookup_and_delete(p->map, key, ours, flags);

	compare_values(p, "take", key, flags, want, got, theirs, ours);
}

/* Types whose order is not the kernel's: only whether there is a next key. */
static bool unordered(const struct pair *p)
{
	return p->type == BPF_MAP_TYPE_HASH || p->type == BPF_MAP_TYPE_PERCPU_HASH ||
	       p->type == BPF_MAP_TYPE_LRU_HASH || p->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static void op_next(struct pair *p, const uint8_t *key)
{
	uint8_t theirs[BUF] = {0}, ours[BUF] = {0};
	int want = kernel_op(BPF_MAP_GET_NEXT_KEY, p->fd, key, theirs, 0);
	int got = map_user_next_key(p->map, key, ours);
	uint8_t dummy[BUF];

	if (unordered(p)) {
		/* The last key of one need not be the other's; a first key has both. */
		if (key && !map_user_lookup(p->map, key, dummy, 0))
			return;
		if (want != got)
			show(p, "next", key, 0, want, got);
		return;
	}
	if (want != got || (!want && memcmp(theirs, ours, p->key_size)))
		show(p, "next", key, 0, want, got);
}

static int compare_keys(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(uint32_t *)size);
}

/* All keys of both, in their order or sorted. */
static void compare_all(struct pair *p)
{
	uint32_t n[2] = {0}, side, i;
	uint8_t *keys[2];
	int err = 0;

	for (side = 0; side < 2; side++) {
		keys[side] = calloc(2 * p->entries + 10, p->key_size);
		for (i = 0; i < 2 * p->entries + 9; i++) {
			uint8_t *at = keys[side] + (size_t)i * p->key_size;
			uint8_t *prev = i ? at - p->key_size : NULL;

			err = side ? map_user_next_key(p->map, prev, at)
				   : kernel_op(BPF_MAP_GET_NEXT_KEY, p->fd, prev, at, 0);
			if (err)
				break;
			n[side]++;
		}
		if (err != -ENOENT)
			fail("%s: iteration ends with %d", p->name, err);
		if (unordered(p))
			qsort_r(keys[side], n[side], p->key_size, compare_keys, &p->key_size);
	}
	if (n[0] != n[1] || memcmp(keys[0], keys[1], (size_t)n[0] * p->key_size))
		fail("%s (key %u, entries %u): different keys: kernel has %u, ours %u", p->name,
		     p->key_size, p->entries, n[0], n[1]);
	for (i = 0; i < n[1]; i++)
		op_lookup(p, keys[1] + (size_t)i * p->key_size, 0);
	free(keys[0]);
	free(keys[1]);
}

static void make_key(struct pair *p, uint64_t *seed, uint8_t *key)
{
	uint32_t range = p->entries + p->entries / 4 + 2, r, i;

	memset(key, 0, BUF);
	r = (uint32_t)(maps_random(seed) % range);
	if (p->type == BPF_MAP_TYPE_LPM_TRIE) {
		uint32_t bits = (p->key_size - 4) * 8;

		r = (uint32_t)(maps_random(seed) % 4);
		put_u32(key, r == 0 ? (uint32_t)(maps_random(seed) % (bits + 3))
				    : (r == 1 ? bits : (uint32_t)(maps_random(seed) % 6)));
		for (i = 4; i < p->key_size; i++) /* few different bytes: many common prefixes */
			key[i] = (uint8_t)(maps_random(seed) % 8 == 0 ? maps_random(seed)
								      : maps_random(seed) & 0x81);
		return;
	}
	if (p->key_size == 4) {
		if (maps_random(seed) % 50 == 0)
			r = UINT32_MAX;
		put_u32(key, r);
		return;
	}
	for (i = 0; i < p->key_size; i++)
		key[i] = (uint8_t)(r >> (i % 4 * 8)) ^ (uint8_t)(i * 7);
}

static void random_ops(struct pair *p, uint64_t *seed, uint32_t n)
{
	static const uint64_t flags[] = {0,
					 0,
					 0,
					 0,
					 0,
					 BPF_NOEXIST,
					 BPF_EXIST,
					 BPF_NOEXIST,
					 BPF_EXIST,
					 BPF_F_LOCK,
					 3,
					 8,
					 BPF_F_LOCK | BPF_EXIST,
					 UINT64_MAX};
	uint8_t key[BUF], value[BUF];
	uint32_t i, j;
	uint64_t f;

	while (n--) {
		make_key(p, seed, key);
		for (i = 0; i < p->user_size; i += 8)
			put_u64(value + i, maps_random(seed));
		/* The kernel returns zeros in what rounds a per-CPU value up. */
		if (p->user_size != p->value_size)
			for (i = 0; i < p->user_size; i += ALIGN_UP(p->value_size, 8))
				for (j = p->value_size; j % 8; j++)
					value[i + j] = 0;
		if (p->type == BPF_MAP_TYPE_DEVMAP) {
			memset(value, 0, 8);
			put_u32(value, maps_random(seed) % 2); /* no device or lo */
		}
		f = flags[maps_random(seed) % ARRAY_SIZE(flags)];
		switch (maps_random(seed) % 10) {
		case 0:
		case 1:
		case 2:
		case 3:
			op_update(p, key, value, f);
			break;
		case 4:
		case 5:
			op_delete(p, key);
			break;
		case 6:
		case 7:
			op_lookup(p, key, maps_random(seed) % 10 ? 0 : f);
			break;
		case 8:
			op_next(p, maps_random(seed) % 10 ? key : NULL);
			break;
		case 9:
			op_take(p, key, maps_random(seed) % 10 ? 0 : f);
			break;
		}
	}
}

/* One map of each side through a random life, up to being frozen. */
static void life(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries,
		 uint32_t flags, uint64_t *seed, uint32_t prog_fd, uint32_t prog_id)
{
	struct pair p = {.name = catalog_map_name(type),
			 .type = type,
			 .key_size = key_size,
			 .value_size = value_size,
			 .entries = entries,
			 .prog_fd = prog_fd,
			 .prog_id = prog_id};
	uint8_t key[BUF] = {0}, value[BUF] = {0};
	uint32_t round, room = entries;
	int want, got;

	/* Which entries are evicted, and that it is before the map is full, is the kernel's own. */
	if (type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
		room = 10000;
	p.fd = kernel_new(type, key_size, value_size, room, flags);
	if (p.fd < 0) {
		fail("%s: the kernel makes none: %d", p.name, p.fd);
		return;
	}
	p.map = maps_new(type, key_size, value_size, room, flags);
	p.user_size = map_user_value_size(p.map);
	for (round = 0; round < 4; round++) {
		random_ops(&p, seed, 200 + 4 * entries);
		compare_all(&p);
	}
	want = kernel_op(BPF_MAP_FREEZE, p.fd, NULL, NULL, 0);
	got = map_freeze(p.map);
	if (want != got)
		show(&p, "freeze", NULL, 0, want, got);
	random_ops(&p, seed, 50);
	op_update(&p, key, value, 0);
	want = kernel_op(BPF_MAP_FREEZE, p.fd, NULL, NULL, 0);
	got = map_freeze(p.map);
	if (want != got)
		show(&p, "second freeze", NULL, 0, want, got);
	close(p.fd);
	map_unref(p.map);
}

static int load_program(uint32_t *id)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					 {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = 2,
			       .license = (uintptr_t) "BSD"};
	int fd = kernel(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info = (uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	if (kernel(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		return -1;
	*id = info.id;
	return fd;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 20240229;
	static const uint32_t key_sizes[] = {1, 3, 4, 7, 8, 12, 16, 20, 40};
	static const uint32_t lpm_sizes[] = {5, 6, 8, 12, 13, 20, 40};
	uint32_t i, prog_id = 0, n = BPF_F_NO_PREALLOC;
	int prog_fd, probe = kernel_new(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);

	if (probe < 0) {
		printf("skipped: bpf(2) gives error %d here\n", probe);
		return 77;
	}
	close(probe);
	prog_fd = load_program(&prog_id);
	if (prog_fd < 0) {
		printf("skipped: cannot load a program: %d\n", prog_fd);
		return 77;
	}
	creation(&seed);
	for (i = 0; i < ARRAY_SIZE(key_sizes); i++) {
		uint32_t k = key_sizes[i], max = k == 1 ? 60 : 200;

		life(BPF_MAP_TYPE_HASH, k, 1 + i * 5, max, 0, &seed, 0, 0);
		life(BPF_MAP_TYPE_HASH, k, 8, 1 + i, n, &seed, 0, 0);
		life(BPF_MAP_TYPE_PERCPU_HASH, k, 1 + i * 5, max / 3, 0, &seed, 0, 0);
		life(BPF_MAP_TYPE_PERCPU_HASH, k, 8, 1 + i, n, &seed, 0, 0);
		life(BPF_MAP_TYPE_LRU_HASH, k, 1 + i * 5, max, 0, &seed, 0, 0);
		life(BPF_MAP_TYPE_LRU_PERCPU_HASH, k, 1 + i * 5, max / 3, 0, &seed, 0, 0);
		life(BPF_MAP_TYPE_ARRAY, 4, 1 + i * 5, 1 + i * 9, 0, &seed, 0, 0);
		life(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 1 + i * 5, 1 + i * 9, 0, &seed, 0, 0);
	}
	for (i = 0; i < ARRAY_SIZE(lpm_sizes); i++) {
		life(BPF_MAP_TYPE_LPM_TRIE, lpm_sizes[i], 1 + i * 3, 150, n, &seed, 0, 0);
		life(BPF_MAP_TYPE_LPM_TRIE, lpm_sizes[i], 8, 1 + i * 4, n, &seed, 0, 0);
	}
	life(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 20, 0, &seed, (uint32_t)prog_fd, prog_id);
	life(BPF_MAP_TYPE_DEVMAP, 4, 4, 20, 0, &seed, 0, 0);
	life(BPF_MAP_TYPE_DEVMAP, 4, 8, 20, 0, &seed, 0, 0);
	if (failures)
		fprintf(stderr, "%d differences\n", failures);
	return failures != 0;
}
