/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/carry.c - from the bytes of one type to those of another, by the names of their members.
 *
 * Two types are compared once, which gives a short program (operations in the order of the new
 * type); that is run for every value. The body of a loop stands behind it and has offsets relative
 * to one element, so that an array of a million structs is as small as a struct. Where two types
 * turn out to be the same, whatever was written for their parts is replaced by one copy.
 */
#include "chain/carry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "btf/btf.h"

#define CARRY_MAX_OPS	16384
#define CARRY_MAX_STEPS (1u << 20) /* members looked at: types can be made to take for ever */

enum carry_what { CARRY_COPY, CARRY_NUMBER, CARRY_LOOP };

struct carry_op {
	uint8_t what;
	bool from_signed, to_signed, to_bool;
	uint64_t from, to;	     /* COPY, LOOP: bytes; NUMBER: bits */
	uint32_t from_size, to_size; /* COPY: bytes; NUMBER: bits; LOOP: bytes of an element */
	uint32_t count, body;	     /* LOOP: times, operations */
	const char *member;
};

struct carry_side {
	const struct btf *btf;
	uint32_t id;
	uint64_t at;   /* in bits, in the frame */
	uint32_t bits; /* of a bit field, else 0 */
};

struct carry_frame {
	uint64_t from_end, to_end; /* bytes */
};

struct carrying {
	struct carry *c;
	struct carry_frame frame;
	uint32_t steps;
	bool dry; /* the operations are of no interest */
};

static int carry_types(struct carrying *w, const struct carry_side *from,
		       const struct carry_side *to, const char *name, int depth);

/* ---- writing operations ---------------------------------------------------------------------- */

static int carry_step(struct carrying *w, int depth)
{
	return depth > BTF_MAX_DEPTH ? -ELOOP : w->steps++ < CARRY_MAX_STEPS ? 0 : -E2BIG;
}

static int carry_emit(struct carrying *w, const struct carry_op *op)
{
	struct carry *c = w->c;
	const uint64_t unit = op->what == CARRY_NUMBER ? 8 : 1;
	const uint64_t n = op->what == CARRY_LOOP ? op->count : 1;

	if (op->from + n * op->from_size > w->frame.from_end * unit ||
	    op->to + n * op->to_size > w->frame.to_end * unit)
		return -EBADMSG;
	if (c->n_ops == c->max_ops) {
		uint32_t max = c->max_ops ? 2 * c->max_ops : 16;
		struct carry_op *ops;

		if (max > CARRY_MAX_OPS)
			return -E2BIG;
		ops = realloc(c->ops, max * sizeof(*ops));
		if (!ops)
			return -ENOMEM;
		c->ops = ops;
		c->max_ops = max;
	}
	c->ops[c->n_ops++] = *op;
	return 0;
}

/* One copy in the place of everything since `mark`. */
static int carry_copy(struct carrying *w, uint32_t mark, const struct carry_side *from,
		      const struct carry_side *to, uint64_t size)
{
	struct carry_op op = {.what = CARRY_COPY,
			      .from = from->at / 8,
			      .to = to->at / 8,
			      .from_size = (uint32_t)size,
			      .to_size = (uint32_t)size};

	w->c->n_ops = mark;
	if (from->at % 8 || to->at % 8 || size > UINT32_MAX)
		return -EBADMSG;
	return size ? carry_emit(w, &op) : 0;
}

static void PRINTF_LIKE(2, 3) carry_note(struct carrying *w, const char *fmt, ...)
{
	struct carry *c = w->c;
	size_t n = strlen(c->why);
	va_list ap;

	if (w->dry)
		return;
	c->total = false;
	/* The first few are enough to know what to look for. */
	if (n && n + 3 < sizeof(c->why))
		n += (size_t)snprintf(c->why + n, sizeof(c->why) - n, ", ");
	if (n + 1 >= sizeof(c->why))
		return;
	va_start(ap, fmt);
	vsnprintf(c->why + n, sizeof(c->why) - n, fmt, ap);
	va_end(ap);
}

/* ---- numbers --------------------------------------------------------------------------------- */

struct carry_number {
	uint64_t at;
	uint32_t bits;
	bool is_signed, is_bool, is_enum;
};

static bool carry_number_of(const struct carry_side *side, const struct btf_type *t,
			    struct carry_number *n)
{
	uint32_t kind = btf_type_kind(t), word = 0;

