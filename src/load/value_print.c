/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/value_print.c - typed values: from bytes to text.
 *
 * What is printed can be read back by value.c: `{a: 1, addr: 10.0.0.1}`. With VALUE_JSON
 * the same structure is valid JSON.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "load/value_type.h"

struct value_printer {
	FILE *to;
	const struct btf *btf;
	unsigned flags;
	uint32_t steps; /* left */
};

static int value_show(struct value_printer *p, const struct value_type *type, const char *name,
		      const uint8_t *at, unsigned depth);

/* A word that needs no quotes in a chain file, also within braces. */
static bool value_is_word(const char *s, size_t len)
{
	if (!len || !(isalnum((unsigned char)s[0]) || s[0] == '_' || s[0] == '/'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_./-", s[i]))
			return false;
	return true;
}

static void value_show_text(struct value_printer *p, const char *s, size_t len)
{
	if (!(p->flags & VALUE_JSON) && value_is_word(s, len)) {
		fprintf(p->to, "%.*s", (int)len, s);
		return;
	}
	fputc('"', p->to);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			fprintf(p->to, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(p->to, "\\u%04x", c);
		else
			fputc(c, p->to);
	}
	fputc('"', p->to);
}

/* An address needs quotes in JSON only. */
static void value_show_quoted(struct value_printer *p, const char *text)
{
	bool quote = (p->flags & VALUE_JSON) || text[0] == ':';

	fprintf(p->to, quote ? "\"%s\"" : "%s", text);
}

static bool value_has_word(const char *name, const char *word)
{
	for (const char *s = name; (s = strcasestr(s, word)) != NULL; s++)
		if (s == name || !isalpha((unsigned char)s[-1]))
			return true;
	return false;
}

static bool value_names_address(const char *name)
{
	return strcasestr(name, "addr") || value_has_word(name, "ip") ||
	       value_has_word(name, "prefix") || value_has_word(name, "gateway") ||
	       value_has_word(name, "nexthop");
}

static bool value_names_mac(const char *name)
{
	return strcasestr(name, "mac") || strcasestr(name, "eth") || strcasestr(name, "addr") ||
	       !strcmp(name, "h_dest") || !strcmp(name, "h_source");
}

static void value_show_address(struct value_printer *p, enum value_address kind, const uint8_t *at)
{
	char text[INET6_ADDRSTRLEN];

	if (kind == ADDRESS_MAC)
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", at[0], at[1], at[2],
			 at[3], at[4], at[5]);
	else
		inet_ntop(kind == ADDRESS_V4 ? AF_INET : AF_INET6, at, text, sizeof(text));
	value_show_quoted(p, text);
}

/* True if the value was shown as an address because a name says that it is one. */
static bool value_try_address(struct value_printer *p, const struct value_type *type,
			      const char *name, const uint8_t *at)
{
	enum value_address kind = value_type_address(p->btf, type);
	bool is;

	if (kind == ADDRESS_NONE || (p->flags & VALUE_RAW))
		return false;
	if (btf_is_int(type->t) && !(kind == ADDRESS_V4 && type->network) && kind != ADDRESS_V6)
		return false;
	if (kind == ADDRESS_MAC)
		is = value_names_mac(name) || value_names_mac(type->typedef_name);
	else
		is = value_names_address(name) || value_names_address(type->typedef_name);
	if (is)
		value_show_address(p, kind, at);
	return is;
}

static bool value_try_prefix(struct value_printer *p, const struct value_type *type,
			     const uint8_t *at)
{
	struct value_member length, address;
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];
	enum value_address kind;
	uint32_t bits;

	if ((p->flags & VALUE_RAW) || !value_type_prefix(p->btf, type, &length, &address))
		return false;
	if (!strcasestr(length.name, "len") && !strcasestr(length.name, "bits") &&
	    !strcasestr(length.name, "prefix"))
		return false;
	if (!value_names_address(address.name) && strcmp(address.name, "data"))
		return false;
	bits = get_u32(at + length.off);
	if (bits > address.type.size * 8)
		return false;
	kind = value_type_address(p->btf, &address.type);
	inet_ntop(kind == ADDRESS_V4 ? AF_INET : AF_INET6, at + address.off, host, sizeof(host));
	snprintf(text, sizeof(text), "%s/%u", host, bits);
	value_show_quoted(p, text);
	return true;
}

