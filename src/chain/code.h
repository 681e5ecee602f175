/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/code.h - what a program's instructions ask of who runs them.
 *
 * Apart from inspect.c, since libbpf's types and ours have the same names. Plain values, but for
 * kfuncs, which code_free() releases.
 */
#ifndef CHAIN_CODE_H
#define CHAIN_CODE_H

#include "base/util.h"

struct verify_image;
struct verified;

struct code {
	uint32_t n_insns, n_functions;
	int32_t stack;	     /* -1: not known */
	uint64_t features;   /* bits, by enum since_feature */
	uint64_t helpers[4]; /* bits, by id */
	char **kfuncs;
	uint32_t n_kfuncs;
	bool gpl, seen;
};

/* v may be NULL: the program was refused. -ENOMEM. */
int code_read(const struct verify_image *image, const struct verified *v, struct code *out);
void code_free(struct code *code);

#endif
