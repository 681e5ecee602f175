/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/context.c - finds the instructions that access the context.
 *
 * Programs see the UAPI's context (struct xdp_md, struct __sk_buff), the engine keeps
 * another one, so these accesses must be translated. A forward data-flow analysis over a
 * small lattice tracks which registers and stack slots hold the context pointer:
 *
 *          MIXED            may be the context, or the offset varies
 *         /     \
 *        /     FRAME        may point anywhere into the stack, a caller's or the own
 *       /      /   \
 *   CTX+n   FP+n   OTHER    context + n, frame pointer + n, certainly neither
 *       \      |   /
 *           NONE            no path reaches here
 *
 * Accesses through CTX+n are checked against the type's field table here and now.
 * Accesses through MIXED are left to the checked interpreter.
 *
 * Slots are followed for accesses through FP+n. What goes through FRAME is summed up for
 * the whole program: once a function that holds the context in its stack hands out a
 * pointer into it, or a context is stored through such a pointer, anything that is loaded
 * through FRAME may be the context (`shared`); and what a function passed to others may
 * have changed when they return. Pointers are taken to come back only from the stack: maps
 * and packets hold numbers, and a pointer of which a part was overwritten is a number, too.
 * That is what the kernel demands of a program, and full verification proves.
 */
#include "verify/internal.h"

#include <errno.h>
#include <stdlib.h>

enum flow_kind { FLOW_NONE, FLOW_CTX, FLOW_FP, FLOW_OTHER, FLOW_FRAME, FLOW_MIXED };

struct flow_value {
	uint8_t kind; /* enum flow_kind */
	int16_t off;  /* CTX, FP; others: 0 */
};

#define FLOW_SLOTS (VERIFY_STACK_SIZE / 8)

struct flow_state {
	struct flow_value reg[11];
	struct flow_value slot[FLOW_SLOTS]; /* slot[i]: the 8 bytes at r10 - 8 * (i + 1) */
};

struct flow {
	struct verify_work *w;
	struct flow_state **at; /* by instruction: state before it, kept at block starts only */
	uint32_t *todo;		/* block starts whose state changed */
	uint8_t *queued;
	uint32_t n_todo;
	bool *returns_ctx; /* by function: r0 at exit may be the context */
	bool shared;	   /* what is loaded through FRAME may be the context */
	bool below;	   /* pointers into frames are moved down, or by variables */
	int err;
};

static const struct flow_value flow_other = {FLOW_OTHER, 0}, flow_frame = {FLOW_FRAME, 0},
			       flow_mixed = {FLOW_MIXED, 0};

static bool flow_may_be_ctx(struct flow_value v)
{
	return v.kind == FLOW_CTX || v.kind == FLOW_MIXED;
}

static bool flow_may_be_frame(struct flow_value v)
{
	return v.kind == FLOW_FP || v.kind == FLOW_FRAME || v.kind == FLOW_MIXED;
}

static struct flow_value flow_join_value(struct flow_value a, struct flow_value b)
{
	if (a.kind == FLOW_NONE)
		return b;
	if (b.kind == FLOW_NONE || (a.kind == b.kind && a.off == b.off))
		return a;
	return flow_may_be_ctx(a) || flow_may_be_ctx(b) ? flow_mixed : flow_frame;
}

/* Joins `from` into the state kept for block start `insn`; queues it if it changed. */
static void flow_to(struct flow *f, uint32_t insn, const struct flow_state *from)
{
	struct flow_state *to = f->at[insn];
	bool changed = false;

	if (!to) {
		to = f->at[insn] = malloc(sizeof(*to));
		if (!to) {
			f->err = diag_fail(f->w->diag, -ENOMEM, "verify", "out of memory");
			return;
		}
		*to = *from;
		changed = true;
	} else {
		struct flow_value *d = to->reg;
		const struct flow_value *s = from->reg;

		for (size_t i = 0; i < sizeof(*to) / sizeof(*d); i++) {
			struct flow_value v = flow_join_value(d[i], s[i]);

			if (v.kind != d[i].kind || v.off != d[i].off) {
				d[i] = v;
				changed = true;
			}
		}
	}
	if (changed && !f->queued[insn]) {
		f->queued[insn] = 1;
		f->todo[f->n_todo++] = insn;
	}
}
_Static_assert(sizeof(struct flow_state) == (11 + FLOW_SLOTS) * sizeof(struct flow_value),
	       "registers and slots are one array for the join");

