/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/store.c - the object store: an object is a file, a descriptor is a descriptor.
 *
 * A private store keeps its objects in memfds; any other is a directory:
 *
 *    STATE/lock               flock: one process at a time creates, collects or pins
 *    STATE/ids                the last id of each kind
 *    STATE/bpf-map/ID         map/map.h says what is in it
 *    STATE/bpf-prog/ID  STATE/btf/ID          struct obj_head, then the kind's data
 *    STATE/pins/sys/fs/bpf/x  a hard link: an object with a second name is pinned
 *
 * The invariant everything rests on: each descriptor given to a client has an open file
 * description of its own, made here and holding a shared flock; the engine's descriptors
 * hold none. So "is it still in use, by anybody" is: does an exclusive flock fail. What is
 * not in use, not pinned, and not referred to (directly or not) by something that is,
 * gets collected by whoever holds the state lock and looks.
 */
#include "sys/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool store_no_object(int err)
{
	return err == -EINVAL || err == -ENOENT || err == -ELOOP || err == -EISDIR || err == -ENXIO;
}

const char *const store_folders[OBJ_KIND_COUNT] = {
#define KIND(id, folder) [OBJ_##id] = folder,
	OBJ_KINDS(KIND)
#undef KIND
};

#define TABLE_IDLE 64 /* so many may be open although nobody uses them */

/* ---- opening ------------------------------------------------------------------------------ */

static int store_subdir(int dir, const char *name, struct visor_diag *diag, const char *path)
{
	int fd;

	if (mkdirat(dir, name, 0700) && errno != EEXIST)
		return diag_fail(diag, -errno, "state", "cannot create %s/%s", path, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : diag_fail(diag, -errno, "state", "cannot open %s/%s", path, name);
}

/* Creates the directory and those above it. */
static int store_mkdirs(const char *path)
{
	char *copy = strdup(path);
	int err = 0;

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; !err; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST)
			err = -errno;
		if (!c)
			break;
		*p = c;
	}
	free(copy);
	return err;
}

int store_open(struct visor *v, const char *path, struct visor_diag *diag)
{
	int err;

	v->collect_at = 16;
	v->trim_at = TABLE_IDLE;
	if (!path)
		return 0;
	if (!*path)
		return diag_fail(diag, -EINVAL, "state", "the state directory's name is empty");
	v->path = strdup(path);
	if (!v->path)
		return diag_fail(diag, -ENOMEM, "state", "out of memory");
	err = store_mkdirs(path);
	if (err)
		return diag_fail(diag, err, "state", "cannot create the state directory %s", path);
	v->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir < 0)
		return diag_fail(diag, -errno, "state", "cannot open the state directory %s", path);
	/* Even a reader locks and maps for writing: without, every object would seem absent. */
	if (faccessat(v->dir, ".", W_OK | X_OK, AT_EACCESS))
		return diag_fail(diag, -errno, "state", "cannot write to the state directory %s",
				 path);
	for (int k = 0; k < OBJ_KIND_COUNT; k++) {
		v->kinds[k] = store_subdir(v->dir, store_folders[k], diag, path);
		if (v->kinds[k] < 0)
			return v->kinds[k];
	}
	v->pins = store_subdir(v->dir, "pins", diag, path);
	return MIN(v->pins, 0);
}

void store_close(struct visor *v)
{
	struct store_pin *pin;

	/* Programs that program arrays have resolved hold the maps that hold them: first that. */
	for (int i = 0; i < STORE_BUCKETS; i++)
		for (struct obj *o = v->buckets[i]; o; o = o->next)
			if (o->kind == OBJ_MAP)
				vm_map_forget(o->map);
	for (int i = 0; i < STORE_BUCKETS; i++)
		while (v->buckets[i]) {
			struct obj *o = v->buckets[i];

			v->buckets[i] = o->next;
			store_put(o);
		}
	while ((pin = v->pin_list)) {
		v->pin_list = pin->next;
		store_put(pin->obj);
		free(pin);
	}
	store_heap_free(v->heap);
	for (int k = 0; k < OBJ_KIND_COUNT; k++)
		if (v->kinds[k] >= 0)
			close(v->kinds[k]);
	if (v->pins >= 0)
		close(v->pins);
	if (v->dir >= 0)
		close(v->dir);
	free(v->path);
}

