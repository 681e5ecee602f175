/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/claims.c - what states say, against what a run sees (claims.h).
 *
 * Ids are numbered anew in each record, in the order in which they are found: records that say the
 * same are the same. Where there are too many, those that differ in ranges alone are joined.
 */
#include "claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RECORDS_MAX = 200, /* of each instruction */
	CLAIMS_MAX = 11 + VERIFY_MAX_FRAMES * (4 + VERIFY_SLOTS),
	IDS_MAX = CLAIMS_MAX,
	STATES_MAX = 60000,
	VARIABLE_MAX = 4096, /* offsets that are tried one by one */
};

enum claim_kind {
	CLAIM_REG,   /* at: its number */
	CLAIM_SPILL, /* at: the slot; bytes: how many from its lowest address on */
	CLAIM_ZERO,  /* at: the slot; bytes: which, one bit each */
};

struct claim {
	uint8_t kind, frame, at, bytes;
	struct reg reg; /* id: numbered anew */
};

struct record {
	uint64_t hash;
	uint16_t n, cur;
	bool root; /* frame 0 is the main program's */
	struct claim claims[];
};

struct list {
	struct record **records;
	uint32_t n, cap, last; /* last: the one that held */
	bool open;
};

/* Where the value of an id is seen first. */
struct seen {
	bool set, wide, null_set, null;
	uint64_t value;
};

struct claims_stats claims_stats;
static struct list lists[PROGRAMS_MAX];
static struct map *const *maps;
static unsigned long observed;
static struct {
	uint32_t id[IDS_MAX], n;
} ids;

/* ---- recording --------------------------------------------------------------------------- */

void claims_reset(uint32_t n_insns, struct map *const *by_id)
{
	maps = by_id;
	observed = 0;
	for (uint32_t i = 0; i < n_insns; i++) {
		for (uint32_t k = 0; k < lists[i].n; k++)
			free(lists[i].records[k]);
		lists[i].n = lists[i].last = 0;
		lists[i].open = false;
	}
}

void claims_open(uint32_t n_insns)
{
	for (uint32_t i = 0; i < n_insns; i++)
		lists[i].open = true;
}

void claims_free(void)
{
	claims_reset(PROGRAMS_MAX, NULL);
	for (uint32_t i = 0; i < PROGRAMS_MAX; i++)
		free(lists[i].records);
	memset(lists, 0, sizeof(lists));
}

static uint32_t number_of(uint32_t id)
{
	uint32_t i;

	if (!id)
		return 0;
	for (i = 0; i < ids.n && ids.id[i] != id; i++)
		;
	if (i == ids.n)
		ids.id[ids.n++] = id;
	return i + 1;
}

static struct reg plain(const struct reg *from)
{
	bool tied = from->type == R_SCALAR || from->flags & F_NULL;
	struct reg r;

	memset(&r, 0, sizeof(r));
	r.type = from->type;
	r.frame = from->type == R_STACK ? from->frame : 0;
	r.flags = from->flags;
	r.var = from->var;
	r.off = from->type == R_SCALAR && !(from->id & ID_ADD_CONST) ? 0 : from->off;
	if (tied)
		r.id = number_of(from->id & ~ID_ADD_CONST) | (from->id & ID_ADD_CONST);
	if (from->type == R_PACKET || from->type == R_PACKET_META)
		r.range = from->range;
	else if (from->type == R_MAP_VALUE || from->type == R_MAP_PTR || from->type == R_MAP_KEY)
		r.map = from->map;
	else if (from->type == R_MEM)
		r.mem_size = from->mem_size;
	return r;
}

static void claim(struct record *rec, enum claim_kind kind, uint32_t frame, uint32_t at,
		  uint32_t bytes, const struct reg *reg)
{
	struct claim *c = &rec->claims[rec->n++];

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)kind;
	c->frame = (uint8_t)frame;
	c->at = (uint8_t)at;
	c->bytes = (uint8_t)bytes;
	if (reg)
		c->reg = plain(reg);
}

