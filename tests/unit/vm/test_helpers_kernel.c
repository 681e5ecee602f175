/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helper bodies against the running kernel: the same call with random arguments on the same
 * random packet, in the kernel through a small program and BPF_PROG_TEST_RUN, here by
 * calling the body, and again by the same program and call on our engine. Result, packet
 * bytes, memory and context must be the same.
 *
 * The program takes its arguments from a map value and leaves its results there, so one
 * program for each helper serves all rounds:
 *
 *   r1 = ctx | number n of the value | &buffer of the value | length n, bounded
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <cmocka.h>

#include "vm/helper.h"
#include "vm/prog.h"
#include "sides.h" /* last: the instruction table uses the name INSN, too */

enum {
	BUFFER = 256,	    /* bytes of a memory argument */
	PACKET_ROOM = 1024, /* around our packet, on both sides */
	N_CALLS = 4,	    /* calls of a sequence */
};

/* The value of the map. */
struct exchange {
	uint64_t num[N_CALLS][5];
	uint64_t ret[N_CALLS];
	uint64_t meta_len, meta; /* XDP: metadata at the end, its first four bytes */
	uint64_t skb[7];	 /* tc: skb_fields at the end */
	uint8_t buffer[2][BUFFER];
};

#define SKB_FIELDS(FIELD)   \
	FIELD(len)          \
	FIELD(pkt_type)     \
	FIELD(protocol)     \
	FIELD(vlan_present) \
	FIELD(vlan_tci)     \
	FIELD(vlan_proto)   \
	FIELD(hash)

/* How a call's argument is made. */
enum source {
	NONE,
	CTX,
	NUM,  /* num[call][argument] */
	LEN,  /* the same, 1 to 255 */
	LEN0, /* 0 to 255 */
	MEM,  /* the first buffer for the first of these, then the second */
};

struct probe {
	const char *name;
	uint32_t type;
	uint32_t ids[N_CALLS]; /* helpers called one after the other */
	enum source args[5];
	/* Fills num of one call; the packet has len bytes. */
	void (*fill)(uint64_t *num, uint32_t len);
};

/* ---- random material --------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t x = seed;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((x ^ x >> 31) >> 16) % below;
}

static uint64_t rnd64(void)
{
	return (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);
}

/* Numbers that ask questions. */
static uint64_t odd_number(void)
{
	static const uint64_t odd[] = {0,	   1,	       2,	   3,
				       4,	   0xffff,     0x10000,	   0x7fffffff,
				       0x80000000, 0xffffffff, UINT64_MAX, UINT64_C(1) << 32};

	return rnd(3) ? odd[rnd(sizeof(odd) / sizeof(odd[0]))] : rnd64();
}

/* An offset near or in a packet of that length. */
static uint64_t offset(uint32_t len)
{
	switch (rnd(8)) {
	case 0:
		return odd_number();
	case 1:
		return len - 8 + rnd(16);
	default:
		return rnd(len);
	}
}

static void fill_csum_diff(uint64_t *num, uint32_t len)
{
	for (int i = 1; i <= 3; i += 2) {
		num[i] = rnd(4) ? 4 * rnd(BUFFER / 4) : 0;
		if (!rnd(8))
			num[i] = rnd(BUFFER);
	}
	num[4] = rnd(2) ? rnd64() : odd_number();
}

static void fill_delta(uint64_t *num, uint32_t len)
{
	static const int32_t edges[] = {-256, -228, -224, -220, -216, -212, 0, 252, 256, -252};

	switch (rnd(4)) {
	case 0:
		num[1] = odd_number();
		break;
	case 1:
		num[1] = edges[rnd(10)] + (int32_t)rnd(3) - 1;
		break;
	case 2:
		num[1] = (int64_t)4 * ((int32_t)rnd(40) - 20);
		break;
	default:
		num[1] = (int64_t)rnd(2 * len + 600) - (int64_t)len - 300;
	}
}

static void fill_tail(uint64_t *num, uint32_t len)
{
	switch (rnd(4)) {
	case 0:
		num[1] = odd_number();
		break;
	case 1: /* the end of the page that the kernel's packet lives in */
		num[1] = 4096 - 256 - 320 - (int64_t)len - 2 + (int64_t)rnd(4);
		break;
	default:
		num[1] = (int64_t)rnd(2 * len) - (int64_t)len;
	}
}

