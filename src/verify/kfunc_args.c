/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/kfunc_args.c - arguments of kernel functions: what the prototype wants, what is given.
 *
 * The prototype alone does not decide: a pointer to a struct may want that struct of the kernel
 * or just memory of its size, and which of them follows from the register. Hence each argument
 * gets its kind at each call, from marks in the parameter's name, from the type, and, at last,
 * from what the register holds.
 */
#include "verify/kfunc.h"

#include <stdio.h>

enum arg_kind {
	KA_CTX,
	KA_NULL,
	KA_LOCAL,   /* object of the program's own, given up */
	KA_COUNTED, /* such an object with a refcount */
	KA_DYNPTR,
	KA_ITER,
	KA_LIST_HEAD,
	KA_LIST_NODE,
	KA_RB_ROOT,
	KA_RB_NODE,
	KA_STR,
	KA_MAP,
	KA_WORKQUEUE,
	KA_TASK_WORK,
	KA_IRQ_FLAG,
	KA_RES_LOCK,
	KA_BTF,
	KA_CALLBACK,
	KA_MEM,
	KA_MEM_SIZE,
};

/* Flags that do not make a pointer less trusted. */
#define F_TRUST (F_ALLOC | F_TRUSTED | F_NON_OWN)

static bool arg_is_trusted(const struct reg *r)
{
	uint16_t flags = r->flags;

	if (r->ref)
		return true;
	if (flags & ~F_TRUST)
		return false;
	return flags || kfunc_reg_object(r->type) != KO_NONE;
}

static int arg_fail(struct env *env, int regno, const char *what)
{
	return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno, "arg#%d %s", regno - 1, what);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static int arg_const(struct env *env, struct kfunc_call *c, int regno, const char *what)
{
	const struct reg *r = env_reg(env, regno);

	if (c->has_const)
		return env_fail(env, -EFAULT, REASON_INTERNAL,
				"only one constant argument permitted");
	if (!range_is_const(&r->var))
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, regno, "R%d %s", regno, what);
	c->has_const = true;
	c->constant = range_const(&r->var);
	return 0;
}

static int arg_scalar(struct env *env, struct kfunc_call *c, const struct kfunc_param *p, int regno)
{
	const struct reg *r = env_reg(env, regno);

	if (r->type != R_SCALAR)
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno, "R%d is not a scalar",
				    regno);
	if (p->marks & KM_CONST) {
		int err = arg_const(env, c, regno, "must be a known constant");

		return err ? err : precise_reg(env, regno);
	}
	if (!(p->marks & (KM_RDONLY_SIZE | KM_RDWR_SIZE)))
		return 0;
	if (p->marks & KM_RDONLY_SIZE)
		c->r0_rdonly = true;
	if (c->r0_size)
		return env_fail(env, -EINVAL, REASON_ARG_TYPE,
				"2 or more rdonly/rdwr_buf_size parameters for kfunc");
	if (!range_is_const(&r->var))
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, regno, "R%d is not a const",
				    regno);
	c->r0_size = range_const(&r->var);
	return precise_reg(env, regno);
}

/* ---- the kind of a pointer ---------------------------------------------------------------------
 */

/* The next argument is a number that says how long this one's memory is. */
static bool arg_has_size(struct env *env, const struct kfunc *f, uint32_t i)
{
	const struct kfunc_param *next = &f->params[i + 1];

	return i + 1 < f->n_params && btf_type_is_scalar(next->type) &&
	       (next->marks & (KM_SIZE | KM_CONST_SIZE)) &&
	       env_reg(env, (int)i + 2)->type == R_SCALAR;
}

static int arg_kind_of_mem(struct env *env, const struct kfunc *f, uint32_t i)
{
	const struct kfunc_param *p = &f->params[i];
	bool sized = arg_has_size(env, f, i);

	if (!p->numbers && !(sized && btf_type_kind(p->to) == BTF_KIND_UNKN))
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, (int)i + 1,
				    "arg#%u pointer type %s %s must point to %sscalar, or struct "
				    "with scalar",
				    i, btf_kind_name(btf_type_kind(p->to)),
				    btf_str(f->btf, p->to->name_off), sized ? "void, " : "");
	return sized ? KA_MEM_SIZE : KA_MEM;
}

