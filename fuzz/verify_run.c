/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier believes against what happens: programs that it accepts run in the checked
 * interpreter with random packets and map values, and before each instruction all registers and
 * stack slots must be what some state of that instruction said (claims.h). A fault is a failure,
 * too. Programs are made at random (programs.h), or come from files (bases.h), as they are and
 * changed.
 *
 * States are those of a second verification, in which every number is precise and everything is
 * still read: else paths end where one was seen that differs in what does not matter, and states
 * say nothing of them.
 *
 *   verify_run [STEPS [SEED [FILE or FOLDER ...]]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bases.h"
#include "claims.h"
#include "isa/disasm.h"

enum {
	RUNS = 24, /* of each program */
	INSN_LIMIT = 20000,
	STATES_MAX = 60000,
	VALUE_MAX = 4096,
};

static struct base *generated;
static const struct base *base;
static struct programs_one program;
static unsigned long steps, violations, programs, accepted, exact, observed;
static bool failed;
static uint8_t buffer[4096];
static struct visor_run run;

/* ---- reports ----------------------------------------------------------------------------- */

static const char *map_name(void *user, const struct bpf_insn *insn)
{
	return (uint32_t)insn->imm < base->world.n_maps ? base->world.maps[insn->imm].desc.name
							: NULL;
}

static void report(uint64_t seed, const char *what)
{
	struct isa_disasm_opts opts = {.flags = ISA_DUMP_LABELS | ISA_DUMP_NUMBERS,
				       .map = map_name};

	violations++;
	printf("# seed %llu: %s\n", (unsigned long long)seed, what);
	if (!strstr(base->head, "# type: "))
		printf("# type: %s\n", base->type->name);
	printf("%s", base->head);
	isa_dump(stdout, program.insns, program.n, &opts);
	printf("\n");
	fflush(stdout);
}

static void step(struct visor_run *running, uint32_t insn, const uint64_t *r, uint32_t reads)
{
	steps++;
	if (failed || claims_hold(running, insn, r))
		return;
	failed = true;
	printf("# frame %u: no state of instruction %u holds\n",
	       (uint32_t)(running->frame - running->frames), insn);
	for (uint32_t i = 0; i < 11; i++)
		printf("# r%u = %#llx\n", i, (unsigned long long)r[i]);
	claims_print(running, insn, r);
}

/* ---- running ----------------------------------------------------------------------------- */

/* Maps whose values are numbers. */
static bool map_is_plain(const struct verify_map *m)
{
	const struct map_desc *d = &m->desc;

	return !m->record && !m->contents && d->key_size <= 8 && d->value_size <= VALUE_MAX &&
	       (d->type == BPF_MAP_TYPE_ARRAY || d->type == BPF_MAP_TYPE_HASH ||
		d->type == BPF_MAP_TYPE_LRU_HASH);
}

static void fill(void)
{
	static uint8_t value[VALUE_MAX];

	for (uint32_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(programs_pick(3) ? programs_pick(256) : 0);
	for (uint32_t m = 0; m < base->world.n_maps; m++) {
		const struct verify_map *view = &base->world.view[m];
		uint64_t key = programs_pick(4);

		if (!base->maps[m] || !map_is_plain(view))
			continue;
		for (uint32_t i = 0; i < view->desc.value_size; i += 8) {
			uint64_t v = programs_number();

			memcpy(value + i, &v, 8);
		}
		map_user_update(base->maps[m], &key, value, BPF_ANY);
	}
	/* What was not written is anything. */
	for (uint32_t i = 0; i < 4; i++)
		memset(run.frames[i].stack, (int)programs_pick(256), sizeof(run.frames[i].stack));
}

static void packet_make(struct visor_packet *pkt)
{
	visor_packet_init(pkt, buffer, sizeof(buffer), 256,
			  programs_pick(programs_pick(2) ? 64 : 1500));
	if (base->type->type == BPF_PROG_TYPE_XDP)
		pkt->meta -= 4 * programs_pick(8);
	pkt->mark = (uint32_t)programs_number();
	pkt->priority = (uint32_t)programs_number();
	pkt->hash = (uint32_t)programs_number();
	pkt->protocol = programs_pick(2) ? 8 : (uint16_t)programs_number();
	pkt->ingress_ifindex = pkt->ifindex = programs_pick(4);
	pkt->cb[programs_pick(5)] = (uint32_t)programs_number();
	pkt->tstamp = programs_number();
}

static bool run_once(struct vm_prog *prog, uint64_t seed)
{
	struct visor_packet pkt;
	uint64_t ret;
	char text[300];
	int err;

	fill();
	packet_make(&pkt);
	run.n_regions = 0;
	run.insn_limit = INSN_LIMIT;
	run.fault.text[0] = '\0';
	run.step = step;
	vm_enter(&run);
	err = vm_prog_run(prog, &run, &pkt, 0, &ret);
	vm_leave(&run);
	if (failed) {
		report(seed, "see above");
		return false;
	}
	if (err && !strstr(run.fault.text, "the limit of this run")) {
		snprintf(text, sizeof(text), "fault at %u: %s", run.fault.insn, run.fault.text);
		report(seed, text);
		return false;
	}
	return true;
}

static void quiet(void *user, const char *line)
{
}

static void run_program(const struct base_image *m, const struct verified *v, uint64_t seed)
{
	static const struct vm_host host = {.trace = quiet};
	struct map *maps[WORLD_MAPS];
	struct vm_prog_attr attr = {.code = v,
				    .maps = maps,
				    .host = &host,
				    .mode = VM_CHECKED,
				    .id = 1,
				    .name = "fuzz"};
	struct vm_prog *prog;

	for (uint32_t i = 0; i < m->image.n_maps; i++)
		maps[i] = base->maps[m->maps[i].desc.id - 1];
	if (vm_prog_new(&attr, &prog, NULL))
		return;
	failed = false;
	for (int i = 0; i < RUNS && run_once(prog, seed); i++)
		;
	vm_prog_unref(prog);
}

/* ---- programs ---------------------------------------------------------------------------- */

/* Programs that take long say little that is new. */
static int within_budget(void *user, const struct state *state, uint32_t insn)
{
	return ++observed > STATES_MAX ? -E2BIG : 0;
}

static void pick_program(void)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SOCKET_FILTER};
	struct programs_opts opts = {.runnable = true};

	if (n_bases && programs_pick(2)) {
		base = bases[programs_pick(n_bases)];
		program = base->one;
		if (programs_pick(4))
			programs_mutate(&program, base->world.n_maps);
		return;
	}
	opts.prog_type = types[programs_pick(ARRAY_SIZE(types))];
	generated->type = catalog_prog(opts.prog_type);
	base = generated;
	programs_generate(&opts, &program);
	if (!programs_pick(3))
		programs_mutate(&program, PROGRAMS_MAPS);
}

