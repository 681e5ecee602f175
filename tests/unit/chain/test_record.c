/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records: what is written is read again as it was, whatever its texts hold; what somebody else
 * wrote is refused where it does not hold together, with the place.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/record.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct visor_diag d;

static char hard[] = "a: \"b\\c\" # \xc3\xa4 \t'%s'\r\n--- {x: [1, 2\x7f\x01\n\n  ";

static struct record_output outputs[] = {
	{(char *)"pass", false, 2, 2, STITCH_SLOT, 1},
	{(char *)"odd", true, 16, 5, STITCH_PORT, 1},
	{(char *)"even", true, 20, 6, STITCH_RETURN, 0},
};
static struct record_module modules[] = {
	{.name = (char *)"fw", .object = (char *)"./fw.o", .maps = A, .content = B},
	{.name = (char *)"acl-2",
	 .object = (char *)"acl",
	 .swapped = (char *)"/mo\"d/acl.o",
	 .tap = (char *)"nat.out\\side:\"drop\"",
	 .maps = B,
	 .content = A},
};
static struct record_input inputs[] = {
	{0, (char *)"outside", A, false, RECORD_NO_SLOT, 0, 10, outputs, 3},
	{1, (char *)"main", B, false, 3, 10, 8, NULL, 0},
	{1, (char *)"part", B, true, RECORD_NO_SLOT, 18, 8, NULL, 0},
};
static struct record_port ports[] = {
	{(char *)"wan", (char *)"veth0", (char *)"native", A, 7, 0, 30, PLAN_TO_INPUT, 0},
	{(char *)"lan", (char *)"", (char *)"auto", B, 0, RECORD_NO_SLOT, 32, PLAN_NOWHERE, 0},
	{(char *)"dmz", (char *)"veth2", (char *)"auto", B, 9, 2, 62, PLAN_TO_PORT, 1},
};
static struct record_write writes[] = {{0, 0, 4294967295}, {3, 17, 18}};
static const struct record full = {
	.generation = 12,
	.engine = CHAIN_KERNEL,
	.hook = CHAIN_HOOK_XDP,
	.file = (char *)"/etc/a \"chain\".yaml",
	.text = hard,
	.tapper = 4711,
	.n_cpus = 4,
	.max_rows = 64,
	.max_slots = 16,
	.modules = modules,
	.n_modules = 2,
	.inputs = inputs,
	.n_inputs = 3,
	.ports = ports,
	.n_ports = 3,
	.writes = writes,
	.n_writes = 2,
};

