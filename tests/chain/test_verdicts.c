/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_verdicts.c - the sample modules on the kernel and on our engine: the same verdict
 * for each packet of every capture, and the same map contents afterwards.
 *
 * Needs VISOR_DATA, VISOR_BUILD (tests/meson.build) and the right to use the kernel's BPF.
 */
#include <dirent.h>
#include <errno.h>
#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is the classic one */
#include <pcap/pcap.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/pkt_cls.h>

#include "side.h"

struct module {
	const char *name;
	const char *maps[3]; /* compared afterwards; all but an optional one must not be empty */
	const struct side_const *consts;
	int (*fill)(struct side *side);
};

struct totals {
	unsigned files, unreadable, not_ethernet, runs, refused, dropped;
};

/* Rules that catch some packets of the captures in each of the ways there are. */
static int acl_fill(struct side *side)
{
	static const struct {
		uint32_t protocol, port, action;
	} ports[] = {
		{6, 80, SIDE_ALLOW},  {17, 53, SIDE_ALLOW}, {6, 23, SIDE_DENY},
		{17, 520, SIDE_DENY}, {6, 179, SIDE_DENY},
	};
	static const struct {
		uint32_t bits;
		uint8_t address[4];
		uint32_t action;
	} sources[] = {
		{8, {10}, SIDE_DENY},
		{24, {10, 0, 0}, SIDE_ALLOW},
		{32, {10, 0, 0, 2}, SIDE_DENY},
		{16, {192, 168}, SIDE_ALLOW},
		{25, {192, 168, 1, 128}, SIDE_DENY},
	};
	static const uint8_t link_local[16] = {0xfe, 0x80}, example[16] = {0x20, 1, 0x0d, 0xb8};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(sources); i++)
		err = side_prefix_set(side, "sources4", sources[i].bits, sources[i].address, 4,
				      sources[i].action);
	for (size_t i = 0; !err && i < ARRAY_SIZE(ports); i++)
		err = side_map_set(side, "ports", &ports[i].protocol, &ports[i].action);
	if (!err)
		err = side_prefix_set(side, "sources6", 10, link_local, 16, SIDE_DENY);
	return err ? err : side_prefix_set(side, "sources6", 32, example, 16, SIDE_ALLOW);
}

static const struct module modules[] = {
	{.name = "acl", .maps = {"hits"}, .fill = acl_fill},
	{.name = "counter", .maps = {"traffic"}},
	/* Every third packet is more than the ring holds: losses are compared, too. */
	{.name = "sampler",
	 .maps = {"progress"},
	 .consts = (struct side_const[]){{"every", 3}, {0}}},
};

/* One packet through one of the two programs on both sides. */
static int run_packet(struct side *sides, bool tc, const void *data, uint32_t size,
		      struct totals *totals)
{
	int64_t verdict[2];

	for (int s = 0; s < 2; s++)
		verdict[s] = side_run(&sides[s], tc ? sides[s].tc : sides[s].xdp, data, size);
	if (verdict[0] != verdict[1]) {
		fprintf(stderr, "%s, %u bytes: kernel %lld, user %lld\n", tc ? "tc" : "xdp", size,
			(long long)verdict[0], (long long)verdict[1]);
		return -EBADMSG;
	}
	if (verdict[0] < 0)
		totals->refused++;
	else
		totals->runs++;
	totals->dropped += verdict[0] == (tc ? TC_ACT_SHOT : XDP_DROP);
	return 0;
}

static int run_capture(const char *path, struct side *sides, struct totals *totals)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	unsigned n = 0;
	int err = 0;
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
	while (!err && pcap_next_ex(pcap, &head, &data) == 1) {
		n++;
		err = run_packet(sides, false, data, head->caplen, totals);
		if (!err)
			err = run_packet(sides, true, data, head->caplen, totals);
	}
	if (err)
		fprintf(stderr, "%s: packet %u differs\n", path, n);
	pcap_close(pcap);
	return err;
}

static int run_captures(struct side *sides, struct totals *totals)
{
	char folder[3000], path[4096];
	struct dirent **names;
	int n, err = 0;

	snprintf(folder, sizeof(folder), "%s/captures", getenv("VISOR_DATA"));
	n = scandir(folder, &names, NULL, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (!err && names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
			err = run_capture(path, sides, totals);
		}
		free(names[i]);
	}
	free(names);
	return err;
}

/* Every entry of a is in b with the same sums. */
static bool dump_within(const struct side_dump *a, const struct side_dump *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const uint64_t *sums = side_dump_find(b, a->keys + i * a->key_size);

		if (!sums || memcmp(a->sums + i * a->words, sums, a->words * 8))
			return false;
	}
	return true;
}

static int compare_map(struct side *sides, const char *name)
{
	struct side_dump kernel = {0}, user = {0};
	uint64_t sum = 0;
	int err;

	err = side_dump_read(&kernel, &sides[0], name);
	if (!err)
		err = side_dump_read(&user, &sides[1], name);
	if (err)
		goto out;
	for (uint32_t i = 0; i < kernel.n * kernel.words; i++)
		sum += kernel.sums[i];
	if (!sum) {
		fprintf(stderr, "map %s is empty: nothing was compared\n", name);
		err = -ENODATA;
	} else if (kernel.n != user.n || !dump_within(&kernel, &user)) {
		fprintf(stderr, "map %s differs\n", name);
		side_dump_print(&kernel, "kernel", name);
		side_dump_print(&user, "user", name);
		err = -EBADMSG;
	} else {
		printf("  map %s: %u entries, the same\n", name, kernel.n);
	}
out:
	side_dump_free(&kernel);
	side_dump_free(&user);
	return err;
}

static int test_module(const struct module *module, struct side *sides)
{
	struct totals totals = {0};
	int err = 0;

	for (int s = 0; !err && s < 2; s++) {
		err = side_open(&sides[s], module->name, module->consts);
		if (!err && module->fill)
			err = module->fill(&sides[s]);
	}
	if (!err)
		err = run_captures(sides, &totals);
	if (!err && totals.runs < 1000) {
		fprintf(stderr, "%u runs are too few to mean anything\n", totals.runs);
		err = -ENODATA;
	}
	if (!err)
		printf("%s: %u captures, %u runs with the same verdict, %u of them dropped; "
		       "refused by "
		       "both %u; not Ethernet %u, unreadable %u\n",
		       module->name, totals.files, totals.runs, totals.dropped, totals.refused,
		       totals.not_ethernet, totals.unreadable);
	for (int i = 0; !err && module->maps[i]; i++)
		err = compare_map(sides, module->maps[i]);
	side_close(&sides[0]);
	side_close(&sides[1]);
	return err;
}

int main(void)
{
	struct side sides[2] = {{.name = "kernel"}, {.name = "user"}};
	struct visor_diag diag = {0};
	char path[4096];
	int failed = 0;

	if (!getenv("VISOR_BUILD") || !getenv("VISOR_DATA")) {
		fprintf(stderr, "skipped: VISOR_BUILD and VISOR_DATA are not set\n");
		return SIDE_SKIP;
	}
	snprintf(path, sizeof(path), "%s/captures", getenv("VISOR_DATA"));
	if (access(path, R_OK)) {
		fprintf(stderr, "skipped: %s is not there\n", path);
		return SIDE_SKIP;
	}
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (!side_kernel_usable())
		return SIDE_SKIP;
	if (visor_open(NULL, &sides[1].session.visor, &diag)) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		failed |= test_module(&modules[i], sides) != 0;
	visor_close(sides[1].session.visor);
	return failed;
}
