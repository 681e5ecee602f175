/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/attach.c - what a tracing program finds in its context.
 *
 * The context is an array of u64 that hold the arguments of a function of the kernel, and what
 * each is follows from the function's prototype. What prototypes do not say is in tables here:
 * which arguments of tracepoints may be NULL, and what iterators promise of theirs.
 */
#include "btf/btf.h"

#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>

#define ATTACH_RAW_TP	"btf_trace_"
#define ATTACH_ITER	"bpf_iter_"
#define ATTACH_LSM	"bpf_lsm_"
#define ATTACH_MAX_SIZE 16 /* bytes of an argument passed by value */

/* clang-format off */
static const struct {
	const char *name;
	uint16_t args;
} nullable[] = {
#define ARG(i) (1u << (i))
#define NULLABLE(name, args) {#name, args},
#include "btf/nullable.def"
#undef NULLABLE
#undef ARG
};

enum { IT_OBJECT = 1, IT_TRUSTED = 2, IT_BUF = 4, IT_RDONLY = 8 };

/* Iterators: what arguments 1 to 3 are (argument 0 is the iterator's state). Objects and buffers
 * may be NULL, at the end of the iteration. */
static const struct {
	const char *name;
	uint8_t args[3];
} iterators[] = {
	{"bpf_link", {IT_OBJECT}},
	{"bpf_map", {IT_OBJECT | IT_TRUSTED}},
	{"bpf_map_elem", {0, IT_BUF | IT_RDONLY, IT_BUF}},
	{"bpf_prog", {IT_OBJECT}},
	{"bpf_sk_storage_map", {0, IT_OBJECT, IT_BUF}},
	{"cgroup", {IT_OBJECT | IT_TRUSTED}},
	{"dmabuf", {IT_OBJECT}},
	{"ipv6_route", {IT_OBJECT}},
	{"kmem_cache", {IT_OBJECT | IT_TRUSTED}},
	{"ksym", {IT_OBJECT}},
	{"netlink", {IT_OBJECT}},
	{"sockmap", {0, IT_BUF | IT_RDONLY, IT_OBJECT}},
	{"task", {IT_OBJECT | IT_TRUSTED}},
	{"task_file", {IT_OBJECT, 0, IT_OBJECT}},
	{"task_vma", {IT_OBJECT, IT_OBJECT}},
	{"tcp", {IT_OBJECT | IT_TRUSTED}},
	{"udp", {IT_OBJECT | IT_TRUSTED}},
	{"unix", {IT_OBJECT}},
};

/* Hooks whose arguments are being made or are going away. */
static const char *const untrusted_hooks[] = {
	"bpf_map_free", "bpf_prog_free", "file_alloc_security", "file_free_security",
	"sk_alloc_security", "sk_free_security", "task_free",
};

