/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/verify/logs.c - logs of the verifier and of the kernel, compared line by line. */
#include "logs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void log_text_write(void *user, const char *text, size_t len)
{
	struct log_text *log = user;

	if (log->len + len + 1 > log->cap) {
		log->cap = (log->len + len + 1) * 2;
		log->text = realloc(log->text, log->cap);
	}
	memcpy(log->text + log->len, text, len);
	log->len += len;
	log->text[log->len] = '\0';
}

static bool is_dropped(const char *line)
{
	const char *close;

	if (!strncmp(line, "verification time", 17))
		return true;
	close = *line == '(' ? strchr(line, ')') : NULL;
	return close && (!strncmp(close, ") frame ", 8) || !strncmp(close, ") live stack", 12));
}

/* "(18) r1 = 0xffff888012345678      ; R1=..." -> "(18) r1 = ; R1=..." */
static size_t clean_line(const char *line, size_t len, char *to)
{
	const char *end = line + len, *at = memmem(line, len, "(18) r", 6), *rest;
	size_t head = len;

	at = at ? memmem(at, (size_t)(end - at), "= 0x", 4) : NULL;
	if (at)
		head = (size_t)(at + 2 - line);
	for (rest = line + head; rest < end && *rest != ';' && *rest != '\n'; rest++)
		;
	memmove(to, line, head);
	memmove(to + head, rest, (size_t)(end - rest));
	return head + (size_t)(end - rest);
}

void log_text_clean(struct log_text *log)
{
	char *from = log->text, *to = log->text;

	while (from && *from) {
		size_t len = strcspn(from, "\n");

		len += from[len] == '\n';
		if (!is_dropped(from))
			to += clean_line(from, len, to);
		from += len;
	}
	if (to)
		*to = '\0';
}

int log_text_compare(const struct log_text *a, const struct log_text *b, const char **line_a,
		     const char **line_b)
{
	const char *p = a->text ? a->text : "", *q = b->text ? b->text : "";

	for (int n = 1; *p || *q; n++) {
		size_t i = strcspn(p, "\n"), j = strcspn(q, "\n");

		if (i != j || memcmp(p, q, i)) {
			*line_a = p;
			*line_b = q;
			return n;
		}
		p += i + (p[i] == '\n');
		q += j + (q[j] == '\n');
	}
	return 0;
}
