/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tc program on a device of the kernel and in a chain over a capture of the same frames
 * sees the same, above all of VLAN tags: the kernel takes the outermost one out of the bytes
 * before tc programs run (BPF_PROG_TEST_RUN does not). What leaves the chain is what came.
 *
 * The device is a veth in a network namespace of this process alone.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "bpf/seen.h"
#include "captures.h"
#include "chain/impl.h"

#define FRAME 64

/* Behind the addresses; the rest of a frame counts up. All multicast or broadcast: a port
 * has no address by which to know a frame for another host. */
static const struct frame {
	const char *name;
	uint8_t to, head[16];
} frames[] = {
	{"ipv4", 0xff, {8, 0}},
	{"802.2", 1, {0, 46}},
	{"802.3", 1, {0, 46, 0xff, 0xff}},
	{"tag", 0xff, {0x81, 0, 0, 5, 8, 0}},
	{"tag with priority", 1, {0x81, 0, 0xf1, 0x23, 0x86, 0xdd}},
	{"tag of VLAN 0", 0xff, {0x81, 0, 0, 0, 8, 6}},
	{"service tag", 0xff, {0x88, 0xa8, 0x2f, 0xff, 8, 0}},
	{"two tags", 0xff, {0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0}},
	{"three tags", 1, {0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0}},
	{"tag and 802.2", 1, {0x81, 0, 0, 5, 0, 40}},
	{"tag and 802.3", 1, {0x81, 0, 0, 5, 0, 40, 0xff, 0xff}},
	{"old QinQ", 0xff, {0x91, 0, 0, 5, 8, 0}},
};
_Static_assert(sizeof(frames) / sizeof(frames[0]) <= SEEN_MAX, "fits the map");
#define N_FRAMES (sizeof(frames) / sizeof(frames[0]))

static char dir[] = "/tmp/visor-device-XXXXXX";

static void frame_make(const struct frame *f, uint8_t *out)
{
	static const uint8_t from[6] = SEEN_FROM;

	for (unsigned i = 0; i < FRAME; i++)
		out[i] = (uint8_t)i;
	memset(out, f->to, 6);
	memcpy(out + 6, from, 6);
	memcpy(out + 12, f->head, sizeof(f->head));
}

static const char *object_path(void)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/chain/seen.o", getenv("VISOR_BUILD"));
	return path;
}

/* The map's entries, in the session of the object. */
static void read_seen(struct bpf_object *obj, struct seen *out)
{
	int fd = bpf_object__find_map_fd_by_name(obj, "seen");

	for (uint32_t i = 0; i < N_FRAMES; i++) {
		union bpf_attr attr = {
			.map_fd = (uint32_t)fd, .key = (uintptr_t)&i, .value = (uintptr_t)&out[i]};

		assert_int_equal(load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	}
}

static void send_frames(unsigned ifindex)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint8_t frame[FRAME];

	assert_true(fd >= 0);
	/* The kernel sends frames of its own here when it likes (IPv6 reports): one for certain. */
	memset(frame, 0xff, sizeof(frame));
	assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(frame));
	for (size_t i = 0; i < N_FRAMES; i++) {
		frame_make(&frames[i], frame);
		assert_int_equal(
			sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			sizeof(frame));
	}
	close(fd);
}

static void on_device(struct seen *out)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	struct load_session session = {0}, *before = load_enter(&session);
	struct visor_diag d = {0};
	struct bpf_object *obj;

	assert_int_equal(load_open(object_path(), &obj, &d), 0);
	assert_int_equal(load_load(obj, &d), 0);
	hook.ifindex = (int)if_nametoindex("there");
	opts.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "see"));
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	send_frames(if_nametoindex("here"));
	for (int i = 0; i < 200 && !out[N_FRAMES - 1].len; i++) {
		usleep(10000);
		read_seen(obj, out);
	}
	bpf_object__close(obj);
	load_enter(before);
}

