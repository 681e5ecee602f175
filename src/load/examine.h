/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/examine.h - what verification says of every program of an object file.
 *
 * The object is opened and relocated by libbpf, as for loading, on a session that only describes
 * (load/describe.h): no privileges are needed and the kernel is not touched, unless its own
 * verdict is asked for beside ours. Every program is looked at by itself: what is wrong with one,
 * also in opening or relocating, says nothing of the others.
 *
 *    examine.c         our verdict        bridge.c   what libbpf 1.1 cannot read yet
 *    examine_kernel.c  the kernel's
 *
 * One examination at a time in a thread. Everything belongs to struct examination.
 */
#ifndef LOAD_EXAMINE_H
#define LOAD_EXAMINE_H

#include "btf/btf.h"
#include "catalog/catalog.h"
#include "verify/verify.h"
#include "visor/diag.h"

enum examine_verdict {
	EXAMINE_NONE, /* not asked for */
	EXAMINE_ACCEPTED,
	EXAMINE_REJECTED,
	EXAMINE_ERROR, /* could not be opened, relocated, ... */
};

/* One side's opinion. */
struct examine_result {
	enum examine_verdict verdict;
	int err;	   /* negative errno */
	char message[512]; /* the kernel's words, or why it could not be looked at */
	uint64_t time_ns;  /* of verification */
	uint32_t insns_processed;
	char *log; /* if asked for, NUL-terminated; or NULL */
	size_t log_len, log_room;
};

struct examined {
	const char *name, *section;
	const struct prog_type *type; /* NULL: unknown */
	uint32_t attach_type;
	bool skip; /* not asked for */
	struct examine_result ours, kernel;
	/* Ours, in detail. */
	uint32_t n_insns;
	struct verify_stats stats;
	struct verify_report report; /* err 0: verification refused nothing */
};

struct examination {
	struct examined *progs;
	uint32_t n_progs;
	char *notes; /* what was changed to open it, a line each; or NULL */
};

struct examine_opts {
	const char *btf;	 /* the kernel's types; NULL: those of the running kernel */
	const char *modules;	 /* folder of modules' BTF, or NULL */
	const char *const *only; /* programs, by name; NULL: all */
	uint32_t n_only;
	const char *section; /* for programs in a section that stands for no type; or NULL */
	bool unprivileged, strict_alignment;
	bool kernel;	    /* ask the running kernel, too */
	uint32_t log_level; /* BPF_LOG_*: keep logs */
	/* Verifies in verify_image's place, which it calls; NULL: not wanted. */
	int (*verify)(void *user, struct examined *prog, struct verify_image *image,
		      const struct verified **out, struct visor_diag *diag);
	void *user;
};

/* Negative errno with diag if there is nothing to say of any program. */
int examine(const char *path, const struct examine_opts *opts, struct examination *out,
	    struct visor_diag *diag);
void examine_free(struct examination *x);

#endif
