/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/kfunc.c - calls of kernel functions: which function, whether it may be called here, and
 * what it leaves behind.
 *
 * A call names a type of the kernel (or, with insn->off, of one of its modules), so everything
 * is in BTF and the catalog's flags; only some functions have rules of their own and a row in
 * kfunc_special.def. A function that this program must not call is an error where a path calls
 * it, not before: dead code may name it.
 */
#include "verify/kfunc.h"

#include <stdlib.h>

#define MAX_ERRNO 4095

/* Types of the kernel that programs know under a register type of its own. */
enum kfunc_object kfunc_reg_object(uint8_t reg_type)
{
	switch (reg_type) {
	case R_SOCKET:
		return KO_SOCK;
	case R_SOCK_COMMON:
		return KO_SOCK_COMMON;
	case R_TCP_SOCK:
		return KO_TCP_SOCK;
	case R_MAP_PTR:
		return KO_MAP;
	default:
		return KO_NONE;
	}
}

/* ---- functions by id ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint16_t groups;
} specials[KS_COUNT] = {
#define KFUNC_SPECIAL(id, name, groups) [KS_##id] = {name, groups},
#include "verify/kfunc_special.def"
#undef KFUNC_SPECIAL
};

static const char *const objects[KO_COUNT] = {
#define OBJECT(id, name) [KO_##id] = name,
	KFUNC_OBJECTS(OBJECT)
#undef OBJECT
};

static const struct {
	const char *suffix;
	uint16_t mark;
} suffixes[] = {
	{"__sz", KM_SIZE},	     {"__szk", KM_CONST_SIZE}, {"__k", KM_CONST},
	{"__ign", KM_IGNORE},	     {"__prog", KM_PROG},      {"__map", KM_MAP},
	{"__uninit", KM_UNINIT},     {"__alloc", KM_ALLOC},    {"__refcounted_kptr", KM_COUNTED},
	{"__nullable", KM_NULLABLE}, {"__str", KM_STR},	       {"__irq_flag", KM_IRQ_FLAG},
	{"__opt", KM_OPT},	     {"__iter", KM_ITER},
};

static int kfunc_tables(struct env *env)
{
	struct env_kfuncs *k;

	if (env->kfuncs)
		return 0;
	if (!env->image->target)
		return env_unsupported(env,
				       "instruction %u calls a kernel function: that needs the "
				       "types of a kernel, and none are at hand",
				       env->insn);
	k = calloc(1, sizeof(*k));
	if (!k)
		return env_nomem(env);
	k->vmlinux = btf_target_vmlinux(env->image->target);
	for (uint32_t i = 1; i < KO_COUNT; i++)
		k->objects[i] = btf_find(k->vmlinux, objects[i], BTF_KIND_STRUCT);
	env->kfuncs = k;
	return 0;
}

void kfunc_free(struct env *env)
{
	if (!env->kfuncs)
		return;
	for (uint32_t i = 0; i < env->kfuncs->n; i++)
		free(env->kfuncs->funcs[i]);
	free(env->kfuncs);
	env->kfuncs = NULL;
}

static uint32_t kfunc_hash(uint32_t id, int16_t off)
{
	return (id * 0x9e3779b1u + (uint32_t)off * 0x85ebca6bu) >> 23;
}

/* The function of a call instruction if it is known already; *slot: where it belongs. */
static struct kfunc *kfunc_get(const struct env *env, const struct bpf_insn *insn, uint32_t *slot)
{
	const struct env_kfuncs *k = env->kfuncs;
	uint32_t at = kfunc_hash((uint32_t)insn->imm, insn->off);

	for (; k->hash[at]; at = (at + 1) % KFUNC_HASH) {
		struct kfunc *f = k->funcs[k->hash[at] - 1];

		if (f->id == (uint32_t)insn->imm && f->off == insn->off)
			return f;
	}
	if (slot)
		*slot = at;
	return NULL;
}

