/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/live_generation.c - the next generation of a live chain: built where no packet comes, then
 * switched to.
 *
 *   load      what changed, with the maps of what it replaces        generation_load
 *   pin       programs and maps in the generation's folder           generation_pin
 *   fresh     programs into slots that nothing refers to             generation_fill_slots
 *   record    what the switch will be: from here on it can be        generation_record
 *             finished by whoever comes next
 *   switch    the slots that packets see                             generation_switch
 *
 * Before the switch, whatever fails leads back: the folder is removed.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/sha256.h"
#include "chain/carry.h"
#include "chain/counters.h"
#include "chain/live_impl.h"
#include "map/map.h"

#define GENERATION_SLOTS 1024 /* at least; four times what is needed */
#define GENERATION_ROWS	 1024

/* A new map that gets what is in the one before. */
struct generation_carried {
	uint32_t module;
	const struct bpf_map *map;
	struct carry_map *from;
};

struct generation {
	struct live *lv;
	struct loader loader;
	struct plan *plan;
	struct record *wanted;
	struct change *change;
	int *fds; /* of the inputs' programs; the loader's, or taken over (owned) */
	struct live_report *report;
	struct generation_carried *carried;
	uint32_t n_carried;
};

/* ---- what is wanted, as a record
 * ------------------------------------------------------------------- */

static void digest_text(struct sha256 *s, const char *text)
{
	sha256_add(s, text, strlen(text) + 1);
}

static void digest_node(struct sha256 *s, const struct tree_node *n)
{
	if (!n)
		return digest_text(s, "-");
	if (n->kind == TREE_SCALAR) {
		digest_text(s, n->quoted ? "q" : "s");
		return digest_text(s, n->text);
	}
	digest_text(s, n->kind == TREE_LIST ? "[" : "{");
	for (uint32_t i = 0; i < n->n; i++) {
		if (n->kind == TREE_MAP)
			digest_node(s, n->keys[i]);
		digest_node(s, n->items[i]);
	}
	digest_text(s, "]");
}

