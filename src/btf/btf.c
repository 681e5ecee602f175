/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/btf.c - BTF objects: finding types by id and by name.
 *
 * Making one is a single pass that notes where each record begins; nothing is copied. The hash
 * of names and the table of decl tags cost another pass and are made by the first look-up that
 * wants them. Two threads may do that at once: the first to publish wins.
 */
#include "btf/btf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BTF_MAX_FILE (UINT32_C(1) << 30)

/* ---- making ------------------------------------------------------------------------------- */

/* Functions are half of a kernel's types and rarely looked for: they have a table of their own. */
static uint32_t name_group(uint32_t kind)
{
	return kind == BTF_KIND_FUNC;
}

/* Notes where each type is, after which every record is known to be whole. */
static int index_types(struct btf *btf, uint32_t len, char *why)
{
	const uint8_t *at = btf->records, *end = at + len;
	uint32_t *offs = malloc((len / sizeof(struct btf_type) + 1) * sizeof(*offs));
	uint32_t n = 0, size;

	btf->offs = offs;
	if (!offs)
		return -ENOMEM;
	for (; at < end; at += size) {
		const struct btf_type *t = (const void *)at;
		uint32_t id = btf->first_id + n, left = (uint32_t)(end - at);

		if (left < sizeof(*t)) {
			snprintf(why, BTF_WHY, "[%u] meta_left:%u meta_needed:%zu", id, left,
				 sizeof(*t));
			return -EINVAL;
		}
		if (!btf_record_size(t, &size)) {
			snprintf(why, BTF_WHY, "[%u] Invalid kind:%u", id, btf_type_kind(t));
			return -EINVAL;
		}
		if (left < size) {
			snprintf(why, BTF_WHY, "[%u] meta_left:%u meta_needed:%u", id, left, size);
			return -EINVAL;
		}
		if (id > BTF_MAX_IDS) {
			snprintf(why, BTF_WHY, "[%u] Too many types", id);
			return -E2BIG;
		}
		if (btf->origin == BTF_LOADED) {
			int err = btf_check_type(btf, id, t, why);

			if (err)
				return err;
		}
		if (btf_type_kind(t) == BTF_KIND_DECL_TAG)
			btf->n_tags++;
		else if (t->name_off)
			btf->n_named[name_group(btf_type_kind(t))]++;
		offs[n++] = (uint32_t)(at - btf->records);
	}
	btf->n_own = n;
	btf->n_types = btf->first_id + n - 1;
	offs = realloc(offs, ((size_t)n + 1) * sizeof(*offs));
	if (offs)
		btf->offs = offs;
	return 0;
}

static int fill(struct btf *btf, char *why)
{
	struct btf_header hdr;
	int err = btf_check_header(btf, &hdr, why);

	if (err)
		return err;
	btf->records = btf->data + hdr.hdr_len + hdr.type_off;
	btf->strs = (const char *)btf->data + hdr.hdr_len + hdr.str_off;
	btf->strs_len = hdr.str_len;
	err = index_types(btf, hdr.type_len, why);
	/* libbpf needs ids that exist; the kernel finds that out last. */
	for (uint32_t id = 1; !err && btf->origin == BTF_OBJECT && id <= btf->n_types; id++)
		err = btf_check_type(btf, id, btf_type(btf, id), why);
	if (!err && btf->origin != BTF_KERNEL)
		err = btf_check_links(btf, why);
	return err;
}

int btf_new(const void *data, uint32_t size, const struct btf *base, const char *name,
	    enum btf_origin origin, struct btf **out, struct visor_diag *diag)
{
	struct btf *btf = calloc(1, sizeof(*btf));
	char why[BTF_WHY] = "";
	int err = -ENOMEM;