bool kfunc_is_numbers(const struct btf *btf, const struct btf_type *t, int depth)
{
	const struct btf_member *m = btf_type_data(t);

	if (!btf_type_is_composite(t))
		return false;
	for (uint32_t i = 0; i < btf_type_vlen(t); i++) {
		const struct btf_type *of = btf_skip_mods(btf, m[i].type, NULL);

		if (!of)
			return false;
		if (btf_type_is_composite(of)) {
			if (depth >= 3 || !kfunc_is_numbers(btf, of, depth + 1))
				return false;
			continue;
		}
		if (btf_type_kind(of) == BTF_KIND_ARRAY) {
			const struct btf_array *array = btf_type_data(of);

			of = array->nelems ? btf_skip_mods(btf, array->type, NULL) : NULL;
			if (!of)
				return false;
		}
		if (!btf_type_is_scalar(of))
			return false;
	}
	return true;
}

static enum kfunc_object kfunc_object_of(const struct env_kfuncs *k, const struct btf *btf,
					 uint32_t id)
{
	for (uint32_t i = 1; i < KO_COUNT; i++)
		if (k->objects[i] && btf_same(btf, id, k->vmlinux, k->objects[i]))
			return (enum kfunc_object)i;
	return KO_NONE;
}

static bool kfunc_is_callback(const struct btf *btf, const struct btf_param *param)
{
	const struct btf_type *t = btf_skip_mods(btf, param->type, NULL);

	if (!t || btf_type_kind(t) != BTF_KIND_PTR)
		return false;
	t = btf_skip_mods(btf, t->type, NULL);
	return t && btf_type_kind(t) == BTF_KIND_FUNC_PROTO;
}

static int kfunc_classify_param(struct env *env, const struct kfunc *f,
				const struct btf_param *param, struct kfunc_param *out)
{
	const struct btf *btf = f->btf;
	const char *name = btf_str(btf, param->name_off);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (btf_param_suffix(btf, param, suffixes[i].suffix))
			out->marks |= suffixes[i].mark;
	if (!strcmp(name, "rdonly_buf_size"))
		out->marks |= KM_RDONLY_SIZE;
	if (!strcmp(name, "rdwr_buf_size"))
		out->marks |= KM_RDWR_SIZE;
	out->type = btf_skip_mods(btf, param->type, NULL);
	if (!out->type)
		return -EINVAL;
	if (btf_type_kind(out->type) != BTF_KIND_PTR)
		return 0;
	out->to = btf_skip_mods(btf, out->type->type, &out->to_id);
	if (!out->to)
		return -EINVAL;
	out->object = (uint8_t)kfunc_object_of(env->kfuncs, btf, out->to_id);
	out->ctx = btf_is_ctx(btf, out->type, env->type->type);
	out->callback = kfunc_is_callback(btf, param);
	out->numbers = btf_type_is_scalar(out->to) || kfunc_is_numbers(btf, out->to, 0);
	return 0;
}

/* ---- what a call may name at all --------------------------------------------------------------
 */

static int kfunc_btf(struct env *env, int16_t off, const struct btf **btf)
{
	const struct verify_image *image = env->image;
	int err;

	if (!off) {
		*btf = env->kfuncs->vmlinux;
		return 0;
	}
	if (off < 0)
		err = env_fail(env, -EINVAL, REASON_BAD_CALL,
			       "negative offset disallowed for kernel module function call");
	else if (!image->fd_array)
		err = env_fail(env, -EPROTO, REASON_BAD_CALL,
			       "kfunc offset > 0 without fd_array is invalid");
	else if ((uint32_t)off >= image->n_fd_array || !image->fd_array[off])
		err = env_fail(env, -EBADF, REASON_BAD_CALL, "invalid module BTF fd specified");
	else if (image->fd_array[off]->origin != BTF_KERNEL || !image->fd_array[off]->base)
		err = env_fail(env, -EINVAL, REASON_BAD_CALL,
			       "BTF fd for kfunc is not a module BTF");
	else {
		*btf = image->fd_array[off];
		return 0;
	}
	env_note(env, "failed to find BTF for kernel function");
	return err;
}

/* Bytes of an argument or result: 0 void, -EINVAL what has no size in registers. */
static int kfunc_type_size(const struct btf *btf, uint32_t id, const struct btf_type **found)
{
	const struct btf_type *t = btf_skip_mods(btf, id, NULL);

	*found = t;
	if (!t)
		return -EINVAL;
	switch (btf_type_kind(t)) {
	case BTF_KIND_UNKN:
		return 0;
	case BTF_KIND_PTR:
		return 8;
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return t->size <= INT32_MAX ? (int)t->size : -EINVAL;
	default:
		return -EINVAL;
	}
}

