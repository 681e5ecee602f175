/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/resolve.c - checking how types refer to each other.
 *
 * Types are followed depth first, on a stack of BTF_MAX_DEPTH. What ends a path depends on where
 * it began: a pointer may lead back to the struct that it is a member of, but not to itself, and
 * a struct must not contain itself. So a path that began at a pointer goes on through modifiers
 * and pointers, one from a struct or an array through modifiers, structs and arrays. What is
 * resolved once is not followed again, so that the order of types decides which error is met
 * first; it is the kernel's order.
 */
#include "btf/btf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum resolve_state { FRESH, ENTERED, RESOLVED };
enum resolve_path { PATH_ANY, PATH_POINTER, PATH_VALUE };

struct resolve {
	const struct btf *btf;
	char *why;
	bool object; /* by a compiler: see enum btf_origin */
	uint32_t id; /* being checked, for messages */
	enum resolve_path path;
	uint32_t depth;
	struct {
		uint32_t id, next; /* next: member, variable to go on with */
	} stack[BTF_MAX_DEPTH];
	uint8_t *state;
	uint16_t *chain; /* modifiers up to the type that has the size */
	uint32_t *to;	 /* modifiers, pointers, variables: that type */
	uint32_t *size;	 /* arrays: bytes */
};

/* Results of a step, besides errors. */
enum { STEP_DONE, STEP_PUSHED };

