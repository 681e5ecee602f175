/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/state.c - memory of states, copies, registers, references.
 *
 * A verification makes and drops states by the hundred thousand, all of a few sizes: blocks
 * come from size classes with free lists, cut from chunks that go back all at once.
 */
#include "verify/env.h"

#include <stdlib.h>

#define MEM_CHUNK   (256 * 1024)
#define MEM_CLASSES 28 /* 2^4 .. 2^31 */
#define MEM_MIN	    4

struct mem_block {
	struct mem_block *next;
};

struct mem_chunk {
	struct mem_chunk *next;
};

struct env_arena {
	struct mem_block *free[MEM_CLASSES];
	struct mem_chunk *chunks;
	char *at, *end;
	size_t total;
};

static unsigned mem_class(size_t size)
{
	return size <= (1U << MEM_MIN) ? 0
				       : 64 - MEM_MIN - (unsigned)__builtin_clzll(size - 1);
}

int env_mem_new(struct env *env)
{
	env->mem = calloc(1, sizeof(*env->mem));
	return env->mem ? 0 : env_nomem(env);
}

void env_mem_free(struct env *env)
{
	struct mem_chunk *chunk, *next;

	if (!env->mem)
		return;
	for (chunk = env->mem->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(env->mem);
	env->mem = NULL;
}

size_t env_mem_total(const struct env *env)
{
	return env->mem ? env->mem->total : 0;
}

/* The block has the size of its class. Large ones have a chunk of their own. */
void *env_alloc(struct env *env, size_t size)
{
	struct env_arena *a = env->mem;
	unsigned class = mem_class(size);
	size_t bytes = (size_t)1 << (class + MEM_MIN);
	struct mem_block *block = a->free[class];
	struct mem_chunk *chunk;
	size_t room;

	if (block) {
		a->free[class] = block->next;
		return block;
	}
	if (a->total > VERIFY_MEM_LIMIT)
		return NULL;
	/* States are 2^k plus a bit as often as not: do not round what is cut from a chunk up
	 * further than to its class, which keeps every block reusable. */
	if ((size_t)(a->end - a->at) < bytes) {
		room = MAX(bytes + sizeof(*chunk) + 16, (size_t)MEM_CHUNK);
		chunk = malloc(room);
		if (!chunk)
			return NULL;
		chunk->next = a->chunks;
		a->chunks = chunk;
		a->total += room;
		if (bytes > MEM_CHUNK / 4)
			return (char *)chunk + 16;
		a->at = (char *)chunk + 16;
		a->end = (char *)chunk + room;
	}
	block = (struct mem_block *)a->at;
	a->at += bytes;
	return block;
}

void env_release(struct env *env, void *p, size_t size)
{
	struct mem_block *block = p;
	unsigned class;

	if (!p)
		return;
	class = mem_class(size);
	block->next = env->mem->free[class];
	env->mem->free[class] = block;
}

/* ---- frames and states ------------------------------------------------------------------ */

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

static int frame_copy(struct env *env, struct frame *to, const struct frame *from)
{
	struct slot *slots = to->slots;
	uint16_t cap = to->cap;

	memcpy(to, from, sizeof(*to));
	to->slots = slots;
	to->cap = cap;
	to->n_slots = 0;
	if (!from->n_slots)
		return 0;
	if (frame_reserve(env, to, from->n_slots))
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n_slots; i++) {
		/* Data and holes need no register. */
		uint64_t kinds = get_u64(from->slots[i].kind);

		if (kinds == SLOT_KINDS(SLOT_INVALID) || kinds == SLOT_KINDS(SLOT_MISC) ||
		    kinds == SLOT_KINDS(SLOT_ZERO)) {
			put_u64(to->slots[i].kind, kinds);
			reg_set_not_init(&to->slots[i].reg);
		} else {
			to->slots[i] = from->slots[i];
		}
	}
	to->n_slots = from->n_slots;
	return 0;
}

struct state *state_new(struct env *env)
{
	struct state *s = env_alloc(env, sizeof(*s));

	if (s)
		memset(s, 0, sizeof(*s));
	return s;
}

int state_assign(struct env *env, struct state *to, const struct state *from)
{
	struct state old = *to;

	*to = *from;
	memcpy(to->frame, old.frame, sizeof(to->frame));
	to->refs = old.refs;
	to->cap_refs = old.cap_refs;
	to->n_refs = 0;
	to->history = old.history;
	to->cap_history = old.cap_history;
	to->n_history = 0;
	for (uint32_t i = from->cur + 1; i < VERIFY_MAX_FRAMES; i++) {
		frame_free(env, to->frame[i]);
		to->frame[i] = NULL;
	}
	for (uint32_t i = 0; i <= from->cur; i++) {
		if (!to->frame[i])
			to->frame[i] = frame_new(env);
		if (!to->frame[i] || frame_copy(env, to->frame[i], from->frame[i]))
			return -ENOMEM;
	}
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

struct state *state_copy(struct env *env, const struct state *from)
{
	struct state *s = state_new(env);

	if (s && state_assign(env, s, from)) {
		state_free(env, s);
		return NULL;
	}
	return s;
}

void state_free(struct env *env, struct state *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < VERIFY_MAX_FRAMES; i++)
		frame_free(env, s->frame[i]);
	env_release(env, s->refs, s->cap_refs * sizeof(*s->refs));
	env_release(env, s->history, s->cap_history * sizeof(*s->history));
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
	memset(r, 0, sizeof(*r));
	range_set_unknown(&r->var);
}

void reg_set_unknown(const struct env *env, struct reg *r)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_unknown(&r->var);
	r->type = R_SCALAR;
	r->id = r->ref = 0;
	r->precise = !env->bpf_capable;
}

void reg_set_const(const struct env *env, struct reg *r, uint64_t v)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_const(&r->var, v);
	r->type = R_SCALAR;
	r->id = r->ref = 0;
	r->precise = !env->bpf_capable;
}

void reg_set_pointer(struct reg *r, enum reg_type type, uint16_t flags)
{
	memset(r, 0, offsetof(struct reg, var));
	range_set_const(&r->var, 0);
	r->type = (uint8_t)type;
	r->flags = flags;
	r->id = r->ref = 0;
	r->precise = false;
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

	STATE_FOR_EACH_REG(env->st, r) {
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
	STATE_FOR_EACH_REG(env->st, r) {
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

struct ref *state_find_lock(const struct state *s, enum ref_kind kind, uint32_t id,
			    const void *ptr)
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
