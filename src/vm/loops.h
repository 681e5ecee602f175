/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/loops.h - functions that stand for loops of native code. Pointers have any alignment;
 * everything from them on to the number of elements can be read. Any thread.
 */
#ifndef VM_LOOPS_H
#define VM_LOOPS_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes, which may overlap. */
void loops_copy(void *to, const void *from, uint64_t n);

/* The sum of n numbers of 1, 2 or 4 bytes in host byte order. */
typedef uint64_t (*loops_sum_fn)(const void *from, uint64_t n);
loops_sum_fn loops_sum(uint32_t size, bool avx2);

/* How many of the first n bytes, at least, are the same in both; and are not 0 (text); or are
 * not `stop`. */
uint64_t loops_skip_equal(const uint8_t *a, const uint8_t *b, uint64_t n);
uint64_t loops_skip_equal_text(const uint8_t *a, const uint8_t *b, uint64_t n);
uint64_t loops_skip_other(const uint8_t *a, uint64_t stop, uint64_t n);

#endif
