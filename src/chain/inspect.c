/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/inspect.c - an object from all sides: its own words, our verifier's, the engines'.
 *
 *    libbpf, opened only    programs, maps, globals          inspect_object
 *    verification           linked instructions (code.h)     inspect_programs
 *    a private engine       does it load?                    inspect_user
 *
 * The user engine loads all of an object or nothing, so that each program is tried by itself.
 */
#include "chain/inspect.h"

#include <errno.h>
#include <stdlib.h>

#include "catalog/since.h"
#include "chain/code.h"
#include "load/check.h"
#include "load/examine.h"
#include "load/load.h"
#include "load/value.h"

struct inspection {
	struct inspect *x;
	const struct load_file *file;
	struct bpf_object *obj;
	struct code *codes; /* beside the inputs */
	uint64_t features;  /* of the object, bits by enum since_feature */
	int err;	    /* of code_read, where no error can be returned */
	struct visor_diag *diag;
};

static int inspect_no_memory(struct inspection *in)
{
	return diag_fail(in->diag, -ENOMEM, "inspect", "no memory");
}

/* ---- what libbpf reads ------------------------------------------------------------------- */

void inspect_license(const struct load_file *file, char *out, size_t size)
{
	size_t len = 0;
	const char *text = check_section(file->data, "license", &len);

	snprintf(out, size, "%.*s", (int)MIN(len, size), text ? text : "");
}

static int inspect_head(struct inspection *in)
{
	struct inspect *x = in->x;
	char license[128];

	inspect_license(in->file, license, sizeof(license));
	x->path = strdup(in->file->path);
	x->name = strdup(in->file->name);
	x->version = strdup(in->file->version);
	x->license = strdup(license);
	if (!x->path || !x->name || !x->version || !x->license)
		return inspect_no_memory(in);
	return 0;
}

static int inspect_inputs(struct inspection *in)
{
	struct inspect *x = in->x;
	struct bpf_program *prog;

	x->inputs = calloc(x->module->n_inputs + 1, sizeof(*x->inputs));
	in->codes = calloc(x->module->n_inputs + 1, sizeof(*in->codes));
	if (!x->inputs || !in->codes)
		return inspect_no_memory(in);
	bpf_object__for_each_program(prog, in->obj)
	{
		struct inspect_input *input = &x->inputs[x->n_inputs];
		const char *section = bpf_program__section_name(prog);

		input->name = strdup(bpf_program__name(prog));
		input->section = strdup(*section == '?' ? section + 1 : section);
		input->hook = x->module->inputs[x->n_inputs++].hook;
		input->stack = -1;
		if (!input->name || !input->section)
			return inspect_no_memory(in);
	}
	return 0;
}

static char *inspect_type(const struct btf *btf, uint32_t id)
{
	char text[160];

	if (!btf || !id)
		return NULL;
	value_type_name(btf, id, text, sizeof(text));
	return strdup(text);
}

static int inspect_maps(struct inspection *in)
{
	const struct btf *btf = bpf_object__btf(in->obj);
	struct inspect *x = in->x;
	struct bpf_map *map;
	uint32_t n = 0;

	bpf_object__for_each_map(map, in->obj) n++;
	x->maps = calloc(n + 1, sizeof(*x->maps));
	if (!x->maps)
		return inspect_no_memory(in);
	bpf_object__for_each_map(map, in->obj)
	{
		struct inspect_map *m = &x->maps[x->n_maps];

		/* Those of global variables: libbpf makes them mappable where the kernel can. */
		if (bpf_map__is_internal(map))
			continue;
		if (bpf_map__map_flags(map) & BPF_F_MMAPABLE)
			in->features |= UINT64_C(1) << FEATURE_MMAPABLE;
		x->n_maps++;
		m->name = strdup(bpf_map__name(map));
		m->type = bpf_map__type(map);
		m->key_size = bpf_map__key_size(map);
		m->value_size = bpf_map__value_size(map);
		m->max_entries = bpf_map__max_entries(map);
		m->flags = bpf_map__map_flags(map);
		m->key_type = inspect_type(btf, bpf_map__btf_key_type_id(map));
		m->value_type = inspect_type(btf, bpf_map__btf_value_type_id(map));
		m->pinned = bpf_map__pin_path(map) != NULL;
		if (!m->name)
			return inspect_no_memory(in);
	}
	return 0;
}