	*out = NULL;
	if (btf) {
		btf->refs = 1;
		btf->origin = (uint8_t)origin;
		btf->data = data;
		btf->size = size;
		btf->base = base ? btf_ref(base) : NULL;
		btf->first_id = base ? base->n_types + 1 : 1;
		btf->first_str = base ? base->first_str + base->strs_len : 0;
		snprintf(btf->name, sizeof(btf->name), "%s", name ? name : "");
		err = fill(btf, why);
	}
	if (err) {
		btf_unref(btf);
		return diag_fail(diag, err, "btf", "%s", err == -ENOMEM ? "out of memory" : why);
	}
	*out = btf;
	return 0;
}

void btf_adopt(struct btf *btf, void *memory)
{
	btf->memory = memory;
}

const struct btf *btf_ref(const struct btf *btf)
{
	__atomic_add_fetch(&((struct btf *)btf)->refs, 1, __ATOMIC_RELAXED);
	return btf;
}

/* Names of one group of kinds. A slot: the upper bits of a name's hash, and the id of its type. */
struct btf_names {
	uint32_t mask;
	uint32_t slots[];
};

struct tag_entry {
	uint32_t type;
	int32_t component;
	uint32_t id;
};

struct btf_tags {
	uint32_t n;
	struct tag_entry tags[];
};

#define SLOT_ID BTF_MAX_IDS /* the rest is hash */

void btf_unref(const struct btf *constant)
{
	struct btf *btf = (struct btf *)constant;

	if (!btf || __atomic_sub_fetch(&btf->refs, 1, __ATOMIC_ACQ_REL))
		return;
	btf_unref(btf->base);
	for (uint32_t g = 0; g < BTF_NAME_GROUPS; g++)
		free(btf->names[g]);
	free(btf->tags);
	free((void *)btf->offs);
	if (btf->mapped)
		munmap(btf->memory, btf->mapped);
	else
		free(btf->memory);
	free(btf);
}

/* ---- files -------------------------------------------------------------------------------- */

/* Maps a file, or reads it where mapping is not possible (sysfs before 6.16). */
static int file_get(const char *path, void **data, size_t *size, size_t *mapped)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	size_t done = 0, room;
	struct stat st;
	ssize_t n = -1;
	void *p;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > BTF_MAX_FILE)
		err = -EINVAL;
	if (err) {
		close(fd);
		return err;
	}
	room = (size_t)st.st_size;
	p = mmap(NULL, room, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	*mapped = p == MAP_FAILED ? 0 : room;
	if (p == MAP_FAILED) {
		p = malloc(room);
		while (p && done < room && (n = read(fd, (char *)p + done, room - done)) > 0)
			done += (size_t)n;
		err = !p ? -ENOMEM : n < 0 ? -errno : !done ? -EINVAL : 0;
		room = done;
	}
	close(fd);
	if (err) {
		free(p);
		return err;
	}
	*data = p;
	*size = room;
	return 0;
}

/* The section .BTF of an ELF file. */
static const void *elf_btf(const uint8_t *data, size_t size, uint32_t *len)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)data;
	const Elf64_Shdr *sections, *names;

	if (size < sizeof(*ehdr) || ehdr->e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr->e_shentsize != sizeof(*sections) || ehdr->e_shoff % 8 || ehdr->e_shoff > size ||
	    ehdr->e_shnum > (size - ehdr->e_shoff) / sizeof(*sections) ||
	    ehdr->e_shstrndx >= ehdr->e_shnum)
		return NULL;
	sections = (const Elf64_Shdr *)(data + ehdr->e_shoff);
	names = &sections[ehdr->e_shstrndx];
	if (names->sh_offset > size || names->sh_size > size - names->sh_offset)
		return NULL;
	for (uint32_t i = 1; i < ehdr->e_shnum; i++) {
		const Elf64_Shdr *s = &sections[i];

		if (s->sh_type != SHT_PROGBITS || s->sh_name >= names->sh_size ||
		    names->sh_size - s->sh_name < sizeof(".BTF") ||
		    memcmp(data + names->sh_offset + s->sh_name, ".BTF", sizeof(".BTF")) != 0)
			continue;
		if (s->sh_offset > size || s->sh_size > size - s->sh_offset || s->sh_offset % 4 ||
		    s->sh_size > BTF_MAX_FILE)
			return NULL;
		*len = (uint32_t)s->sh_size;
		return data + s->sh_offset;
	}
	return NULL;
}

