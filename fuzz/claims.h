/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/claims.h - what the states of a verification say, against what a run sees.
 *
 * A record is all that one state says of the registers and the stack of every function that is
 * being executed: types and ranges of registers, of spilled registers of any width, bytes that are
 * zero, which numbers are equal or differ by a constant, which pointers are NULL together. Before
 * an instruction is executed, one of its records has to hold as a whole.
 *
 * The verification must be one in which nothing is left out (image.all_precise).
 */
#ifndef FUZZ_CLAIMS_H
#define FUZZ_CLAIMS_H

#include "programs.h"
#include "verify/state.h"
#include "vm/vm.h"

struct claims_stats {
	unsigned long compared; /* steps of which a record held */
	unsigned long values;	/* registers, spills and zero bytes in those records */
	unsigned long skipped;	/* steps of instructions with too many unlike records */
	unsigned long unknown;	/* values of kinds that are not compared */
};
extern struct claims_stats claims_stats;

/* Before a verification; maps by the id of their description, less one. */
void claims_reset(uint32_t n_insns, struct map *const *maps);
/* The image's observe. -E2BIG: too many states. */
int claims_observe(void *user, const struct state *state, uint32_t insn);
/* Nothing is claimed. */
void claims_open(uint32_t n_insns);
/* Does a record hold? */
bool claims_hold(const struct visor_run *run, uint32_t insn, const uint64_t *r);
/* Why the records of that instruction do not, for people. */
void claims_print(const struct visor_run *run, uint32_t insn, const uint64_t *r);
void claims_free(void);

#endif
