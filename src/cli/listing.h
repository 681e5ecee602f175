/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/listing.h - a program as text in the kernel's notation, with its C source between.
 *
 *     int acl_xdp(struct xdp_md *ctx):       the function that starts here
 *     ; data = ctx->data;                    the source line that starts here
 *        0: (61) r2 = *(u32 *)(r1 +0)
 *
 * Everything is borrowed for the time of the call. The text assembles again: what is not
 * an instruction is a comment or a label.
 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "cli/json.h"
#include "isa/disasm.h"

struct listing {
	const struct bpf_insn *insns;
	uint32_t n_insns;
	bool opcodes;		      /* show the bytes of each instruction */
	struct isa_disasm_opts names; /* how things are called; flags and notation, too */
	/* NULL, or the source line that starts at this instruction (or NULL). */
	const char *(*source)(void *user, uint32_t insn, const char **file, uint32_t *line);
	/* NULL, or what cannot be said in the instruction itself (or NULL). */
	const char *(*note)(void *user, uint32_t insn);
	void *user; /* of source and note */
};

/* A line of source, as a comment: nothing but text reaches a terminal. */
void listing_comment(const char *text, FILE *to);
void listing_print(const struct listing *l, FILE *to);
/* An array of objects, one for each instruction. */
void listing_json(const struct listing *l, struct json *j, const char *key);

#endif
