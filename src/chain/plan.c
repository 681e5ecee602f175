/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain/plan.c - resolve names, join outputs to inputs, check the graph, list what to do.
 *
 *   1. the hook, and which input every arrow leads to      plan_hook, plan_targets
 *   2. which outputs of which inputs every arrow joins     plan_joins
 *   3. ports                                               plan_ports
 *   4. is everything reached, is there a circle, how deep  plan_reach, plan_depth
 *   5. counter rows and operations                         plan_rows, plan_operations
 *
 * An arrow that names the input it comes from is stronger than one that does not.
 */
#include "chain/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "chain/counters.h"

struct plan_node {
	bool is_port;
	uint32_t index; /* in the description's ports or modules */
};

/* An arrow with its ends found. */
struct plan_arrow {
	struct plan_node from, to;
	int32_t from_input; /* of the module; -1: all */
	int32_t to_input;   /* of the module */
};

/* What a joined output goes back to, beside plan_output: for messages and precedence. */
struct plan_join {
	uint32_t link;
	bool specific; /* the arrow names the input */
};

struct planner {
	const struct chain_desc *desc;
	const struct module *const *modules;
	struct visor_diag *diag;
	plan_warn_fn warn;
	void *user;
	struct plan *plan;
	struct plan_arrow *arrows; /* one for each link */
	struct plan_join **joins;  /* beside each input's outputs */
	uint32_t *max_outputs;	   /* beside each input: allocated */
};

/* ---- messages ------------------------------------------------------------------------------- */

static void plan_place(const struct planner *p, struct visor_diag *diag, struct chain_pos pos)
{
	if (pos.line)
		diag_at(diag, "%s:%u:%u", p->desc->file, pos.line, pos.col);
}

static int PRINTF_LIKE(3, 4)
	plan_fail(const struct planner *p, struct chain_pos pos, const char *fmt, ...)
{
	char text[sizeof(p->diag->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_fail(p->diag, -EINVAL, "plan", "%s", text);
	plan_place(p, p->diag, pos);
	return -EINVAL;
}

static int plan_no_memory(struct planner *p)
{
	return diag_fail(p->diag, -ENOMEM, "plan", "no memory");
}

static void plan_remark(struct planner *p, struct chain_pos pos, const char *program,
			const char *module)
{
	struct visor_diag d = {0};

	if (!p->warn)
		return;
	diag_fail(&d, 0, "plan", "program '%s' of module '%s' is not linked", program, module);
	plan_place(p, &d, pos);
	p->warn(p->user, &d);
}

static const char *plan_module_name(const struct planner *p, uint32_t module)
{
	return p->desc->modules[module].name;
}

/* "nat.outside" */
static const char *plan_input_name(const struct planner *p, uint32_t input, char *out, size_t size)
{
	const struct plan_input *in = &p->plan->inputs[input];

	snprintf(out, size, "%s.%s", plan_module_name(p, in->module),
		 p->modules[in->module]->inputs[in->input].name);
	return out;
}

/* ---- 1. hook and targets --------------------------------------------------------------------- */

static int plan_find_node(struct planner *p, const struct chain_desc_end *end,
			  struct plan_node *out)
{
	struct tree_guess guess = {.wrong = end->node};

	for (uint32_t i = 0; i < p->desc->n_ports; i++) {
		if (!strcmp(p->desc->ports[i].name, end->node)) {
			*out = (struct plan_node){true, i};
			return 0;
		}
		tree_guess_add(&guess, p->desc->ports[i].name);
	}
	for (uint32_t i = 0; i < p->desc->n_modules; i++) {
		if (!strcmp(p->desc->modules[i].name, end->node)) {
			*out = (struct plan_node){false, i};
			return 0;
		}
		tree_guess_add(&guess, p->desc->modules[i].name);
	}
	plan_fail(p, end->pos, "there is no port or module '%s'", end->node);
	tree_guess_hint(&guess, p->diag);
	return -EINVAL;
}

static int32_t plan_program(const struct module *m, const char *name)
{
	for (uint32_t i = 0; i < m->n_inputs; i++)
		if (!strcmp(m->inputs[i].name, name))
			return (int32_t)i;
	return -1;
}

/* The names of the programs of a hook, for a hint. */
static void plan_list_programs(const struct module *m, enum chain_hook hook, const char *module,
			       struct visor_diag *diag)
{
	char text[200] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < m->n_inputs && len < sizeof(text); i++)
		if (m->inputs[i].hook == hook)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s.%s",
						len ? ", " : "", module, m->inputs[i].name);
	diag_hint(diag, "one of: %s", text);
}

