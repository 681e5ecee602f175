/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/table.h - a list of objects: as aligned columns for people, as JSON for scripts.
 *
 * A command states its columns once and adds cells row by row, left to right; the table
 * owns what it is given. Control characters in text cells (names come from outside) are
 * replaced, so that nothing but text reaches a terminal. One thread at a time.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/json.h"

struct table_column {
	const char *title; /* NULL: in JSON only */
	const char *key;   /* NULL: in text only */
	bool right;	   /* aligned to the right: numbers */
};

struct table;

/* NULL: out of memory. cols stays the caller's. */
struct table *table_new(const struct table_column *cols, int n_cols);
void table_free(struct table *t);

void table_text(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_u64(struct table *t, uint64_t value);
void table_bool(struct table *t, bool value);
/* Ready-made JSON beside its text. */
void table_json(struct table *t, const char *text, const char *json);
/* "-", or null. */
void table_none(struct table *t);

size_t table_rows(const struct table *t);

/* Prints all; errors of the FILE are found when it is closed. 0, or -ENOMEM if a cell got
 * lost (nothing is printed then). `bold` sets off the titles for a terminal. */
int table_print(const struct table *t, FILE *to, bool bold);
/* As an array of objects. */
int table_print_json(const struct table *t, struct json *j, const char *key);

#endif
