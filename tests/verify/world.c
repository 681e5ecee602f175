/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/verify/world.c - maps and types of test programs, for the verifier and for the kernel. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void world_wrong(const char *line)
{
	fprintf(stderr, "wrong description: %.*s\n", (int)strcspn(line, "\n"), line);
	exit(1);
}

static struct world_map *world_find(struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_maps; i++)
		if (!strcmp(w->maps[i].desc.name, name))
			return &w->maps[i];
	return NULL;
}

static struct world_fields *world_find_fields(struct world *w, const char *name)
{
	struct world_map *m = world_find(w, name);

	for (uint32_t i = 0; !m && i < w->n_structs; i++)
		if (!strcmp(w->structs[i].name, name))
			return &w->structs[i].fields;
	return m ? &m->fields : NULL;
}

static uint32_t world_map_type(const char *name)
{
	for (uint32_t i = 1; i < 64; i++)
		if (catalog_map_name(i) && !strcmp(catalog_map_name(i), name))
			return i;
	return 0;
}

static bool world_map_line(struct world *w, const char *line)
{
	struct world_map *m = &w->maps[w->n_maps];
	char type[32];
	int n;

	if (strncmp(line, "# map: ", 7))
		return false;
	if (w->n_maps == WORLD_MAPS)
		world_wrong(line);
	n = sscanf(line, "# map: %15s %31s %u %u %u %i", m->desc.name, type, &m->desc.key_size,
		   &m->desc.value_size, &m->desc.max_entries, (int *)&m->desc.flags);
	m->desc.type = n >= 5 ? world_map_type(type) : 0;
	if (!m->desc.type)
		world_wrong(line);
	m->desc.id = ++w->n_maps;
	m->fd = -1;
	return true;
}

bool world_line(struct world *w, const char *text_line)
{
	char name[32], text[128], line[256];
	struct world_map *m;
	struct world_fields *fields;
	struct world_field *f;
	uint32_t size;

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text_line, "\n"), text_line);
	if (world_map_line(w, line))
		return true;
	if (!strcmp(line, "# global"))
		return w->global = w->want_types = true;
	if (!strcmp(line, "# types"))
		return w->want_types = true;
	if (sscanf(line, "# inner: %31s %15s", name, text) == 2) {
		m = world_find(w, name);
		if (!m)
			world_wrong(line);
		memcpy(m->inner, text, sizeof(m->inner));
		return true;
	}
	if (sscanf(line, "# text: %31s %127[^\n]", name, text) == 2) {
		m = world_find(w, name);
		if (!m || m->desc.type != BPF_MAP_TYPE_ARRAY)
			world_wrong(line);
		strcpy(m->text, text);
		m->desc.flags |= BPF_F_RDONLY_PROG;
		return true;
	}
	if (sscanf(line, "# struct: %31s %u", name, &size) == 2) {
		if (w->n_structs == WORLD_STRUCTS)
			world_wrong(line);
		strcpy(w->structs[w->n_structs].name, name);
		w->structs[w->n_structs++].size = size;
		return true;
	}
	if (strncmp(line, "# field: ", 9))
		return false;
	sscanf(line, "# field: %31s", name);
	fields = world_find_fields(w, name);
	f = fields && fields->n < WORLD_FIELDS ? &fields->fields[fields->n++] : NULL;
	if (!f || sscanf(line, "# field: %*s %u %31s %31[^\n]", &f->offset, f->what, f->of) < 2)
		world_wrong(line);
	return true;
}

int world_map_number(void *world, const char *name)
{
	struct world *w = world;
	struct world_map *m = world_find(w, name);

	return m ? (int)(m - w->maps) : -1;
}

/* ---- types ------------------------------------------------------------------------------ */

static uint32_t world_str(struct world *w, const char *s)
{
	uint32_t at = w->strings_len, len = (uint32_t)strlen(s) + 1;

	if (!*s)
		return 0;
	w->strings = realloc(w->strings, at + len);
	memcpy(w->strings + at, s, len);
	w->strings_len += len;
	return at;
}

