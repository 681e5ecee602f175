/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on hooks of the running kernel: by every way, with others in the way, and after
 * the process or the device is gone. What is attached counts the frames of the test alone.
 *
 * Devices `here` and `there` are the ends of a veth pair, made anew for each test; what is
 * attached is attached to `there`, in namespace 1, where the test is itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "../kernel.h"
#include "../netns.h"
#include "chain/attach.h"
#include "load/load.h"

#define PIN    "/sys/fs/bpf/there"
#define FRAMES 5

static struct netns *ns;
static struct visor_diag d;
static int send_fd = -1;
static bool has_tcx;

/* ---- programs ---------------------------------------------------------------------------------
 */

/* Counts frames of the test, and returns `verdict`. */
static int program(uint32_t type, const char *name, int map, int verdict)
{
	const bool xdp = type == BPF_PROG_TYPE_XDP;
	const int at = type == BPF_PROG_TYPE_CGROUP_SKB ? 28 : 42; /* of the payload */
	const int data = xdp ? 0 : (int)offsetof(struct __sk_buff, data);
	const int end = xdp ? 4 : (int)offsetof(struct __sk_buff, data_end);
	const struct bpf_insn insns[] = {
		LOAD(BPF_W, 2, 1, data),
		LOAD(BPF_W, 3, 1, end),
		MOV_REG(4, 2),
		ADD_IMM(4, at + 4),
		JUMP_REG(BPF_JGT, 4, 3, 11),
		LOAD(BPF_W, 5, 2, at),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 9, (int)htonl(NETNS_MAGIC)),
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		MOV_REG(2, 10),
		ADD_IMM(2, -4),
		LD64(1, BPF_PSEUDO_MAP_FD, map, 0),
		CALL(BPF_FUNC_map_lookup_elem),
		JUMP_IMM(BPF_JEQ, 0, 0, 2),
		MOV_IMM(1, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		MOV_IMM(0, verdict),
		EXIT(),
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = sizeof(insns) / sizeof(insns[0]);
	attr.license = (uintptr_t) "GPL";
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	fd = load_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		fail_msg("program %s: %s", name, strerror(-fd));
	return fd;
}

static int counter(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	return load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static uint64_t counted(int map)
{
	uint64_t value = 0;
	uint32_t key = 0;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	assert_int_equal(load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	return value;
}

/* A program and its counter. */
struct prog {
	int map, fd;
};

static struct prog prog_of(enum attach_hook hook, const char *name)
{
	static const struct {
		uint32_t type;
		int verdict;
	} kinds[ATTACH_HOOK_COUNT] = {
		[ATTACH_XDP] = {BPF_PROG_TYPE_XDP, XDP_PASS},
		[ATTACH_INGRESS] = {BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC},
		[ATTACH_EGRESS] = {BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC},
		[ATTACH_CGROUP_INGRESS] = {BPF_PROG_TYPE_CGROUP_SKB, 1},
		[ATTACH_CGROUP_EGRESS] = {BPF_PROG_TYPE_CGROUP_SKB, 1},
	};
	struct prog p = {.map = counter()};

	p.fd = program(kinds[hook].type, name, p.map, kinds[hook].verdict);
	return p;
}

static void prog_close(struct prog *p)
{
	close(p->fd);
	close(p->map);
}

/* ---- the world
 * ----------------------------------------------------------------------------------- */

static void pair(void)
{
	netns_pair(ns, 0, "here", 1, "there");
	if (send_fd >= 0)
		close(send_fd);
	send_fd = netns_raw(ns, 0, "here");
}

static int setup(void **state)
{
	netns_enter(ns, 1);
	pair();
	memset(&d, 0, sizeof(d));
	return 0;
}

/* Nothing may be left, in any test: no pin, no qdisc, no XDP. */
static int teardown(void **state)
{
	char pins[1024], qdiscs[1024], links[1024];

	netns_output(ns, 1, pins, sizeof(pins),
		     "find /sys/fs/bpf -mindepth 1 ! -name '*.debug' -print -delete");
	netns_output(ns, 1, qdiscs, sizeof(qdiscs), "tc qdisc show | grep -E 'clsact|ingress'");
	netns_output(ns, 1, links, sizeof(links),
		     "ip -details link show 2> /dev/null | grep -E 'xdp|prog/'");
	netns_must(ns, 1, "ip link del there");
	assert_string_equal(pins, "");
	assert_string_equal(qdiscs, "");
	assert_string_equal(links, "");
	return 0;
}

static bool is_ours(void *user, const void *frame, size_t size)
{
	return netns_frame_number(frame, size) >= 0;
}

static void frames_in(void)
{
	uint8_t frame[NETNS_FRAME], got[2048];
	int fd = netns_raw(ns, 1, "there");

	for (uint32_t i = 0; i < FRAMES; i++) {
		netns_frame(frame, NULL, 0x0a000001, 0x0a000002, 9, i);
		netns_send(send_fd, frame, sizeof(frame));
	}
	for (uint32_t i = 0; i < FRAMES; i++)
		assert_true(netns_receive(fd, got, sizeof(got), 5000, is_ours, NULL));
	close(fd);
}

static void frames_out(void)
{
	uint8_t frame[NETNS_FRAME], got[2048];
	int fd = netns_raw(ns, 1, "there");

	for (uint32_t i = 0; i < FRAMES; i++) {
		netns_frame(frame, NULL, 0x0a000002, 0x0a000001, 9, i);
		netns_send(fd, frame, sizeof(frame));
	}
	for (uint32_t i = 0; i < FRAMES; i++)
		assert_true(netns_receive(send_fd, got, sizeof(got), 5000, is_ours, NULL));
	close(fd);
}

/* The frames of a direction are counted, or none. */
static void check_counts(const struct prog *p, enum attach_hook hook, bool on)
{
	uint64_t before = counted(p->map);

	hook == ATTACH_EGRESS ? frames_out() : frames_in();
	assert_int_equal(counted(p->map) - before, on ? FRAMES : 0);
}

static struct attach_spec spec_of(enum attach_hook hook, enum attach_how how, const struct prog *p)
{
	return (struct attach_spec){
		.hook = hook, .how = how, .device = "there", .prog_fd = p->fd, .pin = PIN};
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		int err_ = call;                                                                   \
		if (err_)                                                                          \
			fail_msg("%s: %s (%s), hint: %s", #call, d.text, strerror(-err_), d.hint); \
	} while (0)

static void check_same(const struct attached *a, const struct attached *b)
{
	assert_int_equal(a->how, b->how);
	assert_int_equal(a->prog_id, b->prog_id);
	assert_int_equal(a->ifindex, b->ifindex);
	assert_int_equal(a->link_id, b->link_id);
	assert_int_equal(a->handle, b->handle);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->made_qdisc, b->made_qdisc);
}

static void check_fails(const struct attach_spec *spec, int want, const char *text,
			const char *hint)
{
	struct attached a;
	struct visor_diag remark;
	int err;

	memset(&d, 0, sizeof(d));
	err = attach_port(spec, &a, &remark, &d);
	if (err != want || !strstr(d.text, text) || !strstr(d.hint, hint))
		fail_msg("%d (wanted %d): %s, hint: %s", err, want, d.text, d.hint);
	assert_int_equal(d.err, want);
	check_same(&a, &(struct attached){0});
	memset(&d, 0, sizeof(d));
}

static void check_state(const struct attached *a, enum attach_state want)
{
	const char *pin = a->link_id || !a->how ? PIN : NULL;
	enum attach_state state;
	struct attached now;

	OK(attach_state(a, pin, &state, &now, &d));
	assert_int_equal(state, want);
	if (a->how)
		check_same(&now, a);
}

/* ---- every way
 * ------------------------------------------------------------------------------------ */

static void check_way(enum attach_how wish, enum attach_hook hook, enum attach_how how)
{
	struct prog p = prog_of(hook, "entry");
	struct attach_spec spec = spec_of(hook, wish, &p);
	bool clsact = how == ATTACH_CLSACT_INGRESS || how == ATTACH_CLSACT_EGRESS;
	struct attached a, by_pin = {0};
	struct visor_diag remark;
	enum attach_state state;

	OK(attach_port(&spec, &a, &remark, &d));
	assert_int_equal(a.how, how);
	assert_string_equal(remark.text, "");
	assert_int_equal(a.ifindex, if_nametoindex("there"));
	assert_true(a.prog_id);
	assert_int_equal(!!a.link_id, !clsact);
	assert_int_equal(!!a.handle, clsact);
	assert_int_equal(!!a.priority, clsact);
	check_state(&a, ATTACH_ATTACHED);
	if (!clsact) {
		OK(attach_state(&by_pin, PIN, &state, &by_pin, &d));
		assert_int_equal(state, ATTACH_ATTACHED);
		check_same(&by_pin, &a);
	}
	check_counts(&p, hook, true);
	OK(attach_remove(&a, clsact ? NULL : PIN, &d));
	check_counts(&p, hook, false);
	check_state(&a, ATTACH_DETACHED);
	OK(attach_remove(&a, clsact ? NULL : PIN, &d));
	prog_close(&p);
}

static void by_every_way(void **state)
{
	check_way(ATTACH_XDP_NATIVE, ATTACH_XDP, ATTACH_XDP_NATIVE);
	check_way(ATTACH_XDP_GENERIC, ATTACH_XDP, ATTACH_XDP_GENERIC);
	check_way(ATTACH_AUTO, ATTACH_XDP, ATTACH_XDP_NATIVE);
	check_way(ATTACH_CLSACT_INGRESS, ATTACH_INGRESS, ATTACH_CLSACT_INGRESS);
	check_way(ATTACH_CLSACT_EGRESS, ATTACH_EGRESS, ATTACH_CLSACT_EGRESS);
	if (!has_tcx)
		return;
	check_way(ATTACH_TCX_INGRESS, ATTACH_INGRESS, ATTACH_TCX_INGRESS);
	check_way(ATTACH_TCX_EGRESS, ATTACH_EGRESS, ATTACH_TCX_EGRESS);
	check_way(ATTACH_AUTO, ATTACH_INGRESS, ATTACH_TCX_INGRESS);
	check_way(ATTACH_AUTO, ATTACH_EGRESS, ATTACH_TCX_EGRESS);
}

static void names(void **state)
{
	assert_int_equal(attach_how_parse(ATTACH_XDP, "native"), ATTACH_XDP_NATIVE);
	assert_int_equal(attach_how_parse(ATTACH_XDP, "auto"), ATTACH_AUTO);
	assert_int_equal(attach_how_parse(ATTACH_XDP, "tcx"), -EINVAL);
	assert_int_equal(attach_how_parse(ATTACH_INGRESS, "tcx"), ATTACH_TCX_INGRESS);
	assert_int_equal(attach_how_parse(ATTACH_EGRESS, "tcx"), ATTACH_TCX_EGRESS);
	assert_int_equal(attach_how_parse(ATTACH_EGRESS, ""), -EINVAL);
	assert_string_equal(attach_how_name(ATTACH_CLSACT_EGRESS), "clsact");
	assert_string_equal(attach_how_name(ATTACH_AUTO), "auto");
	assert_string_equal(attach_hook_name(ATTACH_EGRESS), "tc egress");
}

/* The loopback device's driver has no XDP. */
static void falls_back_to_generic(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	struct visor_diag remark;
	struct attached a;

	spec.device = "lo";
	OK(attach_port(&spec, &a, &remark, &d));
	assert_int_equal(a.how, ATTACH_XDP_GENERIC);
	assert_string_equal(remark.text, "the driver of device 'lo' has no native XDP: generic XDP "
					 "is used instead");
	assert_int_equal(remark.err, 0);
	OK(attach_remove(&a, PIN, &d));
	spec.how = ATTACH_XDP_NATIVE;
	check_fails(&spec, -EOPNOTSUPP, "driver of device 'lo' has no native XDP", "generic");
	prog_close(&p);
}

/* A kernel before 6.6. */
static int old_kernel(void *user, int cmd, union bpf_attr *attr, unsigned int size)
{
	uint32_t type = cmd == BPF_PROG_QUERY ? attr->query.attach_type : 0;
	struct load_session *here;
	int ret;

	if (cmd == BPF_LINK_CREATE)
		type = attr->link_create.attach_type;
	if (type >= BPF_TCX_INGRESS)
		return -EINVAL;
	here = load_enter(NULL);
	ret = load_bpf(cmd, attr, size);
	load_enter(here);
	return ret;
}

static void falls_back_to_clsact(void **state)
{
	struct load_session old = {.bpf = old_kernel};
	struct prog p = prog_of(ATTACH_EGRESS, "entry");
	struct attach_spec spec = spec_of(ATTACH_EGRESS, ATTACH_AUTO, &p);
	struct load_session *before = load_enter(&old);
	struct visor_diag remark;
	struct attached a;

	OK(attach_port(&spec, &a, &remark, &d));
	assert_int_equal(a.how, ATTACH_CLSACT_EGRESS);
	assert_string_equal(remark.text,
			    "this kernel has no tcx (Linux 6.6 does): clsact egress is "
			    "used instead");
	check_counts(&p, ATTACH_EGRESS, true);
	OK(attach_remove(&a, NULL, &d));
	spec.how = ATTACH_TCX_EGRESS;
	check_fails(&spec, -EOPNOTSUPP, "no tcx", "clsact");
	load_enter(before);
	prog_close(&p);
}

/* A kernel that fails at a command, once it has been called some times. */
static struct {
	int cmd, after;
} failing;

static int failing_kernel(void *user, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct load_session *here;
	int ret;

	if (cmd == failing.cmd && failing.after-- <= 0)
		return -ENOSPC;
	here = load_enter(NULL);
	ret = load_bpf(cmd, attr, size);
	load_enter(here);
	return ret;
}

/* teardown looks for what is left */
static void failure_leaves_nothing(void **state)
{
	struct load_session bad = {.bpf = failing_kernel}, *before;
	struct prog p = prog_of(ATTACH_XDP, "entry"), tc = prog_of(ATTACH_INGRESS, "tc");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);

	before = load_enter(&bad);
	failing.cmd = BPF_OBJ_PIN;
	failing.after = 0;
	check_fails(&spec, -ENOSPC, "cannot pin the link at '" PIN "'", "");
	check_counts(&p, ATTACH_XDP, false);
	spec = spec_of(ATTACH_INGRESS, has_tcx ? ATTACH_TCX_INGRESS : ATTACH_CLSACT_INGRESS, &tc);
	if (has_tcx)
		check_fails(&spec, -ENOSPC, "cannot pin the link at '" PIN "'", "");
	check_counts(&tc, ATTACH_INGRESS, false);
	/* libbpf asks about the program, after us, with the qdisc made */
	spec.how = ATTACH_CLSACT_INGRESS;
	failing.cmd = BPF_OBJ_GET_INFO_BY_FD;
	failing.after = 1;
	check_fails(&spec, -ENOSPC, "cannot add a filter", "");
	check_counts(&tc, ATTACH_INGRESS, false);
	load_enter(before);
	prog_close(&p);
	prog_close(&tc);
}

/* ---- others on the hook
 * --------------------------------------------------------------------------- */

static void xdp_is_busy(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry"), other = prog_of(ATTACH_XDP, "xdp_dispatcher");
	struct prog third = prog_of(ATTACH_XDP, "third");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p), more;
	int ifindex = (int)if_nametoindex("there");
	struct attached a;

	OK(bpf_xdp_attach(ifindex, other.fd, 0, NULL));
	check_fails(&spec, -EBUSY, "'xdp_dispatcher' (id ", "xdp-loader unload there");
	check_counts(&other, ATTACH_XDP, true);
	OK(bpf_xdp_detach(ifindex, 0, NULL));

	OK(bpf_xdp_attach(ifindex, third.fd, 1 << 1 /* generic */, NULL));
	check_fails(&spec, -EBUSY, "attached through netlink, generic",
		    "ip link set dev there xdpgeneric off");
	spec.how = ATTACH_XDP_GENERIC;
	check_fails(&spec, -EBUSY, "'third' (id ", "xdpgeneric off");
	OK(bpf_xdp_detach(ifindex, 1 << 1, NULL));

	OK(attach_port(&spec, &a, NULL, &d));
	more = spec_of(ATTACH_XDP, ATTACH_AUTO, &third);
	more.pin = PIN "2";
	check_fails(&more, -EBUSY, "'entry' (id ", "bpftool link detach id");
	more.how = ATTACH_XDP_GENERIC;
	check_fails(&more, -EBUSY, "by link ", "bpftool link detach id");
	check_counts(&p, ATTACH_XDP, true);
	/* and nobody replaces ours */
	assert_int_equal(bpf_xdp_attach(ifindex, other.fd, 1 << 1, NULL), -EBUSY);
	OK(attach_remove(&a, PIN, &d));
	prog_close(&p);
	prog_close(&other);
	prog_close(&third);
}

static void tc_has_others(void **state)
{
	struct prog p = prog_of(ATTACH_INGRESS, "entry"), other = prog_of(ATTACH_INGRESS, "other");
	struct attach_spec spec = spec_of(ATTACH_INGRESS, ATTACH_AUTO, &p), more;
	struct attached a, b, c;
	struct visor_diag remark;

	if (!has_tcx)
		skip();
	OK(attach_port(&spec, &a, &remark, &d));
	assert_string_equal(remark.text, "");
	more = spec_of(ATTACH_INGRESS, ATTACH_AUTO, &other);
	more.pin = PIN "2";
	OK(attach_port(&more, &b, &remark, &d));
	assert_non_null(strstr(
		remark.text,
		"before the chain, device 'there' has 1 tcx program, the first is 'entry' (id "));
	check_fails(&more, -EEXIST, "pin", "already");
	more.pin = PIN "3";
	check_fails(&more, -EEXIST, "the same program is on the tc ingress hook", "");
	more.how = ATTACH_CLSACT_INGRESS;
	OK(attach_port(&more, &c, &remark, &d));
	assert_non_null(strstr(remark.text, "2 tcx programs, the first is 'entry' (id "));
	assert_true(c.made_qdisc);
	check_counts(&p, ATTACH_INGRESS, true);
	assert_int_equal(counted(other.map), 2 * FRAMES); /* as tcx and as filter */
	OK(attach_remove(&a, PIN, &d));
	OK(attach_remove(&b, PIN "2", &d));
	OK(attach_port(&spec, &a, &remark, &d));
	assert_non_null(strstr(remark.text, "1 more tc filter: "));
	OK(attach_remove(&c, NULL, &d));
	OK(attach_remove(&a, PIN, &d));
	prog_close(&p);
	prog_close(&other);
}

/* The qdisc stays as long as somebody is in it, or if it was there before. */
static void clsact_is_shared(void **state)
{
	struct prog p = prog_of(ATTACH_INGRESS, "entry"), other = prog_of(ATTACH_EGRESS, "other");
	struct attach_spec spec = spec_of(ATTACH_INGRESS, ATTACH_CLSACT_INGRESS, &p);
	struct attach_spec out = spec_of(ATTACH_EGRESS, ATTACH_CLSACT_EGRESS, &other);
	struct attached a, b;
	struct visor_diag remark;

	OK(attach_port(&spec, &a, NULL, &d));
	assert_true(a.made_qdisc);
	netns_must(ns, 1,
		   "tc filter add dev there ingress protocol ip prio 7 bpf bytecode '1,6 0 0 0'");
	OK(attach_remove(&a, NULL, &d));
	netns_must(ns, 1, "tc filter show dev there ingress | grep -q 'pref 7'");
	OK(attach_port(&spec, &a, &remark, &d));
	assert_false(a.made_qdisc);
	assert_non_null(strstr(remark.text, "1 more tc filter: "));
	check_counts(&p, ATTACH_INGRESS, true);
	OK(attach_port(&out, &b, &remark, &d));
	assert_string_equal(remark.text, "");
	check_state(&b, ATTACH_ATTACHED);
	OK(attach_remove(&b, NULL, &d));
	check_counts(&p, ATTACH_INGRESS, true);
	OK(attach_remove(&a, NULL, &d));
	netns_must(ns, 1,
		   "tc qdisc show dev there | grep -q clsact && tc qdisc del dev there clsact");

	netns_must(ns, 1, "tc qdisc add dev there ingress");
	check_fails(&out, -EBUSY, "has the qdisc 'ingress'", "tc qdisc del dev there ingress");
	OK(attach_port(&spec, &a, NULL, &d));
	check_state(&a, ATTACH_ATTACHED);
	check_counts(&p, ATTACH_INGRESS, true);
	OK(attach_remove(&a, NULL, &d));
	netns_must(ns, 1, "tc qdisc del dev there ingress");
	prog_close(&p);
	prog_close(&other);
}

static void clsact_is_replaced(void **state)
{
	struct prog p = prog_of(ATTACH_INGRESS, "entry"), other = prog_of(ATTACH_INGRESS, "other");
	struct attach_spec spec = spec_of(ATTACH_INGRESS, ATTACH_CLSACT_INGRESS, &p);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("there"),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = other.fd, .flags = BPF_TC_F_REPLACE);
	struct attached a;

	OK(attach_port(&spec, &a, NULL, &d));
	opts.handle = a.handle;
	opts.priority = a.priority;
	OK(bpf_tc_attach(&hook, &opts));
	check_state(&a, ATTACH_REPLACED);
	assert_int_equal(attach_remove(&a, NULL, &d), -EBUSY);
	assert_non_null(strstr(d.text, "is 'other' (id "));
	check_counts(&other, ATTACH_INGRESS, true);
	netns_must(ns, 1, "tc filter del dev there ingress");
	check_state(&a, ATTACH_DETACHED);
	OK(attach_remove(&a, NULL, &d)); /* and the qdisc, now that it is empty */
	prog_close(&p);
	prog_close(&other);
}

