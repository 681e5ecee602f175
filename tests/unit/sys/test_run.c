/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN on the kernel and on an engine: same errors, results, packets, contexts.
 */
#include "engine.h"

#include <linux/pkt_cls.h>

static struct visor *own;
static int differences;
static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

#define SAME(kernel, ours, ...)                                                        \
	do {                                                                           \
		if ((kernel) != (ours)) {                                              \
			differences++;                                                 \
			print_error("kernel %lld, engine %lld: ", (long long)(kernel), \
				    (long long)(ours));                                \
			print_error(__VA_ARGS__);                                      \
			print_error("\n");                                             \
		}                                                                      \
	} while (0)

#define XDP(field) (int)offsetof(struct xdp_md, field)
#define SKB(field) (int)offsetof(struct __sk_buff, field)

/* Moves both ends by what the packet's first bytes say, and marks the new first byte. */
static const struct bpf_insn xdp_move[] = {
	MOV_REG(6, 1),
	LOAD(BPF_W, 2, 1, XDP(data)),
	LOAD(BPF_W, 3, 1, XDP(data_end)),
	MOV_REG(4, 2),
	ADD_IMM(4, 4),
	JUMP_REG(BPF_JGT, 4, 3, 24),
	LOAD(BPF_H, 7, 2, 0),
	LOAD(BPF_H, 8, 2, 2),
	ADD_IMM(7, -300),
	ADD_IMM(8, -300),
	MOV_REG(1, 6),
	MOV_REG(2, 7),
	CALL(BPF_FUNC_xdp_adjust_head),
	MOV_REG(7, 0),
	MOV_REG(1, 6),
	MOV_REG(2, 8),
	CALL(BPF_FUNC_xdp_adjust_tail),
	MOV_REG(8, 0),
	LOAD(BPF_W, 2, 6, XDP(data)),
	LOAD(BPF_W, 3, 6, XDP(data_end)),
	MOV_REG(4, 2),
	ADD_IMM(4, 1),
	JUMP_REG(BPF_JGT, 4, 3, 7),
	INSN(BPF_ST | BPF_MEM | BPF_B, 2, 0, 0, 0x5a),
	MOV_IMM(0, 1),
	JUMP_IMM(BPF_JEQ, 7, 0, 1),
	ADD_IMM(0, 2),
	JUMP_IMM(BPF_JEQ, 8, 0, 1),
	ADD_IMM(0, 4),
	EXIT(),
	MOV_IMM(0, 0),
	EXIT(),
};

/* Metadata in front of the packet by ctx, and what the context says. */
static const struct bpf_insn xdp_ctx[] = {
	LOAD(BPF_W, 2, 1, XDP(data)),
	LOAD(BPF_W, 3, 1, XDP(data_meta)),
	INSN(BPF_ALU64 | BPF_SUB | BPF_X, 2, 3, 0, 0),
	MOV_REG(0, 2),
	LOAD(BPF_W, 2, 1, XDP(ingress_ifindex)),
	INSN(BPF_ALU64 | BPF_LSH | BPF_K, 2, 0, 0, 8),
	INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 2, 0, 0),
	LOAD(BPF_W, 2, 1, XDP(rx_queue_index)),
	INSN(BPF_ALU64 | BPF_LSH | BPF_K, 2, 0, 0, 16),
	INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 2, 0, 0),
	EXIT(),
};

struct result {
	int ret;
	uint32_t retval, size, ctx_size;
	uint8_t data[8192], ctx[512];
};