PRINTF_LIKE(2, 3) static int bad(const struct resolve *r, const char *fmt, ...)
{
	int n = snprintf(r->why, BTF_WHY, "[%u] ", r->id);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + n, BTF_WHY - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const struct btf_type *type_at(const struct resolve *r, uint32_t id)
{
	return btf_type_by_id(r->btf, id);
}

/* ---- properties of kinds ----------------------------------------------------------------------
 */

/* Nothing may refer to these, except those that say so. */
static bool only_refers(const struct btf_type *t)
{
	uint32_t kind = btf_type_kind(t);

	return kind == BTF_KIND_VAR || kind == BTF_KIND_DATASEC || kind == BTF_KIND_DECL_TAG;
}

static bool refers(const struct btf_type *t)
{
	switch (btf_type_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_ARRAY:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FUNC:
		return true;
	default:
		return btf_type_is_modifier(t) || only_refers(t);
	}
}

static bool has_no_size(const struct btf_type *t)
{
	uint32_t kind = t ? btf_type_kind(t) : BTF_KIND_UNKN;

	return kind == BTF_KIND_UNKN || kind == BTF_KIND_FWD || kind == BTF_KIND_FUNC ||
	       kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_DECL_TAG;
}

/* All bits of 1, 2, 4, 8 or 16 bytes. */
static bool is_regular_int(const struct btf_type *t)
{
	uint32_t data = get_u32(btf_type_data(t)), bytes = BTF_INT_BITS(data) / 8;

	return BTF_INT_BITS(data) % 8 == 0 && !BTF_INT_OFFSET(data) && bytes && bytes <= 16 &&
	       !(bytes & (bytes - 1));
}

/* The type that gives `id` its size, behind modifiers that are resolved. */
static const struct btf_type *sized(const struct resolve *r, uint32_t *id, uint32_t *size)
{
	const struct btf_type *t = type_at(r, *id);

	if (t && (btf_type_is_modifier(t) || btf_type_kind(t) == BTF_KIND_VAR)) {
		*id = r->to[*id];
		t = type_at(r, *id);
	}
	if (has_no_size(t) || btf_type_is_modifier(t) || btf_type_kind(t) == BTF_KIND_VAR)
		return NULL;
	if (size)
		*size = btf_type_kind(t) == BTF_KIND_ARRAY ? r->size[*id]
			: btf_type_kind(t) == BTF_KIND_PTR ? (uint32_t)sizeof(uint64_t)
							   : t->size;
	return t;
}

/* ---- the stack --------------------------------------------------------------------------------
 */

static int push(struct resolve *r, uint32_t id)
{
	const struct btf_type *t = type_at(r, id);

	if (r->depth == BTF_MAX_DEPTH)
		return -E2BIG;
	if (r->state[id] != FRESH)
		return -EEXIST;
	r->state[id] = ENTERED;
	r->stack[r->depth].id = id;
	r->stack[r->depth++].next = 0;
	if (r->path == PATH_ANY) {
		if (btf_type_kind(t) == BTF_KIND_PTR)
			r->path = PATH_POINTER;
		else if (btf_type_is_composite(t) || btf_type_kind(t) == BTF_KIND_ARRAY)
			r->path = PATH_VALUE;
	}
	return STEP_PUSHED;
}

static int pop(struct resolve *r, uint32_t to, uint32_t size)
{
	uint32_t id = r->stack[--r->depth].id;
	const struct btf_type *t = type_at(r, id);

	r->state[id] = RESOLVED;
	r->to[id] = to;
	r->size[id] = size;
	if (btf_type_is_modifier(t)) {
		r->chain[id] = (uint16_t)(r->chain[t->type] + 1);
		if (r->chain[id] > BTF_MAX_CHAIN)
			return -E2BIG;
	}
	return STEP_DONE;
}

/* Does the path end here? */
static bool is_end(const struct resolve *r, const struct btf_type *t)
{
	switch (r->path) {
	case PATH_POINTER:
		return !btf_type_is_modifier(t) && btf_type_kind(t) != BTF_KIND_PTR;
	case PATH_VALUE:
		return !btf_type_is_modifier(t) && btf_type_kind(t) != BTF_KIND_ARRAY &&
		       !btf_type_is_composite(t);
	default:
		return !refers(t);
	}
}

/* True if `id` has to be resolved before the type on the stack. */
static bool must_enter(const struct resolve *r, uint32_t id)
{
	return !is_end(r, type_at(r, id)) && r->state[id] != RESOLVED;
}

/* ---- one type -----------------------------------------------------------------------------------
 */

/* Modifiers and pointers: of what has a size, or of what may be without. */
static int step_reference(struct resolve *r, const struct btf_type *t)
{
	uint32_t next = t->type, last;
	const struct btf_type *to = type_at(r, next);

	if (!to || only_refers(to))
		return bad(r, "Invalid type_id");
	if (must_enter(r, next))
		return push(r, next);
	/* A modifier that was resolved on the way from a struct ended at a pointer, which may lead
	 * back here. */
	last = r->to[next];
	if (btf_type_kind(t) == BTF_KIND_PTR && btf_type_is_modifier(to) &&
	    btf_type_kind(type_at(r, last)) == BTF_KIND_PTR && must_enter(r, last))
		return push(r, last);
	if (!sized(r, &next, NULL)) {
		uint32_t kind;

		if (r->state[next] == RESOLVED)
			next = r->to[next];
		kind = btf_type_kind(type_at(r, next));
		if (kind != BTF_KIND_UNKN && kind != BTF_KIND_FWD && kind != BTF_KIND_FUNC_PROTO)
			return bad(r, "Invalid type_id");
	}
	return pop(r, next, 0);
}

static int step_var(struct resolve *r, const struct btf_type *t)
{
	uint32_t next = t->type, last;
	const struct btf_type *to = type_at(r, next);

	if (!to || only_refers(to))
		return bad(r, "Invalid type_id");
	if (must_enter(r, next))
		return push(r, next);
	last = r->to[next];
	if (btf_type_is_modifier(to) && btf_type_kind(type_at(r, last)) == BTF_KIND_PTR &&
	    must_enter(r, last))
		return push(r, last);
	/* `extern const void x` has no size, and is for the loader to fill in. */
	if (!sized(r, &next, NULL) && !r->object)
		return bad(r, "Invalid type_id");
	return pop(r, next, 0);
}

static int step_array(struct resolve *r, const struct btf_type *t)
{
	const struct btf_array *array = btf_type_data(t);
	uint32_t index = array->index_type, element = array->type, size = 0;
	const struct btf_type *to = type_at(r, index);

	if (has_no_size(to) || only_refers(to))
		return bad(r, "Invalid index");
	if (must_enter(r, index))
		return push(r, index);
	to = sized(r, &index, NULL);
	if (!to || btf_type_kind(to) != BTF_KIND_INT || !is_regular_int(to))
		return bad(r, "Invalid index");
	to = type_at(r, element);
	if (has_no_size(to) || only_refers(to))
		return bad(r, "Invalid elem");
	if (must_enter(r, element))
		return push(r, element);
	to = sized(r, &element, &size);
	if (!to)
		return bad(r, "Invalid elem");
	if (btf_type_kind(to) == BTF_KIND_INT && !is_regular_int(to))
		return bad(r, "Invalid array of int");
	if ((uint64_t)size * array->nelems > UINT32_MAX)
		return bad(r, "Array size overflows U32_MAX");
	return pop(r, element, size * array->nelems);
}

/* Bytes from `bit` of a struct on. */
static int check_room(const struct resolve *r, const struct btf_type *t, uint32_t bit,
		      uint64_t bytes)
{
	if (bit % 8)
		return bad(r, "Member is not byte aligned");
	return bit / 8 + bytes > t->size ? bad(r, "Member exceeds struct_size") : 0;
}

static int check_int_member(const struct resolve *r, const struct btf_type *t,
			    const struct btf_member *m, const struct btf_type *of)
{
	uint32_t data = get_u32(btf_type_data(of)), bits = BTF_INT_BITS(data);
	uint64_t bit = btf_member_bit(t, m);

	if (btf_type_flag(t)) {
		uint32_t field = btf_member_bits(t, m);

		if (!is_regular_int(of))
			return bad(r, "Invalid member base type");
		if (!field && bit % 8)
			return bad(r, "Invalid member offset");
		if (field > bits)
			return bad(r, "Invalid member bitfield_size");
		bits = field ? field : bits;
	} else {
		bit += BTF_INT_OFFSET(data);
		if (bit > UINT32_MAX)
			return bad(r, "bits_offset exceeds U32_MAX");
	}
	bits += bit % 8;
	if (bits > 128)
		return bad(r, "nr_copy_bits exceeds 128");
	return bit / 8 + (bits + 7) / 8 > t->size ? bad(r, "Member exceeds struct_size") : 0;
}

static int check_enum_member(const struct resolve *r, const struct btf_type *t,
			     const struct btf_member *m, const struct btf_type *of)
{
	uint32_t bit = btf_member_bit(t, m), bits = btf_member_bits(t, m);

	if (!btf_type_flag(t))
		return check_room(r, t, bit, of->size);
	if (!bits && bit % 8)
		return bad(r, "Member is not byte aligned");
	if (bits > 32)
		return bad(r, "Invalid member bitfield_size");
	bits = bits ? bits : 32;
	return ((uint64_t)bit + bits + 7) / 8 > t->size ? bad(r, "Member exceeds struct_size") : 0;
}

static int check_member(const struct resolve *r, const struct btf_type *t,
			const struct btf_member *m)
{
	uint32_t id = m->type, size = 0, align;
	const struct btf_type *of = sized(r, &id, &size);
	uint32_t kind = of ? btf_type_kind(of) : BTF_KIND_UNKN;

	if (kind == BTF_KIND_INT)
		return check_int_member(r, t, m, of);
	if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64)
		return check_enum_member(r, t, m, of);
	if (btf_member_bits(t, m))
		return bad(r, "Invalid member bitfield_size");
	if (!of)
		return bad(r, "Invalid member");
	if (kind == BTF_KIND_FLOAT) {
		/* As a C compiler aligns it, at most to a pointer. */
		align = of->size % 8 ? 4 : 8;
		align = MIN(align, of->size);
		if (btf_member_bit(t, m) % 8 || btf_member_bit(t, m) / 8 % align)
			return bad(r, "Member is not properly aligned");
	}
	return check_room(r, t, btf_member_bit(t, m), size);
}

