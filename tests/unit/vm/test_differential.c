/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs give the same result checked, unchecked, and in the kernel.
 *
 * A program loads all registers and part of its stack with numbers from the packet, goes
 * through random arithmetic, jumps forward, stack accesses and atomics, and folds the
 * registers and the stack into its return value. Half of it are the sequences that the
 * specialised interpreter fuses. Seeded: VISOR_SEED picks another run of programs.
 */
#include <errno.h>

#include "../../vm.h"
#include "../../kernel.h"

#define PROGRAMS 2000
#define BODY	 60 /* random instructions */
#define SLOTS	 4  /* 8-byte stack slots in use */
#define N_REGS	 10
#define INPUT	 (8 * (N_REGS + SLOTS))
#define MAX_CODE 512

struct code {
	struct bpf_insn insns[MAX_CODE];
	uint32_t n;
};

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed += 0x9e3779b97f4a7c15;
	uint64_t x = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;

	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (uint32_t)((x ^ x >> 31) >> 32) % below;
}

static void emit(struct code *c, struct bpf_insn insn)
{
	if (c->n == MAX_CODE)
		abort();
	c->insns[c->n++] = insn;
}

/* Numbers at which arithmetic has its corners. */
static int32_t interesting_imm(void)
{
	static const int32_t some[] = {
		0,   1,	  -1,	  2,	  7,	 31,	    32,	       63,
		255, 256, 0x7fff, -32768, 65535, INT32_MAX, INT32_MIN, INT32_MIN + 1};

	return rnd(2) ? some[rnd(ARRAY_SIZE(some))] : (int32_t)rnd(UINT32_MAX);
}

static uint64_t interesting_word(void)
{
	static const uint64_t some[] = {
		0,	    1,		~0ull,	     INT64_MIN,		 INT64_MAX, 0x80000000,
		0x7fffffff, 0xffffffff, 0x100000000, 0xffffffff80000000, 63,	    64};

	return rnd(3) ? some[rnd(ARRAY_SIZE(some))]
		      : (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);
}

/* Instruction `id` with random operands where they are free; false if it cannot be used here.
 * dst, src: registers wanted, or -1. `ahead` is how far a jump may go. */
static bool emit_id(struct code *c, int id, int dst, int src, uint32_t ahead)
{
	static const uint8_t size_of[] = {4, 2, 1, 8};
	const struct isa_desc *desc = &isa_table[id];
	struct bpf_insn insn = {.code = desc->opcode};
	uint8_t size = size_of[BPF_SIZE(desc->opcode) >> 3];
	const char *why;

	insn.dst_reg = (dst < 0 ? rnd(N_REGS) : (uint32_t)dst) & 15;
	if (desc->operands & ISA_SRC)
		insn.src_reg = (src < 0 ? rnd(N_REGS) : (uint32_t)src) & 15;
	switch (desc->form) {
	case ISA_FORM_ALU_RR:
		insn.off = (int16_t)desc->sel;
		break;
	case ISA_FORM_ALU_RI:
		insn.off = (int16_t)desc->sel;
		insn.imm = interesting_imm();
		if (BPF_OP(insn.code) == BPF_LSH || BPF_OP(insn.code) == BPF_RSH ||
		    BPF_OP(insn.code) == BPF_ARSH)
			insn.imm &= BPF_CLASS(insn.code) == BPF_ALU64 ? 63 : 31;
		break;
	case ISA_FORM_UNARY:
		break;
	case ISA_FORM_END:
		insn.imm = desc->sel;
		break;
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		if (!ahead)
			return false;
		insn.off = (int16_t)(1 + rnd(ahead));
		if (desc->form == ISA_FORM_JMP_RI)
			insn.imm = interesting_imm();
		break;
	case ISA_FORM_LDX:
	case ISA_FORM_STX:
	case ISA_FORM_ST:
	case ISA_FORM_ATOMIC:
	case ISA_FORM_LOAD_ACQ:
		if (desc->form == ISA_FORM_LDX || desc->form == ISA_FORM_LOAD_ACQ)
			insn.src_reg = 10;
		else
			insn.dst_reg = 10;
		insn.off = (int16_t)(-8 * SLOTS + (int)(rnd(8 * SLOTS / size) * size));
		insn.imm = desc->selector == ISA_IMM   ? desc->sel
			   : desc->form == ISA_FORM_ST ? interesting_imm()
						       : 0;
		break;
	default:
		return false;
	}
	if (isa_lookup(&insn) != id || isa_validate(&insn, 1, &why))
		return false;
	emit(c, insn);
	return true;
}

