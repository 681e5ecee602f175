/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * mark.h - a module that says it was here: it appends its letter and its version to a frame of the
 * tests (tests/netns.h), and counts those. Behind the frame's number stand the number of marks and
 * the marks.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MARK_MAGIC   0x76697372
#define MARK_PAYLOAD 42
#define MARK_MAX     6

const volatile __u8 letter = '?';

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} marked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MARK_FEW);
	__type(key, __u32);
	__type(value, __u32);
} few SEC(".maps");

SEC("xdp")
int mark(struct xdp_md *ctx)
{
	__u8 *p = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end, *at;
	__u32 key = 0, n;
	__u64 *count;

	if (p + 64 > end || *(__u32 *)(p + MARK_PAYLOAD) != bpf_htonl(MARK_MAGIC))
		return XDP_PASS;
	n = p[MARK_PAYLOAD + 8];
	if (n >= MARK_MAX)
		return XDP_DROP;
	at = p + MARK_PAYLOAD + 9 + 2 * n;
	if (at + 2 > end)
		return XDP_DROP;
	at[0] = letter;
	at[1] = MARK_VERSION;
	p[MARK_PAYLOAD + 8] = n + 1;
	count = bpf_map_lookup_elem(&marked, &key);
	if (count)
		++*count;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
