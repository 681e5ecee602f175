/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/tap.c - see tap.h.
 *
 * The links of the description are written anew from the running record, each with the program that
 * it comes from and the output: only so can a single edge be cut, whatever the chain file's short
 * forms stood for.
 */
#include "chain/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/counters.h"
#include "chain/live_impl.h"
#include "map/map.h"

#define TAP_KEPT_BYTES (64u << 20) /* of records that wait for older ones */

/* ---- edges ---------------------------------------------------------------------------------- */

void tap_input_name(const struct record *r, uint32_t input, char *out, size_t size)
{
	const struct record_input *in = &r->inputs[input];
	uint32_t siblings = 0;

	for (uint32_t i = 0; i < r->n_inputs; i++)
		siblings += r->inputs[i].module == in->module;
	if (siblings > 1)
		snprintf(out, size, "%s.%s", r->modules[in->module].name, in->program);
	else
		snprintf(out, size, "%s", r->modules[in->module].name);
}

static bool tap_is(const struct record *r, uint32_t input)
{
	return r->modules[r->inputs[input].module].tap != NULL;
}

const struct record_output *tap_through(const struct record *r, const struct record_output *o)
{
	/* A damaged record may go round. */
	for (uint32_t left = r->n_inputs; o && left--;) {
		const struct record_input *in;

		if (o->to == STITCH_RETURN)
			return NULL;
		if (o->to == STITCH_PORT || !tap_is(r, o->target))
			return o;
		in = &r->inputs[o->target];
		o = in->n_outputs ? &in->outputs[0] : NULL;
	}
	return NULL;
}

static const struct record_output *tap_output(const struct record_input *in, uint32_t row)
{
	for (uint32_t i = 0; i < in->n_outputs; i++)
		if (in->outputs[i].row == row)
			return &in->outputs[i];
	return NULL;
}

static void tap_end_name(const struct record *r, bool port, uint32_t index, char *out, size_t size)
{
	if (port)
		snprintf(out, size, "%s", r->ports[index].name);
	else
		tap_input_name(r, index, out, size);
}

static void tap_edge_of_output(const struct record *r, uint32_t input, uint32_t row,
			       struct tap_edge *e)
{
	const struct record_input *in = &r->inputs[input];
	const struct hook *hook = hook_get(r->hook);
	const struct record_output *o = tap_output(in, row), *goal = tap_through(r, o);
	char from[120];

	*e = (struct tap_edge){.port = -1, .input = input, .row = row, .named = row >= hook->n};
	tap_input_name(r, input, from, sizeof(from));
	snprintf(e->name, sizeof(e->name), "%s:%s", from,
		 e->named ? o->name : hook->verdicts[row].name);
	e->linked = goal != NULL;
	e->end = !goal || goal->to == STITCH_PORT;
	if (goal) {
		e->verdict = hook->pass;
		tap_end_name(r, goal->to == STITCH_PORT, goal->target, e->to, sizeof(e->to));
	} else {
		e->verdict = e->named ? hook->drop : (uint32_t)(hook->first + (int32_t)row);
	}
}

int tap_edges(const struct record *r, struct tap_edge **out, uint32_t *n)
{
	const struct hook *hook = hook_get(r->hook);
	size_t max = r->n_ports + 1;
	struct tap_edge *edges;

	*n = 0;
	for (uint32_t i = 0; i < r->n_inputs; i++)
		max += r->inputs[i].n_rows;
	*out = edges = calloc(max, sizeof(*edges));
	if (!edges)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_ports; i++) {
		const struct record_port *p = &r->ports[i];
		bool to_port = p->entry == PLAN_TO_PORT;
		uint32_t target = p->target;
		struct tap_edge *e = &edges[*n];

		if (p->entry == PLAN_NOWHERE)
			continue;
		if (!to_port && tap_is(r, target)) {
			const struct record_output none = {.to = STITCH_SLOT, .target = target};
			const struct record_output *goal = tap_through(r, &none);

			if (!goal)
				continue;
			to_port = goal->to == STITCH_PORT;
			target = goal->target;
		}
		*e = (struct tap_edge){
			.port = i, .linked = true, .end = to_port, .verdict = hook->pass};
		snprintf(e->name, sizeof(e->name), "%s", p->name);
		tap_end_name(r, to_port, target, e->to, sizeof(e->to));
		(*n)++;
	}
	for (uint32_t i = 0; i < r->n_inputs; i++)
		for (uint32_t row = 0; !tap_is(r, i) && row < COUNTERS_OTHER(r->inputs[i].n_rows);
		     row++)
			if (row < hook->n || tap_output(&r->inputs[i], row))
				tap_edge_of_output(r, i, row, &edges[(*n)++]);
	return 0;
}

