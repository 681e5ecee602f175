/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one generation's record to the next. What a change does is carried out on made-up slots,
 * write by write, and after each one all ways a packet can take are gone through: they are the old
 * chain's or the new chain's. So are those of thousands of random pairs of chains.
 *
 * Chains are written as words: `P>a` a port's packets enter a module, `a>b` and `a>P` lead on,
 * `a=2` is a's content, `a/3` its rows beyond the least, `P#7` a port's interface, `a.x` a program
 * that a calls itself. Modules are lower case, ports upper case.
 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chain/change.h"

#define SLOTS	  64
#define ROWS	  512
#define PATH_MOST 65536

static struct visor_diag d;

/* ---- chains as records ------------------------------------------------------------------------
 */

static char *name_of(const char *text, size_t len)
{
	char *s = strndup(text, len);

	assert_non_null(s);
	return s;
}

static uint32_t record_module(struct record *r, const char *name, size_t len)
{
	for (uint32_t i = 0; i < r->n_modules; i++)
		if (strlen(r->modules[i].name) == len && !strncmp(r->modules[i].name, name, len))
			return i;
	r->modules[r->n_modules] = (struct record_module){
		.name = name_of(name, len), .object = name_of("x.o", 3), .maps = "0"};
	return r->n_modules++;
}

static uint32_t record_input(struct record *r, const char *module, size_t len, const char *program)
{
	uint32_t m = record_module(r, module, len);
	struct record_input *in = &r->inputs[r->n_inputs];

	for (uint32_t i = 0; i < r->n_inputs; i++)
		if (r->inputs[i].module == m && !strcmp(r->inputs[i].program, program))
			return i;
	*in = (struct record_input){.module = m,
				    .program = name_of(program, strlen(program)),
				    .internal = strcmp(program, "main") != 0,
				    .slot = RECORD_NO_SLOT,
				    .row = UINT32_MAX,
				    .n_rows = 7};
	snprintf(in->content, sizeof(in->content), "1");
	in->outputs = calloc(8, sizeof(*in->outputs));
	assert_non_null(in->outputs);
	return r->n_inputs++;
}

static uint32_t record_port(struct record *r, const char *name, size_t len)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (strlen(r->ports[i].name) == len && !strncmp(r->ports[i].name, name, len))
			return i;
	r->ports[r->n_ports] = (struct record_port){.name = name_of(name, len),
						    .device = name_of(name, len),
						    .how = name_of("auto", 4),
						    .ifindex = (uint32_t)name[0],
						    .slot = RECORD_NO_SLOT};
	return r->n_ports++;
}

static void record_link(struct record *r, const char *from, size_t len, const char *to)
{
	bool to_port = isupper((unsigned char)to[0]);
	uint32_t target =
		to_port ? record_port(r, to, strlen(to)) : record_input(r, to, strlen(to), "main");

	if (isupper((unsigned char)from[0])) {
		struct record_port *p = &r->ports[record_port(r, from, len)];

		p->entry = to_port ? PLAN_TO_PORT : PLAN_TO_INPUT;
		p->target = target;
	} else {
		struct record_input *in = &r->inputs[record_input(r, from, len, "main")];
		char name[8];

		snprintf(name, sizeof(name), "o%u", in->n_outputs);
		in->outputs[in->n_outputs] =
			(struct record_output){.name = name_of(name, strlen(name)),
					       .value = in->n_outputs,
					       .row = in->n_outputs,
					       .to = to_port ? STITCH_PORT : STITCH_SLOT,
					       .target = target};
		in->n_outputs++;
	}
}

static void record_word(struct record *r, const char *word)
{
	size_t len = strcspn(word, ">=/#.");
	const char *rest = word + len + 1;

	switch (word[len]) {
	case '>':
		record_link(r, word, len, rest);
		break;
	case '=': {
		uint32_t m = record_module(r, word, len);

		for (uint32_t i = 0; i < r->n_inputs; i++)
			if (r->inputs[i].module == m)
				snprintf(r->inputs[i].content, RECORD_DIGEST, "%s", rest);
		break;
	}
	case '/':
		r->inputs[record_input(r, word, len, "main")].n_rows = 7 + (uint32_t)atoi(rest);
		break;
	case '#':
		r->ports[record_port(r, word, len)].ifindex = (uint32_t)atoi(rest);
		break;
	case '.':
		record_input(r, word, len, rest);
		break;
	default:
		fail_msg("word '%s'", word);
	}
}

