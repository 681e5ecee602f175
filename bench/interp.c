/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp.c - the same CPU-bound programs on several engines.
 *
 * usage: bench-interp [-r ROUNDS] [-m MS] [-e ENGINE]... [PROGRAM]...
 *
 * First every engine runs every program once, and all must return what the native code
 * returns. Then come the rounds: in each, every engine runs every program for about MS
 * milliseconds, so that a disturbance of the machine hits all of them. Raw samples (ns per
 * run) go to standard output as JSON; scripts/bench makes tables of them.
 */
#include "bench.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 101

/* The kinds of input of programs.def. */
enum input { RANDOM, EQUAL, PRIME, FRAMES, TLVS, INDEX, KEY };

#define PROGRAM(name, size, kind, map, what) uint32_t bench_##name(uint8_t *in);
#include "programs/programs.def"
#undef PROGRAM
extern struct native_map *const maglev_map, *const array_map, *const hash_map;

static const struct {
	struct bench_program prog;
	enum input kind;
	bool map;
} table[] = {
#define PROGRAM(name_, size, kind, map, what_) \
	{{.name = #name_, .what = what_, .input_size = size, .native = bench_##name_}, kind, map},
#include "programs/programs.def"
#undef PROGRAM
};
#define N_PROGRAMS (sizeof(table) / sizeof(table[0]))

static const struct bench_engine *const engines[] = {
	&bench_native, &bench_kernel, &bench_visor, &bench_visor_checked,
#ifdef BENCH_DPDK
	&bench_dpdk,
#endif
};
#define N_ENGINES (sizeof(engines) / sizeof(engines[0]))

struct cell {
	void *state;
	bool ready;
	char note[200];
	uint32_t repeat;
	double ns[MAX_ROUNDS];
};

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* ---- native ---- */

static int native_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return 0;
}

static int native_run(void *state, const struct bench_program *prog, uint32_t repeat,
		      uint32_t *result, double *ns)
{
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++)
		*result = prog->native(prog->input);
	*ns = (bench_now() - start) / repeat;
	return 0;
}

const struct bench_engine bench_native = {"native", native_load, native_run};

/* ---- inputs ---- */

/* A fixed scrambling of a counter: the same inputs on every machine. */
static uint64_t scramble(uint64_t i)
{
	i = (i + 1) * 0x9e3779b97f4a7c15u;
	i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
	i = (i ^ i >> 27) * 0x94d049bb133111ebu;
	return i ^ i >> 31;
}

int bench_map_fill(const struct native_map *map,
		   int (*set)(void *to, const void *key, const void *value), void *to)
{
	for (uint32_t i = 0; i < map->max_entries; i++) {
		uint64_t key = map->type == NATIVE_MAP_ARRAY ? i : scramble(i);
		uint64_t value = scramble(key);
		int err = set(to, &key, &value);

		if (err)
			return err;
	}
	return 0;
}

