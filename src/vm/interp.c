/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/interp.c - the portable interpreter, checked and unchecked.
 *
 * Threaded by computed goto, one label for each row of isa.def; registers are an array.
 * Checked, every access goes through check.c, registers must be initialised before use,
 * and instructions are counted. Unchecked it is what runs where the specialised
 * interpreter (interp_fast.c) cannot be built.
 *
 * RFC 9669, sections 4 and 5. Each form of instruction is expanded by one macro below:
 * operand fetch, the instruction's own text from ops.h, dispatch.
 */
#include "vm/ops.h"
#include "vm/prog.h"

#include <errno.h>

/* Sets of registers. */
#define R0_SET	 0x001u
#define ARGS_SET 0x03eu /* r1 to r5 */
#define ALL_SET	 0x7ffu
#define R10_SET	 0x400u

/* Labels are taken as distances within one copy of the function. */
#ifdef __clang__
#define INTERP_NOCLONE
#else
#define INTERP_NOCLONE __attribute__((noclone))
#endif

/* ---- the checked mode's part, out of line --------------------------------------------------- */

/* Before each instruction: missing is the set of registers it reads but nobody set. */
static inline bool interp_step(struct visor_run *run, unsigned missing)
{
	run->insns++;
	if (UNLIKELY(run->insn_limit && run->insns > run->insn_limit)) {
		return check_fail(run, "stopped after %llu instructions, the limit of this run",
				  (unsigned long long)run->insn_limit);
	}
	if (UNLIKELY(missing))
		return check_fail(run, "register r%d is read but was never set",
				  __builtin_ctz(missing));
	return true;
}

/* The registers that are set when a program or callback starts. Types without a context
 * (raw memory) come with no contract: there all are, to 0 or what the caller passed. */
static uint32_t interp_known(const struct visor_run *run)
{
	if (run->frame != run->frames)
		return R10_SET | ARGS_SET;
	return run->prog->verified->type->ctx_size ? R10_SET | 1 << 1 : ALL_SET;
}

static bool interp_check_tail(struct visor_run *run, const struct vm_insn *pc, uint64_t *r)
{
	uint64_t args[6];

	memcpy(args, r, sizeof(args));
	return check_call(run, (const struct vm_call *)pc->imm64, args);
}

static bool interp_check_packet(struct visor_run *run, uint64_t r6)
{
	return r6 == check_ctx(run, run->prog) ||
	       check_fail(run, "classic packet access: r6 is not the context");
}

/* A helper call in checked mode. */
static bool interp_call(struct visor_run *run, const struct vm_call *call, uint64_t *r)
{
	uint64_t args[6];

	memcpy(args, r, sizeof(args));
	if (!check_call(run, call, args))
		return false;
	r[0] = call->fn(args[1], args[2], args[3], args[4], args[5], run);
	return !run->stopped && check_called(run, call, args, r[0]);
}

/* An indirect call: helper id in register `reg`. */
static bool interp_call_reg(struct visor_run *run, uint64_t id, bool checked, uint64_t *r)
{
	struct vm_call call = {0};

	if (id <= UINT32_MAX)
		call = vm_call_by_id(run->prog, (uint32_t)id);
	if (!call.fn)
		return check_fail(run, "indirect call: there is no helper %llu",
				  (unsigned long long)id);
	if (checked)
		return interp_call(run, &call, r);
	r[0] = call.fn(r[1], r[2], r[3], r[4], r[5], run);
	return !run->stopped;
}

/* ---- what every expansion uses ----------------------------------------------------------------
 */

#define CHECK(condition)            \
	do {                        \
		if (!(condition))   \
			goto fault; \
	} while (0)

#define NEXT(n)                                                                              \
	do {                                                                                 \
		pc += (n);                                                                   \
		if (CHECKED) {                                                               \
			const struct isa_use *use_ = &prog->use[pc - prog->code];             \
			CHECK(interp_step(run, use_->reads & ~known));                       \
			known |= use_->writes;                                               \
			if (UNLIKELY(run->step))                                             \
				run->step(run, (uint32_t)(pc - prog->code), r, use_->reads); \
		}                                                                            \
		goto *(const void *)((const char *)&&base + pc->label);                      \
	} while (0)

