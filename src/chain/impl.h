/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/impl.h - a chain that is up, as up.c, run.c and stats.c share it.
 *
 * up.c makes and releases everything here. While chain_run is in its loop it alone writes
 * the totals and ports; chain_stats_get may read them from another thread, and gets numbers
 * that are at most a batch old.
 */
#ifndef CHAIN_IMPL_H
#define CHAIN_IMPL_H

#include <poll.h>

#include "chain/loader.h"

struct chain_port {
	char *name;
	struct port *port;
	struct visor_prog *entry; /* NULL: its packets go to another port, or it has none */
	bool ended;
};

struct chain {
	struct load_session session;
	struct visor *own; /* the engine, if chain_up had to open one */
	struct loader loader;
	struct plan *plan;
	struct chain_port *ports; /* beside the plan's */
	struct port_batch *batch;
	struct pollfd *polls; /* as many as there are ports */

	uint8_t *counters; /* the map's memory: see counters.h */
	size_t counters_size;

	uint64_t packets, outcomes[CHAIN_OUTCOME_COUNT], ns;
	struct visor_diag first_fault;
	bool stop; /* atomic */
};

static inline const struct loader_module *chain_input_module(const struct chain *c, uint32_t input)
{
	return &c->loader.modules[c->plan->inputs[input].module];
}

static inline const char *chain_input_name(const struct chain *c, uint32_t input)
{
	return chain_input_module(c, input)->info->inputs[c->plan->inputs[input].input].name;
}

#endif
