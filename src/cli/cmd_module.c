/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_module.c - visor module: what object files are, which are installed, and installing.
 */
#include "catalog/since.h"
#include "chain/inspect.h"
#include "chain/sign.h"
#include "cli/fields.h"
#include "cli/text.h"
#include "load/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "signed by 5431BD19B726FD8F", ... */
static void module_signature(const struct sign_result *r, char *out, size_t size)
{
	static const char *const states[] = {[SIGN_UNSIGNED] = "unsigned",
					     [SIGN_GOOD] = "signed by",
					     [SIGN_UNKNOWN] = "unknown key",
					     [SIGN_BAD] = "bad:"};

	snprintf(out, size, "%s%s%s", states[r->state], r->state == SIGN_UNSIGNED ? "" : " ",
		 r->state == SIGN_BAD ? r->why : r->key);
}

/* ---- inspect, for people -------------------------------------------------------------------- */

static const char *const module_verdicts[] = {"-", "yes", "no"};

static void module_release(uint32_t since, char *out, size_t size)
{
	snprintf(out, size, "%u.%u", SINCE_MAJOR(since), SINCE_MINOR(since));
}

/* The newest release that something needs; 0 if nothing says. */
static uint32_t module_kernel(const struct inspect *x)
{
	uint32_t since = 0;

	for (uint32_t i = 0; i < x->n_needs; i++)
		since = MAX(since, x->needs[i].since);
	return since;
}

static void module_print_head(struct cli *cli, const struct inspect *x, const char *signature)
{
	uint32_t since = module_kernel(x);
	struct fields f;
	char text[300];

	fields_begin(&f, cli);
	fields_str(&f, "module", x->name);
	fields_str(&f, "file", x->path);
	if (*x->version)
		fields_str(&f, "version", x->version);
	snprintf(text, sizeof(text), "%s%s", *x->license ? x->license : "none",
		 x->gpl ? " (GPL compatible)" : "");
	fields_str(&f, "licence", text);
	fields_str(&f, "signature", signature);
	snprintf(text, sizeof(text), "Linux %u.%u or later", SINCE_MAJOR(since),
		 SINCE_MINOR(since));
	if (since)
		fields_str(&f, "kernel", text);
	fields_end(&f);
}

static void module_section(struct cli *cli, const char *title, struct table *t)
{
	if (!t || table_rows(t)) {
		printf("\n%s\n", title);
		cli_print_table(cli, t);
	}
	table_free(t);
}

static void module_calls(const struct inspect_input *input, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < input->n_helpers && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? " " : "",
					catalog_helper_name(input->helpers[i]));
	for (uint32_t i = 0; i < input->n_kfuncs && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s()", len ? " " : "",
					input->kfuncs[i]);
}

static void module_print_inputs(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {
		{"PROGRAM", NULL, false}, {"TYPE", NULL, false},  {"SECTION", NULL, false},
		{"INSNS", NULL, true},	  {"STACK", NULL, true},  {"USER", NULL, false},
		{"KERNEL", NULL, false},  {"CALLS", NULL, false},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	static char calls[8192];

	for (uint32_t i = 0; t && i < x->n_inputs; i++) {
		const struct inspect_input *input = &x->inputs[i];

		table_text(t, "%s", input->name);
		table_text(t, "%s", input->type ? input->type : "?");
		table_text(t, "%s", input->section);
		if (input->whole)
			table_u64(t, input->n_insns);
		else
			table_none(t);
		if (input->stack >= 0)
			table_u64(t, (uint64_t)input->stack);
		else
			table_none(t);
		table_text(t, "%s", module_verdicts[input->user.verdict]);
		table_text(t, "%s", module_verdicts[input->kernel.verdict]);
		module_calls(input, calls, sizeof(calls));
		table_text(t, "%s", calls);
	}
	module_section(cli, "Inputs (programs):", t);
}

static void module_print_reasons(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {
		{"PROGRAM", NULL, false}, {"ENGINE", NULL, false}, {"REASON", NULL, false}};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));

	for (uint32_t i = 0; t && i < x->n_inputs; i++) {
		const struct inspect_side *sides[] = {&x->inputs[i].user, &x->inputs[i].kernel};

		for (int k = 0; k < 2; k++) {
			if (sides[k]->verdict != INSPECT_REFUSED)
				continue;
			table_text(t, "%s", x->inputs[i].name);
			table_text(t, "%s", k ? "kernel" : "user");
			table_text(t, "%.*s", (int)strcspn(sides[k]->why, "\n"), sides[k]->why);
		}
	}
	module_section(cli, "Refused:", t);
}

