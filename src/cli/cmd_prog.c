/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_prog.c - visor prog: load, list, show, run. (dump is in cmd_dump.c)
 *
 * Loading is all or nothing: if a pin fails, those already made are taken back, and what is
 * not pinned goes with the process.
 */
#include "catalog/catalog.h"
#include "chain/open.h"
#include "cli/fields.h"
#include "cli/pins.h"
#include "cli/proginfo.h"
#include "cli/text.h"
#include "sys/sys.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *prog_type_name(uint32_t type)
{
	const char *name = libbpf_bpf_prog_type_str(type);

	return name ? name : "unknown";
}

static void prog_tag(const struct bpf_prog_info *info, char text[2 * BPF_TAG_SIZE + 1])
{
	int i;

	for (i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", info->tag[i]);
}

/* load_time counts from boot. */
static void prog_loaded_at(const struct bpf_prog_info *info, char *text, size_t size)
{
	struct timespec now, boot;
	struct tm tm;
	time_t when;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	when = now.tv_sec - boot.tv_sec + (time_t)(info->load_time / 1000000000);
	if (!localtime_r(&when, &tm) || !strftime(text, size, "%Y-%m-%dT%H:%M:%S%z", &tm))
		snprintf(text, size, "?");
}

int cli_prog_list(struct cli *cli)
{
	static const struct table_column cols[] = {
		{"ID", "id", true},
		{"TYPE", "type", false},
		{"NAME", "name", false},
		{"TAG", "tag", false},
		{"INSNS", "insns", true},
		{"MAPS", "maps", true},
		{"JITED", "jited_bytes", true},
		{"RUNS", "runs", true},
		{"LOADED", "loaded_at", false},
	};
	char text[64];
	struct engine e;
	struct table *t;
	uint32_t id = 0;
	int code = engine_begin(cli, ENGINE_SHARED, &e), err = 0, unread = CLI_OK;

	if (code)
		return code;
	t = table_new(cols, ARRAY_SIZE(cols));
	while (t && (err = object_next(OBJECT_PROG, &id)) == 0) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		int fd = object_by_id(OBJECT_PROG, id);

		if (fd == -ENOENT)
			continue; /* gone in between */
		if (fd < 0) {
			unread = cli_error(fd, NULL, "cannot open program %u", id);
			continue;
		}
		if (object_info(fd, &info, &size) == 0) {
			info.name[BPF_OBJ_NAME_LEN - 1] = '\0';
			table_u64(t, id);
			table_text(t, "%s", prog_type_name(info.type));
			table_text(t, "%s", info.name);
			prog_tag(&info, text);
			table_text(t, "%s", text);
			table_u64(t, info.xlated_prog_len / sizeof(struct bpf_insn));
			table_u64(t, info.nr_map_ids);
			table_u64(t, info.jited_prog_len);
			table_u64(t, info.run_cnt);
			prog_loaded_at(&info, text, sizeof(text));
			table_text(t, "%s", text);
		}
		close(fd);
	}
	code = t && err != -ENOENT ? cli_error(err, NULL, "cannot list the programs")
				   : cli_print_table(cli, t);
	table_free(t);
	engine_end(&e);
	return code ? code : unread;
}

/* Opens the program that the command line names. On CLI_OK all three are the caller's. */
static int prog_open(struct cli *cli, struct engine *e, int *fd, struct proginfo *p)
{
	struct visor_diag diag = {0};
	int at = 0, code = engine_begin(cli, ENGINE_SHARED, e);

	if (code)
		return code;
	*fd = object_find(cli, OBJECT_PROG, &at, &diag);
	if (*fd < 0 || proginfo_get(*fd, p, &diag)) {
		code = cli_fail(&diag);
	} else if (at < cli->n_args) {
		code = cli_usage(cli, "unexpected '%s'", cli->args[at]);
		proginfo_free(p);
	}
	if (code) {
		if (*fd >= 0)
			close(*fd);
		engine_end(e);
	}
	return code;
}

static void prog_close(struct engine *e, int fd, struct proginfo *p)
{
	proginfo_free(p);
	close(fd);
	engine_end(e);
}

