// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* empty - what entering and leaving a program costs. */
#include "bench.h"

BENCH(empty)
{
	return in[0];
}
