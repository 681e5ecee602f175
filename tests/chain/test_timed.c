/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry programs and timed modules, on both engines: counters are exact, one packet of
 * COUNTERS_TIMED is timed in every module that it passes, and wherever the context and the time
 * are kept. The numbers are counted for each CPU, as the programs count.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "chain/counters.h"
#include "chain/stitch.h"
#include "load/load.h"
#include "map/map.h"

#define MODULES	 4
#define IN_ROWS	 16 /* the end rows of an input of 16 rows */
#define PACKETS	 5000
#define LENGTH	 100
#define PORT_ROW 0

#define MOV(d, i) ((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = d, .imm = i})
#define STORE(o)  ((struct bpf_insn){.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = o})
#define EXIT	  ((struct bpf_insn){.code = BPF_JMP | BPF_EXIT})

struct side {
	const char *name;
	struct load_session session;
	bool usable;
};

static struct side sides[] = {{.name = "kernel", .usable = true}, {.name = "user", .usable = true}};

struct rig {
	const struct hook *hook;
	uint32_t first_row; /* of module 0 */
	uint32_t stride, n_cpus, rows;
	bool timed;
	int slots_fd, counters_fd, entry_fd;
	void *mem;
};

static int rig_bpf(int cmd, union bpf_attr *attr)
{
	return load_bpf(cmd, attr, sizeof(*attr));
}

static int rig_map(uint32_t type, uint32_t value_size, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};

	return rig_bpf(BPF_MAP_CREATE, &attr);
}

static void rig_new(struct rig *r, enum chain_hook hook, uint32_t first_row, bool timed)
{
	*r = (struct rig){.hook = hook_get(hook),
			  .first_row = first_row,
			  .timed = timed,
			  .rows = first_row + MODULES * IN_ROWS,
			  .n_cpus = (uint32_t)round_up_pow2(map_possible_cpus())};
	r->stride = counters_stride(r->rows);
	r->slots_fd = rig_map(BPF_MAP_TYPE_PROG_ARRAY, 4, MODULES + 1, 0);
	r->counters_fd = rig_map(BPF_MAP_TYPE_ARRAY, r->stride * r->n_cpus, 1, BPF_F_MMAPABLE);
	assert_true(r->slots_fd >= 0 && r->counters_fd >= 0);
	r->mem = mmap(NULL, (size_t)r->stride * r->n_cpus, PROT_READ | PROT_WRITE, MAP_SHARED,
		      r->counters_fd, 0);
	assert_ptr_not_equal(r->mem, MAP_FAILED);
}

static void rig_free(struct rig *r)
{
	for (uint32_t i = 0; i < MODULES; i++) {
		union bpf_attr attr = {.map_fd = (uint32_t)r->slots_fd, .key = (uintptr_t)&i};

		rig_bpf(BPF_MAP_DELETE_ELEM, &attr);
	}
	munmap(r->mem, (size_t)r->stride * r->n_cpus);
	close(r->entry_fd);
	close(r->slots_fd);
	close(r->counters_fd);
}

static struct stitch rig_how(const struct rig *r, uint32_t row)
{
	return (struct stitch){
		.hook = r->hook,
		.row_other = COUNTERS_OTHER(IN_ROWS),
		.row_missed = COUNTERS_MISSED(IN_ROWS),
		.row_time = COUNTERS_TIME(IN_ROWS),
		.timed = r->timed,
		.slots_fd = r->slots_fd,
		.counters_fd = r->counters_fd,
		.base = counters_at(row),
		.stride = r->stride,
		.n_cpus = r->n_cpus,
	};
}

static int rig_load(const struct rig *r, union bpf_attr *attr)
{
	int fd;

	attr->prog_type = r->hook->prog_type;
	attr->license = (uintptr_t) "Dual BSD/GPL";
	fd = rig_bpf(BPF_PROG_LOAD, attr);
	if (fd < 0)
		fail_msg("load: %s", strerror(-fd));
	return fd;
}

