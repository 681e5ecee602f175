/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_top.c - visor top: what goes through a running chain, per second.
 *
 * Rates are differences of two looks, by name, so that a change of the chain in between does no
 * harm; a counter that began anew counts from zero.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "chain/counters.h"
#include "cli/cmd_live.h"
#include "cli/table.h"

struct top {
	struct cli *cli;
	struct live_status *before, *now;
	double seconds; /* between them */
	int lines;	/* on the terminal */
};

static uint64_t top_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct live_count top_since(struct live_count before, struct live_count now)
{
	if (now.packets < before.packets || now.bytes < before.bytes)
		return now;
	return (struct live_count){now.packets - before.packets, now.bytes - before.bytes};
}

static struct live_count top_output(const struct top *t, uint32_t input, uint32_t row)
{
	const struct record *r = t->now->record, *old = t->before->record;
	const struct record_input *in = &r->inputs[input];
	int64_t was = record_find_input(old, r->modules[in->module].name, in->program);
	struct live_count none = {0};
	bool same = was >= 0 && old->inputs[was].n_rows == in->n_rows &&
		    old->inputs[was].row == in->row;

	return top_since(same ? t->before->rows[was][row] : none, t->now->rows[input][row]);
}

static struct live_count top_port(const struct top *t, uint32_t port, bool missed)
{
	const struct live_port *now = &t->now->ports[port], *before;
	int64_t was = record_find_port(t->before->record, t->now->record->ports[port].name);
	struct live_count none = {0};

	before = was < 0 ? NULL : &t->before->ports[was];
	if (missed)
		return top_since(before ? before->missed : none, now->missed);
	return top_since(before ? before->in : none, now->in);
}

static void top_rate(struct table *table, const struct top *t, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", (double)n / t->seconds);
	table_json(table, text, text);
}

static void top_rates(struct table *table, const struct top *t, struct live_count n)
{
	top_rate(table, t, n.packets);
	top_rate(table, t, n.bytes);
}

static const struct table_column top_port_cols[] = {
	{"PORT", "name", false},
	{"STATE", "state", false},
	{"PACKETS/S", "packets_per_s", true},
	{"BYTES/S", "bytes_per_s", true},
	{"MISSED/S", "missed_per_s", true},
};

static const struct table_column top_cols[] = {
	{"MODULE", "module", false},
	{"INPUT", "input", false},
	{"NS", "ns", true},
	{"OUTPUT", "output", false},
	{"TO", "to", false},
	{"PACKETS/S", "packets_per_s", true},
	{"BYTES/S", "bytes_per_s", true},
	{"SHARE", "share", true},
	{"DROP", "drop", false},
};

static struct table *top_ports(const struct top *t)
{
	struct table *table = table_new(top_port_cols, ARRAY_SIZE(top_port_cols));
	const struct record *r = t->now->record;

	for (uint32_t i = 0; table && i < r->n_ports; i++) {
		const struct live_port *p = &t->now->ports[i];

		if (r->ports[i].slot == RECORD_NO_SLOT)
			continue;
		table_text(table, "%s", r->ports[i].name);
		table_text(table, "%s", p->attached ? p->how : p->state);
		top_rates(table, t, top_port(t, i, false));
		top_rate(table, t, top_port(t, i, true).packets);
	}
	return table;
}

/* One row for each output that is linked or was taken at all. */
static void top_input(struct table *table, const struct top *t, uint32_t input)
{
	const struct record *r = t->now->record;
	const struct record_input *in = &r->inputs[input];
	const struct live_time *time = &t->now->times[input];
	uint64_t total = 0;
	char to[160], text[32];

	for (uint32_t row = 0; row < COUNTERS_MISSED(in->n_rows); row++)
		total += top_output(t, input, row).packets;
	for (uint32_t row = 0; row <= COUNTERS_MISSED(in->n_rows); row++) {
		struct live_count n = top_output(t, input, row);
		const char *drop = cmd_live_drop(r, in, row);

		cmd_live_target(r, in, row, to, sizeof(to));
		if (!to[0] && !t->now->rows[input][row].packets)
			continue;
		table_text(table, "%s", r->modules[in->module].name);
		table_text(table, "%s", in->program);
		snprintf(text, sizeof(text), "%.1f", time->ns);
		if (time->packets)
			table_json(table, text, text);
		else
			table_none(table);
		table_text(table, "%s", cmd_live_output(r, in, row));
		table_text(table, "%s", to);
		top_rates(table, t, n);
		snprintf(text, sizeof(text), "%.1f",
			 total ? 100.0 * (double)n.packets / (double)total : 0);
		table_json(table, text, text);
		if (drop)
			table_text(table, "%s", drop);
		else
			table_none(table);
	}
}

