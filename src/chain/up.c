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
#include "vm/vm.h"

#define UP_SAMPLE 64 /* run times of one in so many runs are measured */

static int up_plan(struct chain *c, const struct chain_opts *opts, struct visor_diag *diag)
{
	int err = loader_plan(&c->loader, opts ? opts->warn : NULL, opts ? opts->user : NULL,
			      &c->plan, diag);

	if (err)
		return err;
	c->ports = calloc(c->plan->n_ports + 1, sizeof(*c->ports));
	c->polls = calloc(c->plan->n_ports + 1, sizeof(*c->polls));
	c->batch = port_batch_new();
	return c->ports && c->polls && c->batch ? 0
						: diag_fail(diag, -ENOMEM, "plan", "no memory");
}

/* ---- maps of the chain itself ------------------------------------------------------------------
 */

static int up_maps(struct chain *c, struct visor_diag *diag)
{
	struct loader *l = &c->loader;
	uint64_t size;
	void *mem;

	l->n_cpus = (uint32_t)round_up_pow2(map_possible_cpus());
	l->stride = counters_stride(MAX(c->plan->n_rows, 1u));
	size = (uint64_t)l->stride * l->n_cpus;
	if (size > INT32_MAX)
		return diag_fail(diag, -E2BIG, "load", "the chain needs too many counters");
	l->counters_fd = loader_map(BPF_MAP_TYPE_ARRAY, "chain_counters", (uint32_t)size, 1,
				    BPF_F_MMAPABLE, diag);
	if (l->counters_fd < 0)
		return l->counters_fd;
	l->slots_fd = loader_map(BPF_MAP_TYPE_PROG_ARRAY, "chain_slots", 4,
				 MAX(c->plan->n_inputs, 1u), 0, diag);
	if (l->slots_fd < 0)
		return l->slots_fd;
	c->counters_size = ALIGN_UP(size, (uint64_t)sysconf(_SC_PAGESIZE));
	mem = mmap(NULL, c->counters_size, PROT_READ, MAP_SHARED, l->counters_fd, 0);
	if (mem == MAP_FAILED)
		return diag_fail(diag, -errno, "load", "cannot map the chain's counters");
	c->counters = mem;
	return 0;
}

/* ---- operations ---------------------------------------------------------------------------------
 */

static int up_load(struct chain *c, uint32_t module, struct visor_diag *diag)
{
	const struct chain_desc *desc = c->loader.desc;
	int err = loader_load(&c->loader, module, diag);

	return err ? err
		   : module_fill(c->loader.modules[module].obj, desc->tree,
				 desc->modules[module].maps, diag);
}

static int up_slot(struct chain *c, uint32_t input, struct visor_diag *diag)
{
	uint32_t fd = (uint32_t)c->loader.inputs[input].fd;
	union bpf_attr attr = {.map_fd = (uint32_t)c->loader.slots_fd,
			       .key = (uintptr_t)&input,
			       .value = (uintptr_t)&fd};
	int err = load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));

	if (err >= 0)
		return 0;
	return diag_fail(diag, err, "load", "cannot put '%s' of module '%s' into its slot",
			 chain_input_name(c, input), chain_input_module(c, input)->name);
}

static int up_port(struct chain *c, const struct chain_desc *desc, uint32_t port,
		   struct visor_diag *diag)
{
	const struct chain_desc_port *d = &desc->ports[port];
	struct port_config config = d->config;
	int err;

	config.send_only = c->plan->ports[port].entry == PLAN_NOWHERE;
	for (uint32_t i = 0; i < desc->n_ports; i++)
		if (port_config_clash(&d->config, &desc->ports[i].config)) {
			err = diag_fail(diag, -EINVAL, "port",
					"port '%s' would overwrite the file of port '%s'", d->name,
					desc->ports[i].name);
			loader_place(desc, d->pos, diag);
			return err;
		}
	c->ports[port].name = strdup(d->name);
	err = c->ports[port].name ? port_open(&config, &c->ports[port].port, diag)
				  : diag_fail(diag, -ENOMEM, "port", "no memory");
	if (err)
		loader_place(desc, d->pos, diag);
	return err;
}

static int up_entry(struct chain *c, uint32_t port, struct visor_diag *diag)
{
	const struct plan_port *p = &c->plan->ports[port];

	if (p->entry != PLAN_TO_INPUT)
		return 0;
	return visor_prog_from_fd(c->session.visor, c->loader.inputs[p->target].fd,
				  &c->ports[port].entry, diag);
}

static int up_operations(struct chain *c, const struct chain_desc *desc, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < c->plan->n_ops; i++) {
		uint32_t index = c->plan->ops[i].index;

		switch (c->plan->ops[i].kind) {
		case PLAN_LOAD:
			err = up_load(c, index, diag);
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
	c->loader.slots_fd = c->loader.counters_fd = -1;
	c->loader.session = &c->session;
	err = up_engine(c, opts, diag);
	if (err) {
		free(c);
		return err;
	}
	before = load_enter(&c->session);
	err = loader_open(&c->loader, desc, diag);
	if (!err)
		err = up_plan(c, opts, diag);
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
	for (uint32_t i = 0; c->loader.slots_fd >= 0 && i < c->plan->n_inputs; i++) {
		union bpf_attr attr = {.map_fd = (uint32_t)c->loader.slots_fd,
				       .key = (uintptr_t)&i};

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
	loader_free(&c->loader);
	if (c->counters)
		munmap(c->counters, c->counters_size);
	if (c->loader.counters_fd >= 0)
		close(c->loader.counters_fd);
	if (c->loader.slots_fd >= 0)
		close(c->loader.slots_fd);
	load_enter(before);
	free(c->ports);
	free(c->polls);
	port_batch_free(c->batch);
	plan_free(c->plan);
	visor_close(c->own);
	free(c);
	return err;
}

struct bpf_object *chain_object(const struct chain *chain, const char *module)
{
	const struct loader *l = &chain->loader;

	for (uint32_t i = 0; i < l->n_modules; i++)
		if (!strcmp(l->modules[i].name, module))
			return l->modules[i].obj;
	return NULL;
}
