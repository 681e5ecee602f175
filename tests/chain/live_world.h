/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/chain/live_world.h - live chains between two namespaces, for the tests of their commands.
 *
 *      namespace 0        namespace 1, the test's own
 *      left  ------------ va
 *                           chain `c`: DIR/c.yaml
 *      right ------------ vb
 *
 * The engine is the test's argument: `kernel`, `xdp` (ours, on XDP sockets), `packet` (ours, on
 * packet sockets). Each operation opens the engine anew, as a command does. Modules (bpf/mark.h)
 * leave their letter and version in a frame, so its trail tells by which way it came.
 */
#ifndef TESTS_CHAIN_LIVE_WORLD_H
#define TESTS_CHAIN_LIVE_WORLD_H

#include "../netns.h"
#include "chain/live.h"

enum live_op { LIVE_UP, LIVE_APPLY, LIVE_SWAP, LIVE_ROLLBACK, LIVE_DOWN, LIVE_OP_COUNT };
extern const char *const live_op_names[LIVE_OP_COUNT];

struct world {
	struct netns *ns;
	const char *mode;
	bool kernel;
	char dir[64], state[80], file[96];
	int left, right;    /* sockets, in namespace 0 */
	uint32_t frames;    /* sent so far */
	char remarks[4096]; /* of the last operation */
	struct live_report report;
	struct visor_diag diag;
};

/* 0, or the exit code. */
int world_begin(struct world *w, const char *mode);
void world_end(struct world *w);
/* Devices va and vb as new, with new sockets. */
void world_pairs(struct world *w);

/*
 * Writes the chain file. Modules: "x1 y2", letter and version; links: "a>x>y>b b>a"; more: lines of
 * YAML for the end of the file. Ports are a, b and d, of devices va, ...; only the first two are
 * there.
 */
void world_file(struct world *w, const char *modules, const char *links, const char *more);
const char *world_object(const char *name); /* "mark1": its path */

/* Runs it in this process. SWAP: module x gets mark2. */
int world_do(struct world *w, enum live_op op);
/* The same on another chain, file or object; NULL: as above. */
int world_do_as(struct world *w, enum live_op op, const char *name, const char *file,
		const char *object);
/* The status of chain c; NULL: w->diag says why. */
struct live_status *world_status(struct world *w);
/* The same for the chain's folder: its entries. */
bool world_is_up(struct world *w);

/* Sends one frame from left (or right). Its trail where it came out on the other side, "-" if it
 * has not come within the time. */
const char *world_trail(struct world *w, bool from_left, int timeout_ms);
#define WORLD_SOON 5000

/* The process that moves packets; 0: there is none (or the engine is the kernel). */
int world_runner(struct world *w);

/* Nothing of the chain is left: fails the test with what is. */
void world_check_nothing(struct world *w);
/* The id of the pinned map of the chain that its programs hold, to see whether it is gone. */
uint32_t world_slots_id(struct world *w);
bool world_map_lives(struct world *w, uint32_t id);

#endif
