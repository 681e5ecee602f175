/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the verifier over the programs in kfunc/, which call kernel functions by their names, and
 * asks the kernel the same.
 *
 * A file has many programs. Each begins with a line
 *   === NAME TYPE[,sleepable][,not-gpl] [ERRNO [TEXT]]      (syscall: always sleepable)
 * without ERRNO it is accepted; TEXT is a part of the message, ours and the kernel's. Comment
 * lines may describe maps and types: world.h.
 *
 * usage: kfunc DIRECTORY [kernel]
 * The functions' ids are those of the running kernel: exit status 77 if its types are not at hand.
 * With "kernel" its verdict is compared as well, and our message has to be in its log.
 */
#include <ctype.h>
#include <dirent.h>

#include "btf/btf.h"
#include "isa/asm.h"
#include "world.h"

#include "../kernel.h"

struct program {
	char name[64], type[64], text[256];
	int err;
	bool sleepable, gpl;
};

static struct btf_target *target;
static int failures, count;

static int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {{"EINVAL", EINVAL}, {"EACCES", EACCES}, {"E2BIG", E2BIG},	{"ENOMEM", ENOMEM},
		     {"EPERM", EPERM},	 {"EPROTO", EPROTO}, {"EFAULT", EFAULT}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].err;
	fprintf(stderr, "unknown errno name %s\n", name);
	exit(1);
}

static void parse_head(const char *text, struct program *p)
{
	char line[512], err[32] = "";
	int at = 0;

	memset(p, 0, sizeof(*p));
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	sscanf(line, "=== %63s %63s%n %31s%n", p->name, p->type, &at, err, &at);
	p->sleepable = strstr(p->type, ",sleepable") || !strncmp(p->type, "syscall", 7);
	p->gpl = !strstr(p->type, ",not-gpl");
	p->type[strcspn(p->type, ",")] = '\0';
	if (err[0] && line[at] == ' ')
		snprintf(p->text, sizeof(p->text), "%s", line + at + 1);
	p->err = err[0] ? errno_by_name(err) : 0;
}

/* "call kfunc NAME" gets the id of the name. */
static char *resolve_names(const char *text, size_t len)
{
	const struct btf *btf = btf_target_vmlinux(target);
	size_t size = len * 2 + 4096;
	char *out = malloc(size);
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		const char *rest = text + i;
		char word[128];

		if (i > 0 && !strncmp(rest, "call kfunc ", 11) && !isdigit(rest[11]) &&
		    sscanf(rest + 11, "%127[a-z_A-Z0-9]", word) == 1) {
			uint32_t id = btf_find(btf, word, BTF_KIND_FUNC);

			n += (size_t)snprintf(out + n, size - n, "call kfunc %s#%u", word,
					      id ? id : 77777777);
			i += 11 + strlen(word);
			continue;
		}
		out[n++] = text[i++];
	}
	out[n] = '\0';
	return out;
}

static void check_ours(const struct program *p, struct verify_image *image, char *text, size_t size)
{
	const struct verified *v = NULL;
	struct visor_diag diag = {0};
	int err = verify_image(image, &v, &diag);

	if (err != p->err || (err && !strstr(diag.text, p->text))) {
		printf("FAIL %s: error %d \"%s\", expected %d \"%s\"\n", p->name, err, diag.text,
		       p->err, p->text);
		failures++;
	}
	snprintf(text, size, "%s", err ? diag.text : "");
	verified_unref(v);
}

/* The end of the kernel's log, which says why. */
static const char *last_lines(const char *log)
{
	const char *end = log + strlen(log);

	for (int lines = 0; end > log; end--)
		if (*end == '\n' && ++lines > 4)
			break;
	return end;
}

