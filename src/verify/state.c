/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/state.c - states: copies, registers, references.
 *
 * Copying states is much of what a verification does: a state that is used again keeps its frames
 * and arrays for the next one.
 */
#include "verify/env.h"

/* ---- frames ----------------------------------------------------------------------------- */

/* What the compiler would make of a copy of that size is slower than the library's. */
static inline void copy_large(void *to, const void *from, size_t size)
{
	__asm__("" : "+r"(size));
	memcpy(to, from, size);
}

static const struct reg reg_nothing = {.var = RANGE_UNKNOWN};

/* With registers that are for the caller to fill. */
static struct frame *frame_alloc(struct env *env)
{
	struct frame *f = env_alloc(env, sizeof(*f));

	if (!f)
		return NULL;
	f->slots = NULL;
	f->n_slots = f->cap = 0;
	return f;
}

struct frame *frame_new(struct env *env)
{
	struct frame *f = env_alloc(env, sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->callsite = NO_CALLSITE;
	return f;
}

void frame_free(struct env *env, struct frame *f)
{
	if (!f)
		return;
	env_release(env, f->slots, f->cap * sizeof(*f->slots));
	env_release(env, f, sizeof(*f));
}

static int frame_reserve(struct env *env, struct frame *f, uint32_t n)
{
	uint32_t cap = MIN(MAX(n, MAX(4U, f->cap * 2U)), (uint32_t)VERIFY_SLOTS);
	struct slot *slots;

	if (n <= f->cap)
		return 0;
	slots = env_alloc(env, cap * sizeof(*slots));
	if (!slots)
		return env_nomem(env);
	if (f->n_slots)
		memcpy(slots, f->slots, f->n_slots * sizeof(*slots));
	env_release(env, f->slots, f->cap * sizeof(*slots));
	f->slots = slots;
	f->cap = (uint16_t)cap;
	return 0;
}

int frame_grow(struct env *env, struct frame *f, uint32_t n)
{
	int err;

	if (n <= f->n_slots)
		return 0;
	err = frame_reserve(env, f, n);
	if (err)
		return err;
	memset(&f->slots[f->n_slots], 0, (n - f->n_slots) * sizeof(*f->slots));
	f->n_slots = (uint16_t)n;
	return 0;
}

/* Data and holes need no register. */
static bool kind_has_reg(uint8_t first)
{
	return first == SLOT_SPILL || first >= SLOT_DYNPTR;
}

/* All but what is behind the head; `to` keeps its memory for slots. */
static int frame_copy_head(struct env *env, struct frame *to, const struct frame *from)
{
	struct slot *slots = to->slots;
	uint16_t cap = to->cap;

	memcpy(to, from, offsetof(struct frame, regs));
	to->slots = slots;
	to->cap = cap;
	to->n_slots = 0;
	return from->n_slots > cap ? frame_reserve(env, to, from->n_slots) : 0;
}

static int frame_copy(struct env *env, struct frame *to, const struct frame *from)
{
	if (frame_copy_head(env, to, from))
		return -ENOMEM;
	copy_large(to->regs, from->regs, sizeof(to->regs));
	for (uint32_t i = 0; i < from->n_slots; i++) {
		put_u64(to->slots[i].kind, get_u64(from->slots[i].kind));
		if (kind_has_reg(from->slots[i].kind[0]))
			to->slots[i].reg = from->slots[i].reg;
	}
	to->n_slots = from->n_slots;
	return 0;
}

/* ---- packed frames ---------------------------------------------------------------------- */

/* Where the next range goes in a packed frame, from its beginning. */
static uint32_t packed_begin(const struct frame *head)
{
	uint32_t regs = count_bits(head->reg_mask) + count_bits(head->spill_mask);

	return (uint32_t)(offsetof(struct frame, regs) + head->n_slots * sizeof(uint64_t) +
			  regs * offsetof(struct reg, var));
}

static const uint8_t var_bytes[] = {
	[VAR_FULL] = sizeof(struct range), [VAR_CONST] = sizeof(uint64_t), [VAR_ANY] = 0};

static uint8_t var_kind(const struct range *r)
{
	if (!r->bits.mask)
		return range_only(r) ? VAR_CONST : VAR_FULL;
	return range_everything(r) ? VAR_ANY : VAR_FULL;
}

/* A register to a packed frame: the range, of that kind, goes to (and is at) *at. */
static inline struct reg *pack_reg(struct frame *f, struct reg *to, const struct reg *from,
				   uint8_t kind, const void *var, uint32_t *at)
{
	void *room = (char *)f + *at;

	memcpy(to, from, offsetof(struct reg, var));
	to->var_kind = kind;
	to->var_at = (uint16_t)(*at / sizeof(uint64_t));
	*at += var_bytes[kind];
	if (kind == VAR_FULL)
		memcpy(room, var, sizeof(struct range));
	else if (kind == VAR_CONST)
		memcpy(room, var, sizeof(uint64_t));
	return packed_next(to);
}

static const struct reg *unpack_reg(struct reg *to, const struct frame *f, const struct reg *from)
{
	packed_unpack(to, f, from);
	return packed_next(from);
}

/* The masks of a packed frame, of an unpacked one. */
static void frame_masks(struct frame *head, const struct frame *from)
{
	uint32_t regs = 0, scalars = 0, precise = 0;

	for (int i = 0; i < 11; i++) {
		const struct reg *r = &from->regs[i];

		regs |= (uint32_t)(r->type != R_NOT_INIT) << i;
		scalars |= (uint32_t)reg_is_plain(r) << i;
		precise |= (uint32_t)(r->type == R_SCALAR && r->precise) << i;
	}
	head->reg_mask = (uint16_t)regs;
	head->reg_scalars = (uint16_t)scalars;
	head->reg_precise = (uint16_t)precise;
	head->spill_mask = head->spill_scalars = head->spill_precise = 0;
	for (uint32_t i = 0; i < from->n_slots; i++) {
		const struct slot *slot = &from->slots[i];
		const struct reg *r = &slot->reg;
		uint64_t bit = UINT64_C(1) << i;

		if (!kind_has_reg(slot->kind[0]))
			continue;
		head->spill_mask |= bit;
		if (slot->kind[0] != SLOT_SPILL || r->type != R_SCALAR)
			continue;
		if (!r->flags && get_u64(slot->kind) == SLOT_KINDS(SLOT_SPILL))
			head->spill_scalars |= bit;
		if (r->precise)
			head->spill_precise |= bit;
	}
}

static struct frame *frame_pack(struct env *env, const struct frame *from)
{
	const struct reg *item[11 + VERIFY_SLOTS];
	uint8_t kind[11 + VERIFY_SLOTS];
	struct frame head, *to;
	struct reg *r;
	uint32_t at, n = 0;

