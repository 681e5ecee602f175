/* SPDX-License-Identifier: BSD-2-Clause */
/* Tail calls: the limit, what falls through, functions, modes, replacement under way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/mman.h>

#include "../../vm.h"
#include "../../kernel.h"

/* The programs that exist: index is the id. */
static struct vm_prog *by_id[16];
static unsigned resolved;

static struct vm_prog *prog_by_id(void *user, uint32_t id)
{
	resolved++;
	return id < ARRAY_SIZE(by_id) && by_id[id] ? vm_prog_ref(by_id[id]) : NULL;
}

static const struct vm_host host = {.prog_by_id = prog_by_id};
static struct map *maps[2]; /* a program array of 4, an array with one counter */
static struct visor_run *run;

static int set_slot(uint32_t index, uint32_t id)
{
	return map_user_update(maps[0], &index, &id, BPF_ANY);
}

static uint64_t *counter(void)
{
	return map_direct_value(maps[1], 0);
}

static struct vm_prog *make(uint32_t id, uint32_t type, enum test_way way, const char *text)
{
	struct test_prog t = {.type = catalog_prog(type),
			      .way = way,
			      .maps = maps,
			      .n_maps = 2,
			      .host = &host,
			      .id = id,
			      .name = "tail"};
	struct vm_prog *prog = test_prog(&t, text);

	if (id)
		by_id[id] = prog;
	return prog;
}

static uint64_t go(struct vm_prog *prog)
{
	static uint8_t bytes[64];
	struct visor_packet pkt;
	uint64_t ret = 0;
	int err;

	visor_packet_init(&pkt, bytes, sizeof(bytes), 0, sizeof(bytes));
	vm_enter(run);
	err = vm_prog_run(prog, run, &pkt, 0, &ret);
	vm_leave(run);
	if (err)
		print_error("insn %u: %s\n", run->fault.insn, run->fault.text);
	assert_int_equal(err, 0);
	return ret;
}

static int setup(void **state)
{
	struct map_attr progs = {
		.type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 4};
	struct map_attr array = {
		.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	memset(by_id, 0, sizeof(by_id));
	resolved = 0;
	run = aligned_alloc(64, sizeof(*run));
	vm_run_init(run);
	return map_new(&progs, 1, memfd_create("progs", MFD_CLOEXEC), &maps[0], NULL) ||
	       map_new(&array, 2, memfd_create("count", MFD_CLOEXEC), &maps[1], NULL);
}

static int teardown(void **state)
{
	vm_map_forget(maps[0]);
	for (size_t i = 0; i < ARRAY_SIZE(by_id); i++)
		vm_prog_unref(by_id[i]);
	map_unref(maps[0]);
	map_unref(maps[1]);
	free(run);
	return 0;
}

#define TAIL(slot) "r3 = " slot "\n r2 = map[idx:0]\n call bpf_tail_call\n"
/* Counts itself, calls itself; the one that cannot returns 77. */
#define CHAIN                                                                                 \
	"r6 = r1\n r2 = map[idx:1]+0\n r0 = 1\n lock *(u64 *)(r2 +0) += r0\n r1 = r6\n" TAIL( \
		"0") "r0 = 77\n exit"

static void check_limit(enum test_way way)
{
	struct vm_prog *prog = make(1, BPF_PROG_TYPE_XDP, way, CHAIN);

	assert_int_equal(set_slot(0, 1), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(go(prog), 77);
		assert_int_equal(*counter(), i * (VM_MAX_TAIL_CALLS + 1));
	}
	assert_int_equal(resolved, 1);
}

static void limit_checked(void **state)
{
	check_limit(TEST_CHECKED);
}

static void limit_unchecked(void **state)
{
	check_limit(TEST_INTERPRETED);
}

static void limit_native(void **state)
{
	check_limit(TEST_BEST);
}

/* How often the same program runs in the kernel. */
static void limit_of_kernel(void **state)
{
	int progs = kernel_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0);
	int array = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0), prog;
	struct bpf_insn insns[] = {MOV_REG(6, 1),
				   LD64(2, BPF_PSEUDO_MAP_VALUE, array, 0),
				   MOV_IMM(0, 1),
				   INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 2, 0, 0, BPF_ADD),
				   MOV_REG(1, 6),
				   MOV_IMM(3, 0),
				   LD64(2, BPF_PSEUDO_MAP_FD, progs, 0),
				   CALL(BPF_FUNC_tail_call),
				   MOV_IMM(0, 77),
				   EXIT()};
	uint32_t zero = 0;
	uint64_t count = 0;
	uint8_t packet[64] = {0};
	union bpf_attr attr;

	if (progs < 0 || array < 0)
		skip();
	prog = kernel_prog(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns), "GPL", NULL, 0);
	assert_true(prog >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)progs;
	attr.key = (uintptr_t)&zero;
	attr.value = (uintptr_t)&prog;
	assert_int_equal(kernel_bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	attr.test.repeat = 1;
	assert_int_equal(kernel_bpf(BPF_PROG_TEST_RUN, &attr), 0);
	assert_int_equal(attr.test.retval, 77);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)array;
	attr.key = (uintptr_t)&zero;
	attr.value = (uintptr_t)&count;
	assert_int_equal(kernel_bpf(BPF_MAP_LOOKUP_ELEM, &attr), 0);
	assert_int_equal(count, VM_MAX_TAIL_CALLS + 1);
	close(prog);
	close(progs);
	close(array);
}

