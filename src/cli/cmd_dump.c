/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/cmd_dump.c - visor prog dump: a loaded program's instructions, as the engine has them.
 *
 * In a loaded program a map is an id; the kernel has also replaced helper ids by distances
 * between addresses, which only its symbol table turns back into names.
 */
#include "catalog/catalog.h"
#include "cli/listing.h"
#include "cli/proginfo.h"

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
	struct json j;
	int at = 0, fd, code = engine_begin(cli, ENGINE_SHARED, &e);

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
	if (cli->opt[OPT_JSON])
		listing_json(&l, &j, NULL);
	else
		listing_print(&l, stdout);
out:
	free(d.map_names);
	free(d.symbols);
	proginfo_free(&d.p);
	if (fd >= 0)
		close(fd);
	engine_end(&e);
	return code;
}
