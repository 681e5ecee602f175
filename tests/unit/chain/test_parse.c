/* SPDX-License-Identifier: BSD-2-Clause */
/* Chain files: what they mean, and what is said, and where, about those that are wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/chain.h"

static void whole_file(void **state)
{
	const char *text = "# two ways\n"
			   "ports:\n"
			   "  wan: {pcap: in.pcap, loop: 3, pcap_out: /tmp/out.pcap}\n"
			   "  lan: {generate: 10, size: 100, null: }\n"
			   "modules:\n"
			   "  fw: {object: firewall.o, config: {default_action: drop}}\n"
			   "  nat: {object: nat, maps: {pool: [1, 2]}}\n"
			   "  count:\n"
			   "links:\n"
			   "  - wan -> fw.outside -> nat.outside:pass -> lan\n"
			   "  - 'lan->nat.inside'\n"
			   "  - fw:odd -> count.in\n"
			   "hook: tc\n"
			   "engine: user\n";
	struct chain_desc *d;
	struct visor_diag diag = {0};

	if (chain_parse_text("etc/c.yaml", text, strlen(text), &d, &diag))
		fail_msg("%s: %s", diag.place, diag.text);
	assert_int_equal(d->n_ports, 2);
	assert_string_equal(d->ports[0].name, "wan");
	assert_string_equal(d->ports[0].config.path_in, "etc/in.pcap");
	assert_string_equal(d->ports[0].config.path_out, "/tmp/out.pcap");
	assert_int_equal(d->ports[0].config.loop, 3);
	assert_int_equal(d->ports[1].config.size, 100);
	assert_non_null(d->ports[1].config.sink);
	assert_int_equal(d->n_modules, 3);
	assert_string_equal(d->modules[0].object, "etc/firewall.o");
	assert_string_equal(d->modules[1].object, "nat");
	assert_string_equal(d->modules[2].object, "count");
	assert_non_null(tree_get(d->modules[0].config, "default_action"));
	assert_int_equal(tree_get(d->modules[1].maps, "pool")->n, 2);
	assert_int_equal(d->modules[1].pos.line, 7);
	assert_int_equal(d->n_links, 5);
	assert_string_equal(d->links[1].from.node, "fw");
	assert_string_equal(d->links[1].from.input, "outside");
	assert_null(d->links[1].from.output);
	assert_string_equal(d->links[2].from.output, "pass");
	assert_string_equal(d->links[2].to.node, "lan");
	assert_int_equal(d->links[2].from.pos.line, 10);
	assert_int_equal(d->links[2].from.pos.col, 26);
	assert_string_equal(d->links[3].to.input, "inside");
	assert_int_equal(d->links[3].to.pos.col, 11);
	assert_string_equal(d->links[4].from.output, "odd");
	assert_int_equal(d->hook, CHAIN_HOOK_TC);
	assert_int_equal(d->engine, CHAIN_USER);
	chain_desc_free(d);
}

static void errors(void **state)
{
	static const struct {
		const char *yaml, *place, *text, *hint;
	} cases[] = {
		{"", "c.yaml", "the chain file is empty", ""},
		{"a", "c.yaml:1:1", "a chain file is a mapping: {key: value, ...}", ""},
		{"ports: {}\n", "c.yaml:1:1", "the chain has no links",
		 "links: [in -> module -> out]"},
		{"prots: {}\n", "c.yaml:1:1", "unknown key 'prots' in a chain file",
		 "did you mean 'ports'?"},
		{"ports: [a]\n", "c.yaml:1:8", "ports is a mapping: {NAME: {pcap: FILE}, ...}", ""},
		{"ports:\n  a: {pcap: x, lop: 3}\n", "c.yaml:2:16",
		 "unknown option 'lop' of a port", NULL},
		{"ports:\n  a: {loop: 3}\n", "c.yaml:2:7", "option 'loop' belongs to 'pcap'", ""},
		{"ports:\n  a: {loop: 0, pcap: x}\n", "c.yaml:2:7",
		 "loop: 0 is not in 1..18446744073709551615", ""},
		{"ports:\n  a: {pcap: [x]}\n", "c.yaml:2:13",
		 "the value of 'pcap' is a text or a number", ""},
		{"ports:\n  a: {}\n", "c.yaml:2:3", "port 'a' is of no kind", NULL},
		{"ports:\n  a: tape\n", "c.yaml:2:6", "'tape' is not a kind of port", ""},
		{"ports:\n  a: {pcap: x, generate: 1}\n", "c.yaml:2:16",
		 "'pcap' and 'generate': a port has one source", ""},
		{"ports:\n  1a: {pcap: x}\n", "c.yaml:2:3", "'1a' is not a name", NULL},
		{"ports:\n  a: {pcap: x}\n  a: {pcap: y}\n", "c.yaml:3:3",
		 "'a' is given twice, first in line 2", ""},
		{"ports: {a: {pcap: x}}\nmodules:\n  a: {object: y}\n", "c.yaml:3:3",
		 "there is a port 'a' already, in line 1", ""},
		{"modules:\n  a: {objekt: y}\n", "c.yaml:2:7", "unknown key 'objekt' in a module",
		 "did you mean 'object'?"},
		{"modules:\n  a: {object: [y]}\n", "c.yaml:2:15",
		 "object is the name of a file or of a module", ""},
		{"modules:\n  a: {config: [y]}\n", "c.yaml:2:15",
		 "config is a mapping: {NAME: VALUE, ...}", ""},
		{"modules:\n  a: [y]\n", "c.yaml:2:6", "a module is a mapping: {key: value, ...}",
		 ""},
		{"links: a -> b\n", "c.yaml:1:8", "links is a list, each line of it `- a -> b`",
		 ""},
		{"links:\n  - a: b\n", "c.yaml:2:5", "a link is a text: a -> b",
		 "without a space behind the colon: a:output -> b.input"},
		{"links:\n  - a\n", "c.yaml:2:5", "a link has two ends: a -> ...", ""},
		{"links:\n  - a -> \n", "c.yaml:2:9", "a name is missing", NULL},
		{"links:\n  - a ->-> b\n", "c.yaml:2:9", "a name is missing", NULL},
		{"links:\n  - a -> b.c.d\n", "c.yaml:2:10", "'c.d' is not a name", NULL},
		{"links:\n  - a -> b -> b!\n", "c.yaml:2:15", "'b!' is not a name", NULL},
		{"links:\n  - a -> b:out\n", "c.yaml:2:10", "output 'out' leads nowhere", ""},
		{"links:\n  - a: -> b\n", "c.yaml:2:5", "a link is a text: a -> b", NULL},
		{"engine: fast\n", "c.yaml:1:9", "engine is user or kernel", ""},
		{"hook: [xdp]\n", "c.yaml:1:7", "hook is xdp or tc", ""},
		{"links: [a -> b\n", "c.yaml:2:1", NULL, NULL},
		{"links: &x [*x]\n", "c.yaml:1:12", "aliases (*x) are not allowed here", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct visor_diag d = {0};
		struct chain_desc *desc;
		int err =
			chain_parse_text("c.yaml", cases[i].yaml, strlen(cases[i].yaml), &desc, &d);

		if (!err)
			fail_msg("accepted: %s", cases[i].yaml);
		assert_null(desc);
		assert_int_equal(d.err, err);
		assert_string_equal(d.place, cases[i].place);
		if (cases[i].text)
			assert_string_equal(d.text, cases[i].text);
		if (cases[i].hint)
			assert_string_equal(d.hint, cases[i].hint);
	}
}

static void short_form(void **state)
{
	struct chain_single what = {
		.object = "/a/b-c.bpf.o", .program = "p", .input = "x", .output = "y"};
	struct chain_desc *d;

	assert_int_equal(chain_single(&what, &d, NULL), 0);
	assert_string_equal(d->modules[0].name, "b_c");
	assert_int_equal(d->n_links, 2);
	assert_string_equal(d->links[0].to.input, "p");
	assert_string_equal(d->ports[1].config.path_out, "y");
	chain_desc_free(d);
	what.object = "in.o";
	what.output = NULL;
	assert_int_equal(chain_single(&what, &d, NULL), 0);
	assert_string_equal(d->modules[0].name, "module");
	assert_int_equal(d->n_links, 1);
	chain_desc_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file),
		cmocka_unit_test(errors),
		cmocka_unit_test(short_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
