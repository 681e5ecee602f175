/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/func.c - prototypes, and what they promise of a program's functions.
 *
 * A global function is verified once for all callers: its arguments are what its types and the
 * tags on them ("arg:nonnull") say, and callers are held to that. Contexts are told by name only.
 */
#include "btf/btf.h"

#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>

#ifndef BPF_PROG_TYPE_NETFILTER
#define BPF_PROG_TYPE_NETFILTER 32 /* an enumerator of headers since 6.4 */
#endif

/* clang-format off */
/* Contexts: as programs see them, as the kernel has them. */
static const struct {
	const char *prog, *kernel;
} contexts[] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_KPROBE] = {"bpf_user_pt_regs_t", "pt_regs"},
	[BPF_PROG_TYPE_SCHED_CLS] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SCHED_ACT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_TRACEPOINT] = {"__u64", "u64"},
	[BPF_PROG_TYPE_XDP] = {"xdp_md", "xdp_buff"},
	[BPF_PROG_TYPE_PERF_EVENT] = {"bpf_perf_event_data", "bpf_perf_event_data_kern"},
	[BPF_PROG_TYPE_CGROUP_SKB] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_CGROUP_SOCK] = {"bpf_sock", "sock"},
	[BPF_PROG_TYPE_LWT_IN] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LWT_OUT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LWT_XMIT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SOCK_OPS] = {"bpf_sock_ops", "bpf_sock_ops_kern"},
	[BPF_PROG_TYPE_SK_SKB] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_CGROUP_DEVICE] = {"bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx"},
	[BPF_PROG_TYPE_SK_MSG] = {"sk_msg_md", "sk_msg"},
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = {"bpf_raw_tracepoint_args", "u64"},
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = {"bpf_sock_addr", "bpf_sock_addr_kern"},
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LIRC_MODE2] = {"__u32", "u32"},
	[BPF_PROG_TYPE_SK_REUSEPORT] = {"sk_reuseport_md", "sk_reuseport_kern"},
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = {"__sk_buff", "bpf_flow_dissector"},
	[BPF_PROG_TYPE_CGROUP_SYSCTL] = {"bpf_sysctl", "bpf_sysctl_kern"},
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = {"bpf_raw_tracepoint_args", "u64"},
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = {"bpf_sockopt", "bpf_sockopt_kern"},
	[BPF_PROG_TYPE_TRACING] = {"", ""},
	[BPF_PROG_TYPE_STRUCT_OPS] = {"", ""},
	[BPF_PROG_TYPE_EXT] = {"", ""},
	[BPF_PROG_TYPE_LSM] = {"", ""},
	[BPF_PROG_TYPE_SK_LOOKUP] = {"bpf_sk_lookup", "bpf_sk_lookup_kern"},
	[BPF_PROG_TYPE_SYSCALL] = {"", ""},
	[BPF_PROG_TYPE_NETFILTER] = {"bpf_nf_ctx", "bpf_nf_ctx"},
};

/* Contexts that are typedefs, and the struct behind. */
static const struct {
	const char *name, *of;
} typedefs[] = {
#if defined(__x86_64__)
	{"bpf_user_pt_regs_t", "pt_regs"},
#else
	{"bpf_user_pt_regs_t", "user_pt_regs"},
#endif
};

/* Structs of the kernel that a program may name in place of its context. */
static const struct {
	const char *context, *kernel;
} projections[] = {{"__sk_buff", "sk_buff"}, {"xdp_md", "xdp_buff"}};

enum { TAG_CTX = 1, TAG_NONNULL = 2, TAG_TRUSTED = 4, TAG_NULLABLE = 8, TAG_ARENA = 16, TAG_UNTRUSTED = 32 };

static const struct {
	const char *name;
	uint8_t tag;
} arg_tags[] = {
	{"ctx", TAG_CTX}, {"nonnull", TAG_NONNULL}, {"trusted", TAG_TRUSTED},
	{"nullable", TAG_NULLABLE}, {"arena", TAG_ARENA}, {"untrusted", TAG_UNTRUSTED},
};
/* clang-format on */

PRINTF_LIKE(3, 4) static int fail(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return err;
	va_start(ap, fmt);
	vsnprintf(why, BTF_WHY, fmt, ap);
	va_end(ap);
	return err;
}

