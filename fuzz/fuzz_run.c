/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that only their structure was verified of, run in checked mode: whatever they
 * do, the process must survive, and what a run says must be true. Bytes are shaped into
 * instructions that pass the structure check most of the time:
 *
 *   byte 0: packet length    then 8 bytes for each instruction:
 *   row of the instruction table, dst, src, offset, 4 bytes immediate
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
static struct map_desc descs[N_MAPS];
static uint8_t frame[1024];
static struct visor_run run;

static void set_up(void)
{
	for (size_t i = 0; i < N_MAPS; i++) {
		if (map_new(&map_attrs[i], (uint32_t)i + 1, memfd_create("map", MFD_CLOEXEC),
			    &maps[i], NULL))
			abort();
		descs[i] = maps[i]->desc;
	}
	vm_run_init(&run);
}

/* One instruction with operands in range; jumps are closed by shape_jumps. Returns slots. */
static uint32_t shape(const uint8_t *in, struct bpf_insn *out)
{
	int id = in[0] % ISA_COUNT;
	const struct isa_desc *desc = &isa_table[id];
	struct bpf_insn insn = {.code = desc->opcode};
	int32_t imm;

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
		out[0].imm = 0; /* the array of one value */
		out[1].imm = in[3] % 24;
	}
	return 2;
}

/* Forward jumps by a few instructions, backward where the bytes say so. */
static void shape_jumps(struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += (uint32_t)isa_slots(&insns[i])) {
		int64_t delta, to;

		if (!isa_jump(&insns[i], &delta))
			continue;
		to = delta < -120 ? (int64_t)i - 3 : (int64_t)i + 1 + (delta & 7);
		to = MAX(0, MIN(to, (int64_t)n - 2));
		if (BPF_OP(insns[i].code) == BPF_JA) /* anything skipped would be unreachable */
			insns[i] = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		else
			insns[i].off = (int16_t)(to - i - 1);
	}
}

/* Instructions that are refused wherever they stand, or would end the program too early. */
static bool shape_refused(int id, bool skb)
{
	switch (id) {
	case ISA_EXIT:
	case ISA_CALL_LOCAL:
	case ISA_CALL_KFUNC:
	case ISA_CALL_REG:
	case ISA_LD_FUNC:
	case ISA_LD_BTF_ID:
	case ISA_LD_MAP_FD:
	case ISA_LD_MAP_VALUE:
		return true;
	default:
		return isa_table[id].group == ISA_GROUP_PACKET && !skb;
	}
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
	uint32_t n = ARRAY_SIZE(head);

	memcpy(insns, head, sizeof(head));
	for (; size >= 8 && n < MAX_INSNS - 4; data += 8, size -= 8)
		if (!shape_refused(data[0] % ISA_COUNT, skb))
			n += shape(data, &insns[n]);
	insns[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	insns[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	shape_jumps(insns, n);
	return n;
}

static void run_once(const struct verified *v, uint32_t len)
{
	static const struct vm_host host;
	struct vm_prog_attr attr = {.code = v,
				    .maps = maps,
				    .host = &host,
				    .mode = VM_CHECKED,
				    .id = 7,
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
	if (err && (err != -EFAULT || !run.fault.text[0] || run.fault.insn >= v->n_insns)) {
		fprintf(stderr, "error %d, fault at %u: \"%s\"\n", err, run.fault.insn,
			run.fault.text);
		abort();
	}
	if (pkt.start > pkt.meta || pkt.meta > pkt.data || pkt.data > pkt.end ||
	    pkt.end > pkt.stop || pkt.len != (uint32_t)(pkt.end - pkt.data)) {
		fprintf(stderr, "the packet's bounds are in disorder\n");
		abort();
	}
	vm_prog_unref(prog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_insn insns[MAX_INSNS];
	struct verify_image image = {.insns = insns, .maps = descs, .n_maps = N_MAPS, .gpl = true};
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
