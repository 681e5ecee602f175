/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/lock.h - a lock in shared memory that survives the death of its owner.
 *
 * The lock is one 32-bit word, zero when free. It names the thread that holds it, so that
 * a waiter can find out that this thread is dead, take the lock over, and be told so:
 * whatever the dead one was changing may be half done.
 *
 *     31        30 .. 22              21 .. 0
 *   +--------+--------------------+---------------+    tag: nine bits of the thread's start
 *   | waiters|        tag         |   thread id   |    time, so that a reused thread id
 *   +--------+--------------------+---------------+    does not keep a lock alive
 *
 * Any thread of any process may use a word, but all of them must see the same thread ids:
 * they share a PID namespace. Not recursive. The waiters' timeout also covers a wake-up
 * that was lost because the one who should have sent it died.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/util.h"

enum { LOCK_TAKEN = 0, LOCK_INHERITED = 1 };

/*
 * LOCK_TAKEN; or LOCK_INHERITED: taken over from a dead owner, repair first (the word now
 * names the caller, so the next one repairs again if the caller dies, too). -EDEADLK if the
 * calling thread holds it (a signal handler can get here), -ETIMEDOUT if a live owner did
 * not release it for a second (it is stopped, or the word is garbage).
 */
int lock_acquire(uint32_t *word);
void lock_release(uint32_t *word);

/* The calling thread's name as it appears in a word. */
uint32_t lock_self(void);
/* True if the word's value names an owner that no longer exists. Costs system calls. */
bool lock_owner_dead(uint32_t value);

/* Waits until *word differs from value, at most ms milliseconds; may return early. */
void lock_wait_word(uint32_t *word, uint32_t value, unsigned int ms);
/* Wakes all who wait for the word, in every process. */
void lock_wake_word(uint32_t *word);

#endif
