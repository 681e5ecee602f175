/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native code against the interpreter: programs that the verifier accepts are given the same
 * packets, contexts and map contents on both sides, and have to leave the same behind: result,
 * packet and its bounds, context, and every byte of every map. Programs come from shapes.h (idioms
 * that a compiler is made for), from programs.h (anything) and from files (bases.h), as they are
 * and changed.
 *
 *   jit_run [PROGRAMS [SEED [OPTION ...] [FILE or FOLDER ...]]]
 *
 *   --interpreted    the other side is the checked interpreter
 *   --checked        the checked interpreter with each program and input, not only some
 *   --kernel         the running kernel, too
 *   --only KIND      programs of that kind: shapes, soup, files
 *   --inputs N       runs of each program (default 3)
 *   --fault A=B      the other side executes instruction B instead of A (names of isa.def): shows
 *                    that differences are found
 *   --coverage       the table of instructions
 *   --refused        why programs are refused, a line each
 *   --blind          native code that does not hold the numbers of programs
 *   --keep-going     does not end at the first difference; a few of each sort are told
 *
 * A difference is reduced and printed as text that assembles again; `jit_run 1 SEED` with its seed
 * makes it again. Exit status 1: there were differences; 77: there is no native engine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "isa/disasm.h"
#include "jit_kernel.h"
#include "shapes.h"
#include "sides.h"

enum kind { SHAPES, SOUP, FILES, KINDS };
static const char *const kind_names[KINDS] = {"shapes", "soup", "files"};

enum {
	BUDGET = 3000, /* instructions that the verifier may look at */
	REDUCE_ROUNDS = 8,
	SORTS_MAX = 20,
	TOLD = 4,    /* differences of a sort, with --keep-going */
	WATCHED = 8, /* one program in so many is checked, for coverage */
};

static struct {
	bool interpreted, checked, kernel, coverage, refused, keep_going;
	int only;
	uint32_t inputs;
	int fault_from, fault_to; /* enum isa_id, or -1 */
} opt = {.only = -1, .inputs = 3, .fault_from = -1, .fault_to = -1};

static struct stage generated_stage, *stages;
static struct base *generated;

/* The program at hand. */
static struct programs_one program;
static const struct base *base;
static const struct stage *stage;
static struct base_image image;
static enum kind kind;
static bool changed; /* it may be anything */

static struct {
	unsigned long programs, accepted, long_ones, refused;
	unsigned long reachable, reached;
} stats[KINDS];
static unsigned long runs, not_taken, unfinished, unstable, differences, asked, kernel_refused;
static unsigned long in_accepted[ISA_COUNT], executed[ISA_COUNT];
static uint32_t visits[PROGRAMS_MAX];

/* ---- verification --------------------------------------------------------------------------- */

static uint32_t budget;

static int within_budget(void *user, const struct state *state, uint32_t insn)
{
	return budget && --budget ? 0 : -E2BIG;
}

