/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach.c - links: made, pinned, asked, undone.
 *
 * A link whose last descriptor is closed takes its program off: until the pin is made,
 * whatever goes wrong leaves nothing behind, even if the process dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "chain/attach_impl.h"

/* ---- the ways ------------------------------------------------------------------------------ */

#define OF_XDP \
	.prog_type = BPF_PROG_TYPE_XDP, .attach_type = BPF_XDP, .link_type = BPF_LINK_TYPE_XDP
#define OF_TC	  .prog_type = BPF_PROG_TYPE_SCHED_CLS
#define OF_CGROUP .prog_type = BPF_PROG_TYPE_CGROUP_SKB, .link_type = BPF_LINK_TYPE_CGROUP

#define KERNEL_XDP_NATIVE	   OF_XDP, .flags = XDP_FLAGS_DRV_MODE
#define KERNEL_XDP_GENERIC	   OF_XDP, .flags = XDP_FLAGS_SKB_MODE
#define KERNEL_TCX_INGRESS	   OF_TC, .attach_type = BPF_TCX_INGRESS, .link_type = BPF_LINK_TYPE_TCX
#define KERNEL_TCX_EGRESS	   OF_TC, .attach_type = BPF_TCX_EGRESS, .link_type = BPF_LINK_TYPE_TCX
#define KERNEL_CLSACT_INGRESS	   OF_TC, .clsact = true
#define KERNEL_CLSACT_EGRESS	   OF_TC, .clsact = true
#define KERNEL_CGROUP_INGRESS_LINK OF_CGROUP, .attach_type = BPF_CGROUP_INET_INGRESS
#define KERNEL_CGROUP_EGRESS_LINK  OF_CGROUP, .attach_type = BPF_CGROUP_INET_EGRESS

const struct attach_way attach_ways[ATTACH_HOW_COUNT] = {
	[ATTACH_AUTO] = {.hook = ATTACH_HOOK_COUNT, .name = "auto", .text = "any way"},
#define HOW(id, hook_, name_, text_) \
	[ATTACH_##id] = {.hook = ATTACH_##hook_, .name = name_, .text = text_, KERNEL_##id},
	ATTACH_HOWS(HOW)
#undef HOW
};

static const struct attach_hook_name {
	const char *name, *progs;
} attach_hooks[ATTACH_HOOK_COUNT] = {
	[ATTACH_XDP] = {"xdp", "XDP"},
	[ATTACH_INGRESS] = {"tc ingress", "sched_cls"},
	[ATTACH_EGRESS] = {"tc egress", "sched_cls"},
	[ATTACH_CGROUP_INGRESS] = {"cgroup ingress", "cgroup_skb"},
	[ATTACH_CGROUP_EGRESS] = {"cgroup egress", "cgroup_skb"},
};

const char *attach_hook_name(enum attach_hook hook)
{
	return attach_hooks[hook].name;
}

const char *attach_how_name(enum attach_how how)
{
	return attach_ways[how].name;
}

int attach_how_parse(enum attach_hook hook, const char *name)
{
	if (!strcmp(name, attach_ways[ATTACH_AUTO].name))
		return ATTACH_AUTO;
	for (int i = ATTACH_AUTO + 1; i < ATTACH_HOW_COUNT; i++)
		if (attach_ways[i].hook == hook && !strcmp(attach_ways[i].name, name))
			return i;
	return -EINVAL;
}

/* The hook's first way behind `how`, or ATTACH_AUTO. */
static enum attach_how attach_next(enum attach_hook hook, enum attach_how how)
{
	for (int i = (int)how + 1; i < ATTACH_HOW_COUNT; i++)
		if (attach_ways[i].hook == hook)
			return (enum attach_how)i;
	return ATTACH_AUTO;
}

static bool attach_is_cgroup(enum attach_hook hook)
{
	return hook == ATTACH_CGROUP_INGRESS || hook == ATTACH_CGROUP_EGRESS;
}

/* ---- what is to be attached, and where --------------------------------------------------------
 */

/* The target, as far as it is found out: an ifindex, or a descriptor of a cgroup. */
struct attach_target {
	const struct attach_spec *spec;
	uint32_t id;
	char name[IF_NAMESIZE]; /* the device's */
	bool cgroup;
	uint32_t prog_id;
};

static void attach_rights(int err, struct visor_diag *diag)
{
	if (err == -EPERM || err == -EACCES)
		diag_hint(diag, "it takes the capabilities CAP_NET_ADMIN and CAP_BPF: run it as "
				"root");
}

static int attach_device(struct attach_target *t, struct visor_diag *diag)
{
	const char *device = t->spec->device;
	uint32_t named = device ? if_nametoindex(device) : 0;
	int err;

	t->id = t->spec->ifindex ? t->spec->ifindex : named;
	if (device && !named)
		err = diag_fail(diag, -ENODEV, "attach",
				"there is no device '%s' in this network namespace", device);
	else if (named && named != t->id)
		err = diag_fail(diag, -ENODEV, "attach",
				"device '%s' is another one by now: its index is %u, not %u",
				device, named, t->id);
	else if (!t->id || !if_indextoname(t->id, t->name))
		err = diag_fail(diag, -ENODEV, "attach",
				"there is no device of index %u in this network namespace", t->id);
	else
		return 0;
	diag_hint(diag, "`ip link` shows which there are");
	return err;
}

static int attach_cgroup(struct attach_target *t, struct visor_diag *diag)
{
	const char *path = t->spec->cgroup;
	struct statfs fs;
	int fd, err;

	if (!path)
		return diag_fail(diag, -EINVAL, "attach", "no cgroup is named");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = diag_fail(diag, -errno, "attach", "cannot open the cgroup '%s'", path);
		attach_rights(err, diag);
		return err;
	}
	if (fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		err = diag_fail(diag, -EINVAL, "attach",
				"'%s' is not a directory of a cgroup2 file system", path);
		diag_hint(diag, "`mount -t cgroup2` shows where one is mounted");
		return err;
	}
	t->id = (uint32_t)fd;
	t->cgroup = true;
	return 0;
}