	memcpy(&head, from, offsetof(struct frame, regs));
	frame_masks(&head, from);
	at = head.packed_size = packed_begin(&head);
	for (uint32_t left = head.reg_mask; left; left &= left - 1)
		item[n++] = &from->regs[__builtin_ctz(left)];
	for (uint64_t left = head.spill_mask; left; left &= left - 1)
		item[n++] = &from->slots[__builtin_ctzll(left)].reg;
	for (uint32_t i = 0; i < n; i++) {
		kind[i] = var_kind(&item[i]->var);
		head.packed_size += var_bytes[kind[i]];
	}
	to = env_alloc(env, head.packed_size);
	if (!to)
		return NULL;
	memcpy(to, &head, offsetof(struct frame, regs));
	to->cap = from->n_slots;
	to->slots = NULL;
	r = packed_nth(to, 0);
	/* The value of a constant is the first member of its range. */
	for (uint32_t i = 0; i < n; i++)
		r = pack_reg(to, r, item[i], kind[i], &item[i]->var, &at);
	for (uint32_t i = 0; i < from->n_slots; i++)
		((uint64_t *)to->regs)[i] = get_u64(from->slots[i].kind);
	return to;
}

/* `to` keeps its memory for slots. */
static int frame_unpack(struct env *env, struct frame *to, const struct frame *from)
{
	const struct reg *r = packed_nth(from, 0);

	if (frame_copy_head(env, to, from))
		return -ENOMEM;
	for (uint32_t left = from->reg_mask; left; left &= left - 1)
		r = unpack_reg(&to->regs[__builtin_ctz(left)], from, r);
	for (uint32_t left = ~from->reg_mask & 0x7ffU; left; left &= left - 1)
		to->regs[__builtin_ctz(left)] = reg_nothing;
	for (uint32_t i = 0; i < from->n_slots; i++) {
		put_u64(to->slots[i].kind, packed_kinds(from, i));
		if (from->spill_mask >> i & 1)
			r = unpack_reg(&to->slots[i].reg, from, r);
	}
	to->n_slots = from->n_slots;
	return 0;
}

struct frame *frame_shrink(struct env *env, struct frame *f, uint16_t regs, uint64_t slots)
{
	const struct reg *item[11 + VERIFY_SLOTS];
	struct frame head, *to;
	struct reg *r;
	uint32_t at, n = 0;

