/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/loader.c - from the modules of a description to programs in an engine.
 *
 * libbpf loads; what is stitched is replaced on the way to the engine. libbpf's probes for
 * features come the same way, so only what has a program's own instructions is touched.
 */
#include "chain/loader.h"

#include <errno.h>
#include <stdlib.h>

#include "chain/counters.h"
#include "chain/open.h"

void loader_place(const struct chain_desc *desc, struct chain_pos pos, struct visor_diag *diag)
{
	if (pos.line)
		diag_in(diag, "%s:%u:%u", desc->file, pos.line, pos.col);
}

/* ---- opening objects ------------------------------------------------------------------------- */

int loader_open(struct loader *l, const struct chain_desc *desc, struct visor_diag *diag)
{
	l->desc = desc;
	l->modules = calloc(desc->n_modules + 1, sizeof(*l->modules));
	if (!l->modules)
		return diag_fail(diag, -ENOMEM, "load", "no memory");
	for (uint32_t i = 0; i < desc->n_modules; i++) {
		const struct chain_desc_module *d = &desc->modules[i];
		struct loader_module *m = &l->modules[l->n_modules++];
		int err;

		m->name = strdup(d->name);
		err = m->name ? open_object(desc, d->object, &m->obj, m->digest, diag)
			      : diag_fail(diag, -ENOMEM, "load", "no memory");
		if (!err)
			err = module_read(m->obj, &m->info, diag);
		if (err) {
			loader_place(desc, d->object_pos, diag);
			return err;
		}
	}
	return 0;
}

int loader_plan(struct loader *l, plan_warn_fn warn, void *user, struct plan **out,
		struct visor_diag *diag)
{
	const struct module **infos = calloc(l->n_modules + 1, sizeof(*infos));
	int err;

	if (!infos)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	for (uint32_t i = 0; i < l->n_modules; i++)
		infos[i] = l->modules[i].info;
	err = chain_plan(l->desc, infos, warn, user, out, diag);
	free(infos);
	if (err)
		return err;
	l->plan = *out;
	l->hook = hook_get(l->plan->hook);
	l->inputs = calloc(l->plan->n_inputs + 1, sizeof(*l->inputs));
	if (!l->inputs)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	for (uint32_t i = 0; i < l->plan->n_inputs; i++)
		l->inputs[i] = (struct loader_input){
			.slot = i, .row = l->plan->inputs[i].first_row, .fd = -1};
	return 0;
}

/* ---- loading ------------------------------------------------------------------------------------
 */

int loader_map(uint32_t type, const char *name, uint32_t value_size, uint32_t entries,
	       uint32_t flags, struct visor_diag *diag)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};
	int fd;

	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	fd = load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd < 0 ? diag_fail(diag, fd, "load", "cannot create the chain's map '%s'", name)
		      : fd;
}

static int loader_stitch(struct loader *l, uint32_t input, const union bpf_attr *attr)
{
	const struct plan_input *in = &l->plan->inputs[input];
	struct stitch_output *outputs = calloc(in->n_outputs + 1, sizeof(*outputs));
	struct stitch how = {
		.hook = l->hook,
		.outputs = outputs,
		.n_outputs = in->n_outputs,
		.row_other = COUNTERS_OTHER(in->n_rows),
		.row_missed = COUNTERS_MISSED(in->n_rows),
		.row_time = COUNTERS_TIME(in->n_rows),
		.timed = l->timed,
		.slots_fd = l->slots_fd,
		.counters_fd = l->counters_fd,
		.base = counters_at(l->inputs[input].row),
		.stride = l->stride,
		.n_cpus = l->n_cpus,
	};
	int err;

	if (!outputs)
		return diag_fail(&l->load_diag, -ENOMEM, "stitch", "no memory");
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct plan_output *o = &in->outputs[i];

		outputs[i] = (struct stitch_output){
			.value = o->value, .row = o->row, .to = o->to, .index = o->target};
		if (o->to == STITCH_PORT)
			outputs[i].index = l->plan->ports[o->target].ifindex;
		else if (o->to == STITCH_SLOT)
			outputs[i].index = l->inputs[o->target].slot;
	}
	/* libbpf tries a second time, for a log, when the engine refuses. */
	stitched_free(&l->inputs[input].stitched);
	err = stitch_program(&how, attr, &l->inputs[input].stitched, &l->load_diag);
	free(outputs);
	return err;
}

