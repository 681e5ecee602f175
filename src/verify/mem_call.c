/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem_call.c - memory that helpers and other functions access for the program.
 *
 * They access any number of bytes at once. Where the number is not constant, the largest one is
 * checked, and memory that a helper fills must be initialised: it might fill less.
 */
#include "verify/mem.h"

/* Contexts that no program sees as they are: the kernel translates each access. */
static bool ctx_is_translated(const struct prog_type *type)
{
	return type->ctx_kind == CTX_IS_FIELDS &&
	       !(type->set & (P_(CGROUP_DEVICE) | P_(LIRC_MODE2) | P_(NETFILTER)));
}

static int call_type_wrong(struct env *env, int regno)
{
	const struct reg *reg = env_reg(env, regno);
	char text[64];

	return env_fail_reg(env, -EACCES, REASON_ARG_TYPE, regno, "R%d type=%s expected=fp", regno,
			    reg_type_text(reg->type, reg->flags, text, sizeof(text)));
}

/* A context of unknown size: its last byte is accessed as by an instruction. */
static int call_ctx(struct env *env, int regno, int size, enum access access, bool zero_ok)
{
	if (size)
		return mem_access(env, regno, size - 1, 1, access, -1, false, false);
	if (zero_ok)
		return 0;
	return env_fail_reg(env, -EACCES, REASON_ARG_SIZE, regno, "invalid zero-sized read");
}

int mem_helper_access(struct env *env, int regno, int size, enum access access, bool zero_ok,
		      struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	struct mem_op op = {regno, reg->off, size, access, -1, false};
	int err;

	switch (reg->type) {
	case R_PACKET:
	case R_PACKET_META:
		return mem_packet_bounds(env, regno, reg->off, size, zero_ok);
	case R_MAP_KEY:
		if (access == ACCESS_WRITE)
			return mem_read_only(env, regno);
		return mem_region(env, regno, reg->off, size, reg->map->desc.key_size, false);
	case R_MAP_VALUE:
		err = mem_map_rights(env, reg, reg->off, size, access);
		return err ? err : mem_map_bounds(env, regno, reg->off, size, zero_ok, true);
	case R_MEM:
		if (access == ACCESS_WRITE && reg->flags & F_RDONLY)
			return mem_read_only(env, regno);
		return mem_region(env, regno, reg->off, size, reg->mem_size, zero_ok);
	case R_BUF:
		if (access == ACCESS_WRITE && reg->flags & F_RDONLY)
			return mem_read_only(env, regno);
		return mem_buffer_bounds(env, reg, regno, reg->off, size);
	case R_STACK:
		return stack_range(env, regno, reg->off, size, zero_ok, access, call);
	case R_BTF_ID:
		return mem_btf(env, &op);
	case R_CTX:
		if (!ctx_is_translated(env->type))
			return call_ctx(env, regno, size, access, zero_ok);
		return call_type_wrong(env, regno);
	default:
		if (zero_ok && !size && reg_is_null(reg))
			return 0;
		return call_type_wrong(env, regno);
	}
}

int mem_size_reg(struct env *env, int regno, int size_regno, enum access access, bool zero_ok,
		 struct call *call)
{
	const struct range *size = &env_reg(env, size_regno)->var;
	int err;

	call->msize_max = size->umax;
	if (size->smin < 0)
		return env_fail_reg(
			env, -EACCES, REASON_ARG_SIZE, size_regno,
			"R%d min value is negative, either use unsigned or 'var &= const'",
			size_regno);
	if (!size->umin && !zero_ok)
		return env_fail_reg(env, -EACCES, REASON_ARG_SIZE, size_regno,
				    "R%d invalid zero-sized read: u64=[%lld,%lld]", size_regno,
				    (long long)size->umin, (long long)size->umax);
	if (size->umax >= (uint64_t)MEM_MAX_VAR)
		return env_fail_reg(env, -EACCES, REASON_ARG_SIZE, size_regno,
				    "R%d unbounded memory access, use 'var &= const' or 'if (var < "
				    "const)'",
				    size_regno);
	err = mem_helper_access(env, regno, (int)size->umax, access, zero_ok,
				range_is_const(size) ? call : NULL);
	return err ? err : precise_reg(env, size_regno);
}

int mem_reg_size(struct env *env, struct reg *reg, int regno, uint32_t mem_size)
{
	struct reg saved = *reg;
	int err;

	if (reg_is_null(reg))
		return precise_null(env, regno);
	if (mem_size > INT32_MAX)
		return env_fail_reg(env, -EACCES, REASON_ARG_SIZE, regno,
				    "R%d memory size %u is too large", regno, mem_size);
	/* It need not be valid memory if it is NULL: checked as if it were not. */
	if (saved.flags & F_NULL)
		reg_mark_not_null(reg);
	err = mem_helper_access(env, regno, (int)mem_size, ACCESS_READ, true, NULL);
	if (!err)
		err = mem_helper_access(env, regno, (int)mem_size, ACCESS_WRITE, true, NULL);
	if (saved.flags & F_NULL)
		*reg = saved;
	return err;
}
