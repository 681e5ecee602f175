/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/parse.c - a chain file, and the short form, as a description.
 *
 * The tree has checked the YAML and holds the texts; here the keys get their meaning. Only
 * what can be said without looking at a module is said here; the rest is the plan's.
 */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>

#include "chain/chain.h"

#define PARSE_MAX_NODES 1024 /* modules; also ports */
#define PARSE_MAX_LINKS 8192
#define PARSE_MAX_NAME	63

struct parse {
	struct chain_desc *desc;
	struct visor_diag *diag;
	uint32_t max_links;
};

#define parse_fail(p, node, ...) tree_fail((p)->desc->tree, node, (p)->diag, -EINVAL, __VA_ARGS__)

static int parse_no_memory(struct parse *p)
{
	return diag_fail(p->diag, -ENOMEM, "parse", "no memory");
}

static struct chain_pos parse_pos(const struct tree_node *node)
{
	return (struct chain_pos){node->line, node->col};
}

/* ---- mappings with known keys ------------------------------------------------------------ */

/* What stands under a key; `fn` gets the key's node, too. */
struct parse_key {
	const char *name;
	int (*fn)(struct parse *p, void *user, const struct tree_node *key,
		  const struct tree_node *value);
};

static int parse_keys(struct parse *p, const struct tree_node *map, const struct parse_key *keys,
		      size_t n_keys, void *user, const char *what)
{
	if (map->kind != TREE_MAP)
		return parse_fail(p, map, "%s is a mapping: {key: value, ...}", what);
	for (uint32_t i = 0; i < map->n; i++) {
		struct tree_guess guess = {.wrong = map->keys[i]->text};
		size_t k = 0;
		int err;

		while (k < n_keys && strcmp(keys[k].name, map->keys[i]->text) != 0)
			tree_guess_add(&guess, keys[k++].name);
		if (k == n_keys) {
			parse_fail(p, map->keys[i], "unknown key '%s' in %s", map->keys[i]->text,
				   what);
			tree_guess_hint(&guess, p->diag);
			return -EINVAL;
		}
		err = keys[k].fn(p, user, map->keys[i], map->items[i]);
		if (err)
			return err;
	}
	return 0;
}

/* An empty value (`ports:`) counts as an empty mapping. */
static bool parse_empty(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR && !node->quoted && !node->text[0];
}

