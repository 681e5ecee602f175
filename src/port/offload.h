/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/offload.h - what the kernel leaves to a device, done for packets that have none below them.
 *
 * Between software devices a packet travels with a checksum that is only begun, and a TCP
 * stream in pieces of up to 64 KiB. Programs and other ports see packets as on a wire.
 * Private to the port layer. No state, safe from any thread.
 */
#ifndef PORT_OFFLOAD_H
#define PORT_OFFLOAD_H

#include "base/util.h"

/*
 * Completes the checksum of a frame if it is only begun. Without being told where it is: a
 * checksum that is the pseudo header's alone is taken for one that is begun. Of the packets
 * that have a right one, one in 65,536 has that value, too, and gets it again.
 */
void offload_complete(uint8_t *frame, uint32_t len);

/* The same, of a frame that is known to have one to complete. false: not a known protocol. */
bool offload_finish(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset);

/* A packet that stands for several. */
struct offload {
	const uint8_t *frame;
	uint32_t head, payload; /* bytes of all headers; of what they carry */
	uint32_t l3, l4;	/* offsets */
	uint32_t size, at;	/* bytes of payload in each; in those that are done */
	bool v6, udp, whole;	/* whole: it stands for itself alone */
	uint16_t number;
};

/*
 * `type` and `size` as in struct virtio_net_hdr; l4 is where TCP or UDP begins. The frame stays
 * the caller's, until the last segment was written. false: it is not what it says it is.
 */
bool offload_begin(struct offload *o, const uint8_t *frame, uint32_t len, uint8_t type,
		   uint32_t size, uint32_t l4);

/* A packet that stands for itself, to be treated like the others. */
void offload_whole(struct offload *o, const uint8_t *frame, uint32_t len);

/* Length of the next segment; 0: that was the last. */
uint32_t offload_next(const struct offload *o);
/* Writes it, offload_next bytes. */
void offload_write(struct offload *o, uint8_t *out);

#endif
