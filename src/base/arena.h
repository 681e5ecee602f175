/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/arena.h - a file mapped into memory and shared with whoever else maps it.
 *
 * Positions in it are offsets, never pointers: every process has it at another address.
 * The file is sparse: it has its full size from the start and takes memory only where it
 * was written. A struct arena is owned by one place, which closes it; reading its fields
 * is safe from any thread while it is open.
 *
 * A memfd that allows sealing is sealed against growing and shrinking. With any other
 * file, a process that may write it can also truncate it under those that have it mapped;
 * they then get SIGBUS. Share such files only with whom you trust that far. The same happens
 * when a part of the file is written for the first time and its file system is full.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/diag.h"

struct arena {
	uint8_t *mem;  /* page aligned */
	size_t size;   /* of file and mapping */
	int fd;	       /* owned */
	bool readonly; /* the descriptor does not allow writing: stores would fault */
};

/* Gives the empty file `fd` its size (a multiple of the page size) and maps it: all zeros.
 * Takes over fd, also on failure. -ENOMEM if there cannot be that much. */
int arena_new(struct arena *arena, int fd, uint64_t size, struct visor_diag *diag);

/* Maps the whole file `fd`; takes it over, also on failure. Nothing in it has been checked. */
int arena_attach(struct arena *arena, int fd, struct visor_diag *diag);

void arena_close(struct arena *arena);

/* Bytes of memory or disk that the file really takes. */
uint64_t arena_in_use(const struct arena *arena);

/* The page size, once asked. */
size_t arena_page_size(void);

#endif