/* True if the object has a program of that hook. */
static bool module_has_hook(const struct inspect *x, enum chain_hook hook)
{
	for (uint32_t i = 0; i < x->n_inputs; i++)
		if (x->inputs[i].hook == hook)
			return true;
	return false;
}

static void module_print_outputs(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {{"OF", NULL, false}, {"OUTPUTS", NULL, false}};
	static const enum chain_hook hooks[] = {CHAIN_HOOK_XDP, CHAIN_HOOK_TC};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	char text[4096];
	size_t len = 0;

	for (size_t h = 0; t && h < ARRAY_SIZE(hooks); h++) {
		const struct hook *hook = hook_get(hooks[h]);

		if (!module_has_hook(x, hooks[h]))
			continue;
		len = 0;
		for (uint32_t i = 0; i < hook->n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? " " : "", hook->verdicts[i].name);
		table_text(t, "%s", hook->name);
		table_text(t, "%s", text);
	}
	len = 0;
	for (uint32_t i = 0; t && i < x->module->n_outputs && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%u", len ? " " : "",
					x->module->outputs[i].name, x->module->outputs[i].value);
	if (t && x->module->n_outputs) {
		table_text(t, "module");
		table_text(t, "%s", text);
	}
	module_section(cli, "Outputs:", t);
}

static void module_map_type(struct table *t, const char *type, uint32_t size)
{
	if (type)
		table_text(t, "%s", type);
	else
		table_text(t, "%u bytes", size);
}

static void module_print_maps(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {
		{"MAP", NULL, false},	{"TYPE", NULL, false}, {"KEY", NULL, false},
		{"VALUE", NULL, false}, {"MAX", NULL, true},   {"PINNED", NULL, false},
	};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));

	for (uint32_t i = 0; t && i < x->n_maps; i++) {
		const struct inspect_map *m = &x->maps[i];

		table_text(t, "%s", m->name);
		table_text(t, "%s", catalog_map_name(m->type) ?: "?");
		module_map_type(t, m->key_type, m->key_size);
		module_map_type(t, m->value_type, m->value_size);
		table_u64(t, m->max_entries);
		table_text(t, "%s", m->pinned ? "by name" : "no");
	}
	module_section(cli, "Maps:", t);
}

static void module_print_config(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {
		{"VARIABLE", NULL, false}, {"TYPE", NULL, false}, {"DEFAULT", NULL, false}};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));

	for (uint32_t i = 0; t && i < x->n_globals; i++) {
		table_text(t, "%s", x->globals[i].name);
		table_text(t, "%s", x->globals[i].type);
		/* Tables of constants are long, and nobody's configuration. */
		table_text(t, "%.60s%s", x->globals[i].value,
			   strlen(x->globals[i].value) > 60 ? "..." : "");
	}
	module_section(cli, "Configuration:", t);
}

static void module_print_needs(struct cli *cli, const struct inspect *x)
{
	static const struct table_column cols[] = {{"LINUX", NULL, true}, {"FOR", NULL, false}};
	struct table *t = table_new(cols, ARRAY_SIZE(cols));
	char release[16];

	for (uint32_t i = 0; t && i < x->n_needs; i++) {
		module_release(x->needs[i].since, release, sizeof(release));
		table_text(t, "%s", x->needs[i].since ? release : "?");
		table_text(t, "%s", x->needs[i].text);
	}
	module_section(cli, "Needs of a kernel:", t);
}

/* ---- inspect, as JSON ------------------------------------------------------------------------ */

