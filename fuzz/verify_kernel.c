/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts against the kernel's: programs at random (programs.h), and mutations of these and of
 * the programs of tests/verify, are given to the verifier and to bpf(2).
 *
 * What is accepted here and refused there is a DANGER, the reverse a GAP. Each is told once for
 * each message, reduced to what is needed for it, as a file of tests/verify.
 *
 *   verify_kernel [PROGRAMS [SEED [TESTS [words]]]]    TESTS: the folder tests/verify, or -
 *
 * With `words` the reasons are compared, too, where both refuse.
 */
#include <ctype.h>
#include <dirent.h>
#include <sys/utsname.h>

#include "../tests/verify/world.h"
#include "isa/asm.h"
#include "isa/disasm.h"
#include "programs.h"
/* After isa/insn.h, which has no INSN in the end. */
#include "../tests/kernel.h"

enum { LOG_SIZE = 1 << 20, BASES_MAX = 400, CLASSES_MAX = 400, TEXT_MAX = 200 };

/* A program to start from, and its surroundings. */
struct base {
	struct world world;
	const struct prog_type *type;
	uint32_t attach_type, flags;
	char license[16];
	char head[2048]; /* the description, as text */
	struct programs_one one;
};

struct verdict {
	int ours, kernel;
	char text[TEXT_MAX], kernel_text[TEXT_MAX];
	bool words; /* the kernel's log has our text */
};

enum finding { SAME, DANGER, GAP, WORDS, FINDINGS };
static const char *const finding_names[] = {"same", "DANGER", "GAP", "WORDS"};

static struct base *bases[BASES_MAX];
static uint32_t n_bases;
static struct btf_target *target;
static bool compare_words;
static unsigned long counts[FINDINGS], accepted, refused;
static struct {
	enum finding finding;
	char text[TEXT_MAX];
	unsigned long n;
} classes[CLASSES_MAX];
static uint32_t n_classes;
static char kernel_log[LOG_SIZE];

/* ---- bases ------------------------------------------------------------------------------- */

static void base_line(struct base *b, const char *line)
{
	char name[32];
	size_t len = strcspn(line, "\n");

	if (*line != '#' || !strncmp(line, "# expect", 8) || !strncmp(line, "# log", 5) ||
	    !strncmp(line, "# errno", 7) || !strncmp(line, "# kernel", 8))
		return;
	if (sscanf(line, "# type: %31s", name) == 1) {
		for (uint32_t i = 1; i < 64; i++) {
			const struct prog_type *type = catalog_prog_known(i);

			if (type && !strcmp(type->name, name))
				b->type = type;
		}
	} else if (sscanf(line, "# attach-type: %u", &b->attach_type) == 1 ||
		   sscanf(line, "# license: %15s", b->license) == 1) {
	} else if (!strncmp(line, "# sleepable", 11)) {
		b->flags |= BPF_F_SLEEPABLE;
	} else if (!world_line(&b->world, line)) {
		return;
	}
	if (strlen(b->head) + len + 2 < sizeof(b->head)) {
		strncat(b->head, line, len);
		strcat(b->head, "\n");
	}
}

/* Both sides' maps and types, made once. False: the kernel refuses them. */
static bool base_make(struct base *b, struct bpf_insn *insns, uint32_t n, bool types)
{
	struct verify_image image = {0};
	union bpf_attr attr = {0};

	world_build(&b->world, insns, n, types);
	world_image(&b->world, &image, insns, target);
	return !world_kernel(&b->world, &attr, insns, 0);
}

static struct base *base_new(const char *text)
{
	struct base *b = calloc(1, sizeof(*b));

	strcpy(b->license, "GPL");
	b->world.btf_fd = -1;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		base_line(b, line);
	}
	return b;
}

static void base_free(struct base *b)
{
	world_free(&b->world);
	free(b);
}

static void base_add_file(const char *path)
{
	static char text[1 << 16];
	struct isa_asm_opts opts = {.map = world_map_number};
	struct visor_diag diag;
	struct bpf_insn *insns;
	struct base *b;
	uint32_t n;
	bool types = false;
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[len] = '\0';
	if (n_bases == BASES_MAX)
		return;
	b = base_new(text);
	opts.user = &b->world;
	if (!b->type || isa_assemble(text, len, &opts, &insns, &n, &diag)) {
		base_free(b);
		return;
	}
	if (n > PROGRAMS_MAX) {
		free(insns);
		base_free(b);
		return;
	}
	memcpy(b->one.insns, insns, n * sizeof(*insns));
	b->one.n = n;
	for (uint32_t i = 0; i < n; i++)
		types |= insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
			 insns[i].src_reg == BPF_PSEUDO_FUNC;
	if (base_make(b, insns, n, types))
		bases[n_bases++] = b;
	else
		base_free(b);
	free(insns);
}

