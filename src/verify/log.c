/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/log.c - the kernel's log format, which tools parse.
 *
 * An instruction's line is written when a path comes to it, and what it changed when the path
 * comes to the next one: appended to the same line if nothing else was written since. At level 1
 * the log holds the current path alone: positions are kept with queued paths, and the log is cut
 * back when one is taken up. So positions count from the beginning of the log, of which the
 * buffer holds only the end.
 */
#include "verify/log.h"
#include "verify/text.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG_FLUSH   ((size_t)64 << 10) /* level 2: so much is collected before it is written */
#define LOG_LIMIT   ((size_t)64 << 20) /* level 1: of a longer path only the end is kept */
#define LOG_COLUMNS 40		       /* where an instruction's results begin */
#define LOG_TAB	    8
#define LOG_GAP	    4

struct env_log {
	struct text text;
	uint64_t start; /* position of text.buf[0] */
	uint64_t line;	/* behind the line of the last instruction, */
	uint32_t width; /* which has so many characters */
	uint16_t regs;	/* touched since they were last told of */
	uint64_t slots;
	bool taken_up;			    /* the path was queued: say where it comes from */
	const struct bpf_line_info *source; /* the line of source that was told last, or NULL */
};

int log_new(struct env *env)
{
	const struct verify_log *log = env->image->log;

	if (!log || !(log->level & 3))
		return 0;
	env->log = calloc(1, sizeof(*env->log));
	if (!env->log)
		return env_nomem(env);
	env->log->text.image = env->image;
	env->log->regs = TEXT_ALL_REGS;
	env->log->slots = TEXT_ALL_SLOTS;
	return 0;
}

bool log_all(const struct env *env)
{
	return log_on(env) && env->image->log->level & 2;
}

/* ---- positions -------------------------------------------------------------------------- */

static uint64_t log_end(const struct env_log *l)
{
	return l->start + l->text.len;
}

static void log_write(struct env *env, size_t len)
{
	const struct verify_log *to = env->image->log;
	struct env_log *l = env->log;

	if (!len)
		return; /* nothing was written, or there was no memory at all */
	to->write(to->user, l->text.buf, len);
	memmove(l->text.buf, l->text.buf + len, l->text.len - len + 1);
	l->text.len -= len;
	l->start += len;
}

/* Between lines: the last character may still be taken back. */
static void log_settle(struct env *env)
{
	struct env_log *l = env->log;
	size_t half = l->text.len / 2;

	if (log_all(env) && l->text.len > LOG_FLUSH) {
		log_write(env, l->text.len - 1);
	} else if (l->text.len > LOG_LIMIT) {
		memmove(l->text.buf, l->text.buf + half, l->text.len - half + 1);
		l->text.len -= half;
		l->start += half;
	}
}

static void log_cut(struct env_log *l, uint64_t position)
{
	if (position >= log_end(l))
		return;
	l->text.len = position > l->start ? (size_t)(position - l->start) : 0;
	l->start = MIN(l->start, position);
	if (l->text.buf)
		l->text.buf[l->text.len] = '\0';
}

size_t log_position(const struct env *env)
{
	return log_on(env) ? (size_t)log_end(env->log) : 0;
}

void log_rewind(struct env *env, size_t position)
{
	if (log_on(env) && !log_all(env))
		log_cut(env->log, position);
}

void log_verified(struct env *env)
{
	log_rewind(env, 0);
}

/* ---- text ------------------------------------------------------------------------------- */

void log_text(struct env *env, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	if (!log_on(env))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		text_add(&env->log->text, text, MIN((size_t)n, sizeof(text) - 1));
	log_settle(env);
}

/* The state of a frame, registers and slots that were touched or all of them, and a newline. */
static void log_state(struct env *env, const struct state *s, uint32_t frame, bool all)
{
	struct env_log *l = env->log;

	text_state(&l->text, s, frame, all ? TEXT_ALL_REGS : l->regs,
		   all ? TEXT_ALL_SLOTS : l->slots);
	text_add(&l->text, "\n", 1);
	if (!all) {
		l->regs = 0;
		l->slots = 0;
	}
	log_settle(env);
}

/* What was touched, behind the instruction that did it or on a line of its own. */
static void log_touched(struct env *env, uint32_t insn)
{
	struct env_log *l = env->log;
	uint32_t column = MAX(l->width + LOG_GAP, (uint32_t)LOG_COLUMNS);

	if (l->line && l->line == log_end(l)) {
		log_cut(l, l->line - 1);
		text_put(&l->text, "%*c;",
			 (int)(ALIGN_UP(column, (uint32_t)LOG_TAB) - l->width - 1), ' ');
	} else {
		text_put(&l->text, "%u:", insn);
	}
	log_state(env, env->st, env->st->cur, false);
}

