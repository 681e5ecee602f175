// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* state2 - the next version of state1: nothing is where it was. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__s32 below;
	__u32 small;
};

struct state {
	char name[12];
	__u32 fresh;
	__u32 hidden;
	__u64 wide;
	__s8 narrow;
	__u32 same;
	struct inner inner, pairs[3];
	__u32 list[2];
	__u64 packets;
	__u32 high : 9, low : 3;
	struct {
		__u32 x;
	} kind_changes;
	bool flag;
};

struct key {
	__u16 b;
	__u16 fresh;
	__u64 a;
	__u16 zero;
	__u16 end[3];
};

#define MAP(kind, n, key_type, value_type) \
	struct {                           \
		__uint(type, kind);        \
		__uint(max_entries, n);    \
		__type(key, key_type);     \
		__type(value, value_type); \
	}

MAP(BPF_MAP_TYPE_HASH, 32, struct key, struct state) hash SEC(".maps");
MAP(BPF_MAP_TYPE_LRU_PERCPU_HASH, 64, __u32, struct inner) percpu SEC(".maps");
MAP(BPF_MAP_TYPE_LRU_HASH, 400, __u32, struct inner) lru SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 6, __u32, struct inner) array SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 4, __u32, __u64) untouched SEC(".maps");
MAP(BPF_MAP_TYPE_ARRAY, 4, __u32, __u64) kind SEC(".maps");

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

__u16 second = 20;
__u32 third = 3;
__u64 first = 10;
__u64 moved;
__u32 unset;
__u32 more;

SEC("xdp") int go(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&untouched, &zero);
	struct key key = {.a = ctx->data_end - ctx->data};

	if (n)
		__sync_fetch_and_add(n, 1);
	unset += first + second + third + moved + more;
	bpf_map_lookup_elem(&hash, &key);
	bpf_map_lookup_elem(&percpu, &zero);
	bpf_map_lookup_elem(&lru, &zero);
	bpf_map_lookup_elem(&array, &zero);
	bpf_map_lookup_elem(&lpm, &key);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
