/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/env.h - one verification in progress, and what its files offer each other.
 *
 *    verify.c   the entry: stages in order        structure.c  well-formed instructions, graph
 *    explore.c  paths, instruction by instruction cfg.c   prune points, live registers, loops
 *    visit.c    pruning: cached states            equal.c      is one state inside another?
 *    precise.c  which scalars' exact values matter   live.c    which stack slots are still read
 *    alu.c      arithmetic on registers           branch.c     conditional jumps
 *    stack.c    stack slots                       mem*.c       every other memory
 *    speculate.c  pointer arithmetic, where speculation may leak
 *    func.c     functions, callbacks, exit        depth.c      stack depth over the call graph
 *    call.c     helpers: the call    args.c  their arguments  dynptr.c, lock.c  special objects
 *    kfunc.c    kernel functions, iter.c, graph.c their objects
 *    log.c, text.c  the kernel's log format (log.h)
 *    reason.c, explain.c  diagnostics for people
 *
 * Everything here belongs to the one thread that verifies. Functions return 0 or a negative
 * errno after env_fail() has recorded the reason (the first reason counts).
 */
#ifndef VERIFY_ENV_H
#define VERIFY_ENV_H

#include <stdarg.h>

#include "btf/btf.h"
#include "isa/insn.h"
#include "verify/state.h"
#include "verify/verify.h"

/* ---- facts about instructions, found before and during exploration ------------------------ */

enum aux_flag {
	AUX_PRUNE_POINT = 1 << 0,      /* states are looked up here */
	AUX_FORCE_CHECKPOINT = 1 << 1, /* and always stored */
	AUX_JUMP_POINT = 1 << 2,       /* the history records coming here */
	AUX_SEEN = 1 << 3,	       /* some path came here */
	AUX_CALLS_CALLBACK = 1 << 4,
	AUX_ITER_NEXT = 1 << 5,
	AUX_MAY_GOTO = 1 << 6,
	AUX_FASTCALL = 1 << 7,	       /* spill or fill around a call that preserves registers */
	AUX_ARENA = 1 << 8,	       /* access through an arena pointer */
	AUX_SEEN_SPECULATIVE = 1 << 9, /* only seen by speculative paths until AUX_SEEN */
	AUX_NOSPEC = 1 << 10,
	AUX_NOSPEC_RESULT = 1 << 11,
	AUX_VALID = 1 << 12, /* operands were checked */
	AUX_FALLS = 1 << 13, /* control may go on to the next instruction */
	AUX_JUMPS = 1 << 14, /* control may go to jump_to */
};

struct insn_aux {
	uint16_t flags;	      /* enum aux_flag */
	uint8_t id;	      /* enum isa_id, ISA_COUNT for the second slot of lddw */
	uint8_t ptr_type;     /* memory accesses: enum reg_type seen; 0: none yet */
	uint16_t ptr_flags;   /* enum reg_flag seen with it */
	uint16_t live_before; /* registers that some path from here reads, one bit each */
	int16_t ctx_off;      /* context accesses: constant offset */
	uint32_t jump_to;
	uint32_t scc; /* number of the strongly connected component, 0: none */
	uint16_t subprog;
	uint8_t n_args;		 /* calls: how many registers from r1 up are arguments */
	uint16_t fastcall_slots; /* how many slots the pattern around this call uses */
	uint32_t loop_callback;	 /* bpf_loop: its only callback, 0: none, or LOOP_NOT_INLINE */
	union {
		/* helper calls: the map it was called with on every path, or MAP_POISON */
		const struct verify_map *map;
		struct { /* arithmetic: how speculate.c masks it */
			uint32_t alu_state, alu_limit;
		};
	};
	uint64_t map_key; /* constant key of array accesses, or KEY_POISON, KEY_NONE */
};
#define LOOP_NOT_INLINE UINT32_MAX
#define MAP_POISON	((const struct verify_map *)-1)
#define KEY_NONE	UINT64_MAX
#define KEY_POISON	(UINT64_MAX - 1)

