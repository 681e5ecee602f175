/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/catalog.c - the table of map types, and look-ups. (Program types: progs.c; helpers:
 * contracts.c.)
 *
 * Ids index the tables directly, so that the verifier and the interpreter's decoder pay
 * nothing for asking; names are only searched by people.
 */
#include "catalog/catalog.h"

/* ---- maps ---------------------------------------------------------------------------- */

static const struct map_kind maps[] = {
#define ROW(id, name_, flags_, traits_, keys_, values_)   \
	[BPF_MAP_TYPE_##id] = {.name = #name_,            \
			       .type = BPF_MAP_TYPE_##id, \
			       .allowed_flags = flags_,   \
			       .traits = traits_,         \
			       .keys = keys_,             \
			       .values = values_},
#define OTHER(id, name, flags, traits, keys, values) ROW(id, name, flags, traits, keys, values)
#define MAP(id, name, flags, traits, keys, values) \
	ROW(id, name, flags, (traits) | MAP_ENGINE, keys, values)
#include "catalog/maps.def"
};

const struct map_kind *catalog_map_known(uint32_t type)
{
	return type < ARRAY_SIZE(maps) && maps[type].name ? &maps[type] : NULL;
}

const struct map_kind *catalog_map(uint32_t type)
{
	const struct map_kind *kind = catalog_map_known(type);

	return kind && (kind->traits & MAP_ENGINE) ? kind : NULL;
}

const struct map_kind *catalog_map_by_name(const char *name)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (catalog_map(i) && !strcmp(maps[i].name, name))
			return &maps[i];
	return NULL;
}

const char *catalog_map_name(uint32_t type)
{
	return type < ARRAY_SIZE(maps) ? maps[type].name : NULL;
}

/* ---- creation ------------------------------------------------------------------------ */

#define MIB_4	      (UINT64_C(4) << 20) /* largest piece that the kernel allocates */
#define ELEM_HEAD     48		  /* of an element of a hash table */
#define TRIE_HEAD     40		  /* of a node of a trie, and the largest address */
#define STORAGE_MAX   (UINT16_MAX - 128)
#define PAGE_BYTES    4096
#define MAPS_ENOTSUPP 524 /* which user space has no name for */

/* The size of a key or value; other: the size of the other one, for those that share a limit. */
static int maps_check_size(enum map_size rule, uint64_t size, uint64_t other, uint32_t flags)
{
	switch (rule) {
	case SIZE_0:
		return size ? -EINVAL : 0;
	case SIZE_4:
		return size == 4 ? 0 : -EINVAL;
	case SIZE_4_8:
		return size == 4 || size == 8 ? 0 : -EINVAL;
	case SIZE_8_16:
		return size == 8 || size == 16 ? 0 : -EINVAL;
	case SIZE_PREFIX:
		return size > 4 && size <= 4 + 256 ? 0 : -EINVAL;
	case SIZE_SOCKHASH:
		return !size ? -EINVAL : size > 512 ? -E2BIG : 0;
	case SIZE_STACK:
		other = flags & BPF_F_STACK_BUILD_ID ? sizeof(struct bpf_stack_build_id) : 8;
		return size >= 8 && !(size % other) && size / other <= 127 ? 0 : -EINVAL;
	case SIZE_ARRAY:
		return !size ? -EINVAL : size > INT32_MAX ? -E2BIG : 0;
	case SIZE_PER_CPU:
		return !size ? -EINVAL : size > 32768 ? -E2BIG : 0;
	case SIZE_ELEMENT:
		return !size ? -EINVAL : size + other >= MIB_4 - ELEM_HEAD ? -E2BIG : 0;
	case SIZE_TRIE:
		return size && size <= MIB_4 - 256 - TRIE_HEAD ? 0 : -EINVAL;
	case SIZE_CHUNK:
		return !size ? -EINVAL : size > MIB_4 ? -E2BIG : 0;
	case SIZE_STORAGE:
		return !size ? -EINVAL : size > STORAGE_MAX ? -E2BIG : 0;
	}
	return -EINVAL;
}

