/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/args.c - the arguments of helpers: is each register what the contract asks for?
 *
 * One table says which registers may be passed for which kind of argument; what is left after
 * that is checked by kind. Arguments are checked from the first to the last and later ones build
 * on earlier ones: a map tells the size of the key that follows, memory waits for its length.
 */
#include <stdio.h>

#include "verify/env.h"

/* ---- types ------------------------------------------------------------------------------ */

struct arg_type {
	uint8_t type; /* enum reg_type */
	uint16_t flags;
};

#define ARG_MAX_TYPES 9

/* Ends with R_NOT_INIT. The order is that in which the kernel lists what it expected. */
struct arg_types {
	struct arg_type types[ARG_MAX_TYPES + 1];
	const char
		*btf; /* kernel struct that pointers to structs must be, if the helper says none */
};

static const struct arg_types arg_mem = {
	{{R_STACK, 0},
	 {R_PACKET, 0},
	 {R_PACKET_META, 0},
	 {R_MAP_KEY, 0},
	 {R_MAP_VALUE, 0},
	 {R_MEM, 0},
	 {R_MEM, F_RINGBUF},
	 {R_BUF, 0},
	 {R_BTF_ID, F_TRUSTED}},
	NULL,
};
static const struct arg_types arg_scalar = {{{R_SCALAR, 0}}, NULL};
static const struct arg_types arg_ctx = {{{R_CTX, 0}}, NULL};
static const struct arg_types arg_map = {{{R_MAP_PTR, 0}}, NULL};
static const struct arg_types arg_map_value = {{{R_MAP_VALUE, 0}}, NULL};
static const struct arg_types arg_object = {{{R_MAP_VALUE, 0}, {R_BTF_ID, F_ALLOC}}, NULL};
static const struct arg_types arg_record = {{{R_MEM, F_RINGBUF}}, NULL};
static const struct arg_types arg_func = {{{R_FUNC, 0}}, NULL};
static const struct arg_types arg_stack = {{{R_STACK, 0}}, NULL};
static const struct arg_types arg_dynptr = {{{R_STACK, 0}, {R_DYNPTR, 0}}, NULL};
static const struct arg_types arg_sock = {
	{{R_SOCK_COMMON, 0}, {R_SOCKET, 0}, {R_TCP_SOCK, 0}, {R_XDP_SOCK, 0}}, NULL};
static const struct arg_types arg_full_sock = {{{R_SOCKET, 0}}, NULL};
static const struct arg_types arg_btf = {{{R_BTF_ID, 0}, {R_BTF_ID, F_TRUSTED}, {R_BTF_ID, F_RCU}},
					 NULL};
static const struct arg_types arg_btf_sock = {
	{{R_SOCK_COMMON, 0},
	 {R_SOCKET, 0},
	 {R_TCP_SOCK, 0},
	 {R_XDP_SOCK, 0},
	 {R_BTF_ID, 0},
	 {R_BTF_ID, F_TRUSTED}},
	"sock_common",
};
static const struct arg_types arg_percpu = {
	{{R_BTF_ID, F_PERCPU}, {R_BTF_ID, F_PERCPU | F_RCU}, {R_BTF_ID, F_PERCPU | F_TRUSTED}},
	NULL};

static const struct arg_types *const arg_types[] = {
	[ARG_MAP] = &arg_map,		[ARG_MAP_KEY] = &arg_mem,
	[ARG_MAP_VALUE] = &arg_mem,	[ARG_CTX] = &arg_ctx,
	[ARG_MEM] = &arg_mem,		[ARG_SIZE] = &arg_scalar,
	[ARG_SIZE0] = &arg_scalar,	[ARG_ALLOC_SIZE] = &arg_scalar,
	[ARG_ALLOC_MEM] = &arg_record,	[ARG_CONST_STR] = &arg_map_value,
	[ARG_FUNC] = &arg_func,		[ARG_STACK] = &arg_stack,
	[ARG_SPIN_LOCK] = &arg_object,	[ARG_TIMER] = &arg_map_value,
	[ARG_SOCK_COMMON] = &arg_sock,	[ARG_SOCKET] = &arg_full_sock,
	[ARG_BTF] = &arg_btf,		[ARG_BTF_SOCK_COMMON] = &arg_btf_sock,
	[ARG_PERCPU_BTF] = &arg_percpu, [ARG_KPTR_DEST] = &arg_object,
	[ARG_DYNPTR] = &arg_dynptr,
};