/* ---- into the description -------------------------------------------------------------------- */

struct tap_ring {
	struct tap *tap;
	struct ring_buffer *ring;
	int records_fd, lost_fd;
};

struct tap_item {
	uint64_t number; /* as it was taken out of its ring */
	struct tap_record *r;
};

struct tap {
	struct live_opts opts;
	char chain[64];
	struct place place;
	struct load_session session;
	uint32_t generation, snaplen;
	enum chain_hook hook;
	const char *wanted; /* edge, or NULL: all; while it is being opened */
	struct tap_edge *edges;
	uint32_t n_edges;
	char (*names)[24], (*settings)[3][32]; /* beside edges */
	const char *input;
	struct tap_ring *rings; /* beside edges */
	/* Records that were read, and the time up to which nothing of a CPU is missing. */
	struct tap_item *items;
	uint32_t n_items, max_items;
	size_t bytes;
	uint64_t number, dropped;
	uint64_t *sure, *seen; /* of each CPU */
	uint32_t n_cpus;
};

/* The other verdicts of a tc program are as good as never returned. */
static bool tap_is_worth(const struct hook *hook, const struct tap_edge *e)
{
	static const char *const often[] = {"pass", "next", "drop", "redirect", "tx", "aborted"};

	if (e->port >= 0 || e->linked || e->named)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(often); i++)
		if (!strcmp(hook->verdicts[e->row].name, often[i]))
			return true;
	return false;
}

/* "acl:pass" may also be given as "acl" or "acl.acl_xdp:pass". */
static bool tap_is_named(const struct record *r, const struct tap_edge *e, const char *name)
{
	const struct record_input *in = e->port >= 0 ? NULL : &r->inputs[e->input];
	const char *output = strrchr(e->name, ':');
	char text[200];

	if (!strcmp(e->name, name))
		return true;
	if (!in || !output)
		return false;
	if (!strcmp(output, ":pass") && !strncmp(e->name, name, (size_t)(output - e->name)) &&
	    !name[output - e->name])
		return true;
	snprintf(text, sizeof(text), "%s.%s%s", r->modules[in->module].name, in->program, output);
	return !strcmp(text, name) ||
	       (!strcmp(output, ":pass") && !strncmp(text, name, strlen(text) - 5) &&
		!name[strlen(text) - 5]);
}

static int tap_choose(struct tap *t, const struct record *r, struct visor_diag *diag)
{
	struct tree_guess guess = {.wrong = t->wanted ? t->wanted : ""};
	struct tap_edge *all;
	uint32_t n, kept = 0;
	int err = tap_edges(r, &all, &n);

	if (err)
		return diag_fail(diag, err, "tap", "no memory");
	for (uint32_t i = 0; i < n; i++) {
		tree_guess_add(&guess, all[i].name);
		if (t->wanted ? tap_is_named(r, &all[i], t->wanted)
			      : tap_is_worth(hook_get(r->hook), &all[i]))
			all[kept++] = all[i];
	}
	t->edges = all;
	t->n_edges = kept;
	if (t->wanted && kept > 1)
		t->n_edges = 1; /* a port called as a module cannot be; the first it is */
	if (kept)
		return 0;
	diag_fail(diag, -ENOENT, "tap", "the chain has no edge '%s'", t->wanted);
	tree_guess_hint(&guess, diag);
	if (diag && !diag->hint[0])
		diag_hint(diag, "an edge is a port, or MODULE:OUTPUT; visor status %s shows them",
			  t->chain);
	return -ENOENT;
}

static int64_t tap_on(const struct tap *t, int64_t port, uint32_t input, uint32_t row)
{
	for (uint32_t i = 0; i < t->n_edges; i++)
		if (t->edges[i].port == port &&
		    (port >= 0 || (t->edges[i].input == input && t->edges[i].row == row)))
			return i;
	return -1;
}

static void tap_link(struct chain_desc *desc, struct chain_desc_end from, struct chain_desc_end to)
{
	desc->links[desc->n_links++] = (struct chain_desc_link){from, to};
}

