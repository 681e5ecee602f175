/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/range.c - arithmetic on sets of values.
 *
 * An operation computes what it can of each description of its result, at both widths; sync()
 * then spreads that. Where 32-bit operations compute the upper half, too, only to drop it, it is
 * because Linux learns from it on the way.
 */
#include "verify/range.h"

#include <linux/bpf.h>

#define W   64
#define U   uint64_t
#define S   int64_t
#define ULO umin
#define UHI umax
#define SLO smin
#define SHI smax
#include "verify/range_width.h"

#define W   32
#define U   uint32_t
#define S   int32_t
#define ULO u32_min
#define UHI u32_max
#define SLO s32_min
#define SHI s32_max
#include "verify/range_width.h"

/*
 * Long multiplication: each bit of a adds b, shifted. For an unknown bit the sum is known as far
 * as the sums with and without b agree.
 */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum sum = tnum_const(0);

	if (!(a.mask | b.mask))
		return tnum_const(a.value * b.value);
	for (uint64_t left = a.value | a.mask; left; left &= left - 1) {
		unsigned int bit = (unsigned int)__builtin_ctzll(left);
		struct tnum with = tnum_add(sum, tnum_lshift(b, bit));

		sum = a.value >> bit & 1 ? with : tnum_union(sum, with);
		if (sum.mask == UINT64_MAX)
			break;
	}
	return sum;
}

/* The smallest member of t above v; the largest of all if none is. */
static inline uint64_t range_next_member(struct tnum t, uint64_t v)
{
	uint64_t spread, off;

	if (v >= (t.value | t.mask))
		return t.value | t.mask;
	if (v < t.value)
		return t.value;
	/*
	 * Members are t.value plus the subsets of mask, in the order of these. Counting up in the
	 * bits of mask alone: ones in all others let the carry pass. Where v has a bit that mask
	 * has not, all bits below are as good as full.
	 */
	spread = v - t.value;
	off = spread & ~t.mask;
	if (off)
		spread |= UINT64_MAX >> __builtin_clzll(off);
	return t.value | (((spread | ~t.mask) + 1) & t.mask);
}

void range_unbound(struct range *r)
{
	range_any_64(r);
	range_any_32(r);
}

static inline void range_clip_32(struct range *r)
{
	range_clip_to_bits_32(r, (uint32_t)r->bits.value, (uint32_t)r->bits.mask);
}

/* Whether *value is the only one of the unsigned interval with these bits, as Linux finds out. */
static inline bool range_single(struct tnum bits, uint64_t lo, uint64_t hi, uint64_t *value)
{
	uint64_t next = range_next_member(bits, lo);

	if ((lo & ~bits.mask) == bits.value) {
		*value = lo;
		return next > hi;
	}
	*value = next;
	return next == (bits.value | bits.mask) ||
	       (next <= hi && range_next_member(bits, next) > hi);
}

/*
 * Intervals from known bits. If the unsigned interval and the bits have one value in common, that
 * is it. If they have none the range is of a dead branch, and it may become a constant here.
 */
static inline __attribute__((always_inline)) void range_clip(struct range *r)
{
	uint64_t value;

	range_clip_32(r);
	range_clip_to_bits_64(r, r->bits.value, r->bits.mask);

	if (range_single(r->bits, r->umin, r->umax, &value))
		range_set_const(r, value);
}

/*
 * The lower half of all values from lo to hi is an interval, too, if the upper half is the same in
 * all; and a signed one if it counts up by one where the lower half passes from -1 to 0.
 */
static inline void range_halve_signed(struct range *r, uint64_t lo, uint64_t hi)
{
	uint32_t steps = (uint32_t)(hi >> 32) - (uint32_t)(lo >> 32);
	int32_t from = (int32_t)lo, to = (int32_t)hi;

	if (steps == 0 ? from <= to : steps == 1 && from < 0 && to >= 0)
		range_clip_signed_32(r, from, to);
}

