/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/programs.c - the generator of programs.h.
 *
 * Conditions only skip forward over what a block makes, so that after it each register holds what
 * it held on both ways, or nothing; loops repeat a block of which the same is true.
 */
#include "programs.h"

#include <string.h>

#include "base/util.h"
#include "catalog/catalog.h"
#include "isa/insn.h"

enum kind {
	K_NONE,
	K_SCALAR,
	K_SMALL, /* a scalar below some power of two: info */
	K_CTX,
	K_PACKET, /* info: bytes tested */
	K_END,
	K_VALUE, /* info: map */
	K_VALUE_NULL,
	K_STACK, /* info: offset */
	K_RECORD,
	K_RECORD_NULL,
};

struct holds {
	uint8_t kind;
	int32_t info;
};

struct place {
	struct holds regs[11], slots[8]; /* the 64 bytes below r10 */
};

struct func {
	uint32_t call; /* the instruction that names it */
	struct holds args[6];
	bool callback;
};

enum { BODY_MAX = 400, EXITS_MAX = 64 };

static struct {
	const struct programs_opts *opts;
	struct programs_one *p;
	struct place at;
	uint32_t exits[EXITS_MAX], n_exits;
	struct func funcs[PROGRAMS_FUNCS];
	uint32_t n_funcs, func;
	uint32_t wild; /* one choice in so many is an error; 0: none */
	uint32_t depth;
	bool held; /* a record or a lock is: no leaving */
	uint64_t seed;
} g;

void programs_seed(uint64_t seed)
{
	g.seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (int i = 0; i < 8; i++)
		programs_pick(2);
}

