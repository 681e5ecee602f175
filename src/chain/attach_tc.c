/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach_tc.c - a filter in the clsact qdisc, for kernels without tcx.
 *
 * The older qdisc `ingress` sits where clsact does and takes filters for egress without a
 * complaint, but puts them on ingress: which of the two is there has to be asked first.
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>

#include "chain/attach_impl.h"
#include "load/capture.h"

static enum bpf_tc_attach_point tc_point(enum attach_how how)
{
	return attach_ways[how].hook == ATTACH_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

/* ---- what is there ------------------------------------------------------------------------ */

/* What changes while it is listed is listed again, from what `result` was at first. */
static int tc_list(uint16_t type, const struct tcmsg *m,
		   void (*each)(void *user, const struct nlmsghdr *answer), void *result,
		   size_t size)
{
	struct netlink_request r;
	uint8_t first[64];
	int err = -EAGAIN;

	memcpy(first, result, size);
	for (int tries = 0; err == -EAGAIN && tries < 10; tries++) {
		memcpy(result, first, size);
		netlink_start(&r, type, NLM_F_DUMP, m, sizeof(*m));
		err = netlink_ask(NETLINK_ROUTE, &r, each, result);
	}
	return err;
}

struct tc_qdisc {
	uint32_t ifindex;
	char kind[16];
};
_Static_assert(sizeof(struct tc_qdisc) <= 64, "tc_list keeps a copy");

static void tc_on_qdisc(void *user, const struct nlmsghdr *answer)
{
	struct tc_qdisc *q = user;
	struct tcmsg m;

	if (answer->nlmsg_type != RTM_NEWQDISC || answer->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return;
	memcpy(&m, NLMSG_DATA(answer), sizeof(m));
	if ((uint32_t)m.tcm_ifindex == q->ifindex && m.tcm_parent == TC_H_CLSACT)
		snprintf(q->kind, sizeof(q->kind), "%s",
			 netlink_text(netlink_attr(answer, sizeof(m), TCA_KIND)));
}

/* The qdisc in clsact's place. -ENOENT: there is none; -ENODEV. */
static int tc_qdisc(uint32_t ifindex, struct tc_qdisc *out)
{
	struct tcmsg m = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex};
	char device[IF_NAMESIZE];
	int err;

	*out = (struct tc_qdisc){.ifindex = ifindex};
	if (!if_indextoname(ifindex, device))
		return -ENODEV;
	err = tc_list(RTM_GETQDISC, &m, tc_on_qdisc, out, sizeof(*out));
	if (err)
		return err;
	return out->kind[0] ? 0 : -ENOENT;
}

/* Looks at all filters of a direction: counts them, and finds one by handle and priority. */
struct tc_filters {
	uint32_t handle, priority;
	uint32_t prog_id; /* of the one that was looked for; 0 if it is no BPF program's */
	bool found;
	int n;
};

_Static_assert(sizeof(struct tc_filters) <= 64, "tc_list keeps a copy");

static void tc_on_filter(void *user, const struct nlmsghdr *answer)
{
	struct tc_filters *f = user;
	const struct nlattr *options;
	struct tcmsg m;

	if (answer->nlmsg_type != RTM_NEWTFILTER || answer->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return;
	memcpy(&m, NLMSG_DATA(answer), sizeof(m));
	if (!m.tcm_handle) /* stands for all filters of a priority */
		return;
	f->n++;
	if (m.tcm_handle != f->handle || TC_H_MAJ(m.tcm_info) >> 16 != f->priority)
		return;
	f->found = true;
	options = netlink_attr(answer, sizeof(m), TCA_OPTIONS);
	if (options && !strcmp(netlink_text(netlink_attr(answer, sizeof(m), TCA_KIND)), "bpf"))
		f->prog_id = netlink_u32(
			netlink_find(netlink_data(options), netlink_size(options), TCA_BPF_ID));
}

static int tc_filters(uint32_t ifindex, bool egress, struct tc_filters *f)
{
	struct tcmsg m = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS),
	};
	return tc_list(RTM_GETTFILTER, &m, tc_on_filter, f, sizeof(*f));
}

int attach_tc_count(uint32_t ifindex, bool egress)
{
	struct tc_filters f = {0};
	struct tc_qdisc q;
	int err = tc_qdisc(ifindex, &q);

	if (!err)
		err = tc_filters(ifindex, egress, &f);
	if (err)
		return err == -ENOENT ? 0 : err;
	return f.n;
}

/* ---- on ------------------------------------------------------------------------------------ */

/* libbpf repeats on its own what the kernel says of a netlink request. */
static int tc_fail(const struct capture *said, int err, const char *device, const char *what,
		   struct visor_diag *diag)
{
	const char *kernel = strstr(said->first, "Kernel error message: ");

