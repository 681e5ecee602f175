/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/loader.h - the modules of a description: opened, configured, stitched, loaded.
 *
 * Which program array, which counters and which slots the stitched programs use is the
 * caller's to say. Everything happens within the caller's load session, whose on_prog_load
 * and user are taken while a module is loaded. loader_free closes all; descriptors of
 * programs and maps are libbpf's until then.
 */
#ifndef CHAIN_LOADER_H
#define CHAIN_LOADER_H

#include "base/sha256.h"
#include "chain/plan.h"
#include "load/load.h"

struct loader_module {
	char *name;
	struct bpf_object *obj;
	struct module *info;
	uint8_t digest[SHA256_SIZE]; /* of the object */
};

/* Beside the plan's inputs. */
struct loader_input {
	bool skip;		  /* the caller has a program for it */
	uint32_t slot;		  /* where others find it */
	uint32_t row;		  /* its first counter row */
	int fd;			  /* of the program, once loaded; -1 */
	struct stitched stitched; /* while it is being loaded */
};

/* Called for a module that is opened and configured, before it is loaded. */
typedef int (*loader_before_fn)(void *user, uint32_t module, struct visor_diag *diag);

struct loader {
	struct load_session *session;
	const struct hook *hook;
	const struct chain_desc *desc; /* until loading is done */
	const struct plan *plan;
	struct loader_module *modules; /* beside the description's */
	uint32_t n_modules;
	struct loader_input *inputs;
	int slots_fd, counters_fd;
	uint32_t stride, n_cpus; /* of the counters */
	bool timed;		 /* packets come through entry programs (stitch_entry) */
	loader_before_fn before; /* NULL: not wanted */
	void *user;

	/* Set while a module is being loaded. */
	uint32_t loading;
	struct visor_diag load_diag;
};

/* Opens the objects of all modules. */
int loader_open(struct loader *l, const struct chain_desc *desc, struct visor_diag *diag);

/* Plans the description and takes the plan as its own (loader_free frees it not: it is *out). Each
 * input's slot is its index, and its rows are the plan's. `warn` may be NULL. */
int loader_plan(struct loader *l, plan_warn_fn warn, void *user, struct plan **out,
		struct visor_diag *diag);

/* Configures, stitches and loads the module's inputs that are not to be skipped. */
int loader_load(struct loader *l, uint32_t module, struct visor_diag *diag);

void loader_free(struct loader *l);

/* Puts the place in the chain file in front, if there is one. */
void loader_place(const struct chain_desc *desc, struct chain_pos pos, struct visor_diag *diag);

/* A map of a chain's own, with a key of 32 bits. A descriptor or negative errno. */
int loader_map(uint32_t type, const char *name, uint32_t value_size, uint32_t entries,
	       uint32_t flags, struct visor_diag *diag);

#endif
