/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/tail.c - where a tail call leads.
 *
 * A slot of a program array holds an id, shared by all processes. Each process remembers
 * with the map which program it found for a slot, and asks its host again when the id
 * there is another. Remembered programs are referenced; one that is replaced lives until
 * the threads that run now have left (slot.c), so the way through is free of locks.
 */
#include "vm/prog.h"

#include <pthread.h>
#include <stdlib.h>

struct tail_cache {
	uint32_t n;
	struct vm_prog *slot[];
};

static pthread_mutex_t tail_lock = PTHREAD_MUTEX_INITIALIZER; /* the slow path's */

static struct tail_cache *tail_cache_get(struct map *map)
{
	return __atomic_load_n((struct tail_cache **)&map->local, __ATOMIC_ACQUIRE);
}

void vm_map_forget(struct map *map)
{
	struct tail_cache *cache = tail_cache_get(map);

	for (uint32_t i = 0; cache && i < cache->n; i++)
		vm_prog_unref(__atomic_exchange_n(&cache->slot[i], NULL, __ATOMIC_ACQ_REL));
}

static void tail_cache_free(struct map *map)
{
	vm_map_forget(map);
	free(map->local);
	map->local = NULL;
}

/* Called under the lock. */
static struct tail_cache *tail_cache_new(struct map *map)
{
	uint32_t n = map->desc.max_entries;
	struct tail_cache *cache = calloc(1, sizeof(*cache) + n * sizeof(cache->slot[0]));

	if (!cache)
		return NULL;
	cache->n = n;
	map->local_free = tail_cache_free;
	__atomic_store_n((struct tail_cache **)&map->local, cache, __ATOMIC_RELEASE);
	return cache;
}

/*
 * Looks up the program of that id (0: none) and remembers it for the slot. Not under the lock:
 * the program may have to be loaded, and what is compiled for it may ask for a cell.
 */
static struct vm_prog *tail_resolve(const struct vm_host *host, struct map *map, uint32_t index,
				    uint32_t id)
{
	struct vm_prog *prog, *old = NULL;
	struct tail_cache *cache;

	if (index >= map->desc.max_entries || !host || !host->prog_by_id)
		return NULL;
	prog = id ? host->prog_by_id(host->user, id) : NULL;
	pthread_mutex_lock(&tail_lock);
	cache = tail_cache_get(map);
	if (!cache)
		cache = tail_cache_new(map);
	if (!cache) {
		old = prog;
		prog = NULL;
	} else if (prog && cache->slot[index] && cache->slot[index]->id == id) {
		old = prog; /* another thread was faster */
		prog = cache->slot[index];
	} else {
		old = cache->slot[index];
		__atomic_store_n(&cache->slot[index], prog, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&tail_lock);
	vm_prog_unref(old);
	return prog;
}

bool vm_tail_cell(struct map *map, uint32_t index, const void **slot, const void **cached)
{
	struct tail_cache *cache;

	if (map->desc.type != BPF_MAP_TYPE_PROG_ARRAY || index >= map->desc.max_entries)
		return false;
	pthread_mutex_lock(&tail_lock);
	cache = tail_cache_get(map);
	if (!cache)
		cache = tail_cache_new(map);
	pthread_mutex_unlock(&tail_lock);
	if (!cache)
		return false;
	*slot = map_prog_slot_at(map, index);
	*cached = &cache->slot[index];
	return true;
}

const struct vm_prog *vm_tail_target(struct visor_run *run, struct map *map, uint32_t index)
{
	struct tail_cache *cache = tail_cache_get(map);
	struct vm_prog *to = NULL;
	uint32_t id;

	if (UNLIKELY(!run->tail_calls))
		return NULL;
	id = map_prog_slot(map, index);
	if (cache && index < cache->n)
		to = __atomic_load_n(&cache->slot[index], __ATOMIC_ACQUIRE);
	if (UNLIKELY(to ? to->id != id : id != 0))
		to = tail_resolve(run->prog->host, map, index, id);
	if (!to || to->verified->type != run->prog->verified->type)
		return NULL;
	run->tail_calls--;
	run->frame->may_goto = VM_MAY_GOTO;
	if (vm_stats_on())
		vm_stats_switch(run, to, true);
	return to;
}