static struct record *chain_record(const char *words)
{
	struct record *r = calloc(1, sizeof(*r));
	char *copy = strdup(words), *save = NULL;

	assert_non_null(r);
	r->generation = 1;
	r->max_slots = SLOTS;
	r->max_rows = ROWS;
	r->n_cpus = 1;
	r->file = name_of("c.yaml", 6);
	r->text = name_of("", 0);
	r->modules = calloc(32, sizeof(*r->modules));
	r->inputs = calloc(32, sizeof(*r->inputs));
	r->ports = calloc(32, sizeof(*r->ports));
	assert_true(copy && r->modules && r->inputs && r->ports);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		record_word(r, w);
	free(copy);
	return r;
}

/* ---- made-up slots ----------------------------------------------------------------------------
 */

/* What a loaded program does: it was stitched with the slots of its time. */
struct program {
	char label[32];
	uint32_t n_outputs, row, n_rows;
	struct {
		bool port;
		uint32_t where; /* slot, or interface */
	} outputs[8];
};

struct world {
	struct program slots[SLOTS];
	bool full[SLOTS];
};

static struct program program_of(const struct record *r, uint32_t input)
{
	const struct record_input *in = &r->inputs[input];
	struct program p = {.n_outputs = in->n_outputs, .row = in->row, .n_rows = in->n_rows};

	snprintf(p.label, sizeof(p.label), "%s.%s=%.8s", r->modules[in->module].name, in->program,
		 in->content);
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		const struct record_output *o = &in->outputs[i];

		p.outputs[i].port = o->to == STITCH_PORT;
		p.outputs[i].where =
			p.outputs[i].port ? r->ports[o->target].ifindex : r->inputs[o->target].slot;
	}
	return p;
}

static struct program program_forward(const struct record *r, uint32_t port)
{
	struct program p = {.label = "forward", .n_outputs = 1};

	p.outputs[0].port = true;
	p.outputs[0].where = r->ports[r->ports[port].target].ifindex;
	return p;
}

/* All ways from a slot, as text. */
static void ways(const struct world *w, uint32_t slot, char *out, int depth)
{
	const struct program *p = &w->slots[slot];
	size_t at = strlen(out);

	assert_true(depth < 32 && at + 256 < PATH_MOST);
	if (!w->full[slot]) {
		strcat(out, "(nothing)");
		return;
	}
	strcat(out, p->label);
	for (uint32_t i = 0; i < p->n_outputs; i++) {
		strcat(out, i ? "|" : "(");
		if (p->outputs[i].port)
			sprintf(out + strlen(out), ">%u", p->outputs[i].where);
		else
			ways(w, p->outputs[i].where, out, depth + 1);
	}
	if (p->n_outputs)
		strcat(out, ")");
}

/* The same as the record has it: by names, without slots. */
static void wanted_ways(const struct record *r, uint32_t input, char *out, int depth)
{
	const struct record_input *in = &r->inputs[input];

	assert_true(depth < 32 && strlen(out) + 256 < PATH_MOST);
	sprintf(out + strlen(out), "%s.%s=%.8s", r->modules[in->module].name, in->program,
		in->content);
	for (uint32_t i = 0; i < in->n_outputs; i++) {
		strcat(out, i ? "|" : "(");
		if (in->outputs[i].to == STITCH_PORT)
			sprintf(out + strlen(out), ">%u", r->ports[in->outputs[i].target].ifindex);
		else
			wanted_ways(r, in->outputs[i].target, out, depth + 1);
	}
	if (in->n_outputs)
		strcat(out, ")");
}

static void wanted_from(const struct record *r, uint32_t port, char *out)
{
	const struct record_port *p = &r->ports[port];

	out[0] = '\0';
	if (p->entry == PLAN_TO_PORT)
		sprintf(out, "forward(>%u)", r->ports[p->target].ifindex);
	else if (p->entry == PLAN_TO_INPUT)
		wanted_ways(r, p->target, out, 0);
}

