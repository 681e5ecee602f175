/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/elf.c - sections, functions, relocations and source lines of an object, with libelf.
 *
 * .BTF.ext holds the source lines, section by section:
 *
 *    header: magic, version, flags, length, offsets and lengths of its parts
 *    line part:  u32 size of a record
 *                { u32 section name, u32 n, n records { insn_off, file, text, line:22 col:10 } }...
 *
 * (Linux: Documentation/bpf/btf.rst, section 4). Here insn_off counts bytes.
 */
#include "cli/elf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>

#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#endif

struct elf_ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t len;
	uint32_t func_off, func_len;
	uint32_t line_off, line_len;
};

/* One element more in a growing array; NULL: no memory. */
static void *elf_grow(void **array, uint32_t *n, size_t size)
{
	/* Doubles at each power of two. */
	if ((*n & (*n - 1)) == 0) {
		void *more = realloc(*array, (*n ? 2 * (size_t)*n : 1) * size);

		if (!more)
			return NULL;
		*array = more;
	}
	memset((char *)*array + *n * size, 0, size);
	return (char *)*array + (*n)++ * size;
}

static struct elf_section *elf_by_index(struct elf *elf, const size_t *index, size_t ndx)
{
	uint32_t i;

	for (i = 0; i < elf->n_sections; i++) {
		if (index[i] == ndx)
			return &elf->sections[i];
	}
	return NULL;
}

static int elf_code(struct elf *elf, Elf *e, size_t strings, size_t **index,
		    struct visor_diag *diag)
{
	Elf_Scn *scn = NULL;
	uint32_t n_index = 0;
	struct elf_section *s;
	Elf_Data *data;
	GElf_Shdr sh;
	size_t *ndx;

	while ((scn = elf_nextscn(e, scn))) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_PROGBITS ||
		    !(sh.sh_flags & SHF_EXECINSTR) || !sh.sh_size)
			continue;
		data = elf_rawdata(scn, NULL);
		if (!data || !data->d_buf)
			return diag_fail(diag, -EINVAL, "read", "section %zu lies outside the file",
					 elf_ndxscn(scn));
		if (data->d_size % sizeof(struct bpf_insn))
			return diag_fail(
				diag, -EINVAL, "read",
				"section %zu: %zu bytes are no whole number of instructions",
				elf_ndxscn(scn), data->d_size);
		s = elf_grow((void **)&elf->sections, &elf->n_sections, sizeof(*s));
		ndx = s ? elf_grow((void **)index, &n_index, sizeof(*ndx)) : NULL;
		if (ndx)
			s->insns = malloc(data->d_size);
		if (!ndx || !s->insns)
			return diag_fail(diag, -ENOMEM, "read", "out of memory");
		*ndx = elf_ndxscn(scn);
		memcpy(s->insns, data->d_buf, data->d_size);
		s->n_insns = (uint32_t)(data->d_size / sizeof(*s->insns));
		s->name = elf_strptr(e, strings, sh.sh_name);
		s->name = s->name ? s->name : "?";
	}
	return 0;
}

/* Symbols of functions: where they start. */
static int elf_functions(struct elf *elf, Elf *e, Elf_Scn *scn, const GElf_Shdr *sh,
			 const size_t *index, struct visor_diag *diag)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	struct elf_section *s;
	struct elf_name *f;
	GElf_Sym sym;
	int i;

	for (i = 0; data && gelf_getsym(data, i, &sym); i++) {
		s = elf_by_index(elf, index, sym.st_shndx);
		if (!s || GELF_ST_TYPE(sym.st_info) != STT_FUNC || sym.st_value / 8 >= s->n_insns)
			continue;
		f = elf_grow((void **)&s->funcs, &s->n_funcs, sizeof(*f));
		if (!f)
			return diag_fail(diag, -ENOMEM, "read", "out of memory");
		f->insn = (uint32_t)(sym.st_value / 8);
		f->name = elf_strptr(e, sh->sh_link, sym.st_name);
	}
	return 0;
}

