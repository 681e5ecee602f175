/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - the `verify` benchmark: every program of the objects given, verified by us and
 * loaded in the running kernel, which says itself how long its verifier took.
 *
 * Each program has a process of its own, so that our first sample is that of a process which has
 * verified nothing before; the others are of one that has. Output is JSON for scripts/bench.
 */
#include "load/examine.h"
#include "load/bridge.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ROUNDS 101
#define LOG_STATS  4 /* BPF_LOG_STATS */

struct side {
	const char *verdict; /* accepted, rejected; error: its verifier was not asked */
	char message[512];
	uint32_t insns, states;
	uint64_t peak_memory;
	double us[MAX_ROUNDS];
	int n;
};

static int rounds = 15;

static void print_text(const char *name, const char *text)
{
	printf("\"%s\": \"", name);
	for (; *text && *text != '\n'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar((unsigned char)*text < ' ' ? ' ' : *text);
	}
	printf("\"");
}

static void print_side(const char *name, const struct side *s)
{
	printf(", \"%s\": {", name);
	print_text("verdict", s->verdict);
	printf(", ");
	print_text("message", s->message);
	printf(", \"insns\": %u, \"states\": %u, \"peak_memory\": %llu, \"us\": [", s->insns,
	       s->states, (unsigned long long)s->peak_memory);
	for (int i = 0; i < s->n; i++)
		printf("%s%.1f", i ? ", " : "", s->us[i]);
	printf("]}");
}

/* ---- ours ------------------------------------------------------------------------------- */

static int ours_verify(void *user, struct examined *prog, struct verify_image *image,
		       const struct verified **out, struct visor_diag *diag)
{
	struct side *s = user;
	struct verify_stats *stats = image->stats;
	int err = 0;

	for (s->n = 0; s->n < rounds + 1; s->n++) {
		if (s->n && !err)
			verified_unref(*out);
		*diag = (struct visor_diag){0};
		err = verify_image(image, out, diag);
		s->us[s->n] = (double)stats->time_ns / 1000;
	}
	s->insns = stats->insns_processed;
	s->states = stats->total_states;
	s->peak_memory = stats->peak_memory;
	return err;
}

static void ours_run(const char *path, const char *program, struct side *s)
{
	const struct examine_opts opts = {
		.only = &program, .n_only = 1, .verify = ours_verify, .user = s};
	struct examination x;
	struct visor_diag diag = {0};

	s->verdict = "error";
	if (examine(path, &opts, &x, &diag)) {
		snprintf(s->message, sizeof(s->message), "%s", diag.text);
		return;
	}
	for (uint32_t i = 0; i < x.n_progs; i++) {
		const struct examine_result *r = &x.progs[i].ours;

		if (strcmp(x.progs[i].name, program) != 0)
			continue;
		if (r->verdict != EXAMINE_ERROR)
			s->verdict = r->verdict == EXAMINE_ACCEPTED ? "accepted" : "rejected";
		snprintf(s->message, sizeof(s->message), "%s", r->message);
	}
	examine_free(&x);
}

/* ---- the kernel's ----------------------------------------------------------------------- */

/* The statistics at the end of a log; false: there are none. */
static bool kernel_stats(const char *log, struct side *s)
{
	const char *at = strstr(log, "verification time "), *processed = strstr(log, "processed ");
	const char *states = processed ? strstr(processed, "total_states ") : NULL;
	unsigned int us;

	if (!at || !states || s->n == MAX_ROUNDS || sscanf(at, "verification time %u", &us) != 1)
		return false;
	s->us[s->n++] = us;
	sscanf(processed, "processed %u", &s->insns);
	sscanf(states, "total_states %u", &s->states);
	return true;
}

static void kernel_message(const char *log, struct side *s)
{
	const char *end = strstr(log, "verification time "), *start;

	while (end && end > log && end[-1] == '\n')
		end--;
	if (!end || end == log)
		return;
	for (start = end; start > log && start[-1] != '\n'; start--)
		;
	snprintf(s->message, sizeof(s->message), "%.*s", (int)(end - start), start);
}

static void kernel_maps(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		bpf_map__set_pin_path(map, NULL);
		/* Loaders set it when they know how many are needed. */
		if (!bpf_map__max_entries(map))
			bpf_map__set_max_entries(map, 1);
	}
}

static void kernel_round(const struct bridge *b, const char *program, struct side *s)
{
	static char log[1 << 20];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = b->name);
	struct bpf_object *obj = bpf_object__open_mem(b->data, b->size, &opts);
	struct bpf_program *prog;
	int err;

	s->verdict = "error";
	if (!obj)
		return;
	log[0] = '\0';
	bpf_object__for_each_program(prog, obj)
	{
		bool on = !strcmp(bpf_program__name(prog), program);

		bpf_program__set_autoload(prog, on);
		bpf_program__set_log_buf(prog, log, sizeof(log));
		bpf_program__set_log_level(prog, LOG_STATS);
	}
	kernel_maps(obj);
	err = bpf_object__load(obj);
	if (kernel_stats(log, s))
		s->verdict = err ? "rejected" : "accepted";
	if (err)
		snprintf(s->message, sizeof(s->message), "%s", strerror(-err));
	if (err)
		kernel_message(log, s);
	bpf_object__close(obj);
}

