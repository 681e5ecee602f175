/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_live.c - visor up, apply, swap, rollback, down, status: chains that stay.
 *
 * A chain file says which engine it is for. A chain that is up is looked for on both, unless
 * --engine says where.
 */
#include "cli/cmd_live.h"

#include "chain/counters.h"
#include "chain/runner.h"
#include "chain/tap.h"
#include "cli/fields.h"
#include "cli/table.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void live_warn(void *user, const struct visor_diag *remark)
{
	fputs("warning: ", stderr);
	visor_diag_print(remark, stderr);
}

int cmd_live_begin(struct live_cmd *c, struct cli *cli)
{
	int code;

	memset(c, 0, sizeof(*c));
	c->cli = cli;
	code = engine_begin(cli, ENGINE_SHARED, &c->engine);
	c->opts = (struct live_opts){
		.sz = sizeof(c->opts), .visor = c->engine.visor, .warn = live_warn};
	return code;
}

void cmd_live_end(struct live_cmd *c)
{
	engine_end(&c->engine);
}

/* The engine that a chain file is for. */
static int cmd_live_begin_file(struct live_cmd *c, struct cli *cli, const char *file)
{
	struct visor_diag diag = {0};
	struct chain_desc *desc;
	int err = chain_parse(file, &desc, &diag);

	if (err)
		return cli_fail(&diag);
	if (!cli->opt[OPT_ENGINE] && desc->engine == CHAIN_KERNEL)
		cli->opt[OPT_ENGINE] = "kernel";
	chain_desc_free(desc);
	return cmd_live_begin(c, cli);
}

static bool live_has(const struct live_opts *opts, const char *name)
{
	uint32_t n = 0;
	char *names;
	bool found = false;

	if (live_list(opts, &names, &n))
		return false;
	for (const char *at = names; n--; at += strlen(at) + 1)
		found |= !strcmp(at, name);
	free(names);
	return found;
}

/* The engine that the chain is up on. */
int cmd_live_begin_name(struct live_cmd *c, struct cli *cli, const char *name)
{
	struct live_opts kernel = {.sz = sizeof(kernel)};
	int code = cmd_live_begin(c, cli);

	if (code || cli->opt[OPT_ENGINE] || !live_has(&kernel, name))
		return code;
	if (live_has(&c->opts, name)) {
		cmd_live_end(c);
		return cli_usage(cli,
				 "chain '%s' is up on both engines: say --engine user or "
				 "--engine kernel",
				 name);
	}
	cmd_live_end(c);
	cli->opt[OPT_ENGINE] = "kernel";
	return cmd_live_begin(c, cli);
}

/* ---- commands that run until they are told
 * ----------------------------------------------------------- */

static volatile sig_atomic_t live_told;

static void live_tell(int sig)
{
	live_told = 1;
}

