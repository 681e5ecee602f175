/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/attach.c - things of the kernel that a program is given: variables that it names
 * (ksyms), and references that come with the arguments of a struct_ops function.
 *
 * A lddw of a kernel variable has its BTF id in the first slot; the second says in which object:
 * an index into fd_array, 0 for vmlinux.
 */
#include "verify/env.h"

int attach_acquire_args(struct env *env)
{
	const struct btf_attach *a = &env->attach;

	for (uint32_t i = 0; i < BTF_MAX_CTX_ARGS; i++) {
		if (!(a->special >> i & 1) || !(a->values[i].flags & BTF_CTX_REF))
			continue;
		env->ctx_refs[i] = state_acquire(env);
		if (!env->ctx_refs[i])
			return -ENOMEM;
		state_find_ref(env->st, env->ctx_refs[i])->insn = 0;
	}
	return 0;
}

static const struct btf *ksym_btf(const struct env *env, const struct bpf_insn *insn)
{
	const struct verify_image *image = env->image;
	uint32_t at = (uint32_t)insn[1].imm;

	if (!at)
		return image->target ? btf_target_vmlinux(image->target) : NULL;
	return at < image->n_fd_array ? image->fd_array[at] : NULL;
}

int ksym_check(struct env *env, uint32_t insn)
{
	const struct bpf_insn *i = &env->insns[insn];
	const struct btf *btf = ksym_btf(env, i);
	const struct btf_type *t;

	if (!btf)
		return env_unsupported(env, "a kernel variable, without the types of the kernel");
	t = btf_type_by_id(btf, (uint32_t)i->imm);
	if (!t)
		return env_fail(env, -ENOENT, REASON_BAD_INSN,
				"ldimm64 insn specifies invalid btf_id %d.", i->imm);
	if (btf_type_kind(t) != BTF_KIND_VAR && btf_type_kind(t) != BTF_KIND_FUNC)
		return env_fail(env, -EINVAL, REASON_BAD_INSN,
				"pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC.", i->imm);
	if (env->image->target &&
	    !btf_target_has_symbol(env->image->target, btf_name(btf, (uint32_t)i->imm)))
		return env_fail(env, -ENOENT, REASON_BAD_INSN,
				"ldimm64 failed to find the address for kernel symbol '%s'.",
				btf_name(btf, (uint32_t)i->imm));
	return 0;
}

static bool ksym_percpu(const struct btf *btf, uint32_t var)
{
	uint32_t id = btf_find(btf, ".data..percpu", BTF_KIND_DATASEC);
	const struct btf_type *sec = id ? btf_type_by_id(btf, id) : NULL;
	const struct btf_var_secinfo *info;

	if (!sec)
		return false;
	info = btf_type_data(sec);
	for (uint32_t i = 0; i < btf_type_vlen(sec); i++)
		if (info[i].type == var)
			return true;
	return false;
}

int ksym_load(struct env *env, struct reg *dst)
{
	const struct bpf_insn *insn = env_insn(env);
	const struct btf *btf = ksym_btf(env, insn);
	const struct btf_type *t = btf_type_by_id(btf, (uint32_t)insn->imm);
	uint32_t id;
	int64_t size;

	if (btf_type_kind(t) == BTF_KIND_FUNC) {
		reg_set_pointer(dst, R_MEM, F_RDONLY);
		return 0;
	}
	if (ksym_percpu(btf, (uint32_t)insn->imm)) {
		reg_set_pointer(dst, R_BTF_ID, F_PERCPU);
		dst->btf = btf;
		btf_skip_mods(btf, t->type, &dst->btf_id);
		return 0;
	}
	t = btf_skip_mods(btf, t->type, &id);
	if (t && btf_type_is_composite(t) && btf_type_kind(t) != BTF_KIND_ARRAY) {
		reg_set_pointer(dst, R_BTF_ID, 0);
		dst->btf = btf;
		dst->btf_id = id;
		return 0;
	}
	size = btf_size(btf, id, NULL);
	if (size < 0)
		return env_fail(env, -EINVAL, REASON_BAD_INSN,
				"ldimm64 unable to resolve the size of type '%s': %d",
				btf_name(btf, id), (int)size);
	reg_set_pointer(dst, R_MEM, F_RDONLY);
	dst->mem_size = (uint32_t)size;
	return 0;
}
