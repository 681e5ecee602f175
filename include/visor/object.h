/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/object.h - BPF object files (ELF) on an engine, through libbpf.
 *
 * Link with -lvisor-object -lvisor -lbpf. An object owns what it loaded: the programs and
 * maps found in it are borrowed, and end with visor_object_close(). An object belongs to
 * one thread at a time; its programs and maps may be used by any.
 */
#ifndef VISOR_OBJECT_H
#define VISOR_OBJECT_H

#include <visor/visor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct visor_object;

/*
 * Opens an object file (a path, or the bare name of a module that VISOR_MODULE_PATH or the
 * installation has), creates its maps and loads its programs into the engine. On failure
 * nothing stays loaded, and diag says where in which program.
 */
int visor_object_load(struct visor *v, const char *path, struct visor_object **out,
		      struct visor_diag *diag);
void visor_object_close(struct visor_object *obj);

/* A program by its function's name; NULL: the first. NULL if there is none. */
struct visor_prog *visor_object_prog(struct visor_object *obj, const char *name);
/* A map by its name, as in the source; global data is ".data", ".bss" or ".rodata". */
struct visor_map *visor_object_map(struct visor_object *obj, const char *name);

/* Names in the order of the object; NULL from the end on. */
const char *visor_object_prog_name(const struct visor_object *obj, uint32_t index);
const char *visor_object_map_name(const struct visor_object *obj, uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