int btf_open(const char *path, const struct btf *base, const char *name, enum btf_origin origin,
	     struct btf **out, struct visor_diag *diag)
{
	size_t size = 0, mapped = 0;
	const void *data;
	void *memory = NULL;
	uint32_t len;
	int err = file_get(path, &memory, &size, &mapped);

	*out = NULL;
	if (err) {
		diag_fail(diag, err, "btf", "cannot read type information");
		diag_at(diag, "%s", path);
		return err;
	}
	data = memory;
	len = (uint32_t)size;
	if (size > SELFMAG && !memcmp(memory, ELFMAG, SELFMAG))
		data = elf_btf(memory, size, &len);
	err = data ? btf_new(data, len, base, name, origin, out, diag)
		   : diag_fail(diag, -ENOENT, "btf", "there is no section '.BTF'");
	if (err) {
		diag_at(diag, "%s", path);
		if (mapped)
			munmap(memory, mapped);
		else
			free(memory);
		return err;
	}
	(*out)->memory = memory;
	(*out)->mapped = mapped;
	return 0;
}

/* ---- types and names ------------------------------------------------------------------------ */

const struct btf_type *btf_type(const struct btf *btf, uint32_t id)
{
	while (id < btf->first_id) {
		if (!id || !btf->base)
			return NULL;
		btf = btf->base;
	}
	if (id - btf->first_id >= btf->n_own)
		return NULL;
	return (const struct btf_type *)(btf->records + btf->offs[id - btf->first_id]);
}

const struct btf_type *btf_type_by_id(const struct btf *btf, uint32_t id)
{
	static const struct btf_type nothing;

	return id ? btf_type(btf, id) : &nothing;
}

const char *btf_str(const struct btf *btf, uint32_t off)
{
	while (off < btf->first_str && btf->base)
		btf = btf->base;
	off -= btf->first_str;
	return off < btf->strs_len ? btf->strs + off : "";
}

const char *btf_label(const struct btf *btf, uint32_t off)
{
	return off ? btf_str(btf, off) : "(anon)";
}

const char *btf_name(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_type(btf, id);

	return t ? btf_str(btf, t->name_off) : "";
}

const struct btf_type *btf_skip_mods(const struct btf *btf, uint32_t id, uint32_t *found)
{
	for (int depth = 0; depth <= BTF_MAX_CHAIN; depth++) {
		const struct btf_type *t = btf_type_by_id(btf, id);

		if (!t)
			return NULL;
		if (!btf_type_is_modifier(t)) {
			if (found)
				*found = id;
			return t;
		}
		id = t->type;
	}
	return NULL;
}

int64_t btf_size(const struct btf *btf, uint32_t id, uint32_t *kind)
{
	uint64_t count = 1, size;
	bool array = false;

	for (int depth = 0; depth <= BTF_MAX_CHAIN; depth++) {
		const struct btf_type *t = btf_type(btf, id);
		uint32_t k = t ? btf_type_kind(t) : BTF_KIND_UNKN;

		if (kind && !array)
			*kind = k;
		switch (k) {
		case BTF_KIND_INT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_FLOAT:
		case BTF_KIND_DATASEC:
			size = count * t->size;
			return size > UINT32_MAX ? -EINVAL : (int64_t)size;
		case BTF_KIND_PTR:
			size = count * sizeof(uint64_t);
			return size > UINT32_MAX ? -EINVAL : (int64_t)size;
		case BTF_KIND_ARRAY:
			array = true;
			count *= ((const struct btf_array *)btf_type_data(t))->nelems;
			if (count > UINT32_MAX)
				return -EINVAL;
			id = ((const struct btf_array *)btf_type_data(t))->type;
			break;
		case BTF_KIND_VAR:
			id = t->type;
			break;
		default:
			if (!t || !btf_type_is_modifier(t))
				return -EINVAL;
			id = t->type;
		}
	}
	return -EINVAL;
}

