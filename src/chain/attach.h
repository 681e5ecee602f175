/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach.h - a port's entry program onto a hook of the Linux kernel, and off again.
 *
 * What is attached outlives the process: a link lives on through its pin, a clsact filter
 * through its qdisc. `struct attached` is what the caller keeps of it, plain values for a state
 * file. The functions hold nothing between calls, may be called from any thread, in any session
 * (they always mean the kernel), and in the network namespace of the device. Nothing that others
 * attached is ever replaced or removed.
 */
#ifndef CHAIN_ATTACH_H
#define CHAIN_ATTACH_H

#include "base/diag.h"

enum attach_hook {
	ATTACH_XDP,
	ATTACH_INGRESS, /* tc */
	ATTACH_EGRESS,
	ATTACH_CGROUP_INGRESS, /* what a cgroup's processes receive, and send */
	ATTACH_CGROUP_EGRESS,
	ATTACH_HOOK_COUNT
};

/*
 * The ways onto each hook. Without a wish (ATTACH_AUTO) the first one that the kernel and the
 * device have is taken; `name` is unique for a hook.
 *
 *   HOW(id, hook, name, text)
 */
#define ATTACH_HOWS(HOW)                                                     \
	HOW(XDP_NATIVE, XDP, "native", "native XDP")                         \
	HOW(XDP_GENERIC, XDP, "generic", "generic XDP")                      \
	HOW(TCX_INGRESS, INGRESS, "tcx", "tcx ingress")                      \
	HOW(CLSACT_INGRESS, INGRESS, "clsact", "clsact ingress")             \
	HOW(TCX_EGRESS, EGRESS, "tcx", "tcx egress")                         \
	HOW(CLSACT_EGRESS, EGRESS, "clsact", "clsact egress")                \
	HOW(CGROUP_INGRESS_LINK, CGROUP_INGRESS, "cgroup", "cgroup ingress") \
	HOW(CGROUP_EGRESS_LINK, CGROUP_EGRESS, "cgroup", "cgroup egress")

enum attach_how {
	ATTACH_AUTO,
#define HOW(id, hook, name, text) ATTACH_##id,
	ATTACH_HOWS(HOW)
#undef HOW
		ATTACH_HOW_COUNT
};

const char *attach_hook_name(enum attach_hook hook); /* "xdp", "tc ingress", ... */
const char *attach_how_name(enum attach_how how);    /* "auto", "native", "tcx", ... */
/* The way of that name onto the hook; -EINVAL: there is none. */
int attach_how_parse(enum attach_hook hook, const char *name);

struct attach_spec {
	enum attach_hook hook;
	enum attach_how how; /* one of the hook's, or ATTACH_AUTO */
	const char *device;  /* its name; may be NULL if ifindex is given */
	uint32_t ifindex;    /* 0: the device of that name; otherwise both must agree */
	const char *cgroup;  /* for the cgroup hooks: a directory of a cgroup2 file system */
	int prog_fd;	     /* of the hook's type: XDP, sched_cls, cgroup_skb */
	const char *pin;     /* where to pin the link (no dot in the name); not for clsact */
};

struct attached {
	enum attach_how how;	   /* ATTACH_AUTO: not known, only the pin is */
	uint32_t prog_id;	   /* 0: not known */
	uint32_t ifindex;	   /* 0: a cgroup */
	uint32_t link_id;	   /* 0: clsact, which has no links */
	uint32_t handle, priority; /* of the clsact filter */
	/* The clsact qdisc is ours. Who attaches more to the same device sets it there, too:
	 * the qdisc goes with the last filter. */
	bool made_qdisc;
};

/*
 * Attaches. remark (may be NULL) is filled, its err being 0, if the user should know something:
 * that another way was taken than the first, or who else is on the hook. All or nothing (but
 * clsact has no pin: if the process ends before it has written `out` down, the filter stays).
 * Errors, each with text and hint:
 *   -EBUSY       another program has the hook: which one, and how it got there
 *   -EEXIST      something is at the pin path already
 *   -ENODEV      no such device (or another one of that name)
 *   -EOPNOTSUPP  the device or kernel does not have the wished way
 *   -EPERM       not the rights
 */
int attach_port(const struct attach_spec *spec, struct attached *out, struct visor_diag *remark,
		struct visor_diag *diag);

enum attach_state {
	ATTACH_ATTACHED,
	/* The device does not exist any more. Also if it is not known which it was, as where only
	 * the pin is known, and for cgroups: it may have been taken off instead. */
	ATTACH_DEVICE_GONE,
	ATTACH_DETACHED, /* somebody took it off, or removed the pin */
	ATTACH_REPLACED, /* something else is in its place */
};

/*
 * What has become of it. `pin` as in the spec (NULL for clsact). `now` (may be NULL) gets what is
 * found out from the kernel, so a pin alone tells the rest; where the state is not
 * ATTACH_ATTACHED, it is a copy of `a`. A device that was moved into another network namespace
 * takes its link along: attached, with the ifindex that it has there. A filter of clsact is not
 * seen there, and counts as gone with its device. Returns a negative errno if it cannot be known
 * (no rights, a broken file system).
 */
int attach_state(const struct attached *a, const char *pin, enum attach_state *state,
		 struct attached *now, struct visor_diag *diag);

/*
 * Takes it off: the link and its pin; or exactly our filter, and the qdisc if it is ours and
 * nothing else is in it. What is gone already is no error. -EBUSY: somebody else's is in
 * its place now, which stays.
 */
int attach_remove(const struct attached *a, const char *pin, struct visor_diag *diag);

/*
 * Whether native XDP can redirect to the device. 0: it can. -EOPNOTSUPP: it cannot, and
 * packets sent there would be lost without a word (above all a veth whose peer has neither an
 * XDP program nor GRO); the hint says what to do. -ENODATA: cannot be known on this kernel.
 */
int attach_check_redirect(uint32_t ifindex, struct visor_diag *diag);

#endif
