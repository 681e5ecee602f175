/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* As many rounds as a number from a map says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 rounds;
__u64 sum;

SEC("xdp")
int add_up(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < rounds; i++)
		sum += i * ctx->ingress_ifindex;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
