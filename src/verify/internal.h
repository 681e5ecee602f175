/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/internal.h - the object under construction, shared by the stages of verification.
 *
 * Stages run in order on one object by one thread: structure_check() fills facts, subprogs
 * and the call graph; context_flow() adds what is known of context accesses. A stage that
 * fails leaves the object to its owner, verify_image().
 */
#ifndef VERIFY_INTERNAL_H
#define VERIFY_INTERNAL_H

#include "verify/state.h"
#include "verify/verify.h"

#define VERIFY_MAX_INSNS 1000000 /* the kernel's limit for privileged programs */

struct verify_work {
	const struct verify_image *image;
	struct verified *v; /* the result; its arrays are written through the pointers below */
	struct verified_insn *facts;
	struct verified_subprog *subprogs;
	struct visor_diag *diag;
};

/* Fills the diagnostic for instruction `insn` of the image and returns err. */
int verify_fail(struct verify_work *w, int err, uint32_t insn, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Index of the function that begins at insn, or -1. */
int verify_subprog_at(const struct verify_work *w, uint32_t insn);
/* Index of the function that contains insn. */
uint32_t verify_subprog_of(const struct verify_work *w, uint32_t insn);

/* Fills v and facts: v->insns and the image agree. Everything in v stays the caller's. */
int full_verify(const struct verify_image *image, struct verified *v, struct verified_insn *facts,
		struct visor_diag *diag);
int structure_check(struct verify_work *w);
int context_flow(struct verify_work *w);

#endif
