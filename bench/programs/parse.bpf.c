// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * parse - Ethernet, up to two VLAN tags, IPv4 with options and UDP, for 16 frames of 64
 * bytes: what a packet filter does most of the time.
 */
#include "bench.h"

#define PARSE_FRAMES 16
#define PARSE_BYTES  (BENCH_INPUT / PARSE_FRAMES)

BENCH_INLINE __u16 parse_be16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

/* A word made of the flow, or how the frame was refused. */
BENCH_INLINE __u64 parse_frame(const __u8 *frame, const __u8 *end)
{
	__u16 proto = parse_be16(frame + 12);
	const __u8 *ip = frame + 14, *udp;
	__u32 header, length;

	for (int i = 0; i < 2; i++) {
		if (proto != 0x8100 && proto != 0x88a8)
			break;
		proto = parse_be16(ip + 2);
		ip += 4;
	}
	if (proto != 0x0800)
		return 1;
	header = (ip[0] & 15) * 4;
	length = parse_be16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20)
		return 2;
	udp = ip + header;
	if (udp + 8 > end)
		return 3;
	if (BENCH_GET(__u16, ip + 6) & 0xff3f)
		return 4;
	if (ip[9] != 17)
		return 5;
	if (parse_be16(udp + 4) < 8 || header + parse_be16(udp + 4) > length)
		return 6;
	return (BENCH_GET(__u32, ip + 12) ^ BENCH_GET(__u32, ip + 16)) +
	       ((__u64)BENCH_GET(__u32, udp) << 24) + header;
}

BENCH(parse)
{
	__u64 sum = BENCH_GET(__u64, in);

	for (int i = 0; i < PARSE_FRAMES; i++)
		sum = sum * 31 + parse_frame(in + i * PARSE_BYTES, end);
	return sum;
}
