/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch does what so many runs do, in each way to run; native code has a loop of its own for it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../vm.h"

#define PACKETS 50
#define SIZE	64

static struct visor_run *run;
static uint8_t bytes[PACKETS][SIZE];
static struct visor_packet pkts[PACKETS];
static void *ctx[PACKETS];

static int setup(void **state)
{
	run = aligned_alloc(64, sizeof(*run));
	vm_run_init(run);
	return 0;
}

static int teardown(void **state)
{
	free(run);
	return 0;
}

/* Packets of which no two are the same, nor equally long. */
static void packets(void)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		for (uint32_t k = 0; k < SIZE; k++)
			bytes[i][k] = (uint8_t)(i * 31 + k * (i | 1));
		visor_packet_init(&pkts[i], bytes[i], SIZE, 0, SIZE - i / 4);
		ctx[i] = &pkts[i];
	}
}

#define DATA "r2 = *(u32 *)(r1 +0)\n"
/* Values for more registers than there are, all of which are needed to the end. */
#define KEEP(n, off) "r3 = *(u8 *)(r2 +" #n ")\n *(u64 *)(r10 -" #off ") = r3\n"
#define SUM(off)     "r3 = *(u64 *)(r10 -" #off ")\n r0 *= 3\n r0 += r3\n"
#define ALL(x)                                                                                   \
	x(0, 8) x(1, 16) x(2, 24) x(3, 32) x(4, 40) x(5, 48) x(6, 56) x(7, 64) x(8, 72) x(9, 80) \
		x(10, 88) x(11, 96) x(12, 104) x(13, 112) x(14, 120) x(15, 128) x(16, 136)       \
			x(17, 144)
#define SUM_OF(n, off) SUM(off)
/* More code than is worth being there twice: 1,200 instructions. */
#define TEN(x) x x x x x x x x x x
#define LARGE                                                                           \
	TEN(TEN("r3 = r0\n r0 *= 77\n r0 ^= r3\n r3 >>= 3\n r0 += r3\n r0 ^= 0x12345\n" \
		"r3 = r0\n r3 <<= 7\n r0 -= r3\n r0 += r6\n r3 = r6\n r6 *= 5\n"))

