/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/xdp.c - one receive queue of a device by AF_XDP: frames go past the host's stack.
 *
 * The memory of the frames (the "UMEM") is shared with the kernel, and four rings say whose
 * each frame is; see "AF_XDP" in the kernel's documentation:
 *
 *     free ──> fill ring ──> kernel ──> rx ring ──> a batch ("lent") ──┐
 *      ^                                                               v
 *      └──── completion ring <── kernel <── tx ring <── lent, or free and copied into
 *
 * A program of five instructions hands the queue's frames to the socket. It is attached by a
 * link, which the kernel detaches when this process ends, however it ends; what another has
 * attached is left alone.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/kind.h"
#include "port/netdev.h"
#include "port/offload.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17 */
#endif

#define XDP_CHUNK  4096u
#define XDP_RX	   2048u /* frames that the kernel can fill while we are away */
#define XDP_TX	   1024u /* frames on their way out */
#define XDP_BUFFER (4 << 20)
#define XDP_CHUNKS (XDP_RX + XDP_TX)
#define XDP_WAIT   20000 /* microseconds: to look at the device now and then */
#define XDP_BIND   50	 /* milliseconds for a queue to be let go of */
#define XDP_DRAIN  100	 /* milliseconds for the last frames, when it is closed */

struct xdp_ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t size, at; /* at: our own side's index, ahead of what the kernel can see */
	uint32_t other;	   /* the kernel's side's index, as last seen */
	void *memory;
	size_t memory_size;
};

struct xdp {
	int fd, map_fd, prog_fd, link_fd;
	char *name;
	uint32_t queue;
	bool complete; /* checksums may be open */
	bool send_only;
	uint8_t *memory;
	struct xdp_ring fill, rx, tx, done;
	uint32_t n_free, n_lent;
	uint32_t n_fill; /* in the fill and rx rings: at most XDP_RX, or none would be left to send
			  */
	uint32_t free[XDP_CHUNKS]; /* numbers of chunks */
	uint32_t lent[PORT_BATCH];
	bool sent[XDP_CHUNKS]; /* a lent one that went into the tx ring as it is */
	uint64_t lost;	       /* as the kernel counted */
};

/* ---- the kernel's bpf(2) --------------------------------------------------------------- */

/*
 * Not this program's syscall(), which leads bpf commands to the engine of the session that the
 * caller may be in, but the C library's.
 */
static int xdp_bpf(int cmd, union bpf_attr *attr)
{
	static long (*real)(long, ...);
	__typeof__(real) fn = __atomic_load_n(&real, __ATOMIC_RELAXED);
	long ret;

	if (!fn) {
		*(void **)&fn = dlsym(RTLD_NEXT, "syscall");
		__atomic_store_n(&real, fn, __ATOMIC_RELAXED);
	}
	ret = fn(__NR_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : (int)ret;
}

/* return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS): without a socket, to the host
 */
static int xdp_load(struct xdp *x, struct visor_diag *diag)
{
	struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_W | BPF_MEM,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct xdp_md, rx_queue_index)},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_FD},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr map = {.map_type = BPF_MAP_TYPE_XSKMAP,
			      .key_size = 4,
			      .value_size = 4,
			      .max_entries = x->queue + 1,
			      .map_name = "visor_port"};
	union bpf_attr prog = {.prog_type = BPF_PROG_TYPE_XDP,
			       .insn_cnt = ARRAY_SIZE(insns),
			       .insns = (uintptr_t)insns,
			       .license = (uintptr_t) "Dual BSD/GPL",
			       .prog_name = "visor_port"};

	x->map_fd = xdp_bpf(BPF_MAP_CREATE, &map);
	if (x->map_fd < 0)
		return netdev_fail(diag, x->map_fd, x->name, "cannot make the map of XDP sockets",
				   "CAP_BPF and CAP_NET_ADMIN");
	insns[1].imm = x->map_fd;
	x->prog_fd = xdp_bpf(BPF_PROG_LOAD, &prog);
	if (x->prog_fd < 0)
		return netdev_fail(diag, x->prog_fd, x->name,
				   "cannot load the program that hands frames to the socket",
				   "CAP_BPF and CAP_NET_ADMIN");
	return 0;
}

