/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/disasm.h - instructions to text, in the notations that isa/asm.h reads back.
 *
 * Whatever the bytes are, the text assembles to the same bytes again: an instruction that
 * does not exist, or has something in a reserved field, prints as `.insn 0x...`. (Names that
 * callbacks supply must of course be resolved by the assembler's callbacks.)
 *
 * Reentrant; any thread. Nothing is kept.
 */
#ifndef ISA_DISASM_H
#define ISA_DISASM_H

#include <stdio.h>

#include "isa/insn.h"

enum isa_notation {
	ISA_NOTATION_KERNEL,   /* r0 = *(u32 *)(r1 +4) */
	ISA_NOTATION_MNEMONIC, /* ldxw %r0, [%r1+4] */
};

/* What isa_dump puts around the text. NUMBERS | OPCODES is what bpftool prints. */
enum isa_dump_flag {
	ISA_DUMP_NUMBERS = 1, /* "   3: " */
	ISA_DUMP_OPCODES = 2, /* "(61) " */
	ISA_DUMP_BYTES = 4,   /* the bytes in hex on the next line */
	ISA_DUMP_LABELS = 8,  /* names for the targets of jumps and calls */
	ISA_DUMP_MAP_IDS = 16 /* map references are ids (loaded programs), not descriptors */
};

/* Names are borrowed. A callback may be NULL, or return NULL: the number is printed. Names
 * that the assembler could not read back are not used. */
struct isa_disasm_opts {
	enum isa_notation notation;
	uint32_t flags; /* enum isa_dump_flag */
	/* Name of a helper, without the bpf_ prefix. */
	const char *(*helper)(void *user, uint32_t id);
	/* Name of the map that an ISA_LD_MAP_FD or ISA_LD_MAP_VALUE refers to. */
	const char *(*map)(void *user, const struct bpf_insn *insn);
	/* Name of the local function that starts at this instruction. */
	const char *(*func)(void *user, uint32_t insn);
	void *user;
};

#define ISA_TEXT_MAX 384 /* a buffer that any instruction's text fits in */

/*
 * Writes the text of insns[i], 0-terminated and cut at size, to buf; opts may be NULL.
 * Returns the number of slots that the text stands for, 1 or 2.
 */
int isa_disasm(const struct bpf_insn *insns, uint32_t n_insns, uint32_t i,
	       const struct isa_disasm_opts *opts, char *buf, size_t size);

/* Prints a program. -ENOMEM, or -EIO if the stream refused something. */
int isa_dump(FILE *to, const struct bpf_insn *insns, uint32_t n_insns,
	     const struct isa_disasm_opts *opts);

#endif
