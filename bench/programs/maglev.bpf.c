// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * maglev - the data path of a consistent-hashing load balancer: a hash of the 5-tuple picks
 * a slot of a prime-sized table, which names the backend. 32 flows of 16 bytes:
 * addresses, ports, protocol.
 */
#include "bench.h"

#define MAGLEV_FLOWS 32
#define MAGLEV_SLOTS 65537

BENCH_MAP(ring, ARRAY, __u32, __u32, MAGLEV_SLOTS);

/* A mixing step with the usual three: add, xor, rotate. */
BENCH_INLINE __u32 maglev_mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x85ebca6b;
	return (hash << 13 | hash >> 19) * 5 + 0xe6546b64;
}

BENCH(maglev)
{
	__u64 sum = in[0];

	for (int i = 0; i < MAGLEV_FLOWS; i++) {
		const __u8 *flow = in + i * 16;
		__u32 hash = 0x5bd1e995, slot, *backend;

		hash = maglev_mix(hash, BENCH_GET(__u32, flow));
		hash = maglev_mix(hash, BENCH_GET(__u32, flow + 4));
		hash = maglev_mix(hash, BENCH_GET(__u32, flow + 8));
		hash = maglev_mix(hash, BENCH_GET(__u32, flow + 12));
		hash = (hash ^ hash >> 16) * 0xc2b2ae35;
		hash ^= hash >> 15;
		slot = hash % MAGLEV_SLOTS;
		backend = bench_lookup(ring, &slot);
		if (!backend)
			return 0;
		sum = sum * 31 + *backend;
	}
	return sum;
}
