/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/emit.c - what emitting is for every machine: a buffer, relocations, lines, and moves
 * that happen at once.
 */
#include <string.h>

#include "jit/target.h"

/* ---- the buffer --------------------------------------------------------------------------------
 */

void jit_put(struct jit_emitter *e, const void *bytes, uint32_t n)
{
	if (e->max - e->size < n) {
		uint32_t max = MAX(e->max * 2, 4096u);
		uint8_t *more = jit_alloc(e->arena, max);

		if (!more) {
			e->failed = true;
			return;
		}
		if (e->size)
			memcpy(more, e->bytes, e->size);
		e->bytes = more;
		e->max = max;
	}
	memcpy(e->bytes + e->size, bytes, n);
	e->size += n;
}

void jit_put32(struct jit_emitter *e, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

	jit_put(e, b, 4);
}

void jit_put64(struct jit_emitter *e, uint64_t v)
{
	jit_put32(e, (uint32_t)v);
	jit_put32(e, (uint32_t)(v >> 32));
}

/* A larger array, or NULL. */
static void *emit_grow(struct jit_emitter *e, void *from, uint32_t n, uint32_t *max, size_t size)
{
	uint32_t more = *max ? *max * 2 : 32;
	void *p;

	if (n < *max)
		return from;
	p = jit_alloc(e->arena, more * size);
	if (!p) {
		e->failed = true;
		return NULL;
	}
	if (n)
		memcpy(p, from, n * size);
	*max = more;
	return p;
}

void jit_reloc(struct jit_emitter *e, enum ir_sym sym, uint32_t index, uint8_t form, int64_t addend)
{
	struct jit_code *out = e->out;
	struct jit_reloc *r = emit_grow(e, out->relocs, out->n_relocs, &e->max_relocs, sizeof(*r));

	if (!r)
		return;
	out->relocs = r;
	r[out->n_relocs++] = (struct jit_reloc){e->size, index, sym, form, addend};
}

void jit_line(struct jit_emitter *e, uint32_t insn)
{
	struct jit_code *out = e->out;
	struct jit_line *l = out->lines;

	if (out->n_lines && l[out->n_lines - 1].insn == insn)
		return;
	if (out->n_lines && l[out->n_lines - 1].at == e->size) {
		l[out->n_lines - 1].insn = insn;
		return;
	}
	l = emit_grow(e, out->lines, out->n_lines, &e->max_lines, sizeof(*l));
	if (!l)
		return;
	out->lines = l;
	l[out->n_lines++] = (struct jit_line){e->size, insn};
}

/* ---- moves
 * ------------------------------------------------------------------------------------------ */

struct jit_place jit_place_of(struct ir_node *n)
{
	if (n->folded)
		return (struct jit_place){PLACE_NODE, 0, n};
	if (n->spilled)
		return (struct jit_place){PLACE_SLOT, n->slot, n};
	return (struct jit_place){PLACE_REG, n->reg, n};
}

static bool place_equal(const struct jit_place *a, const struct jit_place *b)
{
	return a->kind == b->kind && a->at == b->at && a->kind != PLACE_NODE;
}

/* The destination of move i is still the source of another one. */
static bool move_blocked(const struct jit_move *m, uint32_t n, uint32_t i)
{
	for (uint32_t k = 0; k < n; k++)
		if (k != i && place_equal(&m[k].from, &m[i].to))
			return true;
	return false;
}

void jit_moves(struct jit_emitter *e, struct jit_move *m, uint32_t n)
{
	uint32_t i;

	while (n) {
		for (i = 0; i < n; i++)
			if (place_equal(&m[i].from, &m[i].to))
				break;
		if (i < n) {
			m[i] = m[--n];
			continue;
		}
		/* What is computed in place needs nothing that these moves change: last. */
		for (i = 0; i < n; i++)
			if (m[i].from.kind != PLACE_NODE && !move_blocked(m, n, i))
				break;
		if (i == n)
			for (i = 0; i < n; i++)
				if (m[i].from.kind == PLACE_NODE && !move_blocked(m, n, i))
					break;
		if (i < n) {
			e->target->move(e, &m[i]);
			m[i] = m[--n];
			continue;
		}
		/* A circle. Two registers are exchanged; memory goes by way of a register. */
		for (i = 0; i < n; i++)
			if (m[i].from.kind == PLACE_REG && m[i].to.kind == PLACE_REG)
				break;
		if (i < n) {
			struct jit_place from = m[i].from, to = m[i].to;

			e->target->swap(e, from.at, to.at);
			m[i] = m[--n];
			for (uint32_t k = 0; k < n; k++)
				if (place_equal(&m[k].from, &to))
					m[k].from = from;
				else if (place_equal(&m[k].from, &from))
					m[k].from = to;
		} else {
			struct jit_move aside = {
				m[0].to, {PLACE_REG, __builtin_ctz(e->target->scratch), NULL}};

			e->target->move(e, &aside);
			for (uint32_t k = 0; k < n; k++)
				if (place_equal(&m[k].from, &m[0].to))
					m[k].from = aside.to;
		}
	}
}

uint32_t jit_phi_moves(struct jit_emitter *e, struct ir_block *b, struct jit_move **out)
{
	struct ir_block *to = b->n_succ == 1 ? b->succ[0] : NULL;
	uint32_t n = 0, k;

	*out = NULL;
	if (!to || !to->first || to->first->op != IR_PHI)
		return 0;
	for (struct ir_node *phi = to->first; phi->op == IR_PHI; phi = phi->next)
		n++;
	*out = jit_alloc(e->f->temp, n * sizeof(**out));
	if (!*out) {
		e->failed = true;
		return 0;
	}
	k = ir_pred_index(to, b);
	n = 0;
	for (struct ir_node *phi = to->first; phi->op == IR_PHI; phi = phi->next)
		if (phi->reg >= 0 || phi->spilled)
			(*out)[n++] =
				(struct jit_move){jit_place_of(phi->arg[k]), jit_place_of(phi)};
	return n;
}