static void fill_bytes(uint64_t *num, uint32_t len)
{
	num[1] = offset(len);
	num[3] = 1 + rnd(rnd(2) ? 16 : BUFFER - 1);
	num[4] = rnd(4) ? rnd(4) : odd_number();
}

static void fill_csum_replace(uint64_t *num, uint32_t len)
{
	num[1] = offset(len) & (rnd(4) ? ~UINT64_C(1) : ~UINT64_C(0));
	num[2] = rnd(2) ? rnd64() : odd_number();
	num[3] = rnd(2) ? rnd64() : odd_number();
	num[4] = (rnd(2) ? 2 : 4) | (rnd(3) ? 0 : rnd(16) << 4);
	switch (rnd(6)) {
	case 0:
		num[4] = odd_number();
		break;
	case 1:
		num[4] &= ~15;
		num[2] = rnd(3) ? 0 : num[2];
	}
}

static void fill_one(uint64_t *num, uint32_t len)
{
	num[1] = offset(len);
}

static void fill_length(uint64_t *num, uint32_t len)
{
	num[1] = rnd(6) ? rnd(2 * len) : rnd(2) ? 16384 - 322 + rnd(4) : odd_number();
	num[2] = rnd(8) ? 0 : odd_number();
}

static void fill_head(uint64_t *num, uint32_t len)
{
	num[1] = rnd(6) ? rnd(200) : rnd(2) ? 16384 - 322 - len + rnd(4) : odd_number() | 1 << 15;
	num[2] = rnd(8) ? 0 : odd_number();
}

static void fill_small(uint64_t *num, uint32_t len)
{
	num[1] = rnd(4) ? rnd(6) : odd_number();
}

static void fill_vlan(uint64_t *num, uint32_t len)
{
	num[1] = rnd(3) ? htons(rnd(2) ? 0x8100 : 0x88a8) : odd_number();
	num[2] = rnd(3) ? rnd(0x10000) : odd_number();
}

/* For pushing a tag and for cutting the packet. */
static void fill_short(uint64_t *num, uint32_t len)
{
	num[1] = rnd(40);
}

/* The text of a number, and the flags. */
static void fill_number(uint64_t *num, uint32_t len)
{
	static const uint64_t bases[] = {0, 8, 10, 16};

	num[1] = rnd(8) ? 80 : 1 + rnd(30);
	num[2] = rnd(8) ? bases[rnd(4)] : odd_number();
}

static void number_text(char *text, size_t size)
{
	static const char *edges[] = {"9223372036854775807",
				      "9223372036854775808",
				      "0x",
				      "-9223372036854775808",
				      "-9223372036854775809",
				      "0xg",
				      "-",
				      "18446744073709551615",
				      "18446744073709551616",
				      "08",
				      "00x1",
				      "0X7fffffffffffffff",
				      "0x8000000000000000",
				      "01777777777777777777777"};
	static const char alphabet[] = "0123456789abcdefABCDEF0123456789x- \n,";
	size_t len = rnd(3);

	memset(text, 0, size);
	memset(text, rnd(2) ? ' ' : '\t', len);
	if (!rnd(4)) {
		snprintf(text + len, size - len, "%s", edges[rnd(ARRAY_SIZE(edges))]);
		return;
	}
	if (!rnd(3))
		text[len++] = '-';
	if (!rnd(3))
		len += snprintf(text + len, size - len, "%s", rnd(2) ? "0x" : "0");
	for (int n = rnd(rnd(4) ? 12 : 90); n > 0; n--)
		text[len++] = alphabet[rnd(rnd(6) ? 10 : sizeof(alphabet) - 1)];
}

static void fill_redirect(uint64_t *num, uint32_t len)
{
	num[0] = odd_number();
	num[1] = rnd(4) ? rnd(3) : odd_number();
}

#define PROBE(type_, name_, fill_, args_, ...) \
	{.name = name_,                        \
	 .type = BPF_PROG_TYPE_##type_,        \
	 .fill = fill_,                        \
	 .args = ARGS args_,                   \
	 .ids = {__VA_ARGS__}},
#define ARGS(...)           \
	{                   \
		__VA_ARGS__ \
	}
