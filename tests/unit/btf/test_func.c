/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of global functions: prototypes made at random, with tags, are given to the kernel
 * as those of a function that a program calls. What it says of the call, and what the function's
 * registers are when it is verified, must be what we say of the arguments.
 */
#include "btf/btf.h"
#include "build.h"
#include "tests/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct btf_target *target;
static struct build b;
static char text[1 << 16];
static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

/* ---- prototypes at random -----------------------------------------------------------------------
 */

static const struct {
	uint32_t type, attach_type;
	const char *attach; /* a typedef to attach to */
} progs[] = {
	{BPF_PROG_TYPE_SCHED_CLS, 0, NULL},
	{BPF_PROG_TYPE_XDP, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_SKB, 0, NULL},
	{BPF_PROG_TYPE_SYSCALL, 0, NULL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_sched_switch"},
	{BPF_PROG_TYPE_TRACEPOINT, 0, NULL},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL},
	{BPF_PROG_TYPE_PERF_EVENT, 0, NULL},
	{BPF_PROG_TYPE_SOCK_OPS, 0, NULL},
};

static const char *const structs[] = {
	"__sk_buff",
	"xdp_md",
	"sk_buff",
	"xdp_buff",
	"pt_regs",
	"bpf_raw_tracepoint_args",
	"bpf_perf_event_data",
	"bpf_sock_ops",
	"task_struct",
	"task_struct___mine",
	"own",
	"cgroup",
	"bpf_dynptr",
	"bpf_iter__task",
	"perf_aux_event",
	"",
};
static const char *const tags[] = {"ctx",   "nonnull",	 "trusted", "nullable",
				   "arena", "untrusted", "odd"};

static uint32_t int_id, long_id;

static uint32_t make_pointee(void)
{
	uint32_t id;

	switch (below(10)) {
	case 0:
		return 0;
	case 1:
		return int_id;
	case 2:
		return long_id;
	case 3:
		return build_type(&b, BTF_KIND_FWD, "absent", 0);
	case 4:
		id = build_struct(&b, "pt_regs", 8);
		build_member(&b, "x", int_id, 0);
		return build_type(&b, BTF_KIND_TYPEDEF, "bpf_user_pt_regs_t", id);
	case 5:
		return build_array(&b, int_id, int_id, 3);
	default:
		/* The kernel remembers what a name stands for and forgets of which kind it was
		 * asked: no union may have the name of one of its structs. */
		id = below(20) ? build_struct(&b, structs[below(ARRAY_SIZE(structs))], 8)
			       : build_type(&b, BTF_KIND_UNION, "own", 8);
		build_member(&b, "x", int_id, 0);
		return below(8) ? id : build_type(&b, BTF_KIND_TYPEDEF, "alias", id);
	}
}

static uint32_t make_param(void)
{
	uint32_t id;

	switch (below(10)) {
	case 0:
		return int_id;
	case 1:
		return long_id;
	case 2:
		if (below(2))
			return build_type(&b, BTF_KIND_TYPEDEF, "number", int_id);
		id = build_struct(&b, "pair", 4);
		build_member(&b, "x", int_id, 0);
		return id;
	default:
		id = make_pointee();
		if (!below(6))
			id = build_type(&b, BTF_KIND_CONST, "", id);
		return build_ptr(&b, id);
	}
}

/* *f the global function, *main what calls it. */
static void make_types(uint32_t *main_id, uint32_t *f, uint32_t *n)
{
	uint32_t params[6], ret, proto;

	build_init(&b);
	int_id = build_int(&b, "int", 4);
	long_id = build_int(&b, "long", 8);
	proto = build_proto(&b, int_id);
	*main_id = build_func(&b, "main", proto, true);
	*n = below(30) ? 1 + below(3) : 6;
	for (uint32_t i = 0; i < *n; i++)
		params[i] = make_param();
	ret = below(20) ? int_id : below(2) ? 0 : build_ptr(&b, int_id);
	proto = build_proto(&b, ret);
	for (uint32_t i = 0; i < *n; i++)
		build_param(&b, &"abcdef"[5 - i], params[i]);
	*f = build_func(&b, "f", proto, true);
	for (uint32_t i = 0; i < *n; i++)
		for (uint32_t k = below(3) ? below(2) : below(3); k; k--) {
			char tag[32];

			snprintf(tag, sizeof(tag), "arg:%s",
				 tags[below(10) ? below(ARRAY_SIZE(tags) - 1)
						: below(ARRAY_SIZE(tags))]);
			build_tag(&b, tag, *f, (int)i);
		}
	build_done(&b);
}

/* ---- the kernel's view
 * --------------------------------------------------------------------------- */

static uint32_t args_begin; /* the call */

/* Sets argument i up as the function wants it; false where that takes more than a few
 * instructions. Memory is at fp - 16. */
static bool pass(const struct btf_global_arg *arg, uint8_t reg, struct bpf_insn *insn)
{
	switch (arg->kind) {
	case BTF_ARG_SCALAR:
		*insn = MOV_IMM(reg, 1);
		return true;
	case BTF_ARG_CTX:
		*insn = MOV_REG(reg, 6);
		return true;
	case BTF_ARG_MEM:
		*insn = MOV_REG(reg, arg->untrusted ? 10 : 7);
		return arg->size <= 16;
	case BTF_ARG_BTF:
		*insn = MOV_IMM(reg, 0);
		return arg->maybe_null;
	default:
		return false;
	}
}

