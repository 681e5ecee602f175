/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cli_asm.c - visor asm and visor disasm: text to instructions and back.
 *
 * Neither speaks to an engine. What disasm prints, asm reads.
 */
#include "catalog/catalog.h"
#include "cli/cli.h"
#include "cli/elf.h"
#include "cli/listing.h"
#include "cli/text.h"
#include "isa/asm.h"

#include <errno.h>
#include <stdlib.h>

#define ASM_MAX_INPUT (64u << 20)

enum asm_format { FORMAT_RAW, FORMAT_HEX, FORMAT_C, FORMAT_ELF, FORMAT_AUTO };
static const char *const asm_formats[] = {"raw", "hex", "c", "elf"};

/* The format asked for, of those in `allowed`; -1 after saying what is wrong. */
static int asm_format(const struct cli *cli, unsigned int allowed, enum asm_format otherwise)
{
	unsigned int i;

	if (!cli->opt[OPT_FORMAT])
		return (int)otherwise;
	for (i = 0; i < ARRAY_SIZE(asm_formats); i++) {
		if (allowed >> i & 1 && !strcmp(cli->opt[OPT_FORMAT], asm_formats[i]))
			return (int)i;
	}
	cli_usage(cli, "unknown format '%s'", cli->opt[OPT_FORMAT]);
	return -1;
}

/* ---- asm ------------------------------------------------------------------------------------- */

static int asm_helper(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static void asm_write(FILE *to, const struct bpf_insn *insns, uint32_t n, enum asm_format format)
{
	const uint8_t *p = (const uint8_t *)insns;
	uint32_t i, k;

	if (format == FORMAT_RAW) {
		fwrite(insns, sizeof(*insns), n, to);
		return;
	}
	for (i = 0; i < n; i++, p += sizeof(*insns)) {
		const struct bpf_insn *in = &insns[i];

		if (format == FORMAT_C) {
			fprintf(to, "{0x%02x, %u, %u, %d, %d},\n", in->code, in->dst_reg,
				in->src_reg, in->off, in->imm);
			continue;
		}
		for (k = 0; k < sizeof(*insns); k++)
			fprintf(to, "%s%02x", k ? " " : "", p[k]);
		fputc('\n', to);
	}
}

/* Writes to a file that appears, or changes, only when all is written. */
static int asm_write_file(const char *path, const struct bpf_insn *insns, uint32_t n,
			  enum asm_format format)
{
	char *aside = NULL;
	FILE *f = NULL;
	int err = 0;

	if (asprintf(&aside, "%s.part", path) < 0)
		return cli_error(-ENOMEM, NULL, "out of memory");
	f = fopen(aside, "we");
	if (!f) {
		err = -errno;
	} else {
		asm_write(f, insns, n, format);
		if (ferror(f))
			err = -EIO;
		if (fclose(f))
			err = -errno;
		if (!err && rename(aside, path))
			err = -errno;
		if (err)
			remove(aside);
	}
	free(aside);
	return err ? cli_error(err, path, "cannot write") : CLI_OK;
}

int cli_asm(struct cli *cli)
{
	struct isa_asm_opts opts = {.helper = asm_helper};
	const char *path = cli->args[0], *to = cli->opt[OPT_OUTPUT];
	struct visor_diag diag = {0};
	struct bpf_insn *insns = NULL;
	char *text = NULL;
	size_t size;
	uint32_t n;
	int code = CLI_OK, format;

	format = asm_format(cli, 1u << FORMAT_RAW | 1u << FORMAT_HEX | 1u << FORMAT_C,
			    to ? FORMAT_RAW : FORMAT_HEX);
	if (format < 0)
		return CLI_USAGE;
	if (text_read(path, ASM_MAX_INPUT, &text, &size, &diag))
		return cli_fail(&diag);
	if (isa_assemble(text, size, &opts, &insns, &n, &diag)) {
		/* "file:line:column", as editors like it. */
		char place[sizeof(diag.place)];

		memcpy(place, diag.place, sizeof(place));
		snprintf(diag.place, sizeof(diag.place), "%.100s%s%.50s",
			 strcmp(path, "-") ? path : "standard input", *place ? ":" : "", place);
		code = cli_fail(&diag);
	} else if (to) {
		code = asm_write_file(to, insns, n, (enum asm_format)format);
	} else {
		asm_write(stdout, insns, n, (enum asm_format)format);
	}
	free(text);
	free(insns);
	return code;
}

/* ---- disasm ---------------------------------------------------------------------------------- */

static const char *disasm_helper(void *user, uint32_t id)
{
	return catalog_helper_name(id);
}

static const char *disasm_ref(const struct elf_section *s, uint32_t insn, bool map)
{
	uint32_t i;

	for (i = 0; i < s->n_refs; i++) {
		if (s->refs[i].insn == insn && s->refs[i].map == map)
			return s->refs[i].name;
	}
	return NULL;
}

static const char *disasm_map(void *user, const struct bpf_insn *insn)
{
	const struct elf_section *s = user;

	return disasm_ref(s, (uint32_t)(insn - s->insns), true);
}

/* A reference that the instruction cannot show: a call into another section. */
static const char *disasm_note(void *user, uint32_t insn)
{
	static char note[160];
	const char *name = disasm_ref(user, insn, false);

	if (!name)
		return NULL;
	snprintf(note, sizeof(note), "-> %s", name);
	return note;
}

static const char *disasm_func(void *user, uint32_t insn)
{
	const struct elf_section *s = user;
	uint32_t i;

	for (i = 0; i < s->n_funcs; i++) {
		if (s->funcs[i].insn == insn)
			return s->funcs[i].name;
	}
	return NULL;
}

static const char *disasm_source(void *user, uint32_t insn, const char **file, uint32_t *line)
{
	const struct elf_section *s = user;
	uint32_t lo = 0, hi = s->n_lines;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->lines[mid].insn < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->n_lines || s->lines[lo].insn != insn)
		return NULL;
	if (file)
		*file = s->lines[lo].file;
	if (line)
		*line = s->lines[lo].line;
	return s->lines[lo].text;
}

