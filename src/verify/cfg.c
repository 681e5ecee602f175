/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/cfg.c - the control flow graph, and what exploration needs to know of it beforehand.
 *
 * Where states are looked up (prune points), where the history must be kept (jump points), which
 * registers are still read (data flow), which instructions form loops (strongly connected
 * components), which functions may sleep or move packets (over the call graph).
 */
#include "verify/env.h"

/* Targets were checked by form.c. */
static void cfg_targets(struct env *env)
{
	for (uint32_t i = 0; i < env->n_insns; i++) {
		const struct bpf_insn *insn = &env->insns[i];
		struct insn_aux *aux = &env->aux[i];
		uint32_t slots = (uint32_t)isa_slots(insn);
		int form = aux->id < ISA_COUNT ? (int)isa_table[aux->id].form : -1;

		switch (form) {
		case ISA_FORM_JA:
		case ISA_FORM_JA32:
			aux->flags |= AUX_JUMPS;
			aux->jump_to =
				i + 1 + (uint32_t)(form == ISA_FORM_JA ? insn->off : insn->imm);
			continue;
		case ISA_FORM_EXIT:
			continue;
		case ISA_FORM_JCOND:
		case ISA_FORM_JMP_RR:
		case ISA_FORM_JMP_RI:
			aux->flags |= AUX_JUMPS;
			aux->jump_to = i + 1 + (uint32_t)insn->off;
			break;
		default:
			break;
		}
		if (i + slots < env->n_insns)
			aux->flags |= AUX_FALLS;
	}
}

/* ---- one pass in depth: reachability, back edges, points -------------------------------- */

struct walk {
	uint8_t *seen;	 /* 0, 1: on the path, 2: done */
	uint32_t *stack; /* instructions on the path */
	uint8_t *edge;	 /* how many of its edges were followed */
	uint32_t n;
};

static void cfg_mark(struct env *env, uint32_t insn, uint32_t flags)
{
	env->aux[insn].flags |= flags;
}

static int cfg_call_points(struct env *env, uint32_t i)
{
	struct subprog *sub = &env->subs[env->aux[i].subprog];
	uint32_t traits = 0;
	int id = env->aux[i].id, n_args = 5, err = 0;

	env->at = i;
	if (id == ISA_CALL_HELPER)
		call_traits(env, (uint32_t)env->insns[i].imm, &traits, &n_args);
	else if (id == ISA_CALL_KFUNC)
		err = kfunc_traits(env, i, &traits, &n_args);
	if (err)
		return err;
	env->aux[i].n_args = (uint8_t)n_args;
	if (traits & CALL_ASYNC_CALLBACK)
		cfg_mark(env, i, AUX_PRUNE_POINT);
	if (traits & CALL_CALLBACK)
		cfg_mark(env, i,
			 AUX_CALLS_CALLBACK | AUX_FORCE_CHECKPOINT | AUX_PRUNE_POINT |
				 AUX_JUMP_POINT);
	if (traits & CALL_ITER_NEXT)
		cfg_mark(env, i, AUX_ITER_NEXT | AUX_FORCE_CHECKPOINT | AUX_PRUNE_POINT);
	if (traits & CALL_MIGHT_SLEEP)
		sub->might_sleep = true;
	if (traits & CALL_PKT_MOVES)
		sub->changes_pkt = true;
	if (id == ISA_CALL_LOCAL)
		cfg_mark(env, i, AUX_PRUNE_POINT);
	if (i + 1 < env->n_insns)
		cfg_mark(env, i + 1, AUX_PRUNE_POINT | AUX_JUMP_POINT);
	return 0;
}

/* The edges of an instruction: within the function, and into a function it names. */
static int cfg_edges(const struct env *env, uint32_t i, uint32_t to[3])
{
	int n = cfg_successors(env, i, to);

	if (env->aux[i].id == ISA_CALL_LOCAL || env->aux[i].id == ISA_LD_FUNC)
		to[n++] = i + 1 + (uint32_t)env->insns[i].imm;
	return n;
}

