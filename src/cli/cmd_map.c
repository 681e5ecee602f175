/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_map.c - visor map: list, show, create, and the entries with typed keys and values.
 *
 * A value buffer has room for as many CPU slots as a map can have at all: how many there
 * are is the business of whoever made the map, and the system call does not say.
 */
#include "cli/engine.h"
#include "cli/fields.h"
#include "cli/typed.h"
#include "map/map.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define MAP_ENOTSUPP 524 /* the kernel's own "not supported", without a name for users */

/* A map in use by a command. */
struct view {
	struct engine engine;
	int fd;
	struct bpf_map_info info;
	struct btf *btf; /* NULL: none */
	uint32_t key_type, value_type;
	bool per_cpu;
	uint32_t stride; /* from one CPU's value to the next */
	int n_cpus;
	uint8_t *key, *next, *value;
	int prog; /* the program to be put into a program array */
};

static bool map_is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

static const char *map_type_name(uint32_t type)
{
	const char *name = libbpf_bpf_map_type_str(type);

	return name ? name : "unknown";
}

static void view_close(struct view *v)
{
	btf__free(v->btf);
	free(v->key);
	free(v->next);
	free(v->value);
	if (v->fd >= 0)
		close(v->fd);
	if (v->prog >= 0)
		close(v->prog);
	engine_end(&v->engine);
}

/* Opens the map named at cli->args[*at]. Returns an exit code; on failure nothing is open. */
static int view_open(struct cli *cli, struct view *v, int *at)
{
	struct visor_diag diag = {0};
	uint32_t size = sizeof(v->info);
	int code, err;

	memset(v, 0, sizeof(*v));
	v->prog = -1;
	code = engine_begin(cli, ENGINE_SHARED, &v->engine);
	if (code)
		return code;
	v->fd = object_find(cli, OBJECT_MAP, at, &diag);
	if (v->fd < 0)
		goto fail;
	err = object_info(v->fd, &v->info, &size);
	if (err) {
		diag_fail(&diag, err, "show", "cannot ask for the map's description");
		goto fail;
	}
	v->info.name[BPF_OBJ_NAME_LEN - 1] = '\0';
	v->btf = object_btf(v->info.btf_id);
	if (v->btf) {
		v->key_type = v->info.btf_key_type_id;
		v->value_type = v->info.btf_value_type_id;
	}
	v->per_cpu = map_is_per_cpu(v->info.type);
	v->stride = v->per_cpu ? ALIGN_UP(v->info.value_size, 8u) : v->info.value_size;
	v->n_cpus = v->per_cpu ? libbpf_num_possible_cpus() : 1;
	v->key = calloc(1, v->info.key_size + 1u);
	v->next = calloc(1, v->info.key_size + 1u);
	v->value = calloc(v->per_cpu ? MAP_MAX_CPUS : 1, v->stride + 1ull);
	if (!v->key || !v->next || !v->value || v->n_cpus < 1 || v->n_cpus > MAP_MAX_CPUS) {
		diag_fail(&diag, -ENOMEM, "show", "cannot hold an entry of this map");
		goto fail;
	}
	return CLI_OK;
fail:
	view_close(v);
	return cli_fail(&diag);
}

static int view_lookup(struct view *v, const void *key)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)v->fd;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)v->value;
	return load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
}

/* ---- list and show ----------------------------------------------------------------------- */

int cli_map_list(struct cli *cli)
{
	static const struct table_column cols[] = {
		{"ID", "id", true},
		{"TYPE", "type", false},
		{"NAME", "name", false},
		{"KEY", "key_size", true},
		{"VALUE", "value_size", true},
		{"MAX", "max_entries", true},
		{"FLAGS", "flags", false},
		{"BTF", "btf_id", true},
	};
	struct engine e;
	struct table *t;
	uint32_t id = 0;
	int code = engine_begin(cli, ENGINE_SHARED, &e), err, unread = CLI_OK;

	if (code)
		return code;
	t = table_new(cols, ARRAY_SIZE(cols));
	while (t && (err = object_next(OBJECT_MAP, &id)) == 0) {
		struct bpf_map_info info = {0};
		uint32_t size = sizeof(info);
		char text[16], json[16];
		int fd = object_by_id(OBJECT_MAP, id);

		if (fd == -ENOENT)
			continue; /* gone in between */
		if (fd < 0) {
			unread = cli_error(fd, NULL, "cannot open map %u", id);
			continue;
		}
		if (object_info(fd, &info, &size) == 0) {
			info.name[BPF_OBJ_NAME_LEN - 1] = '\0';
			table_u64(t, id);
			table_text(t, "%s", map_type_name(info.type));
			table_text(t, "%s", info.name);
			table_u64(t, info.key_size);
			table_u64(t, info.value_size);
			table_u64(t, info.max_entries);
			snprintf(text, sizeof(text), "0x%x", info.map_flags);
			snprintf(json, sizeof(json), "%u", info.map_flags);
			table_json(t, text, json);
			if (info.btf_id)
				table_u64(t, info.btf_id);
			else
				table_none(t);
		}
		close(fd);
	}
	code = t && err != -ENOENT ? cli_error(err, NULL, "cannot list the maps")
				   : cli_print_table(cli, t);
	table_free(t);
	engine_end(&e);
	return code ? code : unread;
}

