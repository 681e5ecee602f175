/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making BTF in memory, one type after another. Functions return the id of the new type; that of
 * the next one is build_next(), so that types may refer to later ones.
 */
#ifndef TESTS_BTF_BUILD_H
#define TESTS_BTF_BUILD_H

#include <assert.h>

#include "base/util.h"
#include "visor/uapi.h"

struct build {
	uint8_t types[1 << 16];
	char strs[1 << 15];
	uint8_t data[1 << 17]; /* filled by build_done */
	uint32_t types_len, strs_len, n, size;
	uint32_t last; /* where the last type is: things are added to it */
};

static inline void build_init(struct build *b)
{
	b->types_len = b->n = b->size = b->last = 0;
	b->strs_len = 1;
	b->strs[0] = '\0';
}

static inline uint32_t build_next(const struct build *b)
{
	return b->n + 1;
}

static inline uint32_t build_str(struct build *b, const char *s)
{
	uint32_t at = 0;
	size_t len = strlen(s) + 1;

	while (at < b->strs_len && strcmp(b->strs + at, s) != 0)
		at += (uint32_t)strlen(b->strs + at) + 1;
	if (at < b->strs_len)
		return at;
	assert(b->strs_len + len <= sizeof(b->strs));
	memcpy(b->strs + at, s, len);
	b->strs_len += (uint32_t)len;
	return at;
}

static inline void build_words(struct build *b, const uint32_t *words, uint32_t n)
{
	assert(b->types_len + 4 * n <= sizeof(b->types));
	memcpy(b->types + b->types_len, words, 4 * (size_t)n);
	b->types_len += 4 * n;
}

/* Any type; word is its size or the type it refers to. */
static inline uint32_t build_type(struct build *b, uint32_t kind, const char *name, uint32_t word)
{
	uint32_t words[3] = {build_str(b, name), kind << 24, word};

	b->last = b->types_len;
	build_words(b, words, 3);
	return ++b->n;
}

static inline void build_count(struct build *b)
{
	put_u32(b->types + b->last + 4, get_u32(b->types + b->last + 4) + 1);
}

static inline uint32_t build_int(struct build *b, const char *name, uint32_t size)
{
	uint32_t id = build_type(b, BTF_KIND_INT, name, size), word = size * 8;

	build_words(b, &word, 1);
	return id;
}

static inline uint32_t build_ptr(struct build *b, uint32_t type)
{
	return build_type(b, BTF_KIND_PTR, "", type);
}

static inline uint32_t build_array(struct build *b, uint32_t type, uint32_t index, uint32_t n)
{
	uint32_t id = build_type(b, BTF_KIND_ARRAY, "", 0), words[3] = {type, index, n};

	build_words(b, words, 3);
	return id;
}

static inline uint32_t build_struct(struct build *b, const char *name, uint32_t size)
{
	return build_type(b, BTF_KIND_STRUCT, name, size);
}

/* Of the struct, union that was made last. */
static inline void build_member(struct build *b, const char *name, uint32_t type, uint32_t bit)
{
	uint32_t words[3] = {build_str(b, name), type, bit};

	build_words(b, words, 3);
	build_count(b);
}

/* FUNC_PROTO; then its parameters. */
static inline uint32_t build_proto(struct build *b, uint32_t ret)
{
	return build_type(b, BTF_KIND_FUNC_PROTO, "", ret);
}

static inline void build_param(struct build *b, const char *name, uint32_t type)
{
	uint32_t words[2] = {build_str(b, name), type};

	build_words(b, words, 2);
	build_count(b);
}

static inline uint32_t build_func(struct build *b, const char *name, uint32_t proto, bool global)
{
	uint32_t id = build_type(b, BTF_KIND_FUNC, name, proto);

	if (global)
		build_count(b);
	return id;
}

static inline uint32_t build_tag(struct build *b, const char *text, uint32_t type, int component)
{
	uint32_t id = build_type(b, BTF_KIND_DECL_TAG, text, type), word = (uint32_t)component;

	build_words(b, &word, 1);
	return id;
}

static inline uint32_t build_var(struct build *b, const char *name, uint32_t type)
{
	uint32_t id = build_type(b, BTF_KIND_VAR, name, type), word = 1;

	build_words(b, &word, 1);
	return id;
}

static inline void build_done(struct build *b)
{
	struct btf_header hdr = {.magic = BTF_MAGIC,
				 .version = BTF_VERSION,
				 .hdr_len = sizeof(hdr),
				 .type_len = b->types_len,
				 .str_off = b->types_len,
				 .str_len = b->strs_len};

	memcpy(b->data, &hdr, sizeof(hdr));
	memcpy(b->data + sizeof(hdr), b->types, b->types_len);
	memcpy(b->data + sizeof(hdr) + b->types_len, b->strs, b->strs_len);
	b->size = (uint32_t)sizeof(hdr) + b->types_len + b->strs_len;
}

#endif