static uint32_t world_type(struct world *w, const char *name, uint32_t kind, uint32_t vlen,
			   uint32_t size, const void *extra, size_t extra_len)
{
	struct btf_type t = {
		.name_off = world_str(w, name), .info = kind << 24 | vlen, .size = size};

	w->types = realloc(w->types, w->types_len + sizeof(t) + extra_len);
	memcpy(w->types + w->types_len, &t, sizeof(t));
	if (extra_len)
		memcpy(w->types + w->types_len + sizeof(t), extra, extra_len);
	w->types_len += (uint32_t)(sizeof(t) + extra_len);
	return ++w->n_types;
}

static uint32_t world_type_int(struct world *w, const char *name, uint32_t size)
{
	uint32_t bits = size * 8;

	return world_type(w, name, BTF_KIND_INT, 0, size, &bits, 4);
}

enum { TYPE_INT = 1, TYPE_U64, TYPE_PROTO };

/* A type of the program's own: u64 members a, b, ... */
static uint32_t world_type_struct(struct world *w, const char *name, uint32_t size)
{
	struct btf_member members[16];
	uint32_t n = MIN(size / 8, 16U);

	for (uint32_t i = 0; i < n; i++) {
		char member[2] = {(char)('a' + i), 0};

		members[i] = (struct btf_member){world_str(w, member), TYPE_U64, i * 64};
	}
	return world_type(w, name, BTF_KIND_STRUCT, n, size, members, n * sizeof(*members));
}

static uint32_t world_type_named(struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_structs; i++)
		if (!strcmp(w->structs[i].name, name))
			return w->structs[i].type;
	return world_type(w, name, BTF_KIND_STRUCT, 0, 0, NULL, 0);
}

static uint32_t world_type_field(struct world *w, const struct world_field *f)
{
	static const struct {
		const char *name;
		uint32_t size;
	} known[] = {
#define FIELD(id, size, align, name, in_btf, flags) {in_btf, size},
		BTF_FIELDS(FIELD)
#undef FIELD
	};
	uint32_t id;

	if (!strcmp(f->what, "u64"))
		return TYPE_U64;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!known[i].name || strcmp(known[i].name, f->what))
			continue;
		if (!w->special[i])
			w->special[i] =
				world_type(w, f->what, BTF_KIND_STRUCT, 0, known[i].size, NULL, 0);
		return w->special[i];
	}
	id = world_type_named(w, f->of);
	id = world_type(w, f->what, BTF_KIND_TYPE_TAG, 0, id, NULL, 0);
	return world_type(w, "", BTF_KIND_PTR, 0, id, NULL, 0);
}

/* A struct with these fields; what lists and trees hold is said by tags. */
static uint32_t world_type_fields(struct world *w, const char *struct_name, uint32_t size,
				  const struct world_fields *fields)
{
	struct btf_member members[WORLD_FIELDS];
	uint32_t type;

	for (uint32_t i = 0; i < fields->n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		members[i].type = world_type_field(w, &fields->fields[i]);
		members[i].name_off = world_str(w, name);
		members[i].offset = fields->fields[i].offset * 8;
	}
	type = world_type(w, struct_name, BTF_KIND_STRUCT, fields->n, size, members,
			  fields->n * sizeof(*members));
	for (uint32_t i = 0; i < fields->n; i++) {
		char tag[64];

		if (!strchr(fields->fields[i].of, ':'))
			continue;
		snprintf(tag, sizeof(tag), "contains:%s", fields->fields[i].of);
		world_type(w, tag, BTF_KIND_DECL_TAG, 0, type, &i, sizeof(i));
	}
	return type;
}

static int world_compare(const void *a, const void *b)
{
	const struct bpf_func_info *x = a, *y = b;

	return (x->insn_off > y->insn_off) - (x->insn_off < y->insn_off);
}

