/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/bridge.c - the private copy of an object file, and what is renamed in it.
 *
 * Names are changed in place, to names of the same length: a string of an ELF file may be the end
 * of another one (".rel.struct_ops" has ".struct_ops" in it), which is renamed with it and means
 * the same. Nothing in the file moves.
 */
#include "load/bridge.h"
#include "load/check.h"

#include <errno.h>
#include <stdlib.h>

/* ---- the file ----------------------------------------------------------------------------- */

const char *bridge_section_name(const struct bridge *b, uint32_t i)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)b->data;

	return (const char *)b->data + b->sections[ehdr->e_shstrndx].sh_offset +
	       b->sections[i].sh_name;
}

uint32_t bridge_n_symbols(const struct bridge *b)
{
	return (uint32_t)(b->sections[b->symtab].sh_size / sizeof(Elf64_Sym));
}

const Elf64_Sym *bridge_symbol(const struct bridge *b, uint32_t i)
{
	return (const Elf64_Sym *)(b->data + b->sections[b->symtab].sh_offset) + i;
}

const char *bridge_symbol_name(const struct bridge *b, uint32_t i)
{
	const Elf64_Shdr *strs = &b->sections[b->sections[b->symtab].sh_link];

	return (const char *)b->data + strs->sh_offset + bridge_symbol(b, i)->st_name;
}

static uint32_t bridge_section(const struct bridge *b, const char *name)
{
	for (uint32_t i = 1; i < b->n_sections; i++)
		if (!strcmp(bridge_section_name(b, i), name))
			return i;
	return 0;
}

static int bridge_types(struct bridge *b, struct visor_diag *diag)
{
	uint32_t i = bridge_section(b, ".BTF");
	void *copy;
	int err;

	if (!i)
		return 0;
	copy = malloc(b->sections[i].sh_size);
	if (!copy)
		return diag_fail(diag, -ENOMEM, "open", "out of memory");
	memcpy(copy, b->data + b->sections[i].sh_offset, b->sections[i].sh_size);
	err = btf_new(copy, (uint32_t)b->sections[i].sh_size, NULL, NULL, BTF_OBJECT, &b->btf,
		      diag);
	if (err)
		free(copy);
	else
		btf_adopt(b->btf, copy);
	return err;
}

/* The bytes of a name of the types, in the file. */
static char *bridge_type_name(struct bridge *b, uint32_t name_off)
{
	const Elf64_Shdr *s = &b->sections[bridge_section(b, ".BTF")];
	struct btf_header hdr;

	memcpy(&hdr, b->data + s->sh_offset, sizeof(hdr));
	return (char *)b->data + s->sh_offset + hdr.hdr_len + hdr.str_off + name_off;
}

/* ---- sections ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t at; /* where its name becomes another: */
	const char *other;
} bridge_renames[] = {
	{".struct_ops", 0, "_"}, /* sections that libbpf passes over */
	{".struct_ops.link", 0, "_"},  {"?.struct_ops", 1, "_"},
	{"?.struct_ops.link", 1, "_"}, {".addr_space.1", 1, "data."}, /* like any other data */
};

static int bridge_rename_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(bridge_renames); i++)
		if (!strcmp(bridge_renames[i].name, name))
			return (int)i;
	return -1;
}

static void bridge_rename(char *name, int rename)
{
	memcpy(name + bridge_renames[rename].at, bridge_renames[rename].other,
	       strlen(bridge_renames[rename].other));
}

static void bridge_rename_all(struct bridge *b)
{
	int found[ARRAY_SIZE(bridge_renames)] = {0}, r;

	/* Names may share bytes: find all, then write. */
	for (size_t k = 0; k < ARRAY_SIZE(bridge_renames); k++)
		found[k] = (int)bridge_section(b, bridge_renames[k].name);
	for (size_t k = 0; k < ARRAY_SIZE(bridge_renames); k++)
		if (found[k])
			bridge_rename((char *)bridge_section_name(b, (uint32_t)found[k]), (int)k);
	for (uint32_t id = 1; b->btf && id <= b->btf->n_types; id++) {
		const struct btf_type *t = btf_type(b->btf, id);

		if (btf_type_kind(t) != BTF_KIND_DATASEC)
			continue;
		r = bridge_rename_of(btf_str(b->btf, t->name_off));
		if (r >= 0)
			bridge_rename(bridge_type_name(b, t->name_off), r);
	}
}

/* ---- struct_ops --------------------------------------------------------------------------- */

#define OPS_MAX 4096u

/* The variable of a section that has the byte at off, or NULL; *start is where it begins. */
static const char *ops_variable(const struct bridge *b, uint32_t section, uint64_t off,
				uint64_t *start)
{
	for (uint32_t i = 1; i < bridge_n_symbols(b); i++) {
		const Elf64_Sym *sym = bridge_symbol(b, i);

		if (sym->st_shndx != section || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT ||
		    off < sym->st_value || off - sym->st_value >= sym->st_size)
			continue;
		*start = sym->st_value;
		return bridge_symbol_name(b, i);
	}
	return NULL;
}

