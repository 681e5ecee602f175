/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/tap.h - looking at the packets on the edges of a live chain.
 *
 *     acl ──pass──> counter            acl ──pass──> tap1 ──> counter
 *      └───drop                  =>     └───drop──> tap2 (returns drop)
 *
 * A tap is a module of its own (modules/tap.bpf.c), put on an edge by an ordinary change of the
 * chain, and taken off by the inverse one; other edges cost what they did. Every tap writes to a
 * ring buffer of its own. tap_read puts the records of each CPU into the order in which they were
 * made. A tap is one thread's.
 */
#ifndef CHAIN_TAP_H
#define CHAIN_TAP_H

#include "chain/live.h"

#define TAP_MAX_SNAPLEN 16384

/* Where packets go from one thing to another, or leave the chain. */
struct tap_edge {
	char name[160];	  /* "wan", "acl:pass", "nat.outside:drop" */
	char to[160];	  /* "counter.counter_xdp", "lan"; "": nowhere, the verdict holds */
	int64_t port;	  /* it comes from this port, or -1 */
	uint32_t input;	  /* otherwise from this input, */
	uint32_t row;	  /* by this output */
	bool named;	  /* which is one of the module's own */
	bool linked, end; /* leads to something; packets leave the chain by it */
	uint32_t verdict; /* what a tap has to return */
};

/* The edges of a generation, taps left out; freed by the caller. Those that nothing is linked to
 * are there, too. -ENOMEM. */
int tap_edges(const struct record *r, struct tap_edge **out, uint32_t *n);
/* "counter", or "nat.outside" if more than one of its programs is in the chain. */
void tap_input_name(const struct record *r, uint32_t input, char *out, size_t size);
/* Where an output really leads: through taps, if there are some. NULL: nowhere. */
const struct record_output *tap_through(const struct record *r, const struct record_output *o);

/* One packet on one edge, as modules/tap.bpf.c writes it. */
struct tap_record {
	uint64_t time; /* nanoseconds, monotonic */
	uint32_t cpu, edge, length, captured;
	uint16_t vlan_proto, vlan_tci; /* network, host order; proto 0: no tag beside the bytes */
	uint32_t zero;
	uint8_t bytes[];
};

struct tap;

/*
 * Taps one edge, or all (edge NULL) but those that hardly any packet takes. -ENOENT: there is no
 * such edge. -EBUSY: somebody else is at it.
 */
int tap_open(const struct live_opts *opts, const char *chain, const char *edge, uint32_t snaplen,
	     struct tap **out, struct live_report *report, struct visor_diag *diag);
/* Takes the taps off. */
int tap_close(struct tap *tap, struct visor_diag *diag);

/* The edges that are tapped: a record's `edge` is an index. */
const struct tap_edge *tap_get_edges(const struct tap *tap, uint32_t *n);
enum chain_hook tap_hook(const struct tap *tap);

/*
 * Calls fn with what is there, oldest first, until it returns not 0, which is returned. Records are
 * handed out once no older one of their CPU can come any more. *n: how many. With `all`, without
 * waiting for that. -ESTALE: the taps were taken off by somebody else.
 */
int tap_read(struct tap *tap, bool all, int (*fn)(void *user, const struct tap_record *r),
	     void *user, uint32_t *n, struct visor_diag *diag);
/* Records that found no room so far. */
uint64_t tap_lost(struct tap *tap);

#endif
