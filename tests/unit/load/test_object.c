/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unmodified libbpf above an engine: what it does with objects in real programs, and what
 * the user hears when it fails. The objects are compiled here, by load_compile.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "load/load.h"
#include "load/value.h"

#define HEAD                             \
	"#include <linux/bpf.h>\n"       \
	"#include <bpf/bpf_helpers.h>\n" \
	"char _license[] SEC(\"license\") = \"GPL\";\n"

static struct load_session session;
static char object[64], state[64];

static void engine_open(const char *dir)
{
	VISOR_OPTS(visor_opts, opts, .state = dir);

	assert_int_equal(visor_open(&opts, &session.visor, NULL), 0);
	load_enter(&session);
}

static void engine_close(void)
{
	load_enter(NULL);
	visor_close(session.visor);
	session = (struct load_session){0};
}

static void compile(const char *source)
{
	char path[] = "/tmp/visor-test-XXXXXX.c";
	int fd = mkstemps(path, 2);
	struct visor_diag diag;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, source, strlen(source)), (ssize_t)strlen(source));
	close(fd);
	if (load_compile(path, object, sizeof(object), &diag)) {
		visor_diag_print(&diag, stderr);
		fail();
	}
	unlink(path);
}

static struct bpf_object *load(void)
{
	struct bpf_object *obj;
	struct visor_diag diag;

	if (load_open(object, &obj, &diag) || load_load(obj, &diag)) {
		visor_diag_print(&diag, stderr);
		fail();
	}
	return obj;
}

static int run_prog(struct bpf_object *obj, const char *name, uint32_t *verdict)
{
	uint8_t data[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data));
	int err = bpf_prog_test_run_opts(
		bpf_program__fd(bpf_object__find_program_by_name(obj, name)), &opts);

	*verdict = opts.retval;
	return err;
}

static const char everything[] = HEAD
	"struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events "
	"SEC(\".maps\");\n"
	"struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32);\n"
	"	__type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME); } kept SEC(\".maps\");\n"
	"int target(struct xdp_md *ctx);\n"
	"struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __type(key, "
	"__u32);\n"
	"	__array(values, int (void *)); } jumps SEC(\".maps\") = {.values = {[1] = (void "
	"*)&target}};\n"
	"const volatile int step = 3;\n"
	"int counter = 5;\n"
	"long runs;\n"
	"SEC(\"xdp\") int target(struct xdp_md *ctx)\n"
	"{\n"
	"	__u32 key = 7; __u64 one = 1, *v = bpf_map_lookup_elem(&kept, &key);\n"
	"	if (v) (*v)++; else bpf_map_update_elem(&kept, &key, &one, 0);\n"
	"	counter += step; runs++;\n"
	"	long event = runs; bpf_ringbuf_output(&events, &event, sizeof(event), 0);\n"
	"	return XDP_TX;\n"
	"}\n"
	"SEC(\"xdp\") int entry(struct xdp_md *ctx)\n"
	"{\n"
	"	bpf_tail_call(ctx, &jumps, 1);\n"
	"	return XDP_ABORTED;\n"
	"}\n";

/* ---- skeletons: global data in the process's own memory ---------------------------------------
 */

struct data {
	int counter;
};

struct rodata {
	int step;
};

struct bss {
	long runs;
};

static void skeletons(void **state_)
{
	struct bpf_object *obj = NULL;
	struct data *data = NULL;
	struct rodata *rodata = NULL;
	struct bss *bss = NULL;
	struct bpf_map *maps[3];
	struct bpf_map_skeleton map_skels[] = {
		{"test.data", &maps[0], (void **)&data},
		{"test.rodata", &maps[1], (void **)&rodata},
		{"test.bss", &maps[2], (void **)&bss},
	};
	struct bpf_object_skeleton skel = {
		.sz = sizeof(skel),
		.name = "test",
		.obj = &obj,
		.map_cnt = 3,
		.map_skel_sz = sizeof(*map_skels),
		.maps = map_skels,
	};
	uint8_t *bytes;
	struct stat st;
	uint32_t verdict;
	int fd;

	compile(everything);
	fd = open(object, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	skel.data = bytes;
	skel.data_sz = (size_t)st.st_size;
	engine_open(NULL);
	assert_int_equal(bpf_object__open_skeleton(&skel, NULL), 0);
	assert_int_equal(data->counter, 5);
	rodata->step = 10; /* configuration, before it is frozen */
	data->counter = 100;
	assert_int_equal(bpf_object__load_skeleton(&skel), 0);
	assert_int_equal(run_prog(obj, "entry", &verdict), 0);
	assert_int_equal(verdict, XDP_TX);
	assert_int_equal(data->counter, 110);
	assert_int_equal(bss->runs, 1);
	data->counter = 0;
	assert_int_equal(run_prog(obj, "entry", &verdict), 0);
	assert_int_equal(data->counter, 10);
	assert_int_equal(bss->runs, 2);
	/* Frozen: */
	int key = 0, value = 1;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(maps[1]), &key, &value, 0), -EPERM);
	bpf_object__close(obj);
	engine_close();
	munmap(bytes, (size_t)st.st_size);
	unlink(object);
}

