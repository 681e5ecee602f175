/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/change.h - from the generation that runs to the one that is wanted: what has to be done.
 *
 * Pure. Both are records; the wanted one has its inputs, outputs and ports, and gets here its
 * slots, its counter rows and its writes. There are two ways for packets to come to a new
 * generation:
 *
 *   in place   at most one slot that packets see changes. Whatever else is new stands in fresh
 *              slots, which nothing refers to before.
 *   aside      whatever changes, and all that leads to it, is loaded once more into fresh slots;
 *              then the slots of the ports, which are the only ones written that packets see, are
 *              switched. So a packet goes through the old modules or the new ones, never both.
 *
 * Slots and rows of the previous generation are left alone, since it may be wanted back.
 */
#ifndef CHAIN_CHANGE_H
#define CHAIN_CHANGE_H

#include "chain/record.h"

struct change_input {
	bool load;   /* a program is loaded; otherwise that of `old` stays */
	int64_t old; /* index in the running record, or -1 */
};

/* A program into a slot: of an input, or one that hands a port's packets to another port. */
struct change_slot {
	uint32_t slot;
	enum plan_entry what;
	uint32_t index; /* of wanted's inputs or ports */
};

struct change {
	bool aside;
	struct change_input *inputs; /* beside wanted's */
	struct change_slot *fresh;   /* first: nobody sees them */
	uint32_t n_fresh;
	struct change_slot *visible; /* then, in this order */
	uint32_t n_visible;
	bool nothing; /* the two are the same */
};

/* running and previous may be NULL. -ENOSPC: no slots or rows are left. */
int change_make(const struct record *running, const struct record *previous, struct record *wanted,
		struct change **out, struct visor_diag *diag);
void change_free(struct change *c);

#endif
