/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers about maps, ring buffers, time, identity and loops: the same programs, loaded and
 * run by the same system calls, in the kernel and in our engine. Results go to an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <time.h>

#include "base/util.h"
#include "sides.h"

enum { N_RESULTS = 32 };

static struct side sides[2]; /* the kernel, our engine */

struct code {
	struct bpf_insn insns[400];
	uint32_t n;
	uint32_t callback, callback_ref; /* the function, and the instruction that names it */
	uint32_t n_results;
	int out_fd;
	int fds[4]; /* maps of the test */
};

#define EMIT(c, ...)                                                              \
	do {                                                                      \
		const struct bpf_insn new_[] = {__VA_ARGS__};                     \
		assert_true((c)->n + ARRAY_SIZE(new_) <= ARRAY_SIZE((c)->insns)); \
		memcpy((c)->insns + (c)->n, new_, sizeof(new_));                  \
		(c)->n += ARRAY_SIZE(new_);                                       \
	} while (0)

/* r7 = the results; a zeroed key at r10 - 4; r6 = the context. */
static void begin(struct code *c, const struct side *side)
{
	c->out_fd = side_map(side, BPF_MAP_TYPE_ARRAY, 4, N_RESULTS * 8, 1);
	assert_true(c->out_fd >= 0);
	EMIT(c, MOV_REG(6, 1), INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
	     LD64(1, BPF_PSEUDO_MAP_FD, c->out_fd, 0), MOV_REG(2, 10), ADD_IMM(2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), JUMP_IMM(BPF_JNE, 0, 0, 1), EXIT(), MOV_REG(7, 0));
}

static void keep_result(struct code *c)
{
	assert_true(c->n_results < N_RESULTS);
	EMIT(c, STORE(BPF_DW, 7, (int)(8 * c->n_results++), 0));
}

/* Keeps whether r0 is a pointer rather than the pointer. */
static void keep_found(struct code *c)
{
	EMIT(c, JUMP_IMM(BPF_JEQ, 0, 0, 1), MOV_IMM(0, 1));
	keep_result(c);
}

static void run(struct code *c, const struct side *side, uint64_t *results)
{
	static char log[1 << 16];
	char packet[64] = {0};
	int fd;

	EMIT(c, MOV_IMM(0, 0), EXIT());
	if (c->callback_ref) {
		/* The function, r1 = index, r2 = the context: adds up, stops at *context. */
		c->callback = c->n;
		c->insns[c->callback_ref].imm = (int)(c->n - c->callback_ref - 1);
		EMIT(c, LOAD(BPF_DW, 3, 2, 0), MOV_IMM(0, 1), JUMP_REG(BPF_JEQ, 1, 3, 4),
		     LOAD(BPF_DW, 0, 2, 8), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0),
		     STORE(BPF_DW, 2, 8, 0), MOV_IMM(0, 0), EXIT());
	}
	fd = side_prog(side, BPF_PROG_TYPE_XDP, c->insns, c->n, c->callback, log, sizeof(log));
	if (fd < 0)
		fail_msg("%s: %d %s", side->engine ? "our engine" : "kernel", fd, log);
	assert_int_equal(side_run(side, fd, packet, sizeof(packet), NULL, NULL, NULL), 0);
	assert_int_equal(side_element(side, BPF_MAP_LOOKUP_ELEM, c->out_fd, 0, results), 0);
	close(fd);
	close(c->out_fd);
	for (size_t i = 0; i < ARRAY_SIZE(c->fds); i++)
		if (c->fds[i] > 0)
			close(c->fds[i]);
}

/* Builds with `build` and runs on both sides; results[0] are the kernel's. */
static uint32_t run_both(void (*build)(struct code *c, const struct side *side),
			 uint64_t results[2][N_RESULTS])
{
	uint32_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct code c = {.n = 0};

		begin(&c, &sides[i]);
		build(&c, &sides[i]);
		n = c.n_results;
		run(&c, &sides[i], results[i]);
	}
	return n;
}