static void claim_slot(struct record *rec, uint32_t frame, uint32_t at, const struct slot *slot)
{
	uint32_t spilled = 0, zero = 0;

	for (uint32_t b = 0; b < SLOT_BYTES; b++) {
		spilled += slot->kind[b] == SLOT_SPILL && spilled == b;
		zero |= (uint32_t)(slot->kind[b] == SLOT_ZERO) << b;
	}
	if (spilled)
		claim(rec, CLAIM_SPILL, frame, at, spilled, &slot->reg);
	if (zero)
		claim(rec, CLAIM_ZERO, frame, at, zero, NULL);
}

static void claim_all(struct record *rec, const struct state *s)
{
	ids.n = 0;
	rec->cur = (uint16_t)s->cur;
	rec->root = !s->frame[0]->subprog;
	for (uint32_t f = 0; f <= s->cur; f++) {
		const struct frame *frame = s->frame[f];
		/* What a caller keeps; those that a helper calls back keep it elsewhere. */
		uint32_t first = f == s->cur ? 0 : 6, end = f == s->cur ? 11 : 10;

		if (f < s->cur && s->frame[f + 1]->callback)
			end = 0;
		for (uint32_t i = first; i < end; i++)
			if (frame->regs[i].type != R_NOT_INIT)
				claim(rec, CLAIM_REG, f, i, 8, &frame->regs[i]);
		for (uint32_t i = 0; i < frame->n_slots; i++)
			claim_slot(rec, f, i, &frame->slots[i]);
	}
}

static void join(struct range *a, const struct range *b)
{
	uint64_t unknown = a->bits.mask | b->bits.mask | (a->bits.value ^ b->bits.value);

	a->bits = (struct tnum){a->bits.value & ~unknown, unknown};
	a->umin = MIN(a->umin, b->umin);
	a->umax = MAX(a->umax, b->umax);
	a->smin = MIN(a->smin, b->smin);
	a->smax = MAX(a->smax, b->smax);
	a->u32_min = MIN(a->u32_min, b->u32_min);
	a->u32_max = MAX(a->u32_max, b->u32_max);
	a->s32_min = MIN(a->s32_min, b->s32_min);
	a->s32_max = MAX(a->s32_max, b->s32_max);
}

/* But for ranges. */
static bool alike(const struct record *a, const struct record *b)
{
	if (a->n != b->n || a->cur != b->cur || a->root != b->root)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct claim *x = &a->claims[i], *y = &b->claims[i];

		if (memcmp(x, y, offsetof(struct claim, reg)) ||
		    memcmp(&x->reg, &y->reg, offsetof(struct reg, var)) || x->reg.id != y->reg.id)
			return false;
	}
	return true;
}

static uint64_t hash_of(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t h = 14695981039346656037u;

	for (; size >= 8; size -= 8, p += 8) {
		h = (h ^ get_u64(p)) * 1099511628211u;
		h ^= h >> 29;
	}
	for (; size; size--)
		h = (h ^ *p++) * 1099511628211u;
	return h;
}

static int keep(struct list *list, const struct record *r)
{
	size_t size = sizeof(*r) + r->n * sizeof(r->claims[0]);
	struct record *copy;

	for (uint32_t i = 0; i < list->n; i++)
		if (list->records[i]->hash == r->hash && alike(list->records[i], r) &&
		    !memcmp(list->records[i], r, size))
			return 0;
	for (uint32_t i = 0; list->n == RECORDS_MAX && i < list->n; i++) {
		if (!alike(list->records[i], r))
			continue;
		for (uint32_t k = 0; k < r->n; k++)
			join(&list->records[i]->claims[k].reg.var, &r->claims[k].reg.var);
		return 0;
	}
	if (list->n == RECORDS_MAX) {
		list->open = true;
		return 0;
	}
	if (list->n == list->cap) {
		uint32_t cap = list->cap ? 2 * list->cap : 4;
		struct record **more = realloc(list->records, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->records = more;
		list->cap = cap;
	}
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, r, size);
	list->records[list->n++] = copy;
	return 0;
}

int claims_observe(void *user, const struct state *state, uint32_t insn)
{
	static union {
		struct record r;
		uint8_t room[sizeof(struct record) + CLAIMS_MAX * sizeof(struct claim)];
	} now;

	if (++observed > STATES_MAX)
		return -E2BIG;
	if (state->speculative || lists[insn].open)
		return 0;
	memset(&now.r, 0, sizeof(now.r));
	claim_all(&now.r, state);
	now.r.hash = hash_of(now.r.claims, now.r.n * sizeof(now.r.claims[0]));
	return keep(&lists[insn], &now.r);
}

