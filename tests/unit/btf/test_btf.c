/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects, look-ups, split BTF, targets, and what differentials with the kernel cannot reach. */
#include "btf/btf.h"
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct build b, m;

static const struct btf *made(struct build *build, const struct btf *base, enum btf_origin origin)
{
	struct visor_diag diag = {0};
	struct btf *btf;

	build_done(build);
	if (btf_new(build->data, build->size, base, "name", origin, &btf, &diag))
		fail_msg("%s", diag.text);
	return btf;
}

/* ---- look-ups ----------------------------------------------------------------------------------
 */

static void names(void **state)
{
	const struct btf *btf;
	uint32_t i, s, u, v;
	uint32_t kind, id;

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	s = build_struct(&b, "x", 4);
	build_member(&b, "a", i, 0);
	u = build_type(&b, BTF_KIND_UNION, "x", 4);
	v = build_struct(&b, "x", 8);
	id = build_type(&b, BTF_KIND_CONST, "", v);
	id = build_type(&b, BTF_KIND_TYPEDEF, "x_t", id);
	btf = made(&b, NULL, BTF_LOADED);
	assert_int_equal(btf->n_types, b.n);
	assert_int_equal(btf_find(btf, "int", BTF_KIND_INT), i);
	assert_int_equal(btf_find(btf, "int", BTF_KIND_STRUCT), 0);
	assert_int_equal(btf_find(btf, "x", BTF_KIND_STRUCT), s);
	assert_int_equal(btf_find_next(btf, "x", BTF_KIND_STRUCT, s), v);
	assert_int_equal(btf_find_next(btf, "x", BTF_KIND_STRUCT, v), 0);
	assert_int_equal(btf_find(btf, "x", BTF_KIND_UNION), u);
	assert_int_equal(btf_find_next(btf, "x", BTF_KIND_UNKN, s), u);
	assert_int_equal(btf_find(btf, "", BTF_KIND_UNKN), 0);
	assert_int_equal(btf_size(btf, id, &kind), 8);
	assert_int_equal(kind, BTF_KIND_STRUCT);
	assert_ptr_equal(btf_skip_mods(btf, id, &id), btf_type(btf, v));
	assert_int_equal(id, v);
	assert_null(btf_type(btf, 0));
	assert_null(btf_type(btf, b.n + 1));
	assert_int_equal(btf_type_kind(btf_type_by_id(btf, 0)), BTF_KIND_UNKN);
	assert_string_equal(btf_str(btf, 0xffffff), "");
	assert_string_equal(btf_name(btf, 99), "");
	btf_unref(btf);
}

static void decl_tags(void **state)
{
	const struct btf *btf;
	const char *text;
	uint32_t i, s, first, second;

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	s = build_struct(&b, "x", 8);
	build_member(&b, "a", i, 0);
	build_member(&b, "b", i, 32);
	first = build_tag(&b, "arg:one", s, 1);
	build_tag(&b, "other", s, 1);
	build_tag(&b, "arg:none", s, 0);
	second = build_tag(&b, "arg:two", s, 1);
	build_tag(&b, "whole", s, -1);
	btf = made(&b, NULL, BTF_LOADED);
	assert_int_equal(btf_tag_next(btf, s, 1, "arg:", 0, &text), first);
	assert_string_equal(text, "one");
	assert_int_equal(btf_tag_next(btf, s, 1, "arg:", first, &text), second);
	assert_string_equal(text, "two");
	assert_int_equal(btf_tag_next(btf, s, 1, "arg:", second, &text), 0);
	assert_int_equal(btf_tag_get(btf, s, 1, "arg:", &text), -EEXIST);
	assert_int_equal(btf_tag_get(btf, s, 0, "arg:", &text), 0);
	assert_string_equal(text, "none");
	assert_int_equal(btf_tag_get(btf, i, 0, "arg:", &text), -ENOENT);
	assert_true(btf_tag_has(btf, s, -1, "whole"));
	assert_false(btf_tag_has(btf, s, -1, "who"));
	btf_unref(btf);
}

/* A module's types continue those of vmlinux. */
static const struct btf *make_module(const struct btf *base, uint32_t *own)
{
	uint32_t at = base->n_types;
	const struct btf *btf;

	build_init(&m);
	m.strs_len = 0; /* no empty string of its own: offset 0 is the base's */
	*own = at + build_struct(&m, "", 8);
	put_u32(m.types + m.last, base->first_str + base->strs_len + build_str(&m, "own"));
	build_member(&m, "", btf_find(base, "int", BTF_KIND_INT), 0);
	put_u32(m.types + m.types_len - 12, base->first_str + base->strs_len + build_str(&m, "f"));
	build_type(&m, BTF_KIND_PTR, "", *own);
	put_u32(m.types + m.last, 0);
	build_tag(&m, "", *own, -1);
	put_u32(m.types + m.last, base->first_str + base->strs_len + build_str(&m, "mark"));
	btf = made(&m, base, BTF_KERNEL);
	return btf;
}

