/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/graph.c - the graph from a plan; as text and for Graphviz. (SVG is in graph_svg.c)
 *
 * Names of programs and outputs come from object files: of each only printable ASCII is kept.
 */
#include "chain/graph.h"

#include <errno.h>
#include <stdlib.h>

struct grapher {
	const struct chain_desc *desc;
	const struct module *const *modules;
	const struct plan *plan;
	struct graph *g;
	uint32_t *sinks; /* node of each port as a sink, + 1; 0: none yet */
	uint32_t host;	 /* node + 1 */
	uint32_t max_nodes, max_edges;
	bool failed; /* no memory */
};

/* ---- making -------------------------------------------------------------------------------- */

static char *graph_copy(struct grapher *r, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	r->failed |= text && !copy;
	for (char *c = copy; c && *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return copy;
}

/* Index of a new node; 0 with r->failed. */
static uint32_t graph_node(struct grapher *r, enum graph_kind kind, uint32_t index,
			   const char *name)
{
	struct graph *g = r->g;

	if (g->n_nodes == r->max_nodes) {
		uint32_t max = r->max_nodes ? 2 * r->max_nodes : 32;
		struct graph_node *more = reallocarray(g->nodes, max, sizeof(*more));

		if (!more) {
			r->failed = true;
			return 0;
		}
		g->nodes = more;
		r->max_nodes = max;
	}
	g->nodes[g->n_nodes] =
		(struct graph_node){.kind = kind, .index = index, .name = graph_copy(r, name)};
	return g->n_nodes++;
}

/* The edge between two nodes, to which an output is added. row -1: a source's. */
static void graph_edge(struct grapher *r, uint32_t from, uint32_t to, const char *output,
		       int64_t row)
{
	struct graph *g = r->g;
	struct graph_edge *e = NULL;
	char *outputs = NULL, *clean;
	uint32_t *rows;

	/* The edges of one input follow each other. */
	for (uint32_t i = g->n_edges; i && g->edges[i - 1].from == from; i--)
		if (g->edges[i - 1].to == to)
			e = &g->edges[i - 1];
	if (!e && g->n_edges == r->max_edges) {
		uint32_t max = r->max_edges ? 2 * r->max_edges : 32;
		struct graph_edge *more = reallocarray(g->edges, max, sizeof(*more));

		r->failed |= !more;
		if (!more)
			return;
		g->edges = more;
		r->max_edges = max;
	}
	if (!e) {
		e = &g->edges[g->n_edges++];
		*e = (struct graph_edge){.from = from, .to = to, .outputs = graph_copy(r, "")};
	}
	if (row < 0 || !e->outputs)
		return;
	rows = reallocarray(e->rows, e->n_rows + 1, sizeof(*rows));
	clean = graph_copy(r, output);
	if (!rows || !clean ||
	    asprintf(&outputs, "%s%s%s", e->outputs, *e->outputs ? ", " : "", clean) < 0) {
		outputs = NULL;
		r->failed = true;
	}
	if (rows) {
		e->rows = rows;
		e->rows[e->n_rows++] = (uint32_t)row;
	}
	if (outputs) {
		free(e->outputs);
		e->outputs = outputs;
	}
	free(clean);
}

static uint32_t graph_sink(struct grapher *r, uint32_t port)
{
	if (!r->sinks[port])
		r->sinks[port] = 1 + graph_node(r, GRAPH_SINK, port, r->desc->ports[port].name);
	return r->sinks[port] - 1;
}

/* Node i is input i of the plan. */
static void graph_inputs(struct grapher *r)
{
	for (uint32_t i = 0; !r->failed && i < r->plan->n_inputs; i++) {
		const struct plan_input *in = &r->plan->inputs[i];
		const struct chain_desc_module *d = &r->desc->modules[in->module];
		uint32_t at = graph_node(r, GRAPH_INPUT, i, d->name), siblings = 0;
		struct graph_node *n = &r->g->nodes[at];

		if (r->failed)
			return;
		n->input = graph_copy(r, r->modules[in->module]->inputs[in->input].name);
		n->object = graph_copy(r, d->object);
		n->internal = in->internal;
		for (uint32_t k = 0; k < r->plan->n_inputs; k++)
			siblings += r->plan->inputs[k].module == in->module;
		if (siblings > 1 && n->input && asprintf(&n->label, "%s.%s", n->name, n->input) < 0)
			n->label = NULL;
		else if (siblings == 1)
			n->label = graph_copy(r, d->name);
		r->failed |= !n->label;
	}
}

static void graph_outputs(struct grapher *r, uint32_t input)
{
	const struct plan_input *in = &r->plan->inputs[input];
	const struct module *m = r->modules[in->module];
	const struct hook *hook = hook_get(r->plan->hook);
	int64_t drop = -1;
	bool passes = true;

	for (uint32_t i = 0; !r->failed && i < in->n_outputs; i++) {
		const struct plan_output *o = &in->outputs[i];
		int verdict = hook_verdict(hook, o->value);
		const char *name = o->named >= 0  ? m->outputs[o->named].name
				   : verdict >= 0 ? hook->verdicts[verdict].name
						  : "?";
		uint32_t to = o->target;

		passes &= o->value != hook->pass;
		if (o->to == STITCH_PORT) {
			to = graph_sink(r, o->target);
		} else if (o->to == STITCH_RETURN) {
			if (drop < 0)
				drop = graph_node(r, GRAPH_DROP, input, "drop");
			to = (uint32_t)drop;
		}
		graph_edge(r, input, to, name, (int64_t)in->first_row + o->row);
	}
	/* What a module passes that leads nowhere. A program that its own module calls may always
	 * have been meant to go on. */
	if (passes && !r->failed && !in->internal) {
		if (!r->host)
			r->host = 1 + graph_node(r, GRAPH_HOST, 0, "host");
		graph_edge(r, input, r->host - 1, "pass",
			   (int64_t)in->first_row + hook_verdict(hook, hook->pass));
	}
}

static void graph_sources(struct grapher *r)
{
	for (uint32_t i = 0; !r->failed && i < r->plan->n_ports; i++) {
		const struct plan_port *p = &r->plan->ports[i];
		uint32_t from;

		if (p->entry == PLAN_NOWHERE)
			continue;
		from = graph_node(r, GRAPH_SOURCE, i, r->desc->ports[i].name);
		if (!r->failed)
			graph_edge(r, from,
				   p->entry == PLAN_TO_PORT ? graph_sink(r, p->target) : p->target,
				   "", -1);
	}
}

/* Longest paths; a plan has no circles. */
static void graph_ranks(struct graph *g)
{
	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < g->n_edges; i++) {
			const struct graph_node *from = &g->nodes[g->edges[i].from];
			struct graph_node *to = &g->nodes[g->edges[i].to];

			if (to->rank <= from->rank) {
				to->rank = from->rank + 1;
				again = true;
			}
		}
	}
}