static int step_composite(struct resolve *r, const struct btf_type *t)
{
	uint32_t at = r->depth - 1, *next = &r->stack[at].next;
	const struct btf_member *m = btf_type_data(t);

	for (; *next < btf_type_vlen(t); ++*next) {
		const struct btf_type *of = type_at(r, m[*next].type);
		int err;

		if (has_no_size(of) || only_refers(of))
			return bad(r, "Invalid member");
		if (must_enter(r, m[*next].type))
			return push(r, m[*next].type);
		err = check_member(r, t, &m[*next]);
		if (err)
			return err;
	}
	return pop(r, 0, 0);
}

static int step_func(struct resolve *r, const struct btf_type *t)
{
	const struct btf_type *proto = type_at(r, t->type);

	if (!proto || btf_type_kind(proto) != BTF_KIND_FUNC_PROTO)
		return bad(r, "Invalid type_id");
	for (uint32_t i = 0; i < btf_type_vlen(proto) && !r->object; i++) {
		const struct btf_param *p = btf_proto_params(proto) + i;

		if (!p->name_off && p->type)
			return bad(r, "Invalid arg#%u", i + 1);
	}
	return pop(r, t->type, 0);
}

static int step_decl_tag(struct resolve *r, const struct btf_type *t)
{
	const struct btf_type *to = type_at(r, t->type);
	uint32_t kind = to ? btf_type_kind(to) : BTF_KIND_UNKN;
	int32_t component = (int32_t)get_u32(btf_type_data(t));

	if (!to || (!btf_type_is_composite(to) && kind != BTF_KIND_FUNC && kind != BTF_KIND_VAR &&
		    kind != BTF_KIND_TYPEDEF))
		return bad(r, "Invalid type_id");
	if (must_enter(r, t->type))
		return push(r, t->type);
	if (component != -1) {
		if (kind == BTF_KIND_VAR || kind == BTF_KIND_TYPEDEF)
			return bad(r, "Invalid component_idx");
		if (kind == BTF_KIND_FUNC)
			to = type_at(r, to->type);
		if ((uint32_t)component >= btf_type_vlen(to))
			return bad(r, "Invalid component_idx");
	}
	return pop(r, t->type, 0);
}

