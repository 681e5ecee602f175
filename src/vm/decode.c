/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/decode.c - from verified instructions to what an engine executes.
 *
 * Operands are resolved once: jumps become distances, maps and helpers addresses, context
 * accesses of unchecked programs move to where the engine keeps the field. One decoded
 * slot for each original one, so that an index means the same in both.
 */
#include "vm/prog.h"

#include <errno.h>
#include <stdlib.h>

struct decode {
	struct vm_prog *prog;
	uint8_t *ops; /* enum vm_op by slot */
	uint32_t n_calls;
	struct visor_diag *diag;
};

static int decode_fail(struct decode *d, int err, uint32_t i, const char *text)
{
	diag_fail(d->diag, err, "decode", "%s", text);
	diag_at(d->diag, "insn %u", i);
	return err;
}

struct vm_call vm_call_by_id(const struct vm_prog *prog, uint32_t id)
{
	const struct vm_host *host = prog->host;
	struct vm_call call = {.id = id};

	if (host && host->helper)
		call.fn = host->helper(host->user, prog->verified->type, id, &call.desc);
	if (!call.fn && (call.desc = catalog_helper(id)) && id != BPF_FUNC_tail_call)
		call.fn = vm_helper(id);
	return call;
}

static int decode_helper(struct decode *d, uint32_t i, struct vm_insn *out)
{
	struct vm_prog *prog = d->prog;
	struct vm_call call = vm_call_by_id(prog, (uint32_t)prog->verified->insns[i].imm);

	if (call.id == BPF_FUNC_tail_call && !call.fn) {
		d->ops[i] = VM_OP_TAIL_CALL;
	} else if (!call.fn) {
		diag_fail(d->diag, -EINVAL, "decode", "invalid func unknown#%u", call.id);
		diag_at(d->diag, "insn %u", i);
		return -EINVAL;
	}
	for (int a = 0; call.desc && a < 5; a++)
		if (call.desc->args[a] == ARG_FUNC)
			d->ops[i] = VM_OP_CALL_BACK;
	if (prog->mode == VM_CHECKED) {
		prog->calls[d->n_calls] = call;
		out->imm64 = (uintptr_t)&prog->calls[d->n_calls++];
	} else {
		out->imm64 = (uintptr_t)call.fn;
	}
	return 0;
}

static int decode_imm64(struct decode *d, uint32_t i, struct vm_insn *out)
{
	struct vm_prog *prog = d->prog;
	const struct bpf_insn *insn = &prog->verified->insns[i];
	uint32_t low = (uint32_t)insn->imm, high = (uint32_t)insn[1].imm;
	void *value;

	switch (d->ops[i]) {
	case ISA_LD_IMM64:
		out->imm64 = low | (uint64_t)high << 32;
		return 0;
	case ISA_LD_MAP_IDX:
		if (low >= prog->n_maps)
			break;
		out->imm64 = (uintptr_t)prog->maps[low];
		return 0;
	case ISA_LD_MAP_IDX_VALUE:
		value = low < prog->n_maps ? map_direct_value(prog->maps[low], high) : NULL;
		if (!value)
			break;
		out->imm64 = (uintptr_t)value;
		return 0;
	case ISA_LD_FUNC:
		out->imm64 = (uintptr_t)&prog->code[(int64_t)i + 1 + insn->imm];
		return 0;
	default:
		break;
	}
	return decode_fail(d, -EINVAL, i, "reference to a map or variable cannot be resolved");
}

/* A context access of an unchecked program: to the engine's copy of the field. */
static int decode_ctx(struct decode *d, uint32_t i, struct vm_insn *out)
{
	static const uint8_t sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};
	const struct verified *v = d->prog->verified;
	const struct bpf_insn *insn = &v->insns[i];
	int32_t at = v->facts[i].ctx_off;
	int form = isa_table[v->facts[i].id].form;
	bool write = form != ISA_FORM_LDX && form != ISA_FORM_LOAD_ACQ, pointer;
	int32_t shift;

	if (form == ISA_FORM_ATOMIC || form == ISA_FORM_LOAD_ACQ ||
	    !catalog_ctx_native(v->type, (uint32_t)at, sizes[BPF_SIZE(insn->code) >> 3], write,
				&shift, &pointer))
		return decode_fail(d, -EACCES, i, "invalid bpf_context access");
	/* The register holds context + (at - insn->off), which the new offset must keep. */
	out->off = insn->off + shift;
	if (pointer)
		d->ops[i] = ISA_LDX_DW;
	return 0;
}

