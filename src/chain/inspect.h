/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/inspect.h - what an object file is, needs and offers, without using it.
 *
 * Programs are loaded into a private user engine and thrown away; the kernel is asked only if
 * that is wanted. struct inspect owns all its texts.
 */
#ifndef CHAIN_INSPECT_H
#define CHAIN_INSPECT_H

#include "chain/module.h"
#include "load/file.h"

enum inspect_verdict { INSPECT_UNASKED, INSPECT_RUNS, INSPECT_REFUSED };

struct inspect_side {
	enum inspect_verdict verdict;
	char why[512];
};

struct inspect_input {
	char *name, *section;
	const char *type;     /* "xdp"; NULL: the section stands for no type */
	enum chain_hook hook; /* AUTO: not for chains */
	bool whole; /* the numbers below are of the linked program; otherwise it could not be
		     * linked, and they are not known */
	uint32_t n_insns, n_functions;
	int32_t stack; /* bytes at most, all frames together; -1: not known */
	uint32_t helpers[256];
	uint32_t n_helpers;
	char **kfuncs;
	uint32_t n_kfuncs;
	struct inspect_side user, kernel;
};

struct inspect_map {
	char *name;
	uint32_t type, key_size, value_size, max_entries, flags;
	char *key_type, *value_type; /* NULL: no types */
	bool pinned;		     /* its loader pins it by its name */
};

/* A read-only global. */
struct inspect_global {
	char *name, *type;
	char *value, *json; /* of the default */
};

struct inspect_need {
	uint32_t since; /* catalog/since.h; 0: not known */
	char text[112];
};

struct inspect {
	char *path, *name, *version, *license; /* version, license: "" if there is none */
	bool gpl;			       /* the licence is GPL compatible */
	struct inspect_input *inputs;
	uint32_t n_inputs;
	struct module *module; /* hooks and named outputs */
	struct inspect_map *maps;
	uint32_t n_maps;
	struct inspect_global *globals;
	uint32_t n_globals;
	struct inspect_need *needs; /* the newest first */
	uint32_t n_needs;
};

/* `kernel`: the running kernel, too. The object stays the caller's. */
int inspect_file(const struct load_file *file, bool kernel, struct inspect **out,
		 struct visor_diag *diag);
void inspect_free(struct inspect *x);

/* The licence that the object states, cut to size; "" if it states none. */
void inspect_license(const struct load_file *file, char *out, size_t size);

#endif
