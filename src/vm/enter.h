/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/enter.h - what enter.S must know of C: offsets in struct visor_run, and limits.
 *
 * Numbers only, as the assembler reads this, too; native.c holds the compiler to them.
 */
#ifndef VM_ENTER_H
#define VM_ENTER_H

#define ENTER_RUN_PROG	     0
#define ENTER_RUN_CTX	     8
#define ENTER_RUN_TAIL_CALLS 28
#define ENTER_RUN_STOPPED    36
#define ENTER_TAIL_CALLS     33

#endif
