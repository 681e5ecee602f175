/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_kernel.h - a test run in the kernel, for the benchmarks that load programs themselves. */
#ifndef BENCH_ENGINE_KERNEL_H
#define BENCH_ENGINE_KERNEL_H

#include "bench.h"

/* The state of a loaded program. */
int kernel_state_new(int fd, void **out);

/* bench_engine's `run` of it. */
int kernel_run_repeat(void *state, const struct bench_program *prog, uint32_t repeat,
		      uint32_t *result, double *ns);

#endif
