/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every row of the catalog against the running kernel: small programs are generated from
 * the tables, and the kernel must accept and refuse exactly those that the tables say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "catalog/catalog.h"
#include "kernel.h"

static const uint32_t types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
				 BPF_PROG_TYPE_SCHED_ACT, BPF_PROG_TYPE_SOCKET_FILTER};

/* A map of each kind (by type), and one with read-only contents for constant text. */
static int map_fds[BPF_MAP_TYPE_USER_RINGBUF + 1];
static int text_fd;

static int new_map(const struct map_kind *kind, uint32_t flags)
{
	uint32_t key = 4, value = 8, max = 1;

	if (kind->type == BPF_MAP_TYPE_LPM_TRIE) {
		key = 8;
		flags |= BPF_F_NO_PREALLOC;
	} else if (kind->type == BPF_MAP_TYPE_PROG_ARRAY || kind->type == BPF_MAP_TYPE_DEVMAP) {
		value = 4;
	} else if (kind->type == BPF_MAP_TYPE_RINGBUF) {
		key = value = 0;
		max = 4096;
	}
	return kernel_map(kind->type, key, value, max, flags);
}

static int make_maps(void **state)
{
	union bpf_attr attr;
	uint32_t zero = 0;
	char text[16] = "text";

	for (uint32_t t = 0; t < ARRAY_SIZE(map_fds); t++) {
		const struct map_kind *kind = catalog_map(t);

		map_fds[t] = kind ? new_map(kind, 0) : -1;
		if (kind && map_fds[t] < 0)
			return -1;
	}
	text_fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, sizeof(text), 1, BPF_F_RDONLY_PROG);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = text_fd;
	attr.key = (uintptr_t)&zero;
	attr.value = (uintptr_t)text;
	if (kernel_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = text_fd;
	return kernel_bpf(BPF_MAP_FREEZE, &attr);
}

/* ---- contexts ------------------------------------------------------------------------ */

static bool kernel_ctx_access(uint32_t type, int off, int size, bool write)
{
	static const uint8_t code[9] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};
	struct bpf_insn insns[] = {
		MOV_IMM(0, 0),
		write ? STORE(code[size], 1, off, 0) : LOAD(code[size], 2, 1, off),
		EXIT(),
	};
	int fd = kernel_prog(type, insns, ARRAY_SIZE(insns), "GPL", NULL, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void contexts_agree(void **state)
{
	int compared = 0, allowed = 0;

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		const struct prog_type *type = catalog_prog(types[t]);

		for (uint32_t off = 0; off < type->ctx_size + 8; off++) {
			for (int size = 1; size <= 8; size *= 2) {
				for (int write = 0; write < 2; write++, compared++) {
					bool ours = catalog_ctx_access(type, off, size, write);

					allowed += ours;
					if (ours != kernel_ctx_access(types[t], off, size, write))
						fail_msg("%s: %s of %d bytes at %u: we say %s",
							 type->name, write ? "write" : "read", size,
							 off, ours ? "yes" : "no");
				}
			}
		}
	}
	print_message("%d context accesses compared, %d of them legal\n", compared, allowed);
}

/* ---- helpers ------------------------------------------------------------------------- */

enum change {
	AS_TABLED,
	RAW_NUMBER,    /* argument `arg` is a number that is no address */
	NOT_SET,       /* argument `arg` is an uninitialised register */
	IN_PACKET,     /* argument `arg` points to packet bytes */
	READ_ONLY,     /* argument `arg` points to a read-only map value */
	NULL_AND_ZERO, /* argument `arg` is NULL, its length is 0 */
	ZERO_LENGTH,   /* argument `arg`, a length, is 0 */
	USE_RESULT,    /* r0 is read after the call */
	USE_PACKET,    /* a packet pointer from before the call is used after it */
	NO_GPL,	       /* the program's licence is not GPL compatible */
};

struct code {
	struct bpf_insn insns[64];
	uint32_t n;
	uint32_t func; /* the instruction that takes the callback's address, 0: none */
};

#define EMIT(c, ...)                                                              \
	do {                                                                      \
		const struct bpf_insn new_[] = {__VA_ARGS__};                     \
		assert_true((c)->n + ARRAY_SIZE(new_) <= ARRAY_SIZE((c)->insns)); \
		memcpy((c)->insns + (c)->n, new_, sizeof(new_));                  \
		(c)->n += ARRAY_SIZE(new_);                                       \
	} while (0)

