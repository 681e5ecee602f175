/* SPDX-License-Identifier: BSD-2-Clause */
/* catalog/text.c - the public assembler and disassembler: isa's, with the catalog's helper names.
 */
#include "visor/isa.h"

#include "base/diag.h"
#include "catalog/catalog.h"
#include "isa/asm.h"
#include "isa/disasm.h"

_Static_assert((int)VISOR_DISASM_NUMBERS == ISA_DUMP_NUMBERS &&
		       (int)VISOR_DISASM_OPCODES == ISA_DUMP_OPCODES &&
		       (int)VISOR_DISASM_BYTES == ISA_DUMP_BYTES &&
		       (int)VISOR_DISASM_LABELS == ISA_DUMP_LABELS &&
		       (int)VISOR_DISASM_MAP_IDS == ISA_DUMP_MAP_IDS,
	       "public flags are the internal ones");

static int text_helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static int text_map_fd(void *user, const char *name)
{
	const struct visor_asm_opts *opts = user;

	return opts->map ? opts->map(opts->user, name) : -1;
}

VISOR_EXPORT int visor_assemble(const char *text, size_t len, const struct visor_asm_opts *opts,
				struct bpf_insn **insns, uint32_t *n_insns, struct visor_diag *diag)
{
	struct visor_asm_opts o;
	struct isa_asm_opts names = {.helper = text_helper_id, .map = text_map_fd, .user = &o};
	int err = opts_get(&o, sizeof(o), opts);

	if (err)
		return diag_fail(diag, err, "assemble", "the options are not of this version");
	return isa_assemble(text, len, &names, insns, n_insns, diag);
}

static const char *text_helper_name(void *user, uint32_t id)
{
	return catalog_helper_name(id);
}

static const char *text_map_name(void *user, const struct bpf_insn *insn)
{
	const struct visor_disasm_opts *opts = user;

	return opts->map ? opts->map(opts->user, insn) : NULL;
}

static const char *text_func_name(void *user, uint32_t insn)
{
	const struct visor_disasm_opts *opts = user;

	return opts->func ? opts->func(opts->user, insn) : NULL;
}

VISOR_EXPORT int visor_disassemble(FILE *to, const struct bpf_insn *insns, uint32_t n_insns,
				   const struct visor_disasm_opts *opts, struct visor_diag *diag)
{
	struct visor_disasm_opts o;
	struct isa_disasm_opts names = {.helper = text_helper_name,
					.map = text_map_name,
					.func = text_func_name,
					.user = &o};
	int err = opts_get(&o, sizeof(o), opts);

	if (err || o.flags >= 2 * VISOR_DISASM_MNEMONIC)
		return diag_fail(diag, err ? err : -EINVAL, "disassemble",
				 "the options are not of this version");
	names.flags = o.flags & ~(uint32_t)VISOR_DISASM_MNEMONIC;
	names.notation =
		o.flags & VISOR_DISASM_MNEMONIC ? ISA_NOTATION_MNEMONIC : ISA_NOTATION_KERNEL;
	err = isa_dump(to, insns, n_insns, &names);
	return err ? diag_fail(diag, err, "disassemble", "the program cannot be printed") : 0;
}
