// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * counter - counts packets and bytes by network and transport protocol; passes everything.
 *
 *   visor map dump traffic      {network: ipv4, transport: tcp}: {packets: 12, bytes: 3400}
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include "parse.h"

struct protocol {
	enum network network;
	enum transport transport;
};

struct count {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct protocol);
	__type(value, struct count);
} traffic SEC(".maps");

/* What finds no room in `traffic`: invented EtherTypes shall not push out real ones. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct count);
} uncounted SEC(".maps");

static __always_inline void counter_add(const void *data, const void *data_end, __u32 length)
{
	struct count first = {.packets = 1, .bytes = length}, *count;
	struct protocol key;
	struct packet pkt;
	__u32 zero = 0;

	parse(&pkt, data, data_end);
	key.network = pkt.network;
	key.transport = pkt.transport;
	count = bpf_map_lookup_elem(&traffic, &key);
	if (!count) {
		if (bpf_map_update_elem(&traffic, &key, &first, BPF_NOEXIST) == 0)
			return;
		/* Full; or another CPU was first, and then the entry is there now. */
		count = bpf_map_lookup_elem(&traffic, &key);
		if (!count)
			count = bpf_map_lookup_elem(&uncounted, &zero);
		if (!count)
			return;
	}
	count->packets++;
	count->bytes += length;
}

SEC("xdp")
int counter_xdp(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *data_end = (const void *)(long)ctx->data_end;

	counter_add(data, data_end, data_end - data);
	return XDP_PASS;
}

SEC("tc")
int counter_tc(struct __sk_buff *ctx)
{
	counter_add((const void *)(long)ctx->data, (const void *)(long)ctx->data_end, ctx->len);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