static void emit_stack_pointer(struct code *c, int reg, int off)
{
	EMIT(c, MOV_REG(reg, 10), ADD_IMM(reg, off));
}

/* Puts a good value for an argument of that kind into reg. r6 = ctx, r8 = reserved memory. */
static void emit_arg(struct code *c, int reg, int kind, int map_fd)
{
	switch (kind & ~(ARG_RDONLY | ARG_RELEASE)) {
	case ARG_NONE:
		break;
	case ARG_ANY:
		EMIT(c, MOV_IMM(reg, 0));
		break;
	case ARG_MAP:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_FD, map_fd, 0));
		break;
	case ARG_CTX:
		EMIT(c, MOV_REG(reg, 6));
		break;
	case ARG_MAP_KEY:
	case ARG_MEM:
	case ARG_MEM_OR_NULL:
		emit_stack_pointer(c, reg, -16);
		break;
	case ARG_MAP_VALUE:
	case ARG_UNINIT_MAP_VALUE:
	case ARG_UNINIT_MEM:
	case ARG_WRITE_MEM_OR_NULL:
		emit_stack_pointer(c, reg, -32);
		break;
	case ARG_UNINIT_U64:
		emit_stack_pointer(c, reg, -40);
		break;
	case ARG_SIZE:
	case ARG_SIZE0:
	case ARG_ALLOC_SIZE:
		EMIT(c, MOV_IMM(reg, 16));
		break;
	case ARG_FUNC:
		c->func = c->n;
		EMIT(c, LD64(reg, BPF_PSEUDO_FUNC, 0, 0));
		break;
	case ARG_STACK_OR_NULL:
		emit_stack_pointer(c, reg, -8);
		break;
	case ARG_ALLOC_MEM:
		EMIT(c, MOV_REG(reg, 8));
		break;
	case ARG_CONST_STR:
		EMIT(c, LD64(reg, BPF_PSEUDO_MAP_VALUE, text_fd, 0));
		break;
	default:
		fail_msg("no generator for argument kind %d", kind);
	}
}

static bool has_arg(const struct helper *h, uint32_t kind)
{
	for (int i = 0; i < 5; i++)
		if ((h->args[i] & ARG_KIND) == kind)
			return true;
	return false;
}

static void emit_prologue(struct code *c, const struct helper *h, bool packet, bool xdp)
{
	EMIT(c, MOV_REG(6, 1), MOV_IMM(0, 0));
	for (int off = -48; off < 0; off += 8)
		EMIT(c, STORE(BPF_DW, 10, off, 0));
	if (packet)
		EMIT(c,
		     LOAD(BPF_W, 7, 1,
			  xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data)),
		     LOAD(BPF_W, 2, 1,
			  xdp ? offsetof(struct xdp_md, data_end)
			      : offsetof(struct __sk_buff, data_end)),
		     MOV_REG(3, 7), ADD_IMM(3, 32), JUMP_REG(BPF_JLE, 3, 2, 1), EXIT());
	if (has_arg(h, ARG_ALLOC_MEM)) {
		EMIT(c, LD64(1, BPF_PSEUDO_MAP_FD, map_fds[BPF_MAP_TYPE_RINGBUF], 0),
		     MOV_IMM(2, 16), MOV_IMM(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
		     JUMP_IMM(BPF_JNE, 0, 0, 1), EXIT(), MOV_REG(8, 0));
	}
	/* Clears r1-r5 but for what the call gets: a call leaves them uninitialised. */
	EMIT(c, CALL(BPF_FUNC_ktime_get_ns));
}

