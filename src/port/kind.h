/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/kind.h - what each kind of port implements. Private to the port layer.
 *
 * A source has receive, a sink has send, and a kind that is both has one state for both.
 * open allocates the state and close releases it (all of it, also after an error). The
 * diagnostics need not name the port.
 */
#ifndef PORT_KIND_H
#define PORT_KIND_H

#include "port/port.h"

/* What a device calls its packets lost by, and says of itself, goes to stats. */
struct port_ops {
	int (*open)(const struct port_config *cfg, void **state, struct port_stats *stats,
		    struct visor_diag *diag);
	/* As port_receive; skipped packets go to stats. */
	int (*receive)(void *state, struct port_batch *batch, uint32_t max,
		       struct port_stats *stats, struct visor_diag *diag);
	/* -EAGAIN: not this packet, there is no room. The packet stays as it is until flush. */
	int (*send)(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		    struct port_stats *stats, struct visor_diag *diag);
	int (*flush)(void *state, struct port_stats *stats, struct visor_diag *diag);
	/* As port_wait. NULL: the source cannot say. */
	uint32_t (*wait)(const void *state, int *fd);
	/* As port_refresh. NULL: there is nothing to ask. */
	void (*refresh)(void *state, struct port_stats *stats);
	int (*close)(void *state, struct visor_diag *diag);
};

struct port_kind {
	const char *name, *help;
	enum port_type type; /* of the main value */
	uint16_t off;	     /* its field in struct port_config */
	uint64_t min, max;
	const struct port_ops *ops;
};

/* One for each row of PORT_KINDS. */
#define KIND(name, type, field, min, max, help) extern const struct port_ops port_ops_##name;
PORT_KINDS(KIND)
#undef KIND

/* The two ways of the kind `device`. receive and flush return -ENODEV if the device is gone. */
extern const struct port_ops port_ops_packet, port_ops_xdp;

/* Room in the batch's pool for the next packet, of len bytes: pkts[n] is set up, and n
 * counts it. NULL: the batch is full. len is at most PORT_MAX_LEN. */
struct visor_packet *port_batch_take(struct port_batch *batch, uint32_t len);

#endif
