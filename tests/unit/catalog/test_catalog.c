/* SPDX-License-Identifier: BSD-2-Clause */
/* Look-ups of the catalog: by number, by name, out of range. What the rows say is checked
 * against the kernel by test_kernel.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/pkt_cls.h>
#include <cmocka.h>

#include "catalog/since.h"
#include "visor/packet.h"

static void finds_helpers(void **state)
{
	const struct helper *h = catalog_helper(BPF_FUNC_map_update_elem);

	assert_non_null(h);
	assert_string_equal(h->name, "map_update_elem");
	assert_int_equal(h->id, 2);
	assert_int_equal(h->args[0], ARG_MAP);
	assert_int_equal(h->args[4], ARG_NONE);
	assert_null(catalog_helper(0));
	assert_null(catalog_helper(BPF_FUNC_probe_read));
	assert_null(catalog_helper(CATALOG_HELPERS));
	assert_null(catalog_helper(UINT32_MAX));
}

/* Every row of the other tables has a release, and helpers came in the order of their numbers. */
static void knows_releases(void **state)
{
	uint32_t before = SINCE(3, 19), n = 0;
	const char *text;

	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		assert_true(since_helper(id) >= before);
		before = since_helper(id);
	}
	for (uint32_t type = 0; type < 64; type++) {
		assert_int_equal(!since_map(type), !catalog_map_known(type));
		assert_int_equal(!since_prog(type), !catalog_prog_known(type));
		n += since_prog(type) != 0;
	}
	assert_true(n > 30);
	assert_int_equal(since_helper(0), 0);
	assert_int_equal(since_helper(CATALOG_HELPERS), 0);
	assert_int_equal(since_helper(BPF_FUNC_map_update_elem), SINCE(3, 19));
	assert_int_equal(since_helper(BPF_FUNC_ktime_get_boot_ns), SINCE(5, 8));
	assert_int_equal(since_helper(BPF_FUNC_cgrp_storage_get), SINCE(6, 2));
	assert_int_equal(since_map(BPF_MAP_TYPE_RINGBUF), SINCE(5, 8));
	for (uint32_t f = 0; f < FEATURE_COUNT; f++)
		assert_true(since_feature(f, &text) > SINCE(3, 0) && *text);
}

static void names_all_helpers(void **state)
{
	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		const char *name = catalog_helper_name(id);
		const struct helper *h = catalog_helper(id);
		char prefixed[64];

		assert_non_null(name);
		assert_int_equal(catalog_helper_id(name), id);
		snprintf(prefixed, sizeof(prefixed), "bpf_%s", name);
		assert_int_equal(catalog_helper_id(prefixed), id);
		if (h)
			assert_string_equal(h->name, name);
	}
	assert_null(catalog_helper_name(0));
	assert_null(catalog_helper_name(CATALOG_HELPERS));
	assert_null(catalog_helper_name(UINT32_MAX));
	assert_int_equal(catalog_helper_id("unspec"), -1);
	assert_int_equal(catalog_helper_id("bpf_bpf_redirect"), -1);
	assert_int_equal(catalog_helper_id(""), -1);
}

/* A length follows its memory, nothing follows ARG_NONE, a map comes with its rule. */
static void rows_are_well_formed(void **state)
{
	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		const struct helper *h = catalog_helper(id);
		bool map = false;

		for (int i = 0; h && i < 5; i++) {
			uint32_t arg = h->args[i], prev = i ? h->args[i - 1] : ARG_NONE;
			bool sized = (prev & (ARG_KIND | ARG_FIXED)) == ARG_MEM;

			map |= arg == ARG_MAP;
			assert_int_equal(sized, arg == ARG_SIZE || arg == ARG_SIZE0);
			if (i && prev == ARG_NONE)
				assert_int_equal(arg, ARG_NONE);
		}
		if (h)
			assert_int_equal(map, h->maps != MAPS_NONE);
	}
}

