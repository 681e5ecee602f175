/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State that goes over to another layout: state1.bpf.c's to state2.bpf.c's, value by value, and in
 * maps of chains that are up, on both engines. The layouts here are what clang makes of those two.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../netns.h"
#include "btf/btf.h"
#include "chain/carry.h"
#include "load/syscall.h"
#include "visor/uapi.h"

/* ---- values ------------------------------------------------------------------------------------
 */

struct inner1 {
	uint8_t small;
	int16_t below;
};

struct state1 {
	uint64_t packets;
	uint32_t gone;
	uint16_t wide;
	int32_t narrow;
	uint32_t same;
	struct inner1 inner;
	uint16_t list[3];
	char name[8];
	uint32_t low : 5, high : 9;
	uint32_t hidden;
	uint32_t kind_changes;
	bool flag;
	struct inner1 pairs[2];
};

struct inner2 {
	int32_t below;
	uint32_t small;
};

struct state2 {
	char name[12];
	uint32_t fresh;
	uint32_t hidden;
	uint64_t wide;
	int8_t narrow;
	uint32_t same;
	struct inner2 inner, pairs[3];
	uint32_t list[2];
	uint64_t packets;
	uint32_t high : 9, low : 3;
	struct {
		uint32_t x;
	} kind_changes;
	bool flag;
};

static struct btf *one, *two;

static struct btf *types(const char *name)
{
	struct visor_diag d = {0};
	struct btf *btf;
	char path[1024];

	snprintf(path, sizeof(path), "%s/tests/chain/%s.o", getenv("VISOR_BUILD"), name);
	if (btf_open(path, NULL, name, BTF_OBJECT, &btf, &d))
		fail_msg("%s: %s", path, d.text);
	return btf;
}

static struct carry_type named(const struct btf *btf, const char *name)
{
	uint32_t id = btf_find(btf, name, BTF_KIND_STRUCT);

	assert_int_not_equal(id, 0);
	return (struct carry_type){btf, id, (uint32_t)btf_size(btf, id, NULL)};
}

static void test_value(void **arg)
{
	struct carry_type from = named(one, "state"), to = named(two, "state");
	struct state1 a = {.packets = 1ull << 40,
			   .gone = 7,
			   .wide = 65535,
			   .narrow = -1000,
			   .same = 0xdeadbeef,
			   .inner = {200, -5},
			   .list = {1, 2, 3},
			   .name = "visor",
			   .low = 21,
			   .high = 300,
			   .hidden = 77,
			   .kind_changes = 5,
			   .flag = true,
			   .pairs = {{1, -1}, {2, -2}}};
	struct state2 b = {.fresh = 0};
	struct carry_loss loss = {0};
	struct carry c;

	assert_int_equal(from.size, sizeof(a));
	assert_int_equal(to.size, sizeof(b));
	assert_int_equal(carry_begin(&c, &from, &to), 0);
	assert_int_equal(c.fit, CARRY_CONVERTS);
	assert_false(c.total);
	assert_string_equal(c.why, "the end of 'list', 'kind_changes'");
	carry_apply(&c, &a, &b, &loss);
	assert_int_equal(b.packets, 1ull << 40);
	assert_int_equal(b.wide, 65535);
	assert_int_equal(b.narrow, -128);
	assert_int_equal(b.same, 0xdeadbeef);
	assert_int_equal(b.inner.small, 200);
	assert_int_equal(b.inner.below, -5);
	assert_int_equal(b.list[0], 1);
	assert_int_equal(b.list[1], 2);
	assert_string_equal(b.name, "visor");
	assert_int_equal(b.low, 7);
	assert_int_equal(b.high, 300);
	assert_int_equal(b.hidden, 77);
	assert_int_equal(b.kind_changes.x, 0);
	assert_int_equal(b.fresh, 0);
	assert_true(b.flag);
	assert_int_equal(b.pairs[1].small, 2);
	assert_int_equal(b.pairs[1].below, -2);
	assert_int_equal(b.pairs[2].small, 0);
	/* narrow and low */
	assert_int_equal(loss.n, 2);
	assert_string_equal(loss.member, "narrow");
	carry_end(&c);
}

