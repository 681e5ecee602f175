/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/x86_emit.c - from nodes with registers to x86-64 instructions.
 *
 *   frame:   rsp -> | slots of values | stack of the program |  saved registers | return address
 *                                                            ^ r10 of the program
 *
 * In functions in which values are in memory, r10 holds the operand or result that is, and r11
 * an address. All blocks are emitted twice: the first time with long jumps, which gives upper
 * bounds of distances; the second time with short ones where these suffice.
 */
#include <string.h>

#include "jit/x86.h"

#define TEMP  X_R10
#define TEMP2 X_R11

/* ---- places --------------------------------------------------------------------------------------------- */

static struct x86_mem emit_slot(const struct ir_node *n)
{
	return (struct x86_mem){X_RSP, X_NONE, 0, n->slot};
}

/* The register that holds n, which is read into `temp` if it is in memory. */
static int emit_use(struct jit_emitter *e, struct ir_node *n, int temp)
{
	struct x86_mem slot;

	if (!n->spilled)
		return n->reg;
	slot = emit_slot(n);
	x86_rm(e, true, 0x8b, temp, &slot);
	return temp;
}

/* The register for the result of n. */
static int emit_def(const struct ir_node *n)
{
	return n->spilled || n->reg < 0 ? TEMP : n->reg;
}

static void emit_defined(struct jit_emitter *e, const struct ir_node *n, int reg)
{
	struct x86_mem slot;

	if (n->spilled) {
		slot = emit_slot(n);
		x86_rm(e, true, 0x89, reg, &slot);
	} else if (n->reg >= 0 && n->reg != reg) {
		x86_mov(e, true, n->reg, reg);
	}
}

/* base + (index << scale) in registers, with what is in memory added up in TEMP2. */
static struct x86_mem emit_sum(struct jit_emitter *e, struct ir_node *base, struct ir_node *index,
			       uint8_t scale)
{
	struct x86_mem m = {X_NONE, X_NONE, 0, 0}, slot;

	if (!base->spilled && !index->spilled)
		return (struct x86_mem){base->reg, index->reg, scale, 0};
	if (!scale) {
		m.base = (int8_t)emit_use(e, base, TEMP2);
		if (m.base != TEMP2)
			x86_mov(e, true, TEMP2, m.base);
		if (index->spilled) {
			slot = emit_slot(index);
			x86_rm(e, true, 0x03, TEMP2, &slot);
		} else {
			x86_rr(e, true, 0x03, TEMP2, index->reg);
		}
	} else {
		m.index = (int8_t)emit_use(e, index, TEMP2);
		if (m.index != TEMP2)
			x86_mov(e, true, TEMP2, m.index);
		x86_rr(e, true, 0xc1, 4, TEMP2);
		jit_put8(e, scale);
		if (base->spilled) {
			slot = emit_slot(base);
			x86_rm(e, true, 0x03, TEMP2, &slot);
		} else {
			x86_rr(e, true, 0x03, TEMP2, base->reg);
		}
	}
	return (struct x86_mem){TEMP2, X_NONE, 0, 0};
}

/* The memory operand of an access to a + off. */
static struct x86_mem emit_address(struct jit_emitter *e, struct ir_node *a, int64_t off)
{
	struct x86_mem m = {X_NONE, X_NONE, 0, (int32_t)off};
	struct ir_node *x, *y;

	if (a->op == IR_FRAME && a->folded) {
		m.base = X_RSP;
		m.disp = (int32_t)(off + a->imm + e->frame);
		return m;
	}
	if (!a->folded) {
		m.base = (int8_t)emit_use(e, a, TEMP2);
		return m;
	}
	x = a->arg[0];
	y = a->arg[1];
	if (x->folded && x->op == IR_SHL) {
		x = a->arg[1];
		y = a->arg[0];
	}
	if (y->folded && y->op == IR_SHL)
		m = emit_sum(e, x, y->arg[0], (uint8_t)y->arg[1]->imm);
	else
		m = emit_sum(e, x, y, 0);
	m.disp = (int32_t)off;
	return m;
}

/* An operand that instructions can take from where it is. */
static struct x86_operand emit_operand(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand o = {X_REG, n->reg, {X_NONE, X_NONE, 0, 0}, n->imm};

	if (n->op == IR_CONST && n->folded) {
		o.kind = X_IMM;
	} else if (n->op == IR_LOAD && n->folded) {
		o.kind = X_MEM;
		o.mem = emit_address(e, n->arg[0], n->imm);
	} else if (n->spilled) {
		o.kind = X_MEM;
		o.mem = emit_slot(n);
	}
	return o;
}

static bool operand_has(const struct x86_operand *o, int reg)
{
	if (o->kind == X_REG)
		return o->reg == reg;
	return o->kind == X_MEM && (o->mem.base == reg || o->mem.index == reg);
}

/* ---- moves --------------------------------------------------------------------------------------------------- */

/* A constant or an address of the frame into a register. */
static void emit_node(struct jit_emitter *e, int dst, const struct ir_node *n)
{
	struct x86_mem m;

	if (n->op == IR_FRAME) {
		m = (struct x86_mem){X_RSP, X_NONE, 0, (int32_t)(n->imm + e->frame)};
		x86_rm(e, true, 0x8d, dst, &m);
	} else if (n->sym == SYM_NONE) {
		x86_mov_imm(e, dst, n->imm);
	} else {
		jit_put8(e, dst >= 8 ? 0x49 : 0x48);
		jit_put8(e, (uint8_t)(0xb8 | (dst & 7)));
		jit_reloc(e, n->sym, n->index, JIT_ADDRESS, n->imm);
		jit_put64(e, (uint64_t)n->imm);
	}
}

