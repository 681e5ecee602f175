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

#include "chain/plan.h"
#include "load/load.h"

struct chain_module {
	char *name;
	struct bpf_object *obj;
	struct module *info;
};

struct chain_input {
	int fd;			  /* of the program; libbpf's */
	struct stitched stitched; /* while it is being loaded */
};

struct chain_port {
	char *name;
	struct port *port;
	struct visor_prog *entry; /* NULL: its packets go to another port, or it has none */
	bool ended;
};

struct chain {
	struct load_session session;
	struct visor *own; /* the engine, if chain_up had to open one */
	const struct hook *hook;
	struct plan *plan;
	struct chain_module *modules;
	uint32_t n_modules;
	struct chain_input *inputs; /* beside the plan's */
	struct chain_port *ports;   /* beside the plan's */
	struct port_batch *batch;

	int slots_fd, counters_fd;
	uint8_t *counters; /* the map's memory: see counters.h */
	size_t counters_size;
	uint32_t stride, n_cpus;

	/* Set while a module is being loaded. */
	uint32_t loading;
	struct visor_diag load_diag;

	uint64_t packets, outcomes[CHAIN_OUTCOME_COUNT], ns;
	struct visor_diag first_fault;
	bool stop; /* atomic */
};

#endif
