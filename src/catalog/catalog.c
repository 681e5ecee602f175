/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/catalog.c - the tables of helpers, map types and program types, and look-ups.
 *
 * Ids index the tables directly, so that the verifier and the interpreter's decoder pay
 * nothing for asking; names are only searched by people.
 */
#include <linux/pkt_cls.h>

#include "catalog/catalog.h"
#include "visor/packet.h"

#define SIZE_OF(type, member) sizeof(((type *)NULL)->member)

/* ---- program types ------------------------------------------------------------------- */

#define FIELD(ctx, member, engine, yield_, access_) \
	{.name = #member,                           \
	 .off = offsetof(struct ctx, member),       \
	 .size = SIZE_OF(struct ctx, member),       \
	 .access = access_,                         \
	 .yield = yield_,                           \
	 .engine_off = offsetof(struct visor_packet, engine)},

static const struct ctx_field fields_xdp[] = {
#define XDP_FIELD(member, engine, yield_, xdp) FIELD(xdp_md, member, engine, yield_, xdp)
#include "catalog/progs.def"
#undef XDP_FIELD
};

static const struct ctx_field fields_tc[] = {
#define SKB_FIELD(member, engine, yield_, tc, socket) FIELD(__sk_buff, member, engine, yield_, tc)
#include "catalog/progs.def"
#undef SKB_FIELD
};

static const struct ctx_field fields_socket[] = {
#define SKB_FIELD(member, engine, yield_, tc, socket) \
	FIELD(__sk_buff, member, engine, yield_, socket)
#include "catalog/progs.def"
#undef SKB_FIELD
};

/* A part of a number is read in place, so the engine must keep it in the UAPI's width. */
#define XDP_FIELD(member, engine, yield_, xdp)                                               \
	_Static_assert(yield_ != CTX_SCALAR || SIZE_OF(struct xdp_md, member) ==             \
						       SIZE_OF(struct visor_packet, engine), \
		       "width of xdp_md." #member);
#define SKB_FIELD(member, engine, yield_, tc, socket)                        \
	_Static_assert((yield_ != CTX_SCALAR && yield_ != CTX_NULL) ||       \
			       SIZE_OF(struct __sk_buff, member) ==          \
				       SIZE_OF(struct visor_packet, engine), \
		       "width of __sk_buff." #member);
#include "catalog/progs.def"
#undef XDP_FIELD
#undef SKB_FIELD

#define CTX_SIZE_xdp	sizeof(struct xdp_md)
#define CTX_SIZE_tc	sizeof(struct __sk_buff)
#define CTX_SIZE_socket sizeof(struct __sk_buff)

#define PROG(id, name, set, ctx, direct, ...) \
	static const char *const sections_##name[] = {__VA_ARGS__, NULL};
#include "catalog/progs.def"
#undef PROG

static const struct prog_type progs[] = {
#define PROG(id, name_, set_, ctx, direct, ...)             \
	[BPF_PROG_TYPE_##id] = {                            \
		.name = #name_,                             \
		.type = BPF_PROG_TYPE_##id,                 \
		.set = set_,                                \
		.ctx_size = CTX_SIZE_##ctx,                 \
		.engine_size = sizeof(struct visor_packet), \
		.sections = sections_##name_,               \
		.fields = fields_##ctx,                     \
		.n_fields = ARRAY_SIZE(fields_##ctx),       \
		.ret_min = INT64_MIN,                       \
		.ret_max = INT64_MAX,                       \
		.packet = true,                             \
		.direct_write = direct,                     \
	},
#include "catalog/progs.def"
#undef PROG
};

const struct prog_type *catalog_prog(uint32_t type)
{
	return type < ARRAY_SIZE(progs) && progs[type].name ? &progs[type] : NULL;
}

const struct prog_type *catalog_prog_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(progs); i++)
		if (progs[i].name && !strcmp(progs[i].name, name))
			return &progs[i];
	return NULL;
}

const struct ctx_field *catalog_ctx_field(const struct prog_type *type, uint32_t off, uint32_t size)
{
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct ctx_field *f = &type->fields[i];

		if (off >= f->off && (uint64_t)off + size <= (uint32_t)f->off + f->size)
			return f;
	}
	return NULL;
}

const struct ctx_field *catalog_ctx_access(const struct prog_type *type, uint32_t off,
					   uint32_t size, bool write)
{
	const struct ctx_field *f;
	uint8_t need = write ? CTX_W : CTX_R;

	if (!size || (size & (size - 1)) || size > 8 || off % size)
		return NULL;
	f = catalog_ctx_field(type, off, size);
	if (!f)
		return NULL;
	if (size != f->size)
		need |= write ? CTX_W_PART : CTX_R_PART;
	return (f->access & need) == need ? f : NULL;
}

const char *catalog_verdict(uint32_t prog_type, uint32_t value)
{
	static const struct {
		const char *name;
		uint64_t set;
		uint32_t value;
	} verdicts[] = {
#define VERDICT(set, name) {#name, set, (uint32_t)name},
#include "catalog/progs.def"
#undef VERDICT
	};
	const struct prog_type *type = catalog_prog(prog_type);

	for (size_t i = 0; type && i < ARRAY_SIZE(verdicts); i++)
		if ((verdicts[i].set & type->set) && verdicts[i].value == value)
			return verdicts[i].name;
	return NULL;
}

/* ---- helpers ------------------------------------------------------------------------- */

static const char *const helper_names[] = {
#define FN(name) [BPF_FUNC_##name] = #name
	__BPF_FUNC_MAPPER(FN)
#undef FN
};

static const struct helper helpers[__BPF_FUNC_MAX_ID] = {
#define ARGS(...) __VA_ARGS__
#define HELPER(name_, ret_, args_, progs_, flags_, maps_) \
	[BPF_FUNC_##name_] = {.name = #name_,             \
			      .id = BPF_FUNC_##name_,     \
			      .progs = progs_,            \
			      .ret = ret_,                \
			      .args = {ARGS args_},       \
			      .flags = (flags_) | HELPER_ENGINE, \
			      .maps = maps_,              \
			      .size = {8, 8, 8, 8, 8}},
#include "catalog/helpers.def"
#undef HELPER
#undef ARGS
};

const struct helper *catalog_helper(uint32_t id)
{
	return id < ARRAY_SIZE(helpers) && helpers[id].name ? &helpers[id] : NULL;
}

const char *catalog_helper_name(uint32_t id)
{
	return id && id < ARRAY_SIZE(helper_names) ? helper_names[id] : NULL;
}

int catalog_helper_id(const char *name)
{
	if (!strncmp(name, "bpf_", 4))
		name += 4;
	for (size_t i = 1; i < ARRAY_SIZE(helper_names); i++)
		if (helper_names[i] && !strcmp(helper_names[i], name))
			return (int)i;
	return -1;
}

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
