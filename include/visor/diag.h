/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/diag.h - what went wrong, where, and what to do about it.
 *
 * A diagnostic is a plain value owned by the caller and filled by the function that
 * failed; functions take an optional pointer to one (NULL: not wanted). It holds no
 * pointers, so it can be copied, and needs no release. A function that succeeds leaves
 * it alone. Not shared between threads while a call that may fill it is running.
 */
#ifndef VISOR_DIAG_H
#define VISOR_DIAG_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct visor_diag {
	int err;	 /* negative errno; 0: nothing was reported */
	char stage[24];	 /* the step that failed: "assemble", "verify", "plan", ... */
	char place[160]; /* where: "chain.yaml:4:7", "acl.o: xdp_acl: insn 12"; may be empty */
	char text[512];	 /* what is wrong, one line without a trailing newline */
	char hint[256];	 /* what to do about it; may be empty */
};

/* Prints "PLACE: TEXT (REASON)\n  hint: HINT\n" the way every visor tool reports an error. */
void visor_diag_print(const struct visor_diag *diag, FILE *to);

#ifdef __cplusplus
}
#endif
#endif
