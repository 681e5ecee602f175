/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Program types against the running kernel: contexts byte by byte, objects behind pointers,
 * expected attach types, return values, sleepable programs, packet bytes and capabilities.
 *
 * A program under test ends in a read of R9, which is never set: so loads fail in any case,
 * which is much faster, and a legal access is one that the verifier got past.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "catalog/catalog.h"
#include "kernel.h"

#define LAST_TYPE BPF_PROG_TYPE_NETFILTER

/* What the kernel can only load with a target, or not at all where a driver is missing. */
#define NOT_HERE (P_(TRACING) | P_(STRUCT_OPS) | P_(EXT) | P_(LSM) | P_(LIRC_MODE2))

enum kind { READ, WRITE, WRITE_NUMBER, SIGNED_READ, N_KINDS };
static const char *const kind_names[] = {"read", "write", "write of a constant", "signed read"};

static char log_text[65536];
static bool unprivileged;

static int load(uint32_t type, uint32_t attach, uint32_t flags, const struct bpf_insn *insns,
		uint32_t n)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.expected_attach_type = attach;
	attr.prog_flags = flags;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log_text;
	attr.log_size = sizeof(log_text);
	attr.log_level = 2;
	log_text[0] = '\0';
	return kernel_bpf(BPF_PROG_LOAD, &attr);
}

static bool loads(uint32_t type, uint32_t attach, uint32_t flags, const struct bpf_insn *insns,
		  uint32_t n)
{
	int fd = load(type, attach, flags, insns, n);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static uint32_t type_flags(const struct prog_type *type)
{
	return type->flags & PROG_MUST_SLEEP ? BPF_F_SLEEPABLE : 0;
}

/* ---- contexts ------------------------------------------------------------------------ */

static struct bpf_insn access_insn(enum kind kind, int reg, int32_t off, uint32_t size)
{
	static const uint8_t code[9] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};

	switch (kind) {
	case WRITE:
		return STORE(code[size], reg, off, 0);
	case WRITE_NUMBER:
		return INSN(BPF_ST | BPF_MEM | code[size], reg, 0, off, 0);
	case SIGNED_READ:
		return INSN(BPF_LDX | BPF_MEMSX | code[size], 2, reg, off, 0);
	default:
		return LOAD(code[size], 2, reg, off);
	}
}

/* Whether the verifier got past the access and, of a read, how the log shows R2 after it. */
static bool log_passes(char *reg, size_t room)
{
	const char *at = log_text, *found = NULL;
	size_t len;

	reg[0] = '\0';
	if (!strstr(log_text, "R9 !read_ok"))
		return false;
	while ((at = strstr(at, " R2"))) {
		at += 3;
		if (!strncmp(at, "_w", 2))
			at += 2;
		if (*at == '=')
			found = at + 1;
	}
	/* To the unprivileged all numbers are precise, which the log marks. */
	if (found && found[0] == 'P')
		found++;
	if (found) {
		len = MIN(strcspn(found, "( \n"), room - 1);
		memcpy(reg, found, len);
		reg[len] = '\0';
	}
	return true;
}

static const char *yield_text(const struct ctx_answer *a)
{
	static const char *const texts[] = {
		[CTX_SCALAR] = "scalar",
		[CTX_PKT] = "pkt",
		[CTX_PKT_META] = "pkt_meta",
		[CTX_PKT_END] = "pkt_end",
		[CTX_SOCK_COMMON_OR_NULL] = "sock_common_or_null",
		[CTX_SOCKET] = "sock",
		[CTX_SOCKET_OR_NULL] = "sock_or_null",
		[CTX_FLOW_KEYS] = "flow_keys",
		[CTX_TP_BUFFER] = "tp_buffer",
	};
	static char text[64];

	if (a->yield == CTX_BTF) {
		snprintf(text, sizeof(text), "trusted_ptr_%s", a->btf);
		return text;
	}
	return a->yield < ARRAY_SIZE(texts) && texts[a->yield] ? texts[a->yield] : "?";
}

static int n_compared, n_legal, n_wrong;

