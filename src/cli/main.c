/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/main.c - entry of the visor program: finds the command, parses, runs it, and makes
 * sure that what it printed has really been written.
 *
 * Invariant: every way out passes main_finish(), so a full disk is never a success.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Options that make sense in front of any command; which commands take them is checked later. */
#define GLOBAL_OPTIONS                                                                   \
	(1ull << OPT_HELP | 1ull << OPT_VERSION | 1ull << OPT_JSON | 1ull << OPT_STATE | \
	 1ull << OPT_ENGINE)

static int main_finish(int code)
{
	int bad = ferror(stdout), err = 0;

	if (fflush(stdout)) {
		bad = 1;
		err = errno;
	}
	if (fclose(stdout) && !bad) {
		bad = 1;
		err = errno;
	}
	/* A reader that went away knows that it did. */
	if (bad && err != EPIPE)
		cli_error(-err, "standard output", "cannot write");
	return bad && code == CLI_OK ? CLI_FAILED : code;
}

/* If a standard descriptor is closed, no file that is opened later may become it: what is
 * printed would go into that file. Opened the wrong way round, so that using it fails. */
static void main_hold_standard(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(CLI_FAILED);
	}
}

static void main_look(struct cli *cli)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	cli->terminal = isatty(STDOUT_FILENO);
	cli->color = cli->terminal && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static const char *command_word(int i)
{
	static char word[64];

	/* Only the first word: a mistyped verb is looked up within its group. */
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(cli_commands[i].words, " "),
		 cli_commands[i].words);
	return word;
}

static const char *group_name;

static const char *command_verb(int i)
{
	const char *words = cli_commands[i].words;
	size_t n = strlen(group_name);

	return strncmp(words, group_name, n) || words[n] != ' ' ? "" : words + n + 1;
}

static int main_unknown(const struct cli *cli, const struct cli_command *group, const char *word)
{
	const char *near;

	if (group)
		group_name = group->words;
	near = cli_nearest(word, group ? command_verb : command_word, cli_n_commands);
	fprintf(stderr, "visor: unknown command '%s%s%s'\n", group ? group->words : "",
		group ? " " : "", word);
	if (near)
		fprintf(stderr, "  hint: did you mean '%s%s%s'?\n", group ? group->words : "",
			group ? " " : "", near);
	else
		fprintf(stderr, "  hint: 'visor help%s%s' lists the commands\n", group ? " " : "",
			group ? group->words : "");
	return CLI_USAGE;
}

int cli_help(struct cli *cli)
{
	const struct cli_command *cmd;
	int used;

	if (!cli->n_args) {
		cli_print_overview(stdout);
		return CLI_OK;
	}
	cmd = cli_find_command(cli->args, cli->n_args, &used);
	if (cmd && cmd->run && used < cli->n_args)
		return cli_usage(cli, "'%s' is one command, without '%s'", cmd->words,
				 cli->args[used]);
	if (!cmd || used < cli->n_args)
		return main_unknown(cli, cmd, cli->args[used]);
	if (cmd->run)
		cli_print_command(cmd, stdout);
	else
		cli_print_group(cmd, stdout);
	return CLI_OK;
}

static int main_command(struct cli *cli)
{
	const struct cli_command *cmd;
	char **words = cli->args;
	int n = cli->n_args, used, i, code;

	if (!n) {
		cli_print_overview(cli->opt[OPT_HELP] ? stdout : stderr);
		return cli->opt[OPT_HELP] ? CLI_OK : CLI_USAGE;
	}
	cmd = cli_find_command(words, n, &used);
	if (!cmd)
		return main_unknown(cli, NULL, words[0]);
	if (!cmd->run) {
		bool help = cli->opt[OPT_HELP] || (used < n && (!strcmp(words[used], "--help") ||
								!strcmp(words[used], "-h") ||
								!strcmp(words[used], "help")));

		if (used < n && !help && *words[used] == '-')
			return cli_usage(cli, "expected a command after '%s', not '%s'", cmd->words,
					 words[used]);
		if (used < n && !help)
			return main_unknown(cli, cmd, words[used]);
		cli_print_group(cmd, help ? stdout : stderr);
		return help ? CLI_OK : CLI_USAGE;
	}
	cli->cmd = cmd;
	code = cli_parse(cli, n - used, words + used, cmd->options | 1ull << OPT_HELP,
			 cmd->max_args == CLI_REST);
	if (code)
		return code;
	if (cli->opt[OPT_HELP]) {
		cli_print_command(cmd, stdout);
		return CLI_OK;
	}
	for (i = 0; i < OPT_N; i++) {
		static const char *const name[] = {
#define OPTION(id, name, letter, arg, help) name,
#include "cli/options.def"
#undef OPTION
		};
		if (cli->opt[i] && !(cmd->options >> i & 1))
			return cli_usage(cli, "'visor %s' takes no --%s", cmd->words, name[i]);
	}
	if (cli->n_args < cmd->min_args)
		return cli_usage(cli, "expected %s", cmd->args);
	if (cmd->max_args >= 0 && cli->n_args > cmd->max_args)
		return cli_usage(cli, "unexpected '%s'", cli->args[cmd->max_args]);
	return cmd->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli = {0};
	int code;

	main_hold_standard();
	main_look(&cli);
	cli.set = calloc((size_t)argc + 1, sizeof(*cli.set));
	if (!cli.set)
		return CLI_FAILED;
	code = cli_parse(&cli, argc - 1, argv + 1, GLOBAL_OPTIONS, true);
	if (!code && cli.opt[OPT_VERSION])
		printf("visor %s\n", VISOR_VERSION);
	else if (!code)
		code = main_command(&cli);
	free(cli.set);
	return main_finish(code);
}
