/* SPDX-License-Identifier: BSD-2-Clause */
/* Native code that was saved runs as before, and what is not what was saved does not run at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../vm.h"
#include "base/sha256.h"

/* Under one key at a time. */
static struct {
	uint8_t key[VM_KEY_SIZE];
	uint8_t *data;
	size_t size;
	unsigned loads, saves;
} kept;

static void *load(void *user, const uint8_t key[VM_KEY_SIZE], size_t *size)
{
	void *copy;

	kept.loads++;
	if (!kept.data || memcmp(key, kept.key, VM_KEY_SIZE))
		return NULL;
	copy = malloc(kept.size);
	memcpy(copy, kept.data, kept.size);
	*size = kept.size;
	return copy;
}

static void save(void *user, const uint8_t key[VM_KEY_SIZE], const void *data, size_t size)
{
	kept.saves++;
	free(kept.data);
	kept.data = malloc(size);
	memcpy(kept.data, data, size);
	kept.size = size;
	memcpy(kept.key, key, VM_KEY_SIZE);
}

static const struct vm_keep keep = {load, save, NULL};

static void forget(void)
{
	free(kept.data);
	memset(&kept, 0, sizeof(kept));
}

static struct map *array(uint32_t n)
{
	struct map_attr attr = {BPF_MAP_TYPE_ARRAY, 4, 16, n, .name = "array"};
	struct visor_diag diag = {0};
	struct map *map;

	assert_int_equal(map_new(&attr, n, memfd_create("array", MFD_CLOEXEC), &map, &diag), 0);
	return map;
}

/* A look-up, a helper, a function, values of a map. */
static const char text[] =
	"*(u32 *)(r10 -4) = 1\n r1 = map[idx:0]\n r2 = r10\n r2 += -4\n"
	"call bpf_map_lookup_elem\n if r0 == 0 goto none\n r6 = *(u64 *)(r0 +0)\n"
	"r7 = map[idx:1]+8\n r1 = *(u64 *)(r7 +0)\n r6 += r1\n"
	"call bpf_get_prandom_u32\n r1 = r6\n call sub\n exit\n"
	"none:\n r0 = 1\n exit\n sub:\n r0 = r1\n r0 += 5\n exit";

/* `map`, and one whose values are named by their address. */
static struct vm_prog *make_as(struct map *map, bool blind)
{
	struct map *maps[] = {map, map->owner};
	struct test_prog t = {.way = TEST_NATIVE,
			      .keep = &keep,
			      .blind = blind,
			      .type = catalog_prog(BPF_PROG_TYPE_XDP),
			      .maps = maps,
			      .n_maps = 2};

	return test_prog(&t, text);
}

static struct vm_prog *make(struct map *map)
{
	return make_as(map, false);
}

static uint64_t go(struct vm_prog *prog)
{
	static struct visor_run run;
	struct visor_packet pkt;
	uint8_t bytes[64] = {0};
	uint64_t ret = 0;

	vm_run_init(&run);
	visor_packet_init(&pkt, bytes, sizeof(bytes), 0, sizeof(bytes));
	vm_enter(&run);
	assert_int_equal(vm_prog_run(prog, &run, &pkt, 0, &ret), 0);
	vm_leave(&run);
	vm_prog_unref(prog);
	return ret;
}

static void fill(struct map *map, uint64_t one, uint64_t two)
{
	const uint64_t first[2] = {one}, second[2] = {0, two};
	struct map *other = array(1);
	uint32_t key = 1;

	assert_int_equal(map_user_update(map, &key, first, BPF_ANY), 0);
	key = 0;
	assert_int_equal(map_user_update(other, &key, second, BPF_ANY), 0);
	map->owner = other;
}

static void drop(struct map *map)
{
	map_unref(map->owner);
	map_unref(map);
}

static void used_again(void **state)
{
	struct map *first = array(4), *second = array(4), *longer = array(5);

	fill(first, 1000, 100);
	fill(second, 2000, 200);
	fill(longer, 3000, 300);
	assert_int_equal(go(make(first)), 1105);
	assert_int_equal(kept.saves, 1);
	/* Another map of that shape, at another address. */
	assert_int_equal(go(make(second)), 2205);
	assert_int_equal(kept.saves, 1);
	assert_int_equal(kept.loads, 2);
	/* Code without the program's numbers is neither kept nor taken from there. */
	assert_int_equal(go(make_as(first, true)), 1105);
	assert_int_equal(kept.saves, 1);
	assert_int_equal(kept.loads, 2);
	/* Another shape is another program. */
	assert_int_equal(go(make(longer)), 3305);
	assert_int_equal(kept.saves, 2);
	drop(first);
	drop(second);
	drop(longer);
	forget();
}

/* No byte of it is an address: code made anew is the same, wherever its maps are. */
static void same_again(void **state)
{
	struct map *first = array(4), *second = array(4);
	uint8_t *data;
	size_t size;

	fill(first, 1, 2);
	fill(second, 1, 2);
	go(make(first));
	data = kept.data;
	size = kept.size;
	kept.data = NULL;
	go(make(second));
	assert_int_equal(kept.saves, 2);
	assert_int_equal(kept.size, size);
	assert_memory_equal(kept.data, data, size);
	free(data);
	drop(first);
	drop(second);
	forget();
}

/* ---- tail calls through slots that are known --------------------------------------------------
 */

static struct vm_prog *by_id[8];

static struct vm_prog *prog_by_id(void *user, uint32_t id)
{
	return id < ARRAY_SIZE(by_id) && by_id[id] ? vm_prog_ref(by_id[id]) : NULL;
}

