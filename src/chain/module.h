/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/module.h - what an object file is as an IO module.
 *
 * Everything is read from the object; there is nothing a module must declare but the
 * names of its own outputs (visor/module.h). A struct module owns its texts; the
 * bpf_object stays the caller's and must outlive the calls that take it.
 */
#ifndef CHAIN_MODULE_H
#define CHAIN_MODULE_H

#include <bpf/libbpf.h>

#include "chain/hook.h"

#define MODULE_MAX_INPUTS  256
#define MODULE_MAX_OUTPUTS 256

struct module_input {
	const char *name;     /* the program's */
	enum chain_hook hook; /* AUTO: not a program that a chain can use */
};

struct module_output {
	const char *name;
	uint32_t value; /* from 16 up */
};

struct module {
	struct module_input *inputs; /* in the object's order */
	uint32_t n_inputs;
	struct module_output *outputs; /* the named ones */
	uint32_t n_outputs;
	bool tail_calls; /* has a program array: its programs may call each other */
	void *texts;
};

int module_read(const struct bpf_object *obj, struct module **out, struct visor_diag *diag);
void module_free(struct module *module);

/* Does our engine have maps of all the object's types? libbpf would only say that one is invalid. */
int module_check_maps(const struct bpf_object *obj, struct visor_diag *diag);

/* Sets read-only globals from a mapping name: value. Before loading. */
int module_configure(const struct bpf_object *obj, const struct tree *tree,
		     const struct tree_node *config, struct visor_diag *diag);
/* The same from "NAME=VALUE" texts, as on a command line. */
int module_configure_text(const struct bpf_object *obj, const char *setting,
			  struct visor_diag *diag);

/*
 * Puts first contents into maps, from a mapping of map names to contents, each one of
 *
 *     {10.0.0.0/8: deny, "{protocol: tcp, port: 23}": allow}   key: value
 *     [allow, deny]       arrays: the values of keys 0, 1, ...
 *     [10.0.0.0/8]        other maps whose value is an integer: a set of keys, each with value 1
 *
 * After loading, within the session the object was loaded in.
 */
int module_fill(const struct bpf_object *obj, const struct tree *tree, const struct tree_node *maps,
		struct visor_diag *diag);

#endif
