/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/debug_elf.c - native code as an ELF object that a debugger understands.
 *
 *    | ELF header | section headers | .symtab | .strtab | .debug_abbrev | .debug_info |
 *    | .debug_line | .debug_frame | .shstrtab |
 *
 * .text has no bytes: it is where the code is. DWARF 4, sections 6.2 (lines), 6.4 (frames), 7.5.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/util.h"
#include "vm/debug.h"

/* Bytes in the making. Once there is no memory, all that is added is lost. */
struct debug_bytes {
	uint8_t *p;
	size_t n, room;
	bool failed;
};

static void put(struct debug_bytes *b, const void *data, size_t n)
{
	if (!n)
		return;
	if (b->n + n > b->room) {
		size_t room = MAX(2 * b->room, b->n + n + 256);
		uint8_t *p = b->failed ? NULL : realloc(b->p, room);

		if (!p) {
			b->failed = true;
			return;
		}
		b->p = p;
		b->room = room;
	}
	memcpy(b->p + b->n, data, n);
	b->n += n;
}

static void put8(struct debug_bytes *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put16(struct debug_bytes *b, uint16_t v)
{
	put(b, &v, 2);
}

static void put32(struct debug_bytes *b, uint32_t v)
{
	put(b, &v, 4);
}

static void put64(struct debug_bytes *b, uint64_t v)
{
	put(b, &v, 8);
}

static void put_string(struct debug_bytes *b, const char *s)
{
	put(b, s, strlen(s) + 1);
}

/* LEB128 */
static void put_unsigned(struct debug_bytes *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put8(b, (uint8_t)(v | 0x80));
	put8(b, (uint8_t)v);
}

static void put_signed(struct debug_bytes *b, int64_t v)
{
	for (; v < -64 || v > 63; v >>= 7)
		put8(b, (uint8_t)(v | 0x80));
	put8(b, (uint8_t)(v & 0x7f));
}

/* Where a length stands that is known later; it does not count itself. */
static size_t put_length(struct debug_bytes *b)
{
	put32(b, 0);
	return b->n;
}

static void set_length(struct debug_bytes *b, size_t from)
{
	uint32_t n = (uint32_t)(b->n - from);

	if (!b->failed)
		memcpy(b->p + from - 4, &n, 4);
}

/* ---- what there is to say -------------------------------------------------------------------- */

struct debug_elf {
	const struct vm_debug_code *code;
	const char **files; /* of the lines, each once */
	uint32_t n_files, room_files;
};

static uint64_t elf_address(const struct debug_elf *d, uint32_t at)
{
	return (uintptr_t)d->code->native->mem + at;
}

static uint32_t elf_end(const struct vm_native *native, uint32_t i)
{
	return i + 1 < native->n_funcs ? native->entry[i + 1] : native->size;
}

/* What a function is called: only what every reader of symbols takes. */
static void elf_name(const struct vm_debug_code *c, uint32_t func, char *name, size_t size)
{
	const struct vm_source *s = c->source;
	const char *given = s && s->func ? s->func(s->user, func) : NULL;
	size_t n;

	if (given)
		n = (size_t)snprintf(name, size, "visor_%s_%s", c->prog, given);
	else if (!func)
		n = (size_t)snprintf(name, size, "visor_%s_main", c->prog);
	else
		n = (size_t)snprintf(name, size, "visor_%s_func%u", c->prog, func);
	for (size_t i = 0; i < n && i < size - 1; i++)
		if (!((name[i] >= '0' && name[i] <= '9') ||
		      ((name[i] | 32) >= 'a' && (name[i] | 32) <= 'z')))
			name[i] = '_';
}

void vm_debug_each(const struct vm_debug_code *code,
		   void (*fn)(void *user, const char *name, uint64_t at, uint32_t size), void *user)
{
	char name[160];

	for (uint32_t i = 0; i < code->native->n_funcs; i++) {
		uint32_t at = code->native->entry[i], size = elf_end(code->native, i) - at;

		if (!size)
			continue; /* nothing calls it */
		elf_name(code, i, name, sizeof(name));
		fn(user, name, (uintptr_t)code->native->mem + at, size);
	}
}

/* ---- lines
 * --------------------------------------------------------------------------------------- */

/* The number of a file, from 1 on; 0: no memory. */
static uint32_t elf_file(struct debug_elf *d, const char *name)
{
	for (uint32_t i = d->n_files; i--;)
		if (d->files[i] == name || !strcmp(d->files[i], name))
			return i + 1;
	if (d->n_files == d->room_files) {
		uint32_t room = MAX(2 * d->room_files, 8u);
		const char **files = realloc(d->files, room * sizeof(*files));

		if (!files)
			return 0;
		d->files = files;
		d->room_files = room;
	}
	d->files[d->n_files++] = name;
	return d->n_files;
}

#define LNS_COPY	 1
#define LNS_ADVANCE_PC	 2
#define LNS_ADVANCE_LINE 3
#define LNS_SET_FILE	 4

/* The rows, and by the way the list of files. */
static void elf_rows(struct debug_elf *d, struct debug_bytes *b)
{
	const struct vm_native *native = d->code->native;
	const struct vm_source *s = d->code->source;
	uint32_t at = 0, file = 1, line = 1;
	bool any = false;

	put8(b, 0); /* an extended opcode of 9 bytes: set address */
	put_unsigned(b, 9);
	put8(b, 2);
	put64(b, elf_address(d, 0));
	for (uint32_t i = 0; i < native->n_lines; i++) {
		const struct jit_line *l = &native->lines[i];
		const char *name;
		uint32_t where, number;

		if (!s->line(s->user, l->insn, &name, &where))
			continue;
		number = elf_file(d, name);
		if (!number || (any && number == file && where == line))
			continue;
		if (number != file) {
			put8(b, LNS_SET_FILE);
			put_unsigned(b, number);
		}
		if (where != line) {
			put8(b, LNS_ADVANCE_LINE);
			put_signed(b, (int64_t)where - (int64_t)line);
		}
		/* What comes before the first line is its, too. */
		if (any && l->at != at) {
			put8(b, LNS_ADVANCE_PC);
			put_unsigned(b, l->at - at);
			at = l->at;
		}
		put8(b, LNS_COPY);
		file = number;
		line = where;
		any = true;
	}
	put8(b, LNS_ADVANCE_PC);
	put_unsigned(b, native->size - at);
	put8(b, 0);
	put_unsigned(b, 1);
	put8(b, 1); /* end of sequence */
}

static void elf_lines(struct debug_elf *d, struct debug_bytes *b)
{
	static const uint8_t operands[] = {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};
	struct debug_bytes rows = {0};
	size_t unit, header;

	if (!d->code->source || !d->code->source->line)
		return;
	elf_rows(d, &rows);
	unit = put_length(b);
	put16(b, 4);
	header = put_length(b);
	put8(b, 1);	      /* bytes of the smallest instruction */
	put8(b, 1);	      /* operations of an instruction */
	put8(b, 1);	      /* rows are statements */
	put8(b, (uint8_t)-5); /* line base, line range: of opcodes that are not used */
	put8(b, 14);
	put8(b, ARRAY_SIZE(operands) + 1);
	put(b, operands, sizeof(operands));
	put8(b, 0); /* no directories but the compilation's */
	for (uint32_t i = 0; i < d->n_files; i++) {
		put_string(b, d->files[i]);
		put(b, "\0\0", 3); /* directory, time, size */
	}
	put8(b, 0);
	set_length(b, header);
	put(b, rows.p, rows.n);
	set_length(b, unit);
	b->failed |= rows.failed;
	free(rows.p);
}

/* ---- functions
 * ------------------------------------------------------------------------------------- */

#define TAG_COMPILE_UNIT 0x11
#define TAG_SUBPROGRAM	 0x2e
#define AT_NAME		 0x03
#define AT_STMT_LIST	 0x10
#define AT_LOW_PC	 0x11
#define AT_HIGH_PC	 0x12
#define AT_LANGUAGE	 0x13
#define FORM_ADDR	 0x01
#define FORM_DATA2	 0x05
#define FORM_DATA8	 0x07
#define FORM_STRING	 0x08
#define FORM_SEC_OFFSET	 0x17
#define LANG_C11	 0x1d

enum { ABBREV_UNIT = 1, ABBREV_UNIT_BARE, ABBREV_FUNC };

static void elf_abbrev(struct debug_bytes *b)
{
	static const uint8_t abbrev[] = {
		ABBREV_UNIT,
		TAG_COMPILE_UNIT,
		1,
		AT_LANGUAGE,
		FORM_DATA2,
		AT_NAME,
		FORM_STRING,
		AT_LOW_PC,
		FORM_ADDR,
		AT_HIGH_PC,
		FORM_DATA8,
		AT_STMT_LIST,
		FORM_SEC_OFFSET,
		0,
		0,
		ABBREV_UNIT_BARE,
		TAG_COMPILE_UNIT,
		1,
		AT_LANGUAGE,
		FORM_DATA2,
		AT_NAME,
		FORM_STRING,
		AT_LOW_PC,
		FORM_ADDR,
		AT_HIGH_PC,
		FORM_DATA8,
		0,
		0,
		ABBREV_FUNC,
		TAG_SUBPROGRAM,
		0,
		AT_NAME,
		FORM_STRING,
		AT_LOW_PC,
		FORM_ADDR,
		AT_HIGH_PC,
		FORM_DATA8,
		0,
		0,
		0,
	};

	put(b, abbrev, sizeof(abbrev));
}

static void elf_info_func(void *user, const char *name, uint64_t at, uint32_t size)
{
	struct debug_bytes *b = user;

	put_unsigned(b, ABBREV_FUNC);
	put_string(b, name);
	put64(b, at);
	put64(b, size);
}

static void elf_info(struct debug_elf *d, struct debug_bytes *b)
{
	size_t unit = put_length(b);

	put16(b, 4);
	put32(b, 0); /* offset in .debug_abbrev */
	put8(b, 8);
	put_unsigned(b, d->n_files ? ABBREV_UNIT : ABBREV_UNIT_BARE);
	put16(b, LANG_C11);
	put_string(b, d->n_files ? d->files[0] : d->code->prog);
	put64(b, elf_address(d, 0));
	put64(b, d->code->native->size);
	if (d->n_files)
		put32(b, 0); /* offset in .debug_line */
	vm_debug_each(d->code, elf_info_func, b);
	put8(b, 0);
	set_length(b, unit);
}

/* ---- frames
 * ------------------------------------------------------------------------------------------ */

#if defined(__x86_64__)

#define CFA_ADVANCE	   0x40
#define CFA_OFFSET	   0x80
#define CFA_DEF_CFA	   0x0c
#define CFA_DEF_CFA_OFFSET 0x0e
#define DWARF_RSP	   7
#define DWARF_RETURN	   16

/* The number that DWARF has for each register. */
static const uint8_t frame_regs[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

static void frame_pad(struct debug_bytes *b, size_t from)
{
	while ((b->n - from) % 8 != 4)
		put8(b, 0);
}

/* Saved registers are pushed, the lowest first; then the stack pointer goes down. What ends a
 * function undoes that: there, for a few instructions, this is wrong. */
static void frame_func(struct debug_bytes *b, const struct jit_frame *f)
{
	uint32_t cfa = 8;

	for (uint32_t r = 0; r < 16; r++)
		if (f->saved >> r & 1) {
			cfa += 8;
			put8(b, CFA_ADVANCE | (r < 8 ? 1 : 2));
			put8(b, CFA_DEF_CFA_OFFSET);
			put_unsigned(b, cfa);
			put8(b, CFA_OFFSET | frame_regs[r]);
			put_unsigned(b, cfa / 8);
		}
	if (f->size) {
		put8(b, CFA_ADVANCE | (f->size < 128 ? 4 : 7));
		put8(b, CFA_DEF_CFA_OFFSET);
		put_unsigned(b, cfa + f->size);
	}
}

/* From one place in the code to another: a function that begins so. */
static void frame_range(const struct debug_elf *d, struct debug_bytes *b, uint32_t from, uint32_t end,
			const struct jit_frame *f)
{
	size_t at = put_length(b);

	put32(b, 0);
	put64(b, elf_address(d, from));
	put64(b, end - from);
	frame_func(b, f);
	frame_pad(b, at);
	set_length(b, at);
}

static void elf_frames(struct debug_elf *d, struct debug_bytes *b)
{
	const struct vm_native *native = d->code->native;
	size_t at;

	if (!d->code->frames)
		return;
	at = put_length(b);
	put32(b, UINT32_MAX); /* what all have in common */
	put8(b, 1);
	put_string(b, "");
	put_unsigned(b, 1);
	put_signed(b, -8);
	put8(b, DWARF_RETURN);
	put8(b, CFA_DEF_CFA);
	put_unsigned(b, DWARF_RSP);
	put_unsigned(b, 8);
	put8(b, CFA_OFFSET | DWARF_RETURN);
	put_unsigned(b, 1);
	frame_pad(b, at);
	set_length(b, at);
	for (uint32_t i = 0; i < native->n_funcs; i++) {
		uint32_t from = native->entry[i], end = elf_end(native, i);

		if (!i && d->code->batch) {
			frame_range(d, b, from, d->code->batch, &d->code->frames[i]);
			frame_range(d, b, d->code->batch, end, &d->code->batch_frame);
		} else {
			frame_range(d, b, from, end, &d->code->frames[i]);
		}
	}
}

#else

/* Where the frames of a machine are not described, a debugger guesses. */
static void elf_frames(struct debug_elf *d, struct debug_bytes *b)
{
}

#endif

/* ---- the object
 * ------------------------------------------------------------------------------------- */

#if defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#else
#define ELF_MACHINE EM_X86_64
#endif

enum elf_section {
	E_NULL,
	E_TEXT,
	E_SYMTAB,
	E_STRTAB,
	E_ABBREV,
	E_INFO,
	E_LINE,
	E_FRAME,
	E_NAMES,
	E_SECTIONS
};

struct elf_symbols {
	struct debug_bytes symbols, names;
};

static void elf_symbol(void *user, const char *name, uint64_t at, uint32_t size)
{
	struct elf_symbols *s = user;
	Elf64_Sym sym = {
		.st_name = (uint32_t)s->names.n,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = E_TEXT,
		.st_value = at,
		.st_size = size,
	};

	put(&s->symbols, &sym, sizeof(sym));
	put_string(&s->names, name);
}

static void elf_assemble(const struct debug_elf *d, struct debug_bytes parts[E_SECTIONS],
			 struct debug_bytes *out)
{
	static const struct {
		const char *name;
		uint32_t type, link, info, entry;
	} known[E_SECTIONS] = {
		[E_NULL] = {"", SHT_NULL, 0, 0, 0},
		[E_TEXT] = {".text", SHT_NOBITS, 0, 0, 0},
		[E_SYMTAB] = {".symtab", SHT_SYMTAB, E_STRTAB, 1, sizeof(Elf64_Sym)},
		[E_STRTAB] = {".strtab", SHT_STRTAB, 0, 0, 0},
		[E_ABBREV] = {".debug_abbrev", SHT_PROGBITS, 0, 0, 0},
		[E_INFO] = {".debug_info", SHT_PROGBITS, 0, 0, 0},
		[E_LINE] = {".debug_line", SHT_PROGBITS, 0, 0, 0},
		[E_FRAME] = {".debug_frame", SHT_PROGBITS, 0, 0, 0},
		[E_NAMES] = {".shstrtab", SHT_STRTAB, 0, 0, 0},
	};
	Elf64_Ehdr head = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = ELF_MACHINE,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = E_SECTIONS,
		.e_shstrndx = E_NAMES,
	};
	uint64_t at = sizeof(head) + E_SECTIONS * sizeof(Elf64_Shdr);
	uint32_t names[E_SECTIONS];

	for (uint32_t i = 0; i < E_SECTIONS; i++) {
		names[i] = (uint32_t)parts[E_NAMES].n;
		put_string(&parts[E_NAMES], known[i].name);
	}
	put(out, &head, sizeof(head));
	for (uint32_t i = 0; i < E_SECTIONS; i++) {
		Elf64_Shdr s = {
			.sh_name = names[i],
			.sh_type = known[i].type,
			.sh_offset = i ? at : 0,
			.sh_size = parts[i].n,
			.sh_link = known[i].link,
			.sh_info = known[i].info,
			.sh_addralign = i ? 8 : 0,
			.sh_entsize = known[i].entry,
		};

		if (i == E_TEXT) {
			s.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
			s.sh_addr = elf_address(d, 0);
			s.sh_size = d->code->native->size;
		}
		put(out, &s, sizeof(s));
		at += ALIGN_UP(parts[i].n, 8);
	}
	for (uint32_t i = 0; i < E_SECTIONS; i++) {
		out->failed |= parts[i].failed;
		put(out, parts[i].p, parts[i].n);
		while (out->n % 8 && !out->failed)
			put8(out, 0);
	}
}

void *vm_debug_elf(const struct vm_debug_code *code, size_t *size)
{
	static const Elf64_Sym none;
	struct debug_elf d = {.code = code};
	struct debug_bytes parts[E_SECTIONS] = {0}, out = {0};
	struct elf_symbols symbols = {0};

	put(&symbols.symbols, &none, sizeof(none));
	put8(&symbols.names, 0);
	vm_debug_each(code, elf_symbol, &symbols);
	parts[E_SYMTAB] = symbols.symbols;
	parts[E_STRTAB] = symbols.names;
	elf_abbrev(&parts[E_ABBREV]);
	elf_lines(&d, &parts[E_LINE]);
	elf_info(&d, &parts[E_INFO]);
	elf_frames(&d, &parts[E_FRAME]);
	elf_assemble(&d, parts, &out);
	for (uint32_t i = 0; i < E_SECTIONS; i++)
		free(parts[i].p);
	free(d.files);
	*size = out.n;
	if (!out.failed)
		return out.p;
	free(out.p);
	return NULL;
}
