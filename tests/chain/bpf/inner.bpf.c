// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A module that uses tail calls inside itself: its programs act for its one input. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int inner_even(struct xdp_md *ctx);
int inner_odd(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} parts SEC(".maps") = {
	.values = {[0] = (void *)&inner_even, [1] = (void *)&inner_odd},
};

SEC("xdp")
int inner_even(struct xdp_md *ctx)
{
	return ctx->data_end > ctx->data ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int inner_odd(struct xdp_md *ctx)
{
	return ctx->data_end > ctx->data ? XDP_DROP : XDP_ABORTED;
}

SEC("xdp")
int inner(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &parts, (ctx->data_end - ctx->data) & 1);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
