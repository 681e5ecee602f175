/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/value.c - typed values: from text to bytes.
 *
 * The bytes are zeroed once, then every value writes only its own: that makes members that
 * are not given zero, and members of a union that are given later win.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "load/value_type.h"

struct value_parser {
	const struct btf *btf;
	const struct tree *tree;
	struct visor_diag *diag;
	uint32_t steps; /* left */
};

static int value_put(struct value_parser *p, const struct value_type *type,
		     const struct tree_node *node, uint8_t *at, unsigned depth);

#define value_fail(p, node, err, ...) tree_fail((p)->tree, node, (p)->diag, err, __VA_ARGS__)

static const char *value_describe(const struct tree_node *node)
{
	return node->kind == TREE_LIST ? "a list" : node->kind == TREE_MAP ? "a mapping" : "a text";
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* True if text is a number; *negative says that v is -v. */
static bool value_number(const char *text, uint64_t *v, bool *negative)
{
	const char *s = text;
	char *end;

	*negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '\'' && s[1] && s[2] == '\'' && !s[3]) {
		*v = (uint8_t)s[1];
		return s == text;
	}
	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*v = strtoull(s, &end, s[0] == '0' && (s[1] | 0x20) == 'x' ? 16 : 10);
	return !errno && !*end;
}

static int value_range(struct value_parser *p, const struct tree_node *node, uint32_t bits,
		       bool is_signed)
{
	if (bits == 64)
		return value_fail(p, node, -ERANGE, "%s does not fit 64 bits", node->text);
	if (is_signed)
		return value_fail(p, node, -ERANGE, "%s is not in %lld..%lld", node->text,
				  -(1ll << (bits - 1)), (1ll << (bits - 1)) - 1);
	return value_fail(p, node, -ERANGE, "%s is not in 0..%llu", node->text, (1ull << bits) - 1);
}

/* The number in `bits` bits, two's complement. Hex numbers may use the sign bit. */
static int value_fit(struct value_parser *p, const struct tree_node *node, uint32_t bits,
		     bool is_signed, uint64_t *v, bool negative)
{
	uint64_t top = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	uint64_t half = 1ull << (bits - 1);
	bool hex = strchr(node->text, 'x') != NULL;

	if (negative ? (!is_signed && *v) || *v > half : *v > (is_signed && !hex ? half - 1 : top))
		return value_range(p, node, bits, is_signed);
	if (negative)
		*v = (0 - *v) & top;
	return 0;
}

