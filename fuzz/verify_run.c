/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier believes against what happens: programs at random (programs.h) that it
 * accepts run in the checked interpreter, and before each instruction every register that it
 * reads, and every slot of the stack that it loads, must be what some state of that instruction
 * said. A fault is a failure, too.
 *
 * States are those of a second verification, in which every number is precise: else paths end
 * where one was seen that differs in numbers that do not matter, and states say nothing of them.
 *
 *   verify_run [STEPS [SEED]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../tests/verify/world.h"
#include "isa/disasm.h"
#include "programs.h"
#include "verify/state.h"
#include "vm/vm.h"

enum {
	RUNS = 24,	  /* of each program */
	RECORDS_MAX = 96, /* of each instruction */
	HELD_MAX = 6,
	INSN_LIMIT = 20000,
	STATES_MAX = 60000,
	VARIABLE_MAX = 4096, /* offsets that are tried one by one */
};

/* What one state said of the operands. */
struct record {
	uint32_t frame;
	uint32_t has; /* registers 0 to 10; bit 11: the slot that is loaded */
	struct reg held[HELD_MAX];
};

struct insn_records {
	struct record *records;
	uint32_t n, cap;
	bool open; /* too many that cannot be joined: anything goes */
	uint32_t has;
	int slot;
};

static struct world world;
static struct map *maps[PROGRAMS_MAPS];
static struct programs_one program;
static uint32_t prog_type;
static struct insn_records all[PROGRAMS_MAX];
static struct verify_image image;
static unsigned long observed, steps, checked, skipped, violations, programs, accepted, exact;
static bool failed;
static char failure[400];
static uint8_t buffer[2048];
static struct visor_run run;

/* ---- recording --------------------------------------------------------------------------- */

/* Registers that the instruction reads; what a call takes depends on the helper. */
static uint32_t operands(const struct bpf_insn *in)
{
	uint32_t dst = 1u << in->dst_reg, src = 1u << in->src_reg;

	switch (BPF_CLASS(in->code)) {
	case BPF_LDX:
		return src;
	case BPF_ST:
		return dst;
	case BPF_STX:
		return dst | src;
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(in->code) == BPF_END || BPF_OP(in->code) == BPF_NEG)
			return dst;
		return (BPF_OP(in->code) == BPF_MOV ? 0 : dst) |
		       (BPF_SRC(in->code) == BPF_X ? src : 0);
	case BPF_JMP:
	case BPF_JMP32:
		if (BPF_OP(in->code) == BPF_CALL) {
			const struct helper *h =
				in->src_reg ? NULL : catalog_helper((uint32_t)in->imm);
			uint32_t set = 0;

			for (uint32_t a = 0; h && a < 5 && h->args[a]; a++)
				set |= 2u << a;
			return set;
		}
		if (BPF_OP(in->code) == BPF_EXIT)
			return 1;
		if (BPF_OP(in->code) == BPF_JA || BPF_OP(in->code) == BPF_JCOND)
			return 0;
		return dst | (BPF_SRC(in->code) == BPF_X ? src : 0);
	default:
		return 0;
	}
}

/* The slot that is loaded in whole, or -1. */
static int loaded_slot(const struct bpf_insn *in)
{
	if (in->code != (BPF_LDX | BPF_MEM | BPF_DW) || in->src_reg != 10 || in->off % 8 ||
	    in->off >= 0 || in->off < -VERIFY_STACK_SIZE)
		return -1;
	return -in->off / 8 - 1;
}

static void prepare(void)
{
	for (uint32_t i = 0; i < program.n; i++) {
		const struct bpf_insn *in = &program.insns[i];

		all[i].n = 0;
		all[i].open = false;
		all[i].slot = loaded_slot(in);
		all[i].has = operands(in);
		if (in->code == (BPF_LD | BPF_IMM | BPF_DW))
			i++;
	}
}

static void join(struct range *a, const struct range *b)
{
	uint64_t unknown = a->bits.mask | b->bits.mask | (a->bits.value ^ b->bits.value);

	a->bits = (struct tnum){a->bits.value & ~unknown, unknown};
	a->umin = MIN(a->umin, b->umin);
	a->umax = MAX(a->umax, b->umax);
	a->smin = MIN(a->smin, b->smin);
	a->smax = MAX(a->smax, b->smax);
	a->u32_min = MIN(a->u32_min, b->u32_min);
	a->u32_max = MAX(a->u32_max, b->u32_max);
	a->s32_min = MIN(a->s32_min, b->s32_min);
	a->s32_max = MAX(a->s32_max, b->s32_max);
}

