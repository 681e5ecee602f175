/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/catalog.c - the table of map types, and look-ups. (Program types: progs.c; helpers: contracts.c.)
 *
 * Ids index the tables directly, so that the verifier and the interpreter's decoder pay
 * nothing for asking; names are only searched by people.
 */
#include "catalog/catalog.h"

/* ---- maps ---------------------------------------------------------------------------- */

static const struct map_kind maps[] = {
#define OTHER(id, name)
#define MAP(id, name_, flags, traits_)                    \
	[BPF_MAP_TYPE_##id] = {.name = #name_,            \
			       .type = BPF_MAP_TYPE_##id, \
			       .allowed_flags = flags,    \
			       .traits = traits_},
#include "catalog/maps.def"
#undef OTHER
#undef MAP
};

static const char *const map_names[] = {
#define OTHER(id, name)		[BPF_MAP_TYPE_##id] = #name,
#define MAP(id, name, flags, t) [BPF_MAP_TYPE_##id] = #name,
#include "catalog/maps.def"
#undef OTHER
#undef MAP
};

const struct map_kind *catalog_map(uint32_t type)
{
	return type < ARRAY_SIZE(maps) && maps[type].name ? &maps[type] : NULL;
}

const struct map_kind *catalog_map_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (maps[i].name && !strcmp(maps[i].name, name))
			return &maps[i];
	return NULL;
}

const char *catalog_map_name(uint32_t type)
{
	return type < ARRAY_SIZE(map_names) ? map_names[type] : NULL;
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