bool btf_same(const struct btf *a, uint32_t a_id, const struct btf *b, uint32_t b_id)
{
	return a_id == b_id && (a == b || (a_id && btf_type(a, a_id) == btf_type(b, b_id)));
}

/* ---- look-ups -------------------------------------------------------------------------------- */

static uint32_t hash_name(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

static int tag_order(const void *a, const void *b)
{
	const struct tag_entry *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->component != y->component)
		return x->component < y->component ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Names of equal hash follow each other in the order of ids: they are added in it. */
static struct btf_names *names_make(const struct btf *btf, uint32_t group)
{
	uint32_t mask = (uint32_t)round_up_pow2((uint64_t)btf->n_named[group] * 3 / 2 + 2) - 1;
	struct btf_names *names = calloc(1, sizeof(*names) + ((size_t)mask + 1) * sizeof(uint32_t));

	if (!names)
		return NULL;
	names->mask = mask;
	for (uint32_t i = 0; i < btf->n_own; i++) {
		const struct btf_type *t = (const void *)(btf->records + btf->offs[i]);
		uint32_t kind = btf_type_kind(t), hash, at;

		if (!t->name_off || name_group(kind) != group || kind == BTF_KIND_DECL_TAG)
			continue;
		hash = hash_name(btf_str(btf, t->name_off));
		for (at = hash & mask; names->slots[at]; at = (at + 1) & mask)
			;
		names->slots[at] = (hash & ~SLOT_ID) | (btf->first_id + i);
	}
	return names;
}

static struct btf_tags *tags_make(const struct btf *btf)
{
	struct btf_tags *tags = malloc(sizeof(*tags) + btf->n_tags * sizeof(*tags->tags));

	if (!tags)
		return NULL;
	tags->n = 0;
	for (uint32_t i = 0; tags->n < btf->n_tags; i++) {
		const struct btf_type *t = btf_type(btf, btf->first_id + i);

		if (btf_type_kind(t) == BTF_KIND_DECL_TAG)
			tags->tags[tags->n++] = (struct tag_entry){
				t->type, (int32_t)get_u32(btf_type_data(t)), btf->first_id + i};
	}
	qsort(tags->tags, tags->n, sizeof(*tags->tags), tag_order);
	return tags;
}

/* Of two threads that made the same table, one keeps it. */
static void *index_publish(void **at, void *made)
{
	void *none = NULL;

	if (!made ||
	    __atomic_compare_exchange_n(at, &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	free(made);
	return none;
}

/* Both make what is missing. NULL if there is no memory: then look-ups search. */
static const struct btf_names *names_get(const struct btf *btf, uint32_t group)
{
	struct btf_names **at = &((struct btf *)btf)->names[group];
	struct btf_names *names = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	return LIKELY(names != NULL) ? names : index_publish((void **)at, names_make(btf, group));
}

static const struct btf_tags *tags_get(const struct btf *btf)
{
	struct btf_tags **at = &((struct btf *)btf)->tags;
	struct btf_tags *tags = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	return LIKELY(tags != NULL) ? tags : index_publish((void **)at, tags_make(btf));
}

void btf_prepare(const struct btf *btf)
{
	for (uint32_t g = 0; g < BTF_NAME_GROUPS; g++)
		names_get(btf, g);
	tags_get(btf);
}

static bool name_is(const struct btf *btf, uint32_t id, const char *name, uint32_t kind)
{
	const struct btf_type *t = btf_type(btf, id);

	return t && (!kind || btf_type_kind(t) == kind) && btf_type_kind(t) != BTF_KIND_DECL_TAG &&
	       !strcmp(btf_str(btf, t->name_off), name);
}

/* The first one after id `after`, among the kinds of one group. */
static uint32_t names_find(const struct btf *btf, uint32_t group, const char *name, uint32_t kind,
			   uint32_t after)
{
	const struct btf_names *names = names_get(btf, group);
	uint32_t hash, at, slot;

	if (!names) {
		for (uint32_t id = MAX(after + 1, btf->first_id); id <= btf->n_types; id++)
			if (name_is(btf, id, name, kind))
				return id;
		return 0;
	}
	hash = hash_name(name);
	for (at = hash & names->mask; (slot = names->slots[at]); at = (at + 1) & names->mask)
		if (!((slot ^ hash) & ~SLOT_ID) && (slot & SLOT_ID) > after &&
		    name_is(btf, slot & SLOT_ID, name, kind))
			return slot & SLOT_ID;
	return 0;
}

uint32_t btf_find_next(const struct btf *btf, const char *name, uint32_t kind, uint32_t after)
{
	uint32_t found, other;

	if (!*name)
		return 0;
	if (btf->base && after < btf->base->n_types) {
		found = btf_find_next(btf->base, name, kind, after);
		if (found)
			return found;
	}
	found = names_find(btf, name_group(kind), name, kind, after);
	if (kind)
		return found;
	other = names_find(btf, name_group(BTF_KIND_FUNC), name, kind, after);
	return found && other ? MIN(found, other) : found + other;
}

uint32_t btf_find(const struct btf *btf, const char *name, uint32_t kind)
{
	return btf_find_next(btf, name, kind, 0);
}

/* The tag, if it is on that component and begins with the prefix. */
static bool tag_is(const struct btf *btf, uint32_t id, uint32_t type, int component,
		   const char *prefix, const char **text)
{
	const struct btf_type *t = btf_type(btf, id);
	size_t len = strlen(prefix);
	const char *s;

	if (btf_type_kind(t) != BTF_KIND_DECL_TAG || t->type != type ||
	    (int32_t)get_u32(btf_type_data(t)) != component)
		return false;
	s = btf_str(btf, t->name_off);
	if (strncmp(s, prefix, len) != 0)
		return false;
	if (text)
		*text = s + len;
	return true;
}

uint32_t btf_tag_next(const struct btf *btf, uint32_t type, int component, const char *prefix,
		      uint32_t after, const char **text)
{
	struct tag_entry from = {type, component, after};
	const struct btf_tags *tags;
	uint32_t low = 0, high;

	if (btf->base && after < btf->base->n_types) {
		uint32_t found = btf_tag_next(btf->base, type, component, prefix, after, text);

		if (found)
			return found;
	}
	tags = tags_get(btf);
	if (!tags) {
		for (uint32_t id = MAX(after + 1, btf->first_id); id <= btf->n_types; id++)
			if (tag_is(btf, id, type, component, prefix, text))
				return id;
		return 0;
	}
	for (high = tags->n; low < high;) {
		uint32_t mid = low + (high - low) / 2;

		if (tag_order(&tags->tags[mid], &from) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < tags->n && tags->tags[low].type == type &&
	       tags->tags[low].component == component;
	     low++)
		if (tag_is(btf, tags->tags[low].id, type, component, prefix, text))
			return tags->tags[low].id;
	return 0;
}

int btf_tag_get(const struct btf *btf, uint32_t type, int component, const char *prefix,
		const char **text)
{
	uint32_t id = btf_tag_next(btf, type, component, prefix, 0, text);

	if (!id)
		return -ENOENT;
	return btf_tag_next(btf, type, component, prefix, id, NULL) ? -EEXIST : 0;
}

bool btf_tag_has(const struct btf *btf, uint32_t type, int component, const char *tag)
{
	const char *text;
	uint32_t id = 0;

	while ((id = btf_tag_next(btf, type, component, tag, id, &text)))
		if (!*text)
			return true;
	return false;
}
