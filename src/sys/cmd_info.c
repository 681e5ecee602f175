/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/cmd_info.c - commands that find and describe objects: ids, descriptors, pins, info.
 *
 * Info structures follow the kernel's protocol: the caller's structure may be shorter or
 * longer than ours; arrays are written as far as the caller said there is room, and their
 * full sizes are reported.
 */
#include "jit/jit.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- ids and descriptors ------------------------------------------------------------------ */

static int next_id(struct visor *v, const union bpf_attr *attr, union bpf_attr *uattr,
		   enum obj_kind kind)
{
	uint32_t id;
	int err;

	if (attr->start_id >= INT32_MAX)
		return -EINVAL;
	err = store_next_id(v, kind, attr->start_id, &id);
	return err ? err : user_write((uintptr_t)&uattr->next_id, &id, sizeof(id));
}

int cmd_prog_next_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return next_id(v, attr, uattr, OBJ_PROG);
}

int cmd_map_next_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return next_id(v, attr, uattr, OBJ_MAP);
}

int cmd_btf_next_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return next_id(v, attr, uattr, OBJ_BTF);
}

/* There are no links: nothing can be attached below a system call that we do not own. */
int cmd_link_next_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return attr->start_id >= INT32_MAX ? -EINVAL : -ENOENT;
}

int cmd_link_fd_by_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return -ENOENT;
}

int cmd_prog_fd_by_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return store_fd_by_id(v, OBJ_PROG, attr->prog_id, 0);
}

int cmd_map_fd_by_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	int mode = sys_open_mode(attr->open_flags);

	if (attr->open_flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY) || mode < 0)
		return -EINVAL;
	return store_fd_by_id(v, OBJ_MAP, attr->map_id, mode);
}

int cmd_btf_fd_by_id(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	return store_fd_by_id(v, OBJ_BTF, attr->btf_id, 0);
}

/* ---- pins --------------------------------------------------------------------------------- */

static int read_path(const union bpf_attr *attr, char path[PATH_MAX])
{
	ssize_t len = user_string(path, attr->pathname, PATH_MAX);

	if (len < 0)
		return (int)len;
	if (!len)
		return -ENOENT;
	return len == PATH_MAX - 1 ? -ENAMETOOLONG : 0;
}

int cmd_obj_pin(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	char path[PATH_MAX];
	int err;

	struct obj *obj;

	if (attr->file_flags)
		return -EINVAL;
	obj = store_by_fd(v, (int)attr->bpf_fd, OBJ_KIND_COUNT, &err);
	if (!obj)
		return err;
	err = read_path(attr, path);
	if (!err)
		err = store_pin(v, obj, path);
	store_put(obj);
	return err;
}

int cmd_obj_get(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	int err, mode = sys_open_mode(attr->file_flags);
	char path[PATH_MAX];

	if (attr->bpf_fd || attr->file_flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY) || mode < 0)
		return -EINVAL;
	err = read_path(attr, path);
	return err ? err : store_get(v, path, mode);
}

/* ---- info --------------------------------------------------------------------------------- */

/* Writes up to `room` of n records; 0 or -EFAULT. */
static int put_array(uint64_t addr, uint32_t room, const void *data, uint32_t n, size_t size)
{
	return user_write(addr, data, (size_t)MIN(room, n) * size);
}

/* The instructions as the kernel shows them: map references by id. */
static int put_insns(const struct sys_prog *prog, const uint32_t *ids, uint64_t addr, uint32_t room)
{
	uint32_t n = prog->head->n_insns, size = n * (uint32_t)sizeof(struct bpf_insn);
	struct bpf_insn *copy = malloc(size);
	int err;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, prog->insns, size);
	for (uint32_t i = 0; i + 1 < n; i++) {
		struct bpf_insn *insn = &copy[i];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL)
			insn->off = (int16_t)insn->imm; /* where the kernel has the distance */
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if ((insn->src_reg == BPF_PSEUDO_MAP_IDX ||
		     insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE) &&
		    (uint32_t)insn->imm < prog->head->n_load_maps) {
			insn->src_reg = insn->src_reg == BPF_PSEUDO_MAP_IDX ? BPF_PSEUDO_MAP_FD
									    : BPF_PSEUDO_MAP_VALUE;
			insn->imm = (int32_t)ids[insn->imm];
		}
		i++;
	}
	err = user_write(addr, copy, MIN(room, size));
	free(copy);
	return err;
}

