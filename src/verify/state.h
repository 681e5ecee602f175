/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/state.h - what is known at one point of one path: registers, stack, references.
 *
 *   struct state           one path's knowledge
 *     frame[0..cur]        one for each function that is being executed, main program first
 *       regs[0..10]        struct reg: a type, what the pointer points to, a range
 *       slots[0..n)        8 bytes of stack each: slots[i] is [r10 - 8(i+1), r10 - 8i)
 *     refs                 what was acquired and must be released; locks held
 *
 * States belong to one verification and one thread. A state owns its frames, slots, refs and
 * history; state_assign() makes a deep copy. A cached state is immutable except for precision
 * marks (precise.c) and cleaning (visit.c).
 */
#ifndef VERIFY_STATE_H
#define VERIFY_STATE_H

#include "base/util.h"
#include "verify/range.h"
#include "visor/uapi.h"

struct btf;
struct live_inst;
struct verify_map;

#define VERIFY_MAX_FRAMES 8
#define VERIFY_STACK_SIZE 512
#define VERIFY_SLOTS	  (VERIFY_STACK_SIZE / 8)
#define SLOT_BYTES	  8

/* ---- registers ------------------------------------------------------------------------- */

/*
 * What a register holds, with the name that the kernel's log gives it.
 *
 *   REG_TYPE(id, log name)
 */
#define REG_TYPES(REG_TYPE)                  \
	REG_TYPE(NOT_INIT, "?")              \
	REG_TYPE(SCALAR, "scalar")           \
	REG_TYPE(CTX, "ctx")                 \
	REG_TYPE(MAP_PTR, "map_ptr")         \
	REG_TYPE(MAP_VALUE, "map_value")     \
	REG_TYPE(STACK, "fp")                \
	REG_TYPE(PACKET, "pkt")              \
	REG_TYPE(PACKET_META, "pkt_meta")    \
	REG_TYPE(PACKET_END, "pkt_end")      \
	REG_TYPE(FLOW_KEYS, "flow_keys")     \
	REG_TYPE(SOCKET, "sock")             \
	REG_TYPE(SOCK_COMMON, "sock_common") \
	REG_TYPE(TCP_SOCK, "tcp_sock")       \
	REG_TYPE(TP_BUFFER, "tp_buffer")     \
	REG_TYPE(XDP_SOCK, "xdp_sock")       \
	REG_TYPE(BTF_ID, "ptr_")             \
	REG_TYPE(MEM, "mem")                 \
	REG_TYPE(ARENA, "arena")             \
	REG_TYPE(BUF, "buf")                 \
	REG_TYPE(FUNC, "func")               \
	REG_TYPE(MAP_KEY, "map_key")         \
	REG_TYPE(DYNPTR, "dynptr_ptr")

enum reg_type {
#define REG_TYPE(id, name) R_##id,
	REG_TYPES(REG_TYPE)
#undef REG_TYPE
		REG_TYPE_COUNT
};

/* Modifiers of a pointer's type. */
enum reg_flag {
	F_NULL = 1 << 0,      /* may be NULL: not to be used before a test */
	F_RDONLY = 1 << 1,    /* memory is read-only */
	F_RINGBUF = 1 << 2,   /* memory is a ring buffer record */
	F_USER = 1 << 3,      /* __user */
	F_PERCPU = 1 << 4,    /* per-CPU variable */
	F_UNTRUSTED = 1 << 5, /* may be stale or NULL: reads only, through probes */
	F_TRUSTED = 1 << 6,   /* valid and referenced by its owner */
	F_RCU = 1 << 7,	      /* valid within an RCU read section */
	F_ALLOC = 1 << 8,     /* object of the program's own (bpf_obj_new) */
	F_NON_OWN = 1 << 9,   /* non-owning reference: valid under the lock of its graph */
	F_UNINIT = 1 << 10,   /* memory need not be initialised before use */
	F_DYN_SKB = 1 << 11,  /* a slice of a packet dynptr */
	F_DYN_XDP = 1 << 12,
	F_DYN_META = 1 << 13, /* of the metadata of a packet */
	F_DYN_LOCAL = 1 << 14,
	F_DYN_RINGBUF = 1 << 15,
#define F_DYN_PACKET (F_DYN_SKB | F_DYN_XDP | F_DYN_META) /* ends when the packet moves */
#define F_DYN_ANY    (F_DYN_PACKET | F_DYN_LOCAL | F_DYN_RINGBUF)
};

enum dynptr_type { DYN_INVALID, DYN_LOCAL, DYN_RINGBUF, DYN_SKB, DYN_XDP, DYN_SKB_META, DYN_FILE };
enum iter_phase { ITER_NONE, ITER_ACTIVE, ITER_DRAINED };

/* Packet pointers: range of one that was compared with the packet's end on this path. */
#define RANGE_AT_END	 -1 /* at or beyond it */
#define RANGE_BEYOND_END -2 /* beyond it */