static const struct {
	const char *name;
	uint32_t type;
	const char *text;
} programs[] = {
	{"nothing", BPF_PROG_TYPE_XDP, "r0 = 2\n exit"},
	{"a number that is no operand", BPF_PROG_TYPE_XDP, "r0 = 0x123456789ab ll\n exit"},
	{"numbers", BPF_PROG_TYPE_XDP,
	 DATA "r3 = *(u32 *)(r1 +4)\n r0 = r2\n r0 += 60\n if r0 > r3 goto short\n"
	      "r3 = *(u8 *)(r2 +3)\n r0 = 1\n if r3 > 100 goto out\n r0 = 0\n if r3 > 50 goto out\n"
	      "r0 = -1\n out:\n exit\n short:\n r0 = 7\n exit"},
	{"a value", BPF_PROG_TYPE_XDP, DATA "r0 = *(u64 *)(r2 +8)\n exit"},
	{"a context that is returned", BPF_PROG_TYPE_XDP, "r0 = *(u32 *)(r1 +0)\n exit"},
	{"fixed registers", BPF_PROG_TYPE_XDP,
	 DATA "r3 = *(u8 *)(r2 +1)\n r0 = *(u64 *)(r2 +8)\n r4 = r0\n r0 /= r3\n r4 %= r3\n"
	      "r5 = *(u8 *)(r2 +2)\n r0 <<= r5\n r0 += r4\n exit"},
	{"all registers", BPF_PROG_TYPE_XDP, DATA ALL(KEEP) "r0 = 0\n" ALL(SUM_OF) "exit"},
	{"all registers and a call", BPF_PROG_TYPE_XDP,
	 DATA ALL(KEEP) "call bpf_get_numa_node_id\n r0 = 0\n" ALL(SUM_OF) "exit"},
	{"a call", BPF_PROG_TYPE_XDP,
	 "r6 = r1\n r7 = 1\n r8 = 2\n r9 = 3\n call bpf_get_numa_node_id\n r2 = *(u32 *)(r6 +0)\n"
	 "r0 = *(u8 *)(r2 +1)\n r0 += r7\n r0 += r8\n r0 += r9\n exit"},
	{"what the run holds", BPF_PROG_TYPE_XDP,
	 DATA "r6 = *(u8 *)(r2 +5)\n call bpf_get_smp_processor_id\n r0 += r6\n exit"},
	{"the stack", BPF_PROG_TYPE_XDP,
	 DATA "r3 = *(u8 *)(r2 +5)\n r4 = r3\n r4 &= 15\n r5 = r10\n r5 -= 16\n"
	      "*(u64 *)(r10 -16) = 0\n *(u64 *)(r10 -8) = 0\n r5 += r4\n *(u8 *)(r5 +0) = r3\n"
	      "r0 = *(u64 *)(r10 -16)\n r4 = *(u64 *)(r10 -8)\n r0 += r4\n exit"},
	{"a loop", BPF_PROG_TYPE_XDP,
	 DATA "r3 = *(u8 *)(r2 +5)\n r3 &= 31\n r0 = 0\n again:\n r4 = *(u8 *)(r2 +0)\n r0 *= 7\n"
	      "r0 += r4\n r2 += 1\n r3 -= 1\n if r3 s> 0 goto again\n exit"},
	{"a function", BPF_PROG_TYPE_XDP,
	 "r6 = r1\n call sub\n r6 = *(u32 *)(r6 +0)\n r6 = *(u8 *)(r6 +9)\n r0 += r6\n exit\n "
	 "sub:\n" DATA "r0 = *(u8 *)(r2 +1)\n r0 *= 100\n exit"},
	{"a helper that looks at the context", BPF_PROG_TYPE_SOCKET_FILTER,
	 "r6 = r1\n r7 = 5\n r0 = *(u8 *)skb[3]\n r7 += r0\n r0 = *(u16 *)skb[58]\n r0 += r7\n "
	 "exit"},
	{"one that changes it", BPF_PROG_TYPE_XDP,
	 "r6 = r1\n r2 = 4\n call bpf_xdp_adjust_head\n r1 = r6\n" DATA
	 "r3 = *(u32 *)(r1 +4)\n r3 -= r2\n r0 = *(u8 *)(r2 +0)\n r0 += r3\n exit"},
	{"much code", BPF_PROG_TYPE_XDP,
	 DATA "r0 = *(u64 *)(r2 +8)\n r6 = *(u64 *)(r2 +16)\n" LARGE "exit"},
	{"much code and a call", BPF_PROG_TYPE_XDP,
	 DATA "r7 = *(u64 *)(r2 +8)\n r6 = *(u64 *)(r2 +16)\n call bpf_get_numa_node_id\n r0 = "
	      "r7\n" LARGE "exit"},
};

/* Results of single runs. */
static void singly(const struct vm_prog *prog, uint64_t ret[PACKETS])
{
	packets();
	for (uint32_t i = 0; i < PACKETS; i++)
		if (vm_prog_run(prog, run, ctx[i], 0, &ret[i]))
			fail_msg("%s", run->fault.text);
}

static void same(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, PACKETS};

	EACH_WAY(way)
	for (size_t p = 0; p < ARRAY_SIZE(programs); p++) {
		struct test_prog t = {.type = catalog_prog(programs[p].type), .way = way};
		struct vm_prog *prog = test_prog(&t, programs[p].text);
		uint64_t want[PACKETS], ret[PACKETS + 1];

		vm_enter(run);
		singly(prog, want);
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			uint32_t n = sizes[k];

			packets();
			memset(ret, 0xee, sizeof(ret));
			assert_int_equal(vm_prog_run_batch(prog, run, ctx, 0, ret), 0);
			assert_int_equal(ret[0], 0xeeeeeeeeeeeeeeee);
			assert_int_equal(vm_prog_run_batch(prog, run, ctx, n, ret), n);
			for (uint32_t i = 0; i < n; i++)
				if (ret[i] != want[i])
					fail_msg("%s: packet %u of %u: %#llx, not %#llx",
						 programs[p].name, i, n, (unsigned long long)ret[i],
						 (unsigned long long)want[i]);
			assert_int_equal(ret[n], 0xeeeeeeeeeeeeeeee);
		}
		vm_leave(run);
		vm_prog_unref(prog);
	}
}