static inline void range_halves(struct range *r)
{
	uint64_t lo = (uint64_t)r->smin, hi = (uint64_t)r->smax;

	if (!((r->umin ^ r->umax) >> 32))
		range_clip_unsigned_32(r, (uint32_t)r->umin, (uint32_t)r->umax);
	if (!((lo ^ hi) >> 32) && (uint32_t)lo <= (uint32_t)hi)
		range_clip_unsigned_32(r, (uint32_t)lo, (uint32_t)hi);
	range_halve_signed(r, r->umin, r->umax);
	range_halve_signed(r, lo, hi);
}

static inline uint64_t range_join(uint64_t upper, uint32_t lower)
{
	return (upper & ~UINT64_C(0xffffffff)) | lower;
}

/* The ends of the intervals of the whole have lower halves in the interval of the lower half. */
static inline void range_unhalve(struct range *r)
{
	range_clip_unsigned_64(r, range_join(r->umin, r->u32_min), range_join(r->umax, r->u32_max));
	range_clip_signed_64(r, (int64_t)range_join((uint64_t)r->smin, r->u32_min),
			     (int64_t)range_join((uint64_t)r->smax, r->u32_max));
	/*
	 * A sign-extended 32-bit value with a lower half that is not negative. An upper half of
	 * all ones is not possible then.
	 */
	if (r->s32_min >= 0 && r->smin >= INT32_MIN && r->smax <= INT32_MAX) {
		range_set_signed_64(r, r->s32_min, r->s32_max);
		range_set_unsigned_64(r, (uint64_t)(int64_t)r->s32_min,
				      (uint64_t)(int64_t)r->s32_max);
		r->bits = tnum_intersect(r->bits, tnum_range(r->umin, r->umax));
	}
}

static inline void range_deduce(struct range *r)
{
	range_halves(r);
	range_exchange_signs_32(r);
	range_exchange_signs_64(r);
	range_unhalve(r);
}

/* Whether all intervals are the same one of [0, INT32_MAX]: nothing is to be deduced then. */
static inline bool range_small(const struct range *r)
{
	uint64_t lo = r->umin, hi = r->umax;

	return lo <= hi && hi <= INT32_MAX &&
	       !(((uint64_t)r->smin ^ lo) | ((uint64_t)r->smax ^ hi) | (r->u32_min ^ lo) |
		 (r->u32_max ^ hi) | ((uint32_t)r->s32_min ^ lo) | ((uint32_t)r->s32_max ^ hi));
}

/*
 * If no interval leaves [0, INT32_MAX], all are of the same numbers, and deducing makes each what
 * they share. False: they do, or share nothing.
 */
static inline bool range_deduce_small(struct range *r)
{
	uint64_t lo, hi;

	if ((r->umax | (uint64_t)r->smin | (uint64_t)r->smax | r->u32_max | (uint32_t)r->s32_min |
	     (uint32_t)r->s32_max) > INT32_MAX)
		return false;
	lo = MAX(MAX(r->umin, (uint64_t)r->smin), MAX(r->u32_min, (uint32_t)r->s32_min));
	hi = MIN(MIN(r->umax, (uint64_t)r->smax), MIN(r->u32_max, (uint32_t)r->s32_max));
	if (lo > hi)
		return false;
	range_set_unsigned_64(r, lo, hi);
	range_set_signed_64(r, (int64_t)lo, (int64_t)hi);
	range_set_unsigned_32(r, (uint32_t)lo, (uint32_t)hi);
	range_set_signed_32(r, (int32_t)lo, (int32_t)hi);
	r->bits = tnum_intersect(r->bits, tnum_range(lo, hi));
	return true;
}

/*
 * The same as what follows, for values whose bits say that they are in [0, INT32_MAX], on one
 * interval instead of four: they are all of the same numbers then. False: they have none in common.
 */