static void base_add_folder(const char *folder, const char *name)
{
	char path[4096];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".s"))
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", folder, name, entry->d_name);
		base_add_file(path);
	}
	if (dir)
		closedir(dir);
}

/* The surroundings of generated programs. */
static struct base *base_generated(void)
{
	struct base *b = base_new(PROGRAMS_WORLD);
	struct bpf_insn calls[PROGRAMS_FUNCS];

	for (uint32_t i = 0; i < PROGRAMS_FUNCS; i++)
		calls[i] = INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	if (!base_make(b, calls, PROGRAMS_FUNCS - 1, true)) {
		fprintf(stderr, "the kernel refuses the maps\n");
		exit(1);
	}
	return b;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Digits are no part of a message's class. */
static void to_class(char *out, const char *text)
{
	size_t n = 0;

	for (; *text && *text != '\n' && n < TEXT_MAX - 1; text++) {
		if (isdigit((unsigned char)*text)) {
			if (n && out[n - 1] == 'N')
				continue;
			out[n++] = 'N';
		} else {
			out[n++] = *text;
		}
	}
	out[n] = '\0';
}

/* The last line that is not statistics. */
static void last_words(char *out, const char *log)
{
	const char *last = "";

	for (const char *line = log; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17) &&
		    strncmp(line, "stack depth", 11))
			last = line;
	to_class(out, last);
}

static uint32_t functions(const struct base *b, const struct programs_one *p,
			  struct bpf_func_info *info)
{
	uint32_t at[PROGRAMS_FUNCS + 1], n;

	if (!b->world.data)
		return 0;
	n = programs_functions(p, at);
	if (n > b->world.n_funcs)
		return UINT32_MAX;
	for (uint32_t i = 0; i < n; i++)
		info[i] = (struct bpf_func_info){at[i], b->world.funcs[i].type_id};
	return n;
}

/* Program arrays are new each time: they accept only programs like the first that had them. */
static int map_fd(const struct world *w, uint32_t map)
{
	static int progs = -1;
	const struct map_desc *desc = map < w->n_maps ? &w->maps[map].desc : NULL;

	if (!desc)
		return -1;
	if (desc->type != BPF_MAP_TYPE_PROG_ARRAY)
		return w->maps[map].fd;
	if (progs >= 0)
		close(progs);
	progs = kernel_map(desc->type, desc->key_size, desc->value_size, desc->max_entries,
			   desc->flags);
	return progs;
}

static int ask_kernel(const struct base *b, const struct programs_one *p,
		      const struct bpf_func_info *info, uint32_t n_info, uint32_t level)
{
	static struct bpf_insn insns[PROGRAMS_MAX];
	union bpf_attr attr = {
		.prog_type = b->type->type,
		.insn_cnt = p->n,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)b->license,
		.expected_attach_type = b->attach_type,
		.prog_flags = b->flags,
		.log_level = level,
		.log_size = level ? LOG_SIZE : 0,
		.log_buf = level ? (uintptr_t)kernel_log : 0,
	};
	int fd;

	memcpy(insns, p->insns, p->n * sizeof(*insns));
	for (uint32_t i = 0; i < p->n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			insns[i].imm = map_fd(&b->world, (uint32_t)insns[i].imm);
		i++;
	}
	if (n_info) {
		attr.prog_btf_fd = (uint32_t)b->world.btf_fd;
		attr.func_info = (uintptr_t)info;
		attr.func_info_cnt = n_info;
		attr.func_info_rec_size = sizeof(*info);
	}
	kernel_log[0] = '\0';
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		close(fd);
	return MIN(fd, 0);
}

/* Only the maps that the program names, in that order. */
static int map_index(const struct base *b, uint32_t map, struct verify_map *maps, uint32_t *n)
{
	if (map >= b->world.n_maps)
		return -1;
	for (uint32_t i = 0; i < *n; i++)
		if (maps[i].desc.id == b->world.view[map].desc.id)
			return (int)i;
	maps[*n] = b->world.view[map];
	return (int)(*n)++;
}

