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

const char *const store_folders[OBJ_KIND_COUNT] = {
#define KIND(id, folder) [OBJ_##id] = folder,
	OBJ_KINDS(KIND)
#undef KIND
};

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
void store_lock(struct visor *v)
{
	pthread_mutex_lock(&v->state);
	if (!v->path)
		return;
	v->lock_fd = openat(v->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (v->lock_fd >= 0 && flock(v->lock_fd, LOCK_EX) && errno == EINTR)
		;
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

	pthread_rwlock_wrlock(&v->table);
	while (*at && *at != obj)
		at = &(*at)->next;
	if (*at) {
		*at = obj->next;
		v->n_objs--;
	}
	pthread_rwlock_unlock(&v->table);
	if (obj->kind == OBJ_MAP)
		vm_map_forget(obj->map);
	store_put(obj);
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

/* The object in fd (taken over), from the table or attached. State lock held. */
static struct obj *store_attach(struct visor *v, enum obj_kind kind, int fd, uint32_t id, int *err)
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
	table_add(v, store_ref(obj), &st);
	return obj;
}

static struct obj *dir_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	char name[16];
	int fd;

	id_name(name, id);
	fd = openat(v->kinds[kind], name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		*err = -errno;
		return NULL;
	}
	return store_attach(v, kind, fd, id, err);
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
		return dir_by_id(v, head.kind, head.id, err);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	map = own >= 0 ? obj_new(OBJ_MAP, own) : NULL;
	if (map && !obj_attach(map) && dir_find(v, OBJ_MAP, st, map->id))
		obj = dir_by_id(v, OBJ_MAP, map->id, err);
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
		store_lock(v);
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
static struct obj *locked_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	struct obj *found = NULL;

	*err = -ENOENT;
	if (!id)
		return NULL;
	if (v->path)
		return dir_by_id(v, kind, id, err);
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

struct obj *store_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	struct obj *obj;

	store_lock(v);
	obj = locked_by_id(v, kind, id, err);
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
	int err;

	store_lock(v);
	if (v->n_objs >= v->collect_at)
		store_collect(v);
	if (v->path) {
		err = v->lock_fd < 0 ? -EACCES : dir_new_id(v, kind, id);
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
	store_put(obj);
	if (err)
		store_abort(v, obj->kind);
	else
		store_unlock(v);
	return err ? err : fd;
}

int store_fd(struct visor *v, const struct obj *obj, int open_flags)
{
	int fd;

	store_lock(v);
	fd = client_fd(v, obj, open_flags);
	store_unlock(v);
	return fd;
}

/* ---- collection
 * ---------------------------------------------------------------------------------- */

/* True if a client holds a descriptor, or the object has a pin. State lock held. */
static bool store_held(struct visor *v, const struct obj *obj)
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

/* Objects seen by a collection. */
struct store_heap {
	struct store_node {
		struct obj *obj;
		bool live;
	} * nodes;
	uint32_t n, cap;
	bool changed, failed;
};

static void heap_add(struct store_heap *heap, struct obj *obj)
{
	if (heap->n == heap->cap) {
		uint32_t cap = heap->cap ? 2 * heap->cap : 64;
		struct store_node *nodes = realloc(heap->nodes, cap * sizeof(*nodes));

		if (!nodes) {
			heap->failed = true;
			store_put(obj);
			return;
		}
		heap->nodes = nodes;
		heap->cap = cap;
	}
	heap->nodes[heap->n++] = (struct store_node){obj, false};
}

static int node_cmp(const void *a, const void *b)
{
	const struct obj *x = ((const struct store_node *)a)->obj;
	const struct obj *y = ((const struct store_node *)b)->obj;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* The heap is sorted. */
static void heap_mark(void *user, enum obj_kind kind, uint32_t id)
{
	struct store_heap *heap = user;
	struct obj wanted = {.kind = kind, .id = id};
	struct store_node key = {.obj = &wanted}, *node;

	node = bsearch(&key, heap->nodes, heap->n, sizeof(key), node_cmp);
	if (node && !node->live)
		node->live = heap->changed = true;
}

/* Calls fn for the ids in a state directory, in no order; stops when it returns false. */
static void dir_each(struct visor *v, enum obj_kind kind, bool (*fn)(void *user, uint32_t id),
		     void *user)
{
	int fd = openat(v->kinds[kind], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		char *end;
		unsigned long id = strtoul(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && !*end &&
		    id <= INT32_MAX && !fn(user, (uint32_t)id))
			break;
	}
	closedir(dir);
}

struct dir_walk {
	struct visor *v;
	enum obj_kind kind;
	struct store_heap *heap;
	uint32_t after, best;
};

static bool walk_heap(void *user, uint32_t id)
{
	struct dir_walk *walk = user;
	int err;
	struct obj *obj = dir_by_id(walk->v, walk->kind, id, &err);

	/* A broken file is nobody's referrer; it stays where it is, for its owner to look at. */
	if (obj)
		heap_add(walk->heap, obj);
	return !walk->heap->failed;
}

static void heap_fill(struct visor *v, struct store_heap *heap)
{
	uint32_t n;
	struct obj **list;

	if (v->path) {
		for (int k = 0; k < OBJ_KIND_COUNT; k++) {
			struct dir_walk walk = {.v = v, .kind = k, .heap = heap};

			dir_each(v, k, walk_heap, &walk);
		}
		return;
	}
	list = table_list(v, &n);
	if (!list)
		heap->failed = true;
	for (uint32_t i = 0; list && i < n; i++)
		heap_add(heap, list[i]);
	free(list);
}

static void heap_sweep(struct visor *v, struct store_heap *heap)
{
	char name[16];

	for (uint32_t i = 0; i < heap->n; i++) {
		struct obj *obj = heap->nodes[i].obj;

		if (heap->nodes[i].live)
			continue;
		if (v->path) {
			id_name(name, obj->id);
			unlinkat(v->kinds[obj->kind], name, 0);
		}
		table_remove(v, obj);
	}
}

/* Forgets what another process has collected. */
static void store_forget(struct visor *v)
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

void store_collect(struct visor *v)
{
	struct store_heap heap = {0};
	uint32_t held = 0;

	if (v->path)
		store_forget(v);
	heap_fill(v, &heap);
	for (uint32_t i = 0; i < heap.n; i++)
		if (store_held(v, heap.nodes[i].obj)) {
			heap.nodes[i].live = true;
			held++;
		}
	if (heap.failed || held == heap.n)
		goto out;
	qsort(heap.nodes, heap.n, sizeof(*heap.nodes), node_cmp);
	/* Each round marks what the live ones refer to: prog arrays make chains, so repeat. */
	do {
		heap.changed = false;
		for (uint32_t i = 0; i < heap.n; i++)
			if (heap.nodes[i].live)
				obj_refs(heap.nodes[i].obj, heap_mark, &heap);
	} while (heap.changed);
	heap_sweep(v, &heap);
out:
	while (heap.n)
		store_put(heap.nodes[--heap.n].obj);
	free(heap.nodes);
	v->collect_at = 2 * v->n_objs + 16;
}

/* ---- ids
 * ------------------------------------------------------------------------------------------- */

/* The object if it lives, after collecting if there is doubt. State lock held. */
static struct obj *live_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int *err)
{
	struct obj *obj = locked_by_id(v, kind, id, err);

	if (!obj || store_held(v, obj))
		return obj;
	store_put(obj);
	store_collect(v);
	return locked_by_id(v, kind, id, err);
}

int store_fd_by_id(struct visor *v, enum obj_kind kind, uint32_t id, int open_flags)
{
	struct obj *obj;
	int err, fd = -ENOENT;

	store_lock(v);
	obj = live_by_id(v, kind, id, &err);
	if (obj)
		fd = client_fd(v, obj, open_flags);
	store_unlock(v);
	store_put(obj);
	return fd;
}

static bool walk_next(void *user, uint32_t id)
{
	struct dir_walk *walk = user;

	if (id > walk->after && id < walk->best)
		walk->best = id;
	return true;
}

static uint32_t locked_next_id(struct visor *v, enum obj_kind kind, uint32_t after)
{
	struct dir_walk walk = {.after = after, .best = UINT32_MAX};

	if (v->path) {
		dir_each(v, kind, walk_next, &walk);
		return walk.best;
	}
	pthread_rwlock_rdlock(&v->table);
	for (int i = 0; i < STORE_BUCKETS; i++)
		for (struct obj *o = v->buckets[i]; o; o = o->next)
			if (o->kind == kind)
				walk_next(&walk, o->id);
	pthread_rwlock_unlock(&v->table);
	return walk.best;
}

int store_next_id(struct visor *v, enum obj_kind kind, uint32_t after, uint32_t *id)
{
	struct obj *obj;
	int err;

	store_lock(v);
	for (;;) {
		after = locked_next_id(v, kind, after);
		if (after == UINT32_MAX)
			break;
		obj = live_by_id(v, kind, after, &err);
		store_put(obj);
		if (obj)
			break;
	}
	store_unlock(v);
	*id = after;
	return after == UINT32_MAX ? -ENOENT : 0;
}

/* ---- program arrays
 * ---------------------------------------------------------------------------------- */

struct array_use {
	uint32_t map;
	bool found;
};

static void array_used(void *user, enum obj_kind kind, uint32_t id)
{
	struct array_use *use = user;

	use->found |= kind == OBJ_MAP && id == use->map;
}

/*
 * The kernel notes the type at the first use. Nothing here outlives the uses themselves:
 * it is the type of any program in the array, or that uses it.
 */
uint32_t store_prog_array_type(struct visor *v, struct obj *map)
{
	struct array_use use = {.map = map->id};
	struct store_heap heap = {0};
	uint32_t type = 0;
	int err;

	store_lock(v);
	for (uint32_t i = 0; i < map->map->desc.max_entries && !type; i++) {
		uint32_t id = map_prog_slot(map->map, i);
		struct obj *prog = id ? locked_by_id(v, OBJ_PROG, id, &err) : NULL;

		if (prog)
			type = prog->prog->head->type;
		store_put(prog);
	}
	if (!type)
		heap_fill(v, &heap);
	for (uint32_t i = 0; i < heap.n && !type; i++) {
		struct obj *obj = heap.nodes[i].obj;

		if (obj->kind != OBJ_PROG)
			continue;
		obj_refs(obj, array_used, &use);
		if (use.found)
			type = obj->prog->head->type;
	}
	store_unlock(v);
	while (heap.n)
		store_put(heap.nodes[--heap.n].obj);
	free(heap.nodes);
	return type;
}