static const struct vm_host host = {.prog_by_id = prog_by_id};

static struct map *programs(uint32_t n)
{
	struct map_attr attr = {BPF_MAP_TYPE_PROG_ARRAY, 4, 4, n, .name = "programs"};
	struct visor_diag diag = {0};
	struct map *map;

	assert_int_equal(map_new(&attr, n, memfd_create("programs", MFD_CLOEXEC), &map, &diag), 0);
	return map;
}

static void set(struct map *map, uint32_t slot, uint32_t id)
{
	assert_int_equal(map_user_update(map, &slot, &id, BPF_ANY), 0);
}

/* Goes to slot 1, then, if nothing is there, to 3. */
static struct vm_prog *make_caller(struct map *map)
{
	struct test_prog t = {.way = TEST_NATIVE,
			      .keep = &keep,
			      .type = catalog_prog(BPF_PROG_TYPE_XDP),
			      .maps = &map,
			      .host = &host,
			      .n_maps = 1};

	return test_prog(&t, "r6 = r1\n r2 = map[idx:0]\n r3 = 1\n call bpf_tail_call\n"
			     "r1 = r6\n r2 = map[idx:0]\n r3 = 3\n call bpf_tail_call\n"
			     "r0 = 99\n exit");
}

static void make_target(uint32_t id, const char *code)
{
	struct test_prog t = {.way = TEST_NATIVE,
			      .type = catalog_prog(BPF_PROG_TYPE_XDP),
			      .host = &host,
			      .id = id};

	by_id[id] = test_prog(&t, code);
}

/* Slots have names, whatever is in them: code that was made for one array goes where another one's
 * slots lead, and follows them when they change. */
static void tail_calls(void **state)
{
	struct map *first = programs(4), *second = programs(4), *longer = programs(5);
	struct vm_prog *prog;

	make_target(5, "r0 = 5\n exit");
	make_target(6, "r0 = 6\n exit");
	set(first, 1, 5);
	assert_int_equal(go(vm_prog_ref(prog = make_caller(first))), 5);
	assert_int_equal(go(vm_prog_ref(prog)), 5);
	assert_int_equal(kept.saves, 1);
	vm_prog_unref(prog);
	/* The slot is empty here, then another one's. */
	set(second, 3, 6);
	prog = make_caller(second);
	assert_int_equal(kept.saves, 1);
	assert_int_equal(kept.loads, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(go(vm_prog_ref(prog)), 6);
	set(second, 1, 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(go(vm_prog_ref(prog)), 5);
	set(second, 1, 6);
	for (int i = 0; i < 3; i++)
		assert_int_equal(go(vm_prog_ref(prog)), 6);
	set(second, 1, 7); /* nobody */
	set(second, 3, 7);
	assert_int_equal(go(vm_prog_ref(prog)), 99);
	vm_prog_unref(prog);
	/* The first array is as it was. */
	assert_int_equal(go(make_caller(first)), 5);
	assert_int_equal(kept.saves, 1);
	/* Slots of a longer one are where they are, but it is another shape. */
	set(longer, 1, 6);
	assert_int_equal(go(make_caller(longer)), 6);
	assert_int_equal(kept.saves, 2);
	vm_map_forget(first);
	vm_map_forget(second);
	vm_map_forget(longer);
	map_unref(first);
	map_unref(second);
	map_unref(longer);
	for (uint32_t i = 5; i < 7; i++)
		vm_prog_unref(by_id[i]);
	memset(by_id, 0, sizeof(by_id));
	forget();
}

static void seal(void)
{
	struct sha256 s;

	/* Magic, key, digest of the rest. */
	sha256_init(&s);
	sha256_add(&s, kept.data + 72, kept.size - 72);
	sha256_end(&s, kept.data + 40);
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Damage is found by the digest. Where that was made to fit, nothing is written out of bounds and
 * nothing is called (the program is not run). */
static void damaged(void **state)
{
	struct map *map = array(4);
	uint8_t *whole;
	size_t size;

	fill(map, 1000, 100);
	go(make(map));
	size = kept.size;
	whole = malloc(size);
	memcpy(whole, kept.data, size);
	for (size_t i = 0; i < size; i++) {
		unsigned saves = kept.saves;

		kept.data[i] ^= (uint8_t)(1u << rnd(8));
		assert_int_equal(go(make(map)), 1105);
		assert_int_equal(kept.saves, saves + 1);
		assert_memory_equal(kept.data, whole, size);
	}
	for (size_t cut = 0; cut < size; cut += 7) {
		kept.size = cut;
		assert_int_equal(go(make(map)), 1105);
		assert_int_equal(kept.size, size);
	}
	for (int i = 0; i < 20000; i++) {
		/* Head and relocations are where the numbers are. */
		uint32_t at = 72 + rnd(rnd(2) ? 200 : (uint32_t)size - 72);
		static const uint32_t numbers[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX};
		uint32_t number = rnd(2) ? rnd(4096) : numbers[rnd(5)];

		memcpy(kept.data + MIN(at, size - 4), &number, 1u << rnd(3));
		seal();
		vm_prog_unref(make(map));
		if (kept.size != size || memcmp(kept.data, whole, size)) {
			kept.data = realloc(kept.data, size);
			memcpy(kept.data, whole, size);
			kept.size = size;
		}
	}
	free(whole);
	drop(map);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_again),
		cmocka_unit_test(same_again),
		cmocka_unit_test(tail_calls),
		cmocka_unit_test(damaged),
	};

	if (!jit_native()) {
		fprintf(stderr, "skipped: code of this machine is not saved\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
