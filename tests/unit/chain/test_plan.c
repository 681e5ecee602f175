/* SPDX-License-Identifier: BSD-2-Clause */
/* From descriptions and made-up modules to plans: names, joins, checks, rows, operations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/plan.h"

#define XDP CHAIN_HOOK_XDP
#define TC  CHAIN_HOOK_TC

static struct module_input one[] = {{"run", XDP}};
static struct module_input both[] = {{"run_xdp", XDP}, {"run_tc", TC}};
static struct module_input sides[] = {{"outside", XDP}, {"inside", XDP}};
static struct module_input only_tc[] = {{"cls", TC}};
static struct module_input parts[] = {{"main", XDP}, {"part", XDP}, {"trace", CHAIN_HOOK_AUTO}};
static struct module_output outs[] = {{"odd", 16}, {"even", 20}};

/* By the module's name in the file: its object does not exist. */
static const struct {
	const char *name;
	struct module module;
} models[] = {
	{"one", {.inputs = one, .n_inputs = 1}},
	{"both", {.inputs = both, .n_inputs = 2}},
	{"nat", {.inputs = sides, .n_inputs = 2, .outputs = outs, .n_outputs = 2}},
	{"fw", {.inputs = sides, .n_inputs = 2}},
	{"tc", {.inputs = only_tc, .n_inputs = 1}},
	{"parts", {.inputs = parts, .n_inputs = 3, .tail_calls = true}},
};

/* m0, m1, ... are all like `one`. */
static const struct module *model(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(models[i].name, name))
			return &models[i].module;
	return &models[0].module;
}

static unsigned warnings;
static char warning[800];

static void warn(void *user, const struct visor_diag *d)
{
	warnings++;
	snprintf(warning, sizeof(warning), "%s: %s", d->place, d->text);
}

static int plan_text(const char *yaml, struct plan **out, struct visor_diag *d)
{
	const struct module *modules[64];
	struct chain_desc *desc;
	int err;

	memset(d, 0, sizeof(*d));
	warnings = 0;
	if (chain_parse_text("c.yaml", yaml, strlen(yaml), &desc, d))
		fail_msg("%s: %s", d->place, d->text);
	assert_true(desc->n_modules <= ARRAY_SIZE(modules));
	for (uint32_t i = 0; i < desc->n_modules; i++)
		modules[i] = model(desc->modules[i].name);
	err = chain_plan(desc, modules, warn, NULL, out, d);
	chain_desc_free(desc);
	return err;
}

static struct plan *plan_ok(const char *yaml)
{
	struct visor_diag d;
	struct plan *p;

	if (plan_text(yaml, &p, &d))
		fail_msg("%s: %s", d.place, d.text);
	return p;
}

static const struct plan_output *join(const struct plan *p, int64_t input, uint32_t value)
{
	assert_true(input >= 0);
	for (uint32_t i = 0; i < p->inputs[input].n_outputs; i++)
		if (p->inputs[input].outputs[i].value == value)
			return &p->inputs[input].outputs[i];
	return NULL;
}

