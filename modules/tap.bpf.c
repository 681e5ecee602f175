// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tap - puts the first bytes of every packet into a ring buffer, and returns one fixed verdict.
 *
 * `visor capture` and `visor trace` put it on an edge of a running chain: `verdict` is then what
 * packets on that edge have been given, so that nothing becomes of them that would not have
 * without it. A record is put together in memory of the CPU, which no other packet uses meanwhile,
 * since its length is not known before. A record that finds the ring full is lost, and counted.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define TAP_BYTES 16384

const volatile __u32 edge = 0;
const volatile __u32 snaplen = 256;
const volatile __u32 verdict = XDP_PASS;

struct tap_record {
	__u64 time; /* nanoseconds, monotonic */
	__u32 cpu;
	__u32 edge;
	__u32 length;	/* of the packet */
	__u32 captured; /* of it, in `bytes` */
	__be16 vlan_proto; /* of a tag that is not in the bytes; 0: there is none */
	__u16 vlan_tci;
	__u32 zero;
	__u8 bytes[TAP_BYTES];
};

#define TAP_HEAD __builtin_offsetof(struct tap_record, bytes)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tap_record);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline struct tap_record *tap_begin(__u32 length)
{
	__u32 zero = 0;
	struct tap_record *r = bpf_map_lookup_elem(&scratch, &zero);

	if (!r)
		return NULL;
	r->time = bpf_ktime_get_ns();
	r->cpu = bpf_get_smp_processor_id();
	r->edge = edge;
	r->length = length;
	r->vlan_proto = 0;
	r->vlan_tci = 0;
	r->zero = 0;
	return r;
}

static __always_inline __u32 tap_bytes(__u32 length)
{
	__u32 n = length < snaplen ? length : snaplen;

	if (n > TAP_BYTES)
		n = TAP_BYTES;
	/* What is known of n has to be known of the register that is used. */
	asm volatile("" : "+r"(n));
	return n;
}

static __always_inline void tap_end(struct tap_record *r, __u32 n)
{
	__u32 zero = 0;
	__u64 *count;

	if (n > TAP_BYTES)
		return;
	r->captured = n;
	if (!bpf_ringbuf_output(&records, r, TAP_HEAD + n, BPF_RB_NO_WAKEUP))
		return;
	count = bpf_map_lookup_elem(&lost, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
}

SEC("xdp")
int tap_xdp(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data, n = tap_bytes(length);
	struct tap_record *r = tap_begin(length);

	if (!r)
		return verdict;
	if (n < 1 || n > TAP_BYTES || bpf_xdp_load_bytes(ctx, 0, r->bytes, n))
		n = 0;
	tap_end(r, n);
	return verdict;
}

SEC("tc")
int tap_tc(struct __sk_buff *ctx)
{
	__u32 length = ctx->len, n = tap_bytes(length);
	struct tap_record *r = tap_begin(length);

	if (!r)
		return verdict;
	if (ctx->vlan_present) {
		r->vlan_proto = ctx->vlan_proto;
		r->vlan_tci = ctx->vlan_tci;
	}
	if (n < 1 || n > TAP_BYTES || bpf_skb_load_bytes(ctx, 0, r->bytes, n))
		n = 0;
	tap_end(r, n);
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