static void check_kernel(const struct program *p, const struct verify_image *image, struct world *w,
			 struct bpf_insn *insns, const char *ours)
{
	static char log[1 << 20];
	union bpf_attr attr = {
		.prog_type = image->type->type,
		.prog_flags = image->flags,
		.insn_cnt = image->n_insns,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)(p->gpl ? "GPL" : "BSD"),
		.log_level = 1,
		.log_size = sizeof(log),
		.log_buf = (uintptr_t)log,
	};
	int fd, err;

	log[0] = '\0';
	err = world_kernel(w, &attr, insns, image->n_insns);
	if (err) {
		printf("FAIL %s: the kernel refuses maps or types: %s\n", p->name, strerror(-err));
		failures++;
		return;
	}
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	err = fd < 0 ? fd : 0;
	if (fd >= 0)
		close(fd);
	if (err != p->err || (err && !strstr(log, p->text))) {
		printf("FAIL %s: the kernel says %d, expected %d \"%s\"\n%s\n", p->name, err,
		       p->err, p->text, last_lines(log));
		failures++;
	} else if (err && !strstr(log, ours)) {
		printf("FAIL %s: \"%s\", but the kernel says\n%s\n", p->name, ours,
		       last_lines(log));
		failures++;
	}
}

static int helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static const struct prog_type *type_by_name(const char *name)
{
	for (uint32_t i = 1; i < 64; i++) {
		const struct prog_type *type = catalog_prog_known(i);

		if (type && !strcmp(type->name, name))
			return type;
	}
	return NULL;
}

static bool takes_addresses(const struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

static void run_program(const struct program *p, const char *text, size_t len, bool kernel)
{
	static struct world world;
	struct isa_asm_opts opts = {.helper = helper_id, .map = world_map_number, .user = &world};
	struct verify_image image = {0};
	struct bpf_insn *insns = NULL, *copy;
	struct visor_diag diag = {0};
	char *resolved = resolve_names(text, len), ours[512];

	count++;
	for (const char *line = text; line && line < text + len; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line == '#')
			world_line(&world, line);
	}
	image.type = type_by_name(p->type);
	if (!image.type ||
	    isa_assemble(resolved, strlen(resolved), &opts, &insns, &image.n_insns, &diag)) {
		printf("FAIL %s: %s ", p->name, image.type ? "" : "no such type");
		visor_diag_print(&diag, stdout);
		failures++;
		free(resolved);
		return;
	}
	copy = malloc(image.n_insns * sizeof(*copy));
	memcpy(copy, insns, image.n_insns * sizeof(*copy));
	image.insns = insns;
	image.gpl = p->gpl;
	image.flags = p->sleepable ? BPF_F_SLEEPABLE : 0;
	image.target = target;
	image.cap_sys_admin = image.cap_bpf = image.cap_perfmon = image.cap_net_admin = true;
	world_build(&world, insns, image.n_insns, takes_addresses(insns, image.n_insns));
	world_image(&world, &image, insns, target);
	check_ours(p, &image, ours, sizeof(ours));
	if (kernel)
		check_kernel(p, &image, &world, copy, ours);
	world_free(&world);
	free(copy);
	free(insns);
	free(resolved);
}

static void run_file(const char *path, bool kernel)
{
	static char text[1 << 18];
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[len] = '\0';
	for (char *at = strstr(text, "=== "); at;) {
		char *body = strchr(at, '\n') + 1, *next = strstr(body, "=== ");
		struct program p;

		parse_head(at, &p);
		run_program(&p, body, next ? (size_t)(next - body) : strlen(body), kernel);
		at = next;
	}
}

int main(int argc, char **argv)
{
	bool kernel = argc == 3 && !strcmp(argv[2], "kernel");
	struct visor_diag diag = {0};
	char path[4096];
	struct dirent *entry;
	DIR *dir;

	if (argc < 2)
		return 2;
	if (kernel)
		kernel_needed();
	if (btf_target_open(NULL, &target, &diag)) {
		printf("skipped: no types of the running kernel: %s\n", diag.text);
		return 77;
	}
	dir = opendir(argv[1]);
	if (!dir) {
		perror(argv[1]);
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".s"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		run_file(path, kernel);
	}
	closedir(dir);
	btf_target_unref(target);
	printf("%d programs, %d failures\n", count, failures);
	return failures || !count;
}
