/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cli_run.c - visor run: brings a chain up, runs it to its end, shows what it did.
 *
 * On a terminal the table is redrawn in place while packets flow. Everywhere else it is
 * printed once, at the end, unless --stats-every asks for more.
 */
#include "cli/cmd_run.h"
#include "cli/engine.h"
#include "cli/pins.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RUN_REFRESH_MS 250

struct run {
	struct cli *cli;
	FILE *to;  /* the table */
	bool live; /* redrawn in place */
	bool json;
	int lines; /* of the table that is on the screen */
	int err;   /* the table could not be made */
};

static struct chain *run_chain; /* for the signal handler */

static void run_interrupt(int sig)
{
	if (run_chain)
		chain_stop(run_chain);
}

static void run_catch(void)
{
	/* Once: a second signal ends the process, should the chain hang. */
	struct sigaction sa = {.sa_handler = run_interrupt, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Puts the table over the one that is there, cut to the size of the window. */
static void run_redraw(struct run *r, const char *text)
{
	struct winsize ws = {0};
	int rows = 24, n = 0;

	if (ioctl(fileno(r->to), TIOCGWINSZ, &ws) == 0 && ws.ws_row)
		rows = ws.ws_row;
	if (r->lines)
		fprintf(r->to, "\033[%dA\r\033[J", r->lines);
	fputs("\033[?7l", r->to); /* long lines are cut, not wrapped */
	while (*text && n < rows - 1) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len, r->to);
		fputc('\n', r->to);
		text += len + (text[len] == '\n');
		n++;
	}
	fputs("\033[?7h", r->to);
	fflush(r->to);
	r->lines = n;
}

static int run_show(struct run *r, struct chain *chain, bool last)
{
	struct chain_stats *stats = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	int err = chain_stats_get(chain, &stats);

	if (err)
		return r->err = err;
	if (r->json) {
		/* Several reports are told apart by lines. */
		err = run_print_json(stats, r->to, r->cli->opt[OPT_STATS_EVERY] != NULL);
		goto out;
	}
	if (!r->live || last) {
		if (r->lines)
			fprintf(r->to, "\033[%dA\r\033[J", r->lines);
		err = run_print_table(stats, r->to, r->live && r->cli->color);
		goto out;
	}
	f = open_memstream(&text, &size);
	err = f ? run_print_table(stats, f, r->cli->color) : -ENOMEM;
	if (f && fclose(f))
		err = -ENOMEM;
	if (!err)
		run_redraw(r, text);
	free(text);
out:
	if (!last && !r->live)
		fflush(r->to);
	chain_stats_free(stats);
	return r->err = err;
}

static int run_tick(void *user, struct chain *chain)
{
	return run_show(user, chain, false);
}

static void run_warn(void *user, const struct visor_diag *remark)
{
	fputs("warning: ", stderr);
	visor_diag_print(remark, stderr);
}

static bool run_has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n > m && !strcmp(path + n - m, suffix);
}

/* A chain file, or one object in its short form? */
static bool run_is_object(const struct cli *cli)
{
	/* A bare word that is no file can only be a module's name. */
	return (!strpbrk(cli->args[0], "./") && access(cli->args[0], F_OK)) || cli->opt[OPT_IN] ||
	       cli->opt[OPT_OUT] || cli->opt[OPT_PROG] || cli->opt[OPT_HOOK] || cli->n_set ||
	       run_has_suffix(cli->args[0], ".o") || run_has_suffix(cli->args[0], ".c");
}

/* Returns an exit code; on CLI_OK *desc is the caller's. */
static int run_describe(struct cli *cli, struct chain_desc **desc)
{
	struct chain_single single = {
		.object = cli->args[0],
		.program = cli->opt[OPT_PROG],
		.input = cli->opt[OPT_IN],
		.output = cli->opt[OPT_OUT],
		.config = cli->set,
		.n_config = (uint32_t)cli->n_set,
	};
	const char *hook = cli->opt[OPT_HOOK];
	struct visor_diag diag = {0};
	int err;

	if (!run_is_object(cli)) {
		err = chain_parse(cli->args[0], desc, &diag);
		return err ? cli_fail(&diag) : CLI_OK;
	}
	if (run_has_suffix(cli->args[0], ".yaml") || run_has_suffix(cli->args[0], ".yml"))
		return cli_usage(cli,
				 "--in, --out, --prog, --hook and --set are for a single object; "
				 "a chain file says these itself");
	if (!single.input)
		return cli_usage(cli, "a single object needs --in CAPTURE");
	if (hook && strcmp(hook, "xdp") && strcmp(hook, "tc"))
		return cli_usage(cli, "--hook must be 'xdp' or 'tc', not '%s'", hook);
	single.hook = !hook		     ? CHAIN_HOOK_AUTO
		      : !strcmp(hook, "xdp") ? CHAIN_HOOK_XDP
					     : CHAIN_HOOK_TC;
	err = chain_single(&single, desc, &diag);
	return err ? cli_fail(&diag) : CLI_OK;
}

