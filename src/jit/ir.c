/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/ir.c - making and changing the intermediate representation.
 *
 * The chunks of the last compilation are kept for the next one: on many machines the first
 * touch of fresh memory costs more than the compilation of a small program.
 */
#include "jit/ir.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const uint8_t ir_flags[IR_COUNT] = {
#define PURE  IR_IS_PURE
#define COMM  IR_IS_COMM
#define READ  IR_IS_READ
#define WRITE IR_IS_WRITE
#define CALL  IR_IS_CALL
#define END   IR_IS_END
#define IR(name, text, flags) [IR_##name] = (flags),
#include "jit/ir.def"
#undef IR
#undef PURE
#undef COMM
#undef READ
#undef WRITE
#undef CALL
#undef END
};

const char *const ir_names[IR_COUNT] = {
#define IR(name, text, flags) [IR_##name] = text,
#include "jit/ir.def"
#undef IR
};

/* ---- memory ------------------------------------------------------------------------------ */

#define ARENA_CHUNK (256u << 10)
#define ARENA_HUGE  (2u << 20) /* chunks of a large program: one page each, where there are such */
#define ARENA_KEPT  16

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used, dirty; /* behind `dirty` all is zero */
	_Alignas(16) uint8_t data[];
};

struct jit_arena {
	struct arena_chunk *chunks; /* the first one is being filled */
	struct arena_chunk *spare;  /* after a reset */
	uint32_t taken;		    /* chunks */
};

static struct arena_chunk *arena_kept[ARENA_KEPT]; /* taken and given back atomically */

/* After so many chunks the program is a large one. */
#define ARENA_LARGE 4

