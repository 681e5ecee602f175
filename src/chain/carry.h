/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/carry.h - state that goes over to the next version of a module, although its layout
 * changed.
 *
 *     carry.c      pure: from one type's bytes to another's, member by member, by name
 *     carry_map.c  maps: what fits, and the entries
 *
 * Types may be anyone's: they are checked (btf/btf.h) before they come here, and every offset is
 * checked again against the sizes that the caller gives.
 */
#ifndef CHAIN_CARRY_H
#define CHAIN_CARRY_H

#include "base/diag.h"

struct btf; /* btf/btf.h's, not libbpf's */

/* ---- types (carry.c) ------------------------------------------------------------------------- */

enum carry_fit {
	CARRY_SAME,	/* the same bytes mean the same */
	CARRY_CONVERTS, /* carry_apply makes one of the other */
	CARRY_CANNOT,	/* nothing of the one is in the other */
};

struct carry_type {
	const struct btf *btf; /* NULL: none, bytes are bytes */
	uint32_t id;
	uint32_t size; /* that the bytes have */
};

#define CARRY_WHY 120

struct carry {
	enum carry_fit fit;
	bool total; /* nothing that is there is left behind: keys need this */
	uint32_t from_size, to_size;
	struct carry_op *ops;
	uint32_t n_ops, max_ops;
	char why[CARRY_WHY]; /* what starts at zero, or why it cannot; "" if nothing does */
};

/* Numbers that did not fit into their new place, which got the nearest that does. */
struct carry_loss {
	uint64_t n;
	char member[48]; /* of the first */
};

/* How `from` becomes `to`. -ENOMEM is the only error: what is too deep or too large CANNOT. Both
 * objects are needed until carry_end. */
int carry_begin(struct carry *c, const struct carry_type *from, const struct carry_type *to);
void carry_end(struct carry *c);
/* Writes what `from` has into `to`; what it has not is left alone. loss is added to. */
void carry_apply(const struct carry *c, const void *from, void *to, struct carry_loss *loss);

/* ---- maps (carry_map.c) ---------------------------------------------------------------------- */

/* A map that is to be created, as an object has it. */
struct carry_wanted {
	uint32_t type, key_size, value_size, max_entries, flags;
	const void *btf; /* of the object; NULL: none */
	uint32_t btf_size, key_type, value_type;
	bool data; /* of global variables: those that are new start as the object says */
};

struct carry_map;

/*
 * Can what is in the map `fd` be taken over? CARRY_SAME: the map itself can. CARRY_CONVERTS: what
 * is in it can, and *out is how (it has its own descriptor of the map). CARRY_CANNOT: why says it.
 * Negative errno with diag. Within the engine's session, as all of these.
 */
int carry_map_open(int fd, const struct carry_wanted *wanted, struct carry_map **out,
		   char why[CARRY_WHY], struct visor_diag *diag);
void carry_map_close(struct carry_map *m);

struct carry_report {
	uint64_t entries; /* that went over */
	uint64_t dropped; /* whose keys the new map cannot have */
	uint64_t merged;  /* whose keys became one with another's, which stayed */
	struct carry_loss loss;
};

/* Copies all entries into the map `to`. -E2BIG: it has no room for all; diag has both numbers. */
int carry_map_copy(struct carry_map *m, int to, struct carry_report *report,
		   struct visor_diag *diag);
/* Adds entries that came into the old map since, unless the new one has them by now. The number
 * of those that found no room is *left. */
int carry_map_late(struct carry_map *m, int to, uint64_t *added, uint64_t *left);
/* What starts at zero in the new map; "": nothing. */
const char *carry_map_why(const struct carry_map *m);

#endif
