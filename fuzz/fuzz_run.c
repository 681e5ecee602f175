/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that only their structure was verified of, run in checked mode: whatever they
 * do, the process must survive, and what a run says must be true. Bytes are shaped into
 * instructions that pass the structure check most of the time:
 *
 *   byte 0: packet length    then 8 bytes for each instruction:
 *   row of the instruction table, dst, src, offset, 4 bytes immediate
 *
 * The last third is a function, which the rest calls, or passes to bpf_loop. Tail calls
 * lead to the programs of earlier inputs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INSNS 256

static const struct map_attr map_attrs[] = {
	{.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 24, .max_entries = 1},
	{.type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 4},
	{.type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 12, .max_entries = 4},
	{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096},
	{.type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2},
	{.type = BPF_MAP_TYPE_LPM_TRIE,
	 .key_size = 8,
	 .value_size = 4,
	 .max_entries = 8,
	 .flags = BPF_F_NO_PREALLOC},
};
#define N_MAPS ARRAY_SIZE(map_attrs)

static struct map *maps[N_MAPS];
static struct verify_map descs[N_MAPS];
static uint8_t frame[1024];
static struct visor_run run;
static struct vm_prog *earlier[2]; /* in the slots of the program array, by id */
static uint32_t last_id;

enum { ARRAY = 0, PROG_ARRAY = 4 }; /* indices of maps */

static void set_up(void)
{
	for (size_t i = 0; i < N_MAPS; i++) {
		if (map_new(&map_attrs[i], (uint32_t)i + 1, memfd_create("map", MFD_CLOEXEC),
			    &maps[i], NULL))
			abort();
		descs[i].desc = maps[i]->desc;
	}
	vm_run_init(&run);
}

/* What stands for one instruction that alone would hardly ever do anything. */
static uint32_t shape_loop(const uint8_t *in, struct bpf_insn *out)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2, .src_reg = BPF_PSEUDO_FUNC},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = in[4] & 7},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = in[5] & 1 ? 8 : 10},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_loop},
	};

	memcpy(out, insns, sizeof(insns));
	return ARRAY_SIZE(insns);
}

static uint32_t shape_tail_call(const uint8_t *in, struct bpf_insn *out)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 2,
		 .src_reg = BPF_PSEUDO_MAP_IDX,
		 .imm = PROG_ARRAY},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = in[4] % 3},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
	};

	memcpy(out, insns, sizeof(insns));
	return ARRAY_SIZE(insns);
}
#define SHAPE_MAX 6 /* slots of one shape */

/* One instruction with operands in range; jumps and calls are closed afterwards. Returns
 * slots. */
static uint32_t shape(const uint8_t *in, struct bpf_insn *out)
{
	int id = in[0] % ISA_COUNT;
	const struct isa_desc *desc = &isa_table[id];
	struct bpf_insn insn = {.code = desc->opcode};
	int32_t imm;

	if (id == ISA_LD_FUNC && in[1] & 3)
		return shape_loop(in, out);
	if (id == ISA_LD_MAP_FD)
		return shape_tail_call(in, out);
	memcpy(&imm, in + 4, sizeof(imm));
	if (desc->operands & ISA_DST)
		insn.dst_reg = in[1] % 10;
	if (desc->operands & ISA_SRC)
		insn.src_reg = in[2] % 11;
	if (desc->operands & ISA_OFF)
		insn.off = (int8_t)in[3];
	if (desc->operands & ISA_IMM)
		insn.imm = imm;
	if (desc->form == ISA_FORM_STX || desc->form == ISA_FORM_ST ||
	    desc->form == ISA_FORM_ATOMIC)
		insn.dst_reg = in[1] % 11;
	if (desc->selector == ISA_SRC)
		insn.src_reg = (uint8_t)desc->sel & 15;
	else if (desc->selector == ISA_OFF)
		insn.off = (int16_t)desc->sel;
	else if (desc->selector == ISA_IMM)
		insn.imm = desc->sel;
	if (id == ISA_CALL_HELPER) {
		insn.imm = (int32_t)((uint32_t)imm % 180);
		while (!catalog_helper((uint32_t)insn.imm))
			insn.imm++;
	}
	if (desc->form == ISA_FORM_ALU_RI && (strstr(desc->name, "SH") || !imm))
		insn.imm = 1 + (imm & 15); /* legal as shift amount and divisor */
	if (desc->form == ISA_FORM_ATOMIC)
		insn.src_reg %= 10; /* may be written */
	*out = insn;
	if (isa_slots(&insn) == 1)
		return 1;
	out[1] = (struct bpf_insn){.imm = (int32_t)in[3]};
	if (id == ISA_LD_MAP_IDX) {
		out[0].imm = (int32_t)(in[4] % N_MAPS);
		out[1].imm = 0;
	} else if (id == ISA_LD_MAP_IDX_VALUE) {
		out[0].imm = ARRAY;
		out[1].imm = in[3] % 24;
	}
	return 2;
}

/* In the function [from, n): forward jumps by a few instructions, backward where the bytes
 * say so; calls lead to the function at `callee`. True if there are any. */
