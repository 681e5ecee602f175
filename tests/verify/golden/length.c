/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A length from the packet, without a limit. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buf[64];
	__u32 len = skb->len;

	if (bpf_skb_load_bytes(skb, 0, buf, len))
		return 0;
	return buf[0];
}

char _license[] SEC("license") = "GPL";