static int attach_program(struct attach_target *t, struct visor_diag *diag)
{
	const struct attach_spec *spec = t->spec;
	struct bpf_prog_info info;
	int err = attach_prog_info(0, spec->prog_fd, &info);

	if (err < 0)
		return diag_fail(diag, err, "attach", "the program to attach");
	t->prog_id = info.id;
	if (info.type == attach_ways[attach_next(spec->hook, ATTACH_AUTO)].prog_type)
		return 0;
	return diag_fail(diag, -EINVAL, "attach",
			 "a program for %s is of type %s: '%.*s' is of another type",
			 attach_hook_name(spec->hook), attach_hooks[spec->hook].progs,
			 (int)sizeof(info.name), info.name);
}

/* Before anything is attached: the pin can probably be made. */
static int attach_pin_place(const char *pin, struct visor_diag *diag)
{
	const char *slash = pin ? strrchr(pin, '/') : NULL;
	char parent[PATH_MAX];
	struct statfs fs;
	struct stat st;
	int err = 0;

	if (!slash || !slash[1] || slash - pin >= (ptrdiff_t)sizeof(parent))
		return diag_fail(diag, -EINVAL, "attach", "'%s' is no path for a pin",
				 pin ? pin : "");
	if (strchr(slash, '.'))
		return diag_fail(diag, -EINVAL, "attach",
				 "the pin '%s' has a dot in its name, which BPF file systems do "
				 "not allow",
				 pin);
	snprintf(parent, sizeof(parent), "%.*s", slash == pin ? 1 : (int)(slash - pin), pin);
	if (statfs(parent, &fs)) {
		err = diag_fail(diag, -errno, "attach", "the directory '%s' for the pin", parent);
		attach_rights(err, diag);
		return err;
	}
	if (fs.f_type != BPF_FS_MAGIC) {
		err = diag_fail(diag, -EINVAL, "attach",
				"'%s' is not on a BPF file system: nothing can be pinned there",
				parent);
		diag_hint(diag, "mount -t bpf bpf /sys/fs/bpf");
		return err;
	}
	if (lstat(pin, &st) == 0)
		err = -EEXIST;
	else if (errno != ENOENT)
		err = -errno;
	if (err) {
		diag_fail(diag, err, "attach", "the pin '%s'", pin);
		attach_rights(err, diag);
		if (err == -EEXIST)
			diag_hint(diag, "something is attached under this name already");
	}
	return err;
}