/* Ports that packets come from at this moment have the ways of the old record or of the new. */
static void check_ways(const struct world *w, const struct record *old, const struct record *new)
{
	static char now[PATH_MOST], before[PATH_MOST], after[PATH_MOST];

	for (uint32_t i = 0; old && i < old->n_ports; i++) {
		int64_t k = record_find_port(new, old->ports[i].name);

		if (old->ports[i].slot == RECORD_NO_SLOT)
			continue;
		now[0] = after[0] = '\0';
		ways(w, old->ports[i].slot, now, 0);
		wanted_from(old, i, before);
		if (k >= 0 && new->ports[k].slot != RECORD_NO_SLOT)
			wanted_from(new, (uint32_t)k, after);
		if (strcmp(now, before) != 0 && strcmp(now, after) != 0)
			fail_msg("port %s: %s\n  is neither %s\n  nor %s", old->ports[i].name, now,
				 before, after);
	}
}

static void check_all(const struct world *w, const struct record *r)
{
	static char now[PATH_MOST], should[PATH_MOST];

	for (uint32_t i = 0; i < r->n_ports; i++) {
		assert_int_equal(r->ports[i].slot == RECORD_NO_SLOT,
				 r->ports[i].entry == PLAN_NOWHERE);
		if (r->ports[i].slot == RECORD_NO_SLOT)
			continue;
		now[0] = '\0';
		ways(w, r->ports[i].slot, now, 0);
		wanted_from(r, i, should);
		assert_string_equal(now, should);
	}
}

/* Each row is of one thing; what is fresh is nobody's yet. */
static void check_rows(const struct record *r)
{
	bool taken[ROWS] = {0};

	for (uint32_t i = 0; i < r->n_inputs; i++)
		for (uint32_t k = 0; k < r->inputs[i].n_rows; k++) {
			uint32_t row = r->inputs[i].row + k;

			assert_true(row < ROWS && !taken[row]);
			taken[row] = true;
		}
	for (uint32_t i = 0; i < r->n_ports; i++)
		for (uint32_t k = 0; k < RECORD_PORT_ROWS; k++) {
			uint32_t row = r->ports[i].row + k;

			assert_true(row < ROWS && !taken[row]);
			taken[row] = true;
		}
}

static bool has_slot(const struct record *r, uint32_t slot)
{
	for (uint32_t i = 0; r && i < r->n_inputs; i++)
		if (r->inputs[i].slot == slot)
			return true;
	for (uint32_t i = 0; r && i < r->n_ports; i++)
		if (r->ports[i].slot == slot)
			return true;
	return false;
}

/* Rows of which a program of the old chain, or of the one before, counts under another name. */
static void check_new_rows(const struct record *old, const struct record *new,
			   const struct change *c)
{
	for (uint32_t i = 0; old && i < new->n_inputs; i++) {
		const struct record_input *in = &new->inputs[i];

		for (uint32_t k = 0; k < old->n_inputs; k++) {
			const struct record_input *was = &old->inputs[k];
			bool apart = in->row + in->n_rows <= was->row ||
				     was->row + was->n_rows <= in->row;

			assert_true(apart || (int64_t)k == c->inputs[i].old);
		}
	}
}

static void put(struct world *w, const struct change_slot *s, const struct record *r)
{
	w->slots[s->slot] =
		s->what == PLAN_TO_PORT ? program_forward(r, s->index) : program_of(r, s->index);
	w->full[s->slot] = true;
}

/* Carries a change out, forth, back and forth again. */
static void carry_out(struct world *w, const struct record *old, const struct record *previous,
		      const struct record *new, const struct change *c)
{
	struct world start;

	check_rows(new);
	check_new_rows(old, new, c);
	for (uint32_t i = 0; i < c->n_fresh; i++) {
		assert_false(has_slot(old, c->fresh[i].slot));
		assert_false(has_slot(previous, c->fresh[i].slot));
		put(w, &c->fresh[i], new);
		check_ways(w, old, new);
	}
	if (!c->aside)
		assert_true(!old || c->n_visible <= 1);
	start = *w;
	for (uint32_t i = 0; i < c->n_visible; i++) {
		assert_true(has_slot(old, c->visible[i].slot));
		put(w, &c->visible[i], new);
		check_ways(w, old, new);
	}
	check_all(w, new);
	for (uint32_t i = c->n_visible; i--;) {
		w->slots[c->visible[i].slot] = start.slots[c->visible[i].slot];
		check_ways(w, old, new);
	}
	if (old)
		check_all(w, old);
	for (uint32_t i = 0; i < c->n_visible; i++)
		put(w, &c->visible[i], new);
}

