// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * acl - a stateless access list: by source prefix, then by destination port, then default.
 *
 * The first of these that says something decides:
 *
 *   1. `sources4` / `sources6`   the longest prefix that holds the source address
 *   2. `ports`                   transport protocol and destination port
 *   3. `default_action`
 *
 * Frames that are not IP follow `other_action`; IP packets whose headers are cut short or
 * contradict themselves are denied. A later fragment has no ports, so rule 2 is silent
 * about it. `hits` tells which rule decided how often.
 *
 *   visor map set sources4 '{length: 24, address: [198, 51, 100, 0]}' deny
 *   visor map set ports '{protocol: tcp, port: 23}' deny
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include "parse.h"

enum action {
	deny,
	allow,
};

const volatile enum action default_action = allow;
const volatile enum action other_action = allow;

struct prefix4 {
	__u32 length;
	__u8 address[4];
};

struct prefix6 {
	__u32 length;
	__u8 address[16];
};

struct service {
	enum transport protocol;
	__u32 port;
};

struct hits {
	__u64 by_source;
	__u64 by_port;
	__u64 by_default;
	__u64 not_ip;
	__u64 malformed;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct prefix4);
	__type(value, enum action);
} sources4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct prefix6);
	__type(value, enum action);
} sources6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct service);
	__type(value, enum action);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hits);
} hits SEC(".maps");

static __always_inline enum action *acl_source(const struct packet *pkt)
{
	if (pkt->network == ipv4) {
		struct prefix4 key = {.length = 32};

		__builtin_memcpy(key.address, pkt->source4, sizeof(key.address));
		return bpf_map_lookup_elem(&sources4, &key);
	} else {
		struct prefix6 key = {.length = 128};

		__builtin_memcpy(key.address, pkt->source6, sizeof(key.address));
		return bpf_map_lookup_elem(&sources6, &key);
	}
}

static __always_inline enum action *acl_port(const struct packet *pkt)
{
	struct service key = {.protocol = pkt->transport, .port = pkt->dest_port};

	return pkt->ports ? bpf_map_lookup_elem(&ports, &key) : NULL;
}

static __always_inline enum action acl_decide(const void *data, const void *data_end)
{
	enum action *rule;
	struct packet pkt;
	struct hits *hit;
	__u32 zero = 0;

	hit = bpf_map_lookup_elem(&hits, &zero);
	if (!hit)
		return deny;
	parse(&pkt, data, data_end);
	if (pkt.network != ipv4 && pkt.network != ipv6) {
		hit->not_ip++;
		return other_action;
	}
	if (pkt.transport == malformed) {
		hit->malformed++;
		return deny;
	}
	rule = acl_source(&pkt);
	if (rule) {
		hit->by_source++;
		return *rule;
	}
	rule = acl_port(&pkt);
	if (rule) {
		hit->by_port++;
		return *rule;
	}
	hit->by_default++;
	return default_action;
}

SEC("xdp")
int acl_xdp(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *data_end = (const void *)(long)ctx->data_end;

	return acl_decide(data, data_end) == allow ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int acl_tc(struct __sk_buff *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *data_end = (const void *)(long)ctx->data_end;

	return acl_decide(data, data_end) == allow ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
