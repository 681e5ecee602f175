/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem.c - one access of an instruction: which memory, where in it, what is read.
 *
 * Pointers that may be NULL never get further than here. For everything else there is a function
 * for each type of pointer, which leaves what was read in the result's register; a load of less
 * than 8 bytes is narrowed at the end, whatever it came from.
 */
#include "verify/mem.h"

#include <stdio.h>

/* ---- texts ------------------------------------------------------------------------------ */

const char *mem_tnum_text(struct tnum t, char buf[MEM_TNUM_TEXT])
{
	if (tnum_is_const(t))
		snprintf(buf, MEM_TNUM_TEXT, t.value > UINT16_MAX ? "0x%llx" : "%llu",
			 (unsigned long long)t.value);
	else
		snprintf(buf, MEM_TNUM_TEXT, "(0x%llx; 0x%llx)", (unsigned long long)t.value,
			 (unsigned long long)t.mask);
	return buf;
}

const char *reg_type_text(uint8_t type, uint16_t flags, char *buf, size_t size)
{
	static const char *const names[] = {
#define REG_TYPE(id, name) [R_##id] = name,
		REG_TYPES(REG_TYPE)
#undef REG_TYPE
	};
	static const struct {
		uint16_t flag;
		const char *text;
	} prefixes[] = {
		{F_RDONLY, "rdonly_"},	 {F_RINGBUF, "ringbuf_"}, {F_USER, "user_"},
		{F_PERCPU, "percpu_"},	 {F_RCU, "rcu_"},	  {F_UNTRUSTED, "untrusted_"},
		{F_TRUSTED, "trusted_"},
	};
	char prefix[64] = "";
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (flags & prefixes[i].flag)
			at += (size_t)snprintf(prefix + at, sizeof(prefix) - at, "%s",
					       prefixes[i].text);
	snprintf(buf, size, "%s%s%s", prefix, type < REG_TYPE_COUNT ? names[type] : "?",
		 !(flags & F_NULL)  ? ""
		 : type == R_BTF_ID ? "or_null_"
				    : "_or_null");
	return buf;
}

int mem_leak(struct env *env, const struct mem_op *op, const char *where)
{
	if (op->access != ACCESS_WRITE || op->value < 0 || !reg_leaks(env, env_reg(env, op->value)))
		return 0;
	return env_fail_reg(env, -EACCES, REASON_PTR_LEAK, op->value, "R%d leaks addr into %s",
			    op->value, where);
}

int mem_read_only(struct env *env, int regno)
{
	const struct reg *reg = env_reg(env, regno);
	char text[64];

	return env_fail_reg(env, -EACCES, REASON_READ_ONLY, regno, "R%d cannot write into %s",
			    regno, reg_type_text(reg->type, reg->flags, text, sizeof(text)));
}

int mem_exact_pointer(struct env *env, const struct reg *reg, int regno, bool fixed_ok)
{
	char text[64], bits[MEM_TNUM_TEXT];

	if (reg->off < 0)
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, regno,
				    "negative offset %s ptr R%d off=%d disallowed",
				    reg_type_text(reg->type, reg->flags, text, sizeof(text)), regno,
				    reg->off);
	if (!fixed_ok && reg->off)
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, regno,
				    "dereference of modified %s ptr R%d off=%d disallowed",
				    reg_type_text(reg->type, reg->flags, text, sizeof(text)), regno,
				    reg->off);
	if (!range_is_const(&reg->var) || range_const(&reg->var))
		return env_fail_reg(env, -EACCES, REASON_PTR_ARITH, regno,
				    "variable %s access var_off=%s disallowed",
				    reg_type_text(reg->type, reg->flags, text, sizeof(text)),
				    mem_tnum_text(reg->var.bits, bits));
	return 0;
}

/* ---- alignment -------------------------------------------------------------------------- */

