/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/verify.h - the only way from untrusted instructions to a program that may run.
 *
 * An *image* is mutable and untrusted. verify_image() turns it into a struct verified,
 * which is immutable, reference counted, and the only thing the vm layer accepts; no
 * other file can make one. The image stays the caller's and may be freed afterwards.
 * Distinct images may be verified by distinct threads at the same time.
 *
 * Two levels exist. VERIFY_STRUCTURE: well-formed instructions, a well-formed control
 * flow graph, permitted helpers, legal map references, static context accesses found
 * where they can be. Such a program may still access any memory: it runs in the checked
 * interpreter unless the caller explicitly trusts it. VERIFY_SAFE: proven safe.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stdio.h>

#include "base/diag.h"
#include "catalog/catalog.h"
#include "isa/insn.h"

enum verify_level { VERIFY_STRUCTURE, VERIFY_SAFE };

struct btf;
struct btf_locals;
struct btf_record;
struct btf_target;

/* A map as verification sees it. Borrowed: everything lives until verify_image() returns. */
struct verify_map {
	struct map_desc desc;
	const struct btf *btf; /* of key and value, or NULL */
	uint32_t key_type_id, value_type_id;
	const struct btf_record *record; /* special fields of the value, or NULL */
	struct btf_locals *locals;	 /* what they refer to; verify_map_init() makes both */
	const struct verify_map *inner;	 /* maps of maps: what the inner ones look like */
	bool frozen;			 /* the system call cannot change it any more */
	/* Frozen maps that programs cannot write either (BPF_F_RDONLY_PROG), arrays: all values,
	 * which are constants then; or NULL. */
	const void *contents;
	size_t contents_size;
};

/*
 * Fills record of a map whose desc, btf and type ids are set, and checks what BPF_MAP_CREATE checks
 * of them: 0, or its error (why: BTF_WHY bytes, or NULL). target may be NULL: kptrs to types of the
 * kernel are unknown then. Borrows btf and target. To be given back with verify_map_done().
 */
int verify_map_init(struct verify_map *m, const struct btf_target *target, char *why);
void verify_map_done(struct verify_map *m);

/* Where the kernel's log goes. */
struct verify_log {
	uint32_t level; /* BPF_LOG_*: 1, 2, 4 (statistics) */
	void (*write)(void *user, const char *text, size_t len);
	void *user;
};

/* What the verification cost, as the kernel counts it. */
struct verify_stats {
	uint64_t time_ns;
	uint32_t insns_processed, total_states, peak_states, max_states_per_insn;
	uint64_t peak_memory; /* bytes of states */
};

/* ---- why a program is refused ----------------------------------------------------------- */

/* An instruction, and where it comes from as far as the program's line information tells. */
struct verify_place {
	bool known;
	uint32_t insn;
	char text[128];	       /* "(61) r1 = *(u32 *)(r2 +0)" */
	char function[64];     /* or "" */
	char file[96];	       /* or "" */
	uint32_t line, column; /* 0: unknown */
	char source[160];      /* the line, or "" */
};

/* Something on the way to the failure. */
struct verify_step {
	struct verify_place place;
	char text[160];
};

#define VERIFY_REPORT_STEPS 10

/*
 * A failure, for people. A plain value: nothing to release, strings are cut where they do not
 * fit. Empty strings, reg -1, n_steps 0: not known, or not applicable.
 */
struct verify_report {
	int err;	    /* 0: nothing failed */
	const char *reason; /* stable name: "packet-bounds"; literals */
	const char *title;  /* the rule that was broken */
	char message[512];  /* in the kernel's words, several lines */
	struct verify_place place;
	int reg;	       /* the register at fault, and what is known of it: */
	char reg_state[192];   /* "pkt(off=14,r=0)" */
	uint32_t caret, width; /* where it is in place.text; width 0: nowhere */
	uint32_t n_steps;      /* from the first on the path to the last */
	struct verify_step steps[VERIFY_REPORT_STEPS];
	char missing[256];    /* what would have to be known, and is not */
	char suggestion[320]; /* what to do about it */
};

/* Prints the report in at most 40 lines: reason, place, how it came to this, suggestion. */
void verify_report_print(const struct verify_report *report, FILE *to, bool colour);

/* Title and hint of a reason by its stable name; false: there is no such reason. */
bool verify_reason_find(const char *name, const char **title, const char **hint);
/* The name of reason i; NULL behind the last one. */
const char *verify_reason_name(uint32_t i);

struct state; /* verify/state.h */

/*
 * References to maps are by index into maps[]: the caller has replaced descriptors by
 * indices, BPF_PSEUDO_MAP_FD by BPF_PSEUDO_MAP_IDX, BPF_PSEUDO_MAP_VALUE by
 * BPF_PSEUDO_MAP_IDX_VALUE.
 */
