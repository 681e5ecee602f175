/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/packet_text.h - a frame's headers as named texts, and what differs between two frames.
 *
 * A plain value of the caller's. Whatever is in the frame, texts are printable ASCII and nothing
 * beyond its bytes is read; a header that is cut off ends the list.
 */
#ifndef CLI_PACKET_TEXT_H
#define CLI_PACKET_TEXT_H

#include "base/util.h"

#define PACKET_MAX_FIELDS 64

struct packet_field {
	const char *layer, *name; /* "ip", "ttl" */
	uint8_t tag;		  /* which one, of several of a layer: 0, 1 */
	char value[48];
};

struct packet_text {
	const uint8_t *bytes;
	uint32_t size;
	struct packet_field fields[PACKET_MAX_FIELDS];
	uint32_t n;
	bool shown[256]; /* of the first bytes: a field says it */
};

/* `bytes` must stay while the result is used. */
void packet_text_read(const uint8_t *bytes, uint32_t size, struct packet_text *out);
/* In one line, as far as it fits: "02:.. > 02:.., ip 10.0.0.1 > 10.0.0.2 ttl 64, ..." */
void packet_text_line(const struct packet_text *t, char *out, size_t size);
/* The field of the same layer and name, or NULL. */
const struct packet_field *packet_text_find(const struct packet_text *t,
					    const struct packet_field *like);
/*
 * What no field says and differs: "byte 42: 00 01 -> 00 02" for up to `most` places, those of
 * `now`.
 * "" if nothing does.
 */
void packet_text_diff(const struct packet_text *before, const struct packet_text *now,
		      uint32_t most, char *out, size_t size);

#endif
