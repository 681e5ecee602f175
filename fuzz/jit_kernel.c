/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz/jit_kernel.c - the kernel's side (jit_kernel.h).
 *
 * The kernel's maps get the entries that ours have before a run. Ring buffers are only emptied:
 * where in them records are is of no interest.
 */
#include "jit_kernel.h"

#include <linux/if_ether.h>
#include <stdio.h>
#include <sys/mman.h>

/* After isa/insn.h, which has no INSN in the end. */
#include "../tests/kernel.h"

enum { RING_SIZE = 4096, OUT_MAX = 8192 };

static int prog_fd = -1;
static struct {
	int fd;
	volatile unsigned long *consumer;
	const volatile unsigned long *producer;
} ring = {.fd = -1};

void kernel_side_init(void)
{
	kernel_needed();
}

/* ---- loading ----------------------------------------------------------------------------------
 */

/* What does the same in both, whatever happens. */
static bool helper_is_same(int32_t id)
{
	static const int32_t same[] = {
		BPF_FUNC_map_lookup_elem,      BPF_FUNC_map_update_elem,
		BPF_FUNC_map_delete_elem,      BPF_FUNC_loop,
		BPF_FUNC_ringbuf_output,       BPF_FUNC_csum_diff,
		BPF_FUNC_get_smp_processor_id, BPF_FUNC_skb_pull_data,
		BPF_FUNC_skb_load_bytes,       BPF_FUNC_skb_store_bytes,
		BPF_FUNC_xdp_load_bytes,       BPF_FUNC_xdp_store_bytes,
		BPF_FUNC_xdp_adjust_head,      BPF_FUNC_xdp_adjust_tail,
		BPF_FUNC_xdp_adjust_meta,      BPF_FUNC_map_lookup_percpu_elem,
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (same[i] == id)
			return true;
	return false;
}

/* Maps whose contents can be compared. */
static bool map_is_same(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_RINGBUF;
}

static bool comparable(const struct base *b, const struct programs_one *p)
{
	for (uint32_t i = 0; i < p->n; i += (uint32_t)isa_slots(&p->insns[i])) {
		const struct bpf_insn *in = &p->insns[i];

		if (in->code == (BPF_JMP | BPF_CALL) && in->src_reg != BPF_PSEUDO_CALL &&
		    (in->src_reg || !helper_is_same(in->imm)))
			return false;
		if (in->code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    (in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_VALUE) &&
		    ((uint32_t)in->imm >= b->world.n_maps ||
		     !map_is_same(b->world.view[in->imm].desc.type)))
			return false;
		/* What the kernel tries a program on has a socket; here nothing has. */
		if (in->code == (BPF_LDX | BPF_MEM | BPF_DW) &&
		    in->off == offsetof(struct __sk_buff, sk) &&
		    b->type->ctx_size == sizeof(struct __sk_buff))
			return false;
	}
	return true;
}

int kernel_side_take(const struct base *b, const struct programs_one *p)
{
	static struct bpf_insn insns[PROGRAMS_MAX];
	struct bpf_func_info info[PROGRAMS_FUNCS];
	uint32_t n_info = base_functions(b, p, info);
	union bpf_attr attr = {
		.prog_type = b->type->type,
		.insn_cnt = p->n,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)b->license,
		.expected_attach_type = b->attach_type,
		.prog_flags = b->flags,
	};

	/* Programs of these maps are not run alone. */
	if (b->type->type == BPF_PROG_TYPE_XDP &&
	    (b->attach_type == BPF_XDP_DEVMAP || b->attach_type == BPF_XDP_CPUMAP))
		return -EOPNOTSUPP;
	if (!comparable(b, p))
		return -EOPNOTSUPP;
	memcpy(insns, p->insns, p->n * sizeof(*insns));
	for (uint32_t i = 0; i < p->n; i += (uint32_t)isa_slots(&p->insns[i]))
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		     insns[i].src_reg == BPF_PSEUDO_MAP_VALUE))
			insns[i].imm = b->world.maps[insns[i].imm].fd;
	if (n_info) {
		attr.prog_btf_fd = (uint32_t)b->world.btf_fd;
		attr.func_info = (uintptr_t)info;
		attr.func_info_cnt = n_info;
		attr.func_info_rec_size = sizeof(*info);
	}
	prog_fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	return MIN(prog_fd, 0);
}