static int args_wrong_type(struct env *env, int regno, const struct arg_types *want)
{
	const struct reg *reg = env_reg(env, regno);
	char got[64], text[64], expected[256] = "";
	size_t len = 0;

	for (size_t i = 0; want->types[i].type != R_NOT_INIT && len < sizeof(expected); i++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
					i ? ", " : "",
					reg_type_text(want->types[i].type, want->types[i].flags,
						      text, sizeof(text)));
	return env_fail_reg(env, -EACCES, reg->flags & F_NULL ? REASON_NULL_DEREF : REASON_ARG_TYPE,
			    regno, "R%d type=%s expected=%s", regno,
			    reg_type_text(reg->type, reg->flags, got, sizeof(got)), expected);
}

/* The flags that count when the register's type is compared with the wanted ones. */
static uint16_t args_folded_flags(const struct reg *reg, int regno, uint32_t arg,
				  const struct call *call)
{
	uint16_t flags = reg->flags;

	if (arg & ARG_RDONLY)
		flags &= (uint16_t)~F_RDONLY;
	if (arg & ARG_NULL)
		flags &= (uint16_t)~F_NULL;
	if ((arg & ARG_KIND) == ARG_MEM)
		flags &= (uint16_t)~F_DYN_ANY;
	/* Objects of the program's own may be moved into a map. */
	if (call->func_id == BPF_FUNC_kptr_xchg && (flags & F_ALLOC) && regno == 2)
		flags &= (uint16_t) ~(F_ALLOC | F_PERCPU);
	return flags;
}

/* ---- pointers to structs ----------------------------------------------------------------- */

static bool args_btf_same_struct(struct env *env, const struct reg *reg, const struct btf *btf,
				 uint32_t id, bool strict)
{
	char why[BTF_WHY] = "";
	bool same = btf_match(reg->btf, reg->btf_id, (uint32_t)reg->off, btf, id, strict, why);

	if (why[0])
		env_note(env, "%s", why);
	return same;
}

int args_kptr_match(struct env *env, const struct btf_field *field, const struct reg *reg,
		    int regno)
{
	bool unref = field->id == BTF_FIELD_KPTR_UNREF;
	const char *name = "", *want = btf_name(field->btf, field->type);
	char got[64], expected[64], untrusted[64];
	uint16_t may;

	if (reg->type != R_BTF_ID)
		goto bad;
	if (reg->btf->origin == BTF_KERNEL)
		may = F_NULL | F_TRUSTED | F_RCU | (unref ? F_UNTRUSTED : 0);
	else
		may = F_NULL | F_ALLOC | (field->id == BTF_FIELD_KPTR_PERCPU ? F_PERCPU : 0);
	if (reg->flags & ~may)
		goto bad;
	name = btf_name(reg->btf, reg->btf_id);
	if (mem_exact_pointer(env, reg, regno, true))
		return -EACCES;
	if (args_btf_same_struct(env, reg, field->btf, field->type, !unref))
		return 0;
bad:
	reg_type_text(R_BTF_ID, 0, expected, sizeof(expected));
	reg_type_text(R_BTF_ID, F_UNTRUSTED, untrusted, sizeof(untrusted));
	return env_fail_reg(env, -EINVAL, REASON_KPTR, regno,
			    "invalid kptr access, R%d type=%s%s expected=%s%s%s%s%s", regno,
			    reg_type_text(reg->type, reg->flags, got, sizeof(got)), name, expected,
			    want, unref ? " or " : "", unref ? untrusted : "", unref ? want : "");
}

