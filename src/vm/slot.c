/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/slot.c - CPU slots, and when a program that nobody refers to may be freed.
 *
 * A slot is a number below map_possible_cpus() that one thread of the process has at a
 * time. Its word is 0 when free, otherwise the epoch at which it was taken: so one atomic
 * exchange both takes the slot and announces the run. A retired program is stamped with
 * the epoch, which then advances; it is destroyed once every slot is free or was taken
 * later. Nobody ever waits for this: whoever retires a program or leaves a slot looks.
 */
#include "vm/prog.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct slot {
	_Alignas(64) uint64_t since;
};

static struct slot slots[MAP_MAX_CPUS];
static uint64_t epoch = 1;

static pthread_mutex_t dead_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vm_prog *dead; /* under the lock; read without it as a hint */

static inline bool slot_take(struct slot *slot)
{
	uint64_t free_word = 0;

	return __atomic_load_n(&slot->since, __ATOMIC_RELAXED) == 0 &&
	       __atomic_compare_exchange_n(&slot->since, &free_word,
					   __atomic_load_n(&epoch, __ATOMIC_ACQUIRE), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

void vm_enter(struct visor_run *run)
{
	uint32_t n = map_possible_cpus();
	int here = sched_getcpu();
	uint32_t first = here < 0 ? 0 : (uint32_t)here % n;

	for (unsigned round = 0;; round++) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t at = first + i < n ? first + i : first + i - n;

			if (slot_take(&slots[at])) {
				run->cpu = at;
				return;
			}
		}
		if (round >= 4) /* more threads than CPUs: somebody must get on with it */
			sched_yield();
	}
}

/* Epoch since which every slot was taken: programs that died before are unused. */
static uint64_t slot_oldest(void)
{
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 0; i < map_possible_cpus(); i++) {
		uint64_t since = __atomic_load_n(&slots[i].since, __ATOMIC_SEQ_CST);

		if (since && since < oldest)
			oldest = since;
	}
	return oldest;
}

/* Destroys what nobody can be running any more. Destroying a program may retire others
 * (through a program array that goes with it), therefore outside of the lock. */
static void slot_reap(void)
{
	struct vm_prog *free_now = NULL, **at;
	uint64_t oldest;

	pthread_mutex_lock(&dead_lock);
	oldest = slot_oldest();
	for (at = &dead; *at;) {
		struct vm_prog *prog = *at;

		if (prog->dead_since < oldest) {
			__atomic_store_n(at, prog->next_dead, __ATOMIC_RELAXED);
			prog->next_dead = free_now;
			free_now = prog;
		} else {
			at = &prog->next_dead;
		}
	}
	pthread_mutex_unlock(&dead_lock);
	while (free_now) {
		struct vm_prog *prog = free_now;

		free_now = prog->next_dead;
		vm_prog_destroy(prog);
	}
}

void vm_leave(struct visor_run *run)
{
	__atomic_exchange_n(&slots[run->cpu].since, 0, __ATOMIC_SEQ_CST);
	if (UNLIKELY(__atomic_load_n(&dead, __ATOMIC_SEQ_CST)))
		slot_reap();
}

void vm_retire(struct vm_prog *prog)
{
	pthread_mutex_lock(&dead_lock);
	prog->dead_since = __atomic_fetch_add(&epoch, 1, __ATOMIC_SEQ_CST);
	prog->next_dead = dead;
	__atomic_store_n(&dead, prog, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&dead_lock);
	slot_reap();
}
