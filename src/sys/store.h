/* SPDX-License-Identifier: BSD-2-Clause */
/* sys/store.h - what the files of the store share (store.c, pin.c); the rest is in sys/sys.h. */
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

/* Destroys what nobody uses. State lock held. */
void store_collect(struct visor *v);

#endif
