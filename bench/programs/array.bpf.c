// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* array - 64 look-ups in an array map of 1,024 values. */
#include "bench.h"

BENCH_MAP(table, ARRAY, __u32, __u64, 1024);

BENCH(array)
{
	__u64 sum = in[0];

	for (int i = 0; i < 64; i++) {
		__u32 key = BENCH_GET(__u32, in + i * 4);
		__u64 *value = bench_lookup(table, &key);

		if (value)
			sum += *value;
	}
	return sum;
}