static bool parse_is_name(const char *s, size_t len)
{
	if (!len || len > PARSE_MAX_NAME || !(isalpha((unsigned char)s[0]) || s[0] == '_') ||
	    s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

static const char *parse_find(const struct chain_desc *d, const char *name, struct chain_pos *pos)
{
	for (uint32_t i = 0; i < d->n_ports; i++)
		if (!strcmp(d->ports[i].name, name)) {
			*pos = d->ports[i].pos;
			return "port";
		}
	for (uint32_t i = 0; i < d->n_modules; i++)
		if (!strcmp(d->modules[i].name, name)) {
			*pos = d->modules[i].pos;
			return "module";
		}
	return NULL;
}

static int parse_new_name(struct parse *p, const struct tree_node *key)
{
	struct chain_pos pos;
	const char *what;

	if (!parse_is_name(key->text, strlen(key->text))) {
		parse_fail(p, key, "'%s' is not a name", key->text);
		diag_hint(p->diag,
			  "names have up to %d letters, digits, '_' and '-', and begin "
			  "with a letter",
			  PARSE_MAX_NAME);
		return -EINVAL;
	}
	what = parse_find(p->desc, key->text, &pos);
	if (what)
		return parse_fail(p, key, "there is a %s '%s' already, in line %u", what, key->text,
				  pos.line);
	return 0;
}

/* A path relative to the chain file's folder, as a text the caller owns. */
static char *parse_path(const struct parse *p, const char *path)
{
	char *copy, *full = NULL;

	if (path[0] == '/' || !strcmp(path, "-") || !strchr(p->desc->file, '/'))
		return strdup(path);
	copy = strdup(p->desc->file);
	if (copy && asprintf(&full, "%s/%s", dirname(copy), path) < 0)
		full = NULL;
	free(copy);
	return full;
}

/* ---- ports ------------------------------------------------------------------------------- */

static int parse_port_option(struct parse *p, struct chain_desc_port *port,
			     const struct tree_node *key, const struct tree_node *value)
{
	int err;

	if (value->kind != TREE_SCALAR)
		return parse_fail(p, value, "the value of '%s' is a text or a number", key->text);
	err = port_config_set(&port->config, key->text, value->text, p->diag);
	if (err && p->diag)
		diag_at(p->diag, "%s:%u:%u", p->desc->file, key->line, key->col);
	return err;
}

static int parse_port_path(struct parse *p, char **path)
{
	char *full;

	if (!*path)
		return 0;
	full = parse_path(p, *path);
	if (!full)
		return parse_no_memory(p);
	free(*path);
	*path = full;
	return 0;
}

static int parse_port(struct parse *p, struct chain_desc_port *port, const struct tree_node *key,
		      const struct tree_node *node)
{
	int err = 0;

	port->node = node;
	if (node->kind == TREE_SCALAR) { /* `sink: null` */
		static const struct tree_node empty = {.kind = TREE_SCALAR,
						       .text = (char *)(uintptr_t) ""};

		if (!port_is_kind(node->text))
			return parse_fail(p, node, "'%s' is not a kind of port", node->text);
		return parse_port_option(p, port, node, &empty);
	}
	if (node->kind != TREE_MAP)
		return parse_fail(p, node, "a port is a mapping: {pcap: FILE}");
	for (int kinds = 1; kinds >= 0; kinds--)
		for (uint32_t i = 0; i < node->n; i++) {
			if (port_is_kind(node->keys[i]->text) != kinds)
				continue;
			err = parse_port_option(p, port, node->keys[i], node->items[i]);
			if (err)
				return err;
		}
	if (!port->config.source && !port->config.sink) {
		parse_fail(p, key, "port '%s' is of no kind", key->text);
		diag_hint(p->diag, "say where packets come from or go to: {pcap: FILE}, "
				   "{pcap_out: FILE}, ...");
		return -EINVAL;
	}
	err = parse_port_path(p, &port->config.path_in);
	return err ? err : parse_port_path(p, &port->config.path_out);
}

static int parse_ports(struct parse *p, void *user, const struct tree_node *key,
		       const struct tree_node *node)
{
	struct chain_desc *d = p->desc;

	if (parse_empty(node))
		return 0;
	if (node->kind != TREE_MAP)
		return parse_fail(p, node, "ports is a mapping: {NAME: {pcap: FILE}, ...}");
	if (node->n > PARSE_MAX_NODES)
		return parse_fail(p, node, "more than %d ports", PARSE_MAX_NODES);
	d->ports = calloc(node->n + 1, sizeof(*d->ports));
	if (!d->ports)
		return parse_no_memory(p);
	for (uint32_t i = 0; i < node->n; i++) {
		struct chain_desc_port *port = &d->ports[d->n_ports];
		int err = parse_new_name(p, node->keys[i]);

		if (err)
			return err;
		port->name = node->keys[i]->text;
		port->pos = parse_pos(node->keys[i]);
		port_config_init(&port->config);
		d->n_ports++;
		err = parse_port(p, port, node->keys[i], node->items[i]);
		if (err)
			return err;
	}
	return 0;
}

/* ---- modules ----------------------------------------------------------------------------- */

static int parse_object(struct parse *p, void *user, const struct tree_node *key,
			const struct tree_node *value)
{
	struct chain_desc_module *m = user;
	const char *dot;

	if (value->kind != TREE_SCALAR || !value->text[0])
		return parse_fail(p, value, "object is the name of a file or of a module");
	m->object_pos = parse_pos(value);
	dot = strrchr(value->text, '.');
	/* A bare name is searched in the module path, a file's name stands beside the chain. */
	if (!strchr(value->text, '/') && !(dot && (!strcmp(dot, ".o") || !strcmp(dot, ".c"))))
		m->object = strdup(value->text);
	else
		m->object = parse_path(p, value->text);
	return m->object ? 0 : parse_no_memory(p);
}

static int parse_config(struct parse *p, void *user, const struct tree_node *key,
			const struct tree_node *value)
{
	struct chain_desc_module *m = user;

	if (parse_empty(value))
		return 0;
	if (value->kind != TREE_MAP)
		return parse_fail(p, value, "%s is a mapping: {NAME: VALUE, ...}", key->text);
	*(!strcmp(key->text, "maps") ? &m->maps : &m->config) = value;
	return 0;
}

static int parse_module(struct parse *p, struct chain_desc_module *m, const struct tree_node *key,
			const struct tree_node *node)
{
	static const struct parse_key keys[] = {
		{"object", parse_object}, {"config", parse_config}, {"maps", parse_config}};
	int err;

	if (node->kind == TREE_SCALAR) /* `counter: counter.o`, or `counter:` for itself */
		return parse_object(p, m, key, parse_empty(node) ? key : node);
	err = parse_keys(p, node, keys, ARRAY_SIZE(keys), m, "a module");
	if (err || m->object)
		return err;
	return parse_object(p, m, key, key);
}

static int parse_modules(struct parse *p, void *user, const struct tree_node *key,
			 const struct tree_node *node)
{
	struct chain_desc *d = p->desc;

	if (parse_empty(node))
		return 0;
	if (node->kind != TREE_MAP)
		return parse_fail(p, node, "modules is a mapping: {NAME: {object: FILE}, ...}");
	if (node->n > PARSE_MAX_NODES)
		return parse_fail(p, node, "more than %d modules", PARSE_MAX_NODES);
	d->modules = calloc(node->n + 1, sizeof(*d->modules));
	if (!d->modules)
		return parse_no_memory(p);
	for (uint32_t i = 0; i < node->n; i++) {
		struct chain_desc_module *m = &d->modules[d->n_modules];
		int err = parse_new_name(p, node->keys[i]);

		if (err)
			return err;
		m->name = node->keys[i]->text;
		m->pos = parse_pos(node->keys[i]);
		d->n_modules++;
		err = parse_module(p, m, node->keys[i], node->items[i]);
		if (err)
			return err;
	}
	return 0;
}

/* ---- links -------------------------------------------------------------------------------- */

/* NAME[.INPUT][:OUTPUT] in text[0, len), cut in place. */
static int parse_end(struct parse *p, const struct tree_node *at, char *text, size_t len,
		     struct chain_desc_end *end)
{
	char *colon = memchr(text, ':', len), *dot;
	char *parts[3] = {text, NULL, NULL};

	text[len] = '\0';
	end->pos = parse_pos(at);
	if (colon) {
		*colon = '\0';
		parts[2] = colon + 1;
	}
	dot = strchr(text, '.');
	if (dot) {
		*dot = '\0';
		parts[1] = dot + 1;
	}
	for (int i = 0; i < 3; i++) {
		if (!parts[i] || parse_is_name(parts[i], strlen(parts[i])))
			continue;
		if (parts[i][0])
			parse_fail(p, at, "'%s' is not a name", parts[i]);
		else
			parse_fail(p, at, "a name is missing");
		diag_hint(p->diag, "an end of a link is MODULE, MODULE.INPUT, MODULE:OUTPUT, "
				   "MODULE.INPUT:OUTPUT or PORT");
		return -EINVAL;
	}
	end->node = parts[0];
	end->input = parts[1];
	end->output = parts[2];
	return 0;
}

static int parse_add_link(struct parse *p, const struct chain_desc_end *from,
			  const struct chain_desc_end *to)
{
	struct chain_desc *d = p->desc;

	if (d->n_links == p->max_links) {
		uint32_t max = p->max_links ? 2 * p->max_links : 16;
		struct chain_desc_link *links = reallocarray(d->links, max, sizeof(*links));

		if (!links)
			return parse_no_memory(p);
		d->links = links;
		p->max_links = max;
	}
	d->links[d->n_links] = (struct chain_desc_link){.from = *from, .to = *to};
	d->links[d->n_links++].to.output = NULL;
	return 0;
}

/* `a -> b.in:out -> c`; the node's text is cut into names. */
static int parse_link(struct parse *p, const struct tree_node *node)
{
	struct chain_desc_end end, before = {0};
	unsigned n = 0;
	char *text, *next;

	if (node->kind != TREE_SCALAR) {
		parse_fail(p, node, "a link is a text: a -> b");
		diag_hint(p->diag, "without a space behind the colon: a:output -> b.input");
		return -EINVAL;
	}
	for (text = node->text; text; text = next, n++) {
		struct tree_node at = *node;
		size_t len;
		int err;

		next = strstr(text, "->");
		len = next ? (size_t)(next - text) : strlen(text);
		if (next)
			next += 2;
		while (len && isspace((unsigned char)*text))
			text++, len--;
		while (len && isspace((unsigned char)text[len - 1]))
			len--;
		at.col += (uint32_t)(text - node->text) + node->quoted;
		if (p->desc->n_links >= PARSE_MAX_LINKS)
			return parse_fail(p, &at, "more than %d links", PARSE_MAX_LINKS);
		err = parse_end(p, &at, text, len, &end);
		if (!err && !next && n && end.output)
			err = parse_fail(p, &at, "output '%s' leads nowhere", end.output);
		if (!err && n)
			err = parse_add_link(p, &before, &end);
		if (err)
			return err;
		before = end;
	}
	return n > 1 ? 0 : parse_fail(p, node, "a link has two ends: %s -> ...", before.node);
}

static int parse_links(struct parse *p, void *user, const struct tree_node *key,
		       const struct tree_node *node)
{
	if (parse_empty(node))
		return 0;
	if (node->kind != TREE_LIST)
		return parse_fail(p, node, "links is a list, each line of it `- a -> b`");
	for (uint32_t i = 0; i < node->n; i++) {
		int err = parse_link(p, node->items[i]);

		if (err)
			return err;
	}
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------ */

static int parse_choice(struct parse *p, const struct tree_node *key, const struct tree_node *value,
			const char *const *names, unsigned n, unsigned *out)
{
	for (unsigned i = 0; i < n && value->kind == TREE_SCALAR; i++)
		if (!strcmp(value->text, names[i])) {
			*out = i;
			return 0;
		}
	return parse_fail(p, value, "%s is %s or %s", key->text, names[n - 2], names[n - 1]);
}

static int parse_engine(struct parse *p, void *user, const struct tree_node *key,
			const struct tree_node *value)
{
	static const char *const names[] = {"user", "kernel"};
	unsigned choice;
	int err = parse_choice(p, key, value, names, 2, &choice);

	if (!err)
		p->desc->engine = choice ? CHAIN_KERNEL : CHAIN_USER;
	return err;
}

static int parse_chain_name(struct parse *p, void *user, const struct tree_node *key,
			    const struct tree_node *value)
{
	if (value->kind != TREE_SCALAR || !parse_is_name(value->text, strlen(value->text)))
		return parse_fail(p, value,
				  "a chain's name has up to %d letters, digits, '_' and "
				  "'-', and begins with a letter",
				  PARSE_MAX_NAME);
	p->desc->name = value->text;
	return 0;
}

static int parse_hook(struct parse *p, void *user, const struct tree_node *key,
		      const struct tree_node *value)
{
	static const char *const names[] = {"xdp", "tc"};
	unsigned choice;
	int err = parse_choice(p, key, value, names, 2, &choice);

	if (!err)
		p->desc->hook = choice ? CHAIN_HOOK_TC : CHAIN_HOOK_XDP;
	return err;
}

/* What they say is looked at with the other policies, before an object is opened. */
static int parse_signatures(struct parse *p, void *user, const struct tree_node *key,
			    const struct tree_node *value)
{
	*(!strcmp(key->text, "keys") ? &p->desc->keys : &p->desc->signatures) = value;
	return 0;
}

static int parse_document(struct parse *p, const struct tree_node *root)
{
	static const struct parse_key keys[] = {
		{"ports", parse_ports},	    {"modules", parse_modules},
		{"links", parse_links},	    {"engine", parse_engine},
		{"hook", parse_hook},	    {"signatures", parse_signatures},
		{"keys", parse_signatures}, {"name", parse_chain_name}};
	int err;

	if (!root) {
		err = diag_fail(p->diag, -EINVAL, "parse", "the chain file is empty");
		diag_at(p->diag, "%s", p->desc->file);
		return err;
	}
	err = parse_keys(p, root, keys, ARRAY_SIZE(keys), NULL, "a chain file");
	if (err)
		return err;
	if (!p->desc->n_links) {
		parse_fail(p, root, "the chain has no links");
		diag_hint(p->diag, "links: [in -> module -> out]");
		return -EINVAL;
	}
	return 0;
}

static struct chain_desc *parse_new(const char *file)
{
	struct chain_desc *d = calloc(1, sizeof(*d));

	if (d && !(d->file = strdup(file))) {
		free(d);
		d = NULL;
	}
	return d;
}

/* Takes the tree. */
static int parse_tree(const char *file, struct tree *tree, const struct tree_node *root,
		      struct chain_desc **out, struct visor_diag *diag)
{
	struct parse p = {.diag = diag};
	int err;

	p.desc = parse_new(file);
	if (!p.desc) {
		tree_free(tree);
		return parse_no_memory(&p);
	}
	p.desc->tree = tree;
	err = parse_document(&p, root);
	if (err) {
		chain_desc_free(p.desc);
		return err;
	}
	*out = p.desc;
	return 0;
}

int chain_parse_text(const char *name, const char *text, size_t len, struct chain_desc **out,
		     struct visor_diag *diag)
{
	const struct tree_node *root;
	struct tree *tree;
	int err;

	*out = NULL;
	err = tree_parse(name, text, len, &tree, &root, diag);
	return err ? err : parse_tree(name, tree, root, out, diag);
}

int chain_parse(const char *path, struct chain_desc **out, struct visor_diag *diag)
{
	const struct tree_node *root;
	struct tree *tree;
	int err;

	*out = NULL;
	err = tree_read(path, &tree, &root, diag);
	return err ? err : parse_tree(path, tree, root, out, diag);
}

void chain_desc_free(struct chain_desc *desc)
{
	if (!desc)
		return;
	for (uint32_t i = 0; i < desc->n_ports; i++)
		port_config_free(&desc->ports[i].config);
	for (uint32_t i = 0; i < desc->n_modules; i++) {
		free((char *)(uintptr_t)desc->modules[i].object);
		free((char *)(uintptr_t)desc->modules[i].settings);
	}
	free(desc->ports);
	free(desc->modules);
	free(desc->links);
	tree_free(desc->tree);
	free(desc->file);
	free(desc->texts);
	free(desc);
}

/* ---- the short form ----------------------------------------------------------------------- */

/* A module's name from its object's: letters and digits of the file name. */
static void single_name(const char *object, char *out, size_t size)
{
	const char *base = strrchr(object, '/');
	size_t n = 0;

	base = base ? base + 1 : object;
	for (; *base && *base != '.' && n + 1 < size; base++)
		out[n++] = isalnum((unsigned char)*base) ? *base : '_';
	out[n] = '\0';
	/* The ports are called in and out. */
	if (!n || !strcmp(out, "in") || !strcmp(out, "out"))
		snprintf(out, size, "module");
}

static int single_ports(struct chain_desc *d, const struct chain_single *what,
			struct visor_diag *diag)
{
	int err;

	d->n_ports = what->output ? 2 : 1;
	for (uint32_t i = 0; i < d->n_ports; i++) {
		d->ports[i].name = i ? "out" : "in";
		port_config_init(&d->ports[i].config);
	}
	err = port_config_set(&d->ports[0].config, "pcap", what->input, diag);
	if (!err && what->output)
		err = port_config_set(&d->ports[1].config, "pcap_out", what->output, diag);
	return err;
}

int chain_single(const struct chain_single *what, struct chain_desc **out, struct visor_diag *diag)
{
	struct chain_desc_end in = {.node = "in"}, module = {.input = what->program},
			      output = {.node = "out"};
	struct chain_desc *d = parse_new(what->object);
	size_t size = PARSE_MAX_NAME + 1;
	int err;

	*out = NULL;
	if (!d)
		return diag_fail(diag, -ENOMEM, "parse", "no memory");
	if (what->program)
		size += strlen(what->program) + 1;
	d->ports = calloc(2, sizeof(*d->ports));
	d->modules = calloc(1, sizeof(*d->modules));
	d->links = calloc(2, sizeof(*d->links));
	d->texts = calloc(1, size);
	if (!d->ports || !d->modules || !d->links || !d->texts) {
		err = diag_fail(diag, -ENOMEM, "parse", "no memory");
		goto out;
	}
	err = single_ports(d, what, diag);
	if (err)
		goto out;
	d->hook = what->hook;
	single_name(what->object, d->texts, PARSE_MAX_NAME + 1);
	module.node = d->modules[0].name = d->texts;
	if (what->program)
		module.input = strcpy(d->texts + PARSE_MAX_NAME + 1, what->program);
	d->n_modules = 1;
	d->modules[0].object = strdup(what->object);
	d->modules[0].settings = calloc(what->n_config + 1, sizeof(char *));
	if (!d->modules[0].object || !d->modules[0].settings) {
		err = diag_fail(diag, -ENOMEM, "parse", "no memory");
		goto out;
	}
	for (uint32_t i = 0; i < what->n_config; i++)
		d->modules[0].settings[i] = what->config[i];
	d->modules[0].n_settings = what->n_config;
	d->links[d->n_links++] = (struct chain_desc_link){.from = in, .to = module};
	if (what->output)
		d->links[d->n_links++] = (struct chain_desc_link){.from = module, .to = output};
out:
	if (err)
		chain_desc_free(d);
	else
		*out = d;
	return err;
}
