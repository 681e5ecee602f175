/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/x86_batch.c - the main function of a program once more, in a loop over contexts.
 *
 *   int64_t batch(void *const *contexts, uint64_t *results, int64_t at, struct visor_run *run)
 *
 * The first two are the ends of what they point to, and `at` is the distance of the first context
 * (and result) from there in bytes, below 0. What comes back is the distance of the one whose run
 * was stopped, or 0. So the loop counts with the one number that finds its way, too:
 *
 *   push ...              what the function and the loop need
 *   again:
 *   load the context
 *   ...                   the function, as it is registers and all
 *   store the result      in place of each return
 *   add at, 8
 *   jnz again
 *
 * What the loop remembers is in registers that the function does not touch, or else in its frame.
 * A function that is large is not repeated but called.
 */
#include <string.h>

#include "jit/x86.h"

#define BATCH_MAX_INLINE 4096 /* bytes of code of a function that is repeated */
#define BATCH_ALIGN	 32

static struct x86_mem batch_slot(const struct jit_place *p)
{
	return (struct x86_mem){X_RSP, X_NONE, 0, p->at};
}

/* A register that holds nothing: the function's are free in front of it and behind it. */
static int batch_temp(const struct jit_batch *b, int but)
{
	uint32_t taken = b->taken | 1u << X_RSP | 1u << but;

	return __builtin_ctz(~taken);
}

/* The register that holds p, which is read into `temp` if it is in memory. */
static int batch_use(struct jit_emitter *e, const struct jit_place *p, int temp)
{
	struct x86_mem slot = batch_slot(p);

	if (p->kind == PLACE_REG)
		return p->at;
	x86_rm(e, true, 0x8b, temp, &slot);
	return temp;
}

/* Where the present element is of what ends at `end`; `temp` for the sum. */
static struct x86_mem batch_element(struct jit_emitter *e, const struct jit_place *end, int temp)
{
	const struct jit_place *at = &e->batch->at;
	struct x86_operand add = {X_REG, (int8_t)at->at, {0}, 0};

	if (end->kind == PLACE_REG && at->kind == PLACE_REG)
		return (struct x86_mem){(int8_t)end->at, (int8_t)at->at, 0, 0};
	if (at->kind != PLACE_REG)
		add = (struct x86_operand){.kind = X_MEM, .mem = batch_slot(at)};
	if (batch_use(e, end, temp) != temp)
		x86_mov(e, true, temp, end->at);
	x86_op(e, true, 0x03, temp, &add);
	return (struct x86_mem){(int8_t)temp, X_NONE, 0, 0};
}

/* ---- the way in
 * ---------------------------------------------------------------------------------- */

static void batch_align(struct jit_emitter *e)
{
	static const uint8_t nop[8][8] = {
		{0},
		{0x90},
		{0x66, 0x90},
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0x00},
		{0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
	};
	uint32_t n = -e->size & (BATCH_ALIGN - 1);

	for (uint32_t k; n; n -= k) {
		k = MIN(n, 7u);
		jit_put(e, nop[k], k);
	}
}

/* Saves registers, brings the arguments to their places, and begins the loop: the context is in
 * the register that comes back, and where helpers look for it. */
static int batch_begin(struct jit_emitter *e, int context)
{
	struct jit_batch *b = e->batch;
	struct jit_move moves[] = {
		{{PLACE_REG, X_RDI, NULL}, b->contexts},
		{{PLACE_REG, X_RSI, NULL}, b->results},
		{{PLACE_REG, X_RDX, NULL}, b->at},
		{{PLACE_REG, X_RCX, NULL}, b->run},
	};
	struct x86_mem m;

	x86_enter(e);
	jit_moves(e, moves, ARRAY_SIZE(moves));
	batch_align(e);
	b->again = e->size;
	b->end = 0;
	if (context < 0)
		context = batch_temp(b, X_RSP);
	m = batch_element(e, &b->contexts, context);
	x86_rm(e, true, 0x8b, context, &m);
	if (b->calls) {
		m = (struct x86_mem){(int8_t)batch_use(e, &b->run, batch_temp(b, context)), X_NONE,
				     0, (int32_t)e->p->env->run_ctx};
		x86_rm(e, true, 0x89, context, &m);
	}
	return context;
}

void x86_batch_enter(struct jit_emitter *e, struct ir_block *first)
{
	struct ir_node *context = NULL;
	struct x86_mem slot;
	struct jit_move m;
	int at;

	for (struct ir_node *n = first->first; n; n = n->next)
		if (n->op == IR_PARAM && !n->imm && (n->reg >= 0 || n->spilled))
			context = n;
	at = batch_begin(e, context ? context->reg : -1);
	for (struct ir_node *n = first->first; n; n = n->next) {
		if (n->op != IR_PARAM || (n->reg < 0 && !n->spilled))
			continue;
		m = (struct jit_move){{PLACE_REG, at, NULL}, jit_place_of(n)};
		if (n->imm == 5)
			m.from = e->batch->run;
		if (!n->imm || n->imm == 5) {
			jit_moves(e, &m, 1);
		} else if (n->spilled) {
			slot = (struct x86_mem){X_RSP, X_NONE, 0, n->slot};
			x86_rm(e, true, 0xc7, 0, &slot);
			jit_put32(e, 0);
		} else {
			x86_mov_imm(e, n->reg, 0);
		}
	}
	x86_clear(e);
}

/* ---- the way on
 * ---------------------------------------------------------------------------------- */

