/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/cmd_run.c - BPF_PROG_TEST_RUN with the kernel's attributes, checks and results.
 *
 * The packet lies in a buffer with the kernel's room before and behind it, so that programs
 * which move its ends succeed and fail at the same sizes:
 *
 *    XDP, one page:  | 256 headroom | packet ... 3520 | 320 the kernel keeps |
 *    tc, socket:     |  64 headroom | packet ... 3712 | 320 |
 *
 * A larger XDP packet goes on in fragments, and so does one of which the context's data_end
 * says that only so much is linear. Programs without xdp.frags helpers see nothing of them;
 * here the rest waits aside and is put behind the packet again for data_out.
 */
#include "sys/sys.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <time.h>

#define RUN_PAGE       4096
#define RUN_AT_ONCE    64
#define RUN_TAILROOM   320
#define XDP_HEADROOM   256
#define XDP_FRAME      40 /* the kernel keeps a struct xdp_frame at the start of the headroom */
#define SKB_HEADROOM   64
#define SKB_SPARE      16384
#define XDP_MAX_META   (XDP_HEADROOM - XDP_FRAME)
#define RUN_MAX_BYTES  (XDP_MAX_LINEAR + 17 * RUN_PAGE)
#define XDP_MAX_LINEAR (RUN_PAGE - XDP_HEADROOM - RUN_TAILROOM)
#define SKB_MAX_LINEAR (RUN_PAGE - SKB_HEADROOM - RUN_TAILROOM)

#define GSO_MAX_LEN 65536
#define GSO_MAX_N   65535

#define PKT_HOST      0
#define PKT_MULTICAST 2
#define PKT_OTHERHOST 3

struct test_run {
	const union bpf_attr *attr;
	union bpf_attr *uattr;
	struct visor_packet pkt;
	uint8_t *buf;
	uint8_t *rest; /* behind the linear part */
	uint32_t rest_len;
	uint32_t retval, duration;
};

/* ---- the context argument ----------------------------------------------------------------- */

/* Reads the caller's context; 1 if there is one, 0 if not, negative errno. */
static int ctx_read(const struct test_run *t, void *ctx, uint32_t size)
{
	uint32_t len = t->attr->test.ctx_size_in;
	int err;

	memset(ctx, 0, size);
	if (!t->attr->test.ctx_in)
		return t->attr->test.ctx_out ? 1 : 0;
	err = user_tail_zero(t->attr->test.ctx_in, size, len);
	if (!err)
		err = user_read(ctx, t->attr->test.ctx_in, MIN(size, len));
	return err ? err : 1;
}

static int ctx_write(const struct test_run *t, const void *ctx, uint32_t size)
{
	uint32_t len = size;
	int err = 0;

	if (!t->attr->test.ctx_out)
		return 0;
	if (len > t->attr->test.ctx_size_out) {
		len = t->attr->test.ctx_size_out;
		err = -ENOSPC;
	}
	if (user_write(t->attr->test.ctx_out, ctx, len) ||
	    user_write((uintptr_t)&t->uattr->test.ctx_size_out, &size, sizeof(size)))
		return -EFAULT;
	return err;
}

/* ---- running ------------------------------------------------------------------------------ */

_Thread_local struct vm_fault sys_last_fault;

