/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live.h - chains that outlive the command that brought them up, and change under traffic.
 *
 *     live_up ──> live_apply, live_swap, live_rollback ... ──> live_down
 *
 * A live chain is in the engine: programs, maps and a record of it, pinned below its name
 * (place.h). Each function opens it, finds out what is in force (an interrupted change is finished,
 * or taken back, first: the remark says which), does its work, and lets go. On failure the chain is
 * what it was before. One process at a time changes a chain; others wait.
 */
#ifndef CHAIN_LIVE_H
#define CHAIN_LIVE_H

#include "chain/record.h"

struct live_opts {
	size_t sz;
	struct visor *visor; /* the user engine, with a state directory. NULL: the kernel */
	/* The caller is going to be the user engine's process for the chain (runner_main): none is
	 * started. */
	bool foreground;
	/* Called for each remark that is not an error. */
	void (*warn)(void *user, const struct visor_diag *remark);
	void *user;
};

#define LIVE_NAME_SIZE 64

/* What live_up would call the chain. */
int live_file_name(const char *file, const char *wish, char name[LIVE_NAME_SIZE],
		   struct visor_diag *diag);

/* What a change came to. */
struct live_report {
	uint32_t generation; /* now in force */
	bool changed;	     /* false: it was the same already */
	bool aside;	     /* a second set of slots; the ports were switched to it */
	uint32_t loaded;     /* programs */
	uint32_t writes;     /* of slots that packets see */
	uint64_t load_ns;    /* opening, verifying, compiling, filling maps */
	uint64_t switch_ns;  /* the writes: from the first to the last */
};

/*
 * Brings the chain file up under `name` (NULL: the file's `name`, else the file name). -EEXIST: it
 * is up already. The engine must be the one that the description says.
 */
int live_up(const struct live_opts *opts, const char *file, const char *name,
	    struct live_report *report, struct visor_diag *diag);
/* Makes the running chain what the file says now. */
int live_apply(const struct live_opts *opts, const char *file, const char *name,
	       struct live_report *report, struct visor_diag *diag);
/* Puts another object in the place of a module's; settings are those of the chain file. */
int live_swap(const struct live_opts *opts, const char *name, const char *module,
	      const char *object, struct live_report *report, struct visor_diag *diag);
/* Goes back to the generation before; the next rollback comes back here. -ENOENT: there is none. */
int live_rollback(const struct live_opts *opts, const char *name, struct live_report *report,
		  struct visor_diag *diag);
/* Detaches and removes everything. */
int live_down(const struct live_opts *opts, const char *name, struct visor_diag *diag);

/*
 * Puts taps on the running chain: fn adds modules to the description, and their edges to the
 * record's modules (chain/tap.h). The generation so made leaves no trace: it ends by live_tap_end,
 * by any other change, or by the next live_tap, and the one before it can then be rolled back as if
 * nothing had been. It is in the name of this process. -EBUSY: another process has taps there.
 */
typedef int (*live_tap_fn)(void *user, const struct record *running, struct chain_desc *desc,
			   struct record *wanted, struct visor_diag *diag);
int live_tap(const struct live_opts *opts, const char *name, live_tap_fn fn, void *user,
	     struct live_report *report, struct visor_diag *diag);
/* Takes them off, if they are this process's. */
int live_tap_end(const struct live_opts *opts, const char *name, struct visor_diag *diag);

/* ---- looking --------------------------------------------------------------------------------- */

struct live_count {
	uint64_t packets, bytes;
};

/* What an input takes of a packet, measured for one packet in some thousand. */
struct live_time {
	uint64_t packets; /* measured; 0: none yet */
	double ns;	  /* of one */
};

struct live_port {
	bool attached;
	char how[24];	/* "native XDP", "tcx ingress", ... */
	char state[64]; /* why it is not attached */
	struct live_count in, missed;
};

struct live_status {
	struct record *record;
	bool can_roll_back;
	struct live_count **rows; /* beside the record's inputs: n_rows each */
	struct live_time *times;  /* beside the record's inputs */
	struct live_port *ports;  /* beside the record's ports */
};

int live_status_get(const struct live_opts *opts, const char *name, struct live_status **out,
		    struct visor_diag *diag);
void live_status_free(struct live_status *s);

/* The chains that are up: names one after another with their NULs, freed by the caller. */
int live_list(const struct live_opts *opts, char **names, uint32_t *n);

#endif
