/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_chain - any bytes as a chain file: parsed, planned with made-up modules, and its values
 * read against made-up types. No module is loaded.
 */
#include <stdlib.h>

#include "chain/plan.h"
#include "load/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct module_input inputs[] = {{"outside", CHAIN_HOOK_XDP},
				       {"inside", CHAIN_HOOK_XDP},
				       {"cls", CHAIN_HOOK_TC},
				       {"trace", CHAIN_HOOK_AUTO}};
static struct module_output outputs[] = {{"odd", 16}, {"even", 20}};
/* Which one a module of the file is depends on its name's length. */
static const struct module models[] = {
	{.inputs = inputs, .n_inputs = 1},
	{.inputs = inputs, .n_inputs = 4, .outputs = outputs, .n_outputs = 2},
	{.inputs = inputs, .n_inputs = 2, .tail_calls = true},
	{.inputs = inputs + 2, .n_inputs = 2, .outputs = outputs, .n_outputs = 1},
};

/* A struct of everything: {enum, prefix, text, array, bit field, union}. */
static struct btf *types(uint32_t *type)
{
	struct btf *b = btf__new_empty();
	int u32 = btf__add_int(b, "unsigned int", 4, 0),
	    u8 = btf__add_int(b, "unsigned char", 1, 0);
	int chr = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	int addr = btf__add_array(b, u32, u8, 16), text = btf__add_array(b, u32, chr, 12);
	int be16 = btf__add_typedef(b, "__be16", btf__add_int(b, "unsigned short", 2, 0));
	int action, prefix, either;

	action = btf__add_enum(b, "action", 4);
	btf__add_enum_value(b, "ACTION_DENY", 0);
	btf__add_enum_value(b, "ACTION_ALLOW", 1);
	prefix = btf__add_struct(b, "prefix", 20);
	btf__add_field(b, "length", u32, 0, 0);
	btf__add_field(b, "address", addr, 32, 0);
	either = btf__add_union(b, NULL, 4);
	btf__add_field(b, "port", be16, 0, 0);
	btf__add_field(b, "number", u32, 0, 0);
	*type = (uint32_t)btf__add_struct(b, "everything", 44);
	btf__add_field(b, "action", action, 0, 0);
	btf__add_field(b, "prefix", prefix, 32, 0);
	btf__add_field(b, "name", text, 192, 0);
	btf__add_field(b, NULL, either, 288, 0);
	btf__add_field(b, "low", u32, 320, 5);
	btf__add_field(b, "high", u32, 325, 27);
	return b;
}

static void try_values(const struct chain_desc *desc, const struct tree_node *map)
{
	static struct btf *btf;
	static uint32_t type;
	static FILE *null;
	uint8_t bytes[44];

	if (!btf) {
		btf = types(&type);
		null = fopen("/dev/null", "w");
	}
	for (uint32_t i = 0; map && i < map->n; i++) {
		struct visor_diag d;

		if (value_parse(btf, type, desc->tree, map->items[i], bytes, sizeof(bytes), &d))
			continue;
		if (value_print(null, btf, type, bytes, sizeof(bytes), 0, &d))
			abort(); /* what can be read can be printed */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct module **modules;
	struct chain_desc *desc;
	struct visor_diag d = {0};
	struct plan *plan;

	if (chain_parse_text("fuzz.yaml", (const char *)data, size, &desc, &d)) {
		if (!d.err || !d.text[0])
			abort(); /* an error without a message */
		return 0;
	}
	modules = calloc(desc->n_modules + 1, sizeof(*modules));
	for (uint32_t i = 0; i < desc->n_modules; i++) {
		modules[i] = &models[strlen(desc->modules[i].name) % ARRAY_SIZE(models)];
		try_values(desc, desc->modules[i].config);
		try_values(desc, desc->modules[i].maps);
	}
	if (chain_plan(desc, modules, NULL, NULL, &plan, &d) == 0)
		plan_free(plan);
	else if (!d.err || !d.text[0])
		abort();
	free(modules);
	chain_desc_free(desc);
	return 0;
}
