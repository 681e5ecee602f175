/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/full.c - full verification: the stages in order, and what becomes of their findings.
 *
 *    form -> attach -> control flow -> main program -> global functions -> stack depth -> facts
 */
#include "verify/internal.h"
#include "verify/env.h"
#include "verify/explain.h"
#include "verify/log.h"

#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void full_privileges(struct env *env)
{
	const struct verify_image *image = env->image;
	bool admin = image->cap_sys_admin, perfmon = admin || image->cap_perfmon;

	env->bpf_capable = admin || image->cap_bpf;
	env->allow_ptr_leaks = env->allow_uninit_stack = perfmon;
	env->bypass_spec_v1 = env->bypass_spec_v4 = perfmon;
	env->strict_alignment = image->flags & BPF_F_STRICT_ALIGNMENT;
	if (image->flags & BPF_F_ANY_ALIGNMENT)
		env->strict_alignment = false;
	env->test_state_freq = env->bpf_capable && image->flags & BPF_F_TEST_STATE_FREQ;
	env->test_reg_invariants = env->bpf_capable && image->flags & BPF_F_TEST_REG_INVARIANTS;
	env->in_sleepable = image->flags & BPF_F_SLEEPABLE;
}

/* ---- what it attaches to ---------------------------------------------------------------- */

static int full_attach_resolve(struct env *env, char *why)
{
	const struct verify_image *image = env->image;
	uint32_t type = image->type->type;

	if (type == BPF_PROG_TYPE_STRUCT_OPS)
		return btf_attach_struct_ops(image->attach_btf, image->attach_btf_id,
					     image->expected_attach_type, &env->attach, why);
	if (image->attach_is_prog)
		return btf_attach_prog(image->attach_btf, image->attach_btf_id, type,
				       image->expected_attach_type, image->attach_prog_type,
				       &env->attach, why);
	return btf_attach_tracing(image->attach_btf, image->attach_btf_id, type,
				  image->expected_attach_type, &env->attach, why);
}

/* Functions of a struct of functions that may sleep, where not all may. */
static const struct {
	const char *ops, *members; /* each behind a space */
} sleepers[] = {
	{"bpf_dummy_ops", " test_sleepable "},
	{"hid_bpf_ops", " hid_rdesc_fixup hid_hw_request hid_hw_output_report "},
	{"sched_ext_ops", " init_task cgroup_init cgroup_exit cgroup_prep_move cpu_online "
			  "cpu_offline init exit "},
};

/* Why it cannot attach: looked for before control flow, which asks what the program may call, but
 * told after it. */
struct refusal {
	int err;
	enum reason reason;
	bool unsupported;
	char text[BTF_WHY + 64];
};