	memcpy(&head, f, offsetof(struct frame, regs));
	head.reg_mask &= regs;
	head.reg_scalars &= regs;
	head.reg_precise &= regs;
	while (head.n_slots && !(slots >> (head.n_slots - 1) & 1))
		head.n_slots--;
	if (head.n_slots < VERIFY_SLOTS)
		slots &= (UINT64_C(1) << head.n_slots) - 1;
	head.spill_mask &= slots;
	head.spill_scalars &= slots;
	head.spill_precise &= slots;
	/* Most states hold nothing that nobody reads. */
	if (head.reg_mask == f->reg_mask && head.spill_mask == f->spill_mask &&
	    head.n_slots == f->n_slots) {
		for (uint32_t i = 0; i < f->n_slots; i++)
			if (!(slots >> i & 1))
				((uint64_t *)f->regs)[i] = SLOT_KINDS(SLOT_INVALID);
		return f;
	}
	at = head.packed_size = packed_begin(&head);
	for (uint32_t left = head.reg_mask; left; left &= left - 1)
		item[n++] = packed_reg(f, __builtin_ctz(left));
	for (uint64_t left = head.spill_mask; left; left &= left - 1)
		item[n++] = packed_slot(f, (uint32_t)__builtin_ctzll(left));
	for (uint32_t i = 0; i < n; i++)
		head.packed_size += var_bytes[item[i]->var_kind];
	to = env_alloc(env, head.packed_size);
	if (!to)
		return NULL;
	memcpy(to, &head, offsetof(struct frame, regs));
	r = packed_nth(to, 0);
	for (uint32_t i = 0; i < n; i++)
		r = pack_reg(to, r, item[i], item[i]->var_kind,
			     (const uint64_t *)f + item[i]->var_at, &at);
	for (uint32_t i = 0; i < head.n_slots; i++)
		((uint64_t *)to->regs)[i] =
			slots >> i & 1 ? packed_kinds(f, i) : SLOT_KINDS(SLOT_INVALID);
	env_release(env, f, f->packed_size);
	return to;
}

/* ---- states ----------------------------------------------------------------------------- */

struct state *state_new(struct env *env)
{
	struct state *s = env_alloc(env, sizeof(*s));

	if (s)
		memset(s, 0, sizeof(*s));
	return s;
}

static void state_free_frame(struct env *env, struct state *s, uint32_t i)
{
	if (s->frame[i] && s->packed)
		env_release(env, s->frame[i], s->frame[i]->packed_size);
	else
		frame_free(env, s->frame[i]);
	s->frame[i] = NULL;
}

/* A state that a copy is made into. */
static struct state *state_alloc(struct env *env)
{
	struct state *s = env_alloc(env, sizeof(*s));

