/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/text.h - reading a whole input, and hex text. Results are the caller's to free().
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/diag.h"

/* Reads a file, or standard input for "-", of at most `limit` bytes. A NUL byte follows the
 * content and is not counted. */
int text_read(const char *path, size_t limit, char **out, size_t *size, struct visor_diag *diag);

/* Bytes of hex digits; blanks, newlines, "0x" and commas between bytes are skipped, and so is
 * the rest of a line after # or //. The diagnostic's place is "line:column". */
int text_hex(const char *text, size_t len, uint8_t **out, size_t *size, struct visor_diag *diag);

/* True if text_hex would take it: nothing but hex text, and some of it. */
bool text_is_hex(const char *text, size_t len);

/* "0a1b..." or NULL. */
char *text_to_hex(const void *bytes, size_t size);

#endif
