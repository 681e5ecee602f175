/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/inline.c - helpers whose work is done in place, or by a function that is called directly.
 */
#include "jit/build.h"
#include "map/array.h"

/* The map that a register is known to hold: constants only. */
static struct map *inline_map(const struct build *b, struct ir_node *n, uint32_t *index)
{
	if (n->op != IR_CONST || n->sym != SYM_MAP)
		return NULL;
	*index = n->index;
	return b->p->maps[n->index];
}

struct ir_node *inline_lookup(struct build *b, struct ir_block **miss)
{
	uint32_t index;
	struct map *map = inline_map(b, b->var[1], &index);
	struct ir_node *key, *value, *part;
	struct ir_block *hit;
	bool percpu;

	if (!map || (map->desc.type != BPF_MAP_TYPE_ARRAY &&
		     map->desc.type != BPF_MAP_TYPE_PERCPU_ARRAY))
		return NULL;
	percpu = map->desc.type == BPF_MAP_TYPE_PERCPU_ARRAY;
	key = build_load(b, b->var[2], 0, 4);
	build_branch(b, C_LT, false, key, build_const(b, map->desc.max_entries), &hit, miss);
	build_go_on(b, hit);
	key->bits = 32;
	value = build_sym(b, SYM_VALUES, index, map->mem);
	part = build_op(b, IR_MUL, true, key, build_const(b, map->value_stride));
	if (map->desc.max_entries == 1)
		part = NULL;
	if (percpu) {
		struct ir_node *cpu = build_load(b, b->run, b->p->env->run_cpu, 4);
		const struct array *a = (const struct array *)map;

		cpu = build_op(b, IR_MUL, true, cpu, build_const(b, (int64_t)a->cpu_stride));
		part = part ? build_op(b, IR_ADD, true, part, cpu) : cpu;
	}
	return part ? build_op(b, IR_ADD, true, value, part) : value;
}

/* The look-up of a map that is known: its own function, without the way through the helper. */
static void inline_direct_lookup(struct build *b, struct map *map, uint32_t index)
{
	struct ir_node *cpu = build_load(b, b->run, b->p->env->run_cpu, 4);
	struct ir_node *fn = build_sym(b, SYM_LOOKUP, index, (const void *)map->lookup);
	struct ir_node *n = build_node(b, IR_CALL, 5);

	n->arg[0] = fn;
	n->arg[1] = b->run;
	n->arg[2] = b->var[1];
	n->arg[3] = b->var[2];
	n->arg[4] = cpu;
	b->var[0] = n;
}

bool inline_helper(struct build *b, uint32_t id)
{
	uint32_t index;
	struct map *map;

	switch (id) {
	case BPF_FUNC_map_lookup_elem:
		map = inline_map(b, b->var[1], &index);
		if (!map)
			return false;
		inline_direct_lookup(b, map, index);
		return true;
	case BPF_FUNC_get_smp_processor_id:
		b->var[0] = build_load(b, b->run, b->p->env->run_cpu, 4);
		return true;
	default:
		return false;
	}
}
