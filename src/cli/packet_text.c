/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/packet_text.c - see packet_text.h.
 *
 * A layer's function adds its fields and says which layer is next; a row of the table below is all
 * that another protocol needs.
 */
#include "cli/packet_text.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdarg.h>
#include <stdio.h>

struct packet_reader {
	struct packet_text *t;
	uint32_t at;	/* where the layer begins */
	uint32_t proto; /* of the next layer: EtherType, or IP protocol + PACKET_IP */
	uint8_t vlans;	/* so far */
	bool fragment;	/* what follows is not the beginning of its protocol */
};

#define PACKET_IP  0x10000 /* clear of EtherTypes */
#define PACKET_END 0	   /* no further layer is known */

static uint16_t be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)be16(b) << 16 | be16(b + 2);
}

/* A field that says `n` bytes of the layer from `offset` on. */
static void PRINTF_LIKE(6, 7)
	packet_add(struct packet_reader *r, const char *layer, const char *name, uint32_t offset,
		   uint32_t n, const char *fmt, ...)
{
	struct packet_text *t = r->t;
	struct packet_field *f = &t->fields[t->n];
	va_list ap;

	if (t->n == PACKET_MAX_FIELDS)
		return;
	*f = (struct packet_field){.layer = layer, .name = name};
	for (uint32_t i = 0; i < t->n; i++)
		f->tag += !strcmp(t->fields[i].layer, layer) && !strcmp(t->fields[i].name, name);
	va_start(ap, fmt);
	vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
	t->n++;
	for (uint32_t i = r->at + offset; i < r->at + offset + n && i < ARRAY_SIZE(t->shown); i++)
		t->shown[i] = true;
}

static void packet_mac(struct packet_reader *r, const char *name, uint32_t offset)
{
	const uint8_t *m = r->t->bytes + r->at + offset;

	packet_add(r, "eth", name, offset, 6, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		   m[3], m[4], m[5]);
}

static uint32_t packet_eth(struct packet_reader *r, const uint8_t *b)
{
	packet_mac(r, "src", 6);
	packet_mac(r, "dst", 0);
	packet_add(r, "eth", "type", 12, 2, "0x%04x", be16(b + 12));
	r->proto = be16(b + 12);
	return 14;
}

static uint32_t packet_vlan(struct packet_reader *r, const uint8_t *b)
{
	packet_add(r, "vlan", "id", 0, 2, "%u", be16(b) & 0xfff);
	packet_add(r, "vlan", "priority", 0, 0, "%u", be16(b) >> 13);
	packet_add(r, "vlan", "type", 2, 2, "0x%04x", be16(b + 2));
	r->proto = be16(b + 2);
	return 4;
}

static uint32_t packet_arp(struct packet_reader *r, const uint8_t *b)
{
	packet_add(r, "arp", "operation", 6, 2, "%u", be16(b + 6));
	packet_add(r, "arp", "src", 14, 4, "%u.%u.%u.%u", b[14], b[15], b[16], b[17]);
	packet_add(r, "arp", "dst", 24, 4, "%u.%u.%u.%u", b[24], b[25], b[26], b[27]);
	r->proto = PACKET_END;
	return 28;
}

static void packet_address(struct packet_reader *r, const char *layer, const char *name, int family,
			   uint32_t offset, uint32_t n)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, r->t->bytes + r->at + offset, text, sizeof(text));
	packet_add(r, layer, name, offset, n, "%s", text);
}

static uint32_t packet_ipv4(struct packet_reader *r, const uint8_t *b)
{
	uint32_t header = (b[0] & 0xfu) * 4;

	r->proto = PACKET_END;
	if (b[0] >> 4 != 4 || header < 20)
		return 0;
	packet_address(r, "ip", "src", AF_INET, 12, 4);
	packet_address(r, "ip", "dst", AF_INET, 16, 4);
	packet_add(r, "ip", "ttl", 8, 1, "%u", b[8]);
	packet_add(r, "ip", "protocol", 9, 1, "%u", b[9]);
	packet_add(r, "ip", "length", 2, 2, "%u", be16(b + 2));
	packet_add(r, "ip", "tos", 1, 1, "%u", b[1]);
	packet_add(r, "ip", "id", 4, 2, "%u", be16(b + 4));
	packet_add(r, "ip", "fragment", 6, 2, "0x%04x", be16(b + 6));
	packet_add(r, "ip", "checksum", 10, 2, "0x%04x", be16(b + 10));
	packet_add(r, "ip", "header", 0, 1, "%u", header);
	r->fragment = be16(b + 6) & 0x1fff;
	r->proto = PACKET_IP + b[9];
	return header;
}