static int ask_ours(const struct base *b, const struct programs_one *p,
		    const struct bpf_func_info *info, uint32_t n_info, struct visor_diag *diag)
{
	static struct bpf_insn insns[PROGRAMS_MAX];
	static struct verify_map maps[WORLD_MAPS];
	struct verify_image image = {
		.insns = insns,
		.n_insns = p->n,
		.type = b->type,
		.maps = maps,
		.gpl = strcmp(b->license, "BSD") != 0,
		.expected_attach_type = b->attach_type,
		.flags = b->flags,
		.btf = n_info ? b->world.btf : NULL,
		.func_info = n_info ? info : NULL,
		.n_func_info = n_info,
		.target = target,
		.cap_bpf = true,
		.cap_perfmon = true,
		.cap_net_admin = true,
		.cap_sys_admin = true,
	};
	const struct verified *v = NULL;
	int err;

	memcpy(insns, p->insns, p->n * sizeof(*insns));
	for (uint32_t i = 0; i < p->n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i].src_reg += BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
			insns[i].imm = map_index(b, (uint32_t)insns[i].imm, maps, &image.n_maps);
		}
		i++;
	}
	memset(diag, 0, sizeof(*diag));
	err = verify_image(&image, &v, diag);
	if (!err)
		verified_unref(v);
	return err;
}

static enum finding ask(const struct base *b, const struct programs_one *p, struct verdict *v)
{
	struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t n_info = functions(b, p, info);
	struct visor_diag diag;
	char *line;

	memset(v, 0, sizeof(*v));
	if (n_info == UINT32_MAX)
		return SAME;
	v->ours = ask_ours(b, p, info, n_info, &diag);
	v->kernel = ask_kernel(b, p, info, n_info, 0);
	if (!v->ours == !v->kernel && !(compare_words && v->ours))
		return SAME;
	if (v->kernel) {
		ask_kernel(b, p, info, n_info, 1);
		last_words(v->kernel_text, kernel_log);
	}
	to_class(v->text, diag.text);
	if (!v->ours != !v->kernel)
		return v->ours ? GAP : DANGER;
	line = strchr(diag.text, '\n');
	if (line)
		*line = '\0';
	v->words = v->ours == v->kernel && (!kernel_log[0] || strstr(kernel_log, diag.text));
	return v->words ? SAME : WORDS;
}

/* ---- findings ---------------------------------------------------------------------------- */

static void class_of(enum finding finding, const struct verdict *v, char *out)
{
	if (finding == WORDS)
		snprintf(out, TEXT_MAX, "%.95s | %.95s", v->kernel_text, v->text);
	else
		strcpy(out, finding == DANGER ? v->kernel_text : v->text);
}

/* Does it still show the same? */
static bool still(const struct base *b, const struct programs_one *p, enum finding finding,
		  const char *class)
{
	char now[TEXT_MAX];
	struct verdict v;

	if (ask(b, p, &v) != finding)
		return false;
	class_of(finding, &v, now);
	return !strcmp(now, class);
}

static bool reduce_once(const struct base *b, struct programs_one *p, enum finding finding,
			const char *class)
{
	static struct programs_one copy;
	bool smaller = false;

	for (uint32_t i = p->n; i-- > 0;) {
		for (uint32_t by = 8; by; by /= 2) {
			if (i + by > p->n)
				continue;
			copy = *p;
			for (uint32_t k = 0; k < by; k++)
				programs_remove(&copy, i);
			if (copy.n < p->n && still(b, &copy, finding, class)) {
				*p = copy;
				smaller = true;
				break;
			}
		}
	}
	return smaller;
}

static const char *map_name(void *user, const struct bpf_insn *insn)
{
	const struct base *b = user;

	return (uint32_t)insn->imm < b->world.n_maps ? b->world.maps[insn->imm].desc.name : NULL;
}

static void print(const struct base *b, const struct programs_one *p, const struct verdict *v)
{
	struct isa_disasm_opts opts = {
		.flags = ISA_DUMP_LABELS, .map = map_name, .user = (void *)b};

	printf("# kernel: %d %s\n# visor: %d %s\n", v->kernel, v->kernel_text, v->ours, v->text);
	if (!strstr(b->head, "# type: "))
		printf("# type: %s\n", b->type->name);
	printf("%s", b->head);
	isa_dump(stdout, p->insns, p->n, &opts);
	printf("\n");
	fflush(stdout);
}

