// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* filter - "ip and udp": 1 or 0 for one packet of whatever size. */
#define BENCH_END (in + size)
#include "bench.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ETHERTYPE_IP 0x0008
#else
#define ETHERTYPE_IP 0x0800
#endif

BENCH(filter)
{
	return in + 24 <= end && BENCH_GET(__u16, in + 12) == ETHERTYPE_IP && in[23] == 17;
}
