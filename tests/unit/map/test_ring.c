/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring buffers: what a consumer that maps the descriptor sees, when it is woken, in which
 * process; and the same programs on the kernel's ring and on ours leave the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "maps.h"

#define SIZE 4096u

/* The two mappings that libbpf makes of a ring buffer's descriptor. */
struct view {
	uint64_t *consumer;
	const uint8_t *producer;
	const uint8_t *data;
};

static void view_open(struct view *v, int fd)
{
	v->consumer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(v->consumer, MAP_FAILED);
	v->producer = mmap(NULL, 4096 + 2 * SIZE, PROT_READ, MAP_SHARED, fd, 4096);
	assert_ptr_not_equal(v->producer, MAP_FAILED);
	v->data = v->producer + 4096;
}

static void view_close(struct view *v)
{
	munmap(v->consumer, 4096);
	munmap((void *)v->producer, 4096 + 2 * SIZE);
}

struct sink {
	uint8_t bytes[64 * 1024];
	uint32_t len, records;
	int fail_at;
};

static int take(void *user, const void *data, uint32_t size)
{
	struct sink *s = user;

	memcpy(s->bytes + s->len, data, size);
	s->len += size;
	return (int)s->records++ == s->fail_at ? -ECANCELED : 0;
}

static void records_come_out_in_order(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	struct sink s = {.fail_at = -1};
	uint8_t want[64 * 1024], data[600];
	uint64_t seed = 42;
	uint32_t len = 0, i, n, j, round;
	void *sample;

	for (round = 0; round < 200; round++) {
		for (i = 0; i < 6; i++) {
			n = (uint32_t)(maps_random(&seed) % sizeof(data)) + 1;
			for (j = 0; j < n; j++)
				data[j] = (uint8_t)maps_random(&seed);
			if (maps_random(&seed) % 3 == 0) {
				sample = ringbuf_reserve(map, n);
				assert_non_null(sample);
				assert_ptr_equal(ringbuf_owner(sample), map);
				memset(sample, 0xee, n);
				ringbuf_discard(map, sample, 0);
				continue;
			}
			assert_int_equal(ringbuf_output(map, data, n, 0), 0);
			memcpy(want + len, data, n);
			len += n;
		}
		assert_true(ringbuf_consume(map, take, &s) <= 6);
		assert_int_equal(s.len, len);
		assert_memory_equal(s.bytes, want, len);
		len = s.len = 0;
	}
	assert_int_equal(ringbuf_query(map, BPF_RB_AVAIL_DATA), 0);
	assert_int_equal(ringbuf_query(map, BPF_RB_RING_SIZE), SIZE);
	assert_true(ringbuf_query(map, BPF_RB_PROD_POS) > 10 * SIZE);
	map_unref(map);
}

static void stops_at_busy_and_full(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	struct sink s = {.fail_at = -1};
	void *first, *second;
	bool writable;

	assert_null(ringbuf_reserve(map, SIZE));
	assert_null(ringbuf_reserve(map, SIZE - 8)); /* one byte short of the ring */
	assert_null(ringbuf_reserve(map, UINT64_MAX));
	first = ringbuf_reserve(map, SIZE - 32);
	second = ringbuf_reserve(map, 16);
	assert_non_null(first);
	assert_null(second);
	second = ringbuf_reserve(map, 8);
	assert_non_null(second);
	assert_true(map_value_contains(map, second, 8, &writable));
	assert_true(writable);
	ringbuf_submit(map, second, 0);
	assert_int_equal(ringbuf_consume(map, take, &s), 0); /* the first is not finished */
	ringbuf_submit(map, first, 0);
	s.fail_at = 0;
	assert_int_equal(ringbuf_consume(map, take, &s), -ECANCELED);
	assert_int_equal(ringbuf_consume(map, take, &s), 1);
	assert_int_equal(ringbuf_output(map, "x", 1, 4), -EINVAL);
	map_unref(map);
}

static int woken(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t count;

	if (poll(&p, 1, ms) != 1)
		return 0;
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void wakes_by_the_rules(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	struct sink s = {.fail_at = -1};
	int fd = ringbuf_wait_fd(map);

	assert_true(fd >= 0);
	assert_int_equal(ringbuf_wait_fd(map), fd);
	assert_false(woken(fd, 20));
	assert_int_equal(ringbuf_output(map, "a", 1, 0), 0);
	assert_true(woken(fd, 5000));
	assert_int_equal(ringbuf_consume(map, take, &s), 1);
	assert_int_equal(ringbuf_output(map, "b", 1, BPF_RB_NO_WAKEUP), 0);
	/* Not announced, but there: found by looking. */
	assert_true(woken(fd, 5000));
	assert_int_equal(ringbuf_consume(map, take, &s), 1);
	while (woken(fd, 20))
		;
	assert_int_equal(ringbuf_output(map, "c", 1, BPF_RB_FORCE_WAKEUP), 0);
	assert_true(woken(fd, 5000));
	map_unref(map);
}

/* A producer in another process wakes this one; one that dies with a record in hand blocks
 * neither the consumer nor other producers. */
static void reaches_other_processes(void **state)
{
	struct map *map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	struct sink s = {.fail_at = -1};
	int fd = ringbuf_wait_fd(map), status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		struct map *mine = maps_again(map);

		if (ringbuf_output(mine, "hello", 5, 0))
			_exit(1);
		if (!ringbuf_reserve(mine, 100))
			_exit(2);
		ringbuf_output(mine, "after", 5, 0);
		_exit(0);
	}
	assert_true(woken(fd, 5000));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ringbuf_consume(map, take, &s), 2);
	assert_memory_equal(s.bytes, "helloafter", 10);
	assert_int_equal(ringbuf_query(map, BPF_RB_AVAIL_DATA), 0);
	map_unref(map);
}