/* The example of the design: two directions through the same modules. */
static void two_directions(void **state)
{
	struct plan *p = plan_ok("ports:\n  wan: {pcap: a, null: }\n  lan: {pcap: b, null: }\n"
				 "modules: {one: , fw: , nat: }\n"
				 "links:\n  - wan -> one -> fw.outside -> nat.outside -> lan\n"
				 "  - lan -> nat.inside -> fw.inside -> wan\n");
	int64_t guard = plan_find_input(p, 0, 0), fw_out = plan_find_input(p, 1, 0),
		fw_in = plan_find_input(p, 1, 1), nat_out = plan_find_input(p, 2, 0),
		nat_in = plan_find_input(p, 2, 1);

	assert_int_equal(p->hook, XDP);
	assert_int_equal(p->n_inputs, 5);
	assert_int_equal(p->ports[0].ifindex, 1);
	assert_int_equal(p->ports[1].ifindex, 2);
	assert_int_equal(p->ports[0].entry, PLAN_TO_INPUT);
	assert_int_equal(p->ports[0].target, guard);
	assert_int_equal(p->ports[1].target, nat_in);
	assert_int_equal(join(p, guard, XDP_PASS)->target, fw_out);
	assert_int_equal(join(p, fw_out, XDP_PASS)->target, nat_out);
	assert_int_equal(join(p, nat_out, XDP_PASS)->to, STITCH_PORT);
	assert_int_equal(join(p, nat_out, XDP_PASS)->target, 1);
	assert_int_equal(join(p, nat_in, XDP_PASS)->target, fw_in);
	assert_int_equal(join(p, fw_in, XDP_PASS)->target, 0);
	assert_null(join(p, fw_in, XDP_DROP));
	/* Named outputs are there although nothing is linked to them. */
	assert_int_equal(join(p, nat_in, 16)->to, STITCH_RETURN);
	assert_int_equal(join(p, nat_in, 20)->row, 6);
	assert_int_equal(p->depth, 2);
	assert_int_equal(p->inputs[guard].n_rows, 8);
	assert_int_equal(p->inputs[nat_in].n_rows, 10);
	assert_int_equal(p->n_rows, 3 * 8 + 2 * 10);
	assert_int_equal(p->n_ops, 3 + 5 + 2 + 2);
	assert_int_equal(p->ops[0].kind, PLAN_LOAD);
	assert_int_equal(p->ops[p->n_ops - 1].kind, PLAN_ENTRY);
	assert_int_equal(warnings, 0);
	plan_free(p);
}

/* An arrow that names its input beats one that does not; other outputs; hooks; tail calls. */
static void joins(void **state)
{
	struct plan *p = plan_ok(
		"ports: {a: {generate: 1, ifindex: 2}, b: {null: }, c: {null: , ifindex: 1}}\n"
		"modules: {nat: , one: }\n"
		"links: [a -> nat.outside -> one, nat:drop -> nat.inside, nat.inside:pass -> b,\n"
		"  nat:odd -> b, nat.inside:drop -> c, one:tx -> b]\n");
	int64_t outside = plan_find_input(p, 0, 0), inside = plan_find_input(p, 0, 1);

	assert_int_equal(p->ports[1].ifindex, 3);
	assert_int_equal(join(p, outside, XDP_PASS)->target, plan_find_input(p, 1, 0));
	assert_int_equal(join(p, inside, XDP_PASS)->to, STITCH_PORT);
	assert_int_equal(join(p, outside, 16)->to, STITCH_PORT);
	assert_int_equal(join(p, inside, 16)->named, 0);
	assert_int_equal(join(p, outside, XDP_DROP)->target, inside);
	assert_int_equal(join(p, inside, XDP_DROP)->target, 2);
	assert_int_equal(p->inputs[inside].outputs[0].value, XDP_PASS);
	plan_free(p);
}

static void hooks(void **state)
{
	struct plan *p =
		plan_ok("ports: {a: {generate: 1}}\nmodules: {both: }\nlinks: [a -> both]\n");

	assert_int_equal(p->hook, XDP);
	assert_int_equal(p->inputs[0].input, 0);
	plan_free(p);
	p = plan_ok(
		"ports: {a: {generate: 1}}\nmodules: {both: , tc: }\nlinks: [a -> both -> tc]\n");
	assert_int_equal(p->hook, TC);
	assert_int_equal(p->inputs[0].input, 1);
	/* `next` says "no objection" as `pass` does. */
	assert_int_equal(join(p, 0, (uint32_t)TC_ACT_UNSPEC)->target, 1);
	assert_int_equal(join(p, 0, TC_ACT_OK)->target, 1);
	plan_free(p);
	p = plan_ok("ports: {a: {generate: 1}}\nmodules: {both: }\nlinks: [a -> both]\nhook: tc\n");
	assert_int_equal(p->inputs[0].input, 1);
	plan_free(p);
	p = plan_ok("ports: {a: {generate: 1}}\nmodules: {both: }\nlinks: [a -> both.run_tc]\n");
	assert_int_equal(p->hook, TC);
	plan_free(p);
}

