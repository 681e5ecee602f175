/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load/examine.c - every program of an object, verified by itself.
 *
 * libbpf loads all of an object or nothing. So the describing session never refuses a program, and
 * where libbpf itself gives up, the program that it complains of is left out and the rest is tried
 * again; if it does not say which one, each is tried alone.
 */
#include "load/exam.h"
#include "load/describe.h"
#include "load/load.h"
#include "sys/image.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

/* Complaints about one program after which the rest is tried together, and no more alone. */
#define EXAM_MAX_ROUNDS	  16
#define EXAM_STACK_FRAMES 127

void exam_result(struct examine_result *r, enum examine_verdict verdict, int err, const char *fmt,
		 ...)
{
	va_list ap;

	r->verdict = verdict;
	r->err = err;
	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
}

void exam_note(struct exam *e, const char *fmt, ...)
{
	char line[512], *notes;
	size_t have = e->x->notes ? strlen(e->x->notes) : 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (e->x->notes && strstr(e->x->notes, line))
		return;
	notes = realloc(e->x->notes, have + strlen(line) + 2);
	if (!notes)
		return;
	sprintf(notes + have, "%s\n", line);
	e->x->notes = notes;
}

/* ---- opening ------------------------------------------------------------------------------ */

static const char *section_of(const struct bpf_program *prog)
{
	const char *name = bpf_program__section_name(prog);

	return *name == '?' ? name + 1 : name;
}

/* What is behind the slash; of a module's function ("mod:name") the name. */
static const char *section_target(const char *section)
{
	const char *slash = strchr(section, '/'), *colon;

	if (!slash || !slash[1])
		return NULL;
	colon = strchr(slash + 1, ':');
	return colon && colon[1] ? colon + 1 : slash + 1;
}

/* Type, attach type and flags by the section's name, also where libbpf is too old to know it; or
 * for a section whose name says nothing, those of the section `instead` (may be NULL). */
static int prepare_type(struct examined *p, struct bpf_program *prog, const char *instead,
			struct examine_result *r)
{
	const struct prog_type *type;
	const struct prog_section *s = catalog_section(p->section, &type);

	if (!s && instead && !catalog_prog_known(bpf_program__type(prog)))
		s = catalog_section(instead, &type);
	if (!s) {
		p->type = catalog_prog_known(bpf_program__type(prog));
		p->attach_type = bpf_program__expected_attach_type(prog);
		if (p->type)
			return 0;
		exam_result(r, EXAMINE_ERROR, -ESRCH, "section '%s' stands for no program type",
			    p->section);
		return -ESRCH;
	}
	p->type = type;
	p->attach_type = s->attach_type;
	bpf_program__set_type(prog, type->type);
	bpf_program__set_expected_attach_type(prog, s->attach_type);
	bpf_program__set_flags(prog, bpf_program__flags(prog) | s->flags);
	return 0;
}

/* What a struct_ops program is for: a member of a struct of the kernel. */
struct exam_member {
	const struct btf *btf;
	uint32_t id, index;
};

static int exam_member(struct exam *e, const struct examined *p, struct exam_member *out, char *why,
		       size_t size)
{
	const struct bridge_op *op = bridge_op(&e->bridge, p->name);
	const struct btf_member *m;
	const struct btf_type *t;
	char type[128];

	if (!op) {
		snprintf(why, size, "no table of struct_ops refers to it");
		return -ENOENT;
	}
	snprintf(type, sizeof(type), "%.*s", (int)bridge_name_length(op->type), op->type);
	if (!e->target || btf_target_find(e->target, type, BTF_KIND_STRUCT, &out->btf, &out->id)) {
		snprintf(why, size, "there is no struct '%s' in the kernel's types", type);
		return -ENOENT;
	}
	t = btf_type(out->btf, out->id);
	m = btf_type_data(t);
	for (out->index = 0; out->index < btf_type_vlen(t); out->index++)
		if (!strcmp(btf_str(out->btf, m[out->index].name_off), op->member))
			return 0;
	snprintf(why, size, "the kernel's struct '%s' has no member '%s'", type, op->member);
	return -ENOENT;
}

