/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/explain.c - why a program was refused, told along the path that leads to the failure.
 *
 * From the register at fault the path is walked backwards (path.c), with the set of registers
 * and stack slots that its value is made of: instructions that define one of them, and conditions
 * that look at one, are the steps of the report.
 */
#include "verify/explain.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPLAIN_BRANCHES 4 /* conditions told of at most: the last ones */
#define ARG_REGS	 0x3e
#define CALL_REGS	 0x3f

struct slice {
	struct explain *x;
	uint16_t regs[VERIFY_MAX_FRAMES]; /* the value is made of these */
	uint64_t slots[VERIFY_MAX_FRAMES];
	struct verify_step steps[VERIFY_REPORT_STEPS]; /* the last one first */
	uint32_t n, branches;
};

/* ---- places ----------------------------------------------------------------------------- */

static const struct bpf_line_info *explain_line(const struct env *env, uint32_t insn)
{
	const struct verify_image *image = env->image;
	uint32_t low = 0, high = image->btf ? image->n_line_info : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (image->line_info[middle].insn_off <= insn)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &image->line_info[low - 1] : NULL;
}

void explain_place(const struct env *env, uint32_t insn, struct verify_place *place)
{
	const struct bpf_line_info *line = explain_line(env, insn);
	struct text t = text_over(env, place->text, sizeof(place->text));
	const char *source, *file;

	place->known = true;
	place->insn = insn;
	text_insn(&t, env, insn);
	if (env->subs && env->aux[insn].subprog < env->n_subs &&
	    env->subs[env->aux[insn].subprog].name)
		snprintf(place->function, sizeof(place->function), "%s",
			 env->subs[env->aux[insn].subprog].name);
	if (!line)
		return;
	source = btf_str(env->image->btf, line->line_off);
	file = btf_str(env->image->btf, line->file_name_off);
	place->line = line->line_col >> 10;
	place->column = line->line_col & 0x3ff;
	/* Without its indentation. */
	while (*source == ' ' || *source == '\t') {
		source++;
		if (place->column > 1)
			place->column--;
	}
	snprintf(place->source, sizeof(place->source), "%s", source);
	snprintf(place->file, sizeof(place->file), "%s",
		 strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
}

int explain_access(const struct bpf_insn *insn)
{
	static const int sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return sizes[BPF_SIZE(insn->code) >> 3];
	default:
		return 0;
	}
}

void explain_callee(const struct env *env, uint32_t insn, char *buf, size_t size)
{
	const struct bpf_insn *in = &env->insns[insn];
	uint32_t target = insn + 1 + (uint32_t)in->imm;
	char text[160];
	struct text t = text_over(env, text, sizeof(text));
	const char *name = text, *end;

	if (env->aux[insn].id == ISA_CALL_LOCAL && target < env->n_insns) {
		name = env->subs[env->aux[target].subprog].name;
		if (name[0])
			snprintf(buf, size, "%s", name);
		else
			snprintf(buf, size, "the function at insn %u", target);
		return;
	}
	/* "(85) call NAME#ID" */
	text_insn(&t, env, insn);
	if (strstr(text, "call "))
		name = strstr(text, "call ") + strlen("call ");
	end = strchr(name, '#');
	snprintf(buf, size, "%.*s", end ? (int)(end - name) : (int)strlen(name), name);
}

/* ---- steps ------------------------------------------------------------------------------ */