static void inner_programs(void **state)
{
	struct plan *p = plan_ok("ports: {a: {generate: 1}, b: {null: }}\nmodules: {parts: }\n"
				 "links: [a -> parts.main -> b]\n");

	assert_int_equal(p->n_inputs, 2);
	assert_true(p->inputs[1].internal);
	assert_int_equal(join(p, 1, XDP_PASS)->to, STITCH_PORT);
	plan_free(p);
}

static void warns(void **state)
{
	struct plan *p =
		plan_ok("ports: {a: {generate: 1}}\nmodules: {fw: }\nlinks: [a -> fw.inside]\n");

	assert_int_equal(warnings, 1);
	assert_string_equal(warning, "c.yaml:2:11: program 'outside' of module 'fw' is not linked");
	plan_free(p);
}

#define PORTS "ports: {a: {generate: 1}, b: {null: }}\n"

static void errors(void **state)
{
	static const struct {
		const char *yaml, *place, *text, *hint;
	} cases[] = {
		{PORTS "modules: {one: }\nlinks: [a -> on -> b]\n", "c.yaml:3:14",
		 "there is no port or module 'on'", "did you mean 'one'?"},
		{PORTS "modules: {nat: }\nlinks: [a -> nat.insid -> b]\n", "c.yaml:3:14",
		 "module 'nat' has no program 'insid'", "did you mean 'inside'?"},
		{PORTS "modules: {nat: }\nlinks: [a -> nat -> b]\n", "c.yaml:3:14",
		 "module 'nat' has 2 xdp programs: name one", "one of: nat.outside, nat.inside"},
		{PORTS "modules: {one: }\nlinks: [a -> one:odd -> b]\n", "c.yaml:3:14",
		 "module 'one' has no output 'odd'", NULL},
		{PORTS "modules: {one: }\nlinks: [a -> one:dorp -> b]\n", "c.yaml:3:14",
		 "module 'one' has no output 'dorp'", "did you mean 'drop'?"},
		{PORTS "modules: {one: , tc: }\nlinks: [a -> one -> tc -> b]\n", "c.yaml:3:21",
		 "module 'tc' has no xdp program",
		 "a chain is for one hook (`hook: tc` if all can be): on a device of the kernel "
		 "engine, another chain, for tc, gets what this one passes"},
		{PORTS "modules: {one: , tc: }\nlinks: [a -> one -> tc.cls -> b]\n", "c.yaml:3:21",
		 "'cls' of module 'tc' is a tc program, the chain is for xdp",
		 "a chain is for one hook (`hook: tc` if all can be): on a device of the kernel "
		 "engine, another chain, for tc, gets what this one passes"},
		{PORTS "modules: {parts: }\nlinks: [a -> parts.trace -> b]\n", "c.yaml:3:14",
		 "'trace' of module 'parts' is neither an xdp nor a tc program", NULL},
		{PORTS "modules: {one: , nat: }\nlinks: [a -> one -> b, one -> nat.inside]\n",
		 "c.yaml:3:24", "this output of 'one.run' leads to two places, also in line 3",
		 NULL},
		{PORTS "modules: {one: }\nlinks: [a -> one -> b, a -> b]\n", "c.yaml:3:24",
		 "port 'a' leads to two places", NULL},
		{PORTS "modules: {one: }\nlinks: [b -> one -> b]\n", "c.yaml:3:9",
		 "no packets come from port 'b': it has no source", NULL},
		{PORTS "modules: {one: }\nlinks: [a -> one -> a]\n", "c.yaml:3:21",
		 "port 'a' cannot take packets: it has no sink", NULL},
		{PORTS "modules: {one: }\nlinks: [a -> one]\n", "c.yaml:1:27",
		 "port 'b' is linked to nothing", NULL},
		{"ports: {a: {generate: 1}, b: {device: x}}\nmodules: {one: }\nlinks: [a -> one]\n",
		 "c.yaml:1:27", "port 'b' is linked to nothing", NULL},
		{"ports: {a: {generate: 1}, b: {pcap: x}}\nmodules: {one: }\nlinks: [a -> one]\n",
		 "c.yaml:1:27", "the packets of port 'b' lead nowhere", NULL},
		{PORTS "modules: {one: , fw: }\nlinks: [a -> one -> b]\n", "c.yaml:2:18",
		 "module 'fw' is reached from no port", NULL},
		{PORTS "modules: {one: , fw: }\nlinks: [a -> one -> b, fw.inside -> fw.outside]\n",
		 "c.yaml:3:24", "nothing leads to 'fw.inside'", NULL},
		{PORTS "modules: {one: , m1: , m2: }\nlinks: [a -> one -> b, m1 -> m2, m2 -> m1]\n",
		 "c.yaml:2:18", "module 'm1' is reached from no port", NULL},
		{PORTS "modules: {one: }\nlinks: [a -> one -> b, a.x -> one]\n", "c.yaml:3:24",
		 "'a' is a port: it has no inputs and outputs", NULL},
		{PORTS
		 "modules: {m0: , m1: , m2: }\nlinks: [a -> m0 -> m1 -> m2 -> m1, m2:tx -> b]\n",
		 "c.yaml:3:32", "the links form a circle: m1.run -> m2.run -> m1.run", NULL},
		{PORTS "modules: {m0: }\nlinks: [a -> m0 -> m0, m0:drop -> b]\n", "c.yaml:3:20",
		 "the links form a circle: m0.run -> m0.run", NULL},
		{"ports: {a: {generate: 1, ifindex: 3}, b: {null: , ifindex: 3}}\nlinks: [a -> "
		 "b]\n",
		 "c.yaml:1:39", "ports 'a' and 'b' have the same ifindex", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct visor_diag d;
		struct plan *p;

		if (!plan_text(cases[i].yaml, &p, &d))
			fail_msg("accepted: %s", cases[i].yaml);
		assert_null(p);
		assert_string_equal(d.text, cases[i].text);
		assert_string_equal(d.place, cases[i].place);
		if (cases[i].hint)
			assert_string_equal(d.hint, cases[i].hint);
	}
}

/* n modules in a row. */
static int row_of(unsigned n, struct plan **out, struct visor_diag *d)
{
	char yaml[4096] = PORTS "modules: {", links[1024] = "a";

	for (unsigned i = 0; i < n; i++) {
		snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "m%u: , ", i);
		snprintf(links + strlen(links), sizeof(links) - strlen(links), " -> m%u", i);
	}
	snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "}\nlinks:\n - %s -> b\n",
		 links);
	return plan_text(yaml, out, d);
}

static void longest_path(void **state)
{
	struct visor_diag d;
	struct plan *p;

	assert_int_equal(row_of(34, &p, &d), 0);
	assert_int_equal(p->depth, 33);
	plan_free(p);
	assert_int_equal(row_of(36, &p, &d), -EINVAL);
	assert_string_equal(d.place, "c.yaml:1:9");
	assert_non_null(strstr(d.text,
			       "the longest path from port 'a' has 35 tail calls, a packet can "
			       "make 33: m0.run -> m1.run -> "));
	assert_string_equal(d.hint, "shorten the path by 2 modules");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_directions), cmocka_unit_test(joins), cmocka_unit_test(hooks),
		cmocka_unit_test(inner_programs), cmocka_unit_test(warns), cmocka_unit_test(errors),
		cmocka_unit_test(longest_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