#define MAX_FUNC_ARGS	 12 /* of a function that BPF can call, in registers or on the stack */
#define MAX_ARG_BY_VALUE 16

/* The kernel makes a model of the function's calling convention, if it can. */
static int kfunc_check_model(struct env *env, const struct kfunc *f)
{
	const struct btf *btf = f->btf;
	const struct btf_type *proto = f->proto;
	const char *name = f->name;
	const struct btf_param *params = btf_proto_params(proto);
	uint32_t n = btf_type_vlen(proto);
	const struct btf_type *t;
	int size;

	if (f->groups & KG_DEV_BOUND)
		return env_fail(env, -EINVAL, REASON_BAD_CALL,
				"metadata kfuncs require device-bound program");
	if (n > MAX_FUNC_ARGS)
		return env_fail(env, -EINVAL, REASON_BAD_CALL,
				"The function %s has %u arguments. Too many.", name, n);
	size = kfunc_type_size(btf, proto->type, &t);
	if (size < 0 || btf_type_is_composite(t))
		return env_fail(env, -EINVAL, REASON_BAD_CALL,
				"The function %s return type %s is unsupported.", name,
				t ? btf_kind_name(btf_type_kind(t)) : "UNKNOWN");
	for (uint32_t i = 0; i < n; i++) {
		if (i == n - 1 && !params[i].type)
			return env_fail(env, -EINVAL, REASON_BAD_CALL,
					"The function %s with variable args is unsupported.", name);
		size = kfunc_type_size(btf, params[i].type, &t);
		if (size < 0 || size > MAX_ARG_BY_VALUE)
			return env_fail(env, -EINVAL, REASON_BAD_CALL,
					"The function %s arg%u type %s is unsupported.", name, i,
					t ? btf_kind_name(btf_type_kind(t)) : "UNKNOWN");
		if (!size)
			return env_fail(env, -EINVAL, REASON_BAD_CALL,
					"The function %s has malformed void argument.", name);
	}
	return 0;
}

static void kfunc_set_special(struct kfunc *f)
{
	for (uint32_t i = 1; !f->off && i < KS_COUNT; i++) {
		if (!strcmp(specials[i].name, f->name)) {
			f->special = (uint8_t)i;
			f->groups = specials[i].groups;
		}
	}
}

/* Classifies what calls look at. Parameters only of what the program may call. */
static int kfunc_fill(struct env *env, struct kfunc *f)
{
	const struct btf_param *params = btf_proto_params(f->proto);
	const struct kfunc_row *row = catalog_kfunc(f->name);
	uint32_t to;
	int err = 0;

	f->allowed = row && catalog_kfunc_allowed(row, env->type, env->image->expected_attach_type);
	f->flags = row ? row->flags : 0;
	f->n_params = btf_type_vlen(f->proto);
	f->ret = btf_skip_mods(f->btf, f->proto->type, NULL);
	if (btf_type_kind(f->ret) == BTF_KIND_PTR && btf_skip_mods(f->btf, f->ret->type, &to))
		f->ret_object = (uint8_t)kfunc_object_of(env->kfuncs, f->btf, to);
	for (uint32_t i = 0; f->allowed && !err && i < MIN(f->n_params, BTF_MAX_ARGS); i++)
		err = kfunc_classify_param(env, f, &params[i], &f->params[i]);
	return err;
}