	*n = (struct carry_number){.at = side->at, .bits = t->size * 8};
	if (kind == BTF_KIND_INT) {
		memcpy(&word, btf_type_data(t), sizeof(word));
		n->at += BTF_INT_OFFSET(word);
		n->bits = BTF_INT_BITS(word);
		n->is_signed = BTF_INT_ENCODING(word) & BTF_INT_SIGNED;
		n->is_bool = BTF_INT_ENCODING(word) & BTF_INT_BOOL;
	} else {
		n->is_enum = true;
		n->is_signed = btf_type_flag(t);
	}
	if (side->bits)
		n->bits = side->bits;
	return n->bits != 0 && n->bits <= 128;
}

static int carry_numbers(struct carrying *w, const struct carry_side *from,
			 const struct btf_type *ft, const struct carry_side *to,
			 const struct btf_type *tt, const char *name)
{
	struct carry_number f, t;
	struct carry_op op;
	bool same;
	int err;

	if (!carry_number_of(from, ft, &f) || !carry_number_of(to, tt, &t))
		return CARRY_CANNOT;
	/* A char's sign is the compiler's choice, and an enumeration's was not always told. */
	same = f.bits == t.bits &&
	       (f.is_signed == t.is_signed || f.bits == 8 || f.is_enum || t.is_enum) &&
	       (f.is_bool || !t.is_bool);
	if (same && f.at % 8 == 0 && t.at % 8 == 0 && f.bits % 8 == 0) {
		struct carry_side a = {.at = f.at}, b = {.at = t.at};

		err = carry_copy(w, w->c->n_ops, &a, &b, f.bits / 8);
		return err ? err : CARRY_SAME;
	}
	if (f.bits > 64 || t.bits > 64)
		return CARRY_CANNOT;
	op = (struct carry_op){.what = CARRY_NUMBER,
			       .from = f.at,
			       .to = t.at,
			       .from_size = f.bits,
			       .to_size = t.bits,
			       .from_signed = same ? false : f.is_signed,
			       .to_signed = same ? false : t.is_signed,
			       .to_bool = t.is_bool,
			       .member = name};
	if (!same &&
	    (t.bits < f.bits + (t.is_signed && !f.is_signed) || (f.is_signed && !t.is_signed)))
		w->c->total = w->c->total && w->dry;
	err = carry_emit(w, &op);
	return err ? err : same ? CARRY_SAME : CARRY_CONVERTS;
}

/* ---- members -----------------------------------------------------------------------------------
 */

static struct carry_side carry_member(const struct carry_side *of, const struct btf_type *t,
				      const struct btf_member *m)
{
	return (struct carry_side){.btf = of->btf,
				   .id = m->type,
				   .at = of->at + btf_member_bit(t, m),
				   .bits = btf_member_bits(t, m)};
}

/* The composite behind a member without a name, or NULL. */
static const struct btf_type *carry_unnamed(const struct btf *btf, const struct btf_member *m)
{
	const struct btf_type *t =
		*btf_str(btf, m->name_off) ? NULL : btf_skip_mods(btf, m->type, NULL);

	return t && btf_type_is_composite(t) ? t : NULL;
}

/* A member by name, behind structs without a name, too; through: and behind such unions. 1: found.
 */
static int carry_find(struct carrying *w, const struct carry_side *in, const char *name,
		      bool through, struct carry_side *out, int depth)
{
	const struct btf_type *t = btf_skip_mods(in->btf, in->id, NULL), *inner;
	const struct btf_member *m = btf_type_data(t);
	int err = carry_step(w, depth);

	for (uint32_t i = 0; !err && i < btf_type_vlen(t); i++, m++) {
		struct carry_side at = carry_member(in, t, m);

		err = carry_step(w, depth);
		if (err)
			break;
		if (*name && !strcmp(btf_str(in->btf, m->name_off), name)) {
			*out = at;
			return 1;
		}
		inner = carry_unnamed(in->btf, m);
		if (inner && (through || btf_type_kind(inner) == BTF_KIND_STRUCT))
			err = carry_find(w, &at, name, through, out, depth + 1);
	}
	return err;
}