void kernel_side_leave(void)
{
	if (prog_fd >= 0)
		close(prog_fd);
	prog_fd = -1;
}

/* ---- maps -------------------------------------------------------------------------------------
 */

static int element(int cmd, int fd, const void *key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value};

	return kernel_bpf(cmd, &attr);
}

static void ring_empty(int fd)
{
	if (ring.fd != fd) {
		void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		void *behind = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);

		if (at == MAP_FAILED || behind == MAP_FAILED)
			return;
		ring.fd = fd;
		ring.consumer = at;
		ring.producer = behind;
	}
	*ring.consumer = *ring.producer;
}

/* To what ours has now. */
static void map_set(int fd, struct map *map)
{
	uint32_t key_size = ALIGN_UP(MAX(map->desc.key_size, 1U), 8);
	struct entries e;
	uint64_t key;

	if (map->desc.type == BPF_MAP_TYPE_RINGBUF) {
		ring_empty(fd);
		return;
	}
	if (map->desc.type == BPF_MAP_TYPE_HASH)
		while (!element(BPF_MAP_GET_NEXT_KEY, fd, NULL, &key))
			element(BPF_MAP_DELETE_ELEM, fd, &key, NULL);
	entries_read(map, &e);
	for (uint32_t i = 0; i < e.n; i++) {
		uint8_t *at = e.bytes + (size_t)i * e.size;

		element(BPF_MAP_UPDATE_ELEM, fd, at, at + key_size);
	}
	entries_free(&e);
}

/* Has it what ours has now? */
static bool map_same(int fd, struct map *map)
{
	uint32_t key_size = ALIGN_UP(MAX(map->desc.key_size, 1U), 8), n = 0;
	uint8_t value[1 << 12], key[8], *last = NULL;
	struct entries e;
	bool same = true;

	if (map->desc.type == BPF_MAP_TYPE_RINGBUF || map_user_value_size(map) > sizeof(value))
		return true;
	entries_read(map, &e);
	while (!element(BPF_MAP_GET_NEXT_KEY, fd, last, key)) {
		last = key;
		n++;
	}
	same = n == e.n;
	for (uint32_t i = 0; i < e.n && same; i++) {
		uint8_t *at = e.bytes + (size_t)i * e.size;

		same = !element(BPF_MAP_LOOKUP_ELEM, fd, at, value) &&
		       !memcmp(value, at + key_size, map_user_value_size(map));
	}
	entries_free(&e);
	return same;
}

/* ---- running ------------------------------------------------------------------------------------
 */

static const char *differs_xdp(const struct input *in, const struct outcome *ref,
			       struct outcome *out)
{
	static uint8_t data[OUT_MAX];
	const struct visor_packet *pkt = &in->pkt;
	struct xdp_md md = {.data = (uint32_t)(pkt->data - pkt->meta),
			    .data_end = (uint32_t)(pkt->end - pkt->meta)};
	struct xdp_md got = {0};
	union bpf_attr attr = {0};
	uint32_t size = (uint32_t)(ref->pkt.end - ref->pkt.meta);
	int err;

