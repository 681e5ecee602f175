/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stitched programs on the Linux kernel: they pass its verifier wherever the originals do,
 * return the same verdict and the same packet for every packet of the captures, count
 * them, and go where they are linked.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "captures.h"
#include "chain/counters.h"
#include "chain/stitch.h"
#include "load/load.h"

#define ROWS	  32
#define MAX_PROGS 16

static struct captures captures;
static uint32_t n_cpus; /* a power of two */

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return load_bpf(cmd, attr, sizeof(*attr));
}

/* An object on its way into the kernel, each of its programs stitched by `how`. */
struct rig {
	struct load_session session;
	struct bpf_object *obj;
	struct stitch how;
	const char *only;		 /* stitch this program, load the others as they are */
	struct stitched kept[MAX_PROGS]; /* until the load is over */
	unsigned n_kept, stitched;
	struct counter_row *rows;
	size_t rows_size;
};

static int new_map(uint32_t type, uint32_t value_size, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		fail_msg("map of type %u: %s", type, strerror(-fd));
	return fd;
}

static void rig_new(struct rig *r, enum chain_hook hook)
{
	uint32_t stride = counters_stride(ROWS);

	memset(r, 0, sizeof(*r));
	r->rows_size = (size_t)stride * n_cpus;
	r->how = (struct stitch){
		.hook = hook_get(hook),
		.row_other = ROWS - 2,
		.row_missed = ROWS - 1,
		.slots_fd = new_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 8, 0),
		.counters_fd =
			new_map(BPF_MAP_TYPE_ARRAY, (uint32_t)r->rows_size, 1, BPF_F_MMAPABLE),
		.stride = stride,
		.n_cpus = n_cpus,
	};
	r->rows =
		mmap(NULL, r->rows_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->how.counters_fd, 0);
	assert_ptr_not_equal(r->rows, MAP_FAILED);
}

static void rig_free(struct rig *r)
{
	munmap(r->rows, r->rows_size);
	close(r->how.slots_fd);
	close(r->how.counters_fd);
	bpf_object__close(r->obj);
}

static struct counter_row rig_row(const struct rig *r, uint32_t row)
{
	struct counter_row sum = {0};

	for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
		const struct counter_row *at =
			(const void *)((const char *)r->rows + (size_t)cpu * r->how.stride);

		sum.packets += at[row].packets;
		sum.bytes += at[row].bytes;
	}
	return sum;
}

static int rig_stitch(void *user, union bpf_attr *attr, unsigned size)
{
	struct rig *r = user;
	struct bpf_program *prog;
	struct visor_diag d = {0};

	bpf_object__for_each_program(prog, r->obj)
	{
		if (attr->insns != (uintptr_t)bpf_program__insns(prog))
			continue;
		if (r->only && strcmp(bpf_program__name(prog), r->only) != 0)
			continue;
		assert_true(r->n_kept < MAX_PROGS);
		if (stitch_program(&r->how, attr, &r->kept[r->n_kept], &d)) {
			fprintf(stderr, "%s: %s: %s\n", bpf_program__name(prog), d.place, d.text);
			return d.err;
		}
		stitched_apply(&r->kept[r->n_kept++], attr);
		r->stitched++;
	}
	return 0;
}

static int rig_load(struct rig *r, const char *path, bool stitch)
{
	struct load_session *before;
	struct bpf_program *prog;
	struct visor_diag d = {0};
	struct bpf_map *map;
	int err;

	r->session = (struct load_session){.on_prog_load = stitch ? rig_stitch : NULL, .user = r};
	before = load_enter(&r->session);
	err = load_open(path, &r->obj, &d);
	if (!err) {
		bpf_object__for_each_program(
			prog, r->obj) if (hook_get(hook_of_type(bpf_program__type(prog))) !=
					  r->how.hook) bpf_program__set_autoload(prog, false);
		bpf_object__for_each_map(map, r->obj) bpf_map__set_pin_path(map, NULL);
		err = load_load(r->obj, &d);
	}
	load_enter(before);
	for (unsigned i = 0; i < r->n_kept; i++)
		stitched_free(&r->kept[i]);
	r->n_kept = 0;
	if (err && stitch)
		fprintf(stderr, "%s: %s\n%s\n", path, d.text, d.hint);
	return err;
}

