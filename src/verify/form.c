/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/form.c - what can be said of a program without running it: opcodes, functions, where
 * jumps and calls lead, which maps are named.
 *
 * Operands of an instruction are looked at only when a path comes to it (form_operands): dead code
 * may be wrong, as in the kernel.
 */
#include "verify/env.h"
#include "verify/log.h"

#include <stdlib.h>

#define FORM_MAX_SUBPROGS 256

static int form_fail(struct env *env, uint32_t insn, int err, enum reason reason, const char *text)
{
	env->at = insn;
	return env_fail(env, err, reason, "%s", text);
}

/* What is asked of an instruction before some of its fields are looked at: the program may read
 * its registers, or use it at all. */
static int form_asked_before(struct env *env, const struct bpf_insn *insn, const char *why)
{
	int form = isa_table[env_aux(env)->id].form, err = 0;
	bool fields = !strcmp(why, "BPF_JMP/JMP32 uses reserved fields"),
	     values = !strcmp(why, "div by zero") || !strcmp(why, "invalid shift") ||
		      !strcmp(why, "frame pointer is read only");

	if (form == ISA_FORM_LD_ABS || form == ISA_FORM_LD_IND)
		return explore_may_load(env);
	if (insn->src_reg > BPF_REG_10)
		return 0;
	if (form == ISA_FORM_CAST)
		return alu_may_cast(env);
	if ((values && (form == ISA_FORM_ALU_RR || form == ISA_FORM_LDX)) ||
	    (insn->dst_reg > BPF_REG_10 && form == ISA_FORM_STX))
		err = reg_read(env, insn->src_reg);
	if (insn->dst_reg > BPF_REG_10)
		return err;
	if ((values && (form == ISA_FORM_ALU_RI || form == ISA_FORM_ALU_RR) &&
	     BPF_OP(insn->code) != BPF_MOV) ||
	    (fields && (form == ISA_FORM_JMP_RR || form == ISA_FORM_JMP_RI)))
		err = err ? err : reg_read(env, insn->dst_reg);
	return err;
}

int form_operands(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	const char *why;
	int err = isa_validate(insn, env->n_insns - env->insn, &why), before;

	if (!err)
		return 0;
	before = form_asked_before(env, insn, why);
	if (before)
		return before;
	if (!strcmp(why, "invalid shift"))
		return env_fail(env, err, REASON_DIV_ZERO, "%s %d", why, insn->imm);
	if (!strcmp(why, "div by zero"))
		return env_fail(env, err, REASON_DIV_ZERO, "%s", why);
	return env_fail(env, err, err == -EACCES ? REASON_WRITE_FP : REASON_BAD_INSN, "%s", why);
}

/* ---- functions -------------------------------------------------------------------------- */

static int form_add_subprog(struct env *env, uint32_t insn, int64_t start, uint8_t *starts)
{
	if (start < 0 || start >= env->n_insns)
		return form_fail(env, insn, -EINVAL, REASON_BAD_CALL,
				 "call to invalid destination");
	if (starts[start])
		return 0;
	if (env->n_subs == FORM_MAX_SUBPROGS)
		return form_fail(env, insn, -E2BIG, REASON_TOO_LARGE, "too many subprograms");
	starts[start] = 1;
	env->n_subs++;
	return 0;
}

/* The function that catches bpf_throw: a decl tag of the main program names it. */
static int form_exception_callback(struct env *env, uint8_t *starts)
{
	const struct verify_image *image = env->image;
	const char *name;
	uint32_t func;
	int err;

	if (!image->btf || !image->n_func_info)
		return 0;
	err = btf_tag_get(image->btf, image->func_info[0].type_id, -1,
			  "exception_callback:", &name);
	if (err == -ENOENT)
		return 0;
	if (err)
		return form_fail(env, 0, err, REASON_BAD_DEBUG_INFO,
				 "multiple exception callback tags for main subprog");
	func = btf_find(image->btf, name, BTF_KIND_FUNC);
	for (uint32_t i = 0; func && i < image->n_func_info; i++)
		if (image->func_info[i].type_id == func) {
			env->exception_insn = image->func_info[i].insn_off;
			return form_add_subprog(env, 0, env->exception_insn, starts);
		}
	env->at = 0;
	return env_fail(env, -EINVAL, REASON_BAD_DEBUG_INFO,
			"exception callback '%s' could not be found in BTF", name);
}