/* What an instruction of section s refers to: names it, and marks loads as map references. */
static int elf_reference(struct elf_section *s, Elf *e, const GElf_Rel *rel, const GElf_Sym *sym,
			 const GElf_Shdr *symtab, size_t strings, struct visor_diag *diag)
{
	uint32_t at = (uint32_t)(rel->r_offset / 8);
	bool map = GELF_R_TYPE(rel->r_info) == R_BPF_64_64;
	GElf_Shdr target;
	struct elf_name *r;
	const char *name, *section;
	Elf_Scn *scn;

	if (rel->r_offset % 8 || rel->r_offset / 8 >= s->n_insns)
		return 0;
	scn = elf_getscn(e, sym->st_shndx);
	if (!scn || !gelf_getshdr(scn, &target))
		return 0;
	section = elf_strptr(e, strings, target.sh_name);
	name = GELF_ST_TYPE(sym->st_info) == STT_SECTION
		       ? section
		       : elf_strptr(e, symtab->sh_link, sym->st_name);
	/* An address of a function is loaded, too, but is no map's. */
	map = map && at + 1 < s->n_insns && s->insns[at].code == (BPF_LD | BPF_IMM | BPF_DW) &&
	      !(target.sh_flags & SHF_EXECINSTR);
	if (!name)
		return 0;
	r = elf_grow((void **)&s->refs, &s->n_refs, sizeof(*r));
	if (!r)
		return diag_fail(diag, -ENOMEM, "read", "out of memory");
	r->insn = at;
	r->name = name;
	r->map = map;
	if (!map)
		return 0;
	if (section && !strcmp(section, ".maps")) {
		s->insns[at].src_reg = BPF_PSEUDO_MAP_FD;
	} else {
		/* The compiler left the offset within the section in the first slot. */
		s->insns[at].src_reg = BPF_PSEUDO_MAP_VALUE;
		s->insns[at + 1].imm = s->insns[at].imm + (int32_t)sym->st_value;
		s->insns[at].imm = 0;
	}
	return 0;
}

static int elf_relocations(struct elf *elf, Elf *e, Elf_Scn *scn, const GElf_Shdr *sh,
			   const size_t *index, size_t strings, struct visor_diag *diag)
{
	struct elf_section *s = elf_by_index(elf, index, sh->sh_info);
	Elf_Data *data = elf_getdata(scn, NULL), *symbols;
	Elf_Scn *symscn = elf_getscn(e, sh->sh_link);
	GElf_Shdr symtab;
	GElf_Rel rel;
	GElf_Sym sym;
	int i, err;

	if (!s || !data || !symscn || !gelf_getshdr(symscn, &symtab))
		return 0;
	symbols = elf_getdata(symscn, NULL);
	for (i = 0; symbols && gelf_getrel(data, i, &rel); i++) {
		if (!gelf_getsym(symbols, (int)GELF_R_SYM(rel.r_info), &sym))
			continue;
		err = elf_reference(s, e, &rel, &sym, &symtab, strings, diag);
		if (err)
			return err;
	}
	return 0;
}

static int elf_line_cmp(const void *a, const void *b)
{
	const struct elf_line *x = a, *y = b;

	return x->insn < y->insn ? -1 : x->insn > y->insn;
}

/* The records of one section: n of `size` bytes at p. */
static int elf_section_lines(struct elf *elf, struct elf_section *s, const uint8_t *p, uint32_t n,
			     uint32_t size, struct visor_diag *diag)
{
	struct bpf_line_info info;
	struct elf_line *l;
	uint32_t i;

	for (i = 0; i < n; i++, p += size) {
		memcpy(&info, p, sizeof(info));
		if (info.insn_off / 8 >= s->n_insns)
			continue;
		l = elf_grow((void **)&s->lines, &s->n_lines, sizeof(*l));
		if (!l)
			return diag_fail(diag, -ENOMEM, "read", "out of memory");
		l->insn = info.insn_off / 8;
		l->line = BPF_LINE_INFO_LINE_NUM(info.line_col);
		l->text = btf__str_by_offset(elf->btf, info.line_off);
		l->file = btf__str_by_offset(elf->btf, info.file_name_off);
	}
	if (s->n_lines)
		qsort(s->lines, s->n_lines, sizeof(*s->lines), elf_line_cmp);
	return 0;
}

