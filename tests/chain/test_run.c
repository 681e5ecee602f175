/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains on the user engine, from the file to the counters: every packet that comes in is
 * accounted for, and goes where the links say. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "captures.h"
#include "chain/impl.h"

static char dir[] = "/tmp/visor-chain-XXXXXX";
static struct captures captures;
static char capture_path[64];

/* ---- tools ------------------------------------------------------------------------------------
 */

/* Text with @ standing for the build folder and ~ for the temporary one. */
static char *expand(const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	for (; *text; text++)
		if (*text == '@')
			fputs(getenv("VISOR_BUILD"), f);
		else if (*text == '~')
			fputs(dir, f);
		else
			fputc(*text, f);
	fclose(f);
	return out;
}

static struct chain_desc *parse(const char *yaml)
{
	char *text = expand(yaml);
	struct visor_diag d = {0};
	struct chain_desc *desc;

	if (chain_parse_text("test.yaml", text, strlen(text), &desc, &d))
		fail_msg("%s: %s", d.place, d.text);
	free(text);
	return desc;
}

static struct chain *up(const char *yaml)
{
	struct chain_desc *desc = parse(yaml);
	struct visor_diag d = {0};
	struct chain *chain;

	if (chain_up(desc, NULL, &chain, &d))
		fail_msg("%s: %s", d.place, d.text);
	chain_desc_free(desc);
	return chain;
}

static struct chain_stats *stats(struct chain *chain)
{
	struct chain_stats *s;
	uint64_t sum = 0;

	assert_int_equal(chain_stats_get(chain, &s), 0);
	for (int i = 0; i < CHAIN_OUTCOME_COUNT; i++)
		sum += s->outcomes[i];
	assert_int_equal(sum, s->packets);
	return s;
}

/* Runs to the end. */
static struct chain_stats *run(struct chain *chain)
{
	struct visor_diag d = {0};

	if (chain_run(chain, NULL, &d))
		fail_msg("%s: %s", d.place, d.text);
	return stats(chain);
}

static const struct chain_stats_input *input(const struct chain_stats *s, const char *module,
					     const char *name)
{
	for (uint32_t i = 0; i < s->n_modules; i++)
		for (uint32_t k = 0; k < s->modules[i].n_inputs; k++)
			if (!strcmp(s->modules[i].name, module) &&
			    !strcmp(s->modules[i].inputs[k].name, name))
				return &s->modules[i].inputs[k];
	fail_msg("no input %s.%s", module, name);
	return NULL;
}

static const struct chain_stats_output *output(const struct chain_stats *s, const char *module,
					       const char *name, const char *out)
{
	const struct chain_stats_input *in = input(s, module, name);

	for (uint32_t i = 0; i < in->n_outputs; i++)
		if (!strcmp(in->outputs[i].name, out))
			return &in->outputs[i];
	fail_msg("no output %s.%s:%s", module, name, out);
	return NULL;
}
#define PACKETS(...) output(__VA_ARGS__)->count.packets

static const struct chain_stats_port *port(const struct chain_stats *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_ports; i++)
		if (!strcmp(s->ports[i].name, name))
			return &s->ports[i];
	fail_msg("no port %s", name);
	return NULL;
}

static void done(struct chain *chain, struct chain_stats *s)
{
	struct visor_diag d;

	chain_stats_free(s);
	assert_int_equal(chain_down(chain, &d), 0);
}

/* The packets of the captures for which `which` is true, in order, are what is in the file. */
static void check_file(const char *name, bool (*which)(uint32_t len))
{
	struct captures got = {0};
	char path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	captures_add_file(&got, path);
	for (size_t i = 0; i < captures.n; i++) {
		if (!which(captures.packets[i].len))
			continue;
		assert_true(n < got.n);
		assert_int_equal(got.packets[n].len, captures.packets[i].len);
		assert_memory_equal(got.packets[n].data, captures.packets[i].data,
				    got.packets[n].len);
		n++;
	}
	assert_int_equal(got.n, n);
	captures_free(&got);
}