/* Fills the image. 0 and what was verified, or the error. */
static int verify(const struct programs_one *p, const struct verified **v, struct visor_diag *diag)
{
	static struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t n = base_functions(base, p, info);

	if (n == UINT32_MAX)
		return -E2BIG;
	base_image(base, p, info, n, &image);
	for (uint32_t i = 0; i < image.image.n_maps; i++)
		if (!base->maps[image.maps[i].desc.id - 1])
			return -EOPNOTSUPP;
	image.image.engine = true;
	image.image.observe = within_budget;
	budget = BUDGET;
	return verify_image(&image.image, v, diag);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static struct outcome reference, other, of_kernel;

/* The fault that was asked for, at each place. */
static void inject(struct programs_one *p)
{
	const struct isa_desc *to = &isa_table[opt.fault_to];

	for (uint32_t i = 0; i < p->n; i += (uint32_t)isa_slots(&p->insns[i])) {
		struct bpf_insn *in = &p->insns[i];

		if (isa_lookup(in) != opt.fault_from)
			continue;
		in->code = to->opcode;
		if (to->selector == ISA_OFF)
			in->off = (int16_t)to->sel;
		else if (to->selector == ISA_IMM)
			in->imm = to->sel;
	}
}

static int take_other(struct seat *seat, const struct programs_one *p, const struct verified *v)
{
	static struct programs_one wrong;
	const struct verified *w;
	int err;

	if (opt.interpreted)
		return seat_take(seat, SIDE_CHECKED, stage, &image, v);
	if (opt.fault_from < 0)
		return seat_take(seat, SIDE_NATIVE, stage, &image, v);
	wrong = *p;
	inject(&wrong);
	err = verify(&wrong, &w, NULL);
	if (!err) {
		err = seat_take(seat, SIDE_OTHER, stage, &image, w);
		verified_unref(w);
	}
	return err;
}

/* Addresses are others in the kernel: whose programs may not show them, shows none. */
static bool leaks_nothing(void)
{
	const struct verified *v;
	bool nothing;

	if (!changed)
		return true;
	image.image.cap_perfmon = image.image.cap_sys_admin = false;
	budget = BUDGET;
	nothing = !verify_image(&image.image, &v, NULL);
	if (nothing)
		verified_unref(v);
	image.image.cap_perfmon = image.image.cap_sys_admin = true;
	return nothing;
}

struct seats {
	struct seat reference, other, checked;
	bool kernel;
};

static void leave_all(struct seats *s)
{
	seat_leave(&s->reference);
	seat_leave(&s->other);
	seat_leave(&s->checked);
	if (s->kernel)
		kernel_side_leave();
}

/* -EOPNOTSUPP: one side has a reason not to. Other errors are findings. */
static int take_all(struct seats *s, const struct programs_one *p, const struct verified *v,
		    bool check)
{
	int err;

	memset(s, 0, sizeof(*s));
	err = seat_take(&s->reference, SIDE_INTERPRETED, stage, &image, v);
	if (!err && check)
		err = seat_take(&s->checked, SIDE_CHECKED, stage, &image, v);
	if (!err)
		err = take_other(&s->other, p, v);
	if (err) {
		leave_all(s);
		return opt.fault_from < 0 ? err : -EOPNOTSUPP;
	}
	if (opt.kernel && leaks_nothing()) {
		s->kernel = !kernel_side_take(base, p);
		kernel_refused += !s->kernel;
	}
	return 0;
}

/* Runs that do not end soon in the checked interpreter are not for the others. */
static bool ends(struct seats *s, const struct input *in, const char **what)
{
	static struct outcome checked;
	static char text[200];

	*what = NULL;
	seat_run(&s->checked, stage, &image, in, &checked);
	if (!checked.err)
		return true;
	if (strstr(s->checked.run->fault.text, "the limit of this run")) {
		unfinished++;
	} else {
		snprintf(text, sizeof(text), "the checked interpreter faults (%.120s): sides",
			 s->checked.run->fault.text);
		*what = text;
	}
	return false;
}

static const char *not_made(int err)
{
	static char text[64];

	if (err == -EFAULT)
		return "a signal while the program was made: sides";
	snprintf(text, sizeof(text), "the program cannot be made (%d): sides", err);
	return text;
}

/* NULL: no difference. */
static const char *compare(struct seats *s, const struct input *in, bool check)
{
	const char *what;

	if (check && !ends(s, in, &what))
		return what;
	seat_run(&s->reference, stage, &image, in, &reference);
	stage_keep(stage, &image);
	seat_run(&s->other, stage, &image, in, &other);
	runs++;
	what = sides_differ(stage, &image, &reference, &other);
	if (what || !s->kernel)
		return what;
	what = kernel_side_differs(stage, &image, in, &reference, &of_kernel);
	asked++;
	return what;
}

/* What differs for the program and that input, if anything does for good; counts in no statistic
 * of programs. */
static const char *differs(const struct programs_one *p, const struct input *in)
{
	const struct verified *v;
	const char *what = NULL;
	struct seats s;
	int err;

	if (verify(p, &v, NULL))
		return NULL;
	err = take_all(&s, p, v, true);
	if (err && err != -EOPNOTSUPP) {
		what = not_made(err);
	} else if (!err) {
		what = compare(&s, in, true);
		leave_all(&s);
		if (what && !sides_stable(stage, &image, v, in))
			what = NULL;
	}
	verified_unref(v);
	return what;
}

/* ---- reducing -------------------------------------------------------------------------------- */

/* Whether a program can be made at all is another matter than what it does. */
static bool is_about_making(const char *what)
{
	return strstr(what, "made") != NULL;
}

static char reducing[64];

static bool try_instead(struct programs_one *p, const struct programs_one *copy,
			const struct input *in)
{
	const char *what = differs(copy, in);

	if (!what || is_about_making(what) != is_about_making(reducing) ||
	    (is_about_making(what) && strcmp(what, reducing)))
		return false;
	*p = *copy;
	return true;
}

static bool remove_some(struct programs_one *p, const struct input *in)
{
	static struct programs_one copy;
	bool smaller = false;

	for (uint32_t i = p->n; i-- > 0;) {
		for (uint32_t by = 16; by; by /= 2) {
			if (i + by > p->n)
				continue;
			copy = *p;
			for (uint32_t k = 0; k < by; k++)
				programs_remove(&copy, i);
			if (copy.n < p->n && try_instead(p, &copy, in)) {
				smaller = true;
				break;
			}
		}
	}
	return smaller;
}

/* Simpler instructions in the place of others: jumps that are always taken, small constants,
 * constants for what is computed. */
static bool simplify_one(struct programs_one *p, uint32_t i, const struct input *in)
{
	static struct programs_one copy;
	struct bpf_insn *at = &copy.insns[i];
	uint8_t class = BPF_CLASS(p->insns[i].code);
	bool jump = (class == BPF_JMP || class == BPF_JMP32) &&
		    BPF_OP(p->insns[i].code) != BPF_JA && BPF_OP(p->insns[i].code) != BPF_CALL &&
		    BPF_OP(p->insns[i].code) != BPF_EXIT;
	bool done = false;

	copy = *p;
	if (jump) {
		*at = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = at->off};
		done = try_instead(p, &copy, in);
	}
	if (!done && (class == BPF_LDX || ((class == BPF_ALU || class == BPF_ALU64) &&
					   BPF_OP(p->insns[i].code) != BPF_MOV))) {
		copy = *p;
		*at = (struct bpf_insn){
			.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = at->dst_reg & 15, .imm = 1};
		done = try_instead(p, &copy, in);
	}
	for (int32_t k = 0; k < 2 && !done; k++) {
		copy = *p;
		if (!at->imm || at->imm == 1 || (class == BPF_JMP && !jump) || class == BPF_LD ||
		    BPF_MODE(at->code) == BPF_ATOMIC || BPF_OP(at->code) == BPF_END)
			break;
		at->imm = k;
		done = try_instead(p, &copy, in);
	}
	return done;
}

