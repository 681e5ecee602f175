/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/promote.c - stack slots whose address nobody takes become values.
 *
 * A slot is a pair of offset and size that all accesses to its bytes agree on. The others stay
 * in memory, and so does everything that a pointer may reach: a helper that gets one may go
 * upwards from it, a function of the program anywhere.
 */
#include <string.h>

#include "jit/pass.h"

#define PROMOTE_STACK 512
#define PROMOTE_SLOTS 64

struct slot {
	int32_t off;
	uint8_t size;
};

struct promote {
	struct ir_func *f;
	struct slot slots[PROMOTE_SLOTS];
	uint32_t n_slots;
	uint8_t at[PROMOTE_STACK]; /* by byte, -off - 1: slot + 1; 0: none; 255: stays memory */
	uint64_t *live;		   /* by block id: slots that are read from its beginning on */
	uint64_t *stores;	   /* by block id: slots that are written */
	struct ir_node ***var;	   /* by block id: values of the slots at its end */
};

#define SLOT_MEMORY 255

static void promote_keep(struct promote *p, int64_t from, int64_t to)
{
	for (int64_t off = MAX(from, (int64_t)-PROMOTE_STACK); off < MIN(to, (int64_t)0); off++)
		p->at[-off - 1] = SLOT_MEMORY;
}

/* Where a load or store of the stack goes; false: it is none. */
static bool promote_access(const struct ir_node *n, int64_t *off)
{
	if ((n->op != IR_LOAD && n->op != IR_STORE) || n->arg[0]->op != IR_FRAME)
		return false;
	*off = n->arg[0]->imm + n->imm;
	return true;
}

static void promote_note(struct promote *p, const struct ir_node *n, int64_t off)
{
	bool fits = off >= -PROMOTE_STACK && off + n->size <= 0 && !n->ordered;
	uint8_t at = fits ? p->at[-off - 1] : SLOT_MEMORY;

	for (int64_t i = off; fits && i < off + n->size; i++)
		fits = p->at[-i - 1] == at;
	if (fits && at && at != SLOT_MEMORY)
		fits = p->slots[at - 1].off == off && p->slots[at - 1].size == n->size;
	if (fits && !at && p->n_slots < PROMOTE_SLOTS) {
		p->slots[p->n_slots++] = (struct slot){(int32_t)off, n->size};
		memset(&p->at[-off - n->size], (int)p->n_slots, n->size);
	} else if (!fits || !at) {
		/* Slots that overlap stay where they are, whole. */
		for (int64_t i = MAX(off, (int64_t)-PROMOTE_STACK); i < MIN(off + n->size, (int64_t)0); i++) {
			at = p->at[-i - 1];
			if (at && at != SLOT_MEMORY)
				promote_keep(p, p->slots[at - 1].off,
					     p->slots[at - 1].off + p->slots[at - 1].size);
		}
		promote_keep(p, off, off + n->size);
	}
}

/* Bytes of the stack that a call may reach through its k-th argument. */
static void promote_escape(struct promote *p, const struct ir_node *n, const struct ir_node *frame)
{
	const struct helper *desc = NULL;
	bool upwards = false;

	if (n->op == IR_CALL && n->arg[0]->op == IR_CONST && n->arg[0]->sym == SYM_HELPER)
		desc = catalog_helper(n->arg[0]->index);
	if (n->op == IR_CALL && n->arg[0]->op == IR_CONST && n->arg[0]->sym == SYM_LOOKUP)
		upwards = true;
	for (int a = 0; desc && a < 5; a++) {
		upwards = true;
		if (desc->args[a] == ARG_FUNC) {
			upwards = false;
			break;
		}
	}
	promote_keep(p, upwards ? frame->imm : -PROMOTE_STACK, 0);
}

static bool promote_find(struct promote *p)
{
	int64_t off;

	for (uint32_t i = 0; i < p->f->n_order; i++)
		for (struct ir_node *n = p->f->order[i]->first; n; n = n->next)
			for (uint32_t a = 0; a < n->n_args; a++)
				if (n->arg[a]->op == IR_FRAME && !(a == 0 && promote_access(n, &off)))
					promote_escape(p, n, n->arg[a]);
	for (uint32_t i = 0; i < p->f->n_order; i++)
		for (struct ir_node *n = p->f->order[i]->first; n; n = n->next)
			if (promote_access(n, &off))
				promote_note(p, n, off);
	/* What had to stay after it was given a slot. */
	for (uint32_t s = 0; s < p->n_slots; s++)
		for (int32_t i = p->slots[s].off; i < p->slots[s].off + p->slots[s].size; i++)
			if (p->at[-i - 1] != s + 1)
				promote_keep(p, p->slots[s].off, p->slots[s].off + p->slots[s].size);
	return p->n_slots > 0;
}

/* The slot that a node reads or writes, or -1. */
static int promote_slot(const struct promote *p, const struct ir_node *n)
{
	int64_t off;

	if (!promote_access(n, &off) || off < -PROMOTE_STACK || off >= 0)
		return -1;
	return p->at[-off - 1] && p->at[-off - 1] != SLOT_MEMORY ? p->at[-off - 1] - 1 : -1;
}

