/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/helper_skb.c - helpers of programs that see a struct __sk_buff (tc, socket filters).
 *
 * The packet is always linear and never shared, its checksums are never computed by a
 * device. A VLAN tag that a program pushes stands beside the packet (vlan_present,
 * vlan_tci, vlan_proto), as in the kernel, until a second one moves it into the bytes.
 */
#include <errno.h>
#include <limits.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <netinet/in.h>

#include "vm/checksum.h"
#include "vm/helper.h"

enum {
	VLAN_TAG = 4,
	MAX_LEN = 16384 - 320, /* of a packet whose length a program changes */
	MANGLED_ZERO = 0xffff, /* a UDP checksum that is 0 */
};

static bool in_packet(const struct visor_packet *pkt, uint64_t off, uint64_t size)
{
	return off + size <= pkt->len;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static uint64_t load_bytes(const struct visor_packet *pkt, uint64_t off, void *to, uint32_t size)
{
	if (off > INT_MAX || !in_packet(pkt, off, size)) {
		memset(to, 0, size);
		return -EFAULT;
	}
	memmove(to, pkt->data + off, size);
	return 0;
}

HELPER_BODY(skb_load_bytes)
{
	return load_bytes(PTR(a1), (uint32_t)a2, PTR(a3), a4);
}

HELPER_BODY(skb_load_bytes_relative)
{
	const struct visor_packet *pkt = PTR(a1);
	uint64_t off = (uint32_t)a2;

	if (off > 0xffff || (uint32_t)a5 > BPF_HDR_START_NET)
		off = UINT32_MAX;
	else if ((uint32_t)a5 == BPF_HDR_START_NET)
		off += pkt->l2_len;
	return load_bytes(pkt, off, PTR(a3), a4);
}

static void clear_hash(struct visor_packet *pkt)
{
	pkt->hash = 0;
	pkt->hash_set = 0;
}

HELPER_BODY(skb_store_bytes)
{
	struct visor_packet *pkt = PTR(a1);
	uint32_t off = a2, size = a4;

	if (a5 & ~(uint64_t)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return -EINVAL;
	if (off > INT_MAX || !in_packet(pkt, off, size))
		return -EFAULT;
	memmove(pkt->data + off, PTR(a3), size);
	if (a5 & BPF_F_INVALIDATE_HASH)
		clear_hash(pkt);
	return 0;
}

/* All bytes are always there; only the question is checked. */
HELPER_BODY(skb_pull_data)
{
	const struct visor_packet *pkt = PTR(a1);

	return in_packet(pkt, 0, (uint32_t)a2) ? 0 : -ENOMEM;
}

/* ---- checksums ---------------------------------------------------------------------------- */

/* Replaces `from` by `to`, both of `size` bytes, in the sum at p; size 0: adds `to`. */
static int replace_csum(uint8_t *p, uint64_t from, uint64_t to, uint64_t size)
{
	uint32_t sum = ~(uint32_t)get_u16(p);

	switch (size) {
	case 0:
		if (from)
			return -EINVAL;
		sum = csum_add(to, sum);
		break;
	case 2:
		sum = csum_narrow(csum_add((uint16_t)sum, (uint16_t)~from));
		sum = csum_narrow(csum_add(sum, (uint16_t)to));
		break;
	case 4:
		sum = csum_add(csum_sub(sum, from), to);
		break;
	default:
		return -EINVAL;
	}
	put_u16(p, csum_fold(sum));
	return 0;
}

static int csum_place(const struct visor_packet *pkt, uint32_t off)
{
	return off > 0xffff || off % 2 || !in_packet(pkt, off, 2) ? -EFAULT : 0;
}

HELPER_BODY(l3_csum_replace)
{
	struct visor_packet *pkt = PTR(a1);
	uint32_t off = a2;

	if (a5 & ~(uint64_t)BPF_F_HDR_FIELD_MASK)
		return -EINVAL;
	if (csum_place(pkt, off))
		return -EFAULT;
	return (int64_t)replace_csum(pkt->data + off, a3, a4, a5);
}

HELPER_BODY(l4_csum_replace)
{
	/* A flag that is younger than some versions of the header. */
	const uint64_t f_ipv6 = 1 << 7;
	struct visor_packet *pkt = PTR(a1);
	uint32_t off = a2;
	uint64_t size = a5 & BPF_F_HDR_FIELD_MASK;
	uint8_t *p;
	int err;

	if (a5 & ~(BPF_F_HDR_FIELD_MASK | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 |
		   BPF_F_MARK_ENFORCE | f_ipv6))
		return -EINVAL;
	if (csum_place(pkt, off))
		return -EFAULT;
	p = pkt->data + off;
	if ((a5 & BPF_F_MARK_MANGLED_0) && !(a5 & BPF_F_MARK_ENFORCE) && !get_u16(p))
		return 0;
	/* Transport sums treat a short field as a word. */
	err = size == 2 ? replace_csum(p, (uint16_t)a3, (uint16_t)a4, 4)
			: replace_csum(p, a3, a4, size);
	if (!err && (a5 & BPF_F_MARK_MANGLED_0) && !get_u16(p))
		put_u16(p, MANGLED_ZERO);
	return (int64_t)err;
}

/* For checksums that a device computed: never here. */
HELPER_BODY(csum_update)
{
	return -KERNEL_ENOTSUPP;
}

HELPER_BODY(csum_level)
{
	enum { MAX_LEVELS = 4 };
	struct visor_packet *pkt = PTR(a1);

	switch (a2) {
	case BPF_CSUM_LEVEL_INC:
		pkt->csum_good = MIN(pkt->csum_good + 1, MAX_LEVELS);
		return 0;
	case BPF_CSUM_LEVEL_DEC:
		pkt->csum_good = MAX(pkt->csum_good - 1, 0);
		return 0;
	case BPF_CSUM_LEVEL_RESET:
		pkt->csum_good = 0;
		return 0;
	case BPF_CSUM_LEVEL_QUERY:
		return pkt->csum_good ? pkt->csum_good - 1 : -EACCES;
	default:
		return -EINVAL;
	}
}

/* ---- length ------------------------------------------------------------------------------- */

HELPER_BODY(skb_change_tail)
{
	struct visor_packet *pkt = PTR(a1);
	uint32_t len = a2;

	if (a3 || len > MAX_LEN || len < pkt->l2_len)
		return -EINVAL;
	if (len > pkt->stop - pkt->data)
		return -ENOMEM;
	if (len > pkt->len)
		memset(pkt->end, 0, len - pkt->len);
	pkt->len = len;
	pkt->end = pkt->data + len;
	return 0;
}

/* Moves the start of the packet down by size bytes; metadata are lost. */
static int push_bytes(struct visor_packet *pkt, uint32_t size)
{
	if (size > pkt->data - pkt->start)
		return -ENOMEM;
	pkt->data -= size;
	pkt->meta = pkt->data;
	pkt->len += size;
	pkt->l2_len += size;
	return 0;
}

HELPER_BODY(skb_change_head)
{
	struct visor_packet *pkt = PTR(a1);
	uint32_t size = a2;
	int err;

	if (a3 || (uint64_t)pkt->len + size > MAX_LEN)
		return -EINVAL;
	err = push_bytes(pkt, size);
	if (!err)
		memset(pkt->data, 0, size);
	return (int64_t)err;
}

HELPER_BODY(skb_change_type)
{
	struct visor_packet *pkt = PTR(a1);

	if (pkt->pkt_type > PACKET_OTHERHOST || (uint32_t)a2 > PACKET_OTHERHOST)
		return -EINVAL;
	pkt->pkt_type = a2;
	return 0;
}

/* ---- VLAN --------------------------------------------------------------------------------- */

static bool is_vlan(uint32_t proto)
{
	return proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD);
}

static void set_tag(struct visor_packet *pkt, uint16_t proto, uint16_t tci)
{
	pkt->vlan_present = 1;
	pkt->vlan_proto = proto;
	pkt->vlan_tci = tci;
}

HELPER_BODY(skb_vlan_push)
{
	struct visor_packet *pkt = PTR(a1);
	uint16_t proto = a2, tci = a3;

	if (!is_vlan(proto))
		proto = htons(ETH_P_8021Q);
	if (pkt->vlan_present) {
		uint8_t *old = pkt->data;
		int err = pkt->len < 2 * ETH_ALEN ? -ENOMEM : push_bytes(pkt, VLAN_TAG);

		if (err)
			return (int64_t)err;
		memmove(pkt->data, old, 2 * ETH_ALEN);
		put_u16(pkt->data + 2 * ETH_ALEN, pkt->vlan_proto);
		put_u16(pkt->data + 2 * ETH_ALEN + 2, htons(pkt->vlan_tci));
		pkt->protocol = pkt->vlan_proto;
		pkt->l2_len -= VLAN_TAG; /* the tag counts as payload now */
	}
	set_tag(pkt, proto, tci);
	return 0;
}

/* Takes the tag out of the bytes. */
static int pull_tag(struct visor_packet *pkt, uint16_t *tci)
{
	if (pkt->len < ETH_HLEN + VLAN_TAG)
		return -ENOMEM;
	*tci = ntohs(get_u16(pkt->data + ETH_HLEN));
	memmove(pkt->data + VLAN_TAG, pkt->data, 2 * ETH_ALEN);
	pkt->data += VLAN_TAG;
	pkt->meta = pkt->data;
	pkt->len -= VLAN_TAG;
	pkt->l2_len = MAX(pkt->l2_len - VLAN_TAG, ETH_HLEN);
	pkt->protocol = visor_packet_protocol(pkt);
	return 0;
}

HELPER_BODY(skb_vlan_pop)
{
	struct visor_packet *pkt = PTR(a1);
	uint32_t proto;
	uint16_t tci;
	int err;

	if (pkt->vlan_present) {
		pkt->vlan_present = 0;
		pkt->vlan_tci = 0;
		pkt->vlan_proto = 0;
	} else if (is_vlan(pkt->protocol)) {
		err = pull_tag(pkt, &tci);
		if (err)
			return (int64_t)err;
	} else {
		return 0;
	}
	/* The next tag, if there is one, takes its place. */
	proto = pkt->protocol;
	if (!is_vlan(proto))
		return 0;
	err = pull_tag(pkt, &tci);
	if (err)
		return (int64_t)err;
	set_tag(pkt, proto, tci);
	return 0;
}

/* ---- hash --------------------------------------------------------------------------------- */

static uint32_t hash_bytes(uint32_t hash, const uint8_t *p, size_t size)
{
	while (size--)
		hash = (hash ^ *p++) * 16777619; /* FNV-1a */
	return hash;
}

/* Adds the ports if the protocol has any and they are in the packet. */
static uint32_t hash_ports(const struct visor_packet *pkt, uint32_t hash, uint8_t proto,
			   uint32_t off)
{
	hash = hash_bytes(hash, &proto, 1);
	if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP) &&
	    in_packet(pkt, off, 4))
		hash = hash_bytes(hash, pkt->data + off, 4);
	return hash;
}