const struct btf_type *btf_func_proto(const struct btf *btf, uint32_t func, uint32_t *id)
{
	for (int depth = 0; depth < BTF_MAX_DEPTH; depth++) {
		const struct btf_type *t = btf_skip_mods(btf, func, &func);

		if (!t)
			return NULL;
		switch (btf_type_kind(t)) {
		case BTF_KIND_FUNC_PROTO:
			if (id)
				*id = func;
			return t;
		case BTF_KIND_FUNC:
		case BTF_KIND_PTR:
			func = t->type;
			break;
		default:
			return NULL;
		}
	}
	return NULL;
}

bool btf_param_suffix(const struct btf *btf, const struct btf_param *param, const char *suffix)
{
	const char *name = btf_str(btf, param->name_off);
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && !strcmp(name + len - tail, suffix);
}

/* ---- contexts ---------------------------------------------------------------------------------
 */

const char *btf_ctx_name(uint32_t prog_type, bool kernel)
{
	if (prog_type >= ARRAY_SIZE(contexts))
		return NULL;
	return kernel ? contexts[prog_type].kernel : contexts[prog_type].prog;
}

/* The struct that a context's name stands for. */
static const char *ctx_struct(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(typedefs); i++)
		if (!strcmp(name, typedefs[i].name))
			return typedefs[i].of;
	return name;
}

/* Behind modifiers, but not typedefs. */
static const struct btf_type *skip_to_typedef(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	for (int depth = 0; t && depth <= BTF_MAX_CHAIN; depth++) {
		if (!btf_type_is_modifier(t) || btf_type_kind(t) == BTF_KIND_TYPEDEF)
			return t;
		t = btf_type_by_id(btf, t->type);
	}
	return NULL;
}

static bool is_regs_typedef(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = skip_to_typedef(btf, id);

	return t && btf_type_kind(t) == BTF_KIND_TYPEDEF &&
	       !strcmp(btf_str(btf, t->name_off), "bpf_user_pt_regs_t");
}

bool btf_is_ctx(const struct btf *btf, const struct btf_type *ptr, uint32_t prog_type)
{
	const struct btf_type *t = btf_skip_mods(btf, ptr->type, NULL);
	const char *context = btf_ctx_name(prog_type, false), *name;

	if (prog_type == BPF_PROG_TYPE_KPROBE && is_regs_typedef(btf, ptr->type))
		return true;
	if (!t || !btf_type_is_composite(t) || !context || !*context)
		return false;
	name = btf_label(btf, t->name_off);
	for (size_t i = 0; i < ARRAY_SIZE(projections); i++)
		if (!strcmp(context, projections[i].context) &&
		    !strcmp(name, projections[i].kernel))
			return true;
	return !strcmp(name, context) || !strcmp(name, ctx_struct(context));
}

/* Types that programs of some kinds may call their context, besides the one that has the name. */
static bool other_ctx(const struct btf *btf, const struct btf_type *t, uint32_t prog_type,
		      uint32_t attach_type)
{
	bool is_struct = btf_type_kind(t) == BTF_KIND_STRUCT;
	bool is_u64 = btf_type_kind(t) == BTF_KIND_INT && t->size == 8;
	const char *name = btf_label(btf, t->name_off);

	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
		return is_struct && !strcmp(name, "pt_regs");
	case BPF_PROG_TYPE_PERF_EVENT:
		return is_struct && !strcmp(name, ctx_struct("bpf_user_pt_regs_t"));
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS:
		return is_u64;
	case BPF_PROG_TYPE_TRACING:
		switch (attach_type) {
		case BPF_TRACE_RAW_TP:
			return is_u64 || (is_struct && !strcmp(name, "bpf_raw_tracepoint_args"));
		case BPF_TRACE_ITER:
			return is_struct && !strncmp(name, "bpf_iter__", strlen("bpf_iter__"));
		case BPF_TRACE_FENTRY:
		case BPF_TRACE_FEXIT:
		case BPF_MODIFY_RETURN:
			return is_u64;
		default:
			return false;
		}
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_EXT:
		return true;
	default:
		return false;
	}
}

