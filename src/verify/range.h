/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/range.h - sets of 64-bit values, as the verifier knows them: pure functions on plain
 * values, no state, safe from any thread.
 *
 * A range is the intersection of five descriptions of one value x: which of its bits are known,
 * and an interval each for x and for its lower half, unsigned and signed. What one description
 * implies for another is found by range_sync() alone, and only as far as Linux 6.18 finds it:
 * verdicts depend on the precision, so more knowledge is as wrong here as less.
 *
 * A branch that cannot be reached may leave a range that contradicts itself (range_sane() is
 * false then). Such ranges are computed with as any other, wrapping around.
 */
#ifndef VERIFY_RANGE_H
#define VERIFY_RANGE_H

#include "base/util.h"

/* Known bits: where mask is 0 the bit is that of value; where it is 1, value is 0. */
struct tnum {
	uint64_t value, mask;
};

struct range {
	struct tnum bits;
	uint64_t umin, umax;
	int64_t smin, smax;
	uint32_t u32_min, u32_max;
	int32_t s32_min, s32_max;
};

#define tnum_unknown ((struct tnum){0, UINT64_MAX})

static inline struct tnum tnum_const(uint64_t v)
{
	return (struct tnum){v, 0};
}

static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}

/* From the smallest and largest member's bits: what differs, or is unknown anyway, is unknown. */
static inline struct tnum tnum_between(uint64_t low, uint64_t high, uint64_t unknown)
{
	unknown |= low ^ high;
	return (struct tnum){low & ~unknown, unknown};
}

/* The common leading bits of all values of [min, max]. */
static inline struct tnum tnum_range(uint64_t min, uint64_t max)
{
	uint64_t differ = min ^ max;

	if (!differ)
		return tnum_const(min);
	differ = UINT64_MAX >> __builtin_clzll(differ);
	return (struct tnum){min & ~differ, differ};
}

/* A carry out of a bit is certain only if it is the same with all unknown bits 0 and all 1. */
static inline struct tnum tnum_add(struct tnum a, struct tnum b)
{
	uint64_t low = a.value + b.value;

	return tnum_between(low, low + a.mask + b.mask, a.mask | b.mask);
}

static inline struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	uint64_t base = a.value - b.value,
		 unknown = a.mask | b.mask | ((base + a.mask) ^ (base - b.mask));

	return (struct tnum){base & ~unknown, unknown};
}

static inline struct tnum tnum_neg(struct tnum a)
{
	return tnum_sub(tnum_const(0), a);
}

static inline struct tnum tnum_and(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value & b.value;

	return (struct tnum){ones, (a.value | a.mask) & (b.value | b.mask) & ~ones};
}

static inline struct tnum tnum_or(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value | b.value;

	return (struct tnum){ones, (a.mask | b.mask) & ~ones};
}

static inline struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	uint64_t unknown = a.mask | b.mask;

	return (struct tnum){(a.value ^ b.value) & ~unknown, unknown};
}

struct tnum tnum_mul(struct tnum a, struct tnum b);

static inline struct tnum tnum_lshift(struct tnum a, unsigned int n)
{
	return (struct tnum){a.value << n, a.mask << n};
}

static inline struct tnum tnum_rshift(struct tnum a, unsigned int n)
{
	return (struct tnum){a.value >> n, a.mask >> n};
}

/* insn_bits: 64, or 32 for the lower half, the upper then is 0. */
static inline struct tnum tnum_arshift(struct tnum a, unsigned int n, unsigned int insn_bits)
{
	if (insn_bits == 32)
		return (struct tnum){(uint32_t)((int32_t)a.value >> n),
				     (uint32_t)((int32_t)a.mask >> n)};
	return (struct tnum){(uint64_t)((int64_t)a.value >> n), (uint64_t)((int64_t)a.mask >> n)};
}

/* The lowest bytes (1..8) of it. */
static inline struct tnum tnum_cast(struct tnum a, unsigned int bytes)
{
	uint64_t keep = UINT64_MAX >> (64 - bytes * 8);

	return (struct tnum){a.value & keep, a.mask & keep};
}

/* What is known of a value that is in both; where they contradict each other, the bit is 1. */
static inline struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	uint64_t unknown = a.mask & b.mask;

	return (struct tnum){(a.value | b.value) & ~unknown, unknown};
}

/* What is known of a value that is in one of them. */
static inline struct tnum tnum_union(struct tnum a, struct tnum b)
{
	return tnum_between(a.value, b.value, a.mask | b.mask);
}

/* Whether any value is in both. */
static inline bool tnum_overlap(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~(a.mask | b.mask));
}

/* Whether all of b is in a. */
static inline bool tnum_in(struct tnum a, struct tnum b)
{
	return !(b.mask & ~a.mask) && !((a.value ^ b.value) & ~a.mask);
}

/* size: a power of two, or 0, of which everything is a multiple. */
static inline bool tnum_is_aligned(struct tnum a, uint64_t size)
{
	return !size || !((a.value | a.mask) & (size - 1));
}

static inline struct tnum tnum_subreg(struct tnum a)
{
	return (struct tnum){(uint32_t)a.value, (uint32_t)a.mask};
}

static inline struct tnum tnum_clear_subreg(struct tnum a)
{
	return (struct tnum){a.value & ~UINT64_C(0xffffffff), a.mask & ~UINT64_C(0xffffffff)};
}

static inline struct tnum tnum_with_subreg(struct tnum a, struct tnum low)
{
	return (struct tnum){tnum_clear_subreg(a).value | (uint32_t)low.value,
			     tnum_clear_subreg(a).mask | (uint32_t)low.mask};
}

static inline struct tnum tnum_const_subreg(struct tnum a, uint32_t value)
{
	return tnum_with_subreg(a, tnum_const(value));
}