static void run(struct visor *v, int fd, union bpf_attr attr, struct result *r)
{
	memset(r, 0xee, sizeof(*r));
	if (attr.test.data_out)
		attr.test.data_out = PTR(r->data);
	if (attr.test.ctx_out)
		attr.test.ctx_out = PTR(r->ctx);
	attr.test.prog_fd = (uint32_t)fd;
	r->ret = bpf_on(v, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	r->retval = attr.test.retval;
	r->size = attr.test.data_size_out;
	r->ctx_size = attr.test.ctx_size_out;
}

static void compare(int k, int o, const union bpf_attr *attr, const char *what)
{
	static struct result a, b;

	run(NULL, k, *attr, &a);
	run(own, o, *attr, &b);
	SAME(a.ret, b.ret, "%s: size %u out %u flags %x repeat %u cpu %u batch %u ctx %u %u", what,
	     attr->test.data_size_in, attr->test.data_size_out, attr->test.flags, attr->test.repeat,
	     attr->test.cpu, attr->test.batch_size, attr->test.ctx_size_in,
	     attr->test.ctx_size_out);
	if (a.ret && a.ret != -ENOSPC)
		return;
	SAME(a.retval, b.retval, "%s: return value, size %u", what, attr->test.data_size_in);
	SAME(a.size, b.size, "%s: size out, size %u", what, attr->test.data_size_in);
	SAME(a.ctx_size, b.ctx_size, "%s: context size out", what);
	for (size_t i = 0; i < sizeof(a.data); i++)
		if (a.data[i] != b.data[i]) {
			SAME(a.data[i], b.data[i], "%s: byte %zu out of size %u", what, i,
			     attr->test.data_size_in);
			break;
		}
	for (size_t i = 0; i < sizeof(a.ctx); i++)
		if (a.ctx[i] != b.ctx[i]) {
			SAME(a.ctx[i], b.ctx[i], "%s: byte %zu of context out", what, i);
			break;
		}
}

static void both_load(uint32_t type, const struct bpf_insn *insns, uint32_t n, int *k, int *o)
{
	static char log[1 << 16];

	*k = kernel_prog(type, insns, n, "GPL", log, sizeof(log));
	if (*k < 0)
		print_error("%s", log);
	*o = prog_on(own, type, insns, n);
	if (*o < 0) {
		struct visor_diag diag;

		visor_last_diag(&diag);
		visor_diag_print(&diag, stderr);
	}
	assert_true(*k >= 0 && *o >= 0);
}

static uint8_t packet[8192];

/* Every field of a packet's context, and every part of it: loads are permitted by both or neither,
 * and yield the same. The kernel does not look for parts where it has fewer bytes than the UAPI. */
static void parts_of_fields(void **state)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS};
	static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W};
	union bpf_attr attr;
	unsigned n = 0;

	for (uint32_t off = 0; off < sizeof(struct __sk_buff) * 6; off++) {
		const uint32_t i = off % 6, at = off / 6;
		const struct bpf_insn insns[] = {
			{.code = BPF_LDX | BPF_MEM | sizes[i % 3],
			 .dst_reg = 0,
			 .src_reg = 1,
			 .off = (int16_t)at},
			{.code = BPF_JMP | BPF_EXIT},
		};
		char what[64];
		int k, o;

		/* Addresses differ. */
		if (at % (1u << i % 3) || at == offsetof(struct __sk_buff, data) ||
		    at == offsetof(struct __sk_buff, data_end) ||
		    at == offsetof(struct __sk_buff, data_meta))
			continue;
		k = kernel_prog(types[i / 3], insns, 2, "GPL", NULL, 0);
		o = prog_on(own, types[i / 3], insns, 2);
		SAME(k >= 0, o >= 0, "load of %u bytes at %u", 1u << i % 3, at);
		if (k < 0 || o < 0)
			continue;
		memset(packet, 0x81, 64);
		memset(&attr, 0, sizeof(attr));
		attr.test.data_in = PTR(packet);
		attr.test.data_size_in = 64;
		snprintf(what, sizeof(what), "type %u, %u bytes at %u", types[i / 3], 1u << i % 3,
			 at);
		compare(k, o, &attr, what);
		close(k);
		close(o);
		n++;
	}
	assert_true(n > 200);
	assert_int_equal(differences, 0);
}

/* Destination address, protocol and the rest are drawn; the address is sometimes special. */
static void packet_new(void)
{
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = (uint8_t)rnd(256);
	switch (rnd(5)) {
	case 0:
		memset(packet, 0, 6);
		break;
	case 1:
		memset(packet, 255, 6);
		break;
	default:
		break;
	}
	if (rnd(2)) {
		packet[12] = rnd(2) ? 8 : 0;
		packet[13] = (uint8_t)(rnd(2) ? 0 : 40);
		if (rnd(2))
			packet[14] = packet[15] = 255;
	}
}

static void xdp_sizes(void **state)
{
	union bpf_attr attr;
	int k, o;

	both_load(BPF_PROG_TYPE_XDP, xdp_ctx, 11, &k, &o);
	for (uint32_t size = 0; size < 8000;
	     size += size < 20 || (size > 3500 && size < 3540) ? 1 : 61) {
		packet_new();
		memset(&attr, 0, sizeof(attr));
		attr.test.data_in = PTR(packet);
		attr.test.data_size_in = size;
		attr.test.data_out = rnd(3) ? 1 : 0;
		attr.test.data_size_out = rnd(3) ? sizeof(packet) : rnd(200);
		compare(k, o, &attr, "XDP");
	}
	close(k);
	close(o);
	assert_int_equal(differences, 0);
}

