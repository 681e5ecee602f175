/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of ranges: whatever is done with the values of two sets, the outcome is in the range
 * that is computed from the ranges of the sets.
 *
 * Small sets are tried exhaustively, placed where 64-bit arithmetic is special (around zero, the
 * signs, the border of the halves). The same run counts how many parts of a result are as narrow as
 * they could be; that number must neither fall nor rise: it is the kernel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/bpf.h>

#include "verify/range.h"

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static bool sampled(void)
{
	return getenv("VISOR_SANITIZED") != NULL;
}

static bool tnum_has(struct tnum t, uint64_t v)
{
	return !((v ^ t.value) & ~t.mask);
}

static bool contains(const struct range *r, uint64_t v)
{
	return tnum_has(r->bits, v) && r->umin <= v && v <= r->umax && r->smin <= (int64_t)v &&
	       (int64_t)v <= r->smax && r->u32_min <= (uint32_t)v && (uint32_t)v <= r->u32_max &&
	       r->s32_min <= (int32_t)v && (int32_t)v <= r->s32_max;
}

static void require(const struct range *r, uint64_t v, const char *what, uint64_t x, uint64_t y)
{
	if (!contains(r, v))
		fail_msg("%s: %#llx, %#llx give %#llx, not in u [%#llx, %#llx] s [%#llx, %#llx] "
			 "u32 [%#x, "
			 "%#x] s32 [%#x, %#x] bits %#llx/%#llx",
			 what, (unsigned long long)x, (unsigned long long)y, (unsigned long long)v,
			 (unsigned long long)r->umin, (unsigned long long)r->umax,
			 (unsigned long long)r->smin, (unsigned long long)r->smax, r->u32_min,
			 r->u32_max, (unsigned)r->s32_min, (unsigned)r->s32_max,
			 (unsigned long long)r->bits.value, (unsigned long long)r->bits.mask);
}

/* The narrowest range of n values, part by part. */
static struct range narrowest(const uint64_t *v, size_t n)
{
	struct range r;

	range_set_const(&r, v[0]);
	for (size_t i = 1; i < n; i++) {
		r.bits = tnum_union(r.bits, tnum_const(v[i]));
		r.umin = MIN(r.umin, v[i]);
		r.umax = MAX(r.umax, v[i]);
		r.smin = MIN(r.smin, (int64_t)v[i]);
		r.smax = MAX(r.smax, (int64_t)v[i]);
		r.u32_min = MIN(r.u32_min, (uint32_t)v[i]);
		r.u32_max = MAX(r.u32_max, (uint32_t)v[i]);
		r.s32_min = MIN(r.s32_min, (int32_t)v[i]);
		r.s32_max = MAX(r.s32_max, (int32_t)v[i]);
	}
	return r;
}

static int exact_parts(const struct range *a, const struct range *best)
{
	return (a->bits.value == best->bits.value && a->bits.mask == best->bits.mask) +
	       (a->umin == best->umin) + (a->umax == best->umax) + (a->smin == best->smin) +
	       (a->smax == best->smax) + (a->u32_min == best->u32_min) +
	       (a->u32_max == best->u32_max) + (a->s32_min == best->s32_min) +
	       (a->s32_max == best->s32_max);
}

/* What the instruction does. */
static uint64_t execute(uint8_t op, bool is_signed, bool alu32, uint64_t x, uint64_t y)
{
	unsigned int width = alu32 ? 32 : 64, n = (unsigned int)y & (width - 1);
	int64_t sx = alu32 ? (int32_t)x : (int64_t)x, sy = alu32 ? (int32_t)y : (int64_t)y;

	if (alu32) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (op) {
	case BPF_ADD:
		x += y;
		break;
	case BPF_SUB:
		x -= y;
		break;
	case BPF_MUL:
		x *= y;
		break;
	case BPF_DIV:
		x = !y ? 0 : !is_signed ? x / y : sy == -1 ? -x : (uint64_t)(sx / sy);
		break;
	case BPF_MOD:
		x = !y ? x : !is_signed ? x % y : sy == -1 ? 0 : (uint64_t)(sx % sy);
		break;
	case BPF_AND:
		x &= y;
		break;
	case BPF_OR:
		x |= y;
		break;
	case BPF_XOR:
		x ^= y;
		break;
	case BPF_LSH:
		x <<= n;
		break;
	case BPF_RSH:
		x >>= n;
		break;
	case BPF_ARSH:
		x = (uint64_t)(sx >> n);
		break;
	case BPF_NEG:
		x = -x;
		break;
	}
	return alu32 ? (uint32_t)x : x;
}

