/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/saved.c - native code as bytes that another process can use (saved.h).
 *
 *    | struct saved_head | struct saved_reloc * | struct jit_frame * | struct jit_line * |
 *    | entry: 4 bytes for each function | code |
 *
 * Relocations name what they refer to: an address becomes the distance from it, which is 0 for all
 * but values of maps and slots of program arrays. Nothing in the bytes is believed: sizes, the
 * digest and the bounds of all that is used to write or to call are checked, although only we can
 * have written them.
 */
#include "vm/saved.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>

#include "base/sha256.h"
#include "jit/ir.h"
#include "map/array.h"

#define SAVED_MAGIC "visorjit"

struct saved_head {
	char magic[8];
	uint8_t key[VM_KEY_SIZE];
	uint8_t digest[SHA256_SIZE]; /* of all that follows */
	uint32_t size, n_funcs, n_lines, n_relocs;
	uint32_t needs_run, batch;
	struct jit_frame batch_frame;
};

struct saved_reloc {
	uint32_t at, index;
	uint8_t sym, form, rest[6];
	int64_t distance;
};

/* ---- the key
 * ----------------------------------------------------------------------------------------- */

/* Which build of the engine this is: the build id that the linker gave the file that we are in. */
struct saved_build {
	const uint8_t *id;
	uint32_t size;
};

static int saved_find_build(struct dl_phdr_info *info, size_t size, void *user)
{
	uintptr_t here = (uintptr_t)&saved_key;
	struct saved_build *build = user;
	bool ours = false;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && here - info->dlpi_addr - p->p_vaddr < p->p_memsz)
			ours = true;
	}
	for (int i = 0; ours && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const uint8_t *at = (const uint8_t *)(info->dlpi_addr + p->p_vaddr);
		const uint8_t *end = at + p->p_memsz;
		const ElfW(Nhdr) * note;

		for (; p->p_type == PT_NOTE && at + sizeof(*note) < end;
		     at +=
		     sizeof(*note) + ALIGN_UP(note->n_namesz, 4) + ALIGN_UP(note->n_descsz, 4)) {
			note = (const ElfW(Nhdr) *)at;
			if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4)
				continue;
			build->id = at + sizeof(*note) + 4;
			build->size = note->n_descsz;
			return 1;
		}
	}
	return ours;
}

/* What the compiler reads of a map: its shape, and its contents if they are constants. */
static void saved_key_map(struct sha256 *s, const struct map *map)
{
	const struct map_desc *d = &map->desc;
	bool percpu = d->type == BPF_MAP_TYPE_PERCPU_ARRAY;
	const uint64_t shape[] = {
		d->type,
		d->key_size,
		d->value_size,
		d->max_entries,
		d->flags,
		d->extra,
		map->n_cpus,
		map->value_stride,
		map->snapshot,
		map->size,
		percpu ? ((const struct array *)map)->cpu_stride : 0,
	};
	const uint8_t *values = map->snapshot ? map_direct_value((struct map *)map, 0) : NULL;

	sha256_add(s, shape, sizeof(shape));
	if (values)
		sha256_add(s, values, (size_t)map->value_stride * d->max_entries);
}

bool saved_key(const struct vm_prog *prog, uint32_t features, uint8_t key[VM_KEY_SIZE])
{
	const struct verified *v = prog->verified;
	const uint32_t shape[] = {features,  v->type->type, v->n_insns,	   v->n_subprogs,
				  v->n_maps, v->level,	    v->tail_calls, VM_MAY_GOTO};
	struct saved_build build = {0};
	struct sha256 s;

	/* Helpers and contexts of an embedder's own types may change from run to run. */
	if (v->type->set == P_CUSTOM)
		return false;
	dl_iterate_phdr(saved_find_build, &build);
	if (!build.size)
		return false;
	sha256_init(&s);
	sha256_add(&s, build.id, build.size);
	sha256_add(&s, shape, sizeof(shape));
	sha256_add(&s, v->insns, v->n_insns * sizeof(*v->insns));
	sha256_add(&s, v->facts, v->n_insns * sizeof(*v->facts));
	sha256_add(&s, v->subprogs, v->n_subprogs * sizeof(*v->subprogs));
	for (uint32_t i = 0; i < v->n_maps; i++)
		saved_key_map(&s, prog->maps[i]);
	sha256_end(&s, key);
	return true;
}

