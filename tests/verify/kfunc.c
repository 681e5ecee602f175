/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the verifier over the programs in kfunc/, memory/ and reasons/, which may call kernel
 * functions by their names, and asks the kernel the same. In reasons/, the reason of a refusal is
 * the one that the file is named after.
 *
 * A file has many programs. Each begins with a line
 *   === NAME TYPE[,sleepable][,not-gpl] [ERRNO [TEXT]]      (syscall: always sleepable)
 * without ERRNO it is accepted; TEXT is a part of the message, ours and the kernel's. Comment
 * lines may describe maps and types: world.h; and
 *   # attach: TYPE NAME       attach type (a number), and what of the kernel's types it attaches to
 *   # caps: [bpf] [net]       only these capabilities, which may be none
 *   # strict                  strict alignment
 *
 * usage: kfunc DIRECTORY [kernel]
 * The functions' ids are those of the running kernel: exit status 77 if its types are not at hand.
 * With "kernel" its verdict is compared as well, and our message has to be in its log.
 */
#include <ctype.h>
#include <dirent.h>
#include <linux/capability.h>

#include "btf/btf.h"
#include "isa/asm.h"
#include "world.h"

#include "../kernel.h"

struct program {
	char name[64], type[64], text[256], attach[64], reason[64];
	int err;
	uint32_t attach_type;
	bool sleepable, gpl, strict, cap_bpf, cap_net, cap_all;
};

static struct btf_target *target;
static int failures, count;

static int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {{"EINVAL", EINVAL}, {"EACCES", EACCES},	    {"E2BIG", E2BIG},
		     {"ENOMEM", ENOMEM}, {"EPERM", EPERM},	    {"EPROTO", EPROTO},
		     {"EFAULT", EFAULT}, {"ENOTSUPP", BTF_ENOTSUPP}};

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
	p->cap_all = true;
}

/* What comment lines say of the program itself. */
static bool parse_option(const char *text, struct program *p)
{
	char line[256];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	if (sscanf(line, "# attach: %u %63s", &p->attach_type, p->attach) == 2)
		return true;
	if (!strncmp(line, "# caps:", 7)) {
		p->cap_all = false;
		p->cap_bpf = strstr(line, "bpf");
		p->cap_net = strstr(line, "net");
		return true;
	}
	if (strcmp(line, "# strict"))
		return false;
	p->strict = true;
	return true;
}

/* The kernel looks at the effective capabilities; those permitted stay, to be raised again. */
static void set_caps(const struct program *p)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2];
	uint32_t low = 1U << CAP_NET_ADMIN | 1U << CAP_SYS_ADMIN,
		 high = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);

	if (syscall(__NR_capget, &head, caps))
		return;
	caps[0].effective |= low & caps[0].permitted;
	caps[1].effective |= high & caps[1].permitted;
	if (!p->cap_all) {
		caps[0].effective &= ~(p->cap_net ? 1U << CAP_SYS_ADMIN : low);
		caps[1].effective &= ~(p->cap_bpf ? CAP_TO_MASK(CAP_PERFMON) : high);
	}
	syscall(__NR_capset, &head, caps);
}

static uint32_t attach_id(const char *name)
{
	static const uint32_t kinds[] = {BTF_KIND_FUNC, BTF_KIND_TYPEDEF, BTF_KIND_STRUCT};
	uint32_t id = 0;

	for (size_t i = 0; *name && !id && i < ARRAY_SIZE(kinds); i++)
		id = btf_find(btf_target_vmlinux(target), name, kinds[i]);
	return id;
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
	struct verify_report report = {0};
	int err;

	image->report = &report;
	err = verify_image(image, &v, &diag);
	if (err && p->reason[0] && (!report.reason || strcmp(report.reason, p->reason))) {
		printf("FAIL %s: the reason is %s, expected %s\n", p->name,
		       report.reason ? report.reason : "none", p->reason);
		failures++;
	}

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
		.expected_attach_type = image->expected_attach_type,
		.attach_btf_id = image->attach_btf_id,
		.log_level = 1,
		.log_size = sizeof(log),
		.log_buf = (uintptr_t)log,
	};
	const struct program all = {.cap_all = true};
	int fd, err;

	log[0] = '\0';
	err = world_kernel(w, &attr, insns, image->n_insns);
	if (err) {
		printf("FAIL %s: the kernel refuses maps or types: %s\n", p->name, strerror(-err));
		failures++;
		return;
	}
	set_caps(p);
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd == -ENOSPC) { /* the log of a long path */
		attr.log_level = attr.log_size = 0;
		attr.log_buf = 0;
		log[0] = '\0';
		fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	}
	set_caps(&all);
	err = fd < 0 ? fd : 0;
	if (fd >= 0)
		close(fd);
	/* A machine on which unprivileged users may not load anything. */
	if (err == -EPERM && !log[0] && !p->cap_all && !p->cap_bpf)
		return;
	if (err != p->err || (err && log[0] && !strstr(log, p->text))) {
		printf("FAIL %s: the kernel says %d, expected %d \"%s\"\n%s\n", p->name, err,
		       p->err, p->text, last_lines(log));
		failures++;
	} else if (err && err != -BTF_ENOTSUPP && log[0] && !strstr(log, ours)) {
		printf("FAIL %s: \"%s\", but the kernel says\n%s\n", p->name, ours,
		       last_lines(log));
		failures++;
	}
}

static int helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static bool takes_addresses(const struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

static void run_program(struct program *p, const char *text, size_t len, bool kernel)
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
		if (*line == '#' && !parse_option(line, p))
			world_line(&world, line);
	}
	image.type = catalog_prog_known_by_name(p->type);
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
	image.flags =
		(p->sleepable ? BPF_F_SLEEPABLE : 0) | (p->strict ? BPF_F_STRICT_ALIGNMENT : 0);
	image.target = target;
	image.cap_sys_admin = image.cap_perfmon = p->cap_all;
	image.cap_bpf = p->cap_all || p->cap_bpf;
	image.cap_net_admin = p->cap_all || p->cap_net;
	image.expected_attach_type = p->attach_type;
	image.attach_btf_id = attach_id(p->attach);
	image.attach_btf = image.attach_btf_id ? btf_target_vmlinux(target) : NULL;
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

/* reason: the name that reports must give, "packet-bounds.s"; or NULL. */
static void run_file(const char *path, const char *reason, bool kernel)
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
		if (reason)
			snprintf(p.reason, sizeof(p.reason), "%.*s", (int)strcspn(reason, "."),
				 reason);
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
	bool reasons;
	DIR *dir;

	if (argc < 2)
		return 2;
	reasons = strlen(argv[1]) > 7 && !strcmp(argv[1] + strlen(argv[1]) - 7, "reasons");
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
		run_file(path, reasons ? entry->d_name : NULL, kernel);
	}
	closedir(dir);
	btf_target_unref(target);
	printf("%d programs, %d failures\n", count, failures);
	return failures || !count;
}
