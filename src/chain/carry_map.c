/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/carry_map.c - the entries of a map go over into another of the same kind.
 *
 * The old map is in use all the while. Keys are collected first, each once: get_next_key begins
 * anew when the key that it is given has been deleted, so that without a memory a busy map would
 * never end. The memory also tells what came after the copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "btf/btf.h"
#include "chain/carry.h"
#include "load/syscall.h"
#include "map/map.h"
#include "visor/uapi.h"

#define CARRY_MAX_BTF (64u << 20)

/* What entries can be copied between, and how. */
enum carry_family { FAMILY_NONE, FAMILY_ARRAY, FAMILY_HASH, FAMILY_LPM };

struct carry_kind {
	uint8_t family;
	bool percpu;
};

static const struct carry_kind carry_kinds[] = {
	[BPF_MAP_TYPE_ARRAY] = {FAMILY_ARRAY, false},
	[BPF_MAP_TYPE_PERCPU_ARRAY] = {FAMILY_ARRAY, true},
	[BPF_MAP_TYPE_HASH] = {FAMILY_HASH, false},
	[BPF_MAP_TYPE_LRU_HASH] = {FAMILY_HASH, false},
	[BPF_MAP_TYPE_PERCPU_HASH] = {FAMILY_HASH, true},
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = {FAMILY_HASH, true},
	[BPF_MAP_TYPE_LPM_TRIE] = {FAMILY_LPM, false},
};

/* Keys, each once: an open table of indices into the list. */
struct carry_keys {
	uint8_t *list;
	uint32_t *table;
	uint32_t size, n, max, mask;
};

struct carry_map {
	int fd;
	struct bpf_map_info old;
	struct carry_wanted wanted;
	struct carry_kind kind;
	struct btf *from_btf, *to_btf;
	struct carry key, value;
	struct carry_keys keys; /* that went over */
	char why[CARRY_WHY];
};

static struct carry_kind carry_kind_of(uint32_t type)
{
	return type < ARRAY_SIZE(carry_kinds) ? carry_kinds[type] : (struct carry_kind){0};
}

/* ---- what is there --------------------------------------------------------------------------- */

static int carry_info(int fd, void *info, size_t size)
{
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = (uint32_t)size,
					.info = (uintptr_t)info}};

	return MIN(load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
}

/* The types of the engine with that id, checked again: NULL if they are not fit to be used. */
static int carry_btf_by_id(uint32_t id, struct btf **out)
{
	union bpf_attr attr = {.btf_id = id};
	struct bpf_btf_info info = {0};
	int fd = load_bpf(BPF_BTF_GET_FD_BY_ID, &attr, sizeof(attr)), err;
	uint32_t size;
	void *data;

	*out = NULL;
	if (fd < 0)
		return fd;
	err = carry_info(fd, &info, sizeof(info));
	size = info.btf_size;
	data = err || !size || size > CARRY_MAX_BTF ? NULL : calloc(1, size);
	if (data) {
		memset(&info, 0, sizeof(info));
		info.btf = (uintptr_t)data;
		info.btf_size = size;
		err = carry_info(fd, &info, sizeof(info));
		if (!err && info.btf_size == size)
			err = btf_new(data, size, NULL, "", BTF_LOADED, out, NULL);
		if (*out)
			btf_adopt(*out, data);
		else
			free(data);
	}
	close(fd);
	return err == -ENOMEM ? err : 0;
}

static int carry_begin_types(struct carry_map *m)
{
	struct carry_type from = {0}, to = {0};
	int err;

	if (m->old.btf_id) {
		err = carry_btf_by_id(m->old.btf_id, &m->from_btf);
		if (err)
			return err;
	}
	if (m->wanted.btf) {
		err = btf_new(m->wanted.btf, m->wanted.btf_size, NULL, "", BTF_OBJECT, &m->to_btf,
			      NULL);
		if (err == -ENOMEM)
			return err;
	}
	from = (struct carry_type){m->old.btf_key_type_id ? m->from_btf : NULL,
				   m->old.btf_key_type_id, m->old.key_size};
	to = (struct carry_type){m->wanted.key_type ? m->to_btf : NULL, m->wanted.key_type,
				 m->wanted.key_size};
	err = carry_begin(&m->key, &from, &to);
	from = (struct carry_type){m->old.btf_value_type_id ? m->from_btf : NULL,
				   m->old.btf_value_type_id, m->old.value_size};
	to = (struct carry_type){m->wanted.value_type ? m->to_btf : NULL, m->wanted.value_type,
				 m->wanted.value_size};
	return err ? err : carry_begin(&m->value, &from, &to);
}