static bool is_odd(uint32_t len)
{
	return len & 1;
}

static bool is_fourth(uint32_t len)
{
	return !(len & 3);
}

static bool is_rest(uint32_t len)
{
	return (len & 3) == 2;
}

static struct chain_count count(bool (*which)(uint32_t))
{
	struct chain_count c = {0};

	for (size_t i = 0; i < captures.n; i++)
		if (which(captures.packets[i].len)) {
			c.packets++;
			c.bytes += captures.packets[i].len;
		}
	return c;
}

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void linear(void **state)
{
	struct chain *c = up("ports:\n  in: {pcap: ~/all.pcap}\n  out: {pcap_out: ~/out.pcap}\n"
			     "modules:\n  acl: {object: @/modules/acl.o}\n"
			     "  counter: {object: @/modules/counter.o}\n"
			     "  sampler: {object: @/modules/sampler.o, config: {every: 10}}\n"
			     "links:\n  - in -> acl -> counter -> sampler -> out\n");
	struct chain_stats *s = run(c);
	uint64_t passed = PACKETS(s, "acl", "acl_xdp", "pass"),
		 dropped = PACKETS(s, "acl", "acl_xdp", "drop");

	assert_int_equal(s->packets, captures.n);
	assert_int_equal(passed + dropped, captures.n);
	assert_true(passed > 100 && dropped > 0); /* malformed ones are denied */
	assert_int_equal(input(s, "counter", "counter_xdp")->total.packets, passed);
	assert_int_equal(PACKETS(s, "sampler", "sampler_xdp", "pass"), passed);
	assert_string_equal(output(s, "acl", "acl_xdp", "pass")->target, "counter.counter_xdp");
	assert_string_equal(output(s, "sampler", "sampler_xdp", "pass")->target, "out");
	assert_int_equal(s->outcomes[CHAIN_SENT], passed);
	assert_int_equal(s->outcomes[CHAIN_DROP], dropped);
	assert_int_equal(port(s, "in")->io.in_packets, captures.n);
	assert_int_equal(port(s, "out")->io.out_packets, passed);
	assert_int_equal(port(s, "out")->io.out_bytes,
			 input(s, "sampler", "sampler_xdp")->total.bytes);
	for (uint32_t i = 0; i < s->n_modules; i++) {
		assert_int_equal(s->modules[i].runs, s->modules[i].total.packets);
		assert_true(s->modules[i].run_ns > 0);
	}
	assert_non_null(chain_object(c, "acl"));
	assert_null(chain_object(c, "nothing"));
	done(c, s);
}

/* One input, three ways out, each of which ends in a file. */
static void branches(void **state)
{
	struct chain_count odd = count(is_odd), fourth = count(is_fourth), rest = count(is_rest);
	struct chain *c = up("ports:\n  in: {pcap: ~/all.pcap, pcap_out: ~/back.pcap}\n"
			     "  a: {pcap_out: ~/a.pcap}\n  b: {pcap_out: ~/b.pcap}\n"
			     "modules:\n  sort: {object: @/tests/chain/branch.o}\n"
			     "  again: {object: @/tests/chain/branch.o}\n"
			     "links:\n  - in -> sort.forth\n  - sort:odd -> a\n"
			     "  - sort:fourth -> b\n  - sort -> again.back\n"
			     "  - again:pass -> a\n");
	struct chain_stats *s = run(c);

	check_file("a.pcap", is_odd);
	check_file("b.pcap", is_fourth);
	check_file("back.pcap", is_rest); /* by the verdict tx of again.back */
	assert_memory_equal(&output(s, "sort", "forth", "odd")->count, &odd, sizeof(odd));
	assert_memory_equal(&output(s, "sort", "forth", "fourth")->count, &fourth, sizeof(odd));
	assert_memory_equal(&output(s, "sort", "forth", "pass")->count, &rest, sizeof(odd));
	assert_memory_equal(&output(s, "again", "back", "tx")->count, &rest, sizeof(odd));
	assert_int_equal(s->outcomes[CHAIN_SENT], captures.n);
	assert_true(output(s, "sort", "forth", "odd")->named);
	assert_false(output(s, "again", "back", "tx")->linked);
	assert_int_equal(port(s, "a")->io.out_bytes, odd.bytes);
	done(c, s);
}

