/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in both modes: contexts, packets, helpers, callbacks, regions, slots, statistics. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "../../vm.h"

static struct visor_run *run;
static uint8_t bytes[512];
static struct visor_packet pkt;

static int setup(void **state)
{
	run = aligned_alloc(64, sizeof(*run));
	vm_run_init(run);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	visor_packet_init(&pkt, bytes, sizeof(bytes), 128, 100);
	return 0;
}

static int teardown(void **state)
{
	free(run);
	return 0;
}

/* Runs the text in one way on the packet. */
static uint64_t go(enum test_way way, uint32_t type, const char *text)
{
	struct test_prog t = {.type = catalog_prog(type), .way = way};
	struct vm_prog *prog = test_prog(&t, text);
	uint64_t ret = 0;
	int err;

	vm_enter(run);
	err = vm_prog_run(prog, run, &pkt, 0, &ret);
	vm_leave(run);
	if (err)
		print_error("insn %u: %s\n", run->fault.insn, run->fault.text);
	assert_int_equal(err, 0);
	vm_prog_unref(prog);
	return ret;
}

static void packet(void **state)
{
	EACH_WAY(way)
	{
		setup(NULL);
		/* length and a byte: 4-byte fields give whole pointers */
		assert_int_equal(
			go(way, BPF_PROG_TYPE_XDP,
			   "r2 = *(u32 *)(r1 +0)\n r3 = *(u32 *)(r1 +4)\n r0 = *(u8 *)(r2 +7)\n"
			   "r3 -= r2\n r3 <<= 8\n r0 |= r3\n exit"),
			100 << 8 | (128 + 7));
		/* moving the start, writing there */
		assert_int_equal(
			go(way, BPF_PROG_TYPE_XDP,
			   "r6 = r1\n r2 = -16\n call bpf_xdp_adjust_head\n if r0 != 0 goto bad\n"
			   "r2 = *(u32 *)(r6 +0)\n *(u32 *)(r2 +0) = 0x11223344\n"
			   "r0 = *(u16 *)(r2 +1)\n exit\n bad:\n r0 = 1\n exit"),
			0x2233);
		assert_int_equal(pkt.end - pkt.data, 116);
		assert_int_equal(get_u32(pkt.data), 0x11223344);
		/* through a register that is moved about, and a function */
		assert_int_equal(
			go(way, BPF_PROG_TYPE_XDP,
			   "*(u64 *)(r10 -8) = r1\n r2 = *(u64 *)(r10 -8)\n r2 += 8\n r1 = r2\n"
			   "call sub\n exit\n sub:\n r0 = *(u32 *)(r1 -4)\n"
			   "r1 = *(u32 *)(r1 -8)\n r0 -= r1\n exit"),
			116);
		free(run);
	}
}

/* Native code gives a C caller its registers back, whoever called it. */
static void batch(void **state)
{
	EACH_WAY(way)
	{
		struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = way};
		struct vm_prog *prog = test_prog(
			&t, "r6 = r1\n r7 = 1\n r8 = 2\n r9 = 3\n call bpf_get_smp_processor_id\n"
			    "r2 = *(u32 *)(r6 +0)\n r0 = *(u8 *)(r2 +1)\n r0 += r7\n r0 += r8\n"
			    "r0 += r9\n exit");
		uint64_t ret[100];
		void *ctx[100];

		setup(NULL);
		for (uint32_t i = 0; i < ARRAY_SIZE(ctx); i++)
			ctx[i] = &pkt;
		vm_enter(run);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, 100, ret), 100);
		vm_stats_every(1);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, 3, ret), 3);
		vm_stats_every(0);
		vm_leave(run);
		for (uint32_t i = 0; i < ARRAY_SIZE(ctx); i++)
			assert_int_equal(ret[i], 129 + 6);
		vm_prog_unref(prog);
		free(run);
	}
}

static void skb(void **state)
{
	EACH_WAY(way)
	{
		setup(NULL);
		pkt.mark = 0xaabbccdd;
		pkt.tstamp = 0x1122334455667788;
		assert_int_equal(go(way, BPF_PROG_TYPE_SCHED_CLS,
				    "r0 = *(u32 *)(r1 +8)\n *(u32 *)(r1 +8) = 5\n exit"),
				 0xaabbccdd);
		assert_int_equal(pkt.mark, 5);
		pkt.mark = 0xaabbccdd;
		assert_int_equal(go(way, BPF_PROG_TYPE_SCHED_CLS,
				    "r0 = *(u8 *)(r1 +9)\n r2 = *(u16 *)(r1 +10)\n r0 <<= 16\n r0 "
				    "|= r2\n exit"),
				 0xccaabb);
		assert_int_equal(
			go(way, BPF_PROG_TYPE_SCHED_CLS,
			   "r2 = 77\n *(u32 *)(r1 +52) = r2\n r0 = *(u64 *)(r1 +152)\n exit"),
			0x1122334455667788);
		assert_int_equal(pkt.cb[1], 77);
		free(run);
	}
}