#define F(name) BPF_FUNC_##name
/* clang-format off */
static const struct probe probes[] = {
	PROBE(SCHED_CLS, "csum_diff", fill_csum_diff, (MEM, LEN0, MEM, LEN0, NUM), F(csum_diff))
	PROBE(XDP, "xdp redirect", fill_redirect, (NUM, NUM), F(redirect))
	PROBE(SCHED_CLS, "tc redirect", fill_redirect, (NUM, NUM), F(redirect))
	PROBE(XDP, "adjust_head", fill_delta, (CTX, NUM), F(xdp_adjust_head))
	PROBE(XDP, "adjust_meta", fill_delta, (CTX, NUM), F(xdp_adjust_meta))
	PROBE(XDP, "adjust_tail", fill_tail, (CTX, NUM), F(xdp_adjust_tail))
	PROBE(XDP, "adjust meta, head, meta, tail", fill_delta, (CTX, NUM), F(xdp_adjust_meta), F(xdp_adjust_head), F(xdp_adjust_meta), F(xdp_adjust_tail))
	PROBE(XDP, "adjust head, meta, tail, head", fill_delta, (CTX, NUM), F(xdp_adjust_head), F(xdp_adjust_meta), F(xdp_adjust_tail), F(xdp_adjust_head))
	PROBE(XDP, "xdp_get_buff_len", fill_one, (CTX), F(xdp_get_buff_len))
	PROBE(XDP, "xdp_load_bytes", fill_bytes, (CTX, NUM, MEM, LEN), F(xdp_load_bytes))
	PROBE(XDP, "xdp_store_bytes", fill_bytes, (CTX, NUM, MEM, LEN), F(xdp_store_bytes))
	PROBE(SCHED_CLS, "skb_load_bytes", fill_bytes, (CTX, NUM, MEM, LEN), F(skb_load_bytes))
	PROBE(SCHED_CLS, "skb_load_bytes_relative", fill_bytes, (CTX, NUM, MEM, LEN, NUM), F(skb_load_bytes_relative))
	PROBE(SCHED_CLS, "skb_store_bytes", fill_bytes, (CTX, NUM, MEM, LEN, NUM), F(skb_store_bytes))
	PROBE(SCHED_CLS, "l3_csum_replace", fill_csum_replace, (CTX, NUM, NUM, NUM, NUM), F(l3_csum_replace))
	PROBE(SCHED_CLS, "l4_csum_replace", fill_csum_replace, (CTX, NUM, NUM, NUM, NUM), F(l4_csum_replace))
	PROBE(SCHED_CLS, "skb_pull_data", fill_one, (CTX, NUM), F(skb_pull_data))
	PROBE(SCHED_CLS, "skb_change_tail", fill_length, (CTX, NUM, NUM), F(skb_change_tail))
	PROBE(SCHED_CLS, "skb_change_head", fill_head, (CTX, NUM, NUM), F(skb_change_head))
	PROBE(SCHED_CLS, "skb_change_type", fill_small, (CTX, NUM), F(skb_change_type))
	PROBE(SCHED_CLS, "csum_level", fill_small, (CTX, NUM), F(csum_level), F(csum_level), F(csum_level), F(csum_level))
	PROBE(SCHED_CLS, "csum_update", fill_small, (CTX, NUM), F(csum_update))
	PROBE(SCHED_CLS, "vlan_push", fill_vlan, (CTX, NUM, NUM), F(skb_vlan_push), F(skb_vlan_push))
	PROBE(SCHED_CLS, "vlan_pop", fill_vlan, (CTX), F(skb_vlan_pop), F(skb_vlan_pop))
	PROBE(SCHED_CLS, "vlan push, pop, pop, push", fill_vlan, (CTX, NUM, NUM), F(skb_vlan_push), F(skb_vlan_pop), F(skb_vlan_pop), F(skb_vlan_push))
	PROBE(SCHED_CLS, "vlan push, push, tail, pop", fill_short, (CTX, NUM, NUM), F(skb_vlan_push), F(skb_vlan_push), F(skb_change_tail), F(skb_vlan_pop))
	PROBE(SCHED_CLS, "vlan pop, tail", fill_short, (CTX, NUM, NUM), F(skb_vlan_pop), F(skb_change_tail))
	PROBE(XDP, "strtol", fill_number, (MEM, LEN, NUM, MEM), F(strtol))
	PROBE(XDP, "strtoul", fill_number, (MEM, LEN, NUM, MEM), F(strtoul))
	PROBE(SCHED_CLS, "set_hash", fill_small, (CTX, NUM), F(set_hash), F(get_hash_recalc))
};
/* clang-format on */

/* ---- the kernel's side ------------------------------------------------------------------- */

struct code {
	struct bpf_insn insns[200];
	uint32_t n;
};

