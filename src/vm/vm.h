/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/vm.h - running verified programs.
 *
 * A struct vm_prog is made from a struct verified and the maps it refers to, holds a
 * reference to each, and is immutable but for its counters: any number of threads may run
 * it at once, each with its own struct visor_run. Where a program came from is not known
 * here; tail calls resolve program ids through the callback of struct vm_host.
 *
 * Two modes. VM_CHECKED tests every memory access and every helper argument against what
 * the program may touch and stops with a fault that names place and reason. VM_UNCHECKED
 * trusts the program.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdio.h>

#include "map/map.h"
#include "verify/verify.h"
#include "visor/packet.h"

#define VM_STACK_SIZE	  512 /* bytes of stack of one function */
#define VM_MAX_FRAMES	  8   /* nested functions, the main program included */
#define VM_MAX_TAIL_CALLS 33
/* Default of a checked run, since a program that was not verified may loop without end:
 * beyond a full may_goto loop, and a fraction of a second. */
#define VM_INSN_LIMIT (UINT64_C(1) << 26)

enum vm_mode { VM_CHECKED, VM_UNCHECKED };
/* What executes an unchecked program. BEST: native code where this machine has a compiler (jit/)
 * and the system lets us place what it makes (vm_prog_unplaced), otherwise an interpreter. Checked
 * programs are always interpreted. */
enum vm_exec { VM_EXEC_BEST, VM_EXEC_INTERPRETED, VM_EXEC_NATIVE };

struct vm_prog;
struct vm_insn;
struct visor_run;

typedef uint64_t (*vm_helper_fn)(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				 struct visor_run *run);

/* What the vm asks of the layer above. Constant for the life of the programs made with it. */
struct vm_host {
	/* The program of that id with a new reference, or NULL. Called when a program array's
	 * slot is first used by this process or has changed. */
	struct vm_prog *(*prog_by_id)(void *user, uint32_t id);
	/* A helper beyond the catalog's: its body, or NULL. *desc (NULL: unknown, arguments are
	 * passed on unchecked) must stay valid as long as the program. */
	vm_helper_fn (*helper)(void *user, const struct prog_type *type, uint32_t id,
			       const struct helper **desc);
	/* bpf_trace_printk's text, one line without newline; NULL: standard error. */
	void (*trace)(void *user, const char *line);
	void *user;
};

/* Where code came from. Called while a program is made. */
struct vm_source {
	/* The name of a function of the program, or NULL. */
	const char *(*func)(void *user, uint32_t subprog);
	/* The line that an instruction belongs to; false if none is known. *file must stay valid
	 * until the program is made. */
	bool (*line)(void *user, uint32_t insn, const char **file, uint32_t *line);
	void *user;
};

/* Where native code is kept, so that it is compiled once only. What is given back is executed:
 * nobody else may be able to write it. */
#define VM_KEY_SIZE 32
struct vm_keep {
	/* What was saved under a key, to be freed; NULL: nothing. */
	void *(*load)(void *user, const uint8_t key[VM_KEY_SIZE], size_t *size);
	void (*save)(void *user, const uint8_t key[VM_KEY_SIZE], const void *data, size_t size);
	void *user;
};

struct vm_prog_attr {
	const struct verified *code;
	struct map *const *maps; /* n = code->n_maps */
	const struct vm_host *host;
	enum vm_mode mode;
	enum vm_exec exec;
	bool blind; /* native code does not hold the program's numbers, and is not kept */
	const struct vm_source *source; /* for debuggers; or NULL */
	const struct vm_keep *keep;	/* or NULL */
	uint32_t id;			/* reported in faults and counters */
	char name[BPF_OBJ_NAME_LEN];
};

/* Drops the programs that tail calls through this map have resolved (they hold references,
 * also to programs that use the map): for when the map's last user outside of programs is
 * gone. Harmless at any time: what is needed is resolved again. */
void vm_map_forget(struct map *map);

/* -EOPNOTSUPP with diag if the program cannot run in this mode (VERIFIED_MAYBE_CTX unchecked), or
 * not as `exec` says: there is no compiler for this machine. */
int vm_prog_new(const struct vm_prog_attr *attr, struct vm_prog **out, struct visor_diag *diag);
struct vm_prog *vm_prog_ref(struct vm_prog *prog);
/* The last reference frees the program once no thread of this process can still be running
 * it: at once, or when the threads that are between vm_enter and vm_leave now have left. */
void vm_prog_unref(struct vm_prog *prog);
const struct verified *vm_prog_code(const struct vm_prog *prog);

/* The native code of a program. Function i is [entry[i], entry[i + 1]), the last one ends with the
 * code. */
struct vm_native {
	uint8_t *mem; /* executable, not writable */
	uint32_t size, n_funcs, n_lines;
	uint32_t *entry;
	struct jit_line *lines; /* jit/jit.h; sorted by `at` */
};
/* NULL: the program is interpreted. */
const struct vm_native *vm_prog_native(const struct vm_prog *prog);
/* Why a program is interpreted that should have been native code (VM_EXEC_BEST): what the system
 * said when its code was to be placed, a negative errno. 0: it is not. */
int vm_prog_unplaced(const struct vm_prog *prog);
/* The same in words. */
const char *vm_unplaced_text(int err);
const char *vm_prog_name(const struct vm_prog *prog);
uint32_t vm_prog_id(const struct vm_prog *prog);