/* By the function and the parameter alone, or -1. */
static int arg_kind_of_param(const struct kfunc *f, const struct kfunc_param *p, uint32_t i)
{
	static const int8_t objects[KO_COUNT] = {
		[KO_DYNPTR] = KA_DYNPTR,       [KO_LIST_HEAD] = KA_LIST_HEAD,
		[KO_LIST_NODE] = KA_LIST_NODE, [KO_RB_ROOT] = KA_RB_ROOT,
		[KO_RB_NODE] = KA_RB_NODE,     [KO_WORKQUEUE] = KA_WORKQUEUE,
		[KO_TASK_WORK] = KA_TASK_WORK, [KO_RES_SPIN_LOCK] = KA_RES_LOCK,
	};
	int kind = objects[p->object];
	bool iter =
		f->flags & (KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY) ? !i : p->marks & KM_ITER;

	if (p->marks & KM_ALLOC)
		return KA_LOCAL;
	if (p->marks & KM_COUNTED)
		return KA_COUNTED;
	if (kind == KA_DYNPTR)
		return kind;
	if (iter)
		return KA_ITER;
	if (kind && kind <= KA_RB_NODE)
		return kind;
	if (p->marks & KM_STR)
		return KA_STR;
	if (p->marks & KM_MAP)
		return KA_MAP;
	if (kind && kind <= KA_TASK_WORK)
		return kind;
	if (p->marks & KM_IRQ_FLAG)
		return KA_IRQ_FLAG;
	return kind ? kind : -1;
}

static int arg_kind(struct env *env, const struct kfunc *f, uint32_t i)
{
	const struct kfunc_param *p = &f->params[i];
	const struct reg *r = env_reg(env, (int)i + 1);
	int kind;

	if ((f->groups & KG_TAKES_CTX) || p->ctx)
		return KA_CTX;
	if ((p->marks & KM_NULLABLE) && reg_is_null(r))
		return KA_NULL;
	kind = arg_kind_of_param(f, p, i);
	if (kind >= 0)
		return kind;
	if (r->type == R_BTF_ID || kfunc_reg_object(r->type) != KO_NONE) {
		if (!btf_type_is_composite(p->to))
			return env_fail_reg(
				env, -EINVAL, REASON_ARG_TYPE, (int)i + 1,
				"kernel function %s args#%u pointer type %s %s is not supported",
				f->name, i, btf_kind_name(btf_type_kind(p->to)),
				btf_str(f->btf, p->to->name_off));
		return KA_BTF;
	}
	return p->callback ? KA_CALLBACK : arg_kind_of_mem(env, f, i);
}

/* ---- the context -------------------------------------------------------------------------------
 */

/* The struct that the kernel has for the context of this program's type: vmlinux has a struct
 * with a pair of members for each type, named after it. */
static int arg_kernel_ctx(struct env *env, struct kfunc_call *c)
{
	const struct btf *btf = env->kfuncs->vmlinux;
	uint32_t pairs = btf_find(btf, "bpf_ctx_convert", BTF_KIND_STRUCT),
		 types = btf_find(btf, "bpf_prog_type", BTF_KIND_ENUM), bit, id;
	const struct btf_type *t = btf_type(btf, types);
	const struct btf_enum *values = t ? btf_type_data(t) : NULL;
	const char *name = NULL;
	char member[80];

	for (uint32_t i = 0; t && i < btf_type_vlen(t); i++)
		if ((uint32_t)values[i].val == env->type->type) {
			name = btf_str(btf, values[i].name_off);
			break;
		}
	if (!pairs || !name ||
	    (size_t)snprintf(member, sizeof(member), "%s_kern", name) >= sizeof(member) ||
	    !btf_member_find(btf, pairs, member, &bit, &id))
		return env_unsupported(env, "the target's types do not tell what the context of "
					    "this program type is in the kernel");
	t = btf_type(btf, id);
	if (!t || !btf_type_is_composite(t))
		return env_fail(env, -EINVAL, REASON_ARG_TYPE,
				"kern ctx type id %u is not a struct", id);
	c->ctx_id = id;
	return 0;
}

static int arg_ctx(struct env *env, struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	char text[64];

	if (r->type != R_CTX)
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "arg#%d expected pointer to ctx, but got %s", regno - 1,
				    reg_type_text(r->type, r->flags, text, sizeof(text)));
	return c->func->special == KS_CAST_TO_KERN_CTX ? arg_kernel_ctx(env, c) : 0;
}