#define EMIT(c, ...)                                             \
	do {                                                     \
		const struct bpf_insn new_[] = {__VA_ARGS__};    \
		memcpy((c)->insns + (c)->n, new_, sizeof(new_)); \
		(c)->n += ARRAY_SIZE(new_);                      \
	} while (0)

static void emit_call(struct code *c, const struct probe *p, int call)
{
	int buffer = 0;

	for (int i = 0; i < 5; i++) {
		int reg = i + 1, num = offsetof(struct exchange, num) + (call * 5 + i) * 8;

		switch (p->args[i]) {
		case CTX:
			EMIT(c, MOV_REG(reg, 6));
			break;
		case NUM:
			EMIT(c, LOAD(BPF_DW, reg, 7, num));
			break;
		case LEN:
		case LEN0: /* the fill functions keep to the bounds that these repeat */
			EMIT(c, LOAD(BPF_DW, reg, 7, num),
			     INSN(BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, BUFFER - 1));
			if (p->args[i] == LEN)
				EMIT(c, JUMP_IMM(BPF_JNE, reg, 0, 1), MOV_IMM(reg, 1));
			break;
		case MEM:
			EMIT(c, MOV_REG(reg, 7),
			     ADD_IMM(reg, offsetof(struct exchange, buffer) + BUFFER * buffer++));
			break;
		default:
			break;
		}
	}
	EMIT(c, CALL((int)p->ids[call]),
	     STORE(BPF_DW, 7, offsetof(struct exchange, ret) + call * 8, 0));
}

/* Leaves the length of the metadata and its start in the exchange. */
static void emit_meta(struct code *c)
{
	EMIT(c, LOAD(BPF_W, 2, 6, offsetof(struct xdp_md, data_meta)),
	     LOAD(BPF_W, 3, 6, offsetof(struct xdp_md, data)), MOV_REG(4, 3),
	     INSN(BPF_ALU64 | BPF_SUB | BPF_X, 4, 2, 0, 0),
	     STORE(BPF_DW, 7, offsetof(struct exchange, meta_len), 4), MOV_REG(5, 2), ADD_IMM(5, 4),
	     JUMP_REG(BPF_JGT, 5, 3, 2), LOAD(BPF_W, 4, 2, 0),
	     STORE(BPF_DW, 7, offsetof(struct exchange, meta), 4));
}

/* Marks the metadata, if there are any. */
static void emit_mark(struct code *c)
{
	EMIT(c, LOAD(BPF_W, 2, 6, offsetof(struct xdp_md, data_meta)),
	     LOAD(BPF_W, 3, 6, offsetof(struct xdp_md, data)), MOV_REG(5, 2), ADD_IMM(5, 4),
	     JUMP_REG(BPF_JGT, 5, 3, 1), INSN(BPF_ST | BPF_MEM | BPF_W, 2, 0, 0, 0x4d455441));
}

static void emit_skb(struct code *c)
{
	int at = offsetof(struct exchange, skb);

#define FIELD(name)                                                                            \
	EMIT(c, LOAD(BPF_W, 1, 6, offsetof(struct __sk_buff, name)), STORE(BPF_DW, 7, at, 1)); \
	at += 8;
	SKB_FIELDS(FIELD)
#undef FIELD
}

static int load_probe(const struct side *side, int map_fd, const struct probe *p)
{
	static char log[1 << 16];
	struct code c = {.n = 0};
	int fd;

	EMIT(&c, MOV_REG(6, 1), INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
	     LD64(1, BPF_PSEUDO_MAP_FD, map_fd, 0), MOV_REG(2, 10), ADD_IMM(2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), JUMP_IMM(BPF_JNE, 0, 0, 1), EXIT(), MOV_REG(7, 0));
	for (int call = 0; call < N_CALLS && p->ids[call]; call++) {
		emit_call(&c, p, call);
		if (p->type == BPF_PROG_TYPE_XDP)
			emit_mark(&c);
	}
	if (p->type == BPF_PROG_TYPE_XDP)
		emit_meta(&c);
	else
		emit_skb(&c);
	/* Accepting verdict of both types of programs: the packet comes back. */
	EMIT(&c, MOV_IMM(0, p->type == BPF_PROG_TYPE_XDP ? XDP_PASS : TC_ACT_OK), EXIT());
	fd = side_prog(side, p->type, c.insns, c.n, 0, log, sizeof(log));
	if (fd < 0)
		fail_msg("%s: %d %s", p->name, fd, log);
	return fd;
}

struct outcome {
	struct exchange ex;
	uint8_t packet[20000];
	uint32_t len;
};

