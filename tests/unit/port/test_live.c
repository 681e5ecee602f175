/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports on devices: what is sent into the other end of a veth comes out of the port byte for
 * byte, and goes back the same way. All in a network namespace of this process alone.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "port/kind.h"
#include "port/offload.h"

#define PATIENCE 5000 /* milliseconds */

static const uint8_t from[6] = {2, 0x76, 0x69, 0x73, 0x6f, 0x72};
static struct port_batch *batch;

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static void make_veth(void)
{
	run("ip link add here type veth peer name there");
	run("for d in here there; do"
	    " echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; ip link set $d up; done");
}

static int try_open(const char *kind, const char *device, const char *via, struct port **port,
		    struct visor_diag *d)
{
	struct port_config cfg;
	int err;

	port_config_init(&cfg);
	memset(d, 0, sizeof(*d));
	assert_int_equal(port_config_set(&cfg, kind, device, d), 0);
	if (via)
		assert_int_equal(port_config_set(&cfg, "via", via, d), 0);
	err = port_open(&cfg, port, d);
	port_config_free(&cfg);
	return err;
}

static struct port *open_port(const char *kind, const char *device, const char *via)
{
	struct visor_diag d;
	struct port *port;

	if (try_open(kind, device, via, &port, &d))
		fail_msg("%s %s: %s: %s", kind, via ? via : "", d.place, d.text);
	return port;
}

/* A raw socket on the other end. */
static int open_raw(const char *device)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(device)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool is_ours(const uint8_t *frame, size_t len)
{
	return len >= ETH_HLEN && !memcmp(frame + ETH_ALEN, from, sizeof(from));
}

static void make_frame(uint8_t *frame, uint32_t len, const uint8_t *head, size_t n)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + len);
	frame[0] = 2;
	memcpy(frame + 6, from, sizeof(from));
	if (len >= 12 + n)
		memcpy(frame + 12, head, n);
}

/* The next packet of ours; the rest of the batch is none of ours. -1: none came. */
static int receive_one(struct port *port)
{
	struct visor_diag d = {0};

	for (int ms = 0; ms < PATIENCE; ms++) {
		int n = port_receive(port, batch, PORT_BATCH, &d);
		struct pollfd wait = {.events = POLLIN};
		uint32_t us;

		if (n < 0 && n != -EAGAIN)
			fail_msg("%s: %s", d.place, d.text);
		for (int i = 0; i < n; i++)
			if (is_ours(batch->pkts[i].data, batch->pkts[i].len))
				return i;
		us = port_wait(port, &wait.fd);
		assert_true(us > 0);
		poll(&wait, 1, 1);
	}
	return -1;
}

/* A frame of ours at the raw end, with the tag that the kernel took out of it. */
static uint32_t raw_receive(int fd, uint8_t *frame, uint32_t size)
{
	for (;;) {
		char control[256];
		struct iovec iov = {frame, size};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		struct tpacket_auxdata aux = {0};
		ssize_t n;

		if (poll(&wait, 1, PATIENCE) != 1)
			return 0;
		n = recvmsg(fd, &msg, 0);
		if (n < 0 || !is_ours(frame, (size_t)n))
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
			if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
				memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID) {
			memmove(frame + 16, frame + 12, (size_t)n - 12);
			put_u16(frame + 12, htons(aux.tp_vlan_tpid));
			put_u16(frame + 14, htons(aux.tp_vlan_tci));
			n += 4;
		}
		return (uint32_t)n;
	}
}

/* In by the port, out by the port, and the same each time. */
static void there_and_back(struct port *port, int raw, const uint8_t *frame, uint32_t len)
{
	uint8_t back[2048];
	struct visor_diag d = {0};
	int i;

	assert_int_equal(send(raw, frame, len, 0), len);
	i = receive_one(port);
	if (i < 0)
		fail_msg("a frame of %u bytes did not come", len);
	assert_int_equal(batch->pkts[i].len, len);
	assert_memory_equal(batch->pkts[i].data, frame, len);
	assert_int_equal(batch->pkts[i].data - batch->pkts[i].start, PORT_HEADROOM);
	assert_true(batch->pkts[i].stop >= batch->pkts[i].end);
	assert_int_equal(batch->meta[i].wire_len, len);
	assert_int_equal(port_send(port, batch, (uint32_t)i, &d), 0);
	assert_int_equal(port_flush(port, &d), 0);
	assert_int_equal(raw_receive(raw, back, sizeof(back)), len);
	assert_memory_equal(back, frame, len);
}