static void link_is_taken_off(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry"), other = prog_of(ATTACH_XDP, "other");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	int ifindex = (int)if_nametoindex("there");
	struct attached a;

	OK(attach_port(&spec, &a, NULL, &d));
	netns_must(ns, 1, "bpftool link detach pinned " PIN);
	check_state(&a, ATTACH_DETACHED);
	OK(bpf_xdp_attach(ifindex, other.fd, 0, NULL));
	check_state(&a, ATTACH_REPLACED);
	OK(attach_remove(&a, PIN, &d));
	check_counts(&other, ATTACH_XDP, true);
	OK(bpf_xdp_detach(ifindex, 0, NULL));
	/* Another program in our link, and something else under our name. */
	OK(attach_port(&spec, &a, NULL, &d));
	a.prog_id++;
	check_state(&a, ATTACH_REPLACED);
	assert_int_equal(attach_remove(&a, PIN, &d), -EBUSY);
	a.prog_id--;
	OK(attach_remove(&a, PIN, &d));
	netns_must(ns, 1, "bpftool map create " PIN " type array key 4 value 4 entries 1 name m");
	check_state(&a, ATTACH_REPLACED);
	assert_int_equal(attach_remove(&a, PIN, &d), -EBUSY);
	netns_must(ns, 1, "rm " PIN);
	prog_close(&p);
	prog_close(&other);
}

