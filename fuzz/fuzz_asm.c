/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text through the assembler: a diagnostic with a place, or a program that prints and
 * assembles to itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "isa/asm.h"
#include "isa/disasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int number_of(void *user, const char *name)
{
	return strlen(name) < 24 ? (int)strlen(name) : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct isa_asm_opts opts = {.helper = number_of, .map = number_of};
	struct bpf_insn *insns = NULL, *back = NULL;
	struct visor_diag diag = {0};
	char *text = NULL;
	uint32_t n = 0, n_back = 0;
	size_t len;
	int err = isa_assemble((const char *)data, size, &opts, &insns, &n, &diag);
	FILE *f;

	if (err) {
		if (insns || diag.err != err || !diag.text[0])
			abort();
		if (!diag.place[0] && strcmp(diag.text, "there are no instructions"))
			abort();
		return 0;
	}
	f = open_memstream(&text, &len);
	if (!n || !f || isa_dump(f, insns, n, NULL) || fclose(f))
		abort();
	if (isa_assemble(text, len, NULL, &back, &n_back, &diag)) {
		visor_diag_print(&diag, stderr);
		abort();
	}
	if (n_back != n || memcmp(back, insns, n * sizeof(*insns)))
		abort();
	free(insns);
	free(back);
	free(text);
	return 0;
}
