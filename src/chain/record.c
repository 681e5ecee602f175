/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/record.c - records as YAML, written and read.
 *
 * The writer quotes every text. The reader takes fields by name, checks every index against what it
 * points into, and leaves nothing half read.
 */
#include "chain/record.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "chain/counters.h"

#define RECORD_VERSION	 2
#define RECORD_MAX_NODES 65536

/* ---- writing
 * ----------------------------------------------------------------------------------------- */

static void write_text(FILE *f, const char *key, const char *text)
{
	fprintf(f, "%s: \"", key);
	for (const unsigned char *c = (const void *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(f, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(f, "\\x%02x", *c);
		else
			fputc(*c, f);
	}
	fputc('"', f);
}

static const char *const record_engines[] = {"user", "kernel"};
static const char *const record_to[] = {
	[STITCH_RETURN] = "return", [STITCH_SLOT] = "input", [STITCH_PORT] = "port"};
static const char *const record_entries[] = {
	[PLAN_NOWHERE] = "nowhere", [PLAN_TO_INPUT] = "input", [PLAN_TO_PORT] = "port"};
static const char *const record_hooks[] = {
	[CHAIN_HOOK_AUTO] = "auto", [CHAIN_HOOK_XDP] = "xdp", [CHAIN_HOOK_TC] = "tc"};

static void write_input(FILE *f, const struct record_input *in)
{
	fprintf(f, "  - {module: %u, ", in->module);
	write_text(f, "program", in->program);
	fprintf(f, ", content: %s, internal: %u, slot: %u, row: %u, rows: %u,\n     outputs: [",
		in->content, in->internal, in->slot, in->row, in->n_rows);
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct record_output *o = &in->outputs[i];

		fprintf(f, "%s{", i ? ",\n       " : "");
		write_text(f, "name", o->name);
		fprintf(f, ", named: %u, value: %u, row: %u, to: %s, target: %u}", o->named,
			o->value, o->row, record_to[o->to], o->target);
	}
	fprintf(f, "]}\n");
}

static void write_record(FILE *f, const struct record *r)
{
	fprintf(f, "visor: %d\ngeneration: %u\nengine: %s\nhook: %s\n", RECORD_VERSION,
		r->generation, record_engines[r->engine], record_hooks[r->hook]);
	write_text(f, "file", r->file);
	fprintf(f, "\ntapper: %u\ncpus: %u\nmax_rows: %u\nmax_slots: %u\nmodules:\n", r->tapper,
		r->n_cpus, r->max_rows, r->max_slots);
	for (uint32_t i = 0; i < r->n_modules; i++) {
		const struct record_module *m = &r->modules[i];

		write_text(f, "  - {name", m->name);
		write_text(f, ", object", m->object);
		write_text(f, ", swapped", m->swapped ? m->swapped : "");
		write_text(f, ", tap", m->tap ? m->tap : "");
		fprintf(f, ",\n     maps: %s,\n     content: %s}\n", m->maps, m->content);
	}
	fprintf(f, "inputs:\n");
	for (uint32_t i = 0; i < r->n_inputs; i++)
		write_input(f, &r->inputs[i]);
	fprintf(f, "ports:\n");
	for (uint32_t i = 0; i < r->n_ports; i++) {
		const struct record_port *p = &r->ports[i];

		write_text(f, "  - {name", p->name);
		write_text(f, ", device", p->device);
		write_text(f, ", how", p->how);
		fprintf(f, ", config: %s, ifindex: %u, slot: %u, row: %u, entry: %s, target: %u}\n",
			p->config, p->ifindex, p->slot, p->row, record_entries[p->entry],
			p->target);
	}
	fprintf(f, "writes:\n");
	for (uint32_t i = 0; i < r->n_writes; i++)
		fprintf(f, "  - {slot: %u, before: %u, after: %u}\n", r->writes[i].slot,
			r->writes[i].before, r->writes[i].after);
	write_text(f, "text", r->text);
	fputc('\n', f);
}

int record_format(const struct record *r, char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);
	bool bad;

	if (!f)
		return -ENOMEM;
	write_record(f, r);
	bad = ferror(f);
	if (fclose(f) || bad) {
		free(*text);
		*text = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- reading
 * -------------------------------------------------------------------------------------------- */

struct reader {
	struct tree *tree;
	struct visor_diag *diag;
	int err; /* the first */
};

static void read_fail(struct reader *rd, const struct tree_node *node, const char *what)
{
	if (!rd->err)
		rd->err = tree_fail(rd->tree, node, rd->diag, -EBADMSG,
				    "the chain's record is damaged: %s", what);
}

/* The scalar under a key; "" after an error. */
static const struct tree_node *read_scalar(struct reader *rd, const struct tree_node *map,
					   const char *key)
{
	const struct tree_node *node = map->kind == TREE_MAP ? tree_get(map, key) : NULL;

	if (node && node->kind == TREE_SCALAR)
		return node;
	read_fail(rd, map, key);
	return NULL;
}

static char *read_text(struct reader *rd, const struct tree_node *map, const char *key)
{
	const struct tree_node *node = read_scalar(rd, map, key);
	char *copy = node ? strdup(node->text) : NULL;

	if (node && !copy && !rd->err)
		rd->err = diag_fail(rd->diag, -ENOMEM, "record", "no memory");
	return copy;
}

/* What becomes a name in the chain's folder. */
static char *read_name(struct reader *rd, const struct tree_node *map, const char *key)
{
	char *name = read_text(rd, map, key);

	if (name && (!*name || strlen(name) > NAME_MAX || strchr(name, '/')))
		read_fail(rd, map, key);
	return name;
}

/* A number up to max. */
static uint32_t read_number(struct reader *rd, const struct tree_node *map, const char *key,
			    uint32_t max)
{
	const struct tree_node *node = read_scalar(rd, map, key);
	unsigned long long v;
	char *end;

	if (!node)
		return 0;
	errno = 0;
	v = strtoull(node->text, &end, 10);
	if (errno || *end || end == node->text || node->text[0] == '-' || v > max) {
		read_fail(rd, node, key);
		return 0;
	}
	return (uint32_t)v;
}

static uint32_t read_word(struct reader *rd, const struct tree_node *map, const char *key,
			  const char *const *words, size_t n)
{
	const struct tree_node *node = read_scalar(rd, map, key);

	for (size_t i = 0; node && i < n; i++)
		if (!strcmp(words[i], node->text))
			return (uint32_t)i;
	if (node)
		read_fail(rd, node, key);
	return 0;
}

static void read_digest(struct reader *rd, const struct tree_node *map, const char *key, char *out)
{
	const struct tree_node *node = read_scalar(rd, map, key);

	if (!node)
		return;
	if (strlen(node->text) != RECORD_DIGEST - 1 ||
	    strspn(node->text, "0123456789abcdef") != RECORD_DIGEST - 1)
		read_fail(rd, node, key);
	else
		memcpy(out, node->text, RECORD_DIGEST);
}

/* The list under a key, and memory for its elements; an empty one is NULL with 0 elements. */
static const struct tree_node *read_list(struct reader *rd, const struct tree_node *map,
					 const char *key, size_t size, void **elements, uint32_t *n)
{
	const struct tree_node *node = map->kind == TREE_MAP ? tree_get(map, key) : NULL;

	*n = 0;
	*elements = calloc(1, size);
	if (node && node->kind == TREE_SCALAR && !node->text[0])
		return NULL;
	if (!node || node->kind != TREE_LIST || node->n > RECORD_MAX_NODES) {
		read_fail(rd, map, key);
		return NULL;
	}
	free(*elements);
	*elements = calloc(node->n + 1, size);
	if (!*elements) {
		if (!rd->err)
			rd->err = diag_fail(rd->diag, -ENOMEM, "record", "no memory");
		return NULL;
	}
	*n = node->n;
	return node;
}

static void read_outputs(struct reader *rd, const struct tree_node *map, struct record_input *in,
			 const struct record *r)
{
	const struct tree_node *list = read_list(rd, map, "outputs", sizeof(*in->outputs),
						 (void **)&in->outputs, &in->n_outputs);

	for (uint32_t i = 0; i < in->n_outputs; i++) {
		struct record_output *o = &in->outputs[i];
		const struct tree_node *n = list->items[i];
		uint32_t targets;

		o->name = read_text(rd, n, "name");
		o->named = read_number(rd, n, "named", 1);
		o->value = read_number(rd, n, "value", UINT32_MAX);
		o->row = read_number(rd, n, "row", in->n_rows ? in->n_rows - 1 : 0);
		o->to = (enum stitch_to)read_word(rd, n, "to", record_to, ARRAY_SIZE(record_to));
		targets = o->to == STITCH_SLOT	 ? r->n_inputs
			  : o->to == STITCH_PORT ? r->n_ports
						 : 1;
		o->target = read_number(rd, n, "target", UINT32_MAX);
		if (o->target >= targets)
			read_fail(rd, n, "target");
	}
}

static void read_inputs(struct reader *rd, const struct tree_node *list, struct record *r)
{
	for (uint32_t i = 0; i < r->n_inputs; i++) {
		struct record_input *in = &r->inputs[i];
		const struct tree_node *n = list->items[i];

		in->module = read_number(rd, n, "module", UINT32_MAX);
		if (in->module >= r->n_modules)
			read_fail(rd, n, "module");
		in->program = read_name(rd, n, "program");
		read_digest(rd, n, "content", in->content);
		in->internal = read_number(rd, n, "internal", 1);
		in->slot = read_number(rd, n, "slot", UINT32_MAX);
		if (in->slot != RECORD_NO_SLOT && in->slot >= r->max_slots)
			read_fail(rd, n, "slot");
		in->n_rows = read_number(rd, n, "rows", r->max_rows);
		in->row = read_number(rd, n, "row", r->max_rows - MIN(in->n_rows, r->max_rows));
		if (in->n_rows < hook_get(r->hook)->n + COUNTERS_ENDS)
			read_fail(rd, n, "rows");
		read_outputs(rd, n, in, r);
	}
}

static void read_ports(struct reader *rd, const struct tree_node *list, struct record *r)
{
	for (uint32_t i = 0; i < r->n_ports; i++) {
		struct record_port *p = &r->ports[i];
		const struct tree_node *n = list->items[i];

		p->name = read_name(rd, n, "name");
		p->device = read_text(rd, n, "device");
		p->how = read_text(rd, n, "how");
		read_digest(rd, n, "config", p->config);
		p->ifindex = read_number(rd, n, "ifindex", INT32_MAX);
		p->slot = read_number(rd, n, "slot", UINT32_MAX);
		if (p->slot != RECORD_NO_SLOT && p->slot >= r->max_slots)
			read_fail(rd, n, "slot");
		p->row = read_number(rd, n, "row", r->max_rows - RECORD_PORT_ROWS);
		p->entry = (enum plan_entry)read_word(rd, n, "entry", record_entries,
						      ARRAY_SIZE(record_entries));
		p->target = read_number(rd, n, "target", UINT32_MAX);
		if ((p->entry == PLAN_TO_INPUT && p->target >= r->n_inputs) ||
		    (p->entry == PLAN_TO_PORT && p->target >= r->n_ports))
			read_fail(rd, n, "target");
	}
}

/* A text that may be empty, which is NULL. */
static char *read_optional(struct reader *rd, const struct tree_node *map, const char *key)
{
	char *text = read_text(rd, map, key);

	if (text && *text)
		return text;
	free(text);
	return NULL;
}

static void read_modules(struct reader *rd, const struct tree_node *list, struct record *r)
{
	for (uint32_t i = 0; i < r->n_modules; i++) {
		struct record_module *m = &r->modules[i];
		const struct tree_node *n = list->items[i];

		m->name = read_name(rd, n, "name");
		m->object = read_text(rd, n, "object");
		m->swapped = read_optional(rd, n, "swapped");
		m->tap = read_optional(rd, n, "tap");
		read_digest(rd, n, "maps", m->maps);
		read_digest(rd, n, "content", m->content);
	}
}

/* Each name means one thing. */
static void read_check_names(struct reader *rd, const struct tree_node *root,
			     const struct record *r)
{
	for (uint32_t i = 0; !rd->err && i < r->n_modules; i++)
		if (record_find_module(r, r->modules[i].name) != i)
			read_fail(rd, root, "a module is there twice");
	for (uint32_t i = 0; !rd->err && i < r->n_ports; i++)
		if (record_find_port(r, r->ports[i].name) != i)
			read_fail(rd, root, "a port is there twice");
	for (uint32_t i = 0; !rd->err && i < r->n_inputs; i++)
		if (record_find_input(r, r->modules[r->inputs[i].module].name,
				      r->inputs[i].program) != i)
			read_fail(rd, root, "an input is there twice");
}

static void read_record(struct reader *rd, const struct tree_node *root, struct record *r)
{
	const struct tree_node *modules, *inputs, *ports, *writes;

	if (read_number(rd, root, "visor", RECORD_VERSION) != RECORD_VERSION)
		read_fail(rd, root, "its version is not known");
	r->generation = read_number(rd, root, "generation", INT32_MAX);
	r->engine = (enum chain_engine)read_word(rd, root, "engine", record_engines,
						 ARRAY_SIZE(record_engines));
	r->hook = (enum chain_hook)read_word(rd, root, "hook", record_hooks,
					     ARRAY_SIZE(record_hooks));
	if (r->hook == CHAIN_HOOK_AUTO)
		read_fail(rd, root, "hook");
	r->file = read_text(rd, root, "file");
	r->text = read_text(rd, root, "text");
	r->tapper = read_number(rd, root, "tapper", INT32_MAX);
	r->n_cpus = read_number(rd, root, "cpus", 1 << 16);
	if (!r->n_cpus || (r->n_cpus & (r->n_cpus - 1)))
		read_fail(rd, root, "cpus");
	r->max_rows = read_number(rd, root, "max_rows", 1 << 22);
	if (r->max_rows < RECORD_PORT_ROWS || (uint64_t)record_stride(r) * r->n_cpus > INT32_MAX)
		read_fail(rd, root, "max_rows");
	r->max_slots = read_number(rd, root, "max_slots", 1 << 20);
	if (!r->max_slots)
		read_fail(rd, root, "max_slots");
	if (rd->err)
		return;
	modules = read_list(rd, root, "modules", sizeof(*r->modules), (void **)&r->modules,
			    &r->n_modules);
	inputs = read_list(rd, root, "inputs", sizeof(*r->inputs), (void **)&r->inputs,
			   &r->n_inputs);
	ports = read_list(rd, root, "ports", sizeof(*r->ports), (void **)&r->ports, &r->n_ports);
	writes = read_list(rd, root, "writes", sizeof(*r->writes), (void **)&r->writes,
			   &r->n_writes);
	read_modules(rd, modules, r);
	read_inputs(rd, inputs, r);
	read_ports(rd, ports, r);
	for (uint32_t i = 0; i < r->n_writes; i++) {
		struct record_write *w = &r->writes[i];

		w->slot = read_number(rd, writes->items[i], "slot", r->max_slots - 1);
		w->before = read_number(rd, writes->items[i], "before", UINT32_MAX);
		w->after = read_number(rd, writes->items[i], "after", UINT32_MAX);
	}
	read_check_names(rd, root, r);
}

int record_parse(const char *name, const char *text, size_t len, struct record **out,
		 struct visor_diag *diag)
{
	struct reader rd = {.diag = diag};
	const struct tree_node *root;
	struct record *r;

	*out = NULL;
	rd.err = tree_parse(name, text, len, &rd.tree, &root, diag);
	if (rd.err)
		return rd.err;
	r = calloc(1, sizeof(*r));
	if (!r)
		rd.err = diag_fail(diag, -ENOMEM, "record", "no memory");
	else if (!root || root->kind != TREE_MAP)
		rd.err = diag_fail(diag, -EBADMSG, "record", "the chain's record is empty");
	else
		read_record(&rd, root, r);
	tree_free(rd.tree);
	if (rd.err)
		record_free(r);
	else
		*out = r;
	return rd.err;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n_modules; i++) {
		free(r->modules[i].name);
		free(r->modules[i].object);
		free(r->modules[i].swapped);
		free(r->modules[i].tap);
	}
	for (uint32_t i = 0; i < r->n_inputs; i++) {
		for (uint32_t k = 0; k < r->inputs[i].n_outputs; k++)
			free(r->inputs[i].outputs[k].name);
		free(r->inputs[i].outputs);
		free(r->inputs[i].program);
	}
	for (uint32_t i = 0; i < r->n_ports; i++) {
		free(r->ports[i].name);
		free(r->ports[i].device);
		free(r->ports[i].how);
	}
	free(r->modules);
	free(r->inputs);
	free(r->ports);
	free(r->writes);
	free(r->file);
	free(r->text);
	free(r);
}

/* ---- looking up
 * ------------------------------------------------------------------------------------------ */

uint32_t record_stride(const struct record *r)
{
	return counters_stride(r->max_rows);
}

int64_t record_find_input(const struct record *r, const char *module, const char *program)
{
	for (uint32_t i = 0; i < r->n_inputs; i++)
		if (!strcmp(r->inputs[i].program, program) &&
		    !strcmp(r->modules[r->inputs[i].module].name, module))
			return i;
	return -1;
}

int64_t record_find_module(const struct record *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_modules; i++)
		if (!strcmp(r->modules[i].name, name))
			return i;
	return -1;
}

int64_t record_find_port(const struct record *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (!strcmp(r->ports[i].name, name))
			return i;
	return -1;
}
