/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/describe.c - bpf(2) answered with descriptions.
 *
 * An object's descriptor is that of an empty file in memory, whose text names the object: so that
 * libbpf may duplicate and close descriptors as it likes. What cannot be made is not refused
 * where libbpf would give up on the whole object; it is remembered, and whoever refers to it is
 * told.
 */
#include "load/describe.h"
#include "sys/image.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIBE_MAX_MAPS      64 /* of a program, as in the kernel */
#define DESCRIBE_MAX_CONTENTS  (64u << 20)
#define DESCRIBE_MAX_BTF       (16u << 20)
#define DESCRIBE_FIRST_MODULE  0x40000000u /* ids of BTF: those of modules begin here */
#define DESCRIBE_ARENA_ADDRESS UINT64_C(0x100000000)
#define DESCRIBE_UNPRIV_INSNS  4096

enum described_kind { DESCRIBED_MAP, DESCRIBED_PROG, DESCRIBED_BTF };

struct described {
	enum described_kind kind;
	uint32_t id;	       /* index + 1 */
	const struct btf *btf; /* with a reference */
	/* maps */
	struct verify_map map;
	void *contents;
	int err; /* it cannot be made, because: */
	char why[BTF_WHY];
	/* programs */
	uint32_t prog_type;
};

struct describe {
	struct load_session session;
	struct describe_hooks hooks;
	const struct btf_target *target;
	bool unprivileged;
	int module_fd;
	struct described **objs;
	uint32_t n_objs, cap_objs;
};

/* What is in the file behind a descriptor. */
struct describe_tag {
	uint64_t magic;
	const struct describe *owner;
	uint64_t id; /* BTF of a module: from DESCRIBE_FIRST_MODULE */
};

#define DESCRIBE_MAGIC UINT64_C(0x6465736372696265)

/* ---- objects and descriptors -------------------------------------------------------------- */

static int describe_fd(struct describe *d, uint32_t id)
{
	struct describe_tag tag = {DESCRIBE_MAGIC, d, id};
	int err, fd = memfd_create("visor-description", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, &tag, sizeof(tag), 0) != sizeof(tag)) {
		err = -EIO;
		close(fd);
		return err;
	}
	return fd;
}

/* The id behind a descriptor, or 0. */
static uint32_t describe_id(const struct describe *d, int fd)
{
	struct describe_tag tag;

	if (fd < 0 || pread(fd, &tag, sizeof(tag), 0) != sizeof(tag) ||
	    tag.magic != DESCRIBE_MAGIC || tag.owner != d)
		return 0;
	return (uint32_t)tag.id;
}

static struct described *describe_by_id(const struct describe *d, uint32_t id)
{
	return id && id <= d->n_objs ? d->objs[id - 1] : NULL;
}

static struct described *describe_get(const struct describe *d, uint32_t fd,
				      enum described_kind kind)
{
	struct described *o = describe_by_id(d, describe_id(d, (int)fd));

	return o && o->kind == kind ? o : NULL;
}

/* The BTF behind a descriptor: a program's, or a kernel module's. */
static const struct btf *describe_btf(const struct describe *d, uint32_t fd)
{
	uint32_t id = describe_id(d, (int)fd);
	struct described *o = describe_by_id(d, id);

	if (o)
		return o->kind == DESCRIBED_BTF ? o->btf : NULL;
	return id >= DESCRIBE_FIRST_MODULE && d->target
		       ? btf_target_module(d->target, id - DESCRIBE_FIRST_MODULE)
		       : NULL;
}

static struct described *describe_add(struct describe *d, enum described_kind kind)
{
	struct described *o = calloc(1, sizeof(*o));

	if (o && d->n_objs == d->cap_objs) {
		uint32_t cap = d->cap_objs ? 2 * d->cap_objs : 64;
		struct described **objs = realloc(d->objs, cap * sizeof(*objs));

		if (!objs) {
			free(o);
			return NULL;
		}
		d->objs = objs;
		d->cap_objs = cap;
	}
	if (!o)
		return NULL;
	o->kind = kind;
	d->objs[d->n_objs++] = o;
	o->id = d->n_objs;
	return o;
}

