/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/objects.c - what the store must know of each kind of object.
 *
 * Files may have been written by anybody: nothing in them is believed before it is checked.
 */
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJ_MAX_FILE (64 << 20) /* a program of a million instructions with its line info fits */

struct obj *obj_new(enum obj_kind kind, int fd)
{
	struct obj *obj = calloc(1, sizeof(*obj));

	if (!obj)
		return NULL;
	obj->refs = 1;
	obj->kind = kind;
	obj->fd = fd;
	return obj;
}

int obj_write(int fd, struct obj_head *head, enum obj_kind kind, uint32_t id, size_t head_size,
	      const void *body, size_t body_size)
{
	const struct {
		const void *data;
		size_t size;
	} parts[] = {{head, head_size}, {body, body_size}};
	off_t at = 0;

	memcpy(head->magic, OBJ_MAGIC, sizeof(head->magic));
	head->kind = kind;
	head->id = id;
	head->size = head_size + body_size;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t done = 0; done < parts[i].size;) {
			ssize_t n = pwrite(fd, (const char *)parts[i].data + done,
					   parts[i].size - done, at);

			if (n <= 0)
				return n < 0 ? -errno : -EIO;
			done += (size_t)n;
			at += n;
		}
	return 0;
}

int obj_read(int fd, enum obj_kind kind, size_t min, size_t max, void **out, size_t *size)
{
	struct obj_head *head;
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st))
		return -errno;
	if ((size_t)st.st_size < min || (size_t)st.st_size > max)
		return -EINVAL;
	head = malloc((size_t)st.st_size);
	if (!head)
		return -ENOMEM;
	while (done < (size_t)st.st_size) {
		ssize_t n = pread(fd, (char *)head + done, (size_t)st.st_size - done, (off_t)done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done < (size_t)st.st_size || memcmp(head->magic, OBJ_MAGIC, sizeof(head->magic)) ||
	    head->kind != kind || head->size != done) {
		free(head);
		return -EINVAL;
	}
	*out = head;
	*size = done;
	return 0;
}

static int attach_btf(struct obj *obj)
{
	struct obj_head *file;
	struct btf *btf;
	size_t size;
	int err = obj_read(obj->fd, OBJ_BTF, sizeof(*file), OBJ_MAX_FILE, (void **)&file, &size);

	if (err)
		return err;
	err = btf_new(file + 1, (uint32_t)(size - sizeof(*file)), NULL, NULL, BTF_LOADED, &btf,
		      NULL);
	if (err) {
		free(file);
		return err;
	}
	btf_adopt(btf, file);
	obj->btf = btf;
	obj->id = file->id;
	return 0;
}

static int attach_prog(struct obj *obj)
{
	void *file;
	size_t size;
	int err = obj_read(obj->fd, OBJ_PROG, sizeof(struct prog_head), OBJ_MAX_FILE, &file, &size);

	if (err)
		return err;
	err = sys_prog_parse(file, size, &obj->prog);
	if (!err)
		obj->id = obj->prog->head->obj.id;
	return err;
}

int obj_attach(struct obj *obj)
{
	int err;

	switch (obj->kind) {
	case OBJ_MAP:
		err = map_attach(obj->fd, &obj->map, NULL);
		if (err)
			obj->fd = -1; /* map_attach has closed it */
		else
			obj->id = obj->map->desc.id;
		return err;
	case OBJ_PROG:
		return attach_prog(obj);
	default:
		return attach_btf(obj);
	}
}

void obj_destroy(struct obj *obj)
{
	switch (obj->kind) {
	case OBJ_MAP:
		if (obj->map) {
			map_unref(obj->map);
			obj->fd = -1;
		}
		break;
	case OBJ_PROG:
		sys_prog_free(obj->prog);
		break;
	default:
		btf_unref(obj->btf);
	}
	if (obj->fd >= 0)
		close(obj->fd);
	free(obj);
}

void obj_refs(const struct obj *obj, void (*fn)(void *user, enum obj_kind kind, uint32_t id),
	      void *user)
{
	uint32_t ids[SYS_MAX_MAPS], n;

	if (obj->kind == OBJ_PROG) {
		if (sys_prog_maps(obj, ids, &n))
			n = 0;
		for (uint32_t i = 0; i < n; i++)
			fn(user, OBJ_MAP, ids[i]);
		if (obj->prog->head->btf_id)
			fn(user, OBJ_BTF, obj->prog->head->btf_id);
	} else if (obj->kind == OBJ_MAP) {
		if (obj->map->btf_id)
			fn(user, OBJ_BTF, obj->map->btf_id);
		if (obj->map->desc.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (uint32_t i = 0, id; (id = map_prog_next(obj->map, &i)); i++)
				fn(user, OBJ_PROG, id);
	}
}
