/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/asm.c - the assembler: lines, labels and names around isa/asm_match.c.
 *
 * One pass emits instructions and notes every name; a second one resolves the names, since a
 * label may follow its use. Invariant: a token's text points into the caller's text, which
 * outlives both passes, so nothing is copied.
 */
#include "isa/asm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "isa/asm_match.h"

struct asm_name {
	const char *s;
	uint32_t len;
};

/* A use of a name. */
struct asm_use {
	struct asm_name name;
	uint32_t insn, line, column;
	uint8_t ref; /* enum asm_ref */
};

struct asm_label {
	struct asm_name name;
	uint32_t insn, line;
};

struct asm_state {
	const struct isa_asm_opts *opts;
	struct visor_diag *diag;
	const char *line; /* start of the line being read */
	uint32_t line_no;
	uint32_t first_exit; /* UINT32_MAX: none yet */

	struct bpf_insn *insns;
	uint32_t n_insns, max_insns;
	struct asm_use *uses;
	uint32_t n_uses, max_uses;
	struct asm_label *labels;
	uint32_t n_labels, max_labels;
	uint32_t *slots; /* of labels by hash: 1 + index, 0: free */
	uint32_t n_slots;
};

/* Makes room for one more element; max doubles. */
static int asm_grow(struct asm_state *st, void **array, uint32_t used, uint32_t *max, size_t size)
{
	uint32_t want = *max ? *max * 2 : 64;
	void *p;

	if (used < *max)
		return 0;
	p = realloc(*array, want * size);
	if (!p)
		return diag_fail(st->diag, -ENOMEM, "assemble", "out of memory");
	*array = p;
	*max = want;
	return 0;
}
#define ASM_GROW(st, what) \
	asm_grow(st, (void **)&(st)->what, (st)->n_##what, &(st)->max_##what, sizeof(*(st)->what))

static int asm_fail(struct asm_state *st, uint32_t line, uint32_t column, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static int asm_fail(struct asm_state *st, uint32_t line, uint32_t column, const char *fmt, ...)
{
	char text[sizeof(((struct visor_diag *)NULL)->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_fail(st->diag, -EINVAL, "assemble", "%s", text);
	diag_at(st->diag, "%u:%u", line, column);
	return -EINVAL;
}

static uint32_t asm_column(const struct asm_state *st, const char *at)
{
	return (uint32_t)(at - st->line) + 1;
}

static int asm_emit(struct asm_state *st, const struct bpf_insn *insn)
{
	int err;

	if (st->n_insns == ISA_ASM_MAX)
		return diag_fail(st->diag, -E2BIG, "assemble", "more than %u instructions",
				 ISA_ASM_MAX);
	err = ASM_GROW(st, insns);
	if (err)
		return err;
	if (insn->code == (BPF_JMP | BPF_EXIT) && st->first_exit == UINT32_MAX)
		st->first_exit = st->n_insns;
	st->insns[st->n_insns++] = *insn;
	return 0;
}

/* ---- labels -------------------------------------------------------------------------- */

/* The slot of that name: holding its label, or free. The table must not be full. */
static uint32_t *label_slot(struct asm_state *st, const struct asm_name *name)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < name->len; i++)
		hash = (hash ^ (uint8_t)name->s[i]) * 16777619u;
	for (;; hash++) {
		uint32_t *slot = &st->slots[hash & (st->n_slots - 1)];
		const struct asm_label *label;

		if (!*slot)
			return slot;
		label = &st->labels[*slot - 1];
		if (label->name.len == name->len && !memcmp(label->name.s, name->s, name->len))
			return slot;
	}
}

static const struct asm_label *label_find(struct asm_state *st, const struct asm_name *name)
{
	uint32_t slot = st->n_slots ? *label_slot(st, name) : 0;

	return slot ? &st->labels[slot - 1] : NULL;
}

/* Keeps the table at most half full. */
static int label_rehash(struct asm_state *st)
{
	uint32_t want = st->n_slots ? st->n_slots * 2 : 128;

	if (2 * (st->n_labels + 1) <= st->n_slots)
		return 0;
	free(st->slots);
	st->n_slots = 0;
	st->slots = calloc(want, sizeof(*st->slots));
	if (!st->slots)
		return diag_fail(st->diag, -ENOMEM, "assemble", "out of memory");
	st->n_slots = want;
	for (uint32_t i = 0; i < st->n_labels; i++)
		*label_slot(st, &st->labels[i].name) = i + 1;
	return 0;
}

static int label_define(struct asm_state *st, const char *s, uint32_t len)
{
	struct asm_name name = {.s = s, .len = len};
	uint32_t *slot;
	int err = label_rehash(st);

	if (!err)
		err = ASM_GROW(st, labels);
	if (err)
		return err;
	slot = label_slot(st, &name);
	if (*slot)
		return asm_fail(st, st->line_no, asm_column(st, s),
				"label '%.*s' is already defined in line %u", (int)MIN(len, 80u), s,
				st->labels[*slot - 1].line);
	st->labels[st->n_labels] =
		(struct asm_label){.name = name, .insn = st->n_insns, .line = st->line_no};
	*slot = ++st->n_labels;
	return 0;
}

/* ---- lines --------------------------------------------------------------------------- */

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\f'))
		s++;
	return s;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* True for the bytes of one or two slots as dumps print them: "b7 00 00 00 00 00 00 00". */
static bool is_byte_dump(const char *s, const char *end)
{
	int n = 0;

	for (; end - s >= 2 && hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0; n++) {
		s = skip_blanks(s + 2, end);
		if (s < end && s[-1] != ' ' && s[-1] != '\t' && s[-1] != '\r')
			return false;
	}
	return s == end && (n == 8 || n == 16);
}

/* A dump's "12: " and "(b7) ". Sets *opcode, or -1; returns what follows. */
static const char *skip_dump_prefix(const char *s, const char *end, int *opcode)
{
	const char *p = s;

	*opcode = -1;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p > s && p < end && *p == ':')
		s = skip_blanks(p + 1, end);
	if (end - s >= 4 && s[0] == '(' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0 &&
	    s[3] == ')') {
		*opcode = hex_digit(s[1]) * 16 + hex_digit(s[2]);
		s = skip_blanks(s + 4, end);
	}
	return s;
}

/* The C signature above a function in a dump, "int f(struct xdp_md *ctx):", defines f. */
static int asm_signature(struct asm_state *st, const char *s, const char *end, bool *found)
{
	/* A line may be empty, never negative: the compiler cannot know. */
	const char *paren = end > s ? memchr(s, '(', (size_t)(end - s)) : NULL, *name;

	*found = false;
	while (end > s && skip_blanks(end - 1, end) == end)
		end--;
	if (!paren || end - paren < 2 || end[-1] != ':' || end[-2] != ')')
		return 0;
	for (name = paren; name > s && asm_is_word(name[-1]); name--)
		;
	if (name == paren || memchr(s, ';', (size_t)(end - s)))
		return 0;
	*found = true;
	return label_define(st, name, (uint32_t)(paren - name));
}

/* Words after .insn, separated by blanks or commas. */
static int asm_raw(struct asm_state *st, const struct asm_token *t)
{
	do {
		struct bpf_insn insn = {0};
		int err;

		if (t->kind != ASM_NUM)
			return asm_fail(st, st->line_no, asm_column(st, t->s),
					"expected a 64-bit word");
		insn.code = (uint8_t)t->num;
		insn.dst_reg = (t->num >> 8) & 15;
		insn.src_reg = (t->num >> 12) & 15;
		insn.off = (int16_t)(t->num >> 16);
		insn.imm = (int32_t)(t->num >> 32);
		err = asm_emit(st, &insn);
		if (err)
			return err;
		t++;
		if (t->kind == ASM_SIGN && t->len == 1 && *t->s == ',')
			t++;
	} while (t->kind != ASM_END);
	return 0;
}

static int asm_instruction(struct asm_state *st, const struct asm_token *tok, int opcode)
{
	const struct asm_token *at;
	struct asm_stmt stmt;
	struct asm_use *use;
	int err;

	if (tok->kind == ASM_WORD && tok->len == 5 && !memcmp(tok->s, ".insn", 5))
		return asm_raw(st, tok + 1);
	err = asm_match(tok, opcode, &stmt, &at, st->diag);
	if (err) {
		diag_at(st->diag, "%u:%u", st->line_no, asm_column(st, at->s));
		return err;
	}
	if (stmt.ref != ASM_REF_NONE) {
		err = ASM_GROW(st, uses);
		if (err)
			return err;
		use = &st->uses[st->n_uses++];
		*use = (struct asm_use){.name = {stmt.name->s, stmt.name->len},
					.insn = st->n_insns,
					.line = st->line_no,
					.column = asm_column(st, stmt.name->s),
					.ref = (uint8_t)stmt.ref};
	}
	for (int i = 0; i < stmt.slots && !err; i++)
		err = asm_emit(st, &stmt.insn[i]);
	return err;
}

static int asm_line(struct asm_state *st, const char *end)
{
	struct asm_token tok[ASM_MAX_TOKENS], *t = tok;
	const char *s = skip_blanks(st->line, end);
	bool signature;
	int opcode, err;

	if (s == end || is_byte_dump(s, end))
		return 0;
	err = asm_signature(st, s, end, &signature);
	if (err || signature)
		return err;
	s = skip_dump_prefix(s, end, &opcode);
	if (asm_lex(s, end, tok))
		return asm_fail(st, st->line_no, asm_column(st, s),
				"the line has more than %d tokens", ASM_MAX_TOKENS - 1);
	while (t[0].kind == ASM_WORD && t[1].kind == ASM_SIGN && t[1].len == 1 && *t[1].s == ':') {
		err = label_define(st, t->s, t->len);
		if (err)
			return err;
		t += 2;
	}
	return t->kind == ASM_END ? 0 : asm_instruction(st, t, opcode);
}

/* ---- names --------------------------------------------------------------------------- */

/* Asks a callback for a name. Returns its answer, negative if there is none. */
static int asm_ask(int (*ask)(void *, const char *), void *user, const struct asm_name *name)
{
	char text[256];

	if (!ask || name->len >= sizeof(text))
		return -1;
	memcpy(text, name->s, name->len);
	text[name->len] = '\0';
	return ask(user, text);
}

/* Writes the distance to a label into the use's instruction. */
static int asm_point(struct asm_state *st, const struct asm_use *use, uint32_t target)
{
	int64_t distance = (int64_t)target - use->insn - 1;

	if (use->ref == ASM_REF_JUMP) {
		if (distance < INT16_MIN || distance > INT16_MAX) {
			asm_fail(st, use->line, use->column,
				 "label '%.*s' is %lld instructions away, a jump reaches 32767",
				 (int)MIN(use->name.len, 80u), use->name.s, (long long)distance);
			diag_hint(st->diag, "'gotol' reaches farther");
			return -EINVAL;
		}
		st->insns[use->insn].off = (int16_t)distance;
	} else {
		st->insns[use->insn].imm = (int32_t)distance;
	}
	return 0;
}

static int asm_resolve(struct asm_state *st, const struct asm_use *use)
{
	struct bpf_insn *insn = &st->insns[use->insn];
	const struct isa_asm_opts *opts = st->opts;
	const struct asm_label *label;
	int number;

	if (use->ref == ASM_REF_MAP) {
		number = opts ? asm_ask(opts->map, opts->user, &use->name) : -1;
		if (number < 0) {
			asm_fail(st, use->line, use->column, "unknown map '%.*s'",
				 (int)MIN(use->name.len, 80u), use->name.s);
			diag_hint(st->diag,
				  "bytecode has numbers, not names: map[fd:N], map[id:N]");
			return -EINVAL;
		}
		insn->imm = number;
		return 0;
	}
	label = label_find(st, &use->name);
	if (label) {
		if (use->ref == ASM_REF_CALL)
			insn->src_reg = BPF_PSEUDO_CALL;
		return asm_point(st, use, label->insn);
	}
	if (use->ref == ASM_REF_CALL) {
		number = opts ? asm_ask(opts->helper, opts->user, &use->name) : -1;
		if (number < 0)
			return asm_fail(st, use->line, use->column,
					"'%.*s' is neither a helper nor a label",
					(int)MIN(use->name.len, 80u), use->name.s);
		insn->imm = number;
		return 0;
	}
	if (st->first_exit != UINT32_MAX && use->name.len == 4 && !memcmp(use->name.s, "exit", 4))
		return asm_point(st, use, st->first_exit);
	return asm_fail(st, use->line, use->column, "label '%.*s' is not defined",
			(int)MIN(use->name.len, 80u), use->name.s);
}

int isa_assemble(const char *text, size_t len, const struct isa_asm_opts *opts,
		 struct bpf_insn **insns, uint32_t *n_insns, struct visor_diag *diag)
{
	struct asm_state st = {.opts = opts, .diag = diag, .line = text, .first_exit = UINT32_MAX};
	const char *end = text + len;
	int err = 0;

	if (len > UINT32_MAX)
		return diag_fail(diag, -E2BIG, "assemble", "the text is longer than 4 GiB");
	while (!err && st.line < end) {
		const char *eol = memchr(st.line, '\n', (size_t)(end - st.line));

		st.line_no++;
		err = asm_line(&st, eol ? eol : end);
		st.line = eol ? eol + 1 : end;
	}
	for (uint32_t i = 0; !err && i < st.n_uses; i++)
		err = asm_resolve(&st, &st.uses[i]);
	if (!err && !st.n_insns)
		err = diag_fail(diag, -EINVAL, "assemble", "there are no instructions");
	if (!err) {
		*insns = st.insns;
		*n_insns = st.n_insns;
		st.insns = NULL;
	}
	free(st.insns);
	free(st.uses);
	free(st.labels);
	free(st.slots);
	return err;
}
