/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_metrics.c - visor metrics: counters of running chains in Prometheus' text format.
 *
 * All samples of a metric must stand together, so it is metrics first, then chains. Counters go on
 * across changes of a chain, as the chain's own do. Taps are left out: they come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/hook.h"
#include "cli/cmd_live.h"
#include "cli/metrics.h"

struct metrics_chain {
	const char *name; /* in names */
	bool user;
	struct live_status *status;
};

struct metrics {
	struct live_cmd *cmd;
	const char *only; /* chain, or NULL: all */
	struct metrics_chain *chains;
	uint32_t n;
	char *names[2]; /* of the engines' chains */
};

/* ---- what there is -----------------------------------------------------------------------------
 */

static void metrics_free(struct metrics *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		live_status_free(m->chains[i].status);
	free(m->chains);
	free(m->names[0]);
	free(m->names[1]);
	m->chains = NULL;
	m->names[0] = m->names[1] = NULL;
	m->n = 0;
}

static int metrics_add(struct metrics *m, const struct live_opts *opts, const char *name,
		       struct visor_diag *diag)
{
	struct metrics_chain *more = reallocarray(m->chains, m->n + 1, sizeof(*more));
	int err;

	if (!more)
		return diag_fail(diag, -ENOMEM, "metrics", "no memory");
	m->chains = more;
	more[m->n] = (struct metrics_chain){.name = name, .user = opts->visor != NULL};
	err = live_status_get(opts, name, &more[m->n].status, diag);
	if (!err)
		m->n++;
	return err;
}

/* Of all chains, those that are just coming or going are left out. */
static int metrics_list(struct metrics *m, const struct live_opts *opts, char **names,
			struct visor_diag *diag)
{
	uint32_t n;
	int err = live_list(opts, names, &n);

	if (err) {
		*names = NULL;
		return err == -ENOENT ? 0
				      : diag_fail(diag, err, "metrics", "cannot list the chains");
	}
	for (const char *at = *names; n-- && err != -ENOMEM; at += strlen(at) + 1)
		err = metrics_add(m, opts, at, diag);
	return err == -ENOMEM ? err : 0;
}

static int metrics_get(struct metrics *m, struct visor_diag *diag)
{
	struct live_opts kernel = {.sz = sizeof(kernel)}, opts = m->cmd->opts;
	int err;

	opts.warn = NULL;
	if (m->only)
		return metrics_add(m, &opts, m->only, diag);
	err = metrics_list(m, &opts, &m->names[0], diag);
	if (!err && opts.visor && !m->cmd->cli->opt[OPT_ENGINE] && !geteuid())
		err = metrics_list(m, &kernel, &m->names[1], diag);
	return err;
}

/* ---- as text -----------------------------------------------------------------------------------
 */

static void metrics_value(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", f);
		else if (*text == '"' || *text == '\\')
			fprintf(f, "\\%c", *text);
		else if ((unsigned char)*text >= 0x80)
			fputc('?', f); /* names come from object files; the format wants UTF-8 */
		else
			fputc(*text, f);
	}
}

/* name{chain="...",engine="...", then pairs of label and value up to NULL */
static void metrics_begin(FILE *f, const char *metric, const struct metrics_chain *c,
			  const char *const *labels)
{
	fprintf(f, "%s{chain=\"", metric);
	metrics_value(f, c->name);
	fprintf(f, "\",engine=\"%s\"", c->user ? "user" : "kernel");
	for (; labels[0]; labels += 2) {
		fprintf(f, ",%s=\"", labels[0]);
		metrics_value(f, labels[1]);
		fputc('"', f);
	}
	fputs("} ", f);
}

static void metrics_u64(FILE *f, const char *metric, const struct metrics_chain *c,
			const char *const *labels, uint64_t value)
{
	metrics_begin(f, metric, c, labels);
	fprintf(f, "%llu\n", (unsigned long long)value);
}

enum metrics_what {
	METRICS_PACKETS,
	METRICS_BYTES,
	METRICS_MISSED,
	METRICS_ATTACHED,
	METRICS_DROPS,
	METRICS_DROP_BYTES,
};

static void metrics_chain(FILE *f, const char *metric, enum metrics_what what,
			  const struct metrics_chain *c)
{
	const char *const labels[] = {"hook", hook_get(c->status->record->hook)->name, NULL};

	metrics_u64(f, metric, c, labels, c->status->record->generation);
}

static void metrics_port(FILE *f, const char *metric, enum metrics_what what,
			 const struct metrics_chain *c)
{
	const struct record *r = c->status->record;

	for (uint32_t i = 0; i < r->n_ports; i++) {
		const struct live_port *p = &c->status->ports[i];
		const char *const labels[] = {"port", r->ports[i].name, "device",
					      r->ports[i].device, NULL};

		if (r->ports[i].slot == RECORD_NO_SLOT)
			continue;
		metrics_u64(f, metric, c, labels,
			    what == METRICS_PACKETS    ? p->in.packets
			    : what == METRICS_BYTES    ? p->in.bytes
			    : what == METRICS_ATTACHED ? p->attached
						       : p->missed.packets);
	}
}