void x86_move(struct jit_emitter *e, const struct jit_move *m)
{
	struct x86_mem slot = {X_RSP, X_NONE, 0, m->to.at}, from = {X_RSP, X_NONE, 0, m->from.at};
	int dst = m->to.kind == PLACE_REG ? m->to.at : TEMP2;

	if (m->from.kind == PLACE_NODE) {
		if (m->to.kind == PLACE_SLOT && m->from.node->sym == SYM_NONE &&
		    m->from.node->op == IR_CONST && m->from.node->imm == (int32_t)m->from.node->imm) {
			x86_rm(e, true, 0xc7, 0, &slot);
			jit_put32(e, (uint32_t)m->from.node->imm);
			return;
		}
		emit_node(e, dst, m->from.node);
	} else if (m->from.kind == PLACE_SLOT) {
		x86_rm(e, true, 0x8b, dst, &from);
	} else if (m->to.kind == PLACE_SLOT) {
		dst = m->from.at;
	} else {
		x86_mov(e, true, dst, m->from.at);
	}
	if (m->to.kind == PLACE_SLOT)
		x86_rm(e, true, 0x89, dst, &slot);
}

void x86_swap(struct jit_emitter *e, int32_t a, int32_t b)
{
	x86_rr(e, true, 0x87, a, b);
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------- */

struct alu {
	uint8_t opcode, imm; /* op reg, r/m; extension of the immediate form */
};

static const struct alu emit_alu_ops[IR_COUNT] = {
	[IR_ADD] = {0x03, 0}, [IR_OR] = {0x0b, 1},  [IR_AND] = {0x23, 4},
	[IR_SUB] = {0x2b, 5}, [IR_XOR] = {0x33, 6},
};

/* What the address unit can compute without destroying an operand. */
static bool emit_lea(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_node *x = n->arg[0], *y = n->arg[1];
	struct x86_mem m = {X_NONE, X_NONE, 0, 0};

	if (x->folded && x->op == IR_ADD) {
		m = emit_address(e, x, y->imm);
		x86_rm(e, n->wide, 0x8d, emit_def(n), &m);
		emit_defined(e, n, emit_def(n));
		return true;
	}
	if (n->spilled || x->folded || x->spilled || y->spilled || n->reg == x->reg)
		return false;
	m.base = x->reg;
	if (y->op == IR_CONST && y->folded) {
		m.disp = (int32_t)y->imm;
	} else if (y->folded || n->reg == y->reg) {
		return false;
	} else {
		m.index = y->reg;
	}
	x86_rm(e, n->wide, 0x8d, n->reg, &m);
	return true;
}

static void emit_alu(struct jit_emitter *e, struct ir_node *n)
{
	const struct alu *op = &emit_alu_ops[n->op];
	struct x86_operand x, y;
	int dst = emit_def(n);

	if (n->op == IR_ADD && emit_lea(e, n))
		return;
	y = emit_operand(e, n->arg[1]);
	x = emit_operand(e, n->arg[0]);
	if (operand_has(&y, dst) && !(x.kind == X_REG && x.reg == dst)) {
		/* The result goes where the second operand is. */
		if (y.kind == X_MEM)
			x86_rm(e, n->wide, 0x8b, dst, &y.mem);
		if (n->op == IR_SUB) {
			x86_rr(e, n->wide, 0xf7, 3, dst);
			op = &emit_alu_ops[IR_ADD];
		}
		x86_op(e, n->wide, op->opcode, dst, &x);
	} else {
		if (x.kind != X_REG || x.reg != dst)
			x86_op(e, n->wide, 0x8b, dst, &x);
		if (y.kind == X_IMM)
			x86_alu_imm(e, n->wide, op->imm, dst, (int32_t)y.imm);
		else
			x86_op(e, n->wide, op->opcode, dst, &y);
	}
	emit_defined(e, n, dst);
}

static void emit_mul(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]), y = emit_operand(e, n->arg[1]), swap;
	int dst = emit_def(n);

	if (y.kind == X_IMM) {
		bool byte = y.imm == (int8_t)y.imm;

		x86_op(e, n->wide, byte ? 0x6b : 0x69, dst, &x);
		if (byte)
			jit_put8(e, (uint8_t)y.imm);
		else
			jit_put32(e, (uint32_t)y.imm);
	} else {
		if (operand_has(&y, dst) && !(x.kind == X_REG && x.reg == dst)) {
			swap = x;
			x = y;
			y = swap;
		}
		if (x.kind != X_REG || x.reg != dst)
			x86_op(e, n->wide, 0x8b, dst, &x);
		x86_op(e, n->wide, 0x0faf, dst, &y);
	}
	emit_defined(e, n, dst);
}

static void emit_mulhu(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]), y = emit_operand(e, n->arg[1]);
	bool bmi2 = e->p->features & JIT_BMI2;
	int from = bmi2 ? X_RDX : X_RAX, dst = emit_def(n);

	if (x.kind != X_REG || x.reg != from)
		x86_op(e, true, 0x8b, from, &x);
	if (bmi2) {
		x86_vex(e, true, 3, 2, 0xf6, dst, dst, &y);
	} else {
		x86_op(e, true, 0xf7, 4, &y);
		dst = X_RDX;
	}
	emit_defined(e, n, dst);
}

/* A forward jump within a node: emitted short, its distance set later. */
static uint32_t emit_skip(struct jit_emitter *e, uint8_t opcode)
{
	jit_put8(e, opcode);
	jit_put8(e, 0);
	return e->size;
}

static void emit_skip_to_here(struct jit_emitter *e, uint32_t from)
{
	if (!e->failed)
		e->bytes[from - 1] = (uint8_t)(e->size - from);
}

