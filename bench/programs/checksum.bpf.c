// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* checksum - the Internet checksum (RFC 1071) of the whole input, 16 bits at a time. */
#include "bench.h"

BENCH(checksum)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < BENCH_INPUT; i += 2)
		sum += BENCH_GET(__u16, in + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}
