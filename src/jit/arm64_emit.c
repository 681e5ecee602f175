/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/arm64_emit.c - from nodes with registers to arm64 instructions.
 *
 *   frame:   sp -> | slots of values | stack of the program | saved registers, in pairs |
 *                                                           ^ r10 of the program
 *
 * x16 and x17 never hold values: x16 takes an operand or a result that is in memory, x17 a second
 * operand or an address. x15 takes a third one: it holds no values in functions in which some are
 * in memory. Blocks are emitted twice, the first time with conditional branches around jumps; the
 * second time without where the distance allows it.
 */
#include <string.h>

#include "jit/arm64.h"

#define TEMP  A64_X16
#define TEMP2 A64_X17
#define TEMP3 A64_X15

/* ---- places ---------------------------------------------------------------------------------- */

/* d = n + imm, either may be sp; `temp`, not n unless the number is small, may be changed. */
static void emit_add_imm(struct jit_emitter *e, bool wide, int d, int n, int64_t imm, int temp)
{
	uint32_t opcode = imm < 0 ? A64_SUB : A64_ADD;
	uint64_t by = imm < 0 ? 0 - (uint64_t)imm : (uint64_t)imm;

	if (arm64_imm_fits(by)) {
		arm64_rri(e, wide, opcode, d, n, (uint32_t)by);
	} else if (by < 1 << 24) {
		arm64_rri(e, wide, opcode, d, n, (uint32_t)by & 0xfff000);
		arm64_rri(e, wide, opcode, d, d, (uint32_t)by & 0xfff);
	} else {
		arm64_mov_imm(e, temp, (uint64_t)imm);
		arm64_extended(e, wide, A64_ADD, d, n, temp, A64_UXTX, 0);
	}
}

/* Whether the word is this load or store, by what offset. */
static bool emit_was_access(uint32_t word, uint32_t opcode, int64_t *off)
{
	if ((word & 0xffc00000) == opcode) {
		*off = (int64_t)(word >> 10 & 0xfff) << (opcode >> 30);
		return true;
	}
	*off = (int64_t)(word >> 12 & 0xff) - (word >> 20 & 1 ? 256 : 0);
	return (word & 0xffe00c00) == (opcode ^ 0x01000000);
}

/* The access and the one right before it in the block, to the words beside it, become one. */
static bool emit_paired(struct jit_emitter *e, uint32_t opcode, int t, const struct arm64_mem *m)
{
	uint32_t word, pair = opcode == A64_LDRX   ? A64_LDP
			      : opcode == A64_STRX ? A64_STP
			      : opcode == A64_LDRW ? A64_LDP_W
			      : opcode == A64_STRW ? A64_STP_W
						   : 0;
	int64_t size = 1 << (opcode >> 30), off, low;
	bool load = opcode == A64_LDRX || opcode == A64_LDRW;
	int before;

	if (!pair || m->index != A64_NONE || e->failed || e->size == e->f->order[e->index]->at)
		return false;
	memcpy(&word, e->bytes + e->size - 4, 4);
	before = (int)(word & 31);
	if (!emit_was_access(word, opcode, &off) || (int)(word >> 5 & 31) != m->base ||
	    (load && (before == t || before == m->base)))
		return false;
	low = MIN(off, m->off);
	if (MAX(off, m->off) - low != size || low % size || low < -64 * size || low >= 64 * size)
		return false;
	e->size -= 4;
	if (off == low)
		arm64_pair(e, pair, before, t, m->base, (int)low);
	else
		arm64_pair(e, pair, t, before, m->base, (int)low);
	return true;
}

static void emit_access(struct jit_emitter *e, uint32_t opcode, int t, const struct arm64_mem *m)
{
	if (!emit_paired(e, opcode, t, m))
		arm64_mem(e, opcode, t, m);
}

/* A load or store of 64 bits at sp + off. */
static void emit_slot(struct jit_emitter *e, uint32_t opcode, int t, int64_t off, int temp)
{
	struct arm64_mem m = {A64_SP, A64_NONE, A64_UXTX, 0, off};

	if (!arm64_off_fits(8, off)) {
		arm64_mov_imm(e, temp, (uint64_t)off);
		m.index = (int8_t)temp;
	}
	emit_access(e, opcode, t, &m);
}

/* The register that holds n, which is read into `temp` if it is in memory. */
static int emit_use(struct jit_emitter *e, const struct ir_node *n, int temp)
{
	if (!n->spilled)
		return n->reg;
	emit_slot(e, A64_LDRX, temp, n->slot, temp);
	return temp;
}

/* The register for the result of n. */
static int emit_def(const struct ir_node *n)
{
	return n->spilled || n->reg < 0 ? TEMP : n->reg;
}

static void emit_defined(struct jit_emitter *e, const struct ir_node *n, int reg)
{
	if (n->spilled)
		emit_slot(e, A64_STRX, reg, n->slot, TEMP2);
	else if (n->reg >= 0 && n->reg != reg)
		arm64_mov(e, true, n->reg, reg);
}

/* base + index of an address that is folded. */
static struct arm64_mem emit_sum(struct jit_emitter *e, const struct ir_node *a)
{
	const struct ir_node *index = a->arg[1];
	struct arm64_mem m = {A64_NONE, A64_NONE, A64_UXTX, 0, 0};

