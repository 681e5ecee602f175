// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* tlv - walks over type-length-value records and adds up what those of one type hold. */
#include "bench.h"

BENCH(tlv)
{
	__u64 sum = BENCH_GET(__u64, in), pos = 0;

	for (int i = 0; i < 256; i++) {
		const __u8 *record;
		__u8 type, length;

		if (pos > BENCH_INPUT)
			break;
		record = in + pos;
		if (record + 6 > end)
			break;
		type = record[0];
		length = record[1];
		if (type == 0)
			break;
		if (type == 7 && length >= 4)
			sum += BENCH_GET(__u32, record + 2);
		else
			sum ^= type << 8 | length;
		/* Forget its lower bound, or a verifier follows each path for itself. */
		pos += 2 + length;
		BENCH_OPAQUE(pos);
		pos &= 0x7ff;
	}
	return sum;
}
