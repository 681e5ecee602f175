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
 * and lines that describe maps and types: world.h.
 *
 * usage: run DIRECTORY accept|reject [kernel]
 * With "kernel" the kernel's verdict is compared as well; exit status 77 if there is no bpf(2).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isa/asm.h"
#include "world.h"

struct expectation {
	const struct prog_type *type;
	char license[64], text[200], kernel_text[200], ctx[200];
	int err, kernel_err;
	uint32_t flags, attach_type;
	struct world world;
};

static int failures;

static int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {{"EINVAL", EINVAL},
		     {"EACCES", EACCES},
		     {"E2BIG", E2BIG},
		     {"ENOMEM", ENOMEM},
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

/* Also types that only the kernel can run. */
static const struct prog_type *type_by_name(const char *name)
{
	for (uint32_t i = 1; i < 64; i++) {
		const struct prog_type *type = catalog_prog_known(i);

		if (type && !strcmp(type->name, name))
			return type;
	}
	return NULL;
}

static void read_expectation(const char *text, struct expectation *e)
{
	char value[200];

	memset(e, 0, sizeof(*e));
	strcpy(e->license, "GPL");
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (key(line, "# type: ", value, sizeof(value)))
			e->type = type_by_name(value);
		else if (key(line, "# attach-type: ", value, sizeof(value)))
			e->attach_type = (uint32_t)atoi(value);
		else if (key(line, "# sleepable", value, sizeof(value)))
			e->flags |= BPF_F_SLEEPABLE;
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

static void check_ours(const char *name, const struct verify_image *image,
		       const struct expectation *e)
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
}

static void check_kernel(const char *name, const struct verify_image *image, struct bpf_insn *insns,
			 struct expectation *e)
{
	static char log[1 << 20];
	union bpf_attr attr = {
		.prog_type = image->type->type,
		.insn_cnt = image->n_insns,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)e->license,
		.expected_attach_type = e->attach_type,
		.prog_flags = e->flags,
		.log_level = 1,
		.log_size = sizeof(log),
		.log_buf = (uintptr_t)log,
	};
	int fd, err;

	log[0] = '\0';
	err = world_kernel(&e->world, &attr, insns, image->n_insns);
	if (err) {
		printf("FAIL %s: the kernel refuses maps or types: %s\n", name, strerror(-err));
		failures++;
		return;
	}
	fd = (int)syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (err != e->kernel_err || (err && log[0] && !strstr(log, e->kernel_text))) {
		printf("FAIL %s: the kernel says %d, expected %d \"%s\"\n%s\n", name, err,
		       e->kernel_err, e->kernel_text, log);
		failures++;
	}
}

static bool takes_addresses(const struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

static void run_file(const char *path, const char *name, bool kernel, struct btf_target *target)
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
	if (kernel) {
		check_kernel(name, &image, insns, &e);
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
	bool kernel = argc == 4 && !strcmp(argv[3], "kernel");
	char path[4096];
	struct btf_target *target = NULL;
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	if (argc < 3)
		return 2;
	if (kernel && !kernel_has_bpf()) {
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
		run_file(path, entry->d_name, kernel, target);
		n++;
	}
	closedir(dir);
	btf_target_unref(target);
	printf("%d programs, %d failures\n", n, failures);
	return failures || !n;
}