/* What is found in the kernel's types when the program is loaded. */
static int prepare_target(struct exam *e, struct examined *p, struct bpf_program *prog,
			  struct examine_result *r)
{
	const char *target = section_target(p->section);
	struct exam_member member;
	char why[256];
	int err;

	if (!p->type || !(p->type->flags & PROG_TARGET))
		return 0;
	if (p->type->type == BPF_PROG_TYPE_STRUCT_OPS) {
		err = exam_member(e, p, &member, why, sizeof(why));
		if (err)
			exam_result(r, EXAMINE_ERROR, err, "%s", why);
		return err;
	}
	if (p->type->type == BPF_PROG_TYPE_EXT) {
		exam_result(r, EXAMINE_ERROR, -ENOENT,
			    "it replaces a function of another program, which is not given");
		return -ENOENT;
	}
	if (!target) {
		exam_result(r, EXAMINE_ERROR, -EINVAL,
			    "section '%s' does not say what to attach to", p->section);
		return -EINVAL;
	}
	if (!e->target) {
		exam_result(r, EXAMINE_ERROR, -ENOENT,
			    "'%s' is looked up in the kernel's types, which are not at hand "
			    "(--btf FILE)",
			    target);
		return -ENOENT;
	}
	capture_start(&e->said);
	err = bpf_program__set_attach_target(prog, 0, target);
	capture_stop();
	if (err) {
		exam_result(r, EXAMINE_ERROR, -ENOENT,
			    "there is no '%s' in the kernel's types that %s programs attach to",
			    target, p->type->name);
		return -ENOENT;
	}
	return 0;
}

/* What is only found out when it is linked. */
static int prepare_externs(struct exam *e, struct examined *p, struct examine_result *r)
{
	const char *missing = bridge_missing(&e->bridge, p->name, e->target);

	if (!missing)
		return 0;
	exam_result(r, EXAMINE_ERROR, -ESRCH, "extern '%s' (strong): not in the kernel's types",
		    missing);
	return -ESRCH;
}

static bool prepare_only(const struct examine_opts *opts, const char *name)
{
	for (uint32_t i = 0; i < opts->n_only; i++)
		if (!strcmp(opts->only[i], name))
			return true;
	return !opts->n_only;
}

/* The programs' names, when the object is opened first. */
static int prepare_names(struct exam *e, struct visor_diag *diag)
{
	struct examination *x = e->x;
	struct bpf_program *prog;
	uint32_t n = 0;

	bpf_object__for_each_program(prog, e->obj) n++;
	x->progs = calloc(n + 1, sizeof(*x->progs));
	if (!x->progs)
		return diag_fail(diag, -ENOMEM, "open", "out of memory");
	bpf_object__for_each_program(prog, e->obj)
	{
		struct examined *p = &x->progs[x->n_progs];

		p->name = strdup(bpf_program__name(prog));
		p->section = strdup(section_of(prog));
		p->skip = p->name && !prepare_only(e->opts, p->name);
		x->n_progs++;
		if (!p->name || !p->section)
			return diag_fail(diag, -ENOMEM, "open", "out of memory");
	}
	e->prepared = true;
	return 0;
}

static void prepare_maps(struct exam *e)
{
	struct bpf_map *map;

	for (uint32_t i = 0; i < e->bridge.n_extras; i++) {
		map = bpf_object__find_map_by_name(e->obj, e->bridge.extras[i].map);
		if (map)
			bpf_map__set_map_extra(map, e->bridge.extras[i].value);
	}
	bpf_object__for_each_map(map, e->obj)
	{
		const struct map_kind *kind = catalog_map_known(bpf_map__type(map));

		bpf_map__set_pin_path(map, NULL);
		/* Loaders set it when they know how many are needed; any number will do here. */
		if (kind && !(kind->traits & MAP_NO_MAX) && !bpf_map__max_entries(map) &&
		    kind->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
		    !bpf_map__set_max_entries(map, 1))
			exam_note(e, "map '%s': max_entries is 0, taken as 1", bpf_map__name(map));
		if (kind && kind->type == BPF_MAP_TYPE_STACK_TRACE && !bpf_map__value_size(map) &&
		    !bpf_map__set_value_size(map, EXAM_STACK_FRAMES * sizeof(uint64_t)))
			exam_note(e, "map '%s': value_size is 0, taken as %u frames",
				  bpf_map__name(map), EXAM_STACK_FRAMES);
	}
}

