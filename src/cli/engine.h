/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/engine.h - the engine a command speaks to, and the objects in it.
 *
 * engine_begin opens what --engine, --state and VISOR_STATE say and makes it current for
 * the thread: load_bpf() and libbpf then reach it. The struct is the caller's and must
 * stay in place until engine_end, which closes everything. Descriptors returned are the
 * caller's to close.
 */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H

#include <limits.h>

#include "cli/cli.h"
#include "load/load.h"

struct engine {
	struct load_session session;
	struct visor *visor;  /* NULL: the kernel */
	char state[PATH_MAX]; /* state directory, "" if there is none */
};

enum engine_scope {
	ENGINE_SHARED,	/* without --state and VISOR_STATE: the user's default state directory */
	ENGINE_PRIVATE, /* then: private to the process */
};

/* 0, or an exit code after saying what is wrong. */
int engine_begin(struct cli *cli, enum engine_scope scope, struct engine *e);
void engine_end(struct engine *e);

/* The user's default state directory; -EPERM if it is there and somebody else may write to it. */
int engine_default_state(char *path, size_t size, struct visor_diag *diag);

enum object_kind { OBJECT_MAP, OBJECT_PROG, OBJECT_LINK, OBJECT_BTF, OBJECT_KINDS };
extern const char *const object_name[OBJECT_KINDS]; /* "map", ... */

/* The next id after *id: 0 with *id set, -ENOENT at the end. */
int object_next(enum object_kind kind, uint32_t *id);
/* A descriptor, or negative errno. */
int object_by_id(enum object_kind kind, uint32_t id);
int object_by_path(const char *path);
/* Info of a descriptor; *size in and out, as BPF_OBJ_GET_INFO_BY_FD has it. */
int object_info(int fd, void *info, uint32_t *size);
/* What a descriptor is, or negative errno. */
int object_kind_of(int fd);

/*
 * The object that the words at cli->args[*at] name: `id N`, `name NAME`, `pinned PATH`, or one
 * word that is a number, a path (has a '/') or a name that only one object has. Moves *at
 * past them. Returns a descriptor, or negative errno with diag set.
 */
int object_find(const struct cli *cli, enum object_kind kind, int *at, struct visor_diag *diag);

/* Gives fd a name that outlives the process; makes missing folders on bpffs. */
int object_pin(const struct engine *e, int fd, const char *path, struct visor_diag *diag);

int object_unpin(const struct engine *e, const char *path, struct visor_diag *diag);

/* BTF of an id, or NULL with errno set; btf__free it. */
struct btf *object_btf(uint32_t id);

#endif
