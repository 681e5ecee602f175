/* SPDX-License-Identifier: BSD-2-Clause */
/* visor/visor.h as an embedder uses it: custom types and helpers, runs, threads, options. */
#include "engine.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define CUSTOM (VISOR_PROG_CUSTOM + 3)

struct ctx {
	uint64_t *words; /* 16 bytes */
	uint32_t in, out;
};

static const struct visor_ctx_field fields[] = {
	{.name = "words", .off = 0, .size = 8, .region = 16},
	{.name = "in", .off = 8, .size = 4},
	{.name = "out", .off = 12, .size = 4, .writable = true},
};

static uint64_t help_sum(uint64_t mem, uint64_t size, uint64_t a3, uint64_t a4, uint64_t a5,
			 struct visor_run *run)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)mem;
	uint64_t sum = *(uint32_t *)visor_run_user(run);

	while (size--)
		sum += *p++;
	return sum;
}

static struct visor_prog *inner;

/* A helper that runs another program. */
static uint64_t help_nest(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
			  struct visor_run *run)
{
	uint8_t frame[512] = {0};
	struct visor_packet pkt;

	visor_packet_init(&pkt, frame, sizeof(frame), 256, 64);
	if (visor_prog_run(inner, &pkt, NULL))
		return 0;
	return pkt.verdict + ((struct ctx *)visor_run_ctx(run))->in;
}

static const struct visor_helper helpers[] = {
	{.id = VISOR_HELPER_CUSTOM,
	 .name = "sum",
	 .fn = help_sum,
	 .args = {VISOR_ARG_MEM, VISOR_ARG_SIZE}},
	{.id = VISOR_HELPER_CUSTOM + 1, .name = "nest", .fn = help_nest},
};

static const struct visor_prog_type type = {
	.type = CUSTOM,
	.name = "test",
	.ctx_size = sizeof(struct ctx),
	.fields = fields,
	.n_fields = 3,
	.helpers = helpers,
	.n_helpers = 2,
};

static struct visor_prog *load(struct visor *v, uint32_t prog_type, const struct bpf_insn *insns,
			       uint32_t n)
{
	VISOR_OPTS(visor_prog_opts, opts, .type = prog_type, .name = "test");
	struct visor_prog *prog = NULL;
	struct visor_diag diag;

	if (visor_prog_load(v, insns, n, &opts, &prog, &diag)) {
		visor_diag_print(&diag, stderr);
		fail();
	}
	return prog;
}

static void custom_types(void **state)
{
	struct visor *v = engine_new(NULL);
	const struct bpf_insn insns[] = {
		MOV_REG(6, 1),
		LOAD(BPF_DW, 1, 6, 0),
		MOV_IMM(2, 16),
		CALL(VISOR_HELPER_CUSTOM),
		STORE(BPF_W, 6, 12, 0),
		LOAD(BPF_W, 7, 6, 8),
		CALL(VISOR_HELPER_CUSTOM + 1),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 7, 0, 0),
		EXIT(),
	};
	const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};
	const struct bpf_insn beyond[] = {LOAD(BPF_DW, 1, 1, 0), LOAD(BPF_B, 0, 1, 16), EXIT()};
	const struct bpf_insn read_only[] = {MOV_IMM(0, 0), STORE(BPF_W, 1, 8, 0), EXIT()};
	uint64_t words[2] = {1, 2}, ret;
	struct ctx ctx = {words, 100, 0};
	VISOR_OPTS(visor_prog_opts, opts, .type = CUSTOM);
	struct visor_prog *prog, *bad;
	struct visor_diag diag;
	uint32_t user = 1000;

	assert_int_equal(visor_prog_load(v, insns, 9, &opts, &bad, &diag), -EINVAL);
	assert_int_equal(visor_register(v, &type, &diag), 0);
	assert_int_equal(visor_register(v, &type, &diag), -EEXIST);
	prog = load(v, CUSTOM, insns, 9);
	inner = load(v, BPF_PROG_TYPE_XDP, pass, 2);
	assert_int_equal(visor_prog_run_ctx(prog, &ctx, &user, &ret, &diag), 0);
	assert_int_equal(ctx.out, 1003);
	assert_int_equal(ret, 2 + 100 + 100);
	assert_int_equal(visor_prog_run(prog, NULL, &diag), -EINVAL);
	visor_prog_free(prog);
	visor_prog_free(inner);
	/* Refused at load or stopped at run time, never carried out. */
	if (!visor_prog_load(v, beyond, 3, &opts, &bad, &diag)) {
		assert_int_equal(visor_prog_run_ctx(bad, &ctx, NULL, &ret, &diag), -EFAULT);
		assert_non_null(strstr(diag.place, "insn 1"));
		visor_prog_free(bad);
	}
	ctx.in = 5;
	if (!visor_prog_load(v, read_only, 3, &opts, &bad, &diag)) {
		assert_int_equal(visor_prog_run_ctx(bad, &ctx, NULL, &ret, &diag), -EFAULT);
		visor_prog_free(bad);
	}
	assert_int_equal(ctx.in, 5);
	visor_close(v);
}