	if (!s)
		return NULL;
	memset(s->frame, 0, sizeof(s->frame));
	s->refs = NULL;
	s->history = NULL;
	s->n_refs = s->cap_refs = 0;
	s->n_history = s->cap_history = 0;
	s->packed = false;
	return s;
}

static int state_copy_refs(struct env *env, struct state *to, const struct state *from)
{
	if (from->n_refs > to->cap_refs) {
		env_release(env, to->refs, to->cap_refs * sizeof(*to->refs));
		to->cap_refs = from->n_refs;
		to->refs = env_alloc(env, to->cap_refs * sizeof(*to->refs));
		if (!to->refs) {
			to->cap_refs = 0;
			return -ENOMEM;
		}
	}
	if (from->n_refs)
		memcpy(to->refs, from->refs, from->n_refs * sizeof(*to->refs));
	to->n_refs = from->n_refs;
	return 0;
}

static int state_copy_history(struct env *env, struct state *to, const struct state *from)
{
	if (from->n_history > to->cap_history) {
		env_release(env, to->history, to->cap_history * sizeof(*to->history));
		to->cap_history = from->n_history;
		to->history = env_alloc(env, to->cap_history * sizeof(*to->history));
		if (!to->history) {
			to->cap_history = 0;
			return -ENOMEM;
		}
	}
	if (from->n_history)
		memcpy(to->history, from->history, from->n_history * sizeof(*to->history));
	to->n_history = from->n_history;
	return 0;
}

/* All but the frames; `to` keeps its memory. */
static int state_copy_head(struct env *env, struct state *to, const struct state *from)
{
	struct frame *frame[VERIFY_MAX_FRAMES];
	struct ref *refs = to->refs;
	struct jump *history = to->history;
	uint32_t cap_history = to->cap_history;
	uint16_t cap_refs = to->cap_refs;
	bool packed = to->packed;

	memcpy(frame, to->frame, sizeof(frame));
	copy_large(to, from, sizeof(*to));
	memcpy(to->frame, frame, sizeof(frame));
	to->packed = packed;
	to->refs = refs;
	to->cap_refs = cap_refs;
	to->n_refs = 0;
	to->history = history;
	to->cap_history = cap_history;
	to->n_history = 0;
	if (from->n_refs && state_copy_refs(env, to, from))
		return -ENOMEM;
	return from->n_history ? state_copy_history(env, to, from) : 0;
}

int state_assign(struct env *env, struct state *to, const struct state *from)
{
	if (state_copy_head(env, to, from))
		return -ENOMEM;
	for (uint32_t i = from->cur + 1; i < VERIFY_MAX_FRAMES && to->frame[i]; i++)
		state_free_frame(env, to, i);
	for (uint32_t i = 0; i <= from->cur; i++) {
		int err;

		if (!to->frame[i])
			to->frame[i] = frame_alloc(env);
		if (!to->frame[i])
			return -ENOMEM;
		err = from->packed ? frame_unpack(env, to->frame[i], from->frame[i])
				   : frame_copy(env, to->frame[i], from->frame[i]);
		if (err)
			return err;
	}
	return 0;
}

int state_pack(struct env *env, struct state *to, const struct state *from)
{
	to->packed = true;
	if (state_copy_head(env, to, from))
		return -ENOMEM;
	for (uint32_t i = 0; i <= from->cur; i++) {
		to->frame[i] = frame_pack(env, from->frame[i]);
		if (!to->frame[i])
			return -ENOMEM;
	}
	return 0;
}

struct state *state_copy_path(struct env *env, const struct state *from)
{
	struct state *s = state_alloc(env);

	if (s && state_copy_head(env, s, from)) {
		state_free(env, s);
		return NULL;
	}
	return s;
}

void state_release_parts(struct env *env, struct state *s)
{
	for (uint32_t i = 0; i < VERIFY_MAX_FRAMES && s->frame[i]; i++)
		state_free_frame(env, s, i);
	env_release(env, s->refs, s->cap_refs * sizeof(*s->refs));
	env_release(env, s->history, s->cap_history * sizeof(*s->history));
}

void state_free(struct env *env, struct state *s)
{
	if (!s)
		return;
	state_release_parts(env, s);
	env_release(env, s, sizeof(*s));
}

struct reg *state_next_reg(const struct state *s, struct reg_cursor *c)
{
	while (c->frame <= s->cur) {
		struct frame *f = s->frame[c->frame];

		while (c->at < 11 + f->n_slots) {
			int32_t i = c->at++;

			if (i < 11)
				return &f->regs[i];
			if (f->slots[i - 11].kind[0] == SLOT_SPILL)
				return &f->slots[i - 11].reg;
		}
		c->frame++;
		c->at = 0;
	}
	return NULL;
}

/* ---- registers -------------------------------------------------------------------------- */

void reg_set_not_init(struct reg *r)
{
	*r = reg_nothing;
}

void reg_set_unknown(const struct env *env, struct reg *r)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_unknown(&r->var);
	r->type = R_SCALAR;
	r->precise = !env->bpf_capable;
}

void reg_set_const(const struct env *env, struct reg *r, uint64_t v)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_const(&r->var, v);
	r->type = R_SCALAR;
	r->precise = !env->bpf_capable;
}

void reg_set_pointer(struct reg *r, enum reg_type type, uint16_t flags)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_const(&r->var, 0);
	r->type = (uint8_t)type;
	r->flags = flags;
}

void regs_clobber(struct env *env, struct frame *f)
{
	for (int i = 0; i <= 5; i++)
		reg_set_not_init(&f->regs[i]);
}

void reg_drop(const struct env *env, struct reg *r)
{
	if (!env->allow_ptr_leaks)
		reg_set_not_init(r);
	else
		reg_set_unknown(env, r);
}

void state_forget_packets(struct env *env)
{
	struct reg *r;

	STATE_FOR_EACH_REG(env->st, r)
	{
		if (r->type == R_PACKET || r->type == R_PACKET_META || r->type == R_PACKET_END ||
		    (r->type == R_MEM && r->flags & F_DYN_PACKET))
			reg_drop(env, r);
	}
}