static void expect_same(void (*build)(struct code *c, const struct side *side))
{
	uint64_t results[2][N_RESULTS];
	uint32_t n = run_both(build, results);

	for (uint32_t i = 0; i < n; i++)
		if (results[0][i] != results[1][i])
			fail_msg("result %u: kernel %lld, ours %lld", i, (long long)results[0][i],
				 (long long)results[1][i]);
}

/* ---- time -------------------------------------------------------------------------------- */

static void build_clocks(struct code *c, const struct side *side)
{
	static const int ids[] = {BPF_FUNC_ktime_get_ns, BPF_FUNC_ktime_get_boot_ns,
				  BPF_FUNC_ktime_get_coarse_ns, BPF_FUNC_ktime_get_tai_ns,
				  BPF_FUNC_jiffies64};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		EMIT(c, CALL(ids[i]));
		keep_result(c);
	}
}

static void clocks_agree(void **state)
{
	uint64_t results[2][N_RESULTS];
	struct timespec tick;
	uint32_t n = run_both(build_clocks, results);

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	for (uint32_t i = 0; i < n; i++) {
		/* Ours ran later, at most some seconds; jiffies and the clock may drift a little.
		 */
		int64_t later = (int64_t)(results[1][i] - results[0][i]);

		if (i == n - 1)
			later *= tick.tv_nsec;
		if (later < -INT64_C(1000000000) || later > INT64_C(5000000000))
			fail_msg("clock %u: kernel %llu, ours %llu", i,
				 (unsigned long long)results[0][i],
				 (unsigned long long)results[1][i]);
	}
}

/* ---- identity and chance ------------------------------------------------------------------- */

static void build_identity(struct code *c, const struct side *side)
{
	EMIT(c, CALL(BPF_FUNC_get_current_pid_tgid));
	keep_result(c);
	EMIT(c, CALL(BPF_FUNC_get_current_uid_gid));
	keep_result(c);
	for (int size = 1; size <= 24; size += 5) {
		for (int at = -32; at < -8; at += 8)
			EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (int16_t)at, -1));
		EMIT(c, MOV_REG(1, 10), ADD_IMM(1, -32), MOV_IMM(2, size),
		     CALL(BPF_FUNC_get_current_comm));
		keep_result(c);
		for (int at = -32; at < -8; at += 8) {
			EMIT(c, LOAD(BPF_DW, 0, 10, (int16_t)at));
			keep_result(c);
		}
	}
}

static void identity_agrees(void **state)
{
	expect_same(build_identity);
}

static void build_chance(struct code *c, const struct side *side)
{
	EMIT(c, CALL(BPF_FUNC_get_smp_processor_id));
	keep_result(c);
	EMIT(c, CALL(BPF_FUNC_get_numa_node_id));
	keep_result(c);
	for (int i = 2; i < N_RESULTS; i++) {
		EMIT(c, CALL(BPF_FUNC_get_prandom_u32));
		keep_result(c);
	}
}

