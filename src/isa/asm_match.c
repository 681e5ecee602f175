/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/asm_match.c - recognises one instruction by walking a tree of all templates.
 *
 * The texts of isa.def, in both notations, are split into the same tokens as the input and
 * merged into one prefix tree, so that no instruction has a parser of its own:
 *
 *   root -- "ldxw" - %D - "," - "[" - %S - %o - "]"            LDX_W
 *        \- %D - "=" - %S                                      MOV64_RR
 *                   \- %i                                      MOV64_RI
 *                   \- "*" - "(" - "u32" - "*" - ")" - ...     LDX_W
 *
 * Children of a node are ordered: literal tokens first, then operands in the order of the
 * table. The walk backtracks; a failure is remembered if it is the furthest one, since that
 * is the reading the author had in mind. Invariant: the tree is built once and then constant.
 */
#include "isa/asm_match.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#define MAX_LITERALS 512
#define MAX_NODES    4096
#define ROOT	     0

struct literal {
	const char *s;
	uint32_t len;
};

struct node {
	uint16_t next, child; /* 0: none */
	int16_t token;	      /* number of a literal, or minus an operand's letter */
	int16_t row;	      /* enum isa_id of the instruction that ends here, or -1 */
	bool kernel;	      /* ... in the kernel's notation */
};

static struct literal literals[MAX_LITERALS];
static uint16_t literal_slots[2 * MAX_LITERALS]; /* open addressing: 1 + number */
static int n_literals;
static struct node nodes[MAX_NODES];
static int n_nodes;

/* Texts that are read besides those of the table. */
static const struct {
	int id;
	const char *text;
} aliases[] = {
	{ISA_BSWAP16, "swap16 %D"},
	{ISA_BSWAP32, "swap32 %D"},
	{ISA_BSWAP64, "swap64 %D"},
	{ISA_CALL_HELPER, "call helper %h"},
	{ISA_CALL_REG, "call helper %D"},
	{ISA_XCHG64, "lock fetch xchg [%D%o], %S"},
	{ISA_XCHG32, "lock fetch xchg32 [%D%o], %S"},
	{ISA_CMPXCHG64, "lock fetch cmpxchg [%D%o], %S"},
	{ISA_CMPXCHG32, "lock fetch cmpxchg32 [%D%o], %S"},
	{ISA_ATOMIC_ADD32, "lock *(u32 *)(%D %o) += %V"},
	{ISA_ATOMIC_OR32, "lock *(u32 *)(%D %o) |= %V"},
	{ISA_ATOMIC_AND32, "lock *(u32 *)(%D %o) &= %V"},
	{ISA_ATOMIC_XOR32, "lock *(u32 *)(%D %o) ^= %V"},
};

/* ---- tokens -------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
	       c == '$' || c == '@';
}

bool asm_is_word(char c)
{
	return is_word_start(c) || is_digit(c);
}

/* The slot of that text: holding its number, or free. */
static uint16_t *literal_slot(const char *s, uint32_t len)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)s[i]) * 16777619u;
	for (;; hash++) {
		uint16_t *slot = &literal_slots[hash % ARRAY_SIZE(literal_slots)];

		if (!*slot ||
		    (literals[*slot - 1].len == len && !memcmp(literals[*slot - 1].s, s, len)))
			return slot;
	}
}

/* Reads a register's name: a letter and a number from 0 to 15. */
static void lex_register(struct asm_token *t, const char *s, uint32_t len)
{
	uint32_t n = 0;

	if (len < 2 || len > 3 || (s[0] != 'r' && s[0] != 'w') || (s[1] == '0' && len > 2))
		return;
	for (uint32_t i = 1; i < len; i++) {
		if (!is_digit(s[i]))
			return;
		n = n * 10 + (uint32_t)(s[i] - '0');
	}
	if (n > 15)
		return;
	t->bank = s[0];
	t->reg = (uint8_t)n;
}

static const char *lex_number(struct asm_token *t, const char *s, const char *end)
{
	uint64_t base = 10;
	const char *first;

	t->kind = ASM_NUM;
	if (end - s > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		t->hex = true;
		s += 2;
	}
	for (first = s; s < end && asm_is_word(*s); s++) {
		uint64_t digit =
			is_digit(*s) ? (uint64_t)(*s - '0') : (uint64_t)((*s | 0x20) - 'a') + 10;

		if (digit >= base || __builtin_mul_overflow(t->num, base, &t->num) ||
		    __builtin_add_overflow(t->num, digit, &t->num))
			t->kind = ASM_BAD;
	}
	if (s == first)
		t->kind = ASM_BAD;
	return s;
}