/* A module into its slot: `pass` leads to the next; the last one's is not linked. */
static void rig_module(struct rig *r, uint32_t i, const struct bpf_insn *insns, uint32_t n)
{
	const struct stitch_output pass = {.value = r->hook->pass,
					   .row = (uint32_t)hook_verdict(r->hook, r->hook->pass),
					   .to = STITCH_SLOT,
					   .index = i + 1};
	struct stitch how = rig_how(r, r->first_row + i * IN_ROWS);
	union bpf_attr attr = {.insns = (uintptr_t)insns, .insn_cnt = n};
	struct visor_diag d = {0};
	struct stitched st;
	int fd;
	uint32_t value;

	how.outputs = &pass;
	how.n_outputs = i < MODULES - 1;
	assert_int_equal(stitch_program(&how, &attr, &st, &d), 0);
	stitched_apply(&st, &attr);
	fd = rig_load(r, &attr);
	stitched_free(&st);
	value = (uint32_t)fd;
	attr = (union bpf_attr){
		.map_fd = (uint32_t)r->slots_fd, .key = (uintptr_t)&i, .value = (uintptr_t)&value};
	assert_int_equal(rig_bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
	close(fd);
}

static void rig_entry(struct rig *r)
{
	struct bpf_insn insns[STITCH_ENTRY_INSNS];
	struct stitch how = rig_how(r, PORT_ROW);
	union bpf_attr attr = {.insns = (uintptr_t)insns, .insn_cnt = stitch_entry(&how, 0, insns)};

	r->entry_fd = rig_load(r, &attr);
}

/* Where the context and the time are kept depends on what main uses. */
static void rig_modules(struct rig *r)
{
	const int pass = (int)r->hook->pass;
	const struct bpf_insn plain[] = {MOV(0, pass), EXIT};
	const struct bpf_insn registers[] = {MOV(6, 1), MOV(7, 1),    MOV(8, 1),
					     MOV(9, 1), MOV(0, pass), EXIT};
	const struct bpf_insn stack[] = {STORE(-512), MOV(0, pass), EXIT};
	const struct bpf_insn both[] = {STORE(-512), MOV(6, 1),	   MOV(7, 1),
					MOV(8, 1),   MOV(0, pass), EXIT};

	rig_module(r, 0, plain, ARRAY_SIZE(plain));
	rig_module(r, 1, registers, ARRAY_SIZE(registers));
	rig_module(r, 2, stack, ARRAY_SIZE(stack));
	rig_module(r, 3, both, ARRAY_SIZE(both));
	rig_entry(r);
}

/* Returns the nanoseconds that it took. */
static uint64_t rig_run(const struct rig *r, uint32_t packets, uint32_t verdict)
{
	uint8_t packet[LENGTH] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)r->entry_fd,
					.data_in = (uintptr_t)packet,
					.data_size_in = sizeof(packet),
					.repeat = packets}};
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(rig_bpf(BPF_PROG_TEST_RUN, &attr), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(attr.test.retval, verdict);
	return (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec -
	       (uint64_t)a.tv_nsec;
}

static struct counter_row rig_row(const struct rig *r, uint32_t row)
{
	return counters_sum(r->mem, r->stride, r->n_cpus, row);
}

/* How many of the packets that each CPU has counted for the port were due. */
static uint64_t rig_due(const struct rig *r)
{
	uint64_t due = 0;

	for (uint32_t cpu = 0; cpu < r->n_cpus; cpu++) {
		struct counter_row row = counters_sum(
			(const char *)r->mem + (size_t)cpu * r->stride, r->stride, 1, PORT_ROW);

		due += (row.packets + COUNTERS_TIMED - 1 - COUNTERS_TIMED_FIRST) / COUNTERS_TIMED;
	}
	return due;
}

static void check_row(const struct rig *r, uint32_t row, uint64_t packets, uint64_t length)
{
	struct counter_row n = rig_row(r, row);

	assert_int_equal(n.packets, packets);
	assert_int_equal(n.bytes, packets * length);
}

/* All rows of all modules: pass, the time, and nothing else. */
static void check_modules(const struct rig *r, uint64_t packets, uint64_t length, uint64_t ns)
{
	uint64_t due = r->timed ? rig_due(r) : 0, sum = 0;
	uint32_t pass = (uint32_t)hook_verdict(r->hook, r->hook->pass);
	uint64_t cost = counters_cost(r->mem, r->stride, r->n_cpus);

	check_row(r, PORT_ROW, packets, length);
	check_row(r, PORT_ROW + 1, 0, length);
	for (uint32_t i = 0; i < MODULES; i++) {
		uint32_t first = r->first_row + i * IN_ROWS;
		struct counter_row time = rig_row(r, first + COUNTERS_TIME(IN_ROWS));

		for (uint32_t k = 0; k < COUNTERS_TIME(IN_ROWS); k++)
			check_row(r, first + k, k == pass ? packets : 0, length);
		assert_int_equal(time.packets, due);
		sum += time.bytes;
	}
	assert_true(due ? cost && sum > 0 && sum + due * cost <= ns : !sum && !cost);
}

static void check_side(const struct side *s, enum chain_hook hook, uint32_t first_row, bool timed)
{
	struct rig r;
	uint64_t ns;

	rig_new(&r, hook, first_row, timed);
	rig_modules(&r);
	ns = rig_run(&r, PACKETS, r.hook->pass);
	check_modules(&r, PACKETS, LENGTH, ns);
	rig_free(&r);
}

static void check_both(enum chain_hook hook, uint32_t first_row, bool timed)
{
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		struct load_session *before;

		if (!sides[i].usable)
			continue;
		before = load_enter(&sides[i].session);
		check_side(&sides[i], hook, first_row, timed);
		load_enter(before);
	}
}