/* All ways have the same results, but for addresses. */
static void ways(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(programs); p++) {
		uint64_t want[PACKETS], ret[PACKETS];

		if (!strcmp(programs[p].name, "a context that is returned"))
			continue;
		EACH_WAY(way)
		{
			struct test_prog t = {.type = catalog_prog(programs[p].type), .way = way};
			struct vm_prog *prog = test_prog(&t, programs[p].text);

			vm_enter(run);
			packets();
			assert_int_equal(vm_prog_run_batch(prog, run, ctx, PACKETS, ret), PACKETS);
			vm_leave(run);
			if (way == TEST_CHECKED)
				memcpy(want, ret, sizeof(want));
			if (memcmp(want, ret, sizeof(want)))
				fail_msg("%s", programs[p].name);
			vm_prog_unref(prog);
		}
	}
}

/* The first run that stops is the last; what comes then begins anew. */
static void stops(void **state)
{
	static const char *const text[] = {
		/* the call is of a helper that does not exist */
		DATA
		"r0 = *(u8 *)(r2 +0)\n if r0 != 17 goto out\n r2 = 9999\n callx r2\n out:\n exit",
		DATA "r7 = *(u8 *)(r2 +0)\n r6 = 1\n r0 = r7\n" LARGE
		     "r0 = r7\n if r0 != 17 goto out\n r2 = 9999\n callx r2\n out:\n exit",
	};

	EACH_WAY(way)
	for (size_t k = 0; k < ARRAY_SIZE(text); k++) {
		struct test_prog t = {
			.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = way, .lenient = true};
		struct vm_prog *prog = test_prog(&t, text[k]);

		vm_enter(run);
		for (uint32_t stop = 0; stop < PACKETS; stop += 7) {
			uint64_t ret[PACKETS];

			packets();
			for (uint32_t i = 0; i < PACKETS; i++)
				bytes[i][0] = i == stop ? 17 : (uint8_t)(100 + i);
			assert_int_equal(vm_prog_run_batch(prog, run, ctx, PACKETS, ret), stop);
			assert_non_null(strstr(run->fault.text, "there is no"));
			for (uint32_t i = 0; i < stop; i++)
				assert_int_equal(ret[i], 100 + i);
			if (stop == PACKETS - 1)
				continue;
			assert_int_equal(vm_prog_run_batch(prog, run, ctx + stop + 1,
							   PACKETS - stop - 1, ret),
					 PACKETS - stop - 1);
			assert_int_equal(ret[0], 100 + stop + 1);
		}
		vm_leave(run);
		vm_prog_unref(prog);
	}
}

/* While runs are counted they are counted in a batch, too. */
static void counted(void **state)
{
	EACH_WAY(way)
	{
		struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = way};
		struct vm_prog *prog = test_prog(&t, DATA "r0 = *(u8 *)(r2 +0)\n exit");
		uint64_t ret[PACKETS];
		struct vm_stats stats;

		packets();
		vm_enter(run);
		vm_stats_every(1);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, PACKETS, ret), PACKETS);
		vm_stats_every(0);
		vm_leave(run);
		vm_prog_stats(prog, &stats);
		assert_int_equal(stats.run_cnt, PACKETS);
		vm_prog_unref(prog);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same, setup, teardown),
		cmocka_unit_test_setup_teardown(ways, setup, teardown),
		cmocka_unit_test_setup_teardown(stops, setup, teardown),
		cmocka_unit_test_setup_teardown(counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