int mem_aligned(struct env *env, const struct reg *reg, int off, int size, bool strict)
{
	static const char *const what[REG_TYPE_COUNT] = {
		[R_FLOW_KEYS] = "flow keys ",
		[R_MAP_KEY] = "key ",
		[R_MAP_VALUE] = "value ",
		[R_CTX] = "context ",
		[R_STACK] = "stack ",
		[R_SOCKET] = "sock ",
		[R_TCP_SOCK] = "tcp_sock ",
		[R_XDP_SOCK] = "xdp_sock ",
		[R_SOCK_COMMON] = "sock_common ",
	};
	/* Strict machines have headers aligned behind an Ethernet header that is not. */
	const int ip_align = 2;
	bool packet = reg->type == R_PACKET || reg->type == R_PACKET_META;
	int shift = packet ? ip_align : 0;
	char bits[MEM_TNUM_TEXT];
	struct tnum at;

	if (size == 1 || reg->type == R_ARENA)
		return 0;
	if (!strict && !env->strict_alignment && reg->type != R_STACK)
		return 0;
	at = tnum_add(reg->var.bits, tnum_const((uint64_t)(int64_t)(shift + reg->off + off)));
	if (tnum_is_aligned(at, (uint64_t)size))
		return 0;
	mem_tnum_text(reg->var.bits, bits);
	if (packet)
		return env_fail(env, -EACCES, REASON_MISALIGNED,
				"misaligned packet access off %d+%s+%d+%d size %d", ip_align, bits,
				reg->off, off, size);
	return env_fail(env, -EACCES, REASON_MISALIGNED, "misaligned %saccess off %s+%d+%d size %d",
			!reg->flags && what[reg->type] ? what[reg->type] : "", bits, reg->off, off,
			size);
}

/* ---- memory with bounds ----------------------------------------------------------------- */

/* [off, off + size) is outside of [0, mem_size): the words, or false if it is inside. */
static bool region_outside(struct env *env, int regno, int off, int size, uint32_t mem_size,
			   bool zero_ok, char *why, size_t why_size)
{
	const struct reg *reg = env_reg(env, regno);

	if (off >= 0 && (size > 0 || (!size && zero_ok)) &&
	    (uint64_t)off + (uint64_t)size <= mem_size)
		return false;
	switch (reg->flags ? R_MEM : reg->type) {
	case R_MAP_KEY:
	case R_MAP_VALUE:
		snprintf(why, why_size, "invalid access to map %s, %s_size=%d off=%d size=%d",
			 reg->type == R_MAP_KEY ? "key" : "value",
			 reg->type == R_MAP_KEY ? "key" : "value", (int)mem_size, off, size);
		break;
	case R_PACKET:
	case R_PACKET_META:
		snprintf(why, why_size,
			 "invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)", off,
			 size, regno, (int)reg->id, off, (int)mem_size);
		break;
	default:
		snprintf(why, why_size, "invalid access to memory, mem_size=%u off=%d size=%d",
			 mem_size, off, size);
	}
	return true;
}

static enum reason region_reason(const struct reg *reg)
{
	return reg->type == R_MAP_VALUE || reg->type == R_MAP_KEY ? REASON_MAP_RANGE
								  : REASON_MEM_RANGE;
}

int mem_region(struct env *env, int regno, int off, int size, uint32_t mem_size, bool zero_ok)
{
	const struct reg *reg = env_reg(env, regno);
	enum reason reason = region_reason(reg);
	int64_t min = (int64_t)((uint64_t)reg->var.smin + (uint64_t)(int64_t)off);
	char why[120];

	if (reg->var.smin < 0 && (reg->var.smin == INT64_MIN || min != (int32_t)min || min < 0))
		return env_fail_reg(env, -EACCES, reason, regno,
				    "R%d min value is negative, either use unsigned index or do a "
				    "if (index >=0) check.",
				    regno);
	if (region_outside(env, regno, (int)min, size, mem_size, zero_ok, why, sizeof(why)))
		return env_fail_reg(env, -EACCES, reason, regno,
				    "%s\nR%d min value is outside of the allowed memory range", why,
				    regno);
	if (reg->var.umax >= (uint64_t)MEM_MAX_VAR)
		return env_fail_reg(
			env, -EACCES, reason, regno,
			"R%d unbounded memory access, make sure to bounds check any such "
			"access",
			regno);
	if (region_outside(env, regno, (int)reg->var.umax + off, size, mem_size, zero_ok, why,
			   sizeof(why)))
		return env_fail_reg(env, -EACCES, reason, regno,
				    "%s\nR%d max value is outside of the allowed memory range", why,
				    regno);
	return 0;
}

