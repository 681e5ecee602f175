/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_check.c - visor check: what verification says of the programs of an object.
 *
 * The exit status is the worst of all verdicts: 2, which is also that of a wrong command line,
 * where something could not be looked at.
 */
#include "cli/check_watch.h"
#include "cli/fields.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>

static const char *const check_verdicts[] = {"-", "accepted", "rejected", "error"};

/* ---- the kernel beside us ----------------------------------------------------------------- */

/* In what the two sides differ, or NULL. The kernel's "error" is no opinion. */
static const char *check_difference(const struct examined *p)
{
	bool both = p->ours.verdict != EXAMINE_ERROR && p->kernel.verdict != EXAMINE_ERROR &&
		    p->ours.verdict != EXAMINE_NONE && p->kernel.verdict != EXAMINE_NONE;
	const char *last;

	if (!both)
		return NULL;
	if (p->ours.verdict != p->kernel.verdict)
		return "VERDICT";
	if (p->ours.err != p->kernel.err)
		return "error";
	/* The kernel's message is the last line of its log, ours may have several. */
	last = strrchr(p->ours.message, '\n');
	last = last && last[1] ? last + 1 : p->ours.message;
	if (p->ours.verdict == EXAMINE_REJECTED && p->kernel.insns_processed &&
	    strncmp(last, p->kernel.message, strcspn(last, "\n")) != 0 &&
	    strncmp(p->ours.message, p->kernel.message, strcspn(p->ours.message, "\n")) != 0)
		return "message";
	return p->ours.insns_processed != p->kernel.insns_processed ? "insns" : NULL;
}

/* ---- the table ---------------------------------------------------------------------------- */

static void check_time(struct table *t, uint64_t ns)
{
	table_text(t, "%llu.%02llu ms", (unsigned long long)(ns / 1000000),
		   (unsigned long long)(ns / 10000 % 100));
}

static void check_kernel_cells(struct table *t, const struct examined *p)
{
	const char *difference = check_difference(p);

	table_text(t, "%s", check_verdicts[p->kernel.verdict]);
	table_u64(t, p->kernel.insns_processed);
	check_time(t, p->kernel.time_ns);
	table_text(t, "%s", difference ? difference : "");
}

static const char *check_reason(const struct examined *p)
{
	if (p->ours.message[0])
		return p->ours.message;
	return p->kernel.verdict > EXAMINE_ACCEPTED ? p->kernel.message : "";
}

static void check_table(struct cli *cli, const struct examination *x)
{
	static const struct table_column cols[] =
		{
			{"PROGRAM", NULL, false}, {"TYPE", NULL, false},  {"VERDICT", NULL, false},
			{"INSNS", NULL, true},	  {"STATES", NULL, true}, {"TIME", NULL, true},
			{"REASON", NULL, false},
		},
					 with_kernel[] = {
						 {"PROGRAM", NULL, false}, {"TYPE", NULL, false},
						 {"VERDICT", NULL, false}, {"INSNS", NULL, true},
						 {"STATES", NULL, true},   {"TIME", NULL, true},
						 {"KERNEL", NULL, false},  {"INSNS", NULL, true},
						 {"TIME", NULL, true},	   {"DIFFERS", NULL, false},
						 {"REASON", NULL, false},
					 };
	bool kernel = cli->opt[OPT_KERNEL];
	struct table *t = kernel ? table_new(with_kernel, ARRAY_SIZE(with_kernel))
				 : table_new(cols, ARRAY_SIZE(cols));

	for (uint32_t i = 0; t && i < x->n_progs; i++) {
		const struct examined *p = &x->progs[i];
		const char *reason = check_reason(p);

		if (p->skip)
			continue;
		table_text(t, "%s", p->name);
		table_text(t, "%s", p->type ? p->type->name : "?");
		table_text(t, "%s", check_verdicts[p->ours.verdict]);
		table_u64(t, p->ours.insns_processed);
		table_u64(t, p->stats.total_states);
		check_time(t, p->ours.time_ns);
		if (kernel)
			check_kernel_cells(t, p);
		table_text(t, "%.*s", (int)strcspn(reason, "\n"), reason);
	}
	cli_print_table(cli, t);
	table_free(t);
}

/* ---- at length, for people ---------------------------------------------------------------- */

static void check_log(const char *name, const char *whose, const struct examine_result *r)
{
	if (!r->log)
		return;
	printf("\n%s: %s log\n", name, whose);
	fwrite(r->log, 1, r->log_len, stdout);
	if (r->log_len && r->log[r->log_len - 1] != '\n')
		putchar('\n');
}