/* v is the number in `bits` bits, in host order. */
static void value_show_number(struct value_printer *p, const struct value_type *type, uint64_t v,
			      uint32_t bits)
{
	if (btf_is_any_enum(type->t) && !(p->flags & VALUE_RAW)) {
		uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;

		for (uint32_t i = 0; i < btf_vlen(type->t); i++) {
			int64_t value;
			const char *name = value_enumerator(p->btf, type, i, &value);

			if (((uint64_t)value & mask) == v && name[0]) {
				value_show_text(p, name, strlen(name));
				return;
			}
		}
	}
	if (type->boolean && !(p->flags & VALUE_RAW) && v < 2)
		fputs(v ? "true" : "false", p->to);
	else if (type->is_signed || (btf_is_any_enum(type->t) && btf_kflag(type->t)))
		fprintf(p->to, "%" PRId64,
			bits == 64 ? (int64_t)v : (int64_t)(v << (64 - bits)) >> (64 - bits));
	else
		fprintf(p->to, "%" PRIu64, v);
}

static void value_show_int(struct value_printer *p, const struct value_type *type,
			   const uint8_t *at)
{
	uint64_t v;

	if (type->size == 16) {
		bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

		fprintf(p->to,
			p->flags & VALUE_JSON ? "\"0x%016" PRIx64 "%016" PRIx64 "\""
					      : "0x%016" PRIx64 "%016" PRIx64,
			get_u64(at + (little ? 8 : 0)), get_u64(at + (little ? 0 : 8)));
		return;
	}
	v = value_load(at, type->size);
	if (type->network)
		v = value_network(v, type->size);
	value_show_number(p, type, v, type->size * 8);
}

static void value_show_float(struct value_printer *p, const struct value_type *type,
			     const uint8_t *at)
{
	double d;
	float f;

	memcpy(&f, at, 4);
	if (type->size == 4)
		d = (double)f;
	else
		memcpy(&d, at, 8);
	/* JSON has no infinities. */
	fprintf(p->to, (p->flags & VALUE_JSON) && !(d - d == 0) ? "\"%.17g\"" : "%.17g", d);
}

static int value_show_array(struct value_printer *p, const struct value_type *type,
			    const char *name, const uint8_t *at, unsigned depth)
{
	uint32_t n = btf_array(type->t)->nelems;
	struct value_type elem;

	if (!value_type_get(p->btf, btf_array(type->t)->type, &elem))
		return -EINVAL;
	if (elem.text && !(p->flags & VALUE_RAW)) {
		const char *s = (const char *)at;
		size_t len = strnlen(s, n);
		bool rest = false;

		/* Only if nothing is lost: all zero behind the text. */
		for (size_t i = len; i < n; i++)
			rest |= s[i];
		if (!rest) {
			value_show_text(p, s, len);
			return 0;
		}
	}
	if (!elem.size)
		n = 0;
	fputc('[', p->to);
	for (uint32_t i = 0; i < n; i++) {
		int err;

		if (i)
			fputs(", ", p->to);
		err = value_show(p, &elem, name, at + (size_t)i * elem.size, depth);
		if (err)
			return err;
	}
	fputc(']', p->to);
	return 0;
}