/* ---- dynptrs
 * ------------------------------------------------------------------------------------- */

static int arg_dynptr(struct env *env, struct kfunc_call *c, const struct kfunc_param *p, int regno)
{
	const struct reg *r = env_reg(env, regno), *dynptr;
	enum dynptr_type type = DYN_INVALID;
	uint32_t arg = ARG_DYNPTR, ref = 0;
	int err;

	if (r->type == R_DYNPTR)
		arg |= ARG_RDONLY;
	if (p->marks & KM_UNINIT)
		arg |= ARG_UNINIT;
	if ((arg & ARG_RDONLY) && (arg & ARG_UNINIT))
		return env_fail_reg(env, -EFAULT, REASON_DYNPTR, regno,
				    "misconfigured dynptr helper type flags");
	switch (c->func->special) {
	case KS_DYNPTR_FROM_SKB:
		type = DYN_SKB;
		break;
	case KS_DYNPTR_FROM_XDP:
		type = DYN_XDP;
		break;
	case KS_DYNPTR_FROM_SKB_META:
		type = DYN_SKB_META;
		break;
	case KS_DYNPTR_CLONE:
		if (!(arg & ARG_UNINIT))
			break;
		type = (enum dynptr_type)c->dynptr.type;
		ref = c->dynptr.ref;
		if (type == DYN_INVALID)
			return env_fail(env, -EFAULT, REASON_INTERNAL,
					"no dynptr type for parent of clone");
		break;
	default:
		break;
	}
	err = dynptr_arg(env, regno, arg, type, ref);
	if (err || (arg & ARG_UNINIT))
		return err;
	dynptr = dynptr_get(env, r);
	if (!dynptr)
		return env_fail(env, -EINVAL, REASON_INTERNAL, "failed to obtain dynptr id");
	c->dynptr.type = dynptr->dynptr.type;
	c->dynptr.id = dynptr->id;
	c->dynptr.ref = dynptr->ref;
	return 0;
}

/* ---- structs of the kernel
 * ------------------------------------------------------------------------ */

/* One name is the other followed by "___init": the same type, but not yet the real thing. */
static bool arg_is_init_alias(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len == b_len)
		return false;
	return a_len > b_len ? !strncmp(a, b, b_len) && !strcmp(a + b_len, "___init")
			     : !strncmp(a, b, a_len) && !strcmp(b + a_len, "___init");
}

/* A function that takes the program's view of a struct takes the kernel's own, too. */
static bool arg_is_projection(const char *want, const char *have)
{
	return (!strcmp(want, "__sk_buff") && !strcmp(have, "sk_buff")) ||
	       (!strcmp(want, "xdp_md") && !strcmp(have, "xdp_buff"));
}

static int arg_btf_match(struct env *env, struct kfunc_call *c, int regno,
			 const struct btf_type *to, uint32_t to_id, const struct btf *to_btf)
{
	const struct kfunc *f = c->func;
	const struct reg *r = env_reg(env, regno);
	bool named = r->type == R_BTF_ID, strict;
	const struct btf *btf = named ? r->btf : env->kfuncs->vmlinux;
	uint32_t id = named ? r->btf_id : env->kfuncs->objects[kfunc_reg_object(r->type)];
	const struct btf_type *t = btf_skip_mods(btf, id, &id);
	const char *want = btf_str(to_btf, to->name_off), *have;
	char why[BTF_WHY] = "";

	if (!t)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "R%d has a broken type", regno);
	have = btf_str(btf, t->name_off);
	strict = (kfunc_has(c, KF_RELEASE) && r->ref) || arg_is_init_alias(have, want);
	if (arg_is_projection(want, have))
		return 0;
	if (r->off >= 0 && btf_match(btf, id, (uint32_t)r->off, to_btf, to_id, strict, why))
		return 0;
	if (why[0])
		env_note(env, "%s", why);
	return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
			    "kernel function %s args#%d expected pointer to %s %s but R%d has a "
			    "pointer to %s %s",
			    f->name, regno - 1, btf_kind_name(btf_type_kind(to)), want, regno,
			    btf_kind_name(btf_type_kind(t)), have);
}