static uint64_t rnd(void)
{
	g.seed ^= g.seed << 13;
	g.seed ^= g.seed >> 7;
	g.seed ^= g.seed << 17;
	return g.seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

uint32_t programs_pick(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}
#define pick programs_pick

uint64_t programs_number(void)
{
	uint64_t v = UINT64_C(1) << pick(64);

	switch (pick(8)) {
	case 0:
		return v - pick(3);
	case 1:
		return -(v - pick(3));
	case 2:
		return (v - 1) << pick(32);
	case 3:
		return (rnd() << 32 | (rnd() & UINT32_MAX)) >> pick(64);
	case 4:
		return (uint64_t)(int64_t)(int32_t)rnd();
	default:
		return pick(17) - (uint64_t)4;
	}
}

static bool err(void)
{
	return g.wild && !pick(g.wild);
}

/* ---- instructions ------------------------------------------------------------------------ */

static uint32_t emit(uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	uint32_t n = g.p->n;

	if (n < PROGRAMS_MAX)
		g.p->insns[g.p->n++] = (struct bpf_insn){.code = code,
							 .dst_reg = (uint8_t)(dst & 15),
							 .src_reg = (uint8_t)(src & 15),
							 .off = (int16_t)off,
							 .imm = imm};
	return n;
}

static void hold(uint32_t r, uint8_t kind, int32_t info)
{
	g.at.regs[r] = (struct holds){kind, info};
}

static void mov(uint32_t dst, uint32_t src)
{
	emit(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
	g.at.regs[dst] = g.at.regs[src];
}

static void mov_imm(uint32_t dst, int32_t imm)
{
	emit(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
	hold(dst, K_SCALAR, 0);
}

static void add_imm(uint32_t dst, int32_t imm)
{
	emit(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

static void ld_imm64(uint32_t dst, uint32_t src, int32_t lo, int32_t hi)
{
	emit(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, lo);
	emit(0, 0, 0, 0, hi);
}

static void ld_map(uint32_t dst, uint32_t map)
{
	ld_imm64(dst, BPF_PSEUDO_MAP_FD, (int32_t)map, 0);
	hold(dst, K_NONE, 0);
}

static void called(uint8_t kind, int32_t info)
{
	for (uint32_t r = 1; r <= 5; r++)
		hold(r, K_NONE, 0);
	hold(0, kind, info);
}

static void call(int32_t id, uint8_t kind, int32_t info)
{
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, id);
	called(kind, info);
}

/* A jump to the end of the function, now or over an exit of its own. */
static void leave(uint8_t code, uint32_t dst, uint32_t src, int32_t imm)
{
	if (g.n_exits == EXITS_MAX)
		return;
	g.exits[g.n_exits++] = emit(code, dst, src, 0, imm);
}

static uint32_t any_reg(void)
{
	return pick(11);
}

/* A register to be overwritten: rarely one that is dear. */
static uint32_t target(void)
{
	uint32_t r;

	do {
		r = pick(10);
	} while (g.at.regs[r].kind == K_CTX && pick(30));
	return r;
}

static bool scalar(const struct holds *h)
{
	return h->kind == K_SCALAR || h->kind == K_SMALL;
}

/* A register that holds that, or 11. */
static uint32_t holder(uint8_t kind)
{
	uint32_t from = pick(11);

	if (err())
		return any_reg();
	for (uint32_t i = 0; i < 11; i++) {
		const struct holds *h = &g.at.regs[(from + i) % 11];

		if (h->kind == kind || (kind == K_SCALAR && scalar(h)))
			return (from + i) % 11;
	}
	return 11;
}

static uint32_t a_scalar(void)
{
	uint32_t r = holder(K_SCALAR);

	if (r == 11) {
		r = target();
		mov_imm(r, (int32_t)programs_number());
	}
	return r;
}

static uint32_t pointer(void)
{
	static const uint8_t kinds[] = {K_PACKET, K_VALUE, K_STACK, K_VALUE, K_RECORD, K_CTX};
	uint32_t r = 11;

	for (uint32_t i = 0; i < 4 && r == 11; i++)
		r = holder(kinds[pick(ARRAY_SIZE(kinds))]);
	return r == 11 ? 10 : r;
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static void some_number(void)
{
	uint32_t r = target();
	uint64_t v = programs_number();

	switch (pick(4)) {
	case 0:
		ld_imm64(r, 0, (int32_t)v, (int32_t)(v >> 32));
		hold(r, K_SCALAR, 0);
		break;
	case 1:
		emit(BPF_ALU | BPF_MOV | BPF_K, r, 0, 0, (int32_t)v);
		hold(r, K_SCALAR, 0);
		break;
	case 2:
		mov_imm(r, (int32_t)v);
		break;
	default:
		call(pick(3) ? BPF_FUNC_get_prandom_u32 : BPF_FUNC_ktime_get_ns, K_SCALAR, 0);
	}
}

static void some_alu(void)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND,  BPF_OR,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV,
				      BPF_MOD, BPF_NEG, BPF_MOV, BPF_END};
	uint8_t class = pick(5) < 3 ? BPF_ALU64 : BPF_ALU, op = ops[pick(ARRAY_SIZE(ops))];
	uint32_t d = a_scalar(), s = a_scalar(), width = class == BPF_ALU ? 32 : 64;
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	int32_t imm = (int32_t)programs_number(), off = 0;

	if (d == 10 || (d < 10 && g.at.regs[d].kind == K_CTX && pick(9)))
		return;
	g.at.regs[d].kind = scalar(&g.at.regs[d]) ? K_SCALAR : K_NONE;
	if (op == BPF_END) {
		emit(class | BPF_END | (class == BPF_ALU && pick(2) ? BPF_TO_BE : BPF_TO_LE), d, 0,
		     0, 16 << pick(3));
		return;
	}
	if (op == BPF_NEG) {
		emit(class | BPF_NEG, d, 0, 0, 0);
		return;
	}
	if (op == BPF_DIV || op == BPF_MOD)
		off = (int32_t)pick(2);
	if (op == BPF_MOV)
		off = pick(2) ? 8 << pick(class == BPF_ALU64 ? 3 : 2) : 0;
	if (pick(2) && !(shift && pick(3))) {
		emit(class | op | BPF_X, d, s, off, 0);
		return;
	}
	if (shift && !err())
		imm = (int32_t)pick(width);
	if ((op == BPF_DIV || op == BPF_MOD) && !imm)
		imm = 7;
	emit(class | op | BPF_K, d, 0, op == BPF_MOV ? 0 : off, imm);
}

/* Makes a scalar small: by a mask, a shift, a remainder. */
static void bound(uint32_t r, uint32_t bits)
{
	uint8_t class = pick(4) ? BPF_ALU64 : BPF_ALU;

	switch (pick(5)) {
	case 0:
		emit(class | BPF_RSH | BPF_K, r, 0, 0,
		     (int32_t)((class == BPF_ALU ? 32 : 64) - bits));
		break;
	case 1:
		emit(class | BPF_MOD | BPF_K, r, 0, 0, 1 << bits);
		break;
	case 2:
		if (!g.held) {
			leave((pick(4) ? BPF_JMP : BPF_JMP32) | (pick(5) ? BPF_JGT : BPF_JSGT) |
				      BPF_K,
			      r, 0, (1 << bits) - 1);
			break;
		}
		/* fallthrough */
	default:
		emit(class | BPF_AND | BPF_K, r, 0, 0, (1 << bits) - 1);
	}
	hold(r, K_SMALL, (int32_t)bits);
}

static uint8_t size_code(uint32_t size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

/* ---- memory ------------------------------------------------------------------------------ */

static int32_t room(const struct holds *h)
{
	static const int32_t values[PROGRAMS_MAPS] = {48, 32, 16, 0, 0, 64, 24, 32};

	switch (h->kind) {
	case K_PACKET:
		return h->info;
	case K_VALUE:
		return values[h->info % PROGRAMS_MAPS];
	case K_RECORD:
		return h->info;
	case K_CTX:
		return 24;
	default:
		return 64;
	}
}

static void access_at(uint32_t p, int32_t extra)
{
	struct holds h = g.at.regs[p];
	uint32_t size = 1u << pick(4), r;
	int32_t limit = room(&h) - extra - (int32_t)size, off;

	if (limit < 0 && !err())
		return;
	off = limit > 0 ? (int32_t)pick((uint32_t)limit + 1) : 0;
	if (pick(4))
		off &= ~((int32_t)size - 1);
	if (err())
		off = limit + 1 + (int32_t)pick(3);
	if (err())
		off = -(int32_t)pick(5);
	if (h.kind == K_STACK)
		off = -64 - h.info + off;
	if (h.kind == K_CTX && pick(10))
		return;
	if (h.kind == K_VALUE && h.info == PROGRAMS_LOCKED && off < 8 && pick(10))
		return;
	if (pick(2) || h.kind == K_CTX) {
		r = target();
		emit(BPF_LDX | (pick(6) || size == 8 ? BPF_MEM : BPF_MEMSX) | size_code(size), r, p,
		     off, 0);
		hold(r, K_SCALAR, 0);
	} else if (size >= 4 && h.kind != K_PACKET && !pick(3)) {
		static const int32_t ops[] = {BPF_ADD,
					      BPF_OR,
					      BPF_AND,
					      BPF_XOR,
					      BPF_ADD | BPF_FETCH,
					      BPF_OR | BPF_FETCH,
					      BPF_XCHG,
					      BPF_CMPXCHG,
					      BPF_AND | BPF_FETCH,
					      BPF_XOR | BPF_FETCH};
		int32_t op = ops[pick(ARRAY_SIZE(ops))];

		r = a_scalar();
		if (op == BPF_CMPXCHG && !scalar(&g.at.regs[0])) {
			if (p == 0 || r == 0)
				return;
			mov_imm(0, (int32_t)programs_number());
		}
		if (h.kind == K_STACK && pick(8)) {
			off &= ~((int32_t)size - 1);
			emit(BPF_ST | BPF_MEM | BPF_DW, p, 0, off & ~7, (int32_t)programs_number());
		}
		emit(BPF_STX | BPF_ATOMIC | size_code(size), p, r, off, op);
		if (op == BPF_CMPXCHG)
			hold(0, K_SCALAR, 0);
		else if (op & BPF_FETCH && r < 10)
			hold(r, K_SCALAR, 0);
	} else if (pick(2)) {
		emit(BPF_ST | BPF_MEM | size_code(size), p, 0, off, (int32_t)programs_number());
	} else {
		r = err() ? any_reg() : a_scalar();
		emit(BPF_STX | BPF_MEM | size_code(size), p, r, off, 0);
	}
	if (h.kind == K_STACK)
		for (int32_t s = 0; s < 8; s++)
			if (-8 * (s + 1) < h.info + off + 8 && h.info + off < -8 * s)
				g.at.slots[s].kind = K_NONE;
}

static void some_access(void)
{
	access_at(pointer(), 0);
}

/* Through a copy with a variable offset. */
static void some_variable_access(void)
{
	uint32_t p = pointer(), s = a_scalar(), bits, r;
	struct holds h = g.at.regs[p];
	int32_t limit = room(&h);

	if (p > 10 || s >= 10 || s == p || limit < 2 || h.kind == K_CTX)
		return;
	bits = 1 + pick(5);
	while ((1 << bits) > limit && bits > 1)
		bits--;
	if (err())
		bits++;
	bound(s, bits);
	r = target();
	if (r == s || r == p)
		return;
	if (pick(3)) {
		mov(r, p);
		if (h.kind == K_STACK) {
			add_imm(r, -64 - h.info);
			hold(r, K_STACK, -64);
			h = g.at.regs[r];
		}
		emit(BPF_ALU64 | (err() ? BPF_SUB : BPF_ADD) | BPF_X, r, s, 0, 0);
	} else {
		if (h.kind == K_STACK)
			return;
		mov(r, s);
		emit(BPF_ALU64 | BPF_ADD | BPF_X, r, p, 0, 0);
		g.at.regs[r] = h;
	}
	if (h.kind == K_PACKET) /* what was tested is not what it points to */
		g.at.regs[r].info = MAX(0, h.info - (1 << bits));
	access_at(r, err() ? 0 : (1 << bits) - 1);
	if (h.kind != K_PACKET && pick(5))
		hold(r, K_NONE, 0);
	if (h.kind == K_STACK)
		hold(r, K_NONE, 0);
}

static void some_spill(void)
{
	uint32_t r = err() ? any_reg() : pick(11), s = pick(8), size = pick(4) ? 8 : 1u << pick(4);

	if (!g.at.regs[r].kind && !err())
		return;
	if (!scalar(&g.at.regs[r]) && !err())
		size = 8;
	emit(BPF_STX | BPF_MEM | size_code(size), 10, r, -8 * (int32_t)(s + 1), 0);
	g.at.slots[s] = g.at.regs[r];
	if (size != 8)
		g.at.slots[s] = (struct holds){K_NONE, 0};
}

static void some_fill(void)
{
	uint32_t r = target(), s = pick(8), size = 8;

	if (!g.at.slots[s].kind && !err())
		return;
	if (scalar(&g.at.slots[s]) && !pick(3))
		size = 1u << pick(4);
	emit(BPF_LDX | (size < 8 && !pick(3) ? BPF_MEMSX : BPF_MEM) | size_code(size), r, 10,
	     -8 * (int32_t)(s + 1), 0);
	g.at.regs[r] = g.at.slots[s];
}

/* Where the context says the packet begins and ends. */
static void packet_fields(int32_t *data, int32_t *end)
{
	bool xdp = g.opts->prog_type == BPF_PROG_TYPE_XDP;

	*data = xdp ? 0 : 76;
	*end = xdp ? 4 : 80;
	if (err()) {
		*data = xdp ? 8 : 140;
		*end = xdp ? 0 : 76;
	}
}

static void some_ctx(void)
{
	uint32_t c = holder(K_CTX), r = target();
	bool xdp = g.opts->prog_type == BPF_PROG_TYPE_XDP;

	if (c == 11)
		return;
	if (xdp)
		emit(BPF_LDX | BPF_MEM | BPF_W, r, c, 12 + 4 * (int32_t)pick(err() ? 6 : 2), 0);
	else
		emit(BPF_LDX | BPF_MEM | (pick(9) ? BPF_W : size_code(1u << pick(4))), r, c,
		     4 * (int32_t)pick(err() ? 50 : 8), 0);
	hold(r, K_SCALAR, 0);
	if (!xdp && !pick(4)) {
		uint32_t s = a_scalar();

		emit(BPF_STX | BPF_MEM | BPF_W, c, s, 48 + 4 * (int32_t)pick(5), 0);
	}
}

static void some_packet(void)
{
	uint32_t c = holder(K_CTX), p = target(), end = target(), t = target(), s = 11;
	int32_t data, data_end, n = 1 + (int32_t)pick(40), bits = 0;
	uint8_t op;

	if (c == 11 || g.held || g.opts->prog_type == BPF_PROG_TYPE_SOCKET_FILTER || p == end ||
	    end == t || p == t || c == p || c == end)
		return;
	packet_fields(&data, &data_end);
	emit(BPF_LDX | BPF_MEM | BPF_W, p, c, data, 0);
	emit(BPF_LDX | BPF_MEM | BPF_W, end, c, data_end, 0);
	hold(p, K_PACKET, 0);
	hold(end, K_END, 0);
	if (!pick(3)) {
		s = a_scalar();
		if (s < 10 && s != p && s != end) {
			bits = (int32_t)pick(err() ? 20 : 12);
			bound(s, (uint32_t)bits);
			emit(BPF_ALU64 | BPF_ADD | BPF_X, p, s, 0, 0);
		}
	}
	mov(t, p);
	add_imm(t, n);
	op = pick(3) ? BPF_JGT : BPF_JGE;
	if (err())
		op = pick(2) ? BPF_JLT : BPF_JLE;
	switch (pick(4)) {
	case 0: /* the other way round */
		leave(BPF_JMP | (op == BPF_JGT ? BPF_JLT : BPF_JLE) | BPF_X, end, t, 0);
		break;
	case 1: /* an exit between */
		emit(BPF_JMP | (pick(2) ? BPF_JLE : BPF_JLT) | BPF_X, t, end, 1, 0);
		leave(BPF_JMP | BPF_JA, 0, 0, 0);
		break;
	default:
		leave(BPF_JMP | op | BPF_X, t, end, 0);
	}
	hold(p, K_PACKET, n);
	hold(t, K_NONE, 0);
	if (pick(2))
		access_at(p, 0);
}

/* A key on the stack, its address in r2. */
static void key(uint32_t size)
{
	uint32_t s = pick(6);

	if (pick(3)) {
		emit(BPF_ST | BPF_MEM | (size == 8 ? BPF_DW : BPF_W), 10, 0, -8 * (int32_t)(s + 1),
		     (int32_t)pick(6));
	} else {
		emit(BPF_STX | BPF_MEM | (size == 8 ? BPF_DW : BPF_W), 10, a_scalar(),
		     -8 * (int32_t)(s + 1), 0);
	}
	g.at.slots[s] = (struct holds){size == 8 ? K_SCALAR : K_NONE, 0};
	mov(2, 10);
	add_imm(2, -8 * (int32_t)(s + 1));
}

static uint32_t value_map(uint32_t *key_size)
{
	static const uint8_t maps[] = {PROGRAMS_ARRAY, PROGRAMS_HASH, PROGRAMS_PERCPU,
				       PROGRAMS_ONE,   PROGRAMS_LRU,  PROGRAMS_LOCKED};
	uint32_t map = maps[pick(ARRAY_SIZE(maps) - (g.opts->runnable || pick(3) ? 1 : 0))];

	*key_size = map == PROGRAMS_HASH ? 8 : 4;
	return map;
}

/* What may be NULL in r0 moves somewhere and is tested. */
static void not_null(uint8_t kind, int32_t info, bool exits)
{
	uint32_t r = 6 + pick(4);

	if (g.at.regs[r].kind == K_CTX || pick(3) == 0)
		r = 0;
	else
		mov(r, 0);
	if (err())
		goto done;
	if (exits && !g.held && pick(4)) {
		if (pick(3))
			leave(BPF_JMP | BPF_JEQ | BPF_K, r && pick(2) ? 0 : r, 0, 0);
		else
			emit(BPF_JMP | BPF_JNE | BPF_K, r, 0, 2, 0), mov_imm(0, 0),
				emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	} else {
		uint32_t at = emit(BPF_JMP | (err() ? BPF_JGT : BPF_JEQ) | BPF_K, r, 0, 0, 0);
		struct place before = g.at;

		if (at >= PROGRAMS_MAX)
			return;
		hold(r, kind, info);
		for (uint32_t i = 0; i < 2; i++)
			access_at(r, 0);
		g.p->insns[at].off = (int16_t)(g.p->n - at - 1);
		for (uint32_t i = 0; i < 11; i++)
			if (memcmp(&before.regs[i], &g.at.regs[i], sizeof(struct holds)))
				hold(i, K_NONE, 0);
		return;
	}
done:
	hold(r, kind, info);
	if (r)
		hold(0, K_NONE, 0);
}

static void some_lookup(void)
{
	uint32_t size, map = value_map(&size);

	if (!pick(5)) {
		uint32_t r = target();

		ld_imm64(r, BPF_PSEUDO_MAP_VALUE, PROGRAMS_ONE,
			 pick(3) ? 0 : (int32_t)pick(err() ? 80 : 64));
		hold(r, K_VALUE, PROGRAMS_ONE);
		if (g.p->insns[g.p->n - 1].imm)
			hold(r, K_NONE, 0);
		return;
	}
	key(size);
	ld_map(1, err() ? pick(PROGRAMS_MAPS) : map);
	call(BPF_FUNC_map_lookup_elem, K_VALUE_NULL, (int32_t)map);
	not_null(K_VALUE, (int32_t)map, true);
}

static void some_update(void)
{
	uint32_t size, map = value_map(&size);

	for (uint32_t i = 0; i < 8; i++) {
		emit(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8 * (int32_t)(i + 1), (int32_t)pick(5));
		g.at.slots[i] = (struct holds){K_SCALAR, 0};
	}
	key(size);
	if (pick(3)) {
		mov(3, 10);
		add_imm(3, -64);
		mov_imm(4, (int32_t)pick(3));
		ld_map(1, map);
		call(BPF_FUNC_map_update_elem, K_SCALAR, 0);
	} else {
		ld_map(1, map);
		call(BPF_FUNC_map_delete_elem, K_SCALAR, 0);
	}
}

/* ---- helpers ----------------------------------------------------------------------------- */

static void forget_packets(void)
{
	for (uint32_t i = 0; i < 11; i++)
		if (g.at.regs[i].kind == K_PACKET || g.at.regs[i].kind == K_END)
			hold(i, K_NONE, 0);
	for (uint32_t i = 0; i < 8; i++)
		if (g.at.slots[i].kind == K_PACKET || g.at.slots[i].kind == K_END)
			g.at.slots[i].kind = K_NONE;
}

static void stack_buffer(uint32_t r, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++) {
		emit(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8 * (int32_t)(i + 1), 0);
		g.at.slots[i] = (struct holds){K_SCALAR, 0};
	}
	mov(r, 10);
	add_imm(r, -8 * (int32_t)slots);
}

static void some_buffer_call(void)
{
	uint32_t c = holder(K_CTX), slots = 1 + pick(4), s;
	bool xdp = g.opts->prog_type == BPF_PROG_TYPE_XDP;

	if (c == 11 || c < 6)
		return;
	switch (pick(4)) {
	case 0:
		mov(1, c);
		mov_imm(2, (int32_t)programs_number());
		call(xdp ? (pick(2) ? BPF_FUNC_xdp_adjust_head : BPF_FUNC_xdp_adjust_tail)
			 : BPF_FUNC_skb_pull_data,
		     K_SCALAR, 0);
		if (!err())
			forget_packets();
		break;
	case 1:
		stack_buffer(3, slots);
		s = a_scalar();
		if (s < 10 && s != 3 && pick(2)) {
			bound(s, 1 + pick(err() ? 7 : 3));
			mov(4, s);
		} else {
			mov_imm(4, err() ? 64 : (int32_t)(slots * 8));
		}
		mov_imm(2, (int32_t)pick(20));
		mov(1, c);
		call(xdp ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes, K_SCALAR, 0);
		break;
	case 2:
		stack_buffer(1, slots);
		mov_imm(2, (int32_t)slots * 8);
		mov_imm(3, 0);
		mov_imm(4, 0);
		mov_imm(5, (int32_t)programs_number());
		call(BPF_FUNC_csum_diff, K_SCALAR, 0);
		break;
	default:
		stack_buffer(2, slots);
		ld_map(1, PROGRAMS_RING);
		mov_imm(3, err() ? 70 : (int32_t)slots * 8);
		mov_imm(4, 0);
		call(BPF_FUNC_ringbuf_output, K_SCALAR, 0);
	}
}

static void some_helper(void)
{
	static const uint8_t simple[] = {BPF_FUNC_ktime_get_ns,	   BPF_FUNC_get_smp_processor_id,
					 BPF_FUNC_get_prandom_u32, BPF_FUNC_ktime_get_boot_ns,
					 BPF_FUNC_jiffies64,	   BPF_FUNC_get_numa_node_id};

	if (err()) { /* any, with anything */
		uint32_t n = pick(6);

		for (uint32_t r = 1; r <= n; r++) {
			uint32_t from = pick(11);

			if (g.at.regs[from].kind && pick(4))
				mov(r, from);
			else if (pick(2))
				ld_map(r, pick(PROGRAMS_MAPS));
			else
				mov_imm(r, (int32_t)programs_number());
		}
		call((int32_t)pick(214), K_SCALAR, 0);
		return;
	}
	if (pick(3)) {
		some_buffer_call();
		return;
	}
	call(simple[pick(ARRAY_SIZE(simple))], K_SCALAR, 0);
}

static void statements(uint32_t n);

static void some_record(void)
{
	int32_t size = 8 * (1 + (int32_t)pick(5));
	uint32_t r = 7 + pick(3);
	bool held = g.held;

	if (held || g.at.regs[r].kind == K_CTX || g.depth > 2)
		return;
	ld_map(1, PROGRAMS_RING);
	mov_imm(2, size);
	mov_imm(3, 0);
	call(BPF_FUNC_ringbuf_reserve, K_RECORD_NULL, size);
	leave(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0);
	mov(r, 0);
	hold(r, K_RECORD, size);
	hold(0, K_NONE, 0);
	g.held = true;
	g.depth++;
	access_at(r, 0);
	statements(pick(3));
	g.depth--;
	g.held = held;
	if (g.at.regs[r].kind != K_RECORD)
		return;
	mov(1, r);
	mov_imm(2, 0);
	if (!err())
		call(pick(2) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard, K_NONE, 0);
	for (uint32_t i = 0; i < 10; i++)
		if (g.at.regs[i].kind == K_RECORD && !err())
			hold(i, K_NONE, 0);
	for (uint32_t i = 0; i < 8; i++)
		if (g.at.slots[i].kind == K_RECORD)
			g.at.slots[i].kind = K_NONE;
}

static void some_lock(void)
{
	uint32_t r = holder(K_VALUE);
	bool held = g.held;

	if (r > 9 || r < 6 || g.at.regs[r].info != PROGRAMS_LOCKED || held)
		return;
	mov(1, r);
	call(BPF_FUNC_spin_lock, K_NONE, 0);
	g.held = true;
	for (uint32_t i = 0; i < 3; i++)
		access_at(r, 0);
	if (!pick(3))
		some_alu();
	g.held = held;
	mov(1, r);
	if (!err())
		call(BPF_FUNC_spin_unlock, K_NONE, 0);
}

static void some_tail_call(void)
{
	uint32_t c = holder(K_CTX), s;

	if (c == 11 || (g.held && !err()))
		return;
	s = a_scalar();
	if (s > 9 || s < 3)
		return;
	mov(3, s);
	mov(1, c);
	ld_map(2, PROGRAMS_PROGS);
	call(BPF_FUNC_tail_call, K_NONE, 0);
}

/* Kernel functions that count: an iterator on the stack. */
static void some_iter(void)
{
	uint32_t head, out;
	struct place before;

	if (!g.opts->iter_new || g.depth > 1 || g.held)
		return;
	mov(1, 10);
	add_imm(1, -72);
	mov_imm(2, (int32_t)pick(3));
	mov_imm(3, (int32_t)pick(20));
	emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, g.opts->iter_new);
	called(K_SCALAR, 0);
	before = g.at;
	head = g.p->n;
	mov(1, 10);
	add_imm(1, -72);
	emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, g.opts->iter_next);
	called(K_NONE, 0);
	out = emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	emit(BPF_LDX | BPF_MEM | BPF_W, 0, 0, 0, 0);
	hold(0, K_SCALAR, 0);
	g.depth++;
	g.held = true;
	statements(1 + pick(3));
	g.held = false;
	g.depth--;
	emit(BPF_JMP | BPF_JA, 0, 0, (int32_t)head - (int32_t)g.p->n - 1, 0);
	if (out < PROGRAMS_MAX)
		g.p->insns[out].off = (int16_t)(g.p->n - out - 1);
	for (uint32_t i = 0; i < 11; i++)
		if (memcmp(&before.regs[i], &g.at.regs[i], sizeof(struct holds)))
			hold(i, K_NONE, 0);
	mov(1, 10);
	add_imm(1, -72);
	if (!err())
		emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, g.opts->iter_destroy);
	called(K_NONE, 0);
}

