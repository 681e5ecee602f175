/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_native.c - the programs as the C compiler makes them: what all else is a multiple of. */
#include "bench.h"

static int native_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return 0;
}

static int native_run(void *state, const struct bench_program *prog, uint32_t repeat,
		      uint32_t *result, double *ns)
{
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++) {
		*result = 0;
		for (uint32_t p = 0; p < prog->n_packets; p++)
			*result += prog->native(prog->packets[p].data, prog->packets[p].size);
	}
	*ns = (bench_now() - start) / repeat;
	return 0;
}

const struct bench_engine bench_native = {"native", native_load, native_run};
