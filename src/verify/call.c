/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/call.c - calls of helpers: may the program call it here, and what is known afterwards.
 *
 * Contracts come from the catalog; here is only what a contract cannot say: rules of the place
 * (locks, RCU sections, sleeping), helpers that do more than take arguments and return something,
 * and what the result is. After a call r0 is the result and r1-r5 are gone, whatever they were.
 */
#include "verify/env.h"
#include "verify/log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_ERRNO 4095

/* ---- contracts -------------------------------------------------------------------------- */

static bool call_is_capable(const struct env *env, const struct helper *helper)
{
	const struct verify_image *image = env->image;

	if ((helper->flags & HELPER_CAP_BPF) && !image->cap_bpf && !image->cap_sys_admin)
		return false;
	return !(helper->flags & HELPER_CAP_PERFMON) || image->cap_perfmon || image->cap_sys_admin;
}

/* Some helpers depend on what the program attaches to: -EPERM if it is nothing for them. */
static int call_target(const struct env *env, const struct helper *helper)
{
	const struct verify_image *image = env->image;
	const struct btf_attach *attach = &env->attach;
	const char *target = NULL, *member = NULL;

	if (attach->btf && attach->prog_type == BPF_PROG_TYPE_STRUCT_OPS)
		member = attach->name;
	if (image->attach_btf && !image->attach_is_prog)
		target = btf_name(image->attach_btf, image->attach_btf_id);
	return catalog_helper_target(helper, image->type, image->expected_attach_type, target,
				     member);
}

int call_contract(const struct env *env, uint32_t id, const struct helper **out)
{
	const struct verify_image *image = env->image;
	int err;

	*out = image->helper ? image->helper(image->user, id) : NULL;
	if (*out)
		return (*out)->progs & image->type->set ? 0 : -EINVAL;
	if (id >= CATALOG_HELPERS)
		return -ERANGE;
	err = catalog_helper_contract(id, image->type, image->expected_attach_type,
				      env->in_sleepable, out);
	if (err || !*out || !call_is_capable(env, *out))
		return -EINVAL;
	return call_target(env, *out);
}

/* Callbacks: which function of the program a helper calls, and when. */
static bool call_is_async(uint32_t id)
{
	return id == BPF_FUNC_timer_set_callback;
}

static bool call_has_callback(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_find_vma:
	case BPF_FUNC_loop:
	case BPF_FUNC_user_ringbuf_drain:
		return true;
	default:
		return false;
	}
}

void call_traits(const struct env *env, uint32_t id, uint32_t *traits, int *n_args)
{
	const struct helper *helper;
	int n = 0;

	*traits = 0;
	if (call_has_callback(id))
		*traits |= CALL_CALLBACK;
	if (call_is_async(id))
		*traits |= CALL_ASYNC_CALLBACK;
	if (!call_contract(env, id, &helper)) {
		if (helper->flags & HELPER_MIGHT_SLEEP)
			*traits |= CALL_MIGHT_SLEEP;
		/* Who knows what a program does that is tail-called? */
		if (helper->flags & HELPER_PKT_MOVES || id == BPF_FUNC_tail_call)
			*traits |= CALL_PKT_MOVES;
		if (helper->flags & HELPER_FASTCALL)
			*traits |= CALL_FASTCALL;
		if ((helper->ret & RET_KIND) != RET_VOID)
			*traits |= CALL_RETURNS;
		while (n < 5 && helper->args[n] != ARG_NONE)
			n++;
	}
	*n_args = n;
}

/* False if the kernel that the types are from was built without it. */
static bool call_is_built(const struct env *env, const struct helper *h)
{
	char name[64];

	if (!(h->flags & HELPER_OPTIONAL) || !env->image->target)
		return true;
	snprintf(name, sizeof(name), "bpf_%s", h->name);
	return btf_find(btf_target_vmlinux(env->image->target), name, BTF_KIND_FUNC) != 0;
}