/* ---- control ----------------------------------------------------------------------------- */

static void meet(const struct place *other)
{
	for (uint32_t i = 0; i < 11; i++) {
		if (scalar(&other->regs[i]) && scalar(&g.at.regs[i]))
			g.at.regs[i].kind = K_SCALAR;
		else if (memcmp(&other->regs[i], &g.at.regs[i], sizeof(struct holds)))
			g.at.regs[i].kind = K_NONE;
	}
	for (uint32_t i = 0; i < 8; i++)
		if (memcmp(&other->slots[i], &g.at.slots[i], sizeof(struct holds)))
			g.at.slots[i].kind = K_NONE;
}

static uint32_t condition(void)
{
	static const uint8_t ops[] = {BPF_JEQ, BPF_JNE,	 BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
				      BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	uint8_t code = (pick(3) ? BPF_JMP : BPF_JMP32) | ops[pick(ARRAY_SIZE(ops))];
	uint32_t d = a_scalar(), s = a_scalar();

	if (err())
		d = any_reg();
	return pick(3) ? emit(code | BPF_K, d, 0, 0, (int32_t)programs_number())
		       : emit(code | BPF_X, d, s, 0, 0);
}

static void some_condition(void)
{
	struct place before;
	uint32_t at, over = PROGRAMS_MAX;

	if (g.depth > 3)
		return;
	at = condition();
	before = g.at;
	g.depth++;
	statements(1 + pick(4));
	if (!pick(3)) { /* otherwise */
		struct place one = g.at;

		over = emit(BPF_JMP | BPF_JA, 0, 0, 0, 0);
		if (at < PROGRAMS_MAX)
			g.p->insns[at].off = (int16_t)(g.p->n - at - 1);
		g.at = before;
		statements(1 + pick(3));
		before = one;
		if (over < PROGRAMS_MAX)
			g.p->insns[over].off = (int16_t)(g.p->n - over - 1);
	} else if (at < PROGRAMS_MAX) {
		g.p->insns[at].off = (int16_t)(g.p->n - at - 1);
	}
	g.depth--;
	meet(&before);
}

static void some_loop(void)
{
	uint32_t i = 6 + pick(4), head, s;
	int32_t n = 1 + (int32_t)pick(pick(4) ? 6 : 60);
	struct place before;
	bool held = g.held;

	if (g.depth > 2 || g.at.regs[i].kind == K_CTX || g.at.regs[i].kind == K_RECORD)
		return;
	mov_imm(i, pick(4) ? 0 : (int32_t)programs_number());
	s = a_scalar();
	head = g.p->n;
	before = g.at;
	/* What the body reads must be there the second time, too. */
	hold(i, K_CTX, 0);
	g.depth += 2;
	statements(1 + pick(3));
	g.depth -= 2;
	g.held = held;
	hold(i, K_SCALAR, 0);
	if (pick(3))
		add_imm(i, 1);
	else
		emit((pick(2) ? BPF_ALU64 : BPF_ALU) | (pick(2) ? BPF_ADD : BPF_LSH) | BPF_K, i, 0,
		     0, 1 + (int32_t)pick(3));
	meet(&before);
	if (s < 10 && s != i && !pick(5))
		bound(s, 1 + pick(4));
	switch (pick(5)) {
	case 0:
		if (s < 10 && s != i) {
			emit(BPF_JMP | BPF_JLT | BPF_X, i, s, (int32_t)head - (int32_t)g.p->n - 1,
			     0);
			break;
		}
		/* fallthrough */
	case 1:
		emit(BPF_JMP | BPF_JCOND, 0, 0, 1, 0);
		emit(BPF_JMP | BPF_JA, 0, 0, (int32_t)head - (int32_t)g.p->n - 1, 0);
		break;
	default:
		emit((pick(4) ? BPF_JMP : BPF_JMP32) | (pick(3) ? BPF_JLT : BPF_JNE) | BPF_K, i, 0,
		     (int32_t)head - (int32_t)g.p->n - 1, n);
	}
}

static void some_call(void)
{
	struct func *f = &g.funcs[g.n_funcs];
	uint32_t n = pick(6);

	if (g.n_funcs == PROGRAMS_FUNCS - 1 || (g.func > 2 && !err()))
		return;
	memset(f, 0, sizeof(*f));
	for (uint32_t r = 1; r <= n; r++) {
		uint32_t from = pick(11);

		if (!g.at.regs[from].kind)
			from = a_scalar();
		if (from != r && from < 11)
			mov(r, from);
		f->args[r] = g.at.regs[r];
		if (f->args[r].kind == K_STACK && pick(2))
			f->args[r].kind = K_NONE;
	}
	f->call = emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	g.n_funcs++;
	called(K_SCALAR, 0);
}

static void some_callback(void)
{
	struct func *f = &g.funcs[g.n_funcs];
	bool each = !pick(3);
	uint32_t from = g.at.regs[6].kind ? 6 : 10;

	if (g.n_funcs == PROGRAMS_FUNCS - 1 || g.func > 1 || (g.held && !err()))
		return;
	memset(f, 0, sizeof(*f));
	if (!pick(3))
		from = 10;
	f->call = g.p->n;
	f->callback = true;
	ld_imm64(2, BPF_PSEUDO_FUNC, 0, 0);
	mov(3, from);
	mov_imm(4, 0);
	if (each) {
		ld_map(1, pick(2) ? PROGRAMS_ARRAY : PROGRAMS_HASH);
		f->args[3] = (struct holds){K_VALUE, PROGRAMS_HASH};
		f->args[4] = g.at.regs[3];
	} else {
		mov_imm(1, (int32_t)pick(20));
		f->args[1] = (struct holds){K_SCALAR, 0};
		f->args[2] = g.at.regs[3];
	}
	g.n_funcs++;
	call(each ? BPF_FUNC_for_each_map_elem : BPF_FUNC_loop, K_SCALAR, 0);
}

/* Pointers: constants added, differences, comparisons. */
static void some_pointer(void)
{
	uint32_t p = pointer(), r = target();

	if (p > 10 || r == p)
		return;
	mov(r, p);
	switch (pick(5)) {
	case 0:
		if (g.at.regs[r].kind == K_STACK) {
			int32_t off = -8 * (int32_t)pick(9);

			add_imm(r, off);
			g.at.regs[r].info += off;
			if (g.at.regs[r].info < -64)
				hold(r, K_NONE, 0);
			break;
		}
		add_imm(r, err() ? (int32_t)programs_number() : (int32_t)pick(8));
		if (g.at.regs[r].kind == K_PACKET)
			g.at.regs[r].info = MAX(0, g.at.regs[r].info - 8);
		else
			hold(r, K_NONE, 0);
		break;
	case 1:
		emit(BPF_ALU64 | BPF_SUB | BPF_X, r, p, 0, 0);
		hold(r, K_SCALAR, 0);
		break;
	case 2:
		if (!err())
			break;
		emit((pick(2) ? BPF_ALU64 : BPF_ALU) | (uint8_t)(pick(14) << 4) | BPF_X, r,
		     a_scalar(), 0, 0);
		hold(r, K_NONE, 0);
		break;
	case 3:
		emit(BPF_JMP | (pick(2) ? BPF_JEQ : BPF_JNE) | BPF_K, r, 0, 0, 0);
		break;
	}
}

static void statement(void)
{
	static const struct {
		void (*make)(void);
		uint8_t weight;
	} all[] = {
		{some_number, 8},
		{some_alu, 20},
		{some_ctx, 5},
		{some_packet, 10},
		{some_lookup, 9},
		{some_access, 14},
		{some_variable_access, 10},
		{some_spill, 8},
		{some_fill, 8},
		{some_update, 3},
		{some_helper, 6},
		{some_record, 4},
		{some_lock, 4},
		{some_tail_call, 1},
		{some_iter, 2},
		{some_condition, 14},
		{some_loop, 4},
		{some_call, 5},
		{some_callback, 3},
		{some_pointer, 6},
	};
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		n += all[i].weight;
	n = pick(n);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (n < all[i].weight) {
			all[i].make();
			return;
		}
		n -= all[i].weight;
	}
}