/* What is of two hooks can be two chains. */
static int plan_other_hook(struct planner *p, enum chain_hook other)
{
	diag_hint(
		p->diag,
		other == CHAIN_HOOK_TC
			? "a chain is for one hook (`hook: tc` if all can be): on a device of the "
			  "kernel engine, another chain, for tc, gets what this one passes"
			: "a chain is for one hook (`hook: xdp` if all can be): on a device of the "
			  "kernel engine, another chain, for xdp, comes before this one");
	return -EINVAL;
}

static uint32_t plan_count_programs(const struct module *m, enum chain_hook hook, int32_t *last)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n_inputs; i++)
		if (m->inputs[i].hook == hook) {
			*last = (int32_t)i;
			n++;
		}
	return n;
}

/* The program that an end means, with or without a name. */
static int plan_end_input(struct planner *p, const struct chain_desc_end *end, uint32_t module,
			  int32_t *out)
{
	const struct module *m = p->modules[module];
	const char *hook = hook_get(p->plan->hook)->name, *name = end->node;
	struct tree_guess guess = {.wrong = end->input};
	uint32_t n;

	if (!end->input) {
		n = plan_count_programs(m, p->plan->hook, out);
		if (n == 1)
			return 0;
		if (!n) {
			enum chain_hook other =
				p->plan->hook == CHAIN_HOOK_XDP ? CHAIN_HOOK_TC : CHAIN_HOOK_XDP;

			plan_fail(p, end->pos, "module '%s' has no %s program", name, hook);
			return plan_count_programs(m, other, out) ? plan_other_hook(p, other)
								  : -EINVAL;
		}
		plan_fail(p, end->pos, "module '%s' has %u %s programs: name one", name, n, hook);
		plan_list_programs(m, p->plan->hook, name, p->diag);
		return -EINVAL;
	}
	*out = plan_program(m, end->input);
	if (*out < 0) {
		plan_fail(p, end->pos, "module '%s' has no program '%s'", name, end->input);
		for (uint32_t i = 0; i < m->n_inputs; i++)
			tree_guess_add(&guess, m->inputs[i].name);
		tree_guess_hint(&guess, p->diag);
		if (p->diag && !p->diag->hint[0])
			plan_list_programs(m, p->plan->hook, name, p->diag);
		return -EINVAL;
	}
	if (m->inputs[*out].hook == p->plan->hook)
		return 0;
	if (m->inputs[*out].hook == CHAIN_HOOK_AUTO)
		return plan_fail(p, end->pos,
				 "'%s' of module '%s' is neither an xdp nor a tc program",
				 end->input, name);
	plan_fail(p, end->pos, "'%s' of module '%s' is a %s program, the chain is for %s",
		  end->input, name, hook_get(m->inputs[*out].hook)->name, hook);
	return plan_other_hook(p, m->inputs[*out].hook);
}

/* True if every module an arrow leads to has a program of the hook (the one named, if one is). */
static bool plan_hook_fits(const struct planner *p, enum chain_hook hook)
{
	int32_t ignored;

	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const struct plan_arrow *a = &p->arrows[i];
		const char *name = p->desc->links[i].to.input;
		const struct module *m;
		int32_t prog;

		if (a->to.is_port)
			continue;
		m = p->modules[a->to.index];
		prog = name ? plan_program(m, name) : -1;
		if (prog >= 0 ? m->inputs[prog].hook != hook
			      : !plan_count_programs(m, hook, &ignored))
			return false;
	}
	return true;
}