/* ---- maps --------------------------------------------------------------------------------- */

static void map_fail(struct describe *d, struct described *o, int err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void map_fail(struct describe *d, struct described *o, int err, const char *fmt, ...)
{
	va_list ap;

	if (o->err)
		return;
	o->err = err;
	va_start(ap, fmt);
	vsnprintf(o->why, sizeof(o->why), fmt, ap);
	va_end(ap);
	if (d->hooks.refused)
		d->hooks.refused(d->hooks.user, &o->map.desc, err, o->why);
}

/* What the kernel takes from users without capabilities. */
static bool map_unprivileged(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
		return true;
	default:
		return false;
	}
}

static void map_check(struct describe *d, struct described *o, const union bpf_attr *attr)
{
	const struct map_kind *kind = catalog_map_known(o->map.desc.type);
	const struct described *inner;

	if (!kind) {
		map_fail(d, o, -EINVAL, "the kernel has no map type %u", o->map.desc.type);
		return;
	}
	if (d->unprivileged && !map_unprivileged(kind->type))
		map_fail(d, o, -EPERM, "only privileged users may create maps of type %s",
			 kind->name);
	if (catalog_map_create_check(&o->map.desc))
		map_fail(d, o, catalog_map_create_check(&o->map.desc),
			 "the kernel makes no %s with key size %u, value size %u, "
			 "max_entries %u, flags 0x%x",
			 kind->name, o->map.desc.key_size, o->map.desc.value_size,
			 o->map.desc.max_entries, o->map.desc.flags);
	if (kind->traits & MAP_INNER) {
		inner = describe_get(d, attr->inner_map_fd, DESCRIBED_MAP);
		if (!inner)
			map_fail(d, o, -EBADF, "a map of maps needs an inner map");
		else if (inner->err)
			map_fail(d, o, inner->err, "inner map: %.200s", inner->why);
		else
			o->map.inner = &inner->map;
	}
	if ((kind->traits & MAP_STORAGE) && !o->map.value_type_id)
		map_fail(d, o, -EINVAL, "maps of type %s need type information", kind->name);
	/* Loaders map arenas before anything refers to them; the address is theirs to choose. */
	if (kind->type == BPF_MAP_TYPE_ARENA && !o->map.desc.extra)
		o->map.desc.extra = DESCRIBE_ARENA_ADDRESS;
	/* What the kernel adds by itself. */
	if (kind->type == BPF_MAP_TYPE_DEVMAP || kind->type == BPF_MAP_TYPE_DEVMAP_HASH)
		o->map.desc.flags |= BPF_F_RDONLY_PROG;
}

static int do_map_create(struct describe *d, union bpf_attr *attr)
{
	const struct btf *btf = NULL;
	struct described *o;
	int err;

	if (sys_name_check(attr->map_name))
		return -EINVAL;
	if (attr->btf_key_type_id || attr->btf_value_type_id) {
		btf = describe_btf(d, attr->btf_fd);
		if (!btf)
			return -EBADF;
	}
	o = describe_add(d, DESCRIBED_MAP);
	if (!o)
		return -ENOMEM;
	o->map.desc = (struct map_desc){
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags,
		.extra = attr->map_extra,
		.id = o->id,
	};
	memcpy(o->map.desc.name, attr->map_name, sizeof(o->map.desc.name));
	if (btf) {
		o->btf = o->map.btf = btf_ref(btf);
		o->map.key_type_id = attr->btf_key_type_id;
		o->map.value_type_id = attr->btf_value_type_id;
		/* Refused, for libbpf to try without types, as it would. */
		err = verify_map_init(&o->map, d->target, NULL);
		if (err)
			return err;
	}
	map_check(d, o, attr);
	return describe_fd(d, o->id);
}

