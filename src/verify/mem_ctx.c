/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem_ctx.c - the context: what a program is called with.
 *
 * Its pointer cannot be moved; each access is at a constant offset, which the engine is told.
 * Contexts are of two kinds: fields that the catalog lists, and the arguments of the function
 * that a program attaches to, which its BTF types.
 */
#include "verify/mem.h"

static int ctx_invalid(struct env *env, const struct mem_op *op, const char *why)
{
	return env_fail_reg(env, -EACCES, REASON_CTX_ACCESS, op->regno,
			    "%s%sinvalid bpf_context access off=%d size=%d", why, *why ? "\n" : "",
			    op->off, op->size);
}

/* ---- fields ----------------------------------------------------------------------------- */

static const struct {
	uint8_t type; /* NOT_INIT: not a pointer */
	uint16_t flags;
} ctx_yields[] = {
	[CTX_PKT] = {R_PACKET, 0},
	[CTX_PKT_META] = {R_PACKET_META, 0},
	[CTX_PKT_END] = {R_PACKET_END, 0},
	[CTX_POINTER] = {R_MEM, 0},
	[CTX_SOCK_COMMON] = {R_SOCK_COMMON, 0},
	[CTX_SOCK_COMMON_OR_NULL] = {R_SOCK_COMMON, F_NULL},
	[CTX_SOCKET] = {R_SOCKET, 0},
	[CTX_SOCKET_OR_NULL] = {R_SOCKET, F_NULL},
	[CTX_TCP_SOCK] = {R_TCP_SOCK, 0},
	[CTX_TCP_SOCK_OR_NULL] = {R_TCP_SOCK, F_NULL},
	[CTX_XDP_SOCK] = {R_XDP_SOCK, 0},
	[CTX_FLOW_KEYS] = {R_FLOW_KEYS, 0},
	[CTX_TP_BUFFER] = {R_TP_BUFFER, 0},
	[CTX_READ_ONLY_BUF] = {R_BUF, F_RDONLY},
	[CTX_BTF] = {R_BTF_ID, F_TRUSTED},
	[CTX_BTF_OR_NULL] = {R_BTF_ID, F_TRUSTED | F_NULL},
};

static int ctx_set_btf(struct env *env, struct reg *dst, const char *name)
{
	int err = -ENOENT;

	if (env->image->target)
		err = btf_target_find(env->image->target, name, BTF_KIND_STRUCT, &dst->btf,
				      &dst->btf_id);
	if (err)
		return env_unsupported(env, "the kernel's type struct %s, which is not at hand",
				       name);
	return 0;
}

static int ctx_field(struct env *env, const struct mem_op *op)
{
	struct ctx_query q = {
		.attach_type = env->image->expected_attach_type,
		.off = (uint32_t)op->off,
		.size = (uint32_t)op->size,
		.write = op->access == ACCESS_WRITE,
		.sign_extend = op->sign_extend,
		.unprivileged = !env->bpf_capable,
	};
	struct reg *dst = mem_result(env, op);
	struct ctx_answer a;
	uint8_t type;

	if (catalog_ctx_query(env->type, &q, &a))
		return ctx_invalid(env, op, "");
	/* What only programs of one attach type have, there is no place for here. */
	if (env->image->engine && !catalog_ctx_access(env->type, q.off, q.size, q.write))
		return ctx_invalid(env, op, "a field that this engine lacks");
	if (!dst)
		return 0;
	type = a.yield < ARRAY_SIZE(ctx_yields) ? ctx_yields[a.yield].type : R_NOT_INIT;
	if (type == R_NOT_INIT) {
		reg_set_unknown(env, dst);
		return 0;
	}
	reg_set_pointer(dst, type, ctx_yields[a.yield].flags);
	if (dst->flags & F_NULL)
		dst->id = env_new_id(env);
	if (a.yield == CTX_POINTER)
		dst->mem_size = a.field->region;
	return type == R_BTF_ID ? ctx_set_btf(env, dst, a.btf) : 0;
}

/* ---- arguments -------------------------------------------------------------------------- */

