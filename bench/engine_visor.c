/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_visor.c - our engine: native code, interpreter, checked interpreter; entered as a
 * batch enters it: the CPU slot is taken once for all repetitions, and many packets are given
 * to the engine 64 at a time.
 *
 * Programs are verified as a load by root verifies them, since native code may be the better
 * for what was proven. Only the checked interpreter is given what nobody has proven anything of.
 */
#include "engine_visor.h"
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BATCH 64

static int visor_map_fill(void *to, const void *key, const void *value)
{
	return map_user_update(to, key, value, BPF_ANY);
}

int visor_map_make(const struct native_map *from, struct map **out, struct visor_diag *diag)
{
	struct map_attr attr = {
		.type = from->type == NATIVE_MAP_ARRAY ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH,
		.key_size = from->key_size,
		.value_size = from->value_size,
		.max_entries = from->max_entries,
	};
	int err = map_new(&attr, 1, memfd_create("bench", MFD_CLOEXEC), out, diag);

	return err ? err : bench_map_fill(from, visor_map_fill, *out);
}

int visor_verify(const struct bench_code *code, const struct map *map, bool structure_only,
		 const struct verified **out, struct visor_diag *diag)
{
	struct verify_map desc = {0};
	struct verify_image image = {
		.insns = code->insns,
		.n_insns = code->n_insns,
		.type = catalog_prog(BPF_PROG_TYPE_XDP),
		.maps = map ? &desc : NULL,
		.n_maps = map ? 1 : 0,
		.gpl = true,
		.structure_only = structure_only,
		.engine = true,
		.cap_bpf = true,
		.cap_perfmon = true,
		.cap_net_admin = true,
		.cap_sys_admin = true,
	};

	if (map)
		desc.desc = map->desc;
	for (uint32_t i = 0; i < code->n_map_refs; i++) {
		code->insns[code->map_refs[i]].src_reg = BPF_PSEUDO_MAP_IDX;
		code->insns[code->map_refs[i]].imm = 0;
	}
	return verify_image(&image, out, diag);
}

int visor_prog_make(const struct verified *code, struct map *map, const struct vm_host *host,
		    enum vm_exec exec, uint32_t id, struct vm_prog **out, struct visor_diag *diag)
{
	static const struct vm_host nobody;
	struct vm_prog_attr attr = {.code = code,
				    .maps = &map,
				    .host = host ? host : &nobody,
				    .mode = VM_UNCHECKED,
				    .exec = exec,
				    .id = id,
				    .name = "bench"};

	return vm_prog_new(&attr, out, diag);
}

int visor_state_new(struct vm_prog *prog, const struct bench_program *bench, void **out)
{
	struct visor_state *st = calloc(1, sizeof(*st));
	struct visor_packet *pkts;

	if (!st || posix_memalign((void **)&st->run, 64, sizeof(*st->run)) ||
	    posix_memalign((void **)&pkts, 64, bench->n_packets * sizeof(*pkts)))
		return -ENOMEM;
	st->ctx = calloc(bench->n_packets, sizeof(*st->ctx));
	if (!st->ctx)
		return -ENOMEM;
	vm_run_init(st->run);
	for (uint32_t i = 0; i < bench->n_packets; i++) {
		const struct bench_packet *p = &bench->packets[i];

		visor_packet_init(&pkts[i], p->data, p->size, 0, p->size);
		st->ctx[i] = &pkts[i];
	}
	st->prog = prog;
	*out = st;
	return 0;
}

int visor_note(int err, const struct visor_diag *diag, char *note, size_t size)
{
	if (err)
		snprintf(note, size, "%s: %s", diag->stage, diag->text);
	return err;
}

static int visor_make(const struct bench_program *prog, enum vm_mode mode, enum vm_exec exec,
		      void **state, char *note, size_t size)
{
	static const struct vm_host host;
	struct vm_prog_attr attr = {
		.host = &host, .mode = mode, .exec = exec, .id = 1, .name = "bench"};
	struct visor_diag diag = {0};
	struct map *map = NULL;
	struct vm_prog *vm;
	struct bench_code code;
	int err = bench_code_get(prog, false, &code);

	if (err)
		return err;
	if (prog->map)
		err = visor_map_make(prog->map, &map, &diag);
	if (err)
		return visor_note(err, &diag, note, size);
	err = visor_verify(&code, map, mode == VM_CHECKED, &attr.code, &diag);
	if (err && mode == VM_UNCHECKED) {
		snprintf(note, size, "not proven safe: %s", diag.text);
		err = visor_verify(&code, map, true, &attr.code, &diag);
	}
	attr.maps = &map;
	if (!err)
		err = vm_prog_new(&attr, &vm, &diag);
	return err ? visor_note(err, &diag, note, size) : visor_state_new(vm, prog, state);
}

static int visor_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return visor_make(prog, VM_UNCHECKED, VM_EXEC_INTERPRETED, state, note, size);
}

static int visor_load_native(const struct bench_program *prog, void **state, char *note,
			     size_t size)
{
	return visor_make(prog, VM_UNCHECKED, VM_EXEC_NATIVE, state, note, size);
}

static int visor_load_checked(const struct bench_program *prog, void **state, char *note,
			      size_t size)
{
	return visor_make(prog, VM_CHECKED, VM_EXEC_INTERPRETED, state, note, size);
}

/* All packets, once, as a batch of a receive queue comes. */
static int visor_pass(struct visor_state *st, const struct bench_program *prog, uint32_t *sum)
{
	uint64_t r0[BATCH];

	*sum = 0;
	for (uint32_t i = 0; i < prog->n_packets; i += BATCH) {
		uint32_t n = MIN(prog->n_packets - i, (uint32_t)BATCH);

		if (vm_prog_run_batch(st->prog, st->run, st->ctx + i, n, r0) != n)
			return -EFAULT;
		for (uint32_t j = 0; j < n; j++)
			*sum += (uint32_t)r0[j];
	}
	return 0;
}

/* The only packet. */
static int visor_once(struct visor_state *st, uint32_t *result)
{
	uint64_t r0 = 0;
	int err = vm_prog_run(st->prog, st->run, st->ctx[0], 0, &r0);

	*result = (uint32_t)r0;
	return err;
}

int visor_run_repeat(void *state, const struct bench_program *prog, uint32_t repeat,
		     uint32_t *result, double *ns)
{
	struct visor_state *st = state;
	double start = bench_now();
	int err = 0;

	vm_enter(st->run);
	for (uint32_t i = 0; i < repeat && !err; i++)
		err = prog->n_packets > 1 ? visor_pass(st, prog, result) : visor_once(st, result);
	vm_leave(st->run);
	*ns = (bench_now() - start) / repeat;
	if (err)
		fprintf(stderr, "%s: insn %u: %s\n", prog->name, st->run->fault.insn,
			st->run->fault.text);
	return err;
}

const struct bench_engine bench_visor = {"visor", visor_load, visor_run_repeat};
const struct bench_engine bench_visor_native = {"jit", visor_load_native, visor_run_repeat};
const struct bench_engine bench_visor_checked = {"checked", visor_load_checked, visor_run_repeat};