int exam_open(struct exam *e, bool (*wanted)(const struct exam *e, const struct examined *p),
	      struct examine_result *(*result)(struct examined *p), struct visor_diag *diag)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = e->bridge.name,
		    .relaxed_maps = true);
	struct bpf_program *prog;
	uint32_t i = 0;
	int err;

	capture_start(&e->said);
	e->obj = bpf_object__open_mem(e->bridge.data, e->bridge.size, &opts);
	err = e->obj ? 0 : capture_errno(-errno);
	capture_stop();
	if (err)
		return diag_fail(diag, err, "open", "%s",
				 e->said.first[0] ? e->said.first
						  : "not a BPF object file that libbpf can read");
	if (!e->prepared)
		err = prepare_names(e, diag);
	if (!err) {
		e->progs = calloc(e->x->n_progs + 1, sizeof(*e->progs));
		err = e->progs ? 0 : diag_fail(diag, -ENOMEM, "open", "out of memory");
	}
	if (err) {
		exam_close(e);
		return err;
	}
	bpf_object__for_each_program(prog, e->obj)
	{
		struct examined *p = &e->x->progs[i];
		bool on = wanted(e, p) && !prepare_type(p, prog, e->opts->section, result(p)) &&
			  !prepare_target(e, p, prog, result(p)) &&
			  !prepare_externs(e, p, result(p));

		e->progs[i++] = prog;
		bpf_program__set_autoload(prog, on);
	}
	prepare_maps(e);
	return 0;
}

void exam_close(struct exam *e)
{
	free(e->progs);
	e->progs = NULL;
	if (e->obj)
		bpf_object__close(e->obj);
	e->obj = NULL;
}

int exam_load(struct exam *e)
{
	int err;

	capture_start(&e->said);
	err = capture_errno(bpf_object__load(e->obj));
	capture_stop();
	return err;
}

static void exam_struct_ops(struct exam *e, const struct examined *p, union bpf_attr *attr)
{
	struct exam_member member;
	char why[256];

	if (exam_member(e, p, &member, why, sizeof(why)))
		return;
	attr->attach_btf_id = member.id;
	attr->expected_attach_type = member.index;
	attr->attach_btf_obj_fd = e->module_fd ? e->module_fd(e, member.btf) : 0;
}

static struct bpf_map *exam_map(struct exam *e, bool (*is)(const struct bpf_map *map))
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, e->obj) if (is(map)) return map;
	return NULL;
}

static bool map_is_arena(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_ARENA;
}

static bool map_is_arena_data(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	size_t len = strlen(name), end = strlen(BRIDGE_ARENA_MAP);

	return len >= end && !strcmp(name + len - end, BRIDGE_ARENA_MAP);
}

/* Variables of the arena are in the arena's memory, not in the map that stands for their section.
 */
static void exam_arena(struct exam *e, union bpf_attr *attr)
{
	struct bpf_map *arena = exam_map(e, map_is_arena), *data = exam_map(e, map_is_arena_data);
	struct bpf_insn *insn = (struct bpf_insn *)(uintptr_t)attr->insns;

	if (!arena || !data)
		return;
	for (uint32_t i = 0; i + 1 < attr->insn_cnt; i++)
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insn[i].src_reg == BPF_PSEUDO_MAP_VALUE &&
			    insn[i].imm == bpf_map__fd(data))
				insn[i].imm = bpf_map__fd(arena);
			i++;
		}
}

int exam_program(struct exam *e, union bpf_attr *attr)
{
	for (uint32_t i = 0; e->progs && i < e->x->n_progs; i++) {
		if (!e->progs[i] || attr->insns != (uintptr_t)bpf_program__insns(e->progs[i]))
			continue;
		if (e->opts->strict_alignment)
			attr->prog_flags |= BPF_F_STRICT_ALIGNMENT;
		if (attr->prog_type == BPF_PROG_TYPE_STRUCT_OPS)
			exam_struct_ops(e, &e->x->progs[i], attr);
		if (e->bridge.arena)
			exam_arena(e, attr);
		return (int)i;
	}
	return -1;
}

