/* SPDX-License-Identifier: BSD-2-Clause */
/* base/arena.c - making, attaching and releasing arenas. A struct arena exists only mapped. */
#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS   1033
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW   4
#endif

size_t arena_page_size(void)
{
	static size_t size;
	size_t s = __atomic_load_n(&size, __ATOMIC_RELAXED);

	if (!s) {
		s = (size_t)sysconf(_SC_PAGESIZE);
		__atomic_store_n(&size, s, __ATOMIC_RELAXED);
	}
	return s;
}

static int arena_map(struct arena *arena, int fd, size_t size, bool readonly,
		     struct visor_diag *diag)
{
	int prot = readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	void *mem = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		return diag_fail(diag, -ENOMEM, "map memory", "cannot map %zu bytes: %s", size,
				 strerror(errno));
	*arena = (struct arena){.mem = mem, .size = size, .fd = fd, .readonly = readonly};
	return 0;
}

int arena_new(struct arena *arena, int fd, uint64_t size, struct visor_diag *diag)
{
	int err;

	if (size > (SIZE_MAX >> 1)) {
		err = diag_fail(diag, -ENOMEM, "map memory", "no room for %llu bytes",
				(unsigned long long)size);
		goto out;
	}
	if (ftruncate(fd, (off_t)size)) {
		err = diag_fail(diag, -ENOMEM, "map memory", "cannot size the file to %llu: %s",
				(unsigned long long)size, strerror(errno));
		goto out;
	}
	err = arena_map(arena, fd, size, false, diag);
	if (err)
		goto out;
	/* Not a memfd, or one without sealing: see the header. */
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return 0;
out:
	close(fd);
	return err;
}

int arena_attach(struct arena *arena, int fd, struct visor_diag *diag)
{
	struct stat st;
	int err, mode = fcntl(fd, F_GETFL);

	if (mode < 0 || fstat(fd, &st)) {
		err = diag_fail(diag, -errno, "attach", "cannot examine the file: %s",
				strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > (SIZE_MAX >> 1) ||
	    (uint64_t)st.st_size % arena_page_size() || (mode & O_ACCMODE) == O_WRONLY) {
		err = diag_fail(diag, -EINVAL, "attach", "not a file of shared memory");
		goto out;
	}
	err = arena_map(arena, fd, (size_t)st.st_size, (mode & O_ACCMODE) == O_RDONLY, diag);
	if (!err)
		return 0;
out:
	close(fd);
	return err;
}

void arena_close(struct arena *arena)
{
	if (!arena->mem)
		return;
	munmap(arena->mem, arena->size);
	close(arena->fd);
	memset(arena, 0, sizeof(*arena));
}

uint64_t arena_in_use(const struct arena *arena)
{
	struct stat st;

	return fstat(arena->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}