static void finds_maps(void **state)
{
	const struct map_kind *kind = catalog_map(BPF_MAP_TYPE_PERCPU_HASH);

	assert_non_null(kind);
	assert_string_equal(kind->name, "percpu_hash");
	assert_ptr_equal(catalog_map_by_name("percpu_hash"), kind);
	assert_int_equal(kind->type, BPF_MAP_TYPE_PERCPU_HASH);
	assert_true(kind->traits & MAP_PER_CPU);
	assert_null(catalog_map(BPF_MAP_TYPE_UNSPEC));
	assert_null(catalog_map(BPF_MAP_TYPE_SK_STORAGE));
	assert_null(catalog_map(UINT32_MAX));
	assert_null(catalog_map_by_name("unspec"));
	for (uint32_t t = 1; t <= BPF_MAP_TYPE_USER_RINGBUF; t++)
		assert_non_null(catalog_map_name(t));
	assert_string_equal(catalog_map_name(BPF_MAP_TYPE_SK_STORAGE), "sk_storage");
	assert_null(catalog_map_name(0));
	assert_null(catalog_map_name(UINT32_MAX));
}

static void finds_programs(void **state)
{
	const struct prog_type *xdp = catalog_prog(BPF_PROG_TYPE_XDP);
	const struct prog_type *tc = catalog_prog_by_name("sched_cls");
	const struct ctx_field *f;

	assert_string_equal(xdp->name, "xdp");
	assert_string_equal(xdp->sections[0].name, "xdp");
	assert_ptr_equal(tc, catalog_prog(BPF_PROG_TYPE_SCHED_CLS));
	assert_null(catalog_prog(BPF_PROG_TYPE_UNSPEC));
	assert_null(catalog_prog(BPF_PROG_TYPE_KPROBE));
	assert_null(catalog_prog(UINT32_MAX));
	assert_null(catalog_prog_by_name("kprobe"));

	f = catalog_ctx_field(tc, offsetof(struct __sk_buff, data_end), 4);
	assert_string_equal(f->name, "data_end");
	assert_int_equal(f->engine_off, offsetof(struct visor_packet, end));
	assert_int_equal(f->yield, CTX_PKT_END);
	assert_null(catalog_ctx_field(tc, offsetof(struct __sk_buff, data_end) + 2, 4));
	assert_null(catalog_ctx_field(tc, UINT32_MAX, UINT32_MAX));
	assert_null(catalog_ctx_access(tc, 0, 3, false));
	assert_null(catalog_ctx_access(tc, 0, 0, false));
	assert_null(catalog_ctx_access(tc, 0, 16, false));
}

static void finds_sections(void **state)
{
	const struct prog_type *type = NULL;
	const struct prog_section *s = catalog_section("xdp.frags/devmap", &type);

	assert_non_null(s);
	assert_int_equal(type->type, BPF_PROG_TYPE_XDP);
	assert_int_equal(s->attach_type, BPF_XDP_DEVMAP);
	assert_int_equal(s->flags, BPF_F_XDP_HAS_FRAGS);
	s = catalog_section("fentry.s/do_unlinkat", &type);
	assert_int_equal(type->type, BPF_PROG_TYPE_TRACING);
	assert_int_equal(s->attach_type, BPF_TRACE_FENTRY);
	assert_int_equal(s->flags, BPF_F_SLEEPABLE);
	s = catalog_section("tp", &type);
	assert_int_equal(type->type, BPF_PROG_TYPE_TRACEPOINT);
	assert_int_equal(s->attach_type, 0);
	assert_null(catalog_section("xdp/own", &type));
	assert_null(catalog_section("tpx", &type));
	assert_null(catalog_section("", &type));
}

