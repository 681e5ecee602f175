/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/place.h - where the objects of a live chain are pinned, in either engine.
 *
 * Every chain has a folder, of the kernel's BPF file system or of a state directory's pins; to
 * bpf(2) both have the same path. It is locked while the place is open: one process at a time
 * changes a chain. Names below it are made from formats; dots, which the BPF file system does
 * not take, become underlines.
 */
#ifndef CHAIN_PLACE_H
#define CHAIN_PLACE_H

#include <limits.h>

#include "base/diag.h"
#include "visor/visor.h"

#define PLACE_ROOT "/sys/fs/bpf/visor"

struct place {
	struct visor *visor; /* NULL: the kernel */
	char name[64];
	char root[PATH_MAX];  /* as bpf(2) has it */
	char files[PATH_MAX]; /* as the file system has it */
	int lock;
};

/* Opens the chain's folder and waits for the lock. -ENOENT: there is none, and it was not to be
 * created. */
int place_open(struct place *p, struct visor *visor, const char *chain, bool create,
	       struct visor_diag *diag);
/* The same without the lock: for who only looks. */
int place_look(struct place *p, struct visor *visor, const char *chain, struct visor_diag *diag);
void place_close(struct place *p);

/* The names of all chains of the engine, sorted, one after another with their NULs; freed by the
 * caller. */
int place_list_chains(struct visor *visor, char **names, uint32_t *n);

/* The path of something below the folder. -ENAMETOOLONG. */
int place_path(const struct place *p, char out[PATH_MAX], const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Within the load session of the engine. Folders are made as needed. Negative errno. */
int place_pin(const struct place *p, int fd, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A descriptor, the caller's. */
int place_get(const struct place *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Removes a pin, or a folder with all that is in it; 0 if there is nothing. */
int place_remove(const struct place *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Calls fn for each name in a folder below (""; the chain's own) until it returns not 0. 0 if there
 * is no such folder. */
int place_each(const struct place *p, const char *below, int (*fn)(void *user, const char *name),
	       void *user);

/* Pins everything in one folder in another, too, under the same names. */
int place_copy(const struct place *p, const char *from, const char *to);

#endif
