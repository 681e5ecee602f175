// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* seen - writes down what a tc program sees of each packet. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "seen.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEEN_MAX);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

__u32 n_seen;

SEC("tc")
int see(struct __sk_buff *ctx)
{
	static const __u8 from[6] = SEEN_FROM;
	__u8 addresses[12] = {0};
	__u32 n = n_seen;
	struct seen *s = bpf_map_lookup_elem(&seen, &n);

	if (bpf_skb_load_bytes(ctx, 0, addresses, sizeof(addresses)))
		return TC_ACT_OK;
	for (int i = 0; i < 6; i++)
		if (addresses[6 + i] != from[i])
			return TC_ACT_OK;
	if (!s)
		return TC_ACT_OK;
	s->len = ctx->len;
	s->protocol = ctx->protocol;
	s->pkt_type = ctx->pkt_type;
	s->wire_len = ctx->wire_len;
	s->vlan_present = ctx->vlan_present;
	s->vlan_tci = ctx->vlan_tci;
	s->vlan_proto = ctx->vlan_proto;
	bpf_skb_load_bytes(ctx, 0, s->bytes, sizeof(s->bytes));
	n_seen = n + 1;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
