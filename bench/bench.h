/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - what engines, programs and the measuring loop share.
 *
 * One thread. Programs and engine states live as long as the process; nothing is freed.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "programs/native_map.h"

/* What the programs `filter` and the engines of classic BPF look for. */
#define BENCH_FILTER "ip and udp"

struct bpf_insn; /* linux/bpf.h, or pcap's, which is another */

/* Instructions of one section of an object file, as they are in the file. */
struct bench_code {
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t map_refs[8]; /* the LDDWs that refer to the program's one map */
	uint32_t n_map_refs;
};

struct bench_packet {
	uint8_t *data;
	uint32_t size;
};

struct bench_program {
	const char *name, *what;
	uint32_t input_size; /* bytes that every packet has at least */
	struct bench_packet *packets;
	uint32_t n_packets; /* a run is a pass over all of them */
	uint32_t (*native)(uint8_t *in, uint32_t size);
	struct native_map *map; /* filled; NULL: the program has none */
	/* Makes the code; NULL: it is in the objects. */
	int (*generate)(const struct bench_program *prog, bool raw, struct bench_code *out);
	char object[640];     /* SEC("xdp"), -mcpu=v3 */
	char raw_object[640]; /* SEC("raw"), -mcpu=v2 */
	/* What a run returns, summed over the packets; not known: what the first engine returns. */
	bool known;
	uint32_t want;
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

extern const struct bench_engine bench_native, bench_kernel, bench_visor, bench_visor_native,
	bench_visor_checked, bench_dpdk, bench_dpdk_jit, bench_dpdk_filter, bench_pcap;
/* A run is a load of the program, with what that entails. */
extern const struct bench_engine bench_dpdk_compile;
/* Loads n instances, to be there until the process ends. */
int bench_dpdk_keep(const struct bench_program *prog, uint32_t n, char *note, size_t size);

/* ---- measuring --------------------------------------------------------------------------- */

struct bench_suite {
	const char *name; /* of the executable, for messages */
	struct bench_program *progs;
	size_t n_progs;
	const struct bench_engine *const *engines;
	size_t n_engines;
	/* Completes a program that is wanted; dir: where the objects are. */
	int (*init)(struct bench_program *prog, const char *dir);
};

/* The command line `[-r ROUNDS] [-m MS] [-e ENGINE]... [PROGRAM]...`; returns the exit status. */
int bench_main(int argc, char **argv, const struct bench_suite *suite);

/* Where this executable and the objects are, or NULL. */
const char *bench_own_folder(void);

/* Nanoseconds of CPU time of this thread: what other processes take does not count. */
double bench_now(void);

/* ---- code, maps, inputs ------------------------------------------------------------------ */

/* The instructions of the program: for XDP, or raw. 0 or a negative errno. */
int bench_code_get(const struct bench_program *prog, bool raw, struct bench_code *out);

/* Calls set for every entry that the program's map shall have. */
int bench_map_fill(const struct native_map *map,
		   int (*set)(void *to, const void *key, const void *value), void *to);

/* The program of that row of programs.def; -ENOENT, -ENOMEM. */
int bench_program_init(struct bench_program *prog, const char *dir);

/* A fixed scrambling of a counter: the same inputs on every machine. */
uint64_t bench_scramble(uint64_t i);

#endif