static void digest_end(struct sha256 *s, char out[RECORD_DIGEST])
{
	uint8_t digest[SHA256_SIZE];

	sha256_end(s, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int generation_module(struct generation *g, uint32_t i)
{
	const struct chain_desc_module *d = &g->loader.desc->modules[i];
	struct record_module *m = &g->wanted->modules[i];
	struct sha256 s;

	free(m->name);
	free(m->object);
	m->name = strdup(d->name);
	m->object = strdup(d->object);
	if (!m->name || !m->object)
		return -ENOMEM;
	sha256_init(&s);
	sha256_add(&s, g->loader.modules[i].digest, SHA256_SIZE);
	digest_node(&s, d->config);
	for (uint32_t k = 0; k < d->n_settings; k++)
		digest_text(&s, d->settings[k]);
	digest_end(&s, m->content);
	sha256_init(&s);
	digest_node(&s, d->maps);
	digest_end(&s, m->maps);
	return 0;
}

static int generation_outputs(struct generation *g, uint32_t i)
{
	const struct plan_input *in = &g->plan->inputs[i];
	struct record_input *out = &g->wanted->inputs[i];
	const struct module *info = g->loader.modules[in->module].info;
	const struct hook *hook = g->loader.hook;

	out->outputs = calloc(in->n_outputs + 1, sizeof(*out->outputs));
	if (!out->outputs)
		return -ENOMEM;
	for (uint32_t k = 0; k < in->n_outputs; k++) {
		const struct plan_output *o = &in->outputs[k];
		int verdict = hook_verdict(hook, o->value);
		const char *name = o->named >= 0  ? info->outputs[o->named].name
				   : verdict >= 0 ? hook->verdicts[verdict].name
						  : "";

		out->outputs[out->n_outputs++] =
			(struct record_output){.name = strdup(name),
					       .named = o->named >= 0,
					       .value = o->value,
					       .row = o->row,
					       .to = o->to,
					       .target = o->to == STITCH_RETURN ? 0 : o->target};
		if (!out->outputs[k].name)
			return -ENOMEM;
	}
	return 0;
}

static int generation_input(struct generation *g, uint32_t i)
{
	const struct plan_input *in = &g->plan->inputs[i];
	struct record_input *out = &g->wanted->inputs[i];
	struct sha256 s;

	out->module = in->module;
	out->internal = in->internal;
	out->slot = RECORD_NO_SLOT;
	out->n_rows = in->n_rows;
	out->program = strdup(g->loader.modules[in->module].info->inputs[in->input].name);
	if (!out->program)
		return -ENOMEM;
	sha256_init(&s);
	digest_text(&s, g->wanted->modules[in->module].content);
	digest_text(&s, out->program);
	digest_end(&s, out->content);
	return generation_outputs(g, i);
}

static int generation_port(struct generation *g, uint32_t i)
{
	const struct chain_desc_port *d = &g->loader.desc->ports[i];
	struct record_port *p = &g->wanted->ports[i];
	struct sha256 s;

	sha256_init(&s);
	digest_node(&s, d->node);
	*p = (struct record_port){
		.name = strdup(d->name),
		.device = strdup(d->config.device ? d->config.device : ""),
		.how = strdup(port_config_choice(&d->config, "attach")),
		.ifindex = g->plan->ports[i].ifindex,
		.slot = RECORD_NO_SLOT,
		.entry = g->plan->ports[i].entry,
		.target = g->plan->ports[i].entry == PLAN_NOWHERE ? 0 : g->plan->ports[i].target,
	};
	digest_end(&s, p->config);
	return p->name && p->device && p->how ? 0 : -ENOMEM;
}

/* Modules first: what they were swapped for is known to the caller. */
static int generation_describe(struct generation *g, struct visor_diag *diag)
{
	const struct chain_desc *desc = g->loader.desc;
	struct record *w = g->wanted;
	int err = 0;

	w->engine = desc->engine;
	w->hook = g->plan->hook;
	w->inputs = calloc(g->plan->n_inputs + 1, sizeof(*w->inputs));
	w->ports = calloc(g->plan->n_ports + 1, sizeof(*w->ports));
	if (!w->inputs || !w->ports)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < desc->n_modules; i++)
		err = generation_module(g, i);
	for (uint32_t i = 0; !err && i < g->plan->n_inputs; i++) {
		w->n_inputs++;
		err = generation_input(g, i);
	}
	for (uint32_t i = 0; !err && i < g->plan->n_ports; i++) {
		w->n_ports++;
		err = generation_port(g, i);
	}
	return err ? diag_fail(diag, err, "plan", "no memory") : 0;
}

/* Sizes are set once: by the running generation, or with room for what may come. */
static void generation_sizes(struct generation *g)
{
	const struct record *now = g->lv->now;
	struct record *w = g->wanted;

	w->generation = now ? now->generation + 1 : 1;
	w->n_cpus = now ? now->n_cpus : (uint32_t)round_up_pow2(map_possible_cpus());
	w->max_rows =
		now ? now->max_rows
		    : MAX((uint32_t)round_up_pow2(
				  4 * (g->plan->n_rows + RECORD_PORT_ROWS * g->plan->n_ports)),
			  (uint32_t)GENERATION_ROWS) -
				(uint32_t)COUNTERS_CLOCK_ROWS; /* so that a CPU's part is full */
	w->max_slots =
		now ? now->max_slots
		    : MAX((uint32_t)round_up_pow2(4 * (g->plan->n_inputs + g->plan->n_ports)),
			  (uint32_t)GENERATION_SLOTS);
}

/* ---- loading, with the maps that are there
 * ---------------------------------------------------------- */

static bool map_is(const struct bpf_map *map, const char *suffix)
{
	const char *name = bpf_map__name(map);
	size_t n = strlen(name), m = strlen(suffix);

	return bpf_map__is_internal(map) && n >= m && !strcmp(name + n - m, suffix);
}

static int map_info(int fd, struct bpf_map_info *info)
{
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(*info),
					.info = (uintptr_t)info}};

	memset(info, 0, sizeof(*info));
	return MIN(load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
}

struct generation_search {
	struct generation *g;
	const char *module, *section; /* ".data" */
	int fd;
};

/* place_each: global variables are in maps that are called after the object file, which may be
 * another for each version, and the section. No other map has a dot in its name. */
