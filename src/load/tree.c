/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/tree.c - YAML events from libyaml, made into a tree within limits.
 *
 * Recursion is bounded by TREE_MAX_DEPTH. Children of the collection being read stand on
 * one stack, shared by all levels, and move into the tree's memory when it ends.
 */
#include "load/tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <yaml.h>

#define TREE_BLOCK 16384

struct tree_block {
	struct tree_block *next;
	size_t used, size;
	_Alignas(16) char mem[];
};

struct tree {
	char *name;
	struct tree_block *blocks;
};

struct tree_reader {
	struct tree *tree;
	yaml_parser_t parser;
	yaml_event_t event; /* the one being looked at; deleted when the next is read */
	struct visor_diag *diag;
	struct tree_node **stack;
	size_t n_stack, max_stack;
};

static void *tree_alloc(struct tree *tree, size_t size)
{
	struct tree_block *b = tree->blocks;
	void *p;

	size = ALIGN_UP(size, (size_t)16);
	if (!b || b->size - b->used < size) {
		size_t room = MAX(size, (size_t)TREE_BLOCK);

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->next = tree->blocks;
		b->used = 0;
		b->size = room;
		tree->blocks = b;
	}
	p = b->mem + b->used;
	b->used += size;
	memset(p, 0, size);
	return p;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	while (tree->blocks) {
		struct tree_block *b = tree->blocks;

		tree->blocks = b->next;
		free(b);
	}
	free(tree->name);
	free(tree);
}