static void found(const struct base *b, const struct programs_one *p, enum finding finding,
		  struct verdict *v, uint64_t seed)
{
	static struct programs_one small;
	char class[TEXT_MAX];
	uint32_t i;

	class_of(finding, v, class);
	for (i = 0; i < n_classes; i++)
		if (classes[i].finding == finding && !strcmp(classes[i].text, class))
			break;
	if (i == CLASSES_MAX)
		return;
	if (i == n_classes) {
		classes[n_classes].finding = finding;
		strcpy(classes[n_classes++].text, class);
	}
	if (classes[i].n++ >= (finding == WORDS ? 1 : 2))
		return;
	small = *p;
	for (int rounds = 0; rounds < 6 && reduce_once(b, &small, finding, class); rounds++)
		;
	printf("# %s, seed %llu\n", finding_names[finding], (unsigned long long)seed);
	if (ask(b, &small, v) == finding)
		print(b, &small, v);
	else
		print(b, p, v);
}

static void one(struct base *generated, const struct programs_opts *kfuncs, uint64_t seed)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP,	   BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SCHED_CLS,  BPF_PROG_TYPE_SOCKET_FILTER,
					 BPF_PROG_TYPE_CGROUP_SKB, BPF_PROG_TYPE_SK_SKB,
					 BPF_PROG_TYPE_LWT_XMIT,   BPF_PROG_TYPE_XDP};
	static struct programs_one p;
	struct programs_opts opts = *kfuncs;
	struct base *b = generated;
	enum finding finding;
	struct verdict v;

	programs_seed(seed);
	if (n_bases && !programs_pick(3)) {
		b = bases[programs_pick(n_bases)];
		p = b->one;
		programs_mutate(&p, b->world.n_maps);
	} else {
		opts.prog_type = types[programs_pick(ARRAY_SIZE(types))];
		b->type = catalog_prog_known(opts.prog_type);
		programs_generate(&opts, &p);
		if (!programs_pick(3))
			programs_mutate(&p, b->world.n_maps);
	}
	finding = ask(b, &p, &v);
	counts[finding]++;
	accepted += !v.kernel;
	refused += v.kernel != 0;
	if (finding != SAME)
		found(b, &p, finding, &v, seed);
}

/* Others decide otherwise here and there. */
static void kernel_of_that_version(void)
{
	struct utsname name;

	if (uname(&name) || strncmp(name.release, "6.18.", 5)) {
		printf("skipped: verdicts are those of Linux 6.18, this is %s\n", name.release);
		exit(77);
	}
}

static int32_t kfunc(const char *name)
{
	return target ? (int32_t)btf_find(btf_target_vmlinux(target), name, BTF_KIND_FUNC) : 0;
}

int main(int argc, char **argv)
{
	unsigned long programs = argc > 1 ? strtoul(argv[1], NULL, 0) : 3000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct programs_opts kfuncs = {0};
	struct base *generated;

	kernel_needed();
	kernel_of_that_version();
	btf_target_open(NULL, &target, NULL);
	kfuncs.iter_new = kfunc("bpf_iter_num_new");
	kfuncs.iter_next = kfunc("bpf_iter_num_next");
	kfuncs.iter_destroy = kfunc("bpf_iter_num_destroy");
	compare_words = argc > 4;
	generated = base_generated();
	if (argc > 3 && strcmp(argv[3], "-")) {
		base_add_folder(argv[3], "accept");
		base_add_folder(argv[3], "reject");
	}
	for (unsigned long i = 0; i < programs; i++)
		one(generated, &kfuncs, first + i);
	for (uint32_t i = 0; i < n_classes; i++)
		printf("%8lu %s: %s\n", classes[i].n, finding_names[classes[i].finding],
		       classes[i].text);
	printf("%lu programs (%u to mutate): %lu accepted, %lu refused; %lu dangers, %lu gaps, "
	       "%lu with other words\n",
	       programs, n_bases, accepted, refused, counts[DANGER], counts[GAP], counts[WORDS]);
	base_free(generated);
	while (n_bases)
		base_free(bases[--n_bases]);
	btf_target_unref(target);
	return counts[DANGER] || counts[GAP] ? 1 : 0;
}