/* A jump back; cc < 0: always. */
static void batch_jump(struct jit_emitter *e, int cc, uint32_t to)
{
	int64_t distance = (int64_t)to - (int64_t)(e->size + 2);

	if (distance >= -128) {
		jit_put8(e, (uint8_t)(cc < 0 ? 0xeb : 0x70 | cc));
		jit_put8(e, (uint8_t)distance);
		return;
	}
	if (cc >= 0)
		jit_put8(e, 0x0f);
	jit_put8(e, (uint8_t)(cc < 0 ? 0xe9 : 0x80 | cc));
	jit_put32(e, to - (e->size + 4));
}

/* Stores the result, goes on or ends. Where the first one ends, all do. */
static void batch_next(struct jit_emitter *e, const struct x86_operand *value)
{
	enum { CC_NE = 5 };
	struct jit_batch *b = e->batch;
	int keep = value->kind == X_REG ? value->reg : X_RSP, temp = batch_temp(b, keep);
	struct x86_mem m;
	uint32_t stop = 0;

	if (b->calls) {
		m = (struct x86_mem){(int8_t)batch_use(e, &b->run, temp), X_NONE, 0,
				     (int32_t)e->p->env->run_stopped};
		x86_alu_mem_imm(e, 1, 7, &m, 0);
		if (b->end) {
			batch_jump(e, CC_NE, b->end);
		} else {
			jit_put8(e, 0x70 | CC_NE);
			jit_put8(e, 0);
			stop = e->size;
		}
	}
	m = batch_element(e, &b->results, temp);
	if (value->kind == X_REG) {
		x86_rm(e, true, 0x89, value->reg, &m);
	} else {
		x86_rm(e, true, 0xc7, 0, &m);
		jit_put32(e, (uint32_t)value->imm);
	}
	m = batch_slot(&b->at);
	if (b->at.kind == PLACE_REG)
		x86_alu_imm(e, true, 0, b->at.at, 8);
	else
		x86_alu_mem_imm(e, 8, 0, &m, 8);
	batch_jump(e, CC_NE, b->again);
	if (b->end) {
		batch_jump(e, -1, b->end);
		return;
	}
	if (stop && !e->failed)
		e->bytes[stop - 1] = (uint8_t)(e->size - stop);
	b->end = e->size;
	temp = batch_use(e, &b->at, X_RAX);
	if (temp != X_RAX)
		x86_mov(e, true, X_RAX, temp);
	x86_leave(e);
	jit_put8(e, 0xc3);
}

void x86_batch_return(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_node *v = n->arg[0];
	struct x86_operand value = {X_REG, X_RAX, {0}, 0};
	struct jit_move m = {jit_place_of(v), {PLACE_REG, X_RAX, NULL}};

	if (v->folded && ir_is_const(v) && v->imm == (int32_t)v->imm)
		value = (struct x86_operand){X_IMM, X_NONE, {0}, v->imm};
	else if (!v->folded && !v->spilled)
		value.reg = v->reg;
	else
		jit_moves(e, &m, 1);
	batch_next(e, &value);
}

/* ---- making it
 * ----------------------------------------------------------------------------------- */

/* Calls the function. */
static void batch_call(struct jit_emitter *e)
{
	static const uint8_t args[] = {X_RSI, X_RDX, X_RCX, X_R8};
	const struct x86_operand result = {X_REG, X_RAX, {0}, 0};

	batch_begin(e, X_RDI);
	for (uint32_t i = 0; i < ARRAY_SIZE(args); i++)
		x86_mov_imm(e, args[i], 0);
	x86_mov(e, true, X_R9, e->batch->run.at);
	jit_put8(e, 0xe8);
	jit_reloc(e, SYM_CODE, 0, JIT_DISTANCE, 0);
	jit_put32(e, 0);
	batch_next(e, &result);
}

/* What the function does to registers. */
static uint32_t batch_used(const struct jit_emitter *e)
{
	uint32_t used = 1u << X_RAX | 1u << X_RSP | (e->spills ? e->target->scratch : 0);

	for (uint32_t i = 0; i < e->f->n_order; i++)
		for (struct ir_node *n = e->f->order[i]->first; n; n = n->next) {
			struct jit_rules rules = {.result = -1};

			e->target->rules(n, e->p, &rules);
			used |= rules.clobbers | (n->reg >= 0 ? 1u << n->reg : 0);
		}
	return used;
}

bool x86_batch(struct jit_emitter *e, uint32_t slots)
{
	bool call = e->size - e->out->entry[0] > BATCH_MAX_INLINE;
	struct jit_batch b = {.calls = e->f->calls};
	struct jit_place *const places[] = {&b.at, &b.contexts, &b.results, &b.run};
	uint32_t used = call ? X_CALL_CLOBBERS | 1u << X_RSP : batch_used(e), own = used;

	if (call)
		slots = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(places); i++) {
		int reg = -1;

		/* Those that nobody has to give back are the first ones in this order. */
		for (uint32_t k = 0; k < e->target->n_order && reg < 0; k++)
			if (!(used >> e->target->order[k] & 1))
				reg = e->target->order[k];
		*places[i] = reg < 0 ? (struct jit_place){PLACE_SLOT, (int32_t)slots, NULL}
				     : (struct jit_place){PLACE_REG, reg, NULL};
		if (reg < 0) {
			slots += 8;
		} else {
			used |= 1u << reg;
			b.taken |= 1u << reg;
		}
	}
	e->saved = ((call ? 0 : own) | b.taken) & e->target->saved;
	e->target->frame(e, slots);
	if (call) /* there is nothing of the function in this frame */
		e->frame = __builtin_popcount(e->saved) & 1 ? 0 : 8;
	jit_line(e, e->p->code->subprogs[0].start);
	e->out->batch = e->size;
	e->out->batch_frame = (struct jit_frame){e->saved, e->frame};
	e->batch = &b;
	if (call)
		batch_call(e);
	else
		jit_emit(e);
	e->batch = NULL;
	return !e->failed;
}
