/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/metrics.h - answering over HTTP, apart from what is answered.
 */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include "cli/cli.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The text, malloc'd; negative errno with diag. */
typedef int (*metrics_make_fn)(void *user, char **text, size_t *len, struct visor_diag *diag);

/*
 * Answers GET /metrics on "ADDRESS:PORT" (port 0: any that is free; said on standard error) in this
 * thread until a signal comes (cmd_live_signals). An exit code.
 */
int metrics_listen(struct cli *cli, const char *where, metrics_make_fn make, void *user);

#endif