static int run_repeat(struct test_run *t, struct vm_prog *vm, void *ctx)
{
	uint32_t repeat = MAX(t->attr->test.repeat, 1), done = 0, at_once, some;
	void *ctxs[RUN_AT_ONCE];
	uint64_t rets[RUN_AT_ONCE];
	struct visor_run *run = sys_run_enter(NULL);
	struct timespec from, to;
	uint64_t ret, ns;
	int err = run ? 0 : -ENOMEM;

	if (err)
		return err;
	for (uint32_t i = 0; i < RUN_AT_ONCE; i++)
		ctxs[i] = ctx;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		at_once = MIN(repeat - done, RUN_AT_ONCE);
		some = vm_prog_run_batch(vm, run, ctxs, at_once, rets);
		done += some;
	} while (some == at_once && done < repeat);
	clock_gettime(CLOCK_MONOTONIC, &to);
	/* A fault has no error in the kernel, where nothing faults: the packet is dropped. */
	memset(&sys_last_fault, 0, sizeof(sys_last_fault));
	if (done == repeat) {
		ret = rets[at_once - 1];
	} else {
		sys_last_fault = run->fault;
		ret = vm_prog_code(vm)->type->type == BPF_PROG_TYPE_SCHED_CLS ||
				      vm_prog_code(vm)->type->type == BPF_PROG_TYPE_SCHED_ACT
			      ? 2 /* TC_ACT_SHOT */
			      : 0;
	}
	sys_run_leave(run);
	ns = ((uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec -
	      (uint64_t)from.tv_nsec) /
	     MAX(done, 1);
	t->retval = (uint32_t)ret;
	t->duration = (uint32_t)MIN(ns, UINT32_MAX);
	return 0;
}

/* data_out and the numbers. The packet is [data, data + size), then the rest. */
static int finish(const struct test_run *t, const uint8_t *data, uint32_t size)
{
	uint32_t total = size + t->rest_len, copy = total, room = t->attr->test.data_size_out;
	uint64_t out = t->attr->test.data_out;
	int err = 0;

	if (room && copy > room) {
		copy = room;
		err = -ENOSPC;
	}
	/* What is cut is the end of the first part: the kernel gives the fragments room first. */
	if (out && copy < t->rest_len)
		return -ENOSPC;
	if (out && (user_write(out, data, copy - t->rest_len) ||
		    user_write(out + copy - t->rest_len, t->rest, t->rest_len)))
		return -EFAULT;
	if (user_write((uintptr_t)&t->uattr->test.data_size_out, &total, sizeof(total)) ||
	    user_write((uintptr_t)&t->uattr->test.retval, &t->retval, sizeof(t->retval)) ||
	    user_write((uintptr_t)&t->uattr->test.duration, &t->duration, sizeof(t->duration)))
		return -EFAULT;
	return err;
}

/* Fills the buffer: headroom, up to max_linear bytes of packet, the rest aside. `spare` bytes
 * more at both ends are for packets that the kernel would move to a larger buffer. */
static int packet_read(struct test_run *t, uint32_t headroom, uint32_t max_linear, uint32_t spare)
{
	uint32_t size = t->attr->test.data_size_in, linear = MIN(size, max_linear);
	int err;

	if (size < ETH_HLEN)
		return -EINVAL;
	if (size > RUN_MAX_BYTES)
		return -ENOMEM;
	t->rest_len = size - linear;
	headroom += spare;
	t->buf = calloc(1, RUN_PAGE + 2 * spare);
	t->rest = malloc(t->rest_len + 1);
	if (!t->buf || !t->rest)
		return -ENOMEM;
	err = user_read(t->buf + headroom, t->attr->test.data_in, linear);
	if (!err)
		err = user_read(t->rest, t->attr->test.data_in + linear, t->rest_len);
	if (!err)
		visor_packet_init(&t->pkt, t->buf, RUN_PAGE - RUN_TAILROOM + 2 * spare, headroom,
				  linear);
	return err;
}

/* ---- XDP
 * ----------------------------------------------------------------------------------------- */

static int xdp_convert(struct test_run *t, const struct xdp_md *md)
{
	uint32_t size = t->attr->test.data_size_in;

	/* The first `data` bytes of the input are metadata in front of the packet. */
	if (md->data_meta || md->data_end > size || md->data > md->data_end || md->data % 4 ||
	    size < ETH_HLEN + md->data || md->data_end > XDP_MAX_LINEAR + md->data ||
	    md->data > XDP_MAX_META || md->egress_ifindex ||
	    (!md->ingress_ifindex && md->rx_queue_index))
		return -EINVAL;
	return 0;
}

