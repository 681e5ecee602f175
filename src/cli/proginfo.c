/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/proginfo.c - asks for a program's description twice: first how much, then for it.
 */
#include "cli/proginfo.h"
#include "isa/insn.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>

#define PROGINFO_MAX (1u << 26) /* bytes of one array: more is a broken engine */

static void *proginfo_array(uint32_t n, uint32_t size)
{
	return n <= PROGINFO_MAX / size ? calloc(n ? n : 1, size) : NULL;
}

/* A loaded program has the low half of a local call's distance in `off`; the kernel has something
 * else in `imm`, where it was. */
static void proginfo_local_calls(struct proginfo *p)
{
	for (uint32_t i = 0; i < p->n_insns; i += (uint32_t)isa_slots(&p->insns[i])) {
		struct bpf_insn *insn = &p->insns[i];

		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg != BPF_PSEUDO_CALL)
			continue;
		if ((int16_t)insn->imm != insn->off)
			insn->imm = insn->off;
		insn->off = 0;
	}
}

int proginfo_get(int fd, struct proginfo *p, struct visor_diag *diag)
{
	struct bpf_prog_info sizes = {0}, *info = &p->info;
	uint32_t size = sizeof(sizes);
	int err;

	memset(p, 0, sizeof(*p));
	err = object_info(fd, &sizes, &size);
	if (err)
		return diag_fail(diag, err, "show", "cannot ask for the program's description");
	info->xlated_prog_len = sizes.xlated_prog_len;
	info->nr_map_ids = sizes.nr_map_ids;
	info->nr_line_info = sizes.nr_line_info;
	info->nr_func_info = sizes.nr_func_info;
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	p->insns = proginfo_array(info->xlated_prog_len / 8, sizeof(*p->insns));
	p->map_ids = proginfo_array(info->nr_map_ids, sizeof(*p->map_ids));
	p->lines = proginfo_array(info->nr_line_info, sizeof(*p->lines));
	p->funcs = proginfo_array(info->nr_func_info, sizeof(*p->funcs));
	if (!p->insns || !p->map_ids || !p->lines || !p->funcs) {
		proginfo_free(p);
		return diag_fail(diag, -ENOMEM, "show", "the program's description is too large");
	}
	info->xlated_prog_insns = (uintptr_t)p->insns;
	info->map_ids = (uintptr_t)p->map_ids;
	info->line_info = (uintptr_t)p->lines;
	info->func_info = (uintptr_t)p->funcs;
	size = sizeof(*info);
	err = object_info(fd, info, &size);
	if (err) {
		proginfo_free(p);
		return diag_fail(diag, err, "show", "cannot get the program's description");
	}
	/* A kernel that hides the instructions from this user sets the pointer to 0. */
	p->n_insns =
		info->xlated_prog_insns ? MIN(info->xlated_prog_len, sizes.xlated_prog_len) / 8 : 0;
	proginfo_local_calls(p);
	p->n_maps = MIN(info->nr_map_ids, sizes.nr_map_ids);
	p->n_lines = MIN(info->nr_line_info, sizes.nr_line_info);
	p->n_funcs = MIN(info->nr_func_info, sizes.nr_func_info);
	info->name[BPF_OBJ_NAME_LEN - 1] = '\0';
	p->btf = object_btf(info->btf_id);
	return 0;
}

void proginfo_free(struct proginfo *p)
{
	free(p->insns);
	free(p->map_ids);
	free(p->lines);
	free(p->funcs);
	btf__free(p->btf);
	memset(p, 0, sizeof(*p));
}

const char *proginfo_source(const struct proginfo *p, uint32_t insn, const char **file,
			    uint32_t *line)
{
	uint32_t lo = 0, hi = p->n_lines;
	const struct bpf_line_info *l;
	const char *text;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->lines[mid].insn_off < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!p->btf || lo == p->n_lines || p->lines[lo].insn_off != insn)
		return NULL;
	l = &p->lines[lo];
	text = btf__str_by_offset(p->btf, l->line_off);
	if (file)
		*file = btf__str_by_offset(p->btf, l->file_name_off);
	if (line)
		*line = BPF_LINE_INFO_LINE_NUM(l->line_col);
	return text;
}

const char *proginfo_function(const struct proginfo *p, uint32_t insn)
{
	const struct btf_type *t;
	uint32_t i;

	for (i = 0; p->btf && i < p->n_funcs; i++) {
		if (p->funcs[i].insn_off != insn)
			continue;
		t = btf__type_by_id(p->btf, p->funcs[i].type_id);
		return t ? btf__name_by_offset(p->btf, t->name_off) : NULL;
	}
	return NULL;
}