/*
 * The same number for all packets of a flow: addresses, protocol, ports. The kernel's
 * depends on a secret that it draws at boot; this one is the same everywhere.
 */
static uint32_t flow_hash(const struct visor_packet *pkt)
{
	uint32_t hash = 2166136261, off = pkt->l2_len;
	uint16_t proto = pkt->protocol;

	while (is_vlan(proto) && in_packet(pkt, off, VLAN_TAG)) {
		proto = get_u16(pkt->data + off + 2);
		off += VLAN_TAG;
	}
	if (proto == htons(ETH_P_IP) && in_packet(pkt, off, 20)) {
		const uint8_t *ip = pkt->data + off;
		bool fragment = get_u16(ip + 6) & htons(0x3fff);

		hash = hash_bytes(hash, ip + 12, 8);
		return hash_ports(pkt, hash, ip[9], fragment ? UINT32_MAX : off + (ip[0] & 15) * 4);
	}
	if (proto == htons(ETH_P_IPV6) && in_packet(pkt, off, 40)) {
		hash = hash_bytes(hash, pkt->data + off + 8, 32);
		return hash_ports(pkt, hash, pkt->data[off + 6], off + 40);
	}
	return hash_bytes(hash, pkt->data, MIN(pkt->len, (uint32_t)ETH_HLEN));
}

HELPER_BODY(get_hash_recalc)
{
	struct visor_packet *pkt = PTR(a1);

	if (!pkt->hash && !pkt->hash_set) {
		pkt->hash = flow_hash(pkt);
		pkt->hash += !pkt->hash;
	}
	return pkt->hash;
}

HELPER_BODY(set_hash)
{
	struct visor_packet *pkt = PTR(a1);

	pkt->hash = a2;
	pkt->hash_set = 1;
	return 0;
}

HELPER_BODY(set_hash_invalid)
{
	clear_hash(PTR(a1));
	return 0;
}
