/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/cmd_map.c - commands on maps, one element at a time.
 *
 * The order of the checks is the kernel's, since which of two errors is reported is part of
 * the interface. A program array holds program ids; its clients write descriptors.
 */
#include "sys/map_op.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- creation ----------------------------------------------------------------------------- */

/* BTF of key and value must have the map's sizes; some kinds want more of the key. */
static int map_check_btf(const struct map_attr *attr, const struct btf *btf)
{
	bool array = attr->type == BPF_MAP_TYPE_ARRAY || attr->type == BPF_MAP_TYPE_PERCPU_ARRAY;
	uint32_t key_kind = 0, value_kind = 0;

	if (attr->btf_key_type_id &&
	    btf_size(btf, attr->btf_key_type_id, &key_kind) != (int64_t)attr->key_size)
		return -EINVAL;
	/* A section of global data has no key. */
	if (!attr->btf_key_type_id && !array)
		return -EINVAL;
	if (btf_size(btf, attr->btf_value_type_id, &value_kind) != (int64_t)attr->value_size)
		return -EINVAL;
	switch (attr->type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_DEVMAP:
		return -SYS_ENOTSUPP;
	case BPF_MAP_TYPE_LPM_TRIE:
		return key_kind == BTF_KIND_STRUCT ? 0 : -EINVAL;
	default:
		break;
	}
	if (array && !attr->btf_key_type_id)
		return attr->max_entries == 1 && value_kind == BTF_KIND_DATASEC ? 0 : -EINVAL;
	return !array || key_kind == BTF_KIND_INT ? 0 : -EINVAL;
}

int sys_map_create(struct visor *v, const struct map_attr *attr, struct visor_diag *diag)
{
	struct obj *obj;
	uint32_t id;
	int fd, err = store_begin(v, OBJ_MAP, &id, &fd);

	if (err)
		return diag_fail(diag, err, "map", "no room in the object store");
	obj = obj_new(OBJ_MAP, -1);
	if (!obj) {
		close(fd);
		err = diag_fail(diag, -ENOMEM, "map", "out of memory");
	} else {
		err = map_new(attr, id, fd, &obj->map, diag);
	}
	if (err) {
		if (obj)
			store_put(obj);
		store_abort(v, OBJ_MAP);
		return err;
	}
	obj->id = id;
	obj->fd = obj->map->fd;
	return store_commit(v, obj, sys_open_mode(attr->flags));
}

/* A node that the machine has, if one is asked for: memory comes from wherever it is used. */
static bool numa_ok(const union bpf_attr *attr)
{
	char path[64];

	if (!(attr->map_flags & BPF_F_NUMA_NODE) || attr->numa_node == UINT32_MAX)
		return true;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", attr->numa_node);
	return !attr->numa_node || !access(path, F_OK);
}

int cmd_map_create(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_attr m = {
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags,
		.map_extra = attr->map_extra,
		.btf_key_type_id = attr->btf_key_type_id,
		.btf_value_type_id = attr->btf_value_type_id,
	};
	struct obj *btf = NULL;
	int err;

	if (attr->btf_vmlinux_value_type_id || (m.btf_key_type_id && !m.btf_value_type_id) ||
	    m.map_extra || sys_open_mode(m.flags) < 0 || !catalog_map(m.type) || !numa_ok(attr))
		return -EINVAL;
	if (attr->map_ifindex) /* offload to a device */
		return m.type == BPF_MAP_TYPE_HASH || m.type == BPF_MAP_TYPE_ARRAY ? -EOPNOTSUPP
										   : -EINVAL;
	err = sys_name_check(attr->map_name);
	if (err)
		return err;
	memcpy(m.name, attr->map_name, strlen(attr->map_name));
	if (m.btf_value_type_id) {
		btf = store_by_fd(v, (int)attr->btf_fd, OBJ_BTF, &err);
		if (!btf)
			return err;
		m.btf_id = btf->id;
		err = map_check_btf(&m, btf->btf);
	}
	if (!err)
		err = sys_map_create(v, &m, sys_last_diag());
	store_put(btf);
	return err;
}

/* ---- one operation's surroundings --------------------------------------------------------- */

int map_op_begin(struct map_op *op, struct visor *v, int fd, enum map_access access)
{
	int err, mode;

	memset(op, 0, offsetof(struct map_op, key_buf));
	op->obj = store_by_fd(v, fd, OBJ_MAP, &err);
	if (!op->obj)
		return err;
	op->v = v;
	op->map = op->obj->map;
	op->value_size = map_user_value_size(op->map);
	mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	if ((access & MAP_READ && mode == O_WRONLY) ||
	    (access & MAP_WRITE && (mode == O_RDONLY || map_is_frozen(op->map)))) {
		map_op_end(op);
		return -EPERM;
	}
	return 0;
}

