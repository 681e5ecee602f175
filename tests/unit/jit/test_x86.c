/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of x86-64 instructions, against those of an assembler (x86.def). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jit/x86.h"

static void check(struct jit_emitter *e, const char *text, const uint8_t *bytes, uint32_t n)
{
	if (e->failed || e->size != n)
		fail_msg("%s: %u bytes instead of %u", text, e->size, n);
	for (uint32_t i = 0; i < n; i++)
		if (e->bytes[i] != bytes[i])
			fail_msg("%s: byte %u is 0x%02x instead of 0x%02x", text, i, e->bytes[i],
				 bytes[i]);
}

static void test_forms(void **state)
{
	struct jit_emitter emitter = {.arena = jit_arena_new()}, *e = &emitter;

	assert_non_null(e->arena);
#define CASE(text, call, ...)                                 \
	{                                                     \
		static const uint8_t bytes[] = {__VA_ARGS__}; \
                                                              \
		e->size = 0;                                  \
		call;                                         \
		check(e, text, bytes, ARRAY_SIZE(bytes));     \
	}
#include "x86.def"
#undef CASE
	jit_arena_free(e->arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
