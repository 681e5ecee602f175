/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a program whose code finds no place: it is interpreted where the system is so,
 * and refused where anything else is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../vm.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

static bool forbid_executable(void)
{
	return !prctl(PR_SET_MDWE, 1, 0, 0, 0);
}

/* Room for small things, but none for a space of code. */
static bool little_memory(void)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "r");
	bool ok = f && fscanf(f, "%lu", &pages) == 1;

	if (f)
		fclose(f);
	limit.rlim_cur = limit.rlim_max = (pages << 12) + (16 << 20);
	return ok && !getenv("VISOR_SANITIZED") && !setrlimit(RLIMIT_AS, &limit);
}

static bool no_descriptors(void)
{
	struct rlimit limit = {0, 0};

	return !setrlimit(RLIMIT_NOFILE, &limit);
}

/* In a process of its own, since it cannot be taken back. 77: it cannot be had here. */
static int in_child(bool (*prepare)(void), enum test_way way, int expected, const char *why)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 7},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct test_prog t = {.way = way};
	struct visor_diag diag = {0};
	static struct visor_run run;
	struct vm_prog *prog = NULL;
	uint64_t ret = 0;
	int err;

	if (!prepare())
		return 77;
	err = test_prog_insns(&t, insns, 2, &prog, &diag);
	if (err != (way == TEST_NATIVE || !why ? expected : 0))
		return fprintf(stderr, "error %d\n", err), 1;
	if (err)
		return diag.err == err && strstr(diag.text, "cannot be placed") &&
				       (!why || strstr(diag.text, why))
			       ? 0
			       : 2;
	if (vm_prog_native(prog) || vm_prog_unplaced(prog) != expected ||
	    !strstr(vm_unplaced_text(expected), why) || diag.err || diag.text[0])
		return 3;
	vm_run_init(&run);
	vm_enter(&run);
	err = vm_prog_run(prog, &run, NULL, 0, &ret);
	vm_leave(&run);
	vm_prog_unref(prog);
	return err || ret != 7 ? 4 : 0;
}

static void check(bool (*prepare)(void), int expected, const char *why)
{
	if (!jit_native())
		skip();
	for (int way = TEST_NATIVE; way <= TEST_BEST; way++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(in_child(prepare, way, expected, why));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void forbidden(void **state)
{
	check(forbid_executable, -EACCES, "forbids");
}

static void no_room(void **state)
{
	check(little_memory, -ENOMEM, "no memory");
}

static void other_error(void **state)
{
	check(no_descriptors, -EMFILE, NULL);
}

static void placed(void **state)
{
	struct test_prog t = {.way = TEST_BEST};
	struct vm_prog *prog = test_prog(&t, "r0 = 7\n exit");

	assert_int_equal(vm_prog_unplaced(prog), 0);
	assert_int_equal(vm_prog_native(prog) != NULL, jit_native());
	vm_prog_unref(prog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden),
		cmocka_unit_test(no_room),
		cmocka_unit_test(other_error),
		cmocka_unit_test(placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