static bool shape_targets(struct bpf_insn *insns, uint32_t from, uint32_t n, uint32_t callee)
{
	bool calls = false;

	for (uint32_t i = from; i < n; i += (uint32_t)isa_slots(&insns[i])) {
		int id = isa_lookup(&insns[i]);
		int64_t delta, to;

		if (id == ISA_CALL_LOCAL || id == ISA_LD_FUNC) {
			insns[i].imm = (int32_t)(callee - i - 1);
			calls = true;
		}
		if (!isa_jump(&insns[i], &delta))
			continue;
		to = delta < -120 ? (int64_t)i - 3 : (int64_t)i + 1 + (delta & 7);
		to = MAX((int64_t)from, MIN(to, (int64_t)n - 2));
		if (BPF_OP(insns[i].code) == BPF_JA) /* anything skipped would be unreachable */
			insns[i] = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		else
			insns[i].off = (int16_t)(to - i - 1);
	}
	return calls;
}

/* Instructions that are refused wherever they stand, or would end the program too early. */
static bool shape_refused(int id, bool skb, bool callee)
{
	switch (id) {
	case ISA_EXIT:
	case ISA_CALL_KFUNC:
	case ISA_CALL_REG:
	case ISA_LD_BTF_ID:
	case ISA_LD_MAP_VALUE:
		return true;
	case ISA_CALL_LOCAL: /* recursion */
		return callee;
	default:
		return isa_table[id].group == ISA_GROUP_PACKET && !skb;
	}
}

/* The instructions of one function, and its end; returns the index behind it. */
static uint32_t shape_function(const uint8_t *data, size_t size, bool skb, bool callee,
			       struct bpf_insn *insns, uint32_t n, uint32_t max)
{
	for (; size >= 8 && n < max - SHAPE_MAX - 2; data += 8, size -= 8)
		if (!shape_refused(data[0] % ISA_COUNT, skb, callee))
			n += shape(data, &insns[n]);
	insns[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	insns[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

static uint32_t shape_program(const uint8_t *data, size_t size, bool skb, struct bpf_insn *insns)
{
	static const struct bpf_insn head[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 7, .src_reg = 1, .off = 76},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 8, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 8, .imm = -64},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 9, .imm = 3},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 7},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 5},
		{.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 9, .off = -64},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0},
	};
	size_t first = size / 24 * 16; /* bytes of the main function */
	uint32_t start, n;

	memcpy(insns, head, sizeof(head));
	start = shape_function(data, first, skb, false, insns, ARRAY_SIZE(head), MAX_INSNS / 2);
	if (!shape_targets(insns, 0, start, start))
		return start;
	n = shape_function(data + first, size - first, skb, true, insns, start, MAX_INSNS);
	shape_targets(insns, start, n, start);
	return n;
}

static struct vm_prog *find_program(void *user, uint32_t id)
{
	struct vm_prog *prog = earlier[id % 2];

	return prog && vm_prog_id(prog) == id ? vm_prog_ref(prog) : NULL;
}

/* Later programs find this one in a slot of the program array; *prog is given away. */
static void keep_program(struct vm_prog *prog)
{
	uint32_t id = vm_prog_id(prog), slot = id % 2;

	vm_prog_unref(earlier[slot]);
	earlier[slot] = prog;
	vm_map_forget(maps[PROG_ARRAY]);
	if (map_user_update(maps[PROG_ARRAY], &slot, &id, BPF_ANY))
		abort();
}

static void run_once(const struct verified *v, uint32_t len)
{
	static const struct vm_host host = {.prog_by_id = find_program};
	struct vm_prog_attr attr = {.code = v,
				    .maps = maps,
				    .host = &host,
				    .mode = VM_CHECKED,
				    .id = ++last_id,
				    .name = "fuzz"};
	struct visor_packet pkt;
	struct vm_prog *prog;
	uint64_t ret;
	int err;

	if (vm_prog_new(&attr, &prog, NULL))
		return;
	visor_packet_init(&pkt, frame, sizeof(frame), 256, len);
	run.insn_limit = 20000;
	run.fault.text[0] = '\0';
	vm_enter(&run);
	err = vm_prog_run(prog, &run, &pkt, 0, &ret);
	vm_leave(&run);
	if (err && (err != -EFAULT || !run.fault.text[0] ||
		    (run.fault.prog_id == attr.id && run.fault.insn >= v->n_insns))) {
		fprintf(stderr, "error %d, fault at %u: \"%s\"\n", err, run.fault.insn,
			run.fault.text);
		abort();
	}
	if (pkt.start > pkt.meta || pkt.meta > pkt.data || pkt.data > pkt.end ||
	    pkt.end > pkt.stop || pkt.len != (uint32_t)(pkt.end - pkt.data)) {
		fprintf(stderr, "the packet's bounds are in disorder\n");
		abort();
	}
	keep_program(prog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_insn insns[MAX_INSNS];
	struct verify_image image = {.insns = insns,
				     .maps = descs,
				     .n_maps = N_MAPS,
				     .gpl = true,
				     .structure_only = true};
	const struct verified *v;

	if (!maps[0])
		set_up();
	if (!size)
		return 0;
	image.type = catalog_prog(data[0] & 1 ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP);
	image.n_insns = shape_program(data + 1, size - 1, data[0] & 1, insns);
	if (!(data[0] & 1))
		insns[1].off = 0; /* data is the first field of struct xdp_md */
	if (verify_image(&image, &v, NULL))
		return 0;
	run_once(v, data[0]);
	verified_unref(v);
	return 0;
}
