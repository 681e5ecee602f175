/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/alloc.c - the memory of one verification: tables, and blocks for states.
 *
 * All of it is cut from chunks and goes back at once. A verification makes and drops states by the
 * hundred thousand, all of a few sizes: blocks come from size classes with free lists.
 *
 * What costs is not memory but its first touch: a page fault takes as long as following some tens
 * of instructions. So a chunk is a large piece of address space, of huge pages if there are any, of
 * which the system provides as much as is about to be used; and the first chunk is kept for the
 * next verification of the process (by an atomic exchange: at most one, whoever comes first).
 */
#include "verify/env.h"

#include <sys/mman.h>

#define MEM_UNIT 64 /* bytes: blocks are multiples of it, and lie in as few cache lines as can be \
		     */
#define MEM_SMALL     256 /* size classes of one unit each; above, powers of two */
#define MEM_CLASSES   (MEM_SMALL + 20)
#define MEM_HUGE      ((size_t)2 << 20) /* chunks are multiples of it; the one that is kept is one */
#define MEM_MAX_CHUNK ((size_t)64 << 20)
#define MEM_STEP      ((size_t)32 << 10) /* at least so much is provided at a time */

/* AddressSanitizer does not know blocks that are not malloc's: it is told which bytes are in use,
 * and blocks keep a distance. */
#ifdef __SANITIZE_ADDRESS__
#define MEM_GUARD MEM_UNIT
void __asan_poison_memory_region(const volatile void *p, size_t size);
void __asan_unpoison_memory_region(const volatile void *p, size_t size);
#define mem_hide(p, size) __asan_poison_memory_region(p, size)
#define mem_show(p, size) __asan_unpoison_memory_region(p, size)
#else
#define MEM_GUARD	  0
#define mem_hide(p, size) ((void)(p))
#define mem_show(p, size) ((void)(p))
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

struct mem_block {
	struct mem_block *next;
};

struct mem_chunk {
	struct mem_chunk *next;
	size_t size;
	char *ready; /* up to where it has pages; all of them if the system cannot say */
	char pad[MEM_UNIT - 3 * sizeof(void *)];
};

struct env_arena {
	struct mem_block *free[MEM_CLASSES];
	struct mem_chunk *chunks; /* newest first */
	char *at, *ready, *end;	  /* of the newest */
	size_t total;		  /* bytes provided */
};

static struct mem_chunk *mem_kept; /* atomic */

/* The class of a size, and the bytes of its blocks. */
static unsigned mem_class(size_t size, size_t *bytes)
{
	size_t units = (size + MEM_UNIT - 1) / MEM_UNIT;
	unsigned log;

	if (units <= MEM_SMALL) {
		units += !units;
		*bytes = units * MEM_UNIT;
		return (unsigned)units - 1;
	}
	log = 64 - (unsigned)__builtin_clzll(units - 1);
	*bytes = (size_t)MEM_UNIT << log;
	return MEM_SMALL + log - 8;
}

/* Provides more of the newest chunk, so that `bytes` can be taken. What fails here is left to page
 * faults. */
static void mem_provide(struct env_arena *a, size_t bytes)
{
	size_t step = MAX(MIN(a->total / 2, MEM_HUGE), MEM_STEP);
	size_t need = ALIGN_UP((size_t)(a->at - a->ready) + bytes, MEM_STEP);

	/* at is never beyond ready. */
	step = MIN(MAX(ALIGN_UP(step, MEM_STEP), need), (size_t)(a->end - a->ready));
	madvise(a->ready, step, MADV_POPULATE_WRITE);
	a->ready += step;
	a->chunks->ready = a->ready;
	a->total += step;
}