static int cfg_points(struct env *env, uint32_t i)
{
	uint32_t to[3];
	int form = env->aux[i].id < ISA_COUNT ? (int)isa_table[env->aux[i].id].form : -1, n;

	switch (form) {
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		n = cfg_edges(env, i, to);
		if (env->aux[i].id == ISA_CALL_LOCAL)
			cfg_mark(env, to[n - 1], AUX_PRUNE_POINT | AUX_JUMP_POINT);
		return cfg_call_points(env, i);
	case ISA_FORM_JA:
	case ISA_FORM_JA32:
		cfg_successors(env, i, to);
		cfg_mark(env, to[0], AUX_PRUNE_POINT | AUX_JUMP_POINT);
		return 0;
	case ISA_FORM_JCOND:
		cfg_mark(env, i, AUX_FORCE_CHECKPOINT | AUX_MAY_GOTO);
		/* fallthrough */
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		n = cfg_successors(env, i, to);
		cfg_mark(env, i, AUX_PRUNE_POINT);
		cfg_mark(env, to[n - 1], AUX_PRUNE_POINT | AUX_JUMP_POINT);
		return 0;
	case ISA_FORM_LD_IMM64:
		if (env->aux[i].id != ISA_LD_FUNC)
			return 0;
		n = cfg_edges(env, i, to);
		cfg_mark(env, i, AUX_PRUNE_POINT);
		cfg_mark(env, to[0], AUX_PRUNE_POINT | AUX_JUMP_POINT);
		cfg_mark(env, to[n - 1], AUX_PRUNE_POINT | AUX_JUMP_POINT);
		return 0;
	default:
		return 0;
	}
}

static int cfg_walk_from(struct env *env, struct walk *w, uint32_t start)
{
	uint32_t to[3];
	int err;

	if (w->seen[start])
		return 0;
	w->stack[w->n++] = start;
	w->seen[start] = 1;
	while (w->n) {
		uint32_t i = w->stack[w->n - 1];
		int n = cfg_edges(env, i, to);

		if (!w->edge[i]) {
			err = cfg_points(env, i);
			if (err)
				return err;
		}
		if (w->edge[i] >= n) {
			w->edge[i] = 255; /* points were set, even if there is no edge */
			w->seen[i] = 2;
			w->n--;
			continue;
		}
		i = to[w->edge[i]++];
		if (w->seen[i] == 1 && !env->bpf_capable) {
			env->at = w->stack[w->n - 1];
			return env_fail(env, -EINVAL, REASON_BACK_EDGE,
					"back-edge from insn %u to %u", env->at, i);
		}
		if (!w->seen[i]) {
			w->seen[i] = 1;
			w->stack[w->n++] = i;
		}
	}
	return 0;
}

static int cfg_walk(struct env *env)
{
	struct mem_mark mark = env_mark(env);
	struct walk w = {.seen = env_table(env, env->n_insns, 1),
			 .edge = env_table(env, env->n_insns, 1),
			 .stack = env_table(env, env->n_insns, sizeof(uint32_t))};
	int err = w.seen && w.edge && w.stack ? cfg_walk_from(env, &w, 0) : env_nomem(env);

	if (!err && env->exception_callback)
		err = cfg_walk_from(env, &w, env->subs[env->exception_callback].start);
	for (uint32_t i = 0; i < env->n_insns && !err; i++) {
		env->at = i;
		if (w.seen[i] != 2)
			err = env_fail(env, -EINVAL, REASON_UNREACHABLE, "unreachable insn %u", i);
		else if (isa_slots(&env->insns[i]) == 2 && w.seen[++i])
			err = env_fail(env, -EINVAL, REASON_BAD_JUMP,
				       "jump into the middle of ldimm64 insn %u", i - 1);
	}
	env_rewind(env, mark);
	return err;
}

