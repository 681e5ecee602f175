/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/debug_dump.c - native code and its lines for `perf inject --jit`, in perf's jitdump format.
 *
 * One file for each process, /tmp/jit-PID.dump, to which records are appended. perf finds it
 * because the process has it mapped executable: the mapping says nothing, but perf records that it
 * was made. Times are those of CLOCK_MONOTONIC (`perf record -k mono`). Called under the lock of
 * debug.c.
 */
#include "vm/debug.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

#define DUMP_MAGIC   0x4a695444
#define DUMP_VERSION 1
enum { DUMP_LOAD = 0, DUMP_LINES = 2 };

#if defined(__aarch64__)
#define DUMP_MACHINE EM_AARCH64
#else
#define DUMP_MACHINE EM_X86_64
#endif

/* The layouts are perf's. */
struct dump_head {
	uint32_t magic, version, size, machine, rest, pid;
	uint64_t time, flags;
};

struct dump_record {
	uint32_t id, size;
	uint64_t time;
};

struct dump_load { /* then the name and the code */
	struct dump_record head;
	uint32_t pid, tid;
	uint64_t vma, at, size, index;
};

struct dump_lines { /* then the entries */
	struct dump_record head;
	uint64_t at, n;
};

struct dump_entry { /* then the name of the file */
	uint64_t at;
	uint32_t line, discriminator;
};

/* Of the process that opened it: one that was forked begins a file of its own. */
static struct {
	FILE *f;
	pid_t owner;
	uint64_t index;
} dump;

struct dump_work {
	const struct vm_debug_code *code;
	char *text;
	size_t size;
	FILE *lines;
	uint64_t n;
};

static uint64_t dump_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static FILE *dump_open(void)
{
	struct dump_head head = {
		.magic = DUMP_MAGIC,
		.version = DUMP_VERSION,
		.size = sizeof(head),
		.machine = DUMP_MACHINE,
		.pid = (uint32_t)getpid(),
		.time = dump_time(),
	};
	char path[64];
	int fd;

	if (dump.owner == getpid())
		return dump.f;
	/* A parent's file stays its own, and open. */
	dump.owner = getpid();
	dump.f = NULL;
	snprintf(path, sizeof(path), "/tmp/jit-%d.dump", (int)getpid());
	fd = vm_debug_open(path, O_RDWR);
	if (fd < 0)
		return NULL;
	/* What a process with this number left there is of no use any more. */
	if (ftruncate(fd, 0) || write(fd, &head, sizeof(head)) != sizeof(head) ||
	    mmap(NULL, sizeof(head), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
		unlink(path);
		close(fd);
		return NULL;
	}
	dump.f = fdopen(fd, "a");
	if (!dump.f)
		close(fd);
	return dump.f;
}

/* The lines of [at, at + size) of the code. */
static void dump_collect(struct dump_work *w, uint32_t at, uint32_t size)
{
	const struct vm_native *native = w->code->native;
	const struct vm_source *s = w->code->source;
	const char *last = NULL, *name;
	uint32_t line = 0, number;

	for (uint32_t i = 0; s && i < native->n_lines; i++) {
		const struct jit_line *l = &native->lines[i];
		struct dump_entry e = {.at = (uintptr_t)native->mem + l->at};

		if (l->at < at || l->at - at >= size || !s->line(s->user, l->insn, &name, &number))
			continue;
		if (last && number == line && !strcmp(name, last))
			continue;
		e.line = number;
		fwrite(&e, sizeof(e), 1, w->lines);
		fwrite(name, strlen(name) + 1, 1, w->lines);
		w->n++;
		line = number;
		last = name;
	}
}

static void dump_func(void *user, const char *name, uint64_t at, uint32_t size)
{
	struct dump_work *w = user;
	struct dump_load load = {
		.head = {DUMP_LOAD, (uint32_t)(sizeof(load) + strlen(name) + 1 + size),
			 dump_time()},
		.pid = (uint32_t)getpid(),
		.tid = (uint32_t)gettid(),
		.vma = at,
		.at = at,
		.size = size,
		.index = dump.index++,
	};
	struct dump_lines lines = {.head = {.id = DUMP_LINES, .time = load.head.time}, .at = at};

	w->n = 0;
	w->text = NULL;
	w->lines = open_memstream(&w->text, &w->size);
	if (w->lines) {
		dump_collect(w, (uint32_t)(at - (uintptr_t)w->code->native->mem), size);
		/* Lines come before the code that they are of. */
		if (!fclose(w->lines) && w->n) {
			lines.head.size = (uint32_t)(sizeof(lines) + w->size);
			lines.n = w->n;
			fwrite(&lines, sizeof(lines), 1, dump.f);
			fwrite(w->text, w->size, 1, dump.f);
		}
		free(w->text);
	}
	fwrite(&load, sizeof(load), 1, dump.f);
	fwrite(name, strlen(name) + 1, 1, dump.f);
	fwrite((const void *)(uintptr_t)at, size, 1, dump.f);
}

void vm_debug_dump(const struct vm_debug_code *code)
{
	struct dump_work w = {.code = code};

	if (!dump_open())
		return;
	vm_debug_each(code, dump_func, &w);
	fflush(dump.f);
}
