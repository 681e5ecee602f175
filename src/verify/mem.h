/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem.h - an access to memory on its way through the files that check it.
 *
 *    mem.c       by which pointer; memory with bounds; packets; atomics
 *    mem_map.c   map values and their special fields   mem_ctx.c  the context
 *    mem_btf.c   structs of the kernel and of the program
 *    mem_call.c  memory that functions access          stack.c    the stack
 */
#ifndef VERIFY_MEM_H
#define VERIFY_MEM_H

#include "verify/env.h"

/* Offsets and sizes that are not known to be below this count as unbounded. */
#define MEM_MAX_VAR (INT64_C(1) << 29)

struct mem_op {
	int regno;
	int off; /* the pointer's constant offset included */
	int size;
	enum access access;
	int value;	  /* register that is stored or gets what was read, or -1 */
	bool sign_extend; /* READ */
};

static inline struct reg *mem_reg(struct env *env, const struct mem_op *op)
{
	return env_reg(env, op->regno);
}

/* The register that gets what is read, or NULL. */
static inline struct reg *mem_result(struct env *env, const struct mem_op *op)
{
	return op->access == ACCESS_READ && op->value >= 0 ? env_reg(env, op->value) : NULL;
}

/* A stored pointer that must stay secret; where: "map", "ctx", ... */
int mem_leak(struct env *env, const struct mem_op *op, const char *where);
int mem_read_only(struct env *env, int regno);

int mem_map_value(struct env *env, const struct mem_op *op);
/* Bounds and special fields; by_call: a function does the access. */
int mem_map_bounds(struct env *env, int regno, int off, int size, bool zero_ok, bool by_call);
int mem_map_rights(struct env *env, const struct reg *reg, int off, int size, enum access access);
int mem_map_ptr(struct env *env, const struct mem_op *op);
int mem_ctx(struct env *env, const struct mem_op *op);
int mem_btf(struct env *env, const struct mem_op *op);
int mem_packet_bounds(struct env *env, int regno, int off, int size, bool zero_ok);
int mem_buffer_bounds(struct env *env, const struct reg *reg, int regno, int off, int size);
/* What a walk found becomes the result; flags are enum reg_flag of a pointer. */
void mem_set_walked(struct env *env, struct reg *dst, const struct btf *btf,
		    const struct btf_walk *walk, uint16_t flags);
uint16_t mem_tag_flags(uint8_t tags);

int stack_access(struct env *env, const struct mem_op *op);

/* Objects that are read under RCU protection now stay valid. */
static inline bool mem_in_rcu(const struct env *env)
{
	return env->st->rcu_depth || env->st->locks || !env_may_sleep(env);
}

/* Known bits as the kernel writes them; buf is returned. */
#define MEM_TNUM_TEXT 48
const char *mem_tnum_text(struct tnum t, char buf[MEM_TNUM_TEXT]);

#endif
