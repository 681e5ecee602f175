/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys/types.c - program types that an embedder brings, with their context and helpers.
 *
 * A registered type lives as long as its engine, so programs may point into it. The list
 * only grows at its head, so it is read without a lock.
 */
#include "sys/sys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct sys_type {
	struct sys_type *next;
	struct prog_type type;
	struct ctx_field *fields;
	struct helper *helpers;
	vm_helper_fn *fns;
	uint32_t n_helpers;
};

static const uint32_t type_args[] = {
	[VISOR_ARG_NONE] = ARG_NONE, [VISOR_ARG_SCALAR] = ARG_ANY,
	[VISOR_ARG_CTX] = ARG_CTX,   [VISOR_ARG_MAP] = ARG_MAP,
	[VISOR_ARG_MEM] = ARG_MEM,   [VISOR_ARG_MEM_OUT] = ARG_UNINIT_MEM,
	[VISOR_ARG_SIZE] = ARG_SIZE,
};

static struct sys_type *type_find(struct visor *v, uint32_t type)
{
	struct sys_type *t = __atomic_load_n(&v->types, __ATOMIC_ACQUIRE);

	while (t && t->type.type != type)
		t = t->next;
	return t;
}

const struct prog_type *sys_type_get(struct visor *v, uint32_t type)
{
	const struct sys_type *t = type_find(v, type);

	return t ? &t->type : NULL;
}

const struct helper *sys_type_helper(struct visor *v, const struct prog_type *type, uint32_t id,
				     vm_helper_fn *fn)
{
	const struct sys_type *t = type_find(v, type->type);

	for (uint32_t i = 0; t && i < t->n_helpers; i++)
		if (t->helpers[i].id == id) {
			if (fn)
				*fn = t->fns[i];
			return &t->helpers[i];
		}
	return NULL;
}

static void type_free(struct sys_type *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->fields && i < t->type.n_fields; i++)
		free((char *)t->fields[i].name);
	for (uint32_t i = 0; t->helpers && i < t->n_helpers; i++)
		free((char *)t->helpers[i].name);
	free((char *)t->type.name);
	free(t->fields);
	free(t->helpers);
	free(t->fns);
	free(t);
}

void sys_types_free(struct visor *v)
{
	struct sys_type *t;

	while ((t = v->types)) {
		v->types = t->next;
		type_free(t);
	}
}

static int field_check(const struct visor_prog_type *type, const struct visor_ctx_field *f)
{
	bool pow2 = f->size && !(f->size & (f->size - 1)) && f->size <= 8;

	if (!f->name || !pow2 || f->off % f->size || (uint32_t)f->off + f->size > type->ctx_size)
		return -EINVAL;
	return f->region && f->size != sizeof(void *) ? -EINVAL : 0;
}

/* A memory argument is followed by its size, and a size follows memory. */
static int helper_check(const struct visor_helper *h)
{
	if (h->id < VISOR_HELPER_CUSTOM || h->id > INT32_MAX || !h->name || !h->fn)
		return -EINVAL;
	for (int i = 0; i < 5; i++) {
		bool mem = h->args[i] == VISOR_ARG_MEM || h->args[i] == VISOR_ARG_MEM_OUT;
		bool after = i && (h->args[i - 1] == VISOR_ARG_MEM ||
				   h->args[i - 1] == VISOR_ARG_MEM_OUT);

		if (h->args[i] > VISOR_ARG_SIZE || after != (h->args[i] == VISOR_ARG_SIZE) ||
		    (mem && i == 4))
			return -EINVAL;
	}
	return 0;
}