static int ops_add(struct bridge *b, uint32_t section, const Elf64_Rel *rel)
{
	uint32_t symbol = (uint32_t)ELF64_R_SYM(rel->r_info), id;
	const struct btf_type *var, *t;
	const struct btf_member *m;
	struct bridge_op *ops;
	const char *name;
	uint64_t start;

	name = ops_variable(b, section, rel->r_offset, &start);
	id = name ? btf_find(b->btf, name, BTF_KIND_VAR) : 0;
	var = id ? btf_type(b->btf, id) : NULL;
	t = var ? btf_skip_mods(b->btf, var->type, NULL) : NULL;
	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return 0;
	m = btf_type_data(t);
	for (uint32_t i = 0; i < btf_type_vlen(t); i++, m++) {
		if (btf_member_bit(t, m) != (rel->r_offset - start) * 8)
			continue;
		ops = realloc(b->ops, (b->n_ops + 1) * sizeof(*ops));
		if (!ops)
			return -ENOMEM;
		b->ops = ops;
		ops[b->n_ops++] = (struct bridge_op){.prog = bridge_symbol_name(b, symbol),
						     .type = btf_str(b->btf, t->name_off),
						     .member = btf_str(b->btf, m->name_off)};
		break;
	}
	return 0;
}

static int bridge_ops(struct bridge *b)
{
	int err = 0;

	for (uint32_t i = 1; b->btf && !err && i < b->n_sections; i++) {
		const Elf64_Shdr *s = &b->sections[i];
		const Elf64_Rel *rel;
		int r = s->sh_type == SHT_REL ? bridge_rename_of(bridge_section_name(b, s->sh_info))
					      : -1;

		if (r < 0 || !strstr(bridge_renames[r].name, "struct_ops"))
			continue;
		rel = (const Elf64_Rel *)(b->data + s->sh_offset);
		for (uint64_t k = 0; !err && k < MIN(s->sh_size / sizeof(*rel), OPS_MAX); k++)
			err = ops_add(b, s->sh_info, &rel[k]);
	}
	return err;
}

const struct bridge_op *bridge_op(const struct bridge *b, const char *prog)
{
	for (uint32_t i = 0; i < b->n_ops; i++)
		if (!strcmp(b->ops[i].prog, prog))
			return &b->ops[i];
	return NULL;
}

/* ---- attributes of maps ------------------------------------------------------------------- */

/* The value of the only enumerator of a type. */
static bool extra_value(const struct btf *btf, uint32_t type, uint64_t *value)
{
	const struct btf_type *t = btf_skip_mods(btf, type, NULL);

	if (!t || btf_type_vlen(t) != 1)
		return false;
	if (btf_type_kind(t) == BTF_KIND_ENUM) {
		*value = (uint32_t)((const struct btf_enum *)btf_type_data(t))->val;
		return true;
	}
	if (btf_type_kind(t) == BTF_KIND_ENUM64) {
		const struct btf_enum64 *e = btf_type_data(t);

		*value = (uint64_t)e->val_hi32 << 32 | e->val_lo32;
		return true;
	}
	return false;
}

static int extra_add(struct bridge *b, const struct btf_type *var)
{
	const struct btf_type *t = btf_skip_mods(b->btf, var->type, NULL);
	const struct btf_member *m;
	struct bridge_extra *extras;
	uint64_t value;

	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return 0;
	m = btf_type_data(t);
	for (uint32_t i = 0; i < btf_type_vlen(t); i++) {
		if (strcmp(btf_str(b->btf, m[i].name_off), "map_extra") != 0 ||
		    !extra_value(b->btf, m[i].type, &value))
			continue;
		extras = realloc(b->extras, (b->n_extras + 1) * sizeof(*extras));
		if (!extras)
			return -ENOMEM;
		b->extras = extras;
		extras[b->n_extras++] =
			(struct bridge_extra){btf_str(b->btf, var->name_off), value};
		bridge_type_name(b, m[i].name_off)[0] = '_';
	}
	return 0;
}

static int bridge_extras(struct bridge *b)
{
	uint32_t sec = b->btf ? btf_find(b->btf, ".maps", BTF_KIND_DATASEC) : 0;
	const struct btf_type *t = sec ? btf_type(b->btf, sec) : NULL;
	const struct btf_var_secinfo *info = t ? btf_type_data(t) : NULL;
	int err = 0;

	for (uint32_t i = 0; t && !err && i < btf_type_vlen(t); i++) {
		const struct btf_type *var = btf_type(b->btf, info[i].type);

		if (var && btf_type_kind(var) == BTF_KIND_VAR)
			err = extra_add(b, var);
	}
	return err;
}

/* ---- externs ------------------------------------------------------------------------------ */