/* What was compared with the packet's end starts behind the variable part of the offset. */
int mem_packet_bounds(struct env *env, int regno, int off, int size, bool zero_ok)
{
	const struct reg *reg = env_reg(env, regno);
	char why[120];

	if (reg->var.smin < 0)
		return env_fail_reg(env, -EACCES, REASON_PKT_RANGE, regno,
				    "R%d min value is negative, either use unsigned index or do a "
				    "if (index >=0) check.",
				    regno);
	if (reg->range < 0)
		return env_fail_reg(env, -EINVAL, REASON_PKT_RANGE, regno,
				    "R%d offset is outside of the packet", regno);
	if (region_outside(env, regno, off, size, (uint32_t)reg->range, zero_ok, why, sizeof(why)))
		return env_fail_reg(env, -EACCES, REASON_PKT_RANGE, regno,
				    "%s\nR%d offset is outside of the packet", why, regno);
	return 0;
}

/* Buffers whose size is only known when the program is attached. */
int mem_buffer_bounds(struct env *env, const struct reg *reg, int regno, int off, int size)
{
	const char *what = reg->type == R_TP_BUFFER ? "tracepoint"
			   : reg->flags & F_RDONLY  ? "rdonly"
						    : "rdwr";
	char bits[MEM_TNUM_TEXT];

	if (off < 0)
		return env_fail_reg(env, -EACCES, REASON_MEM_RANGE, regno,
				    "R%d invalid %s buffer access: off=%d, size=%d", regno, what,
				    off, size);
	if (!range_is_const(&reg->var) || range_const(&reg->var))
		return env_fail_reg(env, -EACCES, REASON_MEM_RANGE, regno,
				    "R%d invalid variable buffer offset: off=%d, var_off=%s", regno,
				    off, mem_tnum_text(reg->var.bits, bits));
	return 0;
}

/* ---- by type ---------------------------------------------------------------------------- */

/* Of a checked access: a number was read. */
static int mem_number(struct env *env, const struct mem_op *op, int err)
{
	struct reg *dst = mem_result(env, op);

	if (!err && dst)
		reg_set_unknown(env, dst);
	return err;
}

static int mem_invalid(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	char text[64];

	return env_fail_reg(env, -EACCES,
			    reg->flags & F_NULL ? REASON_NULL_DEREF : REASON_NOT_POINTER, op->regno,
			    "R%d invalid mem access '%s'", op->regno,
			    reg_type_text(reg->type, reg->flags, text, sizeof(text)));
}

static int mem_map_key(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);

	if (op->access == ACCESS_WRITE)
		return env_fail_reg(env, -EACCES, REASON_READ_ONLY, op->regno,
				    "write to change key R%d not allowed", op->regno);
	return mem_number(
		env, op,
		mem_region(env, op->regno, op->off, op->size, reg->map->desc.key_size, false));
}

static int mem_memory(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	int err;

	if (op->access == ACCESS_WRITE && reg->flags & F_RDONLY)
		return mem_read_only(env, op->regno);
	err = mem_leak(env, op, "mem");
	/* Untrusted memory is read through probes, which need no bounds. */
	if (!err && (reg->flags & (F_RDONLY | F_UNTRUSTED)) != (F_RDONLY | F_UNTRUSTED))
		err = mem_region(env, op->regno, op->off, op->size, reg->mem_size, false);
	return mem_number(env, op, err);
}

static int mem_packet(struct env *env, const struct mem_op *op)
{
	int err;

	if (op->access == ACCESS_WRITE) {
		if (!catalog_packet_access(env->type, true))
			return env_fail_reg(env, -EACCES, REASON_READ_ONLY, op->regno,
					    "cannot write into packet");
		env->seen_direct_write = true;
	}
	err = mem_leak(env, op, "packet");
	if (!err)
		err = mem_packet_bounds(env, op->regno, op->off, op->size, false);
	return mem_number(env, op, err);
}

static int mem_flow_keys(struct env *env, const struct mem_op *op)
{
	const struct ctx_field *field;
	int err = mem_leak(env, op, "flow keys");

	if (!err && (op->off < 0 ||
		     catalog_object_access(CTX_FLOW_KEYS, (uint32_t)op->off, (uint32_t)op->size,
					   op->access == ACCESS_WRITE, &field)))
		err = env_fail_reg(env, -EACCES, REASON_MEM_RANGE, op->regno,
				   "invalid access to flow keys off=%d size=%d", op->off, op->size);
	return mem_number(env, op, err);
}

