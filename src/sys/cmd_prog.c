/* SPDX-License-Identifier: BSD-2-Clause */
/* sys/cmd_prog.c - commands that make programs and type information. */
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BTF_MAX_BYTES (16 << 20)

int cmd_prog_load(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return sys_prog_load(v, attr, v->trust, sys_last_diag());
}

/* The map lives as long as the program from now on: the list in the program's file grows. */
int cmd_prog_bind_map(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	const off_t count_at = offsetof(struct prog_head, n_maps);
	uint32_t ids[SYS_MAX_MAPS], n, i;
	struct obj *prog, *map;
	int err;

	if (attr->prog_bind_map.flags)
		return -EINVAL;
	prog = store_by_fd(v, (int)attr->prog_bind_map.prog_fd, OBJ_PROG, &err);
	if (!prog)
		return err;
	map = store_by_fd(v, (int)attr->prog_bind_map.map_fd, OBJ_MAP, &err);
	if (!map) {
		store_put(prog);
		return err;
	}
	err = store_lock(v);
	if (err)
		goto out;
	err = sys_prog_maps(prog, ids, &n);
	for (i = 0; !err && i < n && ids[i] != map->id; i++)
		;
	if (!err && i == n) {
		const off_t id_at = offsetof(struct prog_head, map_ids) + i * sizeof(map->id);

		/* The id first: a crash in between leaves the old list. */
		n++;
		if (n > SYS_MAX_MAPS)
			err = -E2BIG;
		else if (pwrite(prog->fd, &map->id, sizeof(map->id), id_at) != sizeof(map->id) ||
			 pwrite(prog->fd, &n, sizeof(n), count_at) != sizeof(n))
			err = -EIO;
	}
	store_unlock(v);
out:
	store_put(map);
	store_put(prog);
	return err;
}

/* Takes btf over. */
static int btf_store(struct visor *v, const struct btf *btf)
{
	struct obj_head head = {0};
	struct obj *obj;
	int fd, err;
	uint32_t id;

	err = store_begin(v, OBJ_BTF, &id, &fd);
	if (err) {
		btf_unref(btf);
		return err;
	}
	err = obj_write(fd, &head, OBJ_BTF, id, sizeof(head), btf->data, btf->size);
	obj = err ? NULL : obj_new(OBJ_BTF, fd);
	if (!obj) {
		close(fd);
		store_abort(v, OBJ_BTF);
		btf_unref(btf);
		return err ? err : -ENOMEM;
	}
	obj->id = id;
	obj->btf = btf;
	return store_commit(v, obj, 0);
}

int cmd_btf_load(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	struct user_log log = {attr->btf_log_buf, attr->btf_log_size, attr->btf_log_level};
	struct visor_diag diag = {0};
	char why[BTF_WHY + 1] = "";
	struct btf *btf;
	void *data;
	int err, log_err;

	if (attr->btf_size > BTF_MAX_BYTES)
		return -E2BIG;
	err = user_log_check(&log);
	if (err)
		return err;
	data = user_dup(attr->btf, attr->btf_size, &err);
	if (!data)
		return err;
	err = btf_new(data, attr->btf_size, NULL, NULL, BTF_LOADED, &btf, &diag);
	if (err)
		snprintf(why, sizeof(why), "%.*s\n", BTF_WHY - 1, diag.text);
	log_err = user_log_write(&log, why);
	err = log_err ? log_err : err;
	if (err) {
		btf_unref(btf);
		free(data);
		return err;
	}
	btf_adopt(btf, data);
	return btf_store(v, btf);
}
