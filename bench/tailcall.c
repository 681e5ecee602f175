/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tailcall.c - a chain of tail calls, for the cost of one.
 *
 * HOPS programs call the next one each through a program array, and one more returns what
 * proves that the chain was gone to its end. The index is a constant, or one that the verifier
 * cannot know: with the kernel, that decides between a jump and a look-up.
 */
#include "engine_kernel.h"
#include "engine_visor.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HOPS   32
#define END    77 /* what the last program returns */
#define BROKEN 1

enum row { CONSTANT, DYNAMIC, EMPTY };

static struct bench_program programs[] = {
	[CONSTANT] = {.name = "constant", .what = "32 tail calls, index constant"},
	[DYNAMIC] = {.name = "dynamic", .what = "32 tail calls, index unknown until the run"},
	[EMPTY] = {.name = "empty", .what = "their last program"},
};

static uint32_t hops(const struct bench_program *prog)
{
	return prog == &programs[EMPTY] ? 0 : HOPS;
}

/* Program `at` of a chain; room for 8 instructions. */
static void link_code(const struct bench_program *prog, uint32_t at, struct bench_code *out)
{
	struct bpf_insn *insn = out->insns;

	out->n_map_refs = 0;
	if (at < hops(prog)) {
		if (prog == &programs[DYNAMIC])
			*insn++ = (struct bpf_insn){
				.code = BPF_LDX | BPF_MEM | BPF_W,
				.dst_reg = 3,
				.src_reg = 1,
				.off = offsetof(struct xdp_md, rx_queue_index)}; /* 0 */
		else
			*insn++ = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
						    .dst_reg = 3};
		*insn++ = (struct bpf_insn){
			.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 3, .imm = (int)at};
		out->map_refs[out->n_map_refs++] = insn - out->insns;
		*insn++ = (struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2};
		*insn++ = (struct bpf_insn){0};
		*insn++ = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call};
	}
	*insn++ = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
				    .imm = at < hops(prog) ? BROKEN : END};
	*insn++ = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	out->n_insns = insn - out->insns;
}

/* ---- ours -------------------------------------------------------------------------------- */

struct chain {
	struct vm_prog *progs[HOPS + 1];
	struct vm_host host;
};

static struct vm_prog *chain_find(void *user, uint32_t id)
{
	const struct chain *c = user;

	return id && id <= HOPS + 1 ? vm_prog_ref(c->progs[id - 1]) : NULL;
}

static int chain_make(struct chain *c, const struct bench_program *prog, enum vm_exec exec,
		      struct visor_diag *diag)
{
	struct map_attr attr = {.type = BPF_MAP_TYPE_PROG_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = HOPS};
	struct bpf_insn insns[8];
	struct bench_code code = {.insns = insns};
	const struct verified *verified;
	struct map *map;
	int err;

	c->host = (struct vm_host){.prog_by_id = chain_find, .user = c};
	err = map_new(&attr, 1, memfd_create("bench", MFD_CLOEXEC), &map, diag);
	for (uint32_t i = 0; i <= hops(prog) && !err; i++) {
		uint32_t slot = i - 1, id = i + 1;

		link_code(prog, i, &code);
		err = visor_verify(&code, map, false, &verified, diag);
		if (!err)
			err = visor_prog_make(verified, map, &c->host, exec, id, &c->progs[i],
					      diag);
		if (!err && i)
			err = map_user_update(map, &slot, &id, BPF_ANY);
	}
	return err;
}

static int ours_load(const struct bench_program *prog, enum vm_exec exec, void **state, char *note,
		     size_t size)
{
	static struct chain chains[8], *next = chains;
	struct visor_diag diag = {0};
	struct chain *c = next++;
	int err = chain_make(c, prog, exec, &diag);

	return err ? visor_note(err, &diag, note, size) : visor_state_new(c->progs[0], prog, state);
}

static int visor_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	return ours_load(prog, VM_EXEC_INTERPRETED, state, note, size);
}

static int visor_load_native(const struct bench_program *prog, void **state, char *note,
			     size_t size)
{
	return ours_load(prog, VM_EXEC_NATIVE, state, note, size);
}

/* ---- the kernel's ------------------------------------------------------------------------ */

static int kernel_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct bpf_insn insns[8];
	struct bench_code code = {.insns = insns};
	int map = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "bench", 4, 4, HOPS, NULL);

	for (uint32_t i = 0; i <= hops(prog) && map >= 0; i++) {
		uint32_t slot = i - 1;
		int fd;

		link_code(prog, i, &code);
		if (code.n_map_refs) {
			insns[code.map_refs[0]].src_reg = BPF_PSEUDO_MAP_FD;
			insns[code.map_refs[0]].imm = map;
		}
		fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "bench", "Dual BSD/GPL", insns, code.n_insns,
				   NULL);
		if (fd < 0 || (i && bpf_map_update_elem(map, &slot, &fd, BPF_ANY)))
			return -errno;
		if (!i && kernel_state_new(fd, state))
			return -ENOMEM;
	}
	if (map < 0)
		snprintf(note, size, "%s", errno == EPERM ? "needs root" : strerror(errno));
	return map < 0 ? map : 0;
}

static int init(struct bench_program *prog, const char *dir)
{
	static uint8_t input[64];
	static struct bench_packet packet = {input, sizeof(input)};

	prog->packets = &packet;
	prog->n_packets = 1;
	prog->known = true;
	prog->want = END;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_engine jit = {"jit", visor_load_native, visor_run_repeat},
					 visor = {"visor", visor_load, visor_run_repeat},
					 kernel = {"kernel", kernel_load, kernel_run_repeat};
	static const struct bench_engine *const engines[] = {&jit, &visor, &kernel};
	static const struct bench_suite suite = {
		"bench-tailcall", programs, sizeof(programs) / sizeof(programs[0]),
		engines,	  3,	    init};

	return bench_main(argc, argv, &suite);
}