static int generation_find_section(void *user, const char *name)
{
	struct generation_search *s = user;
	size_t n = strlen(name), m = strlen(s->section);
	struct bpf_map_info info;
	const char *dot;
	int fd;

	if (n < m || strcmp(name + n - m + 1, s->section + 1) != 0)
		return 0;
	fd = place_get(&s->g->lv->place, "g%u/map/%s/%s", s->g->lv->now->generation, s->module,
		       name);
	if (fd < 0)
		return 0;
	info.name[0] = '\0';
	map_info(fd, &info);
	info.name[sizeof(info.name) - 1] = '\0';
	dot = strchr(info.name, '.');
	if (dot && !strncmp(dot, s->section, strlen(dot))) {
		s->fd = fd;
		return 1;
	}
	close(fd);
	return 0;
}

/* The old generation's map of that name, or -ENOENT: there is nothing to take over. */
static int generation_old_map(struct generation *g, uint32_t module, const struct bpf_map *map,
			      bool same)
{
	const char *name = bpf_map__name(map), *section = strchr(name, '.');
	struct generation_search s = {.g = g,
				      .module = g->wanted->modules[module].name,
				      .section = section,
				      .fd = -ENOENT};
	char folder[160];
	int fd;

	/* Which programs a module's own array leads to belongs to the module's code. */
	if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY || (map_is(map, ".rodata") && !same))
		return -ENOENT;
	fd = place_get(&g->lv->place, "g%u/map/%s/%s", g->lv->now->generation, s.module, name);
	if (fd != -ENOENT || !section)
		return fd;
	snprintf(folder, sizeof(folder), "g%u/map/%s", g->lv->now->generation, s.module);
	place_each(&g->lv->place, folder, generation_find_section, &s);
	return s.fd;
}

static void generation_wanted_map(const struct bpf_object *obj, const struct bpf_map *map,
				  struct carry_wanted *out)
{
	const struct btf *btf = bpf_object__btf(obj);

	*out = (struct carry_wanted){
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
		.key_type = bpf_map__btf_key_type_id(map),
		.value_type = bpf_map__btf_value_type_id(map),
		.data = bpf_map__is_internal(map),
	};
	if (btf)
		out->btf = btf__raw_data(btf, &out->btf_size);
}

/* What a map that was there is to the module's map of that name. */
static int generation_take_over(struct generation *g, uint32_t module, struct bpf_map *map, int fd,
				struct visor_diag *diag)
{
	const char *name = g->wanted->modules[module].name;
	struct generation_carried *list;
	struct carry_wanted wanted;
	struct carry_map *from;
	char why[CARRY_WHY];
	int fit, err;

	generation_wanted_map(g->loader.modules[module].obj, map, &wanted);
	fit = carry_map_open(fd, &wanted, &from, why, diag);
	if (fit == CARRY_SAME) {
		err = bpf_map__reuse_fd(map, fd);
		return err ? diag_fail(diag, err, "load", "cannot take over the map '%s'",
				       bpf_map__name(map))
			   : 0;
	}
	if (fit == CARRY_CANNOT)
		live_remark(g->lv, "map '%s' of module '%s' starts empty: %s", bpf_map__name(map),
			    name, why);
	if (fit != CARRY_CONVERTS)
		return fit < 0 ? fit : 0;
	list = realloc(g->carried, (g->n_carried + 1) * sizeof(*list));
	if (!list) {
		carry_map_close(from);
		return diag_fail(diag, -ENOMEM, "maps", "no memory");
	}
	g->carried = list;
	list[g->n_carried++] = (struct generation_carried){module, map, from};
	return 0;
}

/* loader_before_fn */
static int generation_reuse(void *user, uint32_t module, struct visor_diag *diag)
{
	struct generation *g = user;
	const struct record *now = g->lv->now, *w = g->wanted;
	int64_t old = now ? record_find_module(now, w->modules[module].name) : -1;
	bool same = old >= 0 && !strcmp(now->modules[old].content, w->modules[module].content);
	struct bpf_map *map;

	bpf_object__for_each_map(map, g->loader.modules[module].obj)
	{
		int fd, err;

		/* Where the chain's maps are is the chain's to say. */
		err = bpf_map__set_pin_path(map, NULL);
		if (err)
			return diag_fail(diag, err, "load", "cannot unpin the map '%s'",
					 bpf_map__name(map));
		if (old < 0)
			continue;
		fd = generation_old_map(g, module, map, same);
		if (fd < 0)
			continue;
		err = generation_take_over(g, module, map, fd, diag);
		close(fd);
		if (err) {
			diag_in(diag, "%s: map '%s'", w->modules[module].name, bpf_map__name(map));
			return err;
		}
	}
	return 0;
}

