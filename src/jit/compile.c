/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/compile.c - the order of things.
 */
#include <errno.h>
#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "jit/build.h"
#include "jit/pass.h"
#include "jit/target.h"

#if defined(__x86_64__)
#define NATIVE &jit_x86
#elif defined(__aarch64__)
#define NATIVE &jit_arm64
#else
#define NATIVE NULL
#endif
static const struct jit_target *const native = NATIVE;

bool jit_native(void)
{
	return native != NULL;
}

bool jit_adopt(struct jit_code *code)
{
	code->target = native;
	return code->target != NULL;
}

uint32_t jit_form_size(uint32_t form)
{
	return native && form < JIT_FORMS ? native->form_size[form] : 0;
}

void jit_blank(uint8_t *field, uint32_t form)
{
	native->relocate(field, (uint8_t)form, 0, 0);
}

uint32_t jit_features(void)
{
	uint32_t features = 0;

#if defined(__x86_64__)
	__builtin_cpu_init();
	features |= __builtin_cpu_supports("bmi2") ? JIT_BMI2 : 0;
	features |= __builtin_cpu_supports("bmi") ? JIT_BMI1 : 0;
	features |= __builtin_cpu_supports("avx2") ? JIT_AVX2 : 0;
#elif defined(__aarch64__)
	features |= getauxval(AT_HWCAP) & HWCAP_ATOMICS ? JIT_LSE : 0;
#endif
	return features;
}

/* Edges that need moves of their own get a block for them. */
static void split_edges(struct ir_func *f)
{
	uint32_t n = f->n_order;

	for (uint32_t i = 0; i < n && !f->failed; i++) {
		struct ir_block *b = f->order[i];

		for (uint32_t k = 0; b->n_succ > 1 && k < b->n_succ; k++) {
			struct ir_block *to = b->succ[k];

			/* With one way in, too: phis are moves. */
			if (to->first->op == IR_PHI)
				ir_edge_split(f, b, k);
		}
	}
	ir_order(f);
}

/* A block with one way on to a block with one way in is one with it. */
static void merge_blocks(struct ir_func *f)
{
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i], *to;

		while (b->n_succ == 1 && b->last && b->last->op == IR_JUMP &&
		       (to = b->succ[0]) != b && to->n_preds == 1 && to != f->blocks[0] &&
		       !(to->first && to->first->op == IR_PHI)) {
			ir_remove(b->last);
			while (to->first) {
				struct ir_node *n = to->first;

				ir_remove(n);
				ir_append(b, n);
			}
			b->n_succ = to->n_succ;
			if (to->succ == to->succ2)
				memcpy(b->succ2, to->succ2, sizeof(b->succ2));
			else
				b->succ = to->succ;
			b->table = to->table;
			b->n_table = to->n_table;
			for (uint32_t k = 0; k < b->n_succ; k++)
				ir_pred_replace(b->succ[k], to, b);
			to->n_succ = to->n_preds = 0;
		}
	}
	ir_order(f);
}

/* ---- stages --------------------------------------------------------------------------------- */

static void stage_phis(struct ir_func *f, const struct jit_program *p)
{
	jit_phis(f);
	ir_resolve(f);
}

static void stage_simplify(struct ir_func *f, const struct jit_program *p)
{
	if (!jit_simplify(f, p))
		return;
	ir_order(f);
	if (!f->failed)
		stage_phis(f, p);
}

static void stage_promote(struct ir_func *f, const struct jit_program *p)
{
	if (jit_promote(f))
		stage_phis(f, p);
}

static void stage_merge(struct ir_func *f, const struct jit_program *p)
{
	merge_blocks(f);
}

static void stage_join(struct ir_func *f, const struct jit_program *p)
{
	if (jit_join(f) && !f->failed)
		stage_simplify(f, p);
}

static void stage_switch(struct ir_func *f, const struct jit_program *p)
{
	if (!jit_switch(f) || f->failed)
		return;
	ir_order(f);
	stage_phis(f, p);
}

static void stage_count(struct ir_func *f, const struct jit_program *p)
{
	if (!jit_count(f) || f->failed)
		return;
	ir_order(f);
	if (!f->failed)
		stage_simplify(f, p);
}

static void stage_idioms(struct ir_func *f, const struct jit_program *p)
{
	if (!jit_idioms(f, p) || f->failed)
		return;
	ir_order(f);
	stage_phis(f, p);
	stage_simplify(f, p);
	merge_blocks(f);
}

static void stage_returns(struct ir_func *f, const struct jit_program *p)
{
	if (!jit_returns(f) || f->failed)
		return;
	ir_order(f);
	stage_phis(f, p);
	merge_blocks(f);
}

static const struct stage {
	const char *name;
	void (*run)(struct ir_func *f, const struct jit_program *p);
} stages[] = {
	{"build", stage_phis},	  {"fold", stage_simplify},	{"promote", stage_promote},
	{"merge", stage_merge},	  {"simplify", stage_simplify}, {"merge-again", stage_merge},
	{"join", stage_join},	  {"count", stage_count},	{"idioms", stage_idioms},
	{"switch", stage_switch}, {"returns", stage_returns},
};

const char *jit_stage_name(uint32_t i)
{
	if (i < ARRAY_SIZE(stages))
		return stages[i].name;
	return i == ARRAY_SIZE(stages) ? "registers" : NULL;
}

