/* SPDX-License-Identifier: BSD-2-Clause */
/* Typed text becomes the right bytes and bytes the right text; hostile types do no harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <bpf/libbpf.h>

#include "load/value.h"

/* The types of the tests, made without a compiler. */
static struct types {
	struct btf *btf;
	int u8, u16, u32, s8, s32, u64, chr, boolean, be16, be32, action, plain, name16, mac, v4,
		v6, words, prefix4, prefix6, service, pair, in6, single, bits, outer, dbl, ptr;
} T;

static int array_of(int type, uint32_t n)
{
	return btf__add_array(T.btf, T.u32, type, n);
}

static void make_ints(struct btf *b)
{
	T.u32 = btf__add_int(b, "unsigned int", 4, 0);
	T.u8 = btf__add_int(b, "unsigned char", 1, 0);
	T.u16 = btf__add_int(b, "unsigned short", 2, 0);
	T.s8 = btf__add_int(b, "signed char", 1, BTF_INT_SIGNED);
	T.s32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	T.u64 = btf__add_int(b, "unsigned long long", 8, 0);
	T.chr = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	T.boolean = btf__add_int(b, "_Bool", 1, BTF_INT_BOOL);
	T.dbl = btf__add_float(b, "double", 8);
	T.ptr = btf__add_ptr(b, T.u8);
	T.be16 = btf__add_typedef(b, "__be16", btf__add_typedef(b, "__u16", T.u16));
	T.be32 = btf__add_typedef(b, "__be32", btf__add_typedef(b, "__u32", T.u32));
}

static void make_types(void)
{
	struct btf *b = T.btf = btf__new_empty();
	int anon, view, name8, list3;

	make_ints(b);
	T.action = btf__add_enum(b, "action", 4);
	btf__add_enum_value(b, "ACTION_DENY", 0);
	btf__add_enum_value(b, "ACTION_ALLOW", 1);
	T.plain = btf__add_volatile(b, btf__add_const(b, T.action));
	T.name16 = array_of(T.chr, 16);
	T.mac = array_of(T.u8, 6);
	T.v4 = array_of(T.u8, 4);
	T.v6 = array_of(T.u8, 16);
	T.words = array_of(T.be32, 4);
	T.prefix4 = btf__add_struct(b, "prefix4", 8);
	btf__add_field(b, "length", T.u32, 0, 0);
	btf__add_field(b, "address", T.v4, 32, 0);
	T.prefix6 = btf__add_struct(b, "prefix6", 20);
	btf__add_field(b, "prefixlen", T.u32, 0, 0);
	btf__add_field(b, "addr", T.v6, 32, 0);
	T.service = btf__add_struct(b, "service", 8);
	btf__add_field(b, "protocol", T.action, 0, 0);
	btf__add_field(b, "port", T.be16, 32, 0);
	T.in6 = btf__add_struct(b, "in6_addr", 16);
	btf__add_field(b, "u", btf__type_cnt(b), 0, 0);
	btf__add_union(b, NULL, 16);
	btf__add_field(b, "bytes", T.v6, 0, 0);
	btf__add_field(b, "words", T.words, 0, 0);
	T.single = btf__add_struct(b, "single", 4);
	btf__add_field(b, "only", T.u32, 0, 0);
	T.bits = btf__add_struct(b, "bits", 4);
	btf__add_field(b, "low", T.u32, 0, 3);
	btf__add_field(b, "high", T.u32, 3, 10);
	btf__add_field(b, "neg", T.s32, 13, 4);
	name8 = array_of(T.chr, 8);
	list3 = array_of(T.u16, 3);
	anon = btf__add_union(b, NULL, 4);
	btf__add_field(b, "number", T.u32, 0, 0);
	btf__add_field(b, "view", view = btf__type_cnt(b), 0, 0);
	btf__add_struct(b, "view", 4);
	btf__add_field(b, "a", T.u16, 0, 0);
	btf__add_field(b, "b", T.u16, 16, 0);
	assert_true(view > 0);
	T.outer = btf__add_struct(b, "outer", 24);
	btf__add_field(b, NULL, anon, 0, 0);
	btf__add_field(b, "name", name8, 32, 0);
	btf__add_field(b, "list", list3, 96, 0);
	btf__add_field(b, "flag", T.boolean, 144, 0);
	T.pair = btf__add_struct(b, "pair", 2);
	btf__add_field(b, "x", T.u8, 0, 0);
	btf__add_field(b, "y", T.s8, 8, 0);
}