/* Something was learnt about the whole program: all of it must be looked at again. */
static void flow_again(struct flow *f)
{
	for (uint32_t n = 0; n < f->w->image->n_insns; n++) {
		if (f->at[n] && !f->queued[n]) {
			f->queued[n] = 1;
			f->todo[f->n_todo++] = n;
		}
	}
}

static void flow_learn(struct flow *f, bool *what)
{
	if (*what)
		return;
	*what = true;
	flow_again(f);
}

static void flow_stack_use(struct flow *f, uint32_t insn, int off)
{
	struct verified_subprog *sub = &f->w->subprogs[verify_subprog_of(f->w, insn)];

	if (off < 0)
		sub->stack = MAX(sub->stack, (uint32_t)MIN(-off, VERIFY_STACK_SIZE));
}

/* value + delta for pointers; anything else stays what it is. */
static struct flow_value flow_add(struct flow *f, uint32_t insn, struct flow_value v, int64_t delta)
{
	if (flow_may_be_frame(v) && v.kind != FLOW_FP && delta < 0)
		flow_learn(f, &f->below);
	if (v.kind != FLOW_CTX && v.kind != FLOW_FP)
		return v;
	if (v.off + delta < INT16_MIN || v.off + delta > INT16_MAX) {
		if (v.kind == FLOW_FP)
			flow_stack_use(f, insn, -VERIFY_STACK_SIZE);
		return v.kind == FLOW_CTX ? flow_mixed : flow_frame;
	}
	v.off = (int16_t)(v.off + delta);
	if (v.kind == FLOW_FP)
		flow_stack_use(f, insn, v.off);
	return v;
}

static void flow_alu(struct flow *f, uint32_t i, struct flow_state *s, int id)
{
	const struct bpf_insn *insn = &f->w->image->insns[i];
	struct flow_value *dst = &s->reg[insn->dst_reg], src = s->reg[insn->src_reg];

	switch (id) {
	case ISA_MOV64_RR:
		*dst = src;
		return;
	case ISA_ADD64_RI:
		*dst = flow_add(f, i, *dst, insn->imm);
		return;
	case ISA_SUB64_RI:
		*dst = flow_add(f, i, *dst, -(int64_t)insn->imm);
		return;
	case ISA_ADD64_RR:
	case ISA_SUB64_RR:
		/* A variable offset into the context or the frame. */
		if (dst->kind == FLOW_FP || src.kind == FLOW_FP)
			flow_stack_use(f, i, -VERIFY_STACK_SIZE);
		if ((flow_may_be_frame(*dst) && dst->kind != FLOW_FP) ||
		    (flow_may_be_frame(src) && src.kind != FLOW_FP))
			flow_learn(f, &f->below);
		if (flow_may_be_ctx(*dst) || flow_may_be_ctx(src))
			*dst = flow_mixed;
		else if (flow_may_be_frame(*dst) || flow_may_be_frame(src))
			*dst = flow_frame;
		else
			*dst = flow_other;
		return;
	default:
		*dst = flow_other;
	}
}

/* The slot that an aligned 8-byte access at FP + off uses, or NULL. */
static struct flow_value *flow_slot(struct flow_state *s, int off)
{
	if (off >= 0 || off < -VERIFY_STACK_SIZE || off % 8)
		return NULL;
	return &s->slot[-off / 8 - 1];
}

/* A store of `size` bytes at FP + off: whatever slots it touches change. */
static void flow_store(struct flow *f, uint32_t i, struct flow_state *s, int off, int size,
		       struct flow_value v)
{
	struct flow_value *slot = size == 8 ? flow_slot(s, off) : NULL;

	flow_stack_use(f, i, off);
	if (slot) {
		*slot = v;
		return;
	}
	for (int b = off; b < off + size; b++)
		if (b < 0 && b >= -VERIFY_STACK_SIZE)
			s->slot[(-b - 1) / 8] = flow_other;
}

