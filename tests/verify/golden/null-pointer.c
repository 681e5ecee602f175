/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A look-up may find nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	__u64 *n = bpf_map_lookup_elem(&hits, &queue);

	*n += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