int btf_check_ctx(const struct btf *btf, const struct btf_type *ptr, uint32_t prog_type,
		  uint32_t attach_type, uint32_t arg, char *why)
{
	const char *context = btf_ctx_name(prog_type, false), *name;
	const struct btf_type *t;

	if (btf_type_kind(ptr) != BTF_KIND_PTR)
		return fail(why, -EINVAL, "arg#%u type isn't a pointer", arg);
	if ((prog_type == BPF_PROG_TYPE_KPROBE || prog_type == BPF_PROG_TYPE_PERF_EVENT) &&
	    is_regs_typedef(btf, ptr->type))
		return 0;
	t = btf_skip_mods(btf, ptr->type, NULL);
	if (!t || btf_type_kind(t) == BTF_KIND_UNKN)
		return t ? 0 : -EINVAL;
	name = btf_str(btf, t->name_off);
	if (!*name)
		return fail(why, -EINVAL, "arg#%u type doesn't have a name", arg);
	if (other_ctx(btf, t, prog_type, attach_type))
		return 0;
	if (!context)
		return fail(why, -EINVAL, "btf_vmlinux is malformed");
	context = ctx_struct(context);
	/* Numbers are no contexts, and void is any type's. */
	if (!*context || !strncmp(context, "__u", 3))
		return fail(why, -EINVAL, "arg#%u should be void pointer", arg);
	if (btf_type_kind(t) != BTF_KIND_STRUCT || strcmp(name, context) != 0)
		return fail(why, -EINVAL, "arg#%u should be `struct %s *`", arg, context);
	return 0;
}

/* ---- arguments --------------------------------------------------------------------------------
 */

struct func_work {
	const struct btf_target *target;
	const struct btf *btf;
	uint32_t func, prog_type, attach_type;
	bool global;
	uint32_t i; /* the argument */
	char *why;
};

#define ARG_BAD(w, ...) fail((w)->why, -EINVAL, __VA_ARGS__)

static int arg_read_tags(const struct func_work *w, uint32_t *tags)
{
	const char *text;
	uint32_t id = 0;

	*tags = 0;
	while ((id = btf_tag_next(w->btf, w->func, (int)w->i, "arg:", id, &text))) {
		size_t k = 0;

		if (!w->global)
			return fail(w->why, -EOPNOTSUPP,
				    "arg#%u type tag is not supported in static functions", w->i);
		while (k < ARRAY_SIZE(arg_tags) && strcmp(text, arg_tags[k].name) != 0)
			k++;
		if (k == ARRAY_SIZE(arg_tags))
			return fail(w->why, -EOPNOTSUPP, "arg#%u has unsupported set of tags",
				    w->i);
		*tags |= arg_tags[k].tag;
	}
	return 0;
}

static int arg_combination(const struct func_work *w)
{
	return ARG_BAD(w, "arg#%u has invalid combination of tags", w->i);
}

/* The kernel's type that a pointer argument names. */
static int arg_kernel_type(const struct func_work *w, const struct btf_type *ptr, uint32_t *id)
{
	uint32_t local = 0;
	const struct btf_type *t = btf_skip_mods(w->btf, ptr->type, &local);
	const char *kind = btf_kind_name(t ? btf_type_kind(t) : 0);
	const char *name = t ? btf_label(w->btf, t->name_off) : "";
	int err = w->target ? btf_target_match(w->target, w->btf, local, id) : -ENOENT;

	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return fail(w->why, err, "arg#%u reference type('%s %s') has no matches", w->i,
			    kind, name);
	case -ESRCH:
		return fail(w->why, err, "arg#%u reference type('%s %s') is ambiguous", w->i, kind,
			    name);
	case -EOPNOTSUPP:
		return fail(w->why, err,
			    "arg#%u reference type('%s %s') points to kernel module type "
			    "(unsupported)",
			    w->i, kind, name);
	default:
		return fail(w->why, err,
			    "arg#%u reference type('%s %s') candidate matching error: %d", w->i,
			    kind, name, err);
	}
}

static bool is_dynptr(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t = btf_skip_mods(btf, ptr->type, NULL);
	const char *name;

	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return false;
	name = btf_str(btf, t->name_off);
	return !strcmp(name, "bpf_dynptr") || !strcmp(name, "bpf_dynptr_kern");
}

static int arg_untrusted(const struct func_work *w, const struct btf_type *ptr,
			 struct btf_global_arg *out)
{
	const struct btf_type *to = btf_skip_mods(w->btf, ptr->type, NULL);
	int err;

	out->untrusted = true;
	if (to && (btf_type_kind(to) == BTF_KIND_UNKN || btf_type_is_scalar(to))) {
		out->kind = BTF_ARG_MEM;
		return 0;
	}
	out->kind = BTF_ARG_BTF;
	err = arg_kernel_type(w, ptr, &out->type);
	if (err)
		return err;
	to = btf_type(btf_target_vmlinux(w->target), out->type);
	if (!to || !btf_type_is_composite(to))
		return ARG_BAD(w,
			       "arg#%u has type %s '%s', but only struct or primitive types are "
			       "allowed",
			       w->i, btf_kind_name(to ? btf_type_kind(to) : 0),
			       btf_name(btf_target_vmlinux(w->target), out->type));
	return 0;
}