static void run_side(const struct side *side, int map_fd, int fd, const uint8_t *packet,
		     uint32_t len, const struct exchange *ex, struct outcome *out)
{
	out->ex = *ex;
	out->len = sizeof(out->packet);
	assert_int_equal(side_element(side, BPF_MAP_UPDATE_ELEM, map_fd, 0, &out->ex), 0);
	assert_int_equal(side_run(side, fd, packet, len, out->packet, &out->len, NULL), 0);
	assert_int_equal(side_element(side, BPF_MAP_LOOKUP_ELEM, map_fd, 0, &out->ex), 0);
}

/* ---- our side ------------------------------------------------------------------------------ */

static void run_ours(const struct probe *p, const uint8_t *packet, uint32_t len,
		     const struct exchange *ex, struct outcome *out)
{
	/* The kernel's test run: 256 bytes in front, some of them its own, and a page in all
	 * without the end that it keeps for fragments. An sk_buff grows as it needs. */
	static uint8_t memory[3 * 16384];
	static struct visor_run run;
	bool xdp = p->type == BPF_PROG_TYPE_XDP;
	struct verified code = {.type = catalog_prog(p->type)};
	struct vm_prog prog = {.verified = &code, .mode = VM_UNCHECKED};
	struct visor_packet pkt;

	memset(memory, 0, sizeof(memory)); /* as the kernel's */
	if (xdp)
		visor_packet_init(&pkt, memory, 4096 - 320 - 40, 256 - 40, len);
	else
		visor_packet_init(&pkt, memory, sizeof(memory), 16384, len);
	memcpy(pkt.data, packet, len);
	pkt.protocol = visor_packet_protocol(&pkt);
	run.ctx = &pkt;
	run.prog = &prog;
	run.mode = prog.mode;
	pkt.pkt_type = 3; /* PACKET_OTHERHOST: the packets are for nobody here */
	out->ex = *ex;
	for (int call = 0; call < N_CALLS && p->ids[call]; call++) {
		uint64_t a[5] = {0};
		int buffer = 0;

		for (int i = 0; i < 5; i++) {
			if (p->args[i] == CTX)
				a[i] = (uintptr_t)&pkt;
			else if (p->args[i] == MEM)
				a[i] = (uintptr_t)out->ex.buffer[buffer++];
			else if (p->args[i] != NONE)
				a[i] = ex->num[call][i];
		}
		out->ex.ret[call] = vm_helper(p->ids[call])(a[0], a[1], a[2], a[3], a[4], &run);
		if (xdp && pkt.data - pkt.meta >= 4)
			put_u32(pkt.meta, 0x4d455441);
		assert_true(pkt.start <= pkt.meta && pkt.meta <= pkt.data && pkt.data <= pkt.end &&
			    pkt.end <= pkt.stop);
		assert_int_equal(pkt.len, pkt.end - pkt.data);
	}
	if (xdp) {
		out->ex.meta_len = pkt.data - pkt.meta;
		if (out->ex.meta_len >= 4)
			out->ex.meta = get_u32(pkt.meta);
	} else {
		uint64_t *at = out->ex.skb;

#define FIELD(name) *at++ = pkt.name;
		SKB_FIELDS(FIELD)
#undef FIELD
	}
	/* A test run gives the metadata out with the packet. */
	out->len = pkt.end - pkt.meta;
	memcpy(out->packet, pkt.meta, MIN(out->len, sizeof(out->packet)));
}

/* ---- comparison ---------------------------------------------------------------------------- */

static uint32_t random_packet(const struct probe *p, uint8_t *packet)
{
	uint32_t len =
		54 + rnd(rnd(3) ? 100 : PACKET_ROOM - 54); /* the kernel wants an IPv6 header */
	uint16_t type = rnd(2) ? 0x0800 : 0x86dd;
	uint32_t at = 12;

	for (uint32_t i = 0; i < len; i++)
		packet[i] = rnd(4) ? rnd(256) : rnd(2) * 255;
	packet[0] = 2; /* to one host, not ours */
	for (int tags = p->fill == fill_vlan || p->fill == fill_short ? rnd(4) : !rnd(8);
	     tags > 0 && at + 6 <= len; tags--, at += 4)
		put_u16(packet + at, htons(rnd(2) ? 0x8100 : 0x88a8));
	put_u16(packet + at, htons(rnd(8) ? type : rnd(0x10000)));
	return len;
}

