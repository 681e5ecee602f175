/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/cross/cmocka.h - what our tests use of cmocka, for machines for which it is not installed
 * (scripts/test-aarch64). The first failure ends the program.
 */
#ifndef TESTS_CROSS_CMOCKA_H
#define TESTS_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
	int (*setup)(void **state);
	int (*teardown)(void **state);
};

static jmp_buf cmocka_skip;

#define fail_msg(...)                                                                  \
	(fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), \
	 fprintf(stderr, "\n"), exit(1))
#define fail()		 fail_msg("failed")
#define skip()		 longjmp(cmocka_skip, 1)
#define print_message	 printf
#define print_error(...) fprintf(stderr, __VA_ARGS__)

#define assert_true(x)			 ((x) ? (void)0 : fail_msg("not true: %s", #x))
#define assert_false(x)			 ((x) ? fail_msg("true: %s", #x) : (void)0)
#define assert_non_null(x)		 assert_true((x) != NULL)
#define assert_null(x)			 assert_true((x) == NULL)
#define assert_memory_equal(a, b, n)	 assert_true(!memcmp(a, b, n))
#define assert_memory_not_equal(a, b, n) assert_true(memcmp(a, b, n))
#define assert_ptr_equal(a, b)		 assert_true((a) == (b))
#define assert_ptr_not_equal(a, b)	 assert_true((a) != (b))
#define assert_in_range(x, from, to)	 assert_true((x) >= (from) && (x) <= (to))
#define assert_int_equal(a, b)		 assert_numbers(a, b, true)
#define assert_int_not_equal(a, b)	 assert_numbers(a, b, false)
#define assert_numbers(a, b, equal)                                                            \
	do {                                                                                   \
		unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b); \
                                                                                               \
		if ((a_ == b_) != (equal))                                                     \
			fail_msg("%s is 0x%llx, %s 0x%llx", #a, a_, (equal) ? "not" : "as is", \
				 b_);                                                          \
	} while (0)
#define assert_string_equal(a, b)                                     \
	do {                                                          \
		const char *a_ = (a), *b_ = (b);                      \
                                                                      \
		if (strcmp(a_, b_))                                   \
			fail_msg("%s is '%s', not '%s'", #a, a_, b_); \
	} while (0)

#define cmocka_unit_test(f)       \
	{                         \
#f, f, NULL, NULL \
	}
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
	{                                                   \
#f, f, setup, teardown                      \
	}
#define cmocka_run_group_tests(tests, setup, teardown) \
	cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

static inline int cmocka_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state),
			     int (*teardown)(void **state))
{
	void *group = NULL;

	if (setup && setup(&group))
		return 1;
	for (size_t i = 0; i < n; i++) {
		void *state = group;

		printf("%s\n", tests[i].name);
		fflush(stdout);
		if (tests[i].setup && tests[i].setup(&state))
			return 1;
		if (!setjmp(cmocka_skip))
			tests[i].test(&state);
		else
			printf("skipped\n");
		if (tests[i].teardown && tests[i].teardown(&state))
			return 1;
	}
	return teardown ? teardown(&group) : 0;
}

#endif
