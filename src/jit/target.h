/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/target.h - what a machine is to the passes that are not about one machine.
 *
 * jit_select() decides which nodes become part of those that use them (`folded`) and how the rest
 * is emitted (`how`). From then on the register operands of a node are those of its arguments
 * that are not folded, and the register operands of those that are. rules() says what a node
 * does to registers besides its operands and its result.
 */
#ifndef JIT_TARGET_H
#define JIT_TARGET_H

#include "jit/ir.h"
#include "jit/jit.h"

#define JIT_MAX_OPERANDS 16

/* Sets of registers, one bit each. */
struct jit_rules {
	uint32_t clobbers; /* lost to what lives across the node */
	uint32_t late;	   /* operands must not be in these: they are read after these changed */
	uint32_t late_but; /* operand (bit) that this does not apply to */
	uint32_t not_result; /* the result must not be in these */
	bool early;	   /* the result is written before the operands were read */
	int8_t result;	   /* register that the result comes in, or -1 */
	int8_t wish[7];	   /* per argument (not operand) of the node, or -1 */
};

struct jit_emitter;
struct jit_move;

struct jit_target {
	uint32_t registers; /* that values can be in */
	uint32_t scratch;   /* not those, in functions in which some value is in memory */
	uint32_t saved;	    /* a C function gives them back as it got them */
	uint8_t order[32];  /* of preference; n_order of them */
	uint32_t n_order;
	bool indexed;	 /* loads add two registers and a number */
	uint8_t args[6]; /* registers of arguments; the last one is the run's */
	/* The k-th argument of n, a number, needs no register. */
	bool (*imm_fits)(const struct ir_node *n, uint32_t k);
	/* Folds arguments of n into it. What uses n was selected before. */
	void (*select)(struct ir_node *n, const struct jit_program *p);
	void (*rules)(const struct ir_node *n, const struct jit_program *p, struct jit_rules *out);
	/* Sets e->frame for a function whose values need so many bytes of it. */
	void (*frame)(struct jit_emitter *e, uint32_t slots);
	/* Emits the main function in e->f, which was just emitted, as a loop over contexts (jit.h), and
	 * says so in e->out. False: out of memory. NULL: there is no such loop. */
	bool (*batch)(struct jit_emitter *e, uint32_t slots);
	/* The first block begins with what the function begins with. */
	void (*block)(struct jit_emitter *e, struct ir_block *b);
	/* One of several moves (below), and the exchange of two registers. */
	void (*move)(struct jit_emitter *e, const struct jit_move *m);
	void (*swap)(struct jit_emitter *e, int32_t a, int32_t b);
	/* Sets a distance, which counts from the end of the field. */
	void (*fixup)(uint8_t *field, uint32_t size, int64_t distance);
	/* Sets an address, or the distance to it, in a field that will be at `at`. False: it is too
	 * far. */
	bool (*relocate)(uint8_t *field, uint8_t form, int64_t value, uint64_t at);
	uint8_t form_size[JIT_FORMS]; /* bytes of such a field; 0: there is none */
};

extern const struct jit_target jit_x86, jit_arm64;

static inline bool jit_is_access(const struct ir_node *n)
{
	return n->op == IR_LOAD || n->op == IR_STORE || n->op == IR_ATOMIC;
}
/* select.c */
void jit_select(struct ir_func *f, const struct jit_target *t, const struct jit_program *p);

/* operands.c: the register operands; returns how many. */
uint32_t jit_operands(struct ir_node *n, struct ir_node **out);

/* live.c: live_in of each block, and for each node which operands end there; weights. */
bool jit_live(struct ir_func *f, const struct jit_target *t, const struct jit_program *p);
/* alloc.c: a register or a slot of the frame for each value. `spills`: some are in memory.
 * f->order must be as emitted. Returns bytes of frame for slots. */
bool jit_allocate(struct ir_func *f, const struct jit_target *t, const struct jit_program *p,
		  bool *spills, uint32_t *frame);