/* ---- does it fit ----------------------------------------------------------------------------- */

static enum carry_fit carry_map_fit(struct carry_map *m)
{
	const uint32_t access = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG | BPF_F_MMAPABLE;
	const struct carry_wanted *w = &m->wanted;
	struct carry_kind to = carry_kind_of(w->type);

	if (m->key.fit == CARRY_SAME && m->value.fit == CARRY_SAME && m->old.type == w->type &&
	    m->old.key_size == w->key_size && m->old.value_size == w->value_size &&
	    (m->old.max_entries == w->max_entries || !w->max_entries) &&
	    ((m->old.map_flags ^ w->flags) & access) == 0)
		return CARRY_SAME;
	if (!m->kind.family || m->kind.family != to.family || m->kind.percpu != to.percpu) {
		snprintf(m->why, sizeof(m->why),
			 m->old.type == w->type ? "what is in a map of its kind cannot go over"
						: "it is of another kind");
	} else if (m->key.fit == CARRY_CANNOT || m->key.why[0]) {
		snprintf(m->why, sizeof(m->why), "its key: %.100s", m->key.why);
	} else if (m->value.fit == CARRY_CANNOT) {
		snprintf(m->why, sizeof(m->why), "its value: %.100s", m->value.why);
	} else {
		snprintf(m->why, sizeof(m->why), "%s", m->value.why);
		return CARRY_CONVERTS;
	}
	return CARRY_CANNOT;
}

int carry_map_open(int fd, const struct carry_wanted *wanted, struct carry_map **out,
		   char why[CARRY_WHY], struct visor_diag *diag)
{
	struct carry_map *m = calloc(1, sizeof(*m));
	enum carry_fit fit;
	int err;

	*out = NULL;
	why[0] = '\0';
	if (!m)
		return diag_fail(diag, -ENOMEM, "maps", "no memory");
	m->fd = -1;
	m->wanted = *wanted;
	err = carry_info(fd, &m->old, sizeof(m->old));
	if (!err) {
		m->kind = carry_kind_of(m->old.type);
		err = carry_begin_types(m);
	}
	if (err) {
		carry_map_close(m);
		return diag_fail(diag, err, "maps", "cannot read about the map before");
	}
	fit = carry_map_fit(m);
	snprintf(why, CARRY_WHY, "%s", m->why);
	if (fit == CARRY_CONVERTS) {
		m->fd = dup(fd);
		if (m->fd < 0) {
			err = -errno;
			carry_map_close(m);
			return diag_fail(diag, err, "maps", "cannot keep the map before");
		}
		*out = m;
	} else {
		carry_map_close(m);
	}
	return fit;
}

const char *carry_map_why(const struct carry_map *m)
{
	return m->why;
}

static void carry_keys_free(struct carry_keys *k)
{
	free(k->list);
	free(k->table);
	memset(k, 0, sizeof(*k));
}

