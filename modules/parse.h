/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * parse.h - from the bytes of a frame to its protocols, addresses and ports.
 *
 *   Ethernet [802.1ad/802.1Q tag]* { IPv4 [options] | IPv6 [extension header]* } ports
 *
 * Included by modules for either hook: it needs only the two packet pointers. Every loop
 * has a constant bound and every read follows a comparison with the packet's end, so that
 * any verifier can follow it. In tc the outermost tag may be in the context rather than in
 * the bytes; the rest is the same.
 *
 * A verifier follows every path, and paths that meet again stay apart for as long as it knows
 * different things about them: which of five positions a header has, which of ten headers was
 * skipped. The two global functions below are there for that. They are verified on their own, and
 * their results are values that nothing is known of, so paths that differ in no more than these
 * become one: some hundred instructions are followed instead of some ten thousand.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PARSE_MAX_TAGS	     4	  /* VLAN tags looked through */
#define PARSE_MAX_EXTENSIONS 8	  /* IPv6 extension headers looked through */
#define PARSE_MAX_EXTENSION  2048 /* bytes: what its length field can say */

/* What an Ethernet frame carries. Other EtherTypes keep their number. */
enum network {
	llc = 0, /* an IEEE 802.3 length instead of an EtherType */
	ipv4 = ETH_P_IP,
	arp = ETH_P_ARP,
	vlan_tag = ETH_P_8021Q, /* more tags than PARSE_MAX_TAGS */
	rarp = ETH_P_RARP,
	ipv6 = ETH_P_IPV6,
	slow = ETH_P_SLOW,
	mpls = ETH_P_MPLS_UC,
	pppoe_discovery = ETH_P_PPP_DISC,
	pppoe = ETH_P_PPP_SES,
	eapol = ETH_P_PAE,
	lldp = 0x88cc,
};

/* What an IP packet carries. Other protocols keep their number. */
enum transport {
	icmp = 1,
	igmp = 2,
	ipip = 4,
	tcp = 6,
	udp = 17,
	dccp = 33,
	sit = 41,
	gre = 47,
	esp = 50,
	icmpv6 = 58,
	no_next_header = 59,
	eigrp = 88,
	ospf = 89,
	pim = 103,
	vrrp = 112,
	sctp = 132,
	udplite = 136,
	/* beyond what the protocol field can hold */
	none = 256,	 /* not IP */
	malformed = 257, /* an IP header that is cut short or contradicts itself */
};

struct packet {
	enum network network;
	enum transport transport;
	__u32 tags;    /* VLAN tags in the bytes */
	bool fragment; /* not the first one: has no transport header */
	bool ports;    /* the two below are valid */
	__u16 source_port, dest_port;
	union {
		__u8 source4[4];
		__u8 source6[16];
	};
};

/* The protocol number of each header that may stand between IPv6 and the transport. */
enum extension {
	ext_hop_by_hop = 0,
	ext_routing = 43,
	ext_fragment = 44,
	ext_authentication = 51,
	ext_destination = 60,
	ext_mobility = 135,
	ext_hip = 139,
	ext_shim6 = 140,
};

struct parse_tag {
	__be16 tci, proto;
};

struct parse_extension {
	__u8 next, length; /* of what follows the first 8 bytes, in units of 8 */
	__be16 offset;	   /* fragment header only */
};

static __always_inline bool parse_is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* The same value, of which a verifier knows nothing any more. */
__noinline __u32 parse_any(__u32 value)
{
	asm volatile("" : "+r"(value));
	return value;
}

/* The size of an IPv6 header of type `next`, whose second byte is `length`; 0 if it is none of the
 * extension headers. */
__noinline __u32 parse_extension_size(__u32 next, __u32 length)
{
	switch (next) {
	case ext_hop_by_hop:
	case ext_routing:
	case ext_destination:
	case ext_mobility:
	case ext_hip:
	case ext_shim6:
		return (length + 1) * 8;
	case ext_authentication:
		return (length + 2) * 4;
	case ext_fragment:
		return 8;
	default:
		return 0;
	}
}

