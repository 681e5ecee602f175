/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/change.c - see change.h.
 *
 *   1. which inputs are the same as before            change_match
 *   2. whether one visible write is enough            change_count
 *   3. if not: all that leads to a changed input too  change_spread
 *   4. slots, rows, and what is written where         change_slots, change_rows
 *
 * A slot holds a program; an input has one of its own only if another input leads to it. Each port
 * has one, which its entry program calls.
 */
#include "chain/change.h"

#include <errno.h>
#include <stdlib.h>

struct changer {
	const struct record *old, *previous;
	struct record *new;
	struct change *c;
	struct visor_diag *diag;
	bool *targeted;	    /* beside new's inputs: an input leads to it */
	bool *slots, *rows; /* taken */
};

static int changer_no_memory(struct changer *ch)
{
	return diag_fail(ch->diag, -ENOMEM, "plan", "no memory");
}

/* ---- 1. what is the same
 * --------------------------------------------------------------------------- */

static const char *input_module(const struct record *r, uint32_t input)
{
	return r->modules[r->inputs[input].module].name;
}

/* Do both lead to what is, by name, the same? */
static bool same_input(const struct record *a, uint32_t i, const struct record *b, uint32_t k)
{
	return !strcmp(a->inputs[i].program, b->inputs[k].program) &&
	       !strcmp(input_module(a, i), input_module(b, k));
}

static bool same_output(const struct record *a, const struct record_output *x,
			const struct record *b, const struct record_output *y)
{
	if (x->value != y->value || x->row != y->row || x->to != y->to || x->named != y->named ||
	    strcmp(x->name, y->name) != 0)
		return false;
	switch (x->to) {
	case STITCH_SLOT:
		return same_input(a, x->target, b, y->target);
	case STITCH_PORT:
		return a->ports[x->target].ifindex == b->ports[y->target].ifindex;
	case STITCH_RETURN:
		return true;
	}
	return false;
}

static bool same_outputs(const struct record *a, const struct record_input *x,
			 const struct record *b, const struct record_input *y)
{
	if (x->n_outputs != y->n_outputs)
		return false;
	for (uint32_t i = 0; i < x->n_outputs; i++)
		if (!same_output(a, &x->outputs[i], b, &y->outputs[i]))
			return false;
	return true;
}

/* Do their rows mean the same? */
static bool same_rows(const struct record_input *a, const struct record_input *b)
{
	if (a->n_rows != b->n_rows)
		return false;
	for (uint32_t i = 0; i < a->n_outputs; i++)
		for (uint32_t k = 0; a->outputs[i].named && k < b->n_outputs; k++)
			if (b->outputs[k].named && a->outputs[i].row == b->outputs[k].row &&
			    strcmp(a->outputs[i].name, b->outputs[k].name) != 0)
				return false;
	return true;
}

static void change_match(struct changer *ch)
{
	for (uint32_t i = 0; i < ch->new->n_inputs; i++) {
		struct record_input *in = &ch->new->inputs[i];
		struct change_input *c = &ch->c->inputs[i];

		c->old = ch->old ? record_find_input(ch->old, input_module(ch->new, i), in->program)
				 : -1;
		c->load = true;
		if (c->old >= 0) {
			const struct record_input *was = &ch->old->inputs[c->old];

			c->load = strcmp(was->content, in->content) != 0 || !same_rows(was, in) ||
				  was->internal != in->internal ||
				  !same_outputs(ch->old, was, ch->new, in);
		}
		for (uint32_t k = 0; k < in->n_outputs; k++)
			if (in->outputs[k].to == STITCH_SLOT)
				ch->targeted[in->outputs[k].target] = true;
	}
	/* What a module's programs call among themselves is one thing: its own program array. */
	for (uint32_t i = 0; i < ch->new->n_inputs; i++)
		for (uint32_t k = 0; ch->new->inputs[i].internal &&k < ch->new->n_inputs; k++)
			if (ch->new->inputs[k].module == ch->new->inputs[i].module &&
			    ch->c->inputs[k].load != ch->c->inputs[i].load)
				ch->c->inputs[k].load = ch->c->inputs[i].load = true;
}

