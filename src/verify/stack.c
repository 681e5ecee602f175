/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/stack.c - reads and writes of stack slots.
 *
 * A register that is stored at the start of a slot is remembered (a spill), everything else only
 * as bytes. Where an offset is not constant, a write may have hit any slot of its range: nothing
 * becomes better known by it, and what was known is lost.
 */
#include "verify/mem.h"
#include "verify/log.h"

/* Byte of its slot that r10 + off (off < 0) is. */
static uint32_t stack_byte(int off)
{
	return (uint32_t)(off + SLOT_BYTES * (stack_slot(off) + 1));
}

static uint8_t *stack_kind(struct frame *f, int off)
{
	return &f->slots[stack_slot(off)].kind[stack_byte(off)];
}

static bool slot_is_spill(const struct slot *s)
{
	return s->kind[0] == SLOT_SPILL;
}

static bool slot_is_scalar(const struct slot *s)
{
	return slot_is_spill(s) && s->reg.type == R_SCALAR;
}

/* Registers and objects in a slot end; its bytes are data from now on. */
static void slot_scrub(struct slot *s)
{
	for (int i = 0; i < SLOT_BYTES; i++)
		if (s->kind[i] != SLOT_INVALID)
			s->kind[i] = SLOT_MISC;
}

static void slot_scrub_object(struct slot *s)
{
	uint8_t kind = s->kind[0];

	if (kind == SLOT_INVALID || kind == SLOT_MISC || kind == SLOT_ZERO)
		return;
	reg_set_not_init(&s->reg);
	slot_scrub(s);
}

static void slot_spill(struct slot *s, const struct reg *reg, int size)
{
	s->reg = *reg;
	for (int i = 0; i < SLOT_BYTES; i++) {
		if (i < size)
			s->kind[i] = SLOT_SPILL;
		else if (s->kind[i] != SLOT_ZERO && s->kind[i] != SLOT_INVALID)
			s->kind[i] = SLOT_MISC;
	}
}

static uint32_t reg_width(const struct reg *r)
{
	return r->var.umax ? 64 - (uint32_t)__builtin_clzll(r->var.umax) : 0;
}

static bool reg_is_spillable(const struct reg *r)
{
	return r->type > R_SCALAR && r->type != R_TP_BUFFER && r->type != R_DYNPTR;
}

/* ---- bounds ----------------------------------------------------------------------------- */

/* The frame as large as an access at -size demands; its function's depth grows with it. */
static int stack_grow(struct env *env, struct frame *f, int64_t size)
{
	uint32_t n = (uint32_t)((size + SLOT_BYTES - 1) / SLOT_BYTES);
	struct subprog *sub = &env->subs[f->subprog];
	int err;

	if (n <= f->n_slots)
		return 0;
	err = frame_grow(env, f, n);
	if (!err && sub->stack_depth < n * SLOT_BYTES)
		sub->stack_depth = n * SLOT_BYTES;
	return err;
}

static int stack_out_of_bounds(struct env *env, int err, int regno, int off, int size,
			       const char *what)
{
	const struct reg *reg = env_reg(env, regno);
	char bits[MEM_TNUM_TEXT];

	/* Within the stack, but below all that was ever written. */
	if (range_is_const(&reg->var))
		return env_fail_reg(env, err,
				    err == -EACCES && off >= -VERIFY_STACK_SIZE && off < 0
					    ? REASON_STACK_UNINIT
					    : REASON_STACK_ACCESS,
				    regno, "invalid%s stack R%d off=%d size=%d", what, regno, off,
				    size);
	return env_fail_reg(env, err, REASON_STACK_ACCESS, regno,
			    "invalid variable-offset%s stack R%d var_off=%s off=%d size=%d", what,
			    regno, mem_tnum_text(reg->var.bits, bits), off, size);
}