static void reduce(struct programs_one *p, const struct input *in)
{
	for (int round = 0; round < REDUCE_ROUNDS; round++) {
		bool smaller = remove_some(p, in);

		for (uint32_t i = 0; i < p->n; i += (uint32_t)isa_slots(&p->insns[i]))
			smaller |= simplify_one(p, i, in);
		if (!smaller)
			break;
	}
}

static const char *helper_name(void *user, uint32_t id)
{
	return catalog_helper_name(id);
}

static const char *map_name(void *user, const struct bpf_insn *insn)
{
	return (uint32_t)insn->imm < base->world.n_maps ? base->world.maps[insn->imm].desc.name
							: NULL;
}

/* Of one sort only some are told. */
static bool told_enough(const char *what)
{
	static struct {
		char what[64];
		uint32_t n;
	} sorts[SORTS_MAX];
	uint32_t i;

	for (i = 0; i < SORTS_MAX - 1 && sorts[i].n; i++)
		if (!strncmp(sorts[i].what, what, sizeof(sorts[i].what) - 1))
			break;
	snprintf(sorts[i].what, sizeof(sorts[i].what), "%s", what);
	return sorts[i].n++ >= TOLD;
}

static void report(uint64_t seed, const struct input *in, const char *what)
{
	static struct programs_one small;
	struct isa_disasm_opts dump = {
		.flags = ISA_DUMP_LABELS, .helper = helper_name, .map = map_name};
	const char *now;

	differences++;
	if (told_enough(what))
		return;
	small = program;
	/* What is left out may show addresses. */
	changed = true;
	changed = differs(&small, in) != NULL;
	snprintf(reducing, sizeof(reducing), "%s", what);
	reduce(&small, in);
	now = differs(&small, in);
	printf("# seed %llu (%s): %s differ; %s after reduction\n", (unsigned long long)seed,
	       kind_names[kind], what, now ? now : "nothing");
	input_print(stage, &image, in);
	if (!is_about_making(reducing)) {
		outcome_print("interpreted", &reference);
		outcome_print(opt.interpreted	    ? "checked"
			      : opt.fault_from >= 0 ? "wrong"
						    : "other",
			      &other);
	}
	if (strstr(reducing, "kernel"))
		outcome_print("kernel", &of_kernel);
	if (!strstr(base->head, "# type: "))
		printf("# type: %s\n", base->type->name);
	printf("%s", base->head);
	isa_dump(stdout, small.insns, small.n, &dump);
	printf("\n");
	fflush(stdout);
}