/* Record sizes are fixed: a caller that states others is refused. */
static int record_sizes(struct bpf_prog_info *info)
{
	if (((info->nr_func_info || info->func_info_rec_size) &&
	     info->func_info_rec_size != sizeof(struct bpf_func_info)) ||
	    ((info->nr_line_info || info->line_info_rec_size) &&
	     info->line_info_rec_size != sizeof(struct bpf_line_info)) ||
	    ((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
	     info->jited_line_info_rec_size != sizeof(uint64_t)))
		return -EINVAL;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->jited_line_info_rec_size = sizeof(uint64_t);
	return 0;
}

static void prog_info_fill(struct bpf_prog_info *info, const struct obj *obj)
{
	const struct prog_head *head = obj->prog->head;
	struct vm_prog *vm = __atomic_load_n(&obj->prog->vm, __ATOMIC_ACQUIRE);
	struct vm_stats stats = {0};

	if (vm)
		vm_prog_stats(vm, &stats);
	info->type = head->type;
	info->id = obj->id;
	memcpy(info->tag, head->tag, sizeof(info->tag));
	info->load_time = head->load_time;
	info->created_by_uid = head->uid;
	memcpy(info->name, head->name, sizeof(info->name));
	info->gpl_compatible = head->gpl;
	info->run_cnt = stats.run_cnt;
	info->run_time_ns = stats.run_time_ns;
	info->recursion_misses = 0;
	info->verified_insns = head->n_insns;
	info->ifindex = 0;
	info->netns_dev = info->netns_ino = 0;
	info->btf_id = head->btf_id;
	info->attach_btf_obj_id = info->attach_btf_id = 0;
}

/* Where the code of each line of source begins. Code is not in the order of the program: each line
 * has the first place that is not before the one of the line before it. */
static void native_lines(const struct sys_prog *prog, const struct vm_native *native, uint64_t *out)
{
	const struct bpf_line_info *l = prog->line_info;
	uint32_t n = prog->head->n_line_info, from = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t begin = l[i].insn_off, end = i + 1 < n ? l[i + 1].insn_off : UINT32_MAX;

		for (uint32_t k = from; k < native->n_lines; k++)
			if (native->lines[k].insn >= begin && native->lines[k].insn < end) {
				from = k;
				break;
			}
		out[i] = (uintptr_t)native->mem + (native->n_lines ? native->lines[from].at : 0);
	}
}

/* Arrays of the native code, as far as there is room. */
static int put_native(const struct sys_prog *prog, const struct vm_native *native,
		      struct bpf_prog_info *info)
{
	uint32_t n = native->n_funcs, lines = prog->head->n_line_info;
	uint64_t *addresses = malloc((MAX(n, lines) + 1) * sizeof(*addresses));
	uint32_t *lens = malloc((n + 1) * sizeof(*lens));
	int err = addresses && lens ? 0 : -ENOMEM;

	if (err)
		goto out;
	for (uint32_t i = 0; i < n; i++) {
		addresses[i] = (uintptr_t)native->mem + native->entry[i];
		lens[i] = (i + 1 < n ? native->entry[i + 1] : native->size) - native->entry[i];
	}
	err = put_array(info->jited_prog_insns, info->jited_prog_len, native->mem, native->size, 1);
	if (!err)
		err = put_array(info->jited_ksyms, info->nr_jited_ksyms, addresses, n,
				sizeof(*addresses));
	if (!err)
		err = put_array(info->jited_func_lens, info->nr_jited_func_lens, lens, n,
				sizeof(*lens));
	if (!err) {
		native_lines(prog, native, addresses);
		err = put_array(info->jited_line_info, info->nr_jited_line_info, addresses, lines,
				sizeof(*addresses));
	}
	info->jited_prog_len = native->size;
	info->nr_jited_ksyms = info->nr_jited_func_lens = n;
	info->nr_jited_line_info = lines;
out:
	free(addresses);
	free(lens);
	return err;
}

/* Native code is this process's own: it is made for who asks for more than its length, and that
 * is what the process has that loaded the program. */
static int prog_info_native(struct visor *v, struct obj *obj, struct bpf_prog_info *info)
{
	bool wanted = info->jited_prog_len || info->nr_jited_ksyms || info->nr_jited_func_lens ||
		      info->nr_jited_line_info;
	struct vm_prog *vm = __atomic_load_n(&obj->prog->vm, __ATOMIC_ACQUIRE);
	const struct vm_native *native;

	if (!vm && wanted && obj->prog->head->native_size > 0)
		sys_prog_vm(v, obj, &vm, NULL);
	native = vm ? vm_prog_native(vm) : NULL;
	if (native)
		return put_native(obj->prog, native, info);
	/* What cannot be seen has no address, as the kernel tells it. */
	info->jited_prog_len = vm ? 0 : (uint32_t)MAX(obj->prog->head->native_size, 0);
	info->jited_prog_insns = info->jited_ksyms = info->jited_func_lens = 0;
	info->jited_line_info = 0;
	info->nr_jited_ksyms = info->nr_jited_func_lens = info->nr_jited_line_info = 0;
	return 0;
}

