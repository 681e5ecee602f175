/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/explain.h - a failure explained: what the path says of the value at fault (explain.c),
 * and what can be done (suggest.c). Made once, after the failure, by the thread that verified.
 */
#ifndef VERIFY_EXPLAIN_H
#define VERIFY_EXPLAIN_H

#include "verify/path.h"
#include "verify/text.h"

/* What the way back from the value found. Empty, NULL: nothing such. */
struct explain {
	struct env *env;
	struct verify_report *r;
	struct path path;
	const struct reg *reg; /* at fault, or NULL */
	char from_call[64];    /* the function that returned the value, */
	char from_map[32];     /* and the map that it looked in */
	char clobber[64];      /* a call that left nothing in the register */
	char moved[64];	       /* a call after which packet pointers are no more */
	char released[64];     /* a call that ended the object that the value points to */
	bool packet;	       /* the value was a packet pointer once: loaded from the context, */
	const char *field;     /* from this field, */
	bool context;	       /* or from a context without fields */
	bool never_set;	       /* nothing on the path sets it */
	bool compared;	       /* some condition looked at it */
};

/* Fills env->image->report, if wanted, and the hint of the diagnostic. */
void explain(struct env *env);

void explain_place(const struct env *env, uint32_t insn, struct verify_place *place);
/* The name of what the call at insn calls: "bpf_map_lookup_elem". */
void explain_callee(const struct env *env, uint32_t insn, char *buf, size_t size);
/* Size of the memory access of an instruction; 0: it has none. */
int explain_access(const struct bpf_insn *insn);
/* report->missing and report->suggestion. */
void suggest(struct explain *x);

#endif
