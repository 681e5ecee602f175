/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/engine.c - everything here is bpf(2), so both engines answer alike.
 */
#include "cli/engine.h"
#include "sys/sys.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const object_name[OBJECT_KINDS] = {"map", "program", "link", "BTF object"};

static const struct {
	int next, get;
} object_cmds[OBJECT_KINDS] = {
	[OBJECT_MAP] = {BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID},
	[OBJECT_PROG] = {BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID},
	[OBJECT_LINK] = {BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID},
	[OBJECT_BTF] = {BPF_BTF_GET_NEXT_ID, BPF_BTF_GET_FD_BY_ID},
};

/* The directory may be in a place where anybody can make one of that name first. */
int engine_default_state(char *path, size_t size, struct visor_diag *diag)
{
	struct stat st;
	int err = visor_state_default(path, size);

	if (err)
		return diag_fail(diag, err, "open",
				 "the default state directory's name is too long");
	if (lstat(path, &st))
		return 0; /* it will be made */
	if (S_ISDIR(st.st_mode) && st.st_uid == getuid() && !(st.st_mode & 022))
		return 0;
	diag_fail(diag, -EPERM, "open", "this is not a directory that only you can write to");
	diag_at(diag, "%s", path);
	diag_hint(diag, "say with --state or VISOR_STATE which one to use");
	return -EPERM;
}

/* Where native code is kept: in the state directory, also by an engine that is private if the user
 * has one. */
static bool engine_code(const char *state, char *code, size_t size)
{
	char own[PATH_MAX];
	struct stat st;

	if (!*state) {
		if (engine_default_state(own, sizeof(own), NULL) || lstat(own, &st))
			return false;
		state = own;
	}
	/* The engine makes the state directory, but this comes after it. */
	return snprintf(code, size, "%s/code", state) < (int)size;
}

/* Not of what libbpf loads only to see whether it can. */
static void engine_unplaced(const char *prog, const char *why)
{
	if (*prog && strncmp(prog, "libbpf_", 7))
		fprintf(stderr, "visor: program %s is interpreted: %s\n", prog, why);
}

int engine_begin(struct cli *cli, enum engine_scope scope, struct engine *e)
{
	const char *name = cli->opt[OPT_ENGINE], *state = cli->opt[OPT_STATE];
	const char *environment = getenv("VISOR_STATE");
	VISOR_OPTS(visor_opts, opts);
	struct visor_diag diag = {0};
	char code[PATH_MAX];
	int err;

	memset(e, 0, sizeof(*e));
	if (name && strcmp(name, "user") && strcmp(name, "kernel"))
		return cli_usage(cli, "--engine must be 'user' or 'kernel', not '%s'", name);
	if (name && !strcmp(name, "kernel")) {
		if (state)
			return cli_usage(cli, "the kernel engine has no state directory");
		if (cli->opt[OPT_CHECKED])
			return cli_usage(cli, "the kernel engine verifies every program");
		if (cli->opt[OPT_INTERPRET] || cli->opt[OPT_BLIND])
			return cli_usage(cli, "how the kernel runs programs is not for us to say");
		load_enter(&e->session);
		return CLI_OK;
	}
	if (state && !*state)
		return cli_usage(cli, "--state needs a directory");
	if (!state && environment && *environment)
		state = environment;
	if (state)
		snprintf(e->state, sizeof(e->state), "%s", state);
	else if (scope == ENGINE_SHARED && engine_default_state(e->state, sizeof(e->state), &diag))
		return cli_fail(&diag);
	opts.checked = cli->opt[OPT_CHECKED];
	opts.interpret = cli->opt[OPT_INTERPRET];
	opts.blind = cli->opt[OPT_BLIND];
	opts.state = *e->state ? e->state : NULL;
	if (engine_code(e->state, code, sizeof(code)))
		opts.code = code;
	err = visor_open(&opts, &e->visor, &diag);
	if (err && opts.code && !strcmp(diag.stage, "code")) {
		/* A state directory that is shared with others has none. */
		opts.code = NULL;
		err = visor_open(&opts, &e->visor, &diag);
	}
	if (err)
		return cli_fail(&diag);
	e->visor->unplaced = engine_unplaced;
	e->session.visor = e->visor;
	load_enter(&e->session);
	return CLI_OK;
}