/* An operator of one to three characters, or one character of punctuation. */
static const char *lex_sign(const char *s, const char *end)
{
	const char *p = s + 1;

	if (strchr("+-*/%|&^<>=!", *s)) {
		if ((*s == '<' || *s == '>') && p < end && *p == *s)
			p++;
		if (p < end && *p == '=')
			p++;
	}
	return p;
}

/* One token at s, which is not a blank. Templates have operands, input has %r1. */
static const char *lex_token(struct asm_token *t, const char *s, const char *end)
{
	const char *p = s;

	*t = (struct asm_token){.s = s, .literal = -1};
	if (is_word_start(*s) || (*s == '%' && end - s > 1 && is_word_start(s[1]))) {
		for (p++; p < end && asm_is_word(*p); p++)
			;
		t->kind = ASM_WORD;
		lex_register(t, s + (*s == '%'), (uint32_t)(p - s) - (*s == '%'));
	} else if (is_digit(*s)) {
		p = lex_number(t, s, end);
	} else if (*s && strchr("+-*/%|&^<>=!()[],:", *s)) {
		p = lex_sign(s, end);
		t->kind = ASM_SIGN;
	} else {
		p++;
		t->kind = ASM_BAD;
	}
	t->len = (uint32_t)(p - s);
	return p;
}

static bool is_comment(const char *s, const char *end)
{
	return *s == ';' || *s == '#' || (end - s > 1 && s[0] == '/' && s[1] == '/');
}

/* True if the # at s belongs to the word in front of it: bpf_map_lookup_elem#1. */
static bool is_hash(const struct asm_token *prev, const char *s, const char *end)
{
	if (*s != '#' || !prev || prev->kind != ASM_WORD || prev->s + prev->len != s)
		return false;
	s += end - s > 1 && s[1] == '-' ? 2 : 1;
	return s < end && is_digit(*s);
}

static void asm_build(void);

int asm_lex(const char *s, const char *end, struct asm_token tok[ASM_MAX_TOKENS])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int n = 0;

	pthread_once(&once, asm_build);
	for (;;) {
		while (s < end && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\f'))
			s++;
		if (n == ASM_MAX_TOKENS)
			return -EINVAL;
		if (s < end && is_hash(n ? &tok[n - 1] : NULL, s, end)) {
			tok[n++] = (struct asm_token){
				.s = s++, .len = 1, .kind = ASM_HASH, .literal = -1};
			continue;
		}
		if (s >= end || is_comment(s, end)) {
			tok[n] = (struct asm_token){.s = s, .kind = ASM_END, .literal = -1};
			return 0;
		}
		s = lex_token(&tok[n], s, end);
		tok[n].literal = (int16_t)(*literal_slot(tok[n].s, tok[n].len) - 1);
		/* nothing matches a bad token: what follows it does not matter */
		if (tok[n++].kind == ASM_BAD)
			end = s;
	}
}

/* ---- the tree ------------------------------------------------------------------------ */

static int literal_number(const char *s, uint32_t len)
{
	uint16_t *slot = literal_slot(s, len);

	if (!*slot) {
		if (n_literals == MAX_LITERALS)
			abort(); /* the table outgrew the tree: seen by any test */
		literals[n_literals++] = (struct literal){.s = s, .len = len};
		*slot = (uint16_t)n_literals;
	}
	return *slot - 1;
}

/* The child of parent for that token, made if need be. Literals stand in front of operands. */
static int node_child(int parent, int token)
{
	uint16_t *link = &nodes[parent].child;

	for (; *link && (token < 0 || nodes[*link].token >= 0); link = &nodes[*link].next)
		if (nodes[*link].token == token)
			return *link;
	if (n_nodes == MAX_NODES)
		abort();
	nodes[n_nodes] = (struct node){.token = (int16_t)token, .row = -1, .next = *link};
	*link = (uint16_t)n_nodes;
	return n_nodes++;
}

static void tree_add(int id, const char *text, bool kernel)
{
	const char *end = text + strlen(text);
	struct asm_token t;
	int node = ROOT;

	while (text < end) {
		if (*text == ' ') {
			text++;
			continue;
		}
		if (text[0] == '%' && is_word_start(text[1])) {
			node = node_child(node, -text[1]);
			text += 2;
			continue;
		}
		text = lex_token(&t, text, end);
		node = node_child(node, literal_number(t.s, t.len));
	}
	/* Two rows with one text could not be told apart. */
	if (nodes[node].row >= 0 && nodes[node].row != id)
		abort();
	nodes[node].row = (int16_t)id;
	nodes[node].kernel |= kernel;
}