/* The sequences of fuse.def. */
enum shape { DS_D, D_DS, D_E, DS_DD, ROTATE };
static const struct {
	enum shape shape;
	int ids[4];
} sequences[] = {
#define FUSE_DS_D(f1, a, f2, b)	 {DS_D, {ISA_##a, ISA_##b}},
#define FUSE_D_DS(f1, a, f2, b)	 {D_DS, {ISA_##a, ISA_##b}},
#define FUSE_D_E(f1, a, f2, b)	 {D_E, {ISA_##a, ISA_##b}},
#define FUSE_DS_DD(f1, a, f2, b) {DS_DD, {ISA_##a, ISA_##b}},
#define FUSE_ROTATE(m, a, b, or) {ROTATE, {ISA_##m, ISA_##a, ISA_##b, ISA_## or }},
#include "vm/fuse.def"
};

#define SEQUENCE_MAX 4 /* instructions that emit_sequence needs */

static void emit_sequence(struct code *c, uint32_t row, uint32_t ahead)
{
	uint32_t start = c->n;
	const int *ids = sequences[row].ids;
	int d = (int)rnd(N_REGS), s = (int)rnd(N_REGS);
	bool ok = false;

	switch (sequences[row].shape) {
	case DS_D:
		ok = emit_id(c, ids[0], d, s, 0) && emit_id(c, ids[1], d, -1, ahead);
		break;
	case D_DS:
		ok = emit_id(c, ids[0], d, -1, 0) && emit_id(c, ids[1], d, s, ahead);
		break;
	case D_E: /* the first may be a jump, too */
		ok = emit_id(c, ids[0], d, -1, ahead) &&
		     emit_id(c, ids[1], rnd(2) ? d : s, -1, ahead);
		break;
	case DS_DD: { /* the address of a stack slot */
		uint32_t slot = 1 + rnd(SLOTS);

		if (d == s)
			break;
		emit(c, MOV_REG(d, 10));
		emit(c, MOV_IMM(s, -8 * (int)slot));
		ok = emit_id(c, ids[0], d, s, 0) && emit_id(c, ids[1], d, -1, 0);
		if (ok) {
			c->insns[c->n - 1].src_reg = (uint8_t)d & 15;
			c->insns[c->n - 1].off = 0;
		}
		break;
	}
	case ROTATE:
		ok = emit_id(c, ids[0], s, d, 0) && emit_id(c, ids[1], s, -1, 0) &&
		     emit_id(c, ids[2], d, -1, 0) && emit_id(c, ids[3], d, s, 0);
		break;
	}
	if (!ok) /* nothing of it, then */
		c->n = start;
}

/* A row that computes an address must not be jumped into. */
static uint32_t random_sequence(bool address)
{
	uint32_t row;

	do
		row = rnd(ARRAY_SIZE(sequences));
	while ((sequences[row].shape == DS_DD) != address);
	return row;
}

static void emit_random(struct code *c, uint32_t ahead)
{
	int id = (int)rnd(ISA_COUNT), form = isa_table[id].form;

	/* Too many paths for the kernel's verifier otherwise. */
	if ((form == ISA_FORM_JMP_RR || form == ISA_FORM_JMP_RI) && rnd(4))
		return;
	emit_id(c, id, -1, -1, ahead);
}

static void random_program(struct code *c)
{
	uint32_t end;

	c->n = 0;
	/* r1: packet, r2: its end */
	emit(c, LOAD(BPF_W, 2, 1, 4));
	emit(c, LOAD(BPF_W, 1, 1, 0));
	emit(c, MOV_REG(3, 1));
	emit(c, ADD_IMM(3, INPUT));
	emit(c, JUMP_REG(BPF_JLE, 3, 2, 2));
	emit(c, MOV_IMM(0, 0));
	emit(c, EXIT());
	for (int i = 0; i < SLOTS; i++) {
		emit(c, LOAD(BPF_DW, 2, 1, 8 * (N_REGS + i)));
		emit(c, STORE(BPF_DW, 10, -8 * (i + 1), 2));
	}
	for (int r = 0; r < N_REGS; r++)
		if (r != 1)
			emit(c, LOAD(BPF_DW, r, 1, 8 * r));
	emit(c, LOAD(BPF_DW, 1, 1, 8));
	/* Jumps stay in front of `end`, where the sum begins. */
	end = c->n + BODY;
	while (c->n < end) {
		uint32_t left = end - c->n;

		if (rnd(2) && left > SEQUENCE_MAX)
			emit_sequence(c, random_sequence(false), rnd(3) ? 0 : left - SEQUENCE_MAX);
		else
			emit_random(c, left - 1);
	}
	for (int i = 0; i < 3; i++)
		emit_sequence(c, random_sequence(true), 0);
	/* All of it, into 32 bits. */
	for (int i = 0; i < SLOTS; i++) {
		emit(c, INSN(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 0x01000193));
		emit(c, INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 1 + i, 0, 0));
		emit(c, LOAD(BPF_DW, 1 + i, 10, -8 * (i + 1)));
	}
	for (int r = 1; r < N_REGS; r++) {
		emit(c, INSN(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 0x01000193));
		emit(c, INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, r, 0, 0));
	}
	emit(c, MOV_REG(1, 0));
	emit(c, INSN(BPF_ALU64 | BPF_RSH | BPF_K, 1, 0, 0, 32));
	emit(c, INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 1, 0, 0));
	emit(c, EXIT());
}