static int run_xdp(struct test_run *t, struct vm_prog *vm, const struct sys_prog *prog)
{
	struct xdp_md md;
	int has_ctx, err;
	uint32_t size;

	if (prog->head->expected_attach_type == BPF_XDP_DEVMAP ||
	    prog->head->expected_attach_type == BPF_XDP_CPUMAP || t->attr->test.flags ||
	    t->attr->test.batch_size)
		return -EINVAL;
	has_ctx = ctx_read(t, &md, sizeof(md));
	if (has_ctx < 0)
		return has_ctx;
	err = has_ctx ? xdp_convert(t, &md) : 0;
	if (!err)
		err = packet_read(t, XDP_HEADROOM - md.data, has_ctx ? md.data_end : XDP_MAX_LINEAR,
				  0);
	if (err)
		return err;
	t->pkt.start += XDP_FRAME;
	t->pkt.data += md.data;
	t->pkt.len = (uint32_t)(t->pkt.end - t->pkt.data);
	t->pkt.ingress_ifindex = md.ingress_ifindex ? md.ingress_ifindex : 1; /* lo */
	t->pkt.rx_queue_index = md.rx_queue_index;
	err = run_repeat(t, vm, &t->pkt);
	if (err)
		return err;
	md.data = (uint32_t)(t->pkt.data - t->pkt.meta);
	md.data_end = (uint32_t)(t->pkt.end - t->pkt.meta);
	size = md.data_end;
	err = finish(t, t->pkt.meta, size);
	return err || !has_ctx ? err : ctx_write(t, &md, sizeof(md));
}

/* ---- tc and socket filters
 * ------------------------------------------------------------------------- */

/* The fields of struct __sk_buff that a caller may set; all others must be zero. */
static int skb_convert(struct test_run *t, struct __sk_buff *skb)
{
	struct __sk_buff rest = *skb;
	const uint8_t *byte = (const uint8_t *)&rest;
	uint32_t len = t->pkt.len; /* a socket filter's does not count the Ethernet header */

	rest.mark = rest.priority = rest.ingress_ifindex = rest.ifindex = 0;
	memset(rest.cb, 0, sizeof(rest.cb));
	rest.tstamp = 0;
	rest.wire_len = rest.gso_segs = rest.gso_size = 0;
	rest.hwtstamp = 0;
	for (size_t i = 0; i < sizeof(rest); i++)
		if (byte[i])
			return -EINVAL;
	if ((skb->wire_len && (skb->wire_len < len || skb->wire_len > GSO_MAX_LEN)) ||
	    skb->gso_segs > GSO_MAX_N)
		return -EINVAL;
	t->pkt.mark = skb->mark;
	t->pkt.priority = skb->priority;
	t->pkt.ingress_ifindex = skb->ingress_ifindex;
	t->pkt.ifindex = skb->ifindex ? skb->ifindex : 1; /* lo */
	memcpy(t->pkt.cb, skb->cb, sizeof(t->pkt.cb));
	t->pkt.tstamp = skb->tstamp;
	t->pkt.wire_len = skb->wire_len ? skb->wire_len : t->pkt.len;
	t->pkt.gso_segs = skb->gso_segs;
	t->pkt.gso_size = (uint16_t)skb->gso_size;
	t->pkt.hwtstamp = skb->hwtstamp;
	return 0;
}

/* What the loopback device's receive path finds out from the Ethernet header. (It has no
 * broadcast address: a broadcast is one of many multicasts.) */
static void skb_classify(struct visor_packet *pkt)
{
	static const uint8_t own[ETH_ALEN];
	uint16_t proto = (uint16_t)(pkt->data[12] << 8 | pkt->data[13]);

	if (!memcmp(pkt->data, own, ETH_ALEN))
		pkt->pkt_type = PKT_HOST;
	else
		pkt->pkt_type = pkt->data[0] & 1 ? PKT_MULTICAST : PKT_OTHERHOST;
	/* Below 0x600 it is a length: LLC, or Novell's raw 802.3. */
	if (proto >= 0x600)
		memcpy(&pkt->protocol, pkt->data + 12, 2);
	else {
		bool raw = pkt->end - pkt->data >= ETH_HLEN + 2 && pkt->data[14] == 0xff &&
			   pkt->data[15] == 0xff;

		proto = raw ? 0x0001 : 0x0004;
		pkt->protocol = 0;
		((uint8_t *)&pkt->protocol)[1] = (uint8_t)proto;
	}
}

