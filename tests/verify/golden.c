/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports of typical mistakes: each object of golden/ has one program, which is refused, beside it
 * the report that it gets (NAME.report) and the kernel's log (NAME.log).
 *
 * usage: golden DIRECTORY exact|loose OBJECT.o...
 * Another compiler makes other instructions: "loose" compares the reason alone. With KERNEL in the
 * environment the running kernel is asked, too; with UPDATE the files are written, not compared.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/examine.h"
#include "logs.h"

#define LOG_LINES 40

static int failures;

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (f && !ferror(f) && fread(text, 1, (1 << 20) - 1, f) == 0)
		text[0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0) {
		perror(path);
		failures++;
	}
	if (f)
		fclose(f);
}

static void compare(const char *path, const char *text, bool exact)
{
	char *want;

	if (getenv("UPDATE")) {
		write_file(path, text);
		return;
	}
	want = read_file(path);
	if (!exact)
		want[strcspn(want, "\n")] = '\0';
	if (exact ? strcmp(want, text) != 0 : strncmp(want, text, strlen(want)) != 0) {
		printf("FAIL %s: expected\n%s\nbut it is\n%s\n", path, want, text);
		failures++;
	}
	free(want);
}

/* The last lines of a log, without what differs in every run, and without the line that only the
 * kernel is asked for. */
static void compare_log(const char *path, const struct examine_result *r)
{
	struct log_text log = {.text = strdup(r->log ? r->log : ""), .len = r->log_len};
	char *from, *stack;

	log_text_clean(&log);
	stack = strstr(log.text, "\nstack depth ");
	if (stack)
		memmove(stack, strchr(stack + 1, '\n'), strlen(strchr(stack + 1, '\n')) + 1);
	from = log.text + strlen(log.text);
	for (int lines = 0; from > log.text; from--)
		if (from[-1] == '\n' && lines++ == LOG_LINES)
			break;
	compare(path, from, true);
	free(log.text);
}

static void run(const char *folder, const char *object, bool exact)
{
	/* Of the loop the kernel would write a million lines. */
	struct examine_opts opts = {.log_level = 1,
				    .kernel = getenv("KERNEL") && !strstr(object, "loop.o")};
	const char *base = strrchr(object, '/') ? strrchr(object, '/') + 1 : object;
	struct visor_diag diag = {0};
	struct examination x;
	char path[4096], *text = NULL;
	size_t len;
	FILE *f;

	if (examine(object, &opts, &x, &diag)) {
		printf("FAIL %s: ", object);
		visor_diag_print(&diag, stdout);
		failures++;
		return;
	}
	f = open_memstream(&text, &len);
	verify_report_print(&x.progs[0].report, f, false);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%.*s.report", folder, (int)strcspn(base, "."), base);
	compare(path, text, exact);
	strcpy(strrchr(path, '.'), ".log");
	if (exact)
		compare_log(path, &x.progs[0].ours);
	if (exact && opts.kernel && x.progs[0].kernel.verdict == EXAMINE_REJECTED)
		compare_log(path, &x.progs[0].kernel);
	free(text);
	examine_free(&x);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	for (int i = 3; i < argc; i++)
		run(argv[1], argv[i], !strcmp(argv[2], "exact"));
	printf("%d objects, %d failures\n", argc - 3, failures);
	return failures != 0;
}