/* A function begins where one is called or its address taken. */
static void world_functions(struct world *w, const struct bpf_insn *insns, uint32_t n)
{
	uint32_t kept = 0, proto = TYPE_PROTO;

	w->funcs[w->n_funcs++].insn_off = 0;
	for (uint32_t i = 0; i < n && w->n_funcs < WORLD_FUNCS; i++)
		if ((insns[i].code == (BPF_JMP | BPF_CALL) &&
		     insns[i].src_reg == BPF_PSEUDO_CALL) ||
		    (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		     insns[i].src_reg == BPF_PSEUDO_FUNC))
			w->funcs[w->n_funcs++].insn_off = i + 1 + (uint32_t)insns[i].imm;
	qsort(w->funcs, w->n_funcs, sizeof(*w->funcs), world_compare);
	for (uint32_t i = 0; i < w->n_funcs; i++)
		if (!i || w->funcs[i].insn_off != w->funcs[kept - 1].insn_off)
			w->funcs[kept++] = w->funcs[i];
	w->n_funcs = kept;
	if (w->global) {
		const struct btf_param p = {
			.name_off = world_str(w, "p"),
			.type = world_type(w, "", BTF_KIND_PTR, 0, TYPE_U64, NULL, 0)};

		proto = world_type(w, "", BTF_KIND_FUNC_PROTO, 1, TYPE_INT, &p, sizeof(p));
	}
	for (uint32_t i = 0; i < kept; i++) {
		char name[16];

		snprintf(name, sizeof(name), "func%u", i);
		w->funcs[i].type_id = world_type(
			w, name, BTF_KIND_FUNC, i && !w->global ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL,
			i ? proto : TYPE_PROTO, NULL, 0);
	}
}

void world_build(struct world *w, const struct bpf_insn *insns, uint32_t n, bool need_types)
{
	struct btf_header head = {
		.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(head)};

	w->btf_fd = -1;
	for (uint32_t i = 0; i < w->n_maps; i++)
		need_types |= w->maps[i].fields.n > 0;
	if (!need_types && !w->want_types && !w->n_structs)
		return;
	w->strings = calloc(1, 1);
	w->strings_len = 1;
	world_type_int(w, "int", 4);
	world_type_int(w, "__u64", 8);
	world_type(w, "", BTF_KIND_FUNC_PROTO, 0, TYPE_INT, NULL, 0);
	for (uint32_t i = 0; i < w->n_structs; i++)
		w->structs[i].type =
			w->structs[i].fields.n
				? world_type_fields(w, w->structs[i].name, w->structs[i].size,
						    &w->structs[i].fields)
				: world_type_struct(w, w->structs[i].name, w->structs[i].size);
	for (uint32_t i = 0; i < w->n_maps; i++)
		if (w->maps[i].fields.n)
			w->maps[i].value_type =
				world_type_fields(w, w->maps[i].desc.name,
						  w->maps[i].desc.value_size, &w->maps[i].fields);
	world_functions(w, insns, n);
	head.type_len = head.str_off = w->types_len;
	head.str_len = w->strings_len;
	w->data_len = (uint32_t)sizeof(head) + w->types_len + w->strings_len;
	w->data = malloc(w->data_len);
	memcpy(w->data, &head, sizeof(head));
	memcpy((char *)w->data + sizeof(head), w->types, w->types_len);
	memcpy((char *)w->data + sizeof(head) + w->types_len, w->strings, w->strings_len);
}

/* ---- our side --------------------------------------------------------------------------- */

static void world_image_map(struct world *w, uint32_t i, struct btf_target *target)
{
	struct world_map *m = &w->maps[i], *inner = world_find(w, m->inner);
	struct verify_map *v = &w->view[i];
	char why[BTF_WHY];

	v->desc = m->desc;
	v->inner = inner ? &w->view[inner - w->maps] : NULL;
	if (m->text[0]) {
		v->frozen = true;
		v->contents = m->text;
		v->contents_size = m->desc.value_size;
	}
	if (!m->fields.n)
		return;
	v->btf = w->btf;
	v->key_type_id = m->desc.key_size == 8 ? TYPE_U64 : TYPE_INT;
	v->value_type_id = m->value_type;
	if (verify_map_init(v, target, why) || !v->record) {
		fprintf(stderr, "fields of map %s: %s\n", m->desc.name, why);
		exit(1);
	}
}

