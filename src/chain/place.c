/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/place.c - see place.h. Both engines keep pins in a file system, so folders are read and
 * made there; only the pins themselves go through the engines.
 */
#include "chain/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "load/syscall.h"
#include "sys/sys.h"

#define PLACE_BPFFS "/sys/fs/bpf"

#define PLACE_MAX_DEPTH	  8
#define PLACE_CHAIN_CHARS 63

/* ---- paths -------------------------------------------------------------------------------------
 */

static int place_vpath(const char *root, char out[PATH_MAX], const char *fmt, va_list ap)
{
	int len = snprintf(out, PATH_MAX, "%s", root), more;

	if (len >= PATH_MAX - 1)
		return -ENAMETOOLONG;
	out[len++] = '/';
	more = vsnprintf(out + len, (size_t)(PATH_MAX - len), fmt, ap);
	if (more < 0 || more >= PATH_MAX - len)
		return -ENAMETOOLONG;
	for (char *c = out + len; *c; c++)
		if (*c == '.')
			*c = '_';
	if (!more)
		out[len - 1] = '\0';
	return 0;
}

#define PLACE_PATH(err, root, out, fmt)                       \
	do {                                                  \
		va_list ap_;                                  \
		va_start(ap_, fmt);                           \
		(err) = place_vpath((root), (out), fmt, ap_); \
		va_end(ap_);                                  \
	} while (0)

int place_path(const struct place *p, char out[PATH_MAX], const char *fmt, ...)
{
	int err;

	PLACE_PATH(err, p->root, out, fmt);
	return err;
}

/* What lies below the root has the same tail in both trees. */
static int place_file(const struct place *p, const char *path, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s%s", p->files, path + strlen(p->root)) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

static int place_make_folders(const char *path, size_t from)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + from, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		if (*part && mkdir(part, 0700) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* ---- the chain's folder
 * -------------------------------------------------------------------------- */

static int place_base(struct visor *visor, char files[PATH_MAX], struct visor_diag *diag)
{
	struct statfs fs;

	if (visor) {
		if (!visor->path)
			return diag_fail(diag, -EINVAL, "place",
					 "a chain that stays needs a state directory");
		return snprintf(files, PATH_MAX, "%s/pins" PLACE_ROOT, visor->path) < PATH_MAX
			       ? 0
			       : diag_fail(diag, -ENAMETOOLONG, "place", "the path is too long");
	}
	if (statfs(PLACE_BPFFS, &fs) || (uint32_t)fs.f_type != BPF_FS_MAGIC) {
		diag_fail(diag, -ENOENT, "place", "no BPF file system at " PLACE_BPFFS);
		diag_hint(diag, "mount -t bpf bpf " PLACE_BPFFS);
		return -ENOENT;
	}
	snprintf(files, PATH_MAX, PLACE_ROOT);
	return 0;
}

/* The lock is of the folder that has the name now, not of one that was removed meanwhile. */
static int place_lock(struct place *p, bool create)
{
	struct stat ours, now;

	for (;;) {
		int err = create ? place_make_folders(p->files, 0) : 0;

		if (!err && create && mkdir(p->files, 0700) && errno != EEXIST)
			err = -errno;
		p->lock = err ? -1 : open(p->files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->lock < 0)
			return err ? err : -errno;
		while (flock(p->lock, LOCK_EX))
			if (errno != EINTR)
				return -errno;
		if (!fstat(p->lock, &ours) && !stat(p->files, &now) && ours.st_ino == now.st_ino &&
		    ours.st_dev == now.st_dev)
			return 0;
		close(p->lock);
	}
}

int place_look(struct place *p, struct visor *visor, const char *chain, struct visor_diag *diag)
{
	size_t len = strlen(chain);
	char base[PATH_MAX];
	int err;

	memset(p, 0, sizeof(*p));
	p->lock = -1;
	p->visor = visor;
	if (!len || len > PLACE_CHAIN_CHARS || strpbrk(chain, "/. "))
		return diag_fail(diag, -EINVAL, "place", "'%s' is not a chain's name", chain);
	err = place_base(visor, base, diag);
	if (err)
		return err;
	snprintf(p->name, sizeof(p->name), "%s", chain);
	snprintf(p->root, sizeof(p->root), PLACE_ROOT "/%s", chain);
	if (snprintf(p->files, sizeof(p->files), "%s/%s", base, chain) >= PATH_MAX)
		return diag_fail(diag, -ENAMETOOLONG, "place", "the path is too long");
	return 0;
}

int place_open(struct place *p, struct visor *visor, const char *chain, bool create,
	       struct visor_diag *diag)
{
	int err = place_look(p, visor, chain, diag);

	if (err)
		return err;
	err = place_lock(p, create);
	if (!err)
		return 0;
	place_close(p);
	if (err == -ENOENT) {
		diag_fail(diag, err, "place", "there is no chain '%s' on the %s engine", chain,
			  visor ? "user" : "kernel");
		diag_hint(diag, "visor status lists the chains that are up");
		return err;
	}
	diag_fail(diag, err, "place", "cannot %s the chain's folder", create ? "make" : "open");
	diag_at(diag, "%s", p->files);
	return err;
}

void place_close(struct place *p)
{
	if (p->lock >= 0)
		close(p->lock);
	p->lock = -1;
}

static int place_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int place_list_chains(struct visor *visor, char **names, uint32_t *n)
{
	char files[PATH_MAX], **sorted = NULL, *text = NULL;
	size_t size = 0, used = 0;
	struct dirent *e;
	uint32_t count = 0;
	DIR *dir;
	int err = place_base(visor, files, NULL);

	*names = NULL;
	*n = 0;
	if (err)
		return err;
	dir = opendir(files);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (e = readdir(dir))) {
		char **more;

		if (e->d_name[0] == '.')
			continue;
		more = reallocarray(sorted, count + 1, sizeof(*sorted));
		if (more)
			sorted = more;
		if (!more || !(sorted[count] = strdup(e->d_name)))
			err = -ENOMEM;
		else
			size += strlen(sorted[count++]) + 1;
	}
	closedir(dir);
	if (count)
		qsort(sorted, count, sizeof(*sorted), place_compare);
	text = err ? NULL : malloc(size + 1);
	if (!err && !text)
		err = -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (text) {
			memcpy(text + used, sorted[i], strlen(sorted[i]) + 1);
			used += strlen(sorted[i]) + 1;
		}
		free(sorted[i]);
	}
	free(sorted);
	*names = text;
	*n = err ? 0 : count;
	return err;
}