static void chance_is_chance(void **state)
{
	uint64_t results[2][N_RESULTS], bits = 0;
	uint32_t n = run_both(build_chance, results);

	assert_true(results[1][0] < (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
	assert_true(results[1][1] < 1024);
	for (uint32_t i = 2; i < n; i++) {
		assert_true(results[1][i] <= UINT32_MAX);
		bits |= results[1][i];
		for (uint32_t j = 2; j < i; j++) /* 30 of 2^32: once in ten million runs */
			assert_int_not_equal(results[1][i], results[1][j]);
	}
	assert_int_equal(bits, UINT32_MAX);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void build_loop(struct code *c, const struct side *side)
{
	static const struct {
		int n, stop, flags;
	} calls[] = {{0, -1, 0},      {10, -1, 0},	     {10, 4, 0}, {10, 0, 0},	{5, -1, 1},
		     {1 << 23, 2, 0}, {(1 << 23) + 1, 2, 0}, {-1, 2, 0}, {1000, 999, 0}};

	assert_int_equal(c->callback_ref, 0);
	c->callback_ref = c->n; /* r8: the function for all calls */
	EMIT(c, LD64(8, BPF_PSEUDO_FUNC, 0, 0));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		EMIT(c, MOV_IMM(1, calls[i].stop), STORE(BPF_DW, 10, -24, 1), MOV_IMM(1, 0),
		     STORE(BPF_DW, 10, -16, 1), MOV_IMM(1, calls[i].n), MOV_REG(2, 8),
		     MOV_REG(3, 10), ADD_IMM(3, -24), MOV_IMM(4, calls[i].flags),
		     CALL(BPF_FUNC_loop));
		keep_result(c);
		EMIT(c, LOAD(BPF_DW, 0, 10, -16));
		keep_result(c);
	}
}

static void loops_agree(void **state)
{
	expect_same(build_loop);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void build_redirect_map(struct code *c, const struct side *side)
{
	static const struct {
		int slot, flags;
	} calls[] = {{0, 0},
		     {0, XDP_PASS},
		     {1, XDP_PASS},
		     {1, XDP_TX},
		     {1, 0},
		     {7, XDP_DROP},
		     {0, 4},
		     {1, 4},
		     {0, BPF_F_BROADCAST},
		     {1, BPF_F_BROADCAST},
		     {1, BPF_F_EXCLUDE_INGRESS},
		     {0, BPF_F_EXCLUDE_INGRESS},
		     {-1, XDP_PASS},
		     {0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS | XDP_DROP},
		     {0, 1 << 5}};
	uint32_t lo = 1;

	c->fds[0] = side_map(side, BPF_MAP_TYPE_DEVMAP, 4, 4, 4);
	assert_int_equal(side_element(side, BPF_MAP_UPDATE_ELEM, c->fds[0], 0, &lo), 0);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[0], 0), MOV_IMM(2, calls[i].slot),
		     MOV_IMM(3, calls[i].flags), CALL(BPF_FUNC_redirect_map));
		keep_result(c);
	}
}

static void redirect_map_agrees(void **state)
{
	expect_same(build_redirect_map);
}

static void build_percpu(struct code *c, const struct side *side)
{
	const int cpus[] = {0, 1 << 20, -1, (int)sysconf(_SC_NPROCESSORS_CONF) - 1};

	c->fds[0] = side_map(side, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1);
	c->fds[1] = side_map(side, BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 1);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cpus); i++) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[i % 2], 0), MOV_REG(2, 10),
		     ADD_IMM(2, -4), MOV_IMM(3, cpus[i / 2]),
		     CALL(BPF_FUNC_map_lookup_percpu_elem));
		keep_found(c);
	}
}

static void percpu_agrees(void **state)
{
	expect_same(build_percpu);
}

static void build_map_ops(struct code *c, const struct side *side)
{
	static const int types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY};

	for (int i = 0; i < 2; i++) {
		c->fds[i] = side_map(side, (uint32_t)types[i], 4, 8, 1);
		EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, 42));
		for (int flags = BPF_ANY; flags <= 3; flags++) {
			EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[i], 0), MOV_REG(2, 10),
			     ADD_IMM(2, -4), MOV_REG(3, 10), ADD_IMM(3, -16), MOV_IMM(4, flags),
			     CALL(BPF_FUNC_map_update_elem));
			keep_result(c);
		}
		for (int again = 0; again < 2; again++) {
			EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[i], 0), MOV_REG(2, 10),
			     ADD_IMM(2, -4), CALL(BPF_FUNC_map_lookup_elem),
			     JUMP_IMM(BPF_JEQ, 0, 0, 1), LOAD(BPF_DW, 0, 0, 0));
			keep_result(c);
			EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[i], 0), MOV_REG(2, 10),
			     ADD_IMM(2, -4), CALL(BPF_FUNC_map_delete_elem));
			keep_result(c);
		}
	}
}

static void map_ops_agree(void **state)
{
	expect_same(build_map_ops);
}

/* ---- ring buffers ------------------------------------------------------------------------------
 */

static void keep_queries(struct code *c)
{
	for (int what = BPF_RB_AVAIL_DATA; what <= BPF_RB_PROD_POS + 1; what++) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[0], 0), MOV_IMM(2, what),
		     CALL(BPF_FUNC_ringbuf_query));
		keep_result(c);
	}
}