/* ---- locks -------------------------------------------------------------------------------- */

/* The lock file is opened for each use: an inherited description would not lock out a child. */
int store_lock(struct visor *v)
{
	int err = 0;

	pthread_mutex_lock(&v->state);
	if (!v->path)
		return 0;
	v->lock_fd = openat(v->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (v->lock_fd < 0)
		err = -errno;
	while (!err && flock(v->lock_fd, LOCK_EX))
		if (errno != EINTR)
			err = -errno;
	if (err)
		store_unlock(v);
	return err;
}

void store_unlock(struct visor *v)
{
	if (v->lock_fd >= 0)
		close(v->lock_fd);
	v->lock_fd = -1;
	pthread_mutex_unlock(&v->state);
}

/* ---- the table ---------------------------------------------------------------------------- */

static uint32_t store_bucket(dev_t dev, ino_t ino)
{
	return (uint32_t)((uint64_t)(ino * UINT64_C(0x9e3779b97f4a7c15) + dev) >> 32) %
	       STORE_BUCKETS;
}

static struct obj *store_ref(struct obj *obj)
{
	__atomic_add_fetch(&obj->refs, 1, __ATOMIC_RELAXED);
	return obj;
}

void store_put(struct obj *obj)
{
	if (obj && __atomic_sub_fetch(&obj->refs, 1, __ATOMIC_ACQ_REL) == 0)
		obj_destroy(obj);
}

static struct obj *table_find(struct visor *v, const struct stat *st)
{
	struct obj *obj;

	pthread_rwlock_rdlock(&v->table);
	obj = v->buckets[store_bucket(st->st_dev, st->st_ino)];
	while (obj && (obj->ino != st->st_ino || obj->dev != st->st_dev))
		obj = obj->next;
	if (obj)
		store_ref(obj);
	pthread_rwlock_unlock(&v->table);
	return obj;
}

/* The table takes the caller's reference. */
static void table_add(struct visor *v, struct obj *obj, const struct stat *st)
{
	struct obj **head = &v->buckets[store_bucket(st->st_dev, st->st_ino)];

	obj->dev = st->st_dev;
	obj->ino = st->st_ino;
	pthread_rwlock_wrlock(&v->table);
	obj->next = *head;
	*head = obj;
	v->n_objs++;
	pthread_rwlock_unlock(&v->table);
}

static void table_remove(struct visor *v, struct obj *obj)
{
	struct obj **at = &v->buckets[store_bucket(obj->dev, obj->ino)];
	bool found;

	pthread_rwlock_wrlock(&v->table);
	while (*at && *at != obj)
		at = &(*at)->next;
	found = *at;
	if (found) {
		*at = obj->next;
		v->n_objs--;
	}
	pthread_rwlock_unlock(&v->table);
	if (!found) /* it was only looked at */
		return;
	if (obj->kind == OBJ_MAP)
		vm_map_forget(obj->map);
	store_put(obj);
}

/* Nobody has it but the table, and closing it loses nothing that could not be opened again. */
static bool obj_idle(const struct obj *obj)
{
	if (__atomic_load_n(&obj->refs, __ATOMIC_ACQUIRE) != 1)
		return false;
	switch (obj->kind) {
	case OBJ_MAP: /* not one that a program has, and not one that somebody may wait for */
		return obj->map->desc.type != BPF_MAP_TYPE_RINGBUF &&
		       __atomic_load_n(&obj->map->refs, __ATOMIC_ACQUIRE) == 1;
	case OBJ_PROG:
		return !obj->prog->vm;
	default:
		return true;
	}
}

/* Makes room in the table of a state directory, which may have more objects than this process
 * may have descriptors. State lock held. */
static void table_trim(struct visor *v)
{
	struct obj *idle = NULL, *obj;

	if (!v->path || v->n_objs < v->trim_at)
		return;
	pthread_rwlock_wrlock(&v->table);
	for (int i = 0; i < STORE_BUCKETS; i++)
		for (struct obj **at = &v->buckets[i]; (obj = *at);) {
			if (!obj_idle(obj)) {
				at = &obj->next;
				continue;
			}
			*at = obj->next;
			obj->next = idle;
			idle = obj;
			v->n_objs--;
		}
	v->trim_at = 2 * v->n_objs + TABLE_IDLE;
	pthread_rwlock_unlock(&v->table);
	while ((obj = idle)) {
		idle = obj->next;
		store_put(obj);
	}
}

/* All objects of the table, each with a reference; NULL: no memory. */
static struct obj **table_list(struct visor *v, uint32_t *n)
{
	struct obj **list;

	*n = 0;
	pthread_rwlock_rdlock(&v->table);
	list = malloc((v->n_objs + 1) * sizeof(struct obj *));
	if (list)
		for (int i = 0; i < STORE_BUCKETS; i++)
			for (struct obj *o = v->buckets[i]; o; o = o->next)
				list[(*n)++] = store_ref(o);
	pthread_rwlock_unlock(&v->table);
	return list;
}

static void table_list_free(struct obj **list, uint32_t n)
{
	while (n)
		store_put(list[--n]);
	free(list);
}

/* ---- objects of a state directory --------------------------------------------------------- */

static void id_name(char name[16], uint32_t id)
{
	snprintf(name, 16, "%u", id);
}

/*
 * The object in fd (taken over), from the table or attached. `keep`: for use, so it goes into
 * the table; otherwise it is only looked at, and a process that looks through a large state
 * directory does not end up with all of it open. State lock held.
 */
static struct obj *store_attach(struct visor *v, enum obj_kind kind, int fd, uint32_t id, bool keep,
				int *err)
{
	struct stat st;
	struct obj *obj;

	*err = 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		*err = -EINVAL;
		close(fd);
		return NULL;
	}
	obj = table_find(v, &st);
	if (obj) {
		close(fd);
		if (obj->kind == kind && obj->id == id)
			return obj;
		store_put(obj);
		*err = -EINVAL;
		return NULL;
	}
	obj = obj_new(kind, fd);
	if (!obj) {
		close(fd);
		*err = -ENOMEM;
		return NULL;
	}
	*err = obj_attach(obj);
	if (!*err && obj->id != id)
		*err = -EINVAL; /* the file says it is another object */
	if (*err) {
		store_put(obj);
		return NULL;
	}
	if (keep) {
		table_trim(v);
		table_add(v, store_ref(obj), &st);
	} else {
		obj->dev = st.st_dev;
		obj->ino = st.st_ino;
	}
	return obj;
}