static int kfunc_add(struct env *env, const struct bpf_insn *insn, uint32_t slot)
{
	struct env_kfuncs *k = env->kfuncs;
	const struct btf *btf = NULL;
	const struct btf_type *t, *proto;
	struct kfunc *f;
	int err;

	if (k->n == KFUNC_MAX)
		return env_fail(env, -E2BIG, REASON_BAD_CALL,
				"too many different kernel function calls");
	err = kfunc_btf(env, insn->off, &btf);
	if (err)
		return err;
	t = btf_type(btf, (uint32_t)insn->imm);
	if (!t || btf_type_kind(t) != BTF_KIND_FUNC)
		return env_fail(env, -EINVAL, REASON_BAD_CALL, "kernel btf_id %u is not a function",
				(uint32_t)insn->imm);
	proto = btf_type(btf, t->type);
	if (!proto || btf_type_kind(proto) != BTF_KIND_FUNC_PROTO)
		return env_fail(env, -EINVAL, REASON_BAD_CALL,
				"kernel function btf_id %u does not have a valid func_proto",
				(uint32_t)insn->imm);
	f = calloc(1, sizeof(*f));
	if (!f)
		return env_nomem(env);
	f->id = (uint32_t)insn->imm;
	f->off = insn->off;
	f->btf = btf;
	f->proto = proto;
	f->name = btf_str(btf, t->name_off);
	kfunc_set_special(f);
	err = kfunc_check_model(env, f);
	if (!err && kfunc_fill(env, f))
		err = env_fail(env, -EINVAL, REASON_INTERNAL,
			       "types of kernel function %u are broken", f->id);
	if (err) {
		free(f);
		return err;
	}
	k->funcs[k->n++] = f;
	k->hash[slot] = (uint16_t)k->n;
	return 0;
}

int kfunc_prepare(struct env *env, uint32_t at)
{
	const struct bpf_insn *insn = &env->insns[at];
	uint32_t slot;
	int err;

	env->insn = at;
	if (!env->image->gpl)
		return env_fail(env, -EINVAL, REASON_GPL,
				"cannot call kernel function from non-GPL compatible program");
	/* Left by a loader for a function that this kernel does not have: fine in dead code. */
	if (!insn->imm && !insn->off)
		return 0;
	err = kfunc_tables(env);
	if (err)
		return err;
	return kfunc_get(env, insn, &slot) ? 0 : kfunc_add(env, insn, slot);
}

int kfunc_finish(struct env *env)
{
	for (uint32_t i = 0; i < env->n_insns; i++) {
		const struct bpf_insn *insn = &env->insns[i];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL &&
		    !insn->imm && (env->aux[i].flags & AUX_SEEN)) {
			env->insn = i;
			return env_fail(
				env, -EINVAL, REASON_UNKNOWN_FUNC,
				"invalid kernel function call not eliminated in verifier pass");
		}
	}
	return 0;
}

/* The function that the program may call at that instruction, or NULL. */
static const struct kfunc *kfunc_at(const struct env *env, uint32_t at)
{
	const struct kfunc *f = env->kfuncs ? kfunc_get(env, &env->insns[at], NULL) : NULL;

	return f && f->allowed ? f : NULL;
}

int kfunc_traits(struct env *env, uint32_t at, uint32_t *traits, int *n_args)
{
	const struct kfunc *f = kfunc_at(env, at);

	*traits = 0;
	if (!f)
		return 0; /* an error if a path comes here */
	*n_args = (int)f->n_params;
	if (f->flags & KF_SLEEPABLE)
		*traits |= CALL_MIGHT_SLEEP;
	if (f->flags & KF_ITER_NEXT)
		*traits |= CALL_ITER_NEXT;
	if (f->flags & KF_FASTCALL)
		*traits |= CALL_FASTCALL;
	if (btf_type_kind(f->ret) != BTF_KIND_UNKN)
		*traits |= CALL_RETURNS;
	if (f->special == KS_WQ_SET_CALLBACK || (f->groups & KG_TASK_WORK))
		*traits |= CALL_ASYNC_CALLBACK;
	if (f->special == KS_RBTREE_ADD)
		*traits |= CALL_CALLBACK;
	if (f->special == KS_XDP_PULL_DATA)
		*traits |= CALL_PKT_MOVES;
	if (f->special == KS_THROW)
		*traits |= CALL_THROWS;
	return 0;
}

/* ---- a call: before its arguments --------------------------------------------------------------
 */

/* The path on which the lock was not taken: it continues with an error in r0. */
static int kfunc_fork_unlocked(struct env *env)
{
	struct state *s = explore_push(env, env->insn + 1, env->insn, false);
	struct reg *r0;

	if (!s)
		return env_nomem(env);
	r0 = &state_regs(s)[0];
	regs_clobber(env, state_frame(s));
	reg_set_unknown(env, r0);
	r0->var.s32_min = MAX(r0->var.s32_min, -MAX_ERRNO);
	r0->var.s32_max = MIN(r0->var.s32_max, -1);
	r0->var.smin = MAX(r0->var.smin, -MAX_ERRNO);
	r0->var.smax = MIN(r0->var.smax, -1);
	range_sync(&r0->var);
	return 0;
}

