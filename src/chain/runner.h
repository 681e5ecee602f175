/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/runner.h - the process that moves packets through a live chain of the user engine.
 *
 * It opens the ports of the generation in force and runs their entry programs. Modules come
 * and go without its knowledge, through the slots; only when ports change it is told. It shows what
 * it does in an array map, `run` in the chain's folder, and that it lives by a lock on a file of
 * the state directory, which the system releases whatever it dies of.
 */
#ifndef CHAIN_RUNNER_H
#define CHAIN_RUNNER_H

#include "chain/live_impl.h"

/* A runner is there, and has the ports of lv->now. */
int runner_settle(struct live *lv, struct visor_diag *diag);
/* There is none when this returns. */
int runner_stop(struct live *lv, struct visor_diag *diag);
void runner_port_state(struct live *lv, const struct record_port *p, struct live_port *out);

/*
 * The process itself: runs the chain until SIGTERM or SIGINT. ready (-1: none) gets a struct
 * visor_diag once it runs (err 0) or cannot. For the foreground, too, as a service manager wants
 * it.
 */
int runner_main(const char *state, const char *chain, int ready, struct visor_diag *diag);

#endif