static void asm_build(void)
{
	nodes[n_nodes++] = (struct node){.row = -1};
	for (int id = 0; id < ISA_COUNT; id++) {
		tree_add(id, isa_table[id].text, true);
		tree_add(id, isa_table[id].mnemonic, false);
	}
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		tree_add(aliases[i].id, aliases[i].text, false);
}

/* ---- matching ------------------------------------------------------------------------ */

/* What has been read of the operands. */
struct fields {
	int dst, src; /* -1: not yet */
	int32_t off;
	uint64_t imm;  /* low half: first slot; high half: second slot */
	bool imm_wide; /* imm was written in hex, or does not fit in a signed 32-bit number */
	enum asm_ref ref;
	const struct asm_token *name;
};

struct match {
	int opcode;
	struct fields f;
	int row;
	/* the furthest failure: at a token, either no child of these nodes fits or text says what
	 */
	const struct asm_token *at;
	uint16_t tried[8];
	uint32_t n_tried;
	char text[160];
};

/* Notes that no child of node fits, unless something more telling is noted. Returns -1. */
static int match_fail(struct match *m, const struct asm_token *at, int node)
{
	if (m->at && (at < m->at || (at == m->at && m->text[0])))
		return -1;
	if (at != m->at)
		m->n_tried = 0;
	m->at = at;
	m->text[0] = '\0';
	if (m->n_tried < ARRAY_SIZE(m->tried))
		m->tried[m->n_tried++] = (uint16_t)node;
	return -1;
}

