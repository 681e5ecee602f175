/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf/btf.h - type information (Documentation/bpf/btf.rst): the one place that reads BTF.
 *
 *    btf.c     objects, names, look-ups          record.c   special fields of values
 *    check.c, resolve.c   what BPF_BTF_LOAD checks
 *    func.c    prototypes, global functions
 *    walk.c    from an offset to a member        attach.c   what a tracing program sees
 *    target.c  the kernel's types: vmlinux and modules
 *
 * Objects are constant once made (indices that are built when first needed are published
 * atomically), so any thread may read them; references are counted atomically. Whatever is
 * returned as `const char *` or `const struct btf_type *` lives as long as the object.
 *
 * No function trusts what it reads: ids, names and nesting are checked where they are
 * followed, so that also BTF which was only indexed (BTF_KERNEL) cannot lead astray. A type id
 * that does not exist gives NULL or an error, a name that does not exist is "".
 *
 * Reasons: functions that take `char *why` write one line (the kernel's words, no newline) of at
 * most BTF_WHY bytes; NULL: not wanted. It is empty where the kernel says nothing.
 */
#ifndef BTF_BTF_H
#define BTF_BTF_H

#include <linux/btf.h>

#include "base/diag.h"

#define BTF_WHY	      256
#define BTF_MAX_DEPTH 32 /* of following types; the kernel's limit */
#define BTF_MAX_IDS   0xfffffu
#define BTF_MAX_CHAIN 1024 /* of modifiers, or arrays of arrays: none of ours is longer */
#define BTF_MAX_ARGS  5	   /* of a function in registers */
#define BTF_ENOTSUPP  524  /* the kernel's internal "not supported", which BPF_BTF_LOAD returns */

/* ---- objects (btf.c) -------------------------------------------------------------------- */

/*
 * Who wrote it. LOADED: a client of the system call. OBJECT: a compiler, which leaves it to the
 * loader to fill in where variables are, and may declare what is elsewhere. Both are checked in
 * full. KERNEL: a kernel's or module's own, which is large and only indexed.
 */
enum btf_origin { BTF_LOADED, BTF_OBJECT, BTF_KERNEL };

struct btf_names;
struct btf_tags;
#define BTF_NAME_GROUPS 2 /* functions, all others */

/*
 * Read only. Split BTF continues its base: types and strings here are those of its own,
 * first_id and first_str are how many the base has.
 */
struct btf {
	uint32_t refs;
	uint8_t origin; /* enum btf_origin */
	void *memory;	/* freed or unmapped (mapped bytes) with the object; NULL: the caller's */
	size_t mapped;
	const struct btf *base;
	const uint8_t *data;
	uint32_t size;
	const char *strs;
	uint32_t strs_len, first_str;
	const uint8_t *records; /* the type section */
	const uint32_t *offs;	/* of the own types in it, by id - first_id */
	uint32_t n_own,
		first_id; /* own ids: first_id .. first_id + n_own - 1; void is no own type */
	uint32_t n_types; /* ids 1 .. n_types exist, the base's included */
	/* For look-ups; made when first needed. */
	uint32_t n_named[BTF_NAME_GROUPS], n_tags;
	struct btf_names *names[BTF_NAME_GROUPS];
	struct btf_tags *tags;
	char name[56]; /* "vmlinux", a module's name, or "" */
};

/*
 * Makes an object of BTF data, which must stay (and be 4-byte aligned) until the last reference
 * is given up. base: of split BTF (a reference is taken), or NULL. name may be NULL. Errors are
 * those of BPF_BTF_LOAD, diag->text its words.
 */
int btf_new(const void *data, uint32_t size, const struct btf *base, const char *name,
	    enum btf_origin origin, struct btf **out, struct visor_diag *diag);
/* Hands the object an allocation (in which its data may be) to free with itself. Once. */
void btf_adopt(struct btf *btf, void *memory);
/* btf_new of the contents of a file: raw BTF, or an ELF file with a section .BTF. */
int btf_open(const char *path, const struct btf *base, const char *name, enum btf_origin origin,
	     struct btf **out, struct visor_diag *diag);
const struct btf *btf_ref(const struct btf *btf);
void btf_unref(const struct btf *btf);

static inline uint32_t btf_type_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

static inline uint32_t btf_type_vlen(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}

static inline bool btf_type_flag(const struct btf_type *t)
{
	return BTF_INFO_KFLAG(t->info);
}

/* What follows the record: members, parameters, ... of a type whose kind is known. */
static inline const void *btf_type_data(const struct btf_type *t)
{
	return t + 1;
}

/* typedef, const, volatile, restrict, type tag */
static inline bool btf_type_is_modifier(const struct btf_type *t)
{
	switch (btf_type_kind(t)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return true;
	default:
		return false;
	}
}

/* struct or union */
static inline bool btf_type_is_composite(const struct btf_type *t)
{
	return btf_type_kind(t) == BTF_KIND_STRUCT || btf_type_kind(t) == BTF_KIND_UNION;
}

/* int or either enum: what a register holds as a number. */
static inline bool btf_type_is_scalar(const struct btf_type *t)
{
	uint32_t kind = btf_type_kind(t);

	return kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64;
}

/* Where member m of composite t is. */
static inline uint32_t btf_member_bit(const struct btf_type *t, const struct btf_member *m)
{
	return btf_type_flag(t) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
}

static inline uint32_t btf_member_bits(const struct btf_type *t, const struct btf_member *m)
{
	return btf_type_flag(t) ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
}

/* The type; id 0 is void, a type of kind BTF_KIND_UNKN. NULL if there is none. */
const struct btf_type *btf_type_by_id(const struct btf *btf, uint32_t id);
/* The type; NULL for void, too. */
const struct btf_type *btf_type(const struct btf *btf, uint32_t id);
/* The string at a name offset; "" if there is none. */
const char *btf_str(const struct btf *btf, uint32_t off);
/* The name of a type, "" if it has none ("void" is no name). */
const char *btf_name(const struct btf *btf, uint32_t id);
/* The string as messages have it: "(anon)" for none. */
const char *btf_label(const struct btf *btf, uint32_t off);
/* The kind as the kernel names it: "INT", "PTR", ..., "UNKNOWN". */
const char *btf_kind_name(uint32_t kind);

/* Behind typedef, const, volatile, restrict and type tags; *id (may be NULL) the id of the
 * result. Void is a type here. NULL if the chain is broken or too deep. */
const struct btf_type *btf_skip_mods(const struct btf *btf, uint32_t id, uint32_t *found);

/* Size in bytes behind typedefs and modifiers, -EINVAL if it has none. *kind (may be NULL): the
 * kind that has the size; BTF_KIND_ARRAY for an array. */
int64_t btf_size(const struct btf *btf, uint32_t id, uint32_t *kind);

/* Makes the tables that the first look-ups would make: a few milliseconds for a kernel's types. */
void btf_prepare(const struct btf *btf);
/* The first type of that name and kind (any kind: BTF_KIND_UNKN), or 0. A hash. */
uint32_t btf_find(const struct btf *btf, const char *name, uint32_t kind);
/* The next one after id `after` of the same name and kind, or 0. */
uint32_t btf_find_next(const struct btf *btf, const char *name, uint32_t kind, uint32_t after);

/* The next decl tag after id `after` (0: the first) on a component (-1: the type itself) of a
 * type, or 0. Its text, without `prefix`, which it must begin with, is *text. */
uint32_t btf_tag_next(const struct btf *btf, uint32_t type, int component, const char *prefix,
		      uint32_t after, const char **text);
/* The text of the only such tag: -ENOENT, -EEXIST if there are two. */
int btf_tag_get(const struct btf *btf, uint32_t type, int component, const char *prefix,
		const char **text);
bool btf_tag_has(const struct btf *btf, uint32_t type, int component, const char *tag);

/* True if both are one type: the same id of the same object, or of a common base. */
bool btf_same(const struct btf *a, uint32_t a_id, const struct btf *b, uint32_t b_id);

/* ---- check.c ------------------------------------------------------------------------------ */

/* The fixed part of a kind: bytes that follow the record, and those for each of its vlen.
 * Records of unknown kinds have no size: false. */
bool btf_record_size(const struct btf_type *t, uint32_t *size);
/* The rest is called by btf_new. The header: finds types and strings (strs_len 0: none). */
int btf_check_header(const struct btf *btf, struct btf_header *hdr, char *why);
bool btf_name_is_identifier(const char *name);
/*
 * All else that BPF_BTF_LOAD checks: each type by itself, then how they refer to each other
 * (resolve.c). After it every string offset and type id is in range, and following types by
 * value always ends, within BTF_MAX_CHAIN steps.
 */
int btf_check_type(const struct btf *btf, uint32_t id, const struct btf_type *t, char *why);
int btf_check_links(const struct btf *btf, char *why);

/* ---- the kernel's types (target.c) --------------------------------------------------------- */

struct btf_target;

/*
 * The types of the kernel that programs are written for. path: a file of vmlinux BTF (raw or in
 * ELF), or a folder of files `vmlinux` and one for each module; NULL: those of the running kernel.
 * -ENOENT if there are none. Modules are read when first asked for.
 */
int btf_target_open(const char *path, struct btf_target **out, struct visor_diag *diag);
/* Takes modules from this folder instead (NULL: has none). Before the first look-up. -ENOMEM. */
int btf_target_set_modules(struct btf_target *t, const char *folder);
/*
 * Symbols of that kernel: a file like /proc/kallsyms, which is read when first asked for; NULL: not
 * known. Those of the running kernel (path NULL) are at hand from the start. -ENOMEM.
 */
int btf_target_set_symbols(struct btf_target *t, const char *path);
/* False: that kernel has no such symbol. True: it has, or its symbols are not known. */
bool btf_target_has_symbol(const struct btf_target *t, const char *name);
/* A target of an object at hand (a reference is taken). */
int btf_target_new(const struct btf *vmlinux, struct btf_target **out);
const struct btf_target *btf_target_ref(const struct btf_target *t);
void btf_target_unref(const struct btf_target *t);
const struct btf *btf_target_vmlinux(const struct btf_target *t);
/* Modules: [0, count). */
uint32_t btf_target_modules(const struct btf_target *t);
const struct btf *btf_target_module(const struct btf_target *t, uint32_t i);
/* The first type of that name and kind: in vmlinux, then in the modules. 0 or -ENOENT. */
int btf_target_find(const struct btf_target *t, const char *name, uint32_t kind,
		    const struct btf **btf, uint32_t *id);

/* ---- from an offset to a member (walk.c) ---------------------------------------------------- */

enum btf_pointee_tag {
	BTF_PTR_USER = 1,      /* of another address space: not to be followed */
	BTF_PTR_PERCPU = 2,    /* of per-CPU memory */
	BTF_PTR_RCU = 4,       /* valid within an RCU section */
	BTF_PTR_UNTRUSTED = 8, /* reached through a union or beyond the end */
};

enum btf_walk_kind {
	BTF_WALK_SCALAR, /* bytes of numbers, enums, arrays of them, bit fields */
	BTF_WALK_PTR,	 /* a pointer to struct or union `id` */
	BTF_WALK_MEM,	 /* a pointer to anything else (void, int, ...): read as untrusted memory */
	BTF_WALK_STRUCT, /* btf_walk_step only: the beginning of nested composite `id` */
};

struct btf_walk {
	uint8_t kind;	    /* enum btf_walk_kind */
	uint8_t tags;	    /* enum btf_pointee_tag; of all unions on the way and of the pointer */
	uint32_t id;	    /* PTR, STRUCT: the composite */
	const char *member; /* PTR, MEM: the name of the pointer member, which the object owns */
};

/*
 * What [off, off + size) of struct or union `id` is (btf_struct_access). 0, or the kernel's
 * error: -EACCES beyond a member or the type, -EINVAL if there is no such member.
 *     "access beyond struct %s at off %u size %u"
 *     "access beyond the end of member %s (mend:%u) in struct %s with off %u size %u"
 *     "cannot access ptr member %s with moff %u in struct %s with off %u size %u"
 *     "struct %s doesn't have field at offset %d", "Type '%s' is not a struct"
 * Who may write is the caller's rule; for programs' own types see btf_record_overlap.
 */
int btf_walk(const struct btf *btf, uint32_t id, uint32_t off, uint32_t size, struct btf_walk *out,
	     char *why);
/* One step of it: also stops at the beginning of a nested composite (BTF_WALK_STRUCT). */
int btf_walk_step(const struct btf *btf, uint32_t id, uint32_t off, uint32_t size,
		  struct btf_walk *out, char *why);

/* True if at `off` of type `id` there is a `need_id`: that type itself at 0, or, unless strict, a
 * composite nested there (btf_struct_ids_match). why: what the walk met, as the kernel logs it. */
bool btf_match(const struct btf *btf, uint32_t id, uint32_t off, const struct btf *need_btf,
	       uint32_t need_id, bool strict, char *why);

/* The tags of what a PTR type points to. */
uint8_t btf_pointee_tags(const struct btf *btf, const struct btf_type *ptr);

/* Is pointer `member` to composite `pointee` of type `id` one of those that the kernel lists as
 * valid in a type with this suffix ("__safe_rcu", "__safe_rcu_or_null", "__safe_trusted",
 * "__safe_trusted_or_null")? */
bool btf_member_safe(const struct btf *btf, uint32_t id, const char *suffix, const char *member,
		     uint32_t pointee);

/* Finds a member by name, behind anonymous composites, too. False if there is none. *bit: its
 * offset, *type: its type id; both may be NULL. */
bool btf_member_find(const struct btf *btf, uint32_t id, const char *name, uint32_t *bit,
		     uint32_t *type);

/* ---- special fields (record.c) ----------------------------------------------------------------
 */

/* FIELD(ID, bytes, alignment, the kernel's name of it, struct name in BTF or NULL, flags) */
enum btf_field_flag { BTF_FIELD_UNIQUE = 1, BTF_FIELD_KPTR_KIND = 2, BTF_FIELD_REPEATS = 4 };

#define BTF_FIELDS(FIELD)                                                                      \
	FIELD(SPIN_LOCK, 4, 4, "bpf_spin_lock", "bpf_spin_lock", BTF_FIELD_UNIQUE)             \
	FIELD(RES_SPIN_LOCK, 4, 4, "bpf_res_spin_lock", "bpf_res_spin_lock", BTF_FIELD_UNIQUE) \
	FIELD(TIMER, 16, 8, "bpf_timer", "bpf_timer", BTF_FIELD_UNIQUE)                        \
	FIELD(WORKQUEUE, 16, 8, "bpf_wq", "bpf_wq", BTF_FIELD_UNIQUE)                          \
	FIELD(TASK_WORK, 8, 8, "bpf_task_work", "bpf_task_work", BTF_FIELD_UNIQUE)             \
	FIELD(KPTR_UNREF, 8, 8, "kptr", NULL, BTF_FIELD_KPTR_KIND | BTF_FIELD_REPEATS)         \
	FIELD(KPTR_REF, 8, 8, "kptr", NULL, BTF_FIELD_KPTR_KIND | BTF_FIELD_REPEATS)           \
	FIELD(KPTR_PERCPU, 8, 8, "percpu_kptr", NULL, BTF_FIELD_KPTR_KIND | BTF_FIELD_REPEATS) \
	FIELD(UPTR, 8, 8, "uptr", NULL, BTF_FIELD_KPTR_KIND | BTF_FIELD_REPEATS)               \
	FIELD(LIST_HEAD, 16, 8, "bpf_list_head", "bpf_list_head", BTF_FIELD_REPEATS)           \
	FIELD(LIST_NODE, 24, 8, "bpf_list_node", "bpf_list_node", 0)                           \
	FIELD(RB_ROOT, 16, 8, "bpf_rb_root", "bpf_rb_root", BTF_FIELD_REPEATS)                 \
	FIELD(RB_NODE, 32, 8, "bpf_rb_node", "bpf_rb_node", 0)                                 \
	FIELD(REFCOUNT, 4, 4, "bpf_refcount", "bpf_refcount", 0)

enum btf_field_id {
#define FIELD(id, size, align, name, in_btf, flags) BTF_FIELD_##id,
	BTF_FIELDS(FIELD)
#undef FIELD
		BTF_FIELD_COUNT
};

#define BTF_MASK(id)	    (1u << BTF_FIELD_##id)
#define BTF_MASK_KPTR	    (BTF_MASK(KPTR_UNREF) | BTF_MASK(KPTR_REF) | BTF_MASK(KPTR_PERCPU))
#define BTF_MASK_GRAPH_ROOT (BTF_MASK(LIST_HEAD) | BTF_MASK(RB_ROOT))
#define BTF_MASK_GRAPH_NODE (BTF_MASK(LIST_NODE) | BTF_MASK(RB_NODE))
/* What is looked for in map values, and in types that programs allocate. */
#define BTF_MASK_MAP                                                                             \
	(BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK) | BTF_MASK(TIMER) | BTF_MASK(WORKQUEUE) | \
	 BTF_MASK(TASK_WORK) | BTF_MASK_KPTR | BTF_MASK(UPTR) | BTF_MASK_GRAPH_ROOT |            \
	 BTF_MASK(REFCOUNT))
