/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/native.c - programs as native code: compiling, placing, entering.
 *
 * prog->code of such a program is the address of its main function. Functions of programs
 * follow the C calling convention, with the run as sixth argument; so does the main function of
 * a program without tail calls. That of others destroys all registers, and is entered through
 * vm_native_enter (enter.S).
 */
#include <errno.h>
#include <stdlib.h>

#include "jit/ir.h"
#include "jit/jit.h"
#include "vm/code.h"
#include "vm/debug.h"
#include "vm/enter.h"
#include "vm/loops.h"
#include "vm/prog.h"
#include "vm/saved.h"

/* ---- what generated code calls ------------------------------------------------------------------
 */

static uint64_t native_packet_load(struct visor_run *run, int32_t off, uint32_t size)
{
	uint64_t value;

	return vm_packet_load(run, off, size, &value) ? value : UINT64_MAX;
}

/* Runs a program that is not native code; the last stop of a chain of tail calls. */
static uint64_t native_foreign(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
			       struct visor_run *run)
{
	uint64_t ret = 0;

	return vm_run_nested(run, run->next, &ret) ? 0 : ret;
}

/* The tail calls that native code may make without asking: none while they are counted. */
static uint64_t native_tails_left(const struct visor_run *run)
{
	return vm_stats_on() ? 0 : run->tail_calls;
}

struct native_next {
	const void *code;
	uint64_t left;
};

static struct native_next native_tail(struct visor_run *run, struct map *map, uint32_t index)
{
	const struct vm_prog *to = vm_tail_target(run, map, index);

	if (!to)
		return (struct native_next){NULL, 0};
	if (to->engine != &vm_engine_native) {
		run->next = to;
		return (struct native_next){(const void *)&native_foreign, 0};
	}
	run->prog = to;
	return (struct native_next){to->code, native_tails_left(run)};
}

/* Not a bool, of which a caller may only look at the lowest byte. */
static uint64_t native_tail_nested(struct visor_run *run, struct map *map, uint32_t index)
{
	const struct vm_prog *to = vm_tail_target(run, map, index);

	run->tail_result = 0;
	if (to)
		vm_run_nested(run, to, &run->tail_result);
	return to != NULL;
}

static uint64_t native_no_helper(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				 struct visor_run *run)
{
	check_fail(run, "indirect call: there is no such helper");
	check_stop(run, run->prog, run->prog->code);
	return 0;
}

static vm_helper_fn native_helper_by_id(struct visor_run *run, uint64_t id)
{
	struct vm_call call = {0};

	if (id <= UINT32_MAX)
		call = vm_call_by_id(run->prog, (uint32_t)id);
	return call.fn ? call.fn : native_no_helper;
}

static void *native_helper(void *user, uint32_t id, const struct helper **desc)
{
	struct vm_call call = vm_call_by_id(user, id);

	*desc = call.desc;
	return (void *)call.fn;
}

static bool native_tail_cell(void *user, uint32_t map, uint32_t index, const void **slot,
			     const void **cached)
{
	const struct vm_prog *prog = user;

	return vm_tail_cell(prog->maps[map], index, slot, cached);
}

/* ---- entering
 * ---------------------------------------------------------------------------------------- */

_Static_assert(offsetof(struct visor_run, prog) == ENTER_RUN_PROG, "as enter.S has it");
_Static_assert(offsetof(struct visor_run, ctx) == ENTER_RUN_CTX, "as enter.S has it");
_Static_assert(offsetof(struct visor_run, tail_calls) == ENTER_RUN_TAIL_CALLS, "as enter.S has it");
_Static_assert(offsetof(struct visor_run, stopped) == ENTER_RUN_STOPPED, "as enter.S has it");
_Static_assert(VM_MAX_TAIL_CALLS == ENTER_TAIL_CALLS, "as enter.S has it");

#if !defined(__x86_64__) && !defined(__aarch64__)
/* Never called: nothing is compiled for this machine. */
uint64_t vm_native_enter(uint64_t r1, uint64_t r2, uint64_t left, const void *code, uint64_t r5,
			 struct visor_run *run)
{
	return 0;
}

uint32_t vm_native_enter_all(struct visor_run *run, const void *code, void *const *ctx, uint32_t n,
			     uint64_t *ret, const struct vm_prog *prog)
{
	return 0;
}
#endif

