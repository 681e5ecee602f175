// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sampler - puts the first bytes of every Nth packet into a ring buffer; passes everything.
 *
 * N is `every`, counted on each CPU by itself; 0 switches sampling off. A sample that finds
 * the ring full is lost, and counted.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define SAMPLE_BYTES 128

const volatile __u32 every = 64;

struct sample {
	__u64 time;	/* nanoseconds, monotonic */
	__u32 length;	/* of the packet */
	__u32 captured; /* of it, in `bytes` */
	__u8 bytes[SAMPLE_BYTES];
};

struct progress {
	__u64 seen;
	__u64 sampled;
	__u64 lost;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct progress);
} progress SEC(".maps");

/*
 * A ring buffer has no value type. A function that nothing calls, and that loaders leave
 * out, keeps the type of its records in the object's BTF.
 */
__attribute__((used, noinline)) static struct sample *samples_record(void)
{
	return NULL;
}

static __always_inline void sampler_take(const __u8 *data, const __u8 *data_end, __u32 length)
{
	struct progress *state;
	struct sample *sample;
	__u32 zero = 0, i;

	state = bpf_map_lookup_elem(&progress, &zero);
	if (!state)
		return;
	if (!every || state->seen++ % every)
		return;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		state->lost++;
		return;
	}
	sample->time = bpf_ktime_get_ns();
	sample->length = length;
	__builtin_memset(sample->bytes, 0,
			 SAMPLE_BYTES); /* the ring's memory has been used before */
	for (i = 0; i < SAMPLE_BYTES; i++) {
		if (data + i + 1 > data_end)
			break;
		sample->bytes[i] = data[i];
	}
	sample->captured = i;
	bpf_ringbuf_submit(sample, 0);
	state->sampled++;
}

SEC("xdp")
int sampler_xdp(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *data_end = (const __u8 *)(long)ctx->data_end;

	sampler_take(data, data_end, data_end - data);
	return XDP_PASS;
}

SEC("tc")
int sampler_tc(struct __sk_buff *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *data_end = (const __u8 *)(long)ctx->data_end;

	sampler_take(data, data_end, ctx->len);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