/* ---- what is in maps whose layout changed
 * ------------------------------------------------------------ */

static void generation_carried_remarks(struct generation *g, const struct generation_carried *c,
				       const struct carry_report *r)
{
	const char *name = bpf_map__name(c->map), *module = g->wanted->modules[c->module].name;

	live_remark(g->lv, "map '%s' of module '%s' is another now: %llu entries went over%s%s",
		    name, module, (unsigned long long)r->entries,
		    *carry_map_why(c->from) ? ", but for " : "", carry_map_why(c->from));
	if (r->dropped)
		live_remark(g->lv,
			    "map '%s' of module '%s': %llu entries have keys that the new "
			    "one cannot have, and stay behind",
			    name, module, (unsigned long long)r->dropped);
	if (r->merged)
		live_remark(g->lv,
			    "map '%s' of module '%s': %llu entries stay behind, since their "
			    "keys are now the same as others'",
			    name, module, (unsigned long long)r->merged);
	if (r->loss.n)
		live_remark(g->lv,
			    "map '%s' of module '%s': %llu numbers, of '%s' for one, do not "
			    "fit: they are the nearest that do",
			    name, module, (unsigned long long)r->loss.n, r->loss.member);
}

static int generation_carry(struct generation *g, struct visor_diag *diag)
{
	for (uint32_t i = 0; i < g->n_carried; i++) {
		const struct generation_carried *c = &g->carried[i];
		struct carry_report r;
		int err = carry_map_copy(c->from, bpf_map__fd(c->map), &r, diag);

		if (err) {
			diag_in(diag, "%s: map '%s'", g->wanted->modules[c->module].name,
				bpf_map__name(c->map));
			return err;
		}
		generation_carried_remarks(g, c, &r);
	}
	return 0;
}

/* What the programs before added until they were out of the way. */
static void generation_carry_late(struct generation *g)
{
	for (uint32_t i = 0; i < g->n_carried; i++) {
		const struct generation_carried *c = &g->carried[i];
		const char *name = bpf_map__name(c->map);
		uint64_t added, left;
		int err = carry_map_late(c->from, bpf_map__fd(c->map), &added, &left);

		if (err || left)
			live_remark(g->lv,
				    "map '%s' of module '%s': entries that came while the change "
				    "was made stay behind (%s)",
				    name, g->wanted->modules[c->module].name,
				    err ? strerror(-err) : "the new map is full");
	}
}

static bool generation_loads(const struct generation *g, uint32_t module)
{
	for (uint32_t i = 0; i < g->wanted->n_inputs; i++)
		if (g->wanted->inputs[i].module == module && g->change->inputs[i].load)
			return true;
	return false;
}

/* A module's maps are filled when it is new, and when the chain file says something else now. */
static bool generation_fills(const struct generation *g, uint32_t module)
{
	const struct record_module *m = &g->wanted->modules[module];
	int64_t old = g->lv->now ? record_find_module(g->lv->now, m->name) : -1;

	return old < 0 || strcmp(g->lv->now->modules[old].maps, m->maps) != 0;
}

static int generation_load(struct generation *g, struct visor_diag *diag)
{
	const struct record *w = g->wanted;
	int err = 0;

	g->loader.slots_fd = g->lv->slots_fd;
	g->loader.counters_fd = g->lv->counters_fd;
	g->loader.stride = record_stride(w);
	g->loader.n_cpus = w->n_cpus;
	g->loader.timed = true;
	g->loader.before = generation_reuse;
	g->loader.user = g;
	for (uint32_t i = 0; i < w->n_inputs; i++) {
		g->loader.inputs[i].skip = !g->change->inputs[i].load;
		g->loader.inputs[i].slot = w->inputs[i].slot;
		g->loader.inputs[i].row = w->inputs[i].row;
		g->report->loaded += g->change->inputs[i].load;
	}
	/* A module that stays as it is may still get other contents. */
	for (uint32_t i = 0; !err && i < w->n_modules; i++)
		if (generation_fills(g, i) || generation_loads(g, i))
			err = loader_load(&g->loader, i, diag);
	/* As late as can be, since the maps are in use; what the chain file says comes on top. */
	if (!err)
		err = generation_carry(g, diag);
	for (uint32_t i = 0; !err && i < w->n_modules; i++)
		if (generation_fills(g, i))
			err = module_fill(g->loader.modules[i].obj, g->loader.desc->tree,
					  g->loader.desc->modules[i].maps, diag);
	for (uint32_t i = 0; !err && i < w->n_inputs; i++) {
		g->fds[i] = g->loader.inputs[i].fd;
		if (g->change->inputs[i].load)
			continue;
		g->fds[i] = place_get(&g->lv->place, "g%u/prog/%s/%s", g->lv->now->generation,
				      w->modules[w->inputs[i].module].name, w->inputs[i].program);
		if (g->fds[i] < 0)
			err = diag_fail(diag, g->fds[i], "place",
					"program '%s' of module '%s' is missing from the chain's "
					"folder",
					w->inputs[i].program, w->modules[w->inputs[i].module].name);
	}
	return err;
}

