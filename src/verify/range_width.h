/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/range_width.h - interval arithmetic of one width; range.c includes it once for the whole
 * value and once for its lower half.
 *
 * The includer defines W (64 or 32), U and S (the integer types of that width) and ULO, UHI, SLO,
 * SHI (the members of struct range). Arithmetic wraps around: signed values are only compared,
 * and computed with as unsigned or by the checked built-ins.
 */
#define FN_2(name, w) range_##name##_##w
#define FN_1(name, w) FN_2(name, w)
#define FN(name)      FN_1(name, W)
#define SIGN	      ((U)1 << (W - 1))

static inline void FN(clip_unsigned)(struct range *r, U lo, U hi)
{
	r->ULO = MAX(r->ULO, lo);
	r->UHI = MIN(r->UHI, hi);
}

static inline void FN(clip_signed)(struct range *r, S lo, S hi)
{
	r->SLO = MAX(r->SLO, lo);
	r->SHI = MIN(r->SHI, hi);
}

static inline void FN(set_unsigned)(struct range *r, U lo, U hi)
{
	r->ULO = lo;
	r->UHI = hi;
}

static inline void FN(set_signed)(struct range *r, S lo, S hi)
{
	r->SLO = lo;
	r->SHI = hi;
}

static inline void FN(any_unsigned)(struct range *r)
{
	FN(set_unsigned)(r, 0, (U)-1);
}

static inline void FN(any_signed)(struct range *r)
{
	FN(set_signed)(r, (S)SIGN, (S)(SIGN - 1));
}

static inline void FN(any)(struct range *r)
{
	FN(any_unsigned)(r);
	FN(any_signed)(r);
}

/* The intervals of one value; the known bits are left to the caller. */
static inline void FN(only)(struct range *r, U v)
{
	FN(set_unsigned)(r, v, v);
	FN(set_signed)(r, (S)v, (S)v);
}

/* Smallest and largest value with these known bits; signed, the sign bit decides first. */
static inline void FN(clip_to_bits)(struct range *r, U value, U mask)
{
	FN(clip_signed)(r, (S)(value | (mask & SIGN)), (S)(value | (mask & ~SIGN)));
	FN(clip_unsigned)(r, value, value | mask);
}

/*
 * The unsigned and the signed interval are arcs of one circle that is cut open in two places. An
 * arc that does not contain the other's cut is an interval of the other kind, too:
 *
 *      unsigned  0 ......... max/2 | max/2+1 ....... max      cut: max | 0
 *      signed    0 ......... max   | min ........... -1       cut: max | min
 *
 * If the signed arc contains 0 and -1 it is two unsigned intervals, at both ends; still, if the
 * unsigned arc misses one of them entirely, the other one is what is left.
 */
static inline void FN(exchange_signs)(struct range *r)
{
	if ((S)r->ULO <= (S)r->UHI)
		FN(clip_signed)(r, (S)r->ULO, (S)r->UHI);
	if ((U)r->SLO <= (U)r->SHI) {
		FN(clip_unsigned)(r, (U)r->SLO, (U)r->SHI);
	} else if (r->UHI < (U)r->SLO) {
		r->SLO = (S)r->ULO;
		r->UHI = MIN(r->UHI, (U)r->SHI);
	} else if ((U)r->SHI < r->ULO) {
		r->SHI = (S)r->UHI;
		r->ULO = MAX(r->ULO, (U)r->SLO);
	}
}

static inline void FN(add)(struct range *d, const struct range *s)
{
	S lo, hi;
	U ulo, uhi;
	bool lo_wraps = __builtin_add_overflow(d->ULO, s->ULO, &ulo);
	bool hi_wraps = __builtin_add_overflow(d->UHI, s->UHI, &uhi);

	/* All sums wrap around or none does: either way they remain one interval. */
	if (hi_wraps && !lo_wraps)
		FN(any_unsigned)(d);
	else
		FN(set_unsigned)(d, ulo, uhi);
	if (__builtin_add_overflow(d->SLO, s->SLO, &lo) ||
	    __builtin_add_overflow(d->SHI, s->SHI, &hi))
		FN(any_signed)(d);
	else
		FN(set_signed)(d, lo, hi);
}

static inline void FN(sub)(struct range *d, const struct range *s)
{
	S lo, hi;
	U ulo, uhi;
	bool lo_wraps = __builtin_sub_overflow(d->ULO, s->UHI, &ulo);
	bool hi_wraps = __builtin_sub_overflow(d->UHI, s->ULO, &uhi);

	if (lo_wraps && !hi_wraps)
		FN(any_unsigned)(d);
	else
		FN(set_unsigned)(d, ulo, uhi);
	if (__builtin_sub_overflow(d->SLO, s->SHI, &lo) ||
	    __builtin_sub_overflow(d->SHI, s->SLO, &hi))
		FN(any_signed)(d);
	else
		FN(set_signed)(d, lo, hi);
}

