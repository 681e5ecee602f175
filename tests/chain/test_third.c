/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Elements of others, as Debian ships them in xdp-tools: every object in a chain of either engine,
 * and the packet filters between modules of our own, set up while they run, with the same verdicts
 * and counters on both engines for every packet of the captures.
 *
 * Packets come by test runs of the port's entry program: the devices have no carrier, so nobody
 * else's are counted.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "../netns.h"
#include "captures.h"
#include "chain/live.h"
#include "load/load.h"
#include "map/map.h"

#define ENGINES 2

static const char *const engines[ENGINES] = {"user", "kernel"};
static struct load_session sessions[ENGINES];
static struct netns *ns;
static struct captures captures;
static char dir[] = "/tmp/visor-third-XXXXXX", folder[512], out[1 << 16];

static int visor(int engine, const char *format, ...)
{
	char args[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(args, sizeof(args), format, ap);
	va_end(ap);
	/* A file, not a pipe: the process of a chain keeps where errors go. */
	return netns_output(ns, 0, out, sizeof(out),
			    "VISOR_STATE=%s/state %s/visor %s%s >%s/said 2>&1; code=$?; "
			    "cat %s/said; exit $code",
			    dir, getenv("VISOR_BUILD"), args,
			    engine ? " --engine kernel" : " --engine user", dir, dir);
}

static void must(int engine, const char *what, int status)
{
	if (status)
		fail_msg("%s: %s: %s", engines[engine], what, out);
}

static void chain_file(int engine, const char *modules, const char *link)
{
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/chain.yaml", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
		"name: third\nengine: %s\nports:\n  in: {device: %s}\nmodules:\n%slinks:\n"
		"  - in -> %s\n",
		engines[engine], engine ? "right" : "left", modules, link);
	fclose(f);
}

static int teardown(void **arg)
{
	visor(0, "down third");
	visor(1, "down third");
	return 0;
}

/* ---- every object
 * -------------------------------------------------------------------------------- */

/* What becomes of it in a chain; NULL: it is up. */
struct third {
	const char *object, *program, *refused[ENGINES];
};

#define FILTER(name)               \
	{                          \
		name, name,        \
		{                  \
			NULL, NULL \
		}                  \
	}

static const struct third thirds[] = {
	FILTER("xdpfilt_alw_all"),
	FILTER("xdpfilt_alw_eth"),
	FILTER("xdpfilt_alw_ip"),
	FILTER("xdpfilt_alw_tcp"),
	FILTER("xdpfilt_alw_udp"),
	FILTER("xdpfilt_dny_all"),
	FILTER("xdpfilt_dny_eth"),
	FILTER("xdpfilt_dny_ip"),
	FILTER("xdpfilt_dny_tcp"),
	FILTER("xdpfilt_dny_udp"),
	{"xdp-dispatcher", "xdp_dispatcher", {NULL, NULL}},
	{"xdp-dispatcher", "xdp_pass", {NULL, NULL}},
	{"xdpdump_xdp",
	 "xdpdump",
	 {"map 'xdpdump_perf_map': this engine has no maps of type perf_event_array", NULL}},
	{"xdpdump_bpf",
	 "trace_on_entry",
	 {"'trace_on_entry' of module 'm' is neither an xdp nor a tc program",
	  "'trace_on_entry' of module 'm' is neither an xdp nor a tc program"}},
	{"xdpdump_bpf",
	 "trace_on_exit",
	 {"'trace_on_exit' of module 'm' is neither an xdp nor a tc program",
	  "'trace_on_exit' of module 'm' is neither an xdp nor a tc program"}},
	{"xsk_def_xdp_prog",
	 "xsk_def_prog",
	 {"map 'xsks_map': this engine has no maps of type xskmap", NULL}},
	{"xsk_def_xdp_prog_5.3",
	 "xsk_def_prog",
	 {"map 'xsks_map': this engine has no maps of type xskmap", NULL}},
};

static void object_in(int engine, const struct third *t)
{
	char modules[1024], link[128];
	int status;

	snprintf(modules, sizeof(modules), "  m: {object: %s/%s.o}\n", folder, t->object);
	snprintf(link, sizeof(link), "m.%s", t->program);
	chain_file(engine, modules, link);
	status = visor(engine, "up %s/chain.yaml", dir);
	if (!t->refused[engine]) {
		must(engine, t->object, status);
		must(engine, "down", visor(engine, "down third"));
	} else if (!status || !strstr(out, t->refused[engine])) {
		fail_msg("%s: %s: %s\nbut not: %s", engines[engine], t->object, out,
			 t->refused[engine]);
	}
	printf("  %-6s %-20s %-16s %s\n", engines[engine], t->object, t->program,
	       t->refused[engine] ? t->refused[engine] : "is up");
}