static void split(void **state)
{
	const struct btf *base, *btf;
	uint32_t i, own;

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	base = made(&b, NULL, BTF_KERNEL);
	btf = make_module(base, &own);
	assert_int_equal(own, i + 1);
	assert_int_equal(btf->n_types, own + 2);
	assert_string_equal(btf_name(btf, own), "own");
	assert_string_equal(btf_name(btf, i), "int");
	assert_int_equal(btf_find(btf, "int", BTF_KIND_INT), i);
	assert_int_equal(btf_find(btf, "own", BTF_KIND_STRUCT), own);
	assert_int_equal(btf_find(base, "own", BTF_KIND_STRUCT), 0);
	assert_true(btf_tag_has(btf, own, -1, "mark"));
	assert_true(btf_same(btf, i, base, i));
	assert_false(btf_same(btf, own, base, own));
	assert_int_equal(btf_size(btf, own, NULL), 8);
	btf_unref(base);
	assert_string_equal(btf_name(btf, i), "int"); /* the module keeps its base */
	btf_unref(btf);
}

static void save(const char *folder, const char *name, const struct build *build)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(build->data, 1, build->size, f), build->size);
	fclose(f);
}

static void save_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void targets(void **state)
{
	char folder[] = "btf-test-XXXXXX", path[256];
	const struct btf *base, *btf, *found;
	struct btf_target *target;
	struct visor_diag diag;
	uint32_t own, id;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(btf_target_open(folder, &target, &diag), -ENOENT);
	build_init(&b);
	build_int(&b, "int", 4);
	base = made(&b, NULL, BTF_KERNEL);
	btf = make_module(base, &own);
	save(folder, "vmlinux", &b);
	save(folder, "mod", &m);
	m.data[0] ^= 1;
	save(folder, "wrong", &m); /* as if it were not there */
	btf_unref(btf);
	btf_unref(base);

	assert_int_equal(btf_target_open(folder, &target, &diag), 0);
	assert_int_equal(btf_target_find(target, "int", BTF_KIND_INT, &found, &id), 0);
	assert_ptr_equal(found, btf_target_vmlinux(target));
	assert_int_equal(btf_target_find(target, "own", BTF_KIND_STRUCT, &found, &id), 0);
	assert_ptr_equal(found, btf_target_module(target, 0));
	assert_int_equal(btf_target_modules(target), 1);
	assert_string_equal(found->name, "mod");
	assert_int_equal(btf_target_find(target, "none", BTF_KIND_STRUCT, &found, &id), -ENOENT);

	assert_true(btf_target_has_symbol(target, "none")); /* not known */
	snprintf(path, sizeof(path), "%s/symbols", folder);
	save_text(path, "ff10 T second\nff00 t first\nff20 d third\t[mod]\nno line\n");
	assert_int_equal(btf_target_set_symbols(target, path), 0);
	assert_true(btf_target_has_symbol(target, "first"));
	assert_true(btf_target_has_symbol(target, "second"));
	assert_true(btf_target_has_symbol(target, "third"));
	assert_false(btf_target_has_symbol(target, "fourth"));
	assert_int_equal(remove(path), 0);

	/* What programs call the types. */
	build_init(&b);
	build_struct(&b, "own___mine", 8);
	build_int(&b, "int", 4);
	build_struct(&b, "none", 8);
	build_struct(&b, "", 8);
	base = made(&b, NULL, BTF_LOADED);
	assert_int_equal(btf_target_match(target, base, 1, &id), -EOPNOTSUPP);
	assert_int_equal(btf_target_match(target, base, 2, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(btf_target_match(target, base, 3, &id), -ENOENT);
	assert_int_equal(btf_target_match(target, base, 4, &id), -EINVAL);
	btf_unref(base);
	btf_target_unref(target);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
			 ((const char *const[]){"vmlinux", "mod", "wrong"})[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* ---- walking
 * ------------------------------------------------------------------------------------- */

static void tags_on_the_way(void **state)
{
	static const struct {
		const char *tag;
		uint8_t want;
	} cases[] = {{"user", BTF_PTR_USER},
		     {"percpu", BTF_PTR_PERCPU},
		     {"rcu", BTF_PTR_RCU},
		     {"else", 0}};
	uint32_t i, s, u, outer, ptrs[4];
	const struct btf *btf;
	struct btf_walk at;
	char why[BTF_WHY];

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	s = build_struct(&b, "leaf", 4);
	build_member(&b, "x", i, 0);
	for (uint32_t k = 0; k < 4; k++)
		ptrs[k] = build_ptr(&b, build_type(&b, BTF_KIND_TYPE_TAG, cases[k].tag, s));
	u = build_type(&b, BTF_KIND_UNION, "", 8);
	build_member(&b, "p", ptrs[2], 0);
	build_member(&b, "n", i, 0);
	outer = build_struct(&b, "outer", 48);
	for (uint32_t k = 0; k < 4; k++)
		build_member(&b, "p", ptrs[k], 64 * k);
	build_member(&b, "", u, 256);
	build_member(&b, "leaf", s, 320);
	btf = made(&b, NULL, BTF_LOADED);
	for (uint32_t k = 0; k < 4; k++) {
		assert_int_equal(btf_walk(btf, outer, 8 * k, 8, &at, why), 0);
		assert_int_equal(at.kind, BTF_WALK_PTR);
		assert_int_equal(at.id, s);
		assert_int_equal(at.tags, cases[k].want);
		assert_string_equal(at.member, "p");
	}
	assert_int_equal(btf_walk(btf, outer, 32, 8, &at, why), 0);
	assert_int_equal(at.tags, BTF_PTR_RCU | BTF_PTR_UNTRUSTED);
	assert_int_equal(btf_walk_step(btf, outer, 40, 4, &at, why), 0);
	assert_int_equal(at.kind, BTF_WALK_STRUCT);
	assert_int_equal(at.id, s);
	assert_true(btf_match(btf, outer, 40, btf, s, false, why));
	assert_false(btf_match(btf, outer, 40, btf, s, true, why));
	assert_true(btf_match(btf, outer, 0, btf, outer, true, why));
	assert_false(btf_match(btf, outer, 44, btf, s, false, why));
	assert_true(btf_member_find(btf, outer, "n", &i, NULL));
	assert_int_equal(i, 256);
	assert_false(btf_member_find(btf, outer, "q", NULL, NULL));
	btf_unref(btf);
}

/* BTF that is only indexed may say anything. */
static void loops(void **state)
{
	uint32_t s, t, a;
	const struct btf *btf;
	struct btf_walk at;
	char why[BTF_WHY];

	(void)state;
	build_init(&b);
	s = build_struct(&b, "s", 8);
	build_member(&b, "", s, 0);
	t = build_type(&b, BTF_KIND_TYPEDEF, "t", build_next(&b));
	a = build_array(&b, build_next(&b), 1, 1);
	build_type(&b, BTF_KIND_FUNC, "f", build_next(&b));
	btf = made(&b, NULL, BTF_KERNEL);
	assert_int_equal(btf_walk(btf, s, 0, 8, &at, why), -EINVAL);
	assert_int_equal(btf_walk(btf, s, 4, 4, &at, why), -EINVAL);
	assert_false(btf_match(btf, s, 0, btf, t, false, why));
	assert_false(btf_member_find(btf, s, "x", NULL, NULL));
	assert_null(btf_skip_mods(btf, t, NULL));
	assert_int_equal(btf_size(btf, a, NULL), -EINVAL);
	assert_null(btf_func_proto(btf, b.n, NULL));
	btf_unref(btf);
}

/* ---- records
 * ------------------------------------------------------------------------------------- */

static uint32_t add_special(const char *name, uint32_t size, uint32_t i)
{
	uint32_t id = build_struct(&b, name, size);

	build_member(&b, "a", i, 0);
	return id;
}

/* A list of nodes that hold a list: `deep` times. */
static int lists(uint32_t deep, struct btf_locals **locals, const struct btf **out)
{
	uint32_t i, head, node, lock, id = 0;

	build_init(&b);
	i = build_int(&b, "int", 4);
	head = add_special("bpf_list_head", 16, i);
	node = add_special("bpf_list_node", 24, i);
	lock = add_special("bpf_spin_lock", 4, i);
	for (uint32_t k = 0; k < deep; k++) {
		char name[16], text[32];

		snprintf(name, sizeof(name), "n%u", k);
		id = build_struct(&b, name, 48);
		build_member(&b, "n", node, 0);
		if (k) {
			build_member(&b, "h", head, 192);
			build_member(&b, "l", lock, 320);
			snprintf(text, sizeof(text), "contains:n%u:n", k - 1);
			build_tag(&b, text, id, 1);
		}
	}
	*out = made(&b, NULL, BTF_LOADED);
	return btf_locals_new(*out, NULL, locals);
}

static void owners(void **state)
{
	const struct btf_record *record;
	struct btf_locals *locals;
	const struct btf *btf;

	(void)state;
	assert_int_equal(lists(2, &locals, &btf), 0);
	record = btf_locals_get(locals, btf_find(btf, "n1", BTF_KIND_STRUCT));
	assert_non_null(record);
	assert_int_equal(record->n, 3);
	assert_int_equal(record->spin_lock_off, 40);
	assert_int_equal(record->timer_off, -1);
	assert_int_equal(record->fields[1].id, BTF_FIELD_LIST_HEAD);
	assert_int_equal(record->fields[1].offset, 24);
	assert_int_equal(record->fields[1].node_offset, 0);
	assert_int_equal(record->fields[1].type, btf_find(btf, "n0", BTF_KIND_STRUCT));
	assert_ptr_equal(record->fields[1].value, btf_locals_get(locals, record->fields[1].type));
	assert_ptr_equal(btf_record_find(record, 24, BTF_MASK_GRAPH_ROOT), &record->fields[1]);
	assert_null(btf_record_find(record, 24, BTF_MASK_GRAPH_NODE));
	assert_null(btf_locals_get(locals, 1));
	assert_true(btf_record_same(record, record));
	assert_false(btf_record_same(record, record->fields[1].value));
	btf_locals_free(locals);
	btf_unref(btf);

	assert_int_equal(lists(3, &locals, &btf), -ELOOP);
	assert_null(locals);
	btf_unref(btf);
}

static int value_of(uint32_t count, bool section, struct btf_record **record,
		    const struct btf **out)
{
	uint32_t i, ptr, value, var, words[3];

	build_init(&b);
	i = build_int(&b, "int", 4);
	ptr = build_struct(&b, "mine", 4);
	build_member(&b, "x", i, 0);
	ptr = build_ptr(&b, build_type(&b, BTF_KIND_TYPE_TAG, "kptr", ptr));
	ptr = build_array(&b, ptr, i, count);
	value = build_struct(&b, "value", 8 * count);
	build_member(&b, "p", ptr, 0);
	if (section) {
		var = build_var(&b, "v", value);
		value = build_type(&b, BTF_KIND_DATASEC, ".data", 8 * count + 16);
		words[0] = var;
		words[1] = 16;
		words[2] = 8 * count;
		build_words(&b, words, 3);
		build_count(&b);
	}
	*out = made(&b, NULL, BTF_LOADED);
	return btf_record_new(*out, value, BTF_MASK_MAP, 8 * count + 16, NULL, record);
}

static void limits(void **state)
{
	struct btf_record *record;
	const struct btf *btf;

	(void)state;
	assert_int_equal(value_of(BTF_MAX_FIELDS, false, &record, &btf), 0);
	assert_int_equal(record->n, BTF_MAX_FIELDS);
	assert_int_equal(record->fields[10].offset, 80);
	assert_true(record->fields[10].local);
	assert_ptr_equal(record->fields[10].btf, btf);
	assert_ptr_equal(btf_record_overlap(record, 79, 2), &record->fields[9]);
	assert_null(btf_record_overlap(record, 88, 8));
	btf_record_free(record);
	btf_unref(btf);
	assert_int_equal(value_of(BTF_MAX_FIELDS + 1, false, &record, &btf), -E2BIG);
	assert_null(record);
	btf_unref(btf);
	assert_int_equal(value_of(2, true, &record, &btf), 0);
	assert_int_equal(record->n, 2);
	assert_int_equal(record->fields[0].offset, 16);
	btf_record_free(record);
	btf_unref(btf);
}

/* Structs that contain each other twice at one place: 2^31 visits, if one were to count. */
static void overlapping(void **state)
{
	struct btf_record *record;
	const struct btf *btf;
	uint32_t id;

	(void)state;
	build_init(&b);
	id = build_int(&b, "int", 4);
	for (int k = 0; k < 31; k++) {
		uint32_t part = id;

		id = build_struct(&b, "", 4);
		build_member(&b, "a", part, 0);
		build_member(&b, "b", part, 0);
	}
	btf = made(&b, NULL, BTF_LOADED);
	assert_int_equal(btf_record_new(btf, id, BTF_MASK_MAP, 4, NULL, &record), -E2BIG);
	btf_unref(btf);
}

/* ---- functions
 * ----------------------------------------------------------------------------------- */

static void two_functions(void **state)
{
	static const struct {
		uint32_t a, b;
		const char *why;
	} cases[] = {
		{0, 0, NULL},
		{0, 1, "f0() has 1 args while f1() has 2 args"},
		{0, 2, "arg0 in f0() is PTR while f2() has INT"},
		{0, 3, "Return type INT of f0() doesn't match type PTR of f3()"},
		{0, 4, "arg0 f0(struct one *) doesn't match f4(struct two *)"},
		{2, 5, "arg0 in f2() has size 4 while f5() has 8"},
		{6, 6, "arg0 in f6() is not a pointer to context"},
	};
	uint32_t i, l, one, two, f[7];
	const struct btf *btf;
	char why[BTF_WHY];

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	l = build_int(&b, "long", 8);
	one = build_ptr(&b, build_struct(&b, "one", 0));
	two = build_ptr(&b, build_struct(&b, "two", 0));
	const uint32_t rets[] = {i, i, i, one, i, i, i};
	const uint32_t args[] = {one, one, i, one, two, l, build_ptr(&b, i)};

	for (uint32_t k = 0; k < ARRAY_SIZE(f); k++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", k);
		f[k] = build_proto(&b, rets[k]);
		build_param(&b, "a__sz", args[k]);
		if (k == 1)
			build_param(&b, "b", i);
		f[k] = build_func(&b, name, f[k], true);
	}
	btf = made(&b, NULL, BTF_LOADED);
	for (uint32_t k = 0; k < ARRAY_SIZE(cases); k++) {
		int err = btf_func_match(btf, f[cases[k].a], btf, f[cases[k].b], why);

		assert_int_equal(err, cases[k].why ? -EINVAL : 0);
		assert_string_equal(why, cases[k].why ? cases[k].why : "");
	}
	assert_true(
		btf_param_suffix(btf, btf_proto_params(btf_func_proto(btf, f[0], NULL)), "__sz"));
	assert_false(
		btf_param_suffix(btf, btf_proto_params(btf_func_proto(btf, f[0], NULL)), "__k"));
	btf_unref(btf);
}

/* fexit reads arguments and what the function returned; its context is of the types alone. */
static void traced_function(void **state)
{
	struct btf_ctx_value value;
	struct btf_attach attach;
	const struct btf *btf;
	uint32_t i, s, pair, proto, func;
	char why[BTF_WHY];

	(void)state;
	build_init(&b);
	i = build_int(&b, "int", 4);
	s = build_struct(&b, "object", 4);
	build_member(&b, "x", i, 0);
	pair = build_struct(&b, "pair", 16);
	build_member(&b, "x", i, 0);
	s = build_ptr(&b, build_type(&b, BTF_KIND_TYPE_TAG, "user", s));
	proto = build_proto(&b, i);
	build_param(&b, "p", pair);
	build_param(&b, "o__nullable", s);
	func = build_func(&b, "traced", proto, true);
	btf = made(&b, NULL, BTF_KERNEL);
	assert_int_equal(
		btf_attach_tracing(btf, func, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, &attach, why),
		0);
	assert_int_equal(btf_ctx_access(&attach, NULL, 8, 8, &value, why), 0);
	assert_int_equal(value.kind, BTF_CTX_SCALAR);
	assert_int_equal(btf_ctx_access(&attach, NULL, 16, 8, &value, why), 0);
	assert_int_equal(value.kind, BTF_CTX_PTR);
	assert_int_equal(value.flags, BTF_CTX_USER | BTF_CTX_MAYBE_NULL);
	assert_string_equal(why, "func 'traced' arg1 has btf_id 2 type STRUCT 'object'");
	assert_int_equal(btf_ctx_access(&attach, NULL, 24, 4, &value, why), 0);
	assert_int_equal(btf_ctx_access(&attach, NULL, 32, 8, &value, why), -EACCES);
	assert_string_equal(why, "func 'traced' doesn't have 4-th argument");
	attach.attach_type = BPF_TRACE_FENTRY;
	assert_int_equal(btf_ctx_access(&attach, NULL, 24, 4, &value, why), -EACCES);
	assert_string_equal(why, "func 'traced' doesn't have 3-th argument");
	btf_unref(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	   cmocka_unit_test(decl_tags),
		cmocka_unit_test(split),	   cmocka_unit_test(targets),
		cmocka_unit_test(tags_on_the_way), cmocka_unit_test(loops),
		cmocka_unit_test(owners),	   cmocka_unit_test(limits),
		cmocka_unit_test(overlapping),	   cmocka_unit_test(two_functions),
		cmocka_unit_test(traced_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