static void compare_access(const struct prog_type *type, uint32_t attach, enum kind kind,
			   int32_t off, uint32_t size)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, 0), access_insn(kind, 1, off, size),
					 MOV_REG(0, 9), EXIT()};
	struct ctx_query q = {.attach_type = attach,
			      .off = (uint32_t)off,
			      .size = size,
			      .write = kind == WRITE || kind == WRITE_NUMBER,
			      .sign_extend = kind == SIGNED_READ,
			      .unprivileged = unprivileged};
	struct ctx_answer a;
	char reg[64];
	bool ours = !catalog_ctx_query(type, &q, &a), theirs;

	load(type->type, attach, type_flags(type), insns, ARRAY_SIZE(insns));
	theirs = log_passes(reg, sizeof(reg));
	n_compared++;
	n_legal += theirs;
	if (ours == theirs && (!ours || q.write || !strcmp(reg, yield_text(&a))))
		return;
	n_wrong++;
	print_error("%s, attach type %u: %s of %u bytes at %d: we say %s, the kernel %s %s\n",
		    type->name, attach, kind_names[kind], size, off, ours ? yield_text(&a) : "no",
		    theirs ? "yes" : "no", reg);
}

/* A sample of misaligned accesses, which are refused everywhere, and of writes of constants,
 * which are like other writes. */
static bool worth_a_try(enum kind kind, int32_t off, uint32_t size)
{
	if (kind == WRITE_NUMBER)
		return !(off % 4);
	return !(off % (int32_t)size) || (off > 0 && off < 32) || off % 11 == 0;
}

static void compare_range(const struct prog_type *type, uint32_t attach, int32_t from, int32_t to)
{
	for (int32_t off = from; off < to; off++)
		for (int kind = 0; kind < N_KINDS; kind++)
			for (uint32_t size = 1; size <= (kind == SIGNED_READ ? 4 : 8); size *= 2)
				if (worth_a_try(kind, off, size))
					compare_access(type, attach, kind, off, size);
}

/* Without any instruction wrong: whether the pair is loaded at all. */
static bool pair_loads(const struct prog_type *type, uint32_t attach)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};

	return loads(type->type, attach, type_flags(type), insns, 2);
}

static void compare_context(const struct prog_type *type, uint32_t attach)
{
	int32_t end = (int32_t)type->ctx_size;

	compare_range(type, attach, -8, MIN(end, 300) + 8);
	if (end <= 300)
		return;
	/* Long ones are the same all over; offsets of instructions end at 32,767. */
	compare_range(type, attach, -32768, -32760);
	compare_range(type, attach, MIN(end, 32760) - 8, MIN(end, 32760) + 8);
}

static void contexts_agree(void **state)
{
	for (uint32_t t = 1; t <= LAST_TYPE; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		if (type->ctx_kind == CTX_IS_BTF_ARGS)
			continue;
		for (uint32_t attach = 0; attach < VISOR_MAX_ATTACH_TYPE; attach++) {
			/* Only where somebody looks at it; XDP programs may have any, and some
			 * matter. */
			bool matters = !attach || type->attach ||
				       (type->set == P_XDP &&
					(attach == BPF_XDP || attach == BPF_XDP_DEVMAP ||
					 attach == BPF_XDP_CPUMAP));

			if (matters && pair_loads(type, attach))
				compare_context(type, attach);
		}
	}
	print_message("%d context accesses compared, %d of them legal\n", n_compared, n_legal);
	assert_int_equal(n_wrong, 0);
}

/* ---- objects ------------------------------------------------------------------------- */

struct program {
	struct bpf_insn insns[32];
	uint32_t n;
};

#define EMIT(p, ...)                                                              \
	do {                                                                      \
		const struct bpf_insn new_[] = {__VA_ARGS__};                     \
		assert_true((p)->n + ARRAY_SIZE(new_) <= ARRAY_SIZE((p)->insns)); \
		memcpy((p)->insns + (p)->n, new_, sizeof(new_));                  \
		(p)->n += ARRAY_SIZE(new_);                                       \
	} while (0)

