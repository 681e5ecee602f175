/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/kfunc.h - functions of the kernel that programs may call: flags and permissions.
 *
 * Constant, for any thread. The kernel keeps these facts out of its BTF, which is why a table
 * has them; prototypes come from BTF. What the verifier does with single functions is its own
 * business (verify/kfunc_special.def).
 */
#ifndef CATALOG_KFUNC_H
#define CATALOG_KFUNC_H

#include "catalog/catalog.h"

/* As the kernel numbers them. */
enum kfunc_flag {
	KF_ACQUIRE = 1 << 0,
	KF_RELEASE = 1 << 1,
	KF_RET_NULL = 1 << 2,
	KF_TRUSTED_ARGS = 1 << 4,
	KF_SLEEPABLE = 1 << 5,
	KF_DESTRUCTIVE = 1 << 6,
	KF_RCU = 1 << 7,
	KF_ITER_NEW = 1 << 8,
	KF_ITER_NEXT = 1 << 9,
	KF_ITER_DESTROY = 1 << 10,
	KF_RCU_PROTECTED = 1 << 11,
	KF_FASTCALL = 1 << 12,
	KF_ARENA_RET = 1 << 13,	 /* returns a pointer into the arena */
	KF_ARENA_ARG1 = 1 << 14, /* takes one */
	KF_ARENA_ARG2 = 1 << 15,
};

enum kfunc_only {
	KFUNC_LSM = 1,	   /* of its types, only lsm */
	KFUNC_ITER = 2,	   /* only with the attach type of iterators */
	KFUNC_SESSION = 4, /* only with the attach types of sessions */
	KFUNC_FMODRET = 8, /* no condition: its return value may be modified by fmod_ret */
};

struct kfunc_row {
	const char *name;
	uint64_t progs; /* P_ bits of the types that may call it */
	uint16_t flags; /* enum kfunc_flag */
	uint8_t only;	/* enum kfunc_only */
	bool elsewhere; /* of other configurations than the one that was compared with */
};

/* The function of vmlinux or one of its modules of that name, or NULL. */
const struct kfunc_row *catalog_kfunc(const char *name);
/* False: "calling kernel function %s is not allowed". */
bool catalog_kfunc_allowed(const struct kfunc_row *kfunc, const struct prog_type *type,
			   uint32_t attach_type);
/* The i-th row, for tests and listings, or NULL. */
const struct kfunc_row *catalog_kfunc_at(size_t i);

#endif
