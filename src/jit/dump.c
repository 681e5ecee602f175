/* SPDX-License-Identifier: BSD-2-Clause */
/* jit/dump.c - the intermediate representation as text, one line for each node. */
#include <stdarg.h>
#include <stdio.h>

#include "jit/pass.h"

static const char *const dump_conditions[C_COUNT] = {
	[C_EQ] = "==",	 [C_NE] = "!=",	  [C_LT] = "<",	   [C_GE] = ">=",
	[C_LE] = "<=",	 [C_GT] = ">",	  [C_SLT] = "s<",  [C_SGE] = "s>=",
	[C_SLE] = "s<=", [C_SGT] = "s>",  [C_SET] = "&",   [C_CLEAR] = "!&",
};
static const char *const dump_atomics[] = {
	[A_ADD] = "add", [A_OR] = "or",	    [A_AND] = "and",
	[A_XOR] = "xor", [A_XCHG] = "xchg", [A_CMPXCHG] = "cmpxchg",
};
static const char *const dump_symbols[] = {
	[SYM_NONE] = "",	  [SYM_HELPER] = "helper", [SYM_MAP] = "map",  [SYM_VALUES] = "values",
	[SYM_LOOKUP] = "look-up", [SYM_CODE] = "function", [SYM_ENV] = "engine",
	[SYM_TAIL] = "slot",	 [SYM_FOUND] = "found",
};

static void dump_node(FILE *to, const struct ir_node *n)
{
	if (n->uses || ir_has_result(n))
		fprintf(to, "  v%-4u = ", n->id);
	else
		fprintf(to, "          ");
	fprintf(to, "%s%s", ir_names[n->op],
		n->wide || n->op == IR_CONST || n->op == IR_LOAD || n->op == IR_STORE ? "" : "32");
	if (n->size)
		fprintf(to, ".%u%s", n->size, n->sign ? "s" : "");
	if (n->op == IR_ATOMIC)
		fprintf(to, " %s", dump_atomics[n->cond]);
	for (uint32_t a = 0; a < n->n_args; a++) {
		if (a == 1 && n->op == IR_BRANCH)
			fprintf(to, " %s", dump_conditions[n->cond]);
		else if (a)
			fprintf(to, ",");
		if (!n->arg[a])
			fprintf(to, " ?");
		else if (ir_is_const(n->arg[a]))
			fprintf(to, " %lld", (long long)n->arg[a]->imm);
		else
			fprintf(to, " v%u", n->arg[a]->id);
	}
	if (n->op == IR_CONST && n->sym != SYM_NONE)
		fprintf(to, " %s %u", dump_symbols[n->sym], n->index);
	else if (n->op == IR_CONST || n->op == IR_FRAME || n->op == IR_PARAM || n->op == IR_SWITCH)
		fprintf(to, " %lld", (long long)n->imm);
	else if (n->imm && (n->op == IR_LOAD || n->op == IR_STORE || n->op == IR_ATOMIC))
		fprintf(to, " %+lld", (long long)n->imm);
	if (n->op == IR_CALLSUB)
		fprintf(to, " function %u", n->index);
	for (uint32_t k = 0; ir_flags[n->op] & IR_IS_END && k < n->block->n_succ; k++)
		fprintf(to, "%s b%u", k ? "," : " ->", n->block->succ[k]->id);
	if (n->bits < 64 && n->op != IR_CONST)
		fprintf(to, "  # %u bits", n->bits);
	if (n->reg >= 0)
		fprintf(to, "  # register %d", n->reg);
	else if (n->spilled)
		fprintf(to, "  # slot %d", n->slot);
	fprintf(to, "%s  ; %u\n", n->folded ? "  # folded" : "", n->insn);
}

void jit_dump(FILE *to, const struct ir_func *f, const char *stage)
{
	fprintf(to, "function %u, %s\n", f->subprog, stage);
	for (uint32_t i = 0; i < f->n_order; i++) {
		const struct ir_block *b = f->order[i];

		fprintf(to, "b%u:", b->id);
		for (uint32_t k = 0; k < b->n_preds; k++)
			fprintf(to, "%s b%u", k ? "," : "  # from", b->preds[k]->id);
		if (b->depth)
			fprintf(to, "  # loop b%u, depth %u", b->loop->id, b->depth);
		fprintf(to, "\n");
		for (const struct ir_node *n = b->first; n; n = n->next)
			dump_node(to, n);
	}
	fprintf(to, "\n");
}