/* Who is there already, for the message. */
static int xdp_taken(const struct xdp *x, int index, int err, struct visor_diag *diag)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	uint32_t id = 0;
	int fd;

	if (bpf_xdp_query_id(index, 0, &id) || !id)
		return netdev_fail(diag, err, x->name,
				   "the device is busy with another XDP program", "");
	attr.prog_id = id;
	fd = xdp_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd >= 0) {
		attr = (union bpf_attr){.info = {.bpf_fd = (uint32_t)fd,
						 .info_len = sizeof(info),
						 .info = (uintptr_t)&info}};
		xdp_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
		close(fd);
	}
	diag_fail(diag, -EBUSY, "port", "XDP program %u ('%s') is attached to the device", id,
		  info.name);
	diag_at(diag, "%s", x->name);
	diag_hint(diag,
		  "take it off (`ip link set dev %s xdp off`, or end the process that holds its "
		  "link), or use `via: packet`",
		  x->name);
	return -EBUSY;
}

static int xdp_attach(struct xdp *x, int index, struct visor_diag *diag)
{
	union bpf_attr attr = {.link_create = {.prog_fd = (uint32_t)x->prog_fd,
					       .target_ifindex = (uint32_t)index,
					       .attach_type = BPF_XDP,
					       .flags = XDP_FLAGS_DRV_MODE}};

	x->link_fd = xdp_bpf(BPF_LINK_CREATE, &attr);
	if (x->link_fd >= 0)
		return 0;
	if (x->link_fd == -EBUSY || x->link_fd == -EEXIST)
		return xdp_taken(x, index, x->link_fd, diag);
	netdev_fail(diag, x->link_fd, x->name,
		    x->link_fd == -EOPNOTSUPP ? "the device's driver has no XDP"
					      : "the device's driver refuses an XDP program",
		    "CAP_BPF and CAP_NET_ADMIN");
	if (diag && !diag->hint[0])
		diag_hint(diag, "`via: packet` works on every device; else its MTU or its "
				"offloads may be what stands in the way");
	return x->link_fd;
}

/* ---- rings ----------------------------------------------------------------------------- */

static int xdp_ring_map(struct xdp *x, struct xdp_ring *r, int option, uint64_t at,
			const struct xdp_ring_offset *off, uint32_t size, uint32_t entry)
{
	uint8_t *memory;

	r->memory_size = off->desc + (size_t)size * entry;
	memory = mmap(NULL, r->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      x->fd, (off_t)at);
	if (memory == MAP_FAILED)
		return -errno;
	r->memory = memory;
	r->producer = (void *)(memory + off->producer);
	r->consumer = (void *)(memory + off->consumer);
	r->flags = (void *)(memory + off->flags);
	r->entries = memory + off->desc;
	r->size = size;
	return 0;
}

/* The rings, in the order in which the kernel numbers nothing: option, place, offsets, size. */
static int xdp_rings(struct xdp *x)
{
	struct xdp_mmap_offsets off;
	socklen_t size = sizeof(off);
	const struct {
		struct xdp_ring *ring;
		int option;
		uint64_t at;
		const struct xdp_ring_offset *off;
		uint32_t size, entry;
	} rings[] = {
		{&x->fill, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &off.fr, XDP_RX, 8},
		{&x->done, XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, &off.cr,
		 XDP_TX, 8},
		{&x->rx, XDP_RX_RING, XDP_PGOFF_RX_RING, &off.rx, XDP_RX, sizeof(struct xdp_desc)},
		{&x->tx, XDP_TX_RING, XDP_PGOFF_TX_RING, &off.tx, XDP_TX, sizeof(struct xdp_desc)},
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		if (setsockopt(x->fd, SOL_XDP, rings[i].option, &rings[i].size,
			       sizeof(rings[i].size)))
			return -errno;
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &size))
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(rings) && !err; i++)
		err = xdp_ring_map(x, rings[i].ring, rings[i].option, rings[i].at, rings[i].off,
				   rings[i].size, rings[i].entry);
	return err;
}

/* Room in a ring that we fill. */
static uint32_t xdp_room(struct xdp_ring *r, uint32_t want)
{
	uint32_t room = r->size - (r->at - r->other);

	if (room < want) {
		r->other = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
		room = r->size - (r->at - r->other);
	}
	return MIN(room, want);
}

/* What there is in a ring that the kernel fills. */
static uint32_t xdp_ready(struct xdp_ring *r, uint32_t want)
{
	uint32_t n = r->other - r->at;

	if (n < want) {
		r->other = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
		n = r->other - r->at;
	}
	return MIN(n, want);
}

static void xdp_publish(struct xdp_ring *r)
{
	__atomic_store_n(r->producer, r->at, __ATOMIC_RELEASE);
}

static void xdp_consumed(struct xdp_ring *r)
{
	__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
}

static uint64_t *xdp_address(struct xdp_ring *r)
{
	return (uint64_t *)r->entries + (r->at++ & (r->size - 1));
}

