/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/asm.h - text to instructions.
 *
 * Reads the kernel's notation (what isa/disasm.h, bpftool and the verifier's log print) and
 * the mnemonic notation of the conformance suite, line by line and mixed at will:
 *
 *   entry:                         label; an instruction may follow on the line
 *      3: (61) r0 = *(u32 *)(r1 +4)   number and opcode of a dump are optional
 *      ldxw %r0, [%r1+4]           the same instruction
 *      if r0 s> -5 goto entry      jump to a label, or pc+2, or +2
 *      call bpf_ktime_get_ns       helper or local function by name, helper by number
 *      r1 = map[acl]               map by name, map[fd:5], map[id:5]
 *      .insn 0x95                  raw 64-bit words, low byte first: opcode
 *
 * Comments start with ; or // or with a # that is not glued to a name. A line of 8 or 16
 * two-digit hex bytes, as dumps print below an instruction, is a comment, too.
 *
 * `r1 = 5` is a move and `r1 = 0x5` the two-slot load, as the kernel prints them; an opcode
 * in front, `(b7)`, or `ll` behind the number decides otherwise. An immediate may be written
 * as a signed or as an unsigned number of its width. The label `exit`, if not defined, is
 * the first exit instruction. The result is not validated: r11 to r15 and reserved opcodes
 * can be written, so that the rejection of such programs can be tested.
 *
 * Reentrant; any thread. The result is the caller's, to be released with free().
 */
#ifndef ISA_ASM_H
#define ISA_ASM_H

#include "base/diag.h"
#include "isa/insn.h"

struct isa_asm_opts {
	/* Id of a helper by its name ("bpf_map_lookup_elem"), or negative. May be NULL. */
	int (*helper)(void *user, const char *name);
	/* What to write into the immediate for a map's name, or negative. May be NULL. */
	int (*map)(void *user, const char *name);
	void *user;
};

/*
 * Assembles text[0..len); opts may be NULL. On success *insns holds *n_insns instructions
 * (at least one). -EINVAL: wrong text, diag->place is "LINE:COLUMN"; -E2BIG: more than
 * ISA_ASM_MAX instructions; -ENOMEM.
 */
int isa_assemble(const char *text, size_t len, const struct isa_asm_opts *opts,
		 struct bpf_insn **insns, uint32_t *n_insns, struct visor_diag *diag);
#define ISA_ASM_MAX (1u << 24)

#endif