	if (index->folded && index->op == IR_SHL) {
		m.shift = (uint8_t)(index->arg[1]->imm & 63);
		index = index->arg[0];
	}
	if (index->folded) {
		m.extend = index->op == IR_SEXT ? A64_SXTW : A64_UXTW;
		index = index->arg[0];
	}
	m.base = (int8_t)emit_use(e, a->arg[0], TEMP2);
	m.index = (int8_t)emit_use(e, index, TEMP);
	return m;
}

/* The address of an access to a + off of `size` bytes; size 0: in a register. It may be in TEMP2,
 * and TEMP may be part of it, or be changed. */
static struct arm64_mem emit_address(struct jit_emitter *e, const struct ir_node *a, int64_t off,
				     unsigned size)
{
	struct arm64_mem m = {A64_SP, A64_NONE, A64_UXTX, 0, off};

	if (a->op == IR_FRAME && a->folded)
		m.off += a->imm + e->frame;
	else if (a->folded)
		return emit_sum(e, a);
	else
		m.base = (int8_t)emit_use(e, a, TEMP2);
	if (size ? !arm64_off_fits(size, m.off) : m.off != 0) {
		emit_add_imm(e, true, TEMP2, m.base, m.off, TEMP);
		m.base = TEMP2;
		m.off = 0;
	}
	return m;
}

/* ---- moves ----------------------------------------------------------------------------------- */

/* An address that only this process knows, as a relocation finds it. */
static void emit_mov_address(struct jit_emitter *e, int dst, enum ir_sym sym, uint32_t index,
			     uint64_t address)
{
	bool more = address >> 48;

	jit_reloc(e, sym, index, more ? JIT_ADDRESS_LONG : JIT_ADDRESS, (int64_t)address);
	arm64_mov_parts(e, dst, address, more ? 4 : 3);
}

/* A constant or an address of the frame into a register. */
static void emit_node(struct jit_emitter *e, int dst, const struct ir_node *n)
{
	if (n->op == IR_FRAME) {
		emit_add_imm(e, true, dst, A64_SP, n->imm + e->frame, dst);
	} else if (n->sym == SYM_CODE) {
		jit_reloc(e, SYM_CODE, n->index, JIT_PAGES, n->imm);
		arm64_word(e, A64_ADRP | (uint32_t)dst);
		arm64_rri(e, true, A64_ADD, dst, dst, 0);
	} else if (n->sym != SYM_NONE) {
		emit_mov_address(e, dst, n->sym, n->index, (uint64_t)n->imm);
	} else {
		arm64_mov_imm(e, dst, (uint64_t)n->imm);
	}
}

void arm64_move(struct jit_emitter *e, const struct jit_move *m)
{
	int dst = m->to.kind == PLACE_REG ? m->to.at : TEMP2;

	if (m->from.kind == PLACE_NODE) {
		if (m->to.kind == PLACE_SLOT && ir_is_const(m->from.node) && !m->from.node->imm)
			dst = A64_ZR;
		else
			emit_node(e, dst, m->from.node);
	} else if (m->from.kind == PLACE_SLOT) {
		emit_slot(e, A64_LDRX, dst, m->from.at, dst);
	} else if (m->to.kind == PLACE_SLOT) {
		dst = m->from.at;
	} else {
		arm64_mov(e, true, dst, m->from.at);
	}
	if (m->to.kind == PLACE_SLOT)
		emit_slot(e, A64_STRX, dst, m->to.at, dst == TEMP2 ? TEMP : TEMP2);
}