/* ---- comparing --------------------------------------------------------------------------- */

static bool range_has(const struct range *r, uint64_t v)
{
	return !((v ^ r->bits.value) & ~r->bits.mask) && v >= r->umin && v <= r->umax &&
	       (int64_t)v >= r->smin && (int64_t)v <= r->smax && (uint32_t)v >= r->u32_min &&
	       (uint32_t)v <= r->u32_max && (int32_t)v >= r->s32_min && (int32_t)v <= r->s32_max;
}

/* The value of that map, whose start is v without the offset. */
static bool in_map(const struct reg *r, uint64_t v)
{
	const struct map *map = maps[r->map->desc.id - 1];
	bool writable;

	if (range_is_const(&r->var))
		return map_value_contains(map, (void *)(v - range_const(&r->var)),
					  map->desc.value_size, &writable);
	if (r->var.umax - r->var.umin > VARIABLE_MAX)
		return true;
	for (uint64_t x = r->var.umin; x <= r->var.umax; x++)
		if (range_has(&r->var, x) &&
		    map_value_contains(map, (void *)(v - x), map->desc.value_size, &writable))
			return true;
	return false;
}

static bool in_record(const struct visor_run *run, const struct reg *r, uint64_t v)
{
	for (uint32_t i = 0; i < run->n_regions; i++)
		if (range_has(&r->var, v - (uintptr_t)run->regions[i].start) &&
		    r->mem_size <= run->regions[i].size)
			return true;
	return false;
}

/* base: the run's frame that is the state's first. */
static bool reg_has(const struct visor_run *run, const struct record *rec, const struct reg *r,
		    uint64_t v, uint32_t base)
{
	const struct visor_packet *pkt = run->ctx;
	uint64_t at = v - (uint64_t)(int64_t)r->off;

	if (r->flags & F_NULL && !v)
		return true;
	switch (r->type) {
	case R_SCALAR:
		return range_has(&r->var, v);
	case R_CTX:
		return range_has(&r->var, at - (uintptr_t)run->window);
	case R_STACK:
		return range_has(&r->var, at - (uintptr_t)(run->frames[base + r->frame].stack +
							   VM_STACK_SIZE));
	case R_MAP_PTR:
		return v == (uintptr_t)maps[r->map->desc.id - 1];
	case R_MAP_VALUE:
		return in_map(r, at);
	case R_PACKET:
		return range_has(&r->var, at - (uintptr_t)pkt->data) &&
		       (r->range <= 0 || at + (uint64_t)r->range <= (uintptr_t)pkt->end);
	case R_PACKET_META:
		return range_has(&r->var, at - (uintptr_t)pkt->meta) &&
		       (r->range <= 0 || at + (uint64_t)r->range <= (uintptr_t)pkt->data);
	case R_PACKET_END:
		return v == (uintptr_t)pkt->end;
	case R_MEM:
		/* An argument of a global function may be any memory. */
		if (rec->root && r->flags & F_RINGBUF)
			return in_record(run, r, at);
		break;
	default:
		break;
	}
	claims_stats.unknown++;
	return true;
}

/* A narrow spill is of a register of which the lower bytes were stored. */
static bool spill_has(const struct visor_run *run, const struct record *rec, const struct claim *c,
		      uint64_t v, uint32_t base)
{
	struct reg r = c->reg;
	uint64_t all = UINT64_MAX >> (64 - 8 * c->bytes);

	if (c->bytes == 8 || r.type != R_SCALAR || range_has(&r.var, v))
		return reg_has(run, rec, &r, v, base);
	if (c->bytes == 4 && ((uint32_t)v < r.var.u32_min || (uint32_t)v > r.var.u32_max ||
			      (int32_t)v < r.var.s32_min || (int32_t)v > r.var.s32_max))
		return false;
	return !((v ^ r.var.bits.value) & ~r.var.bits.mask & all) &&
	       (r.var.umax > all || (v >= r.var.umin && v <= r.var.umax));
}

