/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/checksum.h - the Internet checksum (RFC 1071, RFC 1624).
 *
 * A sum is 32 bits wide, ones' complement, of 16-bit words in the byte order they have in
 * memory. It is 0 only if everything that went into it is 0, therefore the order of
 * additions never shows in a result.
 */
#ifndef VM_CHECKSUM_H
#define VM_CHECKSUM_H

#include "base/util.h"

static inline uint32_t csum_add(uint32_t a, uint32_t b)
{
	uint64_t sum = (uint64_t)a + b;

	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static inline uint32_t csum_sub(uint32_t a, uint32_t b)
{
	return csum_add(a, ~b);
}

/* To 16 bits, not complemented. */
static inline uint16_t csum_narrow(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

/* What stands in a header. */
static inline uint16_t csum_fold(uint32_t sum)
{
	return ~csum_narrow(sum);
}

/* Adds the bytes; an odd last one as if a zero followed. */
static inline uint32_t csum_bytes(const void *bytes, size_t size, uint32_t sum)
{
	const uint8_t *p = bytes;
	uint64_t wide = sum;

	for (; size >= 4; p += 4, size -= 4)
		wide += get_u32(p); /* no overflow below 16 GiB */
	if (size) {
		uint32_t rest = 0;

		memcpy(&rest, p, size);
		wide += rest;
	}
	wide = (wide & UINT32_MAX) + (wide >> 32);
	return (uint32_t)wide + (uint32_t)(wide >> 32);
}

#endif
