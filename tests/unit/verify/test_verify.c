/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs in tests/verify cannot say: limits, maps, registered helpers, facts. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "verify/verify.h"

static int assemble_and_verify(const char *text, struct verify_image *image,
			       const struct verified **v, struct visor_diag *diag)
{
	struct bpf_insn *insns;
	int err;

	*v = NULL;
	assert_int_equal(isa_assemble(text, strlen(text), NULL, &insns, &image->n_insns, diag), 0);
	image->insns = insns;
	if (!image->type)
		image->type = catalog_prog(BPF_PROG_TYPE_XDP);
	err = verify_image(image, v, diag);
	free(insns);
	image->insns = NULL;
	return err;
}

static void limits_of_length(void **state)
{
	struct bpf_insn insn = {.code = BPF_JMP | BPF_EXIT};
	struct verify_image image = {.insns = &insn, .type = catalog_prog(BPF_PROG_TYPE_XDP)};
	const struct verified *v;

	assert_int_equal(verify_image(&image, &v, NULL), -E2BIG);
	image.n_insns = 1000001;
	assert_int_equal(verify_image(&image, &v, NULL), -E2BIG);
}

static void keeps_a_copy(void **state)
{
	struct bpf_insn insn = {.code = BPF_JMP | BPF_EXIT};
	struct verify_image image = {.structure_only = true,
				     .insns = &insn,
				     .n_insns = 1,
				     .type = catalog_prog(BPF_PROG_TYPE_XDP)};
	const struct verified *v;

	assert_int_equal(verify_image(&image, &v, NULL), 0);
	insn.code = 0xff;
	assert_int_equal(v->insns[0].code, BPF_JMP | BPF_EXIT);
	verified_unref(verified_ref(v));
	assert_int_equal(v->n_subprogs, 1);
	verified_unref(v);
}

static void map_references(void **state)
{
	struct verify_map maps[] = {
		{.desc = {.type = BPF_MAP_TYPE_ARRAY,
			  .key_size = 4,
			  .value_size = 16,
			  .max_entries = 1}},
		{.desc = {.type = BPF_MAP_TYPE_HASH,
			  .key_size = 4,
			  .value_size = 16,
			  .max_entries = 8}},
	};
	struct verify_image image = {.structure_only = true, .maps = maps, .n_maps = 2};
	const struct verified *v;
	struct visor_diag diag;
	struct {
		struct bpf_insn load[2], exit;
	} prog = {
		.load = {{.code = BPF_LD | BPF_IMM | BPF_DW}},
		.exit = {.code = BPF_JMP | BPF_EXIT},
	};
	static const struct {
		int src, imm, off, err;
	} cases[] = {
		{BPF_PSEUDO_MAP_IDX, 0, 0, 0},
		{BPF_PSEUDO_MAP_IDX, 1, 0, 0},
		{BPF_PSEUDO_MAP_IDX, 2, 0, -EINVAL},
		{BPF_PSEUDO_MAP_IDX, -1, 0, -EINVAL},
		{BPF_PSEUDO_MAP_IDX, 0, 1, -EINVAL},
		{BPF_PSEUDO_MAP_IDX_VALUE, 0, 15, 0},
		{BPF_PSEUDO_MAP_IDX_VALUE, 0, 16, -EINVAL},
		{BPF_PSEUDO_MAP_IDX_VALUE, 1, 0, -EINVAL}, /* a hash has no direct value */
		{BPF_PSEUDO_MAP_FD, 0, 0, -EINVAL},	   /* must have been resolved */
		{BPF_PSEUDO_BTF_ID, 0, 0, -EINVAL},
	};

	image.type = catalog_prog(BPF_PROG_TYPE_XDP);
	image.insns = prog.load;
	image.n_insns = 3;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prog.load[0].src_reg = (uint8_t)(cases[i].src & 15);
		prog.load[0].imm = cases[i].imm;
		prog.load[1].imm = cases[i].off;
		v = NULL;
		assert_int_equal(verify_image(&image, &v, &diag), cases[i].err);
		verified_unref(v);
	}
}

static const struct helper own = {.name = "own", .id = 0x10001, .progs = P_XDP};

static const struct helper *find_own(void *user, uint32_t id)
{
	return id == own.id ? user : NULL;
}

