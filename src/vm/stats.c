/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/stats.c - how often and how long programs run.
 *
 * Counters are per program and CPU slot, so only the slot's holder writes them. Time is
 * taken in ticks of the CPU's counter and converted when it is read. Of a sampled run
 * each program gets its own part: a tail call ends one interval and begins the next.
 */
#include "vm/prog.h"

#include <time.h>

uint32_t vm_stats_rate;

/* A moment on both clocks, to convert ticks by. */
static struct {
	uint64_t ticks, ns;
} stats_origin;

static inline uint64_t stats_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
#endif
}

static uint64_t stats_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void vm_stats_every(uint32_t every)
{
	if (every && !__atomic_load_n(&stats_origin.ns, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&stats_origin.ticks, stats_ticks(), __ATOMIC_RELAXED);
		__atomic_store_n(&stats_origin.ns, stats_ns(), __ATOMIC_RELEASE);
	}
	__atomic_store_n(&vm_stats_rate, every, __ATOMIC_RELAXED);
}

static inline void stats_add(uint64_t *counter, uint64_t n)
{
	/* One writer; readers want an untorn value. */
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Ends the sampled interval: it was prog's. */
static void stats_charge(struct visor_run *run, uint64_t now)
{
	uint32_t every = __atomic_load_n(&vm_stats_rate, __ATOMIC_RELAXED);

	stats_add(&run->prog->counters[run->cpu].ticks, (now - run->clock) * (every ? every : 1));
	run->clock = now;
}

void vm_stats_start(struct visor_run *run)
{
	struct vm_counter *counter = &run->prog->counters[run->cpu];
	uint32_t every = __atomic_load_n(&vm_stats_rate, __ATOMIC_RELAXED);

	/* Not the first of them: it finds every cache cold, and would count `every` times. */
	run->clock = every && (counter->run_cnt & (every - 1)) == every / 2 ? stats_ticks() : 0;
	stats_add(&counter->run_cnt, 1);
}

void vm_stats_switch(struct visor_run *run, const struct vm_prog *to, bool entry)
{
	if (entry)
		stats_add(&to->counters[run->cpu].run_cnt, 1);
	if (run->clock)
		stats_charge(run, stats_ticks());
}

void vm_stats_stop(struct visor_run *run)
{
	if (run->clock)
		stats_charge(run, stats_ticks());
	run->clock = 0;
}

void vm_prog_stats(const struct vm_prog *prog, struct vm_stats *out)
{
	uint64_t ticks = 0, ns, span;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < map_possible_cpus(); i++) {
		out->run_cnt += __atomic_load_n(&prog->counters[i].run_cnt, __ATOMIC_RELAXED);
		ticks += __atomic_load_n(&prog->counters[i].ticks, __ATOMIC_RELAXED);
	}
	if (!ticks)
		return;
	/* Long enough between the two moments for a rate good to a thousandth. */
	do {
		ns = stats_ns() - __atomic_load_n(&stats_origin.ns, __ATOMIC_ACQUIRE);
	} while (ns < 1000000);
	span = stats_ticks() - __atomic_load_n(&stats_origin.ticks, __ATOMIC_RELAXED);
	out->run_time_ns = (uint64_t)((double)ticks * (double)ns / (double)span);
}