/* A pointer to the kernel struct of that name; or, without a name, to type call->btf_id. */
static int args_kernel_struct(struct env *env, int regno, uint32_t arg, const char *name,
			      const struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	const struct btf *vmlinux =
		env->image->target ? btf_target_vmlinux(env->image->target) : NULL;
	/* Sockets of any kind begin with what bpf_sk_release() takes. */
	bool strict = (arg & ARG_RELEASE) && call->func_id != BPF_FUNC_sk_release;
	uint32_t id;
	int err;

	if (!vmlinux)
		return env_unsupported(env, "types of the kernel are not at hand");
	err = mem_exact_pointer(env, reg, regno, true);
	if (err)
		return err;
	id = name ? btf_find(vmlinux, name, BTF_KIND_STRUCT) : call->btf_id;
	if (!id || !args_btf_same_struct(env, reg, vmlinux, id, strict))
		return env_fail_reg(env, -EACCES, REASON_ARG_TYPE, regno,
				    "R%d is of type %s but %s is expected", regno,
				    btf_name(reg->btf, reg->btf_id),
				    name ? name : btf_name(vmlinux, id));
	return 0;
}

/* The register is a pointer to a struct, of a type that the table allows. */
static int args_struct(struct env *env, int regno, uint32_t arg, const struct arg_types *types,
		       const struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	const char *name = types->btf	  ? types->btf
			   : call->helper ? call->helper->btf[regno - 1]
					  : NULL;
	bool is_xchg = call->func_id == BPF_FUNC_kptr_xchg;
	char text[64];

	if (types == &arg_mem) {
		if (arg & ARG_RDONLY)
			return 0;
		return env_fail_reg(env, -EACCES, REASON_READ_ONLY, regno,
				    "bpf_%s() may write into memory pointed by R%d type=%s",
				    call->name, regno,
				    reg_type_text(reg->type, reg->flags, text, sizeof(text)));
	}
	if (reg->flags & F_PERCPU && !(reg->flags & F_ALLOC))
		return 0;
	if (reg->flags & F_ALLOC) {
		/* What may be NULL is not expected here: the kernel stumbles over it. */
		if (reg->flags & ~(F_ALLOC | F_PERCPU))
			return env_fail_reg(
				env, -EFAULT, REASON_ARG_TYPE, regno,
				"verifier bug: invalid PTR_TO_BTF_ID register for type match");
		if (is_xchg && regno == 2 && args_kptr_match(env, call->kptr, reg, regno))
			return -EACCES;
		return 0;
	}
	if ((reg->flags & F_NULL) && (!(arg & ARG_NULL) || (arg & ARG_RELEASE)))
		return env_fail_reg(env, -EACCES, REASON_ARG_TYPE, regno,
				    "Possibly NULL pointer passed to helper arg%d", regno);
	if (is_xchg)
		return args_kptr_match(env, call->kptr, reg, regno) ? -EACCES : 0;
	return args_kernel_struct(env, regno, arg, name, call);
}

static int args_type(struct env *env, int regno, uint32_t arg, const struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	uint32_t kind = arg & ARG_KIND;
	const struct arg_types *types = kind < ARRAY_SIZE(arg_types) ? arg_types[kind] : NULL;
	uint16_t flags = args_folded_flags(reg, regno, arg, call);
	const struct arg_type *t;

	if (!types)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "unsupported arg type %u", arg);
	for (t = types->types; t->type != R_NOT_INIT; t++)
		if (t->type == reg->type && t->flags == flags)
			break;
	if (t->type == R_NOT_INIT)
		return args_wrong_type(env, regno, types);
	return reg->type == R_BTF_ID ? args_struct(env, regno, arg, types, call) : 0;
}

int args_exact(struct env *env, const struct reg *reg, int regno, uint32_t arg)
{
	if (arg & ARG_RELEASE) {
		/* What is released is not what the register points to, but what is in there. */
		if ((arg & ARG_KIND) == ARG_DYNPTR && reg->type == R_STACK)
			return 0;
		if (reg->off)
			return env_fail_reg(env, -EINVAL, REASON_REF_STATE, regno,
					    "R%d must have zero offset when passed to release func "
					    "or trusted arg to kfunc",
					    regno);
		return mem_exact_pointer(env, reg, regno, false);
	}
	switch (reg->type) {
	case R_STACK:
	case R_PACKET:
	case R_PACKET_META:
	case R_MAP_KEY:
	case R_MAP_VALUE:
	case R_ARENA:
	case R_SCALAR:
		if (!reg->flags)
			return 0;
		break;
	case R_MEM:
		if (!reg->flags || reg->flags == F_RDONLY || reg->flags == F_RINGBUF)
			return 0;
		break;
	case R_BUF:
		if (!reg->flags || reg->flags == F_RDONLY)
			return 0;
		break;
	case R_BTF_ID:
		switch (reg->flags) {
		case 0:
		case F_ALLOC:
		case F_TRUSTED:
		case F_RCU:
		case F_ALLOC | F_NON_OWN:
		case F_ALLOC | F_NON_OWN | F_RCU:
			return mem_exact_pointer(env, reg, regno, true);
		}
		break;
	}
	return mem_exact_pointer(env, reg, regno, false);
}