static inline bool range_sync_small(struct range *r)
{
	struct tnum bits = r->bits;
	uint64_t most = bits.value | bits.mask, lo = MAX(r->umin, bits.value),
		 hi = MIN(r->umax, most), value;
	int64_t slo, shi;

	if (range_single(bits, lo, hi, &value)) {
		range_set_const(r, value);
		return true;
	}
	slo = MAX(MAX(r->smin, r->s32_min), (int64_t)MAX(lo, r->u32_min));
	shi = MIN(MIN(r->smax, r->s32_max), (int64_t)MIN(hi, r->u32_max));
	if (slo > shi)
		return false;
	bits = tnum_intersect(bits, tnum_range((uint64_t)slo, (uint64_t)shi));
	lo = MAX((uint64_t)slo, bits.value);
	hi = MIN((uint64_t)shi, bits.value | bits.mask);
	if (range_single(bits, lo, hi, &value)) {
		range_set_const(r, value);
		return true;
	}
	r->bits = bits;
	range_set_unsigned_64(r, lo, hi);
	range_set_signed_64(r, (int64_t)lo, (int64_t)hi);
	range_set_unsigned_32(r, (uint32_t)lo, (uint32_t)hi);
	range_set_signed_32(r, (int32_t)lo, (int32_t)hi);
	return true;
}

/*
 * Linux deduces three times in a row, whatever comes of it. Where once changes nothing, the rest
 * need not be tried; nor the second clip where nothing changed since the first.
 */
void range_sync(struct range *r)
{
	struct range x, clipped, before;
	struct tnum low;

	if (range_only(r) || range_everything(r))
		return;
	if ((r->bits.value | r->bits.mask) <= INT32_MAX && range_sync_small(r))
		return;
	x = *r; /* in registers, as far as they last */
	range_clip(&x);
	clipped = before = x;
	if (!range_small(&x) && !range_deduce_small(&x)) {
		range_deduce(&x);
		for (int i = 1; i < 3 && !range_same(&before, &x); i++) {
			before = x;
			range_deduce(&x);
		}
	}
	x.bits = tnum_intersect(x.bits, tnum_range(x.umin, x.umax));
	low = tnum_intersect(tnum_subreg(x.bits), tnum_range(x.u32_min, x.u32_max));
	x.bits = tnum_with_subreg(x.bits, low);
	if (!range_same(&clipped, &x))
		range_clip(&x);
	*r = x;
}

bool range_sane(const struct range *r)
{
	uint64_t v = r->bits.value;

	if (r->umin > r->umax || r->smin > r->smax || r->u32_min > r->u32_max ||
	    r->s32_min > r->s32_max)
		return false;
	if (range_is_const(r) &&
	    (r->umin != v || r->umax != v || r->smin != (int64_t)v || r->smax != (int64_t)v))
		return false;
	return !range_is_const32(r) || (r->u32_min == (uint32_t)v && r->u32_max == (uint32_t)v &&
					r->s32_min == (int32_t)v && r->s32_max == (int32_t)v);
}

/* The whole from the lower half, the upper being 0. No sync. */
static void range_extend(struct range *r)
{
	r->bits = tnum_subreg(r->bits);
	range_set_unsigned_64(r, r->u32_min, r->u32_max);
	if (r->s32_min >= 0 && r->s32_max >= 0)
		range_set_signed_64(r, r->s32_min, r->s32_max);
	else
		range_set_signed_64(r, 0, UINT32_MAX);
}

void range_zext32(struct range *r)
{
	range_extend(r);
	range_sync(r);
}

void range_zext(struct range *r, int bytes)
{
	uint64_t keep;

	if (bytes >= 8)
		return;
	keep = (UINT64_C(1) << (bytes * 8)) - 1;
	r->bits = tnum_cast(r->bits, (unsigned int)bytes);
	if ((r->umin ^ r->umax) & ~keep)
		range_set_unsigned_64(r, 0, keep);
	else
		range_set_unsigned_64(r, r->umin & keep, r->umax & keep);
	range_set_signed_64(r, (int64_t)r->umin, (int64_t)r->umax);
	if (bytes < 4)
		range_any_32(r);
	range_sync(r);
}

static int64_t range_sign_extend(int64_t v, int bytes)
{
	int unused = 64 - bytes * 8;

	return (int64_t)((uint64_t)v << unused) >> unused;
}

