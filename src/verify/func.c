/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/func.c - functions of the program: calls, callbacks, returns, and what may be returned.
 *
 * A static function is followed from each call with what the caller passes. A global one is
 * verified once for all arguments that its prototype allows (verify.c), and a call only has to
 * keep to the prototype. A callback is a call from inside a helper: it is followed from the call
 * instruction, returns to it, and the helper is called again until nothing new is learnt.
 */
#include "verify/env.h"
#include "verify/log.h"

#include <limits.h>

void frame_init(struct env *env, struct frame *f, uint32_t frameno, uint32_t subprog,
		uint32_t callsite)
{
	for (int i = 0; i < 11; i++)
		reg_set_not_init(&f->regs[i]);
	reg_set_pointer(&f->regs[BPF_REG_10], R_STACK, 0);
	f->regs[BPF_REG_10].frame = (uint8_t)frameno;
	f->frameno = (uint8_t)frameno;
	f->subprog = subprog;
	f->callsite = callsite;
	if (log_on(env))
		log_touch_all(env);
}

int func_prepare_args(struct env *env, uint32_t subprog)
{
	struct subprog *sub = &env->subs[subprog];
	const struct verify_image *image = env->image;
	char why[BTF_WHY] = "";

	if (sub->args_ready)
		return sub->sig_err;
	sub->args_ready = true;
	if (!image->btf || !sub->func)
		return sub->sig_err = -EINVAL;
	sub->sig_err =
		btf_func_args(image->target, image->btf, sub->func, sub->is_global,
			      image->type->type, image->expected_attach_type, &sub->sig, why);
	if (sub->sig_err && why[0])
		snprintf(sub->sig_why, sizeof(sub->sig_why), "%s", why);
	return sub->sig_err;
}

/* One argument of a call to a global function. */
static int func_check_arg(struct env *env, const struct btf_global_arg *arg, int regno)
{
	struct reg *r = env_reg(env, regno);
	struct call call = {.name = "function"};
	int err;

	switch (arg->kind) {
	case BTF_ARG_SCALAR:
		if (r->type != R_SCALAR)
			return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
					    "R%d is not a scalar", regno);
		return 0;
	case BTF_ARG_CTX:
		err = args_exact(env, r, regno, ARG_NONE);
		if (!err && r->type != R_CTX)
			err = env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
					   "arg#%d expects pointer to ctx", regno - 1);
		return err;
	case BTF_ARG_MEM:
		if (arg->untrusted)
			return 0;
		err = args_exact(env, r, regno, ARG_NONE);
		if (!err && mem_reg_size(env, r, regno, arg->size))
			err = env->err == -ENOMEM ? -ENOMEM : -EINVAL;
		if (!err && !arg->maybe_null && r->flags & F_NULL)
			err = env_fail_reg(env, -EINVAL, REASON_NULL_DEREF, regno,
					   "arg#%d is expected to be non-NULL", regno - 1);
		return err;
	case BTF_ARG_ARENA:
		if (r->type != R_ARENA && r->type != R_SCALAR)
			return env_fail_reg(env, -EINVAL, REASON_ARG_TYPE, regno,
					    "R%d is not a pointer to arena or scalar.", regno);
		return 0;
	case BTF_ARG_DYNPTR:
		err = args_exact(env, r, regno, ARG_DYNPTR);
		return err ? err : args_dynptr(env, regno, ARG_DYNPTR | ARG_RDONLY, &call);
	case BTF_ARG_BTF:
		if (arg->untrusted)
			return 0;
		if (arg->maybe_null && reg_is_null(r))
			return precise_null(env, regno);
		return args_global_btf(env, regno, arg);
	default:
		return env_unsupported(env, "an argument of this kind of a global function");
	}
}