/* ---- 2. and 3. how many writes, and the other way
 * ------------------------------------------------- */

static const struct record_port *old_port(const struct changer *ch, const struct record_port *port)
{
	int64_t i = ch->old ? record_find_port(ch->old, port->name) : -1;

	return i < 0 ? NULL : &ch->old->ports[i];
}

/* Will the port's slot hold something else? New ports count, too. */
static bool port_changes(const struct changer *ch, const struct record_port *port)
{
	const struct record_port *was = old_port(ch, port);

	if (!was || was->slot == RECORD_NO_SLOT || was->entry != port->entry ||
	    was->ifindex != port->ifindex)
		return true;
	if (port->entry == PLAN_TO_PORT)
		return ch->old->ports[was->target].ifindex != ch->new->ports[port->target].ifindex;
	return ch->c->inputs[port->target].load ||
	       !same_input(ch->old, was->target, ch->new, port->target);
}

/* A port whose packets come into the chain, and did before. */
static bool port_is_seen(const struct changer *ch, const struct record_port *port)
{
	const struct record_port *was = old_port(ch, port);

	return port->entry != PLAN_NOWHERE && was && was->slot != RECORD_NO_SLOT;
}

static bool port_leaves(const struct changer *ch, const struct record_port *was)
{
	int64_t i = record_find_port(ch->new, was->name);

	return i < 0 || ch->new->ports[i].entry == PLAN_NOWHERE;
}

static uint32_t change_count(const struct changer *ch)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ch->new->n_inputs; i++) {
		const struct change_input *c = &ch->c->inputs[i];

		n += c->load && c->old >= 0 && ch->targeted[i] &&
		     ch->old->inputs[c->old].slot != RECORD_NO_SLOT;
	}
	/* Until it is detached, a port that goes away leads through the old chain. */
	for (uint32_t i = 0; n && i < ch->old->n_ports; i++)
		n += ch->old->ports[i].slot != RECORD_NO_SLOT &&
		     port_leaves(ch, &ch->old->ports[i]);
	for (uint32_t i = 0; i < ch->new->n_ports; i++)
		n += port_is_seen(ch, &ch->new->ports[i]) && port_changes(ch, &ch->new->ports[i]);
	return n;
}

/* Whatever leads to an input that is loaded is loaded, too. */
static void change_spread(struct changer *ch)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 0; i < ch->new->n_inputs; i++) {
			const struct record_input *in = &ch->new->inputs[i];

			for (uint32_t k = 0; k < in->n_outputs && !ch->c->inputs[i].load; k++)
				if (in->outputs[k].to == STITCH_SLOT &&
				    ch->c->inputs[in->outputs[k].target].load)
					more = ch->c->inputs[i].load = true;
		}
		for (uint32_t i = 0; i < ch->new->n_inputs; i++)
			for (uint32_t k = 0; ch->new->inputs[i].internal &&k < ch->new->n_inputs;
			     k++)
				if (ch->new->inputs[k].module == ch->new->inputs[i].module &&
				    ch->c->inputs[k].load != ch->c->inputs[i].load)
					more = ch->c->inputs[k].load = ch->c->inputs[i].load = true;
	}
}

/* ---- 4. slots and rows
 * ------------------------------------------------------------------------------ */

static void take(bool *taken, uint32_t max, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < max && i - first < n; i++)
		taken[i] = true;
}