static void registered_helpers(void **state)
{
	struct verify_image image = {
		.structure_only = true, .helper = find_own, .user = (void *)&own};
	const struct verified *v;

	assert_int_equal(assemble_and_verify("call 65537\nexit\n", &image, &v, NULL), 0);
	verified_unref(v);
	assert_int_equal(assemble_and_verify("call 65538\nexit\n", &image, &v, NULL), -EINVAL);
	image.helper = NULL;
	assert_int_equal(assemble_and_verify("call 65537\nexit\n", &image, &v, NULL), -EINVAL);
	image.any_helper = true;
	assert_int_equal(assemble_and_verify("call 65538\nexit\n", &image, &v, NULL), 0);
	verified_unref(v);
}

static void mixed_context_is_marked(void **state)
{
	struct verify_image image = {.structure_only = true};
	const struct verified *v;

	/* r6 is the context or a stack address, depending on the path. */
	assert_int_equal(assemble_and_verify("r6 = r10\nr6 += -8\nr2 = *(u32 *)(r1 +4)\n"
					     "*(u64 *)(r10 -8) = r2\nif r2 == 0 goto use\nr6 = r1\n"
					     "use: r0 = *(u32 *)(r6 +0)\nexit\n",
					     &image, &v, NULL),
			 0);
	assert_true(v->may_ctx);
	assert_int_equal(v->facts[2].flags & VERIFIED_CTX, VERIFIED_CTX);
	assert_int_equal(v->facts[2].ctx_off, 4);
	assert_int_equal(v->facts[6].flags, VERIFIED_MAYBE_CTX | VERIFIED_TARGET);
	assert_int_equal(v->subprogs[0].stack, 8);
	verified_unref(v);
}

static void function_returning_the_context(void **state)
{
	struct verify_image image = {.structure_only = true};
	const struct verified *v;

	assert_int_equal(assemble_and_verify("call f\nr0 = *(u32 *)(r0 +0)\nexit\n"
					     "f: r0 = r1\nexit\n",
					     &image, &v, NULL),
			 0);
	assert_int_equal(v->facts[1].flags & VERIFIED_MAYBE_CTX, VERIFIED_MAYBE_CTX);
	assert_int_equal(v->n_subprogs, 2);
	assert_int_equal(v->subprogs[1].start, 3);
	verified_unref(v);
}

/* The context goes through the stack of one function to another: what is loaded there may
 * be the context, so nothing may be translated, nor taken for something else. */
