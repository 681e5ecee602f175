/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile.c - what making a runnable program of a verified one costs, and how it grows with the
 * program; and what a loaded program takes of memory.
 *
 * usage: bench-compile [-r ROUNDS] [-m MS] [-e ENGINE]... [PROGRAM]...
 *        bench-compile memory
 *
 * A run is one vm_prog_new(); the program is then run once, for its result. DPDK's load cannot be
 * had without its verification. For memory, INSTANCES programs of each engine are loaded in a
 * process of their own, ours with the verified code that each keeps.
 */
#include "engine_visor.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTANCES 1000

static struct bench_program programs[] = {
	{.name = "route"}, {.name = "1000"},  {.name = "10000"}, {.name = "100000"},
#define SIZES(shape)                                       \
	{.name = shape " 1000"}, {.name = shape " 10000"}, \
	{                                                  \
		.name = shape " 100000"                    \
	}
	SIZES("straight"), SIZES("branches"), SIZES("loops"),	 SIZES("slots"),     SIZES("exits"),
};

/* ---- programs of any length --------------------------------------------------------------- */

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define HEAD  7
#define BLOCK 14 /* verification follows up to 8,192 branches in a row */

/* r2 becomes the packet, of 64 bytes; r0 the sum. */
static void series_head(bool raw, struct bpf_insn *insn)
{
	const struct bpf_insn xdp[HEAD] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 64),
		INSN(BPF_JMP | BPF_JLE | BPF_X, 4, 3, 1, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	for (uint32_t i = 0; i < HEAD; i++)
		insn[i] = raw ? INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0) : xdp[i];
	if (raw)
		insn[0] = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 1, 0, 0);
}

/* Loads, arithmetic, a branch, the stack. */
static void series_block(uint32_t i, struct bpf_insn *insn)
{
	int16_t slot = -8 * (int)(1 + i % 8);
	const struct bpf_insn block[BLOCK] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 2, i % 16 * 4, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_B, 4, 2, i * 7 % 64, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 3, 4, 0, 0),
		INSN(BPF_ALU64 | BPF_XOR | BPF_K, 3, 0, 0, (int)i),
		INSN(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 3, 8),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0),
		INSN(BPF_ALU | BPF_LSH | BPF_K, 3, 0, 0, 3),
		INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 3, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 5, 4, 0, 0),
		INSN(BPF_ALU64 | BPF_MUL | BPF_K, 5, 0, 0, 31),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 5, 0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 0, slot, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 5, 10, slot, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 5, 0, 0),
	};

	memcpy(insn, block, sizeof(block));
}

/* ---- shapes: much of one thing ------------------------------------------------------------ */

#define SHAPE_MAX 5

static struct bpf_insn shape_load(uint32_t i)
{
	return INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 2, i % 16 * 4, 0);
}

static uint32_t shape_straight(uint32_t i, uint32_t left, struct bpf_insn *insn)
{
	insn[0] = shape_load(i);
	insn[1] = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0);
	insn[2] = INSN(BPF_ALU64 | BPF_XOR | BPF_K, 0, 0, 0, (int)i);
	insn[3] = INSN(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 31);
	return 4;
}

static uint32_t shape_branches(uint32_t i, uint32_t left, struct bpf_insn *insn)
{
	insn[0] = shape_load(i);
	insn[1] = INSN(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 1, 1);
	insn[2] = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0);
	return 3;
}

static uint32_t shape_loops(uint32_t i, uint32_t left, struct bpf_insn *insn)
{
	insn[0] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	insn[1] = shape_load(i);
	insn[2] = INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 3, 0, 0);
	insn[3] = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 1);
	insn[4] = INSN(BPF_JMP | BPF_JLT | BPF_K, 4, 0, -4, 3);
	return 5;
}

/* Many values that live long. */
static uint32_t shape_slots(uint32_t i, uint32_t left, struct bpf_insn *insn)
{
	insn[0] = INSN(BPF_LDX | BPF_MEM | BPF_DW, 3, 10, -8 * (int)(1 + i * 7 % 60), 0);
	insn[1] = INSN(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 1, 1);
	insn[2] = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0);
	insn[3] = INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 0, -8 * (int)(1 + i * 11 % 60), 0);
	return 4;
}

/* All to the last instruction. */
static uint32_t shape_exits(uint32_t i, uint32_t left, struct bpf_insn *insn)
{
	insn[0] = shape_load(i);
	insn[1] = INSN(BPF_JMP | BPF_JNE | BPF_K, 3, 0, 1, (int)i);
	insn[2] = INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, (int)left - 4);
	insn[3] = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 3, 0, 0);
	return 4;
}

