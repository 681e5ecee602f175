/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/jit_kernel.h - the running kernel as one more side (sides.h), by BPF_PROG_TEST_RUN.
 *
 * One program at a time. Addresses are others there, so nothing may depend on them.
 */
#ifndef FUZZ_JIT_KERNEL_H
#define FUZZ_JIT_KERNEL_H

#include "sides.h"

/* Exits with 77 where the kernel gives us no bpf(2). */
void kernel_side_init(void);
/* Loads the program. Nonzero: the kernel refuses it, or it would do there what is not comparable.
 */
int kernel_side_take(const struct base *b, const struct programs_one *p);
void kernel_side_leave(void);
/* Runs it with that input; NULL or what differs from the reference, of which the maps' contents
 * were kept. */
const char *kernel_side_differs(const struct stage *s, const struct base_image *m,
				const struct input *in, const struct outcome *reference,
				struct outcome *out);

#endif