static void explain(const struct probe *p, const struct exchange *ex, uint32_t len,
		    const struct outcome *k, const struct outcome *o)
{
	print_error("%s, packet of %u bytes\n", p->name, len);
	for (int call = 0; call < N_CALLS && p->ids[call]; call++) {
		print_error("  %s(", catalog_helper_name(p->ids[call]));
		for (int i = 0; i < 5; i++)
			if (p->args[i] == NUM || p->args[i] == LEN || p->args[i] == LEN0)
				print_error(" %#llx", (unsigned long long)ex->num[call][i]);
		print_error(" ) kernel: %lld, ours: %lld\n", (long long)k->ex.ret[call],
			    (long long)o->ex.ret[call]);
	}
	print_error("  length %u, ours %u; metadata %llu, ours %llu\n", k->len, o->len,
		    (unsigned long long)k->ex.meta_len, (unsigned long long)o->ex.meta_len);
	for (uint32_t i = 0; i < MIN(k->len, o->len); i++)
		if (k->packet[i] != o->packet[i]) {
			print_error("  byte %u: %02x, ours %02x\n", i, k->packet[i], o->packet[i]);
			break;
		}
	for (size_t i = 0; i < ARRAY_SIZE(k->ex.skb); i++) {
#define FIELD(name) #name,
		static const char *names[] = {SKB_FIELDS(FIELD)};
#undef FIELD
		if (k->ex.skb[i] != o->ex.skb[i])
			print_error("  %s: %#llx, ours %#llx\n", names[i],
				    (unsigned long long)k->ex.skb[i],
				    (unsigned long long)o->ex.skb[i]);
	}
}

static bool same(const struct outcome *k, const struct outcome *o)
{
	return !memcmp(&k->ex, &o->ex, sizeof(k->ex)) && k->len == o->len &&
	       !memcmp(k->packet, o->packet, k->len);
}

static void compare(const struct probe *p, const struct exchange *ex, uint32_t len,
		    const struct outcome *k, const struct outcome *o, const char *what)
{
	if (same(k, o))
		return;
	print_error("%s\n", what);
	explain(p, ex, len, k, o);
	fail();
}

/* sides and their maps: the kernel, our engine */
static void one_probe(const struct side *sides, const int *maps, const struct probe *p, int rounds)
{
	static uint8_t packet[PACKET_ROOM];
	static struct outcome kernel, ours;
	int fd = load_probe(&sides[0], maps[0], p), our_fd = load_probe(&sides[1], maps[1], p);
	int ok = 0;

	for (int round = 0; round < rounds; round++) {
		uint32_t len = random_packet(p, packet);
		struct exchange ex;

		memset(&ex, 0, sizeof(ex));
		for (int call = 0; call < N_CALLS; call++)
			p->fill(ex.num[call], len);
		for (uint32_t i = 0; i < sizeof(ex.buffer); i++)
			((uint8_t *)ex.buffer)[i] = rnd(3) ? rnd(256) : 0;
		if (p->fill == fill_number)
			number_text((char *)ex.buffer[0], sizeof(ex.buffer[0]));
		run_side(&sides[0], maps[0], fd, packet, len, &ex, &kernel);
		run_ours(p, packet, len, &ex, &ours);
		ok += (int64_t)kernel.ex.ret[0] >= 0;
		compare(p, &ex, len, &kernel, &ours, "body called directly");
		run_side(&sides[1], maps[1], our_fd, packet, len, &ex, &ours);
		compare(p, &ex, len, &kernel, &ours, "test run of our engine");
	}
	close(our_fd);
	close(fd);
	print_message("  %-32s %d rounds, %d without an error\n", p->name, rounds, ok);
	assert_true(ok > 0 || p->ids[0] == BPF_FUNC_csum_update);
}

static void bodies_agree(void **state)
{
	const char *rounds = getenv("VISOR_ROUNDS");
	struct side sides[2] = {{NULL}, {NULL}};
	int maps[2];

	assert_int_equal(visor_open(NULL, &sides[1].engine, NULL), 0);
	for (int i = 0; i < 2; i++)
		maps[i] = side_map(&sides[i], BPF_MAP_TYPE_ARRAY, 4, sizeof(struct exchange), 1);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		one_probe(sides, maps, &probes[i], rounds ? atoi(rounds) : 2000);
	close(maps[0]);
	close(maps[1]);
	visor_close(sides[1].engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_agree),
	};
	const char *given = getenv("VISOR_SEED");

	kernel_needed();
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("VISOR_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
