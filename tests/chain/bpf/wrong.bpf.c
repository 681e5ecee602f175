// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A module that no verifier lets through: it reads where the packet may have ended. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int mark(struct xdp_md *ctx)
{
	return *(volatile __u8 *)(long)ctx->data ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