static int value_show_members(struct value_printer *p, const struct value_type *type,
			      const uint8_t *at, bool *first, unsigned depth)
{
	if (depth >= VALUE_MAX_DEPTH)
		return -ELOOP;
	for (uint32_t i = 0; i < btf_vlen(type->t); i++) {
		struct value_member m;
		int err = 0;

		if (!p->steps--)
			return -E2BIG;
		if (!value_member_get(p->btf, type, i, &m))
			return -EINVAL;
		if (!m.name[0]) { /* padding, or an anonymous struct: its members are ours */
			if (!m.bits && btf_is_composite(m.type.t))
				err = value_show_members(p, &m.type, at + m.off, first, depth + 1);
			if (err)
				return err;
			continue;
		}
		if (!*first)
			fputs(", ", p->to);
		*first = false;
		value_show_text(p, m.name, strlen(m.name));
		fputs(": ", p->to);
		if (m.bits)
			value_show_number(p, &m.type, value_load_bits(at, m.bit_off, m.bits),
					  m.bits);
		else
			err = value_show(p, &m.type, m.name, at + m.off, depth + 1);
		if (err)
			return err;
	}
	return 0;
}

static int value_show_composite(struct value_printer *p, const struct value_type *type,
				const char *name, const uint8_t *at, unsigned depth)
{
	const char *tag = btf__name_by_offset(p->btf, type->t->name_off) ?: "";
	bool first = true;
	int err;

	if (!(p->flags & VALUE_RAW) && type->size == (strcmp(tag, "in_addr") ? 16 : 4) &&
	    (!strcmp(tag, "in_addr") || !strcmp(tag, "in6_addr"))) {
		value_show_address(p, type->size == 4 ? ADDRESS_V4 : ADDRESS_V6, at);
		return 0;
	}
	if (value_try_prefix(p, type, at))
		return 0;
	fputc('{', p->to);
	err = value_show_members(p, type, at, &first, depth);
	fputc('}', p->to);
	return err;
}

static int value_show(struct value_printer *p, const struct value_type *type, const char *name,
		      const uint8_t *at, unsigned depth)
{
	if (depth >= VALUE_MAX_DEPTH)
		return -ELOOP;
	if (!p->steps--)
		return -E2BIG;
	if (value_try_address(p, type, name, at))
		return 0;
	switch (btf_kind(type->t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		value_show_int(p, type, at);
		return 0;
	case BTF_KIND_FLOAT:
		value_show_float(p, type, at);
		return 0;
	case BTF_KIND_PTR:
		fprintf(p->to, p->flags & VALUE_JSON ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64,
			get_u64(at));
		return 0;
	case BTF_KIND_ARRAY:
		return value_show_array(p, type, name, at, depth + 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return value_show_composite(p, type, name, at, depth + 1);
	default:
		return -EINVAL;
	}
}

static void value_show_raw(struct value_printer *p, const uint8_t *at, size_t size)
{
	if (size == 1 || size == 2 || size == 4 || size == 8) {
		fprintf(p->to, "%" PRIu64, value_load(at, (uint32_t)size));
		return;
	}
	fputc('[', p->to);
	for (size_t i = 0; i < size; i++)
		fprintf(p->to, "%s%u", i ? ", " : "", at[i]);
	fputc(']', p->to);
}

int value_print(FILE *to, const struct btf *btf, uint32_t type_id, const void *bytes, size_t size,
		unsigned flags, struct visor_diag *diag)
{
	struct value_printer p = {.to = to, .btf = btf, .flags = flags, .steps = VALUE_MAX_STEPS};
	struct value_type type;
	int err;

	if (!btf || !type_id) {
		value_show_raw(&p, bytes, size);
		return 0;
	}
	if (!value_type_get(btf, type_id, &type))
		return diag_fail(diag, -EINVAL, "print", "broken or incomplete type information");
	if (type.size > size)
		return diag_fail(diag, -EINVAL, "print", "the type has %u bytes, the value %zu",
				 type.size, size);
	err = value_show(&p, &type, "", bytes, 0);
	if (err)
		return diag_fail(diag, err, "print", "the type cannot be printed");
	return 0;
}