static int value_get_bool(struct value_parser *p, const struct tree_node *node, uint64_t *v)
{
	static const char *const names[][2] = {
		{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (*v = 0; *v < 2; ++*v)
			if (!strcasecmp(node->text, names[i][*v]))
				return 0;
	}
	return value_fail(p, node, -EINVAL, "'%s' is neither true nor false", node->text);
}

/* Length of the prefix, ending in '_', that all names of the enum share. */
static size_t value_enum_prefix(const struct btf *btf, const struct value_type *type)
{
	uint32_t n = btf_vlen(type->t);
	const char *first;
	int64_t ignored;
	size_t len;

	if (n < 2)
		return 0;
	first = value_enumerator(btf, type, 0, &ignored);
	len = strlen(first);
	for (uint32_t i = 1; i < n; i++) {
		const char *name = value_enumerator(btf, type, i, &ignored);
		size_t same = 0;

		while (same < len && name[same] == first[same])
			same++;
		len = same;
	}
	while (len && first[len - 1] != '_')
		len--;
	return len;
}

static int value_get_enum(struct value_parser *p, const struct value_type *type,
			  const struct tree_node *node, uint32_t bits, uint64_t *v)
{
	struct tree_guess guess = {.wrong = node->text};
	size_t prefix = value_enum_prefix(p->btf, type);
	uint32_t n = btf_vlen(type->t);
	int64_t value, loose = 0;
	bool found = false, negative;
	char type_name[80];

	for (uint32_t i = 0; i < n; i++) {
		const char *name = value_enumerator(p->btf, type, i, &value);

		if (!strcmp(name, node->text)) {
			*v = (uint64_t)value;
			return 0;
		}
		if (!found && (!strcasecmp(name, node->text) ||
			       (strlen(name) > prefix && !strcasecmp(name + prefix, node->text)))) {
			found = true;
			loose = value;
		}
		if (i < 1024)
			tree_guess_add(&guess, name);
	}
	if (found) {
		*v = (uint64_t)loose;
		return 0;
	}
	if (value_number(node->text, v, &negative))
		return value_fit(p, node, bits, negative || btf_kflag(type->t), v, negative);
	value_type_name(p->btf, type->id, type_name, sizeof(type_name));
	value_fail(p, node, -EINVAL, "'%s' is not a value of %s", node->text, type_name);
	tree_guess_hint(&guess, p->diag);
	if (p->diag && !p->diag->hint[0] && n) {
		char names[200] = "";

		for (uint32_t i = 0; i < n && strlen(names) < 150; i++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.40s",
				 i ? ", " : "", value_enumerator(p->btf, type, i, &value));
		diag_hint(p->diag, "one of: %s", names);
	}
	return -EINVAL;
}

/* The number that the node stands for, in host order, of an integer or enum. */
static int value_get_number(struct value_parser *p, const struct value_type *type,
			    const struct tree_node *node, uint32_t bits, uint64_t *v)
{
	bool negative;

	if (node->kind != TREE_SCALAR)
		return value_fail(p, node, -EINVAL, "%s where a number is wanted",
				  value_describe(node));
	if (type->boolean)
		return value_get_bool(p, node, v);
	if (btf_is_any_enum(type->t))
		return value_get_enum(p, type, node, bits, v);
	if (type->text && strlen(node->text) == 1 && !isdigit((unsigned char)node->text[0])) {
		*v = (uint8_t)node->text[0];
		return 0;
	}
	if (!value_number(node->text, v, &negative)) {
		if (errno == ERANGE && isdigit((unsigned char)node->text[node->text[0] == '-']))
			return value_range(p, node, bits, type->is_signed);
		return value_fail(p, node, -EINVAL, "'%s' is not a number", node->text);
	}
	return value_fit(p, node, bits, type->is_signed || type->text, v, negative);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static bool value_mac(const char *text, uint8_t *mac)
{
	for (int i = 0; i < 6; i++) {
		char *end;

		if (!isxdigit((unsigned char)text[0]))
			return false;
		mac[i] = (uint8_t)strtoul((char[]){text[0], text[1], '\0'}, &end, 16);
		text += *end || !text[1] ? 1 : 2;
		if (*text != (i < 5 ? ':' : '\0'))
			return false;
		text++;
	}
	return true;
}

/* Writes the address if the text is one; *v4 says that IPv4 went into 16 bytes. */
static bool value_address(enum value_address kind, const char *text, uint8_t *at, bool *v4)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t addr[16];

	*v4 = false;
	switch (kind) {
	case ADDRESS_V4:
		if (inet_pton(AF_INET, text, addr) != 1)
			return false;
		memcpy(at, addr, 4);
		return true;
	case ADDRESS_V6:
		if (inet_pton(AF_INET6, text, addr) != 1) {
			if (inet_pton(AF_INET, text, addr + 12) != 1)
				return false;
			memcpy(addr, mapped, sizeof(mapped));
			*v4 = true;
		}
		memcpy(at, addr, 16);
		return true;
	case ADDRESS_MAC:
		if (!value_mac(text, addr))
			return false;
		memcpy(at, addr, 6);
		return true;
	default:
		return false;
	}
}

/* 10.0.0.0/8 into { length; address }. -ENOENT: the text is no prefix. */
static int value_put_prefix(struct value_parser *p, const struct value_type *type,
			    const struct tree_node *node, uint8_t *at)
{
	struct value_member length, address;
	const char *slash = strchr(node->text, '/');
	uint32_t max, bits;
	bool v4, negative;
	char host[64];
	uint64_t n;

	if (!value_type_prefix(p->btf, type, &length, &address))
		return -ENOENT;
	bits = address.type.size * 8;
	n = slash ? (size_t)(slash - node->text) : strlen(node->text);
	if (n >= sizeof(host))
		return -ENOENT;
	memcpy(host, node->text, n);
	host[n] = '\0';
	if (!value_address(value_type_address(p->btf, &address.type), host, at + address.off, &v4))
		return -ENOENT;
	max = v4 ? 32 : bits;
	if (!slash)
		n = max;
	else if (!value_number(slash + 1, &n, &negative) || negative || n > max)
		return value_fail(p, node, -EINVAL, "'%s' is not a prefix length (0 to %u)",
				  slash + 1, max);
	put_u32(at + length.off, (uint32_t)(n + bits - max));
	return 0;
}

/* ---- by type ------------------------------------------------------------------------------ */

static int value_put_int(struct value_parser *p, const struct value_type *type,
			 const struct tree_node *node, uint8_t *at)
{
	uint64_t v;
	int err;

	if (type->size == 16) { /* __int128: the low half */
		const struct value_type low = {
			.t = type->t, .size = 8, .is_signed = type->is_signed};
		bool high;

		err = value_get_number(p, &low, node, 64, &v);
		if (err)
			return err;
		high = type->is_signed && v >> 63 && node->text[0] == '-';
		memset(at, high ? 0xff : 0, 16);
		put_u64(at + (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 8), v);
		return 0;
	}
	err = value_get_number(p, type, node, type->size * 8, &v);
	if (err)
		return err;
	if (type->network)
		v = value_network(v, type->size);
	value_store(at, type->size, v);
	return 0;
}

static int value_put_float(struct value_parser *p, const struct value_type *type,
			   const struct tree_node *node, uint8_t *at)
{
	char *end;
	double d;
	float f;

	if (node->kind != TREE_SCALAR || !node->text[0] ||
	    (d = strtod(node->text, &end), f = (float)d, *end))
		return value_fail(p, node, -EINVAL, "a number is wanted");
	if (type->size == 4)
		memcpy(at, &f, 4);
	else
		memcpy(at, &d, 8);
	return 0;
}

static int value_put_array(struct value_parser *p, const struct value_type *type,
			   const struct tree_node *node, uint8_t *at, unsigned depth)
{
	uint32_t n = btf_array(type->t)->nelems;
	struct value_type elem;

	if (!value_type_get(p->btf, btf_array(type->t)->type, &elem))
		return value_fail(p, node, -EINVAL, "broken type information of an array");
	if (node->kind == TREE_SCALAR && elem.text) {
		size_t len = strlen(node->text);

		if (len > n)
			return value_fail(p, node, -ERANGE,
					  "text of %zu bytes, there is room for %u", len, n);
		memcpy(at, node->text, len);
		return 0;
	}
	if (node->kind != TREE_LIST) {
		char name[80];

		value_type_name(p->btf, type->id, name, sizeof(name));
		if (node->kind == TREE_SCALAR)
			return value_fail(p, node, -EINVAL, "'%s' is not a value of %s", node->text,
					  name);
		return value_fail(p, node, -EINVAL, "%s where a list is wanted (%s)",
				  value_describe(node), name);
	}
	if (node->n > n)
		return value_fail(p, node->items[n], -ERANGE, "%u elements, there is room for %u",
				  node->n, n);
	for (uint32_t i = 0; i < node->n; i++) {
		int err = value_put(p, &elem, node->items[i], at + (size_t)i * elem.size, depth);

		if (err)
			return err;
	}
	return 0;
}

static int value_put_member(struct value_parser *p, const struct value_member *m,
			    const struct tree_node *node, uint8_t *at, unsigned depth)
{
	uint64_t v;
	int err;

	if (!m->bits)
		return value_put(p, &m->type, node, at + m->off, depth);
	err = value_get_number(p, &m->type, node, m->bits, &v);
	if (!err)
		value_store_bits(at, m->bit_off, m->bits, v);
	return err;
}

/* Finds a member by name, in anonymous structs and unions too; *off is added up. */
static int value_find_member(struct value_parser *p, const struct value_type *type,
			     const char *name, struct value_member *out, uint32_t *base,
			     struct tree_guess *guess, unsigned depth)
{
	if (depth >= VALUE_MAX_DEPTH)
		return -ELOOP;
	for (uint32_t i = 0; i < btf_vlen(type->t); i++) {
		uint32_t at = *base;
		int err;

		if (!p->steps--)
			return -E2BIG;
		if (!value_member_get(p->btf, type, i, out))
			return -EINVAL;
		if (out->name[0]) {
			if (!strcmp(out->name, name))
				return 0;
			tree_guess_add(guess, out->name);
			continue;
		}
		if (out->bits || !btf_is_composite(out->type.t))
			continue;
		at += out->off;
		{
			const struct value_type inner = out->type;

			err = value_find_member(p, &inner, name, out, &at, guess, depth + 1);
		}
		if (err != -ENOENT) {
			*base = at;
			return err;
		}
	}
	return -ENOENT;
}

static int value_put_by_name(struct value_parser *p, const struct value_type *type,
			     const struct tree_node *node, uint8_t *at, unsigned depth)
{
	for (uint32_t i = 0; i < node->n; i++) {
		struct tree_guess guess = {.wrong = node->keys[i]->text};
		struct value_member m;
		uint32_t base = 0;
		int err;

		err = value_find_member(p, type, node->keys[i]->text, &m, &base, &guess, depth);
		if (err == -ENOENT) {
			char name[80];

			value_type_name(p->btf, type->id, name, sizeof(name));
			value_fail(p, node->keys[i], -EINVAL, "%s has no member '%s'", name,
				   node->keys[i]->text);
			tree_guess_hint(&guess, p->diag);
			return -EINVAL;
		}
		if (err)
			return value_fail(p, node->keys[i], err, "broken type information");
		err = value_put_member(p, &m, node->items[i], at + base, depth);
		if (err)
			return err;
	}
	return 0;
}

static int value_put_by_position(struct value_parser *p, const struct value_type *type,
				 const struct tree_node *node, uint8_t *at, unsigned depth)
{
	if (node->n > btf_vlen(type->t))
		return value_fail(p, node->items[btf_vlen(type->t)], -ERANGE,
				  "%u values, there are %u members", node->n, btf_vlen(type->t));
	for (uint32_t i = 0; i < node->n; i++) {
		struct value_member m;
		int err;

		if (!value_member_get(p->btf, type, i, &m))
			return value_fail(p, node, -EINVAL, "broken type information");
		err = value_put_member(p, &m, node->items[i], at, depth);
		if (err)
			return err;
	}
	return 0;
}

/* The first member of a union that can take the value; *at is as before if none can. */
static int value_put_union(struct value_parser *p, const struct value_type *type,
			   const struct tree_node *node, uint8_t *at, unsigned depth)
{
	struct visor_diag first = {0}, *diag = p->diag;
	struct value_member m;
	char name[80];

	for (uint32_t i = 0; i < btf_vlen(type->t); i++) {
		int err;

		if (!value_member_get(p->btf, type, i, &m))
			return value_fail(p, node, -EINVAL, "broken type information");
		p->diag = first.err ? NULL : &first;
		err = value_put_member(p, &m, node, at, depth);
		p->diag = diag;
		if (!err)
			return 0;
		if (!p->steps)
			break;
		memset(at, 0, type->size);
	}
	if (first.err) {
		if (diag)
			*diag = first;
		return first.err;
	}
	value_type_name(p->btf, type->id, name, sizeof(name));
	return value_fail(p, node, -EINVAL, "no member of %s takes this value", name);
}

static int value_put_composite(struct value_parser *p, const struct value_type *type,
			       const struct tree_node *node, uint8_t *at, unsigned depth)
{
	bool is_union = btf_is_union(type->t);
	char name[80];

	if (node->kind == TREE_MAP)
		return value_put_by_name(p, type, node, at, depth);
	if (is_union)
		return value_put_union(p, type, node, at, depth);
	if (node->kind == TREE_SCALAR) {
		int err = value_put_prefix(p, type, node, at);

		if (err != -ENOENT)
			return err;
		if (btf_vlen(type->t) == 1) {
			struct value_member m;

			if (!value_member_get(p->btf, type, 0, &m))
				return value_fail(p, node, -EINVAL, "broken type information");
			return value_put_member(p, &m, node, at, depth);
		}
		value_type_name(p->btf, type->id, name, sizeof(name));
		value_fail(p, node, -EINVAL, "'%s' is not a value of %s", node->text, name);
		diag_hint(p->diag, "write the members: {name: value, ...}");
		return -EINVAL;
	}
	return value_put_by_position(p, type, node, at, depth);
}

static int value_put(struct value_parser *p, const struct value_type *type,
		     const struct tree_node *node, uint8_t *at, unsigned depth)
{
	bool v4;

	if (depth >= VALUE_MAX_DEPTH || !p->steps--)
		return value_fail(p, node, -E2BIG, "the type is nested too deep");
	if (node->kind == TREE_SCALAR &&
	    value_address(value_type_address(p->btf, type), node->text, at, &v4))
		return 0;
	switch (btf_kind(type->t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return value_put_int(p, type, node, at);
	case BTF_KIND_FLOAT:
		return value_put_float(p, type, node, at);
	case BTF_KIND_ARRAY:
		return value_put_array(p, type, node, at, depth + 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return value_put_composite(p, type, node, at, depth + 1);
	case BTF_KIND_PTR:
		return value_fail(p, node, -EINVAL, "a pointer cannot be set");
	default:
		return value_fail(p, node, -EINVAL, "values of this type cannot be set");
	}
}

/* Without type information: an integer, a list of bytes, or hex:... */
static int value_put_raw(struct value_parser *p, const struct tree_node *node, uint8_t *at,
			 size_t size)
{
	uint64_t v;
	bool negative;

	if (node->kind == TREE_LIST) {
		if (node->n != size)
			return value_fail(p, node, -ERANGE, "%u bytes, %zu are wanted", node->n,
					  size);
		for (size_t i = 0; i < size; i++) {
			const struct tree_node *b = node->items[i];

			if (b->kind != TREE_SCALAR || !value_number(b->text, &v, &negative) ||
			    negative || v > 255)
				return value_fail(p, b, -EINVAL, "a byte (0 to 255) is wanted");
			at[i] = (uint8_t)v;
		}
		return 0;
	}
	if (node->kind == TREE_SCALAR && !strncmp(node->text, "hex:", 4)) {
		const char *hex = node->text + 4;

		if (strlen(hex) != 2 * size || strspn(hex, "0123456789abcdefABCDEF") != 2 * size)
			return value_fail(p, node, -EINVAL, "hex: and %zu hex digits are wanted",
					  2 * size);
		for (size_t i = 0; i < size; i++)
			at[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
		return 0;
	}
	if (node->kind == TREE_SCALAR && (size == 1 || size == 2 || size == 4 || size == 8) &&
	    value_number(node->text, &v, &negative)) {
		int err = value_fit(p, node, (uint32_t)size * 8, negative, &v, negative);

		if (!err)
			value_store(at, (uint32_t)size, v);
		return err;
	}
	value_fail(p, node, -EINVAL, "there is no type information for these %zu bytes", size);
	diag_hint(p->diag, "write a list of bytes, or hex:0123ab...");
	return -EINVAL;
}

int value_parse(const struct btf *btf, uint32_t type_id, const struct tree *tree,
		const struct tree_node *node, void *bytes, size_t size, struct visor_diag *diag)
{
	struct value_parser p = {.btf = btf, .tree = tree, .diag = diag, .steps = VALUE_MAX_STEPS};
	struct value_type type;

	memset(bytes, 0, size);
	if (!btf || !type_id)
		return value_put_raw(&p, node, bytes, size);
	if (!value_type_get(btf, type_id, &type))
		return value_fail(&p, node, -EINVAL, "broken or incomplete type information");
	if (type.size != size)
		return value_fail(&p, node, -EINVAL, "the type has %u bytes, the value %zu",
				  type.size, size);
	return value_put(&p, &type, node, bytes, 0);
}

int value_parse_text(const struct btf *btf, uint32_t type_id, const char *text, void *bytes,
		     size_t size, struct visor_diag *diag)
{
	const struct tree_node *root;
	struct tree *tree;
	int err;

	if (!text[0] || !strchr("{[\"'", text[0]) || (text[0] == '\'' && strlen(text) == 3)) {
		struct tree_node word = {
			.kind = TREE_SCALAR, .line = 1, .col = 1, .text = (char *)(uintptr_t)text};

		return value_parse(btf, type_id, NULL, &word, bytes, size, diag);
	}
	err = tree_parse("value", text, strlen(text), &tree, &root, diag);
	if (err)
		return err;
	err = value_parse(btf, type_id, tree, root, bytes, size, diag);
	tree_free(tree);
	return err;
}