static void statements(uint32_t n)
{
	while (n-- && g.p->n < BODY_MAX + 20 * g.func)
		statement();
}

static void function(const struct holds *args, bool callback, uint32_t n)
{
	uint32_t end;

	memset(&g.at, 0, sizeof(g.at));
	memcpy(g.at.regs, args, 6 * sizeof(*args));
	hold(10, K_STACK, 0);
	g.n_exits = g.depth = 0;
	g.held = false;
	if (args[1].kind == K_CTX) {
		mov(6, 1);
	} else if (pick(2)) {
		for (uint32_t r = 1; r <= 4; r++)
			if (args[r].kind && pick(2))
				mov(5 + r, r);
	}
	statements(n);
	if (callback || !scalar(&g.at.regs[0]) || pick(2))
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	end = g.p->n;
	if (g.n_exits) {
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, callback ? 1 : (int32_t)pick(2));
		emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	for (uint32_t i = 0; i < g.n_exits; i++)
		if (g.exits[i] < g.p->n)
			g.p->insns[g.exits[i]].off = (int16_t)(end - g.exits[i] - 1);
}

void programs_generate(const struct programs_opts *opts, struct programs_one *p)
{
	static const uint32_t wild[] = {0, 0, 0, 300, 100, 30, 12};
	struct holds args[6] = {[1] = {K_CTX, 0}};

	g.opts = opts;
	g.p = p;
	p->n = 0;
	g.n_funcs = g.func = 0;
	g.wild = wild[pick(ARRAY_SIZE(wild))];
	function(args, false, 3 + pick(pick(4) ? 15 : 40));
	for (g.func = 0; g.func < g.n_funcs;) {
		struct func *f = &g.funcs[g.func++];

		if (f->call >= PROGRAMS_MAX)
			break;
		p->insns[f->call].imm = (int32_t)(p->n - f->call - 1);
		function(f->args, f->callback, 1 + pick(6));
	}
}