int args_global_btf(struct env *env, int regno, const struct btf_global_arg *arg)
{
	uint32_t want = ARG_BTF | (arg->maybe_null ? ARG_NULL : 0);
	struct call call = {.name = "function", .btf_id = arg->type};
	int err = args_type(env, regno, want, &call);

	return err ? err : args_exact(env, env_reg(env, regno), regno, want);
}

/* ---- what comes with references ----------------------------------------------------------- */

/* The reference that is held by what begins in the slot that the register points to. */
static uint32_t args_slot_ref(struct env *env, const struct reg *reg)
{
	int slot = stack_object_slot(env, reg, "dynptr", 2);
	const struct slot *s = slot < 0 ? NULL : &env->st->frame[reg->frame]->slots[slot];

	return s && (s->kind[0] == SLOT_SPILL || s->kind[0] >= SLOT_DYNPTR) ? s->reg.ref : 0;
}

/* The argument is one that the call releases. */
static int args_release(struct env *env, int regno, uint32_t arg, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);

	if ((arg & ARG_KIND) == ARG_DYNPTR) {
		if (reg->type != R_STACK)
			return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
					    "cannot release unowned const bpf_dynptr");
		if (!args_slot_ref(env, reg))
			return env_fail_reg(env, -EINVAL, REASON_DYNPTR, regno,
					    "arg %d is an unacquired reference", regno);
	} else if (!reg->ref && !reg_is_null(reg)) {
		return env_fail_reg(env, -EINVAL, REASON_REF_STATE, regno,
				    "R%d must be referenced when passed to release function",
				    regno);
	}
	call->release_reg = (uint8_t)regno;
	return 0;
}

static int args_note_ref(struct env *env, int regno, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);

	if (!reg->ref)
		return 0;
	if (call->ref)
		return env_fail_reg(env, -EACCES, REASON_REF_STATE, regno,
				    "more than one arg with ref_obj_id R%d %u %u", regno, reg->ref,
				    call->ref);
	call->ref = reg->ref;
	return 0;
}

/* ---- by kind ----------------------------------------------------------------------------- */

static int args_map(struct env *env, int regno, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);

	/* A timer belongs to a map: inner maps of one kind are told apart by their uid. */
	if (call->map && (call->map != reg->map || call->map_uid != reg->map_uid))
		return env_fail_reg(env, -EINVAL, REASON_TIMER, regno,
				    "timer pointer in R1 map_uid=%u doesn't match map pointer in "
				    "R2 map_uid=%u",
				    call->map_uid, reg->map_uid);
	call->map = reg->map;
	call->map_uid = reg->map_uid;
	return 0;
}

/*
 * The key of an array look-up, if it is in the stack and constant: -1 if not. Written as zeros, or
 * by one store of as many bytes as the key has.
 */