/* What a hook returns, for programs that run after it. */
static void ctx_set_retval(struct env *env, struct reg *dst)
{
	static const char *const bools[] = {"bpf_lsm_audit_rule_known", "bpf_lsm_audit_rule_match",
					    "bpf_lsm_inode_xattr_skipcap"};
	const struct btf_attach *a = &env->attach;
	int min = -4095, max = 0;

	reg_set_unknown(env, dst);
	if (a->prog_type != BPF_PROG_TYPE_LSM || a->attach_type != BPF_LSM_MAC || !a->proto ||
	    !a->proto->type)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(bools); i++)
		if (!strcmp(a->name, bools[i])) {
			min = 0;
			max = 1;
		}
	dst->var.s32_min = min;
	dst->var.s32_max = max;
	dst->var.smin = min;
	dst->var.smax = max;
	range_sync(&dst->var);
}

/* TCP congestion control sees every socket as the TCP socket that it is. */
static void ctx_refine(struct env *env, struct reg *dst)
{
	const struct btf_attach *a = &env->attach;
	uint32_t id;

	if (a->prog_type != BPF_PROG_TYPE_STRUCT_OPS ||
	    strcmp(btf_name(a->btf, a->id), "tcp_congestion_ops") || !reg_is_trusted(dst) ||
	    strcmp(btf_name(dst->btf, dst->btf_id), "sock"))
		return;
	id = btf_find(dst->btf, "tcp_sock", BTF_KIND_STRUCT);
	if (id)
		dst->btf_id = id;
}

static uint16_t ctx_flags(uint8_t flags)
{
	return (uint16_t)((flags & BTF_CTX_MAYBE_NULL ? F_NULL : 0) |
			  (flags & BTF_CTX_TRUSTED ? F_TRUSTED : 0) |
			  (flags & BTF_CTX_USER ? F_USER : 0) |
			  (flags & BTF_CTX_PERCPU ? F_PERCPU : 0) |
			  (flags & BTF_CTX_RDONLY ? F_RDONLY : 0));
}

static int ctx_argument(struct env *env, const struct mem_op *op)
{
	struct reg *dst = mem_result(env, op);
	struct btf_ctx_value v;
	char why[BTF_WHY] = "";
	uint32_t ref = 0;

	if (op->off < 0 || op->off >= BTF_MAX_CTX_ARGS * 8 || op->access == ACCESS_WRITE ||
	    op->off % op->size)
		return ctx_invalid(env, op, "");
	if (btf_ctx_access(&env->attach, env->image->target, op->off, op->size, &v, why))
		return ctx_invalid(env, op, why);
	if (*why)
		env_note(env, "%s", why);
	if (v.flags & BTF_CTX_REF) {
		ref = env->ctx_refs[op->off / 8];
		if (!state_find_ref(env->st, ref))
			return env_fail_reg(env, -EACCES, REASON_REF_STATE, op->regno,
					    "invalid bpf_context access off=%d. Reference may "
					    "already be released",
					    op->off);
	}
	if (!dst)
		return 0;
	if (v.kind == BTF_CTX_SCALAR) {
		if (v.flags & BTF_CTX_RETVAL)
			ctx_set_retval(env, dst);
		else
			reg_set_unknown(env, dst);
		return 0;
	}
	reg_set_pointer(dst, v.kind == BTF_CTX_BUF ? R_BUF : R_BTF_ID, ctx_flags(v.flags));
	if (dst->flags & F_NULL)
		dst->id = env_new_id(env);
	if (v.kind == BTF_CTX_PTR) {
		dst->btf = v.btf;
		dst->btf_id = v.type;
		ctx_refine(env, dst);
	}
	dst->ref = ref;
	return 0;
}

int mem_ctx(struct env *env, const struct mem_op *op)
{
	int err = mem_leak(env, op, "ctx");

	if (!err)
		err = mem_exact_pointer(env, mem_reg(env, op), op->regno, false);
	if (err)
		return err;
	env_aux(env)->ctx_off = (int16_t)op->off;
	return env->type->ctx_kind == CTX_IS_BTF_ARGS ? ctx_argument(env, op) : ctx_field(env, op);
}
