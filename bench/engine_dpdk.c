/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_dpdk.c - DPDK's interpreter (librte_bpf).
 *
 * DPDK's verifier refuses every loop. To measure its interpreter on the same programs all
 * the same, a program that is refused takes the place of a harmless one of the same
 * length after the load; the note says so. That relies on struct rte_bpf beginning with a
 * copy of struct rte_bpf_prm, which is checked before anything is written.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* DPDK has its own names for what linux/bpf.h defines. */
#undef BPF_LD
#undef BPF_LDX
#undef BPF_ST
#undef BPF_STX
#undef BPF_ALU
#undef BPF_JMP
#include <rte_bpf.h>
#include <rte_log.h>

static uint64_t dpdk_lookup(uint64_t map, uint64_t key, uint64_t a3, uint64_t a4, uint64_t a5)
{
	return (uintptr_t)native_map_lookup((struct native_map *)(uintptr_t)map,
					    (const void *)(uintptr_t)key);
}

/* Overwrites the instructions of a loaded program. */
static int dpdk_replace(struct rte_bpf *bpf, const struct ebpf_insn *old,
			const struct ebpf_insn *new, uint32_t n)
{
	const struct rte_bpf_prm *prm = (const struct rte_bpf_prm *)bpf;
	uintptr_t page = sysconf(_SC_PAGESIZE), start, end;

	if (prm->nb_ins != n || memcmp(prm->ins, old, n * sizeof(*old)))
		return -ENOTSUP;
	start = (uintptr_t)prm->ins & ~(page - 1);
	end = ((uintptr_t)(prm->ins + n) + page - 1) & ~(page - 1);
	if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE))
		return -errno;
	memcpy((void *)(uintptr_t)prm->ins, new, n * sizeof(*new));
	return 0;
}

static int dpdk_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct rte_bpf_xsym xsym[2] = {
		{.name = "map",
		 .type = RTE_BPF_XTYPE_VAR,
		 .var = {.val = prog->map, .desc = {.type = RTE_BPF_ARG_RAW, .size = 8}}},
		/* Calls name a symbol by its index: 1 is also the id of the look-up helper. */
		{.name = "bpf_map_lookup_elem",
		 .type = RTE_BPF_XTYPE_FUNC,
		 .func = {.val = dpdk_lookup,
			  .nb_args = 2,
			  .args = {{.type = RTE_BPF_ARG_RAW, .size = 8},
				   {.type = RTE_BPF_ARG_PTR, .size = 8}},
			  .ret = {.type = RTE_BPF_ARG_PTR, .size = 8}}},
	};
	struct rte_bpf_prm prm = {.xsym = xsym,
				  .nb_xsym = 2,
				  .prog_arg = {.type = RTE_BPF_ARG_PTR, .size = prog->input_size}};
	struct ebpf_insn *harmless;
	struct bench_code code;
	struct rte_bpf *bpf;
	int err;

	_Static_assert(sizeof(struct ebpf_insn) == sizeof(struct bpf_insn), "same encoding");
	err = bench_code_read(prog->raw_object, "raw", &code);
	if (err)
		return err;
	if (prog->map) {
		xsym[1].func.args[1].size = prog->map->key_size;
		xsym[1].func.ret.size = prog->map->value_size;
	}
	for (uint32_t i = 0; i < code.n_map_refs; i++) {
		code.insns[code.map_refs[i]].imm = (uint32_t)(uintptr_t)prog->map;
		code.insns[code.map_refs[i] + 1].imm = (uint64_t)(uintptr_t)prog->map >> 32;
	}
	rte_log_set_global_level(RTE_LOG_EMERG);
	prm.ins = (const struct ebpf_insn *)code.insns;
	prm.nb_ins = code.n_insns;
	bpf = rte_bpf_load(&prm);
	if (bpf) {
		*state = bpf;
		return 0;
	}

	snprintf(note, size, "refused by its verifier");
	harmless = calloc(code.n_insns, sizeof(*harmless));
	if (!harmless)
		return -ENOMEM;
	for (uint32_t i = 0; i < code.n_insns; i++)
		harmless[i].code = EBPF_ALU64 | EBPF_MOV | BPF_K;
	harmless[code.n_insns - 1].code = BPF_JMP | EBPF_EXIT;
	prm.ins = harmless;
	bpf = rte_bpf_load(&prm);
	if (!bpf)
		return -EINVAL;
	err = dpdk_replace(bpf, harmless, (const struct ebpf_insn *)code.insns, code.n_insns);
	free(harmless);
	*state = bpf;
	return err;
}

static int dpdk_run(void *state, const struct bench_program *prog, uint32_t repeat,
		    uint32_t *result, double *ns)
{
	double start = bench_now();
	uint64_t r0 = 0;

	for (uint32_t i = 0; i < repeat; i++)
		r0 = rte_bpf_exec(state, prog->input);
	*ns = (bench_now() - start) / repeat;
	*result = r0;
	return 0;
}

const struct bench_engine bench_dpdk = {"dpdk", dpdk_load, dpdk_run};
