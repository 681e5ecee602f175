/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * bench.h - one C source, three environments.
 *
 *   BENCH(name) { ... }    the body of program `name`: gets `__u8 *in` and its `end`,
 *                          returns __u64; reads at constant offsets below BENCH_INPUT need
 *                          no check, others are compared with `end`
 *
 * becomes, by how it is compiled:
 *
 *   native        uint32_t bench_NAME(uint8_t *in, uint32_t size)
 *   -target bpf   SEC("xdp"): `in` is the packet, of at least BENCH_INPUT bytes
 *   -DBENCH_RAW   SEC("raw"): `in` is what r1 points to (engines without contexts)
 *
 * BENCH_INPUT comes from programs.def by way of the build. The result is folded to 32
 * bits, since that is what the kernel's test run hands out. A map is BENCH_MAP(...), its
 * lookup bench_lookup(): a helper call in eBPF, a call of plain C natively.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <linux/types.h>

#define BENCH_UNUSED __attribute__((unused))
#define BENCH_INLINE static inline __attribute__((always_inline))

/* Keeps the compiler from replacing a loop by a library call or by vector instructions. */
#define BENCH_BARRIER() __asm__ volatile("" ::: "memory")
/* Hides from the compiler where a value comes from. */
#define BENCH_OPAQUE(x) __asm__ volatile("" : "+r"(x))

#define BENCH_CAT_(a, b) a##b
#define BENCH_CAT(a, b)	 BENCH_CAT_(a, b)

BENCH_INLINE __u32 bench_fold(__u64 v)
{
	return (__u32)(v ^ v >> 32);
}

/* A read at any address. Not a memcpy: for eBPF that becomes one load for each byte. */
#define BENCH_GET(type, p) (*(const type *)(p))

#ifdef __bpf__

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BENCH_MAP(map, map_type, key_type, value_type, entries) \
	struct {                                                \
		__uint(type, BPF_MAP_TYPE_##map_type);          \
		__uint(max_entries, entries);                   \
		__type(key, key_type);                          \
		__type(value, value_type);                      \
	} map SEC(".maps")
#define bench_lookup(map, key) bpf_map_lookup_elem(&map, key)

#ifdef BENCH_RAW
#define BENCH(name)                                                                         \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end); \
	SEC("raw") __u64 BENCH_CAT(bench_, name)(__u8 * in)                                 \
	{                                                                                   \
		return bench_fold(bench_body(in, in + BENCH_INPUT));                        \
	}                                                                                   \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end)
#else
#define BENCH(name)                                                                         \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end); \
	SEC("xdp") int BENCH_CAT(bench_, name)(struct xdp_md * ctx)                         \
	{                                                                                   \
		__u8 *in = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;     \
                                                                                            \
		if (in + BENCH_INPUT > end)                                                 \
			return 0;                                                           \
		return bench_fold(bench_body(in, end));                                     \
	}                                                                                   \
	char _license[] SEC("license") = "Dual BSD/GPL";                                    \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end)
#endif

#else /* native */

#include "native_map.h"

#define BENCH_MAP(map, map_type, key_type, value_type, entries) \
	static struct native_map map = {                        \
		.type = NATIVE_MAP_##map_type,                  \
		.key_size = sizeof(key_type),                   \
		.value_size = sizeof(value_type),               \
		.max_entries = entries,                         \
	};                                                      \
	struct native_map *const BENCH_CAT(BENCH_NAME, _map) = &map
#define bench_lookup(map, key) native_map_lookup(&map, key)

/* The native input has the size that it has been given room for, unless a program says else. */
#ifndef BENCH_END
#define BENCH_END (in + BENCH_INPUT)
#endif

#define BENCH(name)                                                                         \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end); \
	__u32 BENCH_CAT(bench_, name)(__u8 * in, __u32 size);                               \
	__u32 BENCH_CAT(bench_, name)(__u8 * in, BENCH_UNUSED __u32 size)                   \
	{                                                                                   \
		return bench_fold(bench_body(in, BENCH_END));                               \
	}                                                                                   \
	BENCH_INLINE __u64 bench_body(BENCH_UNUSED __u8 *in, BENCH_UNUSED const __u8 *end)

#endif
#endif
