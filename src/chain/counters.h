/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/counters.h - where a chain's counters are: written by stitched programs, read here.
 *
 * One array map with a single value, which readers map into memory. Plain additions
 * suffice, since each CPU has a part of its own; whole cache lines, so that CPUs do not
 * disturb each other:
 *
 *   value:   | CPU 0              | CPU 1              | ...          2^n CPUs, stride bytes each
 *   CPU:     | input 0 | input 1  | ... | pad |                       rows in the plan's order
 *   input:   | verdicts of the hook | named outputs | other | missed |
 *   row:     | packets u64 | bytes u64 |
 *
 * Bytes are the packet's at the moment it left the program.
 */
#ifndef CHAIN_COUNTERS_H
#define CHAIN_COUNTERS_H

#include "base/util.h"

struct counter_row {
	uint64_t packets, bytes;
};
_Static_assert(sizeof(struct counter_row) == 16, "stitch shifts by 4");

static inline uint32_t counters_stride(uint32_t rows)
{
	return ALIGN_UP(rows * (uint32_t)sizeof(struct counter_row), 128u);
}

#endif
