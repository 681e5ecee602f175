/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_dpdk.c - DPDK's interpreter and its compiler (librte_bpf).
 *
 * DPDK's verifier refuses every loop. To measure its engines on the same programs all the
 * same, a program that is refused takes the place of a harmless one of the same length after
 * the load; the note says so. That relies on struct rte_bpf beginning with a copy of struct
 * rte_bpf_prm, which is checked before anything is written. The compiler, which runs during the
 * load, is called once more then: a function that only the static library gives away.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_bpf.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <pcap/pcap.h>

/* Its compiler; the name depends on the version, the build knows it. */
int BENCH_DPDK_JIT(struct rte_bpf *bpf);

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

/* A program as DPDK is given it. */
struct dpdk_prm {
	struct rte_bpf_xsym xsym[2];
	struct rte_bpf_prm prm;
};

static void dpdk_prm(const struct bench_program *prog, const struct bench_code *code,
		     struct dpdk_prm *out)
{
	struct ebpf_insn *insns = (struct ebpf_insn *)code->insns;

	*out = (struct dpdk_prm){
		.xsym = {{.name = "map",
			  .type = RTE_BPF_XTYPE_VAR,
			  .var = {.val = prog->map, .desc = {.type = RTE_BPF_ARG_RAW, .size = 8}}},
			 /* Calls name a symbol by its index: 1 is also the id of the look-up. */
			 {.name = "bpf_map_lookup_elem",
			  .type = RTE_BPF_XTYPE_FUNC,
			  .func = {.val = dpdk_lookup,
				   .nb_args = 2,
				   .args = {{.type = RTE_BPF_ARG_RAW, .size = 8},
					    {.type = RTE_BPF_ARG_PTR, .size = 8}},
				   .ret = {.type = RTE_BPF_ARG_PTR, .size = 8}}}},
		.prm = {.ins = insns,
			.nb_ins = code->n_insns,
			.xsym = out->xsym,
			.nb_xsym = 2,
			.prog_arg = {.type = RTE_BPF_ARG_PTR, .size = prog->input_size}},
	};
	if (prog->map) {
		out->xsym[1].func.args[1].size = prog->map->key_size;
		out->xsym[1].func.ret.size = prog->map->value_size;
	}
	for (uint32_t i = 0; i < code->n_map_refs; i++) {
		insns[code->map_refs[i]].imm = (uint32_t)(uintptr_t)prog->map;
		insns[code->map_refs[i] + 1].imm = (uint64_t)(uintptr_t)prog->map >> 32;
	}
	rte_log_set_global_level(RTE_LOG_EMERG);
}

/* Loads a program; one that is refused, behind a harmless one and with a note. */
static int dpdk_open(const struct bench_program *prog, struct bench_code *code, bool jit,
		     struct rte_bpf **out, char *note, size_t size)
{
	struct ebpf_insn *insns = (struct ebpf_insn *)code->insns, *harmless;
	struct dpdk_prm p;
	int err;

	dpdk_prm(prog, code, &p);
	*out = rte_bpf_load(&p.prm);
	if (*out)
		return 0;

	snprintf(note, size, "refused by its verifier");
	harmless = calloc(code->n_insns, sizeof(*harmless));
	if (!harmless)
		return -ENOMEM;
	for (uint32_t i = 0; i < code->n_insns; i++)
		harmless[i].code = EBPF_ALU64 | EBPF_MOV | BPF_K;
	/* So that its compiler reserves the whole stack. */
	harmless[0] = (struct ebpf_insn){
		.code = BPF_ST | BPF_MEM | EBPF_DW, .dst_reg = EBPF_REG_10, .off = -512};
	harmless[code->n_insns - 1].code = BPF_JMP | EBPF_EXIT;
	p.prm.ins = harmless;
	*out = rte_bpf_load(&p.prm);
	if (!*out)
		return -EINVAL;
	err = dpdk_replace(*out, harmless, insns, code->n_insns);
	free(harmless);
	if (!err && jit) {
		struct rte_bpf_jit old = {0};

		rte_bpf_get_jit(*out, &old);
		err = BENCH_DPDK_JIT(*out);
		if (!err && old.func)
			munmap((void *)(uintptr_t)old.func, old.sz);
	}
	return err;
}