/* All of an access, wherever its variable offset puts it, is within the stack. */
static int stack_bounds(struct env *env, int regno, int off, int size, enum access access)
{
	const struct reg *reg = env_reg(env, regno);
	struct frame *f = env->st->frame[reg->frame];
	const char *what = access == ACCESS_READ ? " read from" : " write to";
	int64_t min, max, lowest = -VERIFY_STACK_SIZE;

	if (range_is_const(&reg->var)) {
		min = (int64_t)range_const(&reg->var) + off;
		max = min + size;
	} else {
		if (reg->var.smax >= MEM_MAX_VAR || reg->var.smin <= -MEM_MAX_VAR)
			return env_fail_reg(env, -EACCES, REASON_STACK_ACCESS, regno,
					    "invalid unbounded variable-offset%s stack R%d", what,
					    regno);
		min = reg->var.smin + off;
		max = reg->var.smax + off + size;
	}
	/* What was never written is there only for those who may read it. */
	if (access == ACCESS_READ && !env->allow_uninit_stack)
		lowest = -(int64_t)f->n_slots * SLOT_BYTES;
	if (min < lowest || min > -1)
		return stack_out_of_bounds(env, -EACCES, regno, off, size, what);
	if (max > 0)
		return stack_out_of_bounds(env, -EINVAL, regno, off, size, what);
	if (size < 0)
		return stack_out_of_bounds(env, -EFAULT, regno, off, size, what);
	return stack_grow(env, f, -min);
}

/* Spills around calls that preserve registers may be removed, and their slots with them, unless
 * something else accesses these slots. */
static void stack_fastcall(struct env *env, uint32_t subprog, int off)
{
	struct subprog *sub = &env->subs[subprog];

	if ((uint32_t)-off <= sub->fastcall_stack_off || env_aux(env)->flags & AUX_FASTCALL)
		return;
	sub->fastcall_stack_off = UINT32_MAX;
	for (uint32_t i = sub->start; i < sub->end; i++) {
		env->aux[i].fastcall_slots = 0;
		env->aux[i].flags &= ~(uint32_t)AUX_FASTCALL;
	}
}

/* ---- writes ----------------------------------------------------------------------------- */

static bool insn_is_store_imm(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_ST && BPF_MODE(insn->code) == BPF_MEM;
}

static bool stack_writes_zero(const struct env *env, const struct reg *reg)
{
	const struct bpf_insn *insn = env_insn(env);

	return reg ? reg_is_null(reg) : insn_is_store_imm(insn) && !insn->imm;
}

/* A load that is speculated past this store would see what the slot held before. */
static void stack_write_speculation(struct env *env, struct frame *f, int off, int size,
				    const struct reg *reg)
{
	bool secret = reg && reg_is_spillable(reg);

	if (env->bypass_spec_v4)
		return;
	for (int i = 0; i < size && !secret; i++) {
		uint8_t kind = *stack_kind(f, off + i);

		secret = kind != SLOT_MISC && kind != SLOT_ZERO;
	}
	if (secret)
		env_aux(env)->flags |= AUX_NOSPEC_RESULT;
}

static int stack_write_bytes(struct env *env, struct frame *f, int off, int size,
			     const struct reg *reg, int value)
{
	uint8_t kind = SLOT_MISC;
	int err;

	slot_scrub_object(&f->slots[stack_slot(off)]);
	if (stack_writes_zero(env, reg)) {
		kind = SLOT_ZERO;
		/* Such a zero is remembered without the register that it came from: later states
		 * may only be compared with this one if that was zero, too. */
		err = value >= 0 ? precise_reg(env, value) : 0;
		if (err)
			return err;
	}
	for (int i = 0; i < size; i++)
		*stack_kind(f, off + i) = kind;
	return 0;
}

static int stack_write_pointer(struct env *env, struct frame *f, struct slot *slot,
			       const struct reg *reg, int value, int size)
{
	if (size != SLOT_BYTES)
		return env_fail_reg(env, -EACCES, REASON_STACK_SPILL, value,
				    "invalid size of register spill");
	if (f != state_frame(env->st) && reg->type == R_STACK)
		return env_fail_reg(
			env, -EINVAL, REASON_STACK_SPILL, value,
			"cannot spill pointers to stack into stack frame of the caller");
	slot_spill(slot, reg, size);
	return 0;
}

