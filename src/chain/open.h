/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/open.h - the objects of a chain, opened: from files, from source, from the module path.
 */
#ifndef CHAIN_OPEN_H
#define CHAIN_OPEN_H

#include "base/sha256.h"
#include "chain/module.h"
#include "chain/plan.h"

/* Opens one object within the current session, if the policies in force (chain/sign.h) let it: the
 * bytes that were checked. desc: the chain that it is for, or NULL. digest (may be NULL) gets the
 * SHA-256 of these bytes. The caller closes it with bpf_object__close. */
int open_object(const struct chain_desc *desc, const char *object, struct bpf_object **out,
		uint8_t digest[SHA256_SIZE], struct visor_diag *diag);

/* The modules of a description, and its plan, for who wants to look and not to run: no engine is
 * spoken to. */
struct open_chain {
	const struct module **modules;
	uint32_t n_modules;
	struct plan *plan;
};
int open_chain(const struct chain_desc *desc, plan_warn_fn warn, void *user, struct open_chain *out,
	       struct visor_diag *diag);
void open_chain_free(struct open_chain *c);

#endif