static int plan_targets(struct planner *p)
{
	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const struct chain_desc_link *link = &p->desc->links[i];
		struct plan_arrow *a = &p->arrows[i];
		int err = plan_find_node(p, &link->from, &a->from);

		if (!err)
			err = plan_find_node(p, &link->to, &a->to);
		if (err)
			return err;
		if (a->from.is_port && (link->from.input || link->from.output))
			return plan_fail(p, link->from.pos,
					 "'%s' is a port: it has no inputs and outputs",
					 link->from.node);
		if (a->to.is_port && link->to.input)
			return plan_fail(p, link->to.pos, "'%s' is a port: it has no inputs",
					 link->to.node);
	}
	p->plan->hook = p->desc->hook;
	if (p->plan->hook == CHAIN_HOOK_AUTO)
		p->plan->hook =
			!plan_hook_fits(p, CHAIN_HOOK_XDP) && plan_hook_fits(p, CHAIN_HOOK_TC)
				? CHAIN_HOOK_TC
				: CHAIN_HOOK_XDP;
	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const struct chain_desc_link *link = &p->desc->links[i];
		struct plan_arrow *a = &p->arrows[i];
		int err = 0;

		a->from_input = -1;
		if (!a->to.is_port)
			err = plan_end_input(p, &link->to, a->to.index, &a->to_input);
		if (!err && !a->from.is_port && link->from.input)
			err = plan_end_input(p, &link->from, a->from.index, &a->from_input);
		if (err)
			return err;
	}
	return 0;
}

int64_t plan_find_input(const struct plan *plan, uint32_t module, uint32_t input)
{
	for (uint32_t i = 0; i < plan->n_inputs; i++)
		if (plan->inputs[i].module == module && plan->inputs[i].input == input)
			return i;
	return -1;
}

/* Inputs that arrows lead to; and all programs of modules that call their own by tail call. */
static int plan_inputs(struct planner *p)
{
	struct plan *plan = p->plan;
	bool *used[2] = {NULL, NULL}; /* by arrows, by the module */
	uint32_t total = 0, *first;
	int err = 0;

	first = calloc(p->desc->n_modules + 1, sizeof(*first));
	for (uint32_t i = 0; first && i < p->desc->n_modules; i++) {
		first[i] = total;
		total += p->modules[i]->n_inputs;
	}
	used[0] = calloc(total + 1, sizeof(bool));
	used[1] = calloc(total + 1, sizeof(bool));
	plan->inputs = calloc(total + 1, sizeof(*plan->inputs));
	p->joins = calloc(total + 1, sizeof(*p->joins));
	p->max_outputs = calloc(total + 1, sizeof(*p->max_outputs));
	if (!first || !used[0] || !used[1] || !plan->inputs || !p->joins || !p->max_outputs) {
		err = plan_no_memory(p);
		goto out;
	}
	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const struct plan_arrow *a = &p->arrows[i];

		if (!a->to.is_port)
			used[0][first[a->to.index] + (uint32_t)a->to_input] = true;
	}
	for (uint32_t m = 0; m < p->desc->n_modules; m++) {
		const struct module *mod = p->modules[m];

		for (uint32_t i = 0; i < mod->n_inputs; i++) {
			bool linked = used[0][first[m] + i];

			if (mod->inputs[i].hook != plan->hook || (!linked && !mod->tail_calls)) {
				if (mod->inputs[i].hook == plan->hook)
					plan_remark(p, p->desc->modules[m].pos, mod->inputs[i].name,
						    plan_module_name(p, m));
				continue;
			}
			plan->inputs[plan->n_inputs++] =
				(struct plan_input){.module = m, .input = i, .internal = !linked};
		}
	}
out:
	free(first);
	free(used[0]);
	free(used[1]);
	return err;
}