/* Rules that look at no argument. */
static int kfunc_check_place(struct env *env, const struct kfunc *f)
{
	if (f->groups & KG_TAKES_LOCK) {
		int err = kfunc_fork_unlocked(env);

		if (err)
			return err;
	}
	if (f->special == KS_TRAP)
		return env_fail(env, -EFAULT, REASON_BAD_CALL,
				"unexpected __bpf_trap() due to uninitialized variable?");
	if ((f->flags & KF_DESTRUCTIVE) && !env->image->cap_sys_admin)
		return env_fail(env, -EACCES, REASON_CAPABILITY,
				"destructive kfunc calls require CAP_SYS_BOOT capability");
	if ((f->flags & KF_SLEEPABLE) && !env_may_sleep(env))
		return env_fail(env, -EACCES, REASON_SLEEP,
				"program must be sleepable to call sleepable kfunc %s", f->name);
	return 0;
}

static int kfunc_push_callback(struct env *env, const struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	enum callback_kind kind;
	int err;

	if (f->special == KS_RBTREE_ADD)
		kind = CALLBACK_RBTREE_ADD;
	else if (f->special == KS_WQ_SET_CALLBACK)
		kind = CALLBACK_WQ;
	else if (f->groups & KG_TASK_WORK)
		kind = CALLBACK_TASK_WORK;
	else
		return 0;
	err = func_push_callback(env, kind, c->subprog);
	if (err)
		env_note(env, "kfunc %s#%u failed callback verification", f->name, f->id);
	return err;
}

static int kfunc_release(struct env *env, const struct kfunc_call *c)
{
	const struct kfunc *f = c->func;

	if (!c->release_reg)
		return 0;
	if (state_release(env, env_reg(env, c->release_reg)->ref))
		return env_fail(env, -EINVAL, REASON_REF_STATE,
				"kfunc %s#%u reference has not been acquired before", f->name,
				f->id);
	return 0;
}

/* ---- what it returns
 * ----------------------------------------------------------------------------- */

static int kfunc_rdonly_cast(struct env *env, const struct kfunc_call *c, struct reg *r0)
{
	/* The constant is an id of the kernel's own width: beyond it the upper half is cut off. */
	uint32_t id = (uint32_t)c->constant;
	const struct btf_type *t = btf_type_by_id(c->func->btf, id);

	if (!t)
		return env_fail(env, -EINVAL, REASON_ARG_CONST,
				"Unknown type ID %lld passed to kfunc bpf_rdonly_cast",
				(long long)c->constant);
	if (btf_type_is_composite(t)) {
		reg_set_pointer(r0, R_BTF_ID, F_UNTRUSTED);
		r0->btf = c->func->btf;
		r0->btf_id = id;
	} else if (btf_type_kind(t) == BTF_KIND_UNKN) {
		reg_set_pointer(r0, R_MEM, F_RDONLY | F_UNTRUSTED);
	} else {
		return env_fail(
			env, -EINVAL, REASON_ARG_CONST,
			"kfunc bpf_rdonly_cast type ID argument must be of a struct or void");
	}
	return 0;
}

static int kfunc_slice(struct env *env, const struct kfunc_call *c, struct reg *r0)
{
	static const uint16_t kinds[] = {
		[DYN_LOCAL] = F_DYN_LOCAL, [DYN_RINGBUF] = F_DYN_RINGBUF, [DYN_SKB] = F_DYN_SKB,
		[DYN_XDP] = F_DYN_XDP,	   [DYN_SKB_META] = F_DYN_META,	  [DYN_FILE] = 0,
	};
	uint16_t flags = kinds[c->dynptr.type];

	if (!c->has_const || !c->dynptr.id)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "%s without dynptr or size",
				c->func->name);
	if (c->func->special == KS_DYNPTR_SLICE) {
		flags |= F_RDONLY;
	} else {
		if (!catalog_packet_access(env->type, true))
			return env_fail(env, -EINVAL, REASON_READ_ONLY,
					"the prog does not allow writes to packet data");
		env->seen_direct_write = true;
	}
	reg_set_pointer(r0, R_MEM, flags);
	r0->mem_size = (uint32_t)c->constant;
	r0->dynptr_id = c->dynptr.id;
	return 0;
}

