/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach_who.c - who else is on a hook.
 *
 * For messages: by the time they are read it may not be true any more. The kernel alone, when
 * it makes a link, decides who gets the hook.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <unistd.h>

#include "chain/attach_impl.h"

#define WHO_MAX_PROGS 64 /* the most that one hook can have */

static int who_info(int fd, void *info, uint32_t size)
{
	union bpf_attr attr = {
		.info = {.bpf_fd = (uint32_t)fd, .info_len = size, .info = (uintptr_t)info}};

	return load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

int attach_prog_info(uint32_t prog_id, int fd, struct bpf_prog_info *out)
{
	union bpf_attr attr = {.prog_id = prog_id};
	int by_id = fd < 0 ? load_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr)) : fd, err;

	memset(out, 0, sizeof(*out));
	if (by_id < 0)
		return by_id;
	err = who_info(by_id, out, sizeof(*out));
	if (fd < 0)
		close(by_id);
	return err;
}

int attach_link_info(int fd, struct bpf_link_info *out)
{
	memset(out, 0, sizeof(*out));
	return who_info(fd, out, sizeof(*out));
}

const char *attach_who(uint32_t prog_id, char out[ATTACH_WHO])
{
	struct bpf_prog_info info;

	if (attach_prog_info(prog_id, -1, &info) < 0 || !info.name[0])
		snprintf(out, ATTACH_WHO, "a program without a name (id %u)", prog_id);
	else
		snprintf(out, ATTACH_WHO, "'%.*s' (id %u)", (int)sizeof(info.name), info.name,
			 prog_id);
	return out;
}

/* The link that holds the program on the device, or 0. */
static uint32_t who_link(uint32_t prog_id, uint32_t link_type, uint32_t ifindex)
{
	union bpf_attr attr = {0};

	while (load_bpf(BPF_LINK_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
		union bpf_attr get = {.link_id = attr.next_id};
		int fd = load_bpf(BPF_LINK_GET_FD_BY_ID, &get, sizeof(get));
		struct bpf_link_info info;
		bool found;

		attr.start_id = attr.next_id;
		if (fd < 0)
			continue;
		found = attach_link_info(fd, &info) == 0 && info.type == link_type &&
			info.prog_id == prog_id && info.xdp.ifindex == ifindex;
		close(fd);
		if (found)
			return attr.next_id;
	}
	return 0;
}

uint32_t attach_xdp_prog(uint32_t ifindex, bool *generic)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	*generic = false;
	if (bpf_xdp_query((int)ifindex, 0, &q) < 0)
		return 0;
	*generic = q.skb_prog_id && !q.drv_prog_id;
	if (q.drv_prog_id)
		return q.drv_prog_id;
	return q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
}

int attach_busy_xdp(uint32_t ifindex, const char *device, struct visor_diag *diag)
{
	bool generic;
	uint32_t prog = attach_xdp_prog(ifindex, &generic), link;
	struct bpf_prog_info info;
	char who[ATTACH_WHO], by[32] = "through netlink";

	if (!prog) {
		diag_fail(diag, -EBUSY, "attach",
			  "another program was on the XDP hook of device '%s' just now", device);
		diag_hint(diag, "try again");
		return -EBUSY;
	}
	link = who_link(prog, BPF_LINK_TYPE_XDP, ifindex);
	if (link)
		snprintf(by, sizeof(by), "by link %u", link);
	diag_fail(diag, -EBUSY, "attach",
		  "device '%s' has an XDP program already: %s, attached %s%s", device,
		  attach_who(prog, who), by, generic ? ", generic" : "");
	attach_prog_info(prog, -1, &info);
	if (!strcmp(info.name, "xdp_dispatcher"))
		diag_hint(diag,
			  "this is libxdp's dispatcher: `xdp-loader unload %s --all` removes it "
			  "and the programs behind it",
			  device);
	else if (link)
		diag_hint(diag, "stop who holds it, or detach it: bpftool link detach id %u", link);
	else
		diag_hint(diag, "stop who holds it, or take it off: ip link set dev %s %s off",
			  device, generic ? "xdpgeneric" : "xdp");
	return -EBUSY;
}

int attach_query(uint32_t target, uint32_t attach_type, uint32_t *first, uint32_t *flags)
{
	uint32_t ids[WHO_MAX_PROGS] = {0};
	union bpf_attr attr = {.query = {.target_fd = target,
					 .attach_type = attach_type,
					 .prog_ids = (uintptr_t)ids,
					 .prog_cnt = WHO_MAX_PROGS}};
	int err = load_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));

	if (err < 0)
		return err;
	*first = ids[0];
	if (flags)
		*flags = attr.query.attach_flags;
	return (int)attr.query.prog_cnt;
}