/* An skb with an IP EtherType has room for the fixed IP header. */
static uint32_t skb_min_len(const struct visor_packet *pkt)
{
	switch (pkt->data[12] << 8 | pkt->data[13]) {
	case ETH_P_IP:
		return ETH_HLEN + 20;
	case ETH_P_IPV6:
		return ETH_HLEN + 40;
	default:
		return ETH_HLEN;
	}
}

static int run_skb(struct test_run *t, struct vm_prog *vm, const struct sys_prog *prog)
{
	bool l2 = prog->head->type != BPF_PROG_TYPE_SOCKET_FILTER;
	struct __sk_buff skb;
	int has_ctx, err;

	if (t->attr->test.flags || t->attr->test.cpu || t->attr->test.batch_size)
		return -EINVAL;
	has_ctx = ctx_read(t, &skb, sizeof(skb));
	if (has_ctx < 0)
		return has_ctx;
	if (t->attr->test.data_size_in > SKB_MAX_LINEAR)
		return -EINVAL;
	err = packet_read(t, SKB_HEADROOM, SKB_MAX_LINEAR, SKB_SPARE);
	if (err)
		return err;
	skb_classify(&t->pkt);
	if (t->attr->test.data_size_in < skb_min_len(&t->pkt))
		return -EINVAL;
	if (!l2)
		t->pkt.data = t->pkt.meta = t->pkt.data + ETH_HLEN;
	/* Without a context there is no length on the wire. */
	t->pkt.wire_len = 0;
	t->pkt.len = (uint32_t)(t->pkt.end - t->pkt.data);
	t->pkt.ifindex = 1;
	err = has_ctx ? skb_convert(t, &skb) : 0;
	if (!err)
		err = run_repeat(t, vm, &t->pkt);
	if (err)
		return err;
	if (!l2) {
		t->pkt.data -= ETH_HLEN;
		memset(t->pkt.data, 0, ETH_HLEN);
	}
	skb.mark = t->pkt.mark;
	skb.priority = t->pkt.priority;
	skb.ingress_ifindex = t->pkt.ingress_ifindex;
	skb.ifindex = t->pkt.ifindex;
	memcpy(skb.cb, t->pkt.cb, sizeof(skb.cb));
	skb.tstamp = t->pkt.tstamp;
	skb.wire_len = t->pkt.wire_len;
	skb.gso_segs = t->pkt.gso_segs;
	skb.hwtstamp = t->pkt.hwtstamp;
	err = finish(t, t->pkt.data, (uint32_t)(t->pkt.end - t->pkt.data));
	return err || !has_ctx ? err : ctx_write(t, &skb, sizeof(skb));
}

/* ---- the command
 * ------------------------------------------------------------------------------------ */

int cmd_prog_test_run(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct test_run t = {.attr = attr, .uattr = uattr};
	struct vm_prog *vm;
	struct obj *obj;
	int err;

	if (!!attr->test.ctx_size_in != !!attr->test.ctx_in ||
	    !!attr->test.ctx_size_out != !!attr->test.ctx_out)
		return -EINVAL;
	obj = store_by_fd(v, (int)attr->test.prog_fd, OBJ_PROG, &err);
	if (!obj)
		return err;
	err = sys_prog_vm(v, obj, &vm, sys_last_diag());
	if (!err) {
		const struct prog_type *type = vm_prog_code(vm)->type;

		err = !type->packet	   ? -SYS_ENOTSUPP
		      : type->set == P_XDP ? run_xdp(&t, vm, obj->prog)
					   : run_skb(&t, vm, obj->prog);
	}
	free(t.buf);
	free(t.rest);
	store_put(obj);
	return err;
}