static int step_datasec(struct resolve *r, const struct btf_type *t)
{
	uint32_t at = r->depth - 1, *next = &r->stack[at].next;
	const struct btf_var_secinfo *s = btf_type_data(t);

	for (; *next < btf_type_vlen(t); ++*next) {
		const struct btf_type *var = type_at(r, s[*next].type);
		uint32_t kind = var ? btf_type_kind(var) : BTF_KIND_UNKN, id, size = 0;

		if (kind != BTF_KIND_VAR && !(r->object && kind == BTF_KIND_FUNC))
			return bad(r, "Not a VAR kind member");
		if (must_enter(r, s[*next].type))
			return push(r, s[*next].type);
		if (r->object)
			continue;
		id = var->type;
		if (!sized(r, &id, &size))
			return bad(r, "Invalid type");
		if (s[*next].size < size)
			return bad(r, "Invalid size");
	}
	return pop(r, 0, 0);
}

static int step(struct resolve *r)
{
	const struct btf_type *t;

	r->id = r->stack[r->depth - 1].id;
	t = type_at(r, r->id);
	switch (btf_type_kind(t)) {
	case BTF_KIND_ARRAY:
		return step_array(r, t);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return step_composite(r, t);
	case BTF_KIND_FUNC:
		return step_func(r, t);
	case BTF_KIND_VAR:
		return step_var(r, t);
	case BTF_KIND_DATASEC:
		return step_datasec(r, t);
	case BTF_KIND_DECL_TAG:
		return step_decl_tag(r, t);
	default:
		return step_reference(r, t);
	}
}

/* ---- all types ----------------------------------------------------------------------------------
 */