/* A value as text, or why there is none. NULL: no memory. */
static char *inspect_value(const struct btf *btf, uint32_t type, const void *bytes, size_t size,
			   unsigned flags)
{
	struct visor_diag diag = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err = f ? value_print(f, btf, type, bytes, size, flags, &diag) : -ENOMEM;

	if (f && fclose(f))
		err = -ENOMEM;
	if (!err)
		return text;
	free(text);
	return err == -ENOMEM ? NULL : strdup(flags & VALUE_JSON ? "null" : "?");
}

static int inspect_global(struct inspection *in, const struct btf *btf,
			  const struct btf_var_secinfo *var, const uint8_t *data, size_t size)
{
	struct inspect *x = in->x;
	const struct btf_type *t = btf__type_by_id(btf, var->type);
	struct inspect_global *more, *g;
	char type[160];

	if (!t || !btf_is_var(t) || var->offset > size || var->size > size - var->offset)
		return 0;
	more = reallocarray(x->globals, x->n_globals + 1, sizeof(*more));
	if (!more)
		return inspect_no_memory(in);
	x->globals = more;
	g = &more[x->n_globals++];
	value_type_name(btf, t->type, type, sizeof(type));
	*g = (struct inspect_global){
		.name = strdup(btf__name_by_offset(btf, t->name_off) ?: ""),
		.type = strdup(type),
		.value = inspect_value(btf, t->type, data + var->offset, var->size, 0),
		.json = inspect_value(btf, t->type, data + var->offset, var->size, VALUE_JSON),
	};
	return g->name && g->type && g->value && g->json ? 0 : inspect_no_memory(in);
}

/* Configuration; and what the object wants of the kernel that no instruction has to show. */
static int inspect_sections(struct inspection *in)
{
	const struct btf *btf = bpf_object__btf(in->obj);
	int err = 0;

	for (uint32_t id = 1; btf && !err && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const struct btf_var_secinfo *vars = btf_var_secinfos(t);
		const char *name = btf__name_by_offset(btf, t->name_off) ?: "";
		const struct bpf_map *map;
		const void *data;
		size_t size;

		if (!btf_is_datasec(t))
			continue;
		for (uint32_t i = 0; !strcmp(name, ".ksyms") && i < btf_vlen(t); i++) {
			const struct btf_type *sym = btf__type_by_id(btf, vars[i].type);

			in->features |= UINT64_C(1) << (sym && btf_is_func(sym) ? FEATURE_KFUNCS
										: FEATURE_KSYMS);
		}
		if (strncmp(name, ".rodata", 7) != 0)
			continue;
		map = bpf_object__find_map_by_name(in->obj, name);
		data = map ? bpf_map__initial_value((struct bpf_map *)(uintptr_t)map, &size) : NULL;
		for (uint32_t i = 0; data && !err && i < btf_vlen(t); i++)
			err = inspect_global(in, btf, &vars[i], data, size);
	}
	return err;
}

/* Relocations against the kernel's types: the header of .BTF.ext was checked with the file. */
static void inspect_core(struct inspection *in)
{
	size_t size;
	const uint8_t *ext = check_section(in->file->data, ".BTF.ext", &size);

	if (ext && size >= 32 && get_u32(ext + 4) >= 32 && get_u32(ext + 28))
		in->features |= UINT64_C(1) << FEATURE_CORE;
}

static int inspect_object(struct inspection *in)
{
	int err = inspect_head(in);

	if (!err)
		err = load_file_open(in->file, &in->obj, in->diag);
	if (!err)
		err = module_read(in->obj, &in->x->module, in->diag);
	if (!err)
		err = inspect_inputs(in);
	if (!err)
		err = inspect_maps(in);
	if (!err)
		err = inspect_sections(in);
	inspect_core(in);
	bpf_object__close(in->obj);
	in->obj = NULL;
	return err;
}

