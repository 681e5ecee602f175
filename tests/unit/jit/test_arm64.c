/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of arm64 instructions, against those of an assembler (arm64.def); distances; and that every
 * mask with an encoding is encoded as itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jit/arm64.h"

static uint32_t word_at(const struct jit_emitter *e, uint32_t at)
{
	uint32_t word;

	memcpy(&word, e->bytes + at, 4);
	return word;
}

static void check(struct jit_emitter *e, const char *text, const uint32_t *words, uint32_t n)
{
	if (e->failed || e->size != n * 4)
		fail_msg("%s: %u bytes instead of %u", text, e->size, n * 4);
	for (uint32_t i = 0; i < n; i++)
		if (word_at(e, i * 4) != words[i])
			fail_msg("%s: 0x%08x instead of 0x%08x", text, word_at(e, i * 4), words[i]);
}

static void test_forms(void **state)
{
	struct jit_emitter emitter = {.arena = jit_arena_new()}, *e = &emitter;

	assert_non_null(e->arena);
#define CASE(text, call, ...)                                  \
	{                                                      \
		static const uint32_t words[] = {__VA_ARGS__}; \
                                                               \
		e->size = 0;                                   \
		call;                                          \
		check(e, text, words, ARRAY_SIZE(words));      \
	}
#include "arm64.def"
#undef CASE
	jit_arena_free(e->arena);
}

/* What the manual says that the field means. */
static uint64_t mask_of(uint32_t word, bool wide)
{
	unsigned n = word >> 22 & 1, immr = word >> 16 & 63, imms = word >> 10 & 63;
	unsigned size = 1u << (31 - __builtin_clz(n << 6 | (~imms & 63)));
	unsigned ones = (imms & (size - 1)) + 1, turn = immr & (size - 1);
	uint64_t part = jit_mask(ones), mask = 0;

	assert_true(wide || !n);
	if (turn)
		part = (part >> turn | part << (size - turn)) & jit_mask(size);
	for (unsigned at = 0; at < 64; at += size)
		mask |= part << at;
	return wide ? mask : (uint32_t)mask;
}

static void test_masks(void **state)
{
	struct jit_emitter e = {.arena = jit_arena_new()};
	uint32_t seen = 0;

	assert_non_null(e.arena);
	for (unsigned size = 2; size <= 64; size *= 2)
		for (unsigned ones = 1; ones < size; ones++)
			for (unsigned turn = 0; turn < size; turn++) {
				uint64_t part = jit_mask(ones), mask = 0;

				if (turn)
					part = (part << turn | part >> (size - turn)) &
					       jit_mask(size);
				for (unsigned at = 0; at < 64; at += size)
					mask |= part << at;
				assert_true(arm64_mask_fits(true, mask));
				e.size = 0;
				arm64_mask(&e, true, A64_AND, 1, 2, mask);
				assert_int_equal(mask_of(word_at(&e, 0), true), mask);
				seen++;
				if (size == 64)
					continue;
				assert_true(arm64_mask_fits(false, mask));
				e.size = 0;
				arm64_mask(&e, false, A64_AND, 1, 2, (uint32_t)mask);
				assert_int_equal(mask_of(word_at(&e, 0), false), (uint32_t)mask);
			}
	assert_int_equal(seen, 5334); /* there are no more */
	assert_false(arm64_mask_fits(true, 0));
	assert_false(arm64_mask_fits(true, UINT64_MAX));
	assert_false(arm64_mask_fits(false, UINT32_MAX));
	assert_false(arm64_mask_fits(true, 5));
	assert_false(arm64_mask_fits(true, UINT32_MAX - 4));
	jit_arena_free(e.arena);
}

/* The number that the instructions put into x1. */
static uint64_t moved(const struct jit_emitter *e)
{
	uint64_t v = 0;

	for (uint32_t at = 0; at < e->size; at += 4) {
		uint32_t word = word_at(e, at), opcode = word & 0x7f800000;
		unsigned shift = (word >> 21 & 3) * 16;
		uint64_t part = (uint64_t)(word >> 5 & 0xffff) << shift;
		bool wide = word >> 31;

		assert_int_equal(word & 31, 1);
		if ((word & 0x7f8003e0) == 0x320003e0) {
			v = mask_of(word, wide);
		} else if (opcode == A64_MOVZ) {
			v = part;
		} else if (opcode == A64_MOVN) {
			v = wide ? ~part : (uint32_t)~part;
		} else {
			assert_int_equal(opcode, A64_MOVK);
			v = (v & ~(UINT64_C(0xffff) << shift)) | part;
		}
	}
	return v;
}

