/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/shapes.c - the generator of shapes.h: functions, variables, control flow. The idioms are in
 * shapes_idioms.c.
 *
 * Variables always hold numbers, so that any statement can stand anywhere; registers that are home
 * to none are free between statements. Functions that call nothing have more variables in
 * registers.
 */
#include "shapes.h"

#include <string.h>

#include "shapes_impl.h"

struct shape shape;

/* ---- instructions --------------------------------------------------------------------------- */

uint32_t shape_emit(uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	struct programs_one *p = shape.p;

	if (p->n < PROGRAMS_MAX)
		p->insns[p->n++] = (struct bpf_insn){.code = code,
						     .dst_reg = (uint8_t)(dst & 15),
						     .src_reg = (uint8_t)(src & 15),
						     .off = (int16_t)off,
						     .imm = imm};
	return p->n - 1;
}

void shape_wide(uint32_t dst, uint32_t src, int32_t low, int32_t high)
{
	if (shape.p->n + 2 > PROGRAMS_MAX)
		return;
	shape_emit(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, low);
	shape_emit(0, 0, 0, 0, high);
}

void shape_here(uint32_t jump)
{
	struct bpf_insn *in = &shape.p->insns[jump];
	int32_t by = (int32_t)(shape.p->n - jump - 1);

	if (in->code == (BPF_JMP32 | BPF_JA))
		in->imm = by;
	else
		in->off = (int16_t)by;
}

uint32_t shape_goto(void)
{
	return shape_emit((pick(6) ? BPF_JMP : BPF_JMP32) | BPF_JA, 0, 0, 0, 0);
}

static void go_back(uint32_t to)
{
	shape_emit(BPF_JMP | BPF_JA, 0, 0, (int32_t)to - (int32_t)shape.p->n - 1, 0);
}