/* ---- who goes away
 * -------------------------------------------------------------------------------- */

static void device_comes_back(void **state)
{
	static const enum attach_how hows[] = {ATTACH_XDP_NATIVE, ATTACH_XDP_GENERIC,
					       ATTACH_TCX_INGRESS, ATTACH_CLSACT_INGRESS};

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		enum attach_hook hook = i < 2 ? ATTACH_XDP : ATTACH_INGRESS;
		struct prog p = prog_of(hook, "entry");
		struct attach_spec spec = spec_of(hook, hows[i], &p);
		const char *pin = hows[i] == ATTACH_CLSACT_INGRESS ? NULL : PIN;
		struct attached a, b;

		if (hows[i] == ATTACH_TCX_INGRESS && !has_tcx)
			continue;
		OK(attach_port(&spec, &a, NULL, &d));
		netns_must(ns, 1, "ip link del there");
		check_state(&a, ATTACH_DEVICE_GONE);
		pair();
		check_state(&a, ATTACH_DEVICE_GONE);
		check_counts(&p, hook, false);
		if (pin)
			check_fails(&spec, -EEXIST, "pin", "");
		OK(attach_remove(&a, pin, &d));
		OK(attach_port(&spec, &b, NULL, &d));
		assert_int_not_equal(a.ifindex, b.ifindex);
		check_counts(&p, hook, true);
		OK(attach_remove(&b, pin, &d));
		spec.ifindex = a.ifindex;
		check_fails(&spec, -ENODEV, "device 'there' is another one by now", "ip link");
		prog_close(&p);
	}
}

