/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/exam.h - an examination in progress: what examine.c and examine_kernel.c share.
 */
#ifndef LOAD_EXAM_H
#define LOAD_EXAM_H

#include "load/bridge.h"
#include "load/capture.h"
#include "load/examine.h"
#include "load/syscall.h"

struct bpf_object;
struct bpf_program;

struct exam {
	const struct examine_opts *opts;
	struct examination *x;
	struct bridge bridge;
	const struct btf_target *target;
	struct bpf_object *obj;	    /* while one is open */
	struct bpf_program **progs; /* of it, in the order of x->progs */
	/* A descriptor of a module's types, in the current session; 0 for vmlinux. NULL: modules
	 * are out of reach. */
	uint32_t (*module_fd)(struct exam *e, const struct btf *btf);
	struct describe *describe; /* the current session, if it is ours */
	struct capture said;
	const struct examined *alone; /* not NULL: only this one is tried */
	bool prepared;		      /* the programs' names are known */
};

/* Opens the object within the current session, and prepares every program that `wanted` says yes
 * to: type, attach target. Programs that cannot be prepared are given a result by `refuse`. */
int exam_open(struct exam *e, bool (*wanted)(const struct exam *e, const struct examined *p),
	      struct examine_result *(*result)(struct examined *p), struct visor_diag *diag);
void exam_close(struct exam *e);
/* bpf_object__load(), with what libbpf said in e->said. */
int exam_load(struct exam *e);
/* The program that these attributes load; -1: a probe. Completes them. */
int exam_program(struct exam *e, union bpf_attr *attr);
void exam_result(struct examine_result *r, enum examine_verdict verdict, int err, const char *fmt,
		 ...) PRINTF_LIKE(4, 5);
void exam_note(struct exam *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The running kernel's verdict on every program. Before ours: libbpf looks only once what the
 * kernel can do. */
void exam_kernel(struct exam *e);

#endif
