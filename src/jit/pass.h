/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/pass.h - the passes between building and emitting. Each leaves a valid function behind,
 * or sets f->failed; each needs ir_order() if it says that it changed the graph.
 */
#ifndef JIT_PASS_H
#define JIT_PASS_H

#include <stdio.h>

#include "jit/ir.h"
#include "jit/jit.h"

/* phi.c: drops phis that have one value. */
void jit_phis(struct ir_func *f);
/* simplify.c: folds, narrows, shares equal values. Branches that are decided become jumps:
 * true if so, and the graph has to be ordered again. */
bool jit_simplify(struct ir_func *f, const struct jit_program *p);
/* promote.c: stack slots become values. False if there were none. */
bool jit_promote(struct ir_func *f);
/* switch.c: trees of comparisons become tables. True if the graph changed. */
bool jit_switch(struct ir_func *f);

/* join.c: loads side by side become one. True if there were such. */
bool jit_join(struct ir_func *f);

/* count.c: loops that count bits. True if the graph may have changed. */
bool jit_count(struct ir_func *f);

/* idiom.c: loops that copy, add up or search. True if the graph changed. */
bool jit_idioms(struct ir_func *f, const struct jit_program *p);

/* returns.c: returns where the jumps to them are. True if the graph changed. */
bool jit_returns(struct ir_func *f);

/* blind.c: numbers that are more than a byte are computed from random ones. The last pass. */
void jit_blind(struct ir_func *f);

/* dump.c */
void jit_dump(FILE *to, const struct ir_func *f, const char *stage);

/* What a number fits into: the least n so that v < 2^n. */
static inline uint8_t jit_bits(uint64_t v)
{
	return v ? (uint8_t)(64 - __builtin_clzll(v)) : 0;
}

static inline uint64_t jit_mask(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

#endif
