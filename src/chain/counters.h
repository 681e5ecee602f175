/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/counters.h - where a chain's counters are: written by stitched programs, read here.
 *
 * One array map with a single value, which readers map into memory. Plain additions
 * suffice, since each CPU has a part of its own; whole cache lines, so that CPUs do not
 * disturb each other:
 *
 *   value:   | CPU 0              | CPU 1              | ...          2^n CPUs, stride bytes each
 *   CPU:     | clock | input 0 | input 1  | ... | pad |               rows in the plan's order
 *   input:   | verdicts of the hook | named outputs | other | missed | time |
 *   row:     | packets u64 | bytes u64 |
 *
 * Bytes are the packet's at the moment it left the program. The row `time` has of one packet in
 * COUNTERS_TIMED how many were timed, and the nanoseconds from one program's end to the next: the
 * entry program of a port stamps such a packet, others it marks with a stamp of 0. The clock's own
 * cost is in every such span; the entry program measures it (the least, since some of such short
 * spans have an interrupt in them).
 */
#ifndef CHAIN_COUNTERS_H
#define CHAIN_COUNTERS_H

#include "base/util.h"

struct counter_row {
	uint64_t packets, bytes; /* of `time`: packets, nanoseconds */
};
_Static_assert(sizeof(struct counter_row) == 16, "stitch shifts by 4");

/* The last rows of an input with n rows. */
enum { COUNTERS_ENDS = 3 };
#define COUNTERS_OTHER(n)  ((n)-3) /* returned a value that is nothing known */
#define COUNTERS_MISSED(n) ((n)-2) /* was to go on, and did not */
#define COUNTERS_TIME(n)   ((n)-1)

/* At the beginning of each CPU's part. */
struct counter_clock {
	uint64_t stamp; /* when the program before ended; 0: the packet is not timed */
	uint64_t cost;	/* the clock's own, at the least; 0: not measured yet */
	uint64_t pad[2];
};

#define COUNTERS_CLOCK_ROWS  (sizeof(struct counter_clock) / sizeof(struct counter_row))
#define COUNTERS_TIMED	     1024 /* a power of two */
#define COUNTERS_TIMED_FIRST 32	  /* the first ones find caches and predictors empty */

/* Where a row is, in bytes from the CPU's part. */
static inline uint32_t counters_at(uint32_t row)
{
	return (uint32_t)(sizeof(struct counter_clock) + row * sizeof(struct counter_row));
}

/* A power of two: programs multiply with it. */
static inline uint32_t counters_stride(uint32_t rows)
{
	return (uint32_t)round_up_pow2(MAX(counters_at(rows), 128u));
}

/* A row, summed over the CPUs. */
static inline struct counter_row counters_sum(const void *mem, uint32_t stride, uint32_t n_cpus,
					      uint32_t row)
{
	struct counter_row sum = {0};

	for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
		const struct counter_row *at =
			(const void *)((const char *)mem + (size_t)cpu * stride + counters_at(row));

		sum.packets += __atomic_load_n(&at->packets, __ATOMIC_RELAXED);
		sum.bytes += __atomic_load_n(&at->bytes, __ATOMIC_RELAXED);
	}
	return sum;
}

/* What it takes to ask for the time: the least that any CPU has seen. */
static inline uint64_t counters_cost(const void *mem, uint32_t stride, uint32_t n_cpus)
{
	uint64_t least = 0;

	for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
		const struct counter_clock *at =
			(const void *)((const char *)mem + (size_t)cpu * stride);
		uint64_t cost = __atomic_load_n(&at->cost, __ATOMIC_RELAXED);

		if (cost && (!least || cost < least))
			least = cost;
	}
	return least;
}

#endif