#define BTF_MASK_LOCAL                                                                         \
	(BTF_MASK(SPIN_LOCK) | BTF_MASK(RES_SPIN_LOCK) | BTF_MASK_KPTR | BTF_MASK_GRAPH_ROOT | \
	 BTF_MASK_GRAPH_NODE | BTF_MASK(REFCOUNT))

#define BTF_MAX_FIELDS 11 /* of a record */

struct btf_record;

struct btf_field {
	uint8_t id; /* enum btf_field_id */
	uint32_t offset, size;
	/* Kptrs: what is pointed to. Graph roots: what the list or tree holds. */
	const struct btf *btf; /* the target's, or the program's own for a local type */
	uint32_t type;
	bool local;			/* kptrs: btf is the program's own: made by bpf_obj_new */
	const char *dtor;		/* KPTR_REF of a kernel type: the kfunc that releases it */
	uint32_t node_offset;		/* graph roots: of the node in `type` */
	const struct btf_record *value; /* graph roots: the record of `type` */
};

/* Immutable. Fields in ascending order of offset. Offsets are -1 where there is none. */
struct btf_record {
	uint32_t n, mask; /* mask: 1 << enum btf_field_id */
	int32_t spin_lock_off, res_spin_lock_off, timer_off, wq_off, task_work_off, refcount_off;
	struct btf_field fields[BTF_MAX_FIELDS];
};

