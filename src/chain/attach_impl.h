/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach_impl.h - what the files of attaching share.
 *
 *     attach.c          the ways, links and pins; what is called from outside
 *     attach_tc.c       clsact: qdisc and filters, by netlink
 *     attach_who.c      who else is on a hook
 *     attach_netlink.c  questions to rtnetlink and generic netlink
 *     attach_redirect.c which devices take redirected frames
 */
#ifndef CHAIN_ATTACH_IMPL_H
#define CHAIN_ATTACH_IMPL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "chain/attach.h"
#include "load/load.h"

struct attach_way {
	enum attach_hook hook;
	const char *name, *text;
	uint32_t prog_type, attach_type, link_type;
	uint32_t flags;
	bool clsact;
};
extern const struct attach_way attach_ways[ATTACH_HOW_COUNT];

/* ---- attach_who.c ------------------------------------------------------------------------- */

#define ATTACH_WHO 96

/* "'xdp_filter' (id 12)", for messages. */
const char *attach_who(uint32_t prog_id, char out[ATTACH_WHO]);
int attach_prog_info(uint32_t prog_id, int fd, struct bpf_prog_info *out);
int attach_link_info(int fd, struct bpf_link_info *out);
/* -EBUSY, with who has the XDP hook. */
int attach_busy_xdp(uint32_t ifindex, const char *device, struct visor_diag *diag);
/* The program on the device's XDP hook (0: none), and whether in generic mode. */
uint32_t attach_xdp_prog(uint32_t ifindex, bool *generic);
/* The programs on a hook that has a list of them: their number, and the first. -EINVAL: the
 * kernel has no such hook. */
int attach_query(uint32_t target, uint32_t attach_type, uint32_t *first, uint32_t *flags);

/* ---- attach_tc.c -------------------------------------------------------------------------- */

int attach_tc_add(const struct attach_spec *spec, uint32_t ifindex, const char *device,
		  struct attached *out, struct visor_diag *diag);
int attach_tc_state(const struct attached *a, enum attach_state *state, struct visor_diag *diag);
int attach_tc_remove(const struct attached *a, struct visor_diag *diag);
/* Filters on the device in the direction; negative errno. */
int attach_tc_count(uint32_t ifindex, bool egress);

/* ---- attach_netlink.c --------------------------------------------------------------------- */

struct netlink_request {
	struct nlmsghdr head;
	uint8_t body[256];
};

void netlink_start(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed,
		   size_t size);
void netlink_add(struct netlink_request *r, uint16_t type, const void *data, size_t size);

/* Sends it, calls `each` for each message of the answer; 0 or the kernel's error. */
int netlink_ask(int protocol, struct netlink_request *r,
		void (*each)(void *user, const struct nlmsghdr *answer), void *user);

/* The attribute among those in [data, data + size); NULL: not there, or broken. */
const struct nlattr *netlink_find(const void *data, size_t size, uint16_t type);
/* Those of a message with a fixed part of that size. */
const struct nlattr *netlink_attr(const struct nlmsghdr *answer, size_t fixed, uint16_t type);
static inline const void *netlink_data(const struct nlattr *a)
{
	return (const uint8_t *)a + NLA_HDRLEN;
}
static inline size_t netlink_size(const struct nlattr *a)
{
	return a->nla_len - (size_t)NLA_HDRLEN;
}
/* A number, 0 if the attribute is not there; a text, "" likewise. */
uint32_t netlink_u32(const struct nlattr *a);
const char *netlink_text(const struct nlattr *a);

#endif
