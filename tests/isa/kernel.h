/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/isa/kernel.h - the kernel's own opinion on instructions, through the system call.
 * Descriptors returned are the caller's. */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isa/insn.h"

static inline long kernel_bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

/* Loads a socket filter; log may be NULL. A descriptor or a negative errno. */
static inline long kernel_load(const struct bpf_insn *insns, uint32_t n, char *log, uint32_t size)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = n,
			       .license = (uintptr_t) "GPL",
			       .log_buf = (uintptr_t)log,
			       .log_size = log ? size : 0,
			       .log_level = log ? 2 : 0};

	if (log)
		log[0] = '\0';
	return kernel_bpf(BPF_PROG_LOAD, &attr);
}

/* True if programs may be loaded here. */
static inline bool kernel_usable(void)
{
	struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
				   {.code = BPF_JMP | BPF_EXIT}};
	long fd = kernel_load(insns, 2, NULL, 0);

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

#endif