static void classic(void **state)
{
	EACH_WAY(way)
	{
		setup(NULL);
#define CLASSIC(access) "r6 = r1\n " access "\n exit"
#define SKF(access)	go(way, BPF_PROG_TYPE_SOCKET_FILTER, CLASSIC(access))
		assert_int_equal(SKF("r0 = *(u8 *)skb[3]"), 131);
		assert_int_equal(SKF("r0 = *(u16 *)skb[3]"), 131 << 8 | 132);
		assert_int_equal(SKF("r0 = *(u32 *)skb[96]"), 0xe0e1e2e3);
		assert_int_equal(SKF("r0 = 9\n r0 = *(u32 *)skb[97]\n r0 += 1"),
				 0); /* ends there */
		assert_int_equal(SKF("r2 = 90\n r0 = *(u8 *)skb[r2 + 9]\n r0 += 1"), 228);
		assert_int_equal(SKF("r2 = 90\n r0 = *(u8 *)skb[r2 + 10]\n r0 += 1"), 0);
		assert_int_equal(SKF("r2 = -90\n r0 = *(u8 *)skb[r2 + 91]"), 129);
		/* relative to the link and network headers */
		assert_int_equal(SKF("r2 = -2097152\n r0 = *(u8 *)skb[r2 + 2]"), 130);
		assert_int_equal(SKF("r2 = -1048576\n r0 = *(u8 *)skb[r2 + 2]"), 128 + 14 + 2);
		assert_int_equal(SKF("r2 = -1\n r0 = *(u8 *)skb[r2 + 0]\n r0 += 1"), 0);
		assert_int_equal(SKF("r2 = -2147483648\n r0 = *(u8 *)skb[r2 + 0]\n r0 += 1"), 0);
		/* in a function only that function ends */
		assert_int_equal(
			go(way, BPF_PROG_TYPE_SOCKET_FILTER,
			   "call sub\n r0 += 4\n exit\n sub:\n r6 = r1\n r0 = *(u8 *)skb[100]\n"
			   "r0 += 1\n exit"),
			4);
		free(run);
	}
}

static void loops(void **state)
{
	EACH_WAY(way)
	{
		setup(NULL);
		/* may_goto leaves after 8 Mi iterations; each function has its own budget */
		assert_int_equal(
			go(way, BPF_PROG_TYPE_XDP,
			   "r0 = 0\n again:\n may_goto out\n r0 += 1\n goto again\n out:\n exit"),
			8 * 1024 * 1024);
		assert_int_equal(
			go(way, BPF_PROG_TYPE_XDP,
			   "r6 = 0\n r1 = 100\n r2 = subprog[each]\n r3 = r10\n r3 += -8\n"
			   "*(u64 *)(r10 -8) = 0\n r1 = 100\n r4 = 0\n call bpf_loop\n"
			   "r1 = *(u64 *)(r10 -8)\n r0 <<= 32\n r0 |= r1\n exit\n"
			   "each:\n r3 = *(u64 *)(r2 +0)\n r3 += r1\n *(u64 *)(r2 +0) = r3\n"
			   "r0 = 0\n if r1 != 9 goto +1\n r0 = 1\n exit"),
			10ULL << 32 | 45);
		free(run);
	}
}

static void callback_faults(void **state)
{
	struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = TEST_CHECKED};
	struct vm_prog *prog =
		test_prog(&t, "r1 = 5\n r2 = subprog[each]\n r3 = 0\n r4 = 0\n"
			      "call bpf_loop\n exit\n each:\n r0 = *(u8 *)(r2 +8)\n exit");
	uint64_t ret;

	vm_enter(run);
	assert_int_equal(vm_prog_run(prog, run, &pkt, 0, &ret), -EFAULT);
	vm_leave(run);
	assert_string_equal(run->fault.text, "read of 1 bytes at null pointer +8");
	assert_int_equal(run->fault.insn, 7);
	vm_prog_unref(prog);
}

/* Contexts and helpers that an embedder registers. */
struct custom {
	uint32_t number;
	uint32_t constant;
	uint8_t *buffer;
};