/* Any memory of the size of what is pointed to. */
static int arg_memory(const struct func_work *w, const struct btf_type *ptr, uint32_t tags,
		      struct btf_global_arg *out)
{
	uint32_t id = 0;
	const struct btf_type *t;
	int64_t size;

	if (tags & TAG_NULLABLE)
		return arg_combination(w);
	t = btf_skip_mods(w->btf, ptr->type, &id);
	size = btf_size(w->btf, id, NULL);
	if (size < 0)
		return ARG_BAD(w, "arg#%u reference type('%s %s') size cannot be determined: %ld",
			       w->i, btf_kind_name(t ? btf_type_kind(t) : 0),
			       t ? btf_str(w->btf, t->name_off) : "", (long)size);
	out->kind = BTF_ARG_MEM;
	out->maybe_null = !(tags & TAG_NONNULL);
	out->size = (uint32_t)size;
	return 0;
}

static int arg_pointer(const struct func_work *w, const struct btf_type *ptr, uint32_t tags,
		       struct btf_global_arg *out)
{
	if ((tags & TAG_CTX) || btf_is_ctx(w->btf, ptr, w->prog_type)) {
		out->kind = BTF_ARG_CTX;
		if (tags & ~TAG_CTX)
			return arg_combination(w);
		return tags & TAG_CTX ? btf_check_ctx(w->btf, ptr, w->prog_type, w->attach_type,
						      w->i, w->why)
				      : 0;
	}
	if (is_dynptr(w->btf, ptr)) {
		out->kind = BTF_ARG_DYNPTR;
		return tags ? arg_combination(w) : 0;
	}
	if (tags & TAG_TRUSTED) {
		if (tags & TAG_NONNULL)
			return arg_combination(w);
		out->kind = BTF_ARG_BTF;
		out->trusted = true;
		out->maybe_null = tags & TAG_NULLABLE;
		return arg_kernel_type(w, ptr, &out->type);
	}
	if (tags & TAG_UNTRUSTED)
		return tags & ~TAG_UNTRUSTED
			       ? ARG_BAD(w,
					 "arg#%u untrusted cannot be combined with any other tags",
					 w->i)
			       : arg_untrusted(w, ptr, out);
	if (tags & TAG_ARENA) {
		out->kind = BTF_ARG_ARENA;
		return tags & ~TAG_ARENA
			       ? ARG_BAD(w, "arg#%u arena cannot be combined with any other tags",
					 w->i)
			       : 0;
	}
	return w->global ? arg_memory(w, ptr, tags, out) : -EINVAL;
}

static int arg_classify(const struct func_work *w, uint32_t type, const char *func,
			struct btf_global_arg *out)
{
	const struct btf_type *t = btf_skip_mods(w->btf, type, NULL);
	uint32_t tags;
	int err = arg_read_tags(w, &tags);

	if (err)
		return err;
	if (!t)
		return -EINVAL;
	if (btf_type_kind(t) == BTF_KIND_PTR)
		return arg_pointer(w, t, tags, out);
	if (tags)
		return ARG_BAD(w, "arg#%u has pointer tag, but is not a pointer type", w->i);
	if (btf_type_is_scalar(t)) {
		out->kind = BTF_ARG_SCALAR;
		return 0;
	}
	return !w->global ? -EINVAL
			  : ARG_BAD(w, "Arg#%u type %s in %s() is not supported yet.", w->i,
				    btf_kind_name(btf_type_kind(t)), func);
}

