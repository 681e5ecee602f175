/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem_map.c - values of maps, and the map object itself.
 *
 * A value may have special fields. Only pointers that are kept in maps (kptrs, uptrs) can be
 * accessed by an instruction at all, each as a whole and in one place. What is read of a map that
 * nobody can change any more is a constant.
 */
#include "verify/mem.h"

/* ---- who may access --------------------------------------------------------------------- */

static bool map_is_read_only(const struct verify_map *map)
{
	/* What a look-up in a device map yields is the kernel's own. */
	return map->desc.flags & BPF_F_RDONLY_PROG || map->desc.type == BPF_MAP_TYPE_DEVMAP ||
	       map->desc.type == BPF_MAP_TYPE_DEVMAP_HASH;
}

int mem_map_rights(struct env *env, const struct reg *reg, int off, int size, enum access access)
{
	const struct map_desc *d = &reg->map->desc;

	if (access == ACCESS_WRITE ? map_is_read_only(reg->map)
				   : (d->flags & BPF_F_WRONLY_PROG) != 0)
		return env_fail(env, -EACCES, REASON_READ_ONLY,
				"%s map forbidden, value_size=%d off=%d size=%d",
				access == ACCESS_WRITE ? "write into" : "read from",
				(int)d->value_size, off, size);
	return 0;
}

/* ---- special fields --------------------------------------------------------------------- */

/* Direct access to a field that holds a pointer: exactly it, and nothing but it. */
static int map_field_exact(struct env *env, const struct reg *reg, const struct btf_field *field,
			   int off, int size)
{
	const char *name = btf_field_names[field->id];
	uint64_t at = (uint64_t)(int64_t)off + range_const(&reg->var);

	if (!range_is_const(&reg->var))
		return env_fail(env, -EACCES, REASON_KPTR, "%s access cannot have variable offset",
				name);
	if (at != field->offset)
		return env_fail(env, -EACCES, REASON_KPTR,
				"%s access misaligned expected=%u off=%llu", name, field->offset,
				(unsigned long long)at);
	if (size != sizeof(uint64_t))
		return env_fail(env, -EACCES, REASON_KPTR, "%s access size must be BPF_DW", name);
	return 0;
}

static int map_field(struct env *env, const struct reg *reg, const struct btf_field *field, int off,
		     int size, bool by_call)
{
	const char *name = btf_field_names[field->id];

	if (!((BTF_MASK_KPTR | BTF_MASK(UPTR)) & 1U << field->id))
		return env_fail(env, -EACCES, REASON_SPECIAL_FIELD,
				"%s cannot be accessed directly by load/store", name);
	if (by_call)
		return env_fail(env, -EACCES, REASON_SPECIAL_FIELD,
				"%s cannot be accessed indirectly by helper", name);
	return map_field_exact(env, reg, field, off, size);
}

int mem_map_bounds(struct env *env, int regno, int off, int size, bool zero_ok, bool by_call)
{
	const struct reg *reg = env_reg(env, regno);
	const struct btf_record *record = reg->map->record;
	int err = mem_region(env, regno, off, size, reg->map->desc.value_size, zero_ok);

	for (uint32_t i = 0; !err && record && i < record->n; i++) {
		const struct btf_field *field = &record->fields[i];

		/* Within bounds, neither of them overflows. */
		if (reg->var.smin + off < (int64_t)field->offset + field->size &&
		    field->offset < reg->var.umax + (uint64_t)off + (uint64_t)size)
			err = map_field(env, reg, field, off, size, by_call);
	}
	return err;
}

/* ---- pointers that maps keep ------------------------------------------------------------ */

/* Types that the kernel frees only after an RCU grace period. */
static bool kptr_is_rcu_protected(const struct btf_field *field)
{
	static const char *const types[] = {
		"prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct", "bpf_crypto_ctx",
	};
	const char *name = btf_name(field->btf, field->type);

	if (field->id == BTF_FIELD_KPTR_PERCPU)
		return true;
	if (field->id != BTF_FIELD_KPTR_REF)
		return false;
	if (field->local)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(name, types[i]))
			return true;
	return false;
}

static uint16_t kptr_loaded_flags(const struct env *env, const struct btf_field *field)
{
	const struct btf_record *record;
	uint16_t flags = F_NULL;

	if (!kptr_is_rcu_protected(field) || !mem_in_rcu(env))
		return F_NULL | F_UNTRUSTED;
	flags |= F_RCU;
	if (field->id == BTF_FIELD_KPTR_PERCPU)
		flags |= F_PERCPU;
	else if (field->local)
		flags |= F_ALLOC;
	record = field->local ? args_struct_record(env, field->btf, field->type) : NULL;
	if (record && record->mask & BTF_MASK_GRAPH_NODE)
		flags |= F_NON_OWN;
	return flags;
}

