/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_live.h - what all commands on live chains share.
 *
 * The struct is the caller's and stays in place from cmd_live_begin* to cmd_live_end. The functions
 * return 0, or an exit code after saying what is wrong.
 */
#ifndef CLI_CMD_LIVE_H
#define CLI_CMD_LIVE_H

#include "chain/live.h"
#include "cli/engine.h"

struct live_cmd {
	struct cli *cli;
	struct engine engine;
	struct live_opts opts;
};

int cmd_live_begin(struct live_cmd *c, struct cli *cli);
/* On the engine that the chain is up on. */
int cmd_live_begin_name(struct live_cmd *c, struct cli *cli, const char *name);
void cmd_live_end(struct live_cmd *c);

/* The name of the output that is counted in a row of an input. Borrowed. */
const char *cmd_live_output(const struct record *r, const struct record_input *in, uint32_t row);
/* Where it leads, "" if nowhere. */
void cmd_live_target(const struct record *r, const struct record_input *in, uint32_t row, char *out,
		     size_t size);
/* Why what is counted there was dropped: "VERDICT", ...; NULL: it was not. */
const char *cmd_live_drop(const struct record *r, const struct record_input *in, uint32_t row);
/* What an input has seen. */
struct live_count cmd_live_total(const struct live_status *s, uint32_t input);

/*
 * SIGINT, SIGTERM and SIGHUP end a command that runs until it is told to, and SIGPIPE is a
 * failed write. cmd_live_told: one of them has come.
 */
void cmd_live_signals(void);
bool cmd_live_told(void);
/* Sleeps, or less if told. */
void cmd_live_sleep(uint64_t ns);

#endif
