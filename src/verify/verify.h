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

#include "base/diag.h"
#include "catalog/catalog.h"
#include "isa/insn.h"

enum verify_level { VERIFY_STRUCTURE, VERIFY_SAFE };

/*
 * References to maps are by index into maps[]: the caller has replaced descriptors by
 * indices, BPF_PSEUDO_MAP_FD by BPF_PSEUDO_MAP_IDX, BPF_PSEUDO_MAP_VALUE by
 * BPF_PSEUDO_MAP_IDX_VALUE.
 */
struct verify_image {
	const struct bpf_insn *insns;
	uint32_t n_insns;
	const struct prog_type *type;
	const struct map_desc *maps;
	uint32_t n_maps;
	bool gpl; /* the licence is GPL compatible */
	/* Helpers besides the catalog's: returns the helper or NULL; user is passed through. */
	const struct helper *(*helper)(void *user, uint32_t id);
	void *user;
	/* Conformance runs: accept every helper id and the indirect call. */
	bool any_helper, call_reg;
	/* Conformance runs: accept immediates that have a meaning (RFC 9669) but which the kernel
	 * refuses: shift amounts beyond the width, division by 0; and unreachable code. */
	bool lenient;
};

/* Facts found for each instruction. */
enum verify_insn_flag {
	VERIFIED_CTX = 1, /* memory access through the context pointer, ctx_off says where */
	VERIFIED_MAYBE_CTX =
		2, /* may or may not be through the context: only checked mode can run it */
	VERIFIED_TARGET = 4,  /* a jump leads here */
	VERIFIED_SUBPROG = 8, /* first instruction of a function */
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
};

/* Checks an image. On success *out holds one reference. Errors are the kernel's: -EINVAL,
 * -EACCES, -E2BIG, -ENOMEM; diag names the instruction. */
int verify_image(const struct verify_image *image, const struct verified **out,
		 struct visor_diag *diag);

const struct verified *verified_ref(const struct verified *v);
void verified_unref(const struct verified *v);

#endif