/* ---- 2. joining ---------------------------------------------------------------------------- */

static int plan_join_one(struct planner *p, uint32_t input, const struct plan_output *output,
			 uint32_t link, bool specific)
{
	struct plan_input *in = &p->plan->inputs[input];
	struct plan_join *joins = p->joins[input];
	char name[160];

	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct chain_desc_end *before;

		if (in->outputs[i].value != output->value)
			continue;
		if (joins[i].specific != specific) {
			if (specific) {
				in->outputs[i] = *output;
				joins[i] = (struct plan_join){link, specific};
			}
			return 0;
		}
		before = &p->desc->links[joins[i].link].from;
		plan_fail(p, p->desc->links[link].from.pos,
			  "this output of '%s' leads to two places, also in line %u",
			  plan_input_name(p, input, name, sizeof(name)), before->pos.line);
		diag_hint(p->diag, "an output has one link; name different outputs: a:output -> b");
		return -EINVAL;
	}
	if (in->n_outputs == p->max_outputs[input]) {
		uint32_t max = in->n_outputs ? 2 * in->n_outputs : 4;
		struct plan_output *outputs = reallocarray(in->outputs, max, sizeof(*outputs));

		if (outputs)
			in->outputs = outputs;
		joins = reallocarray(p->joins[input], max, sizeof(*joins));
		if (joins)
			p->joins[input] = joins;
		if (!outputs || !joins)
			return plan_no_memory(p);
		p->max_outputs[input] = max;
	}
	in->outputs[in->n_outputs] = *output;
	joins[in->n_outputs++] = (struct plan_join){link, specific};
	return 0;
}

/* What the name of an output means for a module: value and row; -EINVAL if nothing. */
static int plan_output_by_name(struct planner *p, const struct chain_desc_end *from,
			       const struct module *m, struct plan_output *out)
{
	const struct hook *hook = hook_get(p->plan->hook);
	struct tree_guess guess = {.wrong = from->output};
	int verdict = hook_verdict_by_name(hook, from->output);

	/* The module's own names come first: it may have declared one called like a verdict. */
	for (uint32_t i = 0; i < m->n_outputs; i++) {
		tree_guess_add(&guess, m->outputs[i].name);
		if (!strcmp(m->outputs[i].name, from->output)) {
			out->value = m->outputs[i].value;
			out->row = hook->n + i;
			out->named = (int32_t)i;
			return 0;
		}
	}
	if (verdict >= 0) {
		out->value = (uint32_t)(hook->first + verdict);
		out->row = (uint32_t)verdict;
		out->named = -1;
		return 0;
	}
	for (uint32_t i = 0; i < hook->n; i++)
		tree_guess_add(&guess, hook->verdicts[i].name);
	plan_fail(p, from->pos, "module '%s' has no output '%s'", from->node, from->output);
	tree_guess_hint(&guess, p->diag);
	return -EINVAL;
}

/* Joins an arrow's outputs for one input. Without a name these are `pass`, and for tc also
 * `next`, which says "no objection" too. */
static int plan_join_outputs(struct planner *p, uint32_t link, uint32_t input, bool specific)
{
	const struct chain_desc_end *from = &p->desc->links[link].from;
	const struct plan_arrow *a = &p->arrows[link];
	const struct hook *hook = hook_get(p->plan->hook);
	struct plan_output out = {.to = a->to.is_port ? STITCH_PORT : STITCH_SLOT, .named = -1};
	int next = hook_verdict_by_name(hook, "next"), err;

	out.target = a->to.is_port ? a->to.index
				   : (uint32_t)plan_find_input(p->plan, a->to.index,
							       (uint32_t)a->to_input);
	if (from->output) {
		err = plan_output_by_name(p, from, p->modules[a->from.index], &out);
		return err ? err : plan_join_one(p, input, &out, link, specific);
	}
	out.value = hook->pass;
	out.row = (uint32_t)hook_verdict(hook, hook->pass);
	err = plan_join_one(p, input, &out, link, specific);
	if (err || next < 0)
		return err;
	out.value = (uint32_t)(hook->first + next);
	out.row = (uint32_t)next;
	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const char *named = p->desc->links[i].from.output;

		/* `a:next -> x` says itself where it goes. */
		if (named && !strcmp(named, "next") && !p->arrows[i].from.is_port &&
		    p->arrows[i].from.index == a->from.index)
			return 0;
	}
	return plan_join_one(p, input, &out, link, specific);
}