int cli_map_show(struct cli *cli)
{
	struct fields f;
	char type[160];
	struct view v;
	int at = 0, code = view_open(cli, &v, &at);

	if (code)
		return code;
	fields_begin(&f, cli);
	fields_u64(&f, "id", v.info.id);
	fields_str(&f, "name", v.info.name);
	fields_str(&f, "type", map_type_name(v.info.type));
	fields_u64(&f, "key_size", v.info.key_size);
	if (v.key_type) {
		value_type_name(v.btf, v.key_type, type, sizeof(type));
		fields_str(&f, "key_type", type);
	}
	fields_u64(&f, "value_size", v.info.value_size);
	if (v.value_type) {
		value_type_name(v.btf, v.value_type, type, sizeof(type));
		fields_str(&f, "value_type", type);
	}
	fields_u64(&f, "max_entries", v.info.max_entries);
	fields_u64(&f, "flags", v.info.map_flags);
	if (v.per_cpu)
		fields_u64(&f, "cpus", (uint64_t)v.n_cpus);
	if (v.info.btf_id)
		fields_u64(&f, "btf_id", v.info.btf_id);
	fields_end(&f);
	view_close(&v);
	return CLI_OK;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* Prints one typed value: on a line, or as JSON under a key. 0 or negative errno with diag. */
static int entry_value(const struct view *v, uint32_t type, const void *bytes, size_t size,
		       struct json *j, const char *key, struct visor_diag *diag)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int err;

	if (!j)
		return typed_print(stdout, v->btf, type, bytes, size, 0, diag);
	f = open_memstream(&text, &len);
	if (!f)
		return diag_fail(diag, -ENOMEM, "print", "cannot print a value");
	err = typed_print(f, v->btf, type, bytes, size, VALUE_JSON, diag);
	if (fclose(f) && !err)
		err = diag_fail(diag, -ENOMEM, "print", "cannot print a value");
	if (!err)
		json_raw(j, key, text);
	free(text);
	return err;
}

static bool entry_zero(const uint8_t *bytes, size_t size)
{
	return !size || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

/* The value in v->value: alone, or for each CPU (for people: only those that are not zero). */
static int entry_values(const struct view *v, struct json *j, struct visor_diag *diag)
{
	int cpu, err = 0, shown = 0;

	if (!v->per_cpu)
		return entry_value(v, v->value_type, v->value, v->info.value_size, j, "value",
				   diag);
	if (j)
		json_array(j, "values");
	for (cpu = 0; cpu < v->n_cpus && !err; cpu++) {
		const uint8_t *bytes = v->value + (size_t)cpu * v->stride;

		if (j) {
			json_object(j, NULL);
			json_u64(j, "cpu", (uint64_t)cpu);
		} else {
			if (entry_zero(bytes, v->info.value_size) && (shown || cpu < v->n_cpus - 1))
				continue;
			printf("%scpu %d: ", shown++ ? ", " : "", cpu);
		}
		err = entry_value(v, v->value_type, bytes, v->info.value_size, j, "value", diag);
		if (j)
			json_object_end(j);
	}
	if (j)
		json_array_end(j);
	return err;
}

int cli_map_dump(struct cli *cli)
{
	struct visor_diag diag = {0};
	union bpf_attr attr;
	struct json json, *j = NULL;
	struct view v;
	uint64_t n = 0, limit;
	const void *key = NULL;
	int at = 0, err = 0, code = view_open(cli, &v, &at);

	if (code)
		return code;
	/* Entries that come and go while we read can make the walk start again. */
	limit = 4ull * v.info.max_entries + 16;
	if (cli->opt[OPT_JSON]) {
		json_init(&json, stdout);
		j = &json;
		json_array(j, NULL);
	}
	for (; !diag.err; key = v.key) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)v.fd;
		attr.key = (uintptr_t)key;
		attr.next_key = (uintptr_t)v.next;
		err = load_bpf(BPF_MAP_GET_NEXT_KEY, &attr, sizeof(attr));
		if (err < 0)
			break;
		memcpy(v.key, v.next, v.info.key_size);
		if (++n > limit) {
			diag_fail(&diag, -EAGAIN, "dump",
				  "the map changes faster than it can be read");
			break;
		}
		if (view_lookup(&v, v.key) < 0)
			continue; /* an empty slot, or deleted in between */
		if (j)
			json_object(j, NULL);
		if (!entry_value(&v, v.key_type, v.key, v.info.key_size, j, "key", &diag)) {
			if (!j)
				fputs(": ", stdout);
			entry_values(&v, j, &diag);
		}
		if (j)
			json_object_end(j);
		else
			putchar('\n');
	}
	if (j)
		json_array_end(j);
	if (err < 0 && err != -ENOENT) {
		err = err == -MAP_ENOTSUPP ? -EOPNOTSUPP : err;
		diag_fail(&diag, err, "dump", "cannot list the entries of map '%s'", v.info.name);
		if (err == -EOPNOTSUPP)
			diag_hint(&diag, "a map of type %s has none", map_type_name(v.info.type));
	}
	view_close(&v);
	return diag.err ? cli_fail(&diag) : CLI_OK;
}

