/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/blind.c - numbers that a program chooses do not appear in its code.
 *
 * Whoever can say which bytes lie in executable memory needs only one way to jump into the middle
 * of them. So a number that is more than a byte is made of two that nobody can foresee, a ^ b,
 * when the program runs. This comes last, after all that could put the two together again; what
 * can be an immediate after it is a byte, or random.
 */
#include <sys/random.h>

#include "jit/pass.h"
#include "jit/target.h"

struct blind {
	struct ir_func *f;
	uint64_t random[32];
	uint32_t left; /* of them */
};

static uint64_t blind_random(struct blind *b)
{
	if (!b->left) {
		/* Up to 256 bytes come whole or not at all. */
		if (getrandom(b->random, sizeof(b->random), 0) != sizeof(b->random)) {
			b->f->failed = true;
			return 0;
		}
		b->left = ARRAY_SIZE(b->random);
	}
	return b->random[--b->left];
}

static bool blind_harmless(int64_t v)
{
	return v == (int8_t)v;
}

/* Displacements of accesses have 16 bits in the program's instructions; what folding made of them
 * may have more. */
static bool blind_near(int64_t v)
{
	return v == (int16_t)v;
}

static struct ir_node *blind_node(struct blind *b, enum ir_op op, uint32_t n_args,
				  struct ir_node *at)
{
	struct ir_node *n = ir_new(b->f, op, n_args);

	n->insn = at->insn;
	n->uses = 1;
	ir_insert_before(at, n);
	return n;
}

static struct ir_node *blind_number(struct blind *b, int64_t imm, struct ir_node *at)
{
	struct ir_node *n = blind_node(b, IR_CONST, 0, at);

	n->imm = imm;
	n->bits = jit_bits((uint64_t)imm);
	return n;
}

static struct ir_node *blind_pair(struct blind *b, enum ir_op op, struct ir_node *x,
				  struct ir_node *y, struct ir_node *at)
{
	struct ir_node *n = blind_node(b, op, 2, at);

	n->arg[0] = x;
	n->arg[1] = y;
	return n;
}

/* The number, computed in front of `at`. */
static struct ir_node *blind_make(struct blind *b, int64_t imm, struct ir_node *at)
{
	uint64_t key = blind_random(b);
	struct ir_node *n, *x;
	bool wide = jit_bits((uint64_t)imm) > 32;

	/* Halves of 32 bits where that is enough: they are immediates on some machines. */
	if (!wide)
		key = (uint32_t)key;
	else if (imm == (int32_t)imm)
		key = (uint64_t)(int64_t)(int32_t)key;
	x = blind_number(b, (int64_t)((uint64_t)imm ^ key), at);
	n = blind_pair(b, IR_XOR, x, blind_number(b, (int64_t)key, at), at);
	n->wide = wide;
	n->bits = jit_bits((uint64_t)imm);
	return n;
}

/* An address in the memory of a map: where in it is the program's choice. */
static struct ir_node *blind_values(struct blind *b, const struct ir_node *c, struct ir_node *at)
{
	int64_t key = (int64_t)(blind_random(b) >> 33);
	struct ir_node *x = blind_number(b, c->imm - key, at);

	x->sym = c->sym;
	x->index = c->index;
	x->bits = 64;
	return blind_pair(b, IR_ADD, x, blind_number(b, key, at), at);
}

static struct ir_node *blind_frame(struct blind *b, const struct ir_node *frame, struct ir_node *at)
{
	struct ir_node *x = blind_node(b, IR_FRAME, 0, at);

	return blind_pair(b, IR_ADD, x, blind_make(b, frame->imm, at), at);
}

/* What stands for the argument in n, whose value is needed at `at`. */
static struct ir_node *blind_argument(struct blind *b, struct ir_node *a, struct ir_node *at)
{
	if (a->op == IR_FRAME && !blind_near(a->imm))
		return blind_frame(b, a, at);
	if (a->op == IR_CONST && a->sym == SYM_VALUES)
		return blind_values(b, a, at);
	if (!ir_is_const(a) || blind_harmless(a->imm))
		return a;
	return blind_make(b, a->imm, at);
}

/* The displacement of an access, or what a switch begins with, leaves the instruction. */
static void blind_displacement(struct blind *b, struct ir_node *n)
{
	int64_t off = n->op == IR_SWITCH ? -n->imm : n->imm;

	if (n->op != IR_SWITCH && !jit_is_access(n))
		return;
	if (n->op == IR_SWITCH ? blind_harmless(off) : blind_near(off))
		return;
	n->arg[0] = blind_pair(b, IR_ADD, n->arg[0], blind_make(b, off, n), n);
	n->imm = 0;
}

static bool is_shift(const struct ir_node *n)
{
	return n->op == IR_SHL || n->op == IR_SHR || n->op == IR_SAR || n->op == IR_ROL;
}

void jit_blind(struct ir_func *f)
{
	struct blind b = {.f = f};
	struct ir_node *n;

	for (uint32_t i = 0; i < f->n_order; i++)
		for (n = f->order[i]->first; n && !f->failed; n = n->next) {
			for (uint32_t k = 0; k < n->n_args && n->op != IR_PHI; k++)
				/* Of the amount of a shift, six bits are left. */
				if (!is_shift(n) || k != 1 || !ir_is_const(n->arg[1]))
					n->arg[k] = blind_argument(&b, n->arg[k], n);
			blind_displacement(&b, n);
		}
	/* What they need at the ends of blocks is new, and must not be met by the above. */
	for (uint32_t i = 0; i < f->n_order; i++)
		for (n = f->order[i]->first; n && n->op == IR_PHI && !f->failed; n = n->next)
			for (uint32_t k = 0; k < n->n_args; k++)
				n->arg[k] = blind_argument(&b, n->arg[k], n->block->preds[k]->last);
}
