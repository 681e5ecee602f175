/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/check.c - checking BTF (Documentation/bpf/btf.rst) before anything relies on it.
 *
 * Here: each type by itself, and the header. What a type refers to is only known to be a number
 * that could be an id; whether it is one, and a sensible one, is the business of resolve.c.
 */
#include "btf/btf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BTF_MAX_STRS 0xffffff
#define BTF_NAME_LEN 512

enum btf_name {
	NAME_ANY,
	NAME_NONE,
	NAME_IDENT,
	NAME_IDENT_OR_NONE,
	NAME_SECTION,
	NAME_SOME,
	NAME_VALUE, /* some, in other words */
};

enum btf_rule {
	HAS_TYPE = 1, /* the last word is a type id (else a size, or nothing) */
	VOID_OK = 2,  /* which may be 0 */
	HAS_VLEN = 4,
	HAS_FLAG = 8, /* kind_flag */
	NO_WORD = 16, /* the last word must be 0 */
	LINKAGE = 32, /* vlen is a linkage: static or global */
};

struct btf_kind {
	uint8_t name, fixed, each; /* enum btf_name; bytes after the record, and for each of vlen */
	uint8_t rules;
};

#define KIND(id, name, fixed, each, rules) [BTF_KIND_##id] = {NAME_##name, fixed, each, rules},
/* clang-format off */
static const struct btf_kind btf_kinds[] = {
	KIND(INT,        ANY,           4,  0,  0)
	KIND(PTR,        NONE,          0,  0,  HAS_TYPE | VOID_OK)
	KIND(ARRAY,      NONE,          12, 0,  NO_WORD)
	KIND(STRUCT,     IDENT_OR_NONE, 0,  12, HAS_VLEN | HAS_FLAG)
	KIND(UNION,      IDENT_OR_NONE, 0,  12, HAS_VLEN | HAS_FLAG)
	KIND(ENUM,       IDENT_OR_NONE, 0,  8,  HAS_VLEN | HAS_FLAG)
	KIND(FWD,        IDENT,         0,  0,  HAS_FLAG | NO_WORD)
	KIND(TYPEDEF,    IDENT,         0,  0,  HAS_TYPE | VOID_OK)
	KIND(VOLATILE,   NONE,          0,  0,  HAS_TYPE | VOID_OK)
	KIND(CONST,      NONE,          0,  0,  HAS_TYPE | VOID_OK)
	KIND(RESTRICT,   NONE,          0,  0,  HAS_TYPE | VOID_OK)
	KIND(FUNC,       IDENT,         0,  0,  LINKAGE)
	KIND(FUNC_PROTO, NONE,          0,  8,  HAS_VLEN)
	KIND(VAR,        IDENT,         4,  0,  HAS_TYPE)
	KIND(DATASEC,    SECTION,       0,  12, HAS_VLEN)
	KIND(FLOAT,      ANY,           0,  0,  0)
	KIND(DECL_TAG,   VALUE,         4,  0,  HAS_FLAG)
	KIND(TYPE_TAG,   SOME,          0,  0,  HAS_TYPE | VOID_OK | HAS_FLAG)
	KIND(ENUM64,     IDENT_OR_NONE, 0,  12, HAS_VLEN | HAS_FLAG)
};
/* clang-format on */
#undef KIND

struct btf_work {
	const struct btf *btf;
	char *why;
	enum btf_origin origin;
	uint32_t id; /* being checked */
};

PRINTF_LIKE(2, 3) static int btf_bad(const struct btf_work *w, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w->id)
		snprintf(w->why, BTF_WHY, "[%u] %s", w->id, text);
	else
		snprintf(w->why, BTF_WHY, "%s", text);
	return -EINVAL;
}

bool btf_record_size(const struct btf_type *t, uint32_t *size)
{
	uint32_t kind = btf_type_kind(t);

	if (!kind || kind >= ARRAY_SIZE(btf_kinds))
		return false;
	*size = (uint32_t)sizeof(*t) + btf_kinds[kind].fixed +
		btf_type_vlen(t) * btf_kinds[kind].each;
	return true;
}