/* A pointer that somebody else may have put there. */
static struct flow_value flow_foreign(const struct flow *f)
{
	return f->shared ? flow_mixed : flow_frame;
}

/* Others may have written to the slots from FP + off up. */
static void flow_clobber(const struct flow *f, struct flow_state *s, int off)
{
	for (int n = 0; n < FLOW_SLOTS && -8 * n > off; n++)
		s->slot[n] = flow_join_value(s->slot[n], flow_foreign(f));
}

/* The base register of a memory access, and its size; NULL: not a memory access. */
static const struct flow_value *flow_base(const struct flow_state *s, const struct bpf_insn *insn,
					  int form)
{
	switch (form) {
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		return &s->reg[insn->src_reg];
	case ISA_FORM_ST:
	case ISA_FORM_STX:
	case ISA_FORM_ATOMIC:
		return &s->reg[insn->dst_reg];
	default:
		return NULL;
	}
}

static int flow_size(const struct bpf_insn *insn)
{
	static const uint8_t size[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};
	return size[BPF_SIZE(insn->code) >> 3];
}

static void flow_memory(struct flow *f, uint32_t i, struct flow_state *s, int form)
{
	const struct bpf_insn *insn = &f->w->image->insns[i];
	struct flow_value base = *flow_base(s, insn, form);
	struct flow_value *slot;

	/* What the access does to registers and slots. */
	if (form == ISA_FORM_LDX || form == ISA_FORM_LOAD_ACQ) {
		struct flow_value v = flow_other;

		if (base.kind == FLOW_FP) {
			flow_stack_use(f, i, base.off + insn->off);
			slot = flow_slot(s, base.off + insn->off);
			if (slot && flow_size(insn) == 8)
				v = *slot;
		} else if (flow_may_be_frame(base) && flow_size(insn) == 8) {
			v = flow_foreign(f);
		}
		if (flow_may_be_frame(base) && base.kind != FLOW_FP && insn->off < 0)
			flow_learn(f, &f->below);
		s->reg[insn->dst_reg] = v.kind == FLOW_NONE ? flow_other : v;
		return;
	}
	if (base.kind == FLOW_FP)
		flow_store(f, i, s, base.off + insn->off, flow_size(insn),
			   form == ISA_FORM_STX ? s->reg[insn->src_reg] : flow_other);
	else if (flow_may_be_frame(base)) {
		if (insn->off < 0)
			flow_learn(f, &f->below);
		if (form == ISA_FORM_STX && flow_size(insn) == 8) {
			if (flow_may_be_ctx(s->reg[insn->src_reg]))
				flow_learn(f, &f->shared);
			flow_clobber(f, s, -VERIFY_STACK_SIZE);
		}
	}
	if (form == ISA_FORM_ATOMIC) {
		int id = f->w->facts[i].id;

		if (id == ISA_CMPXCHG64 || id == ISA_CMPXCHG32)
			s->reg[0] = flow_other;
		else if (insn->imm & BPF_FETCH)
			s->reg[insn->src_reg] = flow_other;
	}
}

/* Lowest FP + n from which up a called function may reach this one's stack; 0: not at all. */
static int flow_passed(const struct flow *f, const struct flow_state *s)
{
	int low = 0;

	for (int r = 1; r <= 5; r++) {
		if (s->reg[r].kind == FLOW_FP)
			low = MIN(low, f->below ? -VERIFY_STACK_SIZE : s->reg[r].off);
		else if (flow_may_be_frame(s->reg[r]))
			low = -VERIFY_STACK_SIZE;
	}
	return low;
}

/* A function of the program, or a helper that calls one, may use the stack that it is given
 * pointers to. */
static void flow_share(struct flow *f, struct flow_state *s)
{
	int low = flow_passed(f, s);

	for (int n = 0; n < FLOW_SLOTS && -8 * n > low; n++)
		if (flow_may_be_ctx(s->slot[n]))
			flow_learn(f, &f->shared);
	flow_clobber(f, s, low);
}

