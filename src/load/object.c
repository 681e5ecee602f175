/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/object.c - opening and loading objects, with libbpf's messages as a diagnostic.
 *
 * Sources are compiled on the way: load_compile().
 */
#include "load/load.h"
#include "load/capture.h"
#include "load/check.h"

#include <bpf/bpf.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
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

/* DIR/NAME.o if it is there. */
static bool find_in(const char *dir, size_t len, const char *name, char out[PATH_MAX])
{
	struct stat st;

	return len && snprintf(out, PATH_MAX, "%.*s/%s.o", (int)len, dir, name) < PATH_MAX &&
	       !stat(out, &st) && S_ISREG(st.st_mode);
}

/* The folder of the running program, or "". */
static void program_folder(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	out[MAX(n, 0)] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
}

/* A bare name is a module's; anything else is a path. */
static int find_object(const char *path, char out[PATH_MAX], struct visor_diag *diag)
{
	static const char *const beside[] = {"modules", "../" VISOR_LIBDIR "/visor/modules"};
	const char *at = getenv("VISOR_MODULE_PATH");
	char folder[PATH_MAX], dir[PATH_MAX + 64];
	struct stat st;

	if (strchr(path, '/') || strchr(path, '.') || !stat(path, &st)) {
		if (snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX)
			return diag_fail(diag, -ENAMETOOLONG, "open", "the path is too long");
		return 0;
	}
	for (; at && *at; at += strcspn(at, ":"), at += *at == ':')
		if (find_in(at, strcspn(at, ":"), path, out))
			return 0;
	program_folder(folder);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		snprintf(dir, sizeof(dir), "%s/%s", folder, beside[i]);
		if (find_in(dir, strlen(dir), path, out))
			return 0;
	}
	diag_fail(diag, -ENOENT, "open", "there is no module '%s'", path);
	diag_hint(diag, "give the object's path, or its folder in VISOR_MODULE_PATH");
	return -ENOENT;
}

int load_open(const char *path, struct bpf_object **out, struct visor_diag *diag)
{
	char file[PATH_MAX];
	struct bpf_object *obj;
	struct capture c;
	int err = find_object(path, file, diag);

	if (err)
		return err;
	err = check_object(file, diag);
	if (err) {
		diag_at(diag, "%s", file);
		return err;
	}
	capture_start(&c);
	obj = bpf_object__open_file(file, NULL);
	err = obj ? 0 : capture_errno(-errno);
	capture_stop();
	if (err) {
		diag_fail(diag, err, "open", "%s",
			  c.first[0] ? c.first : "not a BPF object file that libbpf can read");
		diag_at(diag, "%s", file);
		return err;
	}
	*out = obj;
	return 0;
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

	program_folder(folder);
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