static bool holds(uint8_t op, bool jmp32, uint64_t x, uint64_t y)
{
	int64_t sx = jmp32 ? (int32_t)x : (int64_t)x, sy = jmp32 ? (int32_t)y : (int64_t)y;

	if (jmp32) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (op) {
	case BPF_JEQ:
		return x == y;
	case BPF_JNE:
		return x != y;
	case BPF_JSET:
		return x & y;
	case BPF_JGT:
		return x > y;
	case BPF_JGE:
		return x >= y;
	case BPF_JLT:
		return x < y;
	case BPF_JLE:
		return x <= y;
	case BPF_JSGT:
		return sx > sy;
	case BPF_JSGE:
		return sx >= sy;
	case BPF_JSLT:
		return sx < sy;
	default:
		return sx <= sy;
	}
}

static const uint8_t jumps[] = {BPF_JEQ, BPF_JNE,  BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
				BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};

/*
 * Operations with the number of exact parts of their results, over all pairs of small sets, 64 and
 * 32 bit. Of division nothing is known, hence the few.
 */
static const struct {
	const char *name;
	uint8_t op;
	bool is_signed;
	unsigned long exact[2];
} operations[] = {
	{"add", BPF_ADD, false, {2231331, 1862422}}, {"sub", BPF_SUB, false, {2204666, 1859424}},
	{"mul", BPF_MUL, false, {1343037, 1494671}}, {"div", BPF_DIV, false, {494844, 532098}},
	{"sdiv", BPF_DIV, true, {638378, 541524}},   {"mod", BPF_MOD, false, {417429, 458536}},
	{"smod", BPF_MOD, true, {596364, 522485}},   {"and", BPF_AND, false, {1974636, 2096099}},
	{"or", BPF_OR, false, {1649584, 1852409}},   {"xor", BPF_XOR, false, {1011831, 1203441}},
	{"lsh", BPF_LSH, false, {549901, 443125}},   {"rsh", BPF_RSH, false, {512305, 449533}},
	{"arsh", BPF_ARSH, false, {690229, 532114}}, {"neg", BPF_NEG, false, {8077, 8058}},
};

/* Sets of up to 8 neighbours, and their ranges. */
enum { PLACES = 7, SETS = 255 };

struct set {
	uint64_t values[8];
	size_t n;
	struct range range;
};

static struct set sets[PLACES * SETS];
static size_t n_sets;

static uint64_t place(int where, unsigned int i)
{
	switch (where) {
	case 0:
		return (uint64_t)i - 4;
	case 1:
		return UINT64_C(0x7ffffffc) + i;
	case 2:
		return UINT64_C(0xfffffffc) + i;
	case 3:
		return UINT64_C(0x7ffffffffffffffc) + i;
	case 4:
		return (uint64_t)i << 30;
	case 5:
		return (uint64_t)i << 61 | 5;
	default:
		return UINT64_C(0xffffffff7ffffffc) + i;
	}
}

static int make_sets(void **state)
{
	for (int where = 0; where < PLACES; where++) {
		size_t first = n_sets;

		for (unsigned int members = 1; members < 256; members++) {
			struct set *s = &sets[n_sets];
			size_t same;

			s->n = 0;
			for (unsigned int i = 0; i < 8; i++)
				if (members >> i & 1)
					s->values[s->n++] = place(where, i);
			s->range = narrowest(s->values, s->n);
			range_sync(&s->range);
			for (size_t i = 0; i < s->n; i++)
				require(&s->range, s->values[i], "sync", s->values[i], 0);
			for (same = first; same < n_sets; same++)
				if (!memcmp(&sets[same].range, &s->range, sizeof(s->range)))
					break;
			if (same < n_sets && sets[same].n < s->n)
				sets[same] = *s;
			else if (same == n_sets)
				n_sets++;
		}
	}
	return 0;
}

