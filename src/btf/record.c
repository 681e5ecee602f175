/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/record.c - fields that are more than bytes: locks, timers, pointers to kernel objects,
 * heads and nodes of lists and trees.
 *
 * Two passes. The first finds fields and where they are, through nested structs and arrays; the
 * second finds what they refer to. The kernel does it so, and which error a type has depends
 * on the order. Nested types may overlap, and so be visited more often than their bytes suggest:
 * there is a limit to it.
 */
#include "btf/btf.h"

#include <linux/bpf.h>
#include <stdlib.h>

#define RECORD_MAX_VISITS  (1u << 20)
#define RECORD_PAGE	   4096
#define RECORD_MAX_NAME	   128
#define RECORD_NODE_PREFIX "contains:"

static const struct {
	const char *name; /* of the struct in BTF, or NULL */
	uint8_t size, align, flags;
} field_kinds[] = {
#define FIELD(id, size, align, name, in_btf, flags) {in_btf, size, align, flags},
	BTF_FIELDS(FIELD)
#undef FIELD
};

const char *const btf_field_names[BTF_FIELD_COUNT] = {
#define FIELD(id, size, align, name, in_btf, flags) name,
	BTF_FIELDS(FIELD)
#undef FIELD
};

/* Types of the kernel that maps may own, and what releases them. */
static const struct {
	const char *type, *dtor;
} dtors[] = {
	{"task_struct", "bpf_task_release_dtor"},
	{"cgroup", "bpf_cgroup_release_dtor"},
	{"bpf_cpumask", "bpf_cpumask_release_dtor"},
	{"bpf_crypto_ctx", "bpf_crypto_ctx_release_dtor"},
	{"sk_buff", "bpf_kfree_skb"},
	{"prog_test_ref_kfunc", "bpf_kfunc_call_test_release_dtor"},
	{"prog_test_member", "bpf_kfunc_call_memb_release_dtor"},
};

static const struct {
	const char *tag;
	uint8_t id;
} kptr_tags[] = {
	{"kptr_untrusted", BTF_FIELD_KPTR_UNREF},
	{"kptr", BTF_FIELD_KPTR_REF},
	{"percpu_kptr", BTF_FIELD_KPTR_PERCPU},
	{"uptr", BTF_FIELD_UPTR},
};

/* A field that was found. */
struct found {
	uint8_t id;
	uint32_t off, type;
	const char *node; /* graph roots: the node's member of `type` */
};

struct record_work {
	const struct btf *btf;
	uint32_t mask, visits;
};

/* ---- finding ------------------------------------------------------------------------------- */

static bool is_struct(const struct btf_type *t)
{
	return t && btf_type_kind(t) == BTF_KIND_STRUCT;
}

/* The kptr that type t of a member is: 1 if it is one, 0 if not, -EINVAL if it is a bad one. */
static int find_kptr(const struct btf *btf, const struct btf_type *t, uint32_t mask,
		     struct found *out)
{
	const struct btf_type *tag, *next;
	size_t k = 0;

	if (btf_type_kind(t) == BTF_KIND_VOLATILE)
		t = btf_type_by_id(btf, t->type);
	if (!t || btf_type_kind(t) != BTF_KIND_PTR)
		return 0;
	tag = btf_type_by_id(btf, t->type);
	if (!tag || btf_type_kind(tag) != BTF_KIND_TYPE_TAG || btf_type_flag(tag))
		return 0;
	next = btf_type_by_id(btf, tag->type);
	if (!next || btf_type_kind(next) == BTF_KIND_TYPE_TAG)
		return -EINVAL;
	while (k < ARRAY_SIZE(kptr_tags) &&
	       strcmp(btf_str(btf, tag->name_off), kptr_tags[k].tag) != 0)
		k++;
	if (k == ARRAY_SIZE(kptr_tags))
		return -EINVAL;
	if (!(mask & 1u << kptr_tags[k].id))
		return 0;
	if (!is_struct(btf_skip_mods(btf, tag->type, &out->type)))
		return -EINVAL;
	out->id = kptr_tags[k].id;
	return 1;
}