/* From one chain to another one, carried out. */
static struct change *change(const char *from, const char *to, struct record **old,
			     struct record **new)
{
	static struct world w;
	struct change *c;

	memset(&w, 0, sizeof(w));
	*old = chain_record(from);
	*new = chain_record(to);
	assert_int_equal(change_make(NULL, NULL, *old, &c, &d), 0);
	assert_false(c->aside || c->nothing || c->n_visible);
	carry_out(&w, NULL, NULL, *old, c);
	change_free(c);
	assert_int_equal(change_make(*old, NULL, *new, &c, &d), 0);
	carry_out(&w, *old, NULL, *new, c);
	return c;
}

static uint32_t loads(const struct change *c, const struct record *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_inputs; i++)
		n += c->inputs[i].load;
	return n;
}

static uint32_t slot_of(const struct record *r, const char *module)
{
	int64_t i = record_find_input(r, module, "main");

	assert_true(i >= 0);
	return r->inputs[i].slot;
}

static uint32_t port_slot(const struct record *r, const char *port)
{
	int64_t i = record_find_port(r, port);

	assert_true(i >= 0);
	return r->ports[i].slot;
}

/* ---- one by one
 * -------------------------------------------------------------------------------------- */

struct expect {
	const char *from, *to;
	bool aside;
	uint32_t loads, fresh, visible;
	const char *where; /* of the one visible write: a module's slot, or a port's */
};

