// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* xxh64 - XXH64 with seed 0, written from its specification, over the whole input. */
#include "bench.h"

#define XXH_P1 0x9e3779b185ebca87ull
#define XXH_P2 0xc2b2ae3d27d4eb4full
#define XXH_P3 0x165667b19e3779f9ull
#define XXH_P4 0x85ebca77c2b2ae63ull
#define XXH_P5 0x27d4eb2f165667c5ull

BENCH_INLINE __u64 xxh_rotate(__u64 v, int n)
{
	return v << n | v >> (64 - n);
}

BENCH_INLINE __u64 xxh_round(__u64 acc, __u64 lane)
{
	return xxh_rotate(acc + lane * XXH_P2, 31) * XXH_P1;
}

BENCH_INLINE __u64 xxh_merge(__u64 acc, __u64 lane)
{
	return (acc ^ xxh_round(0, lane)) * XXH_P1 + XXH_P4;
}

BENCH(xxh64)
{
	__u64 a = XXH_P1 + XXH_P2, b = XXH_P2, c = 0, d = 0 - XXH_P1, h;
	__u32 i;

	for (i = 0; i + 32 <= BENCH_INPUT; i += 32) {
		a = xxh_round(a, BENCH_GET(__u64, in + i));
		b = xxh_round(b, BENCH_GET(__u64, in + i + 8));
		c = xxh_round(c, BENCH_GET(__u64, in + i + 16));
		d = xxh_round(d, BENCH_GET(__u64, in + i + 24));
	}
	h = xxh_rotate(a, 1) + xxh_rotate(b, 7) + xxh_rotate(c, 12) + xxh_rotate(d, 18);
	h = xxh_merge(h, a);
	h = xxh_merge(h, b);
	h = xxh_merge(h, c);
	h = xxh_merge(h, d);
	h += BENCH_INPUT;
	for (; i + 8 <= BENCH_INPUT; i += 8) {
		h ^= xxh_round(0, BENCH_GET(__u64, in + i));
		h = xxh_rotate(h, 27) * XXH_P1 + XXH_P4;
	}
	for (; i + 4 <= BENCH_INPUT; i += 4) {
		h ^= BENCH_GET(__u32, in + i) * XXH_P1;
		h = xxh_rotate(h, 23) * XXH_P2 + XXH_P3;
	}
	for (; i < BENCH_INPUT; i++) {
		h ^= in[i] * XXH_P5;
		h = xxh_rotate(h, 11) * XXH_P1;
	}
	h = (h ^ h >> 33) * XXH_P2;
	h = (h ^ h >> 29) * XXH_P3;
	return h ^ h >> 32;
}