int graph_new(const struct chain_desc *desc, const struct module *const *modules,
	      const struct plan *plan, struct graph **out, struct visor_diag *diag)
{
	struct grapher r = {.desc = desc, .modules = modules, .plan = plan};
	struct graph *g = r.g = calloc(1, sizeof(*g));

	*out = NULL;
	r.sinks = calloc(plan->n_ports + 1, sizeof(*r.sinks));
	r.failed = !g || !r.sinks;
	if (!r.failed) {
		g->title = graph_copy(&r, desc->file);
		g->hook = hook_get(plan->hook)->name;
		graph_inputs(&r);
		for (uint32_t i = 0; !r.failed && i < plan->n_inputs; i++)
			graph_outputs(&r, i);
		graph_sources(&r);
	}
	for (uint32_t i = 0; !r.failed && i < g->n_nodes; i++)
		if (!g->nodes[i].label)
			g->nodes[i].label = graph_copy(&r, g->nodes[i].name);
	free(r.sinks);
	if (r.failed) {
		graph_free(g);
		return diag_fail(diag, -ENOMEM, "graph", "no memory");
	}
	graph_ranks(g);
	*out = g;
	return 0;
}

void graph_free(struct graph *graph)
{
	if (!graph)
		return;
	for (uint32_t i = 0; i < graph->n_nodes; i++) {
		free(graph->nodes[i].name);
		free(graph->nodes[i].input);
		free(graph->nodes[i].object);
		free(graph->nodes[i].label);
	}
	for (uint32_t i = 0; i < graph->n_edges; i++) {
		free(graph->edges[i].outputs);
		free(graph->edges[i].rows);
	}
	free(graph->nodes);
	free(graph->edges);
	free(graph->title);
	free(graph);
}

