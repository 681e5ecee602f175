/* SPDX-License-Identifier: BSD-2-Clause */
/* Every conformance vector gives its result, interpreted in both modes, and as native code. */
#include <errno.h>

#include "../vm.h"
#include "vector.h"

static int run_way(const struct vector *v, enum test_way way)
{
	static const char *const names[] = {"checked", "interpreted", "native"};
	struct test_prog t = {.way = way, .lenient = true, .name = v->name};
	static struct visor_run run;
	struct visor_diag diag = {0};
	struct vm_prog *prog;
	uint8_t *mem = NULL;
	uint64_t r0 = 0;
	int err;

	if (v->error[0] && way != TEST_CHECKED)
		return 0;
	err = test_prog_insns(&t, v->insns, v->n_insns, &prog, &diag);
	if (err) {
		if (v->error[0])
			return 0;
		visor_diag_print(&diag, stderr);
		fprintf(stderr, "%s: refused\n", v->name);
		return err;
	}
	vm_run_init(&run);
	if (v->mem_len) { /* a copy of exactly that size, so that ASan sees what we do not */
		mem = malloc(v->mem_len);
		memcpy(mem, v->mem, v->mem_len);
		vm_run_allow(&run, mem, v->mem_len, true, "memory");
	}
	vm_enter(&run);
	err = vm_prog_run(prog, &run, mem, v->mem_len, &r0);
	vm_leave(&run);
	vm_prog_unref(prog);
	free(mem);
	if (v->error[0]) {
		if (err)
			return 0;
		fprintf(stderr, "%s: %s: did not fail\n", v->name, names[way]);
		return -EINVAL;
	}
	if (err) {
		fprintf(stderr, "%s: insn %u: %s\n", v->name, run.fault.insn, run.fault.text);
		return err;
	}
	if (r0 == v->result)
		return 0;
	fprintf(stderr, "%s: %s: r0 is 0x%llx, not 0x%llx\n", v->name, names[way],
		(unsigned long long)r0, (unsigned long long)v->result);
	return -EINVAL;
}

static int run_vector(const struct vector *v, void *user)
{
	int *failed = user;

	EACH_WAY(way)
	*failed += run_way(v, way) != 0;
	return 0;
}

int main(void)
{
	struct visor_diag diag = {0};
	int failed = 0, n = vector_each(run_vector, &failed, &diag);

	if (n == -ENOENT) {
		fprintf(stderr, "skipped: %s\n", diag.text);
		return 77;
	}
	if (n < 0) {
		visor_diag_print(&diag, stderr);
		return 1;
	}
	printf("%d vectors, %d failures\n", n, failed);
	return failed != 0;
}
