// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* pass - what entering and leaving a filter costs. */
#include "bench.h"

BENCH(pass)
{
	return 0;
}
