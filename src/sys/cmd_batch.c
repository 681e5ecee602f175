/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/cmd_batch.c - commands on many elements of a map at once.
 *
 * A position in a walk (in_batch, out_batch) is the last key for most maps. For hash maps
 * the interface promises that four bytes are enough: there it is the number of elements
 * handed out, and a walk goes on by counting again from the start.
 */
#include "sys/map_op.h"

#include <errno.h>
#include <stdlib.h>

enum batch_op { BATCH_LOOKUP = 1, BATCH_UPDATE = 2, BATCH_DELETE = 4, BATCH_TAKE = 8 };

/* What the kernel's map types have. */
static uint32_t batch_ops(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return BATCH_LOOKUP | BATCH_UPDATE | BATCH_DELETE | BATCH_TAKE;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return BATCH_LOOKUP | BATCH_UPDATE;
	case BPF_MAP_TYPE_LPM_TRIE:
		return BATCH_LOOKUP | BATCH_UPDATE | BATCH_DELETE;
	default:
		return 0;
	}
}

static bool batch_counts(const struct map *map)
{
	return batch_ops(map->desc.type) & BATCH_TAKE; /* hash maps of all kinds */
}

static int put_count(union bpf_attr *uattr, uint32_t count)
{
	return user_write((uintptr_t)&uattr->batch.count, &count, sizeof(count));
}

static int batch_begin(struct map_op *op, struct visor *v, const union bpf_attr *attr,
		       enum batch_op what, enum map_access access)
{
	int err = map_op_begin(op, v, (int)attr->batch.map_fd, access);

	if (err)
		return err;
	if (!(batch_ops(op->map->desc.type) & what))
		err = -SYS_ENOTSUPP;
	else if (attr->batch.elem_flags & ~(uint64_t)BPF_F_LOCK || attr->batch.flags)
		err = -EINVAL;
	else if (attr->batch.elem_flags)
		err = -EINVAL;
	else
		err = map_op_buffers(op);
	if (err)
		map_op_end(op);
	return err;
}

/* Moves op->key to where the walk left off; false: it is at the beginning. */
static int batch_seek(struct map_op *op, uint64_t in_batch, uint32_t *done)
{
	uint32_t key_size = op->map->desc.key_size;
	uint8_t *next;
	int err;

	*done = 0;
	if (!in_batch)
		return 0;
	if (!batch_counts(op->map)) {
		*done = 1;
		return user_read(op->key, in_batch, key_size);
	}
	err = user_read(done, in_batch, sizeof(*done));
	if (err || !*done)
		return err;
	next = malloc(key_size);
	if (!next)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < *done; i++) {
		err = map_user_next_key(op->map, i ? op->key : NULL, next);
		if (!err)
			memcpy(op->key, next, key_size);
	}
	free(next);
	return err;
}

static int batch_lookup(struct visor *v, const union bpf_attr *attr, union bpf_attr *uattr,
			bool take)
{
	struct map_op op;
	uint32_t max = attr->batch.count, n = 0, done, key_size;
	uint64_t position;
	uint8_t *next = NULL;
	int err = batch_begin(&op, v, attr, take ? BATCH_TAKE : BATCH_LOOKUP,
			      take ? MAP_READ | MAP_WRITE : MAP_READ);

	if (err)
		return err;
	key_size = op.map->desc.key_size;
	err = max ? put_count(uattr, 0) : 0;
	if (!max || err)
		goto out;
	err = batch_seek(&op, attr->batch.in_batch, &done);
	next = err ? NULL : malloc(key_size);
	if (!err && !next)
		err = -ENOMEM;
	position = done;
	while (!err && n < max) {
		/* What was taken is gone: the next one is again the first. */
		err = map_user_next_key(op.map, position && !(take && n) ? op.key : NULL, next);
		if (err)
			break;
		memcpy(op.key, next, key_size);
		position++;
		err = take ? map_user_lookup_and_delete(op.map, next, op.value, 0)
			   : map_user_lookup(op.map, next, op.value, 0);
		if (err == -ENOENT) {
			err = 0; /* deleted by somebody in the meantime */
			continue;
		}
		if (!err)
			err = user_write(attr->batch.keys + (uint64_t)n * key_size, next, key_size);
		if (!err)
			err = user_write(attr->batch.values + (uint64_t)n * op.value_size, op.value,
					 op.value_size);
		if (!err)
			n++;
	}
	if (err == -EFAULT)
		goto out;
	if (put_count(uattr, n))
		err = -EFAULT;
	else if (n && batch_counts(op.map)) {
		done = take ? 0 : done + n;
		if (user_write(attr->batch.out_batch, &done, sizeof(done)))
			err = -EFAULT;
	} else if (n && user_write(attr->batch.out_batch, op.key, key_size)) {
		err = -EFAULT;
	}
out:
	free(next);
	map_op_end(&op);
	return err;
}

static int batch_change(struct visor *v, const union bpf_attr *attr, union bpf_attr *uattr,
			enum batch_op what)
{
	struct map_op op;
	uint32_t max = attr->batch.count, n = 0;
	int err = batch_begin(&op, v, attr, what, MAP_WRITE);

	if (err)
		return err;
	for (; !err && n < max; n++) {
		err = user_read(op.key, attr->batch.keys + (uint64_t)n * op.map->desc.key_size,
				op.map->desc.key_size);
		if (!err && what == BATCH_UPDATE) {
			err = user_read(op.value, attr->batch.values + (uint64_t)n * op.value_size,
					op.value_size);
			if (!err)
				err = map_op_update(&op, attr->batch.elem_flags);
		} else if (!err) {
			err = map_user_delete(op.map, op.key);
		}
		if (err)
			break;
	}
	if (max && put_count(uattr, n))
		err = -EFAULT;
	map_op_end(&op);
	return err;
}

int cmd_map_lookup_batch(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return batch_lookup(v, attr, uattr, false);
}

int cmd_map_lookup_and_delete_batch(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return batch_lookup(v, attr, uattr, true);
}

int cmd_map_update_batch(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return batch_change(v, attr, uattr, BATCH_UPDATE);
}

int cmd_map_delete_batch(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return batch_change(v, attr, uattr, BATCH_DELETE);
}