/* The only value of an array is kept: the initial contents of global data. */
static int do_map_update(struct describe *d, union bpf_attr *attr)
{
	struct described *o = describe_get(d, attr->map_fd, DESCRIBED_MAP);
	uint32_t key;

	if (!o)
		return -EBADF;
	if (o->map.frozen)
		return -EPERM;
	if (o->map.desc.type != BPF_MAP_TYPE_ARRAY || o->map.desc.max_entries != 1 ||
	    o->map.desc.value_size > DESCRIBE_MAX_CONTENTS)
		return 0;
	if (user_read(&key, attr->key, sizeof(key)))
		return -EFAULT;
	if (key)
		return -E2BIG;
	if (!o->contents)
		o->contents = calloc(1, o->map.desc.value_size);
	if (!o->contents)
		return -ENOMEM;
	return user_read(o->contents, attr->value, o->map.desc.value_size);
}

static int do_map_freeze(struct describe *d, union bpf_attr *attr)
{
	struct described *o = describe_get(d, attr->map_fd, DESCRIBED_MAP);

	if (!o)
		return -EBADF;
	o->map.frozen = true;
	if (o->map.desc.flags & BPF_F_RDONLY_PROG && o->map.desc.type == BPF_MAP_TYPE_ARRAY &&
	    o->map.desc.max_entries == 1 && o->map.desc.value_size <= DESCRIBE_MAX_CONTENTS) {
		if (!o->contents)
			o->contents = calloc(1, o->map.desc.value_size);
		if (!o->contents)
			return -ENOMEM;
		o->map.contents = o->contents;
		o->map.contents_size = o->map.desc.value_size;
	}
	return 0;
}

/* ---- types -------------------------------------------------------------------------------- */

static int do_btf_load(struct describe *d, union bpf_attr *attr)
{
	struct user_log log = {attr->btf_log_buf, attr->btf_log_size, attr->btf_log_level};
	struct visor_diag diag = {0};
	struct described *o;
	struct btf *btf;
	void *data;
	int err;

	if (d->unprivileged)
		return -EPERM;
	if (attr->btf_size > DESCRIBE_MAX_BTF)
		return -E2BIG;
	err = user_log_check(&log);
	data = err ? NULL : user_dup(attr->btf, attr->btf_size, &err);
	if (!data)
		return err;
	err = btf_new(data, attr->btf_size, NULL, NULL, BTF_LOADED, &btf, &diag);
	if (err) {
		user_log_write(&log, diag.text);
		free(data);
		return err;
	}
	btf_adopt(btf, data);
	o = describe_add(d, DESCRIBED_BTF);
	if (!o) {
		btf_unref(btf);
		return -ENOMEM;
	}
	o->btf = btf;
	return describe_fd(d, o->id);
}

static int do_btf_next(struct describe *d, union bpf_attr *attr, union bpf_attr *uattr)
{
	uint32_t n = d->target ? btf_target_modules(d->target) : 0;
	uint32_t next = MAX(attr->start_id + 1, DESCRIBE_FIRST_MODULE);

	if (next - DESCRIBE_FIRST_MODULE >= n)
		return -ENOENT;
	return user_write((uintptr_t)&uattr->next_id, &next, sizeof(next));
}

static int do_btf_by_id(struct describe *d, union bpf_attr *attr)
{
	uint32_t id = attr->btf_id;
	const struct described *o = describe_by_id(d, id);

	if (o ? o->kind != DESCRIBED_BTF
	      : id < DESCRIBE_FIRST_MODULE || !d->target ||
			    !btf_target_module(d->target, id - DESCRIBE_FIRST_MODULE))
		return -ENOENT;
	return describe_fd(d, id);
}

/* ---- what is known of objects ------------------------------------------------------------- */