static void xdp_moves(void **state)
{
	union bpf_attr attr;
	int k, o;

	both_load(BPF_PROG_TYPE_XDP, xdp_move, sizeof(xdp_move) / sizeof(*xdp_move), &k, &o);
	for (int i = 0; i < 4000; i++) {
		uint16_t by[2] = {(uint16_t)(rnd(8) ? rnd(700) : 300),
				  (uint16_t)(rnd(8) ? rnd(1000) : rnd(5000))};

		packet_new();
		memcpy(packet, by, 4);
		memset(&attr, 0, sizeof(attr));
		attr.test.data_in = PTR(packet);
		attr.test.data_size_in = rnd(2) ? 14 + rnd(400) : 14 + rnd(3500);
		attr.test.data_out = 1;
		attr.test.data_size_out = sizeof(packet);
		compare(k, o, &attr, "XDP move");
		if (differences > 20)
			break;
	}
	close(k);
	close(o);
	assert_int_equal(differences, 0);
}

static void attributes(void **state)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SOCKET_FILTER};
	const struct bpf_insn pass[] = {MOV_IMM(0, 1), EXIT()};
	static uint8_t ctx[512];
	int k, o;

	for (size_t t = 0; t < 3; t++) {
		both_load(types[t], pass, 2, &k, &o);
		for (int i = 0; i < 3000; i++) {
			union bpf_attr attr;

			packet_new();
			memset(ctx, 0, sizeof(ctx));
			memset(&attr, 0, sizeof(attr));
			attr.test.data_in = rnd(20) ? PTR(packet) : rnd(2) ? 0 : 4096;
			attr.test.data_size_in = rnd(10) ? 60 + rnd(60) : rnd(20);
			attr.test.data_out = rnd(3) ? 1 : 0;
			attr.test.data_size_out = rnd(3) ? 4096 : rnd(200);
			attr.test.repeat = rnd(3);
			if (!rnd(20))
				attr.test.flags = 1u << (rnd(2) ? 0 : 3 + rnd(20));
			if (!rnd(20))
				attr.test.cpu = 1;
			if (!rnd(20))
				attr.test.batch_size = 1;
			if (rnd(2)) {
				attr.test.ctx_in = rnd(10) ? PTR(ctx) : 0;
				attr.test.ctx_size_in = rnd(10) ? rnd(2) ? 192 : 24 : rnd(512);
			}
			if (rnd(2)) {
				attr.test.ctx_out = rnd(10) ? 1 : 0;
				attr.test.ctx_size_out = rnd(10) ? 256 : rnd(300);
			}
			/* Live frames are sent on by the kernel, which we have no device for; a
			 * checksum is a newer kernel's idea; a CPU may not be there. */
			if (attr.test.flags & 6 || attr.test.cpu)
				continue;
			if (attr.test.ctx_size_in == 192 && types[t] == BPF_PROG_TYPE_XDP)
				continue;
			compare(k, o, &attr, "attributes");
			if (differences > 20)
				break;
		}
		close(k);
		close(o);
	}
	assert_int_equal(differences, 0);
}

static void xdp_contexts(void **state)
{
	int k, o;

	both_load(BPF_PROG_TYPE_XDP, xdp_ctx, 11, &k, &o);
	for (int i = 0; i < 4000; i++) {
		struct xdp_md md = {0};
		char what[128];
		union bpf_attr attr;

		packet_new();
		memset(&attr, 0, sizeof(attr));
		attr.test.data_in = PTR(packet);
		attr.test.data_size_in = 60 + rnd(300);
		attr.test.data_out = 1;
		attr.test.data_size_out = 4096;
		attr.test.ctx_in = PTR(&md);
		attr.test.ctx_size_in = sizeof(md);
		attr.test.ctx_out = 1;
		attr.test.ctx_size_out = sizeof(md);
		md.data_end = attr.test.data_size_in;
		if (rnd(2))
			md.data = rnd(70) * (rnd(5) ? 4 : 1);
		if (!rnd(5))
			md.data_end = rnd(400);
		if (!rnd(5))
			md.data_meta = rnd(3);
		if (!rnd(5))
			md.ingress_ifindex = 1;
		if (!rnd(5))
			md.rx_queue_index = 0;
		if (!rnd(10))
			md.egress_ifindex = 1;
		snprintf(what, sizeof(what),
			 "XDP context: meta %u data %u end %u ifindex %u queue %u", md.data_meta,
			 md.data, md.data_end, md.ingress_ifindex, md.rx_queue_index);
		compare(k, o, &attr, what);
		if (differences > 20)
			break;
	}
	close(k);
	close(o);
	assert_int_equal(differences, 0);
}