static int call_resolve(struct env *env, struct call *call)
{
	int err = call_contract(env, call->func_id, &call->helper);
	const char *name = catalog_helper_name(call->func_id);
	const struct helper *h = call->helper;

	if (h)
		name = h->name;
	call->name = name ? name : "unspec";
	if (err == -ERANGE)
		return env_fail(env, -EINVAL, REASON_UNKNOWN_FUNC, "invalid func unknown#%d",
				call->func_id);
	if (h && !call_is_built(env, h))
		err = -EINVAL;
	if (err && err != -EPERM)
		return env_fail(env, err, REASON_FUNC_TYPE,
				"program of this type cannot use helper bpf_%s#%u", call->name,
				call->func_id);
	/* Of a helper with several contracts, the engine's is one. */
	if (env->image->engine && !(h->flags & HELPER_ENGINE) && !catalog_helper(h->id))
		return env_fail(env, -EINVAL, REASON_UNKNOWN_FUNC,
				"helper bpf_%s#%u is not implemented by this engine", call->name,
				call->func_id);
	if ((h->flags & HELPER_GPL) && !env->image->gpl)
		return env_fail(env, -EINVAL, REASON_GPL,
				"cannot call GPL-restricted function from non-GPL compatible "
				"program");
	if (err)
		return env_fail(env, -EINVAL, REASON_CALL_CONTEXT,
				"helper call is not allowed in probe");
	call->pkt_access = h->flags & HELPER_PKT_DATA;
	return 0;
}

/* Is this a place where something that may sleep can be called? */
static int call_check_sleep(struct env *env, const struct call *call)
{
	const struct state *s = env->st;
	const char *where = s->rcu_depth     ? "rcu_read_lock"
			    : s->preempt_off ? "non-preemptible"
			    : s->irq_id	     ? "IRQ-disabled"
					     : NULL;

	if (!(call->helper->flags & HELPER_MIGHT_SLEEP))
		return 0;
	if (!s->sleepable)
		return env_fail(env, -EINVAL, REASON_SLEEP,
				"helper call might sleep in a non-sleepable prog");
	if (where)
		return env_fail(env, -EINVAL, REASON_SLEEP,
				"sleepable helper bpf_%s#%u in %s region", call->name,
				call->func_id, where);
	return 0;
}

/* ---- maps ------------------------------------------------------------------------------- */

/* Calls whose map, if always the same, is known to whoever compiles the program. */
static bool call_depends_on_map(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_redirect_map:
	case BPF_FUNC_map_lookup_percpu_elem:
		return true;
	default:
		return false;
	}
}

static int call_note_map(struct env *env, const struct call *call)
{
	struct insn_aux *aux = env_aux(env);

	if (!call_depends_on_map(call->func_id))
		return 0;
	if (!call->map)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "expected map for helper call");
	if ((call->map->desc.flags & BPF_F_RDONLY_PROG) &&
	    (call->func_id == BPF_FUNC_map_delete_elem ||
	     call->func_id == BPF_FUNC_map_update_elem || call->func_id == BPF_FUNC_map_push_elem ||
	     call->func_id == BPF_FUNC_map_pop_elem))
		return env_fail(env, -EACCES, REASON_READ_ONLY, "write into map forbidden");
	if (!aux->map)
		aux->map = call->map;
	else if (aux->map != call->map)
		aux->map = MAP_POISON;
	return 0;
}