static struct mem_chunk *mem_map(size_t size)
{
	char *p = mmap(NULL, size + MEM_HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct mem_chunk *chunk;
	char *start;

	if (p == MAP_FAILED)
		return NULL;
	start = (char *)ALIGN_UP((uintptr_t)p, MEM_HUGE);
	if (start != p)
		munmap(p, (size_t)(start - p));
	if (start != p + MEM_HUGE)
		munmap(start + size, (size_t)(p + MEM_HUGE - start));
	madvise(start, size, MADV_HUGEPAGE);
	/* The first step, also for the header. */
	madvise(start, MEM_STEP, MADV_POPULATE_WRITE);
	chunk = (struct mem_chunk *)start;
	chunk->size = size;
	chunk->ready = start + MEM_STEP;
	return chunk;
}

static bool mem_grow(struct env_arena *a, size_t bytes)
{
	size_t size = MIN(MAX(a->total * 2, MEM_HUGE), MEM_MAX_CHUNK);
	struct mem_chunk *chunk;

	size = ALIGN_UP(MAX(size, bytes + sizeof(*chunk)), MEM_HUGE);
	chunk = mem_map(size);
	if (!chunk)
		return false;
	chunk->next = a->chunks;
	a->chunks = chunk;
	a->total += MEM_STEP;
	a->at = (char *)(chunk + 1);
	a->ready = chunk->ready;
	a->end = (char *)chunk + size;
	return true;
}

int env_mem_new(struct env *env)
{
	struct mem_chunk *chunk = __atomic_exchange_n(&mem_kept, NULL, __ATOMIC_ACQUIRE);
	struct env_arena *a;

	if (!chunk)
		chunk = mem_map(MEM_HUGE);
	if (!chunk)
		return env_nomem(env);
	chunk->next = NULL;
	a = (struct env_arena *)(chunk + 1);
	memset(a, 0, sizeof(*a));
	a->chunks = chunk;
	a->at = (char *)ALIGN_UP((uintptr_t)(a + 1), (uintptr_t)MEM_UNIT);
	a->ready = chunk->ready;
	a->end = (char *)chunk + chunk->size;
	a->total = (size_t)(a->ready - (char *)chunk);
	env->mem = a;
	return 0;
}

void env_mem_free(struct env *env)
{
	struct mem_chunk *chunk, *next, *none = NULL;

	if (!env->mem)
		return;
	for (chunk = env->mem->chunks; chunk; chunk = next) {
		next = chunk->next;
		mem_show(chunk, chunk->size);
		/* The last of them is the first chunk, in which the arena itself is. */
		if (next || !__atomic_compare_exchange_n(&mem_kept, &none, chunk, false,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			munmap(chunk, chunk->size);
	}
	env->mem = NULL;
}

size_t env_mem_total(const struct env *env)
{
	return env->mem ? env->mem->total : 0;
}

/* `bytes` of the newest chunk, of which `size` are asked for. */
static void *mem_cut(struct env_arena *a, size_t size, size_t bytes)
{
	char *p;

	bytes += MEM_GUARD;
	if ((size_t)(a->ready - a->at) < bytes) {
		if ((size_t)(a->end - a->at) < bytes &&
		    (a->total > VERIFY_MEM_LIMIT || !mem_grow(a, bytes)))
			return NULL;
		if ((size_t)(a->ready - a->at) < bytes)
			mem_provide(a, bytes);
	}
	p = a->at;
	a->at += bytes;
	mem_show(p, size);
	mem_hide(p + size, bytes - size);
	return p;
}

void *env_alloc(struct env *env, size_t size)
{
	struct env_arena *a = env->mem;
	struct mem_block *block;
	size_t bytes;
	unsigned class = mem_class(size, &bytes);

	block = a->free[class];
	if (!block)
		return mem_cut(a, size, bytes);
	mem_show(block, MAX(size, sizeof(*block)));
	a->free[class] = block->next;
	return block;
}

void env_release(struct env *env, void *p, size_t size)
{
	struct mem_block *block = p;
	size_t bytes;
	unsigned class;

	if (!p)
		return;
	class = mem_class(size, &bytes);
	mem_show(block, sizeof(*block)); /* it may be smaller */
	block->next = env->mem->free[class];
	env->mem->free[class] = block;
	mem_hide(block, bytes);
}

void *env_table(struct env *env, size_t n, size_t size)
{
	void *table = mem_cut(env->mem, n * size, ALIGN_UP(n * size, (size_t)MEM_UNIT));

	return table ? memset(table, 0, n * size) : NULL;
}

struct mem_mark env_mark(const struct env *env)
{
	return (struct mem_mark){env->mem->chunks, env->mem->at};
}

void env_rewind(struct env *env, struct mem_mark mark)
{
	struct env_arena *a = env->mem;

	/* The rest of an older chunk stays unused. */
	a->at = a->chunks == mark.chunk ? mark.at : (char *)(a->chunks + 1);
}
