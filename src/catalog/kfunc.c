/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/kfunc.c - the table of kernel functions, and look-ups.
 *
 * Functions are registered for hooks, of which each stands for several program types; the sets
 * below are these. Raw tracepoints, sk_msg, sk_reuseport, sk_lookup and flow_dissector have no
 * hook of their own, and only get what all have.
 */
#include "catalog/kfunc.h"

#define K_ALL	  (~UINT64_C(0) & ~P_CUSTOM)
#define K_TRACING (P_(TRACING) | P_(LSM) | P_(TRACEPOINT) | P_(PERF_EVENT))
#define K_CGROUP                                                                        \
	(P_(CGROUP_SKB) | P_(CGROUP_SOCK) | P_(CGROUP_SOCK_ADDR) | P_(CGROUP_SOCKOPT) | \
	 P_(CGROUP_DEVICE) | P_(CGROUP_SYSCTL) | P_(SOCK_OPS))
#define K_CPUMASK (P_(STRUCT_OPS) | P_(SYSCALL) | K_TRACING)
#define K_GENERIC (K_CPUMASK | K_CGROUP | P_(SCHED_CLS) | P_XDP)
#define K_SKB	  (P_SKB | P_LWT | P_(SK_SKB) | P_(NETFILTER) | K_CGROUP | K_TRACING)

static const struct kfunc_row kfuncs[] = {
#define ROW(name_, flags_, who, only_, elsewhere_) \
	{.name = #name_, .progs = who, .flags = flags_, .only = only_, .elsewhere = elsewhere_},
#define KFUNC(name, flags, who, only)	  ROW(name, flags, who, only, false)
#define ELSEWHERE(name, flags, who, only) ROW(name, flags, who, only, true)
#include "catalog/kfuncs.def"
};

const struct kfunc_row *catalog_kfunc(const char *name)
{
	size_t low = 0, high = ARRAY_SIZE(kfuncs);

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(name, kfuncs[mid].name);

		if (!order)
			return &kfuncs[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct kfunc_row *catalog_kfunc_at(size_t i)
{
	return i < ARRAY_SIZE(kfuncs) ? &kfuncs[i] : NULL;
}

bool catalog_kfunc_allowed(const struct kfunc_row *kfunc, const struct prog_type *type,
			   uint32_t attach_type)
{
	/* Not type->set: sched_cls and sched_act differ. */
	if (type->type > BPF_PROG_TYPE_NETFILTER || !(kfunc->progs >> type->type & 1))
		return false;
	if (kfunc->only & KFUNC_LSM)
		return type->type == BPF_PROG_TYPE_LSM;
	if (kfunc->only & KFUNC_ITER)
		return attach_type == BPF_TRACE_ITER;
	if (kfunc->only & KFUNC_SESSION)
		return attach_type == BPF_TRACE_KPROBE_SESSION ||
		       attach_type == BPF_TRACE_UPROBE_SESSION;
	return true;
}