static int info_btf(const struct btf *btf, uint32_t id, struct bpf_btf_info *info, bool kernel)
{
	uint32_t room = info->btf_size, name_room = info->name_len,
		 len = (uint32_t)strlen(btf->name);
	int err = 0;

	info->btf_size = btf->size;
	info->id = id;
	info->kernel_btf = kernel;
	if (info->btf)
		err = user_write(info->btf, btf->data, MIN(room, btf->size));
	info->name_len = len;
	if (!err && info->name && name_room)
		err = user_write(info->name, btf->name, MIN(name_room, len + 1));
	return err;
}

static int do_info(struct describe *d, union bpf_attr *attr, union bpf_attr *uattr)
{
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_btf_info btf;
	} info = {0};
	uint32_t id = describe_id(d, (int)attr->info.bpf_fd), size = attr->info.info_len, len;
	const struct described *o = describe_by_id(d, id);
	const struct btf *btf = describe_btf(d, attr->info.bpf_fd);
	int err = 0;

	if (!o && !btf)
		return -EBADF;
	len = MIN(size, sizeof(info));
	if (user_read(&info, attr->info.info, len))
		return -EFAULT;
	if (btf) {
		len = MIN(len, sizeof(info.btf));
		err = info_btf(btf, id, &info.btf, !o);
	} else if (o->kind == DESCRIBED_MAP) {
		len = MIN(len, sizeof(info.map));
		info.map = (struct bpf_map_info){
			.type = o->map.desc.type,
			.id = id,
			.key_size = o->map.desc.key_size,
			.value_size = o->map.desc.value_size,
			.max_entries = o->map.desc.max_entries,
			.map_flags = o->map.desc.flags,
			.btf_key_type_id = o->map.key_type_id,
			.btf_value_type_id = o->map.value_type_id,
			.map_extra = o->map.desc.extra,
		};
		memcpy(info.map.name, o->map.desc.name, sizeof(info.map.name));
	} else {
		len = MIN(len, sizeof(info.prog));
		info.prog = (struct bpf_prog_info){.type = o->prog_type, .id = id};
	}
	if (!err)
		err = user_write(attr->info.info, &info, len);
	return err ? err : user_write((uintptr_t)&uattr->info.info_len, &len, sizeof(len));
}

/* ---- programs ----------------------------------------------------------------------------- */

/* A program on its way to being judged. */
struct describe_prog {
	struct describe *d;
	union bpf_attr *attr;
	struct visor_diag *diag;
	struct image image;
	struct verify_map maps[DESCRIBE_MAX_MAPS];
	const struct described *map_objs[DESCRIBE_MAX_MAPS];
	uint32_t n_maps;
};

static int prog_map(void *user, int fd, uint32_t insn)
{
	struct describe_prog *p = user;
	const struct described *o = describe_get(p->d, (uint32_t)fd, DESCRIBED_MAP);
	uint32_t i;

	if (!o) {
		diag_fail(p->diag, -EINVAL, "load", "fd %d is not pointing to valid bpf_map", fd);
		diag_at(p->diag, "insn %u", insn);
		return -EINVAL;
	}
	if (o->err)
		return diag_fail(p->diag, o->err, "map", "map '%s': %s", o->map.desc.name, o->why);
	for (i = 0; i < p->n_maps; i++)
		if (p->map_objs[i] == o)
			return (int)i;
	if (p->n_maps == DESCRIBE_MAX_MAPS)
		return diag_fail(p->diag, -E2BIG, "load",
				 "The total number of maps per program has reached the limit of %u",
				 DESCRIBE_MAX_MAPS);
	p->map_objs[p->n_maps] = o;
	p->maps[p->n_maps] = o->map;
	return (int)p->n_maps++;
}

static const struct btf *prog_btf(void *user, int fd)
{
	const struct describe_prog *p = user;

	return describe_btf(p->d, (uint32_t)fd);
}