static void module_json_side(struct json *j, const char *key, const struct inspect_side *side)
{
	if (side->verdict == INSPECT_UNASKED) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	json_bool(j, "runs", side->verdict == INSPECT_RUNS);
	if (side->verdict == INSPECT_REFUSED)
		json_str(j, "reason", side->why);
	json_object_end(j);
}

static void module_json_inputs(struct json *j, const struct inspect *x)
{
	json_array(j, "inputs");
	for (uint32_t i = 0; i < x->n_inputs; i++) {
		const struct inspect_input *input = &x->inputs[i];

		json_object(j, NULL);
		json_str(j, "name", input->name);
		json_str(j, "section", input->section);
		if (input->type)
			json_str(j, "type", input->type);
		else
			json_null(j, "type");
		if (input->hook != CHAIN_HOOK_AUTO)
			json_str(j, "hook", hook_get(input->hook)->name);
		else
			json_null(j, "hook");
		if (input->whole) {
			json_u64(j, "insns", input->n_insns);
			json_u64(j, "functions", input->n_functions);
		}
		if (input->stack >= 0)
			json_u64(j, "stack", (uint64_t)input->stack);
		json_array(j, "helpers");
		for (uint32_t k = 0; k < input->n_helpers; k++)
			json_str(j, NULL, catalog_helper_name(input->helpers[k]));
		json_array_end(j);
		json_array(j, "kfuncs");
		for (uint32_t k = 0; k < input->n_kfuncs; k++)
			json_str(j, NULL, input->kfuncs[k]);
		json_array_end(j);
		module_json_side(j, "user", &input->user);
		module_json_side(j, "kernel", &input->kernel);
		json_object_end(j);
	}
	json_array_end(j);
}

