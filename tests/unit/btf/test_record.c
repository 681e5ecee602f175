/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Special fields: types made at random are given to the kernel and to us. Whether it takes the
 * BTF, whether it makes a map with such a value, and which bytes of a value a program may then
 * access must be the same.
 */
#include "btf/btf.h"
#include "build.h"
#include "tests/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct btf_target *target;
static struct build b;

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

/* ---- types at random --------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	uint32_t size;
} special[] = {
	{"bpf_spin_lock", 4}, {"bpf_res_spin_lock", 4}, {"bpf_timer", 16},     {"bpf_wq", 16},
	{"bpf_task_work", 8}, {"bpf_list_head", 16},	{"bpf_list_node", 24}, {"bpf_rb_root", 16},
	{"bpf_rb_node", 32},  {"bpf_refcount", 4},
};

static const char *const pointees[] = {"task_struct", "cgroup",	 "bpf_cpumask", "file",
				       "own",	      "own_big", "own_empty"};
static const char *const tags[] = {"kptr",	  "kptr", "kptr_untrusted",
				   "percpu_kptr", "uptr", "other"};

struct member {
	uint32_t type, size, align;
};

static struct member pool[64];
static uint32_t n_pool, int_id, long_id;

static void pool_add(uint32_t type, uint32_t size, uint32_t align)
{
	assert_true(n_pool < ARRAY_SIZE(pool));
	pool[n_pool++] = (struct member){type, size, align};
}

/* Types that members may have. Special ones come and go, so that there are not too many. */
static void make_pool(void)
{
	n_pool = 0;
	int_id = build_int(&b, "int", 4);
	long_id = build_int(&b, "long", 8);
	pool_add(int_id, 4, 4);
	for (uint32_t i = 0; i < ARRAY_SIZE(special); i++) {
		uint32_t size = below(40) ? special[i].size : special[i].size + 8, id;

		if (below(2))
			continue;
		id = build_struct(&b, special[i].name, size);
		build_member(&b, "a", int_id, 0);
		if (!below(12))
			id = build_type(&b, below(2) ? BTF_KIND_CONST : BTF_KIND_VOLATILE, "", id);
		else if (!below(20))
			id = build_type(&b, BTF_KIND_TYPEDEF, "alias", id);
		pool_add(id, size, special[i].size % 8 ? 4 : 8);
	}
	for (uint32_t i = 0; i < 3; i++) {
		const char *name = pointees[below(ARRAY_SIZE(pointees))];
		uint32_t kind = below(12) ? BTF_KIND_STRUCT : BTF_KIND_UNION, id;

		if (below(2))
			continue;
		if (!below(12)) {
			id = int_id;
		} else {
			id = build_type(&b, kind, name,
					!strcmp(name, "own_big")     ? 5000
					: !strcmp(name, "own_empty") ? 0
								     : 4);
			if (strcmp(name, "own_empty") != 0)
				build_member(&b, "x", int_id, 0);
		}
		if (!below(8))
			id = build_type(&b, BTF_KIND_CONST, "", id);
		if (!below(16))
			id = build_type(&b, BTF_KIND_TYPE_TAG, "more", id);
		if (below(8))
			id = build_type(&b, BTF_KIND_TYPE_TAG, tags[below(ARRAY_SIZE(tags))], id);
		id = build_ptr(&b, id);
		if (!below(8))
			id = build_type(&b, below(3) ? BTF_KIND_VOLATILE : BTF_KIND_CONST, "", id);
		pool_add(id, 8, 8);
	}
}

static uint32_t make_struct(const char *name, bool pooled)
{
	uint32_t at[8], of[8], n = 1 + below(below(3) ? 3 : 6), off = 0, align = 1, id, arrays[8];

	for (uint32_t i = 0; i < n; i++) {
		of[i] = below(n_pool);
		arrays[i] = below(6) ? 1 : below(5);
		if (arrays[i] != 1)
			arrays[i] = build_array(&b, pool[of[i]].type, int_id, arrays[i]) << 8 |
				    arrays[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		off = ALIGN_UP(off, pool[of[i]].align);
		align = MAX(align, pool[of[i]].align);
		if (!below(30))
			off += 4;
		at[i] = off;
		off += pool[of[i]].size * (arrays[i] & 0xff);
	}
	off = ALIGN_UP(off, align);
	if (pooled && !below(20))
		id = build_type(&b, BTF_KIND_UNION, name, off), n = 1, at[0] = 0;
	else
		id = build_struct(&b, name, off);
	for (uint32_t i = 0; i < n; i++) {
		static const char *const names[] = {"n", "m", "o", "p", "q", "r", "s", "t"};

		build_member(&b, names[below(30) ? i : 0],
			     arrays[i] == 1 ? pool[of[i]].type : arrays[i] >> 8, at[i] * 8);
	}
	if (pooled && !below(8)) {
		uint32_t times = 2 + below(3);

		pool_add(build_array(&b, id, int_id, times), off * times, align);
	} else if (pooled) {
		pool_add(id, off, align);
	}
	for (uint32_t i = 0; i < n; i++) {
		char text[32];

		if (!below(4))
			continue;
		snprintf(text, sizeof(text), "contains:node%u:%c", below(3), "nmop"[below(4)]);
		build_tag(&b, below(40) ? text : "contains:node1", id, (int)i);
	}
	return id;
}

/* Returns the value's type. */
static uint32_t make_types(void)
{
	build_init(&b);
	make_pool();
	make_struct("node0", false);
	make_struct("node1", below(2));
	if (below(2))
		make_struct("inner", true);
	return make_struct("value", false);
}

/* ---- both -------------------------------------------------------------------------------------
 */

static uint32_t loaded, made, with_fields, refused;

static int kernel_load(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)b.data;
	attr.btf_size = b.size;
	return kernel_bpf(BPF_BTF_LOAD, &attr);
}

