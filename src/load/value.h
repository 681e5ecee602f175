/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/value.h - typed values: text to bytes and bytes to text, through BTF.
 *
 * Pure functions over BTF that may come from a hostile file: every type chain, size and
 * offset is checked against the buffer, and work is limited. Nothing is kept; safe from
 * any thread as long as the struct btf is not changed.
 *
 * The notation, for people and for --json alike, by the type of the value:
 *
 *   integer     42  -1  0x2a  'c'; true, false for _Bool
 *   enum        the enumerator's name, also in other case or without a prefix all of the
 *               enum's names share (`drop` for ACTION_DROP); or a number
 *   char[N]     text, NUL-terminated if there is room
 *   array       [1, 2, 3]; missing elements are zero
 *   struct      {a: 1, b: 2}; missing members are zero; [1, 2] by position; a struct of one
 *               member may be written as that member
 *   union       {member: value}; or the value of the first member that can take the text
 *   __be16..64  numbers in host order, as people think of them: 80 is port 80
 *
 * Addresses: an integer or byte array of 4, 6 or 16 bytes (or __u32[4]) takes the text of an IPv4
 * address, MAC or IPv6 address, in network order. A 16-byte address takes IPv4 as
 * ::ffff:a.b.c.d. A struct of two members, a 32-bit length and an address, takes a prefix:
 * 10.0.0.0/8 (a /8 in a 16-byte address becomes /104); without /N all bits.
 *
 * Printing is the reverse, with addresses where the name of type or member says so: bytes
 * arrays and network-order integers whose name holds "addr", "mac", "ip" or "prefix" as a
 * word or a word's beginning, and struct in6_addr, in_addr.
 *
 * Without BTF (btf NULL or type 0): an integer for 1, 2, 4, 8 bytes, a list of bytes, or
 * hex:0123ab of exactly the size.
 */
#ifndef LOAD_VALUE_H
#define LOAD_VALUE_H

#include <stdio.h>
#include <bpf/btf.h>

#include "load/tree.h"

/* Fills bytes[0, size) with the node's value. Errors are placed through `tree` (may be NULL). */
int value_parse(const struct btf *btf, uint32_t type_id, const struct tree *tree,
		const struct tree_node *node, void *bytes, size_t size, struct visor_diag *diag);

/* The same from text, e.g. an argument of the command line. A plain word needs no quotes. */
int value_parse_text(const struct btf *btf, uint32_t type_id, const char *text, void *bytes,
		     size_t size, struct visor_diag *diag);

enum value_flags {
	VALUE_JSON = 1, /* valid JSON: names and texts quoted */
	VALUE_RAW = 2,	/* numbers and lists only: no addresses, no enumerators' names */
};

/* Prints the value on one line without a newline. Returns 0, or negative errno with diag if
 * the type cannot be printed into its bytes (broken BTF); something may be printed by then. */
int value_print(FILE *to, const struct btf *btf, uint32_t type_id, const void *bytes, size_t size,
		unsigned flags, struct visor_diag *diag);

/* The type as C source would write it ("struct service", "__u32", "enum action"), for people. */
void value_type_name(const struct btf *btf, uint32_t type_id, char *out, size_t size);

/* Size of the type in bytes, or negative errno (incomplete, endless, larger than 1 GiB). */
int64_t value_size(const struct btf *btf, uint32_t type_id);

#endif
