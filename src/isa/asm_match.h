/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/asm_match.h - one statement of assembly: its tokens, and the table row they match.
 *
 * Tokens and statements point into the text and are valid as long as it is. Reentrant.
 */
#ifndef ISA_ASM_MATCH_H
#define ISA_ASM_MATCH_H

#include "base/diag.h"
#include "isa/insn.h"

enum asm_kind {
	ASM_END,  /* end of the line or a comment */
	ASM_WORD, /* name or register */
	ASM_NUM,
	ASM_SIGN, /* operator or punctuation */
	ASM_HASH, /* the # glued to a name, as in bpf_map_lookup_elem#1 */
	ASM_BAD,  /* a byte that starts no token; a number that is none */
};

struct asm_token {
	const char *s;
	uint32_t len;
	uint8_t kind; /* enum asm_kind */
	char bank;    /* 'r' or 'w' if the word is a register, otherwise 0 */
	uint8_t reg;
	bool hex;
	int16_t literal; /* number of the word or sign among those of the templates, or -1 */
	uint64_t num;
};

/* A name that the statement refers to, resolved when the whole text has been read. */
enum asm_ref {
	ASM_REF_NONE,
	ASM_REF_JUMP,	/* label -> off */
	ASM_REF_JUMP32, /* label -> imm */
	ASM_REF_CALL,	/* label or helper -> imm and src */
	ASM_REF_MAP,	/* map -> imm */
};

struct asm_stmt {
	struct bpf_insn insn[2];
	int slots;
	enum asm_ref ref;
	const struct asm_token *name; /* of ref */
};

#define ASM_MAX_TOKENS 48

/* True for the characters that names are made of. */
bool asm_is_word(char c);

/* Splits a line (without newline); the last token is ASM_END. -EINVAL if it has too many. */
int asm_lex(const char *s, const char *end, struct asm_token tok[ASM_MAX_TOKENS]);

/*
 * Matches tokens against the templates of all rows. opcode: the one written in front of the
 * instruction, or -1. Returns 0, or -EINVAL with diag (no place) and *at, the token to blame.
 */
int asm_match(const struct asm_token *tok, int opcode, struct asm_stmt *out,
	      const struct asm_token **at, struct visor_diag *diag);

#endif