static int form_subprogs(struct env *env)
{
	uint8_t *starts = env_table(env, env->n_insns, 1);
	uint32_t at = 0;
	int err = starts ? 0 : env_nomem(env);

	env->n_subs = 1;
	if (starts)
		starts[0] = 1;
	for (uint32_t i = 0; i < env->n_insns && !err; i++) {
		int id = env->aux[i].id;

		if (id != ISA_CALL_LOCAL && id != ISA_LD_FUNC && id != ISA_CALL_KFUNC)
			continue;
		if (!env->bpf_capable)
			err = form_fail(env, i, -EPERM, REASON_CAPABILITY,
					"loading/calling other bpf or kernel functions are allowed "
					"for CAP_BPF and CAP_SYS_ADMIN");
		else if (id != ISA_CALL_KFUNC)
			err = form_add_subprog(env, i, (int64_t)i + 1 + env->insns[i].imm, starts);
		else
			err = kfunc_prepare(env, env->at = i);
	}
	if (!err)
		err = form_exception_callback(env, starts);
	if (!err)
		env->subs = env_table(env, env->n_subs, sizeof(*env->subs));
	if (!err && !env->subs)
		err = env_nomem(env);
	for (uint32_t i = 0; i < env->n_insns && !err; i++) {
		if (starts[i]) {
			if (at)
				env->subs[at - 1].end = i;
			env->subs[at].start = i;
			env->subs[at++].name = "";
			if (i && i == env->exception_insn) {
				env->exception_callback = at - 1;
				env->subs[at - 1].is_exception_callback = true;
			}
		}
		env->aux[i].subprog = at - 1;
	}
	if (!err) {
		env->subs[at - 1].end = env->n_insns;
		if (log_on(env))
			log_functions(env);
	}
	return err;
}

static int form_jumps(struct env *env)
{
	for (uint32_t s = 0; s < env->n_subs; s++) {
		struct subprog *sub = &env->subs[s];

		for (uint32_t i = sub->start; i < sub->end; i++) {
			const struct bpf_insn *insn = &env->insns[i];
			uint8_t class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
			int64_t to;

			if (env->aux[i].id == ISA_CALL_HELPER && insn->imm == BPF_FUNC_tail_call)
				sub->has_tail_call = true;
			if (class == BPF_LD &&
			    (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND))
				sub->has_ld_abs = true;
			/* All that may pass for a jump, whatever its other fields are. */
			if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL ||
			    op == BPF_EXIT)
				continue;
			to = (int64_t)i + 1 +
			     (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
			if (to < sub->start || to >= sub->end) {
				env->at = i;
				return env_fail(env, -EINVAL, REASON_BAD_JUMP,
						"jump out of range from insn %u to %lld", i,
						(long long)to);
			}
		}
		switch (env->insns[sub->end - 1].code) {
		case BPF_JMP | BPF_EXIT:
		case BPF_JMP | BPF_JA:
		case BPF_JMP32 | BPF_JA:
			break;
		default:
			return form_fail(env, sub->end - 1, -EINVAL, REASON_NO_EXIT,
					 "last insn is not an exit or jmp");
		}
	}
	return 0;
}

/* ---- type information ------------------------------------------------------------------- */

static int form_func_info(struct env *env)
{
	const struct verify_image *image = env->image;

	if (!image->n_func_info || !image->btf)
		return 0;
	if (image->n_func_info != env->n_subs)
		return form_fail(env, 0, -EINVAL, REASON_BAD_DEBUG_INFO,
				 "number of funcs in func_info doesn't match number of subprogs");
	for (uint32_t i = 0; i < env->n_subs; i++) {
		const struct bpf_func_info *info = &image->func_info[i];
		const struct btf_type *t = btf_type(image->btf, info->type_id);
		struct subprog *sub = &env->subs[i];

		if (info->insn_off != sub->start)
			return form_fail(env, sub->start, -EINVAL, REASON_BAD_DEBUG_INFO,
					 "func_info BTF section doesn't match subprog layout in "
					 "BPF program");
		if (!t || btf_type_kind(t) != BTF_KIND_FUNC)
			return form_fail(env, sub->start, -EINVAL, REASON_BAD_DEBUG_INFO,
					 "invalid type id in func info");
		sub->func = info->type_id;
		sub->name = btf_name(image->btf, info->type_id);
		sub->is_global = i && btf_type_vlen(t) == BTF_FUNC_GLOBAL;
		if ((sub->has_ld_abs || sub->has_tail_call) && i) {
			const struct btf_type *proto =
				btf_func_proto(image->btf, info->type_id, NULL);
			const struct btf_type *ret =
				proto ? btf_skip_mods(image->btf, proto->type, NULL) : NULL;

			if (!ret || !btf_type_is_scalar(ret))
				return form_fail(env, sub->start, -EINVAL, REASON_BAD_DEBUG_INFO,
						 sub->has_ld_abs
							 ? "LD_ABS is only allowed in functions "
							   "that return 'int'."
							 : "tail_call is only allowed in functions "
							   "that return 'int'.");
		}
	}
	return 0;
}