static bool maps_run(const struct base_image *m)
{
	for (uint32_t i = 0; i < m->image.n_maps; i++)
		if (!base->maps[m->maps[i].desc.id - 1])
			return false;
	return true;
}

static void one(uint64_t seed)
{
	static struct base_image m;
	struct bpf_func_info info[PROGRAMS_FUNCS];
	const struct verified *v;
	uint32_t n;

	programs_seed(seed);
	pick_program();
	programs++;
	n = base_functions(base, &program, info);
	if (n == UINT32_MAX)
		return;
	base_image(base, &program, info, n, &m);
	if (!maps_run(&m))
		return;
	m.image.engine = true;
	m.image.observe = within_budget;
	observed = 0;
	if (verify_image(&m.image, &v, NULL))
		return;
	accepted++;
	claims_reset(program.n, base->maps);
	m.image.observe = claims_observe;
	m.image.all_precise = true;
	verified_unref(v);
	if (!verify_image(&m.image, &v, NULL)) {
		exact++;
	} else { /* too complex so: only faults count */
		claims_open(program.n);
		m.image.observe = NULL;
		m.image.all_precise = false;
		if (verify_image(&m.image, &v, NULL))
			return;
	}
	run_program(&m, v, seed);
	verified_unref(v);
}

/* ---- set-up ------------------------------------------------------------------------------ */

/* Maps that the engine lacks stay NULL. */
static void make_maps(struct base *b)
{
	for (uint32_t m = 0; m < b->world.n_maps; m++) {
		const struct map_desc *desc = &b->world.view[m].desc;
		struct map_attr attr = {.type = desc->type,
					.key_size = desc->key_size,
					.value_size = desc->value_size,
					.max_entries = desc->max_entries,
					.flags = desc->flags};
		int fd;

		if (!catalog_map(desc->type) || b->world.view[m].record || b->world.view[m].inner)
			continue;
		fd = memfd_create("map", MFD_CLOEXEC);
		if (map_new(&attr, m + 1, fd, &b->maps[m], NULL)) {
			b->maps[m] = NULL;
			close(fd);
		} else if (b->world.view[m].contents) {
			map_user_update(b->maps[m], &(uint32_t){0}, b->world.view[m].contents,
					BPF_ANY);
			map_freeze(b->maps[m]);
		}
	}
}

static void free_maps(struct base *b)
{
	for (uint32_t m = 0; m < b->world.n_maps; m++)
		if (b->maps[m])
			map_unref(b->maps[m]);
}

/* Those that the engine can run on a packet. */
static void keep_runnable(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n_bases; i++) {
		const struct prog_type *type = catalog_prog(bases[i]->type->type);

		if (type && type->packet && !bases[i]->attach_id) {
			make_maps(bases[i]);
			bases[kept++] = bases[i];
		} else {
			base_free(bases[i]);
		}
	}
	n_bases = kept;
}

int main(int argc, char **argv)
{
	unsigned long want = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	bases_init(false, NULL);
	generated = base_generated();
	make_maps(generated);
	for (int i = 3; i < argc; i++)
		bases_add(argv[i]);
	keep_runnable();
	vm_run_init(&run);
	while (steps < want && violations < 10)
		one(seed++);
	printf("%lu programs (%u from files), %lu accepted, %lu of them with all states; %lu "
	       "steps, "
	       "%lu compared (%lu values, %lu of other kinds), %lu with too many states; "
	       "%lu violations\n",
	       programs, n_bases, accepted, exact, steps, claims_stats.compared,
	       claims_stats.values, claims_stats.unknown, claims_stats.skipped, violations);
	claims_free();
	free_maps(generated);
	for (uint32_t i = 0; i < n_bases; i++)
		free_maps(bases[i]);
	bases_free(generated);
	return violations != 0;
}