static uint32_t packet_ipv6(struct packet_reader *r, const uint8_t *b)
{
	r->proto = PACKET_END;
	if (b[0] >> 4 != 6)
		return 0;
	packet_address(r, "ip6", "src", AF_INET6, 8, 16);
	packet_address(r, "ip6", "dst", AF_INET6, 24, 16);
	packet_add(r, "ip6", "hops", 7, 1, "%u", b[7]);
	packet_add(r, "ip6", "next", 6, 1, "%u", b[6]);
	packet_add(r, "ip6", "length", 4, 2, "%u", be16(b + 4));
	packet_add(r, "ip6", "class", 0, 4, "%u", be32(b) >> 20 & 0xff);
	packet_add(r, "ip6", "flow", 0, 0, "0x%05x", be32(b) & 0xfffff);
	r->proto = PACKET_IP + b[6];
	return 40;
}

static uint32_t packet_udp(struct packet_reader *r, const uint8_t *b)
{
	packet_add(r, "udp", "src", 0, 2, "%u", be16(b));
	packet_add(r, "udp", "dst", 2, 2, "%u", be16(b + 2));
	packet_add(r, "udp", "length", 4, 2, "%u", be16(b + 4));
	packet_add(r, "udp", "checksum", 6, 2, "0x%04x", be16(b + 6));
	r->proto = PACKET_END;
	return 8;
}

static uint32_t packet_tcp(struct packet_reader *r, const uint8_t *b)
{
	static const char names[] = "FSRPAUEC";
	char flags[9];
	int n = 0;

	for (int i = 0; i < 8; i++)
		if (b[13] & 1 << i)
			flags[n++] = names[i];
	flags[n] = '\0';
	packet_add(r, "tcp", "src", 0, 2, "%u", be16(b));
	packet_add(r, "tcp", "dst", 2, 2, "%u", be16(b + 2));
	packet_add(r, "tcp", "flags", 13, 1, "%s", n ? flags : "-");
	packet_add(r, "tcp", "seq", 4, 4, "%u", be32(b + 4));
	packet_add(r, "tcp", "ack", 8, 4, "%u", be32(b + 8));
	packet_add(r, "tcp", "window", 14, 2, "%u", be16(b + 14));
	packet_add(r, "tcp", "checksum", 16, 2, "0x%04x", be16(b + 16));
	packet_add(r, "tcp", "header", 12, 1, "%u", b[12] >> 4 << 2);
	r->proto = PACKET_END;
	return 20;
}

static uint32_t packet_icmp_as(struct packet_reader *r, const uint8_t *b, const char *layer)
{
	packet_add(r, layer, "type", 0, 1, "%u", b[0]);
	packet_add(r, layer, "code", 1, 1, "%u", b[1]);
	packet_add(r, layer, "id", 4, 2, "%u", be16(b + 4));
	packet_add(r, layer, "seq", 6, 2, "%u", be16(b + 6));
	packet_add(r, layer, "checksum", 2, 2, "0x%04x", be16(b + 2));
	r->proto = PACKET_END;
	return 8;
}

static uint32_t packet_icmp(struct packet_reader *r, const uint8_t *b)
{
	return packet_icmp_as(r, b, "icmp");
}

static uint32_t packet_icmp6(struct packet_reader *r, const uint8_t *b)
{
	return packet_icmp_as(r, b, "icmp6");
}