static char *text_of(const struct record *r)
{
	char *text;
	size_t len;

	assert_int_equal(record_format(r, &text, &len), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static struct record *read_again(const char *text)
{
	struct record *r;
	int err = record_parse("r", text, strlen(text), &r, &d);

	if (err)
		fail_msg("%s: %s\n%s", d.place, d.text, text);
	return r;
}

static void same_outputs(const struct record_input *a, const struct record_input *b)
{
	assert_int_equal(a->n_outputs, b->n_outputs);
	for (uint32_t i = 0; i < a->n_outputs; i++) {
		assert_string_equal(a->outputs[i].name, b->outputs[i].name);
		assert_int_equal(a->outputs[i].named, b->outputs[i].named);
		assert_int_equal(a->outputs[i].value, b->outputs[i].value);
		assert_int_equal(a->outputs[i].row, b->outputs[i].row);
		assert_int_equal(a->outputs[i].to, b->outputs[i].to);
		assert_int_equal(a->outputs[i].target, b->outputs[i].target);
	}
}

static void round_trip(void **state)
{
	char *text = text_of(&full), *again;
	struct record *r = read_again(text);

	assert_int_equal(r->generation, 12);
	assert_int_equal(r->engine, CHAIN_KERNEL);
	assert_int_equal(r->hook, CHAIN_HOOK_XDP);
	assert_string_equal(r->file, full.file);
	assert_string_equal(r->text, hard);
	assert_int_equal(r->n_cpus, 4);
	assert_int_equal(r->max_rows, 64);
	assert_int_equal(r->max_slots, 16);
	assert_int_equal(r->n_modules, 2);
	assert_int_equal(r->tapper, 4711);
	assert_null(r->modules[0].swapped);
	assert_null(r->modules[0].tap);
	assert_string_equal(r->modules[1].tap, modules[1].tap);
	assert_string_equal(r->modules[1].swapped, modules[1].swapped);
	assert_string_equal(r->modules[1].maps, B);
	assert_string_equal(r->modules[1].content, A);
	assert_int_equal(r->n_inputs, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(r->inputs[i].module, inputs[i].module);
		assert_string_equal(r->inputs[i].program, inputs[i].program);
		assert_string_equal(r->inputs[i].content, inputs[i].content);
		assert_int_equal(r->inputs[i].internal, inputs[i].internal);
		assert_int_equal(r->inputs[i].slot, inputs[i].slot);
		assert_int_equal(r->inputs[i].row, inputs[i].row);
		assert_int_equal(r->inputs[i].n_rows, inputs[i].n_rows);
		same_outputs(&r->inputs[i], &inputs[i]);
	}
	assert_int_equal(r->n_ports, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_string_equal(r->ports[i].name, ports[i].name);
		assert_string_equal(r->ports[i].device, ports[i].device);
		assert_string_equal(r->ports[i].how, ports[i].how);
		assert_string_equal(r->ports[i].config, ports[i].config);
		assert_int_equal(r->ports[i].ifindex, ports[i].ifindex);
		assert_int_equal(r->ports[i].slot, ports[i].slot);
		assert_int_equal(r->ports[i].row, ports[i].row);
		assert_int_equal(r->ports[i].entry, ports[i].entry);
		assert_int_equal(r->ports[i].target, ports[i].target);
	}
	assert_int_equal(r->n_writes, 2);
	assert_memory_equal(r->writes, writes, sizeof(writes));
	assert_int_equal(record_find_input(r, "acl-2", "part"), 2);
	assert_int_equal(record_find_input(r, "fw", "part"), -1);
	assert_int_equal(record_find_module(r, "acl-2"), 1);
	assert_int_equal(record_find_port(r, "dmz"), 2);
	assert_int_equal(record_find_port(r, "dm"), -1);
	again = text_of(r);
	assert_string_equal(again, text);
	free(again);
	free(text);
	record_free(r);
}

static void empty(void **state)
{
	struct record none = {.generation = 1,
			      .hook = CHAIN_HOOK_TC,
			      .file = (char *)"",
			      .text = (char *)"",
			      .n_cpus = 1,
			      .max_rows = 2,
			      .max_slots = 1};
	char *text = text_of(&none);
	struct record *r = read_again(text);

	assert_int_equal(r->n_inputs + r->n_ports + r->n_modules + r->n_writes, 0);
	assert_string_equal(r->text, "");
	record_free(r);
	free(text);
}

/* The text with the first `what` replaced. */
static char *with(const char *text, const char *what, const char *by)
{
	const char *at = strstr(text, what);
	char *out;

	if (!at)
		fail_msg("no '%s' in the record", what);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, by, at + strlen(what)) > 0);
	return out;
}