/* What is linked to nothing keeps its meaning; a named output drops; a value that means
 * nothing aborts. All are counted. */
static void unlinked(void **state)
{
	struct chain *c =
		up("ports: {in: {pcap: ~/all.pcap}}\n"
		   "modules:\n  sort: {object: @/tests/chain/branch.o, config: {undeclared: 99}}\n"
		   "links: [in -> sort.forth]\n");
	struct chain_stats *s = run(c);
	uint64_t odd = count(is_odd).packets, fourth = PACKETS(s, "sort", "forth", "fourth"),
		 other = PACKETS(s, "sort", "forth", "other");

	assert_int_equal(PACKETS(s, "sort", "forth", "odd"), odd);
	assert_true(other > 0);
	assert_int_equal(fourth + other, count(is_fourth).packets);
	assert_int_equal(s->outcomes[CHAIN_HOST], count(is_rest).packets);
	assert_int_equal(s->outcomes[CHAIN_DROP], odd + fourth);
	assert_int_equal(s->outcomes[CHAIN_ABORTED], other);
	assert_false(output(s, "sort", "forth", "odd")->linked);
	done(c, s);
}

/* A device map: to one port, to all, to all but the one it came from. */
static void spread(void **state)
{
	uint64_t odd = count(is_odd).packets, even = captures.n - odd;
	static const char *const flags[] = {"8", "24"}; /* BPF_F_BROADCAST, _EXCLUDE_INGRESS */

	for (int excluded = 0; excluded < 2; excluded++) {
		char yaml[512];
		struct chain_stats *s;
		struct chain *c;

		snprintf(yaml, sizeof(yaml),
			 "ports: {in: {pcap: ~/all.pcap, pcap_out: ~/back.pcap, ifindex: 7},\n"
			 "  a: {pcap_out: ~/a.pcap, ifindex: 8}, b: {null: , ifindex: 9}}\n"
			 "modules: {m: {object: @/tests/chain/spread.o, config: {flags: %s},\n"
			 "  maps: {ports: {0: 7, 1: 8, 3: 9}}}}\nlinks: [in -> m]\n",
			 flags[excluded]);
		c = up(yaml);
		s = run(c);
		assert_int_equal(s->outcomes[CHAIN_SENT], captures.n);
		assert_int_equal(PACKETS(s, "m", "spread", "redirect"), captures.n);
		assert_int_equal(port(s, "in")->io.out_packets, excluded ? 0 : even);
		assert_int_equal(port(s, "a")->io.out_packets, captures.n);
		assert_int_equal(port(s, "b")->io.out_packets, even);
		done(c, s);
	}
	assert_true(odd && even);
}

/* tx on a port without a sink, and a slot that was emptied under the running chain. */
static void nowhere_to_go(void **state)
{
	struct chain *c = up("ports: {in: {pcap: ~/all.pcap}}\n"
			     "modules:\n  sort: {object: @/tests/chain/branch.o}\n"
			     "  again: {object: @/tests/chain/branch.o}\n"
			     "links: [in -> sort.forth -> again.back, sort:odd -> again.forth]\n");
	uint32_t slot = (uint32_t)plan_find_input(c->plan, 1, 0);
	union bpf_attr attr = {.map_fd = (uint32_t)c->loader.slots_fd, .key = (uintptr_t)&slot};
	struct load_session *before = load_enter(&c->session);
	struct chain_stats *s;

	assert_int_equal(load_bpf(BPF_MAP_DELETE_ELEM, &attr, sizeof(attr)), 0);
	load_enter(before);
	s = run(c);
	assert_int_equal(PACKETS(s, "sort", "forth", "odd"), count(is_odd).packets);
	assert_int_equal(PACKETS(s, "sort", "forth", "missed"), count(is_odd).packets);
	assert_int_equal(input(s, "sort", "forth")->total.packets, captures.n);
	assert_int_equal(s->outcomes[CHAIN_DROP], count(is_odd).packets + count(is_fourth).packets);
	assert_int_equal(s->outcomes[CHAIN_UNSENT], count(is_rest).packets);
	done(c, s);
}

