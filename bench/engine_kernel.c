/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_kernel.c - Linux's JIT, by BPF_PROG_TEST_RUN. The time is the kernel's own mean
 * over the repetitions, in whole nanoseconds; it includes the loop around the program,
 * which the `empty` program shows.
 */
#include "bench.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

static int kernel_map_set(void *to, const void *key, const void *value)
{
	return bpf_map_update_elem(*(int *)to, key, value, BPF_ANY);
}

static int kernel_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct bpf_object *obj;
	struct bpf_map *map;
	int err, fd;

	libbpf_set_print(NULL);
	obj = bpf_object__open(prog->object);
	err = obj ? bpf_object__load(obj) : -errno;
	if (err) {
		snprintf(note, size, "%s", err == -EPERM ? "needs root" : "did not load");
		return err;
	}
	map = bpf_object__next_map(obj, NULL);
	if (map) {
		fd = bpf_map__fd(map);
		err = bench_map_fill(prog->map, kernel_map_set, &fd);
		if (err)
			return err;
	}
	*state = bpf_object__next_program(obj, NULL);
	return 0;
}

static int kernel_run(void *state, const struct bench_program *prog, uint32_t repeat,
		      uint32_t *result, double *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = prog->input,
		    .data_size_in = prog->input_size, .repeat = repeat);
	int err = bpf_prog_test_run_opts(bpf_program__fd(state), &opts);

	*result = opts.retval;
	*ns = opts.duration;
	return err;
}

const struct bench_engine bench_kernel = {"kernel", kernel_load, kernel_run};