static struct xdp_desc *xdp_desc(struct xdp_ring *r)
{
	return (struct xdp_desc *)r->entries + (r->at++ & (r->size - 1));
}

/* Gives the kernel frames to fill. */
static void xdp_refill(struct xdp *x)
{
	uint32_t n = xdp_room(&x->fill, MIN(x->n_free, XDP_RX - x->n_fill));

	if (!n)
		return;
	x->n_fill += n;
	while (n--)
		*xdp_address(&x->fill) = (uint64_t)x->free[--x->n_free] * XDP_CHUNK;
	xdp_publish(&x->fill);
}

/* Takes back the frames that have been sent. */
static void xdp_reap(struct xdp *x)
{
	uint32_t n = xdp_ready(&x->done, XDP_TX);

	if (!n)
		return;
	while (n--)
		x->free[x->n_free++] = (uint32_t)(*xdp_address(&x->done) / XDP_CHUNK);
	xdp_consumed(&x->done);
}

/*
 * Makes the kernel look at the tx ring. In copy mode it sends within the call, some of it: as
 * long as the completion ring has room, and the frames that wait at the other end are few enough.
 * What it does not take now goes with the next batch. -ENODEV: there is no device any more.
 */
static int xdp_kick(struct xdp *x)
{
	uint32_t before = x->tx.at, now;

	xdp_publish(&x->tx);
	while (__atomic_load_n(x->tx.flags, __ATOMIC_ACQUIRE) & XDP_RING_NEED_WAKEUP) {
		now = __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
		if (now == x->tx.at || now == before)
			break;
		before = now;
		xdp_reap(x);
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		    (errno == ENETDOWN || errno == ENXIO || errno == ENODEV))
			return -ENODEV;
	}
	xdp_reap(x);
	return 0;
}

/* ---- open and close -------------------------------------------------------------------- */

static int xdp_close(void *state, struct visor_diag *diag)
{
	struct xdp *x = state;
	struct xdp_ring *rings[] = {&x->fill, &x->rx, &x->tx, &x->done};
	int fds[] = {x->link_fd, x->fd, x->prog_fd, x->map_fd};

	/* Without copying, the device takes them when it pleases. */
	for (int ms = 0; ms < XDP_DRAIN && x->tx.memory && !xdp_kick(x); ms++) {
		if (__atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) == x->tx.at)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		if (rings[i]->memory)
			munmap(rings[i]->memory, rings[i]->memory_size);
	if (x->memory)
		munmap(x->memory, (size_t)XDP_CHUNKS * XDP_CHUNK);
	free(x->name);
	free(x);
	return 0;
}

static int xdp_socket(struct xdp *x, struct visor_diag *diag)
{
	struct xdp_umem_reg umem = {.len = (uint64_t)XDP_CHUNKS * XDP_CHUNK,
				    .chunk_size = XDP_CHUNK};
	int budget = PORT_BATCH, buffer = XDP_BUFFER, err;

	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return netdev_fail(diag, -errno, x->name, "cannot make an XDP socket",
				   "CAP_NET_RAW");
	x->memory = mmap(NULL, umem.len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->memory == MAP_FAILED) {
		x->memory = NULL;
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	}
	umem.addr = (uintptr_t)x->memory;
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem))) {
		err = -errno;
		netdev_fail(diag, err, x->name, "cannot share the frames' memory with the kernel",
			    "CAP_IPC_LOCK");
		if (err == -ENOBUFS)
			diag_hint(diag, "allow the process to lock 12 MiB: `ulimit -l unlimited`, "
					"or CAP_IPC_LOCK");
		return err;
	}
	err = xdp_rings(x);
	if (err)
		return netdev_fail(diag, err, x->name, "cannot make the XDP socket's rings", "");
	/* In copy mode, what has not been received by the other end counts as ours. */
	setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	/* A batch goes out with one call, where the kernel lets us say so. */
	setsockopt(x->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	return 0;
}

