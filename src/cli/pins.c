/* SPDX-License-Identifier: BSD-2-Clause */
/* cli/pins.c - see cli/pins.h. The list exists to undo it. */
#include "cli/pins.h"

#include <errno.h>
#include <stdlib.h>

static int pins_add(struct pins *pins, const struct engine *e, int fd, const char *folder,
		    const char *name, struct visor_diag *diag)
{
	char(*more)[PATH_MAX] = realloc(pins->path, (size_t)(pins->n + 1) * sizeof(*more));
	char *path, *dot;

	if (!more)
		return diag_fail(diag, -ENOMEM, "pin", "out of memory");
	pins->path = more;
	path = more[pins->n];
	if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		return diag_fail(diag, -ENAMETOOLONG, "pin", "the path of the pin is too long");
	/* bpffs takes no dots in names. */
	for (dot = path + strlen(folder); (dot = strchr(dot, '.'));)
		*dot = '_';
	if (object_pin(e, fd, path, diag))
		return diag->err;
	pins->n++;
	return 0;
}

int pins_programs(struct pins *pins, const struct engine *e, const struct bpf_object *obj,
		  const char *folder, struct visor_diag *diag)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		if (bpf_program__fd(prog) >= 0 &&
		    pins_add(pins, e, bpf_program__fd(prog), folder, bpf_program__name(prog), diag))
			return diag->err;
	}
	return 0;
}

int pins_maps(struct pins *pins, const struct engine *e, const struct bpf_object *obj,
	      const char *folder, struct visor_diag *diag)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		if (bpf_map__fd(map) >= 0 && !bpf_map__is_pinned(map) &&
		    pins_add(pins, e, bpf_map__fd(map), folder, bpf_map__name(map), diag))
			return diag->err;
	}
	return 0;
}

void pins_undo(struct pins *pins, const struct engine *e)
{
	while (pins->n)
		object_unpin(e, pins->path[--pins->n], NULL);
}

void pins_free(struct pins *pins)
{
	free(pins->path);
}