static inline void FN(mul)(struct range *d, const struct range *s)
{
	S corner[4], lo, hi;
	U ulo, uhi;

	if (__builtin_mul_overflow(d->UHI, s->UHI, &uhi) ||
	    __builtin_mul_overflow(d->ULO, s->ULO, &ulo))
		FN(any_unsigned)(d);
	else
		FN(set_unsigned)(d, ulo, uhi);

	/* A product is extreme where both factors are, whatever their signs. */
	if (__builtin_mul_overflow(d->SLO, s->SLO, &corner[0]) ||
	    __builtin_mul_overflow(d->SLO, s->SHI, &corner[1]) ||
	    __builtin_mul_overflow(d->SHI, s->SLO, &corner[2]) ||
	    __builtin_mul_overflow(d->SHI, s->SHI, &corner[3])) {
		FN(any_signed)(d);
		return;
	}
	lo = hi = corner[0];
	for (int i = 1; i < 4; i++) {
		lo = MIN(lo, corner[i]);
		hi = MAX(hi, corner[i]);
	}
	FN(set_signed)(d, lo, hi);
}

/*
 * The result of AND, OR, XOR, whose known bits d has already. An AND is at most as large as either
 * operand, an OR at least; for the rest the bits know best. The signed interval follows from the
 * unsigned one, if that does not contain the cut.
 */
static inline void FN(bitwise)(uint8_t op, struct range *d, const struct range *s)
{
	U lo = (U)d->bits.value, hi = (U)(d->bits.value | d->bits.mask);

	if (op == BPF_AND)
		hi = MIN(d->UHI, s->UHI);
	else if (op == BPF_OR)
		lo = MAX(d->ULO, s->ULO);
	FN(set_unsigned)(d, lo, hi);
	if ((S)lo <= (S)hi)
		FN(set_signed)(d, (S)lo, (S)hi);
	else
		FN(any_signed)(d);
}

/* Left shift, if no bit that may be 1 is lost. */
static inline void FN(lshift)(struct range *d, unsigned int n)
{
	if (n >= W || d->UHI > (U)1 << (W - 1 - n))
		FN(any_unsigned)(d);
	else
		FN(set_unsigned)(d, d->ULO << n, d->UHI << n);
}

/* a == b: both become what they share. */
static inline void FN(refine_equal)(struct range *a, struct range *b)
{
	FN(clip_unsigned)(a, b->ULO, b->UHI);
	FN(clip_signed)(a, b->SLO, b->SHI);
	FN(set_unsigned)(b, a->ULO, a->UHI);
	FN(set_signed)(b, a->SLO, a->SHI);
}

/* a != v tells something only where v is an end of the interval. */
static inline void FN(refine_not)(struct range *a, U v)
{
	if (a->ULO == v)
		a->ULO++;
	if (a->UHI == v)
		a->UHI--;
	if (a->SLO == (S)v)
		a->SLO = (S)((U)a->SLO + 1);
	if (a->SHI == (S)v)
		a->SHI = (S)((U)a->SHI - 1);
}

/* a <= b; strict: a < b. The second step sees the outcome of the first. */
static inline void FN(refine_below)(struct range *a, struct range *b, bool is_signed, bool strict)
{
	if (is_signed) {
		a->SHI = MIN(a->SHI, (S)((U)b->SHI - strict));
		b->SLO = MAX(b->SLO, (S)((U)a->SLO + strict));
	} else {
		a->UHI = MIN(a->UHI, (U)(b->UHI - strict));
		b->ULO = MAX(b->ULO, (U)(a->ULO + strict));
	}
}

static inline bool FN(disjoint)(const struct range *a, const struct range *b)
{
	return a->ULO > b->UHI || a->UHI < b->ULO || a->SLO > b->SHI || a->SHI < b->SLO;
}

/* Whether a < b (strict) or a <= b: 1 always, 0 never, -1 sometimes. */
static inline int FN(below)(const struct range *a, const struct range *b, bool is_signed,
			    bool strict)
{
	bool always, never;

	if (is_signed) {
		always = strict ? a->SHI < b->SLO : a->SHI <= b->SLO;
		never = strict ? a->SLO >= b->SHI : a->SLO > b->SHI;
	} else {
		always = strict ? a->UHI < b->ULO : a->UHI <= b->ULO;
		never = strict ? a->ULO >= b->UHI : a->ULO > b->UHI;
	}
	return always ? 1 : never ? 0 : -1;
}

#undef FN
#undef FN_1
#undef FN_2
#undef SIGN
#undef W
#undef U
#undef S
#undef ULO
#undef UHI
#undef SLO
#undef SHI