/* Ports of the protocols that begin with them. pos is where the transport header begins. */
static __always_inline void parse_ports(struct packet *pkt, const __u8 *pos, const __u8 *end)
{
	const __be16 *port = (const __be16 *)pos;

	switch (pkt->transport) {
	case tcp:
	case udp:
	case dccp:
	case sctp:
	case udplite:
		break;
	default:
		return;
	}
	if (pkt->fragment)
		return;
	if (pos + 4 > end) {
		pkt->transport = malformed;
		return;
	}
	pkt->source_port = bpf_ntohs(port[0]);
	pkt->dest_port = bpf_ntohs(port[1]);
	pkt->ports = true;
}

static __always_inline void parse_ipv4(struct packet *pkt, const __u8 *pos, const __u8 *end)
{
	const struct iphdr *ip = (const struct iphdr *)pos;
	__u32 length;

	pkt->transport = malformed;
	if (pos + sizeof(*ip) > end)
		return;
	length = ip->ihl * 4;
	if (ip->version != 4 || length < sizeof(*ip) || pos + length > end)
		return;
	__builtin_memcpy(pkt->source4, &ip->saddr, 4);
	pkt->transport = ip->protocol;
	pkt->fragment = ip->frag_off & bpf_htons(0x1fff);
	parse_ports(pkt, pos + length, end);
}

static __always_inline void parse_ipv6(struct packet *pkt, const __u8 *pos, const __u8 *end)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)pos;
	__u32 next;

	pkt->transport = malformed;
	if (pos + sizeof(*ip) > end || ip->version != 6)
		return;
	__builtin_memcpy(pkt->source6, &ip->saddr, 16);
	next = ip->nexthdr;
	pos += sizeof(*ip);
	for (int i = 0; i < PARSE_MAX_EXTENSIONS; i++) {
		const struct parse_extension *ext = (const struct parse_extension *)pos;
		__u32 size;

		if (!parse_extension_size(next, 0)) {
			pkt->transport = next;
			parse_ports(pkt, pos, end);
			return;
		}
		if (pos + 8 > end)
			return;
		if (next == ext_fragment && ext->offset & bpf_htons(0xfff8)) {
			pkt->fragment = true; /* what follows is payload, whatever it looks like */
			pkt->transport = ext->next;
			return;
		}
		size = parse_extension_size(next, ext->length);
		if (size > PARSE_MAX_EXTENSION)
			return;
		next = ext->next;
		pos += size;
	}
	pkt->transport = next; /* deeper than we look: the number of the next extension header */
}

/* Fills *pkt from the frame; false if there is not even an Ethernet header. */
static __always_inline bool parse(struct packet *pkt, const void *data, const void *data_end)
{
	const __u8 *pos = data, *end = data_end;
	const struct ethhdr *eth = data;
	__u32 offset = sizeof(*eth);
	__be16 proto;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	pkt->transport = none;
	if (pos + sizeof(*eth) > end)
		return false;
	proto = eth->h_proto;
	for (int i = 0; i < PARSE_MAX_TAGS; i++) {
		const struct parse_tag *tag = (const struct parse_tag *)(pos + offset);

		if (!parse_is_tag(proto) || (const __u8 *)(tag + 1) > end)
			break;
		proto = tag->proto;
		offset += sizeof(*tag);
		pkt->tags++;
	}
	offset = parse_any(offset);
	if (offset > sizeof(*eth) + PARSE_MAX_TAGS * sizeof(struct parse_tag))
		return false;
	pos += offset;
	pkt->network = bpf_ntohs(proto);
	if (pkt->network < ETH_P_802_3_MIN)
		pkt->network = llc;
	if (pkt->network == ipv4)
		parse_ipv4(pkt, pos, end);
	else if (pkt->network == ipv6)
		parse_ipv6(pkt, pos, end);
	return true;
}

#endif
