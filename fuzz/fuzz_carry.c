/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two arbitrary objects of types, and values of the one made into the other: nothing outside the
 * two values is touched (they are allocations of their own), and it ends.
 *
 *   2 bytes: how long the first object is   the rest: both
 */
#include <stdlib.h>

#include "btf/btf.h"
#include "chain/carry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_TYPES 40
#define MAX_VALUE 4096

static struct btf *object(const uint8_t *data, size_t size)
{
	void *copy = malloc(size + 1);
	struct btf *btf = NULL;

	memcpy(copy, data, size);
	if (btf_new(copy, (uint32_t)size, NULL, "", BTF_OBJECT, &btf, NULL))
		free(copy);
	else
		btf_adopt(btf, copy);
	return btf;
}

static struct carry_type type_of(const struct btf *btf, uint32_t id)
{
	int64_t n = btf_size(btf, id, NULL);

	return (struct carry_type){btf, id, n < 0 || n > MAX_VALUE ? 16 : (uint32_t)n};
}

static void convert(const struct carry_type *from, const struct carry_type *to)
{
	uint8_t *a = malloc(from->size + !from->size), *b = calloc(1, to->size + !to->size);
	struct carry_loss loss = {0};
	struct carry c;

	memset(a, 0x9d, from->size);
	if (!carry_begin(&c, from, to) && c.fit != CARRY_CANNOT) {
		carry_apply(&c, a, b, &loss);
		if (c.fit == CARRY_SAME && from->size != to->size)
			abort();
	}
	carry_end(&c);
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf *from, *to;
	size_t first;

	if (size < 2)
		return 0;
	first = MIN((size_t)data[0] | (size_t)data[1] << 8, size - 2);
	from = object(data + 2, first);
	to = object(data + 2 + first, size - 2 - first);
	for (uint32_t i = 1; from && i <= MIN(from->n_types, MAX_TYPES); i++) {
		struct carry_type a = type_of(from, i);

		convert(&a, &a);
		for (uint32_t k = 1; to && k <= MIN(to->n_types, MAX_TYPES); k++) {
			struct carry_type b = type_of(to, k);

			convert(&a, &b);
			convert(&b, &a);
		}
	}
	btf_unref(from);
	btf_unref(to);
	return 0;
}
