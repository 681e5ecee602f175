/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/netns.h - network namespaces with devices between them, for tests on live traffic.
 *
 *     struct netns *n;
 *     if (netns_new(2, &n)) return 77;             (the reason has been printed)
 *     netns_pair(n, 0, "left", 1, "right");        a veth pair, both ends up
 *     netns_run(n, 1, "ip address add 10.0.0.1/24 dev right");
 *     fd = netns_raw(n, 0, "left");
 *     netns_send(fd, frame, size);
 *     netns_free(n);
 *
 * The namespaces have no names: they exist through descriptors of this process, so nothing is
 * left of them when it ends, however it ends. The process also gets mounts of its own, with an
 * empty BPF file system at /sys/fs/bpf
 * (but for files named *.debug, which some kernels put into every one). The devices send nothing of
 * their own accord that can be helped (no IPv6 addresses but those that a test gives), and count on
 * it you must not: a test looks for its own frames.
 *
 * Functions that return nothing end the process with a message (exit 1): a namespace that cannot
 * be used is no result of a test. One thread only, as namespaces belong to threads.
 */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETNS_HOME -1 /* the namespace in which the process was started */

struct netns;

/* Makes n namespaces. Not 0: it cannot be done here; "skipped: reason" was printed. */
int netns_new(unsigned n, struct netns **out);
void netns_free(struct netns *ns);

/* Puts this thread into a namespace. It is in NETNS_HOME at first. */
void netns_enter(const struct netns *ns, int index);

/* A name of the namespace for `ip link set ... netns`, `nsenter --net=`: valid in children
 * of this process, too. Overwritten by the next call. */
const char *netns_path(const struct netns *ns, unsigned index);

/* The path of a new cgroup of cgroup2, below a mount of this process alone; removed by netns_free,
 * or by a later test if this one crashes. NULL: "skipped: reason" was printed. Once. */
const char *netns_cgroup(struct netns *ns);

/* A veth pair between two namespaces (or within one), both ends up. */
void netns_pair(const struct netns *ns, unsigned a, const char *a_name, unsigned b,
		const char *b_name);

/* A shell command in the namespace. Its exit status; netns_must wants 0. */
int netns_run(const struct netns *ns, int index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void netns_must(const struct netns *ns, int index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What it prints (cut at size - 1). */
int netns_output(const struct netns *ns, int index, char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

unsigned netns_ifindex(const struct netns *ns, unsigned index, const char *device);
void netns_mac(const struct netns *ns, unsigned index, const char *device, uint8_t out[6]);
/* Generic receive offload; on a veth, it lets frames be redirected to the other end. */
void netns_gro(const struct netns *ns, unsigned index, const char *device, bool on);

/* A raw socket on the device (or, once made, on any other): frames with their Ethernet header.
 * It gets what comes in, not what this machine sends there. */
int netns_raw(const struct netns *ns, unsigned index, const char *device);
void netns_send(int fd, const void *frame, size_t size);
/* The next frame for which `want` (NULL: any) is true. Its length, or 0 after so long. */
size_t netns_receive(int fd, void *frame, size_t size, int timeout_ms,
		     bool (*want)(void *user, const void *frame, size_t size), void *user);

/* An Ethernet and IPv4 frame of UDP, checksums included; the payload is `number`, to know it by.
 * `to` NULL: broadcast. netns_frame_number finds the number, or -1: not such a frame. */
#define NETNS_FRAME 64
#define NETNS_MAGIC 0x76697372 /* the payload's first four bytes; the number follows */
void netns_frame(uint8_t out[NETNS_FRAME], const uint8_t *to, uint32_t from_ip, uint32_t to_ip,
		 uint16_t to_port, uint32_t number);
int64_t netns_frame_number(const void *frame, size_t size);

#endif