static int plan_joins(struct planner *p)
{
	for (uint32_t i = 0; i < p->desc->n_links; i++) {
		const struct chain_desc_end *from = &p->desc->links[i].from;
		const struct plan_arrow *a = &p->arrows[i];
		uint32_t linked = 0, joined = 0;

		if (a->from.is_port)
			continue;
		for (uint32_t k = 0; k < p->plan->n_inputs; k++)
			linked += p->plan->inputs[k].module == a->from.index &&
				  !p->plan->inputs[k].internal;
		for (uint32_t k = 0; k < p->plan->n_inputs; k++) {
			const struct plan_input *in = &p->plan->inputs[k];
			bool mine = a->from_input < 0 || in->input == (uint32_t)a->from_input;
			int err;

			/* A program that the module calls itself acts for the one that is linked.
			 */
			if (in->module != a->from.index ||
			    (!mine && !(in->internal && linked == 1)))
				continue;
			err = plan_join_outputs(p, i, k, mine && a->from_input >= 0);
			if (err)
				return err;
			joined += !in->internal;
		}
		if (!joined)
			return plan_fail(p, from->pos, "nothing leads to '%s%s%s'", from->node,
					 from->input ? "." : "", from->input ? from->input : "");
	}
	return 0;
}

/* ---- 3. ports -------------------------------------------------------------------------------- */

static int plan_port_numbers(struct planner *p)
{
	uint32_t next = 1;

	for (uint32_t i = 0; i < p->plan->n_ports; i++) {
		p->plan->ports[i].ifindex = (uint32_t)p->desc->ports[i].config.ifindex;
		for (uint32_t k = 0; p->plan->ports[i].ifindex && k < i; k++)
			if (p->plan->ports[k].ifindex == p->plan->ports[i].ifindex)
				return plan_fail(p, p->desc->ports[i].pos,
						 "ports '%s' and '%s' have the same ifindex",
						 p->desc->ports[k].name, p->desc->ports[i].name);
	}
	for (uint32_t i = 0; i < p->plan->n_ports; i++) {
		bool taken = true;

		while (!p->plan->ports[i].ifindex && taken) {
			taken = false;
			for (uint32_t k = 0; k < p->plan->n_ports; k++)
				taken |= p->plan->ports[k].ifindex == next;
			if (!taken)
				p->plan->ports[i].ifindex = next;
			next++;
		}
	}
	return 0;
}

static int plan_ports(struct planner *p)
{
	bool *sent = calloc(p->plan->n_ports + 1, sizeof(*sent));
	int err = sent ? plan_port_numbers(p) : plan_no_memory(p);

	for (uint32_t i = 0; !err && i < p->desc->n_links; i++) {
		const struct chain_desc_link *link = &p->desc->links[i];
		const struct plan_arrow *a = &p->arrows[i];
		struct plan_port *port = &p->plan->ports[a->from.index];

		if (a->to.is_port) {
			sent[a->to.index] = true;
			if (!p->desc->ports[a->to.index].config.sink)
				err = plan_fail(p, link->to.pos,
						"port '%s' cannot take packets: it has no sink",
						link->to.node);
		}
		if (err || !a->from.is_port)
			continue;
		if (!p->desc->ports[a->from.index].config.source)
			err = plan_fail(p, link->from.pos,
					"no packets come from port '%s': it has no source",
					link->from.node);
		else if (port->entry != PLAN_NOWHERE)
			err = plan_fail(p, link->from.pos, "port '%s' leads to two places",
					link->from.node);
		port->entry = a->to.is_port ? PLAN_TO_PORT : PLAN_TO_INPUT;
		port->target = a->to.is_port ? a->to.index
					     : (uint32_t)plan_find_input(p->plan, a->to.index,
									 (uint32_t)a->to_input);
	}
	for (uint32_t i = 0; !err && i < p->plan->n_ports; i++) {
		const struct chain_desc_port *port = &p->desc->ports[i];

		/* A device that only sends leaves what it receives to the host; a file is there to
		 * be read. */
		if (p->plan->ports[i].entry == PLAN_NOWHERE && port->config.source &&
		    port->config.source != port->config.sink)
			err = plan_fail(p, port->pos, "the packets of port '%s' lead nowhere",
					port->name);
		/* With a number of its own a port may be the target of a program's redirect. */
		else if (p->plan->ports[i].entry == PLAN_NOWHERE && !sent[i] &&
			 !port->config.ifindex)
			err = plan_fail(p, port->pos, "port '%s' is linked to nothing", port->name);
	}
	free(sent);
	return err;
}