static unsigned long small_pairs(unsigned int op, bool alu32, size_t stride)
{
	bool unary = operations[op].op == BPF_NEG;
	unsigned long exact = 0;

	for (size_t i = 0; i < n_sets; i++) {
		for (size_t j = unary ? 0 : i % stride; j < (unary ? 1 : n_sets); j += stride) {
			const struct set *a = &sets[i], *b = &sets[j];
			struct range r = a->range, best;
			uint64_t results[64];
			size_t n = 0;

			range_alu(operations[op].op, operations[op].is_signed, alu32, &r,
				  &b->range);
			for (size_t x = 0; x < a->n; x++) {
				for (size_t y = 0; y < b->n; y++) {
					results[n] =
						execute(operations[op].op, operations[op].is_signed,
							alu32, a->values[x], b->values[y]);
					if (!contains(&r, results[n]))
						require(&r, results[n], operations[op].name,
							a->values[x], b->values[y]);
					n++;
				}
			}
			best = narrowest(results, n);
			exact += (unsigned long)exact_parts(&r, &best);
		}
	}
	return exact;
}

static void operations_on_small_sets(void **state)
{
	size_t stride = sampled() ? 41 : 3;
	bool other = false;

	for (unsigned int op = 0; op < ARRAY_SIZE(operations); op++) {
		unsigned long exact[2] = {small_pairs(op, false, stride),
					  small_pairs(op, true, stride)};

		if (sampled())
			continue;
		print_message("%s: %lu, %lu\n", operations[op].name, exact[0], exact[1]);
		other |= exact[0] != operations[op].exact[0] || exact[1] != operations[op].exact[1];
	}
	assert_false(other);
}

/* What a jump tells must hold for the pairs that take it, and a certain one must be certain. */
static void jump_on(const uint64_t *xs, size_t nx, const struct range *a, const uint64_t *ys,
		    size_t ny, const struct range *b, uint8_t op, bool jmp32)
{
	int taken = range_branch_taken(op, jmp32, a, b);

	for (int outcome = 0; outcome < 2; outcome++) {
		struct range ra = *a, rb = *b;

		range_refine(op, jmp32, outcome, &ra, &rb);
		for (size_t i = 0; i < nx; i++) {
			for (size_t j = 0; j < ny; j++) {
				if (holds(op, jmp32, xs[i], ys[j]) != outcome)
					continue;
				if (taken == !outcome)
					fail_msg("jump %#x: %#llx, %#llx", op,
						 (unsigned long long)xs[i],
						 (unsigned long long)ys[j]);
				if (!contains(&ra, xs[i]) || !contains(&rb, ys[j])) {
					require(&ra, xs[i], "left of a jump", xs[i], ys[j]);
					require(&rb, ys[j], "right of a jump", xs[i], ys[j]);
				}
			}
		}
	}
}

static void jumps_on_small_sets(void **state)
{
	size_t stride = sampled() ? 83 : 7;

	for (size_t i = 0; i < n_sets; i++)
		for (size_t j = i % stride; j < n_sets; j += stride)
			for (size_t k = 0; k < 2 * ARRAY_SIZE(jumps); k++)
				jump_on(sets[i].values, sets[i].n, &sets[i].range, sets[j].values,
					sets[j].n, &sets[j].range, jumps[k / 2], k % 2);
}

static uint64_t random_value(uint64_t base)
{
	switch (rnd() % 6) {
	case 0:
		return base;
	case 1:
		return base + rnd() % 16;
	case 2:
		return base ^ UINT64_C(1) << rnd() % 64;
	case 3:
		return base + (rnd() >> rnd() % 64);
	case 4:
		return (UINT64_C(1) << rnd() % 64) - rnd() % 3;
	default:
		return rnd() >> rnd() % 64;
	}
}

/* A set of up to four values in a range that knows some parts of what there is to know. */
static size_t random_set(uint64_t *v, struct range *r)
{
	size_t n = 1 + rnd() % 4;
	struct range best;
	uint64_t knows = rnd();

	v[0] = random_value(rnd() % 3 ? 0 : rnd());
	for (size_t i = 1; i < n; i++)
		v[i] = random_value(v[0]);
	best = narrowest(v, n);
	range_set_unknown(r);
	if (knows & 1)
		r->bits = best.bits;
	if (knows & 2) {
		r->umin = best.umin;
		r->umax = best.umax;
	}
	if (knows & 4) {
		r->smin = best.smin;
		r->smax = best.smax;
	}
	if (knows & 8) {
		r->u32_min = best.u32_min;
		r->u32_max = best.u32_max;
	}
	if (knows & 16) {
		r->s32_min = best.s32_min;
		r->s32_max = best.s32_max;
	}
	range_sync(r);
	for (size_t i = 0; i < n; i++)
		require(r, v[i], "sync", v[i], 0);
	assert_true(range_sane(r));
	return n;
}