/* The programs that a module calls itself leave by the module's outputs. */
static void inner_calls(void **state)
{
	struct chain *c = up("ports: {in: {pcap: ~/all.pcap}, out: {pcap_out: ~/out.pcap}}\n"
			     "modules: {m: {object: @/tests/chain/inner.o}}\n"
			     "links: [in -> m.inner -> out]\n");
	struct chain_stats *s = run(c);

	assert_int_equal(PACKETS(s, "m", "inner_even", "pass"), captures.n - count(is_odd).packets);
	assert_int_equal(PACKETS(s, "m", "inner_odd", "drop"), count(is_odd).packets);
	assert_int_equal(input(s, "m", "inner")->total.packets, 0);
	assert_int_equal(s->outcomes[CHAIN_SENT], captures.n - count(is_odd).packets);
	done(c, s);
}

static void shapes(void **state)
{
	static const char *const names[] = {"calls", "callback", "crowded", "moves"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char yaml[512];
		struct chain *c;
		struct chain_stats *s;

		snprintf(yaml, sizeof(yaml),
			 "ports: {in: {pcap: ~/all.pcap}, out: {null: }}\n"
			 "modules: {m: {object: @/tests/chain/shapes.o}, n: @/modules/counter.o}\n"
			 "links: [in -> m.%s -> n -> out]\n",
			 names[i]);
		c = up(yaml);
		s = run(c);
		assert_int_equal(s->outcomes[CHAIN_FAULT], 0);
		assert_int_equal(input(s, "m", names[i])->total.packets, captures.n);
		assert_true(s->outcomes[CHAIN_SENT] > 0);
		assert_int_equal(input(s, "n", "counter_xdp")->total.packets,
				 s->outcomes[CHAIN_SENT]);
		done(c, s);
	}
}

static void tc(void **state)
{
	struct chain *c = up("ports: {in: {pcap: ~/all.pcap}, out: {null: }}\n"
			     "modules:\n  m: {object: @/tests/chain/shapes.o}\n"
			     "  counter: {object: @/modules/counter.o}\n"
			     "links: [in -> m.classify -> counter -> out]\n");
	struct chain_stats *s = run(c);
	uint64_t want[5] = {0};

	for (size_t i = 0; i < captures.n; i++)
		want[captures.packets[i].len % 5]++;
	assert_int_equal(PACKETS(s, "m", "classify", "next"), want[0]);
	assert_int_equal(PACKETS(s, "m", "classify", "drop"), want[1]);
	assert_int_equal(PACKETS(s, "m", "classify", "pass"), want[2]);
	assert_int_equal(PACKETS(s, "m", "classify", "other"), want[3]);
	assert_int_equal(PACKETS(s, "m", "classify", "pipe"), want[4]);
	assert_int_equal(s->outcomes[CHAIN_SENT], want[0] + want[2]);
	assert_int_equal(s->outcomes[CHAIN_HOST], want[3] + want[4]);
	assert_int_equal(input(s, "counter", "counter_tc")->total.packets, want[0] + want[2]);
	done(c, s);
}

