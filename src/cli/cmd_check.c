/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_check.c - visor check: what verification says of the programs of an object.
 */
#include "cli/fields.h"
#include "load/examine.h"

#include <errno.h>
#include <stdlib.h>

static const char *const check_verdicts[] = {"-", "accepted", "rejected", "error"};

static void check_table(struct cli *cli, const struct examination *x)
{
	static const struct table_column cols[] = {
		{"PROGRAM", "program", false}, {"TYPE", "type", false},
		{"VERDICT", "verdict", false}, {"INSNS", "insns", true},
		{"STATES", "states", true},    {"TIME", "time", true},
		{"REASON", "reason", false},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));

	for (uint32_t i = 0; t && i < x->n_progs; i++) {
		const struct examined *p = &x->progs[i];

		if (p->ours.verdict == EXAMINE_NONE)
			continue;
		table_text(t, "%s", p->name);
		table_text(t, "%s", p->type ? p->type->name : "?");
		table_text(t, "%s", check_verdicts[p->ours.verdict]);
		table_u64(t, p->ours.insns_processed);
		table_u64(t, p->stats.total_states);
		table_text(t, "%.2f ms", (double)p->ours.time_ns / 1e6);
		table_text(t, "%.*s", (int)strcspn(p->ours.message, "\n"), p->ours.message);
	}
	cli_print_table(cli, t);
	table_free(t);
}

/* Why, at length, for people. */
static void check_reports(struct cli *cli, const struct examination *x)
{
	for (uint32_t i = 0; !cli->opt[OPT_JSON] && i < x->n_progs; i++) {
		const struct examined *p = &x->progs[i];

		if (p->ours.verdict != EXAMINE_REJECTED || !p->report.err)
			continue;
		printf("\n%s: ", p->name);
		verify_report_print(&p->report, stdout, cli->color);
	}
}

int cli_check(struct cli *cli)
{
	struct examine_opts opts = {
		.btf = cli->opt[OPT_BTF],
		.modules = cli->opt[OPT_BTF_MODULES],
		.only = (const char *const *)cli->args + 1,
		.n_only = (uint32_t)cli->n_args - 1,
		.unprivileged = cli->opt[OPT_UNPRIVILEGED],
		.strict_alignment = cli->opt[OPT_STRICT_ALIGNMENT],
	};
	struct visor_diag diag = {0};
	struct examination x;
	int code = CLI_OK;

	if (examine(cli->args[0], &opts, &x, &diag))
		return cli_fail(&diag);
	check_table(cli, &x);
	check_reports(cli, &x);
	for (uint32_t i = 0; i < x.n_progs; i++)
		code = MAX(code, x.progs[i].ours.verdict == EXAMINE_ERROR      ? 2
				 : x.progs[i].ours.verdict == EXAMINE_REJECTED ? 1
									       : 0);
	examine_free(&x);
	return code;
}
