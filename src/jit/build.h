/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/build.h - what the files that make the first form of a function share.
 *
 * The program's registers, and the iterations left to may_goto, are variables; a block has the
 * values that they have at its end.
 */
#ifndef JIT_BUILD_H
#define JIT_BUILD_H

#include "jit/ir.h"
#include "jit/jit.h"

enum { VAR_FRAME = 10, VAR_MAY_GOTO, VAR_COUNT };

/* The whole program, before its functions are compiled. */
struct jit_flow {
	const struct jit_program *p;
	uint8_t *leader;   /* by instruction: a block begins here */
	uint32_t *subprog; /* by instruction that begins a function: which */
	uint16_t *live;	   /* by instruction that begins a block: registers that are read */
};

struct build {
	const struct jit_program *p;
	const struct jit_flow *flow;
	struct ir_func *f;
	struct visor_diag *diag;
	struct ir_block **block_of; /* by instruction of the function: of a leader */
	struct ir_node *run, *frame; /* the run; r10 */
	struct ir_node *left; /* main function: the tail calls that are left, its third argument */
	/* the block being filled, and its variables */
	struct ir_block *begun, *at;
	struct ir_node **var;
	uint32_t insn;
	int err;
};

/* flow.c */
int jit_flow_new(const struct jit_program *p, struct ir_func *f, struct jit_flow *flow);
/* Registers r1 to r5 that function s reads before it writes them. */
static inline uint16_t jit_flow_args(const struct jit_flow *flow, uint32_t s)
{
	return flow->live[flow->p->code->subprogs[s].start] & 0x3e;
}
/* How many of the arguments a helper takes. */
uint32_t jit_helper_args(const struct helper *desc);

/* build.c */
struct ir_node *build_node(struct build *b, enum ir_op op, uint32_t n_args);
struct ir_node *build_const(struct build *b, int64_t imm);
struct ir_node *build_sym(struct build *b, enum ir_sym sym, uint32_t index, const void *address);
struct ir_node *build_op(struct build *b, enum ir_op op, bool wide, struct ir_node *x,
			 struct ir_node *y);
struct ir_node *build_load(struct build *b, struct ir_node *address, int64_t off, uint8_t size);
/* Ends the block with a branch to two new ones. */
void build_branch(struct build *b, enum ir_cond cond, bool wide, struct ir_node *x,
		  struct ir_node *y, struct ir_block **yes, struct ir_block **no);
/* Ends the current block, if `to` is not its own, and goes on in the other one. */
void build_jump(struct build *b, struct ir_block *to);
void build_go_on(struct build *b, struct ir_block *in);

/* inline.c: true if the call of the helper was replaced by something better; r0 is set. */
bool inline_helper(struct build *b, uint32_t id);
/* A look-up whose place can be computed: the address of the value, with b->at where it is found
 * and *miss a block for where it is not; or NULL. */
struct ir_node *inline_lookup(struct build *b, struct ir_block **miss);

/* build.c: the function in f->subprog. */
int jit_build(const struct jit_flow *flow, struct ir_func *f, struct visor_diag *diag);

#endif
