/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/module.c - an object's programs, outputs, configuration and maps, read through BTF.
 *
 * The object may be hostile: libbpf has opened it, but names, sizes and offsets in its BTF
 * are checked here before they are used.
 */
#include "chain/module.h"

#include <errno.h>
#include <stdlib.h>

#include "catalog/catalog.h"
#include "load/load.h"
#include "load/value.h"

#define OUTPUT_PREFIX "visor_output__"
#define OUTPUT_MIN    16

/* ---- reading -------------------------------------------------------------------------------- */

static const char *module_text(struct module *m, size_t *used, size_t max, const char *text)
{
	char *at = (char *)m->texts + *used;
	size_t len = strlen(text) + 1;

	if (len > max - *used)
		return "";
	memcpy(at, text, len);
	*used += len;
	return at;
}

/* The value of an enum that declares an output; false if the type is none, or broken. */
static bool module_output_of(const struct btf *btf, const struct btf_type *t, const char **name,
			     uint32_t *value)
{
	const char *enum_name = btf__name_by_offset(btf, t->name_off);

	if (!btf_is_enum(t) || btf_vlen(t) != 1 || !enum_name ||
	    strncmp(enum_name, OUTPUT_PREFIX, strlen(OUTPUT_PREFIX)) != 0)
		return false;
	*name = enum_name + strlen(OUTPUT_PREFIX);
	*value = (uint32_t)btf_enum(t)->val;
	return **name && *value >= OUTPUT_MIN && *value <= INT32_MAX;
}

/* Two passes over the same code: with m->inputs NULL it counts, then it fills. */
static int module_scan(const struct bpf_object *obj, struct module *m, size_t *texts,
		       struct visor_diag *diag)
{
	const struct btf *btf = bpf_object__btf(obj);
	struct bpf_program *prog;
	struct bpf_map *map;
	size_t max = *texts, used = 0;
	bool fill = m->inputs != NULL;

	m->n_inputs = m->n_outputs = 0;
	bpf_object__for_each_program(prog, obj)
	{
		const char *name = bpf_program__name(prog);

		if (fill)
			m->inputs[m->n_inputs] = (struct module_input){
				.name = module_text(m, &used, max, name),
				.hook = hook_of_type(bpf_program__type(prog)),
			};
		else
			used += strlen(name) + 1;
		if (++m->n_inputs > MODULE_MAX_INPUTS)
			return diag_fail(diag, -E2BIG, "plan", "more than %d programs in an object",
					 MODULE_MAX_INPUTS);
	}
	for (uint32_t id = 1; btf && id < btf__type_cnt(btf); id++) {
		const char *name;
		uint32_t value;

		if (!module_output_of(btf, btf__type_by_id(btf, id), &name, &value))
			continue;
		for (uint32_t i = 0; fill && i < m->n_outputs; i++)
			if (m->outputs[i].value == value)
				return diag_fail(diag, -EINVAL, "plan",
						 "outputs '%s' and '%s' both have the value %u",
						 m->outputs[i].name, name, value);
		if (fill)
			m->outputs[m->n_outputs] = (struct module_output){
				.name = module_text(m, &used, max, name), .value = value};
		else
			used += strlen(name) + 1;
		if (++m->n_outputs > MODULE_MAX_OUTPUTS)
			return diag_fail(diag, -E2BIG, "plan", "more than %d outputs in an object",
					 MODULE_MAX_OUTPUTS);
	}
	bpf_object__for_each_map(map, obj) m->tail_calls |=
		bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY;
	*texts = used;
	return 0;
}

int module_read(const struct bpf_object *obj, struct module **out, struct visor_diag *diag)
{
	struct module *m = calloc(1, sizeof(*m));
	size_t texts = 0;
	int err;

	*out = NULL;
	if (!m)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	err = module_scan(obj, m, &texts, diag);
	if (!err) {
		m->texts = calloc(1, texts + 1);
		m->inputs = calloc(m->n_inputs + 1, sizeof(*m->inputs));
		m->outputs = calloc(m->n_outputs + 1, sizeof(*m->outputs));
		if (!m->texts || !m->inputs || !m->outputs)
			err = diag_fail(diag, -ENOMEM, "plan", "no memory");
		else
			err = module_scan(obj, m, &texts, diag);
	}
	if (err) {
		module_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void module_free(struct module *module)
{
	if (!module)
		return;
	free(module->inputs);
	free(module->outputs);
	free(module->texts);
	free(module);
}

/* ---- configuration ------------------------------------------------------------------------ */

/* A variable found in one of the object's data sections. */
struct module_global {
	uint32_t type_id;
	bool read_only;
	struct bpf_map *map; /* the section's, if read-only */
	size_t offset, size, map_size;
	const uint8_t *data; /* the section's, borrowed */
};

static int module_find_in(const struct bpf_object *obj, const struct btf *btf,
			  const struct btf_type *section, const char *name,
			  struct module_global *out, struct tree_guess *guess)
{
	const char *section_name = btf__name_by_offset(btf, section->name_off) ?: "";
	const struct btf_var_secinfo *vars = btf_var_secinfos(section);
	bool read_only = !strncmp(section_name, ".rodata", 7);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, vars[i].type);
		const char *var_name;

		if (!var || !btf_is_var(var))
			continue;
		var_name = btf__name_by_offset(btf, var->name_off) ?: "";
		if (strcmp(var_name, name) != 0) {
			if (read_only)
				tree_guess_add(guess, var_name);
			continue;
		}
		*out = (struct module_global){.type_id = vars[i].type,
					      .read_only = read_only,
					      .offset = vars[i].offset,
					      .size = vars[i].size};
		if (!read_only)
			return 0;
		out->map = bpf_object__find_map_by_name(obj, section_name);
		if (out->map)
			out->data = bpf_map__initial_value(out->map, &out->map_size);
		return out->data && out->offset + out->size <= out->map_size ? 0 : -EINVAL;
	}
	return -ENOENT;
}

