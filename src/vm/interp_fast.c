/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/interp_fast.c - the specialised interpreter: unchecked programs, eBPF registers in
 * machine registers.
 *
 * There is one small function for each instruction *and each choice of registers*:
 * ADD64_RR_3_5 is `r3 += r5`, two machine instructions, and a jump to the handler of the
 * next instruction. No operand is decoded, no register goes through memory. That works
 * because of how the eBPF registers are held:
 *
 *   r1 to r5, pc          the six register arguments of a function call; helpers get r1 to
 *                         r5 as they stand
 *   r0, r6 to r10         global register variables in callee-saved registers, so that
 *                         helpers keep them
 *
 * and because a handler ends in a call with the same signature as its own, which the
 * compiler makes a jump. Invariant: no handler may need a stack frame of its own when it
 * jumps on; the last one returns to fast_run().
 *
 * r10 is the end of the stack in a struct vm_frame, so the frame and through it the run
 * are found from r10.
 *
 * This file is for GCC (global register variables) and the machines listed below; anything
 * else uses interp.c. It is compiled with flags of its own (meson.build).
 */
#include "vm/ops.h"
#include "vm/prog.h"

#include <errno.h>

#if defined(__x86_64__)
register uint64_t r0 __asm__("rbx");
register uint64_t r6 __asm__("rbp");
register uint64_t r7 __asm__("r12");
register uint64_t r8 __asm__("r13");
register uint64_t r9 __asm__("r14");
register uint64_t r10 __asm__("r15");
#elif defined(__aarch64__)
register uint64_t r0 __asm__("x19");
register uint64_t r6 __asm__("x20");
register uint64_t r7 __asm__("x21");
register uint64_t r8 __asm__("x22");
register uint64_t r9 __asm__("x23");
register uint64_t r10 __asm__("x24");
#endif

#define PARAMS \
	uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, const struct vm_insn *pc

#define NEXT(n)                                 \
	do {                                    \
		pc += (n);                      \
		pc->fn(r1, r2, r3, r4, r5, pc); \
		return;                         \
	} while (0)
#define JUMP_FROM(at)                                                          \
	do {                                                                   \
		pc = (const struct vm_insn *)((const char *)(at) + (at)->off); \
		NEXT(0);                                                       \
	} while (0)

#define FRAME ((struct vm_frame *)(r10 - VM_STACK_SIZE))

static vm_handler *handler_at(const int32_t *entry)
{
	return (vm_handler *)((uintptr_t)entry + (uintptr_t)(intptr_t)*entry);
}

/* ---- repetition: X(..., n) for each register number ---- */

#define EACH_10(X, ...)                                                                           \
	X(__VA_ARGS__, 0)                                                                         \
	X(__VA_ARGS__, 1)                                                                         \
	X(__VA_ARGS__, 2) X(__VA_ARGS__, 3) X(__VA_ARGS__, 4) X(__VA_ARGS__, 5) X(__VA_ARGS__, 6) \
		X(__VA_ARGS__, 7) X(__VA_ARGS__, 8) X(__VA_ARGS__, 9)
#define EACH_11(X, ...) EACH_10(X, __VA_ARGS__) X(__VA_ARGS__, 10)
/* The same once more, since a macro is not expanded within itself. */
#define EACH_S(X, ...)                                                                            \
	X(__VA_ARGS__, 0)                                                                         \
	X(__VA_ARGS__, 1)                                                                         \
	X(__VA_ARGS__, 2) X(__VA_ARGS__, 3) X(__VA_ARGS__, 4) X(__VA_ARGS__, 5) X(__VA_ARGS__, 6) \
		X(__VA_ARGS__, 7) X(__VA_ARGS__, 8) X(__VA_ARGS__, 9) X(__VA_ARGS__, 10)

/*
 * A family is the handlers of one operation: fast_<name>[d * 11 + s], or [d], or [0] where
 * the handler finds its registers in the instruction. M defines the handler <name>_<d>_<s>
 * of a family; further arguments are passed on to it. EACH_10 leaves out r10, which is
 * never written.
 */
#define ROW_DS(M, name, d)  EACH_S(M, name, d)
#define NAME_DS(name, d, s) OFFSET(#name "_" #d "_" #s)
#define NAME_D(name, d)	    OFFSET(#name "_" #d)

/*
 * Tables of handlers hold distances, and since C has none between functions, the assembler writes
 * them: 15,000 pointers would be as many relocations, 120 KB of pages to copy, at each start.
 */
