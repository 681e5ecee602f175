/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/fields.h - one object's properties: as "name: value" lines, or as a JSON object.
 *
 * A plain value; keys are literals in snake_case, the same for people and scripts. Control
 * characters in texts are replaced. One thread at a time.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"

struct fields {
	struct json json;
	bool as_json;
};

void fields_begin(struct fields *f, const struct cli *cli);
void fields_str(struct fields *f, const char *key, const char *value);
void fields_u64(struct fields *f, const char *key, uint64_t value);
void fields_bool(struct fields *f, const char *key, bool value);
/* A list of numbers, shown as "3, 4". */
void fields_ids(struct fields *f, const char *key, const uint32_t *ids, uint32_t n);
void fields_end(struct fields *f);

/* Prints a finished list the way the command line asks for; NULL: out of memory. */
int cli_print_table(const struct cli *cli, const struct table *t);

#endif