static const struct ctx_field custom_fields[] = {
	{.name = "number", .off = 0, .size = 4, .access = CTX_RW, .engine_off = 0},
	{.name = "constant", .off = 4, .size = 4, .access = CTX_R, .engine_off = 4},
	{.name = "buffer",
	 .off = 8,
	 .size = 8,
	 .access = CTX_R,
	 .yield = CTX_POINTER,
	 .engine_off = 8,
	 .region = 16},
};
static const struct prog_type custom_type = {
	.name = "custom",
	.type = VISOR_PROG_CUSTOM + 1,
	.set = P_CUSTOM,
	.ctx_size = sizeof(struct custom),
	.engine_size = sizeof(struct custom),
	.fields = custom_fields,
	.n_fields = ARRAY_SIZE(custom_fields),
	.ret_min = INT64_MIN,
	.ret_max = INT64_MAX,
};
static const struct helper custom_helper = {
	.name = "total",
	.id = VISOR_HELPER_CUSTOM,
	.progs = P_CUSTOM,
	.args = {ARG_CTX, ARG_MEM, ARG_SIZE},
};

static uint64_t total(uint64_t ctx, uint64_t mem, uint64_t size, uint64_t a4, uint64_t a5,
		      struct visor_run *at)
{
	uint64_t sum = ((struct custom *)ctx)->number;

	for (uint64_t i = 0; i < size; i++)
		sum += ((uint8_t *)mem)[i];
	return sum + *(uint64_t *)at->user;
}

static vm_helper_fn custom_body(void *user, const struct prog_type *type, uint32_t id,
				const struct helper **desc)
{
	if (id != VISOR_HELPER_CUSTOM || type != &custom_type)
		return NULL;
	*desc = &custom_helper;
	return total;
}

static int custom_run(enum test_way way, const char *text, struct custom *ctx, uint64_t *ret)
{
	static const struct vm_host host = {.helper = custom_body};
	struct test_prog t = {.type = &custom_type, .way = way, .host = &host, .lenient = true};
	struct vm_prog *prog = test_prog(&t, text);
	int err;

	vm_enter(run);
	err = vm_prog_run(prog, run, ctx, 0, ret);
	vm_leave(run);
	vm_prog_unref(prog);
	return err;
}

static void custom(void **state)
{
	static const char *const text =
		"r2 = *(u64 *)(r1 +8)\n *(u8 *)(r2 +15) = 9\n *(u32 *)(r1 +0) = 100\n r3 = 16\n"
		"call 65536\n exit";
	uint64_t ret, user = 1000;

	run->user = &user;
	EACH_WAY(way)
	{
		uint8_t *buffer = calloc(1, 16);
		struct custom ctx = {.number = 1, .constant = 2, .buffer = buffer};

		assert_int_equal(custom_run(way, text, &ctx, &ret), 0);
		assert_int_equal(ret, 1109);
		assert_int_equal(ctx.number, 100);
		assert_int_equal(custom_run(TEST_CHECKED,
					    "r2 = *(u64 *)(r1 +8)\n r0 = *(u8 *)(r2 +16)\n exit",
					    &ctx, &ret),
				 -EFAULT);
		assert_int_equal(custom_run(TEST_CHECKED,
					    "r2 = *(u64 *)(r1 +8)\n r3 = 17\n call 65536\n exit",
					    &ctx, &ret),
				 -EFAULT);
		assert_non_null(strstr(run->fault.text, "total, argument 2: 17 bytes at"));
		free(buffer);
	}
}

static void regions(void **state)
{
	struct test_prog t = {.way = TEST_CHECKED};
	uint8_t memory[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct vm_prog *reads = test_prog(&t, "r0 = *(u64 *)(r1 +0)\n exit");
	struct vm_prog *writes = test_prog(&t, "r0 = 0\n *(u8 *)(r1 +7) = 0\n exit");
	struct vm_prog *beyond = test_prog(&t, "r0 = *(u16 *)(r1 +7)\n exit");
	uint64_t ret;

	vm_enter(run);
	assert_int_equal(vm_prog_run(reads, run, memory, 8, &ret), -EFAULT);
	assert_int_equal(vm_run_allow(run, memory, 8, false, "memory"), 0);
	assert_int_equal(vm_prog_run(reads, run, memory, 8, &ret), 0);
	assert_int_equal(ret, 0x0807060504030201);
	assert_int_equal(vm_prog_run(writes, run, memory, 8, &ret), -EFAULT);
	assert_string_equal(run->fault.text, "write of 1 bytes to read-only memory");
	assert_int_equal(vm_prog_run(beyond, run, memory, 8, &ret), -EFAULT);
	assert_string_equal(run->fault.text, "read of 2 bytes at memory +7: it has 8 bytes");
	vm_leave(run);
	for (int i = 1; i < VM_MAX_REGIONS; i++)
		assert_int_equal(vm_run_allow(run, memory, 8, false, "memory"), 0);
	assert_int_equal(vm_run_allow(run, memory, 8, false, "memory"), -ENOSPC);
	vm_prog_unref(reads);
	vm_prog_unref(writes);
	vm_prog_unref(beyond);
}

/* What cannot be translated statically is refused in unchecked mode, not run wrongly. */
static void hidden_context(void **state)
{
	struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = TEST_BEST};
	struct visor_diag diag = {0};
	struct vm_prog *prog = NULL;
	struct bpf_insn *insns;
	uint32_t n;
	static const char text[] = "r2 = 0\n r1 += r2\n r0 = *(u32 *)(r1 +12)\n exit";

	assert_int_equal(isa_assemble(text, strlen(text), NULL, &insns, &n, &diag), 0);
	assert_int_equal(test_prog_insns(&t, insns, n, &prog, &diag), -EOPNOTSUPP);
	assert_non_null(diag.text[0] ? diag.text : NULL);
	pkt.ingress_ifindex = 33;
	assert_int_equal(go(TEST_CHECKED, BPF_PROG_TYPE_XDP, text), 33);
	free(insns);
}