/* ---- a program that uses up the budget -------------------------------------------------- */

/* Counts in two registers: no two iterations are alike, so that nothing can be pruned. */
static uint32_t budget_program(struct bpf_insn *insns)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 6},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 7},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 7, .imm = 1},
		{.code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = 7, .off = -2, .imm = 1000},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 6, .imm = 1},
		{.code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = 6, .off = -5, .imm = 1000},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	memcpy(insns, code, sizeof(code));
	return ARRAY_SIZE(code);
}

static void budget_ours(const struct bpf_insn *insns, uint32_t n, struct side *s)
{
	struct verify_stats stats = {0};
	struct verify_image image = {.insns = insns,
				     .n_insns = n,
				     .type = catalog_prog_known(BPF_PROG_TYPE_XDP),
				     .name = "budget",
				     .gpl = true,
				     .cap_sys_admin = true,
				     .stats = &stats};
	const struct verified *code;
	struct visor_diag diag = {0};
	int err = verify_image(&image, &code, &diag);

	if (!err)
		verified_unref(code);
	s->verdict = err ? "rejected" : "accepted";
	snprintf(s->message, sizeof(s->message), "%s", diag.text);
	s->us[s->n++] = (double)stats.time_ns / 1000;
	s->insns = stats.insns_processed;
	s->states = stats.total_states;
	s->peak_memory = stats.peak_memory;
}

static void budget_kernel(const struct bpf_insn *insns, uint32_t n, struct side *s)
{
	static char log[4096];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = LOG_STATS);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "budget", "GPL", insns, n, &opts);

	s->verdict = kernel_stats(log, s) ? fd < 0 ? "rejected" : "accepted" : "error";
	if (fd < 0)
		kernel_message(log, s);
	else
		close(fd);
}

/* ---- the whole -------------------------------------------------------------------------- */

static void measure_program(const char *path, const char *program, const char *section)
{
	static struct side ours, kernel;
	struct visor_diag diag = {0};
	struct bridge b;

	ours_run(path, program, &ours);
	if (!bridge_open(&b, path, &diag)) {
		for (int i = 0; i < rounds && (!i || kernel.n); i++)
			kernel_round(&b, program, &kernel);
		bridge_close(&b);
	}
	printf("{");
	print_text("object", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	printf(", ");
	print_text("program", program);
	printf(", ");
	print_text("section", section);
	print_side("ours", &ours);
	print_side("kernel", &kernel);
	printf("}");
}

static void measure_budget(void)
{
	static struct side ours, kernel;
	struct bpf_insn insns[16];
	uint32_t n = budget_program(insns);

	for (int i = 0; i < MIN(rounds, 3); i++) {
		budget_ours(insns, n, &ours);
		budget_kernel(insns, n, &kernel);
	}
	printf("{");
	print_text("program", "budget");
	print_side("ours", &ours);
	print_side("kernel", &kernel);
	printf("}");
}

/* In a process of its own; what it prints is whole or nothing. */
static void apart(const char *path, const char *program, const char *section)
{
	static bool more;
	pid_t pid;

	printf("%s\n", more ? "," : "");
	more = true;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		exit(1);
	if (!pid) {
		if (path)
			measure_program(path, program, section);
		else
			measure_budget();
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &(int){0}, 0) != pid)
		exit(1);
}

static void measure_object(const char *path)
{
	struct visor_diag diag = {0};
	struct bpf_program *prog;
	struct bpf_object *obj;
	struct bridge b;

	if (bridge_open(&b, path, &diag)) {
		diag_at(&diag, "%s", path);
		visor_diag_print(&diag, stderr);
		return;
	}
	obj = bpf_object__open_mem(b.data, b.size, NULL);
	if (!obj)
		fprintf(stderr, "%s: libbpf cannot open it\n", path);
	else
		bpf_object__for_each_program(prog, obj)
			apart(path, bpf_program__name(prog), bpf_program__section_name(prog));
	bpf_object__close(obj);
	bridge_close(&b);
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "r:")) != -1) {
		if (opt == 'r')
			rounds = atoi(optarg);
		if (opt != 'r' || rounds < 1 || rounds >= MAX_ROUNDS) {
			fprintf(stderr, "usage: bench-verify [-r ROUNDS] OBJECT...\n");
			return 2;
		}
	}
	libbpf_set_print(NULL);
	printf("{\"programs\": [");
	for (int i = optind; i < argc; i++)
		measure_object(argv[i]);
	apart(NULL, NULL, NULL);
	printf("]}\n");
	return 0;
}