static int dpdk_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct bench_code code;
	struct rte_bpf *bpf;
	int err = bench_code_get(prog, true, &code);

	if (!err)
		err = dpdk_open(prog, &code, false, &bpf, note, size);
	if (!err)
		*state = bpf;
	return err;
}

static int dpdk_run(void *state, const struct bench_program *prog, uint32_t repeat,
		    uint32_t *result, double *ns)
{
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++) {
		*result = 0;
		for (uint32_t p = 0; p < prog->n_packets; p++)
			*result += (uint32_t)rte_bpf_exec(state, prog->packets[p].data);
	}
	*ns = (bench_now() - start) / repeat;
	return 0;
}

/* ---- its compiler ------------------------------------------------------------------------ */

struct dpdk_native {
	uint64_t (*func)(void *);
	void **args; /* of each packet */
};

static int dpdk_native_new(const struct rte_bpf *bpf, const struct bench_program *prog,
			   void **state, char *note, size_t size)
{
	struct dpdk_native *st = calloc(1, sizeof(*st));
	struct rte_bpf_jit jit;

	if (!st)
		return -ENOMEM;
	if (rte_bpf_get_jit(bpf, &jit) || !jit.func) {
		snprintf(note, size, "its compiler cannot do it");
		return -ENOTSUP;
	}
	st->func = jit.func;
	st->args = calloc(prog->n_packets, sizeof(*st->args));
	if (!st->args)
		return -ENOMEM;
	for (uint32_t i = 0; i < prog->n_packets; i++)
		st->args[i] = prog->packets[i].data;
	*state = st;
	return 0;
}

/* Its code for a program of ours may be wrong (for one with a loop that it never saw verified, at
 * least): tried in a child process. */
static int dpdk_try(const struct dpdk_native *st, const struct bench_program *prog, char *note,
		    size_t size)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit((uint32_t)st->func(st->args[0]) != prog->want && prog->n_packets == 1);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (!status)
		return 0;
	snprintf(note, size, "its native code %s",
		 WIFSIGNALED(status) ? "crashes" : "returns a wrong result");
	return -EFAULT;
}

static int dpdk_load_jit(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct bench_code code;
	struct rte_bpf *bpf;
	int err = bench_code_get(prog, true, &code);

	if (!err)
		err = dpdk_open(prog, &code, true, &bpf, note, size);
	if (!err)
		err = dpdk_native_new(bpf, prog, state, note, size);
	return err ? err : dpdk_try(*state, prog, note, size);
}

static int dpdk_run_jit(void *state, const struct bench_program *prog, uint32_t repeat,
			uint32_t *result, double *ns)
{
	const struct dpdk_native *st = state;
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++) {
		*result = 0;
		for (uint32_t p = 0; p < prog->n_packets; p++)
			*result += (uint32_t)st->func(st->args[p]);
	}
	*ns = (bench_now() - start) / repeat;
	return 0;
}

/* ---- loading ------------------------------------------------------------------------------ */

static int dpdk_load_compile(const struct bench_program *prog, void **state, char *note,
			     size_t size)
{
	struct dpdk_prm *p = calloc(1, sizeof(*p));
	struct bench_code code;
	struct rte_bpf *bpf;
	int err = p ? bench_code_get(prog, true, &code) : -ENOMEM;

	if (err)
		return err;
	if (prog->generate) { /* a branch in every block */
		snprintf(note, size, "its verifier goes through all paths, which takes for ever");
		return -ENOTSUP;
	}
	dpdk_prm(prog, &code, p);
	bpf = rte_bpf_load(&p->prm);
	if (!bpf) {
		snprintf(note, size, "refused by its verifier");
		return -EINVAL;
	}
	err = dpdk_native_new(bpf, prog, state, note, size);
	rte_bpf_destroy(bpf);
	*state = p;
	return err;
}

