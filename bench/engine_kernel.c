/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_kernel.c - Linux's JIT, by BPF_PROG_TEST_RUN. The time is the kernel's own mean over
 * the repetitions, in whole nanoseconds; it includes the loop around the program, which the
 * programs `empty` and `pass` show.
 *
 * A call takes one packet, and a millisecond whatever it repeats. Of many packets, all are run
 * for the result but only every KERNEL_STEPth is timed.
 */
#include "engine_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KERNEL_STEP   15
#define KERNEL_REPEAT 20000 /* of each packet, where there are many */

struct kernel_state {
	int fd;
	bool ran;
	uint32_t result; /* of all packets */
};

static int kernel_map_set(void *to, const void *key, const void *value)
{
	return bpf_map_update_elem(*(int *)to, key, value, BPF_ANY);
}

int kernel_state_new(int fd, void **out)
{
	struct kernel_state *st = calloc(1, sizeof(*st));

	if (!st)
		return -ENOMEM;
	st->fd = fd;
	*out = st;
	return 0;
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
	return kernel_state_new(bpf_program__fd(bpf_object__next_program(obj, NULL)), state);
}

static int kernel_test_run(const struct kernel_state *st, const struct bench_packet *p,
			   uint32_t repeat, uint32_t *result, double *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->size,
		    .repeat = repeat);
	int err = bpf_prog_test_run_opts(st->fd, &opts);

	*result += opts.retval;
	*ns += opts.duration;
	return err;
}

/* The time of all packets, from that of some. */
static int kernel_sample(const struct kernel_state *st, const struct bench_program *prog,
			 double *ns)
{
	uint32_t n = 0, ignored = 0;
	int err = 0;

	for (uint32_t i = 0; i < prog->n_packets && !err; i += KERNEL_STEP, n++)
		err = kernel_test_run(st, &prog->packets[i], KERNEL_REPEAT, &ignored, ns);
	*ns = *ns / n * prog->n_packets;
	return err;
}

int kernel_run_repeat(void *state, const struct bench_program *prog, uint32_t repeat,
		      uint32_t *result, double *ns)
{
	struct kernel_state *st = state;
	int err = 0;

	*ns = 0;
	*result = 0;
	if (prog->n_packets == 1)
		return kernel_test_run(st, prog->packets, repeat, result, ns);
	for (uint32_t i = 0; i < prog->n_packets && !err && !st->ran; i++)
		err = kernel_test_run(st, &prog->packets[i], 1, &st->result, ns);
	st->ran = true;
	*ns = 0;
	*result = st->result;
	return err ? err : kernel_sample(st, prog, ns);
}

const struct bench_engine bench_kernel = {"kernel", kernel_load, kernel_run_repeat};