/* Leaves the object in R1. */
static uint32_t emit_object(struct program *p, enum ctx_yield kind, uint32_t *attach, int map)
{
	*attach = 0;
	switch (kind) {
	case CTX_SOCK_COMMON:
		EMIT(p, LOAD(BPF_DW, 1, 1, offsetof(struct __sk_buff, sk)));
		EMIT(p, JUMP_IMM(BPF_JNE, 1, 0, 2), MOV_IMM(0, 0), EXIT());
		return BPF_PROG_TYPE_SOCKET_FILTER;
	case CTX_SOCKET:
		EMIT(p, LOAD(BPF_DW, 1, 1, 0));
		EMIT(p, JUMP_IMM(BPF_JNE, 1, 0, 2), MOV_IMM(0, 0), EXIT());
		*attach = BPF_SK_LOOKUP;
		return BPF_PROG_TYPE_SK_LOOKUP;
	case CTX_TCP_SOCK:
		EMIT(p, LOAD(BPF_DW, 1, 1, offsetof(struct __sk_buff, sk)));
		EMIT(p, JUMP_IMM(BPF_JNE, 1, 0, 2), MOV_IMM(0, 0), EXIT());
		EMIT(p, CALL(BPF_FUNC_tcp_sock), MOV_REG(1, 0));
		EMIT(p, JUMP_IMM(BPF_JNE, 1, 0, 2), MOV_IMM(0, 0), EXIT());
		return BPF_PROG_TYPE_CGROUP_SKB;
	case CTX_XDP_SOCK:
		EMIT(p, INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0));
		EMIT(p, LD64(1, BPF_PSEUDO_MAP_FD, map, 0), MOV_REG(2, 10), ADD_IMM(2, -4));
		EMIT(p, CALL(BPF_FUNC_map_lookup_elem), MOV_REG(1, 0));
		EMIT(p, JUMP_IMM(BPF_JNE, 1, 0, 2), MOV_IMM(0, 0), EXIT());
		return BPF_PROG_TYPE_XDP;
	case CTX_FLOW_KEYS:
		EMIT(p, LOAD(BPF_DW, 1, 1, offsetof(struct __sk_buff, flow_keys)));
		return BPF_PROG_TYPE_FLOW_DISSECTOR;
	default:
		EMIT(p, LOAD(BPF_DW, 1, 1, 0));
		return BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
	}
}

static bool compare_object(enum ctx_yield object, enum kind kind, int32_t off, uint32_t size,
			   int map)
{
	struct program p = {.n = 0};
	const struct ctx_field *f;
	uint32_t attach, type = emit_object(&p, object, &attach, map);
	bool write = kind == WRITE || kind == WRITE_NUMBER;
	bool ours = !catalog_object_access(object, (uint32_t)off, size, write, &f), theirs;
	char reg[64];

	EMIT(&p, MOV_IMM(0, 0), access_insn(kind, 1, off, size), MOV_REG(0, 9), EXIT());
	load(type, attach, 0, p.insns, p.n);
	theirs = log_passes(reg, sizeof(reg));
	if (ours != theirs)
		fail_msg("object %d: %s of %u bytes at %d: we say %s; kernel: %s", object,
			 kind_names[kind], size, off, ours ? "yes" : "no", log_text);
	return theirs;
}

static void objects_agree(void **state)
{
	static const enum ctx_yield objects[] = {CTX_SOCK_COMMON, CTX_SOCKET,	 CTX_TCP_SOCK,
						 CTX_XDP_SOCK,	  CTX_FLOW_KEYS, CTX_TP_BUFFER};
	int map = kernel_map(BPF_MAP_TYPE_XSKMAP, 4, 4, 1, 0);
	int legal;

	assert_true(map >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		legal = 0;
		for (int32_t off = -8; off < 128; off++)
			for (int kind = 0; kind < N_KINDS; kind++)
				for (uint32_t size = 1; size <= (kind == SIGNED_READ ? 4 : 8);
				     size *= 2)
					legal += compare_object(objects[i], kind, off, size, map);
		assert_true(legal > 0);
	}
	close(map);
}

/* ---- loading ------------------------------------------------------------------------- */

static void attach_types_agree(void **state)
{
	for (uint32_t t = 0; t <= LAST_TYPE + 2; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		assert_true(!type == (!t || t > LAST_TYPE));
		if (!type) {
			assert_int_equal(catalog_attach_check(t, 0), -EINVAL);
			continue;
		}
		for (uint32_t attach = 0; attach <= 70 && !(type->set & NOT_HERE); attach++) {
			bool ours = !catalog_attach_check(t, attach);

			if (ours != pair_loads(type, attach))
				fail_msg("%s, attach type %u: we say %s; kernel: %s", type->name,
					 attach, ours ? "yes" : "no", log_text);
		}
		if (!(type->set & NOT_HERE))
			assert_true(pair_loads(type, UINT32_MAX) ==
				    !catalog_attach_check(t, UINT32_MAX));
	}
}

static void expect_return(const struct prog_type *type, uint32_t attach, int64_t value, bool ours)
{
	const struct bpf_insn insns[] = {LD64(0, 0, (int)value, (int)(value >> 32)), EXIT()};

	if (loads(type->type, attach, type_flags(type), insns, ARRAY_SIZE(insns)) != ours)
		fail_msg("%s, attach type %u returns %lld: we say %s; kernel: %s", type->name,
			 attach, (long long)value, ours ? "yes" : "no", log_text);
}

