// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* loop - what `hash` does, but for the look-ups: each key goes through the stack. */
#include "bench.h"

BENCH(loop)
{
	__u64 sum = in[0];

	for (int i = 0; i < 64; i++) {
		__u64 key = BENCH_GET(__u64, in + i * 8), *value = &key;

		__asm__ volatile("" : "+r"(value) : : "memory");
		sum += *value;
	}
	return sum;
}
