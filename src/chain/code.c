/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/code.c - instructions of a linked program, looked through once.
 *
 * A program that was refused is looked through as well: nothing here relies on its being right.
 */
#include "chain/code.h"

#include <stdlib.h>

#include "btf/btf.h"
#include "catalog/since.h"
#include "verify/verify.h"

#define CODE_FRAMES    8     /* calls in calls, the kernel's limit */
#define CODE_OLD_LIMIT 4096  /* instructions, before Linux 5.2 */
#define CODE_ACQUIRE   0x100 /* load-acquire; with 0x10 store-release */
#define CODE_JCOND     0xe0

static void code_feature(struct code *c, enum since_feature feature)
{
	c->features |= UINT64_C(1) << feature;
}

static int code_kfunc(struct code *c, const struct verify_image *image, const struct bpf_insn *insn)
{
	const struct btf *btf = image->target ? btf_target_vmlinux(image->target) : NULL;
	const char *name;
	char **more;

	code_feature(c, FEATURE_KFUNCS);
	if (insn->off)
		btf = insn->off > 0 && (uint32_t)insn->off < image->n_fd_array
			      ? image->fd_array[insn->off]
			      : NULL;
	name = btf ? btf_name(btf, (uint32_t)insn->imm) : "";
	for (uint32_t i = 0; i < c->n_kfuncs; i++)
		if (!strcmp(c->kfuncs[i], name))
			return 0;
	if (!*name)
		return 0;
	more = reallocarray(c->kfuncs, c->n_kfuncs + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->kfuncs = more;
	c->kfuncs[c->n_kfuncs] = strdup(name);
	return c->kfuncs[c->n_kfuncs] ? (int)!++c->n_kfuncs : -ENOMEM;
}

static int code_call(struct code *c, const struct verify_image *image, const struct bpf_insn *insn)
{
	uint32_t id = (uint32_t)insn->imm;

	if (insn->src_reg == BPF_PSEUDO_CALL)
		code_feature(c, FEATURE_CALLS);
	else if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return code_kfunc(c, image, insn);
	else if (id && id < CATALOG_HELPERS)
		c->helpers[id / 64] |= UINT64_C(1) << id % 64;
	return 0;
}

static int code_jump(struct code *c, const struct verify_image *image, const struct bpf_insn *insn)
{
	bool wide = insn->code == (BPF_JMP32 | BPF_JA);

	switch (BPF_OP(insn->code)) {
	case BPF_CALL:
		return code_call(c, image, insn);
	case BPF_EXIT:
		return 0;
	case CODE_JCOND:
		code_feature(c, FEATURE_MAY_GOTO);
		break;
	}
	if (wide)
		code_feature(c, FEATURE_V4);
	else if (BPF_CLASS(insn->code) == BPF_JMP32)
		code_feature(c, FEATURE_JMP32);
	return 0;
}

static void code_alu(struct code *c, const struct bpf_insn *insn)
{
	uint8_t op = BPF_OP(insn->code);
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;

	if (op == BPF_MOV && wide && insn->off == 1 && insn->imm)
		code_feature(c, FEATURE_ADDR_SPACE);
	else if (((op == BPF_MOV || op == BPF_DIV || op == BPF_MOD) && insn->off) ||
		 (op == BPF_END && wide))
		code_feature(c, FEATURE_V4);
}

static void code_memory(struct code *c, const struct bpf_insn *insn)
{
	uint8_t mode = BPF_MODE(insn->code);

	if (BPF_CLASS(insn->code) == BPF_LDX && mode == 0x80 /* sign-extending */)
		code_feature(c, FEATURE_V4);
	if (BPF_CLASS(insn->code) != BPF_STX || mode != BPF_ATOMIC)
		return;
	if (insn->imm & CODE_ACQUIRE)
		code_feature(c, FEATURE_ACQUIRE);
	else if (insn->imm != BPF_ADD)
		code_feature(c, FEATURE_ATOMICS);
}

static void code_constant(struct code *c, const struct bpf_insn *insn)
{
	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		code_feature(c, FEATURE_GLOBALS);
		break;
	case BPF_PSEUDO_BTF_ID:
		code_feature(c, FEATURE_KSYMS);
		break;
	case BPF_PSEUDO_FUNC:
		code_feature(c, FEATURE_CALLBACKS);
		break;
	}
}

/* ---- loops --------------------------------------------------------------------------------- */

/* Edge 0 or 1 out of an instruction; -1: there is none. */
static int64_t code_edge(const struct verify_image *image, uint32_t at, int edge)
{
	const struct bpf_insn *insn = &image->insns[at];
	bool jump = BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32;
	bool wide = insn->code == (BPF_JMP32 | BPF_JA);
	bool always = wide || insn->code == (BPF_JMP | BPF_JA);
	int64_t to;

	if (jump && BPF_OP(insn->code) == BPF_EXIT)
		return -1;
	if (jump && BPF_OP(insn->code) == BPF_CALL)
		jump = false;
	if (!edge)
		to = always ? -1 : (int64_t)at + 1 + (insn->code == (BPF_LD | BPF_IMM | BPF_DW));
	else
		to = jump ? (int64_t)at + 1 + (wide ? insn->imm : insn->off) : -1;
	return to < image->n_insns ? MAX(to, -1) : -1;
}

