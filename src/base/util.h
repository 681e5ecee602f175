/* SPDX-License-Identifier: BSD-2-Clause */
/* base/util.h - the few macros that every layer uses. No state, safe from any thread. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)		      (((x) + (a)-1) & ~((__typeof__(x))(a)-1))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define VISOR_EXPORT	       __attribute__((visibility("default")))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Unaligned access in host byte order: compiles to one load or store. */
#define UTIL_UNALIGNED(bits)                                      \
	static inline uint##bits##_t get_u##bits(const void *p)   \
	{                                                         \
		uint##bits##_t v;                                 \
		memcpy(&v, p, sizeof(v));                         \
		return v;                                         \
	}                                                         \
	static inline void put_u##bits(void *p, uint##bits##_t v) \
	{                                                         \
		memcpy(p, &v, sizeof(v));                         \
	}
UTIL_UNALIGNED(16)
UTIL_UNALIGNED(32)
UTIL_UNALIGNED(64)
#undef UTIL_UNALIGNED

/*
 * Reads a public options struct, whose first member is its size (size_t). src may be NULL: all
 * zero. What an older caller's struct lacks is zero; -E2BIG if a newer one sets something that
 * is not known here, -EINVAL if the size is none.
 */
static inline int opts_get(void *dst, size_t size, const void *src)
{
	size_t theirs;

	memset(dst, 0, size);
	if (!src)
		return 0;
	memcpy(&theirs, src, sizeof(theirs));
	if (theirs < sizeof(theirs))
		return -EINVAL;
	for (size_t i = size; i < theirs; i++)
		if (((const uint8_t *)src)[i])
			return -E2BIG;
	memcpy(dst, src, MIN(size, theirs));
	return 0;
}

/* Rounds up to a power of two; 0 and values above 2^63 give 0. */
static inline uint64_t round_up_pow2(uint64_t v)
{
	if (v < 2)
		return v;
	if (v > UINT64_C(1) << 63)
		return 0;
	return UINT64_C(1) << (64 - __builtin_clzll(v - 1));
}

#endif