static int args_const_key(struct env *env, const struct reg *reg, uint32_t size, int64_t *key)
{
	const struct frame *f = env->st->frame[reg->frame];
	uint32_t zeros = 0, spilled = 0, at;
	const struct slot *s;
	int64_t off;
	int slot, err;

	*key = -1;
	if (!env->bpf_capable || reg->type != R_STACK || !range_is_const(&reg->var))
		return 0;
	off = (int64_t)(range_const(&reg->var) + (uint64_t)reg->off);
	slot = off < 0 && off >= -VERIFY_STACK_SIZE ? stack_slot((int)off) : -1;
	if (slot < 0 || slot >= f->n_slots)
		return 0;
	s = &f->slots[slot];
	at = (uint32_t)(off + (slot + 1) * SLOT_BYTES);
	for (uint32_t b = at; b < SLOT_BYTES && s->kind[b] == SLOT_ZERO; b++)
		zeros++;
	if (zeros >= size) {
		*key = 0;
		return 0;
	}
	if (s->kind[0] != SLOT_SPILL || s->reg.type != R_SCALAR)
		return 0;
	for (uint32_t b = at; b < SLOT_BYTES && s->kind[b] == SLOT_SPILL; b++)
		spilled++;
	if (spilled != size || !range_is_const(&s->reg.var))
		return 0;
	/* The call's result depends on it: other keys are not like this one. */
	err = precise_stack(env, reg->frame, (uint32_t)slot);
	*key = (int64_t)range_const(&env->st->frame[reg->frame]->slots[slot].reg.var);
	return err;
}

static int args_map_key(struct env *env, int regno, struct call *call)
{
	uint32_t size;
	int err;

	if (!call->map)
		return env_fail(env, -EFAULT, REASON_INTERNAL,
				"invalid map_ptr to access map->key");
	size = call->map->desc.key_size;
	err = mem_helper_access(env, regno, (int)size, ACCESS_READ, false, NULL);
	if (err)
		return err;
	/* Of inner maps with BPF_F_INNER_MAP it is not known how many entries they have. */
	if ((call->map->desc.type == BPF_MAP_TYPE_ARRAY ||
	     call->map->desc.type == BPF_MAP_TYPE_PERCPU_ARRAY) &&
	    !(call->map->desc.flags & BPF_F_INNER_MAP))
		return args_const_key(env, env_reg(env, regno), size, &call->const_key);
	return 0;
}

static enum access args_access(uint32_t arg)
{
	return arg & ARG_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static int args_map_value(struct env *env, int regno, uint32_t arg, struct call *call)
{
	if ((arg & ARG_NULL) && reg_is_null(env_reg(env, regno)))
		return 0;
	if (!call->map)
		return env_fail(env, -EFAULT, REASON_INTERNAL,
				"invalid map_ptr to access map->value");
	call->raw_mode = arg & ARG_UNINIT;
	return mem_helper_access(env, regno, (int)call->map->desc.value_size, args_access(arg),
				 false, call);
}

static int args_mem(struct env *env, int regno, uint32_t arg, struct call *call)
{
	int size = call->helper->size[regno - 1], err;

	/* The length is the next argument: all that can be checked now is how to read it. */
	call->raw_mode = arg & ARG_UNINIT;
	if (!(arg & ARG_FIXED))
		return 0;
	err = mem_helper_access(env, regno, size, args_access(arg), false, call);
	if (!err && (arg & ARG_ALIGNED))
		err = mem_aligned(env, env_reg(env, regno), 0, size, true);
	return err;
}

static int args_alloc_size(struct env *env, int regno, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);

	if (!range_is_const(&reg->var))
		return env_fail_reg(env, -EACCES, REASON_ARG_CONST, regno,
				    "R%d is not a known constant'", regno);
	call->mem_size = (uint32_t)range_const(&reg->var);
	return precise_reg(env, regno);
}

int args_dynptr(struct env *env, int regno, uint32_t arg, struct call *call)
{
	enum dynptr_type type = arg & ARG_DYN_LOCAL	? DYN_LOCAL
				: arg & ARG_DYN_RINGBUF ? DYN_RINGBUF
				: arg & ARG_DYN_SKB	? DYN_SKB
				: arg & ARG_DYN_XDP	? DYN_XDP
							: DYN_INVALID;

	return dynptr_arg(env, regno, arg, type, 0);
}