static bool kfunc_returns_node(const struct kfunc *f)
{
	return f->ret_object == KO_LIST_NODE || f->ret_object == KO_RB_NODE;
}

/* Results that their prototype does not tell: 1 if r0 is set, 0 if the prototype is right. */
static int kfunc_return_special(struct env *env, const struct kfunc_call *c, struct reg *r0)
{
	const struct kfunc *f = c->func;
	int err = 0;

	if (f->off)
		return 0;
	if (f->groups & KG_RETURNS_LOCAL) {
		err = graph_return_local(env, c, r0);
	} else if (c->root && kfunc_returns_node(f)) {
		graph_set_node(r0, c->root);
	} else if (f->special == KS_CAST_TO_KERN_CTX) {
		reg_set_pointer(r0, R_BTF_ID, F_TRUSTED);
		r0->btf = f->btf;
		r0->btf_id = c->ctx_id;
	} else if (f->special == KS_RDONLY_CAST) {
		err = kfunc_rdonly_cast(env, c, r0);
	} else if (f->special == KS_DYNPTR_SLICE || f->special == KS_DYNPTR_SLICE_RDWR) {
		err = kfunc_slice(env, c, r0);
	} else {
		return 0;
	}
	return err ? err : 1;
}

static int kfunc_return_mem(struct env *env, const struct kfunc_call *c, const struct btf_type *to,
			    uint32_t to_id, struct reg *r0)
{
	const struct kfunc *f = c->func;
	uint32_t size = (uint32_t)c->r0_size;
	bool rdonly = c->r0_rdonly;

	if (!c->r0_size) {
		int64_t of_type = btf_size(f->btf, to_id, NULL);

		size = of_type > 0 ? (uint32_t)of_type : 0;
		if (of_type >= 0)
			rdonly = true;
		if (!size)
			return env_fail(
				env, -EINVAL, REASON_UNKNOWN_FUNC,
				"kernel function %s returns pointer type %s %s is not supported",
				f->name, btf_kind_name(btf_type_kind(to)),
				btf_str(f->btf, to->name_off));
	}
	reg_set_pointer(r0, R_MEM, rdonly ? F_RDONLY : 0);
	r0->mem_size = size;
	/* It ends with the object that it belongs to. */
	r0->ref = c->ref;
	if (f->flags & KF_RCU_PROTECTED)
		r0->flags |= F_RCU;
	return 0;
}

static void kfunc_return_struct(struct env *env, const struct kfunc_call *c, uint32_t to_id,
				struct reg *r0)
{
	const struct kfunc *f = c->func;
	/* References are trusted for being references. */
	uint16_t flags = 0;

	if (f->special == KS_GET_KMEM_CACHE)
		flags = F_UNTRUSTED;
	else if ((f->flags & KF_RCU_PROTECTED) ||
		 ((f->flags & KF_ITER_NEXT) && (iter_of_call(env->st, c)->flags & F_RCU)))
		flags = F_RCU;
	else if (f->flags & KF_ITER_NEXT)
		flags = F_TRUSTED;
	reg_set_pointer(r0, R_BTF_ID, flags);
	r0->btf = f->btf;
	r0->btf_id = to_id;
}

