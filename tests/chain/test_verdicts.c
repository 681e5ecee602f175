/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_verdicts.c - the sample modules on the kernel and on our engine: the same verdict
 * for each packet of every capture, and the same map contents afterwards.
 *
 * Both sides go through the same code: libbpf and BPF_PROG_TEST_RUN in a load session,
 * whose engine is the only difference. VISOR_DATA, VISOR_BUILD: see tests/meson.build.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is the classic one */
#include <pcap/pcap.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/load.h"

#define SKIP 77

/* A module under test: what is set before, which maps are compared after. */
struct module {
	const char *name;
	const char *programs[2];
	const char *maps[3];			  /* compared */
	int (*configure)(struct bpf_object *obj); /* between open and load */
	int (*fill)(struct bpf_object *obj);
};

/* One module on one engine. */
struct side {
	const char *name;
	struct load_session session;
	struct bpf_object *obj;
	int progs[2];
};

struct totals {
	unsigned files, unreadable, not_ethernet, packets, refused, dropped;
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	return err ? err : -EINVAL;
}

/* ---- set-up of the modules ---------------------------------------------------------------- */

static int set_global(struct bpf_object *obj, const char *section, size_t off, uint32_t value)
{
	struct bpf_map *map;
	size_t size;
	char *data;

	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);
		size_t n = strlen(name), m = strlen(section);

		if (n < m || strcmp(name + n - m, section))
			continue;
		data = (char *)bpf_map__initial_value(map, &size);
		if (!data || off + sizeof(value) > size)
			return -EINVAL;
		memcpy(data + off, &value, sizeof(value));
		return 0;
	}
	return -ENOENT;
}

static int map_set(struct bpf_object *obj, const char *name, const void *key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name);

	return fd < 0 ? fd : bpf_map_update_elem(fd, key, value, BPF_ANY);
}

static int set_prefix(struct bpf_object *obj, const char *map, uint32_t bits, const void *address,
		      size_t size, uint32_t action)
{
	uint8_t key[20] = {0};

	memcpy(key, &bits, 4);
	memcpy(key + 4, address, size);
	return map_set(obj, map, key, &action);
}

enum { DENY, ALLOW };

static int acl_fill(struct bpf_object *obj)
{
	static const struct {
		uint32_t protocol, port;
		uint32_t action;
	} ports[] = {
		{6, 80, ALLOW}, {17, 53, ALLOW}, {6, 23, DENY}, {17, 520, DENY}, {6, 179, DENY}};
	static const uint8_t link_local[16] = {0xfe, 0x80}, doc6[16] = {0x20, 1, 0x0d, 0xb8};
	int err = 0;

	err |= set_prefix(obj, "sources4", 8, (uint8_t[]){10}, 1, DENY);
	err |= set_prefix(obj, "sources4", 24, (uint8_t[]){10, 0, 0}, 3, ALLOW);
	err |= set_prefix(obj, "sources4", 32, (uint8_t[]){10, 0, 0, 2}, 4, DENY);
	err |= set_prefix(obj, "sources4", 16, (uint8_t[]){192, 168}, 2, ALLOW);
	err |= set_prefix(obj, "sources4", 25, (uint8_t[]){192, 168, 1, 128}, 4, DENY);
	err |= set_prefix(obj, "sources6", 10, link_local, 16, DENY);
	err |= set_prefix(obj, "sources6", 32, doc6, 16, ALLOW);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		err |= map_set(obj, "ports", &ports[i].protocol, &ports[i].action);
	return err ? -EINVAL : 0;
}

static int sampler_configure(struct bpf_object *obj)
{
	return set_global(obj, ".rodata", 0, 3); /* every third: more than the ring holds */
}

static const struct module modules[] = {
	{"acl", {"acl_xdp", "acl_tc"}, {"hits"}, NULL, acl_fill},
	{"counter", {"counter_xdp", "counter_tc"}, {"traffic", "uncounted"}, NULL, NULL},
	{"sampler", {"sampler_xdp", "sampler_tc"}, {"progress"}, sampler_configure, NULL},
};

/* ---- both sides ----------------------------------------------------------------------------- */

