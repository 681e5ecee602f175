/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/check_watch.h - a verification watched: where its steps go, what is known at an instruction.
 *
 * One struct watch for a whole examination; it is the `verify` of struct examine_opts. What was
 * seen of a program belongs to the watch.
 */
#ifndef CLI_CHECK_WATCH_H
#define CLI_CHECK_WATCH_H

#include <stdio.h>

#include "cli/json.h"
#include "load/examine.h"

#define WATCH_MAX_VISITS 24 /* of the instruction that is explained, on different paths */

struct watch_part {
	char name[96]; /* function, or "file:line" of a loop */
	char source[120];
	uint32_t start, end; /* instructions */
	uint64_t steps, states;
	uint64_t rounds; /* loops: how often it was entered or repeated */
};

struct watch_visit {
	char *before, *after; /* states; after: NULL if the path ended here */
	uint32_t next;	      /* where it went on */
};

struct watch_prog {
	struct watch_prog *next;
	const struct examined *prog;
	struct watch_part *functions, *loops;
	uint32_t n_functions, n_loops;
	char insn[384]; /* the instruction that is explained */
	struct watch_visit visits[WATCH_MAX_VISITS];
	uint32_t n_visits; /* may be more than are kept */
};

struct watch {
	bool stats;
	int64_t explain; /* instruction, or -1 */
	struct watch_prog *progs;
};

int watch_verify(void *watch, struct examined *prog, struct verify_image *image,
		 const struct verified **out, struct visor_diag *diag);
void watch_print(const struct watch *w, const struct examined *prog, FILE *to);
void watch_json(const struct watch *w, const struct examined *prog, struct json *j);
void watch_free(struct watch *w);

#endif