static void module_json_outputs(struct json *j, const struct inspect *x)
{
	static const enum chain_hook hooks[] = {CHAIN_HOOK_XDP, CHAIN_HOOK_TC};

	json_object(j, "outputs");
	for (size_t h = 0; h < ARRAY_SIZE(hooks); h++) {
		const struct hook *hook = hook_get(hooks[h]);

		if (!module_has_hook(x, hooks[h]))
			continue;
		json_array(j, hook->name);
		for (uint32_t i = 0; i < hook->n; i++)
			json_str(j, NULL, hook->verdicts[i].name);
		json_array_end(j);
	}
	json_array(j, "named");
	for (uint32_t i = 0; i < x->module->n_outputs; i++) {
		json_object(j, NULL);
		json_str(j, "name", x->module->outputs[i].name);
		json_u64(j, "value", x->module->outputs[i].value);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void module_json_maps(struct json *j, const struct inspect *x)
{
	json_array(j, "maps");
	for (uint32_t i = 0; i < x->n_maps; i++) {
		const struct inspect_map *m = &x->maps[i];

		json_object(j, NULL);
		json_str(j, "name", m->name);
		json_str(j, "type", catalog_map_name(m->type) ?: "?");
		if (m->key_type)
			json_str(j, "key_type", m->key_type);
		json_u64(j, "key_size", m->key_size);
		if (m->value_type)
			json_str(j, "value_type", m->value_type);
		json_u64(j, "value_size", m->value_size);
		json_u64(j, "max_entries", m->max_entries);
		json_u64(j, "flags", m->flags);
		json_bool(j, "pinned", m->pinned);
		json_object_end(j);
	}
	json_array_end(j);
}

static void module_json_rest(struct json *j, const struct inspect *x)
{
	char release[16];

	json_array(j, "config");
	for (uint32_t i = 0; i < x->n_globals; i++) {
		json_object(j, NULL);
		json_str(j, "name", x->globals[i].name);
		json_str(j, "type", x->globals[i].type);
		json_raw(j, "default", x->globals[i].json);
		json_object_end(j);
	}
	json_array_end(j);
	json_array(j, "needs");
	for (uint32_t i = 0; i < x->n_needs; i++) {
		json_object(j, NULL);
		json_str(j, "what", x->needs[i].text);
		module_release(x->needs[i].since, release, sizeof(release));
		if (x->needs[i].since)
			json_str(j, "since", release);
		else
			json_null(j, "since");
		json_object_end(j);
	}
	json_array_end(j);
}

static void module_json(const struct inspect *x, const char *signature)
{
	uint32_t since = module_kernel(x);
	char release[16];
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_str(&j, "name", x->name);
	json_str(&j, "file", x->path);
	if (*x->version)
		json_str(&j, "version", x->version);
	else
		json_null(&j, "version");
	json_str(&j, "licence", x->license);
	json_bool(&j, "gpl", x->gpl);
	json_str(&j, "signature", signature);
	module_release(since, release, sizeof(release));
	if (since)
		json_str(&j, "linux", release);
	else
		json_null(&j, "linux");
	module_json_inputs(&j, x);
	module_json_outputs(&j, x);
	module_json_maps(&j, x);
	module_json_rest(&j, x);
	json_object_end(&j);
	putchar('\n');
}

int cli_module_inspect(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct sign_policies policies;
	struct sign_result sign;
	struct load_file file;
	struct inspect *x;
	char signature[256];

	if (sign_policies(NULL, &policies, &diag) || load_file_read(cli->args[0], &file, &diag))
		return cli_fail(&diag);
	sign_look(&policies, &file, &sign);
	module_signature(&sign, signature, sizeof(signature));
	if (inspect_file(&file, cli->opt[OPT_KERNEL], &x, &diag)) {
		load_file_free(&file);
		return cli_fail(&diag);
	}
	if (cli->opt[OPT_JSON]) {
		module_json(x, signature);
	} else {
		module_print_head(cli, x, signature);
		module_print_inputs(cli, x);
		module_print_reasons(cli, x);
		module_print_outputs(cli, x);
		module_print_maps(cli, x);
		module_print_config(cli, x);
		module_print_needs(cli, x);
	}
	inspect_free(x);
	load_file_free(&file);
	return CLI_OK;
}

/* ---- list ------------------------------------------------------------------------------------ */

/* "xdp tc": the hooks that the object has programs for. */
static void module_hooks(const struct module *m, char *out, size_t size)
{
	bool xdp = false, tc = false;

	for (uint32_t i = 0; i < m->n_inputs; i++) {
		xdp |= m->inputs[i].hook == CHAIN_HOOK_XDP;
		tc |= m->inputs[i].hook == CHAIN_HOOK_TC;
	}
	snprintf(out, size, "%s%s%s", xdp ? "xdp" : "", xdp && tc ? " " : "", tc ? "tc" : "");
}

static void module_list_cell(struct table *t, const char *text)
{
	if (*text)
		table_text(t, "%s", text);
	else
		table_none(t);
}

struct module_list {
	struct table *t;
	const struct sign_policies *policies;
};

/* Of a file that is damaged there is the name, and what is wrong. */
static int module_list_file(void *user, const char *path, const char *name, const char *version)
{
	struct visor_diag diag = {0};
	struct bpf_object *obj = NULL;
	const struct module_list *list = user;
	struct table *t = list->t;
	struct module *m = NULL;
	struct sign_result sign;
	struct load_file file;
	char hooks[16] = "", license[64] = "", signature[256] = "";

	if (!load_file_read(path, &file, &diag)) {
		inspect_license(&file, license, sizeof(license));
		sign_look(list->policies, &file, &sign);
		module_signature(&sign, signature, sizeof(signature));
		if (*file.version)
			version = file.version;
		if (!load_file_open(&file, &obj, &diag) && !module_read(obj, &m, &diag))
			module_hooks(m, hooks, sizeof(hooks));
	}
	table_text(t, "%s", name);
	module_list_cell(t, version);
	module_list_cell(t, hooks);
	module_list_cell(t, license);
	module_list_cell(t, signature);
	table_text(t, "%s", path);
	module_list_cell(t, diag.text);
	module_free(m);
	if (obj)
		bpf_object__close(obj);
	load_file_free(&file);
	return 0;
}

static int module_list_folder(void *user, const char *folder)
{
	/* Folders need not be there. */
	load_modules(folder, module_list_file, user);
	return 0;
}

int cli_module_list(struct cli *cli)
{
	static const struct table_column cols[] = {
		{"MODULE", "name", false},	   {"VERSION", "version", false},
		{"HOOK", "hook", false},	   {"LICENCE", "licence", false},
		{"SIGNATURE", "signature", false}, {"FILE", "file", false},
		{"ERROR", "error", false},
	};
	struct sign_policies policies;
	struct module_list list = {.policies = &policies};
	struct visor_diag diag = {0};
	int code;

	if (sign_policies(NULL, &policies, &diag))
		return cli_fail(&diag);
	list.t = table_new(cols, ARRAY_SIZE(cols));
	if (list.t)
		load_folders(module_list_folder, &list);
	code = cli_print_table(cli, list.t);
	table_free(list.t);
	return code;
}

/* ---- installing --------------------------------------------------------------------------------
 */

/* The first folder of VISOR_MODULE_PATH, or else the system's: the last that is searched. */
static int module_target(void *user, const char *folder)
{
	const char *path = getenv("VISOR_MODULE_PATH");

	snprintf(user, PATH_MAX, "%s", folder);
	return path && strspn(path, ":") < strlen(path);
}

/* Whole or not at all: a reader sees the file as it was, or as it is now. */
static int module_write(const char *path, const void *data, size_t size, mode_t mode,
			struct visor_diag *diag)
{
	char temporary[PATH_MAX + 16];
	size_t done = 0;
	int err = 0, fd;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		err = -errno;
	while (!err && done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno != EINTR)
			err = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (!err && (fchmod(fd, mode) || fsync(fd) || rename(temporary, path)))
		err = -errno;
	if (fd >= 0) {
		close(fd);
		if (err)
			unlink(temporary);
	}
	if (!err)
		return 0;
	diag_fail(diag, err, "write", "cannot write the file");
	diag_at(diag, "%s", path);
	return err;
}

/* What the module is called where it is installed. */
static void module_file_name(const struct load_file *file, char *out, size_t size)
{
	const char *base = strrchr(file->path, '/');
	char name[128], version[LOAD_VERSION_MAX];

	base = base ? base + 1 : file->path;
	if (*file->version)
		snprintf(out, size, "%s-%s.o", file->name, file->version);
	else if (load_file_split(base, name, sizeof(name), version) && *version)
		snprintf(out, size, "%s", base);
	else
		snprintf(out, size, "%s.o", file->name);
}

/* A version is one thing: what is there under that name may not be another. */
static int module_same(const char *path, const struct load_file *file, struct visor_diag *diag)
{
	uint8_t *data = NULL;
	size_t size = 0;
	bool other;

	if (access(path, F_OK))
		return 0;
	other = check_read(path, &data, &size, NULL) || size != file->size ||
		memcmp(data, file->data, size) != 0;
	free(data);
	if (!other)
		return 0;
	diag_fail(diag, -EEXIST, "install", "version %s is installed, with other contents",
		  file->version);
	diag_at(diag, "%s", path);
	diag_hint(diag, "give the module a new version, or remove that file");
	return -EEXIST;
}

/* The signature first: a new object is never there without it. */
static int module_install(const struct load_file *file, const char *dir, char *path,
			  struct visor_diag *diag)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16], name[PATH_MAX], *signature = NULL;
	size_t size = 0;
	int err = 0;

	module_file_name(file, name, sizeof(name));
	if (mkdir(dir, 0755) && errno != EEXIST) {
		err = diag_fail(diag, -errno, "install", "cannot make the folder");
		diag_at(diag, "%s", dir);
		return err;
	}
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return diag_fail(diag, -ENAMETOOLONG, "install", "the path is too long");
	snprintf(from, sizeof(from), "%s" SIGN_SUFFIX, file->path);
	snprintf(to, sizeof(to), "%s" SIGN_SUFFIX, path);
	if (*file->version)
		err = module_same(path, file, diag);
	if (!err && !access(from, F_OK))
		err = text_read(from, SIGN_MAX_BYTES, &signature, &size, diag);
	if (!err && signature)
		err = module_write(to, signature, size, 0644, diag);
	else if (!err && unlink(to) && errno != ENOENT)
		err = diag_fail(diag, -errno, "install", "cannot remove the old signature");
	if (!err)
		err = module_write(path, file->data, file->size, 0644, diag);
	free(signature);
	return err;
}

