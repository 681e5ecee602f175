// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Version 2 of a module that leaves marks: see mark.h. */
#define MARK_VERSION '2'
#define MARK_FEW     2
#include "mark.h"
