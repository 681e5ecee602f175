/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/programs.h - programs at random that are sensible most of the time.
 *
 * The generator keeps a rough idea of what each register and slot holds and composes idioms with
 * it; now and then, more often in some programs than in others, it errs: a bound that is off by
 * one, a test that is missing, the wrong register. Mutation changes instructions of any program.
 *
 * Programs refer to the maps of PROGRAMS_WORLD by index, as BPF_PSEUDO_MAP_FD.
 */
#ifndef FUZZ_PROGRAMS_H
#define FUZZ_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "visor/uapi.h"

#define PROGRAMS_MAX   600
#define PROGRAMS_FUNCS 8

/* The maps, in the words of tests/verify/world.h. */
#define PROGRAMS_WORLD                      \
	"# types\n"                         \
	"# map: arr array 4 48 4\n"         \
	"# map: hash hash 8 32 16\n"        \
	"# map: pcpu percpu_array 4 16 2\n" \
	"# map: ring ringbuf 0 0 4096\n"    \
	"# map: progs prog_array 4 4 2\n"   \
	"# map: one array 4 64 1\n"         \
	"# map: lru lru_hash 4 24 8\n"      \
	"# map: locked array 4 32 1\n"      \
	"# field: locked 0 bpf_spin_lock\n" \
	"# field: locked 8 u64\n"

enum programs_map {
	PROGRAMS_ARRAY,
	PROGRAMS_HASH,
	PROGRAMS_PERCPU,
	PROGRAMS_RING,
	PROGRAMS_PROGS,
	PROGRAMS_ONE,
	PROGRAMS_LRU,
	PROGRAMS_LOCKED,
	PROGRAMS_MAPS
};

struct programs_opts {
	uint32_t prog_type;
	bool runnable;				   /* what this engine cannot run is left out */
	int32_t iter_new, iter_next, iter_destroy; /* kernel functions, or 0 */
};

struct programs_one {
	struct bpf_insn insns[PROGRAMS_MAX];
	uint32_t n;
};

void programs_seed(uint64_t seed);
uint32_t programs_pick(uint32_t n); /* below n */
uint64_t programs_number(void);	    /* near powers of two, masks, small ones, any */
void programs_generate(const struct programs_opts *opts, struct programs_one *p);
/* Changes up to a few instructions. */
void programs_mutate(struct programs_one *p, uint32_t n_maps);
/* Takes the instruction away, jumps over it shorten. */
void programs_remove(struct programs_one *p, uint32_t at);
/* Where functions begin, ascending, the first at 0; how many (at most PROGRAMS_FUNCS + 1: too
 * many). */
uint32_t programs_functions(const struct programs_one *p, uint32_t at[PROGRAMS_FUNCS + 1]);

#endif
