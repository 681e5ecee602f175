/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/generate.c - a packet generator: the same options give the same packets.
 *
 * The headers of all flows are made once, with correct checksums; a packet is a flow's
 * headers and the common payload. Addresses are of the networks reserved for benchmarks
 * (RFC 2544 and RFC 5180), MAC addresses are locally administered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>

#include "port/kind.h"

#define GENERATE_HEADER 80 /* at most 14 + 40 + 20 */
#define GENERATE_PORT	9  /* destination: discard */

struct generate {
	uint64_t left, made;
	uint64_t random;
	uint64_t interval; /* nanoseconds between packets; 0: as fast as possible */
	struct timespec started;
	uint32_t size, head, flows;
	uint8_t *headers; /* flows * GENERATE_HEADER */
	uint8_t *payload; /* size - head */
};

/* xorshift64*: full period for any seed but 0. */
static uint64_t generate_random(struct generate *g)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return g->random * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t generate_sum(uint32_t sum, const void *data, uint32_t len)
{
	const uint8_t *p = data;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Writes the IP header and returns the sum of the pseudo header. */
static uint32_t generate_ip(uint8_t *at, bool v6, uint8_t protocol, uint32_t flow, uint32_t len)
{
	uint32_t sum = protocol + len;

	if (v6) {
		struct ip6_hdr ip = {
			.ip6_plen = htons((uint16_t)len), .ip6_nxt = protocol, .ip6_hlim = 64};

		ip.ip6_vfc = 0x60;
		inet_pton(AF_INET6, "2001:2::", &ip.ip6_src);
		inet_pton(AF_INET6, "2001:2:0:1::1", &ip.ip6_dst);
		ip.ip6_src.s6_addr[14] = (uint8_t)(flow >> 8);
		ip.ip6_src.s6_addr[15] = (uint8_t)flow;
		memcpy(at, &ip, sizeof(ip));
		return generate_sum(sum, at + 8, 32);
	} else {
		struct iphdr ip = {.version = 4,
				   .ihl = 5,
				   .tot_len = htons((uint16_t)(sizeof(ip) + len)),
				   .ttl = 64,
				   .protocol = protocol,
				   .saddr = htonl(0xc6120000 | (flow & 0xffff)),
				   .daddr = htonl(0xc6130001)};

		ip.check = htons((uint16_t)~generate_sum(0, &ip, sizeof(ip)));
		memcpy(at, &ip, sizeof(ip));
		return generate_sum(sum, at + 12, 8);
	}
}

static void generate_flow(struct generate *g, const struct port_config *cfg, uint32_t flow)
{
	static const struct ether_header eth = {.ether_dhost = {2, 0, 0, 0, 0, 2},
						.ether_shost = {2, 0, 0, 0, 0, 1}};
	uint8_t *head = g->headers + (size_t)flow * GENERATE_HEADER, *l4;
	bool v6 = cfg->family, tcp = cfg->protocol;
	uint32_t ip_len = v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	uint32_t l4_len = g->size - (uint32_t)sizeof(eth) - ip_len, sum;
	uint16_t type = htons(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	uint16_t source = htons((uint16_t)(1024 + flow * 7919u % 64512));
	uint16_t check_at = tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
	uint16_t check;

	memcpy(head, &eth, sizeof(eth));
	memcpy(head + offsetof(struct ether_header, ether_type), &type, sizeof(type));
	l4 = head + sizeof(eth) + ip_len;
	sum = generate_ip(head + sizeof(eth), v6, tcp ? IPPROTO_TCP : IPPROTO_UDP, flow, l4_len);
	if (tcp) {
		struct tcphdr h = {.source = source,
				   .dest = htons(GENERATE_PORT),
				   .seq = htonl(flow),
				   .doff = sizeof(h) / 4,
				   .ack = 1,
				   .window = htons(65535)};

		memcpy(l4, &h, sizeof(h));
	} else {
		struct udphdr h = {.source = source,
				   .dest = htons(GENERATE_PORT),
				   .len = htons((uint16_t)l4_len)};

		memcpy(l4, &h, sizeof(h));
	}
	sum = generate_sum(sum, l4, (uint32_t)(head + g->head - l4));
	sum = generate_sum(sum, g->payload, g->size - g->head);
	check = (uint16_t)~sum;
	if (!check && !tcp)
		check = 0xffff;
	check = htons(check);
	memcpy(l4 + check_at, &check, sizeof(check));
}

static int generate_close(void *state, struct visor_diag *diag)
{
	struct generate *g = state;

	free(g->headers);
	free(g->payload);
	free(g);
	return 0;
}

static int generate_open(const struct port_config *cfg, void **state, struct port_stats *stats,
			 struct visor_diag *diag)
{
	uint32_t head = (uint32_t)sizeof(struct ether_header) +
			(uint32_t)(cfg->family ? sizeof(struct ip6_hdr) : sizeof(struct iphdr)) +
			(uint32_t)(cfg->protocol ? sizeof(struct tcphdr) : sizeof(struct udphdr));
	struct generate *g;

	if (cfg->size < head)
		return diag_fail(diag, -EINVAL, "port", "size %u: the headers alone have %u bytes",
				 (unsigned)cfg->size, head);
	g = calloc(1, sizeof(*g));
	if (!g)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	g->left = cfg->count;
	g->random = cfg->seed ^ UINT64_C(0x9e3779b97f4a7c15);
	g->random += !g->random;
	g->interval = cfg->rate ? 1000000000 / cfg->rate : 0;
	g->size = (uint32_t)cfg->size;
	g->head = head;
	g->flows = (uint32_t)cfg->flows;
	g->headers = calloc(g->flows, GENERATE_HEADER);
	g->payload = malloc(g->size - head + 1);
	if (!g->headers || !g->payload) {
		generate_close(g, NULL);
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	}
	for (uint32_t i = 0; i < g->size - head; i++)
		g->payload[i] = (uint8_t)(generate_random(g) >> 32);
	for (uint32_t i = 0; i < g->flows; i++)
		generate_flow(g, cfg, i);
	clock_gettime(CLOCK_MONOTONIC, &g->started);
	*state = g;
	return 0;
}

/* Packets that the rate allows by now. */
static uint64_t generate_due(const struct generate *g)
{
	struct timespec now;
	uint64_t ns;

	if (!g->interval)
		return UINT64_MAX;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)(now.tv_sec - g->started.tv_sec) * 1000000000 + (uint64_t)now.tv_nsec -
	     (uint64_t)g->started.tv_nsec;
	return ns / g->interval + 1 - g->made;
}

static int generate_receive(void *state, struct port_batch *batch, uint32_t max,
			    struct port_stats *stats, struct visor_diag *diag)
{
	struct generate *g = state;
	uint64_t due = generate_due(g);

	if (!g->left)
		return 0;
	while (batch->n < max && g->left && batch->n < due) {
		struct visor_packet *pkt = port_batch_take(batch, g->size);
		uint32_t flow =
			g->flows > 1 ? (uint32_t)((generate_random(g) >> 32) % g->flows) : 0;
		uint64_t ns = g->made * (g->interval ? g->interval : 1000);
		struct port_meta *meta;

		if (!pkt)
			break;
		memcpy(pkt->data, g->headers + (size_t)flow * GENERATE_HEADER, g->head);
		memcpy(pkt->data + g->head, g->payload, g->size - g->head);
		meta = &batch->meta[batch->n - 1];
		meta->time.tv_sec = (time_t)(ns / 1000000000);
		meta->time.tv_nsec = (long)(ns % 1000000000);
		meta->len = meta->wire_len = g->size;
		g->left--;
		g->made++;
	}
	return batch->n ? (int)batch->n : -EAGAIN;
}

const struct port_ops port_ops_generate = {
	.open = generate_open,
	.receive = generate_receive,
	.close = generate_close,
};
