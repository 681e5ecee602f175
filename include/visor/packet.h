/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/packet.h - a packet as programs of the XDP, tc and socket filter types see it.
 *
 * The caller owns the memory; a run reads and moves the pointers, and writes the results.
 *
 *    start        meta   data                       end            stop
 *      |  headroom  |----->|========= packet =========|  tailroom    |
 *
 * start <= meta <= data <= end <= stop. A fresh packet has meta == data. Programs of the
 * socket filter type see the packet from `data` on, too. Not shared between threads while
 * a program runs on it.
 */
#ifndef VISOR_PACKET_H
#define VISOR_PACKET_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct visor_packet {
	uint8_t *start; /* lowest address that bpf_xdp_adjust_head may reach */
	uint8_t *meta;
	uint8_t *data;
	uint8_t *end;
	uint8_t *stop; /* highest address that bpf_xdp_adjust_tail may reach */

	/* struct xdp_md */
	uint32_t ingress_ifindex;
	uint32_t rx_queue_index;
	uint32_t egress_ifindex;

	/* struct __sk_buff, in host byte order except where the kernel has network order */
	uint32_t len; /* bytes of packet; kept equal to end - data by the engine */
	uint32_t pkt_type;
	uint32_t mark;
	uint32_t queue_mapping;
	uint32_t protocol; /* network order: see visor_packet_protocol() */
	uint32_t vlan_present;
	uint32_t vlan_tci;
	uint32_t vlan_proto;
	uint32_t priority;
	uint32_t ifindex;
	uint32_t tc_index;
	uint32_t cb[5];
	uint32_t hash;
	uint32_t tc_classid;
	uint32_t napi_id;
	uint32_t gso_segs;
	uint32_t gso_size;
	uint32_t wire_len;
	uint64_t tstamp;   /* nanoseconds */
	uint64_t hwtstamp; /* nanoseconds */
	uint64_t sk;	   /* always 0: there are no sockets here */
	uint8_t tstamp_type;

	/* what the kernel knows of an sk_buff without showing it */
	uint8_t hash_set;  /* hash is valid even if it is 0 */
	uint8_t csum_good; /* checksums known to be correct: 0 none, 1 the outermost, ... */
	uint16_t l2_len;   /* bytes from data to the network header */

	/* results */
	uint32_t verdict;	   /* the program's return value */
	uint32_t redirect_ifindex; /* target of bpf_redirect / bpf_redirect_map, 0: none */
	uint64_t redirect_flags;
	const void *redirect_map; /* of bpf_redirect_map; for visor_packet_target() */
};

/* A packet of len bytes at data, with the room that lies between buf and buf + size. */
static inline void visor_packet_init(struct visor_packet *pkt, void *buf, uint32_t size,
				     uint32_t headroom, uint32_t len)
{
	memset(pkt, 0, sizeof(*pkt));
	pkt->start = (uint8_t *)buf;
	pkt->data = pkt->start + headroom;
	pkt->meta = pkt->data;
	pkt->end = pkt->data + len;
	pkt->stop = pkt->start + size;
	pkt->len = len;
	pkt->wire_len = len;
	pkt->l2_len = 14;
}

/* What `protocol` is for a packet with an Ethernet header at data, as the kernel has it: its
 * type, or for IEEE 802.3 frames, which have a length there, ETH_P_802_2 or ETH_P_802_3. */
static inline uint32_t visor_packet_protocol(const struct visor_packet *pkt)
{
	uint8_t kind[2] = {0, 4};
	uint16_t protocol;

	if (pkt->end - pkt->data < 14)
		return 0;
	if (pkt->data[12] >= 6) /* 1536 and above */
		memcpy(kind, pkt->data + 12, 2);
	else if (pkt->end - pkt->data >= 16 && pkt->data[14] == 0xff && pkt->data[15] == 0xff)
		kind[1] = 1;
	memcpy(&protocol, kind, 2);
	return protocol;
}

#ifdef __cplusplus
}
#endif
#endif
