/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/stitch.h - a module's program, rewritten to count its verdicts and to go on.
 *
 * Works on the attributes of BPF_PROG_LOAD, after relocation, and yields standard eBPF
 * that either engine verifies:
 *
 *      prologue      keeps the context pointer: in a callee-saved register that the main
 *                    program does not use, otherwise in spare stack
 *      main          unchanged, but each `exit` is a jump to the epilogue
 *      epilogue      counts; goes where the output is linked, or returns the verdict
 *      subprograms   unchanged
 *
 * Since one instruction replaces one, no jump within main or within a subprogram changes;
 * only references across the epilogue move.
 *
 * Pure: the same input gives the same output. The caller frees the result.
 */
#ifndef CHAIN_STITCH_H
#define CHAIN_STITCH_H

#include "base/diag.h"
#include "chain/hook.h"

enum stitch_to {
	STITCH_RETURN, /* a verdict: return it; a named output: drop */
	STITCH_SLOT,   /* tail call slot `index` */
	STITCH_PORT,   /* redirect to interface `index` */
};

/* One output of the program. */
struct stitch_output {
	uint32_t value; /* what the program returns */
	uint32_t row;	/* of the input's rows */
	enum stitch_to to;
	uint32_t index;
};

struct stitch {
	const struct hook *hook;
	/* The outputs that are linked, the likeliest first, and all named ones. Other verdicts
	 * are returned, and counted in rows 0..hook->n - 1. */
	const struct stitch_output *outputs;
	uint32_t n_outputs;
	uint32_t row_other, row_missed, row_time;
	bool timed;	 /* packets that the entry program has stamped are timed */
	int slots_fd;	 /* program array */
	int counters_fd; /* see counters.h */
	uint32_t base;	 /* of the input's rows, in bytes from the CPU's */
	uint32_t stride; /* bytes of a CPU, a power of two */
	uint32_t n_cpus; /* a power of two */
};

/* Result: what replaces the attributes' pointers and counts. */
struct stitched {
	struct bpf_insn *insns;
	uint32_t n_insns;
	void *func_info, *line_info; /* NULL if there was none */
};

/* -EINVAL, -E2BIG, -EOPNOTSUPP with diag (place: the instruction, where it is one). */
int stitch_program(const struct stitch *how, const union bpf_attr *attr, struct stitched *out,
		   struct visor_diag *diag);
/*
 * The entry program of a port, which never changes while the slot it calls does: counts the packet
 * in how->base's row 0, and calls slot `slot`; with nothing there counts it in row 1, too, and
 * drops it. Returns the number of instructions.
 */
#define STITCH_ENTRY_INSNS 96
uint32_t stitch_entry(const struct stitch *how, uint32_t slot,
		      struct bpf_insn out[STITCH_ENTRY_INSNS]);
/* A program that sends every packet out of an interface. */
#define STITCH_FORWARD_INSNS 4
uint32_t stitch_forward(uint32_t ifindex, struct bpf_insn out[STITCH_FORWARD_INSNS]);

/* Points the attributes at the result, which stays owned by `st`. */
void stitched_apply(const struct stitched *st, union bpf_attr *attr);
void stitched_free(struct stitched *st);

#endif
