/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_visor.c - our interpreter, unchecked and checked, entered as a batch enters it:
 * the CPU slot is taken once for all repetitions.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vm/vm.h"

struct visor_state {
	struct vm_prog *prog;
	struct visor_run *run;
	struct visor_packet pkt;
};

static int visor_map_fill(void *to, const void *key, const void *value)
{
	return map_user_update(to, key, value, BPF_ANY);
}

static int visor_map_make(const struct native_map *from, struct map **out, struct visor_diag *diag)
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

static int visor_make(const struct bench_program *prog, enum vm_mode mode, void **state,
		      struct visor_diag *diag)
{
	static const struct vm_host host;
	struct vm_prog_attr attr = {.host = &host, .mode = mode, .id = 1, .name = "bench"};
	struct verify_image image = {
		.type = catalog_prog(BPF_PROG_TYPE_XDP), .gpl = true, .structure_only = true};
	const struct verified *verified = NULL;
	struct visor_state *st;
	struct verify_map desc; /* borrowed by the image */
	struct bench_code code;
	struct map *map = NULL;
	int err;

	st = calloc(1, sizeof(*st));
	if (!st || posix_memalign((void **)&st->run, 64, sizeof(*st->run)))
		return -ENOMEM;
	err = bench_code_read(prog->object, "xdp", &code);
	if (err)
		return err;
	for (uint32_t i = 0; i < code.n_map_refs; i++) {
		code.insns[code.map_refs[i]].src_reg = BPF_PSEUDO_MAP_IDX;
		code.insns[code.map_refs[i]].imm = 0;
	}
	if (prog->map) {
		err = visor_map_make(prog->map, &map, diag);
		if (err)
			return err;
		desc = (struct verify_map){.desc = map->desc};
		image.maps = &desc;
		image.n_maps = 1;
	}
	image.insns = code.insns;
	image.n_insns = code.n_insns;
	err = verify_image(&image, &verified, diag);
	if (err)
		return err;
	attr.code = verified;
	attr.maps = &map;
	err = vm_prog_new(&attr, &st->prog, diag);
	if (err)
		return err;
	vm_run_init(st->run);
	*state = st;
	return 0;
}

static int visor_make_noted(const struct bench_program *prog, enum vm_mode mode, void **state,
			    char *note, size_t size)
{
	struct visor_diag diag = {0};
	int err = visor_make(prog, mode, state, &diag);

	if (err)
		snprintf(note, size, "%s: %s", diag.stage, diag.text);
	return err;
}

static int visor_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return visor_make_noted(prog, VM_UNCHECKED, state, note, size);
}

static int visor_load_checked(const struct bench_program *prog, void **state, char *note,
			      size_t size)
{
	return visor_make_noted(prog, VM_CHECKED, state, note, size);
}

static int visor_repeat(void *state, const struct bench_program *prog, uint32_t repeat,
			uint32_t *result, double *ns)
{
	struct visor_state *st = state;
	uint64_t r0 = 0;
	double start;
	int err = 0;

	visor_packet_init(&st->pkt, prog->input, prog->input_size, 0, prog->input_size);
	start = bench_now();
	vm_enter(st->run);
	for (uint32_t i = 0; i < repeat && !err; i++)
		err = vm_prog_run(st->prog, st->run, &st->pkt, 0, &r0);
	vm_leave(st->run);
	*ns = (bench_now() - start) / repeat;
	*result = r0;
	if (err)
		fprintf(stderr, "%s: insn %u: %s\n", prog->name, st->run->fault.insn,
			st->run->fault.text);
	return err;
}

const struct bench_engine bench_visor = {"visor", visor_load, visor_repeat};
const struct bench_engine bench_visor_checked = {"checked", visor_load_checked, visor_repeat};