/* ---- our verdict -------------------------------------------------------------------------- */

static bool ours_open(const struct examined *p)
{
	return !p->skip && p->ours.verdict == EXAMINE_NONE;
}

static bool ours_wanted(const struct exam *e, const struct examined *p)
{
	return ours_open(p) && (!e->alone || e->alone == p);
}

static struct examine_result *ours_result(struct examined *p)
{
	return &p->ours;
}

static void ours_log(void *user, const char *text, size_t len)
{
	struct examine_result *r = user;

	if (r->log_len + len + 1 > r->log_room) {
		size_t room = MAX(2 * r->log_room, r->log_len + len + 4096);
		char *log = realloc(r->log, room);

		if (!log)
			return;
		r->log = log;
		r->log_room = room;
	}
	memcpy(r->log + r->log_len, text, len);
	r->log_len += len;
	r->log[r->log_len] = '\0';
}

static int ours_verify(struct exam *e, struct examined *p, struct verify_image *image,
		       struct visor_diag *diag)
{
	const struct verified *code = NULL;
	int err = e->opts->verify ? e->opts->verify(e->opts->user, p, image, &code, diag)
				  : verify_image(image, &code, diag);

	if (!err)
		err = image_check_info(image, code, diag);
	verified_unref(code);
	return err;
}

/* A callback for exceptions that nothing calls is only linked by libbpf 1.3 and later: its name, or
 * NULL. */
static const char *ours_unlinked(const struct verify_image *image)
{
	const char *name;
	uint32_t func;

	if (!image->btf || !image->n_func_info ||
	    btf_tag_get(image->btf, image->func_info[0].type_id, -1, "exception_callback:", &name))
		return NULL;
	func = btf_find(image->btf, name, BTF_KIND_FUNC);
	for (uint32_t i = 0; func && i < image->n_func_info; i++)
		if (image->func_info[i].type_id == func)
			return NULL;
	return func ? name : NULL;
}

static int ours_program(void *user, union bpf_attr *attr)
{
	return exam_program(user, attr);
}

static void ours_judge(void *user, int program, struct verify_image *image,
		       const struct visor_diag *load_diag)
{
	struct exam *e = user;
	struct examined *p = &e->x->progs[program];
	struct verify_log log = {e->opts->log_level, ours_log, &p->ours};
	struct visor_diag diag = {0};
	const char *unlinked;
	int err;

	if (!image) {
		exam_result(&p->ours,
			    strcmp(load_diag->stage, "map") ? EXAMINE_REJECTED : EXAMINE_ERROR,
			    load_diag->err, "%s", load_diag->text);
		return;
	}
	p->n_insns = image->n_insns;
	unlinked = ours_unlinked(image);
	if (unlinked) {
		exam_result(&p->ours, EXAMINE_ERROR, -ENOTSUP,
			    "exception callback '%s' is not linked by this version of libbpf",
			    unlinked);
		return;
	}
	/* Done once, and not the program's doing: not to be in its time. */
	if (e->target && image->attach_btf_id)
		btf_prepare(btf_target_vmlinux(e->target));
	image->log = log.level ? &log : NULL;
	image->stats = &p->stats;
	image->report = &p->report;
	err = ours_verify(e, p, image, &diag);
	p->ours.time_ns = p->stats.time_ns;
	p->ours.insns_processed = p->stats.insns_processed;
	exam_result(&p->ours, err ? EXAMINE_REJECTED : EXAMINE_ACCEPTED, err, "%s",
		    err ? diag.text : "");
}

static uint32_t ours_module_fd(struct exam *e, const struct btf *btf)
{
	int fd = describe_module(e->describe, btf);

	return fd < 0 ? 0 : (uint32_t)fd;
}

/* One attempt: programs that have no verdict yet. 0 if libbpf went through all of them. */
static int ours_round(struct exam *e, struct visor_diag *diag)
{
	const struct describe_hooks hooks = {
		.program = ours_program, .judge = ours_judge, .user = e};
	struct load_session *before;
	struct describe *d;
	int err = describe_new(e->target, e->opts->unprivileged, &hooks, &d);

	if (err)
		return diag_fail(diag, err, "load", "out of memory");
	e->describe = d;
	e->module_fd = ours_module_fd;
	before = load_enter(describe_session(d));
	err = exam_open(e, ours_wanted, ours_result, diag);
	if (!err) {
		err = exam_load(e);
		if (err)
			diag_fail(diag, err, "load", "%s",
				  e->said.first[0] ? e->said.first
						   : "libbpf could not load the object");
		exam_close(e);
	}
	load_enter(before);
	describe_free(d);
	return err;
}

