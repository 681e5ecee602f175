/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/stitch.c - see stitch.h for what is done, counters.h for where is counted.
 *
 * The epilogue on the likeliest path (XDP, `pass` linked to a module, two CPUs or more):
 *
 *      w6 = w0                          r0 dies at the next call
 *      r7 = *(u64 *)(r10 - S)           not if a register kept the context
 *      call get_smp_processor_id
 *      r0 &= cpus - 1;  r0 *= stride
 *      r8 = counters + base;  r8 += r0
 *      if w6 != 2 goto next
 *      packets++;  bytes += data_end - data       at r8 + 16 * row
 *      r1 = r7;  r2 = slots;  r3 = 5;  call tail_call
 *      missed++;  w0 = drop;  exit      the slot was empty, or the 34th call
 *
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

struct stitch_regs {
	int ctx, verdict, rows;
};

/* One packet and its bytes, in the row `off` bytes from the pointer in regs->rows. */
static void emit_count(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
		       uint32_t row)
{
	uint32_t off = row * (uint32_t)sizeof(struct counter_row);
	uint32_t bytes = off + (uint32_t)offsetof(struct counter_row, bytes);

	emit(o, LOAD(BPF_DW, BPF_REG_1, r->rows, off));
	emit(o, ALU64I(BPF_ADD, BPF_REG_1, 1));
	emit(o, STORE(BPF_DW, r->rows, off, BPF_REG_1));
	if (how->hook == hook_get(CHAIN_HOOK_XDP)) {
		emit(o, LOAD(BPF_W, BPF_REG_1, r->ctx, offsetof(struct xdp_md, data_end)));
		emit(o, LOAD(BPF_W, BPF_REG_2, r->ctx, offsetof(struct xdp_md, data)));
		emit(o, ALU64(BPF_SUB, BPF_REG_1, BPF_REG_2));
	} else {
		emit(o, LOAD(BPF_W, BPF_REG_1, r->ctx, offsetof(struct __sk_buff, len)));
	}
	emit(o, LOAD(BPF_DW, BPF_REG_2, r->rows, bytes));
	emit(o, ALU64(BPF_ADD, BPF_REG_2, BPF_REG_1));
	emit(o, STORE(BPF_DW, r->rows, bytes, BPF_REG_2));
}

/* The address of the CPU's rows. Destroys r0 to r5. */
static void emit_rows(struct stitch_out *o, const struct stitch *how, int reg)
{
	if (how->n_cpus > 1) {
		emit(o, CALL(BPF_FUNC_get_smp_processor_id));
		emit(o, ALU64I(BPF_AND, BPF_REG_0, how->n_cpus - 1));
		emit(o, ALU64I(BPF_MUL, BPF_REG_0, how->stride));
	}
	emit_map(o, reg, BPF_PSEUDO_MAP_VALUE, how->counters_fd, how->base);
	if (how->n_cpus > 1)
		emit(o, ALU64(BPF_ADD, reg, BPF_REG_0));
}

static void emit_return(struct stitch_out *o, uint32_t verdict)
{
	emit(o, MOV32I(BPF_REG_0, verdict));
	emit(o, EXIT);
}

/* Counts the output and leaves. */
static void emit_output(struct stitch_out *o, const struct stitch *how, const struct stitch_regs *r,
			const struct stitch_output *output)
{
	uint32_t next = emit(o, JUMP32I(BPF_JNE, r->verdict, output->value));

	emit_count(o, how, r, output->row);
	switch (output->to) {
	case STITCH_SLOT:
		emit(o, MOV64(BPF_REG_1, r->ctx));
		emit_map(o, BPF_REG_2, BPF_PSEUDO_MAP_FD, how->slots_fd, 0);
		emit(o, MOV32I(BPF_REG_3, output->index));
		emit(o, CALL(BPF_FUNC_tail_call));
		emit_count(o, how, r, how->row_missed);
		emit_return(o, how->hook->drop);
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
	emit_here(o, next);
}

static void emit_epilogue(struct stitch_out *o, const struct stitch *how,
			  const struct stitch_facts *f, int slot)
{
	struct stitch_regs r;
	uint32_t other;

	/* At an exit all registers but r0 are free again; only the one with the context is not. */
	r.ctx = f->free_reg >= 0 ? f->free_reg : BPF_REG_7;
	r.verdict = r.ctx == BPF_REG_6 ? BPF_REG_7 : BPF_REG_6;
	r.rows = r.ctx == BPF_REG_8 ? BPF_REG_9 : BPF_REG_8;
	emit(o, MOV32(r.verdict, BPF_REG_0));
	if (f->free_reg < 0)
		emit(o, LOAD(BPF_DW, r.ctx, BPF_REG_10, slot));
	emit_rows(o, how, r.rows);
	for (uint32_t i = 0; i < how->n_outputs; i++)
		emit_output(o, how, &r, &how->outputs[i]);
	/* A verdict that is linked to nothing: its row by arithmetic. */
	emit(o, MOV32(BPF_REG_1, r.verdict));
	if (how->hook->first)
		emit(o, ALU32I(BPF_SUB, BPF_REG_1, how->hook->first));
	other = emit(o, JUMP32I(BPF_JGT, BPF_REG_1, how->hook->n - 1));
	emit(o, ALU32I(BPF_LSH, BPF_REG_1, 4));
	emit(o, ALU64(BPF_ADD, r.rows, BPF_REG_1));
	emit_count(o, how, &r, 0);
	emit(o, MOV32(BPF_REG_0, r.verdict));
	emit(o, EXIT);
	emit_here(o, other);
	emit_count(o, how, &r, how->row_other);
	emit(o, MOV32(BPF_REG_0, r.verdict));
	emit(o, EXIT);
}

/* ---- programs without a module -------------------------------------------------------------- */

uint32_t stitch_entry(const struct stitch *how, uint32_t slot,
		      struct bpf_insn out[STITCH_ENTRY_INSNS])
{
	const struct stitch_regs r = {.ctx = BPF_REG_6, .rows = BPF_REG_8};
	struct stitch_out o = {.insns = out, .max = STITCH_ENTRY_INSNS};

	emit(&o, MOV64(r.ctx, BPF_REG_1));
	emit_rows(&o, how, r.rows);
	emit_count(&o, how, &r, 0);
	emit(&o, MOV64(BPF_REG_1, r.ctx));
	emit_map(&o, BPF_REG_2, BPF_PSEUDO_MAP_FD, how->slots_fd, 0);
	emit(&o, MOV32I(BPF_REG_3, slot));
	emit(&o, CALL(BPF_FUNC_tail_call));
	emit_count(&o, how, &r, 1);
	emit_return(&o, how->hook->drop);
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