void arm64_swap(struct jit_emitter *e, int32_t a, int32_t b)
{
	arm64_mov(e, true, TEMP2, a);
	arm64_mov(e, true, a, b);
	arm64_mov(e, true, b, TEMP2);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* opcode d, x, and the last argument of n in the form that n->how says. */
static void emit_operand(struct jit_emitter *e, const struct ir_node *n, uint32_t opcode, int d,
			 int x)
{
	static const uint8_t shifts[IR_COUNT] = {
		[IR_SHL] = A64_LSL, [IR_SHR] = A64_LSR, [IR_SAR] = A64_ASR, [IR_ROL] = A64_ROR};
	const struct ir_node *y = n->arg[n->n_args - 1];
	unsigned by = 0, width = y->wide ? 64 : 32, log;

	switch (n->how) {
	case A64_SHIFTED:
		by = (unsigned)y->arg[1]->imm & (width - 1);
		if (y->op == IR_ROL)
			by = (width - by) & (width - 1);
		arm64_shifted(e, n->wide, opcode, d, x, emit_use(e, y->arg[0], TEMP2),
			      shifts[y->op], by);
		break;
	case A64_EXTENDED:
		if (y->op == IR_SHL) {
			by = (unsigned)y->arg[1]->imm & 63;
			y = y->arg[0];
		}
		log = (unsigned)__builtin_ctz(y->size);
		arm64_extended(e, true, opcode, d, x, emit_use(e, y->arg[0], TEMP2),
			       (y->op == IR_SEXT ? A64_SXTB : A64_UXTB) + log, by);
		break;
	case A64_NOT:
		arm64_rrr(e, n->wide, opcode | (A64_BIC ^ A64_AND), d, x,
			  emit_use(e, y->arg[0], TEMP2));
		break;
	default:
		arm64_rrr(e, n->wide, opcode, d, x, emit_use(e, y, TEMP2));
	}
}

/* The field that n and its folded argument are. */
static void emit_field(struct jit_emitter *e, struct ir_node *n)
{
	struct arm64_field f = {0};
	int dst = emit_def(n);

	if (!arm64_field_of(n, &f))
		e->failed = true;
	arm64_field(e, f.wide, f.sign ? A64_SBFM : A64_UBFM, dst,
		    emit_use(e, n->arg[0]->arg[0], TEMP), f.immr, f.imms);
	emit_defined(e, n, dst);
}

static const uint32_t emit_opcodes[IR_COUNT] = {
	[IR_ADD] = A64_ADD,   [IR_SUB] = A64_SUB,     [IR_AND] = A64_AND,   [IR_OR] = A64_ORR,
	[IR_XOR] = A64_EOR,   [IR_NEG] = A64_SUB,     [IR_UDIV] = A64_UDIV, [IR_UMOD] = A64_UDIV,
	[IR_SDIV] = A64_SDIV, [IR_SMOD] = A64_SDIV,   [IR_SHL] = A64_LSLV,  [IR_SHR] = A64_LSRV,
	[IR_SAR] = A64_ASRV,  [IR_MULHU] = A64_UMULH,
};

static void emit_alu_imm(struct jit_emitter *e, const struct ir_node *n, int d, int x)
{
	uint64_t v = (uint64_t)n->arg[1]->imm & jit_mask(n->wide ? 64 : 32);
	int64_t by = n->wide ? (int64_t)v : (int32_t)v;

	if (n->op == IR_ADD || n->op == IR_SUB)
		emit_add_imm(e, n->wide, d, x, n->op == IR_SUB ? -by : by, TEMP2);
	else if (n->op == IR_XOR && v == jit_mask(n->wide ? 64 : 32))
		arm64_rrr(e, n->wide, A64_ORN, d, A64_ZR, x);
	else
		arm64_mask(e, n->wide, emit_opcodes[n->op], d, x, v);
}

static void emit_alu(struct jit_emitter *e, struct ir_node *n)
{
	const struct ir_node *x = n->arg[0], *y = n->arg[1];
	int dst = emit_def(n), a, b;

	if (n->how == A64_FIELD) {
		emit_field(e, n);
		return;
	}
	if (n->how == A64_EXTRACT) {
		a = emit_use(e, x->arg[0], TEMP);
		b = emit_use(e, y->arg[0], TEMP2);
		arm64_extr(e, n->wide, dst, a, b, (unsigned)y->arg[1]->imm & (n->wide ? 63 : 31));
	} else if (n->how == A64_PRODUCT) {
		a = emit_use(e, y->arg[0], TEMP);
		b = emit_use(e, y->arg[1], TEMP2);
		arm64_rrrr(e, n->wide, n->op == IR_ADD ? A64_MADD : A64_MSUB, dst, a, b,
			   emit_use(e, x, TEMP3));
	} else if (ir_is_const(y) && y->folded) {
		emit_alu_imm(e, n, dst, emit_use(e, x, TEMP));
	} else {
		emit_operand(e, n, emit_opcodes[n->op], dst, emit_use(e, x, TEMP));
	}
	emit_defined(e, n, dst);
}

static void emit_neg(struct jit_emitter *e, struct ir_node *n)
{
	const struct ir_node *x = n->arg[0];
	int dst = emit_def(n), a, b;

	if (n->how == A64_PRODUCT) {
		a = emit_use(e, x->arg[0], TEMP);
		b = emit_use(e, x->arg[1], TEMP2);
		arm64_rrrr(e, n->wide, A64_MSUB, dst, a, b, A64_ZR);
	} else {
		emit_operand(e, n, A64_SUB, dst, A64_ZR);
	}
	emit_defined(e, n, dst);
}

/* Two registers to one, without choices. */
static void emit_plain(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n), x = emit_use(e, n->arg[0], TEMP), y = emit_use(e, n->arg[1], TEMP2);

	arm64_rrr(e, n->wide, emit_opcodes[n->op], dst, x, y);
	emit_defined(e, n, dst);
}

static void emit_mul(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n), x = emit_use(e, n->arg[0], TEMP);

	if (n->arg[1]->folded)
		arm64_shifted(e, n->wide, A64_ADD, dst, x, x, A64_LSL, arm64_times(n));
	else
		arm64_rrrr(e, n->wide, A64_MADD, dst, x, emit_use(e, n->arg[1], TEMP2), A64_ZR);
	emit_defined(e, n, dst);
}

/* The machine divides as programs want it: by 0 gives 0, and nothing overflows. */
static void emit_modulo(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n), x = emit_use(e, n->arg[0], TEMP), y = emit_use(e, n->arg[1], TEMP2);
	int q = x == TEMP ? TEMP3 : TEMP;

	arm64_rrr(e, n->wide, emit_opcodes[n->op], q, x, y);
	arm64_rrrr(e, n->wide, A64_MSUB, dst, q, y, x);
	emit_defined(e, n, dst);
}

