/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm/run.c - starting runs: from outside, across modes, and back from helpers.
 *
 * Invariant: run->frame is the frame of the innermost running function; an engine runs
 * from it until the exit of the frame whose `ret` is NULL.
 */
#include "vm/prog.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>

void vm_run_init(struct visor_run *run)
{
	memset(run, 0, sizeof(*run));
	for (int i = 0; i < VM_MAX_FRAMES; i++)
		run->frames[i].run = run;
	run->frame = run->frames;
	run->insn_limit = VM_INSN_LIMIT;
}

int vm_run_allow(struct visor_run *run, void *start, uint32_t size, bool writable, const char *what)
{
	if (run->n_regions == VM_MAX_REGIONS)
		return -ENOSPC;
	run->regions[run->n_regions++] = (struct vm_region){
		.start = start, .size = size, .writable = writable, .what = what};
	return 0;
}

/* What holds from the first run of a batch to the last. */
static inline void run_begin(struct visor_run *run, const struct vm_prog *prog)
{
	run->prog = prog;
	run->mode = prog->mode;
	run->stopped = false;
	run->frame = run->frames;
}

int vm_prog_run(const struct vm_prog *prog, struct visor_run *run, void *ctx, uint64_t arg2,
		uint64_t *ret)
{
	uint64_t args[5] = {(uintptr_t)ctx, arg2};
	int err;

	if (prog->leaf && !vm_stats_on()) {
		*ret = prog->leaf((uintptr_t)ctx, arg2);
		return 0;
	}
	run_begin(run, prog);
	run->ctx = ctx;
	if (LIKELY(prog->plain) && !vm_stats_on()) {
		*ret = prog->plain((uintptr_t)ctx, arg2, 0, 0, 0, run);
		return UNLIKELY(run->stopped) ? -EFAULT : 0;
	}
	run->tail_calls = VM_MAX_TAIL_CALLS;
	vm_frame_open(run->frame);
	run->insns = 0;
	if (prog->mode == VM_CHECKED)
		args[0] = check_ctx(run, prog);
	if (!vm_stats_on())
		return prog->engine->run(run, prog->code, args, ret);
	vm_stats_start(run);
	err = prog->engine->run(run, prog->code, args, ret);
	vm_stats_stop(run);
	return err;
}

uint32_t vm_prog_run_batch(const struct vm_prog *prog, struct visor_run *run, void *const *ctx,
			   uint32_t n, uint64_t *ret)
{
	uint32_t i;

	if (!prog->native.mem || vm_stats_on() || !n) {
		for (i = 0; i < n && !vm_prog_run(prog, run, ctx[i], 0, &ret[i]); i++)
			;
		return i;
	}
	if (prog->leaf && !prog->batch) {
		for (i = 0; i < n; i++)
			ret[i] = prog->leaf((uintptr_t)ctx[i], 0);
		return n;
	}
	run_begin(run, prog);
	vm_frame_open(run->frame);
	if (prog->batch)
		return n + (int32_t)(prog->batch(ctx + n, ret + n, -8 * (int64_t)n, run) / 8);
	if (!prog->plain)
		return vm_native_enter_all(run, prog->code, ctx, n, ret, prog);
	for (i = 0; i < n; i++) {
		run->ctx = ctx[i];
		ret[i] = prog->plain((uintptr_t)ctx[i], 0, 0, 0, 0, run);
		if (UNLIKELY(run->stopped))
			break;
	}
	return i;
}

int vm_run_nested(struct visor_run *run, const struct vm_prog *prog, uint64_t *ret)
{
	const struct vm_insn *back = run->frame->ret;
	const struct vm_prog *from = run->prog;
	uint64_t args[5] = {(uintptr_t)run->ctx};
	int err;

	run->frame->ret = NULL;
	run->prog = prog;
	run->mode = prog->mode;
	if (prog->mode == VM_CHECKED)
		args[0] = check_ctx(run, prog);
	err = prog->engine->run(run, prog->code, args, ret);
	run->frame->ret = back;
	run->mode = from->mode;
	if (run->clock)
		vm_stats_switch(run, from, false);
	run->prog = from;
	return err;
}

uint64_t vm_call_back(struct visor_run *run, uint64_t func, uint64_t a1, uint64_t a2, uint64_t a3,
		      uint64_t a4, uint64_t a5)
{
	const uint64_t args[5] = {a1, a2, a3, a4, a5};
	const struct vm_prog *prog = run->prog;
	struct vm_frame *frame = run->frame + 1;
	uint64_t ret = 0;

	if (run->stopped)
		return 0;
	if (frame == run->frames + VM_MAX_FRAMES) {
		check_fail(run, "more than %d nested calls", VM_MAX_FRAMES);
		check_stop(run, prog, (const struct vm_insn *)func);
		return 0;
	}
	vm_frame_open(frame);
	run->frame = frame;
	if (prog->engine->run(run, (const struct vm_insn *)func, args, &ret))
		ret = 0;
	run->frame = frame - 1;
	run->prog = prog;
	return ret;
}

/*
 * The bytes at `off` of the packet, in network order. Negative offsets count from the start
 * of the frame or of the network header, as in the kernel; the latter follows an Ethernet
 * header here.
 */
bool vm_packet_load(const struct visor_run *run, int32_t off, uint32_t size, uint64_t *value)
{
	const struct visor_packet *pkt = run->ctx;
	int64_t at = off, len;

	if (!run->prog->verified->type->packet)
		return false;
	if (off < 0 && off >= SKF_NET_OFF)
		at = (int64_t)off - SKF_NET_OFF + ETH_HLEN;
	else if (off < 0 && off >= SKF_LL_OFF)
		at = (int64_t)off - SKF_LL_OFF;
	len = pkt->end - pkt->data;
	if (at < 0 || at + size > len)
		return false;
	*value = 0;
	for (uint32_t i = 0; i < size; i++)
		*value = *value << 8 | pkt->data[at + i];
	return true;
}