static void owners_are_told_apart(void **state)
{
	enum { N = 150 };
	struct map *maps[N];
	void *samples[N];
	uint32_t i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < N; i++) {
			maps[i] = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
			samples[i] = ringbuf_reserve(maps[i], 8);
		}
		for (i = 0; i < N; i++)
			assert_ptr_equal(ringbuf_owner(samples[i]), maps[i]);
		assert_null(ringbuf_owner(&round));
		for (i = 0; i < N; i++)
			map_unref(maps[i]);
	}
}

/* ---- the kernel's ring ------------------------------------------------------------------- */

static int kernel(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

enum act { OUTPUT, SUBMIT, DISCARD };

/* A program that fills `size` bytes with a pattern and puts them out; returns r0 of output,
 * or 1 if it could not reserve. */
static int kernel_program(int map_fd, int size, enum act act)
{
	struct bpf_insn p[64], *i = p;
	union bpf_attr attr = {0};
	int off;

#define EMIT(c, d, s, o, im)       \
	(*i++ = (struct bpf_insn){ \
		 .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (im)})
	EMIT(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	EMIT(0, 0, 0, 0, 0);
	if (act == OUTPUT) {
		for (off = 0; off < size; off += 8)
			EMIT(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (int16_t)(off - ALIGN_UP(size, 8)),
			     0x01020304 + off);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
		EMIT(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -ALIGN_UP(size, 8));
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, size);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
		EMIT(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output);
	} else {
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, size);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		EMIT(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_reserve);
		EMIT(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
		EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		for (off = 0; off + 8 <= size; off += 8)
			EMIT(BPF_ST | BPF_MEM | BPF_DW, 0, 0, (int16_t)off, 0x01020304 + off);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
		EMIT(BPF_JMP | BPF_CALL, 0, 0, 0,
		     act == SUBMIT ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
		EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	}
	EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
#undef EMIT
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uintptr_t)p;
	attr.insn_cnt = (uint32_t)(i - p);
	attr.license = (uintptr_t) "GPL";
	return kernel(BPF_PROG_LOAD, &attr);
}

static int kernel_run(int prog)
{
	uint8_t packet[64] = {0};
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	assert_int_equal(kernel(BPF_PROG_TEST_RUN, &attr), 0);
	return (int)attr.test.retval;
}

static int our_run(struct map *map, int size, enum act act)
{
	uint64_t words[64];
	void *sample;
	int i;

	for (i = 0; i < size; i += 8)
		words[i / 8] = (uint64_t)(0x01020304 + i);
	if (act == OUTPUT)
		return (int)ringbuf_output(map, words, (uint64_t)size, 0);
	sample = ringbuf_reserve(map, (uint64_t)size);
	if (!sample)
		return 1;
	memcpy(sample, words, (size_t)size / 8 * 8);
	if (act == SUBMIT)
		ringbuf_submit(map, sample, 0);
	else
		ringbuf_discard(map, sample, 0);
	return 0;
}

static void compare_records(struct view *k, struct view *o)
{
	uint64_t pos = *k->consumer, end = get_u64(k->producer);
	uint32_t len;

	assert_int_equal(end, get_u64(o->producer));
	while (pos < end) {
		const uint8_t *a = k->data + pos % SIZE, *b = o->data + pos % SIZE;

		len = get_u32(a);
		assert_int_equal(len, get_u32(b));
		if (!(len & BPF_RINGBUF_DISCARD_BIT))
			assert_memory_equal(a + 8, b + 8, len / 8 * 8);
		pos += ALIGN_UP((len & ~BPF_RINGBUF_DISCARD_BIT) + 8, 8);
	}
}

static void leaves_the_kernels_bytes(void **state)
{
	static const int sizes[] = {1, 8, 24, 100, 128, 240};
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = SIZE};
	int progs[ARRAY_SIZE(sizes)][3], map_fd, want, got;
	struct view k, o;
	struct map *map;
	uint64_t seed = 7;
	uint32_t i, s, a, full = 0;

	map_fd = kernel(BPF_MAP_CREATE, &attr);
	if (map_fd < 0)
		skip();
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		for (a = 0; a < 3; a++) {
			progs[s][a] = kernel_program(map_fd, sizes[s], (enum act)a);
			assert_true(progs[s][a] >= 0);
		}
	map = maps_new(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0);
	view_open(&k, map_fd);
	view_open(&o, map->fd);
	for (i = 0; i < 3000; i++) {
		s = (uint32_t)(maps_random(&seed) % ARRAY_SIZE(sizes));
		a = (uint32_t)(maps_random(&seed) % 3);
		want = kernel_run(progs[s][a]);
		got = our_run(map, sizes[s], (enum act)a);
		if (want != got)
			fail_msg("step %u size %d act %u: kernel %d, ours %d", i, sizes[s], a, want,
				 got);
		full += want != 0;
		if (maps_random(&seed) % 40 == 0) {
			compare_records(&k, &o);
			*o.consumer = *k.consumer = get_u64(k.producer);
		}
	}
	compare_records(&k, &o);
	assert_true(full > 100 && full < 2900); /* both ways were exercised */
	view_close(&k);
	view_close(&o);
	map_unref(map);
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		for (a = 0; a < 3; a++)
			close(progs[s][a]);
	close(map_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_in_order),
		cmocka_unit_test(stops_at_busy_and_full),
		cmocka_unit_test(wakes_by_the_rules),
		cmocka_unit_test(reaches_other_processes),
		cmocka_unit_test(owners_are_told_apart),
		cmocka_unit_test(leaves_the_kernels_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
