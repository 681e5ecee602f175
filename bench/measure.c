/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.c - the same programs on several engines.
 *
 * First every engine runs every program once, and all must return the same. Then come the
 * rounds: in each, every engine runs every program for about MS milliseconds, so that a
 * disturbance of the machine hits all of them. Raw samples (ns per run) go to standard output
 * as JSON; scripts/bench makes tables of them.
 */
#include "bench.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS  101
#define MAX_ENGINES 16

struct cell {
	const struct bench_engine *engine; /* NULL: not wanted */
	void *state;
	bool ready;
	char note[200];
	uint32_t repeat;
	double ns[MAX_ROUNDS];
};

/* Names on the command line; n 0: all. */
struct names {
	char **list;
	int n;
};

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* Loads, compares the result with what is wanted, and finds how many runs fill `ms`. */
static int cell_init(struct cell *cell, const char *suite, struct bench_program *prog, double ms)
{
	uint32_t result = ~prog->want;
	double ns = 0;

	if (cell->engine->load(prog, &cell->state, cell->note, sizeof(cell->note))) {
		if (!cell->note[0])
			snprintf(cell->note, sizeof(cell->note), "did not load");
		return 0;
	}
	for (cell->repeat = 1;; cell->repeat *= 4) {
		int err = cell->engine->run(cell->state, prog, cell->repeat, &result, &ns);

		if (!err && !prog->known) {
			prog->known = true;
			prog->want = result;
		}
		if (err || result != prog->want) {
			fprintf(stderr, "%s: %s on %s: result %#x instead of %#x (%d)\n", suite,
				prog->name, cell->engine->name, result, prog->want, err);
			return -EBADMSG;
		}
		if (ns * cell->repeat > ms * 1e6 / 8 || cell->repeat >= 1u << 28)
			break;
	}
	ns = ns > 1 ? ns : 1;
	cell->repeat = ms * 1e6 / ns + 1;
	cell->ready = true;
	return 0;
}

static void print_cell(const struct cell *cell, int rounds)
{
	printf("\n  \"%s\": {\"note\": \"", cell->engine->name);
	for (const char *c = cell->note; *c; c++)
		if (*c != '"' && *c != '\\' && (unsigned char)*c >= ' ')
			putchar(*c);
	printf("\", \"ns\": [");
	for (int r = 0; cell->ready && r < rounds; r++)
		printf("%s%.2f", r ? ", " : "", cell->ns[r]);
	printf("]}");
}

static void print_json(const struct bench_suite *s, const struct cell *cells, int rounds)
{
	const char *separator = "";

	printf("{\"rounds\": %d, \"programs\": [", rounds);
	for (size_t p = 0; p < s->n_progs; p++) {
		const struct bench_program *prog = &s->progs[p];
		const char *comma = "";

		if (!prog->n_packets)
			continue;
		printf("%s\n {\"name\": \"%s\", \"what\": \"%s\", \"engines\": {", separator,
		       prog->name, prog->what);
		separator = ",";
		for (size_t e = 0; e < s->n_engines; e++) {
			const struct cell *cell = &cells[p * s->n_engines + e];

			if (!cell->engine)
				continue;
			printf("%s", comma);
			print_cell(cell, rounds);
			comma = ",";
		}
		printf("}}");
	}
	printf("]}\n");
}

static bool wanted(const char *name, const struct names *names)
{
	for (int i = 0; i < names->n; i++)
		if (!strcmp(names->list[i], name))
			return true;
	return names->n == 0;
}

static bool is_program(const struct bench_suite *s, const char *name)
{
	for (size_t p = 0; p < s->n_progs; p++)
		if (!strcmp(s->progs[p].name, name))
			return true;
	return false;
}

static bool is_engine(const struct bench_suite *s, const char *name)
{
	for (size_t e = 0; e < s->n_engines; e++)
		if (!strcmp(s->engines[e]->name, name))
			return true;
	return false;
}

/* True if every name is known; says which is not. */
static bool known(const struct bench_suite *s, const struct names *names,
		  bool (*is)(const struct bench_suite *s, const char *name))
{
	for (int i = 0; i < names->n; i++) {
		if (!is(s, names->list[i])) {
			fprintf(stderr, "%s: there is no '%s'\n", s->name, names->list[i]);
			return false;
		}
	}
	return true;
}

const char *bench_own_folder(void)
{
	static char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return NULL;
	self[n] = 0;
	return dirname(self);
}

static int prepare(const struct bench_suite *s, struct cell *cells, const struct names *programs,
		   const struct names *engines, double ms)
{
	const char *dir = bench_own_folder();

	for (size_t p = 0; p < s->n_progs; p++) {
		if (!wanted(s->progs[p].name, programs))
			continue;
		if (!dir || s->init(&s->progs[p], dir)) {
			fprintf(stderr, "%s: %s cannot be prepared\n", s->name, s->progs[p].name);
			return -EINVAL;
		}
		for (size_t e = 0; e < s->n_engines; e++) {
			struct cell *cell = &cells[p * s->n_engines + e];

			if (!wanted(s->engines[e]->name, engines))
				continue;
			cell->engine = s->engines[e];
			if (cell_init(cell, s->name, &s->progs[p], ms))
				return -EINVAL;
		}
	}
	return 0;
}

static int measure(const struct bench_suite *s, struct cell *cells, int rounds)
{
	uint32_t result;

	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < s->n_progs * s->n_engines; i++) {
			struct cell *cell = &cells[i];
			int err = 0;

			if (cell->ready)
				err = cell->engine->run(cell->state, &s->progs[i / s->n_engines],
							cell->repeat, &result, &cell->ns[r]);
			if (err)
				return err;
		}
	return 0;
}

int bench_main(int argc, char **argv, const struct bench_suite *s)
{
	char *only[MAX_ENGINES];
	struct names engines = {only, 0}, programs;
	struct cell *cells = calloc(s->n_progs * s->n_engines, sizeof(*cells));
	int rounds = 15, opt;
	double ms = 3;

	while ((opt = getopt(argc, argv, "r:m:e:")) != -1) {
		if (opt == 'r')
			rounds = atoi(optarg);
		else if (opt == 'm')
			ms = atof(optarg);
		else if (opt == 'e' && engines.n < MAX_ENGINES)
			only[engines.n++] = optarg;
		else
			return 2;
	}
	programs = (struct names){argv + optind, argc - optind};
	if (rounds < 1 || rounds > MAX_ROUNDS || ms <= 0 || !known(s, &engines, is_engine) ||
	    !known(s, &programs, is_program))
		return 2;
	if (!cells || prepare(s, cells, &programs, &engines, ms) || measure(s, cells, rounds))
		return 1;
	print_json(s, cells, rounds);
	return 0;
}
