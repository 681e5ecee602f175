/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/capture.h - what libbpf said during one call. One at a time in a thread.
 */
#ifndef LOAD_CAPTURE_H
#define LOAD_CAPTURE_H

#include "base/util.h"

struct capture {
	char first[256]; /* the first complaint: usually the cause; later ones are consequences */
	char prog[64];	 /* the program that a complaint was about, or "" */
	char log[512];	 /* last line of a verifier's log */
	bool in_map;	 /* the first complaint is about a map */
};

void capture_start(struct capture *c);
void capture_stop(void);
/* libbpf has errors of its own beyond the system's: all of them mean a bad file. */
int capture_errno(int err);

#endif
