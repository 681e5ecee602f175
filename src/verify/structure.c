/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/structure.c - well-formed instructions and a well-formed control flow graph.
 *
 * After this stage: every instruction is known, operands are legal, every jump and call
 * lands on an instruction of the right function, every instruction can be reached, calls
 * nest at most eight deep without recursion, every function ends in exit or a jump, map
 * references are in range and helpers exist and may be called by this type of program.
 * Messages use the kernel verifier's words, since people search for them.
 */
#include "verify/internal.h"

#include <errno.h>
#include <stdlib.h>

static int structure_helper(struct verify_work *w, uint32_t i, uint32_t id)
{
	const struct verify_image *image = w->image;
	const struct helper *helper = NULL;
	const char *name;
	int err;

	if (image->any_helper)
		return 0;
	if (image->helper)
		helper = image->helper(image->user, id);
	if (!helper)
		helper = catalog_helper(id);
	name = helper ? helper->name : catalog_helper_name(id);
	if (!name)
		return verify_fail(w, -EINVAL, i, "invalid func unknown#%u", id);
	if (!helper) {
		err = verify_fail(w, -EINVAL, i,
				  "helper bpf_%s#%u is not implemented by this engine", name, id);
		diag_hint(w->diag, "the Linux kernel has it: `visor prog load --engine kernel` "
				   "loads it there");
		return err;
	}
	if (!(helper->progs & image->type->set))
		return verify_fail(w, -EINVAL, i, "program of type %s cannot use helper bpf_%s#%u",
				   image->type->name, name, id);
	if ((helper->flags & HELPER_GPL) && !image->gpl)
		return verify_fail(w, -EINVAL, i,
				   "cannot call GPL-restricted function bpf_%s#%u from a program "
				   "whose licence is not GPL compatible",
				   name, id);
	if (id == BPF_FUNC_tail_call)
		w->v->tail_calls = true;
	return 0;
}

static int structure_imm64(struct verify_work *w, uint32_t i, int id)
{
	const struct bpf_insn *insn = &w->image->insns[i];
	const struct map_kind *kind;
	const struct map_desc *map;

	switch (id) {
	case ISA_LD_IMM64:
	case ISA_LD_FUNC: /* the target is checked with the calls */
		return 0;
	case ISA_LD_MAP_IDX:
	case ISA_LD_MAP_IDX_VALUE:
		break;
	case ISA_LD_MAP_FD:
	case ISA_LD_MAP_VALUE:
		return verify_fail(w, -EINVAL, i, "map descriptor was not resolved");
	default:
		return verify_fail(w, -EINVAL, i, "ld_imm64 of a kernel variable is not supported");
	}
	if ((uint32_t)insn->imm >= w->image->n_maps)
		return verify_fail(w, -EINVAL, i,
				   "map index %u out of range: the program has %u maps",
				   (uint32_t)insn->imm, w->image->n_maps);
	if (id == ISA_LD_MAP_IDX) {
		if (insn[1].imm)
			return verify_fail(w, -EINVAL, i, "unrecognized bpf_ld_imm64 insn");
		return 0;
	}
	map = &w->image->maps[insn->imm].desc;
	kind = catalog_map(map->type);
	if (!kind || !(kind->traits & MAP_DIRECT_VALUE))
		return verify_fail(w, -EINVAL, i, "map '%s' of type %s has no direct value access",
				   map->name, kind ? kind->name : "unknown");
	if ((uint32_t)insn[1].imm >= map->value_size)
		return verify_fail(w, -EINVAL, i,
				   "invalid access to map value pointer, value_size=%u off=%u",
				   map->value_size, (uint32_t)insn[1].imm);
	return 0;
}

/* isa_validate, or for conformance runs the same of an instruction with the operands that
 * the kernel refuses for their value alone made harmless. */
static int structure_validate(const struct verify_work *w, uint32_t i, const char **why)
{
	const struct bpf_insn *insn = &w->image->insns[i];
	struct bpf_insn probe = *insn;
	int id = isa_lookup(insn);

	if (!w->image->lenient || id < 0 ||
	    (isa_table[id].form != ISA_FORM_ALU_RI && isa_table[id].form != ISA_FORM_CALLX))
		return isa_validate(insn, w->image->n_insns - i, why);
	/* Older compilers put the register of an indirect call into the immediate. */
	probe.imm = isa_table[id].form == ISA_FORM_CALLX && insn->imm <= BPF_REG_10 ? 0 : 1;
	return isa_validate(&probe, 1, why);
}

