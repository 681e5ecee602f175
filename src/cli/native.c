/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/native.c - walks native code piece by piece: what comes from one instruction of the program
 * is one piece.
 *
 * The compiler moves code about, so a piece may come from any instruction; the one that it comes
 * from is shown whenever that changes. Capstone is loaded when it is needed: it would make every
 * start of the program twice as long (base/lazy.h). Where it is not installed, there are bytes.
 */
#include "cli/native.h"
#include "catalog/catalog.h"
#include "vm/vm.h"

#include <errno.h>
#include <inttypes.h>
#ifdef VISOR_CAPSTONE
#include "base/lazy.h"
#include <capstone/capstone.h>
#endif

struct native_insn {
	uint32_t at, size;
	char text[384];
};

struct native_walk {
	const struct native *n;
	const struct listing *l;
	FILE *to;
	struct json *json;
	uint32_t shown; /* instruction of the program that is shown; UINT32_MAX: none */
	uint32_t func;	/* function that comes next */
	const char *file, *function;
	uint32_t line;
#ifdef VISOR_CAPSTONE
	bool installed;
	csh capstone;
	cs_insn *insn;
#endif
};

/* ---- names
 * ----------------------------------------------------------------------------------------- */

static const char *native_function(const struct native_walk *w, uint32_t i)
{
	/* The first instruction of function i has its name; which one that is, the lines say. */
	for (uint32_t k = 0; k < w->n->n_lines; k++)
		if (w->n->lines[k].at >= w->n->entry[i]) {
			uint32_t insn = w->n->lines[k].insn;
			const char *name = NULL;

			for (insn++; insn-- && !name && w->l->names.func;)
				name = w->l->names.func(w->l->names.user, insn);
			return name;
		}
	return NULL;
}

#if defined(VISOR_CAPSTONE)
/* What is at an address that code has in itself. */
static bool native_symbol(const struct native_walk *w, uint64_t address, char *name, size_t size)
{
	const struct native *n = w->n;

	for (uint32_t i = 0; i < n->n_funcs; i++)
		if (n->address + n->entry[i] == address) {
			const char *function = native_function(w, i);

			if (function)
				snprintf(name, size, "%s", function);
			else
				snprintf(name, size, "function %u", i);
			return true;
		}
	for (uint32_t id = 1; !n->kernel && id < 256; id++)
		if (catalog_helper(id) && (uintptr_t)vm_helper(id) == address) {
			snprintf(name, size, "bpf_%s", catalog_helper_name(id));
			return true;
		}
	return false;
}
#endif

/* ---- one instruction
 * ----------------------------------------------------------------------------- */

/* Without a disassembler. */
static void native_bytes(const struct native_walk *w, uint32_t at, uint32_t end,
			 struct native_insn *out)
{
	size_t used = (size_t)snprintf(out->text, sizeof(out->text), ".byte");

	out->at = at;
	out->size = MIN(end - at, 16u);
	for (uint32_t i = 0; i < out->size; i++)
		used += (size_t)snprintf(out->text + used, sizeof(out->text) - used, " 0x%02x",
					 w->n->bytes[at + i]);
}

#if defined(VISOR_CAPSTONE)

#define CS_TEXT_(x) #x
#define CS_TEXT(x)  CS_TEXT_(x)
#define CS_LIBRARY  "libcapstone.so." CS_TEXT(CS_API_MAJOR)

/* The functions of the library that are used. */
#define CS_FUNCTIONS(FN) FN(cs_open) FN(cs_close) FN(cs_malloc) FN(cs_free) FN(cs_disasm_iter)

static struct {
	CS_FUNCTIONS(LAZY_MEMBER)
} cs;

LAZY_LIBRARY(native_library, cs, CS_FUNCTIONS, CS_LIBRARY)

static int native_open(struct native_walk *w)
{
#if defined(__aarch64__)
	cs_arch arch = CS_ARCH_ARM64;
	cs_mode mode = CS_MODE_ARM;
#else
	cs_arch arch = CS_ARCH_X86;
	cs_mode mode = CS_MODE_64;
#endif
	w->installed = !lazy_need(&native_library);
	if (!w->installed)
		return 0;
	if (cs.cs_open(arch, mode, &w->capstone))
		return -ENOMEM;
	w->insn = cs.cs_malloc(w->capstone);
	if (w->insn)
		return 0;
	cs.cs_close(&w->capstone);
	return -ENOMEM;
}

static void native_close(struct native_walk *w)
{
	if (!w->installed)
		return;
	cs.cs_free(w->insn, 1);
	cs.cs_close(&w->capstone);
}

/* Addresses: jumps within the code become offsets in it, others get a name. */
static void native_operands(const struct native_walk *w, struct native_insn *out)
{
	const char *hex = strstr(w->insn->op_str, "0x");
	char name[128];
	uint64_t value;

	snprintf(out->text, sizeof(out->text), "%s%s%s", w->insn->mnemonic,
		 w->insn->op_str[0] ? " " : "", w->insn->op_str);
	if (!hex || sscanf(hex, "%" SCNx64, &value) != 1)
		return;
	if (native_symbol(w, value, name, sizeof(name)))
		snprintf(out->text, sizeof(out->text), "%s %s  ; %s", w->insn->mnemonic,
			 w->insn->op_str, name);
	else if (value >= w->n->address && value < w->n->address + w->n->size)
		snprintf(out->text, sizeof(out->text), "%s %.*s%" PRIu64, w->insn->mnemonic,
			 (int)(hex - w->insn->op_str), w->insn->op_str, value - w->n->address);
}