/* Builds the call, changed as told, and returns what the kernel says. */
static bool kernel_accepts(uint32_t type, const struct helper *h, enum change change, int arg,
			   int map_fd, char *log, uint32_t log_size)
{
	struct code c = {.n = 0};
	uint32_t callback = 0;
	bool packet = type != BPF_PROG_TYPE_SOCKET_FILTER;
	int fd;

	emit_prologue(&c, h, packet, type == BPF_PROG_TYPE_XDP);
	for (int i = 0; i < 5; i++) {
		bool here = arg == i;
		int reg = i + 1;

		if (here && change == RAW_NUMBER)
			EMIT(&c, MOV_IMM(reg, 1234567));
		else if (here && change == NOT_SET)
			continue;
		else if (here && change == IN_PACKET)
			EMIT(&c, MOV_REG(reg, 7));
		else if (here && change == READ_ONLY)
			EMIT(&c, LD64(reg, BPF_PSEUDO_MAP_VALUE, text_fd, 0));
		else if (here && (change == ZERO_LENGTH || change == NULL_AND_ZERO))
			EMIT(&c, MOV_IMM(reg, 0));
		else if (arg == i - 1 && change == NULL_AND_ZERO)
			EMIT(&c, MOV_IMM(reg, 0));
		else
			emit_arg(&c, reg, h->args[i], map_fd);
	}
	EMIT(&c, CALL((int)h->id));
	if (h->ret == RET_ALLOC_MEM_OR_NULL)
		EMIT(&c, JUMP_IMM(BPF_JEQ, 0, 0, 3), MOV_REG(1, 0), MOV_IMM(2, 0),
		     CALL(BPF_FUNC_ringbuf_discard));
	if (change == USE_RESULT)
		EMIT(&c, MOV_REG(1, 0));
	if (change == USE_PACKET)
		EMIT(&c, LOAD(BPF_B, 1, 7, 0));
	EMIT(&c, MOV_IMM(0, 0), EXIT());
	if (c.func) {
		callback = c.n;
		c.insns[c.func].imm = (int)(callback - c.func - 1);
		EMIT(&c, MOV_IMM(0, 0), EXIT());
	}
	fd = kernel_prog_with(type, c.insns, c.n, callback, change == NO_GPL ? "BSD" : "GPL", log,
			      log_size);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int some_map(const struct helper *h)
{
	for (uint32_t t = 0; t < ARRAY_SIZE(map_fds); t++)
		if (catalog_helper_takes_map(h, t))
			return map_fds[t];
	return -1;
}

static int n_compared;

static void expect_change(uint32_t type, const struct helper *h, enum change change, int arg,
			  bool ours)
{
	static char log[65536];

	n_compared++;
	if (kernel_accepts(type, h, change, arg, some_map(h), log, sizeof(log)) != ours)
		fail_msg("%s, %s, change %d of argument %d: we say %s; kernel: %s",
			 catalog_prog(type)->name, h->name, change, arg + 1, ours ? "yes" : "no",
			 log);
}

static bool is_written(int kind)
{
	return kind == ARG_UNINIT_MEM || kind == ARG_WRITE_MEM_OR_NULL || kind == ARG_UNINIT_U64;
}

static void expect_argument(uint32_t type, const struct helper *h, int i)
{
	int kind = (int)(h->args[i] & ~(uint32_t)(ARG_RDONLY | ARG_RELEASE));
	bool or_null = kind == ARG_MEM_OR_NULL || kind == ARG_WRITE_MEM_OR_NULL;
	bool mem = kind == ARG_MEM || kind == ARG_UNINIT_MEM || or_null;

	if (kind == ARG_NONE)
		return;
	expect_change(type, h, NOT_SET, i, false);
	/* A constant length that is too large for its memory is wrong, too. */
	expect_change(type, h, RAW_NUMBER, i, kind == ARG_ANY || kind == ARG_ALLOC_SIZE);
	if (kind == ARG_SIZE || kind == ARG_SIZE0)
		expect_change(type, h, ZERO_LENGTH, i, kind == ARG_SIZE0);
	if (mem || kind == ARG_MAP_KEY || kind == ARG_MAP_VALUE || kind == ARG_UNINIT_U64) {
		if (type != BPF_PROG_TYPE_SOCKET_FILTER)
			expect_change(type, h, IN_PACKET, i, h->flags & HELPER_PKT_DATA);
		expect_change(type, h, READ_ONLY, i, !is_written(kind));
	}
	if (kind == ARG_STACK_OR_NULL)
		expect_change(type, h, ZERO_LENGTH, i, true); /* NULL */
	if (mem)
		expect_change(type, h, NULL_AND_ZERO, i, or_null);
}

static void helpers_agree(void **state)
{
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		uint32_t type = types[t];

		/* A program array belongs to the type of the first program that uses it. */
		close(map_fds[BPF_MAP_TYPE_PROG_ARRAY]);
		map_fds[BPF_MAP_TYPE_PROG_ARRAY] = new_map(catalog_map(BPF_MAP_TYPE_PROG_ARRAY), 0);
		for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
			const struct helper *h = catalog_helper(id);

			if (!h)
				continue;
			expect_change(type, h, AS_TABLED, -1, h->progs & catalog_prog(type)->set);
			if (!(h->progs & catalog_prog(type)->set))
				continue;
			expect_change(type, h, NO_GPL, -1, !(h->flags & HELPER_GPL));
			expect_change(type, h, USE_RESULT, -1,
				      h->ret != RET_VOID && h->ret != RET_ALLOC_MEM_OR_NULL);
			if (type != BPF_PROG_TYPE_SOCKET_FILTER)
				expect_change(type, h, USE_PACKET, -1,
					      !(h->flags & HELPER_PKT_MOVES));
			for (int i = 0; i < 5; i++)
				expect_argument(type, h, i);
		}
	}
	print_message("%d calls compared\n", n_compared);
}

