/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/mem_btf.c - structs of the kernel, read and written through typed pointers.
 *
 * A pointer that is read from a struct is trusted less than the struct: only members that the
 * kernel lists by name hand their owner's trust on. The lists are in the kernel's BTF itself.
 */
#include "verify/mem.h"

#include <stdio.h>

/* ---- what was found --------------------------------------------------------------------- */

uint16_t mem_tag_flags(uint8_t tags)
{
	return (uint16_t)((tags & BTF_PTR_USER ? F_USER : 0) |
			  (tags & BTF_PTR_PERCPU ? F_PERCPU : 0) |
			  (tags & BTF_PTR_RCU ? F_RCU : 0) |
			  (tags & BTF_PTR_UNTRUSTED ? F_UNTRUSTED : 0));
}

void mem_set_walked(struct env *env, struct reg *dst, const struct btf *btf,
		    const struct btf_walk *walk, uint16_t flags)
{
	switch (walk->kind) {
	case BTF_WALK_PTR:
		reg_set_pointer(dst, R_BTF_ID, flags);
		dst->btf = btf;
		dst->btf_id = walk->id;
		if (flags & F_NULL)
			dst->id = env_new_id(env);
		break;
	case BTF_WALK_MEM:
		reg_set_pointer(dst, R_MEM, F_RDONLY | F_UNTRUSTED);
		break;
	default:
		reg_set_unknown(env, dst);
	}
}

/* The flags of a pointer to a struct that was read through reg. */
static uint16_t btf_walked_flags(const struct env *env, const struct reg *reg,
				 const struct btf_walk *w)
{
	const uint16_t trust = F_TRUSTED | F_ALLOC | F_NON_OWN | F_RCU;
	uint16_t flags = mem_tag_flags(w->tags);
	bool rcu_or_null;

	if (reg->flags & F_UNTRUSTED)
		return F_UNTRUSTED;
	if (!reg_is_trusted(reg) && !(reg->flags & F_RCU))
		return flags & (uint16_t)~trust;
	if (btf_member_safe(reg->btf, reg->btf_id, "__safe_trusted", w->member, w->id))
		return flags | F_TRUSTED;
	if (btf_member_safe(reg->btf, reg->btf_id, "__safe_trusted_or_null", w->member, w->id))
		return flags | F_TRUSTED | F_NULL;
	if (!mem_in_rcu(env))
		return F_UNTRUSTED;
	if (btf_member_safe(reg->btf, reg->btf_id, "__safe_rcu", w->member, w->id))
		return flags | F_RCU;
	rcu_or_null =
		btf_member_safe(reg->btf, reg->btf_id, "__safe_rcu_or_null", w->member, w->id);
	if (rcu_or_null)
		return (flags & (uint16_t)~F_UNTRUSTED) | F_RCU | F_NULL;
	if (flags & F_RCU)
		return flags | F_NULL;
	return flags & (F_PERCPU | F_USER) ? flags : flags & (uint16_t)~trust;
}

/* ---- writes ----------------------------------------------------------------------------- */

enum btf_writer {
	WRITER_NONE,
#define WRITER(id, ops, progs, other) WRITER_##id,
#define WRITE(writer, type, name, member, how)
#include "verify/btf_writes.def"
#undef WRITER
#undef WRITE
};

static const struct {
	const char *ops;
	uint64_t progs;
	const char *other;
} writers[] = {
#define WRITER(id, ops, progs, other) [WRITER_##id] = {ops, progs, other},
#define WRITE(writer, type, name, member, how)
#include "verify/btf_writes.def"
#undef WRITER
#undef WRITE
};

enum write_how { HOW_START, HOW_INSIDE, HOW_WITHIN, HOW_TEXT };

static const struct write {
	uint8_t writer, how;
	const char *type, *name, *member;
} writes[] = {
#define WRITER(id, ops, progs, other)
#define WRITE(writer, type, name, member, how) {WRITER_##writer, HOW_##how, type, name, member},
#include "verify/btf_writes.def"
#undef WRITER
#undef WRITE
};

static enum btf_writer writer_of(const struct env *env)
{
	const char *ops = env->type->type == BPF_PROG_TYPE_STRUCT_OPS && env->attach.btf
				  ? btf_name(env->attach.btf, env->attach.id)
				  : NULL;

	for (size_t i = 1; i < ARRAY_SIZE(writers); i++)
		if (writers[i].ops ? ops && !strcmp(ops, writers[i].ops)
				   : (writers[i].progs & env->type->set) != 0)
			return (enum btf_writer)i;
	return WRITER_NONE;
}

/* Bytes [*start, *end) of a member given by its path. False: this kernel has none like it. */
static bool write_place(const struct btf *btf, uint32_t id, const char *path, uint32_t *start,
			uint32_t *end)
{
	char name[64];
	uint32_t bit;
	int64_t size;

	*start = 0;
	for (char last = '.'; path && last; path++) {
		size_t n = strcspn(path, "./");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		path += n;
		if (last == '/') {
			id = btf_find(btf, name, BTF_KIND_STRUCT);
			if (!id)
				return false;
		} else {
			if (!btf_skip_mods(btf, id, &id) ||
			    !btf_member_find(btf, id, name, &bit, &id))
				return false;
			*start += bit / 8;
		}
		last = *path;
		if (!last)
			break;
	}
	size = btf_size(btf, id, NULL);
	if (size < 0)
		return false;
	*end = *start + (uint32_t)size;
	return true;
}