static void bad_registrations(void **state)
{
	struct visor *v = engine_new(NULL);
	struct visor_prog_type t = type;
	struct visor_ctx_field f = fields[1];
	struct visor_helper h = helpers[0];
	struct visor_diag diag;

	t.type = 1;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	t = type;
	t.name = NULL;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	t = type;
	t.fields = &f;
	t.n_fields = 1;
	f.size = 3;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	f.size = 8;
	f.off = 12;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	f = fields[1];
	f.region = 8; /* a pointer of 4 bytes */
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	t = type;
	t.helpers = &h;
	t.n_helpers = 1;
	h.id = 1;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	h = helpers[0];
	h.args[1] = VISOR_ARG_NONE;
	assert_int_equal(visor_register(v, &t, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "sum"));
	visor_close(v);
}

static void options(void **state)
{
	struct {
		struct visor_opts opts;
		uint64_t later;
	} newer = {.opts = {.sz = sizeof(newer)}};
	struct visor_opts none = {0};
	struct visor_diag diag;
	struct visor *v;

	assert_int_equal(visor_open(&newer.opts, &v, &diag), 0);
	visor_close(v);
	newer.later = 1;
	assert_int_equal(visor_open(&newer.opts, &v, &diag), -E2BIG);
	assert_int_equal(visor_open(&none, &v, &diag), -EINVAL);
	visor_close(NULL);
	visor_prog_free(NULL);
	visor_map_free(NULL);
}

static void maps(void **state)
{
	struct visor *v = engine_new(NULL);
	VISOR_OPTS(visor_map_opts, opts, .name = "things");
	struct visor_map *map, *same;
	struct visor_diag diag;
	uint32_t key = 3, next;
	uint64_t value = 33, got = 0;

	assert_int_equal(visor_map_new(v, BPF_MAP_TYPE_HASH, 4, 8, 4, &opts, &map, &diag), 0);
	assert_null(visor_map_lookup(map, &key));
	assert_int_equal(visor_map_set(map, &key, &value, BPF_ANY), 0);
	assert_int_equal(visor_map_set(map, &key, &value, BPF_NOEXIST), -EEXIST);
	assert_int_equal(*(uint64_t *)visor_map_lookup(map, &key), 33);
	assert_int_equal(visor_map_from_fd(v, visor_map_fd(map), &same, &diag), 0);
	visor_map_free(map);
	assert_int_equal(visor_map_get(same, &key, &got), 0);
	assert_int_equal(got, 33);
	assert_int_equal(visor_map_next_key(same, NULL, &next), 0);
	assert_int_equal(next, 3);
	assert_int_equal(visor_map_next_key(same, &next, &next), -ENOENT);
	assert_int_equal(visor_map_delete(same, &key), 0);
	assert_int_equal(visor_map_get(same, &key, &got), -ENOENT);
	visor_map_free(same);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 0);
	opts.flags = BPF_F_RDONLY;
	assert_int_equal(visor_map_new(v, BPF_MAP_TYPE_HASH, 4, 8, 4, &opts, &map, &diag), 0);
	assert_int_equal(visor_map_set(map, &key, &value, BPF_ANY), -EPERM);
	assert_int_equal(visor_map_delete(map, &key), -EPERM);
	assert_int_equal(visor_map_get(map, &key, &got), -ENOENT);
	visor_map_free(map);
	opts.flags = BPF_F_WRONLY;
	assert_int_equal(visor_map_new(v, BPF_MAP_TYPE_HASH, 4, 8, 4, &opts, &map, &diag), 0);
	assert_int_equal(visor_map_set(map, &key, &value, BPF_ANY), 0);
	assert_null(visor_map_lookup(map, &key));
	assert_int_equal(visor_map_get(map, &key, &got), -EPERM);
	assert_int_equal(visor_map_next_key(map, NULL, &next), -EPERM);
	visor_map_free(map);
	assert_int_equal(visor_map_new(v, 9999, 4, 8, 4, NULL, &map, &diag), -EINVAL);
	assert_int_equal(visor_map_new(v, BPF_MAP_TYPE_HASH, 0, 8, 4, NULL, &map, &diag), -EINVAL);
	assert_true(diag.text[0]);
	assert_int_equal(visor_map_from_fd(v, 0, &map, &diag), -EINVAL);
	assert_int_equal(visor_map_from_fd(v, -1, &map, &diag), -EBADF);
	visor_close(v);
}