/* One instruction on its own; fills facts[i].id. */
static int structure_insn(struct verify_work *w, uint32_t i)
{
	const struct bpf_insn *insn = &w->image->insns[i];
	const char *why;
	int id, err = structure_validate(w, i, &why);

	if (err)
		return verify_fail(w, err, i, "%s (opcode 0x%02x)", why, insn->code);
	id = isa_lookup(insn);
	w->facts[i].id = (uint8_t)id;
	switch (isa_table[id].form) {
	case ISA_FORM_CALL:
		if (id == ISA_CALL_HELPER)
			return structure_helper(w, i, (uint32_t)insn->imm);
		return 0;
	case ISA_FORM_KFUNC:
		return verify_fail(w, -EINVAL, i, "calling kernel function is not supported");
	case ISA_FORM_CALLX:
		if (!w->image->call_reg)
			return verify_fail(w, -EINVAL, i, "unknown opcode %02x", insn->code);
		return 0;
	case ISA_FORM_LD_IMM64:
		return structure_imm64(w, i, id);
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		if (!(w->image->type->set & P_SKB))
			return verify_fail(
				w, -EINVAL, i,
				"BPF_LD_[ABS|IND] instructions not allowed for this program type");
		return 0;
	default:
		return 0;
	}
}

static int structure_insns(struct verify_work *w)
{
	uint32_t n = w->image->n_insns;

	for (uint32_t i = 0; i < n; i++) {
		int err = structure_insn(w, i);

		if (err)
			return err;
		if (isa_slots(&w->image->insns[i]) == 2)
			w->facts[++i].id = ISA_COUNT;
	}
	return 0;
}

/* Where a call to, or the address of, a local function leads; -1: not such an instruction. */
static int64_t structure_func_target(const struct verify_work *w, uint32_t i)
{
	if (w->facts[i].id == ISA_CALL_LOCAL || w->facts[i].id == ISA_LD_FUNC)
		return (int64_t)i + 1 + w->image->insns[i].imm;
	return -1;
}

/* Marks the first instruction of each function and builds the sorted table of functions. */
static int structure_subprogs(struct verify_work *w)
{
	uint32_t n = w->image->n_insns, count = 1, at = 0;

	w->facts[0].flags |= VERIFIED_SUBPROG;
	for (uint32_t i = 0; i < n; i++) {
		bool func = w->facts[i].id == ISA_CALL_LOCAL || w->facts[i].id == ISA_LD_FUNC;
		int64_t to = structure_func_target(w, i);

		if (!func)
			continue;
		if (to < 0 || to >= n || w->facts[to].id == ISA_COUNT)
			return verify_fail(w, -EINVAL, i, "call to invalid destination %lld",
					   (long long)to);
		if (!(w->facts[to].flags & VERIFIED_SUBPROG)) {
			w->facts[to].flags |= VERIFIED_SUBPROG;
			count++;
		}
	}
	w->subprogs = calloc(count, sizeof(*w->subprogs));
	if (!w->subprogs)
		return diag_fail(w->diag, -ENOMEM, "verify", "out of memory");
	w->v->subprogs = w->subprogs;
	w->v->n_subprogs = count;
	for (uint32_t i = 0; i < n; i++) {
		if (!(w->facts[i].flags & VERIFIED_SUBPROG))
			continue;
		if (at)
			w->subprogs[at - 1].end = i;
		w->subprogs[at++].start = i;
	}
	w->subprogs[at - 1].end = n;
	return 0;
}