static int arg_btf(struct env *env, struct kfunc_call *c, const struct kfunc_param *p, int regno,
		   bool map)
{
	const struct reg *r = env_reg(env, regno);
	const struct env_kfuncs *k = env->kfuncs;
	char have[64], want[64];

	if ((r->type != R_BTF_ID || ((r->flags & ~F_TRUST) && !(r->flags & F_RCU))) &&
	    kfunc_reg_object(r->type) == KO_NONE)
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "arg#%d is %s expected %s or socket", regno - 1,
				    reg_type_text(r->type, r->flags, have, sizeof(have)),
				    reg_type_text(r->type, r->flags & F_TRUST, want, sizeof(want)));
	if (!map)
		return arg_btf_match(env, c, regno, p->to, p->to_id, c->func->btf);
	if (!k->objects[KO_MAP])
		return env_unsupported(env, "the target's types have no struct bpf_map");
	return arg_btf_match(env, c, regno, btf_type(k->vmlinux, k->objects[KO_MAP]),
			     k->objects[KO_MAP], k->vmlinux);
}

/* Objects that the kernel reads while others may free them: only with a promise that they live. */
static int arg_trust(struct env *env, const struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);

	if (arg_is_trusted(r))
		return 0;
	if (!kfunc_has(c, KF_RCU))
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "R%d must be referenced or trusted", regno);
	if (!(r->flags & F_RCU))
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "R%d must be a rcu pointer", regno);
	return 0;
}

/* ---- maps
 * ----------------------------------------------------------------------------------------- */

/* A register that names a map, or one that looks as if: its type is checked afterwards. */
static bool arg_names_map(const struct reg *r)
{
	switch (r->type) {
	case R_MAP_PTR:
	case R_MAP_VALUE:
	case R_MAP_KEY:
		return r->map;
	case R_BTF_ID:
		return r->btf;
	case R_MEM:
	case R_BUF:
		return r->mem_size;
	default:
		return false;
	}
}

/* An object of a map value and the map that is passed with it: are they the same? The kernel asks
 * only for maps that have such objects. */
static bool arg_map_fits(const struct kfunc_call *c, const struct reg *r)
{
	uint32_t objects = BTF_MASK(WORKQUEUE) | BTF_MASK(TASK_WORK);

	if (!c->call.map)
		return true;
	if (r->type != R_MAP_PTR)
		return false;
	if (r->map->record && !(r->map->record->mask & objects))
		return true;
	return c->call.map == r->map && c->call.map_uid == r->map_uid;
}

static int arg_map(struct env *env, struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);

	if (!arg_names_map(r))
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "pointer in R%d isn't map pointer", regno);
	if (!arg_map_fits(c, r)) {
		if (c->func->groups & KG_TASK_WORK)
			return env_fail_reg(env, -EINVAL, REASON_TIMER, regno,
					    "bpf_task_work pointer in R2 map_uid=%u doesn't match "
					    "map pointer in R3 map_uid=%u",
					    c->call.map_uid, r->map_uid);
		return env_fail_reg(env, -EINVAL, REASON_TIMER, regno,
				    "workqueue pointer in R1 map_uid=%u doesn't match map pointer "
				    "in R2 map_uid=%u",
				    c->call.map_uid, r->map_uid);
	}
	if (r->type == R_MAP_PTR) {
		c->call.map = r->map;
		c->call.map_uid = r->map_uid;
	}
	return 0;
}

static int arg_map_field(struct env *env, struct kfunc_call *c, int regno, enum btf_field_id id)
{
	if (env_reg(env, regno)->type != R_MAP_VALUE)
		return arg_fail(env, regno, "doesn't point to a map value");
	return lock_map_field(env, regno, id, &c->call);
}

static int arg_str(struct env *env, int regno)
{
	if (env_reg(env, regno)->type != R_MAP_VALUE)
		return arg_fail(env, regno, "doesn't point to a const string");
	return args_const_str(env, regno);
}

static int arg_res_lock(struct env *env, const struct kfunc_call *c, int regno)
{
	const struct reg *r = env_reg(env, regno);
	uint32_t op = LOCK_RESILIENT;

	if (r->type != R_MAP_VALUE && !(r->type == R_BTF_ID && r->flags == F_ALLOC))
		return arg_fail(env, regno, "doesn't point to map value or allocated object");
	if (c->func->groups & KG_TAKES_LOCK)
		op |= LOCK_TAKE;
	if (c->func->groups & KG_LOCK_IRQ)
		op |= LOCK_IRQ;
	return lock_spin(env, regno, op);
}