/* Compiles the program once more, and writes what it is in some stages of that (jit_stage_name;
 * with commas between; or "all"). */
int vm_prog_stages(struct vm_prog *prog, const char *stages, FILE *to, struct visor_diag *diag);

struct vm_stats {
	uint64_t run_cnt;     /* entries, tail calls into the program included */
	uint64_t run_time_ns; /* estimated from sampled runs, time in programs it tail-called
				 excluded */
};
void vm_prog_stats(const struct vm_prog *prog, struct vm_stats *out);
/* Sample the run time of one in `every` runs, a power of two; 0: no counting (the default). */
void vm_stats_every(uint32_t every);

/* Why a checked run stopped. */
struct vm_fault {
	uint32_t prog_id;
	char prog[BPF_OBJ_NAME_LEN];
	uint32_t insn;	/* index in the program as loaded */
	char text[200]; /* "read of 4 bytes at packet end +2: packet has 60 bytes" */
};

/* A piece of memory a checked program may touch for the time being. */
struct vm_region {
	uint8_t *start;
	uint32_t size;
	bool writable;
	bool record; /* reserved ring buffer memory: must be released before exit */
	const char *what;
};
#define VM_MAX_REGIONS 16

/* The stack of one function: the lower part is the program's, above it r10 finds the rest. */
struct vm_frame {
	uint8_t stack[VM_STACK_SIZE];
	struct visor_run *run;
	const struct vm_insn *ret;  /* where the caller goes on; NULL: the run ends */
	const struct vm_prog *prog; /* the caller's; differs after a tail call in a function */
	uint64_t saved[4];	    /* the caller's r6 to r9 */
	uint32_t may_goto;	    /* iterations left to may_goto loops */
	uint32_t known;		    /* checked mode: the caller's initialised registers */
};

#define VM_CTX_WINDOW 256

/*
 * The state of one thread's runs: kept by the caller from run to run (it is large), zeroed
 * once by vm_run_init. Helpers reach everything through it.
 */
struct visor_run {
	const struct vm_prog *prog; /* now running; changes with a tail call */
	void *ctx;	     /* what r1 pointed to: a struct visor_packet or a custom context */
	void *user;	     /* the embedder's */
	uint32_t cpu;	     /* slot of per-CPU values */
	uint32_t tail_calls; /* left */
	enum vm_mode mode;
	bool stopped;				  /* fault is set, the run is being unwound */
	struct vm_region regions[VM_MAX_REGIONS]; /* checked mode */
	uint32_t n_regions;
	struct vm_fault fault;
	uint64_t insn_limit; /* checked mode: instructions until the run is stopped; 0: none */
	uint64_t insns;	     /* checked mode: instructions executed by the run */
	uint32_t recent;     /* checked mode: where the last access was found */
	/* Checked mode: told of each instruction before it is executed, with registers r0 to r10
	 * and the set of those that it reads; for oracles. Or NULL. */
	void (*step)(struct visor_run *run, uint32_t insn, const uint64_t *r, uint32_t reads);
	uint64_t clock;		    /* start of the sampled interval; 0: this run is not sampled */
	struct vm_frame *frame;	    /* of the running function */
	const struct vm_prog *next; /* native code: the program that a tail call leads to */
	uint64_t tail_result;	    /* native code: of a tail call in a function */
	/* What a checked program sees as its packet context: addresses only, never accessed. */
	uint8_t window[VM_CTX_WINDOW];
	_Alignas(64) struct vm_frame frames[VM_MAX_FRAMES];
};

/* Sets insn_limit to VM_INSN_LIMIT. *run must outlive its use; one thread at a time. */
void vm_run_init(struct visor_run *run);

/*
 * Takes a CPU slot for the calling thread: until vm_leave no other thread of this process
 * has the same one, so per-CPU values need no atomics. Cheap when uncontended; a batch
 * enters once. vm_prog_run must be between the two.
 */
void vm_enter(struct visor_run *run);
void vm_leave(struct visor_run *run);

/* Calls a function of the running program from a helper (ARG_FUNC): func is the argument as
 * the program passed it. After a fault run->stopped is set and 0 returned. */
uint64_t vm_call_back(struct visor_run *run, uint64_t func, uint64_t a1, uint64_t a2, uint64_t a3,
		      uint64_t a4, uint64_t a5);

/* Runs the program: r1 = ctx, r2 = arg2 (0 except for raw memory runs). Returns 0 with *ret
 * set, or -EFAULT with run->fault set (checked mode). */
int vm_prog_run(const struct vm_prog *prog, struct visor_run *run, void *ctx, uint64_t arg2,
		uint64_t *ret);

/* Runs the program on n contexts in order, each as vm_prog_run with arg2 = 0, with the results in
 * ret. Ends at the first run that fails; returns how many did not. Cheaper than so many calls:
 * native code goes from one run to the next without coming back here. */
uint32_t vm_prog_run_batch(const struct vm_prog *prog, struct visor_run *run, void *const *ctx,
			   uint32_t n, uint64_t *ret);

/* Adds memory that a checked program may touch besides context, packet, stack and maps. */
int vm_run_allow(struct visor_run *run, void *start, uint32_t size, bool writable,
		 const char *what);

/* The body of a catalog helper, or NULL (cannot happen for an id that catalog_helper knows). */
vm_helper_fn vm_helper(uint32_t id);

#endif