/* ---- ring buffers -------------------------------------------------------------------------------
 */

static long seen, last;

static int on_event(void *ctx, void *data, size_t size)
{
	assert_int_equal(size, 8);
	memcpy(&last, data, sizeof(last));
	seen++;
	return 0;
}

static void *run_later(void *arg)
{
	uint32_t verdict;

	load_enter(&session); /* sessions are a thread's own */
	usleep(50000);
	run_prog(arg, "target", &verdict);
	return NULL;
}

static void ring_buffers(void **state_)
{
	struct bpf_object *obj;
	struct ring_buffer *ring;
	uint32_t verdict;
	pthread_t thread;

	compile(everything);
	engine_open(NULL);
	obj = load();
	ring = ring_buffer__new(bpf_map__fd(bpf_object__find_map_by_name(obj, "events")), on_event,
				NULL, NULL);
	assert_non_null(ring);
	seen = 0;
	for (int i = 0; i < 5; i++)
		assert_int_equal(run_prog(obj, "target", &verdict), 0);
	assert_int_equal(ring_buffer__poll(ring, 1000), 5);
	assert_int_equal(seen, 5);
	/* Round and round: 16 bytes each in 4096. */
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(run_prog(obj, "target", &verdict), 0);
		assert_int_equal(ring_buffer__consume(ring), 1);
	}
	assert_int_equal(last, 2005);
	/* Waits for what comes from another thread, and wakes up for it. */
	assert_int_equal(pthread_create(&thread, NULL, run_later, obj), 0);
	seen = 0;
	for (int i = 0; i < 100 && !seen; i++)
		assert_true(ring_buffer__poll(ring, 100) >= 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen, 1);
	/* A second waiter does not spin: nothing is ready now. */
	usleep(250000);
	ring_buffer__poll(ring, 0);
	assert_int_equal(ring_buffer__poll(ring, 50), 0);
	ring_buffer__free(ring);
	bpf_object__close(obj);
	engine_close();
	unlink(object);
}

/* ---- pins
 * ------------------------------------------------------------------------------------------ */

static uint64_t kept_value(struct bpf_object *obj)
{
	uint32_t key = 7;
	uint64_t value = 0;

	bpf_map_lookup_elem(bpf_map__fd(bpf_object__find_map_by_name(obj, "kept")), &key, &value);
	return value;
}

static void pins(void **state_)
{
	struct bpf_object *obj;
	struct bpf_map *map;
	uint32_t verdict;
	char cmd[128];
	int fd;

	strcpy(state, "/tmp/visor-test-XXXXXX");
	assert_non_null(mkdtemp(state));
	compile(everything);
	engine_open(state);
	obj = load();
	assert_int_equal(run_prog(obj, "target", &verdict), 0);
	assert_int_equal(kept_value(obj), 1);
	bpf_object__close(obj);
	engine_close();
	/* Another engine, as another process would have it: the map is there by its name. */
	engine_open(state);
	obj = load();
	assert_int_equal(kept_value(obj), 1);
	assert_int_equal(run_prog(obj, "target", &verdict), 0);
	assert_int_equal(kept_value(obj), 2);
	fd = bpf_obj_get("/sys/fs/bpf/kept");
	assert_true(fd >= 0);
	close(fd);
	map = bpf_object__find_map_by_name(obj, "kept");
	assert_int_equal(bpf_map__unpin(map, NULL), 0);
	assert_int_equal(bpf_obj_get("/sys/fs/bpf/kept"), -ENOENT);
	assert_int_equal(bpf_object__pin_programs(obj, "/sys/fs/bpf/some/folder"), 0);
	assert_true((fd = bpf_obj_get("/sys/fs/bpf/some/folder/entry")) >= 0);
	close(fd);
	bpf_object__close(obj);
	engine_close();
	snprintf(cmd, sizeof(cmd), "rm -r %s", state);
	assert_int_equal(system(cmd), 0);
	unlink(object);
}