static void single(void **state)
{
	static const struct expect cases[] = {
		/* content */
		{"I>a a>b b>O", "I>a a>b b>O b=2", false, 1, 0, 1, "b"},
		{"I>a a>b b>O", "I>a a>b b>O a=2", false, 1, 0, 1, "I"},
		{"I>a a>O", "I>a a>O a=2", false, 1, 0, 1, "I"},
		/* insertion, removal */
		{"I>a a>b b>O", "I>a a>x x>b b>O", false, 2, 1, 1, "I"},
		{"I>a a>b b>O", "I>x x>a a>b b>O", false, 1, 1, 1, "I"},
		{"I>a a>b b>c c>O", "I>a a>b b>x x>c c>O", false, 2, 1, 1, "b"},
		{"I>a a>b b>c c>O", "I>a a>c c>O", false, 1, 0, 1, "I"},
		{"I>a a>b b>O", "I>b b>O", false, 0, 0, 1, "I"},
		/* the port itself */
		{"I>a a>O", "I>O", false, 0, 0, 1, "I"},
		{"I>O", "I>a a>O", false, 1, 0, 1, "I"},
		{"I>O P>O", "I>P P>O", false, 0, 0, 1, "I"},
		{"I>a a>O", "I>a a>O O#7", false, 1, 0, 1, "I"},
		{"I>a a>O", "I>a a>O I#7", false, 0, 0, 1, "I"},
		/* a port more, a port less */
		{"I>a a>O", "I>a a>O P>a", false, 0, 1, 0, NULL},
		{"I>a a>O P>a", "I>a a>O", false, 0, 0, 0, NULL},
		/* several at once */
		{"I>a a>b b>O", "I>a a=2 a>b b=2 b>O", true, 2, 1, 1, "I"},
		{"I>a a>b b>c c>O", "I>a a>b b>c c>O b=2 c=2", true, 3, 2, 1, "I"},
		{"I>a a>b b>c c>O", "I>a a>c c>b b>O", true, 3, 2, 1, "I"},
		/* shared */
		{"I>a P>a a>O", "I>a P>a a>O a=2", true, 1, 0, 2, NULL},
		{"I>a P>b a>c b>c c>O", "I>a P>b a>c b>c c>O c=2", false, 1, 0, 1, "c"},
		{"I>a P>b a>c b>c c>O", "I>a P>b a>c b>c c>O c=2 a=2", true, 3, 1, 2, NULL},
		/* two outputs to one */
		{"I>a a>b a>b b>O", "I>a a>b a>b b>O b=2", false, 1, 0, 1, "b"},
		{"I>a a>b a>c b>c c>O", "I>a a>b a>c b>c c>O c=2", false, 1, 0, 1, "c"},
		{"I>a a>b a>c b>O c>O", "I>a a>c a>b b>O c>O", false, 1, 0, 1, "I"},
		{"I>a a>b a>c b>O c>O", "I>a a>b a>c b>O c>O b=2 c=2", true, 3, 2, 1, "I"},
		/* programs that a module calls itself */
		{"I>a a.x a>O", "I>a a.x a>O a=2", false, 2, 0, 1, "I"},
		{"I>b b>a a.x a>O", "I>b b>a a.x a>P", false, 2, 0, 1, "a"},
		{"I>b b>a a.x a>O", "I>b b>a a>O", false, 0, 0, 0, NULL},
		{"I>b b>a a>O", "I>b b>a a.x a>O", false, 2, 0, 1, "a"},
		{"I>b b>a a.x a>c c>O", "I>b b>a a.x a>c c>O c=2 b=2", true, 4, 2, 1, "I"},
		/* rows that mean something else */
		{"I>b b>a a>O", "I>b b>a a>O a/2", false, 1, 0, 1, "a"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct expect *e = &cases[i];
		struct record *old, *new;
		struct change *c = change(e->from, e->to, &old, &new);

		if (c->aside != e->aside || loads(c, new) != e->loads || c->n_fresh != e->fresh ||
		    c->n_visible != e->visible)
			fail_msg("%s => %s: aside %d, %u loads, %u fresh, %u visible", e->from,
				 e->to, c->aside, loads(c, new), c->n_fresh, c->n_visible);
		assert_false(c->nothing);
		if (e->where)
			assert_int_equal(c->visible[0].slot, isupper((unsigned char)e->where[0])
								     ? port_slot(old, e->where)
								     : slot_of(old, e->where));
		for (uint32_t k = 0; c->aside && k < c->n_visible; k++) {
			bool port = false;

			for (uint32_t p = 0; p < old->n_ports; p++)
				port |= old->ports[p].slot == c->visible[k].slot;
			assert_true(port);
		}
		change_free(c);
		record_free(old);
		record_free(new);
	}
}

/* What a port that goes away still brings in is the old chain's to the end. */
static void port_leaves(void **state)
{
	struct record *old, *new;
	struct change *c = change("P>a a>c I>b b>c c>O", "I>b b>c c>O c=2", &old, &new);

	assert_true(c->aside);
	change_free(c);
	record_free(old);
	record_free(new);
	c = change("P>a a>c I>b b>c c>O", "I>b b>c c>P c=2", &old, &new);
	assert_true(c->aside);
	change_free(c);
	record_free(old);
	record_free(new);
}

static void nothing(void **state)
{
	struct record *old, *new;
	struct change *c = change("I>a a>b a>P b>O", "I>a a>b a>P b>O", &old, &new);

	assert_true(c->nothing);
	change_free(c);
	record_free(new);
	/* The order in which things stand is nothing. */
	new = chain_record("b>O P#80 I>a a>b a>P");
	assert_int_equal(change_make(old, NULL, new, &c, &d), 0);
	assert_true(c->nothing);
	change_free(c);
	/* The contents of maps are something, though no program is loaded. */
	strcpy(new->modules[0].maps, "1");
	assert_int_equal(change_make(old, NULL, new, &c, &d), 0);
	assert_false(c->nothing || c->n_fresh || c->n_visible);
	change_free(c);
	record_free(new);
	/* So is a port that packets only leave by. */
	new = chain_record("I>a a>b a>P b>O Q#9");
	assert_int_equal(change_make(old, NULL, new, &c, &d), 0);
	assert_false(c->nothing || c->n_fresh || c->n_visible);
	change_free(c);
	record_free(new);
	record_free(old);
}

/* The generation before is as it was, so that it can be gone back to. */
static void previous_stays(void **state)
{
	struct record *one, *two, *three, *four;
	struct change *c = change("I>a a>b b>c c>O", "I>a a>x x>y y>O", &one, &two);
	static struct world w;

	change_free(c);
	three = chain_record("I>a a>p p>q q>O a=2 p/3");
	memset(&w, 0, sizeof(w));
	assert_int_equal(change_make(two, one, three, &c, &d), 0);
	for (uint32_t i = 0; i < three->n_inputs; i++) {
		const struct record_input *in = &three->inputs[i];

		for (uint32_t k = 0; in->slot != RECORD_NO_SLOT && k < one->n_inputs; k++)
			assert_int_not_equal(in->slot, one->inputs[k].slot);
		for (uint32_t k = 0; c->inputs[i].old < 0 && k < one->n_inputs; k++)
			assert_true(in->row + in->n_rows <= one->inputs[k].row ||
				    one->inputs[k].row + one->inputs[k].n_rows <= in->row);
	}
	change_free(c);
	/* One before that is not. */
	four = chain_record("I>a a>r r>s s>O a=3");
	assert_int_equal(change_make(three, two, four, &c, &d), 0);
	assert_true(has_slot(one, slot_of(four, "r")) && has_slot(one, slot_of(four, "s")));
	change_free(c);
	record_free(one);
	record_free(two);
	record_free(three);
	record_free(four);
}

static void no_space(void **state)
{
	struct record *old, *new;
	struct change *c = change("I>a a>b b>O", "I>a a>b b>O", &old, &new);

	change_free(c);
	record_free(new);
	new = chain_record("I>a a>x x>b b>O");
	new->max_slots = 2;
	assert_int_equal(change_make(old, NULL, new, &c, &d), -ENOSPC);
	assert_null(c);
	assert_string_equal(d.text, "the chain has room for 2 slots, and they are taken");
	assert_true(d.hint[0]);
	new->max_slots = 3;
	assert_int_equal(change_make(old, NULL, new, &c, &d), 0);
	change_free(c);
	new->max_rows = 7 + 7 + 2 + 2 + 6;
	assert_int_equal(change_make(old, NULL, new, &c, &d), -ENOSPC);
	assert_string_equal(d.text, "the chain has room for 24 counters, and they are taken");
	new->max_rows++;
	assert_int_equal(change_make(old, NULL, new, &c, &d), 0);
	change_free(c);
	record_free(old);
	record_free(new);
}

/* ---- at random
 * --------------------------------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* A chain without circles; what leads where, and which contents. */
static void random_words(char *out)
{
	char *at = out;

	for (char p = 'P'; p < 'S'; p++)
		if (rnd(4)) {
			at += sprintf(at, "%c>%c ", p, rnd(6) ? 'a' + (char)rnd(4) : 'X');
			if (!rnd(12))
				at += sprintf(at, "%c#%u ", p, 200 + rnd(2));
		}
	for (char m = 'a'; m < 'g'; m++) {
		uint32_t n = rnd(3);

		for (uint32_t i = 0; i < n; i++) {
			char to = m + 1 + (char)rnd(3);

			at += sprintf(at, "%c>%c ", m, to < 'g' ? to : 'X');
		}
		if (!rnd(3))
			at += sprintf(at, "%c.x ", m);
		at += sprintf(at, "%c/%u %c=%u ", m, rnd(8) ? 0 : rnd(3), m, rnd(5) ? 1 : rnd(3));
	}
	at += sprintf(at, "X#%u", rnd(8) ? 88 : 89);
}

static void at_random(void **state)
{
	uint32_t asides = 0, nothings = 0;

	for (uint32_t i = 0; i < 2000; i++) {
		struct record *r[3] = {NULL, NULL, NULL};
		static struct world w;
		char words[1024];

		memset(&w, 0, sizeof(w));
		for (uint32_t step = 0; step < 8; step++) {
			struct change *c;

			if (!r[1] || rnd(4))
				random_words(words);
			r[2] = chain_record(words);
			assert_int_equal(change_make(r[1], r[0], r[2], &c, &d), 0);
			carry_out(&w, r[1], r[0], r[2], c);
			asides += c->aside;
			nothings += c->nothing;
			change_free(c);
			record_free(r[0]);
			r[0] = r[1];
			r[1] = r[2];
		}
		record_free(r[0]);
		record_free(r[1]);
	}
	assert_true(asides > 1000 && nothings > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single),   cmocka_unit_test(port_leaves),
		cmocka_unit_test(nothing),  cmocka_unit_test(previous_stays),
		cmocka_unit_test(no_space), cmocka_unit_test(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