struct verify_image {
	const struct bpf_insn *insns;
	uint32_t n_insns;
	const struct prog_type *type;
	const struct verify_map *maps;
	uint32_t n_maps;
	bool gpl; /* the licence is GPL compatible */
	const char *name;
	uint32_t expected_attach_type;
	uint32_t flags; /* BPF_F_*: sleepable, strict alignment, test state frequency, frags */
	/* Types of the program, and what libbpf says of its functions and lines; or NULL, 0. */
	const struct btf *btf;
	const struct bpf_func_info *func_info;
	uint32_t n_func_info;
	const struct bpf_line_info *line_info;
	uint32_t n_line_info;
	/* The kernel that it is for: NULL if types of a kernel are not at hand. */
	struct btf_target *target;
	/* What it attaches to: a function, typedef or struct of attach_btf. */
	const struct btf *attach_btf;
	uint32_t attach_btf_id;
	bool attach_is_prog; /* attach_btf is that of another BPF program, of this type: */
	uint32_t attach_prog_type;
	/* BTF objects that kfunc calls name by their index (insn->off), [0] unused. */
	const struct btf *const *fd_array;
	uint32_t n_fd_array;
	/* Capabilities; all false: an unprivileged user. CAP_SYS_ADMIN implies all. */
	bool cap_bpf, cap_perfmon, cap_net_admin, cap_sys_admin;
	/* Only the structure is checked: for programs that their owner vouches for. */
	bool structure_only;
	/* Refuse helpers, program types and instructions that this engine cannot run. */
	bool engine;
	/* Helpers besides the catalog's: returns the helper or NULL; user is passed through. */
	const struct helper *(*helper)(void *user, uint32_t id);
	void *user;
	/* Conformance runs: accept every helper id and the indirect call. */
	bool any_helper, call_reg;
	/* Conformance runs: accept immediates that have a meaning (RFC 9669) but which the kernel
	 * refuses: shift amounts beyond the width, division by 0; and unreachable code. */
	bool lenient;

	const struct verify_log *log; /* or NULL */
	struct verify_report *report; /* filled if not NULL, if the program is refused */
	struct verify_stats *stats;   /* filled if not NULL, whatever the verdict */
	/* Called before each instruction is looked at, with the state; for oracles and
	 * explanations. Non-zero stops the verification with that error. */
	int (*observe)(void *user, const struct state *state, uint32_t insn);
	void *observe_user;
	/* Paths end only where a state was seen that holds all of theirs, as if every number
	 * decided about safety and everything were still read: what is observed is then true of
	 * every run. Programs may become too complex. */
	bool all_precise;
};

/* Facts found for each instruction. */
enum verify_insn_flag {
	VERIFIED_CTX = 1, /* memory access through the context pointer, ctx_off says where */
	VERIFIED_MAYBE_CTX =
		2, /* may or may not be through the context: only checked mode can run it */
	VERIFIED_TARGET = 4,  /* a jump leads here */
	VERIFIED_SUBPROG = 8, /* first instruction of a function */
	VERIFIED_DEAD = 16,   /* VERIFY_SAFE: no path comes here */
};

struct verified_insn {
	uint8_t flags;
	uint8_t id;	 /* enum isa_id; ISA_COUNT for the second slot of lddw */
	int16_t ctx_off; /* VERIFIED_CTX: constant offset into the context */
};
_Static_assert(ISA_COUNT <= 255, "ids fit struct verified_insn");

struct verified_subprog {
	uint32_t start, end; /* instructions [start, end) */
	uint32_t stack; /* bytes of stack that constant offsets from r10 reach; 512 if unknown */
};

/* Immutable. All arrays are owned by the object. */
struct verified {
	const struct bpf_insn *insns;
	const struct verified_insn *facts;
	uint32_t n_insns;
	const struct verified_subprog *subprogs; /* [0] is the main program */
	uint32_t n_subprogs;
	const struct prog_type *type;
	uint32_t n_maps;
	enum verify_level level;
	bool may_ctx;	 /* some instruction is VERIFIED_MAYBE_CTX */
	bool tail_calls; /* calls bpf_tail_call */
	/* May read stack that it has not written (which a privileged program may). Not known, and
	 * false, for programs of which only the structure was checked. */
	bool reads_unwritten;
};

/* Checks an image. On success *out holds one reference. Errors are the kernel's: -EINVAL,
 * -EACCES, -E2BIG, -ENOMEM; diag names the instruction. */
int verify_image(const struct verify_image *image, const struct verified **out,
		 struct visor_diag *diag);

const struct verified *verified_ref(const struct verified *v);
void verified_unref(const struct verified *v);

#endif