static struct chain_desc_end tap_target(const struct record *r, bool port, uint32_t index)
{
	const struct record_input *in = &r->inputs[index];

	if (port)
		return (struct chain_desc_end){.node = r->ports[index].name};
	return (struct chain_desc_end){.node = r->modules[in->module].name, .input = in->program};
}

/* A link, or the two of a tap. target NULL: the tap's verdict holds. */
static void tap_cut(struct tap *t, struct chain_desc *desc, struct chain_desc_end from,
		    int64_t edge, const struct chain_desc_end *target)
{
	struct chain_desc_end tap = {.input = t->input};

	if (edge < 0) {
		if (target)
			tap_link(desc, from, *target);
		return;
	}
	tap.node = t->names[edge];
	tap_link(desc, from, tap);
	tap.output = "pass";
	if (target)
		tap_link(desc, tap, *target);
}

static int tap_links(struct tap *t, const struct record *r, struct chain_desc *desc)
{
	const struct hook *hook = hook_get(r->hook);
	size_t n = r->n_ports + t->n_edges + 1;

	for (uint32_t i = 0; i < r->n_inputs; i++)
		n += r->inputs[i].n_rows;
	free(desc->links);
	desc->n_links = 0;
	desc->links = calloc(n, sizeof(*desc->links));
	if (!desc->links)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_ports; i++) {
		const struct record_port *p = &r->ports[i];
		struct chain_desc_end to;

		if (p->entry == PLAN_NOWHERE)
			continue;
		to = tap_target(r, p->entry == PLAN_TO_PORT, p->target);
		tap_cut(t, desc, (struct chain_desc_end){.node = p->name}, tap_on(t, i, 0, 0), &to);
	}
	for (uint32_t i = 0; i < r->n_inputs; i++) {
		const struct record_input *in = &r->inputs[i];
		struct chain_desc_end from = {.node = r->modules[in->module].name,
					      .input = in->program};

		/* Linked outputs first, as they come; what is likely comes early. */
		for (uint32_t k = 0; k < in->n_outputs; k++) {
			const struct record_output *o = &in->outputs[k];
			struct chain_desc_end to = {0};

			from.output = o->name;
			if (o->to != STITCH_RETURN)
				to = tap_target(r, o->to == STITCH_PORT, o->target);
			tap_cut(t, desc, from, tap_on(t, -1, i, o->row), to.node ? &to : NULL);
		}
		for (uint32_t row = 0; row < hook->n; row++) {
			from.output = hook->verdicts[row].name;
			if (!tap_output(in, row))
				tap_cut(t, desc, from, tap_on(t, -1, i, row), NULL);
		}
	}
	return 0;
}

/* The n modules that are the taps, behind the others. */
static int tap_modules(struct tap *t, const struct record *r, struct chain_desc *desc,
		       struct record *wanted)
{
	uint32_t old = desc->n_modules, n = old + t->n_edges;
	struct chain_desc_module *modules = reallocarray(desc->modules, n, sizeof(*modules));
	struct record_module *rec;

	if (!modules)
		return -ENOMEM;
	desc->modules = modules;
	rec = reallocarray(wanted->modules, n, sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	wanted->modules = rec;
	for (uint32_t i = 0, number = 0; i < t->n_edges; i++) {
		const struct tap_edge *e = &t->edges[i];
		const char **settings = calloc(3, sizeof(*settings));

		do
			snprintf(t->names[i], sizeof(t->names[i]), "tap%u", ++number);
		while (record_find_module(r, t->names[i]) >= 0 ||
		       record_find_port(r, t->names[i]) >= 0);
		snprintf(t->settings[i][0], sizeof(t->settings[i][0]), "edge=%u", i);
		snprintf(t->settings[i][1], sizeof(t->settings[i][1]), "snaplen=%u", t->snaplen);
		snprintf(t->settings[i][2], sizeof(t->settings[i][2]), "verdict=%u", e->verdict);
		modules[old + i] = (struct chain_desc_module){
			.name = t->names[i], .object = strdup("tap"), .settings = settings};
		desc->n_modules++;
		rec[old + i] = (struct record_module){.tap = strdup(e->name)};
		wanted->n_modules++;
		for (int k = 0; settings && k < 3; k++)
			settings[k] = t->settings[i][k];
		modules[old + i].n_settings = settings ? 3 : 0;
		if (!settings || !modules[old + i].object || !rec[old + i].tap)
			return -ENOMEM;
	}
	return 0;
}

/* live_tap_fn */
static int tap_insert(void *user, const struct record *running, struct chain_desc *desc,
		      struct record *wanted, struct visor_diag *diag)
{
	struct tap *t = user;
	int err = tap_choose(t, running, diag);

