/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_state.c - visor pin and visor state: where objects live and what they are called.
 *
 * Pins of the user engine are a tree of files in its state directory, those of the kernel
 * the tree of bpffs; either is walked, and each name asked for what it stands for.
 */
#include "cli/engine.h"
#include "cli/fields.h"
#include "cli/table.h"
#include "sys/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_ROOT_KERNEL "/sys/fs/bpf"
#define PIN_DEPTH	32

/* One pin: 0 to go on. */
typedef int (*pin_fn)(void *user, const char *path);

static int pin_name_cmp(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls fn for every file below dir, in order; path is the name of dir in the pin tree. */
static int pin_walk(int dir, const char *path, int depth, pin_fn fn, void *user)
{
	struct dirent **names = NULL;
	char child[PATH_MAX];
	struct stat st;
	int i, n, fd, err = 0;

	n = scandirat(dir, ".", &names, NULL, pin_name_cmp);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (err || !strcmp(name, ".") || !strcmp(name, "..") ||
		    snprintf(child, sizeof(child), "%s/%s", path, name) >= (int)sizeof(child) ||
		    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!S_ISDIR(st.st_mode)) {
			err = fn(user, child);
			continue;
		}
		fd = depth < PIN_DEPTH
			     ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			     : -1;
		if (fd < 0)
			continue;
		err = pin_walk(fd, child, depth + 1, fn, user);
		close(fd);
	}
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return err;
}

static int pin_each(const struct engine *e, pin_fn fn, void *user)
{
	int fd, err;

	if (e->visor)
		return pin_walk(e->visor->pins, "", 0, fn, user);
	fd = open(PIN_ROOT_KERNEL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = pin_walk(fd, PIN_ROOT_KERNEL, 0, fn, user);
	close(fd);
	return err;
}

static int pin_row(void *user, const char *path)
{
	struct bpf_prog_info prog = {0};
	struct bpf_map_info map = {0};
	struct table *t = user;
	uint32_t size = sizeof(prog);
	int fd = object_by_path(path), kind;

	if (fd < 0)
		return 0; /* of a kind that cannot be opened, or gone in between */
	kind = object_kind_of(fd);
	table_text(t, "%s", path);
	if (kind == OBJECT_PROG && !object_info(fd, &prog, &size)) {
		table_text(t, "prog");
		table_u64(t, prog.id);
		table_text(t, "%.*s", BPF_OBJ_NAME_LEN - 1, prog.name);
	} else if (kind == OBJECT_MAP && (size = sizeof(map), !object_info(fd, &map, &size))) {
		table_text(t, "map");
		table_u64(t, map.id);
		table_text(t, "%.*s", BPF_OBJ_NAME_LEN - 1, map.name);
	} else {
		table_text(t, "%s", kind >= 0 ? object_name[kind] : "?");
		table_none(t);
		table_none(t);
	}
	close(fd);
	return 0;
}

int cli_pin_list(struct cli *cli)
{
	static const struct table_column cols[] = {
		{"PIN", "pin", false},
		{"KIND", "kind", false},
		{"ID", "id", true},
		{"NAME", "name", false},
	};
	struct engine e;
	struct table *t;
	int code = engine_begin(cli, ENGINE_SHARED, &e), err = 0;

	if (code)
		return code;
	t = table_new(cols, ARRAY_SIZE(cols));
	if (t)
		err = pin_each(&e, pin_row, t);
	code = err ? cli_error(err, NULL, "cannot list the pins") : cli_print_table(cli, t);
	table_free(t);
	engine_end(&e);
	return code;
}

int cli_pin_remove(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct engine e;
	int i, code = engine_begin(cli, ENGINE_SHARED, &e), result = CLI_OK;

	if (code)
		return code;
	for (i = 0; i < cli->n_args; i++) {
		if (object_unpin(&e, cli->args[i], &diag))
			result = cli_fail(&diag);
	}
	engine_end(&e);
	return result;
}

static int state_count_pin(void *user, const char *path)
{
	++*(uint64_t *)user;
	return 0;
}

int cli_state(struct cli *cli)
{
	static const char *const keys[OBJECT_KINDS] = {"maps", "programs", "links", "btf"};
	struct engine e;
	struct fields f;
	uint64_t n[OBJECT_KINDS] = {0}, pins = 0;
	uint32_t id;
	int kind, err, code = engine_begin(cli, ENGINE_SHARED, &e);

	if (code)
		return code;
	for (kind = 0; kind < OBJECT_KINDS && !code; kind++) {
		for (id = 0; !(err = object_next((enum object_kind)kind, &id)); n[kind]++)
			;
		if (err != -ENOENT)
			code = cli_error(err, NULL, "cannot count the %s", keys[kind]);
	}
	err = code ? 0 : pin_each(&e, state_count_pin, &pins);
	if (err)
		code = cli_error(err, NULL, "cannot count the pins");
	if (!code) {
		fields_begin(&f, cli);
		fields_str(&f, "engine", e.visor ? "user" : "kernel");
		fields_str(&f, "state", e.visor ? e.state : PIN_ROOT_KERNEL);
		for (kind = 0; kind < OBJECT_KINDS; kind++)
			fields_u64(&f, keys[kind], n[kind]);
		fields_u64(&f, "pins", pins);
		fields_end(&f);
	}
	engine_end(&e);
	return code;
}
