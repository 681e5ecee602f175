/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/stitch.c - see stitch.h for what is done, counters.h for where is counted.
 *
 * The epilogue on the likeliest path (XDP, `pass` linked to a module, two CPUs or more):
 *
 *      r6 = *(u64 *)(r10 - S)           not if a register kept the context
 *      if w0 != 2 goto next             the verdict is known: r0 may die at the next call
 *      call get_smp_processor_id
 *      r0 &= cpus - 1;  r0 <<= log2(stride)
 *      r1 = counters;  r1 += r0
 *      if r1->clock.stamp != 0 ...      the time since then is this program's
 *      packets++;  bytes += data_end - data       at r1 + base + 16 * row
 *      r1 = r6;  r2 = slots;  r3 = 5;  call tail_call
 *      missed++;  w0 = drop;  exit      the slot was empty, or the 34th call
 *
 * Compilers save and restore each callee-saved register that a program uses, so that the epilogue
 * has one at most, and what is rare makes anew what it has lost.
 * Every index and slot is a constant: the kernel turns such a tail call into a jump.
 */
#include "chain/stitch.h"

#include <errno.h>
#include <stdlib.h>

#include "chain/counters.h"
#include "isa/insn.h"

#define STITCH_MAX_INSNS 1000000
#define STITCH_STACK	 512

/* ---- emitting --------------------------------------------------------------------------- */

struct stitch_out {
	struct bpf_insn *insns;
	uint32_t n, max;
	bool failed; /* no memory */
};

static uint32_t emit(struct stitch_out *o, struct bpf_insn insn)
{
	if (o->n == o->max) {
		uint32_t max = o->max ? 2 * o->max : 256;
		struct bpf_insn *insns = reallocarray(o->insns, max, sizeof(*insns));

		if (!insns) {
			o->failed = true;
			return 0;
		}
		o->insns = insns;
		o->max = max;
	}
	o->insns[o->n] = insn;
	return o->n++;
}

#define INSN(...)	 ((struct bpf_insn){__VA_ARGS__})
#define MOV64(d, s)	 INSN(.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (d)&15, .src_reg = (s)&15)
#define MOV32(d, s)	 INSN(.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = (d)&15, .src_reg = (s)&15)
#define MOV32I(d, i)	 INSN(.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = (d)&15, .imm = (int)(i))
#define ALU64(op, d, s)	 INSN(.code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (d)&15, .src_reg = (s)&15)
#define ALU64I(op, d, i) INSN(.code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (d)&15, .imm = (int)(i))
#define ALU32I(op, d, i) INSN(.code = BPF_ALU | (op) | BPF_K, .dst_reg = (d)&15, .imm = (int)(i))
#define LOAD(size, d, s, o)                                                            \
	INSN(.code = BPF_LDX | BPF_MEM | (size), .dst_reg = (d)&15, .src_reg = (s)&15, \
	     .off = (int16_t)(o))
#define STORE(size, d, o, s)                                                           \
	INSN(.code = BPF_STX | BPF_MEM | (size), .dst_reg = (d)&15, .src_reg = (s)&15, \
	     .off = (int16_t)(o))
#define JUMP32I(op, d, i) INSN(.code = BPF_JMP32 | (op) | BPF_K, .dst_reg = (d)&15, .imm = (int)(i))
#define JUMPI(op, d, i)	  INSN(.code = BPF_JMP | (op) | BPF_K, .dst_reg = (d)&15, .imm = (int)(i))
#define CALL(id)	  INSN(.code = BPF_JMP | BPF_CALL, .imm = (id))
#define EXIT		  INSN(.code = BPF_JMP | BPF_EXIT)

static void emit_map(struct stitch_out *o, int reg, uint8_t pseudo, int fd, uint32_t off)
{
	emit(o, INSN(.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = reg & 15, .src_reg = pseudo & 15,
		     .imm = fd));
	emit(o, INSN(.imm = (int)off));
}

