/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_modules.c - what the sample modules make of hand-made packets: how counter classes
 * them, what acl lets through, what sampler writes down. On our engine, and on the kernel
 * where we may.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/pkt_cls.h>

#include "map/map.h"
#include "side.h"

/* Packets as hex text. Addresses: ours is 192.0.2.10 or 2001:db8::10. */
#define ETH(type) "020000000001 020000000002 " type " "
#define TAG(id)	  "8100 " id " "
/* Version and length, fragment word, protocol, source. */
#define IP4X(vl, frag, proto, src) vl "00 0000 0000 " frag " 40" proto " 0000 " src " c000020a "
#define IP4(proto)		   IP4X("45", "4000", proto, "c0000201")
#define IP6X(next, src)		   "60000000 0000 " next " 40 " src " 20010db8000000000000000000000010 "
#define IP6(next)		   IP6X(next, "20010db8000000000000000000000001")
#define PORTS(dst)		   "d431 " dst " 0000 0000 "

enum { LLC = 0, IPV4 = 0x0800, ARP = 0x0806, VLAN = 0x8100, IPV6 = 0x86dd };
enum { ICMP = 1, TCP = 6, UDP = 17, ESP = 50, ICMPV6 = 58, NONE = 256, MALFORMED = 257 };

/* The acl's rules below; `strict` is its answer when the default is deny. */
static const struct {
	const char *name, *hex;
	uint32_t network, transport;
	uint32_t open, strict;
} packets[] = {
	{"TCP to port 80", ETH("0800") IP4("06") PORTS("0050"), IPV4, TCP, 1, 1},
	{"TCP to port 81", ETH("0800") IP4("06") PORTS("0051"), IPV4, TCP, 1, 0},
	{"TCP to port 23", ETH("0800") IP4("06") PORTS("0017"), IPV4, TCP, 0, 0},
	{"UDP to port 23", ETH("0800") IP4("11") PORTS("0017"), IPV4, UDP, 1, 0},
	{"ICMP", ETH("0800") IP4("01") "0800 0000", IPV4, ICMP, 1, 0},
	{"denied source", ETH("0800") IP4X("45", "4000", "06", "c6336442") PORTS("0050"), IPV4, TCP,
	 0, 0},
	{"allowed host in a denied prefix",
	 ETH("0800") IP4X("45", "4000", "06", "c6336407") PORTS("0017"), IPV4, TCP, 1, 1},
	{"options",
	 ETH("0800") IP4X("47", "4000", "06", "c0000201") "01010101 01010100" PORTS("0017"), IPV4,
	 TCP, 0, 0},
	{"options that look like ports",
	 ETH("0800") IP4X("46", "4000", "06", "c0000201") "d4310017" PORTS("0050"), IPV4, TCP, 1,
	 1},
	{"first fragment", ETH("0800") IP4X("45", "2000", "06", "c0000201") PORTS("0017"), IPV4,
	 TCP, 0, 0},
	{"later fragment", ETH("0800") IP4X("45", "2001", "06", "c0000201") PORTS("0017"), IPV4,
	 TCP, 1, 0},
	{"tagged", ETH(TAG("0064") "0800") IP4("06") PORTS("0017"), IPV4, TCP, 0, 0},
	{"802.1ad and 802.1Q", ETH("88a8 0001 " TAG("0064") "0800") IP4("11") PORTS("0035"), IPV4,
	 UDP, 1, 1},
	{"four tags",
	 ETH(TAG("0001") TAG("0002") TAG("0003") TAG("0004") "86dd") IP6("06") PORTS("0017"), IPV6,
	 TCP, 0, 0},
	{"five tags",
	 ETH(TAG("0001") TAG("0002") TAG("0003") TAG("0004") TAG("0005") "0800") IP4("06")
		 PORTS("0017"),
	 VLAN, NONE, 1, 1},
	{"cut off in a tag", ETH(TAG("00")), VLAN, NONE, 1, 1},
	{"IPv6 TCP", ETH("86dd") IP6("06") PORTS("0017"), IPV6, TCP, 0, 0},
	{"IPv6 denied source",
	 ETH("86dd") IP6X("06", "20010db8badd00000000000000000001") PORTS("0050"), IPV6, TCP, 0, 0},
	{"hop-by-hop, destination",
	 ETH("86dd") IP6("00") "3c00010400000000 0601010c00000000"
			       "0000000000000000" PORTS("0017"),
	 IPV6, TCP, 0, 0},
	{"routing, ICMPv6", ETH("86dd") IP6("2b") "3a00000000000000 8000000000000000", IPV6, ICMPV6,
	 1, 0},
	{"authentication, UDP",
	 ETH("86dd") IP6("33") "1104000000000001 00000001000000000000000000000000" PORTS("0035"),
	 IPV6, UDP, 1, 1},
	{"ESP", ETH("86dd") IP6("32") "0000000100000001", IPV6, ESP, 1, 0},
	{"IPv6 first fragment", ETH("86dd") IP6("2c") "0600000100000001" PORTS("0017"), IPV6, TCP,
	 0, 0},
	{"IPv6 later fragment", ETH("86dd") IP6("2c") "0600000900000001" PORTS("0017"), IPV6, TCP,
	 1, 0},
	{"eight extension headers",
	 ETH("86dd") IP6("3c") "3c00010400000000 3c00010400000000"
			       "3c00010400000000 3c00010400000000 3c00010400000000 "
			       "3c00010400000000 3c00010400000000"
			       "0600010400000000" PORTS("0017"),
	 IPV6, TCP, 1, 0},
	{"ARP", ETH("0806") "0001 0800 0604 0001", ARP, NONE, 1, 1},
	{"802.3", ETH("0026") "4242 03 0000", LLC, NONE, 1, 1},
	{"unknown EtherType", ETH("1234"), 0x1234, NONE, 1, 1},
	/* not IP as it should be */
	{"IPv4 of 19 bytes", ETH("0800") "450000000000400040060000c0000201c00002", IPV4, MALFORMED,
	 0, 0},
	{"IPv4 header of 4 words", ETH("0800") IP4X("44", "4000", "06", "c0000201") PORTS("0050"),
	 IPV4, MALFORMED, 0, 0},
	{"options beyond the end", ETH("0800") IP4X("4f", "4000", "06", "c0000201") PORTS("0050"),
	 IPV4, MALFORMED, 0, 0},
	{"IPv6 in IPv4's EtherType", ETH("0800") IP6("06") PORTS("0050"), IPV4, MALFORMED, 0, 0},
	{"IPv4 in IPv6's EtherType", ETH("86dd") IP4("06") IP4("06"), IPV6, MALFORMED, 0, 0},
	{"IPv6 of 39 bytes",
	 ETH("86dd") "600000000000064020010db8000000000000000000000001"
		     "20010db80000000000000000000000",
	 IPV6, MALFORMED, 0, 0},
	{"TCP of 3 bytes", ETH("0800") IP4("06") "d43100", IPV4, MALFORMED, 0, 0},
	{"extension header of 7 bytes", ETH("86dd") IP6("00") "06000104000000", IPV6, MALFORMED, 0,
	 0},
	{"extension header beyond the end", ETH("86dd") IP6("00") "06ff010400000000", IPV6,
	 MALFORMED, 0, 0},
};

