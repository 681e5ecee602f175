/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/diag.h - filling a diagnostic (see visor/diag.h for what it is).
 *
 * Every function accepts diag == NULL and then only returns. Safe from any thread as
 * long as each thread has its own struct visor_diag.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/util.h"
#include "visor/diag.h"

/* Replaces the content of diag; stage is a short literal. Returns err, so that a function can
 * `return diag_fail(diag, -EINVAL, "parse", "unknown key '%s'", key);` */
int diag_fail(struct visor_diag *diag, int err, const char *stage, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Sets the place if none is set yet; an outer layer that knows more uses diag_in. */
void diag_at(struct visor_diag *diag, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts an outer place in front of the one that is set: "acl.o" + "insn 3" -> "acl.o: insn 3". */
void diag_in(struct visor_diag *diag, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Sets the hint: what the user can do. */
void diag_hint(struct visor_diag *diag, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