/* Parses the key given at cli->args[at]. */
static int entry_key(struct cli *cli, struct view *v, int at, struct visor_diag *diag)
{
	int err;

	if (!v->info.key_size) {
		return diag_fail(diag, -EINVAL, "parse", "a map of type %s has no keys",
				 map_type_name(v->info.type));
	}
	err = value_parse_text(v->btf, v->key_type, cli->args[at], v->key, v->info.key_size, diag);
	if (err)
		diag_in(diag, "key");
	return err;
}

/* Opens the map of a command whose last argument is a key, and parses that: 0, or an exit
 * code with nothing left open. */
static int entry_open(struct cli *cli, struct view *v, int *at)
{
	struct visor_diag diag = {0};
	int code = view_open(cli, v, at);

	if (code)
		return code;
	if (*at + 1 != cli->n_args)
		code = cli_usage(cli, "expected %s", cli->cmd->args);
	else if (entry_key(cli, v, *at, &diag))
		code = cli_fail(&diag);
	if (code)
		view_close(v);
	return code;
}

int cli_map_get(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct json json, *j = NULL;
	struct view v;
	int at = 0, err, code = entry_open(cli, &v, &at);

	if (code)
		return code;
	err = view_lookup(&v, v.key);
	if (err < 0) {
		diag_fail(&diag, err, "get",
			  err == -ENOENT ? "map '%s' has no entry %s"
					 : "map '%s': cannot look up %s",
			  v.info.name, cli->args[at]);
		goto out;
	}
	if (cli->opt[OPT_JSON]) {
		json_init(&json, stdout);
		j = &json;
		json_object(j, NULL);
		entry_value(&v, v.key_type, v.key, v.info.key_size, j, "key", &diag);
	}
	if (!diag.err)
		entry_values(&v, j, &diag);
	if (j)
		json_object_end(j);
	else
		putchar('\n');
out:
	view_close(&v);
	return diag.err ? cli_fail(&diag) : code;
}

/* Parses the value: typed, for each CPU the same; for program arrays a program. */
static int entry_set_value(struct cli *cli, struct view *v, int *at, struct visor_diag *diag)
{
	int cpu, err;

	if (v->info.type == BPF_MAP_TYPE_PROG_ARRAY && v->info.value_size == 4) {
		v->prog = object_find(cli, OBJECT_PROG, at, diag);
		if (v->prog < 0)
			return v->prog;
		memcpy(v->value, &v->prog, sizeof(v->prog));
		return 0;
	}
	/* Of a section of variables, some may be set; the others stay. */
	if (view_lookup(v, v->key) < 0)
		memset(v->value, 0, v->info.value_size);
	err = typed_parse(v->btf, v->value_type, cli->args[*at], v->value, v->info.value_size,
			  diag);
	++*at;
	if (err) {
		diag_in(diag, "value");
		return err;
	}
	for (cpu = 1; cpu < v->n_cpus; cpu++)
		memcpy(v->value + (size_t)cpu * v->stride, v->value, v->info.value_size);
	return 0;
}

