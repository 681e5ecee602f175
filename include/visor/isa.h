/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/isa.h - eBPF instructions as text: assembler and disassembler.
 *
 * Two notations are known, and the assembler reads both, mixed at will:
 *
 *   kernel     r0 = *(u32 *)(r1 +4)     as bpftool and the kernel's verifier print
 *   mnemonic   ldxw %r0, [%r1+4]        as the BPF conformance suite writes
 *
 *   entry:                              label; `goto entry`, `goto pc+2`, `goto +2`
 *   call bpf_ktime_get_ns               helper by name or number, local function by label
 *   r1 = map[acl]                       map by name, map[fd:5], map[id:5]
 *   .insn 0x95                          raw 64-bit words, low byte first: opcode
 *   12: (b7) r0 = 5   ; comment         a line of a dump, as it is; comments: ; // #
 *
 * `r1 = 5` is a move and `r1 = 0x5` the two-slot load, as the kernel prints them; an opcode
 * in front, `(b7)`, or `ll` behind the number decides otherwise. Neither function judges a
 * program: any bytes can be printed, and what is printed assembles to the same bytes.
 *
 * Functions return 0 or a negative errno; diag is optional. Reentrant, any thread.
 */
#ifndef VISOR_ISA_H
#define VISOR_ISA_H

#include <visor/diag.h>
#include <visor/uapi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Initialise with VISOR_OPTS() of visor/visor.h, or set sz to the size of the struct. */
struct visor_asm_opts {
	size_t sz;
	/* Descriptor of a map by its name, or negative. NULL: no map has a name. */
	int (*map)(void *user, const char *name);
	void *user;
};

/*
 * Assembles text[0..len). The result is the caller's, to be released with free(). -EINVAL:
 * wrong text, diag->place is "LINE:COLUMN". opts may be NULL.
 */
int visor_assemble(const char *text, size_t len, const struct visor_asm_opts *opts,
		   struct bpf_insn **insns, uint32_t *n_insns, struct visor_diag *diag);

enum visor_disasm_flag {
	VISOR_DISASM_NUMBERS = 1,   /* "   3: " in front */
	VISOR_DISASM_OPCODES = 2,   /* "(61) " in front */
	VISOR_DISASM_BYTES = 4,	    /* the bytes in hex on a line below */
	VISOR_DISASM_LABELS = 8,    /* labels for the targets of jumps and calls */
	VISOR_DISASM_MAP_IDS = 16,  /* map references are ids, not descriptors */
	VISOR_DISASM_MNEMONIC = 32, /* the mnemonic notation */
};

struct visor_disasm_opts {
	size_t sz;
	uint32_t flags; /* enum visor_disasm_flag */
	/* Names, borrowed; NULL: the number is printed. May be NULL themselves. */
	const char *(*map)(void *user, const struct bpf_insn *insn); /* of a map reference */
	const char *(*func)(void *user, uint32_t insn); /* of the function that starts there */
	void *user;
};

/* Prints a program. -EIO: the stream refused something; -ENOMEM. opts may be NULL. */
int visor_disassemble(FILE *to, const struct bpf_insn *insns, uint32_t n_insns,
		      const struct visor_disasm_opts *opts, struct visor_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