static int setup(void **state)
{
	make_types();
	return 0;
}

static int teardown(void **state)
{
	btf__free(T.btf);
	return 0;
}

/* text -> bytes; then bytes -> the text `print` (NULL: the same text). */
static void check_bytes(int type, const char *text, const char *hex, const char *print)
{
	size_t size = strlen(hex) / 2, n;
	uint8_t bytes[64], want[64], again[64];
	struct visor_diag d = {0};
	char *out = NULL;
	FILE *f;

	for (size_t i = 0; i < size; i++)
		want[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
	memset(bytes, 0xaa, sizeof(bytes));
	if (value_parse_text(T.btf, (uint32_t)type, text, bytes, size, &d))
		fail_msg("'%s': %s", text, d.text);
	if (memcmp(bytes, want, size)) {
		for (size_t i = 0; i < size; i++)
			fprintf(stderr, "%02x", bytes[i]);
		fail_msg("'%s' is not %s", text, hex);
	}
	assert_int_equal(bytes[size], 0xaa);
	f = open_memstream(&out, &n);
	assert_int_equal(value_print(f, T.btf, (uint32_t)type, bytes, size, 0, &d), 0);
	fclose(f);
	assert_string_equal(out, print ? print : text);
	assert_int_equal(value_parse_text(T.btf, (uint32_t)type, out, again, size, &d), 0);
	assert_memory_equal(again, bytes, size);
	free(out);
}

static void scalars(void **state)
{
	check_bytes(T.u32, "42", "2a000000", NULL);
	check_bytes(T.u32, "0xffffffff", "ffffffff", "4294967295");
	check_bytes(T.s32, "-1", "ffffffff", NULL);
	check_bytes(T.s32, "0xffffffff", "ffffffff", "-1");
	check_bytes(T.s32, "-2147483648", "00000080", NULL);
	check_bytes(T.u64, "18446744073709551615", "ffffffffffffffff", NULL);
	check_bytes(T.u8, "'a'", "61", "97");
	check_bytes(T.boolean, "true", "01", NULL);
	check_bytes(T.boolean, "off", "00", "false");
	check_bytes(T.be16, "80", "0050", NULL);
	check_bytes(T.be32, "1", "00000001", NULL);
	check_bytes(T.be32, "10.1.2.3", "0a010203", "167838211");
	check_bytes(T.u32, "10.1.2.3", "0a010203", "50462986");
	check_bytes(T.action, "ACTION_ALLOW", "01000000", NULL);
	check_bytes(T.plain, "allow", "01000000", "ACTION_ALLOW");
	check_bytes(T.action, "Action_Deny", "00000000", "ACTION_DENY");
	check_bytes(T.action, "7", "07000000", NULL);
	check_bytes(T.dbl, "0.5", "000000000000e03f", NULL);
}

static void aggregates(void **state)
{
	check_bytes(T.name16, "eth0", "65746830000000000000000000000000", NULL);
	check_bytes(T.name16, "\"a b\"", "61206200000000000000000000000000", NULL);
	check_bytes(T.name16, "0123456789abcdef", "30313233343536373839616263646566", NULL);
	check_bytes(T.mac, "02:00:5e:1:2:ff", "02005e0102ff", "[2, 0, 94, 1, 2, 255]");
	check_bytes(T.v4, "10.0.0.1", "0a000001", "[10, 0, 0, 1]");
	check_bytes(T.v4, "[10, 0]", "0a000000", "[10, 0, 0, 0]");
	check_bytes(T.prefix4, "10.0.0.0/8", "080000000a000000", NULL);
	check_bytes(T.prefix4, "198.51.100.7", "20000000c6336407", "198.51.100.7/32");
	check_bytes(T.prefix4, "{length: 24, address: [198, 51, 100, 0]}", "18000000c6336400",
		    "198.51.100.0/24");
	check_bytes(T.prefix6, "2001:db8::/32", "2000000020010db8000000000000000000000000", NULL);
	check_bytes(T.prefix6, "10.0.0.0/8", "6800000000000000000000000000ffff0a000000",
		    "\"::ffff:10.0.0.0/104\"");
	check_bytes(T.in6, "::1", "00000000000000000000000000000001", "\"::1\"");
	check_bytes(T.in6, "{u: {bytes: [1]}}", "01000000000000000000000000000000", "100::");
	check_bytes(T.service, "{protocol: allow, port: 443}", "0100000001bb0000",
		    "{protocol: ACTION_ALLOW, port: 443}");
	check_bytes(T.service, "[deny, 80]", "0000000000500000",
		    "{protocol: ACTION_DENY, port: 80}");
	check_bytes(T.single, "5", "05000000", "{only: 5}");
	check_bytes(T.bits, "{low: 5, high: 1023, neg: -3}", "fdbf0100", NULL);
	check_bytes(T.outer, "{number: 65537, name: x, list: [1, 2, 3], flag: true}",
		    "010001007800000000000000010002000300010000000000",
		    "{number: 65537, view: {a: 1, b: 1}, name: x, list: [1, 2, 3], flag: true}");
}

static void check_fails(int type, size_t size, const char *text, int err, const char *message,
			const char *hint)
{
	struct visor_diag d = {0};
	uint8_t bytes[64];

	assert_int_equal(value_parse_text(T.btf, (uint32_t)type, text, bytes, size, &d), err);
	assert_string_equal(d.text, message);
	if (hint)
		assert_string_equal(d.hint, hint);
}

static void failures(void **state)
{
	check_fails(T.u8, 1, "256", -ERANGE, "256 is not in 0..255", NULL);
	check_fails(T.s8, 1, "-129", -ERANGE, "-129 is not in -128..127", NULL);
	check_fails(T.u32, 4, "-1", -ERANGE, "-1 is not in 0..4294967295", NULL);
	check_fails(T.u64, 8, "18446744073709551616", -ERANGE,
		    "18446744073709551616 does not fit 64 bits", NULL);
	check_fails(T.u32, 4, "12x", -EINVAL, "'12x' is not a number", NULL);
	check_fails(T.u32, 4, "[1]", -EINVAL, "a list where a number is wanted", NULL);
	check_fails(T.boolean, 1, "maybe", -EINVAL, "'maybe' is neither true nor false", NULL);
	check_fails(T.action, 4, "alow", -EINVAL, "'alow' is not a value of enum action",
		    "one of: ACTION_DENY, ACTION_ALLOW");
	check_fails(T.service, 8, "{prot: 1}", -EINVAL, "struct service has no member 'prot'",
		    "did you mean 'port'?");
	check_fails(T.service, 8, "[1, 2, 3]", -ERANGE, "3 values, there are 2 members", NULL);
	check_fails(T.v4, 4, "[1, 2, 3, 4, 5]", -ERANGE, "5 elements, there is room for 4", NULL);
	check_fails(T.prefix4, 8, "10.0.0.0/33", -EINVAL, "'33' is not a prefix length (0 to 32)",
		    NULL);
	check_fails(T.name16, 16, "0123456789abcdefg", -ERANGE,
		    "text of 17 bytes, there is room for 16", NULL);
	check_fails(T.u32, 8, "1", -EINVAL, "the type has 4 bytes, the value 8", NULL);
	check_fails(T.ptr, 8, "1", -EINVAL, "a pointer cannot be set", NULL);
	check_fails(T.bits, 4, "{low: 8}", -ERANGE, "8 is not in 0..7", NULL);
	check_fails(0, 4, "x", -EINVAL, "there is no type information for these 4 bytes", NULL);
	check_fails(0, 3, "hex:01", -EINVAL, "hex: and 6 hex digits are wanted", NULL);
}

static void without_types(void **state)
{
	check_bytes(0, "258", "02010000", NULL);
	check_bytes(0, "hex:010203", "010203", "[1, 2, 3]");
	check_bytes(0, "[1, 2, 3]", "010203", NULL);
}

static void json(void **state)
{
	uint8_t bytes[24] = {1, 0, 1, 0, '"', '\n', 0xff};
	struct visor_diag d;
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	assert_int_equal(value_print(f, T.btf, (uint32_t)T.outer, bytes, 24, VALUE_JSON, &d), 0);
	fclose(f);
	assert_string_equal(out, "{\"number\": 65537, \"view\": {\"a\": 1, \"b\": 1}, "
				 "\"name\": \"\\\"\\u000a\\u00ff\", \"list\": [0, 0, 0], "
				 "\"flag\": false}");
	free(out);
}

static void names(void **state)
{
	char name[64];

	value_type_name(T.btf, (uint32_t)T.plain, name, sizeof(name));
	assert_string_equal(name, "enum action");
	value_type_name(T.btf, (uint32_t)T.mac, name, sizeof(name));
	assert_string_equal(name, "unsigned char[6]");
	value_type_name(T.btf, (uint32_t)T.ptr, name, sizeof(name));
	assert_string_equal(name, "unsigned char *");
	value_type_name(T.btf, 9999, name, sizeof(name));
	assert_string_equal(name, "void");
}

/* Flips bits of the types and uses whatever libbpf still opens. ASan is the judge. */
static void hostile_types(void **state)
{
	static const char *const texts[] = {"1", "10.0.0.0/8", "{a: 1}", "[1, [2], {x: 3}]", "x"};
	uint32_t raw_size, opened = 0;
	const uint8_t *raw = btf__raw_data(T.btf, &raw_size);
	uint8_t *copy = malloc(raw_size);
	FILE *null = fopen("/dev/null", "w");

	srandom(1);
	for (int round = 0; round < 3000; round++) {
		struct btf *btf;

		memcpy(copy, raw, raw_size);
		for (long n = 1 + random() % 8; n; n--)
			copy[24 + random() % (raw_size - 24)] ^= (uint8_t)(1 << random() % 8);
		btf = btf__new(copy, raw_size);
		if (libbpf_get_error(btf))
			continue;
		opened++;
		for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
			int64_t size = value_size(btf, id);
			char name[40];
			uint8_t *bytes;

			value_type_name(btf, id, name, sizeof(name));
			if (size < 0 || size > 4096)
				continue;
			bytes = calloc(1, (size_t)size + !size);
			for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
				value_parse_text(btf, id, texts[i], bytes, (size_t)size, NULL);
			value_print(null, btf, id, bytes, (size_t)size, 0, NULL);
			free(bytes);
		}
		btf__free(btf);
	}
	assert_true(opened > 100);
	fclose(null);
	free(copy);
}

