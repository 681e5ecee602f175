/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/prog.c - making and destroying programs.
 *
 * Invariant: a program holds a reference to its verified code and to each map from
 * vm_prog_new until vm_prog_destroy, which runs only when no thread can be inside it.
 */
#include "vm/prog.h"

#include <errno.h>
#include <stdlib.h>

#include "jit/jit.h"
#include "vm/debug.h"

static const struct vm_engine *prog_interpreter(enum vm_mode mode)
{
	if (mode == VM_CHECKED)
		return &vm_engine_checked;
#ifdef VM_FAST
	return &vm_engine_fast;
#else
	return &vm_engine_portable;
#endif
}

/* Makes the program runnable, as native code or decoded. */
static int prog_translate(struct vm_prog *prog, const struct vm_prog_attr *attr,
			  struct visor_diag *diag)
{
	int err;

	if (prog->mode == VM_UNCHECKED && attr->exec != VM_EXEC_INTERPRETED && jit_native()) {
		prog->engine = &vm_engine_native;
		err = vm_native_compile(prog, attr, diag);
		if (!prog->unplaced || attr->exec == VM_EXEC_NATIVE)
			return err;
		if (diag)
			memset(diag, 0, sizeof(*diag));
	}
	prog->engine = prog_interpreter(prog->mode);
	return vm_decode(prog, diag);
}

int vm_prog_new(const struct vm_prog_attr *attr, struct vm_prog **out, struct visor_diag *diag)
{
	const struct verified *v = attr->code;
	struct vm_prog *prog;
	int err;

	if (attr->mode == VM_UNCHECKED && v->may_ctx) {
		diag_fail(diag, -EOPNOTSUPP, "decode",
			  "an access may or may not be to the context");
		diag_hint(diag, "run it in checked mode");
		return -EOPNOTSUPP;
	}
	if (attr->exec == VM_EXEC_NATIVE && (!jit_native() || attr->mode == VM_CHECKED))
		return diag_fail(diag, -EOPNOTSUPP, "compile",
				 attr->mode == VM_CHECKED
					 ? "checked programs are interpreted"
					 : "there is no compiler for this machine");
	if (v->type->packet && v->type->ctx_size > VM_CTX_WINDOW)
		return diag_fail(diag, -E2BIG, "decode", "context of %u bytes is too large",
				 v->type->ctx_size);
	prog = calloc(1, sizeof(*prog));
	if (!prog)
		return diag_fail(diag, -ENOMEM, "decode", "out of memory");
	prog->refs = 1;
	prog->verified = verified_ref(v);
	prog->mode = attr->mode;
	prog->host = attr->host;
	prog->id = attr->id;
	prog->blind = attr->blind;
	prog->tail_id = UINT32_MAX;
	prog->type = v->type->type;
	memcpy(prog->name, attr->name, sizeof(prog->name) - 1);
	prog->maps = calloc(v->n_maps + 1, sizeof(*prog->maps));
	prog->counters = aligned_alloc(_Alignof(struct vm_counter),
				       map_possible_cpus() * sizeof(*prog->counters));
	if (!prog->maps || !prog->counters) {
		err = diag_fail(diag, -ENOMEM, "decode", "out of memory");
		goto out;
	}
	memset(prog->counters, 0, map_possible_cpus() * sizeof(*prog->counters));
	for (uint32_t i = 0; i < v->n_maps; i++)
		prog->maps[prog->n_maps++] = map_ref(attr->maps[i]);
	err = prog_translate(prog, attr, diag);
	if (prog->engine == &vm_engine_native)
		prog->tail_id = prog->id;
out:
	if (err)
		vm_prog_destroy(prog);
	else
		*out = prog;
	return err;
}

void vm_prog_destroy(struct vm_prog *prog)
{
	for (uint32_t i = 0; i < prog->n_maps; i++)
		map_unref(prog->maps[i]);
	verified_unref(prog->verified);
	free(prog->maps);
	free(prog->counters);
	if (prog->engine != &vm_engine_native)
		free(prog->code);
	vm_debug_free(prog->debug);
	vm_native_free(&prog->native);
	free(prog->use);
	free(prog->calls);
	free(prog);
}

struct vm_prog *vm_prog_ref(struct vm_prog *prog)
{
	__atomic_add_fetch(&prog->refs, 1, __ATOMIC_RELAXED);
	return prog;
}

void vm_prog_unref(struct vm_prog *prog)
{
	if (prog && __atomic_sub_fetch(&prog->refs, 1, __ATOMIC_ACQ_REL) == 0)
		vm_retire(prog);
}

const struct verified *vm_prog_code(const struct vm_prog *prog)
{
	return prog->verified;
}

const struct vm_native *vm_prog_native(const struct vm_prog *prog)
{
	return prog->native.mem ? &prog->native : NULL;
}

int vm_prog_unplaced(const struct vm_prog *prog)
{
	return prog->unplaced;
}

const char *vm_unplaced_text(int err)
{
	return err == -ENOMEM ? "there is no memory for its code"
			      : "the system forbids executable memory";
}

const char *vm_prog_name(const struct vm_prog *prog)
{
	return prog->name;
}

uint32_t vm_prog_id(const struct vm_prog *prog)
{
	return prog->id;
}
