/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/vm.h - programs for tests of the vm: from assembly or instructions to a struct vm_prog.
 *
 * Everything fails loudly: a program that a test writes must assemble and verify.
 */
#ifndef TESTS_VM_H
#define TESTS_VM_H

#include <stdio.h>
#include <stdlib.h>
#include <visor/visor.h>

#include "isa/asm.h"
#include "jit/jit.h"
#include "vm/vm.h"

/* The ways in which a program can run; the last is the better one of the two before. */
enum test_way { TEST_CHECKED, TEST_INTERPRETED, TEST_NATIVE, TEST_BEST };
#define EACH_WAY(way) \
	for (int way = TEST_CHECKED; way <= (jit_native() ? TEST_NATIVE : TEST_INTERPRETED); way++)

/* Raw memory in r1, its size in r2; no context. */
static const struct prog_type test_raw_type = {
	.name = "raw",
	.type = VISOR_PROG_CUSTOM,
	.set = P_CUSTOM,
	.ret_min = INT64_MIN,
	.ret_max = INT64_MAX,
};

struct test_prog {
	const struct prog_type *type; /* NULL: test_raw_type */
	enum test_way way;
	struct map **maps;
	uint32_t n_maps;
	const struct vm_host *host;
	const struct vm_source *source;
	const struct vm_keep *keep;
	uint32_t id;
	const char *name;
	bool lenient; /* as conformance runs */
	bool blind;   /* native code does not hold the program's numbers */
};

static inline int test_helper_id(void *user, const char *name)
{
	return catalog_helper_id(name);
}

static inline int test_prog_insns(const struct test_prog *t, const struct bpf_insn *insns,
				  uint32_t n_insns, struct vm_prog **out, struct visor_diag *diag)
{
	struct verify_map descs[8] = {0};
	struct verify_image image = {
		.insns = insns,
		.n_insns = n_insns,
		.type = t->type ? t->type : &test_raw_type,
		.maps = descs,
		.n_maps = t->n_maps,
		.gpl = true,
		.any_helper = t->lenient,
		.call_reg = t->lenient,
		.lenient = t->lenient,
		.structure_only = true,
	};
	struct vm_prog_attr attr = {
		.maps = t->maps,
		.host = t->host,
		.mode = t->way == TEST_CHECKED ? VM_CHECKED : VM_UNCHECKED,
		.exec = t->way == TEST_NATIVE	     ? VM_EXEC_NATIVE
			: t->way == TEST_INTERPRETED ? VM_EXEC_INTERPRETED
						     : VM_EXEC_BEST,
		.source = t->source,
		.keep = t->keep,
		.blind = t->blind,
		.id = t->id,
	};
	const struct verified *code;
	int err;

	for (uint32_t i = 0; i < t->n_maps; i++)
		descs[i].desc = t->maps[i]->desc;
	snprintf(attr.name, sizeof(attr.name), "%.15s", t->name ? t->name : "test");
	err = verify_image(&image, &code, diag);
	if (err)
		return err;
	attr.code = code;
	err = vm_prog_new(&attr, out, diag);
	verified_unref(code);
	return err;
}

/* The program, or the end of the test. Maps are written map[idx:N]. */
static inline struct vm_prog *test_prog(const struct test_prog *t, const char *text)
{
	struct isa_asm_opts opts = {.helper = test_helper_id};
	struct visor_diag diag = {0};
	struct bpf_insn *insns = NULL;
	struct vm_prog *prog = NULL;
	uint32_t n;

	if (isa_assemble(text, strlen(text), &opts, &insns, &n, &diag) ||
	    test_prog_insns(t, insns, n, &prog, &diag)) {
		visor_diag_print(&diag, stderr);
		fprintf(stderr, "%s\n", text);
		abort();
	}
	free(insns);
	return prog;
}

#endif