static void *arena_map(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* At a multiple of the size of huge pages. */
static void *arena_map_huge(size_t size)
{
	uint8_t *all = arena_map(size + ARENA_HUGE, 0), *p;

	if (!all)
		return NULL;
	p = (uint8_t *)ALIGN_UP((uintptr_t)all, (uintptr_t)ARENA_HUGE);
	if (p > all)
		munmap(all, (size_t)(p - all));
	if (p < all + ARENA_HUGE)
		munmap(p + size, (size_t)(all + ARENA_HUGE - p));
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/* All pages of a small chunk at once: that costs as much as touching a few of them. */
static struct arena_chunk *arena_chunk_make(size_t size, bool huge)
{
	struct arena_chunk *c;

	size += sizeof(*c);
	huge |= size > ARENA_CHUNK;
	size = ALIGN_UP(size, huge ? (size_t)ARENA_HUGE : (size_t)ARENA_CHUNK);
	c = huge ? arena_map_huge(size) : arena_map(size, MAP_POPULATE);
	if (c)
		c->size = size - sizeof(*c);
	return c;
}

static struct arena_chunk *arena_chunk_new(struct jit_arena *a, size_t size)
{
	bool huge = a->taken >= ARENA_LARGE;
	struct arena_chunk *c = a->spare;

	if (c && size <= c->size) {
		a->spare = c->next;
		return c;
	}
	a->taken++;
	for (uint32_t i = 0; i < ARENA_KEPT && size <= ARENA_CHUNK - sizeof(*c) && !huge; i++) {
		c = __atomic_exchange_n(&arena_kept[i], NULL, __ATOMIC_ACQUIRE);
		if (c)
			return c;
	}
	return arena_chunk_make(size, huge);
}

static void arena_chunk_free(struct arena_chunk *c)
{
	size_t size = c->size + sizeof(*c);

	for (uint32_t i = 0; i < ARENA_KEPT && size == ARENA_CHUNK; i++) {
		struct arena_chunk *none = NULL;

		if (__atomic_compare_exchange_n(&arena_kept[i], &none, c, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	}
	munmap(c, size);
}

struct jit_arena *jit_arena_new(void)
{
	return calloc(1, sizeof(struct jit_arena));
}

void jit_arena_reset(struct jit_arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->chunks; c; c = next) {
		next = c->next;
		c->dirty = MAX(c->dirty, c->used);
		c->next = a->spare;
		a->spare = c;
	}
	a->chunks = NULL;
}

void jit_arena_free(struct jit_arena *a)
{
	struct arena_chunk *next;

	if (!a)
		return;
	jit_arena_reset(a);
	for (; a->spare; a->spare = next) {
		next = a->spare->next;
		arena_chunk_free(a->spare);
	}
	free(a);
}

/* Zeroed, or NULL. */
void *jit_alloc(struct jit_arena *a, size_t size)
{
	struct arena_chunk *c = a->chunks;
	void *p;

	size = ALIGN_UP(size, (size_t)16);
	if (!c || c->size - c->used < size) {
		c = arena_chunk_new(a, size);
		if (!c)
			return NULL;
		c->used = 0;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->data + c->used;
	if (c->used < c->dirty)
		memset(p, 0, MIN(size, c->dirty - c->used));
	c->used += size;
	return p;
}

/* ---- nodes and blocks --------------------------------------------------------------------- */

/* What is handed out when memory is exhausted: written to, never looked at. */
static __thread struct ir_node spare_node;
static __thread struct ir_node *spare_args[8];
static __thread struct ir_block spare_block;

struct ir_block *ir_block_new(struct ir_func *f)
{
	struct ir_block *b = jit_alloc(f->arena, sizeof(*b));

	if (f->n_blocks == f->max_blocks) {
		uint32_t max = f->max_blocks ? f->max_blocks * 2 : 64;
		struct ir_block **blocks = jit_alloc(f->arena, max * sizeof(struct ir_block *));

		if (!blocks) {
			b = NULL;
		} else {
			if (f->n_blocks)
				memcpy(blocks, f->blocks, f->n_blocks * sizeof(struct ir_block *));
			f->blocks = blocks;
			f->max_blocks = max;
		}
	}
	if (!b) {
		f->failed = true;
		memset(&spare_block, 0, sizeof(spare_block));
		spare_block.succ = spare_block.succ2;
		return &spare_block;
	}
	b->id = f->n_blocks;
	b->succ = b->succ2;
	f->blocks[f->n_blocks++] = b;
	return b;
}

struct ir_node *ir_new(struct ir_func *f, enum ir_op op, uint32_t n_args)
{
	struct ir_node *n = jit_alloc(f->arena, sizeof(*n));

	if (n && n_args > ARRAY_SIZE(n->in)) {
		n->arg = jit_alloc(f->arena, n_args * sizeof(struct ir_node *));
		if (!n->arg)
			n = NULL;
	} else if (n) {
		n->arg = n->in;
	}
	if (!n) {
		f->failed = true;
		n = memset(&spare_node, 0, sizeof(spare_node));
		n->arg = spare_args;
		n_args = MIN(n_args, (uint32_t)ARRAY_SIZE(spare_args));
	}
	n->op = op;
	n->n_args = n_args;
	n->max_args = MAX(n_args, (uint32_t)ARRAY_SIZE(n->in));
	n->id = f->n_nodes++;
	n->bits = 64;
	n->wide = true;
	n->reg = n->wish = -1;
	n->slot = -1;
	return n;
}

void ir_append(struct ir_block *b, struct ir_node *n)
{
	n->block = b;
	n->prev = b->last;
	n->next = NULL;
	if (b->last)
		b->last->next = n;
	else
		b->first = n;
	b->last = n;
}

void ir_insert_before(struct ir_node *at, struct ir_node *n)
{
	n->block = at->block;
	n->next = at;
	n->prev = at->prev;
	if (at->prev)
		at->prev->next = n;
	else
		at->block->first = n;
	at->prev = n;
}

void ir_insert_first(struct ir_block *b, struct ir_node *n)
{
	if (b->first)
		ir_insert_before(b->first, n);
	else
		ir_append(b, n);
}

void ir_remove(struct ir_node *n)
{
	struct ir_block *b = n->block;

	if (n->prev)
		n->prev->next = n->next;
	else
		b->first = n->next;
	if (n->next)
		n->next->prev = n->prev;
	else
		b->last = n->prev;
	n->prev = n->next = NULL;
	n->block = NULL;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static bool block_grow(struct ir_func *f, struct ir_block *b)
{
	uint32_t max = b->max_preds ? b->max_preds * 2 : 4;
	struct ir_block **preds;

	if (b->n_preds < b->max_preds)
		return true;
	preds = jit_alloc(f->arena, max * sizeof(struct ir_block *));
	if (!preds) {
		f->failed = true;
		return false;
	}
	if (b->n_preds)
		memcpy(preds, b->preds, b->n_preds * sizeof(struct ir_block *));
	b->preds = preds;
	b->max_preds = max;
	return true;
}

static bool phi_grow(struct ir_func *f, struct ir_node *n)
{
	struct ir_node **arg;

	if (n->n_args < n->max_args)
		return true;
	arg = jit_alloc(f->arena, n->max_args * 2 * sizeof(struct ir_node *));
	if (!arg) {
		f->failed = true;
		return false;
	}
	memcpy(arg, n->arg, n->n_args * sizeof(struct ir_node *));
	n->arg = arg;
	n->max_args *= 2;
	return true;
}

/* From so many predecessors on it is remembered where a block is among them. */
#define PREDS_MANY 16

static void pred_found(const struct ir_block *b, struct ir_block *from, uint32_t k)
{
	if (b->n_preds >= PREDS_MANY)
		from->pred_hint = k;
}

/* One more predecessor; phis that exist get room for its argument. */
static void pred_add(struct ir_func *f, struct ir_block *b, struct ir_block *from)
{
	if (!block_grow(f, b))
		return;
	for (struct ir_node *n = b->first; n && n->op == IR_PHI; n = n->next) {
		if (!phi_grow(f, n))
			return;
		n->arg[n->n_args++] = NULL;
	}
	b->preds[b->n_preds++] = from;
	pred_found(b, from, b->n_preds - 1);
}

void ir_edge(struct ir_func *f, struct ir_block *from, struct ir_block *to)
{
	from->succ[from->n_succ++] = to;
	pred_add(f, to, from);
}

void ir_pred_remove(struct ir_block *b, uint32_t k)
{
	b->n_preds--;
	memmove(&b->preds[k], &b->preds[k + 1], (b->n_preds - k) * sizeof(struct ir_block *));
	for (struct ir_node *n = b->first; n && n->op == IR_PHI; n = n->next) {
		n->n_args--;
		memmove(&n->arg[k], &n->arg[k + 1], (n->n_args - k) * sizeof(struct ir_node *));
	}
}

uint32_t ir_pred_index(const struct ir_block *b, struct ir_block *from)
{
	bool once = from->n_succ == 1 || (from->n_succ == 2 && from->succ[0] != from->succ[1]);
	uint32_t hint = once && b->n_preds >= PREDS_MANY ? MIN(from->pred_hint, b->n_preds - 1) : 0;

	/* Where it was before, or further in front, since others were removed. */
	for (uint32_t k = hint + 1; k-- > 0;)
		if (b->preds[k] == from) {
			pred_found(b, from, k);
			return k;
		}
	for (uint32_t k = hint + 1; k < b->n_preds; k++)
		if (b->preds[k] == from) {
			pred_found(b, from, k);
			return k;
		}
	return UINT32_MAX;
}

void ir_pred_replace(struct ir_block *b, struct ir_block *from, struct ir_block *with)
{
	uint32_t k = ir_pred_index(b, from);

	b->preds[k] = with;
	pred_found(b, with, k);
}

void ir_succ_replace(struct ir_func *f, struct ir_block *b, uint32_t k, struct ir_block *to)
{
	struct ir_block *old = b->succ[k];

	ir_pred_remove(old, ir_pred_index(old, b));
	b->succ[k] = to;
	pred_add(f, to, b);
}

struct ir_block *ir_edge_split(struct ir_func *f, struct ir_block *b, uint32_t k)
{
	struct ir_block *to = b->succ[k], *mid = ir_block_new(f);
	struct ir_node *jump = ir_new(f, IR_JUMP, 0);

	if (f->failed)
		return mid;
	jump->insn = b->last ? b->last->insn : 0;
	ir_append(mid, jump);
	ir_pred_replace(to, b, mid);
	b->succ[k] = mid;
	mid->succ[mid->n_succ++] = to;
	pred_add(f, mid, b);
	return mid;
}

/* ---- cleaning up -------------------------------------------------------------------------- */

/* Nobody can notice that a load whose value is unused was left out, unless it orders others. */
static bool node_removable(const struct ir_node *n)
{
	return !(ir_flags[n->op] & (IR_IS_WRITE | IR_IS_END)) && !n->ordered;
}

void ir_resolve(struct ir_func *f)
{
	struct ir_node *n, *next;

	for (uint32_t i = 0; i < f->n_order; i++) {
		for (n = f->order[i]->first; n; n = next) {
			next = n->next;
			if (n->same)
				ir_remove(n);
			else
				n->uses = 0;
		}
	}
	for (uint32_t i = 0; i < f->n_order; i++)
		for (n = f->order[i]->first; n; n = n->next)
			for (uint32_t a = 0; a < n->n_args; a++) {
				n->arg[a] = ir_same(n->arg[a]);
				n->arg[a]->uses++;
			}
	/* From the end, so that what only served something unused goes at once; through phis of
	 * loops over several calls. */
	for (uint32_t i = f->n_order; i-- > 0;)
		for (n = f->order[i]->last; n; n = next) {
			next = n->prev;
			if (n->uses || !node_removable(n))
				continue;
			for (uint32_t a = 0; a < n->n_args; a++)
				n->arg[a]->uses--;
			ir_remove(n);
		}
}
