// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A module with two inputs and two named outputs: sorts packets by the low bits of their length. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <visor/module.h>

VISOR_OUTPUT(odd, 16);
VISOR_OUTPUT(fourth, 17);

const volatile int undeclared = 0; /* what to return for lengths that are a multiple of 8 */

static __always_inline int sort(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data;

	if (len & 1)
		return odd;
	if (undeclared && !(len & 7))
		return undeclared;
	if (!(len & 3))
		return fourth;
	return XDP_PASS;
}

SEC("xdp")
int forth(struct xdp_md *ctx)
{
	return sort(ctx);
}

SEC("xdp")
int back(struct xdp_md *ctx)
{
	return sort(ctx) == XDP_PASS ? XDP_TX : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