/* Is it the kernel's (and not of its configuration)? */
static bool extern_is_kernel(const struct bridge *b, const char *name)
{
	uint32_t sec = btf_find(b->btf, ".ksyms", BTF_KIND_DATASEC);
	const struct btf_type *t = sec ? btf_type(b->btf, sec) : NULL;
	const struct btf_var_secinfo *info;

	if (!t)
		return false;
	info = btf_type_data(t);
	for (uint32_t i = 0; i < btf_type_vlen(t); i++)
		if (!strcmp(btf_name(b->btf, info[i].type), name))
			return true;
	return false;
}

size_t bridge_name_length(const char *name)
{
	const char *flavour = strstr(name + !!*name, "___");

	return flavour && flavour[3] ? (size_t)(flavour - name) : strlen(name);
}

static int bridge_externs(struct bridge *b)
{
	uint32_t n = bridge_n_symbols(b);

	b->strong = calloc(n + 1, sizeof(*b->strong));
	if (!b->strong)
		return -ENOMEM;
	for (uint32_t i = 1; b->btf && i < n; i++) {
		Elf64_Sym *sym = (Elf64_Sym *)bridge_symbol(b, i);
		char *name = (char *)bridge_symbol_name(b, i);
		size_t len = bridge_name_length(name);
		uint32_t id;

		if (sym->st_shndx || !*name || !extern_is_kernel(b, name))
			continue;
		if (ELF64_ST_BIND(sym->st_info) == STB_GLOBAL) {
			b->strong[i] = true;
			sym->st_info = ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(sym->st_info));
		}
		if (!name[len])
			continue;
		id = btf_find(b->btf, name, BTF_KIND_UNKN);
		if (id)
			bridge_type_name(b, btf_type(b->btf, id)->name_off)[len] = '\0';
		name[len] = '\0';
	}
	return 0;
}

static const char *missing_in(struct bridge *b, struct bridge_func *f,
			      const struct btf_target *target)
{
	const struct btf *btf;
	const char *name;
	uint32_t id;

	if (f->seen)
		return NULL;
	f->seen = true;
	for (uint32_t i = 0; i < f->n_externs; i++) {
		name = bridge_symbol_name(b, f->externs[i]);
		if (b->strong[f->externs[i]] &&
		    btf_target_find(target, name, BTF_KIND_FUNC, &btf, &id) &&
		    btf_target_find(target, name, BTF_KIND_VAR, &btf, &id))
			return name;
	}
	return NULL;
}

const char *bridge_missing(struct bridge *b, const char *prog, const struct btf_target *target)
{
	const char *missing = NULL;
	bool again = false;

	for (uint32_t i = 0; i < b->n_funcs; i++)
		b->funcs[i].seen = false;
	for (uint32_t i = 0; !missing && target && i < b->n_funcs; i++)
		if (!strcmp(b->funcs[i].name, prog)) {
			missing = missing_in(b, &b->funcs[i], target);
			again = true;
		}
	/* What is reached from what was reached, until nothing is new. */
	while (again && !missing) {
		again = false;
		for (uint32_t i = 0; !missing && i < b->n_funcs; i++)
			for (uint32_t k = 0; b->funcs[i].seen && !missing && k < b->funcs[i].n_refs;
			     k++) {
				struct bridge_func *f = &b->funcs[b->funcs[i].refs[k]];

				again |= !f->seen;
				missing = missing_in(b, f, target);
			}
	}
	return missing;
}

/* ---- opening ------------------------------------------------------------------------------ */

static int bridge_build(struct bridge *b, struct visor_diag *diag)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)b->data;
	int err;

	b->sections = (const Elf64_Shdr *)(b->data + ehdr->e_shoff);
	b->n_sections = ehdr->e_shnum;
	for (uint32_t i = 1; i < b->n_sections; i++)
		if (b->sections[i].sh_type == SHT_SYMTAB)
			b->symtab = i;
	b->arena = bridge_section(b, ".addr_space.1");
	err = bridge_types(b, diag);
	if (err)
		return err;
	err = bridge_ops(b);
	if (!err)
		err = bridge_calls(b);
	if (!err)
		err = bridge_externs(b);
	if (!err)
		err = bridge_extras(b);
	if (err)
		return diag_fail(diag, err, "open", "out of memory");
	bridge_rename_all(b);
	return 0;
}

int bridge_open(struct bridge *b, const char *path, struct visor_diag *diag)
{
	const char *base = strrchr(path, '/');
	int err;

	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", base ? base + 1 : path);
	b->name[strcspn(b->name, ".")] = '\0';
	err = check_read(path, &b->data, &b->size, diag);
	if (!err)
		err = bridge_build(b, diag);
	if (err) {
		diag_at(diag, "%s", path);
		bridge_close(b);
	}
	return err;
}

void bridge_close(struct bridge *b)
{
	bridge_calls_free(b);
	free(b->ops);
	free(b->extras);
	free(b->strong);
	btf_unref(b->btf);
	free(b->data);
	memset(b, 0, sizeof(*b));
}