struct reg {
	uint8_t type;	/* enum reg_type */
	uint8_t frame;	/* R_STACK: whose stack */
	uint16_t flags; /* enum reg_flag */
	/* Pointers: constant part of the offset. Scalars: with ID_ADD_CONST in id, the constant
	 * by which this one is above the others of its id. */
	int32_t off;
	union {
		int32_t range; /* PACKET*: bytes verified from where `id` starts; RANGE_* */
		struct {       /* MEM, BUF */
			uint32_t mem_size;
			uint32_t dynptr_id; /* MEM: which dynptr it is a slice of, or 0 */
		};
		uint32_t subprog; /* FUNC */
		struct {	  /* MAP_PTR, MAP_VALUE, MAP_KEY */
			const struct verify_map *map;
			uint32_t map_uid; /* which inner map: ids differ for each look-up */
		};
		struct { /* BTF_ID */
			const struct btf *btf;
			uint32_t btf_id;
		};
		struct {	      /* DYNPTR, and stack slots of kind SLOT_DYNPTR */
			uint8_t type; /* enum dynptr_type */
			bool first_slot;
		} dynptr;
		struct { /* stack slots of kind SLOT_ITER */
			const struct btf *btf;
			uint32_t btf_id;
			uint8_t phase; /* enum iter_phase */
			uint32_t depth : 24;
		} iter;
		struct {		     /* SLOT_IRQ_FLAG */
			uint8_t kfunc_class; /* 0: local_irq_save, 1: res_spin_lock_irqsave */
		} irq;
		uint64_t raw[2];
	};
	/* Same id: same value (scalars), same NULL-ness (maybe NULL), same origin (packet). */
	uint32_t id;
	uint32_t ref;	  /* the reference it holds: id of a struct ref, or 0 */
	bool precise;	  /* SCALAR: exact range matters to safety */
	uint8_t var_kind; /* packed: enum var_kind, and where the range is: packed_var() */
	uint16_t var_at;
	struct range var; /* SCALAR: the value. Pointers: variable part of the offset */
};
/* The constant was added to the lower half, the upper is 0; or to the whole. */
#define ID_ADD_CONST32 (1u << 30)
#define ID_ADD_CONST64 (1u << 31)
#define ID_ADD_CONST   (ID_ADD_CONST32 | ID_ADD_CONST64)

/* A scalar and nothing else: no flag of its type either. */
static inline bool reg_is_plain(const struct reg *r)
{
	return r->type == R_SCALAR && !r->flags;
}

static inline bool reg_is_pointer(const struct reg *r)
{
	return r->type > R_SCALAR;
}

/* ---- stack ------------------------------------------------------------------------------ */

/* What a byte of stack holds, and the letter that the kernel's log gives it. */
enum slot_kind {
	SLOT_INVALID,  /* '?' never written */
	SLOT_SPILL,    /* 'r' part of a spilled register; a full spill has 8 of them */
	SLOT_MISC,     /* 'm' some data */
	SLOT_ZERO,     /* '0' */
	SLOT_DYNPTR,   /* 'd' */
	SLOT_ITER,     /* 'i' */
	SLOT_IRQ_FLAG, /* 'f' */
};

/* kind[0] is the byte at the lowest address... of [r10 - 8(i+1), r10 - 8i): kind[b] belongs to
 * address r10 - 8(i+1) + b. A spill narrower than 8 bytes marks the bytes that it covers, from
 * byte 0 up; reg then holds the narrow value. */
struct slot {
	uint8_t kind[SLOT_BYTES];
	struct reg reg; /* SPILL: the register; DYNPTR, ITER, IRQ_FLAG: the object */
};

/* All eight bytes of one kind, as one number. */
#define SLOT_KINDS(kind) ((kind)*UINT64_C(0x0101010101010101))

/*
 * States that wait or are cached are many, and most of what they hold is nothing, and most of the
 * ranges are constants: their frames are packed (state.c), which is to say that what follows
 * `slots` has another form:
 *
 *    kinds of the slots [n_slots][8], then the registers of reg_mask and of spill_mask, all but
 *    `var`, and then the ranges that are neither any value (no bytes) nor a constant (8)
 *
 * and is reached through packed_kinds(), packed_reg(), packed_slot(), packed_var().
 */
enum var_kind { VAR_FULL, VAR_CONST, VAR_ANY };

struct frame {
	uint32_t callsite; /* index of the call instruction in the caller; main: NO_CALLSITE */
	uint32_t callback_depth; /* iterations of the callback simulated on this path */
	struct live_inst *live;	 /* live.c: this function, as called along this chain */
	/* Packed: what holds something, which of it are plain scalars (no flags), and which scalars
	 * are precise: what states are compared by, and traced to, without a look at registers. */
	uint16_t reg_mask, reg_scalars, reg_precise;
	uint16_t n_slots, cap; /* packed: cap slots, of which nothing is read after n_slots */
	uint64_t spill_mask, spill_scalars, spill_precise; /* scalars: those in SLOT_SPILL */
	uint32_t subprog;
	uint8_t frameno;
	bool callback;	     /* entered from a helper, synchronously */
	bool async_callback; /* a root of its own: timers, workqueues */
	bool exception_callback;
	bool ret_checked; /* callback: r0 must be in [ret_min, ret_max] */
	int32_t ret_min, ret_max;
	uint32_t async_entries; /* how often an async callback was entered */
	uint32_t packed_size;	/* packed: in bytes */
	struct slot *slots;
	struct reg regs[11];
};