static struct obj *dir_by_id(struct visor *v, enum obj_kind kind, uint32_t id, bool keep, int *err)
{
	char name[16];
	int fd;

	id_name(name, id);
	fd = openat(v->kinds[kind], name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		*err = -errno;
		return NULL;
	}
	return store_attach(v, kind, fd, id, keep, err);
}

/* The id by which this very file is known in the store, 0 if it is not. */
static uint32_t dir_find(struct visor *v, enum obj_kind kind, const struct stat *st, uint32_t id)
{
	struct stat own;
	char name[16];

	id_name(name, id);
	if (id && !fstatat(v->kinds[kind], name, &own, AT_SYMLINK_NOFOLLOW) &&
	    own.st_dev == st->st_dev && own.st_ino == st->st_ino)
		return id;
	return 0;
}

/*
 * An object of the directory that this process has not seen: what its file says it is
 * counts only if the directory knows the file by that name.
 */
static struct obj *dir_by_fd(struct visor *v, int fd, const struct stat *st, int *err)
{
	struct obj_head head;
	struct obj *obj = NULL, *map;
	char path[32];
	int own;

	*err = -EINVAL;
	if (!S_ISREG(st->st_mode))
		return NULL;
	if (pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    !memcmp(head.magic, OBJ_MAGIC, sizeof(head.magic)) && head.kind < OBJ_KIND_COUNT &&
	    head.kind != OBJ_MAP && dir_find(v, head.kind, st, head.id))
		return dir_by_id(v, head.kind, head.id, true, err);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	map = own >= 0 ? obj_new(OBJ_MAP, own) : NULL;
	if (map && !obj_attach(map) && dir_find(v, OBJ_MAP, st, map->id))
		obj = dir_by_id(v, OBJ_MAP, map->id, true, err);
	if (!map && own >= 0)
		close(own);
	store_put(map);
	return obj;
}

