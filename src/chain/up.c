/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/up.c - bringing a chain up, operation by operation of its plan, and down again.
 *
 * Everything that fails leads to chain_down, which releases whatever is there by then.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/impl.h"
#include "chain/open.h"
#include "vm/vm.h"

#define UP_SAMPLE 64 /* run times of one in so many runs are measured */

/* Where in the chain file; nothing if it does not come from a file. */
static void up_place(const struct chain_desc *desc, struct chain_pos pos, struct visor_diag *diag)
{
	if (pos.line)
		diag_in(diag, "%s:%u:%u", desc->file, pos.line, pos.col);
}

/* ---- opening objects ------------------------------------------------------------------------- */

static int up_open_modules(struct chain *c, const struct chain_desc *desc, struct visor_diag *diag)
{
	c->modules = calloc(desc->n_modules + 1, sizeof(*c->modules));
	if (!c->modules)
		return diag_fail(diag, -ENOMEM, "load", "no memory");
	for (uint32_t i = 0; i < desc->n_modules; i++) {
		const struct chain_desc_module *d = &desc->modules[i];
		struct chain_module *m = &c->modules[c->n_modules++];
		int err;

		m->name = strdup(d->name);
		err = m->name ? open_object(d->object, &m->obj, diag)
			      : diag_fail(diag, -ENOMEM, "load", "no memory");
		if (!err)
			err = module_read(m->obj, &m->info, diag);
		if (err) {
			up_place(desc, d->object_pos, diag);
			return err;
		}
	}
	return 0;
}

static int up_plan(struct chain *c, const struct chain_desc *desc, const struct chain_opts *opts,
		   struct visor_diag *diag)
{
	const struct module **infos = calloc(c->n_modules + 1, sizeof(*infos));
	int err;

	if (!infos)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	for (uint32_t i = 0; i < c->n_modules; i++)
		infos[i] = c->modules[i].info;
	err = chain_plan(desc, infos, NULL, opts ? opts->warn : NULL, opts ? opts->user : NULL,
			 &c->plan, diag);
	free(infos);
	if (err)
		return err;
	c->hook = hook_get(c->plan->hook);
	c->inputs = calloc(c->plan->n_inputs + 1, sizeof(*c->inputs));
	c->ports = calloc(c->plan->n_ports + 1, sizeof(*c->ports));
	c->batch = port_batch_new();
	if (!c->inputs || !c->ports || !c->batch)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	return 0;
}

/* ---- maps of the chain itself ------------------------------------------------------------------
 */

static int up_map(uint32_t type, const char *name, uint32_t value_size, uint32_t entries,
		  uint32_t flags, int *out, struct visor_diag *diag)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = entries,
			       .map_flags = flags};
	int fd;

	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	fd = load_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return diag_fail(diag, fd, "load", "cannot create the chain's map '%s'", name);
	*out = fd;
	return 0;
}

static int up_maps(struct chain *c, struct visor_diag *diag)
{
	uint64_t size;
	void *mem;
	int err;

	c->n_cpus = (uint32_t)round_up_pow2(map_possible_cpus());
	c->stride = counters_stride(MAX(c->plan->n_rows, 1u));
	size = (uint64_t)c->stride * c->n_cpus;
	if (size > INT32_MAX)
		return diag_fail(diag, -E2BIG, "load", "the chain needs too many counters");
	err = up_map(BPF_MAP_TYPE_ARRAY, "chain_counters", (uint32_t)size, 1, BPF_F_MMAPABLE,
		     &c->counters_fd, diag);
	if (!err)
		err = up_map(BPF_MAP_TYPE_PROG_ARRAY, "chain_slots", 4, MAX(c->plan->n_inputs, 1u),
			     0, &c->slots_fd, diag);
	if (err)
		return err;
	c->counters_size = ALIGN_UP(size, (uint64_t)sysconf(_SC_PAGESIZE));
	mem = mmap(NULL, c->counters_size, PROT_READ, MAP_SHARED, c->counters_fd, 0);
	if (mem == MAP_FAILED)
		return diag_fail(diag, -errno, "load", "cannot map the chain's counters");
	c->counters = mem;
	return 0;
}

/* ---- loading ------------------------------------------------------------------------------------
 */