/* The union without a name in struct `in` that has a member of `like`. 1: found. */
static int carry_find_union(struct carrying *w, const struct carry_side *in,
			    const struct carry_side *like, struct carry_side *out, int depth)
{
	const struct btf_type *t = btf_skip_mods(in->btf, in->id, NULL), *inner;
	const struct btf_type *lt = btf_skip_mods(like->btf, like->id, NULL);
	const struct btf_member *m = btf_type_data(t);
	int err = carry_step(w, depth);

	for (uint32_t i = 0; !err && i < btf_type_vlen(t); i++, m++) {
		struct carry_side at = carry_member(in, t, m), found;
		const struct btf_member *lm = btf_type_data(lt);

		inner = carry_unnamed(in->btf, m);
		if (!inner)
			continue;
		if (btf_type_kind(inner) == BTF_KIND_STRUCT) {
			err = carry_find_union(w, &at, like, out, depth + 1);
			continue;
		}
		for (uint32_t k = 0; !err && k < btf_type_vlen(lt); k++, lm++)
			err = carry_find(w, &at, btf_str(like->btf, lm->name_off), true, &found,
					 depth + 1);
		if (err > 0)
			*out = at;
	}
	return err;
}

/* How many members there are, with unnamed structs opened and unnamed unions for one. */
static int64_t carry_count(struct carrying *w, const struct btf *btf, const struct btf_type *t,
			   int depth)
{
	const struct btf_member *m = btf_type_data(t);
	int64_t n = 0, err = carry_step(w, depth);

	for (uint32_t i = 0; !err && i < btf_type_vlen(t); i++, m++) {
		const struct btf_type *inner = carry_unnamed(btf, m);
		int64_t k = inner && btf_type_kind(inner) == BTF_KIND_STRUCT
				    ? carry_count(w, btf, inner, depth + 1)
				    : 1;

		err = k < 0 ? k : carry_step(w, depth);
		n += k;
	}
	return err ? err : n;
}

struct carry_tally {
	uint32_t found;
	bool moved; /* something is elsewhere, or is another thing */
	uint64_t from_at, to_at;
};

/* What members of struct `to` (unnamed ones opened) get from struct `from`. */
static int carry_members(struct carrying *w, const struct carry_side *from,
			 const struct carry_side *to, struct carry_tally *tally, int depth)
{
	const struct btf_type *tt = btf_skip_mods(to->btf, to->id, NULL), *inner;
	const struct btf_member *m = btf_type_data(tt);
	int err = carry_step(w, depth);

	for (uint32_t i = 0; !err && i < btf_type_vlen(tt); i++, m++) {
		struct carry_side at = carry_member(to, tt, m), source;
		const char *name = btf_str(to->btf, m->name_off);
		uint32_t mark = w->c->n_ops;

		inner = carry_unnamed(to->btf, m);
		if (inner && btf_type_kind(inner) == BTF_KIND_STRUCT) {
			err = carry_members(w, from, &at, tally, depth + 1);
			continue;
		}
		err = inner ? carry_find_union(w, from, &at, &source, depth + 1)
			    : carry_find(w, from, name, false, &source, depth + 1);
		if (err <= 0) {
			tally->moved = true;
			continue;
		}
		err = carry_types(w, &source, &at, name, depth + 1);
		if (err < 0)
			break;
		tally->found++;
		if (err == CARRY_CANNOT) {
			w->c->n_ops = mark;
			carry_note(w, "'%s'", *name ? name : "(a union)");
		}
		if (err != CARRY_SAME || source.at - tally->from_at != at.at - tally->to_at)
			tally->moved = true;
		err = 0;
	}
	return err;
}

static int carry_structs(struct carrying *w, const struct carry_side *from,
			 const struct btf_type *ft, const struct carry_side *to,
			 const struct btf_type *tt, int depth)
{
	struct carry_tally tally = {.from_at = from->at, .to_at = to->at};
	uint32_t mark = w->c->n_ops;
	int64_t had = carry_count(w, from->btf, ft, depth);
	int err = had < 0 ? (int)had : carry_members(w, from, to, &tally, depth);

	if (err)
		return err;
	if (tally.found < had) {
		tally.moved = true;
		w->c->total = w->c->total && w->dry;
	}
	if (!tally.moved && ft->size == tt->size) {
		err = carry_copy(w, mark, from, to, ft->size);
		return err ? err : CARRY_SAME;
	}
	return !tally.found && had && btf_type_vlen(tt) ? CARRY_CANNOT : CARRY_CONVERTS;
}

