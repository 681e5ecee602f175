/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/hook.h - the hooks a chain can be built for, and what their verdicts are called.
 *
 * Constant tables. The verdicts of a hook are numbered densely from `first`.
 */
#ifndef CHAIN_HOOK_H
#define CHAIN_HOOK_H

#include <linux/pkt_cls.h>

#include "chain/chain.h"

enum hook_action { HOOK_PASS, HOOK_DROP, HOOK_TX, HOOK_REDIRECT, HOOK_ABORT };

/*
 * What the kernel does with a verdict: see net/core/filter.c for XDP, and for tc the
 * direct-action mode of cls_bpf, which knows five values and passes at any other.
 *
 *   V(hook, value, name, action)
 */
#define HOOK_VERDICTS(V)                             \
	V(XDP, XDP_ABORTED, "aborted", ABORT)        \
	V(XDP, XDP_DROP, "drop", DROP)               \
	V(XDP, XDP_PASS, "pass", PASS)               \
	V(XDP, XDP_TX, "tx", TX)                     \
	V(XDP, XDP_REDIRECT, "redirect", REDIRECT)   \
	V(TC, TC_ACT_UNSPEC, "next", PASS)           \
	V(TC, TC_ACT_OK, "pass", PASS)               \
	V(TC, TC_ACT_RECLASSIFY, "reclassify", PASS) \
	V(TC, TC_ACT_SHOT, "drop", DROP)             \
	V(TC, TC_ACT_PIPE, "pipe", PASS)             \
	V(TC, TC_ACT_STOLEN, "stolen", DROP)         \
	V(TC, TC_ACT_QUEUED, "queued", PASS)         \
	V(TC, TC_ACT_REPEAT, "repeat", PASS)         \
	V(TC, TC_ACT_REDIRECT, "redirect", REDIRECT) \
	V(TC, TC_ACT_TRAP, "trap", DROP)

#define HOOK_MAX_VERDICTS 10

struct hook {
	const char *name; /* "xdp" */
	uint32_t prog_type;
	int32_t first;	  /* value of verdict 0 */
	uint32_t n;
	uint32_t pass, drop;
	enum hook_action unknown; /* a value that is no verdict */
	struct {
		const char *name;
		enum hook_action action;
	} verdicts[HOOK_MAX_VERDICTS];
};

/* Not for CHAIN_HOOK_AUTO. */
const struct hook *hook_get(enum chain_hook id);
/* The hook of a program type, or CHAIN_HOOK_AUTO: no chain can be built of such programs. */
enum chain_hook hook_of_type(uint32_t prog_type);

/* Index of a verdict by value or by name; -1: there is none. */
int hook_verdict(const struct hook *hook, uint32_t value);
int hook_verdict_by_name(const struct hook *hook, const char *name);

#endif
