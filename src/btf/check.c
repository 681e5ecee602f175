/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/check.c - checking BTF (Documentation/bpf/btf.rst) before anything relies on it.
 *
 * After btf_check() every string offset and type id is in range, every type's record is
 * whole, and following types by value always ends, within BTF_MAX_DEPTH steps.
 */
#include "btf/btf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BTF_MAX_IDS  0xfffff
#define BTF_MAX_STRS 0xffffff
#define BTF_NAME_LEN 512

enum btf_name { NAME_ANY, NAME_NONE, NAME_IDENT, NAME_IDENT_OR_NONE, NAME_SECTION, NAME_SOME };

enum btf_rule {
	HAS_TYPE = 1, /* the last word is a type id (else a size, or nothing) */
	VOID_OK = 2,  /* which may be 0 */
	HAS_VLEN = 4,
	HAS_FLAG = 8,  /* kind_flag */
	BY_VALUE = 16, /* as large as the type it refers to */
	NO_WORD = 32,  /* the last word must be 0 */
	LINKAGE = 64,  /* vlen is a linkage: static or global */
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
	KIND(TYPEDEF,    IDENT,         0,  0,  HAS_TYPE | VOID_OK | BY_VALUE)
	KIND(VOLATILE,   NONE,          0,  0,  HAS_TYPE | VOID_OK | BY_VALUE)
	KIND(CONST,      NONE,          0,  0,  HAS_TYPE | VOID_OK | BY_VALUE)
	KIND(RESTRICT,   NONE,          0,  0,  HAS_TYPE | VOID_OK | BY_VALUE)
	KIND(FUNC,       IDENT,         0,  0,  HAS_TYPE | LINKAGE)
	KIND(FUNC_PROTO, NONE,          0,  8,  HAS_TYPE | VOID_OK | HAS_VLEN)
	KIND(VAR,        SECTION,       4,  0,  HAS_TYPE | BY_VALUE)
	KIND(DATASEC,    SECTION,       0,  12, HAS_VLEN)
	KIND(FLOAT,      ANY,           0,  0,  0)
	KIND(DECL_TAG,   SOME,          4,  0,  HAS_TYPE | HAS_FLAG)
	KIND(TYPE_TAG,   SOME,          0,  0,  HAS_TYPE | VOID_OK | BY_VALUE | HAS_FLAG)
	KIND(ENUM64,     IDENT_OR_NONE, 0,  12, HAS_VLEN | HAS_FLAG)
};
/* clang-format on */
#undef KIND

