/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/packet.c - a device by AF_PACKET: works on every device, beside the host's own stack.
 *
 * The kernel puts each frame into a slot of a ring that is mapped here (TPACKET_V2, see
 * packet(7) and packet_mmap in the kernel's documentation):
 *
 *    slot: | tpacket2_hdr | sockaddr_ll | .. | virtio_net_hdr | frame ........ |
 *                                            tp_mac - 10 ^     ^ tp_mac
 *
 * What is too long for a slot, which packets that stand for several are, it queues on the
 * socket as well, in the order of the slots that say so (TP_STATUS_COPY). Both are copied out:
 * the tag that the kernel took out of the frame has to go back in, anyway.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/kind.h"
#include "port/netdev.h"
#include "port/offload.h"

#define PACKET_SLOTS  4096
#define PACKET_RING   (16u << 20) /* bytes at most */
#define PACKET_BLOCK  (64u << 10)
#define PACKET_BUFFER (16 << 20) /* bytes of frames that wait on the socket, in either direction \
				  */
#define PACKET_EXTRA 128	 /* in a slot around a frame of MTU bytes */
#define PACKET_WAIT  20000	 /* microseconds: to look at the device now and then */
#define PACKET_DRAIN 10		 /* milliseconds that a full device is given */
#define PACKET_TAG   4

struct packet {
	int fd;
	char *name;
	uint8_t *ring;
	size_t ring_size;
	uint32_t slot_size, n_slots, next;

	/* A packet that stands for several: what is left of it, and what came with it. */
	uint8_t *big; /* struct virtio_net_hdr, and PORT_MAX_LEN bytes */
	struct offload segments;
	struct tpacket2_hdr big_hdr;

	uint32_t n_out;
	struct mmsghdr out[PORT_BATCH];
	struct iovec out_iov[PORT_BATCH][2];
};

static const struct virtio_net_hdr packet_plain;

static int packet_close(void *state, struct visor_diag *diag)
{
	struct packet *p = state;

	if (p->ring)
		munmap(p->ring, p->ring_size);
	if (p->fd >= 0)
		close(p->fd);
	free(p->big);
	free(p->name);
	free(p);
	return 0;
}

static int packet_set(const struct packet *p, int option, int value)
{
	return setsockopt(p->fd, SOL_PACKET, option, &value, sizeof(value)) ? -errno : 0;
}

static int packet_map(struct packet *p, const struct netdev *dev)
{
	struct tpacket_req req;

	p->slot_size = 2048;
	while (p->slot_size < dev->mtu + PACKET_EXTRA && p->slot_size < PACKET_BLOCK)
		p->slot_size *= 2;
	p->n_slots = MIN(PACKET_SLOTS, PACKET_RING / p->slot_size);
	p->ring_size = (size_t)p->n_slots * p->slot_size;
	req = (struct tpacket_req){.tp_block_size = PACKET_BLOCK,
				   .tp_block_nr = (uint32_t)(p->ring_size / PACKET_BLOCK),
				   .tp_frame_size = p->slot_size,
				   .tp_frame_nr = p->n_slots};
	if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -errno;
	p->ring = mmap(NULL, p->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (p->ring == MAP_FAILED) {
		p->ring = NULL;
		return -errno;
	}
	return 0;
}

/* Larger buffers than a user may have are a matter of taste: without them, others will do. */
static void packet_set_buffers(const struct packet *p)
{
	static const int options[][2] = {{SO_RCVBUFFORCE, SO_RCVBUF}, {SO_SNDBUFFORCE, SO_SNDBUF}};
	int size = PACKET_BUFFER;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(p->fd, SOL_SOCKET, options[i][0], &size, sizeof(size)))
			setsockopt(p->fd, SOL_SOCKET, options[i][1], &size, sizeof(size));
}

static int packet_start(struct packet *p, const struct netdev *dev, bool send_only,
			struct visor_diag *diag)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = send_only ? 0 : htons(ETH_P_ALL),
				 .sll_ifindex = dev->index};
	struct packet_mreq all = {.mr_ifindex = dev->index, .mr_type = PACKET_MR_PROMISC};
	int err;

	/* Of protocol 0 it receives nothing before it is bound. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return netdev_fail(diag, -errno, p->name, "cannot make a packet socket",
				   "CAP_NET_RAW");
	err = packet_set(p, PACKET_VERSION, TPACKET_V2);
	err = err ? err : packet_set(p, PACKET_VNET_HDR, 1);
	err = err ? err : packet_set(p, PACKET_IGNORE_OUTGOING, 1);
	err = err ? err : packet_set(p, PACKET_COPY_THRESH, 1);
	err = err ? err : packet_set(p, PACKET_QDISC_BYPASS, 1);
	if (err)
		return netdev_fail(diag, err, p->name, "cannot set the packet socket up", "");
	packet_set_buffers(p);
	err = send_only ? 0 : packet_map(p, dev);
	if (err)
		return netdev_fail(diag, err, p->name, "cannot make the packet socket's ring",
				   "CAP_IPC_LOCK");
	if (bind(p->fd, (struct sockaddr *)&to, sizeof(to)) ||
	    (!send_only && setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all))))
		return netdev_fail(diag, -errno, p->name, "cannot bind to the device",
				   "CAP_NET_RAW");
	return 0;
}

static int packet_open(const struct port_config *cfg, void **state, struct port_stats *stats,
		       struct visor_diag *diag)
{
	struct netdev dev;
	struct packet *p;
	int err = netdev_get(cfg->device, &dev, diag);

	if (err)
		return err;
	if (!dev.ethernet)
		return netdev_fail(diag, -EOPNOTSUPP, cfg->device,
				   "the device does not carry Ethernet frames", "");
	p = calloc(1, sizeof(*p));
	if (!p)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	p->fd = -1;
	p->name = strdup(cfg->device);
	p->big = malloc(sizeof(struct virtio_net_hdr) + PORT_MAX_LEN);
	err = p->name && p->big ? packet_start(p, &dev, cfg->send_only, diag)
				: diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err) {
		packet_close(p, NULL);
		return err;
	}
	snprintf(stats->how, sizeof(stats->how), cfg->send_only ? "packet, to send" : "packet");
	*state = p;
	return 0;
}

/* ---- in -------------------------------------------------------------------------------- */

