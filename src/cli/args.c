/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/args.c - words and options of the command line, and how to say that they are wrong.
 *
 * getopt_long does the parsing; its tables are built from options.def for each command.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct args_option {
	const char *name;
	int letter;
	const char *arg;
} args_options[OPT_N] = {
#define OPTION(id, name, letter, arg, help) {name, letter, arg},
#include "cli/options.def"
#undef OPTION
};

#define ARGS_LONG 256 /* getopt's value for long option i is ARGS_LONG + i */

/* Edits (insert, delete, replace, swap neighbours) that turn a into b; words are short. */
static int args_distance(const char *a, const char *b)
{
	int n = (int)strlen(a), m = (int)strlen(b), d[3][64], i, j, best;

	if (n >= 64 || m >= 64)
		return 64;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++) {
		int *row = d[i % 3], *up = d[(i - 1) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			best = up[j - 1] + (a[i - 1] != b[j - 1]);
			best = MIN(best, up[j] + 1);
			best = MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, up2[j - 2] + 1);
			row[j] = best;
		}
	}
	return d[n % 3][m];
}

const char *cli_nearest(const char *word, const char *(*name)(int i), int n)
{
	int i, best = -1, distance, least = 1 + (int)strlen(word) / 3;

	for (i = 0; i < n; i++) {
		const char *candidate = name(i);

		if (!*candidate)
			continue;
		distance = args_distance(word, candidate);
		/* A beginning is a good guess, too. */
		if (strlen(word) >= 2 && !strncmp(word, candidate, strlen(word)))
			distance = 1;
		if (distance < least || (distance == least && best < 0)) {
			least = distance;
			best = i;
		}
	}
	return best < 0 ? NULL : name(best);
}

static uint64_t nearest_allowed;

static const char *args_name(int i)
{
	return nearest_allowed >> i & 1 ? args_options[i].name : "";
}

static int args_unknown(struct cli *cli, char **argv, uint64_t allowed)
{
	const char *near = NULL, *word = argv[optind - 1];
	char name[64];

	if (optopt >= '0' && optopt <= '9')
		return cli_usage(cli, "a negative number must follow '--'");
	if (optopt > 0 && optopt < ARGS_LONG)
		return cli_usage(cli, "unknown option '-%c'", optopt);
	if (optopt >= ARGS_LONG)
		return cli_usage(cli, "option '--%s' takes no value",
				 args_options[optopt - ARGS_LONG].name);
	if (!strncmp(word, "--", 2)) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		nearest_allowed = allowed;
		near = cli_nearest(name, args_name, OPT_N);
	}
	if (near)
		return cli_usage(cli, "unknown option '%s'; did you mean '--%s'?", word, near);
	return cli_usage(cli, "unknown option '%s'", word);
}

int cli_parse(struct cli *cli, int argc, char **argv, uint64_t allowed, bool stop)
{
	struct option longs[OPT_N + 1] = {0};
	char shorts[3 + 2 * OPT_N];
	int i, n = 0, s = 0, c;

	if (stop)
		shorts[s++] = '+';
	shorts[s++] = ':';
	for (i = 0; i < OPT_N; i++) {
		if (!(allowed >> i & 1))
			continue;
		longs[n].name = args_options[i].name;
		longs[n].has_arg = args_options[i].arg ? required_argument : no_argument;
		longs[n++].val = ARGS_LONG + i;
		if (args_options[i].letter) {
			shorts[s++] = (char)args_options[i].letter;
			if (args_options[i].arg)
				shorts[s++] = ':';
		}
	}
	shorts[s] = '\0';
	opterr = 0;
	optind = 0;
	/* getopt takes the word before the first for the program's name. */
	while ((c = getopt_long(argc + 1, argv - 1, shorts, longs, NULL)) != -1) {
		if (c == ':')
			return cli_usage(cli, "option '%s' needs a value", (argv - 1)[optind - 1]);
		if (c == '?')
			return args_unknown(cli, argv - 1, allowed);
		for (i = 0; i < OPT_N; i++) {
			if (allowed >> i & 1 && (c == ARGS_LONG + i || c == args_options[i].letter))
				break;
		}
		cli->opt[i] = optarg ? optarg : "";
		if (i == OPT_SET)
			cli->set[cli->n_set++] = optarg;
	}
	cli->args = argv - 1 + optind;
	cli->n_args = argc + 1 - optind;
	return 0;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	fputs("visor: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (cli->cmd)
		fprintf(stderr, "\nusage: visor %s%s%s\n  hint: 'visor help %s' tells more\n",
			cli->cmd->words, *cli->cmd->args ? " " : "", cli->cmd->args,
			cli->cmd->words);
	else
		fputs("\n  hint: 'visor help' lists the commands\n", stderr);
	return CLI_USAGE;
}

int cli_fail(const struct visor_diag *diag)
{
	if (!diag->place[0])
		fputs("visor: ", stderr);
	visor_diag_print(diag, stderr);
	return CLI_FAILED;
}

int cli_error(int err, const char *place, const char *fmt, ...)
{
	struct visor_diag diag = {.err = err};
	va_list ap;

	snprintf(diag.place, sizeof(diag.place), "%s", place ? place : "");
	va_start(ap, fmt);
	vsnprintf(diag.text, sizeof(diag.text), fmt, ap);
	va_end(ap);
	return cli_fail(&diag);
}

int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	/* strtoull takes signs and leading blanks; a number here starts with a digit. */
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 0);
	if (*end)
		return -EINVAL;
	return errno || *out < min || *out > max ? -ERANGE : 0;
}

int cli_opt_number(const struct cli *cli, enum cli_opt opt, uint64_t min, uint64_t max,
		   uint64_t otherwise, uint64_t *out)
{
	int err;

	*out = otherwise;
	if (!cli->opt[opt])
		return 0;
	err = cli_number(cli->opt[opt], min, max, out);
	if (err == -ERANGE)
		cli_usage(cli, "--%s must be from %llu to %llu, not '%s'", args_options[opt].name,
			  (unsigned long long)min, (unsigned long long)max, cli->opt[opt]);
	else if (err)
		cli_usage(cli, "--%s must be a number, not '%s'", args_options[opt].name,
			  cli->opt[opt]);
	return err ? -1 : 0;
}