/* ---- 4. the graph ------------------------------------------------------------------------------
 */

static int plan_reach(struct planner *p)
{
	uint32_t n = p->plan->n_inputs, top = 0;
	uint32_t *stack = calloc(n + 1, sizeof(*stack));
	bool *seen = calloc(n + 1, sizeof(*seen));
	bool *module = calloc(p->desc->n_modules + 1, sizeof(*module));
	char name[160];
	int err = stack && seen && module ? 0 : plan_no_memory(p);

	for (uint32_t i = 0; !err && i < p->plan->n_ports; i++) {
		const struct plan_port *port = &p->plan->ports[i];

		if (port->entry == PLAN_TO_INPUT && !seen[port->target]) {
			seen[port->target] = true;
			stack[top++] = port->target;
		}
	}
	while (!err && top) {
		const struct plan_input *in = &p->plan->inputs[stack[--top]];

		module[in->module] = true;
		for (uint32_t i = 0; i < in->n_outputs; i++) {
			uint32_t to = in->outputs[i].target;

			if (in->outputs[i].to == STITCH_SLOT && !seen[to]) {
				seen[to] = true;
				stack[top++] = to;
			}
		}
	}
	for (uint32_t i = 0; !err && i < p->desc->n_modules; i++)
		if (!module[i])
			err = plan_fail(p, p->desc->modules[i].pos,
					"module '%s' is reached from no port",
					plan_module_name(p, i));
	for (uint32_t i = 0; !err && i < n; i++)
		if (!seen[i] && !p->plan->inputs[i].internal)
			err = plan_fail(p, p->desc->modules[p->plan->inputs[i].module].pos,
					"input '%s' is reached from no port",
					plan_input_name(p, i, name, sizeof(name)));
	free(stack);
	free(seen);
	free(module);
	return err;
}

struct plan_walk {
	uint32_t depth;	 /* tail calls from here on the longest path; valid when done */
	uint32_t next;	 /* output to look at */
	int64_t deepest; /* input that the longest path goes on to, or -1 */
	bool open, done;
};

/* "a.x -> b.y -> ..." along the stack or along `deepest`. */
static void plan_path_add(struct planner *p, char *path, size_t size, uint32_t input)
{
	size_t len = strlen(path);
	char name[160];

	plan_input_name(p, input, name, sizeof(name));
	if (len + strlen(name) + 10 > size)
		snprintf(path + MIN(len, size - 5), 5, "...");
	else
		snprintf(path + len, size - len, "%s%s", len ? " -> " : "", name);
}

static struct chain_pos plan_arrow_pos(const struct planner *p, uint32_t from, uint32_t output)
{
	return p->desc->links[p->joins[from][output].link].to.pos;
}

