/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/object.c - opening and loading objects, with libbpf's messages as a diagnostic.
 *
 * Sources are compiled on the way: load_compile().
 */
#include "load/load.h"
#include "load/capture.h"
#include "load/file.h"

#include <bpf/bpf.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LOAD_ARCH "x86_64"
#elif defined(__aarch64__)
#define LOAD_ARCH "aarch64"
#elif defined(__riscv)
#define LOAD_ARCH "riscv64"
#else
#define LOAD_ARCH "unknown"
#endif

/* ---- opening ------------------------------------------------------------------------------ */

int load_open(const char *path, struct bpf_object **out, struct visor_diag *diag)
{
	struct load_file file;
	int err = load_file_read(path, &file, diag);

	if (err)
		return err;
	err = load_file_open(&file, out, diag);
	load_file_free(&file);
	return err;
}

/* ---- loading ------------------------------------------------------------------------------ */

int load_load(struct bpf_object *obj, struct visor_diag *diag)
{
	unsigned long calls = load_calls();
	struct visor_diag engine;
	struct capture c;
	int err;

	/* If some other syscall() came before ours in the process's symbol search, libbpf would
	 * load into the kernel: not what anybody asked for. */
	bpf_btf_get_fd_by_id(0);
	if (load_calls() == calls)
		return diag_fail(diag, -ENOTSUP, "load",
				 "libbpf does not use this library's syscall(): link with "
				 "-lvisor-object before anything else, do not dlopen it");
	capture_start(&c);
	err = capture_errno(bpf_object__load(obj));
	capture_stop();
	if (!err)
		return 0;
	visor_last_diag(&engine);
	/* Our engine's own reason if it was the engine that refused; probes may have failed before.
	 */
	if (engine.err && (c.prog[0] || c.in_map)) {
		if (diag)
			*diag = engine;
	} else {
		diag_fail(diag, err, "load", "%s",
			  c.log[0]     ? c.log
			  : c.first[0] ? c.first
				       : "libbpf could not load the object");
	}
	if (c.prog[0])
		diag_in(diag, "%s", c.prog);
	diag_in(diag, "%s", bpf_object__name(obj));
	return err;
}

/* ---- compiling ---------------------------------------------------------------------------- */

/* Runs argv with its complaints into a file; exit status, or negative errno. */
static int run_compiler(const char *const argv[], int log)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		dup2(log, STDERR_FILENO);
		dup2(log, STDOUT_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* The compiler's first error: "acl.c:3:1: error: ..." becomes place and text. */
static void compile_error(int log, const char *source, struct visor_diag *diag)
{
	char text[4096], *line, *next, *error;
	ssize_t n = pread(log, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	diag_fail(diag, -EINVAL, "compile", "clang cannot compile it");
	for (line = text; *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		error = strstr(line, "error: ");
		if (!error)
			continue;
		diag_fail(diag, -EINVAL, "compile", "%s", error + strlen("error: "));
		if (error > line + 2)
			diag_at(diag, "%.*s", (int)(error - line - 2), line);
		break;
	}
	diag_at(diag, "%s", source);
}

int load_compile(const char *source, char *out_path, size_t size, struct visor_diag *diag)
{
	const char *tmp = getenv("TMPDIR"), *clang = getenv("CLANG");
	char include[PATH_MAX + 32], arch[64], folder[PATH_MAX];
	char log_path[] = "/tmp/visor-clang-XXXXXX";
	int fd, log, err;

	load_program_folder(folder);
	snprintf(include, sizeof(include), "-I%s/../include", folder);
	/* <asm/types.h> is in a folder that clang searches only for its own target. */
	snprintf(arch, sizeof(arch), "/usr/include/%s-linux-gnu", LOAD_ARCH);
	if ((size_t)snprintf(out_path, size, "%s/visor-XXXXXX.o", tmp && *tmp ? tmp : "/tmp") >=
	    size)
		return diag_fail(diag, -ENAMETOOLONG, "compile", "the path is too long");
	if (access(source, R_OK)) {
		err = diag_fail(diag, -errno, "compile", "cannot read the source");
		diag_at(diag, "%s", source);
		return err;
	}
	fd = mkostemps(out_path, 2, O_CLOEXEC);
	if (fd < 0)
		return diag_fail(diag, -errno, "compile", "cannot create %s", out_path);
	close(fd);
	log = mkostemp(log_path, O_CLOEXEC);
	if (log < 0) {
		err = diag_fail(diag, -errno, "compile", "cannot create %s", log_path);
		unlink(out_path);
		return err;
	}
	unlink(log_path);
	const char *const argv[] = {clang && *clang ? clang : "clang",
				    "-O2",
				    "-g",
				    "-target",
				    "bpf",
				    "-mcpu=v3",
				    "-Wall",
				    "-fno-color-diagnostics",
				    include,
				    "-idirafter",
				    arch,
				    "-c",
				    source,
				    "-o",
				    out_path,
				    NULL};

	err = run_compiler(argv, log);
	if (err == 127) {
		err = diag_fail(diag, -ENOENT, "compile", "there is no compiler '%s'", argv[0]);
		diag_hint(diag, "install clang, or name one in CLANG");
	} else if (err) {
		compile_error(log, source, diag);
		err = -EINVAL;
	}
	close(log);
	if (err)
		unlink(out_path);
	return err;
}
