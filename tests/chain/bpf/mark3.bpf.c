// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A version of the module that leaves marks, with a map of another size: see mark.h. */
#define MARK_VERSION '3'
#define MARK_FEW     8
#include "mark.h"
