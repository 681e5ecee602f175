/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/bases_object.c - programs of object files as bases: what would be verified of them, written
 * as the text that bases.h describes. Types are left out, and constants are no constants.
 */
#include "bases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "load/examine.h"

enum { TEXT_MAX = 1 << 15, PROGS_MAX = 64 };

/* Made bases afterwards: until then bpf(2) is libbpf's session. */
struct texts {
	char *text[PROGS_MAX];
	uint32_t n;
};

static size_t describe_maps(const struct verify_image *image, char *text, size_t n)
{
	for (uint32_t i = 0; i < image->n_maps; i++) {
		const struct map_desc *d = &image->maps[i].desc;

		n += (size_t)snprintf(text + n, TEXT_MAX - n, "# map: m%u %s %u %u %u %u\n", i,
				      catalog_map_name(d->type), d->key_size, d->value_size,
				      d->max_entries, d->flags & ~BPF_F_RDONLY_PROG);
	}
	return n;
}

static int describe(void *user, struct examined *prog, struct verify_image *image,
		    const struct verified **out, struct visor_diag *diag)
{
	struct texts *texts = user;
	char *text = texts->n < PROGS_MAX ? malloc(TEXT_MAX) : NULL;
	size_t n;

	if (text && image->n_maps <= WORLD_MAPS && image->n_insns <= PROGRAMS_MAX) {
		n = (size_t)snprintf(text, TEXT_MAX, "# type: %s\n# attach-type: %u\n%s",
				     image->type->name, image->expected_attach_type,
				     image->flags & BPF_F_SLEEPABLE ? "# sleepable\n" : "");
		n = describe_maps(image, text, n);
		n += (size_t)snprintf(text + n, TEXT_MAX - n, "# raw: ");
		for (uint32_t i = 0; i < image->n_insns; i++) {
			struct bpf_insn insn = image->insns[i];

			if (insn.code == (BPF_LD | BPF_IMM | BPF_DW) &&
			    (insn.src_reg == BPF_PSEUDO_MAP_IDX ||
			     insn.src_reg == BPF_PSEUDO_MAP_IDX_VALUE))
				insn.src_reg -= BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
			for (size_t b = 0; b < sizeof(insn); b++)
				n += (size_t)snprintf(text + n, TEXT_MAX - n, "%02x",
						      ((const uint8_t *)&insn)[b]);
		}
		texts->text[texts->n++] = text;
	} else {
		free(text);
	}
	return diag_fail(diag, -ECANCELED, "fuzz", "only described");
}

void bases_add_object(const char *path)
{
	struct texts texts = {.n = 0};
	struct examine_opts opts = {.verify = describe, .user = &texts};
	struct examination x = {0};

	if (!examine(path, &opts, &x, NULL))
		examine_free(&x);
	for (uint32_t i = 0; i < texts.n; i++) {
		bases_add_text(texts.text[i]);
		free(texts.text[i]);
	}
}