static int mem_socket(struct env *env, const struct mem_op *op)
{
	static const uint8_t kinds[REG_TYPE_COUNT] = {
		[R_SOCKET] = CTX_SOCKET,
		[R_SOCK_COMMON] = CTX_SOCK_COMMON,
		[R_TCP_SOCK] = CTX_TCP_SOCK,
		[R_XDP_SOCK] = CTX_XDP_SOCK,
	};
	const struct reg *reg = mem_reg(env, op);
	const struct ctx_field *field;
	char text[64];

	if (op->access == ACCESS_WRITE)
		return mem_read_only(env, op->regno);
	if (reg->var.smin < 0)
		return env_fail_reg(env, -EACCES, REASON_MEM_RANGE, op->regno,
				    "R%d min value is negative, either use unsigned index or do a "
				    "if (index >=0) check.",
				    op->regno);
	if (catalog_object_access(kinds[reg->type], (uint32_t)op->off, (uint32_t)op->size, false,
				  &field))
		return env_fail_reg(env, -EACCES, REASON_CTX_ACCESS, op->regno,
				    "R%d invalid %s access off=%d size=%d", op->regno,
				    reg_type_text(reg->type, reg->flags, text, sizeof(text)),
				    op->off, op->size);
	return mem_number(env, op, 0);
}

static int mem_tp_buffer(struct env *env, const struct mem_op *op)
{
	return mem_number(env, op,
			  mem_buffer_bounds(env, mem_reg(env, op), op->regno, op->off, op->size));
}

static int mem_buffer(struct env *env, const struct mem_op *op)
{
	if (op->access == ACCESS_WRITE && mem_reg(env, op)->flags & F_RDONLY)
		return mem_read_only(env, op->regno);
	return mem_tp_buffer(env, op);
}

static int mem_arena(struct env *env, const struct mem_op *op)
{
	env_aux(env)->flags |= AUX_ARENA;
	return mem_number(env, op, 0);
}

/* ---- an access -------------------------------------------------------------------------- */

static int (*const mem_types[REG_TYPE_COUNT])(struct env *, const struct mem_op *) = {
	[R_MAP_KEY] = mem_map_key,
	[R_MAP_VALUE] = mem_map_value,
	[R_MAP_PTR] = mem_map_ptr,
	[R_MEM] = mem_memory,
	[R_CTX] = mem_ctx,
	[R_STACK] = stack_access,
	[R_PACKET] = mem_packet,
	[R_PACKET_META] = mem_packet,
	[R_FLOW_KEYS] = mem_flow_keys,
	[R_SOCKET] = mem_socket,
	[R_SOCK_COMMON] = mem_socket,
	[R_TCP_SOCK] = mem_socket,
	[R_XDP_SOCK] = mem_socket,
	[R_BTF_ID] = mem_btf,
	[R_BUF] = mem_buffer,
	[R_TP_BUFFER] = mem_tp_buffer,
	[R_ARENA] = mem_arena,
};

int mem_access(struct env *env, int regno, int off, int size, enum access access, int value,
	       bool strict_once, bool sign_extend)
{
	const struct reg *reg = env_reg(env, regno);
	struct mem_op op = {regno, off + reg->off, size, access, value, sign_extend};
	struct reg *dst;
	int err = mem_aligned(env, reg, off, size, strict_once);

	if (err)
		return err;
	if (!mem_types[reg->type] || reg->flags & F_NULL)
		return mem_invalid(env, &op);
	err = mem_types[reg->type](env, &op);
	dst = mem_result(env, &op);
	if (err || !dst || size == SLOT_BYTES || dst->type != R_SCALAR)
		return err;
	if (sign_extend)
		range_sext(&dst->var, size, false);
	else
		range_zext(&dst->var, size);
	return 0;
}

/* ---- atomics ---------------------------------------------------------------------------- */