/* Tail calls: the index, if it is always the same. */
static int call_note_key(struct env *env, const struct call *call)
{
	struct insn_aux *aux = env_aux(env);
	const struct reg *index = env_reg(env, 3);
	uint64_t key;
	int err;

	if (call->func_id != BPF_FUNC_tail_call)
		return 0;
	if (!call->map || call->map->desc.type != BPF_MAP_TYPE_PROG_ARRAY)
		return env_fail(env, -EINVAL, REASON_ARG_TYPE,
				"expected prog array map for tail call");
	if (index->type != R_SCALAR || !range_is_const(&index->var) ||
	    range_const(&index->var) >= call->map->desc.max_entries) {
		aux->map_key = KEY_POISON;
		return 0;
	}
	key = range_const(&index->var);
	err = precise_reg(env, 3);
	if (err)
		return err;
	if (aux->map_key == KEY_NONE)
		aux->map_key = key;
	else if (aux->map_key != key)
		aux->map_key = KEY_POISON;
	return 0;
}

/* Maps of sockets are changed only where no socket at hand may be locked. */
static bool call_may_update(struct env *env, const struct call *call)
{
	uint32_t type = call->map->desc.type;

	if ((type != BPF_MAP_TYPE_SOCKMAP && type != BPF_MAP_TYPE_SOCKHASH) ||
	    (call->func_id != BPF_FUNC_map_update_elem &&
	     call->func_id != BPF_FUNC_map_delete_elem) ||
	    catalog_sockmap_update(env->type, env->image->expected_attach_type, call->func_id))
		return true;
	env_note(env, "cannot update sockmap in this context");
	return false;
}

static int call_check_map(struct env *env, const struct call *call)
{
	const struct verify_image *image = env->image;
	const struct helper *h = call->helper;
	bool own = image->helper && image->helper(image->user, call->func_id) == h;

	if (!call->map)
		return 0;
	/* What an embedder's own helper takes, its contract says; for all others there are rules.
	 */
	if (own ? h->maps == MAPS_BY_TYPE || catalog_helper_takes_map(h, call->map->desc.type)
		: catalog_map_permits(call->map->desc.type, call->func_id) &&
			    call_may_update(env, call))
		return 0;
	return env_fail(env, -EINVAL, REASON_ARG_TYPE,
			"cannot pass map_type %u into func bpf_%s#%u", call->map->desc.type,
			call->name, call->func_id);
}

/* ---- references ------------------------------------------------------------------------- */

/* What a kptr takes over is no longer the program's, but may be read as long as RCU protects it. */
static int call_give_away(struct env *env, uint32_t ref)
{
	bool in_rcu = env->st->rcu_depth || env->st->locks || !env->st->sleepable;
	struct reg *r;
	int err = state_forget_ref(env->st, ref);

	if (err)
		return err;
	STATE_FOR_EACH_REG(env->st, r)
	{
		if (r->ref != ref)
			continue;
		if (in_rcu && (r->flags & F_ALLOC) && (r->flags & F_PERCPU)) {
			r->ref = 0;
			r->flags = (uint16_t)((r->flags & ~F_ALLOC) | F_RCU);
		} else {
			reg_drop(env, r);
		}
	}
	return 0;
}

static int call_release(struct env *env, const struct call *call)
{
	int regno = call->release_reg, err = -EINVAL;

	if (!regno)
		return 0;
	if ((call->helper->args[regno - 1] & ARG_KIND) == ARG_DYNPTR)
		err = dynptr_unmark(env, regno);
	else if (call->func_id == BPF_FUNC_kptr_xchg && call->ref)
		err = call_give_away(env, call->ref);
	else if (call->ref)
		err = state_release(env, call->ref);
	else if (reg_is_null(env_reg(env, regno)))
		err = 0;
	if (err)
		return env_fail_reg(env, err, REASON_REF_STATE, regno,
				    "func bpf_%s#%u reference has not been acquired before",
				    call->name, call->func_id);
	return 0;
}

static bool call_acquires(const struct call *call)
{
	if (call->func_id == BPF_FUNC_map_lookup_elem)
		return call->map->desc.type == BPF_MAP_TYPE_SOCKMAP ||
		       call->map->desc.type == BPF_MAP_TYPE_SOCKHASH;
	return call->helper->flags & HELPER_ACQUIRE;
}