static void build_ringbuf(struct code *c, const struct side *side)
{
	static const struct {
		int size, flags;
		bool discard;
	} reserves[] = {{16, 0, false},	  {9, 0, true},	   {16, 1, false}, {1 << 13, 0, false},
			{3000, 0, false}, {2000, 0, true}, {900, 0, false}};
	static const struct {
		int size, flags;
	} outputs[] = {{8, 0}, {0, 0}, {8, 4}, {32, BPF_RB_NO_WAKEUP}, {32, BPF_RB_FORCE_WAKEUP}};

	c->fds[0] = side_map(side, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	assert_true(c->fds[0] >= 0);
	for (int at = -48; at < -8; at += 8)
		EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (int16_t)at, at));
	for (size_t i = 0; i < ARRAY_SIZE(reserves); i++) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[0], 0), MOV_IMM(2, reserves[i].size),
		     MOV_IMM(3, reserves[i].flags), CALL(BPF_FUNC_ringbuf_reserve), MOV_IMM(8, 0),
		     JUMP_IMM(BPF_JEQ, 0, 0, 5), INSN(BPF_ST | BPF_MEM | BPF_B, 0, 0, 8, 7),
		     MOV_IMM(8, 1), MOV_REG(1, 0), MOV_IMM(2, 0),
		     CALL(reserves[i].discard ? BPF_FUNC_ringbuf_discard : BPF_FUNC_ringbuf_submit),
		     MOV_REG(0, 8));
		keep_result(c);
	}
	keep_queries(c);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, c->fds[0], 0), MOV_REG(2, 10), ADD_IMM(2, -48),
		     MOV_IMM(3, outputs[i].size), MOV_IMM(4, outputs[i].flags),
		     CALL(BPF_FUNC_ringbuf_output));
		keep_result(c);
	}
	keep_queries(c);
}

static void ringbuf_agrees(void **state)
{
	expect_same(build_ringbuf);
}

/* ---- text --------------------------------------------------------------------------------------
 */

/* Text of the stack, of a map, and of an address where nothing can be read. */
static void build_text(struct code *c, const struct side *side)
{
	char format[16] = "%s|%s|%s|%d";
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = sizeof(format);
	attr.max_entries = 1;
	attr.map_flags = BPF_F_RDONLY_PROG;
	c->fds[0] = side_bpf(side, BPF_MAP_CREATE, &attr);
	assert_int_equal(side_element(side, BPF_MAP_UPDATE_ELEM, c->fds[0], 0, format), 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)c->fds[0];
	assert_int_equal(side_bpf(side, BPF_MAP_FREEZE, &attr), 0);

	EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, 0x6b636174), /* "tack" */
	     MOV_REG(1, 10), ADD_IMM(1, -16), STORE(BPF_DW, 10, -80, 1),
	     LD64(1, BPF_PSEUDO_MAP_VALUE, c->fds[0], 0), STORE(BPF_DW, 10, -72, 1), MOV_IMM(1, 64),
	     STORE(BPF_DW, 10, -64, 1), MOV_IMM(1, -5), STORE(BPF_DW, 10, -56, 1));
	for (int at = -48; at < -16; at += 8)
		EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (int16_t)at, 0));
	EMIT(c, MOV_REG(1, 10), ADD_IMM(1, -48), MOV_IMM(2, 32),
	     LD64(3, BPF_PSEUDO_MAP_VALUE, c->fds[0], 0), MOV_REG(4, 10), ADD_IMM(4, -80),
	     MOV_IMM(5, 32), CALL(BPF_FUNC_snprintf));
	keep_result(c);
	for (int at = -48; at < -16; at += 8) {
		EMIT(c, LOAD(BPF_DW, 0, 10, (int16_t)at));
		keep_result(c);
	}
}

static void text_agrees(void **state)
{
	expect_same(build_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_agree),	       cmocka_unit_test(identity_agrees),
		cmocka_unit_test(chance_is_chance),    cmocka_unit_test(loops_agree),
		cmocka_unit_test(redirect_map_agrees), cmocka_unit_test(percpu_agrees),
		cmocka_unit_test(map_ops_agree),       cmocka_unit_test(ringbuf_agrees),
		cmocka_unit_test(text_agrees),
	};
	int failed;

	kernel_needed();
	if (visor_open(NULL, &sides[1].engine, NULL))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	visor_close(sides[1].engine);
	return failed;
}
