/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain.c - what a hop of a chain costs, beside a bare tail call, and eight modules over a
 * capture on both engines.
 *
 * A chain's hop is a module that does nothing but return `pass`, stitched as the loader stitches
 * it. The depths and kinds are interleaved: one round takes a sample of each, so that what else
 * the machine does falls on all of them. Prints JSON; the ratios are scripts/bench's.
 */
#include <bpf/bpf.h>
#include <errno.h>
#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is the classic one */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/stitch.h"
#include "load/load.h"
#include "map/map.h"

#define DEEPEST	    32
#define MODULES	    8
#define ROWS	    16 /* of each hop: more than any input here has */
#define MAX_PACKETS 4096
#define BATCH	    64
#define REPEAT	    1984 /* of each packet: whole batches */

static const uint32_t depths[] = {1, 8, DEEPEST};

/* ENGINES x kinds. */
enum kind { BARE, STITCHED, SAMPLED, KINDS };
static const char *const kind_names[] = {"bare", "stitched", "sampled"};

struct side {
	const char *name;
	struct load_session session;
	int slots_fd[KINDS][ARRAY_SIZE(depths)];
	int first_fd[KINDS][ARRAY_SIZE(depths)];
	struct visor_prog *first[KINDS][ARRAY_SIZE(depths)];
	int modules_fd;
	struct visor_prog *modules;
};

static struct visor_packet packets[MAX_PACKETS];
static uint32_t n_packets;

static void fail(const char *what, int err, const struct visor_diag *d)
{
	fprintf(stderr, "bench-chain: %s: %s%s%s\n", what, strerror(-err), d ? ": " : "",
		d ? d->text : "");
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int make_map(uint32_t type, uint32_t value_size, uint32_t entries, uint32_t flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};
	int fd = load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		fail("map", fd, NULL);
	return fd;
}

static void set_slot(int slots_fd, uint32_t slot, int prog_fd)
{
	uint32_t value = (uint32_t)prog_fd;
	union bpf_attr attr = {
		.map_fd = (uint32_t)slots_fd, .key = (uintptr_t)&slot, .value = (uintptr_t)&value};
	int err = load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));

	if (err < 0)
		fail("slot", err, NULL);
}

static int load(struct bpf_insn *insns, uint32_t n, const struct stitch *how)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = n,
			       .license = (uintptr_t) "Dual BSD/GPL"};
	struct stitched st = {0};
	struct visor_diag d = {0};
	int fd;

	if (how && stitch_program(how, &attr, &st, &d))
		fail("stitch", d.err, &d);
	if (how)
		stitched_apply(&st, &attr);
	fd = load_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		fail("program", fd, NULL);
	stitched_free(&st);
	return fd;
}

static uint32_t cpus(void)
{
	return (uint32_t)round_up_pow2(map_possible_cpus());
}

static struct stitch stitch_for(int slots_fd, int counters_fd, uint32_t rows)
{
	return (struct stitch){.hook = hook_get(CHAIN_HOOK_XDP),
			       .row_other = ROWS - 2,
			       .row_missed = ROWS - 1,
			       .row_time = ROWS,
			       .slots_fd = slots_fd,
			       .counters_fd = counters_fd,
			       .stride = counters_stride(rows),
			       .n_cpus = cpus()};
}

static int make_counters(uint32_t rows)
{
	return make_map(BPF_MAP_TYPE_ARRAY, counters_stride(rows) * cpus(), 1, BPF_F_MMAPABLE);
}

/* Program i of a chain of `depth` hops (and one program more, which ends it). */
static int hop(enum kind kind, uint32_t i, uint32_t depth, int slots_fd, int counters_fd)
{
	struct bpf_insn bare[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = (int)i},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = slots_fd},
		{0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_ABORTED},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_insn module[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct stitch_output pass = {.value = XDP_PASS,
					   .row = XDP_PASS,
					   .to = i < depth ? STITCH_SLOT : STITCH_RETURN,
					   .index = i};
	struct stitch how = stitch_for(slots_fd, counters_fd, (DEEPEST + 1) * (ROWS + 1));

	how.outputs = &pass;
	how.n_outputs = 1;
	how.base = counters_at(i * (ROWS + 1));
	how.timed = kind == SAMPLED;
	if (kind != BARE)
		return load(module, ARRAY_SIZE(module), &how);
	return i < depth ? load(bare, ARRAY_SIZE(bare), NULL)
			 : load(module, ARRAY_SIZE(module), NULL);
}

static void make_hops(struct side *s, enum kind kind, uint32_t d)
{
	int counters_fd = make_counters((DEEPEST + 1) * (ROWS + 1));

	s->slots_fd[kind][d] = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, DEEPEST + 1, 0);
	for (uint32_t i = 0; i <= depths[d]; i++) {
		int fd = hop(kind, i, depths[d], s->slots_fd[kind][d], counters_fd);

		if (i)
			set_slot(s->slots_fd[kind][d], i - 1, fd);
		else
			s->first_fd[kind][d] = fd;
	}
}