void cmd_live_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction tell = {.sa_handler = live_tell}, ignore = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaction(ends[i], &tell, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

bool cmd_live_told(void)
{
	return live_told;
}

void cmd_live_sleep(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	if (!live_told)
		nanosleep(&t, NULL);
}

static int live_say(struct live_cmd *c, const struct live_report *r, const char *what)
{
	struct json j;

	if (c->cli->opt[OPT_JSON]) {
		json_init(&j, stdout);
		json_object(&j, NULL);
		json_u64(&j, "generation", r->generation);
		json_bool(&j, "changed", r->changed);
		json_bool(&j, "aside", r->aside);
		json_u64(&j, "loaded", r->loaded);
		json_u64(&j, "writes", r->writes);
		json_u64(&j, "load_ns", r->load_ns);
		json_u64(&j, "switch_ns", r->switch_ns);
		json_object_end(&j);
		return CLI_OK;
	}
	if (!r->changed)
		printf("nothing to change: generation %u\n", r->generation);
	else
		printf("%s: generation %u, %u program%s loaded in %.1f ms, %u slot%s switched in "
		       "%.1f us\n",
		       what, r->generation, r->loaded, r->loaded == 1 ? "" : "s",
		       (double)r->load_ns / 1e6, r->writes, r->writes == 1 ? "" : "s",
		       (double)r->switch_ns / 1e3);
	return CLI_OK;
}

/* The last step of every change. */
static int live_done(struct live_cmd *c, int err, const struct live_report *r,
		     const struct visor_diag *diag, const char *what)
{
	int code = err ? cli_fail(diag) : live_say(c, r, what);

	cmd_live_end(c);
	return code;
}

/* Brings the chain up, or up to date, and runs it here. */
static int live_foreground(struct live_cmd *c)
{
	const char *file = c->cli->args[0], *wish = c->cli->opt[OPT_NAME];
	struct visor_diag diag = {0};
	struct live_report r;
	char name[LIVE_NAME_SIZE];
	int code, err;

	if (!c->opts.visor)
		return cli_usage(c->cli,
				 "a chain in the kernel has no process: --foreground is for "
				 "the user engine");
	c->opts.foreground = true;
	err = live_file_name(file, wish, name, &diag);
	if (!err && live_has(&c->opts, name))
		err = live_apply(&c->opts, file, wish, &r, &diag);
	else if (!err)
		err = live_up(&c->opts, file, wish, &r, &diag);
	code = err ? cli_fail(&diag) : live_say(c, &r, "up");
	fflush(stdout);
	if (code)
		return code;
	return runner_main(c->engine.state, name, -1, &diag) ? cli_fail(&diag) : CLI_OK;
}

int cli_up(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct live_report r;
	struct live_cmd c;
	int code = cmd_live_begin_file(&c, cli, cli->args[0]);

	if (code)
		return code;
	if (cli->opt[OPT_FOREGROUND]) {
		code = live_foreground(&c);
		cmd_live_end(&c);
		return code;
	}
	return live_done(&c, live_up(&c.opts, cli->args[0], cli->opt[OPT_NAME], &r, &diag), &r,
			 &diag, "up");
}

int cli_apply(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct live_report r;
	struct live_cmd c;
	int code = cmd_live_begin_file(&c, cli, cli->args[0]);

	if (code)
		return code;
	return live_done(&c, live_apply(&c.opts, cli->args[0], cli->opt[OPT_NAME], &r, &diag), &r,
			 &diag, "applied");
}

int cli_swap(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct live_report r;
	struct live_cmd c;
	int code = cmd_live_begin_name(&c, cli, cli->args[0]);

	if (code)
		return code;
	return live_done(&c,
			 live_swap(&c.opts, cli->args[0], cli->args[1], cli->args[2], &r, &diag),
			 &r, &diag, "swapped");
}

int cli_rollback(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct live_report r;
	struct live_cmd c;
	int code = cmd_live_begin_name(&c, cli, cli->args[0]);

	if (code)
		return code;
	return live_done(&c, live_rollback(&c.opts, cli->args[0], &r, &diag), &r, &diag,
			 "rolled back");
}

int cli_down(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct live_cmd c;
	int code = cmd_live_begin_name(&c, cli, cli->args[0]);

	if (code)
		return code;
	if (live_down(&c.opts, cli->args[0], &diag))
		code = cli_fail(&diag);
	cmd_live_end(&c);
	return code;
}

/* ---- status
 * -------------------------------------------------------------------------------------- */

const char *cmd_live_output(const struct record *r, const struct record_input *in, uint32_t row)
{
	const struct hook *hook = hook_get(r->hook);

	if (row < hook->n)
		return hook->verdicts[row].name;
	if (row == COUNTERS_OTHER(in->n_rows))
		return CHAIN_OUTPUT_OTHER;
	if (row == COUNTERS_MISSED(in->n_rows))
		return CHAIN_OUTPUT_MISSED;
	for (uint32_t i = 0; i < in->n_outputs; i++)
		if (in->outputs[i].named && in->outputs[i].row == row)
			return in->outputs[i].name;
	return "?";
}

/* Where a row of an input leads; "" if nowhere. */
void cmd_live_target(const struct record *r, const struct record_input *in, uint32_t row, char *out,
		     size_t size)
{
	out[0] = '\0';
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct record_output *o = &in->outputs[i];

		if (o->row != row || o->to == STITCH_RETURN)
			continue;
		if (o->to == STITCH_PORT)
			snprintf(out, size, "%s", r->ports[o->target].name);
		else
			snprintf(out, size, "%s.%s", r->modules[r->inputs[o->target].module].name,
				 r->inputs[o->target].program);
	}
}

