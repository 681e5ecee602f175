// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* siphash - SipHash-2-4 with key 00 01 .. 0f, written from its paper, over the whole input. */
#include "bench.h"

BENCH_INLINE __u64 sip_rotate(__u64 v, int n)
{
	return v << n | v >> (64 - n);
}

BENCH_INLINE void sip_round(__u64 *v)
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = sip_rotate(v[1], 13) ^ v[0];
	v[3] = sip_rotate(v[3], 16) ^ v[2];
	v[0] = sip_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = sip_rotate(v[1], 17) ^ v[2];
	v[3] = sip_rotate(v[3], 21) ^ v[0];
	v[2] = sip_rotate(v[2], 32);
}

BENCH_INLINE void sip_word(__u64 *v, __u64 word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

BENCH(siphash)
{
	const __u64 k0 = 0x0706050403020100ull, k1 = 0x0f0e0d0c0b0a0908ull;
	__u64 v[4] = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
		      k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};
	__u64 last = (__u64)(BENCH_INPUT & 255) << 56;
	__u32 i;

	for (i = 0; i + 8 <= BENCH_INPUT; i += 8)
		sip_word(v, BENCH_GET(__u64, in + i));
	for (int n = 0; i < BENCH_INPUT; i++, n++)
		last |= (__u64)in[i] << n * 8;
	sip_word(v, last);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