static void test_objects(void **arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(thirds); i++)
		for (int e = 0; e < ENGINES; e++)
			object_in(e, &thirds[i]);
}

/* The table has them all. */
static void test_complete(void **arg)
{
	char pattern[600];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/x*.o", folder);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *name = strrchr(g.gl_pathv[i], '/') + 1;
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(thirds); k++)
			found |= strlen(thirds[k].object) + 2 == strlen(name) &&
				 !strncmp(thirds[k].object, name, strlen(thirds[k].object));
		if (!found)
			printf("  %s is not known to this test\n", name);
	}
	globfree(&g);
}

/* ---- filters between our own
 * --------------------------------------------------------------------- */

static int bpf(int engine, int cmd, union bpf_attr *attr)
{
	struct load_session *before = load_enter(&sessions[engine]);
	int ret = load_bpf(cmd, attr, sizeof(*attr));

	load_enter(before);
	return ret;
}

static int pinned(int engine, const char *below)
{
	char path[256];
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/bpf/visor/third/%s", below);
	fd = bpf(engine, BPF_OBJ_GET, &attr);
	if (fd < 0)
		fail_msg("%s: %s: %s", engines[engine], path, strerror(-fd));
	return fd;
}

struct verdicts {
	uint64_t of[5];
	uint64_t hash;
};

/* Every packet into both chains: one verdict. */
static void run_all(struct verdicts *v)
{
	int fds[ENGINES];

	memset(v, 0, sizeof(*v));
	for (int e = 0; e < ENGINES; e++)
		fds[e] = pinned(e, "port/in/stub");
	for (size_t i = 0; i < captures.n; i++) {
		uint32_t got[ENGINES];

		for (int e = 0; e < ENGINES; e++) {
			union bpf_attr attr = {
				.test = {.prog_fd = (uint32_t)fds[e],
					 .data_in = (uintptr_t)captures.packets[i].data,
					 .data_size_in = captures.packets[i].len}};
			int err = bpf(e, BPF_PROG_TEST_RUN, &attr);

			if (err < 0)
				fail_msg("%s: packet %zu: %s", engines[e], i, strerror(-err));
			got[e] = attr.test.retval;
		}
		if (got[0] != got[1])
			fail_msg("packet %zu: user %u, kernel %u", i, got[0], got[1]);
		assert_true(got[0] < ARRAY_SIZE(v->of));
		v->of[got[0]]++;
		v->hash = v->hash * 31 + got[0];
	}
	for (int e = 0; e < ENGINES; e++)
		close(fds[e]);
	printf("  %llu packets: %llu dropped, %llu passed, on both engines\n",
	       (unsigned long long)captures.n, (unsigned long long)v->of[XDP_DROP],
	       (unsigned long long)v->of[XDP_PASS]);
}

static void set(const char *map, const char *key, const char *value)
{
	for (int e = 0; e < ENGINES; e++)
		must(e, map,
		     visor(e, "map set pinned /sys/fs/bpf/visor/third/map/filter/%s '%s' '%s'", map,
			   key, value));
}

/* The sum of all 64-bit words of an entry, over all CPUs. */
static uint64_t entry_sum(int engine, int fd, const void *key, uint32_t value_size)
{
	static uint64_t values[65536];
	size_t n = (size_t)map_possible_cpus() * value_size / 8;
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)values};
	uint64_t sum = 0;

	assert_true(n <= ARRAY_SIZE(values));
	assert_int_equal(bpf(engine, BPF_MAP_LOOKUP_ELEM, &attr), 0);
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

/* Both engines have the same in a map of per-CPU words; the sum of everything. */
static uint64_t same_map(const char *map, uint32_t value_size)
{
	uint8_t key[64] = {0};
	union bpf_attr next = {0};
	uint64_t sum = 0;
	char path[128];
	int fds[ENGINES];
	uint32_t n = 0;

	snprintf(path, sizeof(path), "map/filter/%s", map);
	for (int e = 0; e < ENGINES; e++)
		fds[e] = pinned(e, path);
	next.map_fd = (uint32_t)fds[1];
	next.next_key = (uintptr_t)key;
	while (!bpf(1, BPF_MAP_GET_NEXT_KEY, &next)) {
		uint64_t of[ENGINES];

		for (int e = 0; e < ENGINES; e++)
			of[e] = entry_sum(e, fds[e], key, value_size);
		if (of[0] != of[1])
			fail_msg("%s, entry %u: user %llu, kernel %llu", map, n,
				 (unsigned long long)of[0], (unsigned long long)of[1]);
		sum += of[0];
		n++;
		next.key = (uintptr_t)key;
	}
	for (int e = 0; e < ENGINES; e++)
		close(fds[e]);
	assert_true(n > 0);
	return sum;
}