static void emit_shift(struct jit_emitter *e, struct ir_node *n)
{
	unsigned width = n->wide ? 64 : 32, by;
	int dst = emit_def(n), x;

	if (n->how == A64_FIELD) {
		emit_field(e, n);
		return;
	}
	if (!ir_is_const(n->arg[1])) {
		emit_plain(e, n);
		return;
	}
	x = emit_use(e, n->arg[0], TEMP);
	by = (unsigned)n->arg[1]->imm & (width - 1);
	if (n->op == IR_ROL)
		arm64_extr(e, n->wide, dst, x, x, (width - by) & (width - 1));
	else if (n->op == IR_SHL)
		arm64_lsl(e, n->wide, dst, x, by);
	else
		arm64_field(e, n->wide, n->op == IR_SAR ? A64_SBFM : A64_UBFM, dst, x, by,
			    width - 1);
	emit_defined(e, n, dst);
}

static void emit_extend(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n), x;

	if (n->how == A64_FIELD) {
		emit_field(e, n);
		return;
	}
	x = emit_use(e, n->arg[0], TEMP);
	if (n->op == IR_ZEXT && n->size >= 4)
		arm64_mov(e, n->size == 8, dst, x);
	else
		arm64_field(e, n->op == IR_SEXT && n->wide, n->op == IR_SEXT ? A64_SBFM : A64_UBFM,
			    dst, x, 0, n->size * 8u - 1);
	emit_defined(e, n, dst);
}

static void emit_bswap(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n), x = emit_use(e, n->arg[0], TEMP);

	if (n->size == 8) {
		arm64_rr(e, true, A64_REV64, dst, x);
	} else {
		arm64_rr(e, false, A64_REV, dst, x);
		if (n->size == 2)
			arm64_field(e, false, A64_UBFM, dst, dst, 16, 31);
	}
	emit_defined(e, n, dst);
}

static void emit_bits(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n);

	arm64_rr(e, true, A64_CLZ, dst, emit_use(e, n->arg[0], TEMP));
	arm64_mov_imm(e, TEMP2, 64);
	arm64_rrr(e, true, A64_SUB, dst, TEMP2, dst);
	emit_defined(e, n, dst);
}