/* What a function may do, those may do that call it. */
static void cfg_effects(struct env *env)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < env->n_insns; i++) {
			struct subprog *sub = &env->subs[env->aux[i].subprog], *callee;

			if (env->aux[i].id != ISA_CALL_LOCAL && env->aux[i].id != ISA_LD_FUNC)
				continue;
			callee = &env->subs[env->aux[i + 1 + (uint32_t)env->insns[i].imm].subprog];
			if ((callee->might_sleep && !sub->might_sleep) ||
			    (callee->changes_pkt && !sub->changes_pkt)) {
				sub->might_sleep |= callee->might_sleep;
				sub->changes_pkt |= callee->changes_pkt;
				changed = true;
			}
		}
	}
}

/* ---- order, live registers -------------------------------------------------------------- */

static int cfg_postorder(struct env *env, struct subprog *sub)
{
	uint32_t len = sub->end - sub->start, n = 0, to[2];
	uint32_t *postorder = env_table(env, len, sizeof(*postorder));
	struct mem_mark mark = env_mark(env);
	uint32_t *stack = env_table(env, len, sizeof(*stack));
	uint8_t *edge = env_table(env, len, 1);

	sub->postorder = postorder;
	if (!stack || !edge || !postorder)
		return env_nomem(env);
	stack[n++] = sub->start;
	edge[0] = 1;
	while (n) {
		uint32_t i = stack[n - 1], at = i - sub->start;
		int edges = cfg_successors(env, i, to);

		if (edge[at] > edges) {
			sub->postorder[sub->n_postorder++] = i;
			n--;
			continue;
		}
		i = to[edge[at]++ - 1];
		if (i >= sub->start && i < sub->end && !edge[i - sub->start]) {
			edge[i - sub->start] = 1;
			stack[n++] = i;
		}
	}
	env_rewind(env, mark);
	return 0;
}

static int cfg_preds(struct env *env, struct subprog *sub)
{
	uint32_t len = sub->end - sub->start, to[2], n = 0;
	int edges;

	sub->pred_at = env_table(env, len + 2, sizeof(*sub->pred_at));
	if (!sub->pred_at)
		return env_nomem(env);
	/* Counted two places on, so that after placing them each begins where it should. */
	for (uint32_t i = 0; i < sub->n_postorder; i++)
		for (edges = cfg_successors(env, sub->postorder[i], to); edges-- > 0; n++)
			sub->pred_at[to[edges] - sub->start + 2]++;
	sub->preds = env_table(env, n + 1, sizeof(*sub->preds));
	if (!sub->preds)
		return env_nomem(env);
	for (uint32_t i = 2; i < len + 2; i++)
		sub->pred_at[i] += sub->pred_at[i - 1];
	for (uint32_t i = 0; i < sub->n_postorder; i++)
		for (edges = cfg_successors(env, sub->postorder[i], to); edges-- > 0;)
			sub->preds[sub->pred_at[to[edges] - sub->start + 1]++] = sub->postorder[i];
	return 0;
}

/* Registers that an instruction reads and sets. */
static void cfg_use(const struct env *env, uint32_t i, uint32_t *use, uint32_t *def)
{
	const struct bpf_insn *insn = &env->insns[i];
	uint32_t dst = 1U << insn->dst_reg, src = 1U << insn->src_reg;
	int id = env->aux[i].id;
	bool move = BPF_OP(insn->code) == BPF_MOV;

	*use = *def = 0;
	switch (isa_table[id].form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_CAST:
		*use = move ? src : src | dst;
		*def = dst;
		break;
	case ISA_FORM_ALU_RI:
		*use = move ? 0 : dst;
		*def = dst;
		break;
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		*use = *def = dst;
		break;
	case ISA_FORM_JMP_RR:
	case ISA_FORM_STX:
		*use = dst | src;
		break;
	case ISA_FORM_JMP_RI:
	case ISA_FORM_ST:
		*use = dst;
		break;
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		*use = src;
		*def = dst;
		break;
	case ISA_FORM_ATOMIC:
		*use = dst | src;
		if (id == ISA_CMPXCHG64 || id == ISA_CMPXCHG32) {
			*use |= 1;
			*def = 1;
		} else if (insn->imm & BPF_FETCH && (insn->imm & 0x1f0) != BPF_STORE_REL) {
			*def = src;
		}
		break;
	case ISA_FORM_LD_IMM64:
		*def = dst;
		break;
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		*use = 0x7ff;
		break;
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		*def = 0x3f;
		*use = (2U << env->aux[i].n_args) - 2;
		break;
	case ISA_FORM_EXIT:
		*use = 1;
		break;
	default:
		break;
	}
}

