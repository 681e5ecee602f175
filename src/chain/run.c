/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/run.c - packets from the ports through the chain to where their verdicts send them.
 *
 * A batch comes from a port, runs through the port's entry program (and, by tail calls, all
 * that follow), and is disposed of packet by packet. Nothing is allocated here.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <arpa/inet.h>

#include "chain/impl.h"

#define RUN_TAG	 4	  /* bytes of a VLAN tag */
#define RUN_WAIT 20000000 /* nanoseconds that nothing is looked at, at most */

const char *const chain_outcome_text[CHAIN_OUTCOME_COUNT] = {
#define OUTCOME(id, text) [CHAIN_##id] = text,
	CHAIN_OUTCOMES(OUTCOME)
#undef OUTCOME
};

/* Readers in other threads see whole numbers. */
static void run_add(uint64_t *at, uint64_t n)
{
	__atomic_store_n(at, *at + n, __ATOMIC_RELAXED);
}

static uint64_t run_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * The kernel takes the outermost VLAN tag out of a received frame before any tc program sees
 * it; programs find it in vlan_tci and vlan_proto. port_send puts it back. A frame that ends
 * within the two bytes behind the tag is dropped there; no device receives one so short, and
 * here it stays as it is.
 */
static void run_untag(struct visor_packet *pkt)
{
	if ((pkt->protocol != htons(ETH_P_8021Q) && pkt->protocol != htons(ETH_P_8021AD)) ||
	    pkt->len < ETH_HLEN + RUN_TAG + 2)
		return;
	pkt->vlan_present = 1;
	pkt->vlan_proto = pkt->protocol;
	pkt->vlan_tci = ntohs(get_u16(pkt->data + ETH_HLEN));
	memmove(pkt->data + RUN_TAG, pkt->data, 2 * ETH_ALEN);
	pkt->data += RUN_TAG;
	pkt->meta = pkt->data;
	pkt->len -= RUN_TAG;
	pkt->protocol = visor_packet_protocol(pkt);
}

/* What the kernel finds out about a received frame, for programs that read __sk_buff. */
static void run_set_skb(struct visor_packet *pkt, uint32_t ifindex)
{
	pkt->protocol = visor_packet_protocol(pkt);
	pkt->ifindex = ifindex;
	if (pkt->data[0] & 1) {
		static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

		pkt->pkt_type = memcmp(pkt->data, all, 6) ? PACKET_MULTICAST : PACKET_BROADCAST;
	}
	run_untag(pkt);
	pkt->wire_len = pkt->len - ETH_HLEN; /* on ingress it is measured behind that header */
}

/* ---- where packets end -------------------------------------------------------------------------
 */

struct run {
	struct chain *chain;
	struct visor_diag *diag;
	int err; /* the first of a port */
};

/* The first error of a port is reported; the others run on. */
static void run_port_error(struct run *r, int err, const struct visor_diag *d)
{
	if (r->err)
		return;
	r->err = err;
	if (r->diag)
		*r->diag = *d;
}

static enum chain_outcome run_send(struct run *r, uint32_t port, uint32_t i)
{
	struct chain *c = r->chain;
	struct visor_diag d;
	int err = port_send(c->ports[port].port, c->batch, i, &d);

	if (!err)
		return CHAIN_SENT;
	if (err != -ENXIO && err != -EAGAIN)
		run_port_error(r, err, &d);
	return CHAIN_UNSENT;
}

static enum chain_outcome run_redirect(struct run *r, uint32_t i)
{
	const struct visor_packet *pkt = &r->chain->batch->pkts[i];
	const struct plan *plan = r->chain->plan;
	enum chain_outcome outcome = CHAIN_UNSENT;
	uint32_t next = 0, ifindex;

	if (r->chain->loader.hook == hook_get(CHAIN_HOOK_TC) &&
	    (pkt->redirect_flags & BPF_F_INGRESS))
		return CHAIN_HOST; /* received by the host on that interface */
	/* A packet that is broadcast is sent if any port took it. */
	while ((ifindex = visor_packet_target(pkt, &next)))
		for (uint32_t p = 0; p < plan->n_ports; p++)
			if (plan->ports[p].ifindex == ifindex && run_send(r, p, i) == CHAIN_SENT)
				outcome = CHAIN_SENT;
	return outcome;
}

static enum chain_outcome run_dispose(struct run *r, uint32_t port, uint32_t i)
{
	const struct hook *hook = r->chain->loader.hook;
	int verdict = hook_verdict(hook, r->chain->batch->pkts[i].verdict);

	switch (verdict < 0 ? hook->unknown : hook->verdicts[verdict].action) {
	case HOOK_PASS:
		return CHAIN_HOST;
	case HOOK_DROP:
		return CHAIN_DROP;
	case HOOK_TX:
		return run_send(r, port, i);
	case HOOK_REDIRECT:
		return run_redirect(r, i);
	case HOOK_ABORT:
		return CHAIN_ABORTED;
	}
	return CHAIN_ABORTED;
}

/* ---- batches ----------------------------------------------------------------------------------
 */

static void run_fault(struct chain *c, const struct visor_diag *d)
{
	/* Written once, before the count that announces it. */
	if (!c->outcomes[CHAIN_FAULT])
		c->first_fault = *d;
	__atomic_store_n(&c->outcomes[CHAIN_FAULT], c->outcomes[CHAIN_FAULT] + 1, __ATOMIC_RELEASE);
}

