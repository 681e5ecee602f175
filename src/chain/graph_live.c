/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/graph_live.c - the graph of a chain that is up, from its record.
 *
 * graph_new draws descriptions and plans. A record has all that it looks at: this puts it into that
 * form. Verdicts that drop and were returned are drawn, too, which a plan does not know.
 */
#include <errno.h>
#include <stdlib.h>

#include "chain/graph.h"
#include "chain/live.h"

struct graph_maker {
	const struct live_status *s;
	struct chain_desc desc;
	struct plan plan;
	struct module *modules;
	const struct module **list; /* beside modules */
};

static int graph_maker_alloc(struct graph_maker *g)
{
	const struct record *r = g->s->record;

	g->desc.ports = calloc(r->n_ports + 1, sizeof(*g->desc.ports));
	g->desc.modules = calloc(r->n_modules + 1, sizeof(*g->desc.modules));
	g->plan.ports = calloc(r->n_ports + 1, sizeof(*g->plan.ports));
	g->plan.inputs = calloc(r->n_inputs + 1, sizeof(*g->plan.inputs));
	g->modules = calloc(r->n_modules + 1, sizeof(*g->modules));
	g->list = calloc(r->n_modules + 1, sizeof(*g->list));
	if (!g->desc.ports || !g->desc.modules || !g->plan.ports || !g->plan.inputs ||
	    !g->modules || !g->list)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_modules; i++) {
		/* As many as there can be: all inputs, and all outputs of all of them. */
		size_t outputs = 1;

		for (uint32_t k = 0; k < r->n_inputs; k++)
			outputs += r->inputs[k].module == i ? r->inputs[k].n_outputs : 0;
		g->list[i] = &g->modules[i];
		g->modules[i].inputs = calloc(r->n_inputs + 1, sizeof(*g->modules[i].inputs));
		g->modules[i].outputs = calloc(outputs, sizeof(*g->modules[i].outputs));
		if (!g->modules[i].inputs || !g->modules[i].outputs)
			return -ENOMEM;
	}
	return 0;
}

static void graph_maker_free(struct graph_maker *g)
{
	for (uint32_t i = 0; g->modules && i < g->s->record->n_modules; i++) {
		free(g->modules[i].inputs);
		free(g->modules[i].outputs);
	}
	for (uint32_t i = 0; g->plan.inputs && i < g->plan.n_inputs; i++)
		free(g->plan.inputs[i].outputs);
	free(g->desc.ports);
	free(g->desc.modules);
	free(g->plan.ports);
	free(g->plan.inputs);
	free(g->modules);
	free(g->list);
}

static void graph_maker_output(struct graph_maker *g, struct plan_input *in,
			       const struct record_output *o)
{
	struct module *m = &g->modules[in->module];
	struct plan_output *out = &in->outputs[in->n_outputs++];

	*out = (struct plan_output){
		.value = o->value, .row = o->row, .to = o->to, .target = o->target, .named = -1};
	if (!o->named)
		return;
	m->outputs[m->n_outputs].name = o->name;
	m->outputs[m->n_outputs].value = o->value;
	out->named = (int32_t)m->n_outputs++;
}

static bool graph_maker_has(const struct plan_input *in, uint32_t row)
{
	for (uint32_t i = 0; i < in->n_outputs; i++)
		if (in->outputs[i].row == row)
			return true;
	return false;
}

static int graph_maker_input(struct graph_maker *g, uint32_t i)
{
	const struct record *r = g->s->record;
	const struct record_input *from = &r->inputs[i];
	const struct hook *hook = hook_get(r->hook);
	struct plan_input *in = &g->plan.inputs[i];
	struct module *m = &g->modules[from->module];

	in->module = from->module;
	in->input = m->n_inputs;
	in->internal = from->internal;
	in->first_row = from->row;
	in->n_rows = from->n_rows;
	m->inputs[m->n_inputs++].name = from->program;
	in->outputs = calloc(from->n_outputs + hook->n + 1, sizeof(*in->outputs));
	g->plan.n_inputs++;
	if (!in->outputs)
		return -ENOMEM;
	for (uint32_t k = 0; k < from->n_outputs; k++)
		graph_maker_output(g, in, &from->outputs[k]);
	for (uint32_t row = 0; row < hook->n; row++) {
		enum hook_action action = hook->verdicts[row].action;

		if ((action == HOOK_DROP || action == HOOK_ABORT) && g->s->rows[i][row].packets &&
		    !graph_maker_has(in, row))
			in->outputs[in->n_outputs++] =
				(struct plan_output){.value = (uint32_t)hook->first + row,
						     .row = row,
						     .to = STITCH_RETURN,
						     .named = -1};
	}
	return 0;
}

int graph_of_live(const char *name, const struct live_status *s, struct graph **out,
		  struct visor_diag *diag)
{
	const struct record *r = s->record;
	struct graph_maker g = {.s = s, .desc.file = (char *)(uintptr_t)name, .plan.hook = r->hook};
	int err = graph_maker_alloc(&g);

	*out = NULL;
	g.desc.n_modules = r->n_modules;
	g.desc.n_ports = g.plan.n_ports = r->n_ports;
	for (uint32_t i = 0; !err && i < r->n_modules; i++) {
		const struct record_module *m = &r->modules[i];

		g.desc.modules[i].name = m->name;
		g.desc.modules[i].object = m->swapped ? m->swapped : m->object;
	}
	for (uint32_t i = 0; !err && i < r->n_ports; i++) {
		g.desc.ports[i].name = r->ports[i].name;
		g.plan.ports[i].entry = r->ports[i].entry;
		g.plan.ports[i].target = r->ports[i].target;
	}
	for (uint32_t i = 0; !err && i < r->n_inputs; i++)
		err = graph_maker_input(&g, i);
	if (err)
		diag_fail(diag, err, "graph", "no memory");
	else
		err = graph_new(&g.desc, g.list, &g.plan, out, diag);
	graph_maker_free(&g);
	return err;
}

void graph_live_label(void *user, const struct graph_edge *edge, char *text, size_t size)
{
	const struct graph_live *live = user;
	const struct live_status *s = live->status;
	const struct graph_node *from = &live->graph->nodes[edge->from];
	uint64_t packets = from->kind == GRAPH_SOURCE ? s->ports[from->index].in.packets : 0;

	for (uint32_t i = 0; from->kind == GRAPH_INPUT && i < edge->n_rows; i++)
		packets += s->rows[from->index][edge->rows[i] - s->record->inputs[from->index].row]
				   .packets;
	snprintf(text, size, "%llu packets", (unsigned long long)packets);
}