static int kernel_load(uint32_t prog, uint32_t main_id, uint32_t f, const struct btf_func *func)
{
	struct bpf_insn insns[16] = {
		MOV_REG(6, 1),
		MOV_REG(7, 10),
		ADD_IMM(7, -16),
		INSN(BPF_ST | BPF_MEM | BPF_DW, 7, 0, 0, 0),
		INSN(BPF_ST | BPF_MEM | BPF_DW, 7, 0, 8, 0),
	};
	uint32_t n = 5, id;
	union bpf_attr attr;
	int btf, fd;

	for (uint32_t i = 0; i < MIN(func->n_args, 5); i++)
		if (!pass(&func->args[i], (uint8_t)(1 + i), &insns[n++]))
			insns[n - 1] = MOV_IMM(1 + i, 1);
	args_begin = n;
	insns[n++] = INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2);
	insns[n++] = MOV_IMM(0, 0);
	insns[n++] = EXIT();
	insns[n++] = MOV_IMM(0, 0);
	insns[n++] = EXIT();
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)b.data;
	attr.btf_size = b.size;
	btf = kernel_bpf(BPF_BTF_LOAD, &attr);
	if (btf < 0)
		return -ESTALE;
	const struct bpf_func_info funcs[] = {{0, main_id}, {n - 2, f}};

	id = progs[prog].attach
		     ? btf_find(btf_target_vmlinux(target), progs[prog].attach, BTF_KIND_TYPEDEF)
		     : 0;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = progs[prog].type;
	attr.expected_attach_type = progs[prog].attach_type;
	attr.attach_btf_id = id;
	attr.prog_flags = progs[prog].type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	attr.prog_btf_fd = (uint32_t)btf;
	attr.func_info = (uintptr_t)funcs;
	attr.func_info_cnt = 2;
	attr.func_info_rec_size = sizeof(funcs[0]);
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)text;
	attr.log_size = sizeof(text);
	attr.log_level = 2;
	text[0] = '\0';
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	close(btf);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* How the log shows the argument where the function begins. */
static void describe(const struct btf_global_arg *a, char out[256])
{
	switch (a->kind) {
	case BTF_ARG_SCALAR:
		snprintf(out, 256, "scalar(");
		break;
	case BTF_ARG_CTX:
		snprintf(out, 256, "ctx(");
		break;
	case BTF_ARG_DYNPTR:
		snprintf(out, 256, "dynptr_ptr(");
		break;
	case BTF_ARG_MEM:
		if (a->untrusted)
			snprintf(out, 256, "rdonly_untrusted_mem(sz=0)");
		else
			snprintf(out, 256, "mem%s(", a->maybe_null ? "_or_null" : "");
		break;
	case BTF_ARG_BTF:
		snprintf(out, 256, "%sptr_%s%s(", a->trusted ? "trusted_" : "untrusted_",
			 a->maybe_null ? "or_null_" : "",
			 btf_name(btf_target_vmlinux(target), a->type));
		break;
	default:
		*out = '\0';
	}
}

static void compare_registers(const struct btf_func *func)
{
	const char *at = strstr(text, "Validating f() func#1"), *line;

	assert_non_null(at);
	at = strchr(at, '\n') + 1;
	for (uint32_t i = 0; i < func->n_args; i++) {
		char want[256], reg[16];

		snprintf(reg, sizeof(reg), " R%u=", i + 1);
		line = strstr(at, reg);
		describe(&func->args[i], want);
		if (!line || line > strchr(at, '\n') ||
		    strncmp(line + strlen(reg), want, strlen(want)) != 0)
			fail_msg("seed %u arg %u: ours %s, kernel %.200s", seed, i, want, at);
		if (func->args[i].kind == BTF_ARG_MEM && !func->args[i].untrusted) {
			snprintf(want, sizeof(want), "sz=%u)", func->args[i].size);
			assert_non_null(strstr(line, want));
		}
	}
}

static void prototypes(void **state)
{
	uint32_t fine = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		uint32_t prog = below(ARRAY_SIZE(progs)), main_id, f, n;
		char why[BTF_WHY], at[16], message[256] = "", *line;
		struct btf_func func;
		struct btf *btf;
		int ret, err;

		make_types(&main_id, &f, &n);
		if (btf_new(b.data, b.size, NULL, NULL, BTF_LOADED, &btf, NULL))
			continue;
		err = btf_func_args(target, btf, f, true, progs[prog].type, progs[prog].attach_type,
				    &func, why);
		ret = kernel_load(prog, main_id, f, &func);
		btf_unref(btf);
		assert_int_not_equal(ret, -ESTALE);
		snprintf(at, sizeof(at), "\n%u: (85)", args_begin);
		line = strstr(text, at);
		if (!line)
			fail_msg("seed %u: %s", seed, text);
		line = strchr(line + 1, '\n');
		sscanf(line + 1, "%255[^\n]", message);
		if (err) {
			refused++;
			if (ret != err || strcmp(message, why) != 0)
				fail_msg("seed %u: kernel %d %s, ours %d %s", seed, ret, message,
					 err, why);
		} else if (!ret) {
			fine++;
			compare_registers(&func);
		} else {
			bool passable = true;

			for (uint32_t k = 0; k < func.n_args; k++) {
				struct bpf_insn insn;

				passable = passable && pass(&func.args[k], 1, &insn);
			}
			if (passable)
				fail_msg("seed %u: kernel %d %s, ours fine", seed, ret, text);
		}
	}
	assert_true(fine > 100 && refused > 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prototypes),
	};
	int failed;

	if (argc > 1)
		seed = (uint32_t)atoi(argv[1]);
	if (btf_target_open(NULL, &target, NULL)) {
		printf("skipped: the kernel has no BTF\n");
		return 77;
	}
	kernel_needed();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	btf_target_unref(target);
	return failed;
}
