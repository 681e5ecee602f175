/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains that stay: each command on a running chain, with frames that tell by which modules they
 * came; what fails leaves the chain as it was. The engine is the argument: see live_world.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live_world.h"
#include "load/load.h"

static struct world w;

static void check(int err)
{
	if (err)
		fail_msg("%s: %s (%s)", w.diag.place, w.diag.text, strerror(-err));
}

/* The chain takes frames these ways; NULL: not looked at. */
static void trails(const char *from_left, const char *from_right)
{
	if (from_left)
		assert_string_equal(world_trail(&w, true, WORLD_SOON), from_left);
	if (from_right)
		assert_string_equal(world_trail(&w, false, WORLD_SOON), from_right);
}

static uint32_t generation(void)
{
	struct live_status *s = world_status(&w);
	uint32_t n;

	if (!s)
		fail_msg("status: %s", w.diag.text);
	n = s->record->generation;
	live_status_free(s);
	return n;
}

/* Brings the usual chain up. */
static void up(void)
{
	world_file(&w, "x1 y1 z1", "a>x>y>b b>z>a", NULL);
	check(world_do(&w, LIVE_UP));
	trails("x1y1", "z1");
}

static int teardown(void **state)
{
	uint32_t slots = world_slots_id(&w);

	if (world_is_up(&w))
		check(world_do(&w, LIVE_DOWN));
	world_check_nothing(&w);
	if (slots)
		assert_false(world_map_lives(&w, slots));
	return 0;
}

/* ---- up, status, down
 * -------------------------------------------------------------------------------- */

static void up_and_down(void **state)
{
	struct live_status *s;
	const struct record *r;
	int64_t x;

	up();
	assert_int_equal(w.report.generation, 1);
	assert_true(w.report.changed);
	assert_int_equal(w.report.loaded, 3);
	assert_int_equal(w.report.writes, 0);
	s = world_status(&w);
	assert_non_null(s);
	r = s->record;
	assert_false(s->can_roll_back);
	assert_int_equal(r->n_ports, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(s->ports[i].attached);
		assert_true(s->ports[i].how[0]);
		/* The kernel may send frames of its own. */
		assert_true(s->ports[i].in.packets >= 1 && s->ports[i].in.bytes >= NETNS_FRAME);
		assert_int_equal(s->ports[i].missed.packets, 0);
	}
	x = record_find_input(r, "x", "mark");
	assert_true(x >= 0);
	assert_true(s->rows[x][2].packets >= 1 && s->rows[x][2].bytes >= NETNS_FRAME); /* pass */
	live_status_free(s);
	/* Once more is refused, and nothing changes. */
	assert_int_equal(world_do(&w, LIVE_UP), -EEXIST);
	assert_non_null(strstr(w.diag.text, "is up already"));
	assert_non_null(strstr(w.diag.hint, "visor apply"));
	trails("x1y1", "z1");
	check(world_do(&w, LIVE_DOWN));
	world_check_nothing(&w);
	assert_int_equal(world_do(&w, LIVE_DOWN), -ENOENT);
	assert_int_equal(world_do(&w, LIVE_APPLY), -ENOENT);
	assert_int_equal(world_do(&w, LIVE_SWAP), -ENOENT);
	assert_int_equal(world_do(&w, LIVE_ROLLBACK), -ENOENT);
	assert_null(world_status(&w));
	world_check_nothing(&w);
}

static void names(void **state)
{
	struct live_opts opts = {.sz = sizeof(opts)};
	char *list;
	uint32_t n;

	world_file(&w, "x1", "a>x>b", "name: other\n");
	check(world_do(&w, LIVE_UP));
	assert_false(world_is_up(&w));
	trails("x1", NULL);
	check(world_do(&w, LIVE_APPLY));
	assert_false(w.report.changed);
	if (w.kernel) {
		assert_int_equal(live_list(&opts, &list, &n), 0);
		assert_int_equal(n, 1);
		assert_string_equal(list, "other");
		free(list);
	}
	check(world_do_as(&w, LIVE_DOWN, "other", NULL, NULL));
	/* What the command says wins. */
	check(world_do_as(&w, LIVE_UP, "c", NULL, NULL));
	assert_true(world_is_up(&w));
	assert_int_equal(world_do_as(&w, LIVE_APPLY, NULL, NULL, NULL), -ENOENT);
	check(world_do_as(&w, LIVE_APPLY, "c", NULL, NULL));
	assert_int_equal(world_do_as(&w, LIVE_UP, "a/b", NULL, NULL), -EINVAL);
	assert_int_equal(world_do_as(&w, LIVE_UP, "", NULL, NULL), -EINVAL);
	assert_int_equal(world_do_as(&w, LIVE_DOWN, "..", NULL, NULL), -EINVAL);
	trails("x1", NULL);
}

