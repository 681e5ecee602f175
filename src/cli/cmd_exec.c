/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cli_exec.c - visor exec: runs a program of somebody else's on the user engine.
 *
 * The program's bpf(2) calls are taken over by a preloaded library, which finds its state
 * directory in VISOR_STATE. It stands beside this program, in the build directory and when
 * installed alike.
 */
#include "cli/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EXEC_LIBRARY "libvisor-preload.so"

/* Finds the library. 0 or -ENOENT. */
static int exec_library(char *path, size_t size)
{
	static const char *const places[] = {"src/" EXEC_LIBRARY, EXEC_LIBRARY,
					     "../" VISOR_LIBDIR "/" EXEC_LIBRARY};
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (n < 0)
		return -ENOENT;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	slash[1] = '\0';
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		char *whole;

		if (snprintf(path, size, "%s%s", self, places[i]) >= (int)size)
			continue;
		whole = realpath(path, NULL);
		if (!whole)
			continue;
		snprintf(path, size, "%s", whole);
		free(whole);
		return 0;
	}
	return -ENOENT;
}

int cli_exec(struct cli *cli)
{
	const char *state = cli->opt[OPT_STATE], *before = getenv("LD_PRELOAD");
	char library[PATH_MAX], *preload = NULL;
	struct visor_diag diag = {0};
	char folder[PATH_MAX];
	int err;

	if (state && !*state)
		return cli_usage(cli, "--state needs a directory");
	if (!state)
		state = getenv("VISOR_STATE");
	if (!state || !*state) {
		/* A private engine would end with the first process of a script. */
		if (engine_default_state(folder, sizeof(folder), &diag))
			return cli_fail(&diag);
		state = folder;
	}
	if (exec_library(library, sizeof(library)))
		return cli_error(-ENOENT, EXEC_LIBRARY, "the library is not beside this program");
	if (asprintf(&preload, "%s%s%s", library, before && *before ? ":" : "",
		     before && *before ? before : "") < 0)
		return cli_error(-ENOMEM, NULL, "out of memory");
	if (setenv("LD_PRELOAD", preload, 1) || setenv("VISOR_STATE", state, 1) ||
	    (cli->opt[OPT_INTERPRET] && setenv("VISOR_EXEC", "interpreted", 1)) ||
	    (cli->opt[OPT_BLIND] && setenv("VISOR_BLIND", "1", 1))) {
		free(preload);
		return cli_error(-errno, NULL, "cannot set the environment");
	}
	free(preload);
	execvp(cli->args[0], cli->args);
	err = -errno;
	cli_error(err, cli->args[0], "cannot run");
	return err == -ENOENT ? CLI_NOT_FOUND : CLI_NOT_RUNNABLE;
}