static int rounds(void)
{
	return sampled() ? 5000 : 200000;
}

static void operations_on_random_sets(void **state)
{
	for (int round = 0; round < rounds(); round++) {
		uint64_t xs[4], ys[4];
		struct range a, b, r, zero;
		size_t nx = random_set(xs, &a), ny = random_set(ys, &b);
		unsigned int op = (unsigned int)(rnd() % ARRAY_SIZE(operations));
		bool alu32 = rnd() % 2;

		if (rnd() % 3 == 0) {
			ys[0] = operations[op].op >= BPF_LSH ? ys[0] % 64 : ys[0];
			range_set_const(&b, ys[0]);
			ny = 1;
		}
		r = a;
		range_alu(operations[op].op, operations[op].is_signed, alu32, &r, &b);
		for (size_t i = 0; i < nx * ny; i++)
			require(&r,
				execute(operations[op].op, operations[op].is_signed, alu32,
					xs[i / ny], ys[i % ny]),
				operations[op].name, xs[i / ny], ys[i % ny]);
		if (range_fork(operations[op].op, &a, &b, &zero))
			for (size_t i = 0; i < nx; i++)
				assert_true(contains(&a, xs[i]) || contains(&zero, xs[i]));
	}
}

static void jumps_on_random_sets(void **state)
{
	for (int round = 0; round < rounds(); round++) {
		uint64_t xs[4], ys[4];
		struct range a, b;
		size_t nx = random_set(xs, &a), ny = random_set(ys, &b);

		if (rnd() % 2) {
			range_set_const(&b, ys[0]);
			ny = 1;
		}
		jump_on(xs, nx, &a, ys, ny, &b, jumps[rnd() % ARRAY_SIZE(jumps)], rnd() % 2);
	}
}

static uint64_t swapped(uint64_t v, int width)
{
	return __builtin_bswap64(v) >> (64 - width);
}

static void conversions(void **state)
{
	for (int round = 0; round < rounds(); round++) {
		static const int bytes[] = {1, 2, 4};
		uint64_t v[4];
		struct range r, c;
		size_t n = random_set(v, &r);

		for (size_t k = 0; k < 3; k++) {
			int unused = 64 - 8 * bytes[k];

			for (int form = 0; form < (bytes[k] < 4 ? 3 : 2); form++) {
				c = r;
				if (!form)
					range_zext(&c, bytes[k]);
				else
					range_sext(&c, bytes[k], form == 2);
				for (size_t i = 0; i < n; i++) {
					uint64_t u = v[i] << unused >> unused;
					uint64_t s =
						(uint64_t)((int64_t)(v[i] << unused) >> unused);

					require(&c,
						form == 0   ? u
						: form == 1 ? s
							    : (uint32_t)s,
						"extension", v[i], (uint64_t)bytes[k]);
				}
			}
			for (int form = 0; form < 3; form++) {
				int width = 16 << k;

				c = r;
				range_end(&c, form == 2, form == 1, width);
				for (size_t i = 0; i < n; i++)
					require(&c,
						form ? swapped(v[i], width)
						     : v[i] << (64 - width) >> (64 - width),
						"byte order", v[i], (uint64_t)width);
			}
		}
		c = r;
		range_zext32(&c);
		for (size_t i = 0; i < n; i++)
			require(&c, (uint32_t)v[i], "zext32", v[i], 0);
		range_unbound(&r);
		for (size_t i = 0; i < n; i++)
			require(&r, v[i], "unbound", v[i], 0);
	}
}

/* All tnums of four bits. */
static size_t small_tnums(struct tnum *t)
{
	size_t n = 0;

	for (uint64_t mask = 0; mask < 16; mask++)
		for (uint64_t value = 0; value < 16; value++)
			if (!(value & mask))
				t[n++] = (struct tnum){value, mask};
	return n;
}

