/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/bases.c - programs to start from (bases.h).
 *
 * Calls of kernel functions are by name in text, and get this kernel's ids.
 */
#include "bases.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>

#include "isa/asm.h"

struct base **bases;
uint32_t n_bases;
static struct btf_target *target;
static bool with_kernel;

void bases_init(bool kernel, struct btf_target *types)
{
	struct rlimit files;

	with_kernel = kernel;
	target = types;
	/* Each map is one. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static uint32_t attach_id(const char *name)
{
	static const uint32_t kinds[] = {BTF_KIND_FUNC, BTF_KIND_TYPEDEF, BTF_KIND_STRUCT};
	uint32_t id = 0;

	for (size_t i = 0; target && !id && i < ARRAY_SIZE(kinds); i++)
		id = btf_find(btf_target_vmlinux(target), name, kinds[i]);
	return id;
}

static void base_raw(struct base *b, const char *hex)
{
	unsigned int byte;

	for (; b->one.n < PROGRAMS_MAX && isxdigit((unsigned char)*hex); b->one.n++)
		for (size_t i = 0; i < sizeof(struct bpf_insn); i++, hex += 2)
			if (sscanf(hex, "%2x", &byte) == 1)
				((uint8_t *)&b->one.insns[b->one.n])[i] = (uint8_t)byte;
}

static void base_line(struct base *b, const char *line)
{
	static const char *const others[] = {"# expect", "# log",  "# errno", "# kernel",
					     "# engine", "# ctx:", "# caps",  "# SPDX"};
	char name[64];
	size_t len = strcspn(line, "\n");

	if (*line != '#')
		return;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!strncmp(line, others[i], strlen(others[i])))
			return;
	if (!strncmp(line, "# raw: ", 7)) {
		base_raw(b, line + 7);
		return;
	}
	if (sscanf(line, "# type: %31s", name) == 1) {
		b->type = catalog_prog_known_by_name(name);
	} else if (sscanf(line, "# attach: %u %63s", &b->attach_type, name) == 2) {
		b->attach_id = attach_id(name);
	} else if (sscanf(line, "# attach-type: %u", &b->attach_type) == 1 ||
		   sscanf(line, "# license: %15s", b->license) == 1) {
	} else if (!strncmp(line, "# sleepable", 11)) {
		b->flags |= BPF_F_SLEEPABLE;
	} else if (!strncmp(line, "# strict", 8)) {
		b->flags |= BPF_F_STRICT_ALIGNMENT;
	} else if (!world_line(&b->world, line)) {
		return;
	}
	if (strlen(b->head) + len + 2 < sizeof(b->head)) {
		strncat(b->head, line, len);
		strcat(b->head, "\n");
	}
}

/* Both sides' maps and types, made once. False: the kernel refuses them. */
static bool base_make(struct base *b, struct bpf_insn *insns, uint32_t n, bool types)
{
	struct verify_image image = {0};
	union bpf_attr attr = {0};

	world_build(&b->world, insns, n, types);
	world_image(&b->world, &image, insns, target);
	return !with_kernel || !world_kernel(&b->world, &attr, insns, 0);
}

static struct base *base_new(const char *text)
{
	struct base *b = calloc(1, sizeof(*b));

	b->world.btf_fd = -1;
	strcpy(b->license, "GPL");
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		base_line(b, line);
	}
	return b;
}

void base_free(struct base *b)
{
	world_free(&b->world);
	free(b);
}

/* "call kfunc NAME" gets the id of the name. */
static char *with_ids(const char *text)
{
	size_t len = strlen(text), size = len * 2 + 4096, n = 0;
	char *out = malloc(size), word[128];

	for (size_t i = 0; i < len;) {
		if (target && !strncmp(text + i, "call kfunc ", 11) && !isdigit(text[i + 11]) &&
		    sscanf(text + i + 11, "%127[a-z_A-Z0-9]", word) == 1) {
			n += (size_t)snprintf(
				out + n, size - n, "call kfunc %s#%u", word,
				btf_find(btf_target_vmlinux(target), word, BTF_KIND_FUNC));
			i += 11 + strlen(word);
			continue;
		}
		out[n++] = text[i++];
	}
	out[n] = '\0';
	return out;
}