/* ---- changes
 * ----------------------------------------------------------------------------------------- */

static void changes(void **state)
{
	static const struct {
		const char *modules, *links, *left, *right;
		bool aside;
		uint32_t loaded, writes;
	} steps[] = {
		{"x1 y2 z1", "a>x>y>b b>z>a", "x1y2", "z1", false, 1, 1},
		{"x2 y2 z1", "a>x>y>b b>z>a", "x2y2", "z1", false, 1, 1},
		{"x2 n1 y2 z1", "a>x>n>y>b b>z>a", "x2n1y2", "z1", false, 2, 1},
		{"x2 n1 z1", "a>x>n>b b>z>a", "x2n1", "z1", false, 1, 1},
		{"n1 z1", "a>n>b b>z>a", "n1", "z1", false, 0, 1},
		{"n1 y1 z1", "a>n>y>b b>z>a", "n1y1", "z1", false, 2, 1},
		{"n1 y1 z1", "a>y>n>b b>z>a", "y1n1", "z1", false, 2, 1},
		{"n2 y2 z2", "a>y>n>b b>z>a", "y2n2", "z2", true, 3, 2},
		{"z2", "a>b b>z>a", "", "z2", false, 0, 1},
		{"", "a>b b>a", "", "", false, 0, 1},
		{"x1 y1 z1", "a>x>y>b b>z>y", "x1y1", NULL, true, 3, 2},
	};
	const char *was_left = "x1y1", *was_right = "z1";

	up();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint32_t before = generation();

		world_file(&w, steps[i].modules, steps[i].links, NULL);
		check(world_do(&w, LIVE_APPLY));
		assert_true(w.report.changed);
		if (w.report.aside != steps[i].aside || w.report.loaded != steps[i].loaded ||
		    w.report.writes != steps[i].writes)
			fail_msg("%s %s: aside %d, %u loaded, %u writes", steps[i].modules,
				 steps[i].links, w.report.aside, w.report.loaded, w.report.writes);
		trails(steps[i].left, steps[i].right);
		assert_int_equal(generation(), before + 1);
		check(world_do(&w, LIVE_ROLLBACK));
		trails(was_left, was_right);
		check(world_do(&w, LIVE_ROLLBACK));
		trails(steps[i].left, steps[i].right);
		assert_int_equal(generation(), before + 3);
		was_left = steps[i].left;
		was_right = steps[i].right;
	}
}

static void nothing_changes(void **state)
{
	up();
	check(world_do(&w, LIVE_APPLY));
	assert_false(w.report.changed);
	assert_int_equal(w.report.generation, 1);
	world_file(&w, "x1 y1 z1", "a>x>y>b b>z>a", "# another remark\n");
	check(world_do(&w, LIVE_APPLY));
	assert_false(w.report.changed);
	world_file(&w, "z1 y1 x1", "b>z>a a>x>y>b", NULL);
	check(world_do(&w, LIVE_APPLY));
	assert_false(w.report.changed);
	assert_int_equal(generation(), 1);
	assert_int_equal(world_do(&w, LIVE_ROLLBACK), -ENOENT);
	assert_non_null(strstr(w.diag.text, "no generation before"));
	trails("x1y1", "z1");
}