#define JCC_SHORT 0x70
#define JMP_SHORT 0xeb
enum { CC_B = 2, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_L = 12, CC_GE, CC_LE, CC_G };

/* rdx:rax by the divisor. 64-bit division of numbers that fit 32 bits is many times slower than a
 * 32-bit one, on machines that are still about. */
static void emit_unsigned_divide(struct jit_emitter *e, struct ir_node *n,
				 const struct x86_operand *y)
{
	uint32_t narrow, done;

	if (!n->wide || (n->arg[0]->bits <= 32 && n->arg[1]->bits <= 32)) {
		x86_rr(e, false, 0x33, X_RDX, X_RDX);
		x86_op(e, false, 0xf7, 6, y);
		return;
	}
	x86_mov(e, true, X_RDX, X_RAX);
	x86_op(e, true, 0x0b, X_RDX, y);
	x86_rr(e, true, 0xc1, 5, X_RDX);
	jit_put8(e, 32);
	narrow = emit_skip(e, JCC_SHORT | CC_E);
	x86_rr(e, false, 0x33, X_RDX, X_RDX);
	x86_op(e, true, 0xf7, 6, y);
	done = emit_skip(e, JMP_SHORT);
	emit_skip_to_here(e, narrow);
	x86_op(e, false, 0xf7, 6, y); /* rdx is 0 */
	emit_skip_to_here(e, done);
}

/* The result of a division by 0 is there before it is known that it is none: one jump less. */
static void emit_divide_unsigned(struct jit_emitter *e, struct ir_node *n,
				 const struct x86_operand *x, const struct x86_operand *y, bool known)
{
	bool mod = n->op == IR_UMOD, there = x->kind == X_REG && x->reg == X_RAX;
	uint32_t zero = 0;

	if (!there && (mod || known))
		x86_op(e, n->wide, 0x8b, X_RAX, x);
	else if (!there)
		x86_rr(e, false, 0x33, X_RAX, X_RAX);
	if (!known) {
		if (mod)
			x86_mov(e, n->wide, X_RDX, X_RAX);
		x86_rr(e, n->wide, 0x85, y->reg, y->reg);
		if (!mod && there)
			x86_rr(e, n->wide, 0x0f44, X_RAX, y->reg);
		zero = emit_skip(e, JCC_SHORT | CC_E);
		if (!mod && !there)
			x86_op(e, n->wide, 0x8b, X_RAX, x);
	}
	emit_unsigned_divide(e, n, y);
	if (zero)
		emit_skip_to_here(e, zero);
	emit_defined(e, n, mod ? X_RDX : X_RAX);
}

static void emit_divide(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]), y = emit_operand(e, n->arg[1]);
	bool mod = n->op == IR_SMOD, known;
	uint32_t zero = 0, minus, done, done2 = 0;
	struct x86_mem slot;

	known = ir_is_const(n->arg[1]) && (n->wide ? n->arg[1]->imm : (int32_t)n->arg[1]->imm);
	if (y.kind == X_MEM) { /* in memory: into a register, it is looked at several times */
		slot = y.mem;
		x86_rm(e, true, 0x8b, TEMP, &slot);
		y = (struct x86_operand){X_REG, TEMP, {0}, 0};
	}
	if (n->op == IR_UDIV || n->op == IR_UMOD) {
		emit_divide_unsigned(e, n, &x, &y, known);
		return;
	}
	if (x.kind != X_REG || x.reg != X_RAX)
		x86_op(e, n->wide, 0x8b, X_RAX, &x);
	else if (!n->wide)
		x86_mov(e, false, X_RAX, X_RAX);
	if (!known) {
		x86_rr(e, n->wide, 0x85, y.reg, y.reg);
		zero = emit_skip(e, JCC_SHORT | CC_E);
	}
	x86_alu_imm(e, n->wide, 7, y.reg, -1);
	minus = emit_skip(e, JCC_SHORT | CC_E);
	if (n->wide)
		jit_put8(e, 0x48);
	jit_put8(e, 0x99);
	x86_op(e, n->wide, 0xf7, 7, &y);
	done = emit_skip(e, JMP_SHORT);
	emit_skip_to_here(e, minus);
	if (mod)
		x86_rr(e, false, 0x33, X_RDX, X_RDX);
	else
		x86_rr(e, n->wide, 0xf7, 3, X_RAX);
	if (zero)
		done2 = emit_skip(e, JMP_SHORT);
	if (zero) {
		emit_skip_to_here(e, zero);
		if (mod)
			x86_mov(e, n->wide, X_RDX, X_RAX);
		else
			x86_rr(e, false, 0x33, X_RAX, X_RAX);
	}
	emit_skip_to_here(e, done);
	if (done2)
		emit_skip_to_here(e, done2);
	emit_defined(e, n, mod ? X_RDX : X_RAX);
}