/* The result is the argument, seen as something else: it lives as long. */
static bool call_casts(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_tcp_sock:
	case BPF_FUNC_sk_fullsock:
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_skc_to_mptcp_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
		return true;
	default:
		return false;
	}
}

/* ---- helpers that do more --------------------------------------------------------------- */

/* The end of one conversion of a format, from behind its '%': NULL if there is no such. */
static const char *call_conversion(const char *f)
{
#define ENDS(c) (!(c) || isspace((unsigned char)(c)) || ispunct((unsigned char)(c)))
	while (*f == '0' || *f == '+' || *f == '-' || *f == ' ')
		f++;
	if (*f >= '1' && *f <= '9')
		while (*f >= '0' && *f <= '9')
			f++;
	if (*f == 'p') {
		if (ENDS(f[1]))
			return f + 1;
		if ((f[1] == 'k' || f[1] == 'u') && f[2] == 's')
			return ENDS(f[3]) ? f + 3 : NULL;
		if (strchr("KxsSB", f[1]))
			return f + 2;
		return (f[1] == 'i' || f[1] == 'I') && (f[2] == '4' || f[2] == '6') ? f + 3 : NULL;
	}
	if (*f == 's')
		return ENDS(f[1]) ? f + 1 : NULL;
	if (*f == 'c')
		return f + 1;
	for (int i = 0; i < 2 && *f == 'l'; i++)
		f++;
	return *f && strchr("iduxX", *f) ? f + 1 : NULL;
#undef ENDS
}

/* Text that ends, whose conversions take at most n arguments. */
static bool call_format_ok(const char *f, uint64_t n)
{
	uint64_t used = 0;

	while (*f) {
		unsigned char c = (unsigned char)*f++;

		if (c >= 0x80 || (!isprint(c) && !isspace(c)))
			return false;
		if (c != '%')
			continue;
		if (*f == '%') {
			f++;
			continue;
		}
		if (used++ >= n)
			return false;
		f = call_conversion(f);
		if (!f)
			return false;
	}
	return true;
}

static int call_snprintf(struct env *env, struct call *call)
{
	const struct reg *fmt = env_reg(env, 3), *size = env_reg(env, 5);
	uint64_t bytes = range_const(&size->var);
	const char *text;

	if (bytes % 8)
		return env_fail_reg(env, -EINVAL, REASON_ARG_SIZE, 5,
				    "the data of bpf_snprintf is an array of u64");
	/* args_const_str() has seen that it is there and ends. */
	text = (const char *)fmt->map->contents + fmt->off + range_const(&fmt->var);
	if (!call_format_ok(text, bytes / 8))
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, 3, "Invalid format string");
	return 0;
}

static int call_tail(struct env *env, struct call *call)
{
	env->v->tail_calls = true;
	return func_check_leaks(env, false, true, "tail_call");
}

static int call_local_storage(struct env *env, struct call *call)
{
	if (!reg_is_null(env_reg(env, 2)))
		return env_fail_reg(env, -EINVAL, REASON_ARG_CONST, 2,
				    "get_local_storage() doesn't support non-zero flags");
	return 0;
}

static int call_for_each(struct env *env, struct call *call)
{
	return func_push_callback(env, CALLBACK_MAP_ELEM, call->subprog);
}

static int call_timer(struct env *env, struct call *call)
{
	return func_push_callback(env, CALLBACK_TIMER, call->subprog);
}

static int call_find_vma(struct env *env, struct call *call)
{
	return func_push_callback(env, CALLBACK_FIND_VMA, call->subprog);
}

static int call_drain(struct env *env, struct call *call)
{
	return func_push_callback(env, CALLBACK_USER_RINGBUF, call->subprog);
}

