/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/code.h - executable memory.
 *
 * Never writable: it is a mapping of a file without a name, and is filled by writing to the
 * file. So there is no moment at which an address is both writable and executable, and many
 * programs share a page. Any thread may call these.
 */
#ifndef VM_CODE_H
#define VM_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for size bytes; or NULL, and *err is why. */
void *vm_code_alloc(size_t size, int *err);
/* The system does not let us have executable memory, or no more of it: nothing that another program
 * or another try would change. */
bool vm_code_refused(int err);
/* 0, or a negative errno. */
int vm_code_write(void *to, const void *bytes, size_t size);
/* No thread may be in it any more. Its pages are taken out of the address space when the last of
 * what was in them goes. */
void vm_code_free(void *code, size_t size);
/* An address so near that what is allocated next reaches everything within 1.5 GiB of it by a
 * distance of 32 bits; 0: there is none. */
uintptr_t vm_code_near(void);

#endif
