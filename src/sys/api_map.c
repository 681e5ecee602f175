/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/api_map.c - maps of an embedding C program: the map layer's functions, without the
 * copying and checking that a system call needs.
 */
#include "sys/map_op.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct visor_map {
	struct visor *visor;
	int fd;
	struct obj *obj;
	struct map *map;
	int mode; /* O_RDONLY, O_WRONLY or O_RDWR */
};

/* Takes fd over. */
static int map_handle(struct visor *v, int fd, struct visor_map **out, struct visor_diag *diag)
{
	struct visor_map *map = calloc(1, sizeof(*map));
	int err = -ENOMEM;

	if (!map) {
		close(fd);
		return diag_fail(diag, err, "map", "out of memory");
	}
	map->visor = v;
	map->fd = fd;
	map->obj = store_by_fd(v, fd, OBJ_MAP, &err);
	if (!map->obj) {
		visor_map_free(map);
		return diag_fail(diag, err, "map", "descriptor %d is not a map of this engine", fd);
	}
	map->map = map->obj->map;
	map->mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	*out = map;
	return 0;
}

VISOR_EXPORT int visor_map_new(struct visor *v, uint32_t type, uint32_t key_size,
			       uint32_t value_size, uint32_t max_entries,
			       const struct visor_map_opts *opts, struct visor_map **out,
			       struct visor_diag *diag)
{
	struct visor_map_opts o;
	struct map_attr attr = {
		.type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max_entries,
	};
	int fd, err = sys_opts_get(opts, &o, sizeof(o), diag);

	if (err)
		return err;
	attr.flags = o.flags;
	if (o.name) {
		if (strlen(o.name) >= sizeof(attr.name))
			return diag_fail(diag, -EINVAL, "map", "a name has up to 15 characters");
		strcpy(attr.name, o.name);
	}
	if (sys_name_check(attr.name))
		return diag_fail(diag, -EINVAL, "map", "a name has letters, digits, '_' and '.'");
	if (!catalog_map(type))
		return diag_fail(diag, -EINVAL, "map", "this engine has no map type %u", type);
	if (sys_open_mode(attr.flags) < 0)
		return diag_fail(diag, -EINVAL, "map", "a map cannot be read-only and write-only");
	fd = sys_map_create(v, &attr, diag);
	return fd < 0 ? fd : map_handle(v, fd, out, diag);
}

VISOR_EXPORT int visor_map_from_fd(struct visor *v, int fd, struct visor_map **out,
				   struct visor_diag *diag)
{
	/* A duplicate shares the client's lock: as good as one of its own. */
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return diag_fail(diag, -errno, "map", "descriptor %d is not a map of this engine",
				 fd);
	return map_handle(v, own, out, diag);
}

VISOR_EXPORT int visor_map_fd(const struct visor_map *map)
{
	return map->fd;
}

VISOR_EXPORT void visor_map_free(struct visor_map *map)
{
	if (!map)
		return;
	store_put(map->obj);
	if (map->fd >= 0)
		close(map->fd);
	free(map);
}

VISOR_EXPORT void *visor_map_lookup(struct visor_map *map, const void *key)
{
	const struct map_kind *kind = catalog_map(map->map->desc.type);

	return map->mode == O_WRONLY || kind->traits & (MAP_PER_CPU | MAP_NO_LOOKUP)
		       ? NULL
		       : map_lookup(map->map, key, 0);
}

VISOR_EXPORT int visor_map_get(struct visor_map *map, const void *key, void *value)
{
	return map->mode == O_WRONLY ? -EPERM : map_user_lookup(map->map, key, value, 0);
}

VISOR_EXPORT int visor_map_set(struct visor_map *map, const void *key, const void *value,
			       uint64_t flags)
{
	struct map_op op = {
		.v = map->visor,
		.obj = map->obj,
		.map = map->map,
		.key = (void *)key,
		.value = (void *)value,
	};

	if (map->mode == O_RDONLY || map_is_frozen(map->map))
		return -EPERM;
	return map_op_update(&op, flags);
}

VISOR_EXPORT int visor_map_delete(struct visor_map *map, const void *key)
{
	return map->mode == O_RDONLY ? -EPERM : map_user_delete(map->map, key);
}

VISOR_EXPORT int visor_map_next_key(struct visor_map *map, const void *key, void *next)
{
	return map->mode == O_WRONLY ? -EPERM : map_user_next_key(map->map, key, next);
}

VISOR_EXPORT int visor_ringbuf_wait_fd(struct visor *v, int fd)
{
	int err, wait;
	struct obj *obj = store_by_fd(v, fd, OBJ_MAP, &err);

	if (!obj)
		return err;
	wait = obj->map->desc.type == BPF_MAP_TYPE_RINGBUF ? ringbuf_wait_fd(obj->map) : -EINVAL;
	store_put(obj);
	return wait;
}