/* Runs the batch and disposes of it; a packet whose run faulted is skipped. */
static int run_batch(struct run *r, uint32_t port)
{
	struct chain *c = r->chain;
	struct port_batch *b = c->batch;
	uint64_t counts[CHAIN_OUTCOME_COUNT] = {0};
	uint32_t done = 0;

	while (done < b->n) {
		struct visor_diag d = {0};
		int n = c->ports[port].entry ? visor_prog_run_batch(c->ports[port].entry,
								    b->pkts + done, b->n - done, &d)
					     : (int)b->n;

		if (n < 0) {
			run_port_error(r, n, &d);
			return n;
		}
		for (uint32_t end = done + (uint32_t)n; done < end; done++)
			counts[c->ports[port].entry
				       ? run_dispose(r, port, done)
				       : run_send(r, c->plan->ports[port].target, done)]++;
		if (done < b->n) {
			run_fault(c, &d);
			done++;
		}
	}
	for (uint32_t i = 0; i < CHAIN_OUTCOME_COUNT; i++)
		if (counts[i])
			run_add(&c->outcomes[i], counts[i]);
	return 0;
}

/* After each batch: what has been given to the ports of it may still lie in it. */
static void run_flush(struct run *r)
{
	for (uint32_t i = 0; i < r->chain->plan->n_ports; i++) {
		struct visor_diag d;
		int err = port_flush(r->chain->ports[i].port, &d);

		if (err)
			run_port_error(r, err, &d);
	}
}

/* One batch of one port. Returns the number of packets; 0: none now. */
static uint32_t run_port(struct run *r, uint32_t port, uint64_t left)
{
	struct chain *c = r->chain;
	uint32_t ifindex = c->plan->ports[port].ifindex;
	struct visor_diag d = {0};
	int n = port_receive(c->ports[port].port, c->batch, (uint32_t)MIN(left, PORT_BATCH), &d);

	if (n <= 0) {
		c->ports[port].ended = n != -EAGAIN;
		if (n < 0 && n != -EAGAIN)
			run_port_error(r, n, &d);
		return 0;
	}
	for (int i = 0; i < n; i++)
		c->batch->pkts[i].ingress_ifindex = ifindex;
	if (c->loader.hook == hook_get(CHAIN_HOOK_TC))
		for (int i = 0; i < n; i++)
			run_set_skb(&c->batch->pkts[i], ifindex);
	run_add(&c->packets, (uint64_t)n);
	if (run_batch(r, port))
		c->ports[port].ended = true;
	run_flush(r);
	return (uint32_t)n;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/*
 * Nothing came: sleeps until one of the ports has something, or one of them is to be looked at,
 * or the next tick is due. chain_stop is seen that late, too: ports do not wait for long.
 */
static void run_wait(struct chain *c, uint64_t next_tick)
{
	uint64_t now = run_now(), ns = RUN_WAIT;
	struct timespec t;
	nfds_t n = 0;

	for (uint32_t i = 0; i < c->plan->n_ports; i++) {
		int fd;

		if (c->plan->ports[i].entry == PLAN_NOWHERE || c->ports[i].ended)
			continue;
		ns = MIN(ns, (uint64_t)port_wait(c->ports[i].port, &fd) * 1000);
		if (fd >= 0)
			c->polls[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	if (next_tick)
		ns = MIN(ns, next_tick > now ? next_tick - now : 0);
	t.tv_sec = 0;
	t.tv_nsec = (long)ns;
	ppoll(c->polls, n, &t, NULL);
}

int chain_run(struct chain *c, const struct chain_run_opts *opts, struct visor_diag *diag)
{
	struct load_session *before = load_enter(&c->session);
	uint64_t left = opts && opts->max_packets ? opts->max_packets : UINT64_MAX;
	uint64_t tick = opts && opts->on_tick ? opts->tick_ms * UINT64_C(1000000) : 0;
	uint64_t last = run_now(), next_tick = last + tick;
	struct run r = {.chain = c, .diag = diag};
	bool alive = true;
	int ret = 0;

	while (alive && left && !ret && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		uint32_t moved = 0;
		uint64_t now;

		alive = false;
		for (uint32_t i = 0; i < c->plan->n_ports && left; i++) {
			uint32_t n;

			if (c->plan->ports[i].entry == PLAN_NOWHERE || c->ports[i].ended)
				continue;
			n = run_port(&r, i, left);
			alive |= !c->ports[i].ended;
			moved += n;
			left -= n;
		}
		if (!moved && alive)
			run_wait(c, tick ? next_tick : 0);
		now = run_now();
		run_add(&c->ns, now - last);
		last = now;
		if (tick && now >= next_tick) {
			ret = opts->on_tick(opts->user, c);
			next_tick = run_now() + tick;
		}
	}
	for (uint32_t i = 0; i < c->plan->n_ports; i++)
		port_refresh(c->ports[i].port);
	load_enter(before);
	return ret ? ret : r.err;
}

void chain_stop(struct chain *chain)
{
	__atomic_store_n(&chain->stop, true, __ATOMIC_RELAXED);
}