/* ---- mutation ---------------------------------------------------------------------------- */

/* What names descriptors of the process is not for mutation. */
static void mutate_wide(struct bpf_insn *in, uint32_t n_maps)
{
	if (in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_VALUE) {
		if (n_maps)
			in->imm = (int32_t)pick(n_maps);
		return;
	}
	if (pick(2))
		in->dst_reg = (uint8_t)pick(11) & 15;
	else if (!in->src_reg)
		in[pick(2)].imm = (int32_t)programs_number();
}

static void mutate_field(struct bpf_insn *in, uint32_t n_maps)
{
	if (in->code == (BPF_LD | BPF_IMM | BPF_DW)) {
		mutate_wide(in, n_maps);
		return;
	}
	switch (pick(8)) {
	case 0:
		in->imm = (int32_t)programs_number();
		break;
	case 1:
		in->imm = (int32_t)((uint32_t)in->imm + pick(3) - 1);
		break;
	case 2:
		in->off = (int16_t)(in->off + (int32_t)pick(17) - 8);
		break;
	case 3:
		in->dst_reg = (uint8_t)pick(11) & 15;
		break;
	case 4:
		in->src_reg = (uint8_t)pick(11) & 15;
		break;
	case 5:
		in->code = isa_table[pick(ISA_COUNT)].opcode;
		break;
	case 6: /* another operation, size or width of the same kind */
		in->code ^= (uint8_t)(8 << pick(5));
		break;
	default:
		in->code ^= (uint8_t)(1 << pick(8));
	}
	if (in->code == (BPF_LD | BPF_IMM | BPF_DW)) /* there is no second half */
		in->code = BPF_ALU64 | BPF_MOV | BPF_K;
	if (BPF_CLASS(in->code) == BPF_JMP && BPF_OP(in->code) == BPF_CALL &&
	    in->src_reg == BPF_PSEUDO_KFUNC_CALL)
		in->src_reg = 0;
}