/* ---- sessions
 * ----------------------------------------------------------------------------------------- */

static int loads;

static int count_loads(void *user, union bpf_attr *attr, unsigned int size)
{
	(*(int *)user)++;
	return attr->prog_type == BPF_PROG_TYPE_SCHED_CLS ? -EACCES : 0;
}

static void hooks(void **state_)
{
	struct visor_diag diag;
	struct bpf_object *obj;

	compile(HEAD "SEC(\"xdp\") int good(void *ctx) { return 2; }\n");
	engine_open(NULL);
	session.on_prog_load = count_loads;
	session.user = &loads;
	obj = load();
	assert_true(loads > 0);
	bpf_object__close(obj);
	unlink(object);
	compile(HEAD "SEC(\"tc\") int bad(void *ctx) { return 2; }\n");
	assert_int_equal(load_open(object, &obj, &diag), 0);
	assert_int_equal(load_load(obj, &diag), -EACCES);
	bpf_object__close(obj);
	unlink(object);
	engine_close();
}

/* Outside of a session everything is the kernel's. */
static void the_kernel(void **state_)
{
	struct statfs st;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	assert_null(load_enter(NULL));
	errno = 0;
	assert_int_equal(load_bpf(BPF_MAP_CREATE, &attr, 4097), -E2BIG);
	assert_int_equal(syscall(SYS_getpid), getpid());
	assert_int_equal(statfs("/proc", &st), 0);
	assert_int_equal(st.f_type, 0x9fa0);
	engine_open(NULL);
	assert_int_equal(statfs("/proc", &st), 0);
	assert_int_equal(st.f_type, 0x9fa0);
	assert_int_equal(statfs("/sys/fs/bpf/a", &st), 0);
	assert_int_equal(st.f_type, 0xcafe4a11);
	assert_int_equal(syscall(SYS_getpid), getpid());
	errno = 0;
	assert_int_equal(syscall(SYS_bpf, 9999, &attr, sizeof(attr)), -1);
	assert_int_equal(errno, EINVAL);
	engine_close();
}

/* ---- what the user hears
 * ---------------------------------------------------------------------------------- */

static void open_fails(const char *path, int err, const char *place, const char *text)
{
	struct bpf_object *obj;
	struct visor_diag diag = {0};

	assert_int_equal(load_open(path, &obj, &diag), err);
	if (!strstr(diag.place, place) || !strstr(diag.text, text)) {
		visor_diag_print(&diag, stderr);
		fail();
	}
}

static void bad_objects(void **state_)
{
	uint8_t bytes[65536];
	ssize_t n;
	int fd;

	engine_open(NULL);
	open_fails("/nonexistent.o", -ENOENT, "/nonexistent.o", "cannot open");
	open_fails("/etc/passwd", -EINVAL, "/etc/passwd", "ELF");
	open_fails("/proc", -EINVAL, "/proc", "not a regular file");
	open_fails("no_such_module", -ENOENT, "", "no module 'no_such_module'");
	compile(everything);
	fd = open(object, O_RDONLY);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(n > 1000);
	/* Cut short, and damaged: an error or an object, never a crash. */
	for (ssize_t i = 0; i < 1200; i++) {
		struct bpf_object *obj;
		struct visor_diag diag = {0};
		ssize_t len = i < 100 ? n * i / 100 : n;
		uint8_t *byte = &bytes[(i * 7919) % n], was = *byte;

		if (i >= 100)
			*byte ^= (uint8_t)(1 + i);
		fd = open(object, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, bytes, (size_t)len), len);
		close(fd);
		*byte = was;
		if (load_open(object, &obj, &diag)) {
			assert_true(diag.err < 0 && diag.text[0]);
			continue;
		}
		if (load_load(obj, &diag))
			assert_true(diag.err < 0 && diag.text[0] && diag.place[0]);
		bpf_object__close(obj);
	}
	engine_close();
	unlink(object);
}

