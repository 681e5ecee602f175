// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * memcpy - copies the first half of the input onto the second. In eBPF that is a loop over
 * bytes; the native compiler may make of it what it can.
 */
#include "bench.h"

#ifdef __bpf__
#define BYTEWISE() BENCH_BARRIER()
#else
#define BYTEWISE() (void)0
#endif

BENCH(memcpy)
{
	for (int i = 0; i < BENCH_INPUT / 2; i++) {
		in[BENCH_INPUT / 2 + i] = in[i];
		BYTEWISE();
	}
	return BENCH_GET(__u64, in + BENCH_INPUT - 8);
}