/* While it has one callback and no flags, a call is made to a loop: that the flags are 0 counts. */
static int call_loop_inline(struct env *env, const struct call *call)
{
	struct insn_aux *aux = env_aux(env);
	bool plain = reg_is_null(env_reg(env, 4));

	if (aux->loop_callback == LOOP_NOT_INLINE)
		return 0;
	if (!plain || (aux->loop_callback && aux->loop_callback != call->subprog))
		aux->loop_callback = LOOP_NOT_INLINE;
	else
		aux->loop_callback = call->subprog;
	return plain ? precise_reg(env, 4) : 0;
}

/* The callback is followed as often as the first argument says, at most. */
static int call_loop(struct env *env, struct call *call)
{
	struct frame *f = state_frame(env->st);
	int err = call_loop_inline(env, call);

	if (err)
		return err;
	/* Any register may be passed, but the kernel counts on a number. */
	if (f->regs[1].type != R_SCALAR)
		return env_fail_reg(env, -EFAULT, REASON_ARG_TYPE, 1,
				    "verifier bug: backtracking misuse");
	err = precise_reg(env, 1);
	if (err)
		return err;
	if (f->callback_depth < f->regs[1].var.umax)
		return func_push_callback(env, CALLBACK_LOOP, call->subprog);
	f->callback_depth = 0;
	if (log_all(env))
		env_note(env, "frame%u bpf_loop iteration limit reached", env->st->cur);
	return 0;
}

static int call_dynptr_from_mem(struct env *env, struct call *call)
{
	const struct reg *reg = env_reg(env, 1);
	char text[64];

	if (reg->type == R_MAP_VALUE && !reg->flags)
		return 0;
	return env_fail_reg(env, -EACCES, REASON_DYNPTR, 1,
			    "Unsupported reg type %s for bpf_dynptr_from_mem data",
			    reg_type_text(reg->type, reg->flags, text, sizeof(text)));
}

static int call_dynptr_data(struct env *env, struct call *call)
{
	const struct reg *dynptr = dynptr_get(env, env_reg(env, 1));

	if (!dynptr)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "no dynptr for bpf_dynptr_data");
	call->dynptr_id = dynptr->id;
	call->ref = dynptr->ref;
	return 0;
}

static int call_set_retval(struct env *env, struct call *call)
{
	const struct verify_image *image = env->image;
	const struct btf_type *proto;

	if (env->type->type != BPF_PROG_TYPE_LSM || image->expected_attach_type != BPF_LSM_CGROUP ||
	    !image->attach_btf)
		return 0;
	proto = btf_func_proto(image->attach_btf, image->attach_btf_id, NULL);
	if (proto && !proto->type)
		return env_fail(env, -EINVAL, REASON_CALL_CONTEXT,
				"BPF_LSM_CGROUP that attach to void LSM hooks can't modify return "
				"value!");
	return 0;
}

static int call_percpu(struct env *env, struct call *call)
{
	const struct reg *reg = env_reg(env, 1);
	const struct btf_type *t;

	if (!(reg->flags & F_RCU))
		return 0;
	/* An object of the program's own, out of a kptr. */
	t = btf_type(reg->btf, reg->btf_id);
	if (!t || !btf_type_is_composite(t))
		return env_fail_reg(env, -EFAULT, REASON_ARG_TYPE, 1,
				    "Helper has invalid btf/btf_id in R1");
	call->percpu_object = true;
	return 0;
}

static const struct {
	uint32_t id;
	int (*check)(struct env *env, struct call *call);
} call_specials[] = {
	{BPF_FUNC_tail_call, call_tail},
	{BPF_FUNC_get_local_storage, call_local_storage},
	{BPF_FUNC_for_each_map_elem, call_for_each},
	{BPF_FUNC_timer_set_callback, call_timer},
	{BPF_FUNC_find_vma, call_find_vma},
	{BPF_FUNC_user_ringbuf_drain, call_drain},
	{BPF_FUNC_loop, call_loop},
	{BPF_FUNC_snprintf, call_snprintf},
	{BPF_FUNC_dynptr_from_mem, call_dynptr_from_mem},
	{BPF_FUNC_dynptr_data, call_dynptr_data},
	{BPF_FUNC_set_retval, call_set_retval},
	{BPF_FUNC_per_cpu_ptr, call_percpu},
	{BPF_FUNC_this_cpu_ptr, call_percpu},
};

