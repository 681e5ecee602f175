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

#include "map/map.h"
#include "verify/verify.h"
#include "visor/packet.h"

#define VM_STACK_SIZE 512 /* bytes of stack of one function */
#define VM_MAX_FRAMES 8   /* nested functions, the main program included */
#define VM_MAX_TAIL_CALLS 33

enum vm_mode { VM_CHECKED, VM_UNCHECKED };

struct vm_prog;
struct visor_run;

typedef uint64_t (*vm_helper_fn)(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				 struct visor_run *run);

/* What the vm asks of the layer above. Constant for the life of the programs made with it. */
struct vm_host {
	/* The program of that id with a new reference, or NULL. Called when a program array's
	 * slot is first used by this process or has changed. */
	struct vm_prog *(*prog_by_id)(void *user, uint32_t id);
	/* A helper beyond the catalog's: its body, or NULL. */
	vm_helper_fn (*helper)(void *user, const struct prog_type *type, uint32_t id);
	/* bpf_trace_printk's text, one line without newline; NULL: standard error. */
	void (*trace)(void *user, const char *line);
	void *user;
};

struct vm_prog_attr {
	const struct verified *code;
	struct map *const *maps; /* n = code->n_maps */
	const struct vm_host *host;
	enum vm_mode mode;
	uint32_t id;   /* reported in faults and counters */
	char name[BPF_OBJ_NAME_LEN];
};

/* -EOPNOTSUPP with diag if the program cannot run in this mode (VERIFIED_MAYBE_CTX unchecked). */
int vm_prog_new(const struct vm_prog_attr *attr, struct vm_prog **out, struct visor_diag *diag);
struct vm_prog *vm_prog_ref(struct vm_prog *prog);
/* The last reference waits until no thread of this process runs the program. */
void vm_prog_unref(struct vm_prog *prog);
const struct verified *vm_prog_code(const struct vm_prog *prog);
const char *vm_prog_name(const struct vm_prog *prog);
uint32_t vm_prog_id(const struct vm_prog *prog);

struct vm_stats {
	uint64_t run_cnt;     /* entries, tail calls into the program included */
	uint64_t run_time_ns; /* estimated from sampled runs, time in programs it tail-called excluded */
};
void vm_prog_stats(const struct vm_prog *prog, struct vm_stats *out);
/* Sample the run time of one in `every` runs, a power of two; 0: no counting (the default). */
void vm_stats_every(uint32_t every);

/* Why a checked run stopped. */
struct vm_fault {
	uint32_t prog_id;
	char prog[BPF_OBJ_NAME_LEN];
	uint32_t insn;   /* index in the program as loaded */
	char text[200];  /* "read of 4 bytes at packet end +2: packet has 60 bytes" */
};

/* A piece of memory a checked program may touch for the time being. */
struct vm_region {
	uint8_t *start;
	uint32_t size;
	bool writable;
	bool record;     /* reserved ring buffer memory: must be released before exit */
	const char *what;
};
#define VM_MAX_REGIONS 16

/*
 * The state of one thread's runs: kept by the caller from run to run (it is large), zeroed
 * once by vm_run_init. Helpers reach everything through it.
 */
struct visor_run {
	const struct vm_prog *prog; /* now running; changes with a tail call */
	void *ctx;                  /* what r1 pointed to: a struct visor_packet or a custom context */
	void *user;                 /* the embedder's */
	uint32_t cpu;               /* slot of per-CPU values */
	uint32_t tail_calls;        /* left */
	enum vm_mode mode;
	struct vm_region regions[VM_MAX_REGIONS]; /* checked mode */
	uint32_t n_regions;
	struct vm_fault fault;
	uint64_t insn_limit; /* checked mode: instructions until the run is stopped; 0: none */
	_Alignas(16) uint8_t stack[VM_MAX_FRAMES][VM_STACK_SIZE];
};

/* *run must outlive its use; one thread at a time. */
void vm_run_init(struct visor_run *run);

/*
 * Takes a CPU slot for the calling thread: until vm_leave no other thread of this process
 * has the same one, so per-CPU values need no atomics. Cheap when uncontended; a batch
 * enters once. vm_prog_run must be between the two.
 */
void vm_enter(struct visor_run *run);
void vm_leave(struct visor_run *run);

/* Runs the program: r1 = ctx, r2 = arg2 (0 except for raw memory runs). Returns 0 with *ret
 * set, or -EFAULT with run->fault set (checked mode). */
int vm_prog_run(const struct vm_prog *prog, struct visor_run *run, void *ctx, uint64_t arg2,
		uint64_t *ret);

/* Adds memory that a checked program may touch besides context, packet, stack and maps. */
int vm_run_allow(struct visor_run *run, void *start, uint32_t size, bool writable,
		 const char *what);

/* The body of a catalog helper, or NULL (cannot happen for an id that catalog_helper knows). */
vm_helper_fn vm_helper(uint32_t id);

#endif