uint32_t verify_subprog_of(const struct verify_work *w, uint32_t insn)
{
	uint32_t lo = 0, hi = w->v->n_subprogs;

	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (w->subprogs[mid].start <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int verify_subprog_at(const struct verify_work *w, uint32_t insn)
{
	uint32_t s = verify_subprog_of(w, insn);

	return w->subprogs[s].start == insn ? (int)s : -1;
}

/* Jumps stay inside their function and hit an instruction; functions do not fall through. */
static int structure_jumps(struct verify_work *w, const struct verified_subprog *sub)
{
	uint32_t last = sub->start;

	for (uint32_t i = sub->start; i < sub->end; i++) {
		int64_t delta, to;

		if (w->facts[i].id == ISA_COUNT)
			continue;
		last = i;
		if (!isa_jump(&w->image->insns[i], &delta))
			continue;
		to = (int64_t)i + 1 + delta;
		if (to < sub->start || to >= sub->end)
			return verify_fail(w, -EINVAL, i, "jump out of range from insn %u to %lld",
					   i, (long long)to);
		if (w->facts[to].id == ISA_COUNT)
			return verify_fail(w, -EINVAL, i,
					   "jump into the middle of ldimm64 insn %lld",
					   (long long)to);
		w->facts[to].flags |= VERIFIED_TARGET;
	}
	if (w->facts[last].id != ISA_EXIT && w->facts[last].id != ISA_JA &&
	    w->facts[last].id != ISA_JA32)
		return verify_fail(w, -EINVAL, last, "last insn is not an exit or jmp");
	return 0;
}

/* Every instruction can be reached from the start of a function that is itself reached. */
static int structure_reachable(struct verify_work *w)
{
	uint32_t n = w->image->n_insns, top = 0;
	uint8_t *seen = calloc(n, 1);
	uint32_t *todo = malloc(n * sizeof(*todo));
	int err = 0;

	if (!seen || !todo) {
		err = diag_fail(w->diag, -ENOMEM, "verify", "out of memory");
		goto out;
	}
#define REACH(to)                              \
	do {                                   \
		uint32_t to_ = (uint32_t)(to); \
		if (!seen[to_]) {              \
			seen[to_] = 1;         \
			todo[top++] = to_;     \
		}                              \
	} while (0)
	REACH(0);
	while (top) {
		uint32_t i = todo[--top];
		const struct bpf_insn *insn = &w->image->insns[i];
		int64_t delta;

		if (structure_func_target(w, i) >= 0)
			REACH(structure_func_target(w, i));
		if (isa_jump(insn, &delta))
			REACH(i + 1 + delta);
		if (w->facts[i].id != ISA_EXIT && w->facts[i].id != ISA_JA &&
		    w->facts[i].id != ISA_JA32)
			REACH(i + (uint32_t)isa_slots(insn));
	}
#undef REACH
	for (uint32_t i = 0; i < n && !err; i++)
		if (!seen[i] && w->facts[i].id != ISA_COUNT)
			err = verify_fail(w, -EINVAL, i, "unreachable insn %u", i);
out:
	free(seen);
	free(todo);
	return err;
}

/*
 * Depth of nested calls from each function, over the call graph. state[s]: 0 unknown,
 * otherwise 1 + depth; `open` marks functions on the current path, to find recursion.
 * The recursion of this C function is bounded: it refuses paths longer than the limit.
 */
static int structure_depth(struct verify_work *w, uint32_t s, uint32_t frame, uint8_t *state,
			   uint8_t *open, uint32_t *depth)
{
	uint32_t deepest = 1;

	if (state[s]) {
		*depth = state[s];
		return 0;
	}
	if (frame > VERIFY_MAX_FRAMES)
		return verify_fail(w, -E2BIG, w->subprogs[s].start,
				   "the call stack of %u frames is too deep", frame);
	open[s] = 1;
	for (uint32_t i = w->subprogs[s].start; i < w->subprogs[s].end; i++) {
		uint32_t callee, below;
		int err;

		if (w->facts[i].id != ISA_CALL_LOCAL)
			continue;
		callee = verify_subprog_of(w, (uint32_t)structure_func_target(w, i));
		if (open[callee])
			return verify_fail(w, -EINVAL, i,
					   "recursive call to the function at insn %u",
					   w->subprogs[callee].start);
		err = structure_depth(w, callee, frame + 1, state, open, &below);
		if (err)
			return err;
		deepest = MAX(deepest, below + 1);
		if (deepest > VERIFY_MAX_FRAMES)
			return verify_fail(w, -E2BIG, i, "the call stack of %u frames is too deep",
					   deepest);
	}
	open[s] = 0;
	state[s] = (uint8_t)deepest;
	*depth = deepest;
	return 0;
}

static int structure_calls(struct verify_work *w)
{
	uint8_t *state = calloc(w->v->n_subprogs, 2);
	int err = 0;

	if (!state)
		return diag_fail(w->diag, -ENOMEM, "verify", "out of memory");
	for (uint32_t s = 0; s < w->v->n_subprogs && !err; s++) {
		uint32_t depth;

		err = structure_depth(w, s, 1, state, state + w->v->n_subprogs, &depth);
	}
	free(state);
	return err;
}

int structure_check(struct verify_work *w)
{
	int err = structure_insns(w);

	if (!err)
		err = structure_subprogs(w);
	for (uint32_t s = 0; !err && s < w->v->n_subprogs; s++)
		err = structure_jumps(w, &w->subprogs[s]);
	if (!err && !w->image->lenient)
		err = structure_reachable(w);
	if (!err)
		err = structure_calls(w);
	return err;
}