#define JUMP()                                                             \
	do {                                                               \
		pc = (const struct vm_insn *)((const char *)pc + pc->off); \
		NEXT(0);                                                   \
	} while (0)

/* The number read: a context field may hold a pointer wider than the access that names it. */
#define LOAD(type)                                                                        \
	({                                                                                \
		void *at_ = (void *)A;                                                    \
		uint64_t v_ = 0;                                                          \
		if (CHECKED)                                                              \
			CHECK(check_access(run, A, sizeof(type), CHECK_READ, &at_, &v_)); \
		if (!CHECKED || at_) {                                                    \
			type t_;                                                          \
			memcpy(&t_, at_, sizeof(t_));                                     \
			v_ = (uint64_t)t_;                                                \
		}                                                                         \
		v_;                                                                       \
	})
#define STORE(type, value)                                                                  \
	do {                                                                                \
		void *at_ = (void *)A;                                                      \
		type t_ = (type)(value);                                                    \
		if (CHECKED)                                                                \
			CHECK(check_access(run, A, sizeof(type), CHECK_WRITE, &at_, NULL)); \
		memcpy(at_, &t_, sizeof(t_));                                               \
	} while (0)
#define CELL(type)                                                                     \
	((type *)({                                                                    \
		void *at_ = (void *)A;                                                 \
		if (CHECKED)                                                           \
			CHECK(check_access(run, A, sizeof(type), access, &at_, NULL)); \
		at_;                                                                   \
	}))
#define SRC r[pc->src]
#define R0  r[0]

/* ---- one expansion for each form of instruction (isa/insn.h) -----------------------------------
 */

#define OP_ALU(id, operand)                 \
	L_##id:                             \
	{                                   \
		uint64_t D = r[pc->dst];    \
		const uint64_t S = operand; \
		(void)S;                    \
		BODY_##id;                  \
		r[pc->dst] = D;             \
		NEXT(1);                    \
	}
#define OP_ALU_RR(id) OP_ALU(id, r[pc->src])
#define OP_CAST(id)   OP_ALU(id, r[pc->src])
#define OP_ALU_RI(id) OP_ALU(id, pc->imm64)
#define OP_UNARY(id)  OP_ALU(id, 0)
#define OP_END(id)    OP_ALU(id, 0)