extern const char *const btf_field_names[BTF_FIELD_COUNT];

/*
 * The types with special fields of program BTF (struct metas): those that contain graph roots
 * and nodes, locks, refcounts, kptrs. Borrows btf and target, which must outlive it. *out is
 * NULL with result 0 if there are none. Errors are those of BPF_BTF_LOAD: -EINVAL, -ELOOP,
 * -E2BIG, -EEXIST, -ENOENT, -EFAULT. target may be NULL: kptrs to kernel types are unknown.
 */
struct btf_locals;
int btf_locals_new(const struct btf *btf, const struct btf_target *target, struct btf_locals **out);
void btf_locals_free(struct btf_locals *locals);
/* The record of struct `id`, or NULL: it may be allocated but has no special fields. */
const struct btf_record *btf_locals_get(const struct btf_locals *locals, uint32_t id);

/*
 * The special fields of a map's value: `id` a struct or a DATASEC, mask BTF_MASK_MAP.
 * *out is NULL if there are none. Owned by the caller (btf_record_free), borrows btf, target
 * and locals. Errors are of two kinds in the kernel: with those of btf_record_new the map is
 * made, but has no fields; those of btf_record_check_map refuse it.
 */
int btf_record_new(const struct btf *btf, uint32_t id, uint32_t mask, uint32_t value_size,
		   const struct btf_target *target, struct btf_record **out);
