/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_run.h - the two shapes of a chain's statistics. Nothing is kept.
 */
#ifndef CLI_CMD_RUN_H
#define CLI_CMD_RUN_H

#include <stdio.h>

#include "chain/chain.h"

/* 0 or -ENOMEM. */
int run_print_table(const struct chain_stats *stats, FILE *to, bool color);
/* One JSON object; `line`: without line breaks in it. 0. */
int run_print_json(const struct chain_stats *stats, FILE *to, bool line);

#endif
