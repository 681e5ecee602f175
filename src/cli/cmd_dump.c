/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_dump.c - visor prog dump: a loaded program's instructions, as the engine has them.
 *
 * In a loaded program a map is an id; the kernel has also replaced helper ids by distances
 * between addresses, which only its symbol table turns back into names.
 */
#include "catalog/catalog.h"
#include "cli/listing.h"
#include "cli/native.h"
#include "cli/proginfo.h"
#include "sys/sys.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct dump {
	struct proginfo p;
	char (*map_names)[BPF_OBJ_NAME_LEN]; /* beside p.map_ids */
	bool kernel;
	struct dump_symbol {
		int32_t distance; /* from the base of calls */
		char name[64];
	} * symbols;
	size_t n_symbols;
};

static const char *dump_map(void *user, const struct bpf_insn *insn)
{
	const struct dump *d = user;
	uint32_t i;

	for (i = 0; i < d->p.n_maps; i++) {
		if (d->p.map_ids[i] == (uint32_t)insn->imm)
			return d->map_names[i][0] ? d->map_names[i] : NULL;
	}
	return NULL;
}

static const char *dump_helper(void *user, uint32_t id)
{
	const struct dump *d = user;
	size_t i;

	if (!d->kernel)
		return catalog_helper_name(id);
	for (i = 0; i < d->n_symbols; i++) {
		if (d->symbols[i].distance == (int32_t)id && d->symbols[i].name[0])
			return d->symbols[i].name;
	}
	return catalog_helper_name(id);
}

static const char *dump_func(void *user, uint32_t insn)
{
	return proginfo_function(&((const struct dump *)user)->p, insn);
}

static const char *dump_source(void *user, uint32_t insn, const char **file, uint32_t *line)
{
	return proginfo_source(&((const struct dump *)user)->p, insn, file, line);
}

static void dump_map_names(struct dump *d)
{
	uint32_t i;

	for (i = 0; i < d->p.n_maps; i++) {
		struct bpf_map_info info = {0};
		uint32_t size = sizeof(info);
		int fd = object_by_id(OBJECT_MAP, d->p.map_ids[i]);

		if (fd < 0)
			continue;
		if (object_info(fd, &info, &size) == 0)
			snprintf(d->map_names[i], BPF_OBJ_NAME_LEN, "%.*s", BPF_OBJ_NAME_LEN - 1,
				 info.name);
		close(fd);
	}
}

/* Finds the names of the kernel functions called. Without the right to see addresses, or the
 * file, there are none, and the numbers are shown. */
static void dump_symbols(struct dump *d)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	uint64_t address, base = 0;
	char line[512], name[256];
	uint32_t i;
	size_t k;

	d->symbols = calloc(d->p.n_insns + 1u, sizeof(*d->symbols));
	for (i = 0; d->symbols && i < d->p.n_insns; i += (uint32_t)isa_slots(&d->p.insns[i])) {
		const struct bpf_insn *insn = &d->p.insns[i];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg != BPF_PSEUDO_CALL)
			d->symbols[d->n_symbols++].distance = insn->imm;
	}
	while (f && !base && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) == 2 &&
		    !strcmp(name, "__bpf_call_base"))
			base = address;
	}
	if (f)
		rewind(f);
	while (f && base && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) != 2)
			continue;
		for (k = 0; k < d->n_symbols; k++) {
			if (base + (uint64_t)(int64_t)d->symbols[k].distance == address)
				snprintf(d->symbols[k].name, sizeof(d->symbols[k].name), "%.*s", 63,
					 strncmp(name, "bpf_", 4) ? name : name + 4);
		}
	}
	if (f)
		fclose(f);
}

/* ---- native code and how it comes about
 * ------------------------------------------------------------ */

/* Of our engine's program: as this process runs it. */
static int dump_native_own(struct engine *e, int fd, const struct listing *l, struct json *j,
			   struct visor_diag *diag)
{
	int err;
	struct obj *obj = store_by_fd(e->visor, fd, OBJ_PROG, &err);
	const struct vm_native *have;
	struct native n = {0};
	struct vm_prog *vm;

