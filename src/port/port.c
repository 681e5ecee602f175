/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/port.c - the frame pool, and what all kinds of ports have in common.
 *
 * Frames stand one behind another in the pool. Their distance is not a power of two, so
 * that the headers of a batch spread over the sets of the first-level cache.
 */
#include "port/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <stdlib.h>

#include "port/kind.h"

#define VLAN_HLEN 4

#define FRAME_SIZE (PORT_HEADROOM + PORT_ROOM)
#define POOL_ALIGN 64u
#define POOL_SIZE  MAX(PORT_BATCH *FRAME_SIZE, PORT_HEADROOM + PORT_MAX_LEN)

_Static_assert(FRAME_SIZE % 64 == 0 && (FRAME_SIZE & (FRAME_SIZE - 1)) != 0,
	       "spread over the cache");

const char *const port_skip_text[PORT_SKIP_COUNT] = {
#define SKIP(id, text) [PORT_SKIP_##id] = text,
	PORT_SKIPS(SKIP)
#undef SKIP
};

struct port {
	const struct port_ops *source, *sink; /* the same, if the kind is both */
	void *source_state, *sink_state;
	bool ended;
	int broken; /* what the sink failed with: it takes nothing more */
	struct port_stats stats;
};

#define PORT_WAIT 50 /* microseconds, where the source cannot say when to look again */

struct port_batch *port_batch_new(void)
{
	struct port_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	/* Bytes around a packet are seen by programs (meta data, grown tails): never old heap.
	 * Zeroed by calloc, that is, by the system on first use: most runs use few of the frames.
	 */
	batch->memory = calloc(1, POOL_SIZE + POOL_ALIGN);
	if (!batch->memory) {
		free(batch);
		return NULL;
	}
	batch->pool = (uint8_t *)ALIGN_UP((uintptr_t)batch->memory, POOL_ALIGN);
	return batch;
}

void port_batch_free(struct port_batch *batch)
{
	if (batch)
		free(batch->memory);
	free(batch);
}

struct visor_packet *port_batch_take(struct port_batch *batch, uint32_t len)
{
	uint32_t size = len <= PORT_ROOM ? FRAME_SIZE : ALIGN_UP(PORT_HEADROOM + len, 64u);
	struct visor_packet *pkt = &batch->pkts[batch->n];

	if (batch->n == PORT_BATCH || size > POOL_SIZE - batch->used)
		return NULL;
	visor_packet_init(pkt, batch->pool + batch->used, size, PORT_HEADROOM, len);
	if (len > PORT_ROOM)
		pkt->stop = pkt->end;
	batch->used += size;
	batch->n++;
	return pkt;
}

int port_open(const struct port_config *cfg, struct port **out, struct visor_diag *diag)
{
	struct port *port;
	int err;

	*out = NULL;
	if (port_config_clash(cfg, cfg)) {
		err = diag_fail(diag, -EINVAL, "port", "writing would destroy the file being read");
		diag_at(diag, "%s", cfg->path_out);
		return err;
	}
	port = calloc(1, sizeof(*port));
	if (!port)
		return diag_fail(diag, -ENOMEM, "port", "no memory");
	if (cfg->source) {
		err = cfg->source->ops->open(cfg, &port->source_state, &port->stats, diag);
		if (err)
			goto fail;
		port->source = cfg->source->ops;
	}
	if (cfg->sink == cfg->source) {
		port->sink = port->source;
		port->sink_state = port->source_state;
	} else if (cfg->sink) {
		err = cfg->sink->ops->open(cfg, &port->sink_state, &port->stats, diag);
		if (err)
			goto fail;
		port->sink = cfg->sink->ops;
	}
	*out = port;
	return 0;
fail:
	port_close(port, NULL);
	return err;
}