/*
 * Whether all values of the signed interval from lo to hi differ in the lowest bytes alone and
 * have the same sign after extension; if so, the ends are extended.
 */
static bool range_sext_ends(int64_t *lo, int64_t *hi, int bytes)
{
	int64_t a = range_sign_extend(*lo, bytes), b = range_sign_extend(*hi, bytes);

	if ((uint64_t)(*lo ^ *hi) >> (bytes * 8) || (a < 0) != (b < 0))
		return false;
	*lo = MIN(a, b);
	*hi = MAX(a, b);
	return true;
}

static void range_sext_64(struct range *r, int bytes)
{
	int64_t lo = r->smin, hi = r->smax;

	if (range_is_const(r)) {
		range_set_const(r, (uint64_t)range_sign_extend((int64_t)range_const(r), bytes));
		return;
	}
	if (range_sext_ends(&lo, &hi, bytes)) {
		range_set_signed_64(r, lo, hi);
		range_set_unsigned_64(r, (uint64_t)lo, (uint64_t)hi);
		range_set_signed_32(r, (int32_t)lo, (int32_t)hi);
		range_set_unsigned_32(r, (uint32_t)lo, (uint32_t)hi);
		r->bits = tnum_range((uint64_t)lo, (uint64_t)hi);
		return;
	}
	range_set_unknown(r);
	hi = INT64_MAX >> (64 - bytes * 8);
	range_set_signed_64(r, -hi - 1, hi);
	range_set_signed_32(r, (int32_t)(-hi - 1), (int32_t)hi);
}

/* The lower half alone; the upper is left to range_extend(). */
static void range_sext_32(struct range *r, int bytes)
{
	int64_t lo = r->s32_min, hi = r->s32_max;

	if (range_is_const(r)) {
		r->bits = tnum_const((uint64_t)range_sign_extend((int64_t)range_const(r), bytes));
		range_only_32(r, (uint32_t)range_const(r));
		return;
	}
	if (range_sext_ends(&lo, &hi, bytes)) {
		range_set_signed_32(r, (int32_t)lo, (int32_t)hi);
		range_set_unsigned_32(r, (uint32_t)lo, (uint32_t)hi);
		r->bits = tnum_subreg(tnum_range((uint64_t)lo, (uint64_t)hi));
		return;
	}
	hi = INT64_MAX >> (64 - bytes * 8);
	range_set_signed_32(r, (int32_t)(-hi - 1), (int32_t)hi);
	range_any_unsigned_32(r);
	r->bits = tnum_subreg(tnum_unknown);
}

void range_sext(struct range *r, int bytes, bool to32)
{
	if (!to32) {
		range_sext_64(r, bytes);
		return;
	}
	range_sext_32(r, bytes);
	range_zext32(r);
}

void range_end(struct range *r, bool swap_unconditional, bool to_big, int width)
{
	if (swap_unconditional || to_big) {
		/* In the lowest bytes after a swap of all: what was there before. */
		r->bits.value = __builtin_bswap64(r->bits.value) >> (64 - width);
		r->bits.mask = __builtin_bswap64(r->bits.mask) >> (64 - width);
		range_unbound(r);
	}
	if (width < 64)
		range_zext(r, width / 8);
	range_sync(r);
}

bool range_fork(uint8_t op, struct range *dst, const struct range *src, struct range *zero)
{
	if ((op != BPF_AND && op != BPF_OR) || !range_is_const(src))
		return false;
	if (dst->smin == -1 && dst->smax == 0) {
		range_set_const(zero, 0);
		range_set_const(dst, UINT64_MAX);
		return true;
	}
	if (dst->s32_min == -1 && dst->s32_max == 0) {
		*zero = *dst;
		zero->bits = tnum_const_subreg(zero->bits, 0);
		range_only_32(zero, 0);
		dst->bits = tnum_const_subreg(dst->bits, UINT32_MAX);
		range_only_32(dst, UINT32_MAX);
		return true;
	}
	return false;
}