/* ---- on ----------------------------------------------------------------------------------------
 */

static uint32_t attach_mtu(const char *device)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req;
	uint32_t mtu = 0;

	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", device);
	if (fd >= 0 && ioctl(fd, SIOCGIFMTU, &req) == 0)
		mtu = (uint32_t)req.ifr_mtu;
	if (fd >= 0)
		close(fd);
	return mtu;
}

/* Programs that are on a cgroup without leave for others keep us away: as EPERM. */
static int attach_busy_cgroup(const struct attach_target *t, const struct attach_way *way, int err,
			      struct visor_diag *diag)
{
	uint32_t first, flags = 0;
	char who[ATTACH_WHO];
	int n = attach_query(t->id, way->attach_type, &first, &flags);

	if (n <= 0 || flags & BPF_F_ALLOW_MULTI)
		return err;
	err = diag_fail(diag, -EBUSY, "attach",
			"cgroup '%s' has a %s program that tolerates no other: %s", t->spec->cgroup,
			attach_hook_name(way->hook), attach_who(first, who));
	diag_hint(diag,
		  "bpftool cgroup detach %s %s id %u, or whoever attached it attaches it with "
		  "`multi`",
		  t->spec->cgroup,
		  way->hook == ATTACH_CGROUP_INGRESS ? "cgroup_inet_ingress" : "cgroup_inet_egress",
		  first);
	return err;
}

static int attach_fail(const struct attach_target *t, enum attach_how how, int err,
		       struct visor_diag *diag)
{
	const struct attach_way *way = &attach_ways[how];
	const char *kind = t->cgroup ? "cgroup" : "device";
	const char *name = t->cgroup ? t->spec->cgroup : t->name;

	if (way->hook == ATTACH_XDP && (err == -EBUSY || err == -EEXIST))
		return attach_busy_xdp(t->id, name, diag);
	if (t->cgroup && err == -EPERM && attach_busy_cgroup(t, way, err, diag) == -EBUSY)
		return -EBUSY;
	if (err == -EOPNOTSUPP && how == ATTACH_XDP_NATIVE) {
		diag_fail(diag, err, "attach", "the driver of device '%s' has no native XDP", name);
		diag_hint(diag, "'generic' works on every device, at the speed of tc");
		return err;
	}
	if (err == -EEXIST)
		return diag_fail(diag, err, "attach",
				 "the same program is on the %s hook of %s '%s' already",
				 attach_hook_name(way->hook), kind, name);
	diag_fail(diag, err, "attach", "cannot attach to %s '%s' by %s", kind, name, way->text);
	if (how == ATTACH_XDP_NATIVE && (err == -ERANGE || err == -EINVAL || err == -E2BIG))
		diag_hint(diag,
			  "XDP takes packets that fit one page: lower the MTU (%u here; of a veth "
			  "also at its other end), or use 'generic'",
			  attach_mtu(name));
	attach_rights(err, diag);
	return err;
}

