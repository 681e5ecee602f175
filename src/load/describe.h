/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/describe.h - a bpf(2) that describes what it is asked to make, and makes nothing.
 *
 * A session (load/syscall.h) for libbpf to load objects into: it answers like a kernel that has
 * everything. Maps of any type of the kernel become descriptions, types are checked and kept,
 * and a program becomes a struct verify_image, which the hooks are given. Nothing is executed,
 * and nothing in the kernel is touched. Descriptors are real ones, of empty files.
 *
 * One thread at a time; everything handed out lives until describe_free().
 */
#ifndef LOAD_DESCRIBE_H
#define LOAD_DESCRIBE_H

#include "btf/btf.h"
#include "load/syscall.h"
#include "verify/verify.h"

struct describe;

struct describe_hooks {
	/* Which program is it? The attributes are a private copy, and may be changed. Negative:
	 * none of anybody's, libbpf tries out what the kernel can. */
	int (*program)(void *user, union bpf_attr *attr);
	/* The image of that program; NULL: there is none, and diag says why. */
	void (*judge)(void *user, int program, struct verify_image *image,
		      const struct visor_diag *diag);
	/* A map that cannot be made. Programs that refer to it get no image. May be NULL. */
	void (*refused)(void *user, const struct map_desc *map, int err, const char *why);
	void *user;
};

/* target: the kernel's types (a reference is taken), or NULL: programs that need them are left
 * without. unprivileged: as for a user who has no capabilities. */
int describe_new(const struct btf_target *target, bool unprivileged,
		 const struct describe_hooks *hooks, struct describe **out);
void describe_free(struct describe *d);

/* A new descriptor of the types of one of the target's modules, open until the next one or the
 * session ends; -1 if they are of no module. */
int describe_module(struct describe *d, const struct btf *btf);

/* To be entered with load_enter(). */
struct load_session *describe_session(struct describe *d);

#endif
