/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/verify/logs.h - logs of the verifier and of the kernel, compared line by line. */
#ifndef TESTS_VERIFY_LOGS_H
#define TESTS_VERIFY_LOGS_H

#include <stddef.h>

struct log_text {
	char *text;
	size_t len, cap;
};

/* For struct verify_log: user is a struct log_text. */
void log_text_write(void *user, const char *text, size_t len);
/* Takes out what is different in every run: addresses, times; and what is not ours to tell: the
 * kernel's steps in finding which slots are live. */
void log_text_clean(struct log_text *log);
/* 0: alike. Otherwise the number of the first line that differs; *a and *b are set to it. */
int log_text_compare(const struct log_text *a, const struct log_text *b, const char **line_a,
		     const char **line_b);

#endif