/* The line of source that the instruction belongs to, if it is another one. */
static void log_source(struct env *env, uint32_t insn)
{
	const struct verify_image *image = env->image;
	uint32_t low = 0, high = image->btf ? image->n_line_info : 0;
	const char *file, *line;
	const struct bpf_line_info *info, *before;

	/* The last one that begins at or before it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (image->line_info[middle].insn_off <= insn)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return;
	info = &image->line_info[low - 1];
	before = env->log->source;
	env->log->source = info;
	if (before && before->line_off == info->line_off &&
	    before->file_name_off == info->file_name_off &&
	    before->line_col >> 10 == info->line_col >> 10)
		return;
	line = btf_str(image->btf, info->line_off);
	line += strspn(line, " \t");
	file = btf_str(image->btf, info->file_name_off);
	if (strrchr(file, '/'))
		file = strrchr(file, '/') + 1;
	text_put(&env->log->text, "; ");
	text_add(&env->log->text, line, strlen(line));
	text_put(&env->log->text, " @ %s:%u\n", file, info->line_col >> 10);
}

static void log_insn(struct env *env, uint32_t insn)
{
	struct env_log *l = env->log;
	uint64_t before = log_end(l);

	text_put(&l->text, "%u: ", insn);
	text_insn(&l->text, env, insn);
	text_add(&l->text, "\n", 1);
	l->width = (uint32_t)(log_end(l) - before);
	l->line = log_end(l);
}

/* ---- the program ------------------------------------------------------------------------ */

void log_functions(struct env *env)
{
	for (uint32_t i = 0; log_all(env) && i < env->n_subs; i++)
		log_text(env, "func#%u @%u\n", i, env->subs[i].start);
}

void log_live_regs(struct env *env)
{
	struct text *t;

	if (!log_all(env))
		return;
	t = &env->log->text;
	text_put(t, "Live regs before insn:\n");
	for (uint32_t i = 0; i < env->n_insns;) {
		const struct insn_aux *aux = &env->aux[i];

		if (aux->scc)
			text_put(t, "%3u ", aux->scc);
		else
			text_put(t, "    ");
		text_put(t, "%3u: ", i);
		for (int r = 0; r < 10; r++)
			text_add(t, aux->live_before >> r & 1 ? &"0123456789"[r] : ".", 1);
		text_put(t, " ");
		i += (uint32_t)text_insn(t, env, i);
		log_text(env, "\n");
	}
}

void log_signature(struct env *env)
{
	const struct verify_image *image = env->image;
	const struct btf_type *t = image->btf ? btf_type(image->btf, env->subs[0].func) : NULL;
	struct btf_func sig;
	char why[BTF_WHY];

	if (t &&
	    btf_func_args(image->target, image->btf, env->subs[0].func,
			  btf_type_vlen(t) == BTF_FUNC_GLOBAL, image->type->type,
			  image->expected_attach_type, &sig, why) &&
	    why[0])
		log_text(env, "%s\n", why);
}

/* ---- the current instruction ------------------------------------------------------------ */

void log_touch(struct env *env, uint64_t slots)
{
	env->log->slots |= slots;
}

void log_touch_all(struct env *env)
{
	env->log->regs = TEXT_ALL_REGS;
	env->log->slots = TEXT_ALL_SLOTS;
}

/* Registers that an instruction reads or writes. */
static uint16_t log_operands(const struct env *env, uint32_t insn)
{
	const struct bpf_insn *in = &env->insns[insn];
	const struct isa_desc *desc = &isa_table[env->aux[insn].id];
	uint16_t regs = 0;

	if (desc->operands & ISA_DST)
		regs |= (uint16_t)(1U << in->dst_reg);
	if (desc->operands & ISA_SRC)
		regs |= (uint16_t)(1U << in->src_reg);
	switch (desc->form) {
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		regs |= 0x3f;
		break;
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		regs |= 0x3f | 1U << BPF_REG_6;
		break;
	case ISA_FORM_ATOMIC:
		if (in->imm == BPF_CMPXCHG)
			regs |= 1U << BPF_REG_0;
		break;
	default:
		break;
	}
	return regs;
}

static void log_from(struct env *env)
{
	log_text(env, "\nfrom %d to %u%s:", (int)env->prev, env->insn,
		 env->st->speculative ? " (speculative execution)" : "");
}

void log_arrive(struct env *env, bool pruned)
{
	struct env_log *l = env->log;

	if (pruned) {
		if (l->taken_up)
			log_from(env);
		else
			log_text(env, "%u:", env->insn);
		log_text(env, " safe\n");
		return;
	}
	if (l->taken_up && log_all(env)) {
		log_from(env);
		log_state(env, env->st, env->st->cur, true);
		l->taken_up = false;
	}
	if (l->regs || l->slots)
		log_touched(env, env->insn);
	log_source(env, env->insn);
	log_insn(env, env->insn);
	log_settle(env);
	l->regs |= log_operands(env, env->insn);
}

void log_branch(struct env *env)
{
	log_touched(env, env->at);
}

void log_path(struct env *env)
{
	if (!log_on(env))
		return;
	log_touch_all(env);
	env->log->taken_up = true;
}

void log_call(struct env *env)
{
	const struct state *s = env->st;

	if (!log_on(env))
		return;
	log_text(env, "caller:\n");
	log_state(env, s, s->cur - 1, true);
	log_text(env, "callee:\n");
	log_state(env, s, s->cur, true);
}

void log_return(struct env *env)
{
	const struct state *s = env->st;

	if (!log_on(env))
		return;
	log_text(env, "returning from callee:\n");
	log_state(env, s, s->cur, true);
	log_text(env, "to caller at %u:\n", env->insn);
	log_state(env, s, s->cur - 1, true);
	env->log->taken_up = true;
}

/* ---- precision -------------------------------------------------------------------------- */

void log_trace_begin(struct env *env, uint32_t frame, uint32_t last, uint32_t first, uint32_t next)
{
	log_text(env, "mark_precise: frame%u: last_idx %d first_idx %d subseq_idx %d \n", frame,
		 (int)last, (int)first, (int)next);
}

void log_trace_step(struct env *env, uint32_t frame, uint32_t insn, uint16_t regs, uint64_t slots)
{
	struct text *t = &env->log->text;

	if (!env->insns[insn].code) /* the second half of another */
		return;
	text_put(t, "mark_precise: frame%u: regs=", frame);
	text_reg_mask(t, regs);
	text_put(t, " stack=");
	text_slot_mask(t, slots);
	text_put(t, " before %u: ", insn);
	text_insn(t, env, insn);
	log_text(env, "\n");
}

void log_trace_parent(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots,
		      const struct state *s)
{
	struct text *t = &env->log->text;

	text_put(t, "mark_precise: frame%u: parent state regs=", frame);
	text_reg_mask(t, regs);
	text_put(t, " stack=");
	text_slot_mask(t, slots);
	text_put(t, ": ");
	log_state(env, s, frame, true);
}

void log_force_begin(struct env *env, uint32_t frame)
{
	log_text(env, "mark_precise: frame%u: falling back to forcing all scalars precise\n",
		 frame);
}

void log_force(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots)
{
	for (int i = 0; i < 10; i++)
		if (regs >> i & 1)
			log_text(env, "force_precise: frame%u: forcing r%d to be precise\n", frame,
				 i);
	for (; slots; slots &= slots - 1)
		log_text(env, "force_precise: frame%u: forcing fp%d to be precise\n", frame,
			 -SLOT_BYTES * (__builtin_ctzll(slots) + 1));
}

void log_propagate(struct env *env, uint32_t frame, uint16_t regs, uint64_t slots)
{
	struct text *t = &env->log->text;
	const char *sep = "";

	text_put(t, "frame %u: propagating ", frame);
	text_reg_mask(t, regs);
	sep = regs ? "," : "";
	for (; slots; slots &= slots - 1) {
		text_put(t, "%sfp%d", sep, -SLOT_BYTES * (__builtin_ctzll(slots) + 1));
		sep = ",";
	}
	log_text(env, "\n");
}

/* ---- loops ------------------------------------------------------------------------------ */

void log_loop(struct env *env, const char *what, const uint32_t *calls, uint32_t n, uint32_t scc)
{
	struct text *t = &env->log->text;

	text_put(t, "SCC %s (", what);
	for (uint32_t i = 0; i < n; i++)
		text_put(t, "%u,", calls[i]);
	log_text(env, "%u)\n", scc);
}

void log_loop_states(struct env *env, const struct state *old)
{
	log_text(env, "cur state:");
	log_state(env, env->st, env->st->cur, true);
	log_text(env, "old state:");
	log_state(env, old, old->cur, true);
}

/* ---- the end ---------------------------------------------------------------------------- */

/* Functions of an accepted program that no path comes to are removed. */
static bool log_kept(const struct env *env, uint32_t subprog)
{
	return env->err || !subprog || !env->allow_ptr_leaks ||
	       env->aux[env->subs[subprog].start].flags & AUX_SEEN;
}

static void log_statistics(struct env *env, uint64_t time_ns, struct text *t)
{
	if (env->image->log->level & 4) {
		text_put(t, "verification time %llu usec\nstack depth ",
			 (unsigned long long)(time_ns / 1000));
		for (uint32_t i = 0; env->subs && i < env->n_subs; i++)
			if (log_kept(env, i))
				text_put(t, "%s%u", i ? "+" : "",
					 env->depth_told ? env->subs[i].told_depth
							 : env->subs[i].stack_depth);
		/* Where no callback takes exceptions, one is added. */
		text_put(t, !env->err && env->seen_exception && !env->exception_callback ? "+0\n"
											 : "\n");
	}
	text_put(t,
		 "processed %u insns (limit 1000000) max_states_per_insn %u total_states %u "
		 "peak_states %u mark_read %u\n",
		 env->insns_processed, env->max_states_per_insn, env->total_states,
		 env->peak_states, env->longest_mark_read);
}

void log_finish(struct env *env, uint64_t time_ns)
{
	const struct verify_log *to = env->image->log;
	struct text t = {0};

	if (!to)
		return;
	if (log_on(env))
		log_write(env, env->log->text.len);
	log_statistics(env, time_ns, &t);
	if (t.len)
		to->write(to->user, t.buf, t.len);
	free(t.buf);
}

void log_free(struct env *env)
{
	if (!env->log)
		return;
	free(env->log->text.buf);
	free(env->log);
	env->log = NULL;
}