static void range_bitwise(uint8_t op, struct range *d, const struct range *s)
{
	d->bits = op == BPF_AND	 ? tnum_and(d->bits, s->bits)
		  : op == BPF_OR ? tnum_or(d->bits, s->bits)
				 : tnum_xor(d->bits, s->bits);
	if (range_is_const32(s) && range_is_const32(d))
		range_only_32(d, (uint32_t)d->bits.value);
	else
		range_bitwise_32(op, d, s);
	if (range_is_const(s) && range_is_const(d)) {
		range_set_const(d, range_const(d));
		return;
	}
	range_bitwise_64(op, d, s);
	range_clip(d);
}

static void range_lsh(struct range *d, unsigned int n, bool alu32)
{
	int64_t lo = d->s32_min, hi = d->s32_max;

	if (alu32) {
		range_any_signed_32(d);
		range_lshift_32(d, n);
		d->bits = tnum_subreg(tnum_lshift(tnum_subreg(d->bits), n));
		range_any_64(d);
		range_clip_32(d);
		return;
	}
	/* The first half of a sign extension by two shifts. */
	if (n == 32)
		range_set_signed_64(d, (int64_t)((uint64_t)lo << 32),
				    (int64_t)((uint64_t)hi << 32));
	else
		range_any_signed_64(d);
	range_lshift_64(d, n);
	range_any_signed_32(d);
	range_lshift_32(d, n);
	d->bits = tnum_lshift(d->bits, n);
	range_clip(d);
}

static void range_rsh(struct range *d, unsigned int n, bool alu32)
{
	if (alu32) {
		d->bits = tnum_rshift(tnum_subreg(d->bits), n);
		range_set_unsigned_32(d, d->u32_min >> n, d->u32_max >> n);
		range_any_signed_32(d);
		range_any_64(d);
		range_clip_32(d);
		return;
	}
	d->bits = tnum_rshift(d->bits, n);
	range_set_unsigned_64(d, d->umin >> n, d->umax >> n);
	range_any_signed_64(d);
	range_any_32(d);
	range_clip(d);
}

static void range_arsh(struct range *d, unsigned int n, bool alu32)
{
	if (alu32) {
		d->bits = tnum_arshift(d->bits, n, 32);
		range_set_signed_32(d, d->s32_min >> n, d->s32_max >> n);
		range_any_unsigned_32(d);
		range_any_64(d);
		range_clip_32(d);
		return;
	}
	d->bits = tnum_arshift(d->bits, n, 64);
	range_set_signed_64(d, d->smin >> n, d->smax >> n);
	range_any_unsigned_64(d);
	range_any_32(d);
	range_clip(d);
}

/* A shift is tracked by a constant, consistently known amount below the width alone. */
static bool range_shift_known(const struct range *s, bool alu32)
{
	if (alu32)
		return range_is_const32(s) && s->s32_min == s->s32_max &&
		       s->u32_min == s->u32_max && s->umax < 32;
	return range_is_const(s) && s->smin == s->smax && s->umin == s->umax && s->umax < 64;
}

/* Of two constants. A shift is by less than the width. */
static uint64_t range_compute(uint8_t op, bool alu32, uint64_t x, uint64_t y)
{
	if (op == BPF_ADD)
		x += y;
	else if (op == BPF_SUB)
		x -= y;
	else if (op == BPF_MUL)
		x *= y;
	else if (op == BPF_AND)
		x &= y;
	else if (op == BPF_OR)
		x |= y;
	else if (op == BPF_XOR)
		x ^= y;
	else if (op == BPF_NEG)
		x = -x;
	else if (op == BPF_LSH)
		x <<= y;
	else if (op == BPF_RSH)
		x = (alu32 ? (uint32_t)x : x) >> y;
	else
		x = (uint64_t)((alu32 ? (int32_t)x : (int64_t)x) >> y);
	return alu32 ? (uint32_t)x : x;
}