struct obj *store_by_fd(struct visor *v, int fd, enum obj_kind kind, int *err)
{
	struct obj *obj;
	struct stat st;

	*err = 0;
	if (fd < 0 || fstat(fd, &st)) {
		*err = -EBADF;
		return NULL;
	}
	obj = table_find(v, &st);
	if (!obj && v->path) {
		*err = store_lock(v);
		if (*err)
			return NULL;
		obj = dir_by_fd(v, fd, &st, err);
		store_unlock(v);
	} else if (!obj) {
		*err = -EINVAL;
	}
	if (obj && kind < OBJ_KIND_COUNT && obj->kind != kind) {
		store_put(obj);
		obj = NULL;
		*err = -EINVAL;
	}
	return obj;
}

/* State lock held. */
static struct obj *locked_by_id(struct visor *v, enum obj_kind kind, uint32_t id, bool keep,
				int *err)
{
	struct obj *found = NULL;

	*err = -ENOENT;
	if (!id)
		return NULL;
	if (v->path)
		return dir_by_id(v, kind, id, keep, err);
	pthread_rwlock_rdlock(&v->table);
	for (int i = 0; i < STORE_BUCKETS && !found; i++)
		for (struct obj *o = v->buckets[i]; o && !found; o = o->next)
			if (o->kind == kind && o->id == id)
				found = store_ref(o);
	pthread_rwlock_unlock(&v->table);
	if (found)
		*err = 0;
	return found;
}

struct obj *store_peek(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	return locked_by_id(v, kind, id, false, err);
}

struct obj *store_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	struct obj *obj;

	*err = store_lock(v);
	if (*err)
		return NULL;
	obj = locked_by_id(v, kind, id, true, err);
	store_unlock(v);
	return obj;
}

/* ---- creation ----------------------------------------------------------------------------- */

