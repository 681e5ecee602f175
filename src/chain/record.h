/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/record.h - what a live chain is, as one generation of it is written down.
 *
 * A record is all that a later command has: what was asked for (the chain file's text), which
 * programs are where, how the counters are laid out, and by which writes this generation took
 * the place of the one before. It is YAML in an array map, so that it lives where the chain lives
 * and can be read by people. What is read back was perhaps written by somebody else: it is
 * checked as a file from outside is.
 */
#ifndef CHAIN_RECORD_H
#define CHAIN_RECORD_H

#include "chain/plan.h"

#define RECORD_NO_SLOT UINT32_MAX
#define RECORD_DIGEST  65 /* SHA-256 as text */

struct record_output {
	char *name;
	bool named;
	uint32_t value, row;
	enum stitch_to to;
	uint32_t target; /* SLOT: index in inputs; PORT: index in ports; RETURN: 0 */
};

struct record_input {
	uint32_t module; /* index in modules */
	char *program;
	char content[RECORD_DIGEST]; /* of the object, its configuration and the program's name */
	bool internal;		     /* called by the module itself only */
	uint32_t slot;		     /* where other inputs find it; NO_SLOT: none does */
	uint32_t row, n_rows;
	struct record_output *outputs;
	uint32_t n_outputs;
};

struct record_module {
	char *name, *object;
	char *swapped;		     /* object that took the place of the chain file's, or NULL */
	char *tap;		     /* the edge that it is a tap of (chain/tap.h), or NULL */
	char maps[RECORD_DIGEST];    /* of the first contents of its maps */
	char content[RECORD_DIGEST]; /* of the object and its configuration */
};

struct record_port {
	char *name, *device;	    /* device: "" for a port that is none */
	char *how;		    /* wish how the kernel's device is attached to */
	char config[RECORD_DIGEST]; /* of all that the chain file says of it */
	uint32_t ifindex;
	uint32_t slot; /* what its entry program calls */
	uint32_t row;  /* of RECORD_PORT_ROWS */
	enum plan_entry entry;
	uint32_t target; /* of inputs or ports */
};
#define RECORD_PORT_ROWS 2 /* came in; found an empty slot */

/* A slot that packets see, and what it held before and after. Ids of programs; 0: empty. */
struct record_write {
	uint32_t slot, before, after;
};

struct record {
	uint32_t generation;
	enum chain_engine engine;
	enum chain_hook hook;
	char *file, *text; /* the chain file: path and contents */
	/* The process that has put taps on the generation before, which is otherwise the same; 0:
	 * there are none. Such a generation goes as it came, leaving no trace. */
	uint32_t tapper;
	uint32_t n_cpus, max_rows, max_slots;
	struct record_module *modules;
	uint32_t n_modules;
	struct record_input *inputs;
	uint32_t n_inputs;
	struct record_port *ports;
	uint32_t n_ports;
	struct record_write *writes;
	uint32_t n_writes;
};

/* As text, freed by the caller. -ENOMEM. */
int record_format(const struct record *r, char **text, size_t *len);
/* diag's place is `name` with line and column. */
int record_parse(const char *name, const char *text, size_t len, struct record **out,
		 struct visor_diag *diag);
void record_free(struct record *r);

/* The counters' layout in bytes: see counters.h. */
uint32_t record_stride(const struct record *r);

/* Index of the input, module or port of that name, or -1. */
int64_t record_find_input(const struct record *r, const char *module, const char *program);
int64_t record_find_module(const struct record *r, const char *name);
int64_t record_find_port(const struct record *r, const char *name);

#endif
