/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A helper for sk_buffs, in a program that runs before there is one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int first_byte(struct xdp_md *ctx)
{
	__u8 byte;

	if (bpf_skb_load_bytes(ctx, 0, &byte, 1))
		return XDP_DROP;
	return byte ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