	if (!obj)
		return diag_fail(diag, err, "dump", "the program cannot be opened");
	err = sys_prog_vm(e->visor, obj, &vm, diag);
	have = err ? NULL : vm_prog_native(vm);
	if (have) {
		n = (struct native){
			.bytes = have->mem,
			.size = have->size,
			.address = (uintptr_t)have->mem,
			.entry = have->entry,
			.n_funcs = have->n_funcs,
			.lines = have->lines,
			.n_lines = have->n_lines,
		};
		err = j ? native_json(&n, l, j) : native_print(&n, l, stdout);
		if (err)
			diag_fail(diag, err, "dump", "cannot disassemble it");
	} else if (!err) {
		err = diag_fail(diag, -EOPNOTSUPP, "dump", "the program is interpreted here");
	}
	store_put(obj);
	return err;
}

#define DUMP_MAX_NATIVE (64u << 20)

/* Of the kernel's program: what it tells of it. Its lines are those of C source. */
static int dump_native_kernel(int fd, const struct proginfo *p, const struct listing *l,
			      struct json *j, struct visor_diag *diag)
{
	struct bpf_prog_info info = {0};
	uint32_t n_funcs = p->info.nr_jited_func_lens, n_lines = p->info.nr_jited_line_info;
	uint32_t bytes = p->info.jited_prog_len, size = sizeof(info), at = 0;
	uint64_t *starts = NULL, *where = NULL;
	uint32_t *lens = NULL;
	struct jit_line *lines = NULL;
	uint8_t *code = NULL;
	struct native n = {.kernel = true};
	int err = -ENOMEM;

	if (!bytes || !n_funcs || n_funcs > bytes || bytes > DUMP_MAX_NATIVE ||
	    n_lines != p->n_lines)
		return diag_fail(diag, -EOPNOTSUPP, "dump",
				 "the kernel shows no native code of it");
	code = malloc(bytes);
	starts = calloc(n_funcs, sizeof(*starts));
	lens = calloc(n_funcs, sizeof(*lens));
	where = calloc(n_lines + 1u, sizeof(*where));
	lines = calloc(n_lines + 1u, sizeof(*lines));
	if (!code || !starts || !lens || !where || !lines)
		goto out;
	info.jited_prog_len = bytes;
	info.jited_prog_insns = (uintptr_t)code;
	info.nr_jited_ksyms = info.nr_jited_func_lens = n_funcs;
	info.jited_ksyms = (uintptr_t)starts;
	info.jited_func_lens = (uintptr_t)lens;
	info.nr_jited_line_info = n_lines;
	info.jited_line_info = (uintptr_t)where;
	info.jited_line_info_rec_size = sizeof(*where);
	err = object_info(fd, &info, &size);
	if (err || !info.jited_prog_insns || info.jited_prog_len != bytes) {
		err = err ? err : -EPERM;
		goto out;
	}
	/* Functions lie anywhere in memory, but one behind the other in what we got. */
	for (uint32_t f = 0; f < n_funcs; f++) {
		for (uint32_t i = 0; i < n_lines; i++)
			if (where[i] >= starts[f] && where[i] - starts[f] < lens[f]) {
				lines[n.n_lines].at = at + (uint32_t)(where[i] - starts[f]);
				lines[n.n_lines++].insn = p->lines[i].insn_off;
			}
		if (lens[f] > bytes - at) {
			err = -EINVAL;
			goto out;
		}
		size = lens[f];
		lens[f] = at;
		at += size;
	}
	n.bytes = code;
	n.size = at;
	n.address = starts[0];
	n.entry = lens;
	n.n_funcs = n_funcs;
	n.lines = lines;
	err = j ? native_json(&n, l, j) : native_print(&n, l, stdout);
out:
	if (err)
		diag_fail(diag, err, "dump", "cannot show its native code");
	free(code);
	free(starts);
	free(lens);
	free(where);
	free(lines);
	return err;
}