/* May a map of this type have these fields? btf and locals are of its value. Completes graph
 * roots. -EOPNOTSUPP, -EACCES, -EFAULT, -ELOOP, -EINVAL, -E2BIG. */
int btf_record_check_map(struct btf_record *record, const struct btf *btf,
			 const struct btf_locals *locals, uint32_t map_type, uint32_t map_flags);
void btf_record_free(struct btf_record *record);
/* The field that begins at offset (mask: of these), or NULL. */
const struct btf_field *btf_record_find(const struct btf_record *record, uint32_t offset,
					uint32_t mask);
/* The first field that [off, off + size) overlaps, or NULL. */
const struct btf_field *btf_record_overlap(const struct btf_record *record, uint32_t off,
					   uint32_t size);
/* Equal in all but the object they were made of (btf_record_equal). */
bool btf_record_same(const struct btf_record *a, const struct btf_record *b);

/* ---- functions (func.c) -------------------------------------------------------------------- */

/* The FUNC_PROTO of a FUNC (or of a typedef or pointer to one), or NULL. *id may be NULL. */
const struct btf_type *btf_func_proto(const struct btf *btf, uint32_t func, uint32_t *id);

static inline const struct btf_param *btf_proto_params(const struct btf_type *proto)
{
	return (const struct btf_param *)(proto + 1);
}

