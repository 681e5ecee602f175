/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/kernel.h - asking the running kernel, the specification of our behaviour.
 *
 * Thin wrappers of the bpf system call for programs that are written as instructions.
 * Functions return what the call returns, or the negative errno.
 */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "visor/uapi.h"

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_REG(d, s)	      INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i)	      INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_IMM(d, i)	      INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(sz, d, s, o)     INSN(BPF_LDX | BPF_MEM | (sz), d, s, o, 0)
#define STORE(sz, d, o, s)    INSN(BPF_STX | BPF_MEM | (sz), d, s, o, 0)
#define JUMP_IMM(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define JUMP_REG(op, d, s, o) INSN(BPF_JMP | (op) | BPF_X, d, s, o, 0)
#define CALL(id)	      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)
#define EXIT()		      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two slots: */
#define LD64(d, src, lo, hi) INSN(BPF_LD | BPF_IMM | BPF_DW, d, src, 0, lo), INSN(0, 0, 0, 0, hi)

static inline int kernel_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static inline int kernel_map(uint32_t type, uint32_t key, uint32_t value, uint32_t max,
			     uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = max;
	attr.map_flags = flags;
	return kernel_bpf(BPF_MAP_CREATE, &attr);
}

/* For BPF_BTF_LOAD: two functions, type 3 (global) and 4 (static), `int (void)`. */
static inline void kernel_func_btf_attr(union bpf_attr *attr)
{
	static const struct {
		struct btf_header head;
		struct btf_type int_type;
		uint32_t int_bits;
		struct btf_type proto, main, callback;
		char strings[16];
	} btf = {
		.head = {.magic = BTF_MAGIC,
			 .version = BTF_VERSION,
			 .hdr_len = sizeof(struct btf_header),
			 .type_len = 4 * sizeof(struct btf_type) + 4,
			 .str_off = 4 * sizeof(struct btf_type) + 4,
			 .str_len = 16},
		.int_type = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
		.int_bits = BTF_INT_SIGNED << 24 | 32,
		.proto = {.info = BTF_KIND_FUNC_PROTO << 24, .type = 1},
		.main = {.name_off = 5, .info = BTF_KIND_FUNC << 24 | BTF_FUNC_GLOBAL, .type = 2},
		.callback = {.name_off = 10, .info = BTF_KIND_FUNC << 24, .type = 2},
		.strings = "\0int\0main\0call",
	};

	memset(attr, 0, sizeof(*attr));
	attr->btf = (uintptr_t)&btf;
	attr->btf_size = sizeof(btf);
}

/* The verifier's log goes to log if that is not NULL. Instruction `callback`, if not 0, starts
 * a function that is called back. */
static inline int kernel_prog_with(uint32_t type, const struct bpf_insn *insns, uint32_t n,
				   uint32_t callback, const char *license, char *log,
				   uint32_t log_size)
{
	struct bpf_func_info funcs[] = {{.insn_off = 0, .type_id = 3},
					{.insn_off = callback, .type_id = 4}};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	if (callback) {
		kernel_func_btf_attr(&attr);
		fd = kernel_bpf(BPF_BTF_LOAD, &attr);
		memset(&attr, 0, sizeof(attr));
		attr.prog_btf_fd = (uint32_t)fd;
		attr.func_info = (uintptr_t)funcs;
		attr.func_info_cnt = 2;
		attr.func_info_rec_size = sizeof(funcs[0]);
	}
	attr.prog_type = type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)license;
	if (log) {
		log[0] = '\0';
		attr.log_buf = (uintptr_t)log;
		attr.log_size = log_size;
		attr.log_level = 1;
	}
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (callback)
		close(attr.prog_btf_fd);
	return fd;
}

static inline int kernel_prog(uint32_t type, const struct bpf_insn *insns, uint32_t n,
			      const char *license, char *log, uint32_t log_size)
{
	return kernel_prog_with(type, insns, n, 0, license, log, log_size);
}

/* Ends the test program as "skipped" where the kernel gives us no bpf. */
static inline void kernel_needed(void)
{
	int fd = kernel_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	const struct bpf_insn ok[] = {MOV_IMM(0, 0), EXIT()};

	if (fd >= 0) {
		close(fd);
		fd = kernel_prog(BPF_PROG_TYPE_XDP, ok, 2, "GPL", NULL, 0);
	}
	if (fd < 0) {
		printf("skipped: this test compares with the kernel, whose bpf(2) says: %s\n",
		       strerror(-fd));
		exit(77);
	}
	close(fd);
}

#endif