/* Though it should be native code, in this process or that which loaded it; or NULL. */
static const char *prog_why_interpreted(const struct engine *e, int fd)
{
	struct obj *obj;
	int err;

	if (!e->visor)
		return NULL;
	obj = store_by_fd(e->visor, fd, OBJ_PROG, &err);
	err = obj ? obj->prog->head->native_size : 0;
	store_put(obj);
	return err < 0 ? vm_unplaced_text(err) : NULL;
}

int cli_prog_show(struct cli *cli)
{
	const char *function, *why;
	struct proginfo p;
	struct fields f;
	struct engine e;
	char text[64];
	int fd, code = prog_open(cli, &e, &fd, &p);

	if (code)
		return code;
	fields_begin(&f, cli);
	fields_u64(&f, "id", p.info.id);
	fields_str(&f, "name", p.info.name);
	/* Names are cut to 15 bytes; BTF has the whole. */
	function = proginfo_function(&p, 0);
	if (function)
		fields_str(&f, "function", function);
	fields_str(&f, "type", prog_type_name(p.info.type));
	prog_tag(&p.info, text);
	fields_str(&f, "tag", text);
	fields_u64(&f, "insns", p.n_insns);
	fields_bool(&f, "jited", p.info.jited_prog_len != 0);
	fields_u64(&f, "jited_bytes", p.info.jited_prog_len);
	why = prog_why_interpreted(&e, fd);
	if (why)
		fields_str(&f, "interpreted_because", why);
	fields_ids(&f, "map_ids", p.map_ids, p.n_maps);
	fields_bool(&f, "gpl", p.info.gpl_compatible);
	fields_u64(&f, "uid", p.info.created_by_uid);
	prog_loaded_at(&p.info, text, sizeof(text));
	fields_str(&f, "loaded_at", text);
	fields_u64(&f, "runs", p.info.run_cnt);
	fields_u64(&f, "run_time_ns", p.info.run_time_ns);
	if (p.info.btf_id)
		fields_u64(&f, "btf_id", p.info.btf_id);
	fields_end(&f);
	prog_close(&e, fd, &p);
	return CLI_OK;
}

/* ---- load ------------------------------------------------------------------------------------ */

/* "modules/acl.bpf.o" -> "acl" */
static void prog_stem(const char *path, char *stem, size_t size)
{
	const char *base = strrchr(path, '/');

	snprintf(stem, size, "%s", base ? base + 1 : path);
	stem[strcspn(stem, ".")] = '\0';
}

/* Makes every program but the wanted one stay unloaded. */
static int prog_choose(struct bpf_object *obj, const char *name, struct visor_diag *diag)
{
	struct bpf_program *prog;
	bool found = false;

	bpf_object__for_each_program(prog, obj)
	{
		bool wanted = !strcmp(bpf_program__name(prog), name);

		bpf_program__set_autoload(prog, wanted);
		found |= wanted;
	}
	if (found)
		return 0;
	return diag_fail(diag, -ENOENT, "load", "the object has no program '%s'", name);
}

static void prog_report(struct cli *cli, struct bpf_object *obj, const char *folder)
{
	static const struct table_column cols[] = {
		{"ID", "id", true},
		{"TYPE", "type", false},
		{"NAME", "name", false},
		{"PIN", "pin", false},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (!t || bpf_program__fd(prog) < 0 ||
		    object_info(bpf_program__fd(prog), &info, &size))
			continue;
		table_u64(t, info.id);
		table_text(t, "%s", prog_type_name(info.type));
		table_text(t, "%s", bpf_program__name(prog));
		table_text(t, "%s/%s", folder, bpf_program__name(prog));
	}
	cli_print_table(cli, t);
	table_free(t);
}