static int func_call_global(struct env *env, uint32_t subprog)
{
	struct subprog *sub = &env->subs[subprog];
	const struct state *s = env->st;
	int err;

	if (s->locks)
		return env_fail(env, -EINVAL, REASON_LOCK,
				"global function calls are not allowed while holding a lock,\n"
				"use static function instead");
	if (sub->might_sleep && (s->rcu_depth || s->preempt_off || s->irq_id || !s->sleepable))
		return env_fail(env, -EINVAL, REASON_SLEEP,
				"global functions that may sleep are not allowed in non-sleepable "
				"context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\n"
				"a non-sleepable BPF program context");
	err = func_prepare_args(env, subprog);
	if (err && sub->sig_why[0])
		env_note(env, "%s", sub->sig_why);
	for (uint32_t i = 0; !err && i < sub->sig.n_args; i++)
		err = func_check_arg(env, &sub->sig.args[i], (int)i + 1);
	if (err && err != -ENOMEM)
		env->err = err;
	if (err)
		return env_fail(env, err, REASON_GLOBAL_FUNC,
				"Caller passes invalid args into func#%u ('%s')", subprog,
				sub->name);
	env_note(env, "Func#%u ('%s') is global and assumed valid.", subprog, sub->name);
	if (sub->changes_pkt)
		state_forget_packets(env);
	sub->called = true;
	regs_clobber(env, state_frame(env->st));
	reg_set_unknown(env, env_reg(env, BPF_REG_0));
	env->insn++;
	return 0;
}

/* A new frame in state s for a function called by the current instruction. */
static struct frame *func_enter(struct env *env, struct state *s, uint32_t subprog)
{
	struct frame *f;

	if (s->cur + 1 >= VERIFY_MAX_FRAMES) {
		env_fail(env, -E2BIG, REASON_TOO_DEEP, "the call stack of %u frames is too deep",
			 s->cur + 2);
		return NULL;
	}
	f = frame_new(env);
	if (!f) {
		env_nomem(env);
		return NULL;
	}
	frame_init(env, f, s->cur + 1, subprog, env->insn);
	s->frame[++s->cur] = f;
	return live_enter(env, s, s->cur) ? NULL : f;
}

int func_call(struct env *env)
{
	uint32_t subprog = env->aux[env->insn + 1 + (uint32_t)env_insn(env)->imm].subprog;
	struct frame *caller = state_frame(env->st), *f;

	if (env->subs[subprog].is_global)
		return func_call_global(env, subprog);
	f = func_enter(env, env->st, subprog);
	if (!f)
		return env->err;
	for (int i = 1; i <= 5; i++)
		f->regs[i] = caller->regs[i];
	regs_clobber(env, caller);
	env->insn = env->subs[subprog].start;
	log_call(env);
	return 0;
}

/* ---- callbacks -------------------------------------------------------------------------- */

static void set_map_arg(struct reg *r, enum reg_type type, const struct reg *from)
{
	reg_set_pointer(r, type, 0);
	r->map = from->map;
	r->map_uid = from->map_uid;
}

/* Map, key, value: what the callbacks of timers, work queues and for_each get. */
static void set_map_args(struct frame *f, const struct reg *map)
{
	set_map_arg(&f->regs[1], R_MAP_PTR, map);
	set_map_arg(&f->regs[2], R_MAP_KEY, map);
	set_map_arg(&f->regs[3], R_MAP_VALUE, map);
}

static int set_for_each(struct env *env, struct frame *f, const struct frame *caller)
{
	switch (caller->regs[1].map->desc.type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		break;
	default:
		return env_fail(env, -BTF_ENOTSUPP, REASON_CALLBACK,
				"callback function not allowed for map");
	}
	set_map_args(f, &caller->regs[1]);
	f->regs[4] = caller->regs[3];
	return 0;
}