static int up_stitch_input(struct chain *c, uint32_t input, const union bpf_attr *attr)
{
	const struct plan_input *in = &c->plan->inputs[input];
	struct stitch_output *outputs = calloc(in->n_outputs + 1, sizeof(*outputs));
	struct stitch how = {
		.hook = c->hook,
		.outputs = outputs,
		.n_outputs = in->n_outputs,
		.row_other = in->n_rows - 2,
		.row_missed = in->n_rows - 1,
		.slots_fd = c->slots_fd,
		.counters_fd = c->counters_fd,
		.base = in->first_row * (uint32_t)sizeof(struct counter_row),
		.stride = c->stride,
		.n_cpus = c->n_cpus,
	};
	int err;

	if (!outputs)
		return diag_fail(&c->load_diag, -ENOMEM, "stitch", "no memory");
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct plan_output *o = &in->outputs[i];

		outputs[i] = (struct stitch_output){
			.value = o->value, .row = o->row, .to = o->to, .index = o->target};
		if (o->to == STITCH_PORT)
			outputs[i].index = c->plan->ports[o->target].ifindex;
	}
	/* libbpf tries a second time, for a log, when the engine refuses. */
	stitched_free(&c->inputs[input].stitched);
	err = stitch_program(&how, attr, &c->inputs[input].stitched, &c->load_diag);
	free(outputs);
	return err;
}

/* libbpf's probes for features come through here, too: only what is one of our programs counts. */
static int up_on_prog_load(void *user, union bpf_attr *attr, unsigned size)
{
	struct chain *c = user;
	struct bpf_program *prog;
	uint32_t i = 0;

	bpf_object__for_each_program(prog, c->modules[c->loading].obj)
	{
		int64_t input = plan_find_input(c->plan, c->loading, i++);
		int err;

		if (input < 0 || attr->insns != (uintptr_t)bpf_program__insns(prog))
			continue;
		err = up_stitch_input(c, (uint32_t)input, attr);
		if (err) {
			diag_in(&c->load_diag, "%s", bpf_program__name(prog));
			return err;
		}
		stitched_apply(&c->inputs[input].stitched, attr);
		/* All programs of a program array are alike in this; our packets are in one piece.
		 */
		attr->prog_flags &= ~(uint32_t)BPF_F_XDP_HAS_FRAGS;
	}
	return 0;
}

static int up_configure(struct chain *c, const struct chain_desc *desc, uint32_t module,
			struct visor_diag *diag)
{
	const struct chain_desc_module *d = &desc->modules[module];
	struct chain_module *m = &c->modules[module];
	struct bpf_program *prog;
	uint32_t i = 0;
	int err = module_configure(m->obj, desc->tree, d->config, diag);

	for (uint32_t k = 0; !err && k < d->n_settings; k++)
		err = module_configure_text(m->obj, d->settings[k], diag);
	bpf_object__for_each_program(prog, m->obj)
		bpf_program__set_autoload(prog, plan_find_input(c->plan, module, i++) >= 0);
	return err;
}

static int up_load(struct chain *c, const struct chain_desc *desc, uint32_t module,
		   struct visor_diag *diag)
{
	struct chain_module *m = &c->modules[module];
	struct bpf_program *prog;
	uint32_t i = 0;
	int err = up_configure(c, desc, module, diag);

	if (err)
		return err;
	c->loading = module;
	memset(&c->load_diag, 0, sizeof(c->load_diag));
	c->session.on_prog_load = up_on_prog_load;
	err = load_load(m->obj, diag);
	c->session.on_prog_load = NULL;
	if (err && c->load_diag.err && diag) {
		*diag = c->load_diag;
		diag_in(diag, "%s", bpf_object__name(m->obj));
	}
	if (err) {
		up_place(desc, desc->modules[module].object_pos, diag);
		return err;
	}
	bpf_object__for_each_program(prog, m->obj)
	{
		int64_t input = plan_find_input(c->plan, module, i++);

		if (input < 0)
			continue;
		stitched_free(&c->inputs[input].stitched);
		c->inputs[input].fd = bpf_program__fd(prog);
	}
	return module_fill(m->obj, desc->tree, desc->modules[module].maps, diag);
}

static int up_slot(struct chain *c, uint32_t input, struct visor_diag *diag)
{
	uint32_t fd = (uint32_t)c->inputs[input].fd;
	union bpf_attr attr = {
		.map_fd = (uint32_t)c->slots_fd, .key = (uintptr_t)&input, .value = (uintptr_t)&fd};
	int err = load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));

	if (err >= 0)
		return 0;
	return diag_fail(diag, err, "load", "cannot put '%s' of module '%s' into its slot",
			 c->modules[c->plan->inputs[input].module]
				 .info->inputs[c->plan->inputs[input].input]
				 .name,
			 c->modules[c->plan->inputs[input].module].name);
}

static int up_port(struct chain *c, const struct chain_desc *desc, uint32_t port,
		   struct visor_diag *diag)
{
	const struct chain_desc_port *d = &desc->ports[port];
	int err;

	for (uint32_t i = 0; i < desc->n_ports; i++)
		if (port_config_clash(&d->config, &desc->ports[i].config)) {
			err = diag_fail(diag, -EINVAL, "port",
					"port '%s' would overwrite the file of port '%s'", d->name,
					desc->ports[i].name);
			up_place(desc, d->pos, diag);
			return err;
		}
	c->ports[port].name = strdup(d->name);
	err = c->ports[port].name ? port_open(&d->config, &c->ports[port].port, diag)
				  : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err)
		up_place(desc, d->pos, diag);
	return err;
}

