/* SPDX-License-Identifier: BSD-2-Clause */
/* base/sha256.h - SHA-256 (FIPS 180-4) of data that comes piece by piece. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
	uint32_t h[8];
	uint64_t n; /* bytes so far */
	uint8_t part[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t size);
/* The digest; s is used up. */
void sha256_end(struct sha256 *s, uint8_t digest[SHA256_SIZE]);

#endif