static void context_through_the_stack(void **state)
{
	static const struct {
		const char *text;
		uint32_t insn;
		uint8_t flags; /* of that instruction */
	} cases[] = {
		/* spilled and loaded by the function itself */
		{"*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\nr0 = *(u32 *)(r2 +0)\nexit\n", 2,
		 VERIFIED_CTX},
		/* half of it overwritten: a number */
		{"*(u64 *)(r10 -8) = r1\n*(u32 *)(r10 -4) = 0\nr2 = *(u64 *)(r10 -8)\n"
		 "r0 = *(u32 *)(r2 +0)\nexit\n",
		 3, 0},
		/* in a struct that a function gets */
		{"*(u64 *)(r10 -16) = r1\nr1 = r10\nr1 += -16\ncall f\nexit\n"
		 "f: r2 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r2 +0)\nexit\n",
		 6, VERIFIED_MAYBE_CTX},
		/* in a struct that a callback gets */
		{"*(u64 *)(r10 -8) = r1\nr1 = 4\nr2 = subprog[f]\nr3 = r10\nr3 += -8\nr4 = 0\n"
		 "call 181\nr0 = 0\nexit\n"
		 "f: r2 = *(u64 *)(r2 +0)\nr0 = *(u32 *)(r2 +0)\nexit\n",
		 11, VERIFIED_MAYBE_CTX},
		/* stored by a function into its caller's stack */
		{"*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\ncall f\nr1 = *(u64 *)(r10 -8)\n"
		 "r0 = *(u32 *)(r1 +0)\nexit\n"
		 "f: *(u64 *)(r2 +0) = r1\nr0 = 0\nexit\n",
		 5, VERIFIED_MAYBE_CTX},
		/* replaced by a function in its caller's stack */
		{"*(u64 *)(r10 -8) = r1\nr2 = r10\nr2 += -8\ncall f\nr1 = *(u64 *)(r10 -8)\n"
		 "r0 = *(u32 *)(r1 +0)\nexit\n"
		 "f: *(u64 *)(r2 +0) = r2\nr0 = 0\nexit\n",
		 5, VERIFIED_MAYBE_CTX},
		/* spilled below what a function gets */
		{"*(u64 *)(r10 -16) = r1\n*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\ncall f\n"
		 "r1 = *(u64 *)(r10 -16)\nr0 = *(u32 *)(r1 +0)\nexit\n"
		 "f: *(u64 *)(r1 +0) = 1\nr0 = 0\nexit\n",
		 6, VERIFIED_CTX},
		/* the same, but the function goes down */
		{"*(u64 *)(r10 -16) = r1\n*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\ncall f\n"
		 "r1 = *(u64 *)(r10 -16)\nr0 = *(u32 *)(r1 +0)\nexit\n"
		 "f: *(u64 *)(r1 -8) = r1\nr0 = 0\nexit\n",
		 6, VERIFIED_MAYBE_CTX},
		/* through one of two slots */
		{"r3 = r10\nr3 += -8\nr2 = *(u32 *)(r1 +4)\n*(u64 *)(r10 -8) = r2\n"
		 "*(u64 *)(r10 -16) = r2\nif r2 == 0 goto use\nr3 += -8\n"
		 "use: *(u64 *)(r3 +0) = r1\nr4 = *(u64 *)(r10 -16)\nr0 = *(u32 *)(r4 +0)\nexit\n",
		 9, VERIFIED_MAYBE_CTX},
		/* keys on the stack do not matter to helpers */
		{"*(u64 *)(r10 -8) = r1\n*(u64 *)(r10 -16) = 0\nr1 = r10\nr1 += -16\nr2 = 8\n"
		 "call 16\nr1 = *(u64 *)(r10 -8)\nr0 = *(u32 *)(r1 +0)\nexit\n",
		 7, VERIFIED_CTX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct verify_image image = {.structure_only = true, .gpl = true};
		const struct verified *v;
		struct visor_diag diag = {0};

		if (assemble_and_verify(cases[i].text, &image, &v, &diag))
			fail_msg("case %zu: %s: %s", i, diag.place, diag.text);
		if (v->facts[cases[i].insn].flags != cases[i].flags)
			fail_msg("case %zu: flags %d", i, v->facts[cases[i].insn].flags);
		verified_unref(v);
	}
}

static void diag_names_the_instruction(void **state)
{
	struct verify_image image = {.structure_only = true};
	struct visor_diag diag;
	const struct verified *v;

	assert_int_equal(assemble_and_verify("r0 = 0\nr0 /= 0\nexit\n", &image, &v, &diag),
			 -EINVAL);
	assert_string_equal(diag.place, "insn 1");
	assert_string_equal(diag.stage, "verify");
}

/* Loops of different length, a branch in each round. */
static const char looping[] = "r6 = 0\nr7 = *(u32 *)(r1 +16)\nagain: r6 += 1\n"
			      "if r7 == r6 goto odd\nr7 += 2\nodd: if r6 != %u goto again\n"
			      "r0 = 1\nexit\n";

struct many {
	const struct verify_image *image;
	struct verify_stats stats;
};

static void *verify_many(void *arg)
{
	struct many *m = arg;

	for (int i = 0; i < 20; i++) {
		struct verify_image image = *m->image;
		struct verify_stats stats;
		const struct verified *v;

		image.stats = &stats;
		if (verify_image(&image, &v, NULL))
			abort();
		verified_unref(v);
		if (i && (stats.insns_processed != m->stats.insns_processed ||
			  stats.total_states != m->stats.total_states))
			abort();
		m->stats = stats;
	}
	return NULL;
}

/* Verifications of several threads share nothing that one can see. */
static void threads(void **state)
{
	enum { THREADS = 4 };
	struct verify_image images[THREADS] = {0};
	struct many jobs[THREADS];
	pthread_t ids[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		char text[sizeof(looping) + 16];
		struct bpf_insn *insns;
		struct visor_diag diag;

		snprintf(text, sizeof(text), looping, 1U << (2 * i));
		assert_int_equal(
			isa_assemble(text, strlen(text), NULL, &insns, &images[i].n_insns, &diag),
			0);
		images[i].insns = insns;
		images[i].type = catalog_prog(BPF_PROG_TYPE_XDP);
		images[i].cap_sys_admin = true;
		jobs[i].image = &images[i];
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, verify_many, &jobs[i]), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		free((void *)images[i].insns);
	}
	assert_true(jobs[3].stats.insns_processed > jobs[0].stats.insns_processed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_of_length),
		cmocka_unit_test(keeps_a_copy),
		cmocka_unit_test(map_references),
		cmocka_unit_test(registered_helpers),
		cmocka_unit_test(mixed_context_is_marked),
		cmocka_unit_test(function_returning_the_context),
		cmocka_unit_test(context_through_the_stack),
		cmocka_unit_test(diag_names_the_instruction),
		cmocka_unit_test(threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