static void take_record(struct changer *ch, const struct record *r)
{
	for (uint32_t i = 0; r && i < r->n_inputs; i++) {
		if (r->inputs[i].slot != RECORD_NO_SLOT)
			take(ch->slots, ch->new->max_slots, r->inputs[i].slot, 1);
		take(ch->rows, ch->new->max_rows, r->inputs[i].row, r->inputs[i].n_rows);
	}
	for (uint32_t i = 0; r && i < r->n_ports; i++) {
		if (r->ports[i].slot != RECORD_NO_SLOT)
			take(ch->slots, ch->new->max_slots, r->ports[i].slot, 1);
		take(ch->rows, ch->new->max_rows, r->ports[i].row, RECORD_PORT_ROWS);
	}
}

/* The first n in a row that are free, taken; or -1. */
static int64_t take_free(bool *taken, uint32_t max, uint32_t n)
{
	for (uint32_t i = 0, run = 0; i < max; i++) {
		run = taken[i] ? 0 : run + 1;
		if (run == n) {
			take(taken, max, i + 1 - n, n);
			return i + 1 - n;
		}
	}
	return -1;
}

static int change_no_space(struct changer *ch, const char *what, uint32_t max)
{
	diag_fail(ch->diag, -ENOSPC, "plan", "the chain has room for %u %s, and they are taken",
		  max, what);
	diag_hint(ch->diag, "visor down and up again: a chain's size is set when it comes up");
	return -ENOSPC;
}

static int change_new_slot(struct changer *ch, uint32_t *slot)
{
	int64_t free_slot = take_free(ch->slots, ch->new->max_slots, 1);

	if (free_slot < 0)
		return change_no_space(ch, "slots", ch->new->max_slots);
	*slot = (uint32_t)free_slot;
	return 0;
}

static void change_put(struct change_slot *list, uint32_t *n, uint32_t slot, enum plan_entry what,
		       uint32_t index)
{
	list[(*n)++] = (struct change_slot){slot, what, index};
}

static int change_input_slots(struct changer *ch)
{
	struct change *c = ch->c;

	for (uint32_t i = 0; i < ch->new->n_inputs; i++) {
		struct record_input *in = &ch->new->inputs[i];
		int64_t old = c->inputs[i].old;
		uint32_t had = old >= 0 ? ch->old->inputs[old].slot : RECORD_NO_SLOT;
		int err;

		in->slot = RECORD_NO_SLOT;
		if (!ch->targeted[i])
			continue;
		if (had != RECORD_NO_SLOT && !(c->aside && c->inputs[i].load)) {
			in->slot = had;
			if (c->inputs[i].load)
				change_put(c->visible, &c->n_visible, had, PLAN_TO_INPUT, i);
			continue;
		}
		err = change_new_slot(ch, &in->slot);
		if (err)
			return err;
		change_put(c->fresh, &c->n_fresh, in->slot, PLAN_TO_INPUT, i);
	}
	return 0;
}

static int change_port_slots(struct changer *ch)
{
	struct change *c = ch->c;

	for (uint32_t i = 0; i < ch->new->n_ports; i++) {
		struct record_port *p = &ch->new->ports[i];
		const struct record_port *was = old_port(ch, p);
		int err;

		p->slot = RECORD_NO_SLOT;
		if (p->entry == PLAN_NOWHERE)
			continue;
		if (port_is_seen(ch, p)) {
			p->slot = was->slot;
			if (port_changes(ch, p))
				change_put(c->visible, &c->n_visible, p->slot, p->entry,
					   p->entry == PLAN_TO_INPUT ? p->target : i);
			continue;
		}
		err = change_new_slot(ch, &p->slot);
		if (err)
			return err;
		change_put(c->fresh, &c->n_fresh, p->slot, p->entry,
			   p->entry == PLAN_TO_INPUT ? p->target : i);
	}
	return 0;
}

