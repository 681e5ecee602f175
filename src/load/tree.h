/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/tree.h - YAML text as a tree of nodes that know their line and column.
 *
 * Used for chain files and, since its flow notation is what people type for structured
 * values (`{protocol: tcp, port: 23}`), for typed values on the command line. The text is
 * hostile: its size, depth and number of nodes are limited, and aliases are refused, so a
 * tree is never larger than a constant times the text. The tree owns copies of everything
 * and is immutable; the caller frees it as a whole.
 */
#ifndef LOAD_TREE_H
#define LOAD_TREE_H

#include "base/diag.h"

#define TREE_MAX_BYTES (1 << 20)
#define TREE_MAX_DEPTH 32

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
	enum tree_kind kind;
	bool quoted;		  /* scalar: was in quotes */
	uint32_t line, col;	  /* from 1 */
	char *text;		  /* scalar: NUL-terminated, contains no other NUL */
	uint32_t n;		  /* list: children; map: pairs */
	struct tree_node **keys;  /* map: scalars */
	struct tree_node **items; /* list: children; map: values */
};

struct tree; /* owns all nodes of one text */

/*
 * Parses one document. `name` is the file's name for diagnostics, whose place becomes
 * "name:line:col". Duplicate keys of a mapping are refused. *root borrows from the tree;
 * NULL for an empty document.
 */
int tree_parse(const char *name, const char *text, size_t len, struct tree **out,
	       const struct tree_node **root, struct visor_diag *diag);
int tree_read(const char *path, struct tree **out, const struct tree_node **root,
	      struct visor_diag *diag);
void tree_free(struct tree *tree);

/* diag_fail with the node's place. `tree` may be NULL: no place. */
int tree_fail(const struct tree *tree, const struct tree_node *node, struct visor_diag *diag,
	      int err, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The value of a key in a mapping, or NULL. */
const struct tree_node *tree_get(const struct tree_node *map, const char *key);

/* Of n names given one by one, the one nearest to `wrong`: for "did you mean". */
struct tree_guess {
	const char *wrong, *best;
	unsigned distance;
};
void tree_guess_add(struct tree_guess *guess, const char *candidate);
/* Sets the hint if something near enough was added. */
void tree_guess_hint(const struct tree_guess *guess, struct visor_diag *diag);

#endif