static void emit_shift(struct jit_emitter *e, struct ir_node *n)
{
	static const uint8_t ext[IR_COUNT] = {
		[IR_ROL] = 0, [IR_SHL] = 4, [IR_SHR] = 5, [IR_SAR] = 7};
	static const uint8_t pp[IR_COUNT] = {[IR_SHL] = 1, [IR_SHR] = 3, [IR_SAR] = 2};
	struct x86_operand x = emit_operand(e, n->arg[0]), y;
	uint8_t width = n->wide ? 64 : 32;
	int dst = emit_def(n);

	if (ir_is_const(n->arg[1])) {
		uint8_t by = (uint8_t)(n->arg[1]->imm & (width - 1));

		if (n->op == IR_ROL && e->p->features & JIT_BMI2 &&
		    (x.kind != X_REG || x.reg != dst)) {
			x86_vex(e, n->wide, 3, 3, 0xf0, dst, 0, &x);
			jit_put8(e, (uint8_t)(width - by));
		} else {
			if (x.kind != X_REG || x.reg != dst)
				x86_op(e, n->wide, 0x8b, dst, &x);
			x86_rr(e, n->wide, by == 1 ? 0xd1 : 0xc1, ext[n->op], dst);
			if (by != 1)
				jit_put8(e, by);
		}
	} else if (e->p->features & JIT_BMI2) {
		int by = emit_use(e, n->arg[1], TEMP);

		x86_vex(e, n->wide, pp[n->op], 2, 0xf7, dst, by, &x);
	} else {
		y = emit_operand(e, n->arg[1]);
		if (y.kind != X_REG || y.reg != X_RCX)
			x86_op(e, false, 0x8b, X_RCX, &y);
		if (x.kind != X_REG || x.reg != dst)
			x86_op(e, n->wide, 0x8b, dst, &x);
		x86_rr(e, n->wide, 0xd3, ext[n->op], dst);
	}
	emit_defined(e, n, dst);
}

static void emit_extend(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]);
	bool sign = n->op == IR_SEXT;
	int dst = emit_def(n);

	if (n->size == 4)
		x86_op(e, sign, sign ? 0x63 : 0x8b, dst, &x);
	else if (n->size == 2)
		x86_op(e, sign && n->wide, sign ? 0x0fbf : 0x0fb7, dst, &x);
	else if (x.kind == X_REG && !(sign && n->wide))
		x86_rr8(e, sign ? 0x0fbe : 0x0fb6, dst, x.reg);
	else if (x.kind == X_REG)
		x86_rr(e, true, 0x0fbe, dst, x.reg);
	else
		x86_rm(e, sign && n->wide, sign ? 0x0fbe : 0x0fb6, dst, &x.mem);
	emit_defined(e, n, dst);
}

static void emit_bswap(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]);
	int dst = emit_def(n);

	if (n->size == 2) {
		/* Both bytes of 16, then the rest cleared. */
		if (x.kind != X_REG || x.reg != dst)
			x86_op(e, false, 0x8b, dst, &x);
		x86_rr(e, false, 0x6600c1, 0, dst);
		jit_put8(e, 8);
		x86_rr(e, false, 0x0fb7, dst, dst);
	} else {
		if (x.kind != X_REG || x.reg != dst)
			x86_op(e, n->size == 8, 0x8b, dst, &x);
		x86_rr(e, n->size == 8, 0x0fc8 | (dst & 7), 0, dst);
		/* bswap has its register in the opcode, not in ModRM */
		if (!e->failed)
			e->size--;
	}
	emit_defined(e, n, dst);
}

/* Of 2x + 1, which is not 0, the place of the highest bit. */
static void emit_bits(struct jit_emitter *e, struct ir_node *n)
{
	int8_t x = (int8_t)emit_use(e, n->arg[0], TEMP);
	struct x86_mem m = {x, x, 0, 1};
	int dst = emit_def(n);

	x86_rm(e, true, 0x8d, dst, &m);
	x86_rr(e, true, 0x0fbd, dst, dst);
	emit_defined(e, n, dst);
}