struct btf_work {
	const struct btf *btf;
	char *why;
	enum btf_origin origin;
	uint32_t id;	/* being checked */
	uint8_t *state; /* of resolving each type: 0 not yet, 1 in progress, 2 done */
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

/* Whether the sections are inside of the data, and laid out as BPF_BTF_LOAD wants it: types,
 * then strings, nothing between, before or after. */
static int check_sections(const struct btf_work *w, const struct btf_header *hdr, uint32_t len)
{
	const struct btf *btf = w->btf;
	uint32_t body = btf->size - len;
	const uint8_t *strs;

	if (len < sizeof(*hdr) || hdr->type_off > body || hdr->type_len > body - hdr->type_off ||
	    hdr->str_off > body || hdr->str_len > body - hdr->str_off)
		return btf_bad(w, "Invalid section offset or length");
	if (w->origin != BTF_KERNEL && (hdr->type_off || hdr->str_off != hdr->type_len ||
					hdr->str_len != body - hdr->type_len))
		return btf_bad(w, "Invalid section offset or length");
	if (hdr->type_len % 4 || hdr->type_off % 4 || len % 4)
		return btf_bad(w, "Unaligned type section");
	if (btf->base && !hdr->str_len)
		return 0;
	strs = btf->data + len + hdr->str_off;
	if (!hdr->str_len || hdr->str_len - 1 > BTF_MAX_STRS || (!btf->base && strs[0]) ||
	    strs[hdr->str_len - 1])
		return btf_bad(w, "Invalid string section");
	return 0;
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
	if (len > sizeof(*hdr))
		for (uint32_t i = sizeof(*hdr); i < len; i++)
			if (btf->data[i]) {
				btf_bad(w, "Unsupported btf_header");
				return -E2BIG;
			}
	memset(hdr, 0, sizeof(*hdr));
	memcpy(hdr, btf->data, MIN(len, sizeof(*hdr)));
	if (hdr->magic != BTF_MAGIC)
		return btf_bad(w, "Invalid magic");
	if (hdr->version != BTF_VERSION || hdr->flags) {
		btf_bad(w, "Unsupported %s", hdr->version != BTF_VERSION ? "version" : "flags");
		return -BTF_ENOTSUPP;
	}
	if (!hdr->type_len && !btf->base)
		return btf_bad(w, "No type found");
	return check_sections(w, hdr, len);
}

/* ---- names -------------------------------------------------------------------------------- */

static int check_name(const struct btf_work *w, uint32_t off, enum btf_name rule)
{
	const char *s;
	size_t len;

	if (off >= w->btf->first_str + w->btf->strs_len)
		return btf_bad(w, "Invalid name_offset:%u", off);
	if (w->origin == BTF_OBJECT)
		return 0; /* libbpf drops names that a kernel would not take */
	s = btf_str(w->btf, off);
	len = strlen(s);
	if (rule == NAME_ANY || (rule == NAME_IDENT_OR_NONE && !off))
		return 0;
	if (rule == NAME_NONE)
		return off ? btf_bad(w, "Invalid name") : 0;
	if (!len || len >= BTF_NAME_LEN)
		return btf_bad(w, "Invalid name");
	for (size_t i = 0; i < len && rule != NAME_SOME; i++) {
		unsigned char c = (unsigned char)s[i];

		if (rule == NAME_SECTION ? !isascii(c) || !isprint(c)
					 : !isascii(c) || !(i ? isalnum(c) : isalpha(c)))
			if (c != '_' && c != '.')
				return btf_bad(w, "Invalid name");
	}
	return 0;
}

static int check_id(const struct btf_work *w, uint32_t id, bool void_ok)
{
	if (id > BTF_MAX_IDS || (!id && !void_ok) || id > w->btf->n_types)
		return btf_bad(w, "Invalid type_id:%u", id);
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

	if (data & ~0xfff00ffu || bits > 128 || bits + off > 128 ||
	    (bits + off + 7) / 8 > t->size || t->size > 16)
		return btf_bad(w, "Invalid int");
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
		if ((is_union && bit) || bit < last || (bit + 7) / 8 > t->size)
			return btf_bad(w, "Invalid member bits_offset");
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
	const struct btf_param *p = (const struct btf_param *)(t + 1);
	uint32_t n = BTF_INFO_VLEN(t->info);
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++, p++) {
		if (!p->type && (i + 1 < n || p->name_off))
			return btf_bad(w, "Invalid arg#%u", i + 1);
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
		if (s->offset < end || s->offset >= t->size || !s->size || s->size > t->size)
			return btf_bad(w, "Invalid offset or size of a variable");
		end = (uint64_t)s->offset + s->size;
		if (end > t->size)
			return btf_bad(w, "Invalid offset+size of a variable");
	}
	return 0;
}

static int check_type(const struct btf_work *w, const struct btf_type *t)
{
	uint32_t linkage = w->origin == BTF_OBJECT ? BTF_FUNC_EXTERN : BTF_FUNC_GLOBAL;
	uint32_t kind = BTF_INFO_KIND(t->info);
	const struct btf_array *array = (const struct btf_array *)(t + 1);
	const struct btf_kind *rule = &btf_kinds[kind];
	int err = check_name(w, t->name_off, (enum btf_name)rule->name);

	if (err)
		return err;
	if (t->info & ~0x9f00ffffu)
		return btf_bad(w, "Invalid btf_info:%x", t->info);
	if (BTF_INFO_VLEN(t->info) > ((rule->rules & LINKAGE) ? linkage : 0) &&
	    !(rule->rules & HAS_VLEN))
		return btf_bad(w, "vlen != 0");
	if (BTF_INFO_KFLAG(t->info) && !(rule->rules & HAS_FLAG))
		return btf_bad(w, "Invalid btf_info kind_flag");
	if ((rule->rules & NO_WORD) && t->size)
		return btf_bad(w, "size or type != 0");
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
		err = check_id(w, array->type, false);
		return err ? err : check_id(w, array->index_type, false);
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

/* ---- types together ----------------------------------------------------------------------- */

static int resolve(struct btf_work *w, uint32_t id, int depth);

/* A type that is part of another must be whole and have a size. */
static int resolve_part(struct btf_work *w, uint32_t id, int depth)
{
	int err = resolve(w, id, depth + 1);

	if (!err && btf_size(w->btf, id, NULL) < 0)
		err = btf_bad(w, "type %u has no size", id);
	return err;
}

static int resolve_members(struct btf_work *w, const struct btf_type *t, int depth)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	bool flag = BTF_INFO_KFLAG(t->info);
	int err;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, m++) {
		uint64_t bit = flag ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
		uint64_t bits = flag ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;

		err = resolve_part(w, m->type, depth);
		if (err)
			return err;
		if (!bits && !flag &&
		    BTF_INFO_KIND(btf_type(w->btf, m->type)->info) == BTF_KIND_INT)
			bits = BTF_INT_BITS(get_u32(btf_type(w->btf, m->type) + 1));
		if (!bits)
			bits = 8 * (uint64_t)btf_size(w->btf, m->type, NULL);
		if (bit + bits > 8 * (uint64_t)t->size)
			return btf_bad(w, "Member exceeds struct_size");
	}
	return 0;
}