static bool is_wide(const struct bpf_insn *in)
{
	return in->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* Jumps and calls over the place where `by` instructions come in or go. */
static void shift_targets(struct programs_one *p, uint32_t at, int32_t by)
{
	for (uint32_t i = 0; i < p->n; i++) {
		struct bpf_insn *in = &p->insns[i];
		bool jump = BPF_CLASS(in->code) == BPF_JMP || BPF_CLASS(in->code) == BPF_JMP32;
		bool local = jump && BPF_OP(in->code) == BPF_CALL && in->src_reg == BPF_PSEUDO_CALL;
		bool func = is_wide(in) && in->src_reg == BPF_PSEUDO_FUNC;
		int64_t from = (int64_t)i + 1, to = from + (local || func ? in->imm : in->off);

		if (is_wide(in))
			i++;
		if (!func && (!jump || BPF_OP(in->code) == BPF_EXIT ||
			      (BPF_OP(in->code) == BPF_CALL && !local)))
			continue;
		if ((from <= at) == (to <= at))
			continue;
		if (local || func)
			in->imm = (int32_t)((uint32_t)in->imm + (uint32_t)(from <= at ? by : -by));
		else
			in->off = (int16_t)(in->off + (from <= at ? by : -by));
	}
}

void programs_remove(struct programs_one *p, uint32_t at)
{
	uint32_t by = is_wide(&p->insns[at]) ? 2 : 1;

	if (p->n <= by + 1 || at + by > p->n)
		return;
	shift_targets(p, at, -(int32_t)by);
	memmove(&p->insns[at], &p->insns[at + by], (p->n - at - by) * sizeof(*p->insns));
	p->n -= by;
}

static void mutate_insert(struct programs_one *p, uint32_t at, uint32_t from)
{
	uint32_t by = is_wide(&p->insns[from]) ? 2 : 1;
	struct bpf_insn copy[2] = {p->insns[from], {0}};

	if (by == 2)
		copy[1] = p->insns[from + 1];
	if (p->n + by > PROGRAMS_MAX)
		return;
	shift_targets(p, at, (int32_t)by);
	memmove(&p->insns[at + by], &p->insns[at], (p->n - at) * sizeof(*p->insns));
	memcpy(&p->insns[at], copy, by * sizeof(*copy));
	p->n += by;
}

/* Instructions begin where no wide one does before. */
static uint32_t a_start(const struct programs_one *p)
{
	uint32_t want = pick(p->n), at = 0;

	while (at < want) {
		uint32_t next = at + (is_wide(&p->insns[at]) ? 2 : 1);

		if (next >= p->n || next > want)
			break;
		at = next;
	}
	return at;
}

void programs_mutate(struct programs_one *p, uint32_t n_maps)
{
	for (uint32_t times = 1 + pick(pick(3) ? 2 : 5); times; times--) {
		uint32_t at = a_start(p), other = a_start(p);

		switch (pick(8)) {
		case 0:
			programs_remove(p, at);
			break;
		case 1:
			mutate_insert(p, at, other);
			break;
		case 2:
			if (!is_wide(&p->insns[at]) && !is_wide(&p->insns[other])) {
				struct bpf_insn in = p->insns[at];

				p->insns[at] = p->insns[other];
				p->insns[other] = in;
			}
			break;
		case 3:
			mutate_insert(p, at, other);
			mutate_field(&p->insns[at], n_maps);
			break;
		default:
			mutate_field(&p->insns[at], n_maps);
		}
	}
}

uint32_t programs_functions(const struct programs_one *p, uint32_t at[PROGRAMS_FUNCS + 1])
{
	uint32_t n = 1;

	at[0] = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct bpf_insn *in = &p->insns[i];
		uint32_t to = i + 1 + (uint32_t)in->imm, k = n;

		if (is_wide(in))
			i++;
		if (!(in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL) &&
		    !(is_wide(in) && in->src_reg == BPF_PSEUDO_FUNC))
			continue;
		while (k && at[k - 1] > to)
			k--;
		if (k && at[k - 1] == to)
			continue;
		if (n == PROGRAMS_FUNCS + 1)
			return n;
		memmove(&at[k + 1], &at[k], (n - k) * sizeof(*at));
		at[k] = to;
		n++;
	}
	return n;
}
