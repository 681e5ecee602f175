/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain changes back and forth while frames come as fast as they can: none is lost in it, and
 * none passes a module by. The chain's own counters say so, which every frame goes through: what
 * came in at the port is what the first module handed on, in either version, and the second one.
 * What a device or a socket has no room for is not the chain's to lose.
 *
 *     test_live_load ENGINE [CHANGES]      (also prints how long they take)
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "chain/counters.h"
#include "live_world.h"

#define PASS 2 /* the verdict's row */

static struct world w;
static unsigned n_changes = 200;
static uint64_t seen_old, seen_new;

static void check(int err)
{
	if (err)
		fail_msg("%s: %s (%s)", w.diag.place, w.diag.text, strerror(-err));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Frames from the left until it is killed. */
static pid_t sender(void)
{
	uint8_t frame[NETNS_FRAME];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t i = 1U << 20;; i++) {
		netns_frame(frame, NULL, 0x0a000001, 0x0a000002, 9, i);
		if (send(w.left, frame, sizeof(frame), 0) < 0)
			usleep(50);
	}
}

/* What has come out so far went one way or the other. */
static void look(const char *was, const char *is)
{
	uint8_t got[2048];

	for (int i = 0; i < 256; i++) {
		size_t n = netns_receive(w.right, got, sizeof(got), 0, NULL, NULL);
		char trail[16];

		if (!n)
			break;
		if (netns_frame_number(got, n) < 0)
			continue;
		snprintf(trail, sizeof(trail), "%.*s", got[50] * 2, got + 51);
		seen_old += !strcmp(trail, was);
		seen_new += !strcmp(trail, is);
		if (strcmp(trail, was) != 0 && strcmp(trail, is) != 0)
			fail_msg("a frame came by %s: neither %s nor %s", trail, was, is);
	}
}

static uint64_t passed(const struct live_status *s, const char *module)
{
	int64_t i = record_find_input(s->record, module, "mark");
	uint64_t all = 0;

	assert_true(i >= 0);
	for (uint32_t row = 0; row < COUNTERS_TIME(s->record->inputs[i].n_rows); row++)
		all += s->rows[i][row].packets;
	/* Nothing has left by another way: no empty slot, no other verdict. */
	assert_int_equal(all, s->rows[i][PASS].packets);
	return all;
}

/* Nothing comes any more, and all that came is through. */
static struct live_status *at_rest(void)
{
	uint64_t before = 0;

	for (int same = 0;;) {
		struct live_status *s = world_status(&w);
		int64_t a;

		assert_non_null(s);
		a = record_find_port(s->record, "a");
		assert_true(a >= 0);
		same = s->ports[a].in.packets == before ? same + 1 : 0;
		before = s->ports[a].in.packets;
		if (same == 4)
			return s;
		live_status_free(s);
		usleep(100000);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *what, uint64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof(*ns), by_size);
	printf("%s, %u times: p50 %.1f us, p99 %.1f us, max %.1f us\n", what, n,
	       (double)ns[n / 2] / 1e3, (double)ns[n - 1 - n / 100] / 1e3, (double)ns[n - 1] / 1e3);
}

static void under_load(const char *modules, const char *was, const char *is)
{
	uint64_t *switches = calloc(n_changes + 1, sizeof(*switches)), first;
	uint64_t *commands = calloc(n_changes + 1, sizeof(*commands));
	struct live_status *s;
	uint8_t left[2048];
	pid_t pid;

	assert_true(switches && commands);
	seen_old = seen_new = 0;
	world_file(&w, "x1 y1", "a>x>y>b", NULL);
	check(world_do(&w, LIVE_UP));
	/* What the test before has left in the socket. */
	while (netns_receive(w.right, left, sizeof(left), 0, NULL, NULL))
		;
	pid = sender();
	world_file(&w, modules, "a>x>y>b", NULL);
	check(world_do(&w, LIVE_APPLY));
	for (unsigned i = 0; i < n_changes; i++) {
		uint64_t start = now_ns();

		check(world_do(&w, LIVE_ROLLBACK));
		commands[i] = now_ns() - start;
		switches[i] = w.report.switch_ns;
		look(was, is);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	s = at_rest();
	first = s->ports[record_find_port(s->record, "a")].in.packets;
	printf("%s: %llu frames through %u changes\n", w.mode, (unsigned long long)first,
	       n_changes + 1);
	print_times("  switch", switches, n_changes);
	print_times("  command", commands, n_changes);
	assert_true(first > n_changes && seen_old && seen_new);
	assert_int_equal(s->ports[record_find_port(s->record, "a")].missed.packets, 0);
	assert_int_equal(passed(s, "x"), first);
	assert_int_equal(passed(s, "y"), first);
	live_status_free(s);
	check(world_do(&w, LIVE_DOWN));
	world_check_nothing(&w);
	free(switches);
	free(commands);
}

static void in_place(void **state)
{
	under_load("x1 y2", "x1y1", "x1y2");
}

static void aside(void **state)
{
	under_load("x2 y2", "x1y1", "x2y2");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_place),
		cmocka_unit_test(aside),
	};
	int failed = world_begin(&w, argc > 1 ? argv[1] : "kernel");

	if (failed)
		return failed;
	if (argc > 2)
		n_changes = (unsigned)atoi(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_end(&w);
	return failed;
}
