/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/attach_netlink.c - one question to netlink and its answer.
 *
 * libbpf attaches through netlink, but cannot list what is there. An answer of several
 * messages ends with NLMSG_DONE, one of a single message with the acknowledgement.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chain/attach_impl.h"

#define NETLINK_BUFFER 32768 /* the largest piece of a dump */

void netlink_start(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed,
		   size_t size)
{
	memset(r, 0, sizeof(*r));
	r->head = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = 1,
	};
	memcpy(r->body, fixed, size);
}

void netlink_add(struct netlink_request *r, uint16_t type, const void *data, size_t size)
{
	struct nlattr head = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
	uint8_t *at = (uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len);

	memcpy(at, &head, sizeof(head));
	memcpy(at + NLA_HDRLEN, data, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + (uint32_t)NLA_ALIGN(head.nla_len);
}

/* 1: there is more to come. */
static int netlink_message(const struct nlmsghdr *m,
			   void (*each)(void *user, const struct nlmsghdr *answer), void *user)
{
	int err;

	switch (m->nlmsg_type) {
	case NLMSG_DONE:
		return 0;
	case NLMSG_ERROR:
		if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return -EPROTO;
		memcpy(&err, NLMSG_DATA(m), sizeof(err));
		return err;
	default:
		if (m->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		each(user, m);
		return 1;
	}
}

static int netlink_answer(int fd, void *buf,
			  void (*each)(void *user, const struct nlmsghdr *answer), void *user)
{
	for (;;) {
		struct sockaddr_nl from = {.nl_pid = 1};
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, buf, NETLINK_BUFFER, MSG_TRUNC, (struct sockaddr *)&from,
				     &size);
		struct nlmsghdr *m = buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from.nl_pid) /* not the kernel */
			continue;
		if (n > NETLINK_BUFFER)
			return -EMSGSIZE;
		for (uint32_t left = (uint32_t)n; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			int more = netlink_message(m, each, user);

			if (more <= 0)
				return more;
		}
	}
}

int netlink_ask(int protocol, struct netlink_request *r,
		void (*each)(void *user, const struct nlmsghdr *answer), void *user)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), err = 0;
	void *buf = malloc(NETLINK_BUFFER);

	if (fd < 0)
		err = -errno;
	else if (!buf)
		err = -ENOMEM;
	if (!(r->head.nlmsg_flags & NLM_F_DUMP))
		r->head.nlmsg_flags |= NLM_F_ACK;
	if (!err && send(fd, r, r->head.nlmsg_len, 0) < 0)
		err = -errno;
	if (!err)
		err = netlink_answer(fd, buf, each, user);
	free(buf);
	if (fd >= 0)
		close(fd);
	return err;
}

const struct nlattr *netlink_find(const void *data, size_t size, uint16_t type)
{
	const uint8_t *at = data, *end = at + size;

	while ((size_t)(end - at) >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)at;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - at)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (NLA_ALIGN(a->nla_len) > end - at)
			return NULL;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

const struct nlattr *netlink_attr(const struct nlmsghdr *answer, size_t fixed, uint16_t type)
{
	size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);

	if (answer->nlmsg_len < head)
		return NULL;
	return netlink_find((const uint8_t *)answer + head, answer->nlmsg_len - head, type);
}

uint32_t netlink_u32(const struct nlattr *a)
{
	return a && netlink_size(a) >= 4 ? get_u32(netlink_data(a)) : 0;
}

const char *netlink_text(const struct nlattr *a)
{
	const char *text = a ? netlink_data(a) : NULL;

	return text && memchr(text, 0, netlink_size(a)) ? text : "";
}
