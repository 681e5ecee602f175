/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/check.c - object files are checked before libbpf sees them.
 *
 * libbpf trusts much of a file that a compiler wrote: a symbol, relocation or type number
 * out of range makes it crash. What is checked here is what would: that every table, string
 * and cross reference of the ELF file is inside of what it refers to, and the same for the
 * type information (btf/check.c). Whether the file makes sense is for libbpf to say.
 */
#include "load/check.h"
#include "btf/btf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_MAX_BYTES (64u << 20)

struct check {
	const uint8_t *data;
	uint64_t size;
	const Elf64_Shdr *sections;
	uint32_t n_sections;
	struct visor_diag *diag;
};

#define BAD(c, ...) diag_fail((c)->diag, -EINVAL, "open", __VA_ARGS__)

static const char *section_name(const struct check *c, uint32_t i)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)c->data;

	return (const char *)c->data + c->sections[ehdr->e_shstrndx].sh_offset +
	       c->sections[i].sh_name;
}

static int check_header(struct check *c)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)c->data;
	const uint16_t one = 1;
	uint8_t order = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;

	if (c->size < sizeof(*ehdr) || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return BAD(c, "not an ELF file");
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != order)
		return BAD(c, "not a 64-bit object in this machine's byte order");
	if (ehdr->e_type != ET_REL || (ehdr->e_machine != EM_BPF && ehdr->e_machine != EM_NONE))
		return BAD(c, "not a BPF object (compile with clang -target bpf)");
	if (ehdr->e_shentsize != sizeof(Elf64_Shdr) || !ehdr->e_shnum || ehdr->e_shoff % 8 ||
	    ehdr->e_shoff > c->size ||
	    ehdr->e_shnum > (c->size - ehdr->e_shoff) / sizeof(Elf64_Shdr) ||
	    ehdr->e_shstrndx >= ehdr->e_shnum)
		return BAD(c, "the ELF file is cut short or damaged: section table");
	c->sections = (const Elf64_Shdr *)(c->data + ehdr->e_shoff);
	c->n_sections = ehdr->e_shnum;
	if (c->sections[ehdr->e_shstrndx].sh_type != SHT_STRTAB)
		return BAD(c, "the ELF file is damaged: there are no section names");
	return 0;
}

/* Where the section's bytes are, and that a table of strings is terminated. */
static int check_place(struct check *c, uint32_t i)
{
	const Elf64_Shdr *s = &c->sections[i];

	if (s->sh_type == SHT_NULL || s->sh_type == SHT_NOBITS)
		return s->sh_size > UINT32_MAX ? BAD(c, "section %u is too large", i) : 0;
	if (s->sh_offset > c->size || s->sh_size > c->size - s->sh_offset ||
	    (s->sh_addralign > 1 && s->sh_offset % MIN(s->sh_addralign, 8)))
		return BAD(c, "the ELF file is cut short or damaged: section %u", i);
	if (s->sh_flags & SHF_COMPRESSED)
		return BAD(c, "section %u is compressed", i);
	if (s->sh_type == SHT_STRTAB && (!s->sh_size || c->data[s->sh_offset + s->sh_size - 1]))
		return BAD(c, "the ELF file is damaged: string table %u", i);
	return 0;
}

static int check_name(struct check *c, uint32_t i)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)c->data;
	const Elf64_Shdr *s = &c->sections[i];
	const char *name;

	if (s->sh_name >= c->sections[ehdr->e_shstrndx].sh_size)
		return BAD(c, "the ELF file is damaged: name of section %u", i);
	name = section_name(c, i);
	/* Only sections that begin as zeros may have no bytes in the file. */
	if (s->sh_type == SHT_NOBITS && strncmp(name, ".bss", 4) != 0)
		return BAD(c, "section '%s' has no contents", name);
	if ((s->sh_flags & SHF_EXECINSTR) &&
	    (s->sh_type != SHT_PROGBITS || s->sh_size % sizeof(struct bpf_insn)))
		return BAD(c, "section '%s' does not hold whole instructions", name);
	if ((!strcmp(name, "license") || !strcmp(name, "version") || !strncmp(name, ".maps", 5) ||
	     !strncmp(name, ".BTF", 4)) &&
	    (s->sh_type != SHT_PROGBITS || !s->sh_size))
		return BAD(c, "section '%s' has no contents", name);
	return 0;
}

