/* SPDX-License-Identifier: BSD-2-Clause */
/* load/check.h - is a file fit for libbpf's eyes? Nothing is kept; any thread. */
#ifndef LOAD_CHECK_H
#define LOAD_CHECK_H

#include "base/diag.h"

/* 0, or negative errno with diag (without a place) if the object is damaged. */
int check_memory(const void *data, size_t size, struct visor_diag *diag);
/* Reads a file and checks it. The caller frees *data. */
int check_read(const char *path, uint8_t **data, size_t *size, struct visor_diag *diag);
/* The contents of a section of an object that was checked; NULL: it has none of that name. */
const void *check_section(const void *data, const char *name, size_t *size);

#endif
