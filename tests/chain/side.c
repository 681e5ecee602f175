/* SPDX-License-Identifier: BSD-2-Clause */
/* side.c - see side.h. Every call enters the side's session and leaves it again. */
#include "side.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool side_kernel_usable(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "probe", 8, 4, 1, &opts);

	if (fd < 0) {
		fprintf(stderr, "the kernel's BPF is not for us here: %s\n", strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

/* Where a global lies in the object's section, by BTF. Negative errno if there is none. */
static int side_const_offset(const struct bpf_object *obj, const char *section, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var = sec ? btf_var_secinfos(sec) : NULL;

	for (int i = 0; sec && i < btf_vlen(sec); i++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name))
			return var->offset;
	}
	return -ENOENT;
}

static int side_const_set(struct bpf_object *obj, const struct side_const *what)
{
	int off = side_const_offset(obj, ".rodata", what->name);
	struct bpf_map *map;
	size_t size;
	char *data;

	if (off < 0)
		return off;
	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);
		size_t n = strlen(name);

		if (n < 7 || strcmp(name + n - 7, ".rodata"))
			continue;
		data = (char *)bpf_map__initial_value(map, &size);
		if (!data || off + sizeof(what->value) > size)
			return -EINVAL;
		memcpy(data + off, &what->value, sizeof(what->value));
		return 0;
	}
	return -ENOENT;
}

static int side_load(struct side *side, const char *module, const struct side_const *consts,
		     struct visor_diag *diag)
{
	struct bpf_program *prog;
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/modules/%s.o", getenv("VISOR_BUILD"), module);
	err = load_open(path, &side->obj, diag);
	for (; !err && consts && consts->name; consts++)
		err = side_const_set(side->obj, consts);
	if (!err)
		err = load_load(side->obj, diag);
	if (err)
		return err;
	bpf_object__for_each_program(prog, side->obj)
	{
		if (bpf_program__type(prog) == BPF_PROG_TYPE_XDP)
			side->xdp = bpf_program__fd(prog);
		else
			side->tc = bpf_program__fd(prog);
	}
	return side->xdp < 0 || side->tc < 0 ? -ENOENT : 0;
}

int side_open(struct side *side, const char *module, const struct side_const *consts)
{
	struct load_session *before = load_enter(&side->session);
	struct visor_diag diag = {0};
	int err;

	side->obj = NULL;
	side->xdp = side->tc = -1;
	err = side_load(side, module, consts, &diag);
	load_enter(before);
	if (err) {
		fprintf(stderr, "%s: module %s does not load: %s\n", side->name, module,
			strerror(-err));
		visor_diag_print(&diag, stderr);
	}
	return err;
}

void side_close(struct side *side)
{
	struct load_session *before = load_enter(&side->session);

	bpf_object__close(side->obj);
	side->obj = NULL;
	load_enter(before);
}

int64_t side_run(struct side *side, int prog, const void *data, uint32_t size)
{
	struct load_session *before = load_enter(&side->session);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = size, .repeat = 1);
	int err = bpf_prog_test_run_opts(prog, &opts);

	load_enter(before);
	return err ? err : (int64_t)opts.retval;
}

int side_map_set(struct side *side, const char *map, const void *key, const void *value)
{
	struct load_session *before = load_enter(&side->session);
	int fd = bpf_object__find_map_fd_by_name(side->obj, map);
	int err = fd < 0 ? fd : bpf_map_update_elem(fd, key, value, BPF_ANY);

	load_enter(before);
	if (err)
		fprintf(stderr, "%s: map %s: %s\n", side->name, map, strerror(-err));
	return err;
}

int side_prefix_set(struct side *side, const char *map, uint32_t bits, const void *address,
		    size_t bytes, uint32_t action)
{
	uint8_t key[20] = {0};

	memcpy(key, &bits, 4);
	memcpy(key + 4, address, bytes);
	return side_map_set(side, map, key, &action);
}

/* The entries of the open map fd; called in the session. */
static int dump_entries(struct side_dump *dump, int fd, uint32_t max, uint64_t *values, int cpus)
{
	for (;; dump->n++) {
		uint8_t *key = dump->keys + dump->n * dump->key_size;
		uint64_t *sum = dump->sums + dump->n * dump->words;
		int err = bpf_map_get_next_key(fd, dump->n ? key - dump->key_size : NULL, key);

		if (err == -ENOENT)
			return 0;
		if (!err && dump->n == max)
			err = -E2BIG;
		if (!err)
			err = bpf_map_lookup_elem(fd, key, values);
		if (err)
			return err;
		for (int cpu = 0; cpu < cpus; cpu++)
			for (uint32_t w = 0; w < dump->words; w++)
				sum[w] += values[cpu * dump->words + w];
	}
}

int side_dump_read(struct side_dump *dump, struct side *side, const char *name)
{
	struct load_session *before = load_enter(&side->session);
	struct bpf_map *map = bpf_object__find_map_by_name(side->obj, name);
	int cpus = libbpf_num_possible_cpus(), err = -ENOENT;
	uint64_t *values = NULL;
	uint32_t max;

	memset(dump, 0, sizeof(*dump));
	if (!map || cpus < 1)
		goto out;
	max = bpf_map__max_entries(map);
	dump->key_size = bpf_map__key_size(map);
	dump->words = bpf_map__value_size(map) / 8;
	dump->keys = calloc(max + 1, dump->key_size);
	dump->sums = calloc(max + 1, dump->words * 8);
	values = calloc(cpus, dump->words * 8);
	err = -ENOMEM;
	if (dump->keys && dump->sums && values)
		err = dump_entries(dump, bpf_map__fd(map), max, values, cpus);
out:
	free(values);
	load_enter(before);
	if (err) {
		side_dump_free(dump);
		fprintf(stderr, "%s: dump of map %s: %s\n", side->name, name, strerror(-err));
	}
	return err;
}

const uint64_t *side_dump_find(const struct side_dump *dump, const void *key)
{
	for (uint32_t i = 0; i < dump->n; i++)
		if (!memcmp(dump->keys + i * dump->key_size, key, dump->key_size))
			return dump->sums + i * dump->words;
	return NULL;
}

void side_dump_print(const struct side_dump *dump, const char *side, const char *map)
{
	for (uint32_t i = 0; i < dump->n; i++) {
		fprintf(stderr, "  %s %s:", side, map);
		for (uint32_t k = 0; k + 4 <= dump->key_size; k += 4)
			fprintf(stderr, " %u", get_u32(dump->keys + i * dump->key_size + k));
		fprintf(stderr, " =");
		for (uint32_t w = 0; w < dump->words; w++)
			fprintf(stderr, " %llu",
				(unsigned long long)dump->sums[i * dump->words + w]);
		fprintf(stderr, "\n");
	}
}

void side_dump_free(struct side_dump *dump)
{
	free(dump->keys);
	free(dump->sums);
	memset(dump, 0, sizeof(*dump));
}