static int attach_link(const struct attach_target *t, enum attach_how how)
{
	const struct attach_way *way = &attach_ways[how];
	union bpf_attr attr = {.link_create = {.prog_fd = (uint32_t)t->spec->prog_fd,
					       .target_fd = t->id,
					       .attach_type = way->attach_type,
					       .flags = way->flags}};

	return load_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

static void attach_undo(int link)
{
	union bpf_attr attr = {.link_detach = {.link_fd = (uint32_t)link}};

	load_bpf(BPF_LINK_DETACH, &attr, sizeof(attr));
	close(link);
}

static int attach_pinned(const struct attach_target *t, enum attach_how how, struct attached *out,
			 struct visor_diag *diag)
{
	union bpf_attr attr = {.pathname = (uintptr_t)t->spec->pin};
	struct bpf_link_info info;
	int link = attach_link(t, how), err;

	if (link < 0)
		return attach_fail(t, how, link, diag);
	err = attach_link_info(link, &info);
	attr.bpf_fd = (uint32_t)link;
	if (!err)
		err = load_bpf(BPF_OBJ_PIN, &attr, sizeof(attr));
	if (err < 0) {
		attach_undo(link);
		diag_fail(diag, err, "attach", "cannot pin the link at '%s'", t->spec->pin);
		attach_rights(err, diag);
		return err;
	}
	close(link);
	out->link_id = info.id;
	out->ifindex = t->cgroup ? 0 : t->id;
	return 0;
}

/* Whether AUTO goes on to the next way. Whether the kernel has tcx has to be asked: a link of a
 * type that it does not know fails like one that is wrong. */
static bool attach_absent(const struct attach_target *t, enum attach_how how)
{
	uint32_t first;

	return attach_ways[how].link_type == BPF_LINK_TYPE_TCX &&
	       attach_query(t->id, attach_ways[how].attach_type, &first, NULL) == -EINVAL;
}

static int attach_by(const struct attach_target *t, enum attach_how how, struct attached *out,
		     struct visor_diag *diag)
{
	int err;

	memset(out, 0, sizeof(*out));
	out->how = how;
	out->prog_id = t->prog_id;
	if (attach_absent(t, how)) {
		err = diag_fail(diag, -EOPNOTSUPP, "attach",
				"this kernel has no tcx (Linux 6.6 does)");
		diag_hint(diag, "'clsact' works on every kernel");
		return err;
	}
	if (attach_ways[how].clsact)
		return attach_tc_add(t->spec, t->id, t->name, out, diag);
	err = attach_pin_place(t->spec->pin, diag);
	return err ? err : attach_pinned(t, how, out, diag);
}

/* One remark after the other. */
static void PRINTF_LIKE(2, 3) attach_remark(struct visor_diag *remark, const char *fmt, ...)
{
	size_t have = remark ? strlen(remark->text) : 0;
	va_list ap;

	if (!remark)
		return;
	if (!have)
		diag_fail(remark, 0, "attach", "%s", "");
	else
		have += (size_t)snprintf(remark->text + have, sizeof(remark->text) - have, "; ");
	have = MIN(have, sizeof(remark->text) - 1);
	va_start(ap, fmt);
	vsnprintf(remark->text + have, sizeof(remark->text) - have, fmt, ap);
	va_end(ap);
}

/* Who else is on a tc hook. tcx programs run before clsact's filters, in the order in which they
 * were attached; a new filter is in front of the others. */
static void attach_tell_others(const struct attach_target *t, const struct attached *a,
			       struct visor_diag *remark)
{
	const bool clsact = attach_ways[a->how].clsact;
	const bool egress = attach_ways[a->how].hook == ATTACH_EGRESS;
	int n = attach_tc_count(t->id, egress);
	char who[ATTACH_WHO];
	uint32_t first;

	if (n > clsact)
		attach_remark(remark,
			      "device '%s' has %d more tc filter%s: the chain sees packets first, "
			      "and only those with the verdict 'next' go on",
			      t->name, n - clsact, n - clsact == 1 ? "" : "s");
	n = attach_query(t->id, egress ? BPF_TCX_EGRESS : BPF_TCX_INGRESS, &first, NULL);
	if (n > !clsact)
		attach_remark(
			remark,
			"before the chain, device '%s' has %d tcx program%s, the first is %s: "
			"the chain sees what they let go on with 'next'",
			t->name, n - !clsact, n - !clsact == 1 ? "" : "s", attach_who(first, who));
}

static int attach_ways_of(const struct attach_target *t, struct attached *out,
			  struct visor_diag *remark, struct visor_diag *diag)
{
	const struct attach_spec *spec = t->spec;
	enum attach_how how = spec->how ? spec->how : attach_next(spec->hook, ATTACH_AUTO);
	enum attach_how next = spec->how ? ATTACH_AUTO : attach_next(spec->hook, how);
	struct visor_diag why = {0};
	int err = attach_by(t, how, out, &why);

	if (err == -EOPNOTSUPP && next) {
		attach_remark(remark, "%s: %s is used instead", why.text, attach_ways[next].text);
		err = attach_by(t, next, out, &why);
	}
	if (err) {
		if (diag)
			*diag = why;
		if (remark)
			memset(remark, 0, sizeof(*remark));
	} else if (spec->hook == ATTACH_INGRESS || spec->hook == ATTACH_EGRESS) {
		attach_tell_others(t, out, remark);
	}
	return err;
}

/* A thread that speaks to an engine of ours speaks to the kernel here. */
static struct load_session *attach_enter(struct load_session *kernel)
{
	struct load_session *now = load_current();

	memset(kernel, 0, sizeof(*kernel));
	return load_enter(now && !now->visor ? now : kernel);
}

int attach_port(const struct attach_spec *spec, struct attached *out, struct visor_diag *remark,
		struct visor_diag *diag)
{
	struct load_session kernel, *before = attach_enter(&kernel);
	struct attach_target t = {.spec = spec};
	int err;

	memset(out, 0, sizeof(*out));
	if (remark)
		memset(remark, 0, sizeof(*remark));
	if (spec->how && attach_ways[spec->how].hook != spec->hook)
		err = diag_fail(diag, -EINVAL, "attach", "'%s' is no way onto the hook %s",
				attach_how_name(spec->how), attach_hook_name(spec->hook));
	else
		err = attach_is_cgroup(spec->hook) ? attach_cgroup(&t, diag)
						   : attach_device(&t, diag);
	if (!err)
		err = attach_program(&t, diag);
	if (!err)
		err = attach_ways_of(&t, out, remark, diag);
	if (err)
		memset(out, 0, sizeof(*out));
	if (t.cgroup)
		close((int)t.id);
	load_enter(before);
	return err;
}

/* ---- what has become of it ------------------------------------------------------------------ */

/* The way that a link is, by what the kernel tells of it. ATTACH_AUTO: none of ours. */
static enum attach_how attach_of_link(const struct bpf_link_info *info)
{
	struct visor_link_tcx tcx;
	uint32_t type = info->cgroup.attach_type;

	memcpy(&tcx, &info->xdp, sizeof(tcx));
	if (info->type == BPF_LINK_TYPE_TCX)
		type = tcx.attach_type;
	for (int i = ATTACH_AUTO + 1; i < ATTACH_HOW_COUNT; i++)
		if (attach_ways[i].link_type == info->type && !attach_ways[i].clsact &&
		    (info->type == BPF_LINK_TYPE_XDP || attach_ways[i].attach_type == type))
			return (enum attach_how)i;
	return ATTACH_AUTO;
}

/* Programs and maps can be pinned, too, and tell of themselves in other layouts. */
static bool attach_fd_is_link(int fd)
{
	char path[48], to[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, to, sizeof(to) - 1);
	to[n < 0 ? 0 : n] = '\0';
	return strstr(to, "link") != NULL;
}

/* The link at the pin; -ENOENT: nothing is there. Of something else, info is zero. */
static int attach_open_pin(const char *pin, struct bpf_link_info *info, struct visor_diag *diag)
{
	union bpf_attr attr = {.pathname = (uintptr_t)pin};
	int fd = pin ? load_bpf(BPF_OBJ_GET, &attr, sizeof(attr)) : -EINVAL, err = 0;
	struct statfs fs;

	if (fd == -EACCES && !statfs(pin, &fs) && fs.f_type != BPF_FS_MAGIC)
		return diag_fail(diag, -EINVAL, "attach", "'%s' is a file, not a pin", pin);
	if (fd < 0) {
		diag_fail(diag, fd, "attach", "the pin '%s'", pin ? pin : "");
		attach_rights(fd, diag);
		return fd;
	}
	memset(info, 0, sizeof(*info));
	if (attach_fd_is_link(fd))
		err = attach_link_info(fd, info);
	if (err >= 0)
		return fd;
	close(fd);
	return diag_fail(diag, err, "attach", "the link at '%s'", pin);
}

static bool attach_is_ours(const struct attached *a, const struct bpf_link_info *info)
{
	enum attach_how how = attach_of_link(info);

	if (!how || (a->how && attach_ways[a->how].hook != attach_ways[how].hook))
		return false;
	if (a->link_id && info->id != a->link_id)
		return false;
	return !a->prog_id || info->prog_id == a->prog_id;
}

/* Not on its hook any more: taken off, or was it the device that went? */
static enum attach_state attach_loose(const struct attached *a)
{
	char name[IF_NAMESIZE];
	bool generic;

	if (!a->ifindex || !if_indextoname(a->ifindex, name))
		return ATTACH_DEVICE_GONE;
	if (attach_ways[a->how].hook == ATTACH_XDP && attach_xdp_prog(a->ifindex, &generic))
		return ATTACH_REPLACED;
	return ATTACH_DETACHED;
}

static enum attach_state attach_link_state(const struct attached *a,
					   const struct bpf_link_info *info, struct attached *now)
{
	bool generic, cgroup;

	if (!attach_is_ours(a, info))
		return ATTACH_REPLACED;
	now->how = a->how ? a->how : attach_of_link(info);
	cgroup = info->type == BPF_LINK_TYPE_CGROUP;
	if (cgroup ? !info->cgroup.cgroup_id : !info->xdp.ifindex) {
		*now = *a;
		return attach_loose(a);
	}
	now->link_id = info->id;
	now->prog_id = info->prog_id;
	now->ifindex = cgroup ? 0 : info->xdp.ifindex;
	if (!a->how && info->type == BPF_LINK_TYPE_XDP) {
		attach_xdp_prog(now->ifindex, &generic);
		now->how = generic ? ATTACH_XDP_GENERIC : ATTACH_XDP_NATIVE;
	}
	return ATTACH_ATTACHED;
}

int attach_state(const struct attached *a, const char *pin, enum attach_state *state,
		 struct attached *now, struct visor_diag *diag)
{
	struct load_session kernel, *before = attach_enter(&kernel);
	struct visor_diag why = {0};
	struct attached copy = *a;
	struct bpf_link_info info;
	int fd, err = 0;

	if (attach_ways[a->how].clsact) {
		err = attach_tc_state(a, state, diag);
	} else {
		fd = attach_open_pin(pin, &info, &why);
		if (fd >= 0) {
			*state = attach_link_state(a, &info, &copy);
			close(fd);
		} else if (fd == -ENOENT) {
			*state = a->ifindex ? attach_loose(a) : ATTACH_DETACHED;
		} else {
			err = fd;
			if (diag)
				*diag = why;
		}
	}
	if (!err && now)
		*now = copy;
	load_enter(before);
	return err;
}

/* ---- and off ------------------------------------------------------------------------------------
 */

static int attach_remove_link(const struct attached *a, const char *pin, struct visor_diag *diag)
{
	struct bpf_link_info info;
	struct visor_diag why = {0};
	int fd = attach_open_pin(pin, &info, &why), err = 0;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0) {
		if (diag)
			*diag = why;
		return fd;
	}
	if (!attach_is_ours(a, &info)) {
		close(fd);
		return diag_fail(diag, -EBUSY, "attach",
				 "what is pinned at '%s' is not what was attached: it stays", pin);
	}
	if (unlink(pin) && errno != ENOENT) {
		err = diag_fail(diag, -errno, "attach", "cannot remove the pin '%s'", pin);
		attach_rights(err, diag);
		close(fd);
		return err;
	}
	attach_undo(fd);
	return 0;
}

int attach_remove(const struct attached *a, const char *pin, struct visor_diag *diag)
{
	struct load_session kernel, *before = attach_enter(&kernel);
	int err = attach_ways[a->how].clsact ? attach_tc_remove(a, diag)
					     : attach_remove_link(a, pin, diag);

	load_enter(before);
	return err;
}