void world_image(struct world *w, struct verify_image *image, struct bpf_insn *insns,
		 struct btf_target *target)
{
	struct visor_diag diag = {0};

	if (w->data && btf_new(w->data, w->data_len, NULL, NULL, BTF_LOADED, &w->btf, &diag)) {
		fprintf(stderr, "types: %s\n", diag.text);
		exit(1);
	}
	for (uint32_t i = 0; i < w->n_maps; i++)
		world_image_map(w, i, target);
	for (uint32_t i = 0; i < image->n_insns; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insns[i].src_reg == BPF_PSEUDO_MAP_FD)
				insns[i].src_reg = BPF_PSEUDO_MAP_IDX;
			else if (insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
				insns[i].src_reg = BPF_PSEUDO_MAP_IDX_VALUE;
			i++;
		}
	image->maps = w->view;
	image->n_maps = w->n_maps;
	image->btf = w->btf;
	image->func_info = w->funcs;
	image->n_func_info = w->n_funcs;
	image->target = target;
}

/* ---- the kernel's ----------------------------------------------------------------------- */

static int world_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static int world_kernel_map(struct world *w, struct world_map *m)
{
	struct world_map *inner = world_find(w, m->inner);
	union bpf_attr attr = {
		.map_type = m->desc.type,
		.key_size = m->desc.key_size,
		.value_size = m->desc.value_size,
		.max_entries = m->desc.max_entries,
		.map_flags = m->desc.flags,
		.inner_map_fd = inner ? (uint32_t)inner->fd : 0,
	};
	uint32_t zero = 0;

	memcpy(attr.map_name, m->desc.name, sizeof(attr.map_name));
	if (m->fields.n) {
		attr.btf_fd = (uint32_t)w->btf_fd;
		attr.btf_key_type_id = m->desc.key_size == 8 ? TYPE_U64 : TYPE_INT;
		attr.btf_value_type_id = m->value_type;
	}
	m->fd = world_bpf(BPF_MAP_CREATE, &attr);
	if (m->fd < 0 || !m->text[0])
		return MIN(m->fd, 0);
	attr = (union bpf_attr){
		.map_fd = (uint32_t)m->fd, .key = (uintptr_t)&zero, .value = (uintptr_t)m->text};
	world_bpf(BPF_MAP_UPDATE_ELEM, &attr);
	attr = (union bpf_attr){.map_fd = (uint32_t)m->fd};
	return world_bpf(BPF_MAP_FREEZE, &attr);
}

int world_kernel(struct world *w, union bpf_attr *attr, struct bpf_insn *insns, uint32_t n)
{
	int err = 0;

	if (w->data) {
		union bpf_attr load = {.btf = (uintptr_t)w->data, .btf_size = w->data_len};

		w->btf_fd = world_bpf(BPF_BTF_LOAD, &load);
		if (w->btf_fd < 0)
			return w->btf_fd;
		attr->prog_btf_fd = (uint32_t)w->btf_fd;
		attr->func_info = (uintptr_t)w->funcs;
		attr->func_info_cnt = w->n_funcs;
		attr->func_info_rec_size = sizeof(*w->funcs);
	}
	for (uint32_t i = 0; i < w->n_maps && !err; i++)
		err = world_kernel_map(w, &w->maps[i]);
	for (uint32_t i = 0; i < n && !err; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
			    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
				insns[i].imm = w->maps[insns[i].imm].fd;
			i++;
		}
	return err;
}

void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->n_maps; i++) {
		if (w->maps[i].fd >= 0)
			close(w->maps[i].fd);
		verify_map_done(&w->view[i]);
	}
	if (w->btf_fd >= 0)
		close(w->btf_fd);
	btf_unref(w->btf);
	free(w->types);
	free(w->strings);
	free(w->data);
	memset(w, 0, sizeof(*w));
}
