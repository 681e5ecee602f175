/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats against the running kernel: random formats, arguments and sizes through
 * bpf_snprintf, bpf_trace_printk and bpf_strncmp there and here. The kernel's verifier
 * checks snprintf's format; what it refuses, our body must refuse when it is called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <cmocka.h>

#include "vm/helper.h"
#include "vm/prog.h"
#include "kernel.h" /* last: the instruction table uses the name INSN, too */

enum { MAX_ARGS = 13, TEXT = 512, FORMAT = 128 };

/* The value of the map that a program finds its arguments in. */
struct exchange {
	uint64_t ret;
	uint64_t args[MAX_ARGS];
	char out[TEXT];
	char strings[4][64]; /* what %s and %pI print */
};

/* A random call. */
struct call {
	char format[FORMAT];
	uint32_t n_args, size;
	int string[MAX_ARGS]; /* the argument is the address of strings[], -1: a number */
	uint64_t num[MAX_ARGS];
};

static int exchange_fd;
static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static uint64_t rnd64(void)
{
	return (uint64_t)rnd(1u << 31) << 33 ^ (uint64_t)rnd(1u << 31) << 16 ^ rnd(1u << 31);
}

/* ---- random calls ------------------------------------------------------------------------ */

static size_t random_flags(char *to)
{
	size_t n = 0;

	while (n < 3 && rnd(3) == 0)
		to[n++] = "0+- "[rnd(4)];
	if (!rnd(3))
		n += sprintf(to + n, "%u", rnd(rnd(8) ? 30 : 200));
	return n;
}

/* Adds a conversion and its argument; sometimes a bad one. */
static size_t random_conversion(struct call *call, char *to, bool *shifted)
{
	static const char *const numbers[] = {"d",  "i",  "u",	 "x",	"X",   "ld",  "lu",
					      "lx", "lX", "lli", "lld", "llu", "llx", "li"};
	static const char *const odd[] = {"h",	"lll", "p4", "pI",  "pI5", "pz", "lc",
					  "s1", "sx",  "*d", ".3d", "#x",  "n",	 "f",
					  "o",	"ps",  "pS", "e",   "l",   ""};
	static const char *const addresses[] = {"pI4", "pi4", "pI6", "pi6", "pI4c", "pI6x"};
	int *string = &call->string[call->n_args];
	uint64_t *num = &call->num[call->n_args];
	size_t n = 1 + random_flags(to + 1);

	to[0] = '%';
	*string = -1;
	*num = rnd(2) ? rnd64() >> rnd(64) : -(uint64_t)rnd(1000);
	call->n_args++;
	switch (rnd(12)) {
	case 0:
		if (rnd(4))
			return n + sprintf(to + n, "c");
		*shifted = true; /* it may end anywhere */
		return n + sprintf(to + n, "%s", odd[rnd(20)]);
	case 1: /* addresses that are shown as they are */
		*num = rnd(2) ? 0 : -(uint64_t)(1 + rnd(4095));
		return n + sprintf(to + n, "%s", rnd(2) ? "p" : "pK");
	case 2:
		return n + sprintf(to + n, "px");
	case 3:
		*string = (int)rnd(4);
		return n + sprintf(to + n, "%s", addresses[rnd(6)]);
	case 4:
	case 5:
		*string = rnd(8) ? (int)rnd(4) : -1;
		if (*string < 0)
			*num = rnd(3); /* nothing can be read there */
		return n + sprintf(to + n, "%s", rnd(8) ? "s" : "pks");
	default:
		return n + sprintf(to + n, "%s", numbers[rnd(14)]);
	}
}

static void random_call(struct call *call, uint32_t max_args)
{
	static const char literals[] = "abc xyz, %%\n\t.:/-%%\x01\x7f\xc3\xa9";
	uint32_t want = rnd(max_args + 1);
	bool shifted = false; /* conversions do not get the arguments made for them */
	size_t n = 0;

	memset(call, 0, sizeof(*call));
	for (int i = 0; i < MAX_ARGS; i++)
		call->string[i] = -1;
	while (n < FORMAT - 40 && (call->n_args < want || rnd(3))) {
		if (call->n_args < want && rnd(2)) {
			n += random_conversion(call, call->format + n, &shifted);
		} else {
			char c = literals[rnd(rnd(10) ? 20 : sizeof(literals) - 1)];

			call->format[n++] = c;
			if (c == '%' && rnd(30))
				call->format[n++] = c;
			else
				shifted |= c == '%';
		}
		/* What follows some conversions must be punctuation or space. */
		if (rnd(3))
			call->format[n++] = " ,;]"[rnd(4)];
	}
	if (!rnd(12) && call->n_args) {
		call->n_args--;
		call->string[call->n_args] = -1;
	}
	if (!rnd(12) && call->n_args < max_args)
		call->n_args++;
	for (int i = 0; shifted && i < MAX_ARGS; i++) {
		call->string[i] = -1;
		call->num[i] = 0; /* no string, no address to hide */
	}
	call->size = rnd(3) ? TEXT - 1 : rnd(40);
}

