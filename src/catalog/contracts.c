/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/contracts.c - the table of helpers, and who may call which.
 *
 * A helper that is another function in other programs has several rows, one behind the other:
 * the last whose program types and condition fit is the one. What depends on the very target
 * that a program attaches to is asked separately, since few helpers and programs are concerned.
 */
#include "catalog/catalog.h"

/* ---- sets of program types ----------------------------------------------------------- */

/* Those whose arguments are typed by the kernel's BTF, and what is verified like them. */
#define W_TYPED (P_(TRACING) | P_(LSM) | P_(SYSCALL))
#define W_PROBES                                                             \
	(P_(KPROBE) | P_(TRACEPOINT) | P_(PERF_EVENT) | P_(RAW_TRACEPOINT) | \
	 P_(RAW_TRACEPOINT_WRITABLE))
#define W_TRACE (W_PROBES | W_TYPED)
/* Hooks of cgroups; socket operations have the same. */
#define W_CGROUP                                                                        \
	(P_(CGROUP_SKB) | P_(CGROUP_SOCK) | P_(CGROUP_SOCK_ADDR) | P_(CGROUP_SOCKOPT) | \
	 P_(CGROUP_DEVICE) | P_(CGROUP_SYSCTL) | P_(SOCK_OPS))
/* Everything has the basic helpers but infrared receivers, which have a list of their own;
 * extensions have what the program has that they extend. */
#define W_BASE                                                                                \
	(W_TRACE | W_CGROUP | P_PACKET | P_LWT | P_(SK_SKB) | P_(SK_MSG) | P_(SK_REUSEPORT) | \
	 P_(FLOW_DISSECTOR) | P_(SK_LOOKUP) | P_(NETFILTER) | P_(STRUCT_OPS) | P_CUSTOM)
/* Who handles packets or sockets. */
#define W_NET                                                                                    \
	(P_PACKET | P_LWT | P_CUSTOM | P_(CGROUP_SKB) | P_(CGROUP_SOCK) | P_(CGROUP_SOCK_ADDR) | \
	 P_(CGROUP_SYSCTL) | P_(SOCK_OPS) | P_(SK_SKB) | P_(SK_MSG) | P_(SK_REUSEPORT) |         \
	 P_(FLOW_DISSECTOR) | P_(SK_LOOKUP))
#define W_SK_LOOKUP (P_XDP | P_TC | P_(CGROUP_SKB) | P_(SK_SKB) | P_(CGROUP_SOCK_ADDR))
#define W_SK_STORAGE                                                                \
	(P_TC | P_(CGROUP_SKB) | P_(SOCK_OPS) | P_(SK_MSG) | P_(CGROUP_SOCK_ADDR) | \
	 P_(CGROUP_SOCKOPT) | P_(STRUCT_OPS) | P_(LSM))
#define W_SKC                                                                         \
	(P_PACKET | P_LWT | P_(CGROUP_SKB) | P_(SOCK_OPS) | P_(SK_SKB) | P_(SK_MSG) | \
	 P_(CGROUP_SOCK_ADDR) | P_(FLOW_DISSECTOR) | P_(SK_LOOKUP) | W_TYPED)

/* ---- the table ----------------------------------------------------------------------- */

enum row {
	ROW_NONE,
#define HELPER(name, ret, args, who, flags, maps)   ROW_##name,
#define KNOWN(name, ret, args, who, flags, ...)	    ROW_##name,
#define ALSO(name, tag, ret, args, who, flags, ...) ROW_##name##_##tag,
#include "catalog/helpers.def"
	ROWS
};

#define ARGS(...) __VA_ARGS__
#define ROW(name_, ret_, args_, who, flags_)                                                     \
	.name = #name_, .id = BPF_FUNC_##name_, .progs = who, .ret = ret_, .args = {ARGS args_}, \
	.flags = flags_