static void emit_constant(struct jit_emitter *e, struct ir_node *n)
{
	int dst = emit_def(n);

	emit_node(e, dst, n);
	emit_defined(e, n, dst);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void emit_load(struct jit_emitter *e, struct ir_node *n)
{
	static const uint32_t plain[9] = {
		[1] = A64_LDRB, [2] = A64_LDRH, [4] = A64_LDRW, [8] = A64_LDRX};
	static const uint32_t sign[9] = {
		[1] = A64_LDRSB, [2] = A64_LDRSH, [4] = A64_LDRSW, [8] = A64_LDRX};
	struct arm64_mem m = emit_address(e, n->arg[0], n->imm, n->ordered ? 0 : n->size);
	int dst = emit_def(n);

	if (n->ordered) {
		arm64_atomic(e, A64_LDAR, n->size, 31, dst, m.base);
		if (n->sign && n->size < 8)
			arm64_field(e, true, A64_SBFM, dst, dst, 0, n->size * 8u - 1);
	} else {
		emit_access(e, (n->sign ? sign : plain)[n->size], dst, &m);
	}
	emit_defined(e, n, dst);
}

static void emit_store(struct jit_emitter *e, struct ir_node *n)
{
	static const uint32_t opcodes[9] = {
		[1] = A64_STRB, [2] = A64_STRH, [4] = A64_STRW, [8] = A64_STRX};
	struct arm64_mem m = emit_address(e, n->arg[0], n->imm, n->ordered ? 0 : n->size);
	const struct ir_node *v = n->arg[1];
	int reg = v->op == IR_CONST && v->folded ? A64_ZR : emit_use(e, v, TEMP3);

	if (n->ordered)
		arm64_atomic(e, A64_STLR, n->size, 31, reg, m.base);
	else
		emit_access(e, opcodes[n->size], reg, &m);
}

/* Load, compute, store if nobody came between; again otherwise. The registers that arm64_rules
 * keeps free for it hold what is in memory and what is computed. */
static void emit_exclusive(struct jit_emitter *e, struct ir_node *n, int base)
{
	static const uint32_t opcodes[] = {
		[A_ADD] = A64_ADD, [A_OR] = A64_ORR, [A_AND] = A64_AND, [A_XOR] = A64_EOR};
	unsigned size = n->wide ? 8 : 4;
	int dst = emit_def(n), y = emit_use(e, n->arg[1], A64_X13), expected = A64_NONE, new = y;
	uint32_t again;

	if (n->cond == A_CMPXCHG)
		expected = emit_use(e, n->arg[2], A64_X12);
	again = e->size;
	arm64_atomic(e, A64_LDAXR, size, 31, dst, base);
	if (n->cond == A_CMPXCHG) {
		arm64_rrr(e, n->wide, A64_SUBS, A64_ZR, dst, expected);
		arm64_word(e, A64_BCOND | 3 << 5 | A64_NE); /* to the end */
	} else if (n->cond != A_XCHG) {
		new = A64_X14;
		arm64_rrr(e, n->wide, opcodes[n->cond], new, dst, y);
	}
	arm64_atomic(e, A64_STLXR, size, A64_X15, new, base);
	arm64_word(e, A64_CBNZ | (((again - e->size) >> 2) & 0x7ffff) << 5 | A64_X15);
	if (n->fetch)
		emit_defined(e, n, dst);
}

static void emit_atomic(struct jit_emitter *e, struct ir_node *n)
{
	static const uint32_t opcodes[] = {
		[A_ADD] = A64_LDADDAL, [A_OR] = A64_LDSETAL, [A_AND] = A64_LDCLRAL,
		[A_XOR] = A64_LDEORAL, [A_XCHG] = A64_SWPAL, [A_CMPXCHG] = A64_CASAL};
	struct arm64_mem m = emit_address(e, n->arg[0], n->imm, 0);
	unsigned size = n->wide ? 8 : 4;
	int dst = emit_def(n), y, x;

	if (!(e->p->features & JIT_LSE)) {
		emit_exclusive(e, n, m.base);
		return;
	}
	y = emit_use(e, n->arg[1], TEMP3);
	if (n->cond == A_CMPXCHG) {
		x = emit_use(e, n->arg[2], dst);
		if (x != dst)
			arm64_mov(e, n->wide, dst, x);
		arm64_atomic(e, A64_CASAL, size, dst, y, m.base);
	} else {
		if (n->cond == A_AND) { /* the machine clears bits */
			arm64_rrr(e, n->wide, A64_ORN, TEMP3, A64_ZR, y);
			y = TEMP3;
		}
		arm64_atomic(e, opcodes[n->cond], size, y, dst, m.base);
	}
	if (n->fetch)
		emit_defined(e, n, dst);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* A call of a C function at a known address: by distance if it is near. */
static void emit_call_c(struct jit_emitter *e, enum ir_sym sym, uint32_t index, int64_t address)
{
	int64_t distance = address - (int64_t)e->p->env->code_near;

	/* Code is within 32 MiB of what is called the near address; branches reach 128 MiB. */
	if (e->p->env->code_near && distance > -(INT64_C(95) << 20) &&
	    distance < INT64_C(95) << 20) {
		jit_reloc(e, sym, index, JIT_DISTANCE, address);
		arm64_word(e, A64_BL);
		return;
	}
	emit_mov_address(e, TEMP, sym, index, (uint64_t)address);
	arm64_rr(e, false, A64_BLR, 0, TEMP);
}

static void emit_call(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_node *function = n->arg[0];

	jit_arguments(e, n, 2, n->arg[1], TEMP, function);
	if (function->folded)
		emit_call_c(e, function->sym, function->index, function->imm);
	else
		arm64_rr(e, false, A64_BLR, 0, TEMP);
	emit_defined(e, n, A64_X0);
}

static void emit_callsub(struct jit_emitter *e, struct ir_node *n)
{
	jit_arguments(e, n, 1, n->arg[0], A64_NONE, NULL);
	jit_reloc(e, SYM_CODE, n->index, JIT_DISTANCE, 0);
	arm64_word(e, A64_BL);
	emit_defined(e, n, A64_X0);
}

/* The registers to be saved, in pairs; returns how many pairs. */
static uint32_t emit_saved(const struct jit_emitter *e, uint8_t pairs[6][2])
{
	uint32_t n = 0;

	if (e->f->calls) {
		pairs[0][0] = A64_FP;
		pairs[0][1] = A64_LR;
		n = 2;
	}
	for (uint32_t set = e->saved; set; set &= set - 1, n++)
		pairs[n / 2][n % 2] = (uint8_t)__builtin_ctz(set);
	if (n % 2)
		pairs[n / 2][1] = TEMP2; /* to fill the place */
	return (n + 1) / 2;
}

static void emit_enter(struct jit_emitter *e)
{
	uint8_t pairs[6][2];
	uint32_t n = emit_saved(e, pairs), size;
	int base = A64_SP, off;

	for (uint32_t i = 0; i < n; i++)
		arm64_pair(e, i ? A64_STP : A64_STP_PRE, pairs[i][0], pairs[i][1], A64_SP,
			   i ? 16 * (int)i : -16 * (int)n);
	if (e->f->calls)
		arm64_rri(e, true, A64_ADD, A64_FP, A64_SP, 0);
	if (e->frame)
		emit_add_imm(e, true, A64_SP, A64_SP, -(int64_t)e->frame, TEMP2);
	if (!e->f->zero_stack)
		return;
	size = ALIGN_UP(e->f->stack, 16u);
	off = (int)(e->frame - size);
	if (e->frame > 504) {
		emit_add_imm(e, true, TEMP2, A64_SP, off, TEMP2);
		base = TEMP2;
		off = 0;
	}
	if (size >= 64) {
		arm64_word(e, A64_ZERO_V0);
		for (; size >= 32; size -= 32, off += 32)
			arm64_pair(e, A64_STP_Q, 0, 0, base, off);
	}
	for (; size; size -= 16, off += 16)
		arm64_pair(e, A64_STP, A64_ZR, A64_ZR, base, off);
}

static void emit_leave(struct jit_emitter *e)
{
	uint8_t pairs[6][2];
	uint32_t n = emit_saved(e, pairs);

	if (e->frame)
		emit_add_imm(e, true, A64_SP, A64_SP, e->frame, TEMP2);
	for (uint32_t i = n; i-- > 0;)
		arm64_pair(e, i ? A64_LDP : A64_LDP_POST, pairs[i][0], pairs[i][1], A64_SP,
			   16 * (int)(i ? i : n));
}

/* A branch forward within a node; where it goes is set later. Returns where it is. */
static uint32_t emit_skip(struct jit_emitter *e, uint32_t word)
{
	arm64_word(e, word);
	return e->size - 4;
}

static void emit_skip_to_here(struct jit_emitter *e, uint32_t at)
{
	if (!e->failed)
		arm64_fixup(e->bytes + at, 4, (int64_t)e->size - at - 4);
}

static void emit_at(struct jit_emitter *e, uint32_t opcode, int t, int base, uint32_t off)
{
	arm64_mem(e, opcode, t, &(struct arm64_mem){(int8_t)base, A64_NONE, A64_UXTX, 0, off});
}

/* The number at an address that is known. */
static void emit_load_known(struct jit_emitter *e, uint32_t opcode, int t, enum ir_sym sym,
			    uint32_t index, const void *from)
{
	emit_mov_address(e, t, sym, index, (uintptr_t)from);
	emit_at(e, opcode, t, t, 0);
}

/*
 * A tail call through a slot that is known, in place: if the slot still names the program that was
 * last found there, which is native code of the same type, nothing is counted and calls are left,
 * go there. Anything else is left to the vm: the branches to there are returned.
 */
static uint32_t emit_tail_in_place(struct jit_emitter *e, struct ir_node *n, uint32_t slow[5])
{
	const struct jit_env *env = e->p->env;
	struct ir_node *map = n->arg[1], *index = n->arg[2];
	int run = jit_arm64.args[5], prog = 9, x = 8;
	const void *slot, *cached;
	uint32_t k = 0, type = (uint32_t)e->p->code->type->type;

	if (e->f->subprog || !e->p->tail || map->op != IR_CONST || map->sym != SYM_MAP ||
	    !ir_is_const(index) || !arm64_imm_fits(type) ||
	    !e->p->tail(e->p->user, map->index, (uint32_t)index->imm, &slot, &cached))
		return 0;
	/* The number of calls that are left goes from program to program in x2; it is 0 while they are
	 * counted. A program with functions, which may make calls of their own, looks into memory. */
	if (n->n_args == 4) {
		arm64_rri(e, false, A64_SUBS, 2, emit_use(e, n->arg[3], 2), 1);
		slow[k++] = emit_skip(e, A64_BCOND | A64_LO);
	}
	arm64_mov(e, true, run, emit_use(e, n->arg[0], run));
	emit_load_known(e, A64_LDRX, prog, SYM_FOUND, map->index, cached);
	slow[k++] = emit_skip(e, A64_CBZ | 1u << 31 | (uint32_t)prog);
	emit_load_known(e, A64_LDRW, x, SYM_TAIL, map->index, slot);
	emit_at(e, A64_LDRW, TEMP, prog, env->prog_tail_id);
	arm64_rrr(e, false, A64_SUBS, A64_ZR, x, TEMP);
	slow[k++] = emit_skip(e, A64_BCOND | A64_NE);
	emit_at(e, A64_LDRW, x, prog, env->prog_type);
	arm64_rri(e, false, A64_SUBS, A64_ZR, x, type);
	slow[k++] = emit_skip(e, A64_BCOND | A64_NE);
	if (n->n_args != 4) {
		emit_load_known(e, A64_LDRW, x, SYM_ENV, JIT_STATS, env->symbol[JIT_STATS]);
		slow[k++] = emit_skip(e, A64_CBNZ | (uint32_t)x);
		emit_at(e, A64_LDRW, 2, run, env->run_tail_calls);
		arm64_rri(e, false, A64_SUBS, 2, 2, 1);
		slow[k++] = emit_skip(e, A64_BCOND | A64_LO);
	}
	emit_at(e, A64_STRW, 2, run, env->run_tail_calls);
	emit_at(e, A64_STRX, prog, run, env->run_prog);
	emit_at(e, A64_LDRX, A64_X0, run, env->run_ctx);
	emit_at(e, A64_LDRX, TEMP, prog, env->prog_code);
	emit_leave(e);
	arm64_rr(e, false, A64_BR, 0, TEMP);
	return k;
}

/* The main program goes on in the other one with a jump. A function of a program must come back to
 * its caller, with the caller's registers: there the vm runs the other one. */
static void emit_tail(struct jit_emitter *e, struct ir_node *n)
{
	const struct jit_env *env = e->p->env;
	enum jit_symbol symbol = e->f->subprog ? JIT_TAIL_NESTED : JIT_TAIL;
	struct jit_move moves[3] = {
		{jit_place_of(n->arg[0]), {PLACE_REG, 0, NULL}},
		{jit_place_of(n->arg[1]), {PLACE_REG, 1, NULL}},
		{jit_place_of(n->arg[2]), {PLACE_REG, 2, NULL}},
	};
	int run = jit_arm64.args[5];
	uint32_t failed, slow[5], n_slow = emit_tail_in_place(e, n, slow);

	while (n_slow)
		emit_skip_to_here(e, slow[--n_slow]);
	jit_moves(e, moves, 3);
	emit_call_c(e, SYM_ENV, symbol, (int64_t)(uintptr_t)env->symbol[symbol]);
	failed = emit_skip(e, e->f->subprog ? A64_TBZ : A64_CBZ | 1u << 31); /* bool, pointer */
	arm64_mov(e, true, run, emit_use(e, n->arg[0], run));
	if (!e->f->subprog) {
		arm64_mov(e, true, TEMP, A64_X0);
		arm64_mov(e, true, 2, 1); /* how many calls are left */
		emit_at(e, A64_LDRX, A64_X0, run, env->run_ctx);
		emit_leave(e);
		arm64_rr(e, false, A64_BR, 0, TEMP);
	} else {
		emit_at(e, A64_LDRX, A64_X0, run, env->run_tail_result);
		emit_leave(e);
		arm64_rr(e, false, A64_RET, 0, A64_LR);
	}
	emit_skip_to_here(e, failed);
}

/* ---- ends of blocks -------------------------------------------------------------------------- */

#define REACH_COND ((1 << 20) - 4)
#define REACH_BIT  ((1 << 15) - 4)

static void emit_jump_to(struct jit_emitter *e, struct ir_block *to)
{
	jit_fixup(e, to, 4);
	arm64_word(e, A64_B);
}

/* A conditional branch, or its opposite around a jump. */
static void emit_branch_to(struct jit_emitter *e, uint32_t word, struct ir_block *to)
{
	bool bit = (word & 0x7e000000) == A64_TBZ, cond = (word & 0xff000000) == A64_BCOND;

	if (jit_jump_near(e, to, 0, bit ? REACH_BIT : REACH_COND)) {
		jit_fixup(e, to, 4);
		arm64_word(e, word);
	} else {
		arm64_word(e, (word ^ (cond ? 1 : 1u << 24)) | 2 << 5);
		emit_jump_to(e, to);
	}
}

static const uint8_t emit_cc[C_COUNT] = {
	[C_EQ] = A64_EQ,  [C_NE] = A64_NE,  [C_LT] = A64_LO,  [C_GE] = A64_HS,
	[C_LE] = A64_LS,  [C_GT] = A64_HI,  [C_SLT] = A64_LT, [C_SGE] = A64_GE,
	[C_SLE] = A64_LE, [C_SGT] = A64_GT, [C_SET] = A64_NE, [C_CLEAR] = A64_EQ,
};

static uint32_t emit_test_bit(unsigned bit, bool set, int reg)
{
	return (set ? A64_TBNZ : A64_TBZ) | (bit & 31) << 19 | bit >> 5 << 31 | (uint32_t)reg;
}

/* The branch if n->cond holds, behind what it needs. */
static uint32_t emit_compare(struct jit_emitter *e, const struct ir_node *n)
{
	bool set = n->cond == C_NE || n->cond == C_SET;
	const struct ir_node *y = n->arg[1];
	uint64_t mask = jit_mask(n->wide ? 64 : 32), v;
	int x = emit_use(e, n->arg[0], TEMP);
	enum ir_cond cond = n->cond;

	if (!ir_is_const(y) || !y->folded) {
		emit_operand(e, n, n->cond >= C_SET ? A64_ANDS : A64_SUBS, A64_ZR, x);
		return A64_BCOND | emit_cc[n->cond];
	}
	v = (uint64_t)y->imm & mask;
	if (n->cond >= C_SET && !(v & (v - 1)))
		return emit_test_bit((unsigned)__builtin_ctzll(v), set, x);
	if (!v && n->cond <= C_NE)
		return (set ? A64_CBNZ : A64_CBZ) | (n->wide ? 1u << 31 : 0) | (uint32_t)x;
	if (!v && (n->cond == C_SLT || n->cond == C_SGE))
		return emit_test_bit(n->wide ? 63 : 31, n->cond == C_SLT, x);
	if (n->cond >= C_SET) {
		arm64_mask(e, n->wide, A64_ANDS, A64_ZR, x, v);
		return A64_BCOND | emit_cc[n->cond];
	}
	if (!arm64_compare(n, &cond, &v))
		e->failed = true;
	if (arm64_imm_fits(v))
		arm64_rri(e, n->wide, A64_SUBS, A64_ZR, x, (uint32_t)v);
	else
		arm64_rri(e, n->wide, A64_ADDS, A64_ZR, x, (uint32_t)((0 - v) & mask));
	return A64_BCOND | emit_cc[cond];
}

static void emit_branch(struct jit_emitter *e, struct ir_node *n)
{
	struct ir_block *yes = n->block->succ[0]->placed, *no = n->block->succ[1]->placed;
	uint32_t word = emit_compare(e, n);
	struct ir_block *swap;

	/* Without a jump if one of them comes next, or while a loop goes on. */
	if (jit_is_next(e, yes) || (!jit_is_next(e, no) && no->order <= n->block->order)) {
		word ^= (word & 0xff000000) == A64_BCOND ? 1 : 1u << 24;
		swap = yes;
		yes = no;
		no = swap;
	}
	emit_branch_to(e, word, yes);
	if (!jit_is_next(e, no))
		emit_jump_to(e, no);
}

static void emit_return(struct jit_emitter *e, struct ir_node *n)
{
	struct jit_move m = {jit_place_of(n->arg[0]), {PLACE_REG, A64_X0, NULL}};

	jit_moves(e, &m, 1);
	emit_leave(e);
	arm64_rr(e, false, A64_RET, 0, A64_LR);
}

static void emit_jump(struct jit_emitter *e, struct ir_node *n)
{
	struct jit_move *moves;
	uint32_t k = jit_phi_moves(e, n->block, &moves);

	jit_moves(e, moves, k);
	if (!jit_is_next(e, n->block->succ[0]->placed))
		emit_jump_to(e, n->block->succ[0]->placed);
}

/* The table is one of jumps, right here: it is always near, and its distances are as any other. */
static void emit_switch(struct jit_emitter *e, struct ir_node *n)
{
	const struct ir_block *b = n->block;
	int index = emit_use(e, n->arg[0], TEMP);

	if (n->imm) {
		emit_add_imm(e, true, TEMP, index, -n->imm, TEMP2);
		index = TEMP;
	}
	arm64_word(e, A64_ADR | 3 << 5 | TEMP2);
	arm64_shifted(e, true, A64_ADD, TEMP2, TEMP2, index, A64_LSL, 2);
	arm64_rr(e, false, A64_BR, 0, TEMP2);
	for (uint32_t k = 0; k < b->n_table; k++)
		emit_jump_to(e, b->succ[b->table[k]]->placed);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Parameters and phis are there when their block begins. */
static void emit_nothing(struct jit_emitter *e, struct ir_node *n)
{
	(void)e;
	(void)n;
}

static void (*const emit_ops[IR_COUNT])(struct jit_emitter *e, struct ir_node *n) = {
	[IR_CONST] = emit_constant,  [IR_FRAME] = emit_constant, [IR_PARAM] = emit_nothing,
	[IR_PHI] = emit_nothing,     [IR_ADD] = emit_alu,	 [IR_SUB] = emit_alu,
	[IR_MUL] = emit_mul,	     [IR_MULHU] = emit_plain,	 [IR_UDIV] = emit_plain,
	[IR_SDIV] = emit_plain,	     [IR_UMOD] = emit_modulo,	 [IR_SMOD] = emit_modulo,
	[IR_AND] = emit_alu,	     [IR_OR] = emit_alu,	 [IR_XOR] = emit_alu,
	[IR_SHL] = emit_shift,	     [IR_SHR] = emit_shift,	 [IR_SAR] = emit_shift,
	[IR_ROL] = emit_shift,	     [IR_BITS] = emit_bits,	 [IR_NEG] = emit_neg,	 [IR_BSWAP] = emit_bswap,
	[IR_ZEXT] = emit_extend,     [IR_SEXT] = emit_extend,	 [IR_LOAD] = emit_load,
	[IR_STORE] = emit_store,     [IR_ATOMIC] = emit_atomic,	 [IR_CALL] = emit_call,
	[IR_CALLSUB] = emit_callsub, [IR_TAIL] = emit_tail,	 [IR_JUMP] = emit_jump,
	[IR_BRANCH] = emit_branch,   [IR_SWITCH] = emit_switch,	 [IR_RETURN] = emit_return,
};

void arm64_emit_block(struct jit_emitter *e, struct ir_block *b)
{
	if (e->index == 0) {
		emit_enter(e);
		jit_params(e, b);
	}
	for (struct ir_node *n = b->first; n && !e->failed; n = n->next) {
		if (n->folded)
			continue;
		jit_line(e, n->insn);
		if (emit_ops[n->op])
			emit_ops[n->op](e, n);
		else
			e->failed = true; /* an operation without a row here */
	}
}

/* The stack is aligned to 16 bytes at all times, and so is the program's r10. */
void arm64_frame(struct jit_emitter *e, uint32_t slots)
{
	e->frame = ALIGN_UP(slots, 16u) + ALIGN_UP(e->f->stack, 16u);
}

void arm64_fixup(uint8_t *field, uint32_t size, int64_t distance)
{
	int64_t words = (distance + 4) >> 2; /* from the instruction */
	uint32_t word;

	(void)size;
	memcpy(&word, field, 4);
	if ((word & 0x7c000000) == A64_B)
		word |= (uint32_t)words & 0x3ffffff;
	else if ((word & 0x7e000000) == A64_TBZ)
		word |= ((uint32_t)words & 0x3fff) << 5;
	else
		word |= ((uint32_t)words & 0x7ffff) << 5;
	memcpy(field, &word, 4);
}

/* Distances are those of branches. */
bool arm64_relocate(uint8_t *field, uint8_t form, int64_t value, uint64_t at)
{
	uint32_t words[4], n = jit_arm64.form_size[form] / 4;
	int64_t distance = form == JIT_DISTANCE ? (value - (int64_t)at) >> 2
						: (value >> 12) - (int64_t)(at >> 12);
	int64_t limit = form == JIT_DISTANCE ? 1 << 25 : 1 << 20;

	if (form == JIT_ADDRESS || form == JIT_ADDRESS_LONG) {
		if ((uint64_t)value >> 48 && n < 4)
			return false;
	} else if (distance < -limit || distance >= limit) {
		return false;
	}
	memcpy(words, field, n * sizeof(*words));
	if (form == JIT_DISTANCE) {
		words[0] = A64_BL | ((uint32_t)distance & 0x3ffffff);
	} else if (form == JIT_PAGES) {
		words[0] = (words[0] & 0x9f00001f) | ((uint32_t)distance & 3) << 29 |
			   ((uint32_t)distance >> 2 & 0x7ffff) << 5;
		words[1] = (words[1] & 0xffc003ff) | ((uint32_t)value & 0xfff) << 10;
	} else {
		for (uint32_t k = 0; k < n; k++)
			words[k] = (words[k] & 0xffe0001f) |
				   (uint32_t)((uint64_t)value >> 16 * k & 0xffff) << 5;
	}
	memcpy(field, words, n * sizeof(*words));
	return true;
}
