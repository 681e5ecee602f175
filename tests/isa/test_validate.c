/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa_validate and the kernel agree on single instructions: for all opcodes and every row of
 * the table, with each field set to good, odd and reserved values, whatever one rejects for a
 * reason that lies in the instruction alone, the other does, with the same errno and words.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

static int failures, compared;

/* How the kernel's complaints about the surroundings of an instruction begin. They say nothing
 * of the instruction, and may come before a complaint that does. */
static const char *const surroundings[] = {
	"jump out of range",
	"fd ",
	"fd_idx",
	"call to invalid destination",
	"failed to find BTF",
	"kernel btf_id",
	"invalid module BTF",
	"pseudo btf_id",
	"addr_space_cast",
	"last insn is not",
	"unreachable insn",
	"invalid kernel function call",
};

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* True for the kernel's words on a single instruction; those are all that isa_validate has. */
static bool is_single(const char *message)
{
	return strstr(message, "uses reserved fields") || strstr(message, "is invalid\n") ||
	       starts(message, "unknown opcode") || starts(message, "invalid bpf_ld_imm64") ||
	       starts(message, "unrecognized bpf_ld_imm64") || starts(message, "div by zero") ||
	       starts(message, "invalid shift") || starts(message, "invalid may_goto") ||
	       strstr(message, "invalid atomic op") ||
	       starts(message, "frame pointer is read only");
}

/* The program around the instruction: all registers hold numbers but r6, the context; the
 * instruction can be jumped over, so nothing is unreachable wherever it leads. */
static uint32_t embed(const struct bpf_insn *insn, struct bpf_insn out[32])
{
	uint32_t n = 0;

	out[n++] =
		(struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1};
	for (uint8_t r = 0; r < 10; r++)
		if (r != 6)
			out[n++] = (struct bpf_insn){
				.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = r, .src_reg = 6};
	out[n++] = (struct bpf_insn){.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8};
	out[n++] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JEQ | BPF_K, .off = (int16_t)isa_slots(insn), .imm = 9};
	memcpy(&out[n], insn, (size_t)isa_slots(insn) * sizeof(*insn));
	n += (uint32_t)isa_slots(insn);
	for (int i = 0; i < 4; i++)
		out[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	out[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

/* The last message of a log, in front of the statistics. */
static const char *last_message(char *log)
{
	char *end = strstr(log, "processed "), *line;

	if (!end)
		end = log + strlen(log);
	if (end > log)
		end[-1] = '\0';
	line = strrchr(log, '\n');
	line = line ? line + 1 : log;
	strcat(line, "\n");
	return line;
}

static void compare(const struct bpf_insn insn[2])
{
	static char log[1 << 16];
	struct bpf_insn prog[32];
	uint32_t n = embed(insn, prog);
	const char *why, *message;
	int ours = isa_validate(insn, (size_t)isa_slots(insn), &why);
	long theirs = kernel_load(prog, n, log, sizeof(log) - 2);
	bool agree;

	if (theirs >= 0)
		close((int)theirs);
	message = theirs < 0 ? last_message(log) : "accepted\n";
	for (size_t i = 0; i < ARRAY_SIZE(surroundings); i++)
		if (starts(message, surroundings[i]))
			return;
	if (isa_lookup(insn) == ISA_CALL_REG)
		return;
	compared++;
	if (ours)
		agree = theirs == ours && starts(message, why);
	else
		agree = theirs >= 0 || !is_single(message);
	if (agree)
		return;
	failures++;
	fprintf(stderr, "code %02x dst %d src %d off %d imm %d: %s, the kernel (%ld): %s",
		insn->code, insn->dst_reg, insn->src_reg, insn->off, insn->imm,
		ours ? why : "accepted", theirs, message);
}

static void compare_variants(const struct bpf_insn *base)
{
	struct bpf_insn i[2] = {*base};
#define VARIANT(...)          \
	do {                  \
		i[0] = *base; \
		i[1].imm = 0; \
		__VA_ARGS__;  \
		compare(i);   \
	} while (0)

	VARIANT();
	VARIANT(i->dst_reg = 10);
	VARIANT(i->dst_reg = 11);
	VARIANT(i->src_reg = 1);
	VARIANT(i->src_reg = 10);
	VARIANT(i->src_reg = 15);
	VARIANT(i->off = 1);
	VARIANT(i->imm = 1);
	VARIANT(i->imm = 63);
	VARIANT(i->imm = -1);
	VARIANT(i->dst_reg = 10, i->imm = 64);
	VARIANT(i->dst_reg = 12, i->off = 3);
	VARIANT(i->src_reg = 11, i->off = -8);
	if (isa_slots(base) == 2) {
		VARIANT(i[1].imm = 7);
		VARIANT(i[1].off = 1; i[0].dst_reg = 11);
		i[1].off = 0;
	}
#undef VARIANT
}

int main(void)
{
	if (!kernel_usable()) {
		fprintf(stderr, "skipped: programs cannot be loaded into this kernel\n");
		return 77;
	}
	for (unsigned int code = 0; code < 256; code++) {
		struct bpf_insn insn[2] = {{.code = (uint8_t)code}};

		compare(insn);
	}
	for (int id = 0; id < ISA_COUNT; id++) {
		const struct isa_desc *desc = &isa_table[id];
		struct bpf_insn insn = {.code = desc->opcode};

		if (desc->selector == ISA_SRC)
			insn.src_reg = (uint8_t)desc->sel & 15;
		if (desc->selector == ISA_OFF)
			insn.off = (int16_t)desc->sel;
		if (desc->selector == ISA_IMM)
			insn.imm = desc->sel;
		compare_variants(&insn);
	}
	printf("%d verdicts compared, %d differ\n", compared, failures);
	return failures || compared < 1000;
}