static void cfg_live(struct env *env, const struct subprog *sub)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t n = 0; n < sub->n_postorder; n++) {
			uint32_t i = sub->postorder[n], to[2], use, def, out = 0;
			int edges = cfg_successors(env, i, to);

			while (edges-- > 0)
				out |= env->aux[to[edges]].live_before;
			cfg_use(env, i, &use, &def);
			out = (out & ~def) | use;
			if (out != env->aux[i].live_before) {
				env->aux[i].live_before = (uint16_t)out;
				changed = true;
			}
		}
	}
}

/* ---- loops ------------------------------------------------------------------------------ */

struct tarjan {
	uint32_t *index, *low; /* 0: not seen */
	uint32_t *stack, *path;
	uint8_t *edge;
	bool *on_stack;
	uint32_t n_stack, n_path, next;
};

static void tarjan_close(struct env *env, struct tarjan *t, uint32_t root)
{
	uint32_t to[2], top = t->stack[t->n_stack - 1];
	int edges = cfg_successors(env, root, to);
	bool loop = top != root;

	while (edges-- > 0)
		loop |= to[edges] == root;
	if (loop)
		env->n_sccs++;
	do {
		top = t->stack[--t->n_stack];
		t->on_stack[top] = false;
		if (loop)
			env->aux[top].scc = env->n_sccs;
	} while (top != root);
}

static void tarjan_visit(struct tarjan *t, uint32_t i)
{
	t->index[i] = t->low[i] = ++t->next;
	t->stack[t->n_stack++] = i;
	t->on_stack[i] = true;
	t->path[t->n_path++] = i;
}

static void tarjan_from(struct env *env, struct tarjan *t, uint32_t start)
{
	uint32_t to[2];

	tarjan_visit(t, start);
	while (t->n_path) {
		uint32_t i = t->path[t->n_path - 1];
		int edges = cfg_successors(env, i, to);

		if (t->edge[i] < edges) {
			uint32_t next = to[t->edge[i]++];

			if (!t->index[next])
				tarjan_visit(t, next);
			else if (t->on_stack[next])
				t->low[i] = MIN(t->low[i], t->index[next]);
			continue;
		}
		t->n_path--;
		if (t->low[i] == t->index[i])
			tarjan_close(env, t, i);
		if (t->n_path) {
			uint32_t up = t->path[t->n_path - 1];

			t->low[up] = MIN(t->low[up], t->low[i]);
		}
	}
}

static int cfg_loops(struct env *env)
{
	uint32_t n = env->n_insns;
	struct mem_mark mark = env_mark(env);
	uint32_t *words = env_table(env, n, 4 * sizeof(*words));
	struct tarjan t = {.index = words,
			   .low = words ? words + n : NULL,
			   .stack = words ? words + 2 * (size_t)n : NULL,
			   .path = words ? words + 3 * (size_t)n : NULL,
			   .edge = env_table(env, n, 1),
			   .on_stack = env_table(env, n, sizeof(bool))};
	int err = words && t.edge && t.on_stack ? 0 : env_nomem(env);

	for (uint32_t s = 0; s < env->n_subs && !err; s++)
		tarjan_from(env, &t, env->subs[s].start);
	env_rewind(env, mark);
	return err;
}

int cfg_build(struct env *env)
{
	int err;

	cfg_targets(env);
	err = cfg_walk(env);
	if (err)
		return err;
	cfg_effects(env);
	for (uint32_t s = 0; s < env->n_subs; s++) {
		err = cfg_postorder(env, &env->subs[s]);
		if (!err)
			err = cfg_preds(env, &env->subs[s]);
		if (err)
			return err;
		cfg_live(env, &env->subs[s]);
	}
	return cfg_loops(env);
}
