/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live.c - both ends of `bench live`, and the anchors between them.
 *
 *   generate DEVICE          sends frames of 64 bytes (60 without checksum) as fast as it can
 *   forward DEVICE DEVICE    what arrives at the first leaves by the second: AF_XDP and nothing
 *                            else, the yardstick for a chain that does something in between
 *   kernel DEVICE OBJECT     the object's XDP program attached in the kernel
 *
 * Each says "ready", and runs until SIGTERM. forward copies nothing: both sockets have the same
 * memory, and a frame goes from ring to ring.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

#define BATCH  64
#define CHUNK  4096u
#define RING   2048u
#define CHUNKS (2 * RING)

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17 */
#endif

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench-live: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* ---- generate -------------------------------------------------------------------------- */

static void generate(const char *device)
{
	static const uint8_t head[] = {2,    0, 0,   0,	 0, 2, 2, 0, 0,	 0,  0,	   1,	 8,   0,
				       0x45, 0, 0,   46, 0, 0, 0, 0, 64, 17, 0xb6, 0x9d, 198, 18,
				       0,    1, 198, 19, 0, 1, 4, 0, 0,	 9,  0,	   26,	 0,   0};
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex(device)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	struct mmsghdr msgs[BATCH] = {0};
	uint8_t frame[60] = {0};
	struct iovec iov = {frame, sizeof(frame)};

	memcpy(frame, head, sizeof(head));
	for (int i = 0; i < BATCH; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		fail(device);
	ready();
	while (!stop)
		sendmmsg(fd, msgs, BATCH, 0);
}

/* ---- forward --------------------------------------------------------------------------- */

struct ring {
	uint32_t *producer, *consumer;
	void *entries;
	uint32_t at;
};

struct end {
	int fd;
	struct ring fill, done, rx, tx;
};

static void ring_map(int fd, struct ring *r, uint64_t at, const struct xdp_ring_offset *off,
		     size_t entry)
{
	uint8_t *p = mmap(NULL, off->desc + RING * entry, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, (off_t)at);

	if (p == MAP_FAILED)
		fail("mmap");
	r->producer = (void *)(p + off->producer);
	r->consumer = (void *)(p + off->consumer);
	r->entries = p + off->desc;
}

static void end_open(struct end *e, const char *device, void *memory)
{
	static const int options[] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING,
				      XDP_TX_RING};
	struct xdp_umem_reg umem = {
		.addr = (uintptr_t)memory, .len = (uint64_t)CHUNKS * CHUNK, .chunk_size = CHUNK};
	struct sockaddr_xdp to = {.sxdp_family = AF_XDP,
				  .sxdp_flags = XDP_USE_NEED_WAKEUP,
				  .sxdp_ifindex = if_nametoindex(device)};
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	uint32_t size = RING;
	int budget = BATCH, buffer = 4 << 20;

	e->fd = socket(AF_XDP, SOCK_RAW, 0);
	if (e->fd < 0 || setsockopt(e->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)))
		fail("XDP socket");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(e->fd, SOL_XDP, options[i], &size, sizeof(size)))
			fail("rings");
	setsockopt(e->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	setsockopt(e->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (getsockopt(e->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		fail("offsets");
	ring_map(e->fd, &e->fill, XDP_UMEM_PGOFF_FILL_RING, &off.fr, 8);
	ring_map(e->fd, &e->done, XDP_UMEM_PGOFF_COMPLETION_RING, &off.cr, 8);
	ring_map(e->fd, &e->rx, XDP_PGOFF_RX_RING, &off.rx, sizeof(struct xdp_desc));
	ring_map(e->fd, &e->tx, XDP_PGOFF_TX_RING, &off.tx, sizeof(struct xdp_desc));
	if (bind(e->fd, (struct sockaddr *)&to, sizeof(to)))
		fail(device);
}

static void attach(int index, int socket)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int zero = 0, map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "forward", 4, 4, 1, NULL), prog;
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};

	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "forward", "GPL", insns, ARRAY_SIZE(insns), NULL);
	if (map < 0 || prog < 0 || bpf_map_update_elem(map, &zero, &socket, 0) ||
	    bpf_link_create(prog, index, BPF_XDP, &opts) < 0)
		fail("XDP program");
}

/* One batch from ring to ring. false: there was none. */
static bool forward_batch(struct end *in, struct end *out)
{
	uint32_t n = __atomic_load_n(in->rx.producer, __ATOMIC_ACQUIRE) - in->rx.at;
	uint32_t done = __atomic_load_n(out->done.producer, __ATOMIC_ACQUIRE) - out->done.at;
	uint32_t room = RING - (out->tx.at - __atomic_load_n(out->tx.consumer, __ATOMIC_ACQUIRE));

	/* Frames that have been sent are filled again. */
	for (uint32_t i = 0; i < done; i++)
		((uint64_t *)in->fill.entries)[in->fill.at++ & (RING - 1)] =
			((uint64_t *)out->done.entries)[out->done.at++ & (RING - 1)] &
			~(uint64_t)(CHUNK - 1);
	__atomic_store_n(out->done.consumer, out->done.at, __ATOMIC_RELEASE);
	__atomic_store_n(in->fill.producer, in->fill.at, __ATOMIC_RELEASE);
	n = MIN(MIN(n, room), (uint32_t)BATCH);
	for (uint32_t i = 0; i < n; i++)
		((struct xdp_desc *)out->tx.entries)[out->tx.at++ & (RING - 1)] =
			((struct xdp_desc *)in->rx.entries)[in->rx.at++ & (RING - 1)];
	__atomic_store_n(in->rx.consumer, in->rx.at, __ATOMIC_RELEASE);
	__atomic_store_n(out->tx.producer, out->tx.at, __ATOMIC_RELEASE);
	for (int i = 0; i < 64 && __atomic_load_n(out->tx.consumer, __ATOMIC_ACQUIRE) != out->tx.at;
	     i++)
		if (sendto(out->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN)
			break;
	return n;
}

static void forward(const char *from, const char *to)
{
	void *memory = mmap(NULL, (size_t)CHUNKS * CHUNK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct end in = {0}, out = {0};

	if (memory == MAP_FAILED)
		fail("memory");
	end_open(&in, from, memory);
	end_open(&out, to, memory);
	for (uint32_t i = 0; i < RING; i++)
		((uint64_t *)in.fill.entries)[i] = (uint64_t)i * CHUNK;
	in.fill.at = RING;
	__atomic_store_n(in.fill.producer, in.fill.at, __ATOMIC_RELEASE);
	attach((int)if_nametoindex(from), in.fd);
	ready();
	while (!stop)
		if (!forward_batch(&in, &out))
			poll(&(struct pollfd){.fd = in.fd, .events = POLLIN}, 1, 20);
}

/* ---- kernel ---------------------------------------------------------------------------- */

static void kernel(const char *device, const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;

	if (!obj)
		fail(path);
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, bpf_program__type(prog) == BPF_PROG_TYPE_XDP);
	if (bpf_object__load(obj))
		fail(path);
	bpf_object__for_each_program(
		prog, obj) if (bpf_program__autoload(prog) &&
			       !bpf_program__attach_xdp(prog, (int)if_nametoindex(device)))
		fail(device);
	ready();
	while (!stop)
		pause();
}

int main(int argc, char **argv)
{
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	if (argc == 3 && !strcmp(argv[1], "generate"))
		generate(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "forward"))
		forward(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "kernel"))
		kernel(argv[2], argv[3]);
	else
		return fprintf(stderr, "usage: bench-live generate|forward|kernel DEVICE [...]\n"),
		       2;
	return 0;
}
