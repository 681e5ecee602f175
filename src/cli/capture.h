/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/capture.h - what capture and trace share beside libpcap: frames from records, and the loop
 * that reads the taps.
 */
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include "chain/tap.h"
#include "cli/capture_pcap.h"

#define CAPTURE_PAUSE_NS 2000000 /* when the rings were empty */

/* -ENOMEM. */
int capture_packet(const struct tap_record *r, struct capture_packet *out);

/* What to add to a record's time to get nanoseconds since 1970. */
uint64_t capture_epoch(void);
/* "12:34:56.123456", local time. */
void capture_clock(uint64_t ns, char out[32]);

struct capture_reader {
	int (*record)(void *user, const struct tap_record *r);
	int (*rest)(void *user); /* after each round; may be NULL */
	void *user;
};

/* Reads until one of the functions returns not 0, which is returned, or a signal comes. */
int capture_loop(struct tap *tap, const struct capture_reader *reader, struct visor_diag *diag);

#endif