/* Does the argument's name end in this suffix ("__sz", "__nullable", ...)? */
bool btf_param_suffix(const struct btf *btf, const struct btf_param *param, const char *suffix);

/* The context type of a program type, as programs see it ("__sk_buff", "bpf_user_pt_regs_t",
 * "__u64") or as the kernel has it ("sk_buff", "pt_regs"); "" if it has none of its own (void),
 * NULL for an unknown program type. */
const char *btf_ctx_name(uint32_t prog_type, bool kernel);

/* Is what PTR type ptr points to the context of programs of this type, judged by its name? */
bool btf_is_ctx(const struct btf *btf, const struct btf_type *ptr, uint32_t prog_type);
/* May argument arg of PTR type ptr be tagged arg:ctx? 0 or -EINVAL. */
int btf_check_ctx(const struct btf *btf, const struct btf_type *ptr, uint32_t prog_type,
		  uint32_t attach_type, uint32_t arg, char *why);

enum btf_arg_kind {
	BTF_ARG_SCALAR,
	BTF_ARG_CTX,
	BTF_ARG_DYNPTR, /* const */
	BTF_ARG_BTF,	/* pointer to `type` of the target's vmlinux */
	BTF_ARG_MEM,	/* pointer to `size` bytes */
	BTF_ARG_ARENA,
};