/* Where the packets go to standard output, the table must not. */
static FILE *run_table_stream(const struct chain_desc *desc)
{
	uint32_t i;

	for (i = 0; i < desc->n_ports; i++) {
		const char *path = desc->ports[i].config.path_out;

		if (path && !strcmp(path, "-"))
			return stderr;
	}
	return stdout;
}

/* Pins the maps of every module as FOLDER/MODULE/MAP; all or nothing. */
static int run_pin(const struct engine *e, const struct chain_desc *desc, const struct chain *chain,
		   const char *folder, struct visor_diag *diag)
{
	struct pins pins = {0};
	char path[PATH_MAX];
	int err = 0;

	for (uint32_t i = 0; !err && i < desc->n_modules; i++) {
		const char *name = desc->modules[i].name;

		if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
			err = diag_fail(diag, -ENAMETOOLONG, "pin", "the path is too long");
		else
			err = pins_maps(&pins, e, chain_object(chain, name), path, diag);
	}
	if (err)
		pins_undo(&pins, e);
	pins_free(&pins);
	return err;
}

static int run_up(struct cli *cli, struct engine *e, struct chain_desc *desc)
{
	VISOR_OPTS(chain_opts, opts, .visor = e->visor, .warn = run_warn);
	VISOR_OPTS(chain_run_opts, run_opts, .on_tick = run_tick);
	struct visor_diag diag = {0}, last = {0};
	struct chain_stats *stats = NULL;
	struct chain *chain;
	struct run r = {.cli = cli, .json = cli->opt[OPT_JSON] != NULL};
	uint64_t every;
	int code = CLI_OK, err;

	if (cli_opt_number(cli, OPT_COUNT, 1, UINT64_MAX, 0, &run_opts.max_packets) ||
	    cli_opt_number(cli, OPT_STATS_EVERY, 1, 1000000, 0, &every))
		return CLI_USAGE;
	r.to = run_table_stream(desc);
	r.live = !r.json && cli->terminal && r.to == stdout;
	run_opts.user = &r;
	run_opts.tick_ms = every ? (uint32_t)every * 1000 : r.live ? RUN_REFRESH_MS : 0;

	err = chain_up(desc, &opts, &chain, &diag);
	if (err)
		return cli_fail(&diag);
	if (cli->opt[OPT_PIN] && run_pin(e, desc, chain, cli->opt[OPT_PIN], &diag)) {
		chain_down(chain, NULL);
		return cli_fail(&diag);
	}
	run_chain = chain;
	run_catch();
	err = chain_run(chain, &run_opts, &diag);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	run_chain = NULL;
	/* What was done is shown even if it did not end well. */
	if (run_show(&r, chain, true))
		code = cli_error(r.err, NULL, "cannot show the statistics");
	else if (err)
		code = cli_fail(&diag);
	if (!chain_stats_get(chain, &stats)) {
		if (code == CLI_OK && stats->outcomes[CHAIN_FAULT]) {
			cli_fail(&stats->first_fault);
			code = CLI_FAULT;
		}
		chain_stats_free(stats);
	}
	/* The last packets may be written only now. */
	if (chain_down(chain, &last))
		code = cli_fail(&last);
	return code;
}

int cli_run(struct cli *cli)
{
	struct chain_desc *desc = NULL;
	struct engine e;
	int code = engine_begin(cli, cli->opt[OPT_PIN] ? ENGINE_SHARED : ENGINE_PRIVATE, &e);

	if (code)
		return code;
	code = run_describe(cli, &desc);
	if (!code && !e.visor)
		desc->engine = CHAIN_KERNEL;
	if (!code)
		code = run_up(cli, &e, desc);
	if (desc)
		chain_desc_free(desc);
	engine_end(&e);
	return code;
}