/* Opens the object with a word replaced: an error or an object, never a crash. */
static void open_damaged(const uint8_t *bytes, size_t n, size_t at, uint32_t word)
{
	struct visor_diag diag = {0};
	struct bpf_object *obj;
	int fd = open(object, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(pwrite(fd, &word, sizeof(word), (off_t)at), sizeof(word));
	close(fd);
	if (load_open(object, &obj, &diag))
		assert_true(diag.err < 0 && diag.text[0] && diag.place[0]);
	else
		bpf_object__close(obj);
}

/* Ids of types that are not there, and typedefs of themselves: libbpf would follow them. */
static void bad_types(void **state_)
{
	static const uint8_t magic[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0};
	struct visor_diag diag = {0};
	struct bpf_object *obj;
	uint8_t bytes[65536], *section;
	const struct btf_type *t;
	struct btf *btf;
	const char *raw;
	uint32_t size;
	ssize_t n;
	int fd;

	engine_open(NULL);
	compile(everything);
	fd = open(object, O_RDONLY);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	section = memmem(bytes, (size_t)n, magic, sizeof(magic));
	assert_non_null(section);
	btf = btf__parse_elf(object, NULL);
	assert_non_null(btf);
	raw = btf__raw_data(btf, &size);
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		size_t at;

		t = btf__type_by_id(btf, id);
		at = (size_t)(section - bytes) + (size_t)((const char *)t - raw);
		open_damaged(bytes, (size_t)n, at, 0xfffff0);	  /* name */
		open_damaged(bytes, (size_t)n, at + 8, 0xfffff0); /* type or size */
		open_damaged(bytes, (size_t)n, at + 8, id);
		for (uint32_t i = 0; i < 3U * btf_vlen(t); i++)
			open_damaged(bytes, (size_t)n, at + 12 + 4 * (size_t)i, 0xfffff0);
	}
	btf__free(btf);
	fd = open(object, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, bytes, (size_t)n), n);
	close(fd);
	assert_int_equal(load_open(object, &obj, &diag), 0);
	bpf_object__close(obj);
	engine_close();
	unlink(object);
}

static void refused_programs(void **state_)
{
	struct bpf_object *obj;
	struct visor_diag diag = {0};

	/* A helper that does not exist: the engine's own reason, and where. */
	compile(HEAD "static int (*none)(void) = (void *)9999;\n"
		     "SEC(\"xdp\") int calls_it(void *ctx) { return none(); }\n");
	engine_open(NULL);
	assert_int_equal(load_open(object, &obj, &diag), 0);
	assert_true(load_load(obj, &diag) < 0);
	assert_non_null(strstr(diag.place, "calls_it: insn"));
	assert_non_null(strstr(diag.text, "9999"));
	bpf_object__close(obj);
	unlink(object);
	/* A map that cannot be. */
	compile(HEAD "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);\n"
		     "	__uint(key_size, 3); __uint(value_size, 4); } odd SEC(\".maps\");\n"
		     "SEC(\"xdp\") int uses_it(void *ctx) { return !bpf_map_lookup_elem(&odd, "
		     "&odd); }\n");
	assert_int_equal(load_open(object, &obj, &diag), 0);
	memset(&diag, 0, sizeof(diag));
	assert_int_equal(load_load(obj, &diag), -EINVAL);
	assert_true(diag.text[0]);
	bpf_object__close(obj);
	/* Nothing stays. */
	uint32_t id = 0;
	assert_int_equal(bpf_map_get_next_id(0, &id), -ENOENT);
	assert_int_equal(bpf_prog_get_next_id(0, &id), -ENOENT);
	engine_close();
	unlink(object);
}

static void bad_sources(void **state_)
{
	char out[64], path[] = "/tmp/visor-test-XXXXXX.c";
	const char text[] = "int x = ;\n";
	struct visor_diag diag = {0};
	int fd = mkstemps(path, 2);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(load_compile(path, out, sizeof(out), &diag), -EINVAL);
	assert_non_null(strstr(diag.place, ":1:9"));
	assert_non_null(strstr(diag.text, "expected expression"));
	assert_int_equal(load_compile("/nonexistent.c", out, sizeof(out), &diag), -ENOENT);
	assert_int_equal(load_compile(path, out, 4, &diag), -ENAMETOOLONG);
	setenv("CLANG", "no-such-compiler", 1);
	assert_int_equal(load_compile(path, out, sizeof(out), &diag), -ENOENT);
	unsetenv("CLANG");
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skeletons),   cmocka_unit_test(ring_buffers),
		cmocka_unit_test(pins),	       cmocka_unit_test(hooks),
		cmocka_unit_test(the_kernel),  cmocka_unit_test(bad_objects),
		cmocka_unit_test(bad_types),   cmocka_unit_test(refused_programs),
		cmocka_unit_test(bad_sources),
	};

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