/* ---- running ----------------------------------------------------------------------------------
 */

/*
 * ns of a packet: in whole ones, as the kernel says. *call, if wanted: in parts of them, with the
 * time that the call itself takes.
 */
static double run_kernel(int fd, const struct visor_packet *p, uint32_t repeat, double *call)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
		    .repeat = (int)repeat);
	double start = now();

	if (bpf_prog_test_run_opts(fd, &opts))
		fail("test run", -errno, NULL);
	if (call)
		*call = (now() - start) / repeat;
	return opts.duration;
}

/* The capture, packet after packet, in batches as a port delivers them. */
static double run_user(struct visor_prog *prog, uint32_t rounds)
{
	struct visor_diag d = {0};
	double start = now();

	for (uint32_t r = 0; r < rounds; r++)
		for (uint32_t at = 0; at < n_packets; at += BATCH) {
			uint32_t n = MIN(n_packets - at, (uint32_t)BATCH);

			if (visor_prog_run_batch(prog, packets + at, n, &d) != (int)n)
				fail("run", d.err, &d);
		}
	return (now() - start) / ((double)rounds * n_packets);
}

/* One packet again and again, as the kernel's test run does it. */
static double repeat_user(struct visor_prog *prog, const struct visor_packet *p, uint32_t repeat)
{
	struct visor_packet copies[BATCH];
	struct visor_diag d = {0};
	double start;

	for (uint32_t i = 0; i < BATCH; i++)
		copies[i] = *p;
	start = now();
	for (uint32_t done = 0; done < repeat; done += BATCH)
		if (visor_prog_run_batch(prog, copies, BATCH, &d) != BATCH)
			fail("run", d.err, &d);
	return (now() - start) / repeat;
}

/* ---- the capture, and eight modules over it ---------------------------------------------------
 */

#define ROOM 256 /* before a packet, as XDP has it */

static void read_capture(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *head;
	const u_char *data;

	if (!pcap) {
		fprintf(stderr, "bench-chain: %s\n", error);
		exit(1);
	}
	while (n_packets < MAX_PACKETS && pcap_next_ex(pcap, &head, &data) == 1) {
		struct visor_packet *p = &packets[n_packets++];
		uint8_t *start = malloc(2 * ROOM + head->caplen);

		if (!start)
			fail("packets", -ENOMEM, NULL);
		memcpy(start + ROOM, data, head->caplen);
		p->start = start;
		p->meta = p->data = start + ROOM;
		p->end = p->data + head->caplen;
		p->stop = p->end + ROOM;
		p->len = head->caplen;
	}
	pcap_close(pcap);
}

struct rig {
	struct stitch how;
	struct bpf_object *obj;
	struct stitched kept;
	struct stitch_output pass;
};

static int rig_stitch(void *user, union bpf_attr *attr, unsigned size)
{
	struct rig *r = user;
	struct bpf_program *prog;
	struct visor_diag d = {0};

	bpf_object__for_each_program(prog, r->obj)
	{
		if (attr->insns != (uintptr_t)bpf_program__insns(prog))
			continue;
		stitched_free(&r->kept);
		if (stitch_program(&r->how, attr, &r->kept, &d))
			fail("stitch", d.err, &d);
		stitched_apply(&r->kept, attr);
	}
	return 0;
}

static int rig_load(struct side *s, struct rig *r, const char *folder, const char *name)
{
	struct bpf_program *prog;
	struct visor_diag d = {0};
	struct bpf_map *map;
	char path[4096];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s.o", folder, name);
	s->session.on_prog_load = rig_stitch;
	s->session.user = r;
	if (load_open(path, &r->obj, &d))
		fail(path, d.err, &d);
	bpf_object__for_each_program(prog, r->obj)
		bpf_program__set_autoload(prog, bpf_program__type(prog) == BPF_PROG_TYPE_XDP);
	bpf_object__for_each_map(map, r->obj) bpf_map__set_pin_path(map, NULL);
	if (load_load(r->obj, &d))
		fail(path, d.err, &d);
	s->session.on_prog_load = NULL;
	bpf_object__for_each_program(prog, r->obj) if (bpf_program__autoload(prog)) fd =
		bpf_program__fd(prog);
	return fd;
}

