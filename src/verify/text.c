/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify/text.c - registers, slots, states and instructions in the form of the kernel's log.
 *
 * Tools parse this form: what is left out because it is the default, what is merged because it is
 * equal, and the order of everything, are as in Linux 6.18.
 */
#include "verify/text.h"

#include "isa/disasm.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- appending -------------------------------------------------------------------------- */

/* Room for `len` more characters and the 0. */
static bool text_room(struct text *t, size_t len)
{
	size_t cap = MAX(t->cap, (size_t)1024);
	char *buf;

	if (t->len + len < t->cap)
		return true;
	if (t->fixed) {
		t->lost = true;
		return false;
	}
	while (cap <= t->len + len)
		cap *= 2;
	buf = realloc(t->buf, cap);
	if (!buf) {
		t->lost = true;
		return false;
	}
	t->buf = buf;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const char *s, size_t len)
{
	if (!text_room(t, len)) {
		if (!t->fixed || !t->cap)
			return;
		len = t->cap - 1 - t->len;
	}
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void text_put(struct text *t, const char *fmt, ...)
{
	char piece[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	if (n > 0)
		text_add(t, piece, MIN((size_t)n, sizeof(piece) - 1));
}

static bool signed_is_small(int64_t v)
{
	return v >= INT16_MIN && v <= INT16_MAX;
}

void text_signed(struct text *t, int64_t v)
{
	if (signed_is_small(v))
		text_put(t, "%lld", (long long)v);
	else
		text_put(t, "0x%llx", (unsigned long long)v);
}

void text_unsigned(struct text *t, uint64_t v)
{
	text_put(t, v <= UINT16_MAX ? "%llu" : "0x%llx", (unsigned long long)v);
}

/* ---- registers -------------------------------------------------------------------------- */

/* Parts of a list in parentheses. */
struct parts {
	struct text *t;
	bool any;
};

static void part(struct parts *p)
{
	if (p->any)
		text_add(p->t, ",", 1);
	p->any = true;
}

struct bound {
	const char *name;
	uint64_t value;
	bool is_signed, shown;
};

/* What is printed in hex has 8 digits. */
static uint64_t bound32(int32_t v)
{
	return signed_is_small(v) ? (uint64_t)(int64_t)v : (uint32_t)v;
}

/* As numbers, not as bits. */
static bool bounds_equal(const struct bound *a, const struct bound *b)
{
	return a->value == b->value && (a->is_signed == b->is_signed || (int64_t)a->value >= 0);
}

/* Bounds that are not the default, those that are equal at once: "smin=umin=1,smax=7". Lower
 * bounds merge with lower ones only: they are at even places. */
static void text_bounds(struct parts *p, const struct range *r)
{
	const struct bound bounds[] = {
		{"smin", (uint64_t)r->smin, true, r->smin != INT64_MIN},
		{"smax", (uint64_t)r->smax, true, r->smax != INT64_MAX},
		{"umin", r->umin, false, r->umin != 0},
		{"umax", r->umax, false, r->umax != UINT64_MAX},
		{"smin32", bound32(r->s32_min), true, r->s32_min != INT32_MIN},
		{"smax32", bound32(r->s32_max), true, r->s32_max != INT32_MAX},
		{"umin32", r->u32_min, false, r->u32_min != 0},
		{"umax32", r->u32_max, false, r->u32_max != UINT32_MAX},
	};
	uint32_t done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		if (!bounds[i].shown || done >> i & 1)
			continue;
		part(p);
		text_put(p->t, "%s=", bounds[i].name);
		for (size_t j = i + 2; j < ARRAY_SIZE(bounds); j += 2)
			if (bounds[j].shown && !(done >> j & 1) &&
			    bounds_equal(&bounds[i], &bounds[j])) {
				text_put(p->t, "%s=", bounds[j].name);
				done |= 1U << j;
			}
		if (bounds[i].is_signed)
			text_signed(p->t, (int64_t)bounds[i].value);
		else
			text_unsigned(p->t, bounds[i].value);
	}
	if (r->bits.mask != UINT64_MAX) {
		part(p);
		text_put(p->t, "var_off=(0x%llx; 0x%llx)", (unsigned long long)r->bits.value,
			 (unsigned long long)r->bits.mask);
	}
}

static void text_ids(struct parts *p, const struct reg *r)
{
	if (r->id) {
		part(p);
		text_put(p->t, "id=%u", r->id & ~ID_ADD_CONST);
		if (r->type == R_SCALAR && r->id & ID_ADD_CONST)
			text_put(p->t, "%+d", r->off);
	}
	if (r->ref) {
		part(p);
		text_put(p->t, "ref_obj_id=%u", r->ref);
	}
	if (r->flags & F_NON_OWN) {
		part(p);
		text_put(p->t, "non_own_ref");
	}
}

static const char *dynptr_text(uint8_t type)
{
	static const char *const names[] = {
		[DYN_INVALID] = "<invalid>", [DYN_LOCAL] = "local", [DYN_RINGBUF] = "ringbuf",
		[DYN_SKB] = "skb",	     [DYN_XDP] = "xdp",	    [DYN_SKB_META] = "skb_meta",
		[DYN_FILE] = "file",
	};

	return type < ARRAY_SIZE(names) ? names[type] : "?";
}

/* Of maps that are inside of others only the layout is known. */
static bool map_has_name(const struct verify_image *image, const struct verify_map *map)
{
	return map >= image->maps && map < image->maps + image->n_maps;
}

static void text_pointer(struct parts *p, const struct reg *r)
{
	const struct map_desc *map;

	if (r->type == R_MAP_PTR || r->type == R_MAP_KEY || r->type == R_MAP_VALUE) {
		map = &r->map->desc;
		part(p);
		if (map->name[0] && map_has_name(p->t->image, r->map))
			text_put(p->t, "map=%s,", map->name);
		text_put(p->t, "ks=%u,vs=%u", map->key_size, map->value_size);
	}
	if (r->off) {
		part(p);
		text_put(p->t, "off=");
		text_signed(p->t, r->off);
	}
	if (r->type == R_PACKET || r->type == R_PACKET_META) {
		part(p);
		text_put(p->t, "r=");
		text_unsigned(p->t, (uint64_t)(int64_t)r->range);
	}
	if (r->type == R_MEM) {
		part(p);
		text_put(p->t, "sz=");
		text_unsigned(p->t, r->mem_size);
	}
	if (r->type == R_DYNPTR) {
		part(p);
		text_put(p->t, "type=%s", dynptr_text(r->dynptr.type));
	}
}

void text_reg(struct text *t, const struct frame *f, const struct reg *r)
{
	struct parts p = {.t = t};
	bool constant = range_is_const(&r->var);
	uint64_t value = r->var.bits.value;
	char name[64];

	if (r->type == R_SCALAR && r->precise)
		text_add(t, "P", 1);
	if (r->type == R_SCALAR && constant) {
		text_signed(t, (int64_t)value);
		return;
	}
	text_put(t, "%s", reg_type_text(r->type, r->flags, name, sizeof(name)));
	if (r->type == R_STACK) {
		if (r->frame != f->frameno)
			text_put(t, "[%u]", r->frame);
		if (constant) {
			text_signed(t, (int64_t)value + r->off);
			return;
		}
	}
	if (r->type == R_ARENA)
		return;
	if (r->type == R_BTF_ID && r->btf)
		text_put(t, "%s", btf_name(r->btf, r->btf_id));
	text_add(t, "(", 1);
	text_ids(&p, r);
	if (r->type != R_SCALAR)
		text_pointer(&p, r);
	if (!constant) {
		text_bounds(&p, &r->var);
	} else if (value) {
		part(&p);
		text_put(t, "imm=");
		text_signed(t, (int64_t)value);
	}
	text_add(t, ")", 1);
}

/* ---- the stack -------------------------------------------------------------------------- */

static int slot_off(uint32_t i)
{
	return -(int)(i + 1) * SLOT_BYTES;
}

static void text_iter(struct text *t, uint32_t i, const struct reg *r)
{
	static const char *const phases[] = {
		[ITER_NONE] = "<invalid>", [ITER_ACTIVE] = "active", [ITER_DRAINED] = "drained"};
	const char *name = r->iter.btf ? btf_name(r->iter.btf, r->iter.btf_id) : "";

	/* Its type is struct bpf_iter_NAME. */
	if (!strncmp(name, "bpf_", 4))
		name += 4;
	text_put(t, " fp%d=%s(ref_id=%u,state=%s,depth=%u)", slot_off(i), name, r->ref,
		 phases[r->iter.phase], r->iter.depth);
}

static void text_dynptr(struct text *t, uint32_t i, const struct reg *r)
{
	text_put(t, " fp%d=dynptr_%s(", slot_off(i), dynptr_text(r->dynptr.type));
	if (r->id)
		text_put(t, "id=%u,", r->id);
	if (r->ref)
		text_put(t, "ref_id=%u,", r->ref);
	/* In the kernel, too, this says no more than that it is the first slot. */
	text_put(t, "dynptr_id=1)");
}

/* The letters of the bytes, highest address first; of a narrow spill those above it. */
static void text_slot_bytes(struct text *t, uint32_t i, const uint8_t kind[SLOT_BYTES])
{
	static const char letters[] = "?rm0dif";
	char bytes[SLOT_BYTES + 1];
	int n = 0;

	for (int b = SLOT_BYTES - 1; b >= 0; b--) {
		if (kind[0] == SLOT_SPILL && kind[b] == SLOT_SPILL)
			break;
		bytes[n++] = kind[b] < sizeof(letters) - 1 ? letters[kind[b]] : '?';
	}
	bytes[n] = '\0';
	text_put(t, " fp%d=%s", slot_off(i), bytes);
}

/* r: what is in it, or NULL. Objects are told of at their first slot: that of the lowest address,
 * the highest index. */
static void text_slot(struct text *t, const struct frame *f, uint32_t i,
		      const uint8_t kind[SLOT_BYTES], const struct reg *r)
{
	if (get_u64(kind) == SLOT_KINDS(SLOT_INVALID))
		return;
	if (kind[0] == SLOT_DYNPTR && r) {
		if (r->dynptr.first_slot)
			text_dynptr(t, i, r);
	} else if (kind[0] == SLOT_ITER && r) {
		if (r->ref)
			text_iter(t, i, r);
	} else {
		text_slot_bytes(t, i, kind);
		if (kind[0] == SLOT_SPILL && r)
			text_reg(t, f, r);
	}
}

/* A packed register with its range. */
static const struct reg *text_unpack(const struct frame *f, const struct reg *r, struct reg *tmp)
{
	if (!r)
		return NULL;
	packed_unpack(tmp, f, r);
	return tmp;
}

static void text_stack(struct text *t, const struct frame *f, bool packed, uint64_t slots)
{
	uint8_t kind[SLOT_BYTES];
	struct reg tmp;

	for (uint32_t i = 0; i < f->n_slots; i++) {
		if (!(slots >> i & 1))
			continue;
		if (!packed) {
			text_slot(t, f, i, f->slots[i].kind, &f->slots[i].reg);
			continue;
		}
		put_u64(kind, packed_kinds(f, i));
		text_slot(t, f, i, kind, text_unpack(f, packed_slot(f, i), &tmp));
	}
}

void text_state(struct text *t, const struct state *s, uint32_t frame, uint16_t regs,
		uint64_t slots)
{
	const struct frame *f = s->frame[frame];
	struct reg tmp;
	bool any = false;

	if (frame)
		text_put(t, " frame%u:", frame);
	for (int i = 0; i < 11; i++) {
		const struct reg *r =
			s->packed ? text_unpack(f, packed_reg(f, i), &tmp) : &f->regs[i];

		if (!(regs >> i & 1) || !r || r->type == R_NOT_INIT)
			continue;
		text_put(t, " R%d=", i);
		text_reg(t, f, r);
	}
	text_stack(t, f, s->packed, slots);
	for (uint32_t i = 0; i < s->n_refs; i++) {
		if (!s->refs[i].id)
			continue;
		text_put(t, "%s%u", any ? "," : " refs=", s->refs[i].id);
		any = true;
	}
	if (f->callback)
		text_put(t, " cb");
	if (f->async_callback)
		text_put(t, " async_cb");
}

void text_reg_mask(struct text *t, uint16_t regs)
{
	for (int i = 0, n = 0; i < 11; i++)
		if (regs >> i & 1)
			text_put(t, "%sr%d", n++ ? "," : "", i);
}

void text_slot_mask(struct text *t, uint64_t slots)
{
	int n = 0;

	for (; slots; slots &= slots - 1)
		text_put(t, "%s%d", n++ ? "," : "", slot_off((uint32_t)__builtin_ctzll(slots)));
}

/* ---- instructions ----------------------------------------------------------------------- */

static const char *insn_helper(void *user, uint32_t id)
{
	const struct env *env = user;
	const struct verify_image *image = env->image;
	const struct helper *own = image->helper ? image->helper(image->user, id) : NULL;

	return own ? own->name : catalog_helper_name(id);
}

static const char *insn_kfunc(const struct env *env, const struct bpf_insn *insn)
{
	const struct verify_image *image = env->image;
	const struct btf *btf = NULL;
	const char *name;

	if (!insn->off)
		btf = image->target ? btf_target_vmlinux(image->target) : NULL;
	else if (insn->off > 0 && (uint32_t)insn->off < image->n_fd_array)
		btf = image->fd_array[insn->off];
	name = btf ? btf_name(btf, (uint32_t)insn->imm) : "";
	return name ? name : "";
}

int text_insn(struct text *t, const struct env *env, uint32_t i)
{
	const struct bpf_insn *insn = &env->insns[i];
	struct bpf_insn shown = *insn;
	int id = isa_lookup(insn);
	const struct isa_disasm_opts opts = {.helper = insn_helper, .user = (void *)env};
	char text[ISA_TEXT_MAX];
	int slots = 1;

	text_put(t, "(%02x) ", insn->code);
	if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
		text_put(t, "call %s#%d", insn_kfunc(env, insn), insn->imm);
	} else if (isa_slots(insn) == 2 && i + 1 < env->n_insns) {
		uint64_t value = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;

		/* Of a map, the kernel shows the address, or 0 to those who must not see it. */
		if (insn->src_reg == BPF_PSEUDO_MAP_IDX ||
		    insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
			value = 0;
		text_put(t, "r%u = 0x%llx", insn->dst_reg, (unsigned long long)value);
		slots = 2;
	} else {
		/* The kernel does not look at fields that have to be zero. */
		if (id < 0) {
			id = isa_lookup_opcode(insn);
			shown.off = 0;
		}
		if (id >= 0) {
			uint8_t fields = isa_table[id].operands | isa_table[id].selector;

			shown.dst_reg = fields & ISA_DST ? insn->dst_reg : 0;
			shown.src_reg = fields & ISA_SRC ? insn->src_reg : 0;
			shown.off = fields & ISA_OFF ? shown.off : 0;
			shown.imm = fields & ISA_IMM ? insn->imm : 0;
		}
		slots = isa_disasm(&shown, 1, 0, &opts, text, sizeof(text));
		text_put(t, "%s", text);
	}
	return slots;
}