static int native_run(struct visor_run *run, const struct vm_insn *pc, const uint64_t args[5],
		      uint64_t *ret)
{
	if (pc == run->prog->code && !run->prog->plain)
		*ret = vm_native_enter(args[0], args[1], native_tails_left(run), pc, 0, run);
	else
		*ret = ((vm_native_fn *)pc)(args[0], args[1], args[2], args[3], args[4], run);
	return UNLIKELY(run->stopped) ? -EFAULT : 0;
}

/* Compiled code needs no handlers. */
static void native_bind(struct vm_prog *prog, const uint8_t *ops)
{
}

const struct vm_engine vm_engine_native = {.run = native_run, .bind = native_bind};

/* ---- making
 * ---------------------------------------------------------------------------------------------- */

static void native_env(struct jit_env *env, uint32_t features)
{
	bool avx2 = features & JIT_AVX2;

	*env = (struct jit_env){
		.symbol =
			{
				[JIT_PACKET_LOAD] = (const void *)&native_packet_load,
				[JIT_TAIL] = (const void *)&native_tail,
				[JIT_TAIL_NESTED] = (const void *)&native_tail_nested,
				[JIT_STATS] = (const void *)&vm_stats_rate,
				[JIT_HELPER_BY_ID] = (const void *)&native_helper_by_id,
				[JIT_COPY] = (const void *)&loops_copy,
				[JIT_SUM1] = (const void *)loops_sum(1, avx2),
				[JIT_SUM2] = (const void *)loops_sum(2, avx2),
				[JIT_SUM4] = (const void *)loops_sum(4, avx2),
				[JIT_SKIP_EQUAL] = (const void *)&loops_skip_equal,
				[JIT_SKIP_EQUAL_TEXT] = (const void *)&loops_skip_equal_text,
				[JIT_SKIP_OTHER] = (const void *)&loops_skip_other,
			},
		.run_cpu = offsetof(struct visor_run, cpu),
		.run_stopped = offsetof(struct visor_run, stopped),
		.run_ctx = offsetof(struct visor_run, ctx),
		.run_tail_result = offsetof(struct visor_run, tail_result),
		.run_prog = offsetof(struct visor_run, prog),
		.run_tail_calls = offsetof(struct visor_run, tail_calls),
		.prog_tail_id = offsetof(struct vm_prog, tail_id),
		.prog_type = offsetof(struct vm_prog, type),
		.prog_code = offsetof(struct vm_prog, code),
		.may_goto = VM_MAY_GOTO,
		.code_near = vm_code_near(),
	};
}

void vm_native_free(struct vm_native *native)
{
	if (native->mem)
		vm_code_free(native->mem, native->size);
	free(native->entry);
	memset(native, 0, sizeof(*native));
}

/* What is known of the code besides its bytes: one allocation. */
static bool native_describe(struct vm_native *native, const struct jit_code *code,
			    const struct verified *v)
{
	uint32_t n_funcs = v->n_subprogs;
	size_t entries = n_funcs * sizeof(*code->entry),
	       lines = code->n_lines * sizeof(*code->lines);

	native->entry = malloc(entries + lines);
	if (!native->entry)
		return false;
	memcpy(native->entry, code->entry, entries);
	native->lines = (struct jit_line *)(native->entry + n_funcs);
	if (lines)
		memcpy(native->lines, code->lines, lines);
	for (uint32_t i = n_funcs; i--;)
		if (v->facts[v->subprogs[i].start].flags & VERIFIED_DEAD)
			native->entry[i] = i + 1 < n_funcs ? native->entry[i + 1] : native->size;
	native->n_funcs = n_funcs;
	native->n_lines = code->n_lines;
	return true;
}

/* Finds a place for the code and sets the addresses in it. -ERANGE: what it calls is too far away.
 */
static int native_place(struct vm_prog *prog, struct jit_code *code)
{
	struct vm_native *native = &prog->native;
	int err;

	prog->unplaced = 0;
	native->size = code->size;
	native->mem = vm_code_alloc(code->size, &err);
	if (!native->mem) {
		prog->unplaced = vm_code_refused(err) ? err : 0;
	} else if (!jit_relocate(code, (uintptr_t)native->mem)) {
		err = -ERANGE;
	} else if (!native_describe(native, code, prog->verified)) {
		err = -ENOMEM;
	} else {
		err = vm_code_write(native->mem, code->bytes, code->size);
		prog->unplaced = vm_code_refused(err) ? err : 0;
	}
	if (err)
		vm_native_free(native);
	return err;
}

