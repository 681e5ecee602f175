// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* log2 - the integer logarithms of 64 numbers, by shifting one bit at a time. */
#include "bench.h"

BENCH(log2)
{
	__u64 sum = in[0];

	for (int i = 0; i < 64; i++) {
		__u32 v = BENCH_GET(__u32, in + i * 4) | 1;

		for (int bit = 0; bit < 32; bit++) {
			v >>= 1;
			BENCH_OPAQUE(v); /* or it becomes a single instruction */
			if (!v)
				break;
			sum++;
		}
	}
	return sum;
}