/* Notes what is wrong with a token that is of the right kind. Returns -1. */
static int match_wrong(struct match *m, const struct asm_token *at, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static int match_wrong(struct match *m, const struct asm_token *at, const char *fmt, ...)
{
	va_list ap;

	if (m->at && (at < m->at || (at == m->at && m->text[0])))
		return -1;
	m->at = at;
	va_start(ap, fmt);
	vsnprintf(m->text, sizeof(m->text), fmt, ap);
	va_end(ap);
	return -1;
}

static bool is_sign(const struct asm_token *t, char c)
{
	return t->kind == ASM_SIGN && t->len == 1 && *t->s == c;
}

static bool is_text(const struct asm_token *t, const char *s)
{
	return t->kind == ASM_WORD && t->len == strlen(s) && !memcmp(t->s, s, t->len);
}

/*
 * A number with an optional sign, from min up to max. Returns the tokens it took, 0 if there
 * is none, -1 if it is out of range.
 */
static int operand_number(struct match *m, const struct asm_token *t, int64_t min, uint64_t max,
			  const char *what, uint64_t *value)
{
	bool negative = is_sign(t, '-'), sign = negative || is_sign(t, '+');
	const struct asm_token *number = t + sign;

	if (number->kind != ASM_NUM)
		return 0;
	if (negative ? number->num > (uint64_t)0 - (uint64_t)min : number->num > max)
		return match_wrong(m, t, "%s%.*s is out of range: %s is from %lld to %llu",
				   negative ? "-" : "", (int)MIN(number->len, 40u), number->s, what,
				   (long long)min, (unsigned long long)max);
	*value = negative ? 0 - number->num : number->num;
	return 1 + sign;
}

static int operand_register(struct match *m, const struct asm_token *t, char bank, int *reg)
{
	if (t->bank != bank)
		return 0;
	if (*reg >= 0 && *reg != t->reg)
		return match_wrong(m, t, "'%.*s' must be the same register as before, %c%d",
				   (int)t->len, t->s, bank, *reg);
	*reg = t->reg;
	return 1;
}

static int operand_imm(struct match *m, const struct asm_token *t)
{
	int n = operand_number(m, t, INT32_MIN, UINT32_MAX, "an immediate", &m->f.imm);

	if (n > 0) {
		m->f.imm_wide = t[n - 1].hex || (int64_t)m->f.imm > INT32_MAX;
		m->f.imm = (uint32_t)m->f.imm;
	}
	return n;
}

/* Half of the immediate; the upper one comes first. */
static int operand_half(struct match *m, const struct asm_token *t, bool upper)
{
	uint64_t half;
	int n = operand_number(m, t, 0, UINT16_MAX, "half of an immediate", &half);

	if (n > 0)
		m->f.imm = upper ? half << 16 : (m->f.imm & ~UINT64_C(0xffff)) | half;
	return n;
}

/* A jump or call relative to the next instruction: pc+2, +2, or a label. */
static int operand_target(struct match *m, const struct asm_token *t, bool imm)
{
	bool pc = is_text(t, "pc") && (is_sign(t + 1, '+') || is_sign(t + 1, '-'));
	const struct asm_token *distance = t + pc;
	uint64_t v;
	int n;

	if (t->kind == ASM_WORD && !pc && *t->s != '%') {
		m->f.ref = imm ? ASM_REF_JUMP32 : ASM_REF_JUMP;
		m->f.name = t;
		return 1;
	}
	if (!is_sign(distance, '+') && !is_sign(distance, '-'))
		return 0;
	n = operand_number(m, distance, imm ? INT32_MIN : INT16_MIN, imm ? INT32_MAX : INT16_MAX,
			   "a distance", &v);
	if (n <= 0)
		return n;
	if (imm)
		m->f.imm = (uint32_t)v;
	else
		m->f.off = (int32_t)v;
	return n + pc;
}

/* bpf_map_lookup_elem, bpf_map_lookup_elem#1, 1; a name may turn out to be a local function. */
static int operand_helper(struct match *m, const struct asm_token *t)
{
	int n;

	if (t->kind == ASM_NUM)
		return operand_imm(m, t);
	if (t->kind != ASM_WORD || t->bank || *t->s == '%')
		return 0;
	if (t[1].kind == ASM_HASH) {
		n = operand_imm(m, t + 2);
		return n > 0 ? n + 2 : n;
	}
	m->f.ref = ASM_REF_CALL;
	m->f.name = t;
	return 1;
}

/* name#5, 5, and with an index into the array of BTF descriptors 5+1. */
static int operand_kfunc(struct match *m, const struct asm_token *t)
{
	int named = t[0].kind == ASM_WORD && t[1].kind == ASM_HASH ? 2 : 0, n, o;
	uint64_t off;

	n = operand_imm(m, t + named);
	if (n <= 0)
		return n;
	n += named;
	if (!is_sign(t + n, '+') && !is_sign(t + n, '-'))
		return n;
	o = operand_number(m, t + n, INT16_MIN, INT16_MAX, "an index", &off);
	if (o <= 0)
		return o;
	m->f.off = (int32_t)off;
	return n + o;
}

/* id:5, fd:5, 5 or a name. */
static int operand_map(struct match *m, const struct asm_token *t)
{
	int n;

	if ((is_text(t, "id") || is_text(t, "fd")) && is_sign(t + 1, ':')) {
		n = operand_imm(m, t + 2);
		return n > 0 ? n + 2 : n;
	}
	if (t->kind != ASM_WORD || *t->s == '%')
		return operand_imm(m, t);
	m->f.ref = ASM_REF_MAP;
	m->f.name = t;
	return 1;
}

/* +8, the second slot's immediate; may be absent. */
static int operand_imm2(struct match *m, const struct asm_token *t)
{
	uint64_t v;
	int n;

	if (!is_sign(t, '+') && !is_sign(t, '-'))
		return 0;
	n = operand_number(m, t, INT32_MIN, UINT32_MAX, "an offset", &v);
	if (n > 0)
		m->f.imm |= v << 32;
	return n;
}

static int operand_off(struct match *m, const struct asm_token *t)
{
	uint64_t v;
	int n;

	if (!is_sign(t, '+') && !is_sign(t, '-'))
		return 0;
	n = operand_number(m, t, INT16_MIN, INT16_MAX, "an offset", &v);
	if (n > 0)
		m->f.off = (int32_t)v;
	return n;
}

static int operand_imm64(struct match *m, const struct asm_token *t)
{
	int n = operand_number(m, t, INT64_MIN, UINT64_MAX, "an immediate", &m->f.imm);

	return n > 0 && is_text(t + n, "ll") ? n + 1 : n;
}

/* The operands that may be absent from the text. */
static bool operand_optional(int letter)
{
	return letter == 'o' || letter == 'O';
}

/* Reads an operand. Returns how many tokens it took, 0 if it is not there, -1 if it is wrong. */
static int operand_read(struct match *m, int letter, const struct asm_token *t)
{
	switch (letter) {
	case 'D':
		return operand_register(m, t, 'r', &m->f.dst);
	case 'S':
		return operand_register(m, t, 'r', &m->f.src);
	case 'W':
		return operand_register(m, t, 'w', &m->f.dst);
	case 'V':
		return operand_register(m, t, 'w', &m->f.src);
	case 'i':
	case 'x':
	case 'n':
		return operand_imm(m, t);
	case 't':
	case 'u':
		return operand_half(m, t, letter == 't');
	case 'q':
		return operand_imm64(m, t);
	case 'o':
		return operand_off(m, t);
	case 'O':
		return operand_imm2(m, t);
	case 'j':
		return operand_target(m, t, false);
	case 'J':
	case 'l':
	case 'f':
		return operand_target(m, t, true);
	case 'h':
		return operand_helper(m, t);
	case 'k':
		return operand_kfunc(m, t);
	case 'm':
		return operand_map(m, t);
	default:
		abort(); /* a letter in the table that is not known here: seen by any test */
	}
}

/* The text ends at node: does it name an instruction? */
static int match_end(struct match *m, int node, const struct asm_token *t)
{
	const struct isa_desc *desc;

	if (nodes[node].row < 0)
		return -1;
	desc = &isa_table[nodes[node].row];
	if (m->opcode >= 0 && m->opcode != desc->opcode)
		return match_wrong(m, t, "opcode %02x in front is not this instruction's, %02x",
				   (unsigned int)m->opcode, desc->opcode);
	/* In the kernel's notation the move prints as decimal, the 64-bit load as hex. */
	if (nodes[node].row == ISA_MOV64_RI && nodes[node].kernel && m->opcode < 0 && m->f.imm_wide)
		return -1;
	m->row = nodes[node].row;
	return 0;
}

static int match_walk(struct match *m, int node, const struct asm_token *t)
{
	if (t->kind == ASM_END && !match_end(m, node, t))
		return 0;
	for (int c = nodes[node].child; c; c = nodes[c].next) {
		struct fields saved = m->f;
		int n, token = nodes[c].token;

		if (token >= 0)
			n = token == t->literal ? 1 : -1;
		else
			n = operand_read(m, -token, t);
		if ((n > 0 || (n == 0 && operand_optional(-token))) && !match_walk(m, c, t + n))
			return 0;
		m->f = saved;
	}
	return match_fail(m, t, node);
}

/* ---- explaining ---------------------------------------------------------------------- */

static const char *operand_name(int letter)
{
	switch (letter) {
	case 'D':
	case 'S':
		return "a register";
	case 'W':
	case 'V':
		return "a 32-bit register";
	case 'i':
	case 'x':
	case 'n':
	case 'q':
	case 't':
	case 'u':
		return "a number";
	case 'j':
	case 'J':
		return "a label or distance";
	case 'l':
	case 'f':
		return "a function";
	case 'h':
		return "a helper";
	case 'k':
		return "a kernel function's number";
	case 'm':
		return "a map";
	default:
		return "an offset";
	}
}

/* Number of single-character edits from one word to the other. */
static uint32_t edits(const char *a, uint32_t n, const char *b, uint32_t len)
{
	uint32_t row[32];

	if (n >= ARRAY_SIZE(row) || len >= ARRAY_SIZE(row))
		return UINT32_MAX;
	for (uint32_t j = 0; j <= len; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t diagonal = row[0];

		row[0] = i;
		for (uint32_t j = 1; j <= len; j++) {
			uint32_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, 1 + MIN(row[j], row[j - 1]));
		}
	}
	return row[len];
}

