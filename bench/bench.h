/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - what the engines of the `interp` benchmark share.
 *
 * One thread. Programs and engine states live as long as the process; nothing is freed.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#include "programs/native_map.h"

/* Instructions of one section of an object file, as they are in the file. */
struct bench_code {
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t map_refs[8]; /* the LDDWs that refer to the program's one map */
	uint32_t n_map_refs;
};

struct bench_program {
	const char *name, *what;
	uint32_t input_size;
	uint8_t *input;
	uint32_t (*native)(uint8_t *in);
	struct native_map *map; /* filled; NULL: the program has none */
	char object[640];	/* SEC("xdp"), -mcpu=v3 */
	char raw_object[640];	/* SEC("raw"), -mcpu=v2 */
};

struct bench_engine {
	const char *name;
	/* Prepares the program; 0, or a negative errno with the reason in note. A note with
	 * success is a remark. */
	int (*load)(const struct bench_program *prog, void **state, char *note, size_t size);
	/* Runs `repeat` times; *ns is the mean time of one run. */
	int (*run)(void *state, const struct bench_program *prog, uint32_t repeat, uint32_t *result,
		   double *ns);
};

extern const struct bench_engine bench_native, bench_kernel, bench_dpdk, bench_visor,
	bench_visor_checked;

/* Reads the section's instructions; 0 or a negative errno. */
int bench_code_read(const char *path, const char *section, struct bench_code *out);

/* Calls set for every entry that the program's map shall have. */
int bench_map_fill(const struct native_map *map,
		   int (*set)(void *to, const void *key, const void *value), void *to);

/* Nanoseconds of CPU time of this thread: what other processes take does not count. */
double bench_now(void);

#endif
