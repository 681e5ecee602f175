// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* state1 - state as a module has it; state2.bpf.c is its next version. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__u8 small;
	__s16 below;
};

struct state {
	__u64 packets;
	__u32 gone;
	__u16 wide;   /* wider in the next */
	__s32 narrow; /* narrower */
	__u32 same;
	struct inner inner;
	__u16 list[3];
	char name[8];
	__u32 low : 5, high : 9;
	struct {
		__u32 hidden;
	};
	__u32 kind_changes;
	bool flag;
	struct inner pairs[2];
};

struct key {
	__u32 a;
	__u16 b;
	__u16 zero;
};

#define MAP(kind, n, key_type, value_type) \
	struct {                           \
		__uint(type, kind);        \
		__uint(max_entries, n);    \
		__type(key, key_type);     \
		__type(value, value_type); \
	}

MAP(BPF_MAP_TYPE_HASH, 64, struct key, struct state) hash SEC(".maps");
MAP(BPF_MAP_TYPE_PERCPU_HASH, 16, __u32, struct inner) percpu SEC(".maps");
MAP(BPF_MAP_TYPE_LRU_HASH, 100, __u32, struct inner) lru SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 8, __u32, struct inner) array SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 4, __u32, __u64) untouched SEC(".maps");
MAP(BPF_MAP_TYPE_HASH, 4, __u32, __u64) kind SEC(".maps");

struct prefix {
	__u32 bits;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct inner);
} lpm SEC(".maps");

__u32 first = 1, second = 2;
__u64 moved;
__u32 unset;

SEC("xdp") int go(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&untouched, &zero);
	struct key key = {.a = ctx->data_end - ctx->data};

	if (n)
		__sync_fetch_and_add(n, 1);
	unset += first + second + moved;
	bpf_map_lookup_elem(&hash, &key);
	bpf_map_lookup_elem(&percpu, &zero);
	bpf_map_lookup_elem(&lru, &zero);
	bpf_map_lookup_elem(&array, &zero);
	bpf_map_lookup_elem(&kind, &zero);
	bpf_map_lookup_elem(&lpm, &key);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