static void kptr_load(struct env *env, const struct btf_field *field, struct reg *dst)
{
	if (field->id == BTF_FIELD_UPTR) {
		int64_t size = btf_size(field->btf, field->type, NULL);

		reg_set_pointer(dst, R_MEM, F_NULL);
		dst->mem_size = size > 0 ? (uint32_t)size : 0;
	} else {
		reg_set_pointer(dst, R_BTF_ID, kptr_loaded_flags(env, field));
		dst->btf = field->btf;
		dst->btf_id = field->type;
	}
	dst->id = env_new_id(env);
}

static int kptr_store(struct env *env, const struct btf_field *field, int value)
{
	const struct reg *reg = env_reg(env, value);

	/* That it is NULL is why it may be stored. */
	if (reg_is_null(reg))
		return precise_reg(env, value);
	return args_kptr_match(env, field, reg, value) ? -EACCES : 0;
}

static int map_kptr(struct env *env, const struct mem_op *op, const struct btf_field *field)
{
	const struct bpf_insn *insn = env_insn(env);
	int class = BPF_CLASS(insn->code);

	if (BPF_MODE(insn->code) != BPF_MEM)
		return env_fail(env, -EACCES, REASON_KPTR,
				"kptr in map can only be accessed using BPF_MEM instruction mode");
	if (class != BPF_LDX &&
	    (field->id == BTF_FIELD_KPTR_REF || field->id == BTF_FIELD_KPTR_PERCPU))
		return env_fail(env, -EACCES, REASON_KPTR, "store to referenced kptr disallowed");
	if (class != BPF_LDX && field->id == BTF_FIELD_UPTR)
		return env_fail(env, -EACCES, REASON_KPTR, "store to uptr disallowed");
	switch (class) {
	case BPF_LDX:
		kptr_load(env, field, env_reg(env, op->value));
		return 0;
	case BPF_STX:
		return kptr_store(env, field, op->value);
	case BPF_ST:
		if (insn->imm)
			return env_fail(env, -EACCES, REASON_KPTR,
					"BPF_ST imm must be 0 when storing to kptr at off=%u",
					field->offset);
		return 0;
	default:
		return env_fail(env, -EACCES, REASON_KPTR,
				"kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST");
	}
}

/* ---- values ----------------------------------------------------------------------------- */

/* Linux looks values of frozen maps up only in arrays of one element, and refuses to load what it
 * cannot look up in larger ones. */
static int map_constant(struct env *env, const struct mem_op *op, const struct verify_map *map,
			uint64_t at, struct reg *dst)
{
	const uint8_t *from;
	uint64_t v = 0;
	int shift = 64 - 8 * op->size;

	if (map->desc.max_entries != 1)
		return env_fail(env, -BTF_ENOTSUPP, REASON_MAP_RANGE,
				"a constant value of an array that has more than one");
	if (!map->contents || at + (uint64_t)op->size > map->contents_size) {
		reg_set_unknown(env, dst);
		return 0;
	}
	from = (const uint8_t *)map->contents + at;
	for (int i = 0; i < op->size; i++)
		v |= (uint64_t)from[i] << 8 * i;
	if (op->sign_extend)
		v = (uint64_t)((int64_t)(v << shift) >> shift);
	reg_set_const(env, dst, v);
	return 0;
}

static bool map_is_constant(const struct verify_map *map)
{
	return map->desc.type == BPF_MAP_TYPE_ARRAY && map->frozen &&
	       map->desc.flags & BPF_F_RDONLY_PROG;
}

int mem_map_value(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	const struct verify_map *map = reg->map;
	const struct btf_field *field = NULL;
	uint64_t at = (uint64_t)(int64_t)op->off + range_const(&reg->var);
	struct reg *dst = mem_result(env, op);
	int err = mem_leak(env, op, "map");

	if (!err)
		err = mem_map_rights(env, reg, op->off, op->size, op->access);
	if (!err)
		err = mem_map_bounds(env, op->regno, op->off, op->size, false, false);
	if (err)
		return err;
	if (range_is_const(&reg->var) && map->record)
		field = btf_record_find(map->record, (uint32_t)at, BTF_MASK_KPTR | BTF_MASK(UPTR));
	if (field)
		return map_kptr(env, op, field);
	if (!dst)
		return 0;
	if (range_is_const(&reg->var) && map_is_constant(map))
		return map_constant(env, op, map, at, dst);
	reg_set_unknown(env, dst);
	return 0;
}

