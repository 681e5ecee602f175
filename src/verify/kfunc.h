/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/kfunc.h - kernel functions: what is known of them, and a call in progress.
 *
 *    kfunc.c       which function a call means, rules of calling it, what it returns
 *    kfunc_args.c  what each argument has to be       iter.c  iterators
 *    graph.c       lists, trees, local objects        irq.c   flags, sections
 *
 * A struct kfunc is made once for each distinct function that a program names; its parameters
 * are classified then, so that calls look at no string. It belongs to the env.
 */
#ifndef VERIFY_KFUNC_H
#define VERIFY_KFUNC_H

#include "catalog/kfunc.h"
#include "verify/env.h"

/* What a row of kfunc_special.def has in common with others. */
enum kfunc_group {
	KG_RETURNS_LOCAL = 1 << 0, /* `void *` that is a local object */
	KG_UNDER_LOCK = 1 << 1,	   /* may be called with a lock held */
	KG_LIST = 1 << 2,
	KG_LIST_NODE = 1 << 3, /* takes a list node */
	KG_RBTREE = 1 << 4,
	KG_RB_NODE = 1 << 5,
	KG_INSERTS = 1 << 6, /* the node in r2 becomes the graph's */
	KG_TAKES_CTX = 1 << 7,
	KG_SAVES_IRQ = 1 << 8,
	KG_RES_LOCK = 1 << 9,
	KG_TAKES_LOCK = 1 << 10,
	KG_LOCK_IRQ = 1 << 11,
	KG_TASK_WORK = 1 << 12,
	KG_DEV_BOUND = 1 << 13, /* only for programs that are loaded for one device */
};

enum kfunc_special {
	KS_NONE, /* known by its prototype and flags alone */
#define KFUNC_SPECIAL(id, name, groups) KS_##id,
#include "verify/kfunc_special.def"
#undef KFUNC_SPECIAL
	KS_COUNT
};

/* What the name of a parameter says by its ending. */
enum kfunc_mark {
	KM_SIZE = 1 << 0,	  /* __sz */
	KM_CONST_SIZE = 1 << 1,	  /* __szk */
	KM_CONST = 1 << 2,	  /* __k */
	KM_IGNORE = 1 << 3,	  /* __ign */
	KM_PROG = 1 << 4,	  /* __prog */
	KM_MAP = 1 << 5,	  /* __map */
	KM_UNINIT = 1 << 6,	  /* __uninit */
	KM_ALLOC = 1 << 7,	  /* __alloc */
	KM_COUNTED = 1 << 8,	  /* __refcounted_kptr */
	KM_NULLABLE = 1 << 9,	  /* __nullable */
	KM_STR = 1 << 10,	  /* __str */
	KM_IRQ_FLAG = 1 << 11,	  /* __irq_flag */
	KM_OPT = 1 << 12,	  /* __opt */
	KM_ITER = 1 << 13,	  /* __iter */
	KM_RDONLY_SIZE = 1 << 14, /* is named rdonly_buf_size */
	KM_RDWR_SIZE = 1 << 15,	  /* is named rdwr_buf_size */
};

/* Structs of the kernel to which a pointer is more than a pointer. */
#define KFUNC_OBJECTS(OBJECT)                      \
	OBJECT(DYNPTR, "bpf_dynptr")               \
	OBJECT(LIST_HEAD, "bpf_list_head")         \
	OBJECT(LIST_NODE, "bpf_list_node")         \
	OBJECT(RB_ROOT, "bpf_rb_root")             \
	OBJECT(RB_NODE, "bpf_rb_node")             \
	OBJECT(WORKQUEUE, "bpf_wq")                \
	OBJECT(TASK_WORK, "bpf_task_work")         \
	OBJECT(RES_SPIN_LOCK, "bpf_res_spin_lock") \
	OBJECT(SOCK, "sock")                       \
	OBJECT(SOCK_COMMON, "sock_common")         \
	OBJECT(TCP_SOCK, "tcp_sock")               \
	OBJECT(MAP, "bpf_map")

enum kfunc_object {
	KO_NONE,
#define OBJECT(id, name) KO_##id,
	KFUNC_OBJECTS(OBJECT)
#undef OBJECT
		KO_COUNT
};