static inline bool tnum_subreg_is_const(struct tnum a)
{
	return !(uint32_t)a.mask;
}

/* Any value: an initialiser. */
#define RANGE_UNKNOWN                                                                              \
	{                                                                                          \
		.bits = {0, UINT64_MAX}, .umax = UINT64_MAX, .smin = INT64_MIN, .smax = INT64_MAX, \
		.u32_max = UINT32_MAX, .s32_min = INT32_MIN, .s32_max = INT32_MAX,                 \
	}

static inline void range_set_unknown(struct range *r)
{
	*r = (struct range)RANGE_UNKNOWN;
}

static inline void range_set_const(struct range *r, uint64_t v)
{
	r->bits = tnum_const(v);
	r->umin = r->umax = v;
	r->smin = r->smax = (int64_t)v;
	r->u32_min = r->u32_max = (uint32_t)v;
	r->s32_min = r->s32_max = (int32_t)v;
}

static inline void range_set_const32(struct range *r, uint32_t v) /* zero-extended */
{
	range_set_const(r, v);
}

static inline bool range_is_const(const struct range *r)
{
	return tnum_is_const(r->bits);
}

static inline uint64_t range_const(const struct range *r)
{
	return r->bits.value;
}

static inline bool range_is_const32(const struct range *r)
{
	return tnum_subreg_is_const(r->bits);
}

/* Whether r is a constant in all its parts. */
static inline bool range_only(const struct range *r)
{
	uint64_t v = r->bits.value;

	return !(r->bits.mask | (r->umin ^ v) | (r->umax ^ v) | ((uint64_t)r->smin ^ v) |
		 ((uint64_t)r->smax ^ v) | (r->u32_min ^ (uint32_t)v) | (r->u32_max ^ (uint32_t)v) |
		 ((uint32_t)r->s32_min ^ (uint32_t)v) | ((uint32_t)r->s32_max ^ (uint32_t)v));
}

/* Whether nothing at all is known. */
static inline bool range_everything(const struct range *r)
{
	return !(~r->bits.mask | r->umin | ~r->umax | (uint64_t)(r->smin ^ INT64_MIN) |
		 (uint64_t)(r->smax ^ INT64_MAX) | r->u32_min | (uint32_t)~r->u32_max |
		 (uint32_t)(r->s32_min ^ INT32_MIN) | (uint32_t)(r->s32_max ^ INT32_MAX));
}

/* Whether they are the same in all their parts. */
static inline bool range_same(const struct range *a, const struct range *b)
{
	return !((a->bits.value ^ b->bits.value) | (a->bits.mask ^ b->bits.mask) |
		 (a->umin ^ b->umin) | (a->umax ^ b->umax) | (uint64_t)(a->smin ^ b->smin) |
		 (uint64_t)(a->smax ^ b->smax) | (a->u32_min ^ b->u32_min) |
		 (a->u32_max ^ b->u32_max) | (uint32_t)(a->s32_min ^ b->s32_min) |
		 (uint32_t)(a->s32_max ^ b->s32_max));
}

/* Forgets all intervals, keeps the known bits: what follows where a range is not sane. */
void range_unbound(struct range *r);

/* Tells each description of r what the others imply. */
void range_sync(struct range *r);

/* False if r contradicts itself: an empty interval, or a constant outside of one. */
bool range_sane(const struct range *r);

/*
 * dst = dst OP src, where op is the BPF_OP() of an ALU instruction; of BPF_NEG src is not used.
 * alu32: on the lower halves, the upper is 0 then. What is not tracked (division, a shift by
 * what is not known or too much) makes all of dst unknown, its upper half too.
 */
void range_alu(uint8_t op, bool is_signed, bool alu32, struct range *dst, const struct range *src);

/*
 * Before BPF_AND and BPF_OR with a constant Linux follows the two values of a dst of -1..0 one by
 * one. True if so: then the instruction has to be done once with dst as it is left here (all ones),
 * and once again, later, with what zero gets.
 */
bool range_fork(uint8_t op, struct range *dst, const struct range *src, struct range *zero);

/* BPF_END on a little endian host. swap: BPF_ALU64, to_big: BPF_TO_BE, width: 16, 32, 64. */
void range_end(struct range *r, bool swap_unconditional, bool to_big, int width);

void range_zext32(struct range *r);	     /* r = (u32)r */
void range_zext(struct range *r, int bytes); /* r = (u8, u16, u32)r: a narrow load */
void range_sext(struct range *r, int bytes,
		bool to32); /* r = (s8, s16, s32)r; to32: upper half 0 */

/*
 * Whether `a OP b` is true for all values (1), for none (0), or not known (-1). op: BPF_OP() of a
 * conditional jump; jmp32: of the lower halves. That a and b are the same value is not noticed.
 */
int range_branch_taken(uint8_t op, bool jmp32, const struct range *a, const struct range *b);

/*
 * Knowing that `a OP b` is true (taken) or false, changes both. They may be the same object, but
 * `r < r` is then taken for possible, as Linux does.
 */
void range_refine(uint8_t op, bool jmp32, bool taken, struct range *a, struct range *b);
/* The same with a b that does not change. */
void range_refine_by(uint8_t op, bool jmp32, bool taken, struct range *a, const struct range *b);

/* Whether cur's intervals are within old's; known bits do not count. */
static inline bool range_within(const struct range *old, const struct range *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax && old->smin <= cur->smin &&
	       old->smax >= cur->smax && old->u32_min <= cur->u32_min &&
	       old->u32_max >= cur->u32_max && old->s32_min <= cur->s32_min &&
	       old->s32_max >= cur->s32_max;
}

#endif