static int kernel_make(int btf_fd, uint32_t type, uint32_t flags, uint32_t value, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.map_flags = flags;
	attr.key_size = 4;
	attr.value_size = size;
	attr.max_entries = type == BPF_MAP_TYPE_TASK_STORAGE ? 0 : 1;
	attr.btf_fd = (uint32_t)btf_fd;
	attr.btf_key_type_id = int_id;
	attr.btf_value_type_id = value;
	return kernel_bpf(BPF_MAP_CREATE, &attr);
}

static char text[1 << 14];

/* May a program read 4 bytes at this offset of the map's value? The field's name otherwise. */
static bool kernel_reads(int map, uint32_t off, char name[64])
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		LD64(1, BPF_PSEUDO_MAP_FD, map, 0),
		MOV_REG(2, 10),
		ADD_IMM(2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		JUMP_IMM(BPF_JEQ, 0, 0, 1),
		LOAD(BPF_W, 1, 0, (int16_t)off),
		MOV_IMM(0, 0),
		EXIT(),
	};
	int fd = kernel_prog(BPF_PROG_TYPE_SCHED_CLS, insns, ARRAY_SIZE(insns), "GPL", text,
			     sizeof(text));
	char *line;

	*name = '\0';
	if (fd >= 0) {
		close(fd);
		return true;
	}
	line = strstr(text, " cannot be accessed directly by load/store");
	if (line) {
		*line = '\0';
		while (line > text && line[-1] != '\n')
			line--;
		snprintf(name, 64, "%s", line);
	} else if (strstr(text, "kptr access ")) {
		snprintf(name, 64, "kptr");
	} else {
		fail_msg("%s", text);
	}
	return false;
}

static void compare_fields(int map, const struct btf_record *record, uint32_t size)
{
	for (int i = 0; i < 6; i++) {
		uint32_t off = record && below(3) ? record->fields[below(record->n)].offset
						  : below(size / 4) * 4;
		const struct btf_field *f;
		char name[64];
		bool reads;

		if (off + 4 > size)
			continue;
		reads = kernel_reads(map, off, name);
		f = btf_record_overlap(record, off, 4);
		if (reads != !f)
			fail_msg("+%u: kernel %s, ours %s", off, reads ? "reads" : name,
				 f ? btf_field_names[f->id] : "reads");
		if (f && (BTF_MASK_KPTR & 1u << f->id || f->id == BTF_FIELD_UPTR))
			assert_string_equal(name, "kptr");
		else if (f)
			assert_string_equal(name, btf_field_names[f->id]);
	}
}

static void compare_map(int btf_fd, const struct btf *btf, const struct btf_locals *locals,
			uint32_t value)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH,	    BPF_MAP_TYPE_HASH,
					 BPF_MAP_TYPE_ARRAY,	    BPF_MAP_TYPE_LRU_HASH,
					 BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_TASK_STORAGE};
	uint32_t type = types[below(ARRAY_SIZE(types))], size = btf_type(btf, value)->size;
	uint32_t flags = type == BPF_MAP_TYPE_TASK_STORAGE ? BPF_F_NO_PREALLOC
			 : below(10)			   ? 0
							   : BPF_F_RDONLY_PROG;
	struct btf_record *record = NULL;
	int map, err;

	if (!size)
		return;
	map = kernel_make(btf_fd, type, flags, value, size);
	err = btf_record_new(btf, value, BTF_MASK_MAP, size, target, &record);
	if (err) /* a map without fields */
		refused++;
	err = record ? btf_record_check_map(record, btf, locals, type, flags) : 0;
	if ((map < 0 ? map : 0) != err)
		fail_msg("seed %u map type %u flags %u value %u: kernel %d, ours %d", seed, type,
			 flags, value, map, err);
	made += map >= 0;
	if (map >= 0) {
		with_fields += record != NULL;
		if (type != BPF_MAP_TYPE_TASK_STORAGE && size <= 4096)
			compare_fields(map, record, size);
		close(map);
	}
	btf_record_free(record);
}

static void random_types(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1500; i++) {
		uint32_t value = make_types();
		struct btf_locals *locals = NULL;
		struct btf *btf = NULL;
		int fd, err;

		build_done(&b);
		fd = kernel_load();
		err = btf_new(b.data, b.size, NULL, NULL, BTF_LOADED, &btf, NULL);
		if (!err)
			err = btf_locals_new(btf, target, &locals);
		if ((fd < 0 ? fd : 0) != err) {
			fail_msg("seed %u: BTF: kernel %d, ours %d", seed, fd, err);
		}
		loaded += fd >= 0;
		if (fd >= 0) {
			compare_map(fd, btf, locals, value);
			close(fd);
		}
		btf_locals_free(locals);
		btf_unref(btf);
	}
	assert_true(loaded > 200 && made > 200 && with_fields > 50 && refused > 50);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_types),
	};
	int failed;

	if (argc > 1)
		seed = (uint32_t)atoi(argv[1]);
	if (btf_target_open(NULL, &target, NULL)) {
		printf("skipped: the kernel has no BTF\n");
		return 77;
	}
	kernel_needed();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	btf_target_unref(target);
	return failed;
}
