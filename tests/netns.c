/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/netns.c - see netns.h. A command runs in a child that has entered the namespace: the
 * namespace of the test itself does not change under it.
 */
#include "netns.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

struct netns {
	char cgroup[64];
	unsigned n;
	int home, fds[];
};

static void fail(const char *what)
{
	fprintf(stderr, "netns: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int skip(const char *what)
{
	fprintf(stderr, "skipped: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Mounts of this process alone, with an empty BPF file system. */
static int private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return skip("no mount namespace");
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		return skip("no BPF file system at /sys/fs/bpf");
	return 0;
}

static int new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (system("ip link set lo up && "
		   "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter && "
		   "cd /proc/sys/net/ipv6/conf/default 2> /dev/null || exit 0; "
		   "echo 1 > addr_gen_mode && echo 0 > accept_ra && echo 0 > dad_transmits"))
		return -1;
	return fd;
}

int netns_new(unsigned n, struct netns **out)
{
	struct netns *ns;

	*out = NULL;
	if (geteuid()) {
		errno = EPERM;
		return skip("network namespaces need root");
	}
	ns = calloc(1, sizeof(*ns) + n * sizeof(ns->fds[0]));
	if (!ns)
		fail("memory");
	ns->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns->home < 0 || private_mounts()) {
		netns_free(ns);
		return ns->home < 0 ? skip("/proc") : -1;
	}
	for (; ns->n < n; ns->n++) {
		ns->fds[ns->n] = new_namespace();
		if (ns->fds[ns->n] < 0) {
			skip("no network namespace");
			netns_free(ns);
			return -1;
		}
	}
	netns_enter(ns, NETNS_HOME);
	*out = ns;
	return 0;
}

void netns_free(struct netns *ns)
{
	if (!ns)
		return;
	if (ns->cgroup[0])
		rmdir(ns->cgroup);
	if (ns->home >= 0) {
		netns_enter(ns, NETNS_HOME);
		close(ns->home);
	}
	for (unsigned i = 0; i < ns->n; i++)
		close(ns->fds[i]);
	free(ns);
}

void netns_enter(const struct netns *ns, int index)
{
	if (setns(index == NETNS_HOME ? ns->home : ns->fds[index], CLONE_NEWNET))
		fail("cannot enter a namespace");
}

const char *netns_path(const struct netns *ns, unsigned index)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), ns->fds[index]);
	return path;
}

/* Of tests that are not there any more. */
static void sweep_cgroups(void)
{
	DIR *dir = opendir(CGROUPS);
	struct dirent *e;
	char path[300];
	int pid;

	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, "visor-test-%d", &pid) == 1 && kill(pid, 0) &&
		    errno == ESRCH) {
			snprintf(path, sizeof(path), CGROUPS "/%s", e->d_name);
			rmdir(path);
		}
	if (dir)
		closedir(dir);
}

