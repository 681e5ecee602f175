/* SPDX-License-Identifier: BSD-2-Clause */
/* Every conformance vector assembles, and to the words of its raw section where it has one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vector.h"

static int check(const struct vector *v, void *user)
{
	if (v->has_raw && v->assembled &&
	    (v->n_assembled != v->n_insns ||
	     memcmp(v->assembled, v->insns, v->n_insns * sizeof(*v->insns)))) {
		fprintf(stderr, "%s: asm and raw sections differ\n", v->name);
		return -EINVAL;
	}
	return 0;
}

int main(void)
{
	struct visor_diag diag = {0};
	int n = vector_each(check, NULL, &diag);

	if (n == -ENOENT) {
		fprintf(stderr, "skipped: no vectors in VISOR_DATA/isa\n");
		return 77;
	}
	if (n < 0) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	printf("%d vectors\n", n);
	return 0;
}