static void all_frames(struct port *port, const char *device, uint32_t least)
{
	static const uint8_t type[] = {0x88, 0xb5};
	static const uint8_t tags[][12] = {
		{0x81, 0, 0xf1, 0x23, 0x88, 0xb5},
		{0x81, 0, 0, 0, 0x88, 0xb5},
		{0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 0x88, 0xb5},
	};
	int raw = open_raw(device);
	struct port_stats st;
	uint8_t frame[2048];

	for (uint32_t len = least; len <= 1514; len += len < 200 ? 1 : 13) {
		make_frame(frame, len, type, sizeof(type));
		there_and_back(port, raw, frame, len);
	}
	make_frame(frame, 1514, type, sizeof(type));
	there_and_back(port, raw, frame, 1514);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		for (uint32_t len = 60; len <= 1514; len += 727) {
			make_frame(frame, len, tags[i], sizeof(tags[i]));
			there_and_back(port, raw, frame, len);
		}
	port_refresh(port);
	port_stats(port, &st);
	for (int i = 0; i < PORT_SKIP_COUNT; i++)
		assert_int_equal(st.skipped[i], 0);
	close(raw);
}

static void frames_by(const char *via, const char *how)
{
	struct port_stats st;
	struct port *port;

	make_veth();
	port = open_port("device", "here", via);
	port_stats(port, &st);
	assert_string_equal(st.how, how);
	all_frames(port, "there", 15);
	port_close(port, NULL);
	run("ip link del here");
}

static void packet_frames(void **state)
{
	frames_by("packet", "packet");
}

static void xdp_frames(void **state)
{
	frames_by("xdp", "xdp, copy");
}

static void auto_frames(void **state)
{
	frames_by("auto", "xdp, copy");
}

static void tap_frames(void **state)
{
	struct port *port = open_port("tap", "tap0", NULL);

	all_frames(port, "tap0", 15);
	port_close(port, NULL);
	assert_int_equal(if_nametoindex("tap0"), 0);
}

/* More frames than any ring has places, from one device out of another that only sends. */
static void passes_on(const char *via)
{
	static const uint8_t type[] = {0x88, 0xb5};
	struct port *in, *out;
	struct port_config cfg;
	struct port_stats st;
	struct visor_diag d;
	uint8_t frame[100], got[2048];
	int from_raw, to_raw, i;

	make_veth();
	run("ip link add out type veth peer name end");
	run("for d in out end; do"
	    " echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; ip link set $d up; done");
	in = open_port("device", "here", via);
	port_config_init(&cfg);
	assert_int_equal(port_config_set(&cfg, "device", "out", &d), 0);
	assert_int_equal(port_config_set(&cfg, "via", via, &d), 0);
	cfg.send_only = true;
	assert_int_equal(port_open(&cfg, &out, &d), 0);
	port_config_free(&cfg);
	from_raw = open_raw("there");
	to_raw = open_raw("end");
	for (uint32_t n = 0; n < 5000; n++) {
		make_frame(frame, 60 + n % 40, type, sizeof(type));
		put_u32(frame + 20, n);
		assert_int_equal(send(from_raw, frame, 60 + n % 40, 0), 60 + n % 40);
		i = receive_one(in);
		assert_true(i >= 0);
		assert_int_equal(port_send(out, batch, (uint32_t)i, &d), 0);
		assert_int_equal(port_flush(out, &d), 0);
		assert_int_equal(raw_receive(to_raw, got, sizeof(got)), 60 + n % 40);
		assert_memory_equal(got, frame, 60 + n % 40);
	}
	port_stats(out, &st);
	assert_int_equal(st.out_packets, 5000);
	assert_int_equal(st.in_packets, 0);
	assert_non_null(strstr(st.how, ", to send"));
	close(from_raw);
	close(to_raw);
	port_close(in, NULL);
	port_close(out, NULL);
	run("ip link del here && ip link del out");
}

static void packet_passes_on(void **state)
{
	passes_on("packet");
}

static void xdp_passes_on(void **state)
{
	passes_on("xdp");
}