int cli_module_install(struct cli *cli)
{
	char folder[PATH_MAX] = "", path[PATH_MAX];
	struct visor_diag diag = {0};
	struct sign_policies policies;
	struct load_file file;
	int err;

	if (cli->opt[OPT_DIR])
		snprintf(folder, sizeof(folder), "%s", cli->opt[OPT_DIR]);
	else
		load_folders(module_target, folder);
	err = sign_policies(NULL, &policies, &diag);
	if (err || load_file_read(cli->args[0], &file, &diag))
		return cli_fail(&diag);
	err = sign_demand(&policies, &file, &diag);
	if (!err)
		err = module_install(&file, folder, path, &diag);
	load_file_free(&file);
	if (err)
		return cli_fail(&diag);
	puts(path);
	return CLI_OK;
}

/* ---- signing -----------------------------------------------------------------------------------
 */

int cli_module_sign(struct cli *cli)
{
	const char *key = cli->opt[OPT_SECRET_KEY], *comment = cli->opt[OPT_COMMENT];
	char *secret = NULL, *text = NULL, path[PATH_MAX + 16], usual[PATH_MAX + 64];
	struct visor_diag diag = {0};
	struct load_file file;
	size_t size;
	int err;

	if (!key)
		return cli_usage(cli, "--secret-key is missing");
	if (load_file_read(cli->args[0], &file, &diag))
		return cli_fail(&diag);
	module_file_name(&file, path, sizeof(path));
	snprintf(usual, sizeof(usual), "timestamp:%lld\tfile:%.200s\thashed", (long long)time(NULL),
		 path);
	err = text_read(key, SIGN_MAX_BYTES, &secret, &size, &diag);
	if (!err) {
		err = sign_make(secret, file.data, file.size, comment ? comment : usual, &text,
				&diag);
		if (err)
			diag_at(&diag, "%s", key);
		explicit_bzero(secret, size);
	}
	snprintf(path, sizeof(path), "%s" SIGN_SUFFIX, file.path);
	if (!err)
		err = module_write(path, text, strlen(text), 0644, &diag);
	if (!err)
		puts(path);
	free(secret);
	free(text);
	load_file_free(&file);
	return err ? cli_fail(&diag) : CLI_OK;
}

