/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/ir.h - the program while it is being compiled: a control flow graph of blocks, each a
 * list of nodes in static single assignment form. One function of the program at a time.
 *
 *   block ── first ⇄ ... ⇄ last     phis first, one END node last
 *     succ[], preds[]               the k-th argument of a phi belongs to preds[k]
 *
 * Everything is allocated from one arena and freed with it; pointers stay valid. A node that
 * was found equal to another one points to it with `same`: ir_same() gives the one that
 * counts, ir_resolve() rewrites all arguments. Block 0 is the entry and has no predecessors.
 */
#ifndef JIT_IR_H
#define JIT_IR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

enum ir_op {
#define IR(name, text, flags) IR_##name,
#include "jit/ir.def"
#undef IR
	IR_COUNT
};

enum ir_flag {
	IR_IS_PURE = 1,
	IR_IS_COMM = 2,
	IR_IS_READ = 4,
	IR_IS_WRITE = 8,
	IR_IS_CALL = 16,
	IR_IS_END = 32,
};

extern const uint8_t ir_flags[IR_COUNT];
extern const char *const ir_names[IR_COUNT];

/* The order matters: each condition and its opposite are neighbours. */
enum ir_cond { C_EQ, C_NE, C_LT, C_GE, C_LE, C_GT, C_SLT, C_SGE, C_SLE, C_SGT, C_SET, C_CLEAR, C_COUNT };

static inline enum ir_cond ir_cond_not(enum ir_cond c)
{
	return (enum ir_cond)(c ^ 1);
}

enum ir_atomic { A_ADD, A_OR, A_AND, A_XOR, A_XCHG, A_CMPXCHG };

/* What a constant is: a number, or an address that only this process knows. */
enum ir_sym {
	SYM_NONE,
	SYM_HELPER, /* index: helper id */
	SYM_MAP,    /* index: of the map; the handle */
	SYM_VALUES, /* index: of the map; the imm is an address in its memory */
	SYM_LOOKUP, /* index: of the map; its look-up function */
	SYM_CODE,   /* index: function of the program; filled in when the code is placed */
	SYM_TAIL,   /* index: of the map; a slot of it */
	SYM_FOUND,  /* index: of the map; what is remembered of a slot */
	SYM_ENV,    /* index: enum jit_symbol (jit.h) */
};

struct ir_block;

struct ir_node {
	uint8_t op;
	bool wide;
	uint8_t size; /* bytes: memory, ZEXT, SEXT, BSWAP */
	uint8_t cond; /* enum ir_cond, enum ir_atomic */
	uint8_t sym;
	uint8_t bits; /* the value is below 2^bits */
	bool sign;    /* LOAD: extends the sign, to 64 bits */
	bool ordered; /* LOAD: acquire; STORE: release */
	bool fetch;   /* ATOMIC: has a result */
	bool shared;  /* memory that others may change at any time */
	bool folded;  /* target: part of the nodes that use it */
	uint8_t how;  /* target: how it is emitted */
	int8_t reg;    /* alloc.c: or -1 */
	int8_t wish;   /* a register that would save a move, or -1 */
	uint16_t dies; /* bit k: this is the end of its k-th register operand (live.c) */
	bool memory;   /* live.c: it never gets a register */
	bool spilled;  /* alloc.c */
	uint32_t index;
	uint32_t id;   /* dense, for side tables */
	uint32_t insn; /* where it comes from */
	uint32_t uses;
	uint32_t n_args, max_args;
	/* One after the other: for select.c, from live.c on. */
	union {
		uint32_t epoch;	    /* how many writes are in front of it in its block */
		uint32_t forbidden; /* set of registers that it cannot live in */
	};
	union {
		uint32_t accesses; /* of its block, that it is the address of */
		uint32_t weight;   /* of its uses, by loop depth */
	};
	int32_t slot; /* of the native frame, or -1 */
	struct ir_node **arg;
	struct ir_node *in[3];
	struct ir_node *prev, *next;
	struct ir_block *block;
	/* One after the other: for passes, select.c and alloc.c. */
	union {
		struct ir_node *same;
		struct ir_node *copy; /* constants: the register that holds it */
		struct ir_node *web;  /* union of phis and their arguments */
	};
	int64_t imm;
};