static int side_open(struct side *side, const struct module *module)
{
	struct load_session *before = load_enter(&side->session);
	struct visor_diag diag = {0};
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/modules/%s.o", getenv("VISOR_BUILD"), module->name);
	err = load_open(path, &side->obj, &diag);
	if (!err && module->configure)
		err = module->configure(side->obj);
	if (!err)
		err = load_load(side->obj, &diag);
	if (!err && module->fill)
		err = module->fill(side->obj);
	for (int i = 0; !err && i < 2; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(side->obj, module->programs[i]);

		side->progs[i] = prog ? bpf_program__fd(prog) : -ENOENT;
		err = side->progs[i] < 0 ? side->progs[i] : 0;
	}
	load_enter(before);
	if (err) {
		visor_diag_print(&diag, stderr);
		return fail(module->name, err);
	}
	return 0;
}

static void side_close(struct side *side)
{
	struct load_session *before = load_enter(&side->session);

	bpf_object__close(side->obj);
	side->obj = NULL;
	load_enter(before);
}

/* The verdict, or the error of the run. */
static int64_t side_run(struct side *side, int prog, const void *data, uint32_t size)
{
	struct load_session *before = load_enter(&side->session);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = size, .repeat = 1);
	int err = bpf_prog_test_run_opts(side->progs[prog], &opts);

	load_enter(before);
	return err ? err : (int64_t)opts.retval;
}

static int run_capture(const char *path, struct side *sides, const struct module *module,
		       struct totals *totals)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	unsigned n = 0;
	pcap_t *pcap = pcap_open_offline(path, error);

	if (!pcap) {
		totals->unreadable++;
		return 0;
	}
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		totals->not_ethernet++;
		pcap_close(pcap);
		return 0;
	}
	totals->files++;
	while (pcap_next_ex(pcap, &head, &data) == 1) {
		n++;
		for (int prog = 0; prog < 2; prog++) {
			int64_t kernel = side_run(&sides[0], prog, data, head->caplen);
			int64_t user = side_run(&sides[1], prog, data, head->caplen);

			if (kernel != user) {
				fprintf(stderr,
					"%s: packet %u, %u bytes: %s: kernel %lld, user %lld\n",
					path, n, head->caplen, module->programs[prog],
					(long long)kernel, (long long)user);
				pcap_close(pcap);
				return -EBADMSG;
			}
			totals->packets += kernel >= 0;
			totals->refused += kernel < 0;
			totals->dropped += kernel == (prog ? 2 /* TC_ACT_SHOT */ : XDP_DROP);
		}
	}
	pcap_close(pcap);
	return 0;
}