static int call_special(struct env *env, struct call *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(call_specials); i++)
		if (call_specials[i].id == call->func_id)
			return call_specials[i].check(env, call);
	return 0;
}

/* Writes through a dynptr may move the packet that it is of. */
static bool call_moves_packet(struct env *env, const struct call *call)
{
	const struct reg *dynptr;

	if (call->func_id != BPF_FUNC_dynptr_write)
		return call->helper->flags & HELPER_PKT_MOVES;
	dynptr = dynptr_get(env, env_reg(env, 1));
	return dynptr && (dynptr->dynptr.type == DYN_SKB || dynptr->dynptr.type == DYN_SKB_META);
}

/* ---- results ---------------------------------------------------------------------------- */

/* Arrays have all of their entries: who asks for one that exists gets it. */
static bool call_is_certain(const struct call *call)
{
	return call->func_id == BPF_FUNC_map_lookup_elem && call->const_key >= 0 &&
	       call->const_key < call->map->desc.max_entries;
}

static int call_ret_map_value(struct env *env, struct call *call, uint16_t flags)
{
	struct reg *r0 = env_reg(env, 0);
	const struct btf_record *record;

	if (!call->map)
		return env_fail(env, -EFAULT, REASON_INTERNAL, "unexpected null map_ptr");
	record = call->map->record;
	if (call_is_certain(call))
		flags &= (uint16_t)~F_NULL;
	reg_set_pointer(r0, R_MAP_VALUE, flags);
	r0->map = call->map;
	r0->map_uid = call->map_uid;
	if (!(flags & F_NULL) && record &&
	    (record->mask & (BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK))))
		r0->id = env_new_id(env);
	return 0;
}

/* A per-CPU variable: a struct, or memory of its size. */
static int call_ret_variable(struct env *env, struct call *call, uint16_t flags)
{
	struct reg *r0 = env_reg(env, 0);
	const struct btf_type *t = btf_skip_mods(call->ret_btf, call->ret_btf_id, NULL);
	int64_t size;

	if (t && btf_type_is_composite(t)) {
		reg_set_pointer(r0, R_BTF_ID, call->percpu_object ? F_ALLOC | F_RCU : flags);
		r0->btf = call->ret_btf;
		r0->btf_id = call->ret_btf_id;
		return 0;
	}
	size = btf_size(call->ret_btf, call->ret_btf_id, NULL);
	if (size < 0)
		return env_fail(env, -EINVAL, REASON_ARG_TYPE,
				"unable to resolve the size of type '%s': %lld",
				btf_name(call->ret_btf, call->ret_btf_id), (long long)size);
	reg_set_pointer(r0, R_MEM, flags | F_RDONLY);
	r0->mem_size = (uint32_t)size;
	return 0;
}

static int call_ret_struct(struct env *env, struct call *call, uint16_t flags)
{
	const struct btf_target *target = env->image->target;
	const struct btf *btf = target ? btf_target_vmlinux(target) : NULL;
	const struct btf_field *kptr = call->kptr;
	struct reg *r0 = env_reg(env, 0);
	uint32_t id;

	if ((call->helper->ret & RET_KIND) == RET_KPTR) {
		btf = kptr->btf;
		id = kptr->type;
		if (kptr->local)
			flags |= F_ALLOC | (kptr->id == BTF_FIELD_KPTR_PERCPU ? F_PERCPU : 0);
	} else {
		if (!btf || !call->helper->ret_btf)
			return env_unsupported(env, "types of the kernel are not at hand");
		if ((call->helper->ret & RET_KIND) == RET_BTF_TRUSTED)
			flags |= F_TRUSTED;
		id = btf_find(btf, call->helper->ret_btf, BTF_KIND_STRUCT);
	}
	if (!id)
		return env_fail(env, -EINVAL, REASON_UNKNOWN_FUNC,
				"invalid return type 8 of func bpf_%s#%u", call->name,
				call->func_id);
	reg_set_pointer(r0, R_BTF_ID, flags);
	r0->btf = btf;
	r0->btf_id = id;
	return 0;
}