int args_const_str(struct env *env, int regno)
{
	const struct reg *reg = env_reg(env, regno);
	const struct verify_map *map = reg->map;
	uint64_t off;
	int err;

	if (reg->type != R_MAP_VALUE)
		return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
				    "R%d does not point to a map value", regno);
	if (!(map->desc.flags & BPF_F_RDONLY_PROG) || !map->frozen)
		return env_fail_reg(env, -EACCES, REASON_ARG_CONST, regno,
				    "R%d does not point to a readonly map'", regno);
	if (!range_is_const(&reg->var))
		return env_fail_reg(env, -EACCES, REASON_ARG_CONST, regno,
				    "R%d is not a constant address'", regno);
	if (map->desc.type != BPF_MAP_TYPE_ARRAY)
		return env_fail_reg(env, -EACCES, REASON_ARG_CONST, regno,
				    "no direct value access support for this map type");
	err = mem_helper_access(env, regno, (int)map->desc.value_size - reg->off, ACCESS_READ,
				false, NULL);
	if (err)
		return err;
	off = (uint64_t)reg->off + range_const(&reg->var);
	if (map->desc.max_entries != 1)
		return env_fail_reg(env, -BTF_ENOTSUPP, REASON_ARG_CONST, regno,
				    "direct value access on string failed");
	if (off >= map->desc.value_size)
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, regno,
				    "direct value access on string failed");
	if (!map->contents || map->contents_size < map->desc.value_size)
		return env_unsupported(env, "the contents of map '%s' are not at hand",
				       map->desc.name);
	if (!memchr((const char *)map->contents + off, 0, map->desc.value_size - off))
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, regno,
				    "string is not zero-terminated");
	return 0;
}

const struct btf_record *args_struct_record(const struct env *env, const struct btf *btf,
					    uint32_t id)
{
	const struct btf_locals *locals = btf == env->image->btf ? env->locals : NULL;

	for (uint32_t i = 0; !locals && i < env->image->n_maps; i++)
		if (env->image->maps[i].btf == btf)
			locals = env->image->maps[i].locals;
	return locals ? btf_locals_get(locals, id) : NULL;
}

const struct btf_record *args_record(const struct env *env, const struct reg *reg)
{
	if (reg->type == R_MAP_VALUE)
		return reg->map->record;
	if (reg->type == R_BTF_ID && (reg->flags & F_ALLOC))
		return args_struct_record(env, reg->btf, reg->btf_id);
	return NULL;
}

static int args_kptr_dest(struct env *env, int regno, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	const struct btf_record *record = args_record(env, reg);
	const struct btf_field *field;
	uint32_t off;

	if (reg->type == R_MAP_VALUE) {
		if (!reg->map->btf)
			return env_fail_reg(
				env, -EINVAL, REASON_KPTR, regno,
				"map '%s' has to have BTF in order to use bpf_kptr_xchg",
				reg->map->desc.name);
		call->map = reg->map;
	}
	if (!range_is_const(&reg->var))
		return env_fail_reg(
			env, -EINVAL, REASON_KPTR, regno,
			"R%d doesn't have constant offset. kptr has to be at the constant offset",
			regno);
	if (!record || !(record->mask & BTF_MASK_KPTR))
		return env_fail_reg(env, -EINVAL, REASON_KPTR, regno, "R%d has no valid kptr",
				    regno);
	off = (uint32_t)reg->off + (uint32_t)range_const(&reg->var);
	field = btf_record_find(record, off, BTF_MASK_KPTR);
	if (!field)
		return env_fail_reg(env, -EACCES, REASON_KPTR, regno,
				    "off=%d doesn't point to kptr", (int)off);
	if (field->id == BTF_FIELD_KPTR_UNREF)
		return env_fail_reg(env, -EACCES, REASON_KPTR, regno,
				    "off=%d kptr isn't referenced kptr", (int)off);
	call->kptr = field;
	return 0;
}

static int args_spin_lock(struct env *env, int regno, struct call *call)
{
	if (graph_in_locked_callback(env))
		return env_fail_reg(env, -EACCES, REASON_LOCK, regno,
				    "can't spin_{lock,unlock} in rbtree cb");
	return lock_spin(env, regno, call->func_id == BPF_FUNC_spin_lock ? LOCK_TAKE : 0);
}

