/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/suggest.c - what is missing for a program to be accepted, and what to do about it.
 *
 * The hint of the reason (reasons.def) is the answer where nothing better is known. Reasons whose
 * answer depends on the values have a function here that says it with their numbers.
 */
#include "verify/explain.h"

#include <stdio.h>

static void missing(struct explain *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void do_this(struct explain *x, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void missing(struct explain *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->r->missing, sizeof(x->r->missing), fmt, ap);
	va_end(ap);
}

static void do_this(struct explain *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->r->suggestion, sizeof(x->r->suggestion), fmt, ap);
	va_end(ap);
}

/* The failing instruction's access: bytes behind the register's fixed part. 0: it has none. */
static int64_t suggest_end(const struct explain *x, int *size)
{
	const struct bpf_insn *insn = &x->env->insns[x->env->at];

	*size = explain_access(insn);
	return x->reg ? x->reg->off + (int64_t)insn->off + *size : 0;
}

static bool suggest_call(const struct explain *x)
{
	int form = isa_table[x->env->aux[x->env->at].id].form;

	return form == ISA_FORM_CALL || form == ISA_FORM_KFUNC;
}

/* A number, in words. */
static void suggest_value(const struct reg *r, char *buf, size_t size)
{
	if (r->type != R_SCALAR)
		snprintf(buf, size, "a pointer");
	else if (range_is_const(&r->var))
		snprintf(buf, size, "%lld", (long long)range_const(&r->var));
	else if (r->var.smin > INT64_MIN && r->var.smax < INT64_MAX)
		snprintf(buf, size, "anything from %lld to %lld", (long long)r->var.smin,
			 (long long)r->var.smax);
	else
		snprintf(buf, size, "any number");
}

/* ---- registers -------------------------------------------------------------------------- */

static void suggest_uninit(struct explain *x)
{
	int reg = x->r->reg;

	if (x->clobber[0]) {
		missing(x, "a value of r%d: calls use up r0 to r5", reg);
		do_this(x,
			"keep the value in r6 to r9 or on the stack across the call of %s(), or "
			"set r%d again behind it",
			x->clobber, reg);
	} else if (reg == BPF_REG_0 && x->env->insns[x->env->at].code == (BPF_JMP | BPF_EXIT)) {
		missing(x, "a return value on this path");
		do_this(x, "set r0 (return a value) on every path that leads to this exit");
	} else if (reg > 0 && reg < BPF_REG_10 && x->never_set) {
		missing(x, "a value of r%d on this path", reg);
		do_this(x,
			"set r%d on every path that leads here; at the beginning only r1, the "
			"context, and r10 have a value",
			reg);
	}
}

static void suggest_null(struct explain *x)
{
	if (!x->reg)
		return;
	missing(x, "that r%d is not NULL", x->r->reg);
	if (x->from_call[0] && x->from_map[0])
		do_this(x,
			"test what %s() returned before it is used: it is NULL if %s has no such "
			"entry. `if (!p) return 0;`",
			x->from_call, x->from_map);
	else if (x->from_call[0])
		do_this(x, "test what %s() returned before it is used: `if (!p) return 0;`",
			x->from_call);
}

static void suggest_not_pointer(struct explain *x)
{
	if (!x->reg)
		return;
	missing(x, "that r%d is a valid pointer", x->r->reg);
	if (x->packet && x->moved[0])
		do_this(x,
			"%s() may move the packet, and pointers into it end with it: load "
			"ctx->%s again after the call, and compare it with ctx->data_end again",
			x->moved, x->field);
	else if (x->released[0])
		do_this(x, "%s() ended what r%d points to: do not use it after the call",
			x->released, x->r->reg);
	else if (x->reg->type == R_PACKET_END)
		do_this(x, "the end of the packet is only there to be compared with");
	else if (x->context && x->reg->type == R_SCALAR)
		do_this(x,
			"this context holds plain numbers, also where they are addresses: read "
			"what they point to with bpf_probe_read_kernel(), or bpf_probe_read_user() "
			"if it belongs to a process");
	else if (x->field)
		do_this(x, "ctx->%s is a number, not a pointer, in programs of this type",
			x->field);
	else if (reg_is_null(x->reg))
		do_this(x, "the pointer is NULL on this path: return before it is used");
}