/* The next id of a state directory, recorded before it is used. */
static int dir_new_id(struct visor *v, enum obj_kind kind, uint32_t *id)
{
	uint32_t last[OBJ_KIND_COUNT] = {0};
	struct stat st;
	char name[16];
	int err = 0, fd = openat(v->dir, "ids", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (pread(fd, last, sizeof(last), 0) < 0)
		err = -errno;
	/* If the file was lost, ids in use are stepped over. */
	do {
		if (last[kind] >= INT32_MAX)
			err = -ENOSPC;
		id_name(name, ++last[kind]);
	} while (!err && !fstatat(v->kinds[kind], name, &st, AT_SYMLINK_NOFOLLOW));
	if (!err && pwrite(fd, last, sizeof(last), 0) != (ssize_t)sizeof(last))
		err = errno ? -errno : -EIO;
	close(fd);
	*id = last[kind];
	return err;
}

int store_begin(struct visor *v, enum obj_kind kind, uint32_t *id, int *fd)
{
	int err = store_lock(v);

	if (err)
		return err;
	if (v->n_made++ >= v->collect_at)
		store_collect(v);
	if (v->path) {
		err = dir_new_id(v, kind, id);
		if (!err) {
			unlinkat(v->kinds[kind], "new", 0);
			*fd = openat(v->kinds[kind], "new",
				     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		}
	} else {
		err = v->last_id[kind] >= INT32_MAX ? -ENOSPC : 0;
		if (!err) {
			*id = ++v->last_id[kind];
			*fd = memfd_create(store_folders[kind], MFD_CLOEXEC);
		}
	}
	if (!err && *fd < 0)
		err = -errno;
	if (err)
		store_unlock(v);
	return err;
}

void store_abort(struct visor *v, enum obj_kind kind)
{
	if (v->path)
		unlinkat(v->kinds[kind], "new", 0);
	store_unlock(v);
}

/* A descriptor of its own for a client. State lock held. */
static int client_fd(struct visor *v, const struct obj *obj, int open_flags)
{
	char name[40];
	int fd;

	if (obj->kind != OBJ_MAP)
		open_flags = O_RDONLY; /* what was checked stays as it was */
	if (v->path) {
		struct stat st;

		id_name(name, obj->id);
		fd = openat(v->kinds[obj->kind], name, open_flags | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && (fstat(fd, &st) || st.st_ino != obj->ino || st.st_dev != obj->dev)) {
			close(fd);
			return -ENOENT;
		}
	} else {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", obj->fd);
		fd = open(name, open_flags | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_SH)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int store_commit(struct visor *v, struct obj *obj, int open_flags)
{
	struct stat st;
	char name[16];
	int fd = -1, err = 0;

	if (fstat(obj->fd, &st))
		err = -errno;
	if (!err && v->path) {
		id_name(name, obj->id);
		if (renameat(v->kinds[obj->kind], "new", v->kinds[obj->kind], name))
			err = -errno;
	}
	if (!err) {
		table_add(v, store_ref(obj), &st);
		fd = client_fd(v, obj, open_flags);
		if (fd < 0) {
			err = fd;
			if (v->path)
				unlinkat(v->kinds[obj->kind], name, 0);
			table_remove(v, obj);
		}
	}
	if (err)
		store_abort(v, obj->kind);
	else
		store_unlock(v);
	store_put(obj);
	return err ? err : fd;
}

int store_fd(struct visor *v, const struct obj *obj, int open_flags)
{
	int fd = store_lock(v);

	if (fd)
		return fd;
	fd = client_fd(v, obj, open_flags);
	store_unlock(v);
	return fd;
}

/* ---- for collection ----------------------------------------------------------------------- */

/* True if a client holds a descriptor, or the object has a pin. State lock held. */
bool store_held(struct visor *v, const struct obj *obj)
{
	struct stat st;

	if (v->path) {
		if (fstat(obj->fd, &st) || st.st_nlink > 1)
			return true;
	} else {
		for (const struct store_pin *pin = v->pin_list; pin; pin = pin->next)
			if (pin->obj == obj)
				return true;
	}
	if (flock(obj->fd, LOCK_EX | LOCK_NB))
		return true;
	flock(obj->fd, LOCK_UN);
	return false;
}

/*
 * Calls fn for the ids in a state directory, in no order. Stops at an error of fn, and
 * returns it; a directory that cannot be read is an error, not an empty one.
 */
static int dir_each(struct visor *v, enum obj_kind kind, int (*fn)(void *user, uint32_t id),
		    void *user)
{
	int err = 0, fd = openat(v->kinds[kind], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(dir))) {
		char *end;
		unsigned long id = strtoul(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && !*end && id <= INT32_MAX)
			err = fn(user, (uint32_t)id);
	}
	if (!err && errno)
		err = -errno;
	closedir(dir);
	return err;
}

struct dir_walk {
	struct visor *v;
	enum obj_kind kind;
	int (*fn)(void *user, struct obj *obj);
	void *user;
};

static int dir_walk_id(void *user, uint32_t id)
{
	const struct dir_walk *walk = user;
	int err;
	struct obj *obj = dir_by_id(walk->v, walk->kind, id, false, &err);

	if (!obj)
		return store_no_object(err) ? 0 : err;
	err = walk->fn(walk->user, obj);
	store_put(obj);
	return err;
}

int store_each(struct visor *v, int (*fn)(void *user, struct obj *obj), void *user)
{
	struct obj **list;
	uint32_t n;
	int err = 0;

	if (v->path) {
		for (int k = 0; !err && k < OBJ_KIND_COUNT; k++) {
			struct dir_walk walk = {v, k, fn, user};

			err = dir_each(v, k, dir_walk_id, &walk);
		}
		return err;
	}
	list = table_list(v, &n);
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < n; i++)
		err = fn(user, list[i]);
	table_list_free(list, n);
	return err;
}

void store_drop(struct visor *v, enum obj_kind kind, uint32_t id)
{
	int err;
	struct obj *obj = store_peek(v, kind, id, &err);
	char name[16];

	if (v->path) {
		id_name(name, id);
		unlinkat(v->kinds[kind], name, 0);
	}
	if (obj)
		table_remove(v, obj);
	store_put(obj);
}

/* Forgets what another process has collected. */
void store_forget(struct visor *v)
{
	uint32_t n;
	struct obj **list = table_list(v, &n);
	struct stat st;

	if (!list)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (!fstat(list[i]->fd, &st) && !st.st_nlink)
			table_remove(v, list[i]);
	table_list_free(list, n);
}

/* ---- ids ---------------------------------------------------------------------------------- */

/* The object if it lives, after collecting if there is doubt. State lock held. */
static struct obj *live_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	struct obj *obj = store_peek(v, kind, id, err);

	if (!obj || store_held(v, obj) || store_reached(v, obj))
		return obj;
	store_put(obj);
	store_collect(v);
	return store_peek(v, kind, id, err);
}

int store_fd_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int open_flags)
{
	struct obj *obj;
	int fd = store_lock(v);

	if (fd)
		return fd;
	obj = live_by_id(v, kind, id, &fd);
	if (obj)
		fd = client_fd(v, obj, open_flags);
	store_unlock(v);
	store_put(obj);
	return store_no_object(fd) ? -ENOENT : fd;
}