/* ---- one program ----------------------------------------------------------------------------- */

static enum kind pick_kind(void)
{
	uint32_t k = programs_pick(10);

	if (opt.only >= 0)
		return (enum kind)opt.only;
	if (k == 0 && n_bases)
		return FILES;
	return k < 4 ? SOUP : SHAPES;
}

static void pick_program(void)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SOCKET_FILTER};
	struct programs_opts opts = {.runnable = true};

	kind = pick_kind();
	changed = true;
	if (kind == FILES && n_bases) {
		uint32_t which = programs_pick(n_bases);

		base = bases[which];
		stage = &stages[which];
		program = base->one;
		if (programs_pick(4))
			programs_mutate(&program, base->world.n_maps);
		return;
	}
	opts.prog_type = types[programs_pick(ARRAY_SIZE(types))];
	generated->type = catalog_prog(opts.prog_type);
	base = generated;
	stage = &generated_stage;
	if (kind == SHAPES)
		shapes_generate(opts.prog_type, &program);
	else
		programs_generate(&opts, &program);
	changed = !programs_pick(kind == SHAPES ? 10 : 3);
	if (changed)
		programs_mutate(&program, PROGRAMS_MAPS);
	changed |= kind != SHAPES;
}

static void count_coverage(const struct verified *v)
{
	for (uint32_t i = 0; i < v->n_insns; i++) {
		uint8_t id = v->facts[i].id;

		if (id >= ISA_COUNT || v->facts[i].flags & VERIFIED_DEAD)
			continue;
		in_accepted[id]++;
		executed[id] += visits[i] != 0;
		stats[kind].reachable++;
		stats[kind].reached += visits[i] != 0;
	}
}

/* Loops that only time or a count at run time ends. */
static bool may_be_long(const struct verified *v)
{
	for (uint32_t i = 0; i < v->n_insns; i++)
		if (v->facts[i].id == ISA_MAY_GOTO ||
		    (v->facts[i].id == ISA_CALL_HELPER && v->insns[i].imm == BPF_FUNC_loop))
			return true;
	return false;
}