/* Is every member of union `from` in `to`, at the same place and the same? 1: yes. */
static int carry_covers(struct carrying *w, const struct carry_side *from, uint64_t from_at,
			const struct carry_side *to, int depth)
{
	const struct btf_type *ft = btf_skip_mods(from->btf, from->id, NULL);
	const struct btf_member *m = btf_type_data(ft);
	int err = carry_step(w, depth);

	for (uint32_t i = 0; !err && i < btf_type_vlen(ft); i++, m++) {
		struct carry_side at = carry_member(from, ft, m), found;
		const char *name = btf_str(from->btf, m->name_off);

		if (carry_unnamed(from->btf, m)) {
			err = carry_covers(w, &at, from_at, to, depth + 1);
		} else {
			err = carry_find(w, to, name, true, &found, depth + 1);
			if (err > 0 && at.at - from_at == found.at - to->at) {
				int fit = carry_types(w, &at, &found, name, depth + 1);

				err = fit < 0 ? fit : fit == CARRY_SAME;
			} else if (err > 0) {
				err = 0;
			}
		}
		if (err <= 0)
			return err;
		err = 0;
	}
	return err ? err : 1;
}

/* Which member a union holds is not known: its bytes go over where they mean the same. */
static int carry_unions(struct carrying *w, const struct carry_side *from,
			const struct btf_type *ft, const struct carry_side *to,
			const struct btf_type *tt, int depth)
{
	uint32_t mark = w->c->n_ops;
	bool dry = w->dry;
	int there, back = 0;

	w->dry = true;
	there = carry_covers(w, from, from->at, to, depth);
	if (there > 0)
		back = carry_covers(w, to, to->at, from, depth);
	w->dry = dry;
	w->c->n_ops = mark;
	if (there < 0 || back < 0)
		return there < 0 ? there : back;
	if (!there)
		return CARRY_CANNOT;
	there = carry_copy(w, mark, from, to, MIN(ft->size, tt->size));
	return there ? there : back && ft->size == tt->size ? CARRY_SAME : CARRY_CONVERTS;
}

/* ---- arrays, variables ----------------------------------------------------------------------- */

static int carry_arrays(struct carrying *w, const struct carry_side *from,
			const struct btf_type *ft, const struct carry_side *to,
			const struct btf_type *tt, const char *name, int depth)
{
	const struct btf_array *fa = btf_type_data(ft), *ta = btf_type_data(tt);
	int64_t from_size = btf_size(from->btf, fa->type, NULL);
	int64_t to_size = btf_size(to->btf, ta->type, NULL);
	uint32_t n = MIN(fa->nelems, ta->nelems), mark = w->c->n_ops;
	struct carry_side f = {.btf = from->btf, .id = fa->type};
	struct carry_side t = {.btf = to->btf, .id = ta->type};
	struct carry_op loop = {
		.what = CARRY_LOOP, .from = from->at / 8, .to = to->at / 8, .count = n};
	struct carry_frame frame = w->frame;
	int err, fit;

	if (from_size < 0 || to_size < 0 || from_size > UINT32_MAX || to_size > UINT32_MAX ||
	    from->at % 8 || to->at % 8)
		return CARRY_CANNOT;
	loop.from_size = (uint32_t)from_size;
	loop.to_size = (uint32_t)to_size;
	err = carry_emit(w, &loop);
	if (err)
		return err;
	w->frame = (struct carry_frame){(uint64_t)from_size, (uint64_t)to_size};
	fit = carry_types(w, &f, &t, name, depth + 1);
	w->frame = frame;
	if (fit < 0)
		return fit;
	if (fit != CARRY_CANNOT && fa->nelems > n)
		carry_note(w, "the end of '%s'", name);
	/* Numbers of the same bits may stand in different words. */
	if (fit == CARRY_SAME && from_size != to_size)
		fit = CARRY_CONVERTS;
	if (fit == CARRY_SAME) {
		err = carry_copy(w, mark, from, to, (uint64_t)n * loop.from_size);
		return err ? err : fa->nelems == ta->nelems ? CARRY_SAME : CARRY_CONVERTS;
	}
	if (fit == CARRY_CANNOT || w->c->n_ops == mark + 1)
		w->c->n_ops = mark;
	else
		w->c->ops[mark].body = w->c->n_ops - mark - 1;
	return fit;
}

/* The variable of that name, the nth of them: static ones of several functions share one. */
static const struct btf_var_secinfo *carry_variable(struct carrying *w, const struct btf *btf,
						    const struct btf_type *section,
						    const char *name, uint32_t nth, int *err)
{
	const struct btf_var_secinfo *v = btf_type_data(section);

	for (uint32_t i = 0; i < btf_type_vlen(section); i++, v++) {
		*err = carry_step(w, 0);
		if (*err)
			return NULL;
		if (!strcmp(btf_name(btf, v->type), name) && !nth--)
			return v;
	}
	return NULL;
}