	if (kernel)
		kernel = strchr(kernel, ':') + 2;
	diag_fail(diag, err, "attach", "device '%s': %s%s%s", device, what, kernel ? ": " : "",
		  kernel ? kernel : "");
	if (err == -EPERM)
		diag_hint(diag, "it takes the capabilities CAP_NET_ADMIN and CAP_BPF: run it as "
				"root");
	return err;
}

static int tc_make_qdisc(uint32_t ifindex, const char *device, enum attach_how how, bool *made,
			 struct visor_diag *diag)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = tc_point(how));
	struct capture said;
	struct tc_qdisc q;
	int err;

	capture_start(&said);
	err = bpf_tc_hook_create(&hook);
	capture_stop();
	*made = !err;
	if (err && err != -EEXIST)
		return tc_fail(&said, err, device, "cannot make a clsact qdisc", diag);
	if (*made || tc_point(how) == BPF_TC_INGRESS || tc_qdisc(ifindex, &q) ||
	    !strcmp(q.kind, "clsact"))
		return 0;
	err = diag_fail(diag, -EBUSY, "attach",
			"device '%s' has the qdisc '%s' where clsact would be, which has no egress",
			device, q.kind);
	diag_hint(diag, "tc qdisc del dev %s ingress, if nobody needs it", device);
	return err;
}

/* The qdisc goes with its last filter. Somebody who adds one at this very moment loses it: the
 * kernel has no way to remove a qdisc only if it is empty. */
static void tc_drop_qdisc(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct capture said;
	struct tc_qdisc q;

	if (tc_qdisc(ifindex, &q) || strcmp(q.kind, "clsact") || attach_tc_count(ifindex, false) ||
	    attach_tc_count(ifindex, true))
		return;
	capture_start(&said);
	bpf_tc_hook_destroy(&hook);
	capture_stop();
}

int attach_tc_add(const struct attach_spec *spec, uint32_t ifindex, const char *device,
		  struct attached *out, struct visor_diag *diag)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = tc_point(out->how));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = spec->prog_fd);
	struct capture said;
	int err = tc_make_qdisc(ifindex, device, out->how, &out->made_qdisc, diag);

	if (err)
		return err;
	capture_start(&said);
	err = bpf_tc_attach(&hook, &opts);
	capture_stop();
	if (err) {
		if (out->made_qdisc)
			tc_drop_qdisc(ifindex);
		return tc_fail(&said, err, device, "cannot add a filter to clsact", diag);
	}
	out->ifindex = ifindex;
	out->handle = opts.handle;
	out->priority = opts.priority;
	return 0;
}

/* ---- and off ------------------------------------------------------------------------------- */

static int tc_find(const struct attached *a, struct tc_filters *f, struct visor_diag *diag)
{
	bool egress = tc_point(a->how) == BPF_TC_EGRESS;
	struct tc_qdisc q;
	int err;

	*f = (struct tc_filters){.handle = a->handle, .priority = a->priority};
	err = tc_qdisc(a->ifindex, &q);
	if (!err && (!egress || !strcmp(q.kind, "clsact")))
		err = tc_filters(a->ifindex, egress, f);
	if (!err || err == -ENOENT || err == -ENODEV)
		return err == -ENODEV ? err : 0;
	return diag_fail(diag, err, "attach", "the filters of the device with index %u",
			 a->ifindex);
}

int attach_tc_state(const struct attached *a, enum attach_state *state, struct visor_diag *diag)
{
	struct tc_filters f;
	int err = tc_find(a, &f, diag);

	*state = ATTACH_DEVICE_GONE;
	if (err)
		return err == -ENODEV ? 0 : err;
	if (!f.found)
		*state = ATTACH_DETACHED;
	else
		*state = f.prog_id == a->prog_id ? ATTACH_ATTACHED : ATTACH_REPLACED;
	return 0;
}

int attach_tc_remove(const struct attached *a, struct visor_diag *diag)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)a->ifindex,
		    .attach_point = tc_point(a->how));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = a->handle, .priority = a->priority);
	char device[IF_NAMESIZE] = "", who[ATTACH_WHO];
	struct tc_filters f;
	struct capture said;
	int err = tc_find(a, &f, diag);

	if (err)
		return err == -ENODEV ? 0 : err;
	if_indextoname(a->ifindex, device);
	if (f.found && f.prog_id != a->prog_id)
		return diag_fail(diag, -EBUSY, "attach",
				 "device '%s': the filter of handle %#x and priority %u is %s now, "
				 "not ours: it stays",
				 device, a->handle, a->priority,
				 f.prog_id ? attach_who(f.prog_id, who) : "no BPF program");
	if (f.found) {
		capture_start(&said);
		err = bpf_tc_detach(&hook, &opts);
		capture_stop();
		if (err && err != -ENOENT && err != -ENODEV)
			return tc_fail(&said, err, device, "cannot remove the filter", diag);
	}
	if (a->made_qdisc)
		tc_drop_qdisc(a->ifindex);
	return 0;
}