/* struct { struct self x; } of size 0 in a circle, and an exponential nest of empty structs. */
static void endless_types(void **state)
{
	struct btf *b = btf__new_empty();
	struct visor_diag d;
	FILE *null = fopen("/dev/null", "w");
	uint8_t byte = 0;
	int self, last = 0;

	self = btf__add_typedef(b, "loop", 1);
	assert_int_equal(value_size(b, (uint32_t)self), -ELOOP);
	self = btf__add_struct(b, "self", 0);
	btf__add_field(b, "x", self, 0, 0);
	assert_int_equal(value_print(null, b, (uint32_t)self, &byte, 0, 0, &d), -ELOOP);
	assert_int_equal(value_parse_text(b, (uint32_t)self, "1", &byte, 0, &d), -E2BIG);
	for (int depth = 0; depth < 10; depth++) {
		int s = btf__add_struct(b, NULL, 0);

		for (int i = 0; last && i < 40; i++)
			btf__add_field(b, i & 1 ? NULL : "m", last, 0, 0);
		last = s;
	}
	assert_int_equal(value_print(null, b, (uint32_t)last, &byte, 0, 0, &d), -E2BIG);
	assert_true(value_parse_text(b, (uint32_t)last, "{nothing: 1}", &byte, 0, &d) < 0);
	fclose(null);
	btf__free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),	 cmocka_unit_test(aggregates),
		cmocka_unit_test(failures),	 cmocka_unit_test(without_types),
		cmocka_unit_test(json),		 cmocka_unit_test(names),
		cmocka_unit_test(hostile_types), cmocka_unit_test(endless_types),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests(tests, setup, teardown);
}