static void suggest_arith(struct explain *x)
{
	const struct reg *r = x->reg;
	char text[64];

	if (!r)
		return;
	if (r->type == R_MAP_PTR)
		do_this(x, "a map is not its values: get a pointer with bpf_map_lookup_elem()");
	else if (r->type == R_PACKET_END)
		do_this(x, "the end of the packet cannot be moved: add to the pointer that is "
			   "compared with it");
	else if (r->type == R_CTX)
		do_this(x, "access the context at constant offsets from the pointer that the "
			   "program got");
	else if (reg_is_pointer(r))
		missing(x, "an operation that %s allows: only numbers are added or subtracted",
			reg_type_text(r->type, r->flags, text, sizeof(text)));
}

static void suggest_bounds(struct explain *x)
{
	const struct reg *r = x->reg;

	if (!r || r->type != R_SCALAR)
		return;
	if (r->var.smin < 0)
		missing(x, "that r%d is not negative, or not below %lld", x->r->reg,
			(long long)-(1 << 29));
	else
		missing(x, "an upper bound of r%d: it may be as large as %llu", x->r->reg,
			(unsigned long long)r->var.umax);
}

static void suggest_return(struct explain *x)
{
	const char *range = strstr(x->r->message, "should have been in ");
	char value[64];

	if (!range || !x->reg)
		return;
	suggest_value(x->reg, value, sizeof(value));
	missing(x, "that r0 is %s", range + strlen("should have been "));
	do_this(x, "return a value %s on every path; here it may be %s",
		range + strlen("should have been "), value);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void suggest_packet(struct explain *x)
{
	const struct reg *r = x->reg;
	bool meta = r && r->type == R_PACKET_META;
	const char *end = meta ? "data" : "data_end", *start = meta ? "data_meta" : "data";
	int size;
	int64_t need = suggest_end(x, &size);

	if (!r || (r->type != R_PACKET && !meta))
		return;
	if (r->var.smin < 0) {
		missing(x, "that the variable part of the offset is not negative");
		do_this(x, "use an unsigned type for the offset, or test that it is not negative");
		return;
	}
	if (suggest_call(x)) {
		missing(x, "that the memory for the call is in front of %s", end);
		do_this(x, "compare the pointer plus the length with %s before the call", end);
		return;
	}
	if (!size || need <= 0)
		return;
	if (r->range < 0) {
		missing(x, "that r%d is in front of %s; on this path it is not", x->r->reg, end);
		do_this(x,
			"access the packet only where the comparison with %s says that the "
			"bytes are there; this is the other way",
			end);
	} else if (r->id || !range_is_const(&r->var)) {
		missing(x, "that %lld bytes from where r%d starts are in front of %s; %d are known",
			(long long)need, x->r->reg, end, r->range);
		do_this(x,
			"compare after the variable offset is added: `if (p + %lld > %s) return`, "
			"with p the pointer that is used here",
			(long long)need, end);
	} else {
		missing(x, "that %s + %lld <= %s; verified are %d bytes", start, (long long)need,
			end, r->range);
		do_this(x, "check `%s + %lld <= %s` before this access, and return if it is not so",
			start, (long long)need, end);
	}
}

/* Where the access may be, and how far the variable part of the offset may go. */
static void suggest_region(struct explain *x, const char *what, int64_t limit)
{
	const struct reg *r = x->reg;
	int size;
	int64_t need = suggest_end(x, &size), room;

	if (!r)
		return;
	if (range_is_const(&r->var)) {
		if (size)
			missing(x, "%lld bytes from the start: %s has %lld", (long long)need, what,
				(long long)limit);
		do_this(x,
			"stay within the %lld bytes of %s; is its type here the one that it was "
			"created with?",
			(long long)limit, what);
		return;
	}
	if (r->var.smin < 0) {
		missing(x, "that the offset is not negative: it may be %lld",
			(long long)r->var.smin);
		do_this(x, "use an unsigned index, or test `i >= 0` as well, before it is used");
		return;
	}
	room = limit - need;
	if (suggest_call(x) || !size || room < 0) {
		missing(x, "that the access ends within the %lld bytes of %s", (long long)limit,
			what);
		return;
	}
	missing(x, "that the variable offset is at most %lld; it may be %llu", (long long)room,
		(unsigned long long)r->var.umax);
	do_this(x,
		"bound the index before it is used, so that its offset is at most %lld: "
		"`if (i >= N) return 0;`, or `i &= N - 1` for a power of 2",
		(long long)room);
}

static void suggest_map_range(struct explain *x)
{
	const struct reg *r = x->reg;

	if (r && r->type == R_MAP_VALUE)
		suggest_region(x, "the value", r->map->desc.value_size);
	else if (r && r->type == R_MAP_KEY)
		suggest_region(x, "the key", r->map->desc.key_size);
}

static void suggest_mem_range(struct explain *x)
{
	const struct reg *r = x->reg;

	if (r && r->type == R_MEM)
		suggest_region(x, "the memory", r->mem_size);
	else
		suggest_map_range(x);
}

static void suggest_stack_uninit(struct explain *x)
{
	const struct reg *r = x->reg;
	int size = explain_access(&x->env->insns[x->env->at]);
	int64_t from;

	if (!r || r->type != R_STACK || !range_is_const(&r->var))
		return;
	from = (int64_t)range_const(&r->var) + r->off;
	if (size) {
		from += x->env->insns[x->env->at].off;
		missing(x, "what is in the %d bytes at fp%lld", size, (long long)from);
	} else {
		missing(x, "what is in all the bytes of the variable at fp%lld", (long long)from);
		do_this(x, "initialise the whole variable before its address is passed, padding "
			   "included: `struct key k = {};` or __builtin_memset()");
	}
}

static void suggest_ctx(struct explain *x)
{
	const struct env *env = x->env;
	const struct bpf_insn *insn = &env->insns[env->at];
	const struct ctx_field *field = NULL;
	int size, off;

	size = explain_access(insn);
	if (!x->reg || !size || env->type->ctx_kind != CTX_IS_FIELDS)
		return;
	off = insn->off + x->reg->off;
	if (off >= 0)
		field = catalog_ctx_field(env->type, (uint32_t)off, (uint32_t)size);
	if (!field) {
		do_this(x, "there is no field at offset %d of %s that is %d bytes wide", off,
			env->type->ctx_name ? env->type->ctx_name : "the context", size);
		return;
	}
	if (BPF_CLASS(insn->code) != BPF_LDX)
		do_this(x, "ctx->%s cannot be written like this by %s programs", field->name,
			env->type->name);
	else
		do_this(x,
			"ctx->%s cannot be read like this by %s programs: read all of its %u "
			"bytes, or another field",
			field->name, env->type->name, field->unit ? field->unit : field->size);
}

/* ---- calls and objects ------------------------------------------------------------------ */

static void suggest_size(struct explain *x)
{
	const struct reg *r = x->reg;

	if (!r || r->type != R_SCALAR)
		return;
	if (r->var.smin < 0) {
		missing(x, "that the length in r%d is not negative", x->r->reg);
		do_this(x, "make the length unsigned, or test it: `if (len < 0 || len > MAX) "
			   "return 0;`; `len &= MAX` works, too");
	} else if (!r->var.umin && r->var.umax >= 1U << 29) {
		missing(x, "that the length in r%d is not 0, and how large it may be", x->r->reg);
		do_this(x, "test it: `if (!len || len > sizeof(buf)) return 0;`");
	} else if (!r->var.umin) {
		missing(x, "that the length in r%d is not 0", x->r->reg);
		do_this(x, "test it: `if (!len) return 0;`");
	} else {
		missing(x, "an upper bound of the length in r%d", x->r->reg);
	}
}

static void suggest_leak(struct explain *x)
{
	const struct state *st = x->env->st;
	const struct ref *ref = st && st->n_refs ? &st->refs[st->n_refs - 1] : NULL;

	if (!ref || ref->kind != REF_PTR || ref->insn >= x->env->n_insns)
		return;
	missing(x, "the release of what insn %u acquired, on this path", ref->insn);
	if (x->env->aux[ref->insn].id != ISA_CALL_HELPER)
		return;
	switch (x->env->insns[ref->insn].imm) {
	case BPF_FUNC_ringbuf_reserve:
		do_this(x,
			"call bpf_ringbuf_submit() or bpf_ringbuf_discard() on every path behind "
			"bpf_ringbuf_reserve(), also on those that return early");
		break;
	case BPF_FUNC_sk_lookup_tcp:
	case BPF_FUNC_sk_lookup_udp:
	case BPF_FUNC_skc_lookup_tcp:
		do_this(x, "call bpf_sk_release() on every path on which the socket is not NULL");
		break;
	default:
		break;
	}
}

static void suggest_not_allowed(struct explain *x)
{
	char callee[64];

	if (x->env->aux[x->env->at].id != ISA_CALL_HELPER)
		return;
	explain_callee(x->env, x->env->at, callee, sizeof(callee));
	do_this(x,
		"programs of type %s have no %s() here: use a helper that they have, or another "
		"program type",
		x->env->type->name, callee);
}

static void suggest_arg(struct explain *x)
{
	char callee[64];

	if (!x->reg || x->r->reg < 1 || x->r->reg > 5 || !suggest_call(x))
		return;
	explain_callee(x->env, x->env->at, callee, sizeof(callee));
	do_this(x, "argument %d of %s() is %s here: pass what the function declares", x->r->reg,
		callee, x->r->reg_state);
}

static void suggest_read_only(struct explain *x)
{
	const struct reg *r = x->reg;

	if (!r)
		return;
	if (r->type == R_MAP_PTR)
		do_this(x,
			"r%d is the map itself: get a pointer to a value with "
			"bpf_map_lookup_elem()",
			x->r->reg);
	else if (r->type == R_MAP_VALUE)
		do_this(x,
			"the map is read-only for programs (const data, BPF_F_RDONLY_PROG): write "
			"to another one");
	else if (r->type == R_PACKET)
		do_this(x,
			"%s programs cannot write to the packet directly: use "
			"bpf_skb_store_bytes(), or another program type",
			x->env->type->name);
}

static void (*const suggestions[REASON_COUNT])(struct explain *) = {
	[REASON_UNINIT_REG] = suggest_uninit,
	[REASON_NULL_DEREF] = suggest_null,
	[REASON_NOT_POINTER] = suggest_not_pointer,
	[REASON_PTR_ARITH] = suggest_arith,
	[REASON_PTR_BOUNDS] = suggest_bounds,
	[REASON_RET_RANGE] = suggest_return,
	[REASON_PKT_RANGE] = suggest_packet,
	[REASON_MAP_RANGE] = suggest_map_range,
	[REASON_MEM_RANGE] = suggest_mem_range,
	[REASON_STACK_UNINIT] = suggest_stack_uninit,
	[REASON_CTX_ACCESS] = suggest_ctx,
	[REASON_ARG_SIZE] = suggest_size,
	[REASON_REF_LEAK] = suggest_leak,
	[REASON_FUNC_TYPE] = suggest_not_allowed,
	[REASON_ARG_TYPE] = suggest_arg,
	[REASON_READ_ONLY] = suggest_read_only,
};

void suggest(struct explain *x)
{
	const char *hint = NULL;

	if (x->r->place.known && suggestions[x->env->reason])
		suggestions[x->env->reason](x);
	if (x->r->suggestion[0])
		return;
	verify_reason_find(x->r->reason, NULL, &hint);
	if (hint)
		do_this(x, "%s", hint);
}