static int carry_variable_fit(struct carrying *w, const struct carry_side *from,
			      const struct btf_var_secinfo *f, const struct carry_side *to,
			      const struct btf_var_secinfo *t, const char *name, int depth)
{
	const struct btf_type *fv = btf_type(from->btf, f->type), *tv = btf_type(to->btf, t->type);
	struct carry_side a = {.btf = from->btf, .at = from->at + 8ull * f->offset};
	struct carry_side b = {.btf = to->btf, .at = to->at + 8ull * t->offset};

	if (!fv || !tv || btf_type_kind(fv) != BTF_KIND_VAR || btf_type_kind(tv) != BTF_KIND_VAR)
		return CARRY_CANNOT;
	a.id = fv->type;
	b.id = tv->type;
	return carry_types(w, &a, &b, name, depth + 1);
}

static int carry_sections(struct carrying *w, const struct carry_side *from,
			  const struct btf_type *ft, const struct carry_side *to,
			  const struct btf_type *tt, int depth)
{
	const struct btf_var_secinfo *all = btf_type_data(tt);
	bool same = btf_type_vlen(ft) == btf_type_vlen(tt);
	uint32_t start = w->c->n_ops;
	int err = 0;

	for (uint32_t i = 0; i < btf_type_vlen(tt); i++) {
		const char *name = btf_name(to->btf, all[i].type);
		const struct btf_var_secinfo *v;
		uint32_t nth = 0, mark = w->c->n_ops;

		for (uint32_t k = 0; !err && k < i; k++) {
			err = carry_step(w, depth);
			nth += !strcmp(btf_name(to->btf, all[k].type), name);
		}
		v = err ? NULL : carry_variable(w, from->btf, ft, name, nth, &err);
		if (err)
			return err;
		if (!v) {
			same = false;
			continue;
		}
		err = carry_variable_fit(w, from, v, to, &all[i], name, depth);
		if (err < 0)
			return err;
		if (err == CARRY_CANNOT) {
			w->c->n_ops = mark;
			carry_note(w, "'%s'", name);
		}
		same = same && err == CARRY_SAME && v->offset == all[i].offset;
		err = 0;
	}
	if (!same || w->frame.from_end != w->frame.to_end)
		return CARRY_CONVERTS;
	err = carry_copy(w, start, from, to, w->frame.from_end);
	return err ? err : CARRY_SAME;
}

/* ---- any two types --------------------------------------------------------------------------- */

/* enum carry_fit, or a negative errno. */
static int carry_types(struct carrying *w, const struct carry_side *from,
		       const struct carry_side *to, const char *name, int depth)
{
	const struct btf_type *ft = btf_skip_mods(from->btf, from->id, NULL);
	const struct btf_type *tt = btf_skip_mods(to->btf, to->id, NULL);
	struct carry_side f = *from, t = *to;
	uint32_t kind;
	int err = carry_step(w, depth);

	if (err)
		return err;
	if (!ft || !tt)
		return CARRY_CANNOT;
	if (btf_type_is_scalar(ft) && btf_type_is_scalar(tt))
		return carry_numbers(w, from, ft, to, tt, name);
	kind = btf_type_kind(ft);
	if (kind != btf_type_kind(tt) || from->bits || to->bits)
		return CARRY_CANNOT;
	switch (kind) {
	case BTF_KIND_STRUCT:
		return carry_structs(w, &f, ft, &t, tt, depth);
	case BTF_KIND_UNION:
		return carry_unions(w, &f, ft, &t, tt, depth);
	case BTF_KIND_ARRAY:
		return carry_arrays(w, &f, ft, &t, tt, name, depth);
	case BTF_KIND_DATASEC:
		return depth ? CARRY_CANNOT : carry_sections(w, &f, ft, &t, tt, depth);
	case BTF_KIND_PTR:
		err = carry_copy(w, w->c->n_ops, from, to, 8);
		return err ? err : CARRY_SAME;
	case BTF_KIND_FLOAT:
		if (ft->size != tt->size)
			return CARRY_CANNOT;
		err = carry_copy(w, w->c->n_ops, from, to, ft->size);
		return err ? err : CARRY_SAME;
	default:
		return CARRY_CANNOT;
	}
}