static void metrics_output(FILE *f, const char *metric, enum metrics_what what,
			   const struct metrics_chain *c)
{
	const struct record *r = c->status->record;
	bool drops = what == METRICS_DROPS || what == METRICS_DROP_BYTES;

	for (uint32_t i = 0; i < r->n_inputs; i++) {
		const struct record_input *in = &r->inputs[i];

		for (uint32_t row = 0; row <= COUNTERS_MISSED(in->n_rows); row++) {
			const struct live_count *n = &c->status->rows[i][row];
			const char *why = cmd_live_drop(r, in, row);
			const char *labels[] = {"module",
						r->modules[in->module].name,
						"input",
						in->program,
						"output",
						cmd_live_output(r, in, row),
						drops ? "reason" : NULL,
						why,
						NULL};

			if (r->modules[in->module].tap || (drops && !why))
				continue;
			metrics_u64(f, metric, c, labels,
				    what == METRICS_BYTES || what == METRICS_DROP_BYTES
					    ? n->bytes
					    : n->packets);
		}
	}
}

static void metrics_time(FILE *f, const char *metric, enum metrics_what what,
			 const struct metrics_chain *c)
{
	const struct record *r = c->status->record;

	for (uint32_t i = 0; i < r->n_inputs; i++) {
		const struct record_module *m = &r->modules[r->inputs[i].module];
		const char *const labels[] = {"module", m->name, "input", r->inputs[i].program,
					      NULL};

		if (m->tap || !c->status->times[i].packets)
			continue;
		metrics_begin(f, metric, c, labels);
		fprintf(f, "%.9f\n", c->status->times[i].ns / 1e9);
	}
}

static const struct metrics_family {
	const char *name, *type, *help;
	enum metrics_what what;
	void (*print)(FILE *f, const char *metric, enum metrics_what what,
		      const struct metrics_chain *c);
} metrics_families[] = {
	{"visor_chain_generation", "gauge", "Generation of the chain in force.", 0, metrics_chain},
	{"visor_port_attached", "gauge", "Whether packets of the port come in (1) or not (0).",
	 METRICS_ATTACHED, metrics_port},
	{"visor_port_packets_total", "counter", "Packets that came in by the port.",
	 METRICS_PACKETS, metrics_port},
	{"visor_port_bytes_total", "counter", "Bytes that came in by the port.", METRICS_BYTES,
	 metrics_port},
	{"visor_port_missed_packets_total", "counter", "Packets of the port that found no program.",
	 METRICS_MISSED, metrics_port},
	{"visor_output_packets_total", "counter", "Packets that left a program by the output.",
	 METRICS_PACKETS, metrics_output},
	{"visor_output_bytes_total", "counter", "Bytes that left a program by the output.",
	 METRICS_BYTES, metrics_output},
	{"visor_dropped_packets_total", "counter", "Packets that were dropped, and why.",
	 METRICS_DROPS, metrics_output},
	{"visor_dropped_bytes_total", "counter", "Bytes that were dropped, and why.",
	 METRICS_DROP_BYTES, metrics_output},
	{"visor_input_packet_seconds", "gauge",
	 "Time that a program takes of a packet, from samples.", 0, metrics_time},
};

/* metrics_make_fn */
static int metrics_make(void *user, char **text, size_t *len, struct visor_diag *diag)
{
	struct metrics *m = user;
	FILE *f;
	int err = metrics_get(m, diag);

	*text = NULL;
	f = err ? NULL : open_memstream(text, len);
	for (size_t i = 0; f && i < ARRAY_SIZE(metrics_families); i++) {
		const struct metrics_family *family = &metrics_families[i];

		fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
			family->type);
		for (uint32_t k = 0; k < m->n; k++)
			family->print(f, family->name, family->what, &m->chains[k]);
	}
	if (!err && (!f || ferror(f)))
		err = diag_fail(diag, -ENOMEM, "metrics", "no memory");
	if (f && fclose(f) && !err)
		err = diag_fail(diag, -ENOMEM, "metrics", "no memory");
	metrics_free(m);
	if (err) {
		free(*text);
		*text = NULL;
	}
	return err;
}

/* The file has the old contents or the new ones at any time. */
static int metrics_write(const char *path, const char *text, size_t len)
{
	char tmp[PATH_MAX];
	ssize_t n = 0;
	int fd, err = 0;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < len && n >= 0; at += (size_t)n)
		n = write(fd, text + at, len - at);
	/* Whoever collects it is somebody else. */
	if (n < 0 || fchmod(fd, 0644))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err;
}

int cli_metrics(struct cli *cli)
{
	const char *path = cli->opt[OPT_OUTPUT], *where = cli->opt[OPT_LISTEN];
	struct visor_diag diag = {0};
	struct live_cmd c;
	struct metrics m = {.cmd = &c, .only = cli->n_args ? cli->args[0] : NULL};
	char *text;
	size_t len;
	int code, err;

	if (path && where)
		return cli_usage(cli, "--output and --listen exclude each other");
	code = m.only ? cmd_live_begin_name(&c, cli, m.only) : cmd_live_begin(&c, cli);
	if (code)
		return code;
	if (where) {
		cmd_live_signals();
		code = metrics_listen(cli, where, metrics_make, &m);
	} else if (metrics_make(&m, &text, &len, &diag)) {
		code = cli_fail(&diag);
	} else {
		err = path ? metrics_write(path, text, len) : 0;
		if (!path)
			fwrite(text, 1, len, stdout);
		if (err)
			code = cli_error(err, path, "cannot write the file");
		free(text);
	}
	cmd_live_end(&c);
	return code;
}
