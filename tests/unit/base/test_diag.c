/* SPDX-License-Identifier: BSD-2-Clause */
/* A diagnostic is filled, placed and printed as its header promises. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/diag.h"

static void fills_and_prints(void **state)
{
	struct visor_diag d;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(diag_fail(&d, -EINVAL, "parse", "unknown key '%s'", "prots"), -EINVAL);
	diag_at(&d, "%d:%d", 4, 7);
	diag_at(&d, "ignored: a place is set");
	diag_in(&d, "chain.yaml");
	diag_hint(&d, "did you mean '%s'?", "ports");
	visor_diag_print(&d, f);
	fclose(f);
	assert_string_equal(text, "chain.yaml: 4:7: unknown key 'prots' (Invalid argument)\n"
				  "  hint: did you mean 'ports'?\n");
	free(text);
}

static void cuts_long_text(void **state)
{
	struct visor_diag d;
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	diag_fail(&d, -E2BIG, big, "%s", big);
	diag_at(&d, "%s", big);
	diag_in(&d, "%s", big);
	diag_hint(&d, "%s", big);
	assert_int_equal(strlen(d.text), sizeof(d.text) - 1);
	assert_int_equal(strlen(d.place), sizeof(d.place) - 1);
	assert_int_equal(strlen(d.stage), sizeof(d.stage) - 1);
	assert_int_equal(strlen(d.hint), sizeof(d.hint) - 1);
}

static void accepts_no_diag(void **state)
{
	assert_int_equal(diag_fail(NULL, -EPERM, "x", "y"), -EPERM);
	diag_at(NULL, "x");
	diag_in(NULL, "x");
	diag_hint(NULL, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_and_prints),
		cmocka_unit_test(cuts_long_text),
		cmocka_unit_test(accepts_no_diag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