static uint32_t run_here(const struct code *c, enum test_way way, uint8_t *input)
{
	struct test_prog t = {.type = catalog_prog(BPF_PROG_TYPE_XDP), .way = way};
	static struct visor_run run;
	struct visor_diag diag = {0};
	struct visor_packet pkt;
	struct vm_prog *prog;
	uint64_t ret;
	int err;

	err = test_prog_insns(&t, c->insns, c->n, &prog, &diag);
	if (err) {
		visor_diag_print(&diag, stderr);
		exit(1);
	}
	vm_run_init(&run);
	visor_packet_init(&pkt, input, INPUT, 0, INPUT);
	vm_enter(&run);
	err = vm_prog_run(prog, &run, &pkt, 0, &ret);
	vm_leave(&run);
	vm_prog_unref(prog);
	if (err) {
		fprintf(stderr, "insn %u: %s\n", run.fault.insn, run.fault.text);
		exit(1);
	}
	return (uint32_t)ret;
}

/* The kernel's result, or the reason why there is none. */
static int run_kernel(const struct code *c, const uint8_t *input, uint32_t *result)
{
	union bpf_attr attr;
	int fd = kernel_prog(BPF_PROG_TYPE_XDP, c->insns, c->n, "GPL", NULL, 0), err;

	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)input;
	attr.test.data_size_in = INPUT;
	attr.test.repeat = 1;
	err = kernel_bpf(BPF_PROG_TEST_RUN, &attr);
	*result = attr.test.retval;
	close(fd);
	return err;
}

static void dump(const struct code *c, const uint8_t *input)
{
	for (uint32_t i = 0; i < c->n; i++)
		fprintf(stderr, "%3u: %02x dst %d src %d off %d imm %d (%s)\n", i, c->insns[i].code,
			c->insns[i].dst_reg, c->insns[i].src_reg, c->insns[i].off, c->insns[i].imm,
			isa_table[isa_lookup(&c->insns[i])].name);
	for (int i = 0; i < INPUT / 8; i++)
		fprintf(stderr, "input %d: 0x%016llx\n", i,
			(unsigned long long)get_u64(input + 8 * i));
}

int main(void)
{
	const char *from = getenv("VISOR_SEED");
	unsigned compared = 0, refused = 0, wrong = 0;
	bool kernel = true;

	seed = from ? strtoull(from, NULL, 0) : 20260101;
	for (int i = 0; i < PROGRAMS && !wrong; i++) {
		uint64_t input[INPUT / 8];
		uint32_t checked, interpreted, native, theirs = 0;
		struct code c;
		int err = -1;

		for (size_t n = 0; n < ARRAY_SIZE(input); n++)
			input[n] = interesting_word();
		random_program(&c);
		checked = run_here(&c, TEST_CHECKED, (uint8_t *)input);
		interpreted = run_here(&c, TEST_INTERPRETED, (uint8_t *)input);
		native = run_here(&c, TEST_BEST, (uint8_t *)input);
		if (kernel)
			err = run_kernel(&c, (uint8_t *)input, &theirs);
		if (i == 0 && err == -EPERM)
			kernel = false;
		compared += !err;
		refused += err && kernel;
		if (checked == interpreted && checked == native && (err || theirs == checked))
			continue;
		fprintf(stderr,
			"program %d: checked %08x, interpreted %08x, native %08x, kernel %08x\n", i,
			checked, interpreted, native, theirs);
		dump(&c, (uint8_t *)input);
		wrong++;
	}
	printf("%u programs, %u compared with the kernel, %u refused by it\n", PROGRAMS, compared,
	       refused);
	if (wrong || (kernel && compared < PROGRAMS / 2))
		return 1;
	if (!kernel)
		printf("skipped: the kernel's half needs bpf(2)\n");
	return kernel ? 0 : 77;
}