static int args_kind(struct env *env, int regno, uint32_t arg, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	uint32_t before = regno > 1 ? call->helper->args[regno - 2] : 0;

	switch ((enum helper_arg)(arg & ARG_KIND)) {
	case ARG_MAP:
		return args_map(env, regno, call);
	case ARG_MAP_KEY:
		return args_map_key(env, regno, call);
	case ARG_MAP_VALUE:
		return args_map_value(env, regno, arg, call);
	case ARG_PERCPU_BTF:
		if (!reg->btf_id)
			return env_fail_reg(env, -EACCES, REASON_ARG_TYPE, regno,
					    "Helper has invalid btf_id in R%d", regno);
		call->ret_btf = reg->btf;
		call->ret_btf_id = reg->btf_id;
		return 0;
	case ARG_SPIN_LOCK:
		return args_spin_lock(env, regno, call);
	case ARG_TIMER:
		return lock_map_field(env, regno, BTF_FIELD_TIMER, call);
	case ARG_FUNC:
		call->subprog = reg->subprog;
		return 0;
	case ARG_MEM:
		return args_mem(env, regno, arg, call);
	case ARG_SIZE:
	case ARG_SIZE0:
		return mem_size_reg(env, regno - 1, regno, args_access(before),
				    (arg & ARG_KIND) == ARG_SIZE0, call);
	case ARG_DYNPTR:
		return args_dynptr(env, regno, arg, call);
	case ARG_ALLOC_SIZE:
		return args_alloc_size(env, regno, call);
	case ARG_CONST_STR:
		return args_const_str(env, regno);
	case ARG_KPTR_DEST:
		return args_kptr_dest(env, regno, call);
	default:
		return 0;
	}
}

/* What an argument that is a map value is for this map: some take other things. */
static int args_value_of_map(struct env *env, uint32_t *arg, const struct call *call)
{
	if (!call->map)
		return env_fail(env, -EFAULT, REASON_INTERNAL,
				"invalid map_ptr to access map->type");
	switch (call->map->desc.type) {
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		if (*arg != ARG_MAP_VALUE)
			return env_fail(env, -EINVAL, REASON_ARG_TYPE,
					"invalid arg_type for sockmap/sockhash");
		*arg = ARG_BTF_SOCK_COMMON;
		break;
	case BPF_MAP_TYPE_BLOOM_FILTER:
		if (call->func_id == BPF_FUNC_map_peek_elem)
			*arg = ARG_MAP_VALUE;
		break;
	}
	return 0;
}

/* Packet bytes may be passed where the program may read them and the helper takes them. */
static bool args_may_be_packet(const struct env *env, const struct call *call)
{
	return catalog_packet_access(env->type, false) &&
	       (call->pkt_access || env->type->type == BPF_PROG_TYPE_CGROUP_SOCKOPT);
}

int args_check(struct env *env, int regno, struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	uint32_t arg = call->helper->args[regno - 1];
	int err;

	if (arg == ARG_NONE)
		return 0;
	err = reg_read(env, regno);
	if (err)
		return err;
	if (arg == ARG_ANY) {
		if (!env->allow_ptr_leaks && reg->type != R_SCALAR)
			return env_fail_reg(env, -EACCES, REASON_PTR_LEAK, regno,
					    "R%d leaks addr into helper function", regno);
		return 0;
	}
	if ((reg->type == R_PACKET || reg->type == R_PACKET_META) && !args_may_be_packet(env, call))
		return env_fail_reg(env, -EACCES, REASON_ARG_TYPE, regno,
				    "helper access to the packet is not allowed");
	if ((arg & ARG_KIND) == ARG_ALLOC_MEM)
		arg |= ARG_RELEASE;
	if ((arg & ARG_KIND) == ARG_MAP_VALUE) {
		err = args_value_of_map(env, &arg, call);
		if (err)
			return err;
	}
	/* NULL is a number: it has no type to be checked. */
	if (!(arg & ARG_NULL) || !reg_is_null(reg)) {
		err = args_type(env, regno, arg, call);
		if (!err)
			err = args_exact(env, reg, regno, arg);
	} else {
		err = precise_null(env, regno);
	}
	if (err)
		return err;
	if (arg & ARG_RELEASE) {
		err = args_release(env, regno, arg, call);
		if (err)
			return err;
	}
	if ((arg & ARG_KIND) != ARG_KPTR_DEST) {
		err = args_note_ref(env, regno, call);
		if (err)
			return err;
	}
	return args_kind(env, regno, arg, call);
}
