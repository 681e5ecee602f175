/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/tag.c - the tag of a program: the first 8 bytes of the SHA-256 of its instructions,
 * which is what current kernels show (before Linux 6.18 it was a SHA-1).
 */
#include "base/sha256.h"
#include "sys/sys.h"

void sys_tag(const void *data, size_t size, uint8_t tag[BPF_TAG_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, size);
	sha256_end(&s, digest);
	memcpy(tag, digest, BPF_TAG_SIZE);
}
