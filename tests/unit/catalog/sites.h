/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * catalog/sites.h - programs of every type that the running kernel loads here.
 *
 * A site is a program type with what else decides what a program may do: expected attach type,
 * target, whether it sleeps. Types that this kernel does not load are left out.
 */
#ifndef TESTS_CATALOG_SITES_H
#define TESTS_CATALOG_SITES_H

#include <bpf/btf.h>
#include <stdio.h>

#include "catalog/kfunc.h"
#include "kernel.h"

struct site {
	const struct prog_type *type;
	uint32_t attach;
	uint32_t btf_id;
	bool sleepable;
	int ret;	    /* a legal return value */
	const char *target; /* what is attached to */
	const char *member;
	char name[64];
};

extern struct site sites[];
extern int n_sites;
extern struct btf *vmlinux;
/* A map of each type, or -1. */
extern int site_maps[BPF_MAP_TYPE_ARENA + 1];

int sites_make(void);
/* Loads instructions there; the log is in site_log. Instruction `callback`, if not 0, starts a
 * function that is called back. */
int site_load(const struct site *site, const struct bpf_insn *insns, uint32_t n, uint32_t callback,
	      const char *license);
extern char site_log[1 << 16];
/* Creates a map; those of storage get BTF, maps of maps an inner map. */
int site_map(const struct map_desc *desc);

#endif