const char *btf_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		"UNKNOWN", "INT",     "PTR",	  "ARRAY",    "STRUCT",	  "UNION",  "ENUM",
		"FWD",	   "TYPEDEF", "VOLATILE", "CONST",    "RESTRICT", "FUNC",   "FUNC_PROTO",
		"VAR",	   "DATASEC", "FLOAT",	  "DECL_TAG", "TYPE_TAG", "ENUM64",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "UNKNOWN";
}

/* ---- the header --------------------------------------------------------------------------- */

/* BPF_BTF_LOAD wants the sections to follow the header with nothing between or after. */
static int check_layout(const struct btf_work *w, const struct btf_header *hdr, uint32_t body)
{
	bool types_first = hdr->type_off <= hdr->str_off;
	uint32_t off[2] = {types_first ? hdr->type_off : hdr->str_off,
			   types_first ? hdr->str_off : hdr->type_off};
	uint32_t len[2] = {types_first ? hdr->type_len : hdr->str_len,
			   types_first ? hdr->str_len : hdr->type_len};
	uint32_t end = 0;

	for (int i = 0; i < 2; end += len[i++]) {
		if (off[i] > body)
			return btf_bad(w, "Invalid section offset");
		if (end < off[i])
			return btf_bad(w, "Unsupported section found");
		if (end > off[i])
			return btf_bad(w, "Section overlap found");
		if (len[i] > body - end)
			return btf_bad(w, "Total section length too long");
	}
	if (end != body)
		return btf_bad(w, "Unsupported section found");
	return types_first ? 0 : btf_bad(w, "String section is not at the end");
}

static int check_sections(const struct btf_work *w, const struct btf_header *hdr)
{
	const struct btf *btf = w->btf;
	uint32_t body = btf->size - hdr->hdr_len;
	const uint8_t *strs;
	int err;

	if (w->origin != BTF_KERNEL) {
		err = check_layout(w, hdr, body);
		if (err)
			return err;
	} else if (hdr->type_off > body || hdr->type_len > body - hdr->type_off ||
		   hdr->str_off > body || hdr->str_len > body - hdr->str_off) {
		return btf_bad(w, "Invalid section offset");
	}
	if (!btf->base || hdr->str_len) {
		strs = btf->data + hdr->hdr_len + hdr->str_off;
		if (!hdr->str_len || hdr->str_len - 1 > BTF_MAX_STRS || (!btf->base && strs[0]) ||
		    strs[hdr->str_len - 1])
			return btf_bad(w, "Invalid string section");
	}
	if (hdr->type_len % 4 || hdr->type_off % 4 || hdr->hdr_len % 4)
		return btf_bad(w, "Unaligned type_off");
	return hdr->type_len || btf->base ? 0 : btf_bad(w, "No type found");
}

int btf_check_header(const struct btf *btf, struct btf_header *hdr, char *why)
{
	const struct btf_work work = {.btf = btf, .why = why, .origin = btf->origin}, *w = &work;
	uint32_t len;

	if (btf->size < offsetof(struct btf_header, hdr_len) + sizeof(hdr->hdr_len))
		return btf_bad(w, "hdr_len not found");
	len = get_u32(btf->data + offsetof(struct btf_header, hdr_len));
	if (len > btf->size)
		return btf_bad(w, "btf_header not found");
	for (uint32_t i = sizeof(*hdr); i < len; i++)
		if (btf->data[i]) {
			btf_bad(w, "Unsupported btf_header");
			return -E2BIG;
		}
	memset(hdr, 0, sizeof(*hdr));
	memcpy(hdr, btf->data, MIN(len, sizeof(*hdr)));
	hdr->hdr_len = len;
	if (hdr->magic != BTF_MAGIC)
		return btf_bad(w, "Invalid magic");
	if (hdr->version != BTF_VERSION || hdr->flags) {
		btf_bad(w, "Unsupported %s", hdr->version != BTF_VERSION ? "version" : "flags");
		return -BTF_ENOTSUPP;
	}
	if (btf->size == len && !btf->base)
		return btf_bad(w, "No data");
	return check_sections(w, hdr);
}

/* ---- names -------------------------------------------------------------------------------- */

