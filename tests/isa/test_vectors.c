/* SPDX-License-Identifier: BSD-2-Clause */
/* Every conformance vector assembles, to the words of its raw section where it has one, and
 * comes back from both notations. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "isa/disasm.h"
#include "vector.h"

/* The program as text in that notation assembles to the same bytes. */
static int check_text(const struct vector *v, enum isa_notation notation, uint32_t flags)
{
	struct isa_disasm_opts opts = {.notation = notation, .flags = flags};
	struct visor_diag diag = {0};
	struct bpf_insn *back = NULL;
	uint32_t n = 0;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int err;

	err = isa_dump(f, v->insns, v->n_insns, &opts);
	fclose(f);
	if (!err)
		err = isa_assemble(text, size, NULL, &back, &n, &diag);
	if (err)
		visor_diag_print(&diag, stderr);
	else if (n != v->n_insns || memcmp(back, v->insns, n * sizeof(*back)))
		err = -EINVAL;
	if (err)
		fprintf(stderr, "%s does not come back from:\n%s", v->name, text);
	free(back);
	free(text);
	return err;
}

static int check(const struct vector *v, void *user)
{
	int *with_raw = user, err;

	if (v->has_raw && v->assembled) {
		++*with_raw;
		if (v->n_assembled != v->n_insns ||
		    memcmp(v->assembled, v->insns, v->n_insns * sizeof(*v->insns))) {
			fprintf(stderr, "%s: asm and raw sections differ\n", v->name);
			return -EINVAL;
		}
	}
	err = check_text(v, ISA_NOTATION_MNEMONIC, 0);
	if (!err)
		err = check_text(v, ISA_NOTATION_MNEMONIC, ISA_DUMP_LABELS);
	if (!err)
		err = check_text(v, ISA_NOTATION_KERNEL, 0);
	if (!err)
		err = check_text(v, ISA_NOTATION_KERNEL,
				 ISA_DUMP_NUMBERS | ISA_DUMP_OPCODES | ISA_DUMP_BYTES);
	return err;
}

int main(void)
{
	struct visor_diag diag = {0};
	int with_raw = 0, n = vector_each(check, &with_raw, &diag);

	if (n == -ENOENT) {
		fprintf(stderr, "skipped: no vectors in VISOR_DATA/isa\n");
		return 77;
	}
	if (n < 0) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	printf("%d vectors, %d with raw words\n", n, with_raw);
	return n == 0 || with_raw == 0;
}