static const struct helper rows[ROWS + 1] = {
/* the one behind the last has no id */
#define HELPER(name, ret_, args, who, flags, maps_)                                         \
	[ROW_##name] = {ROW(name, ret_, args, who, (flags) | HELPER_ENGINE), .maps = maps_, \
			.size = {8, 8, 8, 8, 8}},
#define KNOWN(name, ret_, args, who, flags, ...) \
	[ROW_##name] = {ROW(name, ret_, args, who, flags), .maps = MAPS_BY_TYPE, ##__VA_ARGS__},
#define ALSO(name, tag, ret_, args, who, flags, ...) \
	[ROW_##name##_##                             \
		tag] = {ROW(name, ret_, args, who, flags), .maps = MAPS_BY_TYPE, ##__VA_ARGS__},
#include "catalog/helpers.def"
};

static const uint16_t first_row[CATALOG_HELPERS] = {
#define HELPER(name, ret, args, who, flags, maps) [BPF_FUNC_##name] = ROW_##name,
#define KNOWN(name, ret, args, who, flags, ...)	  [BPF_FUNC_##name] = ROW_##name,
#include "catalog/helpers.def"
};

const struct helper *catalog_helper(uint32_t id)
{
	const struct helper *h = id < ARRAY_SIZE(first_row) ? &rows[first_row[id]] : rows;

	return h->flags & HELPER_ENGINE ? h : NULL;
}

const char *catalog_helper_name(uint32_t id)
{
	return id < ARRAY_SIZE(first_row) ? rows[first_row[id]].name : NULL;
}

int catalog_helper_id(const char *name)
{
	if (!strncmp(name, "bpf_", 4))
		name += 4;
	for (size_t i = 1; i < ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return (int)rows[i].id;
	return -1;
}

/* ---- who may call it ----------------------------------------------------------------- */

#define A_(id) (UINT64_C(1) << BPF_##id)

/* Attach types whose programs do not decide with an errno. The kernel goes by this whatever the
 * program's type is; 0 is BPF_CGROUP_INET_INGRESS. */
#define NO_RETVAL                                                                      \
	(A_(CGROUP_INET_INGRESS) | A_(CGROUP_INET_EGRESS) | A_(CGROUP_SOCK_OPS) |      \
	 A_(CGROUP_UDP4_RECVMSG) | A_(CGROUP_UDP6_RECVMSG) | A_(CGROUP_UNIX_RECVMSG) | \
	 A_(CGROUP_INET4_GETPEERNAME) | A_(CGROUP_INET6_GETPEERNAME) |                 \
	 A_(CGROUP_UNIX_GETPEERNAME) | A_(CGROUP_INET4_GETSOCKNAME) |                  \
	 A_(CGROUP_INET6_GETSOCKNAME) | A_(CGROUP_UNIX_GETSOCKNAME))
#define TRAMPOLINE (A_(TRACE_FENTRY) | A_(TRACE_FEXIT) | A_(MODIFY_RETURN))
#define MANY_PROBES                                                                   \
	(A_(TRACE_KPROBE_MULTI) | A_(TRACE_KPROBE_SESSION) | A_(TRACE_UPROBE_MULTI) | \
	 A_(TRACE_UPROBE_SESSION))

static bool contracts_when(enum helper_when when, uint32_t type, uint32_t attach_type)
{
	uint64_t attach = attach_type < 64 ? UINT64_C(1) << attach_type : 0;
	bool lsm = type == BPF_PROG_TYPE_LSM, of_cgroup = attach & A_(LSM_CGROUP);

	switch (when) {
	case WHEN_ALWAYS:
		return true;
	case WHEN_RETVAL:
		/* Programs for new sockets are loaded without an attach type, too. */
		if (type == BPF_PROG_TYPE_CGROUP_SOCK && !attach_type)
			return true;
		return lsm ? of_cgroup : !(attach & NO_RETVAL);
	case WHEN_CGROUP_LSM:
		return !lsm || of_cgroup;
	case WHEN_CONNECT:
		return attach & (A_(CGROUP_INET4_CONNECT) | A_(CGROUP_INET6_CONNECT));
	case WHEN_SOCKOPT:
		if (type == BPF_PROG_TYPE_CGROUP_SOCKOPT)
			return attach & A_(CGROUP_SETSOCKOPT);
		if (type == BPF_PROG_TYPE_TRACING)
			return attach & A_(TRACE_ITER);
		return !lsm || of_cgroup;
	case WHEN_ITER:
		return attach & A_(TRACE_ITER);
	case WHEN_TRAMPOLINE:
		return lsm ? !of_cgroup : (attach & TRAMPOLINE) != 0;
	case WHEN_COOKIE:
		if (type == BPF_PROG_TYPE_TRACING)
			return attach & (TRAMPOLINE | A_(TRACE_RAW_TP));
		return !lsm || !of_cgroup;
	case WHEN_MANY_PROBES:
		return attach & MANY_PROBES;
	}
	return false;
}

int catalog_helper_contract(uint32_t id, const struct prog_type *type, uint32_t attach_type,
			    bool sleepable, const struct helper **out)
{
	const struct helper *h = id < ARRAY_SIZE(first_row) ? &rows[first_row[id]] : rows;

	(void)sleepable; /* a helper that sleeps is known everywhere: the refusal is another one */
	*out = NULL;
	if (!h->name)
		return 0;
	for (; h->id == id; h++) {
		if ((h->progs & type->set) && contracts_when(h->when, type->type, attach_type)) {
			*out = h;
		}
	}
	return *out ? 0 : -EINVAL;
}

/* ---- what depends on the target ------------------------------------------------------ */

static bool contracts_in(const char *const *list, const char *name)
{
	for (; name && *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static const struct {
	const char *name;
	uint32_t traits;
} lsm_hooks[] = {
#define LSM_HOOK(name, traits) {#name, traits},
#include "catalog/lsm.def"
};

uint32_t catalog_lsm_traits(const char *hook)
{
	size_t low = 0, high = ARRAY_SIZE(lsm_hooks);

	if (!hook)
		return 0;
	if (!strncmp(hook, "bpf_lsm_", 8))
		hook += 8;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(hook, lsm_hooks[mid].name);

		if (!order)
			return lsm_hooks[mid].traits;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

/* Functions in which a path may be resolved without a deadlock. */
static const char *const path_functions[] = {"security_file_permission",
					     "security_inode_getattr",
					     "security_file_open",
					     "security_path_truncate",
					     "vfs_truncate",
					     "vfs_fallocate",
					     "dentry_open",
					     "vfs_getattr",
					     "filp_close",
					     NULL};

/* Iterators that lock the socket at hand. */
static const char *const socket_iterators[] = {"bpf_iter_tcp", "bpf_iter_unix", NULL};

/* The helpers of struct_ops depend on the struct that is implemented. */
static int contracts_struct(const struct helper *h, const char *name, const char *member)
{
	bool tcp = name && !strcmp(name, "tcp_congestion_ops");

	if (!name || !strcmp(name, "bpf_dummy_ops"))
		return -EINVAL;
	if (h->id == BPF_FUNC_tail_call && !strcmp(name, "Qdisc_ops"))
		return -EINVAL;
	/* A socket that goes away has no options. */
	if ((h->id == BPF_FUNC_setsockopt || h->id == BPF_FUNC_getsockopt) && tcp)
		return member && !strcmp(member, "release") ? -EINVAL : 0;
	if ((h->flags & HELPER_TARGET) || h->id == BPF_FUNC_ktime_get_coarse_ns)
		return tcp ? 0 : -EINVAL;
	return 0;
}

/* The storage of a socket is out of reach in the functions that implement it. */
static bool contracts_sk_storage(uint32_t attach_type, const char *target)
{
	switch (attach_type) {
	case BPF_TRACE_ITER:
	case BPF_TRACE_RAW_TP:
		return true;
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		return target && strncmp(target, "bpf_sk_storage", 14) != 0;
	default:
		return false;
	}
}

int catalog_helper_target(const struct helper *helper, const struct prog_type *type,
			  uint32_t attach_type, const char *target, const char *member)
{
	bool lsm = type->type == BPF_PROG_TYPE_LSM;
	uint32_t traits = lsm ? catalog_lsm_traits(target) : 0;
	bool sleeps = traits & LSM_SLEEPS;

	if (type->type == BPF_PROG_TYPE_STRUCT_OPS)
		return contracts_struct(helper, target, member);
	if (!(helper->flags & HELPER_TARGET))
		return 0;
	switch (helper->id) {
	case BPF_FUNC_d_path:
		if (type->type == BPF_PROG_TYPE_TRACING && attach_type == BPF_TRACE_ITER)
			return 0;
		if (lsm)
			return sleeps ? 0 : -EPERM;
		return contracts_in(path_functions, target) ? 0 : -EPERM;
	case BPF_FUNC_ima_inode_hash:
	case BPF_FUNC_ima_file_hash:
		return sleeps ? 0 : -EPERM;
	case BPF_FUNC_setsockopt:
	case BPF_FUNC_getsockopt:
		if (type->type == BPF_PROG_TYPE_TRACING)
			return contracts_in(socket_iterators, target) ? 0 : -EINVAL;
		return !lsm || traits & LSM_SOCKOPT ? 0 : -EINVAL;
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		if (type->type != BPF_PROG_TYPE_TRACING && type->type != BPF_PROG_TYPE_SYSCALL)
			return 0;
		return contracts_sk_storage(attach_type, target) ? 0 : -EPERM;
	default:
		return 0;
	}
}