static void emit_neg(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand x = emit_operand(e, n->arg[0]);
	int dst = emit_def(n);

	if (x.kind != X_REG || x.reg != dst)
		x86_op(e, n->wide, 0x8b, dst, &x);
	x86_rr(e, n->wide, 0xf7, 3, dst);
	emit_defined(e, n, dst);
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static void emit_load(struct jit_emitter *e, struct ir_node *n)
{
	static const uint32_t plain[9] = {[1] = 0x0fb6, [2] = 0x0fb7, [4] = 0x8b, [8] = 0x8b};
	static const uint32_t sign[9] = {[1] = 0x0fbe, [2] = 0x0fbf, [4] = 0x63, [8] = 0x8b};
	struct x86_mem m = emit_address(e, n->arg[0], n->imm);
	int dst = emit_def(n);

	x86_rm(e, n->sign || n->size == 8, (n->sign ? sign : plain)[n->size], dst, &m);
	emit_defined(e, n, dst);
}

/* An operation on what is in memory. */
static void emit_modify(struct jit_emitter *e, struct ir_node *n, const struct x86_mem *m)
{
	const struct alu *op = &emit_alu_ops[n->arg[1]->op];
	struct ir_node *y = n->arg[1]->arg[1];
	uint32_t opcode = op->opcode ^ 2u; /* op r/m, reg */
	int reg;

	if (y->op == IR_CONST && y->folded) {
		x86_alu_mem_imm(e, n->size, op->imm, m, (int32_t)y->imm);
		return;
	}
	reg = emit_use(e, y, TEMP);
	if (n->size == 1)
		x86_rm8(e, opcode ^ 1, reg, m);
	else
		x86_rm(e, n->size == 8, n->size == 2 ? 0x660000 | opcode : opcode, reg, m);
}

static void emit_store(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_mem m = emit_address(e, n->arg[0], n->imm);
	struct ir_node *v = n->arg[1];
	int reg;

	if (n->how == X_MODIFY) {
		emit_modify(e, n, &m);
		return;
	}
	if (v->op == IR_CONST && v->folded) {
		if (n->size == 1)
			x86_rm8(e, 0xc6, 0, &m);
		else
			x86_rm(e, n->size == 8, n->size == 2 ? 0x6600c7 : 0xc7, 0, &m);
		if (n->size == 1)
			jit_put8(e, (uint8_t)v->imm);
		else if (n->size == 2)
			jit_put(e, &(uint16_t){(uint16_t)v->imm}, 2);
		else
			jit_put32(e, (uint32_t)v->imm);
		return;
	}
	reg = emit_use(e, v, TEMP);
	if (n->size == 1)
		x86_rm8(e, 0x88, reg, &m);
	else
		x86_rm(e, n->size == 8, n->size == 2 ? 0x660089 : 0x89, reg, &m);
}

static void emit_atomic_loop(struct jit_emitter *e, struct ir_node *n, const struct x86_mem *m)
{
	static const uint8_t op[] = {[A_OR] = 0x0b, [A_AND] = 0x23, [A_XOR] = 0x33};
	int dst = emit_def(n);
	uint32_t again;
	struct x86_operand y = emit_operand(e, n->arg[1]);

	x86_rm(e, n->wide, 0x8b, X_RAX, m);
	again = e->size;
	x86_mov(e, n->wide, dst, X_RAX);
	x86_op(e, n->wide, op[n->cond], dst, &y);
	jit_put8(e, 0xf0);
	x86_rm(e, n->wide, 0x0fb1, dst, m);
	jit_put8(e, JCC_SHORT | CC_NE);
	jit_put8(e, (uint8_t)(again - (e->size + 1)));
	x86_mov(e, n->wide, dst, X_RAX);
	emit_defined(e, n, dst);
}

static void emit_atomic(struct jit_emitter *e, struct ir_node *n)
{
	static const uint8_t plain[] = {[A_ADD] = 0x01, [A_OR] = 0x09, [A_AND] = 0x21, [A_XOR] = 0x31};
	static const uint8_t imm[] = {[A_ADD] = 0, [A_OR] = 1, [A_AND] = 4, [A_XOR] = 6};
	struct x86_mem m = emit_address(e, n->arg[0], n->imm);
	struct x86_operand y;
	int dst;

	if (n->cond == A_CMPXCHG) {
		y = emit_operand(e, n->arg[2]);
		if (y.kind != X_REG || y.reg != X_RAX)
			x86_op(e, true, 0x8b, X_RAX, &y);
		dst = emit_use(e, n->arg[1], TEMP);
		jit_put8(e, 0xf0);
		x86_rm(e, n->wide, 0x0fb1, dst, &m);
		if (!n->wide)
			x86_mov(e, false, X_RAX, X_RAX);
		emit_defined(e, n, X_RAX);
	} else if (n->cond == A_XCHG || (n->fetch && n->cond == A_ADD)) {
		y = emit_operand(e, n->arg[1]);
		dst = emit_def(n);
		if (y.kind != X_REG || y.reg != dst)
			x86_op(e, n->wide, 0x8b, dst, &y);
		if (n->cond == A_ADD)
			jit_put8(e, 0xf0);
		x86_rm(e, n->wide, n->cond == A_ADD ? 0x0fc1 : 0x87, dst, &m);
		emit_defined(e, n, dst);
	} else if (n->fetch) {
		emit_atomic_loop(e, n, &m);
	} else if (n->arg[1]->op == IR_CONST && n->arg[1]->folded) {
		jit_put8(e, 0xf0);
		x86_alu_mem_imm(e, n->size, imm[n->cond], &m, (int32_t)n->arg[1]->imm);
	} else {
		dst = emit_use(e, n->arg[1], TEMP);
		jit_put8(e, 0xf0);
		x86_rm(e, n->wide, plain[n->cond], dst, &m);
	}
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

/* A call of a C function at a known address: by distance if it is near. */
static void emit_call_c(struct jit_emitter *e, enum ir_sym sym, uint32_t index, int64_t address)
{
	int64_t distance = address - (int64_t)e->p->env->code_near;

	if (e->p->env->code_near && distance > -(INT64_C(3) << 29) && distance < INT64_C(3) << 29) {
		jit_put8(e, 0xe8);
		jit_reloc(e, sym, index, JIT_DISTANCE, address);
		jit_put32(e, 0);
		return;
	}
	jit_put8(e, 0x48);
	jit_put8(e, 0xb8);
	jit_reloc(e, sym, index, JIT_ADDRESS, address);
	jit_put64(e, (uint64_t)address);
	x86_rr(e, false, 0xff, 2, X_RAX);
}

static void emit_call(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_node *function = n->arg[0];

	jit_arguments(e, n, 2, n->arg[1], X_RAX, function);
	if (function->folded)
		emit_call_c(e, function->sym, function->index, function->imm);
	else
		x86_rr(e, false, 0xff, 2, X_RAX);
	emit_defined(e, n, X_RAX);
}

static void emit_callsub(struct jit_emitter *e, struct ir_node *n)
{
	jit_arguments(e, n, 1, n->arg[0], X_NONE, NULL);
	jit_put8(e, 0xe8);
	jit_reloc(e, SYM_CODE, n->index, JIT_DISTANCE, 0);
	jit_put32(e, 0);
	emit_defined(e, n, X_RAX);
}

void x86_leave(struct jit_emitter *e)
{
	if (e->frame)
		x86_alu_imm(e, true, 0, X_RSP, (int32_t)e->frame);
	for (int r = 15; r >= 0; r--)
		if (e->saved >> r & 1) {
			if (r >= 8)
				jit_put8(e, 0x41);
			jit_put8(e, (uint8_t)(0x58 | (r & 7)));
		}
}

/* A 64-bit address into a register. */
static void emit_mov_address(struct jit_emitter *e, int dst, enum ir_sym sym, uint32_t index,
			     const void *address)
{
	jit_put8(e, dst >= 8 ? 0x49 : 0x48);
	jit_put8(e, (uint8_t)(0xb8 | (dst & 7)));
	jit_reloc(e, sym, index, JIT_ADDRESS, (int64_t)(uintptr_t)address);
	jit_put64(e, (uint64_t)(uintptr_t)address);
}

/* Compares the rate of statistics with 0. */
static void emit_counting(struct jit_emitter *e)
{
	int64_t address = (int64_t)(uintptr_t)e->p->env->symbol[JIT_STATS];
	int64_t distance = address - (int64_t)e->p->env->code_near;
	struct x86_mem m = {X_RDX, X_NONE, 0, 0};

	if (e->p->env->code_near && distance > -(INT64_C(3) << 29) && distance < INT64_C(3) << 29) {
		jit_put8(e, 0x83); /* cmp dword [rip + distance], 0 */
		jit_put8(e, 0x3d);
		jit_reloc(e, SYM_ENV, JIT_STATS, JIT_DISTANCE_BYTE, address);
		jit_put32(e, 0);
		jit_put8(e, 0);
	} else {
		emit_mov_address(e, X_RDX, SYM_ENV, JIT_STATS, e->p->env->symbol[JIT_STATS]);
		x86_alu_mem_imm(e, 4, 7, &m, 0);
	}
}

/* What is at an address, 4 bytes, into rax. */
static void emit_load_at(struct jit_emitter *e, enum ir_sym sym, uint32_t index,
			 const void *address)
{
	jit_put8(e, 0xa1);
	jit_reloc(e, sym, index, JIT_ADDRESS, (int64_t)(uintptr_t)address);
	jit_put64(e, (uint64_t)(uintptr_t)address);
}

/*
 * A tail call through a slot that is known, in place: if the slot still names the program that was
 * last found there, which is native code of the same type, nothing is counted and calls are left, go
 * there. Anything else is left to the vm: jumps to there are returned.
 *
 * The number of calls that are left goes from program to program in a register, so that no call
 * waits for memory that the one before wrote; what is in memory is for everybody else. That
 * number is 0 while calls are counted. A program with functions, which may make calls of their
 * own, looks into memory.
 */
static uint32_t emit_tail_in_place(struct jit_emitter *e, struct ir_node *n, uint32_t *slow)
{
	const struct jit_env *env = e->p->env;
	struct ir_node *map = n->arg[1], *index = n->arg[2];
	const void *slot, *cached;
	struct x86_mem prog = {X_RCX, X_NONE, 0, 0}, run = {X_R9, X_NONE, 0, 0};
	uint32_t k = 0;
	int left;

	if (e->f->subprog || !e->p->tail || map->op != IR_CONST || map->sym != SYM_MAP ||
	    !ir_is_const(index) ||
	    !e->p->tail(e->p->user, map->index, (uint32_t)index->imm, &slot, &cached))
		return 0;
	if (n->n_args == 4) {
		left = emit_use(e, n->arg[3], X_RDX);
		if (left != X_RDX)
			x86_mov(e, false, X_RDX, left);
		run.base = (int8_t)emit_use(e, n->arg[0], X_R9);
	} else {
		run.base = (int8_t)emit_use(e, n->arg[0], X_R9);
		emit_counting(e);
		slow[k++] = emit_skip(e, JCC_SHORT | CC_NE);
		run.disp = (int32_t)env->run_tail_calls;
		x86_rm(e, false, 0x8b, X_RDX, &run);
	}
	x86_alu_imm(e, false, 5, X_RDX, 1);
	slow[k++] = emit_skip(e, JCC_SHORT | CC_B);
	emit_load_at(e, SYM_TAIL, map->index, slot);
	emit_mov_address(e, X_RCX, SYM_FOUND, map->index, cached);
	x86_rm(e, true, 0x8b, X_RCX, &prog);
	x86_rr(e, true, 0x85, X_RCX, X_RCX);
	slow[k++] = emit_skip(e, JCC_SHORT | CC_E);
	prog.disp = (int32_t)env->prog_tail_id;
	x86_rm(e, false, 0x3b, X_RAX, &prog);
	slow[k++] = emit_skip(e, JCC_SHORT | CC_NE);
	prog.disp = (int32_t)env->prog_type;
	x86_alu_mem_imm(e, 4, 7, &prog, (int32_t)e->p->code->type->type);
	slow[k++] = emit_skip(e, JCC_SHORT | CC_NE);
	run.disp = (int32_t)env->run_tail_calls;
	x86_rm(e, false, 0x89, X_RDX, &run);
	run.disp = (int32_t)env->run_prog;
	x86_rm(e, true, 0x89, X_RCX, &run);
	run.disp = (int32_t)env->run_ctx;
	x86_rm(e, true, 0x8b, X_RDI, &run);
	if (run.base != X_R9)
		x86_mov(e, true, X_R9, run.base);
	x86_leave(e);
	prog.disp = (int32_t)env->prog_code;
	x86_rm(e, false, 0xff, 4, &prog);
	return k;
}

/* How many words go on the stack so that the run outlasts the call, and the stack is aligned. */
static uint32_t emit_tail_words(const struct jit_emitter *e, const struct ir_node *n)
{
	const struct ir_node *run = n->arg[0];

	if (n->n_args != 4)
		return 0;
	if (!(e->frame & 8)) /* there is the return address, and no saved registers */
		return 1;
	return run->spilled || X_SAVED >> run->reg & 1 ? 0 : 2;
}

/* The main program goes on in the other one with a jump. A function of a program must come back to
 * its caller, with the caller's registers: there the vm runs the other one. */
static void emit_tail(struct jit_emitter *e, struct ir_node *n)
{
	const struct jit_env *env = e->p->env;
	enum jit_symbol symbol = e->f->subprog ? JIT_TAIL_NESTED : JIT_TAIL;
	struct jit_move moves[3] = {
		{jit_place_of(n->arg[0]), {PLACE_REG, X_RDI, NULL}},
		{jit_place_of(n->arg[1]), {PLACE_REG, X_RSI, NULL}},
		{jit_place_of(n->arg[2]), {PLACE_REG, X_RDX, NULL}},
	};
	struct x86_mem m = {X_R9, X_NONE, 0, (int32_t)env->run_ctx};
	uint32_t failed, slow[8], n_slow = emit_tail_in_place(e, n, slow);
	uint32_t words = emit_tail_words(e, n);

	while (n_slow)
		emit_skip_to_here(e, slow[--n_slow]);
	jit_moves(e, moves, 3);
	for (uint32_t i = 0; i < words; i++)
		jit_put8(e, 0x57); /* push rdi */
	emit_call_c(e, SYM_ENV, symbol, (int64_t)(uintptr_t)env->symbol[symbol]);
	for (uint32_t i = 0; i < words; i++) {
		jit_put8(e, 0x41); /* pop r9 */
		jit_put8(e, 0x59);
	}
	x86_rr(e, !e->f->subprog, 0x85, X_RAX, X_RAX);
	jit_put8(e, 0x0f);
	jit_put8(e, 0x80 | CC_E);
	failed = e->size;
	jit_put32(e, 0);
	if (!words)
		x86_mov(e, true, X_R9, emit_use(e, n->arg[0], X_R9));
	if (!e->f->subprog) { /* how many calls are left came back in rdx */
		x86_rm(e, true, 0x8b, X_RDI, &m);
		x86_leave(e);
		x86_rr(e, false, 0xff, 4, X_RAX);
	} else {
		m.disp = (int32_t)env->run_tail_result;
		x86_rm(e, true, 0x8b, X_RAX, &m);
		x86_leave(e);
		jit_put8(e, 0xc3);
	}
	if (!e->failed) {
		uint32_t distance = e->size - failed - 4;

		memcpy(e->bytes + failed, &distance, 4);
	}
}

/* ---- ends of blocks ------------------------------------------------------------------------------------------ */

static void emit_jump_to(struct jit_emitter *e, int cc, struct ir_block *to)
{
	bool near = jit_jump_near(e, to, 2, 127);

	if (near) {
		jit_put8(e, (uint8_t)(cc < 0 ? JMP_SHORT : JCC_SHORT | cc));
		jit_fixup(e, to, 1);
		jit_put8(e, 0);
		return;
	}
	if (cc < 0) {
		jit_put8(e, 0xe9);
	} else {
		jit_put8(e, 0x0f);
		jit_put8(e, (uint8_t)(0x80 | cc));
	}
	jit_fixup(e, to, 4);
	jit_put32(e, 0);
}

static const uint8_t emit_cc[C_COUNT] = {
	[C_EQ] = CC_E,	 [C_NE] = CC_NE,  [C_LT] = CC_B,   [C_GE] = CC_AE,
	[C_LE] = CC_BE,	 [C_GT] = CC_A,	  [C_SLT] = CC_L,  [C_SGE] = CC_GE,
	[C_SLE] = CC_LE, [C_SGT] = CC_G,  [C_SET] = CC_NE, [C_CLEAR] = CC_E,
};

static void emit_test(struct jit_emitter *e, bool wide, uint8_t size, struct x86_operand *x,
		      const struct x86_operand *y)
{
	if (y->kind == X_IMM) {
		if (size == 1)
			x86_rm8(e, 0xf6, 0, &x->mem);
		else
			x86_op(e, wide, size == 2 ? 0x6600f7 : 0xf7, 0, x);
		if (size == 1)
			jit_put8(e, (uint8_t)y->imm);
		else if (size == 2)
			jit_put(e, &(uint16_t){(uint16_t)y->imm}, 2);
		else
			jit_put32(e, (uint32_t)y->imm);
	} else if (y->kind == X_REG) {
		x86_op(e, wide, 0x85, y->reg, x);
	} else {
		x86_op(e, wide, 0x85, x->reg, y);
	}
}

static void emit_compare(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_operand y = emit_operand(e, n->arg[1]), x = emit_operand(e, n->arg[0]);
	uint8_t size = n->how == X_NARROW ? n->arg[0]->size : n->wide ? 8 : 4;

	if (x.kind == X_MEM && y.kind == X_MEM) {
		/* At most one of them is a load, whose address may be in TEMP2. */
		struct x86_operand *slot = n->arg[1]->folded ? &x : &y;

		x86_rm(e, true, 0x8b, TEMP, &slot->mem);
		*slot = (struct x86_operand){X_REG, TEMP, {0}, 0};
	}
	if (n->cond >= C_SET)
		emit_test(e, n->wide, size, &x, &y);
	else if (y.kind == X_IMM && !y.imm && x.kind == X_REG)
		x86_rr(e, n->wide, 0x85, x.reg, x.reg);
	else if (y.kind == X_IMM && x.kind == X_MEM)
		x86_alu_mem_imm(e, size, 7, &x.mem, (int32_t)y.imm);
	else if (y.kind == X_IMM)
		x86_alu_imm(e, n->wide, 7, x.reg, (int32_t)y.imm);
	else if (x.kind == X_MEM)
		x86_rm(e, n->wide, 0x39, y.reg, &x.mem);
	else
		x86_op(e, n->wide, 0x3b, x.reg, &y);
}

static void emit_branch(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_block *yes = n->block->succ[0]->placed, *no = n->block->succ[1]->placed;
	int cc = emit_cc[n->cond];

	emit_compare(e, n);
	if (jit_is_next(e, yes)) {
		emit_jump_to(e, cc ^ 1, no);
		return;
	}
	emit_jump_to(e, cc, yes);
	if (!jit_is_next(e, no))
		emit_jump_to(e, -1, no);
}

/* Through a table of distances, which lies behind the function. */
static void emit_switch(struct jit_emitter *e, struct ir_node *n)
{
	struct x86_mem m = {(int8_t)emit_use(e, n->arg[0], X_RAX), X_NONE, 0, (int32_t)-n->imm};

	x86_rm(e, true, 0x8d, X_RAX, &m);
	jit_put8(e, 0x48); /* lea rdx, [rip + table] */
	jit_put8(e, 0x8d);
	jit_put8(e, 0x15);
	jit_fixup_table(e, n->block);
	jit_put32(e, 0);
	m = (struct x86_mem){X_RDX, X_RAX, 2, 0};
	x86_rm(e, true, 0x63, X_RAX, &m);
	x86_rr(e, true, 0x03, X_RAX, X_RDX);
	x86_rr(e, false, 0xff, 4, X_RAX);
}

static void emit_return(struct jit_emitter *e, struct ir_node *n)
{
	struct jit_move m = {jit_place_of(n->arg[0]), {PLACE_REG, X_RAX, NULL}};

	if (e->batch) {
		x86_batch_return(e, n);
		return;
	}
	jit_moves(e, &m, 1);
	x86_leave(e);
	jit_put8(e, 0xc3);
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

void x86_enter(struct jit_emitter *e)
{
	for (int r = 0; r < 16; r++)
		if (e->saved >> r & 1) {
			if (r >= 8)
				jit_put8(e, 0x41);
			jit_put8(e, (uint8_t)(0x50 | (r & 7)));
		}
	if (e->frame)
		x86_alu_imm(e, true, 5, X_RSP, (int32_t)e->frame);
}

void x86_clear(struct jit_emitter *e)
{
	for (uint32_t off = 0; e->f->zero_stack && off < e->f->stack; off += 8) {
		struct x86_mem m = {X_RSP, X_NONE, 0, (int32_t)(e->frame - off - 8)};

		x86_rm(e, true, 0xc7, 0, &m);
		jit_put32(e, 0);
	}
}

static void emit_node_code(struct jit_emitter *e, struct ir_node *n)
{
	struct jit_move *moves;
	uint32_t k;
	int dst;

	jit_line(e, n->insn);
	switch (n->op) {
	case IR_CONST:
	case IR_FRAME:
		dst = emit_def(n);
		emit_node(e, dst, n);
		emit_defined(e, n, dst);
		break;
	case IR_PARAM:
	case IR_PHI:
		break;
	case IR_ADD:
	case IR_SUB:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
		emit_alu(e, n);
		break;
	case IR_MUL:
		emit_mul(e, n);
		break;
	case IR_MULHU:
		emit_mulhu(e, n);
		break;
	case IR_UDIV:
	case IR_SDIV:
	case IR_UMOD:
	case IR_SMOD:
		emit_divide(e, n);
		break;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROL:
		emit_shift(e, n);
		break;
	case IR_NEG:
		emit_neg(e, n);
		break;
	case IR_BITS:
		emit_bits(e, n);
		break;
	case IR_BSWAP:
		emit_bswap(e, n);
		break;
	case IR_ZEXT:
	case IR_SEXT:
		emit_extend(e, n);
		break;
	case IR_LOAD:
		emit_load(e, n);
		break;
	case IR_STORE:
		emit_store(e, n);
		break;
	case IR_ATOMIC:
		emit_atomic(e, n);
		break;
	case IR_CALL:
		emit_call(e, n);
		break;
	case IR_CALLSUB:
		emit_callsub(e, n);
		break;
	case IR_TAIL:
		emit_tail(e, n);
		break;
	case IR_JUMP:
		k = jit_phi_moves(e, n->block, &moves);
		jit_moves(e, moves, k);
		if (!jit_is_next(e, n->block->succ[0]->placed))
			emit_jump_to(e, -1, n->block->succ[0]->placed);
		break;
	case IR_BRANCH:
		emit_branch(e, n);
		break;
	case IR_SWITCH:
		emit_switch(e, n);
		break;
	case IR_RETURN:
		emit_return(e, n);
		break;
	default:
		e->failed = true; /* an operation without a row here */
	}
}

void x86_emit_block(struct jit_emitter *e, struct ir_block *b)
{
	if (e->index == 0 && e->batch) {
		x86_batch_enter(e, b);
	} else if (e->index == 0) {
		x86_enter(e);
		x86_clear(e);
		jit_params(e, b);
	}
	for (struct ir_node *n = b->first; n && !e->failed; n = n->next)
		if (!n->folded)
			emit_node_code(e, n);
}

/* Calls need a stack aligned to 16 bytes; 8 of them are the return address. */
void x86_frame(struct jit_emitter *e, uint32_t slots)
{
	uint32_t saved = (uint32_t)__builtin_popcount(e->saved) * 8 + 8;
	uint32_t size = ALIGN_UP(slots, 16u) + ALIGN_UP(e->f->stack, 16u);

	/* The program's r10 is at the upper end, and as aligned as the stack. */
	e->frame = size + (saved & 8 ? 8 : 0);
	if (!size && !e->f->aligned)
		e->frame = 0;
}

void x86_fixup(uint8_t *field, uint32_t size, int64_t distance)
{
	int32_t d = (int32_t)distance;

	memcpy(field, &d, size); /* the machine is little endian, and so are its distances */
}

bool x86_relocate(uint8_t *field, uint8_t form, int64_t value, uint64_t at)
{
	int64_t distance = value - (int64_t)(at + 4 + (form == JIT_DISTANCE_BYTE));
	int32_t d = (int32_t)distance;

	if (form == JIT_ADDRESS)
		memcpy(field, &value, 8);
	else if (d == distance)
		memcpy(field, &d, 4);
	return form == JIT_ADDRESS || d == distance;
}
