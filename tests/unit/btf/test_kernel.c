/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks and contexts as the running kernel sees them: programs that read something are loaded,
 * and the verifier's log says what it took that for, or why it refused. Its own BTF is ours, too.
 */
#include "btf/btf.h"
#include "tests/kernel.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct btf_target *target;
static const struct btf *vmlinux;
static char text[1 << 16];

/* The log line after the one that begins with `n: (`; what instruction n made of r1 in *reg. */
static void log_find(unsigned int n, char reg[256], char message[256])
{
	char at[16], *line, *p;

	*reg = *message = '\0';
	snprintf(at, sizeof(at), "\n%u: (", n);
	line = strstr(text, at);
	if (!line)
		return;
	line++;
	p = strstr(line, " R1=");
	if (p && p < strchr(line, '\n'))
		sscanf(p + 4, "%255[^ \n]", reg);
	line = strchr(line, '\n');
	if (!line || !*++line)
		return;
	sscanf(line, "%255[^\n]", message);
	p = strchr(line, '\n');
	snprintf(at, sizeof(at), "%u: R1=", n + 1);
	if (!*reg && p && !strncmp(p + 1, at, strlen(at)))
		sscanf(p + 1 + strlen(at), "%255[^ \n]", reg);
}

static int load(uint32_t type, uint32_t attach_type, uint32_t btf_id, const struct bpf_insn *insns,
		uint32_t n)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.expected_attach_type = attach_type;
	attr.attach_btf_id = btf_id;
	attr.prog_flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)text;
	attr.log_size = sizeof(text);
	attr.log_level = 2;
	text[0] = '\0';
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

/* ---- walking ----------------------------------------------------------------------------------
 */

static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

static void walk_once(uint32_t id, uint32_t cast)
{
	uint32_t log2 = below(4), off = below(MIN(btf_type(vmlinux, id)->size + 24, 32000));
	char reg[256], message[256], why[BTF_WHY] = "", want[256];
	struct btf_walk at;
	int ret, err;

	off &= below(2) ? ~7u : ~0u;
	const struct bpf_insn insns[] = {
		MOV_IMM(1, 0),
		MOV_IMM(2, (int)id),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, (int)cast),
		LOAD(sizes[log2], 1, 0, (int16_t)off),
		MOV_IMM(0, 0),
		EXIT()};

	ret = load(BPF_PROG_TYPE_SYSCALL, 0, 0, insns, ARRAY_SIZE(insns));
	log_find(3, reg, message);
	err = btf_walk(vmlinux, id, off, 1u << log2, &at, why);
	if (err != ret)
		fail_msg("%s +%u size %u: kernel %d %s, ours %d %s", btf_name(vmlinux, id), off,
			 1u << log2, ret, message, err, why);
	if (err) {
		assert_string_equal(message, why);
		return;
	}
	switch (at.kind) {
	case BTF_WALK_SCALAR:
		if (strncmp(reg, "scalar(", 7) != 0 && !isdigit((unsigned char)*reg))
			fail_msg("%s +%u: kernel %s, ours a number", btf_name(vmlinux, id), off,
				 reg);
		break;
	case BTF_WALK_MEM:
		assert_string_equal(reg, "rdonly_untrusted_mem(sz=0)");
		break;
	default:
		snprintf(want, sizeof(want), "untrusted_ptr_%s(", btf_name(vmlinux, at.id));
		if (strncmp(reg, want, strlen(want)) != 0)
			fail_msg("%s +%u: kernel %s, ours %s)", btf_name(vmlinux, id), off, reg,
				 want);
	}
}

static void walk_structs(void **state)
{
	uint32_t cast = btf_find(vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC);
	static const char *const often[] = {"task_struct", "sk_buff",  "sock", "net_device", "file",
					    "bio",	   "io_kiocb", "page", "bts_buffer"};

	(void)state;
	if (!cast)
		skip();
	for (uint32_t id = 1; id <= vmlinux->n_types; id += 1 + below(60))
		if (btf_type_kind(btf_type(vmlinux, id)) == BTF_KIND_STRUCT)
			walk_once(id, cast);
	for (uint32_t i = 0; i < ARRAY_SIZE(often); i++) {
		uint32_t id = btf_find(vmlinux, often[i], BTF_KIND_STRUCT);

		for (uint32_t k = 0; id && k < 60; k++)
			walk_once(id, cast);
	}
}

