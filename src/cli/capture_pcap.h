/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/capture_pcap.h - libpcap's part of capture and trace: filters and capture files.
 *
 * Apart from the rest, since libpcap's and the kernel's header each have a struct bpf_insn.
 */
#ifndef CLI_CAPTURE_PCAP_H
#define CLI_CAPTURE_PCAP_H

#include "cli/cli.h"

struct capture_filter;
struct capture_file;

/* A frame as it would be on the wire: a VLAN tag that was beside it is in it. */
struct capture_packet {
	uint8_t *bytes; /* the caller's to free */
	uint32_t size, length;
};

/* The words from `first` on, compiled; none: *out is NULL, which everything matches. 0, or an exit
 * code after saying what is wrong. */
int capture_filter_new(struct cli *cli, int first, uint32_t snaplen, struct capture_filter **out);
void capture_filter_free(struct capture_filter *f);
bool capture_filter_matches(const struct capture_filter *f, const struct capture_packet *p);

/* "-": standard output. Times are nanoseconds since 1970. Negative errno with diag. */
int capture_file_open(const char *path, uint32_t snaplen, struct capture_file **out,
		      struct visor_diag *diag);
int capture_file_add(struct capture_file *f, uint64_t time, const struct capture_packet *p);
/* What was added is in the file. */
int capture_file_flush(struct capture_file *f);
int capture_file_close(struct capture_file *f);

#endif