static int rig_fd(const struct rig *r, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(r->obj, name);

	assert_non_null(prog);
	return bpf_program__fd(prog);
}

struct outcome {
	int err;
	uint32_t verdict, len;
	uint8_t data[4096];
};

static void run(int fd, const struct capture_packet *p, struct outcome *out)
{
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)p->data;
	attr.test.data_size_in = p->len;
	attr.test.data_out = (uintptr_t)out->data;
	attr.test.data_size_out = sizeof(out->data);
	out->err = sys_bpf(BPF_PROG_TEST_RUN, &attr);
	out->verdict = attr.test.retval;
	out->len = attr.test.data_size_out;
}

static const char *built(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", getenv("VISOR_BUILD"), name);
	return path;
}

/* All packets through both; rows as arithmetic says, and nothing lost. */
static void compare(const struct rig *plain, const struct rig *stitched, const char *name)
{
	static struct outcome a, b;
	int fd_a = rig_fd(plain, name), fd_b = rig_fd(stitched, name);
	struct counter_row want[ROWS], got;

	for (uint32_t i = 0; i < ROWS; i++)
		want[i] = rig_row(stitched, i);
	for (size_t i = 0; i < captures.n; i++) {
		int verdict;

		run(fd_a, &captures.packets[i], &a);
		run(fd_b, &captures.packets[i], &b);
		assert_int_equal(a.err, b.err);
		if (a.err)
			continue;
		assert_int_equal(a.verdict, b.verdict);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.data, b.data, a.len);
		verdict = hook_verdict(stitched->how.hook, b.verdict);
		want[verdict < 0 ? ROWS - 2 : verdict].packets++;
		want[verdict < 0 ? ROWS - 2 : verdict].bytes += b.len;
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		got = rig_row(stitched, i);
		assert_int_equal(got.packets, want[i].packets);
		assert_int_equal(got.bytes, want[i].bytes);
	}
}

/* Loads the object both ways and compares each of its programs of the hook. */
static unsigned compare_object(const char *path, enum chain_hook hook)
{
	struct rig plain, stitched;
	struct bpf_program *prog;
	unsigned compared = 0;

	rig_new(&plain, hook);
	rig_new(&stitched, hook);
	if (rig_load(&plain, path, false) == 0) {
		if (rig_load(&stitched, path, true))
			fail_msg("%s does not load when stitched", path);
		bpf_object__for_each_program(prog, plain.obj)
		{
			if (hook_of_type(bpf_program__type(prog)) != hook)
				continue;
			compare(&plain, &stitched, bpf_program__name(prog));
			compared++;
		}
		assert_true(stitched.stitched >= compared);
	} else {
		fprintf(stderr, "not loaded by this kernel as it is: %s\n", path);
	}
	rig_free(&plain);
	rig_free(&stitched);
	return compared;
}

static void our_modules(void **state)
{
	static const char *const names[] = {"acl", "counter", "sampler"};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "modules/%s.o", names[i]);
		assert_true(compare_object(built(path), CHAIN_HOOK_XDP) >= 1);
		assert_true(compare_object(built(path), CHAIN_HOOK_TC) >= 1);
	}
}

static void hard_shapes(void **state)
{
	assert_int_equal(compare_object(built("tests/chain/shapes.o"), CHAIN_HOOK_XDP), 4);
	assert_int_equal(compare_object(built("tests/chain/shapes.o"), CHAIN_HOOK_TC), 1);
	assert_int_equal(compare_object(built("tests/chain/branch.o"), CHAIN_HOOK_XDP), 2);
}

/* Objects of others, as distributed. */
static void foreign_objects(void **state)
{
	static const char dir[] = "/usr/lib/x86_64-linux-gnu/bpf";
	struct dirent **list;
	unsigned compared = 0;
	int n = scandir(dir, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (strstr(list[i]->d_name, ".o") && !strstr(list[i]->d_name, "xdpdump_bpf"))
			compared += compare_object(path, CHAIN_HOOK_XDP);
		free(list[i]);
	}
	if (n < 0) {
		print_message("xdp-tools is not installed\n");
		skip();
	}
	free(list);
	fprintf(stderr, "%u programs of xdp-tools compared\n", compared);
	assert_true(compared >= 10);
}

