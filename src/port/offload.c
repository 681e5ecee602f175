/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/offload.c - checksums and segments in software.
 *
 * Sums are taken of words in the machine's byte order: the ones' complement sum does not mind,
 * as long as it is stored in that order again (RFC 1071).
 */
#include "port/offload.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define SCTP_HEADER 12
#define SCTP_CHECK  8

static uint64_t offload_sum(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint16_t last = 0;

	for (; len >= 4; len -= 4, p += 4)
		sum += get_u32(p);
	if (len >= 2) {
		sum += get_u16(p);
		p += 2;
	}
	if (len & 1) {
		memcpy(&last, p, 1);
		sum += last;
	}
	return sum;
}

static uint16_t offload_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Where the network header begins, and of what protocol; 0: the frame ends before it. */
static uint32_t offload_network(const uint8_t *frame, uint32_t len, uint16_t *type)
{
	uint32_t at = ETH_HLEN;

	if (len < ETH_HLEN)
		return 0;
	*type = get_u16(frame + 12);
	while (*type == htons(ETH_P_8021Q) || *type == htons(ETH_P_8021AD)) {
		at += 4;
		if (len < at)
			return 0;
		*type = get_u16(frame + at - 2);
	}
	return at;
}

/* A transport header and what is behind it. */
struct offload_l4 {
	uint32_t at, len;
	uint8_t protocol;
	uint64_t pseudo;
};

static bool offload_find(const uint8_t *frame, uint32_t len, struct offload_l4 *out)
{
	uint16_t type = 0;
	uint32_t l3 = offload_network(frame, len, &type), total;
	const uint8_t *ip = frame + l3;

	if (!l3)
		return false;
	if (type == htons(ETH_P_IP) && len >= l3 + sizeof(struct iphdr)) {
		uint32_t head = (ip[0] & 15) * 4u;

		total = ntohs(get_u16(ip + 2));
		/* A fragment has no checksum of its own. */
		if (head < sizeof(struct iphdr) || total < head || total > len - l3 ||
		    (get_u16(ip + 6) & htons(0x3fff)))
			return false;
		out->at = l3 + head;
		out->len = total - head;
		out->protocol = ip[9];
		out->pseudo = offload_sum(0, ip + 12, 8);
	} else if (type == htons(ETH_P_IPV6) && len >= l3 + sizeof(struct ip6_hdr)) {
		total = ntohs(get_u16(ip + 4));
		if (total > len - l3 - sizeof(struct ip6_hdr))
			return false;
		out->at = l3 + (uint32_t)sizeof(struct ip6_hdr);
		out->len = total;
		out->protocol = ip[6];
		out->pseudo = offload_sum(0, ip + 8, 32);
	} else {
		return false;
	}
	out->pseudo += htons(out->protocol) + (uint64_t)htons((uint16_t)out->len);
	return true;
}