/* Puts the i-th piece where `left` instructions are left; returns how many it has. */
static const struct shape {
	const char *name, *what;
	uint32_t (*put)(uint32_t i, uint32_t left, struct bpf_insn *insn);
} shapes[] = {
	{"straight", "one block", shape_straight},
	{"branches", "many small blocks", shape_branches},
	{"loops", "one loop after the other", shape_loops},
	{"slots", "60 values at once", shape_slots},
	{"exits", "jumps to one place", shape_exits},
};

/* The shape that a name begins with, or NULL. */
static const struct shape *shape_of(const char *name)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strncmp(name, shapes[i].name, strlen(shapes[i].name)))
			return &shapes[i];
	return NULL;
}

static int shape_make(const struct bench_program *prog, bool raw, struct bench_code *out)
{
	const struct shape *s = shape_of(prog->name);
	uint32_t n = atoi(prog->name + strlen(s->name)), at = HEAD;

	*out = (struct bench_code){.insns = calloc(n, sizeof(*out->insns)), .n_insns = n};
	if (!out->insns)
		return -ENOMEM;
	series_head(raw, out->insns);
	for (uint32_t i = 0; at + SHAPE_MAX < n; i++)
		at += s->put(i, n - at, out->insns + at);
	for (; at < n - 1; at++)
		out->insns[at] = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, (int)at);
	out->insns[at] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return 0;
}

static int series(const struct bench_program *prog, bool raw, struct bench_code *out)
{
	uint32_t n = atoi(prog->name), at = HEAD;

	*out = (struct bench_code){.insns = calloc(n, sizeof(*out->insns)), .n_insns = n};
	if (!out->insns)
		return -ENOMEM;
	series_head(raw, out->insns);
	for (uint32_t i = 0; at + BLOCK < n; i++, at += BLOCK)
		series_block(i, out->insns + at);
	for (; at < n - 1; at++)
		out->insns[at] = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, (int)at);
	out->insns[at] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return 0;
}

static int init(struct bench_program *prog, const char *dir)
{
	static uint8_t input[64];
	static struct bench_packet packet = {input, sizeof(input)};
	static char what[100];
	struct bench_code code;
	int err;

	if (strcmp(prog->name, "route") != 0) {
		for (uint32_t i = 0; i < sizeof(input); i++)
			input[i] = bench_scramble(i);
		prog->what = "loads, arithmetic, branches, stack";
		prog->packets = &packet;
		prog->n_packets = 1;
		prog->input_size = sizeof(input);
		prog->generate = shape_of(prog->name) ? shape_make : series;
		if (shape_of(prog->name))
			prog->what = shape_of(prog->name)->what;
		return 0;
	}
	err = bench_program_init(prog, dir);
	if (!err)
		err = bench_code_get(prog, false, &code);
	if (err)
		return err;
	snprintf(what, sizeof(what), "%u instructions: %s", code.n_insns, prog->what);
	prog->what = what;
	free(code.insns);
	return 0;
}

/* ---- ours --------------------------------------------------------------------------------- */

struct unit {
	const struct verified *verified;
	struct map *map;
	enum vm_exec exec;
	struct visor_state *run; /* for its result */
};

static int unit_make(const struct bench_program *prog, enum vm_exec exec, struct unit *u,
		     struct visor_diag *diag)
{
	struct bench_code code;
	int err = bench_code_get(prog, false, &code);

	u->exec = exec;
	if (!err && prog->map && !u->map)
		err = visor_map_make(prog->map, &u->map, diag);
	if (!err)
		/* What verification would take for too much is compiled all the same. */
		err = visor_verify(&code, u->map, shape_of(prog->name), &u->verified, diag);
	free(code.insns);
	return err;
}

static int unit_compile(const struct unit *u, struct vm_prog **out, struct visor_diag *diag)
{
	return visor_prog_make(u->verified, u->map, NULL, u->exec, 1, out, diag);
}

static int ours_load(const struct bench_program *prog, enum vm_exec exec, void **state, char *note,
		     size_t size)
{
	struct unit *u = calloc(1, sizeof(*u));
	struct visor_diag diag = {0};
	struct vm_prog *vm;
	int err = u ? unit_make(prog, exec, u, &diag) : -ENOMEM;

	if (!err)
		err = unit_compile(u, &vm, &diag);
	if (err)
		return visor_note(err, &diag, note, size);
	vm_prog_unref(vm);
	*state = u;
	return visor_state_new(NULL, prog, (void **)&u->run);
}