void map_op_end(struct map_op *op)
{
	if (op->key != op->key_buf)
		free(op->key);
	if (op->value != op->value_buf)
		free(op->value);
	store_put(op->obj);
}

static int op_buffer(void **out, void *own, size_t own_size, size_t size)
{
	if (!*out)
		*out = size <= own_size ? own : malloc(size);
	return *out ? 0 : -ENOMEM;
}

int map_op_buffers(struct map_op *op)
{
	int err = op_buffer(&op->key, op->key_buf, sizeof(op->key_buf), op->map->desc.key_size);

	return err ? err
		   : op_buffer(&op->value, op->value_buf, sizeof(op->value_buf), op->value_size);
}

int map_op_read_key(struct map_op *op, uint64_t addr)
{
	int err = map_op_buffers(op);

	if (err)
		return err;
	if (!op->map->desc.key_size)
		return addr ? -EINVAL : 0;
	return user_read(op->key, addr, op->map->desc.key_size);
}

int map_op_update(struct map_op *op, uint64_t flags)
{
	uint32_t type, fd;
	struct obj *prog;
	int err;

	if (op->map->desc.type != BPF_MAP_TYPE_PROG_ARRAY)
		return map_user_update(op->map, op->key, op->value, flags);
	if (flags != BPF_ANY)
		return -EINVAL;
	if (get_u32(op->key) >= op->map->desc.max_entries)
		return -E2BIG;
	fd = get_u32(op->value);
	prog = store_by_fd(op->v, (int)fd, OBJ_PROG, &err);
	if (!prog)
		return err;
	err = store_prog_array_type(op->v, op->obj, &type);
	if (!err && type && type != prog->prog->head->type)
		err = -EINVAL;
	if (!err)
		err = map_user_update(op->map, op->key, &prog->id, flags);
	store_put(prog);
	return err;
}

/* ---- the commands ------------------------------------------------------------------------- */

int cmd_map_lookup(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	int err;

	/* BPF_F_LOCK is for values with a spin lock, which no map here has. */
	if (attr->flags & ~(uint64_t)BPF_F_LOCK)
		return -EINVAL;
	err = map_op_begin(&op, v, (int)attr->map_fd, MAP_READ);
	if (err)
		return err;
	err = attr->flags ? -EINVAL : map_op_read_key(&op, attr->key);
	if (!err)
		err = map_user_lookup(op.map, op.key, op.value, 0);
	if (!err)
		err = user_write(attr->value, op.value, op.value_size);
	map_op_end(&op);
	return err;
}

int cmd_map_update(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	int err = map_op_begin(&op, v, (int)attr->map_fd, MAP_WRITE);

	if (err)
		return err;
	err = attr->flags & BPF_F_LOCK ? -EINVAL : map_op_read_key(&op, attr->key);
	if (!err)
		err = user_read(op.value, attr->value, op.value_size);
	if (!err)
		err = map_op_update(&op, attr->flags);
	map_op_end(&op);
	return err;
}

int cmd_map_delete(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	int err = map_op_begin(&op, v, (int)attr->map_fd, MAP_WRITE);

	if (err)
		return err;
	err = map_op_read_key(&op, attr->key);
	if (!err)
		err = map_user_delete(op.map, op.key);
	map_op_end(&op);
	return err;
}

int cmd_map_next_key(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	void *next = NULL;
	int err = map_op_begin(&op, v, (int)attr->map_fd, MAP_READ);

	if (err)
		return err;
	err = attr->key ? map_op_read_key(&op, attr->key) : map_op_buffers(&op);
	if (!err) {
		next = malloc(MAX(op.map->desc.key_size, 1));
		err = next ? map_user_next_key(op.map, attr->key ? op.key : NULL, next) : -ENOMEM;
	}
	if (!err)
		err = user_write(attr->next_key, next, op.map->desc.key_size);
	free(next);
	map_op_end(&op);
	return err;
}

int cmd_map_lookup_and_delete(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	int err;

	if (attr->flags & ~(uint64_t)BPF_F_LOCK)
		return -EINVAL;
	err = map_op_begin(&op, v, (int)attr->map_fd, MAP_READ | MAP_WRITE);
	if (err)
		return err;
	err = attr->flags ? -EINVAL : map_op_read_key(&op, attr->key);
	if (!err)
		err = map_user_lookup_and_delete(op.map, op.key, op.value, attr->flags);
	if (!err)
		err = user_write(attr->value, op.value, op.value_size);
	map_op_end(&op);
	return err;
}

int cmd_map_freeze(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct map_op op;
	int err = map_op_begin(&op, v, (int)attr->map_fd, 0);

	if (err)
		return err;
	/* A frozen map cannot be written, so not be frozen either. */
	if (map_is_frozen(op.map) || (fcntl((int)attr->map_fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		err = -EPERM;
	else
		err = map_freeze(op.map);
	map_op_end(&op);
	return err;
}