static void hostile(void **state)
{
	static const char *const changes[][3] = {
		/* what, by what, and a word of the message */
		{"visor: 2", "visor: 3", "visor"},
		{"visor: 2", "visor: 0", "version"},
		{"generation: 12", "generation: -1", "generation"},
		{"generation: 12", "generation: 4294967296", "generation"},
		{"generation: 12", "generation: 99999999999999999999999999", "generation"},
		{"generation: 12", "generation: 1x", "generation"},
		{"generation: 12", "generation: [1]", "generation"},
		{"generation: 12", "", "generation"},
		{"engine: kernel", "engine: moon", "engine"},
		{"hook: xdp", "hook: auto", "hook"},
		{"cpus: 4", "cpus: 0", "cpus"},
		{"cpus: 4", "cpus: 3", "cpus"},
		{"cpus: 4", "cpus: 131072", "cpus"},
		{"max_rows: 64", "max_rows: 8", "row"},
		{"max_rows: 64", "max_rows: 1", "max_rows"},
		{"max_rows: 64", "max_rows: 0", "max_rows"},
		{"max_rows: 64", "max_rows: 4294967295", "max_rows"},
		{"max_slots: 16", "max_slots: 0", "max_slots"},
		{"max_slots: 16", "max_slots: 3", "slot"},
		{"max_slots: 16", "max_slots: 1048577", "max_slots"},
		{"module: 0", "module: 2", "module"},
		{"module: 0", "module: 4294967295", "module"},
		{"internal: 0", "internal: 2", "internal"},
		{"slot: 3", "slot: 16", "slot"},
		{"slot: 3", "slot: 4294967294", "slot"},
		{"rows: 10", "rows: 7", "rows"},
		{"rows: 10", "rows: 65", "rows"},
		{"row: 10, rows: 8", "row: 57, rows: 8", "row"},
		{"row: 10, rows: 8", "row: 4294967290, rows: 8", "row"},
		{"row: 2, to", "row: 10, to", "row"},
		{"to: input, target: 1", "to: input, target: 3", "target"},
		{"to: port, target: 1", "to: port, target: 3", "target"},
		{"to: return, target: 0", "to: return, target: 1", "target"},
		{"to: return", "to: moon", "to"},
		{"row: 62", "row: 63", "row"},
		{"ifindex: 7", "ifindex: 2147483648", "ifindex"},
		{"entry: input, target: 0", "entry: input, target: 3", "target"},
		{"entry: port, target: 1", "entry: port, target: 3", "target"},
		{"- {slot: 3, before: 17", "- {slot: 16, before: 17", "slot"},
		{"- {slot: 3, before: 17", "- {slot: 3, before: 4294967296", "before"},
		{"- {slot: 3, before: 17, after: 18}", "- 3", "slot"},
		{"content: " A, "content: aaaa", "content"},
		{"content: " A, "content: A" A, "content"},
		{"name: \"acl-2\"", "name: \"fw\"", "twice"},
		{"name: \"dmz\"", "name: \"wan\"", "twice"},
		{"program: \"part\"", "program: \"main\"", "twice"},
		{"name: \"acl-2\"", "name: \"\"", "name"},
		{"name: \"acl-2\"", "name: \"a/b\"", "name"},
		{"name: \"dmz\"", "name: \"../../x\"", "name"},
		{"program: \"part\"", "program: \"../x\"", "program"},
		{"modules:\n", "modules: 3\nmodule:\n", "modules"},
		{"text: \"", "other: \"", "text"},
		{"file: ", "file: &a {a: *a}\nx: ", ""},
		{"ports:\n", "ports: {}\nport:\n", "ports"},
	};
	char *text = text_of(&full);

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		char *bad = with(text, changes[i][0], changes[i][1]);
		struct record *r = (void *)1;

		memset(&d, 0, sizeof(d));
		if (!record_parse("r", bad, strlen(bad), &r, &d))
			fail_msg("'%s' as '%s' was taken", changes[i][0], changes[i][1]);
		assert_null(r);
		assert_true(d.err < 0 && d.text[0] && d.place[0] == 'r');
		if (!strstr(d.text, changes[i][2]))
			fail_msg("'%s': %s: %s", changes[i][1], d.place, d.text);
		free(bad);
	}
	free(text);
}

/* Cut anywhere: refused, or the same but for the chain file's text, which stands last. */
static void truncated(void **state)
{
	char *text = text_of(&full);
	size_t len = strlen(text);

	for (size_t n = 0; n < len; n++) {
		char *copy = malloc(n + 1); /* of exactly that size: reading on is seen */
		struct record *r;

		assert_non_null(copy);
		memcpy(copy, text, n);
		copy[n] = '\0';
		memset(&d, 0, sizeof(d));
		if (!record_parse("r", copy, n, &r, &d)) {
			assert_true(n == len - 1 || !r->text[0]);
			assert_int_equal(r->n_writes, 2);
			record_free(r);
		} else {
			assert_true(d.err < 0 && d.text[0]);
		}
		free(copy);
	}
	free(text);
}

static void large(void **state)
{
	struct record r = full;
	char *text, *name = malloc(100);

	assert_non_null(name);
	r.n_writes = 70000;
	r.writes = calloc(r.n_writes, sizeof(*r.writes));
	assert_non_null(r.writes);
	text = text_of(&r);
	assert_true(record_parse("r", text, strlen(text), (struct record *[]){NULL}, &d) < 0);
	assert_true(d.text[0]);
	free(text);
	free(r.writes);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(empty), cmocka_unit_test(hostile),
		cmocka_unit_test(truncated),  cmocka_unit_test(large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