static void test_numbers(void **state)
{
	static const uint16_t parts[] = {0, 0xffff, 1, 0x8000, 0x1234, 0x5555, 0xff00};
	struct jit_emitter e = {.arena = jit_arena_new()};
	const unsigned n = ARRAY_SIZE(parts);

	assert_non_null(e.arena);
	for (unsigned i = 0; i < n * n * n * n; i++) {
		uint64_t v = parts[i % n] | (uint64_t)parts[i / n % n] << 16 |
			     (uint64_t)parts[i / n / n % n] << 32 |
			     (uint64_t)parts[i / n / n / n % n] << 48;

		e.size = 0;
		arm64_mov_imm(&e, 1, v);
		assert_int_equal(moved(&e), v);
		assert_in_range(e.size, 4, 16);
	}
	jit_arena_free(e.arena);
}

static uint32_t fixed(uint32_t word, int64_t distance)
{
	arm64_fixup((uint8_t *)&word, 4, distance - 4);
	return word;
}

static void test_distances(void **state)
{
	uint32_t pair[2] = {A64_ADRP | 3, 0x91000063};
	uint32_t parts[4] = {0xd2800003, 0xf2a00003, 0xf2c00003, 0xf2e00003};

	assert_int_equal(fixed(A64_B, 0x7fffffc), 0x15ffffff);
	assert_int_equal(fixed(A64_B, -0x8000000), 0x16000000);
	assert_int_equal(fixed(A64_BCOND | A64_LT, 0xffffc), 0x547fffeb);
	assert_int_equal(fixed(A64_BCOND | A64_EQ, -0x100000), 0x54800000);
	assert_int_equal(fixed(A64_CBZ | 5, -4), 0x34ffffe5);
	assert_int_equal(fixed(A64_CBNZ | 1u << 31 | 5, 8), 0xb5000045);
	assert_int_equal(fixed(A64_TBZ | 1u << 31 | 2 << 19 | 7, 0x7ffc), 0xb613ffe7);
	assert_int_equal(fixed(A64_TBNZ | 31 << 19 | 7, -0x8000), 0x37fc0007);

	/* An address in another page, and a call. */
	assert_true(arm64_relocate((uint8_t *)pair, JIT_PAGES, 0x12345678, 0x10001ffc));
	assert_int_equal(pair[0], 0x90011a23);
	assert_int_equal(pair[1], 0x9119e063);
	assert_false(arm64_relocate((uint8_t *)pair, JIT_PAGES, INT64_C(1) << 40, 0));
	assert_true(arm64_relocate((uint8_t *)pair, JIT_DISTANCE, 0x1000, 0x2000));
	assert_int_equal(pair[0], 0x97fffc00);
	assert_false(arm64_relocate((uint8_t *)pair, JIT_DISTANCE, 0x8000000, 0));
	assert_true(arm64_relocate((uint8_t *)pair, JIT_DISTANCE, 0, 0x8000000));

	/* An address as a number, of 48 bits or of all. */
	assert_true(arm64_relocate((uint8_t *)parts, JIT_ADDRESS, 0x123456789abc, 0x2000));
	assert_int_equal(parts[0], 0xd2935783);
	assert_int_equal(parts[1], 0xf2aacf03);
	assert_int_equal(parts[2], 0xf2c24683);
	assert_int_equal(parts[3], 0xf2e00003);
	assert_false(arm64_relocate((uint8_t *)parts, JIT_ADDRESS, INT64_C(1) << 48, 0));
	assert_true(arm64_relocate((uint8_t *)parts, JIT_ADDRESS_LONG, INT64_C(1) << 48, 0));
	assert_int_equal(parts[0], 0xd2800003);
	assert_int_equal(parts[2], 0xf2c00003);
	assert_int_equal(parts[3], 0xf2e00023);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