/* The jump at `at` leads to the next instruction emitted. */
static void emit_here(struct stitch_out *o, uint32_t at)
{
	if (!o->failed)
		o->insns[at].off = (int16_t)(o->n - at - 1);
}

/* ---- looking at the program --------------------------------------------------------------- */

struct stitch_facts {
	const struct bpf_insn *insns;
	uint32_t n;    /* all instructions */
	uint32_t main; /* those of the main program */
	uint16_t regs; /* bit n: main names register n */
	int deepest;   /* lowest byte of the frame that main is seen to reach; 0 or negative */
	int free_reg;  /* r6..r9 unused by main, or -1 */
};

static int stitch_fail(struct visor_diag *diag, uint32_t insn, const char *what)
{
	diag_fail(diag, -EINVAL, "stitch", "%s", what);
	diag_at(diag, "insn %u", insn);
	return -EINVAL;
}

/* Instruction that the instruction at i refers to by a distance in imm, or -1. */
static int64_t stitch_function(const struct bpf_insn *insn, uint32_t i)
{
	bool call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
	bool func = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;

	return call || func ? (int64_t)i + insn->imm + 1 : -1;
}

/* Main ends where the first function that anything refers to begins. */
static int stitch_find_main(struct stitch_facts *f, struct visor_diag *diag)
{
	f->main = f->n;
	for (uint32_t i = 0; i < f->n; i++) {
		int64_t to = stitch_function(&f->insns[i], i);

		if (isa_slots(&f->insns[i]) == 2 && i + 1 >= f->n)
			return stitch_fail(diag, i, "the program ends within an instruction");
		if (to == 0)
			return stitch_fail(diag, i, "the main program calls itself");
		if (to > 0 && to < f->n)
			f->main = MIN(f->main, (uint32_t)to);
		else if (to != -1)
			return stitch_fail(diag, i, "a call leads out of the program");
		i += (uint32_t)isa_slots(&f->insns[i]) - 1;
	}
	return 0;
}

/*
 * Bytes of stack: direct accesses, and constants added to copies of the frame pointer. Which
 * registers hold such copies is overestimated, without regard to the order of instructions.
 */
static void stitch_find_stack(struct stitch_facts *f)
{
	uint16_t frame = 1 << BPF_REG_10, before;

	do {
		before = frame;
		for (uint32_t i = 0; i < f->main; i++) {
			const struct bpf_insn *insn = &f->insns[i];

			if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && !insn->off &&
			    (frame >> insn->src_reg & 1))
				frame |= (uint16_t)(1u << insn->dst_reg);
			i += (uint32_t)isa_slots(insn) - 1;
		}
	} while (frame != before);
	for (uint32_t i = 0; i < f->main; i++) {
		const struct bpf_insn *insn = &f->insns[i];
		uint8_t class = BPF_CLASS(insn->code);
		int low = 0;

		if (class == BPF_LDX && insn->src_reg == BPF_REG_10)
			low = insn->off;
		else if ((class == BPF_ST || class == BPF_STX) && insn->dst_reg == BPF_REG_10)
			low = insn->off;
		else if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) &&
			 (frame >> insn->dst_reg & 1))
			low = insn->imm;
		if (low >= -STITCH_STACK && low < f->deepest)
			f->deepest = low;
		i += (uint32_t)isa_slots(insn) - 1;
	}
}

static int stitch_look(const union bpf_attr *attr, struct stitch_facts *f, struct visor_diag *diag)
{
	int err;

	*f = (struct stitch_facts){
		.insns = (const void *)(uintptr_t)attr->insns, .n = attr->insn_cnt, .free_reg = -1};
	if (!f->n || f->n > STITCH_MAX_INSNS || !f->insns)
		return diag_fail(diag, -E2BIG, "stitch", "a program of %u instructions", f->n);
	err = stitch_find_main(f, diag);
	if (err)
		return err;
	for (uint32_t i = 0; i < f->main; i++) {
		const struct bpf_insn *insn = &f->insns[i];

		f->regs |= (uint16_t)(1u << insn->dst_reg);
		/* In lddw and call the field is not a register. */
		if (isa_slots(insn) != 2 && insn->code != (BPF_JMP | BPF_CALL))
			f->regs |= (uint16_t)(1u << insn->src_reg);
		i += (uint32_t)isa_slots(insn) - 1;
	}
	for (int reg = BPF_REG_6; reg <= BPF_REG_9 && f->free_reg < 0; reg++)
		if (!(f->regs >> reg & 1))
			f->free_reg = reg;
	stitch_find_stack(f);
	return 0;
}

