/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/image.c - BPF_PROG_LOAD's attributes, read: for the engine, and for who only verifies.
 *
 * A kernel variable of a module is named by a descriptor in the second half of its lddw. It
 * joins the kernel functions' modules in fd_array, behind those that the attributes list.
 */
#include "sys/image.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>

static bool license_is_gpl(const char *license)
{
	static const char *const gpl[] = {
		"GPL",		"GPL v2",	"GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};

	for (size_t i = 0; i < ARRAY_SIZE(gpl); i++)
		if (!strcmp(license, gpl[i]))
			return true;
	return false;
}

int image_check_count(const union bpf_attr *attr, struct visor_diag *diag)
{
	if (attr->insn_cnt && attr->insn_cnt <= IMAGE_MAX_INSNS)
		return 0;
	return diag_fail(diag, -E2BIG, "load", "a program has 1 to %d instructions, not %u",
			 IMAGE_MAX_INSNS, attr->insn_cnt);
}

int image_read(struct image *m, const union bpf_attr *attr, struct visor_diag *diag)
{
	int err = image_check_count(attr, diag);

	memset(m, 0, sizeof(*m));
	if (err)
		return err;
	m->insns = user_dup(attr->insns, attr->insn_cnt * sizeof(*m->insns), &err);
	if (!m->insns)
		return diag_fail(diag, err, "load", "the instructions are not readable");
	m->n_insns = attr->insn_cnt;
	if (user_string(m->license, attr->license, sizeof(m->license)) < 0)
		return diag_fail(diag, -EFAULT, "load", "the licence is not readable");
	m->gpl = license_is_gpl(m->license);
	if (sys_name_check(attr->prog_name))
		return diag_fail(diag, -EINVAL, "load",
				 "a name has up to 15 letters, digits, '_' and '.'");
	memcpy(m->name, attr->prog_name, strlen(attr->prog_name));
	return 0;
}

/* ---- functions and lines ------------------------------------------------------------------ */

/* Reads an array of records that may be longer than ours, if what we do not know is zero. */
static int read_records(struct visor_diag *diag, const char *what, uint64_t addr, uint32_t n,
			uint32_t size, uint32_t known, void *out)
{
	int err = 0;

	if (size < known || size > 252 || size % 4)
		return diag_fail(diag, -EINVAL, "load", "invalid %s record size %u", what, size);
	if (size == known)
		err = user_read(out, addr, (size_t)n * known);
	for (uint32_t i = 0; !err && size > known && i < n; i++) {
		uint64_t at = addr + (uint64_t)i * size;

		err = user_tail_zero(at, known, size);
		if (!err)
			err = user_read((char *)out + (size_t)i * known, at, known);
	}
	return err ? diag_fail(diag, err, "load", "invalid %s record", what) : 0;
}

int image_read_info(struct image *m, const union bpf_attr *attr, struct visor_diag *diag)
{
	uint32_t funcs = attr->func_info_cnt, lines = attr->line_info_cnt;
	int err = 0;

	if (funcs > m->n_insns)
		return diag_fail(diag, -EINVAL, "load",
				 "number of funcs in func_info doesn't match number of subprogs");
	if (lines > m->n_insns)
		return diag_fail(diag, -EINVAL, "load", "more line info records than instructions");
	m->func_info = calloc(funcs + 1, sizeof(*m->func_info));
	m->line_info = calloc(lines + 1, sizeof(*m->line_info));
	if (!m->func_info || !m->line_info)
		return diag_fail(diag, -ENOMEM, "load", "out of memory");
	if (funcs)
		err = read_records(diag, "func info", attr->func_info, funcs,
				   attr->func_info_rec_size, sizeof(*m->func_info), m->func_info);
	if (!err && lines)
		err = read_records(diag, "line info", attr->line_info, lines,
				   attr->line_info_rec_size, sizeof(*m->line_info), m->line_info);
	if (err)
		return err;
	m->n_func_info = funcs;
	m->n_line_info = lines;
	return 0;
}

static int check_funcs(const struct verify_image *m, const struct verified *code,
		       struct visor_diag *diag)
{
	if (m->n_func_info && m->n_func_info != code->n_subprogs)
		return diag_fail(diag, -EINVAL, "load",
				 "number of funcs in func_info doesn't match number of subprogs");
	for (uint32_t i = 0; i < m->n_func_info; i++) {
		const struct btf_type *t = btf_type(m->btf, m->func_info[i].type_id);

		if (m->func_info[i].insn_off != code->subprogs[i].start)
			return diag_fail(diag, -EINVAL, "load",
					 "func_info BTF section doesn't match subprog layout in "
					 "BPF program");
		if (!t || btf_type_kind(t) != BTF_KIND_FUNC)
			return diag_fail(diag, -EINVAL, "load", "invalid type id %u in func info",
					 m->func_info[i].type_id);
	}
	return 0;
}

int image_check_info(const struct verify_image *m, const struct verified *code,
		     struct visor_diag *diag)
{
	const struct bpf_line_info *l = m->line_info;
	uint32_t sub = 0;
	int err;

	if (!m->btf)
		return 0;
	err = check_funcs(m, code, diag);
	if (err || !m->n_line_info)
		return err;
	for (uint32_t i = 0; i < m->n_line_info; i++, l++) {
		if (l->insn_off >= m->n_insns || (i && l->insn_off <= l[-1].insn_off) ||
		    !m->insns[l->insn_off].code || l->line_off >= m->btf->strs_len ||
		    l->file_name_off >= m->btf->strs_len)
			return diag_fail(diag, -EINVAL, "load", "Invalid line_info[%u]", i);
		if (sub < code->n_subprogs && l->insn_off == code->subprogs[sub].start)
			sub++;
		else if (sub < code->n_subprogs && l->insn_off > code->subprogs[sub].start)
			break;
	}
	if (sub != code->n_subprogs)
		return diag_fail(diag, -EINVAL, "load", "missing bpf_line_info for func#%u", sub);
	return 0;
}

/* ---- descriptors -------------------------------------------------------------------------- */

bool image_insn_is_map(const struct bpf_insn *insn, bool *by_index)
{
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
		return false;
	*by_index =
		insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	return *by_index || insn->src_reg == BPF_PSEUDO_MAP_FD ||
	       insn->src_reg == BPF_PSEUDO_MAP_VALUE;
}

/* Makes fd_array have n entries at least. */
static int fd_array_grow(struct image *m, uint32_t n)
{
	const struct btf **array;
	uint32_t cap = MAX(n, 2 * m->cap_fd_array);

	if (n > m->cap_fd_array) {
		array = realloc(m->fd_array, cap * sizeof(*array));
		if (!array)
			return -ENOMEM;
		memset(array + m->cap_fd_array, 0, (cap - m->cap_fd_array) * sizeof(*array));
		m->fd_array = array;
		m->cap_fd_array = cap;
	}
	m->n_fd_array = MAX(n, m->n_fd_array);
	return 0;
}

/* The modules of kernel functions, which calls name by their index. */
static int resolve_calls(struct image *m, uint64_t fd_array, const struct image_source *from,
			 struct visor_diag *diag)
{
	for (uint32_t i = 0; from->btf && i < m->n_insns; i++) {
		const struct bpf_insn *insn = &m->insns[i];
		int fd;

		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg != BPF_PSEUDO_KFUNC_CALL ||
		    insn->off <= 0 || !fd_array)
			continue;
		if (user_read(&fd, fd_array + (uint64_t)insn->off * sizeof(fd), sizeof(fd)))
			return diag_fail(diag, -EFAULT, "load", "fd_array is not readable");
		if (fd_array_grow(m, (uint32_t)insn->off + 1))
			return diag_fail(diag, -ENOMEM, "load", "out of memory");
		m->fd_array[insn->off] = from->btf(from->user, fd);
	}
	return 0;
}