static int dpdk_run_compile(void *state, const struct bench_program *prog, uint32_t repeat,
			    uint32_t *result, double *ns)
{
	const struct dpdk_prm *p = state;
	struct rte_bpf_jit jit;
	double sum = 0;

	for (uint32_t i = 0; i < repeat; i++) {
		double start = bench_now();
		struct rte_bpf *bpf = rte_bpf_load(&p->prm);

		sum += bench_now() - start;
		if (!bpf || rte_bpf_get_jit(bpf, &jit) || !jit.func)
			return -EINVAL;
		if (i == repeat - 1)
			*result = (uint32_t)jit.func(prog->packets[0].data);
		rte_bpf_destroy(bpf);
	}
	*ns = sum / repeat;
	return 0;
}

int bench_dpdk_keep(const struct bench_program *prog, uint32_t n, char *note, size_t size)
{
	struct bench_code code;
	struct dpdk_prm p;
	int err = bench_code_get(prog, true, &code);

	if (err)
		return err;
	dpdk_prm(prog, &code, &p);
	for (uint32_t i = 0; i < n; i++) {
		if (!rte_bpf_load(&p.prm)) {
			snprintf(note, size, "refused by its verifier");
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- classic filters, converted and compiled --------------------------------------------- */

/* rte_bpf_convert allocates with these, which would want DPDK's whole run-time environment. */
#define REPLACES __attribute__((visibility("default")))

REPLACES void *rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	return calloc(1, size);
}

REPLACES void rte_free(void *p)
{
	free(p);
}

static struct rte_bpf *dpdk_filter(void)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program classic;
	struct rte_bpf_prm *prm;

	if (!pcap || pcap_compile(pcap, &classic, BENCH_FILTER, 1, PCAP_NETMASK_UNKNOWN))
		return NULL;
	prm = rte_bpf_convert(&classic);
	return prm ? rte_bpf_load(prm) : NULL;
}

static int dpdk_load_filter(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct dpdk_native *st;
	struct rte_mbuf *mbufs;
	struct rte_bpf *bpf;
	int err;

	if (strcmp(prog->name, "filter") != 0) {
		snprintf(note, size, "runs filters only");
		return -ENOTSUP;
	}
	rte_log_set_global_level(RTE_LOG_EMERG);
	bpf = dpdk_filter();
	mbufs = aligned_alloc(64, prog->n_packets * sizeof(*mbufs));
	if (!bpf || !mbufs)
		return -EINVAL;
	memset(mbufs, 0, prog->n_packets * sizeof(*mbufs));
	err = dpdk_native_new(bpf, prog, state, note, size);
	if (err)
		return err;
	st = *state;
	for (uint32_t i = 0; i < prog->n_packets; i++) {
		mbufs[i].buf_addr = prog->packets[i].data;
		mbufs[i].nb_segs = 1;
		mbufs[i].pkt_len = mbufs[i].data_len = mbufs[i].buf_len = prog->packets[i].size;
		st->args[i] = &mbufs[i];
	}
	return 0;
}

static int dpdk_run_filter(void *state, const struct bench_program *prog, uint32_t repeat,
			   uint32_t *result, double *ns)
{
	const struct dpdk_native *st = state;
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++) {
		*result = 0;
		for (uint32_t p = 0; p < prog->n_packets; p++)
			*result += st->func(st->args[p]) != 0;
	}
	*ns = (bench_now() - start) / repeat;
	return 0;
}

const struct bench_engine bench_dpdk = {"dpdk", dpdk_load, dpdk_run};
const struct bench_engine bench_dpdk_jit = {"dpdk-jit", dpdk_load_jit, dpdk_run_jit};
const struct bench_engine bench_dpdk_filter = {"dpdk-filter", dpdk_load_filter, dpdk_run_filter};
const struct bench_engine bench_dpdk_compile = {"dpdk-jit", dpdk_load_compile, dpdk_run_compile};