static int write_elsewhere(struct env *env, const struct mem_op *op, enum btf_writer writer,
			   const char *name)
{
	const enum reason reason = REASON_BTF_ACCESS;

	switch (writer) {
	case WRITER_SCX:
		return env_fail_reg(env, -EACCES, reason, op->regno, "%s", "");
	case WRITER_HID:
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "write access at off %d with size %d on read-only part of %s",
				    op->off, op->size, name);
	case WRITER_DUMMY:
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "write access at off %d with size %d", op->off, op->size);
	default:
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "no write support to %s at off %d", name, op->off);
	}
}

/* A write to a struct that is not the program's own. */
static int btf_write(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	const char *type = btf_name(reg->btf, reg->btf_id), *name = NULL;
	enum btf_writer writer = writer_of(env);
	uint32_t off = (uint32_t)op->off, start, end;

	if (writer == WRITER_NONE)
		return env_fail_reg(env, -EACCES, REASON_BTF_ACCESS, op->regno,
				    "only read is supported");
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		const struct write *w = &writes[i];

		if (w->writer != writer || strcmp(w->type, type))
			continue;
		name = w->name;
		if (!write_place(reg->btf, reg->btf_id, w->member, &start, &end))
			continue;
		end -= w->how == HOW_TEXT;
		if (off < start || off >= end || (w->how == HOW_START && off != start))
			continue;
		if (off + (uint32_t)op->size <= end)
			return 0;
		if (w->how == HOW_START || w->how == HOW_INSIDE)
			return env_fail_reg(env, -EACCES, REASON_BTF_ACCESS, op->regno,
					    "write access at off %d with size %d beyond the member "
					    "of %s ended at %u",
					    op->off, op->size, name, end);
	}
	if (!name)
		return env_fail_reg(env, -EACCES, REASON_BTF_ACCESS, op->regno, "%s",
				    writers[writer].other);
	return write_elsewhere(env, op, writer, name);
}

/* ---- an access -------------------------------------------------------------------------- */

/* Objects of the program's own have special fields, which only functions access. */
static int btf_local_fields(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	const struct btf_record *record = args_struct_record(env, reg->btf, reg->btf_id);
	const struct btf_field *field =
		record ? btf_record_overlap(record, (uint32_t)op->off, (uint32_t)op->size) : NULL;

	if (!field)
		return 0;
	return env_fail_reg(env, -EACCES, REASON_SPECIAL_FIELD, op->regno,
			    "direct access to %s is disallowed", btf_field_names[field->id]);
}

static int btf_pointer_usable(struct env *env, const struct mem_op *op, const char *name)
{
	const struct reg *reg = mem_reg(env, op);
	const enum reason reason = REASON_BTF_ACCESS;
	char bits[MEM_TNUM_TEXT];

	if (!env->allow_ptr_leaks)
		return env_fail_reg(
			env, -EPERM, REASON_CAPABILITY, op->regno,
			"'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
			name);
	if (!env->image->gpl && reg->btf->origin == BTF_KERNEL)
		return env_fail_reg(
			env, -EINVAL, REASON_GPL, op->regno,
			"Cannot access kernel 'struct %s' from non-GPL compatible program", name);
	if (op->off < 0)
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "R%d is ptr_%s invalid negative access: off=%d", op->regno,
				    name, op->off);
	if (!range_is_const(&reg->var) || range_const(&reg->var))
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "R%d is ptr_%s invalid variable offset: off=%d, var_off=%s",
				    op->regno, name, op->off, mem_tnum_text(reg->var.bits, bits));
	if (reg->flags & (F_USER | F_PERCPU))
		return env_fail_reg(env, -EACCES, reason, op->regno,
				    "R%d is ptr_%s access %s memory: off=%d", op->regno, name,
				    reg->flags & F_USER ? "user" : "percpu", op->off);
	if (op->access == ACCESS_WRITE && reg->flags & F_UNTRUSTED)
		return env_fail_reg(env, -EACCES, reason, op->regno, "only read is supported");
	return 0;
}

int mem_btf(struct env *env, const struct mem_op *op)
{
	const struct reg *reg = mem_reg(env, op);
	const struct btf *btf = reg->btf;
	struct reg *dst = mem_result(env, op);
	struct btf_walk walk;
	char why[BTF_WHY] = "";
	uint16_t flags = 0;
	int err = btf_pointer_usable(env, op, btf_name(btf, reg->btf_id));

	if (err)
		return err;
	if (op->access == ACCESS_WRITE && !(reg->flags & F_ALLOC))
		return btf_write(env, op);
	if (reg->flags & F_ALLOC)
		err = btf_local_fields(env, op);
	if (err)
		return err;
	err = btf_walk(btf, reg->btf_id, (uint32_t)op->off, (uint32_t)op->size, &walk, why);
	if (err)
		return env_fail_reg(env, err, REASON_BTF_ACCESS, op->regno, "%s", why);
	if (!dst)
		return 0;
	if (walk.kind == BTF_WALK_PTR) {
		/* What a program stored in an object of its own is a number to it. */
		if (reg->flags & F_ALLOC)
			walk.kind = BTF_WALK_SCALAR;
		else
			flags = btf_walked_flags(env, reg, &walk);
	}
	mem_set_walked(env, dst, btf, &walk, flags);
	return 0;
}
