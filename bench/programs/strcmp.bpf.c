// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* strcmp - compares the two strings of up to 255 characters in the halves of the input. */
#include "bench.h"

BENCH(strcmp)
{
	const __u8 *a = in, *b = in + 256;

	for (int i = 0; i < 256; i++) {
		if (a[i] != b[i])
			return a[i] - b[i];
		if (!a[i])
			return 0x10000 + i;
	}
	return 0x20000;
}