/* ---- the epilogue ------------------------------------------------------------------------- */

/*
 * What the pieces below agree on. After stitch_rows r1 points into the CPU's part and r0 is that
 * part's distance from the first; both live until the next call.
 */
struct stitch_regs {
	int ctx;  /* callee-saved */
	int time; /* another, or r10: the stack at `time_slot` */
	int16_t time_slot;
	bool far; /* r1 is where the input's rows begin: offsets have 16 bits */
};

#define ROWS BPF_REG_1

/* The offset of a row from r1. */
static int stitch_row(const struct stitch *how, const struct stitch_regs *r, uint32_t row)
{
	return (int)((r->far ? 0 : how->base) + row * (uint32_t)sizeof(struct counter_row));
}

static void stitch_reach(const struct stitch *how, uint32_t rows, struct stitch_regs *r)
{
	r->far = how->base + rows * sizeof(struct counter_row) > INT16_MAX;
}

/* Destroys r0 to r5. */
static void emit_rows(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r)
{
	if (how->n_cpus > 1) {
		emit(o, CALL(BPF_FUNC_get_smp_processor_id));
		emit(o, ALU64I(BPF_AND, BPF_REG_0, how->n_cpus - 1));
		emit(o, ALU64I(BPF_LSH, BPF_REG_0, __builtin_ctz(how->stride)));
	}
	emit_map(o, ROWS, BPF_PSEUDO_MAP_VALUE, how->counters_fd, r->far ? how->base : 0);
	if (how->n_cpus > 1)
		emit(o, ALU64(BPF_ADD, ROWS, BPF_REG_0));
}

/* A register that points to where the CPU's clock is: r1, or if that is too far away r2. */
static int emit_clock(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r)
{
	if (!r->far)
		return ROWS;
	emit_map(o, BPF_REG_2, BPF_PSEUDO_MAP_VALUE, how->counters_fd, 0);
	if (how->n_cpus > 1)
		emit(o, ALU64(BPF_ADD, BPF_REG_2, BPF_REG_0));
	return BPF_REG_2;
}

static void emit_add(struct stitch_out *o, int at, int off, int value)
{
	emit(o, LOAD(BPF_DW, BPF_REG_5, at, off));
	emit(o, value < 0 ? ALU64I(BPF_ADD, BPF_REG_5, 1) : ALU64(BPF_ADD, BPF_REG_5, value));
	emit(o, STORE(BPF_DW, at, off, BPF_REG_5));
}

/* r3: the packet's length. Destroys r4. */
static void emit_length(struct stitch_out *o, const struct stitch *how, int ctx)
{
	if (how->hook == hook_get(CHAIN_HOOK_XDP)) {
		emit(o, LOAD(BPF_W, BPF_REG_3, ctx, offsetof(struct xdp_md, data_end)));
		emit(o, LOAD(BPF_W, BPF_REG_4, ctx, offsetof(struct xdp_md, data)));
		emit(o, ALU64(BPF_SUB, BPF_REG_3, BPF_REG_4));
	} else {
		emit(o, LOAD(BPF_W, BPF_REG_3, ctx, offsetof(struct __sk_buff, len)));
	}
}

/* One packet, and its r3 bytes, in the row at r1 + off. Destroys r5. */
static void emit_count(struct stitch_out *o, int off)
{
	emit_add(o, ROWS, off, -1);
	emit_add(o, ROWS, off + (int)offsetof(struct counter_row, bytes), BPF_REG_3);
}

