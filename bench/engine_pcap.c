/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_pcap.c - libpcap's interpreter of classic BPF, for the program `filter` only. */
#include "bench.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pcap_load(const struct bench_program *prog, void **state, char *note, size_t size)
{
	struct bpf_program *filter = calloc(1, sizeof(*filter));
	pcap_t *pcap;

	if (strcmp(prog->name, "filter") != 0) {
		snprintf(note, size, "runs filters only");
		return -ENOTSUP;
	}
	pcap = pcap_open_dead(DLT_EN10MB, 65535);
	if (!filter || !pcap)
		return -ENOMEM;
	if (pcap_compile(pcap, filter, BENCH_FILTER, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(note, size, "%s", pcap_geterr(pcap));
		return -EINVAL;
	}
	*state = filter;
	return 0;
}

static int pcap_run(void *state, const struct bench_program *prog, uint32_t repeat,
		    uint32_t *result, double *ns)
{
	const struct bpf_program *filter = state;
	double start = bench_now();

	for (uint32_t i = 0; i < repeat; i++) {
		*result = 0;
		for (uint32_t p = 0; p < prog->n_packets; p++) {
			const struct bench_packet *pkt = &prog->packets[p];

			*result +=
				bpf_filter(filter->bf_insns, pkt->data, pkt->size, pkt->size) != 0;
		}
	}
	*ns = (bench_now() - start) / repeat;
	return 0;
}

const struct bench_engine bench_pcap = {"pcap", pcap_load, pcap_run};