static uint32_t packet_bytes(const char *hex, uint8_t *out, uint32_t max)
{
	uint32_t n = 0;

	while (*hex) {
		unsigned byte;

		if (*hex == ' ') {
			hex++;
			continue;
		}
		if (n == max || sscanf(hex, "%2x", &byte) != 1)
			abort();
		out[n++] = byte;
		hex += 2;
	}
	return n;
}

/* The kernel's test run has no skb with an IP EtherType and less than an IP header. */
static bool no_skb(size_t p, uint32_t size)
{
	return (packets[p].network == IPV4 && size < 14 + 20) ||
	       (packets[p].network == IPV6 && size < 14 + 40);
}

static int failed(const struct side *side, const char *what, const char *packet, int64_t got,
		  int64_t want)
{
	fprintf(stderr, "%s: %s: %s: %lld instead of %lld\n", side->name, what, packet,
		(long long)got, (long long)want);
	return -EBADMSG;
}

/* ---- counter ------------------------------------------------------------------------------- */

static int counted(struct side *side, const uint32_t *key, uint64_t *packets_bytes)
{
	struct side_dump dump;
	const uint64_t *sums;
	int err = side_dump_read(&dump, side, "traffic");

	if (err)
		return err;
	sums = side_dump_find(&dump, key);
	packets_bytes[0] = sums ? sums[0] : 0;
	packets_bytes[1] = sums ? sums[1] : 0;
	side_dump_free(&dump);
	return 0;
}

