// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* prime - is the number in the input a prime? Trial division by odd numbers. */
#include "bench.h"

BENCH(prime)
{
	__u32 n = BENCH_GET(__u32, in);

	if (n < 4)
		return n > 1;
	if (!(n & 1))
		return 0;
	for (__u32 d = 3; d < 1024; d += 2) {
		if (d * d > n)
			return 1;
		if (n % d == 0)
			return 0;
	}
	return 2; /* cannot tell */
}
