/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the verifier over the programs in accept/ and reject/, and asks the kernel the same.
 *
 * A program is assembly text whose comment lines say what is expected:
 *   # type: NAME           program type (catalog name)
 *   # license: TEXT        default "GPL"
 *   # expect: ERRNO TEXT   reject/ only: our error and a part of our message
 *   # errno: ERRNO         the kernel's error where it differs from ours
 *   # kernel-text: TEXT    a part of the kernel's log, default: that of `expect`
 *   # ctx: N N ...         accept/ only: exactly these instructions access the context
 *   # sleepable            the program may sleep
 *   # attach-type: N       expected attach type
 *   # engine: ERRNO TEXT   accept/ only: accepted as by the kernel, but not to run here; our error
 * and lines that describe maps and types: world.h.
 *
 *   # log: TEXT            our log and the kernel's may differ, and why
 *
 * usage: run DIRECTORY accept|reject [kernel|log]
 * With "kernel" the kernel's verdict is compared as well, with "log" the logs of level 1 and 2,
 * line by line; exit status 77 if there is no bpf(2).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isa/asm.h"
#include "logs.h"
#include "world.h"

struct expectation {
	const struct prog_type *type;
	char license[64], text[200], kernel_text[200], ctx[200], engine_text[200];
	int err, kernel_err, engine_err;
	uint32_t flags, attach_type;
	bool log_differs;
	struct world world;
};

static int failures;

static int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {{"EINVAL", EINVAL}, {"EACCES", EACCES},
		     {"EFAULT", EFAULT}, {"ENOTSUPP", BTF_ENOTSUPP},
		     {"E2BIG", E2BIG},	 {"ENOMEM", ENOMEM},
		     {"EPERM", EPERM}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].err;
	fprintf(stderr, "unknown errno name %s\n", name);
	exit(1);
}

static bool key(const char *line, const char *name, char *value, size_t size)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n))
		return false;
	snprintf(value, size, "%.*s", (int)strcspn(line + n, "\n"), line + n);
	return true;
}

static void read_expectation(const char *text, struct expectation *e)
{
	char value[200];

	memset(e, 0, sizeof(*e));
	strcpy(e->license, "GPL");
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (key(line, "# type: ", value, sizeof(value)))
			e->type = catalog_prog_known_by_name(value);
		else if (key(line, "# attach-type: ", value, sizeof(value)))
			e->attach_type = (uint32_t)atoi(value);
		else if (key(line, "# sleepable", value, sizeof(value)))
			e->flags |= BPF_F_SLEEPABLE;
		else if (key(line, "# log: ", value, sizeof(value)))
			e->log_differs = true;
		else if (world_line(&e->world, line))
			continue;
		else if (key(line, "# license: ", e->license, sizeof(e->license)))
			continue;
		else if (key(line, "# expect: ", value, sizeof(value))) {
			char *space = strchr(value, ' ');

			*space = '\0';
			e->err = e->kernel_err = errno_by_name(value);
			strcpy(e->text, space + 1);
			strcpy(e->kernel_text, space + 1);
		} else if (key(line, "# engine: ", value, sizeof(value))) {
			char *space = strchr(value, ' ');

			*space = '\0';
			e->engine_err = errno_by_name(value);
			strcpy(e->engine_text, space + 1);
		} else if (key(line, "# errno: ", value, sizeof(value)))
			e->kernel_err = errno_by_name(value);
		else if (key(line, "# kernel-text: ", e->kernel_text, sizeof(e->kernel_text)))
			continue;
		else
			key(line, "# ctx:", e->ctx, sizeof(e->ctx));
	}
}

static void check_ctx(const char *name, const struct verified *v, const struct expectation *e)
{
	char found[200] = "";

	if (!e->ctx[0])
		return;
	for (uint32_t i = 0; i < v->n_insns; i++)
		if (v->facts[i].flags & VERIFIED_CTX)
			snprintf(found + strlen(found), sizeof(found) - strlen(found), " %u", i);
	if (strcmp(found, e->ctx)) {
		printf("FAIL %s: context accesses at%s, expected%s\n", name, found, e->ctx);
		failures++;
	}
}

static void check_engine(const char *name, struct verify_image *image, const struct expectation *e)
{
	const struct verified *v = NULL;
	struct visor_diag diag = {0};
	int err;

	image->engine = true;
	err = verify_image(image, &v, &diag);
	image->engine = false;
	if (err != e->engine_err || (err && !strstr(diag.text, e->engine_text))) {
		printf("FAIL %s: to run: error %d \"%s\", expected %d \"%s\"\n", name, err,
		       diag.text, e->engine_err, e->engine_text);
		failures++;
	}
	verified_unref(v);
}

static void check_ours(const char *name, struct verify_image *image, const struct expectation *e)
{
	const struct verified *v = NULL;
	struct visor_diag diag = {0};
	int err = verify_image(image, &v, &diag);

	if (err != e->err || (err && !strstr(diag.text, e->text))) {
		printf("FAIL %s: error %d \"%s\", expected %d \"%s\"\n", name, err, diag.text,
		       e->err, e->text);
		failures++;
	}
	if (!err)
		check_ctx(name, v, e);
	verified_unref(v);
	if (e->engine_err)
		check_engine(name, image, e);
}