static void explain_hint(const struct match *m, struct visor_diag *diag)
{
	const struct literal *best = NULL;
	uint32_t least = m->at->len < 4 ? 2 : 3;

	if (m->at->kind != ASM_WORD)
		return;
	for (uint32_t i = 0; i < m->n_tried; i++) {
		for (int c = nodes[m->tried[i]].child; c; c = nodes[c].next) {
			const struct literal *l;
			uint32_t e;

			if (nodes[c].token < 0)
				break;
			l = &literals[nodes[c].token];
			e = is_word_start(*l->s) ? edits(m->at->s, m->at->len, l->s, l->len)
						 : UINT32_MAX;
			if (e < least) {
				least = e;
				best = l;
			}
		}
	}
	if (best)
		diag_hint(diag, "did you mean '%.*s'?", (int)best->len, best->s);
}

#define MAX_ITEMS 6

struct items {
	char text[MAX_ITEMS][40];
	int n; /* MAX_ITEMS + 1: there are more */
};

static void items_add(struct items *items, const char *item)
{
	for (int i = 0; i < items->n && i < MAX_ITEMS; i++)
		if (!strcmp(items->text[i], item))
			return;
	if (items->n < MAX_ITEMS)
		snprintf(items->text[items->n++], sizeof(items->text[0]), "%s", item);
	else
		items->n = MAX_ITEMS + 1;
}

