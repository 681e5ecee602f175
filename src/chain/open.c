/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/open.c - objects, opened; and whole chains, planned without an engine.
 */
#include "chain/open.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/sign.h"
#include "load/load.h"

/* Takes the file. */
static int open_bytes(struct load_file *file, struct bpf_object **out, uint8_t digest[SHA256_SIZE],
		      struct visor_diag *diag)
{
	int err = load_file_open(file, out, diag);
	struct sha256 s;

	if (digest) {
		sha256_init(&s);
		sha256_add(&s, file->data, file->size);
		sha256_end(&s, digest);
	}
	load_file_free(file);
	return err;
}

static int open_source(const struct sign_policies *policies, const char *source,
		       struct bpf_object **out, uint8_t digest[SHA256_SIZE],
		       struct visor_diag *diag)
{
	struct load_file file;
	char path[256];
	int err;

	if (sign_required(policies)) {
		err = diag_fail(diag, -EKEYREJECTED, "sign",
				"source is not signed, and a policy requires signatures");
		diag_hint(diag, "compile and sign it, and name the object");
		diag_at(diag, "%s", source);
		return err;
	}
	err = load_compile(source, path, sizeof(path), diag);
	if (err)
		return err;
	err = load_file_read(path, &file, diag);
	unlink(path);
	return err ? err : open_bytes(&file, out, digest, diag);
}

int open_object(const struct chain_desc *desc, const char *object, struct bpf_object **out,
		uint8_t digest[SHA256_SIZE], struct visor_diag *diag)
{
	const char *dot = strrchr(object, '.');
	struct sign_policies policies;
	struct load_file file;
	int err = sign_policies(desc, &policies, diag);

	if (err)
		return err;
	if (dot && !strcmp(dot, ".c"))
		return open_source(&policies, object, out, digest, diag);
	err = load_file_read(object, &file, diag);
	if (err)
		return err;
	err = sign_demand(&policies, &file, diag);
	if (!err)
		return open_bytes(&file, out, digest, diag);
	load_file_free(&file);
	return err;
}

/* ---- without an engine ----------------------------------------------------------------------- */

static int open_no_engine(void *user, int cmd, union bpf_attr *attr, unsigned int size)
{
	return -EPERM;
}

static int open_modules(const struct chain_desc *desc, struct open_chain *c,
			struct visor_diag *diag)
{
	for (uint32_t i = 0; i < desc->n_modules; i++) {
		const struct chain_desc_module *d = &desc->modules[i];
		struct bpf_object *obj = NULL;
		struct module *m = NULL;
		int err = open_object(desc, d->object, &obj, NULL, diag);

		if (!err)
			err = module_read(obj, &m, diag);
		if (obj)
			bpf_object__close(obj);
		if (err && d->object_pos.line)
			diag_in(diag, "%s:%u:%u", desc->file, d->object_pos.line,
				d->object_pos.col);
		if (err)
			return err;
		c->modules[c->n_modules++] = m;
	}
	return 0;
}

int open_chain(const struct chain_desc *desc, plan_warn_fn warn, void *user, struct open_chain *out,
	       struct visor_diag *diag)
{
	struct load_session session = {.bpf = open_no_engine}, *before;
	int err;

	memset(out, 0, sizeof(*out));
	out->modules = calloc(desc->n_modules + 1, sizeof(*out->modules));
	if (!out->modules)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	before = load_enter(&session);
	err = open_modules(desc, out, diag);
	load_enter(before);
	if (!err)
		err = chain_plan(desc, out->modules, warn, user, &out->plan, diag);
	if (err)
		open_chain_free(out);
	return err;
}

void open_chain_free(struct open_chain *c)
{
	for (uint32_t i = 0; i < c->n_modules; i++)
		module_free((struct module *)(uintptr_t)c->modules[i]);
	free(c->modules);
	plan_free(c->plan);
	memset(c, 0, sizeof(*c));
}
