/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/verify.c - runs the stages of verification and makes the verified program.
 *
 * Invariant: a struct verified leaves this file only after every stage accepted it, and
 * nothing writes to it afterwards.
 */
#include "verify/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

/* The reference count lives in front of the public, constant part. */
struct verified_box {
	uint32_t refs;
	struct verified v;
};

int verify_fail(struct verify_work *w, int err, uint32_t insn, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_fail(w->diag, err, "verify", "%s", text);
	diag_at(w->diag, "insn %u", insn);
	return err;
}

static void verified_destroy(struct verified_box *box)
{
	free((void *)box->v.insns);
	free((void *)box->v.facts);
	free((void *)box->v.subprogs);
	free(box);
}

int verify_image(const struct verify_image *image, const struct verified **out,
		 struct visor_diag *diag)
{
	struct verify_work w = {.image = image, .diag = diag};
	struct verified_box *box;
	struct bpf_insn *insns;
	int err;

	if (!image->n_insns || image->n_insns > VERIFY_MAX_INSNS)
		return diag_fail(diag, -E2BIG, "verify",
				 "a program has 1 to %d instructions, not %u", VERIFY_MAX_INSNS,
				 image->n_insns);
	box = calloc(1, sizeof(*box));
	if (!box)
		return diag_fail(diag, -ENOMEM, "verify", "out of memory");
	box->refs = 1;
	w.v = &box->v;
	insns = malloc(image->n_insns * sizeof(*insns));
	w.facts = calloc(image->n_insns, sizeof(*w.facts));
	box->v.insns = insns;
	box->v.facts = w.facts;
	box->v.n_insns = image->n_insns;
	box->v.type = image->type;
	box->v.n_maps = image->n_maps;
	box->v.level = VERIFY_STRUCTURE;
	if (!insns || !w.facts) {
		err = diag_fail(diag, -ENOMEM, "verify", "out of memory");
		goto out;
	}
	memcpy(insns, image->insns, image->n_insns * sizeof(*insns));
	if (image->structure_only) {
		err = structure_check(&w);
		if (!err)
			err = context_flow(&w);
	} else {
		err = full_verify(image, &box->v, w.facts, diag);
	}
out:
	if (err)
		verified_destroy(box);
	else
		*out = &box->v;
	return err;
}

const struct verified *verified_ref(const struct verified *v)
{
	struct verified_box *box = CONTAINER_OF(v, struct verified_box, v);

	__atomic_add_fetch(&box->refs, 1, __ATOMIC_RELAXED);
	return v;
}

void verified_unref(const struct verified *v)
{
	struct verified_box *box;

	if (!v)
		return;
	box = CONTAINER_OF(v, struct verified_box, v);
	if (__atomic_sub_fetch(&box->refs, 1, __ATOMIC_ACQ_REL) == 0)
		verified_destroy(box);
}