static void swap(void **state)
{
	up();
	check(world_do(&w, LIVE_SWAP));
	assert_int_equal(w.report.loaded, 1);
	assert_int_equal(w.report.writes, 1);
	trails("x2y1", "z1");
	assert_int_equal(world_do_as(&w, LIVE_SWAP, NULL, NULL, "/nowhere.o"), -ENOENT);
	assert_true(world_do_as(&w, LIVE_SWAP, NULL, NULL, world_object("wrong")) < 0);
	assert_int_equal(generation(), 2);
	trails("x2y1", "z1");
	/* The file has the last word. */
	check(world_do(&w, LIVE_APPLY));
	trails("x1y1", "z1");
	check(world_do(&w, LIVE_ROLLBACK));
	trails("x2y1", "z1");
	check(world_do(&w, LIVE_ROLLBACK));
	trails("x1y1", "z1");
	world_file(&w, "y1 z1", "a>y>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	assert_int_equal(world_do(&w, LIVE_SWAP), -ENOENT);
	assert_non_null(strstr(w.diag.text, "no module 'x'"));
	trails("y1", "z1");
}

/* Ports come and go, and come back. */
static void ports(void **state)
{
	struct live_status *s;

	world_file(&w, "x1", "a>x>b", NULL);
	check(world_do(&w, LIVE_UP));
	trails("x1", NULL);
	world_file(&w, "x1 z1", "a>x>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails("x1", "z1");
	world_file(&w, "z2", "b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails(NULL, "z2");
	s = world_status(&w);
	assert_non_null(s);
	assert_false(s->ports[record_find_port(s->record, "a")].attached &&
		     s->ports[record_find_port(s->record, "a")].in.packets);
	live_status_free(s);
	check(world_do(&w, LIVE_ROLLBACK));
	trails("x1", "z1");
	check(world_do(&w, LIVE_ROLLBACK));
	trails(NULL, "z2");
	world_file(&w, "x2 z2", "a>x>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails("x2", "z2");
	/* Its packets are counted from the beginning. */
	s = world_status(&w);
	assert_non_null(s);
	assert_true(s->ports[record_find_port(s->record, "a")].in.packets < 8);
	live_status_free(s);
}

/* ---- what fails
 * -------------------------------------------------------------------------------------- */

static void failures(void **state)
{
	static const struct {
		const char *modules, *links, *more, *word;
	} bad[] = {
		{"x1 y! z1", "a>x>y>b b>z>a", NULL, ""},
		{"x! y2 z2", "a>x>y>b b>z>a", NULL, ""},
		{"x1 y1 z1", "a>x>y>d b>z>a", NULL, "d"},
		{"x1 y1 z1", "a>x>y>b b>z>a", "surprise: 1\n", "surprise"},
		{"x1 y7 z1", "a>x>y>b b>z>a", NULL, "mark7"},
	};

	/* One that is not up comes not up, and leaves nothing. */
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (i == 2 && !w.kernel)
			continue; /* devices may come later there */
		world_file(&w, bad[i].modules, bad[i].links, bad[i].more);
		if (!world_do(&w, LIVE_UP))
			fail_msg("%zu came up", i);
		assert_true(w.diag.text[0]);
		world_check_nothing(&w);
	}
	up();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (i == 2 && !w.kernel)
			continue;
		world_file(&w, bad[i].modules, bad[i].links, bad[i].more);
		if (!world_do(&w, LIVE_APPLY))
			fail_msg("%zu was applied", i);
		if (!strstr(w.diag.text, bad[i].word) && !strstr(w.diag.place, bad[i].word))
			fail_msg("%zu: %s: %s", i, w.diag.place, w.diag.text);
		trails("x1y1", "z1");
		assert_int_equal(generation(), 1);
	}
	/* And it can still be changed. */
	world_file(&w, "x2 y2 z2", "a>x>y>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails("x2y2", "z2");
}

static void map_full(void **state)
{
	char text[2048];
	FILE *f;

	up();
	f = fopen(w.file, "w");
	assert_non_null(f);
	snprintf(text, sizeof(text),
		 "engine: %s\nports: {a: {device: va%s%s}, b: {device: vb%s%s}}\nmodules:\n"
		 "  x: {object: %s, config: {letter: 120}, maps: {few: {1: 1, 2: 2, 3: 3}}}\n"
		 "links: [a -> x -> b]\n",
		 w.kernel ? "kernel" : "user", w.kernel ? "" : ", via: ", w.kernel ? "" : w.mode,
		 w.kernel ? "" : ", via: ", w.kernel ? "" : w.mode, world_object("mark1"));
	fputs(text, f);
	fclose(f);
	assert_int_equal(world_do(&w, LIVE_APPLY), -E2BIG);
	assert_true(w.diag.text[0]);
	trails("x1y1", "z1");
	assert_int_equal(generation(), 1);
}

/* Another's program on the device: said, and left alone. */
static void taken(void **state)
{
	struct load_session kernel = {.visor = NULL}, *before;
	struct bpf_object *obj;
	struct bpf_link *link;
	char links[2048];

	if (!strcmp(w.mode, "packet"))
		skip(); /* a packet socket takes nothing from anybody */
	before = load_enter(&kernel);
	obj = bpf_object__open(world_object("mark1"));
	assert_non_null(obj);
	assert_int_equal(bpf_object__load(obj), 0);
	link = bpf_program__attach_xdp(bpf_object__find_program_by_name(obj, "mark"),
				       (int)netns_ifindex(w.ns, 1, "vb"));
	assert_non_null(link);
	load_enter(before);
	world_file(&w, "x1 z1", "a>x>b b>z>a", NULL);
	assert_int_equal(world_do(&w, LIVE_UP), -EBUSY);
	assert_non_null(strstr(w.diag.text, "mark"));
	netns_output(w.ns, 1, links, sizeof(links), "ip -details link show vb");
	assert_non_null(strstr(links, "prog/xdp"));
	bpf_link__destroy(link);
	world_check_nothing(&w);
	/* Now it is free. */
	check(world_do(&w, LIVE_UP));
	trails("x1", "z1");
	before = load_enter(&kernel);
	bpf_object__close(obj);
	load_enter(before);
}

/* ---- others, and accidents
 * --------------------------------------------------------------------------- */

static void together(void **state)
{
	char one[128], two[128];
	const char *trail;

	up();
	snprintf(one, sizeof(one), "%s/one.yaml", w.dir);
	snprintf(two, sizeof(two), "%s/two.yaml", w.dir);
	netns_must(w.ns, 1, "cp %s %s", w.file, one);
	world_file(&w, "x2 n1 y2 z2", "a>x>n>y>b b>z>a", NULL);
	netns_must(w.ns, 1, "cp %s %s", w.file, two);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;
		for (int k = 0; k < 4; k++)
			if (world_do_as(&w, LIVE_APPLY, "c", (i + k) % 2 ? one : two, NULL)) {
				fprintf(stderr, "apply: %s\n", w.diag.text);
				_exit(1);
			}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	trail = world_trail(&w, true, WORLD_SOON);
	if (strcmp(trail, "x1y1") != 0)
		assert_string_equal(trail, "x2n1y2");
	check(world_do_as(&w, LIVE_APPLY, "c", one, NULL));
	trails("x1y1", "z1");
}

static void device_again(void **state)
{
	struct live_status *s;

	up();
	world_pairs(&w);
	s = world_status(&w);
	assert_non_null(s);
	if (w.kernel) {
		assert_false(s->ports[0].attached);
		assert_string_equal(s->ports[0].state, "the device is gone");
	}
	live_status_free(s);
	world_file(&w, "x2 y1 z1", "a>x>y>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails("x2y1", "z1");
	/* Without any other change. */
	world_pairs(&w);
	check(world_do(&w, LIVE_APPLY));
	trails("x2y1", "z1");
	/* While it is away. */
	netns_must(w.ns, 1, "ip link del va");
	world_file(&w, "x1 y1 z1", "a>x>y>b b>z>a", NULL);
	if (w.kernel) {
		assert_int_equal(world_do(&w, LIVE_APPLY), -ENODEV);
		assert_non_null(strstr(w.diag.text, "no device 'va'"));
	}
	world_pairs(&w);
	check(world_do(&w, LIVE_APPLY));
	trails("x1y1", "z1");
	/* It goes down without its devices, too. */
	netns_must(w.ns, 1, "ip link del va; ip link del vb");
	check(world_do(&w, LIVE_DOWN));
	world_pairs(&w);
	world_check_nothing(&w);
}

static void kill_runner(void)
{
	int pid = world_runner(&w);

	assert_true(pid > 1 && pid != getpid());
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (world_runner(&w))
		usleep(1000);
}

/* The process that moves packets dies, and is replaced. */
static void runner_dies(void **state)
{
	struct live_status *s;
	int pid, again;

	if (w.kernel)
		skip();
	up();
	pid = world_runner(&w);
	assert_true(pid > 1);
	kill_runner();
	s = world_status(&w);
	assert_non_null(s);
	assert_false(s->ports[0].attached);
	assert_string_equal(s->ports[0].state, "the chain's process does not run");
	live_status_free(s);
	check(world_do(&w, LIVE_APPLY));
	assert_false(w.report.changed);
	again = world_runner(&w);
	assert_true(again > 1 && again != pid);
	trails("x1y1", "z1");
	/* With a change. */
	kill_runner();
	world_file(&w, "x2 y1 z1", "a>x>y>b b>z>a", NULL);
	check(world_do(&w, LIVE_APPLY));
	trails("x2y1", "z1");
	/* It ends without its process, too. */
	kill_runner();
	check(world_do(&w, LIVE_DOWN));
	world_check_nothing(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(up_and_down, teardown),
		cmocka_unit_test_teardown(names, teardown),
		cmocka_unit_test_teardown(changes, teardown),
		cmocka_unit_test_teardown(nothing_changes, teardown),
		cmocka_unit_test_teardown(swap, teardown),
		cmocka_unit_test_teardown(ports, teardown),
		cmocka_unit_test_teardown(failures, teardown),
		cmocka_unit_test_teardown(map_full, teardown),
		cmocka_unit_test_teardown(taken, teardown),
		cmocka_unit_test_teardown(together, teardown),
		cmocka_unit_test_teardown(device_again, teardown),
		cmocka_unit_test_teardown(runner_dies, teardown),
	};
	int failed = world_begin(&w, argc > 1 ? argv[1] : "kernel");

	if (failed)
		return failed;
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_end(&w);
	return failed;
}
