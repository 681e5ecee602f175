/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/plan.h - from a description to what has to be done.
 *
 * Pure: reads descriptions, changes nothing, loads nothing. The plan owns its memory and
 * refers to ports, modules and inputs by their index in the description and in the
 * modules; it holds no pointers into either.
 */
#ifndef CHAIN_PLAN_H
#define CHAIN_PLAN_H

#include "chain/module.h"
#include "chain/stitch.h"

#define PLAN_MAX_CALLS 33 /* tail calls one packet can make, as in the kernel */

/* One output of one input. */
struct plan_output {
	uint32_t value;
	uint32_t row; /* of the input's rows */
	enum stitch_to to;
	uint32_t target; /* SLOT: index in inputs; PORT: index in ports; RETURN: 0 */
	int32_t named;	 /* index in the module's outputs, or -1: a verdict */
};

/* An input that will be loaded. Its slot in the program array is its index. */
struct plan_input {
	uint32_t module, input;
	bool internal;		     /* nothing links to it; the module itself may call it */
	uint32_t first_row, n_rows;  /* of counters; the last ones are those of counters.h */
	struct plan_output *outputs; /* as struct stitch wants them */
	uint32_t n_outputs;
};

enum plan_entry { PLAN_NOWHERE, PLAN_TO_INPUT, PLAN_TO_PORT };

struct plan_port {
	uint32_t ifindex;
	enum plan_entry entry; /* where its packets go */
	uint32_t target;
};

/* In the order they have to be done. */
enum plan_op_kind {
	PLAN_LOAD,  /* module: its inputs, stitched */
	PLAN_SLOT,  /* input: its program into its slot */
	PLAN_OPEN,  /* port */
	PLAN_ENTRY, /* port: its packets begin to flow */
};

struct plan_op {
	enum plan_op_kind kind;
	uint32_t index;
};

struct plan {
	enum chain_hook hook;
	struct plan_input *inputs;
	uint32_t n_inputs;
	struct plan_port *ports; /* as in the description */
	uint32_t n_ports;
	uint32_t n_rows; /* of counters, for all inputs */
	uint32_t depth;	 /* tail calls on the longest path */
	struct plan_op *ops;
	uint32_t n_ops;
};

typedef void (*plan_warn_fn)(void *user, const struct visor_diag *remark);

/*
 * `modules` has one element for each module of the description. warn may be NULL. What differs
 * from a chain that is running is said by chain/change.h.
 */
int chain_plan(const struct chain_desc *wanted, const struct module *const *modules,
	       plan_warn_fn warn, void *user, struct plan **out, struct visor_diag *diag);
void plan_free(struct plan *plan);

/* The input of the plan that is program `input` of module `module`, or -1: not loaded. */
int64_t plan_find_input(const struct plan *plan, uint32_t module, uint32_t input);

#endif