void shape_call(int32_t helper)
{
	shape_emit(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void shape_number(uint32_t r)
{
	uint64_t v = programs_number();

	switch (pick(4)) {
	case 0:
		shape_wide(r, 0, (int32_t)v, (int32_t)(v >> 32));
		break;
	case 1:
		shape_emit(BPF_ALU | BPF_MOV | BPF_K, r, 0, 0, (int32_t)v);
		break;
	default:
		shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, (int32_t)v);
	}
}

uint8_t shape_size(uint32_t size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

/* ---- variables ------------------------------------------------------------------------------ */

static int32_t slot_of(uint32_t var)
{
	return -8 * (int32_t)(var + 1);
}

uint32_t shape_var(void)
{
	return pick(shape.n_vars);
}

/* One that may be written. */
uint32_t shape_target(void)
{
	for (int i = 0; i < 20; i++) {
		uint32_t v = pick(shape.n_vars);

		if (!shape.locked[v])
			return v;
	}
	return shape.n_vars; /* the one that nobody reads */
}

/* Its register, or temp with its value. */
uint32_t shape_read(uint32_t var, uint32_t temp)
{
	if (var < shape.n_vars && shape.home[var])
		return shape.home[var];
	shape_emit(BPF_LDX | BPF_MEM | BPF_DW, temp, 10, slot_of(var), 0);
	return temp;
}

void shape_copy(uint32_t var, uint32_t reg)
{
	uint32_t r = shape_read(var, reg);

	if (r != reg)
		shape_emit((pick(8) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X, reg, r, 0, 0);
}

void shape_write(uint32_t var, uint32_t reg)
{
	if (var < shape.n_vars && shape.home[var]) {
		if (shape.home[var] != reg)
			shape_emit(BPF_ALU64 | BPF_MOV | BPF_X, shape.home[var], reg, 0, 0);
		return;
	}
	shape_emit(BPF_STX | BPF_MEM | BPF_DW, 10, reg, slot_of(var), 0);
}

/* The slot of a variable that has one, or of the scratch area. */
int32_t shape_slot(void)
{
	for (int i = 0; i < 8; i++) {
		uint32_t v = pick(shape.n_vars);

		if (!shape.home[v] && !shape.locked[v])
			return slot_of(v);
	}
	return shape.scratch;
}

/* n different free registers. */
void shape_temps(uint32_t *regs, uint32_t n)
{
	uint32_t all[6], count = shape.leaf ? 3 : 6;

	for (uint32_t i = 0; i < count; i++)
		all[i] = i;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + pick(count - i), r = all[k];

		all[k] = all[i];
		all[i] = r;
		regs[i] = r;
	}
}

void shape_ctx(uint32_t reg)
{
	if (shape.ctx_reg)
		shape_emit(BPF_ALU64 | BPF_MOV | BPF_X, reg, shape.ctx_reg, 0, 0);
	else
		shape_emit(BPF_LDX | BPF_MEM | BPF_DW, reg, 10, shape.ctx_slot, 0);
}

/* ---- conditions ----------------------------------------------------------------------------- */

/* A jump on variables, to be placed with shape_here. */
uint32_t shape_condition(void)
{
	static const uint8_t ops[] = {BPF_JEQ, BPF_JNE,	 BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
				      BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	uint8_t code = (pick(3) ? BPF_JMP : BPF_JMP32) | ops[pick(ARRAY_SIZE(ops))];
	uint32_t t[2], a, b;

	shape_temps(t, 2);
	a = shape_read(shape_var(), t[0]);
	if (pick(5) < 3)
		return shape_emit(code | BPF_K, a, 0, 0,
				  pick(3) ? (int32_t)pick(9) - 2 : (int32_t)programs_number());
	b = shape_read(shape_var(), t[1]);
	return shape_emit(code | BPF_X, a, b, 0, 0);
}

static void make_if(void)
{
	uint32_t jump = shape_condition(), over;

	shape_block(1 + pick(4));
	if (pick(2)) {
		over = shape_goto();
		shape_here(jump);
		shape_block(1 + pick(3));
		shape_here(over);
		return;
	}
	shape_here(jump);
}

/* A condition that is known, and code that nothing leads to; or everything. */
static void make_known(void)
{
	uint32_t t[1], jump;
	int32_t k = (int32_t)programs_number();

	shape_temps(t, 1);
	shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, t[0], 0, 0, k);
	if (pick(3))
		jump = shape_emit(BPF_JMP | (pick(2) ? BPF_JEQ : BPF_JGE) | BPF_K, t[0], 0, 0, k);
	else
		jump = shape_emit(BPF_JMP | (pick(2) ? BPF_JNE : BPF_JSLT) | BPF_K, t[0], 0, 0, k);
	shape_block(1 + pick(2));
	shape_here(jump);
}

/* Conditions with a common target: `a && b && c`, `a || b`. */
static void make_chain(void)
{
	uint32_t jumps[4], n = 2 + pick(3);

	for (uint32_t i = 0; i < n; i++)
		jumps[i] = shape_condition();
	shape_block(1 + pick(2));
	for (uint32_t i = 0; i < n; i++)
		shape_here(jumps[i]);
}

/* ---- switches ------------------------------------------------------------------------------- */

enum { CASES_MAX = 24, SWITCH_JUMPS = 64 };

static struct {
	uint32_t reg, jumps[SWITCH_JUMPS], n;
	uint8_t to[SWITCH_JUMPS]; /* case; CASES_MAX: the default */
	int32_t base, step;
} sw;

static void case_jump(uint32_t at, uint32_t to)
{
	if (sw.n == SWITCH_JUMPS)
		return;
	sw.jumps[sw.n] = at;
	sw.to[sw.n++] = (uint8_t)to;
}

static uint8_t case_class(void)
{
	return pick(4) ? BPF_JMP : BPF_JMP32;
}

static void case_tree(uint32_t low, uint32_t high)
{
	uint32_t middle = (low + high) / 2, jump;

	if (high - low <= pick(3)) {
		for (uint32_t i = low; i <= high; i++)
			case_jump(shape_emit(case_class() | BPF_JEQ | BPF_K, sw.reg, 0, 0,
					     sw.base + sw.step * (int32_t)i),
				  i);
		case_jump(shape_goto(), CASES_MAX);
		return;
	}
	jump = shape_emit(case_class() | (pick(3) ? BPF_JGT : BPF_JSGT) | BPF_K, sw.reg, 0, 0,
			  sw.base + sw.step * (int32_t)middle);
	case_tree(low, middle);
	shape_here(jump);
	case_tree(middle + 1, high);
}

/* Else it is fallen through to. */
static bool case_has_jump(const uint8_t *to, uint32_t n_jumps, uint32_t i, uint32_t n)
{
	for (uint32_t k = 0; k < n_jumps; k++)
		if (to[k] == (i == n ? CASES_MAX : i))
			return true;
	return false;
}

static void make_switch(void)
{
	uint32_t n = 3 + pick(pick(4) ? 8 : CASES_MAX - 3), t[1], ends[CASES_MAX], n_ends = 0;
	uint32_t jumps[SWITCH_JUMPS], n_jumps;
	uint8_t to[SWITCH_JUMPS];

	shape_temps(t, 1);
	shape_copy(shape_var(), t[0]);
	if (pick(3))
		shape_emit((pick(2) ? BPF_ALU64 : BPF_ALU) | BPF_AND | BPF_K, t[0], 0, 0,
			   7 + 8 * (int32_t)pick(4));
	sw.reg = t[0];
	sw.n = 0;
	sw.base = (int32_t)pick(4) - 1;
	sw.step = pick(5) ? 1 : 1 + (int32_t)pick(5);
	if (pick(2)) {
		case_tree(0, n - 1);
	} else {
		for (uint32_t i = 0; i < n; i++)
			case_jump(shape_emit(case_class() | BPF_JEQ | BPF_K, sw.reg, 0, 0,
					     sw.base + sw.step * (int32_t)i),
				  !i || pick(6) ? i : pick(n));
		case_jump(shape_goto(), CASES_MAX);
	}
	/* Others may nest. */
	n_jumps = sw.n;
	memcpy(jumps, sw.jumps, sizeof(jumps));
	memcpy(to, sw.to, sizeof(to));
	for (uint32_t i = 0; i <= n; i++) {
		for (uint32_t k = 0; k < n_jumps; k++)
			if (to[k] == i || (i == n && to[k] == CASES_MAX))
				shape_here(jumps[k]);
		if (i == n)
			break;
		shape_block(pick(2));
		shape_simple();
		if (pick(4) && n_ends < CASES_MAX && case_has_jump(to, n_jumps, i + 1, n))
			ends[n_ends++] = shape_goto();
	}
	if (pick(2))
		shape_block(1);
	for (uint32_t i = 0; i < n_ends; i++)
		shape_here(ends[i]);
}

/* ---- loops ---------------------------------------------------------------------------------- */

static void add_to(uint32_t var, int32_t by)
{
	uint32_t t[1], r;

	shape_temps(t, 1);
	r = shape_read(var, t[0]);
	shape_emit((pick(4) ? BPF_ALU64 : BPF_ALU) | BPF_ADD | BPF_K, r, 0, 0, by);
	if (r == t[0])
		shape_write(var, r);
}

static void set_var(uint32_t var, int32_t k)
{
	uint32_t t[1];

	shape_temps(t, 1);
	shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, t[0], 0, 0, k);
	shape_write(var, t[0]);
}

/* a, b, ... = b, ..., a: what a loop's phis do to each other. */
void shape_swap(void)
{
	uint32_t t[2], v[3], n = 2 + pick(2), r;

	for (uint32_t i = 0; i < n; i++)
		v[i] = shape_target();
	shape_temps(t, 2);
	shape_copy(v[0], t[0]);
	for (uint32_t i = 0; i + 1 < n; i++) {
		r = shape_read(v[i + 1], t[1]);
		shape_write(v[i], r);
	}
	shape_write(v[n - 1], t[0]);
}

static void loop_exits(struct shape_loop *loop, bool conts)
{
	uint32_t *jumps = conts ? loop->conts : loop->breaks;
	uint32_t n = conts ? loop->n_conts : loop->n_breaks;

	for (uint32_t i = 0; i < n; i++)
		shape_here(jumps[i]);
}

static void loop_body(struct shape_loop *loop)
{
	loop->outer = shape.loop;
	shape.loop = loop;
	if (!pick(3))
		shape_swap();
	shape_block(1 + pick(3));
	shape.loop = loop->outer;
}

/* The jump back while the counter has not reached its end. */
static void loop_again(uint32_t i, uint32_t head, int32_t end, uint32_t end_var)
{
	static const uint8_t ops[] = {BPF_JLT, BPF_JSLT, BPF_JNE};
	uint8_t class = pick(4) ? BPF_JMP : BPF_JMP32;
	uint32_t t[2], r;

	shape_temps(t, 2);
	r = shape_read(i, t[0]);
	if (end_var < shape.n_vars) {
		uint32_t e = shape_read(end_var, t[1]);

		shape_emit(class | BPF_JLT | BPF_X, r, e, (int32_t)head - (int32_t)shape.p->n - 1,
			   0);
		return;
	}
	shape_emit(class | (end ? ops[pick(3)] : BPF_JNE) | BPF_K, r, 0,
		   (int32_t)head - (int32_t)shape.p->n - 1, end);
}

static void make_loop(void)
{
	uint32_t i = shape_target(), bound = shape.n_vars, head, t[1];
	int32_t n = 1 + (int32_t)pick(5), step = 1;
	struct shape_loop loop = {.step = 1};

	if (shape.loop && shape.loop->outer)
		return;
	if (i == shape.n_vars)
		return;
	shape.locked[i] = true;
	if (!pick(3)) { /* down */
		set_var(i, n);
		step = -1;
		n = 0;
	} else {
		set_var(i, 0);
		if (!pick(3)) {
			bound = shape_target();
			shape_temps(t, 1);
			shape_copy(shape_var(), t[0]);
			shape_emit(BPF_ALU64 | BPF_AND | BPF_K, t[0], 0, 0, 3);
			shape_write(bound, t[0]);
			if (bound < shape.n_vars)
				shape.locked[bound] = true;
		}
	}
	head = shape.p->n;
	if (!pick(4)) { /* tested first: an edge to an exit from the middle */
		shape_temps(t, 1);
		loop.breaks[loop.n_breaks++] =
			shape_emit(BPF_JMP | BPF_JSGT | BPF_K, shape_read(i, t[0]), 0, 0,
				   2 + (int32_t)pick(4));
	}
	loop_body(&loop);
	if (!pick(3)) { /* a second way back */
		uint32_t jump = shape_condition();

		add_to(i, step);
		loop_again(i, head, n, bound);
		loop.breaks[loop.n_breaks++] = shape_goto();
		shape_here(jump);
		shape_block(1);
	}
	loop_exits(&loop, true);
	add_to(i, step);
	loop_again(i, head, n, bound);
	loop_exits(&loop, false);
	shape.locked[i] = false;
	if (bound < shape.n_vars)
		shape.locked[bound] = false;
}

/* As long as there are bits, or may_goto says so. */
static void make_open_loop(void)
{
	struct shape_loop loop = {.step = 0};
	uint32_t i = shape_target(), head, t[1], r;

	if (shape.loop || i == shape.n_vars)
		return;
	shape.locked[i] = true;
	if (pick(2))
		set_var(i, (int32_t)pick(200));
	head = shape.p->n;
	loop.breaks[loop.n_breaks++] = shape_emit(BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	loop_body(&loop);
	loop_exits(&loop, true);
	shape_temps(t, 1);
	r = shape_read(i, t[0]);
	shape_emit(BPF_ALU64 | BPF_RSH | BPF_K, r, 0, 0, 1 + (int32_t)pick(9));
	if (r == t[0])
		shape_write(i, r);
	if (pick(2)) {
		shape_emit(BPF_JMP | BPF_JNE | BPF_K, r, 0, (int32_t)head - (int32_t)shape.p->n - 1,
			   0);
	} else {
		loop.breaks[loop.n_breaks++] = shape_emit(BPF_JMP | BPF_JEQ | BPF_K, r, 0, 0, 0);
		go_back(head);
	}
	loop_exits(&loop, false);
	shape.locked[i] = false;
}

static void make_break(void)
{
	struct shape_loop *loop = shape.loop;
	bool cont = pick(2);

	if (!loop || loop->n_breaks > LOOP_JUMPS - 4 || loop->n_conts == LOOP_JUMPS)
		return;
	if (cont)
		loop->conts[loop->n_conts++] = shape_condition();
	else
		loop->breaks[loop->n_breaks++] = shape_condition();
}

/* To the end of the function, from anywhere. */
static void make_leave(void)
{
	if (shape.n_exits == SHAPE_EXITS || shape.held)
		return;
	shape.exits[shape.n_exits++] = shape_condition();
}

/* ---- functions ------------------------------------------------------------------------------ */

static void make_call(void)
{
	struct shape_func *f = &shape.funcs[shape.n_funcs];
	enum shape_func_kind kind = (enum shape_func_kind)pick(4);

	if (shape.leaf || shape.n_funcs == PROGRAMS_FUNCS - 2 || shape.level > 1)
		return;
	f->kind = kind == FUNC_CTX && !shape.has_ctx ? FUNC_SCALAR : kind;
	f->level = shape.level + 1;
	if (f->kind == FUNC_CALLBACK) {
		shape_copy(shape_var(), 1);
		shape_emit(BPF_ALU64 | BPF_AND | BPF_K, 1, 0, 0, 7);
		if (pick(3))
			shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (int32_t)pick(6));
		f->call = shape.p->n;
		shape_wide(2, BPF_PSEUDO_FUNC, 0, 0);
		shape_emit(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		shape_emit(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, shape.scratch);
		shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
		shape_call(BPF_FUNC_loop);
	} else {
		f->n_args = 1 + pick(5);
		for (uint32_t r = 1; r <= f->n_args; r++)
			shape_copy(shape_var(), r);
		if (f->kind == FUNC_POINTER) {
			shape_emit(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
			shape_emit(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, shape.scratch);
		}
		if (f->kind == FUNC_CTX)
			shape_ctx(1);
		f->call = shape_emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	}
	shape.n_funcs++;
	shape_write(shape_target(), 0);
}

/* The same function again, from another place. */
static void make_call_again(void)
{
	for (uint32_t i = 0; i < shape.n_funcs; i++) {
		struct shape_func *f = &shape.funcs[i];

		if (f->kind != FUNC_SCALAR || f->level <= shape.level || f->again || shape.leaf ||
		    f->level > 2)
			continue;
		for (uint32_t r = 1; r <= f->n_args; r++)
			shape_copy(shape_var(), r);
		f->again = shape_emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
		shape_write(shape_target(), 0);
		return;
	}
}

/* ---- statements ----------------------------------------------------------------------------- */

static const struct shape_statement control[] = {
	{make_if, 16},	{make_known, 2},      {make_chain, 5}, {make_switch, 5},
	{make_loop, 9}, {make_open_loop, 3},  {make_break, 6}, {make_leave, 2},
	{make_call, 6}, {make_call_again, 2},
};

static void choose(const struct shape_statement *list, uint32_t n)
{
	uint32_t sum = 0, k;

	for (uint32_t i = 0; i < n; i++)
		sum += list[i].weight;
	k = pick(sum);
	for (uint32_t i = 0; i < n; i++) {
		if (k < list[i].weight) {
			list[i].make();
			return;
		}
		k -= list[i].weight;
	}
}

void shape_simple(void)
{
	choose(shape_idioms, shape_n_idioms);
}

void shape_block(uint32_t n)
{
	shape.depth++;
	while (n--) {
		if (shape.p->n > shape.limit)
			break;
		if (shape.depth < 5 && pick(100) < 45)
			choose(control, ARRAY_SIZE(control));
		else
			shape_simple();
	}
	shape.depth--;
}

/* ---- a function ----------------------------------------------------------------------------- */

static void lay_out(uint32_t most_slots)
{
	uint32_t regs[7], n = 0, in_slots = 1 + pick(most_slots);

	memset(shape.home, 0, sizeof(shape.home));
	memset(shape.locked, 0, sizeof(shape.locked));
	for (uint32_t r = shape.leaf ? 3 : 6; r < 10; r++)
		if (r != shape.ctx_reg)
			regs[n++] = r;
	/* Variables in registers come behind those in slots, where slots count from the top. */
	shape.n_vars = in_slots + n;
	for (uint32_t i = 0; i < n; i++)
		shape.home[in_slots + i] = (uint8_t)regs[i];
	/* One more slot is for what has nowhere to go. */
	shape.ctx_slot = -8 * (int32_t)(shape.n_vars + 2);
	shape.pointer_slot = shape.ctx_slot - 8;
	shape.key_slot = shape.pointer_slot - 8;
	shape.scratch = shape.key_slot - SHAPE_SCRATCH;
}

static void scratch_init(void)
{
	for (int32_t i = 0; i < SHAPE_SCRATCH; i += 8)
		shape_emit(BPF_ST | BPF_MEM | BPF_DW, 10, 0, shape.scratch + i,
			   (int32_t)programs_number());
}

/* Variables: arguments, then numbers from the map, or any. */
static void vars_init(uint32_t n_args, uint32_t first_arg)
{
	uint32_t from = shape.leaf ? 2 : 5, v = 0;

	for (; v < shape.n_vars && v + first_arg <= n_args; v++)
		shape_write(v, v + first_arg);
	/* In leaf functions r3 to r5 may be home to one that comes later. */
	shape_wide(from, BPF_PSEUDO_MAP_VALUE, PROGRAMS_ONE, 0);
	for (; v <= shape.n_vars; v++) {
		uint32_t r = v < shape.n_vars && shape.home[v] ? shape.home[v] : 0;
		uint32_t size = pick(3) ? 8 : 1u << pick(4);

		if (pick(4))
			shape_emit(BPF_LDX | (size < 8 && pick(2) ? BPF_MEMSX : BPF_MEM) |
					   shape_size(size),
				   r, from, (int32_t)(pick(64 / size) * size), 0);
		else
			shape_number(r);
		shape_write(v, r);
	}
}

/* What became of the variables, into r0. */
static void fold(void)
{
	shape_emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (int32_t)pick(100));
	for (uint32_t v = 0; v < shape.n_vars; v++) {
		uint32_t r = shape_read(v, 1);

		shape_emit(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 0x01000193);
		shape_emit(BPF_ALU64 | (pick(2) ? BPF_XOR : BPF_ADD) | BPF_X, 0, r, 0, 0);
	}
}

static void function_end(enum shape_func_kind kind)
{
	if (!pick(4) && kind != FUNC_CALLBACK && kind != FUNC_MAIN) { /* a second end */
		uint32_t jump = shape_condition();

		shape_copy(shape_var(), 0);
		shape_emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		shape_here(jump);
	}
	for (uint32_t i = 0; i < shape.n_exits; i++)
		shape_here(shape.exits[i]);
	if (kind == FUNC_MAIN) {
		shape_wide(2, BPF_PSEUDO_MAP_VALUE, PROGRAMS_ONE, 0);
		for (uint32_t v = 0; v < shape.n_vars && v < 8; v++)
			shape_emit(BPF_STX | BPF_MEM | BPF_DW, 2, shape_read(v, 1), 8 * (int32_t)v,
				   0);
	}
	if (kind == FUNC_CALLBACK) {
		shape_copy(shape_var(), 0);
		shape_emit(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, pick(4) ? 1 : 0);
	} else {
		fold();
	}
	shape_emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void function(enum shape_func_kind kind, uint32_t n_args, uint32_t level)
{
	static const uint32_t sizes[] = {2, 4, 6, 10, 16};
	bool main = kind == FUNC_MAIN;

	shape.level = level;
	shape.n_exits = shape.depth = 0;
	shape.loop = NULL;
	shape.held = shape.pointer_busy = false;
	shape.leaf = !pick(main ? 4 : 2);
	shape.ctx_reg = main && !shape.leaf && pick(2) ? 6 : 0;
	shape.has_ctx = main || kind == FUNC_CTX;
	lay_out(main ? 14 : 3);
	if (main) {
		if (shape.ctx_reg)
			shape_emit(BPF_ALU64 | BPF_MOV | BPF_X, shape.ctx_reg, 1, 0, 0);
		shape_emit(BPF_STX | BPF_MEM | BPF_DW, 10, 1, shape.ctx_slot, 0);
		vars_init(0, 1);
	} else {
		/* A pointer comes in r1 or r2, and stays in its slot. */
		uint32_t at = kind == FUNC_POINTER || kind == FUNC_CTX ? 1
			      : kind == FUNC_CALLBACK		       ? 2
								       : 0;

		if (at)
			shape_emit(BPF_STX | BPF_MEM | BPF_DW, 10, at, shape.ctx_slot, 0);
		if (kind == FUNC_CALLBACK)
			vars_init(1, 1);
		else
			vars_init(shape.leaf ? MIN(n_args, 2U) : n_args, at ? 2 : 1);
	}
	shape.given = !main && (kind == FUNC_POINTER || kind == FUNC_CALLBACK);
	scratch_init();
	shape_block(main ? sizes[pick(ARRAY_SIZE(sizes))] : 2 + pick(4));
	function_end(kind);
}

void shapes_generate(uint32_t prog_type, struct programs_one *p)
{
	memset(&shape, 0, sizeof(shape));
	shape.p = p;
	shape.type = prog_type;
	shape.limit = 40 + pick(pick(3) ? 80 : 240);
	p->n = 0;
	function(FUNC_MAIN, 0, 0);
	for (uint32_t i = 0; i < shape.n_funcs; i++) {
		struct shape_func f = shape.funcs[i];
		uint32_t at = p->n;

		shape.limit = MIN(p->n + 60, (uint32_t)PROGRAMS_MAX - 60);
		p->insns[f.call].imm = (int32_t)(at - f.call - 1);
		function(f.kind, f.n_args, f.level);
		f = shape.funcs[i];
		if (f.again)
			p->insns[f.again].imm = (int32_t)(at - f.again - 1);
	}
}