	if (err)
		return err;
	t->hook = running->hook;
	t->input = running->hook == CHAIN_HOOK_XDP ? "tap_xdp" : "tap_tc";
	/* With taps at every end, all that the links name would be of both hooks. */
	desc->hook = running->hook;
	t->names = calloc(t->n_edges, sizeof(*t->names));
	t->settings = calloc(t->n_edges, sizeof(*t->settings));
	if (!t->names || !t->settings)
		err = -ENOMEM;
	if (!err)
		err = tap_modules(t, running, desc, wanted);
	if (!err)
		err = tap_links(t, running, desc);
	return err ? diag_fail(diag, err, "tap", "no memory") : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int tap_take(struct tap *t, const void *data, size_t size)
{
	const struct tap_record *r = data;
	struct tap_record *copy;

	/* The ring is memory that others can write. */
	if (size < sizeof(*r) || r->captured > size - sizeof(*r) || r->edge >= t->n_edges)
		return 0;
	if (t->bytes > TAP_KEPT_BYTES) {
		t->dropped++;
		return 0;
	}
	if (t->n_items == t->max_items) {
		uint32_t max = t->max_items ? 2 * t->max_items : 256;
		struct tap_item *more = reallocarray(t->items, max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->items = more;
		t->max_items = max;
	}
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	/* What was checked may have been changed since. */
	copy->captured = (uint32_t)MIN((size_t)copy->captured, size - sizeof(*copy));
	copy->edge = MIN(copy->edge, t->n_edges - 1);
	copy->cpu = MIN(copy->cpu, t->n_cpus - 1);
	t->seen[copy->cpu] = MAX(t->seen[copy->cpu], copy->time);
	t->bytes += size;
	t->items[t->n_items++] = (struct tap_item){t->number++, copy};
	return 0;
}

static int tap_sample(void *user, void *data, size_t size)
{
	const struct tap_ring *ring = user;

	return tap_take(ring->tap, data, size);
}

static int tap_open_rings(struct tap *t, struct visor_diag *diag)
{
	t->rings = calloc(t->n_edges, sizeof(*t->rings));
	if (!t->rings)
		return diag_fail(diag, -ENOMEM, "tap", "no memory");
	for (uint32_t i = 0; i < t->n_edges; i++)
		t->rings[i].records_fd = t->rings[i].lost_fd = -1;
	for (uint32_t i = 0; i < t->n_edges; i++) {
		struct tap_ring *ring = &t->rings[i];

		ring->tap = t;
		ring->records_fd =
			place_get(&t->place, "g%u/map/%s/records", t->generation, t->names[i]);
		ring->lost_fd = place_get(&t->place, "g%u/map/%s/lost", t->generation, t->names[i]);
		if (ring->records_fd >= 0 && ring->lost_fd >= 0)
			ring->ring = ring_buffer__new(ring->records_fd, tap_sample, ring, NULL);
		if (!ring->ring)
			return diag_fail(diag, -EIO, "tap", "cannot open the records of '%s'",
					 t->edges[i].name);
	}
	return 0;
}

static void tap_free(struct tap *t)
{
	for (uint32_t i = 0; t->rings && i < t->n_edges; i++) {
		ring_buffer__free(t->rings[i].ring);
		if (t->rings[i].records_fd >= 0)
			close(t->rings[i].records_fd);
		if (t->rings[i].lost_fd >= 0)
			close(t->rings[i].lost_fd);
	}
	for (uint32_t i = 0; i < t->n_items; i++)
		free(t->items[i].r);
	free(t->items);
	free(t->rings);
	free(t->names);
	free(t->settings);
	free(t->edges);
	free(t->sure);
	free(t->seen);
	free(t);
}

int tap_open(const struct live_opts *opts, const char *chain, const char *edge, uint32_t snaplen,
	     struct tap **out, struct live_report *report, struct visor_diag *diag)
{
	struct tap *t = calloc(1, sizeof(*t));
	struct load_session *outside;
	int err;

	*out = NULL;
	if (!t)
		return diag_fail(diag, -ENOMEM, "tap", "no memory");
	t->opts = *opts;
	t->wanted = edge;
	t->snaplen = MIN(snaplen, (uint32_t)TAP_MAX_SNAPLEN);
	t->session.visor = opts->visor;
	t->n_cpus = map_possible_cpus();
	t->sure = calloc(t->n_cpus, sizeof(*t->sure));
	t->seen = calloc(t->n_cpus, sizeof(*t->seen));
	snprintf(t->chain, sizeof(t->chain), "%s", chain);
	err = t->sure && t->seen ? 0 : diag_fail(diag, -ENOMEM, "tap", "no memory");
	if (!err)
		err = live_tap(opts, chain, tap_insert, t, report, diag);
	if (err) {
		tap_free(t);
		return err;
	}
	t->wanted = NULL;
	t->generation = report->generation;
	outside = load_enter(&t->session);
	err = place_look(&t->place, opts->visor, chain, diag);
	if (!err)
		err = tap_open_rings(t, diag);
	load_enter(outside);
	if (err) {
		live_tap_end(opts, chain, NULL);
		tap_free(t);
		return err;
	}
	*out = t;
	return 0;
}

int tap_close(struct tap *t, struct visor_diag *diag)
{
	int err = live_tap_end(&t->opts, t->chain, diag);

	place_close(&t->place);
	tap_free(t);
	return err;
}

const struct tap_edge *tap_get_edges(const struct tap *t, uint32_t *n)
{
	*n = t->n_edges;
	return t->edges;
}

enum chain_hook tap_hook(const struct tap *t)
{
	return t->hook;
}

static int64_t tap_map_id(int fd)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd,
					.info_len = sizeof(info),
					.info = (uintptr_t)&info}};
	int err = load_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));

	return err < 0 ? err : (int64_t)info.id;
}

