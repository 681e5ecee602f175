/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/kind.h - what each kind of source and sink implements. Private to the port layer.
 *
 * open allocates the state and close releases it (all of it, also after an error). The
 * diagnostics need not name the port.
 */
#ifndef PORT_KIND_H
#define PORT_KIND_H

#include "port/port.h"

struct port_source_ops {
	int (*open)(const struct port_config *cfg, void **state, struct visor_diag *diag);
	/* As port_receive; skipped packets go to stats. */
	int (*receive)(void *state, struct port_batch *batch, uint32_t max,
		       struct port_stats *stats, struct visor_diag *diag);
	void (*close)(void *state);
};

struct port_sink_ops {
	int (*open)(const struct port_config *cfg, void **state, struct visor_diag *diag);
	int (*send)(void *state, const struct visor_packet *pkt, const struct port_meta *meta,
		    struct visor_diag *diag);
	int (*flush)(void *state, struct visor_diag *diag);
	int (*close)(void *state, struct visor_diag *diag);
};

struct port_kind {
	const char *name, *help;
	enum port_type type; /* of the main value */
	uint16_t off;	     /* its field in struct port_config */
	bool is_sink;
	uint64_t min, max;
	const struct port_source_ops *source;
	const struct port_sink_ops *sink;
};

/* One for each row of PORT_KINDS: port_source_NAME or port_sink_NAME. */
#define KIND(name, role, type, field, min, max, help) \
	extern const struct port_##role##_ops port_##role##_##name;
PORT_KINDS(KIND)
#undef KIND

/* Room in the batch's pool for the next packet, of len bytes: pkts[n] is set up, and n
 * counts it. NULL: the batch is full. len is at most PORT_MAX_LEN. */
struct visor_packet *port_batch_take(struct port_batch *batch, uint32_t len);

#endif
