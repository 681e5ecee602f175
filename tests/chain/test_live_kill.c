/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands on a live chain are killed anywhere: before any of their system calls. Whatever is left,
 * frames go through the old chain or the new one, the status says which, the next command works,
 * and after `down` nothing is there.
 *
 *     test_live_kill ENGINE [POINTS [OPERATION]]
 *
 * Points are spread over all system calls of the operation; VISOR_KILLS multiplies them.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live_world.h"

#define NOTHING_MS 100 /* for a frame that may not come at all */

static struct world w;
static unsigned points = 60;
static uint32_t seed = 1;

struct trails {
	const char *left, *right;
};
static const struct trails old_trails = {"x1y1", "z1"}, new_trails = {"x2n1y2", "z2"},
			   swapped_trails = {"x2y1", "z1"};

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- dying ------------------------------------------------------------------------------------
 */

static pid_t victim(enum live_op op)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(99);
	raise(SIGSTOP);
	if (!world_do(&w, op))
		_exit(0);
	fprintf(stderr, "%s: %s\n", live_op_names[op], w.diag.text);
	_exit(1);
}

/*
 * Runs the operation in a process that dies when it enters its n-th system call. How many it has
 * entered; *done if it came to its end before.
 */
static unsigned run_killed(enum live_op op, unsigned n, bool *done)
{
	pid_t pid = victim(op);
	bool entry = true, begun = false;
	unsigned calls = 0;
	int status;

	*done = false;
	for (;;) {
		int sig = 0;

		assert_int_equal(waitpid(pid, &status, __WALL), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			*done = true;
			return calls;
		}
		if (WIFSIGNALED(status)) {
			assert_int_equal(WTERMSIG(status), SIGKILL);
			return calls;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			calls += entry;
			if (entry && calls == n)
				kill(pid, SIGKILL);
			entry = !entry;
		} else if (!begun) {
			begun = true;
			ptrace(PTRACE_SETOPTIONS, pid, NULL,
			       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		} else {
			sig = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig);
	}
}

/* ---- before and after
 * ----------------------------------------------------------------------------------- */

static void check(int err, const char *what)
{
	if (err)
		fail_msg("%s: %s: %s (%s)", what, w.diag.place, w.diag.text, strerror(-err));
}

static void old_file(void)
{
	world_file(&w, "x1 y1 z1", "a>x>y>b b>z>a", NULL);
}

static void new_file(void)
{
	world_file(&w, "x2 n1 y2 z2", "a>x>n>y>b b>z>a", NULL);
}

static void check_trails(const struct trails *t, const char *what)
{
	const char *left = world_trail(&w, true, WORLD_SOON);

	if (strcmp(left, t->left) != 0)
		fail_msg("%s: from the left %s, not %s", what, left, t->left);
	left = world_trail(&w, false, WORLD_SOON);
	if (strcmp(left, t->right) != 0)
		fail_msg("%s: from the right %s, not %s", what, left, t->right);
}

/* From whatever there is to what the operation starts from. */
static void prepare(enum live_op op, bool is_up)
{
	if (op == LIVE_UP) {
		if (is_up)
			check(world_do(&w, LIVE_DOWN), "down, to begin");
		old_file();
		return;
	}
	old_file();
	check(world_do(&w, is_up ? LIVE_APPLY : LIVE_UP), "to begin");
	if (op == LIVE_APPLY || op == LIVE_ROLLBACK)
		new_file();
	if (op == LIVE_ROLLBACK)
		check(world_do(&w, LIVE_APPLY), "to begin");
}

static uint32_t generation(void)
{
	struct live_status *s = world_status(&w);
	uint32_t n = s ? s->record->generation : 0;

	live_status_free(s);
	return n;
}

/* One direction, that is one chain or the other. */
static void check_either(bool from_left, const char *a, const char *b, bool or_nothing)
{
	const char *trail = world_trail(&w, from_left, or_nothing ? NOTHING_MS : WORLD_SOON);

	if (strcmp(trail, a) != 0 && strcmp(trail, b) != 0 && !(or_nothing && !strcmp(trail, "-")))
		fail_msg("from the %s %s, neither %s nor %s", from_left ? "left" : "right", trail,
			 a, b);
}

/* A change was interrupted: the one generation is in force, or the other. */
static void after_change(const struct trails *was, const struct trails *is, uint32_t before,
			 bool done)
{
	uint32_t now;

	check_either(true, was->left, is->left, false);
	check_either(false, was->right, is->right, false);
	now = generation();
	if (now != before + 1 && (done || now != before))
		fail_msg("generation %u after %u: %s", now, before, w.diag.text);
	check_trails(now == before ? was : is, "as the status says");
}

/* The chain was coming up or going down. What it is now is a chain or is not. */
static void after_edge(enum live_op op, bool done)
{
	uint32_t now;

	check_either(true, old_trails.left, old_trails.left, true);
	check_either(false, old_trails.right, old_trails.right, true);
	now = generation();
	if (!now && w.diag.err != -ENOENT)
		fail_msg("status: %s", w.diag.text);
	if (done && (now == 0) != (op == LIVE_DOWN))
		fail_msg("generation %u after it was done", now);
	if (!now && rnd(2)) {
		int err = world_do(&w, LIVE_DOWN);

		if (err != -ENOENT)
			check(err, "down afterwards");
		world_check_nothing(&w);
	}
	old_file();
	check(world_do(&w, now ? LIVE_APPLY : LIVE_UP), "up afterwards");
	check_trails(&old_trails, "up afterwards");
}

/* Returns whether the chain is up. */
static bool killed_once(enum live_op op, unsigned n, bool is_up, unsigned *calls)
{
	uint32_t before;
	bool done;

	prepare(op, is_up);
	before = op == LIVE_UP ? 0 : generation();
	*calls = run_killed(op, n, &done);
	if (op == LIVE_UP || op == LIVE_DOWN)
		after_edge(op, done);
	else if (op == LIVE_ROLLBACK)
		after_change(&new_trails, &old_trails, before, done);
	else
		after_change(&old_trails, op == LIVE_SWAP ? &swapped_trails : &new_trails, before,
			     done);
	if (rnd(4))
		return true;
	before = world_slots_id(&w);
	check(world_do(&w, LIVE_DOWN), "down");
	world_check_nothing(&w);
	assert_false(before && world_map_lives(&w, before));
	return false;
}

static void killed(enum live_op op)
{
	const char *factor = getenv("VISOR_KILLS");
	unsigned n = points * (factor ? (unsigned)atoi(factor) : 1), calls, total;
	bool up = killed_once(op, UINT32_MAX, world_is_up(&w), &total);

	printf("%s: %u system calls, %u points\n", live_op_names[op], total, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned from = (unsigned)((uint64_t)total * i / n);
		unsigned to = (unsigned)((uint64_t)total * (i + 1) / n);
		unsigned at = 1 + from + rnd(to > from ? to - from : 1);

		printf("%s: killed at %u of %u\n", live_op_names[op], at, total);
		fflush(stdout);
		up = killed_once(op, at, up, &calls);
	}
	if (up)
		check(world_do(&w, LIVE_DOWN), "down");
	world_check_nothing(&w);
}

static void killed_up(void **state)
{
	killed(LIVE_UP);
}

static void killed_apply(void **state)
{
	killed(LIVE_APPLY);
}

static void killed_swap(void **state)
{
	killed(LIVE_SWAP);
}

static void killed_rollback(void **state)
{
	killed(LIVE_ROLLBACK);
}

static void killed_down(void **state)
{
	killed(LIVE_DOWN);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_up),   cmocka_unit_test(killed_apply),
		cmocka_unit_test(killed_swap), cmocka_unit_test(killed_rollback),
		cmocka_unit_test(killed_down),
	};
	int failed = world_begin(&w, argc > 1 ? argv[1] : "kernel");

	if (failed)
		return failed;
	if (argc > 2)
		points = (unsigned)atoi(argv[2]);
	if (argc > 3)
		cmocka_set_test_filter(argv[3]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_end(&w);
	return failed;
}
