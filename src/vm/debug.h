/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/debug.h - tells debuggers and profilers about native code.
 *
 * A struct vm_debug belongs to the program whose code it describes and goes before it. Any
 * threads may make and free them.
 */
#ifndef VM_DEBUG_H
#define VM_DEBUG_H

#include "jit/jit.h"
#include "vm/vm.h"

struct vm_debug;

/* A piece of native code and what is known of it; all borrowed for the call. */
struct vm_debug_code {
	const struct vm_native *native;
	const struct jit_frame *frames; /* by function; or NULL */
	uint32_t batch;			/* jit/jit.h */
	struct jit_frame batch_frame;
	const char *prog;		/* name of the program */
	const struct vm_source *source; /* or NULL */
};

/* NULL if nothing is wanted, or there is no memory: the program runs without. */
struct vm_debug *vm_debug_new(const struct vm_debug_code *code);
void vm_debug_free(struct vm_debug *debug);

/* Calls fn for each function that has code, with its symbol. */
void vm_debug_each(const struct vm_debug_code *code,
		   void (*fn)(void *user, const char *name, uint64_t at, uint32_t size),
		   void *user);
/* Appends the code to this process's file for perf (jitdump). */
void vm_debug_dump(const struct vm_debug_code *code);
/* Opens a file for a profiler, which is made if it is not there; negative: it is not ours alone. */
int vm_debug_open(const char *path, int flags);
/* The description for debuggers, an ELF object; to be freed. NULL: no memory. */
void *vm_debug_elf(const struct vm_debug_code *code, size_t *size);

#endif