static int set_find_vma(struct env *env, struct frame *f, const struct frame *caller)
{
	const struct btf *btf = NULL;
	uint32_t id = 0;

	if (!env->image->target ||
	    btf_target_find(env->image->target, "vm_area_struct", BTF_KIND_STRUCT, &btf, &id))
		return env_unsupported(env, "bpf_find_vma without the types of a kernel");
	f->regs[1] = caller->regs[1];
	reg_set_pointer(&f->regs[2], R_BTF_ID, 0);
	f->regs[2].btf = btf;
	f->regs[2].btf_id = id;
	f->regs[3] = caller->regs[4];
	return 0;
}

static int func_set_callback(struct env *env, enum callback_kind kind, struct frame *f,
			     const struct frame *caller)
{
	f->ret_checked = true;
	f->ret_min = 0;
	f->ret_max = 1;
	switch (kind) {
	case CALLBACK_LOOP:
		reg_set_unknown(env, &f->regs[1]);
		f->regs[2] = caller->regs[3];
		return 0;
	case CALLBACK_MAP_ELEM:
		return set_for_each(env, f, caller);
	case CALLBACK_FIND_VMA:
		return set_find_vma(env, f, caller);
	case CALLBACK_USER_RINGBUF:
		reg_set_pointer(&f->regs[1], R_DYNPTR, 0);
		f->regs[1].dynptr.type = DYN_LOCAL;
		f->regs[1].dynptr.first_slot = true;
		f->regs[1].id = env_new_id(env);
		f->regs[2] = caller->regs[3];
		return 0;
	case CALLBACK_RBTREE_ADD:
		return graph_callback_args(env, &caller->regs[1], f);
	case CALLBACK_TIMER:
		f->ret_max = 0;
		set_map_args(f, &caller->regs[1]);
		return 0;
	case CALLBACK_WQ:
		f->ret_max = 0;
		set_map_args(f, &caller->regs[1]);
		return 0;
	case CALLBACK_TASK_WORK:
		f->ret_min = INT_MIN;
		f->ret_max = INT_MAX;
		set_map_args(f, &caller->regs[3]);
		return 0;
	}
	return env_unsupported(env, "this kind of callback");
}

int func_push_callback(struct env *env, enum callback_kind kind, uint32_t subprog)
{
	bool async = kind == CALLBACK_TIMER || kind == CALLBACK_WQ || kind == CALLBACK_TASK_WORK;
	struct frame *caller = state_frame(env->st), *f;
	struct state *s;

	env->subs[subprog].is_callback = true;
	if (async) {
		env->subs[subprog].is_async_callback = true;
		s = explore_push_async(env, env->subs[subprog].start, env->insn, subprog,
				       kind != CALLBACK_TIMER);
		if (!s)
			return env->err;
		s->frame[0]->async_callback = true;
		s->frame[0]->async_entries = caller->async_entries + 1;
		return func_set_callback(env, kind, s->frame[0], caller);
	}
	s = explore_push(env, env->subs[subprog].start, env->insn, false);
	f = s ? func_enter(env, s, subprog) : NULL;
	if (!f)
		return env->err;
	f->callback = true;
	s->unroll_depth++;
	s->frame[s->cur - 1]->callback_depth++;
	caller->callback_depth = 0;
	return func_set_callback(env, kind, f, caller);
}

/* ---- returns ---------------------------------------------------------------------------- */

static int ret_out_of_range(struct env *env, const struct reg *r, int64_t min, int64_t max,
			    const char *when, const char *name)
{
	char known[80] = "";

	if (r->var.smin > INT64_MIN)
		snprintf(known, sizeof(known), " smin=%lld", (long long)r->var.smin);
	if (r->var.smax < INT64_MAX)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), " smax=%lld",
			 (long long)r->var.smax);
	return env_fail_reg(env, -EINVAL, REASON_RET_RANGE, 0,
			    "%s the register %s has%s should have been in [%lld, %lld]", when, name,
			    known[0] ? known : " unknown scalar value", (long long)min,
			    (long long)max);
}