/* ---- contexts ---------------------------------------------------------------------------------
 */

/* How the kernel's log names a register that holds this. */
static void describe(const struct btf_ctx_value *v, char out[256])
{
	if (v->kind == BTF_CTX_SCALAR)
		snprintf(out, 256, "scalar(");
	else
		snprintf(out, 256, "%s%s%sptr_%s%s(", v->flags & BTF_CTX_USER ? "user_" : "",
			 v->flags & BTF_CTX_PERCPU ? "percpu_" : "",
			 v->flags & BTF_CTX_TRUSTED ? "trusted_" : "",
			 v->flags & BTF_CTX_MAYBE_NULL ? "or_null_" : "",
			 btf_name(v->btf, v->type));
}

static void context_once(const struct btf_attach *a, int off, uint32_t log2)
{
	const struct bpf_insn insns[] = {LOAD(sizes[log2], 1, 1, (int16_t)off), MOV_IMM(0, 0),
					 EXIT()};
	char reg[256], message[256], why[BTF_WHY], want[256];
	struct btf_ctx_value v;
	int ret, err;

	ret = load(a->prog_type, a->attach_type, a->id, insns, ARRAY_SIZE(insns));
	log_find(0, reg, message);
	err = btf_ctx_access(a, target, off, 1 << log2, &v, why);
	if (ret != err && !(ret == -EINVAL && strstr(text, "At program exit")))
		fail_msg("%s +%d: kernel %d %s, ours %d %s", a->name, off, ret, text, err, why);
	if (err && !*why)
		assert_non_null(strstr(message, "invalid bpf_context access"));
	else if (err)
		assert_string_equal(message, why);
	if (err)
		return;
	if (*why)
		assert_string_equal(message, why);
	describe(&v, want);
	if (strncmp(reg, want, strlen(want)) != 0)
		fail_msg("%s +%d: kernel %s, ours %s)", a->name, off, reg, want);
}

static void context_all(const struct btf_attach *a, int n)
{
	for (int i = 0; i <= n; i++)
		context_once(a, 8 * i, 3);
	context_once(a, (int)below(13) * 8 - 8, below(4));
	context_once(a, (int)below(40), below(4));
}

static void tracepoints(void **state)
{
	char why[BTF_WHY];
	uint32_t seen = 0;

	(void)state;
	for (uint32_t id = 1; id <= vmlinux->n_types; id++) {
		const struct btf_type *t = btf_type(vmlinux, id);
		struct btf_attach a;

		if (btf_type_kind(t) != BTF_KIND_TYPEDEF ||
		    strncmp(btf_name(vmlinux, id), "btf_trace_", 10) != 0)
			continue;
		assert_int_equal(btf_attach_tracing(vmlinux, id, BPF_PROG_TYPE_TRACING,
						    BPF_TRACE_RAW_TP, &a, why),
				 0);
		/* All of those that are special, some of the others. */
		if (a.maybe_null || seen++ % 8 == 0)
			context_all(&a, (int)btf_type_vlen(a.proto) - 1);
	}
}

static void iterators(void **state)
{
	char why[BTF_WHY];

	(void)state;
	for (uint32_t id = 1; id <= vmlinux->n_types; id++) {
		const struct bpf_insn insns[] = {MOV_IMM(0, 0), EXIT()};
		struct btf_attach a;
		int err, ret;

		if (btf_type_kind(btf_type(vmlinux, id)) != BTF_KIND_FUNC ||
		    strncmp(btf_name(vmlinux, id), "bpf_iter_", 9) != 0)
			continue;
		ret = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, id, insns, 2);
		err = btf_attach_tracing(vmlinux, id, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, &a,
					 why);
		if (ret == -EPERM) /* this kernel has it, but not for us */
			continue;
		if (ret != err)
			fail_msg("%s: kernel %d %s, ours %d", a.name, ret, text, err);
		if (!err)
			context_all(&a, (int)btf_type_vlen(a.proto));
	}
}