/* Does the type have the size of the bytes? Sections have that of their map. */
static bool carry_sized(const struct carry_type *t)
{
	const struct btf_type *type = t->btf ? btf_skip_mods(t->btf, t->id, NULL) : NULL;

	return type && (btf_type_kind(type) == BTF_KIND_DATASEC ||
			btf_size(t->btf, t->id, NULL) == (int64_t)t->size);
}

int carry_begin(struct carry *c, const struct carry_type *from, const struct carry_type *to)
{
	struct carrying w = {.c = c, .frame = {from->size, to->size}};
	struct carry_side f = {.btf = from->btf, .id = from->id};
	struct carry_side t = {.btf = to->btf, .id = to->id};
	bool typed = carry_sized(from) && carry_sized(to);
	int fit;

	*c = (struct carry){.from_size = from->size, .to_size = to->size, .total = true};
	if (typed)
		fit = carry_types(&w, &f, &t, "the value", 0);
	else if (from->size == to->size)
		fit = carry_copy(&w, 0, &f, &t, from->size) ?: CARRY_SAME;
	else
		fit = CARRY_CANNOT;
	if (fit == -ENOMEM) {
		carry_end(c);
		return fit;
	}
	if (fit < 0) {
		/* The notes so far are of no use: nothing goes over. */
		snprintf(c->why, sizeof(c->why), "its types are too large, or broken");
		fit = CARRY_CANNOT;
	} else if (fit == CARRY_CANNOT) {
		snprintf(c->why, sizeof(c->why), "%s",
			 typed ? "nothing of its type is in the new one"
			       : "it has another size and no types that tell how");
	}
	c->fit = fit == CARRY_SAME && from->size != to->size ? CARRY_CONVERTS : (enum carry_fit)fit;
	return 0;
}

void carry_end(struct carry *c)
{
	free(c->ops);
	c->ops = NULL;
	c->n_ops = c->max_ops = 0;
}

/* ---- carrying out ---------------------------------------------------------------------------- */

static uint64_t carry_bits(const uint8_t *from, uint64_t at, uint32_t n)
{
	uint64_t v = 0;

	if (at % 8 == 0 && n % 8 == 0) {
		memcpy(&v, from + at / 8, n / 8);
		return v;
	}
	for (uint32_t i = 0; i < n; i++, at++)
		v |= (uint64_t)(from[at / 8] >> at % 8 & 1) << i;
	return v;
}

static void carry_bits_set(uint8_t *to, uint64_t at, uint32_t n, uint64_t v)
{
	if (at % 8 == 0 && n % 8 == 0) {
		memcpy(to + at / 8, &v, n / 8);
		return;
	}
	for (uint32_t i = 0; i < n; i++, at++)
		to[at / 8] = (uint8_t)((to[at / 8] & ~(1u << at % 8)) | (v >> i & 1) << at % 8);
}

static void carry_number(const struct carry_op *op, const uint8_t *from, uint8_t *to,
			 struct carry_loss *loss)
{
	uint64_t v = carry_bits(from, op->from, op->from_size), was;
	uint32_t bits = op->to_size - op->to_signed; /* of what is not the sign */
	uint64_t most = bits ? UINT64_MAX >> (64 - bits) : 0;
	bool negative = false;

	if (op->from_signed && v >> (op->from_size - 1) & 1) {
		v |= op->from_size < 64 ? ~0ull << op->from_size : 0;
		negative = true;
	}
	was = v;
	if (op->to_bool)
		v = v != 0;
	else if (negative && !op->to_signed)
		v = 0;
	else if (negative && v < ~most)
		v = ~most;
	else if (!negative && v > most)
		v = most;
	if (v != was && !op->to_bool && !loss->n++)
		snprintf(loss->member, sizeof(loss->member), "%s", op->member);
	carry_bits_set(to, op->to, op->to_size, v);
}

static void carry_run(const struct carry_op *ops, uint32_t n, const uint8_t *from, uint8_t *to,
		      struct carry_loss *loss)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct carry_op *op = &ops[i];

		if (op->what == CARRY_COPY) {
			memcpy(to + op->to, from + op->from, op->to_size);
		} else if (op->what == CARRY_NUMBER) {
			carry_number(op, from, to, loss);
		} else {
			for (uint64_t k = 0; k < op->count; k++)
				carry_run(op + 1, op->body, from + op->from + k * op->from_size,
					  to + op->to + k * op->to_size, loss);
			i += op->body;
		}
	}
}

void carry_apply(const struct carry *c, const void *from, void *to, struct carry_loss *loss)
{
	carry_run(c->ops, c->n_ops, from, to, loss);
}