static int check_symbols(struct check *c, uint32_t i)
{
	const Elf64_Shdr *s = &c->sections[i], *strs;
	const Elf64_Sym *sym = (const Elf64_Sym *)(c->data + s->sh_offset);

	if (s->sh_link >= c->n_sections || c->sections[s->sh_link].sh_type != SHT_STRTAB ||
	    s->sh_entsize != sizeof(*sym) || s->sh_size % sizeof(*sym) || s->sh_offset % 8)
		return BAD(c, "the ELF file is damaged: symbol table");
	strs = &c->sections[s->sh_link];
	for (uint64_t k = 0; k < s->sh_size / sizeof(*sym); k++, sym++) {
		const Elf64_Shdr *in;

		if (sym->st_name >= strs->sh_size ||
		    (sym->st_shndx >= c->n_sections && sym->st_shndx < SHN_LORESERVE))
			return BAD(c, "the ELF file is damaged: symbol %u", (uint32_t)k);
		if (!sym->st_shndx || sym->st_shndx >= SHN_LORESERVE)
			continue;
		in = &c->sections[sym->st_shndx];
		if (sym->st_value > in->sh_size || sym->st_size > in->sh_size - sym->st_value)
			return BAD(c, "the ELF file is damaged: place of symbol %u", (uint32_t)k);
	}
	return 0;
}

static int check_relocations(struct check *c, uint32_t i)
{
	const Elf64_Shdr *s = &c->sections[i], *target, *syms;
	const Elf64_Rel *rel = (const Elf64_Rel *)(c->data + s->sh_offset);

	if (s->sh_link >= c->n_sections || c->sections[s->sh_link].sh_type != SHT_SYMTAB ||
	    !s->sh_info || s->sh_info >= c->n_sections || s->sh_entsize != sizeof(*rel) ||
	    s->sh_size % sizeof(*rel) || s->sh_offset % 8)
		return BAD(c, "the ELF file is damaged: relocations of section %u", s->sh_info);
	syms = &c->sections[s->sh_link];
	target = &c->sections[s->sh_info];
	for (uint64_t k = 0; k < s->sh_size / sizeof(*rel); k++, rel++)
		if (ELF64_R_SYM(rel->r_info) >= syms->sh_size / sizeof(Elf64_Sym) ||
		    target->sh_size < 4 || rel->r_offset > target->sh_size - 4 ||
		    ((target->sh_flags & SHF_EXECINSTR) && target->sh_size - rel->r_offset < 8))
			return BAD(c, "the ELF file is damaged: relocation %u of section %u",
				   (uint32_t)k, s->sh_info);
	return 0;
}

static int check_btf(struct check *c, uint32_t i, struct btf **btf)
{
	const Elf64_Shdr *s = &c->sections[i];
	struct visor_diag diag = {0};
	void *copy;

	if (*btf)
		return BAD(c, "there are two sections '.BTF'");
	copy = malloc(s->sh_size);
	if (!copy)
		return diag_fail(c->diag, -ENOMEM, "open", "out of memory");
	memcpy(copy, c->data + s->sh_offset, s->sh_size);
	if (btf_new(copy, (uint32_t)s->sh_size, NULL, NULL, BTF_OBJECT, btf, &diag)) {
		free(copy);
		return BAD(c, "the type information (.BTF) is damaged: %s", diag.text);
	}
	btf_adopt(*btf, copy);
	return 0;
}

/* One part of .BTF.ext: records grouped by section, each of the stated size. */
static int check_ext_part(struct check *c, const struct btf *btf, const uint8_t *at, uint32_t len,
			  uint32_t least, bool has_type)
{
	uint32_t size, n;

	if (!len)
		return 0;
	if (len < 4 || (size = get_u32(at)) < least || size % 4 || size > 4096)
		return BAD(c, "the type information (.BTF.ext) is damaged: record size");
	for (at += 4, len -= 4; len; at += 8 + (size_t)n * size, len -= 8 + n * size) {
		if (len < 8 || get_u32(at) >= btf->strs_len)
			return BAD(c, "the type information (.BTF.ext) is damaged: section");
		n = get_u32(at + 4);
		if (!n || n > (len - 8) / size)
			return BAD(c, "the type information (.BTF.ext) is damaged: count");
		/* The second word of a record is a type, or a string. */
		for (uint32_t k = 0; k < n; k++) {
			uint32_t v = get_u32(at + 8 + (size_t)k * size + 4);

			if (v > (has_type ? btf->n_types : btf->strs_len - 1))
				return BAD(c,
					   "the type information (.BTF.ext) is damaged: record %u",
					   k);
		}
	}
	return 0;
}

