/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/helper.c - the table of helper bodies, and those about maps, time, chance and place.
 */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "vm/helper.h"

static const vm_helper_fn bodies[CATALOG_HELPERS] = {
#define HELPER(name, ret, args, progs, flags, maps) [BPF_FUNC_##name] = helper_##name,
#include "catalog/helpers.def"
};

vm_helper_fn vm_helper(uint32_t id)
{
	return id < ARRAY_SIZE(bodies) ? bodies[id] : NULL;
}

/* ---- maps ---------------------------------------------------------------------------- */

HELPER_BODY(map_lookup_elem)
{
	return (uintptr_t)map_lookup(PTR(a1), PTR(a2), run->cpu);
}

HELPER_BODY(map_update_elem)
{
	return map_update(PTR(a1), PTR(a2), PTR(a3), a4, run->cpu);
}

HELPER_BODY(map_delete_elem)
{
	return map_delete(PTR(a1), PTR(a2));
}

HELPER_BODY(map_lookup_percpu_elem)
{
	struct map *map = PTR(a1);
	uint32_t cpu = a3;

	return cpu < map->n_cpus ? (uintptr_t)map_lookup(map, PTR(a2), cpu) : 0;
}

HELPER_BODY(ringbuf_output)
{
	if (a4 & ~(uint64_t)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return -EINVAL;
	return ringbuf_output(PTR(a1), PTR(a2), a3, a4);
}

HELPER_BODY(ringbuf_reserve)
{
	return a3 ? 0 : (uintptr_t)ringbuf_reserve(PTR(a1), a2);
}

HELPER_BODY(ringbuf_submit)
{
	struct map *map = ringbuf_owner(PTR(a1));

	if (map)
		ringbuf_submit(map, PTR(a1), a2);
	return 0;
}

HELPER_BODY(ringbuf_discard)
{
	struct map *map = ringbuf_owner(PTR(a1));

	if (map)
		ringbuf_discard(map, PTR(a1), a2);
	return 0;
}

HELPER_BODY(ringbuf_query)
{
	return ringbuf_query(PTR(a1), a2);
}

/* ---- control flow -------------------------------------------------------------------- */

/* Decoded to an instruction of its own; the table only says that the helper exists. */
HELPER_BODY(tail_call)
{
	return -EINVAL;
}

HELPER_BODY(loop)
{
	enum { MAX_LOOPS = 8 * 1024 * 1024 };
	uint32_t n = a1, i = 0;

	if (a4)
		return -EINVAL;
	if (n > MAX_LOOPS)
		return (uint32_t)-E2BIG; /* the kernel compiles the loop in, with a 32-bit move */
	while (i < n) {
		uint64_t stop = vm_call_back(run, a2, i++, a3, 0, 0, 0);

		if (stop || run->stopped)
			break;
	}
	return i;
}

/* ---- time ---------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

HELPER_BODY(ktime_get_ns)
{
	return clock_ns(CLOCK_MONOTONIC);
}

HELPER_BODY(ktime_get_boot_ns)
{
	return clock_ns(CLOCK_BOOTTIME);
}

HELPER_BODY(ktime_get_coarse_ns)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

HELPER_BODY(ktime_get_tai_ns)
{
	return clock_ns(CLOCK_TAI);
}

/* The resolution of the coarse clock is one tick; the kernel starts counting them five
 * minutes before its 32-bit wrap. */
HELPER_BODY(jiffies64)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return clock_ns(CLOCK_MONOTONIC_COARSE) / tick.tv_nsec +
	       (uint32_t)(-300 * (1000000000 / tick.tv_nsec));
}

/* ---- chance and place ------------------------------------------------------------------ */

/* Spreads the bits of a counter (the finaliser of splitmix64). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A seed for each thread; not 0. */
static uint64_t thread_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = mix(clock_ns(CLOCK_MONOTONIC) ^ (uintptr_t)&seed);
	return seed | 1;
}

HELPER_BODY(get_prandom_u32)
{
	static _Thread_local uint64_t counter;

	if (UNLIKELY(!counter))
		counter = thread_seed();
	counter += UINT64_C(0x9e3779b97f4a7c16); /* even: never 0 */
	return (uint32_t)(mix(counter) >> 32);
}

uint64_t helper_hash_pointer(uint64_t address)
{
	static uint64_t key;
	uint64_t k = __atomic_load_n(&key, __ATOMIC_RELAXED);

	if (!k) {
		uint64_t fresh = thread_seed();

		if (__atomic_compare_exchange_n(&key, &k, fresh, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			k = fresh;
	}
	return mix(mix(address ^ k) + k) & UINT32_MAX;
}

/* The CPU whose per-CPU values the run uses: unique among the threads that run programs. */
HELPER_BODY(get_smp_processor_id)
{
	return run->cpu;
}

HELPER_BODY(get_numa_node_id)
{
	unsigned int cpu, node;

	return getcpu(&cpu, &node) ? 0 : node;
}

HELPER_BODY(get_current_pid_tgid)
{
	return (uint64_t)getpid() << 32 | (uint32_t)gettid();
}

HELPER_BODY(get_current_uid_gid)
{
	return (uint64_t)getgid() << 32 | getuid();
}

HELPER_BODY(get_current_comm)
{
	char comm[16] = "", *to = PTR(a1);
	uint32_t size = a2;

	prctl(PR_GET_NAME, comm);
	memset(to, 0, size);
	memcpy(to, comm, strnlen(comm, MIN(size - 1, sizeof(comm) - 1)));
	return 0;
}
