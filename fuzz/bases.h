/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/bases.h - programs to start from, with their surroundings, read from files.
 *
 * A file *.s is assembly text with the comment lines of tests/verify (run.c, kfunc.c, world.h):
 * one program, or several, each behind a line "=== NAME TYPE[,sleepable] ...". Any program can
 * also be given as it is:
 *
 *   # raw: HEX    instructions, 16 digits each, as in memory; in lddw of maps (source register 1
 *                 or 2) the immediate is the number of the map among the `map` lines
 *
 * Files that cannot be read, whose functions or maps this kernel lacks, and programs that are too
 * long, are left out.
 */
#ifndef FUZZ_BASES_H
#define FUZZ_BASES_H

#include "../tests/verify/world.h"
#include "programs.h"

struct base {
	struct world world;
	const struct prog_type *type;
	uint32_t attach_type, attach_id, flags;
	char license[16];
	char head[2048]; /* the description, as text */
	struct programs_one one;
	struct map *maps[WORLD_MAPS]; /* verify_run, jit_run: the engine's */
};

extern struct base **bases;
extern uint32_t n_bases;

/* The kernel: whether its maps and types are made, too; target: the types it has, or NULL. */
void bases_init(bool kernel, struct btf_target *target);
/* Adds the programs of a file or of all files of a folder and those in it: *.s, object files *.o.
 */
void bases_add(const char *path);
void bases_add_text(const char *text);	 /* as in *.s, of one program */
void bases_add_object(const char *path); /* bases_object.c */
/* A program with these lines of a world, not among the bases; NULL if it does not assemble. */
struct base *base_of_text(uint32_t type, const char *world, const char *text);
/* The surroundings of generated programs. */
struct base *base_generated(void);
void base_free(struct base *b);
void bases_free(struct base *generated);
/* func_info of the program; how many, or UINT32_MAX: more than there are types of. */
uint32_t base_functions(const struct base *b, const struct programs_one *p,
			struct bpf_func_info *info);

/* A program of the base, for the verifier. Valid until the next one is made. */
struct base_image {
	struct verify_image image;
	struct bpf_insn insns[PROGRAMS_MAX];
	struct verify_map maps[WORLD_MAPS]; /* only those that it names, in that order */
};
void base_image(const struct base *b, const struct programs_one *p,
		const struct bpf_func_info *info, uint32_t n_info, struct base_image *out);

#endif
