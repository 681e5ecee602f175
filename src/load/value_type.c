/* SPDX-License-Identifier: BSD-2-Clause */
/* load/value_type.c - BTF types, looked at with suspicion. See Documentation/bpf/btf.rst. */
#include "load/value_type.h"

#include <endian.h>
#include <errno.h>

static int64_t value_size_at(const struct btf *btf, uint32_t id, unsigned depth)
{
	const struct btf_type *t;
	int64_t size;

	for (; depth < VALUE_MAX_DEPTH; depth++) {
		t = btf__type_by_id(btf, id);
		if (!t)
			return -EINVAL;
		switch (btf_kind(t)) {
		case BTF_KIND_INT:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_FLOAT:
		case BTF_KIND_DATASEC:
			return t->size <= VALUE_MAX_SIZE ? (int64_t)t->size : -E2BIG;
		case BTF_KIND_PTR:
			return 8;
		case BTF_KIND_ARRAY:
			size = value_size_at(btf, btf_array(t)->type, depth + 1);
			if (size <= 0)
				return size;
			size *= btf_array(t)->nelems; /* 2^30 * 2^32 at most */
			return size <= VALUE_MAX_SIZE ? size : -E2BIG;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
		case BTF_KIND_VAR:
			id = t->type;
			break;
		default: /* void, forward declarations, functions */
			return -EINVAL;
		}
	}
	return -ELOOP;
}

int64_t value_size(const struct btf *btf, uint32_t type_id)
{
	return btf ? value_size_at(btf, type_id, 0) : -EINVAL;
}

bool value_type_get(const struct btf *btf, uint32_t id, struct value_type *out)
{
	int64_t size = value_size(btf, id);
	const struct btf_type *t;

	if (size < 0)
		return false;
	*out = (struct value_type){.size = (uint32_t)size, .typedef_name = ""};
	/* value_size has followed the same steps, so this ends. */
	for (;;) {
		t = btf__type_by_id(btf, id);
		if (!btf_is_typedef(t) && !btf_is_mod(t) && !btf_is_type_tag(t) && !btf_is_var(t))
			break;
		if (btf_is_typedef(t)) {
			out->typedef_name = btf__name_by_offset(btf, t->name_off) ?: "";
			if (!strncmp(out->typedef_name, "__be", 4))
				out->network = true;
		}
		id = t->type;
	}
	out->t = t;
	out->id = id;
	if (btf_is_int(t)) {
		const char *name = btf__name_by_offset(btf, t->name_off) ?: "";

		if (!t->size || t->size > 16 || (t->size & (t->size - 1)))
			return false;
		out->text = t->size == 1 && !strcmp(name, "char");
		out->boolean = btf_int_encoding(t) & BTF_INT_BOOL;
		out->is_signed = btf_int_encoding(t) & BTF_INT_SIGNED;
		out->network = out->network && t->size >= 2 && t->size <= 8;
	} else {
		out->network = false;
		if (btf_is_any_enum(t) && (!t->size || t->size > 8 || (t->size & (t->size - 1))))
			return false;
		if (btf_is_float(t) && t->size != 4 && t->size != 8)
			return false;
		if (btf_is_datasec(t))
			return false;
	}
	return true;
}

bool value_member_get(const struct btf *btf, const struct value_type *of, uint32_t i,
		      struct value_member *out)
{
	const struct btf_member *m = btf_members(of->t) + i;
	uint32_t bit_off = btf_member_bit_offset(of->t, i);

	*out = (struct value_member){
		.name = btf__name_by_offset(btf, m->name_off) ?: "",
		.off = bit_off / 8,
		.bit_off = bit_off,
		.bits = btf_member_bitfield_size(of->t, i),
	};
	if (!value_type_get(btf, m->type, &out->type))
		return false;
	if (!out->bits && bit_off % 8)
		return false;
	if (out->bits) {
		if (!btf_is_int(out->type.t) && !btf_is_any_enum(out->type.t))
			return false;
		return out->bits <= 64 && out->bits <= out->type.size * 8 &&
		       (uint64_t)bit_off + out->bits <= (uint64_t)of->size * 8;
	}
	return (uint64_t)out->off + out->type.size <= of->size;
}

enum value_address value_type_address(const struct btf *btf, const struct value_type *type)
{
	struct value_type elem;

	if (btf_is_array(type->t)) {
		if (!value_type_get(btf, btf_array(type->t)->type, &elem) || !btf_is_int(elem.t) ||
		    elem.text || elem.boolean)
			return ADDRESS_NONE;
		if (elem.size != 1 && !(elem.size == 4 && type->size == 16))
			return ADDRESS_NONE;
	} else if (!btf_is_int(type->t) || type->boolean) {
		return ADDRESS_NONE;
	}
	switch (type->size) {
	case 4:
		return ADDRESS_V4;
	case 6:
		return ADDRESS_MAC;
	case 16:
		return ADDRESS_V6;
	default:
		return ADDRESS_NONE;
	}
}

/* struct in_addr and struct in6_addr, unions of an address's views, and the like: the type
 * inside that is an address. */