static void map_arguments_agree(void **state)
{
	static char log[65536];

	close(map_fds[BPF_MAP_TYPE_PROG_ARRAY]);
	map_fds[BPF_MAP_TYPE_PROG_ARRAY] = new_map(catalog_map(BPF_MAP_TYPE_PROG_ARRAY), 0);

	for (uint32_t id = 1; id < CATALOG_HELPERS; id++) {
		const struct helper *h = catalog_helper(id);

		for (uint32_t t = 0; h && has_arg(h, ARG_MAP) && t < ARRAY_SIZE(map_fds); t++) {
			bool ours = catalog_helper_takes_map(h, t);

			if (catalog_map(t) && kernel_accepts(BPF_PROG_TYPE_XDP, h, AS_TABLED, -1,
							     map_fds[t], log, sizeof(log)) != ours)
				fail_msg("%s of a %s: we say %s; kernel: %s", h->name,
					 catalog_map_name(t), ours ? "yes" : "no", log);
		}
	}
}

/* ---- maps ---------------------------------------------------------------------------- */

static void map_flags_agree(void **state)
{
	for (uint32_t t = 0; t < ARRAY_SIZE(map_fds); t++) {
		const struct map_kind *kind = catalog_map(t);

		for (uint32_t bit = 1; kind && bit <= BPF_F_INNER_MAP; bit <<= 1) {
			int fd = new_map(kind, bit);

			if (fd >= 0)
				close(fd);
			if ((fd >= 0) != !!(kind->allowed_flags & bit))
				fail_msg("%s with flag %#x: kernel says %d", kind->name, bit, fd);
		}
	}
}

static void map_traits_agree(void **state)
{
	for (uint32_t t = 0; t < ARRAY_SIZE(map_fds); t++) {
		const struct map_kind *kind = catalog_map(t);
		struct bpf_insn direct[] = {LD64(1, BPF_PSEUDO_MAP_VALUE, map_fds[t], 0),
					    MOV_IMM(0, 0), EXIT()};
		struct bpf_insn store[] = {
			INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0),
			LD64(1, BPF_PSEUDO_MAP_FD, map_fds[t], 0),
			MOV_REG(2, 10),
			ADD_IMM(2, -8),
			CALL(BPF_FUNC_map_lookup_elem),
			JUMP_IMM(BPF_JEQ, 0, 0, 1),
			INSN(BPF_ST | BPF_MEM | BPF_W, 0, 0, 0, 0),
			MOV_IMM(0, 0),
			EXIT(),
		};
		int fd;

		if (!kind)
			continue;
		fd = kernel_prog(BPF_PROG_TYPE_XDP, direct, ARRAY_SIZE(direct), "GPL", NULL, 0);
		if (fd >= 0)
			close(fd);
		if ((fd >= 0) != !!(kind->traits & MAP_DIRECT_VALUE))
			fail_msg("%s: direct value: kernel says %d", kind->name, fd);
		fd = kernel_prog(BPF_PROG_TYPE_XDP, store, ARRAY_SIZE(store), "GPL", NULL, 0);
		if (fd >= 0)
			close(fd);
		if ((fd >= 0) != !(kind->traits & (MAP_NO_LOOKUP | MAP_PROG_RDONLY)))
			fail_msg("%s: store to a value: kernel says %d", kind->name, fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_agree),      cmocka_unit_test(helpers_agree),
		cmocka_unit_test(map_arguments_agree), cmocka_unit_test(map_flags_agree),
		cmocka_unit_test(map_traits_agree),
	};
	kernel_needed();
	return cmocka_run_group_tests(tests, make_maps, NULL);
}
