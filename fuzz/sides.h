/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/sides.h - one program, one input, several ways to execute it.
 *
 * All sides of this process use the same maps and the same packet buffer: what a run may change is
 * put back, byte by byte, before the next one. So addresses are equal, too, but for those of the
 * stack, of functions and of program arrays.
 *
 * A program that depends on addresses or on memory that it never wrote is no finding:
 * sides_stable() runs it interpreted at other addresses, with another stack.
 */
#ifndef FUZZ_SIDES_H
#define FUZZ_SIDES_H

#include "bases.h"
#include "vm/vm.h"

enum {
	SIDES_BUFFER = 4096, /* headroom, packet and tailroom */
	SIDES_HEADROOM = 256,
	SIDES_VARIANTS = 8,	 /* prepared contents of maps */
	SIDES_MAP_MAX = 1 << 16, /* bytes of a map's file: larger ones are left out */
	SIDES_LIMIT = 30000,	 /* instructions of a run */
	SIDES_TARGETS = 2,	 /* programs that tail calls lead to */
};

enum side { SIDE_INTERPRETED, SIDE_OTHER, SIDE_CHECKED, SIDE_NATIVE, SIDES };
extern const char *const side_names[SIDES];
extern bool sides_blind; /* native code does not hold the numbers of programs */

struct input {
	struct visor_packet pkt; /* in sides_buffer */
	uint8_t bytes[SIDES_BUFFER];
	uint32_t variant; /* of the maps' contents */
	uint64_t chance;  /* of helpers that differ from call to call */
};

struct outcome {
	int err;    /* of vm_prog_run */
	int signal; /* that ended it; SIGVTALRM: it did not end */
	uint64_t ret;
	struct visor_packet pkt;
	uint8_t bytes[SIDES_BUFFER];
};

/* What a base's programs need to run, made once. */
struct stage {
	const struct base *base;
	uint8_t *variants[WORLD_MAPS][SIDES_VARIANTS];
	uint8_t *after[WORLD_MAPS];
	bool targets; /* tail calls lead somewhere */
};

/* A program made for a side. */
struct seat {
	enum side side;
	struct vm_prog *prog;
	struct visor_run *run;
	uint64_t fill; /* of stacks before a run; 0: zeros */
};

extern uint8_t sides_buffer[SIDES_BUFFER];
/* Counts of executed instructions in checked runs, by index; NULL: nobody wants to know. */
extern uint32_t *sides_visits;

/* Pins the thread to its CPU. on_stack: stacks where native code has its own, above everything. */
void sides_init(bool native, struct visor_run *on_stack);
void sides_done(void);

/* Makes maps of the base; false: there are some that the engine lacks or that are too large. */
bool stage_open(struct stage *s, struct base *b);
/* For generated programs: puts programs behind their tail calls, which write to `arr`. 0, or why a
 * side has none. */
int stage_targets(struct stage *s);
void stage_close(struct stage *s, struct base *b);

void input_make(struct input *in, const struct base *b, bool kernel);
/* As a side makes it, of what was verified. 0 or why there is none; -EFAULT: a signal ended that.
 */
int seat_take(struct seat *seat, enum side side, const struct stage *s, const struct base_image *m,
	      const struct verified *v);
void seat_leave(struct seat *seat);
/* Maps are as the input says before, and keep what the run did. */
void seat_run(struct seat *seat, const struct stage *s, const struct base_image *m,
	      const struct input *in, struct outcome *out);
/* Remembers the maps' contents, of which sides_differ is about. */
void stage_keep(const struct stage *s, const struct base_image *m);

/* The maps that the program uses and their numbers in the base; how many. */
uint32_t stage_maps(const struct stage *s, const struct base_image *m, struct map *maps[WORLD_MAPS],
		    uint32_t numbers[WORLD_MAPS]);
/* The maps' contents become those of the input. */
void stage_restore(const struct stage *s, const struct base_image *m, const struct input *in);
/* The maps' contents become those that were kept. */
void stage_recall(const struct stage *s, const struct base_image *m);

/* NULL, or what differs: outcomes, and the maps' contents from those that were kept. */
const char *sides_differ(const struct stage *s, const struct base_image *m, const struct outcome *a,
			 const struct outcome *b);
/* Equal results at other addresses, with other contents of what was never written. */
bool sides_stable(const struct stage *s, const struct base_image *m, const struct verified *v,
		  const struct input *in);

/* Entries of a map, sorted, keys and values one after the other. */
struct entries {
	uint8_t *bytes;
	uint32_t n, size; /* of one */
};
void entries_read(struct map *map, struct entries *e);
bool entries_equal(const struct entries *a, const struct entries *b);
void entries_free(struct entries *e);

/* As comment lines: what the program was given, what came of it. */
void input_print(const struct stage *s, const struct base_image *m, const struct input *in);
void outcome_print(const char *who, const struct outcome *o);

#endif
