/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/proginfo.h - all that an engine tells about a program.
 *
 * The struct owns its arrays and the BTF; proginfo_free releases them. What comes from the
 * engine is checked against the array sizes before it is handed on.
 */
#ifndef CLI_PROGINFO_H
#define CLI_PROGINFO_H

#include "cli/engine.h"

struct proginfo {
	struct bpf_prog_info info; /* the pointers in it are not to be used */
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t *map_ids;
	uint32_t n_maps;
	struct bpf_line_info *lines; /* sorted by instruction */
	uint32_t n_lines;
	struct bpf_func_info *funcs;
	uint32_t n_funcs;
	struct btf *btf; /* NULL: none */
};

/* 0, or negative errno with diag; *p needs proginfo_free only on success. */
int proginfo_get(int fd, struct proginfo *p, struct visor_diag *diag);
void proginfo_free(struct proginfo *p);

/* The C source line that starts at this instruction, or NULL; *file and *line may be NULL. */
const char *proginfo_source(const struct proginfo *p, uint32_t insn, const char **file,
			    uint32_t *line);
/* The name of the function that starts at this instruction, or NULL. */
const char *proginfo_function(const struct proginfo *p, uint32_t insn);

#endif