static int kfunc_return_pointer(struct env *env, const struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	struct reg *r0 = env_reg(env, 0);
	const struct btf_record *record;
	const struct btf_type *to;
	uint32_t to_id;
	bool null;
	int err;

	to = btf_skip_mods(f->btf, f->ret->type, &to_id);
	if (!to)
		return env_fail(env, -EINVAL, REASON_INTERNAL, "broken type of %s", f->name);
	err = kfunc_return_special(env, c, r0);
	if (err < 0)
		return err;
	if (!err && btf_type_kind(to) == BTF_KIND_UNKN)
		reg_set_unknown(env, r0); /* as good as a number */
	else if (!err && btf_type_kind(to) != BTF_KIND_STRUCT)
		err = kfunc_return_mem(env, c, to, to_id, r0);
	else if (!err)
		kfunc_return_struct(env, c, to_id, r0);
	if (err < 0)
		return err;
	/* One more reference to an object that the program owns cannot be refused. */
	null = (f->flags & KF_RET_NULL) && !(f->special == KS_REFCOUNT_ACQUIRE && c->owning);
	if (null) {
		r0->flags |= F_NULL;
		r0->id = env_new_id(env);
	}
	if (f->flags & KF_ACQUIRE) {
		uint32_t ref = state_acquire(env);

		if (!ref)
			return env_nomem(env);
		if (null)
			r0->id = ref;
		r0->ref = ref;
	} else if (kfunc_returns_node(f)) {
		err = graph_set_non_owning(env, r0);
		if (err)
			return err;
	}
	record = args_record(env, r0);
	if (record && (record->mask & (BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK))) && !r0->id)
		r0->id = env_new_id(env);
	return 0;
}

static int kfunc_return(struct env *env, const struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	struct reg *r0 = env_reg(env, 0);
	bool struct_ptr = false;

	if (btf_type_kind(f->ret) == BTF_KIND_PTR) {
		const struct btf_type *to = btf_skip_mods(f->btf, f->ret->type, NULL);

		struct_ptr = to && btf_type_is_composite(to);
	}
	if ((f->flags & KF_ACQUIRE) && !struct_ptr && !(f->groups & KG_RETURNS_LOCAL))
		return env_fail(env, -EINVAL, REASON_UNKNOWN_FUNC,
				"acquire kernel function does not return PTR_TO_BTF_ID");
	if (btf_type_is_scalar(f->ret)) {
		reg_set_unknown(env, r0);
		if (f->groups & KG_TAKES_LOCK)
			reg_set_const(env, r0, 0);
	} else if (btf_type_kind(f->ret) == BTF_KIND_PTR) {
		return kfunc_return_pointer(env, c);
	}
	return 0;
}

/* ---- the call
 * ------------------------------------------------------------------------------------ */

static int kfunc_throw(struct env *env)
{
	bool done;
	int err;

	env->seen_exception = true;
	/* Without a callback of the program's, the cookie becomes what the program returns. */
	if (!env->exception_callback) {
		err = func_check_return(env, 1, "R1");
		if (err)
			return err;
	}
	regs_clobber(env, state_frame(env->st));
	err = func_exit(env, true, &done);
	return err ? err : 1;
}

static int kfunc_call_checked(struct env *env, struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	int err;

	err = kfunc_check_place(env, f);
	if (!err)
		err = kfunc_args(env, c);
	if (!err)
		err = kfunc_push_callback(env, c);
	if (!err)
		err = irq_sections(env, c);
	if (!err)
		err = kfunc_release(env, c);
	if (!err && (f->groups & KG_INSERTS))
		err = graph_insert(env, c);
	if (err)
		return err;
	if (f->special == KS_THROW)
		return kfunc_throw(env);
	if (f->special == KS_SESSION_COOKIE)
		c->r0_size = sizeof(uint64_t);
	regs_clobber(env, state_frame(env->st));
	err = kfunc_return(env, c);
	if (!err && f->special == KS_XDP_PULL_DATA)
		state_forget_packets(env);
	if (!err && (f->flags & KF_ITER_NEXT))
		err = iter_next(env, c);
	return err;
}

int call_kfunc(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);
	struct kfunc_call c = {0};

	if (insn->imm && env->kfuncs)
		c.func = kfunc_get(env, insn, NULL);
	if (env->st->locks && (!c.func || c.func->off || !(c.func->groups & KG_UNDER_LOCK)))
		return env_fail(env, -EINVAL, REASON_LOCK,
				"function calls are not allowed while holding a lock");
	if (!insn->imm)
		return 0; /* kfunc_finish() refuses it */
	if (!c.func)
		return env_fail(env, -EINVAL, REASON_BAD_CALL, "calling invalid kernel function");
	if (!c.func->allowed)
		return env_fail(env, -EACCES, REASON_FUNC_TYPE,
				"calling kernel function %s is not allowed", c.func->name);
	c.call.name = c.func->name;
	return kfunc_call_checked(env, &c);
}