/* ---- memory
 * ---------------------------------------------------------------------------------------- */

static int arg_mem(struct env *env, const struct kfunc *f, const struct kfunc_param *p, int regno)
{
	int64_t size = btf_size(f->btf, p->to_id, NULL);

	if (size < 0)
		return env_fail_reg(
			env, -EINVAL, REASON_ARG_SIZE, regno,
			"arg#%d reference type('%s %s') size cannot be determined: %lld", regno - 1,
			btf_kind_name(btf_type_kind(p->to)), btf_str(f->btf, p->to->name_off),
			(long long)size);
	return mem_reg_size(env, env_reg(env, regno), regno, (uint32_t)size);
}

static int arg_mem_size(struct env *env, struct kfunc_call *c, const struct kfunc_param *p,
			int regno)
{
	struct reg *r = env_reg(env, regno), saved = *r;
	int err = 0;

	if (!reg_is_null(r) || !(p->marks & KM_OPT)) {
		/* NULL with a length of zero is fine: the function looks. */
		r->flags &= (uint16_t)~F_NULL;
		err = mem_size_reg(env, regno, regno + 1, ACCESS_READ, true, &c->call);
		if (!err)
			err = mem_size_reg(env, regno, regno + 1, ACCESS_WRITE, true, &c->call);
		*env_reg(env, regno) = saved;
	}
	if (err) {
		env_note(env, "arg#%d arg#%d memory, len pair leads to invalid memory access",
			 regno - 1, regno);
		return err;
	}
	if (p[1].marks & KM_CONST_SIZE)
		err = arg_const(env, c, regno + 1, "must be a known constant");
	return err;
}

/* ---- one argument
 * ------------------------------------------------------------------------------------ */

static bool arg_iter_allowed(const struct env *env)
{
	uint32_t type = env->type->type;

	return type == BPF_PROG_TYPE_LSM || env_may_sleep(env) ||
	       (type == BPF_PROG_TYPE_TRACING &&
		env->image->expected_attach_type == BPF_TRACE_ITER);
}

static int arg_iter(struct env *env, struct kfunc_call *c, int regno)
{
	if (c->func->special == KS_ITER_CSS_TASK_NEW && !arg_iter_allowed(env))
		return env_fail_reg(env, -EINVAL, REASON_ITER, regno,
				    "css_task_iter is only allowed in bpf_lsm, bpf_iter and "
				    "sleepable progs");
	return iter_arg(env, c, regno);
}

static int arg_callback(struct env *env, struct kfunc_call *c, int regno)
{
	if (env_reg(env, regno)->type != R_FUNC)
		return env_fail_reg(env, -EINVAL, REASON_CALLBACK, regno,
				    "arg%d expected pointer to func", regno - 1);
	c->subprog = env_reg(env, regno)->subprog;
	return 0;
}

static int arg_of_kind(struct env *env, struct kfunc_call *c, const struct kfunc_param *p,
		       int regno, enum arg_kind kind)
{
	switch (kind) {
	case KA_NULL:
		return 0;
	case KA_CTX:
		return arg_ctx(env, c, regno);
	case KA_LOCAL:
		return graph_local_arg(env, c, regno);
	case KA_COUNTED:
		return graph_counted_arg(env, c, regno);
	case KA_DYNPTR:
		return arg_dynptr(env, c, p, regno);
	case KA_ITER:
		return arg_iter(env, c, regno);
	case KA_LIST_HEAD:
		return graph_root_arg(env, c, regno, BTF_FIELD_LIST_HEAD);
	case KA_RB_ROOT:
		return graph_root_arg(env, c, regno, BTF_FIELD_RB_ROOT);
	case KA_LIST_NODE:
		return graph_node_arg(env, c, regno, BTF_FIELD_LIST_NODE);
	case KA_RB_NODE:
		return graph_node_arg(env, c, regno, BTF_FIELD_RB_NODE);
	case KA_STR:
		return arg_str(env, regno);
	case KA_MAP:
		return arg_btf(env, c, p, regno, true);
	case KA_WORKQUEUE:
		return arg_map_field(env, c, regno, BTF_FIELD_WORKQUEUE);
	case KA_TASK_WORK:
		return arg_map_field(env, c, regno, BTF_FIELD_TASK_WORK);
	case KA_IRQ_FLAG:
		return irq_flag_arg(env, c, regno);
	case KA_RES_LOCK:
		return arg_res_lock(env, c, regno);
	case KA_BTF:
		return arg_btf(env, c, p, regno, false);
	case KA_CALLBACK:
		return arg_callback(env, c, regno);
	case KA_MEM:
		return arg_mem(env, c->func, p, regno);
	case KA_MEM_SIZE:
		return arg_mem_size(env, c, p, regno);
	}
	return -EFAULT;
}

