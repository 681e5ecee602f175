/* SPDX-License-Identifier: BSD-2-Clause */
/* load/check.h - is a file fit for libbpf's eyes? Nothing is kept; any thread. */
#ifndef LOAD_CHECK_H
#define LOAD_CHECK_H

#include "base/diag.h"

/* 0, or negative errno with diag (without a place) if the object is damaged. */
int check_memory(const void *data, size_t size, struct visor_diag *diag);
int check_object(const char *path, struct visor_diag *diag);

#endif
