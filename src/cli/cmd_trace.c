/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_trace.c - visor trace: the way of single packets through a running chain.
 *
 * Every edge has a tap. A CPU handles one packet after another, so the records of a packet are
 * those of its CPU from a port's to the next port's; an edge that leads out of the chain is its
 * last. Records that do not follow from each other (one was lost) are counted, not shown.
 */
#include <errno.h>
#include <stdlib.h>

#include "chain/hook.h"
#include "cli/capture.h"
#include "cli/cmd_live.h"
#include "cli/json.h"
#include "cli/packet_text.h"

#define TRACE_SNAPLEN  256
#define TRACE_MAX_HOPS 80 /* 33 tail calls, and the entry */
#define TRACE_PLACES   6  /* that differ and have no name */

struct trace_hop {
	const struct tap_edge *edge;
	struct capture_packet packet;
	uint64_t time;
};

struct trace_way {
	uint32_t cpu;
	struct trace_hop hops[TRACE_MAX_HOPS];
	uint32_t n;
};

struct trace {
	struct cli *cli;
	struct capture_filter *filter;
	const struct tap_edge *edges;
	const struct hook *hook;
	struct trace_way **ways; /* of the CPUs that were seen */
	uint32_t n_ways;
	uint64_t epoch, count, shown, torn;
};

/* ---- what a hop is called ----------------------------------------------------------------------
 */

static bool trace_is_last(const struct trace_way *w, uint32_t hop)
{
	return hop + 1 == w->n;
}

/* What becomes of the packet after its last edge. */
static const char *trace_end(const struct trace *t, const struct trace_hop *h)
{
	static const char *const texts[] = {
		[HOOK_PASS] = "to the host",
		[HOOK_DROP] = "dropped",
		[HOOK_TX] = "sent back out of its port",
		[HOOK_REDIRECT] = "redirected",
		[HOOK_ABORT] = "dropped: aborted",
	};
	int verdict = hook_verdict(t->hook, h->edge->verdict);

	if (!h->edge->end)
		return "not seen any more";
	if (h->edge->linked)
		return "sent";
	return texts[verdict >= 0 ? t->hook->verdicts[verdict].action : t->hook->unknown];
}

/* ---- as text -----------------------------------------------------------------------------------
 */

static void trace_changes(const struct trace *t, const struct trace_hop *before,
			  const struct trace_hop *now)
{
	const char *on = t->cli->color ? "\033[1;33m" : "", *off = t->cli->color ? "\033[0m" : "";
	struct packet_text a, b;
	char diff[300];

	packet_text_read(before->packet.bytes, before->packet.size, &a);
	packet_text_read(now->packet.bytes, now->packet.size, &b);
	if (before->packet.length != now->packet.length)
		printf("      length %u -> %s%u%s\n", before->packet.length, on, now->packet.length,
		       off);
	for (uint32_t i = 0; i < a.n; i++)
		if (!packet_text_find(&b, &a.fields[i]))
			printf("      %s.%s %s -> %sgone%s\n", a.fields[i].layer, a.fields[i].name,
			       a.fields[i].value, on, off);
	for (uint32_t i = 0; i < b.n; i++) {
		const struct packet_field *was = packet_text_find(&a, &b.fields[i]);

		if (!was || strcmp(was->value, b.fields[i].value) != 0)
			printf("      %s.%s %s -> %s%s%s\n", b.fields[i].layer, b.fields[i].name,
			       was ? was->value : "(none)", on, b.fields[i].value, off);
	}
	packet_text_diff(&a, &b, TRACE_PLACES, diff, sizeof(diff));
	if (*diff)
		printf("      %s%s%s\n", on, diff, off);
}