#define HANDLER	   static __attribute__((used)) void
#define OFFSET(fn) ".long " fn " - .\n"
#define TABLE(table, offsets)                                               \
	extern const int32_t table[] __attribute__((visibility("hidden"))); \
	__asm__(".pushsection .rodata\n.balign 4\n" #table ":\n" offsets ".popsection");

#define FAMILY_DS(EACH, name, M) \
	EACH(ROW_DS, M, name)    \
	TABLE(fast_##name, EACH(ROW_DS, NAME_DS, name))
#define FAMILY_D(EACH, name, M) \
	EACH(M, name)           \
	TABLE(fast_##name, EACH(NAME_D, name))
#define HANDLER_1(name)                        \
	static vm_handler name##_1;            \
	TABLE(fast_##name, OFFSET(#name "_1")) \
	HANDLER name##_1(PARAMS)

/* ---- steps: one instruction of each form, at `at`, on the registers named ---- */

#define LOAD(type)                                        \
	({                                                \
		type t_;                                  \
		memcpy(&t_, (const void *)A, sizeof(t_)); \
		(uint64_t) t_;                            \
	})
#define STORE(type, value)                          \
	do {                                        \
		type t_ = (type)(value);            \
		memcpy((void *)A, &t_, sizeof(t_)); \
	} while (0)

#define STEP_ALU(id, d, operand)            \
	{                                   \
		uint64_t D = r##d;          \
		const uint64_t S = operand; \
		(void)S;                    \
		BODY_##id;                  \
		r##d = D;                   \
	}
#define STEP_ALU_RR(id, at, d, s) STEP_ALU(id, d, r##s)
#define STEP_ALU_RI(id, at, d)	  STEP_ALU(id, d, (at)->imm64)
#define STEP_UNARY(id, at, d)	  STEP_ALU(id, d, 0)
#define STEP_END(id, at, d)	  STEP_ALU(id, d, 0)
#define STEP_LD_IMM64(id, at, d)  r##d = (at)->imm64;

#define STEP_JMP(id, at, d, operand)                  \
	{                                             \
		const uint64_t D = r##d, S = operand; \
		if (BODY_##id)                        \
			JUMP_FROM(at);                \
	}
#define STEP_JMP_RR(id, at, d, s) STEP_JMP(id, at, d, r##s)
#define STEP_JMP_RI(id, at, d)	  STEP_JMP(id, at, d, (uint64_t)(int64_t)(at)->imm)

#define STEP_LDX(id, at, d, s)                                          \
	{                                                               \
		const uint64_t A = r##s + (uint64_t)(int64_t)(at)->off; \
		uint64_t D;                                             \
		BODY_##id;                                              \
		r##d = D;                                               \
	}
#define STEP_STORE(id, at, d, operand)                                  \
	{                                                               \
		const uint64_t A = r##d + (uint64_t)(int64_t)(at)->off; \
		const uint64_t S = operand;                             \
		BODY_##id;                                              \
	}
#define STEP_STX(id, at, d, s) STEP_STORE(id, at, d, r##s)
#define STEP_ST(id, at, d)     STEP_STORE(id, at, d, (uint64_t)(int64_t)(at)->imm)

/* ---- one handler for each instruction and its registers ---- */

#define DEFINE_DS(step, id, d, s)           \
	HANDLER id##_##d##_##s(PARAMS)      \
	{                                   \
		step(id, pc, d, s) NEXT(1); \
	}
#define DEFINE_D(step, id, d, n)         \
	HANDLER id##_##d(PARAMS)         \
	{                                \
		step(id, pc, d) NEXT(n); \
	}
#define ALU_RR(id, d, s) DEFINE_DS(STEP_ALU_RR, id, d, s)
#define JMP_RR(id, d, s) DEFINE_DS(STEP_JMP_RR, id, d, s)
#define LDX(id, d, s)	 DEFINE_DS(STEP_LDX, id, d, s)
#define STX(id, d, s)	 DEFINE_DS(STEP_STX, id, d, s)
#define ALU_RI(id, d)	 DEFINE_D(STEP_ALU_RI, id, d, 1)
#define UNARY(id, d)	 DEFINE_D(STEP_UNARY, id, d, 1)
#define END(id, d)	 DEFINE_D(STEP_END, id, d, 1)
#define JMP_RI(id, d)	 DEFINE_D(STEP_JMP_RI, id, d, 1)
#define ST(id, d)	 DEFINE_D(STEP_ST, id, d, 1)
#define LD_IMM(id, d)	 DEFINE_D(STEP_LD_IMM64, id, d, 2)

#define OP_ALU_RR(id)	FAMILY_DS(EACH_10, id, ALU_RR)
#define OP_CAST(id)	FAMILY_DS(EACH_10, id, ALU_RR)
#define OP_JMP_RR(id)	FAMILY_DS(EACH_11, id, JMP_RR)
#define OP_LDX(id)	FAMILY_DS(EACH_10, id, LDX)
#define OP_STX(id)	FAMILY_DS(EACH_11, id, STX)
#define OP_ALU_RI(id)	FAMILY_D(EACH_10, id, ALU_RI)
#define OP_UNARY(id)	FAMILY_D(EACH_10, id, UNARY)
#define OP_END(id)	FAMILY_D(EACH_10, id, END)
#define OP_JMP_RI(id)	FAMILY_D(EACH_11, id, JMP_RI)
#define OP_ST(id)	FAMILY_D(EACH_11, id, ST)
#define OP_LD_IMM64(id) FAMILY_D(EACH_10, id, LD_IMM)

#define OP_JA(id)              \
	HANDLER_1(id)          \
	{                      \
		JUMP_FROM(pc); \
	}
#define OP_JA32(id) OP_JA(id)
#define OP_JCOND(id)                   \
	HANDLER_1(id)                  \
	{                              \
		if (!FRAME->may_goto)  \
			JUMP_FROM(pc); \
		FRAME->may_goto--;     \
		NEXT(1);               \
	}

/* ---- the rare and the slow: registers through memory, as in the portable interpreter ---- */

#define SPILL() uint64_t r[11] = {r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10}
#define RELOAD()                                                                                 \
	(r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4], r5 = r[5], r6 = r[6], r7 = r[7], \
	 r8 = r[8], r9 = r[9])

#define CELL(type) ((type *)A)
#define SRC	   r[pc->imm >> 8]
#define R0	   r[0]
#define OP_ATOMIC(id)                                                            \
	HANDLER_1(id)                                                            \
	{                                                                        \
		SPILL();                                                         \
		const uint64_t A = r[pc->imm & 15] + (uint64_t)(int64_t)pc->off; \
		BODY_##id;                                                       \
		RELOAD();                                                        \
		NEXT(1);                                                         \
	}
#define OP_LOAD_ACQ(id)                                                          \
	HANDLER_1(id)                                                            \
	{                                                                        \
		SPILL();                                                         \
		const uint64_t A = r[pc->imm >> 8] + (uint64_t)(int64_t)pc->off; \
		uint64_t D;                                                      \
		BODY_##id;                                                       \
		r[pc->imm & 15] = D;                                             \
		RELOAD();                                                        \
		NEXT(1);                                                         \
	}

/* What a call leaves of r1 to r5. */
#define CLOBBER() (r1 = r2 = r3 = r4 = r5 = 0)

static vm_handler EXIT_1;
#define LEAVE()                                 \
	do {                                    \
		EXIT_1(r1, r2, r3, r4, r5, pc); \
		return;                         \
	} while (0)

#define CLASSIC(id, offset)                                                      \
	HANDLER_1(id)                                                            \
	{                                                                        \
		uint64_t value = 0;                                              \
		bool ok = vm_packet_load(FRAME->run, offset, BODY_##id, &value); \
		r0 = value;                                                      \
		CLOBBER();                                                       \
		if (!ok)                                                         \
			LEAVE();                                                 \
		NEXT(1);                                                         \
	}
static int32_t fast_indirect(uint64_t index, int32_t imm)
{
	return (int32_t)((uint32_t)index + (uint32_t)imm);
}
#define OP_LD_ABS(id) CLASSIC(id, pc->imm)
#define OP_LD_IND(id)                                                                             \
	CLASSIC(id, fast_indirect(                                                                \
			    ((uint64_t[]){r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10})[pc->off], \
			    pc->imm))

/* ---- calls ---- */

#define OP_CALL(id)  HANDLER_1(id) DO_##id
#define OP_KFUNC(id) HANDLER_1(id) DO_##id
#define OP_CALLX(id) HANDLER_1(id) DO_##id
#define OP_EXIT(id)  HANDLER_1(id) DO_##id

#define DO_CALL_HELPER                                                          \
	{                                                                       \
		r0 = ((vm_helper_fn)pc->imm64)(r1, r2, r3, r4, r5, FRAME->run); \
		CLOBBER();                                                      \
		NEXT(1);                                                        \
	}

#define DO_CALL_LOCAL                                                 \
	{                                                             \
		struct vm_frame *frame = FRAME + 1;                   \
		struct visor_run *run = FRAME->run;                   \
		if (UNLIKELY(frame == run->frames + VM_MAX_FRAMES)) { \
			fast_overflow(run, pc);                       \
			return;                                       \
		}                                                     \
		vm_frame_open(frame);                                 \
		frame->ret = pc + 1;                                  \
		frame->prog = run->prog;                              \
		frame->saved[0] = r6;                                 \
		frame->saved[1] = r7;                                 \
		frame->saved[2] = r8;                                 \
		frame->saved[3] = r9;                                 \
		run->frame = frame;                                   \
		r10 = (uintptr_t)(frame->stack + VM_STACK_SIZE);      \
		JUMP_FROM(pc);                                        \
	}

/* The outermost function returns to fast_run, others to their caller. */
#define DO_EXIT                                                           \
	{                                                                 \
		struct vm_frame *frame = FRAME;                           \
		struct visor_run *run = frame->run;                       \
		if (!frame->ret)                                          \
			return;                                           \
		pc = frame->ret;                                          \
		if (UNLIKELY(run->prog != frame->prog)) {                 \
			if (run->clock)                                   \
				vm_stats_switch(run, frame->prog, false); \
			run->prog = frame->prog;                          \
		}                                                         \
		r6 = frame->saved[0];                                     \
		r7 = frame->saved[1];                                     \
		r8 = frame->saved[2];                                     \
		r9 = frame->saved[3];                                     \
		run->frame = frame - 1;                                   \
		r10 = (uintptr_t)(frame[-1].stack + VM_STACK_SIZE);       \
		CLOBBER();                                                \
		NEXT(0);                                                  \
	}

#define DO_CALL_KFUNC                \
	{ /* vm_decode refuses it */ \
	}

#define DO_CALL_REG                                                                   \
	{                                                                             \
		const uint64_t r[11] = {r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10}; \
		vm_helper_fn fn = fast_call_reg(FRAME->run, pc, r[pc->imm]);          \
		if (!fn)                                                              \
			return;                                                       \
		r0 = fn(r1, r2, r3, r4, r5, FRAME->run);                              \
		CLOBBER();                                                            \
		NEXT(1);                                                              \
	}

static void fast_overflow(struct visor_run *run, const struct vm_insn *pc)
{
	check_fail(run, "more than %d nested calls", VM_MAX_FRAMES);
	check_stop(run, run->prog, pc);
}

static vm_helper_fn fast_call_reg(struct visor_run *run, const struct vm_insn *pc, uint64_t id)
{
	vm_helper_fn fn = id <= UINT32_MAX ? vm_call_by_id(run->prog, (uint32_t)id).fn : NULL;

	if (!fn) {
		check_fail(run, "indirect call: there is no helper %llu", (unsigned long long)id);
		check_stop(run, run->prog, pc);
	}
	return fn;
}

/* ---- all of them ---- */

#define INSN(id, opcode, form, sel, group, text, mnemonic) OP_##form(id)
#include "isa/isa.def"
#undef INSN

HANDLER_1(CALL_BACK)
{
	struct visor_run *run = FRAME->run;

	r0 = ((vm_helper_fn)pc->imm64)(r1, r2, r3, r4, r5, run);
	if (UNLIKELY(run->stopped))
		return;
	CLOBBER();
	NEXT(1);
}

HANDLER_1(TAIL_CALL)
{
	struct visor_run *run = FRAME->run;
	const struct vm_prog *to = vm_tail_target(run, (struct map *)r2, (uint32_t)r3);

	CLOBBER();
	if (!to)
		NEXT(1);
	if (LIKELY(to->engine == &vm_engine_fast)) {
		run->prog = to;
		r1 = (uintptr_t)run->ctx;
		pc = to->code;
		NEXT(0);
	} else {
		uint64_t ret = 0;

		if (vm_run_nested(run, to, &ret))
			return;
		r0 = ret;
		LEAVE();
	}
}

/* Never reached: jumps into a lddw are refused. */
HANDLER_1(NONE)
{
}

/* ---- fused sequences (fuse.def) ---- */

#define DS_D(f1, first, f2, second, d, s)                                          \
	HANDLER first##__##second##_##d##_##s(PARAMS)                              \
	{                                                                          \
		STEP_##f1(first, pc, d, s) STEP_##f2(second, (pc + 1), d) NEXT(2); \
	}
#define D_DS(f1, first, f2, second, d, s)                                          \
	HANDLER first##__##second##_##d##_##s(PARAMS)                              \
	{                                                                          \
		STEP_##f1(first, pc, d) STEP_##f2(second, (pc + 1), d, s) NEXT(2); \
	}
#define D_E(f1, first, f2, second, d, e)                                        \
	HANDLER first##__##second##_##d##_##e(PARAMS)                           \
	{                                                                       \
		STEP_##f1(first, pc, d) STEP_##f2(second, (pc + 1), e) NEXT(2); \
	}
#define DS_DD(f1, first, f2, second, d, s)                                            \
	HANDLER first##__##second##_##d##_##s(PARAMS)                                 \
	{                                                                             \
		STEP_##f1(first, pc, d, s) STEP_##f2(second, (pc + 1), d, d) NEXT(2); \
	}
#define ROTATE(mov, one, other, or, d, s)                   \
	HANDLER mov##__##one##__##other##_##d##_##s(PARAMS) \
	{                                                   \
		STEP_ALU_RR(mov, pc, s, d)                  \
		STEP_ALU_RI(one, (pc + 1), s)               \
		STEP_ALU_RI(other, (pc + 2), d)             \
		STEP_ALU_RR(or, (pc + 3), d, s)             \
		NEXT(4);                                    \
	}

#define FUSED_ROW(M, a, b, c, e, d)	EACH_S(M, a, b, c, e, d)
#define FUSED(M, a, b, c, e)		EACH_10(FUSED_ROW, M, a, b, c, e)
#define NAME_FUSED(f1, a, f2, b, d, s)	OFFSET(#a "__" #b "_" #d "_" #s)
#define NAME_ROTATED(m, a, b, or, d, s) OFFSET(#m "__" #a "__" #b "_" #d "_" #s)

#define FUSE_DS_D(f1, a, f2, b) \
	FUSED(DS_D, f1, a, f2, b) TABLE(fused_DS_D_##a##_##b, FUSED(NAME_FUSED, f1, a, f2, b))
#define FUSE_D_DS(f1, a, f2, b) \
	FUSED(D_DS, f1, a, f2, b) TABLE(fused_D_DS_##a##_##b, FUSED(NAME_FUSED, f1, a, f2, b))
#define FUSE_D_E(f1, a, f2, b) \
	FUSED(D_E, f1, a, f2, b) TABLE(fused_D_E_##a##_##b, FUSED(NAME_FUSED, f1, a, f2, b))
#define FUSE_DS_DD(f1, a, f2, b) \
	FUSED(DS_DD, f1, a, f2, b) TABLE(fused_DS_DD_##a##_##b, FUSED(NAME_FUSED, f1, a, f2, b))
#define FUSE_ROTATE(m, a, b, or)   \
	FUSED(ROTATE, m, a, b, or) \
	TABLE(fused_ROTATE_##m##_##a##_##b, FUSED(NAME_ROTATED, m, a, b, or))
#include "vm/fuse.def"
#undef FUSE_DS_D
#undef FUSE_D_DS
#undef FUSE_D_E
#undef FUSE_DS_DD
#undef FUSE_ROTATE

enum fuse_shape { SHAPE_DS_D, SHAPE_D_DS, SHAPE_D_E, SHAPE_DS_DD, SHAPE_ROTATE };

static const struct fuse {
	uint8_t shape; /* enum fuse_shape */
	uint8_t n;     /* instructions */
	uint8_t ops[4];
	const int32_t *handlers; /* [d * 11 + s] */
} fuses[] = {
#define FUSE_2(shape, a, b)	 {SHAPE_##shape, 2, {ISA_##a, ISA_##b}, fused_##shape##_##a##_##b},
#define FUSE_DS_D(f1, a, f2, b)	 FUSE_2(DS_D, a, b)
#define FUSE_D_DS(f1, a, f2, b)	 FUSE_2(D_DS, a, b)
#define FUSE_D_E(f1, a, f2, b)	 FUSE_2(D_E, a, b)
#define FUSE_DS_DD(f1, a, f2, b) FUSE_2(DS_DD, a, b)
#define FUSE_ROTATE(m, a, b, or) \
	{SHAPE_ROTATE, 4, {ISA_##m, ISA_##a, ISA_##b, ISA_## or }, fused_ROTATE_##m##_##a##_##b},
#include "vm/fuse.def"
};

/* The handler of `row` for the instructions at insn (as many as the row wants), or NULL if
 * their registers are not those of its shape. */
static vm_handler *fuse_match(const struct fuse *row, const struct bpf_insn *insn)
{
	uint32_t d = insn[0].dst_reg, s = insn[0].src_reg;
	bool fits = false;

	switch ((enum fuse_shape)row->shape) {
	case SHAPE_DS_D:
		fits = insn[1].dst_reg == d;
		break;
	case SHAPE_D_DS:
		fits = insn[1].dst_reg == d;
		s = insn[1].src_reg;
		break;
	case SHAPE_D_E:
		fits = true;
		s = insn[1].dst_reg;
		break;
	case SHAPE_DS_DD:
		fits = insn[1].dst_reg == d && insn[1].src_reg == d;
		break;
	case SHAPE_ROTATE:
		d = insn[0].src_reg;
		s = insn[0].dst_reg;
		fits = d != s && insn[1].dst_reg == s && insn[2].dst_reg == d &&
		       insn[3].dst_reg == d && insn[3].src_reg == s;
		break;
	}
	return fits && d < 10 ? handler_at(&row->handlers[d * 11 + s]) : NULL;
}

static vm_handler *fuse_find(const uint8_t *ops, const struct bpf_insn *insn, uint32_t left)
{
	for (size_t i = 0; i < ARRAY_SIZE(fuses); i++) {
		const struct fuse *row = &fuses[i];
		vm_handler *handler;

		if (row->ops[0] != ops[0] || row->n > left || memcmp(row->ops, ops, row->n))
			continue;
		handler = fuse_match(row, insn);
		if (handler)
			return handler;
	}
	return NULL;
}

/* ---- entry ---- */

/* The callers of this function know nothing of global register variables: their values are
 * saved and restored by hand. */
static int fast_run(struct visor_run *run, const struct vm_insn *pc, const uint64_t args[5],
		    uint64_t *ret)
{
	const uint64_t s0 = r0, s6 = r6, s7 = r7, s8 = r8, s9 = r9, s10 = r10;

	r10 = (uintptr_t)(run->frame->stack + VM_STACK_SIZE);
	pc->fn(args[0], args[1], args[2], args[3], args[4], pc);
	*ret = r0;
	r0 = s0;
	r6 = s6;
	r7 = s7;
	r8 = s8;
	r9 = s9;
	r10 = s10;
	return run->stopped ? -EFAULT : 0;
}

/* ---- binding: the handler for an instruction's registers ---- */

static const int32_t *const fast_handlers[VM_OP_COUNT] = {
#define INSN(id, opcode, form, sel, group, text, mnemonic) [ISA_##id] = fast_##id,
#include "isa/isa.def"
#undef INSN
	[VM_OP_TAIL_CALL] = fast_TAIL_CALL,
	[VM_OP_CALL_BACK] = fast_CALL_BACK,
	[VM_OP_NONE] = fast_NONE,
};

static void fast_bind(struct vm_prog *prog, const uint8_t *ops)
{
	for (uint32_t i = 0; i < prog->verified->n_insns; i++) {
		const struct bpf_insn *insn = &prog->verified->insns[i];
		size_t at = 0;

		switch (ops[i] < ISA_COUNT ? isa_table[ops[i]].form : ISA_FORM_COUNT) {
		case ISA_FORM_ALU_RR:
		case ISA_FORM_JMP_RR:
		case ISA_FORM_LDX:
		case ISA_FORM_STX:
			at = insn->dst_reg * 11u + insn->src_reg;
			break;
		case ISA_FORM_ALU_RI:
		case ISA_FORM_UNARY:
		case ISA_FORM_END:
		case ISA_FORM_LD_IMM64:
		case ISA_FORM_JMP_RI:
		case ISA_FORM_ST:
			at = insn->dst_reg;
			break;
		default:
			break;
		}
		/* The instructions of a sequence keep their own handlers: jumps may lead there. */
		prog->code[i].fn = fuse_find(&ops[i], insn, prog->verified->n_insns - i);
		if (!prog->code[i].fn)
			prog->code[i].fn = handler_at(&fast_handlers[ops[i]][at]);
	}
}

const struct vm_engine vm_engine_fast = {.run = fast_run, .bind = fast_bind};