static int plan_circle(struct planner *p, const uint32_t *stack, uint32_t top, uint32_t back,
		       uint32_t output)
{
	char path[300] = "";
	uint32_t i = 0;

	while (stack[i] != back)
		i++;
	for (; i < top; i++)
		plan_path_add(p, path, sizeof(path), stack[i]);
	plan_path_add(p, path, sizeof(path), back);
	return plan_fail(p, plan_arrow_pos(p, stack[top - 1], output),
			 "the links form a circle: %s", path);
}

/* Tail calls that modules can make. */
static uint32_t plan_max_calls(const struct planner *p)
{
	return PLAN_MAX_CALLS - p->desc->live;
}

static int plan_too_deep(struct planner *p, const struct plan_walk *walk, uint32_t from,
			 uint32_t port)
{
	char path[300] = "";

	for (int64_t i = from; i >= 0; i = walk[i].deepest)
		plan_path_add(p, path, sizeof(path), (uint32_t)i);
	plan_fail(p, p->desc->ports[port].pos,
		  "the longest path from port '%s' has %u tail calls, a packet can make %u: %s",
		  p->desc->ports[port].name, walk[from].depth, plan_max_calls(p), path);
	diag_hint(p->diag, "shorten the path by %u modules", walk[from].depth - plan_max_calls(p));
	return -EINVAL;
}

/* Depth-first without recursion: the graph may be as deep as the file is long. */
static int plan_depth(struct planner *p)
{
	uint32_t n = p->plan->n_inputs;
	struct plan_walk *walk = calloc(n + 1, sizeof(*walk));
	uint32_t *stack = calloc(n + 1, sizeof(*stack)), top;
	int err = walk && stack ? 0 : plan_no_memory(p);

	for (uint32_t start = 0; !err && start < n; start++) {
		if (walk[start].done)
			continue;
		stack[0] = start;
		top = 1;
		walk[start] = (struct plan_walk){.open = true, .deepest = -1};
		while (!err && top) {
			struct plan_walk *w = &walk[stack[top - 1]];
			const struct plan_input *in = &p->plan->inputs[stack[top - 1]];
			const struct plan_output *o = &in->outputs[w->next];

			if (w->next == in->n_outputs) {
				w->done = true;
				w->open = false;
				top--;
			} else if (o->to != STITCH_SLOT) {
				w->next++;
			} else if (walk[o->target].open) {
				err = plan_circle(p, stack, top, o->target, w->next);
			} else if (!walk[o->target].done) {
				walk[o->target] = (struct plan_walk){.open = true, .deepest = -1};
				stack[top++] = o->target;
			} else {
				if (walk[o->target].depth + 1 > w->depth) {
					w->depth = walk[o->target].depth + 1;
					w->deepest = o->target;
				}
				w->next++;
			}
		}
	}
	for (uint32_t i = 0; !err && i < p->plan->n_ports; i++) {
		const struct plan_port *port = &p->plan->ports[i];

		if (port->entry != PLAN_TO_INPUT)
			continue;
		p->plan->depth = MAX(p->plan->depth, walk[port->target].depth);
		if (walk[port->target].depth > plan_max_calls(p))
			err = plan_too_deep(p, walk, port->target, i);
	}
	free(walk);
	free(stack);
	return err;
}

/* ---- 5. rows and operations -------------------------------------------------------------------
 */