static void trace_print(const struct trace *t, const struct trace_way *w)
{
	char clock[32], line[400], to[360];
	struct packet_text text;

	capture_clock(t->epoch + w->hops[0].time, clock);
	packet_text_read(w->hops[0].packet.bytes, w->hops[0].packet.size, &text);
	packet_text_line(&text, line, sizeof(line));
	printf("%spacket %llu  %s  CPU %u  %u bytes\n  %s\n", t->shown > 1 ? "\n" : "",
	       (unsigned long long)t->shown, clock, w->cpu, w->hops[0].packet.length, line);
	for (uint32_t i = 0; i < w->n; i++) {
		const struct trace_hop *h = &w->hops[i];

		snprintf(to, sizeof(to), "%s%s%s", h->edge->name, *h->edge->to ? " -> " : "",
			 h->edge->to);
		printf("  %-40s", to);
		if (i)
			printf("  +%llu ns", (unsigned long long)(h->time - w->hops[i - 1].time));
		if (trace_is_last(w, i))
			printf("  (%s)", trace_end(t, h));
		putchar('\n');
		if (i)
			trace_changes(t, &w->hops[i - 1], h);
	}
}

/* ---- as JSON -----------------------------------------------------------------------------------
 */

static void trace_json_fields(struct json *j, const struct packet_text *now,
			      const struct packet_text *before)
{
	char name[48];

	json_object(j, "fields");
	for (uint32_t i = 0; i < now->n; i++) {
		const struct packet_field *f = &now->fields[i];

		snprintf(name, sizeof(name), f->tag ? "%s.%s.%u" : "%s.%s", f->layer, f->name,
			 f->tag);
		json_str(j, name, f->value);
	}
	json_object_end(j);
	json_array(j, "changed");
	for (uint32_t i = 0; before && i < now->n; i++) {
		const struct packet_field *f = &now->fields[i], *was = packet_text_find(before, f);

		if (was && !strcmp(was->value, f->value))
			continue;
		snprintf(name, sizeof(name), f->tag ? "%s.%s.%u" : "%s.%s", f->layer, f->name,
			 f->tag);
		json_str(j, NULL, name);
	}
	json_array_end(j);
}

static void trace_json(const struct trace *t, const struct trace_way *w)
{
	const struct trace_hop *last = &w->hops[w->n - 1];
	int verdict = hook_verdict(t->hook, last->edge->verdict);
	struct packet_text texts[2];
	char diff[300];
	struct json j;

	json_init(&j, stdout);
	j.line = true;
	json_object(&j, NULL);
	json_u64(&j, "packet", t->shown);
	json_u64(&j, "time_ns", t->epoch + w->hops[0].time);
	json_u64(&j, "cpu", w->cpu);
	json_array(&j, "path");
	for (uint32_t i = 0; i < w->n; i++) {
		const struct trace_hop *h = &w->hops[i];
		struct packet_text *now = &texts[i % 2], *before = &texts[(i + 1) % 2];

		packet_text_read(h->packet.bytes, h->packet.size, now);
		json_object(&j, NULL);
		json_str(&j, "edge", h->edge->name);
		json_str(&j, "to", h->edge->to);
		json_u64(&j, "ns", i ? h->time - w->hops[i - 1].time : 0);
		json_u64(&j, "length", h->packet.length);
		trace_json_fields(&j, now, i ? before : NULL);
		diff[0] = '\0';
		if (i)
			packet_text_diff(before, now, TRACE_PLACES, diff, sizeof(diff));
		json_str(&j, "bytes", diff);
		json_object_end(&j);
	}
	json_array_end(&j);
	if (last->edge->end && !last->edge->linked)
		json_str(&j, "verdict", verdict >= 0 ? t->hook->verdicts[verdict].name : "?");
	json_str(&j, "end", trace_end(t, last));
	json_object_end(&j);
}

/* ---- putting records together ------------------------------------------------------------------
 */

static void trace_clear(struct trace_way *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		free(w->hops[i].packet.bytes);
	w->n = 0;
}

static struct trace_way *trace_of_cpu(struct trace *t, uint32_t cpu)
{
	struct trace_way **more, *w;

	for (uint32_t i = 0; i < t->n_ways; i++)
		if (t->ways[i]->cpu == cpu)
			return t->ways[i];
	more = reallocarray(t->ways, t->n_ways + 1, sizeof(struct trace_way *));
	if (!more)
		return NULL;
	t->ways = more;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->cpu = cpu;
	t->ways[t->n_ways++] = w;
	return w;
}

/* "nat" of "nat.outside:pass" and of "nat.outside". */
static size_t trace_module(const char *name)
{
	return strcspn(name, ".:");
}

