/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arbitrary commands and attributes on a private engine: no crash, no leak, bounded memory.
 *
 *   2 bytes: n    n bytes: the client's memory    then one call after the other:
 *   command, two bytes that choose descriptors, length, bytes of the attributes
 *
 * Pointers are shaped into the client's memory (an engine writes where it is told to, which
 * would be anywhere in the fuzzer), or stay addresses that nobody has. Numbers that ask for
 * memory or time are cut.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "visor/visor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY	 (4 << 20) /* what any command may write from the highest pointer on */
#define POINTERS 0xffff
#define MAX_FDS	 8

#define AT(field) offsetof(union bpf_attr, field)

/* Offsets of a command's pointers and descriptors; 255: end. */
struct shape {
	uint8_t ptrs[8], fds[3];
	bool gives_fd;
};

#define PTRS(...) .ptrs = {__VA_ARGS__, 255}
#define FDS(...)  .fds = {__VA_ARGS__, 255}
#define NONE	  255

static const struct shape shapes[] = {
	[BPF_MAP_CREATE] = {PTRS(NONE), FDS(AT(btf_fd)), .gives_fd = true},
	[BPF_MAP_LOOKUP_ELEM] = {PTRS(AT(key), AT(value)), FDS(AT(map_fd))},
	[BPF_MAP_UPDATE_ELEM] = {PTRS(AT(key), AT(value)), FDS(AT(map_fd))},
	[BPF_MAP_DELETE_ELEM] = {PTRS(AT(key)), FDS(AT(map_fd))},
	[BPF_MAP_GET_NEXT_KEY] = {PTRS(AT(key), AT(next_key)), FDS(AT(map_fd))},
	[BPF_MAP_LOOKUP_AND_DELETE_ELEM] = {PTRS(AT(key), AT(value)), FDS(AT(map_fd))},
	[BPF_MAP_FREEZE] = {PTRS(NONE), FDS(AT(map_fd))},
#define BATCH                                                                                    \
	{                                                                                        \
		PTRS(AT(batch.in_batch), AT(batch.out_batch), AT(batch.keys), AT(batch.values)), \
			FDS(AT(batch.map_fd))                                                    \
	}
	[BPF_MAP_LOOKUP_BATCH] = BATCH,
	[BPF_MAP_LOOKUP_AND_DELETE_BATCH] = BATCH,
	[BPF_MAP_UPDATE_BATCH] = BATCH,
	[BPF_MAP_DELETE_BATCH] = BATCH,
	[BPF_PROG_LOAD] = {PTRS(AT(insns), AT(license), AT(log_buf), AT(func_info), AT(line_info),
				AT(fd_array)),
			   FDS(AT(prog_btf_fd)), .gives_fd = true},
	[BPF_PROG_BIND_MAP] = {PTRS(NONE),
			       FDS(AT(prog_bind_map.prog_fd), AT(prog_bind_map.map_fd))},
	[BPF_PROG_TEST_RUN] = {PTRS(AT(test.data_in), AT(test.data_out), AT(test.ctx_in),
				    AT(test.ctx_out)),
			       FDS(AT(test.prog_fd))},
	[BPF_BTF_LOAD] = {PTRS(AT(btf), AT(btf_log_buf)), FDS(NONE), .gives_fd = true},
	[BPF_OBJ_PIN] = {PTRS(AT(pathname)), FDS(AT(bpf_fd))},
	[BPF_OBJ_GET] = {PTRS(AT(pathname)), FDS(NONE), .gives_fd = true},
	[BPF_OBJ_GET_INFO_BY_FD] = {PTRS(AT(info.info)), FDS(AT(info.bpf_fd))},
	[BPF_PROG_GET_FD_BY_ID] = {PTRS(NONE), FDS(NONE), .gives_fd = true},
	[BPF_MAP_GET_FD_BY_ID] = {PTRS(NONE), FDS(NONE), .gives_fd = true},
	[BPF_BTF_GET_FD_BY_ID] = {PTRS(NONE), FDS(NONE), .gives_fd = true},
	[BPF_ENABLE_STATS] = {PTRS(NONE), FDS(NONE), .gives_fd = true},
	[BPF_LINK_CREATE] = {PTRS(NONE), FDS(AT(link_create.prog_fd))},
};

static uint8_t *memory;
static int fds[MAX_FDS];
static uint32_t n_fds;

static uint64_t shape_pointer(uint64_t v)
{
	if (!v || v >> 56)
		return v ? v | UINT64_C(1) << 63 : 0;
	return (uint64_t)(uintptr_t)memory + (v & POINTERS);
}

