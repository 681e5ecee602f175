// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* spread - sends through a device map: odd lengths to the port in slot 1, others to all. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

const volatile __u64 flags = BPF_F_BROADCAST;

SEC("xdp")
int spread(struct xdp_md *ctx)
{
	if ((ctx->data_end - ctx->data) & 1)
		return bpf_redirect_map(&ports, 1, 0);
	return bpf_redirect_map(&ports, 0, flags);
}

char _license[] SEC("license") = "Dual BSD/GPL";