/* Text from a file may hold escape sequences; a message is shown on a terminal. */
static void tree_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static int tree_fail_at(const char *name, uint32_t line, uint32_t col, struct visor_diag *diag,
			int err, const char *fmt, va_list ap)
{
	char text[sizeof(diag->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	tree_clean(text);
	diag_fail(diag, err, "parse", "%s", text);
	if (line && name)
		diag_at(diag, "%s:%u:%u", name, line, col);
	else if (line)
		diag_at(diag, "%u:%u", line, col);
	return err;
}

int tree_fail(const struct tree *tree, const struct tree_node *node, struct visor_diag *diag,
	      int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tree_fail_at(tree ? tree->name : NULL, tree ? node->line : 0, node->col, diag, err, fmt,
		     ap);
	va_end(ap);
	return err;
}

static int PRINTF_LIKE(4, 5)
	tree_reader_fail(struct tree_reader *r, yaml_mark_t mark, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tree_fail_at(r->tree->name, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, r->diag,
		     err, fmt, ap);
	va_end(ap);
	return err;
}

static int tree_next(struct tree_reader *r)
{
	yaml_parser_t *p = &r->parser;

	yaml_event_delete(&r->event);
	if (yaml_parser_parse(p, &r->event))
		return 0;
	switch (p->error) {
	case YAML_MEMORY_ERROR:
		return diag_fail(r->diag, -ENOMEM, "parse", "no memory for %s", r->tree->name);
	case YAML_READER_ERROR:
		diag_fail(r->diag, -EINVAL, "parse", "not UTF-8 text: %s", p->problem);
		diag_at(r->diag, "%s: byte %zu", r->tree->name, p->problem_offset);
		return -EINVAL;
	default:
		return tree_reader_fail(r, p->problem_mark, -EINVAL, "not YAML: %s%s%s",
					p->problem ? p->problem : "syntax error",
					p->context ? " " : "", p->context ? p->context : "");
	}
}

static struct tree_node *tree_node_new(struct tree_reader *r, enum tree_kind kind)
{
	struct tree_node *node = tree_alloc(r->tree, sizeof(*node));

	if (!node) {
		diag_fail(r->diag, -ENOMEM, "parse", "no memory for %s", r->tree->name);
		return NULL;
	}
	node->kind = kind;
	node->line = (uint32_t)r->event.start_mark.line + 1;
	node->col = (uint32_t)r->event.start_mark.column + 1;
	return node;
}

static int tree_push(struct tree_reader *r, struct tree_node *node)
{
	if (r->n_stack == r->max_stack) {
		size_t max = r->max_stack ? 2 * r->max_stack : 64;
		struct tree_node **stack = reallocarray(r->stack, max, sizeof(*stack));

		if (!stack)
			return diag_fail(r->diag, -ENOMEM, "parse", "no memory for %s",
					 r->tree->name);
		r->stack = stack;
		r->max_stack = max;
	}
	r->stack[r->n_stack++] = node;
	return 0;
}

static int tree_key_cmp(const void *a, const void *b)
{
	const struct tree_node *x = *(struct tree_node *const *)a;
	const struct tree_node *y = *(struct tree_node *const *)b;
	int d = strcmp(x->text, y->text);

	if (d)
		return d;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->col < y->col ? -1 : x->col > y->col;
}

/* keys is scratch space and gets sorted. */
static int tree_check_duplicates(struct tree_reader *r, struct tree_node **keys, uint32_t n)
{
	qsort(keys, n, sizeof(*keys), tree_key_cmp);
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(keys[i - 1]->text, keys[i]->text))
			return tree_fail(r->tree, keys[i], r->diag, -EINVAL,
					 "'%s' is given twice, first in line %u", keys[i]->text,
					 keys[i - 1]->line);
	return 0;
}

/* Moves the children above `base` from the stack into the node. */
static int tree_take_children(struct tree_reader *r, struct tree_node *node, size_t base)
{
	size_t n = r->n_stack - base;
	struct tree_node **at = &r->stack[base];

	r->n_stack = base;
	if (!n)
		return 0;
	node->items = tree_alloc(r->tree, n * sizeof(*at));
	if (!node->items)
		return diag_fail(r->diag, -ENOMEM, "parse", "no memory for %s", r->tree->name);
	if (node->kind == TREE_LIST) {
		memcpy(node->items, at, n * sizeof(*at));
		node->n = (uint32_t)n;
		return 0;
	}
	n /= 2;
	node->keys = node->items + n;
	for (size_t i = 0; i < n; i++) {
		node->keys[i] = at[2 * i];
		node->items[i] = at[2 * i + 1];
	}
	node->n = (uint32_t)n;
	memcpy(at, node->keys, n * sizeof(*at));
	return tree_check_duplicates(r, at, node->n);
}

static int tree_scalar(struct tree_reader *r, struct tree_node **out)
{
	size_t len = r->event.data.scalar.length;
	const char *text = (const char *)r->event.data.scalar.value;
	struct tree_node *node;

	if (memchr(text, '\0', len))
		return tree_reader_fail(r, r->event.start_mark, -EINVAL,
					"a NUL character in a text");
	node = tree_node_new(r, TREE_SCALAR);
	if (!node)
		return -ENOMEM;
	node->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = tree_alloc(r->tree, len + 1);
	if (!node->text)
		return diag_fail(r->diag, -ENOMEM, "parse", "no memory for %s", r->tree->name);
	memcpy(node->text, text, len);
	*out = node;
	return 0;
}

/* Reads the node that the current event begins. */
static int tree_read_node(struct tree_reader *r, unsigned depth, struct tree_node **out)
{
	size_t base = r->n_stack;
	struct tree_node *node, *child;
	yaml_event_type_t end;
	int err;

	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		return tree_scalar(r, out);
	case YAML_SEQUENCE_START_EVENT:
		node = tree_node_new(r, TREE_LIST);
		end = YAML_SEQUENCE_END_EVENT;
		break;
	case YAML_MAPPING_START_EVENT:
		node = tree_node_new(r, TREE_MAP);
		end = YAML_MAPPING_END_EVENT;
		break;
	case YAML_ALIAS_EVENT:
		return tree_reader_fail(r, r->event.start_mark, -EINVAL,
					"aliases (*%s) are not allowed here",
					r->event.data.alias.anchor);
	default:
		return tree_reader_fail(r, r->event.start_mark, -EINVAL, "a value is missing");
	}
	if (!node)
		return -ENOMEM;
	if (depth >= TREE_MAX_DEPTH)
		return tree_reader_fail(r, r->event.start_mark, -E2BIG,
					"nested deeper than %d levels", TREE_MAX_DEPTH);
	while (!(err = tree_next(r)) && r->event.type != end) {
		bool is_key = node->kind == TREE_MAP && !((r->n_stack - base) & 1);

		if (is_key && r->event.type != YAML_SCALAR_EVENT)
			return tree_reader_fail(r, r->event.start_mark, -EINVAL,
						"a key must be plain text; a structured key goes "
						"into quotes");
		err = tree_read_node(r, depth + 1, &child);
		if (!err)
			err = tree_push(r, child);
		if (err)
			return err;
	}
	if (err)
		return err;
	*out = node;
	return tree_take_children(r, node, base);
}