static int module_find_global(const struct bpf_object *obj, const char *name,
			      struct module_global *out, struct tree_guess *guess)
{
	const struct btf *btf = bpf_object__btf(obj);
	int err = -ENOENT;

	for (uint32_t id = 1; btf && err == -ENOENT && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_datasec(t))
			err = module_find_in(obj, btf, t, name, out, guess);
	}
	return err;
}

/* node NULL: the value is text, and there is no place to report. The section is set as a
 * whole, which is how libbpf has it. */
static int module_set_global(const struct bpf_object *obj, const struct tree *tree,
			     const struct tree_node *key, const struct tree_node *node,
			     const char *text, struct visor_diag *diag)
{
	struct tree_guess guess = {.wrong = key->text};
	const struct btf *btf = bpf_object__btf(obj);
	struct module_global g = {0};
	uint8_t *section;
	int err = module_find_global(obj, key->text, &g, &guess);

	if (err == -ENOENT) {
		tree_fail(tree, key, diag, -EINVAL, "the module has no read-only global '%s'",
			  key->text);
		tree_guess_hint(&guess, diag);
		return -EINVAL;
	}
	if (err)
		return tree_fail(tree, key, diag, err, "'%s': broken type information", key->text);
	if (!g.read_only) {
		tree_fail(tree, key, diag, -EINVAL,
			  "'%s' is not read-only: it is state, not configuration", key->text);
		diag_hint(diag, "declare it `const volatile` in the module");
		return -EINVAL;
	}
	section = malloc(g.map_size);
	if (!section)
		return diag_fail(diag, -ENOMEM, "load", "no memory");
	memcpy(section, g.data, g.map_size);
	if (node)
		err = value_parse(btf, g.type_id, tree, node, section + g.offset, g.size, diag);
	else
		err = value_parse_text(btf, g.type_id, text, section + g.offset, g.size, diag);
	if (err && !node)
		diag_in(diag, "%s", key->text);
	if (!err && bpf_map__set_initial_value(g.map, section, g.map_size))
		err = diag_fail(diag, -EINVAL, "load", "cannot set '%s'", key->text);
	free(section);
	return err;
}

int module_configure(const struct bpf_object *obj, const struct tree *tree,
		     const struct tree_node *config, struct visor_diag *diag)
{
	for (uint32_t i = 0; config && i < config->n; i++) {
		int err =
			module_set_global(obj, tree, config->keys[i], config->items[i], NULL, diag);

		if (err)
			return err;
	}
	return 0;
}

int module_configure_text(const struct bpf_object *obj, const char *setting,
			  struct visor_diag *diag)
{
	const char *value = strchr(setting, '=');
	struct tree_node key = {.kind = TREE_SCALAR};
	char name[128];

	if (!value || value == setting || (size_t)(value - setting) >= sizeof(name))
		return diag_fail(diag, -EINVAL, "parse", "'%s' is not NAME=VALUE", setting);
	memcpy(name, setting, (size_t)(value - setting));
	name[value - setting] = '\0';
	key.text = name;
	return module_set_global(obj, NULL, &key, NULL, value + 1, diag);
}

/* ---- first contents of maps ------------------------------------------------------------------ */

struct module_map {
	const struct tree *tree;
	const struct btf *btf;
	struct bpf_map *map;
	uint8_t *key, *value; /* value: with a slot for each CPU, if it is per CPU */
	uint32_t copies, stride;
};

static int module_map_update(struct module_map *m, const struct tree_node *at,
			     struct visor_diag *diag)
{
	union bpf_attr attr = {.map_fd = (uint32_t)bpf_map__fd(m->map),
			       .key = (uintptr_t)m->key,
			       .value = (uintptr_t)m->value};
	int err;

	for (uint32_t i = 1; i < m->copies; i++)
		memcpy(m->value + (size_t)i * m->stride, m->value, bpf_map__value_size(m->map));
	err = load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	return err < 0 ? tree_fail(m->tree, at, diag, err, "cannot put an entry into map '%s'",
				   bpf_map__name(m->map))
		       : 0;
}