/* A pointer. Kind and trust come before its offset, that before what it points to. */
static int arg_pointer(struct env *env, struct kfunc_call *c, const struct kfunc_param *p,
		       int regno, enum arg_kind *kind)
{
	const struct reg *r = env_reg(env, regno);
	uint32_t arg = 0;
	int err = 0, found;

	if ((reg_is_null(r) || (r->flags & F_NULL)) && !(p->marks & (KM_NULLABLE | KM_OPT)))
		return env_fail_reg(env, -EACCES, REASON_NULL_DEREF, regno,
				    "Possibly NULL pointer passed to trusted arg%d", regno - 1);
	if (r->ref) {
		if (kfunc_has(c, KF_RELEASE) && c->ref)
			return env_fail(env, -EFAULT, REASON_REF_STATE,
					"more than one arg with ref_obj_id R%d %u %u", regno,
					r->ref, c->ref);
		c->ref = r->ref;
		if (kfunc_has(c, KF_RELEASE))
			c->release_reg = (uint8_t)regno;
	}
	found = arg_kind(env, c->func, (uint32_t)regno - 1);
	if (found < 0)
		return found;
	*kind = (enum arg_kind)found;
	if (*kind == KA_NULL)
		return 0;
	if (*kind == KA_MAP)
		err = arg_map(env, c, regno);
	if (!err && (*kind == KA_MAP || *kind == KA_LOCAL || *kind == KA_BTF))
		err = arg_trust(env, c, regno);
	if (err)
		return err;
	if (*kind == KA_CTX)
		arg |= ARG_CTX;
	if (kfunc_has(c, KF_RELEASE) && r->ref)
		arg |= ARG_RELEASE;
	err = args_exact(env, r, regno, arg);
	return err ? err : arg_of_kind(env, c, p, regno, *kind);
}

int kfunc_args(struct env *env, struct kfunc_call *c)
{
	const struct kfunc *f = c->func;
	int err;

	if (f->n_params > BTF_MAX_ARGS)
		return env_fail(env, -EINVAL, REASON_UNKNOWN_FUNC, "Function %s has %u > %d args",
				f->name, f->n_params, BTF_MAX_ARGS);
	for (uint32_t i = 0; i < f->n_params; i++) {
		const struct kfunc_param *p = &f->params[i];
		enum arg_kind kind = KA_NULL;
		int regno = (int)i + 1;

		if (p->marks & KM_PROG) {
			if (c->has_prog)
				return env_fail(env, -EFAULT, REASON_INTERNAL,
						"Only 1 prog->aux argument supported per-kfunc");
			c->has_prog = true;
			continue;
		}
		if (p->marks & KM_IGNORE)
			continue;
		if (btf_type_is_scalar(p->type))
			err = arg_scalar(env, c, p, regno);
		else if (btf_type_kind(p->type) != BTF_KIND_PTR)
			err = env_fail_reg(env, -EINVAL, REASON_UNKNOWN_FUNC, regno,
					   "Unrecognized arg#%u type %s", i,
					   btf_kind_name(btf_type_kind(p->type)));
		else
			err = arg_pointer(env, c, p, regno, &kind);
		if (err)
			return err;
		if (kind == KA_MEM_SIZE)
			i++; /* its length was checked with it */
	}
	if (kfunc_has(c, KF_RELEASE) && !c->release_reg)
		return env_fail(env, -EINVAL, REASON_REF_STATE,
				"release kernel function %s expects refcounted PTR_TO_BTF_ID",
				f->name);
	return 0;
}