static void stage_dump(const struct jit_program *p, const struct ir_func *f, const char *name)
{
	const char *at = p->stages;
	size_t len = strlen(name);

	if (!at || f->failed)
		return;
	if (!strcmp(at, "all")) {
		jit_dump(p->dump, f, name);
		return;
	}
	for (at = strstr(at, name); at; at = strstr(at + 1, name))
		if ((at == p->stages || at[-1] == ',') && (!at[len] || at[len] == ',')) {
			jit_dump(p->dump, f, name);
			return;
		}
}

static void optimise(struct ir_func *f, const struct jit_program *p)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(stages) && !f->failed; i++) {
		stages[i].run(f, p);
		stage_dump(p, f, stages[i].name);
		jit_arena_reset(f->temp);
	}
}

static void stack_left(struct ir_func *f, const struct jit_program *p)
{
	f->stack = 0;
	f->calls = f->aligned = false;
	for (uint32_t i = 0; i < f->n_order; i++)
		for (struct ir_node *n = f->order[i]->first; n; n = n->next) {
			if (n->op == IR_FRAME)
				f->stack = p->code->subprogs[f->subprog].stack;
			if (!(ir_flags[n->op] & IR_IS_CALL))
				continue;
			f->calls = true;
			f->aligned |= n->op != IR_TAIL || n->n_args != 4;
		}
	/* What is there from before is nothing that a program should see. */
	f->zero_stack = f->stack && (p->code->level != VERIFY_SAFE || p->code->reads_unwritten);
}

/* It looks at something of the run, as the CPU, though it calls nothing. */
static bool reads_run(const struct ir_func *f)
{
	for (const struct ir_node *n = f->order[0]->first; n; n = n->next)
		if (n->op == IR_PARAM && n->imm == 5 && n->uses)
			return true;
	return false;
}

static int compile_function(struct jit_emitter *e, const struct jit_flow *flow, uint32_t subprog,
			    struct visor_diag *diag)
{
	struct ir_func f = {.arena = e->ir, .temp = e->temp, .subprog = subprog};
	uint32_t slots, used = 0;
	int err = jit_build(flow, &f, diag);

	if (err)
		return err;
	optimise(&f, e->p);
	if (f.failed)
		return -ENOMEM;
	split_edges(&f);
	if (e->p->blind && !f.failed)
		jit_blind(&f);
	if (f.failed)
		return -ENOMEM;
	stack_left(&f, e->p);
	e->out->needs_run |= f.calls || reads_run(&f);
	jit_select(&f, e->target, e->p);
	if (f.failed || !jit_allocate(&f, e->target, e->p, &e->spills, &slots))
		return -ENOMEM;
	for (uint32_t i = 0; i < f.n_order; i++)
		for (struct ir_node *n = f.order[i]->first; n; n = n->next)
			if (n->reg >= 0)
				used |= 1u << n->reg;
	/* Nobody's registers are left to give back where a tail call leads to. */
	e->saved = subprog || !e->p->code->tail_calls ? used & e->target->saved : 0;
	stage_dump(e->p, &f, "registers");
	e->f = &f;
	e->target->frame(e, slots);
	e->out->entry[subprog] = e->size;
	e->out->frames[subprog] = (struct jit_frame){e->saved, e->frame};
	if (!jit_emit(e))
		return -ENOMEM;
	if (!subprog && e->target->batch && !e->p->code->tail_calls && !e->target->batch(e, slots))
		return -ENOMEM;
	return 0;
}

int jit_compile(const struct jit_program *p, struct jit_code *out, struct visor_diag *diag)
{
	struct jit_arena *arena = jit_arena_new();
	struct jit_emitter e = {.p = p, .target = p->target ? p->target : native, .out = out};
	struct ir_func whole = {.arena = arena};
	struct jit_flow flow;
	int err;

	memset(out, 0, sizeof(*out));
	e.ir = jit_arena_new();
	e.temp = jit_arena_new();
	if (!arena || !e.ir || !e.temp) {
		err = diag_fail(diag, -ENOMEM, "compile", "out of memory");
		jit_arena_free(arena);
		goto out;
	}
	out->arena = e.arena = arena;
	out->target = e.target;
	out->entry = jit_alloc(arena, p->code->n_subprogs * sizeof(*out->entry));
	out->frames = jit_alloc(arena, p->code->n_subprogs * sizeof(*out->frames));
	err = out->entry && out->frames ? jit_flow_new(p, &whole, &flow) : -ENOMEM;
	for (uint32_t s = 0; s < p->code->n_subprogs && !err; s++)
		/* A function that only dead code calls has no code. */
		if (!(p->code->facts[p->code->subprogs[s].start].flags & VERIFIED_DEAD)) {
			err = compile_function(&e, &flow, s, diag);
			jit_arena_reset(e.ir);
			jit_arena_reset(e.temp);
		}
	out->bytes = e.bytes;
	out->size = e.size;
	if (err == -ENOMEM)
		diag_fail(diag, -ENOMEM, "compile", "out of memory");
	if (err)
		jit_code_done(out);
out:
	jit_arena_free(e.ir);
	jit_arena_free(e.temp);
	return err;
}

bool jit_relocate(struct jit_code *code, uintptr_t at)
{
	for (uint32_t i = 0; i < code->n_relocs; i++) {
		const struct jit_reloc *r = &code->relocs[i];
		int64_t value = r->addend;

		if (r->sym == SYM_CODE)
			value += (int64_t)(at + code->entry[r->index]);
		if (!code->target->relocate(code->bytes + r->at, r->form, value, at + r->at))
			return false;
	}
	return true;
}

void jit_code_done(struct jit_code *code)
{
	jit_arena_free(code->arena);
	memset(code, 0, sizeof(*code));
}
