/* SPDX-License-Identifier: BSD-2-Clause */
/* seen.h - what seen.bpf.c leaves in its map, for the test that reads it. */
#ifndef SEEN_H
#define SEEN_H

#include <linux/types.h>

#define SEEN_FROM                \
	{                        \
		2, 0, 0, 0, 0, 1 \
	} /* only frames from this address count: a kernel sends its own */
#define SEEN_MAX   32
#define SEEN_BYTES 32

struct seen {
	__u32 len, wire_len, protocol, pkt_type;
	__u32 vlan_present, vlan_tci, vlan_proto;
	__u8 bytes[SEEN_BYTES];
};

#endif