/* Sums and products. Their upper halves do not matter to the lower ones. */
static void range_arithmetic(uint8_t op, bool alu32, struct range *d, const struct range *s)
{
	if (op == BPF_MUL)
		d->bits = alu32 ? tnum_mul(tnum_subreg(d->bits), tnum_subreg(s->bits))
				: tnum_mul(d->bits, s->bits);
	else
		d->bits = op == BPF_ADD ? tnum_add(d->bits, s->bits) : tnum_sub(d->bits, s->bits);
	if (op == BPF_MUL)
		range_mul_32(d, s);
	else if (op == BPF_ADD)
		range_add_32(d, s);
	else
		range_sub_32(d, s);
	if (alu32)
		return;
	if (op == BPF_MUL)
		range_mul_64(d, s);
	else if (op == BPF_ADD)
		range_add_64(d, s);
	else
		range_sub_64(d, s);
}

void range_alu(uint8_t op, bool is_signed, bool alu32, struct range *dst, const struct range *src)
{
	const struct range s = *(op == BPF_NEG ? dst : src);
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	unsigned int n = (unsigned int)s.umin & (alu32 ? 31 : 63);

	(void)is_signed; /* matters to division alone */
	if (op == BPF_DIV || op == BPF_MOD || (shift && !range_shift_known(&s, alu32))) {
		range_set_unknown(dst);
		return;
	}
	if (range_only(dst) && range_only(&s)) {
		range_set_const(dst, range_compute(op, alu32, range_const(dst), s.bits.value));
		return;
	}
	switch (op) {
	case BPF_NEG:
		range_set_const(dst, 0);
		range_arithmetic(BPF_SUB, alu32, dst, &s);
		break;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
		range_arithmetic(op, alu32, dst, &s);
		break;
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		range_bitwise(op, dst, &s);
		break;
	case BPF_LSH:
		range_lsh(dst, n, alu32);
		break;
	case BPF_RSH:
		range_rsh(dst, n, alu32);
		break;
	case BPF_ARSH:
		range_arsh(dst, n, alu32);
		break;
	}
	if (alu32)
		range_extend(dst);
	range_sync(dst);
}

/*
 * Conditional jumps. Every comparison is `==`, a set bit, or `below`; the others are these with
 * the operands swapped, or the outcome inverted.
 */
struct range_compare {
	enum { RANGE_OTHER, RANGE_EQUAL, RANGE_SET, RANGE_BELOW } kind;
	bool inverted, swapped, is_signed, strict;
};

static const struct range_compare range_compares[16] = {
	[BPF_JEQ >> 4] = {.kind = RANGE_EQUAL},
	[BPF_JNE >> 4] = {.kind = RANGE_EQUAL, .inverted = true},
	[BPF_JSET >> 4] = {.kind = RANGE_SET},
	[BPF_JLT >> 4] = {.kind = RANGE_BELOW, .strict = true},
	[BPF_JLE >> 4] = {.kind = RANGE_BELOW},
	[BPF_JGT >> 4] = {.kind = RANGE_BELOW, .swapped = true, .strict = true},
	[BPF_JGE >> 4] = {.kind = RANGE_BELOW, .swapped = true},
	[BPF_JSLT >> 4] = {.kind = RANGE_BELOW, .is_signed = true, .strict = true},
	[BPF_JSLE >> 4] = {.kind = RANGE_BELOW, .is_signed = true},
	[BPF_JSGT >> 4] = {.kind = RANGE_BELOW, .is_signed = true, .swapped = true, .strict = true},
	[BPF_JSGE >> 4] = {.kind = RANGE_BELOW, .is_signed = true, .swapped = true},
};

static int range_equal(const struct range *a, const struct range *b, bool jmp32)
{
	struct tnum x = jmp32 ? tnum_subreg(a->bits) : a->bits;
	struct tnum y = jmp32 ? tnum_subreg(b->bits) : b->bits;

	if (tnum_is_const(x) && tnum_is_const(y))
		return x.value == y.value;
	if (!tnum_overlap(x, y))
		return 0;
	return range_disjoint_32(a, b) || (!jmp32 && range_disjoint_64(a, b)) ? 0 : -1;
}