int btf_func_args(const struct btf_target *target, const struct btf *btf, uint32_t func,
		  bool global, uint32_t prog_type, uint32_t attach_type, struct btf_func *out,
		  char *why)
{
	struct func_work w = {.target = target,
			      .btf = btf,
			      .func = func,
			      .prog_type = prog_type,
			      .attach_type = attach_type,
			      .global = global,
			      .why = why};
	const struct btf_type *t = btf_type(btf, func), *ret;
	int err = 0;

	*out = (struct btf_func){.name = btf_name(btf, func)};
	if (why)
		*why = '\0';
	if (!t || btf_type_kind(t) != BTF_KIND_FUNC)
		return fail(why, -EFAULT, "BTF of func#%u doesn't point to KIND_FUNC", func);
	t = btf_type(btf, t->type);
	if (!t || btf_type_kind(t) != BTF_KIND_FUNC_PROTO)
		return fail(why, -EFAULT, "Invalid type of function %s()", out->name);
	out->n_args = btf_type_vlen(t);
	if (out->n_args > BTF_MAX_ARGS)
		return global ? fail(why, -EINVAL,
				     "Global function %s() with %u > %d args. Buggy compiler.",
				     out->name, out->n_args, BTF_MAX_ARGS)
			      : -EINVAL;
	ret = btf_skip_mods(btf, t->type, NULL);
	if (!ret || !btf_type_is_scalar(ret))
		return global ? fail(why, -EINVAL,
				     "Global function %s() doesn't return scalar. Only those are "
				     "supported.",
				     out->name)
			      : -EINVAL;
	for (; !err && w.i < out->n_args; w.i++)
		err = arg_classify(&w, btf_proto_params(t)[w.i].type, out->name, &out->args[w.i]);
	return err;
}

/* ---- two functions ----------------------------------------------------------------------------
 */

/* One pair of arguments: numbers of one size, or pointers to structs of one name. */
static int match_types(const struct btf *a, const struct btf_type *at, const struct btf *b,
		       const struct btf_type *bt, uint32_t i, const char *a_name,
		       const char *b_name, char *why)
{
	const struct btf_type *to_a, *to_b;

	if (at->info != bt->info)
		return fail(why, -EINVAL, "arg%u in %s() is %s while %s() has %s", i, a_name,
			    btf_kind_name(btf_type_kind(at)), b_name,
			    btf_kind_name(btf_type_kind(bt)));
	if (btf_type_kind(at) != BTF_KIND_PTR && at->size != bt->size)
		return fail(why, -EINVAL, "arg%u in %s() has size %u while %s() has %u", i, a_name,
			    at->size, b_name, bt->size);
	if (btf_type_is_scalar(at))
		return 0;
	if (btf_type_kind(at) != BTF_KIND_PTR)
		return fail(why, -EINVAL, "arg%u in %s() has unrecognized type", i, a_name);
	to_a = btf_skip_mods(a, at->type, NULL);
	to_b = btf_skip_mods(b, bt->type, NULL);
	if (!to_a || !btf_type_is_composite(to_a))
		return fail(why, -EINVAL, "arg%u in %s() is not a pointer to context", i, a_name);
	if (!to_b || !btf_type_is_composite(to_b))
		return fail(why, -EINVAL, "arg%u in %s() is not a pointer to context", i, b_name);
	if (strcmp(btf_label(a, to_a->name_off), btf_label(b, to_b->name_off)) != 0)
		return fail(why, -EINVAL, "arg%u %s(struct %s *) doesn't match %s(struct %s *)", i,
			    a_name, btf_label(a, to_a->name_off), b_name,
			    btf_label(b, to_b->name_off));
	return 0;
}

int btf_func_match(const struct btf *a, uint32_t a_func, const struct btf *b, uint32_t b_func,
		   char *why)
{
	const struct btf_type *pa = btf_func_proto(a, a_func, NULL);
	const struct btf_type *pb = btf_func_proto(b, b_func, NULL), *ta, *tb;
	const char *a_name = btf_name(a, a_func), *b_name = btf_name(b, b_func);
	int err = 0;

	if (why)
		*why = '\0';
	if (!pa || !pb)
		return -EINVAL;
	if (btf_type_vlen(pa) != btf_type_vlen(pb))
		return fail(why, -EINVAL, "%s() has %u args while %s() has %u args", a_name,
			    btf_type_vlen(pa), b_name, btf_type_vlen(pb));
	ta = btf_skip_mods(a, pa->type, NULL);
	tb = btf_skip_mods(b, pb->type, NULL);
	if (!ta || !tb || ta->info != tb->info)
		return fail(why, -EINVAL, "Return type %s of %s() doesn't match type %s of %s()",
			    btf_kind_name(ta ? btf_type_kind(ta) : 0), a_name,
			    btf_kind_name(tb ? btf_type_kind(tb) : 0), b_name);
	for (uint32_t i = 0; !err && i < btf_type_vlen(pa); i++) {
		ta = btf_skip_mods(a, btf_proto_params(pa)[i].type, NULL);
		tb = btf_skip_mods(b, btf_proto_params(pb)[i].type, NULL);
		err = ta && tb ? match_types(a, ta, b, tb, i, a_name, b_name, why) : -EINVAL;
	}
	return err;
}
