/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/graph.h - a chain as a drawing: text, Graphviz, SVG.
 *
 *    source ──> input ──pass──> input ──pass──> sink
 *                 └──odd──> drop    └──pass──> host
 *
 * A node is a port (as a source or as a sink), a program of a module, or one of the two ends that
 * packets have: the host, and a named output that nobody linked, which drops. Made of a
 * description, its modules and their plan, none of which is needed afterwards. No engine is spoken
 * to. Texts are escaped, whatever is in them.
 */
#ifndef CHAIN_GRAPH_H
#define CHAIN_GRAPH_H

#include <stdio.h>

#include "chain/plan.h"

enum graph_kind { GRAPH_SOURCE, GRAPH_INPUT, GRAPH_SINK, GRAPH_HOST, GRAPH_DROP };

struct graph_node {
	enum graph_kind kind;
	uint32_t index;	      /* of the port, or of the plan's input */
	char *name;	      /* port, module, "host", "drop" */
	char *input, *object; /* INPUT; otherwise NULL */
	char *label;	      /* "nat.outside", or "acl" if there is no other input of it */
	bool internal;	      /* called by its own module only */
	uint32_t rank;	      /* steps from the left; every edge leads to a higher one */
};

struct graph_edge {
	uint32_t from, to; /* nodes */
	char *outputs;	   /* "pass, next"; "" of a source */
	uint32_t *rows;	   /* counters of these outputs: first_row of the input included */
	uint32_t n_rows;
};

struct graph {
	char *title;
	const char *hook;
	struct graph_node *nodes;
	uint32_t n_nodes;
	struct graph_edge *edges;
	uint32_t n_edges;
};

int graph_new(const struct chain_desc *desc, const struct module *const *modules,
	      const struct plan *plan, struct graph **out, struct visor_diag *diag);
void graph_free(struct graph *graph);

/* Of a chain that is up, called `name`: what runs. */
struct live_status;
int graph_of_live(const char *name, const struct live_status *s, struct graph **out,
		  struct visor_diag *diag);

struct graph_opts {
	/* Something to stand on an edge beside its outputs, like what went over it; text is ""
	 * before the call. NULL: nothing. */
	void (*label)(void *user, const struct graph_edge *edge, char *text, size_t size);
	void *user;
};

/* A label for such a graph: the packets that went over the edge. `user` is a struct graph_live. */
struct graph_live {
	const struct graph *graph;
	const struct live_status *status;
};
void graph_live_label(void *user, const struct graph_edge *edge, char *text, size_t size);

/* opts may be NULL. -ENOMEM; errors of the FILE are found when it is closed. */
int graph_text(const struct graph *graph, const struct graph_opts *opts, FILE *to);
int graph_dot(const struct graph *graph, const struct graph_opts *opts, FILE *to);
int graph_svg(const struct graph *graph, const struct graph_opts *opts, FILE *to);

#define GRAPH_LABEL 256
/* "pass, next: 12 packets", printable ASCII only. */
void graph_label(const struct graph_edge *edge, const struct graph_opts *opts,
		 char text[GRAPH_LABEL]);

#endif