/* What may end a function before its end needs to know what the function returns. */
static int form_ends_without_types(struct env *env)
{
	for (uint32_t i = 1; i < env->n_subs; i++) {
		const struct subprog *sub = &env->subs[i];

		if ((sub->has_ld_abs || sub->has_tail_call) && !sub->func)
			return form_fail(
				env, sub->start, -EINVAL, REASON_BAD_DEBUG_INFO,
				sub->has_ld_abs
					? "LD_ABS is not allowed in subprogs without BTF"
					: "tail_call is not allowed in subprogs without BTF");
	}
	return 0;
}

#define ARENA_PAGE 4096

/* ---- instructions ----------------------------------------------------------------------- */

static int form_map_value(struct env *env, const struct bpf_insn *insn)
{
	const struct verify_map *map = &env->image->maps[insn->imm];
	uint32_t off = (uint32_t)insn[1].imm;
	int err = 0;

	if (off >= 1U << 29)
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"direct value offset of %u is not allowed", off);
	if (map->desc.type == BPF_MAP_TYPE_ARENA) {
		if (off > (uint64_t)map->desc.max_entries * ARENA_PAGE)
			err = -ERANGE;
	} else if (map->desc.type != BPF_MAP_TYPE_ARRAY) {
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"no direct value access support for this map type");
	} else if (map->desc.max_entries != 1) {
		err = -BTF_ENOTSUPP;
	} else if (off >= map->desc.value_size) {
		err = -EINVAL;
	}
	if (err)
		return env_fail(env, err, REASON_BAD_MAP,
				"invalid access to map value pointer, value_size=%u off=%u",
				map->desc.value_size, off);
	return 0;
}

static int form_imm64(struct env *env, uint32_t i)
{
	const struct bpf_insn *insn = &env->insns[i];
	int err;

	env->at = i;
	if (i + 1 == env->n_insns || insn[1].code || insn[1].dst_reg || insn[1].src_reg ||
	    insn[1].off)
		return env_fail(env, -EINVAL, REASON_BAD_INSN, "invalid bpf_ld_imm64 insn");
	switch (env->aux[i].id) {
	case ISA_LD_IMM64:
	case ISA_LD_FUNC:
		return 0;
	case ISA_LD_BTF_ID:
		return ksym_check(env, i);
	case ISA_LD_MAP_IDX:
	case ISA_LD_MAP_IDX_VALUE:
		break;
	default:
		return env_fail(env, -EINVAL, REASON_BAD_INSN, "unrecognized bpf_ld_imm64 insn");
	}
	if (env->aux[i].id == ISA_LD_MAP_IDX && insn[1].imm)
		return env_fail(env, -EINVAL, REASON_BAD_INSN, "unrecognized bpf_ld_imm64 insn");
	if ((uint32_t)insn->imm >= env->image->n_maps)
		return env_fail(env, -EINVAL, REASON_BAD_MAP,
				"map index %u out of range: the program has %u maps",
				(uint32_t)insn->imm, env->image->n_maps);
	err = maps_use(env, (uint32_t)insn->imm);
	if (!err && env->aux[i].id == ISA_LD_MAP_IDX_VALUE)
		err = form_map_value(env, insn);
	return err;
}

static int form_insns(struct env *env)
{
	for (uint32_t i = 0; i < env->n_insns; i++) {
		const struct bpf_insn *insn = &env->insns[i];
		int err;

		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			err = form_imm64(env, i);
			if (err)
				return err;
			i++;
		} else if (BPF_CLASS(insn->code) == BPF_LDX &&
			   ((BPF_MODE(insn->code) != BPF_MEM &&
			     BPF_MODE(insn->code) != BPF_MEMSX) ||
			    insn->imm)) {
			env->at = i;
			return env_fail(env, -EINVAL, REASON_BAD_INSN,
					"BPF_LDX uses reserved fields");
		} else if (env->aux[i].id == ISA_COUNT ||
			   (env->aux[i].id == ISA_CALL_REG && !env->image->call_reg)) {
			env->at = i;
			return env_fail(env, -EINVAL, REASON_BAD_INSN, "unknown opcode %02x",
					env->insns[i].code);
		}
	}
	return 0;
}

/* What opcode and selecting fields say; ISA_COUNT for what is none, and behind lddw. */
static void form_ids(struct env *env)
{
	for (uint32_t i = 0; i < env->n_insns; i++) {
		int id = isa_lookup(&env->insns[i]);

		env->aux[i].id = (uint8_t)(id < 0 ? isa_lookup_opcode(&env->insns[i]) : id);
		if (id < 0 && isa_lookup_opcode(&env->insns[i]) < 0)
			env->aux[i].id = ISA_COUNT;
		if (env->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < env->n_insns)
			env->aux[++i].id = ISA_COUNT;
	}
}

int form_program(struct env *env)
{
	int err;

	form_ids(env);
	err = form_subprogs(env);
	if (!err)
		err = form_jumps(env);
	if (!err)
		err = form_func_info(env);
	if (!err)
		err = form_ends_without_types(env);
	if (!err)
		err = form_insns(env);
	return err;
}