void graph_label(const struct graph_edge *edge, const struct graph_opts *opts,
		 char text[GRAPH_LABEL])
{
	char more[GRAPH_LABEL] = "";

	if (opts && opts->label)
		opts->label(opts->user, edge, more, sizeof(more));
	snprintf(text, GRAPH_LABEL, "%.*s%s%.120s", 120, edge->outputs,
		 *edge->outputs && *more ? ": " : "", more);
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Nodes from left to right. */
static int graph_order(const void *a, const void *b, void *user)
{
	const struct graph *g = user;
	const struct graph_node *x = &g->nodes[*(const uint32_t *)a],
				*y = &g->nodes[*(const uint32_t *)b];

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static const char *graph_end(const struct graph_node *n)
{
	return n->kind == GRAPH_DROP ? "(dropped)" : n->kind == GRAPH_HOST ? "(host)" : n->label;
}

static void graph_text_edges(const struct graph *g, uint32_t node, const struct graph_opts *opts,
			     int indent, FILE *to)
{
	char label[GRAPH_LABEL];
	int width = 0;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < g->n_edges; i++) {
			if (g->edges[i].from != node)
				continue;
			graph_label(&g->edges[i], opts, label);
			if (!pass)
				width = MAX(width, (int)strlen(label));
			else
				fprintf(to, "%*s%-*s%s-> %s\n", indent, "", width, label,
					width ? "  " : "", graph_end(&g->nodes[g->edges[i].to]));
		}
}

/* With its programs in the order that they have in the object. */
static void graph_text_module(const struct graph *g, const struct graph_node *module, bool *done,
			      const struct graph_opts *opts, FILE *to)
{
	fprintf(to, "\n%s  [%s]\n", module->name, module->object);
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		const struct graph_node *n = &g->nodes[i];

		if (n->kind != GRAPH_INPUT || strcmp(n->name, module->name) != 0)
			continue;
		fprintf(to, "  .%s%s\n", n->input, n->internal ? "  (called by the module)" : "");
		graph_text_edges(g, i, opts, 4, to);
		done[i] = true;
	}
}

int graph_text(const struct graph *g, const struct graph_opts *opts, FILE *to)
{
	uint32_t *order = calloc(g->n_nodes + 1, sizeof(*order));
	bool *done = calloc(g->n_nodes + 1, sizeof(*done));
	int err = order && done ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < g->n_nodes; i++)
		order[i] = i;
	if (!err) {
		qsort_r(order, g->n_nodes, sizeof(*order), graph_order, (void *)(uintptr_t)g);
		fprintf(to, "%s  (%s)\n", g->title, g->hook);
	}
	for (uint32_t i = 0; !err && i < g->n_nodes; i++) {
		const struct graph_node *n = &g->nodes[order[i]];

		if (n->kind == GRAPH_SOURCE) {
			fprintf(to, "\n%s  [port]\n", n->name);
			graph_text_edges(g, order[i], opts, 4, to);
		} else if (n->kind == GRAPH_INPUT && !done[order[i]]) {
			graph_text_module(g, n, done, opts, to);
		}
	}
	free(order);
	free(done);
	return err;
}

/* ---- Graphviz -------------------------------------------------------------------------------- */

static void graph_dot_string(const char *text, FILE *to)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

int graph_dot(const struct graph *g, const struct graph_opts *opts, FILE *to)
{
	static const char *const shapes[] = {[GRAPH_SOURCE] = "cds",
					     [GRAPH_INPUT] = "box",
					     [GRAPH_SINK] = "cds",
					     [GRAPH_HOST] = "house",
					     [GRAPH_DROP] = "plaintext"};
	char label[GRAPH_LABEL];

	fputs("digraph chain {\n\trankdir=LR;\n\tlabel=", to);
	graph_dot_string(g->title, to);
	fputs(";\n\tnode [fontname=\"monospace\"];\n\tedge [fontname=\"monospace\", "
	      "fontsize=10];\n",
	      to);
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		fprintf(to, "\tn%u [shape=%s, label=", i, shapes[g->nodes[i].kind]);
		graph_dot_string(g->nodes[i].label, to);
		fprintf(to, "%s];\n", g->nodes[i].internal ? ", style=dashed" : "");
	}
	for (uint32_t i = 0; i < g->n_edges; i++) {
		graph_label(&g->edges[i], opts, label);
		fprintf(to, "\tn%u -> n%u [label=", g->edges[i].from, g->edges[i].to);
		graph_dot_string(label, to);
		fprintf(to, "%s];\n",
			g->nodes[g->edges[i].to].kind == GRAPH_DROP ? ", style=dotted" : "");
	}
	fputs("}\n", to);
	return 0;
}