static int change_rows(struct changer *ch)
{
	for (uint32_t i = 0; i < ch->new->n_inputs; i++) {
		struct record_input *in = &ch->new->inputs[i];
		int64_t old = ch->c->inputs[i].old, row;

		if (old >= 0 && same_rows(&ch->old->inputs[old], in)) {
			in->row = ch->old->inputs[old].row;
			continue;
		}
		row = take_free(ch->rows, ch->new->max_rows, in->n_rows);
		if (row < 0)
			return change_no_space(ch, "counters", ch->new->max_rows);
		in->row = (uint32_t)row;
	}
	for (uint32_t i = 0; i < ch->new->n_ports; i++) {
		struct record_port *p = &ch->new->ports[i];
		const struct record_port *was = old_port(ch, p);
		int64_t row =
			was ? was->row : take_free(ch->rows, ch->new->max_rows, RECORD_PORT_ROWS);

		if (row < 0)
			return change_no_space(ch, "counters", ch->new->max_rows);
		p->row = (uint32_t)row;
	}
	return 0;
}

/* ---- all of it
 * --------------------------------------------------------------------------------------- */

/* Apart from programs, too: nothing is gone and nothing has another file behind it. */
static bool change_is_nothing(const struct changer *ch)
{
	const struct record *a = ch->old, *b = ch->new;

	if (!a || ch->c->n_fresh || ch->c->n_visible || a->n_inputs != b->n_inputs ||
	    a->n_ports != b->n_ports || a->n_modules != b->n_modules)
		return false;
	for (uint32_t i = 0; i < b->n_inputs; i++)
		if (ch->c->inputs[i].load || ch->c->inputs[i].old < 0)
			return false;
	for (uint32_t i = 0; i < b->n_ports; i++) {
		const struct record_port *was = old_port(ch, &b->ports[i]);

		if (!was || was->ifindex != b->ports[i].ifindex ||
		    strcmp(was->config, b->ports[i].config) != 0)
			return false;
	}
	for (uint32_t i = 0; i < b->n_modules; i++) {
		int64_t was = record_find_module(a, b->modules[i].name);

		if (was < 0 || strcmp(a->modules[was].maps, b->modules[i].maps) != 0)
			return false;
	}
	return true;
}

static int change_alloc(struct changer *ch)
{
	uint32_t inputs = ch->new->n_inputs, ports = ch->new->n_ports;

	ch->c = calloc(1, sizeof(*ch->c));
	if (!ch->c)
		return changer_no_memory(ch);
	ch->c->inputs = calloc(inputs + 1, sizeof(*ch->c->inputs));
	ch->c->fresh = calloc((size_t)inputs + ports + 1, sizeof(*ch->c->fresh));
	ch->c->visible = calloc((size_t)inputs + ports + 1, sizeof(*ch->c->visible));
	ch->targeted = calloc(inputs + 1, sizeof(bool));
	ch->slots = calloc(ch->new->max_slots + 1, sizeof(bool));
	ch->rows = calloc(ch->new->max_rows + 1, sizeof(bool));
	return ch->c->inputs && ch->c->fresh && ch->c->visible && ch->targeted && ch->slots &&
			       ch->rows
		       ? 0
		       : changer_no_memory(ch);
}

int change_make(const struct record *running, const struct record *previous, struct record *wanted,
		struct change **out, struct visor_diag *diag)
{
	struct changer ch = {.old = running, .previous = previous, .new = wanted, .diag = diag};
	int err = change_alloc(&ch);

	*out = NULL;
	if (err)
		goto out;
	take_record(&ch, running);
	take_record(&ch, previous);
	change_match(&ch);
	if (running && change_count(&ch) > 1) {
		ch.c->aside = true;
		change_spread(&ch);
	}
	err = change_input_slots(&ch);
	if (!err)
		err = change_port_slots(&ch);
	if (!err)
		err = change_rows(&ch);
	if (!err)
		ch.c->nothing = change_is_nothing(&ch);
out:
	free(ch.targeted);
	free(ch.slots);
	free(ch.rows);
	if (err)
		change_free(ch.c);
	else
		*out = ch.c;
	return err;
}

void change_free(struct change *c)
{
	if (!c)
		return;
	free(c->inputs);
	free(c->fresh);
	free(c->visible);
	free(c);
}