struct btf_global_arg {
	uint8_t kind;
	bool maybe_null;
	bool trusted;	/* BTF: else untrusted */
	bool untrusted; /* BTF; MEM: read only, any size */
	uint32_t type, size;
};

struct btf_func {
	const char *name;
	uint32_t n_args;
	struct btf_global_arg args[BTF_MAX_ARGS];
};

/*
 * The arguments of function `func` (a FUNC id of program BTF) as a program of this type may call
 * it (btf_prepare_func_args). `global`: else nothing is said of errors, and -EINVAL means that
 * the caller's registers count, not the types. prog_type of an EXT program: the target's.
 */
int btf_func_args(const struct btf_target *target, const struct btf *btf, uint32_t func,
		  bool global, uint32_t prog_type, uint32_t attach_type, struct btf_func *out,
		  char *why);

/* The only kernel type that a program's type `id` stands for, by name (before "___") and kind:
 * 0, -ENOENT, -ESRCH (ambiguous), -EOPNOTSUPP (of a module), -EINVAL (no name). The kernel does
 * not look at the kind of a name that it was asked for before. */
int btf_target_match(const struct btf_target *target, const struct btf *btf, uint32_t id,
		     uint32_t *found);

/* Do two functions take and return the same (btf_check_type_match, for EXT programs)? */
int btf_func_match(const struct btf *a, uint32_t a_func, const struct btf *b, uint32_t b_func,
		   char *why);