static int native_fill(void *to, const void *key, const void *value)
{
	return native_map_set(to, key, value);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* Frames of 64 bytes: none to two tags, none to two words of options; now and then not UDP. */
static void fill_frames(uint8_t *in, uint32_t size)
{
	for (uint32_t n = 0; n < size / 64; n++) {
		uint8_t *frame = in + n * 64, *p = frame + 12;
		uint32_t header = 20 + n % 3 * 4;

		for (uint32_t tag = 0; tag < n / 2 % 3; tag++, p += 4)
			put16(p, tag ? 0x8100 : 0x88a8);
		put16(p, n % 8 == 5 ? 0x0806 : 0x0800);
		p += 2;
		p[0] = 0x40 | header / 4;
		put16(p + 2, header + 12);
		put16(p + 6, 0x4000);
		p[9] = n % 8 == 6 ? 6 : 17;
		put16(p + header + 4, 12);
	}
}

static void fill_tlvs(uint8_t *in, uint32_t size)
{
	uint32_t pos = 0;

	for (uint32_t n = 0; pos + 32 < size; n++) {
		in[pos] = n % 5 == 0 ? 7 : 1 + scramble(n) % 6;
		in[pos + 1] = 2 + scramble(n + 1000) % 14;
		pos += 2 + in[pos + 1];
	}
	in[pos] = 0;
}

static void fill(uint8_t *in, uint32_t size, enum input kind)
{
	uint32_t prime = 1046527;

	for (uint32_t i = 0; i < size; i++)
		in[i] = scramble(i);
	switch (kind) {
	case RANDOM:
		break;
	case EQUAL:
		for (uint32_t i = 0; i < size / 2; i++)
			in[i] = in[size / 2 + i] = i == size / 2 - 1 ? 0 : in[i] | 1;
		break;
	case PRIME:
		memcpy(in, &prime, 4);
		break;
	case FRAMES:
		fill_frames(in, size);
		break;
	case TLVS:
		fill_tlvs(in, size);
		break;
	case INDEX:
		for (uint32_t i = 0; i < size / 4; i++) {
			uint32_t index = scramble(i) % 1024;

			memcpy(in + i * 4, &index, 4);
		}
		break;
	case KEY:
		for (uint32_t i = 0; i < size / 8; i++) {
			uint64_t key = scramble(scramble(i) % 1024);

			memcpy(in + i * 8, &key, 8);
		}
		break;
	}
}

static struct native_map *program_map(const char *name)
{
	if (!strcmp(name, "maglev"))
		return maglev_map;
	return !strcmp(name, "array") ? array_map : hash_map;
}

static int program_init(struct bench_program *prog, size_t row, const char *dir)
{
	*prog = table[row].prog;
	prog->input = calloc(1, prog->input_size);
	if (!prog->input)
		return -ENOMEM;
	fill(prog->input, prog->input_size, table[row].kind);
	snprintf(prog->object, sizeof(prog->object), "%s/%s.xdp.o", dir, prog->name);
	snprintf(prog->raw_object, sizeof(prog->raw_object), "%s/%s.raw.o", dir, prog->name);
	if (!table[row].map)
		return 0;
	prog->map = program_map(prog->name);
	if (native_map_init(prog->map))
		return -ENOMEM;
	return bench_map_fill(prog->map, native_fill, prog->map);
}

/* ---- measuring ---- */

/* Loads, compares the result with the native one, and finds how many runs fill `ms`. */
static int cell_init(struct cell *cell, const struct bench_engine *engine,
		     const struct bench_program *prog, double ms)
{
	uint32_t want = prog->native(prog->input), result = ~want;
	double ns = 0;

	if (engine->load(prog, &cell->state, cell->note, sizeof(cell->note))) {
		if (!cell->note[0])
			snprintf(cell->note, sizeof(cell->note), "did not load");
		return 0;
	}
	for (cell->repeat = 1;; cell->repeat *= 4) {
		if (engine->run(cell->state, prog, cell->repeat, &result, &ns) || result != want) {
			fprintf(stderr, "bench-interp: %s on %s: result %#x instead of %#x\n",
				prog->name, engine->name, result, want);
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

static void print_json(struct bench_program *progs, struct cell (*cells)[N_ENGINES], int rounds)
{
	printf("{\"rounds\": %d, \"programs\": [", rounds);
	for (size_t p = 0, first = 1; p < N_PROGRAMS; p++) {
		if (!progs[p].name)
			continue;
		printf("%s\n {\"name\": \"%s\", \"what\": \"%s\", \"engines\": {", first ? "" : ",",
		       progs[p].name, progs[p].what);
		first = 0;
		for (size_t e = 0, begun = 0; e < N_ENGINES; e++) {
			struct cell *cell = &cells[p][e];

			if (!cell->ready && !cell->note[0])
				continue;
			printf("%s\n  \"%s\": {\"note\": \"", begun ? "," : "", engines[e]->name);
			for (const char *c = cell->note; *c; c++)
				if (*c != '"' && *c != '\\')
					putchar(*c);
			printf("\", \"ns\": [");
			for (int r = 0; cell->ready && r < rounds; r++)
				printf("%s%.2f", r ? ", " : "", cell->ns[r]);
			printf("]}");
			begun = 1;
		}
		printf("}}");
	}
	printf("]}\n");
}

/* True if every wanted name is one of ours; says which is not. */
static bool known(char **list, int n, bool (*is)(const char *name))
{
	for (int i = 0; i < n; i++) {
		if (!is(list[i])) {
			fprintf(stderr, "bench-interp: there is no '%s'\n", list[i]);
			return false;
		}
	}
	return true;
}

static bool is_engine(const char *name)
{
	for (size_t e = 0; e < N_ENGINES; e++)
		if (!strcmp(engines[e]->name, name))
			return true;
	return false;
}

static bool is_program(const char *name)
{
	for (size_t p = 0; p < N_PROGRAMS; p++)
		if (!strcmp(table[p].prog.name, name))
			return true;
	return false;
}

static bool wanted(const char *name, char **list, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	static struct cell cells[N_PROGRAMS][N_ENGINES];
	struct bench_program progs[N_PROGRAMS] = {0};
	char *only[N_ENGINES + 1], self[512];
	int rounds = 15, n_only = 0, opt;
	double ms = 3;
	ssize_t n;

	while ((opt = getopt(argc, argv, "r:m:e:")) != -1) {
		if (opt == 'r')
			rounds = atoi(optarg);
		else if (opt == 'm')
			ms = atof(optarg);
		else if (opt == 'e' && n_only < (int)N_ENGINES)
			only[n_only++] = optarg;
		else
			return 2;
	}
	if (rounds < 1 || rounds > MAX_ROUNDS || ms <= 0 || !known(only, n_only, is_engine) ||
	    !known(argv + optind, argc - optind, is_program))
		return 2;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 1;
	self[n] = 0;
	dirname(self);
	for (size_t p = 0; p < N_PROGRAMS; p++) {
		if (!wanted(table[p].prog.name, argv + optind, argc - optind))
			continue;
		if (program_init(&progs[p], p, self))
			return 1;
		for (size_t e = 0; e < N_ENGINES; e++)
			if (wanted(engines[e]->name, only, n_only) &&
			    cell_init(&cells[p][e], engines[e], &progs[p], ms))
				return 1;
	}
	for (int r = 0; r < rounds; r++)
		for (size_t p = 0; p < N_PROGRAMS; p++)
			for (size_t e = 0; e < N_ENGINES; e++) {
				struct cell *cell = &cells[p][e];
				uint32_t result;

				if (cell->ready &&
				    engines[e]->run(cell->state, &progs[p], cell->repeat, &result,
						    &cell->ns[r]))
					return 1;
			}
	print_json(progs, cells, rounds);
	return 0;
}
