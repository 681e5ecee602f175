/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/elf.h - the programs in a BPF object file, as the compiler left them.
 *
 * For looking, not for loading: nothing is relocated against anything, but what a
 * relocation refers to is known by name. The struct owns copies of everything; elf_free
 * releases it. The file is hostile: every offset in it is checked.
 */
#ifndef CLI_ELF_H
#define CLI_ELF_H

#include "base/diag.h"
#include "visor/uapi.h"

struct elf_name {
	uint32_t insn;
	const char *name; /* borrowed from the file's string tables */
	bool map;	  /* relocation: of a map or data; otherwise of a function */
};

struct elf_line {
	uint32_t insn;
	uint32_t line;
	const char *text, *file; /* borrowed from the BTF */
};

struct elf_section {
	const char *name;
	struct bpf_insn *insns;
	uint32_t n_insns;
	struct elf_name *funcs; /* where functions start */
	uint32_t n_funcs;
	struct elf_name *refs; /* relocations */
	uint32_t n_refs;
	struct elf_line *lines; /* sorted by instruction */
	uint32_t n_lines;
};

struct elf {
	struct elf_section *sections; /* those that hold instructions */
	uint32_t n_sections;
	void *handle; /* private */
	struct btf *btf;
};

/* Reads an object in memory, which must live as long as the struct. */
int elf_read(char *data, size_t size, struct elf *out, struct visor_diag *diag);
void elf_free(struct elf *elf);

#endif