static bool promote_liveness(struct promote *p)
{
	struct ir_func *f = p->f;
	uint64_t *use = jit_alloc(f->temp, f->n_blocks * sizeof(*use));
	uint64_t *def = p->stores = jit_alloc(f->temp, f->n_blocks * sizeof(*def));
	bool again = true;

	p->live = jit_alloc(f->temp, f->n_blocks * sizeof(*p->live));
	p->var = jit_alloc(f->temp, f->n_blocks * sizeof(*p->var));
	if (!use || !def || !p->live || !p->var)
		return false;
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i];

		for (struct ir_node *n = b->first; n; n = n->next) {
			int s = promote_slot(p, n);

			if (s < 0)
				continue;
			if (n->op == IR_STORE)
				def[b->id] |= UINT64_C(1) << s;
			else if (!(def[b->id] >> s & 1))
				use[b->id] |= UINT64_C(1) << s;
		}
	}
	while (again) {
		again = false;
		for (uint32_t i = f->n_order; i-- > 0;) {
			struct ir_block *b = f->order[i];
			uint64_t live = 0;

			for (uint32_t k = 0; k < b->n_succ; k++)
				live |= p->live[b->succ[k]->id];
			live = (live & ~def[b->id]) | use[b->id];
			again |= live != p->live[b->id];
			p->live[b->id] = live;
		}
	}
	return true;
}

/* A load becomes an extension of what was stored. */
static void promote_load(struct ir_node *n, struct ir_node *value)
{
	n->shared = false;
	n->imm = 0;
	n->arg[0] = value;
	if (n->size == 8) {
		n->same = value;
		ir_remove(n);
		return;
	}
	n->op = n->sign ? IR_SEXT : IR_ZEXT;
	n->sign = false;
}

/* The values on all ways to the block, if none of them changes any; or NULL. */
static struct ir_node **promote_all_agreed(const struct promote *p, const struct ir_block *b)
{
	struct ir_node **var = b->n_preds ? p->var[b->preds[0]->id] : NULL;

	for (uint32_t k = 1; k < b->n_preds && var; k++)
		if (p->var[b->preds[k]->id] != var)
			return NULL;
	return var;
}

/* The value that slot s has on all ways to the block, or NULL; it has at least two. */
static struct ir_node *promote_agreed(const struct promote *p, const struct ir_block *b, uint32_t s)
{
	struct ir_node *value = NULL;

	for (uint32_t k = 0; k < b->n_preds; k++) {
		struct ir_node **var = p->var[b->preds[k]->id];

		/* Back from a loop: not known yet. */
		if (!var || (value && var[s] != value))
			return NULL;
		value = var[s];
	}
	return value;
}

static struct ir_node *promote_phi(struct promote *p, struct ir_block *b, uint32_t s)
{
	struct ir_node *phi = ir_new(p->f, IR_PHI, b->n_preds);

	phi->insn = b->first->insn;
	phi->index = s + 1; /* marks it as ours until its arguments are set */
	phi->imm = -1;
	ir_insert_first(b, phi);
	return phi;
}

/* Values with which the block begins. Blocks that store nothing share them with those in front. */
static struct ir_node **promote_begin(struct promote *p, struct ir_block *b, struct ir_node *zero)
{
	struct ir_node **all = promote_all_agreed(p, b), **var;

	if (all && !p->stores[b->id])
		return all;
	var = jit_alloc(p->f->temp, p->n_slots * sizeof(*var));
	if (!var)
		return NULL;
	if (all)
		return memcpy(var, all, p->n_slots * sizeof(*var));
	for (uint32_t s = 0; s < p->n_slots; s++) {
		if (!b->n_preds || !(p->live[b->id] >> s & 1)) {
			var[s] = zero;
			continue;
		}
		var[s] = promote_agreed(p, b, s);
		if (!var[s])
			var[s] = promote_phi(p, b, s);
	}
	return var;
}

static void promote_block(struct promote *p, struct ir_block *b, struct ir_node *zero)
{
	struct ir_node **var = promote_begin(p, b, zero), *next;

	if (!var) {
		p->f->failed = true;
		return;
	}
	p->var[b->id] = var;
	for (struct ir_node *n = b->first; n; n = next) {
		int s = promote_slot(p, n);

		next = n->next;
		if (s < 0)
			continue;
		if (n->op == IR_LOAD) {
			promote_load(n, var[s]);
		} else {
			var[s] = n->arg[1];
			ir_remove(n);
		}
	}
}

bool jit_promote(struct ir_func *f)
{
	struct promote *p = jit_alloc(f->temp, sizeof(*p));
	struct ir_node *zero;

	if (!p) {
		f->failed = true;
		return false;
	}
	p->f = f;
	if (!promote_find(p))
		return false;
	if (!promote_liveness(p)) {
		f->failed = true;
		return false;
	}
	zero = ir_new(f, IR_CONST, 0);
	ir_insert_first(f->order[0], zero);
	for (uint32_t i = 0; i < f->n_order && !f->failed; i++)
		promote_block(p, f->order[i], zero);
	for (uint32_t i = 0; i < f->n_order && !f->failed; i++) {
		struct ir_block *b = f->order[i];

		for (struct ir_node *n = b->first; n && n->op == IR_PHI; n = n->next) {
			if (n->imm != -1)
				continue;
			for (uint32_t k = 0; k < n->n_args; k++)
				n->arg[k] = p->var[b->preds[k]->id][n->index - 1];
			n->imm = 0;
			n->index = 0;
		}
	}
	return !f->failed;
}
