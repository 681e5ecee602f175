/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cli.h - the frame of the command line: commands, options, exit codes, errors.
 *
 * One struct cli lives in main() for the whole process and is passed to the command's
 * handler, which borrows everything in it. Single-threaded.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/diag.h"

/* What the process returns; documented in visor(1). */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,		/* the command could not do it */
	CLI_USAGE = 2,		/* it was not asked properly */
	CLI_FAULT = 3,		/* it ran, but a program did something forbidden */
	CLI_NOT_RUNNABLE = 126, /* exec: COMMAND is there but cannot be run */
	CLI_NOT_FOUND = 127,	/* exec: there is no COMMAND */
};

enum cli_opt {
#define OPTION(id, name, letter, arg, help) OPT_##id,
#include "cli/options.def"
#undef OPTION
	OPT_N
};

struct cli {
	const struct cli_command *cmd;
	char **args; /* words after the command that are not options */
	int n_args;
	const char *opt[OPT_N]; /* argument, or "" for an option without; NULL: not given */
	const char **set;	/* every --set, in order */
	int n_set;
	bool color;    /* standard output is a terminal that wants colour */
	bool terminal; /* standard output is a terminal */
};

#define CLI_ANY	 (-1)
#define CLI_REST (-2)

struct cli_command {
	const char *words; /* "map dump" */
	const char *args;
	int min_args, max_args; /* most: CLI_ANY, CLI_REST: any, and options end at the first */
	uint64_t options;	/* bits 1 << enum cli_opt */
	const char *summary;
	const char *text;
	const char *examples;
	int (*run)(struct cli *cli); /* NULL: opens a noun */
};

/* The handlers. Each returns an enum cli_exit. */
#define GROUP(word, summary)
#define COMMAND(id, words, args, min, max, options, summary, text, examples) \
	int cli_##id(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND
#undef GROUP

extern const struct cli_command cli_commands[];
extern const int cli_n_commands;

/* The command of these words: *used says how many were taken. A noun alone gives its group.
 * NULL: unknown. */
const struct cli_command *cli_find_command(char **words, int n, int *used);

/* Parses options out of argv[0..argc), of which `allowed` are permitted, into cli->opt, and
 * leaves the other words in cli->args. With `stop`, only up to the first such word.
 * Returns 0, or CLI_USAGE after saying what is wrong. */
int cli_parse(struct cli *cli, int argc, char **argv, uint64_t allowed, bool stop);

/* Of n names, the one that `word` probably means, or NULL. */
const char *cli_nearest(const char *word, const char *(*name)(int i), int n);

/* Printing help. */
void cli_print_overview(FILE *to);
void cli_print_group(const struct cli_command *group, FILE *to);
void cli_print_command(const struct cli_command *cmd, FILE *to);
/* Bash completion script. */
void cli_print_completion(FILE *to);

/* Says what was wrong in how the command was called, and where its help is; CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints the diagnostic on standard error; CLI_FAILED. */
int cli_fail(const struct visor_diag *diag);
/* The same for a diagnostic made here; err is a negative errno, or 0. */
int cli_error(int err, const char *place, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A decimal, 0x or 0 number of the whole text within [min, max]: 0, or -EINVAL / -ERANGE. */
int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* The number given for an option, or `otherwise` if it was not given. -1: said what is wrong. */
int cli_opt_number(const struct cli *cli, enum cli_opt opt, uint64_t min, uint64_t max,
		   uint64_t otherwise, uint64_t *out);

#endif