static void faults(void **state)
{
	struct visor *v = engine_new(NULL);
	const struct bpf_insn null[] = {MOV_IMM(1, 0), LOAD(BPF_DW, 0, 1, 0), EXIT()};
	const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
				  BPF_PROG_TYPE_SOCKET_FILTER};
	const uint32_t verdicts[] = {XDP_ABORTED, 2, 0};
	struct visor_packet pkts[2];
	uint8_t frames[2][512] = {{0}};
	struct visor_diag diag;

	for (int i = 0; i < 3; i++) {
		VISOR_OPTS(visor_prog_opts, opts, .type = types[i], .name = "null");
		struct visor_prog *prog;

		/* Once programs are verified, this is where it stops. */
		if (visor_prog_load(v, null, 3, &opts, &prog, &diag))
			continue;
		for (int k = 0; k < 2; k++)
			visor_packet_init(&pkts[k], frames[k], 512, 256, 64);
		memset(&diag, 0, sizeof(diag));
		assert_int_equal(visor_prog_run(prog, &pkts[0], &diag), -EFAULT);
		assert_int_equal(pkts[0].verdict, verdicts[i]);
		assert_string_equal(diag.place, "null: insn 1");
		assert_int_equal(visor_prog_run_batch(prog, pkts, 2, &diag), 0);
		visor_prog_free(prog);
	}
	visor_close(v);
}

static void batches(void **state)
{
	struct visor *v = engine_new(NULL);
	/* The verdict is the packet's length. */
	const struct bpf_insn length[] = {
		LOAD(BPF_W, 0, 1, offsetof(struct xdp_md, data_end)),
		LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, data)),
		INSN(BPF_ALU64 | BPF_SUB | BPF_X, 0, 2, 0, 0),
		EXIT(),
	};
	struct visor_prog *prog = load(v, BPF_PROG_TYPE_XDP, length, 4);
	static uint8_t frames[64][512];
	struct visor_packet pkts[64];

	for (uint32_t i = 0; i < 64; i++)
		visor_packet_init(&pkts[i], frames[i], 512, 256, 60 + i);
	assert_int_equal(visor_prog_run_batch(prog, pkts, 64, NULL), 64);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(pkts[i].verdict, 60 + i);
	assert_int_equal(visor_prog_run_batch(prog, pkts, 0, NULL), 0);
	visor_prog_free(prog);
	visor_close(v);
}

/* Threads that run, change maps, load and collect at once. */
struct worker {
	struct visor *v;
	struct visor_prog *prog;
	struct visor_map *map;
	int n;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};
	uint8_t frame[512] = {0};
	struct visor_packet pkt;

	for (int i = 0; i < 300; i++) {
		uint32_t key = (uint32_t)(i % 8);
		uint64_t value = (uint64_t)i;
		int fd;

		visor_packet_init(&pkt, frame, sizeof(frame), 256, 64);
		if (visor_prog_run(w->prog, &pkt, NULL) || pkt.verdict != 2)
			return NULL;
		if (visor_map_set(w->map, &key, &value, BPF_ANY))
			return NULL;
		fd = prog_on(w->v, BPF_PROG_TYPE_XDP, pass, 2);
		if (fd < 0)
			return NULL;
		close(fd);
		count_ids(w->v, BPF_PROG_GET_NEXT_ID);
		w->n++;
	}
	return NULL;
}