static bool trace_follows(const struct tap_edge *a, const struct tap_edge *b)
{
	size_t n = trace_module(a->to);

	/* Within a module, programs call each other without an edge. */
	return !a->end && n == trace_module(b->name) && !memcmp(a->to, b->name, n);
}

/* Shows a packet that is complete. 1: that was the last. */
static int trace_finish(struct trace *t, struct trace_way *w)
{
	bool last = false;

	if (w->n && capture_filter_matches(t->filter, &w->hops[0].packet)) {
		t->shown++;
		if (t->cli->opt[OPT_JSON])
			trace_json(t, w);
		else
			trace_print(t, w);
		last = t->count && t->shown >= t->count;
	}
	trace_clear(w);
	if (fflush(stdout) || ferror(stdout))
		return -EPIPE;
	return last;
}

static int trace_one(void *user, const struct tap_record *r)
{
	struct trace *t = user;
	struct trace_way *w = trace_of_cpu(t, r->cpu);
	const struct tap_edge *e = &t->edges[r->edge];
	int err = w ? 0 : -ENOMEM;

	if (err)
		return err;
	if (e->port >= 0 && w->n) {
		/* It was given a verdict that has no tap, or is lost. */
		err = trace_finish(t, w);
		if (err)
			return err;
	}
	if (e->port < 0 &&
	    (!w->n || w->n == TRACE_MAX_HOPS || !trace_follows(w->hops[w->n - 1].edge, e))) {
		t->torn += w->n != 0;
		trace_clear(w);
		return 0;
	}
	w->hops[w->n] = (struct trace_hop){.edge = e, .time = r->time};
	err = capture_packet(r, &w->hops[w->n].packet);
	if (err)
		return err;
	w->n++;
	return e->end ? trace_finish(t, w) : 0;
}

static int trace_run(struct live_cmd *cmd, struct trace *t, uint32_t snaplen)
{
	const struct capture_reader reader = {trace_one, NULL, t};
	struct visor_diag diag = {0}, end = {0};
	struct live_report report;
	struct tap *tap;
	uint64_t lost;
	uint32_t n;
	int err, code = CLI_OK;

	cmd_live_signals();
	if (tap_open(&cmd->opts, t->cli->args[0], NULL, snaplen, &tap, &report, &diag))
		return cli_fail(&diag);
	t->edges = tap_get_edges(tap, &n);
	t->hook = hook_get(tap_hook(tap));
	fprintf(stderr, "tracing on %u edges\n", n);
	err = capture_loop(tap, &reader, &diag);
	if (err < 0 && err != -EPIPE)
		code = diag.err ? cli_fail(&diag) : cli_error(err, NULL, "cannot go on");
	lost = tap_lost(tap);
	for (uint32_t i = 0; i < t->n_ways; i++) {
		trace_clear(t->ways[i]);
		free(t->ways[i]);
	}
	free(t->ways);
	if (tap_close(tap, &end))
		code = cli_fail(&end);
	fflush(stdout);
	fprintf(stderr, "%llu packets traced, %llu records lost, %llu packets incomplete\n",
		(unsigned long long)t->shown, (unsigned long long)lost,
		(unsigned long long)t->torn);
	return code;
}

int cli_trace(struct cli *cli)
{
	struct trace t = {.cli = cli, .epoch = capture_epoch()};
	struct live_cmd cmd;
	uint64_t snaplen;
	int code;

	if (cli_opt_number(cli, OPT_COUNT, 1, UINT64_MAX, 0, &t.count) ||
	    cli_opt_number(cli, OPT_SNAPLEN, 14, TAP_MAX_SNAPLEN, TRACE_SNAPLEN, &snaplen))
		return CLI_USAGE;
	code = capture_filter_new(cli, 1, (uint32_t)snaplen, &t.filter);
	if (code)
		return code;
	code = cmd_live_begin_name(&cmd, cli, cli->args[0]);
	if (!code) {
		code = trace_run(&cmd, &t, (uint32_t)snaplen);
		cmd_live_end(&cmd);
	}
	capture_filter_free(t.filter);
	return code;
}