static void random_strings(struct exchange *ex)
{
	memset(ex, 0, sizeof(*ex));
	for (uint32_t i = 0; i < sizeof(ex->strings); i++)
		((char *)ex->strings)[i] = (char)(rnd(30) ? 1 + rnd(255) : 0);
	ex->strings[3][63] = '\0';
	memset(ex->out, 0x7e, sizeof(ex->out));
}

/* ---- the kernel's side -------------------------------------------------------------------- */

struct code {
	struct bpf_insn insns[120];
	uint32_t n;
};

#define EMIT(c, ...)                                             \
	do {                                                     \
		const struct bpf_insn new_[] = {__VA_ARGS__};    \
		memcpy((c)->insns + (c)->n, new_, sizeof(new_)); \
		(c)->n += ARRAY_SIZE(new_);                      \
	} while (0)

static int element(int cmd, int fd, void *value)
{
	union bpf_attr attr;
	uint32_t key = 0;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	return kernel_bpf(cmd, &attr);
}

/* A map with constant text that nobody can change. */
static int text_map(const char *text)
{
	int fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, FORMAT, 1, BPF_F_RDONLY_PROG);
	union bpf_attr attr;
	char value[FORMAT];

	memcpy(value, text, FORMAT);
	assert_true(fd >= 0);
	assert_int_equal(element(BPF_MAP_UPDATE_ELEM, fd, value), 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	assert_int_equal(kernel_bpf(BPF_MAP_FREEZE, &attr), 0);
	return fd;
}

/* r7 = the exchange. */
static void emit_start(struct code *c)
{
	EMIT(c, INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
	     LD64(1, BPF_PSEUDO_MAP_FD, exchange_fd, 0), MOV_REG(2, 10), ADD_IMM(2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), JUMP_IMM(BPF_JNE, 0, 0, 1), EXIT(), MOV_REG(7, 0));
}

static void emit_arg(struct code *c, int reg, const struct call *call, int i)
{
	if (call->string[i] >= 0)
		EMIT(c, MOV_REG(reg, 7),
		     ADD_IMM(reg, (int)offsetof(struct exchange, strings) + 64 * call->string[i]));
	else
		EMIT(c, LOAD(BPF_DW, reg, 7, offsetof(struct exchange, args) + 8 * i));
}

/* 0 and the exchange after the run, or the error of loading. */
static int run_kernel(struct code *c, const struct exchange *before, struct exchange *after)
{
	char packet[64] = {0};
	union bpf_attr attr;
	int fd;

	EMIT(c, STORE(BPF_DW, 7, offsetof(struct exchange, ret), 0), MOV_IMM(0, 0), EXIT());
	fd = kernel_prog(BPF_PROG_TYPE_XDP, c->insns, c->n, "GPL", NULL, 0);
	if (fd < 0)
		return fd;
	*after = *before;
	assert_int_equal(element(BPF_MAP_UPDATE_ELEM, exchange_fd, after), 0);
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	assert_int_equal(kernel_bpf(BPF_PROG_TEST_RUN, &attr), 0);
	assert_int_equal(element(BPF_MAP_LOOKUP_ELEM, exchange_fd, after), 0);
	close(fd);
	return 0;
}

/* ---- comparisons --------------------------------------------------------------------------- */

static struct visor_run run;
static char traced[2048];
static int n_traced;

static void keep_trace(void *user, const char *line)
{
	snprintf(traced, sizeof(traced), "%s", line);
	n_traced++;
}

static void our_args(const struct call *call, struct exchange *ex, uint64_t *args)
{
	for (uint32_t i = 0; i < call->n_args; i++)
		args[i] = call->string[i] >= 0 ? (uintptr_t)ex->strings[call->string[i]]
					       : call->num[i];
}

static void explain(const struct call *call, const char *what, int64_t kernel, int64_t ours,
		    const char *k, const char *o)
{
	fail_msg("%s(\"%s\", %u arguments: %#llx %#llx %#llx, size %u): kernel %lld, ours %lld\n"
		 "kernel: '%s'\nours:   '%s'",
		 what, call->format, call->n_args, (unsigned long long)call->num[0],
		 (unsigned long long)call->num[1], (unsigned long long)call->num[2], call->size,
		 (long long)kernel, (long long)ours, k, o);
}