static void process_is_killed(void **state)
{
	static const enum attach_hook hooks[] = {ATTACH_XDP, ATTACH_INGRESS, ATTACH_EGRESS};

	for (size_t i = 0; i < (has_tcx ? sizeof(hooks) / sizeof(hooks[0]) : 1); i++) {
		struct attached a = {0};
		enum attach_state now;
		int map = counter(), status;
		pid_t pid = fork();

		if (!pid) {
			struct prog p = {.map = map};
			struct attach_spec spec;

			p.fd = program(hooks[i] == ATTACH_XDP ? BPF_PROG_TYPE_XDP
							      : BPF_PROG_TYPE_SCHED_CLS,
				       "entry", map, hooks[i] == ATTACH_XDP ? XDP_PASS : 0);
			spec = spec_of(hooks[i], ATTACH_AUTO, &p);
			if (!attach_port(&spec, &a, NULL, NULL))
				raise(SIGKILL);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_counts(&(struct prog){.map = map}, hooks[i], true);
		OK(attach_state(&a, PIN, &now, &a, &d));
		assert_int_equal(now, ATTACH_ATTACHED);
		assert_int_equal(a.ifindex, if_nametoindex("there"));
		OK(attach_remove(&a, PIN, &d));
		check_counts(&(struct prog){.map = map}, hooks[i], false);
		close(map);
	}
}

/* A link goes along with its device, and a filter with its qdisc. */
static void device_moves(void **state)
{
	static const enum attach_how hows[] = {ATTACH_XDP_NATIVE, ATTACH_TCX_INGRESS,
					       ATTACH_CLSACT_INGRESS};

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		enum attach_hook hook = i ? ATTACH_INGRESS : ATTACH_XDP;
		struct prog p = prog_of(hook, "entry");
		struct attach_spec spec = spec_of(hook, hows[i], &p);
		const char *pin = hows[i] == ATTACH_CLSACT_INGRESS ? NULL : PIN;
		struct attached a, now;
		enum attach_state st;

		if (hows[i] == ATTACH_TCX_INGRESS && !has_tcx)
			continue;
		OK(attach_port(&spec, &a, NULL, &d));
		netns_must(ns, 1, "ip link set there netns %s", netns_path(ns, 0));
		OK(attach_state(&a, pin, &st, &now, &d));
		assert_int_equal(st, pin ? ATTACH_ATTACHED : ATTACH_DEVICE_GONE);
		if (pin)
			assert_int_equal(now.ifindex, netns_ifindex(ns, 0, "there"));
		netns_must(ns, 0, "ip link set there netns %s", netns_path(ns, 1));
		OK(attach_remove(&a, pin, &d));
		netns_must(ns, 1, "ip link set there up");
		check_counts(&p, hook, false);
		prog_close(&p);
	}
}