int func_return(struct env *env)
{
	struct state *s = env->st;
	struct frame *callee = state_frame(s), *caller = s->frame[s->cur - 1];
	struct reg *r0 = &callee->regs[BPF_REG_0];
	bool callback = callee->callback;
	uint32_t callsite = callee->callsite;
	int err;

	if (r0->type == R_STACK)
		return env_fail_reg(env, -EINVAL, REASON_RET_RANGE, 0,
				    "cannot return stack pointer to the caller");
	if (callback) {
		if (r0->type != R_SCALAR)
			return env_fail_reg(env, -EACCES, REASON_RET_RANGE, 0,
					    "R0 not a scalar value");
		err = precise_reg(env, BPF_REG_0);
		if (err)
			return err;
		if (r0->var.smin < callee->ret_min || r0->var.smax > callee->ret_max)
			return ret_out_of_range(env, r0, callee->ret_min, callee->ret_max,
						"At callback return", "R0");
	} else {
		caller->regs[BPF_REG_0] = *r0;
	}
	env->insn = callback ? callsite : callsite + 1;
	log_return(env);
	frame_free(env, callee);
	s->frame[s->cur--] = NULL;
	if (callback)
		visit_widen_from(env, s->parent, s);
	return 0;
}

/* True if something is held that should have been released. */
static bool refs_linger(struct env *env, bool exception)
{
	const struct state *s = env->st;
	const struct frame *f = state_frame(s);
	bool lingering = false;

	if (!exception && f->frameno)
		return false;
	for (uint16_t i = 0; i < s->n_refs; i++) {
		const struct ref *ref = &s->refs[i];

		if (ref->kind != REF_PTR)
			continue;
		/* A struct_ops function may give its result's reference to the kernel. */
		if (env->type->type == BPF_PROG_TYPE_STRUCT_OPS && !exception &&
		    f->regs[BPF_REG_0].ref == ref->id)
			continue;
		env_note(env, "Unreleased reference id=%u alloc_insn=%u", ref->id, ref->insn);
		lingering = true;
	}
	return lingering;
}

int func_check_leaks(struct env *env, bool exception, bool check_lock, const char *prefix)
{
	const struct state *s = env->st;

	if (check_lock && s->locks)
		return env_fail(env, -EINVAL, REASON_LOCK,
				"%s cannot be used inside bpf_spin_lock-ed region", prefix);
	if (refs_linger(env, exception))
		return env_fail(env, -EINVAL, REASON_REF_LEAK, "%s would lead to reference leak",
				prefix);
	if (check_lock && s->irq_id)
		return env_fail(env, -EINVAL, REASON_IRQ,
				"%s cannot be used inside bpf_local_irq_save-ed region", prefix);
	if (check_lock && s->rcu_depth)
		return env_fail(env, -EINVAL, REASON_RCU,
				"%s cannot be used inside bpf_rcu_read_lock-ed region", prefix);
	if (check_lock && s->preempt_off)
		return env_fail(env, -EINVAL, REASON_IRQ,
				"%s cannot be used inside bpf_preempt_disable-ed region", prefix);
	return 0;
}

/* The pointer that a struct_ops function may return: of its result's type, unmodified. */
static bool ret_is_reference(const struct env *env, const struct reg *r)
{
	const struct btf_attach *a = &env->attach;
	const struct btf_type *t;
	uint32_t id;

	if (env->type->type != BPF_PROG_TYPE_STRUCT_OPS || !a->proto || r->type != R_BTF_ID ||
	    !r->ref)
		return false;
	t = btf_skip_mods(a->btf, a->proto->type, NULL);
	if (!t || btf_type_kind(t) != BTF_KIND_PTR)
		return false;
	btf_skip_mods(a->btf, t->type, &id);
	return r->btf == a->btf && r->btf_id == id;
}

/* Hooks that answer yes or no; all others return an error. */
static bool ret_lsm_is_bool(const char *name)
{
	static const char *const hooks[] = {"bpf_lsm_audit_rule_known", "bpf_lsm_audit_rule_match",
					    "bpf_lsm_inode_xattr_skipcap"};

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(name, hooks[i]))
			return true;
	return false;
}