/* Sums up what the program sees in its context, and changes what it may. */
static int skb_prog(uint32_t type, struct bpf_insn *insns)
{
	static const int fields[] = {
		SKB(len),	   SKB(pkt_type), SKB(mark),	 SKB(queue_mapping),
		SKB(protocol),	   SKB(priority), SKB(ifindex),	 SKB(ingress_ifindex),
		SKB(cb[0]),	   SKB(cb[4]),	  SKB(gso_segs), SKB(gso_size),
		SKB(vlan_present), SKB(hash)};
	int n = 0;

	insns[n++] = MOV_IMM(0, 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		insns[n++] = LOAD(BPF_W, 2, 1, (short)fields[i]);
		insns[n++] = INSN(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 31);
		insns[n++] = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 2, 0, 0);
	}
	insns[n++] = MOV_IMM(2, 77);
	insns[n++] = STORE(BPF_W, 1, SKB(cb[1]), 2);
	if (type == BPF_PROG_TYPE_SCHED_CLS) {
		insns[n++] = STORE(BPF_W, 1, SKB(mark), 2);
		insns[n++] = STORE(BPF_W, 1, SKB(priority), 2);
	}
	insns[n++] = EXIT();
	return n;
}

static void skb_contexts(void **state)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER};
	struct bpf_insn insns[80];
	int k, o;

	for (size_t t = 0; t < 2; t++) {
		both_load(types[t], insns, (uint32_t)skb_prog(types[t], insns), &k, &o);
		for (int i = 0; i < 4000; i++) {
			uint8_t bytes[sizeof(struct __sk_buff)] = {0};
			char what[256];
			struct __sk_buff *skb = (struct __sk_buff *)bytes;
			union bpf_attr attr;

			packet_new();
			memset(&attr, 0, sizeof(attr));
			attr.test.data_in = PTR(packet);
			attr.test.data_size_in = 34 + rnd(300);
			attr.test.data_out = 1;
			attr.test.data_size_out = 4096;
			if (rnd(4)) {
				attr.test.ctx_in = PTR(skb);
				attr.test.ctx_size_in = sizeof(*skb);
				attr.test.ctx_out = 1;
				attr.test.ctx_size_out = sizeof(*skb);
				for (int n = 0; n < 3; n++)
					((uint32_t *)bytes)[rnd(sizeof(*skb) / 4)] =
						rnd(2) ? rnd(400) : rnd(80000);
				skb->ifindex = rnd(2); /* the machine's other devices are its own */
			}
			snprintf(what, sizeof(what), "%s: to %02x:%02x:.., protocol %02x%02x",
				 t ? "socket filter" : "tc", packet[0], packet[1], packet[12],
				 packet[13]);
			for (size_t n = 0; attr.test.ctx_in && n < sizeof(*skb) / 4; n++)
				if (((uint32_t *)bytes)[n])
					snprintf(what + strlen(what), sizeof(what) - strlen(what),
						 " [%zu]=%u", 4 * n, ((uint32_t *)bytes)[n]);
			compare(k, o, &attr, what);
			if (differences > 20)
				break;
		}
		close(k);
		close(o);
	}
	assert_int_equal(differences, 0);
}

static int start(void **state)
{
	own = engine_new(NULL);
	return 0;
}

static int stop(void **state)
{
	visor_close(own);
	return 0;
}

static int reset(void **state)
{
	differences = 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parts_of_fields, reset),
		cmocka_unit_test_setup(xdp_sizes, reset),
		cmocka_unit_test_setup(xdp_moves, reset),
		cmocka_unit_test_setup(attributes, reset),
		cmocka_unit_test_setup(xdp_contexts, reset),
		cmocka_unit_test_setup(skb_contexts, reset),
	};

	kernel_needed();
	return cmocka_run_group_tests(tests, start, stop);
}