/* Known bits of all outcomes, which add to xor are known to find; mul finds less. */
static void operations_on_bits(void **state)
{
	struct tnum t[81];

	assert_int_equal(small_tnums(t), 81);
	for (size_t i = 0; i < 81 * 81; i++) {
		struct tnum a = t[i / 81], b = t[i % 81];
		struct tnum got[] = {tnum_add(a, b),   tnum_sub(a, b), tnum_and(a, b),
				     tnum_or(a, b),    tnum_xor(a, b), tnum_mul(a, b),
				     tnum_union(a, b), tnum_neg(a)};
		struct tnum best[ARRAY_SIZE(got)];
		bool any[ARRAY_SIZE(got)] = {0}, overlap = false, in = true;

		for (uint64_t k = 0; k < 256; k++) {
			uint64_t x = k / 16, y = k % 16;

			if (tnum_has(b, y) && !tnum_has(a, y))
				in = false;
			if (!tnum_has(a, x) || !tnum_has(b, y))
				continue;
			overlap |= x == y;
			for (size_t o = 0; o < ARRAY_SIZE(got); o++) {
				uint64_t out[] = {x + y, x - y, x & y, x | y, x ^ y, x * y, x, -x};
				struct tnum r = tnum_const(out[o]);

				if (o == 6)
					r = tnum_union(r, tnum_const(y));
				best[o] = any[o] ? tnum_union(best[o], r) : r;
				any[o] = true;
			}
		}
		for (size_t o = 0; o < ARRAY_SIZE(got); o++) {
			assert_true(tnum_in(got[o], best[o]));
			assert_true(o == 5 || !memcmp(&got[o], &best[o], sizeof(best[o])));
		}
		assert_int_equal(tnum_overlap(a, b), overlap);
		assert_int_equal(tnum_in(a, b), in);
		for (uint64_t x = 0; x < 16 && overlap; x++)
			assert_int_equal(tnum_has(tnum_intersect(a, b), x),
					 tnum_has(a, x) && tnum_has(b, x));
	}
}

/* Where one value of an interval has the known bits, it is found to be the only one. */
static void the_only_value(void **state)
{
	struct tnum t[81];
	size_t n = small_tnums(t);

	for (size_t i = 0; i < n; i++) {
		for (uint64_t k = 0; k < 256; k++) {
			struct range r;
			size_t members = 0;
			uint64_t last = 0;

			range_set_unknown(&r);
			r.bits = t[i];
			r.umin = k / 16;
			r.umax = k % 16;
			for (uint64_t v = r.umin; v <= r.umax; v++)
				if (tnum_has(t[i], v)) {
					members++;
					last = v;
				}
			range_sync(&r);
			if (!members)
				continue;
			require(&r, last, "sync", last, 0);
			assert_int_equal(range_is_const(&r), members == 1);
			assert_int_equal(r.umax >= last, true);
		}
	}
}

static void parts(void **state)
{
	struct range r, wide;

	range_set_const32(&r, UINT32_MAX);
	assert_true(range_is_const(&r) && range_is_const32(&r) && range_sane(&r));
	assert_int_equal(range_const(&r), UINT32_MAX);
	assert_int_equal(r.s32_min, -1);
	range_set_unknown(&wide);
	assert_false(range_is_const32(&wide));
	assert_true(range_within(&wide, &r) && range_within(&r, &r));
	assert_false(range_within(&r, &wide));
	r.umin = UINT64_MAX;
	assert_false(range_sane(&r));
	assert_true(tnum_is_aligned((struct tnum){8, 16}, 8) && tnum_is_aligned(tnum_const(3), 0));
	assert_false(tnum_is_aligned((struct tnum){8, 4}, 8));
	assert_int_equal(tnum_range(0x1200, 0x12ff).mask, 0xff);
	assert_int_equal(tnum_range(0, UINT64_MAX).mask, UINT64_MAX);
	assert_int_equal(tnum_const_subreg(tnum_unknown, 7).mask, UINT64_C(0xffffffff) << 32);
	assert_int_equal(tnum_cast(tnum_unknown, 8).mask, UINT64_MAX);
	assert_int_equal(tnum_cast(tnum_unknown, 1).mask, 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(operations_on_bits),
		cmocka_unit_test(the_only_value),
		cmocka_unit_test(operations_on_small_sets),
		cmocka_unit_test(jumps_on_small_sets),
		cmocka_unit_test(operations_on_random_sets),
		cmocka_unit_test(jumps_on_random_sets),
		cmocka_unit_test(conversions),
	};

	return cmocka_run_group_tests(tests, make_sets, NULL);
}