static void maps_and_config(void **state)
{
	struct chain *c =
		up("ports: {in: {generate: 1000, flows: 4}, out: {null: }}\n"
		   "modules:\n  acl:\n    object: @/modules/acl.o\n"
		   "    config: {default_action: deny}\n"
		   "    maps:\n      sources4: {198.18.0.0/32: allow, 198.18.0.2/31: allow}\n"
		   "      sources6: {'2001:db8::/32': allow}\n"
		   "      ports: {'{protocol: tcp, port: 80}': allow}\n"
		   "links: [in -> acl -> out]\n");
	struct chain_stats *s = run(c);
	uint64_t passed = PACKETS(s, "acl", "acl_xdp", "pass");

	assert_in_range(passed, 650, 850); /* three of four flows */
	assert_int_equal(s->outcomes[CHAIN_SENT], passed);
	done(c, s);
}

static void wire(void **state)
{
	struct chain *c = up("ports: {in: {generate: 500}, out: {null: }}\nlinks: [in -> out]\n");
	struct chain_stats *s = run(c);

	assert_int_equal(s->outcomes[CHAIN_SENT], 500);
	assert_int_equal(port(s, "out")->io.out_packets, 500);
	done(c, s);
}

static int tick(void *user, struct chain *chain)
{
	struct chain_stats *s = stats(chain);
	int *ticks = user;

	chain_stats_free(s);
	return ++*ticks == 3 ? 42 : 0;
}

static void stopping(void **state)
{
	const char *yaml =
		"ports: {in: {generate: 1000000000}, in2: {generate: 1000000, rate: 1000}, "
		"out: {null: }}\n"
		"modules: {m: {object: @/modules/counter.o}}\n"
		"links: [in -> m -> out, in2 -> m]\n";
	VISOR_OPTS(chain_run_opts, opts, .max_packets = 1000);
	struct chain *c = up(yaml);
	struct chain_stats *s;
	int ticks = 0;

	assert_int_equal(chain_run(c, &opts, NULL), 0);
	s = stats(c);
	assert_int_equal(s->packets, 1000);
	chain_stats_free(s);
	opts.max_packets = 0;
	opts.tick_ms = 5;
	opts.on_tick = tick;
	opts.user = &ticks;
	assert_int_equal(chain_run(c, &opts, NULL), 42);
	assert_int_equal(ticks, 3);
	chain_stop(c);
	assert_int_equal(chain_run(c, NULL, NULL), 0);
	s = stats(c);
	done(c, s);
}

static void broken_capture(void **state)
{
	struct chain *c;
	struct chain_stats *s;
	struct visor_diag d = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/cut.pcap", dir);
	assert_int_equal(link(capture_path, path), 0);
	unlink(path);
	{
		char command[300];

		snprintf(command, sizeof(command), "head -c 5000 %s > %s", capture_path, path);
		assert_int_equal(system(command), 0);
	}
	c = up("ports: {in: {pcap: ~/cut.pcap}, also: {generate: 200}, out: {null: }}\n"
	       "modules: {m: {object: @/modules/counter.o}}\n"
	       "links: [in -> m -> out, also -> m]\n");
	assert_int_equal(chain_run(c, NULL, &d), -EIO);
	assert_non_null(strstr(d.place, "cut.pcap: packet "));
	s = stats(c);
	assert_int_equal(port(s, "also")->io.in_packets, 200);
	assert_true(port(s, "in")->io.in_packets > 0);
	assert_int_equal(s->outcomes[CHAIN_SENT], s->packets);
	done(c, s);
}

/* A sink that breaks is reported, and what comes later counts as not sent. */
static void broken_sink(void **state)
{
	struct rlimit before, small = {.rlim_cur = 100000};
	struct visor_diag d = {0};
	struct chain_stats *s;
	struct chain *c;

	c = up("ports: {in: {generate: 10000, size: 1000}, out: {pcap_out: ~/full.pcap}}\n"
	       "links: [in -> out]\n");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(chain_run(c, NULL, &d), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(d.place, "full.pcap"));
	s = stats(c);
	assert_int_equal(s->packets, 10000);
	assert_in_range(s->outcomes[CHAIN_SENT], 64, 192); /* one or two batches fitted */
	assert_int_equal(port(s, "out")->io.out_packets, s->outcomes[CHAIN_SENT]);
	done(c, s);
}