static int visor_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return ours_load(prog, VM_EXEC_INTERPRETED, state, note, size);
}

static int jit_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return ours_load(prog, VM_EXEC_NATIVE, state, note, size);
}

static int ours_run(void *state, const struct bench_program *prog, uint32_t repeat,
		    uint32_t *result, double *ns)
{
	const struct unit *u = state;
	struct visor_diag diag;
	double sum = 0, ignored;
	int err = 0;

	for (uint32_t i = 0; i < repeat && !err; i++) {
		double start = bench_now();

		err = unit_compile(u, &u->run->prog, &diag);
		sum += bench_now() - start;
		if (!err && i == repeat - 1)
			err = visor_run_repeat(u->run, prog, 1, result, &ignored);
		vm_prog_unref(u->run->prog);
	}
	*ns = sum / repeat;
	return err;
}

/* ---- memory ------------------------------------------------------------------------------- */

static int ours_keep(const struct bench_program *prog, enum vm_exec exec, uint32_t n, char *note,
		     size_t size)
{
	static struct unit u;
	struct visor_diag diag = {0};
	struct vm_prog *vm;
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		err = unit_make(prog, exec, &u, &diag);
		if (!err)
			err = unit_compile(&u, &vm, &diag);
		if (!err)
			verified_unref(u.verified); /* the program has its own reference */
	}
	return visor_note(err, &diag, note, size);
}

static int visor_keep(const struct bench_program *prog, uint32_t n, char *note, size_t size)
{
	return ours_keep(prog, VM_EXEC_INTERPRETED, n, note, size);
}

static int jit_keep(const struct bench_program *prog, uint32_t n, char *note, size_t size)
{
	return ours_keep(prog, VM_EXEC_NATIVE, n, note, size);
}

static const struct {
	const char *name;
	int (*keep)(const struct bench_program *prog, uint32_t n, char *note, size_t size);
} keepers[] = {
	{"jit", jit_keep},
	{"visor", visor_keep},
	{"dpdk-jit", bench_dpdk_keep},
};
#define N_KEEPERS (sizeof(keepers) / sizeof(keepers[0]))

struct usage {
	long mapped, resident, heap;
};

static struct usage usage_now(void)
{
	struct usage u = {0};
	long page = sysconf(_SC_PAGESIZE);
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%ld %ld", &u.mapped, &u.resident) == 2) {
		u.mapped *= page;
		u.resident *= page;
	}
	if (f)
		fclose(f);
	u.heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	return u;
}

static void memory_child(const struct bench_program *prog, size_t k)
{
	char note[200] = "";
	struct usage before, after;
	int err = keepers[k].keep(prog, 16, note, sizeof(note)); /* what is made only once */

	before = usage_now();
	if (!err)
		err = keepers[k].keep(prog, INSTANCES, note, sizeof(note));
	after = usage_now();
	printf("%s\n \"%s\": {\"note\": \"%s\"", k ? "," : "", keepers[k].name, err ? note : "");
	if (!err)
		printf(", \"resident\": %ld, \"mapped\": %ld, \"heap\": %ld",
		       (after.resident - before.resident) / INSTANCES,
		       (after.mapped - before.mapped) / INSTANCES,
		       (after.heap - before.heap) / INSTANCES);
	printf("}");
	fflush(stdout);
	_exit(0);
}

static int memory(struct bench_program *prog)
{
	if (init(prog, bench_own_folder()))
		return 1;
	printf("{");
	for (size_t k = 0; k < N_KEEPERS; k++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			memory_child(prog, k);
		if (pid < 0 || waitpid(pid, NULL, 0) < 0)
			return 1;
	}
	printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_engine visor = {"visor", visor_load, ours_run},
					 jit = {"jit", jit_load, ours_run};
	static const struct bench_engine *const engines[] = {
		&visor,
		&jit,
		&bench_dpdk_compile,
	};
	static const struct bench_suite suite = {"bench-compile",
						 programs,
						 sizeof(programs) / sizeof(programs[0]),
						 engines,
						 sizeof(engines) / sizeof(engines[0]),
						 init};

	if (argc == 2 && !strcmp(argv[1], "memory"))
		return memory(&programs[0]);
	return bench_main(argc, argv, &suite);
}
