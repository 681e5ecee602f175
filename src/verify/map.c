/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/map.c - what BTF says of a map: the special fields of its values.
 *
 * As in the kernel there are two kinds of trouble. Types that make no sense as fields are no
 * reason to refuse the map: its values are plain bytes then. Fields that this kind of map cannot
 * have are one.
 */
#include "verify/verify.h"

#include "btf/btf.h"

#include <errno.h>
#include <stdio.h>

static int map_refuse(char *why, int err, const char *text)
{
	if (why)
		snprintf(why, BTF_WHY, "%s", text);
	return err;
}

static int map_check_sizes(const struct verify_map *m, char *why)
{
	int64_t key =
		m->key_type_id ? btf_size(m->btf, m->key_type_id, NULL) : (int64_t)m->desc.key_size;

	if (key != m->desc.key_size)
		return map_refuse(why, -EINVAL, "the type of the key does not have the key's size");
	if (btf_size(m->btf, m->value_type_id, NULL) != m->desc.value_size)
		return map_refuse(why, -EINVAL,
				  "the type of the value does not have the value's size");
	return 0;
}

static const char *map_reason(int err)
{
	switch (err) {
	case -EACCES:
		return "a map that programs cannot read or write has special fields";
	case -EOPNOTSUPP:
		return "a special field that maps of this type cannot have";
	case -ENOMEM:
		return "out of memory";
	default:
		return "a list or tree whose elements are not what its tag says";
	}
}

int verify_map_init(struct verify_map *m, const struct btf_target *target, char *why)
{
	struct btf_record *record = NULL;
	int err;

	m->record = NULL;
	m->locals = NULL;
	if (why)
		why[0] = '\0';
	if (m->key_type_id && !m->value_type_id)
		return map_refuse(why, -EINVAL, "a type of the key, but none of the value");
	if (!m->btf || !m->value_type_id)
		return 0;
	err = map_check_sizes(m, why);
	if (err)
		return err;
	err = btf_record_new(m->btf, m->value_type_id, BTF_MASK_MAP, m->desc.value_size, target,
			     &record);
	if (err == -ENOMEM)
		return map_refuse(why, err, map_reason(err));
	if (err || !record)
		return 0;
	if (record->mask & BTF_MASK_GRAPH_ROOT)
		err = btf_locals_new(m->btf, target, &m->locals);
	if (!err)
		err = btf_record_check_map(record, m->btf, m->locals, m->desc.type, m->desc.flags);
	m->record = record;
	if (err) {
		verify_map_done(m);
		return map_refuse(why, err, map_reason(err));
	}
	return 0;
}

void verify_map_done(struct verify_map *m)
{
	btf_record_free((struct btf_record *)m->record);
	btf_locals_free(m->locals);
	m->record = NULL;
	m->locals = NULL;
}