static int status_ports(const struct live_status *s, struct json *j)
{
	static const struct table_column cols[] = {
		{"PORT", "name", false},  {"DEVICE", "device", false},
		{"HOW", "how", false},	  {NULL, "attached", false},
		{NULL, "ifindex", true},  {"PACKETS", "packets", true},
		{"BYTES", "bytes", true},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	int err;

	if (!t)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->record->n_ports; i++) {
		const struct record_port *p = &s->record->ports[i];
		const struct live_port *l = &s->ports[i];

		table_text(t, "%s", p->name);
		table_text(t, "%s", p->device);
		table_text(t, "%s",
			   p->slot == RECORD_NO_SLOT ? "only out"
			   : l->attached	     ? l->how
						     : l->state);
		table_bool(t, l->attached);
		table_u64(t, p->ifindex);
		table_u64(t, l->in.packets);
		table_u64(t, l->in.bytes);
	}
	err = j ? table_print_json(t, j, "ports") : table_print(t, stdout, false);
	table_free(t);
	return err;
}

/* All packets that have left a program. */
struct live_count cmd_live_total(const struct live_status *s, uint32_t input)
{
	struct live_count sum = {0};

	/* A missed packet has left by its output already. */
	for (uint32_t row = 0; row < COUNTERS_MISSED(s->record->inputs[input].n_rows); row++) {
		sum.packets += s->rows[input][row].packets;
		sum.bytes += s->rows[input][row].bytes;
	}
	return sum;
}

static int status_inputs(const struct live_status *s, struct json *j)
{
	static const struct table_column cols[] = {
		{"MODULE", "module", false},  {"INPUT", "input", false},
		{"PACKETS", "packets", true}, {"BYTES", "bytes", true},
		{"NS", "ns", true},	      {NULL, "timed", true},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	char ns[32];
	int err;

	if (!t)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->record->n_inputs; i++) {
		struct live_count sum = cmd_live_total(s, i);

		table_text(t, "%s", s->record->modules[s->record->inputs[i].module].name);
		table_text(t, "%s", s->record->inputs[i].program);
		table_u64(t, sum.packets);
		table_u64(t, sum.bytes);
		snprintf(ns, sizeof(ns), "%.1f", s->times[i].ns);
		if (s->times[i].packets)
			table_json(t, ns, ns);
		else
			table_none(t);
		table_u64(t, s->times[i].packets);
	}
	err = j ? table_print_json(t, j, "inputs") : table_print(t, stdout, false);
	table_free(t);
	return err;
}

static int status_outputs(const struct live_status *s, struct json *j)
{
	static const struct table_column cols[] = {
		{"MODULE", "module", false},  {"INPUT", "input", false},
		{"OUTPUT", "output", false},  {"TO", "to", false},
		{"PACKETS", "packets", true}, {"BYTES", "bytes", true},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	char to[160];
	int err;

	if (!t)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->record->n_inputs; i++) {
		const struct record_input *in = &s->record->inputs[i];

		for (uint32_t row = 0; row < COUNTERS_TIME(in->n_rows); row++) {
			const struct live_count *n = &s->rows[i][row];

			cmd_live_target(s->record, in, row, to, sizeof(to));
			if (!n->packets && !to[0] && !j)
				continue;
			table_text(t, "%s", s->record->modules[in->module].name);
			table_text(t, "%s", in->program);
			table_text(t, "%s", cmd_live_output(s->record, in, row));
			table_text(t, "%s", to);
			table_u64(t, n->packets);
			table_u64(t, n->bytes);
		}
	}
	err = j ? table_print_json(t, j, "outputs") : table_print(t, stdout, false);
	table_free(t);
	return err;
}

/* ---- status: what was dropped, and why
 * --------------------------------------------------------------- */