static void test_same(void **arg)
{
	struct carry_type from = named(one, "state"), to = named(two, "inner"), bytes = {.size = 9};
	struct state1 a = {.packets = 3, .flag = true}, b = {.packets = 0};
	struct carry_loss loss = {0};
	struct carry c;

	assert_int_equal(carry_begin(&c, &from, &from), 0);
	assert_int_equal(c.fit, CARRY_SAME);
	assert_true(c.total);
	assert_int_equal(c.n_ops, 1);
	carry_apply(&c, &a, &b, &loss);
	assert_memory_equal(&a, &b, sizeof(a));
	carry_end(&c);
	/* Nothing in common. */
	assert_int_equal(carry_begin(&c, &from, &to), 0);
	assert_int_equal(c.fit, CARRY_CANNOT);
	carry_end(&c);
	/* Without types, bytes are bytes. */
	assert_int_equal(carry_begin(&c, &bytes, &bytes), 0);
	assert_int_equal(c.fit, CARRY_SAME);
	carry_end(&c);
	assert_int_equal(carry_begin(&c, &bytes, &to), 0);
	assert_int_equal(c.fit, CARRY_CANNOT);
	assert_non_null(strstr(c.why, "another size"));
	carry_end(&c);
	/* A size that the bytes do not have. */
	from.size--;
	assert_int_equal(carry_begin(&c, &from, &to), 0);
	assert_int_equal(c.fit, CARRY_CANNOT);
	carry_end(&c);
}

static void test_keys(void **arg)
{
	struct carry_type from = named(one, "key"), to = named(two, "key");
	struct carry c;

	assert_int_equal(carry_begin(&c, &from, &to), 0);
	assert_int_equal(c.fit, CARRY_CONVERTS);
	assert_true(c.total);
	carry_end(&c);
	/* Back again, members are dropped. */
	assert_int_equal(carry_begin(&c, &to, &from), 0);
	assert_int_equal(c.fit, CARRY_CONVERTS);
	assert_false(c.total);
	carry_end(&c);
}

/* ---- maps --------------------------------------------------------------------------------------
 */

static int hash_map(uint32_t max_entries)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_HASH,
			       .key_size = 4,
			       .value_size = 8,
			       .max_entries = max_entries};
	int fd = load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));

	assert_true(fd >= 0);
	return fd;
}

static int element(int cmd, int map, uint32_t key, uint64_t *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)value};

	return load_bpf(cmd, &attr, sizeof(attr));
}

static void put(int map, uint32_t key, uint64_t value)
{
	assert_true(element(BPF_MAP_UPDATE_ELEM, map, key, &value) >= 0);
}

static int64_t got(int map, uint32_t key)
{
	uint64_t value;

	return element(BPF_MAP_LOOKUP_ELEM, map, key, &value) < 0 ? -1 : (int64_t)value;
}

/* What happens between the copy and the switch. */
static void late(struct load_session *session)
{
	struct load_session *before = load_enter(session);
	int from = hash_map(200), to = hash_map(150), fit;
	struct carry_wanted wanted = {
		.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 150};
	struct carry_report report;
	struct visor_diag d = {0};
	struct carry_map *m;
	char why[CARRY_WHY];
	uint64_t added, left;

	for (uint32_t i = 0; i < 100; i++)
		put(from, i, i);
	fit = carry_map_open(from, &wanted, &m, why, &d);
	assert_int_equal(fit, CARRY_CONVERTS);
	assert_string_equal(why, "");
	assert_int_equal(carry_map_copy(m, to, &report, &d), 0);
	assert_int_equal(report.entries, 100);
	assert_int_equal(report.dropped + report.merged + report.loss.n, 0);
	/* The old programs add two and change one, the new ones make one of the two and delete one.
	 */
	put(from, 1000, 1);
	put(from, 1001, 1);
	put(from, 5, 500);
	put(to, 1001, 2);
	assert_true(element(BPF_MAP_DELETE_ELEM, to, 7, NULL) >= 0);
	assert_int_equal(carry_map_late(m, to, &added, &left), 0);
	assert_int_equal(added, 1);
	assert_int_equal(left, 0);
	assert_int_equal(got(to, 1000), 1);
	assert_int_equal(got(to, 1001), 2);
	assert_int_equal(got(to, 5), 5);
	assert_int_equal(got(to, 7), -1);
	/* More than it holds. */
	for (uint32_t i = 2000; i < 2060; i++)
		put(from, i, 1);
	assert_int_equal(carry_map_late(m, to, &added, &left), 0);
	assert_int_equal(added + left, 60);
	assert_true(left > 0);
	assert_int_equal(carry_map_copy(m, to, &report, &d), -E2BIG);
	assert_string_equal(d.text, "there are 162 entries, the new map holds 150");
	carry_map_close(m);
	close(from);
	close(to);
	load_enter(before);
}