static int test_counter(struct side *side)
{
	int err = side_open(side, "counter", NULL);

	for (size_t i = 0; !err && i < 2 * ARRAY_SIZE(packets); i++) {
		size_t p = i / 2;
		bool tc = i % 2;
		uint32_t key[2] = {packets[p].network, packets[p].transport};
		uint64_t before[2], after[2];
		uint8_t data[256];
		uint32_t size = packet_bytes(packets[p].hex, data, sizeof(data));
		int64_t verdict;

		err = counted(side, key, before);
		verdict = side_run(side, tc ? side->tc : side->xdp, data, size);
		if (!err)
			err = counted(side, key, after);
		if (err)
			break;
		if (tc && no_skb(p, size)) {
			if (verdict != -EINVAL)
				err = failed(side, "test run", packets[p].name, verdict, -EINVAL);
			continue;
		}
		if (verdict != (tc ? TC_ACT_OK : XDP_PASS))
			err = failed(side, "counter", packets[p].name, verdict, XDP_PASS);
		else if (after[0] != before[0] + 1)
			err = failed(side, "packets", packets[p].name, after[0] - before[0], 1);
		else if (after[1] != before[1] + size)
			err = failed(side, "bytes", packets[p].name, after[1] - before[1], size);
	}
	side_close(side);
	return err;
}

/* More protocols than the map holds: none is lost. */
static int test_counter_full(struct side *side)
{
	uint32_t zero = 0, n = 1500;
	const uint64_t *sums;
	struct side_dump dump;
	uint64_t total = 0;
	int err = side_open(side, "counter", NULL);

	for (uint32_t i = 0; !err && i < n; i++) {
		uint8_t frame[14] = {[12] = 0x90 + (i >> 8), [13] = i};

		if (side_run(side, side->xdp, frame, sizeof(frame)) != XDP_PASS)
			err = -EBADMSG;
	}
	if (!err)
		err = side_dump_read(&dump, side, "traffic");
	if (!err) {
		for (uint32_t i = 0; i < dump.n; i++)
			total += dump.sums[i * dump.words];
		side_dump_free(&dump);
		if (total < 1024 || total >= n)
			err = failed(side, "traffic", "packets", total, 1024);
	}
	if (!err)
		err = side_dump_read(&dump, side, "uncounted");
	if (!err) {
		sums = side_dump_find(&dump, &zero);
		if (!sums || total + sums[0] != n || sums[1] != sums[0] * 14)
			err = failed(side, "uncounted", "packets", sums ? sums[0] : 0, n - total);
		side_dump_free(&dump);
	}
	side_close(side);
	return err;
}

/* ---- acl ------------------------------------------------------------------------------------- */

static int acl_rules(struct side *side)
{
	static const struct {
		uint32_t protocol, port, action;
	} ports[] = {{TCP, 23, SIDE_DENY}, {TCP, 80, SIDE_ALLOW}, {UDP, 53, SIDE_ALLOW}};
	static const uint8_t net4[] = {198, 51, 100, 0}, host4[] = {198, 51, 100, 7};
	static const uint8_t net6[16] = {0x20, 1, 0x0d, 0xb8, 0xba, 0xdd};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(ports); i++)
		err = side_map_set(side, "ports", &ports[i].protocol, &ports[i].action);
	if (!err)
		err = side_prefix_set(side, "sources4", 24, net4, 4, SIDE_DENY);
	if (!err)
		err = side_prefix_set(side, "sources4", 32, host4, 4, SIDE_ALLOW);
	if (!err)
		err = side_prefix_set(side, "sources6", 48, net6, 16, SIDE_DENY);
	return err;
}

static int test_acl(struct side *side, bool strict, bool other)
{
	const struct side_const consts[] = {
		{"default_action", strict ? SIDE_DENY : SIDE_ALLOW},
		{"other_action", other ? SIDE_ALLOW : SIDE_DENY},
		{0},
	};
	int err = side_open(side, "acl", consts);

	if (!err)
		err = acl_rules(side);
	for (size_t i = 0; !err && i < 2 * ARRAY_SIZE(packets); i++) {
		size_t p = i / 2;
		bool tc = i % 2, ip = packets[p].network == IPV4 || packets[p].network == IPV6;
		bool pass = ip ? (strict ? packets[p].strict : packets[p].open) : other;
		int64_t want = tc ? (pass ? TC_ACT_OK : TC_ACT_SHOT) : (pass ? XDP_PASS : XDP_DROP);
		uint8_t data[256];
		uint32_t size = packet_bytes(packets[p].hex, data, sizeof(data));
		int64_t verdict = side_run(side, tc ? side->tc : side->xdp, data, size);

		if (tc && no_skb(p, size))
			want = -EINVAL;
		if (verdict != want)
			err = failed(side, strict ? "acl, default deny" : "acl", packets[p].name,
				     verdict, want);
	}
	side_close(side);
	return err;
}

/* ---- sampler --------------------------------------------------------------------------------- */