static int check_btf_ext(struct check *c, uint32_t i, const struct btf *btf)
{
	const Elf64_Shdr *s = &c->sections[i];
	const uint8_t *data = c->data + s->sh_offset;
	/* magic, version, flags, hdr_len; then offset and length of each part */
	static const struct {
		uint32_t at, least;
		bool has_type;
	} parts[] = {{8, 8, true}, {16, 16, false}, {24, 16, true}};
	uint32_t hdr_len;
	int err = 0;

	if (s->sh_size < 24)
		return BAD(c, "the type information (.BTF.ext) is cut short");
	hdr_len = get_u32(data + 4);
	if (hdr_len < 24 || hdr_len > s->sh_size)
		return BAD(c, "the type information (.BTF.ext) is damaged: header");
	for (size_t k = 0; !err && k < ARRAY_SIZE(parts) && parts[k].at + 8 <= hdr_len; k++) {
		uint32_t off = get_u32(data + parts[k].at), len = get_u32(data + parts[k].at + 4);

		if (off % 4 || off > s->sh_size - hdr_len || len > s->sh_size - hdr_len - off)
			return BAD(c, "the type information (.BTF.ext) is damaged: header");
		err = check_ext_part(c, btf, data + hdr_len + off, len, parts[k].least,
				     parts[k].has_type);
	}
	return err;
}

static int check_all(struct check *c)
{
	struct btf *btf = NULL;
	uint32_t i, ext = 0, n_symtabs = 0;
	int err = check_header(c);

	for (i = 0; !err && i < c->n_sections; i++)
		err = check_place(c, i);
	for (i = 1; !err && i < c->n_sections; i++) {
		err = check_name(c, i);
		if (!err && c->sections[i].sh_type == SHT_SYMTAB)
			err = n_symtabs++ ? BAD(c, "there are two symbol tables")
					  : check_symbols(c, i);
	}
	for (i = 1; !err && i < c->n_sections; i++) {
		if (c->sections[i].sh_type == SHT_REL)
			err = check_relocations(c, i);
		else if (!strcmp(section_name(c, i), ".BTF"))
			err = check_btf(c, i, &btf);
		else if (!strcmp(section_name(c, i), ".BTF.ext"))
			ext = i;
	}
	if (!err && !n_symtabs)
		err = BAD(c, "there is no symbol table: the object was stripped");
	if (!err && ext && btf)
		err = check_btf_ext(c, ext, btf);
	btf_unref(btf);
	return err;
}

int check_memory(const void *data, size_t size, struct visor_diag *diag)
{
	struct check c = {.data = data, .size = size, .diag = diag};

	return size > CHECK_MAX_BYTES ? BAD(&c, "larger than 64 MiB") : check_all(&c);
}

/* All of a file whose size is known; less if it shrinks meanwhile, never more. */
static int read_all(int fd, uint8_t *data, size_t *size, struct visor_diag *diag)
{
	size_t most = *size;

	for (*size = 0; *size < most;) {
		ssize_t n = read(fd, data + *size, most - *size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_fail(diag, -errno, "open", "cannot read the object");
		if (!n)
			break;
		*size += (size_t)n;
	}
	return 0;
}

int check_read(const char *path, uint8_t **data, size_t *size, struct visor_diag *diag)
{
	struct check c = {.diag = diag};
	struct stat st;
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*data = NULL;
	if (fd < 0 || fstat(fd, &st))
		err = diag_fail(diag, -errno, "open", "cannot open the object");
	else if (!S_ISREG(st.st_mode))
		err = BAD(&c, "not a regular file");
	else if (!st.st_size || st.st_size > CHECK_MAX_BYTES)
		err = BAD(&c, st.st_size ? "larger than 64 MiB" : "the file is empty");
	if (!err) {
		*size = (size_t)st.st_size;
		*data = malloc(*size);
		err = *data ? read_all(fd, *data, size, diag)
			    : diag_fail(diag, -ENOMEM, "open", "out of memory");
	}
	if (!err)
		err = check_memory(*data, *size, diag);
	if (err) {
		free(*data);
		*data = NULL;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

const void *check_section(const void *data, const char *name, size_t *size)
{
	struct check c = {.data = data};
	const Elf64_Ehdr *ehdr = data;

	c.sections = (const Elf64_Shdr *)(c.data + ehdr->e_shoff);
	for (uint32_t i = 1; i < ehdr->e_shnum; i++)
		if (c.sections[i].sh_type == SHT_PROGBITS && !strcmp(section_name(&c, i), name)) {
			*size = c.sections[i].sh_size;
			return c.data + c.sections[i].sh_offset;
		}
	return NULL;
}
