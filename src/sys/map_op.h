/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/map_op.h - one system call on a map: its object, access right and buffers.
 *
 * On the stack of the call; what is small needs no allocation. map_op_end releases all.
 */
#ifndef SYS_MAP_OP_H
#define SYS_MAP_OP_H

#include "sys/sys.h"

enum map_access { MAP_READ = 1, MAP_WRITE = 2 };

struct map_op {
	struct visor *v;
	struct obj *obj;
	struct map *map;
	size_t value_size; /* as the system call copies it */
	void *key, *value;
	_Alignas(8) uint8_t key_buf[64];
	_Alignas(8) uint8_t value_buf[256];
};

/* -EBADF, -EINVAL: no map of this engine; -EPERM: the descriptor or a freeze forbids it. */
int map_op_begin(struct map_op *op, struct visor *v, int fd, enum map_access access);
void map_op_end(struct map_op *op);
int map_op_buffers(struct map_op *op);
int map_op_read_key(struct map_op *op, uint64_t addr);
/* Stores op->key, op->value, with descriptors of programs turned into ids. */
int map_op_update(struct map_op *op, uint64_t flags);

/* Creates a map; returns a descriptor. */
int sys_map_create(struct visor *v, const struct map_attr *attr, struct visor_diag *diag);

#endif