struct sample {
	uint64_t time;
	uint32_t length, captured;
	uint8_t bytes[128];
};

struct samples {
	struct sample got[8];
	uint32_t n;
};

static int sample_take(void *user, void *data, size_t size)
{
	struct samples *all = user;

	if (size != sizeof(struct sample) || all->n == ARRAY_SIZE(all->got))
		return -EBADMSG;
	memcpy(&all->got[all->n++], data, size);
	return 0;
}

static int sample_take_user(void *user, const void *data, uint32_t size)
{
	return sample_take(user, (void *)data, size);
}

/* Number of records, or a negative errno. */
static int samples_read(struct side *side, struct samples *all)
{
	struct load_session *before = load_enter(&side->session);
	int fd = bpf_object__find_map_fd_by_name(side->obj, "samples"), n = -ENOMEM;

	memset(all, 0, sizeof(*all));
	if (side->session.visor) {
		struct map *map;

		n = map_attach(dup(fd), &map, NULL);
		if (!n) {
			n = ringbuf_consume(map, sample_take_user, all);
			map_unref(map);
		}
	} else {
		struct ring_buffer *ring = ring_buffer__new(fd, sample_take, all, NULL);

		if (ring)
			n = ring_buffer__consume(ring);
		ring_buffer__free(ring);
	}
	load_enter(before);
	return n;
}

/* Of packets of 14, 100, 186 ... bytes every second, from the first on. */
static int test_sampler(struct side *side, bool tc)
{
	static const struct side_const consts[] = {{"every", 2}, {0}};
	uint8_t data[600];
	struct samples all;
	int n, err = side_open(side, "sampler", consts);

	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + 1;
	for (uint32_t i = 0; !err && i < 6; i++) {
		int64_t verdict = side_run(side, tc ? side->tc : side->xdp, data, 14 + i * 86);

		if (verdict != (tc ? TC_ACT_OK : XDP_PASS))
			err = failed(side, "sampler", "verdict", verdict, XDP_PASS);
	}
	if (!err) {
		n = samples_read(side, &all);
		if (n != 3)
			err = failed(side, "sampler", "records", n, 3);
	}
	for (uint32_t i = 0; !err && i < all.n; i++) {
		const struct sample *s = &all.got[i];
		uint32_t length = 14 + i * 2 * 86, captured = MIN(length, sizeof(s->bytes));

		if (s->length != length || s->captured != captured)
			err = failed(side, "sampler", "length", s->length, length);
		else if (memcmp(s->bytes, data, captured))
			err = failed(side, "sampler", "bytes of record", i, i);
		else if (!s->time || (i && s->time < all.got[i - 1].time))
			err = failed(side, "sampler", "time", s->time, i ? all.got[i - 1].time : 1);
		for (uint32_t b = captured; !err && b < sizeof(s->bytes); b++)
			if (s->bytes[b])
				err = failed(side, "sampler", "byte after the packet", s->bytes[b],
					     0);
	}
	side_close(side);
	return err;
}

static int test_sampler_off(struct side *side)
{
	static const struct side_const consts[] = {{"every", 0}, {0}};
	uint8_t data[64] = {0};
	struct samples all;
	int err = side_open(side, "sampler", consts);

	for (int i = 0; !err && i < 5; i++)
		if (side_run(side, side->xdp, data, sizeof(data)) != XDP_PASS)
			err = -EBADMSG;
	if (!err && samples_read(side, &all) != 0)
		err = failed(side, "sampler, off", "records", all.n, 0);
	side_close(side);
	return err;
}

static int test_side(struct side *side)
{
	int err = 0;

	err |= test_counter(side);
	err |= test_counter_full(side);
	err |= test_acl(side, false, true);
	err |= test_acl(side, true, true);
	err |= test_acl(side, true, false);
	err |= test_sampler(side, false);
	err |= test_sampler(side, true);
	err |= test_sampler_off(side);
	printf("%s: %zu packets, %s\n", side->name, ARRAY_SIZE(packets), err ? "FAILED" : "ok");
	return err;
}

int main(void)
{
	struct side kernel = {.name = "kernel"}, user = {.name = "user"};
	struct visor_diag diag = {0};
	int err;

	if (!getenv("VISOR_BUILD")) {
		fprintf(stderr, "skipped: VISOR_BUILD is not set\n");
		return SIDE_SKIP;
	}
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (visor_open(NULL, &user.session.visor, &diag)) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	err = test_side(&user);
	visor_close(user.session.visor);
	if (side_kernel_usable())
		err |= test_side(&kernel);
	return err != 0;
}