static void write_capture(const char *path)
{
	pcap_t *p = pcap_open_dead(1 /* Ethernet */, 65535);
	pcap_dumper_t *out = pcap_dump_open(p, path);

	assert_non_null(out);
	for (size_t i = 0; i < N_FRAMES; i++) {
		struct pcap_pkthdr h = {.caplen = FRAME, .len = FRAME};
		uint8_t frame[FRAME];

		frame_make(&frames[i], frame);
		pcap_dump((u_char *)out, &h, frame);
	}
	pcap_dump_close(out);
	pcap_close(p);
}

static void in_chain(struct seen *out)
{
	char yaml[2048], in[64];
	struct load_session *before;
	struct chain_desc *desc;
	struct visor_diag d = {0};
	struct chain_stats *s;
	struct chain *c = NULL;

	snprintf(in, sizeof(in), "%s/in.pcap", dir);
	write_capture(in);
	snprintf(yaml, sizeof(yaml),
		 "ports: {in: {pcap: %s/in.pcap}, out: {pcap_out: %s/out.pcap}}\n"
		 "modules: {m: %s}\nlinks: [in -> m -> out]\n",
		 dir, dir, object_path());
	if (chain_parse_text("test.yaml", yaml, strlen(yaml), &desc, &d) ||
	    chain_up(desc, NULL, &c, &d) || chain_run(c, NULL, &d))
		fail_msg("%s: %s", d.place, d.text);
	chain_desc_free(desc);
	before = load_enter(&c->session);
	read_seen(chain_object(c, "m"), out);
	load_enter(before);
	assert_int_equal(chain_stats_get(c, &s), 0);
	assert_int_equal(s->outcomes[CHAIN_SENT], N_FRAMES);
	assert_int_equal(s->ports[0].io.in_bytes, N_FRAMES * FRAME);
	assert_int_equal(s->ports[1].io.out_bytes, N_FRAMES * FRAME);
	chain_stats_free(s);
	assert_int_equal(chain_down(c, &d), 0);
}

static void check_out(void)
{
	struct captures got = {0};
	char path[64];

	snprintf(path, sizeof(path), "%s/out.pcap", dir);
	captures_add_file(&got, path);
	assert_int_equal(got.n, N_FRAMES);
	for (size_t i = 0; i < N_FRAMES; i++) {
		uint8_t frame[FRAME];

		frame_make(&frames[i], frame);
		assert_int_equal(got.packets[i].len, FRAME);
		assert_memory_equal(got.packets[i].data, frame, FRAME);
	}
	captures_free(&got);
}

static void same_on_both(void **state)
{
	struct seen device[N_FRAMES] = {0}, chain[N_FRAMES] = {0};

	on_device(device);
	in_chain(chain);
	check_out();
	for (size_t i = 0; i < N_FRAMES; i++) {
		const struct seen *d = &device[i], *c = &chain[i];

		if (memcmp(d, c, sizeof(*d)))
			fail_msg("%s: len %u/%u wire %u/%u protocol %#x/%#x type %u/%u tag %u/%u "
				 "tci %#x/%#x "
				 "of %#x/%#x",
				 frames[i].name, d->len, c->len, d->wire_len, c->wire_len,
				 d->protocol, c->protocol, d->pkt_type, c->pkt_type,
				 d->vlan_present, c->vlan_present, d->vlan_tci, c->vlan_tci,
				 d->vlan_proto, c->vlan_proto);
	}
	/* The names say what is to be seen: not only the same on both. */
	assert_int_equal(chain[3].vlan_present, 1);
	assert_int_equal(chain[3].vlan_tci, 5);
	assert_int_equal(chain[3].protocol, htons(0x0800));
	assert_int_equal(chain[3].len, FRAME - 4);
	assert_int_equal(chain[7].vlan_proto, htons(0x88a8));
	assert_int_equal(chain[7].protocol, htons(0x8100));
	assert_int_equal(chain[11].vlan_present, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_on_both)};
	char command[64];
	int failed;

	if (!getenv("VISOR_BUILD")) {
		fprintf(stderr, "skipped: VISOR_BUILD is not set\n");
		return 77;
	}
	if (unshare(CLONE_NEWNET) || system("ip link add here type veth peer name there && "
					    "ip link set here up && ip link set there up")) {
		fprintf(stderr, "skipped: no network namespace with a veth: %s\n", strerror(errno));
		return 77;
	}
	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return failed || system(command);
}
