/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/value_type.h - what value.c and value_print.c ask of BTF types. Private to them.
 *
 * BTF may be hostile: ids may lead nowhere or in circles, sizes may overflow, members may
 * lie outside of their structs. Everything here checks, and every walk has a budget.
 */
#ifndef LOAD_VALUE_TYPE_H
#define LOAD_VALUE_TYPE_H

#include <bpf/btf.h>

#include "load/value.h"

#define VALUE_MAX_DEPTH 32
#define VALUE_MAX_STEPS (1 << 22)
#define VALUE_MAX_SIZE	(1 << 30)

/* A type with typedefs and qualifiers taken off. */
struct value_type {
	const struct btf_type *t;
	uint32_t id;
	uint32_t size;
	const char *typedef_name; /* the innermost typedef, or "" */
	bool network;		  /* __be16, __be32, __be64: numbers are in network order */
	bool text;		  /* char */
	bool boolean;
	bool is_signed;
};

/* Resolves a type of known size. False: broken, incomplete or endless. */
bool value_type_get(const struct btf *btf, uint32_t id, struct value_type *out);

/* A member of a struct or union, checked to lie within it. */
struct value_member {
	const char *name; /* "" if anonymous */
	struct value_type type;
	uint32_t off;	  /* bytes from the start of the struct; bit fields: of bit 0's byte */
	uint32_t bit_off; /* bit fields: from the start of the struct */
	uint32_t bits;	  /* bit fields: width; otherwise 0 */
};
bool value_member_get(const struct btf *btf, const struct value_type *of, uint32_t i,
		      struct value_member *out);

/* What sort of address fits into a type by its shape, or NONE. */
enum value_address { ADDRESS_NONE, ADDRESS_V4, ADDRESS_MAC, ADDRESS_V6 };
enum value_address value_type_address(const struct btf *btf, const struct value_type *type);

/* True for a struct { 32-bit length; address }, the shape of a longest-prefix-match key. */
bool value_type_prefix(const struct btf *btf, const struct value_type *type,
		       struct value_member *length, struct value_member *address);

/* An integer of 1, 2, 4, 8 bytes in host order. */
uint64_t value_load(const void *p, uint32_t size);
void value_store(void *p, uint32_t size, uint64_t v);
uint64_t value_load_bits(const uint8_t *base, uint32_t bit_off, uint32_t bits);
void value_store_bits(uint8_t *base, uint32_t bit_off, uint32_t bits, uint64_t v);
/* Reverses the bytes of a number of that size if the host is little-endian. */
uint64_t value_network(uint64_t v, uint32_t size);

/* Enumerator i of an enum or enum64. */
const char *value_enumerator(const struct btf *btf, const struct value_type *type, uint32_t i,
			     int64_t *value);

#endif
