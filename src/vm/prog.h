/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/prog.h - a program as the vm keeps it, and what the files of this layer share.
 *
 * A program is decoded once into an array of struct vm_insn, one for each slot of the
 * original (so that indices agree), operands resolved for the engine that will run it:
 *
 *      8 bytes                        8 bytes
 *    +------------------------------+---------------------------------------------+
 *    | handler, or label, dst, src  | off and imm, or a 64-bit immediate, by form |
 *    +------------------------------+---------------------------------------------+
 *
 * Everything here is private to the layer. Decoded programs are constant once made.
 */
#ifndef VM_PROG_H
#define VM_PROG_H

#include "vm/vm.h"

/* Operations of the interpreters: the instructions, and what decoding makes of some. */
enum vm_op {
	VM_OP_TAIL_CALL = ISA_COUNT, /* helper 12: a jump rather than a call */
	VM_OP_CALL_BACK,	     /* a helper that may call functions of the program */
	VM_OP_NONE,		     /* second slot of lddw; what no path leads to */
	VM_OP_COUNT
};

/* A handler of the specialised interpreter: registers in, never returns but tail-calls the
 * next one (interp_fast.c). */
struct vm_insn;
typedef void vm_handler(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
			const struct vm_insn *pc);

struct vm_insn {
	union {
		vm_handler *fn;
		struct {
			int32_t label; /* distance from the interpreter's base label */
			uint8_t dst, src;
		};
	};
	union {
		struct {
			int32_t off; /* jumps: distance in bytes of struct vm_insn, from this one */
			int32_t imm; /* forms without an immediate: dst | src << 8 */
		};
		uint64_t imm64; /* ALU immediates sign-extended; lddw; helper functions */
	};
};
_Static_assert(sizeof(struct vm_insn) == 16, "four to a cache line");

/* A helper call of a checked program. */
struct vm_call {
	vm_helper_fn fn;
	const struct helper *desc; /* NULL: nothing is known of its arguments */
	uint32_t id;
};

struct vm_counter {
	_Alignas(64) uint64_t run_cnt;
	uint64_t ticks; /* of the CPU's counter, scaled by the sampling rate */
};

/* A way to execute decoded programs. */
struct vm_engine {
	/* Runs from pc in run->frame until the exit of that frame. 0, or -EFAULT with
	 * run->stopped and run->fault set. */
	int (*run)(struct visor_run *run, const struct vm_insn *pc, const uint64_t args[5],
		   uint64_t *ret);
	/* Sets the handlers of prog->code from ops (enum vm_op by slot). */
	void (*bind)(struct vm_prog *prog, const uint8_t *ops);
};
extern const struct vm_engine vm_engine_checked, vm_engine_portable, vm_engine_native;
#ifdef VM_FAST
extern const struct vm_engine vm_engine_fast;
#endif

/* A function of native code. */
typedef uint64_t vm_native_fn(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
			      struct visor_run *run);

typedef int64_t vm_native_batch_fn(void *const *contexts_end, uint64_t *results_end, int64_t at,
				   struct visor_run *run);

struct vm_prog {
	const struct vm_engine *engine;
	struct vm_insn *code;
	const struct verified *verified;
	struct map **maps;
	uint32_t n_maps;
	enum vm_mode mode;
	bool blind; /* as in struct vm_prog_attr */
	const struct vm_host *host;
	struct isa_use *use;	     /* checked mode, by slot: what it needs and sets */
	struct vm_call *calls;	     /* checked mode */
	struct vm_counter *counters; /* by CPU slot */
	struct vm_debug *debug;
	vm_native_fn *plain; /* native code that any C function may call; or NULL */
	/* The same, if it calls nothing and does not need the run and what comes in front of it;
	 * or NULL. */
	uint64_t (*leaf)(uint64_t r1, uint64_t r2);
	vm_native_batch_fn *batch; /* the main function on many contexts (jit/jit.h); or NULL */
	struct vm_native native; /* generated code, `code` points into it; mem may be NULL */
	uint32_t refs;
	uint32_t id;
	int unplaced;	  /* as vm_prog_unplaced */
	uint32_t tail_id; /* the id if native code may jump to `code`, or UINT32_MAX */
	uint32_t type;	  /* enum bpf_prog_type */
	char name[BPF_OBJ_NAME_LEN];
	/* after the last reference is gone */
	struct vm_prog *next_dead;
	uint64_t dead_since;
};