void carry_map_close(struct carry_map *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	carry_keys_free(&m->keys);
	carry_end(&m->key);
	carry_end(&m->value);
	btf_unref(m->from_btf);
	btf_unref(m->to_btf);
	free(m);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static uint32_t carry_keys_place(const struct carry_keys *k, const uint8_t *key)
{
	uint64_t h = 0xcbf29ce484222325;
	uint32_t at;

	for (uint32_t i = 0; i < k->size; i++)
		h = (h ^ key[i]) * 0x100000001b3;
	at = (uint32_t)(h ^ h >> 32) & k->mask;
	while (k->table[at] &&
	       memcmp(k->list + (size_t)(k->table[at] - 1) * k->size, key, k->size) != 0)
		at = (at + 1) & k->mask;
	return at;
}

static bool carry_keys_has(const struct carry_keys *k, const uint8_t *key)
{
	return k->n && k->table[carry_keys_place(k, key)];
}

static int carry_keys_grow(struct carry_keys *k)
{
	uint32_t max = k->max ? 2 * k->max : 64;
	uint8_t *list = max > UINT32_MAX / 4 ? NULL : realloc(k->list, (size_t)max * k->size);
	uint32_t *table = list ? calloc(2 * (size_t)max, sizeof(*table)) : NULL;

	if (list)
		k->list = list;
	if (!table)
		return -ENOMEM;
	free(k->table);
	k->table = table;
	k->max = max;
	k->mask = 2 * max - 1;
	for (uint32_t i = 0; i < k->n; i++)
		table[carry_keys_place(k, k->list + (size_t)i * k->size)] = i + 1;
	return 0;
}

static int carry_keys_add(struct carry_keys *k, const uint8_t *key)
{
	int err = k->n == k->max ? carry_keys_grow(k) : 0;
	uint32_t at;

	if (err)
		return err;
	at = carry_keys_place(k, key);
	if (k->table[at])
		return 0;
	memcpy(k->list + (size_t)k->n * k->size, key, k->size);
	k->table[at] = ++k->n;
	return 0;
}

static int carry_element(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	union bpf_attr attr = {.map_fd = (uint32_t)fd,
			       .key = (uintptr_t)key,
			       .value = (uintptr_t)value,
			       .flags = flags};

	return MIN(load_bpf(cmd, &attr, sizeof(attr)), 0);
}

/* All keys that there are; in a map that changes, those that stay. */
static int carry_keys_read(const struct carry_map *m, struct carry_keys *k)
{
	uint64_t steps = 4ull * m->old.max_entries + 64;
	uint8_t *key = calloc(2, m->old.key_size);
	int err = key ? 0 : -ENOMEM;

	k->size = m->old.key_size;
	for (bool first = true; !err; first = false) {
		/* Where we are is lost again and again: it is not for us to wait for peace. */
		if (!steps--)
			err = -EAGAIN;
		else
			err = carry_element(BPF_MAP_GET_NEXT_KEY, m->fd, first ? NULL : key,
					    key + k->size, 0);
		if (!err) {
			memcpy(key, key + k->size, k->size);
			err = carry_keys_add(k, key);
		}
	}
	free(key);
	return err == -ENOENT ? 0 : err;
}

/* ---- entries --------------------------------------------------------------------------------- */

struct carry_room {
	uint8_t *from, *to, *key;
	uint32_t from_step, to_step, cpus; /* of a per-CPU value */
	uint32_t to_size;
};

static int carry_room_new(const struct carry_map *m, struct carry_room *r)
{
	r->cpus = m->kind.percpu ? map_possible_cpus() : 1;
	r->from_step = m->kind.percpu ? ALIGN_UP(m->old.value_size, 8u) : m->old.value_size;
	r->to_step = m->kind.percpu ? ALIGN_UP(m->wanted.value_size, 8u) : m->wanted.value_size;
	r->to_size = r->to_step * r->cpus;
	r->from = calloc(r->cpus, (size_t)r->from_step + 1);
	r->to = calloc(r->cpus, (size_t)r->to_step + 1);
	r->key = calloc(1, (size_t)m->wanted.key_size + 1);
	return r->from && r->to && r->key ? 0 : -ENOMEM;
}

static void carry_room_free(struct carry_room *r)
{
	free(r->from);
	free(r->to);
	free(r->key);
}

static void carry_value(const struct carry_map *m, struct carry_room *r, struct carry_loss *loss)
{
	for (uint32_t cpu = 0; cpu < r->cpus; cpu++)
		carry_apply(&m->value, r->from + (size_t)cpu * r->from_step,
			    r->to + (size_t)cpu * r->to_step, loss);
}

static bool carry_is_zero(const uint8_t *bytes, size_t n)
{
	return !n || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}

static int carry_no_room(const struct carry_map *m, uint64_t n, struct visor_diag *diag)
{
	return diag_fail(diag, -E2BIG, "maps", "there are %llu entries, the new map holds %u",
			 (unsigned long long)n, m->wanted.max_entries);
}

static int carry_array(struct carry_map *m, int to, struct carry_room *r,
		       struct carry_report *report, struct visor_diag *diag)
{
	uint64_t beyond = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < m->old.max_entries; i++) {
		err = carry_element(BPF_MAP_LOOKUP_ELEM, m->fd, &i, r->from, 0);
		if (err)
			break;
		if (i >= m->wanted.max_entries) {
			beyond += !carry_is_zero(r->from, (size_t)r->from_step * r->cpus);
			continue;
		}
		if (m->wanted.data)
			err = carry_element(BPF_MAP_LOOKUP_ELEM, to, &i, r->to, 0);
		else
			memset(r->to, 0, r->to_size);
		if (err)
			break;
		carry_value(m, r, &report->loss);
		err = carry_element(BPF_MAP_UPDATE_ELEM, to, &i, r->to, BPF_ANY);
		report->entries += !err;
	}
	if (!err && beyond) {
		diag_fail(diag, -E2BIG, "maps",
			  "%llu of its elements beyond the new map's %u are not zero",
			  (unsigned long long)beyond, m->wanted.max_entries);
		return -E2BIG;
	}
	return err ? diag_fail(diag, err, "maps", "an element cannot be copied") : 0;
}