/* The program can run. */
static void native_ready(struct vm_prog *prog, const struct vm_prog_attr *attr,
			 const struct jit_code *code)
{
	prog->code = (struct vm_insn *)(prog->native.mem + code->entry[0]);
	if (!prog->verified->tail_calls)
		prog->plain = (vm_native_fn *)(void *)prog->code;
	if (prog->plain && !code->needs_run)
		prog->leaf = (uint64_t(*)(uint64_t, uint64_t))(void *)prog->code;
	if (code->batch)
		prog->batch = (vm_native_batch_fn *)(void *)(prog->native.mem + code->batch);
	prog->debug = vm_debug_new(&(struct vm_debug_code){
		.native = &prog->native,
		.frames = code->frames,
		.batch = code->batch,
		.batch_frame = code->batch_frame,
		.prog = prog->name,
		.source = attr->source,
	});
}

/* Code that was kept. */
static bool native_restore(struct vm_prog *prog, const struct vm_prog_attr *attr,
			   const struct jit_env *env, const uint8_t key[VM_KEY_SIZE])
{
	struct jit_code code;
	bool done = false;
	size_t size;
	void *bytes = attr->keep->load(attr->keep->user, key, &size);

	if (bytes && saved_read(prog, env, bytes, size, key, &code)) {
		done = !native_place(prog, &code);
		if (done)
			native_ready(prog, attr, &code);
		free(code.relocs);
	}
	free(bytes);
	return done;
}

static void native_keep(const struct vm_prog *prog, const struct vm_keep *keep,
			const struct jit_env *env, const struct jit_code *code,
			const uint8_t key[VM_KEY_SIZE])
{
	size_t size;
	void *bytes = saved_write(prog, env, code, key, &size);

	if (bytes)
		keep->save(keep->user, key, bytes, size);
	free(bytes);
}

int vm_native_compile(struct vm_prog *prog, const struct vm_prog_attr *attr,
		      struct visor_diag *diag)
{
	struct jit_env env;
	struct jit_program p = {
		.code = prog->verified,
		.maps = prog->maps,
		.env = &env,
		.helper = native_helper,
		.tail = native_tail_cell,
		.user = prog,
		.features = jit_features(),
		.blind = attr->blind,
	};
	uint8_t key[VM_KEY_SIZE];
	bool keep = attr->keep && !attr->blind && saved_key(prog, p.features, key);
	struct jit_code code;
	int err;

	native_env(&env, p.features);
	if (keep && native_restore(prog, attr, &env, key))
		return 0;
	prog->unplaced = 0;
	err = jit_compile(&p, &code, diag);
	if (err)
		return err;
	err = native_place(prog, &code);
	if (err == -ERANGE) { /* with absolute addresses, then */
		jit_code_done(&code);
		env.code_near = 0;
		err = jit_compile(&p, &code, diag);
		if (err)
			return err;
		err = native_place(prog, &code);
	}
	if (err) {
		diag_fail(diag, err, "compile", "%u bytes of code cannot be placed: %s", code.size,
			  prog->unplaced ? vm_unplaced_text(err) : strerror(-err));
	} else {
		if (keep)
			native_keep(prog, attr->keep, &env, &code, key);
		native_ready(prog, attr, &code);
	}
	jit_code_done(&code);
	return err;
}

int vm_prog_stages(struct vm_prog *prog, const char *stages, FILE *to, struct visor_diag *diag)
{
	struct jit_env env;
	struct jit_program p = {
		.code = prog->verified,
		.maps = prog->maps,
		.env = &env,
		.helper = native_helper,
		.user = prog,
		.features = jit_features(),
		.blind = prog->blind,
		.stages = stages,
		.dump = to,
	};
	struct jit_code code;
	int err;

	if (!jit_native())
		return diag_fail(diag, -EOPNOTSUPP, "compile",
				 "there is no compiler for this machine");
	native_env(&env, p.features);
	err = jit_compile(&p, &code, diag);
	if (!err)
		jit_code_done(&code);
	return err;
}
