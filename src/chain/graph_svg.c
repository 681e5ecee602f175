/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/graph_svg.c - the graph as SVG, in layers from left to right.
 *
 *    rank 0      1         2        An edge over several layers goes through a joint in each of
 *    ┌──┐      ┌───┐     ┌───┐      them, so that it passes between the nodes there. Layers are
 *    │in├─────>│acl├────>│nat│      ordered by the middle of what leads to (then: from) a node,
 *    └──┘      └─┬─┘     └───┘      some times over: few crossings, the same drawing each time.
 *                └──·─────>
 */
#include "chain/graph.h"

#include <errno.h>
#include <stdlib.h>

#define SVG_CHAR   7.3 /* width of a character of 12 px monospace */
#define SVG_HEIGHT 30  /* of a node */
#define SVG_PITCH  52  /* from node to node in a layer */
#define SVG_MARGIN 20
#define SVG_TITLE  30
#define SVG_SWEEPS 8

/* A node (the first n_nodes), or a joint. */
struct svg_item {
	uint32_t layer, pos;
	double key; /* while a layer is sorted */
	double sum;
	uint32_t n;
};

/* From one layer to the next. */
struct svg_part {
	uint32_t edge, from, to; /* items */
};

struct svg {
	const struct graph *g;
	const struct graph_opts *opts;
	struct svg_item *items;
	uint32_t n_items;
	struct svg_part *parts; /* the parts of an edge follow each other */
	uint32_t n_parts;
	uint32_t n_layers;
	uint32_t **layers; /* items, in order */
	uint32_t *sizes;
	double *x, *widths, *gaps; /* of layers; gap behind it */
	uint32_t tallest;
	FILE *to;
};

/* ---- layout -------------------------------------------------------------------------------- */

static uint32_t svg_span(const struct graph *g, uint32_t edge)
{
	return g->nodes[g->edges[edge].to].rank - g->nodes[g->edges[edge].from].rank;
}

static int svg_items(struct svg *s)
{
	const struct graph *g = s->g;
	size_t joints = 0, parts = 0;

	for (uint32_t i = 0; i < g->n_edges; i++) {
		joints += svg_span(g, i) - 1;
		parts += svg_span(g, i);
	}
	s->items = calloc(g->n_nodes + joints + 1, sizeof(*s->items));
	s->parts = calloc(parts + 1, sizeof(*s->parts));
	if (!s->items || !s->parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		s->items[s->n_items++].layer = g->nodes[i].rank;
		s->n_layers = MAX(s->n_layers, g->nodes[i].rank + 1);
	}
	for (uint32_t i = 0; i < g->n_edges; i++) {
		uint32_t at = g->edges[i].from, to = g->edges[i].to;

		while (s->items[at].layer + 1 < g->nodes[to].rank) {
			s->items[s->n_items].layer = s->items[at].layer + 1;
			s->parts[s->n_parts++] = (struct svg_part){i, at, s->n_items};
			at = s->n_items++;
		}
		s->parts[s->n_parts++] = (struct svg_part){i, at, to};
	}
	return 0;
}

static int svg_layers(struct svg *s)
{
	s->layers = calloc(s->n_layers + 1, sizeof(*s->layers));
	s->sizes = calloc(s->n_layers + 1, sizeof(*s->sizes));
	s->x = calloc(s->n_layers + 1, sizeof(*s->x));
	s->widths = calloc(s->n_layers + 1, sizeof(*s->widths));
	s->gaps = calloc(s->n_layers + 1, sizeof(*s->gaps));
	if (!s->layers || !s->sizes || !s->x || !s->widths || !s->gaps)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_items; i++)
		s->sizes[s->items[i].layer]++;
	for (uint32_t l = 0; l < s->n_layers; l++) {
		s->layers[l] = calloc(s->sizes[l] + 1, sizeof(**s->layers));
		if (!s->layers[l])
			return -ENOMEM;
		s->tallest = MAX(s->tallest, s->sizes[l]);
		s->sizes[l] = 0;
	}
	for (uint32_t i = 0; i < s->n_items; i++) {
		uint32_t l = s->items[i].layer;

		s->items[i].pos = s->sizes[l];
		s->layers[l][s->sizes[l]++] = i;
	}
	return 0;
}