/* ---- tracing (attach.c) --------------------------------------------------------------------- */

#define BTF_MAX_CTX_ARGS 12 /* arguments of a traced function; its context is an array of u64 */

enum btf_ctx_kind {
	BTF_CTX_SCALAR,
	BTF_CTX_PTR, /* to struct or union `type` of `btf` */
	BTF_CTX_BUF, /* to a buffer whose size the map of an iterator decides */
};

enum btf_ctx_flag {
	BTF_CTX_MAYBE_NULL = 1,
	BTF_CTX_TRUSTED = 2,
	BTF_CTX_USER = 4,
	BTF_CTX_PERCPU = 8,
	BTF_CTX_RDONLY = 16, /* BUF */
	BTF_CTX_REF = 32,    /* comes with a reference that the program must give up */
	BTF_CTX_RETVAL = 64, /* the value that an LSM hook returns */
};

/* What one element of the context holds. */
struct btf_ctx_value {
	uint8_t kind;  /* enum btf_ctx_kind */
	uint8_t flags; /* enum btf_ctx_flag */
	const struct btf *btf;
	uint32_t type;
};

/* What a program is attached to. Filled by btf_attach_*; borrows everything. */
struct btf_attach {
	const struct btf *btf;
	uint32_t id;		      /* the type named at load: FUNC, typedef, struct */
	const struct btf_type *proto; /* NULL: five numbers */
	const char *name;	      /* as messages have it */
	uint32_t prog_type, attach_type;
	uint32_t target_type; /* of a program attached to a program: that one's type, else 0 */
	uint8_t skipped;      /* parameters of proto that are no arguments: raw_tp's `__data` */
	uint16_t special;     /* arguments that are more than their type says; values[] has them */
	uint16_t maybe_null;  /* raw_tp: arguments that may be NULL */
	struct btf_ctx_value values[BTF_MAX_CTX_ARGS];
};

/*
 * Resolves attach_btf_id of TRACING (raw_tp, fentry, fexit, fmod_ret, iter) and LSM programs:
 * -EINVAL with the kernel's words ("attach_btf_id %u is not a function", "attach_btf_id %u points
 * to wrong type name %s", "The function %s has %d arguments. Too many.", ...). Whether the kernel
 * lets the function be attached to (error injection, noreturn, ...) is not asked. A value of
 * attach_type that has no such target: -EINVAL.
 */
int btf_attach_tracing(const struct btf *btf, uint32_t id, uint32_t prog_type, uint32_t attach_type,
		       struct btf_attach *out, char *why);
/* The same for a program attached to function `id` of another program, of type target_type:
 * fentry, fexit (TRACING), EXT. */
int btf_attach_prog(const struct btf *btf, uint32_t id, uint32_t prog_type, uint32_t attach_type,
		    uint32_t target_type, struct btf_attach *out, char *why);
/*
 * The same for STRUCT_OPS: struct `id` of a kernel BTF, and the index of a member, which
 * expected_attach_type gives. -ENOTSUPP (524):
 *     "attach_btf_id %u is not a supported struct",
 *     "attach to unsupported member %s of struct %s"; -EINVAL:
 *     "attach to invalid member idx %u of struct %s"
 *     "attach to invalid member %s(@idx %u) of struct %s"
 */
int btf_attach_struct_ops(const struct btf *btf, uint32_t id, uint32_t member,
			  struct btf_attach *out, char *why);

/*
 * What a program reads at [off, off + size) of its context (btf_ctx_access). 0, or -EACCES with
 * the kernel's words: "func '%s' doesn't have %d-th argument", "func '%s' size %d must be 8",
 * "func '%s' offset %d is not multiple of 8", "func '%s' arg%d type %s is not a struct", ...
 * After a success, why is the line that the kernel logs for a pointer ("func '%s' arg%d has
 * btf_id %d type %s '%s'"), or empty. Writing is never allowed. target may be NULL unless
 * attach->target_type is set.
 */
int btf_ctx_access(const struct btf_attach *attach, const struct btf_target *target, int off,
		   int size, struct btf_ctx_value *out, char *why);

#endif