/* ---- emitting (emit.c) --------------------------------------------------------------------- */

/* Where a value is or goes: a register, a slot of the frame, or something computed in place. */
struct jit_place {
	enum { PLACE_REG, PLACE_SLOT, PLACE_NODE } kind;
	int32_t at; /* register, or offset in the frame */
	struct ir_node *node; /* PLACE_NODE: a folded constant, frame address, address */
};

/* A distance to be set when all is placed. */
struct jit_fixup {
	uint32_t at, size; /* of the field; distances count from its end */
	struct ir_block *to;
	bool table; /* to the table of the block's switch */
};

/* A main function that is emitted as a loop over contexts: where it keeps what it remembers. */
struct jit_batch {
	struct jit_place at, contexts, results, run;
	uint32_t taken; /* set of registers that these are in */
	bool calls;	/* the function calls something: the run counts */
	uint32_t again, end; /* places in the code */
};

struct jit_emitter {
	const struct jit_program *p;
	const struct jit_target *target;
	struct jit_arena *arena;    /* of the result */
	struct jit_arena *ir, *temp; /* of a function, and of a stage */
	struct jit_code *out;
	uint8_t *bytes;
	uint32_t size, max;
	uint32_t max_relocs, max_lines;
	struct ir_func *f;
	bool spills;
	uint32_t frame; /* bytes below the return address and saved registers */
	uint32_t saved; /* set of registers that the function gives back */
	struct jit_batch *batch; /* or NULL */
	uint32_t round; /* 0: distances are not known yet; 1: they are at most those of round 0 */
	uint32_t index; /* in f->order, of the block being emitted */
	uint32_t shrunk; /* by so much the block is nearer to the beginning than in round 0 */
	struct jit_fixup *fixups;
	uint32_t n_fixups, max_fixups;
	bool failed;
};

/* Emits the function in e->f. */
bool jit_emit(struct jit_emitter *e);
/* The block that begins where the current one ends. */
bool jit_is_next(const struct jit_emitter *e, const struct ir_block *to);
/* A jump of `size` bytes from here reaches the block with a distance of at most `limit`. */
bool jit_jump_near(const struct jit_emitter *e, const struct ir_block *to, uint32_t size,
		   int64_t limit);
/* The field of `size` bytes that comes next is the distance to the block. */
void jit_fixup(struct jit_emitter *e, struct ir_block *to, uint32_t size);
void jit_fixup_table(struct jit_emitter *e, struct ir_block *block);

void jit_put(struct jit_emitter *e, const void *bytes, uint32_t n);
static inline void jit_put8(struct jit_emitter *e, uint8_t v)
{
	if (e->size < e->max)
		e->bytes[e->size++] = v;
	else
		jit_put(e, &v, 1);
}
void jit_put32(struct jit_emitter *e, uint32_t v);
void jit_put64(struct jit_emitter *e, uint64_t v);
void jit_reloc(struct jit_emitter *e, enum ir_sym sym, uint32_t index, uint8_t form,
	       int64_t addend);
void jit_line(struct jit_emitter *e, uint32_t insn);

/* ---- moves that happen at once --------------------------------------------------------------- */

struct jit_move {
	struct jit_place from, to;
};

struct jit_place jit_place_of(struct ir_node *n);
/* Orders the moves so that nothing is overwritten that is still needed. */
void jit_moves(struct jit_emitter *e, struct jit_move *moves, uint32_t n);
/* The moves at the end of block b, into the phis of its only successor. */
uint32_t jit_phi_moves(struct jit_emitter *e, struct ir_block *b, struct jit_move **out);
/* The function's parameters, from where they come in to where they are wanted. */
void jit_params(struct jit_emitter *e, struct ir_block *first);
/* Arguments of a call from n->arg[first] on, and the run in the sixth place; the function in
 * `reg`, unless it is NULL or needs no register. */
void jit_arguments(struct jit_emitter *e, struct ir_node *n, uint32_t first, struct ir_node *run,
		   int reg, struct ir_node *function);

#endif