struct subprog {
	uint32_t start, end;  /* instructions */
	uint32_t stack_depth; /* bytes */
	bool has_tail_call, tail_call_reachable, has_ld_abs;
	bool is_global, is_callback, is_async_callback, is_exception_callback, called;
	bool args_ready, might_sleep, changes_pkt, keep_fastcall_stack, verified;
	bool shared_stack;	     /* depth.c: never on a stack apart */
	uint32_t fastcall_stack_off; /* lowest slot that only fastcall patterns use */
	uint32_t told_depth; /* what Linux's passes make of stack_depth; see env.depth_told */
	const char *name;    /* from BTF, or "" */
	uint32_t func;	     /* its FUNC in the program's BTF, or 0 */
	struct btf_func sig; /* what a caller of a global function must pass, if args_ready */
	int sig_err;
	char sig_why[120];
	uint32_t *postorder, n_postorder;
	/* Predecessors within the function: of start + i, preds[pred_at[i]] up to [pred_at[i + 1]].
	 */
	uint32_t *pred_at, *preds;
};

/* ---- reasons ------------------------------------------------------------------------------ */

enum reason {
#define REASON(id, name, title, hint) REASON_##id,
#include "verify/reasons.def"
#undef REASON
	REASON_COUNT
};

/* ---- the verification --------------------------------------------------------------------- */

enum access { ACCESS_READ, ACCESS_WRITE };

#define EXPLORE_HOT 16 /* paths whose states wait unpacked; more than an instruction queues */

struct env {
	const struct verify_image *image;
	const struct prog_type *type;
	const struct bpf_insn *insns; /* a copy; map references by index */
	uint32_t n_insns;
	struct insn_aux *aux;
	struct subprog *subs;
	uint32_t n_subs;
	struct verified *v; /* the result under construction */
	struct visor_diag *diag;

	/* Where we are. */
	struct state *st;
	struct state *spare; /* explore.c: unpacked states for the next that are pushed */
	struct pending *hot[EXPLORE_HOT]; /* the last n_hot that were queued; a ring */
	uint32_t hot_top, n_hot;
	uint32_t insn, prev, at; /* at: the one being looked at, also after insn moved on */
	struct pending *pending; /* explore.c: paths still to be followed */
	uint32_t n_pending;
	uint32_t next_id;
	uint32_t exception_callback, exception_insn; /* subprog, 0: none; where it begins */

	/* What this program may do. */
	struct env_kfuncs *kfuncs; /* kfunc.c: kernel functions that are called, or NULL */
	const struct verify_map *cgroup_storage[2]; /* maps.c: shared, per CPU */
	bool allow_ptr_leaks, allow_uninit_stack, bypass_spec_v1, bypass_spec_v4, bpf_capable;
	bool strict_alignment, test_state_freq, test_reg_invariants;
	bool in_sleepable;	/* the program as a whole */
	bool depth_told;	/* told_depth is known */
	bool reads_unwritten;	/* some path may read stack that it has not written */
	bool alu_limits_differ; /* speculate.c: scalars are only equal if they are the same */
	bool seen_direct_write, seen_exception, uses_arena;
	const struct verify_map *arena;
	bool *map_used; /* maps.c: by their index in the image */
	uint32_t n_used_maps;

	struct btf_attach attach; /* what it attaches to, if attach.btf */
	/* STRUCT_OPS: references that arguments come with (BTF_CTX_REF); ids by argument, or 0. */
	uint32_t ctx_refs[BTF_MAX_CTX_ARGS];
	struct btf_locals *locals; /* its own types with special fields, or NULL */

	/* Counters of the kernel's log, and heuristics of pruning. */
	uint32_t insns_processed, jumps_processed, prev_insns_processed, prev_jumps_processed;
	uint32_t total_states, peak_states, explored_states, max_states_per_insn, longest_mark_read;
	uint32_t n_sccs;