/* The access is aligned and within one slot. */
static int stack_write_fixed(struct env *env, struct frame *f, int off, int size, int value)
{
	struct reg *reg = value >= 0 ? env_reg(env, value) : NULL, imm;
	uint32_t n = (uint32_t)stack_slot(off);
	struct slot *slot = &f->slots[n];
	bool start = !(off % SLOT_BYTES), fits;
	int err;

	if (!env->allow_ptr_leaks && slot_is_spill(slot) && !slot_is_scalar(slot) &&
	    size != SLOT_BYTES)
		return env_fail(env, -EACCES, REASON_STACK_SPILL,
				"attempt to corrupt spilled pointer on stack");
	stack_write_speculation(env, f, off, size, reg);
	err = dynptr_destroy_overwritten(env, f, n);
	if (err)
		return err;
	stack_fastcall(env, f->subprog, off);
	if (log_on(env))
		log_touch(env, UINT64_C(1) << n);
	if (start && size == SLOT_BYTES) {
		err = live_write(env, f->frameno, UINT64_C(1) << n);
		if (err)
			return err;
	}
	if (start && reg && reg->type == R_SCALAR && env->bpf_capable) {
		fits = reg_width(reg) <= 8 * (uint32_t)size;
		if (fits)
			reg_assign_id(env, reg);
		slot_spill(slot, reg, size);
		if (!fits)
			slot->reg.id = 0;
	} else if (start && !reg && insn_is_store_imm(env_insn(env)) && env->bpf_capable) {
		reg_set_const(env, &imm, (uint64_t)(int64_t)env_insn(env)->imm);
		slot_spill(slot, &imm, size);
	} else if (reg && reg_is_spillable(reg)) {
		err = stack_write_pointer(env, f, slot, reg, value, size);
	} else {
		return stack_write_bytes(env, f, off, size, reg, value);
	}
	return err ? err : precise_push(env, env->st, jump_stack_flags(f->frameno, n), 0);
}

/* One byte that may have been written. *zero: it is zero whether written or not. */
static int stack_write_maybe(struct env *env, struct frame *f, int off, bool zero, bool *stays_zero)
{
	struct slot *slot = &f->slots[stack_slot(off)];
	uint8_t *kind = stack_kind(f, off);

	if (!env->allow_ptr_leaks && *kind != SLOT_MISC && *kind != SLOT_ZERO)
		return env_fail(
			env, -EINVAL, REASON_STACK_SPILL,
			"spilled ptr in range of var-offset stack write; insn %d, ptr off: %d",
			(int)env->insn, off);
	if (log_on(env))
		log_touch(env, UINT64_C(1) << stack_slot(off));
	if (zero && *kind == SLOT_SPILL && reg_is_null(&slot->reg)) {
		*stays_zero = true;
		return 0;
	}
	slot_scrub_object(slot);
	if (zero && *kind == SLOT_ZERO) {
		*stays_zero = true;
		return 0;
	}
	if (*kind == SLOT_INVALID && !env->allow_uninit_stack)
		return env_fail(env, -EINVAL, REASON_STACK_UNINIT,
				"uninit stack in range of var-offset write prohibited for !root; "
				"insn %d, off: %d",
				(int)env->insn, off);
	*kind = SLOT_MISC;
	return 0;
}

static int stack_write_var(struct env *env, struct frame *f, const struct mem_op *op)
{
	const struct reg *ptr = mem_reg(env, op),
			 *reg = op->value >= 0 ? env_reg(env, op->value) : NULL;
	int min = (int)(ptr->var.smin + op->off), max = (int)(ptr->var.smax + op->off + op->size);
	bool zero = stack_writes_zero(env, reg), stays_zero = false;
	int err = 0;

	for (int i = min; i < max && !err; i++)
		err = dynptr_destroy_overwritten(env, f, (uint32_t)stack_slot(i));
	if (err)
		return err;
	stack_fastcall(env, f->subprog, min);
	for (int i = min; i < max && !err; i++)
		err = stack_write_maybe(env, f, i, zero, &stays_zero);
	if (!err && stays_zero && op->value >= 0)
		err = precise_reg(env, op->value);
	return err;
}

/* ---- reads ------------------------------------------------------------------------------ */

static bool kind_is_readable(struct env *env, uint8_t kind)
{
	env->reads_unwritten |= kind == SLOT_INVALID;
	return kind == SLOT_MISC || kind == SLOT_ZERO ||
	       (kind == SLOT_INVALID && env->allow_uninit_stack);
}

/* Bytes [min, max) become the value of a register: zero if they all are. */
static void stack_read_bytes(struct env *env, struct frame *f, int min, int max, struct reg *dst)
{
	for (int i = min; i < max; i++)
		if (*stack_kind(f, i) != SLOT_ZERO) {
			reg_set_unknown(env, dst);
			return;
		}
	reg_set_const(env, dst, 0);
}