static inline uint64_t packed_kinds(const struct frame *f, uint32_t slot)
{
	return ((const uint64_t *)f->regs)[slot];
}

/* The n-th packed register, which has no `var`; and the next one. */
static inline struct reg *packed_nth(const struct frame *f, uint32_t n)
{
	return (struct reg *)((char *)((uint64_t *)f->regs + f->n_slots) +
			      n * offsetof(struct reg, var));
}

static inline struct reg *packed_next(const struct reg *r)
{
	return (struct reg *)((char *)r + offsetof(struct reg, var));
}

/* Its range; *tmp is for those that have to be made. */
static inline const struct range *packed_var(const struct frame *f, const struct reg *r,
					     struct range *tmp)
{
	const uint64_t *at = (const uint64_t *)f + r->var_at;

	if (r->var_kind == VAR_FULL)
		return (const struct range *)at;
	if (r->var_kind == VAR_CONST)
		range_set_const(tmp, *at);
	else
		range_set_unknown(tmp);
	return tmp;
}

/* The whole register. */
static inline void packed_unpack(struct reg *to, const struct frame *f, const struct reg *r)
{
	const struct range *var = packed_var(f, r, &to->var);

	memcpy(to, r, offsetof(struct reg, var));
	if (var != &to->var)
		to->var = *var;
}

/* Not the built-in: without an instruction for it that is a call. */
static inline uint32_t count_bits(uint64_t x)
{
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}

/* NULL: not initialised. */
static inline struct reg *packed_reg(const struct frame *f, int regno)
{
	if (!(f->reg_mask >> regno & 1))
		return NULL;
	return packed_nth(f, count_bits(f->reg_mask & ((1U << regno) - 1)));
}

/* NULL: neither a register nor an object. */
static inline struct reg *packed_slot(const struct frame *f, uint32_t slot)
{
	if (!(f->spill_mask >> slot & 1))
		return NULL;
	return packed_nth(f, count_bits(f->reg_mask) +
				     count_bits(f->spill_mask & ((UINT64_C(1) << slot) - 1)));
}

/* The lowest byte's kind: what the slot as a whole is, if it is more than bytes. */
static inline uint8_t kinds_first(uint64_t kinds)
{
	return (uint8_t)kinds;
}
#define NO_CALLSITE UINT32_MAX

/* ---- references ------------------------------------------------------------------------- */

enum ref_kind {
	REF_PTR,
	REF_IRQ,
	REF_LOCK,     /* bpf_spin_lock */
	REF_RES_LOCK, /* bpf_res_spin_lock */
	REF_RES_LOCK_IRQ,
};

struct ref {
	uint8_t kind;	 /* enum ref_kind */
	uint32_t id;	 /* what struct reg.ref names; locks: the id of the register */
	uint32_t insn;	 /* where it was acquired */
	const void *ptr; /* locks: identity of the object that holds the lock */
};

/* ---- one path --------------------------------------------------------------------------- */

/* One step of a path's history, for precision backtracking: the instruction, the one before it
 * where that is not the one above it in the code, and what happened. */
struct jump {
	uint32_t insn;
	uint32_t prev : 20;
	uint32_t flags : 12; /* enum jump_flag */
	uint64_t linked;     /* scalars that a condition changed together: precise.c */
};

struct state {
	/* First what a visit asks of each cached state: visit.c wants it in one cache line. */
	uint32_t insn;	   /* the instruction that this state is before (cached states) */
	uint32_t cur;	   /* index of the current frame */
	uint32_t branches; /* paths that started here and are not finished */
	bool speculative, sleepable, cleaned;
	bool packed; /* its frames are */
	struct frame *frame[VERIFY_MAX_FRAMES];

	struct ref *refs;
	uint16_t n_refs, cap_refs;
	uint16_t locks;	      /* how many of them are locks */
	uint16_t preempt_off; /* depth of bpf_preempt_disable */
	uint16_t rcu_depth;   /* depth of bpf_rcu_read_lock */
	uint32_t irq_id;      /* id of the innermost irq-save, 0: none */
	uint32_t lock_id;     /* id and object of the innermost lock */
	const void *lock_ptr;

	struct state *parent;		/* where this path's last cached state is */
	struct state *equal;		/* what it was found equal to */
	uint32_t first_insn, last_insn; /* of the path since parent */
	/* What instructions of the path since parent do to what is traced: registers, one bit each,
	 * and TOUCH_*. precise.c */
	uint16_t touched;
	struct jump *history;
	uint32_t n_history, cap_history;
	uint32_t dfs_depth, unroll_depth, may_goto_depth;
};

static inline struct frame *state_frame(const struct state *s)
{
	return s->frame[s->cur];
}

static inline struct reg *state_regs(const struct state *s)
{
	return s->frame[s->cur]->regs;
}

#endif
