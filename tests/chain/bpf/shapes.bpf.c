// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the shapes that make rewriting hard. Each computes something from the packet, so
 * that a mistake changes a verdict. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __noinline __u32 checksum(struct xdp_md *ctx, __u32 from)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	__u32 sum = from;

	for (__u32 i = 0; i < 64; i++) {
		if (data + i + 1 > end)
			break;
		sum = (sum << 1 | sum >> 31) ^ data[i];
	}
	return sum;
}

static __noinline __u32 twice(struct xdp_md *ctx, __u32 from)
{
	return checksum(ctx, checksum(ctx, from));
}

static int verdict(__u32 sum)
{
	return sum % 4 + 1; /* drop, pass, tx, redirect */
}

/* Functions calling functions, and the main program's own loop after a call. */
SEC("xdp")
int calls(struct xdp_md *ctx)
{
	__u32 sum = twice(ctx, 1);

	if (sum & 1)
		return verdict(sum >> 1);
	return verdict(checksum(ctx, sum));
}

static long step(__u32 i, void *user)
{
	__u32 *sum = user;

	*sum = *sum * 31 + i;
	return *sum % 13 == 0;
}

/* A callback: the address of a function in the code. */
SEC("xdp")
int callback(struct xdp_md *ctx)
{
	__u32 sum = checksum(ctx, 3);

	bpf_loop(16, step, &sum, 0);
	return verdict(sum);
}

/* Many live values: every callee-saved register and a deep frame. */
SEC("xdp")
int crowded(struct xdp_md *ctx)
{
	volatile __u64 frame[32] = {};
	__u32 a = checksum(ctx, 1), b = checksum(ctx, a), c = checksum(ctx, b ^ a),
	      d = checksum(ctx, c + a), e = checksum(ctx, d - b);
	__u32 key = e & 3;
	__u64 *count;

	frame[a & 31] = b;
	frame[c & 31] += d;
	count = bpf_map_lookup_elem(&seen, &key);
	if (count)
		*count += a + b + c + d;
	return verdict(a ^ b ^ c ^ d ^ e ^ (__u32)frame[b & 31]);
}

/* Moves the packet before it leaves. */
SEC("xdp")
int moves(struct xdp_md *ctx)
{
	__u32 sum = checksum(ctx, 7);

	if (bpf_xdp_adjust_head(ctx, -(int)(sum % 16)))
		return XDP_ABORTED;
	if (sum & 16 && bpf_xdp_adjust_tail(ctx, -4))
		return XDP_ABORTED;
	return verdict(sum);
}

SEC("tc")
int classify(struct __sk_buff *ctx)
{
	switch (ctx->len % 5) {
	case 0:
		return -1; /* TC_ACT_UNSPEC */
	case 1:
		return 2; /* TC_ACT_SHOT */
	case 2:
		return 0; /* TC_ACT_OK */
	case 3:
		return 100; /* nothing known */
	default:
		return 3; /* TC_ACT_PIPE */
	}
}

char _license[] SEC("license") = "Dual BSD/GPL";
