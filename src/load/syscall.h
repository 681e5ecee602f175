/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/syscall.h - sessions without libbpf: the part of load/load.h that the preload library
 * has, too.
 */
#ifndef LOAD_SYSCALL_H
#define LOAD_SYSCALL_H

#include "visor/visor.h"

struct load_session {
	struct visor *visor; /* NULL: the Linux kernel */
	/* Called for each BPF_PROG_LOAD with a private copy of the attributes, before it reaches
	 * the engine; may point them at other instructions (which must live until it returns from
	 * load). 0 to go on, negative errno to fail the load. NULL: not wanted. */
	int (*on_prog_load)(void *user, union bpf_attr *attr, unsigned int size);
	void *user;
	/* Not NULL: answers every command in the engine's place. Returns >= 0 or negative errno. */
	int (*bpf)(void *user, int cmd, union bpf_attr *attr, unsigned int size);
	/* Not NULL: what the file of the kernel's types seems to be (load/vmlinux.c). */
	const void *vmlinux;
	size_t vmlinux_size;
};

/* Makes the session current for this thread; returns the previous one (NULL: none, straight
 * to the kernel). The session stays the caller's and must live until it is replaced. */
struct load_session *load_enter(struct load_session *session);

/* The one of this thread, or of all threads, or NULL. */
struct load_session *load_current(void);

/* The session of all threads that have none of their own. Before any thread is started. */
void load_enter_all(struct load_session *session);

/* How many bpf commands of this thread came through our syscall(). */
unsigned long load_calls(void);

/* bpf(2) on the thread's current session. Returns >= 0 or negative errno. */
int load_bpf(int cmd, union bpf_attr *attr, unsigned int size);

#endif
