/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live_impl.h - a live chain while a command works on it: shared by live*.c.
 *
 *     live.c             what the commands are
 *     live_generation.c  a new generation: built aside, then switched to
 *     live_settle.c      what is in force; finishing or undoing what was interrupted
 *     live_ports.c       entry programs, and getting packets to them
 *
 * Below the chain's folder:
 *
 *     slots, counters             for as long as the chain lives
 *     gN/record                   generation N is complete once it has this
 *     gN/prog/MODULE/PROGRAM      all its programs, those taken over included
 *     gN/map/MODULE/MAP           all its maps
 *     map/MODULE/MAP              those of the generation in force, for people
 *     port/PORT/{stub,link,info}  entry program; its attachment
 *
 * Whether generation N or N - 1 is in force is not written anywhere: it is seen in the slots.
 */
#ifndef CHAIN_LIVE_IMPL_H
#define CHAIN_LIVE_IMPL_H

#include "chain/change.h"
#include "chain/live.h"
#include "chain/loader.h"
#include "chain/place.h"

struct live {
	const struct live_opts *opts;
	struct place place;
	struct load_session session, *outside;
	int slots_fd, counters_fd;
	uint8_t *counters; /* mapped, writable */
	size_t counters_size;
	struct record *now, *before; /* in force; the one it took the place of. NULL: none */
	/* Where now has taps: the one that before took the place of. NULL: none */
	struct record *beyond;
};

void live_remark(const struct live *lv, const char *fmt, ...) PRINTF_LIKE(2, 3);

enum live_wish {
	LIVE_COMPLETE, /* a chain that is up */
	LIVE_ANY,      /* one that has not come up completely will do */
	LIVE_NEW,      /* it is made if there is none */
};

/* Enters the engine's session and settles. */
int live_open(struct live *lv, const struct live_opts *opts, const char *name, enum live_wish wish,
	      struct visor_diag *diag);
void live_close(struct live *lv);

/* live_settle.c: finds out what is in force; lv->now and lv->before are set. */
int live_settle(struct live *lv, struct visor_diag *diag);
/* After a switch: everything is as lv->now says, nothing else is left but lv->before. */
int live_finish(struct live *lv, struct visor_diag *diag);
/* Makes the chain's maps, or opens them. */
int live_maps(struct live *lv, const struct record *r, bool create, struct visor_diag *diag);
/* The id of the program in a slot; 0: none. Negative errno. */
int64_t live_slot_get(const struct live *lv, uint32_t slot);
void live_slot_clear(const struct live *lv, uint32_t slot);
/* Takes the taps of lv->now off again, if it has some. */
int live_untap(struct live *lv, struct visor_diag *diag);
/* All folders of generations, the oldest first. */
int live_remove_generations(struct live *lv);
/* A generation's record; -ENOENT: it has none. */
int live_read_record(const struct live *lv, uint32_t generation, struct record **out,
		     struct visor_diag *diag);
int live_slot_set(const struct live *lv, uint32_t slot, int prog_fd);
/* Puts back what the first n writes of a record have replaced. */
void live_undo_writes(const struct live *lv, const struct record *r, uint32_t n);
/* Carries a record's writes out, all or none. ns (may be NULL): what they took, programs being at
 * hand. */
int live_redo_writes(const struct live *lv, const struct record *r, uint64_t *ns);
uint64_t live_now(void);
/* The id of a program, or negative errno. */
int64_t live_prog_id(int fd);
/* A descriptor, the caller's. */
int live_prog_by_id(uint32_t id);

/* live_generation.c: from the running generation to what desc says. `wanted` has what a
 * description lacks (file, text, swapped objects) and is taken. */
int live_change(struct live *lv, struct chain_desc *desc, struct record *wanted,
		struct live_report *report, struct visor_diag *diag);
int live_write_record(struct live *lv, const struct record *r, struct visor_diag *diag);
/* Back to lv->before. */
int live_change_back(struct live *lv, struct live_report *report, struct visor_diag *diag);

/* live_ports.c */
/* The numbers that the description's ports have on this engine. */
int live_ports_resolve(const struct live *lv, struct chain_desc *desc, struct visor_diag *diag);
/* Entry programs of the record's ports that have none yet. */
int live_ports_stubs(struct live *lv, const struct record *r, struct visor_diag *diag);
/* Packets come from exactly the ports of lv->now. */
int live_ports_attach(struct live *lv, struct visor_diag *diag);
int live_ports_detach_all(struct live *lv, struct visor_diag *diag);
void live_port_state(struct live *lv, const struct record_port *p, struct live_port *out);

#endif