struct next_walk {
	uint32_t after, best;
};

static int walk_next(void *user, uint32_t id)
{
	struct next_walk *walk = user;

	if (id > walk->after && id < walk->best)
		walk->best = id;
	return 0;
}

/* UINT32_MAX: there is none. State lock held. */
static int locked_next_id(struct visor *v, enum obj_kind kind, uint32_t after, uint32_t *id)
{
	struct next_walk walk = {.after = after, .best = UINT32_MAX};
	int err = 0;

	if (v->path) {
		err = dir_each(v, kind, walk_next, &walk);
	} else {
		pthread_rwlock_rdlock(&v->table);
		for (int i = 0; i < STORE_BUCKETS; i++)
			for (struct obj *o = v->buckets[i]; o; o = o->next)
				if (o->kind == kind)
					walk_next(&walk, o->id);
		pthread_rwlock_unlock(&v->table);
	}
	*id = walk.best;
	return err;
}

int store_next_id(struct visor *v, enum obj_kind kind, uint32_t after, uint32_t *id)
{
	struct obj *obj = NULL;
	int err = store_lock(v);

	if (err)
		return err;
	while (!obj && !err) {
		err = locked_next_id(v, kind, after, &after);
		if (!err && after == UINT32_MAX)
			err = -ENOENT;
		if (err)
			break;
		obj = live_by_id(v, kind, after, &err);
		if (store_no_object(err))
			err = 0;
	}
	store_unlock(v);
	store_put(obj);
	*id = after;
	return err;
}

/* ---- program arrays ----------------------------------------------------------------------- */

struct array_use {
	uint32_t map, type;
	bool found;
};

static void array_used(void *user, enum obj_kind kind, uint32_t id)
{
	struct array_use *use = user;

	use->found |= kind == OBJ_MAP && id == use->map;
}

static int array_user(void *user, struct obj *obj)
{
	struct array_use *use = user;

	if (obj->kind != OBJ_PROG || use->type)
		return 0;
	obj_refs(obj, array_used, use);
	if (use->found)
		use->type = obj->prog->head->type;
	return 0;
}

/*
 * The kernel notes the type at the first use. Nothing here outlives the uses themselves:
 * it is the type of any program in the array, or that uses it.
 */
int store_prog_array_type(struct visor *v, struct obj *map, uint32_t *type)
{
	struct array_use use = {.map = map->id};
	int err = store_lock(v);

	if (err)
		return err;
	for (uint32_t i = 0, id; !use.type && (id = map_prog_next(map->map, &i)); i++) {
		struct obj *prog = store_peek(v, OBJ_PROG, id, &err);

		if (prog)
			use.type = prog->prog->head->type;
		store_put(prog);
	}
	err = use.type ? 0 : store_each(v, array_user, &use);
	store_unlock(v);
	*type = use.type;
	return err;
}
