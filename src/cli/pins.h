/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/pins.h - pinning all that an object has, all or nothing.
 *
 * Start with a zeroed struct; after a failure pins_undo takes back what was pinned. The
 * caller ends with pins_free, which leaves the pins in place.
 */
#ifndef CLI_PINS_H
#define CLI_PINS_H

#include "cli/engine.h"

struct pins {
	char (*path)[PATH_MAX];
	int n;
};

/* Pin the loaded programs, or the maps, of obj as FOLDER/NAME. 0 or negative errno. */
int pins_programs(struct pins *pins, const struct engine *e, const struct bpf_object *obj,
		  const char *folder, struct visor_diag *diag);
int pins_maps(struct pins *pins, const struct engine *e, const struct bpf_object *obj,
	      const char *folder, struct visor_diag *diag);
void pins_undo(struct pins *pins, const struct engine *e);
void pins_free(struct pins *pins);

#endif