static void test_late(void **arg)
{
	struct load_session user = {0}, kernel = {0};

	assert_int_equal(visor_open(NULL, &user.visor, NULL), 0);
	late(&user);
	visor_close(user.visor);
	late(&kernel);
}

/* ---- chains ------------------------------------------------------------------------------------
 */

static struct netns *ns;
static char dir[] = "/tmp/visor-carry-XXXXXX";

static void chain_file(const char *engine, const char *object)
{
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/chain.yaml", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"name: carry\nengine: %s\nports:\n  in: {device: left}\n"
		"modules:\n  m: {object: %s/tests/chain/%s.o}\nlinks:\n  - in -> m\n",
		engine, getenv("VISOR_BUILD"), object);
	fclose(f);
}

static char out[1 << 16];

/* visor, in namespace 0, with what it prints in `out`. */
static int visor(const char *engine, const char *format, ...)
{
	char args[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(args, sizeof(args), format, ap);
	va_end(ap);
	/* A file, not a pipe: the process of a chain keeps where errors go. */
	return netns_output(ns, 0, out, sizeof(out),
			    "VISOR_STATE=%s/state %s/visor %s%s >%s/said 2>&1; code=$?; "
			    "cat %s/said; exit $code",
			    dir, getenv("VISOR_BUILD"), args,
			    strcmp(engine, "kernel") ? "" : " --engine kernel", dir, dir);
}

static void must(const char *engine, const char *what, int status)
{
	if (status)
		fail_msg("%s: %s: %s", engine, what, out);
}

static void set(const char *engine, const char *map, const char *key, const char *value)
{
	must(engine, map,
	     visor(engine, "map set pinned /sys/fs/bpf/visor/carry/map/m/%s '%s' '%s'", map, key,
		   value));
}

static void want(const char *engine, const char *map, const char *key, const char *value)
{
	must(engine, map,
	     visor(engine, "map get pinned /sys/fs/bpf/visor/carry/map/m/%s '%s'", map, key));
	if (!strstr(out, value))
		fail_msg("%s: map %s[%s]: %s\nbut not: %s", engine, map, key, out, value);
}

static void said(const char *engine, const char *text)
{
	if (!strstr(out, text))
		fail_msg("%s: %s\nbut not: %s", engine, out, text);
}

static void chain(const char *engine)
{
	chain_file(engine, "state1");
	must(engine, "up", visor(engine, "up %s/chain.yaml", dir));
	set(engine, "hash", "{a: 1, b: 2, zero: 0}",
	    "{packets: 5, gone: 1, wide: 3, narrow: -1, same: 9, inner: {small: 1, below: -2}, "
	    "list: [1, 2, 3], name: \"abc\", low: 1, high: 2, hidden: 4, kind_changes: 8, "
	    "flag: true, pairs: [{small: 3, below: 4}, {small: 5, below: 6}]}");
	set(engine, "lru", "7", "{small: 1, below: -3}");
	set(engine, "array", "3", "{small: 9, below: -9}");
	set(engine, "lpm", "10.0.0.0/8", "{small: 4, below: 5}");
	set(engine, "untouched", "2", "99");
	set(engine, "percpu", "5", "{small: 6, below: -7}");
	set(engine, "state1_data", "0", "{first: 100, second: 70000}");
}

static void chain_down(const char *engine)
{
	must(engine, "down", visor(engine, "down carry"));
}

/* After a failure, too: the process of a chain outlives this one. */
static int teardown(void **arg)
{
	visor("user", "down carry");
	visor("kernel", "down carry");
	return 0;
}

static void changed(const char *engine)
{
	chain(engine);
	chain_file(engine, "state2");
	must(engine, "apply", visor(engine, "apply %s/chain.yaml", dir));
	said(engine,
	     "map 'hash' of module 'm' is another now: 1 entries went over, but for the end "
	     "of 'list', 'kind_changes'");
	said(engine, "map 'kind' of module 'm' starts empty: it is of another kind");
	said(engine, "1 numbers, of 'second' for one, do not fit");
	if (strstr(out, "untouched"))
		fail_msg("%s: %s", engine, out);
	want(engine, "hash", "{a: 1, b: 2, fresh: 0, zero: 0, end: [0, 0, 0]}", "narrow: -1");
	said(engine, "packets: 5");
	said(engine, "abc");
	said(engine, "fresh: 0");
	want(engine, "lru", "7", "{below: -3, small: 1}");
	want(engine, "array", "3", "{below: -9, small: 9}");
	want(engine, "lpm", "10.0.0.0/8", "{below: 5, small: 4}");
	want(engine, "untouched", "2", "99");
	want(engine, "percpu", "5", "{below: -7, small: 6}");
	want(engine, "state2_data", "0", "second: 65535");
	said(engine, "first: 100");
	said(engine, "third: 3");
	/* The generation before has its own. */
	must(engine, "rollback", visor(engine, "rollback carry"));
	want(engine, "array", "3", "{small: 9, below: -9}");
	chain_down(engine);
}

static void full(const char *engine)
{
	chain(engine);
	for (int i = 0; i < 40; i++) {
		char key[64];

		snprintf(key, sizeof(key), "{a: %d, b: 9, zero: 0}", i);
		set(engine, "hash", key, "[]");
	}
	chain_file(engine, "state2");
	assert_int_not_equal(visor(engine, "apply %s/chain.yaml", dir), 0);
	said(engine, "m: map 'hash': there are 41 entries, the new map holds 32");
	want(engine, "hash", "{a: 1, b: 2, zero: 0}", "narrow: -1");
	chain_down(engine);
}

static void beyond(const char *engine)
{
	chain(engine);
	set(engine, "array", "7", "{small: 1}");
	chain_file(engine, "state2");
	assert_int_not_equal(visor(engine, "apply %s/chain.yaml", dir), 0);
	said(engine, "m: map 'array': 1 of its elements beyond the new map's 6 are not zero");
	chain_down(engine);
}

/* Back to the older layout: keys lose a member, and a number of theirs is too large for it. */
static void keys(const char *engine)
{
	chain_file(engine, "state2");
	must(engine, "up", visor(engine, "up %s/chain.yaml", dir));
	set(engine, "hash", "{b: 1, fresh: 0, a: 5, zero: 0, end: [0, 0, 0]}", "{same: 3}");
	set(engine, "hash", "{b: 1, fresh: 1, a: 5, zero: 0, end: [0, 0, 0]}", "{same: 3}");
	set(engine, "hash", "{b: 2, fresh: 0, a: 5, zero: 0, end: [0, 0, 0]}", "{same: 4}");
	set(engine, "hash", "{b: 1, fresh: 0, a: 0x100000005, zero: 0, end: [0, 0, 0]}", "[]");
	chain_file(engine, "state1");
	must(engine, "apply", visor(engine, "apply %s/chain.yaml", dir));
	said(engine, "map 'hash' of module 'm' is another now: 2 entries went over");
	said(engine, "map 'hash' of module 'm': 1 entries have keys that the new one cannot have");
	said(engine, "map 'hash' of module 'm': 1 entries stay behind, since their keys are now");
	want(engine, "hash", "{a: 5, b: 1, zero: 0}", "same: 3");
	want(engine, "hash", "{a: 5, b: 2, zero: 0}", "same: 4");
	chain_down(engine);
}

static void test_chain_keys(void **arg)
{
	keys("user");
	keys("kernel");
}

static void test_changed(void **arg)
{
	changed("user");
	changed("kernel");
}

static void test_full(void **arg)
{
	full("user");
	full("kernel");
}

static void test_beyond(void **arg)
{
	beyond("user");
	beyond("kernel");
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

int main(void)
{
	const struct CMUnitTest values[] = {
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_keys),
	};
	const struct CMUnitTest chains[] = {
		cmocka_unit_test(test_late),
		cmocka_unit_test_teardown(test_changed, teardown),
		cmocka_unit_test_teardown(test_chain_keys, teardown),
		cmocka_unit_test_teardown(test_full, teardown),
		cmocka_unit_test_teardown(test_beyond, teardown),
	};
	int failed;

	if (!getenv("VISOR_BUILD")) {
		printf("skipped: VISOR_BUILD is not set\n");
		return 77;
	}
	one = types("state1");
	two = types("state2");
	failed = cmocka_run_group_tests_name("values", values, NULL, NULL);
	btf_unref(one);
	btf_unref(two);
	if (netns_new(1, &ns))
		return failed ? 1 : 77;
	netns_pair(ns, 0, "left", 0, "right");
	if (!mkdtemp(dir))
		return 1;
	failed |= cmocka_run_group_tests_name("chains", chains, NULL, NULL);
	netns_run(ns, 0, "rm -rf %s", dir);
	netns_free(ns);
	return failed;
}