/* CRC32c, by the bit: for the few packets of SCTP that a software device leaves open. */
static uint32_t offload_crc(const uint8_t *p, uint32_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void offload_put_crc(uint8_t *l4, uint32_t len)
{
	uint32_t crc;

	memset(l4 + SCTP_CHECK, 0, 4);
	crc = offload_crc(l4, len);
	for (int i = 0; i < 4; i++)
		l4[SCTP_CHECK + i] = (uint8_t)(crc >> 8 * i);
}

/* The sum of what is in the field and behind it; UDP says by 0 that there is none. */
static void offload_put(uint8_t *l4, uint32_t len, uint32_t offset, uint64_t more)
{
	uint16_t check = (uint16_t)~offload_fold(offload_sum(more, l4, len));

	if (!check && offset == offsetof(struct udphdr, check))
		check = 0xffff;
	put_u16(l4 + offset, check);
}

void offload_complete(uint8_t *frame, uint32_t len)
{
	struct offload_l4 l4;
	uint32_t offset;

	if (!offload_find(frame, len, &l4))
		return;
	if (l4.protocol == IPPROTO_TCP && l4.len >= sizeof(struct tcphdr))
		offset = offsetof(struct tcphdr, check);
	else if (l4.protocol == IPPROTO_UDP && l4.len >= sizeof(struct udphdr))
		offset = offsetof(struct udphdr, check);
	else if (l4.protocol == IPPROTO_SCTP && l4.len >= SCTP_HEADER &&
		 !get_u32(frame + l4.at + SCTP_CHECK))
		return offload_put_crc(frame + l4.at, l4.len);
	else
		return;
	if (get_u16(frame + l4.at + offset) == offload_fold(l4.pseudo))
		offload_put(frame + l4.at, l4.len, offset, 0);
}

bool offload_finish(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset)
{
	struct offload_l4 l4;

	if (start > len || offset > len - start || len - start - offset < 2)
		return false;
	/* The frame may be padded behind its packet. */
	if (offload_find(frame, len, &l4) && l4.at == start) {
		if (l4.protocol == IPPROTO_SCTP && offset == SCTP_CHECK && l4.len >= SCTP_HEADER) {
			offload_put_crc(frame + start, l4.len);
			return true;
		}
		len = start + l4.len;
		if (len < start + offset + 2)
			return false;
	}
	if (offset != offsetof(struct tcphdr, check) && offset != offsetof(struct udphdr, check))
		return false;
	offload_put(frame + start, len - start, offset, 0);
	return true;
}

/* ---- segments -------------------------------------------------------------------------- */

bool offload_begin(struct offload *o, const uint8_t *frame, uint32_t len, uint8_t type,
		   uint32_t size, uint32_t l4)
{
	uint16_t ether = 0;
	uint32_t l3 = offload_network(frame, len, &ether), ip;

	type &= (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	memset(o, 0, sizeof(*o));
	o->v6 = ether == htons(ETH_P_IPV6);
	o->udp = type == VIRTIO_NET_HDR_GSO_UDP_L4;
	ip = o->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	if (!l3 || !size || (!o->v6 && ether != htons(ETH_P_IP)) || l4 < l3 + ip || l4 > len)
		return false;
	if (!o->udp && type != (o->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4))
		return false;
	if (!o->v6 && l4 != l3 + (frame[l3] & 15) * 4u)
		return false;
	if (o->udp) {
		o->head = l4 + (uint32_t)sizeof(struct udphdr);
	} else {
		if (len - l4 < sizeof(struct tcphdr) || frame[l4 + 12] >> 4 < 5)
			return false;
		o->head = l4 + (frame[l4 + 12] >> 4) * 4u;
	}
	/* Each must be able to say how long it is. */
	if (o->head > len || o->head - l3 > UINT16_MAX || size > UINT16_MAX - (o->head - l3))
		return false;
	o->frame = frame;
	o->payload = len - o->head;
	o->l3 = l3;
	o->l4 = l4;
	o->size = size;
	return true;
}

void offload_whole(struct offload *o, const uint8_t *frame, uint32_t len)
{
	*o = (struct offload){.frame = frame, .payload = len, .size = len, .whole = true};
}

uint32_t offload_next(const struct offload *o)
{
	return o->at < o->payload ? o->head + MIN(o->size, o->payload - o->at) : 0;
}

static void offload_ip(const struct offload *o, uint8_t *ip, uint32_t len)
{
	if (o->v6) {
		put_u16(ip + 4, htons((uint16_t)(len - sizeof(struct ip6_hdr))));
		return;
	}
	put_u16(ip + 2, htons((uint16_t)len));
	put_u16(ip + 4, htons((uint16_t)(ntohs(get_u16(ip + 4)) + o->number)));
	put_u16(ip + 10, 0);
	put_u16(ip + 10, (uint16_t)~offload_fold(offload_sum(0, ip, (ip[0] & 15) * 4u)));
}

void offload_write(struct offload *o, uint8_t *out)
{
	uint32_t len = offload_next(o), l4_len = len - o->l4;
	uint8_t *ip = out + o->l3, *l4 = out + o->l4;
	bool last = o->at + o->size >= o->payload;
	uint64_t pseudo =
		htons((uint16_t)l4_len) + (uint64_t)htons(o->udp ? IPPROTO_UDP : IPPROTO_TCP);

	memcpy(out, o->frame, o->head);
	memcpy(out + o->head, o->frame + o->head + o->at, len - o->head);
	if (o->whole) {
		o->at = len;
		return;
	}
	offload_ip(o, ip, len - o->l3);
	pseudo = o->v6 ? offload_sum(pseudo, ip + 8, 32) : offload_sum(pseudo, ip + 12, 8);
	if (o->udp) {
		put_u16(l4 + 4, htons((uint16_t)l4_len));
	} else {
		put_u32(l4 + 4, htonl(ntohl(get_u32(l4 + 4)) + o->at));
		if (!last)
			l4[13] &= (uint8_t) ~(TH_FIN | TH_PUSH);
		if (o->number)
			l4[13] &= 0x7f; /* the congestion window was reduced once */
	}
	put_u16(l4 + (o->udp ? 6 : 16), 0);
	offload_put(l4, l4_len, o->udp ? 6 : 16, pseudo);
	o->at += len - o->head;
	o->number++;
}