/* The ways for a packet to be lost. DROP(id, text) */
#define STATUS_DROPS(DROP)                                                                  \
	DROP(VERDICT, "the module said so")                                                 \
	DROP(ABORTED, "the module failed: it said aborted")                                 \
	DROP(UNLINKED, "a named output that is linked to nothing")                          \
	DROP(OTHER, "the module returned a value that is no verdict and no output")         \
	DROP(MISSED, "the next module was not there, or the chain is longer than 33 calls") \
	DROP(PORT_MISSED, "no module was in the port's slot")

enum status_drop {
#define DROP(id, text) STATUS_##id,
	STATUS_DROPS(DROP)
#undef DROP
		STATUS_DROP_COUNT
};

static const char *const status_drop_text[] = {
#define DROP(id, text) text,
	STATUS_DROPS(DROP)
#undef DROP
};
static const char *const status_drop_id[] = {
#define DROP(id, text) #id,
	STATUS_DROPS(DROP)
#undef DROP
};

/* Why what is counted in a row of an input was dropped; STATUS_DROP_COUNT: it was not. */
static enum status_drop status_why(const struct record *r, const struct record_input *in,
				   uint32_t row)
{
	const struct hook *hook = hook_get(r->hook);

	if (row == COUNTERS_OTHER(in->n_rows))
		return hook->unknown == HOOK_PASS ? STATUS_DROP_COUNT : STATUS_OTHER;
	if (row == COUNTERS_MISSED(in->n_rows))
		return STATUS_MISSED;
	for (uint32_t i = 0; i < in->n_outputs; i++)
		if (in->outputs[i].row == row && tap_through(r, &in->outputs[i]))
			return STATUS_DROP_COUNT;
	if (row >= hook->n)
		return STATUS_UNLINKED;
	switch (hook->verdicts[row].action) {
	case HOOK_DROP:
		return STATUS_VERDICT;
	case HOOK_ABORT:
		return STATUS_ABORTED;
	default:
		return STATUS_DROP_COUNT;
	}
}

const char *cmd_live_drop(const struct record *r, const struct record_input *in, uint32_t row)
{
	enum status_drop why = status_why(r, in, row);

	return why == STATUS_DROP_COUNT ? NULL : status_drop_id[why];
}

static void status_drop_row(struct table *t, const char *where, const char *output,
			    enum status_drop why, const struct live_count *n)
{
	if (!n->packets)
		return;
	table_text(t, "%s", where);
	table_text(t, "%s", output);
	table_text(t, "%s", status_drop_text[why]);
	table_text(t, "%s", status_drop_id[why]);
	table_u64(t, n->packets);
	table_u64(t, n->bytes);
}

/* Nothing is printed of a chain that drops nothing. */
static int status_drops(const struct live_status *s, struct json *j)
{
	static const struct table_column cols[] = {
		{"DROPS", "where", false}, {"OUTPUT", "output", false},	 {"WHY", "why", false},
		{NULL, "reason", false},   {"PACKETS", "packets", true}, {"BYTES", "bytes", true},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	const struct record *r = s->record;
	char where[160];
	int err = 0;

	if (!t)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_ports; i++)
		status_drop_row(t, r->ports[i].name, "", STATUS_PORT_MISSED, &s->ports[i].missed);
	for (uint32_t i = 0; i < r->n_inputs; i++) {
		const struct record_input *in = &r->inputs[i];

		if (r->modules[in->module].tap)
			continue;
		snprintf(where, sizeof(where), "%s.%s", r->modules[in->module].name, in->program);
		for (uint32_t row = 0; row < COUNTERS_TIME(in->n_rows); row++) {
			enum status_drop why = status_why(r, in, row);

			if (why != STATUS_DROP_COUNT)
				status_drop_row(t, where, cmd_live_output(r, in, row), why,
						&s->rows[i][row]);
		}
	}
	if (j) {
		err = table_print_json(t, j, "drops");
	} else if (table_rows(t)) {
		putchar('\n');
		err = table_print(t, stdout, false);
	}
	table_free(t);
	return err;
}

