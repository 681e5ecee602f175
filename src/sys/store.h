/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/store.h - what the files of the store share (store.c, pin.c, collect.c); the rest is in
 * sys/sys.h. The caller of all of these holds the state lock.
 */
#ifndef SYS_STORE_H
#define SYS_STORE_H

#include "sys/sys.h"

/* A pin of a private store; holds a reference. */
struct store_pin {
	struct store_pin *next;
	struct obj *obj;
	char path[];
};

extern const char *const store_folders[OBJ_KIND_COUNT];

/* True for an error that says: there is no object, or a broken one. Any other, such as a lack
 * of descriptors, says nothing about the object. */
bool store_no_object(int err);
/* As store_by_id, but for looking only: the object is not kept open afterwards. */
struct obj *store_peek(struct visor *v, enum obj_kind kind, uint32_t id, int *err);
/* Calls fn for each object; stops at its error. If it returns 0, all were seen. */
int store_each(struct visor *v, int (*fn)(void *user, struct obj *obj), void *user);
/* True if a client holds a descriptor, or the object has a pin. */
bool store_held(struct visor *v, const struct obj *obj);
/* Takes the object out of the store. */
void store_drop(struct visor *v, enum obj_kind kind, uint32_t id);
/* Forgets what another process has collected. */
void store_forget(struct visor *v);

/* ---- collect.c ------------------------------------------------------------------------ */

struct store_heap;

/* Destroys what nobody uses; nothing, if not everything can be looked at. */
void store_collect(struct visor *v);
/* True if something that is held refers to obj, by the way that the last collection found. */
bool store_reached(struct visor *v, const struct obj *obj);
void store_heap_free(struct store_heap *heap);

#endif