/* Room for a packet of len bytes, and for the tag that came beside it: `at` is where it goes,
 * packet_tag puts the tag in. NULL: the batch is full. */
static uint8_t *packet_take(struct port_batch *batch, const struct tpacket2_hdr *hdr, uint32_t len,
			    struct visor_packet **out)
{
	uint32_t tag = hdr->tp_status & TP_STATUS_VLAN_VALID ? PACKET_TAG : 0;
	struct visor_packet *pkt = port_batch_take(batch, len + tag);
	struct port_meta *meta;

	if (!pkt)
		return NULL;
	meta = &batch->meta[batch->n - 1];
	meta->time.tv_sec = hdr->tp_sec;
	meta->time.tv_nsec = hdr->tp_nsec;
	meta->len = meta->wire_len = len + tag;
	*out = pkt;
	return pkt->data + tag;
}

static void packet_tag(const struct tpacket2_hdr *hdr, uint8_t *data)
{
	uint16_t type =
		hdr->tp_status & TP_STATUS_VLAN_TPID_VALID ? hdr->tp_vlan_tpid : ETH_P_8021Q;

	if (!(hdr->tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(data, data + PACKET_TAG, 2 * ETH_ALEN);
	put_u16(data + 2 * ETH_ALEN, htons(type));
	put_u16(data + 2 * ETH_ALEN + 2, htons(hdr->tp_vlan_tci));
}

/* As many segments as the batch has room for. */
static void packet_segments(struct packet *p, struct port_batch *batch, uint32_t max)
{
	struct visor_packet *pkt;
	uint32_t len;
	uint8_t *at;

	while (batch->n < max && (len = offload_next(&p->segments))) {
		at = packet_take(batch, &p->big_hdr, len, &pkt);
		if (!at)
			return;
		offload_write(&p->segments, at);
		packet_tag(&p->big_hdr, pkt->data);
	}
}

/* Into `big`, from the slot or the socket. Its length; 0: it is gone. */
static uint32_t packet_fetch(struct packet *p, const struct tpacket2_hdr *hdr)
{
	const size_t net = sizeof(struct virtio_net_hdr);
	ssize_t n;

	if (hdr->tp_status & TP_STATUS_COPY) {
		n = recv(p->fd, p->big, net + PORT_MAX_LEN, MSG_DONTWAIT | MSG_TRUNC);
		return n > (ssize_t)net ? (uint32_t)(n - (ssize_t)net) : 0;
	}
	if (hdr->tp_snaplen < hdr->tp_len)
		return 0;
	memcpy(p->big, (const uint8_t *)hdr + hdr->tp_mac - net, net + hdr->tp_snaplen);
	return hdr->tp_snaplen;
}

/* A frame that is in `big`: one, or several. */
static void packet_spread(struct packet *p, const struct tpacket2_hdr *hdr, uint32_t len,
			  struct port_batch *batch, uint32_t max, struct port_stats *stats)
{
	const struct virtio_net_hdr *net = (const void *)p->big;
	uint8_t *frame = p->big + sizeof(*net);

	if (len > PORT_MAX_LEN) {
		stats->skipped[PORT_SKIP_LONG]++;
		return;
	}
	p->big_hdr = *hdr;
	if (net->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		if (net->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			offload_finish(frame, len, net->csum_start, net->csum_offset);
		offload_whole(&p->segments, frame, len);
	} else if (!offload_begin(&p->segments, frame, len, net->gso_type, net->gso_size,
				  net->csum_start)) {
		stats->skipped[PORT_SKIP_OFFLOAD]++;
		return;
	}
	packet_segments(p, batch, max);
}

/* The frame in a slot. false: the batch is full, and the slot stays. */
static bool packet_slot(struct packet *p, const struct tpacket2_hdr *hdr, struct port_batch *batch,
			uint32_t max, struct port_stats *stats)
{
	struct virtio_net_hdr net;
	uint32_t len = hdr->tp_snaplen;
	struct visor_packet *pkt;
	uint8_t *at;

	memcpy(&net, (const uint8_t *)hdr + hdr->tp_mac - sizeof(net), sizeof(net));
	if ((hdr->tp_status & TP_STATUS_COPY) || len < hdr->tp_len ||
	    net.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		len = packet_fetch(p, hdr);
		if (len)
			packet_spread(p, hdr, len, batch, max, stats);
		else
			stats->skipped[PORT_SKIP_RING]++;
		return true;
	}
	if (len < ETH_HLEN) {
		stats->skipped[PORT_SKIP_SHORT]++;
		return true;
	}
	at = packet_take(batch, hdr, len, &pkt);
	if (!at)
		return false;
	memcpy(at, (const uint8_t *)hdr + hdr->tp_mac, len);
	if (net.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		offload_finish(at, len, net.csum_start, net.csum_offset);
	packet_tag(hdr, pkt->data);
	return true;
}

static int packet_receive(void *state, struct port_batch *batch, uint32_t max,
			  struct port_stats *stats, struct visor_diag *diag)
{
	struct packet *p = state;

	packet_segments(p, batch, max);
	while (batch->n < max && !offload_next(&p->segments)) {
		struct tpacket2_hdr *hdr = (void *)(p->ring + (size_t)p->next * p->slot_size);

		if (!(__atomic_load_n(&hdr->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) ||
		    !packet_slot(p, hdr, batch, max, stats))
			break;
		__atomic_store_n(&hdr->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->next = p->next + 1 < p->n_slots ? p->next + 1 : 0;
	}
	return batch->n ? (int)batch->n : -EAGAIN;
}

static uint32_t packet_wait(const void *state, int *fd)
{
	const struct packet *p = state;

	*fd = p->fd;
	return PACKET_WAIT;
}

static void packet_refresh(void *state, struct port_stats *stats)
{
	struct packet *p = state;
	struct tpacket_stats n;
	socklen_t size = sizeof(n);

	/* Asking sets it to 0. */
	if (!getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &n, &size))
		stats->skipped[PORT_SKIP_RING] += n.tp_drops;
}

/* ---- out ------------------------------------------------------------------------------- */

static void packet_unsent(struct packet *p, uint32_t i, enum port_skip why,
			  struct port_stats *stats)
{
	stats->skipped[why]++;
	stats->out_packets--;
	stats->out_bytes -= p->out_iov[i][1].iov_len;
}

static int packet_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	struct packet *p = state;
	uint32_t i = 0, n = p->n_out;
	bool waited = false;

	p->n_out = 0;
	while (i < n) {
		int done = sendmmsg(p->fd, p->out + i, n - i, MSG_DONTWAIT);

		if (done > 0) {
			i += (uint32_t)done;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && !waited) {
			struct pollfd full = {.fd = p->fd, .events = POLLOUT};

			waited = true;
			poll(&full, 1, PACKET_DRAIN);
			continue;
		}
		packet_unsent(p, i, errno == EMSGSIZE ? PORT_SKIP_LONG : PORT_SKIP_UNSENT, stats);
		i++;
	}
	return 0;
}

static int packet_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		       struct port_stats *stats, struct visor_diag *diag)
{
	struct packet *p = state;
	struct iovec *iov = p->out_iov[p->n_out];

	iov[0].iov_base = (void *)(uintptr_t)&packet_plain;
	iov[0].iov_len = sizeof(packet_plain);
	iov[1].iov_base = pkt->data;
	iov[1].iov_len = (size_t)(pkt->end - pkt->data);
	p->out[p->n_out].msg_hdr = (struct msghdr){.msg_iov = iov, .msg_iovlen = 2};
	if (++p->n_out == PORT_BATCH)
		return packet_flush(p, stats, diag);
	return 0;
}

const struct port_ops port_ops_packet = {
	.open = packet_open,
	.receive = packet_receive,
	.send = packet_send,
	.flush = packet_flush,
	.wait = packet_wait,
	.refresh = packet_refresh,
	.close = packet_close,
};