static void one_snprintf(int *good, int *refused)
{
	struct exchange ex, kernel, ours;
	uint64_t args[MAX_ARGS];
	struct code c = {.n = 0};
	struct call call;
	int fd, err;

	random_call(&call, MAX_ARGS - 1);
	random_strings(&ex);
	memcpy(ex.args, call.num, sizeof(ex.args));
	fd = text_map(call.format);
	emit_start(&c);
	for (uint32_t i = 0; i < call.n_args; i++) {
		emit_arg(&c, 1, &call, (int)i);
		EMIT(&c, STORE(BPF_DW, 10, -8 * (int)(MAX_ARGS - i), 1));
	}
	EMIT(&c, MOV_REG(1, 7), ADD_IMM(1, offsetof(struct exchange, out)),
	     MOV_IMM(2, (int)call.size), LD64(3, BPF_PSEUDO_MAP_VALUE, fd, 0), MOV_REG(4, 10),
	     ADD_IMM(4, -8 * MAX_ARGS), MOV_IMM(5, (int)call.n_args * 8), CALL(BPF_FUNC_snprintf));
	err = run_kernel(&c, &ex, &kernel);
	close(fd);

	ours = ex;
	our_args(&call, &ours, args);
	ours.ret = helper_snprintf((uintptr_t)ours.out, call.size, (uintptr_t)call.format,
				   (uintptr_t)args, call.n_args * 8, &run);
	if (err < 0) {
		++*refused;
		if ((int64_t)ours.ret != -EINVAL)
			explain(&call, "snprintf", err, (int64_t)ours.ret, "(not loaded)",
				ours.out);
		return;
	}
	*good += (int64_t)kernel.ret >= 0;
	/* Where the text is cut off before text that a %p stands for, the kernel misreads all that
	 * follows and returns any length. */
	if ((int64_t)kernel.ret > call.size && (int64_t)ours.ret > call.size &&
	    strchr(call.format, 'p'))
		ours.ret = kernel.ret;
	if (kernel.ret != ours.ret || memcmp(kernel.out, ours.out, sizeof(ours.out)))
		explain(&call, "snprintf", (int64_t)kernel.ret, (int64_t)ours.ret, kernel.out,
			ours.out);
}

static void snprintf_agrees(void **state)
{
	int good = 0, refused = 0;

	for (int i = 0; i < 3000; i++)
		one_snprintf(&good, &refused);
	print_message("snprintf: %d texts compared, %d formats refused\n", good, refused);
	assert_true(good > 500 && refused > 100);
}

/* The kernel's text goes to its trace buffer; the results are compared. */
static void one_trace(int *good)
{
	static struct vm_host host = {.trace = keep_trace};
	struct vm_prog prog = {.host = &host, .mode = VM_UNCHECKED};
	struct exchange ex, kernel;
	uint64_t args[MAX_ARGS] = {0};
	struct code c = {.n = 0};
	struct call call;
	uint32_t size;
	uint64_t ours;
	int fd;

	random_call(&call, 3);
	size = rnd(4) ? FORMAT : 1 + rnd(FORMAT);
	random_strings(&ex);
	memcpy(ex.args, call.num, sizeof(ex.args));
	fd = text_map(call.format);
	emit_start(&c);
	for (uint32_t i = 0; i < 3; i++)
		emit_arg(&c, (int)i + 3, &call, (int)i);
	EMIT(&c, LD64(1, BPF_PSEUDO_MAP_VALUE, fd, 0), MOV_IMM(2, (int)size),
	     CALL(BPF_FUNC_trace_printk));
	assert_int_equal(run_kernel(&c, &ex, &kernel), 0);
	close(fd);

	call.n_args = 3;
	our_args(&call, &ex, args);
	run.prog = &prog;
	n_traced = 0;
	ours = helper_trace_printk((uintptr_t)call.format, size, args[0], args[1], args[2], &run);
	run.prog = NULL;
	if (ours != kernel.ret)
		explain(&call, "trace_printk", (int64_t)kernel.ret, (int64_t)ours, "", traced);
	assert_int_equal(n_traced, (int64_t)ours >= 0);
	*good += (int64_t)ours >= 0;
}

static void trace_printk_agrees(void **state)
{
	int good = 0;

	for (int i = 0; i < 1500; i++)
		one_trace(&good);
	print_message("trace_printk: %d of 1500 formats are good\n", good);
	assert_true(good > 300 && good < 1450);
}

