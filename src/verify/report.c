/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/report.c - prints why a program was refused.
 *
 * Four parts, so that each can be found at a glance: the reason, the place, how it came to this,
 * what to do. At most 40 lines, of which the steps may take 20.
 */
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MESSAGE_LINES 6

enum paint { PLAIN, BOLD, RED, BLUE, GREEN, FAINT };

static void paint(FILE *to, bool colour, enum paint paint)
{
	static const char *const codes[] = {"\033[0m",	  "\033[1m",  "\033[1;31m",
					    "\033[1;34m", "\033[32m", "\033[2m"};

	if (colour)
		fputs(codes[paint], to);
}

static void report_reason(const struct verify_report *r, FILE *to, bool colour)
{
	const char *line = r->message;

	paint(to, colour, RED);
	fprintf(to, "refused: ");
	paint(to, colour, BOLD);
	fprintf(to, "%s", r->title);
	paint(to, colour, PLAIN);
	fprintf(to, " [%s]\n", r->reason);
	for (int n = 0; *line && n < REPORT_MESSAGE_LINES; n++) {
		int len = (int)strcspn(line, "\n");

		fprintf(to, "  %.*s\n", len, line);
		line += len + (line[len] == '\n');
	}
}

/* Tabs are kept, so that the caret is below its character. */
static void report_caret(FILE *to, const char *line, uint32_t column, uint32_t width, bool colour)
{
	for (uint32_t i = 0; i < column && line[i]; i++)
		fputc(line[i] == '\t' ? '\t' : ' ', to);
	paint(to, colour, RED);
	for (uint32_t i = 0; i < (width ? width : 1); i++)
		fputc('^', to);
	paint(to, colour, PLAIN);
}

/* "acl.c:31" */
static int place_text(const struct verify_place *p, char *buf, size_t size)
{
	return p->file[0] ? snprintf(buf, size, "%s:%u", p->file, p->line)
			  : snprintf(buf, size, "insn %u", p->insn);
}

static void report_place(const struct verify_report *r, FILE *to, bool colour)
{
	const struct verify_place *p = &r->place;
	char where[128];

	if (!p->known)
		return;
	place_text(p, where, sizeof(where));
	fputc('\n', to);
	paint(to, colour, BLUE);
	fprintf(to, "at %s", where);
	if (p->function[0])
		fprintf(to, ", in %s()", p->function);
	paint(to, colour, PLAIN);
	fputc('\n', to);
	if (p->source[0]) {
		fprintf(to, "%7u | %s\n", p->line, p->source);
		if (p->column > 1 && p->column <= strlen(p->source)) {
			fprintf(to, "        | ");
			report_caret(to, p->source, p->column - 1, 1, colour);
			fputc('\n', to);
		}
	}
	fprintf(to, "%7u : %s\n", p->insn, p->text);
	if (r->width) {
		fprintf(to, "        : ");
		report_caret(to, p->text, r->caret, r->width, colour);
		if (r->reg_state[0])
			fprintf(to, " r%d = %s", r->reg, r->reg_state);
		fputc('\n', to);
	} else if (r->reg >= 0 && r->reg_state[0]) {
		fprintf(to, "        : r%d = %s\n", r->reg, r->reg_state);
	}
}

static void report_steps(const struct verify_report *r, FILE *to, bool colour)
{
	const char *shown = "";

	if (!r->n_steps)
		return;
	fputc('\n', to);
	paint(to, colour, BLUE);
	fprintf(to, "how it came to this\n");
	paint(to, colour, PLAIN);
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct verify_place *p = &r->steps[i].place;
		char where[128];

		place_text(p, where, sizeof(where));
		/* A line of source once, if several steps come from it. */
		if (p->source[0] && strcmp(shown, p->source)) {
			paint(to, colour, FAINT);
			fprintf(to, "          %s  %s\n", where, p->source);
			paint(to, colour, PLAIN);
		}
		shown = p->source;
		fprintf(to, "%7u : %s\n", p->insn, r->steps[i].text);
	}
}

void verify_report_print(const struct verify_report *r, FILE *to, bool colour)
{
	if (!r->err)
		return;
	report_reason(r, to, colour);
	report_place(r, to, colour);
	report_steps(r, to, colour);
	if (!r->missing[0] && !r->suggestion[0])
		return;
	fputc('\n', to);
	if (r->missing[0])
		fprintf(to, "missing: %s\n", r->missing);
	if (r->suggestion[0]) {
		paint(to, colour, GREEN);
		fprintf(to, "help: %s\n", r->suggestion);
		paint(to, colour, PLAIN);
	}
}