/* A key that is there is not replaced: what it signed could not be trusted any more. */
static int module_key_file(const char *path, const char *text, mode_t mode, struct visor_diag *diag)
{
	int err = 0, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t size = strlen(text);

	if (fd < 0)
		err = -errno;
	else if (write(fd, text, size) != (ssize_t)size || fsync(fd))
		err = errno ? -errno : -EIO;
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err)
		return 0;
	if (fd >= 0)
		unlink(path);
	diag_fail(diag, err, "write", "cannot write the key");
	diag_at(diag, "%s", path);
	return err;
}

int cli_module_keygen(struct cli *cli)
{
	char open_path[PATH_MAX], secret_path[PATH_MAX], id[17], *open_text, *secret_text;
	struct visor_diag diag = {0};
	int err;

	if (snprintf(open_path, sizeof(open_path), "%s.pub", cli->args[0]) >= PATH_MAX ||
	    snprintf(secret_path, sizeof(secret_path), "%s.key", cli->args[0]) >= PATH_MAX)
		return cli_usage(cli, "the name is too long");
	if (sign_keygen(&open_text, &secret_text, id, &diag))
		return cli_fail(&diag);
	err = module_key_file(secret_path, secret_text, 0600, &diag);
	if (!err) {
		err = module_key_file(open_path, open_text, 0644, &diag);
		if (err)
			unlink(secret_path);
	}
	if (!err)
		printf("%s\n%s\n", secret_path, open_path);
	explicit_bzero(secret_text, strlen(secret_text));
	free(open_text);
	free(secret_text);
	return err ? cli_fail(&diag) : CLI_OK;
}
