/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach_redirect.c - whether a device takes the frames that native XDP sends to it.
 *
 * The kernel drops what is redirected to a device that does not, and tells nobody. A veth
 * changes in this with its peer, which may be in another network namespace: but the kernel tells
 * it of the veth itself (generic netlink "netdev", Linux 6.3).
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <stdio.h>

#include "chain/attach_impl.h"

/* Of <linux/netdev.h>, which older systems do not have. */
enum {
	NETDEV_DEV_GET = 1,
	NETDEV_IFINDEX = 1,
	NETDEV_XDP_FEATURES = 3,
	NETDEV_TAKES_REDIRECTED = 1 << 2,
};

static void redirect_on_family(void *user, const struct nlmsghdr *answer)
{
	const struct nlattr *id = netlink_attr(answer, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);

	if (id && netlink_size(id) >= 2)
		*(uint16_t *)user = get_u16(netlink_data(id));
}

struct redirect_features {
	bool known;
	uint64_t xdp;
};

static void redirect_on_features(void *user, const struct nlmsghdr *answer)
{
	const struct nlattr *xdp = netlink_attr(answer, GENL_HDRLEN, NETDEV_XDP_FEATURES);
	struct redirect_features *f = user;

	if (!xdp || netlink_size(xdp) < 8)
		return;
	f->known = true;
	f->xdp = get_u64(netlink_data(xdp));
}

static int redirect_features(uint32_t ifindex, struct redirect_features *f)
{
	static const char name[] = "netdev";
	struct genlmsghdr head = {.cmd = CTRL_CMD_GETFAMILY, .version = 1};
	struct netlink_request r;
	uint16_t family = 0;
	int err;

	netlink_start(&r, GENL_ID_CTRL, 0, &head, GENL_HDRLEN);
	netlink_add(&r, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	err = netlink_ask(NETLINK_GENERIC, &r, redirect_on_family, &family);
	if (err || !family)
		return err == -ENOENT || !err ? -ENODATA : err;
	head = (struct genlmsghdr){.cmd = NETDEV_DEV_GET, .version = 1};
	netlink_start(&r, family, 0, &head, GENL_HDRLEN);
	netlink_add(&r, NETDEV_IFINDEX, &ifindex, sizeof(ifindex));
	err = netlink_ask(NETLINK_GENERIC, &r, redirect_on_features, f);
	return err || f->known ? err : -ENODATA;
}

/* For the hint: a veth, and its peer if that is in this network namespace. */
struct redirect_link {
	bool veth;
	uint32_t peer;
};

static void redirect_on_link(void *user, const struct nlmsghdr *answer)
{
	const size_t fixed = sizeof(struct ifinfomsg);
	const struct nlattr *info = netlink_attr(answer, fixed, IFLA_LINKINFO);
	struct redirect_link *l = user;

	if (!info || strcmp(netlink_text(netlink_find(netlink_data(info), netlink_size(info),
						      IFLA_INFO_KIND)),
			    "veth"))
		return;
	l->veth = true;
	if (!netlink_attr(answer, fixed, IFLA_LINK_NETNSID))
		l->peer = netlink_u32(netlink_attr(answer, fixed, IFLA_LINK));
}

static void redirect_hint(uint32_t ifindex, struct visor_diag *diag)
{
	struct ifinfomsg m = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
	struct redirect_link l = {0};
	char peer[IF_NAMESIZE];
	struct netlink_request r;

	netlink_start(&r, RTM_GETLINK, 0, &m, sizeof(m));
	netlink_ask(NETLINK_ROUTE, &r, redirect_on_link, &l);
	if (!l.veth)
		diag_hint(diag, "use generic XDP, or the hook tc");
	else if (l.peer && if_indextoname(l.peer, peer))
		diag_hint(diag,
			  "the other end of the veth has to have GRO (ethtool -K %s gro on) or an "
			  "XDP program",
			  peer);
	else
		diag_hint(diag, "the other end of the veth, in another network namespace, has to "
				"have GRO (ethtool -K PEER gro on) or an XDP program");
}

int attach_check_redirect(uint32_t ifindex, struct visor_diag *diag)
{
	struct redirect_features f = {0};
	char device[IF_NAMESIZE];
	int err;

	if (!if_indextoname(ifindex, device))
		return diag_fail(diag, -ENODEV, "attach",
				 "there is no device of index %u in this network namespace",
				 ifindex);
	err = redirect_features(ifindex, &f);
	if (err == -ENODATA) {
		diag_fail(diag, err, "attach",
			  "this kernel does not tell whether XDP can redirect to device '%s'",
			  device);
		diag_hint(diag, "to a veth, it can if the other end has GRO (ethtool -K PEER gro "
				"on) or an XDP program");
		return err;
	}
	if (err)
		return diag_fail(diag, err, "attach", "the XDP features of device '%s'", device);
	if (f.xdp & NETDEV_TAKES_REDIRECTED)
		return 0;
	err = diag_fail(diag, -EOPNOTSUPP, "attach",
			"device '%s' does not take what native XDP redirects to it: it would be "
			"lost",
			device);
	redirect_hint(ifindex, diag);
	return err;
}