	attr.test.prog_fd = (uint32_t)prog_fd;
	attr.test.data_in = (uintptr_t)(in->bytes + (pkt->meta - sides_buffer));
	attr.test.data_size_in = md.data_end;
	attr.test.data_out = (uintptr_t)data;
	attr.test.data_size_out = sizeof(data);
	attr.test.ctx_in = (uintptr_t)&md;
	attr.test.ctx_size_in = sizeof(md);
	attr.test.ctx_out = (uintptr_t)&got;
	attr.test.ctx_size_out = sizeof(got);
	attr.test.repeat = 1;
	err = kernel_bpf(BPF_PROG_TEST_RUN, &attr);
	out->err = err;
	out->ret = attr.test.retval;
	if (err)
		return "the kernel does not run it";
	out->pkt.meta = ref->pkt.meta;
	out->pkt.data = ref->pkt.meta + got.data;
	out->pkt.end = ref->pkt.meta + got.data_end;
	memcpy(out->bytes + (ref->pkt.meta - sides_buffer), data,
	       MIN(size, attr.test.data_size_out));
	if (attr.test.retval != (uint32_t)ref->ret)
		return "the kernel's return value";
	if (got.data != ref->pkt.data - ref->pkt.meta || got.data_end != size ||
	    attr.test.data_size_out != size)
		return "the kernel's packet bounds";
	return memcmp(data, ref->bytes + (ref->pkt.meta - sides_buffer), size)
		       ? "the kernel's packet bytes"
		       : NULL;
}

static const char *differs_skb(const struct input *in, const struct outcome *ref,
			       struct outcome *out, bool l2)
{
	static uint8_t data[OUT_MAX];
	const struct visor_packet *pkt = &in->pkt;
	const uint8_t *start = pkt->data - (l2 ? 0 : ETH_HLEN);
	uint32_t size = (uint32_t)(ref->pkt.end - ref->pkt.data);
	struct __sk_buff skb = {
		.mark = pkt->mark, .priority = pkt->priority, .tstamp = pkt->tstamp};
	struct __sk_buff got = {0};
	union bpf_attr attr = {0};
	const uint8_t *frame = data + (l2 ? 0 : ETH_HLEN);

	memcpy(skb.cb, pkt->cb, sizeof(skb.cb));
	attr.test.prog_fd = (uint32_t)prog_fd;
	attr.test.data_in = (uintptr_t)(in->bytes + (start - sides_buffer));
	attr.test.data_size_in = (uint32_t)(pkt->end - start);
	attr.test.data_out = (uintptr_t)data;
	attr.test.data_size_out = sizeof(data);
	attr.test.ctx_in = (uintptr_t)&skb;
	attr.test.ctx_size_in = sizeof(skb);
	attr.test.ctx_out = (uintptr_t)&got;
	attr.test.ctx_size_out = sizeof(got);
	attr.test.repeat = 1;
	out->err = kernel_bpf(BPF_PROG_TEST_RUN, &attr);
	out->ret = attr.test.retval;
	out->pkt = ref->pkt;
	if (out->err)
		return "the kernel does not run it";
	memcpy(out->bytes + (ref->pkt.data - sides_buffer), frame, size);
	if (attr.test.retval != (uint32_t)ref->ret)
		return "the kernel's return value";
	if (attr.test.data_size_out != size + (l2 ? 0 : ETH_HLEN))
		return "the kernel's packet bounds";
	if (memcmp(frame, ref->pkt.data - sides_buffer + ref->bytes, size))
		return "the kernel's packet bytes";
	if (got.mark != ref->pkt.mark || got.priority != ref->pkt.priority ||
	    memcmp(got.cb, ref->pkt.cb, sizeof(got.cb)))
		return "the kernel's context";
	return NULL;
}

const char *kernel_side_differs(const struct stage *s, const struct base_image *m,
				const struct input *in, const struct outcome *reference,
				struct outcome *out)
{
	struct map *maps[WORLD_MAPS];
	uint32_t numbers[WORLD_MAPS], n = stage_maps(s, m, maps, numbers);
	const char *what;

	*out = *reference;
	stage_restore(s, m, in);
	for (uint32_t i = 0; i < n; i++)
		map_set(s->base->world.maps[numbers[i]].fd, maps[i]);
	if (s->base->type->type == BPF_PROG_TYPE_XDP)
		what = differs_xdp(in, reference, out);
	else
		what = differs_skb(in, reference, out,
				   s->base->type->type == BPF_PROG_TYPE_SCHED_CLS);
	stage_recall(s, m);
	for (uint32_t i = 0; i < n && !what; i++)
		if (!map_same(s->base->world.maps[numbers[i]].fd, maps[i]))
			what = "the kernel's contents of maps";
	return what;
}
