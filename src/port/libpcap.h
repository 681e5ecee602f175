/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/libpcap.h - the functions of libpcap, which is loaded when it is needed (base/lazy.h).
 *
 *     err = libpcap_need("port", diag);
 *     ...
 *     libpcap.pcap_close(p);
 *
 * Not together with linux/bpf.h: both have a struct bpf_insn. Safe from any thread.
 */
#ifndef PORT_LIBPCAP_H
#define PORT_LIBPCAP_H

#include "base/lazy.h"

#include <pcap/pcap.h>

#define LIBPCAP_FUNCTIONS(FN)                    \
	FN(pcap_close)                           \
	FN(pcap_compile)                         \
	FN(pcap_datalink)                        \
	FN(pcap_datalink_val_to_name)            \
	FN(pcap_dump)                            \
	FN(pcap_dump_close)                      \
	FN(pcap_dump_file)                       \
	FN(pcap_dump_flush)                      \
	FN(pcap_dump_fopen)                      \
	FN(pcap_dump_open)                       \
	FN(pcap_freecode)                        \
	FN(pcap_geterr)                          \
	FN(pcap_next_ex)                         \
	FN(pcap_offline_filter)                  \
	FN(pcap_open_dead)                       \
	FN(pcap_open_dead_with_tstamp_precision) \
	FN(pcap_open_offline_with_tstamp_precision)

struct libpcap {
	LIBPCAP_FUNCTIONS(LAZY_MEMBER)
};

extern struct libpcap libpcap;

/* 0: the functions may be called; or -ELIBACC with diag. */
int libpcap_need(const char *stage, struct visor_diag *diag);

#endif
