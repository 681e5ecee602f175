/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/api_object.c - visor/object.h: an object file as programs and maps of an engine.
 *
 * Handles are made once, at load; libbpf's object stays open, since the names are its.
 */
#include "visor/object.h"
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>

struct object_item {
	const char *name, *alias; /* libbpf's strings */
	struct visor_prog *prog;
	struct visor_map *map;
};

struct visor_object {
	struct bpf_object *obj;
	uint32_t n_progs, n_maps;
	struct object_item *progs, *maps;
};

VISOR_EXPORT void visor_object_close(struct visor_object *obj)
{
	if (!obj)
		return;
	for (uint32_t i = 0; i < obj->n_progs; i++)
		visor_prog_free(obj->progs[i].prog);
	for (uint32_t i = 0; i < obj->n_maps; i++)
		visor_map_free(obj->maps[i].map);
	free(obj->progs);
	free(obj->maps);
	bpf_object__close(obj->obj);
	free(obj);
}

/* Room for one more. */
static struct object_item *item_add(struct object_item **items, uint32_t *n)
{
	struct object_item *more = realloc(*items, (*n + 1) * sizeof(*more));

	if (!more)
		return NULL;
	*items = more;
	more += (*n)++;
	memset(more, 0, sizeof(*more));
	return more;
}

static int object_fill(struct visor *v, struct visor_object *o, struct visor_diag *diag)
{
	struct object_item *item;
	struct bpf_program *prog;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_program(prog, o->obj)
	{
		if (err || bpf_program__fd(prog) < 0)
			continue;
		item = item_add(&o->progs, &o->n_progs);
		if (!item)
			return diag_fail(diag, -ENOMEM, "load", "out of memory");
		item->name = bpf_program__name(prog);
		item->alias = item->name;
		err = visor_prog_from_fd(v, bpf_program__fd(prog), &item->prog, diag);
		if (err)
			diag_in(diag, "%s", item->name);
	}
	bpf_object__for_each_map(map, o->obj)
	{
		if (err || bpf_map__fd(map) < 0)
			continue;
		item = item_add(&o->maps, &o->n_maps);
		if (!item)
			return diag_fail(diag, -ENOMEM, "load", "out of memory");
		item->name = bpf_map__name(map);
		/* libbpf puts the object's name in front of the sections of global data. */
		item->alias = bpf_map__is_internal(map) && strchr(item->name, '.')
				      ? strchr(item->name, '.')
				      : item->name;
		err = visor_map_from_fd(v, bpf_map__fd(map), &item->map, diag);
		if (err)
			diag_in(diag, "%s", item->name);
	}
	return err;
}

VISOR_EXPORT int visor_object_load(struct visor *v, const char *path, struct visor_object **out,
				   struct visor_diag *diag)
{
	struct load_session session = {.visor = v}, *before;
	struct visor_object *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return diag_fail(diag, -ENOMEM, "load", "out of memory");
	before = load_enter(&session);
	err = load_open(path, &o->obj, diag);
	if (!err)
		err = load_load(o->obj, diag);
	if (!err)
		err = object_fill(v, o, diag);
	load_enter(before);
	if (err)
		visor_object_close(o);
	else
		*out = o;
	return err;
}

static const struct object_item *item_find(const struct object_item *items, uint32_t n,
					   const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(items[i].name, name) || !strcmp(items[i].alias, name))
			return &items[i];
	return NULL;
}

VISOR_EXPORT struct visor_prog *visor_object_prog(struct visor_object *obj, const char *name)
{
	const struct object_item *item =
		name ? item_find(obj->progs, obj->n_progs, name) : obj->progs;

	return item ? item->prog : NULL;
}

VISOR_EXPORT struct visor_map *visor_object_map(struct visor_object *obj, const char *name)
{
	const struct object_item *item = item_find(obj->maps, obj->n_maps, name);

	return item ? item->map : NULL;
}

VISOR_EXPORT const char *visor_object_prog_name(const struct visor_object *obj, uint32_t index)
{
	return index < obj->n_progs ? obj->progs[index].name : NULL;
}

VISOR_EXPORT const char *visor_object_map_name(const struct visor_object *obj, uint32_t index)
{
	return index < obj->n_maps ? obj->maps[index].name : NULL;
}