static int call_ret(struct env *env, struct call *call)
{
	uint16_t flags = call->helper->ret & RET_NULL ? F_NULL : 0;
	struct reg *r0 = env_reg(env, 0);

	switch ((enum helper_ret)(call->helper->ret & RET_KIND)) {
	case RET_INTEGER:
		reg_set_unknown(env, r0);
		return 0;
	case RET_VOID:
		return 0;
	case RET_MAP_VALUE:
		return call_ret_map_value(env, call, flags);
	case RET_SOCKET:
		reg_set_pointer(r0, R_SOCKET, flags);
		return 0;
	case RET_TCP_SOCK:
		reg_set_pointer(r0, R_TCP_SOCK, flags);
		return 0;
	case RET_SOCK_COMMON:
		reg_set_pointer(r0, R_SOCK_COMMON, flags);
		return 0;
	case RET_ALLOC_MEM:
		reg_set_pointer(r0, R_MEM, flags | F_RINGBUF);
		r0->mem_size = call->mem_size;
		return 0;
	case RET_DYNPTR_MEM:
		reg_set_pointer(r0, R_MEM, flags);
		r0->mem_size = call->mem_size;
		r0->dynptr_id = call->dynptr_id;
		return 0;
	case RET_MEM_OR_BTF:
		return call_ret_variable(env, call, flags);
	case RET_BTF:
	case RET_BTF_TRUSTED:
	case RET_KPTR:
		return call_ret_struct(env, call, flags);
	default:
		return env_fail(env, -EFAULT, REASON_INTERNAL,
				"unknown return type %u of func %s#%u", call->helper->ret,
				call->name, call->func_id);
	}
}

/* Who the result belongs to. */
static int call_ret_reference(struct env *env, struct call *call)
{
	struct reg *r0 = env_reg(env, 0);

	if (r0->flags & F_NULL)
		r0->id = env_new_id(env);
	if (call_casts(call->func_id) || call->func_id == BPF_FUNC_dynptr_data) {
		r0->ref = call->ref;
	} else if (call_acquires(call)) {
		r0->ref = state_acquire(env);
		if (!r0->ref)
			return -ENOMEM;
		r0->id = r0->ref;
	}
	return 0;
}

/* How many processors there may be at most, as the kernel numbers them. */
static uint32_t call_max_cpus(void)
{
	static uint32_t known;
	uint32_t n = __atomic_load_n(&known, __ATOMIC_RELAXED);
	char text[256];
	const char *last;
	FILE *f;

	if (n)
		return n;
	n = (uint32_t)MAX(sysconf(_SC_NPROCESSORS_CONF), 1L);
	f = fopen("/sys/devices/system/cpu/possible", "re");
	if (f) {
		/* "0-3", "0,2-5": the last number counts. */
		if (fgets(text, sizeof(text), f)) {
			last = text + strcspn(text, "\n");
			while (last > text && isdigit((unsigned char)last[-1]))
				last--;
			if (isdigit((unsigned char)*last))
				n = (uint32_t)strtoul(last, NULL, 10) + 1;
		}
		fclose(f);
	}
	__atomic_store_n(&known, n, __ATOMIC_RELAXED);
	return n;
}