static int stack_read_invalid(struct env *env, int off, int i, int size)
{
	return env_fail(env, -EACCES, REASON_STACK_UNINIT,
			"invalid read from stack off %d+%d size %d", off, i, size);
}

/* Part of a spilled scalar, or all of a narrow one, or more than was spilled. *fill: the result
 * is that register, as far as precision is concerned. */
static int stack_read_part(struct env *env, struct frame *f, int off, int size, struct reg *dst,
			   bool *fill)
{
	const struct slot *slot = &f->slots[stack_slot(off)];
	int spilled = 1, n_spill = 0, n_zero = 0;

	while (spilled < SLOT_BYTES && slot->kind[spilled] == SLOT_SPILL)
		spilled++;
	*fill = true;
	if (size <= spilled && !(off % SLOT_BYTES)) {
		*dst = slot->reg;
		if (reg_width(dst) > 8 * (uint32_t)size) {
			dst->id = 0;
			dst->off = 0;
		}
		return 0;
	}
	for (int i = 0; i < size; i++) {
		uint8_t kind = *stack_kind(f, off + i);

		if (kind != SLOT_SPILL && !kind_is_readable(env, kind))
			return stack_read_invalid(env, off, i, size);
		n_spill += kind == SLOT_SPILL;
		n_zero += kind == SLOT_ZERO;
	}
	*fill = n_spill == size && reg_is_null(&slot->reg);
	if (*fill || n_zero == size)
		reg_set_const(env, dst, 0);
	else
		reg_set_unknown(env, dst);
	return 0;
}

static int stack_read_spill(struct env *env, struct frame *f, int off, int size, struct reg *dst)
{
	const struct slot *slot = &f->slots[stack_slot(off)];
	bool fill = true;
	int err;

	if (size != SLOT_BYTES || slot->kind[SLOT_BYTES - 1] != SLOT_SPILL) {
		if (slot->reg.type != R_SCALAR)
			return env_fail(env, -EACCES, REASON_STACK_SPILL,
					"invalid size of register fill");
		if (!dst)
			return 0;
		err = stack_read_part(env, f, off, size, dst, &fill);
		if (err || !fill)
			return err;
	} else if (dst) {
		*dst = slot->reg;
	} else if (reg_leaks(env, &slot->reg)) {
		return env_fail(env, -EACCES, REASON_PTR_LEAK, "leaking pointer from stack off %d",
				off);
	}
	return precise_push(env, env->st, jump_stack_flags(f->frameno, (uint32_t)stack_slot(off)),
			    0);
}

/* The access is aligned and within one slot. */
static int stack_read_fixed(struct env *env, struct frame *f, int off, int size, struct reg *dst)
{
	const struct slot *slot = &f->slots[stack_slot(off)];
	int err = live_read(env, f->frameno, UINT64_C(1) << stack_slot(off));

	if (err)
		return err;
	stack_fastcall(env, state_frame(env->st)->subprog, off);
	if (log_on(env))
		log_touch(env, UINT64_C(1) << stack_slot(off));
	if (slot_is_spill(slot))
		return stack_read_spill(env, f, off, size, dst);
	for (int i = 0; i < size; i++)
		if (!kind_is_readable(env, *stack_kind(f, off + i)))
			return stack_read_invalid(env, off, i, size);
	if (dst)
		stack_read_bytes(env, f, off, off + size, dst);
	return 0;
}

static int stack_read_var(struct env *env, struct frame *f, const struct mem_op *op)
{
	const struct reg *ptr = mem_reg(env, op);
	int min = (int)(ptr->var.smin + op->off), max = (int)(ptr->var.smax + op->off);
	char bits[MEM_TNUM_TEXT];
	int err;

	if (op->value < 0)
		return env_fail_reg(env, -EACCES, REASON_STACK_ACCESS, op->regno,
				    "variable offset stack pointer cannot be passed into helper "
				    "function; var_off=%s off=%d size=%d",
				    mem_tnum_text(ptr->var.bits, bits), op->off, op->size);
	err = stack_range(env, op->regno, op->off, op->size, false, ACCESS_READ, NULL);
	if (err)
		return err;
	stack_read_bytes(env, f, min, max + op->size, env_reg(env, op->value));
	stack_fastcall(env, f->subprog, min);
	if (log_on(env))
		log_touch(env, UINT64_C(1) << stack_slot(min));
	return 0;
}