/* Are these stages of the compiler? */
static int dump_stages_check(struct cli *cli, const char *stages)
{
	char known[256] = "";

	for (uint32_t i = 0; jit_stage_name(i); i++) {
		size_t used = strlen(known);

		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
			 jit_stage_name(i));
	}
	if (!strcmp(stages, "all"))
		return CLI_OK;
	while (*stages) {
		size_t len = strcspn(stages, ",");
		uint32_t i = 0;

		while (jit_stage_name(i) && (strlen(jit_stage_name(i)) != len ||
					     strncmp(jit_stage_name(i), stages, len)))
			i++;
		if (!jit_stage_name(i))
			return cli_usage(cli, "--stage is 'all' or some of: %s; not '%s'", known,
					 stages);
		stages += len + (stages[len] == ',');
	}
	return CLI_OK;
}

static int dump_stages(struct engine *e, int fd, const char *stages, struct visor_diag *diag)
{
	int err;
	struct obj *obj = store_by_fd(e->visor, fd, OBJ_PROG, &err);
	struct vm_prog *vm;

	if (!obj)
		return diag_fail(diag, err, "dump", "the program cannot be opened");
	err = sys_prog_vm(e->visor, obj, &vm, diag);
	if (!err)
		err = vm_prog_stages(vm, stages, stdout, diag);
	store_put(obj);
	return err;
}

static int dump_check(struct cli *cli)
{
	const char *stages = cli->opt[OPT_STAGE], *engine = cli->opt[OPT_ENGINE];

	if (!stages)
		return CLI_OK;
	if (cli->opt[OPT_NATIVE] || cli->opt[OPT_JSON])
		return cli_usage(cli, "--stage goes with neither --native nor --json");
	if (engine && !strcmp(engine, "kernel"))
		return cli_usage(cli, "the kernel does not show how it compiles a program");
	return dump_stages_check(cli, stages);
}

int cli_prog_dump(struct cli *cli)
{
	struct visor_diag diag = {0};
	struct dump d = {0};
	struct listing l = {
		.opcodes = cli->opt[OPT_OPCODES] != NULL,
		.names =
			{
				.flags = ISA_DUMP_MAP_IDS,
				.helper = dump_helper,
				.map = dump_map,
				.func = dump_func,
				.user = &d,
			},
		.source = cli->opt[OPT_NO_SOURCE] ? NULL : dump_source,
		.user = &d,
	};
	struct engine e;
	struct json j, *json;
	int at = 0, fd, code = dump_check(cli), err = 0;

	if (!code)
		code = engine_begin(cli, ENGINE_SHARED, &e);
	if (code)
		return code;
	fd = object_find(cli, OBJECT_PROG, &at, &diag);
	if (fd < 0 || proginfo_get(fd, &d.p, &diag)) {
		code = cli_fail(&diag);
		goto out;
	}
	if (at < cli->n_args) {
		code = cli_usage(cli, "unexpected '%s'", cli->args[at]);
		goto out;
	}
	if (!d.p.n_insns) {
		code = cli_error(-EPERM, d.p.info.name,
				 "the engine does not show its instructions");
		goto out;
	}
	d.kernel = !e.visor;
	d.map_names = calloc(d.p.n_maps + 1u, sizeof(*d.map_names));
	if (!d.map_names) {
		code = cli_error(-ENOMEM, NULL, "cannot list the program");
		goto out;
	}
	dump_map_names(&d);
	if (d.kernel)
		dump_symbols(&d);
	l.insns = d.p.insns;
	l.n_insns = d.p.n_insns;
	json_init(&j, stdout);
	json = cli->opt[OPT_JSON] ? &j : NULL;
	if (cli->opt[OPT_STAGE])
		err = dump_stages(&e, fd, cli->opt[OPT_STAGE], &diag);
	else if (cli->opt[OPT_NATIVE] && d.kernel)
		err = dump_native_kernel(fd, &d.p, &l, json, &diag);
	else if (cli->opt[OPT_NATIVE])
		err = dump_native_own(&e, fd, &l, json, &diag);
	else if (json)
		listing_json(&l, &j, NULL);
	else
		listing_print(&l, stdout);
	if (err)
		code = cli_fail(&diag);
out:
	free(d.map_names);
	free(d.symbols);
	proginfo_free(&d.p);
	if (fd >= 0)
		close(fd);
	engine_end(&e);
	return code;
}