static void xdp(void **state)
{
	check_both(CHAIN_HOOK_XDP, 2, true);
}

static void tc(void **state)
{
	check_both(CHAIN_HOOK_TC, 2, true);
}

static void untimed(void **state)
{
	check_both(CHAIN_HOOK_XDP, 2, false);
}

/* Rows beyond what an offset reaches, and some that just are, or are not, within. */
static void far_rows(void **state)
{
	check_both(CHAIN_HOOK_XDP, 5000, true);
	for (uint32_t row = 2047 - 5 * IN_ROWS; row <= 2047; row += 11)
		check_both(CHAIN_HOOK_XDP, row, true);
}

/* With nothing in the slot, what came is dropped, and counted as missed; nothing is timed after. */
static void missed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		struct load_session *before;
		struct rig r;

		if (!sides[i].usable)
			continue;
		before = load_enter(&sides[i].session);
		rig_new(&r, CHAIN_HOOK_XDP, 2, true);
		rig_entry(&r);
		rig_run(&r, 10, XDP_DROP);
		check_row(&r, PORT_ROW, 10, LENGTH);
		check_row(&r, PORT_ROW + 1, 10, LENGTH);
		rig_free(&r);
		load_enter(before);
	}
}

static int set_up(void **state)
{
	struct load_session *before = load_enter(&sides[0].session);
	struct visor_diag d = {0};
	int fd = rig_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 1, 0);

	load_enter(before);
	sides[0].usable = fd >= 0;
	if (fd >= 0)
		close(fd);
	else
		fprintf(stderr, "skipped in part: the kernel's BPF is not for us here: %s\n",
			strerror(-fd));
	return visor_open(NULL, &sides[1].session.visor, &d);
}

static int tear_down(void **state)
{
	visor_close(sides[1].session.visor);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xdp),	    cmocka_unit_test(tc),     cmocka_unit_test(untimed),
		cmocka_unit_test(far_rows), cmocka_unit_test(missed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
