/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/json.h - writes JSON, indented, with everything escaped that must be.
 *
 * The writer is a plain value over a FILE that stays the caller's. `key` names a member of
 * an object; NULL inside an array and at the top. Integers are written in full (readers
 * that keep only doubles lose precision above 2^53). Bytes that are not UTF-8 become
 * U+FFFD. Errors of the FILE are found when it is closed. One thread at a time.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdio.h>

#include "base/util.h"

struct json {
	FILE *to;
	int depth;
	bool some; /* the open container has an element */
	bool line; /* no line breaks and indentation; set after json_init */
};

void json_init(struct json *j, FILE *to);
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_str(struct json *j, const char *key, const char *value);
void json_strn(struct json *j, const char *key, const char *value, size_t n);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_real(struct json *j, const char *key, double value, int decimals);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Text that is JSON already. */
void json_raw(struct json *j, const char *key, const char *value);

#endif
