/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/walk.c - what lies at an offset of a struct.
 *
 * A walk descends from composite to member until it meets something that is no composite. Each
 * descent counts, because unchecked BTF may nest a type in itself.
 */
#include "btf/btf.h"

#include <stdarg.h>
#include <stdio.h>

#define WALK_MAX_STEPS 64

/* Where a walk is: looking for [off, off + size) of composite t. */
struct walk {
	const struct btf *btf;
	const struct btf_type *t;
	const char *name; /* of t */
	uint32_t off, size;
	char *why;
};

/* One member. Arrays count as their elements, however many dimensions they have. */
struct walk_member {
	const char *name;
	const struct btf_type *type; /* of an element */
	uint32_t id;		     /* of that */
	uint32_t start, end;	     /* of the whole member */
	uint32_t each;		     /* bytes of an element */
};

PRINTF_LIKE(3, 4) static int walk_fail(const struct walk *w, int err, const char *fmt, ...)
{
	va_list ap;

	if (!w->why)
		return err;
	va_start(ap, fmt);
	vsnprintf(w->why, BTF_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int walk_beyond(const struct walk *w)
{
	return walk_fail(w, -EACCES, "access beyond struct %s at off %u size %u", w->name, w->off,
			 w->size);
}

/* Bytes of a type behind arrays and modifiers; *element what the arrays are of. */
static int element_of(const struct btf *btf, uint32_t id, struct walk_member *m, uint64_t *bytes)
{
	uint64_t count = 1;
	int64_t size;

	for (int depth = 0; depth < BTF_MAX_DEPTH; depth++) {
		const struct btf_type *t = btf_skip_mods(btf, id, &id);

		if (!t)
			return -EINVAL;
		if (btf_type_kind(t) != BTF_KIND_ARRAY) {
			size = btf_size(btf, id, NULL);
			if (size < 0 || btf_type_kind(t) == BTF_KIND_DATASEC)
				return -EINVAL;
			m->type = t;
			m->id = id;
			m->each = (uint32_t)size;
			*bytes = count * (uint64_t)size;
			return *bytes > UINT32_MAX ? -EINVAL : 0;
		}
		count *= ((const struct btf_array *)btf_type_data(t))->nelems;
		if (count > UINT32_MAX)
			return -EINVAL;
		id = ((const struct btf_array *)btf_type_data(t))->type;
	}
	return -EINVAL;
}

/* Beyond the size of t there may only be elements of an array that has none: 1 when the walk
 * goes on in an element, 0 when it ends in a number. */
static int walk_tail(struct walk *w)
{
	uint32_t n = btf_type_vlen(w->t), start;
	const struct btf_member *last = btf_type_data(w->t);
	const struct btf_array *array;
	const struct btf_type *t;

	if (!n)
		return walk_beyond(w);
	last += n - 1;
	t = btf_skip_mods(w->btf, last->type, NULL);
	if (!t || btf_type_kind(t) != BTF_KIND_ARRAY)
		return walk_beyond(w);
	array = btf_type_data(t);
	start = btf_member_bit(w->t, last) / 8;
	if (array->nelems || w->off < start)
		return walk_beyond(w);
	t = btf_skip_mods(w->btf, array->type, NULL);
	if (t && btf_type_kind(t) == BTF_KIND_INT)
		return 0;
	if (!t || !btf_type_is_composite(t) || !t->size)
		return walk_beyond(w);
	w->t = t;
	w->off = (w->off - start) % t->size;
	return 1;
}

/* The member that holds the first byte looked for: 1, 0 if it is a bit field that the access
 * covers, or an error. */
static int walk_find(const struct walk *w, struct walk_member *m)
{
	const struct btf_member *member = btf_type_data(w->t);
	uint64_t end = (uint64_t)w->off + w->size, bytes;

	for (uint32_t i = 0; i < btf_type_vlen(w->t); i++, member++) {
		uint32_t bit = btf_member_bit(w->t, member), bits = btf_member_bits(w->t, member);

		m->start = bit / 8;
		if (end <= m->start)
			break;
		if (bits) {
			if (w->off <= m->start && ((uint64_t)bit + bits + 7) / 8 <= end)
				return 0;
			continue;
		}
		if (w->off < m->start)
			break;
		m->name = btf_label(w->btf, member->name_off);
		if (element_of(w->btf, member->type, m, &bytes))
			return walk_fail(w, -EFAULT, "field %s doesn't have size", m->name);
		if (w->off < m->start + bytes) {
			m->end = (uint32_t)MIN(m->start + bytes, UINT32_MAX);
			return 1;
		}
	}
	return walk_fail(w, -EINVAL, "struct %s doesn't have field at offset %d", w->name,
			 (int)w->off);
}

static const struct {
	const char *name;
	uint8_t tag;
} pointee_tags[] = {{"user", BTF_PTR_USER}, {"percpu", BTF_PTR_PERCPU}, {"rcu", BTF_PTR_RCU}};

uint8_t btf_pointee_tags(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t = btf_type(btf, ptr->type);

	/* With the flag, the tag is any attribute, and not the kernel's annotation. */
	if (!t || btf_type_kind(t) != BTF_KIND_TYPE_TAG || btf_type_flag(t))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(pointee_tags); i++)
		if (!strcmp(btf_str(btf, t->name_off), pointee_tags[i].name))
			return pointee_tags[i].tag;
	return 0;
}

static int walk_pointer(const struct walk *w, const struct walk_member *m, uint32_t start,
			struct btf_walk *out)
{
	const struct btf_type *to;

	if (w->size != sizeof(uint64_t) || w->off != start)
		return walk_fail(
			w, -EACCES,
			"cannot access ptr member %s with moff %u in struct %s with off %u size %u",
			m->name, start, w->name, w->off, w->size);
	to = btf_skip_mods(w->btf, m->type->type, &out->id);
	out->kind = to && btf_type_is_composite(to) ? BTF_WALK_PTR : BTF_WALK_MEM;
	out->tags |= btf_pointee_tags(w->btf, m->type);
	out->member = m->name;
	return 0;
}

int btf_walk_step(const struct btf *btf, uint32_t id, uint32_t off, uint32_t size,
		  struct btf_walk *out, char *why)
{
	struct walk w = {btf, btf_skip_mods(btf, id, NULL), "", off, size, why};
	struct walk_member m = {0};
	int err;

	out->kind = BTF_WALK_SCALAR;
	if (why)
		*why = '\0';
	for (int step = 0; step < WALK_MAX_STEPS; step++) {
		uint32_t start;

		w.name = w.t ? btf_label(btf, w.t->name_off) : "";
		if (!w.t || !btf_type_is_composite(w.t))
			return walk_fail(&w, -EINVAL, "Type '%s' is not a struct", w.name);
		if (btf_type_kind(w.t) == BTF_KIND_UNION && btf_type_vlen(w.t) != 1)
			out->tags |= BTF_PTR_UNTRUSTED;
		if ((uint64_t)w.off + size > w.t->size) {
			err = walk_tail(&w);
			if (err <= 0)
				return err;
			out->tags |= BTF_PTR_UNTRUSTED;
			continue;
		}
		err = walk_find(&w, &m);
		if (err <= 0)
			return err;
		start = m.start + (w.off - m.start) / m.each * m.each;
		if (btf_type_is_composite(m.type)) {
			if (w.off == start) {
				out->kind = BTF_WALK_STRUCT;
				out->id = m.id;
				return 0;
			}
			w.t = m.type;
			w.off -= start;
			continue;
		}
		if (btf_type_kind(m.type) == BTF_KIND_PTR)
			return walk_pointer(&w, &m, start, out);
		/* Numbers may be accessed together up to the end of the member. */
		if ((uint64_t)w.off + size > m.end && !(out->tags & BTF_PTR_UNTRUSTED))
			return walk_fail(&w, -EACCES,
					 "access beyond the end of member %s (mend:%u) in struct "
					 "%s with off %u size %u",
					 m.name, m.end, w.name, w.off, size);
		return 0;
	}
	return walk_fail(&w, -EINVAL, "struct %s is nested too deeply", w.name);
}

int btf_walk(const struct btf *btf, uint32_t id, uint32_t off, uint32_t size, struct btf_walk *out,
	     char *why)
{
	*out = (struct btf_walk){0};
	for (int step = 0; step < WALK_MAX_STEPS; step++) {
		int err = btf_walk_step(btf, id, off, size, out, why);

		if (err || out->kind != BTF_WALK_STRUCT)
			return err;
		id = out->id;
		off = 0;
	}
	return -EINVAL;
}

bool btf_match(const struct btf *btf, uint32_t id, uint32_t off, const struct btf *need_btf,
	       uint32_t need_id, bool strict, char *why)
{
	struct btf_walk at = {0};

	if (why)
		*why = '\0';
	if (!off && btf_same(btf, id, need_btf, need_id))
		return true;
	for (int step = 0; !strict && step < WALK_MAX_STEPS; step++) {
		if (btf_walk_step(btf, id, off, 1, &at, why) || at.kind != BTF_WALK_STRUCT)
			return false;
		if (btf_same(btf, at.id, need_btf, need_id))
			return true;
		id = at.id;
		off = 0;
	}
	return false;
}

bool btf_member_safe(const struct btf *btf, uint32_t id, const char *suffix, const char *member,
		     uint32_t pointee)
{
	const struct btf_type *t = btf_skip_mods(btf, id, NULL);
	const struct btf_member *m;
	char name[128];
	uint32_t safe;

	if (!t || snprintf(name, sizeof(name), "%s%s", btf_str(btf, t->name_off), suffix) >=
			  (int)sizeof(name))
		return false;
	safe = btf_find(btf, name, btf_type_kind(t));
	t = safe ? btf_type(btf, safe) : NULL;
	if (!t || !btf_type_is_composite(t))
		return false;
	m = btf_type_data(t);
	for (uint32_t i = 0; i < btf_type_vlen(t); i++, m++) {
		const struct btf_type *ptr = btf_type(btf, m->type);
		uint32_t to;

		if (ptr && btf_type_kind(ptr) == BTF_KIND_PTR &&
		    !strcmp(btf_str(btf, m->name_off), member) &&
		    btf_skip_mods(btf, ptr->type, &to) && to == pointee)
			return true;
	}
	return false;
}

/* budget: of members to look at, which bounds what nesting in vain can cost. */
static bool member_find(const struct btf *btf, uint32_t id, const char *name, uint32_t base,
			uint32_t *bit, uint32_t *type, uint32_t *budget, int depth)
{
	const struct btf_type *t = btf_skip_mods(btf, id, NULL);
	const struct btf_member *m;

	if (!t || !btf_type_is_composite(t) || depth > BTF_MAX_DEPTH / 4)
		return false;
	m = btf_type_data(t);
	for (uint32_t i = 0; i < btf_type_vlen(t) && *budget; i++, m++, (*budget)--) {
		const char *own = btf_str(btf, m->name_off);

		if (*own ? strcmp(own, name) != 0
			 : !member_find(btf, m->type, name, base + btf_member_bit(t, m), bit, type,
					budget, depth + 1))
			continue;
		if (*own && bit)
			*bit = base + btf_member_bit(t, m);
		if (*own && type)
			*type = m->type;
		return true;
	}
	return false;
}

bool btf_member_find(const struct btf *btf, uint32_t id, const char *name, uint32_t *bit,
		     uint32_t *type)
{
	uint32_t budget = 1 << 16;

	return member_find(btf, id, name, 0, bit, type, &budget, 0);
}