/* ---- symbols
 * ------------------------------------------------------------------------------------------ */

/* Slots of a program array, or what this process remembers of them: nothing yet, if it has only
 * just come to know the array. */
static bool saved_slots(const struct map *map, bool found, uint64_t *address, uint64_t *room)
{
	const void *first[2], *last[2];

	if (!vm_tail_cell((struct map *)map, 0, &first[0], &first[1]) ||
	    !vm_tail_cell((struct map *)map, map->desc.max_entries - 1, &last[0], &last[1]))
		return false;
	*address = (uintptr_t)first[found];
	*room = (uintptr_t)last[found] - (uintptr_t)first[found];
	return true;
}

/* The address that a symbol stands for. False: there is none of that name. *room: how far beyond it
 * an address may be that is named by it. */
static bool saved_symbol(const struct vm_prog *prog, const struct jit_env *env, uint8_t sym,
			 uint32_t index, uint64_t *address, uint64_t *room)
{
	const struct map *map = index < prog->n_maps ? prog->maps[index] : NULL;

	*address = *room = 0;
	switch (sym) {
	case SYM_HELPER:
		*address = (uintptr_t)vm_call_by_id(prog, index).fn;
		break;
	case SYM_MAP:
		*address = (uintptr_t)map;
		break;
	case SYM_VALUES:
		*address = map ? (uintptr_t)map->mem : 0;
		*room = map ? map->size : 0;
		break;
	case SYM_TAIL:
	case SYM_FOUND:
		return map && saved_slots(map, sym == SYM_FOUND, address, room);
	case SYM_LOOKUP:
		*address = map ? (uintptr_t)map->lookup : 0;
		break;
	case SYM_ENV:
		*address = index < JIT_SYMBOLS ? (uintptr_t)env->symbol[index] : 0;
		break;
	case SYM_CODE:
		return index < prog->verified->n_subprogs;
	default:
		return false;
	}
	return *address != 0;
}

static void saved_digest(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE])
{
	size_t from = offsetof(struct saved_head, size);
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, (const uint8_t *)bytes + from, size - from);
	sha256_end(&s, digest);
}

/* ---- writing
 * ------------------------------------------------------------------------------------------ */

static bool saved_write_relocs(const struct vm_prog *prog, const struct jit_env *env,
			       const struct jit_code *code, struct saved_reloc *out)
{
	for (uint32_t i = 0; i < code->n_relocs; i++) {
		const struct jit_reloc *r = &code->relocs[i];
		uint64_t address, room;

		if (!saved_symbol(prog, env, r->sym, r->index, &address, &room))
			return false;
		out[i].at = r->at;
		out[i].index = r->index;
		out[i].sym = r->sym;
		out[i].form = r->form;
		out[i].distance = r->addend - (int64_t)address;
		if (out[i].distance < 0 || (uint64_t)out[i].distance > room)
			return false;
	}
	return true;
}

void *saved_write(const struct vm_prog *prog, const struct jit_env *env,
		  const struct jit_code *code, const uint8_t key[VM_KEY_SIZE], size_t *size)
{
	uint32_t n_funcs = prog->verified->n_subprogs;
	size_t entries = n_funcs * sizeof(*code->entry), frames = n_funcs * sizeof(*code->frames);
	size_t lines = code->n_lines * sizeof(*code->lines);
	size_t relocs = code->n_relocs * sizeof(struct saved_reloc);
	struct saved_head *head;
	uint8_t *at;

	*size = sizeof(*head) + entries + frames + lines + relocs + code->size;
	head = calloc(1, *size);
	if (!head)
		return NULL;
	memcpy(head->magic, SAVED_MAGIC, sizeof(head->magic));
	memcpy(head->key, key, VM_KEY_SIZE);
	head->size = code->size;
	head->n_funcs = n_funcs;
	head->n_lines = code->n_lines;
	head->n_relocs = code->n_relocs;
	head->needs_run = code->needs_run;
	head->batch = code->batch;
	head->batch_frame = code->batch_frame;
	at = (uint8_t *)(head + 1);
	if (!saved_write_relocs(prog, env, code, (struct saved_reloc *)at)) {
		free(head);
		return NULL;
	}
	at += relocs;
	memcpy(at, code->frames, frames);
	at += frames;
	if (lines)
		memcpy(at, code->lines, lines);
	at += lines;
	memcpy(at, code->entry, entries);
	at += entries;
	memcpy(at, code->bytes, code->size);
	/* The fields of relocations hold addresses of this process, or nothing yet. */
	for (uint32_t i = 0; i < code->n_relocs; i++)
		jit_blank(at + code->relocs[i].at, code->relocs[i].form);
	saved_digest(head, *size, head->digest);
	return head;
}

