/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit/build.c - from instructions to static single assignment form.
 *
 * Where paths meet, each register that is still read gets a phi; those that turn out to have
 * one value are dropped afterwards. Blocks are filled in reverse postorder, so a block with
 * one predecessor simply begins with what that one ended with.
 */
#include "jit/build.h"

#include <errno.h>
#include <string.h>

#include "visor/packet.h"

/* ---- what each arithmetic instruction becomes ---------------------------------------------- */

struct lower {
	uint8_t op, wide, size;
};

#define LOWER_ALU(name, op)                           \
	[ISA_##name##64_RR] = {op, true, 0},          \
	[ISA_##name##64_RI] = {op, true, 0},          \
	[ISA_##name##32_RR] = {op, false, 0},         \
	[ISA_##name##32_RI] = {op, false, 0},
#define LOWER_JMP(name, cond)                         \
	[ISA_##name##64_RR] = {cond, true, 0},        \
	[ISA_##name##64_RI] = {cond, true, 0},        \
	[ISA_##name##32_RR] = {cond, false, 0},       \
	[ISA_##name##32_RI] = {cond, false, 0},
#define LOWER_MEM(name, size)                         \
	[ISA_LDX_##name] = {IR_LOAD, true, size},     \
	[ISA_STX_##name] = {IR_STORE, true, size},    \
	[ISA_ST_##name] = {IR_STORE, true, size},     \
	[ISA_LOAD_ACQ_##name] = {IR_LOAD, true, size}, \
	[ISA_STORE_REL_##name] = {IR_STORE, true, size},
#define LOWER_ATOMIC(name, kind)                      \
	[ISA_##name##64] = {kind, true, 8},           \
	[ISA_##name##32] = {kind, false, 4},

static const struct lower lower[ISA_COUNT] = {
	LOWER_ALU(ADD, IR_ADD) LOWER_ALU(SUB, IR_SUB) LOWER_ALU(MUL, IR_MUL)
	LOWER_ALU(DIV, IR_UDIV) LOWER_ALU(SDIV, IR_SDIV) LOWER_ALU(MOD, IR_UMOD)
	LOWER_ALU(SMOD, IR_SMOD) LOWER_ALU(OR, IR_OR) LOWER_ALU(AND, IR_AND)
	LOWER_ALU(XOR, IR_XOR) LOWER_ALU(LSH, IR_SHL) LOWER_ALU(RSH, IR_SHR)
	LOWER_ALU(ARSH, IR_SAR) LOWER_ALU(MOV, IR_ZEXT)
	[ISA_NEG64] = {IR_NEG, true, 0},
	[ISA_NEG32] = {IR_NEG, false, 0},
	[ISA_MOVSX8_64] = {IR_SEXT, true, 1},
	[ISA_MOVSX16_64] = {IR_SEXT, true, 2},
	[ISA_MOVSX32_64] = {IR_SEXT, true, 4},
	[ISA_MOVSX8_32] = {IR_SEXT, false, 1},
	[ISA_MOVSX16_32] = {IR_SEXT, false, 2},
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	[ISA_LE16] = {IR_ZEXT, true, 2},
	[ISA_LE32] = {IR_ZEXT, true, 4},
	[ISA_LE64] = {IR_ZEXT, true, 8},
	[ISA_BE16] = {IR_BSWAP, true, 2},
	[ISA_BE32] = {IR_BSWAP, true, 4},
	[ISA_BE64] = {IR_BSWAP, true, 8},
#endif
	[ISA_BSWAP16] = {IR_BSWAP, true, 2},
	[ISA_BSWAP32] = {IR_BSWAP, true, 4},
	[ISA_BSWAP64] = {IR_BSWAP, true, 8},
	LOWER_JMP(JEQ, C_EQ) LOWER_JMP(JNE, C_NE) LOWER_JMP(JGT, C_GT) LOWER_JMP(JGE, C_GE)
	LOWER_JMP(JLT, C_LT) LOWER_JMP(JLE, C_LE) LOWER_JMP(JSGT, C_SGT) LOWER_JMP(JSGE, C_SGE)
	LOWER_JMP(JSLT, C_SLT) LOWER_JMP(JSLE, C_SLE) LOWER_JMP(JSET, C_SET)
	LOWER_MEM(B, 1) LOWER_MEM(H, 2) LOWER_MEM(W, 4) LOWER_MEM(DW, 8)
	[ISA_LDXS_B] = {IR_LOAD, true, 1},
	[ISA_LDXS_H] = {IR_LOAD, true, 2},
	[ISA_LDXS_W] = {IR_LOAD, true, 4},
	LOWER_ATOMIC(ATOMIC_ADD, A_ADD) LOWER_ATOMIC(ATOMIC_OR, A_OR)
	LOWER_ATOMIC(ATOMIC_AND, A_AND) LOWER_ATOMIC(ATOMIC_XOR, A_XOR)
	LOWER_ATOMIC(FETCH_ATOMIC_ADD, A_ADD) LOWER_ATOMIC(FETCH_ATOMIC_OR, A_OR)
	LOWER_ATOMIC(FETCH_ATOMIC_AND, A_AND) LOWER_ATOMIC(FETCH_ATOMIC_XOR, A_XOR)
	LOWER_ATOMIC(XCHG, A_XCHG) LOWER_ATOMIC(CMPXCHG, A_CMPXCHG)
};

/* ---- nodes ----------------------------------------------------------------------------------- */

struct ir_node *build_node(struct build *b, enum ir_op op, uint32_t n_args)
{
	struct ir_node *n = ir_new(b->f, op, n_args);

	n->insn = b->insn;
	ir_append(b->at, n);
	return n;
}

struct ir_node *build_const(struct build *b, int64_t imm)
{
	struct ir_node *n = build_node(b, IR_CONST, 0);

	n->imm = imm;
	return n;
}

struct ir_node *build_sym(struct build *b, enum ir_sym sym, uint32_t index, const void *address)
{
	struct ir_node *n = build_const(b, (int64_t)(uintptr_t)address);

	n->sym = sym;
	n->index = index;
	return n;
}

struct ir_node *build_op(struct build *b, enum ir_op op, bool wide, struct ir_node *x,
			 struct ir_node *y)
{
	struct ir_node *n = build_node(b, op, y ? 2 : 1);

	n->wide = wide;
	n->arg[0] = x;
	if (y)
		n->arg[1] = y;
	return n;
}

struct ir_node *build_load(struct build *b, struct ir_node *address, int64_t off, uint8_t size)
{
	struct ir_node *n = build_node(b, IR_LOAD, 1);

	n->arg[0] = address;
	n->imm = off;
	n->size = size;
	return n;
}

static void build_return(struct build *b, struct ir_node *value)
{
	struct ir_node *n = build_node(b, IR_RETURN, 1);

	n->arg[0] = value;
}

/* ---- control flow ---------------------------------------------------------------------------- */

/* What blocks know of their variables hangs on their live_in until that is needed. */
static struct ir_node **vars_of(struct ir_block *block)
{
	return block->live_in;
}

void build_go_on(struct build *b, struct ir_block *in)
{
	struct ir_node **var = jit_alloc(b->f->temp, VAR_COUNT * sizeof(*var));

	if (!var) {
		b->f->failed = true;
		return;
	}
	if (b->var)
		memcpy(var, b->var, VAR_COUNT * sizeof(*var));
	b->at = in;
	b->var = in->live_in = var;
}

void build_branch(struct build *b, enum ir_cond cond, bool wide, struct ir_node *x,
		  struct ir_node *y, struct ir_block **yes, struct ir_block **no)
{
	struct ir_node *n = build_op(b, IR_BRANCH, wide, x, y);
	struct ir_block *from = b->at;

	n->cond = cond;
	*yes = ir_block_new(b->f);
	*no = ir_block_new(b->f);
	ir_edge(b->f, from, *yes);
	ir_edge(b->f, from, *no);
}

void build_jump(struct build *b, struct ir_block *to)
{
	build_node(b, IR_JUMP, 0);
	ir_edge(b->f, b->at, to);
}

/* ---- instructions ---------------------------------------------------------------------------- */

static int build_fail(struct build *b, int err, const char *text)
{
	diag_fail(b->diag, err, "compile", "%s", text);
	diag_at(b->diag, "insn %u", b->insn);
	return err;
}

static void build_alu(struct build *b, const struct bpf_insn *insn, int id)
{
	struct lower l = lower[id];
	bool imm = isa_table[id].form == ISA_FORM_ALU_RI;
	struct ir_node *x = b->var[insn->dst_reg], *y, *n;

	if (l.op == IR_ZEXT && (isa_table[id].form == ISA_FORM_ALU_RR || imm)) { /* a move */
		y = imm ? build_const(b, insn->imm) : b->var[insn->src_reg];
		if (!l.wide)
			y = build_op(b, IR_ZEXT, true, y, NULL), y->size = 4;
		b->var[insn->dst_reg] = y;
		return;
	}
	switch (l.op) {
	case IR_SEXT:
		n = build_op(b, l.op, l.wide, b->var[insn->src_reg], NULL);
		break;
	case IR_NEG:
	case IR_ZEXT:
	case IR_BSWAP:
		if (l.op == IR_ZEXT && l.size == 8)
			return;
		n = build_op(b, l.op, l.wide, x, NULL);
		break;
	default:
		y = imm ? build_const(b, insn->imm) : b->var[insn->src_reg];
		n = build_op(b, l.op, l.wide, x, y);
	}
	n->size = l.size;
	b->var[insn->dst_reg] = n;
}

/* Offset and width of an access through the context, which looks different in the engine. */
static int build_ctx(struct build *b, const struct bpf_insn *insn, uint8_t *size, int64_t *off)
{
	const struct verified *v = b->p->code;
	const struct verified_insn *fact = &v->facts[b->insn];
	int form = isa_table[fact->id].form;
	bool write = form != ISA_FORM_LDX && form != ISA_FORM_LOAD_ACQ, pointer;
	int32_t shift;

	if (fact->flags & VERIFIED_MAYBE_CTX)
		return build_fail(b, -EOPNOTSUPP,
				  "may or may not access the context: only checked mode runs it");
	if (!(fact->flags & VERIFIED_CTX))
		return 0;
	if (form == ISA_FORM_ATOMIC || form == ISA_FORM_LOAD_ACQ ||
	    !catalog_ctx_native(v->type, (uint32_t)(int32_t)fact->ctx_off, *size, write, &shift,
				&pointer))
		return build_fail(b, -EACCES, "invalid bpf_context access");
	*off = insn->off + shift;
	if (pointer)
		*size = 8;
	return 0;
}

static int build_memory(struct build *b, const struct bpf_insn *insn, int id)
{
	int form = isa_table[id].form;
	uint8_t size = lower[id].size;
	int64_t off = insn->off;
	struct ir_node *n, *value;
	int err = build_ctx(b, insn, &size, &off);

	if (err)
		return err;
	if (form == ISA_FORM_LDX || form == ISA_FORM_LOAD_ACQ) {
		n = build_load(b, b->var[insn->src_reg], off, size);
		n->sign = BPF_MODE(insn->code) == BPF_MEMSX;
		n->ordered = form == ISA_FORM_LOAD_ACQ;
		n->shared = !(b->p->code->facts[b->insn].flags & VERIFIED_CTX);
		b->var[insn->dst_reg] = n;
		return 0;
	}
	value = form == ISA_FORM_ST ? build_const(b, insn->imm) : b->var[insn->src_reg];
	n = build_op(b, IR_STORE, true, b->var[insn->dst_reg], value);
	n->imm = off;
	n->size = size;
	n->ordered = form == ISA_FORM_ATOMIC;
	return 0;
}

static int build_atomic(struct build *b, const struct bpf_insn *insn, int id)
{
	struct lower l = lower[id];
	struct ir_node *n;

	if (l.op == IR_STORE)
		return build_memory(b, insn, id);
	if (b->p->code->facts[b->insn].flags & (VERIFIED_CTX | VERIFIED_MAYBE_CTX))
		return build_fail(b, -EACCES, "invalid bpf_context access");
	n = build_node(b, IR_ATOMIC, l.op == A_CMPXCHG ? 3 : 2);
	n->cond = l.op;
	n->wide = l.wide;
	n->size = l.size;
	n->imm = insn->off;
	n->fetch = l.op == A_CMPXCHG || insn->imm & BPF_FETCH;
	n->arg[0] = b->var[insn->dst_reg];
	n->arg[1] = b->var[insn->src_reg];
	if (l.op == A_CMPXCHG) {
		n->arg[2] = b->var[0];
		b->var[0] = n;
	} else if (n->fetch) {
		b->var[insn->src_reg] = n;
	}
	return 0;
}

static int build_imm64(struct build *b, const struct bpf_insn *insn, int id)
{
	const struct jit_program *p = b->p;
	uint32_t low = (uint32_t)insn->imm, high = (uint32_t)insn[1].imm;
	uint32_t n_maps = p->code->n_maps;
	struct ir_node *n = NULL;
	void *value;

	switch (id) {
	case ISA_LD_IMM64:
		n = build_const(b, (int64_t)(low | (uint64_t)high << 32));
		break;
	case ISA_LD_MAP_IDX:
		if (low < n_maps)
			n = build_sym(b, SYM_MAP, low, p->maps[low]);
		break;
	case ISA_LD_MAP_IDX_VALUE:
		value = low < n_maps ? map_direct_value(p->maps[low], high) : NULL;
		if (value)
			n = build_sym(b, SYM_VALUES, low, value);
		break;
	case ISA_LD_FUNC:
		n = build_sym(b, SYM_CODE, b->flow->subprog[b->insn + 1 + low], NULL);
		break;
	default:
		break;
	}
	if (!n)
		return build_fail(b, -EINVAL,
				  "reference to a map or variable cannot be resolved");
	b->var[insn->dst_reg] = n;
	return 0;
}

/* A run that was stopped in a call back goes no further. */
static void build_check_stopped(struct build *b)
{
	struct ir_node *stopped = build_load(b, b->run, b->p->env->run_stopped, 1);
	struct ir_block *yes, *no;

	stopped->shared = true;
	build_branch(b, C_NE, false, stopped, build_const(b, 0), &yes, &no);
	build_go_on(b, yes);
	build_return(b, build_const(b, 0));
	build_go_on(b, no);
}

/* A call of a C function; the caller sets the arguments, from arg[2] on. */
static struct ir_node *build_call(struct build *b, struct ir_node *function, uint32_t n_args)
{
	struct ir_node *n = build_node(b, IR_CALL, 2 + n_args);

	n->arg[0] = function;
	n->arg[1] = b->run;
	return n;
}

static struct ir_node *build_call_registers(struct build *b, struct ir_node *function,
					    uint32_t n_args)
{
	struct ir_node *n = build_call(b, function, n_args);

	for (uint32_t i = 0; i < n_args; i++)
		n->arg[2 + i] = b->var[1 + i];
	return n;
}

static struct ir_node *build_call_env(struct build *b, enum jit_symbol symbol, uint32_t n_args)
{
	const void *address = b->p->env->symbol[symbol];

	return build_call(b, build_sym(b, SYM_ENV, symbol, address), n_args);
}

static int build_helper(struct build *b, const struct bpf_insn *insn)
{
	const struct jit_program *p = b->p;
	const struct helper *desc = NULL;
	uint32_t id = (uint32_t)insn->imm;
	const void *fn = p->helper(p->user, id, &desc);
	bool back = false;

	if (!fn && id == BPF_FUNC_tail_call) {
		/* Functions may use up some of the tail calls that there are left. */
		bool known = p->code->n_subprogs == 1;
		struct ir_node *n = build_node(b, IR_TAIL, known ? 4 : 3);

		n->arg[0] = b->run;
		n->arg[1] = b->var[2];
		n->arg[2] = b->var[3];
		if (known)
			n->arg[3] = b->left;
		b->var[0] = build_const(b, 0);
		return 0;
	}
	if (!fn) {
		diag_fail(b->diag, -EINVAL, "compile", "invalid func unknown#%u", id);
		diag_at(b->diag, "insn %u", b->insn);
		return -EINVAL;
	}
	if (desc == catalog_helper(id) && inline_helper(b, id))
		return 0;
	for (int a = 0; desc && a < 5; a++)
		back |= desc->args[a] == ARG_FUNC;
	b->var[0] = build_call_registers(b, build_sym(b, SYM_HELPER, id, fn),
					 jit_helper_args(desc));
	if (back)
		build_check_stopped(b);
	return 0;
}

static void build_local_call(struct build *b, const struct bpf_insn *insn)
{
	uint32_t s = b->flow->subprog[b->insn + 1 + (uint32_t)insn->imm], n_args = 0;
	uint16_t reads = jit_flow_args(b->flow, s);
	struct ir_node *args[5], *n;

	for (uint32_t i = 0; i < 5; i++)
		if (reads & 2 << i)
			n_args = i + 1;
	for (uint32_t i = 0; i < n_args; i++)
		args[i] = reads & 2 << i ? b->var[1 + i] : build_const(b, 0);
	n = build_node(b, IR_CALLSUB, 1 + n_args);
	n->index = s;
	n->arg[0] = b->run;
	memcpy(&n->arg[1], args, n_args * sizeof(args[0]));
	b->var[0] = n;
}

static void build_indirect_call(struct build *b, const struct bpf_insn *insn)
{
	uint32_t reg = insn->imm ? (uint32_t)insn->imm : insn->dst_reg;
	struct ir_node *find = build_call_env(b, JIT_HELPER_BY_ID, 2);

	find->arg[2] = b->run;
	find->arg[3] = b->var[reg];
	b->var[0] = build_call_registers(b, find, 5);
	build_check_stopped(b);
}

/* The end of a classic packet access that the vm carries out: what is out of range ends the
 * function. */
static struct ir_node *build_packet_call(struct build *b, struct ir_node *off, uint8_t size)
{
	struct ir_node *call = build_call_env(b, JIT_PACKET_LOAD, 3);
	struct ir_block *fail, *on;

	call->arg[2] = b->run;
	call->arg[3] = off;
	call->arg[4] = build_const(b, size);
	build_branch(b, C_EQ, true, call, build_const(b, -1), &fail, &on);
	build_go_on(b, fail);
	build_return(b, build_const(b, 0));
	build_go_on(b, on);
	return call;
}

/* Classic packet access: in the common case a comparison and a load. */
static void build_packet(struct build *b, const struct bpf_insn *insn, int id)
{
	static const uint8_t sizes[] = {[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1};
	uint8_t size = sizes[BPF_SIZE(insn->code) >> 3];
	bool fixed = isa_table[id].form == ISA_FORM_LD_ABS;
	struct ir_node *off, *data, *end, *value, *phi, *slow_value = NULL;
	struct ir_block *fast, *slow, *on;

	off = build_const(b, (uint32_t)insn->imm);
	if (!fixed)
		off = build_op(b, IR_ADD, false, b->var[insn->src_reg], off);
	if (!b->p->code->type->packet) {
		b->var[0] = build_packet_call(b, off, size);
		return;
	}
	data = build_load(b, b->var[6], offsetof(struct visor_packet, data), 8);
	end = build_load(b, b->var[6], offsetof(struct visor_packet, end), 8);
	value = build_op(b, IR_ADD, true, off, build_const(b, size));
	build_branch(b, C_LE, true, value, build_op(b, IR_SUB, true, end, data), &fast, &slow);
	on = ir_block_new(b->f);
	build_go_on(b, slow);
	if (fixed && insn->imm >= 0) {
		build_return(b, build_const(b, 0));
	} else {
		slow_value = build_packet_call(b, off, size);
		build_jump(b, on);
	}
	build_go_on(b, fast);
	value = build_load(b, build_op(b, IR_ADD, true, data, off), 0, size);
	if (size > 1)
		value = build_op(b, IR_BSWAP, true, value, NULL), value->size = size;
	build_jump(b, on);
	build_go_on(b, on);
	if (slow_value) {
		phi = build_node(b, IR_PHI, 2);
		phi->arg[0] = slow_value;
		phi->arg[1] = value;
		value = phi;
	}
	b->var[0] = value;
}

/* Where the last instruction of the block goes: the edges exist, the node is still missing. */
static void build_end(struct build *b, const struct bpf_insn *insn, int id)
{
	struct ir_node *n, *x, *y;

	switch (isa_table[id].form) {
	case ISA_FORM_EXIT:
		build_return(b, b->var[0]);
		return;
	case ISA_FORM_JA:
	case ISA_FORM_JA32:
		build_node(b, IR_JUMP, 0);
		return;
	case ISA_FORM_JCOND:
		x = b->var[VAR_MAY_GOTO];
		b->var[VAR_MAY_GOTO] = build_op(b, IR_ADD, true, x, build_const(b, -1));
		y = build_const(b, 0);
		n = build_op(b, IR_BRANCH, true, x, y);
		n->cond = C_EQ;
		return;
	default:
		x = b->var[insn->dst_reg];
		y = isa_table[id].form == ISA_FORM_JMP_RI ? build_const(b, insn->imm)
							  : b->var[insn->src_reg];
		n = build_op(b, IR_BRANCH, lower[id].wide, x, y);
		n->cond = lower[id].op;
	}
}

static int build_insn(struct build *b, const struct bpf_insn *insn, int id)
{
	switch (isa_table[id].form) {
	case ISA_FORM_ALU_RR:
	case ISA_FORM_ALU_RI:
	case ISA_FORM_UNARY:
	case ISA_FORM_END:
		build_alu(b, insn, id);
		return 0;
	case ISA_FORM_LDX:
	case ISA_FORM_STX:
	case ISA_FORM_ST:
	case ISA_FORM_LOAD_ACQ:
		return build_memory(b, insn, id);
	case ISA_FORM_ATOMIC:
		return build_atomic(b, insn, id);
	case ISA_FORM_LD_IMM64:
		return build_imm64(b, insn, id);
	case ISA_FORM_LD_ABS:
	case ISA_FORM_LD_IND:
		build_packet(b, insn, id);
		return 0;
	case ISA_FORM_CALL:
		if (id == ISA_CALL_HELPER)
			return build_helper(b, insn);
		build_local_call(b, insn);
		return 0;
	case ISA_FORM_KFUNC:
		return build_fail(b, -EINVAL, "calling kernel function is not supported");
	case ISA_FORM_CALLX:
		build_indirect_call(b, insn);
		return 0;
	case ISA_FORM_CAST:
		return build_fail(b, -EOPNOTSUPP, "this engine has no arenas yet");
	default:
		return build_fail(b, -EINVAL, "there is no such instruction");
	}
}

/* ---- blocks ----------------------------------------------------------------------------------- */

static bool build_is_code(const struct build *b, uint32_t i)
{
	const struct verified_insn *fact = &b->p->code->facts[i];

	return fact->id != ISA_COUNT && !(fact->flags & VERIFIED_DEAD);
}

/* The block that begins at instruction i, found or made. */
static struct ir_block *build_block(struct build *b, uint32_t i)
{
	struct ir_block **at = &b->block_of[i - b->p->code->subprogs[b->f->subprog].start];

	if (!*at)
		*at = ir_block_new(b->f);
	return *at;
}

/* Edges of the block that begins at instruction `from`. What verification found that no path
 * takes is left out. Returns where the block ends. */
static uint32_t build_edges(struct build *b, uint32_t from)
{
	const struct verified *v = b->p->code;
	struct ir_block *block = build_block(b, from);
	uint32_t i = from, next = from;
	int form = 0;
	int64_t delta;

	do {
		i = next;
		next = i + (uint32_t)isa_slots(&v->insns[i]);
	} while (!b->flow->leader[next]);
	form = isa_table[v->facts[i].id].form;
	if (form == ISA_FORM_EXIT)
		return next;
	if (!isa_jump(&v->insns[i], &delta)) {
		if (build_is_code(b, next))
			ir_edge(b->f, block, build_block(b, next));
		return next;
	}
	if (form == ISA_FORM_JA || form == ISA_FORM_JA32 || build_is_code(b, (uint32_t)(i + 1 + delta)))
		ir_edge(b->f, block, build_block(b, (uint32_t)(i + 1 + delta)));
	if (form != ISA_FORM_JA && form != ISA_FORM_JA32 && build_is_code(b, i + 1))
		ir_edge(b->f, block, build_block(b, i + 1));
	return next;
}

/* The value that variable r has on all ways to the block, or NULL; it has at least two. */
static struct ir_node *build_agreed(const struct ir_block *block, uint32_t r)
{
	struct ir_node *value = NULL;

	for (uint32_t k = 0; k < block->n_preds; k++) {
		struct ir_node **var = vars_of(block->preds[k]);

		/* Back from a loop: not known yet. */
		if (!var || (value && var[r] != value))
			return NULL;
		value = var[r];
	}
	return value;
}

/* The values with which the block begins. */
static void build_begin(struct build *b, struct ir_block *block, uint16_t live)
{
	b->var = block->n_preds == 1 ? vars_of(block->preds[0]) : NULL;
	build_go_on(b, block);
	if (block->n_preds < 2 || b->f->failed)
		return;
	for (uint32_t r = 0; r < VAR_COUNT; r++) {
		struct ir_node *phi;

		if (r == VAR_FRAME)
			b->var[r] = b->frame;
		if (!(live & 1 << r) || r == VAR_FRAME)
			continue;
		b->var[r] = build_agreed(block, r);
		if (b->var[r])
			continue;
		phi = build_node(b, IR_PHI, block->n_preds);
		phi->index = r;
		b->var[r] = phi;
	}
}

static void build_entry(struct build *b)
{
	struct ir_node *n;

	build_go_on(b, b->f->blocks[0]);
	if (b->f->failed)
		return;
	for (uint32_t i = 0; i < 6; i++) {
		n = build_node(b, IR_PARAM, 0);
		n->imm = i;
		if (i < 5)
			b->var[1 + i] = n;
		else
			b->run = n;
		if (i == 2)
			b->left = n;
	}
	/* A program's third argument and those behind it are not passed. */
	n = build_const(b, 0);
	b->var[0] = n;
	for (uint32_t r = b->f->subprog ? 6 : 3; r < 10; r++)
		b->var[r] = n;
	b->var[VAR_MAY_GOTO] = build_const(b, b->p->env->may_goto);
	b->var[VAR_FRAME] = b->frame = build_node(b, IR_FRAME, 0);
	build_node(b, IR_JUMP, 0);
}

/* The helper is the catalog's, not one that the embedder put in its place. */
static bool build_is_own(const struct build *b, uint32_t i)
{
	const struct helper *desc = NULL;
	uint32_t id = (uint32_t)b->p->code->insns[i].imm;

	return b->p->helper(b->p->user, id, &desc) && desc == catalog_helper(id);
}

/* An array look-up at instruction i, done in place. If the next instruction, `last` of the block,
 * asks whether something was found, the two ways go where it leads: true, and b->at is NULL. */
static bool build_lookup(struct build *b, uint32_t i, struct ir_block **succ, uint32_t n_succ,
			 bool *found)
{
	const struct bpf_insn *ask = &b->p->code->insns[i + 1];
	struct ir_block *miss, *hit, *null, *on;
	struct ir_node *value = inline_lookup(b, &miss), *phi;

	*found = value != NULL;
	if (!value)
		return false;
	hit = b->at;
	if (n_succ == 2 && succ[0] != succ[1] && !b->flow->leader[i + 1] && b->flow->leader[i + 2] && !ask->imm &&
	    ask->dst_reg == 0 &&
	    (ask->code == (BPF_JMP | BPF_JEQ | BPF_K) || ask->code == (BPF_JMP | BPF_JNE | BPF_K))) {
		null = ask->code == (BPF_JMP | BPF_JEQ | BPF_K) ? succ[0] : succ[1];
		on = ask->code == (BPF_JMP | BPF_JEQ | BPF_K) ? succ[1] : succ[0];
		b->var[0] = value;
		build_node(b, IR_JUMP, 0);
		hit->succ[hit->n_succ++] = on;
		build_go_on(b, miss);
		b->var[0] = build_const(b, 0);
		build_node(b, IR_JUMP, 0);
		miss->succ[miss->n_succ++] = null;
		ir_pred_replace(succ[0], b->begun, succ[0] == on ? hit : miss);
		ir_pred_replace(succ[1], b->begun, succ[1] == on ? hit : miss);
		return true;
	}
	on = ir_block_new(b->f);
	build_jump(b, on);
	build_go_on(b, miss);
	phi = build_const(b, 0);
	build_jump(b, on);
	build_go_on(b, on);
	b->var[0] = build_op(b, IR_PHI, true, value, phi);
	return false;
}

static int build_fill(struct build *b, struct ir_block *block, uint32_t from)
{
	const struct verified *v = b->p->code;
	struct ir_block *succ[2] = {block->succ[0], block->succ[1]};
	uint32_t n_succ = block->n_succ;
	uint32_t i = from, next;
	int err = 0;

	b->insn = from;
	b->begun = block;
	build_begin(b, block, b->flow->live[from]);
	block->n_succ = 0;
	for (; !err; i = next) {
		int id = v->facts[i].id;
		int form = isa_table[id].form;
		bool last;

		next = i + (uint32_t)isa_slots(&v->insns[i]);
		last = b->flow->leader[next];
		b->insn = i;
		if (b->f->failed)
			return -ENOMEM;
		if (last && (form == ISA_FORM_EXIT || form == ISA_FORM_JA || form == ISA_FORM_JA32 ||
			     form == ISA_FORM_JCOND || form == ISA_FORM_JMP_RR ||
			     form == ISA_FORM_JMP_RI)) {
			if (n_succ == 2 || form == ISA_FORM_EXIT)
				build_end(b, &v->insns[i], id);
			else
				build_node(b, IR_JUMP, 0);
			break;
		}
		if (id == ISA_CALL_HELPER && v->insns[i].imm == BPF_FUNC_map_lookup_elem &&
		    build_is_own(b, i)) {
			bool found;

			if (build_lookup(b, i, succ, n_succ, &found))
				return b->f->failed ? -ENOMEM : 0;
			if (!found)
				err = build_insn(b, &v->insns[i], id);
		} else {
			err = build_insn(b, &v->insns[i], id);
		}
		if (last) {
			if (n_succ)
				build_node(b, IR_JUMP, 0);
			else /* nothing is ever executed behind it */
				build_return(b, build_const(b, 0));
			break;
		}
	}
	/* The edges belong to the block in which this one ended. */
	if (b->f->failed)
		return -ENOMEM;
	b->at->n_succ = n_succ;
	for (uint32_t k = 0; k < n_succ; k++) {
		b->at->succ[k] = succ[k];
		if (b->at != block)
			ir_pred_replace(succ[k], block, b->at);
	}
	return err;
}

/* Arguments of phis, now that all blocks have all their values. */
static void build_phis(struct build *b)
{
	for (uint32_t i = 0; i < b->f->n_order; i++) {
		struct ir_block *block = b->f->order[i];

		for (struct ir_node *n = block->first; n && n->op == IR_PHI; n = n->next)
			for (uint32_t k = 0; k < n->n_args; k++)
				if (!n->arg[k])
					n->arg[k] = vars_of(block->preds[k])[n->index];
	}
}

int jit_build(const struct jit_flow *flow, struct ir_func *f, struct visor_diag *diag)
{
	const struct verified_subprog *sub = &flow->p->code->subprogs[f->subprog];
	struct build b = {.p = flow->p, .flow = flow, .f = f, .diag = diag};
	struct ir_block *entry = ir_block_new(f);
	uint32_t *start;
	int err = 0;

	b.block_of = jit_alloc(f->temp, (sub->end - sub->start + 2) * sizeof(*b.block_of));
	if (!b.block_of || f->failed)
		return -ENOMEM;
	ir_edge(f, entry, build_block(&b, sub->start));
	for (uint32_t i = sub->start; i < sub->end;)
		if (flow->leader[i] && build_is_code(&b, i))
			i = build_edges(&b, i);
		else
			i++;
	ir_order(f);
	if (f->failed)
		return -ENOMEM;
	/* Where each block begins, by its id. */
	start = jit_alloc(f->temp, f->n_blocks * sizeof(*start));
	if (!start)
		return -ENOMEM;
	for (uint32_t i = sub->start; i < sub->end; i++) {
		struct ir_block *block = b.block_of[i - sub->start];

		if (block && block->order)
			start[block->id] = i;
	}
	build_entry(&b);
	for (uint32_t i = 1, n = f->n_order; i < n && !err; i++)
		err = f->failed ? -ENOMEM : build_fill(&b, f->order[i], start[f->order[i]->id]);
	if (err)
		return err;
	ir_order(f);
	if (f->failed)
		return -ENOMEM;
	build_phis(&b);
	for (uint32_t i = 0; i < f->n_order; i++)
		f->order[i]->live_in = NULL;
	return f->failed ? -ENOMEM : 0;
}