int stack_access(struct env *env, const struct mem_op *op)
{
	const struct reg *ptr = mem_reg(env, op);
	struct frame *f = env->st->frame[ptr->frame];
	int err = stack_bounds(env, op->regno, op->off, op->size, op->access);
	int off = op->off + (int)range_const(&ptr->var);

	if (err)
		return err;
	if (!range_is_const(&ptr->var))
		return op->access == ACCESS_READ ? stack_read_var(env, f, op)
						 : stack_write_var(env, f, op);
	if (op->access == ACCESS_READ)
		return stack_read_fixed(env, f, off, op->size, mem_result(env, op));
	return stack_write_fixed(env, f, off, op->size, op->value);
}

/* ---- functions -------------------------------------------------------------------------- */

/* What a function writes need not be initialised, but a dynptr there could be one that the same
 * call uses. */
static int stack_range_raw(struct env *env, struct frame *f, int min, int max)
{
	for (int i = min; i < max; i++)
		if (stack_slot(i) < f->n_slots && *stack_kind(f, i) == SLOT_DYNPTR)
			return env_fail(env, -EACCES, REASON_DYNPTR,
					"potential write to dynptr at off=%d disallowed", i);
	return 0;
}

/* One byte that is read, and with `write` may be written. False: it must not be read. */
static bool stack_range_byte(struct env *env, struct frame *f, int off, bool write)
{
	struct slot *slot = &f->slots[stack_slot(off)];
	uint8_t *kind = stack_kind(f, off);

	if (*kind == SLOT_MISC)
		return true;
	if (kind_is_readable(env, *kind)) {
		if (write)
			*kind = SLOT_MISC;
		return true;
	}
	if (!slot_is_spill(slot) || (slot->reg.type != R_SCALAR && !env->allow_ptr_leaks))
		return false;
	if (write) {
		reg_set_unknown(env, &slot->reg);
		slot_scrub(slot);
	}
	return true;
}

static int stack_range_uninit(struct env *env, int regno, int min, int i, int size)
{
	const struct reg *reg = env_reg(env, regno);
	char bits[MEM_TNUM_TEXT];

	if (range_is_const(&reg->var))
		return env_fail_reg(env, -EACCES, REASON_STACK_UNINIT, regno,
				    "invalid read from stack R%d off %d+%d size %d", regno, min,
				    i - min, size);
	return env_fail_reg(env, -EACCES, REASON_STACK_UNINIT, regno,
			    "invalid read from stack R%d var_off %s+%d size %d", regno,
			    mem_tnum_text(reg->var.bits, bits), i - min, size);
}

int stack_range(struct env *env, int regno, int off, int size, bool zero_ok, enum access access,
		struct call *call)
{
	const struct reg *reg = env_reg(env, regno);
	struct frame *f = env->st->frame[reg->frame];
	bool raw = call && call->raw_mode;
	char bits[MEM_TNUM_TEXT];
	uint64_t slots = 0;
	int min, max, err;

	if (!size && !zero_ok)
		return env_fail_reg(env, -EACCES, REASON_ARG_SIZE, regno,
				    "invalid zero-sized read");
	err = stack_bounds(env, regno, off, size, access);
	if (err)
		return err;
	if (range_is_const(&reg->var)) {
		min = max = (int)range_const(&reg->var) + off;
	} else {
		if (!env->bypass_spec_v1)
			return env_fail_reg(
				env, -EACCES, REASON_STACK_ACCESS, regno,
				"R%d variable offset stack access prohibited for !root, var_off=%s",
				regno, mem_tnum_text(reg->var.bits, bits));
		/* Which bytes would be initialised is not known: all have to be. */
		raw = false;
		min = (int)(reg->var.smin + off);
		max = (int)(reg->var.smax + off);
	}
	if (raw) {
		call->access_size = size;
		call->regno = regno;
		return stack_range_raw(env, f, min, max + size);
	}
	for (int i = min; i < max + size; i++) {
		if (!stack_range_byte(env, f, i, access == ACCESS_WRITE))
			return stack_range_uninit(env, regno, min, i, size);
		slots |= UINT64_C(1) << stack_slot(i);
	}
	return slots ? live_read(env, f->frameno, slots) : 0;
}