void engine_end(struct engine *e)
{
	load_enter(NULL);
	if (e->visor)
		visor_close(e->visor);
	e->visor = NULL;
}

int object_next(enum object_kind kind, uint32_t *id)
{
	union bpf_attr attr = {0};
	int err;

	attr.start_id = *id;
	err = load_bpf(object_cmds[kind].next, &attr, sizeof(attr));
	if (err < 0)
		return err;
	*id = attr.next_id;
	return 0;
}

int object_by_id(enum object_kind kind, uint32_t id)
{
	union bpf_attr attr = {0};

	attr.map_id = id; /* the same place for every kind */
	return load_bpf(object_cmds[kind].get, &attr, sizeof(attr));
}

int object_by_path(const char *path)
{
	union bpf_attr attr = {0};

	attr.pathname = (uintptr_t)path;
	return load_bpf(BPF_OBJ_GET, &attr, sizeof(attr));
}

int object_info(int fd, void *info, uint32_t *size)
{
	union bpf_attr attr = {0};
	int err;

	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = *size;
	attr.info.info = (uintptr_t)info;
	err = load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (err < 0)
		return err;
	*size = attr.info.info_len;
	return 0;
}

int object_kind_of(int fd)
{
	static const char *const kinds[OBJECT_KINDS] = {"bpf-map", "bpf-prog", "bpf_link", "btf"};
	char self[32], link[PATH_MAX], *end, *name;
	ssize_t n;
	int i;

	/* "anon_inode:bpf-map" in the kernel, a file ".../bpf-map/ID" in the user engine. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = '\0';
	end = strrchr(link, '/');
	if (end)
		*end = '\0';
	name = strrchr(link, '/');
	name = name ? name + 1 : end ? link : strchr(link, ':') ? strchr(link, ':') + 1 : link;
	for (i = 0; i < OBJECT_KINDS; i++) {
		if (!strcmp(name, kinds[i]))
			return i;
	}
	return -EINVAL;
}

/* Name of an object, "" if it has none. */
static int object_get_name(enum object_kind kind, int fd, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info prog = {0};
	struct bpf_map_info map = {0};
	uint32_t size;
	int err;

	name[0] = '\0';
	if (kind == OBJECT_PROG) {
		size = sizeof(prog);
		err = object_info(fd, &prog, &size);
		memcpy(name, prog.name, BPF_OBJ_NAME_LEN);
	} else {
		size = sizeof(map);
		err = object_info(fd, &map, &size);
		memcpy(name, map.name, BPF_OBJ_NAME_LEN);
	}
	name[BPF_OBJ_NAME_LEN - 1] = '\0';
	return err;
}

static int object_by_name(enum object_kind kind, const char *name, struct visor_diag *diag)
{
	char have[BPF_OBJ_NAME_LEN], ids[128] = "";
	int fd, found = -1, n = 0;
	uint32_t id = 0;

	while (object_next(kind, &id) == 0) {
		fd = object_by_id(kind, id);
		if (fd < 0)
			continue; /* gone in between */
		/* Object names are cut to 15 bytes. */
		if (object_get_name(kind, fd, have) == 0 && *have &&
		    !strncmp(have, name, BPF_OBJ_NAME_LEN - 1)) {
			size_t used = strlen(ids);

			if (used < sizeof(ids) - 16)
				snprintf(ids + used, sizeof(ids) - used, "%s%u", n ? ", " : "", id);
			if (!n++) {
				found = fd;
				continue;
			}
		}
		close(fd);
	}
	if (n == 1)
		return found;
	if (n) {
		close(found);
		diag_fail(diag, -EEXIST, "find", "%d %ss are called '%s'", n, object_name[kind],
			  name);
		diag_hint(diag, "name one by its id: %s", ids);
		return -EEXIST;
	}
	diag_fail(diag, -ENOENT, "find", "no %s is called '%s'", object_name[kind], name);
	diag_hint(diag, "'visor %s list' shows what there is",
		  kind == OBJECT_PROG ? "prog" : "map");
	return -ENOENT;
}

int object_find(const struct cli *cli, enum object_kind kind, int *at, struct visor_diag *diag)
{
	enum { BY_ID, BY_NAME, BY_PATH, BY_GUESS } how = BY_GUESS;
	static const char *const word[] = {"id", "name", "pinned"};
	const char *what = cli->args[*at];
	uint64_t id = 0;
	int i, fd;

	for (i = 0; i < 3; i++) {
		if (!strcmp(what, word[i]) && *at + 1 < cli->n_args) {
			how = i;
			what = cli->args[++*at];
			break;
		}
	}
	++*at;
	if (how == BY_GUESS)
		how = strchr(what, '/')					? BY_PATH
		      : cli_number(what, 0, UINT32_MAX, &id) != -EINVAL ? BY_ID
									: BY_NAME;
	if (how == BY_NAME)
		return object_by_name(kind, what, diag);
	if (how == BY_ID) {
		if (cli_number(what, 1, UINT32_MAX, &id))
			return diag_fail(diag, -EINVAL, "find", "'%s' is no %s id", what,
					 object_name[kind]);
		fd = object_by_id(kind, (uint32_t)id);
		if (fd < 0)
			diag_fail(diag, fd, "find", "no %s with id %s", object_name[kind], what);
		return fd;
	}
	fd = object_by_path(what);
	if (fd < 0) {
		diag_fail(diag, fd, "find", "nothing to use is pinned there");
		diag_at(diag, "%s", what);
		return fd;
	}
	if (object_kind_of(fd) != (int)kind) {
		close(fd);
		diag_fail(diag, -EINVAL, "find", "this is not a %s", object_name[kind]);
		diag_at(diag, "%s", what);
		return -EINVAL;
	}
	return fd;
}

int object_pin(const struct engine *e, int fd, const char *path, struct visor_diag *diag)
{
	union bpf_attr attr = {0};
	char folder[PATH_MAX];
	char *slash;
	int err;

	/* A pin of the user engine is a name below its state directory; one of the kernel is a
	 * file whose folder must be there. */
	for (slash = strchr(path + 1, '/'); slash && !e->visor; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (mkdir(folder, 0700) && errno != EEXIST)
			break;
	}
	attr.pathname = (uintptr_t)path;
	attr.bpf_fd = (uint32_t)fd;
	err = load_bpf(BPF_OBJ_PIN, &attr, sizeof(attr));
	if (err < 0) {
		diag_fail(diag, err, "pin", "cannot pin here");
		diag_at(diag, "%s", path);
		if (err == -EEXIST)
			diag_hint(diag, "'visor pin remove %s' frees the name", path);
		else if (!e->visor && (err == -ENOENT || err == -EPERM))
			diag_hint(diag, "pins of the kernel live in a bpf file system: "
					"mount -t bpf bpf /sys/fs/bpf");
		return err;
	}
	return 0;
}

int object_unpin(const struct engine *e, const char *path, struct visor_diag *diag)
{
	int fd = object_by_path(path), err = fd < 0 ? fd : 0;

	/* Only what is a pin: of the kernel's engine any file could be named. */
	if (!err)
		err = e->visor ? store_unpin(e->visor, path) : unlink(path) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (err) {
		diag_fail(diag, err, "unpin", "cannot remove this pin");
		diag_at(diag, "%s", path);
	}
	return err;
}

struct btf *object_btf(uint32_t id)
{
	return id ? btf__load_from_kernel_by_id(id) : NULL;
}