static void disappears(const char *via)
{
	static const uint8_t type[] = {0x88, 0xb5};
	struct port_stats st = {0};
	struct visor_diag d;
	uint8_t frame[100];
	struct port *port;
	int raw;

	make_veth();
	port = open_port("device", "here", via);
	run("ip link del here");
	for (int i = 0; i < 500 && strncmp(st.how, "gone", 4) != 0; i++) {
		assert_int_equal(port_receive(port, batch, PORT_BATCH, &d), -EAGAIN);
		port_stats(port, &st);
		usleep(1000);
	}
	assert_string_equal(st.how, "gone: waiting for a device 'here'");
	batch->n = 1;
	visor_packet_init(batch->pkts, frame, sizeof(frame), 0, sizeof(frame));
	assert_int_equal(port_send(port, batch, 0, &d), -EAGAIN);
	assert_int_equal(port_flush(port, &d), 0);
	make_veth();
	for (int i = 0; i < PATIENCE && !st.reopened; i++) {
		assert_int_equal(port_receive(port, batch, PORT_BATCH, &d), -EAGAIN);
		port_stats(port, &st);
		usleep(1000);
	}
	assert_int_equal(st.reopened, 1);
	assert_int_equal(st.skipped[PORT_SKIP_UNSENT], 1);
	raw = open_raw("there");
	make_frame(frame, sizeof(frame), type, sizeof(type));
	there_and_back(port, raw, frame, sizeof(frame));
	close(raw);
	port_close(port, NULL);
	run("ip link del here");
}

static void packet_disappears(void **state)
{
	disappears("packet");
}

static void xdp_disappears(void **state)
{
	disappears("xdp");
}

static void attach_other(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("here"), fd, 0, NULL), 0);
	close(fd);
}

