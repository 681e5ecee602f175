/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/kept.c - native code in files, so that programs are compiled once only.
 *
 * What is in these files is executed. They are used only where nobody else can have written them:
 * the directory and each file must belong to the user that we act as, and let nobody else write;
 * links are not followed, and a file is read whole before it is looked at.
 *
 *    DIRECTORY/KEY in hex     what vm/saved.c makes
 *
 * Files appear complete, under their names, by a rename. The oldest go when there are many.
 */
#include "sys/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_MAX_FILE  (64 << 20)
#define KEPT_MAX_FILES 512 /* then the older half goes */
#define KEPT_NAME      (2 * VM_KEY_SIZE + 1)

static bool kept_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int kept_open(struct visor *v, const char *path, struct visor_diag *diag)
{
	struct stat st;

	if (!*path)
		return diag_fail(diag, -EINVAL, "code", "the name of the directory is empty");
	if (mkdir(path, 0700) && errno != EEXIST)
		return diag_fail(diag, -errno, "code", "cannot create the directory %s", path);
	v->code = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (v->code < 0)
		return diag_fail(diag, -errno, "code", "cannot open the directory %s", path);
	if (!fstat(v->code, &st) && kept_ours(&st))
		return 0;
	close(v->code);
	v->code = -1;
	diag_fail(diag, -EPERM, "code", "this is not a directory that only you can write to");
	diag_at(diag, "%s", path);
	return -EPERM;
}

static void kept_name(const uint8_t key[VM_KEY_SIZE], char name[KEPT_NAME])
{
	for (int i = 0; i < VM_KEY_SIZE; i++)
		snprintf(name + 2 * i, 3, "%02x", key[i]);
}

static void *kept_read(int fd, size_t size)
{
	uint8_t *data = malloc(size);
	size_t done = 0;

	while (data && done < size) {
		ssize_t n = read(fd, data + done, size - done);

		if (n <= 0) {
			free(data);
			return NULL;
		}
		done += (size_t)n;
	}
	return data;
}

static void *kept_load(void *user, const uint8_t key[VM_KEY_SIZE], size_t *size)
{
	const struct visor *v = user;
	char name[KEPT_NAME];
	void *data = NULL;
	struct stat st;
	int fd;

	kept_name(key, name);
	fd = openat(v->code, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && kept_ours(&st) && st.st_nlink == 1 &&
	    st.st_size > 0 && st.st_size <= KEPT_MAX_FILE) {
		*size = (size_t)st.st_size;
		data = kept_read(fd, *size);
		if (data)
			futimens(fd, NULL); /* used now: others are older */
	}
	close(fd);
	return data;
}

/* ---- making room
 * -------------------------------------------------------------------------------------- */

struct kept_file {
	struct timespec used;
	char name[KEPT_NAME];
};

static int kept_older(const void *a, const void *b)
{
	const struct timespec *x = &((const struct kept_file *)a)->used;
	const struct timespec *y = &((const struct kept_file *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static void kept_trim(const struct visor *v)
{
	int fd = openat(v->code, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct kept_file *files = calloc(KEPT_MAX_FILES, sizeof(*files));
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	uint32_t n = 0;
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	while (files && dir && n < KEPT_MAX_FILES && (d = readdir(dir))) {
		struct stat st;

		if (strlen(d->d_name) != KEPT_NAME - 1 ||
		    fstatat(v->code, d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		files[n].used = st.st_mtim;
		memcpy(files[n++].name, d->d_name, KEPT_NAME);
	}
	if (n == KEPT_MAX_FILES) {
		qsort(files, n, sizeof(*files), kept_older);
		for (uint32_t i = 0; i < n / 2; i++)
			unlinkat(v->code, files[i].name, 0);
	}
	if (dir)
		closedir(dir);
	free(files);
}

static void kept_save(void *user, const uint8_t key[VM_KEY_SIZE], const void *data, size_t size)
{
	const struct visor *v = user;
	char name[KEPT_NAME], temp[64];
	static uint32_t serial;
	size_t done = 0;
	int fd;

	if (size > KEPT_MAX_FILE)
		return;
	kept_trim(v);
	kept_name(key, name);
	snprintf(temp, sizeof(temp), "new-%d-%u", (int)getpid(),
		 __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
	unlinkat(v->code, temp, 0); /* of a process that ended in between, and had our number */
	fd = openat(v->code, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	while (done < size) {
		ssize_t n = write(fd, (const uint8_t *)data + done, size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (close(fd) || done < size || renameat(v->code, temp, v->code, name))
		unlinkat(v->code, temp, 0);
}

bool kept_in(struct visor *v, struct vm_keep *keep)
{
	*keep = (struct vm_keep){kept_load, kept_save, v};
	return v->code >= 0;
}
