/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * programs.c - the programs of programs.def on all engines that there are.
 *
 * usage: bench-programs [-r ROUNDS] [-m MS] [-e ENGINE]... [PROGRAM]...
 */
#include "bench.h"

static struct bench_program programs[] = {
#define PROGRAM(name_, size, kind, map, what_) {.name = #name_},
#include "programs/programs.def"
#undef PROGRAM
};

static const struct bench_engine *const engines[] = {
	&bench_native, &bench_kernel, &bench_visor_native, &bench_visor,       &bench_visor_checked,
	&bench_pcap,   &bench_dpdk,   &bench_dpdk_jit,	   &bench_dpdk_filter,
};

int main(int argc, char **argv)
{
	static const struct bench_suite suite = {
		.name = "bench-programs",
		.progs = programs,
		.n_progs = sizeof(programs) / sizeof(programs[0]),
		.engines = engines,
		.n_engines = sizeof(engines) / sizeof(engines[0]),
		.init = bench_program_init,
	};

	return bench_main(argc, argv, &suite);
}