int cli_map_set(struct cli *cli)
{
	struct visor_diag diag = {0};
	union bpf_attr attr = {0};
	const char *key;
	struct view v;
	int at = 0, err, code;

	if (cli->opt[OPT_IF]) {
		attr.flags = !strcmp(cli->opt[OPT_IF], "absent") ? BPF_NOEXIST : BPF_EXIST;
		if (attr.flags == BPF_EXIST && strcmp(cli->opt[OPT_IF], "present"))
			return cli_usage(cli, "--if must be 'absent' or 'present', not '%s'",
					 cli->opt[OPT_IF]);
	}
	code = view_open(cli, &v, &at);
	if (code)
		return code;
	if (at + 2 > cli->n_args) {
		code = cli_usage(cli, "expected %s", cli->cmd->args);
		goto out;
	}
	key = cli->args[at];
	if (entry_key(cli, &v, at++, &diag) || entry_set_value(cli, &v, &at, &diag))
		goto out;
	if (at < cli->n_args) {
		code = cli_usage(cli, "unexpected '%s'", cli->args[at]);
		goto out;
	}
	attr.map_fd = (uint32_t)v.fd;
	attr.key = (uintptr_t)v.key;
	attr.value = (uintptr_t)v.value;
	err = load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	if (err < 0) {
		diag_fail(&diag, err, "set",
			  err == -ENOENT   ? "map '%s' has no entry %s"
			  : err == -EEXIST ? "map '%s' has an entry %s already"
			  : err == -E2BIG  ? "map '%s' is full, or has no entry %s"
					   : "map '%s': cannot set %s",
			  v.info.name, key);
		if (err == -EPERM)
			diag_hint(&diag, "a read-only map cannot be changed any more");
	}
out:
	view_close(&v);
	return diag.err ? cli_fail(&diag) : code;
}

int cli_map_delete(struct cli *cli)
{
	struct visor_diag diag = {0};
	union bpf_attr attr = {0};
	struct view v;
	int at = 0, err, code = entry_open(cli, &v, &at);

	if (code)
		return code;
	attr.map_fd = (uint32_t)v.fd;
	attr.key = (uintptr_t)v.key;
	err = load_bpf(BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
	if (err < 0)
		diag_fail(&diag, err, "delete",
			  err == -ENOENT   ? "map '%s' has no entry %s"
			  : err == -EINVAL ? "entries of map '%s' cannot be deleted: %s"
					   : "map '%s': cannot delete %s",
			  v.info.name, cli->args[at]);
	view_close(&v);
	return diag.err ? cli_fail(&diag) : code;
}

/* ---- create ---------------------------------------------------------------------------------- */

static int map_type_by_name(const char *name)
{
	int type;

	for (type = 1; libbpf_bpf_map_type_str(type); type++) {
		if (!strcmp(libbpf_bpf_map_type_str(type), name))
			return type;
	}
	return -1;
}

int cli_map_create(struct cli *cli)
{
	struct visor_diag diag = {0};
	union bpf_attr attr = {0};
	uint64_t key, value, entries, flags;
	const char *path = cli->args[0], *name = strrchr(path, '/');
	struct engine e;
	int type, fd, code;

	name = cli->opt[OPT_NAME] ? cli->opt[OPT_NAME] : name ? name + 1 : path;
	if (!cli->opt[OPT_TYPE])
		return cli_usage(cli, "--type is missing");
	type = map_type_by_name(cli->opt[OPT_TYPE]);
	if (type < 0)
		return cli_usage(cli, "unknown map type '%s'", cli->opt[OPT_TYPE]);
	if (cli_opt_number(cli, OPT_KEY, 0, UINT32_MAX, 0, &key) ||
	    cli_opt_number(cli, OPT_VALUE, 0, UINT32_MAX, 0, &value) ||
	    cli_opt_number(cli, OPT_ENTRIES, 0, UINT32_MAX, 0, &entries) ||
	    cli_opt_number(cli, OPT_FLAGS, 0, UINT32_MAX, 0, &flags))
		return CLI_USAGE;
	code = engine_begin(cli, ENGINE_SHARED, &e);
	if (code)
		return code;
	attr.map_type = (uint32_t)type;
	attr.key_size = (uint32_t)key;
	attr.value_size = (uint32_t)value;
	attr.max_entries = (uint32_t)entries;
	attr.map_flags = (uint32_t)flags;
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	fd = load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0) {
		diag_fail(&diag, fd, "create",
			  "the engine refuses a map of type %s, key %u, value %u, %u entries, "
			  "flags 0x%x",
			  cli->opt[OPT_TYPE], attr.key_size, attr.value_size, attr.max_entries,
			  attr.map_flags);
		diag_hint(&diag, "--key, --value and --entries are what the type asks for");
	} else {
		object_pin(&e, fd, path, &diag);
		close(fd);
	}
	engine_end(&e);
	return diag.err ? cli_fail(&diag) : CLI_OK;
}
