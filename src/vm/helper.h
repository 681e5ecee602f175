/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/helper.h - helper bodies: one function for each row of catalog/helpers.def.
 *
 * A body has the UAPI's signature: up to five 64-bit arguments and the run it works for;
 * HELPER_BODY() names those it uses. Arguments that the kernel declares narrower are
 * narrowed by the body. Pointers were proven (verified programs) or tested (checked mode)
 * before the call, lengths included; ARG_MAP is a struct map, ARG_CTX of packet programs a
 * struct visor_packet. Errors are the kernel's negative errno.
 */
#ifndef VM_HELPER_H
#define VM_HELPER_H

#include "vm/vm.h"

#define HELPER_BODY(name)                                                                       \
	uint64_t helper_##name(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, \
			       struct visor_run *run)

#define HELPER(name, ret, args, progs, flags, maps) HELPER_BODY(name);
#include "catalog/helpers.def"

/* An argument that is a pointer. */
#define PTR(a) ((void *)(uintptr_t)(a))

/* The kernel's internal "not supported", which helpers return where POSIX has ENOTSUP. */
#define KERNEL_ENOTSUPP 524

/* Hides the address but tells equal ones (%p). */
uint64_t helper_hash_pointer(uint64_t address);

#endif