static int xdp_bind(struct xdp *x, const struct netdev *dev, struct visor_diag *diag)
{
	struct sockaddr_xdp to = {.sxdp_family = AF_XDP,
				  .sxdp_flags = XDP_USE_NEED_WAKEUP,
				  .sxdp_ifindex = (uint32_t)dev->index,
				  .sxdp_queue_id = x->queue};
	union bpf_attr attr = {.map_fd = (uint32_t)x->map_fd,
			       .key = (uintptr_t)&x->queue,
			       .value = (uintptr_t)&x->fd};
	int err, tries = XDP_BIND;

	/* The kernel lets go of a queue a moment after the socket that had it was closed. */
	do
		err = bind(x->fd, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
	while (err == -EBUSY && --tries &&
	       !nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL));
	if (err) {
		netdev_fail(diag, err, x->name, "cannot bind the XDP socket to the device",
			    "CAP_NET_RAW");
		if (err == -EBUSY)
			diag_hint(diag, "another XDP socket has queue %u of the device", x->queue);
		return err;
	}
	for (x->n_free = 0; x->n_free < XDP_CHUNKS; x->n_free++)
		x->free[x->n_free] = x->n_free;
	if (!x->send_only)
		xdp_refill(x);
	err = x->send_only ? 0 : xdp_bpf(BPF_MAP_UPDATE_ELEM, &attr);
	return err < 0 ? netdev_fail(diag, err, x->name, "cannot put the XDP socket into its map",
				     "CAP_BPF and CAP_NET_ADMIN")
		       : 0;
}

static int xdp_check(const struct port_config *cfg, const struct netdev *dev,
		     struct visor_diag *diag)
{
	if (!dev->ethernet)
		return netdev_fail(diag, -EOPNOTSUPP, cfg->device,
				   "the device does not carry Ethernet frames", "");
	if (!dev->up) {
		netdev_fail(diag, -ENETDOWN, cfg->device, "the device is down", "");
		diag_hint(diag, "`ip link set %s up`", cfg->device);
		return -ENETDOWN;
	}
	if (cfg->queue != PORT_QUEUE_ONLY && cfg->queue >= dev->queues)
		return diag_fail(diag, -EINVAL, "port",
				 "%s: there is no queue %u: the device has %u, from 0", cfg->device,
				 (unsigned)cfg->queue, dev->queues);
	if (cfg->queue == PORT_QUEUE_ONLY && dev->queues > 1 && !cfg->send_only) {
		diag_fail(diag, -EINVAL, "port", "the device receives in %u queues", dev->queues);
		diag_at(diag, "%s", cfg->device);
		diag_hint(diag, "name one with `queue: N` and steer packets there, or use "
				"`via: packet`, which receives from all");
		return -EINVAL;
	}
	return 0;
}

static int xdp_start(struct xdp *x, const struct netdev *dev, struct port_stats *stats,
		     struct visor_diag *diag)
{
	struct xdp_options options = {0};
	socklen_t size = sizeof(options);
	int err = x->send_only ? 0 : xdp_load(x, diag);

	/* First, since it is what others may have done before; until the socket is in the map,
	 * frames go to the host. */
	if (!err && !x->send_only)
		err = xdp_attach(x, dev->index, diag);
	err = err ? err : xdp_socket(x, diag);
	err = err ? err : xdp_bind(x, dev, diag);
	if (err)
		return err;
	getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &options, &size);
	snprintf(stats->how, sizeof(stats->how), "xdp, %s%s",
		 options.flags & XDP_OPTIONS_ZEROCOPY ? "zero copy" : "copy",
		 x->send_only ? ", to send" : "");
	return 0;
}

static int xdp_open(const struct port_config *cfg, void **state, struct port_stats *stats,
		    struct visor_diag *diag)
{
	struct netdev dev;
	struct xdp *x;
	int err = netdev_get(cfg->device, &dev, diag);

	err = err ? err : xdp_check(cfg, &dev, diag);
	if (err)
		return err;
	x = calloc(1, sizeof(*x));
	if (!x)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	x->fd = x->map_fd = x->prog_fd = x->link_fd = -1;
	x->queue = cfg->queue == PORT_QUEUE_ONLY ? 0 : (uint32_t)cfg->queue;
	x->complete = dev.software;
	x->send_only = cfg->send_only;
	x->name = strdup(cfg->device);
	err = x->name ? xdp_start(x, &dev, stats, diag)
		      : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		xdp_close(x, NULL);
		return err;
	}
	*state = x;
	return 0;
}

/* ---- in -------------------------------------------------------------------------------- */

/* The packets of the last batch are not read any more. */
static void xdp_take_back(struct xdp *x)
{
	for (uint32_t i = 0; i < x->n_lent; i++) {
		uint32_t chunk = x->lent[i];

		if (!x->sent[chunk])
			x->free[x->n_free++] = chunk;
		x->sent[chunk] = false;
	}
	x->n_lent = 0;
}