/* Numbers of one id are equal, but for their constants; pointers of one id are NULL together. */
static bool ties_hold(struct seen *seen, const struct claim *c, uint64_t v)
{
	struct seen *s = &seen[c->reg.id & ~ID_ADD_CONST];
	bool wide = !(c->reg.id & ID_ADD_CONST32);

	if (!(c->reg.id & ~ID_ADD_CONST))
		return true;
	if (c->reg.type != R_SCALAR) {
		if (s->null_set)
			return s->null == !v;
		s->null_set = true;
		s->null = !v;
		return true;
	}
	if (!wide && v > UINT32_MAX)
		return false;
	if (c->reg.id & ID_ADD_CONST)
		v -= (uint64_t)(int64_t)c->reg.off;
	if (!s->set || (wide && !s->wide && (uint32_t)v == (uint32_t)s->value)) {
		*s = (struct seen){true, wide, s->null_set, s->null, v};
		return true;
	}
	return wide && s->wide ? v == s->value : (uint32_t)v == (uint32_t)s->value;
}

/* The claim that does not hold, or NULL. */
static const struct claim *wrong_claim(const struct visor_run *run, const struct record *rec,
				       const uint64_t *r, uint64_t *value)
{
	static const struct claim depth;
	uint32_t frame = (uint32_t)(run->frame - run->frames), base = frame - rec->cur;
	struct seen seen[IDS_MAX + 1];

	*value = frame;
	if (rec->cur > frame || (rec->root && base))
		return &depth;
	memset(seen, 0, sizeof(seen[0]) * (rec->n + 1));
	for (uint32_t i = 0; i < rec->n; i++) {
		const struct claim *c = &rec->claims[i];
		const struct vm_frame *f = &run->frames[base + c->frame];
		const uint8_t *slot = f->stack + VM_STACK_SIZE - 8 * (c->at + 1);

		*value = 0;
		switch (c->kind) {
		case CLAIM_REG:
			*value = c->frame == rec->cur ? r[c->at] : f[1].saved[c->at - 6];
			if (!reg_has(run, rec, &c->reg, *value, base) ||
			    !ties_hold(seen, c, *value))
				return c;
			break;
		case CLAIM_SPILL:
			memcpy(value, slot, c->bytes);
			if (!spill_has(run, rec, c, *value, base) || !ties_hold(seen, c, *value))
				return c;
			break;
		default:
			for (uint32_t b = 0; b < 8; b++)
				*value |= c->bytes >> b & 1 ? (uint64_t)slot[b] << (8 * b) : 0;
			if (*value)
				return c;
		}
	}
	claims_stats.values += rec->n;
	return NULL;
}

bool claims_hold(const struct visor_run *run, uint32_t insn, const uint64_t *r)
{
	struct list *list = &lists[insn];
	uint64_t value;

	if (list->open) {
		claims_stats.skipped++;
		return true;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		uint32_t k = (list->last + i) % list->n;

		if (wrong_claim(run, list->records[k], r, &value))
			continue;
		list->last = k;
		claims_stats.compared++;
		return true;
	}
	return false;
}

static void print_reg(const struct reg *r)
{
	printf("type %u flags %#x off %d id %#x u [%#llx, %#llx] s [%lld, %lld] u32 [%#x, %#x] "
	       "s32 [%d, %d] bits %#llx/%#llx range %d",
	       r->type, r->flags, r->off, r->id, (unsigned long long)r->var.umin,
	       (unsigned long long)r->var.umax, (long long)r->var.smin, (long long)r->var.smax,
	       r->var.u32_min, r->var.u32_max, r->var.s32_min, r->var.s32_max,
	       (unsigned long long)r->var.bits.value, (unsigned long long)r->var.bits.mask,
	       r->type == R_PACKET ? r->range : 0);
}

void claims_print(const struct visor_run *run, uint32_t insn, const uint64_t *r)
{
	static const char *const kinds[] = {"r", "slot ", "zero bytes of slot "};
	const struct list *list = &lists[insn];

	for (uint32_t i = 0; i < MIN(list->n, 6U); i++) {
		uint64_t value;
		const struct claim *c = wrong_claim(run, list->records[i], r, &value);

		if (!c)
			continue;
		printf("# a state of %u says of frame %u %s%u, which is %#llx: ", insn, c->frame,
		       kinds[c->kind], c->at, (unsigned long long)value);
		print_reg(&c->reg);
		printf("\n");
	}
}
