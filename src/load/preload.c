/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/preload.c - libvisor-preload.so: an unmodified program on the user engine.
 *
 * `visor exec` puts this library in front of the C library (LD_PRELOAD) and names the state
 * directory in VISOR_STATE. From then on each bpf(2) call of the program, and of those that
 * it starts, goes to the engine; see load/syscall.c for what is taken over.
 */
#include "load/syscall.h"

#include <stdio.h>
#include <stdlib.h>

static struct load_session session;

__attribute__((constructor)) static void preload_open(void)
{
	const char *state = getenv("VISOR_STATE");
	struct visor_diag diag;
	VISOR_OPTS(visor_opts, opts, .state = state && *state ? state : NULL);

	if (visor_open(&opts, &session.visor, &diag)) {
		/* Going on would let the program loose on the kernel. */
		fputs("visor exec: ", stderr);
		visor_diag_print(&diag, stderr);
		_Exit(125);
	}
	load_enter_all(&session);
}