static int resolve(struct resolve *r, uint32_t id)
{
	int err;

	r->path = PATH_ANY;
	r->depth = 0;
	err = push(r, id);
	while (err >= 0 && r->depth)
		err = step(r);
	if (err >= 0)
		return 0;
	r->id = id;
	if (err == -E2BIG)
		bad(r, "Exceeded max resolving depth:%u", BTF_MAX_DEPTH);
	else if (err == -EEXIST)
		bad(r, "Loop detected");
	return err;
}

/* A prototype's return type or argument must have a size. */
static int resolve_passed(struct resolve *r, uint32_t proto, uint32_t id, bool *passed)
{
	const struct btf_type *t = type_at(r, id);
	int err = 0;

	*passed = t && !only_refers(t);
	if (*passed && refers(t) && r->state[id] != RESOLVED)
		err = resolve(r, id);
	if (err)
		return err;
	*passed = *passed && sized(r, &id, NULL);
	r->id = proto;
	return 0;
}

static int resolve_proto(struct resolve *r, uint32_t id, const struct btf_type *t)
{
	const struct btf_param *p = btf_proto_params(t);
	uint32_t n = btf_type_vlen(t);
	bool passed = true;
	int err = 0;

	r->id = id;
	if (t->type)
		err = resolve_passed(r, id, t->type, &passed);
	if (err)
		return err;
	if (!passed)
		return bad(r, "Invalid return type");
	/* What takes any number of arguments ends with a void one. */
	if (n && !p[n - 1].type) {
		if (p[n - 1].name_off)
			return bad(r, "Invalid arg#%u", n);
		n--;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!r->object && !btf_name_is_identifier(btf_str(r->btf, p[i].name_off)) &&
		    p[i].name_off)
			return bad(r, "Invalid arg#%u", i + 1);
		err = resolve_passed(r, id, p[i].type, &passed);
		if (err)
			return err;
		if (!passed)
			return bad(r, "Invalid arg#%u", i + 1);
	}
	return 0;
}

/* Type tags come before other modifiers. Types that were seen are not followed again. */
static int check_tags(struct resolve *r)
{
	uint32_t seen = 0;

	for (uint32_t id = 1; id <= r->btf->n_types; seen = id++) {
		const struct btf_type *t = type_at(r, id);
		bool tags = btf_type_kind(t) == BTF_KIND_TYPE_TAG;
		uint32_t at = id, left = BTF_MAX_DEPTH;

		for (; btf_type_is_modifier(t); t = type_at(r, at)) {
			bool tag = btf_type_kind(t) == BTF_KIND_TYPE_TAG;

			r->id = id;
			if (!left--) {
				bad(r, "Max chain length or cycle detected");
				return -ELOOP;
			}
			if (tag && !tags)
				return bad(r, "Type tags don't precede modifiers");
			tags = tag;
			if (at <= seen)
				break;
			at = t->type;
		}
	}
	return 0;
}

int btf_check_links(const struct btf *btf, char *why)
{
	struct resolve r = {.btf = btf, .why = why, .object = btf->origin == BTF_OBJECT};
	size_t n = (size_t)btf->n_types + 1;
	int err = -ENOMEM;

	r.state = calloc(n, sizeof(*r.state));
	r.chain = calloc(n, sizeof(*r.chain));
	r.to = calloc(n, sizeof(*r.to));
	r.size = calloc(n, sizeof(*r.size));
	if (r.state && r.chain && r.to && r.size) {
		err = 0;
		for (uint32_t id = 1; !err && id < n; id++) {
			const struct btf_type *t = type_at(&r, id);

			if (refers(t) && r.state[id] != RESOLVED)
				err = resolve(&r, id);
			if (!err && btf_type_kind(t) == BTF_KIND_FUNC_PROTO)
				err = resolve_proto(&r, id, t);
		}
		if (!err && !r.object)
			err = check_tags(&r);
	}
	free(r.state);
	free(r.chain);
	free(r.to);
	free(r.size);
	return err;
}
