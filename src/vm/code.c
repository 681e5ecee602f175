/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/code.c - executable memory (code.h).
 *
 * One space of 64 MiB, reserved near our own code when it is first needed. A process that was
 * forked shares the file with its parent, so it begins a space of its own.
 *
 * `units` has a byte for each 64 bytes: 1 if it is taken. Pages are accessible while something
 * is in them.
 */
#include "vm/code.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"

#define CODE_SPACE (64u << 20)
#define CODE_UNIT  64u
#define CODE_UNITS (CODE_SPACE / CODE_UNIT)
#define CODE_GRAIN (64u << 10) /* accessible at once */

struct code_space {
	uint8_t *mem;
	int fd;
	pid_t owner;
	uint32_t next;				/* unit at which to look first */
	uint32_t used[CODE_SPACE / CODE_GRAIN]; /* units taken in each grain */
	uint8_t units[CODE_UNITS];
};

static pthread_mutex_t code_lock = PTHREAD_MUTEX_INITIALIZER;
static struct code_space *code_space; /* under the lock */

/* Somewhere near this function, where nothing is mapped yet. */
static uint8_t *code_reserve(int fd)
{
	uintptr_t here = (uintptr_t)&code_reserve & ~(uintptr_t)(CODE_SPACE - 1);
	void *p;

	for (uintptr_t step = 1; step < 16; step++)
		for (int sign = -1; sign <= 1; sign += 2) {
			uintptr_t at = here + (uintptr_t)sign * step * CODE_SPACE;

			p = mmap((void *)at, CODE_SPACE, PROT_NONE,
				 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
			if (p == (void *)at)
				return p;
			if (p != MAP_FAILED)
				munmap(p, CODE_SPACE);
		}
	p = mmap(NULL, CODE_SPACE, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static struct code_space *code_open(int *err)
{
	struct code_space *s = code_space;

	if (s && s->owner == getpid())
		return s;
	/* The bytes of units stay untouched, and so unbacked, until they are used. */
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED) {
		*err = -errno;
		return NULL;
	}
	s->owner = getpid();
	s->fd = memfd_create("visor-code", MFD_CLOEXEC);
	s->mem = s->fd < 0 || ftruncate(s->fd, CODE_SPACE) ? NULL : code_reserve(s->fd);
	if (!s->mem) {
		*err = -errno;
		if (s->fd >= 0)
			close(s->fd);
		munmap(s, sizeof(*s));
		return NULL;
	}
	code_space = s;
	return s;
}

/* The first of n free units from `from` on, or CODE_UNITS. */
static uint32_t code_find(const struct code_space *s, uint32_t from, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = from; i < CODE_UNITS; i++) {
		run = s->units[i] ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return CODE_UNITS;
}

/* Counts units of [at, at + n) as taken or free; grains that begin or cease to be used become
 * accessible or not. */
static int code_count(struct code_space *s, uint32_t at, uint32_t n, bool take)
{
	const uint32_t per = CODE_GRAIN / CODE_UNIT;

	for (uint32_t g = at / per; g <= (at + n - 1) / per; g++) {
		uint32_t from = MAX(at, g * per), to = MIN(at + n, (g + 1) * per);
		uint8_t *mem = s->mem + (size_t)g * CODE_GRAIN;

		if (take && !s->used[g] && mprotect(mem, CODE_GRAIN, PROT_READ | PROT_EXEC)) {
			int err = -errno;

			if (from != at) /* what was done of it is undone */
				code_count(s, at, from - at, false);
			return err;
		}
		s->used[g] += take ? to - from : from - to;
		if (!take && !s->used[g]) {
			mprotect(mem, CODE_GRAIN, PROT_NONE);
			fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)g * CODE_GRAIN, CODE_GRAIN);
		}
	}
	return 0;
}

bool vm_code_refused(int err)
{
	/* A filter of system calls may answer as if there were none of that name. */
	return err == -EPERM || err == -EACCES || err == -ENOMEM || err == -ENOSYS;
}

void *vm_code_alloc(size_t size, int *err)
{
	uint32_t n = (uint32_t)(MIN(size, (size_t)CODE_SPACE) + CODE_UNIT - 1) / CODE_UNIT, at;
	struct code_space *s;
	void *p = NULL;

	pthread_mutex_lock(&code_lock);
	*err = -ENOMEM;
	s = code_open(err);
	if (!s || !n)
		goto out;
	at = code_find(s, s->next, n);
	if (at == CODE_UNITS)
		at = code_find(s, 0, n);
	if (at == CODE_UNITS)
		goto out;
	*err = code_count(s, at, n, true);
	if (*err)
		goto out;
	memset(&s->units[at], 1, n);
	s->next = at + n;
	p = s->mem + (size_t)at * CODE_UNIT;
out:
	pthread_mutex_unlock(&code_lock);
	return p;
}

/*
 * QEMU's user mode keeps what it translated: it sees neither a write to the file nor, before
 * version 8.1, the instructions that clear the instruction cache. It does see that pages are
 * mapped. Threads that are in these pages wait a moment for them.
 */
static int code_refresh(const struct code_space *s, const uint8_t *to, size_t size)
{
#if defined(__aarch64__)
	size_t from = (size_t)(to - s->mem) & ~(size_t)(CODE_GRAIN - 1);
	size_t end = ALIGN_UP((size_t)(to - s->mem) + size, (size_t)CODE_GRAIN);

	if (mmap(s->mem + from, end - from, PROT_READ | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, s->fd, (off_t)from) == MAP_FAILED)
		return -errno;
#endif
	return 0;
}

int vm_code_write(void *to, const void *bytes, size_t size)
{
	struct code_space *s = code_space;
	ssize_t n = pwrite(s->fd, bytes, size, (uint8_t *)to - s->mem);

	if (n != (ssize_t)size)
		return n < 0 ? -errno : -ENOSPC;
	__builtin___clear_cache((char *)to, (char *)to + size);
	return code_refresh(s, to, size);
}

void vm_code_free(void *code, size_t size)
{
	struct code_space *s;
	uint32_t at, n = (uint32_t)((size + CODE_UNIT - 1) / CODE_UNIT);

	pthread_mutex_lock(&code_lock);
	s = code_space;
	/* What a parent placed is the parent's. */
	if (code && s && s->owner == getpid() && (uint8_t *)code >= s->mem &&
	    (uint8_t *)code < s->mem + CODE_SPACE) {
		at = (uint32_t)(((uint8_t *)code - s->mem) / CODE_UNIT);
		memset(&s->units[at], 0, n);
		code_count(s, at, n, false);
		s->next = MIN(s->next, at);
	}
	pthread_mutex_unlock(&code_lock);
}

uintptr_t vm_code_near(void)
{
	struct code_space *s;
	int err;

	pthread_mutex_lock(&code_lock);
	s = code_open(&err);
	pthread_mutex_unlock(&code_lock);
	return s ? (uintptr_t)s->mem + CODE_SPACE / 2 : 0;
}