static void tell(struct slice *s, uint32_t insn, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void tell(struct slice *s, uint32_t insn, const char *fmt, ...)
{
	struct verify_step *step;
	va_list ap;

	if (s->n == VERIFY_REPORT_STEPS)
		return;
	step = &s->steps[s->n++];
	memset(step, 0, sizeof(*step));
	explain_place(s->x->env, insn, &step->place);
	va_start(ap, fmt);
	vsnprintf(step->text, sizeof(step->text), fmt, ap);
	va_end(ap);
}

static bool has(const struct slice *s, uint32_t depth, int reg)
{
	return s->regs[depth] >> reg & 1;
}

static void want(struct slice *s, uint32_t depth, int reg)
{
	if (reg != BPF_REG_10)
		s->regs[depth] |= (uint16_t)(1U << reg);
}

static void done(struct slice *s, uint32_t depth, int reg)
{
	s->regs[depth] &= (uint16_t) ~(1U << reg);
}

static bool empty(const struct slice *s)
{
	for (uint32_t i = 0; i < VERIFY_MAX_FRAMES; i++)
		if (s->regs[i] || s->slots[i])
			return false;
	return true;
}

/* "ctx->data", or what the attach target calls its argument. */
static void context_name(struct slice *s, uint32_t insn, char *buf, size_t size)
{
	struct explain *x = s->x;
	const struct env *env = x->env;
	uint32_t off = (uint32_t)env->aux[insn].ctx_off;
	const struct ctx_field *field;
	const struct btf_attach *a = &env->attach;

	if (env->type->ctx_kind == CTX_IS_BTF_ARGS && a->proto &&
	    off / 8 + a->skipped < btf_type_vlen(a->proto)) {
		snprintf(buf, size, "argument `%s` of %s()",
			 btf_str(a->btf, btf_proto_params(a->proto)[off / 8 + a->skipped].name_off),
			 a->name ? a->name : "the target");
		return;
	}
	field = env->type->ctx_kind == CTX_IS_FIELDS
			? catalog_ctx_field(env->type, off,
					    (uint32_t)explain_access(&env->insns[insn]))
			: NULL;
	if (!field) {
		x->context = true;
		snprintf(buf, size, "the context, offset %u", off);
		return;
	}
	x->field = field->name;
	x->packet |= field->yield == CTX_PKT || field->yield == CTX_PKT_META;
	snprintf(buf, size, "ctx->%s", field->name);
}

static void step_load(struct slice *s, const struct path_step *p)
{
	const struct env *env = s->x->env;
	const struct bpf_insn *insn = &env->insns[p->insn];
	static const char *const from[REG_TYPE_COUNT] = {
		[R_MAP_VALUE] = "a map value",
		[R_STACK] = "the stack",
		[R_PACKET] = "the packet",
		[R_PACKET_META] = "the packet's metadata",
		[R_MEM] = "memory",
		[R_BTF_ID] = "a kernel struct",
		[R_SOCKET] = "a socket",
		[R_SOCK_COMMON] = "a socket",
		[R_TCP_SOCK] = "a socket",
		[R_ARENA] = "the arena",
		[R_FLOW_KEYS] = "the flow's keys",
	};
	static const char *const width[] = {
		[1] = ": 1 byte, 0 to 255", [2] = ": 2 bytes, 0 to 65535", [4] = ": 4 bytes"};
	uint8_t type = env->aux[p->insn].ptr_type;
	int size = explain_access(insn);
	char name[96];

	if (!has(s, p->depth, insn->dst_reg))
		return;
	done(s, p->depth, insn->dst_reg);
	if (p->stack) {
		s->slots[p->slot_frame] |= UINT64_C(1) << p->slot;
		return;
	}
	if (type == R_CTX) {
		context_name(s, p->insn, name, sizeof(name));
		tell(s, p->insn, "r%u is loaded from %s", insn->dst_reg, name);
		return;
	}
	tell(s, p->insn, "r%u is read from %s%s", insn->dst_reg,
	     type < REG_TYPE_COUNT && from[type] ? from[type] : "memory",
	     size < 8 ? width[size] : "");
}

static void step_store(struct slice *s, const struct path_step *p, bool by_reg)
{
	const struct bpf_insn *insn = &s->x->env->insns[p->insn];

	if (!p->stack || !(s->slots[p->slot_frame] >> p->slot & 1))
		return;
	s->slots[p->slot_frame] &= ~(UINT64_C(1) << p->slot);
	if (by_reg)
		want(s, p->depth, insn->src_reg);
	else
		tell(s, p->insn, "the stack at fp-%d is set to %d", (p->slot + 1) * SLOT_BYTES,
		     insn->imm);
}

static void step_alu(struct slice *s, const struct path_step *p, bool by_reg)
{
	const struct bpf_insn *insn = &s->x->env->insns[p->insn];
	struct verify_place place = {0};
	bool narrow = BPF_CLASS(insn->code) == BPF_ALU;

	if (!has(s, p->depth, insn->dst_reg))
		return;
	if (BPF_OP(insn->code) != BPF_MOV) {
		explain_place(s->x->env, p->insn, &place);
		tell(s, p->insn, "%s", place.text + 5); /* behind the opcode */
		if (by_reg)
			want(s, p->depth, insn->src_reg);
		return;
	}
	done(s, p->depth, insn->dst_reg);
	if (!by_reg) {
		tell(s, p->insn, "r%u is %d", insn->dst_reg, insn->imm);
	} else if (insn->src_reg == BPF_REG_10) {
		tell(s, p->insn, "r%u is the address of a variable on the stack", insn->dst_reg);
	} else {
		want(s, p->depth, insn->src_reg);
		if (narrow || insn->off)
			tell(s, p->insn, "r%u is the lower %d bits of r%u", insn->dst_reg,
			     insn->off ? insn->off : 32, insn->src_reg);
	}
}

static void step_imm64(struct slice *s, const struct path_step *p)
{
	const struct env *env = s->x->env;
	const struct bpf_insn *insn = &env->insns[p->insn];
	const struct verify_map *map = NULL;

	if (!has(s, p->depth, insn->dst_reg))
		return;
	done(s, p->depth, insn->dst_reg);
	if ((insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE) &&
	    (uint32_t)insn->imm < env->image->n_maps)
		map = &env->image->maps[insn->imm];
	if (map)
		tell(s, p->insn, "r%u is %s %s", insn->dst_reg,
		     insn->src_reg == BPF_PSEUDO_MAP_IDX ? "the map" : "a variable in",
		     map->desc.name);
	else if (insn->src_reg == BPF_PSEUDO_FUNC)
		tell(s, p->insn, "r%u is the address of a function", insn->dst_reg);
	else if (insn->src_reg == BPF_PSEUDO_BTF_ID)
		tell(s, p->insn, "r%u is a variable of the kernel", insn->dst_reg);
	else
		tell(s, p->insn, "r%u is 0x%llx", insn->dst_reg,
		     (unsigned long long)((uint64_t)(uint32_t)insn[1].imm << 32 |
					  (uint32_t)insn->imm));
}

static void step_result(struct slice *s, const struct path_step *p)
{
	struct explain *x = s->x;
	const struct insn_aux *aux = &x->env->aux[p->insn];
	bool maybe = x->reg && x->reg->flags & F_NULL;
	bool map = aux->map && aux->map != MAP_POISON && aux->map->desc.name[0];

	done(s, p->depth, BPF_REG_0);
	explain_callee(x->env, p->insn, x->from_call, sizeof(x->from_call));
	if (map)
		snprintf(x->from_map, sizeof(x->from_map), "%s", aux->map->desc.name);
	tell(s, p->insn, "r0 is what %s(%s%s) returns%s", x->from_call, map ? "&" : "",
	     map ? aux->map->desc.name : "", maybe ? ", or NULL" : "");
}

/* Kernel functions tell by their names. */
static bool step_releases(const struct env *env, uint32_t insn, const struct helper *h)
{
	static const char *const ends[] = {"_release", "_drop_impl", "_put",
					   "_destroy", "_discard",   "_submit"};
	char name[64];

	if (h)
		return h->flags & HELPER_RELEASE;
	explain_callee(env, insn, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (strstr(name, ends[i]))
			return true;
	return false;
}

/* A call that does not go into a function of the program. */
static void step_call(struct slice *s, const struct path_step *p)
{
	struct explain *x = s->x;
	const struct env *env = x->env;
	const struct helper *h = NULL;

	if (has(s, p->depth, BPF_REG_0))
		step_result(s, p);
	if (env->aux[p->insn].id == ISA_CALL_HELPER)
		call_contract(env, (uint32_t)env->insns[p->insn].imm, &h);
	if (h && h->flags & HELPER_PKT_MOVES && !empty(s) && !x->moved[0])
		explain_callee(env, p->insn, x->moved, sizeof(x->moved));
	if (!empty(s) && !x->released[0] && step_releases(env, p->insn, h))
		explain_callee(env, p->insn, x->released, sizeof(x->released));
	if (!(s->regs[p->depth] & ARG_REGS))
		return;
	explain_callee(env, p->insn, x->clobber, sizeof(x->clobber));
	tell(s, p->insn, "the call of %s() leaves nothing in r1 to r5", x->clobber);
	s->regs[p->depth] &= (uint16_t)~ARG_REGS;
}

/* A function of the program: entered, when it is followed by its first instruction. */
static void step_call_local(struct slice *s, const struct path_step *p)
{
	char name[64];
	uint16_t args;

	if (p->next == p->insn + 1) { /* a global function: not followed */
		step_call(s, p);
		return;
	}
	args = p->depth + 1 < VERIFY_MAX_FRAMES ? s->regs[p->depth + 1] : 0;
	if (args) {
		explain_callee(s->x->env, p->insn, name, sizeof(name));
		tell(s, p->insn, "passed to %s()", name);
		s->regs[p->depth + 1] = 0;
		s->regs[p->depth] |= args & ARG_REGS;
	}
	/* What the callee leaves behind came out of its exit. */
}

/* Out of a function: its r0 is the caller's. Registers that a call does not preserve end. */
static void step_exit(struct slice *s, const struct path_step *p)
{
	uint32_t caller = p->depth - 1U;

	if (!p->depth || s->x->env->aux[p->next].id == ISA_COUNT)
		return;
	if (s->regs[caller] & 1U << BPF_REG_0) {
		done(s, caller, BPF_REG_0);
		want(s, p->depth, BPF_REG_0);
	}
	if (s->regs[caller] & ARG_REGS) {
		snprintf(s->x->clobber, sizeof(s->x->clobber), "%s",
			 s->x->env->subs[s->x->env->aux[p->insn].subprog].name);
		tell(s, p->insn, "a call leaves nothing in r1 to r5");
		s->regs[caller] &= (uint16_t)~ARG_REGS;
	}
}

static void step_branch(struct slice *s, const struct path_step *p, bool by_reg)
{
	const struct bpf_insn *insn = &s->x->env->insns[p->insn];
	struct verify_place place = {0};
	const char *from, *to;

	/* Of a packet, another pointer into it is compared with the end. */
	bool packet =
		s->x->env->reason == REASON_PKT_RANGE && by_reg && BPF_CLASS(insn->code) == BPF_JMP;

	if (!packet && !has(s, p->depth, insn->dst_reg) &&
	    !(by_reg && has(s, p->depth, insn->src_reg)))
		return;
	s->x->compared = true;
	if (s->branches++ >= EXPLAIN_BRANCHES)
		return;
	explain_place(s->x->env, p->insn, &place);
	from = strstr(place.text, "if ");
	to = strstr(place.text, " goto");
	if (from && to)
		tell(s, p->insn, "here `%.*s` is %s", (int)(to - from - 3), from + 3,
		     path_taken(p) ? "true" : "false");
}

static void slice_step(struct slice *s, const struct path_step *p)
{
	const struct env *env = s->x->env;
	const struct bpf_insn *insn = &env->insns[p->insn];
	int id = env->aux[p->insn].id;

	switch (isa_table[id].form) {
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		step_load(s, p);
		break;
	case ISA_FORM_STX:
	case ISA_FORM_ST:
		step_store(s, p, isa_table[id].form == ISA_FORM_STX);
		break;
	case ISA_FORM_ALU_RR:
	case ISA_FORM_CAST:
		step_alu(s, p, true);
		break;
	case ISA_FORM_ALU_RI:
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		step_alu(s, p, false);
		break;
	case ISA_FORM_LD_IMM64:
		step_imm64(s, p);
		break;
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		if (has(s, p->depth, BPF_REG_0))
			tell(s, p->insn, "r0 is read from the packet");
		s->regs[p->depth] &= (uint16_t)~CALL_REGS;
		break;
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		step_branch(s, p, isa_table[id].form == ISA_FORM_JMP_RR);
		break;
	case ISA_FORM_CALL:
	case ISA_FORM_KFUNC:
		if (id == ISA_CALL_LOCAL)
			step_call_local(s, p);
		else
			step_call(s, p);
		break;
	case ISA_FORM_EXIT:
		step_exit(s, p);
		break;
	case ISA_FORM_ATOMIC:
		/* Exchanges and fetches: a value from memory. */
		if (has(s, p->depth, insn->src_reg) && insn->imm & BPF_FETCH) {
			tell(s, p->insn, "r%u is read from memory", insn->src_reg);
			done(s, p->depth, insn->src_reg);
		}
		break;
	default:
		break;
	}
}

/* What is left at the beginning of the program, or function. */
static void slice_begin(struct slice *s)
{
	struct explain *x = s->x;
	const struct env *env = x->env;
	uint32_t first = x->path.n ? x->path.steps[x->path.n - 1].insn : env->at;
	uint32_t sub = env->aux[first].subprog;
	uint16_t left = s->regs[0];

	for (int i = 0; i < 10; i++) {
		if (!(left >> i & 1))
			continue;
		if (i == BPF_REG_1 && !sub)
			tell(s, first, "r1 is the context, the program's argument");
		else if (i >= 1 && i <= 5 && sub && (uint32_t)i <= env->subs[sub].sig.n_args)
			tell(s, first, "r%d is argument %d of %s()", i, i, env->subs[sub].name);
		else
			x->never_set = true;
	}
}

static void slice_run(struct slice *s)
{
	struct explain *x = s->x;

	for (uint32_t i = 0; i < x->path.n && !empty(s); i++)
		slice_step(s, &x->path.steps[i]);
	if (x->path.whole && !empty(s))
		slice_begin(s);
	x->r->n_steps = s->n;
	for (uint32_t i = 0; i < s->n; i++)
		x->r->steps[i] = s->steps[s->n - 1 - i];
}

/* ---- references ------------------------------------------------------------------------- */

/* Where what is still held was taken. */
static void slice_refs(struct slice *s)
{
	const struct env *env = s->x->env;
	const struct state *st = env->st;
	char name[64];

	for (int i = st ? st->n_refs - 1 : -1; i >= 0; i--) {
		const struct ref *ref = &st->refs[i];

		if (ref->insn >= env->n_insns)
			continue;
		explain_callee(env, ref->insn, name, sizeof(name));
		tell(s, ref->insn, "%s() %s", name,
		     ref->kind == REF_PTR   ? "acquires a reference"
		     : ref->kind == REF_IRQ ? "saves the interrupt state"
					    : "takes the lock");
	}
	for (uint32_t i = 0; i < s->x->path.n && s->n < 1 + EXPLAIN_BRANCHES; i++) {
		const struct path_step *p = &s->x->path.steps[i];
		int form = isa_table[env->aux[p->insn].id].form;

		if (st && st->n_refs && p->insn == st->refs[st->n_refs - 1].insn)
			break;
		if (form == ISA_FORM_JMP_RR || form == ISA_FORM_JMP_RI) {
			s->regs[p->depth] |= (uint16_t)(1U << env->insns[p->insn].dst_reg);
			step_branch(s, p, false);
			s->regs[p->depth] = 0;
		}
	}
	s->x->r->n_steps = s->n;
	for (uint32_t i = 0; i < s->n; i++)
		s->x->r->steps[i] = s->steps[i];
}

/* ---- loops ------------------------------------------------------------------------------ */

/* The instruction that the path passes most often; how often. */
static uint32_t loop_head(const struct path *path, uint32_t n_insns, uint32_t *insn)
{
	uint32_t *seen = calloc(n_insns, sizeof(*seen)), most = 0;

	for (uint32_t i = 0; seen && i < path->n; i++)
		if (++seen[path->steps[i].insn] > most) {
			most = seen[path->steps[i].insn];
			*insn = path->steps[i].insn;
		}
	free(seen);
	return most;
}

/* The conditions of the last round. */
static void slice_loop(struct slice *s)
{
	struct explain *x = s->x;
	const struct env *env = x->env;
	uint32_t head = env->at, times = loop_head(&x->path, env->n_insns, &head), rounds = 0;

	if (env->reason == REASON_INFINITE_LOOP)
		head = env->at;
	else if (times > 1)
		tell(s, head, "the path came here %u times%s", times,
		     x->path.whole ? "" : ", and more before");
	for (uint32_t i = 0; i < x->path.n && s->n < 2 + EXPLAIN_BRANCHES; i++) {
		const struct path_step *p = &x->path.steps[i];
		int form = isa_table[env->aux[p->insn].id].form;

		if (form == ISA_FORM_JMP_RR || form == ISA_FORM_JMP_RI) {
			s->regs[p->depth] |= (uint16_t)(1U << env->insns[p->insn].dst_reg);
			step_branch(s, p, false);
			s->regs[p->depth] = 0;
		}
		if (p->insn == head && rounds++)
			break;
	}
	x->r->n_steps = s->n;
	for (uint32_t i = 0; i < s->n; i++)
		x->r->steps[i] = s->steps[s->n - 1 - i];
}

/* ---- the report ------------------------------------------------------------------------- */

/* The register that an instruction is about, where the failure does not name one: any number that
 * an instruction can hold. */
static int explain_operand(const struct env *env)
{
	const struct bpf_insn *insn = &env->insns[env->at];

	if (env->fault_reg >= 0)
		return env->fault_reg;
	if (env->reason == REASON_PTR_BOUNDS && BPF_SRC(insn->code) == BPF_X &&
	    insn->dst_reg <= BPF_REG_10 && env_reg(env, insn->dst_reg)->type != R_SCALAR)
		return insn->src_reg;
	switch (isa_table[env->aux[env->at].id].form) {
	case ISA_FORM_LDX:
	case ISA_FORM_LOAD_ACQ:
		return insn->src_reg;
	case ISA_FORM_ST:
	case ISA_FORM_STX:
	case ISA_FORM_ATOMIC:
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
		return insn->dst_reg;
	default:
		return -1;
	}
}

static int explain_register(const struct env *env)
{
	int reg = explain_operand(env);

	return reg <= BPF_REG_10 ? reg : -1;
}

/* Where the register is in the instruction's text: as an address if it is one. */
static void explain_caret(struct verify_report *r)
{
	char name[16], address[16];
	const char *at;

	if (r->reg < 0)
		return;
	snprintf(name, sizeof(name), "r%d", r->reg);
	snprintf(address, sizeof(address), "(r%d ", r->reg);
	at = strstr(r->place.text, address);
	if (at)
		at++;
	else
		at = strstr(r->place.text, name);
	if (!at) {
		name[0] = 'w';
		at = strstr(r->place.text, name);
	}
	if (at && !(at[strlen(name)] >= '0' && at[strlen(name)] <= '9')) {
		r->caret = (uint32_t)(at - r->place.text);
		r->width = (uint32_t)strlen(name);
	}
}

static void explain_value(struct explain *x)
{
	struct env *env = x->env;
	struct verify_report *r = x->r;
	struct slice s = {.x = x};
	struct text t;

	r->reg = explain_register(env);
	if (env->reason == REASON_REF_LEAK || env->reason == REASON_LOCK ||
	    env->reason == REASON_RCU || env->reason == REASON_IRQ) {
		path_new(env, &x->path);
		slice_refs(&s);
	} else if (env->reason == REASON_INFINITE_LOOP || env->reason == REASON_TOO_LARGE) {
		r->reg = -1;
		path_new(env, &x->path);
		slice_loop(&s);
	} else if (r->reg >= 0) {
		x->reg = env_reg(env, r->reg);
		t = text_over(env, r->reg_state, sizeof(r->reg_state));
		if (x->reg->type == R_NOT_INIT)
			text_put(&t, "nothing: it was never set, or its value was lost");
		else
			text_reg(&t, state_frame(env->st), x->reg);
		path_new(env, &x->path);
		want(&s, env->st->cur, r->reg);
		slice_run(&s);
	}
	path_free(&x->path);
	explain_caret(r);
}

void explain(struct env *env)
{
	struct verify_report own, *r = env->image->report ? env->image->report : &own;
	struct explain x = {.env = env, .r = r};

	memset(r, 0, sizeof(*r));
	r->reg = -1;
	r->err = env->err;
	r->reason = verify_reason_name(env->reason);
	verify_reason_find(r->reason, &r->title, NULL);
	snprintf(r->message, sizeof(r->message), "%s", env->message);
	if (env->aux && env->at < env->n_insns && env->aux[env->at].id < ISA_COUNT) {
		explain_place(env, env->at, &r->place);
		if (env->st)
			explain_value(&x);
	}
	suggest(&x);
	diag_hint(env->diag, "%s", r->suggestion);
}