static int tree_document(struct tree_reader *r, const struct tree_node **root)
{
	struct tree_node *node = NULL;
	int err = tree_next(r); /* stream start */

	if (!err)
		err = tree_next(r);
	if (err || r->event.type == YAML_STREAM_END_EVENT)
		return err;
	err = tree_next(r); /* behind the document's start */
	if (!err)
		err = tree_read_node(r, 0, &node);
	if (!err)
		err = tree_next(r); /* document end */
	if (!err)
		err = tree_next(r);
	if (!err && r->event.type != YAML_STREAM_END_EVENT)
		err = tree_reader_fail(r, r->event.start_mark, -EINVAL,
				       "a second document in the same text");
	if (!err && node->kind == TREE_SCALAR && !node->quoted && !node->text[0])
		node = NULL; /* only comments */
	*root = node;
	return err;
}

int tree_parse(const char *name, const char *text, size_t len, struct tree **out,
	       const struct tree_node **root, struct visor_diag *diag)
{
	struct tree_reader r = {.diag = diag};
	int err;

	*out = NULL;
	*root = NULL;
	if (len > TREE_MAX_BYTES)
		return diag_fail(diag, -EFBIG, "parse", "%s is larger than %d bytes", name,
				 TREE_MAX_BYTES);
	r.tree = calloc(1, sizeof(*r.tree));
	if (!r.tree || !(r.tree->name = strdup(name)) || !yaml_parser_initialize(&r.parser)) {
		tree_free(r.tree);
		return diag_fail(diag, -ENOMEM, "parse", "no memory for %s", name);
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	err = tree_document(&r, root);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	free(r.stack);
	if (err) {
		tree_free(r.tree);
		*root = NULL;
		return err;
	}
	*out = r.tree;
	return 0;
}

int tree_read(const char *path, struct tree **out, const struct tree_node **root,
	      struct visor_diag *diag)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len;
	int err = 0;

	*out = NULL;
	*root = NULL;
	if (!f) {
		err = diag_fail(diag, -errno, "parse", "cannot open the file");
		diag_at(diag, "%s", path);
		return err;
	}
	text = malloc(TREE_MAX_BYTES + 1);
	if (!text) {
		err = diag_fail(diag, -ENOMEM, "parse", "no memory for %s", path);
		goto out;
	}
	len = fread(text, 1, TREE_MAX_BYTES + 1, f);
	if (ferror(f)) {
		err = diag_fail(diag, -errno, "parse", "cannot read the file");
		diag_at(diag, "%s", path);
		goto out;
	}
	err = tree_parse(path, text, len, out, root, diag);
out:
	free(text);
	fclose(f);
	return err;
}

const struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
	for (uint32_t i = 0; map && map->kind == TREE_MAP && i < map->n; i++)
		if (!strcmp(map->keys[i]->text, key))
			return map->items[i];
	return NULL;
}

/*
 * Edits from a to b, ignoring case: insert, delete, replace, swap neighbours. Texts beyond
 * 63 bytes are cut. Three rows of the usual table are kept: row i is rows[i % 3].
 */
static unsigned tree_distance(const char *a, const char *b)
{
	uint8_t rows[3][64] = {0};
	size_t n = strnlen(b, 63), m = strnlen(a, 63);

	for (size_t j = 0; j <= n; j++)
		rows[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= m; i++) {
		uint8_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];
		int x = tolower((unsigned char)a[i - 1]);

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= n; j++) {
			int y = tolower((unsigned char)b[j - 1]);
			uint8_t d = (uint8_t)(up[j - 1] + (x != y));

			d = MIN(d, (uint8_t)(MIN(up[j], row[j - 1]) + 1));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				d = MIN(d, (uint8_t)(upper[j - 2] + 1));
			row[j] = d;
		}
	}
	return rows[m % 3][n];
}

void tree_guess_add(struct tree_guess *guess, const char *candidate)
{
	unsigned d = tree_distance(guess->wrong, candidate);

	if (!guess->best || d < guess->distance) {
		guess->best = candidate;
		guess->distance = d;
	}
}

void tree_guess_hint(const struct tree_guess *guess, struct visor_diag *diag)
{
	size_t len = strlen(guess->wrong);

	if (guess->best && guess->distance <= MAX((len + 1) / 3, (size_t)1))
		diag_hint(diag, "did you mean '%s'?", guess->best);
}
