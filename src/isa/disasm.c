/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isa/disasm.c - fills the templates of isa.def with the fields of an instruction.
 *
 * Invariant: a template is used only if it shows every field that is not zero; otherwise the
 * instruction prints as a raw word, so that no bit is lost between text and bytes.
 */
#include "isa/disasm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct isa_disasm_opts default_opts;

struct text {
	const struct isa_disasm_opts *opts;
	const struct bpf_insn *insn;
	const uint8_t *labels; /* ISA_DUMP_LABELS: LABEL_* for each instruction, n + 1 of them */
	uint32_t n_insns, i;
	char *buf;
	size_t size, len;
};

enum { LABEL_TARGET = 1, LABEL_START = 2 };

static void put(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	size_t room = t->size - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += MIN((size_t)n, room ? room - 1 : 0);
}

/* True if the assembler reads the name as one word that is not a register. */
static bool is_name(const char *s)
{
	size_t len = strlen(s);
	size_t word = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.$@"
				"0123456789");

	if (!len || word != len || len > 128 || (*s >= '0' && *s <= '9'))
		return false;
	return !((*s == 'r' || *s == 'w') && len <= 3 && strspn(s + 1, "0123456789") == len - 1);
}

static const char *func_name(const struct isa_disasm_opts *opts, uint32_t insn)
{
	const char *name = opts->func ? opts->func(opts->user, insn) : NULL;

	static const char *const taken[] = {"pc", "local", "helper", "kfunc", "runtime"};

	for (size_t i = 0; name && i < ARRAY_SIZE(taken); i++)
		if (!strcmp(name, taken[i]))
			return NULL;
	return name && is_name(name) ? name : NULL;
}

/* The label in front of instruction i. */
static void put_label(struct text *t, uint32_t i)
{
	const char *name = func_name(t->opts, i);

	if (name)
		put(t, "%s", name);
	else
		put(t, ".L%u", i);
}

/* A jump, call or function address. */
static void put_target(struct text *t, int32_t distance, char letter)
{
	int64_t target = (int64_t)t->i + 1 + distance;
	bool kernel = t->opts->notation == ISA_NOTATION_KERNEL;
	const char *name;

	if (t->labels && target >= 0 && target <= t->n_insns && t->labels[target] & LABEL_START) {
		put_label(t, (uint32_t)target);
		return;
	}
	put(t, "%s%+d", kernel && letter != 'f' ? "pc" : "", distance);
	if (letter != 'l' || target < 0 || target >= t->n_insns)
		return;
	name = func_name(t->opts, (uint32_t)target);
	if (name)
		put(t, "#%s", name);
}

static void put_helper(struct text *t, int32_t id)
{
	const struct isa_disasm_opts *opts = t->opts;
	const char *name = opts->helper ? opts->helper(opts->user, (uint32_t)id) : NULL;

	if (opts->notation == ISA_NOTATION_MNEMONIC)
		put(t, "%u", (uint32_t)id); /* a sign would make it a local call */
	else if (name && is_name(name))
		put(t, "bpf_%s#%d", name, id);
	else
		put(t, "unknown#%d", id);
}

static void put_map(struct text *t)
{
	const struct isa_disasm_opts *opts = t->opts;
	const char *name = opts->map ? opts->map(opts->user, t->insn) : NULL;

	if (name && is_name(name) && strcmp(name, "id") && strcmp(name, "fd") &&
	    strcmp(name, "idx"))
		put(t, "%s", name);
	else if (opts->notation == ISA_NOTATION_MNEMONIC)
		put(t, "%u", (uint32_t)t->insn->imm);
	else
		put(t, "%s:%u", opts->flags & ISA_DUMP_MAP_IDS ? "id" : "fd",
		    (uint32_t)t->insn->imm);
}

static void put_operand(struct text *t, char letter)
{
	const struct bpf_insn *insn = t->insn;
	bool kernel = t->opts->notation == ISA_NOTATION_KERNEL;

	switch (letter) {
	case 'D':
	case 'S':
		put(t, "%sr%d", kernel ? "" : "%", letter == 'D' ? insn->dst_reg : insn->src_reg);
		break;
	case 'W':
	case 'V':
		put(t, "w%d", letter == 'W' ? insn->dst_reg : insn->src_reg);
		break;
	case 'i':
		put(t, "%d", insn->imm);
		break;
	case 'n':
		put(t, "%u", (uint32_t)insn->imm);
		break;
	case 't':
		put(t, "%u", (uint32_t)insn->imm >> 16);
		break;
	case 'u':
		put(t, "%u", (uint32_t)insn->imm & UINT16_MAX);
		break;
	case 'x':
		put(t, "0x%x", (uint32_t)insn->imm);
		break;
	case 'q':
		put(t, "0x%llx",
		    (unsigned long long)((uint64_t)(uint32_t)insn[1].imm << 32 |
					 (uint32_t)insn->imm));
		break;
	case 'o':
		if (kernel || insn->off)
			put(t, "%+d", insn->off);
		break;
	case 'O':
		put(t, "+%u", (uint32_t)insn[1].imm);
		break;
	case 'j':
		put_target(t, insn->off, letter);
		break;
	case 'J':
	case 'l':
	case 'f':
		put_target(t, insn->imm, letter);
		break;
	case 'h':
		put_helper(t, insn->imm);
		break;
	case 'k':
		put(t, "%d", insn->imm);
		if (insn->off)
			put(t, "%+d", insn->off);
		break;
	case 'm':
		put_map(t);
		break;
	default:
		abort(); /* a letter in the table that is not known here: seen by any test */
	}
}