static int module_map_key(struct module_map *m, const struct tree_node *node,
			  struct visor_diag *diag)
{
	uint32_t type = bpf_map__btf_key_type_id(m->map), size = bpf_map__key_size(m->map);
	struct visor_diag inner = {0};
	int err;

	/* As a key of a mapping, a structure is text in quotes. */
	if (node->kind != TREE_SCALAR || (node->text[0] != '{' && node->text[0] != '['))
		return value_parse(m->btf, type, m->tree, node, m->key, size, diag);
	err = value_parse_text(m->btf, type, node->text, m->key, size, &inner);
	if (err) {
		tree_fail(m->tree, node, diag, err, "%s", inner.text);
		diag_hint(diag, "%s", inner.hint);
	}
	return err;
}

static int module_map_value(struct module_map *m, const struct tree_node *node,
			    struct visor_diag *diag)
{
	return value_parse(m->btf, bpf_map__btf_value_type_id(m->map), m->tree, node, m->value,
			   bpf_map__value_size(m->map), diag);
}

static int module_map_list(struct module_map *m, const struct tree_node *node,
			   struct visor_diag *diag)
{
	static const struct tree_node one = {.kind = TREE_SCALAR, .text = (char *)(uintptr_t) "1"};
	enum bpf_map_type type = bpf_map__type(m->map);
	bool array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;

	for (uint32_t i = 0; i < node->n; i++) {
		const struct tree_node *item = node->items[i];
		int err;

		if (array) {
			put_u32(m->key, i);
			err = module_map_value(m, item, diag);
		} else {
			err = module_map_key(m, item, diag);
			if (!err && module_map_value(m, &one, NULL))
				return tree_fail(m->tree, node, diag, -EINVAL,
						 "map '%s' is no set, its values need more than "
						 "a 1: write {key: value}",
						 bpf_map__name(m->map));
		}
		if (!err)
			err = module_map_update(m, item, diag);
		if (err)
			return err;
	}
	return 0;
}

static int module_map_fill(struct module_map *m, const struct tree_node *node,
			   struct visor_diag *diag)
{
	if (node->kind == TREE_LIST)
		return module_map_list(m, node, diag);
	if (node->kind != TREE_MAP)
		return tree_fail(m->tree, node, diag, -EINVAL,
				 "the contents of a map are {key: value, ...} or a list");
	for (uint32_t i = 0; i < node->n; i++) {
		int err = module_map_key(m, node->keys[i], diag);

		if (!err)
			err = module_map_value(m, node->items[i], diag);
		if (!err)
			err = module_map_update(m, node->keys[i], diag);
		if (err)
			return err;
	}
	return 0;
}

static bool module_map_per_cpu(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

int module_check_maps(const struct bpf_object *obj, struct visor_diag *diag)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		const char *type = catalog_map_name(bpf_map__type(map));

		if (bpf_map__autocreate(map) && !catalog_map(bpf_map__type(map)))
			return diag_fail(diag, -EINVAL, "load",
					 "map '%s': this engine has no maps of type %s",
					 bpf_map__name(map), type ? type : "unknown");
	}
	return 0;
}

int module_fill(const struct bpf_object *obj, const struct tree *tree, const struct tree_node *maps,
		struct visor_diag *diag)
{
	for (uint32_t i = 0; maps && i < maps->n; i++) {
		const struct tree_node *key = maps->keys[i];
		struct tree_guess guess = {.wrong = key->text};
		struct module_map m = {.tree = tree, .btf = bpf_object__btf(obj), .copies = 1};
		struct bpf_map *map;
		int err;

		m.map = bpf_object__find_map_by_name(obj, key->text);
		if (!m.map || bpf_map__is_internal(m.map) || !bpf_map__key_size(m.map)) {
			tree_fail(tree, key, diag, -EINVAL,
				  m.map ? "map '%s' has no entries that could be set"
					: "the module has no map '%s'",
				  key->text);
			bpf_object__for_each_map(map, obj) if (!bpf_map__is_internal(map))
				tree_guess_add(&guess, bpf_map__name(map));
			tree_guess_hint(&guess, diag);
			return -EINVAL;
		}
		m.stride = bpf_map__value_size(m.map);
		if (module_map_per_cpu(bpf_map__type(m.map))) {
			m.copies = (uint32_t)libbpf_num_possible_cpus();
			m.stride = ALIGN_UP(m.stride, 8u);
		}
		m.key = calloc(1, bpf_map__key_size(m.map));
		m.value = calloc(m.copies, m.stride);
		err = m.key && m.value ? module_map_fill(&m, maps->items[i], diag)
				       : diag_fail(diag, -ENOMEM, "load", "no memory");
		free(m.key);
		free(m.value);
		if (err)
			return err;
	}
	return 0;
}