static void falls_through(void **state)
{
	EACH_WAY(way)
	{
		struct vm_prog *prog = make(0, BPF_PROG_TYPE_XDP, way, TAIL("1") "r0 = 5\n exit");
		struct vm_prog *far = make(0, BPF_PROG_TYPE_XDP, way, TAIL("4") "r0 = 6\n exit");

		set_slot(1, 0);
		assert_int_equal(go(prog), 5); /* empty slot */
		assert_int_equal(go(far), 6);  /* no such slot */
		set_slot(1, 15);
		assert_int_equal(go(prog), 5); /* no such program */
		vm_prog_unref(by_id[2]);
		make(2, BPF_PROG_TYPE_SCHED_CLS, way, "r0 = 9\n exit");
		set_slot(1, 2);
		assert_int_equal(go(prog), 5); /* a program of another type */
		vm_prog_unref(prog);
		vm_prog_unref(far);
	}
}

static void replaced(void **state)
{
	EACH_WAY(way)
	{
		struct vm_prog *prog = make(0, BPF_PROG_TYPE_XDP, way, TAIL("1") "r0 = 5\n exit");

		vm_prog_unref(by_id[3]);
		vm_prog_unref(by_id[4]);
		make(3, BPF_PROG_TYPE_XDP, way, "r0 = 30\n exit");
		make(4, BPF_PROG_TYPE_XDP, way, "r0 = 40\n exit");
		vm_map_forget(maps[0]); /* ids are used a second time here */
		set_slot(1, 3);
		assert_int_equal(go(prog), 30);
		set_slot(1, 4);
		assert_int_equal(go(prog), 40);
		set_slot(1, 0);
		assert_int_equal(go(prog), 5);
		vm_prog_unref(prog);
	}
}

/* A tail call in a function: the target ends that function, its caller goes on. The caller's
 * registers and program are back; tail calls go across modes. */