static int maps_check_flags(const struct map_kind *kind, const struct map_desc *desc)
{
	const uint32_t user = BPF_F_RDONLY | BPF_F_WRONLY;
	const uint32_t progs = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
	uint32_t need = 0;

	if ((kind->traits & MAP_LRU) && (desc->flags & BPF_F_NO_PREALLOC))
		return -MAPS_ENOTSUPP;
	if (desc->flags & ~kind->allowed_flags)
		return -EINVAL;
	if ((desc->flags & user) == user || (desc->flags & progs) == progs)
		return -EINVAL;
	if (desc->type == BPF_MAP_TYPE_LPM_TRIE || (kind->traits & MAP_STORAGE))
		need = BPF_F_NO_PREALLOC;
	else if (desc->type == BPF_MAP_TYPE_ARENA)
		need = BPF_F_MMAPABLE;
	return (desc->flags & need) == need ? 0 : -EINVAL;
}

static int maps_check_extra(const struct map_desc *desc)
{
	uint64_t bytes = (uint64_t)desc->max_entries * PAGE_BYTES, end;

	if (desc->type == BPF_MAP_TYPE_BLOOM_FILTER)
		return desc->extra > 15 ? -EINVAL : 0; /* number of hash functions */
	if (desc->type != BPF_MAP_TYPE_ARENA)
		return desc->extra ? -EINVAL : 0;
	/* The address at which user space sees the arena: it keeps its upper half. */
	if (desc->extra % PAGE_BYTES)
		return -EINVAL;
	if (bytes > UINT64_C(1) << 32)
		return -E2BIG;
	end = desc->extra + bytes - 1;
	return desc->extra && desc->extra >> 32 != end >> 32 ? -EINVAL : 0;
}

int catalog_map_create_check(const struct map_desc *desc)
{
	const struct map_kind *kind = catalog_map_known(desc->type);
	uint32_t max = desc->max_entries;
	int err;

	if (!kind)
		return -EINVAL;
	err = maps_check_flags(kind, desc);
	if (!err && !max == !(kind->traits & MAP_NO_MAX))
		err = -EINVAL;
	if (!err && (kind->traits & MAP_RING) && (max & (max - 1) || max % PAGE_BYTES))
		err = -EINVAL;
	if (!err && desc->type == BPF_MAP_TYPE_STRUCT_OPS && max != 1)
		err = -EINVAL;
	if (!err)
		err = maps_check_size(kind->keys, desc->key_size, 0, desc->flags);
	if (!err)
		err = maps_check_size(kind->values, desc->value_size,
				      kind->keys == SIZE_ELEMENT ? desc->key_size : 0, desc->flags);
	return err ? err : maps_check_extra(desc);
}

/* ---- helpers and maps ---------------------------------------------------------------- */

#define IN_(id) (UINT64_C(1) << BPF_MAP_TYPE_##id)

bool catalog_map_permits(uint32_t map_type, uint32_t helper_id)
{
	static const uint64_t serves[CATALOG_HELPERS] = {
#define SERVES(helper, types) [BPF_FUNC_##helper] = types,
#include "catalog/maps.def"
	};
	uint64_t types = helper_id < ARRAY_SIZE(serves) ? serves[helper_id] : 0;

	return map_type < 64 && (types ? types : IN_GENERIC) >> map_type & 1;
}

bool catalog_sockmap_update(const struct prog_type *type, uint32_t attach_type, uint32_t helper_id)
{
	const uint64_t may =
		P_XDP | P_TC | P_SOCKET | P_(SK_REUSEPORT) | P_(FLOW_DISSECTOR) | P_(SK_LOOKUP);

	if (type->type == BPF_PROG_TYPE_TRACING)
		return attach_type == BPF_TRACE_ITER;
	/* Its own helper has the context that an update needs. */
	if (type->type == BPF_PROG_TYPE_SOCK_OPS)
		return helper_id == BPF_FUNC_map_delete_elem;
	return type->set & may;
}

bool catalog_helper_takes_map(const struct helper *helper, uint32_t map_type)
{
	const struct map_kind *kind = catalog_map(map_type);

	if (!kind)
		return false;
	switch ((enum helper_maps)helper->maps) {
	case MAPS_NONE:
		return false;
	case MAPS_LOOKUP:
		return !(kind->traits & MAP_NO_LOOKUP);
	case MAPS_UPDATE:
		return !(kind->traits & MAP_NO_UPDATE);
	case MAPS_PER_CPU:
		return kind->traits & MAP_PER_CPU;
	case MAPS_PROG_ARRAY:
		return map_type == BPF_MAP_TYPE_PROG_ARRAY;
	case MAPS_DEVMAP:
		return map_type == BPF_MAP_TYPE_DEVMAP;
	case MAPS_RINGBUF:
		return map_type == BPF_MAP_TYPE_RINGBUF;
	case MAPS_BY_TYPE:
		return false;
	}
	return false;
}