/* forth: odd -> back (which leaves by tx), fourth -> a port, pass -> an empty slot. */
static void links(void **state)
{
	const struct stitch_output outputs[] = {
		{.value = XDP_PASS, .row = XDP_PASS, .to = STITCH_SLOT, .index = 7},
		{.value = 16, .row = 5, .to = STITCH_SLOT, .index = 3},
		{.value = 17, .row = 6, .to = STITCH_PORT, .index = 1},
	};
	const struct stitch_output returns[] = {
		{.value = 16, .row = 5, .to = STITCH_RETURN},
		{.value = 17, .row = 6, .to = STITCH_RETURN},
	};
	union bpf_attr attr = {0};
	struct outcome out;
	struct rig first, second;
	uint32_t slot = 3, fd;
	uint64_t n[3] = {0};

	rig_new(&first, CHAIN_HOOK_XDP);
	rig_new(&second, CHAIN_HOOK_XDP);
	first.only = "forth";
	first.how.outputs = outputs;
	first.how.n_outputs = ARRAY_SIZE(outputs);
	second.how.outputs = returns;
	second.how.n_outputs = ARRAY_SIZE(returns);
	assert_int_equal(rig_load(&first, built("tests/chain/branch.o"), true), 0);
	assert_int_equal(rig_load(&second, built("tests/chain/branch.o"), true), 0);
	fd = (uint32_t)rig_fd(&second, "forth");
	attr.map_fd = (uint32_t)first.how.slots_fd;
	attr.key = (uintptr_t)&slot;
	attr.value = (uintptr_t)&fd;
	assert_int_equal(sys_bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
	for (size_t i = 0; i < captures.n; i++) {
		uint32_t len = captures.packets[i].len;

		run(rig_fd(&first, "forth"), &captures.packets[i], &out);
		assert_int_equal(out.err, 0);
		if (len & 1) { /* second's `odd` is linked to nothing */
			assert_int_equal(out.verdict, XDP_DROP);
			n[0]++;
		} else if (!(len & 3)) {
			assert_int_equal(out.verdict, XDP_REDIRECT);
			n[1]++;
		} else {
			assert_int_equal(out.verdict, XDP_DROP);
			n[2]++;
		}
	}
	assert_true(n[0] && n[1] && n[2]);
	assert_int_equal(rig_row(&first, 5).packets, n[0]);
	assert_int_equal(rig_row(&second, 5).packets, n[0]);
	assert_int_equal(rig_row(&first, 6).packets, n[1]);
	assert_int_equal(rig_row(&first, XDP_PASS).packets, n[2]);
	assert_int_equal(rig_row(&first, ROWS - 1).packets, n[2]);
	rig_free(&first);
	rig_free(&second);
}

static int setup(void **state)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	n_cpus = (uint32_t)round_up_pow2((uint64_t)MAX(cpus, (long)libbpf_num_possible_cpus()));
	return 0;
}

static int teardown(void **state)
{
	captures_free(&captures);
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (getenv("VISOR_TEST_VERBOSE"))
		vfprintf(stderr, fmt, ap);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_modules),
		cmocka_unit_test(hard_shapes),
		cmocka_unit_test(foreign_objects),
		cmocka_unit_test(links),
	};
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0) {
		fprintf(stderr, "skipped: the kernel's bpf(2) cannot be used here: %s\n",
			strerror(-fd));
		return 77;
	}
	close(fd);
	if (!getenv("VISOR_DATA") || !getenv("VISOR_BUILD")) {
		fprintf(stderr, "skipped: VISOR_DATA and VISOR_BUILD are not set\n");
		return 77;
	}
	libbpf_set_print(quiet);
	if (captures_absent(&captures, 16))
		return 77;
	return cmocka_run_group_tests(tests, setup, teardown);
}