static bool flow_calls_back(const struct bpf_insn *insn)
{
	const struct helper *helper = catalog_helper((uint32_t)insn->imm);

	for (int a = 0; helper && a < 5; a++)
		if (helper->args[a] == ARG_FUNC)
			return true;
	return false;
}

/* The state at the start of function `to`: called with the registers of s, or (NULL) back
 * from a helper with whatever that was given. */
static void flow_enter(struct flow *f, uint32_t to, const struct flow_state *s)
{
	struct flow_state entry;

	for (int r = 0; r < 11; r++)
		entry.reg[r] = flow_other;
	for (int n = 0; n < FLOW_SLOTS; n++)
		entry.slot[n] = flow_other;
	for (int r = 1; r <= 5; r++) {
		if (!s)
			entry.reg[r] = flow_frame;
		else
			entry.reg[r] = s->reg[r].kind == FLOW_FP ? flow_frame : s->reg[r];
	}
	entry.reg[10] = (struct flow_value){FLOW_FP, 0};
	flow_to(f, to, &entry);
}

static void flow_call(struct flow *f, uint32_t i, struct flow_state *s, int id)
{
	const struct bpf_insn *insn = &f->w->image->insns[i];
	uint32_t to = i + 1 + (uint32_t)insn->imm;
	struct flow_value ret = flow_other;

	if (id == ISA_LD_FUNC) {
		flow_enter(f, to, NULL);
		s->reg[insn->dst_reg] = flow_other;
		return;
	}
	if (id == ISA_CALL_LOCAL) {
		flow_enter(f, to, s);
		if (f->returns_ctx[verify_subprog_of(f->w, to)])
			ret = flow_mixed;
	}
	if (id == ISA_CALL_LOCAL || (id == ISA_CALL_HELPER && flow_calls_back(insn)))
		flow_share(f, s);
	s->reg[0] = ret;
	for (int r = 1; r <= 5; r++)
		s->reg[r] = flow_other;
}

/* A function may return the context: all its callers must be looked at again. */
static void flow_exit(struct flow *f, uint32_t i, const struct flow_state *s)
{
	uint32_t sub = verify_subprog_of(f->w, i);

	if (flow_may_be_ctx(s->reg[0]))
		flow_learn(f, &f->returns_ctx[sub]);
}

static bool flow_block_start(const struct flow *f, uint32_t i)
{
	return f->w->facts[i].flags & (VERIFIED_TARGET | VERIFIED_SUBPROG);
}

/* Applies instruction i to the state. */
static void flow_step(struct flow *f, uint32_t i, struct flow_state *s)
{
	const struct bpf_insn *insn = &f->w->image->insns[i];
	int id = f->w->facts[i].id, form = isa_table[id].form;

	switch (form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		flow_alu(f, i, s, id);
		break;
	case ISA_FORM_CALL:
	case ISA_FORM_CALLX:
		flow_call(f, i, s, id);
		break;
	case ISA_FORM_LD_IMM64:
		if (id == ISA_LD_FUNC)
			flow_call(f, i, s, id);
		else
			s->reg[insn->dst_reg] = flow_other;
		break;
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		for (int r = 0; r <= 5; r++)
			s->reg[r] = flow_other;
		break;
	case ISA_FORM_EXIT:
		flow_exit(f, i, s);
		break;
	default:
		if (flow_base(s, insn, form))
			flow_memory(f, i, s, form);
	}
}

/* Runs from block start `i` to the end of the block, handing the state to its successors. */
static void flow_block(struct flow *f, uint32_t i)
{
	struct flow_state s = *f->at[i];

	for (;;) {
		const struct bpf_insn *insn = &f->w->image->insns[i];
		int id = f->w->facts[i].id;
		int64_t delta;

		flow_step(f, i, &s);
		if (isa_jump(insn, &delta))
			flow_to(f, (uint32_t)(i + 1 + delta), &s);
		if (id == ISA_EXIT || id == ISA_JA || id == ISA_JA32 || f->err)
			return;
		i += (uint32_t)isa_slots(insn);
		if (flow_block_start(f, i)) {
			flow_to(f, i, &s);
			return;
		}
	}
}

