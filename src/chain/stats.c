/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/stats.c - a snapshot of a chain's counters.
 *
 * Rows are read from the memory of the counters map, summed over the CPUs; run times are
 * the engine's.
 */
#include <errno.h>
#include <stdlib.h>

#include "chain/counters.h"
#include "chain/impl.h"

static struct chain_count stats_row(const struct chain *c, uint32_t row)
{
	struct counter_row sum = counters_sum(c->counters, c->loader.stride, c->loader.n_cpus, row);

	return (struct chain_count){sum.packets, sum.bytes};
}

static void stats_add(struct chain_count *sum, const struct chain_count *n)
{
	sum->packets += n->packets;
	sum->bytes += n->bytes;
}

static const char *stats_module(const struct chain *c, const struct plan_input *in)
{
	return c->loader.modules[in->module].name;
}

static const char *stats_program(const struct chain *c, const struct plan_input *in)
{
	return c->loader.modules[in->module].info->inputs[in->input].name;
}

/* Where an output of the input leads, if some row of the plan says so. */
static void stats_target(const struct chain *c, const struct plan_input *in, uint32_t row,
			 struct chain_stats_output *out)
{
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct plan_output *o = &in->outputs[i];

		if (o->row != row || o->to == STITCH_RETURN)
			continue;
		out->linked = true;
		if (o->to == STITCH_PORT) {
			snprintf(out->target, sizeof(out->target), "%s", c->ports[o->target].name);
		} else {
			const struct plan_input *to = &c->plan->inputs[o->target];

			snprintf(out->target, sizeof(out->target), "%.39s.%.39s",
				 stats_module(c, to), stats_program(c, to));
		}
	}
}

static int stats_input(const struct chain *c, uint32_t index, struct chain_stats_input *out)
{
	const struct plan_input *in = &c->plan->inputs[index];
	const struct module *info = c->loader.modules[in->module].info;
	struct bpf_prog_info prog = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)c->loader.inputs[index].fd,
					.info_len = sizeof(prog),
					.info = (uintptr_t)&prog}};

	snprintf(out->name, sizeof(out->name), "%s", stats_program(c, in));
	out->outputs = calloc(COUNTERS_TIME(in->n_rows), sizeof(*out->outputs));
	if (!out->outputs)
		return -ENOMEM;
	out->n_outputs = COUNTERS_TIME(in->n_rows);
	for (uint32_t row = 0; row < out->n_outputs; row++) {
		struct chain_stats_output *o = &out->outputs[row];
		const char *name;

		o->named = row >= c->loader.hook->n && row < COUNTERS_OTHER(in->n_rows);
		if (row < c->loader.hook->n)
			name = c->loader.hook->verdicts[row].name;
		else if (o->named)
			name = info->outputs[row - c->loader.hook->n].name;
		else
			name = row == COUNTERS_OTHER(in->n_rows) ? CHAIN_OUTPUT_OTHER
								 : CHAIN_OUTPUT_MISSED;
		snprintf(o->name, sizeof(o->name), "%s", name);
		o->count = stats_row(c, in->first_row + row);
		stats_target(c, in, row, o);
		/* A missed packet has left by its output already. */
		if (row != COUNTERS_MISSED(in->n_rows))
			stats_add(&out->total, &o->count);
	}
	if (load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) >= 0) {
		out->runs = prog.run_cnt;
		out->run_ns = prog.run_time_ns;
	}
	return 0;
}

static int stats_module_get(const struct chain *c, uint32_t module, struct chain_stats_module *out)
{
	snprintf(out->name, sizeof(out->name), "%s", c->loader.modules[module].name);
	out->inputs = calloc(c->plan->n_inputs + 1, sizeof(*out->inputs));
	if (!out->inputs)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->plan->n_inputs; i++) {
		struct chain_stats_input *in = &out->inputs[out->n_inputs];
		int err;

		if (c->plan->inputs[i].module != module)
			continue;
		out->n_inputs++;
		err = stats_input(c, i, in);
		if (err)
			return err;
		stats_add(&out->total, &in->total);
		out->runs += in->runs;
		out->run_ns += in->run_ns;
	}
	return 0;
}

static int stats_fill(struct chain *c, struct chain_stats *s)
{
	uint64_t faults = __atomic_load_n(&c->outcomes[CHAIN_FAULT], __ATOMIC_ACQUIRE);

	s->modules = calloc(c->loader.n_modules + 1, sizeof(*s->modules));
	s->ports = calloc(c->plan->n_ports + 1, sizeof(*s->ports));
	if (!s->modules || !s->ports)
		return -ENOMEM;
	if (faults)
		s->first_fault = c->first_fault;
	for (uint32_t i = 0; i < CHAIN_OUTCOME_COUNT; i++)
		s->outcomes[i] = __atomic_load_n(&c->outcomes[i], __ATOMIC_RELAXED);
	s->packets = __atomic_load_n(&c->packets, __ATOMIC_RELAXED);
	s->ns = __atomic_load_n(&c->ns, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < c->loader.n_modules; i++) {
		int err;

		s->n_modules++;
		err = stats_module_get(c, i, &s->modules[i]);
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < c->plan->n_ports; i++) {
		struct chain_stats_port *p = &s->ports[s->n_ports++];

		snprintf(p->name, sizeof(p->name), "%s", c->ports[i].name);
		p->ifindex = c->plan->ports[i].ifindex;
		port_stats(c->ports[i].port, &p->io);
	}
	return 0;
}

int chain_stats_get(struct chain *chain, struct chain_stats **out)
{
	struct load_session *before = load_enter(&chain->session);
	struct chain_stats *s = calloc(1, sizeof(*s));
	int err = s ? stats_fill(chain, s) : -ENOMEM;

	load_enter(before);
	if (err) {
		chain_stats_free(s);
		s = NULL;
	}
	*out = s;
	return err;
}

void chain_stats_free(struct chain_stats *stats)
{
	if (!stats)
		return;
	for (uint32_t i = 0; i < stats->n_modules; i++) {
		for (uint32_t k = 0; k < stats->modules[i].n_inputs; k++)
			free(stats->modules[i].inputs[k].outputs);
		free(stats->modules[i].inputs);
	}
	free(stats->modules);
	free(stats->ports);
	free(stats);
}
