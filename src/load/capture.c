/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/capture.c - what libbpf says, kept for a diagnostic.
 *
 * libbpf reports through one callback for the whole process. Ours is installed once and
 * looks at the thread: between capture_start and capture_stop its warnings are kept,
 * otherwise they go where they went before.
 */
#include "load/capture.h"
#include "visor/visor.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static __thread struct capture *capture_now;
static libbpf_print_fn_t capture_before;
static pthread_once_t capture_once = PTHREAD_ONCE_INIT;

/* ---- libbpf's messages -------------------------------------------------------------------- */

/* The last line that says something, without the verifier's statistics. */
static void log_last_line(const char *log, char *out, size_t size)
{
	while (*log) {
		size_t len = strcspn(log, "\n");

		if (!strncmp(log, "-- END", 6))
			break;
		if (len && strncmp(log, "processed ", 10) != 0 && strncmp(log, "-- BEGIN", 8) != 0)
			snprintf(out, size, "%.*s", (int)len, log);
		log += len + (log[len] == '\n');
	}
}

static void capture_line(struct capture *c, const char *text)
{
	const char *begin = strstr(text, "-- BEGIN PROG LOAD LOG --");
	size_t len;

	if (!strncmp(text, "libbpf: ", 8))
		text += 8;
	if (begin) {
		log_last_line(begin + strcspn(begin, "\n"), c->log, sizeof(c->log));
		return;
	}
	if (!c->prog[0] && !strncmp(text, "prog '", 6)) {
		len = strcspn(text + 6, "'");
		snprintf(c->prog, sizeof(c->prog), "%.*s", (int)len, text + 6);
	}
	if (c->first[0])
		return;
	snprintf(c->first, sizeof(c->first), "%.*s", (int)strcspn(text, "\n"), text);
	c->in_map = !strncmp(text, "map '", 5) || !strncmp(text, "Error in bpf_create_map", 23);
}

static int capture_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	struct capture *c = capture_now;
	char *text;
	int n;

	if (!c)
		return capture_before ? capture_before(level, fmt, ap) : 0;
	if (level != LIBBPF_WARN)
		return 0;
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return 0;
	capture_line(c, text);
	free(text);
	return n;
}

static void capture_install(void)
{
	capture_before = libbpf_set_print(capture_print);
}

void capture_start(struct capture *c)
{
	struct visor_diag old;

	pthread_once(&capture_once, capture_install);
	memset(c, 0, sizeof(*c));
	visor_last_diag(&old);
	capture_now = c;
}

void capture_stop(void)
{
	capture_now = NULL;
}

/* libbpf has errors of its own beyond the system's: all of them mean a bad file. */
int capture_errno(int err)
{
	return err <= -__LIBBPF_ERRNO__START ? -EINVAL : err;
}
