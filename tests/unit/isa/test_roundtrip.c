/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text and bytes are two forms of one thing: every row of the table with random operands,
 * random instructions and random bytes survive disassembly and assembly bit by bit, in both
 * notations and with everything that a dump may add.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "isa/disasm.h"

static uint64_t seed;

static uint64_t rnd(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* A number whose extremes are as likely as its middle. */
static uint32_t rnd_imm(void)
{
	static const uint32_t edges[] = {0, 1, 2, 10, 0x7fff, 0x7fffffff, 0x80000000, 0xffffffff};

	return rnd() & 1 ? edges[rnd() % ARRAY_SIZE(edges)] : (uint32_t)rnd();
}

static const struct isa_desc *rnd_row(struct bpf_insn insn[2], int id)
{
	const struct isa_desc *desc = &isa_table[id];

	memset(insn, 0, 2 * sizeof(*insn));
	insn->code = desc->opcode;
	if (desc->operands & ISA_DST)
		insn->dst_reg = rnd() % 11;
	if (desc->operands & ISA_SRC)
		insn->src_reg = rnd() % 11;
	if (desc->operands & ISA_OFF)
		insn->off = (int16_t)rnd_imm();
	if (desc->operands & ISA_IMM)
		insn->imm = (int32_t)rnd_imm();
	if (desc->selector == ISA_SRC)
		insn->src_reg = (uint8_t)desc->sel & 15;
	if (desc->selector == ISA_OFF)
		insn->off = (int16_t)desc->sel;
	if (desc->selector == ISA_IMM)
		insn->imm = desc->sel;
	return desc;
}

static const char *name_of(void *user, uint32_t id)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s_%u", (const char *)user, id);
	return name;
}

/* Disassembles and assembles in every way, or every step'th; the bytes must come back. */
static void round_trip(const struct bpf_insn *insns, uint32_t n, uint32_t step)
{
	for (uint32_t way = (uint32_t)(rnd() % step); way < 64; way += step) {
		char user[] = "name";
		struct isa_disasm_opts opts = {.notation = way & 32 ? ISA_NOTATION_MNEMONIC
								    : ISA_NOTATION_KERNEL,
					       .flags = way & 31,
					       .helper = way & 1 ? name_of : NULL,
					       .func = way & 2 ? name_of : NULL,
					       .user = user};
		struct visor_diag diag = {0};
		struct bpf_insn *back = NULL;
		char *text = NULL;
		size_t len = 0;
		uint32_t n_back = 0;
		FILE *f = open_memstream(&text, &len);

		assert_non_null(f);
		assert_int_equal(isa_dump(f, insns, n, &opts), 0);
		fclose(f);
		if (isa_assemble(text, len, NULL, &back, &n_back, &diag)) {
			visor_diag_print(&diag, stderr);
			fail_msg("way %u does not assemble:\n%s", way, text);
		}
		if (n_back != n || memcmp(back, insns, n * sizeof(*insns)))
			fail_msg("way %u gives other bytes:\n%s", way, text);
		free(back);
		free(text);
	}
}

static void every_row(void **state)
{
	for (int id = 0; id < ISA_COUNT; id++) {
		for (int i = 0; i < 20; i++) {
			struct bpf_insn insn[2];
			const struct isa_desc *desc = rnd_row(insn, id);
			char text[ISA_TEXT_MAX];

			if (strstr(desc->text, "%q") || strstr(desc->text, "%O"))
				insn[1].imm = (int32_t)rnd_imm();
			isa_disasm(insn, 2, 0, NULL, text, sizeof(text));
			if (!strncmp(text, ".insn", 5))
				fail_msg("%s does not print: %s", desc->name, text);
			assert_int_equal(isa_lookup(insn), id);
			round_trip(insn, (uint32_t)isa_slots(insn), 7);
		}
	}
}

static void random_programs(void **state)
{
	struct bpf_insn insns[64 + 1];

	for (int i = 0; i < 100; i++) {
		uint32_t n = 0;

		while (n < 64) {
			struct bpf_insn insn[2];
			const struct isa_desc *desc = rnd_row(insn, (int)(rnd() % ISA_COUNT));

			/* most distances stay inside, so that there are labels */
			if (desc->operands & ISA_OFF && rnd() % 4)
				insn->off = (int16_t)(rnd() % 64 - n);
			if (desc->operands & ISA_IMM && rnd() % 4)
				insn->imm = (int32_t)(rnd() % 64 - n);
			memcpy(&insns[n], insn, sizeof(insn));
			n += (uint32_t)isa_slots(insn);
		}
		round_trip(insns, 1 + (uint32_t)rnd() % 64, 1);
	}
}

static void random_bytes(void **state)
{
	for (int i = 0; i < 300; i++) {
		struct bpf_insn insns[16];

		for (size_t j = 0; j < sizeof(insns) / 8; j++) {
			uint64_t word = rnd();

			/* sparse words are nearly instructions */
			if (rnd() & 1)
				word &= rnd() & rnd() & rnd();
			if (rnd() % 3 == 0)
				word = (word & ~UINT64_C(255)) |
				       isa_table[rnd() % ISA_COUNT].opcode;
			memcpy(&insns[j], &word, sizeof(word));
		}
		round_trip(insns, ARRAY_SIZE(insns), 5);
	}
}

/* All 256 opcodes, alone and with each field set. */
static void every_opcode(void **state)
{
	for (unsigned int code = 0; code < 256; code++) {
		for (unsigned int fields = 0; fields < 16; fields++) {
			struct bpf_insn insns[2] = {{.code = (uint8_t)code,
						     .dst_reg = fields & 1 ? 11 : 0,
						     .src_reg = fields & 2 ? 2 : 0,
						     .off = fields & 4 ? 1 : 0,
						     .imm = fields & 8 ? 16 : 0},
						    {.code = BPF_JMP | BPF_EXIT}};

			round_trip(insns, 2, 15);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(random_programs),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(every_opcode),
	};
	const char *s = getenv("VISOR_SEED");

	seed = s ? strtoull(s, NULL, 0) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