static int prog_info(struct visor *v, struct obj *obj, struct bpf_prog_info *info)
{
	const struct sys_prog *prog = obj->prog;
	const struct prog_head *head = prog->head;
	uint32_t ids[SYS_MAX_MAPS], n_maps, room;
	int err = record_sizes(info);

	if (!err)
		err = sys_prog_maps(obj, ids, &n_maps);
	if (err)
		return err;
	prog_info_fill(info, obj);
	err = prog_info_native(v, obj, info);
	if (err)
		return err;

	room = info->nr_map_ids;
	info->nr_map_ids = n_maps;
	err = put_array(info->map_ids, room, ids, n_maps, sizeof(*ids));
	room = info->xlated_prog_len;
	info->xlated_prog_len = head->n_insns * (uint32_t)sizeof(struct bpf_insn);
	if (!err && room)
		err = put_insns(prog, ids, info->xlated_prog_insns, room);
	room = info->nr_func_info;
	info->nr_func_info = head->n_func_info;
	if (!err)
		err = put_array(info->func_info, room, prog->func_info, head->n_func_info,
				sizeof(*prog->func_info));
	room = info->nr_line_info;
	info->nr_line_info = head->n_line_info;
	if (!err)
		err = put_array(info->line_info, room, prog->line_info, head->n_line_info,
				sizeof(*prog->line_info));
	room = info->nr_prog_tags;
	info->nr_prog_tags = 1;
	if (!err)
		err = put_array(info->prog_tags, room, head->tag, 1, sizeof(head->tag));
	return err;
}

static int map_info(struct obj *obj, struct bpf_map_info *info)
{
	const struct map *map = obj->map;

	memset(info, 0, sizeof(*info));
	info->type = map->desc.type;
	info->id = obj->id;
	info->key_size = map->desc.key_size;
	info->value_size = map->desc.value_size;
	info->max_entries = map->desc.max_entries;
	info->map_flags = map->desc.flags;
	memcpy(info->name, map->desc.name, sizeof(info->name));
	info->btf_id = map->btf_id;
	info->btf_key_type_id = map->btf_key_type_id;
	info->btf_value_type_id = map->btf_value_type_id;
	info->map_extra = map->map_extra;
	return 0;
}

static int btf_info(struct obj *obj, struct bpf_btf_info *info)
{
	const char no_name = '\0';
	uint32_t room = info->btf_size, name_room = info->name_len;
	int err = 0;

	if (!!info->name != !!name_room)
		return -EINVAL;
	info->id = obj->id;
	info->kernel_btf = 0;
	info->btf_size = obj->btf->size;
	info->name_len = 0;
	if (info->btf && user_write(info->btf, obj->btf->data, MIN(room, obj->btf->size)))
		err = -EFAULT;
	if (!err && name_room)
		err = user_write(info->name, &no_name, 1);
	return err;
}

/* Counting stops once the descriptor that BPF_ENABLE_STATS gave is closed everywhere. */
static void stats_check(struct visor *v)
{
	int fd;

	if (store_lock(v))
		return;
	fd = v->stats_fd;
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
		vm_stats_every(0);
		close(fd);
		v->stats_fd = -1;
	}
	store_unlock(v);
}

int cmd_obj_info(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	union {
		struct bpf_prog_info prog;
		struct bpf_map_info map;
		struct bpf_btf_info btf;
	} info;
	static const size_t sizes[] = {
		[OBJ_PROG] = sizeof(info.prog),
		[OBJ_MAP] = sizeof(info.map),
		[OBJ_BTF] = sizeof(info.btf),
	};
	uint32_t len = attr->info.info_len;
	uint64_t addr = attr->info.info;
	struct obj *obj;
	int err;

	stats_check(v);
	obj = store_by_fd(v, (int)attr->info.bpf_fd, OBJ_KIND_COUNT, &err);
	if (!obj)
		return err == -EBADF ? -EBADFD : err; /* so the kernel, here alone */
	err = user_tail_zero(addr, sizes[obj->kind], len);
	len = (uint32_t)MIN(len, sizes[obj->kind]);
	memset(&info, 0, sizeof(info));
	if (!err)
		err = user_read(&info, addr, len);
	if (!err)
		err = obj->kind == OBJ_PROG  ? prog_info(v, obj, &info.prog)
		      : obj->kind == OBJ_MAP ? map_info(obj, &info.map)
					     : btf_info(obj, &info.btf);
	if (!err)
		err = user_write(addr, &info, len);
	if (!err)
		err = user_write((uintptr_t)&uattr->info.info_len, &len, sizeof(len));
	store_put(obj);
	return err;
}

/* ---- statistics --------------------------------------------------------------------------- */

#define STATS_EVERY 64 /* runs that are timed: one in so many */

int cmd_enable_stats(struct visor *v, union bpf_attr *attr, union bpf_attr *uattr)
{
	char path[40];
	int fd;

	if (attr->enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	stats_check(v);
	fd = store_lock(v);
	if (fd)
		return fd;
	if (v->stats_fd < 0)
		v->stats_fd = memfd_create("bpf-stats", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", v->stats_fd);
	fd = v->stats_fd >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || flock(fd, LOCK_SH)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		fd = err;
	} else {
		vm_stats_every(STATS_EVERY);
	}
	store_unlock(v);
	return fd;
}