/*
 * Is the packet one of those whose way is timed? Then what emit_timed makes is next: apart, so that
 * all others go straight on. Destroys r2, r3.
 */
static uint32_t emit_ask(struct stitch_out *o, const struct stitch *how,
			 const struct stitch_regs *r)
{
	int clock;

	if (!how->timed)
		return 0;
	clock = emit_clock(o, how, r);
	emit(o, LOAD(BPF_DW, BPF_REG_3, clock, offsetof(struct counter_clock, stamp)));
	return emit(o, JUMPI(BPF_JNE, BPF_REG_3, 0));
}

/* Back to behind the question. */
static void emit_back(struct stitch_out *o, uint32_t ask)
{
	emit(o, INSN(.code = BPF_JMP | BPF_JA, .off = (int16_t)((int64_t)ask - o->n)));
}

/*
 * The time since the last stamp is this program's. To ask for the time destroys r0 to r5, and so
 * does finding the rows: between the two it is where r->time says.
 */
static void emit_timed(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
		       uint32_t ask)
{
	const int stamp = offsetof(struct counter_clock, stamp);
	int row = stitch_row(how, r, how->row_time), clock;

	if (!how->timed)
		return;
	emit_here(o, ask);
	emit(o, CALL(BPF_FUNC_ktime_get_ns));
	emit(o, r->time == BPF_REG_10 ? STORE(BPF_DW, BPF_REG_10, r->time_slot, BPF_REG_0)
				      : MOV64(r->time, BPF_REG_0));
	emit_rows(o, how, r);
	clock = emit_clock(o, how, r);
	emit(o, r->time == BPF_REG_10 ? LOAD(BPF_DW, BPF_REG_4, BPF_REG_10, r->time_slot)
				      : MOV64(BPF_REG_4, r->time));
	emit(o, LOAD(BPF_DW, BPF_REG_3, clock, stamp));
	emit(o, STORE(BPF_DW, clock, stamp, BPF_REG_4));
	emit(o, ALU64(BPF_SUB, BPF_REG_4, BPF_REG_3));
	emit_add(o, ROWS, row, -1);
	emit_add(o, ROWS, row + (int)offsetof(struct counter_row, bytes), BPF_REG_4);
	emit_back(o, ask);
}

static void emit_return(struct stitch_out *o, uint32_t verdict)
{
	emit(o, MOV32I(BPF_REG_0, verdict));
	emit(o, EXIT);
}

/* The slot was empty, or this was the 34th call. */
static void emit_missed(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
			uint32_t row)
{
	emit_rows(o, how, r);
	emit_length(o, how, r->ctx);
	emit_count(o, stitch_row(how, r, row));
	emit_return(o, how->hook->drop);
}

static void emit_slot(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
		      uint32_t slot)
{
	emit(o, MOV64(BPF_REG_1, r->ctx));
	emit_map(o, BPF_REG_2, BPF_PSEUDO_MAP_FD, how->slots_fd, 0);
	emit(o, MOV32I(BPF_REG_3, slot));
	emit(o, CALL(BPF_FUNC_tail_call));
}

/* Counts the output and leaves. */
static void emit_output(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
			const struct stitch_output *output)
{
	uint32_t next = emit(o, JUMP32I(BPF_JNE, BPF_REG_0, output->value)), ask;

	emit_rows(o, how, r);
	ask = emit_ask(o, how, r);
	emit_length(o, how, r->ctx);
	emit_count(o, stitch_row(how, r, output->row));
	switch (output->to) {
	case STITCH_SLOT:
		emit_slot(o, how, r, output->index);
		emit_missed(o, how, r, how->row_missed);
		break;
	case STITCH_PORT:
		emit(o, MOV32I(BPF_REG_1, output->index));
		emit(o, MOV32I(BPF_REG_2, 0));
		emit(o, CALL(BPF_FUNC_redirect));
		emit(o, EXIT);
		break;
	case STITCH_RETURN:
		emit_return(o, hook_verdict(how->hook, output->value) >= 0 ? output->value
									   : how->hook->drop);
		break;
	}
	emit_timed(o, how, r, ask);
	emit_here(o, next);
}