static struct examined *exam_find(struct exam *e, const char *name)
{
	for (uint32_t i = 0; i < e->x->n_progs; i++)
		if (!strcmp(e->x->progs[i].name, name))
			return &e->x->progs[i];
	return NULL;
}

/* Each of the rest by itself. The same complaint about the first two is one about the object. */
static void ours_alone(struct exam *e)
{
	char first[512] = "";
	bool object = false;
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->x->n_progs; i++) {
		struct examined *p = &e->x->progs[i];
		struct visor_diag diag = {0};
		int err;

		if (!ours_open(p))
			continue;
		if (object) {
			exam_result(&p->ours, EXAMINE_ERROR, -EINVAL, "%s", first);
			continue;
		}
		e->alone = p;
		err = ours_round(e, &diag);
		if (ours_open(p))
			exam_result(&p->ours, EXAMINE_ERROR, err ? err : -EINVAL, "%s",
				    diag.text[0] ? diag.text : "libbpf did not load it");
		if (!n++)
			snprintf(first, sizeof(first), "%s", diag.text);
		else
			object = n == 2 && err && !strcmp(first, diag.text);
	}
}

static int ours(struct exam *e, struct visor_diag *diag)
{
	struct visor_diag round = {0};
	int err;

	for (int i = 0; i < EXAM_MAX_ROUNDS; i++) {
		struct examined *p;

		err = ours_round(e, &round);
		if (!e->prepared) {
			*diag = round;
			return err;
		}
		if (!err)
			break;
		p = e->said.prog[0] ? exam_find(e, e->said.prog) : NULL;
		if (!p || !ours_open(p))
			break;
		exam_result(&p->ours, EXAMINE_ERROR, err, "%s", round.text);
	}
	ours_alone(e);
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* Names that are none of the object's. */
static int exam_only(struct exam *e, struct visor_diag *diag)
{
	for (uint32_t i = 0; i < e->opts->n_only; i++)
		if (!exam_find(e, e->opts->only[i]))
			return diag_fail(diag, -ENOENT, "check", "the object has no program '%s'",
					 e->opts->only[i]);
	return 0;
}

static int exam_target(struct exam *e, struct visor_diag *diag)
{
	struct btf_target *target = NULL;
	int err = btf_target_open(e->opts->btf, &target, diag);

	if (!err && e->opts->modules)
		err = btf_target_set_modules(target, e->opts->modules);
	if (err && target) {
		btf_target_unref(target);
		return diag_fail(diag, err, "btf", "out of memory");
	}
	/* Without the running kernel's types, only programs that need them cannot be looked at. */
	if (err && e->opts->btf) {
		diag_at(diag, "%s", e->opts->btf);
		return err;
	}
	e->target = target;
	return 0;
}

int examine(const char *path, const struct examine_opts *opts, struct examination *out,
	    struct visor_diag *diag)
{
	struct exam e = {.opts = opts, .x = out};
	int err;

	memset(out, 0, sizeof(*out));
	err = bridge_open(&e.bridge, path, diag);
	if (!err)
		err = exam_target(&e, diag);
	if (!err && opts->kernel)
		exam_kernel(&e);
	if (!err) {
		err = ours(&e, diag);
		if (err)
			diag_at(diag, "%s", path);
	}
	if (!err)
		err = exam_only(&e, diag);
	btf_target_unref(e.target);
	bridge_close(&e.bridge);
	if (err)
		examine_free(out);
	return err;
}

void examine_free(struct examination *x)
{
	for (uint32_t i = 0; i < x->n_progs; i++) {
		struct examined *p = &x->progs[i];

		free((char *)p->name);
		free((char *)p->section);
		free(p->ours.log);
		free(p->kernel.log);
	}
	free(x->progs);
	free(x->notes);
	memset(x, 0, sizeof(*x));
}