static void return_values_agree(void **state)
{
	const struct bpf_insn any[] = {CALL(BPF_FUNC_ktime_get_ns), EXIT()};
	int limited = 0;

	for (uint32_t t = 1; t <= LAST_TYPE; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		for (uint32_t attach = 0; attach <= VISOR_MAX_ATTACH_TYPE; attach++) {
			int64_t min = INT64_MIN, max = INT64_MAX;
			bool range = catalog_return_range(type, attach, &min, &max);

			if (type->set & NOT_HERE || catalog_attach_check(t, attach))
				continue;
			limited += range;
			expect_return(type, attach, min, true);
			expect_return(type, attach, max, true);
			if (range) {
				expect_return(type, attach, min - 1, false);
				expect_return(type, attach, max + 1, false);
				/* The range is one of 64 bits. */
				expect_return(type, attach, min + (INT64_C(1) << 32), false);
			}
			if (loads(t, attach, type_flags(type), any, 2) == range)
				fail_msg("%s, attach type %u returns anything: %s", type->name,
					 attach, log_text);
		}
	}
	assert_true(limited > 20);
}

static void sleepable_programs_agree(void **state)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};

	for (uint32_t t = 1; t <= LAST_TYPE; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		for (uint32_t attach = 0; attach < VISOR_MAX_ATTACH_TYPE; attach++) {
			if (type->set & NOT_HERE || catalog_attach_check(t, attach))
				continue;
			if (loads(t, attach, BPF_F_SLEEPABLE, insns, 2) !=
			    catalog_prog_can_sleep(type, attach))
				fail_msg("%s, attach type %u: sleepable: %s", type->name, attach,
					 log_text);
			if (loads(t, attach, 0, insns, 2) == !!(type->flags & PROG_MUST_SLEEP))
				fail_msg("%s, attach type %u: not sleepable: %s", type->name,
					 attach, log_text);
		}
	}
}

/* ---- packets ------------------------------------------------------------------------- */

static const struct ctx_field *pointer_field(const struct prog_type *type, enum ctx_yield yield)
{
	for (uint32_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].yield == yield && type->fields[i].access & CTX_R)
			return &type->fields[i];
	return NULL;
}

enum packet_use {
	USE_READ,
	USE_WRITE,
	USE_HELPER,	/* HELPER_PKT_DATA: map_update_elem's key */
	USE_ANY_HELPER, /* without that: trace_printk's format */
};

/* R7 is a packet pointer with 16 bytes behind it. */
static bool packet_passes(const struct prog_type *type, uint32_t attach, enum packet_use use,
			  int map)
{
	const struct ctx_field *data = pointer_field(type, CTX_PKT);
	const struct ctx_field *end = pointer_field(type, CTX_PKT_END);
	uint8_t width = data->size == 8 ? BPF_DW : BPF_W;
	struct program p = {.n = 0};
	char reg[64];

	EMIT(&p, LOAD(width, 7, 1, data->off), LOAD(width, 2, 1, end->off));
	EMIT(&p, MOV_REG(3, 7), ADD_IMM(3, 16), MOV_IMM(0, 1));
	EMIT(&p, JUMP_REG(BPF_JLE, 3, 2, 1), EXIT());
	switch (use) {
	case USE_READ:
		EMIT(&p, LOAD(BPF_W, 1, 7, 0));
		break;
	case USE_WRITE:
		EMIT(&p, STORE(BPF_W, 7, 0, 0));
		break;
	case USE_HELPER:
		EMIT(&p, LD64(1, BPF_PSEUDO_MAP_FD, map, 0), MOV_REG(2, 7));
		EMIT(&p, CALL(BPF_FUNC_map_lookup_elem));
		break;
	case USE_ANY_HELPER:
		EMIT(&p, MOV_REG(1, 7), MOV_IMM(2, 4), CALL(BPF_FUNC_trace_printk));
		break;
	}
	EMIT(&p, MOV_REG(0, 9), EXIT());
	load(type->type, attach, type_flags(type), p.insns, p.n);
	return log_passes(reg, sizeof(reg));
}