/* The type that a root holds is named by a tag on the member (or variable): type and member. */
static int find_root(const struct record_work *w, uint32_t owner, int component, struct found *out)
{
	char name[RECORD_MAX_NAME];
	const char *text, *colon;

	if (btf_tag_get(w->btf, owner, component, RECORD_NODE_PREFIX, &text))
		return -EINVAL;
	colon = strchr(text, ':');
	if (!colon)
		return -EINVAL;
	if ((size_t)(colon - text) >= sizeof(name))
		return -ENOENT;
	memcpy(name, text, (size_t)(colon - text));
	name[colon - text] = '\0';
	out->type = btf_find(w->btf, name, BTF_KIND_STRUCT);
	if (!out->type)
		return -ENOENT;
	out->node = colon + 1;
	return *out->node ? 1 : -EINVAL;
}

/* The kind of field that a type's name says, -1 if none, -E2BIG if there is a second one of
 * those of which one is allowed. */
static int kind_of(const struct record_work *w, const struct btf_type *t, uint32_t *seen)
{
	const char *name = btf_label(w->btf, t->name_off);

	for (size_t k = 0; k < ARRAY_SIZE(field_kinds); k++) {
		if (!(w->mask & 1u << k) || !field_kinds[k].name ||
		    strcmp(name, field_kinds[k].name) != 0)
			continue;
		if (field_kinds[k].flags & BTF_FIELD_UNIQUE) {
			if (*seen & 1u << k)
				return -E2BIG;
			*seen |= 1u << k;
		}
		return (int)k;
	}
	if ((w->mask & (BTF_MASK_KPTR | BTF_MASK(UPTR))) && !is_struct(t))
		return BTF_FIELD_KPTR_REF;
	return -1;
}

/* Of the first n fields, those of element 0 of an array: the same in the others. */
static int repeat(struct found *at, uint32_t room, uint32_t n, uint32_t count, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++)
		if (!(field_kinds[at[i].id].flags & BTF_FIELD_REPEATS))
			return -EINVAL;
	if ((uint64_t)n * count > room)
		return -E2BIG;
	for (uint32_t i = n; i < n * count; i++) {
		at[i] = at[i % n];
		at[i].off += i / n * size;
	}
	return (int)(n * count);
}

static int find_in_struct(struct record_work *w, uint32_t id, struct found *at, uint32_t room,
			  int level);

/* One member or variable; owner and component are what its decl tags are on. Returns how many
 * fields there are. room 0: one more would be too many. expected: the size it must have, or 0. */
static int find_in_member(struct record_work *w, uint32_t id, uint32_t owner, int component,
			  uint32_t off, uint32_t expected, uint32_t *seen, struct found *at,
			  uint32_t room, int level)
{
	const struct btf_type *t = btf_type_by_id(w->btf, id);
	struct found spare, *one = room ? at : &spare;
	uint32_t count = 1, size;
	int kind, n, i;

	if (++w->visits > RECORD_MAX_VISITS)
		return -E2BIG;
	for (i = 0; t && btf_type_kind(t) == BTF_KIND_ARRAY && i < BTF_MAX_DEPTH; i++) {
		const struct btf_array *array = btf_type_data(t);

		count *= array->nelems;
		id = array->type;
		t = btf_type_by_id(w->btf, id);
	}
	if (i == BTF_MAX_DEPTH)
		return -E2BIG;
	if (!t)
		return -EINVAL;
	if (!count)
		return 0;
	kind = kind_of(w, t, seen);
	if (kind == -1 && is_struct(t)) {
		if (expected && expected != (uint64_t)t->size * count)
			return 0;
		n = find_in_struct(w, id, at, room, level + 1);
		for (int k = 0; k < n; k++)
			at[k].off += off;
		return n > 0 && count > 1 ? repeat(at, room, (uint32_t)n, count, t->size) : n;
	}
	if (kind < 0)
		return kind == -1 ? 0 : kind;
	size = field_kinds[kind].size;
	if ((expected && expected != (uint64_t)size * count) || off % field_kinds[kind].align)
		return 0;
	*one = (struct found){.id = (uint8_t)kind, .off = off};
	if (field_kinds[kind].flags & BTF_FIELD_KPTR_KIND)
		n = find_kptr(w->btf, t, w->mask, one);
	else if (!is_struct(t) || t->size != size)
		n = 0;
	else if (BTF_MASK_GRAPH_ROOT & 1u << kind)
		n = find_root(w, owner, component, one);
	else
		n = 1;
	if (n <= 0)
		return n;
	if (!room)
		return -E2BIG;
	return count > 1 ? repeat(at, room, 1, count, size) : 1;
}

