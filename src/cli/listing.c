/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/listing.c - walks a program instruction by instruction (lddw is one, of two slots).
 */
#include "cli/listing.h"

/* Source lines come from object files: nothing but text may reach a terminal. */
void listing_comment(const char *text, FILE *to)
{
	fputs("; ", to);
	while (*text == ' ' || *text == '\t')
		text++;
	for (; *text; text++)
		fputc(((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f ? '?' : *text,
		      to);
	fputc('\n', to);
}

static const char *listing_function(const struct listing *l, uint32_t i)
{
	return l->names.func ? l->names.func(l->names.user, i) : NULL;
}

void listing_print(const struct listing *l, FILE *to)
{
	const char *name, *file = NULL, *shown_file = NULL;
	uint32_t i, line = 0, shown_line = 0;
	char text[ISA_TEXT_MAX];
	int slots, s;

	for (i = 0; i < l->n_insns; i += (uint32_t)slots) {
		name = listing_function(l, i);
		if (name)
			fprintf(to, "%s%s:\n", i ? "\n" : "", name);
		name = l->source ? l->source(l->user, i, &file, &line) : NULL;
		/* One line of source often has several pieces in a row. */
		if (name && *name && (line != shown_line || file != shown_file)) {
			listing_comment(name, to);
			shown_line = line;
			shown_file = file;
		}
		slots = isa_disasm(l->insns, l->n_insns, i, &l->names, text, sizeof(text));
		fprintf(to, "%4u: (%02x) %s", i, l->insns[i].code, text);
		name = l->note ? l->note(l->user, i) : NULL;
		if (name) {
			fputs("  ", to);
			listing_comment(name, to);
		} else {
			fputc('\n', to);
		}
		if (!l->opcodes)
			continue;
		fputs("      ", to);
		for (s = 0; s < slots * 8; s++)
			fprintf(to, " %02x", ((const uint8_t *)&l->insns[i])[s]);
		fputc('\n', to);
	}
}

void listing_json(const struct listing *l, struct json *j, const char *key)
{
	const char *name, *file = NULL;
	char text[ISA_TEXT_MAX], hex[33];
	uint32_t i, line = 0;
	int slots, s;

	json_array(j, key);
	for (i = 0; i < l->n_insns; i += (uint32_t)slots) {
		slots = isa_disasm(l->insns, l->n_insns, i, &l->names, text, sizeof(text));
		json_object(j, NULL);
		json_u64(j, "insn", i);
		json_str(j, "text", text);
		for (s = 0; s < slots * 8; s++)
			snprintf(hex + 2 * s, 3, "%02x", ((const uint8_t *)&l->insns[i])[s]);
		json_str(j, "bytes", hex);
		name = listing_function(l, i);
		if (name)
			json_str(j, "function", name);
		name = l->source ? l->source(l->user, i, &file, &line) : NULL;
		if (name) {
			json_str(j, "file", file ? file : "");
			json_u64(j, "line", line);
			json_str(j, "source", name);
		}
		name = l->note ? l->note(l->user, i) : NULL;
		if (name)
			json_str(j, "note", name);
		json_object_end(j);
	}
	json_array_end(j);
}
