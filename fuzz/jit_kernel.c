/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz/jit_kernel.c - the kernel's side (jit_kernel.h). */
#include "jit_kernel.h"

void kernel_side_init(void)
{
}

int kernel_side_take(const struct base *b, const struct programs_one *p)
{
	return -1;
}

void kernel_side_leave(void)
{
}

const char *kernel_side_differs(const struct stage *s, const struct base_image *m,
				const struct input *in, const struct outcome *reference,
				struct outcome *out)
{
	return NULL;
}
