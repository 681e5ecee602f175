/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/pin.c - names for objects that outlive every process.
 *
 * In a state directory a pin is a hard link below pins/, at the path that the client gave:
 * /sys/fs/bpf/x is pins/sys/fs/bpf/x. Parents are made as needed. Symbolic links are never
 * followed, and no path leaves pins/. In a private store pins are a list.
 */
#include "sys/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* "//a/./b" -> "a/b". -EPERM for "..", -ENOENT for nothing, -ENAMETOOLONG. */
static int pin_path(const char *path, char out[PATH_MAX])
{
	size_t n = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return -EPERM;
		if (len > NAME_MAX || n + len + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		if (len && !(len == 1 && path[0] == '.')) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
		path += strspn(path, "/");
	}
	out[n] = '\0';
	return n ? 0 : -ENOENT;
}

/* Opens the folder that the last component is in; *name points at that component. */
static int pin_folder(struct visor *v, char *path, bool create, char **name)
{
	int fd = openat(v->pins, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0) {
		char *slash = strchr(path, '/');
		int next;

		*name = path;
		if (!slash)
			return fd;
		*slash = '\0';
		if (create)
			mkdirat(fd, path, 0700);
		next = openat(fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			next = -errno;
		close(fd);
		if (next < 0)
			return next;
		fd = next;
		path = slash + 1;
	}
	return -errno;
}

static struct store_pin **pin_find(struct visor *v, const char *path)
{
	struct store_pin **at = &v->pin_list;

	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

static int pin_private(struct visor *v, struct obj *obj, const char *path)
{
	struct store_pin **at = pin_find(v, path), *pin;

	if (*at)
		return -EEXIST;
	pin = malloc(sizeof(*pin) + strlen(path) + 1);
	if (!pin)
		return -ENOMEM;
	pin->next = NULL;
	pin->obj = obj;
	__atomic_add_fetch(&obj->refs, 1, __ATOMIC_RELAXED);
	strcpy(pin->path, path);
	*at = pin;
	return 0;
}

int store_pin(struct visor *v, struct obj *obj, const char *path)
{
	char clean[PATH_MAX], own[16], *name;
	int dir, err = pin_path(path, clean);

	/* The kernel pins programs, maps and links only. */
	if (err || obj->kind == OBJ_BTF)
		return err ? err : -EINVAL;
	err = store_lock(v);
	if (err)
		return err;
	if (!v->path) {
		err = pin_private(v, obj, clean);
	} else {
		dir = pin_folder(v, clean, true, &name);
		snprintf(own, sizeof(own), "%u", obj->id);
		err = MIN(dir, 0);
		if (!err && linkat(v->kinds[obj->kind], own, dir, name, 0))
			err = -errno;
		if (dir >= 0)
			close(dir);
	}
	store_unlock(v);
	return err;
}

int store_unpin(struct visor *v, const char *path)
{
	char clean[PATH_MAX], *name;
	struct store_pin **at, *pin;
	int dir, err = pin_path(path, clean);

	if (!err)
		err = store_lock(v);
	if (err)
		return err;
	if (!v->path) {
		at = pin_find(v, clean);
		pin = *at;
		err = pin ? 0 : -ENOENT;
		if (pin) {
			*at = pin->next;
			store_put(pin->obj);
			free(pin);
		}
	} else {
		dir = pin_folder(v, clean, false, &name);
		err = MIN(dir, 0);
		if (!err && unlinkat(dir, name, 0))
			err = -errno;
		if (dir >= 0)
			close(dir);
	}
	store_unlock(v);
	return err;
}

int store_get(struct visor *v, const char *path, int open_flags)
{
	char clean[PATH_MAX], *name;
	struct obj *obj = NULL;
	int dir, fd, err = pin_path(path, clean);

	if (!err)
		err = store_lock(v);
	if (err)
		return err;
	if (!v->path) {
		struct store_pin *pin = *pin_find(v, clean);

		if (pin) {
			obj = pin->obj;
			__atomic_add_fetch(&obj->refs, 1, __ATOMIC_RELAXED);
		} else {
			err = -ENOENT;
		}
		store_unlock(v);
	} else {
		dir = pin_folder(v, clean, false, &name);
		fd = dir < 0 ? dir
			     : openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		err = dir < 0 ? dir : fd < 0 ? -errno : 0;
		if (dir >= 0)
			close(dir);
		store_unlock(v);
		/* The pin keeps it alive in the meantime, or the open of its file fails. */
		if (!err) {
			obj = store_by_fd(v, fd, OBJ_KIND_COUNT, &err);
			close(fd);
		}
	}
	if (!obj)
		return err;
	fd = store_fd(v, obj, open_flags);
	store_put(obj);
	return fd;
}