static int run_captures(struct side *sides, const struct module *module, struct totals *totals)
{
	char folder[3000], path[4096];
	struct dirent **names;
	int n, err = 0;

	snprintf(folder, sizeof(folder), "%s/captures", getenv("VISOR_DATA"));
	n = scandir(folder, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (!err && names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
			err = run_capture(path, sides, module, totals);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return err;
}

/* ---- maps -------------------------------------------------------------------------------------
 */

/* The entries of a per-CPU map, each value's 64-bit words added up over the CPUs. */
struct dump {
	uint32_t key_size, words, n;
	uint8_t *keys;
	uint64_t *sums;
};

static int dump_read(struct dump *dump, struct side *side, const char *name)
{
	struct load_session *before = load_enter(&side->session);
	struct bpf_map *map = bpf_object__find_map_by_name(side->obj, name);
	int cpus = libbpf_num_possible_cpus(), fd = map ? bpf_map__fd(map) : -ENOENT, err = -ENOMEM;
	uint32_t max = map ? bpf_map__max_entries(map) : 0;
	uint64_t *values = NULL;

	memset(dump, 0, sizeof(*dump));
	if (fd < 0 || cpus < 1) {
		err = -ENOENT;
		goto out;
	}
	dump->key_size = bpf_map__key_size(map);
	dump->words = bpf_map__value_size(map) / 8;
	dump->keys = calloc(max + 1, dump->key_size);
	dump->sums = calloc(max, dump->words * 8);
	values = calloc(cpus, dump->words * 8);
	if (!dump->keys || !dump->sums || !values)
		goto out;
	for (;; dump->n++) {
		uint8_t *key = dump->keys + dump->n * dump->key_size;
		uint64_t *sum = dump->sums + dump->n * dump->words;

		err = bpf_map_get_next_key(fd, dump->n ? key - dump->key_size : NULL, key);
		if (err == -ENOENT) {
			err = 0;
			break;
		}
		if (!err && dump->n == max)
			err = -E2BIG;
		if (!err)
			err = bpf_map_lookup_elem(fd, key, values);
		if (err)
			break;
		for (int cpu = 0; cpu < cpus; cpu++)
			for (uint32_t w = 0; w < dump->words; w++)
				sum[w] += values[cpu * dump->words + w];
	}
out:
	free(values);
	load_enter(before);
	return err;
}

static void dump_free(struct dump *dump)
{
	free(dump->keys);
	free(dump->sums);
}

/* Every entry of a is in b with the same sums. */
static bool dump_within(const struct dump *a, const struct dump *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t j = 0;

		while (j < b->n &&
		       memcmp(a->keys + i * a->key_size, b->keys + j * b->key_size, a->key_size))
			j++;
		if (j == b->n ||
		    memcmp(a->sums + i * a->words, b->sums + j * b->words, a->words * 8))
			return false;
	}
	return true;
}

static void dump_print(const struct dump *dump, const char *side, const char *map)
{
	for (uint32_t i = 0; i < dump->n; i++) {
		fprintf(stderr, "  %s %s:", side, map);
		for (uint32_t k = 0; k < dump->key_size; k += 4)
			fprintf(stderr, " %u", *(uint32_t *)(dump->keys + i * dump->key_size + k));
		fprintf(stderr, " =");
		for (uint32_t w = 0; w < dump->words; w++)
			fprintf(stderr, " %llu",
				(unsigned long long)dump->sums[i * dump->words + w]);
		fprintf(stderr, "\n");
	}
}

static int compare_map(struct side *sides, const char *name)
{
	struct dump dumps[2];
	uint64_t sum = 0;
	int err = 0;

	for (int s = 0; s < 2; s++) {
		int e = dump_read(&dumps[s], &sides[s], name);

		err = err ? err : e;
	}
	if (err) {
		fail(name, err);
	} else if (dumps[0].n != dumps[1].n || !dump_within(&dumps[0], &dumps[1])) {
		fprintf(stderr, "map %s differs\n", name);
		dump_print(&dumps[0], sides[0].name, name);
		dump_print(&dumps[1], sides[1].name, name);
		err = -EBADMSG;
	}
	for (uint32_t i = 0; !err && i < dumps[0].n * dumps[0].words; i++)
		sum += dumps[0].sums[i];
	if (!err && !sum && strcmp(name, "uncounted")) {
		fprintf(stderr, "map %s is empty: nothing was compared\n", name);
		err = -ENODATA;
	}
	if (!err)
		printf("  %s: %u entries, the same\n", name, dumps[0].n);
	dump_free(&dumps[0]);
	dump_free(&dumps[1]);
	return err;
}

static int test_module(const struct module *module, struct side *sides)
{
	struct totals totals = {0};
	int err;

	err = side_open(&sides[0], module);
	if (!err)
		err = side_open(&sides[1], module);
	if (!err)
		err = run_captures(sides, module, &totals);
	if (!err && totals.packets < 1000)
		err = fail("too few packets to mean anything", -ENODATA);
	if (!err)
		printf("%s: %u files, %u runs, %u dropped, %u refused by both; not Ethernet %u, "
		       "unreadable %u\n",
		       module->name, totals.files, totals.packets, totals.dropped, totals.refused,
		       totals.not_ethernet, totals.unreadable);
	for (int i = 0; !err && i < 3 && module->maps[i]; i++)
		err = compare_map(sides, module->maps[i]);
	side_close(&sides[0]);
	side_close(&sides[1]);
	return err;
}

int main(void)
{
	struct side sides[2] = {{.name = "kernel"}, {.name = "user"}};
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct visor_diag diag = {0};
	char path[4096];
	int fd, failed = 0;

	if (!getenv("VISOR_BUILD") || !getenv("VISOR_DATA")) {
		fprintf(stderr, "skipped: VISOR_BUILD and VISOR_DATA are not set\n");
		return SKIP;
	}
	snprintf(path, sizeof(path), "%s/captures", getenv("VISOR_DATA"));
	if (access(path, R_OK)) {
		fprintf(stderr, "skipped: %s is not there\n", path);
		return SKIP;
	}
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	fd = bpf_map_create(
		BPF_MAP_TYPE_LPM_TRIE, "probe", 8, 4, 1,
		&(struct bpf_map_create_opts){.sz = sizeof(opts), .map_flags = BPF_F_NO_PREALLOC});
	if (fd < 0) {
		fprintf(stderr, "skipped: no bpf on this kernel for us: %s\n", strerror(errno));
		return SKIP;
	}
	close(fd);
	if (visor_open(NULL, &sides[1].session.visor, &diag)) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		failed |= test_module(&modules[i], sides) != 0;
	visor_close(sides[1].session.visor);
	return failed;
}