static int helper_named(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static bool base_assemble(struct base *b, const char *text)
{
	struct isa_asm_opts opts = {
		.helper = helper_named, .map = world_map_number, .user = &b->world};
	char *resolved = with_ids(text);
	struct bpf_insn *insns = NULL;
	struct visor_diag diag;
	uint32_t n = 0;
	bool ok = !isa_assemble(resolved, strlen(resolved), &opts, &insns, &n, &diag) && n &&
		  n <= PROGRAMS_MAX;

	if (ok) {
		memcpy(b->one.insns, insns, n * sizeof(*insns));
		b->one.n = n;
	}
	free(insns);
	free(resolved);
	return ok;
}

static void base_add(const char *text, const char *head)
{
	struct base *b = base_new(text);
	char type[64], *comma;
	bool types = false;

	if (head && sscanf(head, "=== %*s %63s", type) == 1) {
		comma = strchr(type, ',');
		if (strstr(type, ",sleepable") || !strncmp(type, "syscall", 7))
			b->flags |= BPF_F_SLEEPABLE;
		if (comma)
			*comma = '\0';
		b->type = catalog_prog_known_by_name(type);
		snprintf(b->head + strlen(b->head), sizeof(b->head) - strlen(b->head),
			 "# type: %s\n", type);
	}
	if (!b->type || (!b->one.n && !base_assemble(b, text))) {
		base_free(b);
		return;
	}
	for (uint32_t i = 0; i < b->one.n; i++)
		types |= b->one.insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
			 b->one.insns[i].src_reg == BPF_PSEUDO_FUNC;
	if (!base_make(b, b->one.insns, b->one.n, types)) {
		base_free(b);
		return;
	}
	if (!(n_bases & (n_bases - 1)))
		bases = realloc(bases, (n_bases ? 2 * n_bases : 1) * sizeof(struct base *));
	bases[n_bases++] = b;
}

struct base *base_of_text(uint32_t type, const char *world, const char *text)
{
	struct base *b = base_new(world);

	b->type = catalog_prog_known(type);
	if (base_assemble(b, text) && base_make(b, b->one.insns, b->one.n, false))
		return b;
	base_free(b);
	return NULL;
}

void bases_add_text(const char *text)
{
	base_add(text, NULL);
}

static void bases_add_file(const char *path)
{
	static char text[1 << 18];
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	char *at = text, *next;

	if (f)
		fclose(f);
	text[len] = '\0';
	at = strstr(text, "=== ");
	if (!at) {
		base_add(text, NULL);
		return;
	}
	for (; at; at = next) {
		char *body = strchr(at, '\n');

		next = body ? strstr(body, "\n=== ") : NULL;
		if (next)
			*next++ = '\0';
		if (body)
			base_add(body + 1, at);
	}
}

void bases_add(const char *path)
{
	struct dirent **names = NULL;
	char inside[4096];
	struct stat st;
	int n;

	if (stat(path, &st))
		return;
	if (!S_ISDIR(st.st_mode)) {
		const char *dot = strrchr(path, '.');

		if (dot && !strcmp(dot, ".s"))
			bases_add_file(path);
#ifndef FUZZ_NO_OBJECTS /* they need libraries */
		else if (dot && !strcmp(dot, ".o"))
			bases_add_object(path);
#endif
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(inside, sizeof(inside), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			bases_add(inside);
		free(names[i]);
	}
	free(names);
}

struct base *base_generated(void)
{
	struct base *b = base_new(PROGRAMS_WORLD);
	struct bpf_insn calls[PROGRAMS_FUNCS];

	for (uint32_t i = 0; i < PROGRAMS_FUNCS; i++)
		calls[i] =
			(struct bpf_insn){.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL};
	if (!base_make(b, calls, PROGRAMS_FUNCS - 1, true)) {
		fprintf(stderr, "the kernel refuses the maps\n");
		exit(1);
	}
	return b;
}

void bases_free(struct base *generated)
{
	for (uint32_t i = 0; i < n_bases; i++)
		base_free(bases[i]);
	free(bases);
	base_free(generated);
}

uint32_t base_functions(const struct base *b, const struct programs_one *p,
			struct bpf_func_info *info)
{
	uint32_t at[PROGRAMS_FUNCS + 1], n;

	if (!b->world.data)
		return 0;
	n = programs_functions(p, at);
	if (n > b->world.n_funcs)
		return UINT32_MAX;
	for (uint32_t i = 0; i < n; i++)
		info[i] = (struct bpf_func_info){at[i], b->world.funcs[i].type_id};
	return n;
}

static int map_index(const struct base *b, uint32_t map, struct verify_map *maps, uint32_t *n)
{
	if (map >= b->world.n_maps)
		return -1;
	for (uint32_t i = 0; i < *n; i++)
		if (maps[i].desc.id == b->world.view[map].desc.id)
			return (int)i;
	maps[*n] = b->world.view[map];
	return (int)(*n)++;
}

void base_image(const struct base *b, const struct programs_one *p,
		const struct bpf_func_info *info, uint32_t n_info, struct base_image *out)
{
	struct bpf_insn *insns = out->insns;

	out->image = (struct verify_image){
		.insns = insns,
		.n_insns = p->n,
		.type = b->type,
		.maps = out->maps,
		.gpl = strcmp(b->license, "BSD") != 0,
		.expected_attach_type = b->attach_type,
		.attach_btf_id = b->attach_id,
		.attach_btf = b->attach_id ? btf_target_vmlinux(target) : NULL,
		.flags = b->flags,
		.btf = n_info ? b->world.btf : NULL,
		.func_info = n_info ? info : NULL,
		.n_func_info = n_info,
		.target = target,
		.cap_bpf = true,
		.cap_perfmon = true,
		.cap_net_admin = true,
		.cap_sys_admin = true,
	};
	memcpy(insns, p->insns, p->n * sizeof(*insns));
	for (uint32_t i = 0; i < p->n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i].src_reg += BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
			insns[i].imm =
				map_index(b, (uint32_t)insns[i].imm, out->maps, &out->image.n_maps);
		}
		i++;
	}
}