static bool is_name(const char *s, bool digits_first)
{
	size_t len = strlen(s);

	if (!len || len >= BTF_NAME_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!isascii(c) ||
		    (c != '_' && c != '.' && !isalpha(c) && !((i || digits_first) && isdigit(c))))
			return false;
	}
	return true;
}

bool btf_name_is_identifier(const char *name)
{
	return is_name(name, false);
}

static bool is_section_name(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)s[i]) || !isprint((unsigned char)s[i]))
			return false;
	return len && len < BTF_NAME_LEN;
}

static int check_name(const struct btf_work *w, uint32_t off, enum btf_name rule)
{
	const char *s = btf_str(w->btf, off);
	bool ok = true;

	if (off >= w->btf->first_str + w->btf->strs_len)
		return btf_bad(w, "Invalid name_offset:%u", off);
	if (w->origin == BTF_OBJECT)
		return 0; /* libbpf drops names that a kernel would not take */
	switch (rule) {
	case NAME_ANY:
		break;
	case NAME_NONE:
		ok = !off;
		break;
	case NAME_IDENT_OR_NONE:
		ok = !off || btf_name_is_identifier(s);
		break;
	case NAME_IDENT:
		ok = btf_name_is_identifier(s);
		break;
	case NAME_SECTION:
		ok = is_section_name(s);
		break;
	case NAME_SOME:
	case NAME_VALUE:
		ok = *s;
		break;
	}
	return ok ? 0 : btf_bad(w, rule == NAME_VALUE ? "Invalid value" : "Invalid name");
}

/* libbpf needs ids that exist. The kernel finds out later. */
static int check_id(const struct btf_work *w, uint32_t id, bool void_ok)
{
	if (id > BTF_MAX_IDS || (!id && !void_ok) ||
	    (w->origin == BTF_OBJECT && id > w->btf->n_types))
		return btf_bad(w, "Invalid type_id");
	return 0;
}

/* ---- one type ----------------------------------------------------------------------------- */

static bool pow2_size(uint32_t size, uint32_t max)
{
	return size && size <= max && !(size & (size - 1));
}

static int check_int(const struct btf_work *w, const struct btf_type *t)
{
	uint32_t data = get_u32(t + 1), bits = BTF_INT_BITS(data), off = BTF_INT_OFFSET(data);
	uint32_t enc = BTF_INT_ENCODING(data);

	if (data & ~0xfffffffu)
		return btf_bad(w, "Invalid int_data:%x", data);
	if (bits + off > 128)
		return btf_bad(w, "nr_bits exceeds 128");
	if ((bits + off + 7) / 8 > t->size)
		return btf_bad(w, "nr_bits exceeds type_size");
	if (enc && enc != BTF_INT_SIGNED && enc != BTF_INT_CHAR && enc != BTF_INT_BOOL) {
		btf_bad(w, "Unsupported encoding");
		return -BTF_ENOTSUPP;
	}
	return 0;
}

static int check_members(const struct btf_work *w, const struct btf_type *t)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	bool flag = BTF_INFO_KFLAG(t->info), is_union = BTF_INFO_KIND(t->info) == BTF_KIND_UNION;
	uint32_t last = 0;
	int err;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, m++) {
		uint32_t bit = flag ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;

		err = check_name(w, m->name_off, NAME_IDENT_OR_NONE);
		if (!err)
			err = check_id(w, m->type, false);
		if (err)
			return err;
		if ((is_union && bit) || bit < last)
			return btf_bad(w, "Invalid member bits_offset");
		if (((uint64_t)bit + 7) / 8 > t->size)
			return btf_bad(w, "Member bits_offset exceeds its struct size");
		last = bit;
	}
	return 0;
}

static int check_enum(const struct btf_work *w, const struct btf_type *t, size_t step)
{
	const char *p = (const char *)(t + 1);
	int err = pow2_size(t->size, 8) ? 0 : btf_bad(w, "Unexpected size");

	for (uint32_t i = 0; !err && i < BTF_INFO_VLEN(t->info); i++, p += step)
		err = check_name(w, get_u32(p), NAME_IDENT);
	return err;
}

