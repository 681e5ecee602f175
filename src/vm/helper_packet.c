/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/helper_packet.c - helpers of XDP programs, and those that XDP and tc share.
 *
 * Every body that moves a pointer of the packet keeps start <= meta <= data <= end <= stop
 * and len == end - data.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "vm/checksum.h"
#include "vm/helper.h"

/* ---- XDP and tc -------------------------------------------------------------------------- */

HELPER_BODY(csum_diff)
{
	uint32_t from_size = a2, to_size = a4, sum = a5;

	/* Which of the two zeros comes out is the kernel's choice, therefore three cases. */
	if (from_size && to_size)
		sum = csum_sub(csum_bytes(PTR(a3), to_size, sum),
			       csum_bytes(PTR(a1), from_size, 0));
	else if (to_size)
		sum = csum_bytes(PTR(a3), to_size, sum);
	else if (from_size)
		sum = ~csum_bytes(PTR(a1), from_size, ~sum);
	return csum_narrow(sum);
}

HELPER_BODY(redirect)
{
	struct visor_packet *pkt = run->ctx;
	bool xdp = vm_prog_code(run->prog)->type->set == P_XDP;

	if (a2 & ~(uint64_t)(xdp ? 0 : BPF_F_INGRESS))
		return xdp ? XDP_ABORTED : TC_ACT_SHOT;
	pkt->redirect_ifindex = a1;
	pkt->redirect_flags = a2;
	return xdp ? XDP_REDIRECT : TC_ACT_REDIRECT;
}

/* ---- XDP --------------------------------------------------------------------------------- */

/* The lowest bits of the flags are the verdict for an empty slot. */
HELPER_BODY(redirect_map)
{
	const uint64_t verdicts = XDP_ABORTED | XDP_DROP | XDP_PASS | XDP_TX;
	struct visor_packet *pkt = run->ctx;
	uint32_t ifindex;

	if (a3 & ~(verdicts | BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS))
		return XDP_ABORTED;
	ifindex = map_dev_slot(PTR(a1), a2);
	if (!ifindex && !(a3 & BPF_F_BROADCAST)) {
		pkt->redirect_ifindex = 0;
		pkt->redirect_flags = 0;
		return a3 & verdicts;
	}
	pkt->redirect_ifindex = ifindex;
	pkt->redirect_flags = a3;
	pkt->redirect_map = PTR(a1);
	return XDP_REDIRECT;
}

/* Metadata stay in front of the packet: they move with it. */
HELPER_BODY(xdp_adjust_head)
{
	struct visor_packet *pkt = PTR(a1);
	int64_t delta = (int32_t)a2;
	int64_t meta_len = pkt->data - pkt->meta;

	if (delta < pkt->start + meta_len - pkt->data || delta > pkt->end - pkt->data - ETH_HLEN)
		return -EINVAL;
	memmove(pkt->meta + delta, pkt->meta, meta_len);
	pkt->meta += delta;
	pkt->data += delta;
	pkt->len = pkt->end - pkt->data;
	return 0;
}

HELPER_BODY(xdp_adjust_meta)
{
	enum { MAX_META = UINT8_MAX }; /* its length is a byte in the kernel */
	struct visor_packet *pkt = PTR(a1);
	int64_t delta = (int32_t)a2;
	int64_t meta_len = pkt->data - pkt->meta - delta;

	if (delta < pkt->start - pkt->meta || meta_len < 0)
		return -EINVAL;
	if (meta_len % 4 || meta_len > MAX_META)
		return -EACCES;
	pkt->meta += delta;
	return 0;
}

HELPER_BODY(xdp_adjust_tail)
{
	struct visor_packet *pkt = PTR(a1);
	int64_t delta = (int32_t)a2;

	if (delta > pkt->stop - pkt->end || delta < pkt->data + ETH_HLEN - pkt->end)
		return -EINVAL;
	if (delta > 0)
		memset(pkt->end, 0, delta);
	pkt->end += delta;
	pkt->len = pkt->end - pkt->data;
	return 0;
}

HELPER_BODY(xdp_get_buff_len)
{
	const struct visor_packet *pkt = PTR(a1);

	return pkt->end - pkt->data;
}

/* 0 if [off, off + size) is in the packet. */
static int xdp_range(const struct visor_packet *pkt, uint32_t off, uint32_t size)
{
	if (off > 0xffff || size > 0xffff)
		return -EFAULT;
	return off + size > pkt->end - pkt->data ? -EINVAL : 0;
}

HELPER_BODY(xdp_load_bytes)
{
	const struct visor_packet *pkt = PTR(a1);
	int err = xdp_range(pkt, a2, a4);

	if (!err)
		memmove(PTR(a3), pkt->data + (uint32_t)a2, (uint32_t)a4);
	return (int64_t)err;
}

HELPER_BODY(xdp_store_bytes)
{
	struct visor_packet *pkt = PTR(a1);
	int err = xdp_range(pkt, a2, a4);

	if (!err)
		memmove(pkt->data + (uint32_t)a2, PTR(a3), (uint32_t)a4);
	return (int64_t)err;
}