/* What BPF_PROG_LOAD looks at before it verifies. */
static int prog_check(struct describe_prog *p, const struct prog_type **type)
{
	union bpf_attr *attr = p->attr;
	struct visor_diag *diag = p->diag;

	*type = catalog_prog_known(attr->prog_type);
	if (!*type)
		return diag_fail(diag, -EINVAL, "load", "the kernel has no program type %u",
				 attr->prog_type);
	if (p->d->unprivileged) {
		if (attr->insn_cnt > DESCRIBE_UNPRIV_INSNS)
			return diag_fail(diag, -E2BIG, "load",
					 "users without CAP_BPF load up to %d instructions, not %u",
					 DESCRIBE_UNPRIV_INSNS, attr->insn_cnt);
		if (!((*type)->flags & PROG_UNPRIV))
			return diag_fail(diag, -EPERM, "load", "programs of type %s need CAP_BPF",
					 (*type)->name);
	}
	if (attr->core_relo_cnt)
		return diag_fail(diag, -EINVAL, "load",
				 "relocations that are left to the kernel are not supported here");
	attr->expected_attach_type =
		catalog_attach_fixup(attr->prog_type, attr->expected_attach_type);
	if (catalog_attach_check(attr->prog_type, attr->expected_attach_type))
		return diag_fail(diag, -EINVAL, "load",
				 "programs of type %s cannot be loaded for attach type %u",
				 (*type)->name, attr->expected_attach_type);
	return 0;
}

/* What it attaches to: a function or type of the kernel, of a module, of another program. */
static int prog_attach(struct describe_prog *p, struct verify_image *image)
{
	const union bpf_attr *attr = p->attr;
	const struct described *prog;

	image->attach_btf_id = attr->attach_btf_id;
	if (!attr->attach_btf_id)
		return 0;
	if (!attr->attach_prog_fd) {
		image->attach_btf = p->d->target ? btf_target_vmlinux(p->d->target) : NULL;
		return 0;
	}
	image->attach_btf = describe_btf(p->d, attr->attach_prog_fd);
	if (image->attach_btf)
		return 0;
	prog = describe_get(p->d, attr->attach_prog_fd, DESCRIBED_PROG);
	if (!prog || !prog->btf)
		return diag_fail(p->diag, -EINVAL, "load", "what it attaches to has no types");
	image->attach_btf = prog->btf;
	image->attach_is_prog = true;
	image->attach_prog_type = prog->prog_type;
	return 0;
}

static int prog_image(struct describe_prog *p, struct verify_image *image)
{
	const struct image_source source = {.map = prog_map, .btf = prog_btf, .user = p};
	const union bpf_attr *attr = p->attr;
	bool privileged = !p->d->unprivileged;
	int err = prog_check(p, &image->type);

	if (!err)
		err = image_read(&p->image, attr, p->diag);
	if (!err)
		err = prog_attach(p, image);
	if (!err && (attr->func_info_cnt || attr->line_info_cnt)) {
		image->btf = describe_btf(p->d, attr->prog_btf_fd);
		err = image->btf ? image_read_info(&p->image, attr, p->diag)
				 : diag_fail(p->diag, -EINVAL, "load", "prog_btf_fd %d is not BTF",
					     (int)attr->prog_btf_fd);
	}
	if (!err)
		err = image_resolve(&p->image, attr, &source, p->diag);
	if (err)
		return err;
	image_fill(&p->image, image);
	image->maps = p->maps;
	image->n_maps = p->n_maps;
	image->expected_attach_type = attr->expected_attach_type;
	image->flags = attr->prog_flags;
	image->target = (struct btf_target *)p->d->target;
	image->cap_bpf = image->cap_perfmon = privileged;
	image->cap_net_admin = image->cap_sys_admin = privileged;
	return 0;
}