static int check_params(const struct btf_work *w, const struct btf_type *t)
{
	const struct btf_param *p = btf_proto_params(t);
	int err = 0;

	for (uint32_t i = 0; !err && i < btf_type_vlen(t) && w->origin == BTF_OBJECT; i++, p++) {
		err = check_id(w, p->type, true);
		if (!err)
			err = check_name(w, p->name_off, NAME_IDENT_OR_NONE);
	}
	return err;
}

static int check_datasec(const struct btf_work *w, const struct btf_type *t)
{
	const struct btf_var_secinfo *s = (const struct btf_var_secinfo *)(t + 1);
	uint64_t end = 0;

	if (w->origin == BTF_OBJECT) {
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, s++)
			if (check_id(w, s->type, false))
				return -EINVAL;
		return 0;
	}
	if (!t->size)
		return btf_bad(w, "size is zero");
	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, s++) {
		if (check_id(w, s->type, false))
			return -EINVAL;
		if (s->offset < end || s->offset >= t->size)
			return btf_bad(w, "Invalid offset");
		if (!s->size || s->size > t->size)
			return btf_bad(w, "Invalid size");
		end = (uint64_t)s->offset + s->size;
		if (end > t->size)
			return btf_bad(w, "Invalid offset+size");
	}
	return 0;
}

static int check_type(const struct btf_work *w, const struct btf_type *t)
{
	uint32_t linkage = w->origin == BTF_OBJECT ? BTF_FUNC_EXTERN : BTF_FUNC_GLOBAL;
	uint32_t kind = BTF_INFO_KIND(t->info);
	const struct btf_array *array = (const struct btf_array *)(t + 1);
	const struct btf_kind *rule = &btf_kinds[kind];
	int err;

	if (t->info & ~0x9f00ffffu)
		return btf_bad(w, "Invalid btf_info:%x", t->info);
	err = check_name(w, t->name_off, (enum btf_name)rule->name);
	if (err)
		return err;
	if (BTF_INFO_VLEN(t->info) > ((rule->rules & LINKAGE) ? linkage : 0) &&
	    !(rule->rules & HAS_VLEN))
		return btf_bad(w, rule->rules & LINKAGE ? "Invalid func linkage" : "vlen != 0");
	if (BTF_INFO_KFLAG(t->info) && !(rule->rules & HAS_FLAG))
		return btf_bad(w, "Invalid btf_info kind_flag");
	if ((rule->rules & NO_WORD) && t->size)
		return btf_bad(w, kind == BTF_KIND_FWD ? "type != 0" : "size != 0");
	if (rule->rules & HAS_TYPE) {
		err = check_id(w, t->type,
			       (rule->rules & VOID_OK) ||
				       (kind == BTF_KIND_VAR && w->origin == BTF_OBJECT));
		if (err)
			return err;
	}
	switch (kind) {
	case BTF_KIND_INT:
		return check_int(w, t);
	case BTF_KIND_ARRAY:
		if (check_id(w, array->type, false))
			return btf_bad(w, "Invalid elem");
		return check_id(w, array->index_type, false) ? btf_bad(w, "Invalid index") : 0;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return check_members(w, t);
	case BTF_KIND_ENUM:
		return check_enum(w, t, sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return check_enum(w, t, sizeof(struct btf_enum64));
	case BTF_KIND_FUNC_PROTO:
		return check_params(w, t);
	case BTF_KIND_VAR:
		return get_u32(t + 1) > linkage ? btf_bad(w, "Linkage not supported") : 0;
	case BTF_KIND_DATASEC:
		return check_datasec(w, t);
	case BTF_KIND_FLOAT:
		return (t->size > 1 && pow2_size(t->size, 16)) || t->size == 12
			       ? 0
			       : btf_bad(w, "Invalid type_size");
	case BTF_KIND_DECL_TAG:
		return (int32_t)get_u32(t + 1) < -1 ? btf_bad(w, "Invalid component_idx") : 0;
	default:
		return 0;
	}
}

/* ---- all of it ---------------------------------------------------------------------------- */

int btf_check_type(const struct btf *btf, uint32_t id, const struct btf_type *t, char *why)
{
	struct btf_work w = {.btf = btf, .why = why, .origin = btf->origin, .id = id};

	return check_type(&w, t);
}