static void is_refused(void **state)
{
	struct port_stats st;
	struct visor_diag d;
	struct port *port, *second;
	int status;
	pid_t pid;

	assert_int_equal(try_open("device", "nothing", NULL, &port, &d), -ENODEV);
	assert_string_equal(d.text, "there is no such device");
	make_veth();
	assert_int_equal(try_open("tap", "here", NULL, &port, &d), -EINVAL);
	assert_string_equal(d.text, "there is a device of this name that is no TAP device");
	run("ip link set here down");
	assert_int_equal(try_open("device", "here", NULL, &port, &d), -ENETDOWN);
	assert_string_equal(d.hint, "`ip link set here up`");
	run("ip link set here up");
	port = open_port("device", "here", "xdp");
	assert_int_equal(try_open("device", "here", "xdp", &second, &d), -EBUSY);
	port_close(port, NULL);
	pid = fork();
	if (!pid) {
		status = setgid(65534) || setuid(65534) ||
			 try_open("device", "here", "packet", &port, &d) != -EPERM ||
			 !strstr(d.hint, "CAP_NET_RAW") ||
			 try_open("device", "here", "xdp", &port, &d) != -EPERM ||
			 !strstr(d.hint, "run as root");
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Somebody else's program, by netlink as most attach theirs, stays; `auto` says so. */
	attach_other();
	assert_int_equal(try_open("device", "here", "xdp", &second, &d), -EBUSY);
	assert_non_null(strstr(d.text, "('other') is attached to the device"));
	assert_non_null(strstr(d.hint, "`ip link set dev here xdp off`"));
	port = open_port("device", "here", "auto");
	port_stats(port, &st);
	assert_non_null(strstr(st.how, "packet (not xdp: XDP program "));
	port_close(port, NULL);
	run("ip link del here");
}

/* ---- offloads -------------------------------------------------------------------------- */

static uint16_t sum_of(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A frame of TCP or UDP without a checksum; the offset of its transport header. */
static uint32_t make_ip(uint8_t *frame, uint32_t len, bool v6, bool tcp)
{
	uint32_t l4 = v6 ? 54 : 34;

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 31);
	put_u16(frame + 12, htons(v6 ? ETH_P_IPV6 : ETH_P_IP));
	frame[14] = v6 ? 0x60 : 0x45;
	if (v6) {
		put_u16(frame + 18, htons((uint16_t)(len - 54)));
		frame[20] = tcp ? 6 : 17;
	} else {
		put_u16(frame + 16, htons((uint16_t)(len - 14)));
		put_u16(frame + 20, 0);
		frame[23] = tcp ? 6 : 17;
	}
	if (tcp)
		frame[l4 + 12] = 5 << 4;
	return l4;
}

static uint16_t pseudo_of(const uint8_t *frame, bool v6, bool tcp, uint32_t l4_len)
{
	return v6 ? sum_of((tcp ? 6 : 17) + l4_len, frame + 22, 32)
		  : sum_of((tcp ? 6 : 17) + l4_len, frame + 26, 8);
}

static void completes_checksums(void **state)
{
	for (unsigned c = 0; c < 4; c++)
		for (uint32_t len = 80; len < 200; len++) {
			bool v6 = c & 1, tcp = c & 2;
			uint8_t frame[256], before[256];
			uint32_t l4 = make_ip(frame, len, v6, tcp), at = l4 + (tcp ? 16 : 6);
			uint16_t pseudo = pseudo_of(frame, v6, tcp, len - l4);

			put_u16(frame + at, htons((uint16_t)(pseudo ^ 0x5555)));
			memcpy(before, frame, len);
			offload_complete(frame, len); /* not begun: not touched */
			assert_memory_equal(frame, before, len);
			put_u16(frame + at, htons(pseudo));
			offload_complete(frame, len);
			assert_int_equal(sum_of(pseudo, frame + l4, len - l4), 0xffff);
			/* The same where the kernel says where it is, and padded. */
			memcpy(before, frame, len);
			put_u16(frame + at, htons(pseudo));
			memset(frame + len, 0xee, 8);
			assert_true(offload_finish(frame, len + 8, l4, at - l4));
			assert_memory_equal(frame, before, len);
			for (uint32_t cut = 0; cut < len; cut++)
				offload_complete(frame, cut);
			assert_false(offload_finish(frame, len, len - 1, 0));
			assert_false(offload_finish(frame, len, UINT32_MAX, 16));
		}
}

static void cuts_segments(void **state)
{
	static uint8_t frame[65000], out[2000];

	for (unsigned c = 0; c < 4; c++) {
		bool v6 = c & 1, tcp = c & 2;
		uint32_t l4 = make_ip(frame, 40000, v6, tcp), head = l4 + (tcp ? 20 : 8);
		uint8_t type = !tcp ? 5 : v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		uint32_t at = 0, n = 0, len, seq = ntohl(get_u32(frame + l4 + 4));
		struct offload o;

		frame[l4 + 13] = tcp ? 0x19 : frame[l4 + 13]; /* ACK, PSH, FIN */
		assert_true(offload_begin(&o, frame, 40000, type, 1400, l4));
		while ((len = offload_next(&o))) {
			offload_write(&o, out);
			assert_memory_equal(out + head, frame + head + at, len - head);
			if (!v6)
				assert_int_equal(sum_of(0, out + 14, 20), 0xffff);
			assert_int_equal(
				sum_of(pseudo_of(out, v6, tcp, len - l4), out + l4, len - l4),
				0xffff);
			if (tcp) {
				assert_int_equal(ntohl(get_u32(out + l4 + 4)), seq + at);
				assert_int_equal(out[l4 + 13],
						 at + 1400 < 40000 - head ? 0x10 : 0x19);
			} else {
				assert_int_equal(ntohs(get_u16(out + l4 + 4)), len - l4);
			}
			at += len - head;
			n++;
		}
		assert_int_equal(at, 40000 - head);
		assert_int_equal(n, (40000 - head + 1399) / 1400);
		assert_false(offload_begin(&o, frame, 40000, type, 0, l4));
		assert_false(offload_begin(&o, frame, 40000, type, 1400, l4 + 4) && !v6);
		assert_false(offload_begin(&o, frame, l4 + 4, type, 1400, l4));
		assert_false(offload_begin(&o, frame, 40000, 77, 1400, l4));
	}
}

static int setup(void **state)
{
	batch = port_batch_new();
	return batch ? 0 : -1;
}

static int teardown(void **state)
{
	port_batch_free(batch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(completes_checksums),
		cmocka_unit_test(cuts_segments),
	};
	const struct CMUnitTest live[] = {
		cmocka_unit_test(packet_frames),     cmocka_unit_test(xdp_frames),
		cmocka_unit_test(auto_frames),	     cmocka_unit_test(tap_frames),
		cmocka_unit_test(packet_passes_on),  cmocka_unit_test(xdp_passes_on),
		cmocka_unit_test(packet_disappears), cmocka_unit_test(xdp_disappears),
		cmocka_unit_test(is_refused),
	};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (unshare(CLONE_NEWNET) || system("ip link add here type veth peer name there && "
					    "ip link del here")) {
		fprintf(stderr, "skipped: no network namespace with a veth: %s\n", strerror(errno));
		return failed ? failed : 77;
	}
	return failed | cmocka_run_group_tests(live, setup, teardown);
}