/* ---- what verification sees -------------------------------------------------------------- */

static int64_t inspect_find(const struct inspect *x, const char *name)
{
	for (uint32_t i = 0; i < x->n_inputs; i++)
		if (!strcmp(x->inputs[i].name, name))
			return i;
	return -1;
}

static int inspect_verify(void *user, struct examined *prog, struct verify_image *image,
			  const struct verified **out, struct visor_diag *diag)
{
	struct inspection *in = user;
	int64_t i = inspect_find(in->x, prog->name);
	int err = verify_image(image, out, diag);

	/* Each program is looked at until it has a verdict: once. */
	if (i >= 0 && !in->codes[i].seen && code_read(image, err ? NULL : *out, &in->codes[i]))
		in->err = -ENOMEM;
	return err;
}

static void inspect_take(struct inspection *in, uint32_t i)
{
	struct inspect_input *input = &in->x->inputs[i];
	struct code *code = &in->codes[i];

	in->features |= code->features;
	in->x->gpl |= code->gpl;
	input->whole = code->seen;
	input->n_insns = code->n_insns;
	input->n_functions = code->n_functions;
	input->stack = code->seen ? code->stack : -1;
	for (uint32_t id = 0; id < ARRAY_SIZE(input->helpers); id++)
		if (code->helpers[id / 64] >> id % 64 & 1)
			input->helpers[input->n_helpers++] = id;
	input->kfuncs = code->kfuncs;
	input->n_kfuncs = code->n_kfuncs;
	code->kfuncs = NULL;
	code->n_kfuncs = 0;
}

static int inspect_programs(struct inspection *in, bool kernel)
{
	struct examine_opts opts = {.kernel = kernel, .verify = inspect_verify, .user = in};
	struct examination e;
	int err = examine(in->file->path, &opts, &e, in->diag);

	if (err)
		return err;
	for (uint32_t k = 0; k < e.n_progs; k++) {
		const struct examined *p = &e.progs[k];
		int64_t i = inspect_find(in->x, p->name);
		struct inspect_side *side;

		if (i < 0)
			continue;
		in->x->inputs[i].type = p->type ? p->type->name : NULL;
		side = &in->x->inputs[i].kernel;
		if (p->kernel.verdict == EXAMINE_NONE)
			continue;
		side->verdict =
			p->kernel.verdict == EXAMINE_ACCEPTED ? INSPECT_RUNS : INSPECT_REFUSED;
		snprintf(side->why, sizeof(side->why), "%s", p->kernel.message);
	}
	for (uint32_t i = 0; i < in->x->n_inputs; i++)
		inspect_take(in, i);
	examine_free(&e);
	return in->err ? inspect_no_memory(in) : 0;
}

/* ---- what the user engine says -------------------------------------------------------------- */

static int inspect_load(struct inspection *in, uint32_t i, struct visor_diag *diag)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	struct bpf_map *map;
	uint32_t k = 0;
	int err = load_file_open(in->file, &obj, diag);

	if (err)
		return err;
	bpf_object__for_each_program(prog, obj) bpf_program__set_autoload(prog, k++ == i);
	/* What is thrown away has no pins. */
	bpf_object__for_each_map(map, obj) bpf_map__set_pin_path(map, NULL);
	err = module_check_maps(obj, diag);
	if (!err)
		err = load_load(obj, diag);
	bpf_object__close(obj);
	return err;
}

static int inspect_user(struct inspection *in)
{
	VISOR_OPTS(visor_opts, opts, .interpret = true);
	struct load_session session = {0}, *before;
	int err = visor_open(&opts, &session.visor, in->diag);

	if (err)
		return err;
	before = load_enter(&session);
	for (uint32_t i = 0; i < in->x->n_inputs; i++) {
		struct inspect_side *side = &in->x->inputs[i].user;
		struct visor_diag diag = {0};

		side->verdict = inspect_load(in, i, &diag) ? INSPECT_REFUSED : INSPECT_RUNS;
		snprintf(side->why, sizeof(side->why), "%s", diag.text);
	}
	load_enter(before);
	visor_close(session.visor);
	return 0;
}

