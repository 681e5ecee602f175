/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/loops.c - what native code calls instead of going round some loops (jit/idiom.c).
 *
 * Memory may be changed by others at the same time: whatever is read, nothing but the result
 * depends on it.
 */
#include "vm/loops.h"

#include <string.h>

#include "base/util.h"

void loops_copy(void *to, const void *from, uint64_t n)
{
	memmove(to, from, n);
}

#define SUM(name, type, attribute)                                 \
	attribute static uint64_t name(const void *from, uint64_t n) \
	{                                                          \
		const type *p = (const type *)from;                \
		uint64_t sum = 0;                                  \
                                                                   \
		for (uint64_t i = 0; i < n; i++)                   \
			sum += p[i];                               \
		return sum;                                        \
	}

#if defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((optimize("O3"), no_sanitize("alignment")))
#else
#define FAST __attribute__((no_sanitize("alignment")))
#endif

SUM(sum1, uint8_t, FAST)
SUM(sum2, uint16_t, FAST)
SUM(sum4, uint32_t, FAST)
#if defined(__x86_64__)
#define FAST_AVX2 FAST __attribute__((target("avx2")))
SUM(sum1_avx2, uint8_t, FAST_AVX2)
SUM(sum2_avx2, uint16_t, FAST_AVX2)
SUM(sum4_avx2, uint32_t, FAST_AVX2)

loops_sum_fn loops_sum(uint32_t size, bool avx2)
{
	if (avx2)
		return size == 1 ? sum1_avx2 : size == 2 ? sum2_avx2 : sum4_avx2;
	return size == 1 ? sum1 : size == 2 ? sum2 : sum4;
}
#else
loops_sum_fn loops_sum(uint32_t size, bool avx2)
{
	return size == 1 ? sum1 : size == 2 ? sum2 : sum4;
}
#endif

/* The lowest byte of v that is 0 has its highest bit set in the result, which is 0 if none is;
 * bytes above it may have theirs set, too. */
static inline uint64_t zero_byte(uint64_t v)
{
	return (v - UINT64_C(0x0101010101010101)) & ~v & UINT64_C(0x8080808080808080);
}

/* Words are compared as long as they have nothing to be found; the rest is the caller's. So the
 * result may be too small, and is the same in any byte order. */
uint64_t loops_skip_equal(const uint8_t *a, const uint8_t *b, uint64_t n)
{
	uint64_t i = 0;

	for (; i + 16 <= n; i += 16)
		if (get_u64(a + i) != get_u64(b + i) || get_u64(a + i + 8) != get_u64(b + i + 8))
			break;
	return i + 8 <= n && get_u64(a + i) == get_u64(b + i) ? i + 8 : i;
}

uint64_t loops_skip_equal_text(const uint8_t *a, const uint8_t *b, uint64_t n)
{
	uint64_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v = get_u64(a + i);

		if (v != get_u64(b + i) || zero_byte(v))
			break;
	}
	return i;
}

uint64_t loops_skip_other(const uint8_t *a, uint64_t stop, uint64_t n)
{
	uint64_t all = stop * UINT64_C(0x0101010101010101), i = 0;

	for (; i + 8 <= n; i += 8)
		if (zero_byte(get_u64(a + i) ^ all))
			break;
	return i;
}