/* The line reaches the host without its newline. */
static void trace_line(void **state)
{
	static struct vm_host host = {.trace = keep_trace};
	struct vm_prog prog = {.host = &host, .mode = VM_UNCHECKED};
	static const char text[] = "%d and %s\n";
	uint64_t args[] = {7, (uintptr_t) "text"};

	run.prog = &prog;
	assert_int_equal(
		helper_trace_printk((uintptr_t)text, sizeof(text), args[0], args[1], 0, &run), 11);
	assert_string_equal(traced, "7 and text");
	assert_int_equal(
		helper_trace_vprintk((uintptr_t)text, sizeof(text), (uintptr_t)args, 16, 0, &run),
		11);
	assert_int_equal(
		helper_trace_vprintk((uintptr_t)text, sizeof(text), (uintptr_t)args, 15, 0, &run),
		(uint64_t)-EINVAL);
	assert_int_equal(helper_trace_vprintk((uintptr_t)text, sizeof(text), 0, 16, 0, &run),
			 (uint64_t)-EINVAL);
	assert_int_equal(
		helper_trace_vprintk((uintptr_t)text, sizeof(text), (uintptr_t)args, 104, 0, &run),
		(uint64_t)-EINVAL);
	run.prog = NULL;
}

/* Text is read up to the end of what can be read, and addresses that cannot give none. */
static void strings_at_the_edge(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char out[32];
	uint64_t arg;

	assert_ptr_not_equal(page, MAP_FAILED);
	memset(page, 'x', 4096);
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	strcpy(page + 4096 - 4, "end");
	arg = (uintptr_t)page + 4096 - 4;
	assert_int_equal(helper_snprintf((uintptr_t)out, sizeof(out), (uintptr_t) "[%s]",
					 (uintptr_t)&arg, 8, &run),
			 6);
	assert_string_equal(out, "[end]");
	page[4095] = 'x'; /* no end */
	assert_int_equal(helper_snprintf((uintptr_t)out, sizeof(out), (uintptr_t) "[%s]",
					 (uintptr_t)&arg, 8, &run),
			 3);
	assert_string_equal(out, "[]");
	arg = (uintptr_t)page + 4096;
	assert_int_equal(helper_snprintf((uintptr_t)out, sizeof(out), (uintptr_t) "[%pI4]",
					 (uintptr_t)&arg, 8, &run),
			 10);
	assert_string_equal(out, "[0.0.0.0]");
	munmap(page, 8192);
}

static void pointers_are_hidden(void **state)
{
	uint64_t args[] = {(uintptr_t)&run, (uintptr_t)&run, (uintptr_t)&seed};
	char out[64], plain[20];

	assert_int_equal(helper_snprintf((uintptr_t)out, sizeof(out), (uintptr_t) "%p %p %p",
					 (uintptr_t)args, 24, &run),
			 3 * 16 + 3);
	snprintf(plain, sizeof(plain), "%016llx", (unsigned long long)args[0]);
	assert_memory_not_equal(out, plain, 16);
	assert_memory_equal(out, out + 17, 16);
	assert_memory_not_equal(out, out + 34, 16);
}

static void strncmp_agrees(void **state)
{
	for (int i = 0; i < 500; i++) {
		char text[FORMAT] = "";
		struct exchange ex, kernel;
		struct code c = {.n = 0};
		uint32_t size = 1 + rnd(12);
		uint64_t ours;
		int fd;

		random_strings(&ex);
		for (uint32_t at = 0; at < 10; at++) {
			text[at] = (char)(rnd(4) ? "ab\xf0"[rnd(3)] : 0);
			ex.out[at] = rnd(5) ? text[at] : (char)('a' + rnd(2));
		}
		fd = text_map(text);
		emit_start(&c);
		EMIT(&c, MOV_REG(1, 7), ADD_IMM(1, offsetof(struct exchange, out)),
		     MOV_IMM(2, (int)size), LD64(3, BPF_PSEUDO_MAP_VALUE, fd, 0),
		     CALL(BPF_FUNC_strncmp));
		assert_int_equal(run_kernel(&c, &ex, &kernel), 0);
		close(fd);
		ours = helper_strncmp((uintptr_t)ex.out, size, (uintptr_t)text, 0, 0, &run);
		assert_int_equal((int)ours, (int)kernel.ret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snprintf_agrees),     cmocka_unit_test(trace_printk_agrees),
		cmocka_unit_test(trace_line),	       cmocka_unit_test(strings_at_the_edge),
		cmocka_unit_test(pointers_are_hidden), cmocka_unit_test(strncmp_agrees),
	};
	const char *given = getenv("VISOR_SEED");

	kernel_needed();
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("VISOR_SEED=%llu\n", (unsigned long long)seed);
	run.mode = VM_UNCHECKED;
	exchange_fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct exchange), 1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