/* prog.c */
void vm_prog_destroy(struct vm_prog *prog);

/* decode.c: fills code, calls and use of prog (all else is set). */
int vm_decode(struct vm_prog *prog, struct visor_diag *diag);

/* native.c: compiles; fills code and native. If that fails because the system lets no code be
 * placed, `unplaced` is set. */
int vm_native_compile(struct vm_prog *prog, const struct vm_prog_attr *attr,
		      struct visor_diag *diag);
void vm_native_free(struct vm_native *native);

/* enter.S: native code that is not `plain`. */
uint64_t vm_native_enter(uint64_t r1, uint64_t r2, uint64_t left, const void *code, uint64_t r5,
			 struct visor_run *run);
uint32_t vm_native_enter_all(struct visor_run *run, const void *code, void *const *ctx, uint32_t n,
			     uint64_t *ret, const struct vm_prog *prog);

/* run.c */
#define VM_MAY_GOTO (8 * 1024 * 1024) /* as the kernel's BPF_MAX_LOOPS */
static inline void vm_frame_open(struct vm_frame *frame)
{
	frame->ret = NULL;
	frame->may_goto = VM_MAY_GOTO;
	frame->known = 0;
}
/* Runs prog in run->frame, whatever its mode, until its exit. */
int vm_run_nested(struct visor_run *run, const struct vm_prog *prog, uint64_t *ret);
/* The helper that an indirect call names; fn is NULL if there is none. */
struct vm_call vm_call_by_id(const struct vm_prog *prog, uint32_t id);
/* One classic packet access: false if it is out of range. */
bool vm_packet_load(const struct visor_run *run, int32_t off, uint32_t size, uint64_t *value);

/* tail.c: the program that a tail call leads to, or NULL. Counts the call. */
const struct vm_prog *vm_tail_target(struct visor_run *run, struct map *map, uint32_t index);

/* Where the id in that slot is and where the program that was last found for it, for as long as the
 * map lives; false: there is no such slot, or no memory. */
bool vm_tail_cell(struct map *map, uint32_t index, const void **slot, const void **cached);

/* slot.c: hands over a program without references, to be destroyed when nobody runs it. */
void vm_retire(struct vm_prog *prog);

/* stats.c */
extern uint32_t vm_stats_rate; /* one run in so many is timed; 0: nothing is counted */
static inline bool vm_stats_on(void)
{
	return UNLIKELY(__atomic_load_n(&vm_stats_rate, __ATOMIC_RELAXED) != 0);
}
void vm_stats_start(struct visor_run *run);
/* The running program changes: by a tail call (entry), or back to a caller. */
void vm_stats_switch(struct visor_run *run, const struct vm_prog *to, bool entry);
void vm_stats_stop(struct visor_run *run);

/* check.c. Functions that return bool fill run->fault.text when they return false. */
enum check_kind { CHECK_READ = 1, CHECK_WRITE = 2, CHECK_ATOMIC = 4 };

/* Sets the text, returns false. */
bool check_fail(struct visor_run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Marks the run as stopped at pc for the reason in fault.text; the first one counts. */
void check_stop(struct visor_run *run, const struct vm_prog *prog, const struct vm_insn *pc);
/* Tests one access of the program at `addr`; kind: set of enum check_kind. *at is where the
 * bytes are, or NULL for a context field that yields a pointer, which is then *value. */
bool check_access(struct visor_run *run, uint64_t addr, uint32_t size, unsigned kind, void **at,
		  uint64_t *value);
/* Tests the arguments r[1] to r[5] against the helper's description, converts the context. */
bool check_call(struct visor_run *run, const struct vm_call *call, uint64_t *r);
/* After the call: keeps track of memory that must be released. */
bool check_called(struct visor_run *run, const struct vm_call *call, const uint64_t *r,
		  uint64_t r0);
/* The program may end now. */
bool check_exit(struct visor_run *run);
/* What r1 is to prog. */
uint64_t check_ctx(const struct visor_run *run, const struct vm_prog *prog);

#endif