/* Records and checks one access, with the final state before it. */
static int flow_fact(struct flow *f, uint32_t i, const struct flow_state *s)
{
	const struct prog_type *type = f->w->image->type;
	const struct bpf_insn *insn = &f->w->image->insns[i];
	struct verified_insn *fact = &f->w->facts[i];
	int form = isa_table[fact->id].form, size, off;
	bool load = form == ISA_FORM_LDX || form == ISA_FORM_LOAD_ACQ;
	const struct flow_value *base = flow_base(s, insn, form);
	const struct ctx_field *field;

	if ((form == ISA_FORM_LD_ABS || form == ISA_FORM_LD_IND) && !flow_may_be_ctx(s->reg[6]))
		return verify_fail(f->w, -EINVAL, i,
				   "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	if (!base)
		return 0;
	if (base->kind == FLOW_MIXED) {
		fact->flags |= VERIFIED_MAYBE_CTX;
		f->w->v->may_ctx = true;
	}
	if (base->kind != FLOW_CTX)
		return 0;
	size = flow_size(insn);
	off = base->off + insn->off;
	field = off >= 0 ? catalog_ctx_field(type, (uint32_t)off, (uint32_t)size) : NULL;
	if (!field || !(field->access & (load ? CTX_R : CTX_W)) || form == ISA_FORM_ATOMIC)
		return verify_fail(f->w, -EACCES, i,
				   "invalid bpf_context access off=%d size=%d%s%s%s", off, size,
				   field ? ": field " : "", field ? field->name : "",
				   !field ? ""
				   : load ? " cannot be read"
					  : " cannot be written");
	/* A pointer is read whole; the UAPI shows packet pointers as 4 bytes. */
	if (field->yield != CTX_SCALAR && (off != field->off || size != field->size))
		return verify_fail(
			f->w, -EACCES, i,
			"invalid bpf_context access off=%d size=%d: field %s is read whole", off,
			size, field->name);
	fact->flags |= VERIFIED_CTX;
	fact->ctx_off = (int16_t)off;
	return 0;
}

/* After the fixpoint: walks every block once more and records the facts. */
static int flow_record(struct flow *f)
{
	struct flow_state s;

	for (uint32_t i = 0; i < f->w->image->n_insns;
	     i += (uint32_t)isa_slots(&f->w->image->insns[i])) {
		int err;

		if (f->at[i])
			s = *f->at[i];
		err = flow_fact(f, i, &s);
		if (err)
			return err;
		flow_step(f, i, &s);
	}
	return 0;
}

int context_flow(struct verify_work *w)
{
	uint32_t n = w->image->n_insns;
	struct flow f = {.w = w};
	struct flow_state entry;

	/* Types without fields have plain memory as context: nothing to translate. */
	if (!w->image->type->n_fields) {
		for (uint32_t i = 0; i < w->v->n_subprogs; i++)
			w->subprogs[i].stack = VERIFY_STACK_SIZE;
		return 0;
	}
	f.at = calloc(n, sizeof(*f.at));
	f.todo = malloc(n * sizeof(*f.todo));
	f.queued = calloc(n, 1);
	f.returns_ctx = calloc(w->v->n_subprogs, sizeof(*f.returns_ctx));
	if (!f.at || !f.todo || !f.queued || !f.returns_ctx) {
		f.err = diag_fail(w->diag, -ENOMEM, "verify", "out of memory");
		goto out;
	}
	for (int r = 0; r < 11; r++)
		entry.reg[r] = flow_other;
	for (int i = 0; i < FLOW_SLOTS; i++)
		entry.slot[i] = flow_other;
	entry.reg[1] = (struct flow_value){FLOW_CTX, 0};
	entry.reg[10] = (struct flow_value){FLOW_FP, 0};
	flow_to(&f, 0, &entry);
	while (f.n_todo && !f.err) {
		uint32_t i = f.todo[--f.n_todo];

		f.queued[i] = 0;
		flow_block(&f, i);
	}
	if (!f.err)
		f.err = flow_record(&f);
out:
	for (uint32_t i = 0; f.at && i < n; i++)
		free(f.at[i]);
	free(f.at);
	free(f.todo);
	free(f.queued);
	free(f.returns_ctx);
	return f.err;
}