/* No two threads between vm_enter and vm_leave have the same slot, though they are more
 * threads than slots. */
static uint32_t inside[MAP_MAX_CPUS];
static uint32_t collisions;

static void *enter_leave(void *arg)
{
	struct visor_run *mine = aligned_alloc(64, sizeof(*mine));

	vm_run_init(mine);
	for (int i = 0; i < 3000; i++) {
		vm_enter(mine);
		if (mine->cpu >= map_possible_cpus() ||
		    __atomic_fetch_add(&inside[mine->cpu], 1, __ATOMIC_ACQ_REL))
			__atomic_add_fetch(&collisions, 1, __ATOMIC_RELAXED);
		if (i % 16 == 0)
			sched_yield();
		__atomic_fetch_sub(&inside[mine->cpu], 1, __ATOMIC_ACQ_REL);
		vm_leave(mine);
	}
	free(mine);
	return NULL;
}

static void slots(void **state)
{
	pthread_t threads[6];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, enter_leave, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(collisions, 0);
}

static struct vm_prog *stats_target;

static struct vm_prog *stats_by_id(void *user, uint32_t id)
{
	return vm_prog_ref(stats_target);
}

static void statistics(void **state)
{
	static const char *const spin = "r0 = 0\n r0 += 1\n if r0 != 20000 goto pc-2\n";
	static const struct vm_host host = {.prog_by_id = stats_by_id};
	struct map_attr attr = {
		.type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	struct map *map;
	uint32_t zero = 0, id = 7;

	assert_int_equal(map_new(&attr, 1, memfd_create("progs", MFD_CLOEXEC), &map, NULL), 0);
	EACH_WAY(way)
	{
		struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP),
				      .way = way,
				      .host = &host,
				      .maps = &map,
				      .n_maps = 1,
				      .id = 7};
		struct vm_stats caller, target;
		struct vm_prog *prog;
		char text[256];
		uint64_t ret;

		snprintf(text, sizeof(text), "%s exit", spin);
		stats_target = test_prog(&t, text);
		t.id = 8;
		prog = test_prog(&t,
				 "r3 = 0\n r2 = map[idx:0]\n call bpf_tail_call\n r0 = 1\n exit");
		vm_map_forget(map);
		map_user_update(map, &zero, &id, BPF_ANY);

		vm_enter(run);
		assert_int_equal(vm_prog_run(prog, run, &pkt, 0, &ret), 0);
		vm_prog_stats(prog, &caller);
		assert_int_equal(caller.run_cnt, 0); /* off by default */
		vm_stats_every(4);
		for (int i = 0; i < 101; i++)
			assert_int_equal(vm_prog_run(prog, run, &pkt, 0, &ret), 0);
		vm_stats_every(0);
		assert_int_equal(vm_prog_run(prog, run, &pkt, 0, &ret), 0);
		vm_leave(run);
		assert_int_equal(ret, 20000);
		vm_prog_stats(prog, &caller);
		vm_prog_stats(stats_target, &target);
		assert_int_equal(caller.run_cnt, 101);
		assert_int_equal(target.run_cnt, 101);
		/* 20,000 turns take longer than 5 us each time, the caller's few instructions not
		 */
		assert_true(target.run_time_ns > 101 * 5000);
		assert_true(target.run_time_ns < 101ull * 50000000);
		assert_true(caller.run_time_ns < target.run_time_ns / 2);
		vm_map_forget(map);
		vm_prog_unref(stats_target);
		vm_prog_unref(prog);
	}
	map_unref(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet),
		cmocka_unit_test(batch),
		cmocka_unit_test(skb),
		cmocka_unit_test(classic),
		cmocka_unit_test(loops),
		cmocka_unit_test_setup_teardown(callback_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(custom, setup, teardown),
		cmocka_unit_test_setup_teardown(regions, setup, teardown),
		cmocka_unit_test_setup_teardown(hidden_context, setup, teardown),
		cmocka_unit_test(slots),
		cmocka_unit_test_setup_teardown(statistics, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