static int atomic_pointer_ok(struct env *env, int regno, const char *what)
{
	static const bool refused[REG_TYPE_COUNT] = {
		[R_CTX] = true,	      [R_PACKET] = true,   [R_PACKET_META] = true,
		[R_FLOW_KEYS] = true, [R_SOCKET] = true,   [R_SOCK_COMMON] = true,
		[R_TCP_SOCK] = true,  [R_XDP_SOCK] = true,
	};
	const struct reg *reg = env_reg(env, regno);
	bool pkt = reg->type == R_PACKET || reg->type == R_PACKET_META;
	char text[64];

	/* Of pointers with modifiers only those into packets are looked for. */
	if (!refused[reg->type] || (reg->flags && !pkt))
		return 0;
	return env_fail_reg(env, -EACCES, REASON_ATOMIC, regno,
			    "BPF_ATOMIC %s R%d %s is not allowed", what, regno,
			    reg_type_text(reg->type, reg->flags, text, sizeof(text)));
}

static int atomic_secret(struct env *env, int regno)
{
	if (!reg_leaks(env, env_reg(env, regno)))
		return 0;
	return env_fail_reg(env, -EACCES, REASON_PTR_LEAK, regno, "R%d leaks addr into mem", regno);
}

static int atomic_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* Load-acquire and store-release are loads and stores. Which pointers they may use is asked
 * afterwards: a load may have replaced the pointer by then, and passes, as it does in Linux 6.18,
 * unless it is to run here. */
static int atomic_load_store(struct env *env, const struct bpf_insn *insn)
{
	bool load = insn->imm == BPF_LOAD_ACQ;
	int ptr = load ? insn->src_reg : insn->dst_reg,
	    value = load ? insn->dst_reg : insn->src_reg;
	int err = reg_read(env, insn->src_reg);

	if (!err && load && env->image->engine)
		err = atomic_pointer_ok(env, ptr, "loads from");
	if (!err)
		err = load ? reg_write(env, value) : reg_read(env, ptr);
	if (!err)
		err = mem_access(env, ptr, insn->off, atomic_size(insn),
				 load ? ACCESS_READ : ACCESS_WRITE, value, true, false);
	return err ? err : atomic_pointer_ok(env, ptr, load ? "loads from" : "stores into");
}

static int atomic_modify(struct env *env, const struct bpf_insn *insn)
{
	int size = atomic_size(insn), load = -1;
	int err;

	if (size < 4)
		return env_fail(env, -EINVAL, REASON_BAD_INSN, "invalid atomic operand size");
	err = reg_read(env, insn->src_reg);
	if (!err)
		err = reg_read(env, insn->dst_reg);
	if (!err && insn->imm == BPF_CMPXCHG) {
		err = reg_read(env, BPF_REG_0);
		if (!err)
			err = atomic_secret(env, BPF_REG_0);
	}
	if (!err)
		err = atomic_secret(env, insn->src_reg);
	if (!err)
		err = atomic_pointer_ok(env, insn->dst_reg, "stores into");
	if (!err && insn->imm & BPF_FETCH) {
		load = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg;
		err = reg_write(env, load);
		reg_set_unknown(env, env_reg(env, load));
	}
	/* Read, what was read goes to a register, written. */
	if (!err)
		err = mem_access(env, insn->dst_reg, insn->off, size, ACCESS_READ, -1, true, false);
	if (!err && load >= 0)
		err = mem_access(env, insn->dst_reg, insn->off, size, ACCESS_READ, load, true,
				 false);
	/* Linux 6.18 knows what the stack held, but not that it may come to depend on it. */
	if (!err && load >= 0 && env->image->engine)
		reg_set_unknown(env, env_reg(env, load));
	if (!err)
		err = mem_access(env, insn->dst_reg, insn->off, size, ACCESS_WRITE, -1, true,
				 false);
	return err;
}

int mem_atomic(struct env *env)
{
	const struct bpf_insn *insn = env_insn(env);

	switch (insn->imm) {
	case BPF_ADD:
	case BPF_ADD | BPF_FETCH:
	case BPF_AND:
	case BPF_AND | BPF_FETCH:
	case BPF_OR:
	case BPF_OR | BPF_FETCH:
	case BPF_XOR:
	case BPF_XOR | BPF_FETCH:
	case BPF_XCHG:
	case BPF_CMPXCHG:
		return atomic_modify(env, insn);
	case BPF_LOAD_ACQ:
	case BPF_STORE_REL:
		return atomic_load_store(env, insn);
	default:
		return env_fail(env, -EINVAL, REASON_BAD_INSN,
				"BPF_ATOMIC uses invalid atomic opcode %02x", insn->imm);
	}
}