#define OP_JMP(id, operand)                    \
	L_##id:                                \
	{                                      \
		const uint64_t D = r[pc->dst]; \
		const uint64_t S = operand;    \
		if (BODY_##id)                 \
			JUMP();                \
		NEXT(1);                       \
	}
#define OP_JMP_RR(id) OP_JMP(id, r[pc->src])
#define OP_JMP_RI(id) OP_JMP(id, (uint64_t)(int64_t)pc->imm)
#define OP_JA(id)     L_##id : JUMP();
#define OP_JA32(id)   L_##id : JUMP();
#define OP_JCOND(id)                       \
	L_##id:                            \
	{                                  \
		if (!run->frame->may_goto) \
			JUMP();            \
		run->frame->may_goto--;    \
		NEXT(1);                   \
	}

#define ADDRESS(reg) (r[pc->reg] + (uint64_t)(int64_t)pc->off)
#define OP_LOAD(id, kind)                        \
	L_##id:                                  \
	{                                        \
		const uint64_t A = ADDRESS(src); \
		const unsigned access = kind;    \
		uint64_t D;                      \
		(void)access;                    \
		BODY_##id;                       \
		r[pc->dst] = D;                  \
		NEXT(1);                         \
	}
#define OP_LDX(id)	OP_LOAD(id, CHECK_READ)
#define OP_LOAD_ACQ(id) OP_LOAD(id, CHECK_READ | CHECK_ATOMIC)
#define OP_STORE(id, operand)                                       \
	L_##id:                                                     \
	{                                                           \
		const uint64_t A = ADDRESS(dst);                    \
		const uint64_t S = operand;                         \
		const unsigned access = CHECK_WRITE | CHECK_ATOMIC; \
		(void)S;                                            \
		(void)access;                                       \
		BODY_##id;                                          \
		NEXT(1);                                            \
	}
#define OP_STX(id)    OP_STORE(id, r[pc->src])
#define OP_ST(id)     OP_STORE(id, (uint64_t)(int64_t)pc->imm)
#define OP_ATOMIC(id) OP_STORE(id, 0)

#define OP_LD_IMM64(id)                 \
	L_##id:                         \
	{                               \
		r[pc->dst] = pc->imm64; \
		NEXT(2);                \
	}

/* Out of range ends the function with 0. */
#define OP_PACKET(id, offset)                                                    \
	L_##id:                                                                  \
	{                                                                        \
		if (CHECKED)                                                     \
			CHECK(interp_check_packet(run, r[6]));                   \
		if (!vm_packet_load(run, (int32_t)(offset), BODY_##id, &r[0])) { \
			r[0] = 0;                                                \
			goto leave;                                              \
		}                                                                \
		if (CHECKED)                                                     \
			known &= ~ARGS_SET;                                      \
		NEXT(1);                                                         \
	}
#define OP_LD_ABS(id) OP_PACKET(id, pc->imm)
#define OP_LD_IND(id) OP_PACKET(id, (uint32_t)r[pc->src] + (uint32_t)pc->imm)

#define OP_CALL(id)  L_##id : DO_##id
#define OP_KFUNC(id) L_##id : DO_##id
#define OP_CALLX(id) L_##id : DO_##id
#define OP_EXIT(id)  L_##id : DO_##id

/* `may_stop`: the helper calls back into the program, which may fault there. */
#define DO_CALL(may_stop)                                                                    \
	{                                                                                    \
		if (CHECKED) {                                                               \
			CHECK(interp_call(run, (const struct vm_call *)pc->imm64, r));       \
			known &= ~ARGS_SET;                                                  \
		} else {                                                                     \
			r[0] = ((vm_helper_fn)pc->imm64)(r[1], r[2], r[3], r[4], r[5], run); \
			if (may_stop)                                                        \
				CHECK(!run->stopped);                                        \
		}                                                                            \
		NEXT(1);                                                                     \
	}
#define DO_CALL_HELPER DO_CALL(false)
#define DO_CALL_LOCAL                                                                \
	{                                                                            \
		struct vm_frame *frame = run->frame + 1;                             \
		if (UNLIKELY(frame == run->frames + VM_MAX_FRAMES)) {                \
			check_fail(run, "more than %d nested calls", VM_MAX_FRAMES); \
			goto fault;                                                  \
		}                                                                    \
		vm_frame_open(frame);                                                \
		frame->ret = pc + 1;                                                 \
		frame->prog = prog;                                                  \
		frame->known = known;                                                \
		memcpy(frame->saved, &r[6], sizeof(frame->saved));                   \
		r[10] = (uintptr_t)(frame->stack + VM_STACK_SIZE);                   \
		run->frame = frame;                                                  \
		known &= ARGS_SET | R10_SET;                                         \
		JUMP();                                                              \
	}
#define DO_CALL_KFUNC goto L_NONE; /* vm_decode refuses it */
#define DO_CALL_REG                                                  \
	{                                                            \
		CHECK(interp_call_reg(run, r[pc->dst], CHECKED, r)); \
		known &= ~ARGS_SET;                                  \
		NEXT(1);                                             \
	}
#define DO_EXIT goto leave;

#define CHECKED 0
#define INTERP	interp_portable
#include "vm/interp_body.h"
#undef CHECKED
#undef INTERP

#define CHECKED 1
#define INTERP	interp_checked
#include "vm/interp_body.h"
#undef CHECKED
#undef INTERP

/* ---- engines ------------------------------------------------------------------------------------
 */

static void interp_bind(struct vm_prog *prog, const uint8_t *ops, const int32_t *labels)
{
	for (uint32_t i = 0; i < prog->verified->n_insns; i++)
		prog->code[i].label = labels[ops[i]];
}

#define INTERP_ENGINE(mode)                                                      \
	static void interp_bind_##mode(struct vm_prog *prog, const uint8_t *ops) \
	{                                                                        \
		uint64_t labels;                                                 \
		interp_##mode(NULL, NULL, NULL, &labels);                        \
		interp_bind(prog, ops, (const int32_t *)labels);                 \
	}                                                                        \
	const struct vm_engine vm_engine_##mode = {                              \
		.run = interp_##mode,                                            \
		.bind = interp_bind_##mode,                                      \
	};
INTERP_ENGINE(portable)
INTERP_ENGINE(checked)
