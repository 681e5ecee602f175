/* SPDX-License-Identifier: BSD-2-Clause */
/* port/netdev.c - questions about a network device, by ioctl. */
#include "port/netdev.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int netdev_ask(const char *name, unsigned long what, struct ifreq *ifr)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	err = ioctl(fd, what, ifr) ? -errno : 0;
	close(fd);
	return err;
}

static int netdev_ethtool(const char *name, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	return netdev_ask(name, SIOCETHTOOL, &ifr);
}

int netdev_index(const char *name)
{
	struct ifreq ifr = {0};

	return netdev_ask(name, SIOCGIFINDEX, &ifr) ? 0 : ifr.ifr_ifindex;
}

/* Drivers whose packets may never have been on a wire. */
static bool netdev_is_software(const char *name)
{
	static const char *const drivers[] = {"veth", "tun", "virtio_net"};
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (netdev_ethtool(name, &info))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(info.driver, drivers[i]))
			return true;
	return false;
}

int netdev_get(const char *name, struct netdev *out, struct visor_diag *diag)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {0};
	int err;

	memset(out, 0, sizeof(*out));
	err = netdev_ask(name, SIOCGIFINDEX, &ifr);
	out->index = ifr.ifr_ifindex;
	if (!err)
		err = netdev_ask(name, SIOCGIFMTU, &ifr);
	out->mtu = (uint32_t)ifr.ifr_mtu;
	if (!err)
		err = netdev_ask(name, SIOCGIFFLAGS, &ifr);
	out->up = ifr.ifr_flags & IFF_UP;
	if (!err)
		err = netdev_ask(name, SIOCGIFHWADDR, &ifr);
	out->ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
			ifr.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	if (err) {
		diag_fail(diag, err, "port",
			  err == -ENODEV ? "there is no such device"
					 : "cannot ask about the device");
		diag_at(diag, "%s", name);
		if (err == -ENODEV)
			diag_hint(diag, "`ip link` lists the devices of this network namespace");
		return err;
	}
	out->queues = 1;
	if (!netdev_ethtool(name, &channels))
		out->queues = MAX(channels.combined_count + channels.rx_count, 1u);
	out->software = netdev_is_software(name);
	return 0;
}

int netdev_up(const char *name)
{
	struct ifreq ifr = {0};
	int err = netdev_ask(name, SIOCGIFFLAGS, &ifr);

	if (err || (ifr.ifr_flags & IFF_UP))
		return err;
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	return netdev_ask(name, SIOCSIFFLAGS, &ifr);
}

int netdev_fail(struct visor_diag *diag, int err, const char *name, const char *what,
		const char *rights)
{
	diag_fail(diag, err, "port", "%s", what);
	diag_at(diag, "%s", name);
	if (err == -EPERM || err == -EACCES)
		diag_hint(diag, "this needs %s: run as root", rights);
	return err;
}