/* A kernel variable; 0 stands for vmlinux. */
static int resolve_variable(struct image *m, struct bpf_insn *insn, const struct image_source *from,
			    struct visor_diag *diag)
{
	const struct btf *btf;
	uint32_t at;

	if (!insn[1].imm || !from->btf)
		return 0;
	btf = from->btf(from->user, insn[1].imm);
	if (!btf)
		return diag_fail(diag, -EINVAL, "load", "invalid module BTF object FD specified.");
	for (at = 1; at < m->n_fd_array && m->fd_array[at] != btf; at++)
		;
	if (fd_array_grow(m, at + 1))
		return diag_fail(diag, -ENOMEM, "load", "out of memory");
	m->fd_array[at] = btf;
	insn[1].imm = (int)at;
	return 0;
}

int image_resolve(struct image *m, const union bpf_attr *attr, const struct image_source *from,
		  struct visor_diag *diag)
{
	int err = resolve_calls(m, attr->fd_array, from, diag);

	for (uint32_t i = 0; !err && i + 1 < m->n_insns; i++) {
		struct bpf_insn *insn = &m->insns[i];
		bool by_index;
		int at = insn->imm;

		if (!image_insn_is_map(insn, &by_index)) {
			if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
				continue;
			if (insn->src_reg == BPF_PSEUDO_BTF_ID)
				err = resolve_variable(m, insn, from, diag);
			i++;
			continue;
		}
		if (by_index && !attr->fd_array)
			return diag_fail(diag, -EPROTO, "load",
					 "fd_idx without fd_array is invalid");
		if (by_index && user_read(&at, attr->fd_array + (uint64_t)(uint32_t)at * 4, 4))
			return diag_fail(diag, -EFAULT, "load", "fd_array is not readable");
		at = from->map(from->user, at, i);
		if (at < 0)
			return at;
		insn->src_reg =
			insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_IDX
				? BPF_PSEUDO_MAP_IDX
				: BPF_PSEUDO_MAP_IDX_VALUE;
		insn->imm = at;
		i++;
	}
	return err;
}

void image_fill(const struct image *m, struct verify_image *out)
{
	out->insns = m->insns;
	out->n_insns = m->n_insns;
	out->func_info = m->func_info;
	out->n_func_info = m->n_func_info;
	out->line_info = m->line_info;
	out->n_line_info = m->n_line_info;
	out->fd_array = m->fd_array;
	out->n_fd_array = m->n_fd_array;
	out->gpl = m->gpl;
	out->name = m->name;
}

void image_free(struct image *m)
{
	free(m->insns);
	free(m->func_info);
	free(m->line_info);
	free(m->fd_array);
	memset(m, 0, sizeof(*m));
}