/* ---- cgroups
 * ---------------------------------------------------------------------------------------- */

static const char *member;

/* A process of the cgroup sends datagrams to itself. */
static void datagrams(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct sockaddr_in at = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof(at);
		uint32_t payload[2] = {htonl(NETNS_MAGIC), 0};
		char path[128];
		FILE *procs;
		int fd;

		snprintf(path, sizeof(path), "%s/cgroup.procs", member);
		procs = fopen(path, "w");
		if (!procs || fprintf(procs, "0") < 0 || fclose(procs))
			_exit(1);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
		    getsockname(fd, (struct sockaddr *)&at, &size))
			_exit(2);
		for (int i = 0; i < FRAMES; i++)
			if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&at, size) !=
				    sizeof(payload) ||
			    recv(fd, payload, sizeof(payload), 0) != sizeof(payload))
				_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check_cgroup(enum attach_hook hook)
{
	struct prog p = prog_of(hook, "entry"), other = prog_of(hook, "other");
	struct attach_spec spec = {.hook = hook, .cgroup = member, .prog_fd = p.fd, .pin = PIN};
	enum attach_state now = ATTACH_ATTACHED;
	union bpf_attr attr;
	struct attached a;

	OK(attach_port(&spec, &a, NULL, &d));
	assert_int_equal(a.ifindex, 0);
	check_state(&a, ATTACH_ATTACHED);
	datagrams();
	assert_int_equal(counted(p.map), FRAMES);
	OK(attach_remove(&a, PIN, &d));
	check_state(&a, ATTACH_DETACHED);
	datagrams();
	assert_int_equal(counted(p.map), FRAMES);

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)open(member, O_RDONLY);
	attr.attach_bpf_fd = (uint32_t)other.fd;
	attr.attach_type =
		hook == ATTACH_CGROUP_INGRESS ? BPF_CGROUP_INET_INGRESS : BPF_CGROUP_INET_EGRESS;
	OK(load_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr)));
	check_fails(&spec, -EBUSY, "program that tolerates no other: 'other' (id ",
		    "bpftool cgroup detach");
	OK(load_bpf(BPF_PROG_DETACH, &attr, sizeof(attr)));
	close((int)attr.target_fd);

	OK(attach_port(&spec, &a, NULL, &d));
	assert_int_equal(rmdir(member), 0);
	/* Its programs are taken off some time after. */
	for (int i = 0; i < 1000 && now != ATTACH_DEVICE_GONE; i++) {
		usleep(10000);
		OK(attach_state(&a, PIN, &now, NULL, &d));
	}
	check_state(&a, ATTACH_DEVICE_GONE);
	OK(attach_remove(&a, PIN, &d));
	assert_int_equal(mkdir(member, 0755), 0);
	prog_close(&p);
	prog_close(&other);
}