static void threads(void **state)
{
	struct visor *v = engine_new(NULL);
	const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};
	struct visor_prog *prog = load(v, BPF_PROG_TYPE_XDP, pass, 2);
	struct worker workers[4];
	struct visor_map *map;
	pthread_t ids[4];

	assert_int_equal(visor_map_new(v, BPF_MAP_TYPE_HASH, 4, 8, 8, NULL, &map, NULL), 0);
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){v, prog, map, 0};
		assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(workers[i].n, 300);
	}
	visor_prog_free(prog);
	visor_map_free(map);
	assert_int_equal(count_ids(v, BPF_PROG_GET_NEXT_ID), 0);
	visor_close(v);
}

static void default_engine(void **state)
{
	struct visor *v = engine_new(NULL);
	union bpf_attr attr;
	int a, b;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	assert_null(visor_use(v));
	a = visor_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	assert_ptr_equal(visor_use(NULL), v);
	unsetenv("VISOR_STATE");
	b = visor_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(count_ids(v, BPF_MAP_GET_NEXT_ID), 1);
	close(a);
	close(b);
	visor_close(v);
}

static void statistics(void **state)
{
	struct visor *v = engine_new(NULL);
	const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};
	struct visor_prog *prog = load(v, BPF_PROG_TYPE_XDP, pass, 2);
	int fd = visor_prog_fd(prog), stats;
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);
	uint8_t frame[512] = {0};
	struct visor_packet pkt;

	for (int round = 0; round < 2; round++) {
		memset(&info, 0, sizeof(info));
		stats = BPF(v, BPF_ENABLE_STATS, .enable_stats.type = BPF_STATS_RUN_TIME);
		assert_true(stats >= 0);
		for (int i = 0; i < 100; i++) {
			visor_packet_init(&pkt, frame, sizeof(frame), 256, 64);
			assert_int_equal(visor_prog_run(prog, &pkt, NULL), 0);
		}
		close(stats);
		assert_int_equal(info_of(v, fd, &info, &len), 0);
		assert_int_equal(info.run_cnt, 100 * (round + 1));
		/* The descriptor is closed: not counted. */
		assert_int_equal(visor_prog_run(prog, &pkt, NULL), 0);
	}
	assert_int_equal(BPF(v, BPF_ENABLE_STATS, .enable_stats.type = 7), -EINVAL);
	close(fd);
	visor_prog_free(prog);
	visor_close(v);
}

/* In a process that may make no memory executable, programs are interpreted, and the log says so.
 */
static int load_forbidden(void)
{
	const struct bpf_insn pass[] = {MOV_IMM(0, 2), EXIT()};
	const char *says = "interpreted, not native code: the system forbids executable memory\n";
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	struct visor *v = engine_new(NULL);
	char log[4096];
	int fd;

#if !defined(__x86_64__) && !defined(__aarch64__)
	return 77;
#endif
	if (prctl(PR_SET_MDWE, 1, 0, 0, 0))
		return 77;
	fd = BPF(v, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(pass),
		 .insn_cnt = 2, .license = PTR("GPL"), .log_level = 1, .log_buf = PTR(log),
		 .log_size = sizeof(log));
	if (fd < 0 || !strstr(log, says) || info_of(v, fd, &info, &len) || info.jited_prog_len)
		return 1;
	close(fd);
	visor_close(v);
	return 0;
}

static void no_executable_memory(void **state)
{
	const char *exec = getenv("VISOR_EXEC");
	int status;
	pid_t pid;

	if (exec && strcmp(exec, "best"))
		skip();
	pid = fork();
	if (!pid)
		_exit(load_forbidden());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(custom_types), cmocka_unit_test(bad_registrations),
		cmocka_unit_test(options),	cmocka_unit_test(maps),
		cmocka_unit_test(faults),	cmocka_unit_test(threads),
		cmocka_unit_test(batches),	cmocka_unit_test(default_engine),
		cmocka_unit_test(statistics),	cmocka_unit_test(no_executable_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
