/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli/check_watch.c - follows a verification step by step.
 *
 * The verifier shows each instruction before it looks at it. Whether two such steps are of one path
 * it does not say: the second is taken for what follows the first if the program can get there from
 * it. The other way of a condition is followed later, and is no "after" of it.
 */
#include "cli/check_watch.h"
#include "isa/disasm.h"
#include "isa/insn.h"
#include "verify/text.h"

#include <errno.h>
#include <stdlib.h>

#define WATCH_TOP 10 /* parts that are printed */

/* A verification that is being watched. */
struct watching {
	const struct watch *w;
	struct watch_prog *p;
	const struct verify_image *image;
	uint64_t *steps, *states; /* by instruction */
	const struct state *parent;
	bool open; /* the last step was the instruction that is explained */
};

/* ---- watching ----------------------------------------------------------------------------- */

static char *watch_state(const struct verify_image *image, const struct state *s)
{
	struct text t = {.image = image};
	char *trimmed;

	for (uint32_t f = 0; f <= s->cur; f++) {
		if (s->cur)
			text_put(&t, "%sframe%u:", f ? "\n" : "", f);
		text_state(&t, s, f, TEXT_ALL_REGS, TEXT_ALL_SLOTS);
	}
	trimmed = t.buf ? strdup(t.buf + (*t.buf == ' ')) : NULL;
	free(t.buf);
	return trimmed;
}

/* Can `next` be the step behind `insn`? */
static bool watch_follows(const struct verify_image *image, uint32_t insn, uint32_t next)
{
	const struct bpf_insn *i = &image->insns[insn];
	bool exits = i->code == (BPF_JMP | BPF_EXIT);
	int64_t delta;

	if (exits) /* to the caller */
		return next && image->insns[next - 1].code == (BPF_JMP | BPF_CALL);
	if (isa_jump(i, &delta) && (int64_t)insn + 1 + delta == next)
		return true;
	if (i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL)
		return (int64_t)insn + 1 + i->imm == next || next == insn + 1;
	return next == insn + 1 + (i->code == (BPF_LD | BPF_IMM | BPF_DW));
}

static int watch_step(void *user, const struct state *state, uint32_t insn)
{
	struct watching *on = user;
	struct watch_prog *p = on->p;
	struct watch_visit *last;

	on->steps[insn]++;
	if (state->parent && state->parent != on->parent && state->parent->insn == insn)
		on->states[insn]++;
	on->parent = state->parent;
	if (on->open) {
		last = &p->visits[p->n_visits - 1];
		if (watch_follows(on->image, (uint32_t)on->w->explain, insn)) {
			last->after = watch_state(on->image, state);
			last->next = insn;
		}
		on->open = false;
	}
	if (insn != on->w->explain)
		return 0;
	if (p->n_visits < WATCH_MAX_VISITS) {
		p->visits[p->n_visits].before = watch_state(on->image, state);
		on->open = true;
	}
	p->n_visits++;
	return 0;
}

/* ---- what came of it ---------------------------------------------------------------------- */

static struct watch_part *part_add(struct watch_part **parts, uint32_t *n, uint32_t start,
				   uint32_t end)
{
	struct watch_part *grown = realloc(*parts, (*n + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	*parts = grown;
	grown[*n] = (struct watch_part){.start = start, .end = end};
	return &grown[(*n)++];
}

/* The line of the source that an instruction is of. */
static void part_line(const struct verify_image *image, uint32_t insn, struct watch_part *part)
{
	const struct bpf_line_info *best = NULL;
	const char *file;

	for (uint32_t i = 0; image->btf && i < image->n_line_info; i++)
		if (image->line_info[i].insn_off <= insn)
			best = &image->line_info[i];
	if (!best) {
		snprintf(part->name, sizeof(part->name), "insn %u", insn);
		return;
	}
	file = btf_str(image->btf, best->file_name_off);
	file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	snprintf(part->name, sizeof(part->name), "%s:%u", file,
		 BPF_LINE_INFO_LINE_NUM(best->line_col));
	file = btf_str(image->btf, best->line_off);
	snprintf(part->source, sizeof(part->source), "%s", file + strspn(file, " \t"));
}

static int part_order(const void *a, const void *b)
{
	const struct watch_part *x = a, *y = b;

	return x->steps > y->steps ? -1 : x->steps < y->steps;
}

static void parts_count(const struct watching *on, struct watch_part *parts, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t i = parts[k].start; i < parts[k].end; i++) {
			parts[k].steps += on->steps[i];
			parts[k].states += on->states[i];
		}
		parts[k].rounds = on->steps[parts[k].start];
	}
	if (n)
		qsort(parts, n, sizeof(*parts), part_order);
}