static int find_in_struct(struct record_work *w, uint32_t id, struct found *at, uint32_t room,
			  int level)
{
	const struct btf_type *t = btf_type(w->btf, id);
	const struct btf_member *m = btf_type_data(t);
	uint32_t seen = 0, n = 0;

	if (level >= BTF_MAX_DEPTH)
		return -E2BIG;
	for (uint32_t i = 0; i < btf_type_vlen(t); i++, m++) {
		uint32_t bit = btf_member_bit(t, m);
		int found;

		if (bit % 8)
			continue;
		found = find_in_member(w, m->type, id, (int)i, bit / 8, 0, &seen, at + n, room - n,
				       level);
		if (found < 0)
			return found;
		n += (uint32_t)found;
	}
	return (int)n;
}

static int find_in_section(struct record_work *w, uint32_t id, struct found *at, uint32_t room)
{
	const struct btf_type *t = btf_type(w->btf, id);
	const struct btf_var_secinfo *s = btf_type_data(t);
	uint32_t seen = 0, n = 0;

	for (uint32_t i = 0; i < btf_type_vlen(t); i++, s++) {
		const struct btf_type *var = btf_type(w->btf, s->type);
		int found;

		if (!var || btf_type_kind(var) != BTF_KIND_VAR)
			continue;
		found = find_in_member(w, var->type, s->type, -1, s->offset, s->size, &seen, at + n,
				       room - n, 0);
		if (found < 0)
			return found;
		n += (uint32_t)found;
	}
	return (int)n;
}

/* ---- what fields refer to -------------------------------------------------------------------- */

static const char *find_dtor(const struct btf *btf, const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(dtors); i++)
		if (!strcmp(type, dtors[i].type) && btf_find(btf, dtors[i].dtor, BTF_KIND_FUNC))
			return dtors[i].dtor;
	return NULL;
}

static int resolve_kptr(const struct record_work *w, const struct btf_target *target,
			struct btf_field *f)
{
	const char *name = btf_name(w->btf, f->type);
	const struct btf *kernel;
	uint32_t id;

	/* What the kernel does not have is the program's own. */
	if (!target || btf_target_find(target, name, BTF_KIND_STRUCT, &kernel, &id)) {
		f->local = true;
		return 0;
	}
	if (f->id == BTF_FIELD_KPTR_REF) {
		f->dtor = find_dtor(kernel, name);
		if (!f->dtor)
			return -ENOENT;
	}
	f->btf = kernel;
	f->type = id;
	return 0;
}

static int resolve_root(const struct record_work *w, const char *node, struct btf_field *f)
{
	const struct btf_type *t = btf_type(w->btf, f->type);
	const struct btf_member *m = btf_type_data(t);
	uint8_t want = f->id == BTF_FIELD_LIST_HEAD ? BTF_FIELD_LIST_NODE : BTF_FIELD_RB_NODE;
	bool found = false;

	for (uint32_t i = 0; i < btf_type_vlen(t); i++, m++) {
		const struct btf_type *of;
		uint32_t bit;

		if (strcmp(btf_label(w->btf, m->name_off), node) != 0)
			continue;
		of = btf_type(w->btf, m->type);
		if (found || !is_struct(of) ||
		    strcmp(btf_label(w->btf, of->name_off), field_kinds[want].name) != 0)
			return -EINVAL;
		bit = btf_member_bit(t, m);
		if (bit % 8 || bit / 8 % field_kinds[want].align)
			return -EINVAL;
		f->node_offset = bit / 8;
		found = true;
	}
	return found ? 0 : -ENOENT;
}