/* True if the row's template shows all that the instruction holds. */
static bool is_printable(const struct bpf_insn *insn, uint32_t left, int id)
{
	const struct isa_desc *desc = &isa_table[id];
	uint8_t shown = desc->operands | desc->selector;

	if ((insn->dst_reg && !(shown & ISA_DST)) || (insn->src_reg && !(shown & ISA_SRC)) ||
	    (insn->off && !(shown & ISA_OFF)) || (insn->imm && !(shown & ISA_IMM)))
		return false;
	if (isa_slots(insn) == 1)
		return true;
	if (left < 2 || insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
		return false;
	return !insn[1].imm || strstr(desc->text, "%q") || strstr(desc->text, "%O");
}

/* Writes the text of instruction t->i; returns its slots. */
static int text_insn(struct text *t)
{
	const struct bpf_insn *insn = t->insn;
	int id = isa_lookup(insn);
	const char *p;

	t->buf[0] = '\0';
	if (id < 0 || !is_printable(insn, t->n_insns - t->i, id)) {
		put(t, ".insn 0x%08x%04x%x%x%02x", (uint32_t)insn->imm, (uint16_t)insn->off,
		    insn->src_reg, insn->dst_reg, insn->code);
		return 1;
	}
	p = t->opts->notation == ISA_NOTATION_KERNEL ? isa_table[id].text : isa_table[id].mnemonic;
	while (*p) {
		size_t plain = strcspn(p, "%");

		if (p[plain] == '%' && p[plain + 1] == '=')
			plain++;
		put(t, "%.*s", (int)plain, p);
		p += plain;
		if (*p == '%') {
			put_operand(t, p[1]);
			p += 2;
		}
	}
	return isa_slots(insn);
}

int isa_disasm(const struct bpf_insn *insns, uint32_t n_insns, uint32_t i,
	       const struct isa_disasm_opts *opts, char *buf, size_t size)
{
	struct text t = {.opts = opts ? opts : &default_opts,
			 .insn = &insns[i],
			 .n_insns = n_insns,
			 .i = i,
			 .buf = buf,
			 .size = size};

	return text_insn(&t);
}

/* ---- whole programs ------------------------------------------------------------------ */

/* Marks where the text of an instruction starts and what jumps and calls lead to. */
static void mark_labels(const struct bpf_insn *insns, uint32_t n, uint8_t *labels)
{
	for (uint32_t i = 0; i < n;) {
		int id = isa_lookup(&insns[i]);
		bool text = id >= 0 && is_printable(&insns[i], n - i, id);
		int64_t delta, target = -1;

		labels[i] |= LABEL_START;
		if (text && isa_jump(&insns[i], &delta))
			target = (int64_t)i + 1 + delta;
		else if (text && (id == ISA_CALL_LOCAL || id == ISA_LD_FUNC))
			target = (int64_t)i + 1 + insns[i].imm;
		if (target >= 0 && target <= n)
			labels[target] |= LABEL_TARGET;
		i += text ? (uint32_t)isa_slots(&insns[i]) : 1;
	}
	labels[n] |= LABEL_START;
}

static void print_label(FILE *to, struct text *t, uint32_t i)
{
	if (!t->labels || t->labels[i] != (LABEL_START | LABEL_TARGET))
		return;
	t->len = 0;
	put_label(t, i);
	fprintf(to, "%s:\n", t->buf);
}

static void print_bytes(FILE *to, const struct bpf_insn *insn, int slots)
{
	const uint8_t *bytes = (const uint8_t *)insn;

	fputs("      ", to);
	for (size_t i = 0; i < (size_t)slots * sizeof(*insn); i++)
		fprintf(to, " %02x", bytes[i]);
	fputc('\n', to);
}

int isa_dump(FILE *to, const struct bpf_insn *insns, uint32_t n_insns,
	     const struct isa_disasm_opts *opts)
{
	struct text t = {.opts = opts ? opts : &default_opts, .n_insns = n_insns};
	uint32_t flags = t.opts->flags;
	uint8_t *labels = NULL;
	char buf[ISA_TEXT_MAX];
	int slots;

	if (flags & ISA_DUMP_LABELS) {
		labels = calloc((size_t)n_insns + 1, 1);
		if (!labels)
			return -ENOMEM;
		mark_labels(insns, n_insns, labels);
		t.labels = labels;
	}
	t.buf = buf;
	t.size = sizeof(buf);
	for (uint32_t i = 0; i < n_insns; i += (uint32_t)slots) {
		print_label(to, &t, i);
		t.i = i;
		t.insn = &insns[i];
		t.len = 0;
		slots = text_insn(&t);
		if (flags & ISA_DUMP_NUMBERS)
			fprintf(to, "%4u: ", i);
		if (flags & ISA_DUMP_OPCODES && strncmp(buf, ".insn", 5))
			fprintf(to, "(%02x) ", insns[i].code);
		fprintf(to, "%s\n", buf);
		if (flags & ISA_DUMP_BYTES)
			print_bytes(to, &insns[i], slots);
	}
	print_label(to, &t, n_insns);
	free(labels);
	return ferror(to) ? -EIO : 0;
}