static void disasm_listing(const struct cli *cli, struct listing *l, struct json *j,
			   const char *name)
{
	if (j)
		listing_json(l, j, name);
	else
		listing_print(l, stdout);
}

static int disasm_elf(const struct cli *cli, char *data, size_t size, struct listing *l,
		      struct json *j, struct visor_diag *diag)
{
	const char *only = cli->opt[OPT_SECTION];
	uint32_t i, shown = 0;
	struct elf elf;

	if (elf_read(data, size, &elf, diag))
		return diag->err;
	if (j)
		json_object(j, NULL);
	for (i = 0; i < elf.n_sections; i++) {
		struct elf_section *s = &elf.sections[i];

		if (only && strcmp(only, s->name))
			continue;
		if (!j)
			printf("%s; section %s\n", shown ? "\n" : "", s->name);
		shown++;
		l->insns = s->insns;
		l->n_insns = s->n_insns;
		l->names.map = disasm_map;
		l->names.func = disasm_func;
		l->note = disasm_note;
		l->source = cli->opt[OPT_NO_SOURCE] ? NULL : disasm_source;
		l->names.user = s;
		l->user = s;
		disasm_listing(cli, l, j, s->name);
	}
	if (j)
		json_object_end(j);
	elf_free(&elf);
	if (shown)
		return 0;
	if (only)
		return diag_fail(diag, -ENOENT, "read", "no program section '%s'", only);
	return diag_fail(diag, -ENOENT, "read", "no section holds a program");
}

static int disasm_bytes(const struct cli *cli, const uint8_t *bytes, size_t size, struct listing *l,
			struct json *j, struct visor_diag *diag)
{
	struct bpf_insn *insns;

	if (!size || size % sizeof(*insns))
		return diag_fail(diag, -EINVAL, "read",
				 "%zu bytes are no whole number of instructions (8 bytes each)",
				 size);
	/* Copied: hex text and files are not aligned. */
	insns = malloc(size);
	if (!insns)
		return diag_fail(diag, -ENOMEM, "read", "out of memory");
	memcpy(insns, bytes, size);
	l->insns = insns;
	l->n_insns = (uint32_t)(size / sizeof(*insns));
	disasm_listing(cli, l, j, NULL);
	free(insns);
	return 0;
}

static enum asm_format disasm_guess(const char *data, size_t size)
{
	return size >= 4 && !memcmp(data, "\177ELF", 4) ? FORMAT_ELF
	       : text_is_hex(data, size)		? FORMAT_HEX
							: FORMAT_RAW;
}

int cli_disasm(struct cli *cli)
{
	struct listing l = {
		.opcodes = cli->opt[OPT_OPCODES] != NULL,
		.names = {.helper = disasm_helper},
	};
	struct visor_diag diag = {0};
	uint8_t *bytes = NULL;
	char *data = NULL;
	size_t size, n = 0;
	struct json json;
	int format;

	format = asm_format(cli, 1u << FORMAT_RAW | 1u << FORMAT_HEX | 1u << FORMAT_ELF,
			    FORMAT_AUTO);
	if (format < 0)
		return CLI_USAGE;
	if (cli->opt[OPT_MNEMONIC])
		l.names.notation = ISA_NOTATION_MNEMONIC;
	if (text_read(cli->args[0], ASM_MAX_INPUT, &data, &size, &diag))
		return cli_fail(&diag);
	json_init(&json, stdout);
	if (format == FORMAT_AUTO)
		format = (int)disasm_guess(data, size);
	if (format == FORMAT_ELF)
		disasm_elf(cli, data, size, &l, cli->opt[OPT_JSON] ? &json : NULL, &diag);
	else if (format == FORMAT_RAW)
		disasm_bytes(cli, (uint8_t *)data, size, &l, cli->opt[OPT_JSON] ? &json : NULL,
			     &diag);
	else if (!text_hex(data, size, &bytes, &n, &diag))
		disasm_bytes(cli, bytes, n, &l, cli->opt[OPT_JSON] ? &json : NULL, &diag);
	if (diag.err)
		diag_in(&diag, "%s", strcmp(cli->args[0], "-") ? cli->args[0] : "standard input");
	free(bytes);
	free(data);
	return diag.err ? cli_fail(&diag) : CLI_OK;
}