/* Source lines are an extra: a .BTF.ext that makes no sense is as if it was not there. */
static int elf_lines(struct elf *elf, const Elf_Data *data, struct visor_diag *diag)
{
	const uint8_t *p = data->d_buf, *end;
	struct elf_ext_header h;
	uint32_t rec, head[2], i;
	int err;

	if (!p || data->d_size < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (h.magic != 0xeb9f || h.len > data->d_size || h.line_off > data->d_size - h.len ||
	    h.line_len > data->d_size - h.len - h.line_off || h.line_len < sizeof(rec))
		return 0;
	p += h.len + h.line_off;
	end = p + h.line_len;
	memcpy(&rec, p, sizeof(rec));
	p += sizeof(rec);
	if (rec < sizeof(struct bpf_line_info) || rec > 256)
		return 0;
	while ((size_t)(end - p) >= sizeof(head)) {
		const char *name;

		memcpy(head, p, sizeof(head));
		p += sizeof(head);
		if (head[1] > (size_t)(end - p) / rec)
			return 0;
		name = btf__str_by_offset(elf->btf, head[0]);
		for (i = 0; name && i < elf->n_sections; i++) {
			if (strcmp(elf->sections[i].name, name))
				continue;
			err = elf_section_lines(elf, &elf->sections[i], p, head[1], rec, diag);
			if (err)
				return err;
		}
		p += (size_t)head[1] * rec;
	}
	return 0;
}

static int elf_parts(struct elf *elf, Elf *e, size_t **index, struct visor_diag *diag)
{
	Elf_Data *btf = NULL, *ext = NULL;
	Elf_Scn *scn = NULL;
	size_t strings;
	GElf_Shdr sh;
	int err;

	if (elf_getshdrstrndx(e, &strings))
		return diag_fail(diag, -EINVAL, "read", "broken ELF file: %s", elf_errmsg(-1));
	err = elf_code(elf, e, strings, index, diag);
	while (!err && (scn = elf_nextscn(e, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, &sh))
			continue;
		name = elf_strptr(e, strings, sh.sh_name);
		if (sh.sh_type == SHT_SYMTAB)
			err = elf_functions(elf, e, scn, &sh, *index, diag);
		else if (sh.sh_type == SHT_REL)
			err = elf_relocations(elf, e, scn, &sh, *index, strings, diag);
		else if (name && !strcmp(name, ".BTF"))
			btf = elf_rawdata(scn, NULL);
		else if (name && !strcmp(name, ".BTF.ext"))
			ext = elf_rawdata(scn, NULL);
	}
	if (!err && btf && btf->d_buf && ext) {
		elf->btf = btf__new(btf->d_buf, (uint32_t)btf->d_size);
		if (elf->btf)
			err = elf_lines(elf, ext, diag);
	}
	return err;
}

int elf_read(char *data, size_t size, struct elf *out, struct visor_diag *diag)
{
	size_t *index = NULL;
	GElf_Ehdr eh;
	Elf *e;
	int err;

	memset(out, 0, sizeof(*out));
	elf_version(EV_CURRENT);
	e = elf_memory(data, size);
	if (!e || elf_kind(e) != ELF_K_ELF || !gelf_getehdr(e, &eh)) {
		err = diag_fail(diag, -EINVAL, "read", "not an ELF object: %s", elf_errmsg(-1));
	} else if (eh.e_machine != EM_BPF || eh.e_ident[EI_CLASS] != ELFCLASS64) {
		err = diag_fail(diag, -EINVAL, "read",
				"an object for another machine, not for BPF");
	} else if (eh.e_ident[EI_DATA] !=
		   (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)) {
		err = diag_fail(diag, -EINVAL, "read", "an object of the other byte order");
	} else {
		out->handle = e;
		e = NULL;
		err = elf_parts(out, out->handle, &index, diag);
	}
	free(index);
	if (e)
		elf_end(e);
	if (err)
		elf_free(out);
	return err;
}

void elf_free(struct elf *elf)
{
	uint32_t i;

	for (i = 0; i < elf->n_sections; i++) {
		free(elf->sections[i].insns);
		free(elf->sections[i].funcs);
		free(elf->sections[i].refs);
		free(elf->sections[i].lines);
	}
	free(elf->sections);
	btf__free(elf->btf);
	if (elf->handle)
		elf_end(elf->handle);
	memset(elf, 0, sizeof(*elf));
}
