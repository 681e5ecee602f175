/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/typed.c - sections of variables; everything else is load/value.h's.
 */
#include "cli/typed.h"

#include <errno.h>

struct typed_var {
	const char *name;
	uint32_t type, off, size;
};

/* The section behind the type, or NULL. */
static const struct btf_type *typed_section(const struct btf *btf, uint32_t type)
{
	const struct btf_type *t = btf && type ? btf__type_by_id(btf, type) : NULL;

	return t && btf_is_datasec(t) ? t : NULL;
}

/* Variable i, if it is one and lies within `size` bytes. */
static bool typed_get(const struct btf *btf, const struct btf_type *section, uint32_t i,
		      size_t size, struct typed_var *out)
{
	const struct btf_var_secinfo *info = &btf_var_secinfos(section)[i];
	const struct btf_type *var = btf__type_by_id(btf, info->type);

	if (!var || !btf_is_var(var) || info->offset > size || info->size > size - info->offset)
		return false;
	out->name = btf__name_by_offset(btf, var->name_off);
	out->type = var->type;
	out->off = info->offset;
	out->size = info->size;
	return out->name && value_size(btf, var->type) == (int64_t)info->size;
}

int typed_print(FILE *to, const struct btf *btf, uint32_t type, const void *bytes, size_t size,
		unsigned int flags, struct visor_diag *diag)
{
	const struct btf_type *section = typed_section(btf, type);
	const char *quote = flags & VALUE_JSON ? "\"" : "", *between = "";
	struct typed_var var;
	uint32_t i;
	int err = 0;

	if (!section)
		return value_print(to, btf, type, bytes, size, flags, diag);
	fputc('{', to);
	for (i = 0; i < btf_vlen(section) && !err; i++) {
		if (!typed_get(btf, section, i, size, &var))
			continue;
		fprintf(to, "%s%s%s%s: ", between, quote, var.name, quote);
		err = value_print(to, btf, var.type, (const char *)bytes + var.off, var.size, flags,
				  diag);
		between = ", ";
	}
	fputc('}', to);
	return err;
}

static int typed_set(const struct btf *btf, const struct btf_type *section, const struct tree *tree,
		     const struct tree_node *key, const struct tree_node *node, char *bytes,
		     size_t size, struct visor_diag *diag)
{
	struct tree_guess guess = {.wrong = key->text};
	struct typed_var var;
	uint32_t i;

	for (i = 0; i < btf_vlen(section); i++) {
		if (!typed_get(btf, section, i, size, &var))
			continue;
		if (!strcmp(var.name, key->text))
			return value_parse(btf, var.type, tree, node, bytes + var.off, var.size,
					   diag);
		tree_guess_add(&guess, var.name);
	}
	tree_fail(tree, key, diag, -EINVAL, "there is no variable '%s' in this map", key->text);
	tree_guess_hint(&guess, diag);
	return -EINVAL;
}

int typed_parse(const struct btf *btf, uint32_t type, const char *text, void *bytes, size_t size,
		struct visor_diag *diag)
{
	const struct btf_type *section = typed_section(btf, type);
	const struct tree_node *root;
	struct tree *tree;
	uint32_t i;
	int err;

	if (!section)
		return value_parse_text(btf, type, text, bytes, size, diag);
	err = tree_parse("value", text, strlen(text), &tree, &root, diag);
	if (err)
		return err;
	if (!root || root->kind != TREE_MAP) {
		err = diag_fail(diag, -EINVAL, "parse", "variables are set as {name: value, ...}");
	} else {
		for (i = 0; i < root->n && !err; i++)
			err = typed_set(btf, section, tree, root->keys[i], root->items[i], bytes,
					size, diag);
	}
	tree_free(tree);
	return err;
}