/* ---- references ------------------------------------------------------------------------- */

static struct ref *ref_add(struct env *env)
{
	struct state *s = env->st;
	struct ref *refs;
	uint16_t cap;

	if (s->n_refs == s->cap_refs) {
		cap = (uint16_t)(s->cap_refs ? s->cap_refs * 2 : 4);
		refs = env_alloc(env, cap * sizeof(*refs));
		if (!refs) {
			env_nomem(env);
			return NULL;
		}
		if (s->n_refs)
			memcpy(refs, s->refs, s->n_refs * sizeof(*refs));
		env_release(env, s->refs, s->cap_refs * sizeof(*refs));
		s->refs = refs;
		s->cap_refs = cap;
	}
	memset(&s->refs[s->n_refs], 0, sizeof(*refs));
	s->refs[s->n_refs].insn = env->insn;
	return &s->refs[s->n_refs++];
}

uint32_t state_acquire(struct env *env)
{
	struct ref *ref = ref_add(env);

	if (!ref)
		return 0;
	ref->kind = REF_PTR;
	ref->id = env_new_id(env);
	return ref->id;
}

static void ref_remove(struct state *s, struct ref *ref)
{
	/* The order counts: what was acquired last is released first. */
	memmove(ref, ref + 1, (size_t)(&s->refs[s->n_refs] - (ref + 1)) * sizeof(*ref));
	s->n_refs--;
}

struct ref *state_find_ref(const struct state *s, uint32_t id)
{
	for (uint16_t i = 0; i < s->n_refs; i++)
		if (s->refs[i].kind == REF_PTR && s->refs[i].id == id)
			return &s->refs[i];
	return NULL;
}

int state_forget_ref(struct state *s, uint32_t id)
{
	struct ref *ref = state_find_ref(s, id);

	if (!ref)
		return -EINVAL;
	ref_remove(s, ref);
	return 0;
}

int state_release(struct env *env, uint32_t id)
{
	struct reg *r;
	int err = state_forget_ref(env->st, id);

	if (err)
		return err;
	STATE_FOR_EACH_REG(env->st, r)
	{
		if (r->ref == id)
			reg_drop(env, r);
	}
	return 0;
}

int state_acquire_lock(struct env *env, enum ref_kind kind, uint32_t id, const void *ptr)
{
	struct ref *ref = ref_add(env);

	if (!ref)
		return -ENOMEM;
	ref->kind = (uint8_t)kind;
	ref->id = id;
	ref->ptr = ptr;
	env->st->locks++;
	env->st->lock_id = id;
	env->st->lock_ptr = ptr;
	return 0;
}

static bool ref_is_lock(const struct ref *ref)
{
	return ref->kind >= REF_LOCK;
}

struct ref *state_find_lock(const struct state *s, enum ref_kind kind, uint32_t id, const void *ptr)
{
	for (uint16_t i = 0; i < s->n_refs; i++)
		if (s->refs[i].kind == kind && s->refs[i].id == id && s->refs[i].ptr == ptr)
			return &s->refs[i];
	return NULL;
}

int state_release_lock(struct state *s, enum ref_kind kind, uint32_t id, const void *ptr)
{
	struct ref *ref = state_find_lock(s, kind, id, ptr);

	if (!ref)
		return -EINVAL;
	ref_remove(s, ref);
	s->locks--;
	s->lock_id = 0;
	s->lock_ptr = NULL;
	for (uint16_t i = 0; i < s->n_refs; i++)
		if (ref_is_lock(&s->refs[i])) {
			s->lock_id = s->refs[i].id;
			s->lock_ptr = s->refs[i].ptr;
		}
	return 0;
}

uint32_t state_acquire_irq(struct env *env)
{
	struct ref *ref = ref_add(env);

	if (!ref)
		return 0;
	ref->kind = REF_IRQ;
	ref->id = env_new_id(env);
	env->st->irq_id = ref->id;
	return ref->id;
}

/* Interrupt states are restored in the reverse order: -EACCES if id is not the innermost. */
int state_release_irq(struct state *s, uint32_t id)
{
	uint32_t before = 0;

	if (id != s->irq_id)
		return -EACCES;
	for (uint16_t i = 0; i < s->n_refs; i++) {
		if (s->refs[i].kind != REF_IRQ)
			continue;
		if (s->refs[i].id == id) {
			ref_remove(s, &s->refs[i]);
			s->irq_id = before;
			return 0;
		}
		before = s->refs[i].id;
	}
	return -EINVAL;
}