static int32_t *offset_of(struct btf_record *r, uint8_t id)
{
	switch (id) {
	case BTF_FIELD_SPIN_LOCK:
		return &r->spin_lock_off;
	case BTF_FIELD_RES_SPIN_LOCK:
		return &r->res_spin_lock_off;
	case BTF_FIELD_TIMER:
		return &r->timer_off;
	case BTF_FIELD_WORKQUEUE:
		return &r->wq_off;
	case BTF_FIELD_TASK_WORK:
		return &r->task_work_off;
	case BTF_FIELD_REFCOUNT:
		return &r->refcount_off;
	default:
		return NULL;
	}
}

static int fill_record(const struct record_work *w, const struct btf_target *target,
		       const struct found *found, uint32_t n, uint32_t value_size,
		       struct btf_record *r)
{
	uint64_t end = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++) {
		struct btf_field *f = &r->fields[i];
		int32_t *off = offset_of(r, found[i].id);

		f->id = found[i].id;
		f->offset = found[i].off;
		f->size = field_kinds[f->id].size;
		f->btf = w->btf;
		f->type = found[i].type;
		if ((uint64_t)f->offset + f->size > value_size)
			return -EFAULT;
		if (f->offset < end)
			return -EEXIST;
		end = (uint64_t)f->offset + f->size;
		r->mask |= 1u << f->id;
		if (off)
			*off = (int32_t)f->offset;
		if (field_kinds[f->id].flags & BTF_FIELD_KPTR_KIND)
			err = resolve_kptr(w, target, f);
		else if (BTF_MASK_GRAPH_ROOT & 1u << f->id)
			err = resolve_root(w, found[i].node, f);
		r->n++;
	}
	return err;
}

/* Fields that need each other. */
static int check_record(const struct btf_record *r)
{
	bool locked = r->mask & (BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK));

	if ((r->mask & BTF_MASK(SPIN_LOCK)) && (r->mask & BTF_MASK(RES_SPIN_LOCK)))
		return -EINVAL;
	if ((r->mask & BTF_MASK_GRAPH_ROOT) && !locked)
		return -EINVAL;
	if ((r->mask & BTF_MASK_GRAPH_NODE) == BTF_MASK_GRAPH_NODE &&
	    !(r->mask & BTF_MASK(REFCOUNT)))
		return -EINVAL;
	return 0;
}

int btf_record_new(const struct btf *btf, uint32_t id, uint32_t mask, uint32_t value_size,
		   const struct btf_target *target, struct btf_record **out)
{
	struct record_work w = {.btf = btf, .mask = mask};
	const struct btf_type *t = btf_type(btf, id);
	struct found found[BTF_MAX_FIELDS];
	struct btf_record *r;
	int n, err;

	*out = NULL;
	if (is_struct(t))
		n = find_in_struct(&w, id, found, BTF_MAX_FIELDS, 0);
	else if (t && btf_type_kind(t) == BTF_KIND_DATASEC)
		n = find_in_section(&w, id, found, BTF_MAX_FIELDS);
	else
		return -EINVAL;
	if (n <= 0)
		return n;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (uint8_t k = 0; k < BTF_FIELD_COUNT; k++)
		if (offset_of(r, k))
			*offset_of(r, k) = -1;
	err = fill_record(&w, target, found, (uint32_t)n, value_size, r);
	if (!err)
		err = check_record(r);
	if (err) {
		free(r);
		return err;
	}
	*out = r;
	return 0;
}

