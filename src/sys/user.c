/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/user.c - the caller's memory, through addresses that may be wrong.
 *
 * The kernel answers a bad pointer with EFAULT, and so must we, without a signal handler in
 * somebody else's process. Two ways:
 *
 *    probe, then copy   A system call that has no other effect than to read (rt_sigprocmask
 *                       with a nonsensical `how`) or write (getcpu) a few bytes says whether
 *                       a page is there. 100 ns for each page. What the client unmaps from
 *                       another thread between the probe and the copy is its own crash.
 *    process_vm_readv   The kernel copies, from this process to itself: for large pieces,
 *                       for writes of less than four bytes, and where a sanitizer would
 *                       object to our reading what the client should not have named.
 *
 * Where a sandbox forbids the calls, we copy directly, and a bad pointer is the caller's crash.
 */
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define USER_MAX_ADDR  (UINT64_C(1) << 56)
#define USER_PAGE      4096 /* the smallest there is */
#define USER_MAX_PAGES 8    /* above this, process_vm_readv is faster */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define USER_PROBE false
#else
#define USER_PROBE true
#endif

/* Copies by process_vm_readv and process_vm_writev. */
static int user_copy_remote(uint64_t addr, void *own, size_t size, bool write)
{
	while (size) {
		struct iovec local = {own, size}, remote = {(void *)(uintptr_t)addr, size};
		ssize_t n;

		if (addr >= USER_MAX_ADDR)
			return -EFAULT;
		n = write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
			  : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
			if (write)
				memcpy((void *)(uintptr_t)addr, own, size);
			else
				memcpy(own, (const void *)(uintptr_t)addr, size);
			return 0;
		}
		if (n <= 0)
			return -EFAULT;
		addr += (uint64_t)n;
		own = (char *)own + n;
		size -= (size_t)n;
	}
	return 0;
}

/* True if the page of addr can be read, or four bytes at addr written (and that they are). */
static bool user_probe(uint64_t addr, bool write)
{
	int before = errno;
	bool ok;
	long ret;

	if (write)
		ret = syscall(SYS_getcpu, (void *)(uintptr_t)addr, NULL, NULL);
	else
		ret = syscall(SYS_rt_sigprocmask, ~0, (void *)(uintptr_t)(addr & ~UINT64_C(7)),
			      NULL, 8);
	ok = ret == 0 || errno != EFAULT;
	errno = before;
	return ok;
}

static int user_copy(uint64_t addr, void *own, size_t size, bool write)
{
	uint64_t end = addr + size, at, next;

	if (!size)
		return 0;
	/* Nothing is on the first page; and the probes do nothing at all with a null pointer. */
	if (addr < USER_PAGE || end < addr || end > USER_MAX_ADDR)
		return -EFAULT;
	if (!USER_PROBE || size > USER_MAX_PAGES * USER_PAGE)
		return user_copy_remote(addr, own, size, write);
	for (at = addr; at < end; at = next) {
		next = MIN(end, (at / USER_PAGE + 1) * USER_PAGE);
		if (write && next - at < sizeof(uint32_t))
			return user_copy_remote(addr, own, size, write);
		if (!user_probe(at, write))
			return -EFAULT;
	}
	if (write)
		memcpy((void *)(uintptr_t)addr, own, size);
	else
		memcpy(own, (const void *)(uintptr_t)addr, size);
	return 0;
}

int user_read(void *dst, uint64_t addr, size_t size)
{
	return user_copy(addr, dst, size, false);
}

int user_write(uint64_t addr, const void *src, size_t size)
{
	return user_copy(addr, (void *)src, size, true);
}

ssize_t user_string(char *dst, uint64_t addr, size_t size)
{
	size_t len = 0;

	/* Page by page: what follows the terminator need not be readable. */
	while (len < size - 1) {
		size_t n = MIN(4096 - (addr + len) % 4096, size - 1 - len);
		const char *end;

		if (user_read(dst + len, addr + len, n))
			return -EFAULT;
		end = memchr(dst + len, '\0', n);
		if (end)
			return end - dst;
		len += n;
	}
	dst[len] = '\0';
	return (ssize_t)len;
}

int user_tail_zero(uint64_t addr, size_t known, size_t size)
{
	uint8_t buf[256];

	if (size > 4096)
		return -E2BIG;
	while (known < size) {
		size_t n = MIN(sizeof(buf), size - known);

		if (user_read(buf, addr + known, n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (buf[i])
				return -E2BIG;
		known += n;
	}
	return 0;
}

void *user_dup(uint64_t addr, size_t n, int *err)
{
	void *p = malloc(n ? n : 1);

	*err = p ? user_read(p, addr, n) : -ENOMEM;
	if (*err) {
		free(p);
		p = NULL;
	}
	return p;
}

int user_log_check(const struct user_log *log)
{
	if (!!log->addr != !!log->size || (log->addr && !log->level) || log->level > 15 ||
	    log->size > UINT32_MAX >> 2)
		return -EINVAL;
	return 0;
}

#define USER_LOG_FIXED 8 /* BPF_LOG_FIXED */

void user_log_add(void *stream, const char *text, size_t len)
{
	struct user_log_stream *s = stream;
	size_t keep = s->log->size - 1; /* the terminator needs a byte */

	s->total += len;
	if (s->log->level & USER_LOG_FIXED)
		len = MIN(len, keep - MIN(keep, s->have));
	else if (len > keep)
		text += len - keep, len = keep;
	if (s->have + len > s->room) {
		size_t room = MAX(2 * s->room, s->have + len + 4096);
		char *grown;

		/* Twice what is kept is enough: the older half is dropped at once. */
		if (s->have + len > 2 * keep && s->have > keep - len) {
			size_t left = keep - len;

			memmove(s->text, s->text + s->have - left, left);
			s->have = left;
		}
		room = MIN(room, 2 * keep + 1);
		grown = room > s->room ? realloc(s->text, room) : s->text;
		if (!grown) {
			s->lost = true;
			return;
		}
		s->text = grown;
		s->room = MAX(room, s->room);
	}
	if (len) /* there may be no buffer yet */
		memcpy(s->text + s->have, text, len);
	s->have += len;
}

int user_log_end(struct user_log_stream *s)
{
	size_t keep = s->log->size - 1, n = MIN(s->have, keep);
	const char *from = s->log->level & USER_LOG_FIXED ? s->text : s->text + s->have - n;
	const char nul = '\0';
	int err = 0;

	if ((n && user_write(s->log->addr, from, n)) ||
	    user_write(s->log->addr + n, &nul, sizeof(nul)))
		err = -EFAULT;
	else if (s->lost || s->total > keep)
		err = -ENOSPC;
	free(s->text);
	s->text = NULL;
	return err;
}

int user_log_write(const struct user_log *log, const char *text)
{
	size_t len = strlen(text) + 1, n = MIN(len, log->size);
	const char nul = '\0';

	if (!log->addr)
		return 0;
	if (user_write(log->addr, text, n) || (n < len && user_write(log->addr + n - 1, &nul, 1)))
		return -EFAULT;
	return n < len ? -ENOSPC : 0;
}