/* Collects what could stand behind node. */
static void explain_items(int node, struct items *items)
{
	if (nodes[node].row >= 0)
		items_add(items, "the end of the line");
	for (int c = nodes[node].child; c; c = nodes[c].next) {
		int token = nodes[c].token;
		char item[40];

		if (token >= 0)
			snprintf(item, sizeof(item), "'%.*s'", (int)literals[token].len,
				 literals[token].s);
		else
			snprintf(item, sizeof(item), "%s", operand_name(-token));
		items_add(items, item);
		if (token < 0 && operand_optional(-token))
			explain_items(c, items);
	}
}

/* "'+', '-' or a number". */
static void explain_expected(const struct match *m, char *buf, size_t size)
{
	struct items items = {.n = 0};
	size_t len = 0;

	for (uint32_t i = 0; i < m->n_tried; i++)
		explain_items(m->tried[i], &items);
	for (int i = 0; i < items.n && len < size; i++) {
		bool last = i == items.n - 1;

		len += (size_t)snprintf(buf + len, size - len, "%s%s",
					i == 0 ? ""
					: last ? " or "
					       : ", ",
					i < MAX_ITEMS ? items.text[i] : "the like");
	}
}

static void explain_found(const struct asm_token *t, char *buf, size_t size)
{
	if (t->kind == ASM_END)
		snprintf(buf, size, "the end of the line");
	else if (t->kind == ASM_BAD && !is_digit(*t->s))
		snprintf(buf, size, "byte 0x%02x", (unsigned int)(uint8_t)*t->s);
	else
		snprintf(buf, size, "'%.*s'", (int)MIN(t->len, 40u), t->s);
}

static int explain(const struct match *m, struct visor_diag *diag)
{
	char expected[256], found[96];

	if (m->text[0])
		return diag_fail(diag, -EINVAL, "assemble", "%s", m->text);
	explain_found(m->at, found, sizeof(found));
	if (m->at->kind == ASM_BAD && is_digit(*m->at->s))
		return diag_fail(diag, -EINVAL, "assemble", "%s is not a 64-bit number", found);
	if (m->tried[0] == ROOT) {
		diag_fail(diag, -EINVAL, "assemble", "unknown instruction: %s", found);
	} else {
		explain_expected(m, expected, sizeof(expected));
		diag_fail(diag, -EINVAL, "assemble", "expected %s, found %s", expected, found);
	}
	explain_hint(m, diag);
	return -EINVAL;
}

/* ---- result -------------------------------------------------------------------------- */

static void match_encode(const struct match *m, struct asm_stmt *out)
{
	const struct isa_desc *desc = &isa_table[m->row];
	struct bpf_insn *insn = &out->insn[0];

	*out = (struct asm_stmt){.ref = m->f.ref, .name = m->f.name};
	insn->code = desc->opcode;
	insn->dst_reg = (uint8_t)MAX(m->f.dst, 0) & 15;
	insn->src_reg = (uint8_t)MAX(m->f.src, 0) & 15;
	insn->off = (int16_t)m->f.off;
	insn->imm = (int32_t)(uint32_t)m->f.imm;
	if (desc->selector == ISA_SRC)
		insn->src_reg = (uint8_t)desc->sel & 15;
	if (desc->selector == ISA_OFF)
		insn->off = (int16_t)desc->sel;
	if (desc->selector == ISA_IMM)
		insn->imm = desc->sel;
	out->slots = isa_slots(insn);
	out->insn[1].imm = (int32_t)(uint32_t)(m->f.imm >> 32);
}

int asm_match(const struct asm_token *tok, int opcode, struct asm_stmt *out,
	      const struct asm_token **at, struct visor_diag *diag)
{
	struct match m = {.opcode = opcode, .f = {.dst = -1, .src = -1}};

	if (match_walk(&m, ROOT, tok)) {
		*at = m.at;
		return explain(&m, diag);
	}
	match_encode(&m, out);
	return 0;
}
