/* SPDX-License-Identifier: BSD-2-Clause */
/* base/lock.c - robust locks on futexes. The invariant: a word names its owner from the very
 * store that takes it to the very store that frees it, so a death leaves no gap. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAITERS	0x80000000u
#define LOCK_TID_BITS	22 /* Linux: thread ids are below 2^22 */
#define LOCK_TID_MASK	((1u << LOCK_TID_BITS) - 1)
#define LOCK_NAME_MASK	0x7fffffffu
#define LOCK_SPINS	200
#define LOCK_CHECK_MS	2 /* how long a waiter sleeps before it looks after the owner */
#define LOCK_GIVE_UP_MS 1000

static __thread uint32_t lock_name; /* 0: not known yet */

static void lock_forget(void)
{
	lock_name = 0; /* the child of a fork is another thread */
}

static void lock_watch_fork(void)
{
	pthread_atfork(NULL, NULL, lock_forget);
}

/*
 * The tag of a thread from its stat file: nine bits, never 0; 0 if it is not known (no
 * /proc). Returns false if there is no such thread, or if it is dead and not yet reaped.
 */
static bool lock_read_tag(uint32_t tid, uint32_t *tag)
{
	char path[32], buf[512], *p;
	unsigned long long start;
	ssize_t n;
	int fd, field;

	*tag = 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return syscall(SYS_tkill, (int)tid, 0) == 0 || errno != ESRCH;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return n < 0 && errno != ESRCH;
	buf[n] = '\0';
	/* "TID (NAME) STATE ...": the name may hold anything, so look for its last parenthesis. */
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ')
		return true;
	p += 2;
	if (*p == 'Z' || *p == 'X')
		return false;
	for (field = 3; field < 22 && p; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		return true;
	start = strtoull(p, NULL, 10);
	*tag = (uint32_t)((start * 0x9e3779b97f4a7c15ull) >> 55);
	if (!*tag)
		*tag = 1;
	return true;
}

static uint32_t lock_name_self(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t tid = (uint32_t)syscall(SYS_gettid), tag;

	pthread_once(&once, lock_watch_fork);
	(void)lock_read_tag(tid, &tag);
	lock_name = tag << LOCK_TID_BITS | tid;
	return lock_name;
}

uint32_t lock_self(void)
{
	return LIKELY(lock_name) ? lock_name : lock_name_self();
}

bool lock_owner_dead(uint32_t value)
{
	uint32_t tid = value & LOCK_TID_MASK;
	uint32_t wanted = (value & LOCK_NAME_MASK) >> LOCK_TID_BITS, tag;

	if (!(value & LOCK_NAME_MASK))
		return false;
	if (!tid || !lock_read_tag(tid, &tag))
		return true;
	return tag && wanted && tag != wanted;
}

void lock_wait_word(uint32_t *word, uint32_t value, unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	syscall(SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0);
}

void lock_wake_word(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool lock_swap(uint32_t *word, uint32_t *seen, uint32_t to)
{
	return __atomic_compare_exchange_n(word, seen, to, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static int lock_acquire_slow(uint32_t *word, uint32_t self)
{
	uint64_t waited = 0;
	uint32_t seen;
	int i;

	for (i = 0; i < LOCK_SPINS; i++) {
		seen = 0;
		if (lock_swap(word, &seen, self))
			return LOCK_TAKEN;
		if ((seen & LOCK_NAME_MASK) == self)
			return -EDEADLK;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	}
	/* From here on the word keeps the waiters bit: others may be asleep besides this one. */
	while (waited < LOCK_GIVE_UP_MS) {
		seen = __atomic_load_n(word, __ATOMIC_RELAXED);
		if (!(seen & LOCK_NAME_MASK)) {
			if (lock_swap(word, &seen, self | LOCK_WAITERS))
				return LOCK_TAKEN;
			continue;
		}
		if (!(seen & LOCK_WAITERS) && !lock_swap(word, &seen, seen | LOCK_WAITERS))
			continue;
		seen |= LOCK_WAITERS;
		lock_wait_word(word, seen, LOCK_CHECK_MS);
		if (__atomic_load_n(word, __ATOMIC_RELAXED) != seen)
			continue;
		waited += LOCK_CHECK_MS;
		if (lock_owner_dead(seen) && lock_swap(word, &seen, self | LOCK_WAITERS))
			return LOCK_INHERITED;
	}
	return -ETIMEDOUT;
}

int lock_acquire(uint32_t *word)
{
	uint32_t self = lock_self(), seen = 0;

	if (LIKELY(lock_swap(word, &seen, self)))
		return LOCK_TAKEN;
	return lock_acquire_slow(word, self);
}

void lock_release(uint32_t *word)
{
	uint32_t old = __atomic_exchange_n(word, 0, __ATOMIC_RELEASE);

	if (UNLIKELY(old & LOCK_WAITERS))
		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