static struct table *top_inputs(const struct top *t)
{
	struct table *table = table_new(top_cols, ARRAY_SIZE(top_cols));
	const struct record *r = t->now->record;

	for (uint32_t i = 0; table && i < r->n_inputs; i++)
		if (!r->modules[r->inputs[i].module].tap)
			top_input(table, t, i);
	return table;
}

static int top_json(const struct top *t, const struct table *ports, const struct table *inputs)
{
	struct json j;
	int err;

	json_init(&j, stdout);
	j.line = true;
	json_object(&j, NULL);
	json_u64(&j, "time_ns", top_clock(CLOCK_REALTIME));
	json_real(&j, "seconds", t->seconds, 3);
	json_u64(&j, "generation", t->now->record->generation);
	err = table_print_json(ports, &j, "ports");
	if (!err)
		err = table_print_json(inputs, &j, "outputs");
	json_object_end(&j);
	return err;
}

static int top_text(struct top *t, const struct table *ports, const struct table *inputs)
{
	bool redraw = t->cli->terminal;
	int err;

	if (redraw && t->lines)
		printf("\033[%dA\r\033[J", t->lines);
	/* Long lines are cut, not wrapped: else the height was not known. */
	if (redraw)
		fputs("\033[?7l", stdout);
	printf("%s, generation %u, over %.1f s\n\n", t->cli->args[0], t->now->record->generation,
	       t->seconds);
	err = table_print(ports, stdout, t->cli->color);
	putchar('\n');
	if (!err)
		err = table_print(inputs, stdout, t->cli->color);
	if (redraw)
		fputs("\033[?7h", stdout);
	else
		putchar('\n');
	t->lines = (int)(table_rows(ports) + table_rows(inputs)) + 5;
	return err;
}

static int top_show(struct top *t)
{
	struct table *ports = top_ports(t), *inputs = top_inputs(t);
	int err = ports && inputs ? 0 : -ENOMEM;

	if (!err)
		err = t->cli->opt[OPT_JSON] ? top_json(t, ports, inputs)
					    : top_text(t, ports, inputs);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = -EPIPE;
	table_free(ports);
	table_free(inputs);
	return err;
}

int cli_top(struct cli *cli)
{
	struct top t = {.cli = cli};
	struct visor_diag diag = {0};
	uint64_t interval, count, shown = 0, last, now;
	struct live_cmd c;
	int code, err;

	if (cli_opt_number(cli, OPT_INTERVAL, 1, 86400, 1, &interval) ||
	    cli_opt_number(cli, OPT_COUNT, 1, UINT64_MAX, 0, &count))
		return CLI_USAGE;
	code = cmd_live_begin_name(&c, cli, cli->args[0]);
	if (code)
		return code;
	cmd_live_signals();
	err = live_status_get(&c.opts, cli->args[0], &t.before, &diag);
	last = top_clock(CLOCK_MONOTONIC);
	while (!err && !cmd_live_told() && (!count || shown < count)) {
		cmd_live_sleep(interval * 1000000000);
		err = live_status_get(&c.opts, cli->args[0], &t.now, &diag);
		if (err)
			break;
		now = top_clock(CLOCK_MONOTONIC);
		t.seconds = (double)(now - last) / 1e9;
		last = now;
		err = top_show(&t);
		shown++;
		live_status_free(t.before);
		t.before = t.now;
	}
	live_status_free(t.before);
	if (err && err != -EPIPE)
		code = diag.err ? cli_fail(&diag) : cli_error(err, NULL, "no memory");
	cmd_live_end(&c);
	return code;
}
