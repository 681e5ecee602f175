/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole verifier on any bytes: no verdict may depend on what was verified before, every refusal
 * has its reason, and logs and reports of anything can be written.
 *
 *   byte 0: program type    byte 1: bits of `enum setting`    then 8 bytes for each instruction
 *
 * With REPAIR, opcodes and registers are made valid and jumps short, so that a look is taken at
 * more than the first instruction.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/verify/world.h"
#include "isa/insn.h"
#include "programs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum setting {
	REPAIR = 1,
	UNPRIVILEGED = 2,
	STRICT = 4,
	GPL = 8,
	ENGINE = 16,
	SLEEPABLE = 32,
	LOG = 64,
	TYPES = 128, /* those of a program without types are not looked at */
};

#define MAX_STEPS 20000 /* of verification: what takes longer is no better a test */

struct outcome {
	int err;
	uint32_t insns;
	char text[256];
};

static struct world world;
static struct verify_image base; /* maps and types */
static struct bpf_insn insns[PROGRAMS_MAX];
static FILE *nowhere;
static uint32_t steps;

/* A program that calls, to have the types of as many functions as programs may have. */
static void set_up(void)
{
	static const char text[] = PROGRAMS_WORLD;
	struct bpf_insn calls[PROGRAMS_FUNCS];

	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		world_line(&world, line);
	for (uint32_t i = 0; i < PROGRAMS_FUNCS; i++)
		calls[i] =
			(struct bpf_insn){.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL};
	world_build(&world, calls, PROGRAMS_FUNCS - 1, true);
	world_image(&world, &base, insns, NULL);
	nowhere = fopen("/dev/null", "w");
}

static void repair(struct bpf_insn *insn, uint32_t at, uint32_t n)
{
	const struct isa_desc *desc = &isa_table[insn->code % ISA_COUNT];
	int64_t delta;

	insn->code = desc->opcode;
	insn->dst_reg %= 11;
	insn->src_reg %= 11;
	if (desc->selector == ISA_SRC)
		insn->src_reg = (uint8_t)desc->sel & 15;
	else if (desc->selector == ISA_OFF)
		insn->off = (int16_t)desc->sel;
	else if (desc->selector == ISA_IMM)
		insn->imm = desc->sel;
	if (!(desc->operands & ISA_DST))
		insn->dst_reg = 0;
	if (!(desc->operands & ISA_SRC) && desc->selector != ISA_SRC)
		insn->src_reg = 0;
	if (!(desc->operands & ISA_OFF) && desc->selector != ISA_OFF)
		insn->off = 0;
	if (!(desc->operands & ISA_IMM) && desc->selector != ISA_IMM)
		insn->imm = 0;
	if (isa_jump(insn, &delta) && n > 1) {
		delta = (int64_t)((uint64_t)delta % n) - at - 1;
		if (insn->code == (BPF_JMP32 | BPF_JA))
			insn->imm = (int32_t)delta;
		else
			insn->off = (int16_t)delta;
	}
}

static uint32_t shape(const uint8_t *data, size_t size, unsigned settings)
{
	uint32_t n = (uint32_t)MIN(size / sizeof(*insns), PROGRAMS_MAX);

	memcpy(insns, data, n * sizeof(*insns));
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_insn *insn = &insns[i];

		if (settings & REPAIR)
			repair(insn, i, n);
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (settings & REPAIR && i + 1 < n)
			insns[i + 1] = (struct bpf_insn){.imm = insns[i + 1].imm & 63};
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			insn->src_reg += BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
		if (insn->src_reg == BPF_PSEUDO_MAP_IDX ||
		    insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
			insn->imm = (int32_t)((uint32_t)insn->imm % PROGRAMS_MAPS);
		i++;
	}
	return n;
}

static int observe(void *user, const struct state *state, uint32_t insn)
{
	return ++steps > MAX_STEPS ? -EINTR : 0;
}

static void write_log(void *user, const char *text, size_t len)
{
	fwrite(text, 1, len, nowhere);
}

static struct outcome verify(const struct verify_image *image)
{
	struct verify_image one = *image;
	struct verify_stats stats = {0};
	struct verify_report report = {0};
	struct visor_diag diag = {0};
	const struct verified *v = NULL;
	struct outcome out = {0};

	one.stats = &stats;
	one.report = &report;
	steps = 0;
	out.err = verify_image(&one, &v, &diag);
	out.insns = stats.insns_processed;
	snprintf(out.text, sizeof(out.text), "%.*s", (int)sizeof(out.text) - 1, diag.text);
	if (!out.err != (v != NULL) || out.err > 0)
		abort();
	if (out.err && out.err != -EINTR && !diag.text[0])
		abort();
	if (out.err && out.err != -EINTR && !report.reason)
		abort();
	if (report.reason)
		verify_report_print(&report, nowhere, true);
	verified_unref(v);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t at[PROGRAMS_FUNCS + 1], funcs;
	struct verify_log log = {2, write_log, NULL};
	struct verify_image image;
	struct programs_one program;
	struct outcome first, second;
	unsigned settings;

	if (!nowhere)
		set_up();
	if (size < 2 + sizeof(*insns))
		return 0;
	settings = data[1];
	image = base;
	image.type = catalog_prog_known(1 + data[0] % 33);
	if (!image.type)
		return 0;
	image.n_insns = shape(data + 2, size - 2, settings);
	program.n = image.n_insns;
	memcpy(program.insns, insns, program.n * sizeof(*insns));
	image.insns = insns;
	image.n_func_info = 0;
	funcs = programs_functions(&program, at);
	if (settings & TYPES && funcs <= PROGRAMS_FUNCS) {
		for (uint32_t i = 0; i < funcs; i++)
			info[i] = (struct bpf_func_info){at[i], world.funcs[i].type_id};
		image.func_info = info;
		image.n_func_info = funcs;
	}
	image.gpl = settings & GPL;
	image.engine = settings & ENGINE;
	image.flags = (settings & STRICT ? BPF_F_STRICT_ALIGNMENT : 0) |
		      (settings & SLEEPABLE ? BPF_F_SLEEPABLE : 0);
	image.cap_sys_admin = !(settings & UNPRIVILEGED);
	image.observe = observe;
	first = verify(&image);
	/* Once more, with a log or after other programs. */
	if (settings & LOG)
		image.log = &log;
	second = verify(&image);
	if (first.err != second.err || first.insns != second.insns ||
	    strcmp(first.text, second.text) != 0) {
		fprintf(stderr, "%d '%s' after %u instructions, then %d '%s' after %u\n", first.err,
			first.text, first.insns, second.err, second.text, second.insns);
		abort();
	}
	return 0;
}
