/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_visor.h - our engine's parts, for the benchmarks that make programs of their own. */
#ifndef BENCH_ENGINE_VISOR_H
#define BENCH_ENGINE_VISOR_H

#include "bench.h"
#include "vm/vm.h"

/* A program ready to run over the packets of a struct bench_program. */
struct visor_state {
	struct vm_prog *prog;
	struct visor_run *run;
	void **ctx; /* of each packet: a struct visor_packet */
};

/* The map, filled. */
int visor_map_make(const struct native_map *from, struct map **out, struct visor_diag *diag);

/* Verifies an XDP program that refers to at most this one map, as a load by root does. */
int visor_verify(const struct bench_code *code, const struct map *map, bool structure_only,
		 const struct verified **out, struct visor_diag *diag);

/* Unchecked; map: the one it refers to, or NULL. */
int visor_prog_make(const struct verified *code, struct map *map, const struct vm_host *host,
		    enum vm_exec exec, uint32_t id, struct vm_prog **out, struct visor_diag *diag);

/* Takes the program over. */
int visor_state_new(struct vm_prog *prog, const struct bench_program *bench, void **out);

/* bench_engine's `run` of a struct visor_state. */
int visor_run_repeat(void *state, const struct bench_program *prog, uint32_t repeat,
		     uint32_t *result, double *ns);

/* Leaves the reason in a note. */
int visor_note(int err, const struct visor_diag *diag, char *note, size_t size);

#endif