static int svg_by_key(const void *a, const void *b, void *user)
{
	const struct svg_item *items = user;
	const struct svg_item *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* Every layer by the middle of its neighbours on one side, as they were before. */
static void svg_sweep(struct svg *s, bool right)
{
	for (uint32_t i = 0; i < s->n_items; i++)
		s->items[i].sum = s->items[i].n = 0;
	for (uint32_t i = 0; i < s->n_parts; i++) {
		const struct svg_part *p = &s->parts[i];
		struct svg_item *to = &s->items[right ? p->to : p->from];
		const struct svg_item *from = &s->items[right ? p->from : p->to];

		to->sum += (from->pos + 0.5) / s->sizes[from->layer];
		to->n++;
	}
	for (uint32_t l = 0; l < s->n_layers; l++) {
		for (uint32_t i = 0; i < s->sizes[l]; i++) {
			struct svg_item *item = &s->items[s->layers[l][i]];

			item->key = item->n ? item->sum / item->n : (item->pos + 0.5) / s->sizes[l];
		}
		qsort_r(s->layers[l], s->sizes[l], sizeof(**s->layers), svg_by_key, s->items);
		for (uint32_t i = 0; i < s->sizes[l]; i++)
			s->items[s->layers[l][i]].pos = i;
	}
}

static double svg_text_width(const char *text)
{
	return SVG_CHAR * (double)strlen(text);
}

static void svg_columns(struct svg *s)
{
	char label[GRAPH_LABEL];
	double x = SVG_MARGIN;

	for (uint32_t i = 0; i < s->g->n_nodes; i++) {
		double *width = &s->widths[s->g->nodes[i].rank];

		*width = MAX(*width, svg_text_width(s->g->nodes[i].label) + 24);
	}
	for (uint32_t i = 0; i < s->g->n_edges; i++) {
		double *gap = &s->gaps[s->g->nodes[s->g->edges[i].from].rank];

		graph_label(&s->g->edges[i], s->opts, label);
		*gap = MAX(*gap, svg_text_width(label) + 40);
	}
	for (uint32_t l = 0; l < s->n_layers; l++) {
		s->x[l] = x;
		x += s->widths[l] + MAX(s->gaps[l], 60);
	}
	s->x[s->n_layers] = s->n_layers ? s->x[s->n_layers - 1] + s->widths[s->n_layers - 1] : x;
}

/* Middle of an item. */
static double svg_y(const struct svg *s, uint32_t item)
{
	const struct svg_item *i = &s->items[item];

	return SVG_TITLE + SVG_MARGIN +
	       (i->pos + 0.5 + (s->tallest - s->sizes[i->layer]) / 2.0) * SVG_PITCH;
}

/* ---- drawing ------------------------------------------------------------------------------- */

static void svg_escape(const char *text, FILE *to)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*text, to);
		}
}

static void svg_edge(const struct svg *s, uint32_t first, uint32_t n)
{
	const struct graph_edge *e = &s->g->edges[s->parts[first].edge];
	bool drop = s->g->nodes[e->to].kind == GRAPH_DROP;
	char label[GRAPH_LABEL];

	fprintf(s->to, "<path class=\"edge%s\" marker-end=\"url(#arrow)\" d=\"",
		drop ? " lost" : "");
	for (uint32_t i = 0; i < n; i++) {
		const struct svg_part *p = &s->parts[first + i];
		uint32_t l = s->items[p->from].layer;
		double x0 = s->x[l] + s->widths[l], y0 = svg_y(s, p->from), x1 = s->x[l + 1],
		       y1 = svg_y(s, p->to), bend = (x1 - x0) / 2;

		if (!i)
			fprintf(s->to, "M%.1f %.1f", x0, y0);
		else
			fprintf(s->to, " L%.1f %.1f", x0, y0);
		fprintf(s->to, " C%.1f %.1f %.1f %.1f %.1f %.1f", x0 + bend, y0, x1 - bend, y1,
			x1 - (i + 1 == n ? 6 : 0), y1);
	}
	fputs("\"/>\n", s->to);
	graph_label(e, s->opts, label);
	if (*label) {
		const struct svg_part *p = &s->parts[first];
		uint32_t l = s->items[p->from].layer;

		fprintf(s->to, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">",
			(s->x[l] + s->widths[l] + s->x[l + 1]) / 2,
			(svg_y(s, p->from) + svg_y(s, p->to)) / 2 - 4);
		svg_escape(label, s->to);
		fputs("</text>\n", s->to);
	}
}