/* ---- the map object --------------------------------------------------------------------- */

/* The kernel's struct for maps of a type. */
static const char *map_struct(uint32_t type)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "bpf_htab",
		[BPF_MAP_TYPE_ARRAY] = "bpf_array",
		[BPF_MAP_TYPE_PROG_ARRAY] = "bpf_array",
		[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "bpf_array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "bpf_htab",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "bpf_array",
		[BPF_MAP_TYPE_STACK_TRACE] = "bpf_stack_map",
		[BPF_MAP_TYPE_CGROUP_ARRAY] = "bpf_array",
		[BPF_MAP_TYPE_LRU_HASH] = "bpf_htab",
		[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "bpf_htab",
		[BPF_MAP_TYPE_LPM_TRIE] = "lpm_trie",
		[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "bpf_array",
		[BPF_MAP_TYPE_HASH_OF_MAPS] = "bpf_htab",
		[BPF_MAP_TYPE_DEVMAP] = "bpf_dtab",
		[BPF_MAP_TYPE_SOCKMAP] = "bpf_stab",
		[BPF_MAP_TYPE_CPUMAP] = "bpf_cpu_map",
		[BPF_MAP_TYPE_XSKMAP] = "xsk_map",
		[BPF_MAP_TYPE_SOCKHASH] = "bpf_shtab",
		[BPF_MAP_TYPE_CGROUP_STORAGE] = "bpf_cgroup_storage_map",
		[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = "reuseport_array",
		[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = "bpf_cgroup_storage_map",
		[BPF_MAP_TYPE_QUEUE] = "bpf_queue_stack",
		[BPF_MAP_TYPE_STACK] = "bpf_queue_stack",
		[BPF_MAP_TYPE_SK_STORAGE] = "bpf_local_storage_map",
		[BPF_MAP_TYPE_DEVMAP_HASH] = "bpf_dtab",
		[BPF_MAP_TYPE_STRUCT_OPS] = "bpf_struct_ops_map",
		[BPF_MAP_TYPE_RINGBUF] = "bpf_ringbuf_map",
		[BPF_MAP_TYPE_INODE_STORAGE] = "bpf_local_storage_map",
		[BPF_MAP_TYPE_TASK_STORAGE] = "bpf_local_storage_map",
		[BPF_MAP_TYPE_BLOOM_FILTER] = "bpf_bloom_filter",
		[BPF_MAP_TYPE_USER_RINGBUF] = "bpf_ringbuf_map",
		[BPF_MAP_TYPE_CGRP_STORAGE] = "bpf_local_storage_map",
		[BPF_MAP_TYPE_ARENA] = "bpf_arena",
	};

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

int mem_map_ptr(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	const struct btf *btf = env->image->target ? btf_target_vmlinux(env->image->target) : NULL;
	const char *name = map_struct(reg->map->desc.type);
	struct btf_walk walk;
	char why[BTF_WHY] = "";
	uint32_t id;
	int err;

	if (!btf)
		return env_fail_reg(env, -BTF_ENOTSUPP, REASON_BTF_ACCESS, op->regno,
				    "map_ptr access not supported without CONFIG_DEBUG_INFO_BTF");
	id = name ? btf_find(btf, name, BTF_KIND_STRUCT) : 0;
	if (!id)
		return env_fail_reg(env, -BTF_ENOTSUPP, REASON_BTF_ACCESS, op->regno,
				    "map_ptr access not supported for map type %u",
				    reg->map->desc.type);
	if (!env->allow_ptr_leaks)
		return env_fail_reg(
			env, -EPERM, REASON_CAPABILITY, op->regno,
			"'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
			name);
	if (op->off < 0)
		return env_fail_reg(env, -EACCES, REASON_BTF_ACCESS, op->regno,
				    "R%d is %s invalid negative access: off=%d", op->regno, name,
				    op->off);
	if (op->access == ACCESS_WRITE)
		return env_fail_reg(env, -EACCES, REASON_READ_ONLY, op->regno,
				    "only read from %s is supported", name);
	err = btf_walk(btf, id, (uint32_t)op->off, (uint32_t)op->size, &walk, why);
	if (err)
		return env_fail_reg(env, err, REASON_BTF_ACCESS, op->regno, "%s", why);
	if (mem_result(env, op))
		mem_set_walked(env, mem_result(env, op), btf, &walk, mem_tag_flags(walk.tags));
	return 0;
}