/* ---- pinning
 * ------------------------------------------------------------------------------------------ */

static int generation_pin_maps(struct generation *g, uint32_t module)
{
	const struct live *lv = g->lv;
	const char *name = g->wanted->modules[module].name;
	struct bpf_map *map;
	char from[160], to[160];
	int err = 0;

	if (!generation_loads(g, module) && !generation_fills(g, module)) {
		snprintf(from, sizeof(from), "g%u/map/%s", lv->now->generation, name);
		snprintf(to, sizeof(to), "g%u/map/%s", g->wanted->generation, name);
		return place_copy(&lv->place, from, to);
	}
	bpf_object__for_each_map(map, g->loader.modules[module].obj)
	{
		if (!err && bpf_map__fd(map) >= 0)
			err = place_pin(&lv->place, bpf_map__fd(map), "g%u/map/%s/%s",
					g->wanted->generation, name, bpf_map__name(map));
	}
	return err;
}

static int generation_pin(struct generation *g, struct visor_diag *diag)
{
	const struct record *w = g->wanted;
	int err = 0;

	for (uint32_t i = 0; !err && i < w->n_modules; i++)
		err = generation_pin_maps(g, i);
	for (uint32_t i = 0; !err && i < w->n_inputs; i++)
		err = place_pin(&g->lv->place, g->fds[i], "g%u/prog/%s/%s", w->generation,
				w->modules[w->inputs[i].module].name, w->inputs[i].program);
	return err ? diag_fail(diag, err, "place", "cannot pin the new generation") : 0;
}

/* ---- slots
 * ---------------------------------------------------------------------------------------------- */

/* A program that hands on what comes from one port to another, the caller's to close. */
static int generation_forward(struct generation *g, uint32_t port, struct visor_diag *diag)
{
	const struct record *w = g->wanted;
	struct bpf_insn insns[STITCH_FORWARD_INSNS];
	uint32_t n = stitch_forward(w->ports[w->ports[port].target].ifindex, insns);
	union bpf_attr attr = {.prog_type = g->loader.hook->prog_type,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = n,
			       .license = (uintptr_t) "Dual BSD/GPL",
			       /* All programs of a program array have the same. */
			       .expected_attach_type = w->hook == CHAIN_HOOK_XDP ? BPF_XDP : 0};
	int fd;

	snprintf(attr.prog_name, sizeof(attr.prog_name), "visor_forward");
	fd = load_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? diag_fail(diag, fd, "load", "cannot load the program of port '%s'",
				  w->ports[port].name)
		      : fd;
}

/* The descriptor of what goes into a slot; *own: to be closed. */
static int generation_slot_fd(struct generation *g, const struct change_slot *s, bool *own,
			      struct visor_diag *diag)
{
	*own = s->what == PLAN_TO_PORT;
	return *own ? generation_forward(g, s->index, diag) : g->fds[s->index];
}

static int generation_fresh(struct generation *g, struct visor_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < g->change->n_fresh; i++) {
		const struct change_slot *s = &g->change->fresh[i];
		bool own;
		int fd = generation_slot_fd(g, s, &own, diag);

		if (fd < 0)
			return fd;
		err = live_slot_set(g->lv, s->slot, fd);
		if (own)
			close(fd);
		if (err)
			diag_fail(diag, err, "load", "cannot put a program into slot %u", s->slot);
	}
	return err;
}