/*
 * A verdict that is linked to nothing: its row by arithmetic. The length and the verdict take the
 * place of the context, which is not needed again: a second register would cost every packet.
 */
static void emit_others(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r)
{
	uint32_t other, ask;

	emit_length(o, how, r->ctx);
	emit(o, ALU64I(BPF_LSH, BPF_REG_0, 32));
	emit(o, ALU64(BPF_OR, BPF_REG_0, BPF_REG_3));
	emit(o, MOV64(r->ctx, BPF_REG_0));
	emit_rows(o, how, r);
	ask = emit_ask(o, how, r);
	emit(o, MOV32(BPF_REG_3, r->ctx));
	emit(o, MOV64(BPF_REG_0, r->ctx));
	emit(o, ALU64I(BPF_RSH, BPF_REG_0, 32));
	emit(o, MOV32(BPF_REG_2, BPF_REG_0));
	if (how->hook->first)
		emit(o, ALU32I(BPF_SUB, BPF_REG_2, how->hook->first));
	other = emit(o, JUMP32I(BPF_JGT, BPF_REG_2, how->hook->n - 1));
	emit(o, ALU32I(BPF_LSH, BPF_REG_2, 4));
	emit(o, ALU64(BPF_ADD, ROWS, BPF_REG_2));
	emit_count(o, stitch_row(how, r, 0));
	emit(o, EXIT);
	emit_here(o, other);
	emit_count(o, stitch_row(how, r, how->row_other));
	emit(o, EXIT);
	emit_timed(o, how, r, ask);
}

static void emit_epilogue(struct stitch_out *o, const struct stitch *how,
			  const struct stitch_facts *f, int slot)
{
	struct stitch_regs r = {.ctx = f->free_reg >= 0 ? f->free_reg : BPF_REG_6,
				.time_slot = (int16_t)slot};

	stitch_reach(how, (how->timed ? how->row_time : how->row_missed) + 1, &r);
	if (f->free_reg < 0)
		emit(o, LOAD(BPF_DW, r.ctx, BPF_REG_10, slot));
	/*
	 * At an exit all registers but r0 are free again; only the one with the context is not.
	 * Whoever compiles the program saves what it uses for each packet: best what main uses.
	 */
	for (int reg = BPF_REG_6; reg <= BPF_REG_9 && !r.time; reg++)
		if (reg != r.ctx && (f->regs >> reg & 1))
			r.time = reg;
	if (!r.time && slot >= -STITCH_STACK)
		r.time = BPF_REG_10;
	if (!r.time)
		r.time = r.ctx == BPF_REG_6 ? BPF_REG_7 : BPF_REG_6;
	for (uint32_t i = 0; i < how->n_outputs; i++)
		emit_output(o, how, &r, &how->outputs[i]);
	emit_others(o, how, &r);
}

/* ---- programs without a module -------------------------------------------------------------- */

/* One packet of COUNTERS_TIMED is due to be timed, the others are marked as not to be. */
static uint32_t emit_due(struct stitch_out *o, const struct stitch *how,
			 const struct stitch_regs *r)
{
	int clock;

	if (!how->timed)
		return 0;
	clock = emit_clock(o, how, r);
	emit(o, INSN(.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = clock & 15,
		     .off = offsetof(struct counter_clock, stamp)));
	emit(o, LOAD(BPF_DW, BPF_REG_3, ROWS, stitch_row(how, r, 0)));
	emit(o, ALU64I(BPF_AND, BPF_REG_3, COUNTERS_TIMED - 1));
	return emit(o, JUMPI(BPF_JEQ, BPF_REG_3, COUNTERS_TIMED_FIRST));
}

/*
 * The first stamp. What it takes to ask for the time is in every measurement: it is measured
 * itself, with nothing in between.
 */