PRINTF_LIKE(4, 5)
static void refuse(struct refusal *r, int err, enum reason reason, const char *fmt, ...)
{
	va_list ap;

	r->err = err;
	r->reason = reason;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

static void full_struct_ops_sleeps(const struct env *env, struct refusal *r)
{
	const char *ops = btf_name(env->attach.btf, env->attach.id);
	char member[130];

	snprintf(member, sizeof(member), " %s ", env->attach.name);
	for (size_t i = 0; i < ARRAY_SIZE(sleepers); i++)
		if (!strcmp(ops, sleepers[i].ops) && !strstr(sleepers[i].members, member))
			refuse(r, -EINVAL, REASON_ATTACH,
			       "attach to unsupported member %s of struct %s", env->attach.name,
			       ops);
}

static void full_attach(struct env *env, struct refusal *r)
{
	const struct verify_image *image = env->image;
	uint32_t type = image->type->type;
	char why[BTF_WHY] = "";
	int err;

	if (type == BPF_PROG_TYPE_SYSCALL && !env->in_sleepable)
		return refuse(r, -EINVAL, REASON_SLEEP, "Syscall programs can only be sleepable");
	if (env->in_sleepable && !catalog_prog_can_sleep(image->type, image->expected_attach_type))
		return refuse(r, -EINVAL, REASON_SLEEP,
			      "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops "
			      "programs can be sleepable");
	if (type != BPF_PROG_TYPE_TRACING && type != BPF_PROG_TYPE_LSM &&
	    type != BPF_PROG_TYPE_EXT && type != BPF_PROG_TYPE_STRUCT_OPS)
		return;
	if (type == BPF_PROG_TYPE_STRUCT_OPS && !image->gpl)
		return refuse(r, -EINVAL, REASON_GPL,
			      "struct ops programs must have a GPL compatible license");
	if (!image->attach_btf) {
		r->unsupported = image->attach_btf_id != 0;
		return refuse(r, -EINVAL, REASON_ATTACH, "%s",
			      r->unsupported ? "a program that attaches to a function, without the "
					       "types of what it attaches to"
					     : "Tracing programs must provide btf_id");
	}
	err = full_attach_resolve(env, why);
	if (err) {
		memset(&env->attach, 0, sizeof(env->attach));
		return refuse(r, err, REASON_ATTACH, "%s",
			      why[0] ? why : "the program cannot attach there");
	}
	if (type == BPF_PROG_TYPE_STRUCT_OPS && env->in_sleepable)
		full_struct_ops_sleeps(env, r);
}

static int full_refused(struct env *env, const struct refusal *r)
{
	env->at = 0;
	if (!r->err)
		return 0;
	return r->unsupported ? env_unsupported(env, "%s", r->text)
			      : env_fail(env, r->err, r->reason, "%s", r->text);
}

/* ---- one function ----------------------------------------------------------------------- */

static void full_argument(struct env *env, struct reg *r, const struct btf_global_arg *arg)
{
	uint16_t flags =
		(uint16_t)((arg->maybe_null ? F_NULL : 0) | (arg->untrusted ? F_UNTRUSTED : 0) |
			   (arg->trusted ? F_TRUSTED : 0));

	switch (arg->kind) {
	case BTF_ARG_CTX:
		reg_set_pointer(r, R_CTX, 0);
		break;
	case BTF_ARG_DYNPTR:
		reg_set_pointer(r, R_DYNPTR, 0);
		r->dynptr.type = DYN_LOCAL;
		r->dynptr.first_slot = true;
		r->id = env_new_id(env);
		break;
	case BTF_ARG_MEM:
		reg_set_pointer(r, R_MEM, flags | (arg->untrusted ? F_RDONLY : 0));
		r->mem_size = arg->size;
		break;
	case BTF_ARG_BTF:
		reg_set_pointer(r, R_BTF_ID, flags);
		r->btf = btf_target_vmlinux(env->image->target);
		r->btf_id = arg->type;
		break;
	case BTF_ARG_ARENA:
		reg_set_unknown(env, r);
		r->type = R_ARENA;
		break;
	default:
		reg_set_unknown(env, r);
	}
	if (r->flags & F_NULL)
		r->id = env_new_id(env);
}

static int full_arguments(struct env *env, uint32_t subprog)
{
	struct frame *f = env->st->frame[0];
	struct subprog *sub = &env->subs[subprog];
	int err;

	if (!subprog && env->type->type != BPF_PROG_TYPE_EXT) {
		reg_set_pointer(&f->regs[1], R_CTX, 0);
		if (log_on(env))
			log_signature(env);
		return 0;
	}
	env->at = sub->start;
	env_note(env, "Validating %s() func#%u...", sub->name, subprog);
	err = func_prepare_args(env, subprog);
	if (err)
		return env_fail(env, err, REASON_GLOBAL_FUNC, "%s",
				sub->sig_why[0] ? sub->sig_why
						: "the function's arguments cannot be checked");
	if (sub->is_exception_callback) {
		f->exception_callback = true;
		if (sub->sig.n_args != 1 || sub->sig.args[0].kind != BTF_ARG_SCALAR)
			return env_fail(env, -EINVAL, REASON_GLOBAL_FUNC,
					"exception cb only supports single integer argument");
	}
	for (uint32_t i = 0; i < sub->sig.n_args; i++)
		full_argument(env, &f->regs[i + 1], &sub->sig.args[i]);
	return 0;
}

static int full_function(struct env *env, uint32_t subprog)
{
	struct state *s = env->st = state_new(env);
	int err;

	if (!s || !(s->frame[0] = frame_new(env)))
		return env_nomem(env);
	env->insn = env->subs[subprog].start;
	env->prev = NO_CALLSITE;
	s->branches = 1;
	s->sleepable = env->in_sleepable;
	s->first_insn = env->insn;
	s->last_insn = NO_CALLSITE;
	frame_init(env, s->frame[0], 0, subprog, NO_CALLSITE);
	err = live_enter(env, s, 0);
	if (!err)
		err = full_arguments(env, subprog);
	if (!err && !subprog && env->attach.btf)
		err = attach_acquire_args(env);
	if (!err)
		err = explore(env);
	if (!err && log_on(env))
		log_verified(env);
	return err;
}

/* Global functions that are called, and those that these call. */
static int full_globals(struct env *env)
{
	bool again = true;
	int err;

	if (env->exception_callback)
		env->subs[env->exception_callback].called = true;
	while (again) {
		again = false;
		for (uint32_t i = 1; i < env->n_subs; i++) {
			struct subprog *sub = &env->subs[i];

			if (!sub->is_global || !sub->called || sub->verified)
				continue;
			err = full_function(env, i);
			if (err)
				return err;
			env_note(env,
				 "Func#%u ('%s') is safe for any args that match its prototype", i,
				 sub->name);
			sub->verified = again = true;
		}
	}
	return 0;
}

/* ---- the result ------------------------------------------------------------------------- */

static int full_facts(struct env *env, struct verified *v, struct verified_insn *facts)
{
	struct verified_subprog *subs = calloc(env->n_subs, sizeof(*subs));

	if (!subs)
		return env_nomem(env);
	v->subprogs = subs;
	v->n_subprogs = env->n_subs;
	for (uint32_t i = 0; i < env->n_subs; i++) {
		subs[i].start = env->subs[i].start;
		subs[i].end = env->subs[i].end;
		subs[i].stack =
			MIN(ALIGN_UP(env->subs[i].stack_depth, 8U), (uint32_t)VERIFY_STACK_SIZE);
		facts[subs[i].start].flags |= VERIFIED_SUBPROG;
		v->tail_calls |= env->subs[i].has_tail_call;
	}
	for (uint32_t i = 0; i < env->n_insns; i++) {
		const struct insn_aux *aux = &env->aux[i];
		int64_t delta;

		facts[i].id = aux->id;
		if (aux->id == ISA_COUNT)
			continue;
		if (isa_jump(&env->insns[i], &delta))
			facts[(int64_t)i + 1 + delta].flags |= VERIFIED_TARGET;
		if (!(aux->flags & (AUX_SEEN | AUX_SEEN_SPECULATIVE)))
			facts[i].flags |= VERIFIED_DEAD;
		if (aux->ptr_type == R_CTX) {
			facts[i].flags |= VERIFIED_CTX;
			facts[i].ctx_off = aux->ctx_off;
		}
	}
	v->level = VERIFY_SAFE;
	v->reads_unwritten = env->reads_unwritten;
	return 0;
}

static void full_free(struct env *env)
{
	kfunc_free(env);
	btf_locals_free(env->locals);
	log_free(env);
	env_mem_free(env);
}

static int full_run(struct env *env)
{
	struct refusal refusal = {0};
	int err = env_mem_new(env);

	if (!err)
		err = log_new(env);
	if (!err) {
		env->aux = env_table(env, env->n_insns, sizeof(*env->aux));
		err = env->aux ? 0 : env_nomem(env);
	}
	if (!err && env->image->btf)
		err = btf_locals_new(env->image->btf, env->image->target, &env->locals) == -ENOMEM
			      ? env_nomem(env)
			      : 0;
	if (!err)
		err = form_program(env);
	if (!err) {
		full_attach(env, &refusal);
		err = cfg_build(env);
	}
	if (!err)
		err = full_refused(env, &refusal);
	if (!err && log_on(env))
		log_live_regs(env);
	if (!err)
		fastcall_mark(env);
	if (!err)
		err = live_new(env);
	if (!err)
		err = precise_new(env);
	if (!err)
		err = visit_new(env);
	if (!err)
		err = full_function(env, 0);
	if (!err)
		err = full_globals(env);
	if (!err)
		err = depth_check(env);
	if (!err)
		err = kfunc_finish(env);
	if (!err)
		err = fixup_check(env);
	return err;
}

int full_verify(const struct verify_image *image, struct verified *v, struct verified_insn *facts,
		struct visor_diag *diag)
{
	struct env env = {
		.image = image,
		.type = image->type,
		.insns = v->insns,
		.n_insns = image->n_insns,
		.v = v,
		.diag = diag,
	};
	uint64_t start = now_ns();
	int err;

	full_privileges(&env);
	err = full_run(&env);
	if (!err)
		err = full_facts(&env, v, facts);
	if (env.err && (image->report || diag))
		explain(&env);
	if (image->stats)
		*image->stats = (struct verify_stats){
			.time_ns = now_ns() - start,
			.insns_processed = env.insns_processed,
			.total_states = env.total_states,
			.peak_states = env.peak_states,
			.max_states_per_insn = env.max_states_per_insn,
			.peak_memory = env_mem_total(&env),
		};
	log_finish(&env, now_ns() - start);
	full_free(&env);
	return err;
}