const char *netns_cgroup(struct netns *ns)
{
	struct statfs fs;

	if ((statfs(CGROUPS, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) &&
	    mount("none", CGROUPS, "cgroup2", 0, NULL)) {
		skip("no cgroup2");
		return NULL;
	}
	sweep_cgroups();
	snprintf(ns->cgroup, sizeof(ns->cgroup), CGROUPS "/visor-test-%d", getpid());
	if (!mkdir(ns->cgroup, 0755))
		return ns->cgroup;
	ns->cgroup[0] = '\0';
	skip("no cgroup can be made");
	return NULL;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int run(const struct netns *ns, int index, char *out, size_t size, const char *format,
	       va_list ap)
{
	size_t have = 0;
	char *command, rest[512];
	int pipes[2], status;
	pid_t pid;
	ssize_t n;

	if (vasprintf(&command, format, ap) < 0 || pipe2(pipes, O_CLOEXEC))
		fail("memory");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		netns_enter(ns, index);
		if (out)
			dup2(pipes[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], rest, sizeof(rest))) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++)
			if (have + 1 < size)
				out[have++] = rest[i];
	if (size)
		out[have] = '\0';
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	free(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int netns_run(const struct netns *ns, int index, const char *format, ...)
{
	va_list ap;
	int status;

	va_start(ap, format);
	status = run(ns, index, NULL, 0, format, ap);
	va_end(ap);
	return status;
}

void netns_must(const struct netns *ns, int index, const char *format, ...)
{
	va_list ap;
	int status;

	va_start(ap, format);
	status = run(ns, index, NULL, 0, format, ap);
	va_end(ap);
	if (!status)
		return;
	fprintf(stderr, "netns: exit status %d of: %s\n", status, format);
	exit(1);
}

int netns_output(const struct netns *ns, int index, char *out, size_t size, const char *format, ...)
{
	va_list ap;
	int status;

	va_start(ap, format);
	status = run(ns, index, out, size, format, ap);
	va_end(ap);
	return status;
}

/* ---- devices --------------------------------------------------------------------------------- */

void netns_pair(const struct netns *ns, unsigned a, const char *a_name, unsigned b,
		const char *b_name)
{
	netns_must(ns, (int)a, "ip link add %s type veth peer name %s netns %s", a_name, b_name,
		   netns_path(ns, b));
	netns_must(ns, (int)a, "ip link set %s up", a_name);
	netns_must(ns, (int)b, "ip link set %s up", b_name);
}

/* A socket in the namespace, for questions to its devices. */
static int control(const struct netns *ns, unsigned index, int family, int type, int protocol)
{
	int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	netns_enter(ns, (int)index);
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (before < 0 || fd < 0 || setns(before, CLONE_NEWNET))
		fail("socket in a namespace");
	close(before);
	return fd;
}

static void request(const struct netns *ns, unsigned index, const char *device, unsigned long what,
		    struct ifreq *req)
{
	int fd = control(ns, index, AF_INET, SOCK_DGRAM, 0);

	snprintf(req->ifr_name, sizeof(req->ifr_name), "%s", device);
	if (ioctl(fd, what, req))
		fail(device);
	close(fd);
}

unsigned netns_ifindex(const struct netns *ns, unsigned index, const char *device)
{
	struct ifreq req = {0};

	request(ns, index, device, SIOCGIFINDEX, &req);
	return (unsigned)req.ifr_ifindex;
}

void netns_mac(const struct netns *ns, unsigned index, const char *device, uint8_t out[6])
{
	struct ifreq req = {0};

	request(ns, index, device, SIOCGIFHWADDR, &req);
	memcpy(out, req.ifr_hwaddr.sa_data, 6);
}

void netns_gro(const struct netns *ns, unsigned index, const char *device, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = on};
	struct ifreq req = {.ifr_data = (char *)&value};

	request(ns, index, device, SIOCETHTOOL, &req);
}

/* ---- frames -----------------------------------------------------------------------------------
 */

int netns_raw(const struct netns *ns, unsigned index, const char *device)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)netns_ifindex(ns, index, device),
	};
	/* Of no protocol until it is bound: nothing from other devices gets in before. */
	int fd = control(ns, index, AF_PACKET, SOCK_RAW, 0), yes = 1;

	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		fail(device);
	return fd;
}

void netns_send(int fd, const void *frame, size_t size)
{
	if (send(fd, frame, size, 0) != (ssize_t)size)
		fail("cannot send a frame");
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t netns_receive(int fd, void *frame, size_t size, int timeout_ms,
		     bool (*want)(void *user, const void *frame, size_t size), void *user)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return 0;
		n = recv(fd, frame, size, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			fail("cannot receive a frame");
		if (n > 0 && (!want || want(user, frame, (size_t)n)))
			return (size_t)n;
	}
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t sum16(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}

void netns_frame(uint8_t out[NETNS_FRAME], const uint8_t *to, uint32_t from_ip, uint32_t to_ip,
		 uint16_t to_port, uint32_t number)
{
	static const uint8_t from[6] = {2, 'v', 'i', 's', 'o', 'r'};
	const uint16_t ip_size = NETNS_FRAME - 14, udp_size = NETNS_FRAME - 34;
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(ip_size),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(from_ip),
		.daddr = htonl(to_ip),
	};
	struct udphdr udp = {.source = htons(7), .dest = htons(to_port), .len = htons(udp_size)};
	uint32_t payload[2] = {htonl(NETNS_MAGIC), htonl(number)}, sum;

	memset(out, 0, NETNS_FRAME);
	if (to)
		memcpy(out, to, 6);
	else
		memset(out, 0xff, 6);
	memcpy(out + 6, from, 6);
	out[12] = 8;
	ip.check = htons((uint16_t)~fold(sum16(&ip, sizeof(ip))));
	memcpy(out + 14, &ip, sizeof(ip));
	memcpy(out + 34, &udp, sizeof(udp));
	memcpy(out + 42, payload, sizeof(payload));
	sum = sum16(&ip.saddr, 8) + IPPROTO_UDP + udp_size + sum16(out + 34, udp_size);
	udp.check = htons((uint16_t)~fold(sum));
	if (!udp.check)
		udp.check = 0xffff;
	memcpy(out + 34, &udp, sizeof(udp));
}

int64_t netns_frame_number(const void *frame, size_t size)
{
	const uint8_t *p = frame;
	uint32_t payload[2];

	if (size < 50 || p[12] != 8 || p[13] || p[14] != 0x45 || p[23] != IPPROTO_UDP)
		return -1;
	memcpy(payload, p + 42, sizeof(payload));
	return ntohl(payload[0]) == NETNS_MAGIC ? (int64_t)ntohl(payload[1]) : -1;
}
