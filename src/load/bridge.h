/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/bridge.h - an object file, copied and made readable for the libbpf at hand.
 *
 * Newer libbpf reads more than ours: what ours would stumble over is renamed in the copy, and what
 * got lost by that is kept here, for who loads the programs to put in again:
 *
 *    .struct_ops, .struct_ops.link   tables of programs: which member each program is for
 *    .addr_space.1                   variables in an arena become those of a map of their own
 *    map_extra as an enum            (since 1.5) is passed over, and set
 *    externs of the kernel           all are weak, so that one that is missing stops only who calls
 *                                    it; names lose their flavour (`___new`)
 *
 * Files are hostile; what is in a bridge has been checked (load/check.h). The caller owns it.
 */
#ifndef LOAD_BRIDGE_H
#define LOAD_BRIDGE_H

#include <elf.h>

#include "btf/btf.h"

/* Where a program stands in a table of struct_ops. */
struct bridge_op {
	const char *prog; /* a symbol */
	const char *type; /* the struct */
	const char *member;
};

/* A map whose attribute libbpf cannot read. */
struct bridge_extra {
	const char *map;
	uint64_t value;
};

/* A function, and what it refers to. */
struct bridge_func {
	const char *name;
	uint32_t section, start, end; /* bytes */
	uint32_t *refs; /* functions that it calls or takes the address of, by index */
	uint32_t n_refs;
	uint32_t *externs; /* symbols */
	uint32_t n_externs;
	bool seen; /* bridge_missing() at work */
};

struct bridge {
	uint8_t *data;
	size_t size;
	char name[64];	 /* of the object, from its path */
	struct btf *btf; /* types as they were before anything was renamed, or NULL */
	const Elf64_Shdr *sections;
	uint32_t n_sections, symtab;
	struct bridge_op *ops;
	uint32_t n_ops;
	struct bridge_extra *extras;
	uint32_t n_extras;
	struct bridge_func *funcs;
	uint32_t n_funcs;
	bool *strong; /* by symbol: an extern of the kernel that has to be there */
	bool arena;   /* there are variables in an arena: in a map whose name ends so: */
};
#define BRIDGE_ARENA_MAP ".data.space.1"

int bridge_open(struct bridge *b, const char *path, struct visor_diag *diag);
void bridge_close(struct bridge *b);

/* The place of a program in its struct_ops, or NULL. */
const struct bridge_op *bridge_op(const struct bridge *b, const char *prog);
/* A function or variable that a program has to have but the kernel does not, or NULL. */
const char *bridge_missing(struct bridge *b, const char *prog, const struct btf_target *target);

/* Length of a name up to its flavour ("___new"). */
size_t bridge_name_length(const char *name);

/* ---- shared by the files of the bridge ---------------------------------------------------- */

const char *bridge_section_name(const struct bridge *b, uint32_t i);
uint32_t bridge_n_symbols(const struct bridge *b);
const Elf64_Sym *bridge_symbol(const struct bridge *b, uint32_t i);
const char *bridge_symbol_name(const struct bridge *b, uint32_t i);
/* bridge_calls.c: fills funcs. -ENOMEM. */
int bridge_calls(struct bridge *b);
void bridge_calls_free(struct bridge *b);

#endif