static void packet_accesses_agree(void **state)
{
	int map = kernel_map(BPF_MAP_TYPE_HASH, 4, 4, 1, 0), compared = 0;

	for (uint32_t t = 1; t <= LAST_TYPE; t++) {
		const struct prog_type *type = catalog_prog_known(t);
		bool ours[] = {
			[USE_READ] = true,
			[USE_WRITE] = catalog_packet_access(type, true),
			[USE_HELPER] = catalog_packet_access(type, false),
			[USE_ANY_HELPER] = type->flags & PROG_PKT_ANY,
		};
		uint32_t attach = 0;

		if (!pointer_field(type, CTX_PKT))
			continue;
		while (catalog_attach_check(t, attach))
			attach++;
		for (int use = USE_READ; use <= USE_ANY_HELPER; use++, compared++)
			if (packet_passes(type, attach, use, map) != ours[use])
				fail_msg("%s: use %d of packet bytes: we say %s; kernel: %s",
					 type->name, use, ours[use] ? "yes" : "no", log_text);
	}
	assert_true(compared > 30);
	close(map);
}

/* ---- capabilities -------------------------------------------------------------------- */

#define CAP(name) (UINT64_C(1) << CAP_##name)

static void keep_only(uint64_t caps)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)caps, (uint32_t)caps, 0},
		{(uint32_t)(caps >> 32), (uint32_t)(caps >> 32), 0}};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(65534, 65534, 65534) ||
	    syscall(__NR_capset, &head, data))
		_exit(99);
}

/* Runs what() in a process with these capabilities and returns its result (0 to 98). */
static int with_caps(uint64_t caps, int (*what)(const struct prog_type *),
		     const struct prog_type *type)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		keep_only(caps);
		_exit(what(type));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99);
	return WEXITSTATUS(status);
}

/* Of loading a good program: whether it is refused for want of a capability. */
static int is_forbidden(const struct prog_type *type)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};
	uint32_t attach = 0;

	while (catalog_attach_check(type->type, attach))
		attach++;
	return load(type->type, attach, type_flags(type), insns, 2) == -EPERM;
}

static bool unprivileged_allowed(void)
{
	char text[8] = "";
	int fd = open("/proc/sys/kernel/unprivileged_bpf_disabled", O_RDONLY);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	return text[0] == '0';
}

static void capabilities_agree(void **state)
{
	static const uint64_t sets[] = {0,
					CAP(NET_ADMIN),
					CAP(BPF),
					CAP(BPF) | CAP(NET_ADMIN),
					CAP(BPF) | CAP(PERFMON),
					CAP(BPF) | CAP(PERFMON) | CAP(NET_ADMIN)};

	if (geteuid())
		skip();
	for (uint32_t t = 1; t <= LAST_TYPE; t++) {
		const struct prog_type *type = catalog_prog_known(t);

		/* Some kernels refuse those two to everybody. */
		if (type->set & (P_(EXT) | P_(LSM)))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
			uint64_t has = sets[i];
			bool ours = (has & CAP(BPF) ||
				     (type->flags & PROG_UNPRIV && unprivileged_allowed())) &&
				    (!(type->flags & PROG_NET_ADMIN) || has & CAP(NET_ADMIN)) &&
				    (!(type->flags & PROG_PERFMON) || has & CAP(PERFMON));

			if (with_caps(has, is_forbidden, type) == ours)
				fail_msg("%s with capabilities %#llx: we say %s", type->name,
					 (unsigned long long)has, ours ? "yes" : "no");
		}
	}
}

static int count_wrong(const struct prog_type *type)
{
	unprivileged = true;
	n_wrong = 0;
	compare_context(type, 0);
	return MIN(n_wrong, 98);
}

static void unprivileged_contexts_agree(void **state)
{
	if (geteuid() || !unprivileged_allowed())
		skip();
	assert_int_equal(with_caps(0, count_wrong, catalog_prog_known(BPF_PROG_TYPE_CGROUP_SKB)),
			 0);
	assert_int_equal(with_caps(0, count_wrong, catalog_prog_known(BPF_PROG_TYPE_SOCKET_FILTER)),
			 0);
}

/* Others have other types, and other fields in them. */
static void version_needed(void)
{
	struct utsname name;

	if (uname(&name) || strncmp(name.release, "6.18.", 5)) {
		printf("skipped: program types are those of Linux 6.18, this is %s\n",
		       name.release);
		exit(77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_agree),
		cmocka_unit_test(objects_agree),
		cmocka_unit_test(attach_types_agree),
		cmocka_unit_test(return_values_agree),
		cmocka_unit_test(sleepable_programs_agree),
		cmocka_unit_test(packet_accesses_agree),
		cmocka_unit_test(capabilities_agree),
		cmocka_unit_test(unprivileged_contexts_agree),
	};

	kernel_needed();
	version_needed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