static int resolve_datasec(struct btf_work *w, const struct btf_type *t, int depth)
{
	const struct btf_var_secinfo *s = (const struct btf_var_secinfo *)(t + 1);
	bool object = w->origin == BTF_OBJECT;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, s++) {
		uint32_t kind = BTF_INFO_KIND(btf_type(w->btf, s->type)->info);
		int err = kind == BTF_KIND_VAR || (object && kind == BTF_KIND_FUNC)
				  ? resolve(w, s->type, depth + 1)
				  : btf_bad(w, "Not a VAR kind member");

		if (!err && !object && btf_size(w->btf, s->type, NULL) > s->size)
			err = btf_bad(w, "Invalid size of a variable");
		if (err)
			return err;
	}
	return 0;
}

/* True if a pointer to this type must be followed: a loop of pointers has no end either. */
static bool resolve_through(const struct btf_type *t)
{
	uint32_t kind = t ? BTF_INFO_KIND(t->info) : 0;

	return kind == BTF_KIND_PTR || (kind != BTF_KIND_VAR && (btf_kinds[kind].rules & BY_VALUE));
}

static int resolve(struct btf_work *w, uint32_t id, int depth)
{
	const struct btf_type *t = btf_type(w->btf, id), *to;
	int err = 0;

	if (!t || w->state[id] == 2)
		return 0;
	if (w->state[id] == 1)
		return btf_bad(w, "Loop detected");
	if (depth >= BTF_MAX_DEPTH) {
		btf_bad(w, "Max chain depth exceeded");
		return -E2BIG;
	}
	w->state[id] = 1;
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_ARRAY:
		err = resolve_part(w, ((const struct btf_array *)(t + 1))->type, depth);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		err = resolve_members(w, t, depth);
		break;
	case BTF_KIND_VAR:
		/* `extern const void x` has no size. */
		err = w->origin == BTF_OBJECT ? resolve(w, t->type, depth + 1)
					      : resolve_part(w, t->type, depth);
		break;
	case BTF_KIND_DATASEC:
		err = resolve_datasec(w, t, depth);
		break;
	case BTF_KIND_FUNC:
		to = btf_type(w->btf, t->type);
		if (BTF_INFO_KIND(to->info) != BTF_KIND_FUNC_PROTO)
			err = btf_bad(w, "Invalid type_id:%u of a function", t->type);
		break;
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		to = btf_type(w->btf, t->type);
		if (BTF_INFO_KIND(t->info) != BTF_KIND_PTR || resolve_through(to))
			err = resolve(w, t->type, depth + 1);
		break;
	default:
		break;
	}
	w->state[id] = 2;
	return err;
}

/* ---- all of it ---------------------------------------------------------------------------- */

int btf_check(const struct btf *btf, char *why)
{
	struct btf_work w = {.btf = btf, .why = why, .origin = btf->origin};
	uint32_t end = btf->n_types + 1;
	int err = 0;

	for (w.id = btf->first_id; !err && w.id < end; w.id++)
		err = check_type(&w, btf_type(btf, w.id));
	if (err)
		return err;
	w.state = calloc(end, 1);
	if (!w.state)
		return -ENOMEM;
	for (w.id = btf->first_id; !err && w.id < end; w.id++)
		err = resolve(&w, w.id, 0);
	free(w.state);
	return err;
}