static int do_prog_load(struct describe *d, union bpf_attr *attr)
{
	struct verify_image image = {0};
	struct visor_diag diag = {0};
	struct describe_prog *p;
	struct described *o;
	int prog = d->hooks.program(d->hooks.user, attr), err;

	o = describe_add(d, DESCRIBED_PROG);
	p = calloc(1, sizeof(*p));
	if (!o || !p) {
		free(p);
		return -ENOMEM;
	}
	o->prog_type = attr->prog_type;
	if (prog >= 0) {
		p->d = d;
		p->attr = attr;
		p->diag = &diag;
		err = prog_image(p, &image);
		if (image.btf)
			o->btf = btf_ref(image.btf);
		d->hooks.judge(d->hooks.user, prog, err ? NULL : &image, &diag);
	}
	image_free(&p->image);
	free(p);
	return describe_fd(d, o->id);
}

/* ---- the system call ---------------------------------------------------------------------- */

static int describe_bpf(void *user, int cmd, union bpf_attr *uattr, unsigned int size)
{
	struct describe *d = user;
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	err = user_tail_zero((uintptr_t)uattr, sizeof(attr), size);
	if (!err)
		err = user_read(&attr, (uintptr_t)uattr, MIN(size, sizeof(attr)));
	if (err)
		return err;
	switch (cmd) {
	case BPF_MAP_CREATE:
		return do_map_create(d, &attr);
	case BPF_MAP_UPDATE_ELEM:
		return do_map_update(d, &attr);
	case BPF_MAP_FREEZE:
		return do_map_freeze(d, &attr);
	case BPF_PROG_LOAD:
		return do_prog_load(d, &attr);
	case BPF_BTF_LOAD:
		return do_btf_load(d, &attr);
	case BPF_BTF_GET_NEXT_ID:
		return do_btf_next(d, &attr, uattr);
	case BPF_BTF_GET_FD_BY_ID:
		return do_btf_by_id(d, &attr);
	case BPF_OBJ_GET_INFO_BY_FD:
		return do_info(d, &attr, uattr);
	case BPF_PROG_BIND_MAP:
	case BPF_OBJ_PIN:
		return 0;
	case BPF_LINK_CREATE: /* libbpf asks whether there are links, with a descriptor of none */
		return -EBADF;
	case BPF_OBJ_GET:
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
		return -ENOENT;
	default:
		return -EINVAL;
	}
}

int describe_new(const struct btf_target *target, bool unprivileged,
		 const struct describe_hooks *hooks, struct describe **out)
{
	struct describe *d = calloc(1, sizeof(*d));

	*out = d;
	if (!d)
		return -ENOMEM;
	d->target = target ? btf_target_ref(target) : NULL;
	d->unprivileged = unprivileged;
	d->module_fd = -1;
	d->hooks = *hooks;
	d->session.bpf = describe_bpf;
	d->session.user = d;
	if (target) {
		d->session.vmlinux = btf_target_vmlinux(target)->data;
		d->session.vmlinux_size = btf_target_vmlinux(target)->size;
	}
	return 0;
}

void describe_free(struct describe *d)
{
	if (!d)
		return;
	if (d->module_fd >= 0)
		close(d->module_fd);
	for (uint32_t i = 0; i < d->n_objs; i++) {
		struct described *o = d->objs[i];

		verify_map_done(&o->map);
		free(o->contents);
	}
	for (uint32_t i = 0; i < d->n_objs; i++) {
		btf_unref(d->objs[i]->btf);
		free(d->objs[i]);
	}
	free(d->objs);
	btf_target_unref(d->target);
	free(d);
}

int describe_module(struct describe *d, const struct btf *btf)
{
	uint32_t n = d->target ? btf_target_modules(d->target) : 0;

	if (d->module_fd >= 0)
		close(d->module_fd);
	d->module_fd = -1;
	for (uint32_t i = 0; i < n; i++)
		if (btf_target_module(d->target, i) == btf)
			return d->module_fd = describe_fd(d, DESCRIBE_FIRST_MODULE + i);
	return -1;
}

struct load_session *describe_session(struct describe *d)
{
	return &d->session;
}