static int type_check(struct visor *v, const struct visor_prog_type *type, struct visor_diag *diag)
{
	if (type->type < VISOR_PROG_CUSTOM || !type->name || !type->ctx_size ||
	    type->ctx_size > INT16_MAX)
		return diag_fail(diag, -EINVAL, "register",
				 "a program type has a name, a number from %u up and a context of "
				 "1 to %d bytes",
				 VISOR_PROG_CUSTOM, INT16_MAX);
	if (type_find(v, type->type))
		return diag_fail(diag, -EEXIST, "register", "program type %u is registered",
				 type->type);
	for (uint32_t i = 0; i < type->n_fields; i++)
		if (field_check(type, &type->fields[i]))
			return diag_fail(diag, -EINVAL, "register",
					 "field %u (%s): size 1, 2, 4 or 8, aligned, within the "
					 "context; a pointer if it has a region",
					 i,
					 type->fields[i].name ? type->fields[i].name : "no name");
	for (uint32_t i = 0; i < type->n_helpers; i++) {
		if (helper_check(&type->helpers[i]))
			return diag_fail(diag, -EINVAL, "register",
					 "helper %u (%s): a number from %u up, a function, and a "
					 "size after each memory argument",
					 i,
					 type->helpers[i].name ? type->helpers[i].name : "no name",
					 VISOR_HELPER_CUSTOM);
		for (uint32_t j = 0; j < i; j++)
			if (type->helpers[j].id == type->helpers[i].id)
				return diag_fail(diag, -EINVAL, "register",
						 "two helpers have the number %u",
						 type->helpers[i].id);
	}
	return 0;
}

static struct sys_type *type_copy(struct visor *v, const struct visor_prog_type *type)
{
	static const struct prog_section no_sections[] = {{.name = NULL}};
	struct sys_type *t = calloc(1, sizeof(*t));
	bool ok;

	if (!t)
		return NULL;
	t->fields = calloc(type->n_fields + 1, sizeof(*t->fields));
	t->helpers = calloc(type->n_helpers + 1, sizeof(*t->helpers));
	t->fns = calloc(type->n_helpers + 1, sizeof(*t->fns));
	t->type = (struct prog_type){
		.name = strdup(type->name),
		.type = type->type,
		.set = P_CUSTOM,
		.ctx_size = type->ctx_size,
		.engine_size = type->ctx_size,
		.sections = no_sections,
		.fields = t->fields,
		.n_fields = type->n_fields,
		.ret_min = type->ret_min || type->ret_max ? type->ret_min : INT64_MIN,
		.ret_max = type->ret_min || type->ret_max ? type->ret_max : INT64_MAX,
		.owner = v,
	};
	t->n_helpers = type->n_helpers;
	ok = t->type.name && t->fields && t->helpers && t->fns;
	for (uint32_t i = 0; ok && i < type->n_fields; i++) {
		const struct visor_ctx_field *f = &type->fields[i];

		t->fields[i] = (struct ctx_field){
			.name = strdup(f->name),
			.off = f->off,
			.size = f->size,
			.access = f->region	? CTX_R
				  : f->writable ? CTX_RW | CTX_R_PART | CTX_W_PART
						: CTX_R | CTX_R_PART,
			.yield = f->region ? CTX_POINTER : CTX_SCALAR,
			.engine_off = f->off,
			.region = f->region,
		};
		ok = t->fields[i].name;
	}
	for (uint32_t i = 0; ok && i < type->n_helpers; i++) {
		const struct visor_helper *h = &type->helpers[i];

		t->fns[i] = h->fn;
		t->helpers[i] = (struct helper){.name = strdup(h->name),
						.id = h->id,
						.progs = P_CUSTOM,
						.flags = HELPER_ENGINE,
						.ret = RET_INTEGER,
						.maps = MAPS_LOOKUP};
		ok = t->helpers[i].name;
		for (int a = 0; a < 5; a++)
			t->helpers[i].args[a] = type_args[h->args[a]];
	}
	if (!ok) {
		type_free(t);
		return NULL;
	}
	return t;
}

VISOR_EXPORT int visor_register(struct visor *v, const struct visor_prog_type *type,
				struct visor_diag *diag)
{
	struct sys_type *t;
	int err;

	pthread_mutex_lock(&v->state);
	err = type_check(v, type, diag);
	if (!err) {
		t = type_copy(v, type);
		if (t) {
			t->next = v->types;
			__atomic_store_n(&v->types, t, __ATOMIC_RELEASE);
		} else {
			err = diag_fail(diag, -ENOMEM, "register", "out of memory");
		}
	}
	pthread_mutex_unlock(&v->state);
	return err;
}
