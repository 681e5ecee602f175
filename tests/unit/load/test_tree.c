/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML becomes a tree whose nodes know their places; what is beyond the limits is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "load/tree.h"

static void reads_a_tree(void **state)
{
	const char *text = "# comment\nports:\n  wan: {pcap: 'a b.pcap', loop: 3}\nlinks:\n"
			   "  - a -> b\n  - \"c\"\n";
	const struct tree_node *root, *wan, *links;
	struct visor_diag d = {0};
	struct tree *tree;

	assert_int_equal(tree_parse("x.yaml", text, strlen(text), &tree, &root, &d), 0);
	assert_int_equal(root->kind, TREE_MAP);
	assert_int_equal(root->n, 2);
	wan = tree_get(tree_get(root, "ports"), "wan");
	assert_non_null(wan);
	assert_int_equal(wan->line, 3);
	assert_int_equal(wan->col, 8);
	assert_string_equal(tree_get(wan, "pcap")->text, "a b.pcap");
	assert_true(tree_get(wan, "pcap")->quoted);
	assert_false(tree_get(wan, "loop")->quoted);
	links = tree_get(root, "links");
	assert_int_equal(links->kind, TREE_LIST);
	assert_int_equal(links->n, 2);
	assert_string_equal(links->items[0]->text, "a -> b");
	assert_null(tree_get(root, "modules"));
	assert_int_equal(tree_fail(tree, wan, &d, -EINVAL, "bad \033[31m"), -EINVAL);
	assert_string_equal(d.place, "x.yaml:3:8");
	assert_string_equal(d.text, "bad ?[31m");
	tree_free(tree);
}

static void empty_documents(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "---\n", "\n\n"};
	const struct tree_node *root;
	struct tree *tree;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(tree_parse("x", texts[i], strlen(texts[i]), &tree, &root, NULL),
				 0);
		assert_null(root);
		tree_free(tree);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *place, *message;
		int err;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", "x.yaml:3:1", "'a' is given twice, first in line 1",
		 -EINVAL},
		{"a: &x 1\nb: *x\n", "x.yaml:2:4", "aliases (*x) are not allowed here", -EINVAL},
		{"a: [1, 2\n", "x.yaml:2:1", NULL, -EINVAL},
		{"{[1]: 2}", "x.yaml:1:2", NULL, -EINVAL},
		{"a: \"x\\0y\"", "x.yaml:1:4", "a NUL character in a text", -EINVAL},
		{"a: 1\n---\nb: 2\n", "x.yaml:2:1", "a second document in the same text", -EINVAL},
		{"a: \t@x", "x.yaml:1:5", NULL, -EINVAL},
		{"a: \xff\xfe\n", "x.yaml: byte 3", NULL, -EINVAL},
	};
	const struct tree_node *root;
	struct tree *tree;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct visor_diag d = {0};
		int err = tree_parse("x.yaml", cases[i].text, strlen(cases[i].text), &tree, &root,
				     &d);

		assert_int_equal(err, cases[i].err);
		assert_int_equal(d.err, err);
		assert_string_equal(d.place, cases[i].place);
		if (cases[i].message)
			assert_string_equal(d.text, cases[i].message);
	}
}

static void limits(void **state)
{
	char *big = malloc(TREE_MAX_BYTES + 1);
	const struct tree_node *root;
	struct visor_diag d;
	struct tree *tree;

	memset(big, '[', TREE_MAX_BYTES + 1);
	assert_int_equal(tree_parse("x", big, TREE_MAX_BYTES + 1, &tree, &root, &d), -EFBIG);
	assert_int_equal(tree_parse("x", big, TREE_MAX_DEPTH + 1, &tree, &root, &d), -E2BIG);
	assert_string_equal(d.text, "nested deeper than 32 levels");
	free(big);
	assert_int_equal(tree_read("/nonexistent/x.yaml", &tree, &root, &d), -ENOENT);
	assert_string_equal(d.place, "/nonexistent/x.yaml");
}

static void guesses(void **state)
{
	struct tree_guess g = {.wrong = "prots"};
	struct visor_diag d = {0};

	tree_guess_add(&g, "modules");
	tree_guess_add(&g, "ports");
	tree_guess_add(&g, "links");
	tree_guess_hint(&g, &d);
	assert_string_equal(d.hint, "did you mean 'ports'?");
	g = (struct tree_guess){.wrong = "colour"};
	d.hint[0] = '\0';
	tree_guess_add(&g, "ports");
	tree_guess_hint(&g, &d);
	assert_string_equal(d.hint, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_tree), cmocka_unit_test(empty_documents),
		cmocka_unit_test(refuses),	cmocka_unit_test(limits),
		cmocka_unit_test(guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