/* Two cache lines: of a long function, compilation is mostly waiting for memory. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct ir_node) == 128, "the size of nodes");

struct ir_block {
	uint32_t id;
	struct ir_node *first, *last;
	struct ir_block **succ, **preds;
	struct ir_block *succ2[2];
	uint32_t n_succ, n_preds, max_preds;
	uint32_t pred_hint; /* near where it is among the predecessors of some successor */
	uint32_t *table; /* SWITCH: indices of succ */
	uint32_t n_table;
	uint32_t order; /* position in reverse postorder, from 1; 0: unreachable */
	struct ir_block *idom;
	uint32_t dom_in, dom_out; /* a dominates b: a.dom_in <= b.dom_in < a.dom_out */
	struct ir_block *dom_child, *dom_next;
	struct ir_block *loop; /* header of the innermost loop it is in, or NULL */
	struct ir_block *outer; /* headers: the header of the loop around, or NULL */
	uint32_t depth;
	/* liveness */
	struct ir_node **live_in;
	uint32_t n_live_in, max_live_in, stamp;
	uint32_t wanted; /* headers: registers of the phis of the loop and those around (alloc.c) */
	/* placement */
	uint32_t at;		/* offset of its code; until it is emitted again, in the last round */
	uint32_t table_at;	/* of the table of its switch */
	struct ir_block *placed; /* where a jump to it really goes */
};

struct ir_func {
	struct jit_arena *arena;
	struct jit_arena *temp; /* what no stage after the present one needs */
	struct ir_block **blocks;
	uint32_t n_blocks, max_blocks;
	struct ir_block **order; /* reverse postorder */
	uint32_t n_order;
	uint32_t n_nodes;
	uint32_t subprog;
	uint32_t stack;	    /* bytes below r10 that are in memory */
	bool zero_stack;    /* they are read before they are written */
	bool calls;	    /* something */
	bool aligned;	    /* something that finds an aligned stack */
	bool failed;	    /* out of memory */
};

/* ---- memory: freed all at once ---------------------------------------------------------- */

struct jit_arena *jit_arena_new(void);
void jit_arena_free(struct jit_arena *a);
/* Forgets all that was allocated, and keeps the memory. */
void jit_arena_reset(struct jit_arena *a);
/* Zeroed, or NULL. */
void *jit_alloc(struct jit_arena *a, size_t size);

/* ---- making ------------------------------------------------------------------------------ */

/* On failure these set f->failed and return something harmless: to be looked at after a pass. */
struct ir_block *ir_block_new(struct ir_func *f);
struct ir_node *ir_new(struct ir_func *f, enum ir_op op, uint32_t n_args);
void ir_append(struct ir_block *b, struct ir_node *n);
void ir_insert_before(struct ir_node *at, struct ir_node *n);
void ir_insert_first(struct ir_block *b, struct ir_node *n); /* in front of all, phis too */
void ir_remove(struct ir_node *n);
void ir_edge(struct ir_func *f, struct ir_block *from, struct ir_block *to);
/* Removes the k-th predecessor and the arguments of phis that belong to it. */
void ir_pred_remove(struct ir_block *b, uint32_t k);
/* Index of `from` among the predecessors of b; the first one, if there are two. */
uint32_t ir_pred_index(const struct ir_block *b, struct ir_block *from);
/* `with` takes the place of `from` among the predecessors of b. */
void ir_pred_replace(struct ir_block *b, struct ir_block *from, struct ir_block *with);
/* Replaces the k-th successor, and `b` among the predecessors of the old one. Phis of the new
 * one get an argument each, NULL. */
void ir_succ_replace(struct ir_func *f, struct ir_block *b, uint32_t k, struct ir_block *to);
/* Puts an empty block on an edge. */
struct ir_block *ir_edge_split(struct ir_func *f, struct ir_block *b, uint32_t k);

static inline struct ir_node *ir_same(struct ir_node *n)
{
	while (n->same) {
		if (n->same->same) /* the next one has half as far */
			n->same = n->same->same;
		n = n->same;
	}
	return n;
}

static inline bool ir_is_const(const struct ir_node *n)
{
	return n->op == IR_CONST && n->sym == SYM_NONE;
}

static inline bool ir_has_result(const struct ir_node *n)
{
	switch (n->op) {
	case IR_STORE:
	case IR_TAIL:
	case IR_JUMP:
	case IR_BRANCH:
	case IR_SWITCH:
	case IR_RETURN:
		return false;
	case IR_ATOMIC:
		return n->fetch;
	default:
		return true;
	}
}

/* ---- passes over all -------------------------------------------------------------------- */

/* Rewrites arguments to what they are the same as, drops replaced nodes, counts uses, removes
 * what has none and no effect. */
void ir_resolve(struct ir_func *f);
/* Orders blocks (loops together, exits of loops behind them), removes unreachable ones, finds
 * dominators and loops (cfg.c). */
void ir_order(struct ir_func *f);
static inline bool ir_dominates(const struct ir_block *a, const struct ir_block *b)
{
	return a->dom_in <= b->dom_in && b->dom_in < a->dom_out;
}

#endif
