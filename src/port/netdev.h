/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/netdev.h - what there is to know about a network device, by its name.
 *
 * Private to the port layer. Of the network namespace of the calling thread.
 */
#ifndef PORT_NETDEV_H
#define PORT_NETDEV_H

#include "base/diag.h"

struct netdev {
	int index;
	uint32_t mtu, queues; /* receive queues */
	bool ethernet, up;
	bool software; /* packets come from the same machine, and may have checksums to complete */
};

/* -ENODEV with diag: there is none of that name. */
int netdev_get(const char *name, struct netdev *out, struct visor_diag *diag);
/* The index; 0: there is none. */
int netdev_index(const char *name);
/* Brings it up. */
int netdev_up(const char *name);

/* "must be root" for a right that is missing; what the error says otherwise. Returns err. */
int netdev_fail(struct visor_diag *diag, int err, const char *name, const char *what,
		const char *rights);

#endif