static int decode_insn(struct decode *d, uint32_t i)
{
	const struct verified *v = d->prog->verified;
	const struct bpf_insn *insn = &v->insns[i];
	struct vm_insn *out = &d->prog->code[i];
	const int32_t size = sizeof(*out);

	d->ops[i] = v->facts[i].id;
	out->dst = insn->dst_reg;
	out->src = insn->src_reg;
	out->off = insn->off;
	out->imm = insn->imm;
	switch (isa_table[v->facts[i].id].form) {
	case ISA_FORM_ALU_RI:
		out->imm64 = (uint64_t)(int64_t)insn->imm;
		break;
	case ISA_FORM_CAST:
		return decode_fail(d, -EOPNOTSUPP, i, "this engine has no arenas yet");
	case ISA_FORM_JA:
	case ISA_FORM_JCOND:
	case ISA_FORM_JMP_RR:
	case ISA_FORM_JMP_RI:
		out->off = (insn->off + 1) * size;
		break;
	case ISA_FORM_JA32:
		out->off = (insn->imm + 1) * size;
		break;
	case ISA_FORM_CALL:
		if (d->ops[i] == ISA_CALL_HELPER)
			return decode_helper(d, i, out);
		if (d->ops[i] != ISA_CALL_LOCAL)
			return decode_fail(d, -EINVAL, i,
					   "calling kernel function is not supported");
		out->off = (insn->imm + 1) * size;
		break;
	case ISA_FORM_CALLX:
		/* Older compilers put the register into the immediate. */
		out->dst = insn->imm ? (uint8_t)insn->imm : insn->dst_reg;
		out->imm = out->dst;
		if (out->dst >= 10)
			return decode_fail(d, -EINVAL, i, "indirect call: no such register");
		break;
	case ISA_FORM_LD_IMM64:
		return decode_imm64(d, i, out);
	case ISA_FORM_ATOMIC:
	case ISA_FORM_LOAD_ACQ:
		out->imm = insn->dst_reg | insn->src_reg << 8;
		break;
	case ISA_FORM_LD_IND:
		out->off = insn->src_reg;
		break;
	default:
		break;
	}
	if (d->prog->mode == VM_CHECKED)
		return 0;
	if (v->facts[i].flags & VERIFIED_MAYBE_CTX)
		return decode_fail(d, -EOPNOTSUPP, i,
				   "may or may not access the context: only checked mode runs it");
	if (v->facts[i].flags & VERIFIED_CTX)
		return decode_ctx(d, i, out);
	return 0;
}

/* ---- checked mode: which registers an instruction needs and sets ------------------------------
 */

static struct isa_use decode_use_call(const struct decode *d, uint32_t i)
{
	const struct vm_insn *insn = &d->prog->code[i];
	struct isa_use use = {0, 1};

	switch (d->prog->verified->facts[i].id) {
	case ISA_CALL_LOCAL:
		use.writes = 0;
		break;
	case ISA_CALL_REG:
		use.reads = (uint16_t)(1 << insn->dst);
		break;
	default: {
		const struct helper *desc = ((const struct vm_call *)insn->imm64)->desc;

		for (int a = 0; desc && a < 5 && desc->args[a] != ARG_NONE; a++)
			use.reads |= (uint16_t)(2 << a);
		if (desc && desc->ret == RET_VOID)
			use.writes = 0;
	}
	}
	return use;
}

static bool decode_in_main(const struct decode *d, uint32_t i)
{
	return i < d->prog->verified->subprogs[0].end;
}

static struct isa_use decode_use(const struct decode *d, uint32_t i)
{
	int id = d->prog->verified->facts[i].id;

	switch (isa_table[id].form) {
	case ISA_FORM_CALL:
	case ISA_FORM_CALLX:
		return decode_use_call(d, i);
	case ISA_FORM_EXIT:
		/* A function need not return anything, a program must. */
		return (struct isa_use){decode_in_main(d, i) ? 1 : 0, 0};
	default:
		return isa_use(&d->prog->verified->insns[i], id);
	}
}

int vm_decode(struct vm_prog *prog, struct visor_diag *diag)
{
	struct decode d = {.prog = prog, .diag = diag};
	const struct verified *v = prog->verified;
	uint32_t n = v->n_insns, calls = 0;
	int err = 0;

	for (uint32_t i = 0; i < n; i++)
		calls += v->facts[i].id == ISA_CALL_HELPER;
	prog->code = aligned_alloc(64, ALIGN_UP(n * sizeof(*prog->code), (size_t)64));
	d.ops = malloc(n);
	if (prog->mode == VM_CHECKED) {
		prog->use = calloc(n, sizeof(*prog->use));
		prog->calls = calloc(calls + 1, sizeof(*prog->calls));
	}
	if (!prog->code || !d.ops || (prog->mode == VM_CHECKED && (!prog->use || !prog->calls))) {
		err = diag_fail(diag, -ENOMEM, "decode", "out of memory");
		goto out;
	}
	memset(prog->code, 0, n * sizeof(*prog->code));
	for (uint32_t i = 0; i < n && !err; i++) {
		/* What verification never came to may be anything; a run that does stops. */
		if (v->facts[i].id == ISA_COUNT || v->facts[i].flags & VERIFIED_DEAD) {
			d.ops[i] = VM_OP_NONE;
			continue;
		}
		err = decode_insn(&d, i);
		if (!err && prog->use)
			prog->use[i] = decode_use(&d, i);
	}
	if (!err)
		prog->engine->bind(prog, d.ops);
out:
	free(d.ops);
	return err;
}