static const struct packet_layer {
	uint32_t proto, least;					     /* bytes that must be there */
	uint32_t (*read)(struct packet_reader *r, const uint8_t *b); /* length; 0: not that */
} packet_layers[] = {
	{ETH_P_8021Q, 4, packet_vlan},
	{ETH_P_8021AD, 4, packet_vlan},
	{ETH_P_ARP, 28, packet_arp},
	{ETH_P_IP, 20, packet_ipv4},
	{ETH_P_IPV6, 40, packet_ipv6},
	{PACKET_IP + IPPROTO_UDP, 8, packet_udp},
	{PACKET_IP + IPPROTO_TCP, 20, packet_tcp},
	{PACKET_IP + IPPROTO_ICMP, 8, packet_icmp},
	{PACKET_IP + IPPROTO_ICMPV6, 8, packet_icmp6},
	{PACKET_IP + IPPROTO_IPIP, 20, packet_ipv4},
	{PACKET_IP + IPPROTO_IPV6, 40, packet_ipv6},
};

void packet_text_read(const uint8_t *bytes, uint32_t size, struct packet_text *out)
{
	struct packet_reader r = {.t = out};
	const struct packet_layer *layer;
	uint32_t n = 0;

	memset(out, 0, sizeof(*out));
	out->bytes = bytes;
	out->size = size;
	if (size >= 14)
		n = packet_eth(&r, bytes);
	while (n && !r.fragment) {
		r.at += n;
		layer = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(packet_layers); i++)
			if (packet_layers[i].proto == r.proto)
				layer = &packet_layers[i];
		if (!layer || r.at > size || size - r.at < layer->least)
			break;
		n = layer->read(&r, bytes + r.at);
	}
}

/* Fields that are not worth a place in a line. */
static bool packet_is_dull(const struct packet_field *f)
{
	static const char *const dull[] = {"type", "protocol", "next",	"checksum", "header",
					   "tos",  "fragment", "class", "flow",	    "priority"};

	if (!strncmp(f->layer, "icmp", 4) && strcmp(f->name, "checksum") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(dull); i++)
		if (!strcmp(f->name, dull[i]))
			return true;
	return false;
}

void packet_text_line(const struct packet_text *t, char *out, size_t size)
{
	const char *layer = "";
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < t->n && len < size; i++) {
		const struct packet_field *f = &t->fields[i];
		bool fresh = strcmp(layer, f->layer) != 0 || (f->tag && !strcmp(f->name, "id"));
		const char *name = f->name;

		if (packet_is_dull(f))
			continue;
		if (!strcmp(name, "src"))
			name = "";
		else if (!strcmp(name, "dst"))
			name = ">";
		len += (size_t)snprintf(out + len, size - len, "%s%s%s%s%s%s",
					fresh && *layer ? ", " : "", fresh ? f->layer : "",
					*name ? " " : "", name, " ", f->value);
		layer = f->layer;
	}
	if (!t->n)
		snprintf(out, size, "no Ethernet header");
}

const struct packet_field *packet_text_find(const struct packet_text *t,
					    const struct packet_field *like)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->fields[i].tag == like->tag && !strcmp(t->fields[i].layer, like->layer) &&
		    !strcmp(t->fields[i].name, like->name))
			return &t->fields[i];
	return NULL;
}

/* The next byte that no field says, from `at` on; size if there is none. */
static uint32_t packet_hidden(const struct packet_text *t, uint32_t at)
{
	while (at < t->size && at < ARRAY_SIZE(t->shown) && t->shown[at])
		at++;
	return at;
}

void packet_text_diff(const struct packet_text *before, const struct packet_text *now,
		      uint32_t most, char *out, size_t size)
{
	uint32_t a = packet_hidden(before, 0), b = packet_hidden(now, 0), places = 0;
	size_t len = 0;

	out[0] = '\0';
	/* In step, so that a header more or less in front moves nothing. */
	while (a < before->size && b < now->size && len + 1 < size) {
		if (before->bytes[a] != now->bytes[b]) {
			if (++places > most) {
				snprintf(out + len, size - len, ", ...");
				return;
			}
			len += (size_t)snprintf(out + len, size - len, "%sbyte %u: %02x -> %02x",
						places > 1 ? ", " : "", b, before->bytes[a],
						now->bytes[b]);
		}
		a = packet_hidden(before, a + 1);
		b = packet_hidden(now, b + 1);
	}
}