/* ---- what it needs ------------------------------------------------------------------------- */

static int inspect_need(struct inspection *in, uint32_t since, const char *what, const char *name)
{
	struct inspect *x = in->x;
	struct inspect_need need = {.since = since}, *more;

	snprintf(need.text, sizeof(need.text), "%s%s%s", what, *name ? " " : "", name);
	for (uint32_t i = 0; i < x->n_needs; i++)
		if (!strcmp(x->needs[i].text, need.text))
			return 0;
	more = reallocarray(x->needs, x->n_needs + 1, sizeof(*more));
	if (!more)
		return inspect_no_memory(in);
	x->needs = more;
	x->needs[x->n_needs++] = need;
	return 0;
}

/* The newest first; those that nobody knows of before all. */
static int inspect_newer(const void *a, const void *b)
{
	const struct inspect_need *x = a, *y = b;

	if (x->since != y->since)
		return x->since - 1 > y->since - 1 ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int inspect_needs(struct inspection *in)
{
	struct inspect *x = in->x;
	int err = 0;

	for (uint32_t i = 0; !err && i < x->n_inputs; i++) {
		const struct inspect_input *input = &x->inputs[i];
		const struct prog_type *type =
			input->type ? catalog_prog_known_by_name(input->type) : NULL;

		if (type)
			err = inspect_need(in, since_prog(type->type), "program type", type->name);
		for (uint32_t k = 0; !err && k < input->n_helpers; k++)
			err = inspect_need(in, since_helper(input->helpers[k]), "helper",
					   catalog_helper_name(input->helpers[k]));
		for (uint32_t k = 0; !err && k < input->n_kfuncs; k++)
			err = inspect_need(in, 0, "kernel function", input->kfuncs[k]);
	}
	for (uint32_t i = 0; !err && i < x->n_maps; i++)
		err = inspect_need(in, since_map(x->maps[i].type), "map type",
				   catalog_map_name(x->maps[i].type) ?: "unknown");
	for (uint32_t f = 0; !err && f < FEATURE_COUNT; f++) {
		const char *text;
		uint32_t since = since_feature(f, &text);

		if (in->features >> f & 1)
			err = inspect_need(in, since, text, "");
	}
	if (!err && x->n_needs)
		qsort(x->needs, x->n_needs, sizeof(*x->needs), inspect_newer);
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------ */

int inspect_file(const struct load_file *file, bool kernel, struct inspect **out,
		 struct visor_diag *diag)
{
	struct inspection in = {.file = file, .diag = diag};
	int err;

	*out = NULL;
	in.x = calloc(1, sizeof(*in.x));
	if (!in.x)
		return inspect_no_memory(&in);
	err = inspect_object(&in);
	if (!err)
		err = inspect_programs(&in, kernel);
	if (!err)
		err = inspect_user(&in);
	if (!err)
		err = inspect_needs(&in);
	for (uint32_t i = 0; in.codes && i < in.x->n_inputs; i++)
		code_free(&in.codes[i]);
	free(in.codes);
	if (err) {
		diag_at(diag, "%s", file->path);
		inspect_free(in.x);
		return err;
	}
	*out = in.x;
	return 0;
}

void inspect_free(struct inspect *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; i < x->n_inputs; i++) {
		free(x->inputs[i].name);
		free(x->inputs[i].section);
		for (uint32_t k = 0; k < x->inputs[i].n_kfuncs; k++)
			free(x->inputs[i].kfuncs[k]);
		free(x->inputs[i].kfuncs);
	}
	for (uint32_t i = 0; i < x->n_maps; i++) {
		free(x->maps[i].name);
		free(x->maps[i].key_type);
		free(x->maps[i].value_type);
	}
	for (uint32_t i = 0; i < x->n_globals; i++) {
		free(x->globals[i].name);
		free(x->globals[i].type);
		free(x->globals[i].value);
		free(x->globals[i].json);
	}
	module_free(x->module);
	free(x->inputs);
	free(x->maps);
	free(x->globals);
	free(x->needs);
	free(x->path);
	free(x->name);
	free(x->version);
	free(x->license);
	free(x);
}
