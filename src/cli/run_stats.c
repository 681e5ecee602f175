/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/run_stats.c - a chain's statistics, for people and for scripts.
 *
 * Both come from the same struct chain_stats. Names in it come from object files.
 */
#include "cli/cmd_run.h"
#include "cli/json.h"
#include "cli/table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const stats_outcome_keys[CHAIN_OUTCOME_COUNT] = {
#define OUTCOME(id, text) #id,
	CHAIN_OUTCOMES(OUTCOME)
#undef OUTCOME
};

static const char *const stats_skip_keys[PORT_SKIP_COUNT] = {
#define SKIP(id, text) #id,
	PORT_SKIPS(SKIP)
#undef SKIP
};

/* "HOST" -> "host": the tables' identifiers are the keys of the JSON. */
static const char *stats_key(const char *id)
{
	static char key[32];
	size_t i;

	for (i = 0; id[i] && i < sizeof(key) - 1; i++)
		key[i] = (char)tolower((unsigned char)id[i]);
	key[i] = '\0';
	return key;
}

static uint64_t stats_skipped(const struct port_stats *io)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < PORT_SKIP_COUNT; i++)
		n += io->skipped[i];
	return n;
}

static void stats_ns(struct table *t, uint64_t runs, uint64_t ns)
{
	if (runs && ns)
		table_text(t, "%.1f", (double)ns / (double)runs);
	else
		table_text(t, "-");
}

/* "pass 12 -> lan, drop 3": what was returned at least once. */
static void stats_verdicts(struct table *t, const struct chain_stats_input *in)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const char *between = "";
	uint32_t i;

	if (!f) {
		table_text(t, "?");
		return;
	}
	for (i = 0; i < in->n_outputs; i++) {
		const struct chain_stats_output *out = &in->outputs[i];

		if (!out->count.packets)
			continue;
		fprintf(f, "%s%s %" PRIu64 "%s%s", between, out->name, out->count.packets,
			out->linked ? " -> " : "", out->linked ? out->target : "");
		between = ", ";
	}
	fclose(f);
	table_text(t, "%s", text && *text ? text : "-");
	free(text);
}

static void stats_module_rows(struct table *t, const struct chain_stats_module *m)
{
	uint32_t i;

	for (i = 0; i < m->n_inputs; i++) {
		const struct chain_stats_input *in = &m->inputs[i];

		if (m->n_inputs == 1)
			table_text(t, "%s", m->name);
		else
			table_text(t, "%s.%s", m->name, in->name);
		table_u64(t, in->total.packets);
		table_u64(t, in->total.bytes);
		stats_ns(t, in->runs, in->run_ns);
		stats_verdicts(t, in);
	}
}

/* How a device moves packets, and how often it was lost and found. */
static void stats_port_how(struct table *t, const struct chain_stats_port *p, bool shown)
{
	if (!shown)
		return;
	if (p->io.reopened)
		table_text(t, "%s; came back %" PRIu64 "x", p->io.how, p->io.reopened);
	else
		table_text(t, "%s", p->io.how[0] ? p->io.how : "-");
}

static void stats_port_row(struct table *t, const struct chain_stats_port *p, bool how)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const char *between = "";
	int i;

	table_text(t, "%s", p->name);
	table_u64(t, p->io.in_packets);
	table_u64(t, p->io.in_bytes);
	table_u64(t, p->io.out_packets);
	table_u64(t, p->io.out_bytes);
	if (!f || !stats_skipped(&p->io)) {
		table_text(t, "-");
		if (f)
			fclose(f);
		free(text);
		stats_port_how(t, p, how);
		return;
	}
	for (i = 0; i < PORT_SKIP_COUNT; i++) {
		if (!p->io.skipped[i])
			continue;
		fprintf(f, "%s%" PRIu64 " %s", between, p->io.skipped[i], port_skip_text[i]);
		between = ", ";
	}
	if (p->io.skip_detail[0])
		fprintf(f, " (%s)", p->io.skip_detail);
	fclose(f);
	table_text(t, "%s", text ? text : "?");
	free(text);
	stats_port_how(t, p, how);
}

static void stats_summary(const struct chain_stats *stats, FILE *to)
{
	const char *between = "";
	int i;

	fprintf(to, "\n%" PRIu64 " packets: ", stats->packets);
	for (i = 0; i < CHAIN_OUTCOME_COUNT; i++) {
		if (!stats->outcomes[i])
			continue;
		fprintf(to, "%s%" PRIu64 " %s", between, stats->outcomes[i], chain_outcome_text[i]);
		between = ", ";
	}
	if (!*between)
		fputs("none", to);
	if (stats->ns && stats->packets)
		fprintf(to, "; %.3f ms, %.2f million packets/s", (double)stats->ns / 1e6,
			(double)stats->packets * 1e3 / (double)stats->ns);
	fputc('\n', to);
}