static void emit_start(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
		       uint32_t due)
{
	const int cost = offsetof(struct counter_clock, cost), took = BPF_REG_8;
	uint32_t first, more;
	int clock;

	if (!how->timed)
		return;
	emit_here(o, due);
	emit(o, CALL(BPF_FUNC_ktime_get_ns));
	emit(o, MOV64(took, BPF_REG_0));
	emit(o, CALL(BPF_FUNC_ktime_get_ns));
	emit(o, MOV64(r->time, BPF_REG_0));
	emit(o, ALU64(BPF_SUB, BPF_REG_0, took));
	emit(o, MOV64(took, BPF_REG_0));
	emit_rows(o, how, r);
	clock = emit_clock(o, how, r);
	emit(o, STORE(BPF_DW, clock, offsetof(struct counter_clock, stamp), r->time));
	emit(o, LOAD(BPF_DW, BPF_REG_3, clock, cost));
	first = emit(o, JUMPI(BPF_JEQ, BPF_REG_3, 0));
	more = emit(o, INSN(.code = BPF_JMP | BPF_JGE | BPF_X, .dst_reg = took & 15,
			    .src_reg = BPF_REG_3));
	emit_here(o, first);
	emit(o, STORE(BPF_DW, clock, cost, took));
	emit_here(o, more);
	emit_back(o, due);
}

uint32_t stitch_entry(const struct stitch *how, uint32_t slot,
		      struct bpf_insn out[STITCH_ENTRY_INSNS])
{
	struct stitch_regs r = {.ctx = BPF_REG_6, .time = BPF_REG_7};
	struct stitch_out o = {.insns = out, .max = STITCH_ENTRY_INSNS};
	uint32_t due;

	stitch_reach(how, 2, &r);
	emit(&o, MOV64(r.ctx, BPF_REG_1));
	emit_rows(&o, how, &r);
	due = emit_due(&o, how, &r);
	emit_length(&o, how, r.ctx);
	emit_count(&o, stitch_row(how, &r, 0));
	emit_slot(&o, how, &r, slot);
	emit_missed(&o, how, &r, 1);
	emit_start(&o, how, &r, due);
	return o.n;
}

uint32_t stitch_forward(uint32_t ifindex, struct bpf_insn out[STITCH_FORWARD_INSNS])
{
	struct stitch_out o = {.insns = out, .max = STITCH_FORWARD_INSNS};

	emit(&o, MOV32I(BPF_REG_1, ifindex));
	emit(&o, MOV32I(BPF_REG_2, 0));
	emit(&o, CALL(BPF_FUNC_redirect));
	emit(&o, EXIT);
	return o.n;
}

/* ---- putting it together ------------------------------------------------------------------- */

/*
 * Copies main behind the prologue with its exits turned into jumps, and the subprograms
 * behind the epilogue with nothing changed. Both jumps of 16 and of 32 bits exist; the long
 * one is used where it must be, since older engines do not know it.
 */
static int stitch_join(struct stitch_out *o, const struct stitch_facts *f, uint32_t head,
		       uint32_t tail, struct visor_diag *diag)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct bpf_insn *insn = &o->insns[i < f->main ? i + head : i + head + tail];
		int64_t to = stitch_function(&f->insns[i], i);

		*insn = f->insns[i];
		if (i < f->main && to >= f->main) {
			if (__builtin_add_overflow(insn->imm, (int32_t)tail, &insn->imm))
				return stitch_fail(diag, i, "a call leads out of the program");
		} else if (i < f->main && insn->code == (BPF_JMP | BPF_EXIT)) {
			uint32_t distance = f->main - i - 1;

			if (distance <= INT16_MAX)
				*insn = INSN(.code = BPF_JMP | BPF_JA, .off = (int16_t)distance);
			else
				*insn = INSN(.code = BPF_JMP32 | BPF_JA, .imm = (int)distance);
		}
		if (isa_slots(&f->insns[i]) == 2) {
			insn[1] = f->insns[i + 1];
			i++;
		}
	}
	return 0;
}