void btf_record_free(struct btf_record *record)
{
	free(record);
}

/* ---- using ----------------------------------------------------------------------------------- */

const struct btf_field *btf_record_find(const struct btf_record *record, uint32_t offset,
					uint32_t mask)
{
	for (uint32_t i = 0; record && i < record->n; i++)
		if (record->fields[i].offset == offset && (mask & 1u << record->fields[i].id))
			return &record->fields[i];
	return NULL;
}

const struct btf_field *btf_record_overlap(const struct btf_record *record, uint32_t off,
					   uint32_t size)
{
	for (uint32_t i = 0; record && i < record->n; i++) {
		const struct btf_field *f = &record->fields[i];

		if (off < (uint64_t)f->offset + f->size && f->offset < (uint64_t)off + size)
			return f;
	}
	return NULL;
}

bool btf_record_same(const struct btf_record *a, const struct btf_record *b)
{
	if (!a || !b || a->n != b->n || a->mask != b->mask)
		return !a && !b;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct btf_field *x = &a->fields[i], *y = &b->fields[i];

		if (x->id != y->id || x->offset != y->offset || x->type != y->type ||
		    x->btf != y->btf || x->node_offset != y->node_offset)
			return false;
	}
	return true;
}

/* ---- types of programs -------------------------------------------------------------------------
 */

struct local {
	uint32_t id;
	struct btf_record *record;
};

struct btf_locals {
	uint32_t n;
	struct local *types; /* by id */
};