int port_receive(struct port *port, struct port_batch *batch, uint32_t max, struct visor_diag *diag)
{
	uint64_t bytes = 0;
	int n;

	batch->n = 0;
	batch->used = 0;
	if (!port->source || port->ended || !max)
		return 0;
	n = port->source->receive(port->source_state, batch, MIN(max, (uint32_t)PORT_BATCH),
				  &port->stats, diag);
	if (n <= 0) {
		port->ended = n != -EAGAIN;
		return n;
	}
	for (int i = 0; i < n; i++)
		bytes += batch->pkts[i].len;
	port->stats.in_packets += (uint64_t)n;
	port->stats.in_bytes += bytes;
	return n;
}

bool port_has_source(const struct port *port)
{
	return port->source != NULL;
}

bool port_has_sink(const struct port *port)
{
	return port->sink != NULL;
}

/* On the wire, a VLAN tag that stands beside the packet stands behind its addresses. */
static int port_insert_tag(struct visor_packet *pkt, struct visor_diag *diag)
{
	if (pkt->data - pkt->start < VLAN_HLEN)
		return diag_fail(diag, -ENOBUFS, "port", "no headroom left for the VLAN tag");
	pkt->data -= VLAN_HLEN;
	pkt->len += VLAN_HLEN;
	memmove(pkt->data, pkt->data + VLAN_HLEN, 2 * ETH_ALEN);
	put_u16(pkt->data + 2 * ETH_ALEN, (uint16_t)pkt->vlan_proto);
	put_u16(pkt->data + 2 * ETH_ALEN + 2, htons((uint16_t)pkt->vlan_tci));
	pkt->vlan_present = 0;
	return 0;
}

int port_send(struct port *port, struct port_batch *batch, uint32_t i, struct visor_diag *diag)
{
	struct visor_packet *pkt = &batch->pkts[i];
	int err;

	if (!port->sink)
		return diag_fail(diag, -ENXIO, "port", "the port has no sink");
	if (port->broken)
		return diag_fail(diag, port->broken, "port", "the port's sink broke before");
	/* It stays there: the packet may go to other ports, too. */
	err = pkt->vlan_present ? port_insert_tag(pkt, diag) : 0;
	if (err)
		return err;
	err = port->sink->send(port->sink_state, pkt, &batch->meta[i], &port->stats, diag);
	if (err) {
		port->broken = err != -EAGAIN ? err : 0;
		return err;
	}
	port->stats.out_packets++;
	port->stats.out_bytes += (uint64_t)(pkt->end - pkt->data);
	return 0;
}

int port_flush(struct port *port, struct visor_diag *diag)
{
	int err = port->sink ? port->sink->flush(port->sink_state, &port->stats, diag) : 0;

	if (err)
		port->broken = err;
	return err;
}

uint32_t port_wait(const struct port *port, int *fd)
{
	*fd = -1;
	return port->source && port->source->wait ? port->source->wait(port->source_state, fd)
						  : PORT_WAIT;
}

void port_refresh(struct port *port)
{
	if (port->source && port->source->refresh)
		port->source->refresh(port->source_state, &port->stats);
}

void port_stats(const struct port *port, struct port_stats *out)
{
	*out = port->stats;
}

int port_close(struct port *port, struct visor_diag *diag)
{
	int err = 0;

	if (!port)
		return 0;
	if (port->source && port->source != port->sink)
		port->source->close(port->source_state, NULL);
	if (port->sink)
		err = port->sink->close(port->sink_state, diag);
	free(port);
	return err;
}

/* ---- null ------------------------------------------------------------------------------ */

static int null_open(const struct port_config *cfg, void **state, struct port_stats *stats,
		     struct visor_diag *diag)
{
	return 0;
}

static int null_send(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		     struct port_stats *stats, struct visor_diag *diag)
{
	return 0;
}

static int null_flush(void *state, struct port_stats *stats, struct visor_diag *diag)
{
	return 0;
}

static int null_close(void *state, struct visor_diag *diag)
{
	return 0;
}

const struct port_ops port_ops_null = {
	.open = null_open,
	.send = null_send,
	.flush = null_flush,
	.close = null_close,
};
