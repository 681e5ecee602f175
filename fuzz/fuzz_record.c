/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_record - any bytes as a live chain's record. What is taken is written and read again as the
 * same, and a change from it to itself can be planned.
 */
#include <stdlib.h>

#include "chain/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record *take(const char *text, size_t len)
{
	struct visor_diag d = {0};
	struct record *r;

	if (!record_parse("fuzz", text, len, &r, &d))
		return r;
	if (!d.err || !d.text[0])
		abort(); /* an error without a message */
	return NULL;
}

static void plan(const struct record *old, struct record *new)
{
	struct visor_diag d = {0};
	struct change *c;

	if (!change_make(old, NULL, new, &c, &d))
		change_free(c);
	else if (!d.err || !d.text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record *r = take((const char *)data, size), *again;
	char *one, *two;
	size_t len, len2;

	if (!r)
		return 0;
	if (record_format(r, &one, &len))
		abort();
	again = take(one, len);
	if (!again || record_format(again, &two, &len2) || len != len2 || memcmp(one, two, len))
		abort(); /* what was read is not what is written */
	plan(r, again);
	plan(NULL, again);
	free(one);
	free(two);
	record_free(r);
	record_free(again);
	return 0;
}