/* How many packets left an input by a verdict, as both chains count. */
static uint64_t left_by(const char *module, int verdict)
{
	uint64_t n[ENGINES] = {0};

	for (int e = 0; e < ENGINES; e++) {
		struct live_opts opts = {.sz = sizeof(opts), .visor = sessions[e].visor};
		struct visor_diag d = {0};
		struct live_status *s;

		if (live_status_get(&opts, "third", &s, &d))
			fail_msg("%s: status: %s", engines[e], d.text);
		for (uint32_t i = 0; i < s->record->n_inputs; i++)
			if (!strcmp(s->record->modules[s->record->inputs[i].module].name, module))
				n[e] = s->rows[i][verdict].packets;
		live_status_free(s);
	}
	if (n[0] != n[1])
		fail_msg("%s: user %llu, kernel %llu", module, (unsigned long long)n[0],
			 (unsigned long long)n[1]);
	return n[0];
}

static void test_filter(void **arg)
{
	struct verdicts open, closed, inverse;
	char modules[2048];

	if (!captures.n) {
		printf("skipped: there are no captures\n");
		skip();
	}
	snprintf(modules, sizeof(modules),
		 "  before: {object: %s/modules/counter.o}\n"
		 "  filter: {object: %s/xdpfilt_alw_all.o}\n"
		 "  after: {object: %s/modules/counter.o}\n",
		 getenv("VISOR_BUILD"), folder, getenv("VISOR_BUILD"));
	for (int e = 0; e < ENGINES; e++) {
		chain_file(e, modules, "before -> filter -> after");
		must(e, "up", visor(e, "up %s/chain.yaml", dir));
	}
	run_all(&open);
	assert_int_equal(open.of[XDP_DROP], 0);
	/* What the filter's own tool writes: 1 source, 2 destination, 4 TCP, 8 UDP. */
	set("filter_ipv4", "10.0.0.2", "1");
	set("filter_ipv4", "192.168.1.1", "2");
	set("filter_ports", "13568", "14"); /* 53, as it is on the wire */
	set("filter_ports", "20480", "14"); /* 80 */
	set("filter_ipv6", "fe80::1", "3");
	set("filter_ethernet", "00:00:00:00:00:00", "3");
	run_all(&closed);
	assert_true(closed.of[XDP_DROP] > 0 && closed.of[XDP_PASS] > 0);
	assert_int_equal(left_by("before", XDP_PASS), 2 * captures.n);
	assert_int_equal(left_by("filter", XDP_DROP), closed.of[XDP_DROP]);
	assert_int_equal(left_by("after", XDP_PASS), open.of[XDP_PASS] + closed.of[XDP_PASS]);
	/* The other policy in its place finds the same lists: it lets through what was dropped. */
	for (int e = 0; e < ENGINES; e++)
		must(e, "swap", visor(e, "swap third filter %s/xdpfilt_dny_all.o", folder));
	run_all(&inverse);
	assert_true(inverse.of[XDP_DROP] > closed.of[XDP_DROP]);
	assert_true(inverse.of[XDP_PASS] > 0);
	assert_true(same_map("filter_ipv4", 8) > 64);
	assert_true(same_map("filter_ports", 8) > 64);
	same_map("filter_ipv6", 8);
	same_map("filter_ethernet", 8);
	assert_true(same_map("xdp_stats_map", 16) > 3 * captures.n);
}

/* ---- all of it
 * ----------------------------------------------------------------------------------- */

static bool find_folder(void)
{
	glob_t g;
	bool found = !glob("/usr/lib/*/bpf/xdpfilt_alw_all.o", 0, NULL, &g);

	if (found) {
		snprintf(folder, sizeof(folder), "%s", g.gl_pathv[0]);
		*strrchr(folder, '/') = '\0';
	}
	globfree(&g);
	return found;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test_teardown(test_objects, teardown),
		cmocka_unit_test_teardown(test_filter, teardown),
	};
	VISOR_OPTS(visor_opts, opts, .state = NULL);
	char state[64];
	int failed;

	if (!getenv("VISOR_BUILD") || !find_folder()) {
		printf("skipped: %s\n",
		       folder[0] ? "VISOR_BUILD is not set" : "xdp-tools is not installed");
		return 77;
	}
	if (netns_new(1, &ns))
		return 77;
	netns_pair(ns, 0, "left", 0, "right");
	netns_must(ns, 0, "ip link set right down");
	netns_enter(ns, 0);
	if (!mkdtemp(dir))
		return 1;
	snprintf(state, sizeof(state), "%s/state", dir);
	opts.state = state;
	if (visor_open(&opts, &sessions[0].visor, NULL))
		return 1;
	captures_read(&captures, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	captures_free(&captures);
	visor_close(sessions[0].visor);
	netns_enter(ns, NETNS_HOME);
	netns_run(ns, 0, "rm -rf %s", dir);
	netns_free(ns);
	return failed;
}