/* The range that a program's result must be in: by its type, or by the function it attaches to.
 * 1: void, nothing is looked at. */
static int ret_range(struct env *env, int64_t *min, int64_t *max, bool *limited)
{
	const struct btf_attach *a = &env->attach;
	uint32_t type = env->type->type, attach = env->image->expected_attach_type;
	const struct btf_type *t;

	*limited = catalog_return_range(env->type, attach, min, max);
	if (type == BPF_PROG_TYPE_STRUCT_OPS && a->proto) {
		if (!a->proto->type)
			return 1;
		t = btf_skip_mods(a->btf, a->proto->type, NULL);
		if (t && btf_type_kind(t) == BTF_KIND_PTR) {
			*limited = true;
			*min = *max = 0;
		}
	}
	if (type == BPF_PROG_TYPE_LSM && a->proto) {
		bool is_void = !a->proto->type;

		if (is_void && attach != BPF_LSM_CGROUP)
			return 1;
		*limited = true;
		if (attach == BPF_LSM_CGROUP) {
			*min = is_void ? 1 : 0;
			*max = 1;
		} else {
			*min = ret_lsm_is_bool(a->name) ? 0 : -4095;
			*max = ret_lsm_is_bool(a->name) ? 1 : 0;
		}
	}
	return 0;
}

int func_check_return(struct env *env, int regno, const char *name)
{
	const struct frame *f = state_frame(env->st);
	const struct reg *r0 = &f->regs[regno];
	bool sub = f->subprog, limited = false, ret32 = false;
	const char *when = "At program exit";
	int64_t min = 0, max = 0, low, high;
	char text[64];
	int err;

	if (!sub || f->exception_callback) {
		err = ret_range(env, &min, &max, &limited);
		if (err)
			return MIN(err, 0);
		if (!f->exception_callback && ret_is_reference(env, r0))
			return mem_exact_pointer(env, r0, regno, false);
	}
	err = reg_read(env, regno);
	if (err)
		return err;
	if (reg_leaks(env, r0))
		return env_fail_reg(env, -EACCES, REASON_PTR_LEAK, regno,
				    "R%d leaks addr as return value", regno);
	if (f->async_callback) {
		when = "At async callback return";
		limited = true;
		min = f->ret_min;
		max = f->ret_max;
	} else if (sub && !f->exception_callback) {
		if (r0->type != R_SCALAR)
			return env_fail_reg(
				env, -EINVAL, REASON_RET_RANGE, regno,
				"At subprogram exit the register R%d is not a scalar value (%s)",
				regno, reg_type_text(r0->type, r0->flags, text, sizeof(text)));
		return 0;
	} else {
		ret32 = env->type->type == BPF_PROG_TYPE_LSM &&
			env->image->expected_attach_type != BPF_LSM_CGROUP;
	}
	if (!limited)
		return 0;
	if (r0->type != R_SCALAR)
		return env_fail_reg(env, -EINVAL, REASON_RET_RANGE, regno,
				    "%s the register R%d is not a known value (%s)", when, regno,
				    reg_type_text(r0->type, r0->flags, text, sizeof(text)));
	err = precise_reg(env, regno);
	if (err)
		return err;
	low = ret32 ? r0->var.s32_min : r0->var.smin;
	high = ret32 ? r0->var.s32_max : r0->var.smax;
	if (low < min || high > max)
		return ret_out_of_range(env, r0, min, max, when, name);
	return 0;
}

int func_exit(struct env *env, bool exception, bool *done)
{
	int err = func_check_leaks(env, exception, exception || !env->st->cur,
				   exception ? "bpf_throw" : "BPF_EXIT instruction in main prog");

	if (err)
		return err;
	if (!exception && env->st->cur)
		return func_return(env);
	*done = true;
	return exception ? 0 : func_check_return(env, BPF_REG_0, "R0");
}
