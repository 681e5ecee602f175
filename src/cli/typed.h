/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/typed.h - typed text of map values, global variables included.
 *
 * load/value.h has the notation. The value of a map of global variables (".rodata", ".bss")
 * is a section of variables: {name: value, ...}; setting some of them leaves the others.
 * Nothing is kept.
 */
#ifndef CLI_TYPED_H
#define CLI_TYPED_H

#include "load/value.h"

int typed_print(FILE *to, const struct btf *btf, uint32_t type, const void *bytes, size_t size,
		unsigned int flags, struct visor_diag *diag);
/* bytes holds the present value, which matters for sections only. */
int typed_parse(const struct btf *btf, uint32_t type, const char *text, void *bytes, size_t size,
		struct visor_diag *diag);

#endif