static void in_function(void **state)
{
	static const char *const text = "r6 = r1\n r7 = 100\n call sub\n r0 += r7\n r7 = r0\n"
					"r2 = *(u32 *)(r6 +0)\n r0 = r7\n exit\n"
					"sub:\n r7 = 9\n" TAIL("2") "r0 = 1\n exit";

	EACH_WAY(from)
	{
		EACH_WAY(to)
		{
			struct vm_prog *prog = make(0, BPF_PROG_TYPE_XDP, from, text);
			struct vm_prog *plain =
				make(0, BPF_PROG_TYPE_XDP, from, TAIL("2") "r0 = 1\n exit");

			vm_prog_unref(by_id[5]);
			make(5, BPF_PROG_TYPE_XDP, to,
			     "r6 = *(u32 *)(r1 +0)\n r7 = *(u32 *)(r1 +4)\n r7 -= r6\n"
			     "call more\n r0 += r7\n exit\n more:\n r7 = 3\n r0 = 5\n exit");
			vm_map_forget(maps[0]);
			set_slot(2, 0);
			assert_int_equal(go(prog), 101);
			assert_int_equal(go(plain), 1);
			set_slot(2, 5);
			assert_int_equal(go(prog), 169);
			assert_int_equal(go(plain), 69);
			vm_prog_unref(prog);
			vm_prog_unref(plain);
		}
	}
}

/* A batch is so many runs: each has its tail calls, and one that stops is the last. */
static void batch(void **state)
{
	EACH_WAY(way)
	{
		static uint8_t bytes[4][64];
		struct visor_packet pkts[4];
		struct vm_prog *prog;
		uint64_t ret[4] = {0};
		void *ctx[4];

		/* As many tail calls as there may be, then the first byte of the packet. */
		vm_prog_unref(by_id[6]);
		prog = make(6, BPF_PROG_TYPE_XDP, way,
			    "r6 = r1\n" TAIL("3") "r2 = *(u32 *)(r6 +0)\n r0 = *(u8 *)(r2 +0)\n"
						  "exit");
		vm_map_forget(maps[0]);
		set_slot(3, 6);
		for (uint32_t i = 0; i < 4; i++) {
			bytes[i][0] = (uint8_t)(10 + i);
			visor_packet_init(&pkts[i], bytes[i], 64, 0, 64);
			ctx[i] = &pkts[i];
		}
		vm_enter(run);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, 0, ret), 0);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, 4, ret), 4);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(ret[i], 10 + i);
		assert_int_equal(run->tail_calls, 0);
		/* Half of the way is checked, and one packet too short for it. */
		vm_prog_unref(by_id[5]);
		make(5, BPF_PROG_TYPE_XDP, TEST_CHECKED,
		     "r2 = *(u32 *)(r1 +0)\n r0 = *(u8 *)(r2 +40)\n exit");
		set_slot(3, 5);
		pkts[2].end = pkts[2].data + 40;
		memset(ret, 0xff, sizeof(ret));
		assert_int_equal(vm_prog_run_batch(prog, run, ctx, 4, ret), 2);
		assert_int_equal(run->fault.prog_id, 5);
		assert_int_equal(ret[1], 0);
		assert_int_equal(vm_prog_run_batch(prog, run, ctx + 3, 1, ret), 1);
		vm_leave(run);
		set_slot(3, 0);
		vm_prog_unref(by_id[5]);
		by_id[5] = NULL;
	}
}

/* Instructions are counted for each run, also where an unchecked program leads to a checked. */
static void counts_each_run(void **state)
{
	struct vm_prog *prog = make(0, BPF_PROG_TYPE_XDP, TEST_BEST, TAIL("2") "r0 = 1\n exit");

	vm_prog_unref(by_id[5]);
	make(5, BPF_PROG_TYPE_XDP, TEST_CHECKED, "r0 = 2\n exit");
	vm_map_forget(maps[0]);
	set_slot(2, 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(go(prog), 2);
		assert_int_equal(run->insns, 2);
	}
	vm_prog_unref(prog);
}

/* Functions that tail-call into programs with functions: the interpreters' call stack is finite.
 * Native code goes on to the last tail call, as the kernel does. */