static void native_decode(struct native_walk *w, uint32_t at, uint32_t end, struct native_insn *out)
{
	const uint8_t *code = w->n->bytes + at;
	uint64_t address = w->n->address + at;
	size_t left = end - at;

	if (!w->installed) {
		native_bytes(w, at, end, out);
		return;
	}
	out->at = at;
	if (cs.cs_disasm_iter(w->capstone, &code, &left, &address, w->insn)) {
		out->size = w->insn->size;
		native_operands(w, out);
	} else {
		out->size = 1;
		snprintf(out->text, sizeof(out->text), ".byte 0x%02x", w->n->bytes[at]);
	}
}

#else

static int native_open(struct native_walk *w)
{
	return 0;
}

static void native_close(struct native_walk *w)
{
}

static void native_decode(struct native_walk *w, uint32_t at, uint32_t end, struct native_insn *out)
{
	native_bytes(w, at, end, out);
}

#endif

/* ---- walking
 * ---------------------------------------------------------------------------------------- */

/* The line of source that an instruction belongs to. */
static const char *native_source(const struct native_walk *w, uint32_t insn, const char **file,
				 uint32_t *line)
{
	const char *text = NULL;

	for (insn++; insn-- && !text && w->l->source;) {
		text = w->l->source(w->l->user, insn, file, line);
		if (w->l->names.func && w->l->names.func(w->l->names.user, insn))
			break;
	}
	return text;
}

static void native_from(struct native_walk *w, uint32_t insn)
{
	char text[ISA_TEXT_MAX];
	const char *source, *file = NULL;
	uint32_t line = 0;

	source = native_source(w, insn, &file, &line);
	if (source && *source && (line != w->line || file != w->file)) {
		listing_comment(source, w->to);
		w->line = line;
		w->file = file;
	}
	isa_disasm(w->l->insns, w->l->n_insns, insn, &w->l->names, text, sizeof(text));
	fprintf(w->to, "%4u: (%02x) %s\n", insn, w->l->insns[insn].code, text);
}

static void native_one_json(struct native_walk *w, const struct native_insn *in, const char *hex)
{
	const char *source, *file = NULL;
	char text[ISA_TEXT_MAX];
	uint32_t line = 0;

	json_object(w->json, NULL);
	json_u64(w->json, "at", in->at);
	json_str(w->json, "text", in->text);
	json_str(w->json, "bytes", hex);
	if (w->function)
		json_str(w->json, "function", w->function);
	if (w->shown != UINT32_MAX) {
		isa_disasm(w->l->insns, w->l->n_insns, w->shown, &w->l->names, text, sizeof(text));
		json_u64(w->json, "insn", w->shown);
		json_str(w->json, "insn_text", text);
		source = native_source(w, w->shown, &file, &line);
		if (source) {
			json_str(w->json, "file", file ? file : "");
			json_u64(w->json, "line", line);
			json_str(w->json, "source", source);
		}
	}
	json_object_end(w->json);
}

static void native_one(struct native_walk *w, const struct native_insn *in)
{
	char hex[33] = "";

	for (uint32_t i = 0; i < MIN(in->size, 16u); i++)
		snprintf(hex + 2 * i, 3, "%02x", w->n->bytes[in->at + i]);
	if (w->json)
		native_one_json(w, in, hex);
	else if (w->l->opcodes)
		fprintf(w->to, "        %4u: %-20s %s\n", in->at, hex, in->text);
	else
		fprintf(w->to, "        %4u: %s\n", in->at, in->text);
}

static void native_piece(struct native_walk *w, uint32_t at, uint32_t end)
{
	struct native_insn in;

	for (; at < end; at += in.size) {
		native_decode(w, at, end, &in);
		native_one(w, &in);
	}
}

/* [at, end) comes from one instruction, but functions may begin in it. */
static void native_range(struct native_walk *w, uint32_t at, uint32_t end, uint32_t insn)
{
	while (w->func < w->n->n_funcs && w->n->entry[w->func] <= at) {
		w->function = native_function(w, w->func++);
		if (!w->json && w->func < w->n->n_funcs && w->n->entry[w->func] == at)
			continue; /* one without code */
		if (!w->json && w->function)
			fprintf(w->to, "%s%s:\n", at ? "\n" : "", w->function);
		w->shown = UINT32_MAX;
	}
	if (insn < w->l->n_insns && insn != w->shown) {
		w->shown = insn;
		if (!w->json)
			native_from(w, insn);
	}
	native_piece(w, at, end);
}

static int native_walk(struct native_walk *w)
{
	const struct native *n = w->n;
	uint32_t at = 0, insn = UINT32_MAX, i = 0;
	int err = native_open(w);

	if (err)
		return err;
	w->shown = UINT32_MAX;
	while (at < n->size) {
		uint32_t end = n->size;

		for (; i < n->n_lines && n->lines[i].at <= at; i++)
			insn = n->lines[i].insn;
		if (i < n->n_lines)
			end = MIN(end, n->lines[i].at);
		for (uint32_t f = w->func; f < n->n_funcs && n->entry[f] < end; f++)
			if (n->entry[f] > at)
				end = n->entry[f];
		native_range(w, at, end, insn);
		at = end;
	}
	native_close(w);
	return 0;
}

int native_print(const struct native *n, const struct listing *l, FILE *to)
{
	struct native_walk w = {.n = n, .l = l, .to = to};

	return native_walk(&w);
}

int native_json(const struct native *n, const struct listing *l, struct json *j)
{
	struct native_walk w = {.n = n, .l = l, .json = j};
	int err;

	json_array(j, NULL);
	err = native_walk(&w);
	json_array_end(j);
	return err;
}