/* A jump back is none if nothing leads from there to the jump: compilers lay out code like that. */
static int code_loops(const struct verify_image *image, struct code *c)
{
	uint32_t n = image->n_insns, *path = malloc((size_t)n * sizeof(*path) + 1), depth;
	enum { NEW, EDGE_0, EDGE_1, DONE };
	uint8_t *state = calloc(n, 1);
	int err = path && state ? 0 : -ENOMEM;
	bool loop = false;

	for (uint32_t from = 0; !err && !loop && from < n; from++) {
		if (state[from] != NEW)
			continue;
		path[0] = from;
		for (depth = 1; depth && !loop;) {
			uint32_t at = path[depth - 1];
			int64_t to;

			if (++state[at] == DONE) {
				depth--;
				continue;
			}
			to = code_edge(image, at, state[at] - EDGE_0);
			if (to < 0 || state[to] == DONE)
				continue;
			loop = state[to] != NEW;
			if (!loop)
				path[depth++] = (uint32_t)to;
		}
	}
	if (loop)
		code_feature(c, FEATURE_LOOPS);
	free(path);
	free(state);
	return err;
}

/* ---- stack --------------------------------------------------------------------------------- */

static uint32_t code_function(const struct verified *v, uint32_t insn)
{
	uint32_t f = 0;

	while (f + 1 < v->n_subprogs && v->subprogs[f + 1].start <= insn)
		f++;
	return f;
}

/* The function that is called, or whose address is taken, here; or -1. */
static int64_t code_callee(const struct verify_image *image, const struct verified *v, uint32_t at)
{
	const struct bpf_insn *insn = &image->insns[at];
	bool call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
	bool address =
		insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;
	int64_t to = (int64_t)at + insn->imm + 1;

	if ((!call && !address) || to < 0 || to >= image->n_insns)
		return -1;
	return code_function(v, (uint32_t)to);
}

/* What the deepest path through the functions takes: once for each frame there may be, since who
 * takes the address of a function may be called by it again. What the configuration as it is rules
 * out has no stack. */
static int32_t code_stack(const struct verify_image *image, const struct verified *v)
{
	uint32_t *deep = calloc(2 * (size_t)v->n_subprogs, sizeof(*deep)), *next;
	int32_t most;

	if (!deep)
		return -1;
	next = deep + v->n_subprogs;
	for (int frame = 0; frame < CODE_FRAMES; frame++) {
		for (uint32_t f = 0; f < v->n_subprogs; f++) {
			uint32_t below = 0;

			for (uint32_t i = v->subprogs[f].start; i < v->subprogs[f].end; i++) {
				int64_t callee = code_callee(image, v, i);

				if (callee >= 0)
					below = MAX(below, deep[callee]);
			}
			next[f] = v->subprogs[f].stack + below;
		}
		memcpy(deep, next, v->n_subprogs * sizeof(*deep));
	}
	most = (int32_t)deep[0];
	free(deep);
	return most;
}

/* ---- the whole ------------------------------------------------------------------------------ */

int code_read(const struct verify_image *image, const struct verified *v, struct code *out)
{
	int err = code_loops(image, out);

	out->seen = true;
	out->gpl = image->gpl;
	out->n_insns = image->n_insns;
	out->n_functions = MAX(image->n_func_info, 1u);
	out->stack = v ? code_stack(image, v) : -1;
	if (v)
		out->n_functions = v->n_subprogs;
	if (image->n_insns > CODE_OLD_LIMIT)
		code_feature(out, FEATURE_LARGE);
	if (image->flags & BPF_F_SLEEPABLE)
		code_feature(out, FEATURE_SLEEPABLE);
	if (image->flags & BPF_F_XDP_HAS_FRAGS)
		code_feature(out, FEATURE_FRAGS);
	for (uint32_t i = 0; !err && i < image->n_insns; i++) {
		const struct bpf_insn *insn = &image->insns[i];

		switch (BPF_CLASS(insn->code)) {
		case BPF_JMP:
		case BPF_JMP32:
			err = code_jump(out, image, insn);
			break;
		case BPF_ALU:
		case BPF_ALU64:
			code_alu(out, insn);
			break;
		case BPF_LD:
			if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
				code_constant(out, insn);
				i++;
			}
			break;
		default:
			code_memory(out, insn);
		}
	}
	if ((out->features >> FEATURE_CALLS & 1) && (out->helpers[0] >> BPF_FUNC_tail_call & 1))
		code_feature(out, FEATURE_TAIL_CALLS);
	return err;
}

void code_free(struct code *code)
{
	for (uint32_t i = 0; i < code->n_kfuncs; i++)
		free(code->kfuncs[i]);
	free(code->kfuncs);
	memset(code, 0, sizeof(*code));
}
