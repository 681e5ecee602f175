// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* hash - 64 look-ups in a hash map of 1,024 entries. */
#include "bench.h"

BENCH_MAP(flows, HASH, __u64, __u64, 1024);

BENCH(hash)
{
	__u64 sum = in[0];

	for (int i = 0; i < 64; i++) {
		__u64 key = BENCH_GET(__u64, in + i * 8);
		__u64 *value = bench_lookup(flows, &key);

		if (value)
			sum += *value;
	}
	return sum;
}