/* What the engine reads is not what the kernel's programs of a device map read. */
static void engine_rows_come_first(void **state)
{
	const struct prog_type *xdp = catalog_prog(BPF_PROG_TYPE_XDP);
	uint32_t off = offsetof(struct xdp_md, egress_ifindex);
	struct ctx_query q = {.attach_type = BPF_XDP_DEVMAP, .off = off, .size = 4};
	struct ctx_answer a;

	assert_int_equal(catalog_ctx_field(xdp, off, 4)->access, 0);
	assert_null(catalog_ctx_access(xdp, off, 4, false));
	assert_int_equal(catalog_ctx_query(xdp, &q, &a), 0);
	q.attach_type = BPF_XDP;
	assert_int_equal(catalog_ctx_query(xdp, &q, &a), -EACCES);
	q.off = UINT32_MAX - 3;
	assert_int_equal(catalog_ctx_query(xdp, &q, &a), -EACCES);
}

static void names_attach_types(void **state)
{
	assert_string_equal(catalog_attach_name(BPF_CGROUP_UNIX_SENDMSG), "cgroup_unix_sendmsg");
	for (uint32_t t = 0; t < VISOR_MAX_ATTACH_TYPE; t++)
		assert_non_null(catalog_attach_name(t));
	assert_null(catalog_attach_name(VISOR_MAX_ATTACH_TYPE));
}

/* Types that no kernel of the tests may load: as documented. */
static void describes_what_cannot_be_compared(void **state)
{
	const struct prog_type *tracing = catalog_prog_known(BPF_PROG_TYPE_TRACING);
	const struct prog_type *lirc = catalog_prog_known(BPF_PROG_TYPE_LIRC_MODE2);
	struct ctx_query q = {.size = 4};
	struct ctx_answer a;
	int64_t min, max;

	assert_true(catalog_return_range(tracing, BPF_TRACE_FEXIT, &min, &max));
	assert_true(min == 0 && max == 0);
	assert_true(catalog_return_range(tracing, BPF_TRACE_ITER, &min, &max));
	assert_true(min == 0 && max == 1);
	assert_false(catalog_return_range(tracing, BPF_MODIFY_RETURN, &min, &max));
	assert_true(catalog_prog_can_sleep(tracing, BPF_TRACE_FENTRY));
	assert_false(catalog_prog_can_sleep(tracing, BPF_TRACE_RAW_TP));
	assert_int_equal(catalog_ctx_query(lirc, &q, &a), 0);
	q.size = 2;
	assert_int_equal(catalog_ctx_query(lirc, &q, &a), -EACCES);
	assert_int_equal(catalog_attach_check(BPF_PROG_TYPE_EXT, BPF_XDP), -EINVAL);
	assert_null(catalog_prog_known_by_name("unspec"));
	assert_string_equal(catalog_prog_known_by_name("lsm")->name, "lsm");
}

static void names_verdicts(void **state)
{
	assert_string_equal(catalog_verdict(BPF_PROG_TYPE_XDP, XDP_TX), "XDP_TX");
	assert_string_equal(catalog_verdict(BPF_PROG_TYPE_SCHED_ACT, TC_ACT_SHOT), "TC_ACT_SHOT");
	assert_string_equal(catalog_verdict(BPF_PROG_TYPE_SCHED_CLS, -1), "TC_ACT_UNSPEC");
	assert_null(catalog_verdict(BPF_PROG_TYPE_XDP, 5));
	assert_null(catalog_verdict(BPF_PROG_TYPE_SOCKET_FILTER, 0));
	assert_null(catalog_verdict(BPF_PROG_TYPE_KPROBE, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_helpers),
		cmocka_unit_test(knows_releases),
		cmocka_unit_test(names_all_helpers),
		cmocka_unit_test(rows_are_well_formed),
		cmocka_unit_test(finds_maps),
		cmocka_unit_test(finds_programs),
		cmocka_unit_test(names_verdicts),
		cmocka_unit_test(finds_sections),
		cmocka_unit_test(engine_rows_come_first),
		cmocka_unit_test(names_attach_types),
		cmocka_unit_test(describes_what_cannot_be_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