static bool alike(const struct record *a, const struct record *b)
{
	uint32_t n = (uint32_t)__builtin_popcount(a->has);

	if (a->frame != b->frame || a->has != b->has)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const struct reg *x = &a->held[i], *y = &b->held[i];

		if (x->type != y->type || x->flags != y->flags)
			return false;
		if (x->type != R_SCALAR && (x->off != y->off || x->frame != y->frame ||
					    memcmp(x->raw, y->raw, sizeof(x->raw))))
			return false;
	}
	return true;
}

static void keep(struct insn_records *list, const struct record *r)
{
	uint32_t n = (uint32_t)__builtin_popcount(r->has);

	for (uint32_t i = 0; i < list->n; i++)
		if (!memcmp(&list->records[i], r, sizeof(*r)))
			return;
	if (list->n == list->cap && list->n < RECORDS_MAX) {
		list->cap = list->cap ? 2 * list->cap : 4;
		list->records = realloc(list->records, list->cap * sizeof(*r));
	}
	if (list->n < RECORDS_MAX) {
		list->records[list->n++] = *r;
		return;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		if (!alike(&list->records[i], r))
			continue;
		for (uint32_t k = 0; k < n; k++)
			join(&list->records[i].held[k].var, &r->held[k].var);
		return;
	}
	list->open = true;
}

/* Ids, references and marks are no part of what is compared. */
static struct reg plain(const struct reg *from)
{
	struct reg r;

	memset(&r, 0, sizeof(r));
	r.type = from->type;
	r.frame = from->type == R_STACK ? from->frame : 0;
	r.flags = from->flags;
	r.off = from->type == R_SCALAR ? 0 : from->off;
	r.var = from->var;
	if (from->type == R_PACKET || from->type == R_PACKET_META)
		r.range = from->range;
	else if (from->type == R_MAP_VALUE || from->type == R_MAP_PTR || from->type == R_MAP_KEY)
		r.map = from->map;
	return r;
}

static int observe(void *user, const struct state *state, uint32_t insn)
{
	const struct frame *f = state_frame(state);
	struct insn_records *list = &all[insn];
	struct record r;
	uint32_t n = 0;

	if (++observed > STATES_MAX)
		return -E2BIG;
	if (state->speculative)
		return 0;
	memset(&r, 0, sizeof(r));
	r.frame = state->cur;
	for (uint32_t i = 0; i < 11; i++) {
		if (!(list->has >> i & 1))
			continue;
		r.has |= 1u << i;
		r.held[n++] = plain(&f->regs[i]);
	}
	if (list->slot >= 0 && list->slot < f->n_slots &&
	    f->slots[list->slot].kind[0] == SLOT_SPILL &&
	    f->slots[list->slot].kind[SLOT_BYTES - 1] == SLOT_SPILL) {
		r.has |= 1u << 11;
		r.held[n++] = plain(&f->slots[list->slot].reg);
	}
	keep(list, &r);
	return 0;
}

/* ---- comparing --------------------------------------------------------------------------- */

static bool range_has(const struct range *r, uint64_t v)
{
	return !((v ^ r->bits.value) & ~r->bits.mask) && v >= r->umin && v <= r->umax &&
	       (int64_t)v >= r->smin && (int64_t)v <= r->smax && (uint32_t)v >= r->u32_min &&
	       (uint32_t)v <= r->u32_max && (int32_t)v >= r->s32_min && (int32_t)v <= r->s32_max;
}

/* The value of that map, whose start is v without the offset. */
static bool in_map(const struct reg *r, uint64_t v)
{
	const struct map *map = maps[r->map->desc.id - 1];
	bool writable;

	if (range_is_const(&r->var))
		return map_value_contains(map, (void *)(v - range_const(&r->var)),
					  map->desc.value_size, &writable);
	if (r->var.umax - r->var.umin > VARIABLE_MAX)
		return true;
	for (uint64_t x = r->var.umin; x <= r->var.umax; x++)
		if (range_has(&r->var, x) &&
		    map_value_contains(map, (void *)(v - x), map->desc.value_size, &writable))
			return true;
	return false;
}

static bool in_record(const struct reg *r, uint64_t v)
{
	for (uint32_t i = 0; i < run.n_regions; i++)
		if (range_has(&r->var, v - (uintptr_t)run.regions[i].start))
			return true;
	return false;
}

