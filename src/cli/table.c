/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/table.c - cells in a flat array, printed when the widths are known.
 */
#include "cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

struct table_cell {
	char *text; /* for people */
	char *json; /* as JSON; NULL: the text, as a string */
};

struct table {
	const struct table_column *cols;
	int n_cols;
	struct table_cell *cells;
	size_t n, room;
	bool lost;
};

struct table *table_new(const struct table_column *cols, int n_cols)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t) {
		t->cols = cols;
		t->n_cols = n_cols;
	}
	return t;
}

void table_free(struct table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n; i++) {
		free(t->cells[i].text);
		free(t->cells[i].json);
	}
	free(t->cells);
	free(t);
}

/* Takes both strings over. */
static void table_add(struct table *t, char *text, char *json)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct table_cell *cells = realloc(t->cells, room * sizeof(*cells));

		if (!cells)
			goto lost;
		t->cells = cells;
		t->room = room;
	}
	if (!text)
		goto lost;
	t->cells[t->n++] = (struct table_cell){text, json};
	return;
lost:
	t->lost = true;
	free(text);
	free(json);
}

void table_text(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	table_add(t, text, NULL);
}

void table_u64(struct table *t, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, value);
	table_json(t, number, number);
}

void table_bool(struct table *t, bool value)
{
	table_json(t, value ? "yes" : "no", value ? "true" : "false");
}

void table_none(struct table *t)
{
	table_json(t, "-", "null");
}

void table_json(struct table *t, const char *text, const char *json)
{
	char *copy = strdup(json);

	if (!copy)
		t->lost = true;
	table_add(t, strdup(text), copy);
}

size_t table_rows(const struct table *t)
{
	return t->n / (size_t)t->n_cols;
}

/* Columns that the text takes on a terminal: UTF-8 continuation bytes take none. */
static int table_width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void table_put(const char *s, int width, bool right, bool last, FILE *to)
{
	int pad = width - table_width(s);

	if (right)
		fprintf(to, "%*s", pad, "");
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, to);
	if (!right && !last)
		fprintf(to, "%*s", pad, "");
}

int table_print(const struct table *t, FILE *to, bool bold)
{
	size_t r, rows = table_rows(t);
	int c, *width, last = 0;

	if (t->lost)
		return -ENOMEM;
	width = calloc((size_t)t->n_cols, sizeof(*width));
	if (!width)
		return -ENOMEM;
	for (c = 0; c < t->n_cols; c++) {
		if (!t->cols[c].title)
			continue;
		last = c;
		width[c] = table_width(t->cols[c].title);
		for (r = 0; r < rows; r++)
			width[c] =
				MAX(width[c],
				    table_width(t->cells[r * (size_t)t->n_cols + (size_t)c].text));
	}
	if (bold)
		fputs("\033[1m", to);
	for (r = 0; r <= rows; r++) {
		for (c = 0; c <= last; c++) {
			if (!t->cols[c].title)
				continue;
			table_put(r ? t->cells[(r - 1) * (size_t)t->n_cols + (size_t)c].text
				    : t->cols[c].title,
				  width[c], t->cols[c].right, c == last, to);
			if (c < last)
				fputs("  ", to);
		}
		fputs(bold && !r ? "\033[0m\n" : "\n", to);
	}
	free(width);
	return 0;
}

int table_print_json(const struct table *t, struct json *j, const char *key)
{
	size_t r;
	int c;

	if (t->lost)
		return -ENOMEM;
	json_array(j, key);
	for (r = 0; r < table_rows(t); r++) {
		json_object(j, NULL);
		for (c = 0; c < t->n_cols; c++) {
			const struct table_cell *cell =
				&t->cells[r * (size_t)t->n_cols + (size_t)c];

			if (!t->cols[c].key)
				continue;
			if (cell->json)
				json_raw(j, t->cols[c].key, cell->json);
			else
				json_str(j, t->cols[c].key, cell->text);
		}
		json_object_end(j);
	}
	json_array_end(j);
	return 0;
}
