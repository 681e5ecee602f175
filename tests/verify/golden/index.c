/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An index that may be one too large. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct stats {
	__u64 counters[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stats);
} stats SEC(".maps");

SEC("xdp")
int by_index(struct xdp_md *ctx)
{
	__u32 zero = 0, i = ctx->rx_queue_index;
	struct stats *s = bpf_map_lookup_elem(&stats, &zero);

	if (!s)
		return XDP_ABORTED;
	if (i > 16)
		return XDP_ABORTED;
	s->counters[i]++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