static bool reg_has(const struct reg *r, uint64_t v)
{
	const struct visor_packet *pkt = run.ctx;
	uint64_t at = v - (uint64_t)(int64_t)r->off;

	if (r->flags & F_NULL && !v)
		return true;
	switch (r->type) {
	case R_SCALAR:
		return range_has(&r->var, v);
	case R_CTX:
		return range_has(&r->var, at - (uintptr_t)run.window);
	case R_STACK:
		return range_has(&r->var,
				 at - (uintptr_t)(run.frames[r->frame].stack + VM_STACK_SIZE));
	case R_MAP_PTR:
		return v == (uintptr_t)maps[r->map->desc.id - 1];
	case R_MAP_VALUE:
		return in_map(r, at);
	case R_PACKET:
		return range_has(&r->var, at - (uintptr_t)pkt->data) &&
		       (r->range <= 0 || at + (uint64_t)r->range <= (uintptr_t)pkt->end);
	case R_PACKET_END:
		return v == (uintptr_t)pkt->end;
	case R_MEM:
		return in_record(r, at);
	case R_NOT_INIT:
		return false;
	default:
		skipped++;
		return true;
	}
}

static bool record_has(const struct record *rec, const uint64_t *r, uint32_t frame, uint64_t slot)
{
	uint32_t n = 0;

	if (rec->frame != frame)
		return false;
	for (uint32_t i = 0; i < 12; i++) {
		if (!(rec->has >> i & 1))
			continue;
		if (!reg_has(&rec->held[n++], i < 11 ? r[i] : slot))
			return false;
	}
	return true;
}

static void step(struct visor_run *running, uint32_t insn, const uint64_t *r, uint32_t reads)
{
	const struct insn_records *list = &all[insn];
	uint32_t frame = (uint32_t)(running->frame - running->frames);
	uint64_t slot = 0;
	size_t len;

	steps++;
	if (failed || list->open)
		return;
	if (list->slot >= 0)
		memcpy(&slot, running->frame->stack + VM_STACK_SIZE - 8 * (list->slot + 1), 8);
	for (uint32_t i = 0; i < list->n; i++) {
		if (record_has(&list->records[i], r, frame, slot)) {
			checked++;
			return;
		}
	}
	failed = true;
	len = (size_t)snprintf(failure, sizeof(failure),
			       "no state of instruction %u (of %u, frame %u) holds", insn, list->n,
			       frame);
	for (uint32_t i = 0; i < 11; i++)
		if (list->has >> i & 1)
			len += (size_t)snprintf(failure + len, sizeof(failure) - len, " r%u=%#llx",
						i, (unsigned long long)r[i]);
	if (list->slot >= 0)
		snprintf(failure + len, sizeof(failure) - len, " slot=%#llx",
			 (unsigned long long)slot);
}

/* ---- programs ---------------------------------------------------------------------------- */

static const char *map_name(void *user, const struct bpf_insn *insn)
{
	return world.maps[insn->imm].desc.name;
}

static void print_reg(const struct reg *r)
{
	printf(" type %u flags %#x off %d u [%#llx, %#llx] s [%lld, %lld] u32 [%#x, %#x] bits "
	       "%#llx/%#llx range %d;",
	       r->type, r->flags, r->off, (unsigned long long)r->var.umin,
	       (unsigned long long)r->var.umax, (long long)r->var.smin, (long long)r->var.smax,
	       r->var.u32_min, r->var.u32_max, (unsigned long long)r->var.bits.value,
	       (unsigned long long)r->var.bits.mask, r->type == R_PACKET ? r->range : 0);
}

static void report(uint64_t seed, uint32_t insn, const char *what)
{
	struct isa_disasm_opts opts = {.flags = ISA_DUMP_LABELS | ISA_DUMP_NUMBERS,
				       .map = map_name};

	violations++;
	printf("# seed %llu: %s\n# type: %s\n%s", (unsigned long long)seed, what,
	       catalog_prog(prog_type)->name, PROGRAMS_WORLD);
	isa_dump(stdout, program.insns, program.n, &opts);
	for (uint32_t i = 0; insn < program.n && i < MIN(all[insn].n, 4U); i++) {
		printf("# a state:");
		for (int k = 0; k < __builtin_popcount(all[insn].records[i].has); k++)
			print_reg(&all[insn].records[i].held[k]);
		printf("\n");
	}
	fflush(stdout);
}

