/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/interp_body.h - the function of the portable interpreter, included by interp.c once for
 * each mode, with INTERP its name and CHECKED 0 or 1.
 */

__attribute__((noinline, no_sanitize("alignment"))) INTERP_NOCLONE static int
INTERP(struct visor_run *run, const struct vm_insn *pc, const uint64_t args[5], uint64_t *ret)
{
	static const int32_t labels[VM_OP_COUNT] = {
#define INSN(id, opcode, form, sel, group, text, mnemonic) [ISA_##id] = &&L_##id - &&base,
#include "isa/isa.def"
#undef INSN
		[VM_OP_TAIL_CALL] = &&L_TAIL_CALL - &&base,
		[VM_OP_CALL_BACK] = &&L_CALL_BACK - &&base,
		[VM_OP_NONE] = &&L_NONE - &&base,
	};
	const struct vm_prog *prog;
	uint64_t r[11];
	uint32_t known;

	if (!run) { /* asked for its labels */
		*ret = (uintptr_t)labels;
		return 0;
	}
	prog = run->prog;
	r[0] = 0;
	for (int i = 0; i < 5; i++)
		r[1 + i] = args[i];
	for (int i = 6; i < 10; i++)
		r[i] = 0;
	r[10] = (uintptr_t)(run->frame->stack + VM_STACK_SIZE);
	known = interp_known(run);
base:
	NEXT(0);

#define INSN(id, opcode, form, sel, group, text, mnemonic) OP_##form(id)
#include "isa/isa.def"
#undef INSN

L_CALL_BACK:
	DO_CALL(true)

L_TAIL_CALL : {
	const struct vm_prog *to;

	if (CHECKED)
		CHECK(interp_check_tail(run, pc, r));
	to = vm_tail_target(run, (struct map *)r[2], (uint32_t)r[3]);
	if (!to) {
		known &= ~(R0_SET | ARGS_SET);
		NEXT(1);
	}
	if (to->engine == prog->engine) {
		prog = run->prog = to;
		pc = to->code;
		r[1] = check_ctx(run, to);
		known = interp_known(run);
		NEXT(0);
	}
	if (vm_run_nested(run, to, &r[0]))
		return -EFAULT;
	known |= R0_SET;
	goto leave;
}

leave : {
	const struct vm_frame *frame = run->frame;

	if (!frame->ret) {
		if (CHECKED && frame == run->frames)
			CHECK(check_exit(run));
		*ret = r[0];
		return 0;
	}
	pc = frame->ret;
	if (UNLIKELY(prog != frame->prog)) { /* a function ended in a tail call */
		if (run->clock)
			vm_stats_switch(run, frame->prog, false);
		prog = run->prog = frame->prog;
	}
	memcpy(&r[6], frame->saved, sizeof(frame->saved));
	if (CHECKED)
		known = (frame->known & ~(R0_SET | ARGS_SET)) | (known & R0_SET);
	run->frame--;
	r[10] = (uintptr_t)(run->frame->stack + VM_STACK_SIZE);
	NEXT(0);
}

L_NONE:
	check_fail(run, "there is no instruction here that a run could reach");
fault:
	check_stop(run, prog, pc);
	return -EFAULT;
}
