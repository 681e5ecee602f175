// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* memcpy - copies the first half of the input onto the second, byte by byte. */
#include "bench.h"

BENCH(memcpy)
{
	for (int i = 0; i < BENCH_INPUT / 2; i++) {
		in[BENCH_INPUT / 2 + i] = in[i];
		BENCH_BARRIER();
	}
	return BENCH_GET(__u64, in + BENCH_INPUT - 8);
}
