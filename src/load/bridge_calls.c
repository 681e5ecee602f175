/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/bridge_calls.c - which function of an object refers to which, and to what outside.
 *
 * Before linking, a call within a section may be final already; others have a relocation, whose
 * symbol is the function or its section.
 */
#include "load/bridge.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

#define CALLS_MAX_EXTERNS 4096 /* of one function; compilers make fewer */

static int list_add(uint32_t **list, uint32_t *n, uint32_t value)
{
	uint32_t *grown;

	for (uint32_t i = 0; i < *n; i++)
		if ((*list)[i] == value)
			return 0;
	if (*n >= CALLS_MAX_EXTERNS)
		return 0;
	if (!(*n & (*n - 1)) || !*n) {
		grown = realloc(*list, (*n ? 2 * *n : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*list = grown;
	}
	(*list)[(*n)++] = value;
	return 0;
}

static int calls_order(const void *a, const void *b)
{
	const struct bridge_func *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int calls_functions(struct bridge *b)
{
	uint32_t n = bridge_n_symbols(b);

	b->funcs = calloc(n + 1, sizeof(*b->funcs));
	if (!b->funcs)
		return -ENOMEM;
	for (uint32_t i = 1; i < n; i++) {
		const Elf64_Sym *sym = bridge_symbol(b, i);

		if (ELF64_ST_TYPE(sym->st_info) != STT_FUNC || !sym->st_shndx ||
		    sym->st_shndx >= b->n_sections ||
		    !(b->sections[sym->st_shndx].sh_flags & SHF_EXECINSTR))
			continue;
		b->funcs[b->n_funcs++] =
			(struct bridge_func){.name = bridge_symbol_name(b, i),
					     .section = sym->st_shndx,
					     .start = (uint32_t)sym->st_value,
					     .end = (uint32_t)(sym->st_value + sym->st_size)};
	}
	qsort(b->funcs, b->n_funcs, sizeof(*b->funcs), calls_order);
	return 0;
}

/* The function that a byte of a section is in. */
static struct bridge_func *calls_at(struct bridge *b, uint32_t section, int64_t off)
{
	uint32_t low = 0, high = b->n_funcs;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct bridge_func *f = &b->funcs[mid];

		if (f->section < section || (f->section == section && f->start <= off))
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || b->funcs[low - 1].section != section || off >= b->funcs[low - 1].end)
		return NULL;
	return &b->funcs[low - 1];
}

static int calls_ref(struct bridge *b, struct bridge_func *from, uint32_t section, int64_t off)
{
	struct bridge_func *to = calls_at(b, section, off);

	return from && to && from != to
		       ? list_add(&from->refs, &from->n_refs, (uint32_t)(to - b->funcs))
		       : 0;
}

static int calls_relocation(struct bridge *b, uint32_t section, const Elf64_Rel *rel)
{
	struct bridge_func *from = calls_at(b, section, (int64_t)rel->r_offset);
	uint32_t symbol = (uint32_t)ELF64_R_SYM(rel->r_info);
	const Elf64_Sym *sym = bridge_symbol(b, symbol);
	struct bpf_insn insn;
	int64_t off;

	if (!from)
		return 0;
	if (!sym->st_shndx)
		return list_add(&from->externs, &from->n_externs, symbol);
	if (sym->st_shndx >= b->n_sections ||
	    !(b->sections[sym->st_shndx].sh_flags & SHF_EXECINSTR))
		return 0;
	memcpy(&insn, b->data + b->sections[section].sh_offset + rel->r_offset, sizeof(insn));
	off = (int64_t)sym->st_value;
	if (insn.code == (BPF_JMP | BPF_CALL))
		off += ((int64_t)insn.imm + 1) * (int64_t)sizeof(insn);
	else
		off += insn.imm;
	return calls_ref(b, from, sym->st_shndx, off);
}

static int calls_within(struct bridge *b, uint32_t section)
{
	const Elf64_Shdr *s = &b->sections[section];
	const int64_t size = sizeof(struct bpf_insn);
	struct bpf_insn insn;
	int err = 0;

	for (int64_t i = 0; !err && i < (int64_t)s->sh_size / size; i++) {
		memcpy(&insn, b->data + s->sh_offset + i * size, sizeof(insn));
		if (insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == BPF_PSEUDO_CALL)
			err = calls_ref(b, calls_at(b, section, i * size), section,
					(i + 1 + insn.imm) * size);
	}
	return err;
}

int bridge_calls(struct bridge *b)
{
	int err = calls_functions(b);

	for (uint32_t i = 1; !err && i < b->n_sections; i++) {
		const Elf64_Shdr *s = &b->sections[i];
		const Elf64_Rel *rel;

		if (s->sh_flags & SHF_EXECINSTR)
			err = calls_within(b, i);
		if (s->sh_type != SHT_REL || !(b->sections[s->sh_info].sh_flags & SHF_EXECINSTR))
			continue;
		rel = (const Elf64_Rel *)(b->data + s->sh_offset);
		for (uint64_t k = 0; !err && k < s->sh_size / sizeof(*rel); k++)
			err = calls_relocation(b, s->sh_info, &rel[k]);
	}
	return err;
}

void bridge_calls_free(struct bridge *b)
{
	for (uint32_t i = 0; i < b->n_funcs; i++) {
		free(b->funcs[i].refs);
		free(b->funcs[i].externs);
	}
	free(b->funcs);
	b->funcs = NULL;
	b->n_funcs = 0;
}
