/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/syscall.c - the C library's syscall(), with bpf(2) led to an engine of our own.
 *
 * libbpf and everything built on it reach the kernel through these functions of the C
 * library, which whoever contains this file provides in its place:
 *
 *    syscall     bpf commands of a thread that is in a session go to the session's engine
 *    epoll_ctl   a ring buffer of ours is a regular file, which cannot be polled: its wait
 *                descriptor is registered instead
 *    statfs, mkdir, unlink   of paths below /sys/fs/bpf, where pins of ours seem to be
 *
 * Outside of a session, and for everything else, the C library's own functions are called.
 */
#include "load/syscall.h"
#include "sys/sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIN_ROOT "/sys/fs/bpf"

_Static_assert(sizeof(long) == 8, "statfs and statfs64 are the same on 64-bit machines");

static __thread struct load_session *session_thread;
static struct load_session *session_all;
static __thread unsigned long session_calls; /* bpf commands that came through here */

/* The C library's function that ours of this name hides. */
#define REAL(name)                                                                 \
	({                                                                         \
		static __typeof__(&name) real_;                                    \
		__typeof__(&name) fn_ = __atomic_load_n(&real_, __ATOMIC_RELAXED); \
		if (!fn_) {                                                        \
			*(void **)&fn_ = dlsym(RTLD_NEXT, #name);                  \
			__atomic_store_n(&real_, fn_, __ATOMIC_RELAXED);           \
		}                                                                  \
		fn_;                                                               \
	})

struct load_session *load_enter(struct load_session *session)
{
	struct load_session *before = session_thread;

	session_thread = session;
	return before;
}

void load_enter_all(struct load_session *session)
{
	session_all = session;
}

struct load_session *load_current(void)
{
	return session_thread ? session_thread : session_all;
}

/* The session's engine, or NULL if this thread speaks to the kernel. */
static struct visor *session_engine(void)
{
	const struct load_session *session = load_current();

	return session ? session->visor : NULL;
}

static int session_bpf(const struct load_session *session, int cmd, union bpf_attr *attr,
		       unsigned int size)
{
	long ret;

	if (session && session->bpf)
		return session->bpf(session->user, cmd, attr, size);
	if (session && session->visor)
		return visor_engine_bpf(session->visor, cmd, attr, size);
	ret = REAL(syscall)(SYS_bpf, cmd, attr, size);
	return ret < 0 ? -errno : (int)ret;
}

int load_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	struct load_session *session = load_current();
	union {
		union bpf_attr attr;
		uint8_t bytes[512]; /* attributes may be newer, and larger, than ours */
	} copy;
	int err;

	if (cmd != BPF_PROG_LOAD || !session || !session->on_prog_load)
		return session_bpf(session, cmd, attr, size);
	if (size > sizeof(copy))
		return -E2BIG;
	memset(&copy, 0, sizeof(copy));
	err = user_read(&copy, (uintptr_t)attr, size);
	if (!err)
		err = session->on_prog_load(session->user, &copy.attr, size);
	return err ? err : session_bpf(session, cmd, &copy.attr, size);
}

unsigned long load_calls(void)
{
	return session_calls;
}

static long set_errno(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

VISOR_EXPORT long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	session_calls += number == SYS_bpf;
	if (number == SYS_bpf && load_current())
		return set_errno(load_bpf((int)a[0], (union bpf_attr *)a[1], (unsigned int)a[2]));
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- polling ring buffers ----------------------------------------------------------------- */

VISOR_EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct visor *v = session_engine();
	struct epoll_event edge;
	int ret, wait, before = errno;

	ret = REAL(epoll_ctl)(epfd, op, fd, event);
	if (ret != -1 || errno != EPERM || !v) /* EPERM: a file that cannot be polled */
		return ret;
	wait = visor_ringbuf_wait_fd(v, fd);
	if (wait == -EINVAL || wait == -EBADF) {
		errno = EPERM; /* not ours: what the kernel said */
		return ret;
	}
	if (wait < 0)
		return (int)set_errno(wait);
	errno = before;
	/* Nobody reads the event descriptor that stands for the map: level-triggered, it would
	 * be ready for ever. It is written again as long as records wait. */
	if (op != EPOLL_CTL_DEL) {
		edge = *event;
		edge.events |= EPOLLET;
		event = &edge;
	}
	return REAL(epoll_ctl)(epfd, op, wait, event);
}

/* ---- the place of pins -------------------------------------------------------------------- */

/* True if the path is where an engine of ours keeps pins, from the client's point of view. */
static bool pin_place(const char *path)
{
	size_t len = strlen(PIN_ROOT);

	return session_engine() && path && !strncmp(path, PIN_ROOT, len) &&
	       (path[len] == '/' || !path[len]);
}

static int statfs_any(int (*real)(const char *, struct statfs *), const char *path,
		      struct statfs *out)
{
	if (!pin_place(path))
		return real(path, out);
	memset(out, 0, sizeof(*out));
	out->f_type = BPF_FS_MAGIC;
	return 0;
}

/* Both names of the one function; the headers would rename the first to the second. */
int load_statfs(const char *path, struct statfs *out) __asm__("statfs");
int load_statfs64(const char *path, struct statfs *out) __asm__("statfs64");

VISOR_EXPORT int load_statfs(const char *path, struct statfs *out)
{
	return statfs_any(REAL(statfs), path, out);
}

VISOR_EXPORT int load_statfs64(const char *path, struct statfs *out)
{
	return statfs_any(REAL(statfs), path, out);
}

/* Folders of pins appear with the pins in them. */
VISOR_EXPORT int mkdir(const char *path, mode_t mode)
{
	return pin_place(path) ? 0 : REAL(mkdir)(path, mode);
}

VISOR_EXPORT int unlink(const char *path)
{
	return pin_place(path) ? (int)set_errno(visor_unpin(session_engine(), path))
			       : REAL(unlink)(path);
}
