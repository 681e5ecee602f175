// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * switch - the bytes of the input as operation codes of a toy machine: 256 cases that have
 * no common form, so that they stay a switch.
 */
#include "bench.h"

#define CASE(n)                                                       \
	case n:                                                       \
		acc = (n) % 4 == 0   ? acc + (n)*2654435761u          \
		      : (n) % 4 == 1 ? acc ^ ((n)*40503u + 7)         \
		      : (n) % 4 == 2 ? acc * ((n) | 1)                \
				     : (acc >> ((n) % 31 + 1)) - (n); \
		break;
#define CASE4(n)  CASE(n) CASE((n) + 1) CASE((n) + 2) CASE((n) + 3)
#define CASE16(n) CASE4(n) CASE4((n) + 4) CASE4((n) + 8) CASE4((n) + 12)
#define CASE64(n) CASE16(n) CASE16((n) + 16) CASE16((n) + 32) CASE16((n) + 48)

BENCH(switch)
{
	__u64 acc = BENCH_GET(__u64, in);

	for (int i = 0; i < 64; i++) {
		switch (in[i]) {
			CASE64(0)
			CASE64(64)
			CASE64(128)
			CASE64(192)
		}
	}
	return acc;
}