static void check_details(struct cli *cli, const struct examination *x, const struct watch *w)
{
	for (uint32_t i = 0; i < x->n_progs; i++) {
		const struct examined *p = &x->progs[i];

		if (p->ours.verdict == EXAMINE_REJECTED && p->report.err) {
			printf("\n%s: ", p->name);
			verify_report_print(&p->report, stdout, cli->color);
		}
		if (check_difference(p) && p->kernel.message[0])
			printf("\n%s: the kernel says\n  %s\n", p->name, p->kernel.message);
		watch_print(w, p, stdout);
		check_log(p->name, "the verifier's", &p->ours);
		check_log(p->name, "the kernel's", &p->kernel);
	}
	if (x->notes)
		printf("\n%s", x->notes);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void check_json_place(struct json *j, const struct verify_place *place)
{
	if (!place->known)
		return;
	json_u64(j, "insn", place->insn);
	json_str(j, "text", place->text);
	if (place->function[0])
		json_str(j, "function", place->function);
	if (place->file[0]) {
		json_str(j, "file", place->file);
		json_u64(j, "line", place->line);
		json_u64(j, "column", place->column);
		json_str(j, "source", place->source);
	}
}

static void check_json_report(struct json *j, const struct verify_report *r)
{
	if (!r->err)
		return;
	json_str(j, "reason", r->reason);
	json_str(j, "title", r->title);
	check_json_place(j, &r->place);
	if (r->reg >= 0) {
		json_i64(j, "register", r->reg);
		json_str(j, "register_state", r->reg_state);
	}
	json_array(j, "steps");
	for (uint32_t i = 0; i < r->n_steps; i++) {
		json_object(j, NULL);
		json_str(j, "what", r->steps[i].text);
		check_json_place(j, &r->steps[i].place);
		json_object_end(j);
	}
	json_array_end(j);
	if (r->missing[0])
		json_str(j, "missing", r->missing);
	if (r->suggestion[0])
		json_str(j, "suggestion", r->suggestion);
}

static void check_json_result(struct json *j, const struct examine_result *r)
{
	json_str(j, "verdict", check_verdicts[r->verdict]);
	if (r->err) {
		json_i64(j, "errno", -r->err);
		json_str(j, "message", r->message);
	}
	json_u64(j, "insns", r->insns_processed);
	json_u64(j, "time_ns", r->time_ns);
	if (r->log)
		json_strn(j, "log", r->log, r->log_len);
}

static void check_json(struct cli *cli, const struct examination *x, const struct watch *w)
{
	const char *difference;
	struct json j;

	json_init(&j, stdout);
	json_array(&j, NULL);
	for (uint32_t i = 0; i < x->n_progs; i++) {
		const struct examined *p = &x->progs[i];

		if (p->skip)
			continue;
		json_object(&j, NULL);
		json_str(&j, "program", p->name);
		json_str(&j, "section", p->section);
		if (p->type)
			json_str(&j, "type", p->type->name);
		json_u64(&j, "attach_type", p->attach_type);
		check_json_result(&j, &p->ours);
		check_json_report(&j, &p->report);
		json_u64(&j, "program_insns", p->n_insns);
		json_u64(&j, "states", p->stats.total_states);
		json_u64(&j, "peak_states", p->stats.peak_states);
		json_u64(&j, "max_states_per_insn", p->stats.max_states_per_insn);
		json_u64(&j, "peak_memory", p->stats.peak_memory);
		watch_json(w, p, &j);
		if (cli->opt[OPT_KERNEL]) {
			json_object(&j, "kernel");
			check_json_result(&j, &p->kernel);
			json_object_end(&j);
			difference = check_difference(p);
			if (difference)
				json_str(&j, "differs",
					 !strcmp(difference, "VERDICT") ? "verdict" : difference);
			else
				json_null(&j, "differs");
		}
		json_object_end(&j);
	}
	json_array_end(&j);
	putchar('\n');
	if (x->notes)
		fputs(x->notes, stderr);
}

/* ---- the command -------------------------------------------------------------------------- */

static int check_options(struct cli *cli, struct examine_opts *opts, struct watch *w)
{
	const struct prog_type *type;
	uint64_t level, insn;

	if (cli_opt_number(cli, OPT_LOG, 0, 7, 0, &level) ||
	    cli_opt_number(cli, OPT_EXPLAIN, 0, 999999, 0, &insn))
		return CLI_USAGE;
	if (opts->section && !catalog_section(opts->section, &type))
		return cli_usage(cli, "unknown program type '%s': --type wants what SEC() does",
				 opts->section);
	opts->log_level = (uint32_t)level;
	w->stats = cli->opt[OPT_STATS];
	w->explain = cli->opt[OPT_EXPLAIN] ? (int64_t)insn : -1;
	if (w->stats || w->explain >= 0) {
		opts->verify = watch_verify;
		opts->user = w;
	}
	return CLI_OK;
}

/* The exit status, with a word on standard error if it is not 0. */
static int check_status(const struct examination *x)
{
	uint32_t rejected = 0, errors = 0, all = 0;

	for (uint32_t i = 0; i < x->n_progs; i++) {
		all += !x->progs[i].skip;
		rejected += x->progs[i].ours.verdict == EXAMINE_REJECTED;
		errors += x->progs[i].ours.verdict == EXAMINE_ERROR;
	}
	if (rejected || errors)
		fprintf(stderr,
			"visor: of %u programs, %u are rejected and %u could not be looked at\n",
			all, rejected, errors);
	return errors ? CLI_USAGE : rejected ? CLI_FAILED : CLI_OK;
}

int cli_check(struct cli *cli)
{
	struct examine_opts opts = {
		.btf = cli->opt[OPT_BTF],
		.modules = cli->opt[OPT_BTF_MODULES],
		.only = (const char *const *)cli->args + 1,
		.n_only = (uint32_t)cli->n_args - 1,
		.section = cli->opt[OPT_TYPE],
		.unprivileged = cli->opt[OPT_UNPRIVILEGED],
		.strict_alignment = cli->opt[OPT_STRICT_ALIGNMENT],
		.kernel = cli->opt[OPT_KERNEL],
	};
	struct visor_diag diag = {0};
	struct examination x;
	struct watch w = {0};
	int code = check_options(cli, &opts, &w);

	if (code)
		return code;
	if (examine(cli->args[0], &opts, &x, &diag)) {
		watch_free(&w);
		cli_fail(&diag);
		return CLI_USAGE;
	}
	if (cli->opt[OPT_JSON]) {
		check_json(cli, &x, &w);
	} else {
		check_table(cli, &x);
		check_details(cli, &x, &w);
	}
	fflush(stdout);
	code = check_status(&x);
	watch_free(&w);
	examine_free(&x);
	return code;
}