/* Copies n records that begin with an instruction's number, and moves the numbers. */
static int stitch_info(uint64_t user, uint32_t n, uint32_t size, const struct stitch_facts *f,
		       uint32_t head, uint32_t tail, void **out, struct visor_diag *diag)
{
	char *copy;

	if (!n)
		return 0;
	if (!user || size < 4 || size > 4096 || n > STITCH_MAX_INSNS)
		return diag_fail(diag, -EINVAL, "stitch", "broken function or line information");
	copy = malloc((size_t)n * size);
	if (!copy)
		return diag_fail(diag, -ENOMEM, "stitch", "no memory");
	memcpy(copy, (const void *)(uintptr_t)user, (size_t)n * size);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t off = get_u32(copy + (size_t)i * size);

		/* The first record stays at the program's first instruction, now the prologue. */
		if (off && off < f->n)
			put_u32(copy + (size_t)i * size, off + head + (off < f->main ? 0 : tail));
	}
	*out = copy;
	return 0;
}

/* Where the context is kept if no register is free: offset from r10. */
static int stitch_stack_slot(const struct stitch_facts *f, int *slot, struct visor_diag *diag)
{
	*slot = -(ALIGN_UP(-f->deepest, 8) + 8);
	if (f->free_reg >= 0 || *slot >= -STITCH_STACK)
		return 0;
	diag_fail(diag, -E2BIG, "stitch",
		  "the program uses all %d bytes of its stack and all registers: there is no room "
		  "to keep the context",
		  STITCH_STACK);
	diag_hint(diag, "reduce the stack use of its main function by 8 bytes");
	return -E2BIG;
}

int stitch_program(const struct stitch *how, const union bpf_attr *attr, struct stitched *out,
		   struct visor_diag *diag)
{
	struct stitch_out epilogue = {0}, all = {0};
	const uint32_t head = 1;
	struct stitch_facts f;
	int err, slot;

	memset(out, 0, sizeof(*out));
	err = stitch_look(attr, &f, diag);
	if (!err)
		err = stitch_stack_slot(&f, &slot, diag);
	if (!err && attr->core_relo_cnt)
		err = diag_fail(diag, -EOPNOTSUPP, "stitch",
				"relocations that are left to the engine");
	if (err)
		return err;
	emit_epilogue(&epilogue, how, &f, slot);
	all.n = head + f.n + epilogue.n;
	all.insns = epilogue.failed ? NULL : calloc(all.n, sizeof(*all.insns));
	if (!all.insns) {
		err = diag_fail(diag, -ENOMEM, "stitch", "no memory");
		goto out;
	}
	all.insns[0] = f.free_reg >= 0 ? MOV64(f.free_reg, BPF_REG_1)
				       : STORE(BPF_DW, BPF_REG_10, slot, BPF_REG_1);
	memcpy(all.insns + head + f.main, epilogue.insns, epilogue.n * sizeof(*all.insns));
	err = stitch_join(&all, &f, head, epilogue.n, diag);
	if (!err)
		err = stitch_info(attr->func_info, attr->func_info_cnt, attr->func_info_rec_size,
				  &f, head, epilogue.n, &out->func_info, diag);
	if (!err)
		err = stitch_info(attr->line_info, attr->line_info_cnt, attr->line_info_rec_size,
				  &f, head, epilogue.n, &out->line_info, diag);
	if (err)
		goto out;
	out->insns = all.insns;
	out->n_insns = all.n;
	all.insns = NULL;
out:
	free(epilogue.insns);
	free(all.insns);
	if (err)
		stitched_free(out);
	return err;
}

void stitched_apply(const struct stitched *st, union bpf_attr *attr)
{
	attr->insns = (uintptr_t)st->insns;
	attr->insn_cnt = st->n_insns;
	if (st->func_info)
		attr->func_info = (uintptr_t)st->func_info;
	if (st->line_info)
		attr->line_info = (uintptr_t)st->line_info;
}

void stitched_free(struct stitched *st)
{
	free(st->insns);
	free(st->func_info);
	free(st->line_info);
	memset(st, 0, sizeof(*st));
}
