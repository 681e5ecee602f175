/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts against the kernel's: programs at random (programs.h), and mutations of these and of
 * those of files (bases.h), are given to the verifier and to bpf(2).
 *
 * What is accepted here and refused there is a DANGER, the reverse a GAP. Each is told once for
 * each message, reduced to what is needed for it, as a file of tests/verify.
 *
 *   verify_kernel [PROGRAMS [SEED [words] [FILE or FOLDER ...]]]    of bases.h: tests/verify, ...
 *
 * With `words` the reasons are compared, too, where both refuse.
 *
 * Changed programs that call functions of the kernel, but for numeric iterators, are not asked of
 * it: what they did to the kernel on which this was written was a crash, not a verdict.
 */
#include <ctype.h>
#include <sys/utsname.h>

#include "bases.h"
#include "isa/disasm.h"
/* After isa/insn.h, which has no INSN in the end. */
#include "../tests/kernel.h"

enum {
	LOG_SIZE = 1 << 20,
	CLASSES_MAX = 400,
	TEXT_MAX = 200,
	LONG = 20000, /* instructions: of programs that take more, one in LONG_EVERY is followed */
	LONG_EVERY = 50,
};

struct verdict {
	bool asked;
	int ours, kernel;
	char text[TEXT_MAX], kernel_text[TEXT_MAX];
	bool words; /* the kernel's log has our text */
};

enum finding { SAME, DANGER, GAP, WORDS, FINDINGS };
static const char *const finding_names[] = {"same", "DANGER", "GAP", "WORDS"};

static struct btf_target *target;
static bool compare_words;
static unsigned long counts[FINDINGS], accepted, refused, n_asked, n_long;
static struct {
	enum finding finding;
	char text[TEXT_MAX];
	unsigned long n;
} classes[CLASSES_MAX];
static uint32_t n_classes;
static char kernel_log[LOG_SIZE];

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
		.attach_btf_id = b->attach_id,
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

/* Programs that take long would take most of the time. */
static int within_budget(void *user, const struct state *state, uint32_t insn)
{
	uint32_t *left = user;

	return *left && --*left ? 0 : -E2BIG;
}

/* left: how many instructions it may look at, and then how many are left. */
static int ask_ours(const struct base *b, const struct programs_one *p,
		    const struct bpf_func_info *info, uint32_t n_info, struct visor_diag *diag,
		    uint32_t *left)
{
	static struct base_image m;
	const struct verified *v = NULL;
	int err;

	base_image(b, p, info, n_info, &m);
	m.image.observe = within_budget;
	m.image.observe_user = left;
	memset(diag, 0, sizeof(*diag));
	err = verify_image(&m.image, &v, diag);
	if (!err)
		verified_unref(v);
	return err;
}

/* Helpers that a kernel may be built without, and what it gives up on for reasons of its own. */
static bool is_of_kernel(const struct verdict *v)
{
	return strstr(v->kernel_text, "verifier bug: ") ||
	       strstr(v->kernel_text, "cannot use helper bpf_probe_write_user") ||
	       strstr(v->kernel_text, "cannot use helper bpf_override_return");
}

static enum finding ask(const struct base *b, const struct programs_one *p, struct verdict *v)
{
	struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t n_info = base_functions(b, p, info);
	uint32_t left = n_asked++ % LONG_EVERY ? LONG : UINT32_MAX;
	struct visor_diag diag;
	char *line;

	memset(v, 0, sizeof(*v));
	if (n_info == UINT32_MAX)
		return SAME;
	v->ours = ask_ours(b, p, info, n_info, &diag, &left);
	if (!left) {
		n_long++;
		return SAME;
	}
	v->kernel = ask_kernel(b, p, info, n_info, 0);
	v->asked = true;
	if (!v->ours == !v->kernel && !(compare_words && v->ours))
		return SAME;
	if (v->kernel) {
		ask_kernel(b, p, info, n_info, 1);
		last_words(v->kernel_text, kernel_log);
	}
	to_class(v->text, diag.text);
	if (is_of_kernel(v))
		return SAME;
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

static bool calls_kernel(const struct programs_one *p, const struct programs_opts *known)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct bpf_insn *in = &p->insns[i];

		if (in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_KFUNC_CALL &&
		    (in->off || (in->imm != known->iter_new && in->imm != known->iter_next &&
				 in->imm != known->iter_destroy)))
			return true;
	}
	return false;
}

static void check(const struct base *b, const struct programs_one *p, uint64_t seed)
{
	struct verdict v;
	enum finding finding = ask(b, p, &v);

	counts[finding]++;
	accepted += v.asked && !v.kernel;
	refused += v.kernel != 0;
	if (finding != SAME)
		found(b, p, finding, &v, seed);
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

	programs_seed(seed);
	if (n_bases && programs_pick(2)) {
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
	if (!calls_kernel(&p, kfuncs))
		check(b, &p, seed);
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
	bases_init(true, target);
	kfuncs.iter_new = kfunc("bpf_iter_num_new");
	kfuncs.iter_next = kfunc("bpf_iter_num_next");
	kfuncs.iter_destroy = kfunc("bpf_iter_num_destroy");
	generated = base_generated();
	for (int i = 3; i < argc; i++)
		if (!strcmp(argv[i], "words"))
			compare_words = true;
		else
			bases_add(argv[i]);
	for (uint32_t i = 0; i < n_bases; i++) /* as they are */
		check(bases[i], &bases[i]->one, 0);
	for (unsigned long i = 0; i < programs; i++)
		one(generated, &kfuncs, first + i);
	for (uint32_t i = 0; i < n_classes; i++)
		printf("%8lu %s: %s\n", classes[i].n, finding_names[classes[i].finding],
		       classes[i].text);
	printf("%lu programs (%u to mutate): %lu accepted, %lu refused, %lu too long; %lu dangers, "
	       "%lu gaps, %lu with other words\n",
	       programs, n_bases, accepted, refused, n_long, counts[DANGER], counts[GAP],
	       counts[WORDS]);
	bases_free(generated);
	btf_target_unref(target);
	return counts[DANGER] || counts[GAP] ? 1 : 0;
}
