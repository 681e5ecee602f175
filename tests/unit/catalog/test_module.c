/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * visor/module.h keeps its promise: a module that names outputs is silently loaded by
 * unmodified libbpf into the kernel, with no map and no instruction more, and says so in
 * its BTF. For every clang that is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "kernel.h"

static const char source[] =
	"#include <visor/module.h>\n"
	"VISOR_OUTPUT(lan, 16);\n"
	"VISOR_OUTPUT(wan, 0x7fffffff);\n"
	"static __attribute__((noinline)) int pick(struct xdp_md *ctx)\n"
	"{ return ctx->data_end - ctx->data > 64 ? wan : lan; }\n"
	"SEC(\"xdp\") int main_prog(struct xdp_md *ctx) { return pick(ctx); }\n"
	"SEC(\"tc\") int tc_prog(struct __sk_buff *skb) { return lan; }\n"
	"char _license[] SEC(\"license\") = \"Dual BSD/GPL\";\n";

static const char *compilers[] = {"clang", "clang-14", "clang-16"};
static int n_messages;

static int count_message(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	n_messages++;
	return vfprintf(stderr, fmt, args);
}

static bool compile(const char *compiler, const char *extra, char *object)
{
	char command[1024];
	FILE *to;

	snprintf(command, sizeof(command),
		 "%s -O2 -g -target bpf -I%s/include -idirafter /usr/include/%s-linux-gnu -Werror "
		 "-Wall -x c -c -o %s - 2>/dev/null",
		 compiler, getenv("VISOR_SOURCE"),
#ifdef __aarch64__
		 "aarch64",
#else
		 "x86_64",
#endif
		 object);
	to = popen(command, "w");
	assert_non_null(to);
	fputs(source, to);
	fputs(extra, to);
	return pclose(to) == 0;
}

static bool installed(const char *compiler)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", compiler);
	return system(command) == 0;
}

static void check_btf(const struct btf *btf, const char *output, uint32_t value)
{
	char name[64];
	const struct btf_type *t;
	int id;

	snprintf(name, sizeof(name), "visor_output__%s", output);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	assert_true(id > 0);
	t = btf__type_by_id(btf, id);
	assert_int_equal(t->size, 4);
	assert_int_equal(btf_vlen(t), 1);
	assert_string_equal(btf__name_by_offset(btf, btf_enum(t)->name_off), output);
	assert_int_equal((uint32_t)btf_enum(t)->val, value);
}

static void check_object(const char *path)
{
	char packet[128] = {0};
	struct bpf_object *obj;
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet);

	libbpf_set_print(count_message);
	n_messages = 0;
	obj = bpf_object__open(path);
	assert_non_null(obj);
	assert_int_equal(bpf_object__load(obj), 0);
	assert_int_equal(n_messages, 0);
	assert_null(bpf_object__next_map(obj, NULL));
	check_btf(bpf_object__btf(obj), "lan", 16);
	check_btf(bpf_object__btf(obj), "wan", 0x7fffffff);

	for (uint32_t size = 64; size <= 65; size++) {
		run.data_size_in = size;
		run.data_size_out = 0;
		assert_int_equal(
			bpf_prog_test_run_opts(
				bpf_program__fd(bpf_object__find_program_by_name(obj, "main_prog")),
				&run),
			0);
		assert_int_equal(run.retval, size > 64 ? 0x7fffffff : 16);
	}
	assert_int_equal(bpf_program__insn_cnt(bpf_object__find_program_by_name(obj, "tc_prog")),
			 2);
	bpf_object__close(obj);
}

static void outputs_are_recorded(void **state)
{
	char object[] = "/tmp/visor-module-XXXXXX";
	int fd = mkstemp(object), tried = 0;

	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(compilers); i++) {
		if (!installed(compilers[i]))
			continue;
		tried++;
		assert_true(compile(compilers[i], "", object));
		check_object(object);
		/* Values of the hooks' own are refused by the compiler, as are two of a name. */
		assert_false(compile(compilers[i], "VISOR_OUTPUT(low, 15);\n", object));
		assert_false(compile(compilers[i], "VISOR_OUTPUT(lan, 17);\n", object));
	}
	close(fd);
	unlink(object);
	if (!tried) {
		print_message("skipped: no clang is installed\n");
		exit(77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_recorded),
	};
	kernel_needed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
