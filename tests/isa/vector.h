/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/isa/vector.h - one conformance vector, a file of sections:
 *
 *   -- asm      assembly                        -- result   expected r0
 *   -- raw      64-bit instruction words        -- error    expected failure, in words
 *   -- mem      bytes of the memory in r1, hex  -- no register offset, -- c: ignored
 *
 * A vector owns its memory; release with vector_free.
 */
#ifndef TESTS_VECTOR_H
#define TESTS_VECTOR_H

#include "isa/asm.h"

struct vector {
	char name[64];		/* file name without .data */
	struct bpf_insn *insns; /* the raw section if there is one, else the assembled one */
	uint32_t n_insns;
	char *text;		    /* the asm section, empty if there is none */
	struct bpf_insn *assembled; /* the asm section, NULL if it holds no instruction */
	uint32_t n_assembled;
	bool has_raw;
	uint8_t *mem; /* NULL: none */
	uint32_t mem_len;
	uint64_t result;
	bool has_result;
	char error[128]; /* empty: the run must succeed */
};

/* Reads a vector. Negative errno with diag (place FILE:LINE) if the file is not one. */
int vector_load(const char *path, struct vector *v, struct visor_diag *diag);
void vector_free(struct vector *v);

/* Calls each on every *.data file of $VISOR_DATA/isa, in the order of their names, until one
 * returns non-zero. Returns the number of vectors, -ENOENT if there is no such folder, or the
 * first error. */
int vector_each(int (*each)(const struct vector *v, void *user), void *user,
		struct visor_diag *diag);

#endif
