/* SPDX-License-Identifier: BSD-2-Clause */
/* chain/hook.c - the table of hooks, expanded. */
#include "chain/hook.h"

#define XDP_FIRST XDP_ABORTED
#define TC_FIRST  TC_ACT_UNSPEC

enum {
	N_XDP = XDP_REDIRECT - XDP_FIRST + 1,
	N_TC = TC_ACT_TRAP - TC_FIRST + 1,
};
_Static_assert(N_XDP <= HOOK_MAX_VERDICTS && N_TC <= HOOK_MAX_VERDICTS, "verdicts fit");

/* Each hook's own rows: the other hook's expand to nothing. */
#define ROW_XDP_XDP(value, name_, action_) \
	[(value)-XDP_FIRST] = {.name = name_, .action = HOOK_##action_},
#define ROW_TC_TC(value, name_, action_) \
	[(value)-TC_FIRST] = {.name = name_, .action = HOOK_##action_},
#define ROW_XDP_TC(value, name, action)
#define ROW_TC_XDP(value, name, action)
#define ROW_FOR_XDP(hook, value, name, action) ROW_XDP_##hook(value, name, action)
#define ROW_FOR_TC(hook, value, name, action)  ROW_TC_##hook(value, name, action)

static const struct hook hooks[] = {
	[CHAIN_HOOK_XDP] = {.name = "xdp",
			    .prog_type = BPF_PROG_TYPE_XDP,
			    .first = XDP_FIRST,
			    .n = N_XDP,
			    .pass = XDP_PASS,
			    .drop = XDP_DROP,
			    .unknown = HOOK_ABORT,
			    .verdicts = {HOOK_VERDICTS(ROW_FOR_XDP)}},
	[CHAIN_HOOK_TC] = {.name = "tc",
			   .prog_type = BPF_PROG_TYPE_SCHED_CLS,
			   .first = TC_FIRST,
			   .n = N_TC,
			   .pass = TC_ACT_OK,
			   .drop = TC_ACT_SHOT,
			   .unknown = HOOK_PASS,
			   .verdicts = {HOOK_VERDICTS(ROW_FOR_TC)}},
};

const struct hook *hook_get(enum chain_hook id)
{
	return &hooks[id];
}

enum chain_hook hook_of_type(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP:
		return CHAIN_HOOK_XDP;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return CHAIN_HOOK_TC;
	default:
		return CHAIN_HOOK_AUTO;
	}
}

int hook_verdict(const struct hook *hook, uint32_t value)
{
	uint32_t i = value - (uint32_t)hook->first;

	return i < hook->n ? (int)i : -1;
}

int hook_verdict_by_name(const struct hook *hook, const char *name)
{
	for (uint32_t i = 0; i < hook->n; i++)
		if (!strcmp(hook->verdicts[i].name, name))
			return (int)i;
	return -1;
}