int run_print_table(const struct chain_stats *stats, FILE *to, bool color)
{
	static const struct table_column module_cols[] = {
		{"MODULE", NULL, false},   {"PACKETS", NULL, true},   {"BYTES", NULL, true},
		{"NS/PACKET", NULL, true}, {"VERDICTS", NULL, false},
	};
	static const struct table_column port_cols[] = {
		{"PORT", NULL, false}, {"IN", NULL, true},	  {"BYTES IN", NULL, true},
		{"OUT", NULL, true},   {"BYTES OUT", NULL, true}, {"SKIPPED", NULL, false},
		{"HOW", NULL, false},
	};
	struct table *modules = table_new(module_cols, ARRAY_SIZE(module_cols));
	struct table *ports;
	bool how = false; /* the last column */
	uint32_t i;
	int err = -ENOMEM;

	for (i = 0; i < stats->n_ports; i++)
		how |= stats->ports[i].io.how[0] != '\0';
	ports = table_new(port_cols, ARRAY_SIZE(port_cols) - !how);
	if (!modules || !ports)
		goto out;
	for (i = 0; i < stats->n_modules; i++)
		stats_module_rows(modules, &stats->modules[i]);
	for (i = 0; i < stats->n_ports; i++)
		stats_port_row(ports, &stats->ports[i], how);
	err = table_print(modules, to, color);
	if (!err) {
		fputc('\n', to);
		err = table_print(ports, to, color);
	}
	if (!err)
		stats_summary(stats, to);
out:
	table_free(modules);
	table_free(ports);
	return err;
}

static void stats_json_count(struct json *j, const char *key, uint64_t packets, uint64_t bytes)
{
	json_object(j, key);
	json_u64(j, "packets", packets);
	json_u64(j, "bytes", bytes);
	json_object_end(j);
}

static void stats_json_ns(struct json *j, uint64_t runs, uint64_t ns)
{
	json_u64(j, "runs", runs);
	if (runs && ns)
		json_real(j, "ns_per_packet", (double)ns / (double)runs, 1);
	else
		json_null(j, "ns_per_packet");
}

static void stats_json_input(struct json *j, const struct chain_stats_input *in)
{
	uint32_t i;

	json_object(j, NULL);
	json_str(j, "name", in->name);
	json_u64(j, "packets", in->total.packets);
	json_u64(j, "bytes", in->total.bytes);
	stats_json_ns(j, in->runs, in->run_ns);
	json_array(j, "verdicts");
	for (i = 0; i < in->n_outputs; i++) {
		const struct chain_stats_output *out = &in->outputs[i];

		json_object(j, NULL);
		json_str(j, "name", out->name);
		json_u64(j, "packets", out->count.packets);
		json_u64(j, "bytes", out->count.bytes);
		if (out->linked)
			json_str(j, "to", out->target);
		else
			json_null(j, "to");
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void stats_json_module(struct json *j, const struct chain_stats_module *m)
{
	uint32_t i;

	json_object(j, NULL);
	json_str(j, "name", m->name);
	json_u64(j, "packets", m->total.packets);
	json_u64(j, "bytes", m->total.bytes);
	stats_json_ns(j, m->runs, m->run_ns);
	json_array(j, "inputs");
	for (i = 0; i < m->n_inputs; i++)
		stats_json_input(j, &m->inputs[i]);
	json_array_end(j);
	json_object_end(j);
}

static void stats_json_port(struct json *j, const struct chain_stats_port *p)
{
	int i;

	json_object(j, NULL);
	json_str(j, "name", p->name);
	json_u64(j, "ifindex", p->ifindex);
	stats_json_count(j, "in", p->io.in_packets, p->io.in_bytes);
	stats_json_count(j, "out", p->io.out_packets, p->io.out_bytes);
	json_object(j, "skipped");
	for (i = 0; i < PORT_SKIP_COUNT; i++)
		json_u64(j, stats_key(stats_skip_keys[i]), p->io.skipped[i]);
	json_object_end(j);
	if (p->io.skip_detail[0])
		json_str(j, "skip_detail", p->io.skip_detail);
	if (p->io.how[0]) {
		json_str(j, "how", p->io.how);
		json_u64(j, "reopened", p->io.reopened);
	}
	json_object_end(j);
}

int run_print_json(const struct chain_stats *stats, FILE *to, bool line)
{
	struct json j;
	uint32_t i;
	int k;

	json_init(&j, to);
	j.line = line;
	json_object(&j, NULL);
	json_u64(&j, "packets", stats->packets);
	json_u64(&j, "ns", stats->ns);
	json_object(&j, "outcomes");
	for (k = 0; k < CHAIN_OUTCOME_COUNT; k++)
		json_u64(&j, stats_key(stats_outcome_keys[k]), stats->outcomes[k]);
	json_object_end(&j);
	json_array(&j, "modules");
	for (i = 0; i < stats->n_modules; i++)
		stats_json_module(&j, &stats->modules[i]);
	json_array_end(&j);
	json_array(&j, "ports");
	for (i = 0; i < stats->n_ports; i++)
		stats_json_port(&j, &stats->ports[i]);
	json_array_end(&j);
	if (stats->first_fault.err) {
		json_object(&j, "fault");
		json_str(&j, "place", stats->first_fault.place);
		json_str(&j, "text", stats->first_fault.text);
		json_object_end(&j);
	} else {
		json_null(&j, "fault");
	}
	json_object_end(&j);
	return 0;
}