/* ---- pins
 * -------------------------------------------------------------------------------------------- */

int place_pin(const struct place *p, int fd, const char *fmt, ...)
{
	char path[PATH_MAX], file[PATH_MAX];
	union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = (uint32_t)fd};
	int err;

	PLACE_PATH(err, p->root, path, fmt);
	if (!err)
		err = place_file(p, path, file);
	if (!err)
		err = place_make_folders(file, strlen(p->files));
	return err ? err : MIN(load_bpf(BPF_OBJ_PIN, &attr, sizeof(attr)), 0);
}

int place_get(const struct place *p, const char *fmt, ...)
{
	char path[PATH_MAX];
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	int err;

	PLACE_PATH(err, p->root, path, fmt);
	return err ? err : load_bpf(BPF_OBJ_GET, &attr, sizeof(attr));
}

static int place_remove_at(const struct place *p, const char *path, int depth)
{
	char file[PATH_MAX], below[PATH_MAX];
	struct dirent *e;
	struct stat st;
	int err = place_file(p, path, file);
	DIR *dir;

	if (err || lstat(file, &st))
		return err ? err : errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (!S_ISDIR(st.st_mode)) {
		err = p->visor ? visor_unpin(p->visor, path) : unlink(file) ? -errno : 0;
		return err == -ENOENT ? 0 : err;
	}
	if (depth > PLACE_MAX_DEPTH)
		return -ELOOP;
	dir = opendir(file);
	if (!dir)
		return -errno;
	while (!err && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, e->d_name) >= PATH_MAX)
			err = -ENAMETOOLONG;
		else
			err = place_remove_at(p, below, depth + 1);
		/* What readdir still knows of a folder that changes is not defined. */
		rewinddir(dir);
	}
	closedir(dir);
	return err ? err : rmdir(file) ? -errno : 0;
}

int place_remove(const struct place *p, const char *fmt, ...)
{
	char path[PATH_MAX];
	int err;

	PLACE_PATH(err, p->root, path, fmt);
	return err ? err : place_remove_at(p, path, 0);
}

int place_each(const struct place *p, const char *below, int (*fn)(void *user, const char *name),
	       void *user)
{
	char file[PATH_MAX];
	struct dirent *e;
	int ret = 0;
	DIR *dir;

	if (snprintf(file, sizeof(file), "%s/%s", p->files, below) >= PATH_MAX)
		return -ENAMETOOLONG;
	dir = opendir(file);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			ret = fn(user, e->d_name);
	closedir(dir);
	return ret;
}

struct place_copying {
	const struct place *p;
	const char *from, *to;
};

static int place_copy_one(void *user, const char *name)
{
	const struct place_copying *c = user;
	int fd = place_get(c->p, "%s/%s", c->from, name), err;

	if (fd < 0)
		return fd;
	err = place_pin(c->p, fd, "%s/%s", c->to, name);
	close(fd);
	return err;
}

int place_copy(const struct place *p, const char *from, const char *to)
{
	struct place_copying c = {p, from, to};

	return place_each(p, from, place_copy_one, &c);
}