static int up_entry(struct chain *c, uint32_t port, struct visor_diag *diag)
{
	const struct plan_port *p = &c->plan->ports[port];

	if (p->entry != PLAN_TO_INPUT)
		return 0;
	return visor_prog_from_fd(c->session.visor, c->inputs[p->target].fd, &c->ports[port].entry,
				  diag);
}

static int up_operations(struct chain *c, const struct chain_desc *desc, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < c->plan->n_ops; i++) {
		uint32_t index = c->plan->ops[i].index;

		switch (c->plan->ops[i].kind) {
		case PLAN_LOAD:
			err = up_load(c, desc, index, diag);
			break;
		case PLAN_SLOT:
			err = up_slot(c, index, diag);
			break;
		case PLAN_OPEN:
			err = up_port(c, desc, index, diag);
			break;
		case PLAN_ENTRY:
			err = up_entry(c, index, diag);
			break;
		}
	}
	return err;
}

/* ---- up and down
 * ---------------------------------------------------------------------------------- */

static int up_engine(struct chain *c, const struct chain_opts *opts, struct visor_diag *diag)
{
	const char *state = getenv("VISOR_STATE");
	VISOR_OPTS(visor_opts, visor_opts, .state = state && *state ? state : NULL);
	int err;

	c->session.visor = opts ? opts->visor : NULL;
	if (c->session.visor)
		return 0;
	c->session.visor = visor_use(NULL);
	visor_use(c->session.visor);
	if (c->session.visor)
		return 0;
	err = visor_open(&visor_opts, &c->own, diag);
	c->session.visor = c->own;
	return err;
}

int chain_up(const struct chain_desc *desc, const struct chain_opts *opts, struct chain **out,
	     struct visor_diag *diag)
{
	struct load_session *before;
	struct chain *c;
	int err;

	*out = NULL;
	if (desc->engine == CHAIN_KERNEL)
		return diag_fail(diag, -EOPNOTSUPP, "plan",
				 "%s: chains on the kernel engine are not supported yet",
				 desc->file);
	c = calloc(1, sizeof(*c));
	if (!c)
		return diag_fail(diag, -ENOMEM, "load", "no memory");
	c->slots_fd = c->counters_fd = -1;
	c->session.user = c;
	err = up_engine(c, opts, diag);
	if (err) {
		free(c);
		return err;
	}
	before = load_enter(&c->session);
	err = up_open_modules(c, desc, diag);
	if (!err)
		err = up_plan(c, desc, opts, diag);
	if (!err)
		err = up_maps(c, diag);
	if (!err)
		err = up_operations(c, desc, diag);
	load_enter(before);
	if (err) {
		chain_down(c, NULL);
		return err;
	}
	vm_stats_every(UP_SAMPLE);
	*out = c;
	return 0;
}

/* The array holds programs that hold the array: emptied, they let go of each other. */
static void down_slots(struct chain *c)
{
	for (uint32_t i = 0; c->slots_fd >= 0 && i < c->plan->n_inputs; i++) {
		union bpf_attr attr = {.map_fd = (uint32_t)c->slots_fd, .key = (uintptr_t)&i};

		load_bpf(BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
	}
}

static int down_ports(struct chain *c, struct visor_diag *diag)
{
	int first = 0;

	for (uint32_t i = 0; c->ports && i < c->plan->n_ports; i++) {
		int err = port_close(c->ports[i].port, first ? NULL : diag);

		first = first ? first : err;
		visor_prog_free(c->ports[i].entry);
		free(c->ports[i].name);
	}
	return first;
}

int chain_down(struct chain *c, struct visor_diag *diag)
{
	struct load_session *before;
	int err;

	if (!c)
		return 0;
	before = load_enter(&c->session);
	err = down_ports(c, diag);
	down_slots(c);
	for (uint32_t i = 0; c->inputs && i < c->plan->n_inputs; i++)
		stitched_free(&c->inputs[i].stitched);
	for (uint32_t i = 0; i < c->n_modules; i++) {
		bpf_object__close(c->modules[i].obj);
		module_free(c->modules[i].info);
		free(c->modules[i].name);
	}
	if (c->counters)
		munmap(c->counters, c->counters_size);
	if (c->counters_fd >= 0)
		close(c->counters_fd);
	if (c->slots_fd >= 0)
		close(c->slots_fd);
	load_enter(before);
	free(c->modules);
	free(c->inputs);
	free(c->ports);
	port_batch_free(c->batch);
	plan_free(c->plan);
	visor_close(c->own);
	free(c);
	return err;
}

struct bpf_object *chain_object(const struct chain *chain, const char *module)
{
	for (uint32_t i = 0; i < chain->n_modules; i++)
		if (!strcmp(chain->modules[i].name, module))
			return chain->modules[i].obj;
	return NULL;
}