static bool value_type_peel(const struct btf *btf, struct value_type *type)
{
	struct value_member m;

	for (unsigned depth = 0; depth < VALUE_MAX_DEPTH; depth++) {
		enum value_address a = value_type_address(btf, type);

		if (a == ADDRESS_V4 || a == ADDRESS_V6)
			return true;
		if (!btf_is_composite(type->t) || !btf_vlen(type->t) ||
		    (btf_is_struct(type->t) && btf_vlen(type->t) != 1))
			return false;
		if (!value_member_get(btf, type, 0, &m) || m.bits || m.off ||
		    m.type.size != type->size)
			return false;
		*type = m.type;
	}
	return false;
}

bool value_type_prefix(const struct btf *btf, const struct value_type *type,
		       struct value_member *length, struct value_member *address)
{
	if (!btf_is_struct(type->t) || btf_vlen(type->t) != 2 ||
	    !value_member_get(btf, type, 0, length) || !value_member_get(btf, type, 1, address))
		return false;
	if (!btf_is_int(length->type.t) || length->type.size != 4 || length->bits || length->off ||
	    length->type.network || address->bits || address->off != 4)
		return false;
	return value_type_peel(btf, &address->type);
}

uint64_t value_load(const void *p, uint32_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return get_u16(p);
	case 4:
		return get_u32(p);
	default:
		return get_u64(p);
	}
}

void value_store(void *p, uint32_t size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		put_u16(p, (uint16_t)v);
		break;
	case 4:
		put_u32(p, (uint32_t)v);
		break;
	default:
		put_u64(p, v);
	}
}

/* Bit i of a bit field, counted from its least significant one, as a mask in *at. */
static uint8_t value_bit(uint32_t bit_off, uint32_t bits, uint32_t i, uint32_t *at)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	uint32_t n = bit_off + i;

	(void)bits;
	*at = n / 8;
	return (uint8_t)(1u << n % 8);
#else
	uint32_t n = bit_off + bits - 1 - i;

	*at = n / 8;
	return (uint8_t)(0x80u >> n % 8);
#endif
}

uint64_t value_load_bits(const uint8_t *base, uint32_t bit_off, uint32_t bits)
{
	uint64_t v = 0;
	uint32_t at;

	for (uint32_t i = 0; i < bits; i++) {
		uint8_t mask = value_bit(bit_off, bits, i, &at);

		v |= (uint64_t) !!(base[at] & mask) << i;
	}
	return v;
}

void value_store_bits(uint8_t *base, uint32_t bit_off, uint32_t bits, uint64_t v)
{
	uint32_t at;

	for (uint32_t i = 0; i < bits; i++) {
		uint8_t mask = value_bit(bit_off, bits, i, &at);

		base[at] = (uint8_t)(v >> i & 1 ? base[at] | mask : base[at] & ~mask);
	}
}

uint64_t value_network(uint64_t v, uint32_t size)
{
	return size == 1 ? v : htobe64(v) >> (__BYTE_ORDER == __LITTLE_ENDIAN ? 64 - 8 * size : 0);
}

const char *value_enumerator(const struct btf *btf, const struct value_type *type, uint32_t i,
			     int64_t *value)
{
	uint32_t name_off;

	if (btf_is_enum64(type->t)) {
		const struct btf_enum64 *e = btf_enum64(type->t) + i;

		name_off = e->name_off;
		*value = (int64_t)btf_enum64_value(e);
	} else {
		const struct btf_enum *e = btf_enum(type->t) + i;

		name_off = e->name_off;
		*value = btf_kflag(type->t) ? e->val : (int64_t)(uint32_t)e->val;
	}
	return btf__name_by_offset(btf, name_off) ?: "";
}

void value_type_name(const struct btf *btf, uint32_t type_id, char *out, size_t size)
{
	char suffix[48] = "";
	const struct btf_type *t = NULL;
	const char *name, *sort = "";

	for (unsigned i = 0; i < VALUE_MAX_DEPTH; i++) {
		t = btf && type_id ? btf__type_by_id(btf, type_id) : NULL;
		if (!t)
			break;
		if (btf_is_array(t)) {
			size_t len = strlen(suffix);

			snprintf(suffix + len, sizeof(suffix) - len, "[%u]", btf_array(t)->nelems);
		} else if (btf_is_ptr(t)) {
			char rest[sizeof(suffix)];

			snprintf(rest, sizeof(rest), "%s%s", suffix[0] == '*' ? "*" : " *", suffix);
			memcpy(suffix, rest, sizeof(suffix));
		} else if (!btf_is_mod(t) && !btf_is_type_tag(t) && !btf_is_var(t)) {
			break;
		}
		type_id = btf_is_array(t) ? btf_array(t)->type : t->type;
	}
	name = t ? btf__name_by_offset(btf, t->name_off) : NULL;
	if (t && btf_is_struct(t))
		sort = "struct ";
	else if (t && btf_is_union(t))
		sort = "union ";
	else if (t && btf_is_any_enum(t))
		sort = "enum ";
	if (t && (!name || !name[0]))
		name = sort[0] ? "{...}" : "?";
	snprintf(out, size, "%s%s%s", sort, name ? name : "void", suffix);
}