static int plan_output_order(const void *a, const void *b)
{
	const struct plan_output *x = a, *y = b;

	/* Linked before unlinked, verdicts before named outputs, `pass` first of all. */
	if ((x->to == STITCH_RETURN) != (y->to == STITCH_RETURN))
		return x->to == STITCH_RETURN ? 1 : -1;
	if ((x->named < 0) != (y->named < 0))
		return x->named < 0 ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int plan_rows(struct planner *p)
{
	const struct hook *hook = hook_get(p->plan->hook);

	for (uint32_t i = 0; i < p->plan->n_inputs; i++) {
		struct plan_input *in = &p->plan->inputs[i];
		const struct module *m = p->modules[in->module];
		uint32_t n = in->n_outputs;
		struct plan_output *outputs =
			reallocarray(in->outputs, n + m->n_outputs + 1, sizeof(*outputs));

		if (!outputs)
			return plan_no_memory(p);
		in->outputs = outputs;
		for (uint32_t k = 0; k < m->n_outputs; k++) {
			bool linked = false;

			for (uint32_t j = 0; j < n; j++)
				linked |= outputs[j].named == (int32_t)k;
			if (!linked)
				outputs[in->n_outputs++] =
					(struct plan_output){.value = m->outputs[k].value,
							     .row = hook->n + k,
							     .to = STITCH_RETURN,
							     .named = (int32_t)k};
		}
		qsort(outputs, in->n_outputs, sizeof(*outputs), plan_output_order);
		for (uint32_t j = 0; j < in->n_outputs; j++)
			if (outputs[j].value == hook->pass && outputs[j].to != STITCH_RETURN && j) {
				struct plan_output pass = outputs[j];

				memmove(outputs + 1, outputs, j * sizeof(*outputs));
				outputs[0] = pass;
			}
		in->first_row = p->plan->n_rows;
		in->n_rows = hook->n + m->n_outputs + COUNTERS_ENDS;
		p->plan->n_rows += in->n_rows;
	}
	return 0;
}

static int plan_operations(struct planner *p)
{
	struct plan *plan = p->plan;

	plan->ops = calloc(p->desc->n_modules + plan->n_inputs + 2 * (size_t)plan->n_ports + 1,
			   sizeof(*plan->ops));
	if (!plan->ops)
		return plan_no_memory(p);
	for (uint32_t i = 0; i < p->desc->n_modules; i++)
		plan->ops[plan->n_ops++] = (struct plan_op){PLAN_LOAD, i};
	for (uint32_t i = 0; i < plan->n_inputs; i++)
		if (!plan->inputs[i].internal)
			plan->ops[plan->n_ops++] = (struct plan_op){PLAN_SLOT, i};
	/* Last, so that nothing that fails before has touched an output file. */
	for (uint32_t i = 0; i < plan->n_ports; i++)
		plan->ops[plan->n_ops++] = (struct plan_op){PLAN_OPEN, i};
	for (uint32_t i = 0; i < plan->n_ports; i++)
		if (plan->ports[i].entry != PLAN_NOWHERE)
			plan->ops[plan->n_ops++] = (struct plan_op){PLAN_ENTRY, i};
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (uint32_t i = 0; plan->inputs && i < plan->n_inputs; i++)
		free(plan->inputs[i].outputs);
	free(plan->inputs);
	free(plan->ports);
	free(plan->ops);
	free(plan);
}

int chain_plan(const struct chain_desc *wanted, const struct module *const *modules,
	       plan_warn_fn warn, void *user, struct plan **out, struct visor_diag *diag)
{
	static int (*const steps[])(struct planner *) = {plan_targets, plan_inputs,    plan_joins,
							 plan_ports,   plan_reach,     plan_depth,
							 plan_rows,    plan_operations};
	struct planner p = {
		.desc = wanted, .modules = modules, .diag = diag, .warn = warn, .user = user};
	int err = 0;

	*out = NULL;
	p.plan = calloc(1, sizeof(*p.plan));
	if (!p.plan)
		return plan_no_memory(&p);
	p.arrows = calloc(wanted->n_links + 1, sizeof(*p.arrows));
	p.plan->ports = calloc(wanted->n_ports + 1, sizeof(*p.plan->ports));
	p.plan->n_ports = wanted->n_ports;
	if (!p.arrows || !p.plan->ports)
		err = plan_no_memory(&p);
	for (size_t i = 0; !err && i < ARRAY_SIZE(steps); i++)
		err = steps[i](&p);
	for (uint32_t i = 0; p.joins && i < p.plan->n_inputs; i++)
		free(p.joins[i]);
	free(p.joins);
	free(p.max_outputs);
	free(p.arrows);
	if (err)
		plan_free(p.plan);
	else
		*out = p.plan;
	return err;
}