static void on_cgroups(void **state)
{
	member = netns_cgroup(ns);
	if (!member)
		skip();
	check_cgroup(ATTACH_CGROUP_INGRESS);
	check_cgroup(ATTACH_CGROUP_EGRESS);
}

/* ---- errors
 * ------------------------------------------------------------------------------------------ */

static void says_what_is_wrong(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry"), tc = prog_of(ATTACH_INGRESS, "tc");
	struct prog cg = prog_of(ATTACH_CGROUP_INGRESS, "cg");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	struct attached a = {0};
	enum attach_state st;

	spec.device = "nowhere";
	check_fails(&spec, -ENODEV, "no device 'nowhere' in this network namespace", "ip link");
	spec.device = NULL;
	spec.ifindex = 12345;
	check_fails(&spec, -ENODEV, "no device of index 12345", "ip link");
	spec = spec_of(ATTACH_XDP, ATTACH_TCX_INGRESS, &p);
	check_fails(&spec, -EINVAL, "'tcx' is no way onto the hook xdp", "");
	spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &tc);
	check_fails(&spec, -EINVAL, "a program for xdp is of type XDP: 'tc'", "");
	spec = spec_of(ATTACH_INGRESS, ATTACH_CLSACT_INGRESS, &p);
	check_fails(&spec, -EINVAL, "of type sched_cls: 'entry'", "");
	spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	spec.pin = "/tmp/pin";
	check_fails(&spec, -EINVAL, "'/tmp' is not on a BPF file system", "mount -t bpf");
	spec.pin = "/sys/fs/bpf/no/pin";
	check_fails(&spec, -ENOENT, "the directory '/sys/fs/bpf/no'", "");
	spec.pin = PIN ".5";
	check_fails(&spec, -EINVAL, "has a dot in its name", "");
	spec.pin = NULL;
	check_fails(&spec, -EINVAL, "no path for a pin", "");
	assert_int_equal(attach_state(&a, "/dev/null", &st, NULL, &d), -EINVAL);
	assert_string_equal(d.text, "'/dev/null' is a file, not a pin");
	assert_int_equal(attach_remove(&a, "/dev/null", &d), -EINVAL);
	spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	netns_must(ns, 0, "ip link set here mtu 9000");
	check_fails(&spec, -ERANGE, "cannot attach to device 'there' by native XDP", "MTU");
	netns_must(ns, 0, "ip link set here mtu 1500");
	spec = (struct attach_spec){
		.hook = ATTACH_CGROUP_INGRESS, .prog_fd = cg.fd, .pin = PIN, .cgroup = "/tmp"};
	check_fails(&spec, -EINVAL, "'/tmp' is not a directory of a cgroup2", "mount -t cgroup2");
	spec.cgroup = "/nowhere";
	check_fails(&spec, -ENOENT, "cannot open the cgroup '/nowhere'", "");
	spec.cgroup = NULL;
	check_fails(&spec, -EINVAL, "no cgroup", "");
	prog_close(&p);
	prog_close(&tc);
	prog_close(&cg);
}