/* Is our first ring still that of the chain? */
static bool tap_is_there(struct tap *t)
{
	int fd = place_get(&t->place, "g%u/map/%s/records", t->generation, t->names[0]);
	bool there = fd >= 0 && tap_map_id(fd) == tap_map_id(t->rings[0].records_fd);

	if (fd >= 0)
		close(fd);
	return there;
}

uint64_t tap_lost(struct tap *t)
{
	struct load_session *outside = load_enter(&t->session);
	uint64_t sum = t->dropped;

	for (uint32_t i = 0; i < t->n_edges; i++) {
		uint32_t key = 0;
		uint64_t n = 0;
		union bpf_attr attr = {.map_fd = (uint32_t)t->rings[i].lost_fd,
				       .key = (uintptr_t)&key,
				       .value = (uintptr_t)&n};

		if (load_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) >= 0)
			sum += n;
	}
	load_enter(outside);
	return sum;
}

static int tap_compare(const void *a, const void *b)
{
	const struct tap_item *x = a, *y = b;

	if (x->r->time != y->r->time)
		return x->r->time < y->r->time ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int tap_drain(struct tap *t)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < t->n_edges; i++)
		err = MIN(ring_buffer__consume(t->rings[i].ring), 0);
	return err;
}

int tap_read(struct tap *t, bool all, int (*fn)(void *user, const struct tap_record *r), void *user,
	     uint32_t *n, struct visor_diag *diag)
{
	struct load_session *outside = load_enter(&t->session);
	uint32_t kept = 0;
	bool there = tap_is_there(t);
	int err;

	*n = 0;
	/*
	 * A CPU's records are made one after another, each in the ring before the next is begun. So
	 * when all rings have been read once more, nothing older can come than the newest that was
	 * seen before.
	 */
	memcpy(t->sure, t->seen, t->n_cpus * sizeof(*t->sure));
	err = tap_drain(t);
	load_enter(outside);
	if (err < 0)
		return diag_fail(diag, err, "tap", "cannot read the records");
	if (t->n_items)
		qsort(t->items, t->n_items, sizeof(*t->items), tap_compare);
	err = 0;
	for (uint32_t i = 0; i < t->n_items; i++) {
		struct tap_record *r = t->items[i].r;

		if (err || (!all && there && r->time > t->sure[r->cpu])) {
			t->items[kept++] = t->items[i];
			continue;
		}
		err = fn(user, r);
		t->bytes -= MIN(t->bytes, sizeof(*r) + r->captured);
		free(r);
		(*n)++;
	}
	t->n_items = kept;
	if (err || there)
		return err;
	diag_fail(diag, -ESTALE, "tap", "the chain was changed, which has taken the taps off");
	return -ESTALE;
}