	int err;		     /* the first failure, */
	enum reason reason;	     /* its kind, */
	int fault_reg;		     /* and the register at fault, or -1 */
	char message[512];	     /* in the kernel's words */
	struct env_arena *mem;	     /* state.c: memory of states */
	struct env_visit *visit;     /* visit.c */
	struct env_live *live;	     /* live.c */
	struct env_precise *precise; /* precise.c */
	uint16_t *touch;	     /* by instruction: see struct state */
	struct env_log *log;	     /* log.c: NULL if nobody reads it */
	struct jump *jump; /* the history's entry of the current instruction, if it has one */
};

/*
 * Records why the program is refused and returns err. `reason` is a row of reasons.def; the
 * text is what the kernel says, without a newline (several lines: with '\n' between them).
 */
int env_fail(struct env *env, int err, enum reason reason, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same, with the register (0-10, of the current frame) that is at fault. */
int env_fail_reg(struct env *env, int err, enum reason reason, int regno, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* Something that verification does not know: -EOPNOTSUPP becomes the kernel's -EINVAL, and
 * the diagnostic says so plainly. docs list these. */
int env_unsupported(struct env *env, const char *fmt, ...) PRINTF_LIKE(2, 3);
int env_nomem(struct env *env);
/* Takes the failure back (a path that is not followed after all). */
void env_forgive(struct env *env);
/* A line of the log only (levels 1 and up): what the kernel prints before its verdict. */
void env_note(struct env *env, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline const struct bpf_insn *env_insn(const struct env *env)
{
	return &env->insns[env->insn];
}
static inline struct insn_aux *env_aux(const struct env *env)
{
	return &env->aux[env->insn];
}
/* Where control may go within the function: how many, the next instruction first. */
static inline int cfg_successors(const struct env *env, uint32_t insn, uint32_t next[2])
{
	const struct insn_aux *aux = &env->aux[insn];
	int n = 0;

	if (aux->flags & AUX_FALLS)
		next[n++] = insn + (uint32_t)isa_slots(&env->insns[insn]);
	if (aux->flags & AUX_JUMPS)
		next[n++] = aux->jump_to;
	return n;
}
static inline struct reg *env_reg(const struct env *env, int regno)
{
	return &env->st->frame[env->st->cur]->regs[regno];
}
static inline uint32_t env_new_id(struct env *env)
{
	return ++env->next_id;
}

/* ---- alloc.c, state.c: memory, registers, references
 * ------------------------------------------------- */

#define VERIFY_MEM_LIMIT ((size_t)1 << 30)
int env_mem_new(struct env *env);
void env_mem_free(struct env *env);
size_t env_mem_total(const struct env *env); /* bytes taken from the system */
/* A zeroed table, which stays. NULL: no memory. */
void *env_table(struct env *env, size_t n, size_t size);
/* Gives back all tables made since the mark; no block may have been taken meanwhile. */
struct mem_mark {
	const void *chunk;
	char *at;
};
struct mem_mark env_mark(const struct env *env);
void env_rewind(struct env *env, struct mem_mark mark);
/* Blocks of that size; the content is undefined. NULL: no memory. */
void *env_alloc(struct env *env, size_t size);
void env_release(struct env *env, void *p, size_t size);

struct state *state_new(struct env *env); /* empty; NULL: no memory */
/* Makes the unpacked state `to` a copy of `from`, packed or not, reusing its memory. -ENOMEM: `to`
 * may only be freed. */
int state_assign(struct env *env, struct state *to, const struct state *from);
/* Makes the empty state `to` a packed copy. */
int state_pack(struct env *env, struct state *to, const struct state *from);
/* A copy that knows only how it was reached, without frames. */
struct state *state_copy_path(struct env *env, const struct state *from);
void state_free(struct env *env, struct state *s);
void state_release_parts(struct env *env, struct state *s); /* all but the struct itself */
/* A packed frame without registers and slots that are not in these masks; replaces f. */
struct frame *frame_shrink(struct env *env, struct frame *f, uint16_t regs, uint64_t slots);
struct frame *frame_new(struct env *env);
void frame_free(struct env *env, struct frame *f);
/* Makes room for slots [0, n): -ENOMEM. Slots keep their place only until the next call. */
int frame_grow(struct env *env, struct frame *f, uint32_t n);

void reg_set_not_init(struct reg *r);
/* An unknown number. Unprivileged: precise at once. */
void reg_set_unknown(const struct env *env, struct reg *r);
void reg_set_const(const struct env *env, struct reg *r, uint64_t v);
/* A pointer of that type, offset 0 (variable and constant), no id, no reference; the union is
 * zero and the caller's to fill. */
void reg_set_pointer(struct reg *r, enum reg_type type, uint16_t flags);
static inline bool reg_is_const(const struct reg *r, uint64_t value)
{
	return r->type == R_SCALAR && range_is_const(&r->var) && range_const(&r->var) == value;
}
static inline bool reg_is_null(const struct reg *r)
{
	return reg_is_const(r, 0);
}
/* What was in it exists no more: for those who may see pointers it is some number then, for
 * others nothing that could be read. */
void reg_drop(const struct env *env, struct reg *r);
/* Caller-saved registers r0-r5 after a call. */
void regs_clobber(struct env *env, struct frame *f);

/* Remembers a reference made by the current instruction; its new id, or 0: no memory. */
uint32_t state_acquire(struct env *env);
/* Lets go of it: every register and slot that holds it is dropped (reg_drop). -EINVAL if there is
 * no such reference (no message). */
int state_release(struct env *env, uint32_t ref);
/* The reference alone: registers keep it. */
int state_forget_ref(struct state *s, uint32_t id);
uint32_t state_acquire_irq(struct env *env);
int state_release_irq(struct state *s, uint32_t id); /* -EACCES: not the innermost */
struct ref *state_find_ref(const struct state *s, uint32_t id);
int state_acquire_lock(struct env *env, enum ref_kind kind, uint32_t id, const void *ptr);
int state_release_lock(struct state *s, enum ref_kind kind, uint32_t id, const void *ptr);
struct ref *state_find_lock(const struct state *s, enum ref_kind kind, uint32_t id,
			    const void *ptr);
/* Calls fn for each register of each frame and each spilled register or stack object. The
 * loop macro: `STATE_FOR_EACH_REG(s, r) { ... }` visits registers and SPILLs only. */
struct reg_cursor {
	uint32_t frame;
	int32_t at; /* 0-10 registers, then slots */
};
struct reg *state_next_reg(const struct state *s, struct reg_cursor *c);
#define STATE_FOR_EACH_REG(s, r) \
	for (struct reg_cursor c_ = {0, 0}; (r = state_next_reg(s, &c_)) != NULL;)
/* Packet pointers lose what is known of them: the packet may have moved. */
void state_forget_packets(struct env *env);

/* ---- precise.c, live.c ---------------------------------------------------------------------- */

/* The exact value of that scalar of the current frame decides about safety. */
int precise_reg(struct env *env, int regno);
/* A number that is taken for a pointer because it is 0. Linux 6.18 does not follow this back, and
 * so may drop a path on which it is not: in what is to run here, that decides, too. */
int precise_null(struct env *env, int regno);
/* The same for a spilled one. */
int precise_stack(struct env *env, uint32_t frame, uint32_t slot);
/* Adds a step to the history of the current path, or flags to the step of this instruction.
 * linked: scalars, one in 10 bits, 4 bits of count above them. */
int precise_push(struct env *env, struct state *s, uint32_t flags, uint64_t linked);
enum jump_flag {
	JUMP_STACK = 1 << 0,	  /* this instruction reads or writes a slot of the stack */
	JUMP_FRAME_SHIFT = 1,	  /* 3 bits: whose */
	JUMP_SLOT_SHIFT = 4,	  /* 6 bits: which */
	JUMP_DST_STACK = 1 << 10, /* a condition: dst points to the stack */
	JUMP_SRC_STACK = 1 << 11,
};
/* Flags for the history: the current instruction touches that slot. */
static inline uint32_t jump_stack_flags(uint32_t frame, uint32_t slot)
{
	return JUMP_STACK | frame << JUMP_FRAME_SHIFT | slot << JUMP_SLOT_SHIFT;
}
/* Several scalars that got a range together: see branch.c. */
#define LINKED_MAX 6
struct linked {
	uint32_t n;
	struct linked_one {
		uint8_t frame;
		bool is_reg;
		uint8_t at; /* register or slot */
	} one[LINKED_MAX];
};
uint64_t linked_pack(const struct linked *l);
void linked_unpack(uint64_t packed, struct linked *l);
/* All scalars of all parents of that state. */
void precise_mark_all(struct env *env, struct state *s);
void precise_forget(struct state *s);
/* What is precise in `old` is so in the path that leads to cur, too. */
int precise_propagate(struct env *env, const struct state *old, struct state *cur, bool *changed);
int precise_new(struct env *env);
enum {
	TOUCH_REGS = 0x7ff,
	TOUCH_STACK = 1 << 11, /* may write a stack */
	TOUCH_ALL =
		0xffff, /* leaves the function, or says what registers have to do with each other */
};

/* The current instruction may read these slots of that frame's stack (bit i: slot i) ... */
int live_read(struct env *env, uint32_t frame, uint64_t slots);
/* ... or certainly writes them in whole. */
int live_write(struct env *env, uint32_t frame, uint64_t slots);
int live_new(struct env *env);
/* The function that frame i of the state is in, as called along this chain of calls. */
int live_enter(struct env *env, struct state *s, uint32_t i);
void live_begin(struct env *env); /* before an instruction */
int live_commit(struct env *env); /* after it */
/* The slots of frame i that may still be read after state s. */
uint64_t live_slots(struct env *env, const struct state *s, uint32_t i);

/* ---- visit.c, equal.c ----------------------------------------------------------------------- */

enum exactness { NOT_EXACT, EXACT, RANGE_WITHIN };
/* *differs: if not, the register of the current function that is not inside, or -1. */
bool states_equal(struct env *env, const struct state *old, const struct state *cur,
		  enum exactness exact, int *differs);
/* 1: the current state is inside one that was followed: the path is done. 0: go on. */
int visit_state(struct env *env);
int visit_new(struct env *env);
/* The next instruction will be visited: its cached states are looked at soon. */
void visit_prefetch(const struct env *env);
/* A path is finished: counts it off the states that it came from. */
int visit_path_done(struct env *env, struct state *s);
/* For loops that the program ends (iterators, may_goto, callbacks): scalars of `queued` that are
 * not as they were at the last visit of the current instruction, and are not precise, become
 * unknown, so that the loop converges. from: where to look for that visit, towards the beginning
 * of the path: the current state's parent, or, if that is this visit, the parent's parent. */
void visit_widen_from(struct env *env, const struct state *from, struct state *queued);
/* The same where the parent is the visit of the current instruction (iterators, may_goto). */
int visit_widen(struct env *env, struct state *queued);
void states_widen(struct env *env, const struct state *old, struct state *cur);
/* The instruction in frame i that the state is before, or waits for the return of. */
static inline uint32_t state_insn(const struct state *s, uint32_t i)
{
	return i == s->cur ? s->insn : s->frame[i + 1]->callsite;
}

/* ---- form.c, cfg.c, fastcall.c, depth.c -------------------------------------------------- */

int form_operands(struct env *env);  /* of the current instruction */
int form_program(struct env *env);   /* opcodes, functions, jumps, references to maps */
int cfg_build(struct env *env);	     /* prune points, live registers, loops, unreachable code */
void fastcall_mark(struct env *env); /* spills around calls that preserve registers */
int depth_check(struct env *env);

/* ---- explore.c, attach.c
 * ------------------------------------------------------------------------------- */

int explore(struct env *env); /* from env->st, at env->insn */
/* References that arguments of a struct_ops function come with. */
int attach_acquire_args(struct env *env);
/* Another path, to be followed later, that begins at `insn` with a copy of the current state;
 * NULL: no memory or too many. The state is the queue's. */
struct state *explore_push(struct env *env, uint32_t insn, uint32_t prev, bool speculative);
/* An asynchronous callback: a path of its own with an empty stack. */
struct state *explore_push_async(struct env *env, uint32_t insn, uint32_t prev, uint32_t subprog,
				 bool sleepable);
/* May programs of this type use classic packet loads? */
int explore_may_load(struct env *env);
/* regno is read by the current instruction: it must be initialised. */
int reg_read(struct env *env, int regno);
/* regno is written by it, which r10 must not be. What is in it stays. */
int reg_write(struct env *env, int regno);
bool env_may_sleep(const struct env *env);

/* ---- stack.c, mem.c -------------------------------------------------------------------------- */

/*
 * One access of the current instruction: `size` bytes at regs[regno] + off. READ: value >= 0
 * is the register that gets what was read (typed: a pointer, a spilled register, a number);
 * WRITE: value >= 0 is the register that is stored. value -1: only check (atomics, ST).
 * sign_extend: the load extends the sign. strict_once: alignment is checked strictly.
 */
int mem_access(struct env *env, int regno, int off, int size, enum access access, int value,
	       bool strict_once, bool sign_extend);
/* Atomic read-modify-write, load-acquire, store-release of the current instruction. */
int mem_atomic(struct env *env);

/* A call's view of itself while its arguments are checked. */
struct call {
	uint32_t func_id;	     /* BPF_FUNC_*, 0 for kfuncs and functions */
	const char *name;	     /* for messages */
	const struct helper *helper; /* or NULL */
	const struct verify_map *map;
	uint32_t map_uid;
	bool raw_mode;	 /* memory is written only: need not be initialised */
	bool pkt_access; /* memory may be packet bytes */
	uint8_t release_reg;
	int regno;	    /* argument with raw memory, or 0 ... */
	int access_size;    /* ... and how many bytes of it */
	uint32_t mem_size;  /* ARG_ALLOC_SIZE */
	uint64_t msize_max; /* upper bound of the last size register */
	uint32_t ref;	    /* reference of an argument */
	uint32_t dynptr_id;
	const struct btf *btf, *ret_btf;
	uint32_t btf_id, ret_btf_id;
	uint32_t subprog; /* ARG_FUNC */
	const struct btf_field *kptr;
	bool percpu_object; /* the argument is an object of the program's own, one for each CPU */
	int64_t const_key;  /* key of an array look-up if constant, or -1 */
};

/* A helper reads or writes `size` bytes at regs[regno]; zero_ok: NULL and size 0 are fine. */
int mem_helper_access(struct env *env, int regno, int size, enum access access, bool zero_ok,
		      struct call *call);
/* Memory regs[regno], its length in regs[size_regno]. */
int mem_size_reg(struct env *env, int regno, int size_regno, enum access access, bool zero_ok,
		 struct call *call);
/* regs[regno] points to mem_size bytes that a function will read and write (NULL allowed if
 * the register may be NULL). */
int mem_reg_size(struct env *env, struct reg *reg, int regno, uint32_t mem_size);
/* [reg + off, + size) must be inside of [0, mem_size), variable part included. */
int mem_region(struct env *env, int regno, int off, int size, uint32_t mem_size, bool zero_ok);
/* The pointer must be exact: no variable, and unless fixed_ok no constant offset. */
int mem_exact_pointer(struct env *env, const struct reg *reg, int regno, bool fixed_ok);
/* "R%d ..." text of a register's type as the log prints it; buf is returned. */
const char *reg_type_text(uint8_t type, uint16_t flags, char *buf, size_t size);
/* [reg + off, + size) is aligned as the program or `strict` demands. */
int mem_aligned(struct env *env, const struct reg *reg, int off, int size, bool strict);

/* Stack memory [off, off + size) of the frame, for helpers: initialised, or made so. */
int stack_range(struct env *env, int regno, int off, int size, bool zero_ok, enum access access,
		struct call *call);
/* Index of the slot that holds r10 + off (off < 0, multiple of 8 for objects); -errno. */
static inline int stack_slot(int off)
{
	return (-off - 1) / SLOT_BYTES;
}

/* ---- speculate.c: programs that must not read kernel memory --------------------------------- */

struct speculation { /* of one move of a pointer */
	uint32_t state, limit;
	bool left; /* towards the beginning of its memory */
};
/* Before and after the current instruction moves ptr by `by`; the result is in its dst. */
int speculate_move(struct env *env, const struct reg *ptr, const struct reg *by, bool by_is_dst,
		   struct speculation *s);
int speculate_moved(struct env *env, bool by_is_dst, const struct speculation *s);
/* It computes with numbers only. */
int speculate_number(struct env *env);

/* ---- alu.c, branch.c ------------------------------------------------------------------------ */

int alu_may_cast(struct env *env); /* the current instruction, between these address spaces? */
int alu_insn(struct env *env);	   /* arithmetic, moves, byte order */
int branch_insn(struct env *env);  /* conditional jumps: may push the other path, sets env->insn */
bool reg_leaks(const struct env *env, const struct reg *r); /* a pointer that must stay secret */
bool reg_is_trusted(const struct reg *r);
/* Before a scalar is copied or spilled: the copies are tied by an id. */
void reg_assign_id(struct env *env, struct reg *r);
void reg_mark_not_null(struct reg *r);
/* Everything with the id of that register of the current frame is now known to be NULL, or not. */
void state_null_known(struct env *env, struct state *s, int regno, bool null);

/* ---- func.c --------------------------------------------------------------------------------- */

enum callback_kind {
	CALLBACK_LOOP,
	CALLBACK_MAP_ELEM,
	CALLBACK_TIMER,
	CALLBACK_FIND_VMA,
	CALLBACK_USER_RINGBUF,
	CALLBACK_RBTREE_ADD,
	CALLBACK_WQ,
	CALLBACK_TASK_WORK
};

void frame_init(struct env *env, struct frame *f, uint32_t frameno, uint32_t subprog,
		uint32_t callsite);
int func_call(struct env *env); /* the current instruction calls a local function */
/* Prepares the path into a callback: the callee's registers are set by the kind from the
 * caller's r1-r5. */
int func_push_callback(struct env *env, enum callback_kind kind, uint32_t subprog);
/* exit: back into the caller, or the end of the path (*done). */
int func_exit(struct env *env, bool exception, bool *done);
/* Leaves a function that was called, with what is in r0, without asking whether it may. */
int func_return(struct env *env);
/* Every reference, lock, rcu section, ... must be over. prefix: "BPF_EXIT instruction in main prog"
 */
int func_check_leaks(struct env *env, bool exception, bool check_lock, const char *prefix);
/* regs[regno] may be what the program returns. name: "R0", or what the message says instead. */
int func_check_return(struct env *env, int regno, const char *name);
int func_prepare_args(struct env *env, uint32_t subprog); /* subs[].args from BTF */

/* ---- call.c, maps.c, kfunc.c ------------------------------------------------------------------
 */

int call_helper(struct env *env);
int call_kfunc(struct env *env); /* 1: the path is over (bpf_throw) */
/* The contract of a helper for this program. -ERANGE: no such helper; -EINVAL: not for this
 * program; -EPERM: not for what it attaches to. No message. */
int call_contract(const struct env *env, uint32_t id, const struct helper **out);
/* cfg.c asks before exploration: can the call sleep, does it call a callback, is it an
 * iterator's next, may it change packets. -errno if the kfunc cannot be resolved. */
enum call_trait {
	CALL_MIGHT_SLEEP = 1,
	CALL_CALLBACK = 2,
	CALL_ITER_NEXT = 4,
	CALL_PKT_MOVES = 8,
	CALL_FASTCALL = 16,
	CALL_THROWS = 32,
	CALL_ASYNC_CALLBACK = 64,
	CALL_RETURNS = 128
};
int kfunc_traits(struct env *env, uint32_t insn, uint32_t *traits, int *n_args);
/* Looks at a call of a kernel function before exploration, whether a path comes to it or not:
 * what it names must exist. In the order of the instructions, before kfunc_traits(). */
int kfunc_prepare(struct env *env, uint32_t insn);
/* After exploration: no path may come to calls that the loader left unresolved. */
int kfunc_finish(struct env *env);
void kfunc_free(struct env *env);
/* The same of a helper; CALL_RETURNS: it sets r0. No traits if it cannot be called. */
void call_traits(const struct env *env, uint32_t id, uint32_t *traits, int *n_args);
/* fixup.c: after exploration, what the kernel then still refuses. */
int fixup_check(struct env *env);
/* The program refers to that map of the image: may it? */
int maps_use(struct env *env, uint32_t map);

/* lddw of a kernel variable (BPF_PSEUDO_BTF_ID): before exploration, and when a path comes to it.
 */
int ksym_check(struct env *env, uint32_t insn);
int ksym_load(struct env *env, struct reg *dst);

/* ---- args.c --------------------------------------------------------------------------------- */

/* Argument regno - 1 of a helper, whose contract is call->helper. */
int args_check(struct env *env, int regno, struct call *call);
/* Only with its offset as it was obtained: what that means depends on the type of the register,
 * and on whether arg has ARG_RELEASE (check_func_arg_reg_off). */
int args_exact(struct env *env, const struct reg *reg, int regno, uint32_t arg);
/* regs[regno] is constant text that ends. */
int args_const_str(struct env *env, int regno);
/* An argument of a global function that is a pointer to a kernel struct. */
int args_global_btf(struct env *env, int regno, const struct btf_global_arg *arg);
/* A dynptr; which and what for is told by arg. */
int args_dynptr(struct env *env, int regno, uint32_t arg, struct call *call);
/* May that register be stored in that kptr field? */
int args_kptr_match(struct env *env, const struct btf_field *field, const struct reg *reg,
		    int regno);
/* The special fields of a struct of the program's own types, or of those of its maps. */
const struct btf_record *args_struct_record(const struct env *env, const struct btf *btf,
					    uint32_t id);
/* The special fields of what the register points to (map value, object of the program's own). */
const struct btf_record *args_record(const struct env *env, const struct reg *reg);

/* ---- dynptr.c, iter.c, graph.c, lock.c ---------------------------------------------------------
 */

/* Objects in stack slots, given by the register that points to them. The first slot (of the
 * lowest address) of one that takes n; what: "dynptr", "iter", "irq_flag". -EINVAL with reason;
 * -ERANGE, without, if the frame has not that much stack yet. */
int stack_object_slot(struct env *env, const struct reg *reg, const char *what, int n);

/* regs[regno] as an argument that is a dynptr. arg: ARG_UNINIT, to be made of type `type` (ref:
 * with that reference, a clone's; 0: its own), or ARG_RDONLY, 0: made, of type `type` or any
 * (DYN_INVALID). */
int dynptr_arg(struct env *env, int regno, uint32_t arg, enum dynptr_type type, uint32_t ref);
/* What is known of the dynptr that an argument is. NULL: it is none. */
const struct reg *dynptr_get(struct env *env, const struct reg *reg);
/* Releases it with everything that comes from it. */
int dynptr_unmark(struct env *env, int regno);
/* A store into that slot of the frame hits a dynptr: it is destroyed, or the store refused. */
int dynptr_destroy_overwritten(struct env *env, struct frame *f, uint32_t slot);

enum lock_op { LOCK_TAKE = 1, LOCK_RESILIENT = 2, LOCK_IRQ = 4 };
int lock_spin(struct env *env, int regno, uint32_t op);
/* regs[regno] points to that special field of a map value (timer, work queue, task work), whose
 * map is noted in *call (NULL: not). */
int lock_map_field(struct env *env, int regno, enum btf_field_id id, struct call *call);
/* Non-owning references end with the lock that protected them. */
void graph_drop_non_owning(struct env *env);
/* CALLBACK_RBTREE_ADD: r1-r5 of the callee; root: the caller's r1. */
int graph_callback_args(struct env *env, const struct reg *root, struct frame *callee);
/* In a callback that a tree calls under its lock. */
bool graph_in_locked_callback(const struct env *env);

#endif