/* ---- reading
 * ------------------------------------------------------------------------------------------ */

static bool saved_read_relocs(const struct vm_prog *prog, const struct jit_env *env,
			      const struct saved_reloc *in, struct jit_code *code)
{
	for (uint32_t i = 0; i < code->n_relocs; i++) {
		uint32_t width = jit_form_size(in[i].form);
		uint64_t address, room;

		if (!width || code->size < width || in[i].at > code->size - width ||
		    !saved_symbol(prog, env, in[i].sym, in[i].index, &address, &room) ||
		    in[i].distance < 0 || (uint64_t)in[i].distance > room)
			return false;
		code->relocs[i] = (struct jit_reloc){
			.at = in[i].at,
			.index = in[i].index,
			.sym = in[i].sym,
			.form = in[i].form,
			.addend = (int64_t)address + in[i].distance,
		};
	}
	return true;
}

static bool saved_check(const struct vm_prog *prog, const struct jit_code *code, uint32_t n_funcs)
{
	for (uint32_t i = 0; i < n_funcs; i++)
		if (code->entry[i] >= code->size ||
		    (i && code->entry[i] < code->entry[i - 1] && code->entry[i]))
			return false;
	if (code->batch >= code->size)
		return false;
	for (uint32_t i = 0; i < code->n_lines; i++)
		if (code->lines[i].at > code->size ||
		    code->lines[i].insn >= prog->verified->n_insns ||
		    (i && code->lines[i].at < code->lines[i - 1].at))
			return false;
	return true;
}

bool saved_read(const struct vm_prog *prog, const struct jit_env *env, void *bytes, size_t size,
		const uint8_t key[VM_KEY_SIZE], struct jit_code *code)
{
	struct saved_head *head = bytes;
	uint8_t digest[SHA256_SIZE], *at = (uint8_t *)(head + 1);
	const struct saved_reloc *relocs = (const struct saved_reloc *)at;
	uint64_t want;

	if (size < sizeof(*head) || memcmp(head->magic, SAVED_MAGIC, sizeof(head->magic)) ||
	    memcmp(head->key, key, VM_KEY_SIZE) || head->n_funcs != prog->verified->n_subprogs)
		return false;
	want = sizeof(*head) +
	       (uint64_t)head->n_funcs * (sizeof(uint32_t) + sizeof(struct jit_frame)) +
	       (uint64_t)head->n_lines * sizeof(struct jit_line) +
	       (uint64_t)head->n_relocs * sizeof(struct saved_reloc) + head->size;
	if (want != size || !head->size)
		return false;
	saved_digest(head, size, digest);
	if (memcmp(digest, head->digest, sizeof(digest)))
		return false;
	*code = (struct jit_code){
		.size = head->size,
		.n_lines = head->n_lines,
		.n_relocs = head->n_relocs,
		.needs_run = head->needs_run != 0,
		.batch = head->batch,
		.batch_frame = head->batch_frame,
	};
	at += head->n_relocs * sizeof(*relocs);
	code->frames = (struct jit_frame *)at;
	at += head->n_funcs * sizeof(*code->frames);
	code->lines = (struct jit_line *)at;
	at += head->n_lines * sizeof(*code->lines);
	code->entry = (uint32_t *)at;
	code->bytes = at + head->n_funcs * sizeof(*code->entry);
	code->relocs = calloc(head->n_relocs + 1u, sizeof(*code->relocs));
	if (code->relocs && saved_check(prog, code, head->n_funcs) &&
	    saved_read_relocs(prog, env, relocs, code) && jit_adopt(code))
		return true;
	free(code->relocs);
	return false;
}