/* Instructions at which a function begins. */
static void function_starts(const struct verify_image *image, bool *start)
{
	start[0] = true;
	for (uint32_t i = 0; i < image->n_insns; i++) {
		const struct bpf_insn *insn = &image->insns[i];
		bool lddw = insn->code == (BPF_LD | BPF_IMM | BPF_DW);
		bool refers = lddw ? insn->src_reg == BPF_PSEUDO_FUNC
				   : insn->code == (BPF_JMP | BPF_CALL) &&
					      insn->src_reg == BPF_PSEUDO_CALL;
		int64_t to = (int64_t)i + 1 + insn->imm;

		if (refers && to >= 0 && to < image->n_insns)
			start[to] = true;
		i += lddw;
	}
}

static void watch_functions(const struct watching *on)
{
	const struct verify_image *image = on->image;
	bool *start = calloc(image->n_insns + 1, sizeof(*start));
	struct watch_part *part = NULL;

	if (!start)
		return;
	function_starts(image, start);
	for (uint32_t i = 0; i < image->n_insns; i++) {
		if (!start[i])
			continue;
		if (part)
			part->end = i;
		part = part_add(&on->p->functions, &on->p->n_functions, i, image->n_insns);
		if (!part)
			break;
		snprintf(part->name, sizeof(part->name), "%s", i ? "" : on->p->prog->name);
		for (uint32_t k = 0; image->btf && k < image->n_func_info; k++)
			if (image->func_info[k].insn_off == i)
				snprintf(part->name, sizeof(part->name), "%s",
					 btf_name(image->btf, image->func_info[k].type_id));
		if (!part->name[0])
			snprintf(part->name, sizeof(part->name), "insn %u", i);
	}
	free(start);
}

static void watch_loops(const struct watching *on)
{
	const struct verify_image *image = on->image;
	struct watch_part *part;

	for (uint32_t i = 0; i < image->n_insns; i++) {
		int64_t delta, to;
		uint32_t k;

		if (image->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			i++;
			continue;
		}
		if (!isa_jump(&image->insns[i], &delta) || delta >= 0)
			continue;
		to = (int64_t)i + 1 + delta;
		if (to < 0 || !on->steps[to])
			continue;
		for (k = 0; k < on->p->n_loops && on->p->loops[k].start != to; k++)
			;
		part = k < on->p->n_loops
			       ? &on->p->loops[k]
			       : part_add(&on->p->loops, &on->p->n_loops, (uint32_t)to, i + 1);
		if (!part)
			return;
		part->end = i + 1;
		part_line(image, (uint32_t)to, part);
	}
}

static void watch_end(struct watching *on)
{
	const struct verify_image *image = on->image;
	int64_t at = on->w->explain;

	if (on->w->stats) {
		watch_functions(on);
		watch_loops(on);
		parts_count(on, on->p->functions, on->p->n_functions);
		parts_count(on, on->p->loops, on->p->n_loops);
	}
	if (at >= 0 && at < image->n_insns)
		isa_disasm(image->insns, image->n_insns, (uint32_t)at, NULL, on->p->insn,
			   sizeof(on->p->insn));
}

int watch_verify(void *user, struct examined *prog, struct verify_image *image,
		 const struct verified **out, struct visor_diag *diag)
{
	struct watch *w = user;
	struct watching on = {.w = w, .image = image};
	int err;

	on.p = calloc(1, sizeof(*on.p));
	on.steps = calloc(image->n_insns + 1, sizeof(*on.steps));
	on.states = calloc(image->n_insns + 1, sizeof(*on.states));
	if (on.p && on.steps && on.states) {
		on.p->prog = prog;
		on.p->next = w->progs;
		w->progs = on.p;
		image->observe = watch_step;
		image->observe_user = &on;
		err = verify_image(image, out, diag);
		watch_end(&on);
	} else {
		free(on.p);
		err = diag_fail(diag, -ENOMEM, "check", "out of memory");
	}
	free(on.steps);
	free(on.states);
	return err;
}

/* ---- output ------------------------------------------------------------------------------- */

static const struct watch_prog *watch_find(const struct watch *w, const struct examined *prog)
{
	const struct watch_prog *p = w->progs;

	while (p && p->prog != prog)
		p = p->next;
	return p;
}