static void struct_ops(void **state)
{
	static const char *const ops[] = {"tcp_congestion_ops", "bpf_dummy_ops", "task_struct",
					  "bpf_struct_ops_tcp_congestion_ops"};
	const struct bpf_insn insns[] = {MOV_IMM(0, 0), EXIT()};
	char why[BTF_WHY], reg[256];
	struct btf_attach a;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(ops); i++) {
		uint32_t id = btf_find(vmlinux, ops[i], BTF_KIND_STRUCT);

		if (!id)
			continue;
		for (uint32_t m = 0; m <= btf_type_vlen(btf_type(vmlinux, id)); m++) {
			int ret = load(BPF_PROG_TYPE_STRUCT_OPS, m, id, insns, 2);
			int err = btf_attach_struct_ops(vmlinux, id, m, &a, why);

			if (ret != err)
				fail_msg("%s %u: kernel %d %s, ours %d %s", ops[i], m, ret, text,
					 err, why);
			*reg = '\0';
			sscanf(text, "func#0 @0 %255[^\n]", reg);
			if (err)
				assert_string_equal(reg, why);
			else
				context_all(&a, (int)btf_type_vlen(a.proto) + 1);
		}
	}
}

static void refused_targets(void **state)
{
	static const struct {
		const char *name;
		uint32_t kind, attach_type;
	} cases[] = {
		{"task_struct", BTF_KIND_STRUCT, BPF_TRACE_RAW_TP},
		{"pid_t", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP},
		{"task_struct", BTF_KIND_STRUCT, BPF_TRACE_ITER},
		{"tcp_sendmsg", BTF_KIND_FUNC, BPF_TRACE_ITER},
		{"bpf_iter_unreg_target", BTF_KIND_FUNC, BPF_TRACE_ITER},
		{"", 0, BPF_TRACE_ITER},
	};
	const struct bpf_insn insns[] = {MOV_IMM(0, 0), EXIT()};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t id = *cases[i].name ? btf_find(vmlinux, cases[i].name, cases[i].kind)
					     : vmlinux->n_types + 1;
		char why[BTF_WHY], message[256] = "";
		struct btf_attach a;
		int ret, err;

		ret = load(BPF_PROG_TYPE_TRACING, cases[i].attach_type, id, insns, 2);
		sscanf(text, "func#0 @0 %255[^\n]", message);
		err = btf_attach_tracing(vmlinux, id, BPF_PROG_TYPE_TRACING, cases[i].attach_type,
					 &a, why);
		assert_int_equal(ret, err);
		if (*why)
			assert_string_equal(message, why);
	}
}

/* Every context of the kernel is one that we name. */
static void context_names(void **state)
{
	const struct btf_type *t =
		btf_type(vmlinux, btf_find(vmlinux, "bpf_ctx_convert", BTF_KIND_STRUCT));

	(void)state;
	if (!t)
		skip();
	for (uint32_t i = 0; i < btf_type_vlen(t); i++) {
		const struct btf_member *m = (const struct btf_member *)btf_type_data(t) + i;
		const char *member = btf_str(vmlinux, m->name_off);
		const char *name = btf_name(vmlinux, m->type), *ours = "";

		for (uint32_t p = 1; ours && (p == 1 || strcmp(name, ours) != 0); p++)
			ours = btf_ctx_name(p, strstr(member, "_kern") != NULL);
		if (!ours)
			fail_msg("%s is a %s", member, name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_structs),	   cmocka_unit_test(tracepoints),
		cmocka_unit_test(iterators),	   cmocka_unit_test(struct_ops),
		cmocka_unit_test(refused_targets), cmocka_unit_test(context_names),
	};
	int failed;

	kernel_needed();
	if (btf_target_open(NULL, &target, NULL)) {
		printf("skipped: the kernel has no BTF\n");
		return 77;
	}
	vmlinux = btf_target_vmlinux(target);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	btf_target_unref(target);
	return failed;
}