/* Every pointer of a prog_info, map_info or btf_info is one of its 8-byte words. */
static void shape_info(uint64_t addr)
{
	static const uint8_t words[] = {
		0,
		16, /* btf_info: btf, name */
		offsetof(struct bpf_prog_info, jited_prog_insns),
		offsetof(struct bpf_prog_info, xlated_prog_insns),
		offsetof(struct bpf_prog_info, map_ids),
		offsetof(struct bpf_prog_info, jited_ksyms),
		offsetof(struct bpf_prog_info, jited_func_lens),
		offsetof(struct bpf_prog_info, func_info),
		offsetof(struct bpf_prog_info, line_info),
		offsetof(struct bpf_prog_info, jited_line_info),
		offsetof(struct bpf_prog_info, prog_tags),
	};
	uint64_t v;

	if (!addr || addr >> 56)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint8_t *word = (uint8_t *)(uintptr_t)addr + words[i];

		memcpy(&v, word, sizeof(v));
		v = shape_pointer(v & ~(UINT64_C(0xff) << 48));
		memcpy(word, &v, sizeof(v));
	}
}

static void limit(int cmd, union bpf_attr *attr)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
		attr->key_size &= 0x3ff;
		attr->value_size &= 0x3ff;
		attr->max_entries &= 0x1fff;
		break;
	case BPF_PROG_LOAD:
		attr->insn_cnt &= 0x3ff;
		attr->func_info_cnt &= 0x3ff;
		attr->line_info_cnt &= 0x3ff;
		break;
	case BPF_PROG_TEST_RUN:
		attr->test.repeat &= 3;
		break;
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		attr->batch.count &= 0xff;
		break;
	default:
		break;
	}
}

static int pick_fd(uint8_t choice)
{
	return choice == 255 ? -1 : choice == 254 ? 2 : n_fds ? fds[choice % n_fds] : 9999;
}

static void keep_fd(int fd)
{
	if (n_fds == MAX_FDS) {
		close(fds[0]);
		memmove(fds, fds + 1, sizeof(fds) - sizeof(*fds));
		n_fds--;
	}
	fds[n_fds++] = fd;
}

/* Map references name one of the descriptors there are. The address may be odd. */
static void shape_insns(uint8_t *at, uint32_t n)
{
	struct bpf_insn insn;

	for (; n; n--, at += sizeof(insn)) {
		memcpy(&insn, at, sizeof(insn));
		if (insn.code != (BPF_LD | BPF_IMM | BPF_DW) || !insn.src_reg || insn.src_reg > 2)
			continue;
		insn.imm = pick_fd((uint8_t)insn.imm);
		memcpy(at, &insn, sizeof(insn));
	}
}

static void call(struct visor *v, const uint8_t *in, size_t len)
{
	static const struct shape none = {PTRS(NONE), FDS(NONE)};
	int cmd = in[0] % 64, ret;
	const struct shape *shape = &none;
	uint8_t bytes[256] = {0};
	union bpf_attr *attr = (union bpf_attr *)bytes;
	uint64_t addr;

	if ((size_t)cmd < ARRAY_SIZE(shapes) && shapes[cmd].ptrs[1]) /* else there is no row */
		shape = &shapes[cmd];
	memcpy(bytes, in + 4, len);
	limit(cmd, attr);
	for (size_t i = 0; i < 8 && (shape->ptrs[i] || i == 0) && shape->ptrs[i] != NONE; i++) {
		memcpy(&addr, bytes + shape->ptrs[i], sizeof(addr));
		addr = shape_pointer(addr);
		memcpy(bytes + shape->ptrs[i], &addr, sizeof(addr));
	}
	for (size_t i = 0; i < 2 && shape->fds[i] != NONE; i++)
		put_u32(bytes + shape->fds[i], (uint32_t)pick_fd(in[1 + i]));
	if (cmd == BPF_OBJ_GET_INFO_BY_FD)
		shape_info(attr->info.info);
	/* Descriptors in memory: of an update of a program array, of fd_array, of instructions. */
	if (cmd == BPF_MAP_UPDATE_ELEM && in[2] && !(attr->value >> 56) && attr->value)
		put_u32((void *)(uintptr_t)attr->value, (uint32_t)pick_fd(in[2]));
	if (cmd == BPF_PROG_LOAD && attr->insns && !(attr->insns >> 56))
		shape_insns((uint8_t *)(uintptr_t)attr->insns, attr->insn_cnt);
	ret = visor_engine_bpf(v, cmd, attr, in[3] & 128 ? (unsigned)len : sizeof(*attr));
	if (ret > 2 && shape->gives_fd)
		keep_fd(ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct visor *v;
	size_t n, calls = 0;

	if (size < 2)
		return 0;
	if (!memory) {
		memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
		if (memory == MAP_FAILED)
			abort();
		/* A fault of the kernel's copy, should something reach that far. */
		if (mprotect(memory + MEMORY - 4096, 4096, PROT_NONE))
			abort();
	}
	n = MIN(get_u16(data), size - 2);
	memset(memory, 0, 1 << 17);
	memcpy(memory, data + 2, MIN(n, POINTERS));
	data += 2 + n;
	size -= 2 + n;
	if (visor_open(NULL, &v, NULL))
		abort();
	while (size > 4 && calls++ < 64) {
		n = MIN(data[3] & 127u, size - 4);
		call(v, data, n);
		data += 4 + n;
		size -= 4 + n;
	}
	visor_close(v);
	while (n_fds)
		close(fds[--n_fds]);
	return 0;
}