/* 0: it went over; 1: it is gone; 2: no such key can be; 3: (flags) it is there already. */
static int carry_entry(struct carry_map *m, int to, const uint8_t *key, struct carry_room *r,
		       uint64_t flags, struct carry_loss *loss)
{
	struct carry_loss of_key = {0};
	int err = carry_element(BPF_MAP_LOOKUP_ELEM, m->fd, key, r->from, 0);

	if (err)
		return err == -ENOENT ? 1 : err;
	memset(r->key, 0, m->wanted.key_size);
	memset(r->to, 0, r->to_size);
	carry_apply(&m->key, key, r->key, &of_key);
	if (of_key.n)
		return 2;
	carry_value(m, r, loss);
	err = carry_element(BPF_MAP_UPDATE_ELEM, to, r->key, r->to, flags);
	return err == -EEXIST ? 3 : err;
}

static bool carry_full(int err)
{
	return err == -E2BIG || err == -ENOSPC;
}

static int carry_hash(struct carry_map *m, int to, struct carry_room *r,
		      struct carry_report *report, struct visor_diag *diag)
{
	int err = carry_keys_read(m, &m->keys);

	if (err)
		return diag_fail(diag, err, "maps", "its keys cannot be read");
	if (m->key.total && m->keys.n > m->wanted.max_entries)
		return carry_no_room(m, m->keys.n, diag);
	for (uint32_t i = 0; i < m->keys.n; i++) {
		const uint8_t *key = m->keys.list + (size_t)i * m->keys.size;

		err = carry_entry(m, to, key, r, m->key.total ? BPF_ANY : BPF_NOEXIST,
				  &report->loss);
		report->entries += err == 0;
		report->merged += err == 3;
		report->dropped += err == 2;
		if (carry_full(err))
			return carry_no_room(m, m->keys.n, diag);
		if (err == -EINVAL && m->kind.family == FAMILY_LPM) {
			report->dropped++;
			err = 0;
		}
		if (err < 0)
			return diag_fail(diag, err, "maps", "an entry cannot be copied");
	}
	return 0;
}

int carry_map_copy(struct carry_map *m, int to, struct carry_report *report,
		   struct visor_diag *diag)
{
	struct carry_room room = {0};
	int err = carry_room_new(m, &room);

	memset(report, 0, sizeof(*report));
	if (err)
		diag_fail(diag, err, "maps", "no memory");
	else if (m->kind.family == FAMILY_ARRAY)
		err = carry_array(m, to, &room, report, diag);
	else
		err = carry_hash(m, to, &room, report, diag);
	carry_room_free(&room);
	return err;
}

int carry_map_late(struct carry_map *m, int to, uint64_t *added, uint64_t *left)
{
	struct carry_keys now = {0};
	struct carry_loss loss = {0};
	struct carry_room room = {0};
	int err = 0;

	*added = *left = 0;
	if (m->kind.family == FAMILY_ARRAY)
		return 0;
	err = carry_room_new(m, &room);
	if (!err)
		err = carry_keys_read(m, &now);
	for (uint32_t i = 0; !err && i < now.n; i++) {
		const uint8_t *key = now.list + (size_t)i * now.size;

		if (carry_keys_has(&m->keys, key))
			continue;
		err = carry_entry(m, to, key, &room, BPF_NOEXIST, &loss);
		*added += !err;
		*left += err == 2 || carry_full(err);
		if (err > 0 || carry_full(err))
			err = 0;
	}
	carry_keys_free(&now);
	carry_room_free(&room);
	return err;
}