static void parts_print(const struct watch_part *parts, uint32_t n, bool loops, FILE *to)
{
	uint32_t shown = 0;

	for (uint32_t k = 0; k < n && shown < WATCH_TOP; k++) {
		const struct watch_part *part = &parts[k];

		if (!part->steps)
			continue;
		if (!shown++)
			fprintf(to, "  %10s  %8s  %8s  %s\n", "steps", "states",
				loops ? "rounds" : "calls", loops ? "loop" : "function");
		fprintf(to, "  %10llu  %8llu  %8llu  %s%s%s\n", (unsigned long long)part->steps,
			(unsigned long long)part->states, (unsigned long long)part->rounds,
			part->name, part->source[0] ? "  " : "", part->source);
	}
}

static void watch_print_state(const char *title, const char *text, FILE *to)
{
	fprintf(to, "    %s ", title);
	for (; text && *text; text++) {
		fputc(*text, to);
		if (*text == '\n')
			fprintf(to, "    %*s ", (int)strlen(title), "");
	}
	fputc('\n', to);
}

void watch_print(const struct watch *w, const struct examined *prog, FILE *to)
{
	const struct watch_prog *p = watch_find(w, prog);

	if (!p)
		return;
	if (w->stats) {
		fprintf(to, "\n%s: where the steps of verification go\n", prog->name);
		parts_print(p->functions, p->n_functions, false, to);
		parts_print(p->loops, p->n_loops, true, to);
	}
	if (w->explain < 0)
		return;
	fprintf(to, "\n%s: insn %lld: %s\n", prog->name, (long long)w->explain,
		p->insn[0] ? p->insn : "the program has no such instruction");
	if (p->insn[0] && !p->n_visits)
		fprintf(to, "  no path comes here\n");
	for (uint32_t i = 0; i < MIN(p->n_visits, WATCH_MAX_VISITS); i++) {
		char title[32];

		fprintf(to, "  path %u\n", i + 1);
		watch_print_state("before:", p->visits[i].before, to);
		if (p->visits[i].after) {
			snprintf(title, sizeof(title), "at %u:", p->visits[i].next);
			watch_print_state(title, p->visits[i].after, to);
		} else {
			fprintf(to, "    the path ends here\n");
		}
	}
	if (p->n_visits > WATCH_MAX_VISITS)
		fprintf(to, "  %u more\n", p->n_visits - WATCH_MAX_VISITS);
}

static void parts_json(const struct watch_part *parts, uint32_t n, bool loops, struct json *j)
{
	json_array(j, loops ? "loops" : "functions");
	for (uint32_t k = 0; k < n; k++) {
		json_object(j, NULL);
		json_str(j, loops ? "place" : "name", parts[k].name);
		if (loops)
			json_str(j, "source", parts[k].source);
		json_u64(j, "start", parts[k].start);
		json_u64(j, "end", parts[k].end);
		json_u64(j, "steps", parts[k].steps);
		json_u64(j, "states", parts[k].states);
		json_u64(j, loops ? "rounds" : "calls", parts[k].rounds);
		json_object_end(j);
	}
	json_array_end(j);
}

void watch_json(const struct watch *w, const struct examined *prog, struct json *j)
{
	const struct watch_prog *p = watch_find(w, prog);

	if (!p)
		return;
	if (w->stats) {
		parts_json(p->functions, p->n_functions, false, j);
		parts_json(p->loops, p->n_loops, true, j);
	}
	if (w->explain < 0)
		return;
	json_object(j, "explain");
	json_i64(j, "insn", w->explain);
	json_str(j, "text", p->insn);
	json_u64(j, "visits", p->n_visits);
	json_array(j, "paths");
	for (uint32_t i = 0; i < MIN(p->n_visits, WATCH_MAX_VISITS); i++) {
		const struct watch_visit *v = &p->visits[i];

		json_object(j, NULL);
		json_str(j, "before", v->before ? v->before : "");
		if (v->after) {
			json_u64(j, "next", v->next);
			json_str(j, "after", v->after);
		}
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

void watch_free(struct watch *w)
{
	struct watch_prog *p;

	while ((p = w->progs)) {
		w->progs = p->next;
		for (uint32_t i = 0; i < MIN(p->n_visits, WATCH_MAX_VISITS); i++) {
			free(p->visits[i].before);
			free(p->visits[i].after);
		}
		free(p->functions);
		free(p->loops);
		free(p);
	}
}