static void call_stack(void **state)
{
	EACH_WAY(way)
	{
		static uint8_t bytes[64];
		struct visor_packet pkt;
		struct vm_prog *prog;
		uint64_t ret;

		vm_prog_unref(by_id[6]);
		prog = make(6, BPF_PROG_TYPE_XDP, way,
			    "call sub\n exit\n sub:\n" TAIL("3") "r0 = 1\n exit");
		vm_map_forget(maps[0]);
		set_slot(3, 6);
		visor_packet_init(&pkt, bytes, sizeof(bytes), 0, sizeof(bytes));
		vm_enter(run);
		assert_int_equal(vm_prog_run(prog, run, &pkt, 0, &ret),
				 way == TEST_NATIVE ? 0 : -EFAULT);
		vm_leave(run);
		if (way == TEST_NATIVE) {
			assert_int_equal(ret, 1);
			assert_int_equal(run->tail_calls, 0);
		} else {
			assert_string_equal(run->fault.text, "more than 8 nested calls");
		}
		/* and the next run is not affected */
		set_slot(3, 0);
		assert_int_equal(go(prog), 1);
	}
}

/* One thread runs through a slot while another replaces the program in it and drops the old. */
static bool stop;
static uint64_t odd_results;
static pthread_barrier_t started;

static void *runner(void *arg)
{
	struct visor_run *mine = aligned_alloc(64, sizeof(*mine));
	struct vm_prog *prog = arg;
	uint8_t bytes[64] = {0};
	struct visor_packet pkt;
	uint64_t runs = 0, ret;

	vm_run_init(mine);
	visor_packet_init(&pkt, bytes, sizeof(bytes), 0, sizeof(bytes));
	pthread_barrier_wait(&started);
	do {
		vm_enter(mine);
		for (int i = 0; i < 20; i++, runs++)
			if (vm_prog_run(prog, mine, &pkt, 0, &ret) || (ret != 7 && ret != 8))
				__atomic_add_fetch(&odd_results, 1, __ATOMIC_RELAXED);
		vm_leave(mine);
	} while (!__atomic_load_n(&stop, __ATOMIC_RELAXED));
	free(mine);
	return (void *)runs;
}

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static struct vm_prog *prog_by_id_locked(void *user, uint32_t id)
{
	struct vm_prog *prog;

	pthread_mutex_lock(&table);
	prog = id < ARRAY_SIZE(by_id) && by_id[id] ? vm_prog_ref(by_id[id]) : NULL;
	pthread_mutex_unlock(&table);
	return prog;
}

static void replaced_under_way(void **state)
{
	static const struct vm_host locked = {.prog_by_id = prog_by_id_locked};
	struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP),
			      .way = TEST_BEST,
			      .maps = maps,
			      .n_maps = 2,
			      .host = &locked};
	struct vm_prog *caller = test_prog(&t, TAIL("0") "r0 = 8\n exit");
	pthread_t threads[3];

	stop = false;
	odd_results = 0;
	pthread_barrier_init(&started, NULL, ARRAY_SIZE(threads) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, runner, caller);
	pthread_barrier_wait(&started);
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t id = 1 + i % 15;
		struct vm_prog *fresh, *old;

		t.id = id;
		fresh = test_prog(&t, "r0 = 7\n exit");
		pthread_mutex_lock(&table);
		old = by_id[id];
		by_id[id] = fresh;
		pthread_mutex_unlock(&table);
		set_slot(0, id);
		vm_prog_unref(old);
		if (i % 100 == 0)
			set_slot(0, 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *runs;

		pthread_join(threads[i], &runs);
		assert_true((uintptr_t)runs > 0);
	}
	assert_int_equal(odd_results, 0);
	pthread_barrier_destroy(&started);
	vm_prog_unref(caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(limit_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(limit_unchecked, setup, teardown),
		cmocka_unit_test_setup_teardown(limit_native, setup, teardown),
		cmocka_unit_test(limit_of_kernel),
		cmocka_unit_test_setup_teardown(falls_through, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(in_function, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_each_run, setup, teardown),
		cmocka_unit_test_setup_teardown(batch, setup, teardown),
		cmocka_unit_test_setup_teardown(call_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced_under_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