static void svg_node(const struct svg *s, uint32_t node)
{
	static const char *const classes[] = {[GRAPH_SOURCE] = "port",
					      [GRAPH_INPUT] = "module",
					      [GRAPH_SINK] = "port",
					      [GRAPH_HOST] = "host",
					      [GRAPH_DROP] = "drop"};
	const struct graph_node *n = &s->g->nodes[node];
	double x = s->x[n->rank], y = svg_y(s, node), width = s->widths[n->rank];

	fprintf(s->to,
		"<rect class=\"%s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
		"rx=\"%d\"/>\n<text x=\"%.1f\" y=\"%.1f\">",
		classes[n->kind], n->internal ? " internal" : "", x, y - SVG_HEIGHT / 2.0, width,
		SVG_HEIGHT, n->kind == GRAPH_INPUT ? 3 : SVG_HEIGHT / 2, x + width / 2, y + 4);
	svg_escape(n->label, s->to);
	fputs("</text>\n", s->to);
}

static void svg_draw(const struct svg *s)
{
	double width = s->x[s->n_layers] + SVG_MARGIN,
	       height = SVG_TITLE + 2 * SVG_MARGIN + (double)s->tallest * SVG_PITCH;

	fprintf(s->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\">\n<title>",
		width, height, width, height);
	svg_escape(s->g->title, s->to);
	fputs("</title>\n<style>\n"
	      "text { font: 12px monospace; text-anchor: middle; fill: #111 }\n"
	      "text.label { font-size: 11px; paint-order: stroke; stroke: #fff; "
	      "stroke-width: 3px }\n"
	      "text.title { font-size: 14px; text-anchor: start }\n"
	      "rect { stroke: #334; fill: #fff }\n"
	      "rect.module { fill: #e4edf8 }\n"
	      "rect.port { fill: #e2f3e4 }\n"
	      "rect.host { fill: #fdf3d8 }\n"
	      "rect.drop { fill: none; stroke: none }\n"
	      "rect.internal { stroke-dasharray: 4 3 }\n"
	      "path.edge { fill: none; stroke: #556 }\n"
	      "path.lost { stroke-dasharray: 2 3 }\n"
	      "</style>\n"
	      "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"2\" refY=\"4\" "
	      "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
	      "<path d=\"M0 0L8 4L0 8z\" fill=\"#556\"/></marker></defs>\n"
	      "<rect width=\"100%\" height=\"100%\" style=\"stroke: none\"/>\n",
	      s->to);
	fprintf(s->to, "<text class=\"title\" x=\"%d\" y=\"%d\">", SVG_MARGIN, SVG_TITLE - 6);
	svg_escape(s->g->title, s->to);
	fprintf(s->to, " (%s)</text>\n", s->g->hook);
	for (uint32_t i = 0, n; i < s->n_parts; i += n) {
		for (n = 1; i + n < s->n_parts && s->parts[i + n].edge == s->parts[i].edge; n++)
			;
		svg_edge(s, i, n);
	}
	for (uint32_t i = 0; i < s->g->n_nodes; i++)
		svg_node(s, i);
	fputs("</svg>\n", s->to);
}

int graph_svg(const struct graph *graph, const struct graph_opts *opts, FILE *to)
{
	struct svg s = {.g = graph, .opts = opts, .to = to};
	int err = svg_items(&s);

	if (!err)
		err = svg_layers(&s);
	if (!err) {
		for (int i = 0; i < SVG_SWEEPS; i++)
			svg_sweep(&s, i % 2 == 0);
		svg_columns(&s);
		svg_draw(&s);
	}
	for (uint32_t l = 0; s.layers && l < s.n_layers; l++)
		free(s.layers[l]);
	free(s.layers);
	free(s.sizes);
	free(s.x);
	free(s.widths);
	free(s.gaps);
	free(s.items);
	free(s.parts);
	return err;
}