static void xdp_lend(struct xdp *x, const struct xdp_desc *desc, struct port_batch *batch,
		     const struct timespec *now, struct port_stats *stats)
{
	uint32_t chunk = (uint32_t)(desc->addr / XDP_CHUNK);
	uint32_t head = (uint32_t)(desc->addr % XDP_CHUNK);
	struct visor_packet *pkt = &batch->pkts[batch->n];
	struct port_meta *meta = &batch->meta[batch->n];

	if (desc->len < ETH_HLEN) {
		stats->skipped[PORT_SKIP_SHORT]++;
		x->free[x->n_free++] = chunk;
		return;
	}
	visor_packet_init(pkt, x->memory + (size_t)chunk * XDP_CHUNK,
			  head + MAX(desc->len, (uint32_t)PORT_ROOM), head, desc->len);
	pkt->rx_queue_index = x->queue;
	if (x->complete)
		offload_complete(pkt->data, desc->len);
	meta->time = *now;
	meta->len = meta->wire_len = desc->len;
	x->lent[x->n_lent++] = chunk;
	batch->n++;
}

static int xdp_receive(void *state, struct port_batch *batch, uint32_t max,
		       struct port_stats *stats, struct visor_diag *diag)
{
	struct xdp *x = state;
	struct timespec now;
	uint32_t n;

	xdp_take_back(x);
	xdp_reap(x);
	n = xdp_ready(&x->rx, max);
	xdp_refill(x);
	if (*x->fill.flags & XDP_RING_NEED_WAKEUP)
		recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	if (!n)
		return -EAGAIN;
	clock_gettime(CLOCK_REALTIME, &now);
	x->n_fill -= n;
	while (n--)
		xdp_lend(x, xdp_desc(&x->rx), batch, &now, stats);
	xdp_consumed(&x->rx);
	return batch->n ? (int)batch->n : -EAGAIN;
}

static uint32_t xdp_wait(const void *state, int *fd)
{
	const struct xdp *x = state;

	*fd = x->fd;
	return XDP_WAIT;
}

static void xdp_refresh(void *state, struct port_stats *stats)
{
	struct xdp *x = state;
	struct xdp_statistics n;
	socklen_t size = sizeof(n);

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &n, &size))
		return;
	stats->skipped[PORT_SKIP_RING] += n.rx_dropped + n.rx_ring_full - x->lost;
	x->lost = n.rx_dropped + n.rx_ring_full;
}

/* ---- out ------------------------------------------------------------------------------- */

/* The chunk that a packet of the last batch of this very port lies in, or XDP_CHUNKS. */
static uint32_t xdp_own(const struct xdp *x, const struct visor_packet *pkt)
{
	uint64_t at = (uintptr_t)pkt->data - (uintptr_t)x->memory;
	uint32_t chunk = (uint32_t)(at / XDP_CHUNK);

	if ((uintptr_t)pkt->data < (uintptr_t)x->memory || at >= (uint64_t)XDP_CHUNKS * XDP_CHUNK ||
	    x->sent[chunk])
		return XDP_CHUNKS;
	return chunk;
}

static int xdp_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		    struct port_stats *stats, struct visor_diag *diag)
{
	struct xdp *x = state;
	uint32_t len = (uint32_t)(pkt->end - pkt->data), chunk = xdp_own(x, pkt);
	struct xdp_desc *desc;
	uint64_t at;

	if (len > XDP_CHUNK) {
		stats->skipped[PORT_SKIP_LONG]++;
		return -EAGAIN;
	}
	if (!xdp_room(&x->tx, 1) || (chunk == XDP_CHUNKS && !x->n_free)) {
		xdp_kick(x);
		xdp_reap(x);
		if (!xdp_room(&x->tx, 1) || (chunk == XDP_CHUNKS && !x->n_free)) {
			stats->skipped[PORT_SKIP_UNSENT]++;
			return -EAGAIN;
		}
	}
	if (chunk != XDP_CHUNKS) {
		x->sent[chunk] = true;
		at = (uintptr_t)pkt->data - (uintptr_t)x->memory;
	} else {
		chunk = x->free[--x->n_free];
		at = (uint64_t)chunk * XDP_CHUNK;
		memcpy(x->memory + at, pkt->data, len);
	}
	desc = xdp_desc(&x->tx);
	*desc = (struct xdp_desc){.addr = at, .len = len};
	return 0;
}

static int xdp_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	struct xdp *x = state;

	return x->tx.at == __atomic_load_n(x->tx.consumer, __ATOMIC_RELAXED) ? 0 : xdp_kick(x);
}

const struct port_ops port_ops_xdp = {
	.open = xdp_open,
	.receive = xdp_receive,
	.send = xdp_send,
	.flush = xdp_flush,
	.wait = xdp_wait,
	.refresh = xdp_refresh,
	.close = xdp_close,
};