static void fill(void)
{
	for (uint32_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(programs_pick(3) ? programs_pick(256) : 0);
	for (uint32_t m = 0; m < PROGRAMS_MAPS; m++) {
		uint8_t value[64];
		uint64_t key = programs_pick(4);

		if (!maps[m] || m == PROGRAMS_RING || m == PROGRAMS_PROGS || m == PROGRAMS_PERCPU)
			continue;
		for (uint32_t i = 0; i < sizeof(value); i += 8) {
			uint64_t v = programs_number();

			memcpy(value + i, &v, 8);
		}
		map_user_update(maps[m], &key, value, BPF_ANY);
	}
}

static bool run_once(struct vm_prog *prog, uint64_t seed)
{
	struct visor_packet pkt;
	uint64_t ret;
	int err;

	fill();
	visor_packet_init(&pkt, buffer, sizeof(buffer), 256,
			  programs_pick(programs_pick(2) ? 64 : 1500));
	run.n_regions = 0;
	run.insn_limit = INSN_LIMIT;
	run.fault.text[0] = '\0';
	run.step = step;
	vm_enter(&run);
	err = vm_prog_run(prog, &run, &pkt, 0, &ret);
	vm_leave(&run);
	if (failed) {
		uint32_t insn = 0;

		sscanf(failure, "no state of instruction %u", &insn);
		report(seed, insn, failure);
		return false;
	}
	if (err && !strstr(run.fault.text, "the limit of this run")) {
		snprintf(failure, sizeof(failure), "fault at %u: %s", run.fault.insn,
			 run.fault.text);
		report(seed, run.fault.insn, failure);
		return false;
	}
	return true;
}

static void run_program(const struct verified *v, uint64_t seed)
{
	static const struct vm_host host;
	struct vm_prog_attr attr = {.code = v,
				    .maps = maps,
				    .host = &host,
				    .mode = VM_CHECKED,
				    .id = 1,
				    .name = "fuzz"};
	struct vm_prog *prog;

	if (vm_prog_new(&attr, &prog, NULL))
		return;
	failed = false;
	for (int i = 0; i < RUNS && run_once(prog, seed); i++)
		;
	vm_prog_unref(prog);
}

static void one(uint64_t seed)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SOCKET_FILTER};
	static struct bpf_insn insns[PROGRAMS_MAX];
	struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t at[PROGRAMS_FUNCS + 1];
	struct programs_opts opts = {.runnable = true};
	const struct verified *v;

	programs_seed(seed);
	prog_type = opts.prog_type = types[programs_pick(ARRAY_SIZE(types))];
	programs_generate(&opts, &program);
	if (!programs_pick(3))
		programs_mutate(&program, PROGRAMS_MAPS - 1);
	programs++;
	image.n_func_info = programs_functions(&program, at);
	if (image.n_func_info > PROGRAMS_FUNCS)
		return;
	for (uint32_t i = 0; i < image.n_func_info; i++)
		info[i] = (struct bpf_func_info){at[i], world.funcs[i].type_id};
	memcpy(insns, program.insns, sizeof(insns));
	for (uint32_t i = 0; i < program.n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			insns[i].src_reg += BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
		i++;
	}
	image.insns = insns;
	image.n_insns = program.n;
	image.type = catalog_prog(prog_type);
	image.func_info = info;
	image.observe = NULL;
	image.all_precise = false;
	if (verify_image(&image, &v, NULL))
		return;
	accepted++;
	prepare();
	observed = 0;
	image.observe = observe;
	image.all_precise = true;
	if (!verify_image(&image, &v, NULL)) {
		exact++;
	} else { /* too complex so: only faults count */
		for (uint32_t i = 0; i < program.n; i++)
			all[i].open = true;
		image.observe = NULL;
		image.all_precise = false;
		if (verify_image(&image, &v, NULL))
			return;
	}
	run_program(v, seed);
	verified_unref(v);
}

static void set_up(void)
{
	static const char text[] = PROGRAMS_WORLD;
	struct bpf_insn calls[PROGRAMS_FUNCS];

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line)
			world_line(&world, line);
	}
	for (uint32_t i = 0; i < PROGRAMS_FUNCS; i++)
		calls[i] =
			(struct bpf_insn){.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL};
	world_build(&world, calls, PROGRAMS_FUNCS - 1, true);
	world_image(&world, &image, calls, NULL);
	image.n_maps = PROGRAMS_MAPS - 1; /* the last one has a lock */
	image.gpl = image.engine = true;
	image.cap_bpf = image.cap_perfmon = image.cap_net_admin = image.cap_sys_admin = true;
	for (uint32_t m = 0; m < image.n_maps; m++) {
		const struct map_desc *desc = &world.view[m].desc;
		struct map_attr attr = {.type = desc->type,
					.key_size = desc->key_size,
					.value_size = desc->value_size,
					.max_entries = desc->max_entries,
					.flags = desc->flags};

		if (map_new(&attr, m + 1, memfd_create("map", MFD_CLOEXEC), &maps[m], NULL))
			abort();
	}
	vm_run_init(&run);
}

int main(int argc, char **argv)
{
	unsigned long want = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	set_up();
	while (steps < want && violations < 10)
		one(seed++);
	printf("%lu programs, %lu accepted, %lu of them with all states; %lu steps, %lu compared, "
	       "%lu operands of other kinds; %lu violations\n",
	       programs, accepted, exact, steps, checked, skipped, violations);
	return violations != 0;
}