static int as_nobody(const struct attach_spec *spec)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct attached a;
		int err;

		if (setgid(65534) || setuid(65534))
			_exit(99);
		err = attach_port(spec, &a, NULL, &d);
		if (!err)
			err = attach_remove(&a, PIN, &d);
		else if (!strstr(d.hint, "CAP_NET_ADMIN and CAP_BPF"))
			fprintf(stderr, "%s, hint: %s\n", d.text, d.hint), err = -98;
		_exit(-err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void needs_rights(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry"), tc = prog_of(ATTACH_INGRESS, "tc");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	int err;

	assert_int_equal(as_nobody(&spec), -EACCES); /* the directory */
	assert_int_equal(chmod("/sys/fs/bpf", 0777), 0);
	/* The kernel may let who has the program and a place for the pin. */
	err = as_nobody(&spec);
	assert_true(err == -EPERM || !err);
	spec = spec_of(ATTACH_INGRESS, ATTACH_AUTO, &tc);
	err = as_nobody(&spec);
	assert_true(err == -EPERM || !err);
	spec.how = ATTACH_CLSACT_INGRESS;
	assert_int_equal(as_nobody(&spec), -EPERM);
	assert_int_equal(chmod("/sys/fs/bpf", 0700), 0);
	prog_close(&p);
	prog_close(&tc);
}

/* ---- redirection
 * ------------------------------------------------------------------------------------- */

/* A program on `there` that sends every frame to the device. */
static int redirector(uint32_t ifindex)
{
	const struct bpf_insn insns[] = {MOV_IMM(1, (int)ifindex), MOV_IMM(2, 0),
					 CALL(BPF_FUNC_redirect), EXIT()};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = 4;
	attr.license = (uintptr_t) "GPL";
	return load_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* What is said of a device is so. `one` is the device, `two` the other end. */
static void redirect_is_as_said(void **state)
{
	uint8_t frame[NETNS_FRAME], got[2048];
	struct prog p = {.map = counter()};
	struct attach_spec spec;
	struct attached a;
	size_t size;
	int fd;

	netns_pair(ns, 1, "one", 1, "two");
	fd = netns_raw(ns, 1, "two");
	p.fd = redirector(if_nametoindex("one"));
	assert_true(p.fd >= 0);
	spec = spec_of(ATTACH_XDP, ATTACH_XDP_NATIVE, &p);
	OK(attach_port(&spec, &a, NULL, &d));
	for (int i = 0; i < 4; i++) { /* without and with, by turns: a later frame ends the wait */
		netns_gro(ns, 1, "two", i & 1);
		assert_int_equal(attach_check_redirect(if_nametoindex("one"), NULL),
				 i & 1 ? 0 : -EOPNOTSUPP);
		netns_frame(frame, NULL, 0x0a000001, 0x0a000002, 9, (uint32_t)i);
		netns_send(send_fd, frame, sizeof(frame));
		if (!(i & 1))
			continue;
		size = netns_receive(fd, got, sizeof(got), 5000, is_ours, NULL);
		assert_int_equal(netns_frame_number(got, size), i);
	}
	OK(attach_remove(&a, PIN, &d));
	netns_must(ns, 1, "ip link del one");
	close(fd);
	prog_close(&p);
}

static void takes_redirected_frames(void **state)
{
	struct prog p = prog_of(ATTACH_XDP, "entry");
	struct attach_spec spec = spec_of(ATTACH_XDP, ATTACH_AUTO, &p);
	uint32_t there = if_nametoindex("there");
	struct attached a;
	int err = attach_check_redirect(there, &d);

	if (err == -ENODATA) {
		fprintf(stderr, "skipped: %s\n", d.text);
		skip();
	}
	assert_int_equal(err, -EOPNOTSUPP);
	assert_non_null(strstr(d.hint, "in another network namespace, has to have GRO"));
	netns_gro(ns, 0, "here", true);
	OK(attach_check_redirect(there, &d));
	netns_gro(ns, 0, "here", false);
	assert_int_equal(attach_check_redirect(there, &d), -EOPNOTSUPP);

	netns_pair(ns, 1, "one", 1, "two");
	assert_int_equal(attach_check_redirect(if_nametoindex("one"), &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.hint, "ethtool -K two gro on"));
	spec.device = "two";
	OK(attach_port(&spec, &a, NULL, &d));
	OK(attach_check_redirect(if_nametoindex("one"), &d));
	OK(attach_remove(&a, PIN, &d));
	netns_must(ns, 1, "ip link del one");
	assert_int_equal(attach_check_redirect(1 /* lo */, &d), -EOPNOTSUPP);
	assert_non_null(strstr(d.hint, "generic XDP"));
	assert_int_equal(attach_check_redirect(54321, &d), -ENODEV);
	prog_close(&p);
}

static bool tcx_is_there(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = 1; /* lo */
	attr.query.attach_type = BPF_TCX_INGRESS;
	if (!load_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)))
		return true;
	fprintf(stderr, "skipped: the kernel has no tcx\n");
	return false;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       TEST(by_every_way),
		TEST(falls_back_to_generic),   TEST(falls_back_to_clsact),
		TEST(failure_leaves_nothing),  TEST(xdp_is_busy),
		TEST(tc_has_others),	       TEST(clsact_is_shared),
		TEST(clsact_is_replaced),      TEST(link_is_taken_off),
		TEST(device_comes_back),       TEST(device_moves),
		TEST(process_is_killed),       TEST(on_cgroups),
		TEST(says_what_is_wrong),      TEST(needs_rights),
		TEST(takes_redirected_frames), TEST(redirect_is_as_said),
	};
	int map = counter(), failed;

	if (map < 0) {
		fprintf(stderr, "skipped: the kernel's BPF is not for us here: %s\n",
			strerror(-map));
		return 77;
	}
	close(map);
	if (netns_new(2, &ns))
		return 77;
	has_tcx = tcx_is_there();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netns_free(ns);
	return failed;
}