/* Loads the program in the kernel: its error. *refused: it was not even asked. */
static int kernel_load(const char *name, const struct verify_image *image, struct bpf_insn *insns,
		       struct expectation *e, uint32_t level, char *log, uint32_t log_size,
		       bool *refused)
{
	union bpf_attr attr = {
		.prog_type = image->type->type,
		.insn_cnt = image->n_insns,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)e->license,
		.expected_attach_type = e->attach_type,
		.prog_flags = e->flags,
		.log_level = level,
		.log_size = log_size,
		.log_buf = (uintptr_t)log,
	};
	int fd, err;

	log[0] = '\0';
	err = world_kernel(&e->world, &attr, insns, image->n_insns);
	*refused = err != 0;
	if (err) {
		printf("FAIL %s: the kernel refuses maps or types: %s\n", name, strerror(-err));
		failures++;
		return err;
	}
	fd = (int)syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static void check_kernel(const char *name, const struct verify_image *image, struct bpf_insn *insns,
			 struct expectation *e)
{
	static char log[1 << 20];
	bool refused;
	int err = kernel_load(name, image, insns, e, 1, log, sizeof(log), &refused);

	if (refused)
		return;
	if (err != e->kernel_err || (err && log[0] && !strstr(log, e->kernel_text))) {
		printf("FAIL %s: the kernel says %d, expected %d \"%s\"\n%s\n", name, err,
		       e->kernel_err, e->kernel_text, log);
		failures++;
	}
}

static void check_log(const char *name, struct verify_image *image, struct bpf_insn *insns,
		      struct expectation *e, uint32_t level, struct btf_target *target)
{
	static char kernel[1 << 20];
	struct log_text ours = {0}, theirs = {.text = kernel};
	struct verify_log log = {.level = level, .write = log_text_write, .user = &ours};
	struct bpf_insn *copy = malloc(image->n_insns * sizeof(*copy));
	const struct verified *v = NULL;
	const char *a, *b;
	bool refused;
	int line;

	memcpy(copy, insns, image->n_insns * sizeof(*copy));
	kernel_load(name, image, copy, e, level, kernel, sizeof(kernel), &refused);
	free(copy);
	world_image(&e->world, image, insns, target);
	image->log = &log;
	verify_image(image, &v, NULL);
	verified_unref(v);
	log_text_clean(&ours);
	log_text_clean(&theirs);
	line = refused ? 0 : log_text_compare(&theirs, &ours, &a, &b);
	if (line && !e->log_differs) {
		printf("FAIL %s: logs of level %u differ in line %d\n  kernel: %.*s\n"
		       "  visor:  %.*s\n",
		       name, level, line, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
		failures++;
	}
	free(ours.text);
}

static bool takes_addresses(const struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

enum mode { MODE_OURS, MODE_KERNEL, MODE_LOG };

static void run_file(const char *path, const char *name, enum mode mode, uint32_t level,
		     struct btf_target *target)
{
	static struct expectation e;
	struct isa_asm_opts opts = {.map = world_map_number, .user = &e.world};
	struct verify_image image = {.cap_sys_admin = true};
	struct bpf_insn *insns = NULL;
	struct visor_diag diag = {0};
	static char text[1 << 16];
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[len] = '\0';
	read_expectation(text, &e);
	if (!e.type || isa_assemble(text, len, &opts, &insns, &image.n_insns, &diag)) {
		printf("FAIL %s: ", name);
		visor_diag_print(&diag, stdout);
		failures++;
		return;
	}
	image.insns = insns;
	image.type = e.type;
	image.gpl = strcmp(e.license, "BSD") != 0;
	image.expected_attach_type = e.attach_type;
	image.flags = e.flags;
	image.cap_bpf = image.cap_perfmon = image.cap_net_admin = image.cap_sys_admin = true;
	world_build(&e.world, insns, image.n_insns, takes_addresses(insns, image.n_insns));
	if (mode == MODE_KERNEL) {
		check_kernel(name, &image, insns, &e);
	} else if (mode == MODE_LOG) {
		check_log(name, &image, insns, &e, level, target);
	} else {
		world_image(&e.world, &image, insns, target);
		check_ours(name, &image, &e);
	}
	world_free(&e.world);
	free(insns);
}

static bool kernel_has_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	int fd = (int)syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	enum mode mode = argc < 4 ? MODE_OURS : !strcmp(argv[3], "kernel") ? MODE_KERNEL : MODE_LOG;
	char path[4096];
	struct btf_target *target = NULL;
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	if (argc < 3)
		return 2;
	if (mode != MODE_OURS && !kernel_has_bpf()) {
		puts("skipped: this machine or user has no bpf(2)");
		return 77;
	}
	snprintf(path, sizeof(path), "%s/%s", argv[1], argv[2]);
	dir = opendir(path);
	if (!dir) {
		perror(path);
		return 1;
	}
	/* Without the kernel's types, programs that need none can be tested still. */
	btf_target_open(NULL, &target, NULL);
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".s"))
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", argv[1], argv[2], entry->d_name);
		run_file(path, entry->d_name, mode, 2 | 4, target);
		if (mode == MODE_LOG)
			run_file(path, entry->d_name, mode, 1, target);
		n++;
	}
	closedir(dir);
	btf_target_unref(target);
	printf("%d programs, %d failures\n", n, failures);
	return failures || !n;
}