/* Whatever goes wrong on the way up: a message with its place, and nothing left open. */
static void failures(void **state)
{
	static const struct {
		const char *yaml, *place, *text;
	} cases[] = {
		{"ports: {in: {pcap: ~/none.pcap}}\nmodules: {m: @/modules/counter.o}\nlinks: [in "
		 "-> m]\n",
		 "test.yaml:1:9: ~/none.pcap", "cannot open the capture file"},
		{"ports: {in: {generate: 1}}\nmodules: {m: ~/none.o}\nlinks: [in -> m]\n",
		 "test.yaml:2:14", ""},
		{"ports: {in: {generate: 1}}\nmodules: {m: ~/all.pcap}\nlinks: [in -> m]\n",
		 "test.yaml:2:14", ""},
		{"ports: {in: {generate: 1}}\nmodules:\n  m: {object: @/modules/acl.o, config: "
		 "{default: deny}}\n"
		 "links: [in -> m]\n",
		 "test.yaml:3:", "the module has no read-only global 'default'"},
		{"ports: {in: {generate: 1}}\nmodules:\n  m: {object: @/modules/acl.o, maps: "
		 "{source4: {1.2.3.4: deny}}}\n"
		 "links: [in -> m]\n",
		 "test.yaml:3:", "the module has no map 'source4'"},
		{"ports: {in: {generate: 1}}\nmodules:\n  m: {object: @/modules/acl.o, maps: "
		 "{sources4: {1.2.3.4: perhaps}}}\n"
		 "links: [in -> m]\n",
		 "test.yaml:3:", "'perhaps' is not a value of enum action"},
		{"ports: {in: {generate: 1}, out: {pcap_out: ~/new.pcap}}\nmodules: {m: "
		 "@/modules/acl.o}\n"
		 "links: [in -> m:pas -> out]\n",
		 "test.yaml:3:15", "module 'm' has no output 'pas'"},
		{"ports: {in: {pcap: ~/all.pcap}, out: {pcap_out: ~/all.pcap}}\nlinks: [in -> "
		 "out]\n",
		 "test.yaml:1:", "port 'out' would overwrite the file of port 'in'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chain_desc *desc = parse(cases[i].yaml);
		char *place = expand(cases[i].place);
		unsigned before = open_files();
		struct visor_diag d = {0};
		struct chain *c;

		assert_true(chain_up(desc, NULL, &c, &d) < 0);
		assert_null(c);
		assert_true(d.err < 0 && d.text[0]);
		if (strncmp(d.place, place, strlen(place)) != 0 || !strstr(d.text, cases[i].text))
			fail_msg("case %zu: %s: %s", i, d.place, d.text);
		assert_int_equal(open_files(), before);
		chain_desc_free(desc);
		free(place);
	}
	{
		char path[128];

		snprintf(path, sizeof(path), "%s/new.pcap", dir);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void leaves_nothing_open(void **state)
{
	unsigned before;

	linear(state);
	before = open_files();
	for (int i = 0; i < 3; i++)
		branches(state);
	assert_int_equal(open_files(), before);
}

static void short_form(void **state)
{
	char object[512], out[128];
	const char *config[] = {"default_action=deny"};
	struct chain_single what = {.object = object,
				    .input = capture_path,
				    .output = out,
				    .config = config,
				    .n_config = 1};
	struct chain_desc *desc;
	struct visor_diag d = {0};
	struct chain_stats *s;
	struct chain *c;

	snprintf(object, sizeof(object), "%s/modules/acl.o", getenv("VISOR_BUILD"));
	snprintf(out, sizeof(out), "%s/out.pcap", dir);
	assert_int_equal(chain_single(&what, &desc, &d), 0);
	if (chain_up(desc, NULL, &c, &d))
		fail_msg("%s: %s", d.place, d.text);
	chain_desc_free(desc);
	s = run(c);
	assert_int_equal(s->packets, captures.n);
	assert_string_equal(s->modules[0].name, "acl");
	assert_true(s->outcomes[CHAIN_DROP] > s->outcomes[CHAIN_SENT]);
	done(c, s);
	config[0] = "default_action=denny";
	assert_int_equal(chain_single(&what, &desc, &d), 0);
	assert_int_equal(chain_up(desc, NULL, &c, &d), -EINVAL);
	assert_string_equal(d.text, "'denny' is not a value of enum action");
	chain_desc_free(desc);
	what.output = NULL;
	what.n_config = 0;
	what.program = "acl_tc";
	assert_int_equal(chain_single(&what, &desc, &d), 0);
	assert_int_equal(chain_up(desc, NULL, &c, &d), 0);
	chain_desc_free(desc);
	s = run(c);
	assert_int_equal(s->outcomes[CHAIN_HOST] + s->outcomes[CHAIN_DROP], captures.n);
	done(c, s);
}

/* 33 tail calls is what a packet can make: as many hops work. */
static void longest(void **state)
{
	char yaml[4096], links[1024] = "in -> m0";
	struct chain_stats *s;
	struct chain *c;
	size_t n;

	n = (size_t)snprintf(yaml, sizeof(yaml),
			     "ports: {in: {generate: 100}, out: {null: }}\nmodules:\n");
	for (int i = 0; i <= PLAN_MAX_CALLS; i++) {
		n += (size_t)snprintf(yaml + n, sizeof(yaml) - n, "  m%d: @/modules/counter.o\n",
				      i);
		if (i)
			snprintf(links + strlen(links), sizeof(links) - strlen(links), " -> m%d",
				 i);
	}
	snprintf(yaml + n, sizeof(yaml) - n, "links:\n  - %s -> out\n", links);
	c = up(yaml);
	s = run(c);
	assert_int_equal(s->outcomes[CHAIN_SENT], 100);
	assert_int_equal(s->modules[PLAN_MAX_CALLS].total.packets, 100);
	done(c, s);
}

static int setup(void **state)
{
	pcap_dumper_t *out;
	pcap_t *p = pcap_open_dead(1, 65535);

	if (!mkdtemp(dir))
		return -1;
	snprintf(capture_path, sizeof(capture_path), "%s/all.pcap", dir);
	out = pcap_dump_open(p, capture_path);
	for (size_t i = 0; i < captures.n; i++) {
		struct pcap_pkthdr h = {.ts = {(time_t)i, 0},
					.caplen = captures.packets[i].len,
					.len = captures.packets[i].len};

		pcap_dump((u_char *)out, &h, captures.packets[i].data);
	}
	pcap_dump_close(out);
	pcap_close(p);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	captures_free(&captures);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear),
		cmocka_unit_test(branches),
		cmocka_unit_test(unlinked),
		cmocka_unit_test(spread),
		cmocka_unit_test(nowhere_to_go),
		cmocka_unit_test(inner_calls),
		cmocka_unit_test(shapes),
		cmocka_unit_test(tc),
		cmocka_unit_test(maps_and_config),
		cmocka_unit_test(wire),
		cmocka_unit_test(stopping),
		cmocka_unit_test(broken_capture),
		cmocka_unit_test(broken_sink),
		cmocka_unit_test(failures),
		cmocka_unit_test(short_form),
		cmocka_unit_test(longest),
		cmocka_unit_test(leaves_nothing_open),
	};

	if (!getenv("VISOR_DATA") || !getenv("VISOR_BUILD")) {
		fprintf(stderr, "skipped: VISOR_DATA and VISOR_BUILD are not set\n");
		return 77;
	}
	if (captures_absent(&captures, 8))
		return 77;
	return cmocka_run_group_tests(tests, setup, teardown);
}