struct kfunc_param {
	const struct btf_type *type; /* behind modifiers */
	const struct btf_type *to;   /* of a pointer: what it points to, behind modifiers */
	uint32_t to_id;
	uint16_t marks; /* enum kfunc_mark */
	uint8_t object; /* enum kfunc_object */
	bool ctx;	/* the context of this program's type */
	bool callback;
	bool numbers; /* points to a number or a struct of numbers */
};

struct kfunc {
	uint32_t id;
	int16_t off; /* index into fd_array */
	bool allowed;
	uint8_t special;    /* enum kfunc_special */
	uint8_t ret_object; /* enum kfunc_object that the result points to */
	uint16_t groups;    /* enum kfunc_group */
	uint32_t flags;	    /* KF_* of catalog/kfunc.h */
	const struct btf *btf;
	const struct btf_type *proto;
	const char *name;
	const struct btf_type *ret; /* behind modifiers */
	uint32_t n_params;
	struct kfunc_param params[BTF_MAX_ARGS]; /* only if allowed and not too many */
};

#define KFUNC_MAX  256 /* different ones in a program */
#define KFUNC_HASH 512

struct env_kfuncs {
	const struct btf *vmlinux;
	uint32_t objects[KO_COUNT]; /* ids in vmlinux, 0: no such type */
	uint16_t hash[KFUNC_HASH];  /* index + 1 into funcs */
	uint32_t n;
	struct kfunc *funcs[KFUNC_MAX];
};

/* A call: what its arguments said of each other and of the result. */
struct kfunc_call {
	const struct kfunc *func;
	struct call call;    /* for memory, and fields of map values */
	uint32_t ref;	     /* reference of an argument */
	uint8_t release_reg; /* which register has the reference that is released, or 0 */
	bool r0_rdonly, has_const, has_prog, owning;
	uint64_t r0_size, constant;
	uint32_t subprog;	   /* callback */
	const struct btf *arg_btf; /* local object among the arguments */
	uint32_t arg_btf_id;
	uint32_t ctx_id;	      /* bpf_cast_to_kern_ctx: the struct */
	const struct btf_field *root; /* the list or tree */
	struct {
		uint8_t type; /* enum dynptr_type */
		uint32_t id, ref;
	} dynptr; /* initialised one among the arguments */
	struct {
		uint32_t frame, slot;
	} iter;
};

static inline bool kfunc_has(const struct kfunc_call *c, uint32_t flag)
{
	return c->func->flags & flag;
}

/* The kernel's struct that a register of that type points to without naming it, or KO_NONE. */
enum kfunc_object kfunc_reg_object(uint8_t reg_type);

/* kfunc_args.c */
int kfunc_args(struct env *env, struct kfunc_call *c);
/* All members of struct `id` are numbers, arrays of them, or such structs. */
bool kfunc_is_numbers(const struct btf *btf, const struct btf_type *t, int depth);

/* iter.c */
int iter_arg(struct env *env, struct kfunc_call *c, int regno);
/* The iterator that the call got. */
struct reg *iter_of_call(const struct state *s, const struct kfunc_call *c);
/* After everything else of a next function: the path with an element, the path without. */
int iter_next(struct env *env, const struct kfunc_call *c);

/* graph.c */
int graph_root_arg(struct env *env, struct kfunc_call *c, int regno, enum btf_field_id head);
int graph_node_arg(struct env *env, struct kfunc_call *c, int regno, enum btf_field_id node);
int graph_local_arg(struct env *env, struct kfunc_call *c, int regno);	 /* __alloc */
int graph_counted_arg(struct env *env, struct kfunc_call *c, int regno); /* __refcounted_kptr */
/* The node in r2 belongs to the graph now. */
int graph_insert(struct env *env, const struct kfunc_call *c);
/* r points to a node of the graph. */
void graph_set_node(struct reg *r, const struct btf_field *root);
int graph_set_non_owning(struct env *env, struct reg *r);
/* The result of functions that make local objects. */
int graph_return_local(struct env *env, const struct kfunc_call *c, struct reg *r0);

/* irq.c */
int irq_flag_arg(struct env *env, struct kfunc_call *c, int regno);
/* Sections that the call enters, leaves, or must not be in. */
int irq_sections(struct env *env, const struct kfunc_call *c);

#endif