static void run_all(const struct verified *v, uint64_t seed)
{
	static struct input in;
	bool always = opt.checked || may_be_long(v), watched = always || !(seed % WATCHED);
	struct seats s;
	int err = take_all(&s, &program, v, watched);

	if (err) {
		not_taken += err == -EOPNOTSUPP;
		if (err == -EOPNOTSUPP)
			return;
		input_make(&in, base, opt.kernel);
		report(seed, &in, not_made(err));
		return;
	}
	memset(visits, 0, v->n_insns * sizeof(*visits));
	sides_visits = visits;
	for (uint32_t i = 0; i < opt.inputs; i++) {
		const char *what;

		input_make(&in, base, opt.kernel);
		what = compare(&s, &in, always || (watched && !i));
		if (!what)
			continue;
		sides_visits = NULL;
		if (!sides_stable(stage, &image, v, &in)) {
			unstable++;
			break;
		}
		leave_all(&s);
		report(seed, &in, what);
		return;
	}
	sides_visits = NULL;
	if (watched)
		count_coverage(v);
	leave_all(&s);
}

static void report_refused(uint64_t seed, const struct visor_diag *diag)
{
	struct isa_disasm_opts dump = {.flags = ISA_DUMP_NUMBERS, .helper = helper_name};

	printf("%llu %s: %s: %s\n", (unsigned long long)seed, kind_names[kind], diag->place,
	       diag->text);
	if (getenv("JIT_RUN_DUMP"))
		isa_dump(stdout, program.insns, program.n, &dump);
}

