/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/join.c - loads side by side whose bytes are put together become one load.
 *
 * Compilers load numbers of packets byte by byte, as eBPF does not say that misaligned loads are
 * allowed everywhere; on our machines they are. A sum (|, +, ^) of shifted loads is taken apart to
 * see which byte of memory each byte of its value is; if these are in a row, in one direction or
 * the other, a load does it, and perhaps a swap of bytes. Nothing may write between the loads.
 */
#include "jit/pass.h"

struct join {
	struct ir_func *f;
	struct ir_node *base; /* of the loads' addresses */
	struct ir_node *loads[8];
	uint32_t n_loads;
	bool has[8];	/* a byte of the value */
	int64_t off[8]; /* where it is in memory */
	uint32_t epoch; /* of the loads: writes in front of them */
};

static bool join_bytes(struct join *j, struct ir_node *load, unsigned shift, unsigned limit,
		       bool swapped)
{
	unsigned at = shift / 8;

	if (load->op != IR_LOAD || load->ordered || load->sign || load->uses != 1 ||
	    load->size == 8 || shift % 8 || shift + load->size * 8u > limit)
		return false;
	if (!j->n_loads) {
		j->base = load->arg[0];
		j->epoch = load->epoch;
	}
	if (load->arg[0] != j->base || load->epoch != j->epoch)
		return false;
	for (unsigned k = 0; k < load->size; k++) {
		if (j->has[at + k])
			return false;
		j->has[at + k] = true;
		j->off[at + k] = load->imm + (swapped ? load->size - 1 - k : k);
	}
	j->loads[j->n_loads++] = load;
	return true;
}

/* The bytes of n, whose value is shifted by so much; what is beyond the limit would be cut off. */
static bool join_gather(struct join *j, const struct ir_node *root, struct ir_node *n,
			unsigned shift, unsigned limit, unsigned depth)
{
	unsigned width = n->wide ? 64 : 32;

	if (n != root && (n->uses != 1 || n->block != root->block))
		return false;
	if (depth > 16)
		return false;
	switch (n->op) {
	case IR_OR:
	case IR_ADD:
	case IR_XOR:
		limit = MIN(limit, shift + width);
		return join_gather(j, root, n->arg[0], shift, limit, depth + 1) &&
		       join_gather(j, root, n->arg[1], shift, limit, depth + 1);
	case IR_SHL:
		limit = MIN(limit, shift + width);
		return ir_is_const(n->arg[1]) &&
		       join_gather(j, root, n->arg[0],
				   shift + ((unsigned)n->arg[1]->imm & (width - 1)), limit,
				   depth + 1);
	case IR_ZEXT:
		limit = MIN(limit, shift + n->size * 8u);
		return join_gather(j, root, n->arg[0], shift, limit, depth + 1);
	case IR_BSWAP:
		return n->arg[0]->op == IR_LOAD && n->arg[0]->size == n->size &&
		       n->arg[0]->block == root->block &&
		       join_bytes(j, n->arg[0], shift, limit, true);
	default:
		return join_bytes(j, n, shift, limit, false);
	}
}

static struct ir_node *join_node(struct join *j, struct ir_node *at, enum ir_op op, uint32_t n_args,
				 struct ir_node *x)
{
	struct ir_node *n = ir_new(j->f, op, n_args);

	n->insn = at->insn;
	if (n_args)
		n->arg[0] = x;
	ir_insert_before(at, n);
	return n;
}

/* Where the last one of the loads is, somewhere in front of n. */
static struct ir_node *join_place(const struct join *j, struct ir_node *n)
{
	for (;;) {
		n = n->prev;
		for (uint32_t k = 0; k < j->n_loads; k++)
			if (n == j->loads[k])
				return n;
	}
}

static void join_replace(struct join *j, struct ir_node *n, unsigned from, unsigned size, bool swap)
{
	struct ir_node *load = join_node(j, join_place(j, n), IR_LOAD, 1, j->base);
	struct ir_node *c, *value = load;

	load->size = (uint8_t)size;
	load->bits = (uint8_t)(size * 8);
	load->imm = swap ? j->off[from + size - 1] : j->off[from];
	load->epoch = j->epoch;
	load->shared = j->loads[0]->shared;
	if (swap) {
		value = join_node(j, n, IR_BSWAP, 1, value);
		value->size = (uint8_t)size;
		value->bits = (uint8_t)(size * 8);
	}
	if (from) {
		c = join_node(j, n, IR_CONST, 0, NULL);
		c->imm = from * 8;
		c->bits = jit_bits((uint64_t)c->imm);
		value = join_node(j, n, IR_SHL, 2, value);
		value->arg[1] = c;
		value->bits = (uint8_t)MIN(64u, (from + size) * 8);
	}
	n->same = value;
}

static bool join_try(struct ir_func *f, struct ir_node *n)
{
	struct join j = {.f = f};
	unsigned from = 0, to, size;
	bool up = true, down = true;

	if (!join_gather(&j, n, n, 0, 64, 0) || j.n_loads < 2)
		return false;
	while (!j.has[from])
		from++;
	for (to = from; to < 8 && j.has[to]; to++) {
		up &= to == from || j.off[to] == j.off[to - 1] + 1;
		down &= to == from || j.off[to] == j.off[to - 1] - 1;
	}
	size = to - from;
	for (; to < 8; to++)
		if (j.has[to])
			return false;
	if ((size & (size - 1)) || !(up || down))
		return false;
	join_replace(&j, n, from, size, !up);
	return true;
}

bool jit_join(struct ir_func *f)
{
	bool changed = false;

	for (uint32_t i = 0; i < f->n_order; i++) {
		struct ir_block *b = f->order[i];
		uint32_t writes = 0, loads = 0;

		for (struct ir_node *n = b->first; n; n = n->next) {
			n->epoch = writes;
			loads += n->op == IR_LOAD;
			writes += (ir_flags[n->op] & (IR_IS_WRITE | IR_IS_CALL)) != 0 || n->ordered;
		}
		/* The whole before its parts. */
		for (struct ir_node *n = b->last; n && loads > 1 && !f->failed; n = n->prev)
			if ((n->op == IR_OR || n->op == IR_ADD || n->op == IR_XOR) && n->uses &&
			    join_try(f, n)) {
				changed = true;
				/* So that the parts are not looked at. */
				n->arg[0]->uses = n->arg[1]->uses = 0;
			}
	}
	if (changed)
		ir_resolve(f);
	return changed;
}
