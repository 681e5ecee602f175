/* SPDX-License-Identifier: BSD-2-Clause */
/* An arena is shared, sparse, sealed where that is possible, and refuses what is no arena. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"

static void shared_and_sparse(void **state)
{
	struct arena a, b;
	char path[32];

	assert_int_equal(
		arena_new(&a, memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING), 1 << 30, NULL),
		0);
	assert_int_equal(a.size, 1 << 30);
	assert_true(arena_in_use(&a) < 1 << 20);
	assert_int_equal(arena_attach(&b, dup(a.fd), NULL), 0);
	assert_int_equal(b.size, a.size);
	assert_false(b.readonly);
	a.mem[(1 << 30) - 1] = 42;
	assert_int_equal(b.mem[(1 << 30) - 1], 42);
	assert_int_not_equal(ftruncate(a.fd, 4096), 0); /* sealed */
	arena_close(&b);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", a.fd);
	assert_int_equal(arena_attach(&b, open(path, O_RDONLY | O_CLOEXEC), NULL), 0);
	assert_true(b.readonly);
	arena_close(&b);
	arena_close(&b); /* closing twice is harmless */
	arena_close(&a);
}

static void refuses(void **state)
{
	struct visor_diag diag;
	struct arena a;
	int fd, probe = dup(0);

	close(probe);
	assert_int_equal(arena_attach(&a, memfd_create("empty", 0), &diag), -EINVAL);
	fd = memfd_create("odd", 0);
	assert_int_equal(ftruncate(fd, 4097), 0);
	assert_int_equal(arena_attach(&a, fd, &diag), -EINVAL);
	assert_int_equal(arena_attach(&a, open("/dev/zero", O_RDWR), &diag), -EINVAL);
	assert_int_equal(arena_attach(&a, -1, &diag), -EBADF);
	assert_int_equal(arena_new(&a, open("/dev/null", O_RDWR), 4096, &diag), -ENOMEM);
	assert_int_equal(arena_new(&a, memfd_create("huge", 0), UINT64_MAX, &diag), -ENOMEM);
	fd = dup(0); /* every descriptor that was handed over is closed */
	assert_int_equal(fd, probe);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_and_sparse),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
