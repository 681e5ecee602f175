/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as instructions: looked up, validated, printed in every way, and back to the bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "isa/asm.h"
#include "isa/disasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct bpf_insn *insns, uint32_t n, enum isa_notation notation,
		       uint32_t flags)
{
	struct isa_disasm_opts opts = {.notation = notation, .flags = flags};
	struct visor_diag diag;
	struct bpf_insn *back;
	char *text = NULL;
	size_t len;
	uint32_t n_back;
	FILE *f = open_memstream(&text, &len);

	if (!f || isa_dump(f, insns, n, &opts) || fclose(f))
		abort();
	if (isa_assemble(text, len, NULL, &back, &n_back, &diag)) {
		visor_diag_print(&diag, stderr);
		abort();
	}
	if (n_back != n || memcmp(back, insns, n * sizeof(*insns)))
		abort();
	free(back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n = (uint32_t)(size / sizeof(struct bpf_insn));
	struct bpf_insn *insns;

	if (!n)
		return 0;
	/* exactly as many as there are: reading beyond the last one is an error */
	insns = malloc(n * sizeof(*insns));
	if (!insns)
		return 0;
	memcpy(insns, data, n * sizeof(*insns));
	for (uint32_t i = 0; i < n; i++) {
		const char *why;
		int64_t delta;
		int id = isa_lookup(&insns[i]);

		/* an instruction that is valid exists */
		if (!isa_validate(&insns[i], n - i, &why) != !why || (!why && id < 0))
			abort();
		if (isa_jump(&insns[i], &delta) && id < 0)
			abort();
	}
	round_trip(insns, n, ISA_NOTATION_KERNEL, ISA_DUMP_LABELS);
	round_trip(insns, n, ISA_NOTATION_KERNEL,
		   ISA_DUMP_NUMBERS | ISA_DUMP_OPCODES | ISA_DUMP_BYTES);
	round_trip(insns, n, ISA_NOTATION_MNEMONIC, size & 1 ? ISA_DUMP_LABELS : 0);
	free(insns);
	return 0;
}
