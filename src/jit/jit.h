/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/jit.h - the compiler: from a verified program to native code.
 *
 *   verified instructions
 *      │ build      control flow graph in static single assignment form; look-ups inlined
 *      │ promote    stack slots become values
 *      │ simplify   folding, value numbering, narrowing
 *      │ ...        (compile.c has the list)
 *      │ select     what the machine does in one instruction
 *      │ alloc      registers
 *      ▼ emit
 *   bytes, relocations, line table
 *
 * The compiler knows the program, its maps and, by struct jit_env, where the vm keeps what
 * generated code needs. It knows nothing of runs, threads and executable memory (vm/native.c).
 * Any number of threads may compile at once.
 *
 * Generated functions follow the C calling convention of the machine:
 *
 *   uint64_t f(uint64_t r1, ..., uint64_t r5, struct visor_run *run)
 *
 * with one exception: the main function of a program that has tail calls may destroy all registers
 * (but the stack pointer). It is entered through code that saves them, and left for the main
 * function of another program by a jump. Its third argument is how many tail calls may be made
 * without asking the vm.
 *
 * The main function of any other program is there twice, where the machine has it:
 *
 *   int64_t batch(void *const *contexts_end, uint64_t *results_end, int64_t at, struct visor_run *run)
 *
 * runs it on context after context, from `at` (< 0, in bytes) on until 0, or until a run was stopped.
 * Returns where that was.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include <stdio.h>

#include "map/map.h"
#include "verify/verify.h"

/* Addresses that generated code uses besides helpers and maps. */
enum jit_symbol {
	JIT_PACKET_LOAD,  /* uint64_t (run, int32_t off, size): the value, or UINT64_MAX */
	JIT_TAIL,	  /* {const void *, uint64_t} (run, map, index): where to go on, or NULL,
			   * and with what third argument */
	JIT_TAIL_NESTED,  /* uint64_t (run, map, index): not 0 if it ran; run->tail_result is set */
	JIT_STATS,	  /* uint32_t: not 0 if tail calls are counted */
	JIT_HELPER_BY_ID, /* vm_helper_fn (run, id): of an indirect call; never NULL */
	/* Loops (idiom.c, vm/loops.h). */
	JIT_COPY, /* (to, from, bytes) */
	JIT_SUM1, /* uint64_t (from, n): of bytes */
	JIT_SUM2,
	JIT_SUM4,
	JIT_SKIP_EQUAL, /* uint64_t (a, b, n) */
	JIT_SKIP_EQUAL_TEXT,
	JIT_SKIP_OTHER, /* uint64_t (a, byte, n) */
	JIT_SYMBOLS
};

/* Constant for the life of the process. */
struct jit_env {
	const void *symbol[JIT_SYMBOLS];
	/* Offsets in struct visor_run. */
	uint32_t run_cpu, run_stopped, run_ctx, run_tail_result;
	uint32_t run_prog, run_tail_calls;
	/* Offsets in struct vm_prog. */
	uint32_t prog_tail_id, prog_type, prog_code;
	uint32_t may_goto; /* iterations of a may_goto loop */
	/* Where code will be placed: calls of C functions within 2 GiB of it are shorter. */
	uintptr_t code_near;
};

/* Features of x86-64 and of arm64 beyond the first. */
enum jit_feature { JIT_BMI2 = 1, JIT_MOVBE = 2, JIT_BMI1 = 4, JIT_AVX2 = 8, JIT_LSE = 16 };

struct jit_target;

struct jit_program {
	const struct verified *code;
	struct map *const *maps;
	const struct jit_env *env;
	/* Body and description (or NULL) of a helper, NULL if there is none. */
	void *(*helper)(void *user, uint32_t id, const struct helper **desc);
	/* Where the id in a slot of a program array is, and where the program that it was last found
	 * to be; false: it is not to be done in place. Or NULL. */
	bool (*tail)(void *user, uint32_t map, uint32_t index, const void **slot,
		     const void **cached);
	void *user;
	const struct jit_target *target; /* target.h; NULL: the machine at hand */
	uint32_t features; /* of the machine: enum jit_feature */
	bool blind;	   /* the program's numbers do not appear in the code (blind.c) */
	/* The stages to be written to `dump`, by name, separated by commas; "all". Or NULL. */
	const char *stages;
	FILE *dump;
};

/* How code holds an address. */
enum jit_form {
	JIT_ADDRESS,
	JIT_DISTANCE,
	JIT_DISTANCE_BYTE, /* x86-64: there is another byte of the instruction behind it */
	JIT_PAGES,	  /* arm64: the distance in pages, and what is left */
	JIT_ADDRESS_LONG, /* arm64: of more than 48 bits */
	JIT_FORMS
};

/* Where it does. */
struct jit_reloc {
	uint32_t at;
	uint32_t index;
	uint8_t sym;  /* enum ir_sym (ir.h) */
	uint8_t form; /* enum jit_form */
	int64_t addend;
};

struct jit_line {
	uint32_t at, insn; /* code from here on comes from this instruction */
};

/* What a function does first: it pushes these registers, the lowest first, and takes so many bytes of
 * stack. (x86-64.) */
struct jit_frame {
	uint32_t saved, size;
};

struct jit_code {
	uint8_t *bytes;
	uint32_t size;
	uint32_t *entry; /* offset of each function of the program; 0 of one that is never called */
	struct jit_frame *frames;
	uint32_t batch; /* offset of the main function as a loop over contexts, behind itself; or 0 */
	struct jit_frame batch_frame;
	struct jit_reloc *relocs;
	uint32_t n_relocs;
	struct jit_line *lines;
	uint32_t n_lines;
	bool needs_run; /* some function calls something, or reads what the run holds */
	struct jit_arena *arena; /* all of the above */
	const struct jit_target *target;
};

/* -EOPNOTSUPP with diag: something in the program that interpreters refuse, too. -ENOMEM. */
int jit_compile(const struct jit_program *p, struct jit_code *out, struct visor_diag *diag);
/* Sets the addresses that the code holds, for the place where it will be. False: something that it
 * reaches by distance is too far from there. */
bool jit_relocate(struct jit_code *code, uintptr_t at);
void jit_code_done(struct jit_code *code);
/* Code that jit_compile made earlier, and that somebody put together again: it can be relocated
 * then. False: there is no compiler for this machine. */
bool jit_adopt(struct jit_code *code);
/* Bytes that a relocation takes in code for this machine; 0: it has none of that form. */
uint32_t jit_form_size(uint32_t form);
/* Takes the address out of such a field. */
void jit_blank(uint8_t *field, uint32_t form);

/* The name of stage i; NULL behind the last one. */
const char *jit_stage_name(uint32_t i);

/* The compiler makes code for this machine. */
bool jit_native(void);
/* What this machine has. */
uint32_t jit_features(void);

#endif