/* libbpf's probes for features come through here, too: only what is one of our programs counts. */
static int loader_on_prog_load(void *user, union bpf_attr *attr, unsigned size)
{
	struct loader *l = user;
	struct bpf_program *prog;
	uint32_t i = 0;

	bpf_object__for_each_program(prog, l->modules[l->loading].obj)
	{
		int64_t input = plan_find_input(l->plan, l->loading, i++);
		int err;

		if (input < 0 || attr->insns != (uintptr_t)bpf_program__insns(prog))
			continue;
		err = loader_stitch(l, (uint32_t)input, attr);
		if (err) {
			diag_in(&l->load_diag, "%s", bpf_program__name(prog));
			return err;
		}
		stitched_apply(&l->inputs[input].stitched, attr);
		/* All programs of a program array are alike in this; our packets are in one piece.
		 */
		attr->prog_flags &= ~(uint32_t)BPF_F_XDP_HAS_FRAGS;
	}
	return 0;
}

static int loader_configure(struct loader *l, uint32_t module, struct visor_diag *diag)
{
	const struct chain_desc_module *d = &l->desc->modules[module];
	struct loader_module *m = &l->modules[module];
	struct bpf_program *prog;
	uint32_t i = 0;
	int err = module_configure(m->obj, l->desc->tree, d->config, diag);

	for (uint32_t k = 0; !err && k < d->n_settings; k++)
		err = module_configure_text(m->obj, d->settings[k], diag);
	bpf_object__for_each_program(prog, m->obj)
	{
		int64_t input = plan_find_input(l->plan, module, i++);

		bpf_program__set_autoload(prog, input >= 0 && !l->inputs[input].skip);
	}
	return err;
}

int loader_load(struct loader *l, uint32_t module, struct visor_diag *diag)
{
	struct loader_module *m = &l->modules[module];
	struct bpf_program *prog;
	uint32_t i = 0;
	int err = loader_configure(l, module, diag);

	if (!err && l->session->visor) {
		err = module_check_maps(m->obj, diag);
		if (err) {
			diag_in(diag, "%s", bpf_object__name(m->obj));
			loader_place(l->desc, l->desc->modules[module].object_pos, diag);
		}
	}
	if (!err && l->before)
		err = l->before(l->user, module, diag);
	if (err)
		return err;
	l->loading = module;
	memset(&l->load_diag, 0, sizeof(l->load_diag));
	l->session->on_prog_load = loader_on_prog_load;
	l->session->user = l;
	err = load_load(m->obj, diag);
	l->session->on_prog_load = NULL;
	if (err && l->load_diag.err && diag) {
		*diag = l->load_diag;
		diag_in(diag, "%s", bpf_object__name(m->obj));
	}
	if (err) {
		loader_place(l->desc, l->desc->modules[module].object_pos, diag);
		return err;
	}
	bpf_object__for_each_program(prog, m->obj)
	{
		int64_t input = plan_find_input(l->plan, module, i++);

		if (input < 0 || l->inputs[input].skip)
			continue;
		stitched_free(&l->inputs[input].stitched);
		l->inputs[input].fd = bpf_program__fd(prog);
	}
	return 0;
}

void loader_free(struct loader *l)
{
	for (uint32_t i = 0; l->inputs && i < l->plan->n_inputs; i++)
		stitched_free(&l->inputs[i].stitched);
	for (uint32_t i = 0; i < l->n_modules; i++) {
		bpf_object__close(l->modules[i].obj);
		module_free(l->modules[i].info);
		free(l->modules[i].name);
	}
	free(l->modules);
	free(l->inputs);
	l->modules = NULL;
	l->inputs = NULL;
	l->n_modules = 0;
}
