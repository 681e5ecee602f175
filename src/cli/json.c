/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/json.c - a JSON writer. A newline ends the outermost value.
 */
#include "cli/json.h"

#include <inttypes.h>
#include <math.h>

void json_init(struct json *j, FILE *to)
{
	j->to = to;
	j->depth = 0;
	j->some = false;
	j->line = false;
}

static void json_newline(struct json *j)
{
	int i;

	if (j->line)
		return;
	fputc('\n', j->to);
	for (i = 0; i < j->depth; i++)
		fputs("  ", j->to);
}

/* Length of the UTF-8 sequence at p (n bytes left), or 0 if it is none. RFC 3629, section 4. */
static size_t json_utf8(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;
	size_t i;

	if (!len || len > n)
		return 0;
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void json_quoted(struct json *j, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	fputc('"', j->to);
	while (n) {
		size_t len = json_utf8(p, n);

		if (!len)
			fputs("\\ufffd", j->to);
		else if (*p == '"' || *p == '\\')
			fprintf(j->to, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", j->to);
		else if (*p == '\t')
			fputs("\\t", j->to);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(j->to, "\\u%04x", *p);
		else
			fwrite(p, 1, len, j->to);
		len = len ? len : 1;
		p += len;
		n -= len;
	}
	fputc('"', j->to);
}

/* What comes before a value: the comma, the line, the key. */
static void json_before(struct json *j, const char *key)
{
	if (j->some)
		fputc(',', j->to);
	if (j->depth)
		json_newline(j);
	j->some = true;
	if (key) {
		json_quoted(j, key, strlen(key));
		fputs(j->line ? ":" : ": ", j->to);
	}
}

static void json_after(struct json *j)
{
	if (!j->depth) {
		fputc('\n', j->to);
		j->some = false;
	}
}

static void json_open(struct json *j, const char *key, char c)
{
	json_before(j, key);
	fputc(c, j->to);
	j->depth++;
	j->some = false;
}

static void json_close(struct json *j, char c)
{
	j->depth--;
	if (j->some)
		json_newline(j);
	fputc(c, j->to);
	j->some = true;
	json_after(j);
}

void json_object(struct json *j, const char *key)
{
	json_open(j, key, '{');
}

void json_object_end(struct json *j)
{
	json_close(j, '}');
}

void json_array(struct json *j, const char *key)
{
	json_open(j, key, '[');
}

void json_array_end(struct json *j)
{
	json_close(j, ']');
}

void json_strn(struct json *j, const char *key, const char *value, size_t n)
{
	json_before(j, key);
	json_quoted(j, value, n);
	json_after(j);
}

void json_str(struct json *j, const char *key, const char *value)
{
	json_strn(j, key, value, strlen(value));
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	json_before(j, key);
	fprintf(j->to, "%" PRIu64, value);
	json_after(j);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	json_before(j, key);
	fprintf(j->to, "%" PRId64, value);
	json_after(j);
}

void json_real(struct json *j, const char *key, double value, int decimals)
{
	if (!isfinite(value)) {
		json_null(j, key);
		return;
	}
	json_before(j, key);
	fprintf(j->to, "%.*f", decimals, value);
	json_after(j);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_raw(j, key, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_raw(j, key, "null");
}

void json_raw(struct json *j, const char *key, const char *value)
{
	json_before(j, key);
	fputs(value, j->to);
	json_after(j);
}