static void one(uint64_t seed)
{
	struct visor_diag diag = {0};
	const struct verified *v;
	int err;

	programs_seed(seed);
	pick_program();
	stats[kind].programs++;
	err = verify(&program, &v, opt.refused ? &diag : NULL);
	if (err) {
		if (opt.refused && budget)
			report_refused(seed, &diag);
		stats[kind].long_ones += !budget;
		stats[kind].refused += budget != 0;
		return;
	}
	stats[kind].accepted++;
	run_all(v, seed);
	verified_unref(v);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void print_kinds(void)
{
	for (int k = 0; k < KINDS; k++)
		if (stats[k].programs)
			printf("%-6s %9lu programs, %5.1f%% accepted, %4.1f%% too long to verify; "
			       "%4.1f%% of their instructions executed\n",
			       kind_names[k], stats[k].programs,
			       100.0 * (double)stats[k].accepted / (double)stats[k].programs,
			       100.0 * (double)stats[k].long_ones / (double)stats[k].programs,
			       100.0 * (double)stats[k].reached /
				       (double)MAX(stats[k].reachable, 1UL));
}

static void print_ids(const char *title, bool (*belongs)(int id))
{
	bool any = false;

	for (int id = 0; id < ISA_COUNT; id++) {
		if (!belongs(id))
			continue;
		printf("%s %s", any ? "" : title, isa_table[id].name);
		any = true;
	}
	if (any)
		printf("\n");
}

static bool id_unseen(int id)
{
	return !in_accepted[id];
}

static bool id_unexecuted(int id)
{
	return in_accepted[id] && !executed[id];
}

static void print_coverage(void)
{
	unsigned n = 0;

	for (int id = 0; id < ISA_COUNT; id++) {
		n += executed[id] != 0;
		if (opt.coverage)
			printf("%-18s %10lu %10lu\n", isa_table[id].name, in_accepted[id],
			       executed[id]);
	}
	printf("%u of %u kinds of instructions executed\n", n, (unsigned)ISA_COUNT);
	if (differences) /* it ended early */
		return;
	print_ids("in no accepted program:", id_unseen);
	print_ids("never executed:", id_unexecuted);
}

static void print_statistics(double seconds)
{
	unsigned long programs = 0;

	for (int k = 0; k < KINDS; k++)
		programs += stats[k].programs;
	print_kinds();
	print_coverage();
	printf("%lu runs (%lu unfinished, %lu of them differ by addresses or garbage), %lu "
	       "programs "
	       "not for both sides",
	       runs, unfinished, unstable, not_taken);
	if (opt.kernel)
		printf(", %lu in the kernel (%lu programs are not for it)", asked, kernel_refused);
	printf("; %.0f programs/s; %lu differences\n", (double)programs / seconds, differences);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static int id_by_name(const char *name, size_t len)
{
	for (int id = 0; id < ISA_COUNT; id++)
		if (strlen(isa_table[id].name) == len && !strncmp(isa_table[id].name, name, len))
			return id;
	fprintf(stderr, "no instruction is called %.*s\n", (int)len, name);
	exit(2);
}

static void fault_option(const char *text)
{
	const char *is = strchr(text, '=');

	if (!is) {
		fprintf(stderr, "--fault A=B\n");
		exit(2);
	}
	opt.fault_from = id_by_name(text, (size_t)(is - text));
	opt.fault_to = id_by_name(is + 1, strlen(is + 1));
}

/* How many of the words belong to it; 0: it is no option. */
static int option(const char *word, const char *next)
{
	static const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--interpreted", &opt.interpreted}, {"--checked", &opt.checked},
		{"--kernel", &opt.kernel},	     {"--coverage", &opt.coverage},
		{"--refused", &opt.refused},	     {"--keep-going", &opt.keep_going},
		{"--blind", &sides_blind},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(word, flags[i].name))
			return *flags[i].flag = true;
	if (strncmp(word, "--", 2))
		return 0;
	if (next && !strcmp(word, "--inputs")) {
		opt.inputs = (uint32_t)strtoul(next, NULL, 0);
	} else if (next && !strcmp(word, "--fault")) {
		fault_option(next);
	} else if (next && !strcmp(word, "--only")) {
		for (int k = 0; k < KINDS; k++)
			if (!strcmp(next, kind_names[k]))
				opt.only = k;
	} else {
		fprintf(stderr, "unknown option %s\n", word);
		exit(2);
	}
	return 2;
}

/* Those that can run on a packet here. */
static void keep_runnable(void)
{
	uint32_t kept = 0;

	stages = calloc(n_bases + 1, sizeof(*stages));
	for (uint32_t i = 0; i < n_bases; i++) {
		const struct prog_type *type = catalog_prog(bases[i]->type->type);

		if (type && type->packet && !bases[i]->attach_id &&
		    stage_open(&stages[kept], bases[i])) {
			bases[kept++] = bases[i];
		} else {
			stage_close(&stages[kept], bases[i]);
			base_free(bases[i]);
		}
	}
	n_bases = kept;
}

static void set_up(int argc, char **argv, struct visor_run *on_stack)
{
	int by;

	for (int i = 3; i < argc; i += MAX(by, 1))
		by = option(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
	if (opt.kernel)
		kernel_side_init();
	bases_init(opt.kernel, NULL);
	generated = base_generated();
	sides_init(!opt.interpreted && opt.fault_from < 0, on_stack);
	if (!stage_open(&generated_stage, generated)) {
		fprintf(stderr, "the maps cannot be made\n");
		exit(2);
	}
	if (stage_targets(&generated_stage)) {
		printf("skipped: there is no native engine for this machine\n");
		exit(77);
	}
	for (int i = 3; i < argc; i += MAX(by, 1)) {
		by = option(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		if (!by)
			bases_add(argv[i]);
	}
	keep_runnable();
}

int main(int argc, char **argv)
{
	unsigned long programs = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct timespec from, to;
	struct visor_run on_stack;

	set_up(argc, argv, &on_stack);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned long i = 0; i < programs && (!differences || opt.keep_going); i++)
		one(seed + i);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_statistics((double)(to.tv_sec - from.tv_sec) +
			 (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	sides_done();
	stage_close(&generated_stage, generated);
	for (uint32_t i = 0; i < n_bases; i++)
		stage_close(&stages[i], bases[i]);
	free(stages);
	bases_free(generated);
	return differences != 0;
}
