/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/shapes_impl.h - what shapes.c and shapes_idioms.c share: the function being written.
 *
 *     r10 -8 ...     variables that have no register, and one that takes what has nowhere to go
 *     ctx_slot       the context; in other functions the pointer that they were given
 *     pointer_slot   for spilled pointers
 *     key_slot
 *     scratch        SHAPE_SCRATCH bytes that always hold numbers
 */
#ifndef FUZZ_SHAPES_IMPL_H
#define FUZZ_SHAPES_IMPL_H

#include "base/util.h"
#include "shapes.h"

enum { SHAPE_VARS = 24, SHAPE_SCRATCH = 32, SHAPE_EXITS = 8, LOOP_JUMPS = 12 };
enum shape_func_kind { FUNC_SCALAR, FUNC_POINTER, FUNC_CALLBACK, FUNC_CTX, FUNC_MAIN };

struct shape_func {
	enum shape_func_kind kind;
	uint32_t call, again; /* instructions that name it; 0: none */
	uint32_t n_args, level;
};

struct shape_loop {
	uint32_t breaks[LOOP_JUMPS], n_breaks, conts[LOOP_JUMPS], n_conts, step;
	struct shape_loop *outer;
};

struct shape {
	struct programs_one *p;
	uint32_t type, limit, level, depth;
	uint32_t n_vars;
	uint8_t home[SHAPE_VARS + 1]; /* register; 0: the slot */
	bool locked[SHAPE_VARS + 1];  /* counts a loop */
	uint32_t ctx_reg;	      /* 0: only the slot */
	int32_t ctx_slot, pointer_slot, key_slot, scratch;
	bool leaf;
	bool has_ctx; /* ctx_slot is the context */
	bool given;   /* ctx_slot points to 32 bytes of the caller's */
	bool held, pointer_busy;
	struct shape_loop *loop;
	uint32_t exits[SHAPE_EXITS], n_exits;
	struct shape_func funcs[PROGRAMS_FUNCS];
	uint32_t n_funcs;
};
extern struct shape shape;

struct shape_statement {
	void (*make)(void);
	uint32_t weight;
};
extern const struct shape_statement shape_idioms[];
extern const uint32_t shape_n_idioms;

#define pick programs_pick

uint32_t shape_emit(uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm);
void shape_wide(uint32_t dst, uint32_t src, int32_t low, int32_t high);
void shape_here(uint32_t jump); /* it leads to what comes next */
uint32_t shape_goto(void);
void shape_call(int32_t helper);
void shape_number(uint32_t r);
uint8_t shape_size(uint32_t size);
uint32_t shape_var(void);
uint32_t shape_target(void);
uint32_t shape_read(uint32_t var, uint32_t temp);
void shape_copy(uint32_t var, uint32_t reg);
void shape_write(uint32_t var, uint32_t reg);
int32_t shape_slot(void);
void shape_temps(uint32_t *regs, uint32_t n); /* at most 6, in functions without calls 3 */
void shape_ctx(uint32_t reg);
uint32_t shape_condition(void);
void shape_swap(void);
void shape_simple(void);
void shape_block(uint32_t n);

#endif