static void make_modules(struct side *s, const char *folder)
{
	static const char *const names[MODULES] = {"counter", "acl",	 "sampler", "counter",
						   "acl",     "sampler", "counter", "acl"};
	static struct rig rigs[2 * MODULES], *r = rigs;
	int counters_fd = make_counters(MODULES * (ROWS + 1));
	int slots_fd = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, MODULES, 0);

	for (uint32_t i = 0; i < MODULES; i++, r++) {
		int fd;

		r->pass =
			(struct stitch_output){.value = XDP_PASS,
					       .row = XDP_PASS,
					       .to = i < MODULES - 1 ? STITCH_SLOT : STITCH_RETURN,
					       .index = i};
		r->how = stitch_for(slots_fd, counters_fd, MODULES * (ROWS + 1));
		r->how.outputs = &r->pass;
		r->how.n_outputs = 1;
		r->how.base = counters_at(i * (ROWS + 1));
		fd = rig_load(s, r, folder, names[i]);
		if (i)
			set_slot(slots_fd, i - 1, fd);
		else
			s->modules_fd = fd;
	}
}

/* ---- all of it -------------------------------------------------------------------------------
 */

static void make_side(struct side *s, const char *folder)
{
	struct load_session *before = load_enter(&s->session);
	struct visor_diag d = {0};

	for (uint32_t k = 0; k < KINDS; k++)
		for (uint32_t i = 0; i < ARRAY_SIZE(depths); i++) {
			make_hops(s, k, i);
			if (s->session.visor &&
			    visor_prog_from_fd(s->session.visor, s->first_fd[k][i], &s->first[k][i],
					       &d))
				fail("program", d.err, &d);
		}
	make_modules(s, folder);
	if (s->session.visor &&
	    visor_prog_from_fd(s->session.visor, s->modules_fd, &s->modules, &d))
		fail("program", d.err, &d);
	load_enter(before);
}

static double sample_hops(const struct side *s, uint32_t kind, uint32_t i)
{
	double ns;

	if (s->session.visor)
		return run_user(s->first[kind][i], 1 + 20000 / n_packets);
	run_kernel(s->first_fd[kind][i], &packets[0], 100000, &ns);
	return ns;
}

static double sample_modules(const struct side *s)
{
	double sum = 0;

	for (uint32_t i = 0; i < n_packets; i++)
		sum += s->session.visor ? repeat_user(s->modules, &packets[i], REPEAT)
					: run_kernel(s->modules_fd, &packets[i], REPEAT, NULL);
	return sum / n_packets;
}

static void print_samples(const double *v, uint32_t n)
{
	putchar('[');
	for (uint32_t i = 0; i < n; i++)
		printf("%s%.2f", i ? ", " : "", v[i]);
	putchar(']');
}

int main(int argc, char **argv)
{
	static struct side sides[] = {{.name = "kernel"}, {.name = "user"}};
	static double hops[2][KINDS][ARRAY_SIZE(depths)][256], modules[2][256], sequence[256];
	uint32_t rounds = argc > 3 ? MIN((uint32_t)atoi(argv[3]), 256u) : 15, first;
	struct visor_diag d = {0};

	if (argc < 3)
		return fprintf(stderr, "usage: bench-chain CAPTURE MODULES [ROUNDS]\n"), 2;
	read_capture(argv[1]);
	if (visor_open(NULL, &sides[1].session.visor, &d))
		fail("engine", d.err, &d);
	/* Without the right to use the kernel's BPF, only ours. */
	first = geteuid() ? 1 : 0;
	for (uint32_t s = first; s < 2; s++)
		make_side(&sides[s], argv[2]);
	for (uint32_t r = 0; r < rounds; r++)
		for (uint32_t s = first; s < 2; s++) {
			struct load_session *before = load_enter(&sides[s].session);

			for (uint32_t k = 0; k < KINDS; k++)
				for (uint32_t i = 0; i < ARRAY_SIZE(depths); i++)
					hops[s][k][i][r] = sample_hops(&sides[s], k, i);
			if (r % 5 == 0)
				modules[s][r / 5] = sample_modules(&sides[s]);
			if (r % 5 == 0 && sides[s].session.visor)
				sequence[r / 5] = run_user(sides[s].modules, 1 + 20000 / n_packets);
			load_enter(before);
		}
	printf("{\"depths\": [1, 8, %d], \"hops\": {", DEEPEST);
	for (uint32_t s = first; s < 2; s++) {
		printf("%s\"%s\": {", s > first ? ", " : "", sides[s].name);
		for (uint32_t k = 0; k < KINDS; k++) {
			printf("%s\"%s\": [", k ? ", " : "", kind_names[k]);
			for (uint32_t i = 0; i < ARRAY_SIZE(depths); i++) {
				printf("%s", i ? ", " : "");
				print_samples(hops[s][k][i], rounds);
			}
			putchar(']');
		}
		putchar('}');
	}
	printf("}, \"modules\": {");
	for (uint32_t s = first; s < 2; s++) {
		printf("%s\"%s\": ", s > first ? ", " : "", sides[s].name);
		print_samples(modules[s], (rounds + 4) / 5);
	}
	printf(", \"user, in sequence\": ");
	print_samples(sequence, (rounds + 4) / 5);
	puts("}}");
	return 0;
}
