/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tests/sides.h - the kernel and our engine behind the same system call, for programs that
 * are written as instructions and compared on both.
 */
#ifndef TESTS_SIDES_H
#define TESTS_SIDES_H

#include "visor/visor.h"
#include "kernel.h"

struct side {
	struct visor *engine; /* NULL: the kernel */
};

static inline int side_bpf(const struct side *side, int cmd, union bpf_attr *attr)
{
	return side->engine ? visor_engine_bpf(side->engine, cmd, attr, sizeof(*attr))
			    : kernel_bpf(cmd, attr);
}

static inline int side_map(const struct side *side, uint32_t type, uint32_t key, uint32_t value,
			   uint32_t max)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = max;
	return side_bpf(side, BPF_MAP_CREATE, &attr);
}

/* Look-up or update of the element with a 4-byte key. */
static inline int side_element(const struct side *side, int cmd, int fd, uint32_t key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	return side_bpf(side, cmd, &attr);
}

/* Instruction `callback`, if not 0, starts a function that is called back. */
static inline int side_prog(const struct side *side, uint32_t type, const struct bpf_insn *insns,
			    uint32_t n, uint32_t callback, char *log, uint32_t log_size)
{
	struct bpf_func_info funcs[] = {{.insn_off = 0, .type_id = 3},
					{.insn_off = callback, .type_id = 4}};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	if (callback) {
		kernel_func_btf_attr(&attr);
		fd = side_bpf(side, BPF_BTF_LOAD, &attr);
		if (fd < 0)
			return fd;
		memset(&attr, 0, sizeof(attr));
		attr.prog_btf_fd = (uint32_t)fd;
		attr.func_info = (uintptr_t)funcs;
		attr.func_info_cnt = 2;
		attr.func_info_rec_size = sizeof(funcs[0]);
	}
	attr.prog_type = type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = log_size;
	attr.log_level = 1;
	log[0] = '\0';
	fd = side_bpf(side, BPF_PROG_LOAD, &attr);
	if (callback)
		close((int)attr.prog_btf_fd);
	return fd;
}

/* One test run; *out_len holds the room of out before, the packet's length after. */
static inline int side_run(const struct side *side, int fd, const void *packet, uint32_t len,
			   void *out, uint32_t *out_len, uint32_t *retval)
{
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = len;
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = out_len ? *out_len : 0;
	err = side_bpf(side, BPF_PROG_TEST_RUN, &attr);
	if (out_len)
		*out_len = attr.test.data_size_out;
	if (retval)
		*retval = attr.test.retval;
	return err;
}

#endif
