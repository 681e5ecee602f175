/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/help.c - the command table and what is printed from it: help and completion.
 */
#include "cli/cli.h"

/* In commands.def. */
#define O(id) (1ull << OPT_##id)

#define HELP_WIDTH 80

const struct cli_command cli_commands[] = {
#define GROUP(word, summary) {word, "COMMAND", 0, -1, 0, summary, "", "", NULL},
#define COMMAND(id, words, args, min, max, options, summary, text, examples) \
	{words, args, min, max, options, summary, text, examples, cli_##id},
#include "cli/commands.def"
#undef COMMAND
#undef GROUP
};
const int cli_n_commands = ARRAY_SIZE(cli_commands);

static const struct help_option {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
} help_options[OPT_N] = {
#define OPTION(id, name, letter, arg, help) {name, letter, arg, help},
#include "cli/options.def"
#undef OPTION
};

const struct cli_command *cli_find_command(char **words, int n, int *used)
{
	const struct cli_command *group = NULL;
	char two[64];
	int i;

	*used = 0;
	for (i = 0; i < cli_n_commands; i++) {
		const struct cli_command *cmd = &cli_commands[i];

		if (!strcmp(cmd->words, words[0])) {
			*used = 1;
			if (cmd->run || n < 2)
				return cmd;
			group = cmd;
		}
		if (n < 2)
			continue;
		snprintf(two, sizeof(two), "%s %s", words[0], words[1]);
		if (!strcmp(cmd->words, two)) {
			*used = 2;
			return cmd;
		}
	}
	return group;
}

/* Fills paragraphs, which an empty line separates, to the width. */
static void help_text(const char *text, FILE *to)
{
	int column = 0, n;

	while (*text) {
		n = (int)strcspn(text, " \n");
		if (column && column + 1 + n > HELP_WIDTH) {
			fputc('\n', to);
			column = 0;
		}
		column += fprintf(to, "%s%.*s", column ? " " : "", n, text);
		text += n;
		if (text[0] == '\n' && text[1] == '\n') {
			fputs("\n\n", to);
			column = 0;
		}
		text += strspn(text, " \n");
	}
	fputc('\n', to);
}

void cli_print_overview(FILE *to)
{
	int i;

	fputs("usage: visor COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "Runs eBPF IO modules: verified, chained and persistent, outside the kernel.\n\n"
	      "Commands:\n",
	      to);
	for (i = 0; i < cli_n_commands; i++) {
		if (!strchr(cli_commands[i].words, ' '))
			fprintf(to, "  %-10s  %s\n", cli_commands[i].words,
				cli_commands[i].summary);
	}
	fputs("\n'visor help COMMAND' tells more. 'visor --version' shows the version.\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 a program faulted.\n",
	      to);
}

void cli_print_group(const struct cli_command *group, FILE *to)
{
	size_t n = strlen(group->words);
	char left[64];
	int i;

	fprintf(to, "usage: visor %s COMMAND [OPTION...] [ARGUMENT...]\n\n%s\n\nCommands:\n",
		group->words, group->summary);
	for (i = 0; i < cli_n_commands; i++) {
		const struct cli_command *cmd = &cli_commands[i];

		if (strncmp(cmd->words, group->words, n) || cmd->words[n] != ' ')
			continue;
		snprintf(left, sizeof(left), "%s %s", cmd->words, cmd->args);
		fprintf(to, "  %-30s  %s\n", left, cmd->summary);
	}
	fprintf(to, "\n'visor help %s COMMAND' tells more.\n", group->words);
}

static void help_option(const struct help_option *opt, FILE *to)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", opt->name, opt->arg ? " " : "",
		 opt->arg ? opt->arg : "");
	if (opt->letter)
		fprintf(to, "  -%c, %-21s  %s\n", opt->letter, left, opt->help);
	else
		fprintf(to, "      %-21s  %s\n", left, opt->help);
}

void cli_print_command(const struct cli_command *cmd, FILE *to)
{
	const char *line = cmd->examples;
	int i;

	fprintf(to, "usage: visor %s%s%s\n\n%s.\n", cmd->words, *cmd->args ? " " : "", cmd->args,
		cmd->summary);
	if (*cmd->text) {
		fputc('\n', to);
		help_text(cmd->text, to);
	}
	fputs("\nOptions:\n", to);
	for (i = 0; i < OPT_N; i++) {
		if ((cmd->options | O(HELP)) >> i & 1)
			help_option(&help_options[i], to);
	}
	fputs("\nExamples:\n", to);
	while (*line) {
		int n = (int)strcspn(line, "\n");

		fprintf(to, "  %.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
}

/* Verbs of a noun, or plain commands and nouns for "". */
static void completion_words(const char *noun)
{
	size_t n = strlen(noun);
	int i;

	for (i = 0; i < cli_n_commands; i++) {
		const char *words = cli_commands[i].words;

		if (!n && !strchr(words, ' '))
			printf(" %s", words);
		else if (n && !strncmp(words, noun, n) && words[n] == ' ')
			printf(" %s", words + n + 1);
	}
}

int cli_completion(struct cli *cli)
{
	int i, k;

	if (strcmp(cli->args[0], "bash"))
		return cli_usage(cli, "there is no completion for '%s'", cli->args[0]);
	puts("# bash completion of visor; made by `visor completion bash`\n"
	     "_visor() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=\n"
	     "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
	for (i = 0; i < cli_n_commands; i++) {
		const struct cli_command *cmd = &cli_commands[i];

		if (!cmd->run)
			continue;
		printf("\t\"%s\"%s) words=\"", cmd->words, strchr(cmd->words, ' ') ? "" : "\\ *");
		for (k = 0; k < OPT_N; k++) {
			if ((cmd->options | O(HELP)) >> k & 1)
				printf(" --%s", help_options[k].name);
		}
		puts("\" ;;");
	}
	puts("\tesac\n"
	     "\tif [ \"$COMP_CWORD\" = 1 ]; then");
	printf("\t\twords=\"");
	completion_words("");
	puts("\"\n\telif [ \"$COMP_CWORD\" = 2 ]; then\n\t\tcase ${COMP_WORDS[1]} in");
	for (i = 0; i < cli_n_commands; i++) {
		if (cli_commands[i].run)
			continue;
		printf("\t\t%s) words=\"", cli_commands[i].words);
		completion_words(cli_commands[i].words);
		puts("\" ;;");
	}
	puts("\t\tesac\n"
	     "\tfi\n"
	     "\tcase $cur in\n"
	     "\t-*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
	     "\t*)\tCOMPREPLY=($(compgen -W \"${words//--[a-z-]*/}\" -- \"$cur\"))\n"
	     "\t\t[ ${#COMPREPLY[@]} != 0 ] || COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	     "\tesac\n"
	     "}\n"
	     "complete -o filenames -F _visor visor");
	return CLI_OK;
}