/* Members of ops that programs may not implement. */
static const struct {
	const char *ops, *member;
} unsupported[] = {
	{"tcp_congestion_ops", "get_info"},
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

static const struct btf_param *params(const struct btf_attach *a)
{
	return btf_proto_params(a->proto) + a->skipped;
}

static uint32_t n_args(const struct btf_attach *a)
{
	uint32_t n = btf_type_vlen(a->proto);

	return n < a->skipped ? 0 : n - a->skipped;
}

/* ---- resolving ------------------------------------------------------------------------------ */

/* Bytes that a value of this type takes in a call: 0 for void, -EINVAL if it cannot be passed. */
static int64_t passed_size(const struct btf *btf, uint32_t id, const struct btf_type **type)
{
	const struct btf_type *t = btf_skip_mods(btf, id, NULL);

	*type = t ? t : btf_type_by_id(btf, 0);
	if (!t)
		return -EINVAL;
	switch (btf_type_kind(t)) {
	case BTF_KIND_UNKN:
		return id ? -EINVAL : 0;
	case BTF_KIND_PTR:
		return sizeof(uint64_t);
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_STRUCT:
		return t->size;
	default:
		return -EINVAL;
	}
}

/* Can a trampoline pass these arguments on? */
static int check_proto(const struct btf *btf, const struct btf_type *proto, const char *name,
		       char *why)
{
	const struct btf_param *p = btf_proto_params(proto);
	uint32_t n = btf_type_vlen(proto);
	const struct btf_type *t;
	int64_t size;

	if (n > BTF_MAX_CTX_ARGS)
		return fail(why, -EINVAL, "The function %s has %u arguments. Too many.", name, n);
	size = passed_size(btf, proto->type, &t);
	if (size < 0 || btf_type_kind(t) == BTF_KIND_STRUCT)
		return fail(why, -EINVAL, "The function %s return type %s is unsupported.", name,
			    btf_kind_name(btf_type_kind(t)));
	for (uint32_t i = 0; i < n; i++, p++) {
		if (i == n - 1 && !p->type)
			return fail(why, -EINVAL,
				    "The function %s with variable args is unsupported.", name);
		size = passed_size(btf, p->type, &t);
		if (size < 0 || size > ATTACH_MAX_SIZE)
			return fail(why, -EINVAL, "The function %s arg%u type %s is unsupported.",
				    name, i, btf_kind_name(btf_type_kind(t)));
		if (!size)
			return fail(why, -EINVAL, "The function %s has malformed void argument.",
				    name);
	}
	return 0;
}

static int attach_raw_tp(struct btf_attach *out, const struct btf_type *t, char *why)
{
	const struct btf_type *named;
	char handler[160];

	if (btf_type_kind(t) != BTF_KIND_TYPEDEF)
		return fail(why, -EINVAL, "attach_btf_id %u is not a typedef", out->id);
	if (strncmp(out->name, ATTACH_RAW_TP, strlen(ATTACH_RAW_TP)) != 0)
		return fail(why, -EINVAL, "attach_btf_id %u points to wrong type name %s", out->id,
			    out->name);
	out->name += strlen(ATTACH_RAW_TP);
	t = btf_type(out->btf, t->type);
	if (!t || btf_type_kind(t) != BTF_KIND_PTR)
		return -EINVAL;
	t = btf_type(out->btf, t->type);
	if (!t || btf_type_kind(t) != BTF_KIND_FUNC_PROTO)
		return -EINVAL;
	/* The function behind the tracepoint has the same arguments, and their names. */
	snprintf(handler, sizeof(handler), "__bpf_trace_%s", out->name);
	named = btf_func_proto(out->btf, btf_find(out->btf, handler, BTF_KIND_FUNC), NULL);
	out->proto = named && btf_type_vlen(named) == btf_type_vlen(t) ? named : t;
	out->skipped = 1;
	/* Modules are not known here: any of their objects may be missing. */
	out->maybe_null = out->btf->base ? UINT16_MAX : 0;
	for (size_t i = 0; i < ARRAY_SIZE(nullable); i++)
		if (!strcmp(out->name, nullable[i].name))
			out->maybe_null = nullable[i].args;
	return 0;
}

/* The pointee of argument i, which must be a pointer to a composite. */
static bool set_object(struct btf_attach *a, uint32_t i, const struct btf_type *proto,
		       uint8_t flags)
{
	const struct btf_type *t = btf_skip_mods(a->btf, btf_proto_params(proto)[i].type, NULL);
	uint32_t id;

	if (!t || btf_type_kind(t) != BTF_KIND_PTR)
		return false;
	t = btf_skip_mods(a->btf, t->type, &id);
	if (!t || !btf_type_is_composite(t))
		return false;
	a->values[i] = (struct btf_ctx_value){BTF_CTX_PTR, flags, a->btf, id};
	a->special |= (uint16_t)(1u << i);
	return true;
}

static int attach_iter(struct btf_attach *out)
{
	size_t k = 0;

	if (strncmp(out->name, ATTACH_ITER, strlen(ATTACH_ITER)) != 0)
		return -EINVAL;
	while (k < ARRAY_SIZE(iterators) &&
	       strcmp(out->name + strlen(ATTACH_ITER), iterators[k].name) != 0)
		k++;
	if (k == ARRAY_SIZE(iterators))
		return -EINVAL;
	for (uint32_t i = 1; i < btf_type_vlen(out->proto) && i <= 3; i++) {
		uint8_t is = iterators[k].args[i - 1];

		if (is & IT_BUF) {
			out->values[i] = (struct btf_ctx_value){
				.kind = BTF_CTX_BUF,
				.flags =
					BTF_CTX_MAYBE_NULL | (is & IT_RDONLY ? BTF_CTX_RDONLY : 0)};
			out->special |= (uint16_t)(1u << i);
		} else if (is & IT_OBJECT) {
			set_object(out, i, out->proto,
				   BTF_CTX_MAYBE_NULL | (is & IT_TRUSTED ? BTF_CTX_TRUSTED : 0));
		}
	}
	return 0;
}

static const struct btf_type *attach_begin(const struct btf *btf, uint32_t id, uint32_t prog_type,
					   uint32_t attach_type, struct btf_attach *out, char *why)
{
	const struct btf_type *t = btf_type(btf, id);

	*out = (struct btf_attach){
		.btf = btf, .id = id, .prog_type = prog_type, .attach_type = attach_type};
	if (why)
		*why = '\0';
	out->name = btf_name(btf, id);
	if (!id)
		fail(why, -EINVAL, "Tracing programs must provide btf_id");
	else if (!t)
		fail(why, -EINVAL, "attach_btf_id %u is invalid", id);
	else if (!*out->name)
		fail(why, -EINVAL, "attach_btf_id %u doesn't have a name", id);
	return *out->name ? t : NULL;
}

static int attach_func(struct btf_attach *out, const struct btf_type *t, char *why)
{
	if (btf_type_kind(t) != BTF_KIND_FUNC)
		return fail(why, -EINVAL, "attach_btf_id %u is not a function", out->id);
	out->proto = btf_func_proto(out->btf, out->id, NULL);
	if (!out->proto)
		return -EINVAL;
	return check_proto(out->btf, out->proto, out->name, why);
}

int btf_attach_tracing(const struct btf *btf, uint32_t id, uint32_t prog_type, uint32_t attach_type,
		       struct btf_attach *out, char *why)
{
	const struct btf_type *t = attach_begin(btf, id, prog_type, attach_type, out, why);
	int err;

	if (!t)
		return -EINVAL;
	switch (attach_type) {
	case BPF_TRACE_RAW_TP:
		return attach_raw_tp(out, t, why);
	case BPF_TRACE_ITER:
		err = attach_func(out, t, why);
		return err ? err : attach_iter(out);
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
		if (btf_type_kind(t) == BTF_KIND_FUNC &&
		    strncmp(out->name, ATTACH_LSM, strlen(ATTACH_LSM)) != 0)
			return fail(why, -EINVAL, "attach_btf_id %u points to wrong type name %s",
				    id, out->name);
		return attach_func(out, t, why);
	case BPF_MODIFY_RETURN:
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		return attach_func(out, t, why);
	default:
		return -EINVAL;
	}
}

int btf_attach_prog(const struct btf *btf, uint32_t id, uint32_t prog_type, uint32_t attach_type,
		    uint32_t target_type, struct btf_attach *out, char *why)
{
	const struct btf_type *t = attach_begin(btf, id, prog_type, attach_type, out, why);
	int err;

	if (!t)
		return -EINVAL;
	out->target_type = target_type;
	err = attach_func(out, t, why);
	if (!err && prog_type != BPF_PROG_TYPE_EXT && attach_type != BPF_TRACE_FENTRY &&
	    attach_type != BPF_TRACE_FEXIT)
		err = -EINVAL;
	return err;
}

/* A stub `OPS__MEMBER` names its arguments so that the names tell what the types do not. */
static void struct_ops_stub(struct btf_attach *out, const char *ops)
{
	const struct btf_type *stub;
	char name[160];

	snprintf(name, sizeof(name), "%s__%s", ops, out->name);
	stub = btf_func_proto(out->btf, btf_find(out->btf, name, BTF_KIND_FUNC), NULL);
	if (!stub || btf_type_vlen(stub) != btf_type_vlen(out->proto))
		return;
	for (uint32_t i = 0; i < btf_type_vlen(stub); i++) {
		const struct btf_param *p = btf_proto_params(stub) + i;

		if (btf_param_suffix(out->btf, p, "__nullable"))
			set_object(out, i, stub, BTF_CTX_TRUSTED | BTF_CTX_MAYBE_NULL);
		else if (btf_param_suffix(out->btf, p, "__ref"))
			set_object(out, i, stub, BTF_CTX_TRUSTED | BTF_CTX_REF);
	}
}

int btf_attach_struct_ops(const struct btf *btf, uint32_t id, uint32_t member,
			  struct btf_attach *out, char *why)
{
	const struct btf_type *ops = btf_type(btf, id), *t;
	const struct btf_member *m;
	char value[160];
	const char *name = btf_name(btf, id);

	*out = (struct btf_attach){
		.btf = btf, .id = id, .prog_type = BPF_PROG_TYPE_STRUCT_OPS, .attach_type = member};
	out->name = "";
	if (why)
		*why = '\0';
	if (!id)
		return -BTF_ENOTSUPP;
	snprintf(value, sizeof(value), "bpf_struct_ops_%s", name);
	if (!ops || btf_type_kind(ops) != BTF_KIND_STRUCT || !btf_find(btf, value, BTF_KIND_STRUCT))
		return fail(why, -BTF_ENOTSUPP, "attach_btf_id %u is not a supported struct", id);
	if (member >= btf_type_vlen(ops))
		return fail(why, -EINVAL, "attach to invalid member idx %u of struct %s", member,
			    name);
	m = (const struct btf_member *)btf_type_data(ops) + member;
	out->name = btf_str(btf, m->name_off);
	t = btf_skip_mods(btf, m->type, NULL);
	t = t && btf_type_kind(t) == BTF_KIND_PTR ? btf_skip_mods(btf, t->type, NULL) : NULL;
	if (!t || btf_type_kind(t) != BTF_KIND_FUNC_PROTO)
		return fail(why, -EINVAL, "attach to invalid member %s(@idx %u) of struct %s",
			    out->name, member, name);
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (!strcmp(name, unsupported[i].ops) && !strcmp(out->name, unsupported[i].member))
			return fail(why, -BTF_ENOTSUPP,
				    "attach to unsupported member %s of struct %s", out->name,
				    name);
	out->proto = t;
	if (btf_type_vlen(t) > BTF_MAX_CTX_ARGS)
		return -EINVAL;
	struct_ops_stub(out, name);
	return 0;
}

/* ---- reading the context ----------------------------------------------------------------------
 */

static uint32_t slot_bytes(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_skip_mods(btf, id, NULL);
	int64_t size = t && btf_type_kind(t) == BTF_KIND_PTR ? 8 : t ? btf_size(btf, id, NULL) : 0;

	return size <= 0 ? 0 : (uint32_t)MIN(ALIGN_UP(size, 8), 4096);
}

/* The argument at an offset, counting those skipped: the kernel does, too, so that after the
 * last one comes the returned value, which has a slot unless it is void. */
static uint32_t arg_at(const struct btf_attach *a, uint32_t off)
{
	uint32_t n, end = 0;

	if (!a->proto)
		return off / 8;
	n = btf_type_vlen(a->proto);
	for (uint32_t i = 0; i < n; i++) {
		end += slot_bytes(a->btf, btf_proto_params(a->proto)[i].type);
		if (off < end)
			return i;
	}
	end += slot_bytes(a->btf, a->proto->type);
	return off < end ? n : n + 1;
}

static bool args_trusted(const struct btf_attach *a)
{
	switch (a->prog_type) {
	case BPF_PROG_TYPE_TRACING:
		return a->attach_type == BPF_TRACE_RAW_TP || a->attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_LSM:
		for (size_t i = 0; i < ARRAY_SIZE(untrusted_hooks); i++)
			if (!strcmp(a->name + strlen(ATTACH_LSM), untrusted_hooks[i]))
				return false;
		return true;
	default:
		return a->prog_type == BPF_PROG_TYPE_STRUCT_OPS;
	}
}

/* The type of what a function returns, for those that may read it; NULL: refused. */
static const struct btf_type *returned(const struct btf_attach *a, uint32_t arg,
				       struct btf_ctx_value *out, char *why)
{
	const struct btf_type *t = btf_skip_mods(a->btf, a->proto->type, NULL);

	switch (a->prog_type == BPF_PROG_TYPE_STRUCT_OPS ? 0 : a->attach_type) {
	case BPF_LSM_MAC:
		out->flags |= BTF_CTX_RETVAL;
		return t;
	case BPF_LSM_CGROUP:
	case BPF_TRACE_FEXIT:
		return t;
	case BPF_MODIFY_RETURN:
		if (t && btf_type_kind(t) == BTF_KIND_INT && t->size <= 8)
			return t;
		fail(why, -EACCES, "ret type %s not allowed for fmod_ret",
		     btf_kind_name(t ? btf_type_kind(t) : 0));
		return NULL;
	default:
		fail(why, -EACCES, "func '%s' doesn't have %u-th argument", a->name, arg + 1);
		return NULL;
	}
}

/* Context of a program that is attached to a program: the kernel's object behind it. */
static int translated(const struct btf_attach *a, const struct btf_target *target,
		      const struct btf_type *ptr, struct btf_ctx_value *out)
{
	const char *name = btf_ctx_name(a->target_type, true);

	if (!target || !name || !*name || !btf_is_ctx(a->btf, ptr, a->target_type))
		return -EACCES;
	out->btf = btf_target_vmlinux(target);
	out->type = btf_find(out->btf, name, BTF_KIND_STRUCT);
	return out->type ? 0 : -EACCES;
}

/* struct tcp_congestion_ops is given sockets that are known to be TCP's. */
static void promote(const struct btf_attach *a, struct btf_ctx_value *out)
{
	uint32_t tcp;

	if (a->prog_type != BPF_PROG_TYPE_STRUCT_OPS || out->kind != BTF_CTX_PTR ||
	    strcmp(btf_name(a->btf, a->id), "tcp_congestion_ops") != 0 ||
	    strcmp(btf_name(out->btf, out->type), "sock") != 0)
		return;
	tcp = btf_find(a->btf, "tcp_sock", BTF_KIND_STRUCT);
	if (tcp)
		out->type = tcp;
}

/* Argument `arg` is a pointer of type ptr. */
static int pointer_value(const struct btf_attach *a, const struct btf_target *target, uint32_t arg,
			 const struct btf_type *ptr, struct btf_ctx_value *out, char *why)
{
	const struct btf_type *to = btf_skip_mods(a->btf, ptr->type, &out->type);
	bool is_arg = arg < n_args(a);
	uint8_t tags;

	out->btf = a->btf;
	if (is_arg && arg < BTF_MAX_CTX_ARGS && (a->special & 1u << arg) &&
	    a->values[arg].kind == BTF_CTX_BUF) {
		*out = a->values[arg];
		return 0;
	}
	/* No further pointer walking through void and numbers: a number itself. */
	if (to && (btf_type_kind(to) == BTF_KIND_UNKN || btf_type_kind(to) == BTF_KIND_INT)) {
		out->type = 0;
		return 0;
	}
	if (is_arg && arg < BTF_MAX_CTX_ARGS && (a->special & 1u << arg)) {
		*out = a->values[arg];
		promote(a, out);
		return 0;
	}
	out->kind = BTF_CTX_PTR;
	if (args_trusted(a))
		out->flags |= BTF_CTX_TRUSTED;
	if (is_arg && (btf_param_suffix(a->btf, params(a) + arg, "__nullable") ||
		       (arg < BTF_MAX_CTX_ARGS && (a->maybe_null & 1u << arg))))
		out->flags |= BTF_CTX_MAYBE_NULL;
	if (a->target_type)
		return translated(a, target, ptr, out);
	tags = btf_pointee_tags(a->btf, ptr);
	out->flags |= tags & BTF_PTR_USER ? BTF_CTX_USER : 0;
	out->flags |= tags & BTF_PTR_PERCPU ? BTF_CTX_PERCPU : 0;
	if (!to || !btf_type_is_composite(to))
		return fail(why, -EACCES, "func '%s' arg%u type %s is not a struct", a->name, arg,
			    btf_kind_name(to ? btf_type_kind(to) : 0));
	fail(why, 0, "func '%s' arg%u has btf_id %u type %s '%s'", a->name, arg, out->type,
	     btf_kind_name(btf_type_kind(to)), btf_label(a->btf, to->name_off));
	promote(a, out);
	return 0;
}

int btf_ctx_access(const struct btf_attach *a, const struct btf_target *target, int off, int size,
		   struct btf_ctx_value *out, char *why)
{
	uint32_t arg, n = a->proto ? n_args(a) : BTF_MAX_ARGS;
	const struct btf_type *t;

	*out = (struct btf_ctx_value){0};
	if (why)
		*why = '\0';
	if (off < 0 || off >= BTF_MAX_CTX_ARGS * 8 || size <= 0 || off % size)
		return -EACCES;
	if (off % 8)
		return fail(why, -EACCES, "func '%s' offset %d is not multiple of 8", a->name, off);
	arg = arg_at(a, (uint32_t)off);
	if (arg > n)
		return fail(why, -EACCES, "func '%s' doesn't have %u-th argument", a->name,
			    arg + 1);
	if (!a->proto) {
		if (arg < n)
			return 0;
		/* What a function returns that has no prototype is any number. */
		if (a->attach_type == BPF_LSM_MAC || a->attach_type == BPF_LSM_CGROUP ||
		    a->attach_type == BPF_TRACE_FEXIT)
			return 0;
		return fail(why, -EACCES, "func '%s' doesn't have %u-th argument", a->name,
			    arg + 1);
	}
	if (arg == n) {
		t = returned(a, arg, out, why);
		if (!t)
			return -EACCES;
	} else {
		t = btf_skip_mods(a->btf, params(a)[arg].type, NULL);
	}
	if (!t)
		t = btf_type_by_id(a->btf, 0);
	if ((btf_type_is_scalar(t) && (btf_type_kind(t) != BTF_KIND_INT || t->size <= 8)) ||
	    btf_type_is_composite(t))
		return 0;
	if (btf_type_kind(t) != BTF_KIND_PTR)
		return fail(why, -EACCES,
			    "func '%s' arg%u '%s' has type %s. Only pointer access is allowed",
			    a->name, arg, btf_label(a->btf, t->name_off),
			    btf_kind_name(btf_type_kind(t)));
	if (size != sizeof(uint64_t))
		return fail(why, -EACCES, "func '%s' size %d must be 8", a->name, size);
	return pointer_value(a, target, arg, t, out, why);
}
