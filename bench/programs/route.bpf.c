// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * route - a program of 192 instructions of the usual kind, to be compiled rather than to be
 * run: parses up to two tags, IPv4 and ports, looks the flow up and rewrites the header.
 */
#include "bench.h"

BENCH_MAP(flows, HASH, __u64, __u64, 1024);

BENCH_INLINE __u32 be16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

/* The Internet checksum after one word of the header has changed. */
BENCH_INLINE __u32 update(__u32 sum, __u32 from, __u32 to)
{
	sum = (~sum & 0xffff) + (~from & 0xffff) + to;
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16)) & 0xffff;
}

BENCH(route)
{
	__u32 type = be16(in + 12), vlan = 0, sum, hash, length, ports = 0;
	__u8 *ip = in + 14;
	__u64 key, *value;

	if (in[6] & 1)
		return 7;
	if (type == 0x88a8) {
		type = be16(in + 16);
		ip = in + 18;
	}
	if (type == 0x8100) {
		vlan = be16(ip) & 0xfff;
		type = be16(ip + 2);
		ip += 4;
	}
	if (type != 0x0800 || ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5)
		return 1;
	length = be16(ip + 2);
	if (length < 28 || length > 1500 || be16(ip + 6) & 0x3fff)
		return 2;
	if (ip[8] <= 1 || ip[12] == 127 || ip[16] >= 224)
		return 3;
	if (ip[0] == 0x45) {
		if (ip[9] == 6 || ip[9] == 17)
			ports = BENCH_GET(__u32, ip + 20);
		else if (ip[9] != 1)
			return 4;
	}
	key = BENCH_GET(__u64, ip + 12);
	hash = (__u32)key * 2654435761u ^ (__u32)(key >> 32) * 40503u ^ ip[9];
	hash ^= ports * 2246822519u;
	hash ^= hash >> 15;
	hash *= 3266489917u;
	hash ^= hash >> 13;
	value = bench_lookup(flows, &key);
	if (!value)
		return 5;
	for (int i = 0; i < 6; i++)
		in[i] = *value >> i * 8;
	sum = update(be16(ip + 10), ip[8] << 8, (ip[8] - 1) << 8);
	sum = update(sum, be16(ip + 16), *value >> 48);
	*(__u16 *)(in + 10) = sum;
	*(__u32 *)(in + 60) = hash;
	*(__u32 *)(in + 64) = vlan << 16 | length;
	switch (ports >> 16) {
	case 0x3500:
	case 0x4300:
	case 0x4400:
		hash += 53;
		break;
	case 0x5000:
	case 0xbb01:
		hash += length;
		break;
	case 0:
		return 8;
	}
	if (vlan == 1 || vlan == 4095)
		return 6;
	return hash ^ *value ^ vlan ^ sum;
}