static int status_one(struct live_cmd *c, const char *name)
{
	const char *engine = c->opts.visor ? "user" : "kernel";
	struct visor_diag diag = {0};
	struct live_status *s;
	struct json j;
	int err;

	if (live_status_get(&c->opts, name, &s, &diag))
		return cli_fail(&diag);
	if (c->cli->opt[OPT_JSON]) {
		json_init(&j, stdout);
		json_object(&j, NULL);
		json_str(&j, "name", name);
		json_str(&j, "engine", engine);
		json_str(&j, "hook", hook_get(s->record->hook)->name);
		json_u64(&j, "generation", s->record->generation);
		json_bool(&j, "can_roll_back", s->can_roll_back);
		json_str(&j, "file", s->record->file);
		if (s->record->tapper)
			json_u64(&j, "tapper", s->record->tapper);
		err = status_ports(s, &j);
		if (!err)
			err = status_inputs(s, &j);
		if (!err)
			err = status_outputs(s, &j);
		if (!err)
			err = status_drops(s, &j);
		json_object_end(&j);
	} else {
		printf("%s: %s engine, %s, generation %u%s\n", name, engine,
		       hook_get(s->record->hook)->name, s->record->generation,
		       s->can_roll_back ? " (rollback: the one before)" : "");
		if (s->record->tapper)
			printf("with taps of process %u, which go with it or with the next "
			       "change\n",
			       s->record->tapper);
		putchar('\n');
		err = status_ports(s, NULL);
		putchar('\n');
		if (!err)
			err = status_inputs(s, NULL);
		putchar('\n');
		if (!err)
			err = status_outputs(s, NULL);
		if (!err)
			err = status_drops(s, NULL);
	}
	live_status_free(s);
	if (!err)
		return CLI_OK;
	diag_fail(&diag, err, "status", "no memory");
	return cli_fail(&diag);
}

/* One row for each chain of an engine. */
static int status_list(const struct live_opts *opts, struct table *t)
{
	char *names;
	uint32_t n;
	int err = live_list(opts, &names, &n);

	if (err)
		return err == -ENOENT ? 0 : err;
	for (const char *at = names; n--; at += strlen(at) + 1) {
		struct visor_diag diag = {0};
		struct live_status *s;
		uint32_t attached = 0, ports = 0;

		table_text(t, "%s", at);
		table_text(t, "%s", opts->visor ? "user" : "kernel");
		if (live_status_get(opts, at, &s, &diag)) {
			for (int i = 0; i < 3; i++)
				table_none(t);
			table_text(t, "%s", diag.text);
			continue;
		}
		for (uint32_t i = 0; i < s->record->n_ports; i++) {
			ports += s->record->ports[i].slot != RECORD_NO_SLOT;
			attached += s->ports[i].attached;
		}
		table_text(t, "%s", hook_get(s->record->hook)->name);
		table_u64(t, s->record->generation);
		table_u64(t, s->record->n_modules);
		if (attached == ports)
			table_text(t, "running");
		else
			table_text(t, "%u of %u ports attached", attached, ports);
		live_status_free(s);
	}
	free(names);
	return 0;
}

static int status_all(struct live_cmd *c)
{
	static const struct table_column cols[] = {
		{"CHAIN", "name", false},     {"ENGINE", "engine", false},
		{"HOOK", "hook", false},      {"GENERATION", "generation", true},
		{"MODULES", "modules", true}, {"STATE", "state", false},
	};
	struct live_opts kernel = {.sz = sizeof(kernel), .warn = live_warn};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	struct visor_diag diag = {0};
	struct json j;
	int err = t ? status_list(&c->opts, t) : -ENOMEM;

	if (!err && c->opts.visor && !c->cli->opt[OPT_ENGINE] && !geteuid())
		err = status_list(&kernel, t);
	if (!err && c->cli->opt[OPT_JSON]) {
		json_init(&j, stdout);
		err = table_print_json(t, &j, NULL);
	} else if (!err) {
		err = table_print(t, stdout, c->cli->color);
	}
	table_free(t);
	if (!err)
		return CLI_OK;
	diag_fail(&diag, err, "status", "cannot list the chains");
	return cli_fail(&diag);
}

int cli_status(struct cli *cli)
{
	struct live_cmd c;
	int code =
		cli->n_args ? cmd_live_begin_name(&c, cli, cli->args[0]) : cmd_live_begin(&c, cli);

	if (code)
		return code;
	code = cli->n_args ? status_one(&c, cli->args[0]) : status_all(&c);
	cmd_live_end(&c);
	return code;
}