const struct btf_record *btf_locals_get(const struct btf_locals *locals, uint32_t id)
{
	uint32_t low = 0, high = locals ? locals->n : 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (locals->types[mid].id == id)
			return locals->types[mid].record;
		if (locals->types[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

void btf_locals_free(struct btf_locals *locals)
{
	if (!locals)
		return;
	for (uint32_t i = 0; i < locals->n; i++)
		free(locals->types[i].record);
	free(locals->types);
	free(locals);
}

/* Roots get the record of what they hold; uptrs must point to less than a page of the program's
 * own. Types own others by roots, and nothing may own itself: what is both owner and owned
 * may not own owners. */
static int link_record(struct btf_record *r, const struct btf *btf, const struct btf_locals *locals)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct btf_field *f = &r->fields[i];

		if (f->id == BTF_FIELD_UPTR) {
			uint32_t size = btf_type(f->btf, f->type)->size;

			if (!f->local || !size)
				return -EINVAL;
			if (size > RECORD_PAGE)
				return -E2BIG;
		}
		if (!(BTF_MASK_GRAPH_ROOT & 1u << f->id))
			continue;
		f->value = f->btf == btf ? btf_locals_get(locals, f->type) : NULL;
		if (!f->value)
			return -EFAULT;
		if ((r->mask & BTF_MASK_GRAPH_NODE) && (f->value->mask & BTF_MASK_GRAPH_ROOT))
			return -ELOOP;
	}
	return 0;
}

/* Marks the types that make a struct with such a member one of interest. */
static bool mark_fields(const struct btf *btf, uint8_t *marks)
{
	const uint32_t named = BTF_MASK(SPIN_LOCK) | BTF_MASK_GRAPH_ROOT | BTF_MASK_GRAPH_NODE |
			       BTF_MASK(REFCOUNT);
	struct found found;
	bool any = false;

	for (size_t k = 0; k < ARRAY_SIZE(field_kinds); k++) {
		uint32_t id =
			named & 1u << k ? btf_find(btf, field_kinds[k].name, BTF_KIND_STRUCT) : 0;

		if (id) {
			marks[id / 8] |= (uint8_t)(1u << id % 8);
			any = true;
		}
	}
	for (uint32_t id = 1; id <= btf->n_types; id++)
		if (find_kptr(btf, btf_type(btf, id), BTF_MASK_KPTR, &found) > 0) {
			marks[id / 8] |= (uint8_t)(1u << id % 8);
			any = true;
		}
	return any;
}

static bool has_marked(const struct btf *btf, const struct btf_type *t, const uint8_t *marks)
{
	const struct btf_member *m = btf_type_data(t);

	for (uint32_t i = 0; i < btf_type_vlen(t); i++, m++)
		if (m->type <= btf->n_types && (marks[m->type / 8] & 1u << m->type % 8))
			return true;
	return false;
}

static int add_local(const struct btf *btf, const struct btf_target *target, uint32_t id,
		     struct btf_locals *locals)
{
	struct local *types;
	struct btf_record *record;
	int err = btf_record_new(btf, id, BTF_MASK_LOCAL, btf_type(btf, id)->size, target, &record);

	if (err || !record)
		return err ? err : -EFAULT;
	types = locals->types;
	if (!(locals->n & (locals->n - 1)))
		types = realloc(types, MAX(2 * (size_t)locals->n, 1) * sizeof(*types));
	if (!types) {
		free(record);
		return -ENOMEM;
	}
	locals->types = types;
	types[locals->n++] = (struct local){id, record};
	return 0;
}

int btf_locals_new(const struct btf *btf, const struct btf_target *target, struct btf_locals **out)
{
	uint8_t *marks = calloc(btf->n_types / 8 + 1, 1);
	struct btf_locals *locals = calloc(1, sizeof(*locals));
	int err = marks && locals ? 0 : -ENOMEM;

	*out = NULL;
	if (!err && mark_fields(btf, marks))
		for (uint32_t id = 1; !err && id <= btf->n_types; id++) {
			const struct btf_type *t = btf_type(btf, id);

			if (is_struct(t) && has_marked(btf, t, marks))
				err = add_local(btf, target, id, locals);
		}
	for (uint32_t i = 0; !err && i < locals->n; i++)
		err = link_record(locals->types[i].record, btf, locals);
	free(marks);
	if (err || !locals->n) {
		btf_locals_free(locals);
		return err;
	}
	*out = locals;
	return 0;
}

/* ---- maps --------------------------------------------------------------------------------------
 */

/* clang-format off */
#define IN(type) (UINT64_C(1) << (BPF_MAP_TYPE_##type))
#define BPF_MAP_TYPE_CGRP 32 /* BPF_MAP_TYPE_CGRP_STORAGE, which headers have since 6.2 */
#define IN_STORAGE (IN(SK_STORAGE) | IN(INODE_STORAGE) | IN(TASK_STORAGE) | IN(CGRP))

static const struct {
	uint32_t mask;
	uint64_t types;
} map_rules[] = {
	{BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK),
	 IN(HASH) | IN(ARRAY) | IN(CGROUP_STORAGE) | IN_STORAGE},
	{BTF_MASK(TIMER) | BTF_MASK(WORKQUEUE) | BTF_MASK(TASK_WORK),
	 IN(HASH) | IN(LRU_HASH) | IN(ARRAY)},
	{BTF_MASK_KPTR | BTF_MASK(REFCOUNT),
	 IN(HASH) | IN(PERCPU_HASH) | IN(LRU_HASH) | IN(LRU_PERCPU_HASH) | IN(ARRAY) |
	 IN(PERCPU_ARRAY) | IN_STORAGE},
	{BTF_MASK(UPTR), IN(TASK_STORAGE)},
	{BTF_MASK_GRAPH_ROOT, IN(HASH) | IN(LRU_HASH) | IN(ARRAY)},
};
/* clang-format on */

int btf_record_check_map(struct btf_record *record, const struct btf *btf,
			 const struct btf_locals *locals, uint32_t map_type, uint32_t map_flags)
{
	if (map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	for (size_t i = 0; i < ARRAY_SIZE(map_rules); i++)
		if ((record->mask & map_rules[i].mask) &&
		    (map_type >= 64 || !(map_rules[i].types >> map_type & 1)))
			return -EOPNOTSUPP;
	return link_record(record, btf, locals);
}
