/* SPDX-License-Identifier: BSD-2-Clause */
/* engine.h - the calls that the tests of this folder make, on the kernel (v NULL) or an engine. */
#ifndef TESTS_SYS_ENGINE_H
#define TESTS_SYS_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "kernel.h"
#include "visor/visor.h"

#define PTR(p) ((uint64_t)(uintptr_t)(p))

static inline int bpf_on(struct visor *v, int cmd, union bpf_attr *attr, unsigned int size)
{
	long ret;

	if (v)
		return visor_engine_bpf(v, cmd, attr, size);
	ret = syscall(__NR_bpf, cmd, attr, size);
	return ret < 0 ? -errno : (int)ret;
}

#define BPF(v, cmd, ...)                               \
	({                                             \
		union bpf_attr attr_;                  \
		memset(&attr_, 0, sizeof(attr_));      \
		attr_ = (union bpf_attr){__VA_ARGS__}; \
		bpf_on(v, cmd, &attr_, sizeof(attr_)); \
	})

static inline int map_on(struct visor *v, uint32_t type, uint32_t key, uint32_t value, uint32_t max,
			 uint32_t flags)
{
	return BPF(v, BPF_MAP_CREATE, .map_type = type, .key_size = key, .value_size = value,
		   .max_entries = max, .map_flags = flags);
}

static inline int prog_on(struct visor *v, uint32_t type, const struct bpf_insn *insns, uint32_t n)
{
	return BPF(v, BPF_PROG_LOAD, .prog_type = type, .insns = PTR(insns), .insn_cnt = n,
		   .license = PTR("GPL"));
}

static inline int next_id(struct visor *v, int cmd, uint32_t start, uint32_t *id)
{
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.start_id = start;
	err = bpf_on(v, cmd, &attr, sizeof(attr));
	*id = attr.next_id;
	return err;
}

/* How many objects the engine lists. */
static inline int count_ids(struct visor *v, int cmd)
{
	uint32_t id = 0;
	int n = 0;

	while (!next_id(v, cmd, id, &id))
		n++;
	return n;
}

static inline int info_of(struct visor *v, int fd, void *info, uint32_t *len)
{
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = *len;
	attr.info.info = PTR(info);
	err = bpf_on(v, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	*len = attr.info.info_len;
	return err;
}

static inline int map_update_on(struct visor *v, int fd, const void *key, const void *value)
{
	return BPF(v, BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)fd, .key = PTR(key),
		   .value = PTR(value));
}

static inline int map_lookup_on(struct visor *v, int fd, const void *key, void *value)
{
	return BPF(v, BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)fd, .key = PTR(key),
		   .value = PTR(value));
}

static inline struct visor *engine_new(const char *state)
{
	VISOR_OPTS(visor_opts, opts, .state = state);
	struct visor_diag diag;
	struct visor *v;
	int err = visor_open(&opts, &v, &diag);

	if (err)
		visor_diag_print(&diag, stderr);
	assert_int_equal(err, 0);
	return v;
}

/* A fresh directory below the build's temporary place; removed by state_remove. */
static inline void state_new(char path[64])
{
	strcpy(path, "/tmp/visor-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	strcat(path, "/state");
}

static inline void state_remove(const char *path)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%.*s'", (int)(strlen(path) - strlen("/state")), path);
	assert_int_equal(system(cmd), 0);
}

#endif
