/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_absent.c - in the place of engine_dpdk.c where libdpdk is not installed: says so. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>

static int absent_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	snprintf(note, size, "libdpdk is not installed");
	return -ENOTSUP;
}

int bench_dpdk_keep(const struct bench_program *prog, uint32_t n, char *note, size_t size)
{
	return absent_load(prog, NULL, note, size);
}

const struct bench_engine bench_dpdk = {"dpdk", absent_load, NULL};
const struct bench_engine bench_dpdk_jit = {"dpdk-jit", absent_load, NULL};
const struct bench_engine bench_dpdk_filter = {"dpdk-filter", absent_load, NULL};
const struct bench_engine bench_dpdk_compile = {"dpdk-jit", absent_load, NULL};
