/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arbitrary type information, and everything that reads it: no crash, no leak, no endless walk.
 *
 *   1 byte: who wrote it (enum btf_origin)   the rest: BTF data
 *
 * The object is its own kernel, too, so that what refers to the kernel's types finds some.
 */
#include <stdlib.h>

#include "btf/btf.h"
#include "visor/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_TYPES 300

static void walk_all(const struct btf *btf, uint32_t id)
{
	static const uint32_t offs[] = {0, 1, 4, 8, 12, 16, 24, 40, 1000, UINT32_MAX};
	uint32_t bit, type;

	for (size_t i = 0; i < ARRAY_SIZE(offs); i++) {
		struct btf_walk at;
		char why[BTF_WHY];

		if (!btf_walk(btf, id, offs[i], 8, &at, why) && at.kind == BTF_WALK_PTR &&
		    !btf_type(btf, at.id))
			abort();
		btf_walk(btf, id, offs[i], 1, &at, NULL);
		btf_match(btf, id, offs[i], btf, 2, false, why);
	}
	btf_member_find(btf, id, "x", &bit, &type);
	btf_member_safe(btf, id, "__safe_rcu", "x", 1);
}

static void records(const struct btf *btf, const struct btf_target *target, uint32_t id,
		    const struct btf_locals *locals)
{
	struct btf_record *record;

	if (btf_record_new(btf, id, BTF_MASK_MAP, UINT32_MAX, target, &record) || !record)
		return;
	if (record->n > BTF_MAX_FIELDS || !btf_record_overlap(record, record->fields[0].offset, 1))
		abort();
	btf_record_check_map(record, btf, locals, BPF_MAP_TYPE_HASH, 0);
	btf_record_free(record);
}

static void contexts(const struct btf_attach *attach, const struct btf_target *target)
{
	for (int off = 0; off < 96; off += 8) {
		struct btf_ctx_value value;
		char why[BTF_WHY];

		if (!btf_ctx_access(attach, target, off, 8, &value, why) &&
		    value.kind == BTF_CTX_PTR && !btf_type(value.btf, value.type))
			abort();
	}
}

static void functions(const struct btf *btf, const struct btf_target *target, uint32_t id)
{
	static const uint32_t attach_types[] = {BPF_TRACE_RAW_TP, BPF_TRACE_ITER, BPF_TRACE_FEXIT,
						BPF_LSM_MAC, BPF_MODIFY_RETURN};
	struct btf_attach attach;
	struct btf_func func;
	char why[BTF_WHY];

	for (uint32_t type = 0; type < 34; type += 3) {
		btf_func_args(target, btf, id, true, type, BPF_TRACE_RAW_TP, &func, why);
		btf_func_args(target, btf, id, false, type, 0, &func, NULL);
		if (!btf_attach_prog(btf, id, BPF_PROG_TYPE_EXT, 0, type, &attach, why))
			contexts(&attach, target);
	}
	for (size_t i = 0; i < ARRAY_SIZE(attach_types); i++)
		if (!btf_attach_tracing(btf, id, BPF_PROG_TYPE_TRACING, attach_types[i], &attach,
					why))
			contexts(&attach, target);
	for (uint32_t member = 0; member < 4; member++)
		if (!btf_attach_struct_ops(btf, id, member, &attach, why))
			contexts(&attach, target);
	btf_func_match(btf, id, btf, 3, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf_locals *locals = NULL;
	struct btf_target *target = NULL;
	struct btf *btf;
	uint32_t found;
	void *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 1); /* aligned */
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (btf_new(copy, (uint32_t)size - 1, NULL, "fuzz", (enum btf_origin)(data[0] % 3), &btf,
		    NULL)) {
		free(copy);
		return 0;
	}
	btf_adopt(btf, copy);
	if (!btf_target_new(btf, &target)) {
		btf_locals_new(btf, target, &locals);
		for (uint32_t id = 0; id <= MIN(btf->n_types, MAX_TYPES) + 1; id++) {
			const char *name = btf_name(btf, id);

			if (*name && btf_type_kind(btf_type(btf, id)) != BTF_KIND_DECL_TAG &&
			    !btf_find(btf, name, BTF_KIND_UNKN))
				abort();
			btf_size(btf, id, NULL);
			btf_tag_has(btf, id, -1, "x");
			btf_target_match(target, btf, id, &found);
			walk_all(btf, id);
			records(btf, target, id, locals);
			functions(btf, target, id);
		}
	}
	btf_locals_free(locals);
	btf_target_unref(target);
	btf_unref(btf);
	return 0;
}