int cli_prog_load(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct bpf_object *obj = NULL;
	char folder[PATH_MAX], stem[128];
	struct pins pins = {0};
	struct engine e;
	int code = engine_begin(cli, ENGINE_SHARED, &e);

	if (code)
		return code;
	prog_stem(cli->args[0], stem, sizeof(stem));
	if (cli->opt[OPT_PIN])
		snprintf(folder, sizeof(folder), "%s", cli->opt[OPT_PIN]);
	else
		snprintf(folder, sizeof(folder), "/sys/fs/bpf/%s", stem);
	if (open_object(NULL, cli->args[0], &obj, NULL, &diag) ||
	    (cli->opt[OPT_NAME] && prog_choose(obj, cli->opt[OPT_NAME], &diag)) ||
	    load_load(obj, &diag) || pins_programs(&pins, &e, obj, folder, &diag) ||
	    pins_maps(&pins, &e, obj, folder, &diag)) {
		pins_undo(&pins, &e);
		code = cli_fail(&diag);
	} else {
		prog_report(cli, obj, folder);
	}
	pins_free(&pins);
	if (obj)
		bpf_object__close(obj);
	engine_end(&e);
	return code;
}

/* ---- run ---------------------------------------------------------------------------------------
 */

#define PROG_MAX_DATA (1u << 18)

/* The packet of --data, in *data (to be freed). */
static int prog_data(const char *text, uint8_t **data, size_t *size, struct visor_diag *diag)
{
	int err;

	if (*text == '@')
		return text_read(text + 1, PROG_MAX_DATA, (char **)data, size, diag);
	err = text_hex(text, strlen(text), data, size, diag);
	if (err)
		diag_in(diag, "--data");
	return err;
}

static void prog_show_run(struct cli *cli, const struct proginfo *p, const union bpf_attr *attr,
			  const uint8_t *in, const uint8_t *out)
{
	const char *verdict = catalog_verdict(p->info.type, attr->test.retval);
	uint32_t n = MIN(attr->test.data_size_out, 2 * PROG_MAX_DATA);
	bool same = n == attr->test.data_size_in && !memcmp(in, out, n);
	char *hex = text_to_hex(out, n);
	struct fields f;

	fields_begin(&f, cli);
	fields_u64(&f, "return_value", attr->test.retval);
	if (verdict)
		fields_str(&f, "verdict", verdict);
	fields_u64(&f, "ns_per_run", attr->test.duration);
	fields_bool(&f, "packet_changed", !same);
	fields_u64(&f, "packet_bytes", n);
	if (hex && (!same || f.as_json))
		fields_str(&f, "packet", hex);
	fields_end(&f);
	free(hex);
}

int cli_prog_run(struct cli *cli)
{
	struct visor_diag diag = {0};
	union bpf_attr attr = {0};
	uint8_t *in = NULL, *out = NULL;
	struct proginfo p;
	struct engine e;
	uint64_t repeat;
	size_t size = 0;
	int fd, err, code;

	if (cli_opt_number(cli, OPT_REPEAT, 1, INT32_MAX, 1, &repeat))
		return CLI_USAGE;
	if (!cli->opt[OPT_DATA])
		return cli_usage(cli, "--data is missing");
	if (prog_data(cli->opt[OPT_DATA], &in, &size, &diag))
		return cli_fail(&diag);
	code = prog_open(cli, &e, &fd, &p);
	if (code)
		goto out;
	out = calloc(1, 2 * PROG_MAX_DATA);
	if (!out) {
		code = cli_error(-ENOMEM, NULL, "no room for the packet");
		goto close;
	}
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)in;
	attr.test.data_size_in = (uint32_t)size;
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = 2 * PROG_MAX_DATA;
	attr.test.repeat = (uint32_t)repeat;
	visor_last_diag(&diag);
	err = load_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	if (!err && e.visor && sys_last_fault.text[0]) {
		diag_fail(&diag, -EFAULT, "run", "%s", sys_last_fault.text);
		diag_at(&diag, "%s: insn %u", sys_last_fault.prog, sys_last_fault.insn);
		cli_fail(&diag);
		code = CLI_FAULT;
	} else if (err < 0 && sys_last_diag()->err == err) {
		diag_in(sys_last_diag(), "%s", p.info.name);
		code = cli_fail(sys_last_diag());
	} else if (err < 0) {
		code = cli_error(err, p.info.name, "cannot run it on these %zu bytes", size);
	} else {
		prog_show_run(cli, &p, &attr, in, out);
	}
close:
	prog_close(&e, fd, &p);
out:
	free(in);
	free(out);
	return code;
}