/* Some helpers return lengths or indices whose range is known. */
static void call_refine(struct env *env, const struct call *call)
{
	struct range *r = &env_reg(env, 0)->var;
	uint32_t last;

	switch (call->func_id) {
	case BPF_FUNC_get_stack:
	case BPF_FUNC_get_task_stack:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		r->smin = r->s32_min = -MAX_ERRNO;
		r->smax = (int64_t)call->msize_max;
		r->s32_max = (int32_t)call->msize_max;
		range_sync(r);
		break;
	case BPF_FUNC_get_smp_processor_id:
		last = call_max_cpus() - 1;
		r->umin = r->u32_min = 0;
		r->smin = r->s32_min = 0;
		r->umax = r->u32_max = last;
		r->smax = last;
		r->s32_max = (int32_t)last;
		range_sync(r);
		break;
	}
}

/* Where the address of the function at hand is known. */
static int call_check_func_ip(struct env *env, const struct call *call)
{
	uint32_t type = env->type->type, attach = env->image->expected_attach_type;

	if (call->func_id != BPF_FUNC_get_func_ip || type == BPF_PROG_TYPE_KPROBE)
		return 0;
	if (type != BPF_PROG_TYPE_TRACING)
		return env_fail(env, -BTF_ENOTSUPP, REASON_CALL_CONTEXT,
				"func bpf_%s#%u not supported for program type %u", call->name,
				call->func_id, type);
	if (attach != BPF_TRACE_FENTRY && attach != BPF_TRACE_FEXIT && attach != BPF_MODIFY_RETURN)
		return env_fail(env, -BTF_ENOTSUPP, REASON_CALL_CONTEXT,
				"func bpf_%s#%u supported only for fentry/fexit/fmod_ret programs",
				call->name, call->func_id);
	return 0;
}

/* ---- the call --------------------------------------------------------------------------- */

/* Conformance runs call what nobody knows: five arguments, a number comes back. */
static int call_unknown(struct env *env)
{
	regs_clobber(env, state_frame(env->st));
	reg_set_unknown(env, env_reg(env, 0));
	return 0;
}

static int call_arguments(struct env *env, struct call *call)
{
	int err = 0;

	for (int regno = 1; regno <= 5 && !err; regno++)
		err = args_check(env, regno, call);
	if (!err)
		err = call_note_map(env, call);
	if (!err)
		err = call_note_key(env, call);
	/* Memory that the helper fills. */
	for (int i = 0; i < call->access_size && !err; i++)
		err = mem_access(env, call->regno, i, 1, ACCESS_WRITE, -1, false, false);
	return err;
}

/* A tail call that is made ends the function; what it calls may have moved the packet. In the main
 * program that end is not followed. */
static int call_end_function(struct env *env)
{
	if (!explore_push(env, env->insn + 1, env->insn, false))
		return env->err;
	state_forget_packets(env);
	reg_set_unknown(env, env_reg(env, 0));
	return func_return(env);
}

int call_helper(struct env *env)
{
	struct call call = {.func_id = (uint32_t)env_insn(env)->imm, .const_key = -1};
	bool moves;
	int err;

	err = call_resolve(env, &call);
	if (err && env->image->any_helper && !call.helper)
		return call_unknown(env);
	if (!err)
		err = call_check_sleep(env, &call);
	if (!err)
		err = call_arguments(env, &call);
	if (!err)
		err = call_release(env, &call);
	if (!err)
		err = call_special(env, &call);
	if (err)
		return err;
	moves = call_moves_packet(env, &call);
	regs_clobber(env, state_frame(env->st));
	err = call_ret(env, &call);
	if (!err)
		err = call_ret_reference(env, &call);
	if (err)
		return err;
	call_refine(env, &call);
	err = call_check_map(env, &call);
	if (!err)
		err = call_check_func_ip(env, &call);
	if (!err && moves)
		state_forget_packets(env);
	if (!err && call.func_id == BPF_FUNC_tail_call && env->st->cur)
		err = call_end_function(env);
	return err;
}