void jit_params(struct jit_emitter *e, struct ir_block *first)
{
	struct jit_move moves[6];
	uint32_t k = 0;

	for (struct ir_node *n = first->first; n; n = n->next)
		if (n->op == IR_PARAM && (n->reg >= 0 || n->spilled))
			moves[k++] = (struct jit_move){{PLACE_REG, e->target->args[n->imm], NULL},
						       jit_place_of(n)};
	jit_moves(e, moves, k);
}

void jit_arguments(struct jit_emitter *e, struct ir_node *n, uint32_t first, struct ir_node *run,
		   int reg, struct ir_node *function)
{
	const uint8_t *args = e->target->args;
	struct jit_move moves[8];
	uint32_t k = 0;

	for (uint32_t a = first; a < n->n_args; a++)
		moves[k++] = (struct jit_move){jit_place_of(n->arg[a]),
					       {PLACE_REG, args[a - first], NULL}};
	moves[k++] = (struct jit_move){jit_place_of(run), {PLACE_REG, args[5], NULL}};
	if (function && !function->folded)
		moves[k++] = (struct jit_move){jit_place_of(function), {PLACE_REG, reg, NULL}};
	jit_moves(e, moves, k);
}

/* ---- blocks
 * ---------------------------------------------------------------------------------------------- */

bool jit_is_next(const struct jit_emitter *e, const struct ir_block *to)
{
	return e->index + 1 < e->f->n_order && e->f->order[e->index + 1] == to;
}

bool jit_jump_near(const struct jit_emitter *e, const struct ir_block *to, uint32_t size,
		   int64_t limit)
{
	int64_t here = (int64_t)e->size + size, there;

	if (!e->round)
		return false;
	/* What was placed in this round is where it is; the rest came no farther than it was. */
	there = (int64_t)to->at - (to->order <= e->index + 1 ? 0 : (int64_t)e->shrunk);
	return there - here >= -limit - 1 && there - here <= limit;
}

static void fixup_add(struct jit_emitter *e, struct ir_block *to, uint32_t size, bool table)
{
	struct jit_fixup *f = emit_grow(e, e->fixups, e->n_fixups, &e->max_fixups, sizeof(*f));

	if (!f)
		return;
	e->fixups = f;
	f[e->n_fixups++] = (struct jit_fixup){e->size, size, to, table};
}

void jit_fixup(struct jit_emitter *e, struct ir_block *to, uint32_t size)
{
	fixup_add(e, to, size, false);
}

void jit_fixup_table(struct jit_emitter *e, struct ir_block *block)
{
	fixup_add(e, block, 4, true);
}

static bool emit_does_nothing(struct jit_emitter *e, struct ir_block *b)
{
	struct jit_move *moves;
	uint32_t n;

	if (b->first->op != IR_JUMP)
		return false;
	n = jit_phi_moves(e, b, &moves);
	for (uint32_t k = 0; k < n; k++)
		if (!place_equal(&moves[k].from, &moves[k].to))
			return false;
	return true;
}

/* Through blocks that do nothing but jump, however many; a circle of them ends where it began. */
static struct ir_block *emit_placed(struct jit_emitter *e, struct ir_block *b)
{
	struct ir_block *to = b;

	for (uint32_t i = 0; i < e->f->n_order && !to->placed; i++) {
		if (!emit_does_nothing(e, to))
			return to;
		to = to->succ[0];
	}
	return to->placed ? to->placed : b;
}

/* The order without blocks that nothing leads to any more. */
static void emit_place(struct jit_emitter *e)
{
	struct ir_func *f = e->f;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->n_order; i++)
		f->order[i]->placed = NULL;
	/* From the end: what a block jumps to is known then, mostly. */
	for (uint32_t i = f->n_order; i-- > 0;)
		f->order[i]->placed = emit_placed(e, f->order[i]);
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i];

		if (b->placed == b || !i) {
			b->placed = b;
			f->order[kept++] = b;
			b->order = kept;
		}
	}
	f->n_order = kept;
}

/* For machines that asked for them. */
static void emit_tables(struct jit_emitter *e)
{
	for (uint32_t i = 0; i < e->n_fixups; i++) {
		struct ir_block *b = e->fixups[i].to;

		if (!e->fixups[i].table)
			continue;
		while (e->size & 3)
			jit_put8(e, 0);
		b->table_at = e->size;
		for (uint32_t k = 0; k < b->n_table; k++)
			jit_put32(e, b->succ[b->table[k]]->placed->at - b->table_at);
	}
}

bool jit_emit(struct jit_emitter *e)
{
	uint32_t start = e->size, relocs = e->out->n_relocs, lines = e->out->n_lines;

	emit_place(e);
	for (e->round = 0; e->round < 2 && !e->failed; e->round++) {
		e->size = start;
		e->out->n_relocs = relocs;
		e->out->n_lines = lines;
		e->n_fixups = 0;
		for (e->index = 0; e->index < e->f->n_order && !e->failed; e->index++) {
			struct ir_block *b = e->f->order[e->index];

			e->shrunk = b->at - e->size;
			b->at = e->size;
			e->target->block(e, b);
		}
	}
	emit_tables(e);
	for (uint32_t i = 0; i < e->n_fixups && !e->failed; i++) {
		const struct jit_fixup *f = &e->fixups[i];
		uint32_t to = f->table ? f->to->table_at : f->to->at;

		e->target->fixup(e->bytes + f->at, f->size,
				 (int64_t)to - (int64_t)(f->at + f->size));
	}
	return !e->failed;
}