static void zero_rows(const struct generation *g, uint32_t row, uint32_t n)
{
	for (uint32_t cpu = 0; cpu < g->wanted->n_cpus; cpu++)
		memset(g->lv->counters + (size_t)cpu * record_stride(g->wanted) + counters_at(row),
		       0, n * sizeof(struct counter_row));
}

/* Counters that begin with this generation. */
static void generation_zero_rows(struct generation *g)
{
	const struct record *w = g->wanted, *now = g->lv->now;

	for (uint32_t i = 0; i < w->n_inputs; i++) {
		const struct record_input *in = &w->inputs[i];

		if (g->change->inputs[i].old < 0 ||
		    now->inputs[g->change->inputs[i].old].row != in->row)
			zero_rows(g, in->row, in->n_rows);
	}
	for (uint32_t i = 0; i < w->n_ports; i++)
		if (!now || record_find_port(now, w->ports[i].name) < 0)
			zero_rows(g, w->ports[i].row, RECORD_PORT_ROWS);
}

/* ---- record and switch
 * --------------------------------------------------------------------------------- */

int live_write_record(struct live *lv, const struct record *r, struct visor_diag *diag)
{
	struct record *again;
	char *text = NULL;
	size_t len;
	int fd, err = record_format(r, &text, &len);
	uint32_t key = 0;

	if (err)
		return diag_fail(diag, err, "record", "no memory");
	/* What could not be read again must not become the chain's memory. */
	err = record_parse("record", text, len, &again, diag);
	if (err) {
		free(text);
		return err;
	}
	record_free(again);
	fd = loader_map(BPF_MAP_TYPE_ARRAY, "chain_record", (uint32_t)ALIGN_UP(len + 1, 8), 1, 0,
			diag);
	if (fd < 0) {
		free(text);
		return fd;
	}
	text = realloc(text, ALIGN_UP(len + 1, 8));
	if (text) {
		union bpf_attr attr = {
			.map_fd = (uint32_t)fd, .key = (uintptr_t)&key, .value = (uintptr_t)text};

		memset(text + len, 0, ALIGN_UP(len + 1, 8) - len);
		err = MIN(load_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
	} else {
		err = -ENOMEM;
	}
	if (!err)
		err = place_pin(&lv->place, fd, "g%u/record", r->generation);
	close(fd);
	free(text);
	return err ? diag_fail(diag, err, "record", "cannot write the chain's record") : 0;
}

static int generation_keep(const struct generation *g, uint32_t slot, uint32_t id)
{
	int fd = live_prog_by_id(id), err;

	if (fd < 0)
		return fd;
	err = place_pin(&g->lv->place, fd, "g%u/was/%u", g->wanted->generation, slot);
	close(fd);
	return err;
}

/* The visible writes with their programs; fds are kept open for the switch. */
static int generation_writes(struct generation *g, int *fds, struct visor_diag *diag)
{
	struct record *w = g->wanted;

	w->writes = calloc(g->change->n_visible + 1, sizeof(*w->writes));
	if (!w->writes)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	for (uint32_t i = 0; i < g->change->n_visible; i++) {
		const struct change_slot *s = &g->change->visible[i];
		int64_t before = live_slot_get(g->lv, s->slot), after;
		bool own;
		int fd = generation_slot_fd(g, s, &own, diag);

		if (fd < 0)
			return fd;
		fds[i] = own ? fd : dup(fd);
		after = live_prog_id(fd);
		if (before < 0 || after < 0 || fds[i] < 0)
			return diag_fail(diag, -EIO, "load", "cannot see what is in slot %u",
					 s->slot);
		/* What is replaced must outlive its slot, should it be wanted back. */
		if (before && generation_keep(g, s->slot, (uint32_t)before))
			return diag_fail(diag, -EIO, "place", "cannot pin what is in slot %u",
					 s->slot);
		if (own) {
			int err = place_pin(&g->lv->place, fd, "g%u/forward/%u", w->generation,
					    s->slot);

			if (err)
				return diag_fail(diag, err, "place", "cannot pin a program");
		}
		w->writes[w->n_writes++] =
			(struct record_write){s->slot, (uint32_t)before, (uint32_t)after};
	}
	return 0;
}

static int generation_commit(struct generation *g, struct visor_diag *diag)
{
	uint32_t n = g->change->n_visible;
	int *fds = calloc(n + 1, sizeof(*fds));
	uint64_t start;
	int err;

	if (!fds)
		return diag_fail(diag, -ENOMEM, "plan", "no memory");
	for (uint32_t i = 0; i < n; i++)
		fds[i] = -1;
	err = generation_writes(g, fds, diag);
	if (!err)
		err = live_write_record(g->lv, g->wanted, diag);
	start = live_now();
	for (uint32_t i = 0; !err && i < n; i++) {
		err = live_slot_set(g->lv, g->wanted->writes[i].slot, fds[i]);
		if (!err)
			continue;
		diag_fail(diag, err, "load", "cannot switch slot %u", g->wanted->writes[i].slot);
		/* What is switched already goes back: the old programs are still pinned. */
		live_undo_writes(g->lv, g->wanted, i);
	}
	g->report->switch_ns = live_now() - start;
	g->report->writes = n;
	for (uint32_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	return err;
}

/* ---- all of it
 * -------------------------------------------------------------------------------------------- */

static int generation_build(struct generation *g, struct visor_diag *diag)
{
	struct live *lv = g->lv;
	int err = live_maps(lv, g->wanted, !lv->now, diag);

	if (!err)
		err = live_ports_stubs(lv, g->wanted, diag);
	if (!err)
		err = generation_load(g, diag);
	if (!err)
		err = generation_pin(g, diag);
	if (!err) {
		generation_zero_rows(g);
		err = generation_fresh(g, diag);
	}
	return err;
}

static void generation_end(struct generation *g)
{
	for (uint32_t i = 0; g->fds && i < g->plan->n_inputs; i++)
		if (g->change && !g->change->inputs[i].load && g->fds[i] >= 0)
			close(g->fds[i]);
	free(g->fds);
	for (uint32_t i = 0; i < g->n_carried; i++)
		carry_map_close(g->carried[i].from);
	free(g->carried);
	loader_free(&g->loader);
	change_free(g->change);
	plan_free(g->plan);
	record_free(g->wanted);
}

/* What an interrupted change to that generation may have left, before it had a record. */
static int generation_clean(const struct live *lv, uint32_t generation, struct visor_diag *diag)
{
	int err = place_remove(&lv->place, "g%u", generation);

	return err ? diag_fail(diag, err, "place", "cannot remove what is left of generation %u",
			       generation)
		   : 0;
}

static void generation_warn(void *user, const struct visor_diag *remark)
{
	const struct live *lv = user;

	if (lv->opts->warn)
		lv->opts->warn(lv->opts->user, remark);
}

/* Taps must not bring anything else that is new with them. */
static int generation_check_taps(const struct generation *g, struct visor_diag *diag)
{
	const struct record *w = g->wanted, *now = g->lv->now;

	for (uint32_t i = 0; w->tapper && i < w->n_modules; i++) {
		const struct record_module *m = &w->modules[i];
		int64_t old = record_find_module(now, m->name);

		if (m->tap || (old >= 0 && !strcmp(now->modules[old].content, m->content)))
			continue;
		diag_fail(diag, -ESTALE, "plan",
			  "the object of module '%s' is another one now than the running one: to "
			  "tap the chain would change it",
			  m->name);
		diag_at(diag, "%s", m->object);
		diag_hint(diag,
			  "visor apply %s makes the chain what its file says now, then tap it",
			  w->file);
		return -ESTALE;
	}
	return 0;
}

int live_change(struct live *lv, struct chain_desc *desc, struct record *wanted,
		struct live_report *report, struct visor_diag *diag)
{
	struct generation g = {.lv = lv, .wanted = wanted, .report = report};
	uint64_t start = live_now();
	int err;

	g.loader.session = &lv->session;
	g.loader.slots_fd = g.loader.counters_fd = -1;
	err = live_ports_resolve(lv, desc, diag);
	if (!err)
		err = loader_open(&g.loader, desc, diag);
	if (!err)
		err = loader_plan(&g.loader, generation_warn, lv, &g.plan, diag);
	if (!err)
		err = generation_describe(&g, diag);
	if (err)
		goto out;
	if (lv->now && lv->now->hook != wanted->hook) {
		err = diag_fail(diag, -EINVAL, "plan",
				"the chain is up for %s: it cannot become one for %s",
				hook_get(lv->now->hook)->name, hook_get(wanted->hook)->name);
		diag_hint(diag, "visor down %s, then up again", lv->place.name);
		goto out;
	}
	generation_sizes(&g);
	err = generation_check_taps(&g, diag);
	if (err)
		goto out;
	err = change_make(lv->now, lv->before, wanted, &g.change, diag);
	if (err || g.change->nothing) {
		report->generation = lv->now ? lv->now->generation : 0;
		goto out;
	}
	g.fds = calloc(wanted->n_inputs + 1, sizeof(*g.fds));
	if (!g.fds) {
		err = diag_fail(diag, -ENOMEM, "plan", "no memory");
		goto out;
	}
	for (uint32_t i = 0; i < wanted->n_inputs; i++)
		g.fds[i] = -1;
	err = generation_clean(lv, wanted->generation, diag);
	if (!err)
		err = generation_build(&g, diag);
	report->load_ns = live_now() - start;
	if (!err)
		err = generation_commit(&g, diag);
	if (err) {
		place_remove(&lv->place, "g%u", wanted->generation);
		goto out;
	}
	generation_carry_late(&g);
	report->changed = true;
	report->aside = g.change->aside;
	report->generation = wanted->generation;
	/* A generation with taps will go again, and all must then be as it was before. */
	if (wanted->tapper)
		lv->beyond = lv->before;
	else
		record_free(lv->before);
	lv->before = lv->now;
	lv->now = wanted;
	g.wanted = NULL;
out:
	generation_end(&g);
	/* Also if nothing changes: a command that was interrupted may have left things undone. */
	return err ? err : live_finish(lv, diag);
}

/* ---- back
 * ----------------------------------------------------------------------------------------------------
 */

/* Pins of the old generation under the new one's number; nothing is loaded. */
static int back_pins(struct live *lv, const struct record *old, uint32_t generation)
{
	static const char *const kinds[] = {"prog", "map"};
	int err = 0;

	for (size_t k = 0; !err && k < ARRAY_SIZE(kinds); k++)
		for (uint32_t m = 0; !err && m < old->n_modules; m++) {
			char from[160], to[160];

			snprintf(from, sizeof(from), "g%u/%s/%s", old->generation, kinds[k],
				 old->modules[m].name);
			snprintf(to, sizeof(to), "g%u/%s/%s", generation, kinds[k],
				 old->modules[m].name);
			err = place_copy(&lv->place, from, to);
		}
	return err;
}

int live_change_back(struct live *lv, struct live_report *report, struct visor_diag *diag)
{
	struct record *was = lv->now, *back = lv->before;
	uint32_t number = was->generation + 1, generation = back->generation;
	struct record_write *writes = calloc(was->n_writes + 1, sizeof(*writes));
	uint64_t start = live_now();
	int err = writes ? 0 : diag_fail(diag, -ENOMEM, "plan", "no memory");

	for (uint32_t i = 0; !err && i < was->n_writes; i++)
		writes[i] = (struct record_write){was->writes[i].slot, was->writes[i].after,
						  was->writes[i].before};
	if (!err)
		err = generation_clean(lv, number, diag);
	if (!err) {
		err = back_pins(lv, back, number);
		if (err)
			diag_fail(diag, err, "place", "cannot pin the generation");
	}
	/* Those of ports that were taken away are gone. */
	if (!err)
		err = live_ports_stubs(lv, back, diag);
	if (!err) {
		struct record_write *old = back->writes;
		uint32_t n = back->n_writes;

		back->generation = number;
		back->writes = writes;
		back->n_writes = was->n_writes;
		err = live_write_record(lv, back, diag);
		if (err) {
			back->generation = generation;
			back->writes = old;
			back->n_writes = n;
		} else {
			free(old);
			writes = NULL;
		}
	}
	report->load_ns = live_now() - start;
	if (!err) {
		err = live_redo_writes(lv, back, &report->switch_ns);
		if (err)
			diag_fail(diag, err, "load", "cannot switch back");
	}
	free(writes);
	if (err) {
		place_remove(&lv->place, "g%u", number);
		return err;
	}
	report->changed = true;
	report->generation = number;
	report->writes = back->n_writes;
	lv->now = back;
	lv->before = was;
	return live_finish(lv, diag);
}
