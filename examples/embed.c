/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed.c - eBPF as the rule language of a C program: a complete example.
 *
 * The program has a context of its own (struct order), a helper of its own, and a map that
 * both sides see. The rule is text here; it may as well come from an object file
 * (visor/object.h) or any compiler. Build: cc embed.c -lvisor
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <visor/isa.h>
#include <visor/visor.h>

struct order { /* what a rule looks at */
	uint32_t amount, customer;
	uint32_t priority; /* what it may set */
};
enum { PROG_RULE = VISOR_PROG_CUSTOM, HELPER_DEBT = VISOR_HELPER_CUSTOM };

static uint64_t debt_of(uint64_t customer, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			struct visor_run *run)
{
	const uint32_t *debts = visor_run_user(run);
	return customer < 3 ? debts[customer] : 0;
}

static const struct visor_ctx_field fields[] = {
	{"amount", offsetof(struct order, amount), 4, false, 0},
	{"customer", offsetof(struct order, customer), 4, false, 0},
	{"priority", offsetof(struct order, priority), 4, true, 0},
};
static const struct visor_helper helpers[] = {
	{HELPER_DEBT, "debt_of", debt_of, {VISOR_ARG_SCALAR}},
};
static const struct visor_prog_type rule_type = {
	PROG_RULE, "rule", sizeof(struct order), fields, 3, helpers, 1, 0, 1,
};

/* Refuses customers who owe more than they order; the others get a priority, and are counted. */
static const char rule[] = "r6 = r1\n r1 = *(u32 *)(r6 +4)\n call 65536\n" /* debt_of(customer) */
			   "r1 = *(u32 *)(r6 +0)\n if r0 > r1 goto refuse\n"
			   "r0 = 7\n *(u32 *)(r6 +8) = r0\n" /* priority = 7 */
			   "r1 = 0\n *(u32 *)(r10 -4) = r1\n r2 = r10\n r2 += -4\n"
			   "r1 = map[accepted]\n call bpf_map_lookup_elem\n"
			   "if r0 == 0 goto refuse\n"
			   "r1 = 1\n lock *(u64 *)(r0 +0) += r1\n r0 = 1\n exit\n"
			   "refuse: r0 = 0\n exit\n";

static int map_by_name(void *user, const char *name)
{
	return strcmp(name, "accepted") ? -1 : visor_map_fd(user);
}

int main(void)
{
	struct order orders[] = {{100, 0, 0}, {10, 1, 0}, {500, 2, 0}};
	uint32_t debts[] = {0, 50, 400}, n, zero = 0;
	struct visor_diag diag = {0};
	struct visor_prog *prog = NULL;
	struct visor_map *accepted = NULL;
	struct bpf_insn *insns = NULL;
	struct visor *engine = NULL;
	VISOR_OPTS(visor_prog_opts, opts, .type = PROG_RULE, .name = "rule");
	VISOR_OPTS(visor_asm_opts, as, .map = map_by_name);
	uint64_t ret, count;
	size_t i;

	if (visor_open(NULL, &engine, &diag) || visor_register(engine, &rule_type, &diag) ||
	    visor_map_new(engine, BPF_MAP_TYPE_ARRAY, 4, 8, 1, NULL, &accepted, &diag))
		goto fail;
	as.user = accepted;
	if (visor_assemble(rule, strlen(rule), &as, &insns, &n, &diag) ||
	    visor_prog_load(engine, insns, n, &opts, &prog, &diag))
		goto fail;
	for (i = 0; i < 3; i++) {
		if (visor_prog_run_ctx(prog, &orders[i], debts, &ret, &diag))
			goto fail;
		printf("order %zu: %s, priority %u\n", i, ret ? "accepted" : "refused",
		       orders[i].priority);
	}
	if (visor_map_get(accepted, &zero, &count) == 0)
		printf("%llu accepted\n", (unsigned long long)count);
fail:
	if (diag.err)
		visor_diag_print(&diag, stderr);
	free(insns);
	visor_prog_free(prog);
	visor_map_free(accepted);
	visor_close(engine);
	return diag.err != 0;
}
