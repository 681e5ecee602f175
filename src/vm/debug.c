/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/debug.c - debuggers and profilers are told of native code.
 *
 * Debuggers: GDB's interface for compilers at run time, a list of ELF objects and a function at
 * which it stops when the list changes; both are found by their names. Profilers: perf reads
 * /tmp/perf-PID.map, if VISOR_PERF_MAP asks for that, and what debug_dump.c writes if it is "dump".
 */
#include "vm/debug.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

/* ---- debuggers
 * ------------------------------------------------------------------------------------- */

/* The layout is GDB's. */
struct debug_entry {
	struct debug_entry *next, *prev;
	const void *object;
	uint64_t size;
};

enum { DEBUG_NOTHING, DEBUG_REGISTER, DEBUG_UNREGISTER };

struct debug_descriptor {
	uint32_t version, action;
	struct debug_entry *relevant, *first;
};

/* Names that GDB looks for. What refers to them here does so by others: a program may have a
 * second compiler that brings the same. */
VISOR_EXPORT struct debug_descriptor __jit_debug_descriptor = {.version = 1};
VISOR_EXPORT void __jit_debug_register_code(void);

VISOR_EXPORT void __attribute__((noinline)) __jit_debug_register_code(void)
{
	__asm__ volatile("" ::: "memory");
}

extern struct debug_descriptor debug_list
	__attribute__((alias("__jit_debug_descriptor"), visibility("hidden")));
void debug_tell(void) __attribute__((alias("__jit_debug_register_code"), visibility("hidden")));

static pthread_mutex_t debug_lock = PTHREAD_MUTEX_INITIALIZER;

struct vm_debug {
	struct debug_entry entry;
	void *object;
};

static void debug_announce(struct debug_entry *e, uint32_t action)
{
	debug_list.action = action;
	debug_list.relevant = e;
	debug_tell();
	debug_list.action = DEBUG_NOTHING;
	debug_list.relevant = NULL;
}

/* ---- profilers
 * ------------------------------------------------------------------------------------- */

/* The file is in a folder that everybody writes to: one that is not ours alone is left alone. */
int vm_debug_open(const char *path, int flags)
{
	struct stat st;
	int fd = open(path, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
			st.st_nlink != 1)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static FILE *debug_map_open(void)
{
	char path[64];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	fd = vm_debug_open(path, O_WRONLY | O_APPEND);
	f = fd < 0 ? NULL : fdopen(fd, "a");
	if (!f && fd >= 0)
		close(fd);
	return f;
}

static void debug_map_line(void *user, const char *name, uint64_t at, uint32_t size)
{
	fprintf(user, "%" PRIx64 " %x %s\n", at, size, name);
}

static void debug_map(const struct vm_debug_code *code)
{
	const char *wanted = getenv("VISOR_PERF_MAP");
	FILE *f;

	if (!wanted || !*wanted || !strcmp(wanted, "0"))
		return;
	if (!strcmp(wanted, "dump"))
		vm_debug_dump(code);
	f = debug_map_open();
	if (!f)
		return;
	vm_debug_each(code, debug_map_line, f);
	fclose(f);
}

/* ---- both
 * ------------------------------------------------------------------------------------------- */

struct vm_debug *vm_debug_new(const struct vm_debug_code *code)
{
	struct vm_debug *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->object = vm_debug_elf(code, &d->entry.size);
	if (!d->object) {
		free(d);
		return NULL;
	}
	d->entry.object = d->object;
	pthread_mutex_lock(&debug_lock);
	debug_map(code);
	d->entry.next = debug_list.first;
	if (d->entry.next)
		d->entry.next->prev = &d->entry;
	debug_list.first = &d->entry;
	debug_announce(&d->entry, DEBUG_REGISTER);
	pthread_mutex_unlock(&debug_lock);
	return d;
}

void vm_debug_free(struct vm_debug *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&debug_lock);
	if (d->entry.prev)
		d->entry.prev->next = d->entry.next;
	else
		debug_list.first = d->entry.next;
	if (d->entry.next)
		d->entry.next->prev = d->entry.prev;
	debug_announce(&d->entry, DEBUG_UNREGISTER);
	pthread_mutex_unlock(&debug_lock);
	free(d->object);
	free(d);
}