/* Whether a & b has a bit set; known only for a constant b. */
static int range_common_bit(const struct range *a, const struct range *b, bool jmp32)
{
	uint64_t bits = jmp32 ? (uint32_t)b->bits.value : b->bits.value;

	if (a->bits.value & bits)
		return 1;
	return (a->bits.value | a->bits.mask) & bits ? -1 : 0;
}

static inline bool range_known(const struct range *r, bool jmp32)
{
	return jmp32 ? range_is_const32(r) : range_is_const(r);
}

int range_branch_taken(uint8_t op, bool jmp32, const struct range *a, const struct range *b)
{
	const struct range_compare *c = &range_compares[op >> 4];
	int taken = -1;

	if (c->kind == RANGE_EQUAL) {
		taken = range_equal(a, b, jmp32);
	} else if (c->kind == RANGE_SET) {
		if (range_known(b, jmp32))
			taken = range_common_bit(a, b, jmp32);
		else if (range_known(a, jmp32))
			taken = range_common_bit(b, a, jmp32);
	} else if (c->kind == RANGE_BELOW) {
		const struct range *x = c->swapped ? b : a, *y = c->swapped ? a : b;

		taken = jmp32 ? range_below_32(x, y, c->is_signed, c->strict)
			      : range_below_64(x, y, c->is_signed, c->strict);
	}
	return taken >= 0 && c->inverted ? !taken : taken;
}

static void range_learn_equal(struct range *a, struct range *b, bool jmp32)
{
	struct tnum both;

	if (jmp32) {
		range_refine_equal_32(a, b);
		both = tnum_intersect(tnum_subreg(a->bits), tnum_subreg(b->bits));
		a->bits = tnum_with_subreg(a->bits, both);
		b->bits = tnum_with_subreg(b->bits, both);
	} else {
		range_refine_equal_64(a, b);
		a->bits = b->bits = tnum_intersect(a->bits, b->bits);
	}
}

/* a & v is not 0, or it is. One of several bits that is set is not known to be any of them. */
static void range_learn_bits(struct range *a, uint64_t v, bool jmp32, bool set)
{
	struct tnum whole = jmp32 ? tnum_subreg(a->bits) : a->bits;

	if (set) {
		if (!v || (v & (v - 1)))
			return;
		whole = tnum_or(whole, tnum_const(v));
	} else {
		range_unbound(a);
		whole = tnum_and(whole, tnum_const(~v));
	}
	a->bits = jmp32 ? tnum_with_subreg(a->bits, whole) : whole;
}

static void range_learn(uint8_t op, bool jmp32, bool taken, struct range *a, struct range *b)
{
	const struct range_compare *c = &range_compares[op >> 4];
	bool positive = taken != c->inverted;

	if (c->kind == RANGE_EQUAL && positive) {
		range_learn_equal(a, b, jmp32);
	} else if (c->kind == RANGE_BELOW) {
		/* not (a < b) is b <= a */
		bool strict = c->strict == positive;
		struct range *x = c->swapped == positive ? b : a, *y = x == a ? b : a;

		if (jmp32)
			range_refine_below_32(x, y, c->is_signed, strict);
		else
			range_refine_below_64(x, y, c->is_signed, strict);
	} else if (c->kind != RANGE_OTHER) {
		struct range *value = range_known(b, jmp32) ? a : b;
		const struct range *known = value == a ? b : a;

		if (range_known(known, jmp32)) {
			if (c->kind == RANGE_SET)
				range_learn_bits(value,
						 jmp32 ? (uint32_t)known->bits.value
						       : known->bits.value,
						 jmp32, positive);
			else if (jmp32)
				range_refine_not_32(value, (uint32_t)known->bits.value);
			else
				range_refine_not_64(value, known->bits.value);
		}
	}
}

void range_refine(uint8_t op, bool jmp32, bool taken, struct range *a, struct range *b)
{
	range_learn(op, jmp32, taken, a, b);
	range_sync(a);
	range_sync(b);
}

void range_refine_by(uint8_t op, bool jmp32, bool taken, struct range *a, const struct range *b)
{
	struct range known = *b;

	range_learn(op, jmp32, taken, a, &known);
	range_sync(a);
}
